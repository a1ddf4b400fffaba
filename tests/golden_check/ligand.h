/* LigandMPNN cases (golden.h tells of the others): inputs once a case, then each path. The base
 * holds what both families have; letters, orders and rules in it are this family's. */
#ifndef GOLDEN_LIGAND_H
#define GOLDEN_LIGAND_H

#include "golden.h"
#include "graph/context.h"

typedef struct ligand_case {
    golden_case base;
    const char *model_type;
    fmpnn_surroundings around; /* what of the atoms beside the backbone is seen */
    uint8_t *label;            /* [L] of membrane networks, or NULL */
    struct fmpnn_packing *packing; /* of packer cases */
} ligand_case;

/* ligand_inputs.c: what the model sees, from the structure; ligand_options.c: designed residues,
 * rules, ties, orders, from the options. Both compare with what is stored. */
bool ligand_inputs(ligand_case *c, golden_report *report);
bool ligand_options(ligand_case *c, golden_report *report);
/* The graph of a model over these inputs, with context atoms and labels as it wants them. */
fmpnn_status ligand_graph(ligand_case *c, const fmpnn_model *model, bool side_chains,
                          fmpnn_graph **graph, fmpnn_error *err);
/* Index of the residue of that name, or L. */
size_t ligand_residue(const ligand_case *c, const char *name, size_t length);

/* Results of a path, in double; NULL: it has none of it. */
typedef struct ligand_results {
    double *edge, *pair, *atom, *bond; /* features after LayerNorm */
    double *h_V, *h_E;                 /* [L][C], [n_rows][K][C] */
    double *score, *score_noseq;       /* [L][21] logits */
    double *single_first, *single_last; /* [L][21] logits: residue first, last */
    golden_sample *sample;             /* [n_labels] */
} ligand_results;

typedef struct ligand_comparison {
    ligand_case *c;
    golden_report *report;
    golden_grade grade;
} ligand_comparison;

/* Rows of `width` of a tensor of any shape; skip[r]: row r is arbitrary. A tensor that is not
 * stored is passed over, one that is NULL here is skipped by name. */
void ligand_compare_rows(const ligand_comparison *k, const char *name, const double *mine,
                         size_t rows, size_t width, const uint8_t *skip);
void ligand_compare(ligand_case *c, golden_report *report, golden_grade grade,
                    const ligand_results *results);
void ligand_compare_sweep(ligand_case *c, golden_report *report, golden_grade grade,
                          const char *tensor, const double *logits);
/* [L] 1: the residue is not resolved, and what concerns its neighbours and atoms is arbitrary. */
const uint8_t *ligand_arbitrary_rows(ligand_case *c);
/* Number n of the rows of a tensor [n][...] that are kept for the first residues only. */
size_t ligand_stored_rows(const ligand_case *c, const char *tensor);

/* Paths. The second form scores one sequence alone, for sweeps: logits [L][21]. */
void ligand_run_engine(ligand_case *c, fmpnn_context *ctx, golden_report *report);
void ligand_run_reference64(ligand_case *c, golden_report *report);
void ligand_run_reference32(ligand_case *c, golden_report *report);
fmpnn_status ligand_score_engine(ligand_case *c, fmpnn_context *ctx, double *logits,
                                 fmpnn_error *err);
fmpnn_status ligand_score_reference64(ligand_case *c, double *logits, fmpnn_error *err);
fmpnn_status ligand_score_reference32(ligand_case *c, double *logits, fmpnn_error *err);
void ligand_pack_reference64(ligand_case *c, golden_report *report);
void ligand_pack_reference32(ligand_case *c, golden_report *report);

void ligand_pack_engine(ligand_case *c, fmpnn_context *ctx, golden_report *report);

/* ligand_packer.c: a case of kind packer, and what its paths share */
struct fmpnn_mixture;
bool ligand_packing_open(ligand_case *c, golden_report *report);
size_t ligand_packing_steps(const ligand_case *c);
fmpnn_status ligand_packing_start(ligand_case *c, struct fmpnn_packing **p, fmpnn_error *err);
void ligand_compare_start(const ligand_comparison *k, const struct fmpnn_packing *p);
/* The three parts of the mixtures [L][4], and their density at the probe. */
void ligand_compare_mixtures(const ligand_comparison *k, size_t step,
                             const struct fmpnn_mixture *m);
void ligand_compare_end(const ligand_comparison *k, const struct fmpnn_packing *p,
                        const double *angle, const struct fmpnn_mixture *m);

#endif
