#include "structure/element.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { ELEMENTS = 118 };

/* clang-format off */
static const char symbols[ELEMENTS][4] = {
    "H",  "HE",
    "LI", "BE", "B",  "C",  "N",  "O",  "F",  "NE",
    "NA", "MG", "AL", "SI", "P",  "S",  "CL", "AR",
    "K",  "CA", "SC", "TI", "V",  "CR", "MN", "FE", "CO", "NI", "CU", "ZN", "GA", "GE", "AS",
    "SE", "BR", "KR",
    "RB", "SR", "Y",  "ZR", "NB", "MB", "TC", "RU", "RH", "PD", "AG", "CD", "IN", "SN", "SB",
    "TE", "I",  "XE",
    "CS", "BA", "LA", "CE", "PR", "ND", "PM", "SM", "EU", "GD", "TB", "DY", "HO", "ER", "TM",
    "YB", "LU", "HF", "TA", "W",  "RE", "OS", "IR", "PT", "AU", "HG", "TL", "PB", "BI", "PO",
    "AT", "RN",
    "FR", "RA", "AC", "TH", "PA", "U",  "NP", "PU", "AM", "CM", "BK", "CF", "ES", "FM", "MD",
    "NO", "LR", "RF", "DB", "SG", "BH", "HS", "MT", "DS", "RG", "CN", "UUT", "FL", "UUP", "LV",
    "UUS", "UUO",
};

/* What a ligand's atom names begin with, beside one-letter elements. Metals are not among
 * them: an atom named "CA" or "CO2" of a ligand is carbon. */
static const char two_letters[][3] = {"CL", "BR", "SI", "SE", "AS"};
static const char one_letter[] = "CNOSPFIBHDKVWUY";
/* clang-format on */

static bool same(const char *a, const char *upper)
{
    while (*a && *upper && toupper((unsigned char)*a) == *upper) {
        a++;
        upper++;
    }
    return !*a && !*upper;
}

uint8_t fmpnn_element_type(const char *symbol)
{
    for (uint8_t z = 0; z < ELEMENTS; z++)
        if (same(symbol, symbols[z]))
            return (uint8_t)(z + 1);
    return FMPNN_TYPE_UNKNOWN;
}

bool fmpnn_element_is_hydrogen(const char *symbol)
{
    return same(symbol, "H") || same(symbol, "D");
}

/* The symbol of an ion that is named like its residue, "ZN" or "FE2"; NULL if it is none. */
static const char *ion_element(const char *residue)
{
    char letters[3] = "";
    for (size_t i = 0; i < 2 && isalpha((unsigned char)residue[i]); i++)
        letters[i] = residue[i];
    for (uint8_t z = 0; z < ELEMENTS; z++)
        if (same(letters, symbols[z]))
            return symbols[z];
    return same(letters, "MO") ? "MO" : NULL;
}

const char *fmpnn_element_of_name(const char *atom, const char *residue)
{
    static const char symbol[26][2] = {"A", "B", "C", "D", "E", "F", "G", "H", "I",
                                       "J", "K", "L", "M", "N", "O", "P", "Q", "R",
                                       "S", "T", "U", "V", "W", "X", "Y", "Z"};
    char letters[3] = "";
    if (!strcmp(atom, residue) && ion_element(residue))
        return ion_element(residue);
    while (isdigit((unsigned char)*atom)) /* "1HG1" */
        atom++;
    for (size_t i = 0; i < 2 && isalpha((unsigned char)atom[i]); i++)
        letters[i] = atom[i];
    for (size_t k = 0; k < sizeof two_letters / sizeof *two_letters; k++)
        if (same(letters, two_letters[k]))
            return two_letters[k];
    int first = toupper((unsigned char)letters[0]);
    return first && strchr(one_letter, first) ? symbol[first - 'A'] : "X";
}
