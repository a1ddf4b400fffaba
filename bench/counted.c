/* Kernels that count. Counts lie beside the calls, so they are those of the work that is really
 * done, whatever a layer above decides to skip. */
#include "model.h"

static const fmpnn_kernels *real;
static bench_counts so_far;

static void gemm(float *dst, size_t ldd, const float *src, size_t lds, size_t M, size_t K,
                 const float *panels, size_t N, const float *bias, const float *const *rows,
                 int gelu)
{
    so_far.product_flops += 2.0 * (double)M * (double)K * (double)N;
    so_far.other_flops += (double)M * (double)N * ((bias != NULL) + (rows != NULL));
    so_far.curves += gelu ? (double)M * (double)N : 0;
    real->gemm(dst, ldd, src, lds, M, K, panels, N, bias, rows, gelu);
}

static void gemm_sum(float *dst, const float *src, size_t lds, size_t M, size_t K,
                     const float *panels, size_t N, const float *bias, const float *weight)
{
    so_far.product_flops += 2.0 * (double)M * (double)K * (double)N;
    so_far.other_flops += (double)M * (double)N * ((bias != NULL) + (weight ? 2 : 1));
    so_far.curves += (double)M * (double)N;
    real->gemm_sum(dst, src, lds, M, K, panels, N, bias, weight);
}

/* Rows `a` are edge rows of the decoder's tables: read once each, from as far as they are. What
 * stands in b and d is shared by many edges and stays near. */
static void gather_gelu(float *dst, size_t ldd, const float *own, const float *const *a,
                        const float *const *b, const float *const *d, size_t M, size_t C)
{
    double values = (double)M * (double)C;
    so_far.other_flops += values * ((a != NULL) + (b != NULL) + (d != NULL));
    so_far.curves += values;
    so_far.row_bytes += a ? values * sizeof(float) : 0;
    real->gather_gelu(dst, ldd, own, a, b, d, M, C);
}

/* Hidden layers of a chain have GELU, its last one only if its rows are summed. */
static void count_chain(size_t M, size_t K, const fmpnn_product *w, size_t layers,
                        const fmpnn_added *added, bool last_too)
{
    double rows = (double)M;
    for (size_t l = 0; l < layers; K = w[l++].N) {
        double values = rows * (double)w[l].N;
        so_far.product_flops += 2.0 * values * (double)K;
        so_far.other_flops += values * (w[l].bias != NULL);
        so_far.curves += l + 1 < layers || last_too ? values : 0;
    }
    double added_to = rows * (double)w[0].N;
    so_far.other_flops += added_to * ((added->rows != NULL) + (added->own != NULL) +
                                      (added->own && added->b) + (added->own && added->d));
}

static void mlp(float *dst, size_t ldd, const float *src, size_t lds, size_t M, size_t K,
                const fmpnn_product *w, size_t layers, const fmpnn_added *added,
                const float *const *rows, float *tile)
{
    count_chain(M, K, w, layers, added, false);
    so_far.other_flops += (double)M * (double)w[layers - 1].N * (rows != NULL);
    real->mlp(dst, ldd, src, lds, M, K, w, layers, added, rows, tile);
}

static void mlp_sum(float *dst, const float *src, size_t lds, size_t M, size_t K,
                    const fmpnn_product *w, const fmpnn_added *added, const float *weight,
                    float *tile)
{
    count_chain(M, K, w, 2, added, true);
    so_far.other_flops += (double)M * (double)w[1].N * (weight ? 2 : 1);
    real->mlp_sum(dst, src, lds, M, K, w, added, weight, tile);
}

static void message_sum(float *dst, const float *own, const float *const *a,
                        const float *const *b, const float *const *d, size_t M, size_t C,
                        const float *panels, size_t N, const float *bias, float *tile,
                        const float *const *ahead, size_t n_ahead)
{
    double values = (double)M * (double)C;
    so_far.product_flops += 2.0 * values * (double)N;
    so_far.other_flops += values * ((a != NULL) + (b != NULL) + (d != NULL));
    so_far.other_flops += (double)M * (double)N * ((bias != NULL) + 1);
    so_far.curves += values + (double)M * (double)N;
    so_far.row_bytes += a ? values * sizeof(float) : 0;
    real->message_sum(dst, own, a, b, d, M, C, panels, N, bias, tile, ahead, n_ahead);
}

static void sum_rows(float *dst, const float *const *rows, size_t M, size_t C)
{
    so_far.other_flops += (double)M * (double)C;
    so_far.row_bytes += (double)M * (double)C * sizeof(float);
    real->sum_rows(dst, rows, M, C);
}

static void layer_norm(float *dst, size_t ldd, const float *src, size_t lds, size_t M, size_t C,
                       const float *gain, const float *bias)
{
    so_far.other_flops += 7.0 * (double)M * (double)C; /* two moments, scale, gain, bias */
    real->layer_norm(dst, ldd, src, lds, M, C, gain, bias);
}

static void distance(float *dst, const float *points, size_t stride, const float *centre,
                     float plus, size_t n)
{
    so_far.other_flops += 10.0 * (double)n;
    real->distance(dst, points, stride, centre, plus, n);
}

static void radial_basis(float *dst, size_t ldd, const float *distance, size_t n,
                         float first)
{
    so_far.curves += 16.0 * (double)n;
    real->radial_basis(dst, ldd, distance, n, first);
}

const fmpnn_kernels *bench_counted_kernels(const fmpnn_kernels *kernels)
{
    static fmpnn_kernels counted;
    real = kernels;
    counted = *kernels;
    counted.gemm = gemm;
    counted.gemm_sum = gemm_sum;
    counted.gather_gelu = gather_gelu;
    counted.mlp = mlp;
    counted.mlp_sum = mlp_sum;
    counted.message_sum = message_sum;
    counted.sum_rows = sum_rows;
    counted.layer_norm = layer_norm;
    counted.distance = distance;
    counted.radial_basis = radial_basis;
    return &counted;
}

bench_counts bench_counted_take(void)
{
    bench_counts taken = so_far;
    so_far = (bench_counts){0};
    return taken;
}
