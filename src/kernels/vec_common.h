/* What every vec_*.h shares, in terms of its own operations. */
#ifndef FMPNN_VEC_COMMON_H
#define FMPNN_VEC_COMMON_H

/* Loops over vectors of a register tile must vanish, or the tile would live in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_4 _Pragma("GCC unroll 4")
#endif

/* The v-th of V vectors handled side by side, V a constant. */
#define EACH(v, V) UNROLL for (size_t v = 0; v < (V); v++)
enum { MAX_GROUP = 4 }; /* V_GROUP is at most that */

/* VF lanes, or the first `count` where there are fewer. */
static inline vf v_load_some(const float *p, size_t count)
{
    return count < VF ? v_load_first(p, count) : v_load(p);
}

static inline void v_store_some(float *p, vf a, size_t count)
{
    if (count < VF)
        v_store_first(p, a, count);
    else
        v_store(p, a);
}

#ifndef V_POINTS
static inline void v_points(vf p[3], const float *points, const int32_t *at, size_t count)
{
    float lane[3][VF];
    for (size_t i = 0; i < VF; i++)
        for (size_t q = 0; q < 3; q++)
            lane[q][i] = points[(size_t)at[i < count ? i : 0] * 4 + q];
    EACH (q, 3)
        p[q] = v_load(lane[q]);
}
#endif

/* A row of C floats on its way into the second-level cache. */
static inline void fetch_row(const float *row, size_t C)
{
    for (size_t c = 0; c < C; c += 16)
        __builtin_prefetch(row + c, 0, 2);
}

#endif
