/* What the operation has to do, by formula: literally, as the baseline does it, and fused. */
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

#include "ceilings.h"
#include "tensors.h"

typedef struct bench_work {
    double flops;         /* products and edge arithmetic, a multiply-add being two */
    double product_flops; /* of these in matrix products */
    double edge_values;   /* summed in registers as GELU(own + row + four multiply-adds) */
    double gelus;         /* evaluated elsewhere */
    double bytes;         /* read and written, each array of a pass once */
    double edge_bytes;    /* of intermediates with a row for each edge, written once */
    int edge_arrays;      /* number of such intermediates */
} bench_work;

bench_work bench_work_literal(const bench_tensors *t);
bench_work bench_work_fused(const bench_tensors *t);

/* The least time that this machine's measured ceilings allow the fused form. */
typedef struct bench_bound {
    double product_ms, gelu_ms, edge_ms; /* one after the other: compute */
    double compute_ms, memory_ms;        /* side by side: the larger one bounds */
    double ms;
    const char *kind; /* "compute" or "memory" */
} bench_bound;

bench_bound bench_bound_of(const bench_work *work, const bench_ceilings *ceilings);

#endif
