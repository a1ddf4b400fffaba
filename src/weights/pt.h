/* Between the two halves of the .pt reader: pt_plan.c finds in the pickle what tensors there
 * are, pt.c reads their numbers from the zip archive. */
#ifndef FMPNN_WEIGHTS_PT_H
#define FMPNN_WEIGHTS_PT_H

#include "weights/floats.h"
#include "weights/pickle.h"

/* A tensor as data.pkl describes it: every element lies within the storage, there are no more
 * of them than it has; label and key are short and printable. */
typedef struct fmpnn_pt_plan {
    const fmpnn_pickle_value *label;         /* its name in the state dictionary */
    const fmpnn_pickle_value *key;           /* of its storage */
    fmpnn_dtype dtype;                       /* a floating type */
    size_t elements;                         /* of the storage */
    size_t offset;                           /* of the tensor in it */
    size_t rank, shape[4], stride[4], count; /* in elements */
} fmpnn_pt_plan;

/* The tensors of a checkpoint: those under model_state_dict or state_dict, or at the top.
 * `plans` is freed with fmpnn_release(), also on failure; it borrows from the pickle. */
fmpnn_status fmpnn_pt_plan_tensors(const char *name, const fmpnn_pickle_value *root,
                                   fmpnn_pt_plan **plans, size_t *count, fmpnn_error *err);

/* num_edges and noise_level, where the checkpoint has them. */
fmpnn_status fmpnn_pt_plan_settings(const char *name, const fmpnn_pickle_value *root,
                                    fmpnn_tensors *out, fmpnn_error *err);

#endif
