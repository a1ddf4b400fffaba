/* gelu, gather_gelu and sum_rows: channel by channel. */

static void ISA(gelu)(float *dst, const float *src, size_t n, int tanh_form)
{
    size_t i = 0;
    if (tanh_form)
        for (; i + VF <= n; i += VF)
            v_store(dst + i, v_gelu_tanh(v_load(src + i)));
    else
        for (; i + VF <= n; i += VF)
            v_store(dst + i, v_gelu_erf(v_load(src + i)));
    if (i < n)
        v_store_first(dst + i, v_gelu(v_load_first(src + i, n - i), tanh_form), n - i);
}

static void ISA(gather_gelu)(float *dst, size_t ldd, const float *own,
                             const float *const *a, const float *const *b,
                             const float *const *d, size_t M, size_t C)
{
    const size_t whole = C - C % VF;
    for (size_t m = 0; m < M; m++, dst += ldd) {
        const float *terms[3];
        size_t count = 0;
        if (a)
            terms[count++] = a[m];
        if (b && b[m])
            terms[count++] = b[m];
        if (d && d[m])
            terms[count++] = d[m];
        for (size_t c = 0; c < whole; c += VF) {
            vf x = v_load(own + c);
            for (size_t t = 0; t < count; t++)
                x = v_add(x, v_load(terms[t] + c));
            v_store(dst + c, v_gelu_erf(x));
        }
        if (whole < C) {
            vf x = v_load_first(own + whole, C - whole);
            for (size_t t = 0; t < count; t++)
                x = v_add(x, v_load_first(terms[t] + whole, C - whole));
            v_store_first(dst + whole, v_gelu_erf(x), C - whole);
        }
    }
}

static void ISA(sum_rows)(float *dst, const float *const *rows, size_t M, size_t C)
{
    size_t c = 0;
    for (; c + VF <= C; c += VF) {
        vf sum = v_set(0.0f);
        for (size_t m = 0; m < M; m++)
            sum = v_add(sum, v_load(rows[m] + c));
        v_store(dst + c, sum);
    }
    if (c < C) {
        vf sum = v_set(0.0f);
        for (size_t m = 0; m < M; m++)
            sum = v_add(sum, v_load_first(rows[m] + c, C - c));
        v_store_first(dst + c, sum, C - c);
    }
}
