/* The nodes of decode_nodes.cu where warpgroups multiply: half precision on sm_90a. A block has 64
 * rows, which two warpgroups share by columns: all operands lie in shared memory, the weights come
 * by bulk copies in stages of 64 input by 128 output channels, in the order of use, which a ninth
 * warp asks for. The sums, and so the bits, are those of decode_nodes.cu: pieces of CHUNK blocks of
 * 32, added in order. */
#include "cuda/barrier.cuh"
#include "cuda/decode_rows.cuh"
#include "cuda/wgmma.cuh"

enum {
    ROWS = 64,
    WORKERS = 8, /* warps; one more fetches */
    GROUP = 128, /* threads of a warpgroup */
    STRIDE = WIDTH + 4,
    EACH = ROWS / WORKERS,
    STEP = 16 * WIDTH * 2, /* of weights */
    RING = 6,
    HALF_STEP = ROWS * 16,      /* 8 of the 16 channels of a step, of all rows */
    PITCH = 2 * HALF_STEP + 16, /* of steps of operands: no two on the same banks */
    NARROW = WIDTH / 16,        /* steps */
    WIDE = FEED_FORWARD / 16
};

typedef struct group_place {
    float *h, *own, *logits;
    void *state;
} group_place;

typedef struct group_shared {
    unsigned char ring[RING][STAGE];
    unsigned char narrow[NARROW * PITCH], wide[WIDE * PITCH];
    float x[ROWS * STRIDE];
    group_place place[ROWS];
    uint64_t full[RING], empty[RING];
} group_shared;

typedef struct group_task {
    node_weights node;
    const unsigned char *stages;
    int n_stages;
    float own_inverse, near_inverse; /* of the next layer */
    float logits_inverse;            /* after the last */
    const float *b_logits;
    int layer;
    bool last;
} group_task;

/* ---- weights in stages ---- */

/* Word n of a matrix's stages, each [4 steps][16 tiles of columns][2 halves of k][LANES]; `have`:
 * whether there is code that reads them. */
__global__ void make_node_stages(uint32_t *dst, matrix m, int first_tile, int stages,
                                 int *have)
{
    int n = (int)(blockIdx.x * blockDim.x + threadIdx.x), lane = n % LANES;
    int half = n / LANES % 2, t = first_tile + n / (2 * LANES) % 16, step = n / (STEP / 4);
    if (n == 0)
        *have = WGMMA;
    if (n >= stages * STAGE / 4)
        return;
    const uint32_t *fragment =
        (const uint32_t *)&m.hi[((size_t)t * (m.K / 32) + step / 2) * LANES + lane];
    dst[n] = t < m.N / 8 ? fragment[2 * (step % 2) + half] : 0;
}

static size_t stages_bytes(const model_weights *w)
{
    return (size_t)w->decoder_layers * LAYER_STAGES * STAGE;
}

static void add_stages(device *dev, unsigned char **at, const matrix *m, int first_tile,
                       int *have)
{
    enum { THREADS = 256 };
    int stages = m->K / 64;
    make_node_stages<<<stages * STAGE / 4 / THREADS, THREADS, 0, dev->stream>>>(
        (uint32_t *)*at, *m, first_tile, stages, have);
    *at += stages * STAGE;
}

fmpnn_status decode_stages_create(device *dev, model_weights *w, void **block,
                                  fmpnn_error *err)
{
    int have = 0;
    *block = NULL;
    if (dev->split || dev->major != 9 || sizeof(group_shared) > (size_t)dev->shared_limit)
        return FMPNN_OK;
    TRY(device_alloc(dev, stages_bytes(w) + sizeof(int), block, err));
    int *found = (int *)((char *)*block + stages_bytes(w));
    for (int l = 0; l < w->decoder_layers; l++) {
        const node_weights &n = w->decoder[l].node;
        unsigned char *at = (unsigned char *)*block + (size_t)l * LAYER_STAGES * STAGE;
        w->decoder[l].stages = at;
        add_stages(dev, &at, &n.w3, 0, found);
        for (int t = 0; t < FEED_FORWARD / 8; t += 16)
            add_stages(dev, &at, &n.w_in, t, found);
        add_stages(dev, &at, &n.w_out, 0, found);
        if (l + 1 == w->decoder_layers) {
            add_stages(dev, &at, &w->logits, 0, found);
            at += 2 * STAGE;
        } else {
            add_stages(dev, &at, &w->decoder[l + 1].own, 0, found);
            add_stages(dev, &at, &w->decoder[l + 1].near, 0, found);
        }
        add_stages(dev, &at, &w->decoder[l].w2, 0, found);
    }
    CUDA_LAUNCHED(err);
    CUDA_TRY(
        cudaMemcpyAsync(&have, found, sizeof have, cudaMemcpyDeviceToHost, dev->stream),
        err);
    TRY(device_wait(dev, err));
    for (int l = 0; l < w->decoder_layers && !have; l++)
        w->decoder[l].stages = NULL;
    return FMPNN_OK;
}

/* ---- the kernel ---- */

#if WGMMA

/* Lane 0 of the ninth warp: all stages, each as soon as its place is free. */
__device__ inline void fetch_stages(group_shared *sh, const unsigned char *stages,
                                    int count)
{
    for (int n = 0; n < count; n++) {
        int place = n % RING;
        if (n >= RING)
            barrier_wait(shared_address(&sh->empty[place]), n / RING - 1 & 1);
        bulk_copy(shared_address(sh->ring[place]), stages + (size_t)n * STAGE, STAGE,
                  shared_address(&sh->full[place]));
    }
}

/* A warpgroup's way through the stages. */
struct group_walk {
    group_shared *sh;
    int group, lane, next; /* stage */

    /* y = 64 rows times the warpgroup's half of the columns of the next stage. */
    __device__ void ask(float (&y)[32], uint32_t operands)
    {
        int place = next % RING;
        barrier_wait(shared_address(&sh->full[place]), next / RING & 1);
        next++;
        uint32_t weights = shared_address(sh->ring[place]) + group * (STEP / 2);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < STAGE / STEP; k++)
            wgmma_rows(y, wgmma_matrix(operands + k * PITCH, HALF_STEP, 128),
                       wgmma_matrix(weights + k * STEP, 128, 256), k > 0);
        wgmma_commit();
    }
    /* The warp is done with the stage before the last `ahead`. */
    __device__ void release(int ahead)
    {
        if (lane == 0)
            barrier_arrive(shared_address(&sh->empty[(next - 1 - ahead) % RING]));
    }
    /* acc = 0 + piece + piece .. */
    template <int PIECES>
    __device__ void product(float (&acc)[32], const unsigned char *operands)
    {
        float y[2][32];
        uint32_t at = shared_address(operands);
#pragma unroll
        for (int e = 0; e < 32; e++)
            acc[e] = 0;
#pragma unroll
        for (int n = 0; n <= PIECES; n++) {
            if (n < PIECES)
                ask(y[n % 2], at + n * 4 * PITCH);
            if (n == 0)
                continue;
            if (n < PIECES)
                wgmma_wait<1>();
            else
                wgmma_wait<0>();
            release(n < PIECES ? 1 : 0);
#pragma unroll
            for (int e = 0; e < 32; e++)
                acc[e] += y[(n + 1) % 2][e];
        }
    }
};

/* What generic stores have put into operands is seen by products, and all workers are here. */
__device__ inline void operands_ready(void)
{
    asm volatile("fence.proxy.async.shared::cta;\n"
                 "bar.sync 1, %0;" ::"n"((int)(WORKERS * LANES))
                 : "memory");
}

/* Channels 4 lane .. +3 of row r as an operand. */
__device__ inline void put_row(unsigned char *operands, int r, float4 v, int lane)
{
    unsigned char *at =
        operands + (lane / 8 * 2 + lane % 2) * PITCH + r * 16 + lane % 8 / 2 * 4;
    *(uint32_t *)at = half_pair(v.x, v.y);
    *(uint32_t *)(at + HALF_STEP) = half_pair(v.z, v.w);
}

__device__ inline void norm_rows(float4 (&v)[EACH], const float *x, const float *gain,
                                 const float *bias, int warp, int lane)
{
    float4 g = ((const float4 *)gain)[lane], b = ((const float4 *)bias)[lane];
#pragma unroll
    for (int n = 0; n < EACH; n++)
        v[n] = ((const float4 *)(x + (warp + n * WORKERS) * STRIDE))[lane];
#pragma unroll
    for (int n = 0; n < EACH; n++)
        v[n] = normed(v[n], g, b);
}

__global__ void __launch_bounds__((WORKERS + 1) * LANES, 1)
    nodes_by_groups(const sequence *all, const row *rows, int n_rows, row_work work,
                    const __grid_constant__ group_task t)
{
    extern __shared__ uint4 memory[];
    group_shared *sh = (group_shared *)memory;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, g = lane / 4, q = lane % 4;
    int first = blockIdx.x * ROWS;
    if (threadIdx.x == WORKERS * LANES) {
        for (int n = 0; n < RING; n++) {
            barrier_init(shared_address(&sh->full[n]), 1);
            barrier_init(shared_address(&sh->empty[n]), WORKERS);
        }
        barriers_ready();
    }
    __syncthreads();
    if (warp == WORKERS) {
        if (lane == 0)
            fetch_stages(sh, t.stages, t.n_stages);
        return;
    }
    group_walk walk = {sh, (int)threadIdx.x / GROUP, lane, 0};
    const int upper =
        16 * (warp % 4) + g; /* the lane's rows of results: this, and 8 further */

    /* all reading side by side: rows beyond the last are the last's */
    float4 h[EACH], s[EACH];
    {
        const float4 b3 = ((const float4 *)t.node.b3)[lane];
        row place[EACH];
        int K[EACH];
#pragma unroll
        for (int n = 0; n < EACH; n++)
            place[n] = rows[min(first + warp + n * WORKERS, n_rows - 1)];
#pragma unroll
        for (int n = 0; n < EACH; n++) {
            const sequence &seq = all[place[n].sequence];
            size_t at = (size_t)place[n].place * WIDTH, i = place[n].i;
            int r = warp + n * WORKERS;
            K[n] = seq.item.K;
            h[n] = ((const float4 *)(t.layer ? work.h + at : seq.item.h + i * WIDTH))[lane];
            s[n] = make_float4(0, 0, 0, 0);
            group_place to = {work.h + at, work.own + at, seq.logits + i * LETTERS,
                              (__half *)seq.state +
                                  ((size_t)t.layer * seq.item.L + i) * WIDTH};
            if (lane == 0)
                sh->place[r] = first + r < n_rows ? to : group_place{};
        }
        add_tiles(s, place, K, work, lane);
#pragma unroll
        for (int n = 0; n < EACH; n++) {
            int r = warp + n * WORKERS;
            take_mean(s[n], h[n], b3, K[n]);
            ((float4 *)(sh->x + r * STRIDE))[lane] = h[n];
            put_row(sh->narrow, r, s[n], lane);
        }
    }
    operands_ready();

    /* Element e of tile t of a result: channel base + 32 (t / 4) + 2 (t % 4) + e % 2 of row
     * upper + 8 (e / 2). */
    const int base = 64 * walk.group + 8 * q;
    float acc[32];
    walk.product<2>(acc, sh->narrow);
#pragma unroll
    for (int t8 = 0; t8 < 8; t8++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float2 *at = (float2 *)(sh->x + (upper + 8 * half) * STRIDE + base +
                                    32 * (t8 / 4) + 2 * (t8 % 4));
            float2 v = *at;
            *at = make_float2(fmaf(acc[4 * t8 + 2 * half], t.node.w3.inverse, v.x),
                              fmaf(acc[4 * t8 + 2 * half + 1], t.node.w3.inverse, v.y));
        }
    operands_ready();
    norm_rows(h, sh->x, t.node.gain1, t.node.bias1, warp, lane);
#pragma unroll
    for (int n = 0; n < EACH; n++) {
        int r = warp + n * WORKERS;
        ((float4 *)(sh->x + r * STRIDE))[lane] = h[n];
        put_row(sh->narrow, r, h[n], lane);
    }
    operands_ready();

#pragma unroll 1
    for (int part = 0; part < FEED_FORWARD / WIDTH; part++) {
        walk.product<2>(acc, sh->narrow);
        const float *b_in = t.node.b_in + WIDTH * part + base;
        unsigned char *to = sh->wide + (NARROW * part + 4 * walk.group) * PITCH +
                            2 * (warp % 4) * 128 + lane * 4;
#pragma unroll
        for (int t8 = 0; t8 < 8; t8++) {
            float2 b = *(const float2 *)(b_in + 32 * (t8 / 4) + 2 * (t8 % 4));
#pragma unroll
            for (int half = 0; half < 2; half++)
                *(uint32_t *)(to + t8 / 2 * PITCH + t8 % 2 * HALF_STEP + half * 128) =
                    half_pair(
                        gelu<false>(fmaf(acc[4 * t8 + 2 * half], t.node.w_in.inverse, b.x)),
                        gelu<false>(
                            fmaf(acc[4 * t8 + 2 * half + 1], t.node.w_in.inverse, b.y)));
        }
    }
    operands_ready();
    walk.product<WIDE / 4>(acc, sh->wide);
#pragma unroll
    for (int t8 = 0; t8 < 8; t8++) {
        int c = base + 32 * (t8 / 4) + 2 * (t8 % 4);
        float2 b = *(const float2 *)(t.node.b_out + c);
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float2 *at = (float2 *)(sh->x + (upper + 8 * half) * STRIDE + c), v = *at;
            v.x += fmaf(acc[4 * t8 + 2 * half], t.node.w_out.inverse, b.x);
            v.y += fmaf(acc[4 * t8 + 2 * half + 1], t.node.w_out.inverse, b.y);
            *at = v;
        }
    }
    operands_ready();
    norm_rows(h, sh->x, t.node.gain2, t.node.bias2, warp, lane);
#pragma unroll
    for (int n = 0; n < EACH; n++) {
        int r = warp + n * WORKERS;
        put_row(sh->narrow, r, h[n], lane);
        if (!t.last && sh->place[r].h)
            ((float4 *)sh->place[r].h)[lane] = h[n];
    }
    operands_ready();

    const group_place place[2] = {sh->place[upper], sh->place[upper + 8]};
    if (t.last) {
        if (walk.group)
            return;
        walk.product<2>(acc, sh->narrow);
#pragma unroll
        for (int t8 = 0; t8 < 4; t8++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int c = base + 2 * t8 + e % 2;
                if (c < LETTERS && place[e / 2].logits)
                    place[e / 2].logits[c] =
                        fmaf(acc[4 * t8 + e], t.logits_inverse, t.b_logits[c]);
            }
        return;
    }
    walk.product<2>(acc, sh->narrow);
#pragma unroll
    for (int b = 0; b < 2; b++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float v[8];
#pragma unroll
            for (int u = 0; u < 8; u++)
                v[u] = acc[4 * (4 * b + u / 2) + 2 * half + u % 2] * t.own_inverse;
            if (place[half].own)
                write8(place[half].own + base + 32 * b, v);
        }
    walk.product<2>(acc, sh->narrow);
#pragma unroll
    for (int b = 0; b < 2; b++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            uint32_t v[4];
#pragma unroll
            for (int u = 0; u < 4; u++)
                v[u] = half_pair(acc[4 * (4 * b + u) + 2 * half] * t.near_inverse,
                                 acc[4 * (4 * b + u) + 2 * half + 1] * t.near_inverse);
            if (place[half].own)
                *(uint4 *)((__half *)place[half].state + base + 32 * b) =
                    make_uint4(v[0], v[1], v[2], v[3]);
        }
}

#else

__global__ void nodes_by_groups(const sequence *, const row *, int, row_work,
                                const __grid_constant__ group_task)
{
}

#endif

fmpnn_status decode_nodes_group(device *dev, const model_weights *w, int layer,
                                const sequence *all, const row *rows, size_t n,
                                const row_work *work, fmpnn_error *err)
{
    group_task t = {};
    t.node = w->decoder[layer].node;
    t.stages = w->decoder[layer].stages;
    t.layer = layer;
    t.last = layer + 1 == w->decoder_layers;
    t.n_stages = NODE_STAGES - (t.last ? 2 : 0);
    if (t.last) {
        t.logits_inverse = w->logits.inverse;
        t.b_logits = w->b_logits;
    } else {
        t.own_inverse = w->decoder[layer + 1].own.inverse;
        t.near_inverse = w->decoder[layer + 1].near.inverse;
    }
    TRY(device_allow_shared(dev, (const void *)nodes_by_groups, 0, err));
    nodes_by_groups<<<(unsigned)((n + ROWS - 1) / ROWS), (WORKERS + 1) * LANES,
                      sizeof(group_shared), dev->stream>>>(all, rows, (int)n, *work, t);
    CUDA_LAUNCHED(err);
    return FMPNN_OK;
}
