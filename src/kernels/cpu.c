/* CPUID says what the silicon can do; XCR0 says which registers the operating system saves on a
 * task switch. Using a register that it does not save faults, so both must agree. */
#define _GNU_SOURCE
#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <pthread.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum {
    STATE_YMM = 0x06, /* XCR0: xmm and the upper halves of ymm */
    STATE_ZMM = 0xe6, /* and mask registers, upper halves of zmm 0-15, zmm 16-31 */
    STATE_TILES = 0x60000 /* tile configuration and data */
};

static unsigned state_enabled(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    unsigned low,
        high; /* xgetbv as bytes: its mnemonic needs a flag that this file lacks */
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool find_avx2(void)
{
    unsigned a, b, c, d;
    if ((state_enabled() & STATE_YMM) != STATE_YMM)
        return false;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX) || !(c & bit_FMA))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

static bool find_avx512(void)
{
    const unsigned needed = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    unsigned a, b, c, d;
    return find_avx2() && (state_enabled() & STATE_ZMM) == STATE_ZMM &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & needed) == needed;
}

/* Linux grants the 8 KiB of tile state to processes that ask. */
static bool ask_for_tiles(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

static bool made_by_amd(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx && c == signature_AMD_ecx &&
           d == signature_AMD_edx;
}

/* Asked once: under a hypervisor each CPUID is a trap, and tables and packing ask often. */
static struct {
    bool avx2, avx512, amx, bf16_vectors;
} found;
static pthread_once_t looked = PTHREAD_ONCE_INIT;

static void look(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AVX512_BF16 = 1 << 5 };
    unsigned a, b, c, d, a1;
    found.avx2 = find_avx2();
    found.avx512 = find_avx512();
    if (!found.avx512 || !__get_cpuid_count(7, 1, &a1, &b, &c, &d) || !(a1 & AVX512_BF16))
        return;
    found.amx = (state_enabled() & STATE_TILES) == STATE_TILES &&
                __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16) && (d & AMX_TILE) &&
                ask_for_tiles();
    found.bf16_vectors = !found.amx && made_by_amd();
}

bool fmpnn_cpu_has_avx2(void)
{
    pthread_once(&looked, look);
    return found.avx2;
}

bool fmpnn_cpu_has_avx512(void)
{
    pthread_once(&looked, look);
    return found.avx512;
}

bool fmpnn_cpu_has_amx(void)
{
    pthread_once(&looked, look);
    return found.amx;
}

bool fmpnn_cpu_has_bf16_vectors(void)
{
    pthread_once(&looked, look);
    return found.bf16_vectors;
}

#else

bool fmpnn_cpu_has_amx(void)
{
    return false;
}

bool fmpnn_cpu_has_bf16_vectors(void)
{
    return false;
}

bool fmpnn_cpu_has_avx2(void)
{
    return false;
}

bool fmpnn_cpu_has_avx512(void)
{
    return false;
}

#endif
