/* Sampling of a few sequences in one launch. A cluster of eight blocks takes up to two rows of a
 * level through all layers and draws their letters; other clusters see a letter as soon as it is
 * there and wait for nothing else, so no launch and no host stands between levels.
 *
 *     edges   three blocks a row, a tile of 16 neighbours each; W2 stays in shared memory
 *     nodes   all blocks: W3, the norms and W1 of the row in each, an eighth of the feed-forward;
 *             what one block finds, it writes into the shared memory of all, where a barrier
 *             counts the bytes
 *     scribe  the last block, which has no tile: alone it writes what other clusters read, states
 *             and letters
 *
 * Between a letter and the next, all is latency. So whatever does not depend on the letters of
 * the level before is read before they are there, weights that do not fit into shared memory
 * come one layer ahead, blocks wait for data, never for each other, and warps rather compute the
 * same than wait at a barrier.
 *
 * Sums have the order of decode.cu, so both ways give the same bits. */
#include "cuda/wave_parts.cuh"

typedef struct wave_weights {
    int layers;
    decoder_weights layer[MOST_LAYERS];
    matrix logits;
    const float *b_logits;
} wave_weights;

enum { MOST_DEVICES = 64 }; /* of a host; those beyond go without waves */

/* What blocks send each other, a buffer and a barrier each. A buffer is not written again before
 * every block has read it: each warp sends PARTS after it read the last PIECES, and those after it
 * read PARTS; and each block needs those of all. */
enum { PARTS, PIECES, EXCHANGES };

enum { SCRIBE = CLUSTER - 1, DRAWERS = 2 /* first of its warps that draw letters */ };

/* Memory has two uses where there is a barrier of the block between them; the pieces and `last`:
 * each warp is done with its own of the latter before it sends PARTS. */
template <bool SPLIT> struct wave_shared {
    typedef typename table_of<SPLIT>::type table;
    uint64_t arrived[EXCHANGES]; /* mbarriers */
    union {
        uint4 tile[SPLIT ? 2 : 1][QUARTERS][2][LANES]; /* operands of a tile: hi, lo */
        row_words<SPLIT, QUARTERS> normed[WARPS];      /* each warp's own */
        draw_scratch scratch[ROWS];                    /* of the scribe */
    };
    union {
        float pieces[CLUSTER][ROWS][WIDTH];     /* of the feed-forward's output */
        row_words<SPLIT, QUARTERS> last[WARPS]; /* the layer's result, each warp's own */
    };
    row_words<SPLIT, QUARTERS> sum;
    row_words<SPLIT, CHUNK> hidden;
    float parts[ROWS][TILES][WIDTH];          /* sums of tiles, from all blocks */
    float x[ROWS][WIDTH + 4], y[ROWS][WIDTH]; /* before a norm, and after it */
    float logits[ROWS][LANES];
    table letters[LETTERS][WIDTH]; /* of the first layer */
    int letter[TILE];              /* of the tile's neighbours */
};

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)

/* ---- the phases; every thread of a block walks through them ---- */

template <bool SPLIT> struct wave {
    typedef typename table_of<SPLIT>::type table;
    wave_shared<SPLIT> *sh;
    uint32_t there_sh;         /* the same in block g */
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

    /* The lane's place in a tile's operand, as in the row's part of W1: block b, step of k,
     * channel of the first of four. */
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
    __device__ int first_tile(void) const
    {
        return 4 * block() + 2 * step();
    }

    /* The lane's place in a norm: eight channels from here of row g % ROWS. */
    __device__ int norm_channel(void) const
    {
        return 32 * (g / ROWS) + 8 * q;
    }

    __device__ void send(const float *place, int exchange, float4 v) const
    {
        send4(there_sh + (uint32_t)((const char *)place - (const char *)sh),
              there_sh + (uint32_t)((const char *)&sh->arrived[exchange] - (const char *)sh), v);
    }

    __device__ void wait(int exchange, int bytes)
    {
        barrier_wait(shared_address(&sh->arrived[exchange]), phase[exchange]);
        phase[exchange] ^= 1;
        if (threadIdx.x == 0)
            barrier_expect(shared_address(&sh->arrived[exchange]), bytes);
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

    /* The first layer's z without letters, known before them. */
    float4 z[2];

    __device__ void begin(float4 own)
    {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float4 e = edge[h].get(), v = near[h].get();
            z[h].x = e.x + (own.x + v.x), z[h].y = e.y + (own.y + v.y);
            z[h].z = e.z + (own.z + v.z), z[h].w = e.w + (own.w + v.w);
        }
    }

    __device__ void gather(int layer)
    {
        operand<SPLIT> a;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            if (decoded[h]) {
                float4 v = layer ? letter_row[h].get()
                                 : four_of<SPLIT>::at(&sh->letters[letter[h]][channel()]);
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
        sh->tile[0][block()][step()][lane] = *(uint4 *)a.hi[0];
        if constexpr (SPLIT)
            sh->tile[1][block()][step()][lane] = *(uint4 *)a.lo[0];
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
                    *(uint4 *)a.hi[k] = sh->tile[0][b][k][lane];
                    if constexpr (SPLIT)
                        *(uint4 *)a.lo[k] = sh->tile[1][b][k][lane];
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
        send(&sh->parts[slot][tile][channel_of(2 * warp, 0, lane)], PARTS,
             make_float4(sum[0], sum[1], sum[2], sum[3]));
    }

    /* Vectors of one layer, of the thread's places, fetched ahead. */
    float bias_out, inverse_w3, inverse_in, inverse_out;
    float2 bias_in;
    float4 bias3, gain[2], bias[2];

    __device__ void fetch_norm(const float *gains, const float *biases)
    {
#pragma unroll
        for (int n = 0; n < 2; n++) {
            gain[n] = ahead4(gains + norm_channel() + 4 * n);
            bias[n] = ahead4(biases + norm_channel() + 4 * n);
        }
    }

    __device__ void fetch_vectors(const node_weights &n)
    {
        bias3 = ahead4(n.b3 + channel_of(2 * warp, 0, lane));
        bias_in = ahead2(n.b_in + channel_of(rank * (SLICE / 8) + warp, 0, lane));
        bias_out = ahead(n.b_out + place_channel());
        inverse_w3 = n.w3.inverse;
        inverse_in = n.w_in.inverse;
        inverse_out = n.w_out.inverse;
    }

    /* Both rows of x, normed, as an operand of the warp's own; with `keep`, in y too. */
    __device__ void norm(row_words<SPLIT, QUARTERS> *to, bool keep)
    {
        int r = g % ROWS, c = norm_channel();
        const float4 *from = (const float4 *)&sh->x[r][c];
        float4 a = from[0], b = from[1];
        moments m = joined(moments_of(a), moments_of(b), 1.0f / 8);
        m = joined_across(m, 1, 1.0f / 16);
        m = joined_across(m, 2, 1.0f / 32);
        m = joined_across(m, 4 * ROWS, 1.0f / 64);
        m = joined_across(m, 8 * ROWS, 1.0f / 128);
        a = centred(a, m, gain[0], bias[0]), b = centred(b, m, gain[1], bias[1]);
        if (keep && warp == 0) {
            ((float4 *)&sh->y[r][c])[0] = a;
            ((float4 *)&sh->y[r][c])[1] = b;
        }
        operand<SPLIT> o;
        operand_pair(o, 0, 0, a.x, a.y);
        operand_pair(o, 0, 1, a.z, a.w);
        operand_pair(o, 0, 2, b.x, b.y);
        operand_pair(o, 0, 3, b.z, b.w);
        put_half(o.hi[0], &to->part[0][g / ROWS][r][q]);
        if constexpr (SPLIT)
            put_half(o.lo[0], &to->part[1][g / ROWS][r][q]);
        __syncwarp();
    }
    /* Of two rows' lanes, the first takes both rows' words of the first step, the other those of
     * the second. */
    __device__ void put_half(const uint32_t mine[4], uint4 *to) const
    {
        bool second = g % ROWS;
        uint32_t x = __shfl_xor_sync(~0u, second ? mine[0] : mine[2], 4),
                 y = __shfl_xor_sync(~0u, second ? mine[1] : mine[3], 4);
        *to = second ? make_uint4(x, mine[2], y, mine[3]) : make_uint4(mine[0], x, mine[1], y);
    }

    /* x <- h + W3 s / 30 + share b3 in every block. */
    template <typename WEIGHTS> __device__ void message(const WEIGHTS &w3, int K, float4 h)
    {
        const float SCALE = 1.0f / 30;
        static_assert(ROWS == 2 && ROWS * WIDTH == THREADS, "two places of x a pair of threads");
        int tiles = (K + TILE - 1) / TILE, r = threadIdx.x % ROWS;
        int c = threadIdx.x / ROWS * 2;
        if (c < WIDTH) {
            float2 s = make_float2(0, 0);
#pragma unroll
            for (int t = 0; t < TILES - 1; t++)
                if (t < tiles) {
                    float2 v = *(const float2 *)&sh->parts[r][t][c];
                    s.x += v.x, s.y += v.y;
                }
            put_pair(&sh->sum, r, c, s.x * SCALE, s.y * SCALE);
        }
        __syncthreads();
        float4 v[2];
        rows_product<SPLIT, 2, QUARTERS>(v, &sh->sum, w3, q);
        if (g < ROWS) {
            float k = inverse_w3;
            float4 y = of_row(v, g);
            *(float4 *)&sh->x[g][channel_of(2 * warp, 0, lane)] =
                make_float4(fmaf(y.x, k, h.x), fmaf(y.y, k, h.y), fmaf(y.z, k, h.z),
                            fmaf(y.w, k, h.w));
        }
        __syncthreads();
    }
    /* h + share b3, the lane's place in it; known before the message. */
    __device__ float4 residual(int K) const
    {
        float share = (float)K * (1.0f / 30);
        float4 h = *(const float4 *)&sh->y[g % ROWS][channel_of(2 * warp, 0, lane)];
        return make_float4(fmaf(share, bias3.x, h.x), fmaf(share, bias3.y, h.y),
                           fmaf(share, bias3.z, h.z), fmaf(share, bias3.w, h.w));
    }

    /* The block's eighth of the feed-forward, hidden values. */
    template <typename WEIGHTS> __device__ void feed_in(const WEIGHTS &w_in)
    {
        float4 y[1];
        rows_product<SPLIT, 1, QUARTERS>(y, &sh->normed[warp], w_in, q);
        if (g < ROWS) {
            float2 mine = g ? make_float2(y[0].z, y[0].w) : make_float2(y[0].x, y[0].y);
            put_pair(&sh->hidden, g, channel_of(warp, 0, lane),
                     gelu<SPLIT>(fmaf(mine.x, inverse_in, bias_in.x)),
                     gelu<SPLIT>(fmaf(mine.y, inverse_in, bias_in.y)));
        }
        __syncthreads();
    }

    /* Its piece of the output goes to every block. */
    template <typename WEIGHTS> __device__ void feed_out(const WEIGHTS &w_out, uint32_t rows)
    {
        float4 y[2];
        int c = channel_of(2 * warp, 0, lane);
        rows_product<SPLIT, 2, CHUNK>(y, &sh->hidden, w_out, q);
        for (uint32_t r = 0; r < rows; r++)
            send(&sh->pieces[rank][r][c], PIECES, of_row(y, r));
    }

    /* x <- y + FFN(y) in every block. */
    __device__ void finish(float y)
    {
        int r = place(), c = place_channel();
        float sum = 0;
#pragma unroll
        for (int p = 0; p < CLUSTER; p++)
            sum += sh->pieces[p][r][c];
        sh->x[r][c] = y + fmaf(sum, inverse_out, bias_out);
        __syncthreads();
    }

    /* Both rows of the product of `last`, the lane's four channels; rounded as if it were written
     * and read again. */
    template <typename WEIGHTS>
    __device__ void after(float4 (&y)[2], const WEIGHTS &w, float k) const
    {
        rows_product<SPLIT, 2, QUARTERS>(y, &sh->last[warp], w, q);
#pragma unroll
        for (int n = 0; n < 2; n++)
            y[n] = make_float4(__fmul_rn(y[n].x, k), __fmul_rn(y[n].y, k),
                               __fmul_rn(y[n].z, k), __fmul_rn(y[n].w, k));
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
    wave_shared<SPLIT> *sh = v.sh = (wave_shared<SPLIT> *)memory;
    uint4 *w2 = memory + sizeof *sh / sizeof(uint4);
    uint4 *w_in = w2 + w.layers * FRAGMENTS * (SPLIT ? 2 : 1);
    uint4 *w_out = w_in + w.layers * SLICE_FRAGMENTS;
    v.w2 = w2;
    v.lane = threadIdx.x % LANES;
    v.warp = threadIdx.x / LANES;
    v.g = v.lane / 4;
    v.q = v.lane % 4;
    v.rank = (int)cluster_rank();
    v.slot = v.rank / TILES;
    v.tile = v.rank % TILES;
    v.there_sh = remote_address(sh, (uint32_t)v.g);
    v.w_in = w_in + v.warp * QUARTERS * LANES + v.lane;
    v.w_out = w_out + 2 * v.warp * CHUNK * LANES + v.lane;
    const bool scribe = v.rank == SCRIBE;
    const int drawer = v.warp - DRAWERS; /* its row */
    uint32_t cluster = blockIdx.x / CLUSTER, clusters = gridDim.x / CLUSTER;
    const int PARTS_BYTES = CLUSTER * WIDTH * sizeof(float),
              PIECES_BYTES = CLUSTER * WIDTH * sizeof(float); /* a row */
    if (threadIdx.x == 0) {
        for (int n = 0; n < EXCHANGES; n++)
            barrier_init(shared_address(&sh->arrived[n]), 1);
        barriers_ready();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        barrier_expect(shared_address(&sh->arrived[PARTS]), PARTS_BYTES);
        barrier_expect(shared_address(&sh->arrived[PIECES]),
                       (int)t.groups[cluster].count * PIECES_BYTES);
    }
    for (int n = 0; n < EXCHANGES; n++)
        v.phase[n] = 0;
    load_resident<SPLIT>(w2, w_in, w_out, w, v.rank);
    for (int at = threadIdx.x; at < LETTERS * WIDTH; at += THREADS)
        (&sh->letters[0][0])[at] = ((const table *)w.layer[0].letters)[at];

    fetched<SPLIT, 2, QUARTERS, QUARTERS> w3, next; /* next: W1 of the next layer */
    fetched<SPLIT, 1, QUARTERS, QUARTERS> f_in;
    fetched<SPLIT, 2, CHUNK, FEED_FORWARD / 32> f_out;
    w3.fetch(w.layer[0].node.w3, 2 * v.warp, 0, v.lane);
    float4 b_logits = make_float4(0, 0, 0, 0);
    const bool has_logits = v.first_tile() < LANES / 8; /* 21 of them, padded */
    if (has_logits)
        for (int e = 0; e < 4; e++)
            if (v.channel() + e < LETTERS)
                (&b_logits.x)[e] = w.b_logits[v.channel() + e];
    __syncthreads();
    cluster_sync(); /* every block of the cluster is there, and its barriers */

    for (uint32_t n = cluster; n < t.n_groups; n += clusters) {
        wave_group group = t.groups[n], later = t.groups[n + clusters < t.n_groups ? n + clusters : n];
        /* the block's row; one without a row walks along with the first */
        bool has_row = (uint32_t)v.slot < group.count;
        row r = t.rows[group.first + (has_row ? v.slot : 0)];
        const sequence &mine = t.all[r.sequence];
        const int K = mine.item.K; /* and L: of all rows, of one structure */
        v.working = has_row && v.tile * TILE < K;
        v.find_inputs(mine, (int)r.i);
        v.fetch_inputs(w.layer[0], 0);
        v.begin(
            __ldg((const float4 *)(mine.item.own_part + (size_t)r.i * WIDTH + v.channel())));
        const uint8_t *awaited = NULL; /* the letter of the thread's neighbour */
        int m = v.tile * TILE + (int)threadIdx.x;
        if (v.working && threadIdx.x < TILE && m < K) {
            int j = mine.item.neighbour[(size_t)r.i * K + m];
            if (mine.rank[j] < mine.rank[r.i])
                awaited = mine.letters + j;
        }
        /* the thread's place among the rows; one without walks along with the first */
        row other = t.rows[group.first + ((uint32_t)v.place() < group.count ? v.place() : 0)];
        sh->y[v.place()][v.place_channel()] =
            t.all[other.sequence].item.h[(size_t)other.i * WIDTH + v.place_channel()];
        /* where the scribe's lane writes states: four channels of row g */
        table *state = NULL;
        if (scribe && (uint32_t)v.g < group.count) {
            row written = t.rows[group.first + v.g];
            const sequence &q = t.all[written.sequence];
            state = (table *)q.state + (size_t)written.i * WIDTH + v.channel();
        }
        drawing d;
        bool draws_letter = scribe && drawer >= 0 && (uint32_t)drawer < group.count;
        float *logits = NULL;
        double *probs = NULL;
        uint8_t *place_letter = NULL;
        if (draws_letter) {
            row drawn = t.rows[group.first + drawer];
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
            const matrix &after = last     ? w.logits
                                  : scribe ? following.near
                                           : following.own;
            const int next_tile = last && !has_logits ? 0 : v.first_tile();
            if (v.working)
                v.gather(layer);
            __syncthreads();
            v.sum_tile(layer);
            if (last && draws_letter)
                tell_states();
            /* loads stand in the way of what is asked for after them: while others work */
            if (!last)
                v.fetch_inputs(following, layer + 1);
            v.fetch_vectors(now.node);
            v.fetch_norm(now.node.gain1, now.node.bias1);
            if constexpr (SPLIT)
                f_in.fetch(now.node.w_in, v.rank * (SLICE / 8) + v.warp, 0, v.lane);
            else
                next.fetch(after, next_tile, 0, v.lane);
            float4 residual = v.residual(K);
            v.wait(PARTS, PARTS_BYTES);
            v.message(w3, K, residual);
            if constexpr (SPLIT) /* as early as registers allow */
                f_out.fetch(now.node.w_out, 2 * v.warp, CHUNK * v.rank, v.lane);
            v.norm(&sh->normed[v.warp], true);
            if constexpr (SPLIT) {
                v.feed_in(f_in);
                next.fetch(after, next_tile, 0, v.lane);
                v.feed_out(f_out, group.count);
            } else {
                v.feed_in(resident<4>{v.w_in + layer * SLICE_FRAGMENTS});
                v.feed_out(resident<CHUNK>{v.w_out + layer * SLICE_FRAGMENTS},
                           group.count);
                w3.fetch(following.node.w3, 2 * v.warp, 0, v.lane);
            }
            v.fetch_norm(now.node.gain2, now.node.bias2);
            float kept = sh->y[v.place()][v.place_channel()];
            v.wait(PIECES, (int)(last ? later : group).count * PIECES_BYTES);
            if constexpr (SPLIT)
                if (last)
                    w3.fetch(following.node.w3, 2 * v.warp, 0, v.lane);
            if (last && !scribe)
                break;
            v.finish(kept);
            float4 y[2];
            if (last) {
                if (has_logits) {
                    v.norm(&sh->last[v.warp], false);
                    v.after(y, next, 1);
                    if (v.g < ROWS) {
                        float k = after.inverse;
                        float4 z = of_row(y, v.g);
                        *(float4 *)&sh->logits[v.g][v.channel()] = make_float4(
                            fmaf(z.x, k, b_logits.x), fmaf(z.y, k, b_logits.y),
                            fmaf(z.z, k, b_logits.z), fmaf(z.w, k, b_logits.w));
                    }
                }
                __syncthreads();
                break;
            }
            v.norm(&sh->last[v.warp], true);
            v.after(y, next, after.inverse);
            if constexpr (SPLIT)
                w3.fetch(following.node.w3, 2 * v.warp, 0, v.lane);
            if (!scribe)
                v.begin(of_row(y, v.slot));
            else if (state) {
                put4(state, of_row(y, v.g));
                state += (size_t)mine.item.L * WIDTH;
            }
        }
        if (draws_letter) {
            float logit = v.lane < LETTERS ? sh->logits[drawer][v.lane] : 0;
            double p;
            int letter = d.plain ? draw_quickly(d, logit, v.lane) : -1;
            bool quick = letter >= 0;
            if (!quick)
                letter = draw_letter(d, draw_single(d, logit), t.rules, t.failed,
                                     &sh->scratch[drawer], v.lane, &p);
            if (v.lane == 0)
                tell_letter(place_letter, letter);
            if (v.lane < LETTERS)
                logits[v.lane] = logit;
            if (probs && quick)
                draw_letter(d, draw_single(d, logit), t.rules, t.failed, &sh->scratch[drawer],
                            v.lane, &p);
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
    size_t layer = dev->split ? 2 * FRAGMENTS : FRAGMENTS + 2 * SLICE_FRAGMENTS;
    return (dev->split ? sizeof(wave_shared<true>) : sizeof(wave_shared<false>)) +
           (size_t)w->decoder_layers * layer * sizeof(uint4);
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
    if (dev->number >= MOST_DEVICES || dev->major < 9 || K > (TILES - 1) * TILE ||
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
static long waves[MOST_DEVICES]; /* how many there were; device.wave: the context's last */

static fmpnn_status launch_locked(device *dev, const cudaLaunchConfig_t *c,
                                  const wave_task *task, const wave_weights *weights,
                                  fmpnn_error *err)
{
    cudaEvent_t *last = &last_wave[dev->number];
    if (!*last)
        CUDA_TRY(cudaEventCreateWithFlags(last, cudaEventDisableTiming), err);
    else if (waves[dev->number] != dev->wave)
        CUDA_TRY(cudaStreamWaitEvent(dev->stream, *last, 0), err);
    CUDA_TRY(dev->split ? cudaLaunchKernelEx(c, decode_wave_kernel<true>, *task, *weights)
                        : cudaLaunchKernelEx(c, decode_wave_kernel<false>, *task, *weights),
             err);
    CUDA_TRY(cudaEventRecord(*last, dev->stream), err);
    dev->wave = ++waves[dev->number];
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
