/* Points in space, sorted into cubic cells, so that the nearest of many are found by looking at
 * few. Gives exactly what a comparison with every point would give, ties included. */
#ifndef FMPNN_CELLS_H
#define FMPNN_CELLS_H

#include "base/base.h"

#include <string.h>

typedef struct fmpnn_cells fmpnn_cells;

/* A neighbour is one number, (distance, index), ordered as both are: non-negative floats order
 * as their bit patterns do. */
static inline uint64_t fmpnn_near_key(float distance, size_t j)
{
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)j;
}

static inline float fmpnn_near_distance(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float distance;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

static inline size_t fmpnn_near_index(uint64_t key)
{
    return (uint32_t)key;
}

/* Insert into best[0..count), sorted ascending, dropping the worst once K are held; returns how
 * many are held. */
size_t fmpnn_near_insert(uint64_t *best, size_t count, size_t K, uint64_t key);

/**
 * Sort n points into cells. The coordinates are copied.
 *
 * @param take  [n] points with 0 are left out; NULL: all are in
 * @return false: out of memory. *cells is NULL if these points cannot be searched in cells: none
 *         is in, a coordinate is not finite, or they are too far apart for squares in float32.
 */
bool fmpnn_cells_create(size_t n, const float *x, const float *y, const float *z,
                        const float *take, fmpnn_cells **cells);
void fmpnn_cells_free(fmpnn_cells *cells);

/**
 * The K points of smallest (sqrt(|p - point|^2 + added), index), ascending, into best [K].
 * Returns how many there are: fewer than K only if there are no more points. Constant: threads
 * may share the cells. The point must be finite and not absurdly far (1e18) from the others.
 */
size_t fmpnn_cells_nearest(const fmpnn_cells *cells, const float point[3], float added, size_t K,
                           uint64_t *best);

/* Whether some point is farther from `point` than `distance`. May say no where there is one. */
bool fmpnn_cells_beyond(const fmpnn_cells *cells, const float point[3], float added,
                        float distance);

#endif
