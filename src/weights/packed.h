/* The weights as the fused engine multiplies by them: matrices split by what their columns act
 * on (own node, edge, letter, neighbour), packed into panels (kernels.def), constants folded.
 * Made once at load; constant. Equations: docs/math.md, "Fusion". */
#ifndef FMPNN_WEIGHTS_PACKED_H
#define FMPNN_WEIGHTS_PACKED_H

#include "weights/model.h"

/* A feed-forward block and the norms around it. */
typedef struct fmpnn_packed_node {
    const float *w3, *b3;          /* [C][C] panels, [C]; b3 counts once a summed neighbour */
    const float *w_in, *b_in;      /* [F][C] panels, [F] */
    const float *w_out, *b_out;    /* [C][F] panels, [C] */
    fmpnn_norm norm1, norm2;
} fmpnn_packed_node;

/* First linear map of a message, split: W1 [h_i | e_ij | (s_j) | h_j] + b1. */
typedef struct fmpnn_packed_split {
    const float *own;       /* [C][C] panels, acts on h_i */
    const float *edge;      /* [C][C] panels, acts on e_ij */
    const float *neighbour; /* [C][C] panels, acts on h_j */
    const float *bias;      /* [C] */
} fmpnn_packed_split;

typedef struct fmpnn_packed_encoder {
    fmpnn_packed_split message;    /* W1 */
    const float *w2, *b2;          /* [C][C] panels, [C] */
    fmpnn_packed_node node;
    fmpnn_packed_split update;     /* W11 */
    const float *w12, *b12;        /* [C][C] panels, [C] */
    const float *w13, *b13;        /* [C][C] panels, [C] */
    fmpnn_norm norm3;
} fmpnn_packed_encoder;

typedef struct fmpnn_packed_decoder {
    fmpnn_packed_split message;    /* W1 */
    const float *letters;          /* [21][C] Ws W_s: what a known letter adds */
    const float *w2, *b2;          /* [C][C] panels, [C] */
    fmpnn_packed_node node;
} fmpnn_packed_decoder;

typedef struct fmpnn_packed {
    size_t C, F;
    size_t features;               /* raw edge features without the positional 16: 400 or 151 */
    const float *offset;           /* [66][C] positional part of the edge embedding */
    const float *edge;             /* [C][features] panels */
    const float *w_e, *b_e;        /* [C][C] panels, [C] */
    fmpnn_packed_encoder encoder[FMPNN_MAX_LAYERS];
    fmpnn_packed_decoder decoder[FMPNN_MAX_LAYERS];
    const float *w_logits, *b_logits; /* [21][C] panels, [21] */
    float *block;                  /* owner of all of the above but the norms */
} fmpnn_packed;

/* NULL model fields of a kind that the engine does not run are the caller's mistake. */
fmpnn_status fmpnn_packed_create(const fmpnn_model *model, fmpnn_packed **packed,
                                 fmpnn_error *err);
void fmpnn_packed_free(fmpnn_packed *packed);

#endif
