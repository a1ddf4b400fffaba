/* The message-passing operation alone (docs/math.md, "The operation alone"), for arrays that are
 * on the device already. message_pass.cu adds the copies that backend.h asks for. */
#ifndef FMPNN_CUDA_MESSAGE_PASS_CUH
#define FMPNN_CUDA_MESSAGE_PASS_CUH

#include "cuda/device.cuh"

/* Weights, folded, and work memory. */
typedef struct operation_weights {
    int D, H, k; /* H = 2D */
    bool tanh_form;
    matrix nodes, update, out;   /* [Wi; Wj] [4D][D], U1 W2 / k [H][H], U2 [D][H] */
    const float *b_nodes;        /* [4D] b1, then 0 */
    const float *edge;           /* [4][H] distance, direction */
    const float *b_update, *b_out, *gamma, *beta;
    void *parts;                 /* [nodes][4D] float if split, half if not */
} operation_weights;

typedef struct operation_arrays {
    const float *h, *X, *mask;
    const int *E;
    float *out;
} operation_arrays;

/* Asynchronous; allocates nothing, so a graph may record it. */
fmpnn_status operation_launch(device *dev, const operation_weights *w, size_t B, size_t L,
                              const operation_arrays *a, fmpnn_error *err);

struct fmpnn_operation {
    device *dev;
    operation_weights w;
    size_t nodes;
    operation_arrays a;
    void *matrices[3], *vectors, *block;
    char *host; /* pinned: what is sent, then what comes back */
    size_t sent;
};

#endif
