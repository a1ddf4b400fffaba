/* A structure inside the library. Comes in: a file. Goes out: residues in file order, warnings,
 * and, where the format allows it, the file's atoms for writing them back with a designed
 * sequence. Knows nothing of weights or models. */
#ifndef FMPNN_STRUCTURE_H
#define FMPNN_STRUCTURE_H

#include "base/base.h"

/* The atoms a residue may have, in the order in which models list them:
 * N CA C CB O CG CG1 ... NZ OXT (atom37.c). */
enum { FMPNN_ATOM37 = 37 };

/* An atom of a residue, in its slot of the 37. */
typedef struct fmpnn_residue_atom {
    uint8_t slot; /* 0..36 */
    float xyz[3]; /* Angstrom, finite */
} fmpnn_residue_atom;

/* An atom beside the protein that a ligand model may see: no water, no hydrogen, of an element
 * that the model knows. */
typedef struct fmpnn_context_atom {
    uint8_t type;    /* the model's element number, 2..118 (element.h) */
    uint32_t ligand; /* whose atom it is: index into the structure's ligands */
    float xyz[3];    /* Angstrom, finite */
} fmpnn_context_atom;

/* A chain as the published program counts it. */
typedef struct fmpnn_chain_ordinals {
    char chain[8];
    size_t length; /* its ordinals are 1 .. length, missing residue numbers included */
} fmpnn_chain_ordinals;

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
    size_t context_count;
    fmpnn_context_atom *context; /* [context_count] in file order */
    size_t ligand_count;
    fmpnn_ligand *ligand;       /* [ligand_count] in file order */
    size_t *atom_first;         /* [length + 1] first of each residue's atoms; NULL: none known */
    fmpnn_residue_atom *atom;   /* [atom_first[length]] by residue, then slot; each slot once */
    fmpnn_chain_ordinals *ordinals; /* [ordinal_chains] sorted by name */
    size_t ordinal_chains;
    char *no_ordinals;              /* why there are none; NULL: there are */
    void *document;             /* the shim's copy of the file's atoms, or NULL */
    struct fmpnn_records *records; /* the file's lines (records.h), where the reading has them */
};

void fmpnn_records_free(struct fmpnn_records *records);

/* Residue i's atoms as models list them: xyz [37][3], 0 where absent; present [37] 0 or 1. Where
 * the structure came from arrays, only the backbone is there. */
void fmpnn_structure_atoms(const fmpnn_structure *st, size_t i, float xyz[FMPNN_ATOM37][3],
                           uint8_t present[FMPNN_ATOM37]);

/* Order of two residues' names (chain, number, insertion code), for qsort() and bsearch() of
 * arrays of const fmpnn_residue *. */
int fmpnn_residue_compare(const void *a, const void *b);

/* Write the input's backbone, ligands and numbering with other residue names: letters [length]
 * (0: keep the name, 'A'..: the residue gets that letter's name), bfactor [length].
 * format "pdb" or "cif". FMPNN_EINVAL if the structure was not read from a file. */
fmpnn_status fmpnn_structure_write(const fmpnn_structure *st, const char *format,
                                   const char *letters, const float *bfactor, fmpnn_text *out,
                                   fmpnn_error *err);

/* Atoms of residues that are more than a backbone: those of residue i are first[i] ..
 * first[i+1]-1; their elements are the first letters of their names. */
typedef struct fmpnn_written_atoms {
    size_t *first;     /* [length + 1] */
    const char **name; /* [first[length]] */
    float (*xyz)[3];
    float *bfactor;
} fmpnn_written_atoms;

/* The same with these atoms of the residues. */
fmpnn_status fmpnn_structure_write_atoms(const fmpnn_structure *st, const char *format,
                                         const char *letters, const fmpnn_written_atoms *atoms,
                                         fmpnn_text *out, fmpnn_error *err);

#endif
