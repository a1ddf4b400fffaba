/* The public questions (design, score, probabilities) put to a backend: orders and random
 * numbers go in, logits become scores. One encoding of the structure serves them all. */
#include "design/compute.h"
#include "design/order.h"
#include "design/random.h"
#include "design/states.h"
#include "graph/context.h"

#include <math.h>
#include <string.h>

enum {
    SCORE_BATCH = 64,    /* sequences scored at a time */
    VARIANT_BATCH = 256, /* the same of variants, which share a pass; no more than fit into */
    VARIANT_BYTES = 64 << 20
};

void fmpnn_job_forget(fmpnn_job *job)
{
    if (job->encoding)
        job->encoded_by->encoding_free(job->encoding);
    job->encoding = NULL;
}

fmpnn_status fmpnn_job_memory(const fmpnn_context *ctx, const fmpnn_job *job,
                              fmpnn_memory_plan *plan, fmpnn_error *err)
{
    (void)err;
    *plan = (fmpnn_memory_plan){.limit = ctx->max_memory};
    return ctx->backend->plan ? ctx->backend->plan(ctx, job->model,
                                                job->states ? job->states->graph : job->graph,
                                                plan)
                              : FMPNN_OK;
}

/* ---- from logits to numbers ---- */

/* ln softmax of 21 logits, in double. */
static void log_softmax(const float *logits, float *log_p)
{
    double largest = logits[0], sum = 0;
    for (size_t a = 1; a < FMPNN_LETTERS; a++)
        largest = logits[a] > largest ? logits[a] : largest;
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        sum += exp(logits[a] - largest);
    double shift = largest + log(sum);
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        log_p[a] = (float)(logits[a] - shift);
}

/* ln p of every row that is asked for (rows[i] != 0), NaN elsewhere. */
static void log_probs_of(const fmpnn_job *job, const uint8_t *rows, const float *logits,
                         float *log_p)
{
    for (size_t i = 0; i < job->inputs->L; i++) {
        if (rows[i])
            log_softmax(logits + i * FMPNN_LETTERS, log_p + i * FMPNN_LETTERS);
        else
            for (size_t a = 0; a < FMPNN_LETTERS; a++)
                log_p[i * FMPNN_LETTERS + a] = NAN;
    }
}

/* Mean -ln p of the letters over the residues of `over` (and of `also`); NaN if there are none. */
static double mean_score(const fmpnn_job *job, const uint8_t *over, const uint8_t *also,
                         const uint8_t *letters, const float *log_p)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < job->inputs->L; i++)
        if (over[i] && (!also || also[i])) {
            sum -= log_p[i * FMPNN_LETTERS + letters[i]];
            count++;
        }
    return count ? sum / (double)count : NAN;
}

typedef struct comparison {
    double recovery;
    size_t designed, mutations;
} comparison;

/* Letters against the native ones, over designed residues. */
static comparison compare(const fmpnn_job *job, const uint8_t *letters)
{
    comparison result = {0};
    size_t known = 0, kept = 0;
    for (size_t i = 0; i < job->inputs->L; i++) {
        uint8_t native = job->inputs->native[i];
        if (!job->designed[i])
            continue;
        result.designed++;
        result.mutations += letters[i] != native;
        known += native != FMPNN_LETTERS - 1;
        kept += native != FMPNN_LETTERS - 1 && letters[i] == native;
    }
    result.recovery = known ? (double)kept / (double)known : NAN;
    return result;
}

/* ---- design ---- */

static fmpnn_samples *samples_create(size_t n, size_t L, bool keep_probs)
{
    fmpnn_samples *samples = fmpnn_alloc_zero(1, sizeof *samples);
    if (!samples)
        return NULL;
    samples->sample = fmpnn_alloc_zero(n, sizeof *samples->sample);
    if (!samples->sample) {
        fmpnn_samples_free(samples);
        return NULL;
    }
    samples->count = n;
    samples->length = L;
    for (size_t s = 0; s < n; s++) {
        fmpnn_sample *sample = &samples->sample[s];
        sample->letters = fmpnn_alloc(L, 1);
        sample->log_probs = fmpnn_alloc(L, FMPNN_LETTERS * sizeof *sample->log_probs);
        if (keep_probs)
            sample->sampling_probs =
                fmpnn_alloc(L, FMPNN_LETTERS * sizeof *sample->sampling_probs);
        if (!sample->letters || !sample->log_probs || (keep_probs && !sample->sampling_probs)) {
            fmpnn_samples_free(samples);
            return NULL;
        }
    }
    return samples;
}

void fmpnn_samples_free(fmpnn_samples *samples)
{
    if (!samples)
        return;
    for (size_t s = 0; s < samples->count; s++) {
        fmpnn_release(samples->sample[s].sampling_probs);
        fmpnn_release(samples->sample[s].log_probs);
        fmpnn_release(samples->sample[s].letters);
    }
    fmpnn_release(samples->sample);
    fmpnn_release(samples);
}

/* What the samples of one call are made of, and with. */
typedef struct draft {
    const fmpnn_job *job;
    const fmpnn_stream *stream;
    uint64_t first; /* number of the first sample */
    double temperature;
    fmpnn_samples *samples;
    size_t n_shared;
    uint32_t *order;             /* [n][L] */
    double *uniform;             /* [n][L] */
    fmpnn_draw_request *request; /* [n] */
} draft;

/* Order and uniform numbers of sample s; logits go where log_probs will be. */
static void prepare_sample(void *of, size_t s)
{
    draft *d = of;
    size_t L = d->job->inputs->L;
    fmpnn_sample *sample = &d->samples->sample[s];
    uint32_t *order = d->order + s * L;
    double *uniform = d->uniform + s * L;
    sample->number = d->first + s;
    fmpnn_order_native(d->job, d->stream, sample->number, order, s ? NULL : &d->n_shared);
    for (size_t i = 0; i < L; i++)
        uniform[i] = fmpnn_uniform(d->stream, sample->number, (uint32_t)i, FMPNN_FOR_LETTER);
    d->request[s] = (fmpnn_draw_request){.order = order,
                                         .uniform = d->temperature > 0 ? uniform : NULL,
                                         .temperature = d->temperature,
                                         .letters = sample->letters,
                                         .logits = sample->log_probs,
                                         .probs = sample->sampling_probs};
}

/* In a tied group no member saw the others' letters while they were drawn, so the logits of
 * sampling are not those of the finished sequence: these take a pass of their own. */
static fmpnn_status logits_of_tied(fmpnn_context *ctx, const fmpnn_job *job,
                                   fmpnn_samples *samples, const uint32_t *order,
                                   fmpnn_error *err)
{
    size_t L = job->inputs->L;
    fmpnn_status status = FMPNN_OK;
    uint32_t *rank = fmpnn_alloc(L, sizeof *rank);
    if (!rank)
        return fmpnn_fail_memory(err, "scoring samples");
    for (size_t s = 0; s < samples->count && !status; s++) {
        fmpnn_order_rank(L, order + s * L, rank);
        status = fmpnn_ask_logits(ctx, job, 1, samples->sample[s].letters, rank,
                                      samples->sample[s].log_probs, err);
    }
    fmpnn_release(rank);
    return status;
}

static void finish_sample(void *of, size_t s)
{
    const draft *d = of;
    const fmpnn_job *job = d->job;
    fmpnn_sample *sample = &d->samples->sample[s];
    log_probs_of(job, job->resolved, sample->log_probs, sample->log_probs);
    sample->score = mean_score(job, job->designed, NULL, sample->letters, sample->log_probs);
    sample->global_score = mean_score(job, job->resolved, NULL, sample->letters, sample->log_probs);
    sample->confidence = exp(-sample->score);
    sample->ligand_confidence = NAN;
    if (job->graph->atoms)
        sample->ligand_confidence =
            exp(-mean_score(job, job->designed, job->graph->atoms->near, sample->letters,
                            sample->log_probs));
    comparison result = compare(job, sample->letters);
    sample->recovery = result.recovery;
    sample->designed = result.designed;
    sample->mutations = result.mutations;
}

fmpnn_status fmpnn_design(fmpnn_context *ctx, fmpnn_job *job, double temperature, uint64_t first,
                          size_t n, bool keep_probs, fmpnn_samples **out, fmpnn_error *err)
{
    fmpnn_status status;
    fmpnn_stream stream;
    draft d = {.job = job, .stream = &stream, .first = first, .temperature = temperature};
    size_t L = job->inputs->L;
    if (!(temperature >= 0) || !isfinite(temperature))
        return fmpnn_fail(err, FMPNN_EINVAL, "temperature %g: expected 0 (greedy) or more",
                          temperature);
    if (!first || !n)
        return fmpnn_fail(err, FMPNN_EINVAL, "samples are numbered from 1, and at least 1 is asked");
    status = fmpnn_ask_encode(ctx, job, err);
    if (status)
        return status;
    d.samples = samples_create(n, L, keep_probs);
    d.order = fmpnn_alloc(n, L * sizeof *d.order);
    d.uniform = fmpnn_alloc(n, L * sizeof *d.uniform);
    d.request = fmpnn_alloc(n, sizeof *d.request);
    if (!d.samples || !d.order || !d.uniform || !d.request ||
        !fmpnn_stream_init(&stream, job->seed, fmpnn_structure_digest(job->st), temperature)) {
        status = fmpnn_fail(err, FMPNN_ENOMEM, "out of memory for %zu samples of %zu residues", n,
                            L);
        goto done;
    }
    d.samples->temperature = temperature;
    d.samples->seed = job->seed;
    fmpnn_pool_each(ctx->pool, ctx->threads, n, prepare_sample, &d);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_NONE, 0);
    status = fmpnn_ask_sample(ctx, job, d.n_shared, n, d.request, err);
    if (!status && (job->rules.groups < L || job->states))
        status = logits_of_tied(ctx, job, d.samples, d.order, err);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_DECODE, 0);
    if (status)
        goto done;
    fmpnn_pool_each(ctx->pool, ctx->threads, n, finish_sample, &d);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_OUTPUT, 0);
    *out = d.samples;
    d.samples = NULL;
done:
    fmpnn_release(d.request);
    fmpnn_release(d.uniform);
    fmpnn_release(d.order);
    fmpnn_samples_free(d.samples);
    return status;
}

/* ---- score ---- */

/* Decoding order number n (from 1) of scores and probabilities, as ranks. */
static fmpnn_status rank_of(const fmpnn_job *job, size_t n, uint32_t *order, uint32_t *rank,
                            fmpnn_error *err)
{
    fmpnn_stream stream;
    size_t n_shared;
    if (!fmpnn_stream_init(&stream, job->seed, fmpnn_structure_digest(job->st), 1))
        return fmpnn_fail_memory(err, "drawing a decoding order");
    fmpnn_order_native(job, &stream, n, order, &n_shared);
    fmpnn_order_rank(job->inputs->L, order, rank);
    return FMPNN_OK;
}

/* Mean and standard error of the mean. */
static void summarise(const double *value, size_t n, double *mean, double *error)
{
    double sum = 0, squares = 0;
    for (size_t k = 0; k < n; k++)
        sum += value[k];
    *mean = sum / (double)n;
    for (size_t k = 0; k < n; k++)
        squares += (value[k] - *mean) * (value[k] - *mean);
    *error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN;
}

typedef struct score_work {
    uint32_t *order, *rank; /* [L], [batch][L] */
    float *logits;          /* [batch][L][21] */
    double *score, *global; /* [batch][orders] */
} score_work;

/* Logits of a batch under one order, rank [L]; `common`: what the sequences are variants of. */
static fmpnn_status logits_of_batch(fmpnn_context *ctx, const fmpnn_job *job, size_t count,
                                    const uint8_t *common, const uint8_t *letters,
                                    score_work *work, fmpnn_error *err)
{
    size_t L = job->inputs->L;
    if (common && ctx->backend->variants && !job->states)
        return ctx->backend->variants(ctx, job->encoding, common, work->rank, count, letters,
                                      work->logits, err);
    for (size_t b = 1; b < count; b++)
        memcpy(work->rank + b * L, work->rank, L * sizeof *work->rank);
    return fmpnn_ask_logits(ctx, job, count, letters, work->rank, work->logits, err);
}

/* Scores of a batch of sequences under every order. */
static fmpnn_status score_batch(fmpnn_context *ctx, fmpnn_job *job, size_t count,
                                const uint8_t *common, const uint8_t *letters, size_t orders,
                                score_work *work, fmpnn_error *err)
{
    size_t L = job->inputs->L;
    for (size_t n = 0; n < orders; n++) {
        fmpnn_status status = rank_of(job, n + 1, work->order, work->rank, err);
        fmpnn_lap(ctx->watch, FMPNN_STAGE_NONE, 0);
        if (!status)
            status = logits_of_batch(ctx, job, count, common, letters, work, err);
        fmpnn_lap(ctx->watch, FMPNN_STAGE_DECODE, 0);
        if (status)
            return status;
        for (size_t b = 0; b < count; b++) {
            float *log_p = work->logits + b * L * FMPNN_LETTERS;
            log_probs_of(job, job->resolved, log_p, log_p);
            work->score[b * orders + n] = mean_score(job, job->designed, NULL, letters + b * L, log_p);
            work->global[b * orders + n] = mean_score(job, job->resolved, NULL, letters + b * L, log_p);
        }
        fmpnn_lap(ctx->watch, FMPNN_STAGE_OUTPUT, 0);
    }
    return FMPNN_OK;
}

static fmpnn_status check_letters(const fmpnn_job *job, size_t B, const uint8_t *letters,
                                  fmpnn_error *err)
{
    for (size_t n = 0; n < B * job->inputs->L; n++)
        if (letters[n] >= FMPNN_LETTERS)
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "sequence %zu, position %zu: residue code %d, expected 0 to %d",
                              n / job->inputs->L + 1, n % job->inputs->L + 1, letters[n],
                              FMPNN_LETTERS - 1);
    return FMPNN_OK;
}

static size_t batch_size(size_t L, size_t B, bool variants)
{
    size_t fit = VARIANT_BYTES / (L * FMPNN_LETTERS * sizeof(float)) + 1;
    size_t batch = !variants ? SCORE_BATCH : fit < VARIANT_BATCH ? fit : VARIANT_BATCH;
    return B < batch ? B : batch;
}

/* `common`: the sequence that these are variants of, or NULL. */
static fmpnn_status score(fmpnn_context *ctx, fmpnn_job *job, const uint8_t *common, size_t B,
                          const uint8_t *letters, size_t orders, fmpnn_score_result *result,
                          fmpnn_error *err)
{
    size_t L = job->inputs->L, batch = batch_size(L, B, common != NULL);
    score_work work = {0};
    fmpnn_status status = check_letters(job, B, letters, err);
    if (!status)
        status = fmpnn_ask_encode(ctx, job, err);
    if (status)
        return status;
    work.order = fmpnn_alloc(L, sizeof *work.order);
    work.rank = fmpnn_alloc(batch, L * sizeof *work.rank);
    work.logits = fmpnn_alloc(batch, L * FMPNN_LETTERS * sizeof *work.logits);
    work.score = fmpnn_alloc(batch, orders * sizeof *work.score);
    work.global = fmpnn_alloc(batch, orders * sizeof *work.global);
    if (!work.order || !work.rank || !work.logits || !work.score || !work.global) {
        status = fmpnn_fail_memory(err, "scoring");
        goto done;
    }
    for (size_t first = 0; first < B && !status; first += batch) {
        size_t count = B - first < batch ? B - first : batch;
        status = score_batch(ctx, job, count, common, letters + first * L, orders, &work, err);
        for (size_t b = 0; b < count && !status; b++) {
            fmpnn_score_result *r = &result[first + b];
            comparison c = compare(job, letters + (first + b) * L);
            summarise(work.score + b * orders, orders, &r->score, &r->score_se);
            summarise(work.global + b * orders, orders, &r->global_score, &r->global_score_se);
            r->confidence = exp(-r->score);
            r->recovery = c.recovery;
            r->designed = c.designed;
            r->mutations = c.mutations;
        }
    }
done:
    fmpnn_release(work.global);
    fmpnn_release(work.score);
    fmpnn_release(work.logits);
    fmpnn_release(work.rank);
    fmpnn_release(work.order);
    return status;
}

fmpnn_status fmpnn_score(fmpnn_context *ctx, fmpnn_job *job, size_t B, const uint8_t *letters,
                         size_t orders, fmpnn_score_result *result, fmpnn_error *err)
{
    if (!B || !orders || (!letters && B != 1))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%zu sequences, %zu orders: expected at least one of each", B, orders);
    return score(ctx, job, NULL, B, letters ? letters : job->inputs->native, orders, result,
                 err);
}

fmpnn_status fmpnn_score_variants(fmpnn_context *ctx, fmpnn_job *job, const uint8_t *common,
                                  size_t B, const uint8_t *letters, size_t orders,
                                  fmpnn_score_result *result, fmpnn_error *err)
{
    if (!B || !orders)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%zu variants, %zu orders: expected at least one of each", B, orders);
    if (!common)
        common = job->inputs->native;
    fmpnn_status status = check_letters(job, 1, common, err);
    return status ? status : score(ctx, job, common, B, letters, orders, result, err);
}

/* ---- probabilities ---- */

static fmpnn_status probs_of_order(fmpnn_context *ctx, fmpnn_job *job, fmpnn_probs_mode mode,
                                   const uint8_t *letters, const uint32_t *rank, float *log_p,
                                   fmpnn_error *err)
{
    fmpnn_status status;
    const uint8_t *rows = mode == FMPNN_PROBS_CONDITIONAL ? job->designed : job->resolved;
    fmpnn_lap(ctx->watch, FMPNN_STAGE_NONE, 0);
    if (mode == FMPNN_PROBS_CONDITIONAL)
        status = fmpnn_ask_conditional(ctx, job, letters, rank, rows, log_p, err);
    else
        status = fmpnn_ask_logits(ctx, job, 1, letters,
                                      mode == FMPNN_PROBS_UNCONDITIONAL ? NULL : rank, log_p,
                                      err);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_DECODE, 0);
    if (!status)
        log_probs_of(job, rows, log_p, log_p);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_OUTPUT, 0);
    return status;
}

fmpnn_status fmpnn_probs_of_orders(fmpnn_context *ctx, fmpnn_job *job, fmpnn_probs_mode mode,
                                   const uint8_t *letters, size_t first, size_t orders,
                                   float *log_p, fmpnn_error *err)
{
    size_t L = job->inputs->L;
    uint32_t *order = NULL, *rank = NULL;
    if (!orders)
        return fmpnn_fail(err, FMPNN_EINVAL, "0 decoding orders: expected at least 1");
    if (!letters)
        letters = job->inputs->native;
    fmpnn_status status = check_letters(job, 1, letters, err);
    if (!status)
        status = fmpnn_ask_encode(ctx, job, err);
    if (status)
        return status;
    order = fmpnn_alloc(L, sizeof *order);
    rank = fmpnn_alloc(L, sizeof *rank);
    if (!order || !rank)
        status = fmpnn_fail_memory(err, "computing probabilities");
    for (size_t n = 0; n < orders && !status; n++) {
        status = rank_of(job, first + n, order, rank, err);
        if (!status)
            status = probs_of_order(ctx, job, mode, letters, rank,
                                    log_p + n * L * FMPNN_LETTERS, err);
    }
    fmpnn_release(rank);
    fmpnn_release(order);
    return status;
}

fmpnn_status fmpnn_probs(fmpnn_context *ctx, fmpnn_job *job, fmpnn_probs_mode mode,
                         const uint8_t *letters, size_t orders, float *log_p, fmpnn_error *err)
{
    return fmpnn_probs_of_orders(ctx, job, mode, letters, 1, orders, log_p, err);
}
