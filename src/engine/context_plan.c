/* Finding what is common in what residues see. Residues that see the same atoms share all that
 * atoms do among themselves; and of two atoms that meet in several sets, what depends on the two
 * alone (their distance; the first message between them) is computed once.
 *
 * Sets are put in order of atom numbers, so that equal sets are equal lists, and sums over a set
 * have one order. Both look-ups are open-addressed tables of indices. */
#include "engine/context.h"
#include "engine/engine.h"

#include <math.h>
#include <string.h>

enum {
    MOST_PAIRS = 1 << 16, /* a stretch ends before it has more */
    EMPTY = 0
};

#define NO_TERM UINT32_MAX

typedef struct pair_entry {
    uint64_t key;     /* lower atom << 32 | higher atom */
    uint32_t pair;    /* EMPTY: none (pair 0 is that of an atom with itself) */
    uint32_t term[2]; /* looking from the lower atom, from the higher */
} pair_entry;

typedef struct planner {
    const fmpnn_context_atoms *atoms;
    const float *mask; /* [L] of residues */
    size_t seen;       /* atoms that a residue sees at most */
    fmpnn_context_plan *plan;
    pair_entry *pairs;  /* [pair_slots] */
    size_t pair_slots;  /* a power of two */
    uint32_t *sets;     /* [set_slots] index + 1 */
    size_t set_slots;
    uint32_t self[UINT8_MAX + 1]; /* term of an atom of a type with itself */
} planner;

/* splitmix64's finaliser. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static const uint32_t *context_of(const planner *p, size_t i)
{
    return p->atoms->atom + i * p->atoms->M;
}

static uint8_t *seen_of(const planner *p, size_t i)
{
    return p->plan->seen + (i - p->plan->first) * p->atoms->M;
}

/* Places of the atoms that residue i sees, by atom number; how many. */
static size_t sort_seen(const planner *p, size_t i)
{
    size_t M = p->atoms->M, n = 0;
    const uint32_t *atom = context_of(p, i);
    uint8_t *seen = seen_of(p, i);
    for (size_t m = 0; p->mask[i] != 0 && m < M; m++) {
        if (p->atoms->mask[i * M + m] == 0)
            continue;
        size_t at = n++;
        for (; at > 0 && atom[seen[at - 1]] > atom[m]; at--)
            seen[at] = seen[at - 1];
        seen[at] = (uint8_t)m;
    }
    return n;
}

static bool same_set(const planner *p, size_t i, const fmpnn_atom_set *set, size_t n)
{
    const uint32_t *a = context_of(p, i), *b = context_of(p, set->residue);
    const uint8_t *x = seen_of(p, i), *y = seen_of(p, set->residue);
    bool same = set->n == n;
    for (size_t m = 0; same && m < n; m++)
        same = a[x[m]] == b[y[m]];
    return same;
}

static pair_entry *find_pair(const planner *p, uint64_t key)
{
    size_t at = mix(key) & (p->pair_slots - 1);
    while (p->pairs[at].pair != EMPTY && p->pairs[at].key != key)
        at = (at + 1) & (p->pair_slots - 1);
    return &p->pairs[at];
}

static uint32_t add_term(fmpnn_context_plan *plan, uint8_t type, uint32_t pair)
{
    plan->term_type[plan->n_terms] = type;
    plan->term_pair[plan->n_terms] = pair;
    return (uint32_t)plan->n_terms++;
}

static float distance(const float *a, const float *b)
{
    float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return sqrtf(x * x + y * y + z * z + 1e-6f);
}

static const pair_entry *add_pair(planner *p, size_t i, size_t low, size_t high)
{
    const fmpnn_context_atoms *atoms = p->atoms;
    const uint32_t *atom = context_of(p, i);
    size_t row = i * atoms->M;
    uint64_t key = (uint64_t)atom[low] << 32 | atom[high];
    pair_entry *entry = find_pair(p, key);
    if (entry->pair != EMPTY)
        return entry;
    uint8_t type[2] = {atoms->type[row + low], atoms->type[row + high]};
    *entry = (pair_entry){.key = key, .pair = (uint32_t)p->plan->n_pairs};
    p->plan->pair[p->plan->n_pairs++] =
        distance(atoms->xyz + 3 * (row + low), atoms->xyz + 3 * (row + high));
    entry->term[0] = add_term(p->plan, type[0], entry->pair);
    entry->term[1] =
        type[0] == type[1] ? entry->term[0] : add_term(p->plan, type[1], entry->pair);
    return entry;
}

/* A set not met before: its atoms and pairs. */
static void add_set(planner *p, size_t i, size_t n)
{
    fmpnn_context_plan *plan = p->plan;
    const uint8_t *seen = seen_of(p, i);
    fmpnn_atom_set *set = &plan->set[plan->n_sets++];
    *set = (fmpnn_atom_set){
        .residue = (uint32_t)i, .n = (uint32_t)n, .row = plan->n_rows, .cell = plan->n_cells};
    uint32_t *pair = plan->cell_pair + set->cell, *term = plan->cell_term + set->cell;
    for (size_t a = 0; a < n; a++) {
        uint8_t type = p->atoms->type[i * p->atoms->M + seen[a]];
        plan->row_type[plan->n_rows++] = type;
        if (p->self[type] == NO_TERM)
            p->self[type] = add_term(plan, type, 0);
        pair[a * n + a] = 0;
        term[a * n + a] = p->self[type];
        for (size_t b = a + 1; b < n; b++) {
            const pair_entry *entry = add_pair(p, i, seen[a], seen[b]);
            pair[a * n + b] = pair[b * n + a] = entry->pair;
            term[a * n + b] = entry->term[0];
            term[b * n + a] = entry->term[1];
        }
    }
    plan->n_cells += n * n;
}

/* The set that residue i sees; added if it is new. */
static uint32_t set_at(planner *p, size_t i, size_t n)
{
    uint64_t hash = n;
    const uint32_t *atom = context_of(p, i);
    const uint8_t *seen = seen_of(p, i);
    for (size_t m = 0; m < n; m++)
        hash = mix(hash ^ atom[seen[m]]);
    size_t at = hash & (p->set_slots - 1);
    for (; p->sets[at]; at = (at + 1) & (p->set_slots - 1))
        if (same_set(p, i, &p->plan->set[p->sets[at] - 1], n))
            return p->sets[at] - 1;
    add_set(p, i, n);
    p->sets[at] = (uint32_t)p->plan->n_sets;
    return (uint32_t)(p->plan->n_sets - 1);
}

static size_t power_above(size_t n)
{
    size_t power = 16;
    while (power < n)
        power *= 2;
    return power;
}

size_t fmpnn_context_seen(const fmpnn_graph *graph)
{
    size_t M = graph->atoms->M, most = 0;
    for (size_t i = 0; i < graph->L; i++) {
        size_t n = 0;
        for (size_t m = 0; graph->mask[i] != 0 && m < M; m++)
            n += graph->atoms->mask[i * M + m] != 0;
        most = n > most ? n : most;
    }
    return most;
}

/* Residues of a stretch. */
static size_t most_residues(size_t seen)
{
    return MOST_PAIRS / (seen * seen / 2 + 1) + 1;
}

size_t fmpnn_context_most(const fmpnn_context *ctx, const fmpnn_model *model,
                          const fmpnn_graph *graph)
{
    size_t M = graph->atoms->M, seen = fmpnn_context_seen(graph), residues = most_residues(seen);
    size_t layers = model->context.layers, row = model->C * sizeof(float);
    size_t plan = 64; /* bytes a pair, with its places; and a residue */
    if (residues > graph->L)
        residues = graph->L;
    size_t pairs = residues * seen * seen / 2 + UINT8_MAX + 1;
    size_t pair = (layers + 1) * row + FMPNN_RBF * sizeof(float) + plan;
    size_t lane = (FMPNN_ROWS * M + 256) * row + FMPNN_ROWS * model->F * sizeof(float);
    return pairs * pair + residues * (layers * seen * row + M + plan) +
           (size_t)ctx->threads * lane;
}

/* Room for `residues` whose sets are all different and share nothing. */
static bool allocate(planner *p, size_t residues)
{
    fmpnn_context_plan *plan = p->plan;
    size_t n = p->seen, pairs = residues * (n * n / 2) + 1;
    size_t terms = 2 * pairs + UINT8_MAX + 1, cells = residues * n * n;
    plan->seen = fmpnn_alloc(residues, p->atoms->M);
    plan->set_of = fmpnn_alloc(residues, sizeof *plan->set_of);
    plan->set = fmpnn_alloc(residues, sizeof *plan->set);
    plan->pair = fmpnn_alloc(pairs, sizeof *plan->pair);
    plan->term_type = fmpnn_alloc(terms, 1);
    plan->term_pair = fmpnn_alloc(terms, sizeof *plan->term_pair);
    plan->cell_pair = fmpnn_alloc(cells, sizeof *plan->cell_pair);
    plan->cell_term = fmpnn_alloc(cells, sizeof *plan->cell_term);
    plan->row_type = fmpnn_alloc(residues, n);
    p->pair_slots = power_above(2 * pairs);
    p->set_slots = power_above(2 * residues);
    p->pairs = fmpnn_alloc_zero(p->pair_slots, sizeof *p->pairs);
    p->sets = fmpnn_alloc_zero(p->set_slots, sizeof *p->sets);
    return plan->seen && plan->set_of && plan->set && plan->pair && plan->term_type &&
           plan->term_pair && plan->cell_pair && plan->cell_term && plan->row_type &&
           p->pairs && p->sets;
}

fmpnn_status fmpnn_context_plan_make(const fmpnn_graph *graph, size_t first, size_t seen,
                                     fmpnn_context_plan *plan, fmpnn_error *err)
{
    planner p = {.atoms = graph->atoms, .mask = graph->mask, .seen = seen, .plan = plan};
    fmpnn_status status = FMPNN_OK;
    size_t most = most_residues(seen);
    size_t residues = graph->L - first < most ? graph->L - first : most;
    *plan = (fmpnn_context_plan){.first = first, .end = first + residues, .n_pairs = 1};
    for (size_t t = 0; t <= UINT8_MAX; t++)
        p.self[t] = NO_TERM;
    if (!allocate(&p, residues)) {
        status = fmpnn_fail_memory(err, "sorting context atoms");
        goto done;
    }
    static const float origin[3] = {0, 0, 0};
    plan->pair[0] = distance(origin, origin);
    for (size_t i = first; i < plan->end; i++)
        plan->set_of[i - first] = set_at(&p, i, sort_seen(&p, i));
done:
    fmpnn_release(p.sets);
    fmpnn_release(p.pairs);
    return status;
}

void fmpnn_context_plan_clear(fmpnn_context_plan *plan)
{
    fmpnn_release(plan->row_type);
    fmpnn_release(plan->cell_term);
    fmpnn_release(plan->cell_pair);
    fmpnn_release(plan->term_pair);
    fmpnn_release(plan->term_type);
    fmpnn_release(plan->pair);
    fmpnn_release(plan->set);
    fmpnn_release(plan->set_of);
    fmpnn_release(plan->seen);
    *plan = (fmpnn_context_plan){0};
}
