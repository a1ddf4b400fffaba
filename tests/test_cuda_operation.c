/* The message-passing operation of a device against the plain formulas in double: no
 * neighbour lost for any k, the same bits whatever travels along. And a failure planted
 * into every CUDA call of every question. Skipped where there is no device.
 *
 * Tests whose names end in _once run each kind of kernel a time or two, which is what
 * compute-sanitizer has the patience for (tests/cuda_sanitize.sh). */
#include "cuda/plugin.h"
#include "generated_network.h"

static void *room(size_t count, size_t size)
{
    void *block = calloc(count + 1, size);
    assert_non_null(block);
    return block;
}

/* ---- a problem of any size ---- */

typedef struct problem {
    size_t B, L, D, k;
    float *array[10], *h, *X, *mask;
    int32_t *E;
    fmpnn_message_weights w;
} problem;

static float *random_floats(size_t count, double scale)
{
    float *data = room(count, sizeof *data);
    for (size_t n = 0; n < count; n++)
        data[n] = (float)(scale * normal());
    return data;
}

static problem make_problem(size_t B, size_t L, size_t D, size_t k, bool tanh_form)
{
    size_t H = 2 * D, nodes = B * L;
    double wide = 1 / sqrt((double)H), narrow = 1 / sqrt((double)D);
    problem p = {.B = B, .L = L, .D = D, .k = k};
    const size_t count[10] = {H * (H + 4), H, D * H, D, H * D, H, D * H, D, D, D};
    const double scale[10] = {wide, 0.3, wide, 0.3, narrow, 0.3, wide, 0.3, 1, 1};
    for (int n = 0; n < 10; n++)
        p.array[n] = random_floats(count[n], scale[n]);
    p.w = (fmpnn_message_weights){D,          p.array[0], p.array[1], p.array[2],
                                  p.array[3], p.array[4], p.array[5], p.array[6],
                                  p.array[7], p.array[8], p.array[9], tanh_form};
    p.h = random_floats(nodes * D, 1);
    p.X = random_floats(nodes * 3, 8);
    p.mask = random_floats(nodes, 1);
    p.E = room(nodes * k, sizeof *p.E);
    for (size_t n = 0; n < nodes * k; n++)
        p.E[n] = (int32_t)(uniform() * (double)L); /* repeats, and the node itself */
    for (size_t n = 0; n < nodes; n++)
        p.mask[n] = n % 5 == 3 ? 0 : n % 7 == 5 ? 0.25f : 1;
    return p;
}

static void free_problem(problem *p)
{
    for (int n = 0; n < 10; n++)
        free(p->array[n]);
    free(p->h);
    free(p->X);
    free(p->mask);
    free(p->E);
}

/* The result, freed by the caller; what is not written is NaN. */
static float *result(fmpnn_context *ctx, const problem *p)
{
    fmpnn_error err;
    fmpnn_message_pass *op;
    size_t count = p->B * p->L * p->D;
    float *out = room(count, sizeof *out);
    memset(out, 0xff, count * sizeof *out);
    if (fmpnn_message_pass_create(ctx, &p->w, p->B * p->L, p->k, &op, &err) ||
        fmpnn_message_pass_run(op, p->B, p->L, p->h, p->X, p->E, p->mask, out, &err))
        fail_msg("%s", err.message);
    fmpnn_message_pass_free(op);
    return out;
}

static const struct {
    const char *name;
    double limit;
} precisions[] = {{"fp32", 2e-6}, {"fp16", 1e-3}};

static fmpnn_context *open_reference(void)
{
    fmpnn_context_options plain = {.device = "reference", .threads = 1};
    fmpnn_context *reference;
    fmpnn_error err;
    assert_int_equal(fmpnn_context_create(&plain, &reference, &err), 0);
    return reference;
}

/* ---- right ---- */

typedef struct operation_case {
    size_t B, L, D, k;
    bool tanh_form;
} operation_case;

static void check_list(const operation_case *list, size_t cases)
{
    fmpnn_context *ctx[2], *reference = open_reference();
    fmpnn_error err;
    for (int n = 0; n < 2; n++)
        assert_int_equal(open_device(precisions[n].name, &ctx[n], &err), 0);
    for (size_t c = 0; c < cases; c++) {
        problem p =
            make_problem(list[c].B, list[c].L, list[c].D, list[c].k, list[c].tanh_form);
        float *want = result(reference, &p);
        for (int n = 0; n < 2; n++) {
            comparison difference = {0};
            char what[64];
            float *got = result(ctx[n], &p);
            for (size_t m = 0; m < p.B * p.L * p.D; m++)
                compare(&difference, got[m], want[m]);
            snprintf(what, sizeof what, "%s of B %zu, D %zu", precisions[n].name, p.B, p.D);
            judge(&difference, what, p.L, p.k, precisions[n].limit);
            free(got);
        }
        free(want);
        free_problem(&p);
    }
    for (int n = 0; n < 2; n++)
        fmpnn_context_free(ctx[n]);
    fmpnn_context_free(reference);
}

/* Widths with and without matrix instructions; few nodes and many; k about multiples of a
 * tile's 16 edges, about those of a pass, and more than there are residues. */
static void test_operation(void **unused)
{
    static const operation_case list[] = {
        {1, 106, 64, 12, false}, {1, 106, 64, 12, true},   {1, 106, 128, 48, false},
        {3, 37, 64, 7, false},   {2, 5, 64, 11, false},    {1, 1, 64, 1, false},
        {1, 90, 64, 133, true},  {2, 61, 128, 5, true},    {1, 7, 128, 131, false},
        {1, 700, 128, 3, false}, {3, 400, 64, 9, false},   {1, 19, 5, 3, false},
        {2, 11, 33, 4, true},    {1, 9, 200, 6, false},    {1, 1, 1, 1, false},
        {1, 40, 64, 15, false},  {1, 40, 64, 16, false},   {1, 40, 64, 17, false},
        {1, 40, 128, 31, true},  {1, 40, 128, 33, false},  {2, 29, 128, 1, false},
        {1, 5, 64, 300, false},  {27, 41, 128, 19, false}, {9, 121, 128, 33, true},
        {200, 7, 64, 11, false}, {4, 300, 64, 35, true},   {1, 5, 128, 300, false},
        {1, 1300, 64, 1, false}, {1, 1301, 128, 8, false}};
    (void)unused;
    check_list(list, sizeof list / sizeof *list);
}

/* k times one neighbour is that neighbour once. */
static void test_repeated_neighbours(void **unused)
{
    static const size_t widths[] = {64, 128, 24};
    fmpnn_context *ctx;
    fmpnn_error err;
    (void)unused;
    assert_int_equal(open_device("fp32", &ctx, &err), 0);
    for (int n = 0; n < 3; n++) {
        problem p = make_problem(2, 31, widths[n], 35, false), once = p;
        size_t count = 62 * widths[n];
        int32_t first[62];
        double worst = 0;
        for (size_t i = 0; i < 62; i++) {
            first[i] = p.E[i * 35];
            for (size_t m = 0; m < 35; m++)
                p.E[i * 35 + m] = first[i];
        }
        once.k = 1;
        once.E = first;
        float *many = result(ctx, &p), *one = result(ctx, &once);
        for (size_t m = 0; m < count; m++)
            worst = fmax(worst, fabs((double)many[m] - one[m]));
        assert_true(worst < 2e-5);
        free(one);
        free(many);
        free_problem(&p);
    }
    fmpnn_context_free(ctx);
}

/* ---- promises about bits ---- */

/* 90 elements at once, some alone, and all once more; the widest are sent in groups. */
static void test_bits_of_batch(void **unused)
{
    enum { B = 90, L = 61 };
    static const size_t widths[] = {64, 128, 24}, neighbours[] = {12, 37};
    fmpnn_context *ctx;
    fmpnn_error err;
    (void)unused;
    for (int n = 0; n < 12; n++) {
        problem p = make_problem(B, L, widths[n / 2 % 3], neighbours[n / 6], false), q = p;
        size_t each = L * p.D;
        assert_int_equal(open_device(precisions[n % 2].name, &ctx, &err), 0);
        float *want = result(ctx, &p), *again = result(ctx, &p);
        assert_memory_equal(again, want, B * each * sizeof *want);
        q.B = 1;
        for (size_t b = 0; b < B; b += 29) {
            q.h = p.h + b * each;
            q.X = p.X + b * L * 3;
            q.mask = p.mask + b * L;
            q.E = p.E + b * L * p.k;
            float *alone = result(ctx, &q);
            assert_memory_equal(alone, want + b * each, each * sizeof *want);
            free(alone);
        }
        free(again);
        free(want);
        fmpnn_context_free(ctx);
        free_problem(&p);
    }
}

/* ---- what cannot be ---- */

/* The message says how many nodes would do. */
static void test_no_memory(void **unused)
{
    fmpnn_context *ctx;
    fmpnn_error err;
    fmpnn_message_pass *op = NULL;
    problem p = make_problem(1, 3, 128, 2, false);
    (void)unused;
    assert_int_equal(open_device("fp32", &ctx, &err), 0);
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, INT32_MAX / 2, 48, &op, &err),
                     FMPNN_ENOMEM);
    assert_null(op);
    const char *nodes = strstr(err.message, "nodes would fit");
    if (!nodes)
        fail_msg("%s", err.message);
    float *out = result(ctx, &p); /* nothing is broken by it */
    assert_true(isfinite(out[0]));
    free(out);
    free_problem(&p);
    fmpnn_context_free(ctx);
}

/* The operation in its three ways; the first failure ends it. */
static fmpnn_status ask_operation(fmpnn_context *ctx, fmpnn_error *err)
{
    enum { FEW = 20, MANY = 1300, WIDEST = 64 };
    static float weights[4 * WIDEST * WIDEST + 8 * WIDEST], nodes[MANY * WIDEST],
        out[MANY * WIDEST];
    static int32_t E[MANY];
    static const size_t sizes[][2] = {{64, FEW}, {64, MANY}, {24, FEW}};
    fmpnn_status status = FMPNN_OK;
    for (int n = 0; n < 3 && !status; n++) {
        fmpnn_message_pass *op = NULL;
        fmpnn_message_weights w = {sizes[n][0], weights, weights, weights, weights, weights,
                                   weights,     weights, weights, weights, weights, false};
        status = fmpnn_message_pass_create(ctx, &w, sizes[n][1], 1, &op, err);
        if (!status)
            status = fmpnn_message_pass_run(op, 1, sizes[n][1], nodes, nodes, E, nodes, out,
                                            err);
        fmpnn_message_pass_free(op);
    }
    return status;
}

/* Everything that a program would ask for, `sequences` sampled, or, with 0, the operation
 * alone. */
static fmpnn_status ask_everything(const char *precision, const fmpnn_model *model,
                                   const fmpnn_graph *graph, size_t sequences,
                                   fmpnn_error *err)
{
    enum { LONGEST = 20, MOST = 4400, CELLS = 4400 * 4 };
    static float logits[LONGEST * FMPNN_LETTERS], more[CELLS * FMPNN_LETTERS];
    static float h_V[LONGEST * WIDTH], h_E[LONGEST * 48 * WIDTH];
    static uint8_t letters[CELLS], ones[LONGEST];
    static uint32_t order[LONGEST], start[LONGEST + 1];
    size_t L = graph->L;
    fmpnn_context *ctx = NULL;
    fmpnn_encoding *encoding = NULL;
    static fmpnn_draw_request request[MOST];
    assert_true(L <= LONGEST && sequences <= MOST && L * sequences <= CELLS);
    fmpnn_status status = open_device(precision, &ctx, err);
    for (uint32_t i = 0; i < L; i++) {
        order[i] = start[i] = i;
        ones[i] = 1;
    }
    start[L] = (uint32_t)L;
    fmpnn_rules rules = {.L = L,
                         .native = letters,
                         .resolved = ones,
                         .designed = ones,
                         .groups = L,
                         .start = start,
                         .member = order,
                         .group_of = order};
    for (size_t b = 0; b < sequences; b++)
        request[b] = (fmpnn_draw_request){.order = order,
                                          .temperature = 1,
                                          .letters = letters + b * L,
                                          .logits = more + b * L * FMPNN_LETTERS};
    if (!status)
        status = ask_operation(ctx, err);
    if (!status && sequences)
        status = ctx->backend->encode(ctx, model, graph, &encoding, err);
    if (!status && sequences)
        status = ctx->backend->states(ctx, encoding, h_V, order, 3, h_E, err);
    if (!status && sequences)
        status = ctx->backend->logits(ctx, encoding, 1, letters, order, logits, err);
    if (!status && sequences)
        status =
            ctx->backend->conditional(ctx, encoding, letters, order, ones, logits, err);
    if (!status && sequences)
        status = ctx->backend->sample(ctx, encoding, &rules, 0, sequences, request, err);
    if (ctx)
        ctx->backend->encoding_free(encoding);
    fmpnn_context_free(ctx);
    return status;
}

static void test_failures(void **unused)
{
    (void)unused;
    fmpnn_error err;
    const fmpnn_cuda_plugin *plugin = fmpnn_cuda_plugin_open(&err);
    fmpnn_model *model = make_model(false);
    fmpnn_graph *graph = make_graph(20, 48, 0, 1, false);
    for (int p = 0; p < 2; p++) {
        const char *precision = precisions[p].name;
        size_t sequences =
            p == 0; /* the same calls in the other precision, but for the operation */
        plugin->fail_at(0);
        if (ask_everything(precision, model, graph, sequences, &err))
            fail_msg("%s", err.message);
        size_t calls = plugin->calls();
        assert_true(calls > (p ? 30 : 60));
        for (size_t n = 1; n <= calls; n++) {
            plugin->fail_at(n);
            fmpnn_status status = ask_everything(precision, model, graph, sequences, &err);
            if (status != FMPNN_ECUDA || !strstr(err.message, "cudaErrorLaunchFailure"))
                fail_msg("call %zu of %zu failed, status %d: %s", n, calls, (int)status,
                         status ? err.message : "");
        }
        plugin->fail_at(0);
        assert_int_equal(ask_everything(precision, model, graph, sequences, &err), 0);
    }
    fmpnn_graph_free(graph);
    fmpnn_model_free(model);
}

/* ---- each kernel a time or two ---- */

static void test_operation_once(void **unused)
{
    static const operation_case list[] = {{1, 9, 64, 19, false},
                                          {1, 9, 128, 19, false},
                                          {1, 9, 24, 3, true},
                                          {4, 325, 64, 9, false},
                                          {4, 325, 128, 3, true}};
    (void)unused;
    check_list(list, sizeof list / sizeof *list);
}

static void ask_once(size_t L, size_t sequences)
{
    fmpnn_error err;
    fmpnn_model *model = make_model(false);
    fmpnn_graph *graph = make_graph(L, 48, 0, 1, false);
    for (int p = 0; p < 2; p++)
        if (ask_everything(precisions[p].name, model, graph, sequences, &err))
            fail_msg("%s", err.message);
    fmpnn_graph_free(graph);
    fmpnn_model_free(model);
}

/* Too many rows for a wave: level by level. */
static void test_questions_once(void **unused)
{
    (void)unused;
    ask_once(20, 100);
}

/* Rows for blocks of 32 and of 64 nodes. */
static void test_rows_once(void **unused)
{
    (void)unused;
    ask_once(3, 2200);
    ask_once(3, 4300);
}

/* Few levels: the clusters of a wave wait for each other, each turn of which costs a sanitizer
 * milliseconds. */
static void test_wave_once(void **unused)
{
    (void)unused;
    ask_once(5, 3);
}

/* An argument chooses tests: "*_once". */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operation_once),      cmocka_unit_test(test_questions_once),
        cmocka_unit_test(test_rows_once),           cmocka_unit_test(test_wave_once),
        cmocka_unit_test(test_operation),           cmocka_unit_test(test_repeated_neighbours),
        cmocka_unit_test(test_bits_of_batch),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_failures),
    };
    fmpnn_context *ctx;
    fmpnn_error err;
    if (open_device("fp32", &ctx, &err)) {
        print_message("skipped: %s\n", err.message);
        return 77;
    }
    fmpnn_context_free(ctx);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
