/* One conformer of one group of atoms: which alternate location a residue is read from. */
#ifndef FMPNN_STRUCTURE_AUTHOR_PICK_H
#define FMPNN_STRUCTURE_AUTHOR_PICK_H

#include "structure/document.h"

typedef struct fmpnn_pick {
    fmpnn_residue residue; /* chain, name, number, icode, letter, present, xyz */
    char altloc;           /* chosen; ' ' if the backbone has none */
    bool choice;           /* there was more than one */
    bool alternate;        /* every backbone atom has an alternate location */
    bool duplicate;        /* an atom is given twice */
    bool empty;            /* an atom used has occupancy 0 */
    double occupancy;      /* mean over the backbone atoms used */
} fmpnn_pick;

void fmpnn_author_pick(const fmpnn_document *document, const fmpnn_group *group,
                       fmpnn_pick *pick);

#endif
