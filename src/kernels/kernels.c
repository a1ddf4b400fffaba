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

enum { FP32, BF16X3, BF16, BF16X6, PRECISIONS, OFFERED = BF16X6 };

/* bf16x6 is only for what fmpnn_kernels_precise() says. */
static const char *const precisions[PRECISIONS] = {"fp32", "bf16x3", "bf16", "bf16x6"};

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
     {NULL, fmpnn_kernels_init_amx_bf16x3, fmpnn_kernels_init_amx_bf16,
      fmpnn_kernels_init_amx_bf16x6},
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
    return n < OFFERED ? precisions[n] : NULL;
}

/* NULL is fp32; PRECISIONS: none of that name is offered. */
static size_t precision_number(const char *name)
{
    size_t n = 0;
    while (name && n < OFFERED && strcmp(name, precisions[n]) != 0)
        n++;
    return n < OFFERED ? n : PRECISIONS;
}

static bool init_table(fmpnn_kernels *kernels, const char *isa, size_t p)
{
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

bool fmpnn_kernels_init(fmpnn_kernels *kernels, const char *isa, const char *precision)
{
    return init_table(kernels, isa, precision_number(precision));
}

/* Tables made once, then constant: contexts share them. */
static fmpnn_kernels tables[LEVELS][PRECISIONS];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (size_t n = 0; n < LEVELS; n++)
        for (size_t p = 0; p < PRECISIONS; p++)
            if (!init_table(&tables[n][p], levels[n].name, p))
                tables[n][p].isa = NULL;
}

static const fmpnn_kernels *table_for(const char *isa, size_t p)
{
    const fmpnn_kernels *found = NULL;
    pthread_once(&tables_made, make_tables);
    for (size_t n = 0; n < LEVELS && p < PRECISIONS; n++)
        if (tables[n][p].isa && (isa ? !strcmp(isa, levels[n].name) : code_of(&levels[n], p) != NULL))
            found = &tables[n][p];
    return found;
}

const fmpnn_kernels *fmpnn_kernels_for(const char *isa, const char *precision)
{
    return table_for(isa, precision_number(precision));
}

const fmpnn_kernels *fmpnn_kernels_precise(const char *isa)
{
    const fmpnn_kernels *split = table_for(isa, BF16X6);
    return split ? split : table_for(isa, FP32);
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
