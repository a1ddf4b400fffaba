/* Sequences to score, as path_to_fasta gives them: they replace the first letters of the
 * structure in model order, chains joined by '/' or nothing. */
#include "compat/run.h"

#include <string.h>

#define LARGEST_FILE ((size_t)1 << 32)

/* The records so far; those of the run once all is read. */
typedef struct reader {
    fmpnn_original *run;
    const char *path;
    size_t line, capacity, room;
} reader;

static fmpnn_status start_record(reader *r)
{
    fmpnn_original *run = r->run;
    if (run->fastas == r->capacity) {
        size_t more = 2 * r->capacity + 8;
        void *grown = fmpnn_grow(run->fasta, run->fastas, more, sizeof *run->fasta);
        if (!grown)
            return fmpnn_fail_memory(run->err, "reading sequences");
        run->fasta = grown;
        r->capacity = more;
    }
    run->fasta[run->fastas++] = (fmpnn_fasta){.line = r->line};
    r->room = 0;
    return FMPNN_OK;
}

static fmpnn_status add_letters(reader *r, const char *text, size_t size)
{
    fmpnn_original *run = r->run;
    fmpnn_fasta *record = &run->fasta[run->fastas - 1];
    if (record->length + size > r->room) {
        size_t more = 2 * (record->length + size);
        void *grown = fmpnn_grow(record->letters, record->length, more, 1);
        if (!grown)
            return fmpnn_fail_memory(run->err, "reading sequences");
        record->letters = grown;
        r->room = more;
    }
    for (size_t n = 0; n < size; n++) {
        const char *at = text[n] ? strchr(fmpnn_alphabet(), text[n]) : NULL;
        if (text[n] == '/')
            continue;
        if (!at)
            return fmpnn_fail(run->err, FMPNN_EFORMAT,
                              "%s:%zu:%zu: expected one of %s, or '/' between chains",
                              r->path, r->line, n + 1, fmpnn_alphabet());
        record->letters[record->length++] = (uint8_t)(at - fmpnn_alphabet());
    }
    return FMPNN_OK;
}

static fmpnn_status read_line(reader *r, const char *text, size_t size)
{
    while (size &&
           (text[size - 1] == '\r' || text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (size && text[0] == '>')
        return start_record(r);
    if (!size)
        return fmpnn_fail(r->run->err, FMPNN_EFORMAT, "%s:%zu:1: a blank line", r->path,
                          r->line);
    if (!r->run->fastas)
        return fmpnn_fail(r->run->err, FMPNN_EFORMAT,
                          "%s:%zu:1: expected a line that begins with '>'", r->path,
                          r->line);
    return add_letters(r, text, size);
}

fmpnn_status fmpnn_original_read_fasta(fmpnn_original *run)
{
    const char *path = run->options->path_to_fasta;
    reader r = {.run = run, .path = path};
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (!path || !*path || !run->options->score_only)
        return FMPNN_OK;
    if (!fmpnn_file_exists(path))
        return fmpnn_fail(run->err, FMPNN_EINVAL, "--path_to_fasta: %s: no such file",
                          path);
    fmpnn_status status = fmpnn_file_read(path, LARGEST_FILE, &bytes, &size, run->err);
    for (size_t at = 0; at < size && !status;) {
        const unsigned char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end ? (size_t)(end - bytes) - at : size - at;
        r.line++;
        status = read_line(&r, (const char *)bytes + at, length);
        at += length + 1;
    }
    fmpnn_release(bytes);
    return status;
}
