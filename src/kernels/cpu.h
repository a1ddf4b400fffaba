/* What the processor can do *and* the operating system has switched on. Found at the first call,
 * constant afterwards; thread-safe. */
#ifndef FMPNN_CPU_H
#define FMPNN_CPU_H

#include <stdbool.h>

bool fmpnn_cpu_has_avx2(void);   /* AVX2 and FMA, ymm state saved by the system */
bool fmpnn_cpu_has_avx512(void); /* F, BW, DQ and VL, zmm and mask state saved */
/* AMX tiles with bfloat16 products and AVX512-BF16, tile state saved, and the kernel's leave to
 * use it, which is asked for at the first call. */
bool fmpnn_cpu_has_amx(void);
/* AVX512-BF16 where it pays: on AMD's processors (on Intel's a vector of such products takes twice
 * as long as float32's for twice the work, and those that matter have AMX). */
bool fmpnn_cpu_has_bf16_vectors(void);

#endif
