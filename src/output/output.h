/* Results on their way to a stream, a file or a folder. Comes in: samples, scores and
 * log-probabilities in model order. Goes out: FASTA, tables, JSON Lines, npz, structures and
 * run records, all in file order (docs/formats.md). Knows nothing of how numbers are computed.
 *
 * A result becomes a fmpnn_record (record.h), a row of typed values under one of four lists of
 * columns; fasta.c, table.c and jsonl.c print any record. run.c moves the printed text to
 * where it belongs; existing.c and resume.c find out what is there already. */
#ifndef FMPNN_OUTPUT_H
#define FMPNN_OUTPUT_H

#include "base/json.h"

enum { FMPNN_OUTPUT_LETTERS = 21 };

typedef enum fmpnn_verb {
    FMPNN_VERB_DESIGN,
    FMPNN_VERB_SCORE,
    FMPNN_VERB_PROBS,
    FMPNN_VERB_SCAN,
    FMPNN_VERB_PACK,
    FMPNN_VERBS
} fmpnn_verb;

/* How sequences are written. */
typedef struct fmpnn_sequence_form {
    bool all_chains;
    const char *separator;
    char gaps_as; /* 0: unresolved residues are left out */
} fmpnn_sequence_form;

/* ---- a job's positions in file order (layout.c) ---- */

/* One chain: positions order[begin] .. order[end-1]. */
typedef struct fmpnn_segment {
    char chain[8]; /* printable, without blanks */
    size_t begin, end;
    bool designed;
} fmpnn_segment;

typedef struct fmpnn_layout {
    const fmpnn_job *job;
    size_t L;
    uint32_t *order; /* [L] model position of the n-th residue of the file */
    fmpnn_segment *segment;
    size_t segments;
} fmpnn_layout;

fmpnn_status fmpnn_layout_create(const fmpnn_job *job, fmpnn_layout **layout,
                                 fmpnn_error *err);
void fmpnn_layout_free(fmpnn_layout *layout);
/* "H:L": the chains that fmpnn_layout_sequence() prints. */
void fmpnn_layout_chains(const fmpnn_layout *layout, bool all_chains, fmpnn_text *out);
/* letters: [L] residue codes in model order; NULL: the native ones. */
void fmpnn_layout_sequence(const fmpnn_layout *layout, const fmpnn_sequence_form *form,
                           const uint8_t *letters, fmpnn_text *out);
/* "A:T12V,H:S100AY": designed positions whose letter differs from the native one. */
void fmpnn_layout_mutations(const fmpnn_layout *layout, const uint8_t *letters,
                            fmpnn_text *out);
/* Structure residue that a model position stands for, 0-based. */
size_t fmpnn_layout_residue(const fmpnn_layout *layout, size_t position);
/* `chain` as records show it: bytes outside printable ASCII become '_', an empty name "_". */
void fmpnn_chain_text(const char *chain, char text[8]);

/* ---- what will be made, and the settings digest (plan.c) ---- */

typedef struct fmpnn_plan {
    json_t *json;
    size_t temperatures;
    double *temperature; /* [temperatures] */
    uint64_t first, n;
    size_t sequences; /* 0: not said */
    uint64_t first_packing, packings; /* of each sample, or of the structure; 0: none */
    bool with_native; /* a record NAME_native comes first */
} fmpnn_plan;

fmpnn_status fmpnn_plan_parse(const char *text, fmpnn_plan *plan, fmpnn_error *err);
void fmpnn_plan_clear(fmpnn_plan *plan);
/* Records that the plan makes; 0: it does not say. */
uint64_t fmpnn_plan_records(const fmpnn_plan *plan, fmpnn_verb verb);
/* Name of the k-th record of a design, as in FASTA. */
void fmpnn_plan_id(const fmpnn_plan *plan, const char *record_name, uint64_t k,
                   fmpnn_text *out);
/* 12 hex digits over what decides a record's bytes, the program's version excepted. */
fmpnn_status fmpnn_plan_settings(const fmpnn_plan *plan, fmpnn_verb verb,
                                 const fmpnn_job *job, const fmpnn_context *ctx,
                                 const fmpnn_sequence_form *form, char settings[13],
                                 fmpnn_error *err);
/* How many files in packed/ the plan makes, and the name of the k-th, without its ending. */
uint64_t fmpnn_plan_packed(const fmpnn_plan *plan, fmpnn_verb verb);
void fmpnn_plan_packed_id(const fmpnn_plan *plan, fmpnn_verb verb, const char *record_name,
                          uint64_t k, fmpnn_text *out);
/* NAME_T0.1_s57_p1, of the structure itself (number 0) NAME_p1 */
void fmpnn_packing_id(const char *record_name, double temperature, uint64_t number,
                      uint64_t packing, fmpnn_text *out);
/* NAME_T0.1_s57 */
void fmpnn_sample_id(const char *record_name, double temperature, uint64_t number,
                     fmpnn_text *out);

/* ---- arrays into files for NumPy (npz.c, arrays.c) ---- */

typedef struct fmpnn_npz fmpnn_npz;
fmpnn_npz *fmpnn_npz_create(void); /* NULL: out of memory */
void fmpnn_npz_free(fmpnn_npz *npz);
/* `kind` and `item` as in NumPy: 'f' 4, 'f' 8, 'i' 4, 'i' 8, 'b' 1, 'U' 4n. `data` is borrowed
 * until fmpnn_npz_finish(). Failures are kept and reported there. */
void fmpnn_npz_add(fmpnn_npz *npz, const char *name, char kind, size_t item, size_t rank,
                   const size_t *shape, const void *data);
/* Texts as fixed-width Unicode; rank 0 (one text) or 1. The texts are copied. */
void fmpnn_npz_add_texts(fmpnn_npz *npz, const char *name, size_t rank, size_t count,
                         const char *const *texts);
/* The archive: members stored, no times, so that equal arrays give equal bytes. */
fmpnn_status fmpnn_npz_finish(fmpnn_npz *npz, fmpnn_text *out, fmpnn_error *err);
/* First size of a member's shape (1 for a scalar) and, where it holds text, its first text.
 * False if the file or the member is not there or not readable. */
bool fmpnn_npz_peek(const char *path, const char *member, size_t *count, char text[65]);

/* An array read back (npz_read.c). */
enum { FMPNN_NPY_RANK = 8 };
typedef struct fmpnn_npy {
    char type[16]; /* "<f4", "<f8", "<i4", "<i8", "|b1", "<U12" */
    size_t rank, shape[FMPNN_NPY_RANK], count, item;
    double *data;         /* [count]; NULL for text */
    unsigned char *bytes; /* [count][item] as in the file */
} fmpnn_npy;
fmpnn_status fmpnn_npz_read(const char *path, const char *name, fmpnn_npy *out,
                            fmpnn_error *err);
void fmpnn_npy_clear(fmpnn_npy *npy);

/* ---- printed records, the run's parts ---- */

typedef struct fmpnn_record fmpnn_record;
typedef struct fmpnn_stamp fmpnn_stamp;

void fmpnn_fasta_add(fmpnn_text *out, const fmpnn_record *record);
void fmpnn_fasta_add_native(fmpnn_text *out, const fmpnn_stamp *stamp, const char *chains,
                            const char *sequence);

/* Columns of the caller's, before those of the verb. */
typedef struct fmpnn_heads {
    char **name; /* [count] */
    size_t count;
} fmpnn_heads;

void fmpnn_table_add_header(fmpnn_text *out, const fmpnn_heads *heads, fmpnn_verb verb);
void fmpnn_table_add(fmpnn_text *out, const fmpnn_record *record);
void fmpnn_jsonl_add(fmpnn_text *out, const fmpnn_record *record);
/* Text as JSON; what is not UTF-8 is shown with '?' for each byte beyond ASCII. */
json_t *fmpnn_json_text(const char *text);

/* Arrays of the samples of one structure, gathered over calls; in file order. */
typedef struct fmpnn_sample_arrays {
    size_t count, capacity; /* samples */
    float *probs;           /* [count][L][21] */
    float *log_probs;       /* [count][L][21] */
    int32_t *letters;       /* [count][L] */
    double *temperature;    /* [count] */
    int64_t *sample;        /* [count] */
} fmpnn_sample_arrays;

void fmpnn_sample_arrays_clear(fmpnn_sample_arrays *arrays);
fmpnn_status fmpnn_sample_arrays_add(fmpnn_sample_arrays *arrays,
                                     const fmpnn_layout *layout,
                                     const fmpnn_samples *samples, fmpnn_error *err);
fmpnn_status fmpnn_sample_arrays_npz(const fmpnn_sample_arrays *arrays,
                                     const fmpnn_layout *layout, const fmpnn_stamp *stamp,
                                     fmpnn_text *out, fmpnn_error *err);
fmpnn_status fmpnn_probs_npz(const fmpnn_layout *layout, const fmpnn_stamp *stamp,
                             const char *mode, const uint8_t *letters, size_t orders,
                             const float *log_p, fmpnn_text *out, fmpnn_error *err);

/* One sample as a structure file: designed residues renamed, B-factor exp(ln p) of the letter. */
fmpnn_status fmpnn_backbone_text(const fmpnn_layout *layout, const fmpnn_sample *sample,
                                 const char *format, fmpnn_text *out, fmpnn_error *err);

/* Packing `number` of packs as a structure file (packed.c). */
fmpnn_status fmpnn_packed_text(const fmpnn_layout *layout, const fmpnn_packs *packs,
                               size_t number, const char *format, fmpnn_text *out,
                               fmpnn_error *err);

/* ---- places (target.c, claim.c, staged.c) ---- */

typedef enum fmpnn_format {
    FMPNN_FORMAT_FASTA,
    FMPNN_FORMAT_TABLE,
    FMPNN_FORMAT_JSONL,
    FMPNN_FORMAT_NPZ
} fmpnn_format;

typedef struct fmpnn_target {
    enum { FMPNN_TARGET_STREAM, FMPNN_TARGET_FILE, FMPNN_TARGET_FOLDER } place;
    fmpnn_format format; /* of a stream or file */
    bool gzip;
    char *path; /* NULL: stdout */
    int fd;     /* of a stream, or of a folder that was claimed; else -1 */
} fmpnn_target;

/* Understand where results go and check, without writing, that they can go there. */
fmpnn_status fmpnn_target_open(const fmpnn_run_options *options, fmpnn_verb verb,
                               fmpnn_target *target, fmpnn_error *err);
void fmpnn_target_close(fmpnn_target *target);
fmpnn_status fmpnn_target_write(fmpnn_target *target, const char *bytes, size_t size,
                                fmpnn_error *err);
/* Make a folder, if it is not there, and remove what runs left unfinished in it more than a day ago:
 * once for a run, before it stages its first file. */
fmpnn_status fmpnn_target_claim(fmpnn_target *target, fmpnn_error *err);
/* PATH/FOLDER/NAME+SUFFIX, owned by the caller; NULL: out of memory. */
char *fmpnn_target_name(const fmpnn_target *target, const char *folder, const char *name,
                        const char *suffix);

/* Files that wait under PATH.part.PROCESS for fmpnn_staged_commit(). */
typedef struct fmpnn_staged {
    struct fmpnn_staged_file {
        char *path; /* its final name */
        bool last;  /* of those that appear together */
    } * file;
    size_t count, capacity;
} fmpnn_staged;

fmpnn_status fmpnn_staged_add(fmpnn_staged *staged, char *path /* taken over */,
                              const fmpnn_text *text, fmpnn_error *err);
/* The files of `some` appear together, the last one added last, after those of `all`, which
 * takes them over. */
fmpnn_status fmpnn_staged_join(fmpnn_staged *all, fmpnn_staged *some, fmpnn_error *err);
/* Make the folder that `path` is to lie in. */
fmpnn_status fmpnn_parent_make(const char *path, fmpnn_error *err);
/* Flush all to the disk that `folder` lies on, a file descriptor or -1, then give them their names.
 * Those of which one cannot be renamed, and all after them, are dropped. */
fmpnn_status fmpnn_staged_commit(fmpnn_staged *staged, int folder, fmpnn_error *err);
void fmpnn_staged_drop(fmpnn_staged *staged);

/* ---- results that are there already (existing.c, resume.c) ---- */

/* One record of a file. */
typedef struct fmpnn_found {
    char *key; /* record name (design) or structure name (score, probs) */
    char settings[13];
    size_t begin, end; /* bytes of the text */
    enum { FMPNN_FOUND_FREE, FMPNN_FOUND_PENDING, FMPNN_FOUND_TAKEN } state;
} fmpnn_found;

typedef struct fmpnn_existing_records {
    char *path;
    unsigned char *text;
    fmpnn_found *found; /* [count] in file order */
    size_t count, capacity;
    fmpnn_found **sorted;  /* [count] by key, then file order */
    fmpnn_found **pending; /* [pendings], room for count */
    size_t pendings;
} fmpnn_existing_records;

/* FMPNN_EEXIST if the file holds what this program would not have written there. */
fmpnn_status fmpnn_existing_read(const char *path, fmpnn_format format, fmpnn_verb verb,
                                 const fmpnn_heads *heads, fmpnn_existing_records *existing,
                                 fmpnn_error *err);
void fmpnn_existing_clear(fmpnn_existing_records *existing);
/* First of the records of that key in `sorted`; count if there is none. */
size_t fmpnn_existing_find(const fmpnn_existing_records *existing, const char *key);

/* What a run wants to know of one structure. */
typedef struct fmpnn_wanted {
    fmpnn_verb verb;
    const fmpnn_heads *heads;
    const fmpnn_plan *plan;
    const fmpnn_job *job;
    const char *name;        /* as given */
    const char *record_name; /* of ids and files */
    const char *settings;
    size_t length; /* residues */
    bool save_probs;
    const char *backbones, *packed;
} fmpnn_wanted;

/* Mark the structure's records as pending; `complete`: all that are wanted are there.
 * FMPNN_EEXIST if one has other settings. */
fmpnn_status fmpnn_existing_claim(fmpnn_existing_records *existing,
                                  const fmpnn_wanted *wanted, bool *complete,
                                  fmpnn_error *err);
/* Append the records that were claimed as complete to `out`, in the plan's order. */
void fmpnn_existing_keep(const fmpnn_existing_records *existing, const fmpnn_wanted *wanted,
                         fmpnn_text *out);
/* Pending records are replaced (taken) or left to themselves (free). */
void fmpnn_existing_settle(fmpnn_existing_records *existing, bool replaced);
/* Append all free records in file order. */
void fmpnn_existing_rest(const fmpnn_existing_records *existing, fmpnn_text *out);
/* A folder's files of one structure; `records`: those that say which settings are all there. */
fmpnn_status fmpnn_folder_check(const fmpnn_target *target, fmpnn_existing existing,
                                const fmpnn_wanted *wanted, bool *complete, bool *records,
                                fmpnn_error *err);
/* Remove the structure files of the wanted records that this run does not write. */
fmpnn_status fmpnn_folder_drop_structures(const fmpnn_target *target,
                                          const fmpnn_wanted *wanted, fmpnn_error *err);

/* ---- run record (report.c) ---- */

typedef struct fmpnn_report {
    json_t *arguments, *structures, *failures;
    json_t *weights, *computer; /* of the first structure */
} fmpnn_report;

fmpnn_status fmpnn_report_init(fmpnn_report *report, const char *arguments,
                               fmpnn_error *err);
void fmpnn_report_clear(fmpnn_report *report);
/* What to say of a structure; added by fmpnn_report_add() once it is over. */
json_t *fmpnn_report_structure(const fmpnn_stamp *stamp, const fmpnn_plan *plan,
                               const fmpnn_job *job);
fmpnn_status fmpnn_report_add(fmpnn_report *report, const fmpnn_stamp *stamp,
                              json_t *structure, bool resumed, fmpnn_error *err);
fmpnn_status fmpnn_report_write(const fmpnn_report *report, const fmpnn_target *target,
                                fmpnn_verb verb, fmpnn_error *err);

const char *fmpnn_verb_text(fmpnn_verb verb);

#endif
