/* The baseline: what a careful person writes without fusion. Each step of the formula is a pass
 * of its own over arrays of full size: gather, difference, distance, direction, edge features,
 * concatenation, product, bias, GELU, product, bias, mean, and the update likewise. Products are
 * OpenBLAS's, GELU and LayerNorm the library's own vectorised ones, the other loops those of
 * loops.c. As many threads as the fused operation; nothing is allocated in the call. */
#ifndef BENCH_UNFUSED_H
#define BENCH_UNFUSED_H

#include "openblas.h"
#include "tensors.h"

typedef struct bench_unfused bench_unfused;

/* `ctx`, `blas` and `tensors` are borrowed until the baseline is freed. */
fmpnn_status bench_unfused_create(fmpnn_context *ctx, const bench_openblas *blas,
                                  const bench_tensors *tensors, bench_unfused **unfused,
                                  fmpnn_error *err);
/* out [B][L][D] */
void bench_unfused_run(bench_unfused *unfused, float *out);
void bench_unfused_free(bench_unfused *unfused);

#endif
