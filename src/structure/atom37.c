#include "structure/atom37.h"

#include <string.h>

/* clang-format off */
static const char names[FMPNN_ATOM37][4] = {
    "N",   "CA",  "C",   "CB",  "O",   "CG",  "CG1", "CG2", "OG",  "OG1", "SG",  "CD",  "CD1",
    "CD2", "ND1", "ND2", "OD1", "OD2", "SD",  "CE",  "CE1", "CE2", "CE3", "NE",  "NE1", "NE2",
    "OE1", "OE2", "CH2", "NH1", "NH2", "OH",  "CZ",  "CZ2", "CZ3", "NZ",  "OXT",
};
/* clang-format on */

int fmpnn_atom37_slot(const char *name)
{
    for (int slot = 0; slot < FMPNN_ATOM37 - 1; slot++)
        if (!strcmp(names[slot], name))
            return slot;
    return -1;
}

const char *fmpnn_atom37_name(size_t slot)
{
    return names[slot];
}

void fmpnn_structure_atoms(const fmpnn_structure *st, size_t i, float xyz[FMPNN_ATOM37][3],
                           uint8_t present[FMPNN_ATOM37])
{
    static const int backbone[4] = {FMPNN_SLOT_N, FMPNN_SLOT_CA, FMPNN_SLOT_C, FMPNN_SLOT_O};
    const fmpnn_residue *residue = &st->residue[i];
    memset(xyz, 0, FMPNN_ATOM37 * sizeof *xyz);
    memset(present, 0, FMPNN_ATOM37);
    for (int a = 0; a < 4; a++)
        if (residue->present >> a & 1) {
            memcpy(xyz[backbone[a]], residue->xyz[a], sizeof *xyz);
            present[backbone[a]] = 1;
        }
    for (size_t n = st->atom_first ? st->atom_first[i] : 0,
                end = st->atom_first ? st->atom_first[i + 1] : 0;
         n < end; n++) {
        memcpy(xyz[st->atom[n].slot], st->atom[n].xyz, sizeof *xyz);
        present[st->atom[n].slot] = 1;
    }
}
