/* A progress bar on stderr, only where that is a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* `unit` is what is counted, e.g. "samples". */
void progress_begin(bool quiet, const char *unit, size_t total);
/* `name`: the structure worked on; `done` more units are finished. */
void progress_add(const char *name, size_t done);
/* Take the bar off the line, before something else is printed there. */
void progress_hide(void);
void progress_end(void);

#endif
