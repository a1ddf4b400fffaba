/* check_kernels: every kernel slot on every instruction set of this machine against plain loops
 * in double. docs/kernels.md tells how to read and extend it. */
#include "check.h"

#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77, MAX_ISAS = 8 };


static const struct slot {
    const char *name;
    void (*values)(check *c);
    void (*rows)(check *c);
} slots[] = {
#define KERNEL(name, arguments) {#name, check_##name, check_rows_##name},
#include "kernels/kernels.def"
#undef KERNEL
    {"float_mode", check_float_mode, NULL},
    {"dispatch", check_dispatch, NULL},
};

enum { SLOTS = sizeof slots / sizeof *slots };

typedef struct options {
    const char *isa, *glob;
    uint64_t seed;
    bool all_floats, skip_missing;
} options;

/* What runs now, for the message of a fault. */
static check *current;

static void on_fault(int number)
{
    (void)number;
    static const char text[] = "FAIL: touched memory outside its arguments: ";
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0 || !current)
        _exit(1);
    const char *words[] = {current->isa, " ", current->slot, " ", current->what, "\n"};
    for (size_t n = 0; n < sizeof words / sizeof *words; n++)
        if (write(STDOUT_FILENO, words[n], strlen(words[n])) < 0)
            _exit(1);
    _exit(1);
}

/* One slot of one table. */
static check run_slot(const fmpnn_kernels *kernels, const char *isa,
                      const struct slot *slot, const options *o, bool quiet)
{
    check c = {.kernels = kernels, .isa = isa, .slot = slot->name, .seed = o->seed};
    c.random = o->seed;
    c.all_floats = o->all_floats;
    c.quiet = quiet;
    current = &c;
    slot->values(&c);
    if (slot->rows)
        slot->rows(&c);
    current = NULL;
    return c;
}

/* Fused multiply-add leaves one way to round, so all sets that have it must agree to the bit. */
static size_t compare_digests(uint64_t digest[MAX_ISAS][SLOTS])
{
    size_t differing = 0;
    for (size_t s = 0; s < SLOTS; s++)
        for (size_t n = 2; n < fmpnn_isa_count(); n++)
            if (digest[n][s] && digest[1][s] && digest[n][s] != digest[1][s]) {
                printf("FAIL %s: %s and %s differ in some bit\n", slots[s].name,
                       fmpnn_isa_name(1), fmpnn_isa_name(n));
                differing++;
            }
    return differing;
}

/* Every slot of one table. */
static void check_table(const fmpnn_kernels *kernels, const char *isa, const options *o,
                        uint64_t *digest, size_t *cases, size_t *failures)
{
    for (size_t s = 0; s < SLOTS; s++) {
        if (o->glob && fnmatch(o->glob, slots[s].name, 0) != 0)
            continue;
        const check c = run_slot(kernels, isa, &slots[s], o, false);
        printf("%-4s %-8s %-6s %-13s %5zu cases %9zu values  %016" PRIx64 "\n",
               c.failures ? "FAIL" : "ok", isa, kernels->precision, c.slot, c.cases, c.values,
               c.digest);
        fflush(stdout);
        if (digest)
            digest[s] = c.digest;
        *cases += c.cases;
        *failures += c.failures;
    }
}

static int check_all(const options *o)
{
    uint64_t digest[MAX_ISAS][SLOTS] = {{0}};
    size_t cases = 0, failures = 0, isas = 0;
    for (size_t n = 0; n < fmpnn_isa_count() && n < MAX_ISAS; n++) {
        const char *isa = fmpnn_isa_name(n);
        if (o->isa && strcmp(o->isa, isa) != 0)
            continue;
        fmpnn_kernels kernels;
        if (!fmpnn_kernels_init(&kernels, isa, NULL) || strcmp(kernels.isa, isa) != 0) {
            printf("FAIL %s is listed but cannot be had\n", isa);
            return 1;
        }
        isas++;
        for (size_t p = 0; fmpnn_precision_name(p); p++)
            if (fmpnn_kernels_init(&kernels, isa, fmpnn_precision_name(p)))
                check_table(&kernels, isa, o, p ? NULL : digest[n], &cases, &failures);
        const fmpnn_kernels *precise = fmpnn_kernels_precise(isa);
        if (strcmp(precise->precision, "fp32") != 0)
            check_table(precise, isa, o, NULL, &cases, &failures);
    }
    if (!isas) {
        printf("instruction set %s is not to be had on this machine\n", o->isa);
        return o->skip_missing ? SKIPPED : 1;
    }
    if (!cases) {
        printf("FAIL no kernel matches %s: nothing was checked\n", o->glob);
        return 1;
    }
    failures += compare_digests(digest);
    printf("%zu cases on %zu instruction set%s, %zu failures\n", cases, isas,
           isas == 1 ? "" : "s", failures);
    return failures != 0;
}

/* Planted faults must be seen, the sound table must pass, and every slot must have had a fault. */
static int self_test(const options *o)
{
    size_t missed = 0, planted[SLOTS] = {0};
    fmpnn_kernels kernels;
    const char *wanted, *fault;
    for (size_t n = 0; (fault = broken_table(n, &kernels, &wanted)) != NULL; n++)
        for (size_t s = 0; s < SLOTS; s++)
            if (strcmp(slots[s].name, wanted) == 0) {
                const check c = run_slot(&kernels, "planted", &slots[s], o, true);
                printf("%-6s %s (%zu failures reported)\n", c.failures ? "seen" : "MISSED",
                       fault, c.failures);
                missed += c.failures == 0;
                planted[s]++;
            }
    fmpnn_kernels_init(&kernels, "generic", NULL);
    for (size_t s = 0; s < SLOTS; s++) {
        const check c = run_slot(&kernels, "generic", &slots[s], o, true);
        if (c.failures || (slots[s].rows && !planted[s])) {
            printf("FAIL %s: %s\n", slots[s].name,
                   c.failures ? "the sound kernel fails too" : "no fault was planted");
            missed++;
        }
    }
    return missed != 0;
}

static int list(void)
{
    for (size_t s = 0; s < SLOTS; s++)
        printf("kernel %s\n", slots[s].name);
    for (size_t n = 0; n < fmpnn_isa_count(); n++)
        printf("isa %s\n", fmpnn_isa_name(n));
    return 0;
}

static const char usage[] =
    "usage: check_kernels [--isa NAME] [--kernel GLOB] [--seed N] [--all-floats]\n"
    "                     [--skip-missing] [--list | --bench | --self-test]\n";

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"isa", required_argument, NULL, 'i'},
        {"kernel", required_argument, NULL, 'k'},
        {"seed", required_argument, NULL, 's'},
        {"all-floats", no_argument, NULL, 'a'},
        {"skip-missing", no_argument, NULL, 'm'},
        {"list", no_argument, NULL, 'l'},
        {"bench", no_argument, NULL, 'b'},
        {"self-test", no_argument, NULL, 't'},
        {0},
    };
    options o = {.seed = 1};
    int what = 0, option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'i':
            o.isa = optarg;
            break;
        case 'k':
            o.glob = optarg;
            break;
        case 's':
            o.seed = strtoull(optarg, NULL, 0);
            break;
        case 'a':
            o.all_floats = true;
            break;
        case 'm':
            o.skip_missing = true;
            break;
        case 'l':
        case 'b':
        case 't':
            what = option;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    if (what == 'l')
        return list();
    if (what == 'b')
        return bench(o.isa, o.glob, o.seed);
    printf("seed %" PRIu64 "\n", o.seed);
    return what == 't' ? self_test(&o) : check_all(&o);
}
