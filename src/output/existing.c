/* The records of a file that this program wrote: where each begins, what it is called, with
 * which settings it was made. */
#include "output/record.h"

#include <stdlib.h>
#include <string.h>

enum { SETTINGS_DIGITS = 12 };
#define MOST_BYTES ((size_t)1 << 36)

/* One line of the text, without its newline. */
typedef struct line {
    const char *text;
    size_t size, number;
    size_t begin, end; /* in the file, newline included */
} line;

static bool next_line(const char *text, size_t size, line *at)
{
    at->begin = at->end;
    if (at->begin >= size)
        return false;
    const char *newline = memchr(text + at->begin, '\n', size - at->begin);
    at->text = text + at->begin;
    at->size = newline ? (size_t)(newline - at->text) : size - at->begin;
    at->end = at->begin + at->size + (newline != NULL);
    at->number++;
    return true;
}

static fmpnn_status foreign(const char *path, const line *at, fmpnn_error *err)
{
    return fmpnn_fail(
        err, FMPNN_EEXIST,
        "%s:%zu: not a record that this command writes; resuming needs a file of "
        "its own making, overwriting does not",
        path, at->number);
}

/* The key of a record: a design's own name, else its structure's name as ids show it. */
static fmpnn_status add_found(fmpnn_existing_records *existing, fmpnn_verb verb,
                              const char *key, size_t key_size, const char *settings,
                              const line *at, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_ENOMEM;
    char name[FMPNN_RECORD_NAME_MAX + 2];
    char *copy = fmpnn_alloc(key_size + 1, 1);
    if (!copy)
        goto done;
    memcpy(copy, key, key_size);
    copy[key_size] = '\0';
    if (verb != FMPNN_VERB_DESIGN) {
        if (fmpnn_run_record_name(copy, name, sizeof name, NULL)) {
            status = foreign(existing->path, at, err);
            goto done;
        }
        fmpnn_release(copy);
        copy = fmpnn_copy_text(name);
        if (!copy)
            goto done;
    }
    if (existing->count == existing->capacity) {
        size_t capacity = existing->capacity ? 2 * existing->capacity : 64;
        fmpnn_found *bigger =
            fmpnn_grow(existing->found, existing->count, capacity, sizeof *bigger);
        if (!bigger)
            goto done;
        existing->found = bigger;
        existing->capacity = capacity;
    }
    fmpnn_found *found = &existing->found[existing->count++];
    memset(found, 0, sizeof *found);
    found->key = copy;
    memcpy(found->settings, settings, SETTINGS_DIGITS);
    found->begin = at->begin;
    found->end = at->end;
    return FMPNN_OK;
done:
    fmpnn_release(copy);
    return status == FMPNN_ENOMEM ? fmpnn_fail_memory(err, "reading results") : status;
}

static fmpnn_status read_fasta(fmpnn_existing_records *existing, fmpnn_verb verb,
                               size_t size, fmpnn_error *err)
{
    static const char mark[] = " settings=";
    const char *text = (const char *)existing->text;
    fmpnn_status status = FMPNN_OK;
    line at = {0};
    while (!status && next_line(text, size, &at)) {
        const char *settings = NULL, *end = at.text + at.size;
        size_t word = 1, begin = at.begin;
        while (word < at.size && at.text[word] != ' ')
            word++;
        const char *header = at.text;
        for (const char *c = header; c + sizeof mark - 1 + SETTINGS_DIGITS <= end; c++)
            if (!memcmp(c, mark, sizeof mark - 1))
                settings = c + sizeof mark - 1;
        bool good = at.size && *header == '>' && settings && next_line(text, size, &at) &&
                    at.end > at.begin + at.size && (!at.size || at.text[0] != '>');
        at.begin = begin;
        status = good ? add_found(existing, verb, header + 1, word - 1, settings, &at, err)
                      : foreign(existing->path, &at, err);
    }
    return status;
}

/* Cell `wanted` of a line, counted from 0; false if there are fewer. */
static bool find_cell(const line *at, size_t wanted, const char **cell, size_t *size)
{
    const char *begin = at->text, *end = at->text + at->size;
    for (size_t n = 0;; n++) {
        const char *tab = memchr(begin, '\t', (size_t)(end - begin));
        if (n == wanted) {
            *cell = begin;
            *size = (size_t)((tab ? tab : end) - begin);
            return true;
        }
        if (!tab)
            return false;
        begin = tab + 1;
    }
}

static size_t column_number(fmpnn_columns columns, const char *key)
{
    size_t n = 0;
    while (n < columns.count && strcmp(columns.column[n].key, key))
        n++;
    return n;
}

static fmpnn_status read_table(fmpnn_existing_records *existing, const fmpnn_heads *heads,
                               fmpnn_verb verb, size_t size, fmpnn_error *err)
{
    const char *text = (const char *)existing->text, *key, *settings;
    size_t key_size, settings_size;
    fmpnn_columns columns = fmpnn_verb_columns(verb);
    size_t key_at = column_number(columns, verb == FMPNN_VERB_DESIGN ? "id" : "name");
    size_t settings_at = column_number(columns, "settings");
    key_at += heads->count;
    settings_at += heads->count;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text header;
    line at = {0};
    fmpnn_text_init(&header);
    fmpnn_table_add_header(&header, heads, verb);
    if (header.failed)
        status = fmpnn_fail_memory(err, "reading results");
    else if (!next_line(text, size, &at) || at.end != header.size ||
             memcmp(text, header.data, header.size))
        status = foreign(existing->path, &at, err);
    while (!status && next_line(text, size, &at)) {
        bool good = at.end > at.begin + at.size &&
                    find_cell(&at, key_at, &key, &key_size) &&
                    find_cell(&at, settings_at, &settings, &settings_size) &&
                    settings_size == SETTINGS_DIGITS;
        status = good ? add_found(existing, verb, key, key_size, settings, &at, err)
                      : foreign(existing->path, &at, err);
    }
    fmpnn_text_clear(&header);
    return status;
}

static fmpnn_status read_jsonl(fmpnn_existing_records *existing, fmpnn_verb verb,
                               size_t size, fmpnn_error *err)
{
    const char *text = (const char *)existing->text;
    fmpnn_status status = FMPNN_OK;
    line at = {0};
    while (!status && next_line(text, size, &at)) {
        json_t *object = fmpnn_json_read(at.text, at.size, 0, NULL);
        const json_t *key =
            json_object_get(object, verb == FMPNN_VERB_DESIGN ? "id" : "name");
        const json_t *settings = json_object_get(object, "settings");
        bool good = json_is_string(key) &&
                    json_string_length(settings) == SETTINGS_DIGITS &&
                    at.end > at.begin + at.size;
        status =
            good ? add_found(existing, verb, json_string_value(key),
                             json_string_length(key), json_string_value(settings), &at, err)
                 : foreign(existing->path, &at, err);
        json_decref(object);
    }
    return status;
}

static int compare_found(const void *left, const void *right)
{
    const fmpnn_found *a = *(fmpnn_found *const *)left, *b = *(fmpnn_found *const *)right;
    int order = strcmp(a->key, b->key);
    return order ? order : (a->begin > b->begin) - (a->begin < b->begin);
}

fmpnn_status fmpnn_existing_read(const char *path, fmpnn_format format, fmpnn_verb verb,
                                 const fmpnn_heads *heads, fmpnn_existing_records *existing,
                                 fmpnn_error *err)
{
    size_t size = 0;
    memset(existing, 0, sizeof *existing);
    fmpnn_status status = fmpnn_file_read_gz(path, MOST_BYTES, &existing->text, &size, err);
    if (status)
        return status;
    existing->path = fmpnn_copy_text(path);
    if (!existing->path)
        status = fmpnn_fail_memory(err, "reading results");
    else if (format == FMPNN_FORMAT_FASTA)
        status = read_fasta(existing, verb, size, err);
    else if (format == FMPNN_FORMAT_TABLE)
        status = read_table(existing, heads, verb, size, err);
    else
        status = read_jsonl(existing, verb, size, err);
    if (!status) {
        existing->sorted = fmpnn_alloc(existing->count, sizeof *existing->sorted);
        existing->pending = fmpnn_alloc(existing->count, sizeof *existing->pending);
        if (!existing->sorted || !existing->pending)
            status = fmpnn_fail_memory(err, "reading results");
    }
    for (size_t n = 0; !status && n < existing->count; n++)
        existing->sorted[n] = &existing->found[n];
    if (status)
        fmpnn_existing_clear(existing);
    else if (existing->count)
        qsort(existing->sorted, existing->count, sizeof *existing->sorted, compare_found);
    return status;
}

void fmpnn_existing_clear(fmpnn_existing_records *existing)
{
    for (size_t n = 0; n < existing->count; n++)
        fmpnn_release(existing->found[n].key);
    fmpnn_release(existing->pending);
    fmpnn_release(existing->sorted);
    fmpnn_release(existing->found);
    fmpnn_release(existing->text);
    fmpnn_release(existing->path);
    memset(existing, 0, sizeof *existing);
}

size_t fmpnn_existing_find(const fmpnn_existing_records *existing, const char *key)
{
    size_t low = 0, high = existing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(existing->sorted[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < existing->count && !strcmp(existing->sorted[low]->key, key);
    return there ? low : existing->count;
}
