/* From logits to a letter, by one warp, a lane a letter: design/rules.c in the same order of
 * operations, in double. */
#ifndef FMPNN_CUDA_DRAW_CUH
#define FMPNN_CUDA_DRAW_CUH

#include "cuda/decode.cuh"

#include <math.h>

typedef struct device_rules {
    const uint8_t *native, *resolved, *designed, *omit, *pssm_allowed, *omit_last;
    const double *bias, *pssm_coef, *pssm_bias, *weight;
    double pssm_multi;
    const uint32_t *start, *member, *group_of;
    bool carry_letters; /* rules.h */
} device_rules;

typedef struct device_request {
    const double *uniform, *exponential;
    double temperature;
    double *probs;
} device_request;

typedef fmpnn_agenda_unit unit;

/* Sum over the letters in ascending order, as the host adds. */
__device__ static inline double sum_letters(double x)
{
    double sum = 0;
    for (int a = 0; a < LETTERS; a++)
        sum = __dadd_rn(sum, __shfl_sync(~0u, x, a));
    return sum;
}

/* First letter of the largest value; a NaN never wins over what came before, as on the host. */
__device__ static inline int best_letter(double x)
{
    int best = 0;
    double top = __shfl_sync(~0u, x, 0);
    for (int a = 1; a < LETTERS; a++) {
        double other = __shfl_sync(~0u, x, a);
        if (other > top) {
            top = other;
            best = a;
        }
    }
    return best;
}

/* The lane's probability at position t (fmpnn_rules_distribution); false if nothing remains. */
__device__ static inline bool distribution(const device_rules &r, uint32_t t, double z, double T,
                                    int lane, double *out)
{
    size_t at = (size_t)t * LETTERS + lane;
    bool letter = lane < LETTERS, omitted = !letter || (r.omit && r.omit[at]);
    double y = letter ? __dadd_rn(z, r.bias ? r.bias[at] / T : 0) : 0, top = -INFINITY;
    for (int a = 0; a < LETTERS; a++) {
        double other = __shfl_sync(~0u, y, a);
        if (!__shfl_sync(~0u, (int)omitted, a) && other > top)
            top = other;
    }
    double q = omitted ? 0 : exp(__dadd_rn(y, -top));
    double sum = sum_letters(q);
    bool good = sum > 0;
    q /= sum;
    if (good && r.pssm_bias && r.pssm_coef) {
        double share = __dmul_rn(r.pssm_multi, r.pssm_coef[t]);
        if (letter)
            q = __dadd_rn(__dmul_rn(__dadd_rn(1, -share), q), __dmul_rn(share, r.pssm_bias[at]));
    }
    if (good && r.pssm_allowed) {
        if (letter)
            q = __dmul_rn(q, (r.pssm_allowed[at] ? 1 : 0) + 0.001);
        sum = sum_letters(q);
        good = sum > 0;
        q /= sum;
    }
    if (good && r.omit_last) {
        if (letter && r.omit_last[at])
            q = 0;
        sum = sum_letters(q);
        good = sum > 0;
        q /= sum;
    }
    *out = letter ? q : 0;
    return good;
}

__device__ static inline int draw_uniform(double p, double u)
{
    double sum = 0;
    int possible = LETTERS - 1, letter = -1;
    for (int a = 0; a < LETTERS; a++) {
        double other = __shfl_sync(~0u, p, a);
        sum = __dadd_rn(sum, other);
        if (letter < 0 && sum > u)
            letter = a;
        if (other > 0)
            possible = a;
    }
    return letter < 0 ? possible : letter; /* the sum fell short of u by rounding */
}

/* fmpnn_rules_draws */
__device__ static inline bool draws(const device_rules &r, uint32_t first, uint32_t end)
{
    bool any = false;
    for (uint32_t m = first; m < end; m++)
        any = any || r.designed[r.member[m]];
    return r.carry_letters ? any : r.designed[r.member[end - 1]];
}

/* fmpnn_rules_give */
__device__ static inline void give(const device_rules &r, uint32_t first, uint32_t end, int letter,
                            uint8_t *letters, int lane)
{
    if (!r.carry_letters) {
        for (uint32_t m = first + lane; m < end; m += LANES)
            letters[r.member[m]] = (uint8_t)letter;
        return;
    }
    for (uint32_t m = first; m < end && lane == 0; m++) {
        uint32_t i = r.member[m];
        if (!r.designed[i])
            letter = r.native[i];
        letters[i] = (uint8_t)letter;
    }
}

/* Draw the letter of a group by one warp. *failed: ~ of the smallest position without a
 * distribution; 0 if there is none. */
__device__ static inline void draw_group(const sequence &q, const device_request &request,
                                         const device_rules &rules, uint32_t group,
                                         unsigned *failed, int lane)
{
    uint32_t first = rules.start[group], end = rules.start[group + 1];
    uint32_t lead = rules.member[first], last = rules.member[end - 1];
    bool designed = draws(rules, first, end);
    /* an unresolved member decides: the first of them */
    for (uint32_t m = first; m < end && !rules.carry_letters; m++)
        if (!rules.resolved[rules.member[m]]) {
            give(rules, first, end, rules.native[rules.member[m]], q.letters, lane);
            return;
        }
    if (!designed && !request.probs) {
        give(rules, first, end, rules.native[last], q.letters, lane);
        return;
    }
    bool greedy = !request.uniform && !request.exponential;
    double T = greedy ? 1 : request.temperature, z = 0, p;
    for (uint32_t m = first; m < end && lane < LETTERS; m++) {
        uint32_t i = rules.member[m];
        double weight = rules.weight ? rules.weight[i] : 1;
        double term = __dmul_rn(weight, (double)q.logits[(size_t)i * LETTERS + lane]);
        z = __dadd_rn(z, term / T / (double)(end - first));
    }
    bool good = distribution(rules, last, z, T, lane, &p);
    if (!good && designed) {
        if (lane == 0)
            atomicMax(failed, ~last); /* the smallest position */
        return;
    }
    if (!good)
        p = 0;
    int letter;
    if (request.exponential) {
        double q_lane = lane < LETTERS ? request.exponential[(size_t)lead * LETTERS + lane] : 1;
        letter = best_letter(p / q_lane);
    } else {
        letter = greedy ? best_letter(p) : draw_uniform(p, request.uniform[lead]);
    }
    give(rules, first, end, designed ? letter : rules.native[last], q.letters, lane);
    for (uint32_t m = first; request.probs && lane < LETTERS && m < end; m++)
        request.probs[(size_t)rules.member[m] * LETTERS + lane] = p;
}

#endif
