#include "variants.h"
#include "report.h"
#include "text_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- records: lines of a list, rows of a table ---- */

typedef struct reader {
    variants *v;
    char *at;
    size_t line;    /* of `at` */
    char delimiter; /* 0: a list, one cell a line */
    char **cell;    /* of the record read last */
    size_t cells, begin;
} reader;

static void add_cell(reader *r, char *text)
{
    if ((r->cells & (r->cells - 1)) == 0) /* full at powers of two */
        r->cell = checked_grow(r->cell, r->cells ? 2 * r->cells : 1, sizeof *r->cell);
    r->cell[r->cells++] = text;
}

/* A cell in double quotes, "" standing for one; it may hold the delimiter and newlines. Returns
 * where it ends, NULL if it does not. */
static char *unquote(reader *r, char *text)
{
    char *to = text;
    for (text++; *text; text++) {
        if (*text == '"' && text[1] != '"') {
            *to = 0;
            return text + 1;
        }
        text += *text == '"';
        r->line += *text == '\n';
        *to++ = *text;
    }
    return NULL;
}

/* Cells of the next record that is not empty; false at the end. */
static bool next_record(reader *r, fmpnn_error *err, fmpnn_status *status)
{
    const char ends[] = {'\n', r->delimiter, 0};
    *status = FMPNN_OK;
    for (;;) {
        char *line = r->at, *end;
        if (!*line)
            return false;
        r->begin = r->line;
        r->cells = 0;
        for (char *cell = line;; cell = end + 1) {
            bool quoted = r->delimiter == ',' && *cell == '"';
            end = quoted ? unquote(r, cell) : cell + strcspn(cell, ends);
            if (!end || (quoted && *end && !strchr(",\r\n", *end))) {
                *status = text_file_fail(err, FMPNN_EFORMAT, r->v->path, r->begin,
                                         "a cell in quotes does not end where it should");
                return false;
            }
            end += quoted ? strspn(end, "\r") : 0;
            char after = *end;
            if (!quoted) {
                *end = 0;
                if ((!after || after == '\n') && end > cell && end[-1] == '\r')
                    end[-1] = 0;
            }
            add_cell(r, cell);
            if (!after || after == '\n') {
                r->at = end + (after == '\n');
                r->line += after == '\n';
                break;
            }
        }
        char *only = r->cell[0];
        size_t blank = strspn(only, " \t");
        if (r->cells == 1 && (!only[blank] || (!r->delimiter && only[blank] == '#')))
            continue;
        return true;
    }
}

/* ---- what the file is ---- */

/* Is one of the cells of the first line "mutant", with this delimiter? */
static bool names_mutant(const char *text, char delimiter)
{
    const char ends[] = {delimiter, '\r', '\n', 0};
    for (const char *cell = text;; cell++) {
        size_t size = strcspn(cell, ends);
        bool quoted = size == 8 && cell[0] == '"' && cell[7] == '"';
        if ((size == 6 && !strncmp(cell, "mutant", 6)) ||
            (quoted && !strncmp(cell + 1, "mutant", 6)))
            return true;
        cell += size;
        if (*cell != delimiter)
            return false;
    }
}

static char delimiter_of(const char *path, const char *text)
{
    size_t size = strlen(path);
    size -= text_ends_with(path, size, ".gz") ? 3 : 0;
    if (text_ends_with(path, size, ".csv"))
        return ',';
    if (text_ends_with(path, size, ".tsv"))
        return '\t';
    return names_mutant(text, '\t') ? '\t' : names_mutant(text, ',') ? ',' : 0;
}

/* ---- reading ---- */

static fmpnn_status take_header(reader *r, fmpnn_error *err)
{
    variants *v = r->v;
    char message[200];
    v->columns = r->cells;
    v->column = checked_alloc(v->columns, sizeof *v->column);
    v->mutant = v->columns;
    for (size_t n = 0; n < v->columns; n++) {
        v->column[n] = r->cell[n];
        if (!strcmp(r->cell[n], "mutant"))
            v->mutant = n;
        for (size_t m = 0; m < n; m++) {
            if (strcmp(r->cell[m], r->cell[n]) != 0)
                continue;
            snprintf(message, sizeof message, "two columns are called '%.80s'", r->cell[n]);
            return text_file_fail(err, FMPNN_EFORMAT, v->path, r->begin, message);
        }
    }
    return v->mutant < v->columns
               ? FMPNN_OK
               : text_file_fail(err, FMPNN_EFORMAT, v->path, r->begin,
                                "the table has no column 'mutant'");
}

static fmpnn_status take_row(reader *r, fmpnn_error *err)
{
    variants *v = r->v;
    char message[120];
    if (r->cells != v->columns) {
        snprintf(message, sizeof message, "%zu cells, but the header has %zu", r->cells,
                 v->columns);
        return text_file_fail(err, FMPNN_EFORMAT, v->path, r->begin, message);
    }
    if ((v->count & (v->count - 1)) == 0)
        v->row = checked_grow(v->row, v->count ? 2 * v->count : 1, sizeof *v->row);
    variant *row = &v->row[v->count++];
    row->line = r->begin;
    row->cell = checked_alloc(v->columns, sizeof *row->cell);
    memcpy(row->cell, r->cell, v->columns * sizeof *row->cell);
    return FMPNN_OK;
}

static fmpnn_status parse(variants *v, char *text, fmpnn_error *err)
{
    static char only[] = "mutant";
    reader r = {.v = v, .at = text, .line = 1, .delimiter = delimiter_of(v->path, text)};
    fmpnn_status status = FMPNN_OK;
    if (!r.delimiter) {
        v->column = checked_alloc(1, sizeof *v->column);
        v->column[0] = only;
        v->columns = 1;
    }
    while (!status && next_record(&r, err, &status))
        status = v->columns ? take_row(&r, err) : take_header(&r, err);
    if (!status && !v->count)
        status = text_file_fail(err, FMPNN_EFORMAT, v->path, 0, "no variant in this file");
    free(r.cell);
    return status;
}

fmpnn_status variants_read(const char *path, variants *v, fmpnn_error *err)
{
    memset(v, 0, sizeof *v);
    v->path = checked_copy(path);
    fmpnn_status status = text_file_read(path, "file of variants", &v->text, err);
    if (status == FMPNN_OK) /* a byte order mark is not part of the first name */
        status = parse(v, v->text + (strncmp(v->text, "\xef\xbb\xbf", 3) ? 0 : 3), err);
    if (status != FMPNN_OK)
        variants_clear(v);
    return status;
}

void variants_clear(variants *v)
{
    for (size_t n = 0; n < v->count; n++)
        free(v->row[n].cell);
    free(v->row);
    free(v->column);
    free(v->text);
    free(v->path);
    memset(v, 0, sizeof *v);
}

/* ---- what rows say ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    do /* the final NUL too */
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    while (*text++);
    return hash;
}

void variants_digest(const variants *v, char hex[17])
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a: tells files apart, proves nothing */
    for (size_t c = 0; c < v->columns; c++) {
        hash = hash_text(hash, v->column[c]);
        for (size_t n = 0; n < v->count; n++)
            hash = hash_text(hash, v->row[n].cell[c]);
    }
    snprintf(hex, 17, "%016llx", (unsigned long long)hash);
}

fmpnn_status variants_letters(const variants *v, size_t n, const fmpnn_job *job,
                              uint8_t *letters, fmpnn_error *err)
{
    fmpnn_error detail = {{0}};
    const variant *row = &v->row[n];
    fmpnn_status status = fmpnn_job_mutate(job, row->cell[v->mutant], letters, &detail);
    if (status == FMPNN_OK)
        return FMPNN_OK;
    detail.message[600] = 0;
    return text_file_fail(err, status, v->path, row->line, detail.message);
}
