/* Sampling, level by level (levels.c). All rows of one level, of all sequences of a walk, are
 * computed together. Where there are sequences for every thread, each has walks of its own and
 * waits for nobody; else there is one walk, whose levels all threads share. A residue alone in its
 * group gets its letter on the spot; groups of several are drawn for when the level is done. The
 * result is exactly that of decoding one residue after another.
 *
 * Residues that come first in every request with known letters are computed once, by the
 * all-at-once path of logits.c, and shared. */
#include "engine/engine.h"

#include <pthread.h>
#include <string.h>

enum {
    BATCH_BYTES = 32 << 20, /* states of sequences decoded together, */
    THREAD_BYTES = 4 << 20, /* for many threads so much each */
    ENOUGH_ROWS = 48        /* of a level: more gain little */
};

/* Things to do, sorted by level: item n of level v is item[start[v] + n], v from 0. */
typedef struct agenda {
    size_t *start; /* [levels+1] */
    fmpnn_row *item;
} agenda;

/* Sequences that go through the levels together. */
typedef struct walk {
    size_t first, end;  /* sequences */
    agenda rows, units; /* rows: residues to compute; units: groups of several to draw for
                           (i = group) */
    bool failed;
} walk;

/* The failure that is reported: of the first phase, there of the first draw in order, whichever
 * thread came upon it. */
typedef struct trouble {
    pthread_mutex_t lock;
    fmpnn_status status;
    size_t phase, at;
    fmpnn_error detail;
} trouble;

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
    uint32_t *top;               /* [B] highest level */
    float *state;
    uint32_t levels;
    walk *walk;    /* [walks] */
    size_t walks;  /* of this batch; one: it is shared by all threads */
    size_t block;  /* rows of the level at hand that are taken at a time, if it is shared */
    size_t *start; /* [walks][2][L+2] */
    fmpnn_row *item; /* [B][L + groups] */
    trouble trouble;
} sampler;

/* ---- letters ---- */

/* The letter that decides a group without a draw: that of its first unresolved member. */
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

static bool alone(const fmpnn_rules *rules, size_t group)
{
    return rules->start[group + 1] - rules->start[group] == 1;
}

static void give(const fmpnn_rules *rules, size_t group, uint8_t letter, uint8_t *letters)
{
    fmpnn_rules_give(rules, rules->member + rules->start[group],
                     rules->start[group + 1] - rules->start[group], letter, letters);
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
    bool drawn = fmpnn_rules_draws(rules, rules->member + first, end - first);
    if (!drawn && !request->probs) {
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
    if (status && drawn)
        return status;
    if (status) /* a fixed residue keeps its letter, whatever is omitted there */
        memset(p, 0, sizeof p);
    if (request->exponential)
        letter = fmpnn_draw_race(p, request->exponential + lead * FMPNN_LETTERS);
    else
        letter = greedy ? fmpnn_draw_best(p) : fmpnn_draw(p, request->uniform[lead]);
    give(rules, group, drawn ? letter : rules->native[last], request->letters);
    for (size_t m = first; request->probs && m < end; m++)
        memcpy(request->probs + rules->member[m] * FMPNN_LETTERS, p, sizeof p);
    return FMPNN_OK;
}

/* ---- preparation ---- */

static void release(sampler *s)
{
    fmpnn_release(s->item);
    fmpnn_release(s->start);
    fmpnn_release(s->walk);
    fmpnn_release(s->state);
    fmpnn_release(s->slots.shared_state);
    fmpnn_release(s->top);
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
    s->walk = fmpnn_alloc_zero(batch, sizeof *s->walk);
    s->start = fmpnn_alloc(batch, 2 * (L + 2) * sizeof *s->start);
    s->item = fmpnn_alloc(batch, (L + s->rules->groups) * sizeof *s->item);
    s->sequence = fmpnn_alloc_zero(batch, sizeof *s->sequence);
    s->slot = fmpnn_alloc(L, sizeof *s->slot);
    s->shared = fmpnn_alloc(L, sizeof *s->shared);
    s->rank = fmpnn_alloc(batch, L * sizeof *s->rank);
    s->level = fmpnn_alloc(batch, L * sizeof *s->level);
    s->unit_level = fmpnn_alloc(batch, s->rules->groups * sizeof *s->unit_level);
    s->top = fmpnn_alloc(batch, sizeof *s->top);
    if (!s->sequence || !s->slot || !s->shared || !s->rank || !s->level || !s->unit_level ||
        !s->top || !s->walk || !s->start || !s->item)
        return false;
    place_states(s);
    s->slots.shared_state = fmpnn_alloc(layers * s->slots.shared_slots, s->en->C * sizeof(float));
    s->state = fmpnn_alloc(batch * layers * s->slots.slots, s->en->C * sizeof(float));
    return s->slots.shared_state && s->state;
}

/* Sort `count` items of each of a walk's sequences by their level into an agenda, within a level by
 * residue: rows that share a tile of the tables follow one another. Level 0 is nothing to do. */
static void schedule(sampler *s, const walk *w, agenda *a, size_t count,
                     const uint32_t *level)
{
    memset(a->start, 0, (s->levels + 2) * sizeof *a->start);
    for (size_t n = w->first * count; n < w->end * count; n++)
        if (level[n])
            a->start[level[n] + 1]++;
    for (size_t v = 1; v <= s->levels + 1; v++)
        a->start[v] += a->start[v - 1];
    for (size_t i = 0; i < count; i++)
        for (size_t b = w->first; b < w->end; b++) {
            uint32_t v = level[b * count + i];
            if (v)
                a->item[a->start[v]++] = (fmpnn_row){&s->sequence[b], (uint32_t)i};
        }
    /* every start now points behind its level: at the start of the next, as wanted for v-1 */
}

/* Ranks and levels of sequence b, and what it starts with. */
static void plan_sequence(void *of, size_t b)
{
    sampler *s = of;
    const fmpnn_rules *rules = s->rules;
    fmpnn_draw_request *request = &s->request[b];
    size_t L = s->en->L, states = (s->en->layers - 1) * s->slots.slots * s->en->C;
    uint32_t *rank = s->rank + b * L, *unit_level = s->unit_level + b * rules->groups;
    for (size_t t = 0; t < L; t++)
        rank[request->order[t]] = (uint32_t)t;
    s->top[b] = fmpnn_levels_find(s->en->graph, rules, s->n_shared, request->order,
                                  s->level + b * L, unit_level);
    s->sequence[b] = (fmpnn_sequence){.rank = rank, .letters = request->letters,
                                      .group_of = rules->group_of,
                                      .state = s->state + b * states,
                                      .logits = request->logits};
    memset(request->logits, 0, L * FMPNN_LETTERS * sizeof *request->logits);
    if (rules->carry_letters) /* an unresolved member has its share in the group's logits */
        fmpnn_logits_of_unresolved(s->en, request->logits);
    if (request->probs)
        memset(request->probs, 0, L * FMPNN_LETTERS * sizeof *request->probs);
    memcpy(request->letters, rules->native, L);
    for (size_t g = 0; g < rules->groups; g++) {
        uint8_t letter;
        if (!unit_level[g] && forced_letter(rules, g, &letter)) /* waits for nothing */
            give(rules, g, letter, request->letters);
        if (alone(rules, g)) /* drawn for with its row */
            unit_level[g] = 0;
    }
}

static void plan_walk(void *of, size_t n)
{
    sampler *s = of;
    walk *w = &s->walk[n];
    size_t L = s->en->L, groups = s->rules->groups;
    fmpnn_row *item = s->item + w->first * (L + groups);
    w->rows = (agenda){s->start + 2 * n * (L + 2), item};
    w->units = (agenda){w->rows.start + L + 2, item + (w->end - w->first) * L};
    w->failed = false;
    schedule(s, w, &w->rows, L, s->level);
    schedule(s, w, &w->units, groups, s->unit_level);
}

/* Walks that keep all threads busy with levels wide enough, or one for all of them: where there
 * are too few sequences, or they do not divide well. */
static size_t count_walks(const sampler *s)
{
    size_t team = (size_t)s->ctx->threads, each = (s->B + team - 1) / team;
    size_t rows = s->B * s->en->L / (s->levels ? s->levels : 1);
    size_t more = rows / (team * ENOUGH_ROWS);
    if (team == 1 || s->B < team || 8 * each * team > 9 * s->B)
        return 1;
    return more > 1 && more * team <= s->B ? more * team : team;
}

static void plan(sampler *s)
{
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, s->B, plan_sequence, s);
    s->levels = 0;
    for (size_t b = 0; b < s->B; b++)
        s->levels = s->top[b] > s->levels ? s->top[b] : s->levels;
    s->walks = count_walks(s);
    for (size_t n = 0; n < s->walks; n++) {
        s->walk[n].first = n * s->B / s->walks;
        s->walk[n].end = (n + 1) * s->B / s->walks;
    }
    fmpnn_pool_each(s->ctx->pool, s->ctx->threads, s->walks, plan_walk, s);
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

/* The letter of one item of an agenda (the group `group` of the item's sequence). */
static void draw_for(sampler *s, walk *w, size_t phase, const fmpnn_row *item, size_t group)
{
    fmpnn_error detail;
    size_t b = (size_t)(item->sequence - s->sequence), at = b * s->rules->groups + group;
    fmpnn_status status = draw(s->rules, group, &s->request[b], &detail);
    if (!status)
        return;
    trouble *t = &s->trouble;
    pthread_mutex_lock(&t->lock);
    w->failed = true;
    if (!t->status || phase < t->phase || (phase == t->phase && at < t->at)) {
        t->status = status;
        t->phase = phase;
        t->at = at;
        t->detail = detail;
    }
    pthread_mutex_unlock(&t->lock);
}

/* All layers of M rows of one level, then the letters of those that are alone in their group. */
static void decode_block(sampler *s, walk *w, size_t phase, size_t M, const fmpnn_row *row,
                         fmpnn_decode_scratch *x)
{
    size_t C = s->en->C;
    for (size_t m = 0; m < M; m++)
        memcpy(x->h + m * C, s->en->h + row[m].i * C, C * sizeof(float));
    for (size_t layer = 0; layer < s->en->layers; layer++)
        fmpnn_decode_layer(s->en, s->ctx->kernels, &s->slots, layer, M, row, x);
    for (size_t m = 0; m < M; m++) {
        size_t group = s->rules->group_of[row[m].i];
        if (alone(s->rules, group))
            draw_for(s, w, phase, &row[m], group);
    }
}

static bool enter(void *of, void *lane)
{
    return fmpnn_decode_scratch_init(lane, ((const sampler *)of)->en);
}

static void leave(void *of, void *lane)
{
    (void)of;
    fmpnn_decode_scratch_clear(lane);
}

/* Phases of a walk: rows and groups of several, by turns. None is begun after a failure. */
static size_t count_phase(const walk *w, size_t phase)
{
    const agenda *a = phase % 2 == 0 ? &w->rows : &w->units;
    return a->start[phase / 2 + 1] - a->start[phase / 2];
}

static void do_block(sampler *s, walk *w, size_t phase, size_t first, size_t M,
                     fmpnn_decode_scratch *x)
{
    if (phase % 2 == 0) {
        decode_block(s, w, phase, M, w->rows.item + w->rows.start[phase / 2] + first, x);
        return;
    }
    for (size_t n = first; n < first + M; n++) {
        const fmpnn_row *unit = &w->units.item[w->units.start[phase / 2] + n];
        draw_for(s, w, phase, unit, unit->i);
    }
}

/* One walk, shared: phases of the task. */
static size_t count_items(void *of, size_t phase)
{
    sampler *s = of;
    size_t count = s->walk->failed ? 0 : count_phase(s->walk, phase);
    s->block = phase % 2 ? 1 : fmpnn_rows_a_block(count, FMPNN_BLOCK, s->ctx->threads);
    return (count + s->block - 1) / s->block;
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    sampler *s = of;
    size_t first = n * s->block, left = count_phase(s->walk, phase) - first;
    do_block(s, s->walk, phase, first, left < s->block ? left : s->block, lane);
}

/* Several: items of one phase. */
static size_t count_all_walks(void *of, size_t phase)
{
    (void)phase;
    return ((const sampler *)of)->walks;
}

static void do_walk(void *of, size_t phase, size_t n, void *lane)
{
    sampler *s = of;
    walk *w = &s->walk[n];
    for (phase = 0; phase < 2 * (size_t)s->levels && !w->failed; phase++) {
        size_t count = count_phase(w, phase);
        size_t block = fmpnn_rows_a_block(count, FMPNN_BLOCK, 1);
        for (size_t first = 0; first < count; first += block)
            do_block(s, w, phase, first, count - first < block ? count - first : block,
                     lane);
    }
}

static fmpnn_status decode_levels(sampler *s, fmpnn_error *err)
{
    bool shared = s->walks == 1;
    fmpnn_task task = {.of = s,
                       .phases = shared ? 2 * (size_t)s->levels : 1,
                       .items = shared ? count_items : count_all_walks,
                       .item = shared ? do_item : do_walk,
                       .lane_size = sizeof(fmpnn_decode_scratch),
                       .enter = enter,
                       .leave = leave};
    if (!fmpnn_pool_run(s->ctx->pool, s->ctx->threads, &task))
        return fmpnn_fail_memory(err, "sampling");
    if (s->trouble.status)
        return fmpnn_fail(err, s->trouble.status, "%s", s->trouble.detail.message);
    return FMPNN_OK;
}

fmpnn_status fmpnn_engine_sample(fmpnn_context *ctx, const fmpnn_encoding *en,
                                 const fmpnn_rules *rules, size_t n_shared, size_t B,
                                 fmpnn_draw_request *request, fmpnn_error *err)
{
    fmpnn_status status = fmpnn_tables_prepare(ctx, en, B, err);
    if (status)
        return status;
    size_t one = (en->layers - 1) * (en->L - n_shared) * en->C * sizeof(float);
    size_t team = (size_t)ctx->threads, bytes = team * THREAD_BYTES;
    size_t batch =
        fmpnn_memory_for(en, bytes > BATCH_BYTES ? bytes : BATCH_BYTES) / (one + 1) + 1;
    if (batch > team)
        batch -= batch % team;
    sampler s = {.ctx = ctx, .en = en, .rules = rules, .n_shared = n_shared,
                 .request = request};
    pthread_mutex_init(&s.trouble.lock, NULL);
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
    pthread_mutex_destroy(&s.trouble.lock);
    release(&s);
    return status;
}
