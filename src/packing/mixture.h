/* Mixtures of von Mises distributions over one angle: densities, and the method of drawing. */
#ifndef FMPNN_PACKING_MIXTURE_H
#define FMPNN_PACKING_MIXTURE_H

#include "base/base.h"

enum { FMPNN_MIXTURE = 3 };

typedef struct fmpnn_mixture {                                /* backend.h names it */
    double mean[FMPNN_MIXTURE], concentration[FMPNN_MIXTURE]; /* at least 0.1 */
    double logit[FMPNN_MIXTURE]; /* weights are their softmax */
} fmpnn_mixture;

/* ln of the density, with the published program's approximation of ln I0 (Abramowitz and Stegun
 * 9.8.1 and 9.8.2, relative error of I0 below 2e-7). */
double fmpnn_mixture_log_density(const fmpnn_mixture *mixture, double angle);
/* The component mean of largest density. */
double fmpnn_mixture_peak(const fmpnn_mixture *mixture);

/* The same where many angles are asked for. The mixture is borrowed. */
typedef struct fmpnn_density {
    const fmpnn_mixture *mixture;
    double height[FMPNN_MIXTURE]; /* ln of weight / (2 pi I0) */
} fmpnn_density;
fmpnn_density fmpnn_density_of(const fmpnn_mixture *mixture);
double fmpnn_density_log(const fmpnn_density *density, double angle);

/* One attempt at a von Mises number: from three uniform ones the angle from the mean, or false.
 * Source: Best and Fisher 1979, Applied Statistics 28:152. */
double fmpnn_von_mises_spread(double concentration);
bool fmpnn_von_mises_try(double concentration, double spread, const double u[3],
                         double *turn);
/* In [-pi, pi). */
double fmpnn_angle_wrap(double x);

#endif
