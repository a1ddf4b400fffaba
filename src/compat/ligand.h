/* Runs of the published LigandMPNN programs, run.py and score.py: what both share. Comes in:
 * options. Goes out: files and console text of the published names and forms. Knows nothing of
 * argv.
 *
 * ligand_run.c reads and checks everything, then hands one structure after another to
 * ligand_design.c or ligand_score.c; ligand_files.c writes. */
#ifndef FMPNN_COMPAT_LIGAND_H
#define FMPNN_COMPAT_LIGAND_H

#include "base/json.h"
#include "compat/torch_random.h"
#include "design/job.h"
#include "packing/packing.h"

/* What may differ from structure to structure. */
typedef enum fmpnn_ligand_list {
    FMPNN_LIGAND_FIXED,      /* {"path": "A12 A13"} */
    FMPNN_LIGAND_REDESIGNED, /* the same */
    FMPNN_LIGAND_BIAS,       /* {"path": {"A12": {"G": -0.3}}} */
    FMPNN_LIGAND_OMIT,       /* {"path": {"A12": "PG"}} */
    FMPNN_LIGAND_LISTS
} fmpnn_ligand_list;

typedef struct fmpnn_ligand_run {
    fmpnn_context *ctx;
    const fmpnn_ligandmpnn_options *options;
    const fmpnn_original_listener *listener;
    fmpnn_error *err;
    bool scoring;             /* score.py */
    const char *model_type;
    char checkpoint[4096];    /* as given or as it is by default: FASTA headers name it */
    fmpnn_model *model;
    fmpnn_model *packer;      /* with --pack_side_chains; or NULL */
    json_t *paths;            /* array of texts: the structures */
    json_t *list[FMPNN_LIGAND_LISTS]; /* by path; NULL: not given */
    bool by_path[FMPNN_LIGAND_LISTS]; /* else the list holds for every structure */
    fmpnn_torch torch;
} fmpnn_ligand_run;

void fmpnn_ligand_print(const fmpnn_ligand_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool fmpnn_ligand_given(const char *text); /* neither NULL nor "" */

/* ---- options and files they name (ligand_options.c) ---- */

fmpnn_status fmpnn_ligand_check(fmpnn_ligand_run *run);
fmpnn_status fmpnn_ligand_load_lists(fmpnn_ligand_run *run);
fmpnn_status fmpnn_ligand_load_model(fmpnn_ligand_run *run);
/* A list for one structure, or NULL. */
const json_t *fmpnn_ligand_list_of(const fmpnn_ligand_run *run, fmpnn_ligand_list list,
                                   const char *path);

/* ---- residues by the names "C10", "B82A" (ligand_names.c) ---- */

typedef struct fmpnn_ligand_names {
    size_t count;
    char (*text)[24]; /* [count]: chain, number, insertion code; a chain may have no name */
    uint32_t *sorted; /* [count] by name, then number */
} fmpnn_ligand_names;

bool fmpnn_ligand_names_init(fmpnn_ligand_names *names, const fmpnn_structure *st);
void fmpnn_ligand_names_clear(fmpnn_ligand_names *names);
/* Of two of one name the later one is meant; `count` if there is none. */
size_t fmpnn_ligand_names_find(const fmpnn_ligand_names *names, const char *name);
/* Mark all residues of these names, separated by blanks. Names that match nothing are noted. */
void fmpnn_ligand_names_mark(const fmpnn_ligand_run *run, const fmpnn_ligand_names *names,
                             const char *option, const char *words, uint8_t *mark);

/* ---- one structure (ligand_entry.c, ligand_rules.c, ligand_ties.c) ---- */

typedef struct fmpnn_ligand_entry {
    const char *path;
    char name[256]; /* of result files */
    fmpnn_structure *st;
    fmpnn_inputs *inputs;
    fmpnn_graph *graph;
    fmpnn_ligand_names names;
    size_t L, chains;
    const char **chain;  /* [chains] distinct names, sorted */
    uint8_t *unfixed;    /* [L] the published chain_mask */
    bool wide_mask;      /* which is written as int64, not int32, where residues were listed */
    uint8_t *resolved;   /* [L] */
    uint8_t *designed;   /* [L] both */
    float *design_mask;  /* [L] designed as 0 or 1 */
    uint8_t *label;      /* [L] membrane models */
    uint8_t *near;       /* [L] designed, and an atom given lies within the cutoff; all that are
                            designed where the model sees no atoms */
    uint8_t *omit;       /* [L][21] */
    double *bias;        /* [L][21] */
    bool tied;
    uint32_t *start, *member, *group_of; /* [groups + 1], [L], [L] */
    double *weight;                      /* [L] */
    fmpnn_rules rules;
} fmpnn_ligand_entry;

fmpnn_status fmpnn_ligand_entry_init(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run,
                                     const char *path, bool first_look);
void fmpnn_ligand_entry_clear(fmpnn_ligand_entry *entry);
fmpnn_status fmpnn_ligand_entry_letters(fmpnn_ligand_entry *entry,
                                        const fmpnn_ligand_run *run);
fmpnn_status fmpnn_ligand_entry_ties(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run);

/* r [batch][L] and the orders [batch][L] that follow from it; tied: the first copy's order, with
 * groups together, for all. */
fmpnn_status fmpnn_ligand_orders(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 float *randn, uint32_t *order);
fmpnn_status fmpnn_ligand_encode(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 fmpnn_encoding **encoding);

/* ---- results ---- */

typedef struct fmpnn_ligand_results {
    size_t count;    /* finished */
    size_t total;
    int64_t *letters, *order; /* [total][L] */
    float *probs;             /* [total][L][20]; 0 where nothing is designed */
    float *log_p;             /* [total][L][21]; likewise */
} fmpnn_ligand_results;

fmpnn_status fmpnn_ligand_design(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry);
/* Before any work: has the file room for its largest arrays? FMPNN_EINVAL. */
fmpnn_status fmpnn_ligand_score_check(const fmpnn_ligand_run *run,
                                      const fmpnn_ligand_entry *entry);
fmpnn_status fmpnn_ligand_score(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry);

/* The samples with side chains: out_folder/packed (ligand_pack.c). */
fmpnn_status fmpnn_ligand_pack(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                               const fmpnn_ligand_results *results);

/* Samples are numbered from 1, or from 0. */
size_t fmpnn_ligand_number(const fmpnn_ligand_run *run, size_t n);

/* out_folder/seqs, backbones, stats (ligand_files.c) */
fmpnn_status fmpnn_ligand_make_folders(fmpnn_ligand_run *run);
fmpnn_status fmpnn_ligand_write_sequences(fmpnn_ligand_run *run,
                                          const fmpnn_ligand_entry *entry,
                                          const fmpnn_ligand_results *results);
fmpnn_status fmpnn_ligand_write_backbones(fmpnn_ligand_run *run,
                                          const fmpnn_ligand_entry *entry,
                                          const fmpnn_ligand_results *results);
fmpnn_status fmpnn_ligand_write_stats(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                      const fmpnn_ligand_results *results);
/* out_folder/FOLDER/NAME, FOLDER "" for none */
fmpnn_status fmpnn_ligand_write(const fmpnn_ligand_run *run, const char *folder,
                                const char *name, const fmpnn_text *text);

#endif
