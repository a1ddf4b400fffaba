/* Dictionaries of the published program read so far, each set of paths once. */
#ifndef CLI_DICTIONARIES_H
#define CLI_DICTIONARIES_H

#include "fusempnn.h"

typedef struct dictionaries {
    struct {
        const fmpnn_dictionary_paths *paths;
        fmpnn_dictionaries *value;
    } * item;
    size_t count;
} dictionaries;

/* Read, or give back what was read before; NULL if no path is given. `paths` is borrowed. */
fmpnn_status dictionaries_get(dictionaries *d, const fmpnn_dictionary_paths *paths,
                              const fmpnn_dictionaries **value, fmpnn_error *err);
void dictionaries_clear(dictionaries *d);

#endif
