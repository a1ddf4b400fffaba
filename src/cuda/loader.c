/* Finds and opens libfusempnn_cuda.so when a device is first asked for, so that a program without
 * one neither needs nor loads anything of CUDA. */
#define _GNU_SOURCE
#include "cuda/plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "libfusempnn_cuda.so"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const fmpnn_cuda_plugin *plugin;
static fmpnn_error reason;

/* The folder of this very code: of the program, or of libfusempnn.so. */
static bool own_folder(char *folder, size_t size)
{
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)fmpnn_cuda_number, &info) || !info.dli_fname)
        return false;
    char *path = realpath(info.dli_fname, NULL);
    const char *slash = path ? strrchr(path, '/') : NULL;
    bool good = slash && (size_t)(slash - path) < size;
    if (good) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
    }
    free(path);
    return good;
}

static void *find_library(void)
{
    const char *chosen = getenv("FMPNN_CUDA_LIBRARY");
    char folder[3072], path[4096];
    if (chosen && *chosen)
        return dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
    if (own_folder(folder, sizeof folder)) {
        static const char *const places[] = {"", "/../lib", "/../lib/x86_64-linux-gnu",
                                             "/../lib64"};
        for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
            snprintf(path, sizeof path, "%s%s/%s", folder, places[n], FILE_NAME);
            if (fmpnn_file_exists(path)) /* the one found, or the reason why not this one */
                return dlopen(path, RTLD_NOW | RTLD_LOCAL);
        }
    }
    return dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
}

static void open_once(void)
{
    static const fmpnn_cuda_abi here = FMPNN_CUDA_ABI_HERE;
    void *library = find_library();
    if (!library) {
        const char *why = dlerror();
        fmpnn_fail(&reason, FMPNN_EDEVICE, FILE_NAME " cannot be opened: %s",
                   why ? why : "not found");
        return;
    }
    fmpnn_cuda_plugin_getter *get;
    void *symbol = dlsym(library, FMPNN_CUDA_SYMBOL);
    memcpy(&get, &symbol, sizeof get); /* ISO C has no cast from object to function pointer */
    const fmpnn_cuda_plugin *found = symbol ? get() : NULL;
    if (!found || found->abi.number != here.number ||
        memcmp(&found->abi, &here, sizeof here) != 0) {
        fmpnn_fail(&reason, FMPNN_EDEVICE,
                   FILE_NAME " is of version %.15s, this is fusempnn %s: install both from one "
                   "build",
                   found && found->abi.number == here.number ? found->abi.version : "another",
                   fmpnn_version());
        dlclose(library);
        return;
    }
    plugin = found; /* stays open: its code may be called until the process ends */
}

const fmpnn_cuda_plugin *fmpnn_cuda_plugin_open(fmpnn_error *err)
{
    pthread_once(&once, open_once);
    if (!plugin)
        fmpnn_fail(err, FMPNN_EDEVICE, "%s", reason.message);
    return plugin;
}

int fmpnn_cuda_number(const char *device)
{
    int64_t number = 0;
    if (!device || strncmp(device, "cuda", 4) != 0)
        return -1;
    if (!device[4])
        return 0;
    if (device[4] != ':' || !fmpnn_parse_int(device + 5, &number) || number < 0 ||
        number > INT16_MAX)
        return -1;
    return (int)number;
}
