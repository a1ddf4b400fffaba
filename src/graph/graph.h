/* What a network sees of a structure: coordinates, masks, and each residue's k nearest
 * neighbours. Comes in: arrays in model order. Goes out: fmpnn_graph. Knows nothing of files,
 * weights or letters. cells.h: the nearest of many points, for whoever needs them. */
#ifndef FMPNN_GRAPH_H
#define FMPNN_GRAPH_H

#include "base/base.h"

struct fmpnn_context_atoms; /* context.h */

typedef struct fmpnn_graph {
    size_t L, K;           /* K = min(k, L) */
    bool ca_only;
    float *xyz;            /* [L][4][3] N CA C O, Angstrom, 0 where absent; CA-only uses CA */
    float *mask;           /* [L] 1 where every atom the model needs is present, else 0 */
    int32_t *index;        /* [L] residue index; differences count within a chain */
    int32_t *chain;        /* [L] chain number */
    uint32_t *neighbour;   /* [L][K] nearest first, itself included */
    float *distance;       /* [L][K] adjusted CA-CA distance, proteinmpnn 4.1 */
    /* what only some networks see; NULL where nothing is given (context.h) */
    struct fmpnn_context_atoms *atoms;
    uint8_t *label;        /* [L] */
    uint32_t *part;        /* [L] residues of one part see each other; NULL: all do */
} fmpnn_graph;

/**
 * Copy the arrays and find the neighbours.
 *
 * D_ij = m_i m_j sqrt(|CA_i - CA_j|^2 + 1e-6), in float32;
 * D'_ij = D_ij + (1 - m_i m_j) max_j D_ij; ordered by (D', j).
 * Each NaN coordinate becomes 0 on its own (spec/proteinmpnn 3.2).
 *
 * FMPNN_EINVAL if L is 0 or k < 1; FMPNN_ENOMEM. Deterministic; no threads inside.
 * Source: Dauparas et al. 2022; docs/math.md, "Neighbours".
 */
fmpnn_status fmpnn_graph_create(size_t L, const float *xyz /* [L][4][3] */, const float *mask,
                                const int32_t *index, const int32_t *chain, size_t k,
                                bool ca_only, fmpnn_graph **graph, fmpnn_error *err);
void fmpnn_graph_free(fmpnn_graph *graph);

/** The virtual CB of every residue, glycine and absent atoms included: cb [L][3], float32. */
void fmpnn_graph_cb(const fmpnn_graph *graph, float *cb);

/* Graphs one after the other as one, without an edge between them: what is computed for a
 * residue is what its own graph would give. FMPNN_EINVAL unless all have one K; of
 * full backbones alone: CA-only features reach over the ends of a graph. */
fmpnn_status fmpnn_graph_join(size_t count, const fmpnn_graph *const part[],
                              fmpnn_graph **graph, fmpnn_error *err);

#endif
