/* Ideal side chains: which atoms a residue type has, in which rigid group each stands and where,
 * which atoms define its chi angles. Comes in: nothing. Goes out: tables by residue code.
 *
 * A residue is eight rigid groups: 0 the backbone, 1 and 2 (pre-omega, phi) without atoms, 3 psi
 * with O, 4 to 7 chi1 to chi4; each turns about the axis of its torsion, chi2 to chi4 riding on
 * the group before. Source of the numbers: Jumper et al. 2021, Nature 596:583 (AlphaFold),
 * supplement 1.8 and its published residue constants, proline's CD as of 2022. */
#ifndef FMPNN_PACKING_IDEAL_H
#define FMPNN_PACKING_IDEAL_H

#include "structure/structure.h"

enum {
    FMPNN_ATOM14 = 14,   /* heavy atoms of the largest residue, OXT left out */
    FMPNN_GROUPS = 8,
    FMPNN_CHIS = 4,
    FMPNN_GROUP_PSI = 3,
    FMPNN_GROUP_CHI1 = 4,
    FMPNN_CHI_POINTS = 4
};

/* One residue type; all zero for X. Numbers are those of float32, as the network was trained. */
typedef struct fmpnn_ideal {
    size_t atoms;                       /* in atom14 order: N CA C O CB ... */
    const char *name[FMPNN_ATOM14];     /* "CA" */
    uint8_t slot[FMPNN_ATOM14];         /* in atom37 */
    uint8_t group[FMPNN_ATOM14];
    double xyz[FMPNN_ATOM14][3];        /* in the frame of its group */
    double frame[FMPNN_GROUPS][3][4];   /* rotation and origin of a group, before its torsion */
    size_t chis;
    uint8_t chi[FMPNN_CHIS][FMPNN_CHI_POINTS]; /* atom37 slots of the dihedral */
} fmpnn_ideal;

/* The chi angle (0 chi1 .. 3 chi4) that places atom a of atom14: chi1 for those that none does. */
size_t fmpnn_ideal_chi(const fmpnn_ideal *residue, size_t a);

/* Tables [21] by residue code; made on first use, the same afterwards. Thread-safe. */
const fmpnn_ideal *fmpnn_ideal_residues(void);

#endif
