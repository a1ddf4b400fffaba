/* What all verbs on structures share: options, inputs, context, weights, one job after the
 * other, failures, notes, the exit code. A verb says what it does with one job (struct work).
 *
 *     inputs_expand -> [ structure -> job -> work.each -> results ] for each -> closing table */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "inputs.h"

/* How one input, or the whole command, came out. */
typedef enum outcome {
    OUTCOME_DONE,
    FAILED_INPUT,     /* this input cannot be used; the others can */
    FAILED_SELECTION, /* the settings do not fit this input */
    STOP_USAGE,       /* the command cannot be right for any input */
    STOP_OUTPUT,      /* results cannot be written */
    STOP_DEVICE,
    STOP_INTERRUPT
} outcome;

typedef struct batch batch;
struct prepared; /* ahead.h */

typedef struct work {
    const char *unit; /* what the progress bar counts */
    bool makes_run;   /* results go through fmpnn_run_* */
    /* Units that one input takes. */
    size_t (*units)(const batch *b, const options *o);
    /* Before any work: -1, or the exit code after one line was printed. May be NULL. */
    int (*check)(batch *b, const options *o);
    /* One line of JSON that fixes what will be made, malloc'd. Only if makes_run. */
    char *(*plan)(const batch *b, const options *o);
    /* Compute and hand over the results of one job. */
    outcome (*each)(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err);
    /* Bytes that the results of one input of L residues take, roughly. NULL: inputs of this verb
     * are worked on one after another; else `each` may run ahead of its turn, on another thread,
     * with a context of one thread: it hands over results through parcel.h alone, prints nothing
     * and leaves `state` as it is. */
    size_t (*size)(const batch *b, const options *o, size_t L);
    /* each() for n small inputs in one call, into their parcels, as a device likes it; it sets
     * `computed`, `results` and `err` of each. May be NULL. */
    void (*many)(batch *b, size_t n, const input *const *in, struct prepared *const *p);
    /* When the results of an input are handed over. May be NULL. */
    void (*done)(batch *b, const options *o);
    /* After the last input, with the exit code so far; returns the final one. May be NULL. */
    int (*finish)(batch *b, int code);
} work;

struct batch {
    const verb *verb;
    const work *work;
    options options; /* of the command line */
    inputs inputs;
    fmpnn_context *ctx; /* NULL while it is opened */
    fmpnn_run *run; /* NULL unless work->makes_run, and while working ahead */
    struct parcel *parcel; /* where results are kept while working ahead; else NULL */
    struct dictionaries *dictionaries; /* read so far */
    int devices, first_device; /* of a kind that takes many inputs together; 0: none */
    struct opening *opening;   /* of the context, while it is not there yet; else NULL */
    uint64_t drawn_seed;
    const input *noted; /* whose packings were remarked on last */
    const options *planned; /* whose plan the following is, malloc'd */
    char *plan;
    size_t warnings; /* of all structures and jobs so far */
    const char *const *columns; /* of the verb's own, for the run; set by check */
    size_t column_count;
    void *state;     /* the verb's own */
};

int batch_run(const verb *v, const work *w, void *state, int argc, char **argv);

/* What a failed library call means: while computing, while handing over results of one input (its
 * chain names may have no room in a PDB file), and of the place that all results go to. */
outcome outcome_of_compute(fmpnn_status status);
outcome outcome_of_results(fmpnn_status status);
outcome outcome_of_output(fmpnn_status status);

/* A piece of work small enough to stop after: sequences of L residues at a time, at most BATCH_CHUNK,
 * or more where a device computes them together. The results do not depend on it. */
enum { BATCH_CHUNK = 64 };
size_t batch_chunk(size_t L, bool device);

/* One input's structure, and the job that its options make of it; owned by the caller. */
fmpnn_status batch_read_structure(const input *in, const fmpnn_model_info *info,
                                  fmpnn_structure **st, fmpnn_error *err);
fmpnn_status batch_create_job(const batch *b, const input *in, const fmpnn_structure *st,
                              const fmpnn_model *model, fmpnn_job **job, fmpnn_error *err);

/* For a verb that takes one structure: -1, or the exit code after one line was printed. */
int batch_check_single(const batch *b);

/* The seed that this input uses. */
uint64_t batch_seed(const batch *b, const options *o);

#endif
