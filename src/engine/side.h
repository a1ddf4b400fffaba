/* What side.c and side_edges.c share: side chains being placed on one backbone.
 *
 * Residue i has its first atoms[i] of 14 atoms, so every choice of atoms is a prefix. Neighbours
 * are taken in the order of how many atoms they have, most first, so those that have atom b are a
 * prefix too: products run over the pairs of atoms that exist, and over nothing else. */
#ifndef FMPNN_ENGINE_SIDE_H
#define FMPNN_ENGINE_SIDE_H

#include "engine/engine.h"
#include "packing/torsions.h"

enum {
    FMPNN_XYZ = 3,
    FMPNN_ATOM_FLOATS = FMPNN_SIDE_CHAIN * FMPNN_XYZ,
    FMPNN_SIDE_RAW = FMPNN_STILL * FMPNN_STILL * FMPNN_RBF /* Gaussians of an edge, at most */
};

struct fmpnn_placing {
    const fmpnn_encoding *en;
    size_t L, K, C, M;    /* M: context atoms of a residue */
    uint8_t *atoms;       /* [L] */
    uint8_t *seen;        /* [L] context atoms that count: a prefix */
    uint16_t *order;      /* [L][K] places of neighbours */
    uint16_t *count;      /* [L][14] how many of them have atom b */
    float *still_edge;    /* [L][K][C] features that no torsion changes, in that order */
    float *still_node;    /* [L][C] */
    float *own_down;      /* [L][C] what h brings into the first states */
    uint32_t *row;        /* [n_rows] resolved residues */
    size_t n_rows;
    bool looks;           /* some residue sees a context atom */
};

/* Scratch of one thread. */
typedef struct fmpnn_side_scratch {
    float *points;        /* [FMPNN_ROWS][14][3][K] atoms of neighbours */
    float *raw, *distance;
    float *t, *u;         /* [K][C] */
    float *h, *s, *v;     /* [FMPNN_ROWS][C] */
    float *work;          /* [FMPNN_ROWS][the larger of F and 36] */
    float *far;           /* [FMPNN_ROWS][M][16] */
    float *spots;         /* [3][M] context atoms of a residue */
    float *number;        /* [FMPNN_ROWS] */
    const float **to, **near; /* [the larger of K and FMPNN_ROWS] */
    float *block;
    unsigned mode;
} fmpnn_side_scratch;

bool fmpnn_side_enter(const fmpnn_placing *p, fmpnn_side_scratch *x);
void fmpnn_side_leave(fmpnn_side_scratch *x);

/* ---- side_edges.c: features of edges; xyz [L][14][3] ---- */

/* The part that torsions leave alone, for residue i. */
void fmpnn_side_still_edges(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz,
                            size_t i, fmpnn_side_scratch *x);
/* The whole, normalised, for M <= FMPNN_ROWS residues: feature [L][K][C]. */
void fmpnn_side_edges(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz, size_t M,
                      const uint32_t *row, float *feature, fmpnn_side_scratch *x);

#endif
