/* Inputs and weights of the message-passing operation: drawn from a seed, or read from a file.
 * All implementations that are compared get these and nothing else. */
#ifndef BENCH_TENSORS_H
#define BENCH_TENSORS_H

#include "bench.h"

typedef struct bench_tensors {
    size_t B, L, D, k;
    float *h;                /* [B][L][D] */
    float *X;                /* [B][L][3] */
    float *mask;             /* [B][L] */
    int32_t *E;              /* [B][L][k] */
    fmpnn_message_weights w; /* pointers into `block` */
    float *block;            /* owner of all floats */
} bench_tensors;

/**
 * Draw them.
 *
 * Weights and biases are uniform in +-1/sqrt(fan in), as PyTorch's Linear starts (gamma 1, beta
 * 0); h is normal, all residues are there. Coordinates are a chain of 3.8 Angstrom steps folded
 * into a ball of a protein's density; the neighbours are the k nearest, the residue itself among
 * them, as ProteinMPNN takes them.
 *
 * @return FMPNN_EINVAL for k > L or a size of 0 or beyond memory; FMPNN_ENOMEM.
 */
fmpnn_status bench_tensors_draw(bench_tensors *t, size_t B, size_t L, size_t D, size_t k,
                                uint64_t seed, fmpnn_error *err);

/* A .safetensors file with h X E_idx mask W1 b1 W2 b2 U1 c1 U2 c2 gamma beta, float32, E_idx
 * int32 or int64; others are ignored. */
fmpnn_status bench_tensors_read(bench_tensors *t, const char *path, fmpnn_error *err);

/* The same form. `out` [B][L][D]: what the results should be. */
fmpnn_status bench_tensors_write(const bench_tensors *t, const float *out, const char *path,
                                 fmpnn_error *err);

void bench_tensors_clear(bench_tensors *t);

/* ---- between tensors.c and tensors_file.c ---- */

enum { BENCH_FLOAT_TENSORS = 13 };

typedef struct bench_tensor {
    const char *name;
    float **data;
    size_t rank, shape[3];
    double fan_in; /* 0: no weight */
} bench_tensor;

/* All float tensors with their shapes, by t's sizes; their number is BENCH_FLOAT_TENSORS. */
void bench_tensors_list(bench_tensors *t, bench_tensor list[BENCH_FLOAT_TENSORS]);
size_t bench_tensor_count(const bench_tensor *tensor);
/* Memory for t's sizes. */
fmpnn_status bench_tensors_alloc(bench_tensors *t, fmpnn_error *err);

#endif
