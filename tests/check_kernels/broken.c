/* Tables with one planted fault each, all of a kind that has happened to somebody. check_kernels
 * --self-test must see every one of them; else its silence about the real kernels means nothing. */
#include "check.h"

#include <math.h>

static fmpnn_kernels good;

static void gemm_last_value(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                            size_t K, const float *panels, size_t N, const float *bias,
                            const float *const *rows, int gelu)
{
    good.gemm(dst, ldd, src, lds, M, K, panels, N, bias, rows, gelu);
    if (M && N)
        dst[(M - 1) * ldd + N - 1] *= 1.001f;
}

/* Right within any tolerance, but a row alone differs from the row in a batch. */
static void gemm_row_alone(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                           size_t K, const float *panels, size_t N, const float *bias,
                           const float *const *rows, int gelu)
{
    good.gemm(dst, ldd, src, lds, M, K, panels, N, bias, rows, gelu);
    if (M == 1 && N && !gelu)
        dst[0] = nextafterf(dst[0], 1);
}

static void gemm_whole_vectors(float *dst, size_t ldd, const float *src, size_t lds,
                               size_t M, size_t K, const float *panels, size_t N,
                               const float *bias, const float *const *rows, int gelu)
{
    good.gemm(dst, ldd, src, lds, M, K, panels, N, bias, rows, gelu);
    for (size_t m = 0; m + 1 < M; m++)
        if (N % 4 && ldd > N)
            dst[m * ldd + N] = 0;
}

static void gemm_sum_unweighted(float *dst, const float *src, size_t lds, size_t M,
                                size_t K, const float *panels, size_t N, const float *bias,
                                const float *weight)
{
    (void)weight;
    good.gemm_sum(dst, src, lds, M, K, panels, N, bias, NULL);
}

static void gather_gelu_without_d(float *dst, size_t ldd, const float *own,
                                  const float *const *a, const float *const *b,
                                  const float *const *d, size_t M, size_t C)
{
    (void)d;
    good.gather_gelu(dst, ldd, own, a, b, NULL, M, C);
}

/* Right within any tolerance, but not the bits of its parts. */
static void message_sum_in_its_way(float *dst, const float *own, const float *const *a,
                                   const float *const *b, const float *const *d, size_t M,
                                   size_t C, const float *panels, size_t N, const float *bias,
                                   float *tile, const float *const *ahead, size_t n_ahead)
{
    good.message_sum(dst, own, a, b, d, M, C, panels, N, bias, tile, ahead, n_ahead);
    if (M > 1 && N)
        dst[N - 1] = nextafterf(dst[N - 1], 1);
}

static void mlp_without_rows(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                             size_t K, const fmpnn_product *w, size_t layers,
                             const fmpnn_added *added, const float *const *rows,
                             float *tile)
{
    (void)rows;
    good.mlp(dst, ldd, src, lds, M, K, w, layers, added, NULL, tile);
}

static void mlp_sum_in_its_way(float *dst, const float *src, size_t lds, size_t M, size_t K,
                               const fmpnn_product *w, const fmpnn_added *added,
                               const float *weight, float *tile)
{
    good.mlp_sum(dst, src, lds, M, K, w, added, weight, tile);
    if (M && w[1].N)
        dst[0] = nextafterf(dst[0], 1);
}

static void message_sum_without_d(float *dst, const float *own, const float *const *a,
                                  const float *const *b, const float *const *d, size_t M,
                                  size_t C, const float *panels, size_t N, const float *bias,
                                  float *tile, const float *const *ahead, size_t n_ahead)
{
    (void)d;
    good.message_sum(dst, own, a, b, NULL, M, C, panels, N, bias, tile, ahead, n_ahead);
}

static void edge_sum_always_erf(float *dst, const float *own, const float *table,
                                size_t ldt, const int32_t *at, const float *geometry,
                                size_t stride, const float *we, size_t M, size_t C,
                                int tanh_form)
{
    (void)tanh_form;
    good.edge_sum(dst, own, table, ldt, at, geometry, stride, we, M, C, 0);
}

/* The direction divided by the length alone: NaN for a neighbour in the same place. */
static void edge_geometry_sharp(float *dst, const float *centres, const float *points,
                                const int32_t *at, size_t M, size_t k)
{
    good.edge_geometry(dst, centres, points, at, M, k);
    for (size_t i = 0; i < M * k; i++)
        for (size_t q = 0; q < 3; q++)
            dst[(q + 1) * M * k + i] =
                (points[at[i] * 4 + (int)q] - centres[i / k * 4 + q]) / (dst[i] - 1e-4f);
}

static void distance_without_plus(float *dst, const float *points, size_t stride,
                                  const float *centre, float plus, size_t n)
{
    (void)plus;
    good.distance(dst, points, stride, centre, 0, n);
}

static void sum_rows_without_last(float *dst, const float *const *rows, size_t M, size_t C)
{
    good.sum_rows(dst, rows, M ? M - 1 : 0, C);
}

/* Twice the bound, in a thousandth of one binade. */
static void gelu_bump(float *dst, const float *src, size_t n, int tanh_form)
{
    for (size_t i = 0; i < n; i++) {
        const float x = src[i];
        good.gelu(dst + i, &x, 1, tanh_form);
        if (x > 1.0f && x < 1.001f)
            dst[i] += 4e-6f;
    }
}

static void gelu_hides_nan(float *dst, const float *src, size_t n, int tanh_form)
{
    good.gelu(dst, src, n, tanh_form);
    for (size_t i = 0; i < n; i++)
        if (isnan(dst[i]))
            dst[i] = 0;
}

static void layer_norm_short_row(float *dst, size_t ldd, const float *src, size_t lds,
                                 size_t M, size_t C, const float *gain, const float *bias)
{
    good.layer_norm(dst, ldd, src, lds, M, C > 1 ? C - 1 : C, gain, bias);
}

static void layer_norm_scale(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                             size_t C, const float *gain, const float *bias)
{
    good.layer_norm(dst, ldd, src, lds, M, C, gain, bias);
    for (size_t m = 0; m < M; m++) /* as if the variance were unbiased */
        for (size_t c = 0; c < C; c++)
            dst[m * ldd + c] *= sqrtf(((float)C - 1) / (float)C);
}

static void radial_basis_rough(float *dst, size_t ldd, const float *distance, size_t n,
                               float first)
{
    good.radial_basis(dst, ldd, distance, n, first);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < 16; r++)
            dst[i * ldd + r] *= 1 + 5e-7f;
}

/* As if the centres were always those of the first networks. */
static void radial_basis_from_two(float *dst, size_t ldd, const float *distance, size_t n,
                                  float first)
{
    (void)first;
    good.radial_basis(dst, ldd, distance, n, 2);
}

const char *broken_table(size_t n, fmpnn_kernels *kernels, const char **slot)
{
    fmpnn_kernels_init(&good, "generic", NULL);
    *kernels = good;
    switch (n) {
#define BROKEN(number, name, fault)                                                        \
    case number:                                                                           \
        kernels->name = fault;                                                             \
        *slot = #name;                                                                     \
        return #fault;
        BROKEN(0, gemm, gemm_last_value)
        BROKEN(1, gemm, gemm_row_alone)
        BROKEN(2, gemm, gemm_whole_vectors)
        BROKEN(3, gemm_sum, gemm_sum_unweighted)
        BROKEN(4, gather_gelu, gather_gelu_without_d)
        BROKEN(5, edge_sum, edge_sum_always_erf)
        BROKEN(6, gelu, gelu_bump)
        BROKEN(7, gelu, gelu_hides_nan)
        BROKEN(8, layer_norm, layer_norm_short_row)
        BROKEN(9, layer_norm, layer_norm_scale)
        BROKEN(10, radial_basis, radial_basis_rough)
        BROKEN(11, sum_rows, sum_rows_without_last)
        BROKEN(12, edge_geometry, edge_geometry_sharp)
        BROKEN(13, distance, distance_without_plus)
        BROKEN(14, radial_basis, radial_basis_from_two)
        BROKEN(15, message_sum, message_sum_in_its_way)
        BROKEN(16, message_sum, message_sum_without_d)
        BROKEN(17, mlp, mlp_without_rows)
        BROKEN(18, mlp_sum, mlp_sum_in_its_way)
#undef BROKEN
    }
    return NULL;
}
