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
        if (!sample->letters || !sample->log_probs ||
            (keep_probs && !sample->sampling_probs)) {
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

typedef struct party {
    size_t n;
    draft *draft;  /* [n] */
    size_t *first; /* [n+1] samples of those before */
} party;

/* The draft that sample number `at` of all belongs to, and its number there. */
static draft *draft_of(const party *p, size_t *at)
{
    size_t low = 0, high = p->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (p->first[middle] <= *at)
            low = middle;
        else
            high = middle;
    }
    *at -= p->first[low];
    return &p->draft[low];
}

static void prepare_any(void *of, size_t at)
{
    draft *d = draft_of(of, &at);
    prepare_sample(d, at);
}

static void finish_any(void *of, size_t at)
{
    draft *d = draft_of(of, &at);
    finish_sample(d, at);
}

static fmpnn_status ask_samples(fmpnn_context *ctx, party *p, fmpnn_error *err)
{
    if (p->n == 1) /* the one that may have several states */
        return fmpnn_ask_sample(ctx, p->draft->job, p->draft->n_shared, p->draft->ask->n,
                                p->draft->request, err);
    fmpnn_sampling *item = fmpnn_alloc(p->n, sizeof *item);
    if (!item)
        return fmpnn_fail_memory(err, "sampling");
    for (size_t k = 0; k < p->n; k++) {
        draft *d = &p->draft[k];
        item[k] = (fmpnn_sampling){d->job->encoding, &d->job->rules, d->n_shared, d->ask->n,
                                   d->request};
    }
    fmpnn_status status = ctx->backend->sample_many(ctx, p->n, item, err);
    fmpnn_release(item);
    return status;
}

/* In a tied group no member saw the others' letters while they were drawn, so the logits of
 * sampling are not those of the finished sequence: these take a pass of their own. */
static fmpnn_status logits_of_tied(fmpnn_context *ctx, const draft *d, fmpnn_error *err)
{
    size_t L = d->job->inputs->L;
    fmpnn_status status = FMPNN_OK;
    if (d->job->rules.groups == L && !d->job->states)
        return FMPNN_OK;
    uint32_t *rank = fmpnn_alloc(L, sizeof *rank);
    if (!rank)
        return fmpnn_fail_memory(err, "scoring samples");
    for (size_t s = 0; s < d->samples->count && !status; s++) {
        fmpnn_order_rank(L, d->order + s * L, rank);
        status = fmpnn_ask_logits(ctx, d->job, 1, d->samples->sample[s].letters, rank,
                                  d->samples->sample[s].log_probs, err);
    }
    fmpnn_release(rank);
    return status;
}

/* Encoded jobs in, samples of all requests out, or none. */
static fmpnn_status sample_party(fmpnn_context *ctx, party *p, fmpnn_error *err)
{
    size_t total = p->first[p->n];
    fmpnn_pool_each(ctx->pool, ctx->threads, total, prepare_any, p);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_NONE, 0);
    fmpnn_status status = ask_samples(ctx, p, err);
    for (size_t k = 0; k < p->n && !status; k++)
        status = logits_of_tied(ctx, &p->draft[k], err);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_DECODE, 0);
    if (status)
        return status;
    fmpnn_pool_each(ctx->pool, ctx->threads, total, finish_any, p);
    fmpnn_lap(ctx->watch, FMPNN_STAGE_OUTPUT, 0);
    return FMPNN_OK;
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
    party p = {.n = n};
    size_t n_fresh = 0;
    fmpnn_job **fresh = fmpnn_alloc(n, sizeof *fresh);
    fmpnn_status status = FMPNN_OK;
    p.draft = fmpnn_alloc_zero(n, sizeof *p.draft);
    p.first = fmpnn_alloc(n + 1, sizeof *p.first);
    if (!fresh || !p.draft || !p.first)
        status = fmpnn_fail_memory(err, "designing");
    if (!status)
        status = encode_party(ctx, n, ask, fresh, &n_fresh, err);
    for (size_t k = 0; k < n && !status; k++) {
        p.first[k] = k ? p.first[k - 1] + ask[k - 1]->n : 0;
        p.first[k + 1] = p.first[k] + ask[k]->n;
        status = draft_init(&p.draft[k], ask[k], err);
    }
    if (!status)
        status = sample_party(ctx, &p, err);
    for (size_t k = 0; k < n && !status; k++) {
        ask[k]->samples = p.draft[k].samples;
        p.draft[k].samples = NULL;
    }
    for (size_t k = 0; k < n && p.draft; k++)
        draft_clear(&p.draft[k]);
    for (size_t k = 0; k < n_fresh && forget; k++)
        fmpnn_job_forget(fresh[k]);
    fmpnn_release(p.first);
    fmpnn_release(p.draft);
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
    if (!(ask->temperature >= 0) || !isfinite(ask->temperature))
        return fmpnn_fail(err, FMPNN_EINVAL, "temperature %g: expected 0 (greedy) or more",
                          ask->temperature);
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
