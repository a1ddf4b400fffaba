/* Logits, conditionals and samples of a device against the plain formulas in double, on generated
 * structures and weights; the same bits whatever travels along, of other structures too; contexts
 * in several threads. Skipped where there is no device. */
#include "cuda/plugin.h"
#include "design/rules.h"
#include "generated_network.h"
#include "reference/reference.h"

#include <pthread.h>

enum { CASES = 6, MANY = 150 };

static const struct {
    size_t L, k, unresolved;
} cases[CASES] = {{1, 48, 0}, {23, 48, 0}, {47, 5, 0}, {61, 17, 7}, {50, 48, 2}, {90, 48, 11}};

typedef struct world {
    size_t L, cells;
    fmpnn_graph *graph;
    fmpnn_encoding *encoding;
    fmpnn_reference64_encoding *reference;
    uint32_t *order, *rank; /* [L] */
    uint8_t *letters, *resolved, *designed, *omit;
    double *uniform, *bias;
    uint32_t *start, *member, *group_of;
    size_t groups;
} world;

static void *room(size_t count, size_t size)
{
    void *block = calloc(count + 1, size);
    assert_non_null(block);
    return block;
}

static void make_order(world *w)
{
    for (size_t i = 0; i < w->L; i++)
        w->order[i] = (uint32_t)i;
    for (size_t i = w->L; i > 1; i--) {
        size_t other = (size_t)(uniform() * (double)i);
        uint32_t kept = w->order[i - 1];
        w->order[i - 1] = w->order[other];
        w->order[other] = kept;
    }
}

/* Groups of up to `size` residues that stand together in the order. */
static void make_groups(world *w, size_t size)
{
    w->groups = 0;
    for (size_t t = 0; t < w->L; t++) {
        w->member[t] = w->order[t];
        if (t % size == 0)
            w->start[w->groups++] = (uint32_t)t;
        w->group_of[w->order[t]] = (uint32_t)w->groups - 1;
    }
    w->start[w->groups] = (uint32_t)w->L;
    for (size_t t = 0; t < w->L; t++)
        w->rank[w->order[t]] = (uint32_t)t;
}

static world make_world(fmpnn_context *ctx, const fmpnn_model *model, int n)
{
    fmpnn_error err;
    world w = {.L = cases[n].L, .cells = cases[n].L * FMPNN_LETTERS};
    size_t L = w.L;
    w.graph = make_graph(L, cases[n].k, cases[n].unresolved, 2, false);
    fmpnn_reference_options options = {.neighbour = w.graph->neighbour};
    if (fmpnn_reference64_encode(model, w.graph, &options, &w.reference, &err) ||
        ctx->backend->encode(ctx, model, w.graph, &w.encoding, &err))
        fail_msg("%s", err.message);
    w.order = room(L, sizeof *w.order);
    w.rank = room(L, sizeof *w.rank);
    w.letters = room(L, 1);
    w.resolved = room(L, 1);
    w.designed = room(L, 1);
    w.omit = room(w.cells, 1);
    w.uniform = room(L, sizeof *w.uniform);
    w.bias = room(w.cells, sizeof *w.bias);
    w.start = room(L + 1, sizeof *w.start);
    w.member = room(L, sizeof *w.member);
    w.group_of = room(L, sizeof *w.group_of);
    for (size_t i = 0; i < L; i++) {
        w.letters[i] = (uint8_t)(uniform() * FMPNN_LETTERS);
        w.resolved[i] = w.graph->mask[i] != 0;
        w.designed[i] = w.resolved[i] && uniform() < 0.8;
        w.uniform[i] = uniform();
        for (size_t a = 0; a < FMPNN_LETTERS; a++) {
            w.omit[i * FMPNN_LETTERS + a] = a == 20 || (i % 3 == 0 && a == i % 20);
            w.bias[i * FMPNN_LETTERS + a] = 0.3 * normal();
        }
    }
    make_order(&w);
    make_groups(&w, 1);
    return w;
}

static void free_world(fmpnn_context *ctx, world *w)
{
    ctx->backend->encoding_free(w->encoding);
    fmpnn_reference64_encoding_free(w->reference);
    fmpnn_graph_free(w->graph);
    free(w->order);
    free(w->rank);
    free(w->letters);
    free(w->resolved);
    free(w->designed);
    free(w->omit);
    free(w->uniform);
    free(w->bias);
    free(w->start);
    free(w->member);
    free(w->group_of);
}

static fmpnn_rules rules_of(const world *w)
{
    return (fmpnn_rules){.L = w->L,
                         .native = w->letters,
                         .resolved = w->resolved,
                         .designed = w->designed,
                         .omit = w->omit,
                         .bias = w->bias,
                         .groups = w->groups,
                         .start = w->start,
                         .member = w->member,
                         .group_of = w->group_of};
}

static void compare_logits(const world *w, const float *got, const double *want,
                           const uint8_t *rows, const char *what, double limit)
{
    comparison c = {0};
    for (size_t n = 0; n < w->cells; n++)
        if (!rows || rows[n / FMPNN_LETTERS])
            compare(&c, got[n], want[n]);
    judge(&c, what, w->L, w->graph->K, limit);
}

/* Several sequences in several orders at once, and the score without a sequence. */
static void check_logits(fmpnn_context *ctx, world *w, double limit)
{
    enum { B = 3 };
    fmpnn_error err;
    uint8_t *letters = room(B * w->L, 1);
    uint32_t *rank = room(B * w->L, sizeof *rank);
    float *got = room(B * w->cells, sizeof *got);
    double *want = room(w->cells, sizeof *want);
    for (size_t b = 0; b < B; b++) {
        make_order(w);
        make_groups(w, 1);
        memcpy(rank + b * w->L, w->rank, w->L * sizeof *rank);
        for (size_t i = 0; i < w->L; i++)
            letters[b * w->L + i] = (uint8_t)(uniform() * FMPNN_LETTERS);
    }
    for (int blind = 0; blind < 2; blind++) {
        memset(got, 0xff, B * w->cells * sizeof *got);
        if (ctx->backend->logits(ctx, w->encoding, B, blind ? NULL : letters, rank, got, &err))
            fail_msg("%s", err.message);
        for (size_t b = 0; b < B; b++) {
            if (fmpnn_reference64_logits(w->reference, blind ? NULL : letters + b * w->L,
                                         rank + b * w->L, want, NULL, &err))
                fail_msg("%s", err.message);
            compare_logits(w, got + b * w->cells, want, NULL,
                           blind ? "logits without letters" : "logits", limit);
        }
    }
    free(want);
    free(got);
    free(rank);
    free(letters);
}

static void check_conditional(fmpnn_context *ctx, world *w, double limit)
{
    fmpnn_error err;
    uint8_t *wanted = room(w->L, 1);
    float *got = room(w->cells, sizeof *got);
    double *want = room(w->cells, sizeof *want);
    for (size_t i = 0; i < w->L; i++)
        wanted[i] = i % 16 == 0; /* each costs the reference a whole pass */
    for (size_t n = 0; n < w->cells; n++)
        got[n] = 77;
    if (ctx->backend->conditional(ctx, w->encoding, w->letters, w->rank, wanted, got, &err) ||
        fmpnn_reference64_conditional(w->reference, w->letters, w->rank, wanted, want, &err))
        fail_msg("%s", err.message);
    compare_logits(w, got, want, wanted, "conditional logits", limit);
    for (size_t n = 0; n < w->cells; n++)
        if (!wanted[n / FMPNN_LETTERS] && got[n] != 77)
            fail_msg("row %zu was not asked for and was written", n / FMPNN_LETTERS);
    free(want);
    free(got);
    free(wanted);
}

/* The same request alone, and among many: the same bytes. Its logits are those of its letters,
 * and in float32-grade its letters are the reference's. */
static void check_sample(fmpnn_context *ctx, world *w, size_t tied, double limit)
{
    fmpnn_error err;
    bool split = !strcmp(fmpnn_context_precision(ctx), "fp32");
    make_order(w);
    make_groups(w, tied);
    fmpnn_rules rules = rules_of(w);
    fmpnn_draw_request *request = room(MANY, sizeof *request), alone;
    uint8_t *letters = room((MANY + 2) * w->L, 1), *expected = letters + (MANY + 1) * w->L;
    float *logits = room((MANY + 1) * w->cells, sizeof *logits);
    double *probs = room(3 * w->cells, sizeof *probs), *want = probs + 2 * w->cells;
    memset(logits, 0xff, (MANY + 1) * w->cells * sizeof *logits);
    memset(probs, 0xff, 2 * w->cells * sizeof *probs);
    for (size_t b = 0; b < MANY; b++)
        request[b] = (fmpnn_draw_request){.order = w->order,
                                          .uniform = b % 5 == 4 ? NULL : w->uniform,
                                          .temperature = b % 2 ? 0.3 : 1,
                                          .letters = letters + b * w->L,
                                          .logits = logits + b * w->cells};
    request[0].probs = probs;
    alone = request[0];
    alone.letters = letters + MANY * w->L;
    alone.logits = logits + MANY * w->cells;
    alone.probs = probs + w->cells;
    if (ctx->backend->sample(ctx, w->encoding, &rules, 0, 1, &alone, &err) ||
        ctx->backend->sample(ctx, w->encoding, &rules, 0, MANY, request, &err))
        fail_msg("%s", err.message);
    assert_memory_equal(alone.letters, request[0].letters, w->L);
    assert_memory_equal(alone.logits, request[0].logits, w->cells * sizeof *logits);
    assert_memory_equal(alone.probs, request[0].probs, w->cells * sizeof *probs);
    if (split) {
        if (fmpnn_reference64_sample(w->reference, &rules, w->order, w->uniform, NULL, 1, expected,
                                     want, probs, &err))
            fail_msg("%s", err.message);
        assert_memory_equal(alone.letters, expected, w->L);
        compare_logits(w, alone.logits, want, NULL, "logits of sampling", limit);
    } else if (tied == 1) {
        if (fmpnn_reference64_logits(w->reference, alone.letters, w->rank, want, NULL, &err))
            fail_msg("%s", err.message);
        compare_logits(w, alone.logits, want, w->resolved, "logits of sampling", limit);
    }
    free(probs);
    free(logits);
    free(letters);
    free(request);
}

static void check_precision(const char *precision, double limit)
{
    fmpnn_context *ctx;
    fmpnn_error err;
    if (open_device(precision, &ctx, &err))
        fail_msg("%s", err.message);
    fmpnn_model *model = make_model(false);
    for (int n = 0; n < CASES; n++) {
        world w = make_world(ctx, model, n);
        check_logits(ctx, &w, limit);
        check_conditional(ctx, &w, limit);
        check_sample(ctx, &w, 1, limit);
        check_sample(ctx, &w, 3, limit);
        free_world(ctx, &w);
    }
    fmpnn_model_free(model);
    fmpnn_context_free(ctx);
}

/* ---- many structures in one call ---- */

enum { EACH = 40 }; /* sequences of each structure at most */

typedef struct sampled {
    fmpnn_draw_request request[EACH];
    uint32_t *order;     /* [EACH][L] */
    double *exponential; /* [L][21] */
    uint8_t *letters;    /* [2][EACH][L] */
    float *logits;       /* [2][EACH][L][21] */
    double *probs;       /* the same */
    fmpnn_rules rules;
    size_t B;
} sampled;

/* Orders, temperatures, ties and ways to draw that differ from sequence to sequence. */
static void ask_sequences(world *w, int n, sampled *x)
{
    size_t all = EACH * w->cells;
    x->order = room(EACH * w->L, sizeof *x->order);
    x->exponential = room(w->cells, sizeof *x->exponential);
    x->letters = room(2 * EACH * w->L, 1);
    x->logits = room(2 * all, sizeof *x->logits);
    x->probs = room(2 * all, sizeof *x->probs);
    memset(x->logits, 0xff, 2 * all * sizeof *x->logits);
    for (size_t c = 0; c < w->cells; c++)
        x->exponential[c] = -log(uniform());
    make_order(w);
    make_groups(w, n == 3 ? 3 : n == 4 ? 2 : 1);
    x->rules = rules_of(w);
    x->rules.carry_letters = n == 4;
    x->B = n == 5 ? EACH : (size_t)n % 3 + 1;
    for (size_t b = 0; b < x->B; b++) {
        if (w->groups == w->L)
            make_order(w);
        memcpy(x->order + b * w->L, w->order, w->L * sizeof *w->order);
        x->request[b] = (fmpnn_draw_request){.order = x->order + b * w->L,
                                             .uniform = b % 3 == 1 ? NULL : w->uniform,
                                             .temperature = b % 2 ? 0.3 : 1,
                                             .letters = x->letters + b * w->L,
                                             .logits = x->logits + b * w->cells};
        if (b % 3 == 2) {
            x->request[b].uniform = NULL;
            x->request[b].exponential = x->exponential;
        }
        if (b % 2 == 0)
            x->request[b].probs = x->probs + b * w->cells;
    }
}

/* Results move to the second half, so that the first can be asked for again. */
static void set_aside(const world *w, sampled *x)
{
    memcpy(x->letters + EACH * w->L, x->letters, EACH * w->L);
    memcpy(x->logits + EACH * w->cells, x->logits, EACH * w->cells * sizeof *x->logits);
    memcpy(x->probs + EACH * w->cells, x->probs, EACH * w->cells * sizeof *x->probs);
    memset(x->letters, 0xff, EACH * w->L);
    memset(x->logits, 0xff, EACH * w->cells * sizeof *x->logits);
    memset(x->probs, 0, EACH * w->cells * sizeof *x->probs);
}

static void compare_sampled(const world *w, const sampled *x)
{
    assert_memory_equal(x->letters, x->letters + EACH * w->L, x->B * w->L);
    assert_memory_equal(x->logits, x->logits + EACH * w->cells,
                        x->B * w->cells * sizeof *x->logits);
    assert_memory_equal(x->probs, x->probs + EACH * w->cells,
                        x->B * w->cells * sizeof *x->probs);
}

static void check_many(const char *precision, size_t max_memory)
{
    fmpnn_context_options how;
    fmpnn_context *ctx;
    fmpnn_error err;
    fmpnn_model *model = make_model(false);
    world w[CASES];
    sampled x[CASES];
    fmpnn_sampling item[CASES];
    const fmpnn_graph *graph[CASES];
    fmpnn_encoding *encoding[CASES];
    fmpnn_context_options_default(&how);
    how.device = "cuda";
    how.precision = precision;
    how.max_memory = max_memory;
    how.threads = 3;
    if (fmpnn_context_create(&how, &ctx, &err))
        fail_msg("%s", err.message);
    for (int n = 0; n < CASES; n++) {
        w[n] = make_world(ctx, model, n);
        ask_sequences(&w[n], n, &x[n]);
        if (ctx->backend->sample(ctx, w[n].encoding, &x[n].rules, 0, x[n].B, x[n].request,
                                 &err))
            fail_msg("%s", err.message);
        set_aside(&w[n], &x[n]);
        graph[n] = w[n].graph;
    }
    assert_true(ctx->backend->together(ctx, model, CASES, graph) >= 1);
    if (ctx->backend->encode_many(ctx, model, CASES, graph, encoding, &err))
        fail_msg("%s", err.message);
    for (int n = 0; n < CASES; n++)
        item[n] = (fmpnn_sampling){.encoding = encoding[n], .rules = &x[n].rules, .B = x[n].B,
                                   .request = x[n].request};
    if (ctx->backend->sample_many(ctx, CASES, item, &err))
        fail_msg("%s", err.message);
    for (int n = 0; n < CASES; n++) {
        compare_sampled(&w[n], &x[n]);
        ctx->backend->encoding_free(encoding[n]);
        free(x[n].order);
        free(x[n].exponential);
        free(x[n].letters);
        free(x[n].logits);
        free(x[n].probs);
        free_world(ctx, &w[n]);
    }
    fmpnn_model_free(model);
    fmpnn_context_free(ctx);
}

static void test_many(void **unused)
{
    (void)unused;
    check_many("fp32", 0);
    check_many("fp16", 0);
    check_many("fp32", 1 << 20); /* a few sequences at a time */
    check_many("fp16", 1);       /* one by one */
}

/* ---- uniform numbers beside the sums of probabilities ---- */

/* `from` towards `to`, half of the way at most: by nothing (n = 0), one bit, 1e-16, 1e-13 .. 1e-7. */
static double beside(double from, double to, int n)
{
    double least = nextafter(from, to), half = from + (to - from) / 2;
    double step = from + (to > from ? 1 : -1) * pow(10, 3 * n - 22);
    if (n < 2 || step == from)
        return n ? least : from;
    return fabs(step - from) < fabs(half - from) ? step : half;
}

/* Letters drawn from planted numbers, just inside of the interval that the letter was drawn from: at
 * every residue the same letter, though single precision can't tell it from the next. */
static void check_near_ties(const char *precision, double bias, double temperature)
{
    enum { STEPS = 6 }; /* from below, and from above but for the first, which is the next letter */
    fmpnn_context *ctx;
    fmpnn_error err;
    if (open_device(precision, &ctx, &err))
        fail_msg("%s", err.message);
    fmpnn_model *model = make_model(false);
    world w = make_world(ctx, model, 3);
    double *probs = room(w.cells, sizeof *probs), *uniform = room(w.L, sizeof *uniform);
    float *logits = room(w.cells, sizeof *logits);
    uint8_t *letters = room(2 * w.L, 1), *expected = letters + w.L;
    for (size_t n = 0; n < w.cells; n++)
        w.bias[n] += bias;
    fmpnn_rules rules = rules_of(&w);
    fmpnn_draw_request request = {.order = w.order,
                                  .uniform = w.uniform,
                                  .temperature = temperature,
                                  .letters = expected,
                                  .logits = logits,
                                  .probs = probs};
    if (ctx->backend->sample(ctx, w.encoding, &rules, 0, 1, &request, &err))
        fail_msg("%s", err.message);
    request.uniform = uniform;
    request.letters = letters;
    request.probs = NULL;
    for (int n = 0; n < 2 * STEPS - 1; n++) {
        for (size_t i = 0; i < w.L; i++) {
            const double *p = probs + i * FMPNN_LETTERS;
            double low = 0, high = 0;
            for (size_t a = 0; a <= expected[i]; a++) {
                low = high;
                high += p[a];
            }
            high = high < 1 ? high : 1;
            uniform[i] = n < STEPS ? beside(low, high, n) : beside(high, low, n - STEPS + 1);
            if (w.designed[i])
                assert_int_equal(fmpnn_draw(p, uniform[i]), expected[i]);
        }
        if (ctx->backend->sample(ctx, w.encoding, &rules, 0, 1, &request, &err))
            fail_msg("%s", err.message);
        for (size_t i = 0; i < w.L; i++)
            if (letters[i] != expected[i])
                fail_msg("%s, bias %g, T %g, step %d, residue %zu: letter %d for %d", precision,
                         bias, temperature, n, i, letters[i], expected[i]);
    }
    free(letters);
    free(logits);
    free(uniform);
    free(probs);
    free_world(ctx, &w);
    fmpnn_model_free(model);
    fmpnn_context_free(ctx);
}

static void test_near_ties(void **unused)
{
    static const double biases[] = {0, 1000, -3e5};
    (void)unused;
    for (size_t n = 0; n < sizeof biases / sizeof *biases; n++) {
        check_near_ties("fp32", biases[n], 1);
        check_near_ties("fp32", biases[n], 0.1);
        check_near_ties("fp16", biases[n], 0.3);
    }
}

/* So many sequences of two structures that messages are looked up, beside some of them alone. */
static void check_shared(const char *precision)
{
    enum { B = 140 };
    fmpnn_context *ctx;
    fmpnn_error err;
    if (open_device(precision, &ctx, &err))
        fail_msg("%s", err.message);
    fmpnn_model *model = make_model(false);
    world w[2] = {make_world(ctx, model, 3), make_world(ctx, model, 4)};
    fmpnn_rules rules[2];
    fmpnn_sampling item[2];
    fmpnn_draw_request *request[2];
    for (int n = 0; n < 2; n++) {
        size_t L = w[n].L;
        uint32_t *order = room(B * L, sizeof *order);
        uint8_t *letters = room(B * L, 1);
        float *logits = room(B * w[n].cells, sizeof *logits);
        request[n] = room(B, sizeof *request[n]);
        for (size_t b = 0; b < B; b++) {
            make_order(&w[n]);
            memcpy(order + b * L, w[n].order, L * sizeof *order);
            request[n][b] = (fmpnn_draw_request){.order = order + b * L,
                                                 .uniform = w[n].uniform,
                                                 .temperature = 1,
                                                 .letters = letters + b * L,
                                                 .logits = logits + b * w[n].cells};
        }
        make_groups(&w[n], 1);
        rules[n] = rules_of(&w[n]);
        item[n] = (fmpnn_sampling){
            .encoding = w[n].encoding, .rules = &rules[n], .B = B, .request = request[n]};
    }
    if (ctx->backend->sample_many(ctx, 2, item, &err))
        fail_msg("%s", err.message);
    for (int n = 0; n < 2; n++) {
        uint8_t *letters = room(w[n].L, 1);
        float *logits = room(w[n].cells, sizeof *logits);
        for (size_t b = 0; b < B; b += 23) {
            fmpnn_draw_request alone = request[n][b];
            alone.letters = letters;
            alone.logits = logits;
            if (ctx->backend->sample(ctx, w[n].encoding, &rules[n], 0, 1, &alone, &err))
                fail_msg("%s", err.message);
            assert_memory_equal(letters, request[n][b].letters, w[n].L);
            assert_memory_equal(logits, request[n][b].logits, w[n].cells * sizeof *logits);
        }
        free(letters);
        free(logits);
        free((void *)request[n][0].order);
        free(request[n][0].letters);
        free(request[n][0].logits);
        free(request[n]);
        free_world(ctx, &w[n]);
    }
    fmpnn_model_free(model);
    fmpnn_context_free(ctx);
}

static void test_shared(void **unused)
{
    (void)unused;
    check_shared("fp32");
    check_shared("fp16");
}

/* Contexts of one device in several threads; encodings freed by another thread than made them,
 * and after their context. */
typedef struct visitor {
    const fmpnn_model *model;
    fmpnn_graph *graph;
    fmpnn_encoding *encoding;
    const fmpnn_backend *backend;
    float logits[20 * FMPNN_LETTERS];
    fmpnn_status status;
} visitor;

static void *visit(void *of)
{
    visitor *v = of;
    fmpnn_context *ctx = NULL;
    v->status = open_device("fp32", &ctx, NULL);
    for (int round = 0; round < 3 && !v->status; round++) {
        if (v->encoding)
            ctx->backend->encoding_free(v->encoding);
        v->encoding = NULL;
        v->status = ctx->backend->encode(ctx, v->model, v->graph, &v->encoding, NULL);
        if (!v->status)
            v->status =
                ctx->backend->logits(ctx, v->encoding, 1, NULL, NULL, v->logits, NULL);
    }
    if (ctx)
        v->backend = ctx->backend;
    fmpnn_context_free(ctx);
    return NULL;
}

static void test_threads(void **unused)
{
    enum { THREADS = 4 };
    visitor *v = room(THREADS, sizeof *v);
    pthread_t thread[THREADS];
    fmpnn_model *model = make_model(false);
    fmpnn_graph *graph = make_graph(20, 48, 0, 1, false);
    (void)unused;
    for (int n = 0; n < THREADS; n++) {
        v[n].model = model;
        v[n].graph = graph;
        assert_int_equal(pthread_create(&thread[n], NULL, visit, &v[n]), 0);
    }
    for (int n = 0; n < THREADS; n++)
        assert_int_equal(pthread_join(thread[n], NULL), 0);
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(v[n].status, 0);
        assert_memory_equal(v[n].logits, v[0].logits, sizeof v->logits);
        v[n].backend->encoding_free(v[n].encoding);
    }
    free(v);
    fmpnn_graph_free(graph);
    fmpnn_model_free(model);
}

static void test_split(void **unused)
{
    (void)unused;
    check_precision("fp32", 5e-5);
}

static void test_half(void **unused)
{
    (void)unused;
    check_precision("fp16", 1e-2);
}

/* An argument chooses tests: "test_many". */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_near_ties),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_threads),
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
