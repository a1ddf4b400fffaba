/* The message-passing operation alone (docs/math.md, "The operation alone"), for arrays
 * that are on the device already. message_pass.cu adds the copies backend.h asks for. */
#ifndef FMPNN_CUDA_MESSAGE_PASS_CUH
#define FMPNN_CUDA_MESSAGE_PASS_CUH

#include "cuda/device.cuh"

/* GELU's coefficients: under the hardware's tanh, and by multiply-adds
 * (message_pass_edges.cuh). */
typedef struct gelu_form {
    float fast[3], end, c[10];
    bool squared; /* four squarings, not three */
} gelu_form;

/* How nodes are laid on the device. The bits are the same. */
typedef enum operation_way { WAY_ANY, WAY_FEW, WAY_MANY } operation_way;

/* Weights, folded, and work memory. In half precision W1 and b1 are divided by 8 where D is
 * 64 or 128: GELU is computed from h = x / 8. */
typedef struct operation_weights {
    int D, H, k; /* H = 2D */
    bool tanh_form;
    operation_way way;
    float inverse_k;
    gelu_form gelu;
    matrix nodes, update, out; /* [Wi; Wj] [4D][D], U1 W2 [H][H], U2 [D][H] */
    const float *b_nodes;      /* [4D] b1, then 0 */
    const float *edge;         /* [4][H] distance, direction */
    const float *b_update, *b_out, *gamma, *beta;
    int zero_row; /* of `parts`: zeros */
    void *parts;  /* [nodes + 1][4D] float if split, half if not */
    void *mean;   /* [nodes][H] the same: s / k, where nodes are many */
} operation_weights;

typedef struct operation_arrays {
    const float *h, *X, *mask;
    const int *E;
    float *out;
} operation_arrays;

/* Widths that the matrix instructions compute; others take plain loops. */
static inline bool operation_has_tiles(int D)
{
    return D == 64 || D == 128;
}

/* Asynchronous; allocates nothing, so a graph may record it. */
fmpnn_status operation_launch(device *dev, const operation_weights *w, size_t B, size_t L,
                              const operation_arrays *a, fmpnn_error *err);

/* By kind (message_pass_few.cu, _many.cu, _plain.cu). `fits` says whether the device has
 * the shared memory that many nodes at a time ask for. */
bool operation_many_fits(const device *dev, const operation_weights *w);
fmpnn_status operation_many(device *dev, const operation_weights *w, int L, int nodes,
                            const operation_arrays *a, fmpnn_error *err);
fmpnn_status operation_few(device *dev, const operation_weights *w, int L, int nodes,
                           const operation_arrays *a, fmpnn_error *err);
fmpnn_status operation_plain(device *dev, const operation_weights *w, int L, int nodes,
                             const operation_arrays *a, fmpnn_error *err);

enum { MOST_GROUPS = 16 };

struct fmpnn_operation {
    fmpnn_context *ctx; /* whose threads copy */
    device *dev;
    operation_weights w;
    size_t nodes;
    operation_arrays a;
    void *matrices[3], *vectors, *block;
    char *host; /* pinned: what is sent, then what comes back */
    size_t sent;
    cudaEvent_t back[MOST_GROUPS]; /* a group's results are in `host` */
};

#endif
