/* layer_norm: mean, then the mean square of what is left: the one-pass form loses all digits
 * where the mean is large. Sums run in 16 lanes, channel c in lane c % 16, joined as a tree
 * (v_sum16), on every instruction set: a row's bits depend on the row alone. */

static void ISA(layer_norm)(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                            size_t C, const float *gain, const float *bias)
{
    enum { LANES = 16, VECS = LANES / VF };
    const size_t whole = C - C % LANES;
    for (size_t m = 0; m < M; m++, src += lds, dst += ldd) {
        vf acc[VECS];
        UNROLL for (size_t v = 0; v < VECS; v++) acc[v] = v_set(0.0f);
        for (size_t c = 0; c < whole; c += LANES)
            UNROLL for (size_t v = 0; v < VECS; v++) acc[v] =
                v_add(acc[v], v_load(src + c + v * VF));
        for (size_t c = whole, v = 0; c < C; c += VF, v++)
            acc[v] = v_add(acc[v], v_load_some(src + c, C - c));
        const vf mean = v_set(v_sum16(acc) / (float)C);

        UNROLL for (size_t v = 0; v < VECS; v++) acc[v] = v_set(0.0f);
        for (size_t c = 0; c < whole; c += LANES)
            UNROLL for (size_t v = 0; v < VECS; v++)
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
