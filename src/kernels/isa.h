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

#endif
