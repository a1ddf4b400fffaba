/* Kernels for NEON, which every AArch64 processor has. */
#include "kernels/vec_neon.h"
#define ISA(name) name##_neon
#include "kernels/bodies.inc.c"
