/* The seed of a design that was not given one. */
#ifndef CLI_SEED_H
#define CLI_SEED_H

#include "batch.h"

/* Set b->drawn_seed where an input needs it: the one recorded in the results to be resumed, else
 * a new one from the system. -1, or the exit code after one line was printed. */
int seed_choose(batch *b);

#endif
