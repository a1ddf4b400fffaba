/* Sampling, level by level (levels.c). All rows of one level, of all sequences, are computed
 * together; then the letters that became decidable are drawn. The result is exactly that of
 * decoding one residue after another.
 *
 * Residues that come first in every request with known letters are computed once, by the
 * all-at-once path of logits.c, and shared. */
#include "engine/engine.h"

#include <string.h>

enum { BATCH_BYTES = 32 << 20 }; /* states of sequences decoded together */

/* Things to do, sorted by level: item n of level v is item[start[v-1] + n], v from 1. */
typedef struct agenda {
    size_t *start; /* [levels+1] */
    fmpnn_row *item;
} agenda;

typedef struct sampler {
    const fmpnn_context *ctx;
    const fmpnn_encoding *en;
    const fmpnn_rules *rules;
    size_t n_shared, B;
    fmpnn_draw_request *request; /* [B] */
    fmpnn_sequence *sequence;    /* [B] */
    fmpnn_slots slots;
    uint32_t *slot;              /* [L] */
    uint8_t *shared;             /* [L] */
    uint32_t *rank;              /* [B][L] */
    uint32_t *level;             /* [B][L] */
    uint32_t *unit_level;        /* [B][groups] */
    float *state;
    uint32_t levels;
    agenda rows, units; /* rows: residues to compute; units: groups to draw for (i = group) */
} sampler;

/* ---- letters ---- */

/* The letter that decides a group without a draw: that of its first unresolved member. */
static bool forced_letter(const fmpnn_rules *rules, size_t group, uint8_t *letter)
{
    for (size_t m = rules->start[group]; m < rules->start[group + 1]; m++)
        if (!rules->resolved[rules->member[m]]) {
            *letter = rules->native[rules->member[m]];
            return true;
        }
    return false;
}

static void give(const fmpnn_rules *rules, size_t group, uint8_t letter, uint8_t *letters)
{
    for (size_t m = rules->start[group]; m < rules->start[group + 1]; m++)
        letters[rules->member[m]] = letter;
}

/* Combined logits of a group, sum(weight z / T) / n, then its distribution and its draw. */
static fmpnn_status draw(const fmpnn_rules *rules, size_t group, fmpnn_draw_request *request,
                         fmpnn_error *err)
{
    size_t first = rules->start[group], end = rules->start[group + 1];
    size_t lead = rules->member[first], last = rules->member[end - 1];
    bool greedy = !request->uniform && !request->exponential;
    double T = greedy ? 1 : request->temperature, z[FMPNN_LETTERS] = {0};
    double p[FMPNN_LETTERS];
    uint8_t letter;
    if (forced_letter(rules, group, &letter)) {
        give(rules, group, letter, request->letters);
        return FMPNN_OK;
    }
    if (!rules->designed[last] && !request->probs) {
        give(rules, group, rules->native[last], request->letters);
        return FMPNN_OK;
    }
    for (size_t m = first; m < end; m++) {
        size_t i = rules->member[m];
        double weight = rules->weight ? rules->weight[i] : 1;
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            z[a] += weight * request->logits[i * FMPNN_LETTERS + a] / T / (double)(end - first);
    }
    fmpnn_status status = fmpnn_rules_distribution(rules, last, z, T, p, err);
    if (status && rules->designed[last])
        return status;
    if (status) /* a fixed residue keeps its letter, whatever is omitted there */
        memset(p, 0, sizeof p);
    if (request->exponential)
        letter = fmpnn_draw_race(p, request->exponential + lead * FMPNN_LETTERS);
    else
        letter = greedy ? fmpnn_draw_best(p) : fmpnn_draw(p, request->uniform[lead]);
    give(rules, group, rules->designed[last] ? letter : rules->native[last], request->letters);
    for (size_t m = first; request->probs && m < end; m++)
        memcpy(request->probs + rules->member[m] * FMPNN_LETTERS, p, sizeof p);
    return FMPNN_OK;
}

/* ---- preparation ---- */

static void release(sampler *s)
{
    fmpnn_release(s->units.item);
    fmpnn_release(s->units.start);
    fmpnn_release(s->rows.item);
    fmpnn_release(s->rows.start);
    fmpnn_release(s->state);
    fmpnn_release(s->slots.shared_state);
    fmpnn_release(s->unit_level);
    fmpnn_release(s->level);
    fmpnn_release(s->rank);
    fmpnn_release(s->shared);
    fmpnn_release(s->slot);
    fmpnn_release(s->sequence);
}

/* Which residues have a state, and where. */
static void place_states(sampler *s)
{
    const fmpnn_rules *rules = s->rules;
    for (size_t i = 0; i < rules->L; i++)
        s->shared[i] = 0;
    for (size_t t = 0; t < s->n_shared; t++)
        s->shared[s->request[0].order[t]] = 1;
    for (size_t m = 0; m < rules->L; m++) {
        size_t i = rules->member[m];
        s->slot[i] = FMPNN_NO_SLOT;
        if (s->shared[i] ? rules->resolved[i] : fmpnn_member_computed(rules, m))
            s->slot[i] = (uint32_t)(s->shared[i] ? s->slots.shared_slots++ : s->slots.slots++);
    }
    s->slots.slot = s->slot;
    s->slots.shared = s->shared;
}

static bool allocate(sampler *s, size_t batch)
{
    size_t L = s->en->L, layers = s->en->layers - 1;
    s->sequence = fmpnn_alloc_zero(batch, sizeof *s->sequence);
    s->slot = fmpnn_alloc(L, sizeof *s->slot);
    s->shared = fmpnn_alloc(L, sizeof *s->shared);
    s->rank = fmpnn_alloc(batch, L * sizeof *s->rank);
    s->level = fmpnn_alloc(batch, L * sizeof *s->level);
    s->unit_level = fmpnn_alloc(batch, s->rules->groups * sizeof *s->unit_level);
    s->rows.start = fmpnn_alloc(L + 2, sizeof *s->rows.start);
    s->rows.item = fmpnn_alloc(batch, L * sizeof *s->rows.item);
    s->units.start = fmpnn_alloc(L + 2, sizeof *s->units.start);
    s->units.item = fmpnn_alloc(batch, s->rules->groups * sizeof *s->units.item);
    if (!s->sequence || !s->slot || !s->shared || !s->rank || !s->level || !s->unit_level ||
        !s->rows.start || !s->rows.item || !s->units.start || !s->units.item)
        return false;
    place_states(s);
    s->slots.shared_state = fmpnn_alloc(layers * s->slots.shared_slots, s->en->C * sizeof(float));
    s->state = fmpnn_alloc(batch * layers * s->slots.slots, s->en->C * sizeof(float));
    return s->slots.shared_state && s->state;
}

/* Sort `count` items of each of B sequences by their level into an agenda; level 0 is nothing
 * to do. */
static void schedule(sampler *s, agenda *a, size_t count, const uint32_t *level)
{
    memset(a->start, 0, (s->levels + 2) * sizeof *a->start);
    for (size_t n = 0; n < s->B * count; n++)
        if (level[n])
            a->start[level[n] + 1]++;
    for (size_t v = 1; v <= s->levels + 1; v++)
        a->start[v] += a->start[v - 1];
    for (size_t b = 0; b < s->B; b++)
        for (size_t i = 0; i < count; i++) {
            uint32_t v = level[b * count + i];
            if (v)
                a->item[a->start[v]++] = (fmpnn_row){&s->sequence[b], (uint32_t)i};
        }
    /* every start now points behind its level: at the start of the next, as wanted for v-1 */
}

static void plan(sampler *s)
{
    const fmpnn_rules *rules = s->rules;
    size_t L = s->en->L, states = (s->en->layers - 1) * s->slots.slots * s->en->C;
    s->levels = 0;
    for (size_t b = 0; b < s->B; b++) {
        fmpnn_draw_request *request = &s->request[b];
        uint32_t *rank = s->rank + b * L;
        for (size_t t = 0; t < L; t++)
            rank[request->order[t]] = (uint32_t)t;
        uint32_t levels =
            fmpnn_levels_find(s->en->graph, rules, s->n_shared, request->order, rank,
                              s->level + b * L, s->unit_level + b * rules->groups);
        s->levels = levels > s->levels ? levels : s->levels;
        s->sequence[b] = (fmpnn_sequence){.rank = rank, .letters = request->letters,
                                          .group_of = rules->group_of,
                                          .state = s->state + b * states,
                                          .logits = request->logits};
        memset(request->logits, 0, L * FMPNN_LETTERS * sizeof *request->logits);
        if (request->probs)
            memset(request->probs, 0, L * FMPNN_LETTERS * sizeof *request->probs);
        memcpy(request->letters, rules->native, L);
        for (size_t g = 0; g < rules->groups; g++) { /* letters that wait for nothing */
            uint8_t letter;
            if (!s->unit_level[b * rules->groups + g] && forced_letter(rules, g, &letter))
                give(rules, g, letter, request->letters);
        }
    }
    schedule(s, &s->rows, L, s->level);
    schedule(s, &s->units, rules->groups, s->unit_level);
}

/* ---- the work ---- */

/* The shared rows, in the first sequence's name; then their logits for everyone, and the
 * distributions that nobody draws from, where they are asked for. */
static fmpnn_status compute_shared(sampler *s, fmpnn_error *err)
{
    size_t count = 0, row_size = FMPNN_LETTERS * sizeof(float);
    fmpnn_row *row = fmpnn_alloc(s->n_shared, sizeof *row);
    if (!row)
        return fmpnn_fail_memory(err, "sampling");
    fmpnn_sequence known = s->sequence[0];
    for (size_t t = 0; t < s->n_shared; t++)
        if (s->slot[s->request[0].order[t]] != FMPNN_NO_SLOT)
            row[count++] = (fmpnn_row){&known, s->request[0].order[t]};
    fmpnn_status status = fmpnn_decode_rows(s->ctx, s->en, &s->slots, count, row, err);
    for (size_t b = 1; b < s->B && !status; b++)
        for (size_t n = 0; n < count; n++)
            memcpy(s->request[b].logits + row[n].i * FMPNN_LETTERS,
                   known.logits + row[n].i * FMPNN_LETTERS, row_size);
    for (size_t b = 0; b < s->B && s->request[b].probs; b++)
        for (size_t t = 0; t < s->n_shared && !status; t++) {
            uint32_t i = s->request[b].order[t], group = s->rules->group_of[i];
            if (i == s->rules->member[s->rules->start[group]])
                status = draw(s->rules, group, &s->request[b], err);
        }
    fmpnn_release(row);
    return status;
}

/* All layers of M rows of one level. */
static void decode_block(const sampler *s, size_t M, const fmpnn_row *row,
                         fmpnn_decode_scratch *x)
{
    size_t C = s->en->C;
    for (size_t m = 0; m < M; m++)
        memcpy(x->h + m * C, s->en->h + row[m].i * C, C * sizeof(float));
    for (size_t layer = 0; layer < s->en->layers; layer++)
        fmpnn_decode_layer(s->en, s->ctx->kernels, &s->slots, layer, M, row, x);
}

/* Rows a block: all threads get some, as long as the weights are not read for nothing. */
static size_t block_size(size_t rows, int threads)
{
    size_t share = (rows + (size_t)threads - 1) / (size_t)threads;
    return share < FMPNN_ROWS ? share : FMPNN_ROWS;
}

static fmpnn_status decode_levels(sampler *s, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
#pragma omp parallel num_threads(s->ctx->threads)
    {
        fmpnn_decode_scratch x;
        fmpnn_error detail;
        fmpnn_status mine = FMPNN_OK;
        unsigned mode = fmpnn_float_mode_enter();
        if (!fmpnn_decode_scratch_init(&x, s->en))
            mine = fmpnn_fail_memory(&detail, "sampling");
        for (uint32_t v = 0; v < s->levels; v++) {
            const fmpnn_row *row = s->rows.item + s->rows.start[v];
            const fmpnn_row *unit = s->units.item + s->units.start[v];
            size_t rows = s->rows.start[v + 1] - s->rows.start[v];
            size_t units = s->units.start[v + 1] - s->units.start[v];
            size_t size = rows ? block_size(rows, s->ctx->threads) : 1;
#pragma omp for schedule(dynamic, 1)
            for (size_t first = 0; first < rows; first += size)
                if (!mine)
                    decode_block(s, rows - first < size ? rows - first : size, row + first, &x);
#pragma omp for schedule(static)
            for (size_t n = 0; n < units; n++)
                if (!mine)
                    mine = draw(s->rules, unit[n].i,
                                &s->request[unit[n].sequence - s->sequence], &detail);
        }
        fmpnn_decode_scratch_clear(&x);
        fmpnn_float_mode_leave(mode);
        if (mine) {
#pragma omp critical
            status = fmpnn_fail(err, mine, "%s", detail.message);
        }
    }
    return status;
}

fmpnn_status fmpnn_engine_sample(fmpnn_context *ctx, const fmpnn_encoding *en,
                                 const fmpnn_rules *rules, size_t n_shared, size_t B,
                                 fmpnn_draw_request *request, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t one = (en->layers - 1) * (en->L - n_shared) * en->C * sizeof(float);
    size_t batch = BATCH_BYTES / (one + 1) + 1;
    sampler s = {.ctx = ctx, .en = en, .rules = rules, .n_shared = n_shared,
                 .request = request};
    if (batch > B)
        batch = B;
    if (!allocate(&s, batch))
        status = fmpnn_fail_memory(err, "sampling");
    for (size_t first = 0; first < B && !status; first += batch) {
        s.B = B - first < batch ? B - first : batch;
        s.request = request + first;
        plan(&s);
        if (n_shared)
            status = compute_shared(&s, err);
        if (!status)
            status = decode_levels(&s, err);
    }
    release(&s);
    return status;
}
