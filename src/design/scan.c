/* Every point mutation: conditional probabilities at each designed position, averaged over
 * decoding orders one order at a time. */
#include "design/compute.h"

#include <math.h>
#include <string.h>

/* Means of n values so far, and the sum of squared distances from it (Welford). */
static void include(double value, size_t n, double *mean, double *squares)
{
    double before = value - *mean;
    *mean += before / (double)n;
    if (squares)
        *squares += before * (value - *mean);
}

/* Conditional probabilities of order n into the means. */
static void include_order(const fmpnn_job *job, const uint8_t *letters, const float *order,
                          size_t n, double *log_p, double *log_odds, double *squares)
{
    for (size_t i = 0; i < job->inputs->L; i++)
        for (size_t a = 0; job->designed[i] && a < FMPNN_LETTERS; a++) {
            size_t at = i * FMPNN_LETTERS + a;
            double own = order[i * FMPNN_LETTERS + letters[i]];
            include(order[at], n, &log_p[at], NULL);
            include(order[at] - own, n, &log_odds[at], &squares[at]);
        }
}

/* Squares into standard errors; what is not designed becomes NaN everywhere. */
static void finish(const fmpnn_job *job, size_t orders, double *log_p, double *log_odds,
                   double *se)
{
    double n = (double)orders;
    for (size_t at = 0; at < job->inputs->L * FMPNN_LETTERS; at++) {
        se[at] = orders > 1 ? sqrt(se[at] / (n - 1) / n) : NAN;
        if (!job->designed[at / FMPNN_LETTERS])
            log_p[at] = log_odds[at] = se[at] = NAN;
    }
}

fmpnn_status fmpnn_scan(fmpnn_context *ctx, fmpnn_job *job, const uint8_t *letters,
                        size_t orders, double *log_p, double *log_odds, double *se,
                        fmpnn_error *err)
{
    size_t values = job->inputs->L * FMPNN_LETTERS;
    fmpnn_status status = FMPNN_OK;
    if (!orders)
        return fmpnn_fail(err, FMPNN_EINVAL, "0 decoding orders: expected at least 1");
    float *order = fmpnn_alloc(values, sizeof *order);
    double *sums = fmpnn_alloc_zero(3 * values, sizeof *sums);
    if (!order || !sums) {
        status = fmpnn_fail_memory(err, "scanning point mutations");
        goto done;
    }
    if (!letters)
        letters = job->inputs->native;
    for (size_t n = 1; n <= orders && !status; n++) {
        status = fmpnn_probs_of_orders(ctx, job, FMPNN_PROBS_CONDITIONAL, letters, n, 1, order,
                                       err);
        if (!status)
            include_order(job, letters, order, n, sums, sums + values, sums + 2 * values);
    }
    if (status)
        goto done;
    finish(job, orders, sums, sums + values, sums + 2 * values);
    memcpy(log_p, sums, values * sizeof *log_p);
    memcpy(log_odds, sums + values, values * sizeof *log_odds);
    memcpy(se, sums + 2 * values, values * sizeof *se);
done:
    fmpnn_release(sums);
    fmpnn_release(order);
    return status;
}
