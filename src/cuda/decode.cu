/* One decoder layer for a list of rows: decode.cuh says which parts it has. */
#include "cuda/decode.cuh"
#include "cuda/tile.cuh"

enum {
    EDGE_WARPS = 12, /* three tiles of 16 neighbours by four quarters of 128 channels */
    NODE_WARPS = 8,
    STRIDE = WIDTH + 4,       /* floats a row of shared memory: no two rows on the same banks */
    WIDE = FEED_FORWARD + 4,
    QUARTERS = 4
};

/* ---- edges ---- */

/* What the neighbours of one row add, found once a block. */
typedef struct neighbour_rows {
    const void *near;    /* float blind table or state */
    const float *letter; /* NULL: not known */
    bool state;          /* near is of the state's type */
    bool nothing;        /* of W1 [h_i | 0] only the bias is left */
} neighbour_rows;

template <bool SPLIT>
__device__ inline neighbour_rows find_neighbour(const sequence &q, const float *letters,
                                                int layer, int i, int m)
{
    typedef typename table_of<SPLIT>::type table;
    const structure &s = q.item;
    neighbour_rows n;
    int j = s.neighbour[(size_t)i * s.K + m];
    n.near = s.blind + ((size_t)layer * s.L + j) * WIDTH;
    n.letter = NULL;
    n.state = false;
    n.nothing = false;
    if (!q.rank || q.rank[j] >= q.rank[i])
        return n;
    if (!q.letters) {
        n.nothing = true;
        return n;
    }
    if (layer) {
        n.near = (const table *)q.state + ((size_t)(layer - 1) * s.L + j) * WIDTH;
        n.state = true;
    }
    if (!q.group_of || q.group_of[j] != q.group_of[i])
        n.letter = letters + q.letters[j] * WIDTH;
    return n;
}

/* The lane's eight channels from `at` on of one edge's g(z); 0 beyond the last edge. */
template <bool SPLIT>
__device__ inline void edge_input(float z[8], const neighbour_rows *n, int m, int K,
                                  const typename table_of<SPLIT>::type *edge, const float own[8],
                                  const float *bias, int at)
{
    typedef typename table_of<SPLIT>::type table;
    float v[8];
    if (m >= K) {
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] = 0;
        return;
    }
    neighbour_rows near = n[m];
    if (near.nothing) {
        read8(z, bias + at);
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] = gelu<SPLIT>(z[e] + own[e]);
        return;
    }
    read8(z, edge + (size_t)m * WIDTH + at);
    if (near.state)
        read8(v, (const table *)near.near + at);
    else
        read8(v, (const float *)near.near + at);
#pragma unroll
    for (int e = 0; e < 8; e++)
        z[e] += own[e] + v[e];
    if (near.letter) {
        read8(v, near.letter + at);
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] += v[e];
    }
#pragma unroll
    for (int e = 0; e < 8; e++)
        z[e] = gelu<SPLIT>(z[e]);
}

/* Shared memory of the edge kernel for `tiles` tiles of neighbours. */
__host__ __device__ inline size_t edge_shared(bool split, int tiles)
{
    size_t operands = (size_t)tiles * QUARTERS * LANES *
                      (split ? sizeof(operand<true>) : sizeof(operand<false>));
    size_t parts = (size_t)tiles * WIDTH * sizeof(float);
    return operands + parts + (size_t)tiles * TILE * sizeof(neighbour_rows);
}

template <bool SPLIT>
__global__ void __launch_bounds__(EDGE_WARPS *LANES)
    decode_edges(const sequence *all, const row *rows, row_work work, decoder_weights w,
                 int layer)
{
    typedef typename table_of<SPLIT>::type table;
    extern __shared__ uint4 shared[];
    row r = rows[blockIdx.x];
    const sequence &q = all[r.sequence];
    int K = q.item.K, tiles = (K + TILE - 1) / TILE, i = r.i;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4;
    operand<SPLIT> *operands = (operand<SPLIT> *)shared; /* [tiles][QUARTERS][LANES] */
    float *parts = (float *)(operands + tiles * QUARTERS * LANES); /* [tiles][WIDTH] */
    neighbour_rows *near = (neighbour_rows *)(parts + tiles * WIDTH);

    for (int m = threadIdx.x; m < K; m += blockDim.x)
        near[m] = find_neighbour<SPLIT>(q, w.letters, layer, i, m);
    __syncthreads();

    const table *edge =
        (const table *)q.item.edge_part + ((size_t)layer * q.item.L + i) * K * WIDTH;
    const float *own = layer ? work.own + (size_t)r.place * WIDTH
                             : q.item.own_part + (size_t)i * WIDTH;
    for (int unit = warp; unit < tiles * QUARTERS; unit += EDGE_WARPS) {
        int tile = unit / QUARTERS, at = 32 * (unit % QUARTERS) + 8 * (lane % 4);
        float mine[8], upper[8], lower[8];
        read8(mine, own + at);
        edge_input<SPLIT>(upper, near, tile * TILE + g, K, edge, mine, w.bias, at);
        edge_input<SPLIT>(lower, near, tile * TILE + g + 8, K, edge, mine, w.bias, at);
        operand_make<SPLIT>(operands[unit * LANES + lane], upper, lower);
    }
    __syncthreads();

    for (int unit = warp; unit < tiles * QUARTERS; unit += EDGE_WARPS) {
        int tile = unit / QUARTERS, quarter = unit % QUARTERS;
        chains<SPLIT> acc[4];
        float sum[8];
#pragma unroll
        for (int n = 0; n < 4; n++)
            acc[n].clear();
#pragma unroll
        for (int b = 0; b < QUARTERS; b++) {
            operand<SPLIT> a = operands[(tile * QUARTERS + b) * LANES + lane];
#pragma unroll
            for (int n = 0; n < 4; n++) {
                size_t f = fragment_at(w.w2, 4 * quarter + n, b, lane);
                multiply(acc[n], a, w.w2.hi[f], SPLIT ? w.w2.lo[f] : w.w2.hi[f]);
            }
        }
        bool upper = tile * TILE + g < K, lower = tile * TILE + g + 8 < K;
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float bias = w.b2[channel_of(4 * quarter + n, e, lane)];
                float x = gelu<SPLIT>(fmaf(acc[n].sum(e), w.w2.inverse, bias));
                float y = gelu<SPLIT>(fmaf(acc[n].sum(e + 2), w.w2.inverse, bias));
                sum[2 * n + e] = (upper ? x : 0) + (lower ? y : 0);
            }
        /* the sixteen rows of a tile as a tree, then the tiles in order */
#pragma unroll
        for (int e = 0; e < 8; e++) {
            sum[e] += __shfl_xor_sync(~0u, sum[e], 4);
            sum[e] += __shfl_xor_sync(~0u, sum[e], 8);
            sum[e] += __shfl_xor_sync(~0u, sum[e], 16);
        }
        if (g == 0) {
            float *part = parts + tile * WIDTH + 32 * quarter + 8 * lane;
            *(float4 *)part = make_float4(sum[0], sum[1], sum[2], sum[3]);
            *(float4 *)(part + 4) = make_float4(sum[4], sum[5], sum[6], sum[7]);
        }
    }
    __syncthreads();
    if (threadIdx.x < WIDTH) {
        float s = 0;
        for (int tile = 0; tile < tiles; tile++)
            s += parts[tile * WIDTH + threadIdx.x];
        work.s[(size_t)r.place * WIDTH + threadIdx.x] = s;
    }
}

/* ---- edges of many rows: a warp a row, W2 in shared memory ---- */

/* As many as registers allow. */
__host__ __device__ constexpr int many_warps(bool split)
{
    return split ? 12 : 16;
}

__host__ __device__ inline size_t many_shared(bool split)
{
    return WIDTH * WIDTH * sizeof(__half) * (split ? 2 : 1) +
           LETTERS * WIDTH * sizeof(float);
}

/* What a lane knows of a neighbour of its row. */
typedef struct neighbour_code {
    uint32_t j;
    int kind; /* letter if it is decoded, else one of these */
} neighbour_code;
enum { NOT_DECODED = 32, HIDDEN_LETTER, NOTHING };

__device__ inline neighbour_code code_of(const sequence &q, int i, int m)
{
    neighbour_code c = {0, NOT_DECODED};
    if (m >= q.item.K)
        return c;
    c.j = q.item.neighbour[(size_t)i * q.item.K + m];
    if (!q.rank || q.rank[c.j] >= q.rank[i])
        return c;
    c.kind = !q.letters ? NOTHING
             : q.group_of && q.group_of[c.j] == q.group_of[i] ? HIDDEN_LETTER
                                                              : q.letters[c.j];
    return c;
}

/* The same values as edge_input(). */
template <bool SPLIT>
__device__ inline void many_input(float z[8], const sequence &q, neighbour_code c, int i, int m,
                                  int layer, const float own[8], const float *letters,
                                  const float *bias, int at)
{
    typedef typename table_of<SPLIT>::type table;
    const structure &s = q.item;
    float v[8];
    if (m >= s.K) {
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] = 0;
        return;
    }
    if (c.kind == NOTHING) {
        read8(z, bias + at);
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] = gelu<SPLIT>(z[e] + own[e]);
        return;
    }
    read8(z, (const table *)s.edge_part +
                 (((size_t)layer * s.L + i) * s.K + m) * WIDTH + at);
    if (layer && c.kind != NOT_DECODED)
        read8(v, (const table *)q.state + ((size_t)(layer - 1) * s.L + c.j) * WIDTH + at);
    else
        read8(v, s.blind + ((size_t)layer * s.L + c.j) * WIDTH + at);
#pragma unroll
    for (int e = 0; e < 8; e++)
        z[e] += own[e] + v[e];
    if (c.kind < LETTERS) {
        read8(v, letters + c.kind * WIDTH + at);
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] += v[e];
    }
#pragma unroll
    for (int e = 0; e < 8; e++)
        z[e] = gelu<SPLIT>(z[e]);
}

template <bool SPLIT>
__global__ void __launch_bounds__(many_warps(SPLIT) * LANES, 1)
    decode_edges_many(const sequence *all, const row *rows, int n_rows, row_work work,
                      decoder_weights w, int layer)
{
    constexpr int FRAGMENTS = WIDTH / 8 * QUARTERS * LANES, WARPS = many_warps(SPLIT);
    extern __shared__ uint4 shared[];
    float *letters = (float *)(shared + FRAGMENTS * (SPLIT ? 2 : 1));
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4;
    for (int at = threadIdx.x; at < FRAGMENTS * (SPLIT ? 2 : 1); at += blockDim.x)
        shared[at] = at < FRAGMENTS ? w.w2.hi[at] : w.w2.lo[at - FRAGMENTS];
    for (int at = threadIdx.x; at < LETTERS * WIDTH; at += blockDim.x)
        letters[at] = w.letters[at];
    __syncthreads();

    for (int n = blockIdx.x * WARPS + warp; n < n_rows; n += gridDim.x * WARPS) {
        row r = rows[n];
        const sequence &q = all[r.sequence];
        int K = q.item.K, i = r.i;
        const float *own = layer ? work.own + (size_t)r.place * WIDTH
                                 : q.item.own_part + (size_t)i * WIDTH;
        float sum[8] = {}; /* lanes of g = quarter keep the sums of their eight channels */
        for (int first = 0; first < K; first += TILE) {
            neighbour_code mine = code_of(q, i, first + lane % TILE), upper, lower;
            upper.j = __shfl_sync(~0u, mine.j, g);
            upper.kind = __shfl_sync(~0u, mine.kind, g);
            lower.j = __shfl_sync(~0u, mine.j, g + 8);
            lower.kind = __shfl_sync(~0u, mine.kind, g + 8);
            operand<SPLIT> a[QUARTERS];
#pragma unroll
            for (int b = 0; b < QUARTERS; b++) {
                int at = 32 * b + 8 * (lane % 4);
                float o[8], u[8], l[8];
                read8(o, own + at);
                many_input<SPLIT>(u, q, upper, i, first + g, layer, o, letters, w.bias, at);
                many_input<SPLIT>(l, q, lower, i, first + g + 8, layer, o, letters, w.bias, at);
                operand_make<SPLIT>(a[b], u, l);
            }
            bool has_upper = first + g < K, has_lower = first + g + 8 < K;
#pragma unroll 1
            for (int quarter = 0; quarter < QUARTERS; quarter++) {
                chains<SPLIT> acc[4];
                float x[8];
#pragma unroll
                for (int t = 0; t < 4; t++)
                    acc[t].clear();
#pragma unroll
                for (int b = 0; b < QUARTERS; b++)
#pragma unroll
                    for (int t = 0; t < 4; t++) {
                        const uint4 *f =
                            shared + ((4 * quarter + t) * QUARTERS + b) * LANES + lane;
                        multiply(acc[t], a[b], f[0], SPLIT ? f[FRAGMENTS] : f[0]);
                    }
#pragma unroll
                for (int t = 0; t < 4; t++)
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float bias = w.b2[channel_of(4 * quarter + t, e, lane)];
                        float y = gelu<SPLIT>(fmaf(acc[t].sum(e), w.w2.inverse, bias));
                        float z = gelu<SPLIT>(fmaf(acc[t].sum(e + 2), w.w2.inverse, bias));
                        x[2 * t + e] = (has_upper ? y : 0) + (has_lower ? z : 0);
                    }
#pragma unroll
                for (int e = 0; e < 8; e++) {
                    x[e] += __shfl_xor_sync(~0u, x[e], 4);
                    x[e] += __shfl_xor_sync(~0u, x[e], 8);
                    x[e] += __shfl_xor_sync(~0u, x[e], 16);
                }
                if (g == quarter)
#pragma unroll
                    for (int e = 0; e < 8; e++)
                        sum[e] += x[e];
            }
        }
        if (g < QUARTERS) {
            float *s = work.s + (size_t)r.place * WIDTH + 32 * g + 8 * (lane % 4);
            *(float4 *)s = make_float4(sum[0], sum[1], sum[2], sum[3]);
            *(float4 *)(s + 4) = make_float4(sum[4], sum[5], sum[6], sum[7]);
        }
    }
}

/* ---- nodes ---- */

typedef struct node_task {
    node_weights node;
    matrix own, near; /* of the next layer */
    matrix logits;    /* after the last */
    const float *b_logits;
    int layer;
    bool last;
} node_task;

__host__ __device__ inline size_t node_shared(int tiles)
{
    return (size_t)tiles * TILE * (STRIDE + WIDE) * sizeof(float);
}

/* Rows 16 MT blockIdx.x and on; warp n computes channels 16n .. of WIDTH, 64n .. of FEED_FORWARD. */
template <bool SPLIT, int MT>
__global__ void __launch_bounds__(NODE_WARPS *LANES)
    decode_nodes(const sequence *all, const row *rows, int n_rows, row_work work, node_task t)
{
    typedef typename table_of<SPLIT>::type table;
    extern __shared__ float floats[];
    float *x = floats, *wide = floats + MT * TILE * STRIDE;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4;
    int first = blockIdx.x * MT * TILE;
    const float SCALE = 1.0f / 30;

    for (int r = warp; r < MT * TILE; r += NODE_WARPS) {
        float4 h = make_float4(0, 0, 0, 0), s = h;
        float share = 0; /* how often b3 counts: every neighbour, resolved or not */
        if (first + r < n_rows) {
            row place = rows[first + r];
            const float *from = t.layer
                                    ? work.h + (size_t)place.place * WIDTH
                                    : all[place.sequence].item.h + (size_t)place.i * WIDTH;
            h = ((const float4 *)from)[lane];
            share = (float)all[place.sequence].item.K * SCALE;
            s = ((const float4 *)(work.s + (size_t)place.place * WIDTH))[lane];
        }
        float4 b = ((const float4 *)t.node.b3)[lane];
        h.x = fmaf(share, b.x, h.x), h.y = fmaf(share, b.y, h.y);
        h.z = fmaf(share, b.z, h.z), h.w = fmaf(share, b.w, h.w);
        s.x *= SCALE, s.y *= SCALE, s.z *= SCALE, s.w *= SCALE;
        ((float4 *)(x + r * STRIDE))[lane] = h;
        ((float4 *)(wide + r * WIDE))[lane] = s;
    }
    __syncthreads();

    float narrow[MT][2][4];
    product<SPLIT, MT, 2, WIDTH / 32>(narrow, wide, WIDE, t.node.w3, 2 * warp, lane);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float *at = x + (16 * m + g + 8 * (e / 2)) * STRIDE +
                            channel_of(2 * warp + n, e, lane);
                *at = fmaf(narrow[m][n][e], t.node.w3.inverse, *at);
            }
    __syncthreads();
    for (int r = warp; r < MT * TILE; r += NODE_WARPS)
        layer_norm(x + r * STRIDE, t.node.gain1, t.node.bias1, lane);
    __syncthreads();

#pragma unroll
    for (int part = 0; part < 2; part++) {
        float acc[MT][4][4];
        int tile = 8 * warp + 4 * part;
        product<SPLIT, MT, 4, WIDTH / 32>(acc, x, STRIDE, t.node.w_in, tile, lane);
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < 4; n++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    int c = channel_of(tile + n, e, lane);
                    float z = fmaf(acc[m][n][e], t.node.w_in.inverse, t.node.b_in[c]);
                    wide[(16 * m + g + 8 * (e / 2)) * WIDE + c] = gelu<SPLIT>(z);
                }
    }
    __syncthreads();

    product<SPLIT, MT, 2, FEED_FORWARD / 32>(narrow, wide, WIDE, t.node.w_out, 2 * warp, lane);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int c = channel_of(2 * warp + n, e, lane);
                float *at = x + (16 * m + g + 8 * (e / 2)) * STRIDE + c;
                *at += fmaf(narrow[m][n][e], t.node.w_out.inverse, t.node.b_out[c]);
            }
    __syncthreads();
    for (int r = warp; r < MT * TILE; r += NODE_WARPS) {
        layer_norm(x + r * STRIDE, t.node.gain2, t.node.bias2, lane);
        if (!t.last && first + r < n_rows)
            ((float4 *)(work.h + (size_t)rows[first + r].place * WIDTH))[lane] =
                ((float4 *)(x + r * STRIDE))[lane];
    }
    __syncthreads();

    if (t.last) {
        if (warp >= 4)
            return;
        float acc[MT][1][4];
        product<SPLIT, MT, 1, WIDTH / 32>(acc, x, STRIDE, t.logits, warp, lane);
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int c = channel_of(warp, e, lane), at = first + 16 * m + g + 8 * (e / 2);
                if (c >= LETTERS || at >= n_rows)
                    continue;
                row place = rows[at];
                all[place.sequence].logits[(size_t)place.i * LETTERS + c] =
                    fmaf(acc[m][0][e], t.logits.inverse, t.b_logits[c]);
            }
        return;
    }
    float near[MT][2][4];
    product<SPLIT, MT, 2, WIDTH / 32>(narrow, x, STRIDE, t.own, 2 * warp, lane);
    product<SPLIT, MT, 2, WIDTH / 32>(near, x, STRIDE, t.near, 2 * warp, lane);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int at = first + 16 * m + g + 8 * half;
            if (at >= n_rows)
                continue;
            row place = rows[at];
            const sequence &q = all[place.sequence];
            table *state =
                (table *)q.state + ((size_t)t.layer * q.item.L + place.i) * WIDTH;
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    int c = channel_of(2 * warp + n, e, lane);
                    work.own[(size_t)place.place * WIDTH + c] =
                        narrow[m][n][2 * half + e] * t.own.inverse;
                    state[c] = (table)(near[m][n][2 * half + e] * t.near.inverse);
                }
        }
}

/* ---- launches ---- */

template <bool SPLIT>
static fmpnn_status launch_edges(device *dev, const model_weights *w, int layer,
                                 const sequence *all, const row *rows, size_t n,
                                 const row_work *work, int K, fmpnn_error *err)
{
    if (n >= (size_t)dev->multiprocessors * 6) {
        size_t fixed = many_shared(SPLIT);
        size_t warps = many_warps(SPLIT), blocks = (n + warps - 1) / warps;
        if (blocks > (size_t)dev->multiprocessors)
            blocks = (size_t)dev->multiprocessors;
        CUDA_TRY(cudaFuncSetAttribute(decode_edges_many<SPLIT>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, (int)fixed),
                 err);
        decode_edges_many<SPLIT><<<(unsigned)blocks, (unsigned)warps * LANES, fixed, dev->stream>>>(
            all, rows, (int)n, *work, w->decoder[layer], layer);
        CUDA_LAUNCHED(err);
        return FMPNN_OK;
    }
    size_t shared = edge_shared(SPLIT, (K + TILE - 1) / TILE);
    if (shared > (size_t)dev->shared_limit)
        return fmpnn_fail(err, FMPNN_EDEVICE, "%d neighbours: device cuda computes fewer", K);
    CUDA_TRY(cudaFuncSetAttribute(decode_edges<SPLIT>,
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
             err);
    decode_edges<SPLIT><<<(unsigned)n, EDGE_WARPS * LANES, shared, dev->stream>>>(
        all, rows, *work, w->decoder[layer], layer);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}

template <bool SPLIT, int MT>
static fmpnn_status launch_nodes(device *dev, const node_task &t, const sequence *all,
                                 const row *rows, size_t n, const row_work *work,
                                 fmpnn_error *err)
{
    size_t shared = node_shared(MT);
    unsigned blocks = (unsigned)((n + MT * TILE - 1) / (MT * TILE));
    CUDA_TRY(cudaFuncSetAttribute(decode_nodes<SPLIT, MT>,
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
             err);
    decode_nodes<SPLIT, MT><<<blocks, NODE_WARPS * LANES, shared, dev->stream>>>(
        all, rows, (int)n, *work, t);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}

fmpnn_status decode_layer(device *dev, const model_weights *w, int layer, const sequence *all,
                          const row *rows, size_t n, const row_work *work, int K,
                          fmpnn_error *err)
{
    node_task t = {};
    bool last = layer + 1 == w->decoder_layers, many = n > (size_t)dev->multiprocessors * TILE;
    if (!n)
        return FMPNN_OK;
    t.node = w->decoder[layer].node;
    t.layer = layer;
    t.last = last;
    t.logits = w->logits;
    t.b_logits = w->b_logits;
    if (!last) {
        t.own = w->decoder[layer + 1].own;
        t.near = w->decoder[layer + 1].near;
    }
    TRY(dev->split ? launch_edges<true>(dev, w, layer, all, rows, n, work, K, err)
                   : launch_edges<false>(dev, w, layer, all, rows, n, work, K, err));
    if (dev->split)
        return many ? launch_nodes<true, 2>(dev, t, all, rows, n, work, err)
                    : launch_nodes<true, 1>(dev, t, all, rows, n, work, err);
    return many ? launch_nodes<false, 2>(dev, t, all, rows, n, work, err)
                : launch_nodes<false, 1>(dev, t, all, rows, n, work, err);
}

size_t decode_state_bytes(const device *dev, const model_weights *w, size_t L)
{
    return (size_t)(w->decoder_layers - 1) * L * WIDTH *
           (dev->split ? sizeof(float) : sizeof(__half));
}
