/* Products of edge tiles on the tensor cores: 16 edges a warp, 64 a warpgroup, 128 channels.
 *
 * A tile's states live in registers from one product to the next. Lane 4r + q of a warp holds,
 * of edges r and r + 8 and for each block b of 32 channels, the eight channels 32b + 8q .. + 7:
 * of a result (`tile`, float accumulators) and of an operand (`operand`, halves). The weights
 * are stored in the order that makes this so: what the instruction calls column 8t + 2q + e of a
 * result, and row of the next operand, is channel 32(t/4) + 8q + 2(t%4) + e. So no result is
 * ever shuffled between lanes, and memory is read and written in 16 or 32 bytes a lane in
 * natural order.
 *
 * The weights come through a ring of stages in shared memory, 64 input channels each, in the
 * order of use. On sm_90a they come by bulk copies, which the last warp that is done with a
 * stage asks for, and the products are wgmma; elsewhere all warps copy, a stage ahead, and the
 * products are mma.sync on the same layout. */
#ifndef FMPNN_CUDA_EDGE_TILE_CUH
#define FMPNN_CUDA_EDGE_TILE_CUH

#include "cuda/barrier.cuh"
#include "cuda/device.cuh"
#include "cuda/launch.cuh"
#include "cuda/wgmma.cuh"

#include <stdint.h>

enum {
    GROUP = 16,                  /* edges of a warp's tile */
    WARPGROUP = 128,             /* threads */
    BLOCKS = WIDTH / 32,         /* of 32 channels */
    STEPS = WIDTH / 16,          /* of the instruction's K */
    STAGE_STEPS = 4,             /* steps in a stage of the ring */
    STEP_BYTES = 16 * WIDTH * 2, /* 16 input by 128 output channels, halves */
    STAGE_BYTES =
        STAGE_STEPS * STEP_BYTES /* twice this if split: higher halves, then lower */
};

/* ---- numbers ---- */

/* GELU by multiply-adds alone, as in src/kernels/gelu.h: error 4e-7. */
__device__ inline float gelu_exact(float x)
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

/* Error 3e-5: an odd polynomial under the hardware's tanh. */
__device__ inline float gelu_fast(float x)
{
    float u = fminf(x * x, 64.0f), h = 0.5f * x, t;
    float p = fmaf(fmaf(-3.5159e-4f, u, 0.037006f), u, 0.79751f);
    asm("tanh.approx.f32 %0, %1;" : "=f"(t) : "f"(x * p));
    return fmaf(h, t, h);
}

template <bool SPLIT> __device__ inline float gelu_of(float x)
{
    return SPLIT ? gelu_exact(x) : gelu_fast(x);
}

__device__ inline uint32_t half_pair(float x, float y)
{
    __half2 h = __floats2half2_rn(x, y);
    return *reinterpret_cast<uint32_t *>(&h);
}

/* Two numbers as halves, and what the halves leave of them. */
__device__ inline void split_pair(float x, float y, uint32_t &hi, uint32_t &lo)
{
    __half2 h = __floats2half2_rn(x, y);
    float2 back = __half22float2(h);
    hi = *reinterpret_cast<uint32_t *>(&h);
    lo = half_pair(x - back.x, y - back.y);
}

/* Numbers in tables of the encoder: float, or half where halves are multiplied anyway. */
template <bool SPLIT> struct table_of {
    typedef float type;
};
template <> struct table_of<false> {
    typedef __half type;
};

__device__ inline void read8(const float *src, float v[8])
{
    float4 a = *reinterpret_cast<const float4 *>(src);
    float4 b = *reinterpret_cast<const float4 *>(src + 4);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

__device__ inline void read8(const __half *src, float v[8])
{
    uint4 raw = *reinterpret_cast<const uint4 *>(src);
    const uint32_t word[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int n = 0; n < 4; n++) {
        float2 f = __half22float2(*reinterpret_cast<const __half2 *>(&word[n]));
        v[2 * n] = f.x;
        v[2 * n + 1] = f.y;
    }
}

__device__ inline void write8(float *dst, const float v[8])
{
    *reinterpret_cast<float4 *>(dst) = make_float4(v[0], v[1], v[2], v[3]);
    *reinterpret_cast<float4 *>(dst + 4) = make_float4(v[4], v[5], v[6], v[7]);
}

__device__ inline void write8(__half *dst, const float v[8])
{
    *reinterpret_cast<uint4 *>(dst) =
        make_uint4(half_pair(v[0], v[1]), half_pair(v[2], v[3]), half_pair(v[4], v[5]),
                   half_pair(v[6], v[7]));
}

/* ---- operands and results ---- */

/* Step 2b + s of the instruction takes channels 32b + 8q + 4s .. + 3 of the lane's two rows. */
template <bool SPLIT, int N = STEPS> struct operand {
    uint32_t hi[N][4];
    uint32_t lo[SPLIT ? N : 1][4];
};

/* The lane's eight channels of block b (of those that `x` holds), row 0 or 1 (edge r, r + 8). */
template <bool SPLIT, int N>
__device__ inline void operand_set(operand<SPLIT, N> &x, int b, int row, const float v[8])
{
#pragma unroll
    for (int n = 0; n < 4; n++) { /* pairs: step 2b + n/2, first or second half of its K */
        int step = 2 * b + n / 2, at = n % 2 * 2 + row;
        if (SPLIT)
            split_pair(ACT_SCALE * v[2 * n], ACT_SCALE * v[2 * n + 1], x.hi[step][at],
                       x.lo[SPLIT ? step : 0][at]);
        else
            x.hi[step][at] = half_pair(v[2 * n], v[2 * n + 1]);
    }
}

struct tile {
    float x[16 * 4];
    __device__ float &at(int b, int row, int u)
    {
        return x[(4 * b + u / 2) * 4 + 2 * row + u % 2];
    }
};

/* ---- the ring ---- */

struct ring {
    uint32_t stages;         /* shared address of the first */
    uint32_t full, counters; /* of a barrier (8 bytes) and a counter (4) for each */
    int at, phase;
    int limit;      /* stages there is room for; all, or fewer than that */
    bool streaming; /* fewer */
    int warps;
    const unsigned char *source;
    int total; /* stages of `source`, read over and over */
    int next;  /* of `source`: what comes into stage `at` when it is free again */
    int more;  /* how often that still happens */
};

/* A stage that products are reading. */
struct ring_stage {
    uint32_t address;
    int at, next;
    bool more;
};

#if WGMMA

/* barrier_wait() with the branch inside: the form that the edge pass was measured with; the other one
 * gives it other registers. */
__device__ inline void ring_await(uint32_t barrier, int phase)
{
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "again:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
                 "@p bra done;\n"
                 "bra again;\n"
                 "done:\n"
                 "}" ::"r"(barrier),
                 "r"(phase)
                 : "memory");
}

/* One thread: barriers, and the first stages on their way. */
template <bool SPLIT> __device__ inline void ring_fill(const ring &r)
{
    const int bytes = (SPLIT ? 2 : 1) * STAGE_BYTES;
    for (int n = 0; n < r.limit; n++) {
        barrier_init(r.full + 8 * n, 1);
        asm volatile("st.shared.b32 [%0], %1;" ::"r"(r.counters + 4 * n), "r"(0)
                     : "memory");
    }
    barriers_ready();
    for (int n = 0; n < r.limit; n++)
        bulk_copy(r.stages + n * bytes, r.source + (size_t)n * bytes, bytes,
                  r.full + 8 * n);
}

template <bool SPLIT> __device__ inline ring_stage ring_wait(ring &r)
{
    ring_stage s = {r.stages + r.at * (SPLIT ? 2 : 1) * STAGE_BYTES, r.at, r.next,
                    r.more > 0};
    ring_await(r.full + 8 * r.at, r.phase);
    if (++r.at == r.limit) {
        r.at = 0;
        r.phase ^= r.streaming;
    }
    if (++r.next == r.total)
        r.next = 0;
    r.more--;
    return s;
}

/* This warp is done with it; the last one fetches what comes next. */
template <bool SPLIT>
__device__ inline void ring_release(const ring &r, const ring_stage &s)
{
    const int bytes = (SPLIT ? 2 : 1) * STAGE_BYTES;
    if (!r.streaming || !s.more || threadIdx.x % LANES)
        return;
    int before;
    uint32_t counter = r.counters + 4 * s.at;
    asm volatile("atom.acq_rel.cta.shared.add.u32 %0, [%1], 1;"
                 : "=r"(before)
                 : "r"(counter)
                 : "memory");
    if (before != r.warps - 1)
        return;
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(counter), "r"(0) : "memory");
    bulk_copy(s.address, r.source + (size_t)s.next * bytes, bytes, r.full + 8 * s.at);
}

/* ---- products on sm_90a ---- */

/* 16 x 128 weights of one step. */
__device__ inline uint64_t wgmma_weights(uint32_t address)
{
    return wgmma_matrix(address, 128, 256);
}

/* One step of a split or plain product; `stage` is the shared address of its stage. */
template <bool SPLIT, int N>
__device__ inline void product_step(tile &y, const operand<SPLIT, N> &a, int step,
                                    uint32_t stage, int k, bool add)
{
    uint64_t w = wgmma_weights(stage + k * STEP_BYTES);
    wgmma_step(y.x, a.hi[step], w, add);
    if (SPLIT) {
        wgmma_step(y.x, a.lo[SPLIT ? step : 0], w, 1);
        wgmma_step(y.x, a.hi[step], wgmma_weights(stage + STAGE_BYTES + k * STEP_BYTES), 1);
    }
}

#else

/* ---- the same without sm_90a ---- */

__device__ inline void ring_barrier(const ring &r)
{
    asm volatile("bar.sync 15, %0;" ::"r"(r.warps * LANES) : "memory");
}

template <bool SPLIT> __device__ inline void ring_copy(ring &r, int slot)
{
    const int bytes = (SPLIT ? 2 : 1) * STAGE_BYTES, threads = r.warps * LANES;
    const unsigned char *src = r.source + (size_t)r.next * bytes;
    uint32_t dst = r.stages + slot * bytes;
    for (int n = threadIdx.x * 16; n < bytes; n += threads * 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(dst + n),
                     "l"(src + n)
                     : "memory");
    asm volatile("cp.async.commit_group;" ::: "memory");
    if (++r.next == r.total)
        r.next = 0;
}

/* The stage after the last one, while the one after that is on its way. */
template <bool SPLIT> __device__ inline ring_stage ring_wait(ring &r)
{
    ring_stage s = {r.stages + r.at * (SPLIT ? 2 : 1) * STAGE_BYTES, r.at, 0, false};
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    ring_barrier(r);
    r.at ^= 1;
    ring_copy<SPLIT>(r, r.at);
    return s;
}

template <bool SPLIT> __device__ inline void ring_release(const ring &, const ring_stage &)
{
}

__device__ inline void mma_step(float *c, const uint32_t a[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline uint32_t shared_word(uint32_t address)
{
    uint32_t word;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(word) : "r"(address));
    return word;
}

template <bool SPLIT, int N>
__device__ inline void product_step(tile &y, const operand<SPLIT, N> &a, int step,
                                    uint32_t stage, int k, bool add)
{
    uint32_t at = stage + k * STEP_BYTES + threadIdx.x % LANES * 4;
#pragma unroll
    for (int t = 0; t < 16; t++) {
        float *c = y.x + 4 * t;
        if (!add)
            c[0] = c[1] = c[2] = c[3] = 0;
        uint32_t b0 = shared_word(at + t * 256), b1 = shared_word(at + t * 256 + 128);
        mma_step(c, a.hi[step], b0, b1);
        if (SPLIT) {
            mma_step(c, a.lo[SPLIT ? step : 0], b0, b1);
            mma_step(c, a.hi[step], shared_word(at + STAGE_BYTES + t * 256),
                     shared_word(at + STAGE_BYTES + t * 256 + 128));
        }
    }
}

#endif

/* y = a W, W being the next two stages of the ring. */
template <bool SPLIT>
__device__ inline void product(tile &y, const operand<SPLIT> &a, ring &r)
{
    ring_stage first = ring_wait<SPLIT>(r);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < STAGE_STEPS; k++)
        product_step(y, a, k, first.address, k, k > 0);
    wgmma_commit();
    ring_stage second = ring_wait<SPLIT>(r);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < STAGE_STEPS; k++)
        product_step(y, a, STAGE_STEPS + k, second.address, k, true);
    wgmma_commit();
    wgmma_wait<1>();
    ring_release<SPLIT>(r, first);
    wgmma_wait<0>();
    ring_release<SPLIT>(r, second);
}

/* ---- what stands between products ---- */

/* LayerNorm of both rows over all channels: four lanes hold a row. */
__device__ inline void tile_norm(tile &y, const float *gain, const float *bias, int q)
{
    float sum[2] = {0, 0}, square[2] = {0, 0};
#pragma unroll
    for (int n = 0; n < 64; n++)
        sum[n / 2 % 2] += y.x[n];
#pragma unroll
    for (int row = 0; row < 2; row++) {
        sum[row] += __shfl_xor_sync(~0u, sum[row], 1);
        sum[row] += __shfl_xor_sync(~0u, sum[row], 2);
        sum[row] *= 1.0f / WIDTH;
    }
#pragma unroll
    for (int n = 0; n < 64; n++) {
        y.x[n] -= sum[n / 2 % 2];
        square[n / 2 % 2] = fmaf(y.x[n], y.x[n], square[n / 2 % 2]);
    }
#pragma unroll
    for (int row = 0; row < 2; row++) {
        square[row] += __shfl_xor_sync(~0u, square[row], 1);
        square[row] += __shfl_xor_sync(~0u, square[row], 2);
        square[row] = rsqrtf(fmaf(square[row], 1.0f / WIDTH, 1e-5f));
    }
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float g[8], c[8];
        read8(gain + 32 * b + 8 * q, g);
        read8(bias + 32 * b + 8 * q, c);
#pragma unroll
        for (int u = 0; u < 8; u++)
#pragma unroll
            for (int row = 0; row < 2; row++)
                y.at(b, row, u) = fmaf(y.at(b, row, u) * square[row], g[u], c[u]);
    }
}

/* The rows as the next product's operand. */
template <bool SPLIT> __device__ inline void tile_operand(tile &y, operand<SPLIT> &a)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++)
#pragma unroll
        for (int row = 0; row < 2; row++) {
            float v[8];
#pragma unroll
            for (int u = 0; u < 8; u++)
                v[u] = y.at(b, row, u);
            operand_set<SPLIT>(a, b, row, v);
        }
}

/* a = gelu(inverse y + bias). */
template <bool SPLIT>
__device__ inline void tile_activate(tile &y, float inverse, const float *bias, int q,
                                     operand<SPLIT> &a)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float c[8], v[8];
        read8(bias + 32 * b + 8 * q, c);
#pragma unroll
        for (int row = 0; row < 2; row++) {
#pragma unroll
            for (int u = 0; u < 8; u++)
                v[u] = gelu_of<SPLIT>(fmaf(y.at(b, row, u), inverse, c[u]));
            operand_set<SPLIT>(a, b, row, v);
        }
    }
}

/* a = gelu(inverse y + own + near of each row's neighbour). */
template <bool SPLIT, typename T>
__device__ inline void tile_activate_nodes(tile &y, float inverse, const T *own,
                                           const T *near0, const T *near1, int q,
                                           operand<SPLIT> &a)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float c[8], d[8], v[8];
        read8(own + 32 * b + 8 * q, c);
#pragma unroll
        for (int row = 0; row < 2; row++) {
            read8((row ? near1 : near0) + 32 * b + 8 * q, d);
#pragma unroll
            for (int u = 0; u < 8; u++)
                v[u] = gelu_of<SPLIT>(fmaf(y.at(b, row, u), inverse, c[u] + d[u]));
            operand_set<SPLIT>(a, b, row, v);
        }
    }
}

/* N of the 2 N values at v are this lane's, the others those of the lane N apart. */
template <int N> __device__ inline void halve(float *v, int lane)
{
#pragma unroll
    for (int m = 0; m < N; m++) {
        float keep = lane & N ? v[N + m] : v[m], give = lane & N ? v[m] : v[N + m];
        v[m] = keep + __shfl_xor_sync(~0u, give, N);
    }
}

/* sum over the tile's 16 edges of weight gelu(inverse y + bias), to dst [WIDTH]. The lanes halve
 * what they hold while they halve the edges that are left. */
template <bool SPLIT>
__device__ inline void tile_sum(tile &y, float inverse, const float *bias, float weight0,
                                float weight1, int lane, bool store, float *dst)
{
    int q = lane % 4;
    float v[4 * 8];
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float c[8];
        read8(bias + 32 * b + 8 * q, c);
#pragma unroll
        for (int u = 0; u < 8; u++) {
            float g0 = gelu_of<SPLIT>(fmaf(y.at(b, 0, u), inverse, c[u]));
            float g1 = gelu_of<SPLIT>(fmaf(y.at(b, 1, u), inverse, c[u]));
            v[8 * b + u] = fmaf(weight1, g1, weight0 * g0);
        }
    }
    halve<16>(v, lane);
    halve<8>(v, lane);
    halve<4>(v, lane);
    if (store) /* lane bit 4: blocks 2, 3; bit 3: the second of them; bit 2: its channels 4..7 */
        *reinterpret_cast<float4 *>(dst + 32 * (lane >> 3) + 8 * q + (lane >> 2 & 1) * 4) =
            make_float4(v[0], v[1], v[2], v[3]);
}

#endif
