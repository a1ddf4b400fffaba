/* One initialiser for each instruction set compiled in: it overwrites the slots it does better.
 * Each lives in kernels_<isa>.c, the only file built with that instruction set's flags. */
#ifndef FMPNN_ISA_H
#define FMPNN_ISA_H

#include "kernels/kernels.h"

void fmpnn_kernels_init_generic(fmpnn_kernels *kernels);
void fmpnn_kernels_init_avx2(fmpnn_kernels *kernels);
void fmpnn_kernels_init_avx512(fmpnn_kernels *kernels);
void fmpnn_kernels_init_avx512_bf16(fmpnn_kernels *kernels);
void fmpnn_kernels_init_amx_bf16x6(fmpnn_kernels *kernels);
void fmpnn_kernels_init_amx_bf16x3(fmpnn_kernels *kernels);
void fmpnn_kernels_init_amx_bf16(fmpnn_kernels *kernels);
void fmpnn_kernels_init_neon(fmpnn_kernels *kernels);

/* In a table, the products of one precision: the functions called name_`precision`. */
#define TAKE_PRODUCTS(kernels, precision)                                                      \
    do {                                                                                       \
        (kernels)->gemm = gemm_##precision;                                                    \
        (kernels)->gemm_sum = gemm_sum_##precision;                                            \
        (kernels)->message_sum = message_sum_##precision;                                      \
        (kernels)->mlp = mlp_##precision;                                                      \
        (kernels)->mlp_sum = mlp_sum_##precision;                                              \
    } while (0)

#endif
