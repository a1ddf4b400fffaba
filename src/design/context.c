/* Contexts: which backend, which instruction set, how many threads. */
#include "backend.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 4096 };

/* A number from the environment, 0 if it is not set or none. */
static int environment_threads(void)
{
    const char *text = getenv("FMPNN_THREADS");
    int64_t number = 0;
    if (!text || !fmpnn_parse_int(text, &number) || number < 0 || number > MOST_THREADS)
        return 0;
    return (int)number;
}

/* A set but empty variable counts as not set. */
static const char *environment(const char *name, const char *otherwise)
{
    const char *text = getenv(name);
    return text && *text ? text : otherwise;
}

void fmpnn_context_options_default(fmpnn_context_options *options)
{
    *options = (fmpnn_context_options){
        .device = environment("FMPNN_DEVICE", "cpu"),
        .isa = environment("FMPNN_ISA", NULL),
        .precision = environment("FMPNN_PRECISION", "fp32"),
        .threads = environment_threads(),
    };
}

static fmpnn_status choose_backend(const char *device, const fmpnn_backend **backend,
                                   fmpnn_error *err)
{
    if (!device || !strcmp(device, "cpu") || !strcmp(device, "auto"))
        *backend = &fmpnn_backend_cpu;
    else if (!strcmp(device, "reference"))
        *backend = &fmpnn_backend_reference;
    else
        return fmpnn_fail(err, FMPNN_EDEVICE,
                          "device %s: this build computes on the CPU only; use cpu or auto",
                          device);
    return FMPNN_OK;
}

/* Which of the two does not exist, what there is, and which pairs go together. */
static fmpnn_status no_kernels(const char *isa, const char *precision, fmpnn_error *err)
{
    fmpnn_text pairs;
    const char *name;
    fmpnn_text_init(&pairs);
    for (size_t n = 0; n < fmpnn_isa_count(); n++)
        for (size_t p = 0; (name = fmpnn_precision_name(p)) != NULL; p++)
            if (fmpnn_kernels_for(fmpnn_isa_name(n), name))
                fmpnn_text_print(&pairs, "%s%s/%s", pairs.size ? ", " : "", fmpnn_isa_name(n),
                                 name);
    fmpnn_fail(err, FMPNN_EDEVICE,
               "instruction set %s with precision %s is not usable here; there are: %s",
               isa ? isa : "(any)", precision ? precision : "fp32",
               pairs.data ? pairs.data : "");
    fmpnn_text_clear(&pairs);
    return FMPNN_EDEVICE;
}

fmpnn_status fmpnn_context_create(const fmpnn_context_options *options, fmpnn_context **out,
                                  fmpnn_error *err)
{
    fmpnn_context_options defaults;
    const fmpnn_backend *backend = NULL;
    if (!options) {
        fmpnn_context_options_default(&defaults);
        options = &defaults;
    }
    if (options->threads < 0 || options->threads > MOST_THREADS)
        return fmpnn_fail(err, FMPNN_EINVAL, "%d threads: expected 0 (all cores) to %d",
                          options->threads, MOST_THREADS);
    fmpnn_status status = choose_backend(options->device, &backend, err);
    if (status)
        return status;
    bool reference = backend == &fmpnn_backend_reference; /* has one precision of its own */
    const fmpnn_kernels *kernels =
        fmpnn_kernels_for(options->isa, reference ? NULL : options->precision);
    if (!kernels)
        return no_kernels(options->isa, options->precision, err);
    fmpnn_context *ctx = fmpnn_alloc_zero(1, sizeof *ctx);
    if (!ctx)
        return fmpnn_fail_memory(err, "opening a context");
    ctx->backend = backend;
    ctx->kernels = kernels;
    ctx->precision = reference ? "fp64" : kernels->precision;
    ctx->threads = options->threads ? options->threads : fmpnn_cores_usable();
    ctx->max_memory = options->max_memory;
    ctx->pool = fmpnn_pool_create(ctx->threads);
    if (!ctx->pool) {
        fmpnn_release(ctx);
        return fmpnn_fail_memory(err, "opening a context");
    }
    *out = ctx;
    return FMPNN_OK;
}

void fmpnn_context_free(fmpnn_context *ctx)
{
    if (!ctx)
        return;
    fmpnn_pool_free(ctx->pool);
    fmpnn_release(ctx);
}

const char *fmpnn_context_device(const fmpnn_context *ctx)
{
    return ctx->backend->name;
}

const char *fmpnn_context_isa(const fmpnn_context *ctx)
{
    return ctx->kernels->isa;
}

const char *fmpnn_context_precision(const fmpnn_context *ctx)
{
    return ctx->precision;
}

int fmpnn_context_threads(const fmpnn_context *ctx)
{
    return ctx->threads;
}
