#include "compat/torch_random.h"

#include <math.h>

enum { BLOCK = 16, HALF = BLOCK / 2, SHIFT = 397 };

static const double TWO_PI = 6.283185307179586476925286766559;

void fmpnn_torch_seed(fmpnn_torch *torch, uint32_t seed)
{
    torch->word[0] = seed;
    for (uint32_t n = 1; n < FMPNN_MT_WORDS; n++) {
        uint32_t before = torch->word[n - 1];
        torch->word[n] = 1812433253u * (before ^ before >> 30) + n;
    }
    torch->used = FMPNN_MT_WORDS;
    torch->has_spare = false;
}

static void renew(uint32_t *word)
{
    for (size_t n = 0; n < FMPNN_MT_WORDS; n++) {
        uint32_t next = word[(n + 1) % FMPNN_MT_WORDS];
        uint32_t mixed = (word[n] & 0x80000000u) | (next & 0x7fffffffu);
        word[n] = word[(n + SHIFT) % FMPNN_MT_WORDS] ^ mixed >> 1;
        if (next & 1)
            word[n] ^= 0x9908b0dfu;
    }
}

uint32_t fmpnn_torch_word(fmpnn_torch *torch)
{
    if (torch->used == FMPNN_MT_WORDS) {
        renew(torch->word);
        torch->used = 0;
    }
    uint32_t y = torch->word[torch->used++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void fmpnn_torch_skip(fmpnn_torch *torch, size_t words)
{
    while (words-- > 0)
        fmpnn_torch_word(torch);
}

double fmpnn_torch_single(fmpnn_torch *torch)
{
    return (fmpnn_torch_word(torch) & 0xffffffu) * 0x1p-24;
}

double fmpnn_torch_double(fmpnn_torch *torch)
{
    uint64_t high = fmpnn_torch_word(torch);
    uint64_t both = high << 32 | fmpnn_torch_word(torch);
    return (double)(both & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
}

/* Box and Muller: place q gives the radius, place q + 8 the angle of a pair. */
static void transform(float block[BLOCK])
{
    for (size_t q = 0; q < HALF; q++) {
        double radius = sqrt(-2 * log(1 - (double)block[q]));
        double angle = TWO_PI * (double)block[q + HALF];
        block[q] = (float)(radius * cos(angle));
        block[q + HALF] = (float)(radius * sin(angle));
    }
}

static double one_normal(fmpnn_torch *torch)
{
    if (torch->has_spare) {
        torch->has_spare = false;
        return torch->spare;
    }
    double angle = TWO_PI * fmpnn_torch_double(torch);
    double radius = sqrt(-2 * log1p(-fmpnn_torch_double(torch)));
    torch->spare = radius * sin(angle);
    torch->has_spare = true;
    return radius * cos(angle);
}

void fmpnn_torch_normal(fmpnn_torch *torch, size_t n, float *dst)
{
    for (size_t k = 0; k < n; k++)
        dst[k] = (float)(n < BLOCK ? one_normal(torch) : fmpnn_torch_single(torch));
    if (n < BLOCK)
        return;
    for (size_t first = 0; first + BLOCK <= n; first += BLOCK)
        transform(dst + first);
    if (n % BLOCK == 0)
        return;
    for (size_t k = n - BLOCK; k < n; k++)
        dst[k] = (float)fmpnn_torch_single(torch);
    transform(dst + n - BLOCK);
}

void fmpnn_torch_exponential(fmpnn_torch *torch, size_t n, double *dst)
{
    for (size_t k = 0; k < n; k++)
        dst[k] = -log1p(-fmpnn_torch_double(torch));
}
