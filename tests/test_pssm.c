/* --pssm: whose row is whose, what tied members share, what is refused. */
#define _XOPEN_SOURCE 700 /* mkstemp */
#include "design/job.h"
#include "output/output.h"
#include "small_structure.h"
#include "structure/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A: 1 2 3; B: 5 7, the number 6 missing, and 7A after 7; C: 1. */
static small_structure small;
static fmpnn_model model;
static char path[] = "/tmp/fmpnn_pssm_XXXXXX";

enum { A1, A2, A3, B5, B7, B7A, C1, ROWS = 8 };

static int build(void **state)
{
    (void)state;
    small_begin(&small);
    small_chain(&small, "A", 1, "ACD");
    small_add(&small, "B", 5, ' ', 'E');
    small_add(&small, "B", 7, ' ', 'F');
    small_add(&small, "B", 7, 'A', 'G');
    small_chain(&small, "C", 1, "H");
    model.info.neighbours = 4;
    memset(model.digest, 'a', 64);
    if (fmpnn_ordinals_count(&small.st, NULL))
        return -1;
    int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int clean(void **state)
{
    (void)state;
    fmpnn_release(small.st.ordinals);
    return unlink(path);
}

/* Row n has coefficient coef[n] and all its weight on letter n. */
static void write_npz(size_t a, size_t b, const float coef[ROWS], float weight)
{
    float bias[ROWS][FMPNN_LETTERS] = {{0}};
    fmpnn_npz *npz = fmpnn_npz_create();
    fmpnn_text text;
    fmpnn_error err = {""};
    fmpnn_text_init(&text);
    size_t shape_a[] = {a, FMPNN_LETTERS}, shape_b[] = {b, FMPNN_LETTERS};
    for (size_t n = 0; n < ROWS; n++)
        bias[n][n] = weight;
    if (a) {
        fmpnn_npz_add(npz, "A_coef", 'f', 4, 1, shape_a, coef);
        fmpnn_npz_add(npz, "A_bias", 'f', 4, 2, shape_a, bias);
    }
    fmpnn_npz_add(npz, "B_coef", 'f', 4, 1, shape_b, coef);
    fmpnn_npz_add(npz, "B_bias", 'f', 4, 2, shape_b, bias);
    assert_int_equal(fmpnn_npz_finish(npz, &text, &err), FMPNN_OK);
    assert_int_equal(fmpnn_file_write(path, text.data, text.size, false, &err), FMPNN_OK);
    fmpnn_text_clear(&text);
    fmpnn_npz_free(npz);
}

static fmpnn_job *make(const char *tie, double weight)
{
    fmpnn_settings settings;
    fmpnn_error err = {""};
    fmpnn_job *job = NULL;
    fmpnn_settings_default(&settings);
    settings.pssm = path;
    settings.pssm_weight = weight;
    settings.tie = tie;
    if (fmpnn_job_create(&small.st, &model, &settings, &job, &err))
        fail_msg("%s", err.message);
    return job;
}

static void refuse(double weight, fmpnn_status status, const char *words)
{
    fmpnn_settings settings;
    fmpnn_error err = {""};
    fmpnn_job *job = NULL;
    fmpnn_settings_default(&settings);
    settings.pssm = path;
    settings.pssm_weight = weight;
    assert_int_equal(fmpnn_job_create(&small.st, &model, &settings, &job, &err), status);
    if (!strstr(err.message, words))
        fail_msg("'%s' is not in '%s'", words, err.message);
}

static const float ones[ROWS] = {1, 1, 1, 1, 1, 1, 1, 1};
static const float rising[ROWS] = {0, 0.25f, 0.5f, 0.75f, 1, 1, 1, 1};

static void expect_row(const fmpnn_job *job, size_t i, double coef, size_t letter, double p)
{
    assert_true(job->rules.pssm_coef[i] == coef);
    if (!(fabs(job->rules.pssm_bias[i * FMPNN_LETTERS + letter] - p) < 1e-6))
        fail_msg("residue %zu, letter %zu: %g, expected %g", i, letter,
                 job->rules.pssm_bias[i * FMPNN_LETTERS + letter], p);
}

static void rows_belong_to_residues_or_to_ordinals(void **state)
{
    (void)state;
    write_npz(3, 3, rising, 1);
    fmpnn_job *job = make(NULL, 0.4);
    assert_true(job->rules.pssm_multi == 0.4);
    expect_row(job, A2, 0.25, 1, 1);
    expect_row(job, B7, 0.25, 1, 1);
    expect_row(job, B7A, 0.5, 2, 1);
    assert_true(job->rules.pssm_coef[C1] == 0); /* not in the file */
    assert_non_null(strstr(fmpnn_job_echo(job), "\"pssm\":\"A2-3,B7-7A\""));
    fmpnn_job_free(job);
    write_npz(3, 4, rising, 1); /* 5, 6 missing, 7, 7A */
    job = make(NULL, 0.4);
    expect_row(job, B5, 0, 0, 1);
    expect_row(job, B7, 0.5, 2, 1);
    expect_row(job, B7A, 0.75, 3, 1);
    fmpnn_job_free(job);
}

static void tied_members_share_the_mean(void **state)
{
    (void)state;
    write_npz(3, 3, rising, 1);
    fmpnn_job *job = make("A2=A3", 1);
    expect_row(job, A2, 0.375, 1, 0.125 / 0.375);
    expect_row(job, A3, 0.375, 2, 0.25 / 0.375);
    expect_row(job, B7A, 0.5, 2, 1);
    fmpnn_job_free(job);
}

static void the_digest_notices(void **state)
{
    (void)state;
    char digest[65];
    write_npz(3, 3, ones, 1);
    fmpnn_job *job = make(NULL, 0.4);
    snprintf(digest, sizeof digest, "%s", fmpnn_job_digest(job));
    fmpnn_job_free(job);
    job = make(NULL, 0.5);
    assert_string_not_equal(digest, fmpnn_job_digest(job));
    fmpnn_job_free(job);
    write_npz(3, 3, ones, 0.9f);
    job = make(NULL, 0.4);
    assert_string_not_equal(digest, fmpnn_job_digest(job));
    fmpnn_job_free(job);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const float high[ROWS] = {1, 1.5f, 1};
    write_npz(3, 3, ones, 1);
    refuse(0, FMPNN_EINVAL, "--pssm-weight");
    refuse(1.5, FMPNN_EINVAL, "--pssm-weight");
    refuse((double)NAN, FMPNN_EINVAL, "--pssm-weight");
    write_npz(2, 3, ones, 1);
    refuse(0.5, FMPNN_ESELECT, "chain A has 2 rows, expected 3");
    write_npz(3, 5, ones, 1);
    refuse(0.5, FMPNN_ESELECT, "chain B has 5 rows, expected 3 (residues) or 4");
    write_npz(3, 3, ones, 0);
    refuse(0.5, FMPNN_EFORMAT, "row 1, of A1");
    write_npz(3, 3, ones, -1);
    refuse(0.5, FMPNN_EFORMAT, "row 1, of A1");
    write_npz(3, 3, high, 1);
    refuse(0.5, FMPNN_EFORMAT, "row 2, of A2");
    fmpnn_error err;
    assert_int_equal(fmpnn_file_write(path, "no zip", 6, false, &err), FMPNN_OK);
    refuse(0.5, FMPNN_ESELECT, "no array CHAIN_coef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_belong_to_residues_or_to_ordinals),
        cmocka_unit_test(tied_members_share_the_mean),
        cmocka_unit_test(the_digest_notices),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, build, clean);
}
