/* What packing is made of: see packed_walk.h. */
#include "weights/packed_walk.h"

#include "kernels/kernels.h"

#include <string.h>

enum { LINE = 16 }; /* floats in a cache line: every array starts on one */

size_t fmpnn_walk_width(size_t C)
{
    return C > FMPNN_TYPE_WIDTH ? C : FMPNN_TYPE_WIDTH;
}

float *fmpnn_walk_take(fmpnn_walk *w, size_t count)
{
    float *at = w->block ? w->block + w->used : NULL;
    w->used += (count + LINE - 1) / LINE * LINE;
    return at;
}

const float *fmpnn_walk_pack(fmpnn_walk *w, const fmpnn_linear *linear, size_t first, size_t K)
{
    float *panels = fmpnn_walk_take(w, fmpnn_panels_size(linear->out, K));
    if (panels)
        fmpnn_panels_pack(panels, linear->w + first, linear->in, linear->out, K);
    return panels;
}

const float *fmpnn_walk_pack_precise(fmpnn_walk *w, const fmpnn_linear *linear, size_t first,
                                     size_t K)
{
    float *panels = fmpnn_walk_take(w, fmpnn_panels_size_precise(linear->out, K));
    if (panels)
        fmpnn_panels_pack_precise(panels, linear->w + first, linear->in, linear->out, K);
    return panels;
}

const float *fmpnn_walk_pack_whole(fmpnn_walk *w, const fmpnn_linear *linear)
{
    return fmpnn_walk_pack(w, linear, 0, linear->in);
}

const float *fmpnn_walk_pack_dense(fmpnn_walk *w, const float *dense, size_t N, size_t K)
{
    float *panels = fmpnn_walk_take(w, fmpnn_panels_size(N, K));
    if (panels)
        fmpnn_panels_pack(panels, dense, K, N, K);
    return panels;
}

const float *fmpnn_walk_copy(fmpnn_walk *w, const float *src, size_t count)
{
    float *dst = fmpnn_walk_take(w, count);
    if (dst)
        memcpy(dst, src, count * sizeof *dst);
    return dst;
}

void fmpnn_walk_apply(const fmpnn_linear *f, size_t first, size_t n, const double *x, bool biased,
                  double *y)
{
    for (size_t o = 0; o < f->out; o++) {
        const float *row = f->w + o * f->in + first;
        double sum[4] = {biased && f->b ? f->b[o] : 0}; /* four at once: latency */
        for (size_t k = 0; k < n; k++)
            sum[k % 4] += (double)row[k] * x[k];
        y[o] = sum[0] + sum[1] + sum[2] + sum[3];
    }
}

void fmpnn_walk_narrow(float *dst, const double *src, size_t count)
{
    for (size_t n = 0; n < count; n++)
        dst[n] = (float)src[n];
}

const float *fmpnn_walk_fold(fmpnn_walk *w, const fmpnn_linear *w1, size_t first,
                                const fmpnn_linear *inner)
{
    size_t C = w1->out, K = inner->in;
    float *panels = fmpnn_walk_take(w, fmpnn_panels_size(C, K));
    for (size_t n = 0; panels && n < C; n++) {
        memset(w->wide, 0, K * sizeof *w->wide);
        for (size_t c = 0; c < C; c++)
            for (size_t k = 0; k < K; k++)
                w->wide[k] += (double)w1->w[n * w1->in + first + c] * inner->w[c * K + k];
        fmpnn_walk_narrow(w->dense + n * K, w->wide, K);
    }
    if (panels)
        fmpnn_panels_pack(panels, w->dense, K, C, K);
    return panels;
}

const float *fmpnn_walk_fold_bias(fmpnn_walk *w, const fmpnn_linear *w1, size_t first,
                              const fmpnn_linear *inner)
{
    size_t C = w1->out;
    float *bias = fmpnn_walk_take(w, C);
    if (bias) {
        double *x = w->wide, *y = x + C;
        for (size_t c = 0; c < C; c++)
            x[c] = inner->b[c];
        fmpnn_walk_apply(w1, first, C, x, true, y);
        fmpnn_walk_narrow(bias, y, C);
    }
    return bias;
}
