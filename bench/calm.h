/* Processors that nobody disturbs. On a shared host a processor may be one of two threads of a core whose
 * other thread is a stranger's: while that one is busy all work here takes up to twice as long, and of
 * two implementations not the same factor. Loops in registers, 10 us of them, tell: at other times they
 * run at the best rate seen in this run.
 *
 * With FMPNN_BENCH_CALM=SECONDS in the environment `bench fusion` looks before and after each turn of each
 * side. A block within which it saw a disturbance counts for no side; this process and the peers'
 * move to the calmest processors that they may use, a thread on each, and the block is repeated, for so many
 * seconds in all. `bench model` does so before and after each run. The times themselves are not looked at. */
#ifndef BENCH_CALM_H
#define BENCH_CALM_H

#include "bench.h"

typedef struct bench_calm {
    double until; /* bench_now() when patience ends; 0: not asked for */
    int threads;
    const bench_loops *loops;
    bench_matrix_loop *matrix; /* or NULL */
    double best[2];            /* rates of the two loops on an undisturbed processor */
    size_t kept, disturbed;    /* blocks or runs that counted, of them disturbed, */
    size_t discarded, moves;   /* those that did not count, moves */
    struct bench_processors *processors;
} bench_calm;

/* Does nothing, and the others then nothing either, unless the environment asks for it. */
fmpnn_status bench_calm_open(bench_calm *c, const fmpnn_context *ctx, fmpnn_error *err);
/* Patience begins. */
void bench_calm_start(bench_calm *c);
/* Whether the processors in use are undisturbed; true if nobody asked. */
bool bench_calm_now(bench_calm *c);
/* To the calmest processors, with all threads of this process and of `child` (0: none). */
void bench_calm_move(bench_calm *c, long child);
/* Patience is over: the calling thread may run anywhere again. */
void bench_calm_end(bench_calm *c);
/* What came of it: `counted` says what counted, "blocks" or "runs". Of the caller. */
struct json_t *bench_calm_json(const bench_calm *c, const char *counted);
void bench_calm_close(bench_calm *c);

#endif
