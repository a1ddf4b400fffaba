/* Where the bfloat16 copy of a packed matrix lies: behind its panels. w ~ high + low; all high
 * parts, then all low parts (side by side they would leave bf16, which reads the high ones alone,
 * half the sets of every cache); then, if it was packed for bf16x6, all that is left after these.
 * Of each, for each panel of 16 columns and each 32 k's a tile, [16 pairs of k][16 columns][2], as
 * the matrix unit wants its second operand; k's 16 apart are a pair, which splitting two vectors gives at once.
 * Zero beyond K and N. */
#ifndef FMPNN_AMX_LAYOUT_H
#define FMPNN_AMX_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    AMX_ROWS = 16,      /* rows of a tile of the first operand, columns of one of the second */
    AMX_DEPTH = 32,     /* k's of a tile */
    AMX_TILE = 16 * 32, /* values of a tile: 1 KiB of bfloat16 */
    AMX_PARTS = 3       /* at most */
};

static inline size_t amx_steps(size_t K)
{
    return (K + AMX_DEPTH - 1) / AMX_DEPTH;
}

/* Values of one part. */
static inline size_t amx_part(size_t N, size_t K)
{
    return (N + AMX_ROWS - 1) / AMX_ROWS * amx_steps(K) * AMX_TILE;
}

/* In floats. */
static inline size_t amx_panels_floats(size_t N)
{
    return (N + AMX_ROWS - 1) / AMX_ROWS * AMX_ROWS;
}

static inline size_t amx_copy_floats(size_t N, size_t K, bool precise)
{
    return amx_part(N, K) * (precise ? AMX_PARTS : AMX_PARTS - 1) / 2;
}

#endif
