/* A list of warnings that grows; running out of memory is remembered, not reported at once. */
#include "design/notes.h"

#include <string.h>

void fmpnn_note(fmpnn_notes *notes, const char *code, const char *format, ...)
{
    char message[sizeof((fmpnn_error *)0)->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (notes->count == notes->capacity) {
        size_t capacity = notes->capacity ? 2 * notes->capacity : 8;
        fmpnn_warning *grown =
            fmpnn_grow(notes->warning, notes->count, capacity, sizeof *notes->warning);
        if (!grown) {
            notes->failed = true;
            return;
        }
        notes->warning = grown;
        notes->capacity = capacity;
    }
    char *copy = fmpnn_copy_text(message);
    if (copy)
        notes->warning[notes->count++] = (fmpnn_warning){code, copy};
    else
        notes->failed = true;
}

void fmpnn_notes_clear(fmpnn_notes *notes)
{
    for (size_t n = 0; n < notes->count; n++)
        fmpnn_release((char *)notes->warning[n].message);
    fmpnn_release(notes->warning);
    memset(notes, 0, sizeof *notes);
}
