/* The table of kernels and how it is filled. Everything tied to one processor family is in this
 * folder. See kernels.def for the slots, docs/kernels.md for how to add one. */
#ifndef FMPNN_KERNELS_H
#define FMPNN_KERNELS_H

#include "base/base.h"

/* A product to be made: w [N][K] in panels. */
typedef struct fmpnn_product {
    const float *panels;
    size_t N;
    const float *bias; /* or NULL */
} fmpnn_product;

/* What is added to the M rows of a product before GELU. */
typedef struct fmpnn_added {
    const float *const *rows;         /* within the sum, as gemm's; or NULL */
    const float *own;                 /* to the finished sum x: ((own + x) + b[m]) + d[m]; or NULL */
    const float *const *b, *const *d; /* as gather_gelu's */
    const float *const *ahead;        /* rows like src's that the next call reads: fetched */
    size_t n_ahead;                   /* meanwhile */
} fmpnn_added;

typedef struct fmpnn_kernels {
    const char *isa, *precision;
#define KERNEL(name, arguments) void (*name) arguments;
#include "kernels.def"
#undef KERNEL
} fmpnn_kernels;

/* Fill every slot with generic code, then let each level that `isa` allows and the machine has
 * overwrite what it does better. isa NULL: the best usable here with code of its own for
 * `precision`; precision NULL: "fp32". false if either is unknown, not usable here, or the
 * instruction set has no such precision. Constant afterwards. */
bool fmpnn_kernels_init(fmpnn_kernels *kernels, const char *isa, const char *precision);

/* The table for an instruction set and a precision, made once; NULL as above. Thread-safe. */
const fmpnn_kernels *fmpnn_kernels_for(const char *isa, const char *precision);

/* Products as good as float32's, whatever makes them, of an instruction set: split in three where
 * there is code for that ("bf16x6"), else fp32. NULL if it is not usable here. */
const fmpnn_kernels *fmpnn_kernels_precise(const char *isa);

/* The precisions there are, whether or not this machine has them: "fp32" first; NULL beyond. */
const char *fmpnn_precision_name(size_t n);

/* Packing: see kernels.def. What fmpnn_kernels_precise() multiplies by is packed for it. */
size_t fmpnn_panels_size(size_t N, size_t K); /* in floats */
size_t fmpnn_panels_size_precise(size_t N, size_t K);
void fmpnn_panels_pack(float *panels, const float *w, size_t ldw, size_t N, size_t K);
void fmpnn_panels_pack_precise(float *panels, const float *w, size_t ldw, size_t N, size_t K);

/* Flush denormals to zero in this thread; returns the state to restore. */
unsigned fmpnn_float_mode_enter(void);
void fmpnn_float_mode_leave(unsigned state);

#endif
