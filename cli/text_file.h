/* A text file of the user's, whole, plain or .gz. */
#ifndef CLI_TEXT_FILE_H
#define CLI_TEXT_FILE_H

#include "fusempnn.h"

/* `what` it is called in messages: "FASTA file". The text is malloc'd and ends with a NUL. On
 * failure one line in `err`; FMPNN_EIO or FMPNN_EFORMAT (too large, or not text). */
fmpnn_status text_file_read(const char *path, const char *what, char **text, fmpnn_error *err);

/* "PATH:LINE: MESSAGE", or without the line where it is 0. Returns `status`. */
fmpnn_status text_file_fail(fmpnn_error *err, fmpnn_status status, const char *path, size_t line,
                            const char *message);

/* Do the first `size` characters of `text` end with `end`, and with something before it? */
bool text_ends_with(const char *text, size_t size, const char *end);

#endif
