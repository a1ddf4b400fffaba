/* Vectors of four floats by the compiler's own vector types: SSE2 on any x86-64, NEON or whatever
 * there is elsewhere. v_fma rounds twice, as the portable build's processors do.
 *
 * The vocabulary, the same in every vec_*.h:
 *   vf, VF                  vector type, its lanes (a divisor of 16)
 *   V_GROUP                 vectors that GELU takes side by side: what measured best
 *   TILE_ROWS, TILES(X)     register tiles of the GEMM: X(rows, vectors) for 1 .. TILE_ROWS rows
 *   v_load, v_store         VF floats, any alignment
 *   v_load_first, _store_   the first n < VF lanes; loading fills with 0
 *   v_first(a, n)           lanes from n on set to 0
 *   v_set v_add v_sub v_mul v_div v_sqrt v_abs
 *   v_min(a, b)             b where either is NaN or they are equal
 *   v_fma(a, b, c)          a b + c;  v_fnma: c - a b
 *   v_scale2(p, s)          p 2^n, n in the low bits of s = n + 1.5 x 2^23
 *   v_zero_below(a, x, l)   a, but 0 where x < l
 *   v_points(p, points, at, n)  coordinates p[0], p[1], p[2] of points[at[i]], rows of four floats, in
 *                           lane i; lanes from n on hold any of them
 *   v_sum16(acc)            the 16 lanes of acc[16 / VF] added as a tree: i and i + 8, then
 *                           i + 4, i + 2, i + 1: one order for all instruction sets */
#ifndef FMPNN_VEC_H
#define FMPNN_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX__)
#error "the portable kernels must be built without AVX"
#endif

enum { VF = 4, TILE_ROWS = 4, V_GROUP = 4 };

/* 16 registers: 4 x 2 sums, 2 weights, a row's value, products. */
#define TILES(X) X(1, 4) X(2, 4) X(3, 2) X(4, 2)

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
typedef float vf_unaligned __attribute__((vector_size(16), aligned(4), may_alias));

static inline vf v_load(const float *p)
{
    return *(const vf_unaligned *)p;
}

static inline void v_store(float *p, vf a)
{
    *(vf_unaligned *)p = a;
}

static inline vf v_load_first(const float *p, size_t n)
{
    vf a = {n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
    return a;
}

static inline void v_store_first(float *p, vf a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = a[i];
}

static inline vf v_first(vf a, size_t n)
{
    const vi lane = {0, 1, 2, 3}, count = {(int)n, (int)n, (int)n, (int)n};
    return (vf)((vi)a & (lane < count));
}

static inline vf v_set(float x)
{
    return (vf){x, x, x, x};
}

static inline vf v_add(vf a, vf b)
{
    return a + b;
}

static inline vf v_sub(vf a, vf b)
{
    return a - b;
}

static inline vf v_mul(vf a, vf b)
{
    return a * b;
}

static inline vf v_div(vf a, vf b)
{
    return a / b;
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

static inline vf v_fnma(vf a, vf b, vf c)
{
    return c - a * b;
}

static inline vf v_abs(vf a)
{
    return (vf)((vi)a & 0x7fffffff);
}

/* One instruction each; the compilers do not find them in the plain forms. */
static inline vf v_min(vf a, vf b)
{
#if defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    const vi less = a < b;
    return (vf)(((vi)a & less) | ((vi)b & ~less));
#endif
}

static inline vf v_sqrt(vf a)
{
#if defined(__SSE2__)
    return (vf)_mm_sqrt_ps((__m128)a);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    return (vf)vsqrtq_f32((float32x4_t)a);
#else
    for (size_t i = 0; i < VF; i++)
        a[i] = __builtin_sqrtf(a[i]);
    return a;
#endif
}

static inline vf v_scale2(vf p, vf s)
{
    return (vf)((vu)p + ((vu)s << 23)); /* unsigned: wraps */
}

static inline vf v_zero_below(vf a, vf x, float limit)
{
    return (vf)((vi)a & ~(x < limit));
}

static inline float v_sum16(const vf acc[16 / VF])
{
    const vf four = (acc[0] + acc[2]) + (acc[1] + acc[3]);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

#endif
