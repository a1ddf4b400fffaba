/* The tables of ideal.h: coordinates as published, frames derived from them. */
#include "packing/ideal.h"

#include "structure/atom37.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

/* Residue, atom, rigid group, place in the group's frame (Angstrom). The order within a residue
 * is that of atom14. Published by Jumper et al. 2021. */
static const struct {
    char letter;
    const char *name;
    uint8_t group;
    double xyz[3];
} atoms[] = {
    /* clang-format off */
    {'A', "N", 0, {-0.525, 1.363, 0.0}}, {'A', "CA", 0, {0.0, 0.0, 0.0}},
    {'A', "C", 0, {1.526, -0.0, -0.0}}, {'A', "O", 3, {0.627, 1.062, 0.0}},
    {'A', "CB", 0, {-0.529, -0.774, -1.205}}, {'C', "N", 0, {-0.522, 1.362, -0.0}},
    {'C', "CA", 0, {0.0, 0.0, 0.0}}, {'C', "C", 0, {1.524, 0.0, 0.0}},
    {'C', "O", 3, {0.625, 1.062, -0.0}}, {'C', "CB", 0, {-0.519, -0.773, -1.212}},
    {'C', "SG", 4, {0.728, 1.653, 0.0}}, {'D', "N", 0, {-0.525, 1.362, -0.0}},
    {'D', "CA", 0, {0.0, 0.0, 0.0}}, {'D', "C", 0, {1.527, 0.0, -0.0}},
    {'D', "O", 3, {0.626, 1.062, -0.0}}, {'D', "CB", 0, {-0.526, -0.778, -1.208}},
    {'D', "CG", 4, {0.593, 1.398, -0.0}}, {'D', "OD1", 5, {0.61, 1.091, 0.0}},
    {'D', "OD2", 5, {0.592, -1.101, -0.003}}, {'E', "N", 0, {-0.528, 1.361, 0.0}},
    {'E', "CA", 0, {0.0, 0.0, 0.0}}, {'E', "C", 0, {1.526, -0.0, -0.0}},
    {'E', "O", 3, {0.626, 1.062, 0.0}}, {'E', "CB", 0, {-0.526, -0.781, -1.207}},
    {'E', "CG", 4, {0.615, 1.392, 0.0}}, {'E', "CD", 5, {0.6, 1.397, 0.0}},
    {'E', "OE1", 6, {0.607, 1.095, -0.0}}, {'E', "OE2", 6, {0.589, -1.104, -0.001}},
    {'F', "N", 0, {-0.518, 1.363, 0.0}}, {'F', "CA", 0, {0.0, 0.0, 0.0}},
    {'F', "C", 0, {1.524, 0.0, -0.0}}, {'F', "O", 3, {0.626, 1.062, -0.0}},
    {'F', "CB", 0, {-0.525, -0.776, -1.212}}, {'F', "CG", 4, {0.607, 1.377, 0.0}},
    {'F', "CD1", 5, {0.709, 1.195, -0.0}}, {'F', "CD2", 5, {0.706, -1.196, 0.0}},
    {'F', "CE1", 5, {2.102, 1.198, -0.0}}, {'F', "CE2", 5, {2.098, -1.201, -0.0}},
    {'F', "CZ", 5, {2.794, -0.003, -0.001}}, {'G', "N", 0, {-0.572, 1.337, 0.0}},
    {'G', "CA", 0, {0.0, 0.0, 0.0}}, {'G', "C", 0, {1.517, -0.0, -0.0}},
    {'G', "O", 3, {0.626, 1.062, -0.0}}, {'H', "N", 0, {-0.527, 1.36, 0.0}},
    {'H', "CA", 0, {0.0, 0.0, 0.0}}, {'H', "C", 0, {1.525, 0.0, 0.0}},
    {'H', "O", 3, {0.625, 1.063, 0.0}}, {'H', "CB", 0, {-0.525, -0.778, -1.208}},
    {'H', "CG", 4, {0.6, 1.37, -0.0}}, {'H', "ND1", 5, {0.744, 1.16, -0.0}},
    {'H', "CD2", 5, {0.889, -1.021, 0.003}}, {'H', "CE1", 5, {2.03, 0.851, 0.002}},
    {'H', "NE2", 5, {2.145, -0.466, 0.004}}, {'I', "N", 0, {-0.493, 1.373, -0.0}},
    {'I', "CA", 0, {0.0, 0.0, 0.0}}, {'I', "C", 0, {1.527, -0.0, -0.0}},
    {'I', "O", 3, {0.627, 1.062, -0.0}}, {'I', "CB", 0, {-0.536, -0.793, -1.213}},
    {'I', "CG1", 4, {0.534, 1.437, -0.0}}, {'I', "CG2", 4, {0.54, -0.785, -1.199}},
    {'I', "CD1", 5, {0.619, 1.391, 0.0}}, {'K', "N", 0, {-0.526, 1.362, -0.0}},
    {'K', "CA", 0, {0.0, 0.0, 0.0}}, {'K', "C", 0, {1.526, 0.0, 0.0}},
    {'K', "O", 3, {0.626, 1.062, -0.0}}, {'K', "CB", 0, {-0.524, -0.778, -1.208}},
    {'K', "CG", 4, {0.619, 1.39, 0.0}}, {'K', "CD", 5, {0.559, 1.417, 0.0}},
    {'K', "CE", 6, {0.56, 1.416, 0.0}}, {'K', "NZ", 7, {0.554, 1.387, 0.0}},
    {'L', "N", 0, {-0.52, 1.363, 0.0}}, {'L', "CA", 0, {0.0, 0.0, 0.0}},
    {'L', "C", 0, {1.525, -0.0, -0.0}}, {'L', "O", 3, {0.625, 1.063, -0.0}},
    {'L', "CB", 0, {-0.522, -0.773, -1.214}}, {'L', "CG", 4, {0.678, 1.371, 0.0}},
    {'L', "CD1", 5, {0.53, 1.43, -0.0}}, {'L', "CD2", 5, {0.535, -0.774, 1.2}},
    {'M', "N", 0, {-0.521, 1.364, -0.0}}, {'M', "CA", 0, {0.0, 0.0, 0.0}},
    {'M', "C", 0, {1.525, 0.0, 0.0}}, {'M', "O", 3, {0.625, 1.062, -0.0}},
    {'M', "CB", 0, {-0.523, -0.776, -1.21}}, {'M', "CG", 4, {0.613, 1.391, -0.0}},
    {'M', "SD", 5, {0.703, 1.695, 0.0}}, {'M', "CE", 6, {0.32, 1.786, -0.0}},
    {'N', "N", 0, {-0.536, 1.357, 0.0}}, {'N', "CA", 0, {0.0, 0.0, 0.0}},
    {'N', "C", 0, {1.526, -0.0, -0.0}}, {'N', "O", 3, {0.625, 1.062, 0.0}},
    {'N', "CB", 0, {-0.531, -0.787, -1.2}}, {'N', "CG", 4, {0.584, 1.399, 0.0}},
    {'N', "OD1", 5, {0.633, 1.059, 0.0}}, {'N', "ND2", 5, {0.593, -1.188, 0.001}},
    {'P', "N", 0, {-0.566, 1.351, -0.0}}, {'P', "CA", 0, {0.0, 0.0, 0.0}},
    {'P', "C", 0, {1.527, -0.0, 0.0}}, {'P', "O", 3, {0.621, 1.066, 0.0}},
    {'P', "CB", 0, {-0.546, -0.611, -1.293}}, {'P', "CG", 4, {0.382, 1.445, 0.0}},
    {'P', "CD", 5, {0.477, 1.424, 0.0}}, {'Q', "N", 0, {-0.526, 1.361, -0.0}},
    {'Q', "CA", 0, {0.0, 0.0, 0.0}}, {'Q', "C", 0, {1.526, 0.0, 0.0}},
    {'Q', "O", 3, {0.626, 1.062, -0.0}}, {'Q', "CB", 0, {-0.525, -0.779, -1.207}},
    {'Q', "CG", 4, {0.615, 1.393, 0.0}}, {'Q', "CD", 5, {0.587, 1.399, -0.0}},
    {'Q', "OE1", 6, {0.634, 1.06, 0.0}}, {'Q', "NE2", 6, {0.593, -1.189, -0.001}},
    {'R', "N", 0, {-0.524, 1.362, -0.0}}, {'R', "CA", 0, {0.0, 0.0, 0.0}},
    {'R', "C", 0, {1.525, -0.0, -0.0}}, {'R', "O", 3, {0.626, 1.062, 0.0}},
    {'R', "CB", 0, {-0.524, -0.778, -1.209}}, {'R', "CG", 4, {0.616, 1.39, -0.0}},
    {'R', "CD", 5, {0.564, 1.414, 0.0}}, {'R', "NE", 6, {0.539, 1.357, -0.0}},
    {'R', "CZ", 7, {0.758, 1.093, -0.0}}, {'R', "NH1", 7, {0.206, 2.301, 0.0}},
    {'R', "NH2", 7, {2.078, 0.978, -0.0}}, {'S', "N", 0, {-0.529, 1.36, -0.0}},
    {'S', "CA", 0, {0.0, 0.0, 0.0}}, {'S', "C", 0, {1.525, -0.0, -0.0}},
    {'S', "O", 3, {0.626, 1.062, -0.0}}, {'S', "CB", 0, {-0.518, -0.777, -1.211}},
    {'S', "OG", 4, {0.503, 1.325, 0.0}}, {'T', "N", 0, {-0.517, 1.364, 0.0}},
    {'T', "CA", 0, {0.0, 0.0, 0.0}}, {'T', "C", 0, {1.526, 0.0, -0.0}},
    {'T', "O", 3, {0.626, 1.062, 0.0}}, {'T', "CB", 0, {-0.516, -0.793, -1.215}},
    {'T', "OG1", 4, {0.472, 1.353, 0.0}}, {'T', "CG2", 4, {0.55, -0.718, -1.228}},
    {'V', "N", 0, {-0.494, 1.373, -0.0}}, {'V', "CA", 0, {0.0, 0.0, 0.0}},
    {'V', "C", 0, {1.527, -0.0, -0.0}}, {'V', "O", 3, {0.627, 1.062, -0.0}},
    {'V', "CB", 0, {-0.533, -0.795, -1.213}}, {'V', "CG1", 4, {0.54, 1.429, -0.0}},
    {'V', "CG2", 4, {0.533, -0.776, 1.203}}, {'W', "N", 0, {-0.521, 1.363, 0.0}},
    {'W', "CA", 0, {0.0, 0.0, 0.0}}, {'W', "C", 0, {1.525, -0.0, 0.0}},
    {'W', "O", 3, {0.627, 1.062, 0.0}}, {'W', "CB", 0, {-0.523, -0.776, -1.212}},
    {'W', "CG", 4, {0.609, 1.37, -0.0}}, {'W', "CD1", 5, {0.824, 1.091, 0.0}},
    {'W', "CD2", 5, {0.854, -1.148, -0.005}}, {'W', "CE2", 5, {2.186, -0.678, -0.007}},
    {'W', "CE3", 5, {0.622, -2.53, -0.007}}, {'W', "NE1", 5, {2.14, 0.69, -0.004}},
    {'W', "CZ2", 5, {3.283, -1.543, -0.011}}, {'W', "CZ3", 5, {1.715, -3.389, -0.011}},
    {'W', "CH2", 5, {3.028, -2.89, -0.013}}, {'Y', "N", 0, {-0.522, 1.362, 0.0}},
    {'Y', "CA", 0, {0.0, 0.0, 0.0}}, {'Y', "C", 0, {1.524, -0.0, -0.0}},
    {'Y', "O", 3, {0.627, 1.062, -0.0}}, {'Y', "CB", 0, {-0.522, -0.776, -1.213}},
    {'Y', "CG", 4, {0.607, 1.382, -0.0}}, {'Y', "CD1", 5, {0.716, 1.195, -0.0}},
    {'Y', "CD2", 5, {0.713, -1.194, -0.001}}, {'Y', "CE1", 5, {2.107, 1.2, -0.002}},
    {'Y', "CE2", 5, {2.104, -1.201, -0.003}}, {'Y', "CZ", 5, {2.791, -0.001, -0.003}},
    {'Y', "OH", 5, {4.168, -0.002, -0.005}},
    /* clang-format on */
};

/* Atoms of each chi angle, chi1 first (IUPAC-IUB 1970). */
static const struct {
    char letter;
    const char *name[FMPNN_CHI_POINTS];
} chis[] = {
    /* clang-format off */
    {'C', {"N", "CA", "CB", "SG"}}, {'D', {"N", "CA", "CB", "CG"}},
    {'D', {"CA", "CB", "CG", "OD1"}}, {'E', {"N", "CA", "CB", "CG"}},
    {'E', {"CA", "CB", "CG", "CD"}}, {'E', {"CB", "CG", "CD", "OE1"}},
    {'F', {"N", "CA", "CB", "CG"}}, {'F', {"CA", "CB", "CG", "CD1"}},
    {'H', {"N", "CA", "CB", "CG"}}, {'H', {"CA", "CB", "CG", "ND1"}},
    {'I', {"N", "CA", "CB", "CG1"}}, {'I', {"CA", "CB", "CG1", "CD1"}},
    {'K', {"N", "CA", "CB", "CG"}}, {'K', {"CA", "CB", "CG", "CD"}},
    {'K', {"CB", "CG", "CD", "CE"}}, {'K', {"CG", "CD", "CE", "NZ"}},
    {'L', {"N", "CA", "CB", "CG"}}, {'L', {"CA", "CB", "CG", "CD1"}},
    {'M', {"N", "CA", "CB", "CG"}}, {'M', {"CA", "CB", "CG", "SD"}},
    {'M', {"CB", "CG", "SD", "CE"}}, {'N', {"N", "CA", "CB", "CG"}},
    {'N', {"CA", "CB", "CG", "OD1"}}, {'P', {"N", "CA", "CB", "CG"}},
    {'P', {"CA", "CB", "CG", "CD"}}, {'Q', {"N", "CA", "CB", "CG"}},
    {'Q', {"CA", "CB", "CG", "CD"}}, {'Q', {"CB", "CG", "CD", "OE1"}},
    {'R', {"N", "CA", "CB", "CG"}}, {'R', {"CA", "CB", "CG", "CD"}},
    {'R', {"CB", "CG", "CD", "NE"}}, {'R', {"CG", "CD", "NE", "CZ"}},
    {'S', {"N", "CA", "CB", "OG"}}, {'T', {"N", "CA", "CB", "OG1"}},
    {'V', {"N", "CA", "CB", "CG1"}}, {'W', {"N", "CA", "CB", "CG"}},
    {'W', {"CA", "CB", "CG", "CD1"}}, {'Y', {"N", "CA", "CB", "CG"}},
    {'Y', {"CA", "CB", "CG", "CD1"}},
    /* clang-format on */
};

static fmpnn_ideal table[21];

static int code_of(char letter)
{
    return (int)(strchr(fmpnn_alphabet(), letter) - fmpnn_alphabet());
}

/* Published place of an atom of a residue. */
static const double *place_of(char letter, const char *name)
{
    for (size_t n = 0; n < sizeof atoms / sizeof *atoms; n++)
        if (atoms[n].letter == letter && !strcmp(atoms[n].name, name))
            return atoms[n].xyz;
    return NULL;
}

static void normalise(double v[3])
{
    double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int d = 0; d < 3; d++)
        v[d] /= length;
}

/* Columns x, y, z and origin: x along `x`, y towards `y`, as float32 has them. */
static void make_frame(const double x[3], const double y[3], const double origin[3],
                       double frame[3][4])
{
    double a[3] = {x[0], x[1], x[2]}, b[3] = {y[0], y[1], y[2]};
    normalise(a);
    double along = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    for (int d = 0; d < 3; d++)
        b[d] -= along * a[d];
    normalise(b);
    for (int d = 0; d < 3; d++) {
        int e = (d + 1) % 3, f = (d + 2) % 3;
        frame[d][0] = (double)(float)a[d];
        frame[d][1] = (double)(float)b[d];
        frame[d][2] = (double)(float)(a[e] * b[f] - a[f] * b[e]);
        frame[d][3] = (double)(float)origin[d];
    }
}

static void difference(const double *a, const double *b, double dst[3])
{
    for (int d = 0; d < 3; d++)
        dst[d] = a[d] - b[d];
}

static void make_frames(fmpnn_ideal *r, char letter)
{
    static const double along_x[3] = {1, 0, 0}, back[3] = {-1, 0, 0};
    const double *n = place_of(letter, "N"), *ca = place_of(letter, "CA");
    const double *c = place_of(letter, "C");
    double x[3], y[3];
    for (int g = 0; g < 2; g++)
        for (int d = 0; d < 3; d++)
            r->frame[g][d][d] = 1;
    difference(n, ca, x);
    make_frame(x, along_x, n, r->frame[2]);
    difference(c, ca, x);
    difference(ca, n, y);
    make_frame(x, y, c, r->frame[FMPNN_GROUP_PSI]);
    size_t chi = 0;
    for (size_t k = 0; k < sizeof chis / sizeof *chis; k++) {
        if (chis[k].letter != letter)
            continue;
        const double *p[3];
        for (int q = 0; q < 3; q++)
            p[q] = place_of(letter, chis[k].name[q]);
        difference(p[2], p[1], x);
        difference(p[0], p[1], y);
        if (chi == 0)
            make_frame(x, y, p[2], r->frame[FMPNN_GROUP_CHI1]);
        else /* places are already those of the frame before */
            make_frame(p[2], back, p[2], r->frame[FMPNN_GROUP_CHI1 + chi]);
        for (int q = 0; q < FMPNN_CHI_POINTS; q++)
            r->chi[chi][q] = (uint8_t)fmpnn_atom37_slot(chis[k].name[q]);
        chi++;
    }
    r->chis = chi;
}

static void make_table(void)
{
    for (size_t n = 0; n < sizeof atoms / sizeof *atoms; n++) {
        fmpnn_ideal *r = &table[code_of(atoms[n].letter)];
        size_t a = r->atoms++;
        r->name[a] = atoms[n].name;
        r->slot[a] = (uint8_t)fmpnn_atom37_slot(atoms[n].name);
        r->group[a] = atoms[n].group;
        for (int d = 0; d < 3; d++)
            r->xyz[a][d] = (double)(float)atoms[n].xyz[d];
    }
    for (int code = 0; code < 20; code++)
        make_frames(&table[code], fmpnn_alphabet()[code]);
}

size_t fmpnn_ideal_chi(const fmpnn_ideal *residue, size_t a)
{
    return residue->group[a] > FMPNN_GROUP_CHI1 ? (size_t)residue->group[a] - FMPNN_GROUP_CHI1 : 0;
}

const fmpnn_ideal *fmpnn_ideal_residues(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_table);
    return table;
}
