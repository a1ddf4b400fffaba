/* The order in which residues are decoded. Comes in: random numbers, groups. Goes out:
 * order[t] = residue at step t, members of a tied group adjacent and in listed order. */
#ifndef FMPNN_DESIGN_ORDER_H
#define FMPNN_DESIGN_ORDER_H

#include "design/job.h"
#include "design/random.h"

/**
 * The order of one sample of this program: everything that is not designed first, in an order
 * that is the same for every sample and temperature of (seed, backbone); then the designed
 * residues and groups by random keys.
 *
 * stream:   of (seed, backbone, temperature); draws the designed part
 * sample:   its number
 * order:    [L] out
 * n_shared: out, steps of the first part; may be NULL
 *
 * A group's key is drawn at its first member in model order. Cannot fail.
 */
void fmpnn_order_native(const fmpnn_job *job, const fmpnn_stream *stream, uint64_t sample,
                        uint32_t *order, size_t *n_shared);

/* The first part: residues with designed[i] == 0, order [L] out; returns how many. `stream` is
 * that of temperature 0. */
size_t fmpnn_order_fixed(size_t L, const uint8_t *designed, const fmpnn_stream *stream,
                         uint32_t *order);

/* The published program's order: ascending (design_mask + 0.0001) |randn| in float32, equal
 * keys by index. All arrays [L]. Source: Dauparas et al. 2022, its program. */
void fmpnn_order_original(size_t L, const float *randn, const float *design_mask,
                          uint32_t *order);

/* Bring tied groups together: a residue not placed yet brings its whole group in listed order.
 * order_in and order_out are [L] and distinct. False: out of memory. */
bool fmpnn_order_group(const fmpnn_rules *rules, const uint32_t *order_in,
                       uint32_t *order_out);

/* rank[order[t]] = t. */
void fmpnn_order_rank(size_t L, const uint32_t *order, uint32_t *rank);

#endif
