/* Products on the bfloat16 matrix unit (AMX): gemm and gemm_sum for the precisions bf16x3 and
 * bf16; everything else, and fp32, is avx512's. Built with -mamx-tile -mamx-bf16 -mavx512bf16 and
 * avx512's flags, and only this file.
 *
 * bf16x3: both operands are split, x = high + low, and high·high + high·low + low·high is
 * accumulated in float32; what is dropped is low·low and the rest of the split, some 2^-16 of a
 * product. bf16 takes high·high alone.
 *
 * A block of up to 32 rows is converted once to tiles (conversion costs a fifth of the products
 * at N = 128). More than 16 rows run against two panels at a time, fewer against four: either
 * way four accumulators, as many independent chains as hide the latency of a product. Order of
 * summation: k in steps of 32, within a step high·high, low·high, high·low; bias and rows are
 * added to the finished sum. Rows of a tile do not see each other, so bits do not depend on M.
 *
 * The tile configuration is loaded at every entry: other libraries in the process release it. */
#if !(defined(__AMX_TILE__) || defined(__AMXTILE__)) ||                                       \
    !(defined(__AMX_BF16__) || defined(__AMXBF16__)) || !defined(__AVX512BF16__)
#error "kernels_amx.c must be built with -mamx-tile -mamx-bf16 -mavx512bf16"
#endif
#include "kernels/amx_layout.h"
#include "kernels/isa.h"
#include "kernels/vec_avx512.h"
#include "kernels/vec_common.h"
#include "kernels/gelu.h"

enum {
    BLOCK = 2 * AMX_ROWS, /* rows converted together */
    MOST_STEPS = 32,      /* K of one round: 1024; longer sums take several rounds */
    TALL = 2 * AMX_ROWS,  /* columns at a time of a block with more than 16 rows */
    FLAT = 4 * AMX_ROWS,  /* and of one with fewer */
    GROUP = 4             /* rows whose GELUs run side by side */
};

/* Rows of the first operand as tiles: [part][half][step][16][32]. */
typedef struct rows_bf16 {
    uint16_t tile[AMX_PARTS][2][MOST_STEPS][AMX_TILE] __attribute__((aligned(64)));
} rows_bf16;

/* What is fixed during a call. */
typedef struct product {
    const float *src;
    size_t lds, M, K, N;
    const uint16_t *w; /* [panel][step][part][tile] */
    int parts;         /* 2: bf16x3, 1: bf16 */
} product;

static void configure(void)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config __attribute__((aligned(64))) = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        config.bytes[tile] = 64;
        config.rows[tile] = AMX_ROWS;
    }
    _tile_loadconfig(&config);
}

static inline __m512i pair(__m512 first, __m512 second)
{
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/* What is left of 32 values after their high parts. */
static inline __m512i rest(__m512 first, __m512 second, __m512i high)
{
    const __m512i low_half = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(high));
    const __m512i high_half = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(high, 1));
    const __m512 a = _mm512_castsi512_ps(_mm512_slli_epi32(low_half, 16));
    const __m512 b = _mm512_castsi512_ps(_mm512_slli_epi32(high_half, 16));
    return pair(_mm512_sub_ps(first, a), _mm512_sub_ps(second, b));
}

/* Rows m .. m+height-1, k's of `steps` steps from k0. Rows of a tile beyond stay as they are:
 * what comes of them is not looked at. */
static void convert(rows_bf16 *to, const product *p, size_t m, size_t height, size_t k0,
                    size_t steps)
{
    for (size_t r = 0; r < height; r++) {
        const float *src = p->src + (m + r) * p->lds + k0;
        for (size_t s = 0; s < steps; s++) {
            const size_t k = s * AMX_DEPTH, at = r % AMX_ROWS * AMX_DEPTH;
            const size_t left = p->K - k0 - k;
            const __m512 a = v_load_first(src + k, left);
            const __m512 b = left > VF ? v_load_first(src + k + VF, left - VF) : v_set(0);
            const __m512i high = pair(a, b);
            _mm512_store_si512(&to->tile[0][r / AMX_ROWS][s][at], high);
            if (p->parts == 2)
                _mm512_store_si512(&to->tile[1][r / AMX_ROWS][s][at], rest(a, b, high));
        }
    }
}

enum { LINE = 64, PANEL_STEP = AMX_PARTS * AMX_TILE };

/* out[32][32] (+)= 32 rows times two panels. */
static __attribute__((noinline)) void multiply_tall(float *out, const rows_bf16 *rows,
                                                    const uint16_t *const panel[4],
                                                    size_t steps, int parts, bool again)
{
    enum { STRIDE = TALL * sizeof(float), BELOW = AMX_ROWS * TALL };
    if (again) {
        _tile_loadd(0, out, STRIDE);
        _tile_loadd(1, out + AMX_ROWS, STRIDE);
        _tile_loadd(2, out + BELOW, STRIDE);
        _tile_loadd(3, out + BELOW + AMX_ROWS, STRIDE);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t s = 0; s < steps; s++) {
        const uint16_t *a = panel[0] + s * PANEL_STEP, *b = panel[1] + s * PANEL_STEP;
        _tile_loadd(4, rows->tile[0][0][s], LINE);
        _tile_loadd(6, a, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b, LINE);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, rows->tile[0][1][s], LINE);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        if (parts == 1)
            continue;
        _tile_loadd(4, rows->tile[1][0][s], LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, rows->tile[1][1][s], LINE);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(4, rows->tile[0][0][s], LINE);
        _tile_loadd(6, a + AMX_TILE, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + AMX_TILE, LINE);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, rows->tile[0][1][s], LINE);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, out, STRIDE);
    _tile_stored(1, out + AMX_ROWS, STRIDE);
    _tile_stored(2, out + BELOW, STRIDE);
    _tile_stored(3, out + BELOW + AMX_ROWS, STRIDE);
}

/* One panel's products in a step of multiply_flat; 4: high rows, 5: low rows. */
#define FLAT_PANEL(n)                                                                          \
    _tile_loadd(6, panel[n] + s * PANEL_STEP, LINE);                                           \
    _tile_dpbf16ps(n, 4, 6);                                                                   \
    if (parts == 2) {                                                                          \
        _tile_dpbf16ps(n, 5, 6);                                                               \
        _tile_loadd(7, panel[n] + s * PANEL_STEP + AMX_TILE, LINE);                            \
        _tile_dpbf16ps(n, 4, 7);                                                               \
    }

/* out[16][64] (+)= 16 rows times four panels. */
static __attribute__((noinline)) void multiply_flat(float *out, const rows_bf16 *rows,
                                                    const uint16_t *const panel[4],
                                                    size_t steps, int parts, bool again)
{
    enum { STRIDE = FLAT * sizeof(float) };
    if (again) {
        _tile_loadd(0, out, STRIDE);
        _tile_loadd(1, out + AMX_ROWS, STRIDE);
        _tile_loadd(2, out + 2 * AMX_ROWS, STRIDE);
        _tile_loadd(3, out + 3 * AMX_ROWS, STRIDE);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t s = 0; s < steps; s++) {
        _tile_loadd(4, rows->tile[0][0][s], LINE);
        if (parts == 2)
            _tile_loadd(5, rows->tile[1][0][s], LINE);
        FLAT_PANEL(0)
        FLAT_PANEL(1)
        FLAT_PANEL(2)
        FLAT_PANEL(3)
    }
    _tile_stored(0, out, STRIDE);
    _tile_stored(1, out + AMX_ROWS, STRIDE);
    _tile_stored(2, out + 2 * AMX_ROWS, STRIDE);
    _tile_stored(3, out + 3 * AMX_ROWS, STRIDE);
}

/* Columns from n of one block, `width` of them, from rows already converted where K fits one
 * round. Panels beyond the last are the last again. */
static void columns(float *out, rows_bf16 *rows, const product *p, size_t m, size_t height,
                    size_t n, size_t width)
{
    const size_t steps = amx_steps(p->K), last = (p->N - 1) / AMX_ROWS;
    for (size_t s = 0; s < steps || s == 0; s += MOST_STEPS) {
        const size_t count = steps - s < MOST_STEPS ? steps - s : MOST_STEPS;
        const uint16_t *panel[4];
        for (size_t v = 0; v < 4; v++) {
            const size_t at = n / AMX_ROWS + v < last ? n / AMX_ROWS + v : last;
            panel[v] = p->w + (at * steps + s) * PANEL_STEP;
        }
        if (steps > MOST_STEPS)
            convert(rows, p, m, height, s * AMX_DEPTH, count);
        if (width == TALL)
            multiply_tall(out, rows, panel, count, p->parts, s > 0);
        else
            multiply_flat(out, rows, panel, count, p->parts, s > 0);
    }
}

static const uint16_t *copy_of(const float *panels, size_t N, size_t K)
{
    return (const uint16_t *)(panels + amx_panels_floats(N) * K);
}

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* `count` finished sums (out, `stride` apart), with what they start from, into x. */
static inline __attribute__((always_inline)) void
finish(vf *x, const size_t count, const float *out, size_t stride, vf start,
       const float *const *added, size_t c, size_t left, int gelu)
{
    EACH(v, count)
    {
        const float *row = added ? added[v] : NULL;
        x[v] = row ? v_add(start, v_load_first(row + c, left)) : start;
        x[v] = v_add(x[v], v_load(out + v * stride));
    }
    if (gelu)
        v_gelu_erf(x, count);
}

/* One column vector of one block for gemm: GROUP rows side by side, then the rest. */
static inline __attribute__((always_inline)) void
store_column(float *dst, size_t ldd, const float *out, size_t stride, size_t height, vf start,
             const float *const *added, size_t c, size_t left, int gelu)
{
    vf x[GROUP];
    size_t r = 0;
    for (; r + GROUP <= height; r += GROUP) {
        finish(x, GROUP, out + r * stride, stride, start, added ? added + r : NULL, c, left,
               gelu);
        EACH(v, GROUP) v_store_some(dst + (r + v) * ldd + c, x[v], left);
    }
    for (; r < height; r++) {
        finish(x, 1, out + r * stride, stride, start, added ? added + r : NULL, c, left, gelu);
        v_store_some(dst + r * ldd + c, x[0], left);
    }
}

static inline __attribute__((always_inline)) vf sum_column(vf sum, const float *out,
                                                           size_t stride, size_t height,
                                                           vf start, const float *weight)
{
    vf x[GROUP];
    size_t r = 0;
    for (; r + GROUP <= height; r += GROUP) {
        finish(x, GROUP, out + r * stride, stride, start, NULL, 0, VF, 1);
        EACH(v, GROUP) sum = v_fma(v_set(weight ? weight[r + v] : 1), x[v], sum);
    }
    for (; r < height; r++) {
        finish(x, 1, out + r * stride, stride, start, NULL, 0, VF, 1);
        sum = v_fma(v_set(weight ? weight[r] : 1), x[0], sum);
    }
    return sum;
}

static void gemm(float *dst, size_t ldd, const product *p, const float *bias,
                 const float *const *added, int gelu)
{
    rows_bf16 rows;
    float out[BLOCK * TALL] __attribute__((aligned(64)));
    configure();
    for (size_t m = 0; m < p->M; m += BLOCK) {
        const size_t height = least(p->M - m, BLOCK);
        const size_t width = height > AMX_ROWS ? TALL : FLAT;
        const float *const *rows_added = added ? added + m : NULL;
        if (amx_steps(p->K) <= MOST_STEPS)
            convert(&rows, p, m, height, 0, amx_steps(p->K));
        for (size_t n = 0; n < p->N; n += width) {
            columns(out, &rows, p, m, height, n, width);
            for (size_t c = n; c < least(p->N, n + width); c += VF) {
                const size_t left = p->N - c;
                const vf start = bias ? v_load_first(bias + c, left) : v_set(0);
                if (gelu)
                    store_column(dst + m * ldd, ldd, out + (c - n), width, height, start,
                                 rows_added, c, left, 1);
                else
                    store_column(dst + m * ldd, ldd, out + (c - n), width, height, start,
                                 rows_added, c, left, 0);
            }
        }
    }
}

static void gemm_sum(float *dst, const product *p, const float *bias, const float *weight)
{
    rows_bf16 rows;
    float out[BLOCK * TALL] __attribute__((aligned(64)));
    configure();
    for (size_t n = 0; n < p->N; n++)
        dst[n] = 0;
    for (size_t m = 0; m < p->M; m += BLOCK) {
        const size_t height = least(p->M - m, BLOCK);
        const size_t width = height > AMX_ROWS ? TALL : FLAT;
        if (amx_steps(p->K) <= MOST_STEPS)
            convert(&rows, p, m, height, 0, amx_steps(p->K));
        for (size_t n = 0; n < p->N; n += width) {
            columns(out, &rows, p, m, height, n, width);
            for (size_t c = n; c < least(p->N, n + width); c += VF) {
                const size_t left = p->N - c;
                const vf start = bias ? v_load_first(bias + c, left) : v_set(0);
                const vf sum = sum_column(v_load_first(dst + c, left), out + (c - n), width,
                                          height, start, weight ? weight + m : NULL);
                v_store_some(dst + c, sum, left);
            }
        }
    }
}

#define PRECISION(name, n_parts)                                                               \
    static void gemm_##name(float *dst, size_t ldd, const float *src, size_t lds, size_t M,    \
                            size_t K, const float *panels, size_t N, const float *bias,        \
                            const float *const *rows, int gelu)                                \
    {                                                                                          \
        const product p = {src, lds, M, K, N, copy_of(panels, N, K), n_parts};                 \
        gemm(dst, ldd, &p, bias, rows, gelu);                                                  \
    }                                                                                          \
    static void gemm_sum_##name(float *dst, const float *src, size_t lds, size_t M, size_t K,  \
                                const float *panels, size_t N, const float *bias,              \
                                const float *weight)                                           \
    {                                                                                          \
        const product p = {src, lds, M, K, N, copy_of(panels, N, K), n_parts};                 \
        gemm_sum(dst, &p, bias, weight);                                                       \
    }
PRECISION(bf16x3, 2)
PRECISION(bf16, 1)

void fmpnn_kernels_init_amx_bf16x3(fmpnn_kernels *kernels)
{
    kernels->gemm = gemm_bf16x3;
    kernels->gemm_sum = gemm_sum_bf16x3;
}

void fmpnn_kernels_init_amx_bf16(fmpnn_kernels *kernels)
{
    kernels->gemm = gemm_bf16;
    kernels->gemm_sum = gemm_sum_bf16;
}
