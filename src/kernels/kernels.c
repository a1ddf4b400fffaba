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

typedef void init_fn(fmpnn_kernels *kernels);

enum { FP32, BF16X3, BF16, PRECISIONS };

static const char *const precisions[PRECISIONS] = {"fp32", "bf16x3", "bf16"};

static const struct level {
    const char *name;
    bool (*usable)(void);
    init_fn *init[PRECISIONS]; /* NULL: no code of its own; fp32 then is the level's below */
    bool (*bf16_usable)(void); /* what its bf16 needs besides; or NULL */
} levels[] = {
    {"generic", always, {fmpnn_kernels_init_generic}, NULL},
#if defined(__x86_64__)
    {"avx2", fmpnn_cpu_has_avx2, {fmpnn_kernels_init_avx2}, NULL},
    {"avx512",
     fmpnn_cpu_has_avx512,
     {fmpnn_kernels_init_avx512, NULL, fmpnn_kernels_init_avx512_bf16},
     fmpnn_cpu_has_bf16_vectors},
    {"amx",
     fmpnn_cpu_has_amx,
     {NULL, fmpnn_kernels_init_amx_bf16x3, fmpnn_kernels_init_amx_bf16},
     NULL},
#elif defined(__aarch64__)
    {"neon", always, {fmpnn_kernels_init_neon}, NULL},
#endif
};

enum { LEVELS = sizeof levels / sizeof *levels };

/* The level's own code for a precision, if this machine can run it. */
static init_fn *code_of(const struct level *level, size_t p)
{
    if (!level->usable() || (p == BF16 && level->bf16_usable && !level->bf16_usable()))
        return NULL;
    return level->init[p];
}

const char *fmpnn_precision_name(size_t n)
{
    return n < PRECISIONS ? precisions[n] : NULL;
}

/* NULL is fp32; PRECISIONS: there is none of that name. */
static size_t precision_number(const char *name)
{
    size_t n = 0;
    while (name && n < PRECISIONS && strcmp(name, precisions[n]) != 0)
        n++;
    return n;
}

bool fmpnn_kernels_init(fmpnn_kernels *kernels, const char *isa, const char *precision)
{
    const size_t p = precision_number(precision);
    size_t top = LEVELS;
    for (size_t n = 0; n < LEVELS && p < PRECISIONS; n++)
        if (isa ? levels[n].usable() && !strcmp(isa, levels[n].name) : code_of(&levels[n], p) != NULL)
            top = n;
    if (top == LEVELS || (p != FP32 && !code_of(&levels[top], p)))
        return false;
    for (size_t n = 0; n <= top; n++) {
        if (code_of(&levels[n], FP32))
            code_of(&levels[n], FP32)(kernels);
        if (p != FP32 && code_of(&levels[n], p))
            code_of(&levels[n], p)(kernels);
    }
    kernels->isa = levels[top].name;
    kernels->precision = precisions[p];
    return true;
}

/* Tables made once, then constant: contexts share them. */
static fmpnn_kernels tables[LEVELS][PRECISIONS];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (size_t n = 0; n < LEVELS; n++)
        for (size_t p = 0; p < PRECISIONS; p++)
            if (!fmpnn_kernels_init(&tables[n][p], levels[n].name, precisions[p]))
                tables[n][p].isa = NULL;
}

const fmpnn_kernels *fmpnn_kernels_for(const char *isa, const char *precision)
{
    const size_t p = precision_number(precision);
    const fmpnn_kernels *found = NULL;
    pthread_once(&tables_made, make_tables);
    for (size_t n = 0; n < LEVELS && p < PRECISIONS; n++)
        if (tables[n][p].isa && (isa ? !strcmp(isa, levels[n].name) : code_of(&levels[n], p) != NULL))
            found = &tables[n][p];
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
