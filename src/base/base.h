/* What every folder uses: failures with a message, checked memory, growable text, whole files,
 * SHA-256. Knows nothing of proteins. */
#ifndef FMPNN_BASE_H
#define FMPNN_BASE_H

#include "fusempnn.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- failures (error.c) ---- */

/* Write a message and return `status`, so that a failure is one line:
 *     return fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu: ...", path, line);
 * err may be NULL. */
fmpnn_status fmpnn_fail(fmpnn_error *err, fmpnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "PREFIX: " before the message already there, keeping the status. */
fmpnn_status fmpnn_fail_in(fmpnn_error *err, fmpnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "out of memory while WHAT". */
fmpnn_status fmpnn_fail_memory(fmpnn_error *err, const char *what);

/* ---- memory (memory.c): sizes checked for overflow, blocks aligned to 64 bytes ---- */

void *fmpnn_alloc(size_t count, size_t size);      /* uninitialised; NULL on failure */
void *fmpnn_alloc_zero(size_t count, size_t size); /* zeroed */
void *fmpnn_grow(void *block, size_t old_count, size_t count, size_t size); /* keeps contents */
char *fmpnn_copy_text(const char *text);           /* NULL on failure or if text is NULL */
void fmpnn_release(void *block);                   /* release(NULL) does nothing */

/* Testing: let the n-th allocation from now on fail (0: none). Process-wide; tests only. */
void fmpnn_alloc_fail_at(size_t n);
size_t fmpnn_alloc_count(void);

/* ---- growable text (text.c) ---- */

typedef struct fmpnn_text {
    char *data; /* NUL-terminated once anything was added; NULL before */
    size_t size, capacity;
    bool failed; /* an allocation failed: the text is incomplete */
} fmpnn_text;

void fmpnn_text_init(fmpnn_text *text);
void fmpnn_text_clear(fmpnn_text *text); /* frees; the text may be used again */
void fmpnn_text_add(fmpnn_text *text, const char *bytes, size_t size);
void fmpnn_text_print(fmpnn_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* snprintf, independent of the locale. */
int fmpnn_print(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Shortest decimal that reads back to the same double, at least one decimal ("0.1", "1.0",
 * "1e-05"), "nan" for NaN. Independent of the locale. `out` has room for 32 characters. */
void fmpnn_format_double(double value, char out[32]);
/* Strict, locale-free: the whole of `text` must be one finite decimal number. */
bool fmpnn_parse_double(const char *text, double *value);
bool fmpnn_parse_int(const char *text, int64_t *value);

/* A program that embeds the library may have set a locale: numbers with a decimal comma, letters
 * beyond ASCII. Between these two calls this thread has none; they nest. What prints or reads
 * through this header needs no call. */
void *fmpnn_locale_leave(void); /* what to come back to */
void fmpnn_locale_back(void *before);

/* ---- files (file.c) ---- */

/* The whole file, or FMPNN_EIO/FMPNN_EFORMAT (larger than `limit`)/FMPNN_ENOMEM. A NUL follows
 * the last byte. Freed with fmpnn_release(). */
fmpnn_status fmpnn_file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                             fmpnn_error *err);
/* The same for a possibly gzip-compressed file; `limit` bounds the inflated size. A cut or
 * damaged stream is FMPNN_EFORMAT. */
fmpnn_status fmpnn_file_read_gz(const char *path, size_t limit, unsigned char **bytes,
                                size_t *size, fmpnn_error *err);
fmpnn_status fmpnn_inflate(const char *name, const void *bytes, size_t size, size_t limit,
                           unsigned char **out, size_t *out_size, fmpnn_error *err);
/* A file under this very name, not flushed to the disk; none after a failure. */
fmpnn_status fmpnn_file_put(const char *path, const void *bytes, size_t size,
                            fmpnn_error *err);
/* Write under a temporary name beside `path`, flush, rename. A full disk leaves no `path`.
 * `gzip`: compress (no time or name in the header, so equal bytes give equal files). */
fmpnn_status fmpnn_file_write(const char *path, const void *bytes, size_t size, bool gzip,
                              fmpnn_error *err);
/* The same for text; FMPNN_ENOMEM if it is incomplete. */
fmpnn_status fmpnn_text_write(const fmpnn_text *text, const char *path, fmpnn_error *err);
fmpnn_status fmpnn_folder_make(const char *path, fmpnn_error *err); /* with parents */
bool fmpnn_file_exists(const char *path);

/* ---- SHA-256 (sha256.c), through libcrypto ---- */

typedef struct fmpnn_sha256 fmpnn_sha256; /* a running hash */
fmpnn_sha256 *fmpnn_sha256_begin(void);   /* NULL: out of memory */
void fmpnn_sha256_add(fmpnn_sha256 *hash, const void *bytes, size_t size);
bool fmpnn_sha256_end(fmpnn_sha256 *hash, char hex[65]); /* frees hash */
bool fmpnn_sha256_hex(const void *bytes, size_t size, char hex[65]);
fmpnn_status fmpnn_sha256_file(const char *path, char hex[65], fmpnn_error *err);

#endif
