/* Kernels for any processor: built with the compiler's default flags, and only this file. */
#include "kernels/vec_generic.h"
#define ISA(name) name##_generic
#include "kernels/bodies.inc.c"
