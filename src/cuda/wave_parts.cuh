/* What wave.cu is made of: words between blocks of a cluster and between clusters, loads that
 * come ahead, products of a few rows. */
#ifndef FMPNN_CUDA_WAVE_PARTS_CUH
#define FMPNN_CUDA_WAVE_PARTS_CUH

#include "cuda/barrier.cuh"
#include "cuda/wave.cuh"
#include "cuda/tile.cuh"

enum {
    CLUSTER = 8,
    WARPS = 8,
    THREADS = WARPS * LANES,
    ROWS = WAVE_ROWS,
    TILES = CLUSTER / ROWS, /* of 16 neighbours, at most */
    SLICE = FEED_FORWARD / CLUSTER,
    MOST_LAYERS = 4,
    QUARTERS = 4,
    FRAGMENTS = WIDTH / 8 * QUARTERS * LANES,      /* of a matrix of WIDTH x WIDTH */
    SLICE_FRAGMENTS = SLICE / 8 * QUARTERS * LANES /* of a block's part of W_in, of W_out */
};

/* Two rows as an operand, row 0 in rows 0 .. 7 of the tile, row 1 in the others: so every lane has
 * both rows of a result. [hi, lo][block][step of k][q]: two words of each row, alternating. */
template <bool SPLIT, int BLOCKS> struct row_words {
    uint4 part[SPLIT ? 2 : 1][BLOCKS][2][4];
};

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)

/* ---- between blocks ---- */

__device__ inline uint32_t cluster_rank(void)
{
    uint32_t rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ inline void cluster_sync(void)
{
    asm volatile("barrier.cluster.arrive.release.aligned;\n"
                 "barrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}

/* The same place in another block's shared memory. */
__device__ inline uint32_t remote_address(const void *place, uint32_t rank)
{
    uint32_t remote;
    asm("mapa.shared::cluster.u32 %0, %1, %2;"
        : "=r"(remote)
        : "r"(shared_address(place)), "r"(rank));
    return remote;
}

/* Four floats into another block's shared memory, both addresses there; its barrier counts them. */
__device__ inline void send4(uint32_t place, uint32_t arrived, float4 v)
{
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 "
                 "[%0], {%1,%2,%3,%4}, [%5];" ::"r"(place),
                 "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w), "r"(arrived)
                 : "memory");
}

/* ---- between clusters: a letter, and with it the states of its row ---- */

__device__ inline int await_letter(const uint8_t *at)
{
    unsigned letter;
    do {
        asm volatile("ld.acquire.gpu.global.u8 %0, [%1];"
                     : "=r"(letter)
                     : "l"(at)
                     : "memory");
    } while (letter & WAVE_UNTOLD);
    return (int)letter;
}

/* With what the block wrote before its last barrier: once the thread has asked for it by
 * `tell_states`, maybe long before, since what a fence waits for takes as long as the letter's
 * draw. A fence and a later write of the same thread release what came before the fence. */
__device__ inline void tell_states(void)
{
    asm volatile("fence.acq_rel.gpu;" ::: "memory");
}

__device__ inline void tell_letter(uint8_t *at, int letter)
{
    asm volatile("st.relaxed.gpu.global.u8 [%0], %1;" ::"l"(at), "r"(letter) : "memory");
}

/* ---- loads that stay where they stand: in a wait, out of the way of others ---- */

__device__ inline uint4 ahead16(const void *src)
{
    uint4 v;
    asm volatile("ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(src));
    return v;
}
__device__ inline uint2 ahead8(const void *src)
{
    uint2 v;
    asm volatile("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(src));
    return v;
}
__device__ inline float ahead(const float *src)
{
    float v;
    asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(v) : "l"(src));
    return v;
}
__device__ inline float4 ahead4(const float *src)
{
    uint4 v = ahead16(src);
    return *(float4 *)&v;
}
__device__ inline float2 ahead2(const float *src)
{
    uint2 v = ahead8(src);
    return *(float2 *)&v;
}

/* ---- four channels of a table, as they lie there ---- */

template <bool SPLIT> struct four_of {
    float4 v;
    __device__ void zero(void)
    {
        v = make_float4(0, 0, 0, 0);
    }
    __device__ void read(const float *src)
    {
        v = ahead4(src);
    }
    /* past the first cache, which does not see what other blocks write */
    __device__ void read_fresh(const float *src)
    {
        asm volatile("ld.global.cg.v4.f32 {%0,%1,%2,%3}, [%4];"
                     : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                     : "l"(src));
    }
    __device__ float4 get(void) const
    {
        return v;
    }
    __device__ static float4 at(const float *src)
    {
        return *(const float4 *)src;
    }
};
template <> struct four_of<false> {
    uint2 v;
    __device__ void zero(void)
    {
        v = make_uint2(0, 0);
    }
    __device__ void read(const __half *src)
    {
        v = ahead8(src);
    }
    __device__ void read_fresh(const __half *src)
    {
        asm volatile("ld.global.cg.v2.u32 {%0,%1}, [%2];"
                     : "=r"(v.x), "=r"(v.y)
                     : "l"(src));
    }
    __device__ float4 get(void) const
    {
        float2 a = __half22float2(*(const __half2 *)&v.x),
               b = __half22float2(*(const __half2 *)&v.y);
        return make_float4(a.x, a.y, b.x, b.y);
    }
    __device__ static float4 at(const __half *src)
    {
        four_of<false> four;
        four.v = *(const uint2 *)src;
        return four.get();
    }
};

/* As if each number were written by itself. */
__device__ inline void put4(float *dst, float4 v)
{
    *(float4 *)dst = v;
}
__device__ inline void put4(__half *dst, float4 v)
{
    __half2 a = __floats2half2_rn(v.x, v.y), b = __floats2half2_rn(v.z, v.w);
    *(uint2 *)dst = make_uint2(*(uint32_t *)&a, *(uint32_t *)&b);
}

/* ---- weights: fragments of a warp's tiles, fetched ahead of their use or resident ---- */

/* BLOCKS of the ALL blocks of k of NT tiles. */
template <bool SPLIT, int NT, int BLOCKS, int ALL> struct fetched {
    uint4 hi[NT][BLOCKS], lo[SPLIT ? NT : 1][SPLIT ? BLOCKS : 1];

    __device__ inline void fetch(const matrix &w, int first, int block, int lane)
    {
        int at = (first * ALL + block) * LANES + lane;
        const uint4 *from = w.hi + at, *from_lo = w.lo + at;
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++) {
                hi[n][b] = ahead16(from + (n * ALL + b) * LANES);
                if constexpr (SPLIT)
                    lo[n][b] = ahead16(from_lo + (n * ALL + b) * LANES);
            }
    }
    __device__ uint4 high(int n, int b) const
    {
        return hi[n][b];
    }
    __device__ uint4 low(int n, int b) const
    {
        return SPLIT ? lo[n][b] : hi[n][b];
    }
};

template <int BLOCKS> struct resident {
    const uint4 *at; /* the lane's, of its warp's first tile */
    __device__ uint4 high(int n, int b) const
    {
        return at[(n * BLOCKS + b) * LANES];
    }
    __device__ uint4 low(int n, int b) const
    {
        return high(n, b);
    }
};

/* Channels c and c + 1 of row r. */
template <bool SPLIT, int BLOCKS>
__device__ inline void put_pair(row_words<SPLIT, BLOCKS> *to, int r, int c, float x, float y)
{
    operand<SPLIT> a;
    operand_pair(a, 0, 0, x, y);
    int word = 2 * (c % 4 / 2) + r, b = c / 32, k = c % 8 / 4, q = c % 32 / 8;
    (&to->part[0][b][k][q].x)[word] = a.hi[0][0];
    if constexpr (SPLIT)
        (&to->part[1][b][k][q].x)[word] = a.lo[0][0];
}

/* y[n] <- channels of two neighbours of tile n, of row 0 and of row 1; pieces of CHUNK blocks side
 * by side. */
template <bool SPLIT, int NT, int BLOCKS, typename WEIGHTS>
__device__ inline void rows_product(float4 (&y)[NT], const row_words<SPLIT, BLOCKS> *rows,
                                    const WEIGHTS &w, int q)
{
    chains<SPLIT> acc[BLOCKS / CHUNK][NT];
#pragma unroll
    for (int p = 0; p < BLOCKS / CHUNK; p++)
#pragma unroll
        for (int n = 0; n < NT; n++)
            acc[p][n].clear();
#pragma unroll
    for (int c = 0; c < CHUNK; c++)
#pragma unroll
        for (int p = 0; p < BLOCKS / CHUNK; p++) {
            operand<SPLIT> a;
            int b = p * CHUNK + c;
#pragma unroll
            for (int k = 0; k < 2; k++) {
                *(uint4 *)a.hi[k] = rows->part[0][b][k][q];
                if constexpr (SPLIT)
                    *(uint4 *)a.lo[k] = rows->part[1][b][k][q];
            }
#pragma unroll
            for (int n = 0; n < NT; n++)
                multiply(acc[p][n], a, w.high(n, b), w.low(n, b));
        }
#pragma unroll
    for (int n = 0; n < NT; n++) {
        y[n] = make_float4(0, 0, 0, 0);
#pragma unroll
        for (int p = 0; p < BLOCKS / CHUNK; p++) {
            y[n].x += acc[p][n].sum(0);
            y[n].y += acc[p][n].sum(1);
            y[n].z += acc[p][n].sum(2);
            y[n].w += acc[p][n].sum(3);
        }
    }
}

/* Four channels of a row, from two tiles side by side. */
__device__ inline float4 of_row(const float4 (&y)[2], int r)
{
    return r ? make_float4(y[0].z, y[0].w, y[1].z, y[1].w)
             : make_float4(y[0].x, y[0].y, y[1].x, y[1].y);
}

#endif
#endif
