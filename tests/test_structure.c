/* Reading structures. A generator writes small helices as PDB and as mmCIF, so that every rule
 * is tested without data files; with $FMPNN_SHARED also on real structures. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "structure/records.h"
#include "structure/structure.h"

/* ---- the generator: one entry is a residue, or one conformer of it */

typedef struct entry {
    const char *chain, *name;
    int number;
    char icode;
    int place;         /* on the helix: neighbours are bonded */
    const char *atoms; /* "NACO" */
    char altloc;
    double occupancy;
    bool hetatm, free, ter; /* free: no label_seq_id; ter: TER follows */
} entry;

#define RESIDUE(c, n, number, place)                                                       \
    {                                                                                      \
        c, n, number, ' ', place, "NACO", ' ', 1, false, false, false                      \
    }

static void helix(int place, char atom, double xyz[3])
{
    static const struct {
        char atom;
        double radius, angle, rise;
    } ideal[] = {{'N', 1.55, -27.5, -0.87},
                 {'A', 2.29, 0, 0},
                 {'C', 1.61, 26, 1.09},
                 {'O', 2.0, 23, 2.3}};
    for (int a = 0; a < 4; a++)
        if (ideal[a].atom == atom) {
            double turn = (100.0 * place + ideal[a].angle) * 3.14159265358979 / 180;
            xyz[0] = ideal[a].radius * cos(turn);
            xyz[1] = ideal[a].radius * sin(turn);
            xyz[2] = 1.5 * place + ideal[a].rise - 20;
        }
}

static const char *atom_name(char atom)
{
    return atom == 'N' ? "N" : atom == 'A' ? "CA" : atom == 'C' ? "C" : "O";
}

static void as_pdb(fmpnn_text *text, const entry *e, size_t count)
{
    int serial = 0;
    for (size_t n = 0; n < count; n++) {
        for (const char *a = e[n].atoms; *a; a++) {
            double xyz[3];
            helix(e[n].place, *a, xyz);
            fmpnn_text_print(
                text,
                "%-6s%5d  %-3s%c%3s %1s%4d%c   %8.3f%8.3f%8.3f%6.2f%6.2f          %2c\n",
                e[n].hetatm ? "HETATM" : "ATOM", ++serial, atom_name(*a), e[n].altloc,
                e[n].name, e[n].chain, e[n].number, e[n].icode, xyz[0], xyz[1], xyz[2],
                e[n].occupancy, 20.0, *a == 'A' ? 'C' : *a);
        }
        if (e[n].ter)
            fmpnn_text_print(text, "TER\n");
    }
    fmpnn_text_print(text, "END\n");
}

static const char cif_header[] =
    "data_test\nloop_\n_atom_site.group_PDB\n_atom_site.id\n_atom_site.type_symbol\n"
    "_atom_site.label_atom_id\n_atom_site.label_alt_id\n_atom_site.label_comp_id\n"
    "_atom_site.label_asym_id\n_atom_site.label_seq_id\n_atom_site.pdbx_PDB_ins_code\n"
    "_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n_atom_site.occupancy\n"
    "_atom_site.auth_seq_id\n_atom_site.auth_asym_id\n_atom_site.pdbx_PDB_model_num\n";

static void as_cif(fmpnn_text *text, const entry *e, size_t count)
{
    int serial = 0;
    fmpnn_text_print(text, "%s", cif_header);
    for (size_t n = 0; n < count; n++)
        for (const char *a = e[n].atoms; *a; a++) {
            double xyz[3];
            char label[16] = ".";
            helix(e[n].place, *a, xyz);
            if (!e[n].free)
                snprintf(label, sizeof label, "%zu", n + 1);
            fmpnn_text_print(
                text, "%s %d %c %s %c %s Z %s %c %.3f %.3f %.3f %.2f %d %s 1\n",
                e[n].hetatm ? "HETATM" : "ATOM", ++serial, *a == 'A' ? 'C' : *a,
                atom_name(*a), e[n].altloc == ' ' ? '.' : e[n].altloc, e[n].name, label,
                e[n].icode == ' ' ? '?' : e[n].icode, xyz[0], xyz[1], xyz[2],
                e[n].occupancy, e[n].number, e[n].chain);
        }
    fmpnn_text_print(text, "#\n");
}

/* ---- helpers */

static fmpnn_structure *parse(const char *text, size_t size,
                              const fmpnn_read_options *options)
{
    fmpnn_structure *st = NULL;
    fmpnn_error err = {""};
    if (fmpnn_structure_parse("test.pdb", text, size, options, &st, &err))
        fail_msg("%s", err.message);
    return st;
}

static fmpnn_structure *parse_entries(const entry *e, size_t count, bool cif,
                                      const fmpnn_read_options *options)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    cif ? as_cif(&text, e, count) : as_pdb(&text, e, count);
    fmpnn_structure *st = parse(text.data, text.size, options);
    fmpnn_text_clear(&text);
    return st;
}

static void expect_failure(const char *text, size_t size, const fmpnn_read_options *options,
                           fmpnn_status status, const char *message)
{
    fmpnn_structure *st = NULL;
    fmpnn_error err = {""};
    fmpnn_status got = fmpnn_structure_parse("bad.pdb", text, size, options, &st, &err);
    if (got != status || !strstr(err.message, message))
        fail_msg("status %d \"%s\", expected %d \"%s\"", got, err.message, status, message);
    assert_null(st);
}

static const char *warning(const fmpnn_structure *st, const char *code)
{
    for (size_t n = 0; n < fmpnn_structure_warning_count(st); n++)
        if (!strcmp(fmpnn_structure_warning(st, n).code, code))
            return fmpnn_structure_warning(st, n).message;
    return NULL;
}

static void expect_warning(const fmpnn_structure *st, const char *code, const char *names)
{
    const char *message = warning(st, code);
    if (!message || !strstr(message, names))
        fail_msg("warning %s: \"%s\", expected \"%s\"", code, message ? message : "none",
                 names);
}

/* Residue names and letters joined: "A1:M A2:A". */
static void expect_residues(const fmpnn_structure *st, const char *expected)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    for (size_t i = 0; i < fmpnn_structure_length(st); i++) {
        char name[40];
        fmpnn_residue_name(fmpnn_structure_residue(st, i), name);
        fmpnn_text_print(&text, "%s%s=%c", i ? " " : "", name,
                         fmpnn_structure_residue(st, i)->letter);
    }
    assert_string_equal(text.data, expected);
    fmpnn_text_clear(&text);
}

static fmpnn_read_options options_of(fmpnn_reading reading)
{
    fmpnn_read_options options;
    fmpnn_read_options_default(&options);
    options.reading = reading;
    return options;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Two chains, an insertion code, negative numbers, a bonded gap, a ligand and a water. */
static const entry ordinary[] = {
    RESIDUE("A", "MET", -1, 0),
    RESIDUE("A", "ALA", 0, 1),
    RESIDUE("A", "GLY", 1, 2),
    {"A", "SER", 1, 'A', 3, "NACO", ' ', 1, false, false, false},
    RESIDUE("A", "TRP", 2, 4),
    {"A", "LYS", 5, ' ', 5, "NACO", ' ', 1, false, false, true},
    RESIDUE("B", "VAL", 1, 40),
    {"B", "PRO", 2, ' ', 41, "NACO", ' ', 1, false, false, true},
    {"A", "SO4", 101, ' ', 80, "NO", ' ', 1, true, true, false},
    {"A", "HOH", 201, ' ', 90, "O", ' ', 1, true, true, false},
};

/* ---- tests */

static void reads_both_formats_alike(void **state)
{
    (void)state;
    fmpnn_structure *pdb = parse_entries(ordinary, COUNT(ordinary), false, NULL);
    fmpnn_structure *cif = parse_entries(ordinary, COUNT(ordinary), true, NULL);
    const char *names = "A-1=M A0=A A1=G A1A=S A2=W A5=K B1=V B2=P";
    const int32_t index[] = {0, 1, 2, 3, 4, 7, 0, 1};
    expect_residues(pdb, names);
    expect_residues(cif, names);
    assert_string_equal(fmpnn_structure_digest(pdb), fmpnn_structure_digest(cif));
    assert_int_equal(strlen(fmpnn_structure_digest(pdb)), 64);
    for (size_t i = 0; i < COUNT(index); i++) {
        const fmpnn_residue *a = fmpnn_structure_residue(pdb, i),
                            *b = fmpnn_structure_residue(cif, i);
        assert_int_equal(a->index, index[i]);
        assert_int_equal(b->index, index[i]);
        assert_int_equal(a->chain_id, i > 5);
        assert_int_equal(a->present, 15);
        assert_memory_equal(a->xyz, b->xyz, sizeof a->xyz);
    }
    double xyz[3];
    helix(0, 'A', xyz);
    for (int k = 0; k < 3; k++)
        assert_true(fabs(fmpnn_structure_residue(pdb, 0)->xyz[1][k] - xyz[k]) < 1e-3);
    assert_int_equal(fmpnn_structure_hetero_atoms(pdb), 3);
    assert_int_equal(fmpnn_structure_hetero_atoms(cif), 3);
    expect_warning(pdb, "hetero-present", ": SO4 (1, 2 atoms)");
    assert_null(strstr(warning(pdb, "hetero-present"), "HOH"));
    expect_warning(pdb, "gap-bonded", "A2 to A5 (C-N 1.3");
    assert_int_equal(fmpnn_structure_warning_count(pdb), 2);
    fmpnn_structure_free(cif);
    fmpnn_structure_free(pdb);
}

static void reads_files(void **state)
{
    (void)state;
    static const char *const names[] = {"x.pdb", "x.pdb.gz", "x.cif", "x.CIF.gz", "x.ent"};
    char folder[] = "/tmp/fmpnn_structure_XXXXXX", path[64], digest[65] = "";
    fmpnn_error err = {""};
    assert_non_null(mkdtemp(folder));
    for (size_t n = 0; n < COUNT(names); n++) {
        fmpnn_text text;
        fmpnn_structure *st = NULL;
        bool cif = n == 2 || n == 3, gzip = n == 1 || n == 3;
        fmpnn_text_init(&text);
        cif ? as_cif(&text, ordinary, COUNT(ordinary))
            : as_pdb(&text, ordinary, COUNT(ordinary));
        snprintf(path, sizeof path, "%s/%s", folder, names[n]);
        assert_int_equal(fmpnn_file_write(path, text.data, text.size, gzip, &err),
                         FMPNN_OK);
        if (fmpnn_structure_read(path, NULL, &st, &err))
            fail_msg("%s", err.message);
        assert_string_equal(st->name, "x");
        if (!n)
            strcpy(digest, fmpnn_structure_digest(st));
        assert_string_equal(fmpnn_structure_digest(st), digest);
        fmpnn_structure_free(st);
        if (gzip) { /* cut in the middle */
            unsigned char *bytes;
            size_t size;
            assert_int_equal(fmpnn_file_read(path, 1 << 20, &bytes, &size, &err), FMPNN_OK);
            assert_int_equal(fmpnn_file_write(path, bytes, size / 2, false, &err),
                             FMPNN_OK);
            assert_int_equal(fmpnn_structure_read(path, NULL, &st, &err), FMPNN_EFORMAT);
            assert_non_null(strstr(err.message, path));
            fmpnn_release(bytes);
        }
        fmpnn_text_clear(&text);
        unlink(path);
    }
    fmpnn_structure *st = NULL;
    assert_int_equal(fmpnn_structure_read(path, NULL, &st, &err), FMPNN_EIO);
    assert_int_equal(fmpnn_structure_read(folder, NULL, &st, &err), FMPNN_EIO);
    rmdir(folder);
}

static void digest_covers_the_backbone_alone(void **state)
{
    (void)state;
    entry changed[COUNT(ordinary)];
    char digest[65];
    memcpy(changed, ordinary, sizeof changed);
    fmpnn_structure *st = parse_entries(changed, COUNT(changed), false, NULL);
    strcpy(digest, fmpnn_structure_digest(st));
    fmpnn_structure_free(st);
    for (int what = 0; what < 6; what++) {
        memcpy(changed, ordinary, sizeof changed);
        if (what == 0)
            changed[1].name = "GLN";
        else if (what == 1)
            changed[8].name = "PO4";
        else if (what == 2)
            changed[5].number = 6;
        else if (what == 3)
            changed[3].icode = 'B';
        else if (what == 4)
            changed[6].chain = changed[7].chain = "C";
        else
            changed[7].atoms = "NAC";
        st = parse_entries(changed, COUNT(changed), what & 1, NULL);
        bool same = !strcmp(digest, fmpnn_structure_digest(st));
        assert_int_equal(same, what < 2);
        fmpnn_structure_free(st);
    }
}

static void index_follows_the_numbers(void **state)
{
    (void)state;
    static const entry e[] = {
        RESIDUE("A", "ALA", 10, 0),    RESIDUE("A", "ALA", 13, 1), /* gap, bonded */
        RESIDUE("A", "ALA", 20, 10),                               /* gap, open */
        RESIDUE("A", "ALA", 21, 14),                               /* break, unnumbered */
        RESIDUE("A", "ALA", 5, 15),                                /* backwards */
        RESIDUE("A", "ALA", 9999, 16),                             /* still a real number */
        RESIDUE("A", "ALA", -999, 17), RESIDUE("A", "ALA", 9998, 18) /* too wide */
    };
    const int32_t kept[] = {0, 3, 10, 11, 12, 12 + 9994, 12 + 9995, 12 + 9995 + 10000};
    const int32_t closed[] = {0, 1, 8, 9, 10, 11, 12, 13};
    fmpnn_read_options options = options_of(FMPNN_READING_AUTHOR);
    for (int close = 0; close < 2; close++) {
        options.close_bond_gaps = close;
        fmpnn_structure *st = parse_entries(e, COUNT(e), false, &options);
        for (size_t i = 0; i < COUNT(e); i++)
            assert_int_equal(fmpnn_structure_residue(st, i)->index,
                             close ? closed[i] : kept[i]);
        expect_warning(st, "gap-bonded", "A10 to A13");
        expect_warning(st, "gap", "A13 to A20");
        expect_warning(st, "break-unnumbered", "A20 to A21");
        expect_warning(st, "numbering-order", "A21 to A5");
        if (!close)
            expect_warning(st, "gap-clamped", "A-999 to A9998");
        fmpnn_structure_free(st);
    }
}

/* The x coordinate of CA tells which conformer was taken. */
static int place_of(const fmpnn_structure *st, size_t i, int atom, int places)
{
    for (int place = 0; place < places; place++) {
        double xyz[3];
        helix(place, "NACO"[atom], xyz);
        if (fabs(xyz[2] - fmpnn_structure_residue(st, i)->xyz[atom][2]) < 2e-3)
            return place;
    }
    return -1;
}

static void one_conformer_a_residue(void **state)
{
    (void)state;
    static const entry e[] = {
        /* the more occupied one, though listed second */
        {"A", "ALA", 1, ' ', 0, "NACO", 'A', 0.4, false, false, false},
        {"A", "ALA", 1, ' ', 1, "NACO", 'B', 0.6, false, false, false},
        /* a tie: the first listed */
        {"A", "ALA", 2, ' ', 2, "NACO", 'B', 0.5, false, false, false},
        {"A", "ALA", 2, ' ', 3, "NACO", 'A', 0.5, false, false, false},
        /* complete beats occupied, so that no conformers are mixed */
        {"A", "ALA", 3, ' ', 4, "NA", 'A', 0.7, false, false, false},
        {"A", "ALA", 3, ' ', 5, "NACO", 'B', 0.3, false, false, false},
        /* atoms without a mark belong to all */
        {"A", "ALA", 4, ' ', 6, "NO", ' ', 1, false, false, false},
        {"A", "ALA", 4, ' ', 7, "AC", 'A', 0.2, false, false, false},
        {"A", "ALA", 4, ' ', 8, "AC", 'B', 0.8, false, false, false},
        /* two residue names in one place */
        {"A", "SER", 5, ' ', 9, "NACO", 'A', 0.35, false, false, false},
        {"A", "THR", 5, ' ', 10, "NACO", 'B', 0.65, false, false, false},
        {"A", "GLY", 6, ' ', 11, "NACO", ' ', 0, false, false, false},
    };
    const int places[6][4] = {{1, 1, 1, 1}, {2, 2, 2, 2},     {5, 5, 5, 5},
                              {6, 8, 8, 6}, {10, 10, 10, 10}, {11, 11, 11, 11}};
    for (int cif = 0; cif < 2; cif++) {
        fmpnn_structure *st = parse_entries(e, COUNT(e), cif, NULL);
        expect_residues(st, "A1=A A2=A A3=A A4=A A5=T A6=G");
        for (size_t i = 0; i < 6; i++)
            for (int a = 0; a < 4; a++)
                assert_int_equal(place_of(st, i, a, 12), places[i][a]);
        expect_warning(st, "altloc-chosen",
                       "A5 THR of 2 residue names, A1 B, A2 B, A3 B, A4 B");
        expect_warning(st, "zero-occupancy", "A6");
        fmpnn_structure_free(st);
    }
}

static void names_become_letters(void **state)
{
    (void)state;
    static const char *const names[] = {"MSE", "HIE", "HID", "HIP", "HSD", "HSE", "HSP",
                                        "CYX", "CYM", "GLH", "ASH", "LYN", "ARN", "TYM",
                                        "SEP", "MLY", "SEC", "UNK", "DAL", "ZZZ", "ASX"};
    static const char letters[] = "MHHHHHHCCEDKRYSKXXXXX";
    entry e[COUNT(names)];
    for (size_t n = 0; n < COUNT(names); n++)
        e[n] = (entry)RESIDUE("A", names[n], (int)n + 1, (int)n);
    e[0].hetatm = true;
    fmpnn_structure *st = parse_entries(e, COUNT(e), false, NULL);
    assert_int_equal(fmpnn_structure_length(st), COUNT(names));
    for (size_t n = 0; n < COUNT(names); n++) {
        assert_int_equal(fmpnn_structure_residue(st, n)->letter, letters[n]);
        assert_string_equal(fmpnn_structure_residue(st, n)->name, names[n]);
    }
    expect_warning(st, "renamed", "A1 MSE as M, A2 HIE as H");
    expect_warning(st, "renamed", "and 4 more");
    expect_warning(st, "unknown-residue", "A17 SEC, A18 UNK, A19 DAL, A20 ZZZ, A21 ASX");
    fmpnn_structure_free(st);
}

static void what_is_a_residue_of_the_chain(void **state)
{
    (void)state;
    /* GLU 50 is a ligand: after TER, or without label_seq_id */
    static const entry with_ter[] = {
        RESIDUE("A", "ALA", 1, 0),
        {"A", "MSE", 2, ' ', 1, "NACO", ' ', 1, true, false, true},
        {"A", "GLU", 50, ' ', 30, "NACO", ' ', 1, true, true, false},
        {"A", "DA", 60, ' ', 33, "NO", ' ', 1, false, true, false},
    };
    for (int cif = 0; cif < 2; cif++) {
        fmpnn_structure *st = parse_entries(with_ter, COUNT(with_ter), cif, NULL);
        expect_residues(st, "A1=A A2=M");
        expect_warning(st, "free-amino-acid", "A50 GLU");
        expect_warning(st, "hetero-present", "GLU (1, 4 atoms), DA (1, 2 atoms)");
        assert_int_equal(fmpnn_structure_hetero_atoms(st), 6);
        fmpnn_structure_free(st);
    }
    /* no TER: bonds and the records that follow decide */
    static const entry without[] = {
        {"A", "MSE", 1, ' ', 0, "NACO", ' ', 1, true, false, false},
        {"A", "TPO", 2, ' ', 60, "NACO", ' ', 1, true, false, false}, /* an ATOM follows */
        RESIDUE("A", "ALA", 3, 1),
        {"A", "SEP", 4, ' ', 2, "NACO", ' ', 1, true, false, false},
        {"A", "GLU", 50, ' ', 30, "NACO", ' ', 1, true, false, false},
    };
    fmpnn_structure *st = parse_entries(without, COUNT(without), false, NULL);
    expect_residues(st, "A1=M A2=T A3=A A4=S");
    expect_warning(st, "free-amino-acid", "A50 GLU");
    fmpnn_structure_free(st);
    /* a number used twice, once under another name */
    static const entry twice[] = {RESIDUE("A", "ALA", 1, 0), RESIDUE("A", "GLY", 2, 1),
                                  RESIDUE("A", "TRP", 1, 2), RESIDUE("A", "GLY", 2, 3)};
    st = parse_entries(twice, COUNT(twice), false, NULL);
    expect_residues(st, "A1=A A2=G");
    expect_warning(st, "duplicate-residue", "A1 ALA, A2 GLY");
    assert_int_equal(place_of(st, 1, 1, 4), 1);
    assert_int_equal(fmpnn_structure_hetero_atoms(st), 0);
    fmpnn_structure_free(st);
}

static void incomplete_residues_stay(void **state)
{
    (void)state;
    static const entry e[] = {RESIDUE("A", "ALA", 1, 0),
                              {"A", "GLY", 2, ' ', 1, "NAC", ' ', 1, false, false, false},
                              {"A", "SER", 3, ' ', 2, "A", ' ', 1, false, false, false}};
    fmpnn_read_options options = options_of(FMPNN_READING_AUTHOR);
    fmpnn_structure *st = parse_entries(e, COUNT(e), false, &options);
    expect_residues(st, "A1=A A2=G A3=S");
    assert_int_equal(fmpnn_structure_residue(st, 1)->present, 7);
    assert_int_equal(fmpnn_structure_residue(st, 2)->present, 2);
    assert_true(isnan(fmpnn_structure_residue(st, 1)->xyz[FMPNN_ATOM_O][0]));
    expect_warning(st, "missing-atoms", ": A2 (O), A3 (N C O)");
    fmpnn_structure_free(st);
    options.ca_only = true;
    st = parse_entries(e, COUNT(e), false, &options);
    assert_null(warning(st, "missing-atoms"));
    fmpnn_structure_free(st);
    /* a trace of CA atoms under a name nobody knows, and a calcium ion called CA */
    const char trace[] =
        "ATOM      1  CA  QQQ A   1       0.000   0.000   0.000  1.00  0.00           C\n"
        "ATOM      2  CA  QQQ A   2       3.800   0.000   0.000  1.00  0.00           C\n"
        "HETATM    3 CA    CA A   3       9.800   0.000   0.000  1.00  0.00          CA\n";
    st = parse(trace, strlen(trace), &options);
    expect_residues(st, "A1=X A2=X");
    assert_int_equal(fmpnn_structure_hetero_atoms(st), 1);
    fmpnn_structure_free(st);
}

static void only_and_drop(void **state)
{
    (void)state;
    fmpnn_read_options options = options_of(FMPNN_READING_AUTHOR);
    for (int reading = 0; reading < 2; reading++) {
        options = options_of(reading ? FMPNN_READING_ORIGINAL : FMPNN_READING_AUTHOR);
        options.only = "B";
        fmpnn_structure *st = parse_entries(ordinary, COUNT(ordinary), false, &options);
        expect_residues(st, "B1=V B2=P");
        assert_int_equal(fmpnn_structure_hetero_atoms(st), 0);
        fmpnn_structure_free(st);
        options.only = NULL;
        options.drop = "HOH, chain:B,SO4,XYZ";
        st = parse_entries(ordinary, COUNT(ordinary), false, &options);
        assert_int_equal(fmpnn_structure_length(st), reading ? 8 : 6);
        assert_int_equal(fmpnn_structure_hetero_atoms(st), 0);
        expect_warning(st, "drop-unused", ": XYZ");
        fmpnn_structure_free(st);
        fmpnn_text text;
        fmpnn_text_init(&text);
        as_pdb(&text, ordinary, COUNT(ordinary));
        options.drop = NULL;
        options.only = "B,Q";
        expect_failure(text.data, text.size, &options, FMPNN_ESELECT,
                       "bad.pdb: no chain Q; there are A, B");
        options.only = " ";
        expect_failure(text.data, text.size, &options, FMPNN_EINVAL,
                       "expected e.g. \"A,B\"");
        options.only = NULL;
        options.drop = "chain:A,chain:B";
        expect_failure(text.data, text.size, &options, FMPNN_ESELECT,
                       "no protein residue is left");
        fmpnn_text_clear(&text);
    }
}

static void models_and_blank_chains(void **state)
{
    (void)state;
    static const entry first[] = {RESIDUE(" ", "ALA", 1, 0), RESIDUE(" ", "GLY", 2, 1)};
    static const entry second[] = {RESIDUE(" ", "ALA", 1, 5), RESIDUE(" ", "GLY", 2, 6)};
    static const entry ligand[] = {
        {" ", "LIG", 9, ' ', 30, "NO", ' ', 1, true, false, false}};
    fmpnn_text text;
    for (int model = 0; model < 2; model++) {
        fmpnn_text_init(&text);
        if (model)
            fmpnn_text_print(&text, "MODEL        1\n");
        as_pdb(&text, first, COUNT(first));
        fmpnn_text_print(&text, "ENDMDL\n");
        as_pdb(&text, ligand, COUNT(ligand)); /* belongs to what stands before */
        if (model)
            fmpnn_text_print(&text, "MODEL        2\n");
        as_pdb(&text, second, COUNT(second));
        fmpnn_structure *st = parse(text.data, text.size, NULL);
        expect_residues(st, "_:1=A _:2=G");
        assert_int_equal(place_of(st, 0, 1, 9), 0);
        assert_int_equal(fmpnn_structure_hetero_atoms(st), 2);
        expect_warning(st, "several-models", "2");
        expect_warning(st, "blank-chain", "called _");
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
    fmpnn_text_init(&text);
    as_cif(&text, ordinary, COUNT(ordinary));
    text.size -= 2; /* the closing # */
    fmpnn_text_print(&text, "ATOM 99 C CA . ALA Z 1 ? 1.0 2.0 3.0 1.00 77 A 2\n");
    fmpnn_structure *st = parse(text.data, text.size, NULL);
    assert_int_equal(fmpnn_structure_length(st), 8);
    expect_warning(st, "several-models", "2");
    fmpnn_structure_free(st);
    fmpnn_text_clear(&text);
}

static void odd_numbers(void **state)
{
    (void)state;
    /* hybrid-36 and five digits; four letters of a chain in mmCIF */
    const char pdb[] =
        "ATOM      1  CA  ALA A9999       0.000   0.000   0.000  1.00  0.00           C\n"
        "ATOM      2  CA  ALA AA000       3.800   0.000   0.000  1.00  0.00           C\n"
        "ATOM      3  CA  ALA A10001      7.600   0.000   0.000  1.00  0.00           C\n"
        "ATOM  *****  CA  ALA A10002     1.14e1   0.000   0.000  1.00  0.00           C";
    fmpnn_structure *st = parse(pdb, strlen(pdb), NULL);
    assert_null(warning(st, "wide-chain"));
    expect_residues(st, "A9999=A A10000=A A10001=A A10002=A");
    assert_true(fmpnn_structure_residue(st, 3)->xyz[1][0] == 11.4f);
    fmpnn_structure_free(st);
    const char wide[] =
        "ATOM      1  CA  ALAXA   1       0.000   0.000   0.000  1.00  0.00           C\n";
    st = parse(wide, strlen(wide), NULL);
    expect_residues(st, "XA:1=A");
    expect_warning(st, "wide-chain", "XA");
    fmpnn_structure_free(st);
    static const entry e[] = {RESIDUE("Long", "ALA", 1, 0), RESIDUE("7", "GLY", 10000, 1)};
    st = parse_entries(e, COUNT(e), true, NULL);
    expect_residues(st, "Long:1=A 7:10000=G");
    fmpnn_structure_free(st);
}

#define ATOM_START "ATOM      1  CA  ALA A   1    "
#define GOOD_LINE ATOM_START "   0.000   0.000   0.000  1.00  0.00           C\n"
#define CIF_ROW "ATOM 1 C CA . ALA A 1 ? "

static void bad_pdb(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        bool author_only;
    } bad[] = {
        {"", "bad.pdb: empty file", false},
        {"HEADER    HYDROLASE\nREMARK   2\nEND\n", "bad.pdb: no ATOM record in 3 lines",
         false},
        {"\x7f"
         "ELF\x01\x02garbage\n",
         "no ATOM record", false},
        {GOOD_LINE "ATOM      2  CA  ALA A   2       0.000   0.0\n",
         "bad.pdb:2: ATOM line ends at column 44, expected 54", false},
        {GOOD_LINE "ATOM      2  CA  ALA A   2         nan   0.000   0.000\n",
         "bad.pdb:2: x coordinate of atom CA of residue ALA A2 is \"nan\"", false},
        {GOOD_LINE "ATOM      2  CA  ALA A   2       0.000    1e30   0.000\n",
         "bad.pdb:2: y coordinate", false},
        {GOOD_LINE "ATOM      2  CA  ALA A   2       0.000   0.000     inf\n",
         "bad.pdb:2: z coordinate", false},
        {GOOD_LINE "ATOM      2  CA  ALA A   2       0.000   0.000        \n", "bad.pdb:2",
         false},
        {GOOD_LINE "ATOM      2  CA  ALA A   x       0.000   0.000   0.000\n",
         "bad.pdb:2: residue number is \"", false},
        {GOOD_LINE "ATOM      2  CA  ALA A   2!      0.000   0.000   0.000\n", "bad.pdb:2",
         false},
        {GOOD_LINE "ATOM      2  C\x01  ALA A   2       0.000   0.000   0.000\n",
         "bad.pdb:2: byte 0x01 in column 15", true},
        {"HETATM    1  O   HOH A   1       0.000   0.000   0.000\n", "", false},
    };
    for (size_t n = 0; n < COUNT(bad); n++)
        for (int reading = 0; reading < (bad[n].author_only ? 1 : 2); reading++) {
            fmpnn_read_options options =
                options_of(reading ? FMPNN_READING_ORIGINAL : FMPNN_READING_AUTHOR);
            expect_failure(bad[n].text, strlen(bad[n].text), &options, FMPNN_EFORMAT,
                           bad[n].message);
        }
    expect_failure("\0\0\0\1", 4, NULL, FMPNN_EFORMAT, "binary data");
    expect_failure("\x1f\x8b\x08", 3, NULL, FMPNN_EFORMAT, "bad.pdb");
    fmpnn_structure *st = NULL;
    assert_int_equal(fmpnn_structure_parse("dir/", "", 0, NULL, &st, NULL), FMPNN_EINVAL);
}

static void bad_cif(void **state)
{
    (void)state;
    static const struct {
        const char *row, *message;
    } rows[] = {
        {CIF_ROW "nan 0 0 1 1 A 1\n", "atom CA of residue ALA A:1: Cartn_x is \"nan\""},
        {CIF_ROW "0 1e30 0 1 1 A 1\n", "Cartn_y is \"1e30\""},
        {CIF_ROW "0 0 ? 1 1 A 1\n", "Cartn_z is \"\""},
        {CIF_ROW "0 0 0 1 x A 1\n", "_atom_site row 1: auth_seq_id is \"x\""},
        {CIF_ROW "0 0 0 1 99999999999 A 1\n", "auth_seq_id"},
        {CIF_ROW "0 0 0 1 1 ChainName 1\n", "chain name \"ChainName\" has 9 characters"},
        {CIF_ROW "0 0 0 1 1 'A B' 1\n", "chain name contains a blank"},
        {"ATOM 1 C CA . ALA A 1 12 0 0 0 1 1 A 1\n", "pdbx_PDB_ins_code"},
        {CIF_ROW "0 0 0 1 1\n", "bad.pdb"},
        {"", "bad.pdb"},
    };
    for (size_t n = 0; n < COUNT(rows); n++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", cif_header, rows[n].row);
        expect_failure(text, strlen(text), NULL, FMPNN_EFORMAT, rows[n].message);
    }
    static const struct {
        const char *text, *message;
    } whole[] = {
        {"data_x\n", "no _atom_site loop"},
        {"data_x\n_cell.length_a 3\n", "no _atom_site loop"},
        {"data_x\nloop_\n_atom_site.Cartn_x\n1\n", "lacks the column Cartn_y"},
        {"data_x\nloop_\n_atom_site.id\n1\n", "lacks the column Cartn_x"},
        {"data_x\nloop_\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n1 2 "
         "3\n",
         "auth_asym_id or label_asym_id"},
        {"data_x\nloop_\n_a 'never closed\n", "bad.pdb:"},
    };
    for (size_t n = 0; n < COUNT(whole); n++)
        expect_failure(whole[n].text, strlen(whole[n].text), NULL, FMPNN_EFORMAT,
                       whole[n].message);
    /* columns that a program may leave out */
    const char small[] =
        "# made by hand\ndata_x\nloop_\n_atom_site.label_atom_id\n"
        "_atom_site.label_comp_id\n_atom_site.label_asym_id\n_atom_site.auth_seq_id\n"
        "_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n"
        "N ALA A 1 0 0 0\nCA ALA A 1 1.5 0 0\nC ALA A 1 2 1 0\nO ALA A 1 2 2 0\n";
    fmpnn_structure *st = parse(small, strlen(small), NULL);
    expect_residues(st, "A1=A");
    fmpnn_structure_free(st);
    const char dots[] =
        "data_x\nloop_\n_atom_site.label_atom_id\n_atom_site.label_comp_id\n"
        "_atom_site.label_asym_id\n_atom_site.label_seq_id\n"
        "_atom_site.auth_seq_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n"
        "_atom_site.Cartn_z\nCA ALA A . 7 0 0 0\n";
    st = parse(dots, strlen(dots), NULL);
    expect_residues(st, "A7=A");
    fmpnn_structure_free(st);
    fmpnn_read_options options = options_of(FMPNN_READING_ORIGINAL);
    expect_failure(small, strlen(small), &options, FMPNN_EINVAL, "use --reading author");
}

static void original_reading(void **state)
{
    (void)state;
    static const entry e[] = {
        RESIDUE("b", "GLY", 1, 20), /* after A whatever the order of the file */
        {"A", "ALA", 2, 'B', 1, "NACO", ' ', 1, false, false, false},
        RESIDUE("A", "SER", 2, 0), /* sorted before 2B */
        {"A", "THR", 5, ' ', 3, "NACO", 'B', 0.2, false, false, false},
        {"A", "VAL", 5, ' ', 4, "NACO", 'A', 0.8, false, false, false},
        {"A", "MSE", 6, ' ', 5, "NACO", ' ', 1, true, false, false},
        {"A", "SEP", 7, ' ', 6, "NACO", ' ', 1, true, false, false},
        {"A", "MSE", 8, ' ', 7, "NAC", ' ', 1, false, false, false},
        RESIDUE("3", "TRP", 1, 9),
        RESIDUE(" ", "TRP", 1, 11),
    };
    fmpnn_read_options options = options_of(FMPNN_READING_ORIGINAL);
    fmpnn_structure *st = parse_entries(e, COUNT(e), false, &options);
    expect_residues(st, "A2=S A2B=A A3=X A4=X A5=T A6=M A7=X A8=X b1=G 3:1=W");
    assert_int_equal(fmpnn_structure_reading(st), FMPNN_READING_ORIGINAL);
    const bool placeholder[] = {0, 0, 1, 1, 0, 0, 1, 0, 0, 0};
    const int32_t index[] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 0};
    for (size_t i = 0; i < COUNT(index); i++) {
        const fmpnn_residue *r = fmpnn_structure_residue(st, i);
        assert_int_equal(r->placeholder, placeholder[i]);
        assert_int_equal(r->index, index[i]);
        assert_int_equal(r->present, placeholder[i] ? 0 : i == 7 ? 7 : 15);
    }
    assert_int_equal(place_of(st, 4, 1, 12), 3); /* the first listed */
    expect_warning(st, "placeholders", "2 after A2, 1 after A6");
    expect_warning(st, "left-out", "A7 SEP");
    expect_warning(st, "unknown-residue", "A8 MSE");
    expect_warning(st, "altloc-chosen", "A5 B");
    expect_warning(st, "blank-chain", "not read");
    fmpnn_structure_free(st);
    /* bytes that are no UTF-8 vanish and shift the columns; other characters are one column */
    const char text[] = "ATOM\xff      1  CA  ALA A   1       1.000   2.000   3.000\r\n"
                        "ATOM      2  C\xc3\xa9  ALA A   1       1.000   2.000   3.000  \n";
    st = parse(text, strlen(text), &options);
    expect_residues(st, "A1=A");
    assert_int_equal(fmpnn_structure_residue(st, 0)->present, 2);
    assert_true(fmpnn_structure_residue(st, 0)->xyz[1][2] == 3.0f);
    assert_null(st->document); /* the other reading refuses such bytes */
    fmpnn_structure_free(st);
    static const entry wide[] = {RESIDUE("A", "ALA", -999, 0),
                                 RESIDUE("A", "ALA", 9999, 1)};
    fmpnn_text pdb;
    fmpnn_text_init(&pdb);
    as_pdb(&pdb, wide, 2);
    expect_failure(pdb.data, pdb.size, &options, FMPNN_EFORMAT, "jump from -999 to 9999");
    fmpnn_text_clear(&pdb);
    static const entry blank[] = {RESIDUE(" ", "ALA", 1, 0)};
    as_pdb(&pdb, blank, 1);
    expect_failure(pdb.data, pdb.size, &options, FMPNN_EFORMAT,
                   "named by a letter or digit");
    fmpnn_text_clear(&pdb);
}

static void readings_agree(void **state)
{
    (void)state;
    fmpnn_read_options options = options_of(FMPNN_READING_ORIGINAL);
    fmpnn_structure *author = parse_entries(ordinary, COUNT(ordinary), false, NULL);
    fmpnn_structure *original = parse_entries(ordinary, COUNT(ordinary), false, &options);
    assert_string_equal(fmpnn_structure_digest(author), fmpnn_structure_digest(original));
    size_t a = 0;
    for (size_t i = 0; i < fmpnn_structure_length(original); i++) {
        const fmpnn_residue *r = fmpnn_structure_residue(original, i);
        if (r->placeholder)
            continue;
        assert_int_equal(r->index, fmpnn_structure_residue(author, a)->index);
        assert_memory_equal(r->xyz, fmpnn_structure_residue(author, a)->xyz, sizeof r->xyz);
        a++;
    }
    assert_int_equal(a, fmpnn_structure_length(author));
    fmpnn_structure_free(original);
    fmpnn_structure_free(author);
}

static void from_residues(void **state)
{
    (void)state;
    fmpnn_structure *st = parse_entries(ordinary, COUNT(ordinary), false, NULL),
                    *copy = NULL;
    size_t L = fmpnn_structure_length(st);
    fmpnn_error err = {""};
    fmpnn_residue r[16];
    memcpy(r, st->residue, L * sizeof *r);
    assert_int_equal(fmpnn_structure_from_residues("copy", L, r, &copy, &err), FMPNN_OK);
    assert_string_equal(fmpnn_structure_digest(copy), fmpnn_structure_digest(st));
    for (size_t i = 0; i < L; i++) {
        assert_int_equal(copy->residue[i].index, st->residue[i].index);
        assert_int_equal(copy->residue[i].chain_id, st->residue[i].chain_id);
        assert_string_equal(copy->residue[i].name, st->residue[i].name);
    }
    fmpnn_structure_free(copy);
    copy = NULL;
    for (int what = 0; what < 8; what++) {
        memcpy(r, st->residue, L * sizeof *r);
        if (what == 0)
            r[2].xyz[1][1] = NAN;
        else if (what == 1)
            r[2].letter = 'B';
        else if (what == 2)
            r[1].number = r[0].number;
        else if (what == 3)
            strcpy(r[1].chain, "Q");
        else if (what == 4)
            r[1].chain[0] = '\0';
        else if (what == 5)
            memset(r[1].chain, 'A', sizeof r[1].chain);
        else if (what == 6)
            r[1].present = 16;
        else
            r[1].icode = '3';
        assert_int_equal(fmpnn_structure_from_residues("x", L, r, &copy, &err),
                         FMPNN_EINVAL);
    }
    assert_int_equal(fmpnn_structure_from_residues("a b", L, st->residue, &copy, &err),
                     FMPNN_EINVAL);
    assert_int_equal(fmpnn_structure_from_residues("x", 0, st->residue, &copy, &err),
                     FMPNN_EINVAL);
    assert_null(copy);
    fmpnn_structure_free(st);
}

static void writes_designs(void **state)
{
    (void)state;
    const char letters[] = {'C', 0, 'D', 'E', 'F', 'X', 'H', 'I'};
    const float confidence[] = {0.5f, 0.25f, 1, 1, 1, 1, 1, 0.125f};
    fmpnn_error err = {""};
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where there is one: a decimal comma */
    for (int original = 0; original < 2; original++)
        for (int format = 0; format < 2; format++) {
            fmpnn_read_options options =
                options_of(original ? FMPNN_READING_ORIGINAL : FMPNN_READING_AUTHOR);
            entry close[COUNT(ordinary)];
            memcpy(close, ordinary, sizeof close);
            close[5].number = 3; /* no placeholders */
            fmpnn_structure *st = parse_entries(close, COUNT(close), false, &options);
            fmpnn_text text;
            fmpnn_text_init(&text);
            if (fmpnn_structure_write(st, format ? "cif" : "pdb", letters, confidence,
                                      &text, &err))
                fail_msg("%s", err.message);
            fmpnn_structure *back = parse(text.data, text.size, NULL);
            expect_residues(back, "A-1=C A0=A A1=D A1A=E A2=F A3=X B1=H B2=I");
            assert_string_equal(fmpnn_structure_digest(back), fmpnn_structure_digest(st));
            assert_int_equal(fmpnn_structure_hetero_atoms(back), 2); /* the water is gone */
            expect_warning(back, "hetero-present", "SO4");
            if (!format) {
                assert_non_null(strstr(text.data, "  1.00  0.50           N"));
                assert_non_null(strstr(text.data, "CYS A  -1 "));
            }
            fmpnn_structure_free(back);
            assert_int_equal(
                fmpnn_structure_write(st, "xyz", letters, confidence, &text, &err),
                FMPNN_EINVAL);
            fmpnn_text_clear(&text);
            fmpnn_structure_free(st);
        }
    setlocale(LC_ALL, "C");
    static const entry e[] = {RESIDUE("Long", "ALA", 1, 0)};
    fmpnn_structure *st = parse_entries(e, 1, true, NULL), *bare = NULL;
    fmpnn_text text;
    fmpnn_text_init(&text);
    assert_int_equal(fmpnn_structure_write(st, "pdb", letters, confidence, &text, &err),
                     FMPNN_EINVAL);
    assert_int_equal(fmpnn_structure_write(st, "cif", letters, confidence, &text, &err),
                     FMPNN_OK);
    assert_int_equal(fmpnn_structure_from_residues("x", 1, st->residue, &bare, &err),
                     FMPNN_OK);
    assert_int_equal(fmpnn_structure_write(bare, "cif", letters, confidence, &text, &err),
                     FMPNN_EINVAL);
    st->residue[0].xyz[1][0] = NAN; /* as no reading leaves it */
    assert_int_equal(fmpnn_structure_write(st, "cif", letters, confidence, &text, &err),
                     FMPNN_EFORMAT);
    assert_non_null(strstr(err.message, "is not a number"));
    fmpnn_text_clear(&text);
    fmpnn_structure_free(bare);
    fmpnn_structure_free(st);
}

/* Every allocation of ours fails once; the failure must come out as such, and nothing leak. */
/* Six columns have room for numbers that an int32_t has not. */
static void wide_displacements(void **state)
{
    static const char text[] =
        "ATOM      1  N   GLY A   1       0.000   0.000   0.000  1.00  0.00           N\n"
        "ANISOU    1  N   GLY A   1     9e99  -9e99   12.7    -12    3e9      0       N\n"
        "ATOM      2  CA  GLY A   1       1.000   1.000   0.000  1.00  0.00           C\n"
        "ATOM      3  C   GLY A   1       2.000   0.000   0.000  1.00  0.00           C\n"
        "ATOM      4  O   GLY A   1       3.000   1.000   0.000  1.00  0.00           O\n";
    fmpnn_read_options options;
    fmpnn_text out;
    fmpnn_error err;
    size_t lacking;
    float b = 0;
    (void)state;
    fmpnn_read_options_default(&options);
    options.reading = FMPNN_READING_ORIGINAL_LIGAND;
    fmpnn_structure *st = parse(text, sizeof text - 1, &options);
    fmpnn_text_init(&out);
    assert_int_equal(fmpnn_records_write(st, "A", &b, &out, &lacking, &err), FMPNN_OK);
    assert_non_null(
        strstr(out.data, " 2147483647-2147483647     11    -112147483647      0 "));
    fmpnn_text_clear(&out);
    fmpnn_structure_free(st);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        fmpnn_read_options options =
            options_of(kind == 2 ? FMPNN_READING_ORIGINAL : FMPNN_READING_AUTHOR);
        fmpnn_text text;
        size_t n = 1;
        fmpnn_text_init(&text);
        kind == 1 ? as_cif(&text, ordinary, COUNT(ordinary))
                  : as_pdb(&text, ordinary, COUNT(ordinary));
        for (;; n++) {
            fmpnn_structure *st = NULL;
            fmpnn_error err = {""};
            fmpnn_alloc_fail_at(n);
            fmpnn_status status =
                fmpnn_structure_parse("x", text.data, text.size, &options, &st, &err);
            fmpnn_alloc_fail_at(0);
            if (!status) {
                fmpnn_structure_free(st);
                break;
            }
            assert_int_equal(status, FMPNN_ENOMEM);
            assert_non_null(strstr(err.message, "memory"));
        }
        assert_true(n > 8);
        fmpnn_text_clear(&text);
    }
}

static void structure_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a/b/5L33.pdb", "5L33"},
                                           {"5l33.pdb.gz", "5l33"},
                                           {"x.y.cif.GZ", "x.y"},
                                           {"model.mmCIF", "model"},
                                           {"pdb5l33.ent", "pdb5l33"},
                                           {"/a.b/plain", "plain"},
                                           {"with space,é.pdb", "with_space___"}};
    char name[32];
    for (size_t n = 0; n < COUNT(cases); n++) {
        assert_int_equal(fmpnn_structure_name(cases[n][0], name, sizeof name), FMPNN_OK);
        assert_string_equal(name, cases[n][1]);
    }
    assert_int_equal(fmpnn_structure_name("folder/", name, sizeof name), FMPNN_EINVAL);
    assert_int_equal(fmpnn_structure_name(".pdb", name, sizeof name), FMPNN_EINVAL);
    assert_int_equal(fmpnn_structure_name("12345.pdb", name, 5), FMPNN_EINVAL);
}

/* ---- real structures */

static fmpnn_structure *shared(const char *file, const fmpnn_read_options *options)
{
    const char *folder = getenv("FMPNN_SHARED");
    char path[1024];
    fmpnn_structure *st = NULL;
    fmpnn_error err = {""};
    snprintf(path, sizeof path, "%s/structures/%s", folder ? folder : "../shared", file);
    if (!fmpnn_file_exists(path)) {
        print_message("%s is not here: not tested\n", path);
        return NULL;
    }
    if (fmpnn_structure_read(path, options, &st, &err))
        fail_msg("%s", err.message);
    return st;
}

static bool has_residue(const fmpnn_structure *st, const char *wanted)
{
    for (size_t i = 0; i < fmpnn_structure_length(st); i++) {
        char name[40];
        fmpnn_residue_name(fmpnn_structure_residue(st, i), name);
        if (!strcmp(name, wanted))
            return true;
    }
    return false;
}

static void real_structures(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t author, original; /* lengths */
        const char *residues[6], *gone, *code, *names;
    } cases[] = {
        {"5L33.pdb",
         106,
         106,
         {"A-1", "A0", "A1", "A104"},
         "A105",
         "altloc-chosen",
         "A23 A, A40 B, A74 B"},
        {"1TPK.pdb",
         264,
         267,
         {"A-3", "A42A", "A47A", "A70A", "C82"},
         "A59",
         "gap-bonded",
         "A58 to A60"},
        {"2GFB_AB.pdb",
         433,
         447,
         {"A1", "B113", "B115", "B227"},
         "B114",
         "gap-bonded",
         "B157 to B162"},
        {"3HTN.pdb", 425, 429, {"A43", "A44", "C185"}, "B100", "gap", "B99 to B104"},
    };
    fmpnn_read_options options = options_of(FMPNN_READING_ORIGINAL);
    for (size_t n = 0; n < COUNT(cases); n++) {
        fmpnn_structure *st = shared(cases[n].file, NULL);
        if (!st)
            return;
        assert_int_equal(fmpnn_structure_length(st), cases[n].author);
        for (size_t k = 0; k < 6 && cases[n].residues[k]; k++)
            assert_true(has_residue(st, cases[n].residues[k]));
        assert_false(has_residue(st, cases[n].gone));
        expect_warning(st, cases[n].code, cases[n].names);
        if (!strcmp(cases[n].code, "gap"))
            assert_null(warning(st, "gap-bonded"));
        if (!strcmp(cases[n].code, "gap-bonded"))
            assert_null(warning(st, "gap"));
        fmpnn_structure_free(st);
        st = shared(cases[n].file, &options);
        assert_int_equal(fmpnn_structure_length(st), cases[n].original);
        fmpnn_structure_free(st);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_formats_alike),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(digest_covers_the_backbone_alone),
        cmocka_unit_test(index_follows_the_numbers),
        cmocka_unit_test(one_conformer_a_residue),
        cmocka_unit_test(names_become_letters),
        cmocka_unit_test(what_is_a_residue_of_the_chain),
        cmocka_unit_test(incomplete_residues_stay),
        cmocka_unit_test(only_and_drop),
        cmocka_unit_test(models_and_blank_chains),
        cmocka_unit_test(odd_numbers),
        cmocka_unit_test(bad_pdb),
        cmocka_unit_test(bad_cif),
        cmocka_unit_test(original_reading),
        cmocka_unit_test(readings_agree),
        cmocka_unit_test(from_residues),
        cmocka_unit_test(writes_designs),
        cmocka_unit_test(wide_displacements),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(structure_names),
        cmocka_unit_test(real_structures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
