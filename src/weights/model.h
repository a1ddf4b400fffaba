/* A checkpoint as the rest of the program sees it: one read-only block of floats with a named
 * pointer for each tensor, and the same matrices packed for the kernels.
 * Comes in: .pt or .safetensors. Goes out: fmpnn_model. Knows nothing of structures. */
#ifndef FMPNN_WEIGHTS_MODEL_H
#define FMPNN_WEIGHTS_MODEL_H

#include "base/base.h"

enum {
    FMPNN_LETTERS = 21,
    FMPNN_RBF = 16,          /* Gaussians a distance */
    FMPNN_POSITIONAL = 16,   /* positional channels */
    FMPNN_OFFSETS = 66,      /* classes of sequence offset: -32..32, other chain */
    FMPNN_PAIRS = 25,        /* atom pairs, full backbone */
    FMPNN_PAIRS_CA = 9,      /* atom pairs, CA-only */
    FMPNN_MAX_LAYERS = 8,
    FMPNN_ELEMENTS = 147,    /* element vector: 120 types, 19 groups, 8 periods */
    FMPNN_ELEMENT_TYPES = 120,
    FMPNN_ELEMENT_GROUPS = 19,
    FMPNN_ANGLES = 4,        /* direction of a context atom in a residue's frame */
    FMPNN_TYPE_WIDTH = 64,   /* channels of an element in the residue-atom features */
    FMPNN_POINTS = 5,        /* N CA C O and the virtual CB */
    FMPNN_MEMBRANE_LABELS = 3,
    FMPNN_SIDE_CHAIN = 14,   /* atoms of a residue as the packer sees it */
    FMPNN_REACH = 16,        /* channels of a side-chain atom and another atom */
    FMPNN_TORSIONS = 36,     /* chi 4, component 3, mean, concentration, weight */
    FMPNN_MAX_CONTEXT = 64   /* context atoms of a residue */
};

/* y = w x + b, both as in the checkpoint. */
typedef struct fmpnn_linear {
    const float *w; /* [out][in] */
    const float *b; /* [out], or NULL */
    size_t out, in;
} fmpnn_linear;

typedef struct fmpnn_norm {
    const float *gain, *bias; /* [C] */
} fmpnn_norm;

/* One layer of any kind; W11..W13 and norm3 exist in encoder layers only. */
typedef struct fmpnn_layer {
    fmpnn_norm norm1, norm2, norm3;
    fmpnn_linear W1, W2, W3;     /* encoder W1 [C][3C]; decoder W1 [C][4C]; context W1 [C][3C]
                                    in residue layers, [C][2C] in atom layers */
    fmpnn_linear W11, W12, W13;  /* encoder edge update, W11 [C][3C] */
    fmpnn_linear W_in, W_out;    /* feed-forward, [F][C] and [C][F] */
} fmpnn_layer;

/* What sees atoms that are not protein backbone: present where info.context_atoms is not 0. */
typedef struct fmpnn_context_part {
    fmpnn_linear type;    /* features.type_linear [64][147] */
    fmpnn_linear pair;    /* features.node_project_down [C][80+64+4]: residue and atom */
    fmpnn_linear atom;    /* features.y_nodes [C][147], no bias */
    fmpnn_linear bond;    /* features.y_edges [C][16], no bias: two atoms */
    fmpnn_norm norm_pair, norm_atom, norm_bond; /* norm_nodes, norm_y_nodes, norm_y_edges */
    fmpnn_linear W_pair, W_atom, W_bond;        /* W_v, W_nodes_y, W_edges_y: [C][C] */
    fmpnn_linear W_own;                         /* W_c [C][C] */
    fmpnn_linear V_C;                           /* [C][C], no bias */
    fmpnn_norm norm_out;                        /* V_C_norm */
    size_t layers;
    fmpnn_layer residue_layer[FMPNN_MAX_LAYERS]; /* context_encoder_layers */
    fmpnn_layer atom_layer[FMPNN_MAX_LAYERS];    /* y_context_encoder_layers */
} fmpnn_context_part;

/* What the side-chain packer has instead of letters; present where info.kind is "packer". Its
 * node states start from labels, which are the residue types. */
typedef struct fmpnn_packer_part {
    fmpnn_linear reach;    /* features.W_XY_project_down1 [16][16+120]: side-chain and other atom */
    fmpnn_linear node;     /* features.dec_node_embedding1 [C][14*M*16], no bias */
    fmpnn_linear edge;     /* features.dec_edge_embedding1 [C][14*14*16+2*21], no bias */
    fmpnn_norm norm_node, norm_edge; /* dec_norm_nodes1, dec_norm_edges1 */
    fmpnn_linear W_node, W_edge;     /* W_v_sc, W_f [C][C] */
    fmpnn_linear down;               /* linear_down [C][2C] */
    fmpnn_linear W_torsions;         /* [4*3*3][C] */
} fmpnn_packer_part;

struct fmpnn_model {
    fmpnn_model_info info;
    size_t C;                  /* hidden width */
    size_t F;                  /* feed-forward width */
    fmpnn_linear positional;   /* features.embeddings.linear [16][66] */
    fmpnn_linear edge;         /* features.edge_embedding [C][416], CA-only [C][167], no bias */
    fmpnn_norm norm_edges;     /* features.norm_edges */
    fmpnn_linear W_e;          /* [C][C] */
    const float *W_s;          /* [21][C] letter embedding */
    fmpnn_linear W_out;        /* [21][C] */
    fmpnn_layer encoder[FMPNN_MAX_LAYERS];
    fmpnn_layer decoder[FMPNN_MAX_LAYERS];
    fmpnn_linear label;        /* features.node_embedding [C][info.labels], no bias: the first
                                  node states; absent (w NULL) where these are 0 */
    fmpnn_norm norm_label;     /* features.norm_nodes */
    fmpnn_linear W_label;      /* W_v [C][C] */
    fmpnn_context_part context;
    fmpnn_packer_part packer;

    uint64_t serial;           /* no other model of this process has it */
    void *block;               /* owner of all tensors, each aligned to 64 bytes; model.c */
    char *name;
    char digest[65];
    struct fmpnn_packed *packed; /* the engine's form of these weights, packed.h */
};

/* ---- what the readers (pt.c, safetensors.c) give to model.c ---- */

typedef struct fmpnn_tensor {
    const char *name;
    const float *data; /* contiguous; aligned to 4 bytes */
    size_t rank;
    size_t shape[4];
} fmpnn_tensor;

typedef struct fmpnn_tensors {
    fmpnn_tensor *tensor;
    size_t count;
    int64_t num_edges;  /* -1 if the file does not say */
    int64_t atom_context_num; /* the same */
    double noise_level; /* NaN if the file does not say */
    float *block;       /* of fmpnn_alloc(): all numbers, each tensor at a multiple of 64 bytes;
                         * NULL: they lie elsewhere. The model may take it over */
    void *owner;        /* what else must stay alive; freed by fmpnn_tensors_clear() */
    void (*release)(void *owner);
} fmpnn_tensors;

/* `name` is used in messages only. Both parse untrusted bytes: sizes are checked against the
 * file before anything is allocated, and nothing is executed. The tensors of a .pt file own
 * their numbers; those of a safetensors file may point into `bytes`, which must outlive them. */
fmpnn_status fmpnn_pt_parse(const char *name, const void *bytes, size_t size, fmpnn_tensors *out,
                            fmpnn_error *err);
fmpnn_status fmpnn_safetensors_parse(const char *name, const void *bytes, size_t size,
                                     fmpnn_tensors *out, fmpnn_error *err);
void fmpnn_tensors_clear(fmpnn_tensors *tensors);

/* The model of a set of tensors; takes over their block or copies into one, and clears them,
 * also on failure. k is 48 where the tensors do not say. FMPNN_EWEIGHTS for a tensor that is
 * missing, foreign, of another shape or not finite: the message starts with `name`. */
fmpnn_status fmpnn_model_from_tensors(const char *name, const char digest[65],
                                      fmpnn_tensors *tensors, fmpnn_model **model,
                                      fmpnn_error *err);

/* ---- general safetensors reader, for golden data and benchmarks too (safetensors.c) ---- */

typedef enum fmpnn_dtype {
    FMPNN_F32, FMPNN_F64, FMPNN_F16, FMPNN_BF16, FMPNN_I32, FMPNN_I64, FMPNN_U8, FMPNN_BOOL
} fmpnn_dtype;

typedef struct fmpnn_array { /* borrowed view into the mapped file */
    const char *name;
    fmpnn_dtype dtype;
    size_t rank;
    size_t shape[8];
    size_t count; /* product of shape */
    const void *data; /* may be unaligned */
} fmpnn_array;

typedef struct fmpnn_archive fmpnn_archive; /* an opened, mapped .safetensors file */
fmpnn_status fmpnn_archive_open(const char *path, fmpnn_archive **archive, fmpnn_error *err);
void fmpnn_archive_close(fmpnn_archive *archive);
size_t fmpnn_archive_count(const fmpnn_archive *archive);
const fmpnn_array *fmpnn_archive_at(const fmpnn_archive *archive, size_t n);
const fmpnn_array *fmpnn_archive_find(const fmpnn_archive *archive, const char *name); /* or NULL */

#endif
