/* Sampling of a few sequences in one launch. A cluster of eight blocks takes up to two rows of a
 * level through all layers and draws their letters; clusters wait for each other by a count of
 * finished rows, so no launch and no host stands between levels.
 *
 *     edges   four blocks a row, a tile of 16 neighbours each; W2 stays in shared memory
 *     nodes   all blocks: W3 and the norms in each, a 64th part .. an eighth of the rest; what
 *             one block finds, it writes into the shared memory of all
 *
 * Sums have the order of decode.cu, so both ways give the same bits. */
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
    STRIDE = WIDTH + 4,
    SLICE_STRIDE = SLICE + 4,
    QUARTERS = 4
};

typedef struct wave_weights {
    int layers;
    decoder_weights layer[MOST_LAYERS];
    matrix logits;
    const float *b_logits;
} wave_weights;

/* A neighbour of the block's tile. */
typedef struct wave_edge {
    uint32_t j;
    int decoded; /* 0 no, 1 yes, 2 yes and its letter is not to be seen */
    int letter;
} wave_edge;

typedef struct wave_shared {
    uint4 hi[QUARTERS][2][LANES], lo[QUARTERS][2][LANES]; /* operands of a tile */
    float parts[ROWS][TILES][WIDTH];                      /* sums of tiles, from all blocks */
    float pieces[CLUSTER][ROWS][WIDTH];                   /* of the feed-forward's output */
    float own[ROWS][WIDTH];
    float x[ROWS][STRIDE], s[ROWS][STRIDE], hidden[ROWS][SLICE_STRIDE];
    wave_edge edge[TILE];
} wave_shared;

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)

__device__ inline uint32_t cluster_rank(void)
{
    uint32_t rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ inline void cluster_sync(void)
{
    asm volatile("barrier.cluster.arrive.release.aligned;\n"
                 "barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/* Four floats into the same place of another block's shared memory. */
__device__ inline void send4(float *place, uint32_t rank, float4 v)
{
    uint32_t local = (uint32_t)__cvta_generic_to_shared(place), remote;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(local), "r"(rank));
    asm volatile("st.shared::cluster.v4.f32 [%0], {%1,%2,%3,%4};" ::"r"(remote), "f"(v.x),
                 "f"(v.y), "f"(v.z), "f"(v.w) : "memory");
}

__device__ inline void send2(float *place, uint32_t rank, float x, float y)
{
    uint32_t local = (uint32_t)__cvta_generic_to_shared(place), remote;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(local), "r"(rank));
    asm volatile("st.shared::cluster.v2.f32 [%0], {%1,%2};" ::"r"(remote), "f"(x), "f"(y)
                 : "memory");
}

__device__ inline void wait_for(const unsigned *done, unsigned before)
{
    unsigned now;
    do {
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(done) : "memory");
    } while (now < before);
}

/* Past the first cache, which does not see what other blocks write. */
__device__ inline float4 fresh4(const float *src)
{
    return __ldcg((const float4 *)src);
}
__device__ inline float4 unpack4(uint2 word)
{
    float2 a = __half22float2(*(__half2 *)&word.x), b = __half22float2(*(__half2 *)&word.y);
    return make_float4(a.x, a.y, b.x, b.y);
}
__device__ inline float4 fresh4(const __half *src)
{
    return unpack4(__ldcg((const uint2 *)src));
}
__device__ inline float4 plain4(const float *src)
{
    return __ldg((const float4 *)src);
}
__device__ inline float4 plain4(const __half *src)
{
    return unpack4(__ldg((const uint2 *)src));
}

/* Fragments of a warp's tiles, fetched ahead of their use. */
template <bool SPLIT, int NT, int BLOCKS> struct fetched {
    uint4 hi[NT][BLOCKS], lo[SPLIT ? NT : 1][SPLIT ? BLOCKS : 1];

    __device__ inline void fetch(const matrix &w, int first, int block, int lane)
    {
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++) {
                size_t at = fragment_at(w, first + n, block + b, lane);
                hi[n][b] = __ldg(w.hi + at);
                if constexpr (SPLIT)
                    lo[n][b] = __ldg(w.lo + at);
            }
    }
};

/* Rows of shared memory as an operand: rows beyond ROWS are 0. */
template <bool SPLIT>
__device__ inline void operand_of_rows(operand<SPLIT> &a, const float *rows, int stride, int b,
                                       int lane)
{
    float upper[8] = {}, lower[8] = {};
    if (lane / 4 < ROWS)
        read8(upper, rows + lane / 4 * stride + 32 * b + 8 * (lane % 4));
    operand_make<SPLIT>(a, upper, lower);
}

template <bool SPLIT, int NT, int BLOCKS>
__device__ inline void rows_product(chains<SPLIT> (&acc)[NT], const float *rows, int stride,
                                    const fetched<SPLIT, NT, BLOCKS> &w, int lane)
{
#pragma unroll
    for (int n = 0; n < NT; n++)
        acc[n].clear();
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        operand<SPLIT> a;
        operand_of_rows<SPLIT>(a, rows, stride, b, lane);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            if constexpr (SPLIT)
                multiply(acc[n], a, w.hi[n][b], w.lo[n][b]);
            else
                multiply(acc[n], a, w.hi[n][b], w.hi[n][b]);
        }
    }
}

/* ---- the phases; every thread of a block walks through them ---- */

template <bool SPLIT> struct wave {
    typedef typename table_of<SPLIT>::type table;
    wave_shared *sh;
    const uint4 *w2; /* [layers][hi, lo][16][4][32], in shared memory */
    int lane, warp, g, q, rank;
    int slot, tile;            /* the block's row and tile of neighbours */
    /* of the sequence of that row; in registers, since every barrier empties the first cache */
    const table *edges, *state;
    const float *blind, *own_part;
    const uint8_t *letters;
    int i, K, L;
    bool working;              /* the block has a tile */
    float4 edge_upper, edge_lower;

    /* The lane's place in a tile's operand: block b, step of k, channel. */
    __device__ int block(void) const { return warp % QUARTERS; }
    __device__ int step(void) const { return warp / QUARTERS; }
    __device__ int channel(void) const { return 32 * block() + 8 * q + 4 * step(); }

    /* Edge parts do not depend on anything decoded: fetched ahead. */
    __device__ void fetch_edges(int layer)
    {
        const table *edge = edges + ((size_t)layer * L + i) * K * WIDTH + channel();
        int upper = tile * TILE + g, lower = upper + 8;
        edge_upper = edge_lower = make_float4(0, 0, 0, 0);
        if (working && upper < K)
            edge_upper = plain4(edge + (size_t)upper * WIDTH);
        if (working && lower < K)
            edge_lower = plain4(edge + (size_t)lower * WIDTH);
    }

    /* g(z) of four channels of neighbour m of the tile. */
    __device__ float4 input(int m, float4 edge, float4 own, const decoder_weights &w, int layer)
    {
        wave_edge e = sh->edge[m];
        int at = channel();
        float4 v, z;
        if (tile * TILE + m >= K)
            return make_float4(0, 0, 0, 0);
        if (layer && e.decoded)
            v = fresh4(state + ((size_t)(layer - 1) * L + e.j) * WIDTH + at);
        else
            v = plain4(blind + ((size_t)layer * L + e.j) * WIDTH + at);
        z.x = edge.x + (own.x + v.x), z.y = edge.y + (own.y + v.y);
        z.z = edge.z + (own.z + v.z), z.w = edge.w + (own.w + v.w);
        if (e.decoded == 1) {
            v = plain4(w.letters + e.letter * WIDTH + at);
            z.x += v.x, z.y += v.y, z.z += v.z, z.w += v.w;
        }
        return make_float4(gelu<SPLIT>(z.x), gelu<SPLIT>(z.y), gelu<SPLIT>(z.z),
                           gelu<SPLIT>(z.w));
    }

    __device__ void gather(const decoder_weights &w, int layer)
    {
        int at = channel();
        float4 own = layer ? *(const float4 *)&sh->own[slot][at]
                           : plain4(own_part + (size_t)i * WIDTH + at);
        float4 u = input(g, edge_upper, own, w, layer);
        float4 l = input(g + 8, edge_lower, own, w, layer);
        operand<SPLIT> a;
        operand_pair(a, 0, 0, u.x, u.y);
        operand_pair(a, 0, 1, l.x, l.y);
        operand_pair(a, 0, 2, u.z, u.w);
        operand_pair(a, 0, 3, l.z, l.w);
        sh->hi[block()][step()][lane] = *(uint4 *)a.hi[0];
        if constexpr (SPLIT)
            sh->lo[block()][step()][lane] = *(uint4 *)a.lo[0];
    }

    /* The tile times W2, GELU, sum over its neighbours, to every block. */
    __device__ void sum_tile(const decoder_weights &w, int layer)
    {
        constexpr int FRAGMENTS = WIDTH / 8 * QUARTERS * LANES;
        const uint4 *hi = w2 + (size_t)layer * FRAGMENTS * (SPLIT ? 2 : 1);
        chains<SPLIT> acc[2];
        acc[0].clear();
        acc[1].clear();
#pragma unroll
        for (int b = 0; b < QUARTERS; b++) {
            operand<SPLIT> a;
#pragma unroll
            for (int k = 0; k < 2; k++) {
                *(uint4 *)a.hi[k] = sh->hi[b][k][lane];
                if constexpr (SPLIT)
                    *(uint4 *)a.lo[k] = sh->lo[b][k][lane];
            }
#pragma unroll
            for (int n = 0; n < 2; n++) {
                const uint4 *f = hi + ((2 * warp + n) * QUARTERS + b) * LANES + lane;
                multiply(acc[n], a, f[0], SPLIT ? f[FRAGMENTS] : f[0]);
            }
        }
        bool upper = tile * TILE + g < K, lower = tile * TILE + g + 8 < K;
        float sum[4];
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float bias = w.b2[channel_of(2 * warp + n, e, lane)];
                float x = gelu<SPLIT>(fmaf(acc[n].sum(e), w.w2.inverse, bias));
                float y = gelu<SPLIT>(fmaf(acc[n].sum(e + 2), w.w2.inverse, bias));
                sum[2 * n + e] = (upper ? x : 0) + (lower ? y : 0);
            }
#pragma unroll
        for (int e = 0; e < 4; e++) {
            sum[e] += __shfl_xor_sync(~0u, sum[e], 4);
            sum[e] += __shfl_xor_sync(~0u, sum[e], 8);
            sum[e] += __shfl_xor_sync(~0u, sum[e], 16);
        }
        /* every lane has the sums of its four channels: lane g sends them to block g */
        send4(&sh->parts[slot][tile][channel_of(2 * warp, 0, lane)], g,
              make_float4(sum[0], sum[1], sum[2], sum[3]));
    }

    /* A result of two tiles, rows 0 .. ROWS-1, as the four channels of each row. */
    __device__ float4 four(const chains<SPLIT> (&acc)[2]) const
    {
        return make_float4(acc[0].sum(0), acc[0].sum(1), acc[1].sum(0), acc[1].sum(1));
    }

    /* Vectors of one layer, the thread's places, fetched ahead. */
    float bias3, bias_out, bias_in[2];
    float4 gain1, bias1, gain2, bias2;

    __device__ void fetch_vectors(const node_weights &n)
    {
        int c = threadIdx.x % WIDTH;
        bias3 = __ldg(n.b3 + c);
        bias_out = __ldg(n.b_out + c);
        for (int e = 0; e < 2; e++)
            bias_in[e] = __ldg(n.b_in + channel_of(rank * (SLICE / 8) + warp, e, lane));
        gain1 = __ldg((const float4 *)n.gain1 + lane);
        bias1 = __ldg((const float4 *)n.bias1 + lane);
        gain2 = __ldg((const float4 *)n.gain2 + lane);
        bias2 = __ldg((const float4 *)n.bias2 + lane);
    }

    /* x <- LN1(h + W3 s / 30 + share b3) in every block. */
    __device__ void message(const decoder_weights &w, const fetched<SPLIT, 2, 4> &w3)
    {
        static_assert(ROWS * WIDTH == THREADS, "a thread has one place");
        const float SCALE = 1.0f / 30;
        float share = (float)K * SCALE;
        int tiles = (K + TILE - 1) / TILE;
        for (int at = threadIdx.x; at < ROWS * WIDTH; at += THREADS) {
            int r = at / WIDTH, c = at % WIDTH;
            float s = 0;
            for (int t = 0; t < tiles; t++)
                s += sh->parts[r][t][c];
            sh->s[r][c] = s * SCALE;
            sh->x[r][c] = fmaf(share, bias3, sh->x[r][c]);
        }
        __syncthreads();
        chains<SPLIT> acc[2];
        rows_product<SPLIT, 2, 4>(acc, &sh->s[0][0], STRIDE, w3, lane);
        if (g < ROWS) {
            float4 *x = (float4 *)&sh->x[g][channel_of(2 * warp, 0, lane)], v = *x, y = four(acc);
            float k = w.node.w3.inverse;
            *x = make_float4(fmaf(y.x, k, v.x), fmaf(y.y, k, v.y), fmaf(y.z, k, v.z),
                             fmaf(y.w, k, v.w));
        }
        __syncthreads();
        if (warp < ROWS)
            layer_norm(sh->x[warp], gain1, bias1, lane);
        __syncthreads();
    }

    /* The block's eighth of the feed-forward: its piece of the output goes to every block. */
    __device__ void feed(const decoder_weights &w, const fetched<SPLIT, 1, 4> &w_in,
                         const fetched<SPLIT, 2, CHUNK> &w_out)
    {
        chains<SPLIT> acc[1], out[2];
        int first = rank * (SLICE / 8) + warp;
        rows_product<SPLIT, 1, 4>(acc, &sh->x[0][0], STRIDE, w_in, lane);
        if (g < ROWS)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                int c = channel_of(first, e, lane);
                sh->hidden[g][c - rank * SLICE] =
                    gelu<SPLIT>(fmaf(acc[0].sum(e), w.node.w_in.inverse, bias_in[e]));
            }
        __syncthreads();
        rows_product<SPLIT, 2, CHUNK>(out, &sh->hidden[0][0], SLICE_STRIDE, w_out, lane);
        float4 v = four(out);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            float4 y = make_float4(__shfl_sync(~0u, v.x, 4 * r + q), __shfl_sync(~0u, v.y, 4 * r + q),
                                   __shfl_sync(~0u, v.z, 4 * r + q), __shfl_sync(~0u, v.w, 4 * r + q));
            send4(&sh->pieces[rank][r][channel_of(2 * warp, 0, lane)], g, y);
        }
    }

    /* x <- LN2(x + FFN(x)) in every block. */
    __device__ void finish(const decoder_weights &w)
    {
        for (int at = threadIdx.x; at < ROWS * WIDTH; at += THREADS) {
            int r = at / WIDTH, c = at % WIDTH;
            float sum = 0;
#pragma unroll
            for (int p = 0; p < CLUSTER; p++)
                sum += sh->pieces[p][r][c];
            sh->x[r][c] += fmaf(sum, w.node.w_out.inverse, bias_out);
        }
        __syncthreads();
        if (warp < ROWS)
            layer_norm(sh->x[warp], gain2, bias2, lane);
        __syncthreads();
    }
};

template <bool SPLIT>
__global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
    decode_wave_kernel(const __grid_constant__ wave_task t, const __grid_constant__ wave_weights w)
{
    typedef typename table_of<SPLIT>::type table;
    constexpr int FRAGMENTS = WIDTH / 8 * QUARTERS * LANES, HALVES = SPLIT ? 2 : 1;
    extern __shared__ uint4 memory[];
    wave<SPLIT> v;
    v.sh = (wave_shared *)memory;
    uint4 *w2 = memory + sizeof(wave_shared) / sizeof(uint4);
    v.w2 = w2;
    v.lane = threadIdx.x % LANES;
    v.warp = threadIdx.x / LANES;
    v.g = v.lane / 4;
    v.q = v.lane % 4;
    v.rank = (int)cluster_rank();
    v.slot = v.rank / TILES;
    v.tile = v.rank % TILES;
    for (int layer = 0; layer < w.layers; layer++)
        for (int at = threadIdx.x; at < FRAGMENTS * HALVES; at += THREADS) {
            const matrix &m = w.layer[layer].w2;
            w2[layer * FRAGMENTS * HALVES + at] =
                at < FRAGMENTS ? m.hi[at] : m.lo[at - FRAGMENTS];
        }
    for (int at = threadIdx.x; at < ROWS * STRIDE; at += THREADS)
        (&v.sh->x[0][0])[at] = 0;
    cluster_sync(); /* every block of the cluster is there */

    uint32_t cluster = blockIdx.x / CLUSTER, clusters = gridDim.x / CLUSTER;
    for (uint32_t n = cluster; n < t.n_groups; n += clusters) {
        wave_group group = t.groups[n];
        /* the block's row; one without a row walks along with the first */
        bool has_row = (uint32_t)v.slot < group.count;
        row r = t.rows[group.first + (has_row ? v.slot : 0)];
        const sequence mine = t.all[r.sequence];
        v.i = (int)r.i;
        v.K = mine.item.K;
        v.L = mine.item.L;
        v.edges = (const table *)mine.item.edge_part;
        v.state = (const table *)mine.state;
        v.blind = mine.item.blind;
        v.own_part = mine.item.own_part;
        v.letters = mine.letters;
        v.working = has_row && v.tile * TILE < v.K;
        v.fetch_edges(0);
        uint32_t j = 0;
        int decoded = 0, m = v.tile * TILE + (int)threadIdx.x;
        if (v.working && threadIdx.x < TILE && m < v.K) {
            j = (uint32_t)mine.item.neighbour[(size_t)v.i * v.K + m];
            decoded = mine.rank[j] < mine.rank[v.i];
        }
        for (int at = threadIdx.x; at < ROWS * WIDTH; at += THREADS) {
            uint32_t place = at / WIDTH;
            if (place >= group.count)
                continue;
            row other = t.rows[group.first + place];
            v.sh->x[place][at % WIDTH] =
                t.all[other.sequence].item.h[(size_t)other.i * WIDTH + at % WIDTH];
        }
        if (threadIdx.x == 0)
            wait_for(t.done, group.before);
        __syncthreads();
        if (threadIdx.x < TILE) {
            int letter = decoded ? (int)__ldcg(v.letters + j) : 0;
            v.sh->edge[threadIdx.x] = (wave_edge){j, decoded, letter};
        }
        __syncthreads();

        for (int layer = 0; layer < w.layers; layer++) {
            const decoder_weights &d = w.layer[layer];
            bool last = layer + 1 == w.layers;
            fetched<SPLIT, 2, 4> w3;
            fetched<SPLIT, 1, 4> w_in, next;
            fetched<SPLIT, 2, CHUNK> w_out;
            if (v.working)
                v.gather(d, layer);
            __syncthreads();
            w3.fetch(d.node.w3, 2 * v.warp, 0, v.lane);
            w_in.fetch(d.node.w_in, v.rank * (SLICE / 8) + v.warp, 0, v.lane);
            v.fetch_vectors(d.node);
            if (!last)
                v.fetch_edges(layer + 1);
            if (v.working)
                v.sum_tile(d, layer);
            cluster_sync();
            w_out.fetch(d.node.w_out, 2 * v.warp, CHUNK * v.rank, v.lane);
            /* of [own | near], 32 tiles, four a block; or of the logits */
            int tile = 4 * v.rank + v.warp % 4;
            if (last)
                next.fetch(w.logits, v.warp % 4, 0, v.lane);
            else if (tile < 16)
                next.fetch(w.layer[layer + 1].own, tile, 0, v.lane);
            else
                next.fetch(w.layer[layer + 1].near, tile - 16, 0, v.lane);
            v.message(d, w3);
            v.feed(d, w_in, w_out);
            cluster_sync();
            v.finish(d);
            chains<SPLIT> acc[1];
            if (v.warp < 4)
                rows_product<SPLIT, 1, 4>(acc, &v.sh->x[0][0], STRIDE, next, v.lane);
            if (last) {
                if (v.rank == 0 && v.warp < 4 && (uint32_t)v.g < group.count) {
                    row other = t.rows[group.first + v.g];
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        int c = channel_of(v.warp, e, v.lane);
                        if (c < LETTERS)
                            t.all[other.sequence].logits[(size_t)other.i * LETTERS + c] =
                                fmaf(acc[0].sum(e), w.logits.inverse, w.b_logits[c]);
                    }
                }
                break;
            }
            if (v.warp < 4) {
                const decoder_weights &following = w.layer[layer + 1];
                bool own = tile < 16;
                float k = own ? following.own.inverse : following.near.inverse;
                float x = acc[0].sum(0) * k, y = acc[0].sum(1) * k;
                int c = channel_of(own ? tile : tile - 16, 0, v.lane);
                if (own) {
#pragma unroll
                    for (int to = 0; to < ROWS; to++) {
                        float a = __shfl_sync(~0u, x, 4 * to + v.q),
                              b = __shfl_sync(~0u, y, 4 * to + v.q);
                        send2(&v.sh->own[to][c], v.g, a, b);
                    }
                } else if ((uint32_t)v.g < group.count) {
                    row other = t.rows[group.first + v.g];
                    const sequence &q = t.all[other.sequence];
                    table *state =
                        (table *)q.state + ((size_t)layer * q.item.L + other.i) * WIDTH + c;
                    state[0] = (table)x;
                    state[1] = (table)y; /* seen by others through the barrier, then `done` */
                }
            }
            cluster_sync();
        }
        if (v.rank == 0) {
            __syncthreads();
            if ((uint32_t)v.warp < group.count) {
                row other = t.rows[group.first + v.warp];
                draw_group(t.all[other.sequence], t.requests[other.sequence], t.rules,
                           t.rules.group_of[other.i], t.failed, v.lane);
                __threadfence();
            }
            __syncthreads();
            if (threadIdx.x == 0) {
                __threadfence();
                asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(t.done),
                             "r"(group.count) : "memory");
            }
        }
    }
    cluster_sync(); /* nobody leaves while others may write here */
}

#else

template <bool SPLIT>
__global__ void decode_wave_kernel(const __grid_constant__ wave_task,
                                   const __grid_constant__ wave_weights)
{
}

#endif

/* ---- the launch ---- */

static size_t shared_bytes(const device *dev, const model_weights *w)
{
    return sizeof(wave_shared) + (size_t)w->decoder_layers * WIDTH * WIDTH * sizeof(__half) *
                                     (dev->split ? 2 : 1);
}

static const void *kernel_of(const device *dev)
{
    return dev->split ? (const void *)decode_wave_kernel<true>
                      : (const void *)decode_wave_kernel<false>;
}

static cudaLaunchConfig_t configuration(device *dev, const model_weights *w, int clusters)
{
    cudaLaunchConfig_t c = {};
    c.gridDim = dim3((unsigned)(clusters * CLUSTER));
    c.blockDim = dim3(THREADS);
    c.dynamicSmemBytes = shared_bytes(dev, w);
    c.stream = dev->stream;
    return c;
}

/* Clusters that run at once: they wait for each other, so there may not be more. */
static int clusters_of(device *dev, const model_weights *w)
{
    int clusters = 0;
    cudaLaunchConfig_t c = configuration(dev, w, 1);
    if (cudaFuncSetAttribute(kernel_of(dev), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             (int)c.dynamicSmemBytes) != cudaSuccess ||
        cudaOccupancyMaxActiveClusters(&clusters, kernel_of(dev), &c) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return clusters;
}

bool decode_wave_fits(device *dev, const model_weights *w, int K, size_t rows_a_level)
{
    if (dev->major < 9 || K > TILES * TILE || w->decoder_layers > MOST_LAYERS ||
        shared_bytes(dev, w) > (size_t)dev->shared_limit)
        return false;
    if (!dev->clusters)
        dev->clusters = clusters_of(dev, w);
    return dev->clusters && rows_a_level <= (size_t)dev->clusters * ROWS * 3;
}

fmpnn_status decode_wave(device *dev, const model_weights *w, const wave_task *task,
                         fmpnn_error *err)
{
    wave_weights weights = {};
    int clusters = dev->clusters;
    weights.layers = w->decoder_layers;
    for (int n = 0; n < weights.layers; n++)
        weights.layer[n] = w->decoder[n];
    weights.logits = w->logits;
    weights.b_logits = w->b_logits;
    if ((uint32_t)clusters > task->n_groups)
        clusters = (int)task->n_groups;
    cudaLaunchConfig_t c = configuration(dev, w, clusters);
    CUDA_TRY(cudaFuncSetAttribute(kernel_of(dev), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  (int)c.dynamicSmemBytes),
             err);
    CUDA_TRY(dev->split ? cudaLaunchKernelEx(&c, decode_wave_kernel<true>, *task, weights)
                        : cudaLaunchKernelEx(&c, decode_wave_kernel<false>, *task, weights),
             err);
    return FMPNN_OK;
}
