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

/* Column `seed` of the first row of a table. */
static bool seed_of_table(char *text, uint64_t *seed)
{
    char *row = strchr(text, '\n');
    if (!row)
        return false;
    *row++ = 0;
    for (char *title = text; title && row;) {
        size_t n = strcspn(title, "\t");
        if (n == 4 && !strncmp(title, "seed", 4))
            return number_after(row, "", seed);
        title = title[n] ? title + n + 1 : NULL;
        row = strchr(row, '\t');
        row = row ? row + 1 : NULL;
    }
    return false;
}

/* The seed that the first record of a result file names: FASTA, JSON Lines or table, plain or
 * compressed. */
static bool seed_of_file(const char *path, uint64_t *seed)
{
    enum { ENOUGH = 1 << 22 }; /* the first record: a table's row holds its sequence */
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return false;
    gzFile file = gzopen(path, "rb"); /* reads plain files too */
    if (!file)
        return false;
    char *text = checked_alloc(ENOUGH + 1, 1);
    int size = gzread(file, text, ENOUGH);
    gzclose(file);
    bool found = false;
    if (size > 0) {
        text[size] = 0;
        found = *text == '>'   ? number_after(text, " seed=", seed)
                : *text == '{' ? number_after(text, "\"seed\":", seed)
                               : seed_of_table(text, seed);
    }
    free(text);
    return found;
}

static bool seed_recorded(const batch *b, uint64_t *seed)
{
    const char *place = b->options.output;
    if (seed_of_file(place, seed))
        return true;
    for (size_t i = 0; i < b->inputs.count; i++) {
        char path[8192];
        if (b->inputs.item[i].options->seed >= 0)
            continue; /* its own, from a jobs file: says nothing of the others' */
        snprintf(path, sizeof path, "%s/seqs/%s.fa", place, b->inputs.item[i].name);
        if (seed_of_file(path, seed))
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
