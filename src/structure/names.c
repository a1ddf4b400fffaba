#include "structure/names.h"

#include <stddef.h>
#include <string.h>

#include "structure/shim.h"

typedef struct entry {
    char name[5];
    char letter;
} entry;

/* clang-format off */
static const entry standard[] = {
    {"ALA", 'A'}, {"CYS", 'C'}, {"ASP", 'D'}, {"GLU", 'E'}, {"PHE", 'F'}, {"GLY", 'G'},
    {"HIS", 'H'}, {"ILE", 'I'}, {"LYS", 'K'}, {"LEU", 'L'}, {"MET", 'M'}, {"ASN", 'N'},
    {"PRO", 'P'}, {"GLN", 'Q'}, {"ARG", 'R'}, {"SER", 'S'}, {"THR", 'T'}, {"VAL", 'V'},
    {"TRP", 'W'}, {"TYR", 'Y'},
};

/* Names that molecular-dynamics programs give to protonation and bonding states; tables of
 * chemical components do not list them, or list something else under them. */
static const entry variants[] = {
    {"HID", 'H'}, {"HIE", 'H'}, {"HIP", 'H'}, {"HSD", 'H'}, {"HSE", 'H'}, {"HSP", 'H'},
    {"CYX", 'C'}, {"CYM", 'C'}, {"ASH", 'D'}, {"GLH", 'E'}, {"LYN", 'K'}, {"ARN", 'R'},
    {"TYM", 'Y'}, {"MSE", 'M'},
    /* mirror images are no residues that the models can design: no parent */
    {"DAL", 'X'}, {"DAR", 'X'}, {"DSG", 'X'}, {"DAS", 'X'}, {"DCY", 'X'}, {"DGN", 'X'},
    {"DGL", 'X'}, {"DHI", 'X'}, {"DIL", 'X'}, {"DLE", 'X'}, {"DLY", 'X'}, {"MED", 'X'},
    {"DPN", 'X'}, {"DPR", 'X'}, {"DSN", 'X'}, {"DTH", 'X'}, {"DTR", 'X'}, {"DTY", 'X'},
    {"DVA", 'X'}, {"GHP", 'X'},
};

static const char waters[][5] = {"HOH", "DOD", "WAT", "H2O", "TIP", "TIP3", "TIP4", "SOL"};
/* clang-format on */

static char find(const entry *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].name[0] == *name && !strcmp(table[i].name, name))
            return table[i].letter;
    return 0;
}

char fmpnn_letter_of_standard(const char *name)
{
    return find(standard, sizeof standard / sizeof *standard, name);
}

char fmpnn_letter_of_name(const char *name)
{
    char letter = fmpnn_letter_of_standard(name);
    if (!letter)
        letter = find(variants, sizeof variants / sizeof *variants, name);
    return letter ? letter : fmpnn_shim_amino_letter(name);
}

const char *fmpnn_name_of_letter(char letter)
{
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        if (standard[i].letter == letter)
            return standard[i].name;
    return letter == 'X' ? "UNK" : NULL;
}

bool fmpnn_name_is_water(const char *name)
{
    for (size_t i = 0; i < sizeof waters / sizeof *waters; i++)
        if (!strcmp(waters[i], name))
            return true;
    return false;
}
