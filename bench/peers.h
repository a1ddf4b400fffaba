/* Other programs at the same work: bench/peers.py as a child process, which loads the same
 * tensors and times PyTorch and MLX on request, a block of runs at a time, so that the blocks
 * of all implementations alternate. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "tensors.h"

#include <jansson.h>

enum { BENCH_MOST_PEERS = 4 };

typedef struct bench_peer {
    char name[32];    /* "pytorch_eager", "pytorch_compile", "mlx" */
    char status[16];  /* "ready", "missing" (no such package), "failed" */
    char detail[256]; /* version, or why not */
    double *ms;       /* [runs] */
    size_t count;
    bench_times times;
    double max_diff, mean_diff; /* from float64 */
} bench_peer;

typedef struct bench_peers {
    bench_peer peer[BENCH_MOST_PEERS];
    size_t count;
    struct bench_child *child;
    char folder[64]; /* temporary: tensors in, results out */
} bench_peers;

/* Those of a comma-separated list of "pytorch" and "mlx". FMPNN_EINVAL for another name. */
fmpnn_status bench_peers_check(const char *list, fmpnn_error *err);

/**
 * Start the script and let it load. A package that is missing is no failure: its status says it.
 *
 * @param out  [B][L][D] float64 reference, for the script's own look at it
 * @param runs largest number of runs that will be asked for
 */
fmpnn_status bench_peers_open(bench_peers *peers, const char *list,
                              const bench_tensors *tensors, const float *out, int threads,
                              size_t runs, fmpnn_error *err);
/* Time `runs` runs after `warm` ones that do not count, of each ready peer. */
void bench_peers_block(bench_peers *peers, size_t runs, size_t warm);
/* Fetch the results, compare with `out`, sum up the times. */
void bench_peers_finish(bench_peers *peers, const bench_tensors *tensors, const float *out);
void bench_peers_close(bench_peers *peers);
/* The script's process; 0 without one. */
long bench_peers_process(const bench_peers *peers);
/* Forget the last `runs` of each peer that has as many. */
void bench_peers_forget(bench_peers *peers, size_t runs);

/* Largest and mean |a - b|; NaN counts as infinite. */
void bench_difference(const float *a, const float *b, size_t count, double *largest,
                      double *mean);

#endif
