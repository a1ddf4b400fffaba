/* The message-passing operation where nodes are few: two kernels, the second starting while
 * the first ends; what waits is latency.
 *
 *     few_parts   A = Wi h + b1 and P = Wj h of every node, [nodes][4D]
 *     few_edges   the mean of s_i, then the update MLP, the residual, LayerNorm and mask of
 *                 up to 16 nodes a block. Eight warps share a node's channels. At D = 64
 *                 the weights of the update are in registers before the first kernel has
 *                 ended. */
#include "cuda/message_pass_nodes.cuh"

enum { WARPS = 8, THREADS = WARPS * LANES, ROOM = 128 };

/* 16 nodes by 16 WARPS columns of [A | P]. */
template <bool SPLIT, int D>
__global__ void __launch_bounds__(THREADS)
    few_parts(operation_weights w, const float *h, int nodes)
{
    typedef typename table_of<SPLIT>::type table;
    constexpr int BLOCKS = D / 32;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    int first = blockIdx.x * TILE, tile = 2 * (blockIdx.y * WARPS + warp);
    launch_next();
    fragments_held<SPLIT, 2, BLOCKS> weights;
    weights.read(fragments_of<BLOCKS>(w.nodes, tile, lane));
    operand<SPLIT> a[BLOCKS];
    const float *row = h + (size_t)(first + g) * D;
    read_rows<SPLIT, BLOCKS>(a, first + g < nodes ? row : NULL,
                             first + g + 8 < nodes ? row + 8 * D : NULL, q);
    float acc[2][4], bias[4];
    int c = channel_of(tile, 0, lane); /* and the three after it */
#pragma unroll
    for (int n = 0; n < 4; n++)
        bias[n] = w.b_nodes[c + n];
    multiply_tiles<SPLIT, 2, BLOCKS>(acc, a, weights);
#pragma unroll
    for (int row = 0; row < 2; row++) {
        int at = first + g + 8 * row;
        if (at >= nodes)
            continue;
        float y[4];
#pragma unroll
        for (int n = 0; n < 4; n++)
            y[n] = fmaf(acc[n / 2][2 * row + n % 2], w.nodes.inverse, bias[n]);
        table *to = (table *)w.parts + (size_t)at * 4 * D + c;
        if (SPLIT)
            *(float4 *)to = make_float4(y[0], y[1], y[2], y[3]);
        else
            *(uint2 *)to = make_uint2(half_pair(y[0], y[1]), half_pair(y[2], y[3]));
    }
}

template <bool SPLIT, int D> struct few_room {
    edge_room<SPLIT, ROOM> edges;
    float mean[TILE][2 * D + 4], hidden[TILE][2 * D + 4], x[TILE][D + 4];
};

/* per_block <= 16 nodes. */
template <bool SPLIT, int D>
__global__ void __launch_bounds__(THREADS)
    few_edges(operation_weights w, operation_arrays a, int L, int nodes, int per_block)
{
    constexpr int H = 2 * D, WORDS = D / 32; /* pairs of channels a lane, edges */
    constexpr int WIDE = H / 8 / WARPS, NARROW = D / 8 / WARPS; /* tiles a warp, update */
    constexpr bool HELD = D == 64;
    extern __shared__ __align__(16) char shared[];
    few_room<SPLIT, D> &r = *(few_room<SPLIT, D> *)shared;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    int first = blockIdx.x * per_block, count = min(per_block, nodes - first);
    fragments_held<SPLIT, HELD ? WIDE : 1, HELD ? H / 32 : 1> held_wide;
    fragments_held<SPLIT, HELD ? NARROW : 1, HELD ? H / 32 : 1> held_narrow;
    fragments_at<H / 32> wide_at = fragments_of<H / 32>(w.update, WIDE * warp, lane);
    fragments_at<H / 32> narrow_at = fragments_of<H / 32>(w.out, NARROW * warp, lane);
    if constexpr (HELD) {
        held_wide.read(wide_at);
        held_narrow.read(narrow_at);
    }
    /* rows beyond the last node are multiplied too, and then forgotten */
    for (int at = threadIdx.x; at < (TILE - count) * H; at += THREADS)
        r.mean[count + at / H][at % H] = 0;
    int channel = WORDS == 4 ? 32 * warp : 32 * (warp / 2) + 4 * (warp % 2);
    sum_edges<SPLIT, D, WORDS>(w, a, L, r.edges, 0, THREADS, threadIdx.x, first, 1, count,
                               channel,
                               [&](int n, int c, float mean) { r.mean[n][c] = mean; });
    __syncthreads();

    operand<SPLIT> rows[H / 32];
    float wide[WIDE][4], narrow[NARROW][4];
    read_rows<SPLIT, H / 32>(rows, r.mean[g], r.mean[g + 8], q);
    if constexpr (HELD)
        multiply_tiles<SPLIT, WIDE, H / 32>(wide, rows, held_wide);
    else
        multiply_tiles<SPLIT, WIDE, H / 32>(wide, rows, wide_at);
#pragma unroll
    for (int n = 0; n < WIDE; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int c = channel_of(WIDE * warp + n, e, lane);
            r.hidden[g + 8 * (e / 2)][c] =
                activate<SPLIT>(w.gelu, fmaf(wide[n][e], w.update.inverse, w.b_update[c]));
        }
    __syncthreads();
    read_rows<SPLIT, H / 32>(rows, r.hidden[g], r.hidden[g + 8], q);
    if constexpr (HELD)
        multiply_tiles<SPLIT, NARROW, H / 32>(narrow, rows, held_narrow);
    else
        multiply_tiles<SPLIT, NARROW, H / 32>(narrow, rows, narrow_at);
#pragma unroll
    for (int n = 0; n < NARROW; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int c = channel_of(NARROW * warp + n, e, lane), row = g + 8 * (e / 2);
            if (row < count)
                r.x[row][c] = a.h[(size_t)(first + row) * D + c] +
                              fmaf(narrow[n][e], w.out.inverse, w.b_out[c]);
        }
    __syncthreads();
    for (int row = warp; row < count; row += WARPS) {
        float v[D / LANES], sum = 0, square = 0;
#pragma unroll
        for (int b = 0; b < D / LANES; b++)
            sum += v[b] = r.x[row][b * LANES + lane];
        float mean = row_sum(sum) * (1.0f / D);
#pragma unroll
        for (int b = 0; b < D / LANES; b++) {
            v[b] -= mean;
            square = fmaf(v[b], v[b], square);
        }
        float scale = norm_scale(row_sum(square), D), mask = a.mask[first + row];
#pragma unroll
        for (int b = 0; b < D / LANES; b++) {
            int c = b * LANES + lane;
            a.out[(size_t)(first + row) * D + c] =
                mask * fmaf(v[b] * scale, w.gamma[c], w.beta[c]);
        }
    }
}

/* ---- launches ---- */

template <bool SPLIT, int D>
static fmpnn_status launch(device *dev, const operation_weights *w, int L, int nodes,
                           const operation_arrays *a, fmpnn_error *err)
{
    constexpr int RESIDENT = SPLIT ? 1 : 2; /* blocks on a multiprocessor, by registers */
    int per_block = 1;
    while (per_block < TILE && nodes > per_block * RESIDENT * dev->multiprocessors)
        per_block *= 2;
    TRY(device_allow_shared(dev, (const void *)few_edges<SPLIT, D>, 0, err));
    dim3 grid((unsigned)((nodes + TILE - 1) / TILE), 4 * D / (16 * WARPS));
    few_parts<SPLIT, D><<<grid, THREADS, 0, dev->stream>>>(*w, a->h, nodes);
    CUDA_LAUNCHED(err);
    cudaLaunchConfig_t edges = {};
    cudaLaunchAttribute early = {};
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
    edges.gridDim = dim3((unsigned)((nodes + per_block - 1) / per_block));
    edges.blockDim = dim3(THREADS);
    edges.dynamicSmemBytes = sizeof(few_room<SPLIT, D>);
    edges.stream = dev->stream;
    edges.attrs = &early;
    edges.numAttrs = dev->major >= 9;
    CUDA_TRY(cudaLaunchKernelEx(&edges, few_edges<SPLIT, D>, *w, *a, L, nodes, per_block),
             err);
    return FMPNN_OK;
}

fmpnn_status operation_few(device *dev, const operation_weights *w, int L, int nodes,
                           const operation_arrays *a, fmpnn_error *err)
{
    if (w->D == 64)
        return dev->split ? launch<true, 64>(dev, w, L, nodes, a, err)
                          : launch<false, 64>(dev, w, L, nodes, a, err);
    return dev->split ? launch<true, 128>(dev, w, L, nodes, a, err)
                      : launch<false, 128>(dev, w, L, nodes, a, err);
}
