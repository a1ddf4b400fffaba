/* A CUDA runtime without a device, so that the host's side of src/cuda can be tested where there is
 * none: memory is the host's, kernels do nothing. Logits come out as 0 and no letter is drawn, so
 * every design is the native sequence; what is planned, sent, handed out, freed and shared among
 * threads and devices is as with a device; kernels' limits of shared memory are kept, and may not
 * be lowered, since another thread's launch may rely on them. STUB_DEVICES (1): how many there are;
 * STUB_MIB: larger allocations fail, and so much is there to begin with; STUB_ALLOCATIONS: how many
 * succeed; STUB_CONNECTIONS: how often the driver must have been told to connect; STUB_REGISTERS (1): 0 where host memory cannot be registered; STUB_US: how long a wait
 * takes. */
#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long setting(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static size_t most_bytes(void)
{
    return (size_t)setting("STUB_MIB", 8192) << 20;
}

/* ---- what nvcc's host code calls ---- */

void **__cudaRegisterFatBinary(void *fat)
{
    static void *handle;
    (void)fat;
    return &handle;
}
void __cudaRegisterFatBinaryEnd(void **handle)
{
    (void)handle;
}
void __cudaUnregisterFatBinary(void **handle)
{
    (void)handle;
}
void __cudaRegisterFunction(void **handle, const char *host, char *device, const char *name,
                            int limit, void *tid, void *bid, void *block, void *grid,
                            int *size)
{
    (void)handle, (void)host, (void)device, (void)name, (void)limit;
    (void)tid, (void)bid, (void)block, (void)grid, (void)size;
}
cudaError_t __cudaGetKernel(void **kernel, const void *function)
{
    *kernel = (void *)function;
    return cudaSuccess;
}
static cudaError_t launched(const void *kernel, size_t shared);
cudaError_t __cudaLaunchKernel(void *kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared, cudaStream_t stream)
{
    (void)grid, (void)block, (void)arguments, (void)stream;
    return launched(kernel, shared);
}
static _Thread_local size_t configured; /* by <<< >>>, for the launch that follows */
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream)
{
    (void)grid, (void)block, (void)stream;
    configured = shared;
    return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream)
{
    (void)grid, (void)block, (void)stream;
    *shared = configured;
    return cudaSuccess;
}

/* ---- devices ---- */

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = (int)setting("STUB_DEVICES", 1);
    long connections = setting("STUB_CONNECTIONS", 0);
    return !connections || connections == setting("CUDA_DEVICE_MAX_CONNECTIONS", 8)
               ? cudaSuccess
               : cudaErrorInvalidValue;
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int n)
{
    (void)n;
    memset(p, 0, sizeof *p);
    strcpy(p->name, "stub");
    p->major = 9;
    p->multiProcessorCount = 132;
    p->sharedMemPerBlockOptin = 232448;
    p->totalGlobalMem = most_bytes();
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int n)
{
    (void)n;
    return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveClusters(int *count, const void *kernel,
                                           const cudaLaunchConfig_t *config)
{
    (void)kernel, (void)config;
    *count = 16;
    return cudaSuccess;
}

/* ---- kernels ---- */

enum { MOST_KERNELS = 256, WITHOUT_ASKING = 48 << 10 };
static struct {
    const void *kernel;
    int bytes;
} allowed[MOST_KERNELS];
static pthread_mutex_t allowed_lock = PTHREAD_MUTEX_INITIALIZER;

static int *allowed_bytes(const void *kernel)
{
    int n = 0;
    while (allowed[n].kernel && allowed[n].kernel != kernel)
        n++; /* more kernels than the table has would be found by the sanitizer */
    if (!allowed[n].kernel) {
        allowed[n].kernel = kernel;
        allowed[n].bytes = WITHOUT_ASKING;
    }
    return &allowed[n].bytes;
}
static cudaError_t launched(const void *kernel, size_t shared)
{
    pthread_mutex_lock(&allowed_lock);
    int most = *allowed_bytes(kernel);
    pthread_mutex_unlock(&allowed_lock);
    return shared <= (size_t)most ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute what, int value)
{
    cudaError_t code = cudaSuccess;
    if (what != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return code;
    pthread_mutex_lock(&allowed_lock);
    int *bytes = allowed_bytes(kernel);
    if (value < *bytes)
        code = cudaErrorInvalidValue;
    else
        *bytes = value;
    pthread_mutex_unlock(&allowed_lock);
    return code;
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *kernel,
                                void **arguments)
{
    (void)arguments;
    return launched(kernel, config->dynamicSmemBytes);
}

/* ---- failures ---- */

cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}
const char *cudaGetErrorName(cudaError_t code)
{
    return code == cudaErrorLaunchFailure  ? "cudaErrorLaunchFailure"
           : code == cudaErrorInvalidValue ? "cudaErrorInvalidValue"
                                           : "cudaErrorOther";
}
const char *cudaGetErrorString(cudaError_t code)
{
    (void)code;
    return "of the stub";
}

/* ---- memory ---- */

static size_t used;
enum { BEFORE = 64 }; /* bytes before a block, for its size */

cudaError_t cudaMalloc(void **block, size_t size)
{
    static long count;
    *block = NULL;
    char *whole = size <= most_bytes() && __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) <=
                                              setting("STUB_ALLOCATIONS", 1L << 40)
                      ? malloc(BEFORE + size)
                      : NULL;
    if (!whole)
        return cudaErrorMemoryAllocation;
    memcpy(whole, &size, sizeof size);
    __atomic_add_fetch(&used, size, __ATOMIC_RELAXED);
    *block = whole + BEFORE;
    return cudaSuccess;
}
cudaError_t cudaFree(void *block)
{
    size_t size;
    if (!block)
        return cudaSuccess;
    memcpy(&size, (char *)block - BEFORE, sizeof size);
    __atomic_sub_fetch(&used, size, __ATOMIC_RELAXED);
    free((char *)block - BEFORE);
    return cudaSuccess;
}
cudaError_t cudaMallocHost(void **block, size_t size)
{
    *block = malloc(size);
    return *block ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void *block)
{
    free(block);
    return cudaSuccess;
}
cudaError_t cudaHostRegister(void *block, size_t size, unsigned flags)
{
    (void)block, (void)size, (void)flags;
    return setting("STUB_REGISTERS", 1) ? cudaSuccess : cudaErrorNotSupported;
}
cudaError_t cudaHostUnregister(void *block)
{
    (void)block;
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *left, size_t *all)
{
    size_t held = __atomic_load_n(&used, __ATOMIC_RELAXED);
    *all = most_bytes();
    *left = held < *all ? *all - held : 0;
    return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t size, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    (void)kind, (void)stream;
    memcpy(dst, src, size);
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *dst, int value, size_t size, cudaStream_t stream)
{
    (void)stream;
    memset(dst, value, size);
    return cudaSuccess;
}

/* ---- streams and events ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    (void)flags;
    *stream = malloc(1);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    free(stream);
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    (void)stream;
    return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    (void)stream, (void)event, (void)flags;
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    (void)flags;
    *event = malloc(1);
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    free(event);
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    (void)stream;
    *(volatile char *)event = 1;
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    (void)event;
    usleep((useconds_t)setting("STUB_US", 0));
    return cudaSuccess;
}
