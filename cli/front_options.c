#include "front_options.h"
#include "options.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length of the common beginning of an option as typed and a name of the table. */
static size_t agreement(const char *typed, size_t size, const char *name)
{
    size_t n = 0;
    while (n < size && name[n] &&
           (typed[n] == name[n] || (typed[n] == '-' && name[n] == '_')))
        n++;
    return n;
}

/* The row of `typed` (size characters, without the leading dashes); an exact name wins, else
 * the only name that begins so. */
static const front_row *find(const front *f, const char *typed, size_t size,
                             bool *ambiguous)
{
    const front_row *begun = NULL;
    *ambiguous = false;
    for (size_t n = 0; n < f->rows; n++) {
        if (agreement(typed, size, f->row[n].name) < size)
            continue;
        if (!f->row[n].name[size])
            return &f->row[n];
        *ambiguous = begun != NULL;
        begun = &f->row[n];
    }
    return *ambiguous ? NULL : begun;
}

static bool set_number(const front_row *row, const char *value, void *at)
{
    char *end;
    errno = 0;
    if (row->kind == FRONT_NUMBER) {
        double number = strtod(value, &end);
        if (end == value || *end || errno == ERANGE || !isfinite(number))
            return false;
        *(double *)at = number;
        return true;
    }
    long long whole = strtoll(value, &end, 10);
    if (end == value || *end || errno == ERANGE)
        return false;
    if (row->kind == FRONT_WHOLE)
        *(int64_t *)at = whole;
    else if (whole >= INT_MIN && whole <= INT_MAX)
        *(int *)at = (int)whole;
    else
        return false;
    return true;
}

static bool set(const front *f, const front_row *row, const char *value, void *target)
{
    void *at = (char *)target + row->target;
    if (row->kind == FRONT_TEXT)
        *(const char **)at = value;
    else if (row->kind == FRONT_FLAG)
        *(bool *)at = true;
    else if (!set_number(row, value, at)) {
        report_error("%s --%s: '%s' is no %s", f->name, row->name, value,
                     row->kind == FRONT_NUMBER ? "number" : "whole number in range");
        return false;
    }
    return true;
}

static int print_help(const front *f)
{
    static const char *const argument[] = {"TEXT", "N", "N", "X", ""};
    printf("Usage: fusempnn %s [options]\n%s\n\n", f->name, f->summary);
    for (size_t n = 0; n < f->rows; n++)
        printf("  --%s %s\n        %s\n", f->row[n].name, argument[f->row[n].kind],
               f->row[n].help);
    printf("\nNames may be written with dashes for underscores. docs/compatibility.md says "
           "what "
           "differs\nfrom the published scripts.\n");
    return EXIT_DONE;
}

int front_parse(const front *f, int argc, char **argv, void *target)
{
    for (int i = 0; i < argc; i++) {
        const char *typed = argv[i];
        bool ambiguous;
        if (!strcmp(typed, "--help") || !strcmp(typed, "-h"))
            return print_help(f);
        size_t size = strcspn(typed, "=");
        const front_row *row = NULL;
        if (size > 2 && !strncmp(typed, "--", 2))
            row = find(f, typed + 2, size - 2, &ambiguous);
        if (!row) {
            report_error("%s: %s '%s'; fusempnn %s --help lists the options", f->name,
                         size > 2 && !strncmp(typed, "--", 2)
                             ? ambiguous ? "more than one option begins with"
                                         : "unknown option"
                             : "unexpected argument",
                         typed, f->name);
            return EXIT_USAGE;
        }
        const char *value = typed[size] ? typed + size + 1 : NULL;
        if (row->kind == FRONT_FLAG ? value != NULL : !value && ++i == argc) {
            report_error(row->kind == FRONT_FLAG ? "%s --%s takes no value"
                                                 : "%s --%s needs a value",
                         f->name, row->name);
            return EXIT_USAGE;
        }
        if (!set(f, row, value ? value : argv[i], target))
            return EXIT_USAGE;
    }
    return -1;
}
