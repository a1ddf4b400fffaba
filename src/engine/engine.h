/* The fused engine: the network of reference/, with its algebra rearranged so that as little as
 * possible is done per edge. Comes in: graph and packed weights. Goes out: logits and letters.
 * Knows nothing of files, chains or options.
 *
 * encode.c   features and encoder, one pass over each residue's edges per layer
 * context.c  atoms beside the protein, after the encoder; context_plan.c finds what they share
 * decode.c   one decoder layer for any set of (sequence, residue) rows
 * logits.c   all rows at once, letters given (scores, probabilities)
 * conditional.c  one residue last, everything else kept, asked at many residues
 * variants.c     letters of a common sequence changed at a few residues; both by local.h
 * side.c     side chains: the packer's decoder, around angles that change; side_edges.c its features
 * tables.c   the edge part of decoder layers: made where it is read, or held
 * sample.c   level by level, letters drawn on the way; levels.c finds the levels
 * memory.c   which tables are held, for --max-memory
 * node.c     what follows the sum over neighbours, encoder and decoder alike
 *
 * Every value is computed by kernels whose summation order does not depend on how many rows
 * travel together, so no result depends on threads, batch or level. Threads come from the
 * context's pool (base/pool.h): a call is one task, a pass over residues one phase of it.
 * Equations: docs/math.md. */
#ifndef FMPNN_ENGINE_H
#define FMPNN_ENGINE_H

#include "backend.h"
#include "engine/levels.h"
#include "kernels/kernels.h"
#include "weights/packed.h"

enum {
    FMPNN_ROWS = 24,  /* rows that share a walk through node weights, where they are few */
    FMPNN_BLOCK = 96  /* the same in encoder and decoder: 700 kB of weights a layer come from
                         beyond the second-level cache each time */
};

/* The edge part of the decoder's layers, the largest part of an encoding by far. Read once, it is
 * made where it is read and never stored; from the second time on it is held, as far as memory
 * allows. */
typedef struct fmpnn_tables {
    size_t allowed;   /* layers that may be held */
    size_t held;      /* that are; the others' part is made of `edges` */
    size_t passes;    /* over all edges, so far */
    float *edge_part; /* [held][L][K][C] We e_ij + b1 */
    float *edges;     /* [L][K][C] e_ij; NULL if all layers are held */
} fmpnn_tables;

/* What is computed once for a structure and read by every decoding of it. */
struct fmpnn_encoding {
    const fmpnn_model *model;
    const fmpnn_graph *graph;
    const fmpnn_packed *w;
    size_t L, K, C, layers; /* layers: of the decoder */
    float *h;               /* [L][C] encoder output, 0 where not resolved */
    size_t spare;           /* bytes that may be used besides; SIZE_MAX: no limit */
    fmpnn_tables *tables;
    float *own_part;        /* [L][C] Wv h_i of the first layer */
    float *blind;           /* [layers][L][C] Wn h_j: what a residue not yet decoded adds */
};

/* ---- features.c ---- */

/* Raw edge features of residue i, [K][packed.features], and for each neighbour the row of the
 * offset table that holds its positional part. `frames` is NULL or [L][9] (CA-only). */
void fmpnn_features_row(const fmpnn_graph *graph, const fmpnn_packed *w,
                        const fmpnn_kernels *kernels, const float *virtual_cb,
                        const float *frames, size_t i, float *raw, const float **offset);
/* Per-residue geometry used by the above, beside fmpnn_graph_cb(): [L][9] local frames
 * (CA-only). */
void fmpnn_features_frames(const fmpnn_graph *graph, float *frames);
/* Floats in `raw` for one residue. */
size_t fmpnn_features_size(const fmpnn_graph *graph, const fmpnn_packed *w);

/* ---- node.c ---- */

/* h <- LN2(x + FFN(x)), x = LN1(h + (W3 s + count b3) / 30), M rows in place.
 * h: [M][C]; s: [M][C], overwritten; count: [M] neighbours summed; work: [M][F]. */
void fmpnn_node_update(const fmpnn_kernels *kernels, const fmpnn_packed_node *w, size_t C,
                       size_t F, size_t M, float *h, float *s, const float *count, float *work);

/* ---- decode.c ---- */

/* One sequence on its way through the decoder. */
typedef struct fmpnn_sequence {
    const uint32_t *rank;     /* [L] step of decoding; NULL: no neighbour counts as decoded */
    const uint8_t *letters;   /* [L]; NULL: neighbours decoded before contribute nothing */
    const uint32_t *group_of; /* [L] a residue does not see the letters of its own group while
                                 they are being decided; NULL: it sees all */
    float *state;             /* [layers-1][slots][C] Wn h of the later layers */
    float *logits;            /* [L][21] out */
} fmpnn_sequence;

/* Where the states of residues are: those that all sequences share (same letters, same order)
 * are held once. */
typedef struct fmpnn_slots {
    const uint32_t *slot;   /* [L] row in the state array, FMPNN_NO_SLOT: no state, all zero */
    const uint8_t *shared;  /* [L] 1: in shared_state; NULL: none is */
    size_t slots, shared_slots;
    float *shared_state;    /* [layers-1][shared_slots][C] */
} fmpnn_slots;

#define FMPNN_NO_SLOT UINT32_MAX

/* A row to compute: residue i of a sequence. */
typedef struct fmpnn_row {
    fmpnn_sequence *sequence;
    uint32_t i;
} fmpnn_row;

/* Rows of which each thread gets a block, and the same number of blocks if it can be: at most
 * `most`, at least 1. */
size_t fmpnn_rows_a_block(size_t rows, size_t most, int threads);

/* ---- tables.c ---- */

/* So many passes over all edges are about to be made: hold the edge part if it is worth it. Not
 * while the encoding is read by others. */
fmpnn_status fmpnn_tables_prepare(const fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                  size_t passes, fmpnn_error *err);

/* ---- memory.c: what is held, and what is computed again ---- */

/* An encoding's sizes, without memory. */
fmpnn_encoding fmpnn_encoding_sizes(const fmpnn_model *model, const fmpnn_graph *graph);
/* What the structure of these sizes takes in this context. */
void fmpnn_memory_count(const fmpnn_context *ctx, const fmpnn_encoding *sizes,
                        fmpnn_memory_plan *plan);
/* Set tables->allowed and spare. FMPNN_ENOMEM, naming what is needed, if the limit is too low. */
fmpnn_status fmpnn_memory_decide(const fmpnn_context *ctx, fmpnn_encoding *encoding,
                                 fmpnn_error *err);
/* Bytes to use for what only speeds up work: `wanted`, or what there is. */
size_t fmpnn_memory_for(const fmpnn_encoding *encoding, size_t wanted);

/* Scratch of one thread. */
typedef struct fmpnn_decode_scratch {
    float *h, *own, *s, *next; /* [FMPNN_BLOCK][C] */
    float *work;               /* [FMPNN_BLOCK][F] */
    float *tile;               /* [K][C] */
    float *count;              /* [FMPNN_BLOCK] */
    const float **edge, **node, **letter; /* [K] row pointers */
    struct fmpnn_gathered {
        const float **edge, **node, **letter; /* [K] */
        const float **far;                    /* [2K] those that are not near */
        size_t n_far;
    } gathered[2]; /* of the row at hand and of the next; the first has the pointers above */
    float *edge_tile;          /* [K][C] edge part that is not held: of row edge_row */
    size_t edge_layer, edge_row; /* in layer edge_layer; SIZE_MAX: none yet */
    void *block;
    unsigned mode;             /* of the floating-point unit, before */
} fmpnn_decode_scratch;

/* Memory for the thread that calls, and denormals flushed until it clears. Clear also after a
 * failure (out of memory). */
bool fmpnn_decode_scratch_init(fmpnn_decode_scratch *scratch, const fmpnn_encoding *encoding);
void fmpnn_decode_scratch_clear(fmpnn_decode_scratch *scratch);

/* The edge part of residue i in a layer, [K][C]: from the table, or made in the scratch, where it
 * stays until another is asked for. */
const float *fmpnn_edge_tile(const fmpnn_encoding *encoding, const fmpnn_kernels *kernels,
                             size_t layer, size_t i, fmpnn_decode_scratch *scratch);

/* Decoder layer `layer` for M <= FMPNN_BLOCK rows: scratch->h [M][C] goes from h^(layer) to
 * h^(layer+1); what later layers of neighbours need goes to the states; after the last layer
 * the logits are written. */
void fmpnn_decode_layer(const fmpnn_encoding *encoding, const fmpnn_kernels *kernels,
                        const fmpnn_slots *slots, size_t layer, size_t M, const fmpnn_row *row,
                        fmpnn_decode_scratch *scratch);

/* The second half of the above: from the summed messages scratch->s to the new h, and from
 * there to scratch->next: the neighbour part of the next layer [M][C], or logits [M][21]. */
void fmpnn_decode_nodes(const fmpnn_encoding *encoding, const fmpnn_kernels *kernels,
                        size_t layer, size_t M, fmpnn_decode_scratch *scratch);

/* ---- logits.c ---- */

/* All of `row` (any number), letters known: layer by layer, `h` [n_rows][C] is work memory. */
fmpnn_status fmpnn_decode_rows(const fmpnn_context *ctx, const fmpnn_encoding *encoding,
                               const fmpnn_slots *slots, size_t n_rows, const fmpnn_row *row,
                               fmpnn_error *err);

/* A residue that is not resolved has h = 0: its logits are the bias. Others are left alone. */
void fmpnn_logits_of_unresolved(const fmpnn_encoding *encoding, float *logits);

/* ---- the backend's calls (backend.c) ---- */

fmpnn_status fmpnn_engine_encode(fmpnn_context *ctx, const fmpnn_model *model,
                                 const fmpnn_graph *graph, fmpnn_encoding **encoding,
                                 fmpnn_error *err);
void fmpnn_engine_encoding_free(fmpnn_encoding *encoding);
fmpnn_status fmpnn_engine_plan(const fmpnn_context *ctx, const fmpnn_model *model,
                               const fmpnn_graph *graph, fmpnn_memory_plan *plan);
fmpnn_status fmpnn_engine_states(fmpnn_context *ctx, const fmpnn_encoding *encoding, float *h_V,
                                 const uint32_t *rows, size_t n_rows, float *h_E,
                                 fmpnn_error *err);
fmpnn_status fmpnn_engine_logits(fmpnn_context *ctx, const fmpnn_encoding *encoding, size_t B,
                                 const uint8_t *letters, const uint32_t *rank, float *logits,
                                 fmpnn_error *err);
fmpnn_status fmpnn_engine_conditional(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                      const uint8_t *letters, const uint32_t *rank,
                                      const uint8_t *wanted, float *logits, fmpnn_error *err);
fmpnn_status fmpnn_engine_variants(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                   const uint8_t *common, const uint32_t *rank, size_t B,
                                   const uint8_t *letters, float *logits, fmpnn_error *err);
fmpnn_status fmpnn_engine_sample(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                 const fmpnn_rules *rules, size_t n_shared, size_t B,
                                 fmpnn_draw_request *request, fmpnn_error *err);

/* side.c */
fmpnn_status fmpnn_engine_placing_create(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                         const uint8_t *atoms, const double *xyz,
                                         fmpnn_placing **placing, fmpnn_error *err);
void fmpnn_engine_placing_free(fmpnn_placing *placing);
fmpnn_status fmpnn_engine_torsions(fmpnn_context *ctx, const fmpnn_placing *placing, size_t B,
                                   const double *xyz, struct fmpnn_mixture *mixture,
                                   fmpnn_error *err);

/* message_pass.c */
fmpnn_status fmpnn_engine_operation_create(fmpnn_context *ctx,
                                           const fmpnn_message_weights *weights, size_t nodes,
                                           size_t k, fmpnn_operation **operation,
                                           fmpnn_error *err);
fmpnn_status fmpnn_engine_operation_run(fmpnn_operation *operation, size_t B, size_t L,
                                        const float *h, const float *X, const int32_t *E,
                                        const float *mask, float *out, fmpnn_error *err);
void fmpnn_engine_operation_free(fmpnn_operation *operation);

#endif
