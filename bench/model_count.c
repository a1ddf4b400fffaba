/* What a piece of work has to do. FLOPs, GELU values and rows of tables are counted by the
 * kernels as they are asked for; what passes through memory besides, by formula. */
#include "model.h"

#define FLOAT_BYTES 4.0

static void add_counts(bench_counts *sum, const bench_counts *c)
{
    sum->product_flops += c->product_flops;
    sum->other_flops += c->other_flops;
    sum->curves += c->curves;
    sum->row_bytes += c->row_bytes;
}

/* Arrays too large for a core's own caches, each reading and each writing once: weights; edge
 * states, written by the first pass, read and written by the others; the decoder's tables,
 * written; and what the decoder read of them. A neighbour's row is read K times, once from
 * afar. */
static double bytes_of(const bench_model_run *r)
{
    double rows = (double)r->L * (double)r->model.hidden, edges = rows * (double)r->K;
    double encoder = (double)r->model.encoder_layers, decoder = (double)r->model.decoder_layers;
    double floats = (double)r->model.parameters;
    floats += edges * (1 + 2 * encoder);                /* edge states */
    floats += rows * encoder * (2 + 2 + 2 * 4);         /* states, sums, node parts of edges */
    floats += edges * decoder + rows * (decoder + 1);   /* the decoder's tables */
    if (r->o->work == BENCH_CONDITIONAL || r->o->work == BENCH_SCAN)
        floats += edges * (decoder - 1) * (double)r->o->n; /* terms of the common pass */
    return floats * FLOAT_BYTES + r->counts.row_bytes;
}

/* One after the other on the vector units: compute. Memory runs beside it: the larger one. */
static bench_model_bound bound_of(const bench_model_run *r)
{
    const bench_ceilings *c = &r->ceilings;
    bench_model_bound b = {0};
    double gflops = c->gemm_gflops > c->fma_gflops ? c->gemm_gflops : c->fma_gflops;
    gflops = c->matrix_gflops > gflops ? c->matrix_gflops : gflops;
    b.product_ms = r->counts.product_flops / gflops * 1e-6;
    b.curve_ms = r->counts.curves / c->gelu_gvalues * 1e-6;
    b.compute_ms = b.product_ms + b.curve_ms;
    b.memory_ms = c->copy_gbytes > 0 ? r->bytes / c->copy_gbytes * 1e-6 : 0;
    b.kind = b.memory_ms > b.compute_ms ? "memory" : "compute";
    b.ms = b.memory_ms > b.compute_ms ? b.memory_ms : b.compute_ms;
    return b;
}

fmpnn_status bench_model_count(bench_model_run *r, const fmpnn_structure *st, fmpnn_error *err)
{
    fmpnn_context_options how = {.device = fmpnn_context_device(r->ctx),
                                 .isa = fmpnn_context_isa(r->ctx),
                                 .precision = fmpnn_context_precision(r->ctx),
                                 .threads = 1};
    fmpnn_context *ctx;
    fmpnn_job *job = NULL;
    bench_watch watch;
    fmpnn_status status = fmpnn_context_create(&how, &ctx, err);
    if (status)
        return status;
    ctx->kernels = bench_counted_kernels(ctx->kernels);
    ctx->watch = &watch.watch;
    status = r->o->make(r->o->user, st, &job, err);
    bench_watch_start(&watch, true);
    if (!status)
        status = bench_model_once(r, ctx, job, err);
    for (size_t s = 0; s < BENCH_STAGES && !status; s++) {
        r->stage_counts[s] = watch.counts[s];
        add_counts(&r->counts, &watch.counts[s]);
    }
    fmpnn_job_free(job);
    fmpnn_context_free(ctx);
    if (status)
        return status;
    r->flops = r->counts.product_flops + r->counts.other_flops;
    r->bytes = bytes_of(r);
    r->bound = bound_of(r);
    r->fraction = r->bound.ms / r->total.median;
    return FMPNN_OK;
}
