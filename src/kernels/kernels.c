/* Which instruction sets there are, and the table for each. Levels stand in ascending order; a
 * table takes its slots from every usable level up to the one asked for. */
#include "kernels/cpu.h"
#include "kernels/isa.h"

#include <pthread.h>
#include <string.h>

static bool always(void)
{
    return true;
}

static const struct level {
    const char *name;
    bool (*usable)(void);
    void (*init)(fmpnn_kernels *kernels);
} levels[] = {
    {"generic", always, fmpnn_kernels_init_generic},
#if defined(__x86_64__)
    {"avx2", fmpnn_cpu_has_avx2, fmpnn_kernels_init_avx2},
    {"avx512", fmpnn_cpu_has_avx512, fmpnn_kernels_init_avx512},
#elif defined(__aarch64__)
    {"neon", always, fmpnn_kernels_init_neon},
#endif
};

enum { LEVELS = sizeof levels / sizeof *levels };

bool fmpnn_kernels_init(fmpnn_kernels *kernels, const char *isa)
{
    size_t top = LEVELS;
    for (size_t n = 0; n < LEVELS; n++)
        if (levels[n].usable() && (!isa || strcmp(isa, levels[n].name) == 0))
            top = n;
    if (top == LEVELS)
        return false;
    for (size_t n = 0; n <= top; n++)
        if (levels[n].usable())
            levels[n].init(kernels);
    kernels->isa = levels[top].name;
    return true;
}

/* Tables made once, then constant: contexts share them. */
static fmpnn_kernels tables[LEVELS];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (size_t n = 0; n < LEVELS; n++)
        if (!fmpnn_kernels_init(&tables[n], levels[n].name))
            tables[n].isa = NULL;
}

const fmpnn_kernels *fmpnn_kernels_for(const char *isa)
{
    pthread_once(&tables_made, make_tables);
    const fmpnn_kernels *found = NULL;
    for (size_t n = 0; n < LEVELS; n++)
        if (tables[n].isa && (!isa || strcmp(isa, tables[n].isa) == 0))
            found = &tables[n];
    return found;
}

size_t fmpnn_isa_count(void)
{
    size_t count = 0;
    for (size_t n = 0; n < LEVELS; n++)
        count += levels[n].usable();
    return count;
}

const char *fmpnn_isa_name(size_t wanted)
{
    for (size_t n = 0; n < LEVELS; n++)
        if (levels[n].usable() && wanted-- == 0)
            return levels[n].name;
    return NULL;
}
