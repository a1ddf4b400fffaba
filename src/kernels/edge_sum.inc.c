/* edge_sum: the fused edge phase. The sums of a group of channels stay in registers while all edges
 * pass; nothing per edge is stored. GELU is x/2 + |x| R, whose halves are summed apart: one
 * operation an edge less, x being halved once. `own` and the four rows of `we` are read again for each edge:
 * they are in the first-level cache, whose ports are idle, and the registers are worth more to
 * GELU's constants. */

#ifndef EDGE_GROUP
#define EDGE_GROUP MAX_GROUP
#endif
/* Channels c .. c + V VF - 1, or `count` of the first VF if V is 1. */
static inline __attribute__((always_inline)) void
edge_sum_group(float *dst, const float *own, const float *table, size_t ldt,
               const int32_t *at, const float *geometry, size_t stride, const float *we,
               size_t M, size_t C, size_t c, size_t count, const size_t V,
               const int tanh_form)
{
    vf sum[MAX_GROUP], rest[MAX_GROUP];
    EACH (v, V)
        sum[v] = rest[v] = v_set(0.0f);
    for (size_t m = 0; m < M; m++) {
        const float *row = table + (size_t)at[m] * ldt + c;
        vf x[MAX_GROUP], factor[MAX_GROUP];
        EACH (v, V)
            x[v] = v_add(v_load_some(own + c + v * VF, count),
                         v_load_some(row + v * VF, count));
        UNROLL for (size_t q = 0; q < 4; q++)
        {
            const vf g = v_set(geometry[q * stride + m]);
            EACH (v, V)
                x[v] = v_fma(g, v_load_some(we + q * C + c + v * VF, count), x[v]);
        }
        EACH (v, V)
            sum[v] = v_add(sum[v], x[v]);
        EACH (v, V)
            x[v] = v_abs(x[v]);
        v_gelu_factor(factor, x, V, tanh_form);
        EACH (v, V)
            rest[v] = v_fma(x[v], factor[v], rest[v]);
    }
    EACH (v, V)
        v_store_some(dst + c + v * VF, v_fma(sum[v], v_set(0.5f), rest[v]), count);
}

static inline __attribute__((always_inline)) void
edge_sum_form(float *dst, const float *own, const float *table, size_t ldt,
              const int32_t *at, const float *geometry, size_t stride, const float *we,
              size_t M, size_t C, const int tanh_form)
{
    size_t c = 0;
    for (; c + EDGE_GROUP * VF <= C; c += EDGE_GROUP * VF)
        edge_sum_group(dst, own, table, ldt, at, geometry, stride, we, M, C, c, VF,
                       EDGE_GROUP, tanh_form);
    for (; c + VF <= C; c += VF)
        edge_sum_group(dst, own, table, ldt, at, geometry, stride, we, M, C, c, VF, 1,
                       tanh_form);
    if (c < C)
        edge_sum_group(dst, own, table, ldt, at, geometry, stride, we, M, C, c, C - c, 1,
                       tanh_form);
}

static void ISA(edge_sum)(float *dst, const float *own, const float *table, size_t ldt,
                          const int32_t *at, const float *geometry, size_t stride,
                          const float *we, size_t M, size_t C, int tanh_form)
{
    if (tanh_form)
        edge_sum_form(dst, own, table, ldt, at, geometry, stride, we, M, C, 1);
    else
        edge_sum_form(dst, own, table, ldt, at, geometry, stride, we, M, C, 0);
}
