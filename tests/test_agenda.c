/* What sampling on a device does when (cuda/agenda.h): every row once, after all that it waits
 * for, whatever structures and rules travel together and however many threads plan. */
#include "cuda/agenda.h"
#include "engine/levels.h"
#include "generated_network.h"

enum { SEQUENCES = 7, MOST = 90 };

static const struct {
    size_t L, k, unresolved, tied;
    bool carry;
} cases[SEQUENCES] = {{1, 48, 0, 1, false}, {23, 48, 3, 1, false}, {61, 5, 7, 3, false},
                      {61, 17, 7, 3, true}, {90, 48, 11, 1, true}, {2, 1, 0, 2, false},
                      {90, 48, 4, 1, false}};

typedef struct world {
    fmpnn_graph *graph;
    uint32_t order[MOST], start[MOST + 1], group_of[MOST];
    uint8_t native[MOST], resolved[MOST], designed[MOST];
    fmpnn_rules rules;
    fmpnn_draw_request request;
} world;

static world all[SEQUENCES];
static fmpnn_agenda_sequence sequence[SEQUENCES];

static void make_world(world *w, int n)
{
    size_t L = cases[n].L;
    w->graph = make_graph(L, cases[n].k, cases[n].unresolved, 2, false);
    for (size_t i = 0; i < L; i++) {
        size_t other = (size_t)(uniform() * (double)(i + 1));
        w->order[i] = w->order[other];
        w->order[other] = (uint32_t)i;
        w->native[i] = (uint8_t)(i % 20);
        w->resolved[i] = w->graph->mask[i] != 0;
        w->designed[i] = w->resolved[i];
    }
    w->rules = (fmpnn_rules){.L = L,
                             .native = w->native,
                             .resolved = w->resolved,
                             .designed = w->designed,
                             .start = w->start,
                             .member = w->order,
                             .group_of = w->group_of,
                             .carry_letters = cases[n].carry};
    for (size_t t = 0; t < L; t++) {
        if (t % cases[n].tied == 0)
            w->start[w->rules.groups++] = (uint32_t)t;
        w->group_of[w->order[t]] = (uint32_t)w->rules.groups - 1;
    }
    w->start[w->rules.groups] = (uint32_t)L;
    w->request.order = w->order;
    sequence[n] = (fmpnn_agenda_sequence){
        .graph = w->graph, .rules = &w->rules, .request = &w->request};
}

static int build(void **unused)
{
    (void)unused;
    for (int n = 0; n < SEQUENCES; n++)
        make_world(&all[n], n);
    return 0;
}

static int clear(void **unused)
{
    (void)unused;
    for (int n = 0; n < SEQUENCES; n++)
        fmpnn_graph_free(all[n].graph);
    return 0;
}

/* The level at which a letter is there; 0: from the start. */
static uint32_t known_at(const fmpnn_agenda *a, const fmpnn_agenda_sequence *q, uint32_t i,
                         uint32_t j)
{
    uint32_t own = q->rules->group_of[i], group = q->rules->group_of[j];
    return own == group ? a->level[q->cell + j] : a->unit_level[q->group + group];
}

static void check_rows(const fmpnn_agenda *a, const fmpnn_agenda_row *row)
{
    uint8_t seen[SEQUENCES][MOST] = {{0}};
    for (uint32_t v = 0; v < a->levels; v++)
        for (size_t n = a->row_start[v]; n < a->row_start[v + 1]; n++) {
            const fmpnn_agenda_sequence *q = &a->sequence[row[n].sequence];
            const fmpnn_graph *graph = q->graph;
            const uint32_t *rank = a->rank + q->cell;
            uint32_t i = row[n].i;
            assert_int_equal(row[n].place, n - a->row_start[v]);
            assert_int_equal(seen[row[n].sequence][i]++, 0);
            for (size_t m = 0; m < graph->K; m++) {
                uint32_t j = graph->neighbour[i * graph->K + m];
                if (rank[j] < rank[i])
                    assert_true(known_at(a, q, i, j) <= v);
            }
        }
    for (size_t b = 0; b < a->B; b++) {
        const fmpnn_agenda_sequence *q = &a->sequence[b];
        for (size_t m = 0; m < q->rules->L; m++)
            assert_int_equal(seen[b][q->rules->member[m]],
                             fmpnn_member_computed(q->rules, m));
    }
}

/* A group is drawn for at the level of its last row, and once. */
static void check_units(const fmpnn_agenda *a, const fmpnn_agenda_unit *unit)
{
    uint8_t seen[SEQUENCES][MOST] = {{0}};
    for (uint32_t v = 0; v < a->levels; v++)
        for (size_t n = a->unit_start[v]; n < a->unit_start[v + 1]; n++) {
            const fmpnn_agenda_sequence *q = &a->sequence[unit[n].sequence];
            uint32_t g = unit[n].group, last = 0;
            assert_int_equal(seen[unit[n].sequence][g]++, 0);
            for (size_t m = q->rules->start[g]; m < q->rules->start[g + 1]; m++) {
                uint32_t level = a->level[q->cell + q->rules->member[m]];
                last = level > last ? level : last;
            }
            assert_int_equal(last, v + 1);
        }
    for (size_t b = 0; b < a->B; b++)
        for (size_t g = 0; g < a->sequence[b].rules->groups; g++)
            assert_int_equal(seen[b][g], a->unit_level[a->sequence[b].group + g] != 0);
}

static void plan(fmpnn_pool *pool, int threads, size_t first, size_t B, fmpnn_agenda *a,
                 fmpnn_agenda_row **row, fmpnn_agenda_unit **unit)
{
    fmpnn_error err;
    if (fmpnn_agenda_make(a, pool, threads, B, sequence + first, &err))
        fail_msg("%s", err.message);
    *row = calloc(a->row_start[a->levels] + 1, sizeof **row);
    *unit = calloc(a->unit_start[a->levels] + 1, sizeof **unit);
    assert_true(*row && *unit);
    fmpnn_agenda_lists(a, *row, *unit);
}

static void test_together(void **unused)
{
    (void)unused;
    fmpnn_pool *pool = fmpnn_pool_create(3);
    fmpnn_agenda a, b;
    fmpnn_agenda_row *row, *row_b;
    fmpnn_agenda_unit *unit, *unit_b;
    plan(NULL, 1, 0, SEQUENCES, &a, &row, &unit);
    check_rows(&a, row);
    check_units(&a, unit);
    plan(pool, 3, 0, SEQUENCES, &b, &row_b, &unit_b);
    assert_int_equal(a.levels, b.levels);
    assert_memory_equal(row, row_b, a.row_start[a.levels] * sizeof *row);
    assert_memory_equal(unit, unit_b, a.unit_start[a.levels] * sizeof *unit);
    assert_memory_equal(a.letters, b.letters, a.cells);
    fmpnn_agenda_clear(&b);
    free(row_b);
    free(unit_b);
    for (size_t n = 0; n < SEQUENCES; n++) { /* alone as among others */
        size_t cell = sequence[n].cell, L = cases[n].L;
        plan(NULL, 1, n, 1, &b, &row_b, &unit_b);
        assert_memory_equal(a.level + cell, b.level, L * sizeof *b.level);
        assert_memory_equal(a.letters + cell, b.letters, L);
        fmpnn_agenda_clear(&b);
        free(row_b);
        free(unit_b);
        sequence[n].cell = cell;
    }
    fmpnn_agenda_clear(&a);
    free(row);
    free(unit);
    fmpnn_pool_free(pool);
}

static void test_memory(void **unused)
{
    (void)unused;
    for (size_t n = 1;; n++) {
        fmpnn_agenda a;
        fmpnn_error err;
        fmpnn_alloc_fail_at(n);
        fmpnn_status status = fmpnn_agenda_make(&a, NULL, 1, SEQUENCES, sequence, &err);
        fmpnn_alloc_fail_at(0);
        fmpnn_agenda_clear(&a);
        if (!status)
            break;
        assert_int_equal(status, FMPNN_ENOMEM);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_together),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, build, clear);
}
