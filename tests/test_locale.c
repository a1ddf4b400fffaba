/* What a program gets that has set a locale: the same bytes. Everything that prints or reads
 * numbers is asked before and after; the locales are made here, with a comma, with a decimal
 * separator of two bytes, and with letters whose cases are others. */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "structure/read.h"
#include "structure/records.h"
#include "structure/structure.h"

#include <locale.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77, RESIDUES = 4 };
static const char *const locales[][2] = {{"de_DE", ","}, {"ps_AF", "\xd9\xab"}, {"tr_TR", ","}};

/* Four residues, far apart, so that warnings tell distances; ANISOU and a ligand. */
static void make_file(fmpnn_text *out)
{
    static const char *const atom[] = {"N", "CA", "C", "O"};
    for (int i = 0; i < RESIDUES; i++)
        for (int a = 0; a < 4; a++) {
            const char *element = a == 0 ? "N" : a == 3 ? "O" : "C";
            fmpnn_text_print(out,
                             "ATOM  %5d  %-3s LEU A%4d    %8.3f%8.3f%8.3f%6.2f%6.2f"
                             "           %s\n",
                             4 * i + a, atom[a], i + 1, 12.25 * i + a, 0.125, -0.5, 0.75,
                             9.5, element);
            fmpnn_text_print(
                out,
                "ANISOU%5d  %-3s LEU A%4d     1.5e3    200    300      0      0"
                "      0       %s\n",
                4 * i + a, atom[a], i + 1, element);
        }
    fmpnn_text_print(out,
                     "HETATM  100 ZN    ZN A 100       1.500   2.500   3.500  1.00  1.00"
                     "          ZN\nEND\n");
}

static void add_structure(fmpnn_text *out, const fmpnn_text *file, fmpnn_reading reading)
{
    fmpnn_error err = {""};
    fmpnn_read_options options;
    fmpnn_structure *st = NULL;
    float b[RESIDUES] = {0.25f, 0.5f, 0.75f, 1.5f};
    size_t lacking;
    fmpnn_read_options_default(&options);
    options.reading = reading;
    if (fmpnn_structure_parse("st.pdb", file->data, file->size, &options, &st, &err))
        fail_msg("%s", err.message);
    fmpnn_text_print(out, "%s\n", st->digest);
    for (size_t n = 0; n < st->warning_count; n++)
        fmpnn_text_print(out, "%s: %s\n", st->warning[n].code, st->warning[n].message);
    if (reading == FMPNN_READING_AUTHOR) {
        assert_int_equal(fmpnn_structure_write(st, "pdb", "AAAA", b, out, &err), FMPNN_OK);
        assert_int_equal(fmpnn_structure_write(st, "cif", "AAAA", b, out, &err), FMPNN_OK);
    } else {
        static const char *const name[] = {"N", "CA", "C", "O", "CB"};
        const char *names[RESIDUES * 5];
        double xyz[RESIDUES * 5 * 3];
        uint8_t atoms[RESIDUES] = {5, 5, 5, 5};
        for (size_t n = 0; n < RESIDUES * 5; n++)
            names[n] = name[n % 5];
        for (size_t n = 0; n < RESIDUES * 5 * 3; n++)
            xyz[n] = 0.25 * (double)n;
        float atom_b[RESIDUES * 5] = {1.5f};
        fmpnn_records_packed packed = {"AAAA", 5, atoms, names, xyz, atom_b, false};
        assert_int_equal(fmpnn_records_write(st, "AAAA", b, out, &lacking, &err), FMPNN_OK);
        assert_int_equal(fmpnn_records_write_packed(st, &packed, out, &err), FMPNN_OK);
    }
    fmpnn_structure_free(st);
}

static void add_names(fmpnn_text *out)
{
    static const char *const path[] = {"a/ONE.CIF", "two.PdB.GZ", "i.mmCIF.gz", "I_1.ent"};
    char name[64];
    for (size_t n = 0; n < sizeof path / sizeof *path; n++) {
        assert_int_equal(fmpnn_structure_name(path[n], name, sizeof name), FMPNN_OK);
        fmpnn_text_print(out, "%s\n", name);
    }
}

static void add_json(fmpnn_text *out)
{
    static const char object[] = "{\"x\":0.1,\"y\":[1e-3,2.5]}";
    json_error_t detail;
    json_t *value = fmpnn_json_read(object, strlen(object), 0, &detail);
    assert_non_null(value);
    char *text = fmpnn_json_print(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert_non_null(text);
    fmpnn_text_print(out, "%s\n", text);
    free(text);
    json_decref(value);
}

static void add_numbers(fmpnn_text *out)
{
    static const double some[] = {0.1, 1.5, -2.25, 1e-7, 123456.75, 1e30};
    for (size_t n = 0; n < sizeof some / sizeof *some; n++) {
        char exact[32], fixed[48];
        double back = 0;
        fmpnn_format_double(some[n], exact);
        fmpnn_print(fixed, sizeof fixed, "%.*f", 4, some[n]);
        assert_true(fmpnn_parse_double(exact, &back));
        assert_true(back == some[n]);
        assert_false(fmpnn_parse_double("1,5", &back));
        fmpnn_text_print(out, "%s %s %.3f\n", exact, fixed, some[n]);
    }
    fmpnn_error err = {""};
    fmpnn_fail(&err, FMPNN_EINVAL, "%g is not within +-%.2f", 1.5, 2.5);
    fmpnn_fail_in(&err, FMPNN_EINVAL, "T %g", 0.5);
    fmpnn_text_print(out, "%s\n", err.message);
}

/* The first step of the published pipeline, from a folder of structures to a file. */
static void add_helper(fmpnn_text *out, const fmpnn_text *file, const char *folder)
{
    fmpnn_error err = {""};
    char source[128], result[128];
    snprintf(source, sizeof source, "%s/st.pdb", folder);
    snprintf(result, sizeof result, "%s/parsed.jsonl", folder);
    assert_int_equal(fmpnn_text_write(file, source, &err), FMPNN_OK);
    fmpnn_helper_options options = {0};
    options.input_path = folder;
    options.output_path = result;
    if (fmpnn_helper_run("parse_multiple_chains", &options, NULL, &err))
        fail_msg("%s", err.message);
    unsigned char *bytes;
    size_t size;
    assert_int_equal(fmpnn_file_read(result, 1 << 20, &bytes, &size, &err), FMPNN_OK);
    fmpnn_text_add(out, (const char *)bytes, size);
    fmpnn_release(bytes);
    unlink(source);
    unlink(result);
}

static void add_all(fmpnn_text *out, const fmpnn_text *file, const char *folder)
{
    fmpnn_text_init(out);
    add_numbers(out);
    add_json(out);
    add_names(out);
    add_structure(out, file, FMPNN_READING_AUTHOR);
    add_structure(out, file, FMPNN_READING_ORIGINAL_LIGAND);
    add_helper(out, file, folder);
    assert_false(out->failed);
}

static char folder[] = "/tmp/fmpnn-locale-XXXXXX";

static void test_same_bytes(void **state)
{
    (void)state;
    fmpnn_text file, plain, other;
    size_t tried = 0;
    fmpnn_text_init(&file);
    make_file(&file);
    add_all(&plain, &file, folder);
    assert_non_null(strstr(plain.data, "12.250"));
    for (size_t n = 0; n < sizeof locales / sizeof *locales; n++) {
        char name[32];
        snprintf(name, sizeof name, "%s.UTF-8", locales[n][0]);
        if (!setlocale(LC_ALL, name))
            continue;
        char shown[16];
        snprintf(shown, sizeof shown, "%.1f", 1.5);
        assert_string_equal(localeconv()->decimal_point, locales[n][1]);
        assert_null(strchr(shown, '.'));
        add_all(&other, &file, folder);
        assert_string_equal(other.data, plain.data);
        snprintf(shown, sizeof shown, "%.1f", 1.5); /* the program keeps what it has set */
        assert_null(strchr(shown, '.'));
        fmpnn_text_clear(&other);
        setlocale(LC_ALL, "C");
        tried++;
    }
    fmpnn_text_clear(&plain);
    fmpnn_text_clear(&file);
    assert_true(tried > 0);
}

/* Compiles the locales from the system's sources; false if it has none. */
static bool make_locales(void)
{
    char command[256];
    bool any = false;
    for (size_t n = 0; n < sizeof locales / sizeof *locales; n++) {
        snprintf(command, sizeof command,
                 "localedef -c -i %s -f UTF-8 %s/%s.UTF-8 >%s/log 2>&1", locales[n][0],
                 folder, locales[n][0], folder);
        any = !system(command) || any;
    }
    setenv("LOCPATH", folder, 1);
    return any;
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    bool made = make_locales();
    if (!made)
        fprintf(stderr, "skipped: localedef cannot make a locale here (package locales)\n");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bytes)};
    int failed = made ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) && !failed ? 1 : failed;
}
