/* radial_basis: 16 Gaussians of each distance, as powers of two:
 *
 *     exp(-((d - mu) / 1.25)^2) = 2^y,  y = -(d - mu)^2 log2(e) / 1.25^2
 *
 * y = n + f, n whole, |f| <= 1/2: adding 1.5 x 2^23 leaves n in the low bits; subtracting it again
 * and y - n are exact, so no further reduction is needed. 2^f is a polynomial (largest relative error
 * 2e-9) whose constant term is exactly 1; n goes into the exponent. Where y < -126 the result is 0. */

static inline vf exp2_u2(vf y)
{
    const vf shift = v_set(12582912.0f);
    const vf s = v_add(y, shift);
    const vf f = v_sub(y, v_sub(s, shift));
    vf p = v_set(0.00015353362f);
    p = v_fma(p, f, v_set(0.0013398875f));
    p = v_fma(p, f, v_set(0.00961843692f));
    p = v_fma(p, f, v_set(0.0555033237f));
    p = v_fma(p, f, v_set(0.240226477f));
    p = v_fma(p, f, v_set(0.693147182f));
    p = v_fma(p, f, v_set(1.0f));
    return v_zero_below(v_scale2(p, s), y, -126.0f);
}

static void ISA(radial_basis)(float *dst, size_t ldd, const float *distance, size_t n,
                              float first)
{
    enum { CENTRES = 16, VECS = CENTRES / VF };
    const float step = 20.0f / 15.0f;
    float centre[CENTRES];
    for (size_t r = 0; r < CENTRES; r++)
        centre[r] = r < 8 ? first + step * (float)r : first + 20.0f - step * (float)(15 - r);
    vf mu[VECS];
    UNROLL for (size_t v = 0; v < VECS; v++) mu[v] = v_load(centre + v * VF);
    const vf sharpness = v_set(-0.923324826f); /* -log2(e) / 1.25^2 */
    for (size_t i = 0; i < n; i++, dst += ldd) {
        const vf d = v_set(distance[i]);
        UNROLL for (size_t v = 0; v < VECS; v++)
        {
            const vf x = v_sub(d, mu[v]);
            v_store(dst + v * VF, exp2_u2(v_mul(v_mul(x, x), sharpness)));
        }
    }
}
