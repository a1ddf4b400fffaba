/* From torsions to atoms and back, in double: it costs nothing beside the network. docs/math.md,
 * "Packing". */
#ifndef FMPNN_PACKING_TORSIONS_H
#define FMPNN_PACKING_TORSIONS_H

#include "packing/ideal.h"
#include "packing/mixture.h"

/* Sine and cosine; (0, 0) where there is no angle. */
typedef struct fmpnn_angle {
    double sine, cosine;
} fmpnn_angle;

/* What places the atoms of a residue. */
typedef struct fmpnn_torsions {
    fmpnn_angle psi, chi[FMPNN_CHIS];
} fmpnn_torsions;

/* Rotation (columns) and origin of the backbone N, CA, C: x along C - CA, N in the plane with
 * y above 0. */
void fmpnn_backbone_frame(const double backbone[4][3], double rotation[3][3],
                          double origin[3]);

/* Dihedral of four points. */
fmpnn_angle fmpnn_dihedral(const double p[4][3]);

/* psi as the builder wants it: of N CA C O, turned by pi. */
fmpnn_angle fmpnn_psi(const double backbone[4][3]);

/* chi angles of a parsed residue, its atoms by atom37 slot (0 where absent, as trained). */
void fmpnn_chis(const fmpnn_ideal *residue, float xyz[FMPNN_ATOM37][3],
                fmpnn_angle chi[FMPNN_CHIS]);

/* Atoms of a residue: backbone [4][3] N CA C O (three are used), xyz [14][3]; atoms it has not
 * are 0. So N, C, O and CB come back idealised. */
void fmpnn_build_residue(const fmpnn_ideal *residue, const double backbone[4][3],
                         const fmpnn_torsions *torsions, double xyz[FMPNN_ATOM14][3]);

#endif
