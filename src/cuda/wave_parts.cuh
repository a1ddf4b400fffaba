/* What wave.cu is made of: words between blocks of a cluster and between clusters, loads that
 * come ahead, products of a few rows. */
#ifndef FMPNN_CUDA_WAVE_PARTS_CUH
#define FMPNN_CUDA_WAVE_PARTS_CUH

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

/* Rows 0 .. ROWS-1 as an operand, the others 0: of each step of k, eight lanes' first and third
 * word. */
typedef struct row_words {
    uint2 hi[QUARTERS][2][4 * ROWS], lo[QUARTERS][2][4 * ROWS]; /* lo: if split */
} row_words;

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

__device__ inline uint32_t local_address(const void *place)
{
    return (uint32_t)__cvta_generic_to_shared(place);
}

/* The same place in another block's shared memory. */
__device__ inline uint32_t remote_address(const void *place, uint32_t rank)
{
    uint32_t remote;
    asm("mapa.shared::cluster.u32 %0, %1, %2;"
        : "=r"(remote)
        : "r"(local_address(place)), "r"(rank));
    return remote;
}

/* Four floats into the same place of another block's shared memory; its barrier counts them. */
__device__ inline void send4(float *place, const uint64_t *arrived, uint32_t rank, float4 v)
{
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 "
                 "[%0], {%1,%2,%3,%4}, [%5];" ::"r"(remote_address(place, rank)),
                 "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w), "r"(remote_address(arrived, rank))
                 : "memory");
}

__device__ inline void send2(float *place, const uint64_t *arrived, uint32_t rank, float x,
                             float y)
{
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 "
                 "[%0], {%1,%2}, [%3];" ::"r"(remote_address(place, rank)),
                 "f"(x), "f"(y), "r"(remote_address(arrived, rank))
                 : "memory");
}

__device__ inline void barrier_init(uint64_t *arrived)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(local_address(arrived))
                 : "memory");
}

/* One thread says what will come in the phase at hand. */
__device__ inline void barrier_expect(uint64_t *arrived, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(
                     local_address(arrived)),
                 "r"(bytes)
                 : "memory");
}

__device__ inline void barrier_wait(const uint64_t *arrived, unsigned phase)
{
    uint32_t there;
    do {
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, p;\n"
                     "}"
                     : "=r"(there)
                     : "r"(local_address(arrived)), "r"(phase)
                     : "memory");
    } while (!there);
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

__device__ inline void tell_letter(uint8_t *at, int letter)
{
    asm volatile("st.release.gpu.global.u8 [%0], %1;" ::"l"(at), "r"(letter) : "memory");
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
};

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
template <bool SPLIT>
__device__ inline void put_pair(row_words *to, int r, int c, float x, float y)
{
    operand<SPLIT> a;
    operand_pair(a, 0, 0, x, y);
    int word = c % 4 / 2, at = 4 * r + c % 32 / 8;
    (&to->hi[c / 32][c % 8 / 4][at].x)[word] = a.hi[0][0];
    if constexpr (SPLIT)
        (&to->lo[c / 32][c % 8 / 4][at].x)[word] = a.lo[0][0];
}

template <bool SPLIT>
__device__ inline void row_operand(operand<SPLIT> &a, const row_words *from, int b,
                                   int lane)
{
#pragma unroll
    for (int k = 0; k < 2; k++) {
        uint2 hi = make_uint2(0, 0), lo = hi;
        if (lane < 4 * ROWS) {
            hi = from->hi[b][k][lane];
            if constexpr (SPLIT)
                lo = from->lo[b][k][lane];
        }
        a.hi[k][0] = hi.x, a.hi[k][1] = 0, a.hi[k][2] = hi.y, a.hi[k][3] = 0;
        if constexpr (SPLIT)
            a.lo[k][0] = lo.x, a.lo[k][1] = 0, a.lo[k][2] = lo.y, a.lo[k][3] = 0;
    }
}

/* y[n] <- channels of two neighbours of tile n of row g; pieces of CHUNK blocks side by side. */
template <bool SPLIT, int NT, int BLOCKS, typename WEIGHTS>
__device__ inline void rows_product(float2 (&y)[NT], const row_words *rows,
                                    const WEIGHTS &w, int lane)
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
            row_operand<SPLIT>(a, rows, b, lane);
#pragma unroll
            for (int n = 0; n < NT; n++)
                multiply(acc[p][n], a, w.high(n, b), w.low(n, b));
        }
#pragma unroll
    for (int n = 0; n < NT; n++) {
        y[n] = make_float2(0, 0);
#pragma unroll
        for (int p = 0; p < BLOCKS / CHUNK; p++) {
            y[n].x += acc[p][n].sum(0);
            y[n].y += acc[p][n].sum(1);
        }
    }
}

#endif
#endif
