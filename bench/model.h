/* `fusempnn bench model`: whole pieces of work on one structure, timed through the calls that
 * the verbs use, stage by stage, beside what they have to do and what the machine allows.
 *
 * model.c        runs the work; the times of whole runs
 * model_watch.c  times of stages, through the watch that the library calls out to
 * counted.c      a table of kernels that counts what it is asked for
 * model_count.c  from there to FLOPs, bytes and the bound
 * model_print.c  the object and the text */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include "calm.h"
#include "ceilings.h"
#include "watch.h"

#include <stdatomic.h>

enum {
    BENCH_LAYERS = 16, /* encoder layers told apart; more share the last name */
    BENCH_STAGES = FMPNN_STAGE_OUTPUT + BENCH_LAYERS
};

typedef enum bench_model_work {
    BENCH_UNCONDITIONAL,
    BENCH_SCORE,
    BENCH_SAMPLE,
    BENCH_CONDITIONAL,
    BENCH_SCAN,
    BENCH_PACK
} bench_model_work;

extern const char *const bench_model_works[]; /* names, in this order; NULL ends the list */

/* What is asked for. The functions read the structure and make a job of it, as verbs do. */
typedef struct bench_model_options {
    bench_model_work work;
    size_t n, runs;
    double temperature;
    fmpnn_context *ctx; /* borrowed */
    const char *name; /* of the structure */
    void *user;
    fmpnn_status (*read)(void *user, fmpnn_structure **st, fmpnn_error *err);
    fmpnn_status (*make)(void *user, const fmpnn_structure *st, fmpnn_job **job,
                         fmpnn_error *err);
} bench_model_options;

/* What kernels were asked for. */
typedef struct bench_counts {
    double product_flops; /* of matrix products, a multiply-add being two */
    double other_flops;   /* additions of rows, norms */
    double curves;        /* values of GELU or of a Gaussian */
    double row_bytes;     /* of rows gathered from the tables of the decoder */
} bench_counts;

/* A stage: FMPNN_STAGE_ENCODER + layer stands for one layer; FMPNN_STAGE_TABLES and what comes
 * after it move up by BENCH_LAYERS - 1. */
size_t bench_stage_of(fmpnn_stage stage, size_t layer);
/* "encoder layer 2"; NULL for stages that have no name. */
const char *bench_stage_name(size_t stage, char text[32]);

/* A table like `kernels` that also counts, for one thread at a time. */
const fmpnn_kernels *bench_counted_kernels(const fmpnn_kernels *kernels);
/* What it counted since the last call. */
bench_counts bench_counted_take(void);

/* The watch of a context: adds up, over all threads, the time of stages (and counts, where
 * kernels count). One at a time. */
typedef struct bench_watch {
    fmpnn_watch watch;
    bool counting; /* one thread, and kernels that count */
    _Atomic int64_t ns[BENCH_STAGES];
    bench_counts counts[BENCH_STAGES];
} bench_watch;

void bench_watch_start(bench_watch *watch, bool counting);
/* So far, of all threads together. */
double bench_watch_ms(const bench_watch *watch, size_t stage);

typedef struct bench_model_bound {
    double product_ms, curve_ms, compute_ms, memory_ms, ms;
    const char *kind; /* "compute" or "memory" */
} bench_model_bound;

typedef struct bench_model_run {
    const bench_model_options *o;
    fmpnn_context *ctx; /* o->ctx */
    fmpnn_model_info model;
    char digest[65]; /* of the structure */
    size_t L, K, designed;
    bench_calm calm;
    size_t runs; /* that counted */
    double *ms;  /* [runs] */
    bench_times total;
    double read_ms, job_ms, neighbours_ms;
    double stage_ms[BENCH_STAGES]; /* medians over runs, a thread's share */
    double other_ms;
    bench_counts stage_counts[BENCH_STAGES], counts;
    double flops, bytes;
    bench_ceilings ceilings;
    bench_model_bound bound;
    double fraction;
} bench_model_run;

/* The work once, from a job that has computed nothing yet; everything it makes is freed. */
fmpnn_status bench_model_once(const bench_model_run *r, fmpnn_context *ctx, fmpnn_job *job,
                              fmpnn_error *err);

/* Run the work once more, counting; fills counts, flops, bytes and the bound. */
fmpnn_status bench_model_count(bench_model_run *r, const fmpnn_structure *st,
                               fmpnn_error *err);

/* Measure, then print to `out`: one JSON object with a newline (model.schema.json), or text for
 * people. */
fmpnn_status bench_model(const bench_model_options *options, bool json, FILE *out,
                         fmpnn_error *err);
void bench_model_print_json(FILE *out, const bench_model_run *r);
void bench_model_print_text(FILE *out, const bench_model_run *r);

#endif
