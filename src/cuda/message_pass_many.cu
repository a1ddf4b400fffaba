/* The message-passing operation where nodes are many: a block for each multiprocessor,
 * weights in shared memory for as long as the kernel runs.
 *
 *     many_rows    products of node rows: A and P of every node; in fp32 mode also the
 *                  hidden rows of the update, gelu(U1 W2 mean + ..), in place of A and P
 *     many_edges   means of s_i. A block has neighbouring nodes, so that P of their
 *                  neighbours is found in the first-level cache: from the second it would
 *                  come at 4.6 TB/s, 171 us for 64 x 500 x 48 rows
 *     many_update  the update MLP from means to the end in registers; in fp32 mode, whose
 *                  weights are twice as large, its second half */
#include "cuda/message_pass_nodes.cuh"

enum { TEAM_WORDS = 8 /* pairs of channels a lane: 64 channels a warp */ };

/* Edges of a team at a time. */
template <bool SPLIT> struct team {
    static constexpr int ROOM = SPLIT ? 256 : 512;
    typedef edge_room<SPLIT, ROOM> room;
};

/* ---- weights in shared memory ---- */

/* `count` pieces of 16 bytes; `copies_wait` before they are read. */
__device__ inline void copy_shared(uint4 *to, const uint4 *from, int count)
{
    uint32_t at = (uint32_t)__cvta_generic_to_shared(to);
    for (int n = threadIdx.x; n < count; n += blockDim.x)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at + 16 * n),
                     "l"(from + n)
                     : "memory");
}

/* Rows that are needed soon; 128 bytes a lane, `bytes` a row of 16. */
__device__ inline void prefetch_rows(const void *table, int first, int nodes, int bytes,
                                     int lane)
{
    const char *from = (const char *)table + (size_t)first * bytes;
    int some = min(TILE, nodes - first) * bytes;
    for (int at = 128 * lane; at < some; at += 128 * LANES)
        asm volatile("prefetch.global.L2 [%0];" ::"l"(from + at) : "memory");
}

__device__ inline void copies_wait(void)
{
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncthreads();
}

/* ---- products of rows ---- */

enum rows_kind { ROWS_PARTS, ROWS_HIDDEN };

/* dst [nodes][columns] from src [nodes][32 BLOCKS]; blockIdx.y has its share of the
 * columns. */
template <bool SPLIT, int BLOCKS, rows_kind KIND, int THREADS>
__global__ void __launch_bounds__(THREADS, 1)
    many_rows(operation_weights w, const float *src, int nodes, int columns)
{
    typedef typename table_of<SPLIT>::type table;
    extern __shared__ __align__(16) uint4 weights[];
    const matrix &m = KIND == ROWS_PARTS ? w.nodes : w.update;
    const float *bias = KIND == ROWS_PARTS ? w.b_nodes : w.b_update;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    int share = columns / (int)gridDim.y, tile0 = blockIdx.y * share / 8;
    int pieces = share / 8 * BLOCKS * LANES;
    copy_shared(weights, m.hi + (size_t)tile0 * BLOCKS * LANES, pieces);
    if (SPLIT)
        copy_shared(weights + pieces, m.lo + (size_t)tile0 * BLOCKS * LANES, pieces);
    launch_wait();
    fragments_at<BLOCKS> all = {weights, weights + pieces, lane};
    const int stride = gridDim.x * (THREADS / LANES);
    operand<SPLIT> a[BLOCKS];
    auto read =
        [&](int at) { /* the first rows while the weights come */
                      const float *row = src + (size_t)(at * TILE + g) * (32 * BLOCKS);
                      read_rows<SPLIT, BLOCKS>(
                          a, at * TILE + g < nodes ? row : NULL,
                          at * TILE + g + 8 < nodes ? row + 8 * 32 * BLOCKS : NULL, q);
        };
    int at = blockIdx.x + gridDim.x * warp;
    read(at);
    copies_wait();
    for (; at * TILE < nodes; at += stride, read(at)) {
        int upper = at * TILE + g, lower = upper + 8;
        for (int t = 0; t < share / 8; t += 4) {
            float acc[4][4], b[8], y[8];
            int c = 8 * (tile0 + t) + 8 * q;
            multiply_tiles<SPLIT, 4, BLOCKS>(acc, a, all.from(t));
            read8(b, bias + c);
#pragma unroll
            for (int half = 0; half < 2; half++) {
#pragma unroll
                for (int u = 0; u < 8; u++) {
                    y[u] = fmaf(acc[u / 2][2 * half + u % 2], m.inverse, b[u]);
                    if (KIND == ROWS_HIDDEN)
                        y[u] = activate<SPLIT>(w.gelu, y[u]);
                }
                int node = half ? lower : upper;
                if (node < nodes)
                    write8((table *)w.parts + (size_t)node * columns + c, y);
            }
        }
    }
    launch_next();
}

/* ---- edges ---- */

template <bool SPLIT, int D, int THREADS>
__global__ void __launch_bounds__(THREADS, 1)
    many_edges(operation_weights w, operation_arrays a, int L, int nodes, int per_block)
{
    typedef typename table_of<SPLIT>::type table;
    constexpr int H = 2 * D, TEAM = H / (8 * TEAM_WORDS) * LANES, TEAMS = THREADS / TEAM;
    extern __shared__ __align__(16) char shared[];
    int at = threadIdx.x / TEAM, thread = threadIdx.x % TEAM;
    int first = blockIdx.x * per_block, last = min(first + per_block, nodes);
    typename team<SPLIT>::room &room = ((typename team<SPLIT>::room *)shared)[at];
    int count = (last - first - at + TEAMS - 1) / TEAMS;
    table *mean = (table *)w.mean;
    sum_edges<SPLIT, D, TEAM_WORDS>(
        w, a, L, room, 1 + at, TEAM, thread, first + at, TEAMS, max(count, 0),
        thread / LANES * (8 * TEAM_WORDS), [&](int n, int c, float x) {
            mean[(size_t)(first + at + n * TEAMS) * H + c] = (table)x;
        });
    launch_next();
}

/* ---- the update ---- */

template <bool SPLIT, int D, int THREADS>
__global__ void __launch_bounds__(THREADS, 1)
    many_update(operation_weights w, operation_arrays a, int nodes)
{
    constexpr int H = 2 * D, BLOCKS = H / 32, NT = SPLIT ? 2 : 4; /* tiles at a time */
    constexpr int WIDE = SPLIT ? 0 : H / 8 * BLOCKS * LANES,
                  NARROW = D / 8 * BLOCKS * LANES;
    extern __shared__ __align__(16) uint4 weights[];
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    copy_shared(weights, w.update.hi, WIDE);
    copy_shared(weights + WIDE, w.out.hi, NARROW);
    if (SPLIT)
        copy_shared(weights + WIDE + NARROW, w.out.lo, NARROW);
    typedef typename table_of<SPLIT>::type table;
    const int stride = gridDim.x * (THREADS / LANES);
    launch_wait();
    fragments_at<BLOCKS> wide = {weights, NULL, lane};
    fragments_at<BLOCKS> narrow = {weights + WIDE, weights + WIDE + NARROW, lane};
    operand<SPLIT> src[BLOCKS]; /* means, or what is hidden already */
    auto read = [&](int at) {   /* the first rows while the weights come */
                              const table *row = (const table *)(SPLIT ? w.parts : w.mean) +
                                                 (size_t)(at * TILE + g) * H;
                              if constexpr (SPLIT)
                                  read_rows<SPLIT, BLOCKS>(
                                      src, at * TILE + g < nodes ? row : NULL,
                                      at * TILE + g + 8 < nodes ? row + 8 * H : NULL, q);
                              else
                                  read_rows<BLOCKS>(
                                      src, at * TILE + g < nodes ? row : NULL,
                                      at * TILE + g + 8 < nodes ? row + 8 * H : NULL, q);
    };
    int at = blockIdx.x + gridDim.x * warp;
    read(at);
    copies_wait();
    for (; at * TILE < nodes; at += stride, read(at)) {
        prefetch_rows(a.h, at * TILE, nodes, D * sizeof(float), lane);
        prefetch_rows(SPLIT ? w.parts : w.mean, (at + stride) * TILE, nodes,
                      H * sizeof(table), lane);
        operand<SPLIT> hidden[BLOCKS];
#pragma unroll
        for (int b = 0; b < BLOCKS; b++) {
            if constexpr (SPLIT) {
                hidden[b] = src[b];
            } else {
                float acc[4][4], c[8], u[8], v[8];
                multiply_tiles<SPLIT, 4, BLOCKS>(acc, src, wide.from(4 * b));
                read8(c, w.b_update + 32 * b + 8 * q);
#pragma unroll
                for (int n = 0; n < 8; n++) {
                    u[n] = activate<SPLIT>(w.gelu,
                                           fmaf(acc[n / 2][n % 2], w.update.inverse, c[n]));
                    v[n] = activate<SPLIT>(
                        w.gelu, fmaf(acc[n / 2][2 + n % 2], w.update.inverse, c[n]));
                }
                operand_make<SPLIT>(hidden[b], u, v);
            }
        }
        float acc[D / 8][4];
#pragma unroll
        for (int t = 0; t < D / 8; t += NT) {
            float some[NT][4];
            multiply_tiles<SPLIT, NT, BLOCKS>(some, hidden, narrow.from(t));
#pragma unroll
            for (int n = 0; n < 4 * NT; n++)
                acc[t + n / 4][n % 4] = some[n / 4][n % 4];
        }
        finish_rows<D>(acc, w, a, at * TILE, nodes, lane);
    }
}

/* ---- launches ---- */

/* A kernel that may start while the one before it ends. */
template <typename... TYPES>
static fmpnn_status start(device *dev, void (*kernel)(TYPES...), dim3 grid, int threads,
                          size_t shared, bool early, fmpnn_error *err, TYPES... arguments)
{
    cudaLaunchConfig_t c = {};
    cudaLaunchAttribute overlap = {};
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = 1;
    c.gridDim = grid;
    c.blockDim = dim3((unsigned)threads);
    c.dynamicSmemBytes = shared;
    c.stream = dev->stream;
    c.attrs = &overlap;
    c.numAttrs = early && dev->major >= 9;
    TRY(device_allow_shared(dev, (const void *)kernel, 0, err));
    CUDA_TRY(cudaLaunchKernelEx(&c, kernel, arguments...), err);
    return FMPNN_OK;
}

/* Bytes of the fragments of a product of K inputs. */
static size_t fragment_bytes(bool split, int columns, int K)
{
    return (size_t)columns * K * sizeof(__half) * (split ? 2 : 1);
}

/* In how many parts the columns go, so that one fits. */
enum { LARGEST_SHARE = 128 << 10 };

static unsigned shares(size_t bytes)
{
    unsigned n = 1;
    while (bytes / n > LARGEST_SHARE)
        n *= 2;
    return n;
}

static size_t update_bytes(bool split, int D)
{
    return fragment_bytes(split, D, 2 * D) +
           (split ? 0 : fragment_bytes(split, 2 * D, 2 * D));
}

bool operation_many_fits(const device *dev, const operation_weights *w)
{
    return update_bytes(dev->split, w->D) <= (size_t)dev->shared_limit &&
           (size_t)LARGEST_SHARE <= (size_t)dev->shared_limit;
}

template <bool SPLIT, int BLOCKS, rows_kind KIND>
static fmpnn_status launch_rows(device *dev, const operation_weights *w, const float *src,
                                int nodes, int columns, bool early, fmpnn_error *err)
{
    constexpr int THREADS = SPLIT ? 256 : 512;
    size_t bytes = fragment_bytes(SPLIT, columns, 32 * BLOCKS);
    unsigned y = shares(bytes);
    return start(dev, many_rows<SPLIT, BLOCKS, KIND, THREADS>,
                 dim3((unsigned)dev->multiprocessors / y, y), THREADS, bytes / y, early,
                 err, *w, src, nodes, columns);
}

template <bool SPLIT, int D>
static fmpnn_status launch(device *dev, const operation_weights *w, int L, int nodes,
                           const operation_arrays *a, fmpnn_error *err)
{
    constexpr int H = 2 * D, EDGE_THREADS = SPLIT ? 384 : 640, UPDATE_THREADS = 256;
    constexpr int TEAMS = EDGE_THREADS / (H / (8 * TEAM_WORDS) * LANES);
    int per_block = (nodes + dev->multiprocessors - 1) / dev->multiprocessors;
    unsigned blocks = (unsigned)((nodes + per_block - 1) / per_block);
    TRY((launch_rows<SPLIT, D / 32, ROWS_PARTS>(dev, w, a->h, nodes, 4 * D, false, err)));
    CUDA_TRY(cudaFuncSetAttribute(many_edges<SPLIT, D, EDGE_THREADS>,
                                  cudaFuncAttributePreferredSharedMemoryCarveout,
                                  cudaSharedmemCarveoutMaxL1),
             err);
    TRY(start(dev, many_edges<SPLIT, D, EDGE_THREADS>, dim3(blocks), EDGE_THREADS,
              TEAMS * sizeof(typename team<SPLIT>::room), true, err, *w, *a, L, nodes,
              per_block));
    if constexpr (SPLIT)
        TRY((launch_rows<SPLIT, H / 32, ROWS_HIDDEN>(dev, w, (const float *)w->mean, nodes,
                                                     H, true, err)));
    return start(dev, many_update<SPLIT, D, UPDATE_THREADS>,
                 dim3((unsigned)dev->multiprocessors), UPDATE_THREADS,
                 update_bytes(SPLIT, D), true, err, *w, *a, nodes);
}

fmpnn_status operation_many(device *dev, const operation_weights *w, int L, int nodes,
                            const operation_arrays *a, fmpnn_error *err)
{
    if (w->D == 64)
        return dev->split ? launch<true, 64>(dev, w, L, nodes, a, err)
                          : launch<false, 64>(dev, w, L, nodes, a, err);
    return dev->split ? launch<true, 128>(dev, w, L, nodes, a, err)
                      : launch<false, 128>(dev, w, L, nodes, a, err);
}
