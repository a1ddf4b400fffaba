/* gelu, gather_gelu and sum_rows: channel by channel. */

static void ISA(gelu)(float *dst, const float *src, size_t n, int tanh_form)
{
    if (tanh_form)
        gelu_form(dst, src, n, 1);
    else
        gelu_form(dst, src, n, 0);
}

/* One row: GELU of `own` and of `count` terms added in turn. */
static inline __attribute__((always_inline)) void gather_row(float *dst, const float *own,
                                                             const float *const *terms,
                                                             const size_t count, size_t C)
{
    size_t c = 0;
    for (; c + V_GROUP * VF <= C; c += V_GROUP * VF) {
        vf x[V_GROUP];
        EACH (v, V_GROUP)
            x[v] = v_load(own + c + v * VF);
        for (size_t t = 0; t < count; t++)
            EACH (v, V_GROUP)
                x[v] = v_add(x[v], v_load(terms[t] + c + v * VF));
        v_gelu_each(x, V_GROUP, 0);
        EACH (v, V_GROUP)
            v_store(dst + c + v * VF, x[v]);
    }
    for (; c < C; c += VF) {
        vf x = v_load_some(own + c, C - c);
        for (size_t t = 0; t < count; t++)
            x = v_add(x, v_load_some(terms[t] + c, C - c));
        v_store_some(dst + c, v_gelu(x, 0), C - c);
    }
}

static void ISA(gather_gelu)(float *dst, size_t ldd, const float *own,
                             const float *const *a, const float *const *b,
                             const float *const *d, size_t M, size_t C)
{
    for (size_t m = 0; m < M; m++, dst += ldd) {
        const float *terms[3];
        size_t count = 0;
        if (a)
            terms[count++] = a[m];
        if (b && b[m])
            terms[count++] = b[m];
        if (d && d[m])
            terms[count++] = d[m];
        switch (count) { /* a loop of its own for each */
        case 1:
            gather_row(dst, own, terms, 1, C);
            break;
        case 2:
            gather_row(dst, own, terms, 2, C);
            break;
        case 3:
            gather_row(dst, own, terms, 3, C);
            break;
        default:
            gather_row(dst, own, terms, 0, C);
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
