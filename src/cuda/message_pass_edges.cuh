/* s_i = sum_j g(A_i + P_j + We [distance | direction]) of whole tiles of 8 edges, by one
 * warp for some channels of its node.
 *
 * The matrix unit makes z, so that the vector units do nothing but GELU and its sum: 7
 * instructions a GELU instead of 15 in fp16 mode, 12 instead of 19 in fp32. Not more than
 * that: a matrix instruction seems to keep other warps from issuing for 4 to 7 cycles (when
 * it also summed z, fewer instructions took 320 us instead of 297 for 64 x 500 x 48 edges
 * of 256 channels).
 *
 * fp16: rows are channels, columns are edges. P_j times the identity, then We and A_i times
 * geometry and one, the distance in two halves. Lane 4g + q reads of edge g the eight
 * channels 8q .. 8q + 7 of each 32, as it lies in memory, and receives of edges 2q and 2q +
 * 1 one channel of each pair.
 *
 * fp32: rows are edges, columns channels, tf32 in two parts each; accumulators begin as
 * P_j. Row g is edge g with one pair of channels a lane, row g + 8 the same edge with the
 * next pair: 16 bytes of a table are four accumulators as they stand. Each half of K
 * belongs to one of the rows (operand (x, 0, 0, x)).
 *
 * Sums run over tiles in order, then over lanes by halves: bits of a node depend on nothing
 * but the node, whatever warp takes whichever channels. */
#ifndef FMPNN_CUDA_MESSAGE_PASS_EDGES_CUH
#define FMPNN_CUDA_MESSAGE_PASS_EDGES_CUH

#include "cuda/launch.cuh"
#include "cuda/message_pass.cuh"
#include "cuda/tile.cuh"

enum { EDGES = 8 /* of a tile */, AHEAD = 1 /* tiles whose rows are on the way */ };

/* ---- GELU: coefficients of the form at hand are in constant memory ---- */

/* What tanh is taken of for h = x / 8: an odd polynomial in h whose even part stays as it
 * is from |x| = 8 on (the saturation of a product costs nothing); g(x) = 4 (h + h tanh),
 * 3e-5 in the erf form. */
__device__ inline float gelu_tanh(const gelu_form &f, float h)
{
    float v = __saturatef(h * h);
    return tanh_fast(h * fmaf(fmaf(f.fast[2], v, f.fast[1]), v, f.fast[0]));
}

/* g(x) = |x| q(|x|) + x / 2, as src/kernels/gelu.h has it: the tanh form has one
 * coefficient more before the squarings, and one squaring less. */
template <bool SQUARED> __device__ inline float gelu_factor(const gelu_form &f, float x)
{
    float t = fminf(fabsf(x), f.end), q = fmaf(f.c[0], t, f.c[1]);
    q = fmaf(q, t, f.c[2]);
    q = fmaf(q, t, f.c[3]);
    q = fmaf(q, t, f.c[4]);
    q = fmaf(q, t, f.c[5]);
    q = fmaf(q, SQUARED ? q : t, f.c[6]);
    q = fmaf(q, q, f.c[7]);
    q = fmaf(q, q, f.c[8]);
    return fmaf(-q, q, f.c[9]);
}

template <bool SPLIT> __device__ inline float activate(const gelu_form &f, float x)
{
    if (SPLIT)
        return fmaf(fabsf(x),
                    f.squared ? gelu_factor<true>(f, x) : gelu_factor<false>(f, x),
                    0.5f * x);
    float h = 0.125f * x;
    return 4 * fmaf(h, gelu_tanh(f, h), h);
}

/* ---- geometry ---- */

/* [distance | direction] of an edge. In half precision the hardware's root is good enough:
 * the 1e-8 beside the distance, which is at least 1e-4, is left out. */
template <bool SPLIT> __device__ inline float4 measure(const float *x, const float *y)
{
    float dx = y[0] - x[0], dy = y[1] - x[1], dz = y[2] - x[2];
    float square = fmaf(dx, dx, fmaf(dy, dy, fmaf(dz, dz, 1e-8f))), distance, scale;
    if (SPLIT) {
        distance = sqrtf(square);
        scale = 1 / (distance + 1e-8f);
    } else {
        scale = rsqrtf(square);
        distance = square * scale;
    }
    return make_float4(distance, dx * scale, dy * scale, dz * scale);
}

__device__ inline uint32_t tf32(float x)
{
    uint32_t y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return y;
}

__device__ inline void cut_tf32(float x, uint32_t &hi, uint32_t &lo)
{
    hi = tf32(x);
    lo = tf32(x - __uint_as_float(hi));
}

/* What the lanes q of an edge multiply. split: [4] numbers cut in two; half: [4] pairs,
 * (high and low distance), (high distance, one), (x, y), (z, 0), one standing against A_i.
 */
template <bool SPLIT> struct edge_operand;
template <> struct edge_operand<true> {
    uint2 of[4];
    __device__ void set(float4 d, bool)
    {
        cut_tf32(d.x, of[0].x, of[0].y);
        cut_tf32(d.y, of[1].x, of[1].y);
        cut_tf32(d.z, of[2].x, of[2].y);
        cut_tf32(d.w, of[3].x, of[3].y);
    }
};
template <> struct edge_operand<false> {
    uint32_t of[4];
    __device__ void set(float4 d, bool edge)
    {
        float far = fminf(d.x, 6e4f), high = __half2float(__float2half_rn(far));
        *(uint4 *)of =
            make_uint4(half_pair(high, far - high), half_pair(high, edge ? 1.0f : 0.0f),
                       half_pair(d.y, d.z), half_pair(d.w, 0));
    }
};

/* Edges of a pass, in shared memory, and those that are only fetched ahead. */
template <bool SPLIT, int ROOM> struct edge_room {
    edge_operand<SPLIT> operand[ROOM];
    uint32_t
        row[ROOM + AHEAD * EDGES]; /* of the neighbour; the row of zeros if there is none */
};

__device__ inline uint32_t shared_word(uint32_t address)
{
    uint32_t x;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(x) : "r"(address) : "memory");
    return x;
}

__device__ inline uint2 shared_pair(uint32_t address)
{
    uint2 x;
    asm volatile("ld.shared.v2.b32 {%0, %1}, [%2];"
                 : "=r"(x.x), "=r"(x.y)
                 : "r"(address)
                 : "memory");
    return x;
}

/* ---- instructions: not volatile, so that the compiler lays them out ---- */

/* c = (a, 0, 0, a) (b0, b1) */
__device__ inline void mma_spread(float c[4], uint32_t a, uint32_t b0, uint32_t b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%5,%4}, {%6,%7}, {%8,%8,%8,%8};"
        : "=f"(c[0]), "=f"(c[1]), "=f"(c[2]), "=f"(c[3])
        : "r"(a), "r"(0), "r"(b0), "r"(b1), "f"(0.0f));
}

__device__ inline void mma_half(float c[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(b));
}

/* c += (a, 0, 0, a) (b0, b1) */
__device__ inline void mma_tf32(float c[4], uint32_t a, uint32_t b0, uint32_t b1)
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%5,%4}, {%6,%7}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a), "r"(0), "r"(b0), "r"(b1));
}

/* COUNT values a lane become one (or two, of COUNT 8 and two steps): lanes that differ in
 * `bit`, then in the bits below it, exchange halves, and whole sums where one value is
 * left. */
template <int COUNT, int STEPS>
__device__ inline void sum_lanes(float *v, int bit, int lane)
{
#pragma unroll
    for (int step = 0; step < STEPS; step++, bit /= 2) {
        const int left = COUNT >> (step + 1);
        bool upper = lane & bit;
#pragma unroll
        for (int m = 0; m < COUNT / 2; m++)
            if (m < left) {
                float keep = upper ? v[left + m] : v[m];
                float give = upper ? v[m] : v[left + m];
                v[m] = keep + __shfl_xor_sync(~0u, give, bit);
            }
        if (!left)
            v[0] += __shfl_xor_sync(~0u, v[0], bit);
    }
}

/* ---- a warp's channels: WORDS pairs a lane, 2 (half a block of 32), 4 or 8 (two blocks)
 * ---- */

/* Channel of row or column g of pair w, counted from the warp's first. */
__device__ inline int channel_at(int w, int g)
{
    return 32 * (w / 4) + 8 * (g / 2) + 2 * (w % 4) + g % 2;
}

template <bool SPLIT, int WORDS> struct edge_lane;

template <int WORDS> struct edge_lane<false, WORDS> {
    typedef __half table;
    typedef uint32_t input;
    static constexpr int RAW = WORDS, RESULTS = WORDS < 4 ? 1 : WORDS / 4;
    uint32_t weight[WORDS]; /* of this lane's two inputs */
    uint32_t identity;
    float sum[WORDS];

    __device__ void weights(const float *edge, int H, int lane)
    {
        int g = lane / 4, q = lane % 4;
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            const float *at = edge + channel_at(w, g);
            float far = at[0], cut = __half2float(__float2half_rn(far));
            weight[w] = q == 0   ? half_pair(cut, cut)
                        : q == 1 ? half_pair(far - cut, 0)
                        : q == 2 ? half_pair(at[H], at[2 * H])
                                 : half_pair(at[3 * H], 0);
        }
        identity = half_pair(2 * q == g, 2 * q + 1 == g);
    }

    /* A row of a table, from the lane's channels of its first block on. */
    static __device__ void read(uint32_t (&v)[RAW], const table *row)
    {
        if constexpr (WORDS == 2) {
            uint2 x = *(const uint2 *)row;
            v[0] = x.x, v[1] = x.y;
        } else {
#pragma unroll
            for (int b = 0; b < RAW / 4; b++) {
                uint4 x = *(const uint4 *)(row + 32 * b);
                v[4 * b] = x.x, v[4 * b + 1] = x.y, v[4 * b + 2] = x.z, v[4 * b + 3] = x.w;
            }
        }
    }

    /* A node begins: its A_i, read at channels 8 (g / 2). */
    __device__ void begin(const uint32_t (&v)[RAW], int lane)
    {
        int g = lane / 4, q = lane % 4;
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            uint32_t with = __byte_perm(weight[w], v[w], g % 2 ? 0x7610 : 0x5410);
            weight[w] = q == 1 ? with : weight[w];
            sum[w] = 0;
        }
    }

    static __device__ input take(uint32_t address)
    {
        return shared_word(address);
    }

    /* One tile: `v` is the row of edge g, `x` what this lane multiplies of it. */
    __device__ void add(const uint32_t (&v)[RAW], input x, uint32_t, const gelu_form &f)
    {
#pragma unroll
        for (int w = 0; w < WORDS; w += 2) {
            float h[4];
            mma_spread(h, identity, v[w], v[w + 1]);
            mma_half(h, weight[w], weight[w + 1], x);
#pragma unroll
            for (int e = 0; e < 4; e++)
                sum[w + e / 2] += fmaf(h[e], gelu_tanh(f, h[e]), h[e]);
        }
    }

    /* Result n is the sum over all edges of channel place(n, lane), if `mine`. */
    __device__ void end(int lane)
    {
        sum_lanes<WORDS, 2>(sum, 2, lane);
    }
    __device__ float result(int n) const
    {
        return 4 * sum[n];
    }
    static __device__ int place(int n, int lane)
    {
        int q = lane % 4, w = WORDS == 2 ? q / 2 : WORDS == 4 ? q : 2 * q + n;
        return channel_at(w, lane / 4);
    }
    static __device__ bool mine(int lane)
    {
        return WORDS > 2 || !(lane & 1);
    }
};

template <int WORDS> struct edge_lane<true, WORDS> {
    typedef float table;
    typedef uint2 input;
    static constexpr int RAW = 2 * WORDS, RESULTS = WORDS < 4 ? 1 : WORDS / 4;
    uint32_t high[WORDS], low[WORDS], own[WORDS]; /* of this lane's input and column */
    float sum[2 * WORDS], line[2 * WORDS];        /* of the curved part and of z */

    __device__ void weights(const float *edge, int H, int lane)
    {
#pragma unroll
        for (int w = 0; w < WORDS; w++)
            cut_tf32(edge[lane % 4 * H + channel_at(w, lane / 4)], high[w], low[w]);
    }

    static __device__ void read(uint32_t (&v)[RAW], const table *row)
    {
#pragma unroll
        for (int n = 0; n < RAW / 4; n++) {
            uint4 x = ((const uint4 *)(row + 32 * (n / 2)))[n % 2];
            v[4 * n] = x.x, v[4 * n + 1] = x.y, v[4 * n + 2] = x.z, v[4 * n + 3] = x.w;
        }
    }

    __device__ void begin(const uint32_t (&v)[RAW], int lane)
    {
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            uint32_t hi, lo;
            cut_tf32(__uint_as_float(lane / 4 % 2 ? v[2 * w + 1] : v[2 * w]), hi, lo);
            own[w] = lane % 4 ? lo : hi;
        }
#pragma unroll
        for (int n = 0; n < 2 * WORDS; n++)
            sum[n] = line[n] = 0;
    }

    static __device__ input take(uint32_t address)
    {
        return shared_pair(address);
    }

    /* `one` stands against A_i: 1.0f in two lanes, 0 in the others or where there is no
     * edge. */
    __device__ void add(const uint32_t (&v)[RAW], input x, uint32_t one, const gelu_form &f)
    {
        if (f.squared)
            add_form<true>(v, x, one, f);
        else
            add_form<false>(v, x, one, f);
    }

    template <bool SQUARED>
    __device__ void add_form(const uint32_t (&v)[RAW], input x, uint32_t one,
                             const gelu_form &f)
    {
#pragma unroll
        for (int w = 0; w < WORDS; w += 2) {
            float z[4];
#pragma unroll
            for (int e = 0; e < 4; e++)
                z[e] = __uint_as_float(v[2 * w + e]);
            mma_tf32(z, x.x, high[w], high[w + 1]);
            mma_tf32(z, x.y, high[w], high[w + 1]);
            mma_tf32(z, x.x, low[w], low[w + 1]);
            mma_tf32(z, one, own[w], own[w + 1]);
#pragma unroll
            for (int e = 0; e < 4; e++) {
                sum[2 * w + e] =
                    fmaf(fabsf(z[e]), gelu_factor<SQUARED>(f, z[e]), sum[2 * w + e]);
                line[2 * w + e] += z[e];
            }
        }
    }

    __device__ void end(int lane)
    {
        constexpr int EACH = WORDS < 4 ? 2 * WORDS : 8;
#pragma unroll
        for (int n = 0; n < 2 * WORDS; n++)
            sum[n] = fmaf(0.5f, line[n], sum[n]);
#pragma unroll
        for (int b = 0; b < RESULTS; b++)
            sum_lanes<EACH, 3>(sum + EACH * b, 16, lane);
    }
    __device__ float result(int n) const
    {
        return sum[8 * n % (2 * WORDS)];
    }
    static __device__ int place(int n, int lane)
    {
        int u = WORDS < 4 ? 2 * (lane >> 4 & 1) + (lane >> 3 & 1)
                          : 4 * (lane >> 4 & 1) + 2 * (lane >> 3 & 1) + (lane >> 2 & 1);
        return 32 * n + 8 * (lane % 4) + u;
    }
    static __device__ bool mine(int lane)
    {
        return WORDS > 2 || !(lane & 4);
    }
};

/* ---- a team's nodes ---- */

__device__ inline void team_barrier(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* Sums of nodes first, first + step, .. (`count` of them) by a team of `threads` threads,
 * this one being number `thread`; `channel` is the warp's first. store(n, channel, mean)
 * keeps the mean of the team's n-th node. Tiles of all nodes are one list, taken ROOM edges
 * at a time. */
template <bool SPLIT, int D, int WORDS, int ROOM, typename STORE>
__device__ inline void sum_edges(const operation_weights &w, const operation_arrays &a,
                                 int L, edge_room<SPLIT, ROOM> &room, int barrier,
                                 int threads, int thread, int first, int step, int count,
                                 int channel, STORE store)
{
    typedef edge_lane<SPLIT, WORDS> lane_type;
    typedef typename lane_type::table table;
    constexpr int TILES = ROOM / EDGES, H = 2 * D,
                  LANE_BYTES = sizeof room.operand[0].of[0];
    constexpr uint64_t ROW = 2 * H * sizeof(table); /* bytes */
    const int lane = thread % LANES, g = lane / 4, q = lane % 4;
    const int tiles = (w.k + EDGES - 1) / EDGES, all = count * tiles;
    const float per_tile = 1 / (float)tiles;
    const char *own = (const char *)((const table *)w.parts + channel + 8 * (g / 2));
    const char *near = (const char *)((const table *)w.parts + channel + H + 8 * q);
    const uint32_t operands = (uint32_t)__cvta_generic_to_shared(&room.operand[g].of[q]);
    const uint32_t names = (uint32_t)__cvta_generic_to_shared(&room.row[g]);
    lane_type sums;
    int n = 0, tile = 0;
    uint32_t next[lane_type::RAW]; /* A of the node after this one */
    sums.weights(w.edge + channel, H, lane);
    for (int t0 = 0; t0 < all; t0 += TILES) {
        const int some = min(TILES, all - t0);
        if (t0)
            team_barrier(barrier, threads);
        for (int e = thread; e < (some + AHEAD) * EDGES; e += threads) {
            /* a quotient by floats: exact, for what is divided is small */
            int t = tile + e / EDGES, past = (int)(((float)t + 0.5f) * per_tile);
            int m = (t - past * tiles) * EDGES + e % EDGES, i = first + (n + past) * step;
            uint32_t row = (uint32_t)w.zero_row;
            float4 d = make_float4(0, 0, 0, 0);
            if (m < w.k && e < some * EDGES) {
                row = (uint32_t)(i - i % L + a.E[(size_t)i * w.k + m]);
                d = measure<SPLIT>(a.X + (size_t)i * 3, a.X + (size_t)row * 3);
            }
            room.row[e] = row;
            if (e < some * EDGES)
                room.operand[e].set(d, m < w.k);
        }
        team_barrier(barrier, threads);
        if (!t0) {
            launch_wait();
            lane_type::read(next, (const table *)(own + first * ROW));
        }
        uint32_t rows[AHEAD + 1][lane_type::RAW];
        auto fetch = [&](uint32_t(&v)[lane_type::RAW], int t) {
            lane_type::read(
                v, (const table *)(near + shared_word(names + t * EDGES * 4) * ROW));
        };
#pragma unroll
        for (int t = 0; t < AHEAD; t++)
            fetch(rows[t], t);
        if (!t0) {
            sums.begin(next, lane);
            lane_type::read(next,
                            (const table *)(own + (first + (count > 1) * step) * ROW));
        }
        for (int t1 = 0; t1 < some; t1 += AHEAD + 1) {
#pragma unroll
            for (int d = 0; d <= AHEAD; d++) {
                const int t = t1 + d;
                if (t >= some)
                    break;
                fetch(rows[(d + AHEAD) % (AHEAD + 1)], t + AHEAD);
                bool edge =
                    !SPLIT || shared_word(names + t * EDGES * 4) != (uint32_t)w.zero_row;
                sums.add(rows[d], lane_type::take(operands + t * EDGES * 4 * LANE_BYTES),
                         q < 2 && edge ? 0x3f800000 : 0, w.gelu);
                if (++tile < tiles)
                    continue;
                sums.end(lane);
                if (lane_type::mine(lane))
#pragma unroll
                    for (int b = 0; b < lane_type::RESULTS; b++)
                        store(n, channel + lane_type::place(b, lane),
                              w.inverse_k * sums.result(b));
                tile = 0;
                n++;
                sums.begin(next, lane);
                lane_type::read(
                    next,
                    (const table *)(own + (first + min(n + 1, count - 1) * step) * ROW));
            }
        }
    }
}

#endif
