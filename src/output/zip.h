/* A zip archive in memory: members stored, not compressed, all of one date, so that the same
 * members give the same bytes. What .npz and PyTorch's .pt are made of. */
#ifndef FMPNN_OUTPUT_ZIP_H
#define FMPNN_OUTPUT_ZIP_H

#include "base/base.h"

typedef struct fmpnn_zip {
    struct zip *archive; /* NULL: not open */
    struct zip_source *source;
    bool failed; /* once true, adding does nothing */
} fmpnn_zip;

void fmpnn_zip_open(fmpnn_zip *zip);
/* A member of two parts, of which the second may be empty; both stay the caller's and must last
 * until fmpnn_zip_close(). */
void fmpnn_zip_add(fmpnn_zip *zip, const char *path, const void *head, size_t head_size,
                   const void *data, size_t size);
/* Frees; true if all went well and `out` has the whole archive. */
bool fmpnn_zip_close(fmpnn_zip *zip, fmpnn_text *out);

#endif
