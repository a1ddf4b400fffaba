#include "model.h"

#include "design/job.h"

#include <stdlib.h>
#include <string.h>

const char *const bench_model_works[] = {"unconditional", "score", "sample", "conditional",
                                         "scan",          "pack",  NULL};

enum { WARM = 2 }; /* runs before the clock starts: weights and code into caches */

#define LONG_MS 200 /* a run of this length has warmed itself */

/* ---- the work ---- */

static fmpnn_status probabilities(const bench_model_run *r, fmpnn_context *ctx, fmpnn_job *job,
                                  fmpnn_probs_mode mode, fmpnn_error *err)
{
    float *log_p = fmpnn_alloc(r->o->n * r->L, FMPNN_LETTERS * sizeof *log_p);
    if (!log_p)
        return fmpnn_fail_memory(err, "keeping probabilities");
    fmpnn_status status = fmpnn_probs(ctx, job, mode, NULL, r->o->n, log_p, err);
    fmpnn_release(log_p);
    return status;
}

static fmpnn_status scan(const bench_model_run *r, fmpnn_context *ctx, fmpnn_job *job,
                         fmpnn_error *err)
{
    size_t values = r->L * FMPNN_LETTERS;
    double *out = fmpnn_alloc(3 * values, sizeof *out);
    if (!out)
        return fmpnn_fail_memory(err, "keeping a scan");
    fmpnn_status status =
        fmpnn_scan(ctx, job, NULL, r->o->n, out, out + values, out + 2 * values, err);
    fmpnn_release(out);
    return status;
}

static fmpnn_status pack(const bench_model_run *r, fmpnn_context *ctx, const fmpnn_job *job,
                         fmpnn_error *err)
{
    fmpnn_packs *packs;
    fmpnn_status status =
        fmpnn_pack(ctx, job, job->model, NULL, 0, 0, NULL, 1, r->o->n, &packs, err);
    if (!status)
        fmpnn_packs_free(packs);
    return status;
}

fmpnn_status bench_model_once(const bench_model_run *r, fmpnn_context *ctx, fmpnn_job *job,
                              fmpnn_error *err)
{
    fmpnn_score_result score;
    fmpnn_samples *samples;
    fmpnn_status status;
    switch (r->o->work) {
    case BENCH_UNCONDITIONAL:
        return probabilities(r, ctx, job, FMPNN_PROBS_UNCONDITIONAL, err);
    case BENCH_CONDITIONAL:
        return probabilities(r, ctx, job, FMPNN_PROBS_CONDITIONAL, err);
    case BENCH_SCORE:
        return fmpnn_score(ctx, job, 1, NULL, r->o->n, &score, err);
    case BENCH_SCAN:
        return scan(r, ctx, job, err);
    case BENCH_PACK:
        return pack(r, ctx, job, err);
    case BENCH_SAMPLE:
        status =
            fmpnn_design(ctx, job, r->o->temperature, 1, r->o->n, false, &samples, err);
        if (!status)
            fmpnn_samples_free(samples);
        return status;
    }
    return FMPNN_OK;
}

/* ---- one timed run ---- */

typedef struct times {
    double total, job, neighbours, stage[BENCH_STAGES];
} times;

/* Making the job finds the neighbours: find them once more, to know their part of it. */
static fmpnn_status time_neighbours(const fmpnn_job *job, double *ms, fmpnn_error *err)
{
    const fmpnn_graph *g = job->graph;
    fmpnn_graph *again;
    double begin = bench_now();
    fmpnn_status status =
        fmpnn_graph_create(g->L, g->xyz, g->mask, g->index, g->chain,
                           (size_t)job->model->info.neighbours, g->ca_only, &again, err);
    *ms = bench_now() - begin;
    if (!status)
        fmpnn_graph_free(again);
    return status;
}

static fmpnn_status run_once(bench_model_run *r, const fmpnn_structure *st, times *t,
                             fmpnn_error *err)
{
    bench_watch watch;
    fmpnn_job *job;
    double begin = bench_now();
    fmpnn_status status = r->o->make(r->o->user, st, &job, err);
    if (status)
        return status;
    t->job = bench_now() - begin;
    bench_watch_start(&watch, false);
    r->ctx->watch = &watch.watch;
    status = bench_model_once(r, r->ctx, job, err);
    r->ctx->watch = NULL;
    double end = bench_now();
    if (!status)
        status = time_neighbours(job, &t->neighbours, err);
    double freeing = bench_now();
    fmpnn_job_free(job);
    t->total = end - begin + bench_now() - freeing;
    if (t->neighbours > t->job)
        t->neighbours = t->job;
    t->job -= t->neighbours;
    /* all threads encode, and place side chains; what follows else was timed by the one that waits
     * for them */
    size_t shared = bench_stage_of(
        r->o->work == BENCH_PACK ? FMPNN_STAGE_DECODE : FMPNN_STAGE_TABLES, 0);
    for (size_t s = 0; s < BENCH_STAGES; s++)
        t->stage[s] = bench_watch_ms(&watch, s) /
                      (s <= shared ? fmpnn_context_threads(r->ctx) : 1);
    return status;
}

/* ---- all runs ---- */

static double median_of(const times *t, size_t runs, size_t offset, double *room)
{
    for (size_t n = 0; n < runs; n++)
        memcpy(&room[n], (const char *)&t[n] + offset, sizeof *room);
    return bench_times_of(room, runs).median;
}

static void summarise(bench_model_run *r, const times *t, double *room)
{
    size_t runs = r->runs;
    for (size_t n = 0; n < runs; n++)
        r->ms[n] = t[n].total;
    r->total = bench_times_of(r->ms, runs);
    r->job_ms = median_of(t, runs, offsetof(times, job), room);
    r->neighbours_ms = median_of(t, runs, offsetof(times, neighbours), room);
    r->other_ms = r->total.median - r->job_ms - r->neighbours_ms;
    for (size_t s = 0; s < BENCH_STAGES; s++) {
        r->stage_ms[s] =
            median_of(t, runs, offsetof(times, stage) + s * sizeof(double), room);
        r->other_ms -= r->stage_ms[s];
    }
    if (r->other_ms < 0)
        r->other_ms = 0; /* medians do not add up to a median */
}

/* One more run that counts, which goes to t[r->runs], or none: it was disturbed (calm.h). When patience
 * ends the calm ones are all there is; where there are none, disturbed ones count. */
static fmpnn_status time_run(bench_model_run *r, const fmpnn_structure *st, times *t,
                             fmpnn_error *err)
{
    bench_calm *calm = &r->calm;
    bool undisturbed = bench_calm_now(calm), patient = bench_now() < calm->until;
    if (!undisturbed && patient) {
        bench_calm_move(calm, 0);
        return FMPNN_OK;
    }
    fmpnn_status status = run_once(r, st, &t[r->runs], err);
    if (status)
        return status;
    undisturbed &= bench_calm_now(calm);
    if (!undisturbed && patient) {
        calm->discarded++;
        bench_calm_move(calm, 0);
        return FMPNN_OK;
    }
    r->runs++;
    calm->kept++;
    calm->disturbed += !undisturbed;
    return FMPNN_OK;
}

/* Some were calm, and no time is left to look for more. */
static bool gives_up(const bench_model_run *r)
{
    const bench_calm *calm = &r->calm;
    return calm->processors && r->runs && !calm->disturbed && bench_now() >= calm->until;
}

static fmpnn_status time_runs(bench_model_run *r, const fmpnn_structure *st, fmpnn_error *err)
{
    size_t runs = r->o->runs;
    times ignored, *t = fmpnn_alloc(runs, sizeof *t);
    double *room = fmpnn_alloc(runs, sizeof *room);
    r->ms = fmpnn_alloc(runs, sizeof *r->ms);
    fmpnn_status status = FMPNN_OK;
    if (!t || !room || !r->ms)
        status = fmpnn_fail_memory(err, "timing");
    ignored.total = 0;
    for (size_t n = 0; n < WARM && ignored.total < LONG_MS && !status; n++)
        status = run_once(r, st, &ignored, err);
    bench_calm_start(&r->calm);
    bench_calm_move(&r->calm, 0);
    while (r->runs < runs && !gives_up(r) && !status)
        status = time_run(r, st, t, err);
    bench_calm_end(&r->calm);
    if (!status)
        summarise(r, t, room);
    fmpnn_release(room);
    fmpnn_release(t);
    return status;
}

/* Median time of reading the file; the last one read stays. */
static fmpnn_status time_reading(bench_model_run *r, fmpnn_structure **st, fmpnn_error *err)
{
    enum { READS = 3 };
    double ms[READS];
    fmpnn_structure *kept = NULL;
    for (size_t n = 0; n < READS; n++) {
        fmpnn_structure_free(kept);
        kept = NULL;
        double begin = bench_now();
        fmpnn_status status = r->o->read(r->o->user, &kept, err);
        ms[n] = bench_now() - begin;
        if (status)
            return status;
    }
    r->read_ms = bench_times_of(ms, READS).median;
    *st = kept;
    return FMPNN_OK;
}

static fmpnn_status describe(bench_model_run *r, const fmpnn_structure *st, fmpnn_error *err)
{
    fmpnn_job *job;
    fmpnn_status status = r->o->make(r->o->user, st, &job, err);
    if (status)
        return status;
    fmpnn_model_describe(fmpnn_job_model(job), &r->model);
    snprintf(r->digest, sizeof r->digest, "%s", fmpnn_structure_digest(st));
    r->L = fmpnn_job_length(job);
    r->K = job->graph->K;
    for (size_t i = 0; i < r->L; i++)
        r->designed += job->designed[i];
    fmpnn_job_free(job);
    return FMPNN_OK;
}

fmpnn_status bench_model(const bench_model_options *options, bool json, FILE *out,
                         fmpnn_error *err)
{
    bench_model_run r = {.o = options, .ctx = options->ctx};
    fmpnn_structure *st = NULL;
    if (options->work == BENCH_UNCONDITIONAL && options->n != 1)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "-n: unconditional probabilities depend on no order; leave it out");
    fmpnn_status status = time_reading(&r, &st, err);
    if (!status)
        status = describe(&r, st, err);
    if (!status)
        status = bench_ceilings_measure(r.ctx, &r.ceilings, err);
    if (!status)
        status = bench_calm_open(&r.calm, r.ctx, err);
    if (!status)
        status = time_runs(&r, st, err);
    if (!status)
        status = bench_model_count(&r, st, err);
    if (!status && json)
        bench_model_print_json(out, &r);
    else if (!status)
        bench_model_print_text(out, &r);
    bench_calm_close(&r.calm);
    fmpnn_release(r.ms);
    fmpnn_structure_free(st);
    return status;
}
