#include "fusion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS = 10, /* the implementations take turns this often */
    FIRST_WARM = 3,
    SETTLE_MS = 50 /* threads of another process spin for a while after their work */
};

static int code_of(fmpnn_status status)
{
    return status == FMPNN_EINVAL    ? BENCH_USAGE
           : status == FMPNN_EDEVICE ? BENCH_DEVICE
                                     : BENCH_MISMATCH;
}

/* ---- preparing ---- */

static double limit_of(const char *precision)
{
    if (!strcmp(precision, "fp32"))
        return 1e-5;
    if (!strcmp(precision, "bf16x3"))
        return 1e-4;
    return 0.1; /* an approximation: its error is reported; beyond this it is a mistake */
}

static int open_contexts(bench_fusion_run *r, fmpnn_error *err)
{
    fmpnn_context_options wide;
    fmpnn_status status = fmpnn_context_create(&r->o->how, &r->ctx, err);
    if (status)
        return code_of(status);
    fmpnn_context_options_default(&wide);
    wide.device = "reference";
    wide.isa = wide.precision = NULL;
    status = fmpnn_context_create(&wide, &r->wide, err);
    if (status)
        return code_of(status);
    r->limit = limit_of(fmpnn_context_precision(r->ctx));
    return bench_openblas_open(&r->blas, err) ? BENCH_MISMATCH : BENCH_DONE;
}

static bool is_other(size_t asked, size_t found)
{
    return asked && asked != found;
}

static int read_tensors(bench_fusion_run *r, fmpnn_error *err)
{
    const bench_fusion_options *o = r->o;
    fmpnn_status status = bench_tensors_read(&r->t, o->tensors, err);
    if (status)
        return BENCH_NO_INPUT;
    const bench_tensors *t = &r->t;
    if (is_other(o->B, t->B) || is_other(o->L, t->L) || is_other(o->D, t->D) ||
        is_other(o->k, t->k)) {
        fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s has batch %zu, length %zu, hidden %zu, neighbors %zu: leave the sizes out "
            "or give these",
            o->tensors, t->B, t->L, t->D, t->k);
        return BENCH_USAGE;
    }
    return BENCH_DONE;
}

static int make_data(bench_fusion_run *r, fmpnn_error *err)
{
    const bench_fusion_options *o = r->o;
    if (o->tensors)
        return read_tensors(r, err);
    fmpnn_status status =
        bench_tensors_draw(&r->t, o->B ? o->B : 1, o->L ? o->L : 106, o->D ? o->D : 64,
                           o->k ? o->k : 12, o->seed, err);
    return status ? code_of(status) : BENCH_DONE;
}

static fmpnn_status make_sides(bench_fusion_run *r, fmpnn_error *err)
{
    size_t nodes = r->t.B * r->t.L, count = nodes * r->t.D;
    fmpnn_status status =
        fmpnn_message_pass_create(r->ctx, &r->t.w, nodes, r->t.k, &r->operation, err);
    if (!status)
        status = bench_unfused_create(r->ctx, &r->blas, &r->t, &r->baseline, err);
    if (status)
        return status;
    r->exact = fmpnn_alloc(count, sizeof(float));
    r->fused.out = fmpnn_alloc(count, sizeof(float));
    r->unfused.out = fmpnn_alloc(count, sizeof(float));
    r->fused.ms = fmpnn_alloc(r->o->runs, sizeof(double));
    r->unfused.ms = fmpnn_alloc(r->o->runs, sizeof(double));
    if (!r->exact || !r->fused.out || !r->unfused.out || !r->fused.ms || !r->unfused.ms)
        return fmpnn_fail_memory(err, "preparing the benchmark");
    return FMPNN_OK;
}

/* The formula in float64, on the same tensors. */
static fmpnn_status compute_exact(bench_fusion_run *r, fmpnn_error *err)
{
    const bench_tensors *t = &r->t;
    fmpnn_message_pass *exact;
    fmpnn_status status =
        fmpnn_message_pass_create(r->wide, &t->w, t->B * t->L, t->k, &exact, err);
    if (status)
        return status;
    status =
        fmpnn_message_pass_run(exact, t->B, t->L, t->h, t->X, t->E, t->mask, r->exact, err);
    fmpnn_message_pass_free(exact);
    return status;
}

/* ---- timing ---- */

static fmpnn_status run_fused(bench_fusion_run *r, fmpnn_error *err)
{
    const bench_tensors *t = &r->t;
    return fmpnn_message_pass_run(r->operation, t->B, t->L, t->h, t->X, t->E, t->mask,
                                  r->fused.out, err);
}

static void block_fused(bench_fusion_run *r, size_t runs, size_t warm)
{
    for (size_t n = 0; n < warm + runs; n++) {
        double begin = bench_now();
        run_fused(r, NULL); /* its arguments were accepted before */
        if (n >= warm)
            r->fused.ms[r->fused.count++] = bench_now() - begin;
    }
}

static void block_unfused(bench_fusion_run *r, size_t runs, size_t warm)
{
    for (size_t n = 0; n < warm + runs; n++) {
        double begin = bench_now();
        bench_unfused_run(r->baseline, r->unfused.out);
        if (n >= warm)
            r->unfused.ms[r->unfused.count++] = bench_now() - begin;
    }
}

/* Each side's runs; whether the processors were undisturbed. */
static bool time_sides(bench_fusion_run *r, size_t count)
{
    const size_t warm = count < 5 ? 1 : 2;
    bool calm = true;
    if (r->peers.count && r->ctx->threads > 1)
        bench_sleep(SETTLE_MS);
    calm &= bench_calm_now(&r->calm);
    block_unfused(r, count, warm);
    calm &= bench_calm_now(&r->calm);
    block_fused(r, count, warm);
    calm &= bench_calm_now(&r->calm);
    if (r->peers.count && r->ctx->threads > 1)
        bench_sleep(SETTLE_MS);
    bench_peers_block(&r->peers, count, warm);
    calm &= bench_calm_now(&r->calm);
    return calm;
}

/* Once, or until nothing disturbs it (calm.h). */
static void time_block(bench_fusion_run *r, size_t count)
{
    bench_calm *calm = &r->calm;
    bool undisturbed;
    while (!(undisturbed = time_sides(r, count)) && bench_now() < calm->until) {
        r->unfused.count -= count;
        r->fused.count -= count;
        bench_peers_forget(&r->peers, count);
        calm->discarded++;
        bench_calm_move(calm, bench_peers_process(&r->peers));
    }
    calm->kept++;
    calm->disturbed += !undisturbed;
}

/* In turns, so that a disturbance meets all alike; each turn begins with runs that do not
 * count, since the others have taken the caches. */
static void time_all(bench_fusion_run *r)
{
    size_t runs = r->o->runs, done = 0;
    block_unfused(r, 0, FIRST_WARM);
    block_fused(r, 0, FIRST_WARM);
    bench_peers_block(&r->peers, 0, FIRST_WARM);
    bench_calm_start(&r->calm);
    bench_calm_move(&r->calm, bench_peers_process(&r->peers));
    for (size_t b = 1; b <= BLOCKS; b++) {
        size_t count = runs * b / BLOCKS - done;
        done += count;
        if (count)
            time_block(r, count);
    }
    bench_calm_end(&r->calm);
    r->fused.times = bench_times_of(r->fused.ms, r->fused.count);
    r->unfused.times = bench_times_of(r->unfused.ms, r->unfused.count);
}

/* ---- judging ---- */

static void judge(bench_fusion_run *r)
{
    size_t count = r->t.B * r->t.L * r->t.D;
    bench_side *sides[] = {&r->fused, &r->unfused};
    if (getenv("FMPNN_BENCH_FAULT")) /* for the test: a wrong result must be noticed */
        r->fused.out[count / 2] += 2 * (float)BENCH_STUDY_LIMIT;
    for (size_t n = 0; n < 2; n++)
        bench_difference(sides[n]->out, r->exact, count, &sides[n]->max_diff,
                         &sides[n]->mean_diff);
    bench_peers_finish(&r->peers, &r->t, r->exact);
    r->match = r->fused.max_diff <= r->limit && r->unfused.max_diff <= 1e-5;
    r->speedup = r->unfused.times.mean / r->fused.times.mean;
    r->median_speedup = r->unfused.times.median / r->fused.times.median;
    r->literal_work = bench_work_literal(&r->t);
    r->fused_work = bench_work_fused(&r->t);
    r->bound = bench_bound_of(&r->fused_work, &r->ceilings);
    r->fraction = r->bound.ms / r->fused.times.median;
}

static fmpnn_status save(const bench_fusion_run *r, fmpnn_error *err)
{
    fmpnn_text text;
    fmpnn_status status = FMPNN_OK;
    const char *slash = strrchr(r->o->output, '/');
    if (slash && slash != r->o->output) {
        char *folder = fmpnn_copy_text(r->o->output);
        if (!folder)
            return fmpnn_fail_memory(err, "saving results");
        folder[slash - r->o->output] = 0;
        status = fmpnn_folder_make(folder, err);
        fmpnn_release(folder);
        if (status)
            return status;
    }
    bench_fusion_json(r, &text);
    if (text.failed)
        status = fmpnn_fail_memory(err, "saving results");
    else
        status = fmpnn_file_write(r->o->output, text.data, text.size, false, err);
    if (!status && r->o->json)
        fwrite(text.data, 1, text.size, stdout);
    fmpnn_text_clear(&text);
    return status;
}

static void clear(bench_fusion_run *r)
{
    bench_peers_close(&r->peers);
    bench_calm_close(&r->calm);
    fmpnn_release(r->unfused.ms);
    fmpnn_release(r->fused.ms);
    fmpnn_release(r->unfused.out);
    fmpnn_release(r->fused.out);
    fmpnn_release(r->exact);
    bench_unfused_free(r->baseline);
    fmpnn_message_pass_free(r->operation);
    bench_tensors_clear(&r->t);
    bench_openblas_close(&r->blas);
    fmpnn_context_free(r->wide);
    fmpnn_context_free(r->ctx);
    if (r->text && r->text != stdout)
        fclose(r->text);
}

static int prepare(bench_fusion_run *r, fmpnn_error *err)
{
    const bench_fusion_options *o = r->o;
    fmpnn_status status = o->peers ? bench_peers_check(o->peers, err) : FMPNN_OK;
    if (status)
        return code_of(status);
    int code = open_contexts(r, err);
    if (!code)
        code = make_data(r, err);
    if (code)
        return code;
    status = bench_calm_open(&r->calm, r->ctx, err);
    if (!status)
        status = make_sides(r, err);
    if (!status)
        status = run_fused(r, err);
    if (!status)
        status = compute_exact(r, err);
    if (!status && o->peers)
        status = bench_peers_open(&r->peers, o->peers, &r->t, r->exact, r->ctx->threads,
                                  o->runs, err);
    return status ? code_of(status) : BENCH_DONE;
}

static int measure(bench_fusion_run *r, fmpnn_error *err)
{
    int code = prepare(r, err);
    if (code)
        return code;
    bench_print_dependencies(r);
    bench_print_configuration(r);
    if (bench_ceilings_measure(r->ctx, &r->ceilings, err))
        return BENCH_MISMATCH;
    time_all(r);
    judge(r);
    bench_print_timing(r);
    bench_print_results(r);
    bench_print_verification(r);
    if (save(r, err))
        return BENCH_MISMATCH;
    bench_print_saved(r);
    bench_print_analysis(r);
    return r->match ? BENCH_DONE : BENCH_MISMATCH;
}

int bench_fusion(const bench_fusion_options *options, fmpnn_error *err)
{
    bench_fusion_run r = {.o = options};
    err->message[0] = 0;
    r.text = options->json ? fopen("/dev/null", "w") : stdout;
    int code = r.text ? measure(&r, err) : BENCH_MISMATCH;
    clear(&r);
    return code;
}
