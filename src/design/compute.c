/* The public questions (score, probabilities; design: design.c) put to a backend: orders go in,
 * logits become scores. One encoding of the structure serves them all. */
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
void fmpnn_log_probs(const fmpnn_job *job, const uint8_t *rows, const float *logits,
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
double fmpnn_mean_score(const fmpnn_job *job, const uint8_t *over, const uint8_t *also,
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

/* Letters against the native ones, over designed residues. */
fmpnn_comparison fmpnn_compare(const fmpnn_job *job, const uint8_t *letters)
{
    fmpnn_comparison result = {0};
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
            fmpnn_log_probs(job, job->resolved, log_p, log_p);
            work->score[b * orders + n] = fmpnn_mean_score(job, job->designed, NULL, letters + b * L, log_p);
            work->global[b * orders + n] = fmpnn_mean_score(job, job->resolved, NULL, letters + b * L, log_p);
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
            fmpnn_comparison c = fmpnn_compare(job, letters + (first + b) * L);
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
        fmpnn_log_probs(job, rows, log_p, log_p);
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
