/* layer_norm: mean, then the mean square of what is left: the one-pass form loses all digits
 * where the mean is large. Sums run in 16 lanes, channel c in lane c % 16, joined as a tree
 * (v_sum16), on every instruction set: a row's bits depend on the row alone. */

enum {
    NORM_LANES = 16,
    NORM_VECS = NORM_LANES / VF,
    NORM_HELD = 8 * NORM_VECS, /* vectors of a row of the network's width, 128 */
    NORM_ROWS = 2,
    NORM_HALF = NORM_HELD / 2, /* of half that width */
    NORM_HALF_ROWS = 2 * NORM_ROWS
};

/* R rows of H vectors: they stay in registers, and the rows' chains of sums run side by side.
 * The same operations in the same order as below. */

static inline __attribute__((always_inline)) void
norm_held(float *dst, size_t ldd, const float *src, size_t lds, const size_t R, const size_t H,
          size_t C, const float *gain, const float *bias)
{
    vf x[NORM_HALF_ROWS][NORM_HELD], sum[NORM_HALF_ROWS][NORM_VECS], mean[NORM_HALF_ROWS],
        scale[NORM_HALF_ROWS];
    EACH (r, R)
        EACH (v, NORM_VECS)
            sum[r][v] = v_set(0.0f);
    EACH (v, H)
        EACH (r, R) {
            x[r][v] = v_load(src + r * lds + v * VF);
            sum[r][v % NORM_VECS] = v_add(sum[r][v % NORM_VECS], x[r][v]);
        }
    EACH (r, R) {
        mean[r] = v_set(v_sum16(sum[r]) / (float)C);
        EACH (v, NORM_VECS)
            sum[r][v] = v_set(0.0f);
    }
    EACH (v, H)
        EACH (r, R) {
            x[r][v] = v_sub(x[r][v], mean[r]);
            sum[r][v % NORM_VECS] = v_fma(x[r][v], x[r][v], sum[r][v % NORM_VECS]);
        }
    EACH (r, R)
        scale[r] = v_set(1.0f / sqrtf(v_sum16(sum[r]) / (float)C + 1e-5f));
    EACH (v, H)
        EACH (r, R)
            v_store(dst + r * ldd + v * VF,
                    v_fma(v_mul(x[r][v], scale[r]), v_load(gain + v * VF),
                          v_load(bias + v * VF)));
}

static void ISA(layer_norm)(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                            size_t C, const float *gain, const float *bias)
{
    const size_t whole = C - C % NORM_LANES;
    size_t m = 0;
    if (NORM_VECS == 1 && C == NORM_HELD * VF) { /* else there are not enough registers */
        for (; m + NORM_ROWS <= M; m += NORM_ROWS)
            norm_held(dst + m * ldd, ldd, src + m * lds, lds, NORM_ROWS, NORM_HELD, C, gain,
                      bias);
        if (m < M)
            norm_held(dst + m * ldd, ldd, src + m * lds, lds, 1, NORM_HELD, C, gain, bias);
        return;
    }
    if (NORM_VECS == 1 && C == NORM_HALF * VF) {
        for (; m + NORM_HALF_ROWS <= M; m += NORM_HALF_ROWS)
            norm_held(dst + m * ldd, ldd, src + m * lds, lds, NORM_HALF_ROWS, NORM_HALF, C,
                      gain, bias);
        for (; m < M; m++)
            norm_held(dst + m * ldd, ldd, src + m * lds, lds, 1, NORM_HALF, C, gain, bias);
        return;
    }
    for (; m < M; m++, src += lds, dst += ldd) {
        vf acc[NORM_VECS];
        UNROLL for (size_t v = 0; v < NORM_VECS; v++) acc[v] = v_set(0.0f);
        for (size_t c = 0; c < whole; c += NORM_LANES)
            UNROLL for (size_t v = 0; v < NORM_VECS; v++) acc[v] =
                v_add(acc[v], v_load(src + c + v * VF));
        for (size_t c = whole, v = 0; c < C; c += VF, v++)
            acc[v] = v_add(acc[v], v_load_some(src + c, C - c));
        const vf mean = v_set(v_sum16(acc) / (float)C);

        UNROLL for (size_t v = 0; v < NORM_VECS; v++) acc[v] = v_set(0.0f);
        for (size_t c = 0; c < whole; c += NORM_LANES)
            UNROLL for (size_t v = 0; v < NORM_VECS; v++)
            {
                const vf x = v_sub(v_load(src + c + v * VF), mean);
                acc[v] = v_fma(x, x, acc[v]);
            }
        for (size_t c = whole, v = 0; c < C; c += VF, v++) {
            const vf x = v_first(v_sub(v_load_some(src + c, C - c), mean), C - c);
            acc[v] = v_fma(x, x, acc[v]);
        }
        /* of one number: roots and quotients of whole vectors take as long as the rest */
        const vf scale = v_set(1.0f / sqrtf(v_sum16(acc) / (float)C + 1e-5f));

        for (size_t c = 0; c < C; c += VF) {
            const size_t count = C - c;
            const vf x = v_mul(v_sub(v_load_some(src + c, count), mean), scale);
            v_store_some(
                dst + c,
                v_fma(x, v_load_some(gain + c, count), v_load_some(bias + c, count)),
                count);
        }
    }
}
