/* Results of one input on their way to the run: handed on at once, or, if the input is worked on
 * ahead of its turn (ahead.h), kept in a parcel until it comes. */
#ifndef CLI_PARCEL_H
#define CLI_PARCEL_H

#include "batch.h"

typedef struct parcel_item parcel_item;

typedef struct parcel {
    parcel_item *item;
    size_t count;
} parcel;

/* As fmpnn_run_set_native_score(), fmpnn_run_add_samples(), _score(), _probs() for b->run. What
 * is allocated is copied, or taken over where it says so, also on failure. */
void parcel_native_score(batch *b, double score);
fmpnn_status parcel_samples(batch *b, fmpnn_samples *samples /* taken */, fmpnn_error *err);
fmpnn_status parcel_score(batch *b, const char *id, const uint8_t *letters, size_t L,
                          size_t orders, const fmpnn_score_result *result, fmpnn_error *err);
fmpnn_status parcel_probs(batch *b, fmpnn_probs_mode mode, uint8_t *letters /* malloc'd, taken */,
                          size_t orders, float *log_p /* the same */, fmpnn_error *err);
/* As fmpnn_run_add_packs(); its note is printed once an input. */
fmpnn_status parcel_packs(batch *b, const input *in, fmpnn_packs *packs /* taken */,
                          fmpnn_error *err);
/* Progress of `units`, shown when the results are handed on. */
void parcel_progress(batch *b, const input *in, size_t units);

/* Hand on what a parcel holds, in order. */
fmpnn_status parcel_deliver(parcel *p, batch *b, const input *in, fmpnn_error *err);
void parcel_clear(parcel *p);

#endif
