/* PyTorch's stream against published mt19937 numbers and recorded draws.
 *
 * The draws were recorded from a second implementation, in Python integers and floats, written
 * from the description of the stream alone; the numbers of seed 0 and 42 are those that any
 * PyTorch prints for torch.manual_seed(0); torch.randn(16) and for seed 42, torch.randn(3). Angles
 * are those of torch.distributions 2.15. */
#include "compat/torch_mixture.h"
#include "compat/torch_random.h"
#include "design/rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static fmpnn_torch seeded(uint32_t seed)
{
    fmpnn_torch torch;
    fmpnn_torch_seed(&torch, seed);
    return torch;
}

static void near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("got %.17g, expected %.17g", got, expected);
}

static void words_are_the_published_ones(void **state)
{
    (void)state;
    static const uint32_t first[] = {3499211612u, 581869302u, 3890346734u, 3586334585u,
                                     545404204u};
    fmpnn_torch torch = seeded(5489);
    for (size_t n = 0; n < 5; n++)
        assert_int_equal(fmpnn_torch_word(&torch), first[n]);
    fmpnn_torch_skip(&torch, 10000 - 6);
    assert_int_equal(fmpnn_torch_word(&torch), 4123659995u); /* ISO C++, [rand.predef] */
}

static void model_construction_is_skipped(void **state)
{
    (void)state;
    fmpnn_torch torch = seeded(37);
    fmpnn_torch_skip(&torch, 3275237);
    assert_int_equal(fmpnn_torch_word(&torch), 2642058713u);
    torch = seeded(37);
    fmpnn_torch_skip(&torch, 3305317);
    assert_int_equal(fmpnn_torch_word(&torch), 1801818062u);
}

static void many_normals_come_in_blocks(void **state)
{
    (void)state;
    float z[20];
    fmpnn_torch torch = seeded(0);
    fmpnn_torch_normal(&torch, 16, z);
    near(z[0], -1.1258398232, 1e-6);
    near(z[1], -1.1523602107, 1e-6);
    near(z[2], -0.2505785708, 1e-6);
    near(z[3], -0.4338788517, 1e-6);
    torch = seeded(37);
    fmpnn_torch_normal(&torch, 20, z);
    near(z[0], -0.09384778687224617, 1e-7); /* of the first block */
    near(z[3], 0.39399170137706563, 1e-7);
    near(z[4], -1.3766450499489706, 2e-7); /* of the last, drawn again */
    near(z[18], -1.4095964232798917, 2e-7);
    near(z[19], -0.17143605243617, 1e-7);
    assert_int_equal(fmpnn_torch_word(&torch), 3027734402u);
}

static void few_normals_come_in_pairs(void **state)
{
    (void)state;
    static const double expected[] = {-0.48678075071242677, -0.6038215878840039,
                                      -0.5580962308236769, 0.6675243015344896,
                                      -0.19741509323400558};
    float z[5];
    fmpnn_torch torch = seeded(42);
    fmpnn_torch_normal(&torch, 3, z);
    near(z[0], 0.3367, 5e-5);
    near(z[1], 0.1288, 5e-5);
    near(z[2], 0.2345, 5e-5);
    torch = seeded(5);
    fmpnn_torch_normal(&torch, 3,
                       z); /* the second half of a pair waits for the next call */
    fmpnn_torch_normal(&torch, 2, z + 3);
    for (size_t n = 0; n < 5; n++)
        near(z[n], expected[n], 1e-7);
    assert_int_equal(fmpnn_torch_word(&torch), 3289549211u);
}

static void exponentials_and_the_letters_they_draw(void **state)
{
    (void)state;
    static const uint8_t letters[] = {9, 13, 12, 12, 12, 2, 7,  10, 14, 2,  16, 6,
                                      9, 12, 16, 9,  19, 2, 15, 18, 8,  10, 17, 15};
    double q[21], p[21];
    fmpnn_torch torch = seeded(37);
    fmpnn_torch_exponential(&torch, 21, q);
    near(q[0], 0.3990573014561993, 1e-15);
    near(q[9], 0.01364645599041579, 1e-16);
    near(q[20], 2.5094491372907104, 1e-14);
    for (size_t a = 0; a < 21; a++)
        p[a] = (double)(a + 1) / 231;
    torch = seeded(37);
    for (size_t n = 0; n < sizeof letters; n++) {
        fmpnn_torch_exponential(&torch, 21, q);
        assert_int_equal(fmpnn_draw_race(p, q), letters[n]);
    }
}

static void equal_quotients_give_the_first_letter(void **state)
{
    (void)state;
    double p[21] = {0}, q[21];
    for (size_t a = 0; a < 21; a++)
        q[a] = 1;
    p[4] = p[7] = 0.5;
    assert_int_equal(fmpnn_draw_race(p, q), 4);
}

/* torch.manual_seed(5), then twice MixtureSameFamily(Categorical(logits), VonMises(mean,
 * concentration)).sample([n]) of which the likeliest is kept, n = 16 and 1. */
static void angles_of_mixtures(void **state)
{
    static const fmpnn_mixture mixture[5] = {
        {{0.3, -2.0, 2.5}, {0.2, 3, 60}, {0, 1, -1}},
        {{3, 0.1, -1}, {300, 0.5, 8}, {-1, 2, 0.5}},
        {{0, 1, 2}, {1, 1, 1}, {0, 0, 0}},
        {{1.5, 1.5, -3}, {0.1, 25, 4}, {3, -1, 1}},
        {{-0.7, 2.2, 0.4}, {12, 0.11, 90}, {0.2, 0.3, -0.4}},
    };
    static const double best[5] = {-1.982839, -0.9292925, 0.9769654, 3.004206, 0.3994168};
    static const double only[5] = {-1.611994, -1.163347, 2.083256, 0.6886171, -0.9739552};
    fmpnn_torch torch = seeded(5);
    double angle[5];
    (void)state;
    assert_int_equal(fmpnn_torch_angles(&torch, 16, 5, mixture, angle, NULL), FMPNN_OK);
    for (size_t k = 0; k < 5; k++)
        near(angle[k], best[k], 2e-6);
    near(fmpnn_torch_double(&torch), 0.323530088336188, 1e-15);
    assert_int_equal(fmpnn_torch_angles(&torch, 1, 5, mixture, angle, NULL), FMPNN_OK);
    for (size_t k = 0; k < 5; k++)
        near(angle[k], only[k], 2e-6);
    near(fmpnn_torch_double(&torch), 0.02139339241749194, 1e-15);
}

static void angles_that_never_come(void **state)
{
    const double bad[] = {NAN, INFINITY, 1e200, 1e17};
    double angle[1];
    (void)state;
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        fmpnn_mixture mixture = {{0, 1, 2}, {1, bad[n], 1}, {0, 0, 0}};
        fmpnn_torch torch = seeded(5);
        fmpnn_error err = {{0}};
        assert_int_equal(fmpnn_torch_angles(&torch, 16, 1, &mixture, angle, &err),
                         FMPNN_EWEIGHTS);
        assert_non_null(strstr(err.message, "no chi angle can be drawn"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_the_published_ones),
        cmocka_unit_test(model_construction_is_skipped),
        cmocka_unit_test(many_normals_come_in_blocks),
        cmocka_unit_test(few_normals_come_in_pairs),
        cmocka_unit_test(exponentials_and_the_letters_they_draw),
        cmocka_unit_test(equal_quotients_give_the_first_letter),
        cmocka_unit_test(angles_of_mixtures),
        cmocka_unit_test(angles_that_never_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
