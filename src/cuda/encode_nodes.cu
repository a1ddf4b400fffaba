/* Nodes between two edge passes: summed messages -> new state -> what the state adds to the
 * edges to come.
 *
 *     x  = LN1(h + (W3 s + count b3) / 30)
 *     h' = mask LN2(x + W_out g(W_in x + b) + b)
 *     each product: W h' + bias
 *
 * A block holds TILES * 16 nodes in shared memory; each of its eight warps multiplies all of
 * them by an eighth of a matrix, whose fragments come from L2 while the previous product runs.
 *
 * Few nodes are shared by clusters of four blocks: each has a quarter of the feed-forward's
 * hidden channels, and every fourth product; the rest they all do. W_out's sum has four parts
 * that are added in order either way, so both give the same bits. */
#include "cuda/encode.cuh"

#include <string.h>

enum {
    WARPS = 8,
    THREADS = WARPS * LANES,
    SHARE = 2,            /* column tiles of 8 a warp has of a matrix of 128 */
    PITCH_X = WIDTH + 4,  /* floats */
    PITCH_A = WIDTH + 32, /* halves; rows 64 bytes apart in the banks */
    PITCH_F = FEED_FORWARD + 32
};

/* Four blocks of 32 input channels, two tiles of 8 outputs. */
template <bool SPLIT> struct fragments {
    uint4 hi[SHARE][BLOCKS];
    uint4 lo[SPLIT ? SHARE : 1][BLOCKS];
};

template <bool SPLIT>
static __device__ inline void load_fragments(fragments<SPLIT> &f, const matrix &m, int tile,
                                             int block, int lane)
{
    int blocks = m.K / 32;
#pragma unroll
    for (int t = 0; t < SHARE; t++)
#pragma unroll
        for (int b = 0; b < BLOCKS; b++) {
            size_t at = ((size_t)(tile + t) * blocks + block + b) * LANES + lane;
            f.hi[t][b] = __ldg(m.hi + at);
            if (SPLIT)
                f.lo[SPLIT ? t : 0][b] = __ldg(m.lo + at);
        }
}

static __device__ inline void mma(float *c, const uint32_t a[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Both steps of a block: rows r (x) and r + 8 (y), eight halves each. */
static __device__ inline void mma_block(float *c, uint4 x, uint4 y, uint4 w)
{
    uint32_t first[4] = {x.x, y.x, x.y, y.y}, second[4] = {x.z, y.z, x.w, y.w};
    mma(c, first, w.x, w.y);
    mma(c, second, w.z, w.w);
}

template <int TILES> struct results {
    float c[TILES][SHARE][4];
};

template <int TILES> static __device__ inline void clear(results<TILES> &y)
{
#pragma unroll
    for (int n = 0; n < TILES * SHARE * 4; n++)
        (&y.c[0][0][0])[n] = 0;
}

/* y += a W, over four blocks of input channels that begin at a's column `column`. `a` is
 * [TILES * 16][pitch] halves, `lower` the same of what they leave. */
template <bool SPLIT, int TILES>
static __device__ inline void multiply(results<TILES> &y, const __half *a,
                                       const __half *lower, int pitch, int column,
                                       const fragments<SPLIT> &f, int lane)
{
    size_t at = (size_t)(lane / 4) * pitch + column + 8 * (lane % 4);
#pragma unroll
    for (int b = 0; b < BLOCKS; b++)
#pragma unroll
        for (int m = 0; m < TILES; m++) {
            const __half *row = a + at + (size_t)m * 16 * pitch + 32 * b;
            uint4 x0 = *(const uint4 *)row, x1 = *(const uint4 *)(row + 8 * pitch), z0, z1;
            if (SPLIT) {
                row = lower + at + (size_t)m * 16 * pitch + 32 * b;
                z0 = *(const uint4 *)row;
                z1 = *(const uint4 *)(row + 8 * pitch);
            }
#pragma unroll
            for (int t = 0; t < SHARE; t++) {
                mma_block(y.c[m][t], x0, x1, f.hi[t][b]);
                if (SPLIT) {
                    mma_block(y.c[m][t], z0, z1, f.hi[t][b]);
                    mma_block(y.c[m][t], x0, x1, f.lo[SPLIT ? t : 0][b]);
                }
            }
        }
}

/* The warp's columns of a result of 128: four in a row a lane, from here. */
static __device__ inline int first_column(int warp, int lane)
{
    return 32 * (warp / 2) + 8 * (lane % 4) + 4 * (warp % 2);
}

/* Four of the lane's results times `scale`, plus `base`: one rounding each, whatever the row, so
 * that a node's numbers do not depend on its place in the block. */
template <int TILES>
static __device__ inline float4 four_of(const results<TILES> &y, int m, int half,
                                        float scale, float4 base)
{
    const float(*c)[4] = y.c[m];
    return make_float4(__fmaf_rn(c[0][2 * half], scale, base.x),
                       __fmaf_rn(c[0][2 * half + 1], scale, base.y),
                       __fmaf_rn(c[1][2 * half], scale, base.z),
                       __fmaf_rn(c[1][2 * half + 1], scale, base.w));
}

static __device__ inline float4 add(float4 a, float4 b)
{
    return make_float4(__fadd_rn(a.x, b.x), __fadd_rn(a.y, b.y), __fadd_rn(a.z, b.z),
                       __fadd_rn(a.w, b.w));
}

/* Four numbers as an operand. */
template <bool SPLIT>
static __device__ inline void store_operand(__half *a, __half *lower, size_t at, float4 v)
{
    if (SPLIT) {
        uint2 hi, lo;
        split_pair(ACT_SCALE * v.x, ACT_SCALE * v.y, hi.x, lo.x);
        split_pair(ACT_SCALE * v.z, ACT_SCALE * v.w, hi.y, lo.y);
        *(uint2 *)(a + at) = hi;
        *(uint2 *)(lower + at) = lo;
    } else {
        *(uint2 *)(a + at) = make_uint2(half_pair(v.x, v.y), half_pair(v.z, v.w));
    }
}

static __device__ inline float warp_sum(float x)
{
    for (int d = 16; d; d /= 2)
        x += __shfl_xor_sync(~0u, x, d);
    return x;
}

/* LayerNorm of one row by a warp, four channels a lane. */
static __device__ inline float4 norm_row(float4 v, const float *gain, const float *bias,
                                         int lane)
{
    float mean = __fmul_rn(warp_sum(v.x + v.y + v.z + v.w), -1.0f / WIDTH);
    v = add(v, make_float4(mean, mean, mean, mean));
    float square = __fmul_rn(v.x, v.x);
    square = __fmaf_rn(v.y, v.y, square);
    square = __fmaf_rn(v.z, v.z, square);
    square = warp_sum(__fmaf_rn(v.w, v.w, square));
    float rate = rsqrtf(__fmaf_rn(square, 1.0f / WIDTH, 1e-5f));
    float4 g = *(const float4 *)(gain + 4 * lane), c = *(const float4 *)(bias + 4 * lane);
    return make_float4(__fmaf_rn(__fmul_rn(v.x, rate), g.x, c.x),
                       __fmaf_rn(__fmul_rn(v.y, rate), g.y, c.y),
                       __fmaf_rn(__fmul_rn(v.z, rate), g.z, c.z),
                       __fmaf_rn(__fmul_rn(v.w, rate), g.w, c.w));
}

/* ---- clusters ---- */

enum { QUARTERS = 4 };

static __device__ inline int cluster_rank(void)
{
    uint32_t rank = 0;
#if __CUDA_ARCH__ >= 900
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
    return (int)rank;
}

/* All threads of the cluster, or of the block where there is none. */
template <int CLUSTER> static __device__ inline void barrier(void)
{
#if __CUDA_ARCH__ >= 900
    if (CLUSTER > 1) {
        asm volatile("barrier.cluster.arrive.release.aligned;\n"
                     "barrier.cluster.wait.acquire.aligned;" ::
                         : "memory");
        return;
    }
#endif
    __syncthreads();
}

/* Four floats at the same place in the shared memory of block `rank` of the cluster. */
static __device__ inline float4 read_shared_of(const float *place, int rank)
{
    float4 v = make_float4(0, 0, 0, 0);
#if __CUDA_ARCH__ >= 900
    uint32_t there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;"
                 : "=r"(there)
                 : "r"(shared_address(place)), "r"(rank));
    asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                 : "r"(there)
                 : "memory");
#endif
    return v;
}

static __device__ inline float4 scale_add(float4 v, float scale, float4 base)
{
    return make_float4(__fmaf_rn(v.x, scale, base.x), __fmaf_rn(v.y, scale, base.y),
                       __fmaf_rn(v.z, scale, base.z), __fmaf_rn(v.w, scale, base.w));
}

static __device__ inline void store_table(float *dst, float4 v)
{
    *(float4 *)dst = v;
}
static __device__ inline void store_table(__half *dst, float4 v)
{
    *(uint2 *)dst = make_uint2(half_pair(v.x, v.y), half_pair(v.z, v.w));
}

/* A row of product `p` to where it belongs. */
template <bool SPLIT>
static __device__ inline void store_product(const batch &b, const node_product &p, int node,
                                            int column, float4 v)
{
    typedef typename table_of<SPLIT>::type T;
    if (p.table) {
        store_table((T *)p.table + (size_t)node * WIDTH + column, v);
        return;
    }
    int2 place = b.place[node];
    const structure &s = b.item[place.x];
    size_t at = (size_t)place.y * WIDTH + column;
    if (p.blind < 0)
        *(float4 *)(s.own_part + at) = v;
    else
        store_table((T *)s.blind + (size_t)p.blind * s.L * WIDTH + at, v);
}

/* CLUSTER: blocks that share ROWS nodes, 1 or QUARTERS. */
template <bool SPLIT, int TILES, int CLUSTER>
static __global__
__launch_bounds__(THREADS) void update_nodes(const __grid_constant__ batch b,
                                             const __grid_constant__ node_pass p)
{
    enum { ROWS = 16 * TILES, PARTS = SPLIT ? 2 : 1, SHARES = QUARTERS / CLUSTER };
    extern __shared__ __align__(128) unsigned char shared[];
    float *x = (float *)shared;                 /* [ROWS][PITCH_X] */
    __half *a = (__half *)(x + ROWS * PITCH_X); /* [PARTS][ROWS][PITCH_A] */
    __half *f = a + PARTS * ROWS * PITCH_A;     /* [PARTS][ROWS][PITCH_F] */
    __half *a_lower = a + ROWS * PITCH_A, *f_lower = f + ROWS * PITCH_F;
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    float *part = (float *)(f + PARTS * ROWS * PITCH_F); /* as x, if in a cluster */
    int rank = CLUSTER > 1 ? cluster_rank() : 0;
    int first = (int)blockIdx.x / CLUSTER * ROWS, column = first_column(warp, lane);
    int per_node = b.slots / GROUP;
    fragments<SPLIT> now, next;
    results<TILES> y;
    load_fragments(now, p.w.w3, SHARE * warp, 0, lane);
    int hidden = CLUSTER > 1 ? WARPS * rank + warp : QUARTERS * warp; /* in 16 channels */
    load_fragments(next, p.w.w_in, SHARE * hidden, 0, lane);
    launch_wait();
    launch_next();

    /* s, summed over the node's groups in their order */
    for (int row = warp; row < ROWS; row += WARPS) {
        float4 s = make_float4(0, 0, 0, 0);
        int node = first + row;
        if (node < b.nodes)
            for (int g = 0; g < per_node; g++)
                s = add(s,
                        *(const float4 *)(b.sums + ((size_t)node * per_node + g) * WIDTH +
                                          4 * lane));
        store_operand<SPLIT>(a, a_lower, (size_t)row * PITCH_A + 4 * lane, s);
    }
    __syncthreads();

    /* x = h + (W3 s + count b3) / 30 */
    clear(y);
    multiply<SPLIT>(y, a, a_lower, PITCH_A, 0, now, lane);
    float4 bias = *(const float4 *)(p.w.b3 + column);
    float scale = p.w.w3.inverse * (1.0f / 30);
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = 16 * m + lane / 4 + 8 * half, node = first + row;
            float4 h = make_float4(0, 0, 0, 0);
            float count = node < b.nodes ? __fmul_rn(b.count[node], 1.0f / 30) : 0;
            if (!p.first && node < b.nodes)
                h = *(const float4 *)(b.h + (size_t)node * WIDTH + column);
            h = make_float4(__fmaf_rn(count, bias.x, h.x), __fmaf_rn(count, bias.y, h.y),
                            __fmaf_rn(count, bias.z, h.z), __fmaf_rn(count, bias.w, h.w));
            *(float4 *)(x + row * PITCH_X + column) = four_of(y, m, half, scale, h);
        }
    __syncthreads();
    for (int row = warp; row < ROWS; row += WARPS) {
        float4 *at = (float4 *)(x + row * PITCH_X + 4 * lane);
        float4 v = norm_row(*at, p.w.gain1, p.w.bias1, lane);
        *at = v;
        store_operand<SPLIT>(a, a_lower, (size_t)row * PITCH_A + 4 * lane, v);
    }
    __syncthreads();

    /* f = g(W_in x + b): a warp has 16 of its 512 channels, or four times that */
#pragma unroll
    for (int c = 0; c < SHARES; c++) {
        fragments<SPLIT> &w = c % 2 ? now : next, &ahead = c % 2 ? next : now;
        if (c + 1 < SHARES)
            load_fragments(ahead, p.w.w_in, SHARE * (hidden + c + 1), 0, lane);
        else
            load_fragments(ahead, p.w.w_out, SHARE * warp, BLOCKS * rank, lane);
        clear(y);
        multiply<SPLIT>(y, a, a_lower, PITCH_A, 0, w, lane);
        int at = first_column(hidden + c, lane);
        bias = *(const float4 *)(p.w.b_in + at);
#pragma unroll
        for (int m = 0; m < TILES; m++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float4 v = four_of(y, m, half, p.w.w_in.inverse, bias);
                v = make_float4(gelu_of<SPLIT>(v.x), gelu_of<SPLIT>(v.y),
                                gelu_of<SPLIT>(v.z), gelu_of<SPLIT>(v.w));
                int to = (16 * m + lane / 4 + 8 * half) * PITCH_F + at - WIDTH * rank;
                store_operand<SPLIT>(f, f_lower, (size_t)to, v);
            }
    }
    __syncthreads();

    /* x += b + W_out f, in four parts of the sum over f */
    bias = *(const float4 *)(p.w.b_out + column);
#pragma unroll
    for (int c = 0; c < SHARES; c++) {
        fragments<SPLIT> &w = (c + SHARES) % 2 ? now : next;
        fragments<SPLIT> &ahead = (c + SHARES) % 2 ? next : now;
        if (c + 1 < SHARES)
            load_fragments(ahead, p.w.w_out, SHARE * warp, BLOCKS * (c + 1), lane);
        else if (rank < p.products)
            load_fragments(ahead, p.product[rank].w, SHARE * warp, 0, lane);
        clear(y);
        multiply<SPLIT>(y, f, f_lower, PITCH_F, WIDTH * c, w, lane);
#pragma unroll
        for (int m = 0; m < TILES; m++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int place = (16 * m + lane / 4 + 8 * half) * PITCH_X + column;
                float4 *at = (float4 *)(x + place);
                float4 base = c ? *at : add(*at, bias);
                if (CLUSTER > 1) {
                    *at = base;
                    *(float4 *)(part + place) =
                        four_of(y, m, half, 1, make_float4(0, 0, 0, 0));
                } else {
                    *at = four_of(y, m, half, p.w.w_out.inverse, base);
                }
            }
    }
    barrier<CLUSTER>();
    for (int row = warp; row < ROWS; row += WARPS) {
        int node = first + row;
        float4 v = *(float4 *)(x + row * PITCH_X + 4 * lane);
        for (int r = 0; r < CLUSTER && CLUSTER > 1; r++)
            v = scale_add(read_shared_of(part + row * PITCH_X + 4 * lane, r),
                          p.w.w_out.inverse, v);
        v = norm_row(v, p.w.gain2, p.w.bias2, lane);
        bool there = node < b.nodes;
        int2 place = there ? b.place[node] : make_int2(0, 0);
        const structure &s = b.item[place.x];
        if (!there || s.mask[place.y] == 0)
            v = make_float4(0, 0, 0, 0);
        store_operand<SPLIT>(a, a_lower, (size_t)row * PITCH_A + 4 * lane, v);
        there = there && rank == 0; /* one of a cluster writes */
        if (there && !p.last)
            *(float4 *)(b.h + (size_t)node * WIDTH + 4 * lane) = v;
        else if (there)
            *(float4 *)(s.h + (size_t)place.y * WIDTH + 4 * lane) = v;
    }
    barrier<CLUSTER>(); /* nobody reads here any more: blocks may end */

    /* what the new state adds elsewhere */
#pragma unroll 1
    for (int n = rank; n < p.products; n += CLUSTER) {
        const node_product &product = p.product[n];
        now = next;
        if (n + CLUSTER < p.products)
            load_fragments(next, p.product[n + CLUSTER].w, SHARE * warp, 0, lane);
        clear(y);
        multiply<SPLIT>(y, a, a_lower, PITCH_A, 0, now, lane);
        bias = product.bias ? *(const float4 *)(product.bias + column)
                            : make_float4(0, 0, 0, 0);
#pragma unroll
        for (int m = 0; m < TILES; m++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int node = first + 16 * m + lane / 4 + 8 * half;
                if (node < b.nodes)
                    store_product<SPLIT>(b, product, node, column,
                                         four_of(y, m, half, product.w.inverse, bias));
            }
    }
}

template <bool SPLIT, int TILES, int CLUSTER>
static fmpnn_status run(device *dev, const batch *b, const node_pass *pass,
                        fmpnn_error *err)
{
    const void *kernel = (const void *)update_nodes<SPLIT, TILES, CLUSTER>;
    int rows = 16 * TILES, parts = SPLIT ? 2 : 1;
    size_t row_bytes = (CLUSTER > 1 ? 2 : 1) * PITCH_X * sizeof(float) +
                       parts * (PITCH_A + PITCH_F) * sizeof(__half);
    size_t shared = (size_t)rows * row_bytes;
    launch go;
    launch_init(&go, dev, (b->nodes + rows - 1) / rows * CLUSTER, THREADS, shared);
    if (CLUSTER > 1) {
        cudaLaunchAttribute *a = &go.attribute[go.config.numAttrs++];
        a->id = cudaLaunchAttributeClusterDimension;
        a->val.clusterDim.x = CLUSTER;
        a->val.clusterDim.y = a->val.clusterDim.z = 1;
    }
    TRY(device_allow_shared(dev, kernel, 0, err));
    void *arguments[] = {(void *)b, (void *)pass};
    CUDA_TRY(cudaLaunchKernelExC(&go.config, kernel, arguments), err);
    return FMPNN_OK;
}

/* The more rows a block has, the less often weights are read; but small structures need every
 * multiprocessor. */
fmpnn_status encode_nodes(device *dev, const batch *b, const node_pass *pass,
                          fmpnn_error *err)
{
    int tiles = (b->nodes + 15) / 16;
    bool many = tiles > 4 * dev->multiprocessors;
    bool few = dev->major >= 9 && tiles * QUARTERS <= 2 * dev->multiprocessors;
    if (dev->split)
        return many  ? run<true, 4, 1>(dev, b, pass, err)
               : few ? run<true, 1, QUARTERS>(dev, b, pass, err)
                     : run<true, 1, 1>(dev, b, pass, err);
    return many  ? run<false, 4, 1>(dev, b, pass, err)
           : few ? run<false, 1, QUARTERS>(dev, b, pass, err)
                 : run<false, 1, 1>(dev, b, pass, err);
}
