/* Sampling, level by level (engine/levels.c): the rows of a level, of all sequences, go through
 * the decoder together, then the letters that became decidable are drawn, all on the device.
 * The result is exactly that of decoding one residue after another. Random numbers come with
 * the request; distributions are formed in double, in the order of design/rules.c. */
#include "cuda/decode.cuh"

extern "C" {
#include "engine/levels.h"
}
#include <math.h>
#include <string.h>

/* ---- rules and requests as the device reads them ---- */

typedef struct device_rules {
    const uint8_t *native, *resolved, *designed, *omit, *pssm_allowed, *omit_last;
    const double *bias, *pssm_coef, *pssm_bias, *weight;
    double pssm_multi;
    const uint32_t *start, *member;
    bool carry_letters; /* rules.h */
} device_rules;

typedef struct device_request {
    const double *uniform, *exponential;
    double temperature;
    double *probs;
} device_request;

/* A group of a sequence whose letter is to be drawn. */
typedef struct unit {
    uint32_t sequence, group;
} unit;

/* ---- the draw: a warp a unit, a lane a letter ---- */

/* Sum over the letters in ascending order, as the host adds. */
__device__ static double sum_letters(double x)
{
    double sum = 0;
    for (int a = 0; a < LETTERS; a++)
        sum = __dadd_rn(sum, __shfl_sync(~0u, x, a));
    return sum;
}

/* First letter of the largest value; a NaN never wins over what came before, as on the host. */
__device__ static int best_letter(double x)
{
    int best = 0;
    double top = __shfl_sync(~0u, x, 0);
    for (int a = 1; a < LETTERS; a++) {
        double other = __shfl_sync(~0u, x, a);
        if (other > top) {
            top = other;
            best = a;
        }
    }
    return best;
}

/* The lane's probability at position t (fmpnn_rules_distribution); false if nothing remains. */
__device__ static bool distribution(const device_rules &r, uint32_t t, double z, double T,
                                    int lane, double *out)
{
    size_t at = (size_t)t * LETTERS + lane;
    bool letter = lane < LETTERS, omitted = !letter || (r.omit && r.omit[at]);
    double y = letter ? __dadd_rn(z, r.bias ? r.bias[at] / T : 0) : 0, top = -INFINITY;
    for (int a = 0; a < LETTERS; a++) {
        double other = __shfl_sync(~0u, y, a);
        if (!__shfl_sync(~0u, (int)omitted, a) && other > top)
            top = other;
    }
    double q = omitted ? 0 : exp(__dadd_rn(y, -top));
    double sum = sum_letters(q);
    bool good = sum > 0;
    q /= sum;
    if (good && r.pssm_bias && r.pssm_coef) {
        double share = __dmul_rn(r.pssm_multi, r.pssm_coef[t]);
        if (letter)
            q = __dadd_rn(__dmul_rn(__dadd_rn(1, -share), q), __dmul_rn(share, r.pssm_bias[at]));
    }
    if (good && r.pssm_allowed) {
        if (letter)
            q = __dmul_rn(q, (r.pssm_allowed[at] ? 1 : 0) + 0.001);
        sum = sum_letters(q);
        good = sum > 0;
        q /= sum;
    }
    if (good && r.omit_last) {
        if (letter && r.omit_last[at])
            q = 0;
        sum = sum_letters(q);
        good = sum > 0;
        q /= sum;
    }
    *out = letter ? q : 0;
    return good;
}

__device__ static int draw_uniform(double p, double u)
{
    double sum = 0;
    int possible = LETTERS - 1, letter = -1;
    for (int a = 0; a < LETTERS; a++) {
        double other = __shfl_sync(~0u, p, a);
        sum = __dadd_rn(sum, other);
        if (letter < 0 && sum > u)
            letter = a;
        if (other > 0)
            possible = a;
    }
    return letter < 0 ? possible : letter; /* the sum fell short of u by rounding */
}

/* fmpnn_rules_draws */
__device__ static bool draws(const device_rules &r, uint32_t first, uint32_t end)
{
    bool any = false;
    for (uint32_t m = first; m < end; m++)
        any = any || r.designed[r.member[m]];
    return r.carry_letters ? any : r.designed[r.member[end - 1]];
}

/* fmpnn_rules_give */
__device__ static void give(const device_rules &r, uint32_t first, uint32_t end, int letter,
                            uint8_t *letters, int lane)
{
    if (!r.carry_letters) {
        for (uint32_t m = first + lane; m < end; m += LANES)
            letters[r.member[m]] = (uint8_t)letter;
        return;
    }
    for (uint32_t m = first; m < end && lane == 0; m++) {
        uint32_t i = r.member[m];
        if (!r.designed[i])
            letter = r.native[i];
        letters[i] = (uint8_t)letter;
    }
}

/* Logits of rows that are not computed are the bias: they have a share in a group's. */
__global__ void fill_unresolved(const sequence *all, const float *b_logits)
{
    const sequence &q = all[blockIdx.x];
    for (int at = threadIdx.x; at < q.item.L * LETTERS; at += blockDim.x)
        if (q.item.mask[at / LETTERS] == 0)
            q.logits[at] = b_logits[at % LETTERS];
}

/* failed: the smallest position without a distribution, plus 1; 0 if there is none. */
__global__ void draw_letters(const sequence *all, const device_request *requests,
                             device_rules rules, const unit *units, uint32_t n,
                             unsigned *failed)
{
    uint32_t at = (blockIdx.x * blockDim.x + threadIdx.x) / LANES;
    int lane = threadIdx.x % LANES;
    if (at >= n)
        return;
    const sequence &q = all[units[at].sequence];
    const device_request &request = requests[units[at].sequence];
    uint32_t first = rules.start[units[at].group], end = rules.start[units[at].group + 1];
    uint32_t lead = rules.member[first], last = rules.member[end - 1];
    bool designed = draws(rules, first, end);
    /* an unresolved member decides: the first of them */
    for (uint32_t m = first; m < end && !rules.carry_letters; m++)
        if (!rules.resolved[rules.member[m]]) {
            give(rules, first, end, rules.native[rules.member[m]], q.letters, lane);
            return;
        }
    if (!designed && !request.probs) {
        give(rules, first, end, rules.native[last], q.letters, lane);
        return;
    }
    bool greedy = !request.uniform && !request.exponential;
    double T = greedy ? 1 : request.temperature, z = 0, p;
    for (uint32_t m = first; m < end && lane < LETTERS; m++) {
        uint32_t i = rules.member[m];
        double weight = rules.weight ? rules.weight[i] : 1;
        double term = __dmul_rn(weight, (double)q.logits[(size_t)i * LETTERS + lane]);
        z = __dadd_rn(z, term / T / (double)(end - first));
    }
    bool good = distribution(rules, last, z, T, lane, &p);
    if (!good && designed) {
        if (lane == 0)
            atomicMax(failed, ~last); /* the smallest position */
        return;
    }
    if (!good)
        p = 0;
    int letter;
    if (request.exponential) {
        double q_lane = lane < LETTERS ? request.exponential[(size_t)lead * LETTERS + lane] : 1;
        letter = best_letter(p / q_lane);
    } else {
        letter = greedy ? best_letter(p) : draw_uniform(p, request.uniform[lead]);
    }
    give(rules, first, end, designed ? letter : rules.native[last], q.letters, lane);
    for (uint32_t m = first; request.probs && lane < LETTERS && m < end; m++)
        request.probs[(size_t)rules.member[m] * LETTERS + lane] = p;
}

/* ---- what one batch of requests needs, in one block of device memory ---- */

enum { BATCH_BYTES = 2000000000 };

typedef struct sampler {
    device *dev;
    const fmpnn_encoding *en;
    const fmpnn_rules *rules;
    fmpnn_draw_request *request; /* [B] */
    size_t B, L, most;           /* most: rows of the largest level */
    uint32_t *rank, *level, *unit_level; /* host, [B][L], [B][L], [B][groups] */
    uint8_t *letters;            /* host, [B][L] as they start */
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
    const uint32_t *group_of = (const uint32_t *)send(s, r->group_of, L * sizeof *r->group_of);
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
    s->sent = s->used; /* `failed` is sent too, as 0 */
    if (s->placing)
        *(unsigned *)(s->host + ((char *)s->failed - s->block)) = 0;
    /* logits and probs lie together, and start as 0; then the states */
    s->logits = (float *)room(s, B * cells * sizeof *s->logits);
    bool any = false;
    for (size_t b = 0; b < B; b++)
        any = any || s->request[b].probs;
    s->probs = any ? (double *)room(s, B * cells * d) : NULL;
    size_t state = decode_state_bytes(s->dev, s->en->weights, L);
    char *states = (char *)room(s, B * state);
    for (size_t b = 0; b < B && s->placing; b++) {
        all[b] = (sequence){s->en->item, rank + b * L, group_of, s->device_letters + b * L,
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

/* Ranks, levels and starting letters of one sequence; returns its levels. */
static uint32_t plan_one(sampler *s, size_t b)
{
    const fmpnn_rules *rules = s->rules;
    size_t L = s->L;
    uint32_t *rank = s->rank + b * L, *unit_level = s->unit_level + b * rules->groups;
    uint8_t *letters = s->letters + b * L;
    for (size_t t = 0; t < L; t++)
        rank[s->request[b].order[t]] = (uint32_t)t;
    uint32_t levels = fmpnn_levels_find(s->en->graph, rules, 0, s->request[b].order, rank,
                                        s->level + b * L, unit_level);
    memcpy(letters, rules->native, L);
    for (size_t g = 0; g < rules->groups; g++) { /* letters that wait for nothing */
        uint8_t letter;
        if (unit_level[g] || !forced_letter(rules, g, &letter))
            continue;
        for (size_t m = rules->start[g]; m < rules->start[g + 1]; m++)
            letters[rules->member[m]] = letter;
    }
    return levels;
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

static fmpnn_status plan(sampler *s, fmpnn_error *err)
{
    size_t L = s->L;
    s->levels = 0;
    for (size_t b = 0; b < s->B; b++) {
        uint32_t levels = plan_one(s, b);
        s->levels = levels > s->levels ? levels : s->levels;
    }
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
    return FMPNN_OK;
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
    for (size_t b = 0; b < B; b++) {
        memcpy(s->request[b].letters, letters + b * L, L);
        memcpy(s->request[b].logits, logits + b * cells, cells * sizeof *logits);
    }
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
        status = launch(s, err);
    }
    if (!status)
        status = fetch(s, err);
    device_release(s->dev, s->block);
    s->block = NULL;
    fmpnn_release(s->unit_start);
    fmpnn_release(s->row_start);
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
    s.units = (unit *)fmpnn_alloc(batch, rules->groups * sizeof *s.units);
    if (!s.rank || !s.level || !s.unit_level || !s.letters || !s.rows || !s.units)
        status = fmpnn_fail_memory(err, "sampling");
    for (size_t first = 0; first < B && !status; first += batch) {
        s.B = B - first < batch ? B - first : batch;
        s.request = request + first;
        status = sample_batch(&s, err);
    }
    fmpnn_release(s.units);
    fmpnn_release(s.rows);
    fmpnn_release(s.letters);
    fmpnn_release(s.unit_level);
    fmpnn_release(s.level);
    fmpnn_release(s.rank);
    return status;
}
