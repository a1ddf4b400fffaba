/* Questions that differ from a common one in a few places: the common pass is made once and
 * kept, and for each question only what it changes is computed again, exactly.
 *
 * common.c       the pass, its states and its terms g(W2 g(z) + b2)
 * change.c       following one change from layer to layer
 * conditional.c  asks: residue i last in the order, at many i
 * variants.c     asks: other letters at a few residues, many sequences
 *
 * A change is other letters, or one residue moved to the end of the order. It reaches the rows
 * that list a changed residue and come after it, from there the rows that list those, one step
 * a layer. A row whose own state stands recomputes its changed terms alone; its sum is formed
 * again in neighbour order, so its bits are those of a whole pass. docs/math.md, "Single
 * residues". */
#ifndef FMPNN_ENGINE_LOCAL_H
#define FMPNN_ENGINE_LOCAL_H

#include "engine/engine.h"

/* ---- common.c ---- */

typedef struct fmpnn_common {
    const fmpnn_encoding *en;
    const fmpnn_kernels *kernels;
    const uint8_t *letters;
    const uint32_t *rank;
    size_t layers; /* computed: all, or all but the last */
    float *h;      /* [en->layers-1][L][C] state after a layer */
    float *near;   /* [en->layers-1][L][C] Wn h, for the layer that follows */
    float *terms;  /* [layers][L][K][C]; NULL if they are too many: rows are redone whole */
    float *logits; /* [L][21], if layers are all; else NULL */
    uint32_t *row; /* [n_rows] the resolved residues: those that have rows */
    size_t n_rows;
    size_t block; /* rows that an item of work takes */
    int threads;  /* whose followers there is memory for */
} fmpnn_common;

/* Everything but the pass itself. false: out of memory. Clear also then. */
bool fmpnn_common_init(fmpnn_common *common, const fmpnn_context *ctx,
                       const fmpnn_encoding *en, const uint8_t *letters, const uint32_t *rank,
                       size_t layers);
void fmpnn_common_clear(fmpnn_common *common);

/* The pass as phases of a task: layer by layer, in blocks. `tile`: [K][C] of the thread. */
size_t fmpnn_common_blocks(const fmpnn_common *common);
void fmpnn_common_compute(const fmpnn_common *common, size_t layer, size_t block, float *tile,
                          fmpnn_decode_scratch *x);

/* ---- change.c ---- */

typedef struct fmpnn_change {
    const uint8_t *letters; /* [L] that hold now */
    uint32_t last;          /* comes last in the order now; FMPNN_NO_SLOT: nobody moves */
} fmpnn_change;

/* Changed terms of one row, in the follower's tile. */
typedef struct fmpnn_part {
    uint32_t row, first, count; /* row: its place in the block */
} fmpnn_part;

/* What one thread needs to follow changes. */
typedef struct fmpnn_follower {
    fmpnn_decode_scratch x;
    float *z, *tile;     /* [2K][C] inputs and outputs of W2 */
    const float **sum;   /* [K] rows to add up */
    uint32_t *edge;      /* [2K] edges of the terms in `tile` */
    fmpnn_part part[FMPNN_ROWS];
    size_t parts, filled;
    float *h, *near;     /* [en->layers-1][L][C] new states, packed */
    uint32_t *place;     /* [en->layers-1][L] where a residue's new state is, or none */
    uint32_t *needed;    /* [en->layers][L] rows to look at, layer by layer */
    size_t *n_needed;    /* [en->layers] */
    uint8_t *mark;       /* [L] */
    uint32_t *changed;   /* [L] rows of the layer at hand that change */
} fmpnn_follower;

bool fmpnn_follower_init(fmpnn_follower *f, const fmpnn_common *common);
void fmpnn_follower_clear(fmpnn_follower *f);

/* Whether j counts as decoded for `row`. */
bool fmpnn_change_decoded(const fmpnn_common *common, const fmpnn_change *change, size_t row,
                          size_t j);

/* Compute what differs among the rows that f->needed lists. Logits of rows of the last layer
 * that were computed go to logits [L][21]; the others are left as they are. */
void fmpnn_change_follow(const fmpnn_common *common, const fmpnn_change *change,
                         fmpnn_follower *f, float *logits);

#endif
