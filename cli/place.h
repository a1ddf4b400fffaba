/* Where a table that is no run (inspect, doctor) goes: stdout, or a file that is complete or
 * not there. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* Before any work: -1, or the exit code after one line was printed. path NULL: stdout. */
int place_check(const char *who, const char *path, bool overwrite);
/* Write all of it. Returns `code`, or 1 after one line was printed. */
int place_write(const char *who, const char *path, const char *text, size_t size, int code);

#endif
