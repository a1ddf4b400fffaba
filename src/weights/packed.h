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

/* A context layer. Atoms look at atoms, W1 [y | W_bond x + b]; a residue looks at its atoms,
 * W1 [c | W_pair v + b | y]: what is linear behind the features is folded into one matrix. Of
 * atoms, x is a norm of 16 Gaussians' map; that is folded in, too (packed_bonds.c). */
typedef struct fmpnn_packed_context_layer {
    const float *own;     /* [C][C] panels, acts on the own state */
    const float *feature; /* panels, W1's second block times W_pair [C][C], or W_bond and all
                             before it [C][16] */
    const float *bias;    /* [C] b1 and what the folded map's bias becomes */
    const float *atom;    /* [C][C] panels, acts on y; NULL in atom layers */
    const float *w2, *b2; /* [C][C] panels, [C] */
    fmpnn_packed_node node;
} fmpnn_packed_context_layer;

/* What an element alone decides is a table of its 120 types. */
typedef struct fmpnn_packed_context {
    const float *atom_state; /* [120][C] first state of an atom */
    const float *atom_own;   /* [120][C] what the first atom layer's `own` makes of it */
    const float *pair_type;  /* [120][C] the type's part of node_project_down, and its bias */
    const float *pair;       /* [C][80] panels, the distances' part */
    const float *pair_angle; /* [C][4] panels, the direction's part */
    const float *bond_root;  /* [16][16] panels; |bond_root r|^2: the variance that a norm of
                                Gaussians r divides by */
    const float *w_own, *b_own;  /* [C][C] panels, [C] W_c */
    const float *v_c;            /* [C][C] panels */
    fmpnn_packed_context_layer atom_layer[FMPNN_MAX_LAYERS], residue_layer[FMPNN_MAX_LAYERS];
} fmpnn_packed_context;

/* How the side-chain packer's edge features are cut. Atoms 0 .. 4 of a residue (N CA C O CB) stay
 * where they are whatever its torsions; the others move. */
enum {
    FMPNN_STILL = 5,
    FMPNN_MOVING = FMPNN_SIDE_CHAIN - FMPNN_STILL,
    FMPNN_STEP = 3,                          /* moving atoms of the centre that go together */
    FMPNN_STEPS = FMPNN_MOVING / FMPNN_STEP
};

/* What places side chains. Linear maps behind one another are one matrix; what a letter or an
 * element decides alone is a table; the rest is panels for the pairs of atoms that exist. */
typedef struct fmpnn_packed_side {
    const float *still;                      /* [C][25*16] still atom of i, still atom of j */
    const float *own_moves[FMPNN_MOVING];    /* [C][5*16] moving atom of i, still atoms of j */
    const float *near_moves[FMPNN_MOVING];   /* [C][5*16] moving atom of j, still atoms of i */
    const float *both_move[FMPNN_MOVING][FMPNN_STEPS]; /* [C][3*16] the same, moving atoms of i */
    const float *own_letter, *near_letter;   /* [21][C] residue types of i and j */
    const float *reach[FMPNN_SIDE_CHAIN];    /* [C][M*16] atom of i, context atoms */
    const float *type;                       /* [M][120][C] elements of context atoms */
    const float *b_reach;                    /* [C] */
    const float *down, *down_side, *b_down;  /* [C][C] on h and on node features, [C] */
    const float *feature[FMPNN_MAX_LAYERS];  /* [C][C] W1's part that acts on edge features */
    const float *w_torsions, *b_torsions;    /* [36][C] panels, [36] */
} fmpnn_packed_side;

typedef struct fmpnn_packed {
    size_t C, F;
    float first_centre;            /* of the Gaussians: 2, in the packer 0 */
    size_t features;               /* raw edge features without the positional 16: 400 or 151 */
    const float *offset;           /* [66][C] positional part of the edge embedding */
    const float *edge;             /* [C][features] panels */
    const float *w_e, *b_e;        /* [C][C] panels, [C] */
    fmpnn_packed_encoder encoder[FMPNN_MAX_LAYERS];
    fmpnn_packed_decoder decoder[FMPNN_MAX_LAYERS];
    const float *w_logits, *b_logits; /* [21][C] panels, [21] */
    /* first states of labelled residues; NULL where these are 0 */
    const float *label_state;               /* [labels][C] */
    const float *label_own, *label_near;    /* [labels][C] their parts in the first messages */
    fmpnn_packed_context context;           /* empty where there is none */
    fmpnn_packed_side side;                 /* the packer's, which has no letters and logits */
    float *block;                  /* owner of all of the above but the norms */
} fmpnn_packed;

fmpnn_status fmpnn_packed_create(const fmpnn_model *model, fmpnn_packed **packed,
                                 fmpnn_error *err);
void fmpnn_packed_free(fmpnn_packed *packed);

/* ---- packed_bonds.c ---- */

/* W [C][16] and bias [C] so that, for Gaussians r of a distance between atoms,
 * bias + W r / sqrt(|root r|^2 + 1e-5) is w1's second block and bias applied to
 * W_bond LN(bond r) + b. */
void fmpnn_fold_bonds(const fmpnn_context_part *part, const fmpnn_linear *w1, float *W,
                      float *bias);
/* root [16][16]. */
void fmpnn_root_of_bonds(const fmpnn_context_part *part, float *root);

#endif
