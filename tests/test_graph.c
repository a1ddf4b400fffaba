/* Neighbours: the graph against a sort of all distances, bit for bit, on structures that are
 * easy to get wrong in cells: ties, clusters, coinciding and far points, few resolved. */
#include "graph/cells.h"
#include "graph/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 1200 };

typedef struct world {
    size_t L;
    float xyz[MOST][4][3], mask[MOST];
    int32_t index[MOST], chain[MOST];
} world;

static world w;
static uint32_t state_of_random;

static double random_unit(void) /* [0, 1) */
{
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return state_of_random / 4294967296.0;
}

static void place(size_t i, double x, double y, double z)
{
    double at[3] = {x, y, z};
    for (size_t atom = 0; atom < 4; atom++)
        for (size_t axis = 0; axis < 3; axis++)
            w.xyz[i][atom][axis] = (float)(at[axis] + (atom == FMPNN_ATOM_CA ? 0 : 1));
}

static void begin(size_t L)
{
    w.L = L;
    state_of_random = (uint32_t)L;
    for (size_t i = 0; i < L; i++) {
        w.mask[i] = 1;
        w.index[i] = (int32_t)i;
        w.chain[i] = 1;
    }
}

/* ---- the rule, in plain words ---- */

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void expect(size_t i, uint64_t *key)
{
    static float d[MOST];
    float farthest = 0;
    const float *x = w.xyz[i][FMPNN_ATOM_CA];
    for (size_t j = 0; j < w.L; j++) {
        const float *y = w.xyz[j][FMPNN_ATOM_CA];
        float dx = x[0] - y[0], dy = x[1] - y[1], dz = x[2] - y[2];
        d[j] = w.mask[i] * w.mask[j] * sqrtf(dx * dx + dy * dy + dz * dz + 1e-6f);
        farthest = d[j] > farthest ? d[j] : farthest;
    }
    for (size_t j = 0; j < w.L; j++)
        key[j] = fmpnn_near_key(d[j] + (1 - w.mask[i] * w.mask[j]) * farthest, j);
    qsort(key, w.L, sizeof *key, by_key);
}

/* The cells of the resolved residues, which a graph uses only if it is large. */
static fmpnn_cells *make_cells(void)
{
    static float axis[3][MOST];
    fmpnn_cells *cells;
    for (size_t i = 0; i < w.L; i++)
        for (size_t a = 0; a < 3; a++)
            axis[a][i] = isnan(w.xyz[i][FMPNN_ATOM_CA][a]) ? 0 : w.xyz[i][FMPNN_ATOM_CA][a];
    assert_true(fmpnn_cells_create(w.L, axis[0], axis[1], axis[2], w.mask, &cells));
    return cells;
}

/* What they say of row i, where they settle it, is what the rule says. */
static void check_cells(const fmpnn_cells *cells, size_t i, size_t K, const uint64_t *key)
{
    static uint64_t best[MOST];
    const float *at = w.xyz[i][FMPNN_ATOM_CA];
    if (w.mask[i] != 0 && fmpnn_cells_nearest(cells, at, 1e-6f, K, best) == K &&
        fmpnn_cells_beyond(cells, at, 1e-6f, fmpnn_near_distance(best[K - 1])))
        assert_memory_equal(best, key, K * sizeof *key);
}

static void check(size_t k)
{
    static uint64_t key[MOST];
    fmpnn_graph *graph;
    fmpnn_cells *cells = make_cells();
    for (int ca_only = 0; ca_only < 2; ca_only++) {
        assert_int_equal(fmpnn_graph_create(w.L, &w.xyz[0][0][0], w.mask, w.index, w.chain, k,
                                            ca_only, &graph, NULL),
                         FMPNN_OK);
        assert_int_equal(graph->K, k < w.L ? k : w.L);
        for (size_t i = 0; i < w.L; i++) {
            expect(i, key);
            if (cells)
                check_cells(cells, i, graph->K, key);
            for (size_t m = 0; m < graph->K; m++) {
                float distance = graph->distance[i * graph->K + m];
                float expected = fmpnn_near_distance(key[m]);
                assert_int_equal(graph->neighbour[i * graph->K + m], fmpnn_near_index(key[m]));
                assert_memory_equal(&distance, &expected, sizeof distance);
            }
        }
        fmpnn_graph_free(graph);
    }
    fmpnn_cells_free(cells);
}

static void check_all_k(void)
{
    static const size_t k[] = {1, 7, 48, 2 * MOST};
    for (size_t n = 0; n < sizeof k / sizeof *k; n++)
        if (k[n] < 100 || w.L < 300) /* a full sort by insertion of many is slow */
            check(k[n]);
}

/* ---- structures ---- */

static const size_t sizes[] = {1, 2, 47, 48, 49, 127, 128, 129, 260, 700, 1024};
#define EACH_SIZE(n) for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)

static void place_at_random(double width)
{
    for (size_t i = 0; i < w.L; i++) {
        double x = random_unit(), y = random_unit(), z = random_unit();
        place(i, width * x, width * y, width * z);
    }
}

static void random_points(void **state)
{
    (void)state;
    EACH_SIZE(n)
    {
        begin(sizes[n]);
        place_at_random(cbrt(140.0 * (double)w.L));
        check_all_k();
    }
}

static void chain_of_steps(void **state)
{
    (void)state;
    begin(MOST);
    double at[3] = {-500, 20, 3000};
    for (size_t i = 0; i < w.L; i++) {
        for (int a = 0; a < 3; a++)
            at[a] += 4.4 * (random_unit() - 0.45);
        place(i, at[0], at[1], at[2]);
    }
    check(48);
}

static void clusters(void **state)
{
    (void)state;
    begin(600);
    for (size_t i = 0; i < w.L; i++) {
        double far = i % 5 == 0 ? 1 : i % 5 == 1 ? 300 : i % 5 == 2 ? 1e4 : 0.01;
        place(i, far + random_unit(), far * random_unit(), (double)(i % 3) * 50);
    }
    check(48);
    place(17, -1e6, 1e6, 1e6); /* one far from everything makes cells large */
    check(48);
}

static void lattice_of_ties(void **state)
{
    (void)state;
    begin(1000);
    for (size_t i = 0; i < w.L; i++) { /* in an order that is not that of space */
        size_t at = i * 617 % 1000;
        place(i, (double)(at % 10) * 4, (double)(at / 10 % 10) * 4, (double)(at / 100) * 4);
    }
    check(7);
    check(48);
    for (size_t i = 0; i < w.L; i++) /* every point on a face between cells, and twice */
        place(i, (double)(i % 10) * 8, (double)(i / 10 % 10) * 8, (double)(i / 200) * 8);
    check(48);
}

static void coinciding_points(void **state)
{
    (void)state;
    EACH_SIZE(n)
    {
        begin(sizes[n]);
        for (size_t i = 0; i < w.L; i++)
            place(i, 3, 4, 5);
        check_all_k();
        for (size_t i = 0; i < w.L; i += 3)
            w.mask[i] = 0;
        check_all_k();
        place(w.L / 2, 3, 4, 6);
        check_all_k();
    }
}

static void points_on_a_line(void **state)
{
    (void)state;
    begin(700);
    for (size_t i = 0; i < w.L; i++)
        place(i, 0, 3.8 * (double)i, 0);
    check(48);
    for (size_t i = 0; i < w.L; i++)
        place(i, 1e-3 * (double)i, 0, 0);
    check(48);
}

static void far_points(void **state)
{
    (void)state;
    static const double scales[] = {1e3, 1e6, 1e9, 1e15, 1e17, 1e19, 1e25};
    for (size_t n = 0; n < sizeof scales / sizeof *scales; n++) {
        begin(300);
        place_at_random(scales[n]);
        if (scales[n] < 1e19) /* beyond, squares are infinite and the rule says nothing */
            check(48);
        for (size_t i = 0; i < w.L; i++) /* close together, far from 0 */
            place(i, scales[n] + (double)i, scales[n], -scales[n]);
        check(48);
    }
}

static void unresolved_residues(void **state)
{
    (void)state;
    static const size_t resolved[] = {0, 1, 5, 47, 48, 49, 50, 200};
    for (size_t n = 0; n < sizeof resolved / sizeof *resolved; n++) {
        begin(260);
        place_at_random(40);
        for (size_t i = 0; i < w.L; i++) {
            w.mask[i] = i * 101 % 260 < resolved[n];
            if (w.mask[i] == 0)
                place(i, 0, 0, 0);
        }
        check_all_k();
    }
    begin(260); /* as many neighbours as are resolved, and the last ones tie */
    for (size_t i = 0; i < w.L; i++) {
        place(i, i % 2 ? 10 : 0, 0, 0);
        w.mask[i] = i % 5 != 0;
    }
    check_all_k();
}

static void absent_coordinates(void **state)
{
    (void)state;
    begin(200);
    place_at_random(30);
    for (size_t i = 0; i < w.L; i += 7)
        w.xyz[i][FMPNN_ATOM_CA][i % 3] = NAN;
    fmpnn_graph *graph;
    assert_int_equal(fmpnn_graph_create(w.L, &w.xyz[0][0][0], w.mask, w.index, w.chain, 48, false,
                                        &graph, NULL),
                     FMPNN_OK);
    fmpnn_graph_free(graph);
    for (size_t i = 0; i < w.L; i += 7) /* what it means */
        w.xyz[i][FMPNN_ATOM_CA][i % 3] = 0;
    check(48);
}

/* ---- cells by themselves ---- */

static void cells_of_nothing(void **state)
{
    (void)state;
    float x[3] = {1, NAN, 3}, zero[3] = {0, 0, 0};
    fmpnn_cells *cells = (fmpnn_cells *)1;
    assert_true(fmpnn_cells_create(3, x, zero, zero, zero, &cells));
    assert_null(cells);
    assert_true(fmpnn_cells_create(3, x, zero, zero, NULL, &cells));
    assert_null(cells);
    x[1] = 3e18f;
    assert_true(fmpnn_cells_create(3, x, zero, zero, NULL, &cells));
    assert_null(cells);
    fmpnn_cells_free(NULL);
}

/* A point that is none of those sorted, also far outside of them all. */
static void searches_from_anywhere(void **state)
{
    (void)state;
    enum { N = 500, K = 25 };
    static float axis[3][N];
    fmpnn_cells *cells;
    state_of_random = 5;
    for (size_t a = 0; a < 3; a++)
        for (size_t j = 0; j < N; j++)
            axis[a][j] = (float)(60 * random_unit());
    assert_true(fmpnn_cells_create(N, axis[0], axis[1], axis[2], NULL, &cells));
    for (size_t n = 0; n < 300; n++) {
        uint64_t key[N], best[K];
        float at[3], reach = n % 3 == 0 ? 60 : n % 3 == 1 ? 300 : 5000;
        for (size_t a = 0; a < 3; a++)
            at[a] = (float)(reach * (random_unit() - 0.3));
        for (size_t j = 0; j < N; j++) {
            float dx = at[0] - axis[0][j], dy = at[1] - axis[1][j], dz = at[2] - axis[2][j];
            key[j] = fmpnn_near_key(sqrtf(dx * dx + dy * dy + dz * dz), j);
        }
        qsort(key, N, sizeof *key, by_key);
        assert_int_equal(fmpnn_cells_nearest(cells, at, 0, K, best), K);
        assert_memory_equal(best, key, sizeof best);
    }
    fmpnn_cells_free(cells);
}

static void reports_memory_that_is_not_there(void **state)
{
    (void)state;
    begin(200);
    place_at_random(30);
    fmpnn_graph *graph;
    fmpnn_status status = FMPNN_ENOMEM;
    for (size_t n = 1; status; n++) {
        assert_true(n < 100);
        fmpnn_alloc_fail_at(n);
        status = fmpnn_graph_create(w.L, &w.xyz[0][0][0], w.mask, w.index, w.chain, 48, false,
                                    &graph, NULL);
        fmpnn_alloc_fail_at(0);
        assert_true(status == FMPNN_OK || status == FMPNN_ENOMEM);
    }
    fmpnn_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_points),       cmocka_unit_test(chain_of_steps),
        cmocka_unit_test(clusters),            cmocka_unit_test(lattice_of_ties),
        cmocka_unit_test(coinciding_points),   cmocka_unit_test(points_on_a_line),
        cmocka_unit_test(far_points),          cmocka_unit_test(unresolved_residues),
        cmocka_unit_test(absent_coordinates),  cmocka_unit_test(cells_of_nothing),
        cmocka_unit_test(searches_from_anywhere),
        cmocka_unit_test(reports_memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
