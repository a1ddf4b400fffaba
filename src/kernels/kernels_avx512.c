/* Kernels for avx512: built with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma, and only this file. */
#include "kernels/vec_avx512.h"
#define ISA(name) name##_avx512
#include "kernels/bodies.inc.c"
