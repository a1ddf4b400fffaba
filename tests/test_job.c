/* Jobs: who is designed, what is omitted and biased, what is tied, what the digest notices. */
#include "design/job.h"
#include "design/order.h"
#include "small_structure.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A and B: one sequence, B lacks residue 4. C: numbered on, another sequence of A's length.
 * D: shorter. B3 lacks its O. */
static small_structure dimer;
static fmpnn_model model, ca_model;

static int build(void **state)
{
    (void)state;
    small_begin(&dimer);
    small_chain(&dimer, "A", 1, "ACDEFGHI");
    small_chain(&dimer, "B", 1, "ACD");
    small_chain(&dimer, "B", 5, "FGHI");
    small_chain(&dimer, "C", 101, "KLMNPQRS");
    small_chain(&dimer, "D", 1, "WYX");
    small_lose(&dimer.residue[10], FMPNN_ATOM_O); /* B3 */
    model.info.neighbours = 6;
    memset(model.digest, 'a', 64);
    ca_model = model;
    ca_model.info.ca_only = true;
    return 0;
}

enum { A1 = 0, B1 = 8, B3 = 10, B5 = 11, C101 = 15, D1 = 23, D3 = 25, LENGTH = 26 };

static fmpnn_job *make_of(const small_structure *small, const fmpnn_settings *settings)
{
    fmpnn_error err = {""};
    fmpnn_job *job = NULL;
    fmpnn_status status = fmpnn_job_create(&small->st, &model, settings, &job, &err);
    if (status)
        fail_msg("%s: %s", fmpnn_status_text(status), err.message);
    return job;
}

static fmpnn_job *make(fmpnn_settings settings)
{
    return make_of(&dimer, &settings);
}

/* Refused with this status; the message holds each of the words ("a|b"). */
static void refuse(fmpnn_settings settings, fmpnn_status status, const char *words)
{
    fmpnn_error err = {""};
    fmpnn_job *job = NULL;
    fmpnn_status got = fmpnn_job_create(&dimer.st, &model, &settings, &job, &err);
    char word[100];
    if (got != status)
        fail_msg("status %d instead of %d: %s", got, status, err.message);
    assert_null(job);
    for (size_t size; *words; words += size + (words[size] == '|')) {
        size = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)size, words);
        if (!strstr(err.message, word))
            fail_msg("'%s' is not in '%s'", word, err.message);
    }
    assert_int_equal(fmpnn_job_create(&dimer.st, &model, &settings, &job, NULL), status);
}

static void expect_echo(const fmpnn_job *job, const char *key, const char *wanted)
{
    json_t *echo = json_loads(fmpnn_job_echo(job), 0, NULL);
    assert_non_null(echo);
    const char *value = json_string_value(json_object_get(echo, key));
    assert_non_null(value);
    assert_string_equal(value, wanted);
    json_decref(echo);
}

static const char *warning_of(const fmpnn_job *job, const char *code)
{
    for (size_t n = 0; n < fmpnn_job_warning_count(job); n++)
        if (!strcmp(fmpnn_job_warning(job, n).code, code))
            return fmpnn_job_warning(job, n).message;
    return "";
}

static size_t count_designed(const fmpnn_job *job)
{
    size_t count = 0;
    for (size_t i = 0; i < fmpnn_job_length(job); i++)
        count += fmpnn_job_position(job, i).designed;
    return count;
}

/* ---- who is designed ---- */

static void test_defaults(void **state)
{
    (void)state;
    fmpnn_job *job = make_of(&dimer, NULL);
    assert_int_equal(fmpnn_job_length(job), LENGTH);
    assert_int_equal(count_designed(job), LENGTH - 1);
    fmpnn_position b3 = fmpnn_job_position(job, B3);
    assert_true(!b3.resolved && !b3.designed && b3.in_designed_chain);
    assert_int_equal(b3.native, 2);
    assert_int_equal(b3.group, -1);
    assert_true(b3.weight == 1 && b3.residue == &dimer.residue[B3]);
    assert_int_equal(fmpnn_job_position(job, D3).native, 20);
    assert_non_null(strstr(warning_of(job, "unresolved-designed"), "B3"));
    assert_ptr_equal(fmpnn_job_structure(job), &dimer.st);
    assert_ptr_equal(fmpnn_job_model(job), &model);
    assert_int_equal(job->graph->K, 6);
    assert_int_equal(job->rules.groups, LENGTH);
    assert_int_equal(job->fixed_count, 1);
    expect_echo(job, "reading", "author");
    expect_echo(job, "chains", "A,B,C,D");
    expect_echo(job, "designed", "A1-8,B1-2,B5-8,C101-108,D1-3");
    expect_echo(job, "fixed", "");
    expect_echo(job, "unresolved", "B3");
    expect_echo(job, "omit", "X");
    expect_echo(job, "bias", "");
    expect_echo(job, "tie", "");
    fmpnn_job_free(job);
    fmpnn_job_free(NULL);
}

static void test_designed(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.chains = "A,C", .fix = "A2,B,C101-103"});
    expect_echo(job, "chains", "A,C");
    expect_echo(job, "designed", "A1,A3-8,C104-108");
    expect_echo(job, "fixed", "A2,B1-2,B5-8,C101-103,D1-3");
    assert_string_equal(warning_of(job, "unresolved-designed"), "");
    assert_false(fmpnn_job_position(job, B1).in_designed_chain);
    fmpnn_job_free(job);

    job = make((fmpnn_settings){.redesign = "A2-4,B1", .fix = "A3"}); /* fix wins */
    expect_echo(job, "designed", "A2,A4,B1");
    expect_echo(job, "chains", "A,B,C,D");
    fmpnn_job_free(job);

    refuse((fmpnn_settings){.chains = "A", .redesign = "A1,B2"}, FMPNN_ESELECT,
           "--redesign|B2|--chains A");
    refuse((fmpnn_settings){.chains = "A", .fix = "A"}, FMPNN_ESELECT, "nothing to design");
    refuse((fmpnn_settings){.redesign = "B3"}, FMPNN_ESELECT, "nothing to design");
    refuse((fmpnn_settings){.chains = "Q"}, FMPNN_ESELECT, "--chains|'Q'|A, B, C, D");
    refuse((fmpnn_settings){.chains = "A1"}, FMPNN_ESELECT, "--chains|'A1'");
    refuse((fmpnn_settings){.fix = "A99"}, FMPNN_ESELECT, "--fix|A99|A8");
    refuse((fmpnn_settings){.redesign = "10"}, FMPNN_EINVAL, "--redesign|'10'");
}

static void test_numbers_out_of_range(void **state)
{
    (void)state;
    refuse((fmpnn_settings){.seed = (uint64_t)1 << 53}, FMPNN_EINVAL,
           "--seed|9007199254740991");
    refuse((fmpnn_settings){.noise = -0.1}, FMPNN_EINVAL, "--noise");
    refuse((fmpnn_settings){.noise = NAN}, FMPNN_EINVAL, "--noise");
    refuse((fmpnn_settings){.noise = 1e9}, FMPNN_EINVAL, "--noise");
    fmpnn_job *job = make((fmpnn_settings){.seed = ((uint64_t)1 << 53) - 1});
    assert_true(fmpnn_job_seed(job) == 9007199254740991u);
    assert_non_null(strstr(fmpnn_job_echo(job), "\"seed\":9007199254740991"));
    fmpnn_job_free(job);
}

/* A file of CA atoms serves the CA-only model alone, and the message says so. */
static void test_ca_only(void **state)
{
    (void)state;
    static small_structure trace;
    fmpnn_error err;
    fmpnn_job *job = NULL;
    small_begin(&trace);
    small_chain(&trace, "A", 1, "ACDEF");
    for (size_t i = 0; i < 5; i++)
        for (int atom = 0; atom < 4; atom++)
            if (atom != FMPNN_ATOM_CA)
                small_lose(&trace.residue[i], atom);
    assert_int_equal(fmpnn_job_create(&trace.st, &model, NULL, &job, &err), FMPNN_EFORMAT);
    assert_non_null(strstr(err.message, "--weights ca"));
    assert_int_equal(fmpnn_job_create(&trace.st, &ca_model, NULL, &job, &err), FMPNN_OK);
    assert_int_equal(count_designed(job), 5);
    assert_true(job->graph->ca_only);
    fmpnn_job_free(job);
    small_lose(&trace.residue[0], -1);
    trace.st.length = 1;
    assert_int_equal(fmpnn_job_create(&trace.st, &ca_model, NULL, &job, &err),
                     FMPNN_EFORMAT);
    assert_non_null(strstr(err.message, "no residue has a CA atom"));
}

/* ---- omissions and biases ---- */

static bool omitted(const fmpnn_job *job, size_t i, char letter)
{
    return job->rules
        .omit[i * 21 + (size_t)(strchr(fmpnn_alphabet(), letter) - fmpnn_alphabet())];
}

static double bias_of(const fmpnn_job *job, size_t i, char letter)
{
    return job->rules
        .bias[i * 21 + (size_t)(strchr(fmpnn_alphabet(), letter) - fmpnn_alphabet())];
}

static void test_omit(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.omit = "C,MW A5-7:GP,C:101..102:A,B:Y"});
    for (size_t i = 0; i < LENGTH; i++) {
        bool a57 = i >= 4 && i <= 6, c = i == C101 || i == C101 + 1,
             b = i >= B1 && i < C101;
        assert_true(omitted(job, i, 'X') && omitted(job, i, 'C') && omitted(job, i, 'M'));
        assert_true(omitted(job, i, 'W') && !omitted(job, i, 'D'));
        assert_int_equal(omitted(job, i, 'G'), a57);
        assert_int_equal(omitted(job, i, 'P'), a57);
        assert_int_equal(omitted(job, i, 'A'), c);
        assert_int_equal(omitted(job, i, 'Y'), b);
    }
    expect_echo(job, "omit",
                "A1-4:CMWX,A5-7:CGMPWX,A8:CMWX,B1-2:CMWYX,B5-8:CMWYX,C101-102:ACMWX,"
                "C103-108:CMWX,D1-3:CMWX");
    fmpnn_job_free(job);

    refuse((fmpnn_settings){.omit = "A5-9"}, FMPNN_EINVAL, "--omit|A5-9|A5-9:GP");
    refuse((fmpnn_settings){.omit = "c"}, FMPNN_EINVAL, "--omit|'c'|ACDEFGHIKLMNPQRSTVWYX");
    refuse((fmpnn_settings){.omit = "A1:"}, FMPNN_EINVAL, "--omit");
    refuse((fmpnn_settings){.omit = ":G"}, FMPNN_EINVAL, "--omit");
    refuse((fmpnn_settings){.omit = "A:5:B"}, FMPNN_EINVAL, "letters");
    refuse((fmpnn_settings){.omit = "A99:G"}, FMPNN_ESELECT, "--omit|A99|A8");
    refuse((fmpnn_settings){.omit = "Q1:G"}, FMPNN_ESELECT, "--omit|'Q'|A, B, C, D");
    refuse((fmpnn_settings){.omit = "ACDEFGHIKLMNPQRSTVWY"}, FMPNN_EINVAL,
           "every letter is omitted at A1");
    refuse((fmpnn_settings){.omit = "ACDEFGHIKL,C105:MNPQRSTVWY"}, FMPNN_EINVAL,
           "every letter is omitted at C105");
    /* at a fixed residue it does not matter */
    job = make((fmpnn_settings){.omit = "ACDEFGHIKL,C105:MNPQRSTVWY", .fix = "C105"});
    fmpnn_job_free(job);
}

/* Chains whose names need a colon: the last colon separates the letters. */
static void test_omit_long_names(void **state)
{
    (void)state;
    static small_structure long_names;
    small_begin(&long_names);
    small_chain(&long_names, "AA", 5, "ACDEF");
    small_chain(&long_names, "A1", 1, "ACDEF");
    fmpnn_job *job =
        make_of(&long_names, &(fmpnn_settings){.omit = "AA:5..6:G,A1::P,A1:2:H"});
    assert_true(omitted(job, 0, 'G') && omitted(job, 1, 'G') && !omitted(job, 2, 'G'));
    assert_true(omitted(job, 5, 'P') && omitted(job, 9, 'P') && !omitted(job, 4, 'P'));
    assert_true(omitted(job, 6, 'H') && !omitted(job, 5, 'H'));
    expect_echo(job, "designed", "AA:5..9,A1:1..5");
    fmpnn_job_free(job);
}

static void test_bias(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.bias = "A=-1.1,A2:P=2 A2-3:A=0.5,B:DE=1e-1"});
    assert_true(bias_of(job, 0, 'A') == -1.1 && bias_of(job, C101, 'A') == -1.1);
    assert_true(bias_of(job, 1, 'P') == 2 && bias_of(job, 2, 'P') == 0);
    assert_true(bias_of(job, 1, 'A') == -1.1 + 0.5); /* everywhere and here add up */
    assert_true(bias_of(job, B1, 'D') == 0.1 && bias_of(job, B1, 'E') == 0.1);
    assert_true(bias_of(job, C101, 'D') == 0);
    fmpnn_job_free(job);
    job = make((fmpnn_settings){.bias = "A=-1.1,G=2"});
    expect_echo(job, "bias", "A=-1.1,G=2.0");
    fmpnn_job_free(job);
    job = make((fmpnn_settings){.bias = "A2-3:GP=2"});
    expect_echo(job, "bias", "A2-3:G=2.0,A2-3:P=2.0");
    fmpnn_job_free(job);
    job = make((fmpnn_settings){.bias = " "});
    assert_null(job->rules.bias);
    fmpnn_job_free(job);

    refuse((fmpnn_settings){.bias = "A"}, FMPNN_EINVAL, "--bias|'A'|=VALUE");
    refuse((fmpnn_settings){.bias = "A=x"}, FMPNN_EINVAL, "--bias");
    refuse((fmpnn_settings){.bias = "A=inf"}, FMPNN_EINVAL, "--bias");
    refuse((fmpnn_settings){.bias = "A=1e300"}, FMPNN_EINVAL, "--bias");
    refuse((fmpnn_settings){.bias = "=1"}, FMPNN_EINVAL, "--bias|letters");
    refuse((fmpnn_settings){.bias = "A12=1"}, FMPNN_EINVAL, "--bias|A12:P=2");
    refuse((fmpnn_settings){.bias = "A12:P=1"}, FMPNN_ESELECT, "--bias|A12|A8");
}

/* ---- ties ---- */

/* Group of model position i as the rules hold it, "0 8": members in listed order. */
static void expect_group(const fmpnn_job *job, uint32_t i, const char *wanted)
{
    const fmpnn_rules *rules = &job->rules;
    char text[200] = "";
    uint32_t g = rules->group_of[i];
    for (uint32_t m = rules->start[g]; m < rules->start[g + 1]; m++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", *text ? " " : "",
                 rules->member[m]);
    assert_string_equal(text, wanted);
}

/* Every residue stands in one group, and groups are what group_of says. */
static void check_rules(const fmpnn_job *job)
{
    const fmpnn_rules *rules = &job->rules;
    int seen[SMALL_ROOM] = {0};
    assert_int_equal(rules->start[0], 0);
    assert_int_equal(rules->start[rules->groups], rules->L);
    for (uint32_t g = 0; g < rules->groups; g++) {
        assert_true(rules->start[g] < rules->start[g + 1]);
        for (uint32_t m = rules->start[g]; m < rules->start[g + 1]; m++) {
            assert_int_equal(rules->group_of[rules->member[m]], g);
            assert_int_equal(rules->designed[rules->member[m]],
                             rules->designed[rules->member[rules->start[g]]]);
            seen[rules->member[m]]++;
        }
    }
    for (size_t i = 0; i < rules->L; i++)
        assert_int_equal(seen[i], 1);
}

static void test_tie_chains_by_number(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.tie = "B=A"});
    check_rules(job);
    expect_group(job, A1, "8 0"); /* as listed: B first */
    expect_group(job, B5, "11 4");
    expect_group(job, 3, "3"); /* A4 has no partner */
    expect_group(job, 2, "2"); /* A3: B3 lacks an atom */
    expect_group(job, B3, "10");
    assert_non_null(strstr(warning_of(job, "tie-missing"), "A4"));
    assert_non_null(strstr(warning_of(job, "tie-unresolved-dropped"), "B3"));
    assert_int_equal(fmpnn_job_position(job, A1).group, 0);
    assert_int_equal(fmpnn_job_position(job, B1).group, 0);
    assert_int_equal(fmpnn_job_position(job, 2).group, -1);
    assert_int_equal(fmpnn_job_position(job, 4).group, 2);
    expect_echo(job, "tie", "B1-2=A1-2,B5-8=A5-8");
    fmpnn_job_free(job);
}

static void test_tie_chains_by_order(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.tie = "A=C"});
    check_rules(job);
    expect_group(job, A1, "0 15");
    expect_group(job, 7, "7 22");
    assert_non_null(strstr(warning_of(job, "tie-by-order"), "A=C"));
    fmpnn_job_free(job);
    /* B follows A's numbers and C its order; what A lacks would still tie the others */
    job = make((fmpnn_settings){.tie = "A=B=C"});
    check_rules(job);
    expect_group(job, A1, "0 8 15");
    expect_group(job, 3, "3 18");
    expect_group(job, 4, "4 11 19");
    expect_group(job, 2, "2 17"); /* without B3 */
    assert_non_null(strstr(warning_of(job, "tie-missing"), "A4,C104"));
    fmpnn_job_free(job);
    refuse((fmpnn_settings){.tie = "C=B"}, FMPNN_ESELECT, "--tie|C=B|8 residues against 7");
    refuse((fmpnn_settings){.tie = "C=D"}, FMPNN_ESELECT, "8 residues against 3");
}

static void test_tie_ranges_and_weights(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.tie = "A1-3=A6-8 C101*1=C103*-0.5,C105=C106"});
    check_rules(job);
    expect_group(job, 0, "0 5");
    expect_group(job, 7, "2 7");
    expect_group(job, C101, "15 17");
    assert_true(job->rules.weight[C101] == 1 && job->rules.weight[C101 + 2] == -0.5);
    assert_true(job->rules.weight[0] == 1);
    assert_string_equal(warning_of(job, "tie-by-order"), "");
    expect_echo(job, "tie", "A1-3=A6-8,C101=C103*-0.5,C105=C106");
    fmpnn_job_free(job);

    /* by offset: B4 is missing, so A3 and C103 stay together */
    job = make((fmpnn_settings){.tie = "A2-4=B3-5=C102-104"});
    check_rules(job);
    expect_group(job, 1, "1 16"); /* and B3, which lacks its O */
    expect_group(job, 2, "2 17");
    expect_group(job, 3, "3 11 18");
    assert_non_null(strstr(warning_of(job, "tie-missing"), "A3,C103"));
    fmpnn_job_free(job);

    /* widths differ, counts agree: file order */
    job = make((fmpnn_settings){.tie = "A1-3=B2-5"});
    check_rules(job);
    expect_group(job, 2, "2 11");
    assert_non_null(strstr(warning_of(job, "tie-by-order"), "A1-3=B2-5"));
    fmpnn_job_free(job);

    /* a member left alone loses its weight with its group */
    job = make((fmpnn_settings){.tie = "B3=A3*-0.5"});
    assert_true(job->rules.weight[2] == 1);
    assert_int_equal(fmpnn_job_position(job, 2).group, -1);
    fmpnn_job_free(job);
}

static void test_tie_mistakes(void **state)
{
    (void)state;
    refuse((fmpnn_settings){.tie = "A1=B1,C101=A1"}, FMPNN_ESELECT,
           "--tie|A1 is tied already");
    refuse((fmpnn_settings){.tie = "A=A"}, FMPNN_ESELECT, "A1 is tied already");
    refuse((fmpnn_settings){.tie = "A1-4=A3-6"}, FMPNN_ESELECT, "A3 is tied already");
    refuse((fmpnn_settings){.tie = "A1-3=C101-102"}, FMPNN_ESELECT, "3 residues against 2");
    refuse((fmpnn_settings){.tie = "A"}, FMPNN_EINVAL, "'A' ties nothing|A=B");
    refuse((fmpnn_settings){.tie = "A="}, FMPNN_EINVAL, "--tie");
    refuse((fmpnn_settings){.tie = "=A"}, FMPNN_EINVAL, "--tie");
    refuse((fmpnn_settings){.tie = "A==B"}, FMPNN_EINVAL, "--tie");
    refuse((fmpnn_settings){.tie = "A*x=B"}, FMPNN_EINVAL, "A*x|*WEIGHT");
    refuse((fmpnn_settings){.tie = "A*=B"}, FMPNN_EINVAL, "*WEIGHT");
    refuse((fmpnn_settings){.tie = "A*1e99=B"}, FMPNN_EINVAL, "*WEIGHT");
    refuse((fmpnn_settings){.tie = "A=Q"}, FMPNN_ESELECT, "'Q'|A, B, C, D");
    refuse((fmpnn_settings){.tie = "A1=B99"}, FMPNN_ESELECT, "B99|B8");
}

/* A fixed member forces its letter on the group, which is then fixed. */
static void test_forced_letters(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.tie = "A=C", .fix = "C101,A2,D"});
    check_rules(job);
    fmpnn_position a1 = fmpnn_job_position(job, A1),
                   c102 = fmpnn_job_position(job, C101 + 1);
    assert_true(!a1.designed && !c102.designed);
    assert_int_equal(a1.native, 0);             /* the file's letter stays known */
    assert_int_equal(job->rules.native[A1], 8); /* K of C101 */
    assert_int_equal(job->rules.native[C101], 8);
    assert_int_equal(job->rules.native[C101 + 1], 1); /* C of A2 */
    assert_int_equal(a1.group, fmpnn_job_position(job, C101).group);
    assert_true(a1.group >= 0);
    expect_group(job, A1, "0"); /* no draw is shared any more */
    assert_non_null(strstr(warning_of(job, "tie-forced"), "A1,C102"));
    expect_echo(job, "fixed", "A1-2,C101-102,D1-3");
    assert_non_null(strstr(fmpnn_job_echo(job), "\"tie\":\"A1-8=C101-108\""));
    fmpnn_job_free(job);

    refuse((fmpnn_settings){.tie = "A=C", .fix = "A3,C103"}, FMPNN_ESELECT,
           "A3 (D)|C103 (M)|differ");
    refuse((fmpnn_settings){.tie = "A=C", .chains = "A"}, FMPNN_ESELECT,
           "nothing to design");
    job = make((fmpnn_settings){.tie = "A=B", .fix = "A1,B1"}); /* one letter twice */
    assert_int_equal(job->rules.native[B1], 0);
    fmpnn_job_free(job);
    /* a fixed residue of unknown letter has none to force */
    job = make((fmpnn_settings){.tie = "D3=A3=C103", .fix = "D3"});
    expect_group(job, 2, "2 17");
    assert_non_null(strstr(warning_of(job, "tie-unknown-dropped"), "D3"));
    fmpnn_job_free(job);
}

/* Members share the mean of their biases and the union of their omissions. */
static void test_tied_letters(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){
        .tie = "A1=B1=C101", .omit = "A1:G,B1:P", .bias = "A1:D=3,C101:D=-1.5,C102:D=4"});
    const size_t member[] = {A1, B1, C101};
    for (size_t n = 0; n < 3; n++) {
        assert_true(omitted(job, member[n], 'G') && omitted(job, member[n], 'P'));
        assert_true(bias_of(job, member[n], 'D') == 0.5);
    }
    assert_false(omitted(job, 1, 'G'));
    assert_true(bias_of(job, C101 + 1, 'D') == 4);
    fmpnn_job_free(job);
    refuse((fmpnn_settings){.tie = "A1=B1", .omit = "A1:ACDEFGHIK,B1:LMNPQRSTVWY"},
           FMPNN_EINVAL, "every letter is omitted at A1");
}

static void test_symmetry(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.symmetry = "homooligomer"});
    check_rules(job);
    expect_group(job, A1, "0 8 15"); /* B by sequence, C by length; D stays alone */
    expect_group(job, D1, "23");
    fmpnn_job_free(job);
    job = make((fmpnn_settings){.symmetry = "homooligomer", .chains = "A,B"});
    expect_group(job, A1, "0 8");
    expect_group(job, C101, "15");
    expect_echo(job, "tie", "A1-2=B1-2,A5-8=B5-8");
    fmpnn_job_free(job);
    job = make(
        (fmpnn_settings){.symmetry = "homooligomer", .chains = "A,B,D", .tie = "D1=D2"});
    expect_group(job, A1, "0 8");
    fmpnn_job_free(job);
    refuse((fmpnn_settings){.symmetry = "homooligomer", .chains = "A,D"}, FMPNN_ESELECT,
           "--symmetry|no two designed chains");
    refuse((fmpnn_settings){.symmetry = "C2"}, FMPNN_EINVAL,
           "--symmetry|'C2'|homooligomer");
    refuse((fmpnn_settings){.symmetry = "homooligomer", .tie = "A1=A2"}, FMPNN_ESELECT,
           "--symmetry|A1 is tied already");
}

/* ---- model order, noise ---- */

/* Original reading: designed chains sorted, then the others; the index runs on. */
static void test_original_order(void **state)
{
    (void)state;
    static small_structure old;
    small_begin(&old);
    small_chain(&old, "b", 5, "ACD");
    small_chain(&old, "A", 1, "EF");
    small_placeholder(&old, "A", 3);
    small_chain(&old, "A", 4, "G");
    small_chain(&old, "7", 1, "HI");
    small_chain(&old, "C", 1, "KL");
    old.st.reading = FMPNN_READING_ORIGINAL;
    fmpnn_settings settings = {.chains = "b,A", .fix = "A1", .redesign = "A2-4,b"};
    fmpnn_job *job = make_of(&old, &settings);
    const uint32_t residue[] = {3, 4, 5, 6, 0, 1, 2, 7, 8, 9, 10};
    const int32_t chain[] = {1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4};
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(job->inputs->residue_of[i], residue[i]);
        assert_int_equal(job->inputs->chain[i], chain[i]);
        assert_int_equal(job->inputs->index[i], (int)i + 100 * (chain[i] - 1));
        assert_int_equal(job->in_designed_chain[i], i < 7);
        assert_int_equal(job->designed[i], i < 7 && i != 0 && i != 2);
    }
    assert_int_equal(job->inputs->native[2], 20);
    assert_non_null(strstr(warning_of(job, "range-missing"), "lacks: 3"));
    assert_string_equal(warning_of(job, "unresolved-designed"), "");
    expect_echo(job, "reading", "original");
    expect_echo(job, "chains", "b,A");
    expect_echo(job, "designed", "b5-7,A2-4");
    fmpnn_job_free(job);

    /* noise belongs to the residue, wherever the order puts it */
    fmpnn_job *a = make_of(&old, &(fmpnn_settings){.noise = 0.3});
    fmpnn_job *b = make_of(&old, &(fmpnn_settings){.noise = 0.3, .chains = "b"});
    assert_int_equal(a->inputs->residue_of[8], 0); /* b, last of all chains */
    assert_int_equal(b->inputs->residue_of[0], 0); /* b, the only one designed */
    assert_memory_equal(a->graph->xyz + (size_t)8 * 12, b->graph->xyz, 12 * sizeof(float));
    fmpnn_job_free(b);
    fmpnn_job_free(a);

    fmpnn_inputs *inputs;
    assert_int_equal(fmpnn_inputs_create(&old.st, NULL, 0, false, &inputs, NULL), FMPNN_OK);
    assert_int_equal(inputs->residue_of[0], 7); /* all designed: digits before letters */
    assert_int_equal(inputs->residue_of[2], 3);
    fmpnn_inputs_free(inputs);
}

static void test_author_inputs(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.chains = "C"});
    for (size_t i = 0; i < LENGTH; i++) {
        assert_int_equal(job->inputs->residue_of[i], i);
        assert_int_equal(job->inputs->index[i], dimer.residue[i].index);
        assert_int_equal(job->inputs->chain[i], dimer.residue[i].chain_id + 1);
    }
    const float *o = job->inputs->xyz + (B3 * 4 + FMPNN_ATOM_O) * 3;
    assert_true(isnan(o[0]) && !isnan(o[-1]));
    assert_true(job->inputs->mask[B3] == 0 && job->inputs->mask[B3 + 1] == 1);
    assert_true(job->graph->xyz[(B3 * 4 + FMPNN_ATOM_O) * 3] == 0);
    fmpnn_job_free(job);
}

/* Noise has the standard deviation asked for, is drawn once for a seed, and leaves what is
 * absent absent; the choice of chains does not change it. */
static void test_noise(void **state)
{
    (void)state;
    fmpnn_job *still = make((fmpnn_settings){.seed = 1});
    fmpnn_job *job = make((fmpnn_settings){.seed = 1, .noise = 0.5});
    fmpnn_job *again =
        make((fmpnn_settings){.seed = 1, .noise = 0.5, .chains = "C", .fix = "C101"});
    fmpnn_job *other = make((fmpnn_settings){.seed = 2, .noise = 0.5});
    const size_t n = (size_t)LENGTH * 12;
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        double moved = (double)job->graph->xyz[i] - still->graph->xyz[i];
        bool absent = i / 3 == B3 * 4 + FMPNN_ATOM_O;
        if (i >= 12 && !absent) /* no two residues move alike */
            assert_true(fabs(moved - ((double)job->graph->xyz[i - 12] -
                                      still->graph->xyz[i - 12])) > 1e-5);
        assert_int_equal(moved == 0, absent);
        square += moved * moved;
    }
    assert_true(fabs(square / ((double)n - 3) / 0.25 - 1) < 5 * sqrt(2.0 / (double)n));
    assert_memory_equal(job->graph->xyz, again->graph->xyz, n * sizeof(float));
    assert_memory_not_equal(job->graph->xyz, other->graph->xyz, n * sizeof(float));
    assert_memory_equal(job->graph->mask, still->graph->mask, LENGTH * sizeof(float));
    fmpnn_job_free(other);
    fmpnn_job_free(again);
    fmpnn_job_free(job);
    fmpnn_job_free(still);
}

/* Decoding orders of a job with everything at once. */
static void test_order(void **state)
{
    (void)state;
    fmpnn_job *job = make((fmpnn_settings){.tie = "A=C", .fix = "A3,B", .seed = 5});
    fmpnn_stream stream;
    uint32_t order[LENGTH], first[LENGTH], rank[LENGTH];
    size_t shared = 0;
    assert_true(fmpnn_stream_init(&stream, 5, dimer.st.digest, 0.1));
    fmpnn_order_native(job, &stream, 1, first, &shared);
    assert_int_equal(shared, LENGTH - count_designed(job));
    assert_int_equal(count_designed(job), 17); /* A, C without one each, D */
    for (uint64_t sample = 2; sample < 50; sample++) {
        fmpnn_order_native(job, &stream, sample, order, NULL);
        assert_memory_equal(order, first, shared * sizeof *order);
        fmpnn_order_rank(LENGTH, order, rank);
        for (size_t t = 0; t < LENGTH; t++)
            assert_int_equal(job->designed[order[t]], t >= shared);
        for (size_t i = 0; i < 8; i++)
            assert_true(i == 2 || rank[C101 + i] == rank[i] + 1);
    }
    fmpnn_job_free(job);
}

/* ---- digest ---- */

static void digest_of(fmpnn_settings settings, const fmpnn_model *of, char digest[65])
{
    fmpnn_job *job = NULL;
    assert_int_equal(fmpnn_job_create(&dimer.st, of, &settings, &job, NULL), FMPNN_OK);
    assert_int_equal(strlen(fmpnn_job_digest(job)), 64);
    memcpy(digest, fmpnn_job_digest(job), 65);
    fmpnn_job_free(job);
}

static void test_digest(void **state)
{
    (void)state;
    const fmpnn_settings base = {.chains = "A,B", .seed = 3};
    fmpnn_settings changed[] = {base, base, base, base, base, base, base, base, base};
    char first[65], other[65];
    digest_of(base, &model, first);
    changed[0].seed = 4;
    changed[1].noise = 0.1;
    changed[2].fix = "A1";
    changed[3].omit = "C";
    changed[4].bias = "C=1";
    changed[5].tie = "A1=A2";
    changed[6].tie = "A1=A2*2";
    changed[7].chains = "A,C";
    changed[8].tie = "A2=A1";
    char seen[10][65];
    memcpy(seen[9], first, sizeof first);
    for (size_t n = 0; n < 9; n++) {
        digest_of(changed[n], &model, seen[n]);
        assert_string_not_equal(seen[n], first);
        for (size_t k = 0; k < n; k++)
            assert_string_not_equal(seen[n], seen[k]);
    }
    /* other words, same thing */
    const fmpnn_settings same[] = {
        {.chains = "B A", .seed = 3},
        {.redesign = "B,A1-8", .chains = "A,B", .seed = 3},
        {.chains = "A,B", .omit = "X", .bias = "G=0", .fix = "B3", .seed = 3},
        {.chains = "A,B", .tie = " ", .noise = -0.0, .seed = 3},
    };
    for (size_t n = 0; n < sizeof same / sizeof *same; n++) {
        digest_of(same[n], &model, other);
        assert_string_equal(other, first);
    }
    fmpnn_model tuned = model;
    tuned.digest[0] = 'b';
    digest_of(base, &tuned, other);
    assert_string_not_equal(other, first);
    dimer.residue[0].letter = 'G';
    digest_of(base, &model, other);
    dimer.residue[0].letter = 'A';
    assert_string_not_equal(other, first);
    dimer.st.digest[5] = '0';
    digest_of(base, &model, other);
    dimer.st.digest[5] = 'd';
    assert_string_not_equal(other, first);
    dimer.residue[0].index--;
    digest_of(base, &model, other);
    dimer.residue[0].index++;
    assert_string_not_equal(other, first);
    digest_of(base, &model, other);
    assert_string_equal(other, first);
}

/* The echo of a job, given as settings, makes the same job. */
static void test_echo_is_language(void **state)
{
    (void)state;
    fmpnn_settings settings = {.chains = "A,B,D",
                               .fix = "A2,D1",
                               .omit = "C,A5-7:GP",
                               .bias = "A=-1.1,B1:P=0.1",
                               .tie = "A4-8=B4-8*-0.25",
                               .seed = 9,
                               .noise = 0.1};
    fmpnn_job *job = make(settings);
    json_t *echo = json_loads(fmpnn_job_echo(job), 0, NULL);
    fmpnn_settings again = {
        .chains = json_string_value(json_object_get(echo, "chains")),
        .redesign = json_string_value(json_object_get(echo, "designed")),
        .omit = json_string_value(json_object_get(echo, "omit")),
        .bias = json_string_value(json_object_get(echo, "bias")),
        .tie = json_string_value(json_object_get(echo, "tie")),
        .seed = (uint64_t)json_integer_value(json_object_get(echo, "seed")),
        .noise = json_real_value(json_object_get(echo, "noise")),
    };
    fmpnn_job *copy = make(again);
    assert_string_equal(fmpnn_job_echo(copy), fmpnn_job_echo(job));
    assert_memory_equal(copy->tie_group, job->tie_group, LENGTH * sizeof *job->tie_group);
    assert_memory_equal(copy->tie_weight, job->tie_weight,
                        LENGTH * sizeof *job->tie_weight);
    for (size_t i = 0; i < LENGTH; i++)
        for (size_t a = 0; a < 21 && job->designed[i]; a++) {
            assert_int_equal(job->rules.omit[i * 21 + a], copy->rules.omit[i * 21 + a]);
            assert_true(job->rules.bias[i * 21 + a] == copy->rules.bias[i * 21 + a]);
        }
    json_decref(echo);
    fmpnn_job_free(copy);
    fmpnn_job_free(job);
}

/* ---- memory ---- */

static void test_out_of_memory(void **state)
{
    (void)state;
    fmpnn_settings settings = {.chains = "A,B,C,D",
                               .fix = "A2-3",
                               .omit = "C,A5-7:GP",
                               .bias = "A=-1.1,B1:P=2",
                               .tie = "D1=D2*0.5",
                               .symmetry = "homooligomer",
                               .noise = 0.1};
    size_t refused = 0;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        fmpnn_job *job = NULL;
        fmpnn_error err = {""};
        fmpnn_alloc_fail_at(n);
        fmpnn_status status = fmpnn_job_create(&dimer.st, &model, &settings, &job, &err);
        failed = n <= fmpnn_alloc_count();
        fmpnn_alloc_fail_at(0);
        /* text that only an error message needs may be missing */
        assert_true(status == FMPNN_OK || (failed && status == FMPNN_ENOMEM));
        assert_int_equal(status == FMPNN_OK, job != NULL);
        if (status)
            assert_non_null(strstr(err.message, "memory"));
        refused += status != FMPNN_OK;
        fmpnn_job_free(job);
    }
    assert_true(refused > 40);
}

/* Freeing a job frees what a backend made for it. */
static fmpnn_encoding *freed;

static void free_encoding(fmpnn_encoding *encoding)
{
    freed = encoding;
}

static void test_free_encoding(void **state)
{
    (void)state;
    static int something;
    const fmpnn_backend backend = {.encoding_free = free_encoding};
    fmpnn_job *job = make_of(&dimer, NULL);
    job->encoded_by = &backend;
    job->encoding = (fmpnn_encoding *)&something;
    fmpnn_job_free(job);
    assert_ptr_equal(freed, &something);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_designed),
        cmocka_unit_test(test_numbers_out_of_range),
        cmocka_unit_test(test_ca_only),
        cmocka_unit_test(test_omit),
        cmocka_unit_test(test_omit_long_names),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_tie_chains_by_number),
        cmocka_unit_test(test_tie_chains_by_order),
        cmocka_unit_test(test_tie_ranges_and_weights),
        cmocka_unit_test(test_tie_mistakes),
        cmocka_unit_test(test_forced_letters),
        cmocka_unit_test(test_tied_letters),
        cmocka_unit_test(test_symmetry),
        cmocka_unit_test(test_original_order),
        cmocka_unit_test(test_author_inputs),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_echo_is_language),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_free_encoding),
    };
    return cmocka_run_group_tests(tests, build, NULL);
}
