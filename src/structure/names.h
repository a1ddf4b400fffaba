/* Residue names and letters. */
#ifndef FMPNN_STRUCTURE_NAMES_H
#define FMPNN_STRUCTURE_NAMES_H

#include <stdbool.h>

/* Letter of one of the twenty standard names, else 0. */
char fmpnn_letter_of_standard(const char *name);
/* Letter of any amino acid: standard, protonation variant, modified (its parent's letter); 'X'
 * for one without a parent among the twenty; 0 if the name is no known amino acid. */
char fmpnn_letter_of_name(const char *name);
/* "ALA" for 'A', "UNK" for 'X'; NULL for any other character. */
const char *fmpnn_name_of_letter(char letter);
bool fmpnn_name_is_water(const char *name);

#endif
