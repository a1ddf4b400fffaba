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

void check_dispatch(check *c)
{
    check_case(c, "dispatch");
    const size_t count = fmpnn_isa_count();
    const char *best = fmpnn_isa_name(count - 1);
    const fmpnn_kernels *shared = fmpnn_kernels_for(c->isa);
    fmpnn_kernels generic, none;
    if (!fmpnn_kernels_init(&generic, "generic") || strcmp(generic.isa, "generic") != 0)
        check_fail(c, "generic is not to be had");
    if (fmpnn_isa_name(count) != NULL || strcmp(fmpnn_isa_name(0), "generic") != 0)
        check_fail(c, "the list of instruction sets is not generic .. best");
    if (!fmpnn_kernels_for(NULL) || strcmp(fmpnn_kernels_for(NULL)->isa, best) != 0)
        check_fail(c, "the default is not %s", best);
    if (fmpnn_kernels_for("vax") || fmpnn_kernels_init(&none, "") ||
        fmpnn_kernels_init(&none, "AVX2"))
        check_fail(c, "an unknown instruction set was granted");
    if (!shared || strcmp(shared->isa, c->isa) != 0 ||
        shared != fmpnn_kernels_for(c->isa)) {
        check_fail(c, "the shared table is not %s", c->isa);
        return;
    }
    if (differing(shared, c->kernels))
        check_fail(c, "two tables for %s differ", c->isa);
    if (strcmp(c->isa, "generic") != 0 && differing(shared, &generic) == 0)
        check_fail(c, "all kernels are the generic ones");
    for (size_t n = 0; n < count; n++)
        if (strcmp(fmpnn_isa_name(n), c->isa) != 0 &&
            differing(shared, fmpnn_kernels_for(fmpnn_isa_name(n))) == 0)
            check_fail(c, "all kernels are those of %s", fmpnn_isa_name(n));
    c->values++;
}
