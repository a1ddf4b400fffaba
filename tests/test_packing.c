/* Side-chain geometry against itself: what was built with an angle is measured with that angle. */
#include "packing/torsions.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A backbone of about ideal shape, anywhere. */
static const double backbone[4][3] = {
    {11.2, 4.1, -3.0}, {12.3, 5.0, -3.4}, {13.6, 4.5, -2.8}, {13.8, 3.3, -2.5}};

static fmpnn_angle angle_of(double x)
{
    return (fmpnn_angle){sin(x), cos(x)};
}

static double distance(const double *a, const double *b)
{
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                (a[2] - b[2]) * (a[2] - b[2]));
}

static void every_type_has_its_atoms(void **state)
{
    static const int atoms[21] = {5, 6, 8, 9, 11, 4, 10, 8, 9, 8, 8, 8, 7, 9, 11, 6, 7, 7, 14, 12};
    static const int chis[21] = {0, 1, 2, 3, 2, 0, 2, 2, 4, 2, 3, 2, 2, 3, 4, 1, 1, 1, 2, 2};
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    (void)state;
    for (int code = 0; code < 21; code++) {
        assert_int_equal(ideal[code].atoms, atoms[code]);
        assert_int_equal(ideal[code].chis, chis[code]);
    }
    assert_string_equal(ideal[18].name[8], "CE2"); /* tryptophan's order is the models' own */
    assert_string_equal(ideal[18].name[10], "NE1");
}

static void angles_come_back(void **state)
{
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    (void)state;
    for (int code = 0; code < 20; code++) {
        const fmpnn_ideal *r = &ideal[code];
        double xyz[FMPNN_ATOM14][3];
        float all[FMPNN_ATOM37][3] = {{0}};
        fmpnn_torsions t = {.psi = fmpnn_psi(backbone)};
        fmpnn_angle chi[FMPNN_CHIS];
        for (int c = 0; c < FMPNN_CHIS; c++)
            t.chi[c] = angle_of(0.7 + 1.3 * c + 0.2 * code);
        fmpnn_build_residue(r, backbone, &t, xyz);
        for (size_t a = 0; a < r->atoms; a++)
            for (int d = 0; d < 3; d++)
                all[r->slot[a]][d] = (float)xyz[a][d];
        fmpnn_chis(r, all, chi);
        for (size_t c = 0; c < r->chis; c++)
            if (!(hypot(chi[c].sine - t.chi[c].sine, chi[c].cosine - t.chi[c].cosine) < 5e-3))
                fail_msg("%c chi%zu: %g off", fmpnn_alphabet()[code], c + 1,
                         hypot(chi[c].sine - t.chi[c].sine, chi[c].cosine - t.chi[c].cosine));
        for (size_t c = r->chis; c < FMPNN_CHIS; c++)
            assert_true(chi[c].sine == 0 && chi[c].cosine == 0);
        assert_true(distance(xyz[1], backbone[1]) < 1e-6); /* CA stays, N and C are idealised */
        assert_true(distance(xyz[0], backbone[0]) < 0.2);
        for (size_t a = 4; a < r->atoms; a++) { /* bonded to something before it */
            double nearest = 9;
            for (size_t b = 0; b < a; b++)
                nearest = fmin(nearest, distance(xyz[a], xyz[b]));
            if (!(nearest < 1.95)) /* any angle: clashes are none of its business */
                fail_msg("%c %s: %g A from the nearest", fmpnn_alphabet()[code], r->name[a],
                         nearest);
        }
    }
}

static void unknown_types_have_no_atoms(void **state)
{
    double xyz[FMPNN_ATOM14][3];
    fmpnn_torsions t = {.psi = fmpnn_psi(backbone)};
    (void)state;
    fmpnn_build_residue(&fmpnn_ideal_residues()[20], backbone, &t, xyz);
    for (int a = 0; a < FMPNN_ATOM14; a++)
        for (int d = 0; d < 3; d++)
            assert_true(xyz[a][d] == 0);
}

static void densities_integrate_to_one(void **state)
{
    enum { STEPS = 20000 };
    const fmpnn_mixture table[] = {
        {{0.3, -2, 2.5}, {0.2, 3, 60}, {0, 1, -1}},
        {{0, 1, 3.1}, {300, 3.74, 3.76}, {2, 2, 2}},
    };
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        double sum = 0, step = 2 * 3.14159265358979 / STEPS;
        for (int k = 0; k < STEPS; k++)
            sum += exp(fmpnn_mixture_log_density(&table[n], k * step)) * step;
        assert_true(fabs(sum - 1) < 1e-6);
    }
    assert_true(fmpnn_mixture_peak(&table[0]) == -2);
    assert_true(fmpnn_mixture_peak(&table[1]) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_atoms),
        cmocka_unit_test(angles_come_back),
        cmocka_unit_test(unknown_types_have_no_atoms),
        cmocka_unit_test(densities_integrate_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
