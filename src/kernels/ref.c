/* The obvious loops. Nothing here is fast, nothing is shared with the kernels. */
#include "kernels/ref.h"

#include <float.h>
#include <math.h>

static const double U = FLT_EPSILON / 2; /* one rounding, relative */

/* A running sum with the sum of its terms' magnitudes. */
typedef struct sum {
    double value, magnitude;
    size_t terms;
} sum;

static void add(sum *s, double term)
{
    s->value += term;
    s->magnitude += fabs(term);
    s->terms++;
}

static double sum_tolerance(const sum *s)
{
    return ((double)s->terms + 2) * U * s->magnitude;
}

double fmpnn_ref_gelu1(double x, int tanh_form)
{
    if (!tanh_form)
        return 0.5 * x * erfc(-x * sqrt(0.5));
    const double pi = 3.14159265358979323846;
    return x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
}

double fmpnn_ref_gelu_bound(double x, int tanh_form)
{
    return (tanh_form ? 2e-6 : 1e-6) * fmax(1, fabs(x));
}

/* GELU of a sum: the sum's own error times the steepest slope, and GELU's. */
static double gelu_of(const sum *s, int tanh_form, double *tolerance)
{
    *tolerance = 1.13 * sum_tolerance(s) + fmpnn_ref_gelu_bound(s->value, tanh_form);
    return fmpnn_ref_gelu1(s->value, tanh_form);
}

static sum dot(const float *bias, const float *row, size_t n, const float *src,
               const float *w, size_t K)
{
    sum s = {0};
    if (bias)
        add(&s, bias[n]);
    if (row)
        add(&s, row[n]);
    for (size_t k = 0; k < K; k++)
        add(&s, (double)src[k] * w[n * K + k]);
    return s;
}

void fmpnn_ref_gemm(double *value, double *tolerance, const float *src, size_t lds,
                    size_t M, size_t K, const float *w, size_t N, const float *bias,
                    const float *const *rows, int gelu)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++, value++, tolerance++) {
            const sum s = dot(bias, rows ? rows[m] : NULL, n, src + m * lds, w, K);
            *value = s.value;
            *tolerance = sum_tolerance(&s);
            if (gelu)
                *value = gelu_of(&s, 0, tolerance);
        }
}

void fmpnn_ref_gemm_sum(double *value, double *tolerance, const float *src, size_t lds,
                        size_t M, size_t K, const float *w, size_t N, const float *bias,
                        const float *weight)
{
    for (size_t n = 0; n < N; n++) {
        sum total = {0};
        double within = 0;
        for (size_t m = 0; m < M; m++) {
            const sum s = dot(bias, NULL, n, src + m * lds, w, K);
            const double factor = weight ? weight[m] : 1;
            double message_tolerance;
            add(&total, factor * gelu_of(&s, 0, &message_tolerance));
            within += fabs(factor) * message_tolerance;
        }
        value[n] = total.value;
        tolerance[n] = sum_tolerance(&total) + within;
    }
}

void fmpnn_ref_gather_gelu(double *value, double *tolerance, const float *own,
                           const float *const *a, const float *const *b,
                           const float *const *d, size_t M, size_t C)
{
    for (size_t m = 0; m < M; m++)
        for (size_t c = 0; c < C; c++, value++, tolerance++) {
            sum s = {0};
            add(&s, own[c]);
            if (a)
                add(&s, a[m][c]);
            if (b && b[m])
                add(&s, b[m][c]);
            if (d && d[m])
                add(&s, d[m][c]);
            *value = gelu_of(&s, 0, tolerance);
        }
}

/* A row of values between two products, and how far each may be off. */
typedef struct hidden {
    double value[FMPNN_REF_HIDDEN], off[FMPNN_REF_HIDDEN];
} hidden;

/* One product on such a row. An error of x is felt times its weight. `added` of row m. */
static void next_layer(hidden *y, const hidden *x, size_t K, const fmpnn_product *w,
                       const fmpnn_added *added, size_t m, const float *row, int gelu)
{
    for (size_t n = 0; n < w->N; n++) {
        sum s = {0};
        double felt = 0;
        if (w->bias)
            add(&s, w->bias[n]);
        if (row)
            add(&s, row[n]);
        for (size_t k = 0; k < K; k++) {
            add(&s, x->value[k] * w->panels[n * K + k]);
            felt += x->off[k] * fabs((double)w->panels[n * K + k]);
        }
        if (added && added->rows && added->rows[m])
            add(&s, added->rows[m][n]);
        if (added && added->own)
            add(&s, added->own[n]);
        if (added && added->own && added->b && added->b[m])
            add(&s, added->b[m][n]);
        if (added && added->own && added->d && added->d[m])
            add(&s, added->d[m][n]);
        y->value[n] = s.value;
        y->off[n] = sum_tolerance(&s);
        if (gelu)
            y->value[n] = gelu_of(&s, 0, &y->off[n]);
        y->off[n] += (gelu ? 1.13 : 1) * felt;
    }
}

static void from_floats(hidden *x, const float *src, size_t K)
{
    for (size_t k = 0; k < K; k++) {
        x->value[k] = (double)src[k];
        x->off[k] = 0;
    }
}

/* Sums of weighted rows: value [N], tolerance [N] from 0 on; then their tolerance. */
static void add_row(double *value, double *tolerance, hidden *magnitude, const hidden *x,
                    size_t N, double factor)
{
    for (size_t n = 0; n < N; n++) {
        value[n] += factor * x->value[n];
        magnitude->value[n] += fabs(factor * x->value[n]);
        tolerance[n] += fabs(factor) * x->off[n];
    }
}

static void start_rows(double *value, double *tolerance, hidden *magnitude, size_t N)
{
    for (size_t n = 0; n < N; n++)
        value[n] = tolerance[n] = magnitude->value[n] = 0;
}

static void end_rows(double *tolerance, const hidden *magnitude, size_t M, size_t N)
{
    for (size_t n = 0; n < N; n++)
        tolerance[n] += ((double)M + 2) * U * magnitude->value[n];
}

void fmpnn_ref_mlp(double *value, double *tolerance, const float *src, size_t lds, size_t M,
                   size_t K, const fmpnn_product *w, size_t layers,
                   const fmpnn_added *added, const float *const *rows)
{
    const fmpnn_product *last = w + layers - 1;
    hidden x, y;
    for (size_t m = 0; m < M; m++, value += last->N, tolerance += last->N) {
        const hidden *between = &y;
        from_floats(&x, src + m * lds, K);
        next_layer(&y, &x, K, &w[0], added, m, NULL, 1);
        if (layers == 3) {
            next_layer(&x, &y, w[0].N, &w[1], NULL, m, NULL, 1);
            between = &x;
        }
        hidden *z = layers == 3 ? &y : &x;
        next_layer(z, between, last[-1].N, last, NULL, m, rows ? rows[m] : NULL, 0);
        for (size_t n = 0; n < last->N; n++) {
            value[n] = z->value[n];
            tolerance[n] = z->off[n];
        }
    }
}

void fmpnn_ref_mlp_sum(double *value, double *tolerance, const float *src, size_t lds,
                       size_t M, size_t K, const fmpnn_product *w, const fmpnn_added *added,
                       const float *weight)
{
    hidden x, y, magnitude;
    start_rows(value, tolerance, &magnitude, w[1].N);
    for (size_t m = 0; m < M; m++) {
        from_floats(&x, src + m * lds, K);
        next_layer(&y, &x, K, &w[0], added, m, NULL, 1);
        next_layer(&x, &y, w[0].N, &w[1], NULL, m, NULL, 1);
        add_row(value, tolerance, &magnitude, &x, w[1].N, weight ? (double)weight[m] : 1);
    }
    end_rows(tolerance, &magnitude, M, w[1].N);
}

void fmpnn_ref_message_sum(double *value, double *tolerance, const float *own,
                           const float *const *a, const float *const *b,
                           const float *const *d, size_t M, size_t C, const float *w, size_t N,
                           const float *bias)
{
    const fmpnn_product map = {w, N, bias};
    hidden x, y, magnitude;
    start_rows(value, tolerance, &magnitude, N);
    for (size_t m = 0; m < M; m++) {
        fmpnn_ref_gather_gelu(x.value, x.off, own, a ? a + m : NULL, b ? b + m : NULL,
                              d ? d + m : NULL, 1, C);
        next_layer(&y, &x, C, &map, NULL, m, NULL, 1);
        add_row(value, tolerance, &magnitude, &y, N, 1);
    }
    end_rows(tolerance, &magnitude, M, N);
}

void fmpnn_ref_edge_sum(double *value, double *tolerance, const float *own,
                        const float *table, size_t ldt, const int32_t *at,
                        const float *geometry, size_t stride, const float *we, size_t M,
                        size_t C, int tanh_form)
{
    for (size_t c = 0; c < C; c++) {
        sum total = {0};
        double within = 0;
        for (size_t m = 0; m < M; m++) {
            sum s = {0};
            double message_tolerance;
            add(&s, own[c]);
            add(&s, table[(size_t)at[m] * ldt + c]);
            for (size_t q = 0; q < 4; q++)
                add(&s, (double)geometry[q * stride + m] * we[q * C + c]);
            const double message = gelu_of(&s, tanh_form, &message_tolerance);
            add(&total, s.value / 2); /* the two halves of GELU are summed apart */
            add(&total, message - s.value / 2);
            within += message_tolerance;
        }
        value[c] = total.value;
        tolerance[c] = sum_tolerance(&total) + within;
    }
}

/* A length, whose square has five roundings, its root one: each is felt by half. */
static double length_of(const double *step, double plus, double *tolerance)
{
    const double square = step[0] * step[0] + step[1] * step[1] + step[2] * step[2] + plus;
    *tolerance = 4 * U * sqrt(square) + FLT_MIN;
    return sqrt(square);
}

void fmpnn_ref_edge_geometry(double *value, double *tolerance, const float *centres,
                             const float *points, const int32_t *at, size_t M, size_t k)
{
    const size_t edges = M * k;
    for (size_t i = 0; i < edges; i++) {
        const float *to = points + (size_t)at[i] * 4, *from = centres + i / k * 4;
        double d[3];
        for (size_t q = 0; q < 3; q++)
            d[q] = (double)(float)(to[q] - from[q]); /* as defined */
        value[i] = length_of(d, 1e-8, &tolerance[i]);
        for (size_t q = 0; q < 3; q++) {
            const size_t n = (q + 1) * edges + i;
            value[n] = d[q] / (value[i] + 1e-8);
            tolerance[n] =
                8 * U * fabs(value[n]) + FLT_MIN; /* and sum, quotient, product */
        }
    }
}

void fmpnn_ref_distance(double *value, double *tolerance, const float *points, size_t stride,
                        const float *centre, float plus, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double d[3];
        for (size_t q = 0; q < 3; q++)
            d[q] = (double)(float)(centre[q] - points[q * stride + i]); /* as defined */
        value[i] = length_of(d, plus, &tolerance[i]);
    }
}

void fmpnn_ref_sum_rows(double *value, double *tolerance, const float *const *rows, size_t M,
                        size_t C)
{
    for (size_t c = 0; c < C; c++) {
        sum s = {0};
        for (size_t m = 0; m < M; m++)
            add(&s, rows[m][c]);
        value[c] = s.value;
        tolerance[c] = sum_tolerance(&s);
    }
}

void fmpnn_ref_gelu(double *value, double *tolerance, const float *src, size_t n,
                    int tanh_form)
{
    for (size_t i = 0; i < n; i++) {
        value[i] = fmpnn_ref_gelu1(src[i], tanh_form);
        tolerance[i] = fmpnn_ref_gelu_bound(src[i], tanh_form);
    }
}

void fmpnn_ref_layer_norm(double *value, double *tolerance, const float *src, size_t lds,
                          size_t M, size_t C, const float *gain, const float *bias)
{
    for (size_t m = 0; m < M; m++, src += lds) {
        sum mean = {0}, square = {0};
        double spread = 0;
        for (size_t c = 0; c < C; c++)
            add(&mean, (double)src[c] / (double)C);
        for (size_t c = 0; c < C; c++) {
            const double x = src[c] - mean.value;
            add(&square, x * x / (double)C);
            spread += fabs(x) / (double)C;
        }
        /* Errors: of the mean; of the variance, whose deviations are all off by that of the
         * mean; of the scale, half the variance's relative one and three roundings. */
        const double off = sum_tolerance(&mean) + U * fabs(mean.value);
        const double variance = square.value + 1e-5;
        const double variance_off =
            sum_tolerance(&square) + 2 * (off + U * spread) * spread + off * off;
        const double scale = 1 / sqrt(variance);
        const double scale_off = 0.5 * variance_off / variance + 3 * U;
        for (size_t c = 0; c < C; c++, value++, tolerance++) {
            const double x = src[c] - mean.value, product = x * scale * gain[c];
            *value = product + bias[c];
            *tolerance = fabs(gain[c]) * scale * (off + U * fabs(x)) +
                         fabs(product) * (scale_off + 2 * U) + U * fabs(*value);
        }
    }
}

float fmpnn_ref_centre(size_t r, float first)
{
    const float step = 20.0f / 15.0f;
    return r < 8 ? first + step * (float)r : first + 20.0f - step * (float)(15 - r);
}

void fmpnn_ref_radial_basis(double *value, double *tolerance, const float *distance, size_t n,
                            float first)
{
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < 16; r++, value++, tolerance++) {
            const double x = ((double)distance[i] - fmpnn_ref_centre(r, first)) / 1.25;
            const double exponent = x * x;
            *value = exp(-exponent);
            /* The exponent: a difference (counted twice by the square), two products, the
             * constant; then two units in the last place. */
            *tolerance = *value * (expm1(5 * U * exponent) + 4 * U);
            if (*value - *tolerance <
                FLT_MIN) /* 0 where the exponent's own error may decide */
                *tolerance = fmax(*tolerance, *value);
        }
}
