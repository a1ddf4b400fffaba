#include "text_file.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

fmpnn_status text_file_fail(fmpnn_error *err, fmpnn_status status, const char *path, size_t line,
                            const char *message)
{
    if (line)
        snprintf(err->message, sizeof err->message, "%.256s:%zu: %s", path, line, message);
    else
        snprintf(err->message, sizeof err->message, "%.256s: %s", path, message);
    return status;
}

fmpnn_status text_file_read(const char *path, const char *what, char **out, fmpnn_error *err)
{
    enum { STEP = 1 << 20, LIMIT = 1 << 30 };
    char message[160], *text = NULL;
    size_t size = 0;
    int n;
    gzFile file = gzopen(path, "rb"); /* reads plain files too */
    if (!file) {
        snprintf(message, sizeof message, "the %s cannot be opened", what);
        return text_file_fail(err, FMPNN_EIO, path, 0, message);
    }
    do {
        text = checked_grow(text, size + STEP + 1, 1);
        n = gzread(file, text + size, STEP);
        size += n > 0 ? (size_t)n : 0;
    } while (n > 0 && size < LIMIT);
    text[size] = 0;
    /* gzclose_r tells of a stream that was cut off, which gzread takes for its end */
    bool cut = gzclose_r(file) != Z_OK, binary = strlen(text) != size;
    if (n == 0 && !cut && !binary) {
        *out = text;
        return FMPNN_OK;
    }
    free(text);
    snprintf(message, sizeof message, "the %s %s", what,
             n > 0    ? "is larger than 1 GiB"
             : binary ? "is not a text file"
                      : "cannot be read to its end");
    return text_file_fail(err, n > 0 || binary ? FMPNN_EFORMAT : FMPNN_EIO, path, 0, message);
}

bool text_ends_with(const char *text, size_t size, const char *end)
{
    size_t n = strlen(end);
    return size > n && !strncmp(text + size - n, end, n);
}
