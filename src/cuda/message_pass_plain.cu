/* The message-passing operation in plain float loops, for any width, and the choice of the
 * way. */
#include "cuda/message_pass_edges.cuh"

enum { THREADS = 256, NODES_A_MULTIPROCESSOR = 8 /* from here on they are many */ };

__global__ void plain_parts(operation_weights w, const float *h, int nodes)
{
    int node = blockIdx.x;
    for (int c = threadIdx.x; c < 4 * w.D; c += blockDim.x) {
        float sum = w.b_nodes[c];
        for (int q = 0; q < w.D; q++)
            sum = fmaf(h[(size_t)node * w.D + q], w.nodes.plain[(size_t)q * 4 * w.D + c],
                       sum);
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
            geometry = measure<true>(a.X + (size_t)node * 3, a.X + (size_t)j * 3);
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
    for (int c = threadIdx.x; c < H; c += blockDim.x)
        s[c] *= w.inverse_k;
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

fmpnn_status operation_plain(device *dev, const operation_weights *w, int L, int nodes,
                             const operation_arrays *a, fmpnn_error *err)
{
    size_t shared = (size_t)(2 * w->H + w->D) * sizeof(float);
    TRY(device_allow_shared(dev, (const void *)plain_edges, (LANES + 4) * sizeof(float), err));
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
    bool many =
        w->way == WAY_MANY ||
        (w->way == WAY_ANY && nodes > NODES_A_MULTIPROCESSOR * dev->multiprocessors);
    if (!operation_has_tiles(w->D))
        return operation_plain(dev, w, length, nodes, a, err);
    if (many && operation_many_fits(dev, w))
        return operation_many(dev, w, length, nodes, a, err);
    return operation_few(dev, w, length, nodes, a, err);
}
