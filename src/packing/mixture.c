/* Mixtures of von Mises distributions: see mixture.h. */
#include "packing/mixture.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static double polynomial(const double *coefficient, size_t n, double x)
{
    double sum = 0;
    while (n-- > 0)
        sum = sum * x + coefficient[n];
    return sum;
}

/* ln I0, Abramowitz and Stegun 9.8.1 and 9.8.2. */
static double log_bessel(double x)
{
    static const double small[] = {1.0,       3.5156229, 3.0899424, 1.2067492,
                                   0.2659732, 0.0360768, 0.0045813};
    static const double large[] = {0.39894228,  0.01328592,  0.00225319,
                                   -0.00157565, 0.00916281,  -0.02057706,
                                   0.02635537,  -0.01647633, 0.00392377};
    const double edge = 3.75;
    if (x < edge)
        return log(polynomial(small, 7, x / edge * (x / edge)));
    return x - 0.5 * log(x) + log(polynomial(large, 9, edge / x));
}

/* ln sum exp. */
static double log_sum(const double *x)
{
    double top = x[0], sum = 0;
    for (int n = 1; n < FMPNN_MIXTURE; n++)
        top = x[n] > top ? x[n] : top;
    for (int n = 0; n < FMPNN_MIXTURE; n++)
        sum += exp(x[n] - top);
    return top + log(sum);
}

fmpnn_density fmpnn_density_of(const fmpnn_mixture *m)
{
    fmpnn_density d = {.mixture = m};
    double all = log_sum(m->logit);
    for (int n = 0; n < FMPNN_MIXTURE; n++)
        d.height[n] = m->logit[n] - all - log(2 * PI) - log_bessel(m->concentration[n]);
    return d;
}

double fmpnn_density_log(const fmpnn_density *d, double angle)
{
    const fmpnn_mixture *m = d->mixture;
    double part[FMPNN_MIXTURE];
    for (int n = 0; n < FMPNN_MIXTURE; n++)
        part[n] = m->concentration[n] * cos(angle - m->mean[n]) + d->height[n];
    return log_sum(part);
}

double fmpnn_mixture_log_density(const fmpnn_mixture *m, double angle)
{
    fmpnn_density d = fmpnn_density_of(m);
    return fmpnn_density_log(&d, angle);
}

double fmpnn_mixture_peak(const fmpnn_mixture *m)
{
    fmpnn_density d = fmpnn_density_of(m);
    int best = 0;
    double top = fmpnn_density_log(&d, m->mean[0]);
    for (int n = 1; n < FMPNN_MIXTURE; n++) {
        double density = fmpnn_density_log(&d, m->mean[n]);
        if (density > top) {
            top = density;
            best = n;
        }
    }
    return m->mean[best];
}

/* ---- drawing ---- */

double fmpnn_von_mises_spread(double concentration)
{
    double tau = 1 + sqrt(1 + 4 * concentration * concentration);
    double rho = (tau - sqrt(2 * tau)) / (2 * concentration);
    return (1 + rho * rho) / (2 * rho);
}

bool fmpnn_von_mises_try(double concentration, double spread, const double u[3],
                         double *turn)
{
    double z = cos(PI * u[0]), f = (1 + spread * z) / (spread + z);
    double c = concentration * (spread - f);
    if (!(c * (2 - c) - u[1] > 0) && !(log(c / u[1]) + 1 - c >= 0))
        return false;
    *turn = u[2] > 0.5 ? acos(f) : u[2] < 0.5 ? -acos(f) : 0;
    return true;
}

double fmpnn_angle_wrap(double x)
{
    double turns = fmod(x + PI, 2 * PI);
    return (turns < 0 ? turns + 2 * PI : turns) - PI;
}
