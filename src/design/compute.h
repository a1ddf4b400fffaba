/* What the files that put questions to a backend share (compute.c). */
#ifndef FMPNN_DESIGN_COMPUTE_H
#define FMPNN_DESIGN_COMPUTE_H

#include "design/job.h"

/* fmpnn_probs() for the decoding orders numbered first, first+1, ... (from 1), so that a caller
 * can take many orders piece by piece. */
fmpnn_status fmpnn_probs_of_orders(fmpnn_context *ctx, fmpnn_job *job, fmpnn_probs_mode mode,
                                   const uint8_t *letters, size_t first, size_t orders,
                                   float *log_p, fmpnn_error *err);

/* ---- from logits to numbers ---- */

/* ln p of every row that is asked for (rows[i] != 0), NaN elsewhere. May be in place. */
void fmpnn_log_probs(const fmpnn_job *job, const uint8_t *rows, const float *logits,
                     float *log_p);

/* Mean -ln p of the letters over the residues of `over` (and of `also`); NaN if there are none. */
double fmpnn_mean_score(const fmpnn_job *job, const uint8_t *over, const uint8_t *also,
                        const uint8_t *letters, const float *log_p);

typedef struct fmpnn_comparison {
    double recovery;
    size_t designed, mutations;
} fmpnn_comparison;

/* Letters against the native ones, over designed residues. */
fmpnn_comparison fmpnn_compare(const fmpnn_job *job, const uint8_t *letters);

/* ---- ask.c: the backend's calls (backend.h), by the job's positions, whether it has one
 * structure or several states ---- */

/* Make sure of job->encoding. */
fmpnn_status fmpnn_ask_encode(fmpnn_context *ctx, fmpnn_job *job, fmpnn_error *err);
/* Whether it is there for this context. */
bool fmpnn_ask_encoded(const fmpnn_context *ctx, const fmpnn_job *job);
/* The same for many jobs of one model, none of them twice; all or none, if the backend has
 * encode_many. */
fmpnn_status fmpnn_ask_encode_many(fmpnn_context *ctx, size_t n, fmpnn_job *const *job,
                                   fmpnn_error *err);
fmpnn_status fmpnn_ask_logits(fmpnn_context *ctx, const fmpnn_job *job, size_t B,
                              const uint8_t *letters, const uint32_t *rank, float *logits,
                              fmpnn_error *err);
fmpnn_status fmpnn_ask_conditional(fmpnn_context *ctx, const fmpnn_job *job,
                                   const uint8_t *letters, const uint32_t *rank,
                                   const uint8_t *wanted, float *logits, fmpnn_error *err);
fmpnn_status fmpnn_ask_sample(fmpnn_context *ctx, const fmpnn_job *job, size_t n_shared,
                              size_t n, fmpnn_draw_request *request, fmpnn_error *err);

#endif
