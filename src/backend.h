/* The calls that every way of computing the network answers: the plain formulas in double
 * (reference/), the fused engine (engine/), a device (cuda/). Tests and benchmarks put
 * the same question to each.
 *
 * A backend sees graphs, weights, orders, rules and uniform numbers; it draws no random numbers
 * of its own and knows nothing of files, chains or options. */
#ifndef FMPNN_BACKEND_H
#define FMPNN_BACKEND_H

#include "base/base.h"
#include "base/pool.h"
#include "design/rules.h"
#include "graph/graph.h"
#include "watch.h"
#include "weights/model.h"

/* A structure encoded: computed once, read by every decoding of it. */
typedef struct fmpnn_encoding fmpnn_encoding;

/* A structure whose side chains are placed: what no torsion changes, computed once. */
typedef struct fmpnn_placing fmpnn_placing;
struct fmpnn_mixture; /* packing/torsions.h */

/* The message-passing operation with its weights and work memory. */
typedef struct fmpnn_operation fmpnn_operation;

/* One sequence to be sampled. */
typedef struct fmpnn_draw_request {
    const uint32_t *order;  /* [L] residue at step t; members of a group adjacent, listed order */
    const double *uniform;  /* [L] in [0,1), read at a group's first member */
    const double *exponential; /* [L][21] read likewise, instead of uniform: the letter is the
                                  first of largest p/exponential; both NULL: greedy */
    double temperature;     /* > 0; ignored (1) when greedy */
    uint8_t *letters;       /* [L] out */
    float *logits;          /* [L][21] out: W_out at the step of decoding; 0 where not computed */
    double *probs;          /* [L][21] out: distribution drawn from; 0 where none; or NULL */
} fmpnn_draw_request;

/* Sequences of one structure, to be sampled together with those of others. */
typedef struct fmpnn_sampling {
    const fmpnn_encoding *encoding;
    const fmpnn_rules *rules;
    size_t n_shared, B;          /* as for sample() */
    fmpnn_draw_request *request; /* [B] */
    /* Work of the caller that is done while others are computed: before request b is first looked
     * at, and when its results are there. On any thread, several at a time; not after a failure. NULL:
     * nothing. */
    void (*prepare)(void *of, size_t b), (*finish)(void *of, size_t b);
    void *of;
} fmpnn_sampling;

typedef struct fmpnn_backend {
    const char *name;

    /* How much memory a structure takes; NULL: nobody counts. */
    fmpnn_status (*plan)(const fmpnn_context *ctx, const fmpnn_model *model,
                         const fmpnn_graph *graph, fmpnn_memory_plan *plan);

    /* Features and encoder. The graph and the model are borrowed by the encoding. */
    fmpnn_status (*encode)(fmpnn_context *ctx, const fmpnn_model *model,
                           const fmpnn_graph *graph, fmpnn_encoding **encoding, fmpnn_error *err);
    void (*encoding_free)(fmpnn_encoding *encoding);

    /* Debug tap: final encoder states. h_V [L][C]; h_E [n_rows][K][C] for the rows asked for.
     * Either may be NULL. May cost a second encoding. */
    fmpnn_status (*states)(fmpnn_context *ctx, const fmpnn_encoding *encoding, float *h_V,
                           const uint32_t *rows, size_t n_rows, float *h_E, fmpnn_error *err);

    /* Teacher-forced logits of B sequences: letters [B][L], rank [B][L] (rank[b][i] = step at
     * which i is decoded), logits [B][L][21]. rank == NULL: unconditional, letters unused.
     * letters == NULL with ranks: neighbours decoded before contribute nothing at all, not even
     * their backbone (LigandMPNN's score without a sequence). */
    fmpnn_status (*logits)(fmpnn_context *ctx, const fmpnn_encoding *encoding, size_t B,
                           const uint8_t *letters, const uint32_t *rank, float *logits,
                           fmpnn_error *err);

    /* Row i of logits where wanted[i]: as if i were moved to the end of the order, all else
     * kept. Rows not wanted are left as they are. letters, rank, wanted: [L]. */
    fmpnn_status (*conditional)(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                const uint8_t *letters, const uint32_t *rank,
                                const uint8_t *wanted, float *logits, fmpnn_error *err);

    /* As logits, for B sequences that differ from `common` [L] at few residues, all in one order
     * rank [L]: bits are those of logits. NULL: ask logits instead. */
    fmpnn_status (*variants)(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                             const uint8_t *common, const uint32_t *rank, size_t B,
                             const uint8_t *letters, float *logits, fmpnn_error *err);

    /* Sample B sequences under one set of rules. The first n_shared steps are the same
     * residues in the same order in every request and none of them is designed, so a backend
     * may compute them once; 0 is always right. */
    fmpnn_status (*sample)(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                           const fmpnn_rules *rules, size_t n_shared, size_t B,
                           fmpnn_draw_request *request, fmpnn_error *err);

    /* Side chains, for a model of kind "packer", whose labels are residue types. NULL: this backend
     * has none; the CPU's answers in any context, if it has encoded too. atoms [L]: how many of
     * the 14 a residue has, 0 if it has no place. Of xyz [L][14][3] the first five of each count,
     * which no torsion moves. Encoding borrowed, the rest copied. */
    fmpnn_status (*placing_create)(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                   const uint8_t *atoms, const double *xyz,
                                   fmpnn_placing **placing, fmpnn_error *err);
    void (*placing_free)(fmpnn_placing *placing);
    /* The distribution of each chi angle, mixture [B][L][4], where all atoms are xyz
     * [B][L][14][3]. */
    fmpnn_status (*torsions)(fmpnn_context *ctx, const fmpnn_placing *placing, size_t B,
                             const double *xyz, struct fmpnn_mixture *mixture, fmpnn_error *err);

    /* The message-passing operation alone (fusempnn.h, section 8); arguments are checked. */
    fmpnn_status (*operation_create)(fmpnn_context *ctx, const fmpnn_message_weights *weights,
                                     size_t nodes, size_t k, fmpnn_operation **operation,
                                     fmpnn_error *err);
    fmpnn_status (*operation_run)(fmpnn_operation *operation, size_t B, size_t L,
                                  const float *h, const float *X, const int32_t *E,
                                  const float *mask, float *out, fmpnn_error *err);
    void (*operation_free)(fmpnn_operation *operation);

    /* Many structures in one call: what encode and sample give for each of them, to the bit. All
     * three NULL: one after the other is the best way. After a failure no encoding is made; which
     * structure it was about is not said, so a caller asks again for fewer. */
    fmpnn_status (*encode_many)(fmpnn_context *ctx, const fmpnn_model *model, size_t n,
                                const fmpnn_graph *const *graph, fmpnn_encoding **encoding,
                                fmpnn_error *err);
    fmpnn_status (*sample_many)(fmpnn_context *ctx, size_t n, const fmpnn_sampling *item,
                                fmpnn_error *err);
    /* How many of the first of n structures there is memory for at a time; at least 1. */
    size_t (*together)(const fmpnn_context *ctx, const fmpnn_model *model, size_t n,
                       const fmpnn_graph *const *graph);
} fmpnn_backend;

extern const fmpnn_backend fmpnn_backend_cpu;       /* engine/ */
extern const fmpnn_backend fmpnn_backend_reference; /* reference/, double inside */

/* What a context holds (context.c); the rest of its memory belongs to the backend. */
struct fmpnn_kernels;
struct fmpnn_context {
    const fmpnn_backend *backend;
    const struct fmpnn_kernels *kernels; /* of the CPU */
    const char *isa, *precision;
    const void *identity; /* equal: one may read what the other encoded */
    int threads;      /* at most, in one call */
    size_t max_memory; /* bytes; 0: no limit */
    fmpnn_pool *pool; /* NULL: everything in the calling thread */
    fmpnn_watch *watch; /* borrowed; NULL except under a benchmark */
    void *device;     /* the backend's own, or NULL */
    void (*close)(fmpnn_context *ctx); /* gives it back; or NULL */
    char note[256];   /* fmpnn_context_remark(); "" if there is nothing to tell */
};

#endif
