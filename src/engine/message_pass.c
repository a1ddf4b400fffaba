/* The message-passing operation by itself, fused in the algebra:
 *
 *     W1 = [Wi | Wj | We]:  z_ij = (Wi h_i + b1) + Wj h_j + We [distance | direction]
 *     s_i = sum_j g(z_ij)                      kept in registers (kernel edge_sum)
 *     out = LN(h_i + U2 g((U1 W2 / k) s_i + (U1 b2 + c1)) + c2) gamma + beta
 *
 * Two products per node replace two per edge, and nothing of size L k reaches memory.
 * docs/math.md, "The operation alone". */
#include "engine/engine.h"

#include <string.h>

enum {
    BLOCK = 112,         /* nodes that share a walk through the weights */
    SMALLEST_BLOCK = 6,  /* a register tile: less would waste it */
    BLOCKS_A_THREAD = 4, /* so that threads can even out */
    EDGE_INPUTS = 4,
    POINT = 4,  /* floats of one: the kernel's rows */
    EDGES = 384 /* whose geometry is computed together, if a node has no more */
};

/* Work memory of one thread. */
typedef struct lane {
    float *own;      /* [BLOCK][2D] Wi h + b1 of the block's nodes */
    float *s, *t;    /* [BLOCK][2D] */
    float *geometry; /* [4][group k] distance, direction, for a group of nodes */
    unsigned mode;   /* of the floating-point unit, before */
} lane;

struct fmpnn_operation {
    fmpnn_context *ctx;
    size_t D, H, k, nodes; /* H = 2D */
    size_t group;          /* nodes whose geometry is computed together */
    bool tanh_form;
    size_t width;               /* of a row of parts: 2D, or 4D where own ones follow */
    float *w_own, *b_own;       /* Wi as panels [2D][D], and b1; none if own parts follow */
    float *w_other, *b_other;   /* Wj as panels [2D][D], and 0, or [Wj; Wi] and [0; b1] */
    float *w_edge;              /* [4][2D] */
    float *w_update, *b_update; /* U1 W2 / k as panels [2D][2D], and U1 b2 + c1 */
    float *w_out, *b_out;       /* U2 as panels [D][2D], and c2 */
    fmpnn_product update[2];    /* the two before, one after the other */
    float *gamma, *beta;
    float *parts;  /* [nodes][width] Wj h: what any edge may read, */
    float *points; /* [nodes][4] and X */
    lane *lanes;   /* [threads] */
    float *floats; /* owner of all floats */
};

/* ---- preparation ---- */

/* Hands out pieces of one block; counts while there is none. */
static float *take(fmpnn_operation *op, size_t *used, size_t count)
{
    float *at = op->floats ? op->floats + *used : NULL;
    *used += (count + 15) / 16 * 16;
    return at;
}

static size_t lay_out(fmpnn_operation *op)
{
    size_t D = op->D, H = op->H, used = 0;
    if (op->width == H) {
        op->w_own = take(op, &used, fmpnn_panels_size(H, D));
        op->b_own = take(op, &used, H);
    }
    op->w_other = take(op, &used, fmpnn_panels_size(op->width, D));
    op->b_other = take(op, &used, op->width);
    op->w_edge = take(op, &used, EDGE_INPUTS * H);
    op->w_update = take(op, &used, fmpnn_panels_size(H, H));
    op->b_update = take(op, &used, H);
    op->w_out = take(op, &used, fmpnn_panels_size(D, H));
    op->b_out = take(op, &used, D);
    op->gamma = take(op, &used, D);
    op->beta = take(op, &used, D);
    op->parts = take(op, &used, op->nodes * op->width);
    op->points = take(op, &used, op->nodes * POINT);
    for (int n = 0; n < op->ctx->threads; n++) {
        lane *l = &op->lanes[n];
        l->own = take(op, &used, BLOCK * H);
        l->s = take(op, &used, BLOCK * H);
        l->t = take(op, &used, BLOCK * H);
        l->geometry = take(op, &used, op->group * op->k * EDGE_INPUTS);
    }
    return used;
}

/* U1 W2 / k and U1 b2 + c1, in double: made once. `plain` is [2D][2D] work memory. */
static void fold_update(fmpnn_operation *op, const fmpnn_message_weights *w, float *plain)
{
    size_t D = op->D, H = op->H;
    for (size_t n = 0; n < H; n++) {
        double bias = w->c1[n];
        for (size_t d = 0; d < D; d++)
            bias += (double)w->U1[n * D + d] * w->b2[d];
        op->b_update[n] = (float)bias;
        for (size_t q = 0; q < H; q++) {
            double sum = 0;
            for (size_t d = 0; d < D; d++)
                sum += (double)w->U1[n * D + d] * w->W2[d * H + q];
            plain[n * H + q] = (float)(sum / (double)op->k);
        }
    }
    fmpnn_panels_pack(op->w_update, plain, H, H, H);
}

/* The weights of parts. `plain` is [4D][D] work memory. */
static void pack_parts(fmpnn_operation *op, const fmpnn_message_weights *w, float *plain)
{
    size_t D = op->D, H = op->H, width = 2 * D + EDGE_INPUTS;
    for (size_t n = 0; n < H; n++) {
        memcpy(plain + n * D, w->W1 + n * width + D, D * sizeof(float));
        memcpy(plain + (H + n) * D, w->W1 + n * width, D * sizeof(float));
        op->b_other[n] = 0;
    }
    fmpnn_panels_pack(op->w_other, plain, D, op->width, D);
    if (op->width == H)
        fmpnn_panels_pack(op->w_own, plain + H * D, D, H, D);
    memcpy(op->width == H ? op->b_own : op->b_other + H, w->b1, H * sizeof(float));
}

static void pack(fmpnn_operation *op, const fmpnn_message_weights *w, float *plain)
{
    size_t D = op->D, H = op->H, width = 2 * D + EDGE_INPUTS;
    pack_parts(op, w, plain);
    for (size_t n = 0; n < H; n++)
        for (size_t q = 0; q < EDGE_INPUTS; q++)
            op->w_edge[q * H + n] = w->W1[n * width + 2 * D + q];
    fold_update(op, w, plain);
    fmpnn_panels_pack(op->w_out, w->U2, H, D, H);
    memcpy(op->b_out, w->c2, D * sizeof(float));
    op->update[0] = (fmpnn_product){op->w_update, H, op->b_update};
    op->update[1] = (fmpnn_product){op->w_out, D, op->b_out};
    memcpy(op->gamma, w->gamma, D * sizeof(float));
    memcpy(op->beta, w->beta, D * sizeof(float));
}

/* Whether the product that makes what neighbours read makes what a node's own edges read too: the matrix
 * unit would fall asleep between two. Not where there is more than one block: what is read once would leave
 * the caches (8, 500, 128, 48: 7 % slower); nor in float32, whose units do not sleep (1 % slower). */
static bool own_parts_follow(const fmpnn_context *ctx, size_t nodes)
{
    return ctx->threads == 1 && nodes <= BLOCK &&
           strcmp(ctx->kernels->precision, "fp32") != 0;
}

fmpnn_status fmpnn_engine_operation_create(fmpnn_context *ctx,
                                           const fmpnn_message_weights *weights,
                                           size_t nodes, size_t k, fmpnn_operation **out,
                                           fmpnn_error *err)
{
    size_t D = weights->D;
    float *plain = NULL;
    fmpnn_status status = FMPNN_OK;
    fmpnn_operation *op = fmpnn_alloc_zero(1, sizeof *op);
    if (!op)
        return fmpnn_fail_memory(err, "preparing message passing");
    op->ctx = ctx;
    op->D = D;
    op->H = 2 * D;
    op->k = k;
    op->nodes = nodes;
    op->width = own_parts_follow(ctx, nodes) ? 2 * op->H : op->H;
    op->group = k < EDGES ? EDGES / k : 1;
    op->tanh_form = weights->tanh_form;
    op->lanes = fmpnn_alloc_zero((size_t)ctx->threads, sizeof *op->lanes);
    plain = fmpnn_alloc(op->H * op->H, sizeof *plain);
    if (op->lanes && plain)
        op->floats = fmpnn_alloc(lay_out(op), sizeof *op->floats);
    if (!op->floats) {
        status = fmpnn_fail_memory(err, "preparing message passing");
        goto done;
    }
    lay_out(op);
    pack(op, weights, plain);
    fmpnn_pool_start(ctx->pool, ctx->threads); /* a run allocates nothing, threads neither */
    *out = op;
    op = NULL;
done:
    fmpnn_release(plain);
    fmpnn_engine_operation_free(op);
    return status;
}

void fmpnn_engine_operation_free(fmpnn_operation *op)
{
    if (!op)
        return;
    fmpnn_release(op->floats);
    fmpnn_release(op->lanes);
    fmpnn_release(op);
}

/* ---- the call ---- */

typedef struct call {
    const fmpnn_operation *op;
    size_t L, total, block; /* block: nodes at a time */
    const float *h, *X, *mask;
    const int32_t *E;
    float *out;
} call;

/* What a node's neighbours read of it: what it adds to their edges, and where it is. (What it adds to
 * its own edges they need alone: it is made just before, and stays in the first-level cache; or here,
 * see own_parts_follow().) */
static void node_parts(const call *c, size_t first, size_t M)
{
    const fmpnn_operation *op = c->op;
    for (size_t n = first; n < first + M; n++) {
        float *point = op->points + n * POINT;
        const float *x = c->X + n * 3;
        point[0] = x[0];
        point[1] = x[1];
        point[2] = x[2];
        point[3] = 0;
    }
    op->ctx->kernels->gemm(op->parts + first * op->width, op->width, c->h + first * op->D,
                           op->D, M, op->D, op->w_other, op->width, op->b_other, NULL, 0);
}

/* s = sum of GELU over the edges of each of M nodes, `own` with rows of op->width. Neighbours are numbered
 * within a batch element, so a group of nodes ends with it. */
static void sum_edges(const call *c, size_t first, size_t M, const float *own, lane *l)
{
    const fmpnn_operation *op = c->op;
    const fmpnn_kernels *kernels = op->ctx->kernels;
    size_t count;
    for (size_t m = 0; m < M; m += count) {
        const size_t node = first + m, within = node % c->L, base = node - within;
        const int32_t *E = c->E + node * op->k;
        count = op->group;
        count = count < M - m ? count : M - m;
        count = count < c->L - within ? count : c->L - within;
        kernels->edge_geometry(l->geometry, op->points + node * POINT,
                               op->points + base * POINT, E, count, op->k);
        for (size_t n = 0; n < count; n++)
            kernels->edge_sum(l->s + (m + n) * op->H, own + (m + n) * op->width,
                              op->parts + base * op->width, op->width, E + n * op->k,
                              l->geometry + n * op->k, count * op->k, op->w_edge, op->k,
                              op->H, op->tanh_form);
    }
}

static void block(const call *c, size_t first, size_t M, lane *l)
{
    const fmpnn_operation *op = c->op;
    const fmpnn_kernels *kernels = op->ctx->kernels;
    size_t D = op->D, H = op->H;
    const fmpnn_added nothing = {0};
    const float *residual[BLOCK];
    float *out = c->out + first * D;
    const float *own = op->parts + first * op->width + H;
    if (op->width == H) {
        kernels->gemm(l->own, H, c->h + first * D, D, M, D, op->w_own, H, op->b_own, NULL,
                      0);
        own = l->own;
    }
    sum_edges(c, first, M, own, l);
    for (size_t m = 0; m < M; m++)
        residual[m] = c->h + (first + m) * D;
    if (op->tanh_form) {
        kernels->gemm(l->t, H, l->s, H, M, H, op->w_update, H, op->b_update, NULL, 0);
        kernels->gelu(l->t, l->t, M * H, 1);
        kernels->gemm(out, D, l->t, H, M, H, op->w_out, D, op->b_out, residual, 0);
    } else
        kernels->mlp(out, D, l->s, H, M, H, op->update, 2, &nothing, residual, l->t);
    kernels->layer_norm(out, D, out, D, M, D, op->gamma, op->beta);
    for (size_t m = 0; m < M; m++)
        if (c->mask[first + m] != 1)
            for (size_t d = 0; d < D; d++)
                out[m * D + d] *= c->mask[first + m];
}

static size_t block_size(size_t total, int threads)
{
    if (threads == 1)
        return BLOCK;
    size_t size = total / ((size_t)threads * BLOCKS_A_THREAD);
    size = size / SMALLEST_BLOCK * SMALLEST_BLOCK;
    return size < SMALLEST_BLOCK ? SMALLEST_BLOCK : size > BLOCK ? BLOCK : size;
}

static size_t count_blocks(void *of, size_t phase)
{
    const call *c = of;
    (void)phase;
    return (c->total + c->block - 1) / c->block;
}

static void do_block(void *of, size_t phase, size_t n, void *mine)
{
    const call *c = of;
    size_t first = n * c->block, left = c->total - first, M = left < c->block ? left : c->block;
    if (phase == 0)
        node_parts(c, first, M);
    else
        block(c, first, M, mine);
}

static bool enter(void *of, void *mine)
{
    (void)of;
    ((lane *)mine)->mode = fmpnn_float_mode_enter();
    return true;
}

static void leave(void *of, void *mine)
{
    (void)of;
    fmpnn_float_mode_leave(((lane *)mine)->mode);
}

fmpnn_status fmpnn_engine_operation_run(fmpnn_operation *op, size_t B, size_t L, const float *h,
                                        const float *X, const int32_t *E, const float *mask,
                                        float *out, fmpnn_error *err)
{
    (void)err;
    call c = {
        .op = op, .L = L, .total = B * L, .h = h, .X = X, .E = E, .mask = mask, .out = out};
    fmpnn_task task = {.of = &c, .phases = 2, .items = count_blocks, .item = do_block,
                       .lane_size = sizeof *op->lanes, .lanes = op->lanes, .enter = enter,
                       .leave = leave};
    c.block = block_size(c.total, op->ctx->threads);
    fmpnn_pool_run(op->ctx->pool, op->ctx->threads, &task);
    return FMPNN_OK;
}
