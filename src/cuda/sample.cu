/* Sampling, level by level (engine/levels.c): the rows of a level, of all sequences, go through
 * the decoder together, then the letters that became decidable are drawn, all on the device.
 * The result is exactly that of decoding one residue after another. Random numbers come with
 * the request; distributions are formed in double, in the order of design/rules.c. */
#include "cuda/wave.cuh"

extern "C" {
#include "engine/levels.h"
}
#include <string.h>

/* Logits of rows that are not computed are the bias: they have a share in a group's. */
__global__ void fill_unresolved(const sequence *all, const float *b_logits)
{
    const sequence &q = all[blockIdx.x];
    for (int at = threadIdx.x; at < q.item.L * LETTERS; at += blockDim.x)
        if (q.item.mask[at / LETTERS] == 0)
            q.logits[at] = b_logits[at % LETTERS];
}

__global__ void draw_letters(const sequence *all, const device_request *requests,
                             device_rules rules, const unit *units, uint32_t n,
                             unsigned *failed)
{
    uint32_t at = (blockIdx.x * blockDim.x + threadIdx.x) / LANES;
    if (at < n)
        draw_group(all[units[at].sequence], requests[units[at].sequence], rules,
                   units[at].group, failed, threadIdx.x % LANES);
}

/* ---- what one batch of requests needs, in one block of device memory ---- */

enum { BATCH_BYTES = 2000000000 };

typedef struct sampler {
    device *dev;
    const fmpnn_context *ctx;
    const fmpnn_encoding *en;
    const fmpnn_rules *rules;
    fmpnn_draw_request *request; /* [B] */
    size_t B, L, most;           /* most: rows of the largest level */
    uint32_t *rank, *level, *unit_level; /* host, [B][L], [B][L], [B][groups] */
    uint8_t *letters;            /* host, [B][L] as they start */
    uint32_t *top;               /* [B] highest level */
    const float *got_logits;     /* [B][L][21], [B][L] as they came back */
    const uint8_t *got_letters;
    uint32_t levels;
    size_t *row_start, *unit_start; /* [levels+1], into the lists */
    row *rows;
    unit *units;
    char *host, *block;
    bool placing; /* host and block are there */
    size_t used, sent;
    sequence *all;
    device_request *requests;
    row *device_rows;
    unit *device_units;
    device_rules device;
    uint8_t *device_letters;
    float *logits;
    double *probs;
    unsigned *failed;
    row_work work;
    wave_group *groups, *device_groups; /* NULL: level by level */
    size_t n_groups;
    unsigned *done;
} sampler;

static size_t place(sampler *s, size_t bytes)
{
    size_t at = s->used;
    s->used += (bytes + 255) / 256 * 256;
    return at;
}

/* An array that is sent: copied into the pinned memory; NULL stays NULL. */
static const void *send(sampler *s, const void *src, size_t bytes)
{
    if (!src)
        return NULL;
    size_t at = place(s, bytes);
    if (!s->placing)
        return NULL;
    memcpy(s->host + at, src, bytes);
    return s->block + at;
}

static void *room(sampler *s, size_t bytes)
{
    size_t at = place(s, bytes);
    return s->placing ? s->block + at : NULL;
}

/* Walked twice, to count and to fill. What the host sends comes first. */
static void lay_out(sampler *s)
{
    const fmpnn_rules *r = s->rules;
    size_t L = s->L, B = s->B, cells = L * LETTERS, d = sizeof(double);
    size_t n_rows = s->row_start[s->levels], n_units = s->unit_start[s->levels];
    device_rules *to = &s->device;
    s->used = 0;
    to->native = (const uint8_t *)send(s, r->native, L);
    to->resolved = (const uint8_t *)send(s, r->resolved, L);
    to->designed = (const uint8_t *)send(s, r->designed, L);
    to->omit = (const uint8_t *)send(s, r->omit, cells);
    to->pssm_allowed = (const uint8_t *)send(s, r->pssm_allowed, cells);
    to->omit_last = (const uint8_t *)send(s, r->omit_last, cells);
    to->bias = (const double *)send(s, r->bias, cells * d);
    to->pssm_coef = (const double *)send(s, r->pssm_coef, L * d);
    to->pssm_bias = (const double *)send(s, r->pssm_bias, cells * d);
    to->weight = (const double *)send(s, r->weight, L * d);
    to->pssm_multi = r->pssm_multi;
    to->carry_letters = r->carry_letters;
    to->start = (const uint32_t *)send(s, r->start, (r->groups + 1) * sizeof *r->start);
    to->member = (const uint32_t *)send(s, r->member, L * sizeof *r->member);
    to->group_of = (const uint32_t *)send(s, r->group_of, L * sizeof *r->group_of);
    const uint32_t *rank = (const uint32_t *)send(s, s->rank, B * L * sizeof *rank);
    s->device_letters = (uint8_t *)send(s, s->letters, B * L);
    s->device_rows = (row *)send(s, s->rows, n_rows * sizeof *s->rows);
    s->device_units = (unit *)send(s, s->units, n_units * sizeof *s->units);
    size_t at_all = place(s, B * sizeof(sequence)), at_requests = place(s, B * sizeof(device_request));
    s->all = (sequence *)(s->block + at_all);
    s->requests = (device_request *)(s->block + at_requests);
    sequence *all = (sequence *)(s->host + at_all);
    device_request *requests = (device_request *)(s->host + at_requests);
    for (size_t b = 0; b < B; b++) {
        const fmpnn_draw_request *from = &s->request[b];
        const double *uniform = (const double *)send(s, from->uniform, L * d);
        const double *exponential = (const double *)send(s, from->exponential, cells * d);
        if (s->placing)
            requests[b] = (device_request){uniform, exponential, from->temperature, NULL};
    }
    s->failed = (unsigned *)room(s, sizeof *s->failed);
    s->done = (unsigned *)room(s, sizeof *s->done);
    s->device_groups = (wave_group *)send(s, s->groups, s->n_groups * sizeof *s->groups);
    s->sent = s->used; /* `failed` and `done` are sent too, as 0 */
    if (s->placing) {
        *(unsigned *)(s->host + ((char *)s->failed - s->block)) = 0;
        *(unsigned *)(s->host + ((char *)s->done - s->block)) = 0;
    }
    /* logits and probs lie together, and start as 0; then the states */
    s->logits = (float *)room(s, B * cells * sizeof *s->logits);
    bool any = false;
    for (size_t b = 0; b < B; b++)
        any = any || s->request[b].probs;
    s->probs = any ? (double *)room(s, B * cells * d) : NULL;
    size_t state = decode_state_bytes(s->dev, s->en->weights, L);
    char *states = (char *)room(s, B * state);
    for (size_t b = 0; b < B && s->placing; b++) {
        all[b] = (sequence){s->en->item, rank + b * L, to->group_of, s->device_letters + b * L,
                            states + b * state, s->logits + b * cells};
        requests[b].probs = s->request[b].probs ? s->probs + b * cells : NULL;
    }
    float **work[3] = {&s->work.h, &s->work.own, &s->work.s};
    for (int n = 0; n < 3; n++)
        *work[n] = (float *)room(s, s->most * WIDTH * sizeof(float));
}

/* ---- the plan ---- */

static bool forced_letter(const fmpnn_rules *rules, size_t group, uint8_t *letter)
{
    if (rules->carry_letters)
        return false;
    for (size_t m = rules->start[group]; m < rules->start[group + 1]; m++)
        if (!rules->resolved[rules->member[m]]) {
            *letter = rules->native[rules->member[m]];
            return true;
        }
    return false;
}

/* Ranks, levels and starting letters of one sequence. */
static void plan_one(void *of, size_t b)
{
    sampler *s = (sampler *)of;
    const fmpnn_rules *rules = s->rules;
    size_t L = s->L;
    uint32_t *rank = s->rank + b * L, *unit_level = s->unit_level + b * rules->groups;
    uint8_t *letters = s->letters + b * L;
    for (size_t t = 0; t < L; t++)
        rank[s->request[b].order[t]] = (uint32_t)t;
    s->top[b] = fmpnn_levels_find(s->en->graph, rules, 0, s->request[b].order, rank,
                                        s->level + b * L, unit_level);
    memcpy(letters, rules->native, L);
    for (size_t g = 0; g < rules->groups; g++) { /* letters that wait for nothing */
        uint8_t letter;
        if (unit_level[g] || !forced_letter(rules, g, &letter))
            continue;
        for (size_t m = rules->start[g]; m < rules->start[g + 1]; m++)
            letters[rules->member[m]] = letter;
    }
}

/* start[v] .. start[v+1]: the items of level v + 1. Items of level 0 are left out. */
static void count_levels(const uint32_t *level, size_t n, uint32_t levels, size_t *start)
{
    memset(start, 0, (levels + 1) * sizeof *start);
    for (size_t k = 0; k < n; k++)
        if (level[k])
            start[level[k]]++;
    for (uint32_t v = 1; v <= levels; v++)
        start[v] += start[v - 1];
}

/* Sorts by level. `next` is work memory, [levels]. */
static void schedule(sampler *s, size_t *next)
{
    size_t L = s->L, groups = s->rules->groups;
    memcpy(next, s->row_start, s->levels * sizeof *next);
    for (size_t b = 0; b < s->B; b++)
        for (size_t i = 0; i < L; i++) {
            uint32_t v = s->level[b * L + i];
            if (!v)
                continue;
            size_t at = next[v - 1]++;
            s->rows[at] =
                (row){(uint32_t)b, (uint32_t)i, (uint32_t)(at - s->row_start[v - 1])};
        }
    memcpy(next, s->unit_start, s->levels * sizeof *next);
    for (size_t b = 0; b < s->B; b++)
        for (size_t g = 0; g < groups; g++) {
            uint32_t v = s->unit_level[b * groups + g];
            if (v)
                s->units[next[v - 1]++] = (unit){(uint32_t)b, (uint32_t)g};
        }
}

/* Few rows a level: all levels in one launch, in groups of rows of one level. */
static fmpnn_status plan_wave(sampler *s, fmpnn_error *err)
{
    s->n_groups = 0;
    s->groups = NULL;
    if (s->rules->groups != s->L || !s->levels ||
        !decode_wave_fits(s->dev, s->en->weights, (int)s->en->K,
                          s->row_start[s->levels] / s->levels))
        return FMPNN_OK;
    s->groups = (wave_group *)fmpnn_alloc(s->row_start[s->levels], sizeof *s->groups);
    if (!s->groups)
        return fmpnn_fail_memory(err, "sampling");
    for (uint32_t v = 0; v < s->levels; v++)
        for (size_t at = s->row_start[v]; at < s->row_start[v + 1]; at += WAVE_ROWS) {
            size_t left = s->row_start[v + 1] - at;
            s->groups[s->n_groups++] =
                (wave_group){(uint32_t)at, (uint32_t)(left < WAVE_ROWS ? left : WAVE_ROWS),
                             (uint32_t)s->row_start[v]};
        }
    return FMPNN_OK;
}

static fmpnn_status plan(sampler *s, fmpnn_error *err)
{
    size_t L = s->L;
    s->levels = 0;
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, s->B, plan_one, s);
    for (size_t b = 0; b < s->B; b++)
        s->levels = s->top[b] > s->levels ? s->top[b] : s->levels;
    size_t *next = (size_t *)fmpnn_alloc(s->levels + 1, sizeof *next);
    s->row_start = (size_t *)fmpnn_alloc(s->levels + 1, sizeof *s->row_start);
    s->unit_start = (size_t *)fmpnn_alloc(s->levels + 1, sizeof *s->unit_start);
    if (!next || !s->row_start || !s->unit_start) {
        fmpnn_release(next);
        return fmpnn_fail_memory(err, "sampling");
    }
    count_levels(s->level, s->B * L, s->levels, s->row_start);
    count_levels(s->unit_level, s->B * s->rules->groups, s->levels, s->unit_start);
    schedule(s, next);
    s->most = 0;
    for (uint32_t v = 0; v < s->levels; v++) {
        size_t n = s->row_start[v + 1] - s->row_start[v];
        s->most = n > s->most ? n : s->most;
    }
    fmpnn_release(next);
    return plan_wave(s, err);
}

/* ---- the work ---- */

static fmpnn_status launch(sampler *s, fmpnn_error *err)
{
    device *dev = s->dev;
    size_t zero = (size_t)((char *)s->work.h - (char *)s->logits);
    CUDA_TRY(cudaMemcpyAsync(s->block, s->host, s->sent, cudaMemcpyHostToDevice, dev->stream),
             err);
    CUDA_TRY(cudaMemsetAsync(s->logits, 0, zero, dev->stream), err);
    if (s->rules->carry_letters) {
        fill_unresolved<<<(unsigned)s->B, 256, 0, dev->stream>>>(s->all,
                                                                s->en->weights->b_logits);
        CUDA_LAUNCHED(err);
    }
    if (s->groups) {
        const wave_task t = {s->all, s->requests, s->device, s->device_rows, s->device_groups,
                             (uint32_t)s->n_groups, s->failed, s->done};
        return decode_wave(dev, s->en->weights, &t, err);
    }
    for (uint32_t v = 0; v < s->levels; v++) {
        size_t n_rows = s->row_start[v + 1] - s->row_start[v];
        uint32_t n_units = (uint32_t)(s->unit_start[v + 1] - s->unit_start[v]);
        for (int layer = 0; layer < s->en->weights->decoder_layers; layer++)
            TRY(decode_layer(dev, s->en->weights, layer, s->all,
                             s->device_rows + s->row_start[v], n_rows, &s->work,
                             (int)s->en->K, err));
        if (!n_units)
            continue;
        enum { UNITS = 4 }; /* a block */
        draw_letters<<<(n_units + UNITS - 1) / UNITS, UNITS * LANES, 0, dev->stream>>>(
            s->all, s->requests, s->device, s->device_units + s->unit_start[v], n_units,
            s->failed);
        CUDA_LAUNCHED(err);
    }
    return FMPNN_OK;
}

static void hand_out(void *of, size_t b)
{
    const sampler *s = (const sampler *)of;
    size_t L = s->L, cells = L * LETTERS;
    memcpy(s->request[b].letters, s->got_letters + b * L, L);
    memcpy(s->request[b].logits, s->got_logits + b * cells, cells * sizeof(float));
}

static fmpnn_status fetch(sampler *s, fmpnn_error *err)
{
    device *dev = s->dev;
    size_t L = s->L, cells = L * LETTERS, B = s->B;
    unsigned *failed;
    float *logits;
    uint8_t *letters;
    char *host;
    size_t at_logits = 256, at_letters = at_logits + B * cells * sizeof *logits;
    TRY(device_wait(dev, err)); /* what was sent lies in the same memory */
    TRY(device_pinned(dev, at_letters + B * L, (void **)&host, err));
    failed = (unsigned *)host;
    logits = (float *)(host + at_logits);
    letters = (uint8_t *)host + at_letters;
    CUDA_TRY(cudaMemcpyAsync(failed, s->failed, sizeof *failed, cudaMemcpyDeviceToHost,
                             dev->stream),
             err);
    CUDA_TRY(cudaMemcpyAsync(logits, s->logits, B * cells * sizeof *logits,
                             cudaMemcpyDeviceToHost, dev->stream),
             err);
    CUDA_TRY(cudaMemcpyAsync(letters, s->device_letters, B * L, cudaMemcpyDeviceToHost,
                             dev->stream),
             err);
    for (size_t b = 0; b < B; b++)
        if (s->request[b].probs)
            CUDA_TRY(cudaMemcpyAsync(s->request[b].probs, s->probs + b * cells,
                                     cells * sizeof(double), cudaMemcpyDeviceToHost,
                                     dev->stream),
                     err);
    TRY(device_wait(dev, err));
    if (*failed)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "no letter has a probability at model position %u: all are omitted, "
                          "or a logit or bias is not finite",
                          ~*failed + 1);
    s->got_logits = logits;
    s->got_letters = letters;
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, B, hand_out, s);
    return FMPNN_OK;
}

static fmpnn_status sample_batch(sampler *s, fmpnn_error *err)
{
    fmpnn_status status = plan(s, err);
    if (!status) {
        s->placing = false;
        lay_out(s);
        status = device_alloc(s->dev, s->used, (void **)&s->block, err);
    }
    if (!status)
        status = device_wait(s->dev, err); /* the pinned memory may still be read */
    if (!status)
        status = device_pinned(s->dev, s->sent, (void **)&s->host, err);
    if (!status) {
        s->placing = true;
        lay_out(s);
        if (s->dev->timed[0])
            cudaEventRecord(s->dev->timed[0], s->dev->stream);
        status = launch(s, err);
        if (s->dev->timed[1])
            cudaEventRecord(s->dev->timed[1], s->dev->stream);
    }
    if (!status)
        status = fetch(s, err);
    device_release(s->dev, s->block);
    s->block = NULL;
    fmpnn_release(s->groups);
    fmpnn_release(s->unit_start);
    fmpnn_release(s->row_start);
    s->groups = NULL;
    s->unit_start = s->row_start = NULL;
    return status;
}

fmpnn_status cuda_sample(fmpnn_context *ctx, const fmpnn_encoding *en, const fmpnn_rules *rules,
                         size_t n_shared, size_t B, fmpnn_draw_request *request,
                         fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    sampler s = {};
    (void)n_shared; /* computing them for each sequence gives the same */
    TRY(device_enter(ctx, &s.dev, err));
    TRY(encoding_await(s.dev, en, err));
    s.ctx = ctx;
    s.en = en;
    s.rules = rules;
    s.L = en->L;
    size_t one = decode_state_bytes(s.dev, en->weights, s.L) +
                 s.L * (3 * WIDTH * sizeof(float) + LETTERS * 20);
    size_t batch = BATCH_BYTES / one + 1;
    batch = batch < B ? batch : B;
    s.rank = (uint32_t *)fmpnn_alloc(batch, s.L * sizeof *s.rank);
    s.level = (uint32_t *)fmpnn_alloc(batch, s.L * sizeof *s.level);
    s.unit_level = (uint32_t *)fmpnn_alloc(batch, rules->groups * sizeof *s.unit_level);
    s.letters = (uint8_t *)fmpnn_alloc(batch, s.L);
    s.rows = (row *)fmpnn_alloc(batch, s.L * sizeof *s.rows);
    s.top = (uint32_t *)fmpnn_alloc(batch, sizeof *s.top);
    s.units = (unit *)fmpnn_alloc(batch, rules->groups * sizeof *s.units);
    if (!s.rank || !s.level || !s.unit_level || !s.letters || !s.rows || !s.units || !s.top)
        status = fmpnn_fail_memory(err, "sampling");
    for (size_t first = 0; first < B && !status; first += batch) {
        s.B = B - first < batch ? B - first : batch;
        s.request = request + first;
        status = sample_batch(&s, err);
    }
    fmpnn_release(s.top);
    fmpnn_release(s.units);
    fmpnn_release(s.rows);
    fmpnn_release(s.letters);
    fmpnn_release(s.unit_level);
    fmpnn_release(s.level);
    fmpnn_release(s.rank);
    return status;
}
