/* The message-passing operation as its formula is written, in double: every edge concatenated,
 * both products per edge. docs/math.md, equation 17. */
#include "reference/reference.h"

#include <math.h>
#include <string.h>

struct fmpnn_operation {
    fmpnn_message_weights w; /* pointers into `copy` */
    size_t k;
    float *copy;
    double *edge, *hidden, *mean, *update; /* one row each: [2D+4] [2D] [D] [D] */
};

static double activation(double x, bool tanh_form)
{
    if (tanh_form)
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + erf(x * M_SQRT1_2));
}

/* dst = W src + b */
static void linear(double *dst, const float *W, const float *b, const double *src,
                   size_t out, size_t in)
{
    for (size_t n = 0; n < out; n++) {
        double sum = b[n];
        for (size_t q = 0; q < in; q++)
            sum += (double)W[n * in + q] * src[q];
        dst[n] = sum;
    }
}

fmpnn_status fmpnn_reference_operation_create(fmpnn_context *ctx,
                                              const fmpnn_message_weights *weights,
                                              size_t nodes, size_t k, fmpnn_operation **out,
                                              fmpnn_error *err)
{
    (void)ctx;
    (void)nodes;
    size_t D = weights->D, H = 2 * D;
    const struct {
        const float *src;
        size_t count;
    } parts[] = {
        {weights->W1, H * (H + 4)}, {weights->b1, H},     {weights->W2, D * H},
        {weights->b2, D},           {weights->U1, H * D}, {weights->c1, H},
        {weights->U2, D * H},       {weights->c2, D},     {weights->gamma, D},
        {weights->beta, D},
    };
    size_t total = 0, used = 0;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
        total += parts[n].count;
    fmpnn_operation *op = fmpnn_alloc_zero(1, sizeof *op);
    if (!op)
        return fmpnn_fail_memory(err, "preparing message passing");
    op->w = *weights;
    op->k = k;
    op->copy = fmpnn_alloc(total, sizeof *op->copy);
    op->edge = fmpnn_alloc(3 * H + 4, sizeof *op->edge);
    if (!op->copy || !op->edge) {
        fmpnn_reference_operation_free(op);
        return fmpnn_fail_memory(err, "preparing message passing");
    }
    const float **pointers[] = {&op->w.W1, &op->w.b1, &op->w.W2, &op->w.b2,    &op->w.U1,
                                &op->w.c1, &op->w.U2, &op->w.c2, &op->w.gamma, &op->w.beta};
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++) {
        memcpy(op->copy + used, parts[n].src, parts[n].count * sizeof *op->copy);
        *pointers[n] = op->copy + used;
        used += parts[n].count;
    }
    op->hidden = op->edge + H + 4;
    op->mean = op->hidden + H;
    op->update = op->mean + D;
    *out = op;
    return FMPNN_OK;
}

/* One message added to op->mean. */
static void add_message(fmpnn_operation *op, const float *h_i, const float *h_j,
                        const float *x_i, const float *x_j)
{
    size_t D = op->w.D, H = 2 * D;
    double delta[3], square = 0;
    for (size_t d = 0; d < D; d++) {
        op->edge[d] = h_i[d];
        op->edge[D + d] = h_j[d];
    }
    for (int a = 0; a < 3; a++) {
        delta[a] = (double)x_j[a] - x_i[a];
        square += delta[a] * delta[a];
    }
    op->edge[H] = sqrt(square + 1e-8);
    for (int a = 0; a < 3; a++)
        op->edge[H + 1 + (size_t)a] = delta[a] / (op->edge[H] + 1e-8);
    linear(op->hidden, op->w.W1, op->w.b1, op->edge, H, H + 4);
    for (size_t n = 0; n < H; n++)
        op->hidden[n] = activation(op->hidden[n], op->w.tanh_form);
    linear(op->update, op->w.W2, op->w.b2, op->hidden, D, H);
    for (size_t d = 0; d < D; d++)
        op->mean[d] += op->update[d] / (double)op->k;
}

/* Update, residual, norm and mask of one node. */
static void update_node(fmpnn_operation *op, const float *h, float mask, float *out)
{
    size_t D = op->w.D, H = 2 * D;
    double mean = 0, variance = 0;
    linear(op->hidden, op->w.U1, op->w.c1, op->mean, H, D);
    for (size_t n = 0; n < H; n++)
        op->hidden[n] = activation(op->hidden[n], op->w.tanh_form);
    linear(op->update, op->w.U2, op->w.c2, op->hidden, D, H);
    for (size_t d = 0; d < D; d++) {
        op->update[d] += h[d];
        mean += op->update[d] / (double)D;
    }
    for (size_t d = 0; d < D; d++)
        variance += (op->update[d] - mean) * (op->update[d] - mean) / (double)D;
    for (size_t d = 0; d < D; d++)
        out[d] = (float)(mask *
                         ((op->update[d] - mean) / sqrt(variance + 1e-5) * op->w.gamma[d] +
                          op->w.beta[d]));
}

fmpnn_status fmpnn_reference_operation_run(fmpnn_operation *op, size_t B, size_t L,
                                           const float *h, const float *X, const int32_t *E,
                                           const float *mask, float *out, fmpnn_error *err)
{
    (void)err;
    size_t D = op->w.D;
    for (size_t i = 0; i < B * L; i++) {
        size_t base = i / L * L;
        memset(op->mean, 0, D * sizeof *op->mean);
        for (size_t m = 0; m < op->k; m++) {
            size_t j = base + (size_t)E[i * op->k + m];
            add_message(op, h + i * D, h + j * D, X + i * 3, X + j * 3);
        }
        update_node(op, h + i * D, mask[i], out + i * D);
    }
    return FMPNN_OK;
}

void fmpnn_reference_operation_free(fmpnn_operation *op)
{
    if (!op)
        return;
    fmpnn_release(op->edge);
    fmpnn_release(op->copy);
    fmpnn_release(op);
}
