/* What a person reads on stderr, and memory that cannot be had. One line a message; control
 * characters that a file may have smuggled in are blanked. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/* "fusempnn: MESSAGE" */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "note: NAME: CODE: MESSAGE", unless quiet; name or code may be NULL. */
void report_note(bool quiet, const char *name, const char *code, const char *message);

/* calloc, realloc, strdup that end the program with a line when there is no memory. */
void *checked_alloc(size_t count, size_t size);
void *checked_grow(void *block, size_t count, size_t size);
char *checked_copy(const char *text);

#endif
