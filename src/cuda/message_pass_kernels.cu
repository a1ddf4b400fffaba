/* Kernels of the message-passing operation:
 *
 *     parts   A = Wi h + b1 and P = Wj h of every node, [nodes][4D]
 *     edges   s_i = sum_j g(A_i + P_j + We [distance | direction]), then the update MLP, the
 *             residual, LayerNorm and mask of up to 16 nodes while s is in shared memory
 *
 * Widths of 64 and 128 take the matrix instructions; every other width plain loops. A node's
 * edges are dealt to LANES_A_NODE accumulators that are joined in order, whatever the block
 * size: bits depend on the node alone. */
#include "cuda/message_pass.cuh"
#include "cuda/tile.cuh"

enum {
    WARPS = 8,
    THREADS = WARPS * LANES,
    EDGE_LANES = 4, /* partial sums of a node's edges */
    EDGE_INPUTS = 4,
    ROOM = 128 /* edges whose geometry is held at a time, over all nodes of a block */
};

template <bool SPLIT> __device__ inline float activate(float x, bool tanh_form)
{
    if (!tanh_form)
        return gelu<SPLIT>(x);
    if (SPLIT)
        return gelu_tanh_accurate(x);
    float h = 0.5f * x, u = x * x;
    return fmaf(h, tanh_fast(x * fmaf(0.0356774081f, u, 0.797884561f)), h);
}

/* [distance | direction] of an edge. */
__device__ inline float4 measure(const float *x, const float *y)
{
    float dx = y[0] - x[0], dy = y[1] - x[1], dz = y[2] - x[2];
    float distance = sqrtf(fmaf(dx, dx, fmaf(dy, dy, fmaf(dz, dz, 1e-8f))));
    float scale = 1 / (distance + 1e-8f);
    return make_float4(distance, dx * scale, dy * scale, dz * scale);
}

/* The second kernel starts while the first ends: what does not depend on it goes before
 * `launch_wait`. */
__device__ inline void launch_wait(void)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ inline void launch_next(void)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* ---- widths 64 and 128 ---- */

/* 16 nodes by 16 WARPS columns of [A | P]. */
template <bool SPLIT, int D>
__global__ void __launch_bounds__(THREADS)
    operation_parts(operation_weights w, const float *h, int nodes)
{
    typedef typename table_of<SPLIT>::type table;
    constexpr int STRIDE = D + 4, QUADS = D / 4;
    __shared__ __align__(16) float x[TILE * STRIDE];
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, first = blockIdx.x * TILE;
    launch_next();
    for (int at = threadIdx.x; at < TILE * QUADS; at += THREADS) {
        int r = at / QUADS, c = at % QUADS;
        float4 v = make_float4(0, 0, 0, 0);
        if (first + r < nodes)
            v = ((const float4 *)(h + (size_t)(first + r) * D))[c];
        ((float4 *)(x + r * STRIDE))[c] = v;
    }
    __syncthreads();
    float acc[1][2][4];
    int tile = 2 * (blockIdx.y * WARPS + warp);
    product<SPLIT, 1, 2, D / 32>(acc, x, STRIDE, w.nodes, tile, lane);
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int c = channel_of(tile + n, e, lane), at = first + lane / 4 + 8 * (e / 2);
            if (at < nodes)
                ((table *)w.parts)[(size_t)at * 4 * D + c] =
                    (table)fmaf(acc[0][n][e], w.nodes.inverse, w.b_nodes[c]);
        }
}

template <int D> __host__ __device__ constexpr size_t operation_shared(int per_block)
{
    return sizeof(float) * ((size_t)TILE * (2 * (2 * D + 4) + D + 4) +
                            (size_t)per_block * EDGE_LANES * 2 * D) +
           ROOM * (sizeof(float4) + sizeof(int));
}

/* per_block <= 16 nodes. */
template <bool SPLIT, int D>
__global__ void __launch_bounds__(THREADS)
    operation_edges(operation_weights w, operation_arrays a, int L, int nodes, int per_block)
{
    typedef typename table_of<SPLIT>::type table;
    constexpr int H = 2 * D, EIGHTS = H / 8;   /* threads that share an edge's channels */
    constexpr int TEAM = EIGHTS * EDGE_LANES;  /* threads of one node */
    constexpr int TEAMS = THREADS / TEAM;
    constexpr int S_STRIDE = H + 4, X_STRIDE = D + 4;
    extern __shared__ float4 shared[];
    float *s = (float *)shared, *t = s + TILE * S_STRIDE, *x = t + TILE * S_STRIDE;
    float *parts = x + TILE * X_STRIDE; /* [per_block][EDGE_LANES][H] */
    float4 *geometry = (float4 *)(parts + per_block * EDGE_LANES * H);
    int *neighbour = (int *)(geometry + ROOM);
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4;
    int first = blockIdx.x * per_block, count = min(per_block, nodes - first);
    int team = threadIdx.x / TEAM, p = threadIdx.x % TEAM / EIGHTS;
    int channel = threadIdx.x % EIGHTS * 8;
    const table *tables = (const table *)w.parts;
    float edge[EDGE_INPUTS][8];
#pragma unroll
    for (int q = 0; q < EDGE_INPUTS; q++)
        read8(edge[q], w.edge + q * H + channel);

    for (int n0 = 0; n0 < count; n0 += TEAMS) {
        int n = n0 + team, node = first + n, room = ROOM / TEAMS;
        bool mine = n < count;
        float sum[8] = {}, own[8];
        for (int m0 = 0; m0 < w.k; m0 += room) {
            int some = min(room, w.k - m0);
            __syncthreads();
            for (int at = threadIdx.x; at < TEAMS * room; at += THREADS) {
                int other = n0 + at / room, m = at % room;
                if (other >= count || m >= some)
                    continue;
                int i = first + other, base = i - i % L;
                int j = base + a.E[(size_t)i * w.k + m0 + m];
                neighbour[at] = j;
                geometry[at] = measure(a.X + (size_t)i * 3, a.X + (size_t)j * 3);
            }
            __syncthreads();
            if (!m0) {
                if (!n0)
                    launch_wait();
                if (mine)
                    read8(own, tables + (size_t)node * 4 * D + channel);
            }
            for (int m = p; mine && m < some; m += EDGE_LANES) {
                float4 d = geometry[team * room + m];
                float z[8];
                read8(z, tables + ((size_t)neighbour[team * room + m] * 2 + 1) * H + channel);
#pragma unroll
                for (int e = 0; e < 8; e++) {
                    float y = own[e] + z[e];
                    y = fmaf(edge[0][e], d.x, y);
                    y = fmaf(edge[1][e], d.y, y);
                    y = fmaf(edge[2][e], d.z, y);
                    y = fmaf(edge[3][e], d.w, y);
                    sum[e] += activate<SPLIT>(y, w.tanh_form);
                }
            }
        }
        if (mine) {
            float *to = parts + ((size_t)n * EDGE_LANES + p) * H + channel;
            *(float4 *)to = make_float4(sum[0], sum[1], sum[2], sum[3]);
            *(float4 *)(to + 4) = make_float4(sum[4], sum[5], sum[6], sum[7]);
        }
    }
    __syncthreads();
    for (int at = threadIdx.x; at < TILE * H; at += THREADS) {
        int r = at / H, c = at % H;
        float v = 0;
        for (int q = 0; r < count && q < EDGE_LANES; q++)
            v += parts[(r * EDGE_LANES + q) * H + c];
        s[r * S_STRIDE + c] = v;
    }
    __syncthreads();

    constexpr int WIDE = H / 8 / WARPS, NARROW = D / 8 / WARPS; /* tiles of a warp */
    float wide[1][WIDE][4], narrow[1][NARROW][4];
    product<SPLIT, 1, WIDE, H / 32>(wide, s, S_STRIDE, w.update, WIDE * warp, lane);
#pragma unroll
    for (int n = 0; n < WIDE; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int c = channel_of(WIDE * warp + n, e, lane);
            t[(g + 8 * (e / 2)) * S_STRIDE + c] = activate<SPLIT>(
                fmaf(wide[0][n][e], w.update.inverse, w.b_update[c]), w.tanh_form);
        }
    __syncthreads();
    product<SPLIT, 1, NARROW, H / 32>(narrow, t, S_STRIDE, w.out, NARROW * warp, lane);
#pragma unroll
    for (int n = 0; n < NARROW; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int c = channel_of(NARROW * warp + n, e, lane), r = g + 8 * (e / 2);
            if (r < count)
                x[r * X_STRIDE + c] = a.h[(size_t)(first + r) * D + c] +
                                      fmaf(narrow[0][n][e], w.out.inverse, w.b_out[c]);
        }
    __syncthreads();
    for (int r = warp; r < count; r += WARPS) {
        float v[D / LANES], mean = 0, square = 0;
#pragma unroll
        for (int q = 0; q < D / LANES; q++)
            mean += v[q] = x[r * X_STRIDE + q * LANES + lane];
        mean = warp_sum(mean) * (1.0f / D);
#pragma unroll
        for (int q = 0; q < D / LANES; q++) {
            v[q] -= mean;
            square = fmaf(v[q], v[q], square);
        }
        float scale = 1 / sqrtf(warp_sum(square) * (1.0f / D) + 1e-5f), mask = a.mask[first + r];
#pragma unroll
        for (int q = 0; q < D / LANES; q++) {
            int c = q * LANES + lane;
            a.out[(size_t)(first + r) * D + c] = mask * fmaf(v[q] * scale, w.gamma[c], w.beta[c]);
        }
    }
}

/* ---- any width: plain float loops, a block a node ---- */

__global__ void plain_parts(operation_weights w, const float *h, int nodes)
{
    int node = blockIdx.x;
    for (int c = threadIdx.x; c < 4 * w.D; c += blockDim.x) {
        float sum = w.b_nodes[c];
        for (int q = 0; q < w.D; q++)
            sum = fmaf(h[(size_t)node * w.D + q], w.nodes.plain[(size_t)q * 4 * w.D + c], sum);
        ((float *)w.parts)[(size_t)node * 4 * w.D + c] = sum;
    }
}

__device__ static float block_sum(float x, float *room)
{
    x = warp_sum(x);
    __syncthreads();
    if (threadIdx.x % LANES == 0)
        room[threadIdx.x / LANES] = x;
    __syncthreads();
    float sum = 0;
    for (int n = 0; n < (int)blockDim.x / LANES; n++)
        sum += room[n];
    return sum;
}

__global__ void plain_edges(operation_weights w, operation_arrays a, int L, int nodes)
{
    extern __shared__ float4 shared[];
    __shared__ float room[LANES];
    __shared__ float4 geometry;
    int D = w.D, H = w.H, node = blockIdx.x, base = node - node % L;
    float *s = (float *)shared, *t = s + H, *x = t + H;
    const float *parts = (const float *)w.parts;
    for (int c = threadIdx.x; c < H; c += blockDim.x)
        s[c] = 0;
    for (int m = 0; m < w.k; m++) {
        int j = base + a.E[(size_t)node * w.k + m];
        __syncthreads();
        if (threadIdx.x == 0)
            geometry = measure(a.X + (size_t)node * 3, a.X + (size_t)j * 3);
        __syncthreads();
        float4 d = geometry;
        for (int c = threadIdx.x; c < H; c += blockDim.x) {
            float z = parts[(size_t)node * 2 * H + c] + parts[((size_t)j * 2 + 1) * H + c];
            z = fmaf(w.edge[c], d.x, z);
            z = fmaf(w.edge[H + c], d.y, z);
            z = fmaf(w.edge[2 * H + c], d.z, z);
            z = fmaf(w.edge[3 * H + c], d.w, z);
            s[c] += w.tanh_form ? gelu_tanh_accurate(z) : gelu_accurate(z);
        }
    }
    __syncthreads();
    for (int c = threadIdx.x; c < H; c += blockDim.x) {
        float sum = w.b_update[c];
        for (int q = 0; q < H; q++)
            sum = fmaf(s[q], w.update.plain[(size_t)q * H + c], sum);
        t[c] = w.tanh_form ? gelu_tanh_accurate(sum) : gelu_accurate(sum);
    }
    __syncthreads();
    float mean = 0, square = 0;
    for (int c = threadIdx.x; c < D; c += blockDim.x) {
        float sum = w.b_out[c];
        for (int q = 0; q < H; q++)
            sum = fmaf(t[q], w.out.plain[(size_t)q * D + c], sum);
        mean += x[c] = sum + a.h[(size_t)node * D + c];
    }
    mean = block_sum(mean, room) / D;
    for (int c = threadIdx.x; c < D; c += blockDim.x)
        square += (x[c] - mean) * (x[c] - mean);
    float scale = 1 / sqrtf(block_sum(square, room) / D + 1e-5f), mask = a.mask[node];
    for (int c = threadIdx.x; c < D; c += blockDim.x)
        a.out[(size_t)node * D + c] =
            mask * fmaf((x[c] - mean) * scale, w.gamma[c], w.beta[c]);
}

/* ---- launches ---- */

template <bool SPLIT, int D>
static fmpnn_status launch_matrix(device *dev, const operation_weights *w, int L, int nodes,
                                  const operation_arrays *a, fmpnn_error *err)
{
    int per_block = 1;
    while (per_block < TILE && nodes > per_block * 2 * dev->multiprocessors)
        per_block *= 2;
    size_t shared = operation_shared<D>(per_block);
    CUDA_TRY(cudaFuncSetAttribute(operation_edges<SPLIT, D>,
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
             err);
    dim3 grid((unsigned)((nodes + TILE - 1) / TILE), 4 * D / (16 * WARPS));
    operation_parts<SPLIT, D><<<grid, THREADS, 0, dev->stream>>>(*w, a->h, nodes);
    CUDA_LAUNCHED(err);
    cudaLaunchConfig_t edges = {};
    cudaLaunchAttribute early = {};
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
    edges.gridDim = dim3((unsigned)((nodes + per_block - 1) / per_block));
    edges.blockDim = dim3(THREADS);
    edges.dynamicSmemBytes = shared;
    edges.stream = dev->stream;
    edges.attrs = &early;
    edges.numAttrs = dev->major >= 9;
    CUDA_TRY(cudaLaunchKernelEx(&edges, operation_edges<SPLIT, D>, *w, *a, L, nodes, per_block),
             err);
    return FMPNN_OK;
}

static fmpnn_status launch_plain(device *dev, const operation_weights *w, int L, int nodes,
                                 const operation_arrays *a, fmpnn_error *err)
{
    size_t shared = (size_t)(2 * w->H + w->D) * sizeof(float);
    CUDA_TRY(cudaFuncSetAttribute(plain_edges, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  (int)shared),
             err);
    plain_parts<<<(unsigned)nodes, THREADS, 0, dev->stream>>>(*w, a->h, nodes);
    CUDA_LAUNCHED(err);
    plain_edges<<<(unsigned)nodes, THREADS, shared, dev->stream>>>(*w, *a, L, nodes);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}

fmpnn_status operation_launch(device *dev, const operation_weights *w, size_t B, size_t L,
                              const operation_arrays *a, fmpnn_error *err)
{
    int nodes = (int)(B * L), length = (int)L;
    if (w->D == 64)
        return dev->split ? launch_matrix<true, 64>(dev, w, length, nodes, a, err)
                          : launch_matrix<false, 64>(dev, w, length, nodes, a, err);
    if (w->D == 128)
        return dev->split ? launch_matrix<true, 128>(dev, w, length, nodes, a, err)
                          : launch_matrix<false, 128>(dev, w, length, nodes, a, err);
    return launch_plain(dev, w, length, nodes, a, err);
}
