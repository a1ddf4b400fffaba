/* Products on the bfloat16 matrix unit (AMX) for the precisions bf16x3 and bf16: gemm, gemm_sum,
 * message_sum, mlp and mlp_sum; edge_sum of both, and gather_gelu of bf16, with a GELU that is
 * only as good as they need (gelu_pieces.h), which the products of bf16 have too. Everything else,
 * and fp32, is avx512's. Built with -mamx-tile
 * -mamx-bf16 -mavx512bf16 and avx512's flags, and only this file.
 *
 * bf16x3: both operands are split, x = high + low, and high·high + low·high + high·low is
 * accumulated in float32; what is dropped is low·low and the rest of the split, some 2^-16 of a
 * product. bf16 takes high·high alone. bf16x6, for what asks fmpnn_kernels_precise(), splits in
 * three, adds six products and leaves out what is below 2^-24: results are as good as float32's.
 *
 * Up to 112 rows are converted once to tiles (48 where the sum is so long that more would not fit) and
 * then pass four panels of weights at a time: two tiles of rows by two panels, an odd last tile alone.
 * All products of so many rows follow one another, because the unit falls asleep after 0.2 to 0.4 us without
 * one and takes 0.3 us to wake. Four accumulators are as many independent
 * chains as hide the latency of a product, and the other four registers keep what is loaded for two
 * products: of three tiles of rows, 26 loads for 36 products. Six accumulators (three tiles by two panels) took 44, as fast
 * on a core of its own, but up to a third slower where another thread of the core is busy.
 *
 * What message_sum gathers, and what mlp and mlp_sum have between two products, goes through GELU
 * into tiles straight from registers: written as floats first it would be read and converted once
 * more, and leave no room for the weights in the first-level cache.
 *
 * Order of summation, whatever the shape: bias, then k in steps of 32, within a step low·high,
 * high·high, high·low (rows first: so weights and rows are each loaded twice in three products),
 * of three parts low·high, middle·high, high·high, high·low, high·middle, middle·middle (one side
 * changes at a time); rows are added to the finished sum. Rows of a tile do not see each other, so
 * bits do not depend on M.
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
#include "kernels/gelu_pieces.h"
#include "kernels/edge_pieces.inc.c"

enum {
    MOST_TALL = 7,  /* tiles of rows that pass the weights together, if K is small, */
    LEAST_TALL = 3, /* and for any K */
    WIDE = 4,       /* panels at a time */
    MOST_SUMS = MOST_TALL * WIDE,
    MOST_STEPS = 32,  /* K of one round: 1024; longer sums take several rounds */
    CHAIN_STEPS = 8,  /* K and N of mlp: 256; beyond, its parts are called */
    CHAIN_TILES = 56, /* of the rows of mlp: seven times four steps in two parts */
    GATHER_LINES = 6, /* fetched ahead beside each row that is gathered, */
    SUM_LINES = 3,    /* and beside each group of rows that is summed or handed on */
    SUMS = AMX_ROWS * AMX_ROWS,
    WIDTH = WIDE * AMX_ROWS,
    LINE = 64, /* bytes of a row of a tile */
    GROUP = 4  /* rows whose GELUs run side by side */
};

/* Lines still to be fetched of rows that the next call reads. A core has a dozen lines under way
 * at once, so they are spread over the whole call; together they would hold up its own loads. */
typedef struct fetching {
    const float *const *rows;
    size_t count, width; /* rows, floats of each */
    size_t row, column;  /* where it stands */
} fetching;

static inline __attribute__((always_inline)) void fetch_lines(fetching *f, size_t lines)
{
    for (; lines && f->row < f->count; lines--) {
        __builtin_prefetch(f->rows[f->row] + f->column, 0, 2);
        f->column += AMX_ROWS;
        if (f->column >= f->width) {
            f->column = 0;
            f->row++;
        }
    }
}

/* Rows to be gathered, as message_sum gets them, instead of a product's src. */
typedef struct sources {
    const float *own;
    const float *const *a, *const *b, *const *d;
    fetching *ahead;
} sources;

/* What is fixed during a call. */
typedef struct product {
    const float *src;
    const sources *from; /* or NULL */
    size_t lds, M, K, N;
    const uint16_t *w; /* [part][panel][step][tile] */
    const float *bias;
    int parts; /* 3: bf16x6, 2: bf16x3, 1: bf16 */
} product;

/* Where a product's sums go. */
typedef struct target {
    float *dst;
    size_t ldd;
    const float *const *rows;
    const float *weight;
    int gelu;
    bool sum; /* over the rows, weighted */
    fetching *ahead; /* meanwhile; or NULL */
} target;

/* Rows m .. m+height-1 in `tall` tiles of 16 rows: [step][part][tall][16][32]. */
typedef struct block {
    size_t m, height, tall;
    uint16_t *tiles;
} block;

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Constant, not built on the stack: compilers know of the first eight bytes that are read. */
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_config __attribute__((aligned(64))) = {
    .palette = 1,
    .bytes = {LINE, LINE, LINE, LINE, LINE, LINE, LINE, LINE},
    .rows = {AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS},
};

static inline __attribute__((always_inline)) void curve(vf *x, const size_t V, const int parts)
{
    if (parts > 1)
        v_gelu_each(x, V, 0);
    else
        v_gelu_pieces(x, V, &gelu_pieces_of[0]);
}

/* ---- rows to bfloat16 ---- */

static inline __m512i pair(__m512 first, __m512 second)
{
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/* The next parts of 32 values, which leave the rest behind. */
static inline __attribute__((always_inline)) __m512i take_part(__m512 *first, __m512 *second)
{
    const __m512i part = pair(*first, *second);
    const __m512i low_half = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(part));
    const __m512i high_half = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(part, 1));
    *first = _mm512_sub_ps(*first, _mm512_castsi512_ps(_mm512_slli_epi32(low_half, 16)));
    *second = _mm512_sub_ps(*second, _mm512_castsi512_ps(_mm512_slli_epi32(high_half, 16)));
    return part;
}

static inline __attribute__((always_inline)) void
convert_32(uint16_t *to, size_t next_part, __m512 x, __m512 y, const int parts)
{
    _mm512_store_si512(to, take_part(&x, &y));
    if (parts > 1)
        _mm512_store_si512(to + next_part, take_part(&x, &y));
    if (parts > 2)
        _mm512_store_si512(to + 2 * next_part, take_part(&x, &y));
}

/* The k's of `steps` steps from k0. Rows of a tile beyond stay as they are: what comes of them
 * is not looked at. */
static inline __attribute__((always_inline)) void
convert_parts(const block *b, const product *p, size_t k0, size_t steps, const int parts)
{
    const size_t low = b->tall * AMX_TILE, step = parts * low;
    const size_t whole = least(steps, (p->K - k0) / AMX_DEPTH);
    const size_t left = p->K - k0 - whole * AMX_DEPTH;
    for (size_t r = 0; r < b->height; r++) {
        const float *src = p->src + (b->m + r) * p->lds + k0;
        uint16_t *to = b->tiles + r * AMX_DEPTH;
        for (size_t s = 0; s < whole; s++, src += AMX_DEPTH, to += step)
            convert_32(to, low, v_load(src), v_load(src + VF), parts);
        if (whole < steps)
            convert_32(to, low, v_load_first(src, left),
                       left > VF ? v_load_first(src + VF, left - VF) : v_set(0), parts);
    }
}

/* ---- the same of rows that are gathered ---- */

/* Columns k .. k+VF*V-1 of a sum of rows, `left` of them there, through GELU. */
static inline __attribute__((always_inline)) void
gather(vf *x, const size_t V, const float *own, const float *const *terms, const size_t count,
       size_t k, size_t left, const int parts)
{
    EACH(v, V)
    {
        const size_t some = left > v * VF ? left - v * VF : 0;
        x[v] = v_load_some(own + k + v * VF, some);
        for (size_t t = 0; t < count; t++)
            x[v] = v_add(x[v], v_load_some(terms[t] + k + v * VF, some));
    }
    curve(x, V, parts);
}

static inline __attribute__((always_inline)) void
gather_row(uint16_t *to, size_t low, size_t step, const float *own, const float *const *terms,
           const size_t count, size_t k0, size_t steps, size_t K, const int parts)
{
    const size_t whole = least(steps, (K - k0) / AMX_DEPTH);
    size_t s = 0;
    vf x[GROUP];
    for (; s + 2 <= whole; s += 2, to += 2 * step) {
        gather(x, GROUP, own, terms, count, k0 + s * AMX_DEPTH, GROUP * VF, parts);
        convert_32(to, low, x[0], x[1], parts);
        convert_32(to + step, low, x[2], x[3], parts);
    }
    for (; s < steps; s++, to += step) {
        const size_t k = k0 + s * AMX_DEPTH;
        gather(x, 2, own, terms, count, k, K - k, parts);
        convert_32(to, low, x[0], x[1], parts);
    }
}

static inline __attribute__((always_inline)) void
gather_parts(const block *b, const product *p, size_t k0, size_t steps, const int parts)
{
    const size_t low = b->tall * AMX_TILE, step = parts * low;
    const sources *from = p->from;
    for (size_t r = 0; r < b->height; r++) {
        const size_t m = b->m + r;
        const float *terms[3];
        size_t count = 0;
        uint16_t *to = b->tiles + r * AMX_DEPTH;
        if (from->a)
            terms[count++] = from->a[m];
        if (from->b && from->b[m])
            terms[count++] = from->b[m];
        if (from->d && from->d[m])
            terms[count++] = from->d[m];
        switch (count) {
        case 3:
            gather_row(to, low, step, from->own, terms, 3, k0, steps, p->K, parts);
            break;
        case 2:
            gather_row(to, low, step, from->own, terms, 2, k0, steps, p->K, parts);
            break;
        case 1:
            gather_row(to, low, step, from->own, terms, 1, k0, steps, p->K, parts);
            break;
        default:
            gather_row(to, low, step, from->own, terms, 0, k0, steps, p->K, parts);
        }
        fetch_lines(from->ahead, GATHER_LINES);
    }
}

static void convert(const block *b, const product *p, size_t k0, size_t steps)
{
#define CONVERT(parts)                                                                         \
    if (p->from)                                                                               \
        gather_parts(b, p, k0, steps, parts);                                                  \
    else                                                                                       \
        convert_parts(b, p, k0, steps, parts);                                                 \
    break
    switch (p->parts) {
    case 3:
        CONVERT(3);
    case 2:
        CONVERT(2);
    default:
        CONVERT(1);
    }
#undef CONVERT
}

/* ---- tiles times panels ---- */

/* to [WIDE][tall][16][16] = start or what is there, plus tiles times panels; or the rows of a target. */
typedef struct factors {
    const uint16_t *tiles, *panel[WIDE];
    size_t low; /* from parts of weights to the next, lower ones */
    size_t steps, tall;
    const float *start; /* [WIDE][16]; NULL: what is there */
    float *to;          /* floats from there to */
    size_t tile, panel_step, ldd; /* the next tile of rows, the next panel, the next row */
} factors;

#define PLACE(row_tile, column) f->to + (row_tile)*f->tile + (column)*f->panel_step
#define START(sum, row_tile, column)                                                           \
    if (f->start)                                                                              \
        _tile_loadd(sum, f->start + (column)*AMX_ROWS, 0);                                     \
    else                                                                                       \
        _tile_loadd(sum, PLACE(row_tile, column), ldd);
#define STORE(sum, row_tile, column) _tile_stored(sum, PLACE(row_tile, column), ldd);
#define ROWS(tile_register, row_tile, part)                                                    \
    _tile_loadd(tile_register, a + ((part)*tall + (row_tile)) * AMX_TILE, LINE);
#define WEIGHTS(tile_register, column, part)                                                   \
    _tile_loadd(tile_register, f->panel[column] + s * AMX_TILE + (part)*f->low, LINE);

/* Sums of two row tiles in registers 4 and 5 and the panels in 6 and 7. */
#define TWO_BY_TWO                                                                             \
    _tile_dpbf16ps(0, 4, 6);                                                                   \
    _tile_dpbf16ps(1, 5, 6);                                                                   \
    _tile_dpbf16ps(2, 4, 7);                                                                   \
    _tile_dpbf16ps(3, 5, 7);

/* The first two row tiles, two panels from c. */
static inline __attribute__((always_inline)) void multiply_2x2(const factors *f, const size_t c,
                                                               const int parts)
{
    const uint16_t *a = f->tiles;
    const size_t ldd = f->ldd * sizeof *f->to, tall = f->tall;
    START(0, 0, c) START(1, 1, c) START(2, 0, c + 1) START(3, 1, c + 1)
    for (size_t s = 0; s < f->steps; s++, a += parts * tall * AMX_TILE) {
        ROWS(4, 0, parts - 1) WEIGHTS(6, c, 0) ROWS(5, 1, parts - 1) WEIGHTS(7, c + 1, 0)
        TWO_BY_TWO
        if (parts == 1)
            continue;
        if (parts == 3) {
            ROWS(4, 0, 1) ROWS(5, 1, 1)
            TWO_BY_TWO
        }
        ROWS(4, 0, 0) ROWS(5, 1, 0)
        TWO_BY_TWO
        if (parts == 3) {
            WEIGHTS(6, c, 2) WEIGHTS(7, c + 1, 2)
            TWO_BY_TWO
        }
        WEIGHTS(6, c, 1) WEIGHTS(7, c + 1, 1)
        TWO_BY_TWO
        if (parts == 3) {
            ROWS(4, 0, 1) ROWS(5, 1, 1)
            TWO_BY_TWO
        }
    }
    STORE(0, 0, c) STORE(1, 1, c) STORE(2, 0, c + 1) STORE(3, 1, c + 1)
}

/* Panel n's sum of one row tile, whose parts are in registers 4, 5 and 7: weights in 6. */
#define ONE(n, part)                                                                           \
    WEIGHTS(6, n, part)                                                                        \
    if (parts == 3 && (part) == 0)                                                             \
        _tile_dpbf16ps(n, 7, 6);                                                               \
    if (parts > 1 && (part) == 0)                                                              \
        _tile_dpbf16ps(n, 5, 6);                                                               \
    _tile_dpbf16ps(n, 4, 6);                                                                   \
    if (parts == 3 && (part) == 1)                                                             \
        _tile_dpbf16ps(n, 5, 6);
#define EACH_ONE(part) ONE(0, part) ONE(1, part) ONE(2, part) ONE(3, part)

/* Row tile r, four panels. */
static inline __attribute__((always_inline)) void multiply_1x4(const factors *f, const size_t r,
                                                               const int parts)
{
    const uint16_t *a = f->tiles;
    const size_t ldd = f->ldd * sizeof *f->to, tall = f->tall;
    START(0, r, 0) START(1, r, 1) START(2, r, 2) START(3, r, 3)
    for (size_t s = 0; s < f->steps; s++, a += parts * tall * AMX_TILE) {
        ROWS(4, r, 0)
        if (parts > 1) {
            ROWS(5, r, 1)
        }
        if (parts > 2) {
            ROWS(7, r, 2)
        }
        EACH_ONE(0)
        if (parts > 2) {
            EACH_ONE(2)
        }
        if (parts > 1) {
            EACH_ONE(1)
        }
    }
    STORE(0, r, 0) STORE(1, r, 1) STORE(2, r, 2) STORE(3, r, 3)
}

/* Functions of their own, not inlined: see gemm.inc.c. Compilers do not know that a tile load
 * reads memory; the empty statement says it. */
#define MULTIPLY(name, shape, at, parts)                                                       \
    static __attribute__((noinline)) void multiply_##name##_##parts(const factors *f)          \
    {                                                                                          \
        __asm__ volatile("" ::: "memory");                                                     \
        multiply_##shape(f, at, parts);                                                        \
    }
#define MULTIPLIES(parts)                                                                  \
    MULTIPLY(first, 1x4, 0, parts)                                                         \
    MULTIPLY(two, 2x2, 0, parts)                                                           \
    MULTIPLY(two_more, 2x2, 2, parts)                                                      \
    /* All tiles of rows, `panels` panels (if they are more than two, four). */            \
    static void multiply_##parts(factors f, size_t panels)                                 \
    {                                                                                      \
        size_t left = f.tall;                                                              \
        for (; left > 1; left -= 2, f.tiles += 2 * AMX_TILE, f.to += 2 * f.tile) {         \
            multiply_two_##parts(&f);                                                      \
            if (panels > 2)                                                                \
                multiply_two_more_##parts(&f);                                             \
        }                                                                                  \
        if (left)                                                                          \
            multiply_first_##parts(&f);                                                    \
    }
MULTIPLIES(1)
MULTIPLIES(2)
MULTIPLIES(3)

static void multiply(const factors *f, size_t panels, int parts)
{
    (parts == 1 ? multiply_1 : parts == 2 ? multiply_2 : multiply_3)(*f, panels);
}

/* As many tiles of rows as `tiles` tiles are enough for, if each row has `steps` steps. */
static inline size_t most_tall(size_t tiles, size_t steps, int parts)
{
    const size_t tall = steps ? tiles / (steps * (size_t)parts) : MOST_TALL;
    return tall > MOST_TALL ? MOST_TALL : tall < LEAST_TALL ? LEAST_TALL : tall;
}

/* `whole`: only whole tiles, if there are any. */
static block next_block(const product *p, size_t m, uint16_t *tiles, size_t tall,
                        bool whole)
{
    block b = {.m = m, .height = least(p->M - m, tall * AMX_ROWS), .tiles = tiles};
    if (whole && b.height > AMX_ROWS)
        b.height -= b.height % AMX_ROWS;
    b.tall = (b.height + AMX_ROWS - 1) / AMX_ROWS;
    if (amx_steps(p->K) <= MOST_STEPS)
        convert(&b, p, 0, amx_steps(p->K));
    return b;
}

/* The sums of one block, columns from n. Panels beyond the last are the last again. `direct`: where
 * they go as they are, or NULL. */
static void columns(float *out, const block *b, const product *p, size_t n,
                    const target *direct)
{
    const size_t steps = amx_steps(p->K), last = (p->N - 1) / AMX_ROWS;
    float start[WIDTH] __attribute__((aligned(64)));
    factors f = {.tiles = b->tiles, .start = start, .low = amx_part(p->N, p->K),
                 .tall = b->tall, .to = out, .tile = SUMS, .panel_step = b->tall * SUMS, .ldd = AMX_ROWS};
    if (direct) {
        f.to = direct->dst + b->m * direct->ldd + n;
        f.tile = AMX_ROWS * direct->ldd;
        f.panel_step = AMX_ROWS;
        f.ldd = direct->ldd;
    }
    if (p->bias && n + WIDTH <= p->N)
        f.start = p->bias + n;
    else
        for (size_t c = 0; c < WIDTH; c++)
            start[c] = p->bias && n + c < p->N ? p->bias[n + c] : 0;
    for (size_t s = 0; s < steps || s == 0; s += MOST_STEPS) {
        f.steps = least(steps - s, MOST_STEPS);
        for (size_t v = 0; v < WIDE; v++)
            f.panel[v] = p->w + (least(n / AMX_ROWS + v, last) * steps + s) * AMX_TILE;
        if (steps > MOST_STEPS)
            convert(b, p, s * AMX_DEPTH, f.steps);
        multiply(&f, last + 1 - n / AMX_ROWS, p->parts);
        f.start = NULL;
    }
}

/* ---- what follows a product ---- */

/* Sums of one panel: rows 16 apart. `left` columns are wanted. `gelu`: 0 or for how many parts. */
static inline __attribute__((always_inline)) void
finish(vf *x, const size_t count, const float *out, const float *const *rows, size_t c,
       size_t left, const int gelu)
{
    EACH(v, count)
    {
        x[v] = v_load(out + v * AMX_ROWS);
        if (rows && rows[v])
            x[v] = v_add(x[v], v_load_some(rows[v] + c, left));
    }
    if (gelu)
        curve(x, count, gelu);
}

/* Columns c .. end-1 of `count` rows, panels of sums `panel` apart. Row by row, so that lines
 * beside each other are written together. */
static inline __attribute__((always_inline)) void
store_rows(float *dst, size_t ldd, const size_t count, const float *out, size_t panel,
           const float *const *rows, size_t c, size_t end, const int gelu)
{
    for (; c < end; c += AMX_ROWS, out += panel) {
        vf x[GROUP];
        finish(x, count, out, rows, c, end - c, gelu);
        EACH(v, count) v_store_some(dst + v * ldd + c, x[v], end - c);
    }
}

static inline __attribute__((always_inline)) void
store_panels(float *dst, size_t ldd, const float *out, size_t panel, size_t height,
             const float *const *rows, size_t c, size_t end, const int gelu)
{
    size_t r = 0;
    for (; r + GROUP <= height; r += GROUP)
        store_rows(dst + r * ldd, ldd, GROUP, out + r * AMX_ROWS, panel, rows ? rows + r : NULL,
                   c, end, gelu);
    for (; r < height; r++)
        store_rows(dst + r * ldd, ldd, 1, out + r * AMX_ROWS, panel, rows ? rows + r : NULL, c,
                   end, gelu);
}

static inline __attribute__((always_inline)) vf sum_panel(vf sum, const float *out,
                                                          size_t height, const float *weight,
                                                          fetching *ahead, const int parts)
{
    size_t r = 0;
    for (; r + GROUP <= height; r += GROUP) {
        vf x[GROUP];
        if (ahead)
            fetch_lines(ahead, SUM_LINES);
        finish(x, GROUP, out + r * AMX_ROWS, NULL, 0, VF, parts);
        EACH(v, GROUP) sum = v_fma(v_set(weight ? weight[r + v] : 1), x[v], sum);
    }
    for (; r < height; r++) {
        vf x;
        finish(&x, 1, out + r * AMX_ROWS, NULL, 0, VF, parts);
        sum = v_fma(v_set(weight ? weight[r] : 1), x, sum);
    }
    return sum;
}

static inline __attribute__((always_inline)) void
follow_parts(const target *t, const float *out, const block *b, size_t n, size_t N,
             const int parts)
{
    const size_t panel = b->tall * SUMS, end = least(N, n + WIDTH);
    float *dst = t->dst + b->m * t->ldd;
    const float *const *rows = t->rows ? t->rows + b->m : NULL;
    if (t->sum)
        for (size_t c = n; c < end; c += AMX_ROWS, out += panel) {
            const vf sum = sum_panel(v_load_some(t->dst + c, N - c), out, b->height,
                                     t->weight ? t->weight + b->m : NULL, t->ahead, parts);
            v_store_some(t->dst + c, sum, N - c);
        }
    else if (t->gelu && rows)
        store_panels(dst, t->ldd, out, panel, b->height, rows, n, end, parts);
    else if (t->gelu)
        store_panels(dst, t->ldd, out, panel, b->height, NULL, n, end, parts);
    else if (rows)
        store_panels(dst, t->ldd, out, panel, b->height, rows, n, end, 0);
    else
        store_panels(dst, t->ldd, out, panel, b->height, NULL, n, end, 0);
}

static void follow(const target *t, const float *out, const block *b, size_t n, size_t N,
                   int parts)
{
    if (parts > 1) /* only GELU asks */
        follow_parts(t, out, b, n, N, 2);
    else
        follow_parts(t, out, b, n, N, 1);
}

/* Whether whole tiles of sums, up to column `end`, are the result. */
static bool as_they_are(const target *t, const block *b, const product *p, size_t end)
{
    return !t->sum && !t->gelu && !t->rows && b->height == b->tall * AMX_ROWS && end <= p->N &&
           amx_steps(p->K) <= MOST_STEPS;
}

static void run(const product *p, const target *t)
{
    enum { TILES = LEAST_TALL * AMX_PARTS * MOST_STEPS };
    uint16_t tiles[TILES * AMX_TILE] __attribute__((aligned(64)));
    float out[MOST_SUMS * SUMS] __attribute__((aligned(64)));
    _tile_loadconfig(&tile_config);
    const size_t tall = most_tall(TILES, least(amx_steps(p->K), MOST_STEPS), p->parts);
    block b;
    for (size_t m = 0; m < p->M; m += b.height) {
        b = next_block(p, m, tiles, tall, !t->sum && !t->gelu && !t->rows);
        for (size_t n = 0; n < p->N; n += WIDTH) {
            const bool direct = as_they_are(t, &b, p, n + WIDTH);
            columns(out, &b, p, n, direct ? t : NULL);
            if (!direct)
                follow(t, out, &b, n, p->N, p->parts);
        }
    }
}

/* ---- products after one another ---- */

/* Row r, columns c .. c+31, of a block's sums with what is added to them. */
static inline __attribute__((always_inline)) void
add_to_row(vf *x, const float *out, size_t panel, size_t r, size_t m, size_t c, size_t left,
           const fmpnn_added *added)
{
    EACH(v, 2)
    {
        const size_t some = left > v * VF ? left - v * VF : 0, at = c + v * VF;
        x[v] = v_load(out + v * panel + r * AMX_ROWS);
        if (added && added->rows && added->rows[m])
            x[v] = v_add(x[v], v_load_some(added->rows[m] + at, some));
        if (added && added->own) {
            x[v] = v_add(v_load_some(added->own + at, some), x[v]);
            if (added->b && added->b[m])
                x[v] = v_add(x[v], v_load_some(added->b[m] + at, some));
            if (added->d && added->d[m])
                x[v] = v_add(x[v], v_load_some(added->d[m] + at, some));
        }
    }
}

/* The columns from n of a block's sums, added to, through GELU into the next product's tiles. */
static inline __attribute__((always_inline)) void
hand_on(uint16_t *to, const float *out, const block *b, const product *p, size_t n,
        const fmpnn_added *added, fetching *ahead, const int parts)
{
    const size_t panel = b->tall * SUMS, low = b->tall * AMX_TILE, step = parts * low;
    const size_t end = least(p->N, n + WIDTH);
    for (size_t c = n; c < end; c += AMX_DEPTH, out += 2 * panel) {
        uint16_t *tile = to + c / AMX_DEPTH * step;
        const size_t left = p->N - c;
        for (size_t r = 0; r < b->height; r += 2) {
            const size_t next = least(r + 1, b->height - 1);
            vf x[GROUP];
            add_to_row(x, out, panel, r, b->m + r, c, left, added);
            add_to_row(x + 2, out, panel, next, b->m + next, c, left, added);
            curve(x, GROUP, parts);
            if (left < AMX_DEPTH) { /* beyond N there may be anything */
                EACH(v, GROUP) x[v] = v_first(x[v], left > v % 2 * VF ? left - v % 2 * VF : 0);
            }
            convert_32(tile + r * AMX_DEPTH, low, x[0], x[1], parts);
            convert_32(tile + next * AMX_DEPTH, low, x[2], x[3], parts);
            fetch_lines(ahead, SUM_LINES);
        }
    }
}

/* `layers` products, what follows the last as the target says. */
static void run_chain(const product *p, size_t layers, const fmpnn_added *added, const target *t)
{
    uint16_t tiles[2][CHAIN_TILES * AMX_TILE] __attribute__((aligned(64)));
    float out[MOST_SUMS * SUMS] __attribute__((aligned(64)));
    fetching ahead = {added->ahead, added->n_ahead, p->K, 0, 0};
    _tile_loadconfig(&tile_config);
    size_t steps = 0, tall;
    for (size_t l = 0; l < layers; l++)
        steps = steps > amx_steps(p[l].K) ? steps : amx_steps(p[l].K);
    tall = most_tall(CHAIN_TILES, steps, p->parts);
    for (size_t m = 0; m < p->M; m += tall * AMX_ROWS) {
        block b = next_block(p, m, tiles[0], tall, false);
        size_t l = 0;
        for (; l + 1 < layers; l++) {
            uint16_t *to = tiles[(l + 1) % 2];
            for (size_t n = 0; n < p[l].N; n += WIDTH) {
                columns(out, &b, &p[l], n, NULL);
                if (p->parts == 2)
                    hand_on(to, out, &b, &p[l], n, l ? NULL : added, &ahead, 2);
                else
                    hand_on(to, out, &b, &p[l], n, l ? NULL : added, &ahead, 1);
            }
            b.tiles = to;
        }
        for (size_t n = 0; n < p[l].N; n += WIDTH) {
            columns(out, &b, &p[l], n, NULL);
            follow(t, out, &b, n, p[l].N, p[l].parts);
        }
    }
}

static const uint16_t *copy_of(const float *panels, size_t N, size_t K)
{
    return (const uint16_t *)(panels + amx_panels_floats(N) * K);
}

#define PRECISION(name, n_parts)                                                               \
    static void gemm_##name(float *dst, size_t ldd, const float *src, size_t lds, size_t M,    \
                            size_t K, const float *panels, size_t N, const float *bias,        \
                            const float *const *rows, int gelu)                                \
    {                                                                                          \
        const product p = {src, NULL, lds, M, K, N, copy_of(panels, N, K), bias, n_parts};     \
        const target t = {.dst = dst, .ldd = ldd, .rows = rows, .gelu = gelu};                 \
        run(&p, &t);                                                                           \
    }                                                                                          \
    static void gemm_sum_##name(float *dst, const float *src, size_t lds, size_t M, size_t K,  \
                                const float *panels, size_t N, const float *bias,              \
                                const float *weight)                                           \
    {                                                                                          \
        const product p = {src, NULL, lds, M, K, N, copy_of(panels, N, K), bias, n_parts};     \
        const target t = {.dst = dst, .weight = weight, .sum = true};                          \
        for (size_t n = 0; n < N; n++)                                                         \
            dst[n] = 0;                                                                        \
        run(&p, &t);                                                                           \
    }                                                                                          \
    static void message_sum_##name(                                                            \
        float *dst, const float *own, const float *const *a, const float *const *b,            \
        const float *const *d, size_t M, size_t C, const float *panels, size_t N,              \
        const float *bias, float *tile, const float *const *ahead, size_t n_ahead)             \
    {                                                                                          \
        fetching fetch = {ahead, n_ahead, C, 0, 0};                                            \
        const sources from = {own, a, b, d, &fetch};                                           \
        const product p = {NULL, &from, 0, M, C, N, copy_of(panels, N, C), bias, n_parts};     \
        const target t = {.dst = dst, .sum = true, .ahead = &fetch};                           \
        (void)tile;                                                                            \
        for (size_t n = 0; n < N; n++)                                                         \
            dst[n] = 0;                                                                        \
        run(&p, &t);                                                                           \
    }
PRECISION(bf16x6, 3)
PRECISION(bf16x3, 2)
PRECISION(bf16, 1)

/* Whether tiles of this depth fit between two products. */
static bool fit(size_t K, const fmpnn_product *w, size_t layers)
{
    for (size_t l = 0; l < layers; K = w[l++].N)
        if (amx_steps(K) > CHAIN_STEPS)
            return false;
    return true;
}

static void chain_of(product *p, const float *src, size_t lds, size_t M, size_t K,
                     const fmpnn_product *w, size_t layers, int parts)
{
    for (size_t l = 0; l < layers; K = w[l++].N)
        p[l] = (product){src, NULL, lds, M, K, w[l].N, copy_of(w[l].panels, w[l].N, K),
                         w[l].bias, parts};
}

static void gather_gelu_bf16(float *dst, size_t ldd, const float *own, const float *const *a,
                             const float *const *b, const float *const *d, size_t M, size_t C)
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
        size_t c = 0;
        for (; c + GROUP * VF <= C; c += GROUP * VF) {
            vf x[GROUP];
            gather(x, GROUP, own, terms, count, c, GROUP * VF, 1);
            EACH (v, GROUP)
                v_store(dst + c + v * VF, x[v]);
        }
        for (; c < C; c += VF) {
            vf x;
            gather(&x, 1, own, terms, count, c, C - c, 1);
            v_store_some(dst + c, x, C - c);
        }
    }
}

#define GATHER_GELU fmpnn_kernels_for("avx512", NULL)->gather_gelu
#define PART(name) name##_bf16x6
#include "kernels/mlp.inc.c"
#undef PART
#define PART(name) name##_bf16x3_parts
#define gemm_bf16x3_parts gemm_bf16x3
#define gemm_sum_bf16x3_parts gemm_sum_bf16x3
#include "kernels/mlp.inc.c"
#undef PART
#undef GATHER_GELU
#define GATHER_GELU gather_gelu_bf16
#define PART(name) name##_bf16_parts
#define gemm_bf16_parts gemm_bf16
#define gemm_sum_bf16_parts gemm_sum_bf16
#include "kernels/mlp.inc.c"

#define CHAINS(name, n_parts)                                                                  \
    static void mlp_##name(float *dst, size_t ldd, const float *src, size_t lds, size_t M,     \
                           size_t K, const fmpnn_product *w, size_t layers,                    \
                           const fmpnn_added *added, const float *const *rows, float *tile)    \
    {                                                                                          \
        product p[3];                                                                          \
        const target t = {.dst = dst, .ldd = ldd, .rows = rows};                               \
        if (!fit(K, w, layers)) {                                                              \
            mlp_##name##_parts(dst, ldd, src, lds, M, K, w, layers, added, rows, tile);        \
            return;                                                                            \
        }                                                                                      \
        chain_of(p, src, lds, M, K, w, layers, n_parts);                                       \
        run_chain(p, layers, added, &t);                                                       \
    }                                                                                          \
    static void mlp_sum_##name(float *dst, const float *src, size_t lds, size_t M, size_t K,   \
                               const fmpnn_product *w, const fmpnn_added *added,                \
                               const float *weight, float *tile)                               \
    {                                                                                          \
        product p[2];                                                                          \
        const target t = {.dst = dst, .weight = weight, .sum = true};                          \
        if (!fit(K, w, 2)) {                                                                   \
            mlp_sum_##name##_parts(dst, src, lds, M, K, w, added, weight, tile);               \
            return;                                                                            \
        }                                                                                      \
        for (size_t n = 0; n < w[1].N; n++)                                                    \
            dst[n] = 0;                                                                        \
        chain_of(p, src, lds, M, K, w, 2, n_parts);                                            \
        run_chain(p, 2, added, &t);                                                            \
    }
CHAINS(bf16x3, 2)
CHAINS(bf16, 1)

void fmpnn_kernels_init_amx_bf16x6(fmpnn_kernels *kernels)
{
    TAKE_PRODUCTS(kernels, bf16x6);
}

void fmpnn_kernels_init_amx_bf16x3(fmpnn_kernels *kernels)
{
    TAKE_PRODUCTS(kernels, bf16x3);
    kernels->edge_sum = edge_sum_pieces;
}

void fmpnn_kernels_init_amx_bf16(fmpnn_kernels *kernels)
{
    TAKE_PRODUCTS(kernels, bf16);
    kernels->edge_sum = edge_sum_pieces;
    kernels->gather_gelu = gather_gelu_bf16;
}
