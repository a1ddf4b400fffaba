/* edge_sum for the reduced precisions: GELU is that of gelu_pieces.h, and its values are summed as they
 * are. Thirteen operations for 16 values instead of eighteen. */
static inline __attribute__((always_inline)) void
edge_pieces_group(float *dst, const float *own, const float *table, size_t ldt,
                  const int32_t *at, const float *geometry, size_t stride, const float *we,
                  size_t M, size_t C, size_t c, size_t count, const size_t V,
                  const gelu_pieces *g)
{
    vf sum[MOST_PIECES];
    EACH (v, V)
        sum[v] = v_set(0.0f);
    for (size_t m = 0; m < M; m++) {
        const float *row = table + (size_t)at[m] * ldt + c;
        vf x[MOST_PIECES];
        EACH (v, V)
            x[v] = v_add(v_load_some(own + c + v * VF, count),
                         v_load_some(row + v * VF, count));
        UNROLL for (size_t q = 0; q < 4; q++)
        {
            const vf factor = v_set(geometry[q * stride + m]);
            EACH (v, V)
                x[v] = v_fma(factor, v_load_some(we + q * C + c + v * VF, count), x[v]);
        }
        v_gelu_pieces(x, V, g);
        EACH (v, V)
            sum[v] = v_add(sum[v], x[v]);
    }
    EACH (v, V)
        v_store_some(dst + c + v * VF, sum[v], count);
}

static void edge_sum_pieces(float *dst, const float *own, const float *table, size_t ldt,
                            const int32_t *at, const float *geometry, size_t stride,
                            const float *we, size_t M, size_t C, int tanh_form)
{
    const gelu_pieces *g = &gelu_pieces_of[tanh_form != 0];
    size_t c = 0;
    for (; c + MOST_PIECES * VF <= C; c += MOST_PIECES * VF)
        edge_pieces_group(dst, own, table, ldt, at, geometry, stride, we, M, C, c, VF,
                          MOST_PIECES, g);
    for (; c + VF <= C; c += VF)
        edge_pieces_group(dst, own, table, ldt, at, geometry, stride, we, M, C, c, VF, 1,
                          g);
    if (c < C)
        edge_pieces_group(dst, own, table, ldt, at, geometry, stride, we, M, C, c, C - c, 1,
                          g);
}
