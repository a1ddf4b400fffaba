/* The door to gemmi, the only C++ of the library (shim.cpp). C++ types and exceptions stay
 * behind it: a failure is a status and a message. */
#ifndef FMPNN_STRUCTURE_SHIM_H
#define FMPNN_STRUCTURE_SHIM_H

#include "structure/document.h"

/* `text` must come from fmpnn_pdb_clean(): one model, checked lines. */
fmpnn_status fmpnn_shim_read_pdb(const char *name, const char *text, size_t size,
                                 fmpnn_document **document, fmpnn_error *err);

/* Any bytes. Missing columns, coordinates that are no numbers and names that do not fit are
 * FMPNN_EFORMAT, naming the atom. */
fmpnn_status fmpnn_shim_read_cif(const char *name, const char *bytes, size_t size,
                                 fmpnn_document **document, fmpnn_error *err);

/* The letter of an amino acid, its parent's where it is a modified one, 'X' where there is
 * none of the twenty; 0 if gemmi's table does not list `name` as an amino acid. */
char fmpnn_shim_amino_letter(const char *name);

/* Amino acids and nucleotides, modified ones too. */
bool fmpnn_shim_is_polymer(const char *name);

struct fmpnn_written_atoms; /* structure.h */

/* What is to be written: residues with their backbone atoms, then the document's hetero groups
 * except waters. Residues that are placeholders or have no atoms are left out. */
typedef struct fmpnn_shim_output {
    const char *name;
    const fmpnn_document *document;
    size_t length;
    const fmpnn_residue *residue;    /* [length] */
    const char *const *residue_name; /* [length] */
    const float *bfactor;            /* [length] */
    const struct fmpnn_written_atoms *atoms; /* instead of the backbone and bfactor; or NULL */
    bool cif;
} fmpnn_shim_output;

fmpnn_status fmpnn_shim_write(const fmpnn_shim_output *output, fmpnn_text *text,
                              fmpnn_error *err);

#endif
