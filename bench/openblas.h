/* OpenBLAS, found when the program runs: the baseline needs it, the library does not. */
#ifndef BENCH_OPENBLAS_H
#define BENCH_OPENBLAS_H

#include "bench.h"

/* cblas_sgemm with its enumerations as the ints that they are. */
typedef void bench_sgemm(int order, int transpose_a, int transpose_b, int M, int N, int K,
                         float alpha, const float *a, int lda, const float *b, int ldb,
                         float beta, float *c, int ldc);

typedef struct bench_openblas {
    void *library;
    bench_sgemm *sgemm;  /* one thread of its own a call; any thread may call */
    char described[128]; /* version and kernels, as it says itself */
} bench_openblas;

/* FMPNN_EDEVICE names the package to install. */
fmpnn_status bench_openblas_open(bench_openblas *blas, fmpnn_error *err);
void bench_openblas_close(bench_openblas *blas);

/* y [M][N] = x [M][K] w^T, w [N][K]. */
void bench_product(const bench_openblas *blas, float *y, const float *x, const float *w,
                   size_t M, size_t N, size_t K);

#endif
