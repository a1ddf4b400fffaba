/* Products of warpgroups: 64 rows, 16 a warp in registers, by 128 columns whose weights lie in shared
 * memory. WGMMA: whether this code has them; elsewhere mma.sync takes their place, which is done
 * when it is issued. */
#ifndef FMPNN_CUDA_WGMMA_CUH
#define FMPNN_CUDA_WGMMA_CUH

#include <stdint.h>

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) && !defined(FMPNN_CUDA_NO_WGMMA)
#define WGMMA 1
#else
#define WGMMA 0
#endif

#if WGMMA

__device__ inline void wgmma_fence(void)
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ inline void wgmma_commit(void)
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int N> __device__ inline void wgmma_wait(void)
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* Matrices of 8 x 8 halves, 8 columns of 16 bytes each; the next one along K and along N so many bytes
 * further. */
__device__ inline uint64_t wgmma_matrix(uint32_t address, uint32_t along_k,
                                        uint32_t along_n)
{
    return (uint64_t)(address >> 4 & 0x3fff) | (uint64_t)(along_k >> 4) << 16 |
           (uint64_t)(along_n >> 4) << 32;
}

#define TILE8(n)                                                                           \
    "+f"(y[n]), "+f"(y[n + 1]), "+f"(y[n + 2]), "+f"(y[n + 3]), "+f"(y[n + 4]),            \
        "+f"(y[n + 5]), "+f"(y[n + 6]), "+f"(y[n + 7])

/* y = a W, or y += a W. */
__device__ inline void wgmma_step(float (&y)[64], const uint32_t a[4], uint64_t weights,
                                  int add)
{
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "setp.ne.b32 p, %69, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
        "{%64, %65, %66, %67}, %68, p, 1, 1, 0;\n"
        "}"
        : TILE8(0), TILE8(8), TILE8(16), TILE8(24), TILE8(32), TILE8(40), TILE8(48),
          TILE8(56)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(weights), "r"(add));
}

/* The same from shared memory, by 64 columns: y = a W, or y += a W. */
__device__ inline void wgmma_rows(float (&y)[32], uint64_t a, uint64_t weights, int add)
{
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "setp.ne.b32 p, %34, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, "
        "%31}, %32, %33, p, 1, 1, 0, 0;\n"
        "}"
        : TILE8(0), TILE8(8), TILE8(16), TILE8(24)
        : "l"(a), "l"(weights), "r"(add));
}
#undef TILE8

#else

__device__ inline void wgmma_fence(void)
{
}
__device__ inline void wgmma_commit(void)
{
}
template <int N> __device__ inline void wgmma_wait(void)
{
}

#endif
#endif
