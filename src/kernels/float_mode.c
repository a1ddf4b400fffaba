/* Denormals cost a hundred cycles each on many processors, and the radial basis makes them by the
 * thousand. They are flushed, operands and results, while the library computes. */
#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 }; /* bits of MXCSR */

unsigned fmpnn_float_mode_enter(void)
{
    unsigned state = _mm_getcsr();
    _mm_setcsr(state | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return state;
}

void fmpnn_float_mode_leave(unsigned state)
{
    _mm_setcsr(state);
}

#elif defined(__aarch64__)

/* FPCR.FZ, bit 24, flushes both. The upper half of FPCR is reserved, so 32 bits hold the state. */
static void set_fpcr(uint64_t state)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(state));
}

unsigned fmpnn_float_mode_enter(void)
{
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    set_fpcr(state | UINT64_C(1) << 24);
    return (unsigned)state;
}

void fmpnn_float_mode_leave(unsigned state)
{
    set_fpcr(state);
}

#else

unsigned fmpnn_float_mode_enter(void)
{
    return 0;
}

void fmpnn_float_mode_leave(unsigned state)
{
    (void)state;
}

#endif
