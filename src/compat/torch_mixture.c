/* The order of things there: components of all mixtures first, each mixture's samples in a row;
 * then angles of all components of all samples at once, in rounds of three uniform numbers each. A
 * round ends nothing but the whole: while any is still without an angle all are drawn again, and
 * one that is accepted again changes. Weights and angles are float, the rounds double. */
#include "compat/torch_mixture.h"

#include <math.h>

enum { ROUNDS = 1000 }; /* one attempt in three fails: 40 do for millions of angles */

/* Cumulative weights of the components, the last 1. */
static void cumulate(const fmpnn_mixture *m, float cumulative[FMPNN_MIXTURE])
{
    float top = (float)m->logit[0], p[FMPNN_MIXTURE], all = 0, sum = 0;
    for (int c = 1; c < FMPNN_MIXTURE; c++)
        top = (float)m->logit[c] > top ? (float)m->logit[c] : top;
    for (int c = 0; c < FMPNN_MIXTURE; c++)
        all += p[c] = expf((float)m->logit[c] - top);
    for (int c = 0; c < FMPNN_MIXTURE; c++)
        cumulative[c] = sum += p[c] / all;
    for (int c = 0; c < FMPNN_MIXTURE; c++)
        cumulative[c] = c + 1 < FMPNN_MIXTURE ? cumulative[c] / sum : 1;
}

/* component [samples][n] */
static void draw_components(fmpnn_torch *torch, size_t samples, size_t n,
                            const fmpnn_mixture *mixture, uint8_t *component)
{
    for (size_t k = 0; k < n; k++) {
        float cumulative[FMPNN_MIXTURE];
        cumulate(&mixture[k], cumulative);
        for (size_t s = 0; s < samples; s++) {
            double u = fmpnn_torch_double(torch);
            uint8_t c = 0;
            while (c + 1 < FMPNN_MIXTURE && (double)cumulative[c] < u)
                c++;
            component[s * n + k] = c;
        }
    }
}

/* A single sample is the winner of a race, as of letters. */
static void draw_component(fmpnn_torch *torch, size_t n, const fmpnn_mixture *mixture,
                           uint8_t *component)
{
    for (size_t k = 0; k < n; k++) {
        double wait[FMPNN_MIXTURE], best = -INFINITY;
        fmpnn_torch_exponential(torch, FMPNN_MIXTURE, wait);
        for (int c = 0; c < FMPNN_MIXTURE; c++) {
            double speed = mixture[k].logit[c] - log(wait[c]);
            if (speed > best) {
                best = speed;
                component[k] = (uint8_t)c;
            }
        }
    }
}

/* turn [samples][n][3], from the components' means; u [3] of those, spread [n][3]. */
static bool draw_turns(fmpnn_torch *torch, size_t samples, size_t n,
                       const fmpnn_mixture *mixture, const double *spread, double *u,
                       double *turn, bool *done)
{
    size_t each = n * FMPNN_MIXTURE, total = samples * each, left = total;
    for (size_t k = 0; k < each; k++)
        if (!isfinite(spread[k]))
            return false;
    for (int round = 0; left && round < ROUNDS; round++) {
        for (size_t k = 0; k < 3 * total; k++)
            u[k] = fmpnn_torch_double(torch);
        for (size_t k = 0; k < total; k++) {
            size_t m = k % each / FMPNN_MIXTURE, c = k % FMPNN_MIXTURE;
            const double three[3] = {u[k], u[total + k], u[2 * total + k]};
            bool good = fmpnn_von_mises_try(mixture[m].concentration[c], spread[k % each],
                                            three, &turn[k]);
            left -= good && !done[k];
            done[k] = done[k] || good;
        }
    }
    return left == 0;
}

static void keep_best(size_t samples, size_t n, const fmpnn_mixture *mixture,
                      const uint8_t *component, const double *turn, double *angle)
{
    for (size_t k = 0; k < n; k++) {
        fmpnn_density density = fmpnn_density_of(&mixture[k]);
        double best = -INFINITY;
        for (size_t s = 0; s < samples; s++) {
            size_t c = component[s * n + k];
            double x = turn[(s * n + k) * FMPNN_MIXTURE + c] + mixture[k].mean[c];
            double value = (double)(float)fmpnn_angle_wrap(x);
            double log_density = fmpnn_density_log(&density, value);
            if (log_density > best) {
                best = log_density;
                angle[k] = value;
            }
        }
    }
}

fmpnn_status fmpnn_torch_angles(fmpnn_torch *torch, size_t samples, size_t n,
                                const fmpnn_mixture *mixture, double *angle,
                                fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t each = n * FMPNN_MIXTURE;
    bool good = samples <= SIZE_MAX / 4 / (each + 1);
    size_t total = good ? samples * each : 0;
    uint8_t *component = fmpnn_alloc(total, 1);
    double *spread = fmpnn_alloc(each, sizeof *spread);
    double *u = fmpnn_alloc(total, 3 * sizeof *u), *turn = fmpnn_alloc(total, sizeof *turn);
    bool *done = fmpnn_alloc_zero(total, sizeof *done);
    good = good && component && spread && u && turn && done;
    for (size_t k = 0; k < each && good; k++)
        spread[k] = fmpnn_von_mises_spread(
            mixture[k / FMPNN_MIXTURE].concentration[k % FMPNN_MIXTURE]);
    if (!good) {
        status = fmpnn_fail_memory(err, "packing side chains");
    } else {
        if (samples == 1)
            draw_component(torch, n, mixture, component);
        else
            draw_components(torch, samples, n, mixture, component);
        if (draw_turns(torch, samples, n, mixture, spread, u, turn, done))
            keep_best(samples, n, mixture, component, turn, angle);
        else
            status = fmpnn_fail(err, FMPNN_EWEIGHTS,
                                "packing side chains: no chi angle can be drawn from what the "
                                "packer says; are its weights damaged?");
    }
    fmpnn_release(done);
    fmpnn_release(turn);
    fmpnn_release(u);
    fmpnn_release(spread);
    fmpnn_release(component);
    return status;
}
