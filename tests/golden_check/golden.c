/* golden DIR [options]: see usage below. Which form of manifest it is follows from its top-level
 * keys. */
#include "golden.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: golden DIR [--through engine|reference|both] [--device D] [--precision P]\n"
    "              [--isa NAME] [--structures DIR] [--weights DIR] [--case GLOB] [--list]\n"
    "\n"
    "Compute the cases of DIR/manifest.json again and compare every tensor. A line for "
    "each\n"
    "case and path: largest absolute difference / limit for each tensor.\n"
    "Exit status: 0 all passed, 1 something failed or nothing matched, 2 usage.\n"
    "  --through     engine (fused), reference (plain formulas, float64 and float32), or "
    "both\n"
    "  --device      what computes the engine's path: cpu (default), cuda, cuda:N\n"
    "  --isa         instruction set of the engine; not running it is a failure\n"
    "  --precision   precision of the engine, default fp32\n"
    "  --structures  structure files; default DIR/structures, else DIR/../../structures\n"
    "  --weights     a folder searched for weights, beside the installed ones\n";

static int usage_error(const char *format, const char *what)
{
    fprintf(stderr, "golden: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n%s", usage);
    return 2;
}

static bool choose_paths(golden_options *options, const char *through)
{
    options->engine = !strcmp(through, "engine") || !strcmp(through, "both");
    options->reference = !strcmp(through, "reference") || !strcmp(through, "both");
    return options->engine || options->reference;
}

/* 0 to go on, else the exit status plus one. */
static int parse(int argc, char **argv, golden_options *o)
{
    const struct {
        const char *name;
        const char **value;
    } table[] = {{"--precision", &o->precision},
                 {"--isa", &o->isa},
                 {"--device", &o->device},
                 {"--structures", &o->structures},
                 {"--weights", &o->weights},
                 {"--case", &o->glob}};
    const char *through = "both";
    for (int n = 1; n < argc; n++) {
        const char *word = argv[n], **value = NULL;
        if (!strcmp(word, "--help")) {
            printf("%s", usage);
            return 1;
        }
        if (!strcmp(word, "--list")) {
            o->list = true;
            continue;
        }
        if (!strcmp(word, "--through"))
            value = &through;
        for (size_t k = 0; k < sizeof table / sizeof *table; k++)
            if (!strcmp(word, table[k].name))
                value = table[k].value;
        if (value && ++n >= argc)
            return 1 + usage_error("%s needs a value", word);
        if (value)
            *value = argv[n];
        else if (word[0] == '-')
            return 1 + usage_error("unknown option %s", word);
        else if (o->folder)
            return 1 + usage_error("one folder at a time, not also %s", word);
        else
            o->folder = word;
    }
    if (!o->folder)
        return 1 + usage_error("%s", "no folder given");
    if (!choose_paths(o, through))
        return 1 +
               usage_error("--through takes engine, reference or both, not %s", through);
    return 0;
}

bool golden_wanted(const golden_options *options, const char *name, golden_totals *totals)
{
    if (options->glob && fnmatch(options->glob, name, 0) != 0)
        return false;
    totals->matched++;
    if (options->list)
        printf("%s\n", name);
    return !options->list;
}

/* The forms of manifest, by keys that only they have. */
static void (*family_of(const json_t *m))(const golden_options *, const json_t *,
                                          golden_totals *)
{
    const char *kind = json_string_value(json_object_get(m, "kind"));
    if (kind && !strcmp(kind, "message_pass"))
        return golden_message_pass;
    if (json_object_get(m, "producer") && json_is_object(json_object_get(m, "meaning")))
        return golden_ligandmpnn;
    if (json_is_string(json_object_get(m, "format")) &&
        json_is_string(json_object_get(m, "alphabet")))
        return golden_proteinmpnn;
    return NULL;
}

static int check(const golden_options *options)
{
    char path[4096];
    json_error_t problem;
    golden_totals totals = {0};
    snprintf(path, sizeof path, "%s/manifest.json", options->folder);
    json_t *manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (!manifest) {
        fprintf(stderr, "golden: %s:%d: %s\n", path, problem.line, problem.text);
        return 1;
    }
    void (*walk)(const golden_options *, const json_t *, golden_totals *) =
        family_of(manifest);
    if (!walk)
        fprintf(stderr, "golden: %s: not a manifest of a known form\n", path);
    else if (!json_is_array(json_object_get(manifest, "cases")))
        fprintf(stderr, "golden: %s: no list \"cases\"\n", path);
    else
        walk(options, manifest, &totals);
    json_decref(manifest);
    if (!totals.matched) {
        fprintf(stderr, "golden: no case %s%s in %s\n", options->glob ? "like " : "at all",
                options->glob ? options->glob : "", options->folder);
        return 1;
    }
    if (options->list)
        return 0;
    printf("golden: %zu cases: %zu passed, %zu failed", totals.matched, totals.passed,
           totals.failed);
    if (totals.reported)
        printf(", %zu of reduced precision reported, not judged", totals.reported);
    printf("\n");
    return totals.failed || !(totals.passed + totals.reported) ? 1 : 0;
}

int main(int argc, char **argv)
{
    golden_options options = {0};
    int stop = parse(argc, argv, &options);
    return stop ? stop - 1 : check(&options);
}
