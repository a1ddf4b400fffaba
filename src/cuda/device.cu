/* Opening devices, memory, failures. */
#include "cuda/device.cuh"

#include <string.h>
#include <sys/mman.h>

static size_t fail_at, calls;

cudaError_t cuda_checked(cudaError_t code)
{
    size_t number = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    return number == fail_at ? cudaErrorLaunchFailure : code;
}

static void set_fail_at(size_t n)
{
    calls = 0;
    fail_at = n;
}

static size_t count_calls(void)
{
    return calls;
}

fmpnn_status cuda_failed(cudaError_t code, const char *call, const char *file, int line,
                         fmpnn_error *err)
{
    const char *slash = strrchr(file, '/');
    cudaGetLastError(); /* the next call must not see this failure again */
    return fmpnn_fail(err, code == cudaErrorMemoryAllocation ? FMPNN_ENOMEM : FMPNN_ECUDA,
                      "%s: %s (%s:%d: %.80s)", cudaGetErrorName(code),
                      cudaGetErrorString(code), slash ? slash + 1 : file, line, call);
}

fmpnn_status device_enter(const fmpnn_context *ctx, device **out, fmpnn_error *err)
{
    device *dev = (device *)ctx->device;
    CUDA_TRY(cudaSetDevice(dev->number), err);
    *out = dev;
    return FMPNN_OK;
}

/* ---- memory ---- */

/* Blocks come from cudaMalloc() and are kept here. The first from the driver's stream-ordered pool
 * takes 11 ms, the first GiB from cudaMalloc() 0.3. */

/* Rounded up to one of four sizes between powers of two, so that it fits again. */
static size_t kept_size(size_t bytes)
{
    size_t step = 1;
    while (step * 8 < bytes)
        step *= 2;
    return (bytes + step - 1) / step * step;
}

/* A block that lies about, neither too small nor far too large. */
static void *find_kept(device *dev, size_t bytes)
{
    kept_block *best = NULL;
    pthread_mutex_lock(&dev->lock);
    for (kept_block *k = dev->kept; k < dev->kept + KEPT; k++)
        if (k->block && !k->used && k->size >= bytes && k->size / 2 <= bytes &&
            (!best || k->size < best->size))
            best = k;
    if (best)
        best->used = true;
    pthread_mutex_unlock(&dev->lock);
    return best ? best->block : NULL;
}

/* Give a block back to the driver, once the stream does not need it. */
static void free_block(device *dev, void *block)
{
    cudaStreamSynchronize(dev->stream);
    cudaFree(block);
    cudaGetLastError();
}

/* Give back what lies about; a block in use is never touched. */
static void drop_kept(device *dev)
{
    pthread_mutex_lock(&dev->lock);
    for (kept_block *k = dev->kept; k < dev->kept + KEPT; k++)
        if (k->block && !k->used) {
            free_block(dev, k->block);
            k->block = NULL;
        }
    pthread_mutex_unlock(&dev->lock);
}

/* Enter a new block into the list, if there is a place for it. */
static void keep(device *dev, void *block, size_t size)
{
    kept_block *place = NULL;
    pthread_mutex_lock(&dev->lock);
    for (kept_block *k = dev->kept; k < dev->kept + KEPT && !place; k++)
        if (!k->block)
            place = k;
    for (kept_block *k = dev->kept; k < dev->kept + KEPT && !place; k++)
        if (!k->used) {
            free_block(dev, k->block);
            place = k;
        }
    if (place)
        *place = (kept_block){block, size, true};
    pthread_mutex_unlock(&dev->lock);
}

fmpnn_status device_name_size(device *dev, const char *what, size_t residues, size_t need,
                              size_t held, fmpnn_error *err)
{
    size_t left = 0, all = 0;
    drop_kept(dev);
    CUDA_TRY(cudaMemGetInfo(&left, &all), err);
    return fmpnn_fail(err, FMPNN_ENOMEM,
                      "device cuda:%d: %zu residues take %zu MiB%s, %zu MiB are free: about %zu "
                      "residues would fit",
                      dev->number, residues, (need + held) >> 20, what, (left + held) >> 20,
                      (size_t)((double)residues * (double)(left + held) /
                               (double)(need + held)));
}

static fmpnn_status no_memory(device *dev, cudaError_t code, size_t bytes, fmpnn_error *err)
{
    size_t left = 0, all = 0;
    if (code != cudaErrorMemoryAllocation)
        return cuda_failed(code, "cudaMalloc", __FILE__, __LINE__, err);
    cudaGetLastError();
    CUDA_TRY(cudaMemGetInfo(&left, &all), err);
    return fmpnn_fail(err, FMPNN_ENOMEM,
                      "device cuda:%d: %zu bytes asked, %zu of %zu are free: shorter "
                      "structures or fewer at a time would fit",
                      dev->number, bytes, left, all);
}

fmpnn_status device_allow_shared(const device *dev, const void *kernel, size_t own,
                                 fmpnn_error *err)
{
    CUDA_TRY(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  dev->shared_limit - (int)own),
             err);
    return FMPNN_OK;
}

fmpnn_status device_alloc(device *dev, size_t bytes, void **out, fmpnn_error *err)
{
    cudaError_t code;
    size_t size = kept_size(bytes + !bytes);
    *out = find_kept(dev, bytes);
    if (*out)
        return FMPNN_OK;
    code = cuda_checked(cudaMalloc(out, size));
    if (code == cudaErrorMemoryAllocation) { /* with what lies about, and no more than needed */
        cudaGetLastError();
        drop_kept(dev);
        size = bytes + !bytes;
        code = cuda_checked(cudaMalloc(out, size));
    }
    if (code != cudaSuccess) {
        *out = NULL;
        return no_memory(dev, code, bytes, err);
    }
    keep(dev, *out, size);
    return FMPNN_OK;
}

void device_release(device *dev, void *block)
{
    bool kept = false;
    if (!block)
        return;
    pthread_mutex_lock(&dev->lock);
    for (kept_block *k = dev->kept; k < dev->kept + KEPT && !kept; k++)
        if (k->block == block) {
            k->used = false;
            kept = true;
        }
    pthread_mutex_unlock(&dev->lock);
    if (!kept)
        free_block(dev, block);
}

static void pinned_clear(pinned_block *p)
{
    if (p->own) {
        cudaHostUnregister(p->block);
        fmpnn_release(p->own);
    } else if (p->block) {
        cudaFreeHost(p->block);
    }
    *p = (pinned_block){NULL, NULL, 0};
}

/* Memory of ours whose pages are there already is pinned in a fifth of the time that
 * cudaMallocHost() takes (3 and 25 ms for 64 MB), during which nobody else can call the driver.
 * False: this driver cannot. */
static bool pin_own(pinned_block *p, size_t size)
{
    const size_t PAGE = 4096, LARGE = 2 << 20, unit = size < LARGE ? PAGE : LARGE;
    size = (size + unit - 1) / unit * unit;
    char *own = (char *)fmpnn_alloc(size + unit, 1);
    if (!own)
        return false;
    char *block = own + (unit - (uintptr_t)own % unit) % unit;
    madvise(block, size, MADV_HUGEPAGE); /* fewer, where there are any */
    for (size_t at = 0; at < size; at += PAGE)
        block[at] = 0;
    if (cudaHostRegister(block, size, cudaHostRegisterDefault) != cudaSuccess) {
        cudaGetLastError();
        fmpnn_release(own);
        return false;
    }
    *p = (pinned_block){block, own, size};
    return true;
}

static fmpnn_status pinned_grow(pinned_block *p, size_t bytes, void **out, fmpnn_error *err)
{
    if (bytes > p->size) {
        size_t size = bytes + bytes / 4;
        pinned_clear(p);
        if (!pin_own(p, size)) {
            void *block = NULL;
            CUDA_TRY(cudaMallocHost(&block, size), err);
            *p = (pinned_block){block, NULL, size};
        }
    }
    *out = p->block;
    return FMPNN_OK;
}

fmpnn_status device_pinned(device *dev, size_t bytes, void **out, fmpnn_error *err)
{
    return pinned_grow(&dev->pinned, bytes, out, err);
}

fmpnn_status device_stage(device *dev, int which, size_t bytes, void **out, fmpnn_error *err)
{
    return pinned_grow(&dev->stage[which], bytes, out, err);
}

fmpnn_status device_wait(device *dev, fmpnn_error *err)
{
    CUDA_TRY(cudaStreamSynchronize(dev->stream), err);
    return FMPNN_OK;
}

void device_keep(device *dev)
{
    __atomic_add_fetch(&dev->references, 1, __ATOMIC_RELAXED);
}

void device_drop(device *dev)
{
    if (!dev || __atomic_sub_fetch(&dev->references, 1, __ATOMIC_ACQ_REL))
        return;
    cudaSetDevice(dev->number);
    device_forget_weights(dev);
    drop_kept(dev);
    pthread_mutex_destroy(&dev->lock);
    if (dev->stream) {
        cudaStreamSynchronize(dev->stream);
        cudaStreamDestroy(dev->stream);
    }
    for (int n = 0; n < 4; n++)
        if (dev->landed[n])
            cudaEventDestroy(dev->landed[n]);
    for (int n = 0; n < STAGES; n++)
        pinned_clear(&dev->stage[n]);
    pinned_clear(&dev->pinned);
    fmpnn_release(dev);
}

/* ---- what the plugin offers ---- */

static fmpnn_status count_devices(int *devices, fmpnn_error *err)
{
    CUDA_TRY(cudaGetDeviceCount(devices), err);
    return FMPNN_OK;
}

static fmpnn_status describe(int n, char *text, size_t size, fmpnn_error *err)
{
    cudaDeviceProp p;
    CUDA_TRY(cudaGetDeviceProperties(&p, n), err);
    if (p.major < 8)
        return fmpnn_fail(err, FMPNN_EDEVICE, "%s has compute capability %d.%d: 8.0 is needed",
                          p.name, p.major, p.minor);
    snprintf(text, size, "%s, sm_%d%d, %.0f GiB", p.name, p.major, p.minor,
             (double)p.totalGlobalMem / (1 << 30));
    return FMPNN_OK;
}

static void close_context(fmpnn_context *ctx)
{
    device_drop((device *)ctx->device);
}

/* One for each device and precision: contexts of the same one may share encodings. */
enum { MOST_DEVICES = 64 };
static const char identities[MOST_DEVICES][2] = {{0}};

/* What a first allocation and a first launch would otherwise pay for. */
static fmpnn_status prepare(device *dev, fmpnn_error *err)
{
    cudaDeviceProp p;
    CUDA_TRY(cudaSetDevice(dev->number), err);
    CUDA_TRY(cudaGetDeviceProperties(&p, dev->number), err);
    if (p.major < 8)
        return fmpnn_fail(err, FMPNN_EDEVICE,
                          "%s has compute capability %d.%d, 8.0 is needed", p.name, p.major,
                          p.minor);
    dev->multiprocessors = p.multiProcessorCount;
    dev->shared_limit = (int)p.sharedMemPerBlockOptin;
    dev->major = p.major;
    dev->minor = p.minor;
    snprintf(dev->isa, sizeof dev->isa, "sm_%d%d", p.major, p.minor);
    CUDA_TRY(cudaStreamCreateWithFlags(&dev->stream, cudaStreamNonBlocking), err);
    for (int n = 0; n < 4; n++)
        CUDA_TRY(cudaEventCreateWithFlags(&dev->landed[n],
                                          n < 2 ? cudaEventDisableTiming
                                                : cudaEventDisableTiming |
                                                      cudaEventBlockingSync),
                 err);
    return FMPNN_OK;
}

/* What the user allows, or a third of what is free: several contexts may share a device. */
static fmpnn_status set_budget(device *dev, size_t max_memory, fmpnn_error *err)
{
    size_t left = 0, all = 0;
    CUDA_TRY(cudaMemGetInfo(&left, &all), err);
    dev->budget = max_memory ? max_memory : left / 3;
    return FMPNN_OK;
}

extern "C" const fmpnn_backend fmpnn_backend_cuda;

static fmpnn_status open_context(fmpnn_context *ctx, int n, const char *precision,
                                 fmpnn_error *err)
{
    int devices = 0;
    bool half = precision && !strcmp(precision, "fp16");
    if (precision && !half && strcmp(precision, "fp32") != 0)
        return fmpnn_fail(err, FMPNN_EDEVICE,
                          "precision %s: device cuda has fp32 and fp16", precision);
    TRY(count_devices(&devices, err));
    if (n >= devices || n >= MOST_DEVICES)
        return fmpnn_fail(err, FMPNN_EDEVICE, "there are %d, counted from 0", devices);
    device *dev = (device *)fmpnn_alloc_zero(1, sizeof *dev);
    if (!dev)
        return fmpnn_fail_memory(err, "opening a device");
    dev->number = n;
    dev->split = !half;
    dev->references = 1;
    pthread_mutex_init(&dev->lock, NULL);
    fmpnn_status status = prepare(dev, err);
    if (!status)
        status = set_budget(dev, ctx->max_memory, err);
    if (status) {
        device_drop(dev);
        return status;
    }
    ctx->backend = &fmpnn_backend_cuda;
    ctx->isa = dev->isa;
    ctx->precision = half ? "fp16" : "fp32";
    ctx->identity = &identities[n][half];
    ctx->device = dev;
    ctx->close = close_context;
    if (half)
        snprintf(ctx->note, sizeof ctx->note,
                 "precision fp16: log-probabilities are off by up to 1.4e-2, docs/accuracy.md");
    return FMPNN_OK;
}

static const fmpnn_cuda_plugin plugin = {
    FMPNN_CUDA_ABI_HERE,
    count_devices,
    describe,
    open_context,
    set_fail_at,
    count_calls,
};

extern "C" __attribute__((visibility("default"))) const fmpnn_cuda_plugin *
fmpnn_cuda_plugin_get(void)
{
    return &plugin;
}
