/* Chemical elements as the ligand models number them, and what an atom's name says of its
 * element where a file does not.
 *
 * The number is the place in the periodic table with exceptions that the models were trained
 * with: molybdenum has none (the training program's table spells it MB), nor has deuterium.
 * Source: Dauparas et al. 2023, LigandMPNN, its published program; docs/formats.md. */
#ifndef FMPNN_STRUCTURE_ELEMENT_H
#define FMPNN_STRUCTURE_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

enum { FMPNN_TYPE_UNKNOWN = 0, FMPNN_TYPE_HYDROGEN = 1 };

/* 1..118; 0 for a blank or unknown symbol. Upper and lower case are the same. */
uint8_t fmpnn_element_type(const char *symbol);

/* Hydrogen of any mass. */
bool fmpnn_element_is_hydrogen(const char *symbol);

/* The element of an atom by its name, without blanks, in a residue of that name: "CL" in CL is
 * chlorine, "CL1" in a ligand too, "CA" in a ligand carbon. "X" if the name says nothing. */
const char *fmpnn_element_of_name(const char *atom, const char *residue);

#endif
