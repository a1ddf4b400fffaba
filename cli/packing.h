/* Side chains for design --pack and pack: the weights, the settings, what is said. */
#ifndef CLI_PACKING_H
#define CLI_PACKING_H

#include "batch.h"

#include <jansson.h>

/* The state of a verb that packs. */
typedef struct packing {
    fmpnn_model *model; /* of design --pack; NULL: the job's own weights pack */
} packing;

/* For struct work: weights are loaded before any work, freed at the end. */
int packing_check(batch *b, const options *o);
int packing_finish(batch *b, int code);

/* What of a plan decides packings. */
json_t *packing_plan(const batch *b, const options *o);
/* Form of the structures; NULL: none are written. */
const char *packing_format(const batch *b);
/* Bytes of the packings of one sequence of L residues. */
size_t packing_size(const options *o, size_t L);
/* Pack one sequence (NULL: the structure's own) and hand the packings to the run. */
outcome packing_add(batch *b, const input *in, const fmpnn_job *job, double temperature,
                    uint64_t sample, const uint8_t *letters, fmpnn_error *err);

#endif
