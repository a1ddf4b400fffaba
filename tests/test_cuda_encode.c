/* Encoder states and unconditional logits of a device against the plain formulas in double, on
 * generated structures and weights: odd numbers of neighbours, more neighbours than resolved
 * residues, one residue, several chains, full backbones and CA alone. Skipped where there is no
 * device. */
#include "generated_network.h"
#include "reference/reference.h"

static void check(fmpnn_context *ctx, const fmpnn_model *model, const fmpnn_graph *graph,
                  double limit)
{
    size_t L = graph->L, K = graph->K;
    uint32_t *rows = malloc(L * sizeof *rows);
    float *h_V = malloc(L * WIDTH * sizeof *h_V),
          *h_E = malloc(L * K * WIDTH * sizeof *h_E);
    float *logits = malloc(L * FMPNN_LETTERS * sizeof *logits);
    double *want = malloc(L * FMPNN_LETTERS * sizeof *want);
    fmpnn_reference_options options = {.neighbour = graph->neighbour};
    fmpnn_reference64_encoding *reference;
    fmpnn_encoding *encoding;
    comparison nodes = {0}, edges = {0}, letters = {0};
    fmpnn_error err;
    assert_true(rows && h_V && h_E && logits && want);
    for (size_t i = 0; i < L; i++)
        rows[i] = (uint32_t)i;
    memset(h_V, 0xff, L * WIDTH * sizeof *h_V); /* NaN: what is not written is seen */
    memset(logits, 0xff, L * FMPNN_LETTERS * sizeof *logits);
    memset(h_E, 0xff, L * K * WIDTH * sizeof *h_E);
    if (fmpnn_reference64_encode(model, graph, &options, &reference, &err) ||
        fmpnn_reference64_logits(reference, NULL, NULL, want, NULL, &err) ||
        ctx->backend->encode(ctx, model, graph, &encoding, &err) ||
        ctx->backend->states(ctx, encoding, h_V, rows, L, h_E, &err) ||
        ctx->backend->logits(ctx, encoding, 1, NULL, NULL, logits, &err))
        fail_msg("%s", err.message);
    for (size_t n = 0; n < L * WIDTH; n++)
        compare(&nodes, h_V[n], reference->h_V[LAYERS][n]);
    for (size_t n = 0; n < L * K * WIDTH; n++)
        if (graph->mask[n / (K * WIDTH)] != 0)
            compare(&edges, h_E[n], reference->h_E[n]);
    for (size_t n = 0; n < L * FMPNN_LETTERS; n++)
        compare(&letters, logits[n], want[n]);
    judge(&nodes, "node states", L, K, limit);
    judge(&edges, "edge states", L, K, limit);
    judge(&letters, "logits", L, K, limit);
    ctx->backend->encoding_free(encoding);
    fmpnn_reference64_encoding_free(reference);
    free(want);
    free(logits);
    free(h_E);
    free(h_V);
    free(rows);
}

static void check_precision(const char *precision, double limit)
{
    static const struct {
        size_t L, k, unresolved;
        int chains;
    } cases[] = {
        {1, 48, 0, 1},  {3, 48, 0, 1},  {16, 16, 0, 1},  {20, 1, 0, 1},  {47, 5, 0, 1},
        {61, 17, 0, 2}, {50, 48, 2, 1}, {100, 48, 5, 2}, {75, 33, 9, 3}, {90, 64, 11, 1},
    };
    fmpnn_context *ctx;
    fmpnn_error err;
    if (open_device(precision, &ctx, &err))
        fail_msg("%s", err.message);
    for (int ca_only = 0; ca_only < 2; ca_only++) {
        fmpnn_model *model = make_model(ca_only);
        for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
            if (ca_only && cases[n].L < 3)
                continue;
            fmpnn_graph *graph = make_graph(cases[n].L, cases[n].k, cases[n].unresolved,
                                            cases[n].chains, ca_only);
            check(ctx, model, graph, limit);
            fmpnn_graph_free(graph);
        }
        fmpnn_model_free(model);
    }
    fmpnn_context_free(ctx);
}

static void test_split(void **unused)
{
    (void)unused;
    check_precision("fp32", 3e-5);
}

static void test_half(void **unused)
{
    (void)unused;
    check_precision("fp16", 6e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_half),
    };
    fmpnn_context *ctx;
    fmpnn_error err;
    if (open_device("fp32", &ctx, &err)) {
        print_message("skipped: %s\n", err.message);
        return 77;
    }
    fmpnn_context_free(ctx);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
