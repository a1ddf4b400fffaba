/* Comparing results of the published program with those of the drop-in front. Comes in: two
 * trees, files of one name each. Goes out: a line for each difference. */
#ifndef COMPAT_COMPARE_H
#define COMPAT_COMPARE_H

#include "output/output.h"

enum { FLIPS = 4096 };

/* What is known of one structure's samples: those in which a draw fell the other way. */
typedef struct flips {
    bool flipped[FLIPS]; /* by number in the file, from 0 */
    size_t count;
} flips;

typedef struct comparison {
    size_t files, values, differences, flipped;
    double largest; /* of the differences between float values */
} comparison;

void differ(comparison *c, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* draws: the file of fusempnn's draws for these samples, or NULL: then sequences must be equal.
 * With it the first difference must be a draw within 1e-3 of the other letter. */
void compare_fasta(comparison *c, const char *expected, const char *actual,
                   const char *draws, flips *f);
void compare_npz(comparison *c, const char *expected, const char *actual, const flips *f);
/* Console text: elapsed times may differ. */
void compare_text(comparison *c, const char *expected, const char *actual);

#endif
