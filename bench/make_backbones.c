/* make_backbones FOLDER [COUNT [SEED]]: COUNT (1000) different protein-like backbones of 60 to 500
 * residues as FOLDER/b0001.pdb ..., for benchmarks of many structures. The same seed (1) gives the
 * same files.
 *
 * Helices, strands and loops of ideal bond lengths and angles are grown piece by piece; of several
 * candidates for a piece the one is kept that comes near no other CA and leaves the chain most
 * compact, so that a residue has about as many neighbours as in a protein. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PI 3.14159265358979323846
#define DEGREES (PI / 180)

enum { SHORTEST = 60, LONGEST = 500, PIECE = 24, CANDIDATES = 48 };

typedef struct vec {
    double x, y, z;
} vec;

typedef struct residue {
    vec atom[4]; /* N CA C O */
    double psi;  /* decides O once the next residue is there */
} residue;

static uint64_t state;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static vec add(vec a, vec b, double f)
{
    return (vec){a.x + f * b.x, a.y + f * b.y, a.z + f * b.z};
}

static vec cross(vec a, vec b)
{
    return (vec){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static double dot(vec a, vec b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static vec unit(vec a)
{
    double n = 1 / sqrt(dot(a, a));
    return (vec){n * a.x, n * a.y, n * a.z};
}

/* The atom bound to c at `length`, with the angle b-c-atom and the dihedral a-b-c-atom. */
static vec grow(vec a, vec b, vec c, double length, double angle, double dihedral)
{
    vec along = unit(add(c, b, -1)), normal = unit(cross(add(b, a, -1), along));
    vec side = cross(normal, along);
    vec d = add(c, along, -length * cos(angle * DEGREES));
    d = add(d, side, length * sin(angle * DEGREES) * cos(dihedral * DEGREES));
    return add(d, normal, length * sin(angle * DEGREES) * sin(dihedral * DEGREES));
}

/* The residue after `last`, with this phi. */
static residue next_residue(const residue *last, double phi, double psi)
{
    residue r;
    const vec *p = last->atom;
    r.psi = psi;
    r.atom[0] = grow(p[0], p[1], p[2], 1.329, 116.6, last->psi);
    r.atom[1] = grow(p[1], p[2], r.atom[0], 1.458, 121.7, 180);
    r.atom[2] = grow(p[2], r.atom[0], r.atom[1], 1.525, 111.0, phi);
    r.atom[3] = grow(r.atom[0], r.atom[1], r.atom[2], 1.231, 120.1, psi + 180);
    return r;
}

/* A loop of some residues, then a helix or a strand; returns how many. */
static int make_piece(const residue *last, residue *piece)
{
    int loop = 2 + (int)(4 * uniform()), count = 0;
    int helix = uniform() < 0.55,
        length = helix ? 8 + (int)(10 * uniform()) : 4 + (int)(5 * uniform());
    for (; count < loop + length && count < PIECE; count++) {
        double phi, psi;
        if (count < loop) {
            phi = uniform() < 0.15 ? 60 + 20 * uniform() : -60 - 80 * uniform();
            psi = uniform() < 0.5 ? -50 + 40 * uniform() : 110 + 50 * uniform();
        } else {
            phi = (helix ? -63 : -120) + 8 * (uniform() - 0.5);
            psi = (helix ? -42 : 130) + 8 * (uniform() - 0.5);
        }
        piece[count] = next_residue(count ? &piece[count - 1] : last, phi, psi);
    }
    return count;
}

/* The lower the better: pairs of CA that are too near, and how far from the middle it is. */
static double judge(const residue *chain, int n, const residue *piece, int count,
                    vec middle)
{
    double clashes = 0, spread = 0;
    for (int i = 0; i < count; i++) {
        vec ca = piece[i].atom[1], from = add(ca, middle, -1);
        spread += sqrt(dot(from, from)) / count;
        for (int j = 0; j < n - (i < 3 ? 3 - i : 0); j++) {
            vec d = add(ca, chain[j].atom[1], -1);
            double square = dot(d, d);
            clashes += square < 3.8 * 3.8 ? 4 : square < 4.6 * 4.6 ? 1 : 0;
        }
    }
    return 6 * clashes + spread;
}

static void make_chain(residue *chain, int L)
{
    const residue start = {{{0, 0, 0}, {1.458, 0, 0}, {2.0, 1.42, 0}, {1.3, 2.4, 0}}, -45};
    residue best[PIECE], piece[PIECE];
    vec sum = start.atom[1];
    int n = 1;
    chain[0] = start;
    while (n < L) {
        vec middle = {sum.x / n, sum.y / n, sum.z / n};
        double least = INFINITY;
        int kept = 0;
        for (int c = 0; c < CANDIDATES; c++) {
            int count = make_piece(&chain[n - 1], piece);
            double cost = judge(chain, n, piece, count, middle);
            if (cost < least) {
                least = cost;
                kept = count;
                memcpy(best, piece, sizeof best);
            }
        }
        for (int i = 0; i < kept && n < L; i++) {
            chain[n++] = best[i];
            sum = add(sum, best[i].atom[1], 1);
        }
    }
}

static int write_chain(const char *path, const residue *chain, int L)
{
    static const char *const atom[] = {"N ", "CA", "C ", "O "};
    static const char *const residues[] = {"ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU",
                                           "GLY", "HIS", "ILE", "LEU", "LYS", "MET", "PHE",
                                           "PRO", "SER", "THR", "TRP", "TYR", "VAL"};
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    for (int i = 0; i < L; i++) {
        const char *name = residues[(int)(20 * uniform())];
        for (int a = 0; a < 4; a++) {
            vec p = chain[i].atom[a];
            fprintf(file,
                    "ATOM  %5d  %s  %s A%4d    %8.3f%8.3f%8.3f  1.00  0.00           %c\n",
                    4 * i + a + 1, atom[a], name, i + 1, p.x, p.y, p.z, atom[a][0]);
        }
    }
    fprintf(file, "TER\nEND\n");
    return fclose(file) != 0;
}

int main(int argc, char **argv)
{
    static residue chain[LONGEST];
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    if (argc < 2 || count < 1) {
        fprintf(stderr, "usage: make_backbones FOLDER [COUNT [SEED]]\n");
        return 2;
    }
    mkdir(argv[1], 0777);
    for (int n = 1; n <= count; n++) {
        char path[4096];
        state = seed * 1000003 + (uint64_t)n;
        int L = SHORTEST + (int)((LONGEST - SHORTEST + 1) * uniform());
        make_chain(chain, L);
        snprintf(path, sizeof path, "%s/b%04d.pdb", argv[1], n);
        if (write_chain(path, chain, L)) {
            fprintf(stderr, "make_backbones: %s cannot be written\n", path);
            return 1;
        }
    }
    return 0;
}
