/* What the operation does with nodes, 16 a warp: products with weights as fragments
 * (device.cuh, matrix), and the end: residual, LayerNorm, mask. Every output is one chain
 * over K in pieces of 128, whoever computes it, and a row's sums run as one tree
 * (`row_sum`), so that the ways for few and for many nodes give the same bits. */
#ifndef FMPNN_CUDA_MESSAGE_PASS_NODES_CUH
#define FMPNN_CUDA_MESSAGE_PASS_NODES_CUH

#include "cuda/message_pass_edges.cuh"

/* Fragments in memory, of any kind: tiles from `hi`, `lo` on. */
template <int BLOCKS> struct fragments_at {
    const uint4 *hi, *lo;
    int lane;
    __device__ uint4 high(int n, int b) const
    {
        return hi[(n * BLOCKS + b) * LANES + lane];
    }
    __device__ uint4 low(int n, int b) const
    {
        return lo[(n * BLOCKS + b) * LANES + lane];
    }
    __device__ fragments_at from(int n) const
    {
        return {hi + n * BLOCKS * LANES, lo + n * BLOCKS * LANES, lane};
    }
};

template <int BLOCKS>
__device__ inline fragments_at<BLOCKS> fragments_of(const matrix &m, int tile, int lane)
{
    return fragments_at<BLOCKS>{m.hi, m.lo, lane}.from(tile);
}

/* The same in registers, read while there is nothing else to do. */
template <bool SPLIT, int NT, int BLOCKS> struct fragments_held {
    uint4 hi[NT][BLOCKS], lo[SPLIT ? NT : 1][SPLIT ? BLOCKS : 1];
    __device__ void read(const fragments_at<BLOCKS> &from)
    {
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++) {
                hi[n][b] = from.high(n, b);
                if (SPLIT)
                    lo[SPLIT ? n : 0][SPLIT ? b : 0] = from.low(n, b);
            }
    }
    __device__ uint4 high(int n, int b) const
    {
        return hi[n][b];
    }
    __device__ uint4 low(int n, int b) const
    {
        return lo[SPLIT ? n : 0][SPLIT ? b : 0];
    }
};

/* acc = a W of NT tiles. */
template <bool SPLIT, int NT, int BLOCKS, typename W>
__device__ inline void multiply_tiles(float (&acc)[NT][4],
                                      const operand<SPLIT> (&a)[BLOCKS], const W &w)
{
    constexpr int PIECE = BLOCKS < 4 ? BLOCKS : 4;
#pragma unroll
    for (int piece = 0; piece < BLOCKS; piece += PIECE) {
        chains<SPLIT> sum[NT];
#pragma unroll
        for (int n = 0; n < NT; n++)
            sum[n].clear();
#pragma unroll
        for (int b = piece; b < piece + PIECE; b++)
#pragma unroll
            for (int n = 0; n < NT; n++) {
                uint4 hi = w.high(n, b);
                multiply(sum[n], a[b], hi, SPLIT ? w.low(n, b) : hi);
            }
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                acc[n][e] = piece ? acc[n][e] + sum[n].sum(e) : sum[n].sum(e);
    }
}

/* Rows g and g + 8 of a table as an operand; NULL: zeros. Float rows may be in shared
 * memory. */
template <bool SPLIT, int BLOCKS>
__device__ inline void read_rows(operand<SPLIT> (&a)[BLOCKS], const float *upper,
                                 const float *lower, int q)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float u[8] = {}, v[8] = {};
        if (upper)
            read8(u, upper + 32 * b + 8 * q);
        if (lower)
            read8(v, lower + 32 * b + 8 * q);
        operand_make<SPLIT>(a[b], u, v);
    }
}

template <int BLOCKS>
__device__ inline void read_rows(operand<false> (&a)[BLOCKS], const __half *upper,
                                 const __half *lower, int q)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        uint4 u = make_uint4(0, 0, 0, 0), v = u;
        if (upper)
            u = *(const uint4 *)(upper + 32 * b + 8 * q);
        if (lower)
            v = *(const uint4 *)(lower + 32 * b + 8 * q);
        a[b].hi[0][0] = u.x, a[b].hi[0][1] = v.x, a[b].hi[0][2] = u.y, a[b].hi[0][3] = v.y;
        a[b].hi[1][0] = u.z, a[b].hi[1][1] = v.z, a[b].hi[1][2] = u.w, a[b].hi[1][3] = v.w;
    }
}

__device__ inline void write8(__half *to, const float v[8])
{
    *(uint4 *)to = make_uint4(half_pair(v[0], v[1]), half_pair(v[2], v[3]),
                              half_pair(v[4], v[5]), half_pair(v[6], v[7]));
}

/* Over the lanes of a warp that has channel 32b + lane of each block in a lane; those of
 * `finish_rows` hold eight of them and do the first three steps alone. */
__device__ inline float row_sum(float x)
{
#pragma unroll
    for (int d = 1; d < LANES; d *= 2)
        x += __shfl_xor_sync(~0u, x, d);
    return x;
}

__device__ inline float row_sum(const float v[8])
{
    float x = ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

__device__ inline float norm_scale(float square, int D)
{
    return 1 / sqrtf(fmaf(square, 1.0f / (float)D, 1e-5f));
}

/* out of rows first + g and first + g + 8 from the accumulators of all D channels. */
template <int D>
__device__ inline void finish_rows(float (&acc)[D / 8][4], const operation_weights &w,
                                   const operation_arrays &a, int first, int nodes,
                                   int lane)
{
    int q = lane % 4;
#pragma unroll
    for (int row = 0; row < 2; row++) {
        int node = first + lane / 4 + 8 * row;
        bool mine = node < nodes;
        size_t at = (size_t)(mine ? node : nodes - 1) * D;
        float x[D / 32][8], sum[8] = {}, square[8] = {};
#pragma unroll
        for (int b = 0; b < D / 32; b++) {
            float h[8], c[8];
            read8(h, a.h + at + 32 * b + 8 * q);
            read8(c, w.b_out + 32 * b + 8 * q);
#pragma unroll
            for (int u = 0; u < 8; u++) {
                float y = acc[4 * b + u / 2][2 * row + u % 2];
                x[b][u] = h[u] + fmaf(y, w.out.inverse, c[u]);
                sum[u] += x[b][u];
            }
        }
        float mean = row_sum(sum) * (1.0f / D);
#pragma unroll
        for (int b = 0; b < D / 32; b++)
#pragma unroll
            for (int u = 0; u < 8; u++) {
                x[b][u] -= mean;
                square[u] = fmaf(x[b][u], x[b][u], square[u]);
            }
        float scale = norm_scale(row_sum(square), D),
              mask = a.mask[mine ? node : nodes - 1];
        if (!mine)
            continue;
#pragma unroll
        for (int b = 0; b < D / 32; b++) {
            float gamma[8], beta[8], y[8];
            read8(gamma, w.gamma + 32 * b + 8 * q);
            read8(beta, w.beta + 32 * b + 8 * q);
#pragma unroll
            for (int u = 0; u < 8; u++)
                y[u] = mask * fmaf(x[b][u] * scale, gamma[u], beta[u]);
            write8(a.out + at + 32 * b + 8 * q, y);
        }
    }
}

#endif
