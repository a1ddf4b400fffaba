/* A structure inside the library. Comes in: a file. Goes out: residues in file order, warnings,
 * and, where the format allows it, the file's atoms for writing them back with a designed
 * sequence. Knows nothing of weights or models. */
#ifndef FMPNN_STRUCTURE_H
#define FMPNN_STRUCTURE_H

#include "base/base.h"

struct fmpnn_structure {
    char *name;                 /* for messages and records */
    fmpnn_reading reading;
    bool ca_only;
    size_t length;
    fmpnn_residue *residue;     /* [length] */
    size_t warning_count;
    fmpnn_warning *warning;     /* [warning_count], both strings owned (code is constant) */
    char digest[65];
    size_t hetero_atoms;
    void *document;             /* the shim's copy of the file's atoms, or NULL */
};

/* Write the input's backbone, ligands and numbering with other residue names: letters [length]
 * (0: keep the name, 'A'..: the residue gets that letter's name), bfactor [length].
 * format "pdb" or "cif". FMPNN_EINVAL if the structure was not read from a file. */
fmpnn_status fmpnn_structure_write(const fmpnn_structure *st, const char *format,
                                   const char *letters, const float *bfactor, fmpnn_text *out,
                                   fmpnn_error *err);

#endif
