/* fmpnn_design() and fmpnn_design_many(): orders and random numbers go to the backend, logits and
 * letters come back and become samples. Requests that a backend can take together travel in one
 * call; where that fails, in smaller ones, until what is at fault is alone with its message. */
#include "design/compute.h"
#include "design/order.h"
#include "design/random.h"
#include "design/states.h"
#include "graph/context.h"

#include <math.h>
#include <string.h>

/* ---- samples ---- */

/* The first sample's arrays are blocks with those of all: thousands of single ones cost more than
 * their numbers do. */
static fmpnn_samples *samples_create(size_t n, size_t L, bool keep_probs)
{
    enum {
        LINE = 64,
        NUMBERS = 16
    }; /* so that every sample's begin with a line of the caches */
    size_t letters = (L + LINE - 1) / LINE * LINE;
    size_t cells = (L * FMPNN_LETTERS + NUMBERS - 1) / NUMBERS * NUMBERS;
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
    fmpnn_sample *first = samples->sample;
    first->letters = fmpnn_alloc(n, letters);
    first->log_probs = fmpnn_alloc(n, cells * sizeof *first->log_probs);
    if (keep_probs)
        first->sampling_probs = fmpnn_alloc(n, cells * sizeof *first->sampling_probs);
    if (!first->letters || !first->log_probs || (keep_probs && !first->sampling_probs)) {
        fmpnn_samples_free(samples);
        return NULL;
    }
    for (size_t s = 1; s < n; s++) {
        fmpnn_sample *sample = &samples->sample[s];
        sample->letters = first->letters + s * letters;
        sample->log_probs = first->log_probs + s * cells;
        if (keep_probs)
            sample->sampling_probs = first->sampling_probs + s * cells;
    }
    return samples;
}

void fmpnn_samples_free(fmpnn_samples *samples)
{
    if (!samples)
        return;
    if (samples->count) {
        fmpnn_release(samples->sample[0].sampling_probs);
        fmpnn_release(samples->sample[0].log_probs);
        fmpnn_release(samples->sample[0].letters);
    }
    fmpnn_release(samples->sample);
    fmpnn_release(samples);
}

/* What the samples of one request are made of, and with. */
typedef struct draft {
    const fmpnn_design_request *ask;
    const fmpnn_job *job;
    fmpnn_stream stream;
    fmpnn_samples *samples;
    size_t n_shared;
    uint32_t *order;             /* [n][L] */
    double *uniform;             /* [n][L] */
    fmpnn_draw_request *request; /* [n] */
} draft;

static fmpnn_status draft_init(draft *d, const fmpnn_design_request *ask, fmpnn_error *err)
{
    const fmpnn_job *job = ask->job;
    size_t L = job->inputs->L, n = ask->n;
    *d = (draft){.ask = ask, .job = job};
    d->samples = samples_create(n, L, ask->keep_probs);
    d->order = fmpnn_alloc(n, L * sizeof *d->order);
    d->uniform = fmpnn_alloc(n, L * sizeof *d->uniform);
    d->request = fmpnn_alloc(n, sizeof *d->request);
    if (!d->samples || !d->order || !d->uniform || !d->request ||
        !fmpnn_stream_init(&d->stream, job->seed, fmpnn_structure_digest(job->st),
                           ask->temperature))
        return fmpnn_fail(err, FMPNN_ENOMEM,
                          "out of memory for %zu samples of %zu residues", n, L);
    d->samples->temperature = ask->temperature;
    d->samples->seed = job->seed;
    return FMPNN_OK;
}

static void draft_clear(draft *d)
{
    fmpnn_release(d->request);
    fmpnn_release(d->uniform);
    fmpnn_release(d->order);
    fmpnn_samples_free(d->samples);
}

/* Order and uniform numbers of sample s; logits go where log_probs will be. */
static void prepare_sample(draft *d, size_t s)
{
    size_t L = d->job->inputs->L;
    fmpnn_sample *sample = &d->samples->sample[s];
    uint32_t *order = d->order + s * L;
    double *uniform = d->uniform + s * L, temperature = d->ask->temperature;
    sample->number = d->ask->first + s;
    fmpnn_order_native(d->job, &d->stream, sample->number, order, s ? NULL : &d->n_shared);
    for (size_t i = 0; i < L && temperature > 0; i++)
        uniform[i] =
            fmpnn_uniform(&d->stream, sample->number, (uint32_t)i, FMPNN_FOR_LETTER);
    d->request[s] = (fmpnn_draw_request){.order = order,
                                         .uniform = temperature > 0 ? uniform : NULL,
                                         .temperature = temperature,
                                         .letters = sample->letters,
                                         .logits = sample->log_probs,
                                         .probs = sample->sampling_probs};
}

static void finish_sample(const draft *d, size_t s)
{
    const fmpnn_job *job = d->job;
    fmpnn_sample *sample = &d->samples->sample[s];
    const uint8_t *letters = sample->letters;
    float *log_p = sample->log_probs;
    fmpnn_log_probs(job, job->resolved, log_p, log_p);
    sample->score = fmpnn_mean_score(job, job->designed, NULL, letters, log_p);
    sample->global_score = fmpnn_mean_score(job, job->resolved, NULL, letters, log_p);
    sample->confidence = exp(-sample->score);
    sample->ligand_confidence = NAN;
    if (job->graph->atoms)
        sample->ligand_confidence = exp(
            -fmpnn_mean_score(job, job->designed, job->graph->atoms->near, letters, log_p));
    fmpnn_comparison result = fmpnn_compare(job, letters);
    sample->recovery = result.recovery;
    sample->designed = result.designed;
    sample->mutations = result.mutations;
}

/* ---- requests that travel together ---- */

static void prepare_any(void *of, size_t s)
{
    prepare_sample(of, s);
}

static void finish_any(void *of, size_t s)
{
    finish_sample(of, s);
}

/* Logits of sampling are not those to be scored: logits_of_tied(). */
static bool is_tied(const fmpnn_job *job)
{
    return job->rules.groups < job->inputs->L || job->states;
}

/* Sampled, and finished but for tied ones. */
static fmpnn_status ask_together(fmpnn_context *ctx, size_t n, draft *d, fmpnn_error *err)
{
    fmpnn_sampling *item = fmpnn_alloc(n, sizeof *item);
    if (!item)
        return fmpnn_fail_memory(err, "sampling");
    for (size_t k = 0; k < n; k++)
        item[k] = (fmpnn_sampling){.encoding = d[k].job->encoding,
                                   .rules = &d[k].job->rules,
                                   .B = d[k].ask->n,
                                   .request = d[k].request,
                                   .prepare = prepare_any,
                                   .finish = is_tied(d[k].job) ? NULL : finish_any,
                                   .of = &d[k]};
    fmpnn_status status = ctx->backend->sample_many(ctx, n, item, err);
    fmpnn_release(item);
    return status;
}

static fmpnn_status ask_alone(fmpnn_context *ctx, draft *d, fmpnn_error *err)
{
    size_t n = d->ask->n;
    fmpnn_pool_each(ctx->pool, ctx->threads, n, prepare_any, d);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_NONE, 0);
    fmpnn_status status = fmpnn_ask_sample(ctx, d->job, d->n_shared, n, d->request, err);
    if (!status && !is_tied(d->job)) {
        fmpnn_lap(ctx->watch, FMPNN_STAGE_DECODE, 0);
        fmpnn_pool_each(ctx->pool, ctx->threads, n, finish_any, d);
        fmpnn_lap(ctx->watch, FMPNN_STAGE_OUTPUT, 0);
    }
    return status;
}

/* In a tied group no member saw the others' letters while they were drawn, so the logits of
 * sampling are not those of the finished sequence: these take a pass of their own. */
static fmpnn_status logits_of_tied(fmpnn_context *ctx, draft *d, fmpnn_error *err)
{
    size_t L = d->job->inputs->L;
    fmpnn_status status = FMPNN_OK;
    uint32_t *rank = fmpnn_alloc(L, sizeof *rank);
    if (!rank)
        return fmpnn_fail_memory(err, "scoring samples");
    for (size_t s = 0; s < d->samples->count && !status; s++) {
        fmpnn_order_rank(L, d->order + s * L, rank);
        status = fmpnn_ask_logits(ctx, d->job, 1, d->samples->sample[s].letters, rank,
                                  d->samples->sample[s].log_probs, err);
    }
    fmpnn_release(rank);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_DECODE, 0);
    if (!status)
        fmpnn_pool_each(ctx->pool, ctx->threads, d->samples->count, finish_any, d);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_OUTPUT, 0);
    return status;
}

/* Encoded jobs in, samples of all requests out, or none. */
static fmpnn_status sample_party(fmpnn_context *ctx, size_t n, draft *d, fmpnn_error *err)
{
    bool many = ctx->backend->sample_many && (n > 1 || !d->job->states);
    fmpnn_status status = many ? ask_together(ctx, n, d, err) : ask_alone(ctx, d, err);
    for (size_t k = 0; k < n && !status; k++)
        if (is_tied(d[k].job))
            status = logits_of_tied(ctx, &d[k], err);
    return status;
}

/* Encode what is not; the jobs that this made tables for are put into `fresh` [n]. */
static fmpnn_status encode_party(fmpnn_context *ctx, size_t n, fmpnn_design_request **ask,
                                 fmpnn_job **fresh, size_t *n_fresh, fmpnn_error *err)
{
    for (size_t k = 0; k < n; k++) {
        fmpnn_job *job = ask[k]->job;
        if (fmpnn_ask_encoded(ctx, job) || job->called)
            continue;
        job->called = true;
        fresh[(*n_fresh)++] = job;
    }
    for (size_t k = 0; k < *n_fresh; k++)
        fresh[k]->called = false;
    if (!*n_fresh)
        return FMPNN_OK;
    return n == 1 ? fmpnn_ask_encode(ctx, fresh[0], err)
                  : fmpnn_ask_encode_many(ctx, *n_fresh, fresh, err);
}

/* All n requests or none; `forget`: free the tables that were made for this. */
static fmpnn_status design_party(fmpnn_context *ctx, size_t n, fmpnn_design_request **ask,
                                 bool forget, fmpnn_error *err)
{
    size_t n_fresh = 0;
    fmpnn_job **fresh = fmpnn_alloc(n, sizeof *fresh);
    draft *d = fmpnn_alloc_zero(n, sizeof *d);
    fmpnn_status status = fresh && d ? FMPNN_OK : fmpnn_fail_memory(err, "designing");
    if (!status)
        status = encode_party(ctx, n, ask, fresh, &n_fresh, err);
    for (size_t k = 0; k < n && !status; k++)
        status = draft_init(&d[k], ask[k], err);
    if (!status)
        status = sample_party(ctx, n, d, err);
    for (size_t k = 0; k < n && !status; k++)
        if (ask[k]->native)
            status = fmpnn_score(ctx, ask[k]->job, 1, NULL, 1, ask[k]->native, err);
    for (size_t k = 0; k < n && !status; k++) {
        ask[k]->samples = d[k].samples;
        d[k].samples = NULL;
    }
    for (size_t k = 0; k < n && d; k++)
        draft_clear(&d[k]);
    for (size_t k = 0; k < n_fresh && forget; k++)
        fmpnn_job_forget(fresh[k]);
    fmpnn_release(d);
    fmpnn_release(fresh);
    return status;
}

/* After these a device answers nobody. */
static bool is_fatal(fmpnn_status status)
{
    return status == FMPNN_ECUDA || status == FMPNN_EDEVICE;
}

static void design_or_halve(fmpnn_context *ctx, size_t n, fmpnn_design_request **ask,
                            bool forget)
{
    fmpnn_error err = {{0}};
    fmpnn_status status = design_party(ctx, n, ask, forget, &err);
    if (status && n > 1 && !is_fatal(status)) {
        design_or_halve(ctx, n / 2, ask, forget);
        design_or_halve(ctx, n - n / 2, ask + n / 2, forget);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        ask[k]->status = status;
        if (status)
            ask[k]->error = err;
    }
}

/* ---- the public calls ---- */

static fmpnn_status check(const fmpnn_design_request *ask, fmpnn_error *err)
{
    if (ask->temperature != 0 &&
        !(ask->temperature >= FMPNN_TEMPERATURE_LEAST && isfinite(ask->temperature)))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "temperature %g: expected 0 (greedy), or %g or more",
                          ask->temperature, FMPNN_TEMPERATURE_LEAST);
    if (!ask->first || !ask->n)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "samples are numbered from 1, and at least 1 is asked");
    return FMPNN_OK;
}

/* How many of the n requests go into one call: of one model, one state each, and of structures
 * that there is memory for. */
static size_t party_size(const fmpnn_context *ctx, size_t n, fmpnn_design_request **ask,
                         const fmpnn_graph **graph)
{
    const fmpnn_job *first = ask[0]->job;
    size_t count = 1;
    if (!ctx->backend->encode_many || first->states)
        return 1;
    graph[0] = first->graph;
    for (; count < n; count++) {
        const fmpnn_job *job = ask[count]->job;
        if (job->model != first->model || job->states)
            break;
        graph[count] = job->graph;
    }
    return ctx->backend->together(ctx, first->model, count, graph);
}

fmpnn_status fmpnn_design_many(fmpnn_context *ctx, size_t n, fmpnn_design_request *request,
                               fmpnn_error *err)
{
    fmpnn_design_request **ask = fmpnn_alloc(n, sizeof *ask);
    const fmpnn_graph **graph = fmpnn_alloc(n, sizeof(fmpnn_graph *));
    size_t count = 0;
    for (size_t k = 0; k < n; k++) {
        request[k].samples = NULL;
        request[k].status = check(&request[k], &request[k].error);
        if (!ask || !graph)
            request[k].status = fmpnn_fail_memory(&request[k].error, "designing");
        else if (!request[k].status)
            ask[count++] = &request[k];
    }
    for (size_t k = 0, size; k < count; k += size) {
        size = party_size(ctx, count - k, ask + k, graph);
        design_or_halve(ctx, size, ask + k, n > 1);
    }
    fmpnn_release(graph);
    fmpnn_release(ask);
    for (size_t k = 0; k < n; k++)
        if (request[k].status)
            return fmpnn_fail(err, request[k].status, "%s", request[k].error.message);
    return FMPNN_OK;
}

fmpnn_status fmpnn_design(fmpnn_context *ctx, fmpnn_job *job, double temperature,
                          uint64_t first, size_t n, bool keep_probs, fmpnn_samples **out,
                          fmpnn_error *err)
{
    fmpnn_design_request request = {.job = job,
                                    .temperature = temperature,
                                    .first = first,
                                    .n = n,
                                    .keep_probs = keep_probs};
    fmpnn_status status = fmpnn_design_many(ctx, 1, &request, err);
    if (!status)
        *out = request.samples;
    return status;
}
