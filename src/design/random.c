/* Philox4x32-10: a random number is a pure function of (key, counter), ten rounds of two
 * 32 x 32 -> 64 bit products. Nothing is carried from one number to the next, so threads,
 * batches and the order of calls cannot change a result.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. */
#include "design/random.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 10 };

void fmpnn_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0];
        uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
        c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)a;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    memcpy(out, c, sizeof c);
}

static void put_le(unsigned char *dst, uint64_t value)
{
    for (int n = 0; n < 8; n++)
        dst[n] = (unsigned char)(value >> 8 * n);
}

static uint32_t get_le(const unsigned char *src)
{
    return src[0] | (uint32_t)src[1] << 8 | (uint32_t)src[2] << 16 | (uint32_t)src[3] << 24;
}

static int hex_value(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

bool fmpnn_stream_init(fmpnn_stream *stream, uint64_t seed, const char digest[65],
                       double temperature)
{
    unsigned char bytes[8 + 64 + 8], first[8];
    char hex[65];
    uint64_t bits;
    temperature += 0.0; /* -0 is 0 */
    memcpy(&bits, &temperature, sizeof bits);
    put_le(bytes, seed);
    memset(bytes + 8, 0, 64);
    memcpy(bytes + 8, digest, strnlen(digest, 64));
    put_le(bytes + 72, bits);
    if (!fmpnn_sha256_hex(bytes, sizeof bytes, hex))
        return false;
    for (int n = 0; n < 8; n++)
        first[n] = (unsigned char)(hex_value(hex[2 * n]) << 4 | hex_value(hex[2 * n + 1]));
    stream->key[0] = get_le(first);
    stream->key[1] = get_le(first + 4);
    return true;
}

void fmpnn_stream_words(const fmpnn_stream *stream, uint64_t sample, uint32_t position,
                        fmpnn_purpose purpose, uint32_t out[4])
{
    uint32_t counter[4] = {(uint32_t)sample, (uint32_t)(sample >> 32), position,
                           (uint32_t)purpose};
    fmpnn_philox(stream->key, counter, out);
}

/* 53 bits, the width of a double's fraction: every value is exact and below 1. */
static double unit(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double fmpnn_uniform(const fmpnn_stream *stream, uint64_t sample, uint32_t position,
                     fmpnn_purpose purpose)
{
    uint32_t out[4];
    fmpnn_stream_words(stream, sample, position, purpose, out);
    return unit(out[0], out[1]);
}

void fmpnn_normal2(const fmpnn_stream *stream, uint64_t sample, uint32_t position,
                   fmpnn_purpose purpose, double out[2])
{
    const double two_pi = 6.283185307179586476925;
    uint32_t w[4];
    fmpnn_stream_words(stream, sample, position, purpose, w);
    double radius = sqrt(-2 * log1p(-unit(w[0], w[1]))); /* 1 - u is never 0 */
    double angle = two_pi * unit(w[2], w[3]);
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

fmpnn_stream fmpnn_stream_packing(const fmpnn_stream *stream, uint64_t sample, uint32_t number)
{
    uint32_t out[4];
    fmpnn_stream_words(stream, sample, number, FMPNN_FOR_PACKING, out);
    return (fmpnn_stream){{out[0], out[1]}};
}
