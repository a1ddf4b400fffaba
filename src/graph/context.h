/* The atoms around a residue that are not protein backbone: of each residue, the M nearest.
 * Comes in: context atoms of a structure, side chains where they are to be seen. Goes out: what
 * a LigandMPNN network, and the side-chain packer, sees of them. Knows nothing of files. */
#ifndef FMPNN_GRAPH_CONTEXT_H
#define FMPNN_GRAPH_CONTEXT_H

#include "graph/graph.h"

enum {
    FMPNN_SIDE_CHAIN_ATOMS = 32,     /* atom37 without N CA C CB O */
    FMPNN_SIDE_CHAIN_NEIGHBOURS = 16 /* residues whose side chains a residue may see */
};

#define FMPNN_NO_ATOM UINT32_MAX

/* M atoms of each residue, nearest first (its virtual CB is what distances are from). Padding:
 * coordinates, type and mask 0. */
typedef struct fmpnn_context_atoms {
    size_t M;
    float *xyz;     /* [L][M][3] */
    uint8_t *type;  /* [L][M] element, 0..118 */
    float *mask;    /* [L][M] 1: seen */
    uint32_t *atom; /* [L][M] who it is: n < count: atom n given; count + 32 i + a: side-chain
                       atom a of residue i; FMPNN_NO_ATOM: padding */
    uint8_t *near;  /* [L] 1: resolved, and an atom given lies within the cutoff */
} fmpnn_context_atoms;

/* Element (1..118) of side-chain atom a: entry 5 + a of atom37. */
extern const uint8_t fmpnn_side_chain_element[FMPNN_SIDE_CHAIN_ATOMS];

typedef struct fmpnn_context_input {
    size_t count;        /* atoms, may be 0 */
    const float *xyz;    /* [count][3] */
    const uint8_t *type; /* [count] 1..118 */
    size_t M;            /* how many a residue sees */
    float cutoff;        /* Angstrom, of `near` */
    bool blind;          /* the atoms given count for `near` only: none is seen */
    /* Side chains, or NULL: */
    const float *side_xyz;       /* [L][32][3] */
    const uint8_t *side_present; /* [L][32] 1: there, and may be seen */
} fmpnn_context_input;

/**
 * Give a graph its context; replaces one that it had.
 *
 * Atoms are ordered by (d^2, number), d from the virtual CB, however far; with side chains, by
 * d^2 among those of the 16 nearest residues (itself included) and the M nearest atoms given.
 * FMPNN_EINVAL for M = 0; FMPNN_ENOMEM. Deterministic; no threads inside.
 * Source: Dauparas et al. 2025 (LigandMPNN) and its program; docs/math.md, "Context atoms".
 */
fmpnn_status fmpnn_graph_see_atoms(fmpnn_graph *graph, const fmpnn_context_input *input,
                                   fmpnn_error *err);

/** Give each residue a label (membrane models); copied. */
fmpnn_status fmpnn_graph_label(fmpnn_graph *graph, const uint8_t *label, fmpnn_error *err);

/** Whether the graph holds what a network needs: FMPNN_EINVAL says what it lacks. M and labels
 *  are 0 for a network without. */
fmpnn_status fmpnn_graph_serves(const fmpnn_graph *graph, bool ca_only, size_t M,
                                size_t labels, fmpnn_error *err);

void fmpnn_context_atoms_free(fmpnn_context_atoms *atoms);

#endif
