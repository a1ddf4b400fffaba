/* A stop watch that a benchmark may hand to a context: the engine calls out where one stage of
 * its work ends. Without a watch (always, except under `bench model`) a call is one test of a
 * pointer. The engine does not know what the watch does with it. */
#ifndef FMPNN_WATCH_H
#define FMPNN_WATCH_H

#include <stddef.h>

typedef enum fmpnn_stage {
    FMPNN_STAGE_NONE,      /* waiting, preparing: counts for no stage */
    FMPNN_STAGE_FEATURES,  /* distances, Gaussians, offsets */
    FMPNN_STAGE_EMBEDDING, /* features -> first edge states */
    FMPNN_STAGE_ENCODER,   /* + number of the layer */
    FMPNN_STAGE_CONTEXT,   /* atoms beside the protein */
    FMPNN_STAGE_TABLES,    /* what the decoder reads of edges and residues */
    FMPNN_STAGE_DECODE,
    FMPNN_STAGE_OUTPUT     /* logits -> log-probabilities and scores */
} fmpnn_stage;

typedef struct fmpnn_watch fmpnn_watch;
struct fmpnn_watch {
    /* What this thread did since its previous lap belongs to `stage`. Called by all threads. */
    void (*lap)(fmpnn_watch *watch, fmpnn_stage stage, size_t layer);
};

static inline void fmpnn_lap(fmpnn_watch *watch, fmpnn_stage stage, size_t layer)
{
    if (watch)
        watch->lap(watch, stage, layer);
}

#endif
