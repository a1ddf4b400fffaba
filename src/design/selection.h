/* Naming residues: one language for every option and for the library.
 *
 *     A10  A10-25  B82A  H100-100K  A-5  A-5--1     residue or range, chain of one letter
 *     A                                            a whole chain
 *     AA:10  A1:-5..-1  A1:                        any chain; required where the short form
 *                                                  could be read in another way
 *     @file                                        items from a file, # begins a comment
 *
 * Items are separated by commas or blanks. A range is file order between both ends, insertion
 * codes between them included; ends may be missing, the range may not be empty. Placeholders of
 * the original reading count as absent.
 *
 * Comes in: text, a structure. Goes out: residues of the structure's list. Knows nothing of
 * models or jobs. */
#ifndef FMPNN_DESIGN_SELECTION_H
#define FMPNN_DESIGN_SELECTION_H

#include "design/notes.h"
#include "structure/structure.h"

/* What every message needs: the structure, the option that is being read, and where to put
 * warnings and failures. notes and err may be NULL. */
typedef struct fmpnn_selector {
    const fmpnn_structure *st;
    const char *option; /* "--fix" */
    fmpnn_notes *notes;
    fmpnn_error *err;
} fmpnn_selector;

/* ---- lists of items ---- */

/* A setting split into items, files already read. */
typedef struct fmpnn_items {
    fmpnn_text text; /* items separated by single NULs */
    size_t next;
} fmpnn_items;

/* True if the setting is absent: NULL or nothing but separators. */
bool fmpnn_items_none(const char *setting);
/* FMPNN_EINVAL if a file names nothing or names another file; FMPNN_EIO; FMPNN_ENOMEM. */
fmpnn_status fmpnn_items_open(fmpnn_items *items, const fmpnn_selector *selector,
                              const char *setting);
char *fmpnn_items_next(fmpnn_items *items); /* NULL at the end; may be written into */
void fmpnn_items_close(fmpnn_items *items);

/* ---- one item ---- */

typedef struct fmpnn_residue_end {
    int32_t number;
    char icode; /* ' ': none */
} fmpnn_residue_end;

/* The residues of one chain from first to last, placeholders left out; never empty. */
typedef struct fmpnn_span {
    uint32_t chain;             /* chain_id */
    uint32_t first, last;       /* indices into the structure's residues */
    bool whole;                 /* written as a chain */
    fmpnn_residue_end from, to; /* as written; those of first and last if whole */
} fmpnn_span;

/**
 * Read one item.
 *
 * FMPNN_EINVAL if it is not understood; FMPNN_ESELECT if it does not fit the structure (no such
 * chain or residue, an empty range, more than one reading): the message names the nearest valid
 * thing. A warning "range-missing" names what a range covers but the structure lacks.
 */
fmpnn_status fmpnn_select_item(const fmpnn_selector *selector, const char *item,
                               fmpnn_span *span);
bool fmpnn_span_has(const fmpnn_structure *st, const fmpnn_span *span, size_t residue);
size_t fmpnn_span_count(const fmpnn_structure *st, const fmpnn_span *span);

/* ---- whole settings ---- */

/* chosen [length]: set to 1 for each residue that the list names, else left as it is. */
fmpnn_status fmpnn_select(const fmpnn_selector *selector, const char *setting,
                          uint8_t *chosen);
/* The same for a list of chains, placeholders included. */
fmpnn_status fmpnn_select_chains(const fmpnn_selector *selector, const char *setting,
                                 uint8_t *chosen);

/* ---- the way back: residues as text ---- */

/* chosen [length] in the same language, "A10-25,B82A", at most `limit` items, then
 * " and 3 more". Reading the text again gives the same residues. */
void fmpnn_selection_print(const fmpnn_structure *st, const uint8_t *chosen, size_t limit,
                           fmpnn_text *out);
/* Residues first..last of one chain as one item, in the long form unless `clear`. */
void fmpnn_range_print(const fmpnn_structure *st, size_t first, size_t last, bool clear,
                       fmpnn_text *out);
/* May short forms be printed? Only if no chain has a name of several characters. */
bool fmpnn_short_is_clear(const fmpnn_structure *st);
/* The chains of the structure, "A, B, C", in order of appearance. */
void fmpnn_chains_print(const fmpnn_structure *st, const char *separator, size_t limit,
                        fmpnn_text *out);

#endif
