/* Sampling, level by level (engine/levels.c): the rows of a level, of all sequences of all
 * structures, go through the decoder together, then the letters that became decidable are drawn,
 * all on the device. The result is exactly that of decoding one residue after another. Random
 * numbers come with the request; distributions are formed in double, in the order of
 * design/rules.c.
 *
 * Sequences travel in flights: as many as fit, and no more than keep the device busy. While the
 * device computes one, the host plans the next (agenda.h) and hands out the one before. */
#include "cuda/flight.cuh"

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

enum { UNITS = 4 }; /* of a block of draw_letters */

__global__ void draw_letters(const sequence *all, const device_request *requests,
                             const device_rules *rules, const uint32_t *rules_of,
                             const unit *units, uint32_t n, unsigned *failed)
{
    __shared__ draw_scratch scratch[UNITS];
    uint32_t at = (blockIdx.x * blockDim.x + threadIdx.x) / LANES;
    if (at >= n)
        return;
    uint32_t s = units[at].sequence;
    draw_group(all[s], requests[s], rules[rules_of[s]], units[at].group, failed,
               &scratch[threadIdx.x / LANES], threadIdx.x % LANES);
}

/* Device bytes that a sequence needs, roughly. */
static size_t bytes_each(const sampler *s, const fmpnn_sampling *item)
{
    size_t L = item->encoding->L;
    return decode_state_bytes(s->dev, item->encoding->weights, L) +
           L * ((2 + work_tiles(item->encoding->K)) * WIDTH * sizeof(float) + LETTERS * 12 +
                64);
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

/* On to the structure of the next sequence: the last one's may all be gone. */
static void next_waiting(sampler *s)
{
    while (s->next_item < s->n && s->next == s->item[s->next_item].B) {
        s->next_item++;
        s->next = 0;
    }
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
        next_waiting(s);
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
    f->messages_at = (size_t *)fmpnn_alloc(f->items, sizeof *f->messages_at);
    return f->rules_at && f->messages_at ? FMPNN_OK : fmpnn_fail_memory(err, "sampling");
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
    for (uint32_t v = 0; v < agenda->levels; v++) {
        size_t each = decode_wave_rows(s->dev, agenda->row_start[v + 1] - agenda->row_start[v]);
        for (size_t at = agenda->row_start[v]; at < agenda->row_start[v + 1]; at += each) {
            size_t left = agenda->row_start[v + 1] - at;
            f->groups[f->n_groups++] =
                (wave_group){(uint32_t)at, (uint32_t)(left < each ? left : each)};
        }
    }
    for (size_t n = 0; n < agenda->cells; n++)
        if (agenda->level[n])
            f->agenda.letters[n] |= WAVE_UNTOLD;
    return FMPNN_OK;
}

/* ---- the work ---- */

/* All that neighbours can say in the first layer; where one structure is on the flight, rows in an
 * order that has those together which ask for the same. */
static fmpnn_status share(sampler *s, flight *f, const row **rows, fmpnn_error *err)
{
    enum { MOST_SORTED = 10000 }; /* residues: counters in shared memory */
    for (size_t k = 0; k < f->items; k++)
        TRY(decode_messages(s->dev, f->w, &s->item[f->first_item + k].encoding->item,
                            (float *)(f->block + f->at.messages) + f->messages_at[k], err));
    size_t L = s->item[f->first_item].encoding->L;
    if (f->items > 1 || L > MOST_SORTED)
        return FMPNN_OK;
    row *sorted = (row *)(f->block + f->at.sorted);
    TRY(decode_sort(s->dev, *rows, (const uint32_t *)(f->block + f->at.starts),
                    f->agenda.levels, (int)L, sorted, err));
    *rows = sorted;
    return FMPNN_OK;
}

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
                     (float *)(f->block + f->at.work[2]),
                     work_tiles((size_t)f->K),
                     f->shared,
                     (int *)(f->block + f->at.told)};
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
    if (f->shared && agenda->levels)
        TRY(share(s, f, &rows, err));
    for (uint32_t v = 0; v < agenda->levels; v++) {
        size_t n_rows = agenda->row_start[v + 1] - agenda->row_start[v];
        uint32_t n_units = (uint32_t)(agenda->unit_start[v + 1] - agenda->unit_start[v]);
        for (int layer = 0; layer < f->w->decoder_layers; layer++)
            TRY(decode_layer(dev, f->w, layer, all, rows + agenda->row_start[v], n_rows,
                             &work, err));
        if (!n_units)
            continue;
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
    const flight_places *at = &f->at;
    TRY(device_stage(dev, which, at->sent, (void **)&f->host, err));
    TRY(device_stage(dev, 2 + which, back_end(f) - at->failed, (void **)&f->back, err));
    flight_fill(s, f);
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
    const flight_places *at = &f->at;
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
    next_waiting(s); /* its weights are the flight's */
    size_t item = s->next_item, next = s->next, B = count_passengers(s);
    for (;; B = (B + 1) / 2) {
        s->next_item = item;
        s->next = next;
        TRY(gather(s, f, B, err));
        TRY(fmpnn_agenda_make(&f->agenda, s->ctx->pool, s->ctx->threads, B, f->sequence,
                              err));
        TRY(plan_wave(s, f, err));
        flight_lay_out(s, f);
        fmpnn_status status = device_alloc(s->dev, f->at.total, (void **)&f->block, err);
        if (status == FMPNN_ENOMEM && before->flying) { /* once its memory is back */
            TRY(land(s, before, err));
            status = device_alloc(s->dev, f->at.total, (void **)&f->block, err);
        }
        if (!status)
            return take_off(s, f, err);
        const fmpnn_encoding *en = s->item[f->item_of[0]].encoding;
        if (status != FMPNN_ENOMEM)
            return status;
        if (B == 1)
            return device_name_size(s->dev, ", sampled", en->L, f->at.total, en->bytes, err);
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
    if (flights == 1 && cells > WORTH_TWO && s->item[0].finish)
        flights = 2;
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
