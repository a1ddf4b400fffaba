/* The readings: bytes of a file -> residues of a structure, findings on the way. */
#ifndef FMPNN_STRUCTURE_READ_H
#define FMPNN_STRUCTURE_READ_H

#include "structure/document.h"
#include "structure/structure.h"
#include "structure/warnings.h"

typedef struct fmpnn_source {
    const char *file; /* for messages */
    const unsigned char *bytes;
    size_t size;
    bool cif;
    const fmpnn_read_options *options;
} fmpnn_source;

enum { FMPNN_MAX_RESIDUES = 1000000 };

/* All fill residue, length, document, hetero marks, context and side chains of `st`, which the
 * caller frees. */
fmpnn_status fmpnn_author_read(const fmpnn_source *source, fmpnn_structure *st,
                               fmpnn_findings *findings, fmpnn_error *err);
fmpnn_status fmpnn_original_read(const fmpnn_source *source, fmpnn_structure *st,
                                 fmpnn_findings *findings, fmpnn_error *err);
fmpnn_status fmpnn_original_ligand_read(const fmpnn_source *source, fmpnn_structure *st,
                                        fmpnn_findings *findings, fmpnn_error *err);

/* Where a residue stands. */
typedef struct fmpnn_place {
    char chain[8];
    int32_t number;
    char icode; /* ' ' if there is none */
} fmpnn_place;

/* The residues that the original reading makes of a PDB file, `only` and `drop` left aside, and
 * without placeholders: [count], freed with fmpnn_release(). */
fmpnn_status fmpnn_original_places(const fmpnn_source *source, fmpnn_place **place,
                                   size_t *count, fmpnn_error *err);

/* The atoms of a file, through gemmi. */
fmpnn_status fmpnn_document_read(const fmpnn_source *source, fmpnn_document **document,
                                 fmpnn_error *err);

/* ---- options `only` and `drop` (filter.c): items separated by commas or blanks */

/* FMPNN_EINVAL for an empty list or a chain name that is too long. */
fmpnn_status fmpnn_filter_check(const fmpnn_read_options *options, fmpnn_error *err);
bool fmpnn_filter_keeps(const fmpnn_read_options *options, const char *chain,
                        const char *name);
/* FMPNN_ESELECT if `only` names a chain that is not among the `count` chains of the file. */
fmpnn_status fmpnn_filter_verify(const fmpnn_read_options *options, const char *file,
                                 const char (*chain)[8], size_t count, fmpnn_error *err);
/* Note items of `drop` that name nothing in the file. */
void fmpnn_filter_note(const fmpnn_read_options *options, const fmpnn_document *document,
                       fmpnn_findings *findings);

/* ---- gaps.c */

typedef enum fmpnn_link {
    FMPNN_LINK_UNKNOWN,
    FMPNN_LINK_BOND,
    FMPNN_LINK_NEAR,
    FMPNN_LINK_FAR
} fmpnn_link;

/* Whether residue b follows a in the chain, by the C-N distance, else the CA-CA distance.
 * `text` [32] describes it, e.g. "C-N 1.33 A"; NULL if not wanted. */
fmpnn_link fmpnn_residues_link(const fmpnn_residue *a, const fmpnn_residue *b, char *text);

/* Residue indices of the author reading, that follow the numbers. */
void fmpnn_gaps_index(fmpnn_structure *st, bool close_bond_gaps, fmpnn_findings *findings);
/* Note where numbers and bonds disagree. */
void fmpnn_gaps_note(const fmpnn_structure *st, fmpnn_findings *findings);

/* ---- ordinals.c: residue[].ordinal and st->ordinals. A file that the original program cannot
 * read is no failure; st->no_ordinals then says why there are none. */
fmpnn_status fmpnn_ordinals_find(const fmpnn_source *source, fmpnn_structure *st,
                                 fmpnn_error *err);
/* The same for residues that come from no file. */
fmpnn_status fmpnn_ordinals_count(fmpnn_structure *st, fmpnn_error *err);

/* ---- digest.c */
fmpnn_status fmpnn_structure_hash(fmpnn_structure *st, fmpnn_error *err);

#endif
