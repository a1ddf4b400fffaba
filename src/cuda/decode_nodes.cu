/* What is done with the sum of a row's messages: decode.cuh, "nodes". */
#include "cuda/decode_rows.cuh"

/* A block has 16 MT rows; a warp computes two tiles of columns at a time of all of them. Operands
 * lie in shared memory as the instruction takes them, so each number is converted once. Each
 * lane copies the fragments that it will need to a ring of its own, steps ahead: the weights are
 * read once a block, from the second-level cache, and nobody waits for anyone else's. The
 * feed-forward goes in halves, since hidden values of all would not fit. */

enum {
    NODE_WARPS = 8,
    STRIDE = WIDTH + 4, /* floats a row of x: no two rows on the same banks */
    RING = 5,           /* steps; SHORT_RING where shared memory is small */
    SHORT_RING = 3,
    STEP = 4 * LANES, /* fragments of one: two tiles by two blocks of k, or by one, split */
    PITCH =
        LANES + 4, /* of operands: [MT][BLOCKS][2][PITCH], the lower halves after them */
    MOST_PARTS = 9
};

/* What a warp multiplies by, in order: of a matrix, tiles first + each * warp and the one after
 * that, blocks of k from the one that hi and lo begin with. */
typedef struct node_part {
    const uint4 *hi, *lo;
    int pitch;                     /* fragments of a tile */
    int first, each, last, blocks; /* last: of all warps' first tiles */
} node_part;

typedef struct node_task {
    node_weights node;
    node_part part[MOST_PARTS];
    int parts;
    float own_inverse, near_inverse; /* of the next layer */
    float logits_inverse;            /* after the last */
    const float *b_logits;
    int layer;
    bool last;
} node_task;

__host__ __device__ constexpr int operands_size(int tiles, int blocks)
{
    return tiles * blocks * 2 * PITCH;
}

enum { NARROW = WIDTH / 32, HALF = FEED_FORWARD / 64 }; /* blocks of k */

/* Where a row's results go; NULL beyond the last row. */
typedef struct node_place {
    float *h, *own, *logits;
    void *state;
} node_place;

__host__ __device__ inline size_t node_shared(bool split, int tiles, int ring)
{
    size_t operands = operands_size(tiles, NARROW) + operands_size(tiles, HALF);
    return (size_t)tiles * TILE * (STRIDE * sizeof(float) + sizeof(node_place)) +
           ((split ? 2 : 1) * operands + NODE_WARPS * ring * STEP) * sizeof(uint4);
}

/* Two neighbouring numbers into their word of a fragment. */
template <bool SPLIT>
__device__ inline void put_pair(uint4 *fragment, int lower, int word, float x, float y)
{
    operand<SPLIT> a;
    operand_pair(a, 0, 0, x, y);
    ((uint32_t *)fragment)[word] = a.hi[0][0];
    if constexpr (SPLIT)
        ((uint32_t *)(fragment + lower))[word] = a.lo[0][0];
}

/* Channels 4 lane .. +3 of row r. */
template <bool SPLIT, int MT>
__device__ inline void put_row(uint4 *operands, int r, float4 v, int lane)
{
    uint4 *f = operands + ((r / TILE * NARROW + lane / 8) * 2 + lane % 2) * PITCH +
               4 * (r % 8) + lane % 8 / 2;
    int lower = operands_size(MT, NARROW), half = r / 8 % 2;
    put_pair<SPLIT>(f, lower, half, v.x, v.y);
    put_pair<SPLIT>(f, lower, 2 + half, v.z, v.w);
}

/* The lane's ring, its places STEP apart. */
template <bool SPLIT, int RING> struct weight_ring {
    static constexpr int BLOCKS = SPLIT ? 1 : 2; /* of a step */
    uint4 *at;
    const node_task *t;
    int warp, lane;
    int take, give; /* places of the next step to use, to fill */
    int part, left; /* what comes next into the ring */
    const uint4 *hi, *lo;
    int pitch;

    __device__ void begin_part(void)
    {
        if (part == t->parts)
            return;
        const node_part &p = t->part[part];
        size_t offset = (size_t)min(p.first + p.each * warp, p.last) * p.pitch + lane;
        hi = p.hi + offset;
        lo = p.lo + offset;
        pitch = p.pitch;
        left = p.blocks;
    }
    __device__ void fetch(void)
    {
        if (part < t->parts) {
            uint4 *to = at + give * STEP;
            copy16(to, hi, false);
            copy16(to + 2 * LANES, hi + pitch, false);
            copy16(to + LANES, SPLIT ? lo : hi + LANES, false);
            copy16(to + 3 * LANES, SPLIT ? lo + pitch : hi + pitch + LANES, false);
            hi += BLOCKS * LANES;
            lo += BLOCKS * LANES;
            left -= BLOCKS;
            if (!left) {
                part++;
                begin_part();
            }
        }
        asm volatile("cp.async.commit_group;" ::: "memory");
        give = give + 1 == RING ? 0 : give + 1;
    }
    __device__ void begin(void)
    {
        take = give = part = 0;
        begin_part();
        for (int n = 0; n < RING - 1; n++)
            fetch();
    }
    /* [2 tiles][2 blocks, or hi and lo][LANES] */
    __device__ const uint4 *wait(void)
    {
        asm volatile("cp.async.wait_group %0;" ::"n"(RING - 2) : "memory");
        const uint4 *step = at + take * STEP;
        take = take + 1 == RING ? 0 : take + 1;
        return step;
    }
};

/* acc += rows times the ring's next two tiles, PIECES pieces of CHUNK blocks of k; ALL: blocks of
 * the operands. */
template <int PIECES, int ALL, bool SPLIT, int MT, int RING>
__device__ inline void product_of(float (&acc)[MT][2][4], const uint4 *operands,
                                  weight_ring<SPLIT, RING> &ring, int lane)
{
#pragma unroll 1
    for (int piece = 0; piece < PIECES; piece++) {
        chains<SPLIT> sum[MT][2];
        const uint4 *w = NULL;
#pragma unroll
        for (int m = 0; m < MT; m++)
            sum[m][0].clear(), sum[m][1].clear();
#pragma unroll
        for (int c = 0; c < CHUNK; c++) {
            uint4 hi[2], lo[2];
            if (SPLIT || c == 0)
                w = ring.wait();
#pragma unroll
            for (int n = 0; n < 2; n++) {
                hi[n] = w[(2 * n + (SPLIT ? 0 : c)) * LANES];
                lo[n] = SPLIT ? w[(2 * n + 1) * LANES] : hi[n];
            }
            if (SPLIT || c + 1 == CHUNK)
                ring.fetch();
#pragma unroll
            for (int m = 0; m < MT; m++) {
                operand<SPLIT> a;
                const uint4 *f =
                    operands + (m * ALL + piece * CHUNK + c) * 2 * PITCH + lane;
#pragma unroll
                for (int k = 0; k < 2; k++) {
                    *(uint4 *)a.hi[k] = f[k * PITCH];
                    if constexpr (SPLIT)
                        *(uint4 *)a.lo[k] = f[k * PITCH + operands_size(MT, ALL)];
                }
#pragma unroll
                for (int n = 0; n < 2; n++)
                    multiply(sum[m][n], a, hi[n], lo[n]);
            }
        }
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    acc[m][n][e] += sum[m][n].sum(e);
    }
}

template <int MT> __device__ inline void clear(float (&acc)[MT][2][4])
{
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < 8; n++)
            acc[m][n / 4][n % 4] = 0;
}

/* LayerNorm of the warp's rows of x, side by side: layer_norm() for each. */
template <int EACH>
__device__ inline void norm_rows(float4 (&v)[EACH], const float *x, const float *gain,
                                 const float *bias, int warp, int lane)
{
    float4 g = ((const float4 *)gain)[lane], b = ((const float4 *)bias)[lane];
#pragma unroll
    for (int n = 0; n < EACH; n++)
        v[n] = ((const float4 *)(x + (warp + n * NODE_WARPS) * STRIDE))[lane];
#pragma unroll
    for (int n = 0; n < EACH; n++)
        v[n] = normed(v[n], g, b);
}

template <bool SPLIT, int MT, int RING>
__global__ void __launch_bounds__(NODE_WARPS *LANES, 1)
    update_nodes(const sequence *all, const row *rows, int n_rows, row_work work,
                 const __grid_constant__ node_task t)
{
    typedef typename table_of<SPLIT>::type table;
    constexpr int EACH = MT * TILE / NODE_WARPS; /* rows of a warp */
    constexpr int HALVES = SPLIT ? 2 : 1;
    extern __shared__ uint4 shared[];
    uint4 *narrow = shared, *wide = narrow + HALVES * operands_size(MT, NARROW);
    uint4 *rings = wide + HALVES * operands_size(MT, HALF);
    float *x = (float *)(rings + NODE_WARPS * RING * STEP);
    node_place *places = (node_place *)(x + MT * TILE * STRIDE);
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4;
    int first = blockIdx.x * MT * TILE;
    weight_ring<SPLIT, RING> ring;
    ring.at = rings + warp * RING * STEP + lane;
    ring.t = &t;
    ring.warp = warp;
    ring.lane = lane;
    ring.begin();

    /* all reading side by side: rows beyond the last are the last's */
    const float4 b3 = ((const float4 *)t.node.b3)[lane];
    float4 h[EACH], s[EACH];
    row place[EACH];
    int K[EACH];
    node_place to[EACH];
#pragma unroll
    for (int n = 0; n < EACH; n++)
        place[n] = rows[min(first + warp + n * NODE_WARPS, n_rows - 1)];
#pragma unroll
    for (int n = 0; n < EACH; n++) {
        const sequence &q = all[place[n].sequence];
        size_t at = (size_t)place[n].place * WIDTH, i = place[n].i;
        K[n] = q.item.K;
        h[n] = ((const float4 *)(t.layer ? work.h + at : q.item.h + i * WIDTH))[lane];
        to[n].h = work.h + at;
        to[n].own = work.own + at;
        to[n].logits = q.logits + i * LETTERS;
        to[n].state = (table *)q.state + ((size_t)t.layer * q.item.L + i) * WIDTH;
        s[n] = make_float4(0, 0, 0, 0);
    }
    add_tiles(s, place, K, work, lane);
#pragma unroll
    for (int n = 0; n < EACH; n++) {
        int r = warp + n * NODE_WARPS;
        take_mean(s[n], h[n], b3, K[n]);
        ((float4 *)(x + r * STRIDE))[lane] = h[n];
        put_row<SPLIT, MT>(narrow, r, s[n], lane);
        if (lane == 0)
            places[r] = first + r < n_rows ? to[n] : node_place{};
    }
    __syncthreads();

    float acc[MT][2][4];
    clear<MT>(acc);
    product_of<NARROW / CHUNK, NARROW>(acc, narrow, ring, lane);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float *at = x + (16 * m + g + 8 * (e / 2)) * STRIDE +
                            channel_of(2 * warp + n, e, lane);
                *at = fmaf(acc[m][n][e], t.node.w3.inverse, *at);
            }
    __syncthreads();
    norm_rows<EACH>(h, x, t.node.gain1, t.node.bias1, warp, lane);
#pragma unroll
    for (int n = 0; n < EACH; n++) {
        int r = warp + n * NODE_WARPS;
        ((float4 *)(x + r * STRIDE))[lane] = h[n];
        put_row<SPLIT, MT>(narrow, r, h[n], lane);
    }
    __syncthreads();

    clear<MT>(acc);
#pragma unroll 1
    for (int half = 0; half < 2; half++) {
#pragma unroll 1
        for (int pair = 0; pair < 2; pair++) {
            float z[MT][2][4];
            int tile = 4 * warp + 2 * pair; /* of the half */
            clear<MT>(z);
            product_of<NARROW / CHUNK, NARROW>(z, narrow, ring, lane);
#pragma unroll
            for (int n = 0; n < 2; n++) {
                float2 b = *(const float2 *)(t.node.b_in + FEED_FORWARD / 2 * half +
                                             channel_of(tile + n, 0, lane));
#pragma unroll
                for (int m = 0; m < MT; m++)
#pragma unroll
                    for (int lower = 0; lower < 2; lower++)
                        put_pair<SPLIT>(
                            wide + ((m * HALF + warp) * 2 + pair) * PITCH + lane,
                            operands_size(MT, HALF), 2 * n + lower,
                            gelu<SPLIT>(fmaf(z[m][n][2 * lower], t.node.w_in.inverse, b.x)),
                            gelu<SPLIT>(
                                fmaf(z[m][n][2 * lower + 1], t.node.w_in.inverse, b.y)));
            }
        }
        __syncthreads();
        product_of<HALF / CHUNK, HALF>(acc, wide, ring, lane);
        __syncthreads();
    }
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int c = channel_of(2 * warp + n, e, lane);
                float *at = x + (16 * m + g + 8 * (e / 2)) * STRIDE + c;
                *at += fmaf(acc[m][n][e], t.node.w_out.inverse, t.node.b_out[c]);
            }
    __syncthreads();
    norm_rows<EACH>(h, x, t.node.gain2, t.node.bias2, warp, lane);
#pragma unroll
    for (int n = 0; n < EACH; n++) {
        int r = warp + n * NODE_WARPS;
        put_row<SPLIT, MT>(narrow, r, h[n], lane);
        if (!t.last && places[r].h)
            ((float4 *)places[r].h)[lane] = h[n];
    }
    __syncthreads();

    clear<MT>(acc);
    if (t.last) {
        if (warp >= 2)
            return;
        product_of<NARROW / CHUNK, NARROW>(acc, narrow, ring, lane);
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    int c = channel_of(2 * warp + n, e, lane);
                    float *logits = places[16 * m + g + 8 * (e / 2)].logits;
                    if (c < LETTERS && logits)
                        logits[c] = fmaf(acc[m][n][e], t.logits_inverse, t.b_logits[c]);
                }
        return;
    }
    float near[MT][2][4];
    clear<MT>(near);
    product_of<NARROW / CHUNK, NARROW>(acc, narrow, ring, lane);
    product_of<NARROW / CHUNK, NARROW>(near, narrow, ring, lane);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int c = channel_of(2 * warp, 0, lane); /* and three more */
            const node_place at = places[16 * m + g + 8 * half];
            table *state = (table *)at.state + c;
            if (!at.own)
                continue;
            float4 v = make_float4(acc[m][0][2 * half], acc[m][0][2 * half + 1],
                                   acc[m][1][2 * half], acc[m][1][2 * half + 1]);
            *(float4 *)(at.own + c) = make_float4(v.x * t.own_inverse, v.y * t.own_inverse,
                                                  v.z * t.own_inverse, v.w * t.own_inverse);
#pragma unroll
            for (int e = 0; e < 4; e++)
                state[e] = (table)(near[m][e / 2][2 * half + e % 2] * t.near_inverse);
        }
}

/* ---- launches ---- */

/* Tiles first + each * warp and the next of w, blocks of k from `block` on. */
static void add_part(node_task *t, const matrix &w, int first, int each, int block,
                     int blocks)
{
    int pitch = w.K / 32 * LANES;
    const node_part part = {w.hi + block * LANES,
                            w.lo + block * LANES,
                            pitch,
                            first,
                            each,
                            w.N / 8 - 2,
                            blocks};
    t->part[t->parts++] = part;
}

/* In the order in which update_nodes multiplies. */
static node_task node_task_of(const model_weights *w, int layer)
{
    const node_weights &node = w->decoder[layer].node;
    node_task t = {};
    t.node = node;
    t.layer = layer;
    t.last = layer + 1 == w->decoder_layers;
    add_part(&t, node.w3, 0, 2, 0, NARROW);
    for (int half = 0; half < 2; half++) {
        for (int pair = 0; pair < 2; pair++)
            add_part(&t, node.w_in, FEED_FORWARD / 16 * half + 2 * pair, 4, 0, NARROW);
        add_part(&t, node.w_out, 0, 2, HALF * half, HALF);
    }
    if (t.last) {
        t.logits_inverse = w->logits.inverse;
        t.b_logits = w->b_logits;
        add_part(&t, w->logits, 0, 2, 0, NARROW);
    } else {
        t.own_inverse = w->decoder[layer + 1].own.inverse;
        t.near_inverse = w->decoder[layer + 1].near.inverse;
        add_part(&t, w->decoder[layer + 1].own, 0, 2, 0, NARROW);
        add_part(&t, w->decoder[layer + 1].near, 0, 2, 0, NARROW);
    }
    return t;
}

template <bool SPLIT, int MT, int RING>
static fmpnn_status launch(device *dev, const node_task &t, const sequence *all,
                           const row *rows, size_t n, const row_work *work,
                           fmpnn_error *err)
{
    size_t shared = node_shared(SPLIT, MT, RING);
    unsigned blocks = (unsigned)((n + MT * TILE - 1) / (MT * TILE));
    TRY(device_allow_shared(dev, (const void *)update_nodes<SPLIT, MT, RING>, 0, err));
    update_nodes<SPLIT, MT, RING>
        <<<blocks, NODE_WARPS * LANES, shared, dev->stream>>>(all, rows, (int)n, *work, t);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}

template <bool SPLIT>
static fmpnn_status choose(device *dev, const node_task &t, const sequence *all,
                           const row *rows, size_t n, const row_work *work,
                           fmpnn_error *err)
{
    /* as many rows a block as leave work for every multiprocessor */
    size_t tiles = (n + TILE - 1) / TILE, here = (size_t)dev->multiprocessors,
           limit = (size_t)dev->shared_limit;
    if (tiles > 2 * here && node_shared(SPLIT, 4, RING) <= limit)
        return launch<SPLIT, 4, RING>(dev, t, all, rows, n, work, err);
    if (tiles > here && node_shared(SPLIT, 2, RING) <= limit)
        return launch<SPLIT, 2, RING>(dev, t, all, rows, n, work, err);
    if (node_shared(SPLIT, 1, RING) <= limit)
        return launch<SPLIT, 1, RING>(dev, t, all, rows, n, work, err);
    return launch<SPLIT, 1, SHORT_RING>(dev, t, all, rows, n, work, err);
}

fmpnn_status decode_nodes(device *dev, const model_weights *w, int layer,
                          const sequence *all, const row *rows, size_t n,
                          const row_work *work, fmpnn_error *err)
{
    /* 16 us for up to 64 rows a block, however few (H200); by 16 rows a block 12, by more 20 and 30 */
    if (w->decoder[layer].stages && n > (size_t)dev->multiprocessors * TILE)
        return decode_nodes_group(dev, w, layer, all, rows, n, work, err);
    const node_task t = node_task_of(w, layer);
    return dev->split ? choose<true>(dev, t, all, rows, n, work, err)
                      : choose<false>(dev, t, all, rows, n, work, err);
}
