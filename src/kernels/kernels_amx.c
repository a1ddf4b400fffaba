/* Products on the bfloat16 matrix unit (AMX): gemm and gemm_sum for the precisions bf16x3 and
 * bf16; everything else, and fp32, is avx512's. Built with -mamx-tile -mamx-bf16 -mavx512bf16 and
 * avx512's flags, and only this file.
 *
 * bf16x3: both operands are split, x = high + low, and high·high + high·low + low·high is
 * accumulated in float32; what is dropped is low·low and the rest of the split, some 2^-16 of a
 * product. bf16 takes high·high alone.
 *
 * A block of up to 32 rows is converted once to tiles (conversion costs a fifth of the products
 * at N = 128), then runs against two columns of tiles at a time: four accumulators, two tiles of
 * rows and two of weights fill the eight tile registers. Order of summation: k in steps of 32,
 * within a step high·high, high·low, low·high; bias and rows are added to the finished sum. Rows
 * of a tile do not see each other, so bits do not depend on M.
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
    COLUMNS = 2 * AMX_ROWS,
    GROUP = 4 /* rows whose GELUs run side by side */
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

/* Rows m .. m+31 (zero beyond M), k's of `steps` steps from k0. */
static void convert(rows_bf16 *to, const product *p, size_t m, size_t k0, size_t steps)
{
    for (size_t r = 0; r < BLOCK; r++) {
        const bool there = m + r < p->M;
        const float *src = p->src + (there ? (m + r) * p->lds : 0) + k0;
        for (size_t s = 0; s < steps; s++) {
            const size_t k = s * AMX_DEPTH, at = r % AMX_ROWS * AMX_DEPTH;
            const size_t left = there && k0 + k < p->K ? p->K - k0 - k : 0;
            const __m512 a = v_load_first(src + k, left);
            const __m512 b =
                v_load_first(src + k + (left > 16 ? 16 : 0), left > 16 ? left - 16 : 0);
            const __m512i high = pair(a, b);
            _mm512_store_si512(&to->tile[0][r / AMX_ROWS][s][at], high);
            if (p->parts == 2)
                _mm512_store_si512(&to->tile[1][r / AMX_ROWS][s][at], rest(a, b, high));
        }
    }
}

/* out[32][32] (+)= the block's rows times two panels (`w0`, `w1`). */
static __attribute__((noinline)) void multiply(float out[BLOCK][COLUMNS], const rows_bf16 *rows,
                                               const uint16_t *w0, const uint16_t *w1,
                                               size_t steps, int parts, bool again, bool tall)
{
    enum { STRIDE = COLUMNS * sizeof(float), LINE = 64 };
    if (again) {
        _tile_loadd(0, out[0], STRIDE);
        _tile_loadd(1, out[0] + AMX_ROWS, STRIDE);
        _tile_loadd(2, out[AMX_ROWS], STRIDE);
        _tile_loadd(3, out[AMX_ROWS] + AMX_ROWS, STRIDE);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t s = 0; s < steps; s++) {
        const uint16_t *a = w0 + s * AMX_PARTS * AMX_TILE, *b = w1 + s * AMX_PARTS * AMX_TILE;
        _tile_loadd(4, rows->tile[0][0][s], LINE);
        _tile_loadd(6, a, LINE);
        _tile_loadd(7, b, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (tall) {
            _tile_loadd(5, rows->tile[0][1][s], LINE);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        if (parts == 1)
            continue;
        _tile_loadd(6, a + AMX_TILE, LINE);
        _tile_loadd(7, b + AMX_TILE, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (tall) {
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_loadd(4, rows->tile[1][0][s], LINE);
        _tile_loadd(6, a, LINE);
        _tile_loadd(7, b, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (tall) {
            _tile_loadd(5, rows->tile[1][1][s], LINE);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, out[0], STRIDE);
    _tile_stored(1, out[0] + AMX_ROWS, STRIDE);
    if (tall) {
        _tile_stored(2, out[AMX_ROWS], STRIDE);
        _tile_stored(3, out[AMX_ROWS] + AMX_ROWS, STRIDE);
    }
}

/* Columns n .. n+31 of one block, from rows already converted where K fits one round. A last
 * odd panel is multiplied with itself beside it. */
static void columns(float out[BLOCK][COLUMNS], rows_bf16 *rows, const product *p, size_t m,
                    size_t n)
{
    const size_t steps = amx_steps(p->K), panel = steps * AMX_PARTS * AMX_TILE;
    const uint16_t *w0 = p->w + n / AMX_ROWS * panel;
    const uint16_t *w1 = n + AMX_ROWS < p->N ? w0 + panel : w0;
    const bool tall = p->M - m > AMX_ROWS;
    for (size_t s = 0; s < steps || s == 0; s += MOST_STEPS) {
        const size_t count = steps - s < MOST_STEPS ? steps - s : MOST_STEPS;
        if (steps > MOST_STEPS)
            convert(rows, p, m, s * AMX_DEPTH, count);
        multiply(out, rows, w0 + s * AMX_PARTS * AMX_TILE, w1 + s * AMX_PARTS * AMX_TILE, count,
                 p->parts, s > 0, tall);
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

/* `count` finished sums of column vector c (rows r ..), with what they start from, into x. */
static inline __attribute__((always_inline)) void
finish(vf *x, const size_t count, float out[BLOCK][COLUMNS], size_t r, size_t column, vf start,
       const float *const *added, size_t c, size_t left, int gelu)
{
    EACH(v, count)
    {
        const float *row = added ? added[v] : NULL;
        x[v] = row ? v_add(start, v_load_first(row + c, left)) : start;
        x[v] = v_add(x[v], v_load(out[r + v] + column));
    }
    if (gelu)
        v_gelu_erf(x, count);
}

/* One column vector of one block for gemm: GROUP rows side by side, then the rest. */
static inline __attribute__((always_inline)) void
store_column(float *dst, size_t ldd, float out[BLOCK][COLUMNS], size_t height, size_t column,
             vf start, const float *const *added, size_t c, size_t left, int gelu)
{
    vf x[GROUP];
    size_t r = 0;
    for (; r + GROUP <= height; r += GROUP) {
        finish(x, GROUP, out, r, column, start, added ? added + r : NULL, c, left, gelu);
        EACH(v, GROUP) v_store_first(dst + (r + v) * ldd + c, x[v], left);
    }
    for (; r < height; r++) {
        finish(x, 1, out, r, column, start, added ? added + r : NULL, c, left, gelu);
        v_store_first(dst + r * ldd + c, x[0], left);
    }
}

static inline __attribute__((always_inline)) vf
sum_column(vf sum, float out[BLOCK][COLUMNS], size_t height, size_t column, vf start,
           const float *weight)
{
    vf x[GROUP];
    size_t r = 0;
    for (; r + GROUP <= height; r += GROUP) {
        finish(x, GROUP, out, r, column, start, NULL, 0, VF, 1);
        EACH(v, GROUP) sum = v_fma(v_set(weight ? weight[r + v] : 1), x[v], sum);
    }
    for (; r < height; r++) {
        finish(x, 1, out, r, column, start, NULL, 0, VF, 1);
        sum = v_fma(v_set(weight ? weight[r] : 1), x[0], sum);
    }
    return sum;
}

static void gemm(float *dst, size_t ldd, const product *p, const float *bias,
                 const float *const *added, int gelu)
{
    rows_bf16 rows;
    float out[BLOCK][COLUMNS] __attribute__((aligned(64)));
    configure();
    for (size_t m = 0; m < p->M; m += BLOCK) {
        const size_t height = least(p->M - m, BLOCK);
        const float *const *rows_added = added ? added + m : NULL;
        if (amx_steps(p->K) <= MOST_STEPS)
            convert(&rows, p, m, 0, amx_steps(p->K));
        for (size_t n = 0; n < p->N; n += COLUMNS) {
            columns(out, &rows, p, m, n);
            for (size_t c = n; c < least(p->N, n + COLUMNS); c += VF) {
                const size_t left = p->N - c;
                const vf start = bias ? v_load_first(bias + c, left) : v_set(0);
                if (gelu)
                    store_column(dst + m * ldd, ldd, out, height, c - n, start, rows_added, c,
                                 left, 1);
                else
                    store_column(dst + m * ldd, ldd, out, height, c - n, start, rows_added, c,
                                 left, 0);
            }
        }
    }
}

static void gemm_sum(float *dst, const product *p, const float *bias, const float *weight)
{
    rows_bf16 rows;
    float out[BLOCK][COLUMNS] __attribute__((aligned(64)));
    configure();
    for (size_t n = 0; n < p->N; n++)
        dst[n] = 0;
    for (size_t m = 0; m < p->M; m += BLOCK) {
        const size_t height = least(p->M - m, BLOCK);
        if (amx_steps(p->K) <= MOST_STEPS)
            convert(&rows, p, m, 0, amx_steps(p->K));
        for (size_t n = 0; n < p->N; n += COLUMNS) {
            columns(out, &rows, p, m, n);
            for (size_t c = n; c < least(p->N, n + COLUMNS); c += VF) {
                const size_t left = p->N - c;
                const vf start = bias ? v_load_first(bias + c, left) : v_set(0);
                const vf sum = sum_column(v_load_first(dst + c, left), out, height, c - n,
                                          start, weight ? weight + m : NULL);
                v_store_first(dst + c, sum, left);
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
