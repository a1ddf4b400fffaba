/* The results of `bench model`, for programs and for people. */
#include "model.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static void put(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

static void put_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

static void put_whole(json_t *object, const char *key, size_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static double flops_of(const bench_counts *c)
{
    return c->product_flops + c->other_flops;
}

/* Stages in the order of the work; those that this model or this work lacks are left out. */
static void put_stages(json_t *all, const bench_model_run *r)
{
    json_t *ms = json_object(), *flops = json_object();
    put(ms, "read", r->read_ms);
    put(ms, "job", r->job_ms);
    put(ms, "neighbours", r->neighbours_ms);
    for (size_t s = 0; s < BENCH_STAGES; s++) {
        char text[32];
        const char *name = bench_stage_name(s, text);
        if (!name || (r->stage_ms[s] == 0 && flops_of(&r->stage_counts[s]) == 0))
            continue;
        put(ms, name, r->stage_ms[s]);
        put(flops, name, flops_of(&r->stage_counts[s]));
    }
    put(ms, "other", r->other_ms);
    json_object_set_new(all, "stages", ms);
    json_object_set_new(all, "stage_flops", flops);
}

static void put_limits(json_t *all, const bench_model_run *r)
{
    const bench_ceilings *c = &r->ceilings;
    const bench_model_bound *b = &r->bound;
    json_t *ceilings = json_object(), *bound = json_object();
    put(ceilings, "fma_gflops", c->fma_gflops);
    put(ceilings, "matrix_gflops", c->matrix_gflops);
    put(ceilings, "gemm_gflops", c->gemm_gflops);
    put(ceilings, "gelu_gvalues", c->gelu_gvalues);
    put(ceilings, "copy_gbytes", c->copy_gbytes);
    json_object_set_new(all, "ceilings", ceilings);
    put_text(bound, "kind", b->kind);
    put(bound, "ms", b->ms);
    put(bound, "product_ms", b->product_ms);
    put(bound, "curve_ms", b->curve_ms);
    put(bound, "compute_ms", b->compute_ms);
    put(bound, "memory_ms", b->memory_ms);
    json_object_set_new(all, "bound", bound);
    put(all, "fraction", r->fraction);
}

static bool asks_positions(const bench_model_run *r)
{
    return r->o->work == BENCH_CONDITIONAL || r->o->work == BENCH_SCAN;
}

/* Positions answered, all orders together. */
static double positions_of(const bench_model_run *r)
{
    return (double)r->designed * (double)r->o->n;
}

/* What one more position costs: the work of decoding, shared by all positions. */
static double flops_per_position(const bench_model_run *r)
{
    return flops_of(&r->stage_counts[bench_stage_of(FMPNN_STAGE_DECODE, 0)]) / positions_of(r);
}

void bench_model_print_json(FILE *out, const bench_model_run *r)
{
    char cpu[256];
    json_t *all = json_object(), *machine = json_object();
    put_text(all, "work", bench_model_works[r->o->work]);
    put_text(all, "structure", r->o->name);
    put_text(all, "structure_digest", r->digest);
    put_whole(all, "length", r->L);
    put_whole(all, "designed", r->designed);
    put_whole(all, "neighbours", r->K);
    put_whole(all, "n", r->o->n);
    put_whole(all, "runs", r->runs);
    if (r->calm.processors)
        json_object_set_new(all, "calm", bench_calm_json(&r->calm, "runs"));
    put_whole(all, "threads", (size_t)fmpnn_context_threads(r->ctx));
    put_text(all, "isa", fmpnn_context_isa(r->ctx));
    put_text(all, "precision", fmpnn_context_precision(r->ctx));
    put_text(all, "device", fmpnn_context_device(r->ctx));
    put(all, "total_ms", r->total.median);
    put(all, "total_ms_p5", r->total.p5);
    put(all, "total_ms_p95", r->total.p95);
    put_stages(all, r);
    put(all, "flops", r->flops);
    put(all, "product_flops", r->counts.product_flops);
    put(all, "curves", r->counts.curves);
    put(all, "bytes", r->bytes);
    if (asks_positions(r)) {
        put(all, "flops_per_position", flops_per_position(r));
        put(all, "residues_per_second", 1e3 * (double)r->designed / r->total.median);
    }
    put_limits(all, r);
    bench_cpu_name(cpu, sizeof cpu);
    put_text(machine, "cpu", cpu);
    json_object_set_new(machine, "cores", json_integer(fmpnn_cores_usable()));
    json_object_set_new(all, "machine", machine);
    put_text(all, "weights", r->model.name);
    put_text(all, "version", fmpnn_version());
    put_text(all, "commit", fmpnn_commit());
    char *line = json_dumps(all, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(7));
    fprintf(out, "%s\n", line ? line : "{}");
    free(line);
    json_decref(all);
}

static void print_stage(FILE *out, const char *name, double ms, double total, double flops)
{
    fprintf(out, "  %-18s %10.3f  %5.1f %%", name, ms, 100 * ms / total);
    if (flops > 0 && ms > 0)
        fprintf(out, "  %8.1f MFLOP %8.1f GFLOP/s", flops * 1e-6, flops / ms * 1e-6);
    fputc('\n', out);
}

void bench_model_print_text(FILE *out, const bench_model_run *r)
{
    char cpu[256], text[32];
    double total = r->total.median;
    const bench_ceilings *c = &r->ceilings;
    bench_cpu_name(cpu, sizeof cpu);
    fprintf(out, "%s of %s: %zu residues, %zu neighbours, n = %zu, %s\n",
            bench_model_works[r->o->work], r->o->name, r->L, r->K, r->o->n, r->model.name);
    fprintf(out, "%s, %s/%s/%s, %d threads, fusempnn %s (%s)\n\n", cpu,
            fmpnn_context_device(r->ctx), fmpnn_context_isa(r->ctx),
            fmpnn_context_precision(r->ctx), fmpnn_context_threads(r->ctx), fmpnn_version(),
            fmpnn_commit());
    fprintf(out,
            "total %.3f ms (median of %zu; p5 %.3f, p95 %.3f), reading apart: %.3f ms\n",
            total, r->runs, r->total.p5, r->total.p95, r->read_ms);
    if (r->calm.processors)
        fprintf(out, "calm  %zu of these runs, %zu discarded, %zu moves\n",
                r->calm.kept - r->calm.disturbed, r->calm.discarded, r->calm.moves);
    print_stage(out, "job", r->job_ms, total, 0);
    print_stage(out, "neighbours", r->neighbours_ms, total, 0);
    for (size_t s = 0; s < BENCH_STAGES; s++) {
        const char *name = bench_stage_name(s, text);
        if (name && (r->stage_ms[s] > 0 || flops_of(&r->stage_counts[s]) > 0))
            print_stage(out, name, r->stage_ms[s], total, flops_of(&r->stage_counts[s]));
    }
    print_stage(out, "other", r->other_ms, total, 0);
    fprintf(out, "\nto do     %.1f MFLOP (%.1f in products), %.2f million GELUs and Gaussians, "
                 "%.1f MB\n",
            r->flops * 1e-6, r->counts.product_flops * 1e-6, r->counts.curves * 1e-6,
            r->bytes * 1e-6);
    if (asks_positions(r))
        fprintf(out, "          %.2f MFLOP for each of %.0f positions; %.0f residues/s\n",
                flops_per_position(r) * 1e-6, positions_of(r),
                1e3 * (double)r->designed / total);
    fprintf(out, "ceilings  products %.1f GFLOP/s (multiply-adds %.1f", c->gemm_gflops,
            c->fma_gflops);
    if (c->matrix_gflops > 0)
        fprintf(out, ", matrix unit %.1f", c->matrix_gflops);
    fprintf(out, "), GELU %.2f G values/s, copy %.1f GB/s\n", c->gelu_gvalues, c->copy_gbytes);
    fprintf(out, "bound     %s: %.3f ms (products %.3f + curves %.3f; memory %.3f)\n",
            r->bound.kind, r->bound.ms, r->bound.product_ms, r->bound.curve_ms,
            r->bound.memory_ms);
    fprintf(out, "fraction  %.2f of the bound\n", r->fraction);
}
