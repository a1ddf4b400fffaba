/* The context encoder: what residues see of other atoms. */
#ifndef FMPNN_ENGINE_CONTEXT_H
#define FMPNN_ENGINE_CONTEXT_H

#include "backend.h"
#include "graph/context.h"

/* h [L][C] <- h + LN(V_C c), c what each residue makes of the atoms around it. `cb` [L][3].
 * Results do not depend on threads nor on which residues share atoms. */
fmpnn_status fmpnn_context_add(const fmpnn_context *ctx, const fmpnn_model *model,
                               const fmpnn_graph *graph, const float *cb, float *h,
                               fmpnn_error *err);

/* ---- context_plan.c: what of the work is common ---- */

/* A set of atoms that one or more residues see, in order of atom numbers. */
typedef struct fmpnn_atom_set {
    uint32_t residue; /* one that sees it: coordinates and types are found there */
    uint32_t n;       /* atoms */
    size_t row;       /* place of its first atom among all atoms of sets */
    size_t cell;      /* place of its first pair among all n x n of sets */
} fmpnn_atom_set;

/* A stretch of residues, what they see, and every pair of atoms that meets in some set once. */
typedef struct fmpnn_context_plan {
    size_t first, end;    /* residues */
    uint8_t *seen;        /* [end-first][M] places in the residue's context, by atom number */
    uint32_t *set_of;     /* [end-first] */
    fmpnn_atom_set *set;  /* [n_sets] */
    float *pair;          /* [n_pairs] distance; pair 0: an atom with itself */
    uint8_t *term_type;   /* [n_terms] element of the atom that looks */
    uint32_t *term_pair;  /* [n_terms] */
    uint32_t *cell_pair, *cell_term; /* [n_cells] row: the atom that looks */
    uint8_t *row_type;    /* [n_rows] */
    size_t n_sets, n_pairs, n_terms, n_rows, n_cells;
} fmpnn_context_plan;

/* Atoms that the residue which sees most of them sees. */
size_t fmpnn_context_seen(const fmpnn_graph *graph);
/* Residues from `first` on, as many as keep the tables small; `seen` as above. */
fmpnn_status fmpnn_context_plan_make(const fmpnn_graph *graph, size_t first, size_t seen,
                                     fmpnn_context_plan *plan, fmpnn_error *err);
void fmpnn_context_plan_clear(fmpnn_context_plan *plan);
/* Bytes that fmpnn_context_add() takes at most, its threads' scratch included. */
size_t fmpnn_context_most(const fmpnn_context *ctx, const fmpnn_model *model,
                          const fmpnn_graph *graph);

#endif
