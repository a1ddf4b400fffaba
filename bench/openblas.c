#define _GNU_SOURCE
#include "openblas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 };

static const char *const names[] = {"libopenblas.so.0", "libopenblas.so"};

/* A function by its name. ISO C has no conversion from void *, POSIX promises that this works. */
static bool find(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, size);
    return symbol != NULL;
}

static void *open_library(void)
{
    void *library = NULL;
    for (size_t n = 0; n < sizeof names / sizeof *names && !library; n++)
        library = dlopen(names[n], RTLD_NOW | RTLD_LOCAL);
    return library;
}

/* OpenBLAS knows processors by number: one that is newer than the library gets kernels from 2004
 * ("Prescott"). Then name the kernels for the instruction sets there are, or NULL. */
static const char *better_core(const char *core)
{
    static const struct {
        const char *isa, *core, *good[5];
    } table[] = {{"avx512", "SkylakeX", {"SkylakeX", "Cooperlake", "SapphireRapids"}},
                 {"avx2", "Haswell", {"Haswell", "Zen"}}};
    for (size_t n = 0; n < sizeof table / sizeof *table; n++) {
        if (!fmpnn_kernels_for(table[n].isa, NULL))
            continue;
        for (size_t g = 0; table[n].good[g]; g++)
            if (!strcasecmp(table[n].good[g], core))
                return NULL;
        return table[n].core;
    }
    return NULL;
}

static void choose_core(bench_openblas *blas)
{
    char *(*corename)(void) = NULL;
    if (!blas->library || getenv("OPENBLAS_CORETYPE") ||
        !find(blas->library, "openblas_get_corename", &corename, sizeof corename))
        return;
    const char *core = better_core(corename());
    if (!core)
        return;
    dlclose(blas->library);
    setenv("OPENBLAS_CORETYPE", core, 1);
    blas->library = open_library();
}

fmpnn_status bench_openblas_open(bench_openblas *blas, fmpnn_error *err)
{
    void (*set_threads)(int) = NULL;
    char *(*config)(void) = NULL;
    *blas = (bench_openblas){0};
    /* Read while it loads: it must not start threads of its own beside ours. */
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    blas->library = open_library();
    choose_core(blas);
    if (!blas->library)
        return fmpnn_fail(
            err, FMPNN_EDEVICE,
            "the unfused baseline needs OpenBLAS, which is not here (%s); install "
            "the Debian package libopenblas0-pthread",
            dlerror());
    if (!find(blas->library, "cblas_sgemm", &blas->sgemm, sizeof blas->sgemm) ||
        !find(blas->library, "openblas_set_num_threads", &set_threads,
              sizeof set_threads)) {
        bench_openblas_close(blas);
        return fmpnn_fail(
            err, FMPNN_EDEVICE,
            "the OpenBLAS found lacks cblas_sgemm or openblas_set_num_threads; "
            "install the Debian package libopenblas0-pthread");
    }
    set_threads(1);
    if (find(blas->library, "openblas_get_config", &config, sizeof config))
        snprintf(blas->described, sizeof blas->described, "%s", config());
    else
        snprintf(blas->described, sizeof blas->described, "OpenBLAS");
    return FMPNN_OK;
}

void bench_openblas_close(bench_openblas *blas)
{
    if (blas->library)
        dlclose(blas->library);
    *blas = (bench_openblas){0};
}

void bench_product(const bench_openblas *blas, float *y, const float *x, const float *w,
                   size_t M, size_t N, size_t K)
{
    if (M)
        blas->sgemm(ROW_MAJOR, AS_IS, TRANSPOSED, (int)M, (int)N, (int)K, 1, x, (int)K, w,
                    (int)K, 0, y, (int)N);
}
