/* The walk that packs weights (packed.c): done twice, first with no memory, to count, then to
 * fill. Every call reserves the same in both; while counting it returns NULL. */
#ifndef FMPNN_WEIGHTS_PACKED_WALK_H
#define FMPNN_WEIGHTS_PACKED_WALK_H

#include "weights/packed.h"

typedef struct fmpnn_walk {
    float *block;  /* NULL while counting */
    size_t used;   /* floats */
    float *dense;  /* [C][the widest fold] work memory while filling */
    double *wide;  /* [3][fmpnn_walk_width(C)] the same */
} fmpnn_walk;

/* Channels of the widest vector that is folded. */
size_t fmpnn_walk_width(size_t C);

float *fmpnn_walk_take(fmpnn_walk *w, size_t count);
const float *fmpnn_walk_copy(fmpnn_walk *w, const float *src, size_t count);
/* Columns first .. first+K-1 of `linear`, as panels. */
const float *fmpnn_walk_pack(fmpnn_walk *w, const fmpnn_linear *linear, size_t first, size_t K);
const float *fmpnn_walk_pack_precise(fmpnn_walk *w, const fmpnn_linear *linear, size_t first,
                                     size_t K); /* also for fmpnn_kernels_precise() */
const float *fmpnn_walk_pack_whole(fmpnn_walk *w, const fmpnn_linear *linear);
/* A matrix [N][K] made by the caller, as panels; `dense` may be w->dense. */
const float *fmpnn_walk_pack_dense(fmpnn_walk *w, const float *dense, size_t N, size_t K);

/* y [out] = columns first .. first+n-1 of f times x [n], plus b if `biased`. */
void fmpnn_walk_apply(const fmpnn_linear *f, size_t first, size_t n, const double *x, bool biased,
                      double *y);
void fmpnn_walk_narrow(float *dst, const double *src, size_t count);
/* Columns first .. first+C-1 of w1, times the map before it, as panels. */
const float *fmpnn_walk_fold(fmpnn_walk *w, const fmpnn_linear *w1, size_t first,
                             const fmpnn_linear *inner);
/* The bias of w1, and what the inner map's bias becomes. */
const float *fmpnn_walk_fold_bias(fmpnn_walk *w, const fmpnn_linear *w1, size_t first,
                                  const fmpnn_linear *inner);

/* packed_side.c: what places side chains. */
void fmpnn_walk_side(fmpnn_walk *w, const fmpnn_model *model, fmpnn_packed_side *side);
/* Columns of the widest matrix that it makes in w->dense. */
size_t fmpnn_walk_side_width(const fmpnn_model *model);

#endif
