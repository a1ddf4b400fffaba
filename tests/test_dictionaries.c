/* Dictionaries of the published program in jobs of this one: ordinals found as it would count,
 * each dictionary the same as the text that stands for it, mistakes refused with their place,
 * every allocation failing once. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "design/job.h"
#include "structure/structure.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static fmpnn_model model;
static fmpnn_structure *st; /* of lines[] */
static char folder[] = "/tmp/fmpnn_dictionaries_XXXXXX", path[64];

/* A backbone of four atoms for each entry. Chain A begins with a HETATM that the published
 * program does not read, so that it counts from 2; HETATM 5 stands where it puts a placeholder;
 * 6 is missing, 8A comes after 8; HETATM MSE 9 counts; HETATM 11 is behind its end. */
typedef struct line {
    const char *record, *name;
    char chain;
    int number;
    char icode;
} line;

static const line lines[] = {
    {"HETATM", "SEP", 'A', 1, ' '},  {"ATOM  ", "ALA", 'A', 2, ' '},
    {"ATOM  ", "CYS", 'A', 3, ' '},  {"ATOM  ", "ASP", 'A', 4, ' '},
    {"HETATM", "SEP", 'A', 5, ' '},  {"ATOM  ", "GLU", 'A', 7, ' '},
    {"ATOM  ", "PHE", 'A', 8, ' '},  {"ATOM  ", "GLY", 'A', 8, 'A'},
    {"HETATM", "MSE", 'A', 9, ' '},  {"HETATM", "SEP", 'A', 11, ' '},
    {"ATOM  ", "ALA", 'B', -1, ' '}, {"ATOM  ", "CYS", 'B', 0, ' '},
    {"ATOM  ", "ASP", 'B', 1, ' '},  {"ATOM  ", "VAL", 'B', 2, ' '},
};
enum { LINES = sizeof lines / sizeof *lines };
static const int ordinals[LINES] = {0, 1, 2, 3, 4, 6, 7, 8, 9, 0, 1, 2, 3, 4};

static void print_pdb(fmpnn_text *out)
{
    static const char *const atom[4] = {" N  ", " CA ", " C  ", " O  "};
    static const double along[4] = {0, 1.46, 2.98, 2.98}; /* then 1.33 to the next */
    for (int n = 0; n < LINES; n++)
        for (int a = 0; a < 4; a++)
            fmpnn_text_print(
                out, "%s%5d %s %s %c%4d%c   %8.3f%8.3f%8.3f  1.00  0.00           %c\n",
                lines[n].record, n * 4 + a + 1, atom[a], lines[n].name, lines[n].chain,
                lines[n].number, lines[n].icode, n * 4.31 + along[a], a == 1 ? 0.4 : 0.0,
                a == 3 ? 1.23 : 0.0, atom[a][1]);
}

static fmpnn_structure *read_text(const char *text, size_t size, fmpnn_reading reading,
                                  const char *drop)
{
    fmpnn_structure *made = NULL;
    fmpnn_error err = {""};
    fmpnn_read_options how;
    fmpnn_read_options_default(&how);
    how.reading = reading;
    how.drop = drop;
    if (fmpnn_structure_parse("test.pdb", text, size, &how, &made, &err))
        fail_msg("%s", err.message);
    return made;
}

static int build(void **state)
{
    (void)state;
    fmpnn_text text;
    fmpnn_text_init(&text);
    print_pdb(&text);
    st = read_text(text.data, text.size, FMPNN_READING_AUTHOR, NULL);
    fmpnn_text_clear(&text);
    model.info.neighbours = 6;
    memset(model.digest, 'a', 64);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/d.jsonl", folder);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    fmpnn_structure_free(st);
    unlink(path);
    return rmdir(folder);
}

/* ---- ordinals ---- */

static void expect_ordinals(const fmpnn_structure *made)
{
    for (size_t i = 0; i < made->length; i++) {
        const fmpnn_residue *r = &made->residue[i];
        int wanted = -1;
        for (int n = 0; n < LINES; n++)
            if (lines[n].chain == r->chain[0] && lines[n].number == r->number &&
                lines[n].icode == r->icode)
                wanted = ordinals[n];
        if (r->placeholder && r->number == 6)
            wanted = 5;
        if (r->ordinal != wanted)
            fail_msg("%s%d%c: ordinal %d, expected %d", r->chain, (int)r->number, r->icode,
                     (int)r->ordinal, wanted);
    }
    assert_int_equal(made->ordinal_chains, 2);
    assert_int_equal(made->ordinals[0].length, 9);
    assert_int_equal(made->ordinals[1].length, 4);
    assert_null(made->no_ordinals);
}

static void ordinals_are_those_of_the_published_program(void **state)
{
    (void)state;
    fmpnn_text text;
    fmpnn_text_init(&text);
    print_pdb(&text);
    assert_int_equal(st->length, LINES);
    expect_ordinals(st);
    fmpnn_structure *original =
        read_text(text.data, text.size, FMPNN_READING_ORIGINAL, NULL);
    assert_int_equal(original->length, 13); /* what it reads is what it counts */
    expect_ordinals(original);
    for (size_t i = 0; i < original->length; i++)
        assert_int_equal(original->residue[i].ordinal, i < 9 ? i + 1 : i - 8);
    fmpnn_structure_free(original);
    /* whatever is left out */
    fmpnn_structure *fewer =
        read_text(text.data, text.size, FMPNN_READING_AUTHOR, "SEP,chain:B");
    assert_int_equal(fewer->length, LINES - 3 - 4);
    expect_ordinals(fewer);
    fmpnn_structure_free(fewer);
    fmpnn_text_clear(&text);
}

/* ---- dictionaries ---- */

typedef enum kind { CHAINS, FIXED, OMIT, BIAS, BY_RES, TIED, PSSM } kind;

static fmpnn_dictionary_paths paths_of(kind which)
{
    fmpnn_dictionary_paths paths = {0};
    const char **const field[] = {&paths.chain_id_jsonl,    &paths.fixed_positions_jsonl,
                                  &paths.omit_AA_jsonl,     &paths.bias_AA_jsonl,
                                  &paths.bias_by_res_jsonl, &paths.tied_positions_jsonl,
                                  &paths.pssm_jsonl};
    *field[which] = path;
    return paths;
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static fmpnn_status try(kind which, const char *text, fmpnn_settings settings,
                        fmpnn_job **job, fmpnn_error *err)
{
    fmpnn_dictionary_paths paths = paths_of(which);
    fmpnn_dictionaries *read = NULL;
    write_text(text);
    *job = NULL;
    fmpnn_status status = fmpnn_dictionaries_read(&paths, &read, err);
    settings.dictionaries = read;
    if (!status)
        status = fmpnn_job_create(st, &model, &settings, job, err);
    fmpnn_dictionaries_free(read);
    return status;
}

static fmpnn_job *make(kind which, const char *text, fmpnn_settings settings)
{
    fmpnn_job *job;
    fmpnn_error err = {""};
    if (try(which, text, settings, &job, &err))
        fail_msg("%s: %s", text, err.message);
    return job;
}

/* The dictionary makes the same job as the settings that stand for it. */
static void expect_same(kind which, const char *text, fmpnn_settings with,
                        fmpnn_settings instead)
{
    fmpnn_error err = {""};
    fmpnn_job *job = make(which, text, with), *other = NULL;
    if (fmpnn_job_create(st, &model, &instead, &other, &err))
        fail_msg("%s", err.message);
    assert_string_equal(fmpnn_job_echo(job), fmpnn_job_echo(other));
    assert_string_equal(fmpnn_job_digest(job), fmpnn_job_digest(other));
    fmpnn_job_free(other);
    fmpnn_job_free(job);
}

static const char *warning_of(const fmpnn_job *job, const char *code)
{
    for (size_t n = 0; n < fmpnn_job_warning_count(job); n++)
        if (!strcmp(fmpnn_job_warning(job, n).code, code))
            return fmpnn_job_warning(job, n).message;
    return "";
}

static const fmpnn_settings none;

static void each_stands_for_a_text(void **state)
{
    (void)state;
    expect_same(CHAINS, "{\"test\": [[\"B\"], [\"A\"]]}", none,
                (fmpnn_settings){.chains = "B"});
    expect_same(FIXED, "{\"test\": {\"A\": [1, 2, 4, 5, 8], \"B\": [4]}}", none,
                (fmpnn_settings){.fix = "A2,A3,A5,A8A,B2"});
    expect_same(FIXED, "{\"test\": {\"A\": [9.0]}}", (fmpnn_settings){.chains = "A"},
                (fmpnn_settings){.chains = "A", .fix = "A9"});
    expect_same(FIXED, "{\"test\": {\"A\": [], \"B\": [1]}}", (fmpnn_settings){.fix = "A2"},
                (fmpnn_settings){.fix = "A2,B-1"});
    expect_same(OMIT, "{\"test\": {\"A\": [[[7, 8], \"GP\"], [[9], \"W\"]], \"B\": []}}",
                (fmpnn_settings){.omit = "C"}, (fmpnn_settings){.omit = "C,A8-8A:GP,A9:W"});
    expect_same(BIAS, "{\"A\": -1.25, \"P\": 2}", none,
                (fmpnn_settings){.bias = "A=-1.25,P=2"});
    expect_same(TIED, "{\"test\": [{\"A\": [1], \"B\": [1]}, {\"A\": [3, 6], \"B\": [2]}]}",
                none, (fmpnn_settings){.tie = "A2=B-1,A4=A7=B0"});
    expect_same(TIED, "{\"test\": [{\"A\": [[1], [2.0]], \"B\": [[1], [-0.5]]}]}",
                (fmpnn_settings){.tie = "A3=B0"},
                (fmpnn_settings){.tie = "A2*2=B-1*-0.5,A3=B0"});
    expect_same(TIED, "{\"test\": []}", none, none);
    /* groups with nothing in them, more than there are positions */
    char many[512] = "{\"test\": [";
    for (int n = 0; n < 100; n++)
        strcat(many, "{},");
    strcat(many, "{\"A\": [1], \"B\": [1]}, {\"A\": [3], \"B\": [2]}]}");
    expect_same(TIED, many, none, (fmpnn_settings){.tie = "A2=B-1,A4=B0"});
}

static void rows_of_numbers(void **state)
{
    (void)state;
    char text[8192] = "{\"test\": {\"A\": [", row[256] = "[0.5", zeros[256] = "[0";
    for (int a = 1; a < FMPNN_LETTERS; a++) {
        strcat(row, ", 0");
        strcat(zeros, ", 0");
    }
    for (int n = 1; n <= 9; n++) { /* 5 has no residue */
        strcat(strcat(text, n == 6 || n == 5 ? row : zeros), "]");
        strcat(text, n < 9 ? ", " : "]}}");
    }
    expect_same(BY_RES, text, (fmpnn_settings){.chains = "A"},
                (fmpnn_settings){.chains = "A", .bias = "A7:A=0.5"});

    char rows[4096] = "", pssm[16384];
    for (int n = 1; n <= 9; n++)
        strcat(strcat(strcat(rows, row), "]"), n < 9 ? ", " : "");
    snprintf(
        pssm, sizeof pssm,
        "{\"other\": {}}\n{\"test\": {\"A\": {\"pssm_coef\": [0, 0, 0.25, 0, 0, 0, 0, 0, "
        "0], \"pssm_bias\": [%s], \"pssm_log_odds\": [%s]}, \"B\": {}}}\n",
        rows, rows);
    fmpnn_job *job = make(PSSM, pssm, (fmpnn_settings){.pssm_weight = 0.5});
    json_t *echo = json_loads(fmpnn_job_echo(job), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(echo, "pssm")), "A4");
    json_decref(echo);
    assert_true(job->rules.pssm_coef[3] == 0.25 && job->rules.pssm_multi == 0.5);
    assert_true(job->rules.pssm_bias[3 * FMPNN_LETTERS] == 0.5);
    fmpnn_job_free(job);
}

static void what_is_said(void **state)
{
    (void)state;
    fmpnn_job *job = make(CHAINS, "{\"test\": [[\"A\"], []]}", none);
    assert_non_null(strstr(warning_of(job, "chain-unlisted"), "chain B"));
    fmpnn_job_free(job);
    job = make(TIED, "{\"test\": [{\"A\": [5], \"B\": [1]}, {\"A\": [1], \"B\": [2]}]}",
               none);
    assert_non_null(strstr(warning_of(job, "tie-missing"), "1 positions"));
    assert_int_equal(fmpnn_job_position(job, 10).group, -1);
    assert_int_equal(fmpnn_job_position(job, 11).group, 0);
    fmpnn_job_free(job);
    job = make(BIAS, "{\"A\": 9}\n{\"A\": 1, \"J\": 2}", none);
    assert_non_null(strstr(warning_of(job, "bias-unused"), "J is no amino acid"));
    assert_non_null(strstr(warning_of(job, "dictionary-lines"), "--bias-AA-jsonl: "));
    assert_non_null(strstr(fmpnn_job_echo(job), "\"bias\":\"A=1.0\""));
    fmpnn_job_free(job);
}

/* ---- mistakes ---- */

static void refuse_with(kind which, const char *text, fmpnn_settings settings,
                        fmpnn_status status, const char *words)
{
    fmpnn_error err = {""};
    fmpnn_job *job;
    char word[100];
    fmpnn_status got = try(which, text, settings, &job, &err);
    if (got != status)
        fail_msg("%s: status %d instead of %d: %s", text, got, status, err.message);
    assert_null(job);
    for (size_t size; *words; words += size + (words[size] == '|')) {
        size = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)size, words);
        if (!strstr(err.message, word))
            fail_msg("'%s' is not in '%s'", word, err.message);
    }
}

static void refuse(kind which, const char *text, fmpnn_status status, const char *words)
{
    refuse_with(which, text, none, status, words);
}

static void mistakes_are_refused_with_their_place(void **state)
{
    (void)state;
    refuse(FIXED, "{\"test\": {\"A\": [1}}", FMPNN_EFORMAT, "d.jsonl:1:18: ");
    refuse(FIXED, "\n\n{\"test\" {}}", FMPNN_EFORMAT, "d.jsonl:3:9: ");
    refuse(FIXED, "[]", FMPNN_EFORMAT, "d.jsonl:1:1: |expected an object");
    refuse(FIXED, "", FMPNN_EFORMAT, "the file is empty");
    refuse(FIXED, "{\"other\": {}}", FMPNN_ESELECT, "d.jsonl:1: |no such structure");
    refuse(FIXED, "{\"test\": {\"A\": [0], \"B\": []}}", FMPNN_ESELECT,
           "d.jsonl:1: |test, chain A: position 0, expected 1 to 9");
    refuse(FIXED, "{\"test\": {\"A\": [], \"B\": [5]}}", FMPNN_ESELECT,
           "test, chain B: position 5, expected 1 to 4");
    refuse(FIXED, "{\"test\": {\"A\": [1.5], \"B\": []}}", FMPNN_ESELECT, "whole number");
    refuse(FIXED, "{\"test\": {\"A\": [], \"B\": [], \"C\": [1]}}", FMPNN_ESELECT,
           "chain C: the structure has no such chain");
    refuse(FIXED, "{\"test\": {\"A\": []}}", FMPNN_ESELECT,
           "chain B: a designed chain is not in the dictionary");
    refuse(CHAINS, "{\"test\": [[\"A\"], [\"D\"]]}", FMPNN_ESELECT,
           "chain D: the structure has no such chain");
    refuse(CHAINS, "{\"test\": [[\"A\", \"B\"], [\"B\"]]}", FMPNN_ESELECT,
           "chain B: named twice");
    refuse(CHAINS, "{\"test\": [[\"A\"]]}", FMPNN_ESELECT, "expected [[");
    refuse_with(CHAINS, "{\"test\": [[\"A\"], [\"B\"]]}", (fmpnn_settings){.chains = "A"},
                FMPNN_EINVAL, "--chains and --chain-id-jsonl exclude each other");
    refuse(OMIT, "{\"test\": {\"A\": [[[1], \"GJ\"]], \"B\": []}}", FMPNN_ESELECT,
           "'J' is not one of");
    refuse(OMIT, "{\"test\": {\"A\": [[[1], \"ACDEFGHIKLMNPQRSTVWY\"]], \"B\": []}}",
           FMPNN_EINVAL, "every letter is omitted at A2");
    refuse(BIAS, "{\"A\": \"x\"}", FMPNN_EFORMAT, "d.jsonl:1: |A: expected a number");
    refuse(BY_RES, "{\"test\": {\"A\": [[1]], \"B\": []}}", FMPNN_ESELECT,
           "1 rows for 9 residues");
    refuse(TIED, "{\"test\": [{\"A\": [1]}, {\"A\": [1], \"B\": [1]}]}", FMPNN_ESELECT,
           "chain A: position 1 is tied twice");
    refuse_with(TIED, "{\"test\": [{\"A\": [1], \"B\": [1]}]}",
                (fmpnn_settings){.tie = "A2=B2"}, FMPNN_ESELECT, "A2 is tied already");
    refuse(TIED, "{\"test\": [{\"A\": [[1, 2], [1]]}]}", FMPNN_ESELECT,
           "1 betas for 2 positions");
    refuse(PSSM, "{\"test\": {\"A\": {}, \"B\": {}}}", FMPNN_EINVAL,
           "--pssm-jsonl needs --pssm-weight");
    refuse_with(
        PSSM,
        "{\"test\": {\"A\": {}, \"B\": {\"pssm_coef\": [1, 1, 1, 1], \"pssm_bias\": "
        "[], \"pssm_log_odds\": []}}}",
        (fmpnn_settings){.pssm_weight = 1}, FMPNN_ESELECT,
        "chain B: expected pssm_coef, pssm_bias and pssm_log_odds of 4 residues");
    char row[128] = "[0", rows[1024] = "", text[4096];
    for (int a = 1; a < FMPNN_LETTERS; a++)
        strcat(row, ", 0");
    for (int n = 0; n < 4; n++)
        strcat(strcat(strcat(rows, n ? ", " : ""), row), "]");
    snprintf(
        text, sizeof text,
        "{\"test\": {\"A\": {}, \"B\": {\"pssm_coef\": [0, 1, 0, 0], \"pssm_bias\": [%s], "
        "\"pssm_log_odds\": [%s]}}}",
        rows, rows);
    refuse_with(PSSM, text, (fmpnn_settings){.pssm_weight = 1}, FMPNN_ESELECT,
                "chain B: position 2: |probabilities that do not sum to 0");

    fmpnn_dictionary_paths nowhere = {.omit_AA_jsonl = "/nowhere.jsonl"};
    fmpnn_dictionaries *read = NULL;
    fmpnn_error err = {""};
    assert_int_equal(fmpnn_dictionaries_read(&nowhere, &read, &err), FMPNN_EINVAL);
    assert_string_equal(err.message, "--omit_AA_jsonl: /nowhere.jsonl: no such file");
    assert_null(read);
}

/* ---- memory: the library's allocations and jansson's ---- */

static size_t left;  /* jansson's allocations until one fails; 0: none */
static size_t asked; /* which of the library's fails; 0: none */

static bool fails_now(void)
{
    return left && !--left;
}

static void *failing_malloc(size_t size)
{
    return fails_now() ? NULL : malloc(size);
}

static size_t fail_everywhere(void (*fail_at)(size_t n), size_t (*remaining)(void))
{
    static const char tied[] =
        "{\"test\": [{\"A\": [1], \"B\": [1]}, {\"A\": [5], \"B\": [2]}]}";
    size_t refused = 0;
    bool failed = true;
    write_text(tied);
    for (size_t n = 1; failed; n++) {
        fmpnn_dictionary_paths paths = paths_of(TIED);
        fmpnn_dictionaries *read = NULL;
        fmpnn_job *job = NULL;
        fmpnn_error err = {""};
        fmpnn_settings settings = none;
        fail_at(n);
        fmpnn_status status = fmpnn_dictionaries_read(&paths, &read, &err);
        settings.dictionaries = read;
        if (!status)
            status = fmpnn_job_create(st, &model, &settings, &job, &err);
        failed = remaining() == 0;
        fail_at(0);
        bool told =
            status == FMPNN_ENOMEM || (status == FMPNN_EFORMAT && left == 0 && !asked);
        if (status && !told) /* jansson's parser may take its own failure for bad JSON */
            fail_msg("allocation %zu: status %d: %s", n, status, err.message);
        refused += status != FMPNN_OK;
        assert_true(status == FMPNN_OK || failed);
        fmpnn_job_free(job);
        fmpnn_dictionaries_free(read);
    }
    return refused;
}

static void library_fails(size_t n)
{
    asked = n;
    fmpnn_alloc_fail_at(n);
}

static size_t library_left(void)
{
    return fmpnn_alloc_count() < asked ? 1 : 0;
}

static void jansson_fails(size_t n)
{
    left = n;
}

static size_t jansson_left(void)
{
    return left;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(fail_everywhere(library_fails, library_left) > 30);
    json_set_alloc_funcs(failing_malloc, free);
    asked = 0;
    size_t refused = fail_everywhere(jansson_fails, jansson_left);
    json_set_alloc_funcs(malloc, free);
    assert_true(refused > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinals_are_those_of_the_published_program),
        cmocka_unit_test(each_stands_for_a_text),
        cmocka_unit_test(rows_of_numbers),
        cmocka_unit_test(what_is_said),
        cmocka_unit_test(mistakes_are_refused_with_their_place),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("dictionaries", tests, build, clean);
}
