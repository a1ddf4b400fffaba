/* GELU on a vector.
 *
 *     gelu(x) = relu(x) - t Q(t),  t = min(|x|, T),  Q(t) ~ Phi(-t)
 *
 * Q is a polynomial squared several times over, a constant added after each squaring:
 * multiply-adds alone, no exponential, division, table or branch. The constants come from
 * scripts/derive_gelu.py, which explains them; the error is in docs/kernels.md. The same
 * operations in the same order everywhere, so sets with fused multiply-add agree to the bit.
 *
 * NaN gives NaN, +inf gives +inf, -inf gives NaN (0.5 inf - 0.5 inf), as x/2 (1 + erf) does.
 *
 * Included after a vec_*.h. */
#ifndef FMPNN_GELU_H
#define FMPNN_GELU_H

/* x - T Q(T) == x in float32 from well below the largest float on, so no input overflows:
 * 0.5|x| + 0.5x is at most |x|. */
static inline vf v_relu(vf x, vf magnitude)
{
    const vf half = v_set(0.5f);
    return v_fma(magnitude, half, v_mul(x, half));
}

static inline vf v_gelu_erf(vf x)
{
    const vf magnitude = v_abs(x);
    const vf t = v_min(magnitude, v_set(5.9000001f));
    vf q = v_set(-2.57835018e-05f);
    q = v_fma(q, t, v_set(0.000671937771f));
    q = v_fma(q, t, v_set(-0.00115521124f));
    q = v_fma(q, t, v_set(-0.0171233956f));
    q = v_fma(q, t, v_set(-0.0463051945f));
    q = v_fma(q, t, v_set(0.963350356f));
    q = v_fma(q, q, v_set(0.0121797873f));
    q = v_fma(q, q, v_set(-0.0431255437f));
    q = v_fma(q, q, v_set(6.34091612e-06f));
    q = v_fma(q, q, v_set(-1.11911781e-07f));
    return v_fnma(t, q, v_relu(x, magnitude));
}

static inline vf v_gelu_tanh(vf x)
{
    const vf magnitude = v_abs(x);
    const vf t = v_min(magnitude, v_set(4.69999981f));
    vf q = v_set(3.69922855e-05f);
    q = v_fma(q, t, v_set(-0.000496842491f));
    q = v_fma(q, t, v_set(0.00252877804f));
    q = v_fma(q, t, v_set(-0.00174889038f));
    q = v_fma(q, t, v_set(-0.0324127637f));
    q = v_fma(q, t, v_set(-0.093731828f));
    q = v_fma(q, t, v_set(0.895205677f));
    q = v_fma(q, q, v_set(0.0400952958f));
    q = v_fma(q, q, v_set(-0.000970854249f));
    q = v_fma(q, q, v_set(-5.48043204e-07f));
    return v_fnma(t, q, v_relu(x, magnitude));
}

static inline vf v_gelu(vf x, int tanh_form)
{
    return tanh_form ? v_gelu_tanh(x) : v_gelu_erf(x);
}

#endif
