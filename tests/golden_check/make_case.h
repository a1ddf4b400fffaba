/* Golden cases made here: a case in the making, and who puts what into it. make_case.c sets it
 * up, make_tensors.c writes inputs and files, make_results.c asks the float64 reference. A
 * program: what fails ends it with a message. */
#ifndef MAKE_CASE_H
#define MAKE_CASE_H

#include "golden.h"
#include "reference/reference.h"

enum { ROWS = 4 };

typedef struct maker {
    const char *folder, *structure, *name;
    const fmpnn_model *model;
    fmpnn_inputs *in;
    fmpnn_graph *graph;
    fmpnn_reference64_encoding *e;
    fmpnn_rules rules;
    size_t L, K, length_A;
    bool ca_only, tied;
    uint8_t *in_designed_chain, *unfixed, *designed, *resolved;
    float *randn;
    uint32_t *order, *rank, *order_sampling, *rank_sampling, rows[ROWS];
    json_t *tensors, *entry, *sequences;
    fmpnn_text header, data;
} maker;

void make_must(bool good, const char *what);
void make_check(fmpnn_status status, const fmpnn_error *err);
void *make_room(size_t count, size_t size); /* zeroed; lives as long as the program */
double make_uniform(void);                  /* [0, 1), as a float32 */
double make_normal(void);

/* One tensor, "F32", "F64" or "I32"; then short forms by rank. */
void make_put(maker *m, const char *name, const char *type, const double *values,
              const size_t *shape, size_t rank);
void make_put_1(maker *m, const char *name, const char *type, const double *v, size_t a);
void make_put_2(maker *m, const char *name, const char *type, const double *v, size_t a,
                size_t b);
/* A result in float32 and, as f64.NAME, in float64; b = 0: one size. */
void make_put_result(maker *m, const char *name, const double *v, size_t a, size_t b);
/* The same for the edges of the kept rows, [ROWS][K][width]. */
void make_put_edges(maker *m, const char *name, const double *v, size_t width);
void make_inputs(maker *m);
void make_write(maker *m);

void make_states(maker *m);
void make_forced(maker *m);
void make_conditional(maker *m);
void make_sample(maker *m, const char *label, double T, bool greedy);

#define WIDEN(dst, src, count)                                                             \
    double *dst = make_room((count) + 1, sizeof *dst);                                     \
    for (size_t n_ = 0; n_ < (count); n_++)                                                \
    dst[n_] = (double)(src)[n_]

#endif
