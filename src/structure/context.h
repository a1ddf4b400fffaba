/* What a ligand model sees beside the backbone: atoms of side chains and of whatever is not
 * protein. Comes in: atoms, from either reading. Goes out: the tables `atom`, `context` and
 * `ligand` of a structure. Knows nothing of files. */
#ifndef FMPNN_STRUCTURE_CONTEXT_H
#define FMPNN_STRUCTURE_CONTEXT_H

#include "structure/document.h"
#include "structure/structure.h"
#include "structure/warnings.h"

/* Fills a structure, which owns the tables also after a failure. */
typedef struct fmpnn_context_maker {
    fmpnn_structure *st;
    fmpnn_findings *findings;
    size_t residues; /* added */
    size_t atoms, context, ligands; /* room in the tables */
    uint32_t noted; /* the last ligand noted for an unknown element */
} fmpnn_context_maker;

void fmpnn_context_begin(fmpnn_context_maker *maker, fmpnn_structure *st,
                         fmpnn_findings *findings);

/* The next residue's atoms by slot (atom37.h), NULL where there is none. `length` is the number
 * of residues in all. */
fmpnn_status fmpnn_context_add_residue(fmpnn_context_maker *maker, size_t length,
                                       const double *const xyz[FMPNN_ATOM37],
                                       fmpnn_error *err);

/* A ligand without atoms; -> its index. */
fmpnn_status fmpnn_context_add_ligand(fmpnn_context_maker *maker, const fmpnn_ligand *ligand,
                                      uint32_t *index, fmpnn_error *err);
/* An atom of a ligand: counted, and kept if a model may see it. */
fmpnn_status fmpnn_context_add_atom(fmpnn_context_maker *maker, uint32_t ligand,
                                    const char *name, const char *element,
                                    const double xyz[3], fmpnn_error *err);

/* The hetero groups of a document, except waters, as ligands: of each the conformer of highest
 * occupancy. */
fmpnn_status fmpnn_context_add_document(fmpnn_context_maker *maker,
                                        const fmpnn_document *document, fmpnn_error *err);

/* Note ligands of which nothing is seen, and atoms that stand where a residue does. */
fmpnn_status fmpnn_context_note(const fmpnn_structure *st, fmpnn_findings *findings,
                                fmpnn_error *err);

#endif
