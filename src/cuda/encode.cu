/* The encoder: one pass over the edges of all structures for each layer, and one more
 * (src/engine/encode.c has the same passes). A warp holds 16 edges of one node in registers from
 * the first product of a pass to its last; between passes encode_nodes.cu updates the nodes.
 *
 * An edge's numbers do not depend on which edges travel beside it, and sums over a node's edges
 * have one order: groups of 16, each by halves. So structures come out the same, to the bit,
 * alone or among others. Equations: docs/math.md, "Fusion". */
#include "cuda/encode.cuh"

#include <string.h>

/* ---- structures one after another, neighbours and geometry ---- */

enum { AT_ONCE = 24 }; /* structures that travel as arguments of one launch */

typedef struct arrivals {
    structure item[AT_ONCE];
    float *h_E[AT_ONCE];
    int base[AT_ONCE + 1]; /* first node */
    int first, count;      /* number of item[0], how many */
    structure *items;      /* [n] where they go */
    float **h_E_out;
    const float *label_state, *label_own, *label_near; /* or NULL */
} arrivals;

static __device__ void load_point(const float *xyz, int i, int a, float p[3])
{
    const float *src = xyz + (size_t)i * 12 + 3 * a;
    p[0] = src[0], p[1] = src[1], p[2] = src[2];
}

/* Products are rounded before they are subtracted: parallel vectors give exactly 0. */
static __device__ void cross(const float *a, const float *b, float *out)
{
    for (int d = 0; d < 3; d++) {
        int e = (d + 1) % 3, f = (d + 2) % 3;
        out[d] = __fsub_rn(__fmul_rn(a[e], b[f]), __fmul_rn(a[f], b[e]));
    }
}

/* N CA C O and the virtual CB. */
static __device__ void backbone_points(const structure &s, int i, float *out)
{
    float p[5][3], a[3], b[3], c[3];
    for (int k = 0; k < 4; k++)
        load_point(s.xyz, i, k, p[k]);
    for (int d = 0; d < 3; d++) {
        b[d] = p[1][d] - p[0][d];
        c[d] = p[2][d] - p[1][d];
    }
    cross(b, c, a);
    for (int d = 0; d < 3; d++)
        p[4][d] = -0.58273431f * a[d] + 0.56802827f * b[d] - 0.54067466f * c[d] + p[1][d];
    for (int n = 0; n < POINT_FLOATS; n++)
        out[n] = n < 15 ? p[n / 3][n % 3] : 0;
}

/* Unit vector from CA n to the next, 0 unless that is the step of a trans peptide. */
static __device__ void step_direction(const structure &s, int n, float *u)
{
    float p[3], q[3], square = 0;
    load_point(s.xyz, n, FMPNN_ATOM_CA, p);
    load_point(s.xyz, n + 1, FMPNN_ATOM_CA, q);
    for (int d = 0; d < 3; d++) {
        u[d] = q[d] - p[d];
        square = __fadd_rn(square, __fmul_rn(u[d], u[d]));
    }
    float length = sqrtf(square);
    if (!(length > 3.6f && length < 4.0f))
        u[0] = u[1] = u[2] = 0;
    unit_vector<3>(u);
}

static __device__ void ca_points(const structure &s, int i, float *out, float *frame)
{
    float p[3] = {0, 0, 0}, before[3], after[3], o[12] = {0};
    for (int n = 0; n < POINT_FLOATS; n++)
        out[n] = 0;
    for (int k = -1; k <= 1; k++)
        if (i + k >= 0 && i + k < s.L) {
            load_point(s.xyz, i + k, FMPNN_ATOM_CA, p);
            for (int d = 0; d < 3; d++)
                out[3 * (k + 1) + d] = p[d];
        }
    if (i >= 1 && i + 2 < s.L) {
        step_direction(s, i - 1, before);
        step_direction(s, i, after);
        for (int d = 0; d < 3; d++)
            o[d] = before[d] - after[d];
        unit_vector<3>(o);
        cross(before, after, o + 3);
        unit_vector<3>(o + 3);
        cross(o, o + 3, o + 6);
    }
    for (int n = 0; n < FRAME_FLOATS; n++)
        frame[n] = o[n];
}

/* What a label says of a node before the first layer. */
template <bool SPLIT>
static __device__ void begin_labelled(const arrivals &in, const batch &b, int node,
                                      int label, int lane)
{
    typedef typename table_of<SPLIT>::type T;
    size_t from = (size_t)label * WIDTH, to = (size_t)node * WIDTH;
    for (int c = lane; c < WIDTH; c += LANES) {
        b.h[to + c] = in.label_state[from + c];
        ((T *)b.own_message)[to + c] = (T)in.label_own[from + c];
        ((T *)b.near_message)[to + c] = (T)in.label_near[from + c];
    }
}

/* A warp a node: its place, its points, its edges in terms of nodes. */
template <bool SPLIT>
static __global__ void arrive(const __grid_constant__ arrivals in, batch b)
{
    int lane = threadIdx.x % LANES;
    int node = in.base[0] + (int)((blockIdx.x * blockDim.x + threadIdx.x) / LANES);
    launch_wait();
    launch_next();
    if (blockIdx.x == 0 && (int)threadIdx.x < in.count) {
        in.items[in.first + threadIdx.x] = in.item[threadIdx.x];
        in.h_E_out[in.first + threadIdx.x] = in.h_E[threadIdx.x];
    }
    if (node >= in.base[in.count])
        return;
    int n = 0;
    while (node >= in.base[n + 1])
        n++;
    const structure &s = in.item[n];
    int base = in.base[n], i = node - base;
    float count = 0;
    if (in.label_state)
        begin_labelled<SPLIT>(in, b, node, s.label[i], lane);
    for (int m = lane; m < b.slots; m += LANES) {
        bool real = m < s.K;
        int j = real ? s.neighbour[(size_t)i * s.K + m] : i;
        float weight = real ? s.mask[j] : 0;
        size_t at = (size_t)node * b.slots + m;
        b.neighbour[at] = base + j;
        b.weight[at] = weight;
        b.distance[at] = real ? s.distance[(size_t)i * s.K + m] : 0;
        b.offset[at] =
            (unsigned char)offset_class(s.index[i], s.index[j], s.chain[i], s.chain[j]);
        count += weight;
    }
    for (int d = 16; d; d /= 2)
        count += __shfl_xor_sync(~0u, count, d);
    if (lane)
        return;
    b.count[node] = count;
    b.place[node] = make_int2(in.first + n, i);
    float *points = b.geo.points + (size_t)node * POINT_FLOATS;
    if (s.ca_only)
        ca_points(s, i, points, b.geo.frames + (size_t)node * FRAME_FLOATS);
    else
        backbone_points(s, i, points);
}

/* ---- a pass ---- */

/* Warpgroups a block may have: what registers allow. */
template <bool SPLIT> struct most_warpgroups {
    static const int value = SPLIT ? 2 : 3;
};

/* Where everything lies in shared memory. */
typedef struct layout {
    int warpgroups, slots; /* of the ring */
    int vectors, rows, barriers, bytes;
} layout;

template <bool SPLIT>
static layout lay_out(const pass &p, int row_floats, int warpgroups, int limit)
{
    layout l;
    int stage = (SPLIT ? 2 : 1) * STAGE_BYTES;
    int rest = PASS_VECTORS * WIDTH * 4 + warpgroups * row_floats * 4 + 12 * 64;
    l.warpgroups = warpgroups;
    l.slots = (limit - rest) / stage;
    l.slots = l.slots < p.stages ? l.slots : p.stages;
    l.vectors = l.slots * stage;
    l.rows = l.vectors + PASS_VECTORS * WIDTH * 4;
    l.barriers = l.rows + warpgroups * row_floats * 4;
    l.bytes = l.barriers + 12 * l.slots;
    return l;
}

template <bool CA> struct feature_floats {
    static const int value = (CA ? (int)FEATURE_ROWS_CA : (int)FEATURE_ROWS) * PITCH;
};

static __device__ inline void warpgroup_barrier(int warpgroup)
{
    asm volatile("bar.sync %0, 128;" ::"r"(1 + warpgroup) : "memory");
}

/* y = features W: operands are made a stage ahead of the products that are under way. */
template <bool SPLIT, bool CA>
static __device__ inline void feature_product(tile &y, const float *rows, int lane, ring &r)
{
    const int blocks = CA ? (int)FEATURE_BLOCKS_CA : (int)FEATURE_BLOCKS;
    const int stages = (blocks + 1) / 2;
    operand<SPLIT, STAGE_STEPS> a[2];
    ring_stage previous = {};
    int edge = threadIdx.x / LANES % 4 * GROUP + lane / 4;
#pragma unroll
    for (int s = 0; s < stages; s++) {
        operand<SPLIT, STAGE_STEPS> &now = a[s % 2];
#pragma unroll
        for (int part = 0; part < 2; part++)
#pragma unroll
            for (int row = 0; row < 2; row++)
                if (2 * s + part < blocks) {
                    float v[8];
                    feature_values<CA>(rows, edge + 8 * row, 2 * s + part, lane % 4, v);
                    operand_set(now, part, row, v);
                }
        ring_stage stage = ring_wait<SPLIT>(r);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < STAGE_STEPS; k++)
            if (2 * s + k / 2 < blocks)
                product_step(y, now, k, stage.address, k, s || k);
        wgmma_commit();
        if (s) {
            wgmma_wait<1>();
            ring_release<SPLIT>(r, previous);
        }
        previous = stage;
    }
    wgmma_wait<0>();
    ring_release<SPLIT>(r, previous);
}

/* y = inverse y + vector (+ more of each row). */
template <typename T>
static __device__ inline void tile_add(tile &y, float inverse, const float *vector,
                                       const T *row0, const T *row1, int q)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float c[8], d[8];
        if (vector)
            read8(vector + 32 * b + 8 * q, c);
#pragma unroll
        for (int row = 0; row < 2; row++) {
            if (row0)
                read8((row ? row1 : row0) + 32 * b + 8 * q, d);
#pragma unroll
            for (int u = 0; u < 8; u++)
                y.at(b, row, u) =
                    fmaf(y.at(b, row, u), inverse, (vector ? c[u] : 0) + (row0 ? d[u] : 0));
        }
    }
}

/* One row of the tile to memory. */
template <typename T>
static __device__ inline void tile_store(tile &y, int row, T *dst, int q)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++) {
        float v[8];
#pragma unroll
        for (int u = 0; u < 8; u++)
            v[u] = y.at(b, row, u);
        write8(dst + 32 * b + 8 * q, v);
    }
}

template <bool SPLIT, typename T>
static __device__ inline void edges_operand(const T *row0, const T *row1, int q,
                                            operand<SPLIT> &a)
{
#pragma unroll
    for (int b = 0; b < BLOCKS; b++)
#pragma unroll
        for (int row = 0; row < 2; row++) {
            float v[8];
            read8((row ? row1 : row0) + 32 * b + 8 * q, v);
            operand_set(a, b, row, v);
        }
}

/* What a lane knows of its two edges. */
typedef struct edge_pair {
    int group, node, q;
    bool live;
    size_t row[2]; /* among all edges */
    int near[2];   /* nodes */
    float weight[2];
} edge_pair;

static __device__ inline edge_pair edges_of(const batch &b, int group, int lane)
{
    edge_pair e;
    e.live = group < b.groups;
    e.group = e.live ? group : b.groups - 1;
    e.node = e.group / (b.slots / GROUP);
    e.q = lane % 4;
    for (int row = 0; row < 2; row++) {
        e.row[row] = (size_t)e.group * GROUP + lane / 4 + 8 * row;
        e.near[row] = b.neighbour[e.row[row]];
        e.weight[row] = b.weight[e.row[row]];
    }
    return e;
}

/* ends the passes before the last: s = sum of g(W2 a) */
template <bool SPLIT>
static __device__ inline void message_sum(tile &y, const operand<SPLIT> &a, float inverse,
                                          const float *bias, const batch &b,
                                          const edge_pair &e, int lane, ring &r)
{
    product(y, a, r);
    tile_sum<SPLIT>(y, inverse, bias, e.weight[0], e.weight[1], lane, e.live,
                    b.sums + (size_t)e.group * WIDTH);
}

/* The lane's edges through pass FIRST. */
template <bool SPLIT, bool CA>
static __device__ inline void first_tile(const batch &b, const pass &p, const float *vector,
                                         float *rows, int first_group, int lane, ring &r)
{
    typedef typename table_of<SPLIT>::type T;
    int thread = threadIdx.x % WARPGROUP, warpgroup = threadIdx.x / WARPGROUP;
    edge_pair e = edges_of(b, first_group + threadIdx.x / LANES % 4, lane);
    operand<SPLIT> a;
    tile y;
    {
        int last = b.groups * GROUP - 1, at = first_group * GROUP + thread % 64;
        at = at < last ? at : last;
        warpgroup_barrier(warpgroup);
        feature_rows<CA>(b.geo, at / b.slots, b.neighbour[at], b.distance[at], thread % 64,
                         thread / 64, rows);
        warpgroup_barrier(warpgroup);
    }
    feature_product<SPLIT, CA>(y, rows, lane, r);
    tile_add(y, p.inverse[0], (const float *)NULL,
             p.offset_table + b.offset[e.row[0]] * WIDTH,
             p.offset_table + b.offset[e.row[1]] * WIDTH, e.q);
    tile_norm(y, vector, vector + WIDTH, e.q);
    tile_operand(y, a);
    product(y, a, r);
    tile_add(y, p.inverse[1], vector + 2 * WIDTH, (const float *)NULL, (const float *)NULL,
             e.q);
    if (e.live)
        for (int row = 0; row < 2; row++)
            tile_store(y, row, (T *)b.edges + e.row[row] * WIDTH, e.q);
    tile_operand(y, a);
    product(y, a, r);
    if (p.labelled)
        tile_activate_nodes<SPLIT>(
            y, p.inverse[2], (const T *)b.own_message + (size_t)e.node * WIDTH,
            (const T *)b.near_message + (size_t)e.near[0] * WIDTH,
            (const T *)b.near_message + (size_t)e.near[1] * WIDTH, e.q, a);
    else
        tile_activate<SPLIT>(y, p.inverse[2], vector + 3 * WIDTH, e.q, a);
    message_sum(y, a, p.inverse[3], vector + 4 * WIDTH, b, e, lane, r);
}

/* Rows that the caller wanted as floats. */
static __device__ inline void store_states(const batch &b, const structure &s, int2 place,
                                           const edge_pair &e, tile &y)
{
    float *h_E = b.h_E ? b.h_E[place.x] : NULL;
    if (!h_E || !e.live)
        return;
    for (int row = 0; row < 2; row++) {
        int m = (int)(e.row[row] - (size_t)e.node * b.slots);
        if (m < s.K)
            tile_store(y, row, h_E + ((size_t)place.y * s.K + m) * WIDTH, e.q);
    }
}

template <int KIND, bool SPLIT>
static __device__ inline void later_tile(const batch &b, const pass &p, const float *vector,
                                         int group, int lane, ring &r)
{
    typedef typename table_of<SPLIT>::type T;
    edge_pair e = edges_of(b, group, lane);
    T *row0 = (T *)b.edges + e.row[0] * WIDTH, *row1 = (T *)b.edges + e.row[1] * WIDTH;
    size_t own = (size_t)e.node * WIDTH;
    size_t near0 = (size_t)e.near[0] * WIDTH, near1 = (size_t)e.near[1] * WIDTH;
    operand<SPLIT> a;
    tile y;
    edges_operand(row0, row1, e.q, a);
    product(y, a, r);
    tile_activate_nodes<SPLIT>(y, p.inverse[0], (const T *)b.own_update + own,
                               (const T *)b.near_update + near0,
                               (const T *)b.near_update + near1, e.q, a);
    product(y, a, r);
    tile_activate<SPLIT>(y, p.inverse[1], vector, e.q, a);
    product(y, a, r);
    tile_add(y, p.inverse[2], vector + WIDTH, (const T *)row0, (const T *)row1, e.q);
    tile_norm(y, vector + 2 * WIDTH, vector + 3 * WIDTH, e.q);
    tile_operand(y, a);
    if (KIND == MIDDLE) {
        if (e.live) {
            tile_store(y, 0, row0, e.q);
            tile_store(y, 1, row1, e.q);
        }
        product(y, a, r);
        tile_activate_nodes<SPLIT>(y, p.inverse[3], (const T *)b.own_message + own,
                                   (const T *)b.near_message + near0,
                                   (const T *)b.near_message + near1, e.q, a);
        message_sum(y, a, p.inverse[4], vector + 4 * WIDTH, b, e, lane, r);
        return;
    }
    int2 place = b.place[e.node];
    const structure &s = b.item[place.x];
    store_states(b, s, place, e, y);
    int K = s.K, m = (int)(e.row[0] - (size_t)e.node * b.slots);
    T *out = (T *)s.edge_part + ((size_t)place.y * K + m) * WIDTH;
    size_t layer = (size_t)s.L * K * WIDTH;
#pragma unroll 1
    for (int l = 0; l < p.matrices - 3; l++, out += layer) {
        product(y, a, r);
        tile_add(y, p.inverse[3 + l], vector + (4 + l) * WIDTH, (const T *)NULL,
                 (const T *)NULL, e.q);
        if (e.live && m < K)
            tile_store(y, 0, out, e.q);
        if (e.live && m + 8 < K)
            tile_store(y, 1, out + 8 * WIDTH, e.q);
    }
}

template <int KIND, bool SPLIT, bool CA>
static __global__ __launch_bounds__(most_warpgroups<SPLIT>::value *WARPGROUP,
                                    1) void edge_pass(const __grid_constant__ batch b,
                                                      const __grid_constant__ pass p,
                                                      layout l)
{
    extern __shared__ __align__(128) unsigned char shared[];
    float *vector = (float *)(shared + l.vectors);
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int tiles = (b.groups + 4 * l.warpgroups - 1) / (4 * l.warpgroups);
    ring r = {};
    r.stages = shared_address(shared);
    r.full = shared_address(shared + l.barriers);
    r.counters = r.full + 8 * l.slots;
    r.limit = l.slots;
    r.streaming = p.stages > l.slots;
    r.warps = 4 * l.warpgroups;
    r.source = p.weights;
    r.total = p.stages;
#if WGMMA
    r.next = l.slots % p.stages;
    r.more = (tiles - (int)blockIdx.x + (int)gridDim.x - 1) / (int)gridDim.x * p.stages -
             l.slots;
    if (threadIdx.x == 0)
        ring_fill<SPLIT>(r);
#else
    ring_copy<SPLIT>(r, 0);
#endif
    for (int n = threadIdx.x; n < p.vectors * WIDTH; n += blockDim.x)
        vector[n] = p.vector[n / WIDTH][n % WIDTH];
    __syncthreads();
    launch_wait();
    launch_next();
    for (int t = (int)blockIdx.x; t < tiles; t += (int)gridDim.x) {
        int group = (t * l.warpgroups + warp / 4) * 4;
        if (KIND == FIRST)
            first_tile<SPLIT, CA>(b, p, vector,
                                  (float *)(shared + l.rows) +
                                      warp / 4 * feature_floats<CA>::value,
                                  group, lane, r);
        else
            later_tile<KIND, SPLIT>(b, p, vector, group + warp % 4, lane, r);
    }
#if !WGMMA
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/* ---- host ---- */

template <int KIND, bool SPLIT, bool CA>
static fmpnn_status run_pass(device *dev, const batch *b, const pass *p, fmpnn_error *err)
{
    const void *kernel = (const void *)edge_pass<KIND, SPLIT, CA>;
    int quads = (b->groups + 3) / 4;
    int warpgroups = (quads + dev->multiprocessors - 1) / dev->multiprocessors;
    if (warpgroups > most_warpgroups<SPLIT>::value)
        warpgroups = most_warpgroups<SPLIT>::value;
    layout l = lay_out<SPLIT>(*p, KIND == FIRST ? feature_floats<CA>::value : 0, warpgroups,
                              dev->shared_limit);
    int tiles = (quads + warpgroups - 1) / warpgroups;
    launch go;
    launch_init(&go, dev, tiles < dev->multiprocessors ? tiles : dev->multiprocessors,
                warpgroups * WARPGROUP, (size_t)l.bytes);
    TRY(device_allow_shared(dev, kernel, 0, err));
    void *arguments[] = {(void *)b, (void *)p, (void *)&l};
    CUDA_TRY(cudaLaunchKernelExC(&go.config, kernel, arguments), err);
    return FMPNN_OK;
}

template <bool SPLIT>
static fmpnn_status run_any_pass(device *dev, const batch *b, const pass *p, int n,
                                 int passes, bool ca_only, fmpnn_error *err)
{
    if (n == 0)
        return ca_only ? run_pass<FIRST, SPLIT, true>(dev, b, p, err)
                       : run_pass<FIRST, SPLIT, false>(dev, b, p, err);
    return n + 1 < passes ? run_pass<MIDDLE, SPLIT, false>(dev, b, p, err)
                          : run_pass<LAST, SPLIT, false>(dev, b, p, err);
}

static void add_product(node_pass *pass, const matrix *w, const float *bias, void *table,
                        int blind)
{
    node_product *p = &pass->product[pass->products++];
    p->w = *w;
    p->bias = bias;
    p->table = table;
    p->blind = blind;
}

/* What follows edge pass n: layer n's node update, and the nodes' part in the edges to come. */
static fmpnn_status run_nodes(device *dev, const model_weights *w, const batch *b, int n,
                              fmpnn_error *err)
{
    const encoder_weights *e = &w->encoder[n];
    node_pass pass;
    memset(&pass, 0, sizeof pass);
    pass.w = e->node;
    pass.first = n == 0 && !w->label_state;
    pass.last = n + 1 == w->encoder_layers;
    add_product(&pass, &e->own11, e->bias11, b->own_update, 0);
    add_product(&pass, &e->near11, NULL, b->near_update, 0);
    if (!pass.last) {
        add_product(&pass, &e[1].own, e[1].bias, b->own_message, 0);
        add_product(&pass, &e[1].near, NULL, b->near_message, 0);
    } else {
        add_product(&pass, &w->decoder[0].own, NULL, NULL, -1);
        for (int l = 0; l < w->decoder_layers; l++)
            add_product(&pass, &w->decoder[l].near, NULL, NULL, l);
    }
    return encode_nodes(dev, b, &pass, err);
}

static fmpnn_status run_arrivals(device *dev, const model_weights *w, const batch *b,
                                 size_t n, const structure *item, float *const *h_E,
                                 fmpnn_error *err)
{
    enum { THREADS = 128 };
    arrivals in;
    int node = 0;
    for (size_t first = 0; first < n; first += AT_ONCE) {
        memset(&in, 0, sizeof in);
        in.first = (int)first;
        in.items = (structure *)b->item;
        in.h_E_out = (float **)b->h_E;
        in.label_state = w->label_state;
        in.label_own = w->label_own;
        in.label_near = w->label_near;
        for (; in.count < AT_ONCE && first + (size_t)in.count < n; in.count++) {
            in.item[in.count] = item[first + (size_t)in.count];
            in.h_E[in.count] = h_E ? h_E[first + (size_t)in.count] : NULL;
            in.base[in.count] = node;
            node += in.item[in.count].L;
        }
        in.base[in.count] = node;
        launch go;
        launch_init(&go, dev,
                    (int)(((size_t)(node - in.base[0]) * LANES + THREADS - 1) / THREADS),
                    THREADS, 0);
        void *arguments[] = {(void *)&in, (void *)b};
        CUDA_TRY(cudaLaunchKernelExC(&go.config,
                                     dev->split ? (const void *)arrive<true>
                                                : (const void *)arrive<false>,
                                     arguments),
                 err);
    }
    return FMPNN_OK;
}

/* Pieces of one block, each at a multiple of 256 bytes. */
typedef struct carving {
    unsigned char *block; /* NULL while counting */
    size_t used;
} carving;

template <typename T> static void carve(carving *c, T **out, size_t count)
{
    *out = c->block ? (T *)(c->block + c->used) : NULL;
    c->used += (count * sizeof(T) + 255) / 256 * 256;
}

static void carve_batch(carving *c, const device *dev, size_t n, batch *b, structure **item,
                        float ***h_E)
{
    size_t nodes = (size_t)b->nodes, edges = nodes * (size_t)b->slots;
    size_t number = dev->split ? sizeof(float) : sizeof(__half);
    carve(c, item, n);
    carve(c, h_E, n);
    carve(c, &b->place, nodes);
    carve(c, &b->neighbour, edges);
    carve(c, &b->weight, edges);
    carve(c, &b->distance, edges);
    carve(c, &b->offset, edges);
    carve(c, &b->count, nodes);
    carve(c, &b->geo.points, nodes * POINT_FLOATS);
    carve(c, &b->geo.frames, nodes * FRAME_FLOATS);
    carve(c, &b->h, nodes * WIDTH);
    carve(c, &b->sums, (size_t)b->groups * WIDTH);
    carve(c, (unsigned char **)&b->edges, edges * WIDTH * number);
    carve(c, (unsigned char **)&b->own_update, nodes * WIDTH * number);
    carve(c, (unsigned char **)&b->near_update, nodes * WIDTH * number);
    carve(c, (unsigned char **)&b->own_message, nodes * WIDTH * number);
    carve(c, (unsigned char **)&b->near_message, nodes * WIDTH * number);
}

/* As many structures as fit together; on one stream, without waiting for it. */
static fmpnn_status encode_some(device *dev, const model_weights *w, size_t n,
                                const structure *item, float *const *h_E, int nodes,
                                int slots, fmpnn_error *err)
{
    structure *items;
    float **states;
    void *block = NULL;
    batch b;
    memset(&b, 0, sizeof b);
    b.nodes = nodes;
    b.slots = slots;
    b.groups = nodes * (slots / GROUP);
    carving c = {NULL, 0};
    carve_batch(&c, dev, n, &b, &items, &states);
    TRY(device_alloc(dev, c.used, &block, err));
    c.block = (unsigned char *)block;
    c.used = 0;
    carve_batch(&c, dev, n, &b, &items, &states);
    b.item = items;
    b.h_E = states;
    fmpnn_status status = run_arrivals(dev, w, &b, n, item, h_E, err);
    if (!h_E)
        b.h_E = NULL;
    const encode_plan *plan = w->encode;
    for (int k = 0; k < plan->passes && !status; k++) {
        status = dev->split ? run_any_pass<true>(dev, &b, &plan->pass[k], k, plan->passes,
                                                 w->ca_only, err)
                            : run_any_pass<false>(dev, &b, &plan->pass[k], k, plan->passes,
                                                  w->ca_only, err);
        if (!status && k + 1 < plan->passes)
            status = run_nodes(dev, w, &b, k, err);
    }
    device_release(dev, block);
    return status;
}

/* Structures are taken together until their edges fill this much, and one at least. */
static const size_t SCRATCH_BYTES = (size_t)2 << 30;

fmpnn_status cuda_encode(device *dev, const model_weights *w, size_t n,
                         const structure *item, float *const *h_E, fmpnn_error *err)
{
    size_t number = dev->split ? sizeof(float) : sizeof(__half), first = 0;
    size_t limit = dev->budget / 8 < SCRATCH_BYTES ? dev->budget / 8 : SCRATCH_BYTES;
    while (first < n) {
        size_t nodes = 0, slots = GROUP, last = first;
        for (; last < n; last++) {
            size_t K = ((size_t)item[last].K + GROUP - 1) / GROUP * GROUP;
            size_t more = nodes + (size_t)item[last].L, wide = K > slots ? K : slots;
            if (last > first && more * wide * WIDTH * number > limit)
                break;
            nodes = more;
            slots = wide;
        }
        if (nodes * slots > INT32_MAX)
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "%zu residues of %zu neighbours are too many", nodes, slots);
        TRY(encode_some(dev, w, last - first, item + first, h_E ? h_E + first : NULL,
                        (int)nodes, (int)slots, err));
        first = last;
    }
    return FMPNN_OK;
}
