#include "ceilings.h"

#include <string.h>

enum {
    TRIES = 40,         /* short ones, and the best counts: disturbances only take away */
    COPY_TRIES = 5,
    GELU_VALUES = 2048, /* 8 KB */
    EDGES = 48,
    EDGE_CHANNELS = 64, /* rows of 12 KB: in the first-level cache with the rest */
    GEMM_ROWS = 96,
    GEMM_WIDTH = 256, /* largest K and N */
    LANE_FLOATS = 3 * GEMM_WIDTH * GEMM_WIDTH
};

#define COPY_BYTES ((size_t)256 << 20) /* of all threads together, read plus written */
#define TRY_MS 0.4

/* One thread's data. */
typedef struct lane {
    const fmpnn_kernels *kernels;
    const bench_loops *loops;
    bench_matrix_loop *matrix;
    float *floats; /* [LANE_FLOATS] */
    size_t M, K, N;
    char *from, *to;
    size_t bytes;
    float sink;
    double begin, end, work;
} lane;

typedef double body(lane *l); /* returns the work done */

static double run_fma(lane *l)
{
    return l->loops->multiply_add(&l->sink);
}

static double run_matrix(lane *l)
{
    return l->matrix(&l->sink);
}

static double run_gemm(lane *l)
{
    float *src = l->floats, *dst = src + GEMM_ROWS * GEMM_WIDTH,
          *panels = dst + GEMM_ROWS * GEMM_WIDTH;
    l->kernels->gemm(dst, l->N, src, l->K, l->M, l->K, panels, l->N, NULL, NULL, 0);
    return 2.0 * (double)(l->M * l->K * l->N);
}

static double run_gelu(lane *l)
{
    l->kernels->gelu(l->floats + GELU_VALUES, l->floats, GELU_VALUES, 0);
    return GELU_VALUES;
}

static double run_edge(lane *l)
{
    int32_t at[EDGES];
    float *own = l->floats, *geometry = own + EDGE_CHANNELS, *we = geometry + 4 * EDGES,
          *rows = we + 4 * EDGE_CHANNELS, *dst = rows + EDGES * EDGE_CHANNELS;
    for (size_t m = 0; m < EDGES; m++)
        at[m] = (int32_t)m;
    l->kernels->edge_sum(dst, own, rows, EDGE_CHANNELS, at, geometry, EDGES, we, EDGES,
                         EDGE_CHANNELS, 0);
    return EDGES * EDGE_CHANNELS;
}

static double run_copy(lane *l)
{
    memcpy(l->to, l->from, l->bytes);
    return 2.0 * (double)l->bytes;
}

/* All threads at once: a phase to meet, a phase to measure. */
typedef struct race {
    lane *lanes;
    body *run;
    size_t repeats;
} race;

static void run_lane(void *of, size_t phase, size_t n, void *unused)
{
    race *r = of;
    lane *l = &r->lanes[n];
    (void)unused;
    if (phase == 0) {
        l->work = 0;
        return;
    }
    unsigned mode = fmpnn_float_mode_enter();
    l->begin = bench_now();
    for (size_t repeat = 0; repeat < r->repeats; repeat++)
        l->work += r->run(l);
    l->end = bench_now();
    fmpnn_float_mode_leave(mode);
}

/* Work a millisecond of all threads, best of `tries`. */
static double best_rate(const fmpnn_context *ctx, lane *lanes, body *run, int tries)
{
    int threads = fmpnn_pool_start(ctx->pool, ctx->threads);
    race r = {lanes, run, 1};
    fmpnn_task task = {.of = &r, .phases = 2, .item = run_lane, .fixed = true};
    double best = 0;
    for (double took = 0; took < TRY_MS / 2;) {
        double begin = bench_now();
        for (size_t n = 0; n < r.repeats; n++)
            run(&lanes[0]);
        took = bench_now() - begin;
        if (took < TRY_MS / 2)
            r.repeats *= 2;
    }
    for (int attempt = 0; attempt < tries; attempt++) {
        fmpnn_pool_run(ctx->pool, threads, &task);
        double work = lanes[0].work, begin = lanes[0].begin, end = lanes[0].end;
        for (int n = 1; n < threads; n++) {
            work += lanes[n].work;
            begin = lanes[n].begin < begin ? lanes[n].begin : begin;
            end = lanes[n].end > end ? lanes[n].end : end;
        }
        best = work / (end - begin) > best ? work / (end - begin) : best;
    }
    return best;
}

static double gemm_rate(const fmpnn_context *ctx, lane *lanes)
{
    static const size_t shapes[][3] = {
        {24, 64, 64}, {96, 64, 128}, {24, 128, 128}, {48, 128, 128}, {96, 128, 128}, {48, 256, 256}};
    double best = 0;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int n = 0; n < ctx->threads; n++) {
            lanes[n].M = shapes[s][0];
            lanes[n].K = shapes[s][1];
            lanes[n].N = shapes[s][2];
        }
        double rate = best_rate(ctx, lanes, run_gemm, TRIES);
        best = rate > best ? rate : best;
    }
    return best;
}

static double copy_rate(const fmpnn_context *ctx, lane *lanes)
{
    int threads = ctx->threads;
    size_t each = COPY_BYTES / 2 / (size_t)threads / 64 * 64;
    char *block = fmpnn_alloc(2 * (size_t)threads, each);
    if (!block)
        return 0;
    memset(block, 1, 2 * (size_t)threads * each);
    for (int n = 0; n < threads; n++) {
        lanes[n].from = block + 2 * (size_t)n * each;
        lanes[n].to = lanes[n].from + each;
        lanes[n].bytes = each;
    }
    double rate = best_rate(ctx, lanes, run_copy, COPY_TRIES);
    fmpnn_release(block);
    return rate;
}

fmpnn_status bench_ceilings_measure(const fmpnn_context *ctx, bench_ceilings *c,
                                    fmpnn_error *err)
{
    int threads = ctx->threads;
    lane *lanes = fmpnn_alloc_zero((size_t)threads, sizeof *lanes);
    float *floats = fmpnn_alloc((size_t)threads * LANE_FLOATS, sizeof *floats);
    if (!lanes || !floats) {
        fmpnn_release(floats);
        fmpnn_release(lanes);
        return fmpnn_fail_memory(err, "measuring this machine");
    }
    for (size_t n = 0; n < (size_t)threads * LANE_FLOATS; n++)
        floats[n] = (float)(n % 97) / 48 - 1; /* nothing denormal, GELU's whole middle */
    for (int n = 0; n < threads; n++) {
        lanes[n].kernels = ctx->kernels;
        lanes[n].loops = bench_loops_for(fmpnn_context_isa(ctx));
        lanes[n].matrix =
            bench_matrix_loop_for(fmpnn_context_isa(ctx), fmpnn_context_precision(ctx));
        lanes[n].floats = floats + (size_t)n * LANE_FLOATS;
    }
    c->fma_gflops = best_rate(ctx, lanes, run_fma, TRIES) * 1e-6;
    c->matrix_gflops = 0;
    if (lanes[0].matrix)
        c->matrix_gflops = best_rate(ctx, lanes, run_matrix, TRIES) * 1e-6;
    c->gemm_gflops = gemm_rate(ctx, lanes) * 1e-6;
    c->gelu_gvalues = best_rate(ctx, lanes, run_gelu, TRIES) * 1e-6;
    c->edge_gvalues = best_rate(ctx, lanes, run_edge, TRIES) * 1e-6;
    c->copy_gbytes = copy_rate(ctx, lanes) * 1e-6;
    fmpnn_release(floats);
    fmpnn_release(lanes);
    return FMPNN_OK;
}
