/* compare EXPECTED ACTUAL: two trees, or two files, of the published program and of the drop-in
 * front. Prints what differs; exit code 1 if anything does. Where ACTUAL has draws/
 * (--save_draws 1), a sequence may differ from the first draw on that was within 1e-3 of its
 * boundary. */
#define _POSIX_C_SOURCE 200809L
#include "compare.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void differ(comparison *c, const char *file, const char *format, ...)
{
    va_list arguments;
    c->differences++;
    printf("DIFF %s: ", file);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static bool ends(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n >= m && !strcmp(text + n - m, with);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

/* ---- text ---- */

/* A line without its elapsed time. */
static void blank_time(char *line)
{
    char *from = strstr(line, " generated in ");
    if (from && ends(line, " seconds"))
        from[strlen(" generated in ")] = '\0';
}

void compare_text(comparison *c, const char *expected, const char *actual)
{
    unsigned char *bytes[2] = {NULL, NULL};
    size_t size;
    fmpnn_error err;
    if (fmpnn_file_read(expected, 1 << 30, &bytes[0], &size, &err) ||
        fmpnn_file_read(actual, 1 << 30, &bytes[1], &size, &err)) {
        differ(c, actual, "%s", err.message);
    } else {
        char *a = (char *)bytes[0], *b = (char *)bytes[1];
        for (size_t line = 1; *a || *b; line++) {
            char *end[2] = {a + strcspn(a, "\n"), b + strcspn(b, "\n")};
            bool more[2] = {*end[0] != '\0', *end[1] != '\0'};
            *end[0] = *end[1] = '\0';
            blank_time(a);
            blank_time(b);
            c->values++;
            if (strcmp(a, b) != 0 || more[0] != more[1]) {
                differ(c, actual, "line %zu: '%.80s', expected '%.80s'", line, b, a);
                break;
            }
            a = end[0] + more[0];
            b = end[1] + more[1];
        }
    }
    fmpnn_release(bytes[0]);
    fmpnn_release(bytes[1]);
}

/* ---- trees ---- */

static void compare_file(comparison *c, const char *expected, const char *actual,
                         const char *draws, flips *f)
{
    c->files++;
    if (!fmpnn_file_exists(actual))
        differ(c, actual, "is missing");
    else if (ends(expected, ".npz"))
        compare_npz(c, expected, actual, f);
    else if (ends(expected, ".fa"))
        compare_fasta(c, expected, actual, draws, f);
    else
        compare_text(c, expected, actual);
}

/* Names in a folder, sorted so that seqs/ comes before what hangs on it. */
static int by_name_seqs_first(const struct dirent **a, const struct dirent **b)
{
    bool x = !strcmp((*a)->d_name, "seqs"), y = !strcmp((*b)->d_name, "seqs");
    return x != y ? (x ? -1 : 1) : strcmp((*a)->d_name, (*b)->d_name);
}
static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The flips of each structure; a few are enough for a comparison of results by hand. */
typedef struct shelf {
    struct {
        char name[256];
        flips f;
    } item[64];
    size_t count;
} shelf;

static flips *flips_of(shelf *s, const char *file)
{
    size_t size = strcspn(file, "."), n = 0;
    while (n < s->count &&
           (strlen(s->item[n].name) != size || strncmp(s->item[n].name, file, size) != 0))
        n++;
    if (n == 64)
        return NULL;
    if (n == s->count)
        snprintf(s->item[s->count++].name, 256, "%.*s", (int)size, file);
    return &s->item[n].f;
}

/* Files of `folder` in both trees; `only`: those of the second that the first lacks. */
static void compare_folder(comparison *c, const char *expected, const char *actual,
                           const char *folder, bool only, shelf *s)
{
    char from[4096], path[2][8192], draws[8192];
    struct dirent **entry = NULL;
    snprintf(from, sizeof from, "%s/%s", only ? actual : expected, folder);
    int count = scandir(from, &entry, is_visible, by_name_seqs_first);
    for (int n = 0; n < count; n++) {
        const char *name = entry[n]->d_name;
        snprintf(path[0], sizeof path[0], "%s/%s/%s", expected, folder, name);
        snprintf(path[1], sizeof path[1], "%s/%s/%s", actual, folder, name);
        snprintf(draws, sizeof draws, "%s/draws/%.*s.npz", actual, (int)strcspn(name, "."),
                 name);
        if (only && !fmpnn_file_exists(path[0]))
            differ(c, path[1], "is not expected");
        else if (!only)
            compare_file(c, path[0], path[1], fmpnn_file_exists(draws) ? draws : NULL,
                         flips_of(s, name));
        free(entry[n]);
    }
    free(entry);
}

static void compare_trees(comparison *c, const char *expected, const char *actual)
{
    static shelf s;
    for (int only = 0; only < 2; only++) {
        struct dirent **entry = NULL;
        int count =
            scandir(only ? actual : expected, &entry, is_visible, by_name_seqs_first);
        for (int n = 0; n < count; n++) {
            if (!only || strcmp(entry[n]->d_name, "draws") != 0)
                compare_folder(c, expected, actual, entry[n]->d_name, only, &s);
            free(entry[n]);
        }
        free(entry);
    }
}

int main(int argc, char **argv)
{
    comparison c = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: compare EXPECTED ACTUAL\n");
        return 2;
    }
    if (is_folder(argv[1]))
        compare_trees(&c, argv[1], argv[2]);
    else
        compare_file(&c, argv[1], argv[2], NULL, NULL);
    if (!c.files)
        differ(&c, argv[1], "nothing to compare");
    printf("%zu files, %zu values, %zu differences, %zu flipped draws, largest difference "
           "%.2g\n",
           c.files, c.values, c.differences, c.flipped, c.largest);
    return c.differences ? 1 : 0;
}
