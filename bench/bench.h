/* Benchmarks, and what they share. Comes in: a context, sizes, perhaps a file of tensors. Goes
 * out: sections of text and one JSON object.
 *
 * This folder may look into the library (kernel table, reference backend): it measures what a
 * program could reach, not only what the public header offers. The library knows nothing of
 * this folder. docs/benchmarks.md says how to run them and what was measured. */
#ifndef BENCH_H
#define BENCH_H

#include "backend.h"
#include "kernels/kernels.h"

/* ---- clock.c: time, and what many times amount to ---- */

double bench_now(void); /* milliseconds since some moment */
void bench_sleep(double ms);

typedef struct bench_times {
    double mean, sd; /* sd over all runs, not an estimate for more of them */
    double median, p5, p95;
} bench_times;

/* Of [count] values, which are sorted in place; all NaN if there are none. */
bench_times bench_times_of(double *ms, size_t count);

/* ---- machine.c ---- */

/* "Intel(R) Xeon(R) ..." as the system names the processor; "unknown" if it does not. */
void bench_cpu_name(char *name, size_t size);

/* ---- loops.c: plain loops, compiled once for each instruction set ---- */

typedef struct bench_loops {
    const char *isa;
    /* dst[r][c] += bias[c] */
    void (*add_bias)(float *dst, size_t rows, size_t columns, const float *bias);
    /* dst[i] = a[i] + b[i] */
    void (*add)(float *dst, const float *a, const float *b, size_t n);
    /* dst[c] = mean of k rows */
    void (*mean)(float *dst, const float *src, size_t k, size_t columns);
    /* dst[r][c] *= factor[r] */
    void (*scale)(float *dst, size_t rows, size_t columns, const float *factor);
    /* Multiply-adds in registers alone; returns the flops done. `sink` keeps the result. */
    double (*multiply_add)(float *sink);
} bench_loops;

/* Those compiled for `isa`, or for the best that is not above it. */
const bench_loops *bench_loops_for(const char *isa);

/* ---- matrix.c: products of a matrix unit in its own registers ---- */

/* Returns the flops done of products in that precision. */
typedef double bench_matrix_loop(float *sink);

/* NULL where this instruction set and precision use no such unit. */
bench_matrix_loop *bench_matrix_loop_for(const char *isa, const char *precision);
bench_matrix_loop *bench_matrix_loop_amx(const char *precision);
bench_matrix_loop *bench_matrix_loop_avx512(const char *precision);

#endif
