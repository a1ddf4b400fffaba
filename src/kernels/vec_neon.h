/* Vectors of four floats, fused multiply-add, 32 registers: AArch64, where all of it is always
 * there. The vocabulary is described in vec_generic.h. */
#ifndef FMPNN_VEC_H
#define FMPNN_VEC_H

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "kernels_neon.c is for AArch64"
#endif

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VF = 4, TILE_ROWS = 6, V_GROUP = 4 };

/* 32 registers: 6 x 4 sums, 4 weights, a row's value. */
#define TILES(X) X(1, 8) X(2, 8) X(3, 4) X(4, 4) X(5, 4) X(6, 4)

typedef float32x4_t vf;

static inline vf v_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void v_store(float *p, vf a)
{
    vst1q_f32(p, a);
}

static inline vf v_load_first(const float *p, size_t n)
{
    const float a[VF] = {n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0,
                         n > 3 ? p[3] : 0};
    return vld1q_f32(a);
}

static inline void v_store_first(float *p, vf a, size_t n)
{
    float all[VF];
    vst1q_f32(all, a);
    for (size_t i = 0; i < n && i < VF; i++)
        p[i] = all[i];
}

static inline vf v_first(vf a, size_t n)
{
    static const uint32_t lane[VF] = {0, 1, 2, 3};
    const uint32x4_t keep =
        vcltq_u32(vld1q_u32(lane), vdupq_n_u32(n < VF ? (uint32_t)n : VF));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), keep));
}

static inline vf v_set(float x)
{
    return vdupq_n_f32(x);
}

static inline vf v_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}

static inline vf v_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}

static inline vf v_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}

static inline vf v_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}

static inline vf v_sqrt(vf a)
{
    return vsqrtq_f32(a);
}

static inline vf v_abs(vf a)
{
    return vabsq_f32(a);
}

/* NaN where either is: no caller can tell (see gelu.h), and it is one instruction. */
static inline vf v_min(vf a, vf b)
{
    return vminq_f32(a, b);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}

static inline vf v_fnma(vf a, vf b, vf c)
{
    return vfmsq_f32(c, a, b);
}

static inline vf v_scale2(vf p, vf s)
{
    const int32x4_t exponent = vshlq_n_s32(vreinterpretq_s32_f32(s), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), exponent));
}

static inline vf v_zero_below(vf a, vf x, float limit)
{
    const uint32x4_t below = vcltq_f32(x, v_set(limit));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), below));
}

static inline float v_sum16(const vf acc[16 / VF])
{
    const vf four = v_add(v_add(acc[0], acc[2]), v_add(acc[1], acc[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

#endif
