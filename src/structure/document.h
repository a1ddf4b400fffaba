/* The atoms of a file's first model, as flat tables. Comes in: what gemmi read (shim.h). Goes
 * out: groups of atoms for the two readings, and whatever is not protein for writing back and
 * for ligand context. Knows nothing of which groups are residues of a chain: author.c and
 * original.c say so in `use`. */
#ifndef FMPNN_STRUCTURE_DOCUMENT_H
#define FMPNN_STRUCTURE_DOCUMENT_H

#include "base/base.h"

typedef struct fmpnn_atom {
    char name[8];    /* "CA", without blanks */
    char element[4]; /* "C"; "X" if unknown */
    char altloc;     /* ' ' if there is none */
    int8_t charge;
    float occupancy, b;
    double xyz[3]; /* Angstrom, finite */
} fmpnn_atom;

/* What the file itself says of a group's place in a chain: before TER or with label_seq_id,
 * after TER or without label_seq_id, or nothing at all. */
typedef enum fmpnn_part {
    FMPNN_PART_UNKNOWN,
    FMPNN_PART_POLYMER,
    FMPNN_PART_OTHER
} fmpnn_part;

typedef enum fmpnn_use { FMPNN_USE_HETERO, FMPNN_USE_RESIDUE, FMPNN_USE_DROPPED } fmpnn_use;

/* Atoms with one chain, number, insertion code and residue name. */
typedef struct fmpnn_group {
    char chain[8], name[8];
    int32_t number;
    char icode; /* ' ' if there is none */
    bool hetatm;
    fmpnn_part part;
    fmpnn_use use;
    size_t first, count; /* its atoms */
} fmpnn_group;

typedef struct fmpnn_document {
    size_t group_count, atom_count;
    fmpnn_group *group; /* [group_count] in file order */
    fmpnn_atom *atom;   /* [atom_count] */
    size_t models;      /* in the file; the tables hold the first */
    size_t guessed; /* atoms whose element was taken from their name */
    char blank[8]; /* what the chain without a name is called here; "" if there is none */
} fmpnn_document;

/* Empty tables of these sizes; NULL if memory is short. */
fmpnn_document *fmpnn_document_create(size_t groups, size_t atoms);
void fmpnn_document_free(fmpnn_document *document);

/* The first atom of that name, or NULL. */
const fmpnn_atom *fmpnn_group_atom(const fmpnn_document *document, const fmpnn_group *group,
                                   const char *name);
/* The alternate location of highest mean occupancy, the first one of equals; ' ' if none. */
char fmpnn_group_altloc(const fmpnn_document *document, const fmpnn_group *group);
/* Give the chain without a name one: "_", or the first free of "__", "___" ... */
void fmpnn_document_name_blank(fmpnn_document *document);

#endif
