/* The first layer's edges where many sequences share a structure: decode.cuh, "messages". What is
 * looked up was computed by decode.cu, and is added in its order: the same bits. */
#include "cuda/decode.cuh"
#include "cuda/tile.cuh"

enum {
    SUM_WARPS = 16,
    MOST_EACH = 32,  /* rows of a block: they read much the same, which stays in the first cache */
    SORT_THREADS = 1024
};

/* Sum over 16 neighbours, each lane four channels: of equal order as sum_rows() in decode.cu. */
__device__ inline float4 add(float4 x, float4 y)
{
    return make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
}

__device__ inline float4 message_of(const float *messages, int at, int lane)
{
    return at < 0 ? make_float4(0, 0, 0, 0)
                  : __ldg((const float4 *)(messages + (size_t)at * WIDTH) + lane);
}

__global__ void __launch_bounds__(SUM_WARPS *LANES)
    sum_messages(const sequence *all, const row *rows, int n_rows, int each, row_work work)
{
    extern __shared__ int places[]; /* [each][tiles][TILE] of messages; -1: none */
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, span = work.tiles * TILE;
    int first = blockIdx.x * each, count = min(each, n_rows - first);
    for (int at = threadIdx.x; at < count * span; at += blockDim.x) {
        row r = rows[first + at / span];
        const sequence &q = all[r.sequence];
        int m = at % span, i = (int)r.i, K = q.item.K, place = -1, told = NOT_THERE;
        if (m < K) {
            int edge = i * K + m, j = q.item.neighbour[edge];
            bool decoded = q.rank[j] < q.rank[i];
            bool hidden = q.group_of && q.group_of[j] == q.group_of[i];
            int letter = decoded && !hidden ? q.letters[j] : NO_LETTER;
            place = edge * MESSAGES + letter;
            told = j | letter << TOLD_LETTER | (int)decoded << TOLD_DECODED;
        }
        places[at] = place;
        work.told[(size_t)r.place * span + m] = told;
    }
    __syncthreads();
    for (int unit = warp; unit < count * work.tiles; unit += SUM_WARPS) {
        row r = rows[first + unit / work.tiles];
        const float *messages = all[r.sequence].messages;
        float4 v[TILE / 2];
#pragma unroll
        for (int g = 0; g < TILE / 2; g++)
            v[g] = add(message_of(messages, places[unit * TILE + g], lane),
                       message_of(messages, places[unit * TILE + g + TILE / 2], lane));
#pragma unroll
        for (int d = 1; d < TILE / 2; d *= 2)
#pragma unroll
            for (int g = 0; g < TILE / 2; g += 2 * d)
                v[g] = add(v[g], v[g + d]);
        float *to =
            work.s + ((size_t)r.place * work.tiles + unit % work.tiles) * WIDTH;
        ((float4 *)to)[lane] = v[0];
    }
}

fmpnn_status decode_sums(device *dev, const sequence *all, const row *rows, size_t n,
                         const row_work *work, fmpnn_error *err)
{
    size_t each = (n + 2 * (size_t)dev->multiprocessors - 1) / (2 * (size_t)dev->multiprocessors);
    each = each < MOST_EACH ? each : MOST_EACH;
    while (each > 1 && each * (size_t)work->tiles * TILE * sizeof(int) > 32768)
        each--;
    sum_messages<<<(unsigned)((n + each - 1) / each), SUM_WARPS * LANES,
                   each * (size_t)work->tiles * TILE * sizeof(int), dev->stream>>>(
        all, rows, (int)n, (int)each, *work);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}

/* ---- rows by residue ---- */

__global__ void __launch_bounds__(SORT_THREADS)
    sort_rows(const row *rows, const uint32_t *start, int L, row *sorted)
{
    extern __shared__ uint32_t next[]; /* [L] rows, then the place of the next one */
    __shared__ uint32_t sums[LANES];
    uint32_t first = start[blockIdx.x], end = start[blockIdx.x + 1], before = 0;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    for (int i = threadIdx.x; i < L; i += SORT_THREADS)
        next[i] = 0;
    __syncthreads();
    for (uint32_t n = first + threadIdx.x; n < end; n += SORT_THREADS)
        atomicAdd(&next[rows[n].i], 1);
    __syncthreads();
    for (int from = 0; from < L; from += SORT_THREADS) {
        int i = from + (int)threadIdx.x;
        uint32_t own = i < L ? next[i] : 0, sum = own, all = 0, ahead = 0;
#pragma unroll
        for (int d = 1; d < LANES; d *= 2) {
            uint32_t other = __shfl_up_sync(~0u, sum, d);
            sum += lane >= d ? other : 0;
        }
        if (lane == LANES - 1)
            sums[warp] = sum;
        __syncthreads();
        for (int n = 0; n < SORT_THREADS / LANES; n++) {
            ahead += n < warp ? sums[n] : 0;
            all += sums[n];
        }
        if (i < L)
            next[i] = before + ahead + sum - own;
        before += all;
        __syncthreads();
    }
    for (uint32_t n = first + threadIdx.x; n < end; n += SORT_THREADS) {
        row r = rows[n];
        r.place = atomicAdd(&next[r.i], 1);
        sorted[first + r.place] = r;
    }
}

fmpnn_status decode_sort(device *dev, const row *rows, const uint32_t *start, uint32_t levels,
                         int L, row *sorted, fmpnn_error *err)
{
    sort_rows<<<levels, SORT_THREADS, (size_t)L * sizeof(uint32_t), dev->stream>>>(
        rows, start, L, sorted);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}
