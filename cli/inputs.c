/* Files, folders and lists become inputs; jobs.c reads the tables. */
#include "inputs.h"
#include "inputs_add.h"
#include "report.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

void inputs_own(inputs *in, void *block)
{
    in->owned = checked_grow(in->owned, in->owned_count + 1, sizeof *in->owned);
    in->owned[in->owned_count++] = block;
}

static input *append(inputs *in, const char *path, const options *o)
{
    if ((in->count & (in->count - 1)) == 0) /* full at powers of two */
        in->item = checked_grow(in->item, in->count ? 2 * in->count : 1, sizeof *in->item);
    input *item = &in->item[in->count++];
    memset(item, 0, sizeof *item);
    item->path = checked_copy(path);
    item->options = o;
    return item;
}

/* ---- names ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

/* Names become words of records and parts of file names. */
static void make_clean(char *name)
{
    for (char *at = name; *at; at++) {
        if (!is_name_char(*at))
            *at = '_';
    }
    if (*name == '.' || *name == '-') /* neither hidden nor an option */
        *name = '_';
}

bool input_name_is_clean(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if (!is_name_char(name[i]))
            return false;
    }
    return n > 0 && n <= FMPNN_RECORD_NAME_MAX && *name != '.' && *name != '-';
}

static char *name_of(const char *path, const options *o)
{
    char base[4096], name[8192];
    if (!strcmp(path, "-"))
        return checked_copy("stdin");
    if (fmpnn_structure_name(path, base, sizeof base) != FMPNN_OK || !*base)
        snprintf(base, sizeof base, "%s", "unnamed");
    const char *slash = strrchr(path, '/');
    bool whole = o->name_from && !strcmp(o->name_from, "path") && slash;
    const char *from = path + strspn(path, "./"); /* "./a/b.pdb" is "a_b" */
    if (whole && from < slash)
        snprintf(name, sizeof name, "%.*s_%s", (int)(slash - from), from, base);
    else
        snprintf(name, sizeof name, "%s", base);
    make_clean(name);
    return checked_copy(name);
}

/* ---- kinds of STRUCTURE ---- */

static bool has_extension(const char *name)
{
    static const char *const known[] = {".pdb", ".ent", ".cif", ".mmcif"};
    size_t n = strlen(name);
    if (n > 3 && !strcasecmp(name + n - 3, ".gz"))
        n -= 3;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t m = strlen(known[i]);
        if (n > m && !strncasecmp(name + n - m, known[i], m))
            return true;
    }
    return false;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_failed(inputs *in, const char *path, const options *o, const char *why)
{
    input *item = append(in, path, o);
    item->name = name_of(path, o);
    item->failure = checked_copy(why);
}

static void add_folder(inputs *in, const char *path, const options *o)
{
    DIR *folder = opendir(path);
    if (!folder) {
        char why[512];
        snprintf(why, sizeof why, "the folder cannot be read: %s", strerror(errno));
        add_failed(in, path, o, why);
        return;
    }
    char **found = NULL;
    size_t count = 0, size = strlen(path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || !has_extension(entry->d_name))
            continue;
        char *whole = checked_alloc(size + strlen(entry->d_name) + 2, 1);
        sprintf(whole, "%s%s%s", path, path[size - 1] == '/' ? "" : "/", entry->d_name);
        struct stat about;
        if (stat(whole, &about) == 0 && S_ISDIR(about.st_mode)) {
            free(whole);
            continue;
        }
        found = checked_grow(found, count + 1, sizeof *found);
        found[count++] = whole;
    }
    closedir(folder);
    if (count > 0)
        qsort(found, count, sizeof *found, compare_text);
    else
        add_failed(in, path, o,
                   "the folder holds no structure (.pdb .ent .cif .mmcif, plain or .gz)");
    for (size_t i = 0; i < count; i++) {
        append(in, found[i], o)->name = name_of(found[i], o);
        free(found[i]);
    }
    free(found);
}

static int add_stdin(inputs *in, const verb *v, const options *o)
{
    enum { STEP = 1 << 16, LIMIT = 1 << 30 };
    for (size_t i = 0; i < in->count; i++) {
        if (in->item[i].bytes) {
            report_error("%s: stdin (-) can be read only once", v->name);
            return EXIT_USAGE;
        }
    }
    input *item = append(in, "-", o);
    item->name = name_of("-", o);
    item->bytes = checked_alloc(STEP, 1);
    size_t room = STEP;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, item->bytes + item->size, room - item->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            item->failure = checked_copy(strerror(errno));
        if (n <= 0)
            return -1;
        item->size += (size_t)n;
        if (item->size > LIMIT) {
            item->failure = checked_copy("more than 1 GiB on stdin");
            return -1;
        }
        if (item->size == room)
            item->bytes = checked_grow(item->bytes, room *= 2, 1);
    }
}

int inputs_add_path(inputs *in, const verb *v, const char *path, const options *o)
{
    struct stat about;
    if (!strcmp(path, "-"))
        return add_stdin(in, v, o);
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        add_folder(in, path, o);
    else
        append(in, path, o)->name = name_of(path, o);
    return -1;
}

/* ---- @files ---- */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0, n;
    if (!file)
        return NULL;
    do {
        text = checked_grow(text, size + 65537, 1);
        size += n = fread(text + size, 1, 65536, file);
    } while (n > 0);
    bool failed = ferror(file) != 0;
    int why = errno;
    fclose(file);
    text[size] = 0;
    if (!failed)
        return text;
    free(text);
    errno = why;
    return NULL;
}

static bool ends_in_tsv(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && !strcasecmp(path + n - 4, ".tsv");
}

static int add_list(inputs *in, const verb *v, char *text, const options *o)
{
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        line += strspn(line, " \t");
        for (size_t n = strlen(line); n > 0 && strchr(" \t\r", line[n - 1]);)
            line[--n] = 0;
        if (!*line || *line == '#')
            continue;
        int code = inputs_add_path(in, v, line, o);
        if (code >= 0)
            return code;
    }
    return -1;
}

static int add_at_file(inputs *in, const verb *v, const char *path, const options *o)
{
    char *text = read_text(path), *start = text;
    if (!text) {
        char why[512];
        snprintf(why, sizeof why, "the list cannot be read: %s", strerror(errno));
        add_failed(in, path, o, why);
        return -1;
    }
    inputs_own(in, text);
    if (!strncmp(text, "\xef\xbb\xbf", 3)) /* a byte order mark, from spreadsheets */
        start += 3;
    size_t before = in->count;
    int code =
        ends_in_tsv(path) ? jobs_add(in, v, path, start, o) : add_list(in, v, start, o);
    if (code < 0 && in->count == before)
        add_failed(in, path, o, "the list names no structure");
    return code;
}

/* ---- names must fit, and differ ---- */

static void check_lengths(inputs *in)
{
    for (size_t i = 0; i < in->count; i++) {
        char why[200];
        size_t n = strlen(in->item[i].name);
        if (n <= FMPNN_RECORD_NAME_MAX || in->item[i].failure)
            continue;
        snprintf(why, sizeof why,
                 "a name of %zu characters; at most %d can name results: a column 'name' in "
                 "@jobs.tsv gives another",
                 n, FMPNN_RECORD_NAME_MAX);
        in->item[i].failure = checked_copy(why);
    }
}

static int compare_names(const void *a, const void *b)
{
    const input *x = *(input *const *)a, *y = *(input *const *)b;
    int order = strcasecmp(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

static int check_names(const verb *v, const inputs *in)
{
    const input **sorted = checked_alloc(in->count, sizeof *sorted);
    size_t count = 0;
    int code = -1;
    for (size_t i = 0; i < in->count; i++) {
        if (!in->item[i].failure)
            sorted[count++] = &in->item[i];
    }
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcasecmp(sorted[i - 1]->name, sorted[i]->name))
            continue;
        report_error("%s: two inputs have the name '%s': %s and %s; a column 'name' in "
                     "@jobs.tsv or --name-from path tells them apart",
                     v->name, sorted[i]->name, sorted[i - 1]->path, sorted[i]->path);
        code = EXIT_USAGE;
    }
    free(sorted);
    return code;
}

int inputs_expand(const verb *v, const options *o, inputs *in)
{
    memset(in, 0, sizeof *in);
    for (size_t i = 0; i < o->structures; i++) {
        const char *path = o->structure[i];
        int code = *path == '@' ? add_at_file(in, v, path + 1, o)
                                : inputs_add_path(in, v, path, o);
        if (code >= 0)
            return code;
    }
    if (v->bit & (VERB_DESIGN | VERB_SCORE | VERB_PROBS | VERB_SCAN | VERB_PACK))
        check_lengths(in);
    return check_names(v, in);
}

void inputs_clear(inputs *in)
{
    for (size_t i = 0; i < in->count; i++) {
        free(in->item[i].path);
        free(in->item[i].name);
        free(in->item[i].bytes);
        free(in->item[i].failure);
    }
    for (size_t i = 0; i < in->owned_count; i++)
        free(in->owned[i]);
    free(in->item);
    free(in->owned);
    memset(in, 0, sizeof *in);
}
