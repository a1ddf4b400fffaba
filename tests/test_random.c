/* Philox against its published vectors, and what the numbers made of it must look like. */
#include "design/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char DIGEST[65] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* Known answers of Random123, the authors' own library: zeros, ones, digits of pi. */
static void test_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t n = 0; n < sizeof known / sizeof *known; n++) {
        uint32_t out[4];
        fmpnn_philox(known[n].key, known[n].counter, out);
        assert_memory_equal(out, known[n].out, sizeof out);
    }
}

/* Key, uniform and normal numbers as another program (Python, hashlib) computed them: a change
 * here would silently change every design ever made. */
static void test_numbers_stay(void **state)
{
    (void)state;
    fmpnn_stream stream;
    double normal[2];
    assert_true(fmpnn_stream_init(&stream, 37, DIGEST, 0.1));
    assert_int_equal(stream.key[0], 0x54e65b71);
    assert_int_equal(stream.key[1], 0xd042e6fe);
    assert_true(fmpnn_uniform(&stream, 5, 7, FMPNN_FOR_LETTER) == 0.14428015036542607);
    fmpnn_normal2(&stream, (uint64_t)1 << 32, 9, FMPNN_FOR_NOISE, normal);
    assert_true(fabs(normal[0] - 2.750819780642784) < 1e-14);
    assert_true(fabs(normal[1] + 0.8007645009136107) < 1e-14);
}

/* Each thing that a number is for makes another number; a negative zero is a zero. */
static void test_keys_differ(void **state)
{
    (void)state;
    fmpnn_stream a, b;
    char other[65];
    memcpy(other, DIGEST, sizeof other);
    other[63] = 'e';
    assert_true(fmpnn_stream_init(&a, 1, DIGEST, 0.1));
    assert_true(fmpnn_stream_init(&b, 2, DIGEST, 0.1));
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_true(fmpnn_stream_init(&b, 1, other, 0.1));
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_true(fmpnn_stream_init(&b, 1, DIGEST, 0.2));
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_true(fmpnn_stream_init(&a, 1, DIGEST, 0.0));
    assert_true(fmpnn_stream_init(&b, 1, DIGEST, -0.0));
    assert_memory_equal(&a, &b, sizeof a);

    double base = fmpnn_uniform(&a, 1, 2, FMPNN_FOR_LETTER);
    assert_true(base == fmpnn_uniform(&a, 1, 2, FMPNN_FOR_LETTER));
    assert_true(base != fmpnn_uniform(&a, 2, 2, FMPNN_FOR_LETTER));
    assert_true(base != fmpnn_uniform(&a, 1 + ((uint64_t)1 << 32), 2, FMPNN_FOR_LETTER));
    assert_true(base != fmpnn_uniform(&a, 1, 3, FMPNN_FOR_LETTER));
    assert_true(base != fmpnn_uniform(&a, 1, 2, FMPNN_FOR_ORDER));
}

enum { N = 200000, BINS = 64 };

/* Bounds are five standard deviations of what is measured. */
static void test_uniform_statistics(void **state)
{
    (void)state;
    fmpnn_stream stream;
    assert_true(fmpnn_stream_init(&stream, 0, DIGEST, 1));
    double sum = 0, product = 0, before = 0.5;
    size_t bin[BINS] = {0};
    for (uint32_t n = 0; n < N; n++) {
        double u = fmpnn_uniform(&stream, n / 500, n % 500, FMPNN_FOR_LETTER);
        assert_true(u >= 0 && u < 1);
        sum += u;
        product += (u - 0.5) * (before - 0.5);
        before = u;
        bin[(size_t)(u * BINS)]++;
    }
    double expected = (double)N / BINS, chi2 = 0;
    for (size_t n = 0; n < BINS; n++)
        chi2 += ((double)bin[n] - expected) * ((double)bin[n] - expected) / expected;
    assert_true(fabs(sum / N - 0.5) < 5 / sqrt(12.0 * N));
    assert_true(fabs(product / N) < 5 / (12 * sqrt((double)N)));
    assert_true(fabs(chi2 - (BINS - 1)) < 5 * sqrt(2.0 * (BINS - 1)));
}

static void test_normal_statistics(void **state)
{
    (void)state;
    fmpnn_stream stream;
    assert_true(fmpnn_stream_init(&stream, 0, DIGEST, 0));
    double sum = 0, square = 0, fourth = 0, cross = 0;
    for (uint32_t n = 0; n < N / 2; n++) {
        double x[2];
        fmpnn_normal2(&stream, 0, n, FMPNN_FOR_NOISE, x);
        cross += x[0] * x[1];
        for (int k = 0; k < 2; k++) {
            assert_true(isfinite(x[k]));
            sum += x[k];
            square += x[k] * x[k];
            fourth += pow(x[k], 4);
        }
    }
    assert_true(fabs(sum / N) < 5 / sqrt(N));
    assert_true(fabs(square / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(fourth / N - 3) < 5 * sqrt(96.0 / N));
    assert_true(fabs(cross / (N / 2)) < 5 / sqrt(N / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors), cmocka_unit_test(test_numbers_stay),
        cmocka_unit_test(test_keys_differ),       cmocka_unit_test(test_uniform_statistics),
        cmocka_unit_test(test_normal_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
