/* The warnings of reading a structure: one list of stable codes, and a collector that turns
 * many findings of a kind into one message. Scripts match the codes: never change one. */
#ifndef FMPNN_STRUCTURE_WARNINGS_H
#define FMPNN_STRUCTURE_WARNINGS_H

#include "base/base.h"

/* code, and what the message begins with; docs/formats.md repeats the list */
/* clang-format off */
#define FMPNN_STRUCTURE_WARNINGS(X)                                                         \
    X(SEVERAL_MODELS, "several-models", "more than one model in the file")                  \
    X(BLANK_CHAIN, "blank-chain", "chain without a name")                                   \
    X(WIDE_CHAIN, "wide-chain", "two characters before the number read as a chain name")    \
    X(DROP_UNUSED, "drop-unused", "nothing in the file is named")                           \
    X(DUPLICATE_RESIDUE, "duplicate-residue", "residue given twice, the first is kept")     \
    X(ALTLOC_CHOSEN, "altloc-chosen", "alternate location chosen")                          \
    X(ZERO_OCCUPANCY, "zero-occupancy", "backbone atoms of occupancy 0 are used")           \
    X(RENAMED, "renamed", "read as its parent residue")                                     \
    X(UNKNOWN_RESIDUE, "unknown-residue", "no letter for this residue name, read as X")     \
    X(LEFT_OUT, "left-out", "HETATM amino acid, which the original program does not read")  \
    X(FREE_AMINO_ACID, "free-amino-acid", "amino acid outside the chain, read as a ligand") \
    X(MISSING_ATOMS, "missing-atoms", "backbone atoms missing, not resolved")               \
    X(NUMBERING_ORDER, "numbering-order", "residue number decreases")                       \
    X(GAP, "gap", "gap in numbering and chain")                                             \
    X(GAP_BONDED, "gap-bonded", "gap in numbering, but the residues are bonded")            \
    X(GAP_CLAMPED, "gap-clamped", "gap in numbering too wide, taken as 10000 residues")     \
    X(BREAK_UNNUMBERED, "break-unnumbered", "chain broken, but the numbering goes on")      \
    X(PLACEHOLDERS, "placeholders", "missing residue numbers filled with placeholders")     \
    X(DUPLICATE_CA, "duplicate-ca", "residue with two CA atoms, the later one is kept")     \
    X(NO_CARBON_ALPHA, "no-ca", "amino acid without CA, read as a ligand")                  \
    X(LIGAND_MERGED, "ligand-merged", "numbered like a residue of its chain, not seen")     \
    X(EMPTY_LEFT_OUT, "zero-occupancy-left-out", "atoms of occupancy 0 are not read")       \
    X(ALTLOC_LEFT_OUT, "altloc-left-out", "alternate locations other than A are not read")  \
    X(ELEMENT_GUESSED, "context-element-guessed", "element missing, taken from atom names") \
    X(ELEMENT_UNKNOWN, "context-element-unknown", "element unknown to the ligand models")   \
    X(CONTEXT_EMPTY, "context-empty", "no atom of it is seen by a ligand model")            \
    X(CONTEXT_CLASH, "context-clash", "atom within 1 A of the backbone")                    \
    X(HETERO_PRESENT, "hetero-present", "atoms that ProteinMPNN models do not see")
/* clang-format on */

typedef enum fmpnn_warning_kind {
#define FMPNN_WARNING_ENUM(name, code, text) FMPNN_WARN_##name,
    FMPNN_STRUCTURE_WARNINGS(FMPNN_WARNING_ENUM)
#undef FMPNN_WARNING_ENUM
        FMPNN_WARNING_KINDS
} fmpnn_warning_kind;

typedef struct fmpnn_findings {
    fmpnn_text items[FMPNN_WARNING_KINDS]; /* "A10, A12" */
    size_t count[FMPNN_WARNING_KINDS];
} fmpnn_findings;

void fmpnn_findings_init(fmpnn_findings *findings);
void fmpnn_findings_clear(fmpnn_findings *findings);
/* Add one finding; the message names the first dozen and counts the rest. */
void fmpnn_findings_add(fmpnn_findings *findings, fmpnn_warning_kind kind,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One warning for each kind found, in the order of the list. */
fmpnn_status fmpnn_findings_warnings(const fmpnn_findings *findings,
                                     fmpnn_warning **warning, size_t *count,
                                     fmpnn_error *err);
void fmpnn_warnings_free(fmpnn_warning *warning, size_t count);

#endif
