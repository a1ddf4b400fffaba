/* What a residue does with the sum over its neighbours: the last linear map of the message
 * (which commutes with the sum, so it is applied once a residue instead of once an edge),
 * residual, feed-forward, two norms. */
#include "engine/engine.h"

/* Messages are summed over neighbours and divided by 30, whatever their number. */
static const float MESSAGE_SCALE = 1.0f / 30;

void fmpnn_node_update(const fmpnn_kernels *kernels, const fmpnn_packed_node *w, size_t C,
                       size_t F, size_t M, float *h, float *s, const float *count, float *work)
{
    const float *rows[FMPNN_BLOCK];
    for (size_t m = 0; m < M; m++) {
        rows[m] = h + m * C;
        for (size_t c = 0; c < C; c++) {
            h[m * C + c] += count[m] * MESSAGE_SCALE * w->b3[c];
            s[m * C + c] *= MESSAGE_SCALE;
        }
    }
    kernels->gemm(h, C, s, C, M, C, w->w3, C, NULL, rows, 0);
    kernels->layer_norm(h, C, h, C, M, C, w->norm1.gain, w->norm1.bias);
    kernels->gemm(work, F, h, C, M, C, w->w_in, F, w->b_in, NULL, 1);
    kernels->gemm(h, C, work, F, M, F, w->w_out, C, w->b_out, rows, 0);
    kernels->layer_norm(h, C, h, C, M, C, w->norm2.gain, w->norm2.bias);
}
