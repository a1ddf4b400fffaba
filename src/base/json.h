/* JSON as the published program and its helper scripts read and write it: one value a line, NaN
 * allowed, output spaced like Python's. Comes in: files. Goes out: jansson values, text. Knows
 * nothing of what the values mean. */
#ifndef FMPNN_BASE_JSON_H
#define FMPNN_BASE_JSON_H

#include "base/base.h"

#include <jansson.h>

/* jansson's json_loadb and json_dumps, independent of the locale: jansson itself knows only
 * decimal separators of one byte. The text is freed with free(). */
json_t *fmpnn_json_read(const char *bytes, size_t size, size_t flags, json_error_t *detail);
char *fmpnn_json_print(const json_t *value, size_t flags);

/* A JSON Lines file on its way. */
typedef struct fmpnn_jsonl {
    const char *path; /* borrowed */
    unsigned char *bytes;
    size_t size, at, line;
} fmpnn_jsonl;

fmpnn_status fmpnn_jsonl_open(fmpnn_jsonl *file, const char *path, fmpnn_error *err);
/* The next value, owned by the caller; NULL at the end. Lines without text are passed over.
 * FMPNN_EFORMAT: the message starts with PATH:LINE:COLUMN. */
fmpnn_status fmpnn_jsonl_next(fmpnn_jsonl *file, json_t **value, fmpnn_error *err);
void fmpnn_jsonl_close(fmpnn_jsonl *file);

/* A number, or the NaN that no standard JSON has. False if it is neither. */
bool fmpnn_json_number(const json_t *value, double *number);
/* A whole number; also one written as 3.0. */
bool fmpnn_json_whole(const json_t *value, int64_t *number);

/* `text` in quotes, what is not ASCII as \uXXXX. */
void fmpnn_json_add_text(fmpnn_text *out, const char *text);

#endif
