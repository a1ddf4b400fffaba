/* Options of the drop-in fronts: spelled as in the published scripts, with underscores or
 * dashes, in full or by an unambiguous beginning. One table a front; parser and --help read it.
 * Knows nothing of what the values mean. */
#ifndef CLI_FRONT_OPTIONS_H
#define CLI_FRONT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum front_kind {
    FRONT_TEXT,   /* const char * */
    FRONT_INT,    /* int */
    FRONT_WHOLE,  /* int64_t */
    FRONT_NUMBER, /* double */
    FRONT_FLAG    /* bool, without a value */
} front_kind;

typedef struct front_row {
    const char *name; /* with underscores */
    front_kind kind;
    size_t target; /* offset in what is filled in */
    const char *help;
} front_row;

typedef struct front {
    const char *name, *summary;
    const front_row *row;
    size_t rows;
} front;

/* Fill in `target` from argv[0..argc). Returns -1 to go on, else the exit code: help was printed,
 * or one line about what is wrong was. Values are borrowed from argv. */
int front_parse(const front *f, int argc, char **argv, void *target);

#endif
