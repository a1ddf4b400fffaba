/* Structures of a few residues, built by hand for tests of selections and jobs. */
#ifndef FMPNN_TESTS_SMALL_STRUCTURE_H
#define FMPNN_TESTS_SMALL_STRUCTURE_H

#include "structure/structure.h"

#include <math.h>
#include <string.h>

enum { SMALL_ROOM = 400 };

typedef struct small_structure {
    fmpnn_structure st;
    fmpnn_residue residue[SMALL_ROOM];
} small_structure;

static inline void small_begin(small_structure *small)
{
    memset(small, 0, sizeof *small);
    small->st.name = (char *)"small";
    small->st.residue = small->residue;
    memset(small->st.digest, 'd', 64);
}

/* One more residue, 3.8 A from the last on a helix-like path, so that no two coincide. */
static inline fmpnn_residue *small_add(small_structure *small, const char *chain,
                                       int number, char icode, char letter)
{
    size_t at = small->st.length++;
    fmpnn_residue *residue = &small->residue[at];
    snprintf(residue->chain, sizeof residue->chain, "%s", chain);
    strcpy(residue->name, "GLY");
    residue->number = residue->index = number;
    residue->icode = icode;
    residue->letter = letter;
    residue->present = 15;
    if (at > 0) {
        const fmpnn_residue *before = &small->residue[at - 1];
        residue->chain_id = before->chain_id + (strcmp(chain, before->chain) != 0);
    }
    for (int atom = 0; atom < 4; atom++) {
        double t = (double)at + 0.3 * atom;
        residue->xyz[atom][0] = (float)(3 * cos(1.7 * t) + 0.1 * atom);
        residue->xyz[atom][1] = (float)(3 * sin(1.7 * t));
        residue->xyz[atom][2] = (float)(1.5 * t);
    }
    return residue;
}

/* Residues numbered on from `first`, one for each letter. */
static inline void small_chain(small_structure *small, const char *chain, int first,
                               const char *letters)
{
    for (int n = 0; letters[n]; n++)
        small_add(small, chain, first + n, ' ', letters[n]);
}

/* Take away an atom (bit of `present`), or all with -1. */
static inline void small_lose(fmpnn_residue *residue, int atom)
{
    for (int a = 0; a < 4; a++)
        if (atom < 0 || a == atom) {
            residue->present &= (uint8_t) ~(1 << a);
            for (int axis = 0; axis < 3; axis++)
                residue->xyz[a][axis] = NAN;
        }
}

static inline void small_placeholder(small_structure *small, const char *chain, int number)
{
    fmpnn_residue *residue = small_add(small, chain, number, ' ', 'X');
    residue->placeholder = true;
    residue->name[0] = '\0';
    small_lose(residue, -1);
}

#endif
