/* Sampling, level by level (engine/levels.c): the rows of a level, of all sequences of all
 * structures, go through the decoder together, then the letters that became decidable are drawn,
 * all on the device. The result is exactly that of decoding one residue after another. Random
 * numbers come with the request; distributions are formed in double, in the order of
 * design/rules.c.
 *
 * Sequences travel in flights: as many as fit, and no more than keep the device busy. While the
 * device computes one, the host plans the next (agenda.h) and hands out the one before. */
#include "cuda/wave.cuh"

#include <string.h>

/* Logits of rows that are not computed are the bias: they have a share in a group's, where
 * letters are carried on. */
__global__ void fill_unresolved(const sequence *all, const device_rules *rules,
                                const uint32_t *rules_of, const float *b_logits)
{
    const sequence &q = all[blockIdx.x];
    if (!rules[rules_of[blockIdx.x]].carry_letters)
        return;
    for (int at = threadIdx.x; at < q.item.L * LETTERS; at += blockDim.x)
        if (q.item.mask[at / LETTERS] == 0)
            q.logits[at] = b_logits[at % LETTERS];
}

__global__ void draw_letters(const sequence *all, const device_request *requests,
                             const device_rules *rules, const uint32_t *rules_of,
                             const unit *units, uint32_t n, unsigned *failed)
{
    uint32_t at = (blockIdx.x * blockDim.x + threadIdx.x) / LANES;
    if (at >= n)
        return;
    uint32_t s = units[at].sequence;
    draw_group(all[s], requests[s], rules[rules_of[s]], units[at].group, failed,
               threadIdx.x % LANES);
}

/* ---- a flight ---- */

enum {
    FLIGHT_CELLS = 1 << 20 /* residues. A flight has some 25 levels of few rows, which cost 5 ms
                              whatever it carries (H200): 1,000 backbones of 278,000 residues,
                              fp16, took 50.8 ms in two flights, 35.8 in one */
};

/* What lies where in a flight's block of device memory, in bytes. What the host sends comes
 * first; what it gets back begins with the last of that. */
typedef struct places {
    size_t rules, rules_of, all, requests, rank, rows, units, groups, arrays;
    size_t failed, letters, sent;
    size_t logits, probs, state, work[3], total;
} places;

typedef struct flight {
    fmpnn_agenda agenda;
    fmpnn_agenda_sequence *sequence; /* [B] */
    uint32_t *item_of;               /* [B] of the call */
    size_t *array_at; /* [B], [items] where uniform numbers, arrays of rules begin */
    size_t *rules_at;
    size_t first_item, items;
    const model_weights *w;
    int K; /* the largest */
    bool any_probs, carry;
    wave_group *groups; /* NULL: level by level */
    size_t n_groups;
    places at;
    char *host, *back, *block; /* host: sent; back: received */
    device_rules *rules;       /* host, [items] */
    bool flying;
} flight;

/* A call. */
typedef struct sampler {
    device *dev;
    const fmpnn_context *ctx;
    size_t n;
    const fmpnn_sampling *item; /* [n] */
    size_t next_item, next;     /* the first request that is on no flight yet */
    size_t most_bytes, most_cells;
    bool started;
    flight flight[2];
} sampler;

static size_t take(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += (bytes + 255) / 256 * 256;
    return at;
}

/* Device bytes that a sequence needs, roughly. */
static size_t bytes_each(const sampler *s, const fmpnn_sampling *item)
{
    size_t L = item->encoding->L;
    return decode_state_bytes(s->dev, item->encoding->weights, L) +
           L * ((2 + work_tiles(item->encoding->K)) * WIDTH * sizeof(float) + LETTERS * 12 +
                64);
}

static void flight_clear(sampler *s, flight *f)
{
    device_release(s->dev, f->block);
    fmpnn_release(f->groups);
    fmpnn_release(f->rules_at);
    fmpnn_release(f->array_at);
    fmpnn_release(f->item_of);
    fmpnn_release(f->sequence);
    fmpnn_agenda_clear(&f->agenda);
    memset(f, 0, sizeof *f);
}

/* ---- who is on it ---- */

/* How many sequences the next flight takes; all under one model's weights. */
static size_t count_passengers(const sampler *s)
{
    size_t B = 0, bytes = 0, cells = 0, at = s->next;
    for (size_t k = s->next_item; k < s->n; k++, at = 0) {
        const fmpnn_sampling *item = &s->item[k];
        size_t each = bytes_each(s, item), L = item->encoding->L;
        if (B && item->encoding->weights != s->item[s->next_item].encoding->weights)
            break;
        for (; at < item->B; at++, B++) {
            bytes += each;
            cells += L;
            if (B && (bytes > s->most_bytes || cells > s->most_cells))
                return B;
        }
    }
    return B;
}

static fmpnn_status board(sampler *s, flight *f, size_t B, fmpnn_error *err)
{
    f->sequence = (fmpnn_agenda_sequence *)fmpnn_alloc(B, sizeof *f->sequence);
    f->item_of = (uint32_t *)fmpnn_alloc(B, sizeof *f->item_of);
    f->array_at = (size_t *)fmpnn_alloc(B, sizeof *f->array_at);
    if (!f->sequence || !f->item_of || !f->array_at)
        return fmpnn_fail_memory(err, "sampling");
    f->first_item = s->next_item;
    f->w = s->item[s->next_item].encoding->weights;
    for (size_t b = 0; b < B; b++) {
        while (s->next == s->item[s->next_item].B) {
            s->next_item++;
            s->next = 0;
        }
        const fmpnn_sampling *item = &s->item[s->next_item];
        const fmpnn_draw_request *request = &item->request[s->next++];
        fmpnn_agenda_sequence q = {};
        q.graph = item->encoding->graph;
        q.rules = item->rules;
        q.request = request;
        f->sequence[b] = q;
        f->item_of[b] = (uint32_t)s->next_item;
        f->carry = f->carry || item->rules->carry_letters;
        f->K = (int)item->encoding->K > f->K ? (int)item->encoding->K : f->K;
    }
    f->items = s->next_item + 1 - f->first_item;
    f->rules_at = (size_t *)fmpnn_alloc(f->items, sizeof *f->rules_at);
    return f->rules_at ? FMPNN_OK : fmpnn_fail_memory(err, "sampling");
}

/* ---- what is sent ---- */

/* Arrays one behind the other: counted, and, with `host`, copied. */
typedef struct packer {
    char *host, *block;
    size_t used;
} packer;

static const void *pack(packer *p, const void *src, size_t bytes)
{
    if (!src)
        return NULL;
    size_t at = p->used;
    p->used += (bytes + 15) / 16 * 16;
    if (!p->host)
        return NULL;
    memcpy(p->host + at, src, bytes);
    return p->block + at;
}

static device_rules pack_rules(packer *p, const fmpnn_rules *r)
{
    size_t L = r->L, cells = L * LETTERS, d = sizeof(double);
    device_rules to = {};
    to.native = (const uint8_t *)pack(p, r->native, L);
    to.resolved = (const uint8_t *)pack(p, r->resolved, L);
    to.designed = (const uint8_t *)pack(p, r->designed, L);
    to.omit = (const uint8_t *)pack(p, r->omit, cells);
    to.pssm_allowed = (const uint8_t *)pack(p, r->pssm_allowed, cells);
    to.omit_last = (const uint8_t *)pack(p, r->omit_last, cells);
    to.bias = (const double *)pack(p, r->bias, cells * d);
    to.pssm_coef = (const double *)pack(p, r->pssm_coef, L * d);
    to.pssm_bias = (const double *)pack(p, r->pssm_bias, cells * d);
    to.weight = (const double *)pack(p, r->weight, L * d);
    to.pssm_multi = r->pssm_multi;
    to.carry_letters = r->carry_letters;
    to.start = (const uint32_t *)pack(p, r->start, (r->groups + 1) * sizeof *r->start);
    to.member = (const uint32_t *)pack(p, r->member, L * sizeof *r->member);
    to.group_of = (const uint32_t *)pack(p, r->group_of, L * sizeof *r->group_of);
    return to;
}

static device_request pack_request(packer *p, const fmpnn_draw_request *from, size_t L)
{
    device_request to = {};
    to.uniform = (const double *)pack(p, from->uniform, L * sizeof(double));
    to.exponential =
        (const double *)pack(p, from->exponential, L * LETTERS * sizeof(double));
    to.temperature = from->temperature;
    return to;
}

static void lay_out(const sampler *s, flight *f)
{
    const fmpnn_agenda *agenda = &f->agenda;
    places *at = &f->at;
    packer arrays = {};
    size_t used = 0, B = agenda->B, states = 0;
    for (size_t k = 0; k < f->items; k++) {
        f->rules_at[k] = arrays.used;
        pack_rules(&arrays, s->item[f->first_item + k].rules);
    }
    for (size_t b = 0; b < B; b++) {
        f->array_at[b] = arrays.used;
        pack_request(&arrays, f->sequence[b].request, f->sequence[b].rules->L);
        states += decode_state_bytes(s->dev, f->w, f->sequence[b].rules->L);
    }
    at->rules = take(&used, f->items * sizeof(device_rules));
    at->rules_of = take(&used, B * sizeof(uint32_t));
    at->all = take(&used, B * sizeof(sequence));
    at->requests = take(&used, B * sizeof(device_request));
    at->rank = take(&used, agenda->cells * sizeof(uint32_t));
    at->rows = take(&used, agenda->row_start[agenda->levels] * sizeof(row));
    at->units = take(&used, agenda->unit_start[agenda->levels] * sizeof(unit));
    at->groups = take(&used, f->n_groups * sizeof(wave_group));
    at->arrays = take(&used, arrays.used);
    at->failed = take(&used, sizeof(unsigned));
    at->letters = take(&used, agenda->cells);
    at->sent = used;
    /* these start as 0 */
    at->logits = take(&used, agenda->cells * LETTERS * sizeof(float));
    at->probs = take(&used, f->any_probs ? agenda->cells * LETTERS * sizeof(double) : 0);
    at->state = take(&used, states);
    for (int n = 0; n < 3; n++)
        at->work[n] = take(&used, agenda->most * (n < 2 ? 1 : work_tiles((size_t)f->K)) *
                                      WIDTH * sizeof(float));
    at->total = used;
}

typedef struct filling {
    const sampler *s;
    flight *f;
} filling;

static void fill_rules(void *of, size_t k)
{
    const filling *fill = (const filling *)of;
    flight *f = fill->f;
    packer p = {f->host + f->at.arrays, f->block + f->at.arrays, f->rules_at[k]};
    f->rules[k] = pack_rules(&p, fill->s->item[f->first_item + k].rules);
}

static void fill_sequence(void *of, size_t b)
{
    const filling *fill = (const filling *)of;
    flight *f = fill->f;
    const fmpnn_agenda_sequence *q = &f->sequence[b];
    const fmpnn_encoding *en = fill->s->item[f->item_of[b]].encoding;
    size_t L = en->L, state = decode_state_bytes(fill->s->dev, f->w, 1);
    packer p = {f->host + f->at.arrays, f->block + f->at.arrays, f->array_at[b]};
    device_request request = pack_request(&p, q->request, L);
    if (q->request->probs)
        request.probs = (double *)(f->block + f->at.probs) + q->cell * LETTERS;
    ((device_request *)(f->host + f->at.requests))[b] = request;
    uint32_t rules = f->item_of[b] - (uint32_t)f->first_item;
    ((uint32_t *)(f->host + f->at.rules_of))[b] = rules;
    sequence to = {en->item,
                   (const uint32_t *)(f->block + f->at.rank) + q->cell,
                   f->rules[rules].group_of,
                   (uint8_t *)f->block + f->at.letters + q->cell,
                   f->block + f->at.state + q->cell * state,
                   (float *)(f->block + f->at.logits) + q->cell * LETTERS};
    ((sequence *)(f->host + f->at.all))[b] = to;
    memcpy((uint32_t *)(f->host + f->at.rank) + q->cell, f->agenda.rank + q->cell,
           L * sizeof(uint32_t));
    memcpy((uint8_t *)f->host + f->at.letters + q->cell, f->agenda.letters + q->cell, L);
}

static void fill_host(sampler *s, flight *f)
{
    filling fill = {s, f};
    f->rules = (device_rules *)(f->host + f->at.rules);
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, f->items, fill_rules, &fill);
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, f->agenda.B, fill_sequence, &fill);
    fmpnn_agenda_lists(&f->agenda, (row *)(f->host + f->at.rows),
                       (unit *)(f->host + f->at.units));
    if (f->n_groups)
        memcpy(f->host + f->at.groups, f->groups, f->n_groups * sizeof *f->groups);
    memset(f->host + f->at.failed, 0, sizeof(unsigned));
}

/* Few rows a level of one structure: all levels in one launch, in groups of rows of one level. */
static fmpnn_status plan_wave(sampler *s, flight *f, fmpnn_error *err)
{
    const fmpnn_agenda *agenda = &f->agenda;
    const fmpnn_rules *rules = f->sequence[0].rules;
    if (f->items > 1 || rules->groups != rules->L || !agenda->levels ||
        !decode_wave_fits(s->dev, f->w, f->K,
                          agenda->row_start[agenda->levels] / agenda->levels))
        return FMPNN_OK;
    f->groups =
        (wave_group *)fmpnn_alloc(agenda->row_start[agenda->levels], sizeof *f->groups);
    if (!f->groups)
        return fmpnn_fail_memory(err, "sampling");
    for (uint32_t v = 0; v < agenda->levels; v++)
        for (size_t at = agenda->row_start[v]; at < agenda->row_start[v + 1];
             at += WAVE_ROWS) {
            size_t left = agenda->row_start[v + 1] - at;
            f->groups[f->n_groups++] =
                (wave_group){(uint32_t)at, (uint32_t)(left < WAVE_ROWS ? left : WAVE_ROWS)};
        }
    for (size_t n = 0; n < agenda->cells; n++)
        if (agenda->level[n])
            f->agenda.letters[n] |= WAVE_UNTOLD;
    return FMPNN_OK;
}

/* ---- the work ---- */

static fmpnn_status compute(sampler *s, flight *f, fmpnn_error *err)
{
    device *dev = s->dev;
    const fmpnn_agenda *agenda = &f->agenda;
    sequence *all = (sequence *)(f->block + f->at.all);
    device_request *requests = (device_request *)(f->block + f->at.requests);
    const device_rules *rules = (const device_rules *)(f->block + f->at.rules);
    const uint32_t *rules_of = (const uint32_t *)(f->block + f->at.rules_of);
    const row *rows = (const row *)(f->block + f->at.rows);
    const unit *units = (const unit *)(f->block + f->at.units);
    unsigned *failed = (unsigned *)(f->block + f->at.failed);
    row_work work = {(float *)(f->block + f->at.work[0]),
                     (float *)(f->block + f->at.work[1]),
                     (float *)(f->block + f->at.work[2]), work_tiles((size_t)f->K)};
    if (f->carry) {
        fill_unresolved<<<(unsigned)agenda->B, 256, 0, dev->stream>>>(all, rules, rules_of,
                                                                      f->w->b_logits);
        CUDA_LAUNCHED(err);
    }
    if (f->groups) {
        const wave_task t = {all,
                             requests,
                             f->rules[0],
                             rows,
                             (const wave_group *)(f->block + f->at.groups),
                             (uint32_t)f->n_groups,
                             failed};
        return decode_wave(dev, f->w, &t, err);
    }
    for (uint32_t v = 0; v < agenda->levels; v++) {
        size_t n_rows = agenda->row_start[v + 1] - agenda->row_start[v];
        uint32_t n_units = (uint32_t)(agenda->unit_start[v + 1] - agenda->unit_start[v]);
        for (int layer = 0; layer < f->w->decoder_layers; layer++)
            TRY(decode_layer(dev, f->w, layer, all, rows + agenda->row_start[v], n_rows,
                             &work, err));
        if (!n_units)
            continue;
        enum { UNITS = 4 }; /* a block */
        draw_letters<<<(n_units + UNITS - 1) / UNITS, UNITS * LANES, 0, dev->stream>>>(
            all, requests, rules, rules_of, units + agenda->unit_start[v], n_units, failed);
        CUDA_LAUNCHED(err);
    }
    return FMPNN_OK;
}

/* Where what comes back ends: with the distributions, if anyone wants them. */
static size_t back_end(const flight *f)
{
    return f->any_probs ? f->at.state : f->at.probs;
}

/* The event after a flight. Waiting awake is quicker by some 20 us, and takes a core. */
static cudaEvent_t landing(const sampler *s, const flight *f)
{
    enum { LONG = 20000 }; /* residues */
    return s->dev->landed[f - s->flight + (f->agenda.cells > LONG ? 2 : 0)];
}

static fmpnn_status take_off(sampler *s, flight *f, fmpnn_error *err)
{
    device *dev = s->dev;
    int which = (int)(f - s->flight);
    const places *at = &f->at;
    TRY(device_stage(dev, which, at->sent, (void **)&f->host, err));
    TRY(device_stage(dev, 2 + which, back_end(f) - at->failed, (void **)&f->back, err));
    fill_host(s, f);
    if (dev->timed[0] && !s->started)
        cudaEventRecord(dev->timed[0], dev->stream);
    s->started = true;
    f->flying = true; /* from here on the device may use the memory */
    CUDA_TRY(
        cudaMemcpyAsync(f->block, f->host, at->sent, cudaMemcpyHostToDevice, dev->stream),
        err);
    CUDA_TRY(
        cudaMemsetAsync(f->block + at->logits, 0, at->work[0] - at->logits, dev->stream),
        err);
    TRY(compute(s, f, err));
    if (dev->timed[1])
        cudaEventRecord(dev->timed[1], dev->stream);
    CUDA_TRY(cudaMemcpyAsync(f->back, f->block + at->failed, back_end(f) - at->failed,
                             cudaMemcpyDeviceToHost, dev->stream),
             err);
    CUDA_TRY(cudaEventRecord(landing(s, f), dev->stream), err);
    return FMPNN_OK;
}

static void hand_out(void *of, size_t b)
{
    const filling *fill = (const filling *)of;
    const flight *f = fill->f;
    const fmpnn_sampling *item = &fill->s->item[f->item_of[b]];
    const fmpnn_agenda_sequence *q = &f->sequence[b];
    const places *at = &f->at;
    size_t L = q->rules->L, cells = L * LETTERS;
    const char *back = f->back - at->failed;
    memcpy(q->request->letters, back + at->letters + q->cell, L);
    for (size_t i = 0; f->groups && i < L; i++)
        q->request->letters[i] &= (uint8_t)~WAVE_UNTOLD; /* in case nothing was computed */
    memcpy(q->request->logits, (const float *)(back + at->logits) + q->cell * LETTERS,
           cells * sizeof(float));
    if (q->request->probs)
        memcpy(q->request->probs, (const double *)(back + at->probs) + q->cell * LETTERS,
               cells * sizeof(double));
    if (item->finish)
        item->finish(item->of, (size_t)(q->request - item->request));
}

/* Wait for a flight and give everyone what is theirs. */
static fmpnn_status land(sampler *s, flight *f, fmpnn_error *err)
{
    if (!f->flying)
        return FMPNN_OK;
    CUDA_TRY(cudaEventSynchronize(landing(s, f)), err);
    unsigned failed = *(const unsigned *)f->back;
    if (failed)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "no letter has a probability at model position %u: all are omitted, "
            "or a logit or bias is not finite",
            ~failed + 1);
    filling fill = {s, f};
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, f->agenda.B, hand_out, &fill);
    flight_clear(s, f);
    return FMPNN_OK;
}

static void prepare_request(void *of, size_t b)
{
    const filling *fill = (const filling *)of;
    const flight *f = fill->f;
    const fmpnn_sampling *item = &fill->s->item[f->item_of[b]];
    if (item->prepare)
        item->prepare(item->of, (size_t)(f->sequence[b].request - item->request));
}

/* A flight with everyone on board. */
static fmpnn_status gather(sampler *s, flight *f, size_t B, fmpnn_error *err)
{
    filling fill = {s, f};
    TRY(board(s, f, B, err));
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, B, prepare_request, &fill);
    for (size_t b = 0; b < B; b++)
        f->any_probs = f->any_probs || f->sequence[b].request->probs;
    return FMPNN_OK;
}

/* One flight planned and off; where its memory is not to be had, a smaller one. */
static fmpnn_status send_off(sampler *s, flight *f, flight *before, fmpnn_error *err)
{
    size_t item = s->next_item, next = s->next, B = count_passengers(s);
    for (;; B = (B + 1) / 2) {
        s->next_item = item;
        s->next = next;
        TRY(gather(s, f, B, err));
        TRY(fmpnn_agenda_make(&f->agenda, s->ctx->pool, s->ctx->threads, B, f->sequence,
                              err));
        TRY(plan_wave(s, f, err));
        lay_out(s, f);
        fmpnn_status status = device_alloc(s->dev, f->at.total, (void **)&f->block, err);
        if (status == FMPNN_ENOMEM && before->flying) { /* once its memory is back */
            TRY(land(s, before, err));
            status = device_alloc(s->dev, f->at.total, (void **)&f->block, err);
        }
        if (status != FMPNN_ENOMEM || B == 1)
            return status ? status : take_off(s, f, err);
        s->most_bytes = f->at.total / 2;
        flight_clear(s, f);
    }
}

/* Flights of about the same size. */
static void set_sizes(sampler *s)
{
    size_t cells = 0;
    for (size_t k = 0; k < s->n; k++)
        cells += s->item[k].B * s->item[k].encoding->L;
    size_t flights = (cells + FLIGHT_CELLS - 1) / FLIGHT_CELLS;
    s->most_cells = (cells + flights - 1) / flights;
    s->most_bytes = s->dev->budget / 4; /* two of them, and encodings */
}

fmpnn_status cuda_sample_many(fmpnn_context *ctx, size_t n, const fmpnn_sampling *item,
                              fmpnn_error *err)
{
    sampler s = {};
    fmpnn_status status = FMPNN_OK;
    size_t turn = 0, total = 0;
    TRY(device_enter(ctx, &s.dev, err));
    for (size_t k = 0; k < n; k++) {
        TRY(encoding_await(s.dev, item[k].encoding, err));
        total += item[k].B;
    }
    s.ctx = ctx;
    s.n = n;
    s.item = item;
    if (total)
        set_sizes(&s);
    for (size_t done = 0; done < total && !status; turn++) {
        flight *f = &s.flight[turn % 2], *before = &s.flight[(turn + 1) % 2];
        status = send_off(&s, f, before, err);
        done += f->agenda.B;
        if (!status)
            status = land(&s, before, err);
    }
    if (!status)
        status = land(&s, &s.flight[(turn + 1) % 2], err);
    for (int k = 0; k < 2; k++) {
        if (s.flight[k].flying) /* after a failure: nothing may still use the memory */
            cudaStreamSynchronize(s.dev->stream);
        flight_clear(&s, &s.flight[k]);
    }
    return status;
}

fmpnn_status cuda_sample(fmpnn_context *ctx, const fmpnn_encoding *en,
                         const fmpnn_rules *rules, size_t n_shared, size_t B,
                         fmpnn_draw_request *request, fmpnn_error *err)
{
    const fmpnn_sampling item = {en, rules, n_shared, B, request, NULL, NULL, NULL};
    return cuda_sample_many(ctx, 1, &item,
                            err); /* shared steps computed for each: the same */
}
