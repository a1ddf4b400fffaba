/* Sampling of a few sequences in one launch. A cluster of eight blocks takes up to two rows of a
 * level through all layers and draws their letters; other clusters see a letter as soon as it is
 * there and wait for nothing else, so no launch and no host stands between levels.
 *
 *     edges   four blocks a row, a tile of 16 neighbours each; W2 stays in shared memory
 *     nodes   all blocks: W3 and the norms in each, an eighth of the rest; what one block finds,
 *             it writes into the shared memory of all, where a barrier counts the bytes
 *
 * Between a letter and the next, all is latency. So whatever does not depend on the letters of
 * the level before is read before they are there, weights that do not fit into shared memory
 * come one layer ahead, and blocks wait for data, never for each other. Only block 0 of a
 * cluster writes what other clusters read.
 *
 * Sums have the order of decode.cu, so both ways give the same bits. */
#include "cuda/wave_parts.cuh"

typedef struct wave_weights {
    int layers;
    decoder_weights layer[MOST_LAYERS];
    matrix logits;
    const float *b_logits;
} wave_weights;

/* What blocks send each other, a buffer and a barrier each. A buffer is not written again before
 * every block has read it: each sends PARTS after it read the last PIECES, and those after it
 * read PARTS; and each needs those of all. */
enum { MOST_DEVICES = 64 }; /* of a host; those beyond go without waves */
enum { PARTS, PIECES, AFTER, EXCHANGES };

enum { SUM, NORMED, HIDDEN };

typedef struct wave_shared {
    uint64_t arrived[EXCHANGES + 1]; /* mbarriers; one for alignment */
    union {
        uint4 hi[QUARTERS][2][LANES]; /* operands of a tile */
        row_words row[3];             /* then of the node: SUM, NORMED, HIDDEN */
    };
    float parts[ROWS][TILES][WIDTH]; /* sums of tiles, from all blocks */
    union {
        float pieces[CLUSTER][ROWS][WIDTH]; /* of the feed-forward's output */
        row_words last;                     /* the layer's result, as an operand */
    };
    float own[ROWS][WIDTH];  /* for the next layer; after the last: logits */
    float near[ROWS][WIDTH]; /* likewise, in block 0 */
    float x[ROWS][WIDTH];
    float letters[LETTERS][WIDTH]; /* of the first layer */
    int letter[TILE];              /* of the tile's neighbours */
} wave_shared;

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)

/* ---- the phases; every thread of a block walks through them ---- */

template <bool SPLIT> struct wave {
    typedef typename table_of<SPLIT>::type table;
    wave_shared *sh;
    uint4 *lo;                 /* of operands, if split */
    const uint4 *w2;           /* [layers][hi, lo][16][4][32], in shared memory */
    const uint4 *w_in, *w_out; /* [layers][8][4][32], [layers][16][2][32], if not split */
    int lane, warp, g, q, rank;
    int slot, tile; /* the block's row and tile of neighbours */
    unsigned phase[EXCHANGES];

    /* of the block's row and the lane's two neighbours */
    const table *edges[2], *nears[2]; /* of the layer at hand; + the strides: of the next */
    size_t edges_stride, nears_stride;
    bool working; /* the block has a tile */
    int letter[2];
    bool there[2], decoded[2];
    /* of the row whose channel the thread keeps in `x` */
    table *place_state;
    int place_K, place_L, place_i;
    bool placed;

    /* read ahead, for the next layer */
    four_of<SPLIT> edge[2], near[2], letter_row[2];
    float b2[4], inverse_w2;

    __device__ int place(void) const
    {
        return threadIdx.x / WIDTH;
    }
    __device__ int place_channel(void) const
    {
        return threadIdx.x % WIDTH;
    }

    /* The lane's place in a tile's operand: block b, step of k, channel. */
    __device__ int block(void) const
    {
        return warp % QUARTERS;
    }
    __device__ int step(void) const
    {
        return warp / QUARTERS;
    }
    __device__ int channel(void) const
    {
        return 32 * block() + 8 * q + 4 * step();
    }

    __device__ void wait(int exchange, int bytes)
    {
        barrier_wait(&sh->arrived[exchange], phase[exchange]);
        phase[exchange] ^= 1;
        if (threadIdx.x == 0)
            barrier_expect(&sh->arrived[exchange], bytes);
    }

    /* What the lane's two neighbours add in the first layer: known before any letter. */
    __device__ void find_inputs(const sequence &q, int i)
    {
        int K = q.item.K, L = q.item.L, at = channel();
        nears_stride = (size_t)L * WIDTH;
        edges_stride = nears_stride * K;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int m = tile * TILE + g + 8 * h;
            there[h] = working && m < K;
            decoded[h] = false;
            edge[h].zero();
            near[h].zero();
            if (!there[h])
                continue;
            int j = q.item.neighbour[(size_t)i * K + m];
            const table *blind = (const table *)q.item.blind + (size_t)j * WIDTH + at;
            decoded[h] = q.rank[j] < q.rank[i];
            edges[h] = (const table *)q.item.edge_part + ((size_t)i * K + m) * WIDTH + at;
            edge[h].read(edges[h]);
            near[h].read(blind);
            /* of the second layer are the first states */
            nears[h] = decoded[h]
                           ? (const table *)q.state + (size_t)j * WIDTH + at - nears_stride
                           : blind;
        }
    }

    /* Likewise in a later one. */
    __device__ void fetch_inputs(const decoder_weights &w, int layer)
    {
        if (layer)
#pragma unroll
            for (int h = 0; h < 2; h++)
                if (there[h]) {
                    edges[h] += edges_stride;
                    nears[h] += nears_stride;
                    edge[h].read(edges[h]);
                    near[h].read_fresh(nears[h]);
                    if (decoded[h])
                        letter_row[h].read((const table *)w.letters + letter[h] * WIDTH +
                                           channel());
                }
        float4 b = ahead4(w.b2 + channel_of(2 * warp, 0, lane));
        b2[0] = b.x, b2[1] = b.y, b2[2] = b.z, b2[3] = b.w;
        inverse_w2 = w.w2.inverse;
    }

    __device__ void gather(float4 own, int layer)
    {
        operand<SPLIT> a;
        float4 z[2];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float4 e = edge[h].get(), v = near[h].get();
            z[h].x = e.x + (own.x + v.x), z[h].y = e.y + (own.y + v.y);
            z[h].z = e.z + (own.z + v.z), z[h].w = e.w + (own.w + v.w);
            if (decoded[h]) {
                v = layer ? letter_row[h].get()
                          : *(const float4 *)&sh->letters[letter[h]][channel()];
                z[h].x += v.x, z[h].y += v.y, z[h].z += v.z, z[h].w += v.w;
            }
            z[h].x = there[h] ? gelu<SPLIT>(z[h].x) : 0;
            z[h].y = there[h] ? gelu<SPLIT>(z[h].y) : 0;
            z[h].z = there[h] ? gelu<SPLIT>(z[h].z) : 0;
            z[h].w = there[h] ? gelu<SPLIT>(z[h].w) : 0;
        }
        operand_pair(a, 0, 0, z[0].x, z[0].y);
        operand_pair(a, 0, 1, z[1].x, z[1].y);
        operand_pair(a, 0, 2, z[0].z, z[0].w);
        operand_pair(a, 0, 3, z[1].z, z[1].w);
        sh->hi[block()][step()][lane] = *(uint4 *)a.hi[0];
        if constexpr (SPLIT)
            lo[(block() * 2 + step()) * LANES + lane] = *(uint4 *)a.lo[0];
    }

    /* The tile times W2, GELU, sum over its neighbours, to every block; 0 if there is none. */
    __device__ void sum_tile(int layer)
    {
        const uint4 *hi = w2 + (size_t)layer * FRAGMENTS * (SPLIT ? 2 : 1);
        float sum[4] = {};
        if (working) {
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
                        *(uint4 *)a.lo[k] = lo[(b * 2 + k) * LANES + lane];
                }
#pragma unroll
                for (int n = 0; n < 2; n++) {
                    const uint4 *f = hi + ((2 * warp + n) * QUARTERS + b) * LANES + lane;
                    multiply(acc[n], a, f[0], SPLIT ? f[FRAGMENTS] : f[0]);
                }
            }
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float b = b2[2 * n + e];
                    float x = gelu<SPLIT>(fmaf(acc[n].sum(e), inverse_w2, b));
                    float y = gelu<SPLIT>(fmaf(acc[n].sum(e + 2), inverse_w2, b));
                    sum[2 * n + e] = (there[0] ? x : 0) + (there[1] ? y : 0);
                }
#pragma unroll
            for (int e = 0; e < 4; e++) {
                sum[e] += __shfl_xor_sync(~0u, sum[e], 4);
                sum[e] += __shfl_xor_sync(~0u, sum[e], 8);
                sum[e] += __shfl_xor_sync(~0u, sum[e], 16);
            }
        }
        /* every lane has the sums of its four channels: lane g sends them to block g */
        send4(&sh->parts[slot][tile][channel_of(2 * warp, 0, lane)], &sh->arrived[PARTS], g,
              make_float4(sum[0], sum[1], sum[2], sum[3]));
    }

    /* Vectors of one layer, the thread's places, fetched ahead. */
    float bias3, bias_out, inverse_w3, inverse_in, inverse_out;
    float2 bias_in;
    float4 gain1, bias1, gain2, bias2;

    __device__ void fetch_vectors(const node_weights &n)
    {
        bias3 = ahead(n.b3 + place_channel());
        bias_out = ahead(n.b_out + place_channel());
        bias_in = ahead2(n.b_in + channel_of(rank * (SLICE / 8) + warp, 0, lane));
        if (warp < ROWS) {
            gain1 = ahead4(n.gain1 + 4 * lane);
            bias1 = ahead4(n.bias1 + 4 * lane);
            gain2 = ahead4(n.gain2 + 4 * lane);
            bias2 = ahead4(n.bias2 + 4 * lane);
        }
        inverse_w3 = n.w3.inverse;
        inverse_in = n.w_in.inverse;
        inverse_out = n.w_out.inverse;
    }

    /* The warp's row, normed, there and as an operand. */
    __device__ void norm(float4 gain, float4 bias, row_words *to)
    {
        float4 v = normed(((float4 *)sh->x[warp])[lane], gain, bias);
        ((float4 *)sh->x[warp])[lane] = v;
        put_pair<SPLIT>(to, warp, 4 * lane, v.x, v.y);
        put_pair<SPLIT>(to, warp, 4 * lane + 2, v.z, v.w);
    }

    /* x <- LN1(h + W3 s / 30 + share b3) in every block. */
    template <typename WEIGHTS> __device__ void message(const WEIGHTS &w3)
    {
        static_assert(ROWS * WIDTH == THREADS, "a thread has one place");
        const float SCALE = 1.0f / 30;
        float share = (float)place_K * SCALE, s = 0;
        int tiles = (place_K + TILE - 1) / TILE, r = place(), c = place_channel();
#pragma unroll
        for (int t = 0; t < TILES; t++)
            if (t < tiles)
                s += sh->parts[r][t][c];
        s *= SCALE;
        float other = __shfl_xor_sync(~0u, s, 1);
        if (lane % 2 == 0)
            put_pair<SPLIT>(&sh->row[SUM], r, c, s, other);
        sh->x[r][c] = fmaf(share, bias3, sh->x[r][c]);
        __syncthreads();
        float2 y[2];
        rows_product<SPLIT, 2, QUARTERS>(y, &sh->row[SUM], w3, lane);
        if (g < ROWS) {
            float4 *x = (float4 *)&sh->x[g][channel_of(2 * warp, 0, lane)], v = *x;
            float k = inverse_w3;
            *x = make_float4(fmaf(y[0].x, k, v.x), fmaf(y[0].y, k, v.y),
                             fmaf(y[1].x, k, v.z), fmaf(y[1].y, k, v.w));
        }
        __syncthreads();
        if (warp < ROWS)
            norm(gain1, bias1, &sh->row[NORMED]);
        __syncthreads();
    }

    /* The block's eighth of the feed-forward, hidden values. */
    template <typename WEIGHTS> __device__ void feed_in(const WEIGHTS &w_in)
    {
        float2 y[1];
        rows_product<SPLIT, 1, QUARTERS>(y, &sh->row[NORMED], w_in, lane);
        if (g < ROWS)
            put_pair<SPLIT>(&sh->row[HIDDEN], g, channel_of(warp, 0, lane),
                            gelu<SPLIT>(fmaf(y[0].x, inverse_in, bias_in.x)),
                            gelu<SPLIT>(fmaf(y[0].y, inverse_in, bias_in.y)));
        __syncthreads();
    }

    /* Its piece of the output goes to every block. */
    template <typename WEIGHTS> __device__ void feed_out(const WEIGHTS &w_out)
    {
        float2 out[2];
        rows_product<SPLIT, 2, CHUNK>(out, &sh->row[HIDDEN], w_out, lane);
        float4 v = make_float4(out[0].x, out[0].y, out[1].x, out[1].y);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            float4 y = make_float4(
                __shfl_sync(~0u, v.x, 4 * r + q), __shfl_sync(~0u, v.y, 4 * r + q),
                __shfl_sync(~0u, v.z, 4 * r + q), __shfl_sync(~0u, v.w, 4 * r + q));
            send4(&sh->pieces[rank][r][channel_of(2 * warp, 0, lane)], &sh->arrived[PIECES],
                  g, y);
        }
    }

    /* x <- LN2(x + FFN(x)) in every block. */
    __device__ void finish(void)
    {
        int r = place(), c = place_channel();
        float sum = 0;
#pragma unroll
        for (int p = 0; p < CLUSTER; p++)
            sum += sh->pieces[p][r][c];
        sh->x[r][c] += fmaf(sum, inverse_out, bias_out);
        __syncthreads();
        if (warp < ROWS)
            norm(gain2, bias2, &sh->last);
        __syncthreads();
    }

    /* What the next layer needs of x: `own` to all blocks, `near` to block 0; a tile a warp. */
    __device__ void send_after(float2 v, float k, int n)
    {
        bool own = n < WIDTH / 8;
        float x = v.x * k, y = v.y * k;
        int c = channel_of(n % (WIDTH / 8), 0, lane);
        if (own) {
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float a = __shfl_sync(~0u, x, 4 * r + q),
                      b = __shfl_sync(~0u, y, 4 * r + q);
                send2(&sh->own[r][c], &sh->arrived[AFTER], g, a, b);
            }
        } else if (g < ROWS) {
            send2(&sh->near[g][c], &sh->arrived[AFTER], 0, x, y);
        }
    }

    __device__ int after_bytes(void) const
    {
        return (rank ? 1 : 2) * ROWS * WIDTH * (int)sizeof(float);
    }
};

/* The fragments that stay, from device memory. */
template <bool SPLIT>
__device__ inline void load_resident(uint4 *w2, uint4 *w_in, uint4 *w_out,
                                     const wave_weights &w, int rank)
{
    constexpr int HALVES = SPLIT ? 2 : 1, PIECE = CHUNK * LANES;
    for (int layer = 0; layer < w.layers; layer++) {
        const decoder_weights &d = w.layer[layer];
        for (int at = threadIdx.x; at < FRAGMENTS * HALVES; at += THREADS)
            w2[layer * FRAGMENTS * HALVES + at] =
                at < FRAGMENTS ? d.w2.hi[at] : d.w2.lo[at - FRAGMENTS];
        for (int at = threadIdx.x; !SPLIT && at < SLICE_FRAGMENTS; at += THREADS) {
            w_in[layer * SLICE_FRAGMENTS + at] =
                d.node.w_in.hi[rank * SLICE_FRAGMENTS + at];
            w_out[layer * SLICE_FRAGMENTS + at] =
                d.node.w_out.hi[fragment_at(d.node.w_out, at / PIECE, CHUNK * rank, 0) +
                                at % PIECE];
        }
    }
}

template <bool SPLIT>
__global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
    decode_wave_kernel(const __grid_constant__ wave_task t,
                       const __grid_constant__ wave_weights w)
{
    typedef typename table_of<SPLIT>::type table;
    extern __shared__ uint4 memory[];
    wave<SPLIT> v;
    wave_shared *sh = v.sh = (wave_shared *)memory;
    uint4 *w2 = memory + sizeof(wave_shared) / sizeof(uint4);
    uint4 *w_in = w2 + w.layers * FRAGMENTS * (SPLIT ? 2 : 1);
    uint4 *w_out = w_in + w.layers * SLICE_FRAGMENTS;
    v.lo = w_in; /* if split */
    v.w2 = w2;
    v.lane = threadIdx.x % LANES;
    v.warp = threadIdx.x / LANES;
    v.g = v.lane / 4;
    v.q = v.lane % 4;
    v.rank = (int)cluster_rank();
    v.slot = v.rank / TILES;
    v.tile = v.rank % TILES;
    v.w_in = w_in + v.warp * QUARTERS * LANES + v.lane;
    v.w_out = w_out + 2 * v.warp * CHUNK * LANES + v.lane;
    const int PARTS_BYTES = CLUSTER * WIDTH * sizeof(float),
              PIECES_BYTES = CLUSTER * ROWS * WIDTH * sizeof(float);
    if (threadIdx.x == 0) {
        for (int n = 0; n < EXCHANGES; n++)
            barrier_init(&sh->arrived[n]);
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
        barrier_expect(&sh->arrived[PARTS], PARTS_BYTES);
        barrier_expect(&sh->arrived[PIECES], PIECES_BYTES);
        barrier_expect(&sh->arrived[AFTER], v.after_bytes());
    }
    for (int n = 0; n < EXCHANGES; n++)
        v.phase[n] = 0;
    load_resident<SPLIT>(w2, w_in, w_out, w, v.rank);
    for (int at = threadIdx.x; at < LETTERS * WIDTH; at += THREADS)
        (&sh->letters[0][0])[at] = (float)((const table *)w.layer[0].letters)[at];

    /* The block's part of [own | near], 32 tiles, four a block; or of the logits. */
    const int after = 4 * v.rank + v.warp % 4;
    fetched<SPLIT, 2, QUARTERS, QUARTERS> w3;
    fetched<SPLIT, 1, QUARTERS, QUARTERS> next, f_in;
    fetched<SPLIT, 2, CHUNK, FEED_FORWARD / 32> f_out;
    w3.fetch(w.layer[0].node.w3, 2 * v.warp, 0, v.lane);
    if constexpr (SPLIT)
        f_in.fetch(w.layer[0].node.w_in, v.rank * (SLICE / 8) + v.warp, 0, v.lane);
    v.fetch_vectors(w.layer[0].node);
    float2 b_logits = make_float2(0, 0); /* 21, padded to 22 */
    int c_logits = channel_of(v.warp % 4, 0, v.lane);
    if (c_logits < LETTERS)
        b_logits = make_float2(w.b_logits[c_logits],
                               c_logits + 1 < LETTERS ? w.b_logits[c_logits + 1] : 0);
    cluster_sync(); /* every block of the cluster is there, and its barriers */

    uint32_t cluster = blockIdx.x / CLUSTER, clusters = gridDim.x / CLUSTER;
    for (uint32_t n = cluster; n < t.n_groups; n += clusters) {
        wave_group group = t.groups[n];
        /* the block's row; one without a row walks along with the first */
        bool has_row = (uint32_t)v.slot < group.count;
        row r = t.rows[group.first + (has_row ? v.slot : 0)];
        const sequence &mine = t.all[r.sequence];
        v.working = has_row && v.tile * TILE < mine.item.K;
        v.find_inputs(mine, (int)r.i);
        v.fetch_inputs(w.layer[0], 0);
        float4 own =
            __ldg((const float4 *)(mine.item.own_part + (size_t)r.i * WIDTH + v.channel()));
        const uint8_t *awaited = NULL; /* the letter of the thread's neighbour */
        int m = v.tile * TILE + (int)threadIdx.x;
        if (v.working && threadIdx.x < TILE && m < mine.item.K) {
            int j = mine.item.neighbour[(size_t)r.i * mine.item.K + m];
            if (mine.rank[j] < mine.rank[r.i])
                awaited = mine.letters + j;
        }
        /* the thread's place among the rows; one without walks along with the first */
        v.placed = (uint32_t)v.place() < group.count;
        row other = t.rows[group.first + (v.placed ? v.place() : 0)];
        const sequence &placed = t.all[other.sequence];
        v.place_state = (table *)placed.state;
        v.place_K = placed.item.K;
        v.place_L = placed.item.L;
        v.place_i = (int)other.i;
        sh->x[v.place()][v.place_channel()] =
            placed.item.h[(size_t)other.i * WIDTH + v.place_channel()];
        drawing d;
        bool draws_letter = v.rank == 0 && (uint32_t)v.warp < group.count;
        float *logits = NULL;
        double *probs = NULL;
        uint8_t *place_letter = NULL;
        if (draws_letter) {
            row drawn = t.rows[group.first + v.warp];
            const sequence &q = t.all[drawn.sequence];
            d = draw_prepare(t.requests[drawn.sequence], t.rules, t.rules.group_of[drawn.i],
                             v.lane);
            logits = q.logits + (size_t)drawn.i * LETTERS;
            place_letter = q.letters + drawn.i;
            probs = d.probs && !d.settled ? d.probs + (size_t)drawn.i * LETTERS : NULL;
        }
        if (threadIdx.x < TILE)
            sh->letter[threadIdx.x] = awaited ? await_letter(awaited) : 0;
        __syncthreads();
        v.letter[0] = sh->letter[v.g];
        v.letter[1] = sh->letter[v.g + 8];

        for (int layer = 0; layer < w.layers; layer++) {
            bool last = layer + 1 == w.layers;
            const decoder_weights &now = w.layer[layer];
            const decoder_weights &following = w.layer[last ? 0 : layer + 1];
            if (layer)
                own = *(const float4 *)&sh->own[v.slot][v.channel()];
            v.gather(own, layer);
            __syncthreads();
            const matrix &m = last                ? w.logits
                              : after < WIDTH / 8 ? following.own
                                                  : following.near;
            const int next_tile = last ? v.warp % 4 : after % (WIDTH / 8);
            v.sum_tile(layer);
            /* loads stand in the way of what is asked for after them: while others work */
            if (!last)
                v.fetch_inputs(following, layer + 1);
            if constexpr (!SPLIT)
                next.fetch(m, next_tile, 0, v.lane);
            v.wait(PARTS, PARTS_BYTES);
            v.message(w3);
            if constexpr (SPLIT) { /* as early as registers allow */
                f_out.fetch(now.node.w_out, 2 * v.warp, CHUNK * v.rank, v.lane);
                v.feed_in(f_in);
                f_in.fetch(following.node.w_in, v.rank * (SLICE / 8) + v.warp, 0, v.lane);
                v.feed_out(f_out);
                next.fetch(m, next_tile, 0, v.lane);
            } else {
                v.feed_in(resident<4>{v.w_in + layer * SLICE_FRAGMENTS});
                v.feed_out(resident<CHUNK>{v.w_out + layer * SLICE_FRAGMENTS});
            }
            w3.fetch(following.node.w3, 2 * v.warp, 0, v.lane);
            v.wait(PIECES, PIECES_BYTES);
            v.finish();
            v.fetch_vectors(following.node);
            if (last && v.rank)
                break; /* block 0 does the rest */
            float2 y[1];
            if (v.warp < 4)
                rows_product<SPLIT, 1, QUARTERS>(y, &sh->last, next, v.lane);
            if (last) {
                int c = channel_of(v.warp, 0, v.lane);
                if (v.warp < 4 && v.g < ROWS)
                    *(float2 *)&sh->own[v.g][c] =
                        make_float2(fmaf(y[0].x, m.inverse, b_logits.x),
                                    fmaf(y[0].y, m.inverse, b_logits.y));
                __syncthreads();
                break;
            }
            if (v.warp < 4)
                v.send_after(y[0], m.inverse, after);
            v.wait(AFTER, v.after_bytes());
            if (v.rank == 0 && v.placed)
                v.place_state[((size_t)layer * v.place_L + v.place_i) * WIDTH +
                              v.place_channel()] =
                    (table)sh->near[v.place()][v.place_channel()];
        }
        if (draws_letter) {
            float logit = v.lane < LETTERS ? sh->own[v.warp][v.lane] : 0;
            double p;
            int letter =
                draw_letter(d, draw_single(d, logit), t.rules, t.failed, v.lane, &p);
            if (v.lane == 0)
                tell_letter(place_letter, letter);
            if (v.lane < LETTERS)
                logits[v.lane] = logit;
            if (probs && v.lane < LETTERS)
                probs[v.lane] = p;
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
    size_t slices = 2 * SLICE_FRAGMENTS, operands = QUARTERS * 2 * LANES;
    size_t layer = FRAGMENTS * (dev->split ? 2 : 1) + (dev->split ? 0 : slices);
    return sizeof(wave_shared) +
           ((size_t)w->decoder_layers * layer + (dev->split ? operands : 0)) *
               sizeof(uint4);
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
                             dev->shared_limit) != cudaSuccess ||
        cudaOccupancyMaxActiveClusters(&clusters, kernel_of(dev), &c) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return clusters;
}

bool decode_wave_fits(device *dev, const model_weights *w, int K, size_t rows_a_level)
{
    if (dev->number >= MOST_DEVICES || dev->major < 9 || K > TILES * TILE ||
        w->decoder_layers > MOST_LAYERS || shared_bytes(dev, w) > (size_t)dev->shared_limit)
        return false;
    if (!dev->clusters)
        dev->clusters = clusters_of(dev, w);
    return dev->clusters && rows_a_level <= (size_t)dev->clusters * ROWS * 3;
}

/* Waves of one device follow one another, whichever contexts they are of: each has as many
 * clusters as the device has room for, and clusters of two waves between each other would wait
 * for ever for those that found none. */
static pthread_mutex_t waves_lock = PTHREAD_MUTEX_INITIALIZER;
static cudaEvent_t last_wave[MOST_DEVICES]; /* made once, kept as long as the process */

static fmpnn_status launch_locked(device *dev, const cudaLaunchConfig_t *c,
                                  const wave_task *task, const wave_weights *weights,
                                  fmpnn_error *err)
{
    cudaEvent_t *last = &last_wave[dev->number];
    if (*last)
        CUDA_TRY(cudaStreamWaitEvent(dev->stream, *last, 0), err);
    else
        CUDA_TRY(cudaEventCreateWithFlags(last, cudaEventDisableTiming), err);
    CUDA_TRY(dev->split ? cudaLaunchKernelEx(c, decode_wave_kernel<true>, *task, *weights)
                        : cudaLaunchKernelEx(c, decode_wave_kernel<false>, *task, *weights),
             err);
    CUDA_TRY(cudaEventRecord(*last, dev->stream), err);
    return FMPNN_OK;
}

static fmpnn_status launch_after_others(device *dev, const cudaLaunchConfig_t *c,
                                        const wave_task *task, const wave_weights *weights,
                                        fmpnn_error *err)
{
    pthread_mutex_lock(&waves_lock);
    fmpnn_status status = launch_locked(dev, c, task, weights, err);
    pthread_mutex_unlock(&waves_lock);
    return status;
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
    TRY(device_allow_shared(dev, kernel_of(dev), 0, err));
    return launch_after_others(dev, &c, task, &weights, err);
}
