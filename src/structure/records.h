/* The atom records of a PDB file as the library under the published LigandMPNN program (ProDy)
 * reads them. Comes in: bytes. Goes out: one table in file order with every column that is
 * computed with or written back. Knows nothing of residues that can be designed:
 * original_ligand.c decides that and marks it in `use`.
 *
 * Kept of that library: ATOM and HETATM up to the first END are the first model, later models
 * give coordinates only; alternate locations other than blank and A are not read; a digit as
 * insertion code is the number's fifth digit; from the first number that is not decimal on,
 * numbers are base 36 (upper case) or hexadecimal; an occupancy that cannot be read is 0.
 * Stricter: coordinates must be finite, lines printable.
 * Source: Bakan, Meireles, Bahar 2011, Bioinformatics 27:1575, version 2.6.1. */
#ifndef FMPNN_STRUCTURE_RECORDS_H
#define FMPNN_STRUCTURE_RECORDS_H

#include "structure/read.h"

typedef enum fmpnn_record_use {
    FMPNN_RECORD_DROPPED, /* by a filter */
    FMPNN_RECORD_PROTEIN,
    FMPNN_RECORD_WATER,
    FMPNN_RECORD_OTHER
} fmpnn_record_use;

typedef struct fmpnn_record {
    char name[5], residue[4], chain[2], segment[5], element[3]; /* without blanks */
    char altloc, icode;                                         /* ' ' if there is none */
    bool hetatm, ter; /* ter: a TER line follows */
    int8_t charge;
    int32_t number;
    uint32_t unit; /* atoms that share segment, chain, number and insertion code */
    double xyz[3], occupancy, b;
    int32_t anisou[6]; /* as written in the file; 0 if there is none */
    fmpnn_record_use use;
    uint32_t place; /* use PROTEIN: the residue it belongs to, or UINT32_MAX */
} fmpnn_record;

typedef struct fmpnn_records {
    size_t count, units;
    fmpnn_record *record; /* [count] */
    bool has_anisou;
    size_t alternates; /* atoms not read for their alternate location */
    size_t models;       /* with as many atoms as the first one, which counts */
    double *later;       /* [models - 1][count][3] */
    char blank[8];       /* what the chain without a name is called in residues; "" if none */
} fmpnn_records;

fmpnn_status fmpnn_records_read(const fmpnn_source *source, fmpnn_records **records,
                                fmpnn_error *err);

/* The file again as the published program writes designs: backbone atoms of the residues under
 * other names, then what is neither protein nor water; all models. letters [length]: the
 * residue's letter; b [length]: the B-factor of its atoms; others have 0. The form is that
 * library's, the first line excepted, which depends on how atoms were selected. `lacking` counts
 * residues without all four backbone atoms, of which what there is is written. */
fmpnn_status fmpnn_records_write(const struct fmpnn_structure *st, const char *letters,
                                 const float *b, fmpnn_text *out, size_t *lacking,
                                 fmpnn_error *err);

/* What a packing of side chains makes of the residues: at most `width` atoms of each. */
typedef struct fmpnn_records_packed {
    const char *letters;    /* [length] */
    size_t width;
    const uint8_t *atoms;   /* [length] */
    const char *const *name; /* [length][width] */
    const double *xyz;      /* [length][width][3] */
    const float *b;         /* [length][width] */
    bool force_hetatm; /* other atoms keep the file's record name */
} fmpnn_records_packed;

/* The residues' atoms, then what is neither protein nor water, of the first model. */
fmpnn_status fmpnn_records_write_packed(const struct fmpnn_structure *st,
                                        const fmpnn_records_packed *packed, fmpnn_text *out,
                                        fmpnn_error *err);

#endif
