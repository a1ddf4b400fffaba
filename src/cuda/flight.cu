/* What the host sends for a flight: counted first, then copied into pinned memory by all threads. */
#include "cuda/flight.cuh"

#include <string.h>

static size_t take(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += (bytes + 255) / 256 * 256;
    return at;
}

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

/* The messages of its structures: worth their making, and not too large? */
static size_t count_messages(const sampler *s, flight *f)
{
    enum { FEWEST = 64 }; /* sequences: making messages costs as much as 22 of them */
    size_t count = 0, residues = 0;
    for (size_t k = 0; k < f->items; k++) {
        const fmpnn_encoding *en = s->item[f->first_item + k].encoding;
        f->messages_at[k] = count;
        count += decode_messages_count(en->L, en->K);
        residues += en->L;
    }
    f->shared = !f->n_groups && f->agenda.cells >= FEWEST * residues &&
                count <= s->most_bytes / 4 / sizeof(float);
    return f->shared ? count : 0;
}

void flight_lay_out(const sampler *s, flight *f)
{
    const fmpnn_agenda *agenda = &f->agenda;
    flight_places *at = &f->at;
    packer arrays = {};
    size_t used = 0, B = agenda->B, states = 0, n_rows = agenda->row_start[agenda->levels];
    size_t messages = count_messages(s, f);
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
    at->rows = take(&used, n_rows * sizeof(row));
    at->starts = take(&used, (agenda->levels + 1) * sizeof(uint32_t));
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
    at->told = take(
        &used, f->shared ? agenda->most * work_tiles((size_t)f->K) * 16 * sizeof(int) : 0);
    at->sorted = take(&used, f->shared ? n_rows * sizeof(row) : 0);
    at->messages = take(&used, messages * sizeof(float));
    at->total = used;
}

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
                   (float *)(f->block + f->at.logits) + q->cell * LETTERS,
                   f->shared ? (float *)(f->block + f->at.messages) + f->messages_at[rules]
                             : NULL};
    ((sequence *)(f->host + f->at.all))[b] = to;
    memcpy((uint32_t *)(f->host + f->at.rank) + q->cell, f->agenda.rank + q->cell,
           L * sizeof(uint32_t));
    memcpy((uint8_t *)f->host + f->at.letters + q->cell, f->agenda.letters + q->cell, L);
}

void flight_fill(sampler *s, flight *f)
{
    filling fill = {s, f};
    f->rules = (device_rules *)(f->host + f->at.rules);
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, f->items, fill_rules, &fill);
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, f->agenda.B, fill_sequence, &fill);
    fmpnn_agenda_lists(&f->agenda, (row *)(f->host + f->at.rows),
                       (unit *)(f->host + f->at.units));
    for (uint32_t v = 0; v <= f->agenda.levels; v++)
        ((uint32_t *)(f->host + f->at.starts))[v] = (uint32_t)f->agenda.row_start[v];
    if (f->n_groups)
        memcpy(f->host + f->at.groups, f->groups, f->n_groups * sizeof *f->groups);
    memset(f->host + f->at.failed, 0, sizeof(unsigned));
}

void flight_clear(sampler *s, flight *f)
{
    device_release(s->dev, f->block);
    fmpnn_release(f->groups);
    fmpnn_release(f->messages_at);
    fmpnn_release(f->rules_at);
    fmpnn_release(f->array_at);
    fmpnn_release(f->item_of);
    fmpnn_release(f->sequence);
    fmpnn_agenda_clear(&f->agenda);
    memset(f, 0, sizeof *f);
}
