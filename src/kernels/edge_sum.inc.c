/* edge_sum: the fused edge phase. Two vectors of channels and everything that belongs to them
 * stay in registers while the edges pass; nothing per edge is stored. */

static inline __attribute__((always_inline)) vf
edge_term(vf own, vf row, const float *geometry, const vf we[4], int tanh_form)
{
    vf x = v_add(own, row);
    UNROLL for (size_t q = 0; q < 4; q++) x = v_fma(v_set(geometry[q]), we[q], x);
    return v_gelu(x, tanh_form);
}

static inline __attribute__((always_inline)) void
edge_sum_form(float *dst, const float *own, const float *const *rows, const float *geometry,
              const float *we, size_t M, size_t C, const int tanh_form)
{
    enum { VECS = 2 };
    size_t c = 0;
    for (; c + VECS * VF <= C; c += VECS * VF) {
        vf sum[VECS], base[VECS], weight[VECS][4];
        UNROLL for (size_t v = 0; v < VECS; v++)
        {
            sum[v] = v_set(0.0f);
            base[v] = v_load(own + c + v * VF);
            UNROLL for (size_t q = 0; q < 4; q++) weight[v][q] =
                v_load(we + q * C + c + v * VF);
        }
        for (size_t m = 0; m < M; m++)
            UNROLL for (size_t v = 0; v < VECS; v++) sum[v] =
                v_add(sum[v], edge_term(base[v], v_load(rows[m] + c + v * VF),
                                        geometry + 4 * m, weight[v], tanh_form));
        UNROLL for (size_t v = 0; v < VECS; v++) v_store(dst + c + v * VF, sum[v]);
    }
    while (c < C) {
        const size_t count = C - c < VF ? C - c : VF;
        vf sum = v_set(0.0f), base = v_load_some(own + c, count), weight[4];
        UNROLL for (size_t q = 0; q < 4; q++) weight[q] =
            v_load_some(we + q * C + c, count);
        for (size_t m = 0; m < M; m++)
            sum = v_add(sum, edge_term(base, v_load_some(rows[m] + c, count),
                                       geometry + 4 * m, weight, tanh_form));
        v_store_some(dst + c, sum, count);
        c += count;
    }
}

static void ISA(edge_sum)(float *dst, const float *own, const float *const *rows,
                          const float *geometry, const float *we, size_t M, size_t C,
                          int tanh_form)
{
    if (tanh_form)
        edge_sum_form(dst, own, rows, geometry, we, M, C, 1);
    else
        edge_sum_form(dst, own, rows, geometry, we, M, C, 0);
}
