#include "openblas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 };

static const char *const names[] = {"libopenblas.so.0", "libopenblas.so"};

/* A function by its name. ISO C has no conversion from void *, POSIX promises that this works. */
static bool find(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, size);
    return symbol != NULL;
}

fmpnn_status bench_openblas_open(bench_openblas *blas, fmpnn_error *err)
{
    void (*set_threads)(int) = NULL;
    char *(*config)(void) = NULL;
    *blas = (bench_openblas){0};
    /* Read while it loads: it must not start threads of its own beside ours. */
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    for (size_t n = 0; n < sizeof names / sizeof *names && !blas->library; n++)
        blas->library = dlopen(names[n], RTLD_NOW | RTLD_LOCAL);
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
    find(blas->library, "openblas_get_config", &config, sizeof config);
    snprintf(blas->described, sizeof blas->described, "%s", config ? config() : "OpenBLAS");
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
