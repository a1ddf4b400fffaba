/* A run of the published program: what its modes share. Comes in: options. Goes out: files and
 * console text of the published names and forms. Knows nothing of argv.
 *
 * run.c reads and checks everything, then hands one entry after another to design.c, score.c or
 * probs.c; these draw their random numbers in the published order (orders.c) and ask the
 * network through passes.c. */
#ifndef FMPNN_COMPAT_RUN_H
#define FMPNN_COMPAT_RUN_H

#include "compat/entry.h"
#include "compat/torch_random.h"
#include "output/output.h"

typedef struct fmpnn_original {
    fmpnn_context *ctx;
    const fmpnn_original_options *options;
    const fmpnn_original_listener *listener;
    fmpnn_error *err;
    fmpnn_model *model;
    fmpnn_entry_settings settings;
    fmpnn_structures structures;
    fmpnn_torch torch;
    double *temperature; /* [temperatures] */
    size_t temperatures;
    size_t batch, batches; /* copies at a time, and how many times */
    struct fmpnn_fasta *fasta;
    size_t fastas;
} fmpnn_original;

void fmpnn_original_print(const fmpnn_original *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- weights (weights.c) ---- */

fmpnn_status fmpnn_original_load_model(fmpnn_original *run);

/* ---- sequences to score (fasta.c) ---- */

typedef struct fmpnn_fasta {
    size_t length, line;
    uint8_t *letters; /* [length] residue codes */
} fmpnn_fasta;

fmpnn_status fmpnn_original_read_fasta(fmpnn_original *run);

/* ---- random numbers in the published order (orders.c) ---- */

/* r [batch][L], and the decoding orders [batch][L] that follow from it. */
void fmpnn_original_orders(fmpnn_original *run, const fmpnn_entry *entry, float *randn,
                           uint32_t *order);
/* Tied sampling: the first copy's order, with groups together, for all copies. */
fmpnn_status fmpnn_original_tie(fmpnn_original *run, const fmpnn_entry *entry,
                                uint32_t *order);
/* Exponential numbers [batch][L][21] for the letters of one batch, step by step. */
void fmpnn_original_draws(fmpnn_original *run, const fmpnn_entry *entry,
                          const uint32_t *order, double *exponential);
/* Backbone noise of one evaluation, [batch][L][3 or 12]; nothing is drawn without noise. */
void fmpnn_original_noise(fmpnn_original *run, const fmpnn_entry *entry, float *noise);
size_t fmpnn_original_noise_size(const fmpnn_original *run, const fmpnn_entry *entry);
/* Ranks for the probabilities of residue i alone: keys (q + 0.0001)|randn|, q being `own` at i
 * and `others` elsewhere. */
void fmpnn_original_rank_of(size_t L, const float *randn, size_t i, float own, float others,
                            float *mask, uint32_t *order, uint32_t *rank);
/* Does j come before i then? */
bool fmpnn_original_before(const float *randn, size_t j, size_t i, float own, float others);

/* ---- the network on one entry (passes.c) ---- */

typedef struct fmpnn_passes {
    fmpnn_original *run;
    const fmpnn_entry *entry;
    fmpnn_graph *graph; /* without noise, for all copies; with noise, of the last copy */
    fmpnn_encoding *encoding;
} fmpnn_passes;

void fmpnn_passes_init(fmpnn_passes *passes, fmpnn_original *run, const fmpnn_entry *entry);
void fmpnn_passes_clear(fmpnn_passes *passes);
/* Make sure of graph and encoding; noise: that of one copy, NULL or unused without noise. */
fmpnn_status fmpnn_passes_encode(fmpnn_passes *passes, const float *noise);
/* Teacher-forced log-probabilities [copies][L][21]; rank NULL: unconditional. */
fmpnn_status fmpnn_passes_log_probs(fmpnn_passes *passes, size_t copies, const float *noise,
                                    const uint8_t *letters, const uint32_t *rank,
                                    float *log_p);
fmpnn_status fmpnn_passes_sample(fmpnn_passes *passes, size_t copies, const float *noise,
                                 fmpnn_draw_request *request);
/* Logits [rows][21] into log-probabilities, in place. */
void fmpnn_log_softmax_rows(size_t rows, float *logits);
/* Mean -ln p of the letters over the residues of `over`; NaN if there are none. */
float fmpnn_passes_score(const fmpnn_entry *entry, const uint8_t *over,
                         const uint8_t *letters, const float *log_p);

/* ---- modes ---- */

fmpnn_status fmpnn_original_design(fmpnn_original *run, const fmpnn_entry *entry);
fmpnn_status fmpnn_original_score(fmpnn_original *run, const fmpnn_entry *entry);
fmpnn_status fmpnn_original_conditional(fmpnn_original *run, const fmpnn_entry *entry);
fmpnn_status fmpnn_original_unconditional(fmpnn_original *run, const fmpnn_entry *entry);

/* Draw orders, and noise, of one batch and score one sequence under each: [batch]. */
fmpnn_status fmpnn_original_score_batch(fmpnn_passes *passes, const uint8_t *letters,
                                        float *score, float *global);
/* Scores [count], and with letters [L] also the sequence, as FOLDER/NAME+SUFFIX.npz. */
fmpnn_status fmpnn_original_write_scores(fmpnn_original *run, const char *folder,
                                         const fmpnn_entry *entry, const char *suffix,
                                         size_t count, const float *score,
                                         const float *global, const uint8_t *letters);

/* ---- how things are written (files.c) ---- */

/* Four decimals of the float32 value, "nan". */
void fmpnn_original_format(double value, char text[48]);
/* Letters of the designed chains, joined by `separator` ("" for none). */
void fmpnn_original_sequence(const fmpnn_entry *entry, const uint8_t *letters,
                             const char *separator, fmpnn_text *out);
/* "['A', 'B']" */
void fmpnn_original_chain_list(const fmpnn_entry *entry, bool designed, fmpnn_text *out);
fmpnn_status fmpnn_original_make_folders(fmpnn_original *run);
/* out_folder/FOLDER/NAME+SUFFIX */
fmpnn_status fmpnn_original_write(fmpnn_original *run, const char *folder, const char *name,
                                  const char *suffix, const fmpnn_text *text);
/* The same from arrays; frees them. */
fmpnn_status fmpnn_original_write_npz(fmpnn_original *run, const char *folder,
                                      const char *name, const char *suffix, fmpnn_npz *npz);

#endif
