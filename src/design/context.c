/* Contexts: which backend, which instruction set, how many threads. */
#include "backend.h"
#include "cuda/plugin.h"
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

/* The CPU, or the plain formulas, which have one precision of their own. */
static fmpnn_status open_cpu(fmpnn_context *ctx, const fmpnn_context_options *options,
                             bool reference, fmpnn_error *err)
{
    ctx->kernels = fmpnn_kernels_for(options->isa, reference ? NULL : options->precision);
    if (!ctx->kernels)
        return no_kernels(options->isa, options->precision, err);
    ctx->backend = reference ? &fmpnn_backend_reference : &fmpnn_backend_cpu;
    ctx->isa = ctx->kernels->isa;
    ctx->precision = reference ? "fp64" : ctx->kernels->precision;
    ctx->identity = ctx->kernels;
    return FMPNN_OK;
}

static fmpnn_status open_cuda(fmpnn_context *ctx, const char *device, const char *precision,
                              fmpnn_error *err)
{
    fmpnn_error why;
    const fmpnn_cuda_plugin *plugin = fmpnn_cuda_plugin_open(&why);
    if (!plugin)
        return fmpnn_fail(err, FMPNN_EDEVICE, "device %s: %s", device, why.message);
    ctx->kernels = fmpnn_kernels_for(NULL, NULL);
    fmpnn_status status = plugin->open(ctx, fmpnn_cuda_number(device), precision, &why);
    return status ? fmpnn_fail(err, status, "device %s: %s", device, why.message) : FMPNN_OK;
}

static fmpnn_status open_device(fmpnn_context *ctx, const fmpnn_context_options *options,
                                fmpnn_error *err)
{
    const char *device = options->device ? options->device : "cpu";
    bool reference = !strcmp(device, "reference");
    fmpnn_error why;
    if (!strcmp(device, "auto")) {
        if (open_cuda(ctx, "cuda", options->precision, &why) == FMPNN_OK)
            return FMPNN_OK;
        snprintf(ctx->note, sizeof ctx->note, "the CPU computes; %.200s", why.message);
        return open_cpu(ctx, options, false, err);
    }
    if (fmpnn_cuda_number(device) >= 0)
        return open_cuda(ctx, device, options->precision, err);
    if (!reference && strcmp(device, "cpu") != 0)
        return fmpnn_fail(err, FMPNN_EDEVICE,
                          "device %s: expected cpu, cuda, cuda:N or auto", device);
    return open_cpu(ctx, options, reference, err);
}

fmpnn_status fmpnn_context_create(const fmpnn_context_options *options, fmpnn_context **out,
                                  fmpnn_error *err)
{
    fmpnn_context_options defaults;
    if (!options) {
        fmpnn_context_options_default(&defaults);
        options = &defaults;
    }
    if (options->threads < 0 || options->threads > MOST_THREADS)
        return fmpnn_fail(err, FMPNN_EINVAL, "%d threads: expected 0 (all cores) to %d",
                          options->threads, MOST_THREADS);
    fmpnn_context *ctx = fmpnn_alloc_zero(1, sizeof *ctx);
    if (!ctx)
        return fmpnn_fail_memory(err, "opening a context");
    ctx->threads = options->threads ? options->threads : fmpnn_cores_usable();
    ctx->max_memory = options->max_memory;
    ctx->pool = fmpnn_pool_create(ctx->threads);
    fmpnn_status status =
        ctx->pool ? open_device(ctx, options, err) : fmpnn_fail_memory(err, "opening a context");
    if (status) {
        fmpnn_context_free(ctx);
        return status;
    }
    *out = ctx;
    return FMPNN_OK;
}

void fmpnn_context_free(fmpnn_context *ctx)
{
    if (!ctx)
        return;
    if (ctx->close)
        ctx->close(ctx);
    fmpnn_pool_free(ctx->pool);
    fmpnn_release(ctx);
}

const char *fmpnn_context_device(const fmpnn_context *ctx)
{
    return ctx->backend->name;
}

const char *fmpnn_context_isa(const fmpnn_context *ctx)
{
    return ctx->isa;
}

const char *fmpnn_context_precision(const fmpnn_context *ctx)
{
    return ctx->precision;
}

int fmpnn_context_threads(const fmpnn_context *ctx)
{
    return ctx->threads;
}

const char *fmpnn_context_remark(const fmpnn_context *ctx)
{
    return ctx->note[0] ? ctx->note : NULL;
}

/* ---- what there is ---- */

static void describe_device(fmpnn_device *device, const char *name, bool usable,
                            const char *text)
{
    snprintf(device->name, sizeof device->name, "%s", name);
    snprintf(device->text, sizeof device->text, "%.255s", text);
    device->usable = usable;
}

size_t fmpnn_devices(fmpnn_device *device, size_t size)
{
    fmpnn_error why;
    char name[16], text[256];
    int found = 0;
    const fmpnn_cuda_plugin *plugin = fmpnn_cuda_plugin_open(&why);
    if (size)
        describe_device(&device[0], "cpu", true, "ready");
    if (!plugin || plugin->count(&found, &why) || !found) {
        if (size > 1)
            describe_device(&device[1], "cuda", false, why.message);
        return 2;
    }
    for (int n = 0; n < found && (size_t)n + 1 < size; n++) {
        bool usable = plugin->describe(n, text, sizeof text, &why) == FMPNN_OK;
        snprintf(name, sizeof name, "cuda:%d", n);
        describe_device(&device[n + 1], name, usable, usable ? text : why.message);
    }
    return (size_t)found + 1;
}
