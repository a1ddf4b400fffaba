#include "bench.h"

#include <string.h>

/* Those compiled (CMakeLists.txt), in ascending order. */
#ifdef BENCH_X86
#define BENCH_ISAS(X) X(generic) X(avx2) X(avx512)
#else
#define BENCH_ISAS(X) X(generic)
#endif

#define DECLARE(isa) extern const bench_loops bench_loops_##isa;
BENCH_ISAS(DECLARE)

#define LIST(isa) &bench_loops_##isa,
static const bench_loops *const compiled[] = {BENCH_ISAS(LIST)};

const bench_loops *bench_loops_for(const char *isa)
{
    /* Usable instruction sets ascend too: take the last one compiled up to `isa`. */
    const bench_loops *best = compiled[0];
    for (size_t n = 0; n < fmpnn_isa_count(); n++) {
        for (size_t c = 0; c < sizeof compiled / sizeof *compiled; c++)
            if (!strcmp(compiled[c]->isa, fmpnn_isa_name(n)))
                best = compiled[c];
        if (!strcmp(fmpnn_isa_name(n), isa))
            break;
    }
    return best;
}

bench_matrix_loop *bench_matrix_loop_for(const char *isa, const char *precision)
{
#ifdef BENCH_X86
    if (!strcmp(isa, "amx"))
        return bench_matrix_loop_amx(precision);
    if (!strcmp(isa, "avx512"))
        return bench_matrix_loop_avx512(precision);
#endif
    (void)isa;
    (void)precision;
    return NULL;
}
