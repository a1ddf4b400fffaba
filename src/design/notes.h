/* Warnings collected while a job is resolved. */
#ifndef FMPNN_DESIGN_NOTES_H
#define FMPNN_DESIGN_NOTES_H

#include "base/base.h"

typedef struct fmpnn_notes {
    fmpnn_warning *warning; /* [count]; codes are constants, messages are owned */
    size_t count, capacity;
    bool failed; /* an allocation failed: the list is incomplete */
} fmpnn_notes;

void fmpnn_note(fmpnn_notes *notes, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void fmpnn_notes_clear(fmpnn_notes *notes);

#endif
