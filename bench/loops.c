/* The plain loops of the unfused baseline, and the fastest multiply-add loop there is. Built
 * once for each instruction set with its flags (CMakeLists.txt), as LOOPS_ISA; the compiler
 * makes vectors of them. */
#include "bench.h"

#if defined(__AVX512F__)
enum { VECTOR = 64 };
#elif defined(__AVX2__)
enum { VECTOR = 32 };
#else
enum { VECTOR = 16 };
#endif

/* Enough independent sums to hide a multiply-add's latency (4 cycles, two a cycle), few enough
 * for 16 registers. */
enum { CHAINS = 12, ROUNDS = 2000 };

typedef float vector __attribute__((vector_size(VECTOR)));

static void add_bias(float *dst, size_t rows, size_t columns, const float *restrict bias)
{
    for (size_t r = 0; r < rows; r++, dst += columns)
        for (size_t c = 0; c < columns; c++)
            dst[c] += bias[c];
}

static void add(float *restrict dst, const float *restrict a, const float *restrict b,
                size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = a[i] + b[i];
}

static void mean(float *restrict dst, const float *restrict src, size_t k, size_t columns)
{
    const float factor = 1 / (float)k;
    for (size_t c = 0; c < columns; c++)
        dst[c] = 0;
    for (size_t m = 0; m < k; m++, src += columns)
        for (size_t c = 0; c < columns; c++)
            dst[c] += src[c];
    for (size_t c = 0; c < columns; c++)
        dst[c] *= factor;
}

static void scale(float *dst, size_t rows, size_t columns, const float *restrict factor)
{
    for (size_t r = 0; r < rows; r++, dst += columns)
        for (size_t c = 0; c < columns; c++)
            dst[c] *= factor[r];
}

static double multiply_add(float *sink)
{
    vector sum[CHAINS], a, b, total;
    enum { LANES = VECTOR / sizeof(float) };
    /* the sums run towards 1: no denormals, no overflow; volatile: the compiler must not know */
    volatile float factor = 0.999f, step = 0.001f;
    for (size_t n = 0; n < LANES; n++) {
        a[n] = factor;
        b[n] = step;
    }
    for (size_t c = 0; c < CHAINS; c++)
        sum[c] = b * (float)(c + 1);
    for (size_t n = 0; n < ROUNDS; n++) {
        for (size_t c = 0; c < CHAINS; c++)
            sum[c] = sum[c] * a + b;
    }
    total = sum[0];
    for (size_t c = 1; c < CHAINS; c++)
        total += sum[c];
    *sink = total[0];
    return 2.0 * LANES * CHAINS * ROUNDS;
}

#define TEXT(x) #x
#define STRING(x) TEXT(x)
#define JOIN(a, b) a##b
#define NAME(isa) JOIN(bench_loops_, isa)

extern const bench_loops NAME(LOOPS_ISA);
const bench_loops NAME(LOOPS_ISA) = {STRING(LOOPS_ISA), add_bias, add, mean, scale,
                                     multiply_add};
