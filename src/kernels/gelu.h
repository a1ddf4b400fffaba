/* GELU on a vector.
 *
 *     gelu(x) = x/2 + |x| R(t),  t = min(|x|, T),  R(t) ~ 1/2 - Phi(-t)
 *
 * 1/2 - R is a polynomial squared several times over, a constant added after each squaring:
 * multiply-adds alone, no exponential, division, table or branch. scripts/derive_gelu.py explains
 * and prints the constants; docs/kernels.md has its commands and the error over all floats. R(T) rounds to 1/2, so
 * far out the result is x or 0 exactly. The same operations in the same order everywhere: sets
 * with fused multiply-add agree to the bit.
 *
 * NaN gives NaN, +inf gives +inf, -inf gives NaN (inf/2 - inf/2), as x/2 (1 + erf) does.
 *
 * Several vectors go side by side: one alone is a chain of a dozen dependent operations, and
 * processors overlap successive chains less well than the ports would allow (10 % on AVX-512).
 *
 * Included after a vec_*.h and vec_common.h. */
#ifndef FMPNN_GELU_H
#define FMPNN_GELU_H

/* clang-format off */
static inline __attribute__((always_inline)) void v_gelu_erf_factor(vf *q, const vf *magnitude,
                                                                    const size_t V)
{
    vf t[MAX_GROUP];
    EACH(v, V) t[v] = v_min(magnitude[v], v_set(5.5f));
    EACH(v, V) q[v] = v_fma(v_set(-2.48232136e-05f), t[v], v_set(0.000670904701f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(-0.00112706854f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(-0.0169850383f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(-0.0459733121f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(0.969044268f));
    EACH(v, V) q[v] = v_fma(q[v], q[v], v_set(0.00230659731f));
    EACH(v, V) q[v] = v_fma(q[v], q[v], v_set(-0.0452026092f));
    EACH(v, V) q[v] = v_fma(q[v], q[v], v_set(-7.69713588e-05f));
    EACH(v, V) q[v] = v_fnma(q[v], q[v], v_set(0.500000119f));
}

static inline __attribute__((always_inline)) void v_gelu_tanh_factor(vf *q, const vf *magnitude,
                                                                     const size_t V)
{
    vf t[MAX_GROUP];
    EACH(v, V) t[v] = v_min(magnitude[v], v_set(5.30000019f));
    EACH(v, V) q[v] = v_fma(v_set(4.1667332e-05f), t[v], v_set(-0.000511384802f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(0.0025821547f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(-0.00165367383f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(-0.0316518694f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(-0.0921048671f));
    EACH(v, V) q[v] = v_fma(q[v], t[v], v_set(0.911539555f));
    EACH(v, V) q[v] = v_fma(q[v], q[v], v_set(0.0101873493f));
    EACH(v, V) q[v] = v_fma(q[v], q[v], v_set(-0.000301313295f));
    EACH(v, V) q[v] = v_fnma(q[v], q[v], v_set(0.50000006f));
}
/* clang-format on */

/* R(min(magnitude, T)) for V <= MAX_GROUP vectors. */
static inline __attribute__((always_inline)) void
v_gelu_factor(vf *q, const vf *magnitude, const size_t V, const int tanh_form)
{
    if (tanh_form)
        v_gelu_tanh_factor(q, magnitude, V);
    else
        v_gelu_erf_factor(q, magnitude, V);
}

/* x[v] = GELU(x[v]) for V <= MAX_GROUP vectors. */
static inline __attribute__((always_inline)) void v_gelu_each(vf *x, const size_t V,
                                                              const int tanh_form)
{
    vf magnitude[MAX_GROUP], q[MAX_GROUP];
    EACH (v, V)
        magnitude[v] = v_abs(x[v]);
    v_gelu_factor(q, magnitude, V, tanh_form);
    EACH (v, V)
        x[v] = v_fma(magnitude[v], q[v], v_mul(x[v], v_set(0.5f)));
}

static inline vf v_gelu(vf x, int tanh_form)
{
    v_gelu_each(&x, 1, tanh_form);
    return x;
}

/* n values; dst may be src. */
static inline __attribute__((always_inline)) void gelu_form(float *dst, const float *src,
                                                            size_t n, const int tanh_form)
{
    size_t i = 0;
    for (; i + V_GROUP * VF <= n; i += V_GROUP * VF) {
        vf x[V_GROUP];
        EACH (v, V_GROUP)
            x[v] = v_load(src + i + v * VF);
        v_gelu_each(x, V_GROUP, tanh_form);
        EACH (v, V_GROUP)
            v_store(dst + i + v * VF, x[v]);
    }
    for (; i < n; i += VF)
        v_store_some(dst + i, v_gelu(v_load_some(src + i, n - i), tanh_form), n - i);
}

#endif
