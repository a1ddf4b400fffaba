/* Logits to distributions to letters, against the formulas written out. */
#include "design/rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { A = 21, T_ROW = 1 };

/* Two rows, so that a mistake in the stride shows; row 1 is the one asked for. */
static double z[A], bias[2 * A], pssm[2 * A], coef[2];
static uint8_t omit[2 * A], allowed[2 * A], last[2 * A];

static int fill(void **state)
{
    (void)state;
    memset(bias, 0, sizeof bias);
    memset(omit, 0, sizeof omit);
    memset(allowed, 0, sizeof allowed);
    memset(last, 0, sizeof last);
    for (int a = 0; a < A; a++) {
        z[a] = sin(3.0 * a) * 4;
        pssm[A + a] = (a + 1) / 231.0;
    }
    coef[T_ROW] = 0.5;
    return 0;
}

static double sum_of(const double *p)
{
    double sum = 0;
    for (int a = 0; a < A; a++)
        sum += p[a];
    return sum;
}

static void assert_near(const double *p, const double *wanted)
{
    for (int a = 0; a < A; a++)
        assert_true(fabs(p[a] - wanted[a]) < 1e-14);
}

static void test_softmax_with_bias_and_omission(void **state)
{
    (void)state;
    fmpnn_rules rules = {.L = 2, .omit = omit, .bias = bias};
    const double T = 0.25;
    double p[A], wanted[A], sum = 0;
    bias[A + 3] = -0.7;
    bias[A + 4] = 2;
    omit[A + 20] = omit[A + 7] = 1;
    for (int a = 0; a < A; a++) {
        wanted[a] = omit[A + a] ? 0 : exp(z[a] + bias[A + a] / T);
        sum += wanted[a];
    }
    for (int a = 0; a < A; a++)
        wanted[a] /= sum;
    assert_int_equal(fmpnn_rules_distribution(&rules, T_ROW, z, T, p, NULL), FMPNN_OK);
    assert_near(p, wanted);
    assert_true(fabs(sum_of(p) - 1) < 1e-14);
    assert_true(p[20] == 0 && p[7] == 0);
}

static void test_huge_logits_do_not_overflow(void **state)
{
    (void)state;
    fmpnn_rules rules = {.L = 2};
    double p[A], large[A];
    for (int a = 0; a < A; a++)
        large[a] = 1e6 * a;
    assert_int_equal(fmpnn_rules_distribution(&rules, T_ROW, large, 1e-3, p, NULL),
                     FMPNN_OK);
    assert_true(p[20] == 1 && p[0] == 0);
}

/* Mixing comes after the omission and can bring an omitted letter back; the log-odds mask leaves
 * a thousandth; the last omission is final. */
static void test_pssm_in_its_order(void **state)
{
    (void)state;
    fmpnn_rules rules = {.L = 2,
                         .omit = omit,
                         .pssm_coef = coef,
                         .pssm_bias = pssm,
                         .pssm_multi = 0.6,
                         .pssm_allowed = allowed,
                         .omit_last = last};
    double p[A], wanted[A], sum = 0;
    omit[A + 2] = 1;
    last[A + 5] = 1;
    for (int a = 0; a < A; a += 2)
        allowed[A + a] = 1;
    for (int a = 0; a < A; a++)
        sum += a == 2 ? 0 : exp(z[a]);
    for (int a = 0; a < A; a++) {
        wanted[a] = 0.7 * (a == 2 ? 0 : exp(z[a]) / sum) + 0.3 * pssm[A + a];
        wanted[a] *= allowed[A + a] ? 1.001 : 0.001;
        if (a == 5)
            wanted[a] = 0;
    }
    sum = sum_of(wanted);
    for (int a = 0; a < A; a++)
        wanted[a] /= sum;
    assert_int_equal(fmpnn_rules_distribution(&rules, T_ROW, z, 1, p, NULL), FMPNN_OK);
    assert_near(p, wanted);
    assert_true(p[2] > 0 && p[5] == 0 && p[1] > 0);
}

static void test_nothing_left(void **state)
{
    (void)state;
    fmpnn_rules rules = {.L = 2, .omit = omit};
    fmpnn_error err = {""};
    double p[A];
    p[0] = -7;
    memset(omit + A, 1, A);
    assert_int_equal(fmpnn_rules_distribution(&rules, T_ROW, z, 1, p, &err), FMPNN_EINVAL);
    assert_non_null(strstr(err.message, "position 2"));
    assert_true(p[0] == -7);
    assert_int_equal(fmpnn_rules_distribution(&rules, 0, z, 1, p, &err), FMPNN_OK);

    fmpnn_rules late = {.L = 2, .omit_last = last};
    memset(last + A, 1, A);
    assert_int_equal(fmpnn_rules_distribution(&late, T_ROW, z, 1, p, &err), FMPNN_EINVAL);
    z[4] = NAN;
    assert_int_equal(fmpnn_rules_distribution(&late, 0, z, 1, p, &err), FMPNN_EINVAL);
}

static void test_draws(void **state)
{
    (void)state;
    double p[A] = {0};
    p[3] = 0.25;
    p[9] = 0.5;
    p[12] = 0.25;
    assert_int_equal(fmpnn_draw(p, 0), 3);
    assert_int_equal(fmpnn_draw(p, 0.2499), 3);
    assert_int_equal(fmpnn_draw(p, 0.25), 9);
    assert_int_equal(fmpnn_draw(p, 0.75), 12);
    assert_int_equal(fmpnn_draw_best(p), 9);
    p[12] = 0.2; /* a sum short of 1 must not end at a letter that is impossible */
    assert_int_equal(fmpnn_draw(p, 0.99), 12);
    p[3] = 0.5;
    assert_int_equal(fmpnn_draw_best(p), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_softmax_with_bias_and_omission, fill),
        cmocka_unit_test_setup(test_huge_logits_do_not_overflow, fill),
        cmocka_unit_test_setup(test_pssm_in_its_order, fill),
        cmocka_unit_test_setup(test_nothing_left, fill),
        cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
