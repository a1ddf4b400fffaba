/* The golden checker: computes stored cases again, from the structure file on, and compares
 * every tensor. Comes in: a folder with manifest.json and one safetensors file a case. Goes out:
 * a line for each case and path, and an exit status that is 0 only if all of them passed.
 *
 * Nothing stored is believed except the random numbers (randn, u_*): inputs are made from the
 * structure and the case's options with the library's own reader and compared too. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "backend.h"
#include "design/job.h"
#include "output/output.h"
#include "weights/model.h"

#include <jansson.h>

typedef struct golden_options {
    const char *folder, *structures, *weights;
    const char *device, *isa, *precision; /* of the engine; NULL: cpu, its best, fp32 */
    const char *glob;
    bool engine, reference, list;
} golden_options;

typedef struct golden_totals {
    size_t matched, passed, failed, reported;
} golden_totals;

/* One family each: walk the cases of a manifest of that form. */
void golden_proteinmpnn(const golden_options *options, const json_t *manifest,
                        golden_totals *totals);
void golden_message_pass(const golden_options *options, const json_t *manifest,
                         golden_totals *totals);
void golden_ligandmpnn(const golden_options *options, const json_t *manifest,
                       golden_totals *totals);

/* ligand_parse.c: a case of kind "parse", structures being their folder */
void golden_ligand_parse(const char *folder, const char *structures, const json_t *entry,
                         golden_totals *totals);

/* True if the case is asked for; with --list prints its name and says false. */
bool golden_wanted(const golden_options *options, const char *name, golden_totals *totals);

/* ---- report.c: one case through one path ---- */

typedef struct golden_report {
    const char *name, *path, *isa, *precision;
    bool failed;
    bool approximate; /* a reduced precision: differences are reported, not judged */
    fmpnn_text tensors, problems, skipped;
    const fmpnn_archive *archive;
    uint8_t *seen; /* [tensors of the archive] compared, an input, or skipped by name */
} golden_report;

void golden_report_init(golden_report *report, const char *name, const char *path,
                        const fmpnn_archive *archive);
/* What the making of the inputs has accounted for counts for each path. */
void golden_report_inherit(golden_report *report, const golden_report *inputs);
void golden_report_close(golden_report *report, golden_totals *totals); /* prints, clears */
void golden_report_clear(golden_report *report);
void golden_problem(golden_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The tensor of that name and shape (rank sizes follow), marked as seen; NULL with a problem
 * if it is there in another shape; NULL if it is absent. */
const fmpnn_array *golden_tensor(golden_report *report, const char *name, size_t rank, ...);
void golden_skip(golden_report *report, const char *name);
double golden_value(const fmpnn_array *array, size_t n);

/* ---- arena.c: memory of a case, freed at once; running out of it ends the program ---- */

typedef struct golden_arena {
    void **block;
    size_t count, capacity;
} golden_arena;

void *golden_alloc(golden_arena *arena, size_t count, size_t size); /* zeroed */
void golden_arena_clear(golden_arena *arena);
double *golden_widen(golden_arena *arena, const float *src, size_t count);

/* ---- shelf.c: weights by SHA-256 ---- */

typedef struct golden_shelf golden_shelf;
golden_shelf *golden_shelf_create(const char *folder); /* --weights, or NULL */
void golden_shelf_free(golden_shelf *shelf);
fmpnn_status golden_shelf_find(golden_shelf *shelf, const char *sha256,
                               const fmpnn_model **model, fmpnn_error *err);

/* ---- session.c: what the cases of a folder share ---- */

typedef struct golden_session {
    const golden_options *options;
    golden_shelf *shelf;
    fmpnn_context *ctx; /* NULL if the engine asked for is not to be had: `why` says so */
    fmpnn_error why;
    char structures[4096];
} golden_session;

bool golden_session_open(golden_session *session, const golden_options *options);
void golden_session_close(golden_session *session);
/* The structure of a LigandMPNN case, as its options want it read (ligand_parse.c). */
bool golden_ligand_read(const char *structures, const json_t *entry, golden_report *report,
                        fmpnn_structure **st);
/* Wrong inputs fail the case through every path that was asked for; clears them. */
void golden_fail_paths(const golden_session *session, golden_report *inputs,
                       golden_totals *totals);

/* ---- case.c, inputs.c, order.c: a ProteinMPNN case, recomputed ---- */

/* A file name of the manifest in a folder, which it must not lead out of. */
bool golden_path_in(const char *folder, const char *file, char *path, size_t size);
/* The path of a case's structure, whose SHA-256 must be the manifest's. */
bool golden_structure_path(const json_t *entry, const char *structures, char *path,
                           size_t size, golden_report *report);

typedef struct golden_chain {
    const char *name;
    size_t start, length;
    bool designed;
} golden_chain;

typedef struct golden_label { /* one sampling run: "T0.1", "T1", "argmax" */
    char name[40];
    double temperature;
    double *uniform; /* [L]; NULL: greedy */
} golden_label;

typedef struct golden_case {
    golden_arena arena;
    const json_t *entry, *options;
    const char *name, *structures;
    bool ca_only;
    fmpnn_archive *archive;
    fmpnn_structure *st;
    const fmpnn_model *model;
    fmpnn_inputs *inputs;
    fmpnn_graph *graph;
    size_t L, K;
    golden_chain *chain; /* in model order */
    size_t n_chains;
    uint8_t *in_designed_chain, *unfixed, *designed, *resolved; /* [L] */
    float *randn;                                               /* [L] */
    uint32_t *order, *rank;                   /* [L] of the teacher-forced pass */
    uint32_t *order_sampling, *rank_sampling; /* [L] the same, or with groups together */
    uint32_t *rank_base; /* [L] order of |randn| alone: conditional passes */
    fmpnn_rules rules;
    golden_label *label;
    size_t n_labels;
    uint32_t *rows; /* [n_rows] residues whose edges are stored */
    size_t n_rows;
} golden_case;

/* Open everything and recompute the inputs; differences become problems of `report`. False if
 * the case cannot go on. */
bool golden_case_open(golden_case *c, const golden_options *options, golden_shelf *shelf,
                      const char *structures, const json_t *entry, golden_report *report);
void golden_case_close(golden_case *c);

bool golden_inputs(golden_case *c, golden_report *report);   /* inputs.c */
bool golden_settings(golden_case *c, golden_report *report); /* settings.c */
bool golden_ties(golden_case *c, golden_report *report);     /* ties.c */
/* For settings.c and ties.c: a chain by name or NULL; numbers that a stored tensor must have. */
const golden_chain *golden_chain_named(const golden_case *c, const char *name);
void golden_compare_input(golden_report *report, const char *name, const fmpnn_array *array,
                          const float *mine, float tolerance);
bool golden_orders(golden_case *c, golden_report *report); /* order.c */
/* rank [L] of the conditional pass of residue i; true if that is rank_base with i last. */
bool golden_conditional_rank(const golden_case *c, size_t i, uint32_t *rank);

/* ---- results of a path, and how they compare (compare.c, limits.c) ---- */

typedef struct golden_sample {
    uint8_t *letters;                   /* [L] */
    double *logits, *probs, *log_probs; /* [L][21]; log_probs teacher-forced */
} golden_sample;

/* All in double, whatever computed them; NULL: this path has none. */
typedef struct golden_results {
    double *distance;                  /* [L][K] */
    double *edge_raw, *edge_norm;      /* [n_rows][K][..] */
    double *h_E[FMPNN_MAX_LAYERS + 1]; /* [n_rows][K][C] */
    double *h_V_enc[FMPNN_MAX_LAYERS + 1],
        *h_V_dec[FMPNN_MAX_LAYERS + 1]; /* [L][C] from 1 */
    double *logits, *log_probs,
        *unconditional;    /* [L][21]; the last are log-probabilities */
    double *conditional;   /* [L][21] log-probabilities; NULL if not stored */
    golden_sample *sample; /* [n_labels] */
} golden_results;

typedef enum golden_grade {
    GOLDEN_ENGINE,
    GOLDEN_REFERENCE32,
    GOLDEN_REFERENCE64
} golden_grade;

/* The neighbours to go on with, [L][K]: own ones, or the stored order where it differs within
 * the rule; anything beyond the rule is a problem. wide: compare with f64.E_idx if there is. */
const uint32_t *golden_neighbours(golden_case *c, golden_report *report,
                                  const uint32_t *own, bool wide);
/* Where the stored order of the graph's neighbours differs within the rule, take that order. */
void golden_adopt_neighbours(golden_case *c, golden_report *report);
void golden_compare(golden_case *c, golden_report *report, golden_grade grade,
                    const golden_results *results);
/* Limit for a tensor, compared with the float64 one (wide) or the float32 one. */
double golden_limit(const golden_case *c, golden_grade grade, const char *tensor,
                    bool wide);

/* ---- paths ---- */

void golden_run_engine(golden_case *c, fmpnn_context *ctx, golden_report *report);
void golden_run_reference64(golden_case *c, golden_report *report);
void golden_run_reference32(golden_case *c, golden_report *report);

#endif
