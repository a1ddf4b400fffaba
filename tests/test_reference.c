/* The plain network against itself: what must hold whatever the weights are. That the numbers
 * are those of the published program is the golden checker's business. */
#include "backend.h"
#include "design/order.h"
#include "reference/reference.h"
#include "weights_maker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { L = 30, K = 12, MASKED = 7, INCOMPLETE = 19, CELLS = L * FMPNN_LETTERS };

static uint64_t state;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

typedef struct world {
    fmpnn_model *model;
    fmpnn_graph *graph;
    float xyz[L][4][3], mask[L];
    int32_t index[L], chain[L];
    uint8_t native[L], resolved[L], designed[L];
    uint32_t order[L], rank[L];
    double uniform[L];
} world;

static fmpnn_model *make_model(bool ca_only)
{
    fmpnn_text bytes;
    fmpnn_tensors tensors;
    fmpnn_model *model;
    char digest[65] = "0";
    made_network *net = maker_network(16, 32, 2, 3, ca_only);
    float *at = net->data;
    for (size_t n = 0; n < net->count; n++)
        for (size_t k = 0; k < net->tensor[n].count; k++) {
            size_t in = net->tensor[n].columns ? net->tensor[n].columns : 4;
            *at++ = (float)((2 * uniform() - 1) * 3 / sqrt((double)in));
        }
    fmpnn_text_init(&bytes);
    maker_safetensors(net, NULL, &bytes);
    assert_int_equal(
        fmpnn_safetensors_parse("made", bytes.data, bytes.size, &tensors, NULL), 0);
    assert_int_equal(fmpnn_model_from_tensors("made", digest, &tensors, &model, NULL), 0);
    fmpnn_text_clear(&bytes);
    free(net);
    return model;
}

static void place_atoms(world *w)
{
    for (int i = 0; i < L; i++)
        for (int a = 0; a < 4; a++) { /* CA steps of about 3.8 A, so that frames exist */
            double t = i + 0.25 * (a - 1);
            double p[3] = {2.3 * cos(1.745 * t) + 0.1 * uniform(), 2.3 * sin(1.745 * t),
                           1.5 * t};
            for (int d = 0; d < 3; d++) /* 256ths: exact when turned and moved */
                w->xyz[i][a][d] = (float)(round(256 * p[d]) / 256);
        }
}

static void make_graph(world *w)
{
    fmpnn_graph_free(w->graph);
    w->graph = NULL;
    assert_int_equal(fmpnn_graph_create(L, &w->xyz[0][0][0], w->mask, w->index, w->chain, K,
                                        w->model->info.ca_only, &w->graph, NULL),
                     0);
}

static world *make_world(bool ca_only)
{
    world *w = fmpnn_alloc_zero(1, sizeof *w);
    float randn[L], mask[L];
    assert_non_null(w);
    state = 7;
    w->model = make_model(ca_only);
    place_atoms(w);
    for (int i = 0; i < L; i++) {
        w->mask[i] = w->resolved[i] = i != MASKED && i != INCOMPLETE;
        w->index[i] = i + (i < L / 2 ? 0 : 100);
        w->chain[i] = 1 + (i >= L / 2);
        w->native[i] = (uint8_t)(21 * uniform());
        w->designed[i] = w->resolved[i] && i > 3;
        w->uniform[i] = uniform();
        randn[i] = (float)(uniform() - 0.5);
        mask[i] = w->designed[i];
    }
    for (int a = 0; a < 4; a++)
        for (int d = 0; d < 3; d++)
            w->xyz[MASKED][a][d] = NAN;
    w->xyz[INCOMPLETE][ca_only ? 1 : 3][0] = NAN;
    fmpnn_order_original(L, randn, mask, w->order);
    fmpnn_order_rank(L, w->order, w->rank);
    make_graph(w);
    return w;
}

static void free_world(world *w)
{
    fmpnn_graph_free(w->graph);
    fmpnn_model_free(w->model);
    fmpnn_release(w);
}

static fmpnn_reference64_encoding *encode(const world *w, int threads)
{
    static const uint32_t rows[] = {0, 5, MASKED, L - 1};
    fmpnn_reference_options options = {.rows = rows, .n_rows = 4, .threads = threads};
    fmpnn_reference64_encoding *e;
    assert_int_equal(fmpnn_reference64_encode(w->model, w->graph, &options, &e, NULL), 0);
    return e;
}

static double largest_difference(const double *a, const double *b, size_t count)
{
    double largest = 0;
    for (size_t n = 0; n < count; n++) {
        double d = fabs(a[n] - b[n]);
        largest = d <= largest ? largest : d;
    }
    return largest;
}

static fmpnn_rules untied(const world *w)
{
    return (fmpnn_rules){
        .L = L, .native = w->native, .resolved = w->resolved, .designed = w->designed};
}

/* ---- both kinds of model ---- */

static void check_neighbours(const world *w)
{
    static uint32_t index[L * K];
    static double distance[L * K];
    fmpnn_reference64_neighbours(w->graph, index, distance);
    for (size_t i = 0; i < L; i++)
        for (size_t m = 0; m < K; m++) {
            const double *d = distance + i * K;
            const uint32_t *j = index + i * K;
            if (m)
                assert_true(d[m - 1] < d[m] || (d[m - 1] == d[m] && j[m - 1] < j[m]));
            if (w->resolved[i] && !m)
                assert_int_equal(j[0], i);
        }
    for (size_t m = 0; m < K; m++) /* a masked row: all distances 0, lowest index first */
        assert_int_equal(index[MASKED * K + m], m);
}

/* Float finds the same, as far as float goes; one rounding error in a million edges would do. */
static void check_precisions(const world *w, const fmpnn_reference64_encoding *e)
{
    fmpnn_reference32_encoding *f;
    fmpnn_reference_options options = {.neighbour = e->neighbour};
    static double wide[CELLS];
    static float narrow[CELLS];
    assert_int_equal(fmpnn_reference32_encode(w->model, w->graph, &options, &f, NULL), 0);
    assert_int_equal(fmpnn_reference64_logits(e, w->native, w->rank, wide, NULL, NULL), 0);
    assert_int_equal(fmpnn_reference32_logits(f, w->native, w->rank, narrow, NULL, NULL),
                     0);
    double largest = 0;
    for (size_t n = 0; n < CELLS; n++)
        largest = fmax(largest, fabs(wide[n] - (double)narrow[n]));
    assert_true(largest > 0 && largest < 1e-4);
    fmpnn_reference32_encoding_free(f);
}

/* Masked residues: zero state, the bias as logits. */
static void check_masked(const world *w, const fmpnn_reference64_encoding *e)
{
    static double logits[CELLS];
    assert_int_equal(fmpnn_reference64_logits(e, w->native, w->rank, logits, NULL, NULL),
                     0);
    for (size_t c = 0; c < e->C; c++)
        assert_true(e->h_V[2][MASKED * e->C + c] == 0);
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        assert_true(logits[MASKED * FMPNN_LETTERS + a] == (double)w->model->W_out.b[a]);
}

/* An untied sample scored in its own order sees what sampling saw. */
static void check_sampling(const world *w, const fmpnn_reference64_encoding *e)
{
    static double seen[CELLS], forced[CELLS], probs[CELLS];
    uint8_t letters[L];
    fmpnn_rules rules = untied(w);
    assert_int_equal(fmpnn_reference64_sample(e, &rules, w->order, w->uniform, NULL, 0.5, letters,
                                              seen, probs, NULL),
                     0);
    assert_int_equal(fmpnn_reference64_logits(e, letters, w->rank, forced, NULL, NULL), 0);
    for (size_t i = 0; i < L; i++) {
        double sum = 0;
        if (!w->designed[i])
            assert_int_equal(letters[i], w->native[i]);
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            sum += probs[i * FMPNN_LETTERS + a];
        assert_true(fabs(sum - w->resolved[i]) < 1e-12);
        if (w->resolved[i])
            assert_true(largest_difference(seen + i * FMPNN_LETTERS,
                                           forced + i * FMPNN_LETTERS,
                                           FMPNN_LETTERS) < 1e-12);
    }
}

/* A residue decoded first sees no letter; letters decoded later change nothing. */
static void check_causality(const world *w, const fmpnn_reference64_encoding *e)
{
    static double alone[CELLS], forced[CELLS], other[CELLS];
    uint8_t letters[L];
    assert_int_equal(fmpnn_reference64_logits(e, NULL, NULL, alone, NULL, NULL), 0);
    assert_int_equal(fmpnn_reference64_logits(e, w->native, w->rank, forced, NULL, NULL),
                     0);
    size_t first = w->order[0];
    assert_true(largest_difference(alone + first * 21, forced + first * 21, 21) < 1e-12);
    assert_true(largest_difference(alone, forced, CELLS) > 1e-3);
    size_t t = L / 2;
    memcpy(letters, w->native, L);
    letters[w->order[t]] = (uint8_t)((letters[w->order[t]] + 1) % 21);
    assert_int_equal(fmpnn_reference64_logits(e, letters, w->rank, other, NULL, NULL), 0);
    for (size_t s = 0; s <= t; s++)
        assert_memory_equal(forced + w->order[s] * 21, other + w->order[s] * 21,
                            21 * sizeof *other);
    assert_true(largest_difference(forced, other, CELLS) > 1e-6);
}

static void check_conditional(const world *w, const fmpnn_reference64_encoding *e)
{
    static double rows[CELLS], all[CELLS];
    uint32_t moved[L];
    size_t i = w->order[4];
    for (size_t n = 0; n < CELLS; n++)
        rows[n] = -1;
    uint8_t wanted[L] = {0};
    wanted[i] = 1;
    for (size_t t = 0, s = 0; t < L; t++)
        if (w->order[t] != i)
            moved[w->order[t]] = (uint32_t)s++;
    moved[i] = L - 1;
    assert_int_equal(
        fmpnn_reference64_conditional(e, w->native, w->rank, wanted, rows, NULL), 0);
    assert_int_equal(fmpnn_reference64_logits(e, w->native, moved, all, NULL, NULL), 0);
    for (size_t n = 0; n < CELLS; n++)
        assert_true(rows[n] == (n / 21 == i ? all[n] : -1));
}

static void check_threads(const world *w, const fmpnn_reference64_encoding *e)
{
    static double one[CELLS], three[CELLS];
    fmpnn_reference64_encoding *again = encode(w, 3);
    assert_memory_equal(e->h_E, again->h_E, L * K * e->C * sizeof *e->h_E);
    assert_int_equal(fmpnn_reference64_logits(e, w->native, w->rank, one, NULL, NULL), 0);
    assert_int_equal(fmpnn_reference64_logits(again, w->native, w->rank, three, NULL, NULL),
                     0);
    assert_memory_equal(one, three, sizeof one);
    fmpnn_reference64_encoding_free(again);
}

/* The kept rows are the rows of the whole. */
static void check_rows(const fmpnn_reference64_encoding *e)
{
    size_t each = K * e->C;
    for (size_t r = 0; r < e->n_rows; r++)
        assert_memory_equal(e->h_E_at[2] + r * each, e->h_E + e->rows[r] * each,
                            each * sizeof *e->h_E);
}

static void check_all(bool ca_only)
{
    world *w = make_world(ca_only);
    fmpnn_reference64_encoding *e = encode(w, 1);
    check_neighbours(w);
    check_precisions(w, e);
    check_masked(w, e);
    check_sampling(w, e);
    check_causality(w, e);
    check_conditional(w, e);
    check_threads(w, e);
    check_rows(e);
    fmpnn_reference64_encoding_free(e);
    free_world(w);
}

static void full_backbone(void **unused)
{
    (void)unused;
    check_all(false);
}

static void ca_only(void **unused)
{
    (void)unused;
    check_all(true);
}

/* ---- single points ---- */

/* Turning and moving the protein changes nothing but rounding; a mirror image does. */
static void rigid_motion(void **unused)
{
    (void)unused;
    static double before[CELLS], after[CELLS];
    for (int mirror = 0; mirror < 2; mirror++) {
        world *w = make_world(false);
        /* no absent atom: those stand at the origin, wherever the protein is */
        place_atoms(w);
        for (int i = 0; i < L; i++)
            w->mask[i] = 1;
        make_graph(w);
        fmpnn_reference64_encoding *e = encode(w, 1);
        assert_int_equal(fmpnn_reference64_logits(e, NULL, NULL, before, NULL, NULL), 0);
        fmpnn_reference64_encoding_free(e);
        for (int i = 0; i < L; i++)
            for (int a = 0; a < 4; a++) {
                float *p = w->xyz[i][a], x = p[0];
                p[0] = 10 - p[1];
                p[1] = x - 20;
                p[2] = mirror ? 5 - p[2] : p[2] + 5;
            }
        make_graph(w);
        e = encode(w, 1);
        assert_int_equal(fmpnn_reference64_logits(e, NULL, NULL, after, NULL, NULL), 0);
        double moved = largest_difference(before, after, CELLS);
        assert_true(mirror ? moved > 1e-4 : moved < 1e-9);
        fmpnn_reference64_encoding_free(e);
        free_world(w);
    }
}

/* CA-only: a residue's orientation to itself is the identity, its signs exact zeros; without a
 * frame there is no direction. */
static void orientation_zeros(void **unused)
{
    (void)unused;
    world *w = make_world(true);
    fmpnn_reference64_encoding *e = encode(w, 1);
    assert_int_equal(e->edge_inputs, 167);
    for (size_t r = 0; r < 2; r++) { /* rows 0 (no frame) and 5, first neighbour: itself */
        const double *q = e->edge_raw + r * K * 167 + 160;
        for (int d = 0; d < 6; d++)
            assert_true(q[d] == 0);
        assert_true(fabs(q[6] - 1) < 1e-15);
    }
    const double *other = e->edge_raw + (K + 1) * 167 + 160; /* row 5, next neighbour */
    assert_true(fabs(other[0]) + fabs(other[1]) + fabs(other[2]) > 0.5);
    fmpnn_reference64_encoding_free(e);
    free_world(w);
}

/* Tied positions: one letter for all, from the mean of their weighted logits; a masked member
 * hands its own letter to the group. */
static void ties(void **unused)
{
    (void)unused;
    static double logits[CELLS], probs[CELLS];
    uint32_t start[L + 1], member[L], group_of[L], order[L];
    double weight[L];
    uint8_t letters[L];
    world *w = make_world(false);
    fmpnn_reference64_encoding *e = encode(w, 1);
    for (uint32_t i = 0; i < L; i++) { /* i and i + 15 */
        start[i / 2] = i / 2 * 2;
        member[i] = i / 2 + i % 2 * (L / 2);
        group_of[member[i]] = i / 2;
        weight[i] = i < L / 2 ? 1 : 0.25;
    }
    start[L / 2] = L;
    fmpnn_rules rules = untied(w);
    rules.groups = L / 2;
    rules.start = start;
    rules.member = member;
    rules.group_of = group_of;
    rules.weight = weight;
    assert_true(fmpnn_order_group(&rules, w->order, order));
    assert_int_equal(fmpnn_reference64_sample(e, &rules, order, w->uniform, NULL, 0.5, letters,
                                              logits, probs, NULL),
                     0);
    for (size_t i = 0; i < L / 2; i++)
        assert_int_equal(letters[i], letters[i + L / 2]);
    assert_int_equal(letters[MASKED], w->native[MASKED]);
    assert_int_equal(letters[INCOMPLETE], w->native[INCOMPLETE]);
    size_t i = 5, j = i + L / 2; /* nothing special about this pair */
    double z[FMPNN_LETTERS], sum = 0;
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        sum += z[a] = exp((logits[i * 21 + a] + 0.25 * logits[j * 21 + a]) / 0.5 / 2);
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        assert_true(fabs(z[a] / sum - probs[i * 21 + a]) < 1e-12);
        assert_true(probs[i * 21 + a] == probs[j * 21 + a]);
    }
    assert_int_equal(fmpnn_draw(probs + i * 21, w->uniform[i]), letters[i]);
    fmpnn_reference64_encoding_free(e);
    free_world(w);
}

static void refusals(void **unused)
{
    (void)unused;
    static double logits[CELLS];
    fmpnn_error err;
    uint8_t letters[L];
    world *w = make_world(false);
    fmpnn_reference64_encoding *e;
    const uint32_t beyond[] = {L};
    fmpnn_reference_options options = {.rows = beyond, .n_rows = 1};
    assert_int_equal(fmpnn_reference64_encode(w->model, w->graph, &options, &e, &err),
                     FMPNN_EINVAL);
    w->graph->ca_only = true;
    assert_int_equal(fmpnn_reference64_encode(w->model, w->graph, NULL, &e, &err),
                     FMPNN_EINVAL);
    w->graph->ca_only = false;
    e = encode(w, 1);
    memcpy(letters, w->native, L);
    letters[9] = 21;
    assert_int_equal(fmpnn_reference64_logits(e, letters, w->rank, logits, NULL, &err),
                     FMPNN_EINVAL);
    fmpnn_rules rules = untied(w);
    assert_int_equal(fmpnn_reference64_sample(e, &rules, w->order, w->uniform, NULL, 0, letters,
                                              logits, NULL, &err),
                     FMPNN_EINVAL);
    uint8_t omit[CELLS];
    memset(omit, 1, sizeof omit);
    rules.omit = omit;
    assert_int_equal(fmpnn_reference64_sample(e, &rules, w->order, w->uniform, NULL, 1, letters,
                                              logits, NULL, &err),
                     FMPNN_EINVAL);
    fmpnn_reference64_encoding_free(e);
    free_world(w);
}

/* Every allocation fails once; each time that is a clean FMPNN_ENOMEM. */
static void no_memory(void **unused)
{
    (void)unused;
    static double logits[CELLS];
    fmpnn_error err;
    world *w = make_world(false);
    size_t n = 1;
    for (bool through = false; !through; n++) {
        fmpnn_reference64_encoding *e = NULL;
        fmpnn_alloc_fail_at(n);
        fmpnn_status status = fmpnn_reference64_encode(w->model, w->graph, NULL, &e, &err);
        if (!status)
            status = fmpnn_reference64_logits(e, w->native, w->rank, logits, NULL, &err);
        through = status == FMPNN_OK && fmpnn_alloc_count() < n;
        assert_true(through || status == FMPNN_ENOMEM);
        fmpnn_alloc_fail_at(0);
        fmpnn_reference64_encoding_free(e);
    }
    assert_true(n > 10);
    free_world(w);
}

/* The backend's calls are the same numbers, narrowed. */
static void backend(void **unused)
{
    (void)unused;
    static double wide[CELLS];
    static float logits[2][CELLS], h_V[L * 16], h_E[K * 16];
    uint8_t letters[2][L];
    uint32_t rank[2][L];
    const uint32_t row = 5;
    world *w = make_world(false);
    fmpnn_context ctx = {.backend = &fmpnn_backend_reference, .threads = 2};
    fmpnn_encoding *encoding;
    fmpnn_reference64_encoding *e = encode(w, 1);
    assert_int_equal(ctx.backend->encode(&ctx, w->model, w->graph, &encoding, NULL), 0);
    assert_int_equal(ctx.backend->states(&ctx, encoding, h_V, &row, 1, h_E, NULL), 0);
    assert_true(h_V[3] == (float)e->h_V[2][3] && h_E[9] == (float)e->h_E[row * K * 16 + 9]);
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < L; i++) {
            letters[b][i] = b ? (uint8_t)(i % 20) : w->native[i];
            rank[b][i] = b ? (uint32_t)i : w->rank[i];
        }
    assert_int_equal(
        ctx.backend->logits(&ctx, encoding, 2, letters[0], rank[0], logits[0], NULL), 0);
    for (int b = 0; b < 2; b++) {
        assert_int_equal(fmpnn_reference64_logits(e, letters[b], rank[b], wide, NULL, NULL),
                         0);
        for (size_t n = 0; n < CELLS; n++)
            assert_true(logits[b][n] == (float)wide[n]);
    }
    fmpnn_rules rules = untied(w);
    fmpnn_draw_request request[2];
    for (int b = 0; b < 2; b++)
        request[b] = (fmpnn_draw_request){.order = w->order,
                                          .uniform = b ? w->uniform : NULL,
                                          .temperature = 0.3,
                                          .letters = letters[b],
                                          .logits = logits[b]};
    assert_int_equal(ctx.backend->sample(&ctx, encoding, &rules, 0, 2, request, NULL), 0);
    uint8_t expected[L];
    assert_int_equal(fmpnn_reference64_sample(e, &rules, w->order, w->uniform, NULL, 0.3,
                                              expected, wide, NULL, NULL),
                     0);
    assert_memory_equal(letters[1], expected, L);
    assert_memory_not_equal(letters[0], expected, L);
    ctx.backend->encoding_free(encoding);
    fmpnn_reference64_encoding_free(e);
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_backbone), cmocka_unit_test(ca_only),
        cmocka_unit_test(rigid_motion),  cmocka_unit_test(orientation_zeros),
        cmocka_unit_test(ties),          cmocka_unit_test(refusals),
        cmocka_unit_test(no_memory),     cmocka_unit_test(backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
