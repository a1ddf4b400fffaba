/* Sequences to be scored. Comes in: a FASTA file, plain or .gz. Goes out: names and letters as
 * written, and, fitted to a job, residue codes. */
#ifndef CLI_FASTA_H
#define CLI_FASTA_H

#include "fusempnn.h"

typedef struct fasta_record {
    char *name;     /* first word of the header */
    char *sequence; /* without blanks; separators kept */
    size_t line;    /* of the header, from 1 */
} fasta_record;

typedef struct fasta {
    char *path;
    fasta_record *record;
    size_t count;
} fasta;

/* On failure a message of one line in `err`; FMPNN_EIO or FMPNN_EFORMAT. */
fmpnn_status fasta_read(const char *path, fasta *f, fmpnn_error *err);
void fasta_clear(fasta *f);

/* Names and sequences as 16 hex digits, so that plans can tell files apart. */
void fasta_digest(const fasta *f, char hex[17]);

/* Where a job's chains are in model order, to fit many sequences to one job. */
typedef struct fasta_fit fasta_fit;
fasta_fit *fasta_fit_create(const fmpnn_job *job);
void fasta_fit_free(fasta_fit *fit);

/**
 * Residue codes of the whole job, [L] in model order: the record's letters on the chains it
 * covers, native elsewhere.
 *
 * A record covers the designed chains, or all chains, in file order and joined by ':' or '/':
 * either the resolved residues of each, or all residues that the file names. FMPNN_ESELECT if
 * it does neither: the message names the lengths.
 */
fmpnn_status fasta_fit_letters(const fasta_fit *fit, const fasta *f, size_t n,
                               uint8_t *letters, fmpnn_error *err);

#endif
