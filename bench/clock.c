#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

void bench_sleep(double ms)
{
    struct timespec t = {(time_t)(ms / 1e3), (long)(fmod(ms, 1e3) * 1e6)};
    nanosleep(&t, NULL);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two values around a fraction of the way through. */
static double quantile(const double *sorted, size_t count, double fraction)
{
    double at = fraction * (double)(count - 1);
    size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

bench_times bench_times_of(double *ms, size_t count)
{
    bench_times t = {NAN, NAN, NAN, NAN, NAN};
    if (!count)
        return t;
    qsort(ms, count, sizeof *ms, ascending);
    t.mean = t.sd = 0;
    for (size_t n = 0; n < count; n++)
        t.mean += ms[n] / (double)count;
    for (size_t n = 0; n < count; n++)
        t.sd += (ms[n] - t.mean) * (ms[n] - t.mean) / (double)count;
    t.sd = sqrt(t.sd);
    t.median = quantile(ms, count, 0.5);
    t.p5 = quantile(ms, count, 0.05);
    t.p95 = quantile(ms, count, 0.95);
    return t;
}
