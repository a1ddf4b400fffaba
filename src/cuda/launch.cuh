/* Kernels of one encoding, or of one call, start while their predecessor ends: what does not depend
 * on it goes before `launch_wait`, and `launch_next` lets the successor start. Nothing before
 * sm_90. */
#ifndef FMPNN_CUDA_LAUNCH_CUH
#define FMPNN_CUDA_LAUNCH_CUH

__device__ inline void launch_wait(void)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ inline void launch_next(void)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#endif
