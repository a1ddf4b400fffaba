/* The first half of a decoder layer for a list of rows: decode.cuh, "edges". */
#include "cuda/decode.cuh"
#include "cuda/tile.cuh"
#include "cuda/wgmma.cuh"

enum {
    EDGE_WARPS = 16, /* as many as registers allow */
    QUARTERS = 4,
    FRAGMENTS = WIDTH / 8 * QUARTERS * LANES /* of W2 */
};

/* ---- edges: a warp a tile of 16 neighbours of a row, W2 in shared memory ----
 *
 * All that a lane reads of a tile is on its way while the tile before it is multiplied, and no
 * lane takes another road than its neighbours: every kind of neighbour adds an edge's row, a
 * row of `near` and one of a small table, some of them 0. */

/* 16 bytes a lane that come ahead for a tile: the edges' rows, and if not split `near` too. */
enum { PIECES = 16 };

__host__ __device__ inline size_t edge_shared(bool split, int warps)
{
    size_t number = split ? sizeof(float) : sizeof(__half);
    return (size_t)(split ? 2 : 1) * FRAGMENTS * sizeof(uint4) +
           EDGE_TABLE * WIDTH * number +
           (size_t)warps * (PIECES + 1) * LANES * sizeof(uint4) + WIDTH * sizeof(float);
}

/* What a lane reads of a tile: of its neighbours g and g + 8, channels 8q .. +7 of each block. */
enum {
    ROWS,
    TOLD_ROWS,
    SAID
}; /* tiles of rows; of rows whose neighbours are told; of messages */

template <bool SPLIT, int OF> struct edge_tile {
    typedef typename table_of<SPLIT>::type table;
    const table *edge[2], *near[2];
    const float *own; /* the lane's four of all channels: the warp shares them */
    float *to[OF == SAID ? 2 : 1]; /* where the tile's sum goes, [C], or its messages */
    int letter[2];          /* row of the table */
    bool there[2];

    /* Tile n of all that can be said in the first layer of a structure. */
    __device__ void find_said(const structure &s, float *messages, int n, int lane)
    {
        int tiles = (s.K + TILE - 1) / TILE, first = n % tiles * TILE;
        int code = n / tiles % MESSAGES, i = n / tiles / MESSAGES;
        own = s.own_part + (size_t)i * WIDTH + 4 * lane;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int m = first + lane / 4 + 8 * h;
            there[h] = m < s.K;
            m = there[h] ? m : s.K - 1;
            size_t at = (size_t)i * s.K + m;
            edge[h] = (const table *)s.edge_part + at * WIDTH + 8 * (lane % 4);
            near[h] = (const table *)s.blind + (size_t)s.neighbour[at] * WIDTH + 8 * (lane % 4);
            letter[h] = code;
            to[OF == SAID ? h : 0] =
                messages + (at * MESSAGES + code) * WIDTH + 8 * (lane % 4);
        }
    }

    __device__ void find(const sequence *all, const row *rows, const row_work &work,
                         int layer, int n, int lane)
    {
        row r = rows[n / work.tiles];
        const sequence &q = all[r.sequence];
        int K = q.item.K, L = q.item.L, i = r.i, first = n % work.tiles * TILE;
        const int *neighbour = q.item.neighbour + (size_t)i * K;
        own = (layer ? work.own + (size_t)r.place * WIDTH
                     : q.item.own_part + (size_t)i * WIDTH) +
              4 * lane;
        to[0] = work.s + ((size_t)r.place * work.tiles + n % work.tiles) * WIDTH;
        const table *edges = (const table *)q.item.edge_part +
                             ((size_t)layer * L + i) * K * WIDTH + 8 * (lane % 4);
        const table *blind = (const table *)q.item.blind + (size_t)layer * L * WIDTH;
        const table *state = layer && q.letters
                                 ? (const table *)q.state + (size_t)(layer - 1) * L * WIDTH
                                 : blind;
        uint32_t j[2], rank[3] = {0, 0, 0}, group[3] = {0, 1, 1};
        int code[2] = {ONLY_BIAS, ONLY_BIAS};
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int m = first + lane / 4 + 8 * h;
            there[h] = m < K;
            m = there[h] ? m : K - 1; /* of no consequence */
            j[h] = (uint32_t)neighbour[m];
            edge[h] = edges + (size_t)m * WIDTH;
        }
        if (q.rank)
            rank[0] = q.rank[i], rank[1] = q.rank[j[0]], rank[2] = q.rank[j[1]];
        if (q.group_of)
            group[0] = q.group_of[i], group[1] = q.group_of[j[0]],
            group[2] = q.group_of[j[1]];
        if (q.letters)
            code[0] = q.letters[j[0]], code[1] = q.letters[j[1]];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            bool decoded = rank[1 + h] < rank[0];
            bool hidden = q.letters && group[1 + h] == group[0];
            letter[h] = !decoded || hidden ? NO_LETTER : code[h];
            near[h] = (decoded ? state : blind) + (size_t)j[h] * WIDTH + 8 * (lane % 4);
        }
    }

    /* The same after the first layer, where that has told of neighbours. */
    __device__ void find_told(const sequence *all, const row *rows, const row_work &work,
                              int layer, int n, int lane)
    {
        row r = rows[n / work.tiles];
        size_t at = (size_t)r.place * work.tiles + n % work.tiles;
        const int *mine = work.told + at * TILE + lane / 4;
        int told[2] = {mine[0], mine[TILE / 2]};
        const sequence &q = all[r.sequence];
        int K = q.item.K, first = n % work.tiles * TILE;
        size_t table_rows = (size_t)layer * q.item.L, before = table_rows - q.item.L;
        own = work.own + (size_t)r.place * WIDTH + 4 * lane;
        to[0] = work.s + at * WIDTH;
        const table *edges = (const table *)q.item.edge_part +
                             (table_rows + r.i) * K * WIDTH + 8 * (lane % 4);
        const table *blind =
            (const table *)q.item.blind + table_rows * WIDTH + 8 * (lane % 4);
        const table *state = (const table *)q.state + before * WIDTH + 8 * (lane % 4);
#pragma unroll
        for (int h = 0; h < 2; h++) {
            there[h] = told[h] != NOT_THERE;
            int x = there[h] ? told[h] : NO_LETTER << TOLD_LETTER;
            edge[h] = edges + (size_t)min(first + lane / 4 + 8 * h, K - 1) * WIDTH;
            letter[h] = x >> TOLD_LETTER & 31;
            near[h] = (x >> TOLD_DECODED ? state : blind) +
                      (size_t)(x & ((1 << TOLD_LETTER) - 1)) * WIDTH;
        }
    }

    __device__ void fetch(uint4 *mine) const
    {
        copy16(mine + PIECES * LANES, own, false);
#pragma unroll
        for (int h = 0; h < 2; h++)
#pragma unroll
            for (int b = 0; b < QUARTERS; b++) {
                bool zero = letter[h] == ONLY_BIAS;
                if constexpr (SPLIT) {
                    copy16(mine + (8 * h + 2 * b) * LANES, edge[h] + 32 * b, zero);
                    copy16(mine + (8 * h + 2 * b + 1) * LANES, edge[h] + 32 * b + 4, zero);
                } else {
                    copy16(mine + (8 * h + 2 * b) * LANES, edge[h] + 32 * b, zero);
                    copy16(mine + (8 * h + 2 * b + 1) * LANES, near[h] + 32 * b, zero);
                }
            }
    }

    /* g(z) of neighbour h, block b. */
    __device__ void input(float z[8], int h, int b, const float o[8], const uint4 *mine,
                          const table *letters, int lane) const
    {
        uint4 piece[2] = {mine[(8 * h + 2 * b) * LANES], mine[(8 * h + 2 * b + 1) * LANES]};
        float v[8];
        if constexpr (SPLIT) {
            read8(z, (const float *)piece);
            read8(v, near[h] + 32 * b);
            if (letter[h] == ONLY_BIAS)
#pragma unroll
                for (int e = 0; e < 8; e++)
                    v[e] = 0;
        } else {
            read8(z, (const __half *)&piece[0]);
            read8(v, (const __half *)&piece[1]);
        }
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] += o[e] + v[e];
        read8(v, letters + letter[h] * WIDTH + 32 * b + 8 * (lane % 4));
#pragma unroll
        for (int e = 0; e < 8; e++)
            z[e] = gelu<SPLIT>(z[e] + v[e]);
    }
};

/* Sums of eight values over the lanes of equal q, as a tree; lane g keeps the one of
 * element_of(g). Adding is commutative: the order is that of three exchanges a value. */
__device__ inline int element_of(int g)
{
    return 4 * (g & 1) + (g & 2) + g / 4;
}
__device__ inline float sum_rows(const float x[8], int g)
{
    float y[4], z[2];
#pragma unroll
    for (int e = 0; e < 4; e++)
        y[e] = (g & 1 ? x[e + 4] : x[e]) + __shfl_xor_sync(~0u, g & 1 ? x[e] : x[e + 4], 4);
#pragma unroll
    for (int e = 0; e < 2; e++)
        z[e] = (g & 2 ? y[e + 2] : y[e]) + __shfl_xor_sync(~0u, g & 2 ? y[e] : y[e + 2], 8);
    return (g & 4 ? z[1] : z[0]) + __shfl_xor_sync(~0u, g & 4 ? z[0] : z[1], 16);
}

/* A tile times W2: asked for and awaited as a whole where warpgroups multiply, quarter by quarter
 * elsewhere. */
template <bool SPLIT> struct product_of_tile {
    __device__ void quarter(float (&sum)[4][4], const operand<SPLIT> (&a)[QUARTERS],
                            const uint4 *w2, int quarter, int lane)
    {
        chains<SPLIT> acc[4];
#pragma unroll
        for (int t = 0; t < 4; t++)
            acc[t].clear();
#pragma unroll
        for (int b = 0; b < QUARTERS; b++)
#pragma unroll
            for (int t = 0; t < 4; t++) {
                const uint4 *f = w2 + ((4 * quarter + t) * QUARTERS + b) * LANES + lane;
                multiply(acc[t], a[b], f[0], SPLIT ? f[FRAGMENTS] : f[0]);
            }
#pragma unroll
        for (int t = 0; t < 4; t++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                sum[t][e] = acc[t].sum(e);
    }
};

#if WGMMA

template <> struct product_of_tile<false> {
    float y[4 * WIDTH / 8];

    __device__ void all(const operand<false> (&a)[QUARTERS], const uint4 *w2)
    {
        uint32_t at = (uint32_t)__cvta_generic_to_shared(w2);
        wgmma_fence();
#pragma unroll
        for (int step = 0; step < 2 * QUARTERS; step++)
            wgmma_step(y, a[step / 2].hi[step % 2],
                       wgmma_matrix(at + step * WIDTH * 32, 128, 256), step > 0);
        wgmma_commit();
        wgmma_wait<0>();
    }
    __device__ void quarter(float (&sum)[4][4], const operand<false> (&)[QUARTERS],
                            const uint4 *, int quarter, int)
    {
#pragma unroll
        for (int t = 0; t < 4; t++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                sum[t][e] = y[4 * (4 * quarter + t) + e];
    }
};

#endif

/* What the tiles are of, and how many. */
typedef struct edge_task {
    const sequence *all;
    const row *rows;
    row_work work;
    int layer;
    structure item; /* or everything that can be said in it */
    float *messages;
    int tiles;
} edge_task;

/* Sums of rows' messages, or single ones. */
template <bool SPLIT, int OF>
__global__ void __launch_bounds__(EDGE_WARPS *LANES, 1)
    decode_edges(const __grid_constant__ edge_task task,
                 const __grid_constant__ decoder_weights w)
{
    typedef typename table_of<SPLIT>::type table;
    extern __shared__ uint4 shared[];
    uint4 *pieces = shared + FRAGMENTS * (SPLIT ? 2 : 1);
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, warps = blockDim.x / LANES;
    int g = lane / 4, stride = gridDim.x * warps, end = task.tiles;
    table *letters = (table *)(pieces + warps * (PIECES + 1) * LANES);
    float *b2 = (float *)(letters + EDGE_TABLE * WIDTH);
    uint4 *mine = pieces + warp * (PIECES + 1) * LANES + lane;
    const float *own = (const float *)(mine - lane + PIECES * LANES) + 8 * (lane % 4);
    edge_tile<SPLIT, OF> next;
    constexpr bool GROUPS = WGMMA && !SPLIT; /* four warps multiply together */
    int n = blockIdx.x * warps + warp, ahead = GROUPS ? warp % 4 : 0;
    const uint4 *hi = GROUPS ? (const uint4 *)(w.stages + NODE_STAGES * STAGE) : w.w2.hi;
    for (int at = threadIdx.x; at < FRAGMENTS * (SPLIT ? 2 : 1); at += blockDim.x)
        copy16(&shared[at], at < FRAGMENTS ? &hi[at] : &w.w2.lo[at - FRAGMENTS], false);
    for (int at = threadIdx.x; at < EDGE_TABLE * WIDTH * (int)sizeof(table) / 16;
         at += blockDim.x)
        copy16((uint4 *)letters + at, (const uint4 *)w.letters + at, false);
    if (threadIdx.x < LANES)
        copy16((uint4 *)b2 + lane, (const uint4 *)w.b2 + lane, false);
    auto fetch = [&](int at) {
        if (GROUPS)
            at = min(at, end - 1); /* a warp without a tile walks along */
        if constexpr (OF == ROWS)
            next.find(task.all, task.rows, task.work, task.layer, at, lane);
        else if constexpr (OF == TOLD_ROWS)
            next.find_told(task.all, task.rows, task.work, task.layer, at, lane);
        else
            next.find_said(task.item, task.messages, at, lane);
        next.fetch(mine);
    };
    if (n - ahead < end)
        fetch(n);
    asm volatile("cp.async.wait_all;" ::: "memory");
    if (GROUPS)
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();

    for (; n - ahead < end; n += stride) {
        edge_tile<SPLIT, OF> now = next;
        operand<SPLIT> a[QUARTERS];
        asm volatile("cp.async.wait_all;" ::: "memory");
        __syncwarp();
#pragma unroll
        for (int b = 0; b < QUARTERS; b++) {
            float o[8], u[8], l[8];
            read8(o, own + 32 * b);
            now.input(u, 0, b, o, mine, letters, lane);
            now.input(l, 1, b, o, mine, letters, lane);
            operand_make<SPLIT>(a[b], u, l);
        }
        __syncwarp();
        if (n - ahead + stride < end)
            fetch(n + stride);
        product_of_tile<SPLIT> y;
        if constexpr (GROUPS)
            y.all(a, shared);
#pragma unroll
        for (int quarter = 0; quarter < QUARTERS; quarter++) {
            float x[8], v[8], bias[8], sum[4][4];
            read8(bias, b2 + 32 * quarter + 8 * (lane % 4));
            y.quarter(sum, a, shared, quarter, lane);
#pragma unroll
            for (int t = 0; t < 4; t++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float upper =
                        gelu<SPLIT>(fmaf(sum[t][e], w.w2.inverse, bias[2 * t + e]));
                    float lower =
                        gelu<SPLIT>(fmaf(sum[t][e + 2], w.w2.inverse, bias[2 * t + e]));
                    if constexpr (OF != SAID)
                        x[2 * t + e] =
                            (now.there[0] ? upper : 0) + (now.there[1] ? lower : 0);
                    else
                        x[2 * t + e] = upper, v[2 * t + e] = lower;
                }
            if constexpr (OF != SAID) {
                float all = sum_rows(x, g);
                if (!GROUPS || n < end)
                    now.to[0][32 * quarter + 8 * (lane % 4) + element_of(g)] = all;
            } else {
                if (now.there[0])
                    write8(now.to[0] + 32 * quarter, x);
                if (now.there[1])
                    write8(now.to[1] + 32 * quarter, v);
            }
        }
    }
}

/* ---- launches ---- */

template <bool SPLIT, int OF>
static fmpnn_status launch_edges(device *dev, const decoder_weights *w,
                                 const edge_task *task, fmpnn_error *err)
{
    enum { FEWEST = 4 }; /* warps of a block, unless there is no memory for them */
    size_t tiles = (size_t)task->tiles, blocks = (size_t)dev->multiprocessors;
    size_t warps = (tiles + blocks - 1) / blocks;
    warps = warps < FEWEST ? FEWEST : warps < EDGE_WARPS ? warps : EDGE_WARPS;
    warps = (warps + 3) / 4 * 4; /* whole warpgroups */
    while (warps > 1 && edge_shared(SPLIT, (int)warps) > (size_t)dev->shared_limit)
        warps--;
    if (blocks > (tiles + warps - 1) / warps)
        blocks = (tiles + warps - 1) / warps;
    size_t shared = edge_shared(SPLIT, (int)warps);
    TRY(device_allow_shared(dev, (const void *)decode_edges<SPLIT, OF>, 0, err));
    decode_edges<SPLIT, OF>
        <<<(unsigned)blocks, (unsigned)warps * LANES, shared, dev->stream>>>(*task, *w);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}

fmpnn_status decode_layer(device *dev, const model_weights *w, int layer,
                          const sequence *all, const row *rows, size_t n,
                          const row_work *work, fmpnn_error *err)
{
    if (!n)
        return FMPNN_OK;
    if (layer == 0 && work->messages) {
        TRY(decode_sums(dev, all, rows, n, work, err));
    } else {
        edge_task task = {all, rows, *work, layer};
        task.tiles = (int)n * work->tiles;
        const decoder_weights *d = &w->decoder[layer];
        if (work->messages)
            TRY((dev->split ? launch_edges<true, TOLD_ROWS>(dev, d, &task, err)
                            : launch_edges<false, TOLD_ROWS>(dev, d, &task, err)));
        else
            TRY((dev->split ? launch_edges<true, ROWS>(dev, d, &task, err)
                            : launch_edges<false, ROWS>(dev, d, &task, err)));
    }
    return decode_nodes(dev, w, layer, all, rows, n, work, err);
}

fmpnn_status decode_messages(device *dev, const model_weights *w, const structure *item,
                             float *messages, fmpnn_error *err)
{
    edge_task task = {};
    task.item = *item;
    task.messages = messages;
    task.tiles = item->L * MESSAGES * work_tiles((size_t)item->K);
    return dev->split ? launch_edges<true, SAID>(dev, &w->decoder[0], &task, err)
                      : launch_edges<false, SAID>(dev, &w->decoder[0], &task, err);
}

size_t decode_state_bytes(const device *dev, const model_weights *w, size_t L)
{
    return (size_t)(w->decoder_layers - 1) * L * WIDTH *
           (dev->split ? sizeof(float) : sizeof(__half));
}
