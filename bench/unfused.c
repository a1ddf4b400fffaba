#include "unfused.h"

#include <math.h>
#include <string.h>

struct bench_unfused {
    fmpnn_context *ctx;
    const bench_openblas *blas;
    const bench_loops *loops;
    const bench_tensors *t;
    float *block; /* owner of all arrays below; E edges, N nodes, H = 2D */
    float *h_j;   /* [E][D] */
    float *X_j, *delta, *direction;          /* [E][3] */
    float *distance;                         /* [E] */
    float *edge;                             /* [E][4] distance | direction */
    float *input;                            /* [E][2D+4] h_i | h_j | edge */
    float *hidden, *activated;               /* [E][H] */
    float *message;                          /* [E][D] */
    float *mean, *update, *sum;              /* [N][D] */
    float *update_hidden, *update_activated; /* [N][H] */
};

fmpnn_status bench_unfused_create(fmpnn_context *ctx, const bench_openblas *blas,
                                  const bench_tensors *t, bench_unfused **out,
                                  fmpnn_error *err)
{
    size_t N = t->B * t->L, E = N * t->k, D = t->D, H = 2 * D, total = 0;
    bench_unfused *u = fmpnn_alloc_zero(1, sizeof *u);
    if (!u)
        return fmpnn_fail_memory(err, "preparing the baseline");
    if (E > (size_t)1 << 30 || E > SIZE_MAX / 64 / (H + 4)) {
        fmpnn_release(u);
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%zu edges are too many for the baseline's arrays", E);
    }
    const struct {
        float **array;
        size_t count;
    } all[] = {{&u->h_j, E * D},
               {&u->X_j, E * 3},
               {&u->delta, E * 3},
               {&u->direction, E * 3},
               {&u->distance, E},
               {&u->edge, E * 4},
               {&u->input, E * (H + 4)},
               {&u->hidden, E * H},
               {&u->activated, E * H},
               {&u->message, E * D},
               {&u->mean, N * D},
               {&u->update, N * D},
               {&u->sum, N * D},
               {&u->update_hidden, N * H},
               {&u->update_activated, N * H}};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        total += (all[n].count + 15) / 16 * 16;
    u->block = fmpnn_alloc_zero(total, sizeof *u->block);
    if (!u->block) {
        fmpnn_release(u);
        return fmpnn_fail_memory(err, "preparing the baseline");
    }
    total = 0;
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        *all[n].array = u->block + total;
        total += (all[n].count + 15) / 16 * 16;
    }
    u->ctx = ctx;
    u->blas = blas;
    u->loops = bench_loops_for(fmpnn_context_isa(ctx));
    u->t = t;
    *out = u;
    return FMPNN_OK;
}

void bench_unfused_free(bench_unfused *u)
{
    if (!u)
        return;
    fmpnn_release(u->block);
    fmpnn_release(u);
}

/* ---- passes over the edges of nodes [begin, end) ---- */

/* Node that edge e leads to. */
static size_t target(const bench_tensors *t, size_t e)
{
    size_t node = e / t->k;
    return node - node % t->L + (size_t)t->E[e];
}

static void gather(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D;
    for (size_t e = begin; e < end; e++)
        memcpy(u->h_j + e * D, u->t->h + target(u->t, e) * D, D * sizeof(float));
}

static void gather_coordinates(bench_unfused *u, size_t begin, size_t end)
{
    for (size_t e = begin; e < end; e++)
        memcpy(u->X_j + e * 3, u->t->X + target(u->t, e) * 3, 3 * sizeof(float));
}

static void subtract(bench_unfused *u, size_t begin, size_t end)
{
    for (size_t e = begin; e < end; e++)
        for (size_t a = 0; a < 3; a++)
            u->delta[3 * e + a] = u->X_j[3 * e + a] - u->t->X[e / u->t->k * 3 + a];
}

static void measure(bench_unfused *u, size_t begin, size_t end)
{
    for (size_t e = begin; e < end; e++) {
        const float *d = u->delta + 3 * e;
        u->distance[e] = sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 1e-8f);
    }
}

static void direct(bench_unfused *u, size_t begin, size_t end)
{
    for (size_t e = begin; e < end; e++) {
        float scale = 1 / (u->distance[e] + 1e-8f);
        for (size_t a = 0; a < 3; a++)
            u->direction[3 * e + a] = u->delta[3 * e + a] * scale;
    }
}

static void join_edge(bench_unfused *u, size_t begin, size_t end)
{
    for (size_t e = begin; e < end; e++) {
        u->edge[4 * e] = u->distance[e];
        memcpy(u->edge + 4 * e + 1, u->direction + 3 * e, 3 * sizeof(float));
    }
}

static void concatenate(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D, width = 2 * D + 4;
    for (size_t e = begin; e < end; e++) {
        float *input = u->input + e * width;
        memcpy(input, u->t->h + e / u->t->k * D, D * sizeof(float));
        memcpy(input + D, u->h_j + e * D, D * sizeof(float));
        memcpy(input + 2 * D, u->edge + 4 * e, 4 * sizeof(float));
    }
}

static void first_product(bench_unfused *u, size_t begin, size_t end)
{
    size_t H = 2 * u->t->D;
    bench_product(u->blas, u->hidden + begin * H, u->input + begin * (H + 4), u->t->w.W1,
                  end - begin, H, H + 4);
}

static void first_bias(bench_unfused *u, size_t begin, size_t end)
{
    size_t H = 2 * u->t->D;
    u->loops->add_bias(u->hidden + begin * H, end - begin, H, u->t->w.b1);
}

static void activate(bench_unfused *u, size_t begin, size_t end)
{
    size_t H = 2 * u->t->D;
    u->ctx->kernels->gelu(u->activated + begin * H, u->hidden + begin * H,
                          (end - begin) * H, u->t->w.tanh_form);
}

static void second_product(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D, H = 2 * D;
    bench_product(u->blas, u->message + begin * D, u->activated + begin * H, u->t->w.W2,
                  end - begin, D, H);
}

static void second_bias(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D;
    u->loops->add_bias(u->message + begin * D, end - begin, D, u->t->w.b2);
}

/* ---- passes over nodes [begin, end) ---- */

static void average(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D, k = u->t->k;
    for (size_t n = begin; n < end; n++)
        u->loops->mean(u->mean + n * D, u->message + n * k * D, k, D);
}

static void update_product(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D, H = 2 * D;
    bench_product(u->blas, u->update_hidden + begin * H, u->mean + begin * D, u->t->w.U1,
                  end - begin, H, D);
}

static void update_bias(bench_unfused *u, size_t begin, size_t end)
{
    size_t H = 2 * u->t->D;
    u->loops->add_bias(u->update_hidden + begin * H, end - begin, H, u->t->w.c1);
}

static void update_activate(bench_unfused *u, size_t begin, size_t end)
{
    size_t H = 2 * u->t->D;
    u->ctx->kernels->gelu(u->update_activated + begin * H, u->update_hidden + begin * H,
                          (end - begin) * H, u->t->w.tanh_form);
}

static void last_product(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D, H = 2 * D;
    bench_product(u->blas, u->update + begin * D, u->update_activated + begin * H,
                  u->t->w.U2, end - begin, D, H);
}

static void last_bias(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D;
    u->loops->add_bias(u->update + begin * D, end - begin, D, u->t->w.c2);
}

static void add_residual(bench_unfused *u, size_t begin, size_t end)
{
    size_t D = u->t->D;
    u->loops->add(u->sum + begin * D, u->t->h + begin * D, u->update + begin * D,
                  (end - begin) * D);
}

static void normalise(bench_unfused *u, float *out, size_t begin, size_t end)
{
    size_t D = u->t->D;
    u->ctx->kernels->layer_norm(out + begin * D, D, u->sum + begin * D, D, end - begin, D,
                                u->t->w.gamma, u->t->w.beta);
}

typedef void pass(bench_unfused *u, size_t begin, size_t end);

static pass *const edge_passes[] = {
    gather,      gather_coordinates, subtract,   measure,  direct,         join_edge,
    concatenate, first_product,      first_bias, activate, second_product, second_bias};
static pass *const node_passes[] = {average,         update_product, update_bias,
                                    update_activate, last_product,   last_bias,
                                    add_residual};

enum {
    EDGE_PASSES = sizeof edge_passes / sizeof *edge_passes,
    NODE_PASSES = sizeof node_passes / sizeof *node_passes,
    PASSES = EDGE_PASSES + NODE_PASSES + 2
};

typedef struct team {
    bench_unfused *u;
    float *out;
    size_t threads;
} team;

static void run_pass(void *of, size_t phase, size_t mine, void *lane)
{
    const team *t = of;
    bench_unfused *u = t->u;
    size_t N = u->t->B * u->t->L, k = u->t->k, D = u->t->D;
    size_t begin = N * mine / t->threads, end = N * (mine + 1) / t->threads;
    (void)lane;
    if (phase < EDGE_PASSES)
        edge_passes[phase](u, begin * k, end * k);
    else if (phase < EDGE_PASSES + NODE_PASSES)
        node_passes[phase - EDGE_PASSES](u, begin, end);
    else if (phase == EDGE_PASSES + NODE_PASSES)
        normalise(u, t->out, begin, end);
    else
        u->loops->scale(t->out + begin * D, end - begin, D, u->t->mask + begin);
}

static bool enter(void *of, void *mode)
{
    (void)of;
    *(unsigned *)mode = fmpnn_float_mode_enter();
    return true;
}

static void leave(void *of, void *mode)
{
    (void)of;
    fmpnn_float_mode_leave(*(unsigned *)mode);
}

/* A phase for each pass, so that nobody begins one before all have ended the last. The threads share the rows of a product and call
 * OpenBLAS for their own: its thread pool and ours would fight for the cores. */
void bench_unfused_run(bench_unfused *u, float *out)
{
    int threads = fmpnn_pool_start(u->ctx->pool, u->ctx->threads);
    team t = {u, out, (size_t)threads};
    fmpnn_task task = {.of = &t, .phases = PASSES, .item = run_pass,
                       .lane_size = sizeof(unsigned), .enter = enter, .leave = leave,
                       .fixed = true};
    fmpnn_pool_run(u->ctx->pool, threads, &task);
}
