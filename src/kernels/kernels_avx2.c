/* Kernels for avx2: built with -mavx2 -mfma, and only this file. */
#include "kernels/vec_avx2.h"
#define ISA(name) name##_avx2
#include "kernels/bodies.inc.c"
