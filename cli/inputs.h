/* STRUCTURE arguments become a list of inputs, each with its name and its options. Comes in:
 * files, folders, @lists, @jobs.tsv, stdin. Goes out: what is to be done, in order, checked for
 * names before any work. Reads no structure (except the bytes of stdin). */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include "options.h"

typedef struct input {
    char *path;             /* as given; "-": stdin */
    char *name;             /* names its results: [A-Za-z0-9._-]+, unique ignoring case */
    const options *options; /* the command line's, or those with the jobs file's cells */
    unsigned char *bytes;   /* what stdin held; NULL for files */
    size_t size;
    char *failure; /* why it cannot be used, known already now; NULL: try */
} input;

typedef struct inputs {
    input *item;
    size_t count;
    /* what must stay alive: contents of list files, options of rows */
    void **owned;
    size_t owned_count;
} inputs;

/* Expand the structures of `o`, which is borrowed. Returns -1, or the exit code after one line
 * was printed. */
int inputs_expand(const verb *v, const options *o, inputs *in);
void inputs_clear(inputs *in);

#endif
