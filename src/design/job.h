/* A job: structure, model and settings resolved against each other. Comes in: selections as
 * text. Goes out: arrays in model order that a backend can work on. */
#ifndef FMPNN_DESIGN_JOB_H
#define FMPNN_DESIGN_JOB_H

#include "backend.h"
#include "structure/structure.h"

/* Per-residue model inputs of a structure (spec/proteinmpnn 3). */
typedef struct fmpnn_inputs {
    size_t L;
    uint32_t *residue_of; /* [L] index into the structure's residues */
    float *xyz;           /* [L][4][3], NaN where absent */
    float *mask;          /* [L] 1: resolved (all four atoms; CA alone if ca_only) */
    int32_t *index;       /* [L] residue index */
    int32_t *chain;       /* [L] 1-based number of the chain in model order */
    uint8_t *native;      /* [L] residue code */
} fmpnn_inputs;

/* Model order: file order for the author reading. For the original reading the chains named in
 * `designed` (n of them), sorted by character code, then all others, sorted; the index runs on
 * over the whole, plus 100 for each chain before (spec 3.1, 3.2). */
fmpnn_status fmpnn_inputs_create(const fmpnn_structure *st, const char *const *designed, size_t n,
                                 bool ca_only, fmpnn_inputs **inputs, fmpnn_error *err);
void fmpnn_inputs_free(fmpnn_inputs *inputs);

/* Which atoms beside the backbone a network sees. */
typedef struct fmpnn_surroundings {
    size_t M;              /* nearest atoms of each residue */
    float cutoff;          /* Angstrom: how far "near a ligand" is */
    bool blind;            /* ligands are not seen */
    bool side_chains;      /* side chains are */
    const uint8_t *hidden; /* [L] 1: but not this residue's; NULL: all */
} fmpnn_surroundings;

/* Give a graph over these inputs the context atoms of their structure (graph/context.h). */
fmpnn_status fmpnn_inputs_see_atoms(const fmpnn_structure *st, const fmpnn_inputs *inputs,
                                    const fmpnn_surroundings *what, fmpnn_graph *graph,
                                    fmpnn_error *err);

struct fmpnn_job {
    const fmpnn_structure *st;
    const fmpnn_model *model;
    fmpnn_inputs *inputs;
    fmpnn_graph *graph;          /* with the settings' backbone noise */
    uint8_t *resolved;           /* [L] inputs->mask as 0/1 */
    uint8_t *designed;           /* [L] resolved, selected, not fixed; rules.designed */
    uint8_t *in_designed_chain;  /* [L] */
    uint8_t *letters;            /* [L] letters kept where nothing is designed: native, or what
                                    a fixed member forces on its tied group; rules.native */
    fmpnn_rules rules;           /* points into arrays of `owned` and the ones above */
    double *tie_weight;          /* [L] */
    int32_t *tie_group;          /* [L] number of its tied group for people, or -1 */
    double *pssm_coef, *pssm_bias; /* [L], [L][21]; NULL without --pssm */
    void *owned;                 /* one block behind rules' remaining pointers */
    uint32_t *fixed_order;       /* [L] the first fixed_count: what is not designed, in the order
                                    in which every sample visits it (order.h) */
    size_t fixed_count;
    struct fmpnn_states *states; /* NULL: the structure alone (states.h) */
    bool hide_ligands;           /* as set */
    uint64_t seed;
    char digest[65];
    char *echo;                  /* JSON */
    fmpnn_warning *warning;
    size_t warning_count;
    /* the encoding of graph, made on first use by design/compute.c for one backend and one
     * table of kernels */
    const fmpnn_backend *encoded_by;
    const void *encoded_with; /* identity of the context */
    fmpnn_encoding *encoding;
    bool called; /* design.c: is on a list already */
};

#endif
