/* Neighbours of many structures at once, exactly those of src/graph/neighbours.c: the same roundings,
 * ordered by (adjusted distance, index).
 *
 * A warp a residue. The K-th smallest distance is found bit by bit (distances are not negative,
 * so they order as their bits do) by counting; what is nearer is collected, ties by index, and
 * each of the K finds its place by counting those before it. */
#include "cuda/encode.cuh"

#include <string.h>

enum { AT_ONCE = 48, ROW_WARPS = 8 };

typedef struct rows {
    structure item[AT_ONCE];
    int base[AT_ONCE + 1];
    int count;
    int longest, most; /* L, K of any */
    bool stored;       /* shared memory has room for `longest` distances a warp */
} rows;

/* One row's arithmetic as neighbours.c has it: every operation rounded by itself. */
typedef struct row {
    const structure *s;
    float x, y, z, mask;
    float *stored; /* [L], or NULL: computed at every use */
    float farthest;
} row;

static __device__ inline float masked_distance(const row &r, int j)
{
    const float *p = r.s->xyz + (size_t)j * 12 + 3 * FMPNN_ATOM_CA;
    float x = __fsub_rn(r.x, p[0]), y = __fsub_rn(r.y, p[1]), z = __fsub_rn(r.z, p[2]);
    float square = __fadd_rn(__fadd_rn(__fmul_rn(x, x), __fmul_rn(y, y)), __fmul_rn(z, z));
    return __fmul_rn(__fmul_rn(r.mask, r.s->mask[j]), __fsqrt_rn(__fadd_rn(square, 1e-6f)));
}

static __device__ inline float adjusted(const row &r, int j)
{
    float both = __fmul_rn(r.mask, r.s->mask[j]);
    return __fadd_rn(masked_distance(r, j), __fmul_rn(__fsub_rn(1.0f, both), r.farthest));
}

static __device__ inline float distance_at(const row &r, int j)
{
    return r.stored ? r.stored[j] : adjusted(r, j);
}

/* How many of the row's distances have bits below `limit`. */
static __device__ inline int count_below(const row &r, unsigned limit, int lane)
{
    int count = 0;
    for (int j = lane; j < r.s->L; j += LANES)
        count += __float_as_uint(distance_at(r, j)) < limit;
    return __reduce_add_sync(~0u, count);
}

/* Largest bit pattern with at most K - 1 distances below it: the K-th smallest distance. */
static __device__ inline unsigned kth_distance(const row &r, int K, int lane)
{
    unsigned bits = 0;
    for (int bit = 30; bit >= 0; bit--) {
        unsigned trial = bits | 1u << bit;
        if (count_below(r, trial, lane) < K)
            bits = trial;
    }
    return bits;
}

static __global__ void find_neighbours(const __grid_constant__ rows in)
{
    extern __shared__ __align__(16) unsigned char shared[];
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int node = (int)blockIdx.x * (int)(blockDim.x / LANES) + warp, n = 0;
    if (node >= in.base[in.count])
        return;
    while (node >= in.base[n + 1])
        n++;
    const structure &s = in.item[n];
    int i = node - in.base[n], L = s.L, K = s.K;
    unsigned long long *key = (unsigned long long *)shared + (size_t)warp * in.most;
    float *stored = (float *)(shared + (size_t)(blockDim.x / LANES) * in.most * 8) +
                    (size_t)warp * in.longest;
    const float *p = s.xyz + (size_t)i * 12 + 3 * FMPNN_ATOM_CA;
    row r = {&s, p[0], p[1], p[2], s.mask[i], NULL, 0};
    for (int j = lane; j < L; j += LANES)
        r.farthest = fmaxf(r.farthest, masked_distance(r, j));
    for (int d = 16; d; d /= 2)
        r.farthest = fmaxf(r.farthest, __shfl_xor_sync(~0u, r.farthest, d));
    if (in.stored) {
        for (int j = lane; j < L; j += LANES)
            stored[j] = adjusted(r, j);
        __syncwarp();
        r.stored = stored;
    }
    unsigned limit = kth_distance(r, K, lane);
    int ties = K - count_below(r, limit, lane), taken = 0;
    for (int first = 0; first < L && taken < K; first += LANES) {
        int j = first + lane;
        unsigned bits = j < L ? __float_as_uint(distance_at(r, j)) : ~0u;
        unsigned before = (1u << lane) - 1, equal = __ballot_sync(~0u, bits == limit);
        bool take = bits < limit || (bits == limit && __popc(equal & before) < ties);
        unsigned all = __ballot_sync(~0u, take);
        if (take)
            key[taken + __popc(all & before)] =
                (unsigned long long)bits << 32 | (unsigned)j;
        taken += __popc(all);
        ties -= min(ties, __popc(equal));
    }
    __syncwarp();
    int *neighbour = (int *)s.neighbour + (size_t)i * K;
    float *distance = (float *)s.distance + (size_t)i * K;
    for (int m = lane; m < K; m += LANES) {
        unsigned long long mine = key[m];
        int place = 0;
        for (int other = 0; other < K; other++)
            place += key[other] < mine;
        neighbour[place] = (int)(unsigned)mine;
        distance[place] = __uint_as_float((unsigned)(mine >> 32));
    }
}

fmpnn_status cuda_neighbours(device *dev, size_t n, const structure *item, fmpnn_error *err)
{
    rows in;
    for (size_t first = 0; first < n; first += (size_t)in.count) {
        memset(&in, 0, sizeof in);
        for (; in.count < AT_ONCE && first + (size_t)in.count < n; in.count++) {
            const structure *s = &item[first + (size_t)in.count];
            in.item[in.count] = *s;
            in.base[in.count + 1] = in.base[in.count] + s->L;
            in.longest = s->L > in.longest ? s->L : in.longest;
            in.most = s->K > in.most ? s->K : in.most;
        }
        size_t limit = (size_t)dev->shared_limit, keys = (size_t)in.most * 8;
        size_t row_bytes = keys + ((size_t)in.longest * 4 + 15) / 16 * 16;
        int warps = ROW_WARPS;
        in.longest = (in.longest + 3) / 4 * 4;
        while (warps > 1 && warps * row_bytes > limit)
            warps /= 2;
        in.stored = warps * row_bytes <= limit;
        if (!in.stored) {
            row_bytes = keys;
            warps = ROW_WARPS;
            while (warps > 1 && warps * row_bytes > limit)
                warps /= 2;
        }
        if (warps * row_bytes > limit)
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "%d neighbours each are too many for the device", in.most);
        int nodes = in.base[in.count];
        TRY(device_allow_shared(dev, (const void *)find_neighbours, 0, err));
        launch go;
        launch_init(&go, dev, (nodes + warps - 1) / warps, warps * LANES,
                    warps * row_bytes);
        go.config.numAttrs = 0; /* begins when what came before is done */
        void *arguments[] = {(void *)&in};
        CUDA_TRY(cudaLaunchKernelExC(&go.config, (const void *)find_neighbours, arguments),
                 err);
    }
    return FMPNN_OK;
}
