/* Products of one warp on the matrix instructions, and what stands around them.
 *
 * mma.m16n8k16 with fragments so arranged that a lane owns eight neighbouring channels of each
 * block of 32: lane 4g + q has channels 32b + 8q .. +7 of rows g and g + 8, of an operand as of a
 * result. So a result is the next product's operand as it stands, memory is read in 16 or 32
 * bytes a lane, and tables need no reordering; only weights do (device.cuh, matrix).
 *
 * Every output is one chain over k in ascending order, whatever the shape of the tile, the
 * kernel or the number of rows: so its bits depend on its row alone. Where a chain is longer
 * than 128, it is cut into pieces of CHUNK that are added in order, so that several blocks may
 * share it. Split numbers: x = hi + lo, three chains: hi hi + (hi lo + lo hi). */
#ifndef FMPNN_CUDA_TILE_CUH
#define FMPNN_CUDA_TILE_CUH

#include "cuda/device.cuh"

#include <stdint.h>

enum {
    TILE = 16, /* rows of a warp's tile */
    CHUNK = 2  /* blocks of 32 in a piece of a long sum */
};

/* ---- numbers ---- */

/* GELU by multiply-adds alone, as src/kernels/gelu.h has it: error below 5e-7 max(1, |x|). */
__device__ inline float gelu_accurate(float x)
{
    float t = fminf(fabsf(x), 5.5f);
    float q = fmaf(-2.48232136e-05f, t, 0.000670904701f);
    q = fmaf(q, t, -0.00112706854f);
    q = fmaf(q, t, -0.0169850383f);
    q = fmaf(q, t, -0.0459733121f);
    q = fmaf(q, t, 0.969044268f);
    q = fmaf(q, q, 0.00230659731f);
    q = fmaf(q, q, -0.0452026092f);
    q = fmaf(q, q, -7.69713588e-05f);
    q = fmaf(-q, q, 0.500000119f);
    return fmaf(fabsf(x), q, 0.5f * x);
}

/* Its tanh form, likewise. */
__device__ inline float gelu_tanh_accurate(float x)
{
    float t = fminf(fabsf(x), 5.30000019f);
    float q = fmaf(4.1667332e-05f, t, -0.000511384802f);
    q = fmaf(q, t, 0.0025821547f);
    q = fmaf(q, t, -0.00165367383f);
    q = fmaf(q, t, -0.0316518694f);
    q = fmaf(q, t, -0.0921048671f);
    q = fmaf(q, t, 0.911539555f);
    q = fmaf(q, q, 0.0101873493f);
    q = fmaf(q, q, -0.000301313295f);
    q = fmaf(-q, q, 0.50000006f);
    return fmaf(fabsf(x), q, 0.5f * x);
}

__device__ inline float tanh_fast(float x)
{
    float y;
    asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* GELU of 8x, a quarter of it (gelu_scale). Error 3e-5 on |8x| <= 8: an odd polynomial under the
 * hardware's tanh. So scaled, what bounds the square is part of its multiplication, and
 * (x/2) (1 + tanh) has no product of its own. */
__device__ inline float gelu_fast(float x)
{
    float u = __saturatef(x * x);
    float p = fmaf(fmaf(-3.5159e-4f * 32768, u, 0.037006f * 512), u, 0.79751f * 8);
    return fmaf(x, tanh_fast(x * p), x);
}

template <bool SPLIT> __device__ inline float gelu(float x)
{
    return SPLIT ? gelu_accurate(x) : gelu_fast(x);
}

/* ---- tables: float where numbers are split, half where not ---- */

template <bool SPLIT> struct table_of {
    typedef float type;
};
template <> struct table_of<false> {
    typedef __half type;
};

__device__ inline void read8(float v[8], const float *src)
{
    float4 a = *(const float4 *)src, b = *(const float4 *)(src + 4);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

__device__ inline void read8(float v[8], const __half *src)
{
    uint4 a = *(const uint4 *)src;
    const uint32_t word[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
    for (int n = 0; n < 4; n++) {
        float2 pair = __half22float2(*(const __half2 *)&word[n]);
        v[2 * n] = pair.x;
        v[2 * n + 1] = pair.y;
    }
}

__device__ inline void write8(float *dst, const float v[8])
{
    *(float4 *)dst = make_float4(v[0], v[1], v[2], v[3]);
    *(float4 *)(dst + 4) = make_float4(v[4], v[5], v[6], v[7]);
}

/* 16 bytes into shared memory, on their way until cp.async.wait; `zero`: zeros instead. */
__device__ inline void copy16(uint4 *dst, const void *src, bool zero)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     (uint32_t)__cvta_generic_to_shared(dst)),
                 "l"(src), "r"(zero ? 0 : 16)
                 : "memory");
}

/* ---- operands ---- */

__device__ inline uint32_t half_pair(float x, float y)
{
    __half2 h = __floats2half2_rn(x, y);
    return *(uint32_t *)&h;
}

/* Rows g and g + 8, one block of 32 channels, for the two steps of k. */
template <bool SPLIT> struct operand {
    uint32_t hi[2][4];
    uint32_t lo[2][4];
};
template <> struct operand<false> {
    uint32_t hi[2][4];
};

__device__ inline void operand_pair(operand<false> &a, int step, int place, float x, float y)
{
    a.hi[step][place] = half_pair(x, y);
}

__device__ inline void operand_pair(operand<true> &a, int step, int place, float x, float y)
{
    x *= ACT_SCALE;
    y *= ACT_SCALE;
    __half2 h = __floats2half2_rn(x, y);
    float2 back = __half22float2(h);
    a.hi[step][place] = *(uint32_t *)&h;
    a.lo[step][place] = half_pair(x - back.x, y - back.y);
}

/* From the lane's eight channels of its two rows. */
template <bool SPLIT>
__device__ inline void operand_make(operand<SPLIT> &a, const float upper[8], const float lower[8])
{
#pragma unroll
    for (int step = 0; step < 2; step++) {
        operand_pair(a, step, 0, upper[4 * step], upper[4 * step + 1]);
        operand_pair(a, step, 1, lower[4 * step], lower[4 * step + 1]);
        operand_pair(a, step, 2, upper[4 * step + 2], upper[4 * step + 3]);
        operand_pair(a, step, 3, lower[4 * step + 2], lower[4 * step + 3]);
    }
}

/* ---- products ---- */

__device__ inline void mma(float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* The chains of one tile of 16 x 8. */
template <bool SPLIT> struct chains {
    float hh[4], hl[4], lh[4];
    __device__ void clear(void)
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
            hh[e] = hl[e] = lh[e] = 0;
    }
    __device__ float sum(int e) const
    {
        return SPLIT ? hh[e] + (hl[e] + lh[e]) : hh[e];
    }
};

/* One block of 32 of k into one tile. */
__device__ inline void multiply(chains<false> &c, const operand<false> &a, uint4 hi, uint4)
{
    mma(c.hh, a.hi[0], hi.x, hi.y);
    mma(c.hh, a.hi[1], hi.z, hi.w);
}

__device__ inline void multiply(chains<true> &c, const operand<true> &a, uint4 hi, uint4 lo)
{
    mma(c.hh, a.hi[0], hi.x, hi.y);
    mma(c.hl, a.hi[0], lo.x, lo.y);
    mma(c.lh, a.lo[0], hi.x, hi.y);
    mma(c.hh, a.hi[1], hi.z, hi.w);
    mma(c.hl, a.hi[1], lo.z, lo.w);
    mma(c.lh, a.lo[1], hi.z, hi.w);
}

/* Where the fragments of tile t, block b begin. */
__device__ inline size_t fragment_at(const matrix &w, int t, int b, int lane)
{
    return ((size_t)t * (w.K / 32) + b) * LANES + lane;
}

/* acc[m][n] <- rows 16m .. of `rows` (shared memory, `stride` floats a row) times the transposed
 * tiles first .. first+NT-1 of w, whose K is 32 BLOCKS. */
template <bool SPLIT, int MT, int NT, int BLOCKS>
__device__ inline void product(float (&acc)[MT][NT][4], const float *rows, int stride,
                               const matrix &w, int first, int lane)
{
    constexpr int PIECE = BLOCKS <= 4 ? BLOCKS : CHUNK;
    chains<SPLIT> sum[MT][NT];
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                acc[m][n][e] = 0;
#pragma unroll 2
    for (int piece = 0; piece < BLOCKS; piece += PIECE) {
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < NT; n++)
                sum[m][n].clear();
#pragma unroll
        for (int c = 0; c < PIECE; c++) {
            int b = piece + c;
            uint4 hi[NT], lo[NT];
#pragma unroll
            for (int n = 0; n < NT; n++) {
                hi[n] = w.hi[fragment_at(w, first + n, b, lane)];
                lo[n] = SPLIT ? w.lo[fragment_at(w, first + n, b, lane)] : hi[n];
            }
#pragma unroll
            for (int m = 0; m < MT; m++) {
                operand<SPLIT> a;
                float upper[8], lower[8];
                const float *at = rows + (16 * m + lane / 4) * stride + 32 * b + 8 * (lane % 4);
                read8(upper, at);
                read8(lower, at + 8 * stride);
                operand_make<SPLIT>(a, upper, lower);
#pragma unroll
                for (int n = 0; n < NT; n++)
                    multiply(sum[m][n], a, hi[n], lo[n]);
            }
        }
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < NT; n++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    acc[m][n][e] += sum[m][n].sum(e);
    }
}

/* The channel of element e of tile t: what an accumulator's places 0, 1 (row g) and 2, 3 (row
 * g + 8) stand for. */
__device__ inline int channel_of(int t, int e, int lane)
{
    return 32 * (t / 4) + 8 * (lane % 4) + 2 * (t % 4) + (e & 1);
}

/* ---- sums over a warp, LayerNorm ---- */

__device__ inline float warp_sum(float x)
{
#pragma unroll
    for (int d = 16; d; d /= 2)
        x += __shfl_xor_sync(~0u, x, d);
    return x;
}

/* Sum of n numbers and of squares of their distances from their mean; joined in pairs, so that one
 * pass does for both. */
typedef struct moments {
    float sum, square;
} moments;

__device__ inline moments moments_of(float4 x)
{
    moments m;
    m.sum = (x.x + x.y) + (x.z + x.w);
    float mean = 0.25f * m.sum;
    x.x -= mean, x.y -= mean, x.z -= mean, x.w -= mean;
    m.square = fmaf(x.y, x.y, __fmul_rn(x.x, x.x)) + fmaf(x.w, x.w, __fmul_rn(x.z, x.z));
    return m;
}

/* Two of n numbers each; over[n] = 1 / 2n. */
__device__ inline moments joined(moments a, moments b, float over)
{
    float d = a.sum - b.sum;
    moments m = {a.sum + b.sum, fmaf(__fmul_rn(d, d), over, a.square + b.square)};
    return m;
}

__device__ inline moments joined_across(moments m, int lanes, float over)
{
    moments other = {__shfl_xor_sync(~0u, m.sum, lanes), __shfl_xor_sync(~0u, m.square, lanes)};
    return joined(m, other, over);
}

__device__ inline float4 centred(float4 x, moments m, float4 g, float4 b)
{
    float mean = m.sum * (1.0f / WIDTH);
    float scale = rsqrtf(m.square * (1.0f / WIDTH) + 1e-5f);
    x.x -= mean, x.y -= mean, x.z -= mean, x.w -= mean;
    return make_float4(fmaf(x.x * scale, g.x, b.x), fmaf(x.y * scale, g.y, b.y),
                       fmaf(x.z * scale, g.z, b.z), fmaf(x.w * scale, g.w, b.w));
}

/* A row of WIDTH, four channels a lane; the lane's gains and biases. Joined are four channels, then
 * pairs of ever more: so a lane may as well have eight (wave.cu), with the same bits. */
__device__ inline float4 normed(float4 x, float4 g, float4 b)
{
    moments m = moments_of(x);
#pragma unroll
    for (int d = 1; d < LANES; d *= 2)
        m = joined_across(m, d, 1.0f / (8 * d));
    return centred(x, m, g, b);
}

#endif
