/* A row's bits depend on the row alone: not on how many go with it, where it stands, which tile
 * computes it, how wide the matrix is. Exact comparisons, no tolerance. */
#include "check.h"

#include <string.h>

enum { M = 31, MANY = 131 }; /* MANY: more than any block of rows */

/* The first N rows of w, packed. */
static matrix pack(check *c, const matrix *w, size_t N)
{
    const size_t K = w->columns, size = fmpnn_panels_size_precise(N, K);
    matrix panels = check_input(c, 1, size, size, 1);
    fmpnn_panels_pack_precise(panels.data, w->data, w->stride, N, K);
    return panels;
}

static void gemm_shape(check *c, size_t K, size_t N, int gelu)
{
    check_case(c, "row independence, K=%zu N=%zu gelu=%d", K, N, gelu);
    const matrix w = check_input(c, N, K, K, 1), panels = pack(c, &w, N);
    const matrix src = check_input(c, MANY, K, K + 3, 1), bias = check_input(c, 1, N, N, 1);
    const matrix table = check_input(c, 5, N, N, 1);
    const float **rows = check_rows(c, &table, MANY);
    const matrix all = check_output(c, MANY, N, N), part = check_output(c, MANY, N, N);
    c->kernels->gemm(all.data, N, src.data, src.stride, MANY, K, panels.data, N, bias.data,
                     rows, gelu);
    for (size_t count = 1; count < 14; count++) { /* every remainder of every tile height */
        const size_t first = check_below(c, MANY - count + 1);
        c->kernels->gemm(part.data, N, src.data + first * src.stride, src.stride, count, K,
                         panels.data, N, bias.data, rows + first, gelu);
        check_same(c, "some rows of a batch", part.data, all.data + first * N, count * N);
    }
    for (size_t narrow = 1; narrow < N;
         narrow += 5) { /* fewer columns of the same matrix */
        const size_t m = check_below(c, MANY);
        const matrix fewer = pack(c, &w, narrow);
        c->kernels->gemm(part.data, N, src.data + m * src.stride, src.stride, 1, K,
                         fewer.data, narrow, bias.data, rows + m, gelu);
        check_same(c, "some columns", part.data, all.data + m * N, narrow);
    }
}

void check_rows_gemm(check *c)
{
    static const size_t shapes[][2] = {{128, 128}, {37, 64}, {16, 150}, {128, 21}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        gemm_shape(c, shapes[i][0], shapes[i][1], (int)(i % 2));
}

void check_rows_gemm_sum(check *c)
{
    /* Rows of weight 0 add nothing, so a batch cut short must give the same bits. */
    const size_t K = 40, N = 150;
    check_case(c, "row independence, K=%zu N=%zu", K, N);
    const matrix w = check_input(c, N, K, K, 1), panels = pack(c, &w, N);
    const matrix weight = check_input(c, 1, M, M, 2);
    const matrix src = check_input(c, M, K, K + 1, 1), bias = check_input(c, 1, N, N, 1);
    const matrix all = check_output(c, 1, N, N), part = check_output(c, 1, N, N);
    for (size_t count = M - 1; count > 0; count--) {
        weight.data[count] = 0;
        c->kernels->gemm_sum(all.data, src.data, src.stride, M, K, panels.data, N,
                             bias.data, weight.data);
        c->kernels->gemm_sum(part.data, src.data, src.stride, count, K, panels.data, N,
                             bias.data, weight.data);
        check_same(c, "first rows of a batch", part.data, all.data, N);
        const matrix fewer = pack(c, &w, 1 + 4 * count);
        c->kernels->gemm_sum(part.data, src.data, src.stride, count, K, fewer.data,
                             1 + 4 * count, bias.data, weight.data);
        check_same(c, "first columns", part.data, all.data, 1 + 4 * count);
    }
    /* And one row of weight 1 is gemm's own GELU. */
    const float one = 1;
    c->kernels->gemm_sum(all.data, src.data, src.stride, 1, K, panels.data, N, bias.data,
                         &one);
    c->kernels->gemm(part.data, N, src.data, src.stride, 1, K, panels.data, N, bias.data,
                     NULL, 1);
    check_same(c, "one row against gemm", all.data, part.data, N);
}

void check_rows_gather_gelu(check *c)
{
    for (size_t C = 1; C < 140; C += 23) {
        check_case(c, "row independence, C=%zu", C);
        const matrix own = check_input(c, 1, C, C, 1), table = check_input(c, 7, C, C, 2);
        const float **a = check_rows(c, &table, M), **b = check_rows(c, &table, M);
        const matrix all = check_output(c, M, C, C), one = check_output(c, 1, C, C);
        c->kernels->gather_gelu(all.data, C, own.data, a, b, NULL, M, C);
        for (size_t m = 0; m < M; m++) {
            c->kernels->gather_gelu(one.data, C, own.data, a + m, b + m, NULL, 1, C);
            check_same(c, "a row alone", one.data, all.data + m * C, C);
        }
    }
}

/* Two layers of random weights, and what is added to the first. */
typedef struct chain {
    fmpnn_product w[3];
    fmpnn_added added;
    matrix src, tile;
} chain;

static void make_chain(check *c, chain *x, const size_t *widths)
{
    const matrix table = check_input(c, 7, widths[1], widths[1], 1);
    *x = (chain){.src = check_input(c, MANY, widths[0], widths[0], 1)};
    for (size_t l = 0; l < 3; l++) {
        const matrix w = check_input(c, widths[l + 1], widths[l], widths[l], 0.1f);
        x->w[l] = (fmpnn_product){pack(c, &w, widths[l + 1]).data, widths[l + 1],
                                  check_input(c, 1, widths[l + 1], widths[l + 1], 1).data};
    }
    x->tile = check_output(c, MANY, widths[1] + widths[2], widths[1] + widths[2]);
    x->added = (fmpnn_added){.rows = check_rows(c, &table, MANY),
                             .own = table.data,
                             .b = check_rows(c, &table, MANY),
                             .d = check_rows(c, &table, MANY)};
}

/* The first layer by itself, into the chain's tile. */
static void first_layer(const check *c, const chain *x, size_t count, size_t K)
{
    const size_t N = x->w[0].N;
    c->kernels->gemm(x->tile.data, N, x->src.data, K, count, K, x->w[0].panels, N,
                     x->w[0].bias, x->added.rows, !x->added.own);
    for (size_t m = 0; x->added.own && m < count; m++) {
        const float *row = x->tile.data + m * N;
        c->kernels->gather_gelu(x->tile.data + m * N, N, x->added.own, &row, x->added.b + m,
                                x->added.d + m, 1, N);
    }
}

static const size_t chains[][4] = {{128, 128, 128, 128}, {1, 2, 3, 4},
                                   {16, 31, 33, 40},     {64, 97, 48, 21},
                                   {40, 257, 8, 9},      {300, 16, 16, 16}};

/* Its parts, to the bit, however many rows there are. */
static void mlp_against_parts(check *c, const size_t *w, size_t layers, bool own)
{
    const size_t N = w[layers];
    chain x;
    check_case(c, "against its parts, %zu of %zu-%zu-%zu-%zu", layers, w[0], w[1], w[2],
               w[3]);
    make_chain(c, &x, w);
    const matrix direct = check_output(c, MANY, N, N), parts = check_output(c, MANY, N, N);
    const matrix last = check_input(c, MANY, N, N, 1);
    const float *rows[MANY];
    if (!own)
        x.added.own = NULL;
    for (size_t m = 0; m < MANY; m++)
        rows[m] = last.data + m * N;
    for (size_t count = MANY; count > 0; count -= count > 5 ? 5 : 1) {
        float *at = x.tile.data, *next = at + count * w[1];
        first_layer(c, &x, count, w[0]);
        if (layers == 3) {
            c->kernels->gemm(next, w[2], at, w[1], count, w[1], x.w[1].panels, w[2],
                             x.w[1].bias, NULL, 1);
            at = next;
        }
        c->kernels->gemm(parts.data, N, at, w[layers - 1], count, w[layers - 1],
                         x.w[layers - 1].panels, N, x.w[layers - 1].bias, rows, 0);
        c->kernels->mlp(direct.data, N, x.src.data, w[0], count, w[0], x.w, layers,
                        &x.added, rows, x.tile.data);
        check_same(c, "mlp", direct.data, parts.data, count * N);
    }
}

void check_rows_mlp(check *c)
{
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
        for (size_t layers = 2; layers <= 3; layers++)
            mlp_against_parts(c, chains[i], layers, i % 2 == 0);
}

void check_rows_mlp_sum(check *c)
{
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        const size_t *w = chains[i];
        chain x;
        check_case(c, "against its parts, %zu-%zu-%zu", w[0], w[1], w[2]);
        make_chain(c, &x, w);
        const matrix direct = check_output(c, 1, w[2], w[2]),
                     parts = check_output(c, 1, w[2], w[2]);
        const matrix weight = check_input(c, 1, M, M, 2);
        if (i % 2)
            x.added.own = NULL;
        for (size_t count = M; count > 0; count -= count > 5 ? 5 : 1) {
            const float *factor = count % 2 ? weight.data : NULL;
            first_layer(c, &x, count, w[0]);
            c->kernels->gemm_sum(parts.data, x.tile.data, w[1], count, w[1], x.w[1].panels,
                                 w[2], x.w[1].bias, factor);
            c->kernels->mlp_sum(direct.data, x.src.data, w[0], count, w[0], x.w, &x.added,
                                factor, x.tile.data);
            check_same(c, "mlp_sum", direct.data, parts.data, w[2]);
        }
    }
}

void check_rows_message_sum(check *c)
{
    /* gather_gelu, then gemm_sum, to the bit; what is fetched ahead changes nothing. */
    static const size_t depths[] = {1, 16, 31, 32, 40, 64, 97, 128, 160};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        const size_t C = depths[i], N = 1 + 23 * i;
        check_case(c, "against its parts, C=%zu N=%zu", C, N);
        const matrix w = check_input(c, N, C, C, 1), panels = pack(c, &w, N);
        const matrix own = check_input(c, 1, C, C, 1), table = check_input(c, 7, C, C, 2);
        const matrix bias = check_input(c, 1, N, N, 1), tile = check_output(c, M, C, C);
        const matrix direct = check_output(c, 1, N, N), parts = check_output(c, 1, N, N);
        const float **a = check_rows(c, &table, M), **b = check_rows(c, &table, M);
        for (size_t m = 0; m < M; m += 2)
            b[m] = NULL;
        for (size_t count = M; count > 0; count -= count > 5 ? 5 : 1) {
            c->kernels->gather_gelu(tile.data, C, own.data, a, b, NULL, count, C);
            c->kernels->gemm_sum(parts.data, tile.data, C, count, C, panels.data, N, bias.data,
                                 NULL);
            c->kernels->message_sum(direct.data, own.data, a, b, NULL, count, C, panels.data, N,
                                    bias.data, tile.data, a, count % 2 ? count : 0);
            check_same(c, "message_sum", direct.data, parts.data, N);
        }
    }
}

void check_rows_sum_rows(check *c)
{
    /* The rows that gemm makes with GELU, added up, are what gemm_sum gives, to the bit. */
    const size_t K = 40;
    for (size_t N = 1; N < 140; N += 23) {
        check_case(c, "sum of gemm's rows, N=%zu", N);
        const matrix src = check_input(c, M, K, K, 1), bias = check_input(c, 1, N, N, 1);
        const size_t size = fmpnn_panels_size_precise(N, K);
        const matrix panels = check_input(c, 1, size, size, 1);
        const matrix terms = check_output(c, M, N, N), sum = check_output(c, 1, N, N);
        const matrix direct = check_output(c, 1, N, N);
        const float *rows[M];
        c->kernels->gemm(terms.data, N, src.data, K, M, K, panels.data, N, bias.data, NULL, 1);
        for (size_t m = 0; m < M; m++)
            rows[m] = terms.data + m * N;
        c->kernels->sum_rows(sum.data, rows, M, N);
        c->kernels->gemm_sum(direct.data, src.data, K, M, K, panels.data, N, bias.data, NULL);
        check_same(c, "sum_rows of gemm against gemm_sum", sum.data, direct.data, N);
    }
}

void check_rows_edge_sum(check *c)
{
    /* A channel's sum does not depend on how many channels there are. */
    const size_t C = 130;
    check_case(c, "channel independence");
    const matrix own = check_input(c, 1, C, C, 1), table = check_input(c, 7, C, C, 2);
    const matrix geometry = check_input(c, 4, M, M, 1), we = check_input(c, 4, C, C, 1);
    const matrix less = check_output(c, 4, C, C);
    const matrix narrow = check_output(c, 7, C, C);
    const int32_t *at = check_indices(c, 7, M);
    const matrix all = check_output(c, 1, C, C), part = check_output(c, 1, C, C);
    c->kernels->edge_sum(all.data, own.data, table.data, C, at, geometry.data, M, we.data,
                         M, C, 0);
    for (size_t some = 1; some < C; some++) {
        for (size_t q = 0; q < 4; q++)
            memcpy(less.data + q * some, we.data + q * C, some * sizeof(float));
        for (size_t m = 0; m < 7; m++)
            memcpy(narrow.data + m * some, table.data + m * C, some * sizeof(float));
        c->kernels->edge_sum(part.data, own.data, narrow.data, some, at, geometry.data, M,
                             less.data, M, some, 0);
        check_same(c, "first channels", part.data, all.data, some);
    }
}

void check_rows_edge_geometry(check *c)
{
    /* An edge does not see other edges or nodes. */
    const size_t nodes = 5, k = 35, n = nodes * k;
    check_case(c, "position independence");
    const matrix points = check_input(c, 9, 4, 4, 9),
                 centres = check_input(c, nodes, 4, 4, 9);
    const int32_t *at = check_indices(c, 9, n);
    const matrix all = check_output(c, 4, n, n), one = check_output(c, 4, 1, 1);
    c->kernels->edge_geometry(all.data, centres.data, points.data, at, nodes, k);
    for (size_t i = 0; i < n; i++) {
        c->kernels->edge_geometry(one.data, centres.data + i / k * 4, points.data, at + i,
                                  1, 1);
        for (size_t q = 0; q < 4; q++)
            check_same(c, "an edge alone", one.data + q, all.data + q * n + i, 1);
    }
}

void check_rows_distance(check *c)
{
    const size_t n = 70;
    check_case(c, "position independence");
    const matrix points = check_input(c, 3, n, n, 9), centre = check_input(c, 1, 3, 3, 9);
    const matrix all = check_output(c, 1, n, n), one = check_output(c, 1, 1, 1);
    c->kernels->distance(all.data, points.data, n, centre.data, 1e-6f, n);
    for (size_t i = 0; i < n; i++) {
        c->kernels->distance(one.data, points.data + i, n, centre.data, 1e-6f, 1);
        check_same(c, "a point alone", one.data, all.data + i, 1);
    }
}

void check_rows_gelu(check *c)
{
    for (int tanh_form = 0; tanh_form < 2; tanh_form++) {
        const size_t n = 70;
        check_case(c, "position independence, tanh=%d", tanh_form);
        const matrix src = check_input(c, 1, n, n, 5);
        const matrix all = check_output(c, 1, n, n), one = check_output(c, 1, 1, 1);
        c->kernels->gelu(all.data, src.data, n, tanh_form);
        for (size_t i = 0; i < n; i++) {
            c->kernels->gelu(one.data, src.data + i, 1, tanh_form);
            check_same(c, "a value alone", one.data, all.data + i, 1);
        }
    }
}

void check_rows_layer_norm(check *c)
{
    for (size_t C = 1; C < 300; C += 21) {
        check_case(c, "row independence, C=%zu", C);
        const matrix src = check_input(c, M, C, C + 5, 3);
        const matrix gain = check_input(c, 1, C, C, 1), bias = check_input(c, 1, C, C, 1);
        const matrix all = check_output(c, M, C, C), one = check_output(c, 1, C, C);
        const matrix moved = check_input(c, 1, C + 1, C + 1, 1);
        c->kernels->layer_norm(all.data, C, src.data, src.stride, M, C, gain.data,
                               bias.data);
        for (size_t m = 0; m < M; m++) {
            memcpy(moved.data, src.data + m * src.stride, C * sizeof(float));
            c->kernels->layer_norm(one.data, C, moved.data, C, 1, C, gain.data, bias.data);
            check_same(c, "a row alone, elsewhere", one.data, all.data + m * C, C);
        }
    }
}

void check_rows_radial_basis(check *c)
{
    check_case(c, "position independence");
    const matrix distance = check_input(c, 1, M, M, 20);
    const matrix all = check_output(c, M, 16, 16), one = check_output(c, 1, 16, 16);
    c->kernels->radial_basis(all.data, 16, distance.data, M, 2);
    for (size_t i = 0; i < M; i++) {
        c->kernels->radial_basis(one.data, 16, distance.data + i, 1, 2);
        check_same(c, "a distance alone", one.data, all.data + i * 16, 16);
    }
}
