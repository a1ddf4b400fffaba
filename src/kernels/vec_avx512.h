/* Vectors of sixteen floats, fused multiply-add, masks. The vocabulary is described in
 * vec_generic.h. */
#ifndef FMPNN_VEC_H
#define FMPNN_VEC_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||           \
    !defined(__AVX512VL__)
#error "kernels_avx512.c must be built with -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VF = 16, TILE_ROWS = 6, V_GROUP = 4 };

/* 32 registers: 6 x 4 sums, 4 weights, a row's value. */
#define TILES(X) X(1, 4) X(2, 4) X(3, 4) X(4, 4) X(5, 4) X(6, 4)

typedef __m512 vf;

static inline vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}

static inline __mmask16 v_mask_first(size_t n)
{
    return n < VF ? (__mmask16)((1u << n) - 1) : (__mmask16)0xffff;
}

static inline vf v_load_first(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_mask_first(n), p);
}

static inline void v_store_first(float *p, vf a, size_t n)
{
    _mm512_mask_storeu_ps(p, v_mask_first(n), a);
}

static inline vf v_first(vf a, size_t n)
{
    return _mm512_maskz_mov_ps(v_mask_first(n), a);
}

static inline vf v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf v_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf v_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

static inline vf v_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}

static inline vf v_abs(vf a)
{
    return _mm512_abs_ps(a);
}

static inline vf v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vf v_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vf v_scale2(vf p, vf s)
{
    const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(s), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), exponent));
}

static inline vf v_zero_below(vf a, vf x, float limit)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, v_set(limit), _CMP_NLT_UQ), a);
}

/* Four registers of four rows each, element 4 l + r of `at` in quarter l of register r, turned within
 * quarters. A row goes to its quarter by a load; gathers take a load for each coordinate. */
#define V_POINTS
static inline void v_points(vf p[3], const float *points, const int32_t *at, size_t count)
{
    int32_t copy[VF];
    __m512 row[4];
    if (count < VF) {
        const __m512i first = _mm512_maskz_loadu_epi32(v_mask_first(count), at);
        _mm512_storeu_si512(copy, first); /* beyond, point 0 */
        at = copy;
    }
    for (size_t r = 0; r < 4; r++) {
#define POINT(l) _mm_loadu_ps(points + (size_t)at[4 * (l) + r] * 4)
        row[r] = _mm512_broadcast_f32x4(POINT(0));
        row[r] = _mm512_mask_broadcast_f32x4(row[r], 0x00f0, POINT(1));
        row[r] = _mm512_mask_broadcast_f32x4(row[r], 0x0f00, POINT(2));
        row[r] = _mm512_mask_broadcast_f32x4(row[r], 0xf000, POINT(3));
#undef POINT
    }
    const __m512d xy01 = _mm512_castps_pd(_mm512_unpacklo_ps(row[0], row[1]));
    const __m512d xy23 = _mm512_castps_pd(_mm512_unpacklo_ps(row[2], row[3]));
    const __m512d z01 = _mm512_castps_pd(_mm512_unpackhi_ps(row[0], row[1]));
    const __m512d z23 = _mm512_castps_pd(_mm512_unpackhi_ps(row[2], row[3]));
    p[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(xy01, xy23));
    p[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(xy01, xy23));
    p[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(z01, z23));
}

static inline float v_sum16(const vf acc[16 / VF])
{
    const __m256 eight =
        _mm256_add_ps(_mm512_castps512_ps256(acc[0]), _mm512_extractf32x8_ps(acc[0], 1));
    const __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
