#include "seed.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <zlib.h>

enum { SEED_BITS = 53 };

/* The number after `key` in the text, if it is followed by a whole one. */
static bool number_after(const char *text, const char *key, uint64_t *seed)
{
    const char *at = strstr(text, key);
    if (!at)
        return false;
    at += strlen(key);
    at += strspn(at, " ");
    char *end;
    unsigned long long value = strtoull(at, &end, 10);
    if (end == at || value >> SEED_BITS)
        return false;
    *seed = value;
    return true;
}

/* Cell number `column` of a table's row; NULL: it has fewer. */
static const char *cell_of(const char *row, size_t column)
{
    while (row && column--) {
        row = strchr(row, '\t');
        row = row ? row + 1 : NULL;
    }
    return row;
}

static size_t seed_column(const char *header)
{
    size_t at = 0;
    for (const char *cell = header; cell; cell = cell_of(cell, 1), at++)
        if (strcspn(cell, "\t") == 4 && !strncmp(cell, "seed", 4))
            return at;
    return at;
}

/* Was the record ID, NAME_T0.1_s57 or NAME_native, made with the seed drawn for the run? Inputs
 * with one of their own, from a jobs file, say nothing of the others'. */
static bool is_drawn(const batch *b, const char *id, size_t size)
{
    static const char native[] = "_native";
    size_t end = sizeof native - 1;
    if (size > end && !strncmp(id + size - end, native, end))
        size -= end;
    else
        while (size && strncmp(id + size, "_T", 2))
            size--;
    for (size_t i = 0; i < b->inputs.count; i++) {
        const input *in = &b->inputs.item[i];
        if (in->options->seed < 0 && strlen(in->name) == size &&
            !strncmp(in->name, id, size))
            return true;
    }
    return false;
}

/* The seed of one line of a result file, whose first is `header`: a FASTA header, an object, or
 * a row of a table. */
static bool seed_of_line(const batch *b, const char *line, const char *header,
                         uint64_t *seed)
{
    static const char object[] = "{\"id\":\"";
    bool json = !strncmp(line, object, sizeof object - 1);
    const char *id = line + (*line == '>' ? 1 : json ? sizeof object - 1 : 0);
    if (!is_drawn(b, id, strcspn(id, " \t\"")))
        return false;
    if (*line == '>')
        return number_after(line, " seed=", seed);
    if (json)
        return number_after(line, "\"seed\":", seed);
    const char *cell = cell_of(line, seed_column(header));
    return cell && number_after(cell, "", seed);
}

/* The next line, without its newline, at *line [*room], which grows. */
static bool read_line(gzFile file, char **line, size_t *room)
{
    enum { STEP = 1 << 14 };
    size_t size = 0;
    do {
        if (*room < size + STEP)
            *line = checked_grow(*line, *room = 2 * size + STEP, 1);
        if (!gzgets(file, *line + size, STEP))
            break;
        size += strlen(*line + size);
    } while (!size || (*line)[size - 1] != '\n');
    if (size && (*line)[size - 1] == '\n')
        (*line)[size - 1] = 0;
    return size > 0;
}

/* The seed of the first record of a result file, plain or compressed, that tells it. */
static bool seed_of_file(const batch *b, const char *path, uint64_t *seed)
{
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return false;
    gzFile file = gzopen(path, "rb"); /* reads plain files too */
    if (!file)
        return false;
    char *line = NULL, *header = NULL;
    size_t room = 0;
    bool found = false;
    while (!found && read_line(file, &line, &room)) {
        if (!header)
            header = checked_copy(line);
        found = seed_of_line(b, line, header, seed);
    }
    gzclose(file);
    free(header);
    free(line);
    return found;
}

static bool seed_recorded(const batch *b, uint64_t *seed)
{
    const char *place = b->options.output;
    if (seed_of_file(b, place, seed))
        return true;
    for (size_t i = 0; i < b->inputs.count; i++) {
        char path[8192];
        if (b->inputs.item[i].options->seed >= 0)
            continue;
        snprintf(path, sizeof path, "%s/seqs/%s.fa", place, b->inputs.item[i].name);
        if (seed_of_file(b, path, seed))
            return true;
    }
    return false;
}

int seed_choose(batch *b)
{
    bool needed = false;
    for (size_t i = 0; i < b->inputs.count; i++)
        needed |= b->inputs.item[i].options->seed < 0;
    if (!needed || (b->options.resume && seed_recorded(b, &b->drawn_seed)))
        return -1;
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        report_error("%s: the system gives no random numbers; choose a --seed",
                     b->verb->name);
        return EXIT_SOME_FAILED;
    }
    b->drawn_seed = bits >> (64 - SEED_BITS);
    return -1;
}
