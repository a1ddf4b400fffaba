/* Checked allocation. Every block of the library comes from here, so a test can let any single
 * allocation fail and watch the failure travel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* madvise */
#endif
#include "base/base.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

enum {
    ALIGNMENT = 64,
    HUGE_PAGE = 2 << 20,
    LARGE = 2 * HUGE_PAGE /* a block of this size begins on a huge page, and asks for them */
};

static atomic_size_t fail_at; /* 0: never */
static atomic_size_t allocations;

void fmpnn_alloc_fail_at(size_t n)
{
    atomic_store(&allocations, 0);
    atomic_store(&fail_at, n);
}

size_t fmpnn_alloc_count(void)
{
    return atomic_load(&allocations);
}

/* Tables are written once and read a few times: a tenth of the time of a context encoder went
 * into the faults of its small pages. Where the system has no huge pages, nothing changes. */
static void *allocate_large(size_t bytes)
{
#ifdef MADV_HUGEPAGE
    void *block;
    if (posix_memalign(&block, HUGE_PAGE, bytes))
        return NULL;
    (void)madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return block;
#else
    return aligned_alloc(ALIGNMENT, bytes);
#endif
}

void *fmpnn_alloc(size_t count, size_t size)
{
    size_t number = atomic_fetch_add(&allocations, 1) + 1;
    if (number == atomic_load(&fail_at))
        return NULL;
    if (size && count > (SIZE_MAX - ALIGNMENT) / size)
        return NULL;
    size_t bytes = count * size;
    bytes = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    return bytes < LARGE ? aligned_alloc(ALIGNMENT, bytes) : allocate_large(bytes);
}

void *fmpnn_alloc_zero(size_t count, size_t size)
{
    void *block = fmpnn_alloc(count, size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

void *fmpnn_grow(void *block, size_t old_count, size_t count, size_t size)
{
    void *bigger = fmpnn_alloc(count, size);
    if (!bigger)
        return NULL;
    if (old_count)
        memcpy(bigger, block, (old_count < count ? old_count : count) * size);
    fmpnn_release(block);
    return bigger;
}

char *fmpnn_copy_text(const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = fmpnn_alloc(size, 1);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void fmpnn_release(void *block)
{
    free(block);
}
