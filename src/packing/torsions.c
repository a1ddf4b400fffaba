/* Frames and dihedrals: see torsions.h. */
#include "packing/torsions.h"

#include <math.h>
#include <string.h>

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(const double a[3], const double b[3], double dst[3])
{
    dst[0] = a[1] * b[2] - a[2] * b[1];
    dst[1] = a[2] * b[0] - a[0] * b[2];
    dst[2] = a[0] * b[1] - a[1] * b[0];
}

/* x and y become orthogonal unit vectors; eps keeps the zero vector finite. */
static void make_axes(double x[3], double y[3], double z[3], double eps)
{
    double length = sqrt(dot(x, x) + eps), along;
    for (int d = 0; d < 3; d++)
        x[d] /= length;
    along = dot(x, y);
    for (int d = 0; d < 3; d++)
        y[d] -= x[d] * along;
    length = sqrt(dot(y, y) + eps);
    for (int d = 0; d < 3; d++)
        y[d] /= length;
    cross(x, y, z);
}

void fmpnn_backbone_frame(const double p[4][3], double rotation[3][3], double origin[3])
{
    double x[3], y[3], z[3];
    for (int d = 0; d < 3; d++) {
        x[d] = p[FMPNN_ATOM_C][d] - p[FMPNN_ATOM_CA][d];
        y[d] = p[FMPNN_ATOM_N][d] - p[FMPNN_ATOM_CA][d];
        origin[d] = p[FMPNN_ATOM_CA][d];
    }
    make_axes(x, y, z, 1e-9);
    for (int d = 0; d < 3; d++) {
        rotation[d][0] = x[d];
        rotation[d][1] = y[d];
        rotation[d][2] = z[d];
    }
}

fmpnn_angle fmpnn_dihedral(const double p[4][3])
{
    double x[3], y[3], z[3], v[3];
    for (int d = 0; d < 3; d++) {
        x[d] = p[2][d] - p[1][d];
        y[d] = p[0][d] - p[2][d];
        v[d] = p[3][d] - p[2][d];
    }
    make_axes(x, y, z, 1e-8);
    double sine = dot(z, v), cosine = dot(y, v);
    double length = sqrt(sine * sine + cosine * cosine + 1e-8);
    return (fmpnn_angle){sine / length, cosine / length};
}

fmpnn_angle fmpnn_psi(const double backbone[4][3])
{
    fmpnn_angle psi = fmpnn_dihedral(backbone);
    return (fmpnn_angle){-psi.sine, -psi.cosine};
}

void fmpnn_chis(const fmpnn_ideal *residue, float xyz[FMPNN_ATOM37][3],
                fmpnn_angle chi[FMPNN_CHIS])
{
    memset(chi, 0, FMPNN_CHIS * sizeof *chi);
    for (size_t c = 0; c < residue->chis; c++) {
        double p[4][3];
        for (int q = 0; q < 4; q++)
            for (int d = 0; d < 3; d++)
                p[q][d] = (double)xyz[residue->chi[c][q]][d];
        chi[c] = fmpnn_dihedral((const double(*)[3])p);
    }
}

/* ---- building ---- */

typedef struct rigid {
    double rotation[3][3], origin[3];
} rigid;

static rigid compose(const rigid *a, const rigid *b)
{
    rigid r;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            r.rotation[i][j] = a->rotation[i][0] * b->rotation[0][j] +
                               a->rotation[i][1] * b->rotation[1][j] +
                               a->rotation[i][2] * b->rotation[2][j];
        r.origin[i] = dot(a->rotation[i], b->origin) + a->origin[i];
    }
    return r;
}

/* The group's frame, turned about its x axis. */
static rigid turned(double frame[3][4], fmpnn_angle angle)
{
    rigid r;
    for (int i = 0; i < 3; i++) {
        r.rotation[i][0] = frame[i][0];
        r.rotation[i][1] = frame[i][1] * angle.cosine + frame[i][2] * angle.sine;
        r.rotation[i][2] = frame[i][2] * angle.cosine - frame[i][1] * angle.sine;
        r.origin[i] = frame[i][3];
    }
    return r;
}

void fmpnn_build_residue(const fmpnn_ideal *residue, const double backbone[4][3],
                         const fmpnn_torsions *torsions, double xyz[FMPNN_ATOM14][3])
{
    fmpnn_ideal r = *residue;
    rigid whole, group[FMPNN_GROUPS];
    memset(xyz, 0, FMPNN_ATOM14 * sizeof *xyz);
    memset(group, 0, sizeof group);
    fmpnn_backbone_frame(backbone, whole.rotation, whole.origin);
    group[0] = turned(r.frame[0], (fmpnn_angle){0, 1});
    group[FMPNN_GROUP_PSI] = turned(r.frame[FMPNN_GROUP_PSI], torsions->psi);
    for (size_t c = 0; c < r.chis; c++) {
        size_t g = FMPNN_GROUP_CHI1 + c;
        group[g] = turned(r.frame[g], torsions->chi[c]);
        if (c > 0)
            group[g] = compose(&group[g - 1], &group[g]);
    }
    for (size_t a = 0; a < r.atoms; a++) {
        rigid place = compose(&whole, &group[r.group[a]]);
        for (int d = 0; d < 3; d++)
            xyz[a][d] = dot(place.rotation[d], r.xyz[a]) + place.origin[d];
    }
}
