/* What this machine can do at best, measured in the same run, on all threads at once: loops
 * whose data never leave the first-level cache, and one copy that never stays in any. */
#ifndef BENCH_CEILINGS_H
#define BENCH_CEILINGS_H

#include "bench.h"

typedef struct bench_ceilings {
    double fma_gflops;   /* multiply-adds in registers */
    double matrix_gflops; /* products in a matrix unit's registers, in this precision; 0: none */
    double gemm_gflops;  /* the product kernel, best of several shapes */
    double gelu_gvalues; /* GELU in the first-level cache, 1e9 values a second */
    double edge_gvalues; /* the edge kernel (4 multiply-adds, GELU, sum) in the same */
    double
        copy_gbytes; /* streaming copy, bytes read plus bytes written; 0: no memory for it */
} bench_ceilings;

/* Takes some tenths of a second. */
fmpnn_status bench_ceilings_measure(const fmpnn_context *ctx, bench_ceilings *ceilings,
                                    fmpnn_error *err);

#endif
