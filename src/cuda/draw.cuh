/* From logits to a letter, by one warp, a lane a letter: design/rules.c in the same order of
 * operations, in double. */
#ifndef FMPNN_CUDA_DRAW_CUH
#define FMPNN_CUDA_DRAW_CUH

#include "cuda/decode.cuh"

#include <limits.h>
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

/* Numbers of a warp, seen by all its lanes: a place for each sum of a draw, so that nobody waits
 * before writing. */
enum { DRAW_TURNS = 4 };
typedef struct draw_scratch {
    double2 value[DRAW_TURNS][(LETTERS + 1) / 2];
} draw_scratch;

__device__ static inline void share_letters(double x, draw_scratch *scratch, int turn, int lane)
{
    if (lane < LETTERS)
        ((double *)scratch->value[turn])[lane] = x;
    __syncwarp();
}

/* Sum of the letters up to `last` in ascending order, as the host adds: every lane goes through all
 * of them, with 0 for those beyond. */
__device__ static inline double sum_up_to(int last, double x, draw_scratch *scratch, int turn,
                                          int lane)
{
    double sum = 0;
    share_letters(x, scratch, turn, lane);
#pragma unroll
    for (int a = 0; a < LETTERS; a += 2) {
        double2 two = scratch->value[turn][a / 2];
        sum = __dadd_rn(sum, a <= last ? two.x : 0);
        if (a + 1 < LETTERS)
            sum = __dadd_rn(sum, a + 1 <= last ? two.y : 0);
    }
    return sum;
}

/* Of all letters. */
__device__ static inline double sum_letters(double x, draw_scratch *scratch, int turn, int lane)
{
    return sum_up_to(LETTERS - 1, x, scratch, turn, lane);
}

/* The largest of a warp's numbers, none of them NaN: bits in the order of numbers, first the upper
 * halves, then the lower ones of those that are largest so far. */
__device__ static inline double largest(double x)
{
    int high = __double2hiint(x), sign = high >> 31;
    unsigned low = (unsigned)(__double2loint(x) ^ sign);
    high ^= sign & INT_MAX;
    int top = __reduce_max_sync(~0u, high);
    low = __reduce_max_sync(~0u, high == top ? low : 0);
    sign = top >> 31;
    return __hiloint2double(top ^ (sign & INT_MAX), (int)low ^ sign);
}

/* First letter of the largest value; a NaN never wins over what came before, as on the host. */
__device__ static inline int best_letter(double x, int lane)
{
    bool possible = lane < LETTERS && !isnan(x);
    double top = largest(possible ? x : -INFINITY);
    unsigned best = __ballot_sync(~0u, possible && x == top), nan = __ballot_sync(~0u, isnan(x));
    return best && !(nan & 1) ? __ffs((int)best) - 1 : 0;
}

/* The draw of a group, as far as it is known before its logits. */
typedef struct drawing {
    uint32_t first, end, lead, last; /* members, and the first and the last residue */
    bool designed, greedy;
    bool settled; /* `letter` is given, nothing is drawn */
    uint8_t letter, native;
    bool omitted;              /* the lane's letter, where the last residue is */
    double bias;               /* likewise, over T */
    double T, uniform, weight; /* weight: of the first residue */
    bool plain;                /* by a uniform number, from logits and bias alone */
    float scale;               /* weight over T */
    float doubt;               /* what roundings of draw_quickly() reach, but for the logits' */
    const double *exponential;
    double *probs;
} drawing;

/* The lane's probability (fmpnn_rules_distribution); false if nothing remains. */
__device__ static inline bool distribution(const device_rules &r, const drawing &d, double z,
                                           draw_scratch *scratch, int lane, double *out)
{
    size_t at = (size_t)d.last * LETTERS + lane;
    bool letter = lane < LETTERS;
    double y = letter ? __dadd_rn(z, d.bias) : 0;
    double top = largest(!d.omitted && y > -INFINITY ? y : -INFINITY); /* NaNs are passed over */
    double q = d.omitted ? 0 : exp(__dadd_rn(y, -top));
    double sum = sum_letters(q, scratch, 0, lane);
    bool good = sum > 0;
    q /= sum;
    if (good && r.pssm_bias && r.pssm_coef) {
        double share = __dmul_rn(r.pssm_multi, r.pssm_coef[d.last]);
        if (letter)
            q = __dadd_rn(__dmul_rn(__dadd_rn(1, -share), q), __dmul_rn(share, r.pssm_bias[at]));
    }
    if (good && r.pssm_allowed) {
        if (letter)
            q = __dmul_rn(q, (r.pssm_allowed[at] ? 1 : 0) + 0.001);
        sum = sum_letters(q, scratch, 1, lane);
        good = sum > 0;
        q /= sum;
    }
    if (good && r.omit_last) {
        if (letter && r.omit_last[at])
            q = 0;
        sum = sum_letters(q, scratch, 2, lane);
        good = sum > 0;
        q /= sum;
    }
    *out = letter ? q : 0;
    return good;
}

__device__ static inline int draw_uniform(double p, double u, draw_scratch *scratch, int lane)
{
    double sum = sum_up_to(lane, p, scratch, 3, lane);
    unsigned above = __ballot_sync(~0u, lane < LETTERS && sum > u),
             possible = __ballot_sync(~0u, lane < LETTERS && p > 0);
    if (above)
        return __ffs((int)above) - 1;
    return possible ? 31 - __clz((int)possible) : LETTERS - 1; /* it fell short by rounding */
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

__device__ static inline drawing draw_prepare(const device_request &request,
                                              const device_rules &rules, uint32_t group,
                                              int lane)
{
    drawing d;
    d.first = rules.start[group];
    d.end = rules.start[group + 1];
    d.lead = rules.member[d.first];
    d.last = rules.member[d.end - 1];
    d.designed = draws(rules, d.first, d.end);
    d.native = rules.native[d.last];
    d.letter = d.native;
    d.exponential = request.exponential;
    d.probs = request.probs;
    d.settled = !d.designed && !d.probs;
    /* an unresolved member decides: the first of them */
    for (uint32_t m = d.end; m-- > d.first && !rules.carry_letters;)
        if (!rules.resolved[rules.member[m]]) {
            d.letter = rules.native[rules.member[m]];
            d.settled = true;
        }
    d.greedy = !request.uniform && !request.exponential;
    d.T = d.greedy ? 1 : request.temperature;
    d.uniform = request.uniform && !request.exponential ? request.uniform[d.lead] : 0;
    d.weight = rules.weight ? rules.weight[d.lead] : 1;
    size_t at = (size_t)d.last * LETTERS + lane;
    d.omitted = lane >= LETTERS || (rules.omit && rules.omit[at]);
    d.bias = lane < LETTERS && rules.bias ? rules.bias[at] / d.T : 0;
    d.plain = d.designed && !d.settled && !d.greedy && !d.exponential && !rules.pssm_bias &&
              !rules.pssm_allowed && !rules.omit_last;
    d.scale = (float)(d.weight / d.T);
    float most = rules.bias && !d.omitted ? fabsf((float)d.bias) : 0;
    for (int n = 16; rules.bias && n; n /= 2)
        most = fmaxf(most, __shfl_xor_sync(~0u, most, n));
    d.doubt = fmaf(1e-6f, most, 1e-5f);
    return d;
}

/* The lane's share of the logits of a group of one residue. */
__device__ static inline double draw_single(const drawing &d, float logit)
{
    return __dadd_rn(0, __dmul_rn(d.weight, (double)logit) / d.T);
}

/* The letter, from the mean logits z, and the lane's probability. *failed: ~ of the smallest
 * position without a distribution; 0 if there is none. */
__device__ static inline int draw_letter(const drawing &d, double z,
                                         const device_rules &rules, unsigned *failed,
                                         draw_scratch *scratch, int lane, double *out)
{
    double p = 0;
    *out = 0;
    if (d.settled)
        return d.letter;
    bool good = distribution(rules, d, z, scratch, lane, &p);
    if (!good && d.designed) {
        if (lane == 0)
            atomicMax(failed, ~d.last); /* the smallest position */
        return d.native;
    }
    *out = good ? p : 0;
    if (!d.designed)
        return d.native;
    if (d.exponential)
        return best_letter(
            p / (lane < LETTERS ? d.exponential[(size_t)d.lead * LETTERS + lane] : 1), lane);
    return d.greedy ? best_letter(p, lane) : draw_uniform(p, d.uniform, scratch, lane);
}

/* The letter of a plain draw in single precision, a ninth of the time, if that cannot be another
 * than that of draw_letter(): if no sum of probabilities comes nearer to the uniform number than
 * all roundings together reach. Else, once in some thousand draws, -1. What is not a number is never
 * far enough. Roundings: of a logit over T and a bias over T, their sizes times 2e-7 each (a logit
 * that counts is no larger than the largest sum and its bias together); of exp and sums, less
 * than 3e-6. */
__device__ static inline int draw_quickly(const drawing &d, float logit, int lane)
{
    float y = d.omitted ? -INFINITY : fmaf(logit, d.scale, (float)d.bias);
    int bits = __float_as_int(y);
    bits = __reduce_max_sync(~0u, bits ^ (bits >> 31 & INT_MAX));
    float top = __int_as_float(bits ^ (bits >> 31 & INT_MAX)), sum = __expf(y - top);
#pragma unroll
    for (int n = 1; n < LANES; n *= 2) {
        float before = __shfl_up_sync(~0u, sum, n);
        sum += lane >= n ? before : 0;
    }
    float all = __shfl_sync(~0u, sum, LANES - 1), bar = (float)d.uniform * all;
    bool clear = fabsf(sum - bar) > fmaf(1e-6f, fabsf(top), d.doubt) * all;
    unsigned above = __ballot_sync(~0u, sum > bar);
    return __all_sync(~0u, clear) && above ? __ffs((int)above) - 1 : -1;
}

/* Draw the letter of a group by one warp. */
__device__ static inline void draw_group(const sequence &q, const device_request &request,
                                         const device_rules &rules, uint32_t group,
                                         unsigned *failed, draw_scratch *scratch, int lane)
{
    drawing d = draw_prepare(request, rules, group, lane);
    double z = 0;
    for (uint32_t m = d.first; m < d.end && lane < LETTERS && !d.settled; m++) {
        uint32_t i = rules.member[m];
        double weight = rules.weight ? rules.weight[i] : 1;
        double term = __dmul_rn(weight, (double)q.logits[(size_t)i * LETTERS + lane]);
        z = __dadd_rn(z, term / d.T / (double)(d.end - d.first));
    }
    double p;
    int letter = draw_letter(d, z, rules, failed, scratch, lane, &p);
    give(rules, d.first, d.end, letter, q.letters, lane);
    for (uint32_t m = d.first; !d.settled && d.probs && lane < LETTERS && m < d.end; m++)
        d.probs[(size_t)rules.member[m] * LETTERS + lane] = p;
}

#endif
