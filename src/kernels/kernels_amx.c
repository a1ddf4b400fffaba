/* Products on the bfloat16 matrix unit (AMX) for the precisions bf16x3 and bf16: gemm, gemm_sum,
 * message_sum, mlp and mlp_sum; edge_sum and gather_gelu of both. GELU is as good as each needs (gelu_pieces.h).
 * Everything else, and fp32, is avx512's. Built with -mamx-tile -mamx-bf16 -mavx512bf16 and avx512's
 * flags, and only this file.
 *
 * bf16x3: both operands are split, x = high + low, and high·high + low·high + high·low is
 * accumulated in float32; what is dropped is low·low and the rest of the split, some 2^-16 of a
 * product. bf16 takes high·high alone. bf16x6, for what asks fmpnn_kernels_precise(), splits in
 * three, adds six products and leaves out what is below 2^-24: results are as good as float32's.
 *
 * The unit multiplies while vectors work, if both are close together in the program: a tile product takes 16 cycles, of
 * which a core has room for some sixteen multiply-adds and as many other operations of 16 values, and looks
 * ahead about so far. So what follows sums (GELU, splitting, adding up) is cut into slices that stand between the
 * instructions of the pass that makes the next sums: amx_chores.inc.c has the slices, amx_passes.inc.c the passes.
 * One after the other, of a chain of three products of 48 x 128 x 128, they took 35,900 cycles of the time stamp, so 23,000.
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
    SUMS = AMX_ROWS * AMX_ROWS,
    LINE = 64,       /* bytes of a row of a tile */
    GROUP = 4,       /* vectors that go side by side */
    PASS = 4,        /* tiles of sums that a pass makes, at most */
    MOST_WIDE = 4,   /* panels of it */
    SLICES = 5,      /* of a unit of vector work */
    ROOM = 96,       /* tiles of rows */
    HELD = 36,       /* that the first-level cache holds beside the rest */
    CHAIN_STEPS = 8, /* K and N of mlp: 256; beyond, its parts are called */
    FETCHED = 4      /* lines ahead beside a unit of vector work */
};

#if defined(__clang__)
#define UNROLL_3 _Pragma("clang loop unroll(full)")
#else
#define UNROLL_3 _Pragma("GCC unroll 8")
#endif

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t pieces(size_t n, size_t size)
{
    return (n + size - 1) / size;
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

#include "kernels/amx_chores.inc.c"
#include "kernels/amx_passes.inc.c"

static const uint16_t *copy_of(const float *panels, size_t N, size_t K)
{
    return (const uint16_t *)(panels + amx_panels_floats(N) * K);
}

static void zero(float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = 0;
}

#define PRECISION(name, n_parts)                                                               \
    static void gemm_##name(float *dst, size_t ldd, const float *src, size_t lds, size_t M,    \
                            size_t K, const float *panels, size_t N, const float *bias,        \
                            const float *const *rows, int gelu)                                \
    {                                                                                          \
        job of = {.parts = n_parts, .M = M, .layers = 1, .src = src, .lds = lds,               \
                  .p = {{K, N, copy_of(panels, N, K), bias}},                                  \
                  .t = {.dst = dst, .ldd = ldd, .rows = rows, .gelu = gelu}};                  \
        run(&of);                                                                              \
    }                                                                                          \
    static void gemm_sum_##name(float *dst, const float *src, size_t lds, size_t M, size_t K,  \
                                const float *panels, size_t N, const float *bias,              \
                                const float *weight)                                           \
    {                                                                                          \
        job of = {.parts = n_parts, .M = M, .layers = 1, .src = src, .lds = lds,               \
                  .p = {{K, N, copy_of(panels, N, K), bias}},                                  \
                  .t = {.dst = dst, .weight = weight, .sum = true}};                           \
        zero(dst, N);                                                                          \
        run(&of);                                                                              \
    }                                                                                          \
    static void message_sum_##name(                                                            \
        float *dst, const float *own, const float *const *a, const float *const *b,            \
        const float *const *d, size_t M, size_t C, const float *panels, size_t N,              \
        const float *bias, float *tile, const float *const *ahead, size_t n_ahead)             \
    {                                                                                          \
        job of = {.parts = n_parts, .M = M, .layers = 1, .from = {own, a, b, d},               \
                  .p = {{C, N, copy_of(panels, N, C), bias}},                                  \
                  .t = {.dst = dst, .sum = true},                                              \
                  .ahead = {ahead, n_ahead, C, 0, 0}};                                         \
        (void)tile;                                                                            \
        zero(dst, N);                                                                          \
        run(&of);                                                                              \
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

static void run_chain(job *of, size_t K, const fmpnn_product *w)
{
    of->ahead = (fetching){of->added->ahead, of->added->n_ahead, K, 0, 0};
    for (size_t l = 0; l < of->layers; K = w[l++].N)
        of->p[l] = (product){K, w[l].N, copy_of(w[l].panels, w[l].N, K), w[l].bias};
    run(of);
}

#define GATHER(name, parts)                                                                    \
    static void gather_gelu_##name(float *dst, size_t ldd, const float *own,                   \
                                   const float *const *a, const float *const *b,               \
                                   const float *const *d, size_t M, size_t C)                  \
    {                                                                                          \
        const sources from = {own, a, b, d};                                               \
        for (size_t m = 0; m < M; m++, dst += ldd) {                                       \
            const float *terms[3];                                                         \
            const size_t count = terms_of(&from, m, terms);                                \
            size_t c = 0;                                                                  \
            for (; c + GROUP * VF <= C; c += GROUP * VF) {                                 \
                vf x[GROUP];                                                               \
                gather(x, GROUP, own, terms, count, c, GROUP *VF, parts);                  \
                EACH (v, GROUP)                                                            \
                    v_store(dst + c + v * VF, x[v]);                                       \
            }                                                                              \
            for (; c < C; c += VF) {                                                       \
                vf x;                                                                      \
                gather(&x, 1, own, terms, count, c, C - c, parts);                         \
                v_store_some(dst + c, x, C - c);                                           \
            }                                                                              \
        }                                                                                  \
    }
GATHER(bf16x3, 2)
GATHER(bf16, 1)

#define GATHER_GELU fmpnn_kernels_for("avx512", NULL)->gather_gelu
#define PART(name) name##_bf16x6
#include "kernels/mlp.inc.c"
#undef PART
#undef GATHER_GELU
#define GATHER_GELU gather_gelu_bf16x3
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
        job of = {.parts = n_parts, .M = M, .layers = layers, .src = src, .lds = lds,          \
                  .added = added, .t = {.dst = dst, .ldd = ldd, .rows = rows}};                \
        if (fit(K, w, layers))                                                                 \
            run_chain(&of, K, w);                                                              \
        else                                                                                   \
            mlp_##name##_parts(dst, ldd, src, lds, M, K, w, layers, added, rows, tile);        \
    }                                                                                          \
    static void mlp_sum_##name(float *dst, const float *src, size_t lds, size_t M, size_t K,   \
                               const fmpnn_product *w, const fmpnn_added *added,               \
                               const float *weight, float *tile)                               \
    {                                                                                          \
        job of = {.parts = n_parts, .M = M, .layers = 2, .src = src, .lds = lds,               \
                  .added = added, .t = {.dst = dst, .weight = weight, .sum = true}};           \
        if (!fit(K, w, 2)) {                                                                   \
            mlp_sum_##name##_parts(dst, src, lds, M, K, w, added, weight, tile);               \
            return;                                                                            \
        }                                                                                      \
        zero(dst, w[1].N);                                                                     \
        run_chain(&of, K, w);                                                                  \
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
    kernels->gather_gelu = gather_gelu_bf16x3;
}

void fmpnn_kernels_init_amx_bf16(fmpnn_kernels *kernels)
{
    TAKE_PRODUCTS(kernels, bf16);
    kernels->edge_sum = edge_sum_pieces;
    kernels->gather_gelu = gather_gelu_bf16;
}
