#include "cuda/agenda.h"

#include "engine/levels.h"

#include <string.h>

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

static void find_levels(void *of, size_t b)
{
    fmpnn_agenda *agenda = of;
    fmpnn_agenda_sequence *q = &agenda->sequence[b];
    const fmpnn_rules *rules = q->rules;
    uint32_t *rank = agenda->rank + q->cell, *unit_level = agenda->unit_level + q->group;
    uint8_t *letters = agenda->letters + q->cell;
    for (size_t t = 0; t < rules->L; t++)
        rank[q->request->order[t]] = (uint32_t)t;
    q->top = fmpnn_levels_find(q->graph, rules, 0, q->request->order,
                               agenda->level + q->cell, unit_level);
    memcpy(letters, rules->native, rules->L);
    for (size_t g = 0; g < rules->groups; g++) { /* letters that wait for nothing */
        uint8_t letter;
        if (unit_level[g] || !forced_letter(rules, g, &letter))
            continue;
        for (size_t m = rules->start[g]; m < rules->start[g + 1]; m++)
            letters[rules->member[m]] = letter;
    }
}

static void count_levels(void *of, size_t b)
{
    fmpnn_agenda *agenda = of;
    const fmpnn_agenda_sequence *q = &agenda->sequence[b];
    uint32_t *rows = agenda->row_count + q->count, *units = agenda->unit_count + q->count;
    memset(rows, 0, (q->top + 1) * sizeof *rows);
    memset(units, 0, (q->top + 1) * sizeof *units);
    for (size_t i = 0; i < q->rules->L; i++)
        rows[agenda->level[q->cell + i]]++;
    for (size_t g = 0; g < q->rules->groups; g++)
        units[agenda->unit_level[q->group + g]]++;
}

/* Counts become the number of the first within its level; start, [levels+1], the sums. Level 0
 * is nothing to do. */
static void add_up(const fmpnn_agenda *agenda, uint32_t *count, size_t *start)
{
    memset(start, 0, (agenda->levels + 1) * sizeof *start);
    for (size_t b = 0; b < agenda->B; b++) {
        uint32_t *own = count + agenda->sequence[b].count;
        for (uint32_t v = 1; v <= agenda->sequence[b].top; v++) {
            uint32_t n = own[v];
            own[v] = (uint32_t)start[v];
            start[v] += n;
        }
    }
    for (uint32_t v = 1; v <= agenda->levels; v++)
        start[v] += start[v - 1];
}

static void number_sequences(fmpnn_agenda *agenda)
{
    agenda->cells = agenda->groups = 0;
    for (size_t b = 0; b < agenda->B; b++) {
        fmpnn_agenda_sequence *q = &agenda->sequence[b];
        q->cell = agenda->cells;
        q->group = agenda->groups;
        agenda->cells += q->rules->L;
        agenda->groups += q->rules->groups;
    }
}

fmpnn_status fmpnn_agenda_make(fmpnn_agenda *agenda, fmpnn_pool *pool, int threads,
                               size_t B, fmpnn_agenda_sequence *sequence, fmpnn_error *err)
{
    size_t counts = 0;
    *agenda =
        (fmpnn_agenda){.pool = pool, .threads = threads, .B = B, .sequence = sequence};
    number_sequences(agenda);
    if (agenda->cells > UINT32_MAX)
        return fmpnn_fail(err, FMPNN_EINVAL, "%zu residues at a time are too many",
                          agenda->cells);
    /* one block, large enough for large pages where there is much */
    size_t numbers = 2 * agenda->cells + agenda->groups;
    agenda->rank = fmpnn_alloc(1, numbers * sizeof *agenda->rank + agenda->cells);
    if (!agenda->rank)
        return fmpnn_fail_memory(err, "sampling");
    agenda->level = agenda->rank + agenda->cells;
    agenda->unit_level = agenda->level + agenda->cells;
    agenda->letters = (uint8_t *)(agenda->rank + numbers);
    fmpnn_pool_each(pool, threads, B, find_levels, agenda);
    for (size_t b = 0; b < B; b++) {
        sequence[b].count = counts;
        counts += sequence[b].top + 1;
        if (sequence[b].top > agenda->levels)
            agenda->levels = sequence[b].top;
    }
    agenda->row_count = fmpnn_alloc(counts, sizeof *agenda->row_count);
    agenda->unit_count = fmpnn_alloc(counts, sizeof *agenda->unit_count);
    agenda->row_start = fmpnn_alloc(agenda->levels + 1, sizeof *agenda->row_start);
    agenda->unit_start = fmpnn_alloc(agenda->levels + 1, sizeof *agenda->unit_start);
    if (!agenda->row_count || !agenda->unit_count || !agenda->row_start ||
        !agenda->unit_start)
        return fmpnn_fail_memory(err, "sampling");
    fmpnn_pool_each(pool, threads, B, count_levels, agenda);
    add_up(agenda, agenda->row_count, agenda->row_start);
    add_up(agenda, agenda->unit_count, agenda->unit_start);
    for (uint32_t v = 0; v < agenda->levels; v++) {
        size_t n = agenda->row_start[v + 1] - agenda->row_start[v];
        agenda->most = n > agenda->most ? n : agenda->most;
    }
    return FMPNN_OK;
}

void fmpnn_agenda_clear(fmpnn_agenda *agenda)
{
    fmpnn_release(agenda->unit_start);
    fmpnn_release(agenda->row_start);
    fmpnn_release(agenda->unit_count);
    fmpnn_release(agenda->row_count);
    fmpnn_release(agenda->rank);
    *agenda = (fmpnn_agenda){0};
}

/* Sequences that a thread lists together: what they write lies side by side in every level. */
enum { LIST_TOGETHER = 32 };

typedef struct lists {
    fmpnn_agenda *agenda;
    fmpnn_agenda_row *row;
    fmpnn_agenda_unit *unit;
} lists;

static void fill_lists(const lists *l, size_t b)
{
    const fmpnn_agenda *agenda = l->agenda;
    const fmpnn_agenda_sequence *q = &agenda->sequence[b];
    uint32_t *row_next = agenda->row_count + q->count,
             *unit_next = agenda->unit_count + q->count;
    for (size_t i = 0; i < q->rules->L; i++) {
        uint32_t v = agenda->level[q->cell + i];
        if (!v)
            continue;
        uint32_t place = row_next[v]++;
        l->row[agenda->row_start[v - 1] + place] =
            (fmpnn_agenda_row){(uint32_t)b, (uint32_t)i, place};
    }
    for (size_t g = 0; g < q->rules->groups; g++) {
        uint32_t v = agenda->unit_level[q->group + g];
        if (v)
            l->unit[agenda->unit_start[v - 1] + unit_next[v]++] =
                (fmpnn_agenda_unit){(uint32_t)b, (uint32_t)g};
    }
}

static void fill_some(void *of, size_t n)
{
    const lists *l = of;
    size_t B = l->agenda->B, end = (n + 1) * LIST_TOGETHER;
    for (size_t b = n * LIST_TOGETHER; b < end && b < B; b++)
        fill_lists(l, b);
}

void fmpnn_agenda_lists(fmpnn_agenda *agenda, fmpnn_agenda_row *row,
                        fmpnn_agenda_unit *unit)
{
    lists l = {agenda, row, unit};
    fmpnn_pool_each(agenda->pool, agenda->threads,
                    (agenda->B + LIST_TOGETHER - 1) / LIST_TOGETHER, fill_some, &l);
}
