/* The products of the precision bf16 in vectors: both operands are rounded to bfloat16 and
 * multiplied in pairs of k (AVX512-BF16). Everything else is avx512's. For processors that take
 * such a product as fast as a float32 one (cpu.c): one core of an AMD Zen 5 reaches 500 GFLOP/s
 * of them beside 270 of float32. Built with -mavx512bf16 and avx512's flags, and only this file.
 *
 * Rows are converted once, in blocks; from there on this is gemm.inc.c with a pair of k in place
 * of each k: what it broadcasts, loads and steps over are 32 bits either way.
 *
 * Order of summation: bias, row, then k two at a time, each pair as vdpbf16ps adds it. */
#ifndef __AVX512BF16__
#error "kernels_avx512_bf16.c must be built with -mavx512bf16"
#endif
#include "kernels/bf16_pairs.h"
#include "kernels/isa.h"
#include "kernels/vec_avx512.h"
#include "kernels/vec_common.h"
#include "kernels/gelu.h"

static inline __attribute__((always_inline)) vf step_of_pairs(vf x, vf w, vf sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}

#define V_STEP step_of_pairs
#define ISA(name) pairs_##name
#include "kernels/gemm.inc.c"

enum {
    BLOCK = 8 * TILE_ROWS, /* rows converted together */
    PAIRS = BLOCK * 256    /* 48 KiB: fewer rows where K is above 512 */
};

/* Rows of a block, or 0: K is beyond what the buffer holds of a single row. */
static size_t block_rows(size_t pairs)
{
    const size_t most = pairs ? PAIRS / pairs : BLOCK;
    return most >= BLOCK ? BLOCK : most > TILE_ROWS ? most - most % TILE_ROWS : most;
}

static void convert(float *dst, const float *src, size_t lds, size_t M, size_t K)
{
    const size_t pairs = bf16_pairs(K);
    for (size_t m = 0; m < M; m++, src += lds, dst += pairs)
        for (size_t k = 0; k < K; k += 2 * VF) {
            const size_t left = K - k;
            const vf first = v_load_some(src + k, left);
            const vf second = left > VF ? v_load_some(src + k + VF, left - VF) : v_set(0);
            const __m512bh both = _mm512_cvtne2ps_pbh(second, first);
            v_store_some(dst + k / 2, (vf)both, pairs - k / 2);
        }
}

/* K beyond the buffer: float32 products, which are exact enough for any precision. */
static const fmpnn_kernels *float_kernels(void)
{
    return fmpnn_kernels_for("avx512", "fp32");
}

static void gemm_avx512_bf16(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                             size_t K, const float *panels, size_t N, const float *bias,
                             const float *const *rows, int gelu)
{
    const size_t pairs = bf16_pairs(K), most = block_rows(pairs);
    float block[PAIRS] __attribute__((aligned(64)));
    if (!most) {
        float_kernels()->gemm(dst, ldd, src, lds, M, K, panels, N, bias, rows, gelu);
        return;
    }
    for (size_t m = 0; m < M; m += most) {
        const size_t count = M - m < most ? M - m : most;
        convert(block, src + m * lds, lds, count, K);
        pairs_gemm(dst + m * ldd, ldd, block, pairs, count, pairs, bf16_copy(panels, N, K), N,
                   bias, rows ? rows + m : NULL, gelu);
    }
}

static void gemm_sum_avx512_bf16(float *dst, const float *src, size_t lds, size_t M, size_t K,
                                 const float *panels, size_t N, const float *bias,
                                 const float *weight)
{
    const size_t pairs = bf16_pairs(K), most = block_rows(pairs);
    float block[PAIRS] __attribute__((aligned(64)));
    if (!most) {
        float_kernels()->gemm_sum(dst, src, lds, M, K, panels, N, bias, weight);
        return;
    }
    pairs_gemm_sum(dst, NULL, 0, 0, 0, NULL, N, NULL, NULL); /* zeros */
    for (size_t m = 0; m < M; m += most) {
        const size_t count = M - m < most ? M - m : most, rest = count % TILE_ROWS;
        const float *copy = bf16_copy(panels, N, K), *w = weight ? weight + m : NULL;
        convert(block, src + m * lds, lds, count, K);
        gemm_sum_rows(dst, block, pairs, 0, count - rest, TILE_ROWS, pairs, copy, N, bias, w);
        gemm_sum_rows(dst, block, pairs, count - rest, count, rest, pairs, copy, N, bias, w);
    }
}

/* As message.inc.c, with the sum above. */
static void message_sum_avx512_bf16(float *dst, const float *own, const float *const *a,
                                    const float *const *b, const float *const *d, size_t M,
                                    size_t C, const float *panels, size_t N, const float *bias,
                                    float *tile, const float *const *ahead, size_t n_ahead)
{
    float_kernels()->gather_gelu(tile, C, own, a, b, d, M, C);
    for (size_t n = 0; n < n_ahead; n++)
        fetch_row(ahead[n], C);
    gemm_sum_avx512_bf16(dst, tile, C, M, C, panels, N, bias, NULL);
}

#define PART(name) name##_avx512_bf16
#define GATHER_GELU float_kernels()->gather_gelu
#include "kernels/mlp.inc.c"

void fmpnn_kernels_init_avx512_bf16(fmpnn_kernels *kernels)
{
    TAKE_PRODUCTS(kernels, avx512_bf16);
}
