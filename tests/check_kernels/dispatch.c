/* Does asking for an instruction set get its kernels, all of them, and nobody else's? */
#include "check.h"

#include <string.h>

/* How many slots two tables fill with different functions. */
static size_t differing(const fmpnn_kernels *a, const fmpnn_kernels *b)
{
    size_t count = 0;
#define KERNEL(name, arguments) count += a->name != b->name;
#include "kernels/kernels.def"
#undef KERNEL
    return count;
}

/* The matrix unit has no float32 products: amx in fp32 is avx512. */
static bool same_by_design(const char *a, const char *b)
{
    return (!strcmp(a, "amx") && !strcmp(b, "avx512")) || (!strcmp(a, "avx512") && !strcmp(b, "amx"));
}

void check_dispatch(check *c)
{
    check_case(c, "dispatch");
    const size_t count = fmpnn_isa_count();
    const char *best = fmpnn_isa_name(count - 1); /* with float32 kernels of its own: */
    if (!strcmp(best, "amx"))
        best = "avx512";
    const bool split = !strcmp(c->kernels->precision, "bf16x6");
    const fmpnn_kernels *shared = split ? fmpnn_kernels_precise(c->isa)
                                        : fmpnn_kernels_for(c->isa, c->kernels->precision);
    fmpnn_kernels generic, none;
    if (!fmpnn_kernels_init(&generic, "generic", NULL) || strcmp(generic.isa, "generic") != 0)
        check_fail(c, "generic is not to be had");
    if (fmpnn_isa_name(count) != NULL || strcmp(fmpnn_isa_name(0), "generic") != 0)
        check_fail(c, "the list of instruction sets is not generic .. best");
    if (!fmpnn_kernels_for(NULL, NULL) || strcmp(fmpnn_kernels_for(NULL, NULL)->isa, best) != 0)
        check_fail(c, "the default is not %s", best);
    if (fmpnn_kernels_for("vax", NULL) || fmpnn_kernels_init(&none, "", NULL) ||
        fmpnn_kernels_init(&none, "AVX2", NULL))
        check_fail(c, "an unknown instruction set was granted");
    if (fmpnn_kernels_for("generic", "bf16x3") || fmpnn_kernels_for(NULL, "fp8") ||
        fmpnn_kernels_for(NULL, "bf16x6"))
        check_fail(c, "a precision that is not there was granted");
    if (fmpnn_kernels_precise("vax") || !fmpnn_kernels_precise("generic"))
        check_fail(c, "precise products are not an instruction set's");
    if (!shared || strcmp(shared->isa, c->isa) != 0 ||
        strcmp(shared->precision, c->kernels->precision) != 0) {
        check_fail(c, "the shared table is not %s", c->isa);
        return;
    }
    if (differing(shared, c->kernels))
        check_fail(c, "two tables for %s differ", c->isa);
    if (strcmp(c->isa, "generic") != 0 && differing(shared, &generic) == 0)
        check_fail(c, "all kernels are the generic ones");
    for (size_t n = 0; n < count; n++)
        if (strcmp(fmpnn_isa_name(n), c->isa) != 0 && !same_by_design(c->isa, fmpnn_isa_name(n)) &&
            differing(shared, fmpnn_kernels_for(fmpnn_isa_name(n), NULL)) == 0)
            check_fail(c, "all kernels are those of %s", fmpnn_isa_name(n));
    c->values++;
}
