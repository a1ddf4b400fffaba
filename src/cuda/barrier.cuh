/* Barriers in shared memory that count arrivals and bytes (PTX: mbarrier), and the copies that come
 * to them. All by the shared address; sm_90. */
#ifndef FMPNN_CUDA_BARRIER_CUH
#define FMPNN_CUDA_BARRIER_CUH

#include <stdint.h>

__device__ inline uint32_t shared_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)

/* A phase ends when `count` have arrived, and the bytes that were said to come. */
__device__ inline void barrier_init(uint32_t barrier, int count)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count)
                 : "memory");
}

/* After the last barrier_init(), before anyone but the thread uses one. */
__device__ inline void barriers_ready(void)
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void barrier_arrive(uint32_t barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/* The thread arrives and says what will come in the phase at hand. */
__device__ inline void barrier_expect(uint32_t barrier, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
                 "r"(bytes)
                 : "memory");
}

__device__ inline void barrier_wait(uint32_t barrier, unsigned phase)
{
    uint32_t there;
    do {
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, p;\n"
                     "}"
                     : "=r"(there)
                     : "r"(barrier), "r"(phase)
                     : "memory");
    } while (!there);
}

/* `bytes` from device memory to shared memory; `barrier` counts them. */
__device__ inline void bulk_copy(uint32_t dst, const void *src, int bytes, uint32_t barrier)
{
    barrier_expect(barrier, bytes);
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(dst),
                 "l"(src), "r"(bytes), "r"(barrier)
                 : "memory");
}

#endif
#endif
