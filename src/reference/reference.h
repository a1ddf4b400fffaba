/* The network as the papers write it: concatenate, multiply, add. Never fast, always right; the
 * oracle that the fused engine is measured against.
 *
 * Comes in: a model, a graph, letters, orders, rules. Goes out: every tensor on the way, in the
 * precision asked for. Must not know: how anybody else computes the same (no packed weights, no
 * kernels), nor files, chains or options.
 *
 * One body (linear, features, context, encoder, decoder, sample, packer:
 * *.inc.c), written in `real`, makes two
 * sets of functions: fmpnn_reference64_* in double and fmpnn_reference32_* in float. Both find
 * the neighbours for themselves, in their own precision.
 *
 * Source: Dauparas et al. 2022, Science 378:49, and its published program; docs/math.md. */
#ifndef FMPNN_REFERENCE_H
#define FMPNN_REFERENCE_H

#include "backend.h"
#include "base/pool.h"
#include "design/rules.h"
#include "graph/context.h"
#include "packing/torsions.h"
#include "weights/model.h"

/* What to keep of an encoding, and how. All zero is fine. */
typedef struct fmpnn_reference_options {
    const uint32_t *neighbour; /* [L][K] use these, in this order; NULL: the nearest */
    const uint32_t *rows;      /* [n_rows] residues whose edges are kept at every step */
    size_t n_rows;
    int threads; /* 0: as many as the process has cores */
} fmpnn_reference_options;

#define real double
#define REF(name) fmpnn_reference64_##name
#define ENCODING fmpnn_reference64_encoding
#include "reference/model.inc.h"
#undef real
#undef REF
#undef ENCODING

#define real float
#define REF(name) fmpnn_reference32_##name
#define ENCODING fmpnn_reference32_encoding
#include "reference/model.inc.h"
#undef real
#undef REF
#undef ENCODING

/* ---- the message-passing operation alone (message_pass.c), double inside ---- */

fmpnn_status fmpnn_reference_operation_create(fmpnn_context *ctx,
                                              const fmpnn_message_weights *weights,
                                              size_t nodes, size_t k,
                                              fmpnn_operation **operation,
                                              fmpnn_error *err);
fmpnn_status fmpnn_reference_operation_run(fmpnn_operation *operation, size_t B, size_t L,
                                           const float *h, const float *X, const int32_t *E,
                                           const float *mask, float *out, fmpnn_error *err);
void fmpnn_reference_operation_free(fmpnn_operation *operation);

#endif
