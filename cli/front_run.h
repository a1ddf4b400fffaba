/* What the fronts of whole runs share: options of ours beside the published ones, the two streams,
 * the exit code. */
#ifndef CLI_FRONT_RUN_H
#define CLI_FRONT_RUN_H

#include "fusempnn.h"

/* Where and how to compute; --rng only has torch. */
typedef struct front_place {
    const char *device, *isa, *precision, *rng;
    int threads;
} front_place;

void front_place_default(front_place *place);
/* -1, or the exit code after saying what is wrong. */
int front_place_check(const char *name, const front_place *place);

/* A seed of 0 becomes one of 1 to `seeds` - 1, or 0. False after saying why not. */
bool front_draw_seed(int64_t *seed, uint32_t seeds);

/* Lines to stdout, notes to stderr. */
extern const fmpnn_original_listener front_streams;

typedef fmpnn_status (*front_work)(fmpnn_context *ctx, const void *what,
                                   const fmpnn_original_listener *listener, fmpnn_error *err);
/* Open a context, work, say what failed. Returns the exit code. */
int front_run(const front_place *place, front_work work, const void *what);

/* Rows of a front's table for a front_place at this offset. */
#define FRONT_PLACE_ROWS(at)                                                                \
    {"rng", FRONT_TEXT, at + offsetof(front_place, rng),                                    \
     "torch: random numbers of PyTorch on a CPU (torch)"},                                  \
        {"threads", FRONT_INT, at + offsetof(front_place, threads),                         \
         "threads (all usable cores)"},                                                     \
        {"device", FRONT_TEXT, at + offsetof(front_place, device),                          \
         "cpu, cuda, cuda:N, auto or reference (cpu)"},                                    \
        {"isa", FRONT_TEXT, at + offsetof(front_place, isa), "instruction set (the best here)"}, \
    {                                                                                       \
        "precision", FRONT_TEXT, at + offsetof(front_place, precision),                     \
            "fp32, bf16x3, bf16 or fp16; fp32 gives the published letters (fp32)"           \
    }

#endif
