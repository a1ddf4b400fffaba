/* The message-passing operation under the names of backend.h: weights folded and sent once,
 * then for each call copies in, kernels, copies out, in groups that overlap. */
#include "cuda/message_pass.cuh"

#include <string.h>

enum { LARGEST_WIDTH = 8192, INPUTS = 4 };

static size_t take(size_t *used, size_t count, size_t size)
{
    size_t at = *used;
    *used += (count * size + 255) / 256 * 256;
    return at;
}

/* The accurate ones as src/kernels/gelu.h has them, below 5e-7 max(1, |x|). */
static const gelu_form erf_gelu = {
    {6.38008f, 18.947072f, -11.520901f},
    5.5f,
    {-2.48232136e-05f, 0.000670904701f, -0.00112706854f, -0.0169850383f, -0.0459733121f,
     0.969044268f, 0.00230659731f, -0.0452026092f, -7.69713588e-05f, 0.500000119f},
    true};
static const gelu_form tanh_gelu = {
    {6.38307649f, 18.266833f, 0},
    5.30000019f,
    {4.1667332e-05f, -0.000511384802f, 0.0025821547f, -0.00165367383f, -0.0316518694f,
     -0.0921048671f, 0.911539555f, 0.0101873493f, -0.000301313295f, 0.50000006f},
    false};

/* U1 W2, and U1 b2 + c1, in double: made once. */
static void fold_update(const fmpnn_message_weights *w, float *matrix, float *bias)
{
    size_t D = w->D, H = 2 * D;
    for (size_t n = 0; n < H; n++) {
        double sum = w->c1[n];
        for (size_t d = 0; d < D; d++)
            sum += (double)w->U1[n * D + d] * w->b2[d];
        bias[n] = (float)sum;
        for (size_t q = 0; q < H; q++) {
            sum = 0;
            for (size_t d = 0; d < D; d++)
                sum += (double)w->U1[n * D + d] * w->W2[d * H + q];
            matrix[n * H + q] = (float)sum;
        }
    }
}

/* Vectors, one block: [b1 | 0], edge weights, folded bias, c2, gamma, beta. */
static fmpnn_status send_vectors(fmpnn_operation *op, const fmpnn_message_weights *w,
                                 float factor, const float *b_update, float *host,
                                 fmpnn_error *err)
{
    size_t D = w->D, H = 2 * D, width = 2 * D + INPUTS;
    size_t b_nodes = 0, edge = 2 * H, update = edge + 4 * H, out = update + H,
           gamma = out + D, beta = gamma + D, total = beta + D;
    memset(host, 0, total * sizeof *host);
    for (size_t n = 0; n < H; n++) {
        host[b_nodes + n] = factor * w->b1[n];
        for (size_t q = 0; q < INPUTS; q++)
            host[edge + q * H + n] = factor * w->W1[n * width + 2 * D + q];
    }
    memcpy(host + update, b_update, H * sizeof *host);
    memcpy(host + out, w->c2, D * sizeof *host);
    memcpy(host + gamma, w->gamma, D * sizeof *host);
    memcpy(host + beta, w->beta, D * sizeof *host);
    float *at;
    TRY(device_array(op->dev, total, &at, err));
    op->vectors = at;
    op->w.b_nodes = at + b_nodes;
    op->w.edge = at + edge;
    op->w.b_update = at + update;
    op->w.b_out = at + out;
    op->w.gamma = at + gamma;
    op->w.beta = at + beta;
    CUDA_TRY(cudaMemcpyAsync(at, host, total * sizeof *host, cudaMemcpyHostToDevice,
                             op->dev->stream),
             err);
    return device_wait(op->dev, err);
}

static fmpnn_status send_weights(fmpnn_operation *op, const fmpnn_message_weights *w,
                                 fmpnn_error *err)
{
    size_t D = w->D, H = 2 * D, width = 2 * D + INPUTS;
    float factor = !op->dev->split && operation_has_tiles(op->w.D) ? 0.125f : 1;
    float *plain = (float *)fmpnn_alloc(H * H > 16 * H ? H * H : 16 * H, sizeof *plain);
    float *bias = (float *)fmpnn_alloc(H, sizeof *bias);
    fmpnn_status status =
        plain && bias ? FMPNN_OK : fmpnn_fail_memory(err, "preparing message passing");
    if (!status) {
        for (size_t n = 0; n < H; n++)
            for (size_t d = 0; d < D; d++) {
                plain[n * D + d] = factor * w->W1[n * width + d];
                plain[(H + n) * D + d] = factor * w->W1[n * width + D + d];
            }
        status = device_matrix(op->dev, plain, (int)(2 * H), (int)D, &op->w.nodes,
                               &op->matrices[0], err);
    }
    if (!status) {
        fold_update(w, plain, bias);
        status = device_matrix(op->dev, plain, (int)H, (int)H, &op->w.update,
                               &op->matrices[1], err);
    }
    if (!status)
        status = device_matrix(op->dev, w->U2, (int)D, (int)H, &op->w.out, &op->matrices[2],
                               err);
    if (!status)
        status = send_vectors(op, w, factor, bias, plain, err);
    fmpnn_release(bias);
    fmpnn_release(plain);
    return status;
}

/* The block of all arrays; if there is no room, say for how many nodes there would be. */
static fmpnn_status take_block(fmpnn_operation *op, size_t bytes, fmpnn_error *err)
{
    size_t left = 0, all = 0;
    fmpnn_status status = device_alloc(op->dev, bytes, &op->block, err);
    if (status != FMPNN_ENOMEM)
        return status;
    CUDA_TRY(cudaMemGetInfo(&left, &all), err);
    return fmpnn_fail(
        err, FMPNN_ENOMEM,
        "device %d: message passing of %zu nodes takes %zu bytes, %zu of %zu are "
        "free: %zu nodes would fit",
        op->dev->number, op->nodes, bytes, left, all,
        (size_t)((double)left / (double)bytes * (double)op->nodes));
}

/* Arrays of one call; those that are sent come first, in the order of the host's memory. */
static fmpnn_status make_room(fmpnn_operation *op, fmpnn_error *err)
{
    size_t used = 0, n = op->nodes, D = (size_t)op->w.D;
    size_t h = take(&used, n * D, sizeof(float)), X = take(&used, n * 3, sizeof(float));
    size_t E = take(&used, n * (size_t)op->w.k, sizeof(int)),
           mask = take(&used, n, sizeof(float));
    op->sent = used;
    size_t out = take(&used, n * D, sizeof(float)), pinned = used;
    bool half = !op->dev->split && operation_has_tiles(op->w.D);
    size_t row = 4 * D * (half ? sizeof(__half) : sizeof(float));
    size_t parts = take(&used, n + 1, row);
    size_t mean = take(&used, n * 2 * D, half ? sizeof(__half) : sizeof(float));
    TRY(take_block(op, used, err));
    CUDA_TRY(cudaMallocHost((void **)&op->host, pinned), err);
    char *at = (char *)op->block;
    op->a = (operation_arrays){(float *)(at + h), (float *)(at + X), (float *)(at + mask),
                               (int *)(at + E), (float *)(at + out)};
    op->w.parts = at + parts;
    op->w.mean = at + mean;
    op->w.zero_row = (int)n;
    for (int g = 0; g < MOST_GROUPS; g++)
        CUDA_TRY(cudaEventCreateWithFlags(&op->back[g], cudaEventDisableTiming), err);
    CUDA_TRY(cudaMemsetAsync(at + parts + n * row, 0, row, op->dev->stream), err);
    return FMPNN_OK;
}

fmpnn_status cuda_operation_create(fmpnn_context *ctx, const fmpnn_message_weights *w,
                                   size_t nodes, size_t k, fmpnn_operation **out,
                                   fmpnn_error *err)
{
    device *dev;
    TRY(device_enter(ctx, &dev, err));
    if (w->D > LARGEST_WIDTH || nodes > INT32_MAX / 2)
        return fmpnn_fail(
            err, FMPNN_EDEVICE,
            "message passing of width %zu for %zu nodes: device cuda has at most "
            "%d and %d",
            w->D, nodes, LARGEST_WIDTH, INT32_MAX / 2);
    fmpnn_operation *op = (fmpnn_operation *)fmpnn_alloc_zero(1, sizeof *op);
    if (!op)
        return fmpnn_fail_memory(err, "preparing message passing");
    device_keep(dev);
    op->ctx = ctx;
    op->dev = dev;
    op->nodes = nodes;
    op->w.D = (int)w->D;
    op->w.H = 2 * (int)w->D;
    op->w.k = (int)k;
    op->w.tanh_form = w->tanh_form;
    op->w.inverse_k = 1 / (float)k;
    op->w.gelu = w->tanh_form ? tanh_gelu : erf_gelu;
    fmpnn_status status = send_weights(op, w, err);
    if (!status)
        status = make_room(op, err);
    if (status) {
        cuda_operation_free(op);
        return status;
    }
    *out = op;
    return FMPNN_OK;
}

void cuda_operation_free(fmpnn_operation *op)
{
    if (!op)
        return;
    cudaSetDevice(op->dev->number);
    device_release(op->dev, op->block);
    device_release(op->dev, op->vectors);
    for (int n = 0; n < 3; n++)
        device_release(op->dev, op->matrices[n]);
    cudaStreamSynchronize(op->dev->stream);
    for (int g = 0; g < MOST_GROUPS; g++)
        if (op->back[g])
            cudaEventDestroy(op->back[g]);
    if (op->host)
        cudaFreeHost(op->host);
    device_drop(op->dev);
    fmpnn_release(op);
}

/* ---- a call ---- */

typedef struct span {
    char *to;
    const char *from;
    size_t bytes;
} span;

typedef struct copying {
    span of[4];
    int spans;
} copying;

enum { PIECE = 128 << 10, WORTH_THREADS = 1 << 20, GROUP_BYTES = 3 << 20 };

static void copy_piece(void *of, size_t n)
{
    const copying *c = (const copying *)of;
    for (int s = 0; s < c->spans; s++) {
        size_t pieces = (c->of[s].bytes + PIECE - 1) / PIECE;
        if (n < pieces) {
            size_t at = n * PIECE, left = c->of[s].bytes - at;
            memcpy(c->of[s].to + at, c->of[s].from + at, left < PIECE ? left : PIECE);
            return;
        }
        n -= pieces;
    }
}

/* Between the caller's memory and pinned memory, by the context's threads if it is much. */
static void copy_spans(fmpnn_context *ctx, const copying *c)
{
    size_t bytes = 0, pieces = 0;
    for (int s = 0; s < c->spans; s++) {
        bytes += c->of[s].bytes;
        pieces += (c->of[s].bytes + PIECE - 1) / PIECE;
    }
    fmpnn_pool_each(ctx->pool, bytes < WORTH_THREADS ? 1 : ctx->threads, pieces, copy_piece,
                    (void *)c);
}

/* Elements b0 .. b0 + B - 1 on their way: to pinned memory, to the device, through the
 * kernels, to pinned memory. */
static fmpnn_status send_group(fmpnn_operation *op, size_t b0, size_t B, size_t L,
                               const float *h, const float *X, const int32_t *E,
                               const float *mask, cudaEvent_t back, fmpnn_error *err)
{
    device *dev = op->dev;
    const size_t first = b0 * L, n = B * L, D = (size_t)op->w.D, k = (size_t)op->w.k;
    const operation_arrays a = {op->a.h + first * D, op->a.X + first * 3,
                                op->a.mask + first, op->a.E + first * k,
                                op->a.out + first * D};
    char *base = (char *)op->block;
#define HERE(array) (op->host + ((const char *)(array)-base))
    copying c = {{{HERE(a.h), (const char *)(h + first * D), n * D * sizeof *h},
                  {HERE(a.X), (const char *)(X + first * 3), n * 3 * sizeof *X},
                  {HERE(a.E), (const char *)(E + first * k), n * k * sizeof *E},
                  {HERE(a.mask), (const char *)(mask + first), n * sizeof *mask}},
                 4};
    copy_spans(op->ctx, &c);
    if (n == op->nodes) { /* all that there is room for lies side by side */
        CUDA_TRY(
            cudaMemcpyAsync(base, op->host, op->sent, cudaMemcpyHostToDevice, dev->stream),
            err);
    } else {
        for (int s = 0; s < c.spans; s++)
            CUDA_TRY(cudaMemcpyAsync(base + (c.of[s].to - op->host), c.of[s].to,
                                     c.of[s].bytes, cudaMemcpyHostToDevice, dev->stream),
                     err);
    }
    TRY(operation_launch(dev, &op->w, B, L, &a, err));
    CUDA_TRY(cudaMemcpyAsync(HERE(a.out), a.out, n * D * sizeof *h, cudaMemcpyDeviceToHost,
                             dev->stream),
             err);
#undef HERE
    CUDA_TRY(cudaEventRecord(back, dev->stream), err);
    return FMPNN_OK;
}

/* Elements go in groups, so that while one is computed the next is copied and the one
 * before comes back. */
static fmpnn_status run_groups(fmpnn_operation *op, size_t B, size_t L, const float *h,
                               const float *X, const int32_t *E, const float *mask,
                               float *out, fmpnn_error *err)
{
    const size_t D = (size_t)op->w.D, each = L * (D + 4 + (size_t)op->w.k) * sizeof(float);
    size_t groups = B * each / GROUP_BYTES + 1;
    groups = groups < MOST_GROUPS ? groups : MOST_GROUPS;
    const size_t step = (B + groups - 1) / groups;
    groups = (B + step - 1) / step;
    for (size_t g = 0; g < groups; g++)
        TRY(send_group(op, g * step, g + 1 < groups ? step : B - g * step, L, h, X, E, mask,
                       op->back[g], err));
    for (size_t g = 0; g < groups; g++) {
        size_t first = g * step * L * D,
               count = (g + 1 < groups ? step : B - g * step) * L * D;
        const float *from = op->a.out + first;
        CUDA_TRY(cudaEventSynchronize(op->back[g]), err);
        const copying c = {{{(char *)(out + first),
                             op->host + ((const char *)from - (const char *)op->block),
                             count * sizeof *out}},
                           1};
        copy_spans(op->ctx, &c);
    }
    return FMPNN_OK;
}

fmpnn_status cuda_operation_run(fmpnn_operation *op, size_t B, size_t L, const float *h,
                                const float *X, const int32_t *E, const float *mask,
                                float *out, fmpnn_error *err)
{
    CUDA_TRY(cudaSetDevice(op->dev->number), err);
    fmpnn_status status = run_groups(op, B, L, h, X, E, mask, out, err);
    if (status)
        cudaStreamSynchronize(op->dev->stream); /* nothing is under way when it returns */
    return status;
}
