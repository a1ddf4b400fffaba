/* GELU on a vector.
 *
 *     gelu(x) = x/2 + |x| R(t),  t = min(|x|, T),  R(t) ~ 1/2 - Phi(-t)
 *
 * 1/2 - R is a polynomial squared several times over, a constant added after each squaring:
 * multiply-adds alone, no exponential, division, table or branch. scripts/derive_gelu.py explains
 * and prints the constants; docs/kernels.md has the error over all floats. R(T) rounds to 1/2, so
 * far out the result is x or 0 exactly. The same operations in the same order everywhere: sets
 * with fused multiply-add agree to the bit.
 *
 * NaN gives NaN, +inf gives +inf, -inf gives NaN (inf/2 - inf/2), as x/2 (1 + erf) does.
 *
 * Included after a vec_*.h. */
#ifndef FMPNN_GELU_H
#define FMPNN_GELU_H

static inline vf v_gelu_erf(vf x)
{
    const vf magnitude = v_abs(x);
    const vf t = v_min(magnitude, v_set(5.5f));
    vf q = v_set(-2.48232136e-05f);
    q = v_fma(q, t, v_set(0.000670904701f));
    q = v_fma(q, t, v_set(-0.00112706854f));
    q = v_fma(q, t, v_set(-0.0169850383f));
    q = v_fma(q, t, v_set(-0.0459733121f));
    q = v_fma(q, t, v_set(0.969044268f));
    q = v_fma(q, q, v_set(0.00230659731f));
    q = v_fma(q, q, v_set(-0.0452026092f));
    q = v_fma(q, q, v_set(-7.69713588e-05f));
    const vf factor = v_fnma(q, q, v_set(0.500000119f));
    return v_fma(magnitude, factor, v_mul(x, v_set(0.5f)));
}

static inline vf v_gelu_tanh(vf x)
{
    const vf magnitude = v_abs(x);
    const vf t = v_min(magnitude, v_set(5.30000019f));
    vf q = v_set(4.1667332e-05f);
    q = v_fma(q, t, v_set(-0.000511384802f));
    q = v_fma(q, t, v_set(0.0025821547f));
    q = v_fma(q, t, v_set(-0.00165367383f));
    q = v_fma(q, t, v_set(-0.0316518694f));
    q = v_fma(q, t, v_set(-0.0921048671f));
    q = v_fma(q, t, v_set(0.911539555f));
    q = v_fma(q, q, v_set(0.0101873493f));
    q = v_fma(q, q, v_set(-0.000301313295f));
    const vf factor = v_fnma(q, q, v_set(0.50000006f));
    return v_fma(magnitude, factor, v_mul(x, v_set(0.5f)));
}

static inline vf v_gelu(vf x, int tanh_form)
{
    return tanh_form ? v_gelu_tanh(x) : v_gelu_erf(x);
}

#endif
