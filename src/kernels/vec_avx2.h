/* Vectors of eight floats, fused multiply-add. The vocabulary is described in vec_generic.h. */
#ifndef FMPNN_VEC_H
#define FMPNN_VEC_H

#if !defined(__AVX2__) || !defined(__FMA__)
#error "kernels_avx2.c must be built with -mavx2 -mfma"
#endif
#if defined(__AVX512F__)
#error "kernels_avx2.c must be built without AVX-512"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VF = 8, TILE_ROWS = 6, V_GROUP = 2 };

/* 16 registers: 6 x 2 sums, 2 weights, a row's value. */
#define TILES(X) X(1, 8) X(2, 4) X(3, 4) X(4, 2) X(5, 2) X(6, 2)

typedef __m256 vf;

static inline vf v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a);
}

/* All bits set in the first n lanes. */
static inline __m256i v_mask_first(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < VF ? (int)n : VF), lane);
}

static inline vf v_load_first(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, v_mask_first(n));
}

static inline void v_store_first(float *p, vf a, size_t n)
{
    _mm256_maskstore_ps(p, v_mask_first(n), a);
}

static inline vf v_first(vf a, size_t n)
{
    return _mm256_and_ps(a, _mm256_castsi256_ps(v_mask_first(n)));
}

static inline vf v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf v_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

static inline vf v_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf v_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf v_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

static inline vf v_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}

static inline vf v_abs(vf a)
{
    return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}

static inline vf v_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf v_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline vf v_scale2(vf p, vf s)
{
    const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(s), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
}

static inline vf v_zero_below(vf a, vf x, float limit)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, v_set(limit), _CMP_NLT_UQ), a);
}

/* As in vec_avx512.h, in halves. */
#define V_POINTS
static inline void v_points(vf p[3], const float *points, const int32_t *at, size_t count)
{
    int32_t copy[VF];
    __m256 row[4];
    if (count < VF) {
        _mm256_storeu_si256((__m256i *)copy,
                            _mm256_maskload_epi32(at, v_mask_first(count)));
        at = copy; /* beyond, point 0 */
    }
    for (size_t r = 0; r < 4; r++)
        row[r] = _mm256_insertf128_ps(
            _mm256_castps128_ps256(_mm_loadu_ps(points + (size_t)at[r] * 4)),
            _mm_loadu_ps(points + (size_t)at[4 + r] * 4), 1);
    const __m256d xy01 = _mm256_castps_pd(_mm256_unpacklo_ps(row[0], row[1]));
    const __m256d xy23 = _mm256_castps_pd(_mm256_unpacklo_ps(row[2], row[3]));
    const __m256d z01 = _mm256_castps_pd(_mm256_unpackhi_ps(row[0], row[1]));
    const __m256d z23 = _mm256_castps_pd(_mm256_unpackhi_ps(row[2], row[3]));
    p[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(xy01, xy23));
    p[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(xy01, xy23));
    p[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(z01, z23));
}

static inline float v_sum16(const vf acc[16 / VF])
{
    const vf eight = v_add(acc[0], acc[1]);
    const __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
