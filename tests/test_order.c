/* Decoding orders: permutations, who comes first, who stays together, what they depend on. */
#include "design/order.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { L = 12 };

/* Groups {5, 2, 9} and {11, 3}; 0, 4 and 7 fixed. */
static const uint8_t designed[L] = {0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1};
static const uint32_t start[] = {0, 1, 2, 5, 7, 8, 9, 10, 11, 12};
static const uint32_t member[] = {0, 1, 5, 2, 9, 11, 3, 4, 6, 7, 8, 10};
static const uint32_t group_of[] = {0, 1, 2, 3, 4, 2, 5, 6, 7, 2, 8, 3};
static const fmpnn_rules rules = {.L = L,
                                  .designed = designed,
                                  .groups = 9,
                                  .start = start,
                                  .member = member,
                                  .group_of = group_of};
static fmpnn_stream cold, warm;
static uint32_t fixed_order[L];
static fmpnn_job job;

static int open_streams(void **state)
{
    (void)state;
    char digest[65] = "00";
    if (!fmpnn_stream_init(&cold, 3, digest, 0) ||
        !fmpnn_stream_init(&warm, 3, digest, 0.1))
        return -1;
    job.rules = rules;
    job.fixed_order = fixed_order;
    job.fixed_count = fmpnn_order_fixed(L, designed, &cold, fixed_order);
    return 0;
}

static void assert_permutation(const uint32_t *order)
{
    int seen[L] = {0};
    for (size_t t = 0; t < L; t++) {
        assert_in_range(order[t], 0, L - 1);
        seen[order[t]]++;
    }
    for (size_t i = 0; i < L; i++)
        assert_int_equal(seen[i], 1);
}

static void assert_together(const uint32_t *order)
{
    uint32_t rank[L];
    fmpnn_order_rank(L, order, rank);
    assert_true(rank[2] == rank[5] + 1 && rank[9] == rank[2] + 1);
    assert_true(rank[3] == rank[11] + 1);
}

static void test_native(void **state)
{
    (void)state;
    uint32_t order[L], again[L], keys_seen[L] = {0};
    size_t shared = 0;
    for (uint64_t sample = 1; sample < 200; sample++) {
        fmpnn_order_native(&job, &warm, sample, order, &shared);
        assert_permutation(order);
        assert_together(order);
        assert_int_equal(shared, 3);
        assert_memory_equal(order, fixed_order, 3 * sizeof *order);
        keys_seen[order[3]]++;
        /* sorted by the published rule: the key of the group's lowest member */
        double before = -1;
        for (size_t t = 3; t < L; t++) {
            uint32_t i = order[t];
            uint32_t first = i == 5 || i == 9 ? 2 : i == 11 ? 3 : i;
            double key = fmpnn_uniform(&warm, sample, first, FMPNN_FOR_ORDER);
            assert_true(key >= before);
            before = key;
        }
    }
    /* every designed unit leads now and then: 6 units, 199 orders */
    assert_true(keys_seen[1] && keys_seen[5] && keys_seen[11] && keys_seen[6] &&
                keys_seen[8] && keys_seen[10]);
    fmpnn_order_native(&job, &warm, 7, order, NULL);
    fmpnn_alloc_fail_at(1);
    fmpnn_order_native(&job, &warm, 7, again, NULL);
    fmpnn_alloc_fail_at(0);
    assert_memory_equal(order, again, sizeof order);
    fmpnn_order_native(&job, &cold, 7, again, NULL);
    assert_memory_not_equal(order, again, sizeof order);
}

static void test_fixed_part(void **state)
{
    (void)state;
    double before = -1;
    assert_int_equal(job.fixed_count, 3);
    for (size_t t = 0; t < 3; t++) {
        double key = fmpnn_uniform(&cold, 0, fixed_order[t], FMPNN_FOR_FIXED_ORDER);
        assert_true(!designed[fixed_order[t]] && key > before);
        before = key;
    }
}

static void test_original(void **state)
{
    (void)state;
    /* 1.0001 * 0.5 and 0.0001 * 5000 part; -0.25 counts as 0.25; equal keys go by index */
    const float randn[L] = {1, -0.25f, 0.5f, 0.25f, -2, 0, 3, 0.1f, 0.2f, 0.3f, 0.25f, 5};
    const float mask[L] = {1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0};
    const uint32_t wanted[L] = {5, 4, 6, 11, 7, 8, 1, 3, 10, 9, 2, 0};
    uint32_t order[L], rank[L];
    fmpnn_order_original(L, randn, mask, order);
    assert_memory_equal(order, wanted, sizeof order);
    fmpnn_order_rank(L, order, rank);
    for (size_t t = 0; t < L; t++)
        assert_int_equal(rank[wanted[t]], t);
}

/* Against a plain insertion sort, with many equal keys. */
static void test_original_is_stable(void **state)
{
    (void)state;
    enum { MANY = 257 };
    float randn[MANY], mask[MANY];
    uint32_t order[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        randn[i] = (float)(i * 37 % 11) / 8;
        mask[i] = i % 5 != 0;
    }
    fmpnn_order_original(MANY, randn, mask, order);
    for (size_t t = 1; t < MANY; t++) {
        float a = (mask[order[t - 1]] + 0.0001f) * randn[order[t - 1]];
        float b = (mask[order[t]] + 0.0001f) * randn[order[t]];
        assert_true(a < b || (a == b && order[t - 1] < order[t]));
    }
}

static void test_group(void **state)
{
    (void)state;
    const uint32_t in[L] = {3, 0, 9, 1, 2, 4, 5, 6, 7, 8, 10, 11};
    const uint32_t wanted[L] = {11, 3, 0, 5, 2, 9, 1, 4, 6, 7, 8, 10};
    uint32_t out[L];
    assert_true(fmpnn_order_group(&rules, in, out));
    assert_memory_equal(out, wanted, sizeof out);
    fmpnn_alloc_fail_at(1);
    assert_false(fmpnn_order_group(&rules, in, out));
    fmpnn_alloc_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native),   cmocka_unit_test(test_fixed_part),
        cmocka_unit_test(test_original), cmocka_unit_test(test_original_is_stable),
        cmocka_unit_test(test_group),
    };
    return cmocka_run_group_tests(tests, open_streams, NULL);
}
