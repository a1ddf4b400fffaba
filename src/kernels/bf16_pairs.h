/* Where the bfloat16 copy of a packed matrix lies for vectors that multiply pairs: behind its
 * panels, in the same panels of 16 columns, [K/2][16][2]. Zero beyond K and N. */
#ifndef FMPNN_BF16_PAIRS_H
#define FMPNN_BF16_PAIRS_H

#include <stddef.h>

static inline size_t bf16_pairs(size_t K)
{
    return K / 2 + K % 2;
}

/* In floats, each of which is a pair. */
static inline size_t bf16_copy_floats(size_t N, size_t K)
{
    return (N + 15) / 16 * 16 * bf16_pairs(K);
}

static inline const float *bf16_copy(const float *panels, size_t N, size_t K)
{
    return panels + (N + 15) / 16 * 16 * K;
}

#endif
