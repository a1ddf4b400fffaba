/* Mutants to be scored. Comes in: a file with one variant a line, or a .csv or .tsv table with a
 * column "mutant", plain or .gz. Goes out: its columns and rows as they are, and for each row
 * the line and the text of its mutations, which the library understands. */
#ifndef CLI_VARIANTS_H
#define CLI_VARIANTS_H

#include "fusempnn.h"

typedef struct variant {
    char **cell; /* [columns] of the row */
    size_t line; /* from 1 */
} variant;

typedef struct variants {
    char *path;
    char *text;    /* what all cells point into */
    char **column; /* [columns] names; a plain list has one, "mutant" */
    size_t columns, mutant;
    variant *row;
    size_t count;
} variants;

/* On failure a message of one line in `err`; FMPNN_EIO or FMPNN_EFORMAT. */
fmpnn_status variants_read(const char *path, variants *v, fmpnn_error *err);
void variants_clear(variants *v);

/* Columns and cells as 16 hex digits, so that plans can tell files apart. */
void variants_digest(const variants *v, char hex[17]);

/* The whole sequence of row n, [L] residue codes in model order. On failure the message starts
 * with file and line. */
fmpnn_status variants_letters(const variants *v, size_t n, const fmpnn_job *job,
                              uint8_t *letters, fmpnn_error *err);

#endif
