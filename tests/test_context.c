/* What a ligand model sees of a structure: ligands, elements, side chains, in both readings, and
 * every rule of the reading of the published LigandMPNN program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "structure/atom37.h"
#include "structure/element.h"
#include "structure/records.h"
#include "structure/structure.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- files */

/* A line from its parts; coordinates differ for every line. `columns` is what stands from the
 * chain to the insertion code, "A  12 ". */
static void add_atom(fmpnn_text *text, const char *record, const char *name, char altloc,
                     const char *residue, const char *columns, double occupancy,
                     const char *tail)
{
    size_t n = text->size / 79;
    fmpnn_text_print(text, "%-6s%5zu %-4s%c%3s %-6s   %8.3f%8.3f%8.3f%6.2f%6.2f%s\n", record,
                     n % 100000, name, altloc, residue, columns, (double)(n % 97) * 3.1,
                     (double)(n % 89) * 3.3, (double)(n % 83) * 3.7, occupancy, 10.0, tail);
}

static void add_residue(fmpnn_text *text, const char *residue, const char *columns)
{
    add_atom(text, "ATOM", " N", ' ', residue, columns, 1, "           N");
    add_atom(text, "ATOM", " CA", ' ', residue, columns, 1, "           C");
    add_atom(text, "ATOM", " C", ' ', residue, columns, 1, "           C");
    add_atom(text, "ATOM", " O", ' ', residue, columns, 1, "           O");
}

static void add_ligand_atom(fmpnn_text *text, const char *name, const char *residue,
                            const char *columns, const char *element)
{
    char tail[16];
    snprintf(tail, sizeof tail, "          %2s", element);
    add_atom(text, "HETATM", name, ' ', residue, columns, 1, tail);
}

static const char cif_header[] =
    "data_test\nloop_\n_atom_site.group_PDB\n_atom_site.label_atom_id\n"
    "_atom_site.label_comp_id\n_atom_site.label_asym_id\n_atom_site.label_seq_id\n"
    "_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n";

static fmpnn_structure *parse_text(fmpnn_text *text, fmpnn_reading reading,
                                   const char *only, bool zero_occupancy)
{
    fmpnn_structure *st = NULL;
    fmpnn_error err = {""};
    fmpnn_read_options options;
    fmpnn_read_options_default(&options);
    options.reading = reading;
    options.only = only;
    options.zero_occupancy = zero_occupancy;
    if (fmpnn_structure_parse("test.pdb", text->data, text->size, &options, &st, &err))
        fail_msg("%s", err.message);
    return st;
}

static fmpnn_structure *parse(fmpnn_text *text, fmpnn_reading reading)
{
    return parse_text(text, reading, NULL, false);
}

static const char *warning(const fmpnn_structure *st, const char *code)
{
    for (size_t n = 0; n < fmpnn_structure_warning_count(st); n++)
        if (!strcmp(fmpnn_structure_warning(st, n).code, code))
            return fmpnn_structure_warning(st, n).message;
    return NULL;
}

static void expect_warning(const fmpnn_structure *st, const char *code, const char *part)
{
    const char *message = warning(st, code);
    if (part ? !message || !strstr(message, part) : message != NULL)
        fail_msg("warning %s: \"%s\", expected \"%s\"", code, message ? message : "none",
                 part ? part : "none");
}

/* "A1=M A2=G" */
static void expect_residues(const fmpnn_structure *st, const char *expected)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    for (size_t i = 0; i < st->length; i++) {
        char name[40];
        fmpnn_residue_name(&st->residue[i], name);
        fmpnn_text_print(&text, "%s%s=%c", i ? " " : "", name, st->residue[i].letter);
    }
    assert_string_equal(text.data ? text.data : "", expected);
    fmpnn_text_clear(&text);
}

/* "7 8 30": elements of the context atoms */
static void expect_context(const fmpnn_structure *st, const char *expected)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    for (size_t n = 0; n < st->context_count; n++)
        fmpnn_text_print(&text, "%s%d", n ? " " : "", st->context[n].type);
    assert_string_equal(text.data ? text.data : "", expected);
    fmpnn_text_clear(&text);
}

static const fmpnn_reading both[] = {FMPNN_READING_AUTHOR, FMPNN_READING_ORIGINAL_LIGAND};

/* ---- elements */

static void elements_by_symbol_and_name(void **state)
{
    (void)state;
    static const struct {
        const char *symbol;
        int type;
    } symbols[] = {{"H", 1},  {"he", 2},  {"C", 6},   {"Cl", 17}, {"ZN", 30}, {"MB", 42},
                   {"MO", 0}, {"D", 0},   {"", 0},    {"XX", 0},  {"U", 92},  {"FL", 114},
                   {"LV", 116}, {"CA", 20}, {"c", 6}, {"OG", 0}};
    static const char *const names[][3] = {
        {"ZN", "ZN", "ZN"}, {"CA", "CA", "CA"},   {"CA", "LIG", "C"},  {"CL1", "LIG", "CL"},
        {"O3'", "DA", "O"}, {"1HB", "LIG", "H"},  {"BR", "BR", "BR"},  {"FE", "FE", "FE"},
        {"P", "DA", "P"},   {"X1", "LIG", "X"},   {"MG", "MG", "MG"},  {"N", "N", "N"}};
    for (size_t n = 0; n < COUNT(symbols); n++)
        assert_int_equal(fmpnn_element_type(symbols[n].symbol), symbols[n].type);
    assert_true(fmpnn_element_is_hydrogen("D") && fmpnn_element_is_hydrogen("h"));
    for (size_t n = 0; n < COUNT(names); n++)
        assert_string_equal(fmpnn_element_of_name(names[n][0], names[n][1]), names[n][2]);
}

static void ligands_are_listed(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", "A   1 ");
        add_residue(&text, "GLY", "A   2 ");
        fmpnn_text_print(&text, "%-80s\n", "TER");
        add_ligand_atom(&text, "ZN", "ZN", "A 101 ", "ZN");
        add_ligand_atom(&text, " N1", "LIG", "A 102 ", "N");
        add_ligand_atom(&text, " H1", "LIG", "A 102 ", "H");
        add_ligand_atom(&text, " D1", "LIG", "A 102 ", "D");
        add_ligand_atom(&text, "CL1", "LIG", "A 102 ", "CL");
        add_ligand_atom(&text, "MO", "MOO", "A 103 ", "MO");
        add_ligand_atom(&text, " O", "HOH", "A 201 ", "O");
        fmpnn_structure *st = parse(&text, both[k]);
        expect_residues(st, "A1=M A2=G");
        expect_context(st, "30 7 17");
        assert_int_equal(fmpnn_structure_ligand_count(st), 3);
        fmpnn_ligand ligand = fmpnn_structure_ligand(st, 1);
        assert_string_equal(ligand.name, "LIG");
        assert_string_equal(ligand.chain, "A");
        assert_int_equal(ligand.number, 102);
        assert_int_equal(ligand.atoms, 4);
        assert_int_equal(ligand.usable, 2);
        assert_int_equal(st->context[2].ligand, 1);
        assert_int_equal(fmpnn_structure_ligand(st, 3).atoms, 0);
        expect_warning(st, "context-element-unknown", "A103 MOO MO (M");
        expect_warning(st, "context-empty", "A103 MOO");
        fmpnn_structure_free(st);
        st = parse_text(&text, both[k], "A", false);
        expect_context(st, "30 7 17");
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

static void hydrogens_only(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", "A   1 ");
        add_ligand_atom(&text, " H1", "LIG", "A 102 ", "H");
        add_ligand_atom(&text, " H2", "LIG", "A 102 ", "H");
        fmpnn_structure *st = parse(&text, both[k]);
        assert_int_equal(st->context_count, 0);
        expect_warning(st, "context-empty", "A102 LIG");
        expect_warning(st, "context-element-unknown", NULL);
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

/* The author reading takes a missing element from the name; the original one does not know it. */
static void missing_elements(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", "A   1 ");
        add_ligand_atom(&text, "ZN", "ZN", "A 101 ", "");
        add_ligand_atom(&text, " C1", "LIG", "A 102 ", "");
        add_ligand_atom(&text, " O2", "LIG", "A 102 ", "");
        fmpnn_structure *st = parse(&text, both[k]);
        bool author = both[k] == FMPNN_READING_AUTHOR;
        expect_context(st, author ? "30 6 8" : "");
        expect_warning(st, "context-element-guessed", author ? "3 atoms" : NULL);
        expect_warning(st, "context-element-unknown", author ? NULL : "A102 LIG C1");
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
    static const char *const rows[] = {
        "ATOM N MET A 1 0 0 0",      "ATOM CA MET A 1 1.4 0 0", "ATOM C MET A 1 2 1 0",
        "ATOM O MET A 1 3 1 0",      "ATOM CB MET A 1 1 1 1",   "HETATM CA CA B . 9 9 9",
        "HETATM CL1 LIG C . 8 8 8",  "HETATM CA LIG C . 7 8 8"};
    fmpnn_text text;
    fmpnn_text_init(&text);
    fmpnn_text_print(&text, "%s_atom_site.auth_seq_id\n", cif_header);
    for (size_t n = 0; n < COUNT(rows); n++)
        fmpnn_text_print(&text, "%s %zu\n", rows[n], n < 5 ? (size_t)1 : n < 6 ? 2 : (size_t)3);
    fmpnn_structure *st = parse(&text, FMPNN_READING_AUTHOR);
    expect_context(st, "20 17 6");
    expect_warning(st, "context-element-guessed", "8 atoms");
    fmpnn_structure_free(st);
    fmpnn_text_clear(&text);
}

static void atom_on_the_backbone(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", "A   1 ");
        add_residue(&text, "GLY", "A   2 ");
        fmpnn_text_print(&text,
                         "HETATM    9  C1  LIG A 101    %8.3f%8.3f%8.3f  1.00 10.00"
                         "           C\n",
                         5 * 3.1 + 0.1, 5 * 3.3, 5 * 3.7);
        fmpnn_structure *st = parse(&text, both[k]);
        expect_context(st, "6");
        expect_warning(st, "context-clash", "A101 LIG at A2");
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

static void fifty_thousand_atoms(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", "A   1 ");
        for (int n = 0; n < 50000; n++) {
            char place[16], name[8];
            snprintf(place, sizeof place, "%c%4d ", 'B' + n / 20000, n % 20000 / 20 + 1);
            snprintf(name, sizeof name, " C%d", n % 20);
            add_ligand_atom(&text, name, "LIP", place, "C");
        }
        fmpnn_structure *st = parse(&text, both[k]);
        assert_int_equal(st->context_count, 50000);
        assert_int_equal(st->ligand_count, 2500);
        assert_int_equal(st->ligand[2499].usable, 20);
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

/* ---- side chains */

static void side_chains_have_their_slots(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        float xyz[FMPNN_ATOM37][3];
        uint8_t present[FMPNN_ATOM37];
        fmpnn_text_init(&text);
        add_residue(&text, "GLY", "A   1 ");
        add_residue(&text, "SER", "A   2 ");
        add_atom(&text, "ATOM", " CB", ' ', "SER", "A   2 ", 1, "           C");
        add_atom(&text, "ATOM", " OG", 'A', "SER", "A   2 ", .6, "           O");
        add_atom(&text, "ATOM", " OG", 'B', "SER", "A   2 ", .4, "           O");
        add_atom(&text, "ATOM", " OXT", ' ', "SER", "A   2 ", 1, "           O");
        fmpnn_structure *st = parse(&text, both[k]);
        fmpnn_structure_atoms(st, 0, xyz, present);
        assert_int_equal(present[FMPNN_SLOT_O] + present[FMPNN_SLOT_CB], 1);
        fmpnn_structure_atoms(st, 1, xyz, present);
        int count = 0;
        for (size_t slot = 0; slot < FMPNN_ATOM37; slot++)
            count += present[slot];
        assert_int_equal(count, 6);
        int slot = fmpnn_atom37_slot("OG");
        assert_int_equal(slot, 8);
        assert_true(xyz[slot][0] == (float)(9 * 3.1)); /* line 9, of A */
        assert_int_equal(fmpnn_atom37_slot("OXT"), -1);
        assert_memory_equal(xyz[FMPNN_SLOT_CA], st->residue[1].xyz[1], sizeof *xyz);
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

static void selenomethionine(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        float xyz[FMPNN_ATOM37][3];
        uint8_t present[FMPNN_ATOM37];
        fmpnn_text_init(&text);
        add_residue(&text, "MSE", "A   1 ");
        add_atom(&text, "ATOM", "SE", ' ', "MSE", "A   1 ", 1, "          SE");
        fmpnn_structure *st = parse(&text, both[k]);
        bool author = both[k] == FMPNN_READING_AUTHOR;
        expect_residues(st, author ? "A1=M" : "A1=X");
        expect_warning(st, author ? "renamed" : "unknown-residue", "A1 MSE");
        fmpnn_structure_atoms(st, 0, xyz, present);
        assert_int_equal(present[fmpnn_atom37_slot("SD")], author);
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

/* ---- the original reading's rules, one by one */

static void residues_by_carbon_alpha(void **state)
{
    (void)state;
    fmpnn_text text;
    fmpnn_text_init(&text);
    add_residue(&text, "MET", "B   5 ");
    add_residue(&text, "GLY", "A   1 ");
    add_residue(&text, "SER", "A   1A");
    /* no CA: context */
    add_atom(&text, "ATOM", " N", ' ', "ALA", "A   3 ", 1, "           N");
    add_atom(&text, "ATOM", " C", ' ', "ALA", "A   3 ", 1, "           C");
    /* CA of occupancy 0: neither residue nor context */
    add_atom(&text, "ATOM", " CA", ' ', "TRP", "A   4 ", 0, "           C");
    add_atom(&text, "ATOM", " N", ' ', "TRP", "A   4 ", 1, "           N");
    /* not all four atoms: a residue that is not resolved */
    add_atom(&text, "ATOM", " CA", ' ', "LYS", "A   6 ", 1, "           C");
    /* an ion of that number is no part of the residue, a ligand is */
    add_ligand_atom(&text, "ZN", "ZN", "A   6 ", "ZN");
    add_ligand_atom(&text, " S1", "LIG", "A   6 ", "S");
    fmpnn_structure *st = parse(&text, FMPNN_READING_ORIGINAL_LIGAND);
    static const int index[] = {5, 1, 2, 7};
    expect_residues(st, "B5=M A1=G A1A=S A6=K");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(st->residue[i].index, index[i]);
    assert_int_equal(st->residue[0].chain_id, 0);
    assert_int_equal(st->residue[1].chain_id, 1);
    assert_int_equal(st->residue[3].present, 2);
    expect_context(st, "7 6 30");
    expect_warning(st, "no-ca", "A3 ALA");
    expect_warning(st, "zero-occupancy-left-out", "A4 TRP");
    expect_warning(st, "ligand-merged", "A6 LIG");
    expect_warning(st, "missing-atoms", "A6 (N C O)");
    fmpnn_structure_free(st);
    st = parse_text(&text, FMPNN_READING_ORIGINAL_LIGAND, NULL, true);
    expect_residues(st, "B5=M A1=G A1A=S A4=W A6=K");
    fmpnn_structure_free(st);
    st = parse_text(&text, FMPNN_READING_ORIGINAL_LIGAND, "B", false);
    expect_residues(st, "B5=M");
    assert_int_equal(st->context_count, 0);
    fmpnn_structure_free(st);
    fmpnn_text_clear(&text);
}

static void alternate_locations(void **state)
{
    (void)state;
    fmpnn_text text;
    fmpnn_text_init(&text);
    add_residue(&text, "MET", "A   1 ");
    add_atom(&text, "ATOM", " CA", 'A', "MET", "A   1 ", .5, "           C"); /* again */
    add_atom(&text, "ATOM", " CA", 'B', "GLY", "A   2 ", .5, "           C"); /* B alone */
    add_atom(&text, "HETATM", " C1", 'B', "LIG", "A   9 ", .5, "           C");
    fmpnn_structure *st = parse(&text, FMPNN_READING_ORIGINAL_LIGAND);
    expect_residues(st, "A1=M");
    assert_true(st->residue[0].xyz[1][0] == (float)(4 * 3.1));
    assert_int_equal(st->context_count, 0);
    expect_warning(st, "duplicate-ca", "A1");
    expect_warning(st, "altloc-left-out", "2 atoms");
    fmpnn_structure_free(st);
    fmpnn_text_clear(&text);
}

static void numbers_that_are_not_decimal(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *residues;
    } cases[] = {
        {"A  -5 ", "A9999 ", "A-5=M A9999=G"},  {"A00012", "A00013", "A12=M A13=G"},
        {"A 999 ", "A10001", "A999=M A10001=G"}, /* a fifth digit */
        {"A9999 ", "AA000 ", "A9999=M A10000=G"}, {"A9999 ", "AA001 ", "A9999=M A10001=G"},
        {"A9999 ", "A2710 ", "A9999=M A10000=G"}, /* smaller again: hexadecimal */
        {"A   1 ", "A abc ", "A1=M A2748=G"},
    };
    for (size_t n = 0; n < COUNT(cases); n++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", cases[n].first);
        add_residue(&text, "GLY", cases[n].second);
        fmpnn_structure *st = parse(&text, FMPNN_READING_ORIGINAL_LIGAND);
        expect_residues(st, cases[n].residues);
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

/* TER closes a residue: a ligand of the same number that follows is one of its own. */
static void units_end_with_ter(void **state)
{
    (void)state;
    for (int with_ter = 0; with_ter < 2; with_ter++) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        add_residue(&text, "MET", "A   1 ");
        add_residue(&text, "GLY", "A   2 ");
        if (with_ter)
            fmpnn_text_print(&text, "%-80s\n", "TER");
        add_ligand_atom(&text, " C1", "LIG", "A   2 ", "C");
        fmpnn_structure *st = parse(&text, FMPNN_READING_ORIGINAL_LIGAND);
        expect_residues(st, "A1=M A2=G");
        expect_context(st, with_ter ? "6" : "");
        expect_warning(st, "ligand-merged", with_ter ? NULL : "A2 LIG");
        fmpnn_structure_free(st);
        fmpnn_text_clear(&text);
    }
}

static void segments_and_blank_chains(void **state)
{
    (void)state;
    fmpnn_text text;
    fmpnn_text_init(&text);
    for (int n = 0; n < 6; n++) {
        char place[8], tail[24];
        snprintf(place, sizeof place, "   %2d ", n + 1);
        snprintf(tail, sizeof tail, "      SEG%d C", n / 2);
        add_atom(&text, "ATOM", " CA", ' ', "GLY", place, 1, tail);
    }
    fmpnn_structure *st = parse(&text, FMPNN_READING_ORIGINAL_LIGAND);
    assert_int_equal(st->length, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(st->residue[i].chain, "_");
        assert_int_equal(st->residue[i].chain_id, i / 2);
    }
    expect_warning(st, "blank-chain", "_");
    fmpnn_structure_free(st);
    fmpnn_text_clear(&text);
}

static void first_model_counts(void **state)
{
    (void)state;
    fmpnn_text text;
    fmpnn_text_init(&text);
    for (int model = 0; model < 4; model++) {
        fmpnn_text_print(&text, "MODEL %74d\n", model + 1);
        add_residue(&text, "MET", "A   1 ");
        if (model == 2) /* one atom more: left out */
            add_ligand_atom(&text, " C1", "LIG", "A   9 ", "C");
        fmpnn_text_print(&text, "%-80s\n", "ENDMDL");
    }
    fmpnn_text_print(&text, "%-80s\n", "END");
    fmpnn_structure *st = parse(&text, FMPNN_READING_ORIGINAL_LIGAND);
    expect_residues(st, "A1=M");
    assert_int_equal(st->records->models, 3);
    assert_true(st->residue[0].xyz[0][0] == (float)3.1); /* after one line of 81 */
    double second = st->records->later[0]; /* after 4 lines of 79, 3 of 81 */
    assert_true(second > 7 * 3.1 - 1e-9 && second < 7 * 3.1 + 1e-9);
    fmpnn_structure_free(st);
    fmpnn_text_clear(&text);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"ATOM      1  N   MET A   1      11.0\n", "column"},
        {"ATOM      1  N   MET A   1       x.000   1.000   1.000  1.00\n", "x coordinate"},
        {"ATOM      1  N   M\tT A   1       1.000   1.000   1.000  1.00\n", "printable"},
        {"HETATM    1 ZN    ZN A   1       1.000   1.000   1.000  1.00\n", "no protein"},
        {"REMARK\n", "no ATOM record"},
    };
    fmpnn_read_options options;
    fmpnn_read_options_default(&options);
    options.reading = FMPNN_READING_ORIGINAL_LIGAND;
    for (size_t n = 0; n < COUNT(cases); n++) {
        fmpnn_structure *st = NULL;
        fmpnn_error err = {""};
        assert_int_equal(fmpnn_structure_parse("bad.pdb", cases[n].text, strlen(cases[n].text),
                                               &options, &st, &err),
                         FMPNN_EFORMAT);
        if (!strstr(err.message, cases[n].message))
            fail_msg("\"%s\", expected \"%s\"", err.message, cases[n].message);
        assert_null(st);
    }
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(both); k++) {
        fmpnn_text text;
        fmpnn_read_options options;
        fmpnn_read_options_default(&options);
        options.reading = both[k];
        fmpnn_text_init(&text);
        for (int model = 0; model < 2; model++) {
            add_residue(&text, "MET", "A   1 ");
            add_ligand_atom(&text, "ZN", "ZN", "A 101 ", "ZN");
            add_ligand_atom(&text, " Q1", "LIG", "A 102 ", "Q");
            fmpnn_text_print(&text, "%-80s\n", "ENDMDL");
        }
        size_t n = 1;
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
        assert_true(n > 10);
        fmpnn_text_clear(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_by_symbol_and_name),
        cmocka_unit_test(ligands_are_listed),
        cmocka_unit_test(hydrogens_only),
        cmocka_unit_test(missing_elements),
        cmocka_unit_test(atom_on_the_backbone),
        cmocka_unit_test(fifty_thousand_atoms),
        cmocka_unit_test(side_chains_have_their_slots),
        cmocka_unit_test(selenomethionine),
        cmocka_unit_test(residues_by_carbon_alpha),
        cmocka_unit_test(alternate_locations),
        cmocka_unit_test(numbers_that_are_not_decimal),
        cmocka_unit_test(units_end_with_ter),
        cmocka_unit_test(segments_and_blank_chains),
        cmocka_unit_test(first_model_counts),
        cmocka_unit_test(refusals),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
