/* The message-passing operation under the names of backend.h: weights folded and sent once,
 * then for each call one copy in, two kernels, one copy out. */
#include "cuda/message_pass.cuh"

#include <string.h>

enum { LARGEST_WIDTH = 8192, EDGE_INPUTS = 4 };

static size_t take(size_t *used, size_t count, size_t size)
{
    size_t at = *used;
    *used += (count * size + 255) / 256 * 256;
    return at;
}

/* U1 W2 / k, and U1 b2 + c1, in double: made once. */
static void fold_update(const fmpnn_message_weights *w, size_t k, float *matrix, float *bias)
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
            matrix[n * H + q] = (float)(sum / (double)k);
        }
    }
}

/* Vectors, one block: [b1 | 0], edge weights, folded bias, c2, gamma, beta. */
static fmpnn_status send_vectors(fmpnn_operation *op, const fmpnn_message_weights *w,
                                 const float *b_update, float *host, fmpnn_error *err)
{
    size_t D = w->D, H = 2 * D, width = 2 * D + EDGE_INPUTS;
    size_t b_nodes = 0, edge = 2 * H, update = edge + 4 * H, out = update + H, gamma = out + D,
           beta = gamma + D, total = beta + D;
    memset(host, 0, total * sizeof *host);
    memcpy(host + b_nodes, w->b1, H * sizeof *host);
    for (size_t n = 0; n < H; n++)
        for (size_t q = 0; q < EDGE_INPUTS; q++)
            host[edge + q * H + n] = w->W1[n * width + 2 * D + q];
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
    size_t D = w->D, H = 2 * D, width = 2 * D + EDGE_INPUTS;
    float *plain = (float *)fmpnn_alloc(H * H > 16 * H ? H * H : 16 * H, sizeof *plain);
    float *bias = (float *)fmpnn_alloc(H, sizeof *bias);
    fmpnn_status status =
        plain && bias ? FMPNN_OK : fmpnn_fail_memory(err, "preparing message passing");
    if (!status) {
        for (size_t n = 0; n < H; n++) {
            memcpy(plain + n * D, w->W1 + n * width, D * sizeof *plain);
            memcpy(plain + (H + n) * D, w->W1 + n * width + D, D * sizeof *plain);
        }
        status = device_matrix(op->dev, plain, (int)(2 * H), (int)D, &op->w.nodes,
                               &op->matrices[0], err);
    }
    if (!status) {
        fold_update(w, (size_t)op->w.k, plain, bias);
        status = device_matrix(op->dev, plain, (int)H, (int)H, &op->w.update, &op->matrices[1],
                               err);
    }
    if (!status)
        status = device_matrix(op->dev, w->U2, (int)D, (int)H, &op->w.out, &op->matrices[2], err);
    if (!status)
        status = send_vectors(op, w, bias, plain, err);
    fmpnn_release(bias);
    fmpnn_release(plain);
    return status;
}

/* Arrays of one call; those that are sent come first, in the order of the host's memory. */
static fmpnn_status make_room(fmpnn_operation *op, fmpnn_error *err)
{
    size_t used = 0, n = op->nodes, D = (size_t)op->w.D;
    size_t h = take(&used, n * D, sizeof(float)), X = take(&used, n * 3, sizeof(float));
    size_t E = take(&used, n * (size_t)op->w.k, sizeof(int)), mask = take(&used, n, sizeof(float));
    op->sent = used;
    size_t out = take(&used, n * D, sizeof(float)), pinned = used;
    size_t parts = take(&used, n * 4 * D, sizeof(float));
    TRY(device_alloc(op->dev, used, &op->block, err));
    CUDA_TRY(cudaMallocHost((void **)&op->host, pinned), err);
    char *at = (char *)op->block;
    op->a = (operation_arrays){(float *)(at + h), (float *)(at + X), (float *)(at + mask),
                               (int *)(at + E), (float *)(at + out)};
    op->w.parts = at + parts;
    return FMPNN_OK;
}

fmpnn_status cuda_operation_create(fmpnn_context *ctx, const fmpnn_message_weights *w,
                                   size_t nodes, size_t k, fmpnn_operation **out,
                                   fmpnn_error *err)
{
    device *dev;
    TRY(device_enter(ctx, &dev, err));
    if (w->D > LARGEST_WIDTH || nodes > INT32_MAX / 2)
        return fmpnn_fail(err, FMPNN_EDEVICE,
                          "message passing of width %zu for %zu nodes: device cuda has at most "
                          "%d and %d",
                          w->D, nodes, LARGEST_WIDTH, INT32_MAX / 2);
    fmpnn_operation *op = (fmpnn_operation *)fmpnn_alloc_zero(1, sizeof *op);
    if (!op)
        return fmpnn_fail_memory(err, "preparing message passing");
    device_keep(dev);
    op->dev = dev;
    op->nodes = nodes;
    op->w.D = (int)w->D;
    op->w.H = 2 * (int)w->D;
    op->w.k = (int)k;
    op->w.tanh_form = w->tanh_form;
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
    if (op->host)
        cudaFreeHost(op->host);
    device_drop(op->dev);
    fmpnn_release(op);
}

fmpnn_status cuda_operation_run(fmpnn_operation *op, size_t B, size_t L, const float *h,
                                const float *X, const int32_t *E, const float *mask, float *out,
                                fmpnn_error *err)
{
    device *dev = op->dev;
    size_t n = B * L, D = (size_t)op->w.D;
    char *base = (char *)op->block;
    size_t at_out = (size_t)((char *)op->a.out - base);
    CUDA_TRY(cudaSetDevice(dev->number), err);
    memcpy(op->host + ((char *)op->a.h - base), h, n * D * sizeof *h);
    memcpy(op->host + ((char *)op->a.X - base), X, n * 3 * sizeof *X);
    memcpy(op->host + ((char *)op->a.E - base), E, n * (size_t)op->w.k * sizeof *E);
    memcpy(op->host + ((char *)op->a.mask - base), mask, n * sizeof *mask);
    CUDA_TRY(cudaMemcpyAsync(base, op->host, op->sent, cudaMemcpyHostToDevice, dev->stream),
             err);
    TRY(operation_launch(dev, &op->w, B, L, &op->a, err));
    CUDA_TRY(cudaMemcpyAsync(op->host + at_out, op->a.out, n * D * sizeof *out,
                             cudaMemcpyDeviceToHost, dev->stream),
             err);
    TRY(device_wait(dev, err));
    memcpy(out, op->host + at_out, n * D * sizeof *out);
    return FMPNN_OK;
}
