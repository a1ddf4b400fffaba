/* What the files that put questions to a backend share (compute.c). */
#ifndef FMPNN_DESIGN_COMPUTE_H
#define FMPNN_DESIGN_COMPUTE_H

#include "design/job.h"

/* fmpnn_probs() for the decoding orders numbered first, first+1, ... (from 1), so that a caller
 * can take many orders piece by piece. */
fmpnn_status fmpnn_probs_of_orders(fmpnn_context *ctx, fmpnn_job *job, fmpnn_probs_mode mode,
                                   const uint8_t *letters, size_t first, size_t orders,
                                   float *log_p, fmpnn_error *err);

#endif
