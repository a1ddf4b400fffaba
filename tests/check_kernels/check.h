/* What the parts of check_kernels share: one run's state, guarded buffers, comparison.
 *
 * A buffer ends where an unreadable page begins, so reading or writing one float too far is
 * caught at once (and addresses are as unaligned as its size makes them). Input padding holds
 * NaN; output padding, and 64 floats before an output, hold a canary. */
#ifndef FMPNN_CHECK_H
#define FMPNN_CHECK_H

#include "kernels/kernels.h"

typedef struct check {
    const fmpnn_kernels *kernels;
    const char *isa;
    const char *slot; /* being checked */
    char what[160];   /* the case being checked, for messages */
    uint64_t seed;
    uint64_t random; /* generator's state */
    uint64_t digest; /* of all outputs of this slot */
    size_t cases, values, failures;
    bool all_floats, quiet;
    size_t buffers; /* in use */
} check;

/* Begin a case: describe it for messages, give all buffers of the last one back. */
void check_case(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void check_fail(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t check_random(check *c);
size_t check_below(check *c, size_t limit); /* 0 .. limit-1 */
float check_uniform(check *c, float scale); /* in [-scale, scale) */

/* Rows of `columns` values, `stride` apart; the last row ends the buffer. */
typedef struct matrix {
    float *data;
    size_t rows, columns, stride;
} matrix;

matrix check_input(check *c, size_t rows, size_t columns, size_t stride, float scale);
matrix check_output(check *c, size_t rows, size_t columns, size_t stride);
const float **check_rows(check *c, const matrix *from,
                         size_t count); /* random rows of it */
const int32_t *check_indices(check *c, size_t limit,
                             size_t count); /* random, below limit */
double *check_doubles(check *c, size_t count);

/* Every value within its tolerance, every canary alive; outputs enter the digest. */
void check_result(check *c, const matrix *out, const double *value,
                  const double *tolerance);
/* Products of n terms in the precision of the table under test: the tolerances, derived for
 * float32, grow by what splitting or rounding the operands to bfloat16 may add to a term. */
void check_precision(const check *c, size_t n, double *tolerance, size_t count);
/* Sums of `curves` GELUs where these are a reduced precision's own (gelu_pieces.h). */
void check_pieces(const check *c, double curves, double *tolerance, size_t count);
void check_digest(check *c, const float *values, size_t n);
/* Canaries alone. */
void check_padding(check *c, const matrix *out);
/* The same bits (any NaN equals any NaN). */
void check_same(check *c, const char *why, const float *got, const float *want, size_t n);

/* For every line of kernels.def: values against ref.c (slots.c), and bits that must not depend on
 * what else is computed (rows.c). */
#define KERNEL(name, arguments)                                                            \
    void check_##name(check *c);                                                           \
    void check_rows_##name(check *c);
#include "kernels/kernels.def"
#undef KERNEL

void check_gelu_accuracy(check *c);
void check_exp_accuracy(check *c);
void check_float_mode(check *c);
void check_dispatch(check *c);

/* broken.c: tables with one planted fault each; NULL after the last. */
const char *broken_table(size_t n, fmpnn_kernels *kernels, const char **slot);

/* bench.c */
int bench(const char *isa, const char *glob, uint64_t seed);

#endif
