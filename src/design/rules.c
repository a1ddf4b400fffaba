/* From logits to a letter, in double as in the published program: there a float64 bias vector
 * promotes everything after the division by T.
 *
 * Source: Dauparas et al. 2022 and its program; docs/math.md, "From logits to a letter". */
#include "design/rules.h"

#include <math.h>

enum { LETTERS = 21 };

/* What the log-odds mask leaves of a forbidden letter, before renormalisation. */
static const double LEFT_OF_FORBIDDEN = 0.001;

/* Softmax over the letters that are not omitted; false if there are none. The published
 * program subtracts 1e8 instead, which is the same zero, but all-equal if all are omitted. */
static bool softmax(const double *y, const uint8_t *omit, double *p)
{
    double top = -INFINITY, sum = 0;
    for (int a = 0; a < LETTERS; a++)
        if (!(omit && omit[a]) && y[a] > top)
            top = y[a];
    for (int a = 0; a < LETTERS; a++) {
        p[a] = omit && omit[a] ? 0 : exp(y[a] - top);
        sum += p[a];
    }
    for (int a = 0; a < LETTERS; a++)
        p[a] /= sum;
    return sum > 0; /* false for NaN as well */
}

static bool renormalise(double *p)
{
    double sum = 0;
    for (int a = 0; a < LETTERS; a++)
        sum += p[a];
    for (int a = 0; a < LETTERS; a++)
        p[a] /= sum;
    return sum > 0;
}

/* Row t of an [L][21] array, or NULL. */
#define ROW(array, t) ((array) ? (array) + (t) * (size_t)LETTERS : NULL)

fmpnn_status fmpnn_rules_distribution(const fmpnn_rules *rules, size_t t, const double *z,
                                      double T, double *p, fmpnn_error *err)
{
    const uint8_t *omit = ROW(rules->omit, t), *last = ROW(rules->omit_last, t);
    const uint8_t *allowed = ROW(rules->pssm_allowed, t);
    const double *bias = ROW(rules->bias, t), *pssm = ROW(rules->pssm_bias, t);
    double y[LETTERS], q[LETTERS];
    for (int a = 0; a < LETTERS; a++)
        y[a] = z[a] + (bias ? bias[a] / T : 0);
    bool good = softmax(y, omit, q);
    if (good && pssm && rules->pssm_coef) {
        double share = rules->pssm_multi * rules->pssm_coef[t];
        for (int a = 0; a < LETTERS; a++)
            q[a] = (1 - share) * q[a] + share * pssm[a];
    }
    if (good && allowed) {
        for (int a = 0; a < LETTERS; a++)
            q[a] *= (allowed[a] ? 1 : 0) + LEFT_OF_FORBIDDEN;
        good = renormalise(q);
    }
    if (good && last) {
        for (int a = 0; a < LETTERS; a++)
            q[a] = last[a] ? 0 : q[a];
        good = renormalise(q);
    }
    if (!good)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "no letter has a probability at model position %zu: all are omitted, "
            "or a logit or bias is not finite",
            t + 1);
    for (int a = 0; a < LETTERS; a++)
        p[a] = q[a];
    return FMPNN_OK;
}

bool fmpnn_rules_draws(const fmpnn_rules *rules, const uint32_t *member, size_t n)
{
    bool any = false;
    for (size_t k = 0; k < n; k++)
        any = any || rules->designed[member[k]];
    return rules->carry_letters ? any : rules->designed[member[n - 1]];
}

void fmpnn_rules_give(const fmpnn_rules *rules, const uint32_t *member, size_t n,
                      uint8_t letter, uint8_t *letters)
{
    for (size_t k = 0; k < n; k++) {
        if (rules->carry_letters && !rules->designed[member[k]])
            letter = rules->native[member[k]];
        letters[member[k]] = letter;
    }
}

uint8_t fmpnn_draw(const double *p, double u)
{
    double sum = 0;
    uint8_t possible = LETTERS - 1;
    for (uint8_t a = 0; a < LETTERS; a++) {
        sum += p[a];
        if (sum > u)
            return a;
        if (p[a] > 0)
            possible = a;
    }
    return possible; /* the sum fell short of u by rounding */
}

uint8_t fmpnn_draw_race(const double *p, const double *q)
{
    uint8_t best = 0;
    for (uint8_t a = 1; a < LETTERS; a++)
        if (p[a] / q[a] > p[best] / q[best])
            best = a;
    return best;
}

uint8_t fmpnn_draw_best(const double *p)
{
    uint8_t best = 0;
    for (uint8_t a = 1; a < LETTERS; a++)
        if (p[a] > p[best])
            best = a;
    return best;
}
