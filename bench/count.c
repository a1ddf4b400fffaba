#include "count.h"

#define FLOAT_BYTES 4.0

/* Weights, and what goes in and out of the operation: everyone reads these. */
static double common_floats(const bench_tensors *t)
{
    double N = (double)(t->B * t->L), D = (double)t->D, H = 2 * D;
    double weights = H * (H + 4) + H + D * H + D + H * D + H + D * H + D + 2 * D;
    return weights + N * (D + 3 + 1 + D) + N * (double)t->k; /* h X mask out, E */
}

bench_work bench_work_literal(const bench_tensors *t)
{
    double N = (double)(t->B * t->L), E = N * (double)t->k, D = (double)t->D, H = 2 * D;
    bench_work w = {0};
    w.product_flops = E * 2 * ((H + 4) * H + H * D) + N * 2 * (2 * D * H);
    /* distance and direction: 3 differences, 7 for the distance, 4 + 1 for the direction; biases,
     * mean, residual */
    w.flops = w.product_flops + E * (15 + H + D + D) + N * (H + 2 * D);
    w.gelus = (E + N) * H;
    /* h_j, X_j, difference, distance, direction, edge features, input, hidden, activated,
     * message */
    w.edge_bytes = FLOAT_BYTES * E * (D + 3 + 3 + 1 + 3 + 4 + (H + 4) + H + H + D);
    w.edge_arrays = 10;
    /* read by the next pass: the same again, plus what is read beside it (h and X of gathers and
     * concatenation, differences twice) and the biases' second reading and writing */
    double beside = E * (D + 3 + 3 + 3 + D), biases = E * 2 * (H + D);
    double update = N * (2 * D + 4 * H + 2 * H + 2 * D + 2 * D + 2 * D);
    w.bytes =
        2 * w.edge_bytes + FLOAT_BYTES * (beside + biases + update + common_floats(t));
    return w;
}

bench_work bench_work_fused(const bench_tensors *t)
{
    double N = (double)(t->B * t->L), E = N * (double)t->k, D = (double)t->D, H = 2 * D;
    bench_work w = {0};
    w.product_flops = N * 2 * (D * 2 * H + H * H + H * D);
    w.edge_values = E * H;
    w.flops = w.product_flops + w.edge_values * 10 + E * 15;
    w.gelus = N * H;
    /* the two node parts are written and read back; a neighbour's part is read from cache once an
     * edge, which counts as arithmetic. U1 W2 is H x H where U1 and W2 were two of D x H. */
    w.bytes = FLOAT_BYTES * (2 * N * 2 * H + common_floats(t));
    return w;
}

bench_bound bench_bound_of(const bench_work *work, const bench_ceilings *c)
{
    bench_bound b = {0};
    double gflops = c->gemm_gflops > c->fma_gflops ? c->gemm_gflops : c->fma_gflops;
    gflops = c->matrix_gflops > gflops ? c->matrix_gflops : gflops;
    b.product_ms = work->product_flops / gflops * 1e-6;
    b.gelu_ms = work->gelus / c->gelu_gvalues * 1e-6;
    b.edge_ms = work->edge_values / c->edge_gvalues * 1e-6;
    b.compute_ms = b.product_ms + b.gelu_ms + b.edge_ms;
    b.memory_ms = c->copy_gbytes > 0 ? work->bytes / c->copy_gbytes * 1e-6 : 0;
    b.kind = b.memory_ms > b.compute_ms ? "memory" : "compute";
    b.ms = b.memory_ms > b.compute_ms ? b.memory_ms : b.compute_ms;
    return b;
}
