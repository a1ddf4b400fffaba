/* Writes a synthetic backbone, so that the command line can be tested without reference data.
 *
 *     make_structure [--length N] [--chains AB] [--seed S] [--first N] [--format pdb|cif]
 *                    [--identical] [--ca-only] [--gap I] [--missing I] [--unresolved I]
 *                    [--bad-x I TEXT] [--ligand]
 *
 * Every chain has N residues: helices joined by turns, grown atom by atom from ideal bond
 * lengths and angles with phi and psi from a seeded generator. I counts residues of the first
 * chain from 1. --gap leaves out a number but no residue is missing (a bonded gap); --missing
 * leaves out three residues with their numbers; --unresolved drops atom C of one residue;
 * --bad-x puts TEXT where the x coordinate of a CA stands; --identical repeats the first
 * chain's sequence in all others. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define DEGREES (PI / 180)

typedef struct vec {
    double x, y, z;
} vec;

typedef struct settings {
    int length, first, gap, missing, unresolved, bad;
    const char *chains, *bad_text;
    int cif, ca_only, ligand, identical;
    uint64_t seed;
} settings;

static uint64_t state;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static vec sub(vec a, vec b)
{
    return (vec){a.x - b.x, a.y - b.y, a.z - b.z};
}

static vec cross(vec a, vec b)
{
    return (vec){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static vec unit(vec a)
{
    double n = sqrt(a.x * a.x + a.y * a.y + a.z * a.z);
    return (vec){a.x / n, a.y / n, a.z / n};
}

/* The atom bound to c at `length`, with the angle b-c-atom and the dihedral a-b-c-atom. */
static vec grow(vec a, vec b, vec c, double length, double angle, double dihedral)
{
    vec u = unit(sub(c, b)), n = unit(cross(sub(b, a), u)), m = cross(n, u);
    double along = -length * cos(angle * DEGREES), out = length * sin(angle * DEGREES);
    double p = out * cos(dihedral * DEGREES), q = out * sin(dihedral * DEGREES);
    return (vec){c.x + along * u.x + p * m.x + q * n.x,
                 c.y + along * u.y + p * m.y + q * n.y,
                 c.z + along * u.z + p * m.z + q * n.z};
}

static const char letters[] = "ACDEFGHIKLMNPQRSTVWY";
static const char *const names[] = {"ALA", "CYS", "ASP", "GLU", "PHE", "GLY", "HIS",
                                    "ILE", "LYS", "LEU", "MET", "ASN", "PRO", "GLN",
                                    "ARG", "SER", "THR", "VAL", "TRP", "TYR"};
static int serial;

static void print_atom(const settings *s, const char *atom, const char *residue, char chain,
                       int number, vec p, const char *bad)
{
    const char *group = strcmp(residue, "LIG") ? "ATOM" : "HETATM";
    char x[32];
    snprintf(x, sizeof x, "%8.3f", p.x);
    serial++;
    if (s->cif)
        printf("%s %d %c %s . %s %c 1 %d ? %s %.3f %.3f 1.00 20.00 %d %s %c %s 1\n", group,
               serial, *atom, atom, residue, chain, number, bad ? bad : x + strspn(x, " "),
               p.y, p.z, number, residue, chain, atom);
    else
        printf("%-6s%5d  %-3s %3s %c%4d    %8.8s%8.3f%8.3f  1.00 20.00           %c\n",
               group, serial % 100000, atom, residue, chain, number, bad ? bad : x, p.y,
               p.z, *atom);
}

static void print_header(const settings *s)
{
    if (!s->cif) {
        printf("HEADER    SYNTHETIC BACKBONE\n");
        return;
    }
    printf("data_synthetic\n#\nloop_\n");
    static const char *const tags[] = {"group_PDB",      "id",
                                       "type_symbol",    "label_atom_id",
                                       "label_alt_id",   "label_comp_id",
                                       "label_asym_id",  "label_entity_id",
                                       "label_seq_id",   "pdbx_PDB_ins_code",
                                       "Cartn_x",        "Cartn_y",
                                       "Cartn_z",        "occupancy",
                                       "B_iso_or_equiv", "auth_seq_id",
                                       "auth_comp_id",   "auth_asym_id",
                                       "auth_atom_id",   "pdbx_PDB_model_num"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        printf("_atom_site.%s\n", tags[i]);
}

/* Dihedrals of residue i: helices of 12, turns of 4. */
static void choose_dihedrals(int i, double *phi, double *psi)
{
    int turn = i % 16 >= 12;
    *phi = turn ? -160 + 120 * uniform() : -63 + 6 * (uniform() - 0.5);
    *psi = turn ? -60 + 220 * uniform() : -42 + 6 * (uniform() - 0.5);
}

static void print_chain(const settings *s, int c, const char *sequence)
{
    double shift = 14.0 * c; /* chains side by side, near enough to see each other */
    vec n = {shift, 0, 0}, ca = {shift + 1.458, 0, 0}, carbon;
    double phi, psi, last_psi = -42;
    carbon = grow((vec){shift, 1, 0}, n, ca, 1.525, 111, -63);
    int number = s->first;
    for (int i = 1; i <= s->length; i++, number++) {
        choose_dihedrals(i, &phi, &psi);
        if (i > 1) {
            vec next_n = grow(n, ca, carbon, 1.329, 116.6, last_psi);
            vec next_ca = grow(ca, carbon, next_n, 1.458, 121.7, 180);
            carbon = grow(carbon, next_n, next_ca, 1.525, 111, phi);
            n = next_n;
            ca = next_ca;
        }
        vec o = grow(n, ca, carbon, 1.231, 120.1, psi + 180);
        last_psi = psi;
        if (c == 0 && i == s->gap)
            number++;
        if (c == 0 && s->missing && i >= s->missing && i < s->missing + 3)
            continue;
        const char *name = names[strchr(letters, sequence[i - 1]) - letters];
        char chain = s->chains[c];
        const char *bad = c == 0 && i == s->bad ? s->bad_text : NULL;
        if (!s->ca_only)
            print_atom(s, "N", name, chain, number, n, NULL);
        print_atom(s, "CA", name, chain, number, ca, bad);
        if (!s->ca_only && !(c == 0 && i == s->unresolved))
            print_atom(s, "C", name, chain, number, carbon, NULL);
        if (!s->ca_only)
            print_atom(s, "O", name, chain, number, o, NULL);
    }
    if (!s->cif)
        printf("TER\n");
}

static int parse(int argc, char **argv, settings *s)
{
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        int takes = 1;
        if (!strcmp(option, "--length"))
            s->length = atoi(value);
        else if (!strcmp(option, "--chains"))
            s->chains = value;
        else if (!strcmp(option, "--seed"))
            s->seed = strtoull(value, NULL, 10);
        else if (!strcmp(option, "--first"))
            s->first = atoi(value);
        else if (!strcmp(option, "--format"))
            s->cif = !strcmp(value, "cif");
        else if (!strcmp(option, "--gap"))
            s->gap = atoi(value);
        else if (!strcmp(option, "--missing"))
            s->missing = atoi(value);
        else if (!strcmp(option, "--unresolved"))
            s->unresolved = atoi(value);
        else if (!strcmp(option, "--bad-x") && i + 2 < argc) {
            s->bad = atoi(value);
            s->bad_text = argv[i + 2];
            takes = 2;
        } else {
            takes = 0;
            s->ca_only |= !strcmp(option, "--ca-only");
            s->ligand |= !strcmp(option, "--ligand");
            s->identical |= !strcmp(option, "--identical");
            if (strcmp(option, "--ca-only") && strcmp(option, "--ligand") &&
                strcmp(option, "--identical")) {
                fprintf(stderr, "make_structure: unknown option %s\n", option);
                return 0;
            }
        }
        i += takes;
    }
    return s->length > 0 && s->chains[0];
}

int main(int argc, char **argv)
{
    settings s = {.length = 60, .first = 1, .chains = "A", .seed = 1};
    if (!parse(argc, argv, &s))
        return 2;
    char *sequence = malloc((size_t)s.length + 1);
    if (!sequence)
        return 1;
    state = s.seed;
    print_header(&s);
    for (int c = 0; s.chains[c]; c++) {
        for (int i = 0; i < s.length && (c == 0 || !s.identical); i++)
            sequence[i] = letters[(int)(20 * uniform())];
        print_chain(&s, c, sequence);
    }
    for (int i = 0; s.ligand && i < 5; i++)
        print_atom(&s, "C1", "LIG", s.chains[0], 900, (vec){5 + i, 6, 7}, NULL);
    if (!s.cif)
        printf("END\n");
    free(sequence);
    return fflush(stdout) != 0;
}
