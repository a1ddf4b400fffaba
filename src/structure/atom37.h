/* The 37 names that heavy atoms of the twenty amino acids have, in the models' order. */
#ifndef FMPNN_STRUCTURE_ATOM37_H
#define FMPNN_STRUCTURE_ATOM37_H

#include "structure/structure.h"

enum { FMPNN_SLOT_N = 0, FMPNN_SLOT_CA, FMPNN_SLOT_C, FMPNN_SLOT_CB, FMPNN_SLOT_O };

/* Slot of an atom name, or -1. OXT, the last one, is no model's input and has none. */
int fmpnn_atom37_slot(const char *name);
/* The name of slot 0..36. */
const char *fmpnn_atom37_name(size_t slot);

#endif
