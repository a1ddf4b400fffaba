/* What the processor can do *and* the operating system has switched on. */
#ifndef FMPNN_CPU_H
#define FMPNN_CPU_H

#include <stdbool.h>

bool fmpnn_cpu_has_avx2(void);   /* AVX2 and FMA, ymm state saved by the system */
bool fmpnn_cpu_has_avx512(void); /* F, BW, DQ and VL, zmm and mask state saved */

#endif
