/* Every slot against the plain loops in double, over sizes around the vector lengths, the
 * network's own, and random ones. */
#include "check.h"
#include "kernels/ref.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Lanes and tiles of 4, 8, 16 and 64, primes, the network's widths. */
static const size_t widths[] = {1,  2,  3,  4,  5,  7,   8,   9,   11,  12,  13,  15, 16,
                                17, 21, 23, 31, 32, 33,  41,  47,  48,  49,  60,  63, 64,
                                65, 79, 80, 81, 97, 112, 127, 128, 129, 192, 256, 512};

static float *pack(check *c, const matrix *w, size_t N, size_t K)
{
    /* A multiple of 16 floats that ends at a page: 64-byte aligned, as panels must be. Not filled
     * with random numbers: their size, and so what is drawn next, depends on the processor. */
    matrix panels = check_output(c, 1, fmpnn_panels_size_precise(N, K), fmpnn_panels_size_precise(N, K));
    fmpnn_panels_pack_precise(panels.data, w->data, w->stride, N, K);
    return panels.data;
}

static size_t padding(check *c)
{
    const size_t padded = check_below(c, 2);
    return padded * check_below(c, 20);
}

static void gemm_case(check *c, size_t M, size_t K, size_t N)
{
    const int gelu = (int)check_below(c, 2);
    const bool with_bias = check_below(c, 4) != 0;
    const size_t rows_kind = check_below(c, 4); /* 0, 1: none; 2: given; 3: dst's own */
    check_case(c, "M=%zu K=%zu N=%zu bias=%d rows=%zu gelu=%d", M, K, N, with_bias,
               rows_kind, gelu);
    const matrix w = check_input(c, N, K, K + padding(c), 1);
    const matrix src = check_input(c, M, K, K + padding(c), 1);
    const matrix dst = check_output(c, M, N, N + padding(c));
    const matrix bias = check_input(c, 1, N, N, 1);
    const matrix added = check_input(c, M + 3, N, N + padding(c), 2);
    const float **rows = NULL, **rows_ref = NULL;
    if (rows_kind >= 2)
        rows = rows_ref = check_rows(c, &added, M);
    if (rows_kind == 3) {
        rows = check_rows(c, &added, M);
        for (size_t m = 0; m < M; m++) {
            rows[m] = memcpy(dst.data + m * dst.stride, rows_ref[m], N * sizeof(float));
        }
    }
    const float *panels = pack(c, &w, N, K);
    double *value = check_doubles(c, M * N), *tolerance = check_doubles(c, M * N);
    matrix dense = check_output(c, N, K, K);
    for (size_t n = 0; n < N; n++)
        memcpy(dense.data + n * K, w.data + n * w.stride, K * sizeof(float));
    fmpnn_ref_gemm(value, tolerance, src.data, src.stride, M, K, dense.data, N,
                   with_bias ? bias.data : NULL, rows_ref, gelu);
    check_precision(c, K, tolerance, M * N);
    c->kernels->gemm(dst.data, dst.stride, src.data, src.stride, M, K, panels, N,
                     with_bias ? bias.data : NULL, rows, gelu);
    check_result(c, &dst, value, tolerance);
}

void check_gemm(check *c)
{
    static const size_t heights[] = {1, 2, 3, 4, 5, 6, 7, 13}, depths[] = {1, 3, 21, 64};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t k = 0; k < COUNT(depths); k++)
            for (size_t n = 0; n < COUNT(widths); n++)
                gemm_case(c, heights[m], depths[k], widths[n]);
    gemm_case(c, 48, 128, 128);
    gemm_case(c, 48, 416, 128);
    gemm_case(c, 106, 64, 128);
    gemm_case(c, 131, 96, 100);
    gemm_case(c, 150, 1100, 40);
    gemm_case(c, 5, 128, 512);
    gemm_case(c, 1, 512, 128);
    gemm_case(c, 7, 128, 21);
    gemm_case(c, 5, 0, 33); /* nothing to sum: bias, rows and GELU remain */
    gemm_case(c, 0, 4, 16);
    gemm_case(c, 4, 4, 0);
    for (size_t i = 0; i < 200; i++) {
        const size_t M = check_below(c, 20), K = check_below(c, 70);
        gemm_case(c, M, K, check_below(c, 140));
    }
}

static void gemm_sum_case(check *c, size_t M, size_t K, size_t N)
{
    const bool with_bias = check_below(c, 4) != 0, with_weight = check_below(c, 2) != 0;
    check_case(c, "M=%zu K=%zu N=%zu bias=%d weight=%d", M, K, N, with_bias, with_weight);
    const matrix w = check_input(c, N, K, K, 1);
    const matrix src = check_input(c, M, K, K + padding(c), 1);
    const matrix dst = check_output(c, 1, N, N);
    const matrix bias = check_input(c, 1, N, N, 1);
    const matrix weight = check_input(c, 1, M, M, 2);
    const float *panels = pack(c, &w, N, K);
    double *value = check_doubles(c, N), *tolerance = check_doubles(c, N);
    fmpnn_ref_gemm_sum(value, tolerance, src.data, src.stride, M, K, w.data, N,
                       with_bias ? bias.data : NULL, with_weight ? weight.data : NULL);
    check_precision(c, K, tolerance, N);
    c->kernels->gemm_sum(dst.data, src.data, src.stride, M, K, panels, N,
                         with_bias ? bias.data : NULL, with_weight ? weight.data : NULL);
    check_result(c, &dst, value, tolerance);
}

void check_gemm_sum(check *c)
{
    static const size_t heights[] = {0, 1, 2, 3, 5, 6, 7, 12}, depths[] = {1, 21, 48};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t k = 0; k < COUNT(depths); k++)
            for (size_t n = 0; n < COUNT(widths); n++)
                gemm_sum_case(c, heights[m], depths[k], widths[n]);
    gemm_sum_case(c, 48, 128, 128);
    gemm_sum_case(c, 47, 64, 64);
    gemm_sum_case(c, 4, 0, 20);
    for (size_t i = 0; i < 100; i++) {
        const size_t M = check_below(c, 30), K = check_below(c, 70);
        gemm_sum_case(c, M, K, check_below(c, 140));
    }
}

static void gather_gelu_case(check *c, size_t M, size_t C)
{
    const size_t given = check_below(c, 8); /* bit 0: a, 1: b, 2: d */
    check_case(c, "M=%zu C=%zu a=%zu b=%zu d=%zu", M, C, given & 1, given >> 1 & 1,
               given >> 2);
    const matrix own = check_input(c, 1, C, C, 2);
    const matrix table = check_input(c, 9, C, C + padding(c), 2);
    const matrix dst = check_output(c, M, C, C + padding(c));
    const float **a = given & 1 ? check_rows(c, &table, M) : NULL;
    const float **b = given & 2 ? check_rows(c, &table, M) : NULL;
    const float **d = given & 4 ? check_rows(c, &table, M) : NULL;
    for (size_t m = 0; d && m < M; m++)
        if (check_below(c, 2))
            d[m] = NULL;
    for (size_t m = 0; b && m < M; m++)
        if (check_below(c, 4) == 0)
            b[m] = NULL;
    double *value = check_doubles(c, M * C), *tolerance = check_doubles(c, M * C);
    fmpnn_ref_gather_gelu(value, tolerance, own.data, a, b, d, M, C);
    check_pieces(c, !strcmp(c->kernels->precision, "bf16"), tolerance, M * C);
    c->kernels->gather_gelu(dst.data, dst.stride, own.data, a, b, d, M, C);
    check_result(c, &dst, value, tolerance);
}

void check_gather_gelu(check *c)
{
    static const size_t heights[] = {0, 1, 2, 7, 48};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < COUNT(widths); n++)
            gather_gelu_case(c, heights[m], widths[n]);
    for (size_t i = 0; i < 100; i++) {
        const size_t M = check_below(c, 20);
        gather_gelu_case(c, M, check_below(c, 140));
    }
}

/* Rows of a table, some of them NULL if `gaps`; NULL as a whole if not given. */
static const float **some_rows(check *c, const matrix *table, size_t M, bool given, bool gaps)
{
    const float **rows = given ? check_rows(c, table, M) : NULL;
    for (size_t m = 0; rows && gaps && m < M; m++)
        if (check_below(c, 3) == 0)
            rows[m] = NULL;
    return rows;
}

/* A chain of layers with weights of a size that keeps values near 1; `plain` for the reference. */
typedef struct chain {
    fmpnn_product w[3], plain[3];
    fmpnn_added added;
    matrix src, tile;
    const float **rows;
    char what[100];
} chain;

static void make_chain(check *c, chain *x, size_t layers, size_t M, const size_t *widths_of)
{
    const size_t given = check_below(c, 16);
    const matrix table = check_input(c, 9, FMPNN_REF_HIDDEN, FMPNN_REF_HIDDEN, 2);
    size_t between = 0;
    *x = (chain){.src = check_input(c, M, widths_of[0], widths_of[0] + padding(c), 1)};
    for (size_t l = 0; l < layers; l++) {
        const size_t K = widths_of[l], N = widths_of[l + 1];
        const matrix w = check_input(c, N, K, K, K > 4 ? 4.0f / (float)K : 1);
        const matrix bias = check_input(c, 1, N, N, 1);
        const float *bias_or_not = check_below(c, 4) ? bias.data : NULL;
        x->plain[l] = (fmpnn_product){w.data, N, bias_or_not};
        x->w[l] = (fmpnn_product){pack(c, &w, N, K), N, bias_or_not};
        between += l + 1 < layers ? N : 0;
    }
    x->tile = check_output(c, M, between, between);
    x->added.rows = some_rows(c, &table, M, given & 1, true);
    if (given & 2) {
        x->added.own = table.data;
        x->added.b = some_rows(c, &table, M, given & 4, true);
        x->added.d = some_rows(c, &table, M, given & 8, true);
    }
    x->added.n_ahead = check_below(c, 2) * M;
    x->added.ahead = check_rows(c, &table, x->added.n_ahead);
    x->rows = check_below(c, 2) ? check_rows(c, &table, M) : NULL;
}

/* Of two layers I is N. */
static void mlp_case(check *c, size_t layers, size_t M, size_t K, size_t H, size_t I,
                     size_t N, bool in_place)
{
    const size_t w[] = {K, H, I, N};
    chain x;
    check_case(c, "%zu layers M=%zu %zu-%zu-%zu-%zu in place=%d", layers, M, K, H, I, N,
               in_place);
    make_chain(c, &x, layers, M, w);
    const matrix dst = check_output(c, M, N, N + padding(c));
    double *value = check_doubles(c, M * N), *tolerance = check_doubles(c, M * N);
    const float **rows = x.rows, *src = x.src.data;
    size_t lds = x.src.stride;
    fmpnn_ref_mlp(value, tolerance, src, lds, M, K, x.plain, layers, &x.added, rows);
    check_precision(c, K < H ? K : H, tolerance, M * N);
    if (in_place) {
        for (size_t m = 0; m < M; m++)
            memcpy(dst.data + m * dst.stride, src + m * lds, K * sizeof(float));
        src = dst.data;
        lds = dst.stride;
    }
    c->kernels->mlp(dst.data, dst.stride, src, lds, M, K, x.w, layers, &x.added, rows,
                    x.tile.data);
    check_result(c, &dst, value, tolerance);
    check_padding(c, &x.tile);
}

void check_mlp(check *c)
{
    static const size_t heights[] = {0, 1, 2, 15, 16, 33, 48};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < 8; n++) {
            const size_t M = heights[m], K = widths[(3 * n + m) % 30],
                         H = widths[(5 * n + 7 * m) % 30], I = widths[(11 * n + m) % 30],
                         N = widths[(n + 13 * m) % 30];
            mlp_case(c, 3, M, K, H, I, N, false);
            mlp_case(c, 2, M, K, H, N, N, false);
        }
    mlp_case(c, 3, 48, 128, 128, 128, 128, true);
    mlp_case(c, 3, 50, 64, 96, 80, 64, true);
    mlp_case(c, 3, 20, 40, 300, 24, 21, false);
    mlp_case(c, 3, 3, 0, 5, 20, 4, false);
    mlp_case(c, 2, 48, 128, 128, 64, 64, false);
    mlp_case(c, 2, 50, 64, 96, 64, 64, true);
    mlp_case(c, 2, 106, 128, 128, 64, 64, false);
    mlp_case(c, 3, 131, 100, 200, 70, 40, false);
    mlp_case(c, 2, 20, 40, 300, 21, 21, false);
    mlp_case(c, 2, 3, 0, 5, 4, 4, false);
}

static void mlp_sum_case(check *c, size_t M, size_t K, size_t H, size_t N)
{
    const size_t w[] = {K, H, N};
    const bool with_weight = check_below(c, 2);
    chain x;
    check_case(c, "M=%zu %zu-%zu-%zu weight=%d", M, K, H, N, with_weight);
    make_chain(c, &x, 2, M, w);
    const matrix dst = check_output(c, 1, N, N), weight = check_input(c, 1, M, M, 2);
    double *value = check_doubles(c, N), *tolerance = check_doubles(c, N);
    fmpnn_ref_mlp_sum(value, tolerance, x.src.data, x.src.stride, M, K, x.plain, &x.added,
                      with_weight ? weight.data : NULL);
    check_precision(c, K < H ? K : H, tolerance, N);
    c->kernels->mlp_sum(dst.data, x.src.data, x.src.stride, M, K, x.w, &x.added,
                        with_weight ? weight.data : NULL, x.tile.data);
    check_result(c, &dst, value, tolerance);
    check_padding(c, &x.tile);
}

void check_mlp_sum(check *c)
{
    static const size_t heights[] = {0, 1, 2, 15, 16, 33, 48};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < 8; n++)
            mlp_sum_case(c, heights[m], widths[(3 * n + m) % 30],
                         widths[(5 * n + 7 * m) % 30], widths[(11 * n + m) % 30]);
    mlp_sum_case(c, 48, 128, 128, 128);
    mlp_sum_case(c, 20, 40, 300, 24);
    mlp_sum_case(c, 100, 64, 96, 80);
    mlp_sum_case(c, 3, 20, 0, 7);
}

static void message_sum_case(check *c, size_t M, size_t C, size_t N)
{
    const size_t given = check_below(c, 8), n_ahead = check_below(c, 3) * M;
    const bool with_bias = check_below(c, 4) != 0;
    check_case(c, "M=%zu C=%zu N=%zu given=%zu bias=%d ahead=%zu", M, C, N, given, with_bias,
               n_ahead);
    const matrix w = check_input(c, N, C, C, 1), own = check_input(c, 1, C, C, 2);
    const matrix table = check_input(c, 9, C, C + padding(c), 2);
    const matrix bias = check_input(c, 1, N, N, 1), dst = check_output(c, 1, N, N);
    const matrix tile = check_output(c, M, C, C);
    const float **a = some_rows(c, &table, M, given & 1, false);
    const float **b = some_rows(c, &table, M, given & 2, true);
    const float **d = some_rows(c, &table, M, given & 4, true);
    const float **ahead = check_rows(c, &table, n_ahead);
    const float *panels = pack(c, &w, N, C);
    double *value = check_doubles(c, N), *tolerance = check_doubles(c, N);
    fmpnn_ref_message_sum(value, tolerance, own.data, a, b, d, M, C, w.data, N,
                          with_bias ? bias.data : NULL);
    check_precision(c, C, tolerance, N);
    c->kernels->message_sum(dst.data, own.data, a, b, d, M, C, panels, N,
                            with_bias ? bias.data : NULL, tile.data, ahead, n_ahead);
    check_result(c, &dst, value, tolerance);
    check_padding(c, &tile);
}

void check_message_sum(check *c)
{
    static const size_t heights[] = {0, 1, 2, 7, 16, 33};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < COUNT(widths); n += 3)
            message_sum_case(c, heights[m], widths[(n + m) % COUNT(widths)],
                             widths[(5 * n + 7 * m) % (COUNT(widths) - 3)]);
    message_sum_case(c, 48, 128, 128);
    message_sum_case(c, 100, 96, 64);
    message_sum_case(c, 3, 0, 20);
    message_sum_case(c, 3, 20, 0);
}

static void sum_rows_case(check *c, size_t M, size_t C)
{
    check_case(c, "M=%zu C=%zu", M, C);
    const matrix table = check_input(c, 9, C, C + padding(c), 2);
    const matrix dst = check_output(c, 1, C, C);
    const float **rows = check_rows(c, &table, M);
    double *value = check_doubles(c, C), *tolerance = check_doubles(c, C);
    fmpnn_ref_sum_rows(value, tolerance, rows, M, C);
    c->kernels->sum_rows(dst.data, rows, M, C);
    check_result(c, &dst, value, tolerance);
}

void check_sum_rows(check *c)
{
    static const size_t heights[] = {0, 1, 2, 7, 48};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < COUNT(widths); n++)
            sum_rows_case(c, heights[m], widths[n]);
}

static void edge_sum_case(check *c, size_t M, size_t C, int tanh_form)
{
    check_case(c, "M=%zu C=%zu tanh=%d", M, C, tanh_form);
    const matrix own = check_input(c, 1, C, C, 2);
    const matrix table = check_input(c, 9, C, C + padding(c), 2);
    const matrix geometry = check_input(c, 4, M, M + padding(c), 1);
    const matrix we = check_input(c, 4, C, C, 1);
    const matrix dst = check_output(c, 1, C, C);
    const int32_t *at = check_indices(c, 9, M);
    double *value = check_doubles(c, C), *tolerance = check_doubles(c, C);
    fmpnn_ref_edge_sum(value, tolerance, own.data, table.data, table.stride, at,
                       geometry.data, geometry.stride, we.data, M, C, tanh_form);
    check_pieces(c, (double)M, tolerance, C);
    c->kernels->edge_sum(dst.data, own.data, table.data, table.stride, at, geometry.data,
                         geometry.stride, we.data, M, C, tanh_form);
    check_result(c, &dst, value, tolerance);
}

void check_edge_sum(check *c)
{
    static const size_t heights[] = {0, 1, 2, 12, 48};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < COUNT(widths); n++)
            edge_sum_case(c, heights[m], widths[n], (int)(n % 2));
    for (size_t i = 0; i < 100; i++) {
        const size_t M = check_below(c, 50);
        edge_sum_case(c, M, check_below(c, 300), (int)(i % 2));
    }
}

static void edge_geometry_case(check *c, size_t M, size_t k, float scale)
{
    check_case(c, "M=%zu k=%zu scale=%g", M, k, (double)scale);
    const size_t edges = M * k;
    const matrix points = check_input(c, 9, 4, 4, scale),
                 centres = check_input(c, M, 4, 4, scale);
    const matrix dst = check_output(c, 4, edges, edges);
    const int32_t *at = check_indices(c, 9, edges);
    double *value = check_doubles(c, 4 * edges), *tolerance = check_doubles(c, 4 * edges);
    for (size_t q = 0; q < 3 && edges > 2; q++) /* a neighbour in the same place */
        centres.data[2 / k * 4 + q] = points.data[(size_t)at[2] * 4 + q];
    for (size_t n = 0; n < 9; n++)
        points.data[n * 4 + 3] = NAN;
    fmpnn_ref_edge_geometry(value, tolerance, centres.data, points.data, at, M, k);
    c->kernels->edge_geometry(dst.data, centres.data, points.data, at, M, k);
    check_result(c, &dst, value, tolerance);
}

void check_edge_geometry(check *c)
{
    static const float scales[] = {1e-6f, 1, 300};
    for (size_t M = 0; M < 4; M++)
        for (size_t k = 0; k < 70; k++)
            edge_geometry_case(c, M, k, scales[k % COUNT(scales)]);
}

static void distance_case(check *c, size_t n, float scale, float plus)
{
    check_case(c, "n=%zu scale=%g plus=%g", n, (double)scale, (double)plus);
    const matrix points = check_input(c, 3, n, n + padding(c), scale);
    const matrix centre = check_input(c, 1, 3, 3, scale), dst = check_output(c, 1, n, n);
    double *value = check_doubles(c, n), *tolerance = check_doubles(c, n);
    fmpnn_ref_distance(value, tolerance, points.data, points.stride, centre.data, plus, n);
    c->kernels->distance(dst.data, points.data, points.stride, centre.data, plus, n);
    check_result(c, &dst, value, tolerance);
}

void check_distance(check *c)
{
    static const float scales[] = {1e-6f, 1, 300};
    for (size_t n = 0; n < 70; n++)
        distance_case(c, n, scales[n % COUNT(scales)], n % 2 ? 1e-6f : 0.5f);
}

static void gelu_case(check *c, size_t n, int tanh_form, bool in_place)
{
    check_case(c, "n=%zu tanh=%d in_place=%d", n, tanh_form, in_place);
    const matrix src = check_input(c, 1, n, n, 6);
    const matrix dst = check_output(c, 1, n, n);
    double *value = check_doubles(c, n), *tolerance = check_doubles(c, n);
    fmpnn_ref_gelu(value, tolerance, src.data, n, tanh_form);
    if (in_place)
        memcpy(dst.data, src.data, n * sizeof(float));
    c->kernels->gelu(dst.data, in_place ? dst.data : src.data, n, tanh_form);
    check_result(c, &dst, value, tolerance);
}

void check_gelu(check *c)
{
    for (size_t n = 0; n < COUNT(widths); n++)
        for (size_t kind = 0; kind < 4; kind++)
            gelu_case(c, widths[n], (int)(kind % 2), kind / 2);
    gelu_case(c, 0, 0, false);
    check_gelu_accuracy(c);
}

static void layer_norm_case(check *c, size_t M, size_t C, float offset, bool in_place)
{
    check_case(c, "M=%zu C=%zu offset=%g in_place=%d", M, C, (double)offset, in_place);
    const matrix src = check_input(c, M, C, C + padding(c), 2);
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < C; n++)
            src.data[m * src.stride + n] += offset;
    const matrix dst = check_output(c, M, C, C + padding(c));
    const matrix gain = check_input(c, 1, C, C, 2), bias = check_input(c, 1, C, C, 1);
    double *value = check_doubles(c, M * C), *tolerance = check_doubles(c, M * C);
    fmpnn_ref_layer_norm(value, tolerance, src.data, src.stride, M, C, gain.data,
                         bias.data);
    const matrix *from = &src;
    if (in_place) {
        for (size_t m = 0; m < M; m++)
            memcpy(dst.data + m * dst.stride, src.data + m * src.stride, C * sizeof(float));
        from = &dst;
    }
    c->kernels->layer_norm(dst.data, dst.stride, from->data, from->stride, M, C, gain.data,
                           bias.data);
    check_result(c, &dst, value, tolerance);
}

void check_layer_norm(check *c)
{
    static const size_t heights[] = {0, 1, 3, 48};
    static const float offsets[] = {0, 1, -300};
    for (size_t m = 0; m < COUNT(heights); m++)
        for (size_t n = 0; n < COUNT(widths); n++)
            layer_norm_case(c, heights[m], widths[n], offsets[(m + n) % COUNT(offsets)],
                            n % 2 != 0);
    for (size_t i = 0; i < 100; i++) {
        const size_t M = check_below(c, 9);
        layer_norm_case(c, M, 1 + check_below(c, 300), offsets[i % COUNT(offsets)],
                        i % 2 != 0);
    }
}

static void radial_basis_case(check *c, size_t n, float first)
{
    check_case(c, "n=%zu first=%g", n, (double)first);
    const matrix distance = check_input(c, 1, n, n, 20);
    for (size_t i = 0; i < n; i++)
        distance.data[i] += 20;
    const matrix dst = check_output(c, n, 16, 16 + padding(c));
    double *value = check_doubles(c, n * 16), *tolerance = check_doubles(c, n * 16);
    fmpnn_ref_radial_basis(value, tolerance, distance.data, n, first);
    c->kernels->radial_basis(dst.data, dst.stride, distance.data, n, first);
    check_result(c, &dst, value, tolerance);
}

void check_radial_basis(check *c)
{
    for (size_t n = 0; n < 20; n++)
        radial_basis_case(c, n, n % 2 ? 0 : 2);
    radial_basis_case(c, 48 * 25, 2);
    radial_basis_case(c, 32 * 25, 0);
    check_exp_accuracy(c);
}
