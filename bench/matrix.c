/* Bfloat16 products by themselves, in registers: tiles of the matrix unit, or vectors of pairs.
 * Built with -mamx-tile -mamx-bf16 -mavx512bf16, and only this file; called only where the kernels
 * use the same, so permission for tiles has been asked for. */
#include "bench.h"

#include <immintrin.h>
#include <string.h>

enum { ROUNDS = 256, CHAINS = 4 };

static void configure(void)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config __attribute__((aligned(64)));
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int tile = 0; tile < 8; tile++) {
        config.bytes[tile] = 64;
        config.rows[tile] = 16;
    }
    _tile_loadconfig(&config);
}

/* 2 x 2 operands, four accumulators: as many independent chains as hide a product's latency. */
static double multiply_tiles(float *sink)
{
    float out[16][16] __attribute__((aligned(64)));
    configure();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int n = 0; n < ROUNDS; n++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, out, 64);
    _tile_release();
    *sink += out[0][0];
    return (double)ROUNDS * CHAINS * 2 * 16 * 16 * 32;
}

/* bf16x3 makes three products of one. */
static double multiply_tiles_x3(float *sink)
{
    return multiply_tiles(sink) / 3;
}

bench_matrix_loop *bench_matrix_loop_amx(const char *precision)
{
    return !strcmp(precision, "bf16")     ? multiply_tiles
           : !strcmp(precision, "bf16x3") ? multiply_tiles_x3
                                          : NULL;
}

/* Eight chains; the value stays 1 + pairs of 0 * 0. */
static double multiply_pairs(float *sink)
{
    enum { PAIR_CHAINS = 8 };
    __m512 sum[PAIR_CHAINS];
    __m512bh zero = (__m512bh)_mm512_setzero_si512();
#pragma GCC unroll 8
    for (int c = 0; c < PAIR_CHAINS; c++)
        sum[c] = _mm512_set1_ps(1);
    for (int n = 0; n < ROUNDS; n++) {
        __asm__ volatile("" : "+v"(zero)); /* not known to be zero: nothing is left out */
#pragma GCC unroll 8
        for (int c = 0; c < PAIR_CHAINS; c++)
            sum[c] = _mm512_dpbf16_ps(sum[c], zero, zero);
    }
#pragma GCC unroll 8
    for (int c = 1; c < PAIR_CHAINS; c++)
        sum[0] = _mm512_add_ps(sum[0], sum[c]);
    *sink += _mm512_cvtss_f32(sum[0]);
    return (double)ROUNDS * PAIR_CHAINS * 2 * 32;
}

bench_matrix_loop *bench_matrix_loop_avx512(const char *precision)
{
    return !strcmp(precision, "bf16") ? multiply_pairs : NULL;
}
