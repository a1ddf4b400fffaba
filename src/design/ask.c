/* A job's questions to its backend. One structure: they are passed on. Several states: they are
 * put to the joint graph (states.h), and the answers averaged. */
#include "design/compute.h"
#include "design/order.h"
#include "design/states.h"

#include <string.h>

bool fmpnn_ask_encoded(const fmpnn_context *ctx, const fmpnn_job *job)
{
    return job->encoding && job->encoded_by == ctx->backend &&
           job->encoded_with == ctx->identity;
}

static const fmpnn_graph *graph_of(const fmpnn_job *job)
{
    return job->states ? job->states->graph : job->graph;
}

fmpnn_status fmpnn_ask_encode(fmpnn_context *ctx, fmpnn_job *job, fmpnn_error *err)
{
    if (fmpnn_ask_encoded(ctx, job))
        return FMPNN_OK;
    fmpnn_job_forget(job);
    job->encoded_by = ctx->backend;
    job->encoded_with = ctx->identity;
    return ctx->backend->encode(ctx, job->model, graph_of(job), &job->encoding, err);
}

fmpnn_status fmpnn_ask_encode_many(fmpnn_context *ctx, size_t n, fmpnn_job *const *job,
                                   fmpnn_error *err)
{
    const fmpnn_graph **graph = fmpnn_alloc(n, sizeof(fmpnn_graph *));
    fmpnn_encoding **encoding = fmpnn_alloc(n, sizeof *encoding);
    fmpnn_status status = FMPNN_OK;
    if (!graph || !encoding)
        status = fmpnn_fail_memory(err, "encoding");
    for (size_t k = 0; k < n && !status; k++) {
        fmpnn_job_forget(job[k]);
        graph[k] = graph_of(job[k]);
    }
    if (!status)
        status = ctx->backend->encode_many(ctx, job[0]->model, n, graph, encoding, err);
    for (size_t k = 0; k < n && !status; k++) {
        job[k]->encoded_by = ctx->backend;
        job[k]->encoded_with = ctx->identity;
        job[k]->encoding = encoding[k];
    }
    fmpnn_release(encoding);
    fmpnn_release(graph);
    return status;
}

/* ---- several states ---- */

/* Ranks by the job's positions to ranks by joint ones; order [own + L] is scratch. */
static void join_rank(const struct fmpnn_states *x, const uint32_t *rank, uint32_t *order,
                      uint32_t *joint)
{
    fmpnn_order_rank(x->own, rank, order); /* the inverse of a permutation, either way */
    fmpnn_states_order(x, order, order + x->own);
    fmpnn_order_rank(x->L, order + x->own, joint);
}

static fmpnn_status logits_of_states(fmpnn_context *ctx, const fmpnn_job *job, size_t B,
                                     const uint8_t *letters, const uint32_t *rank,
                                     float *logits, fmpnn_error *err)
{
    const struct fmpnn_states *x = job->states;
    size_t L = x->L, own = x->own;
    uint8_t *joint_letters = fmpnn_alloc(B, L);
    uint32_t *joint_rank = fmpnn_alloc(B, L * sizeof *joint_rank);
    uint32_t *order = fmpnn_alloc(own + L, sizeof *order);
    float *joint = fmpnn_alloc(B, L * FMPNN_LETTERS * sizeof *joint);
    fmpnn_status status = FMPNN_OK;
    if (!joint_letters || !joint_rank || !order || !joint)
        status = fmpnn_fail_memory(err, "computing states");
    for (size_t b = 0; b < B && !status && rank; b++) {
        fmpnn_states_letters(x, letters + b * own, joint_letters + b * L);
        join_rank(x, rank + b * own, order, joint_rank + b * L);
    }
    if (!status)
        status = ctx->backend->logits(ctx, job->encoding, B, joint_letters,
                                      rank ? joint_rank : NULL, joint, err);
    for (size_t b = 0; b < B && !status; b++)
        fmpnn_states_average(x, joint + b * L * FMPNN_LETTERS,
                             logits + b * own * FMPNN_LETTERS);
    fmpnn_release(joint);
    fmpnn_release(order);
    fmpnn_release(joint_rank);
    fmpnn_release(joint_letters);
    return status;
}

static fmpnn_status conditional_of_states(fmpnn_context *ctx, const fmpnn_job *job,
                                          const uint8_t *letters, const uint32_t *rank,
                                          const uint8_t *wanted, float *logits,
                                          fmpnn_error *err)
{
    const struct fmpnn_states *x = job->states;
    size_t L = x->L;
    uint8_t *joint_letters = fmpnn_alloc(L, 1);
    uint8_t *joint_wanted = fmpnn_alloc_zero(L, 1);
    uint32_t *joint_rank = fmpnn_alloc(L, sizeof *joint_rank);
    uint32_t *order = fmpnn_alloc(x->own + L, sizeof *order);
    float *joint = fmpnn_alloc_zero(L, FMPNN_LETTERS * sizeof *joint);
    fmpnn_status status = FMPNN_OK;
    if (!joint_letters || !joint_wanted || !joint_rank || !order || !joint)
        status = fmpnn_fail_memory(err, "computing states");
    if (!status) {
        fmpnn_states_letters(x, letters, joint_letters);
        join_rank(x, rank, order, joint_rank);
        for (size_t s = 0; s < x->count; s++)
            for (size_t i = 0; i < x->own; i++)
                if (wanted[i] && x->part[s].share[i] != 0)
                    joint_wanted[x->part[s].copy[i]] = 1;
        status = ctx->backend->conditional(ctx, job->encoding, joint_letters, joint_rank,
                                           joint_wanted, joint, err);
    }
    if (!status)
        fmpnn_states_average(x, joint, logits);
    fmpnn_release(joint);
    fmpnn_release(order);
    fmpnn_release(joint_rank);
    fmpnn_release(joint_wanted);
    fmpnn_release(joint_letters);
    return status;
}

/* Room for n joint requests. */
typedef struct joint_draws {
    fmpnn_draw_request *request; /* [n] */
    uint32_t *order;             /* [n][L] */
    uint8_t *letters;
    double *uniform, *probs; /* [n][L], [n][L][21] */
    float *logits;
} joint_draws;

static bool draws_init(joint_draws *d, size_t n, size_t L, bool probs)
{
    d->request = fmpnn_alloc_zero(n, sizeof *d->request);
    d->order = fmpnn_alloc(n, L * sizeof *d->order);
    d->letters = fmpnn_alloc(n, L);
    d->uniform = fmpnn_alloc_zero(n, L * sizeof *d->uniform);
    d->probs = probs ? fmpnn_alloc(n, L * FMPNN_LETTERS * sizeof *d->probs) : NULL;
    d->logits = fmpnn_alloc(n, L * FMPNN_LETTERS * sizeof *d->logits);
    return d->request && d->order && d->letters && d->uniform && d->logits &&
           (d->probs || !probs);
}

static void draws_clear(joint_draws *d)
{
    fmpnn_release(d->logits);
    fmpnn_release(d->probs);
    fmpnn_release(d->uniform);
    fmpnn_release(d->letters);
    fmpnn_release(d->order);
    fmpnn_release(d->request);
}

/* A group's letter is drawn with the number of its first member, which is the job's own. */
static void join_request(const struct fmpnn_states *x, const joint_draws *d, size_t n,
                         const fmpnn_draw_request *own)
{
    size_t L = x->L;
    fmpnn_draw_request *joint = &d->request[n];
    fmpnn_states_order(x, own->order, d->order + n * L);
    if (own->uniform)
        memcpy(d->uniform + n * L, own->uniform, x->own * sizeof *d->uniform);
    *joint =
        (fmpnn_draw_request){.order = d->order + n * L,
                             .uniform = own->uniform ? d->uniform + n * L : NULL,
                             .temperature = own->temperature,
                             .letters = d->letters + n * L,
                             .logits = d->logits + n * L * FMPNN_LETTERS,
                             .probs = own->probs ? d->probs + n * L * FMPNN_LETTERS : NULL};
}

static void split_request(const struct fmpnn_states *x, const fmpnn_draw_request *joint,
                          const fmpnn_draw_request *own)
{
    memcpy(own->letters, joint->letters, x->own);
    fmpnn_states_average(x, joint->logits, own->logits);
    if (own->probs)
        memcpy(own->probs, joint->probs, x->own * FMPNN_LETTERS * sizeof *own->probs);
}

static fmpnn_status sample_states(fmpnn_context *ctx, const fmpnn_job *job, size_t n_shared,
                                  size_t n, const fmpnn_draw_request *request,
                                  fmpnn_error *err)
{
    const struct fmpnn_states *x = job->states;
    joint_draws d = {0};
    fmpnn_status status = draws_init(&d, n, x->L, request->probs != NULL)
                              ? FMPNN_OK
                              : fmpnn_fail_memory(err, "sampling states");
    for (size_t k = 0; k < n && !status; k++)
        join_request(x, &d, k, &request[k]);
    if (!status)
        status = ctx->backend->sample(ctx, job->encoding, &x->rules,
                                      fmpnn_states_shared(x, request->order, n_shared), n,
                                      d.request, err);
    for (size_t k = 0; k < n && !status; k++)
        split_request(x, &d.request[k], &request[k]);
    draws_clear(&d);
    return status;
}

/* ---- one or several ---- */

fmpnn_status fmpnn_ask_logits(fmpnn_context *ctx, const fmpnn_job *job, size_t B,
                              const uint8_t *letters, const uint32_t *rank, float *logits,
                              fmpnn_error *err)
{
    if (job->states)
        return logits_of_states(ctx, job, B, letters, rank, logits, err);
    return ctx->backend->logits(ctx, job->encoding, B, letters, rank, logits, err);
}

fmpnn_status fmpnn_ask_conditional(fmpnn_context *ctx, const fmpnn_job *job,
                                   const uint8_t *letters, const uint32_t *rank,
                                   const uint8_t *wanted, float *logits, fmpnn_error *err)
{
    if (job->states)
        return conditional_of_states(ctx, job, letters, rank, wanted, logits, err);
    return ctx->backend->conditional(ctx, job->encoding, letters, rank, wanted, logits,
                                     err);
}

fmpnn_status fmpnn_ask_sample(fmpnn_context *ctx, const fmpnn_job *job, size_t n_shared,
                              size_t n, fmpnn_draw_request *request, fmpnn_error *err)
{
    if (job->states)
        return sample_states(ctx, job, n_shared, n, request, err);
    return ctx->backend->sample(ctx, job->encoding, &job->rules, n_shared, n, request, err);
}
