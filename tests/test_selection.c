/* Every form of naming residues, and every way of naming them wrongly. */
#include "design/selection.h"
#include "small_structure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static small_structure plain;  /* chains A (-5..3, 5..7, 10), B (codes), H (codes before) */
static small_structure many;   /* chains A, A1, AA, 1, 12: short forms with two readings */
static small_structure jumble; /* file order is not number order; placeholders */

static int build(void **state)
{
    (void)state;
    small_begin(&plain);
    small_chain(&plain, "A", -5, "ACDEFGHIK"); /* -5..3 */
    small_chain(&plain, "A", 5, "LMN");
    small_chain(&plain, "A", 10, "P");
    small_chain(&plain, "B", 81, "AC");
    small_add(&plain, "B", 82, 'A', 'D');
    small_add(&plain, "B", 82, 'B', 'E');
    small_chain(&plain, "B", 83, "FG");
    small_chain(&plain, "H", 99, "AC");
    small_add(&plain, "H", 100, 'A', 'D');
    small_add(&plain, "H", 100, 'K', 'E');
    small_chain(&plain, "H", 101, "F");

    small_begin(&many);
    small_chain(&many, "A", 0, "ACDEFGHIKLMNP"); /* 0..12 */
    small_chain(&many, "A1", 0, "ACD");
    small_chain(&many, "AA", 5, "ACDEF");
    small_chain(&many, "1", 1, "ACDEF");
    small_chain(&many, "12", 1, "AC");

    small_begin(&jumble);
    small_chain(&jumble, "A", 50, "ACD"); /* 50..52 */
    small_chain(&jumble, "A", 10, "EFG"); /* 10..12 */
    small_placeholder(&jumble, "A", 13);
    small_chain(&jumble, "A", 14, "HI"); /* 14, 15 */
    small_chain(&jumble, "N", 1, "A");   /* 1, 3, 2 */
    small_chain(&jumble, "N", 3, "C");
    small_chain(&jumble, "N", 2, "D");
    return 0;
}

typedef struct outcome {
    fmpnn_status status;
    fmpnn_error err;
    char text[400];  /* what was selected, told back */
    char notes[600]; /* codes and messages */
} outcome;

static outcome ask(const small_structure *small, const char *setting, bool chains)
{
    outcome result = {.status = FMPNN_OK};
    uint8_t chosen[SMALL_ROOM] = {0};
    fmpnn_notes notes = {0};
    fmpnn_selector s = {&small->st, "--fix", &notes, &result.err};
    fmpnn_text text;
    fmpnn_text_init(&text);
    result.status = (chains ? fmpnn_select_chains : fmpnn_select)(&s, setting, chosen);
    fmpnn_selection_print(&small->st, chosen, 20, &text);
    snprintf(result.text, sizeof result.text, "%s", text.data ? text.data : "");
    for (size_t n = 0; n < notes.count; n++) {
        size_t used = strlen(result.notes);
        snprintf(result.notes + used, sizeof result.notes - used, "[%s] %s ",
                 notes.warning[n].code, notes.warning[n].message);
    }
    fmpnn_text_clear(&text);
    fmpnn_notes_clear(&notes);
    return result;
}

static void expect_as(const small_structure *small, const char *setting, bool chains,
                      const char *wanted)
{
    outcome result = ask(small, setting, chains);
    if (result.status)
        fail_msg("%s: %s", setting, result.err.message);
    assert_string_equal(result.text, wanted);
}

static void expect(const char *setting, const char *wanted)
{
    expect_as(&plain, setting, false, wanted);
}

/* Fails with this status, names the option first, and says each of the words ("a|b"). */
static void refuse_as(const small_structure *small, const char *setting, bool chains,
                      fmpnn_status status, const char *words)
{
    outcome result = ask(small, setting, chains);
    char word[200];
    if (result.status != status)
        fail_msg("'%s': status %d (%s), selected %s", setting, result.status,
                 result.err.message, result.text);
    assert_memory_equal(result.err.message, "--fix: ", 7);
    for (size_t size; *words; words += size + (words[size] == '|')) {
        size = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)size, words);
        if (!strstr(result.err.message, word))
            fail_msg("'%s': '%s' is not in '%s'", setting, word, result.err.message);
    }
}

static void refuse(const char *setting, fmpnn_status status, const char *words)
{
    refuse_as(&plain, setting, false, status, words);
}

static void test_short_forms(void **state)
{
    (void)state;
    expect("A10", "A10");
    expect("A1-3", "A1-3");
    expect("B82A", "B82A");
    expect("B82-82B", "B82-82B");
    expect("H100-100K", "H100-100K");
    expect("A-5", "A-5");
    expect("A-5--1", "A-5--1");
    expect("A-1-2", "A-1-2");
    expect("A0", "A0");
    expect("B", "B81-84");
    expect("A-5..-1", "A-5--1");
}

static void test_long_forms(void **state)
{
    (void)state;
    expect("A:10", "A10");
    expect("A:-5..-1", "A-5--1");
    expect("A:-5--1", "A-5--1");
    expect("B:82A", "B82A");
    expect("H:100..100K", "H100-100K");
    expect("H:", "H99-101");
    expect_as(&many, "A1:0..1,AA:5,1:2,12:1,A:12", false, "A:12,A1:0..1,AA:5,1:2,12:1");
}

static void test_lists(void **state)
{
    (void)state;
    expect("A1,A2 B81\t,, \n H99", "A1-2,B81,H99");
    expect("A3,A1,A3", "A1,A3");
    expect("A,B82A", "A-5-10,B82A");
    expect("", "");
    assert_true(fmpnn_items_none(NULL) && fmpnn_items_none(" ,\t") &&
                !fmpnn_items_none("A"));
}

/* File order between both ends, whatever the numbers; placeholders are not residues. */
static void test_file_order(void **state)
{
    (void)state;
    expect_as(&jumble, "A51-11", false, "A51-11");
    expect_as(&jumble, "A12-14", false, "A12-14");
    expect_as(&jumble, "A", false, "A50-15");
    expect_as(&jumble, "N1-3", false, "N1-3"); /* not 2, which stands behind */
    expect_as(&jumble, "N1-2", false, "N1-2"); /* with 3, which stands between */
    refuse_as(&jumble, "A10-51", false, FMPNN_ESELECT, "A10-51|backwards");
    refuse_as(&jumble, "A13", false, FMPNN_ESELECT, "A13|nearest: A12");
}

static void test_ranges_with_holes(void **state)
{
    (void)state;
    outcome result = ask(&plain, "A2-6", false);
    assert_string_equal(result.text, "A2-6"); /* 4 is missing between them */
    assert_string_equal(result.notes, "[range-missing] --fix: A2-6 covers numbers that the "
                                      "structure lacks: 4 ");
    result = ask(&plain, "A4-30", false); /* both ends missing */
    assert_string_equal(result.text, "A5-10");
    assert_non_null(strstr(result.notes, "lacks: 4, 8..9, 11..30 "));
    result = ask(&plain, "A-9--4", false);
    assert_string_equal(result.text, "A-5--4");
    assert_non_null(strstr(result.notes, "lacks: -9..-6 "));
    result = ask(&plain, "B82A-83", false);
    assert_string_equal(result.text, "B82A-83");
    assert_string_equal(result.notes, "");
    result = ask(&plain, "A", false);
    assert_string_equal(result.notes, ""); /* a chain is what is there */
    result = ask(&jumble, "A12-14", false);
    assert_non_null(strstr(result.notes, "lacks: 13 "));
    refuse("A20-30", FMPNN_ESELECT, "A20-30|no residue|nearest: A10");
    refuse("A30-20", FMPNN_ESELECT, "backwards");
    refuse("A3-1", FMPNN_ESELECT, "A3-1|backwards");
}

static void test_absent(void **state)
{
    (void)state;
    refuse("A900", FMPNN_ESELECT, "A900|not in the structure|nearest: A10");
    refuse("A4", FMPNN_ESELECT, "A4|nearest: A3");
    refuse("A-50", FMPNN_ESELECT, "nearest: A-5");
    refuse("B82C", FMPNN_ESELECT, "B82C|nearest: B82B");
    refuse("B81,A4", FMPNN_ESELECT, "A4");
    refuse("Z10", FMPNN_ESELECT, "chain 'Z'|A, B, H");
    refuse("Z", FMPNN_ESELECT, "chain 'Z'|A, B, H");
    refuse("ZZ:5..9", FMPNN_ESELECT, "chain 'ZZ'|A, B, H");
    refuse("a10", FMPNN_ESELECT, "chain 'a'|A, B, H"); /* case counts */
}

static void test_malformed(void **state)
{
    (void)state;
    const char *const wrong[] = {"10",   "10-20",  "A1-",          "A1-B2", "A-", "A1--",
                                 "A1.5", "A1x2",   "A:x",          ":5",    ":",  "A1..",
                                 "-5",   "A1-2-3", "A99999999999", "A+5",   "*",  "A1=B1"};
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++)
        refuse(wrong[n], FMPNN_EINVAL, "write A10, A10-25, B82A");
}

static void test_two_readings(void **state)
{
    (void)state;
    refuse_as(&many, "A10", false, FMPNN_ESELECT, "A10|2 ways|A:10|A1:0");
    refuse_as(&many, "A1", false, FMPNN_ESELECT, "A1|2 ways|A:1|A1:");
    refuse_as(&many, "AA5", false, FMPNN_ESELECT, "AA5|colon|AA:5");
    refuse_as(&many, "15", false, FMPNN_ESELECT, "15|colon|1:5");
    refuse_as(&many, "11-3", false, FMPNN_ESELECT, "11-3|colon|1:1..3");
    refuse_as(&many, "12", false, FMPNN_ESELECT, "12|2 ways|1:2|12:");
    expect_as(&many, "A5", false, "A:5");
    expect_as(&many, "AA", false, "AA:5..9");
    expect_as(&many, "1", false, "1:1..5");
    expect_as(&many, "A1:", false, "A1:0..2");
}

static void test_chains(void **state)
{
    (void)state;
    expect_as(&plain, "A,H", true, "A-5-10,H99-101");
    expect_as(&many, "A1 12:", true, "A1:0..2,12:1..2");
    refuse_as(&plain, "A10", true, FMPNN_ESELECT, "chain 'A10'|A, B, H");
    refuse_as(&plain, "A,Q", true, FMPNN_ESELECT, "chain 'Q'|A, B, H");
}

/* A file of items is read as the items themselves. */
static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/fmpnn_selection_XXXXXX", setting[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs("# loop\nA1-3, B82A # and a turn, not H99\r\nA10\n#last", file);
    fclose(file);
    snprintf(setting, sizeof setting, "H99,@%s A-5", path);
    expect(setting, "A-5,A1-3,A10,B82A,H99");

    snprintf(setting, sizeof setting, "@%s", path);
    file = fopen(path, "w");
    fputs("A1 A900\n", file);
    fclose(file);
    refuse(setting, FMPNN_ESELECT, "A900|nearest");
    file = fopen(path, "w");
    fputs("# nothing\n", file);
    fclose(file);
    refuse(setting, FMPNN_EINVAL, "names nothing");
    file = fopen(path, "w");
    fputs("A1 @/etc/passwd\n", file);
    fclose(file);
    refuse(setting, FMPNN_EINVAL, "names another file");
    file = fopen(path, "w");
    fwrite("A1\0A2", 5, 1, file);
    fclose(file);
    refuse(setting, FMPNN_EINVAL, "not a text file");
    unlink(path);
    refuse(setting, FMPNN_EIO, path);
    refuse("@", FMPNN_EIO, "");
}

/* What is printed can be read again, and long lists are cut. */
static void test_print(void **state)
{
    (void)state;
    uint8_t chosen[SMALL_ROOM];
    fmpnn_text text;
    fmpnn_text_init(&text);
    for (size_t i = 0; i < plain.st.length; i++)
        chosen[i] = i % 2 == 0;
    fmpnn_selection_print(&plain.st, chosen, 3, &text);
    assert_string_equal(text.data, "A-5,A-3,A-1 and 9 more");
    fmpnn_text_clear(&text);
    for (unsigned seed = 1; seed < 200; seed++) {
        const small_structure *small = seed % 3 == 0   ? &many
                                       : seed % 3 == 1 ? &plain
                                                       : &jumble;
        uint8_t again[SMALL_ROOM] = {0};
        fmpnn_selector s = {&small->st, "--fix", NULL, NULL};
        for (size_t i = 0; i < small->st.length; i++)
            chosen[i] = !small->residue[i].placeholder && (seed * (i + 7) / 3 + i) % 3 != 0;
        fmpnn_selection_print(&small->st, chosen, 1000, &text);
        assert_int_equal(fmpnn_select(&s, text.data, again), FMPNN_OK);
        assert_memory_equal(chosen, again, small->st.length);
        fmpnn_text_clear(&text);
    }
    fmpnn_chains_print(&many.st, " ", 3, &text);
    assert_string_equal(text.data, "A A1 AA and 2 more");
    fmpnn_text_clear(&text);
}

/* Each allocation failing once is reported, and nothing leaks (seen by the sanitizers). */
static void test_out_of_memory(void **state)
{
    (void)state;
    outcome result;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        fmpnn_alloc_fail_at(n);
        result = ask(&plain, "A1-3,A2-6,B", false);
        failed = n <= fmpnn_alloc_count();
        fmpnn_alloc_fail_at(0);
        assert_true(result.status == FMPNN_OK || result.status == FMPNN_ENOMEM);
        assert_true(n > 1 || result.status == FMPNN_ENOMEM);
        assert_true(n < 100);
    }
    assert_string_equal(result.text, "A1-6,B81-84");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_long_forms),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_file_order),
        cmocka_unit_test(test_ranges_with_holes),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_two_readings),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, build, NULL);
}
