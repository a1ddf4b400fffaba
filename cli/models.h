/* Weights loaded so far, each once. */
#ifndef CLI_MODELS_H
#define CLI_MODELS_H

#include "fusempnn.h"

typedef struct models {
    struct {
        const char *name;
        fmpnn_model *model;
    } * item;
    size_t count;
} models;

/* Load by name or path, or give back what was loaded before. `name` is borrowed. */
fmpnn_status models_get(models *m, const char *name, const fmpnn_model **model,
                        fmpnn_error *err);
void models_clear(models *m);

#endif
