/* Memory of a case. The checker is a program: where there is no memory it says so and ends. */
#include "golden.h"

#include <stdlib.h>

static void *must(void *block)
{
    if (!block) {
        fprintf(stderr, "golden: out of memory\n");
        exit(1);
    }
    return block;
}

void *golden_alloc(golden_arena *arena, size_t count, size_t size)
{
    if (arena->count == arena->capacity) {
        size_t capacity = arena->capacity ? 2 * arena->capacity : 64;
        arena->block =
            must(fmpnn_grow(arena->block, arena->count, capacity, sizeof *arena->block));
        arena->capacity = capacity;
    }
    return arena->block[arena->count++] = must(fmpnn_alloc_zero(count, size));
}

void golden_arena_clear(golden_arena *arena)
{
    while (arena->count)
        fmpnn_release(arena->block[--arena->count]);
    fmpnn_release(arena->block);
    *arena = (golden_arena){0};
}

double *golden_widen(golden_arena *arena, const float *src, size_t count)
{
    double *dst = golden_alloc(arena, count, sizeof *dst);
    for (size_t n = 0; n < count; n++)
        dst[n] = (double)src[n];
    return dst;
}
