/* The samples of one structure on their way to files: FASTA, and arrays where they are asked
 * for. Comes in: finished draws. Goes out: seqs/, scores/, probs/, draws/. */
#ifndef FMPNN_COMPAT_SAMPLES_H
#define FMPNN_COMPAT_SAMPLES_H

#include "compat/run.h"

typedef struct fmpnn_original_samples {
    fmpnn_text fasta;
    size_t count, total;   /* so far, and in all */
    float *score, *global; /* [total] */
    float *probs, *log_p;  /* [total][L][21] if probabilities are saved, else NULL */
    int32_t *letters;      /* [total][L] likewise */
    float *race;    /* [total][L][21] if draws are saved: quotients, the winner's 1 */
    int32_t *order; /* [total][L] likewise */
} fmpnn_original_samples;

bool fmpnn_original_samples_init(fmpnn_original_samples *samples, const fmpnn_original *run,
                                 const fmpnn_entry *entry);
void fmpnn_original_samples_clear(fmpnn_original_samples *samples);

/* The first record: the structure's own sequence. */
void fmpnn_original_samples_native(const fmpnn_original *run, const fmpnn_entry *entry,
                                   double score, double global, fmpnn_text *fasta);
/* The next sample; `number` from 1 for each temperature. draw->logits must hold the teacher-
 * forced log-probabilities of its letters by now. */
void fmpnn_original_samples_add(fmpnn_original_samples *samples, const fmpnn_entry *entry,
                                double temperature, size_t number,
                                const fmpnn_draw_request *draw);
fmpnn_status fmpnn_original_samples_write(fmpnn_original *run, const fmpnn_entry *entry,
                                          const fmpnn_original_samples *samples);

#endif
