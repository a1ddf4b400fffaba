/* What the kernels of the encoder share: the structures of a call laid one after another, and
 * the arguments of a pass. */
#ifndef FMPNN_CUDA_ENCODE_CUH
#define FMPNN_CUDA_ENCODE_CUH

#include "cuda/features.cuh"

#include <string.h>

/* Residues ("nodes") of all structures, numbered through. Each has `slots` edges, K of them
 * real: a multiple of GROUP, the same for all, so that a warp's tile belongs to one node. */
typedef struct batch {
    int nodes, slots, groups; /* groups: nodes * slots / GROUP */
    const structure *item;    /* [n] */
    float *const *h_E;        /* [n], or NULL */
    int2 *place;              /* [nodes] structure, residue in it */
    int *neighbour;           /* [nodes][slots] node; itself beyond K */
    float *weight;            /* [nodes][slots] mask of the neighbour, 0 beyond K */
    float *distance;          /* [nodes][slots] */
    unsigned char *offset;    /* [nodes][slots] class of the place along the chain */
    float *count;             /* [nodes] sum of the weights */
    geometry geo;
    float *h;                         /* [nodes][WIDTH] */
    float *sums;                      /* [groups][WIDTH] summed messages of each group */
    void *edges;                      /* [nodes][slots][WIDTH], table_of<SPLIT> */
    void *own_update, *near_update;   /* [nodes][WIDTH] W11's node parts, bias in own */
    void *own_message, *near_message; /* [nodes][WIDTH] W1's node parts of the next layer */
} batch;

enum pass_kind {
    FIRST,  /* features, W_e, messages of layer 0 */
    MIDDLE, /* edge update of layer n-1, messages of layer n */
    LAST    /* edge update of the last layer, edge part of every decoder layer */
};

enum { PASS_MATRICES = 3 + FMPNN_MAX_LAYERS, PASS_VECTORS = 4 + FMPNN_MAX_LAYERS };

/* One pass over the edges of all nodes. Order of matrices and vectors:
 *   FIRST   features, W_e, W1, W2             gain, bias of norm_edges, b_e, b1, b2
 *   MIDDLE  W11, W12, W13, W1, W2             b12, b13, gain3, bias3, b2
 *   LAST    W11, W12, W13, decoder's W1 each  b12, b13, gain3, bias3, decoder's b1 each */
typedef struct pass {
    const unsigned char *weights; /* stages of all matrices, in order */
    int stages;                   /* how many */
    int matrices, vectors;
    float inverse[PASS_MATRICES];
    const float *vector[PASS_VECTORS];
    const float *offset_table; /* [66][WIDTH], FIRST */
    bool labelled;             /* FIRST: nodes have a part in its messages already */
} pass;

/* W3, the feed-forward block, and the products that the next pass adds to its edges. */
enum { NODE_PRODUCTS = 3 + FMPNN_MAX_LAYERS };
typedef struct node_product {
    matrix w;
    const float *bias; /* or NULL */
    void *table;       /* [nodes][WIDTH] table_of<SPLIT>; NULL: goes to the structure */
    int blind;         /* then: layer of `blind`, -1: own_part */
} node_product;

typedef struct node_pass {
    node_weights w;
    bool first; /* h is 0 before, and so it is not read */
    bool last;  /* h goes to the structure too */
    int products;
    node_product product[NODE_PRODUCTS];
} node_pass;

/* encode_nodes.cu */
fmpnn_status encode_nodes(device *dev, const batch *b, const node_pass *pass,
                          fmpnn_error *err);

/* The matrices of every pass as stages, made once a model. */
typedef struct encode_plan {
    int passes; /* encoder_layers + 1 */
    pass pass[FMPNN_MAX_LAYERS + 1];
    void *block;
} encode_plan;

/* encode_plan.cu */
fmpnn_status encode_plan_create(device *dev, const model_weights *w, encode_plan **plan,
                                fmpnn_error *err);
void encode_plan_free(device *dev, encode_plan *plan);

/* A launch that may begin while its predecessor ends (launch_wait). */
typedef struct launch {
    cudaLaunchConfig_t config;
    cudaLaunchAttribute attribute[2]; /* room for one more */
} launch;

inline void launch_init(launch *l, device *dev, int blocks, int threads, size_t shared)
{
    *l = launch();
    l->config.gridDim = dim3((unsigned)blocks);
    l->config.blockDim = dim3((unsigned)threads);
    l->config.dynamicSmemBytes = shared;
    l->config.stream = dev->stream;
    l->attribute[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    l->attribute[0].val.programmaticStreamSerializationAllowed = 1;
    l->config.attrs = l->attribute;
    l->config.numAttrs = dev->major >= 9;
}

#endif
