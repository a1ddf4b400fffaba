/* Results as files: exact text, equal bytes, resuming, and what is left after failures. Jobs and
 * samples are made by hand, in an original reading's order (chains sorted), so that model order
 * and file order differ. */
#define _GNU_SOURCE
#include "design/job.h"
#include "kernels/kernels.h"
#include "output/record.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zip.h>

#include <cmocka.h>

/* ---- a job by hand ---- */

enum { L = 8, A = 21 };

/* File order: B 10 10A 11, A -1 0 1, C 5 6. Model order: A, B, C. A0 is not resolved. */
static const struct {
    char chain, icode;
    int number;
    const char *name;
} residues[L] = {{'B', ' ', 10, "MET"}, {'B', 'A', 10, "THR"}, {'B', ' ', 11, "LYS"},
                 {'A', ' ', -1, "GLY"}, {'A', ' ', 0, "VAL"},  {'A', ' ', 1, "LEU"},
                 {'C', ' ', 5, "TRP"},  {'C', ' ', 6, "TYR"}};
static uint32_t residue_of[L] = {3, 4, 5, 0, 1, 2, 6, 7};
static uint8_t native[L], resolved[L] = {1, 0, 1, 1, 1, 1, 1, 1};
static uint8_t designed[L] = {1, 0, 1, 0, 1, 0, 0, 0};
static uint8_t in_designed[L] = {1, 1, 1, 1, 1, 1, 0, 0};
static int32_t tie_group[L] = {-1, -1, -1, -1, -1, -1, -1, -1};
static double tie_weight[L] = {1, 1, 1, 1, 1, 1, 1, 1};
static fmpnn_warning warning = {"tie-missing", "B10A: \xc3\x84hnlich"};
static fmpnn_structure *structure;
static fmpnn_inputs inputs = {.L = L, .residue_of = residue_of, .native = native};
static fmpnn_model model;
static struct fmpnn_context context;
static fmpnn_job job;
static char folder[64]; /* in memory where possible: every file is flushed to the disk */

static uint8_t code(char letter)
{
    return (uint8_t)(strchr(fmpnn_alphabet(), letter) - fmpnn_alphabet());
}

/* The residues as a PDB file; A0 has its CA alone. */
static fmpnn_status make_structure(fmpnn_error *err)
{
    static const char *const atom[] = {"N", "CA", "C", "O"};
    fmpnn_text text;
    int serial = 0;
    fmpnn_text_init(&text);
    for (int i = 0; i < L; i++)
        for (int a = 0; a < 4; a++)
            if (i != 4 || a == 1)
                fmpnn_text_print(&text,
                                 "ATOM  %5d  %-3s %s %c%4d%c   %8.3f%8.3f%8.3f  1.00 50.00"
                                 "           %c\n",
                                 ++serial, atom[a], residues[i].name, residues[i].chain,
                                 residues[i].number, residues[i].icode, 3.8 * i + a,
                                 1.0 * (a % 2), 0.5 * a, atom[a][0]);
    fmpnn_text_print(&text, "END\n");
    fmpnn_status status =
        fmpnn_structure_parse("st.pdb", text.data, text.size, NULL, &structure, err);
    fmpnn_text_clear(&text);
    return status;
}

static int make_job(void **state)
{
    (void)state;
    fmpnn_error err;
    if (make_structure(&err)) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    memset(model.digest, 'c', 64);
    model.info.digest = model.digest;
    model.info.name = "vanilla/v_48_020";
    context.isa = "generic";
    context.precision = "fp32";
    context.backend = &fmpnn_backend_cpu;
    context.kernels = fmpnn_kernels_for("generic", NULL);
    for (size_t i = 0; i < L; i++)
        native[i] = code(structure->residue[residue_of[i]].letter);
    job = (fmpnn_job){.st = structure,
                      .model = &model,
                      .inputs = &inputs,
                      .resolved = resolved,
                      .designed = designed,
                      .in_designed_chain = in_designed,
                      .tie_group = tie_group,
                      .tie_weight = tie_weight,
                      .seed = 37,
                      .echo = "{\"designed\":\"B10A,A-1,A1\"}",
                      .warning = &warning,
                      .warning_count = 1};
    memset(job.digest, 'd', 64);
    snprintf(folder, sizeof folder, "%s/fmpnn-output-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    return mkdtemp(folder) ? 0 : -1;
}

static fmpnn_sample sample_store[64];
static uint8_t letter_store[64][L];
static float log_store[L * A];
static double probs_store[64][L * A];

/* Samples first .. first+n-1; letters are a function of (T, number) alone. */
static fmpnn_samples make_samples(double T, uint64_t first, size_t n)
{
    for (size_t i = 0; i < L * A; i++)
        log_store[i] = (float)log(0.01 * (double)(1 + i % 7));
    for (size_t s = 0; s < n; s++) {
        uint64_t number = first + s;
        for (size_t i = 0; i < L; i++)
            letter_store[s][i] =
                designed[i] ? (uint8_t)((number + i + (uint64_t)(10 * T)) % 20) : native[i];
        for (size_t i = 0; i < L * A; i++)
            probs_store[s][i] = 1.0 / (double)(1 + i + s);
        sample_store[s] = (fmpnn_sample){.number = number,
                                         .letters = letter_store[s],
                                         .log_probs = log_store,
                                         .sampling_probs = probs_store[s],
                                         .score = 1.25 + (double)number / 1000,
                                         .global_score = NAN,
                                         .confidence = exp(-1.25),
                                         .ligand_confidence = NAN,
                                         .recovery = 1.0 / 3,
                                         .designed = 3,
                                         .mutations = 2};
    }
    return (fmpnn_samples){
        .count = n, .length = L, .temperature = T, .seed = 37, .sample = sample_store};
}

/* ---- helpers ---- */

static const char plan[] = "{\"temperatures\":[0.1,0.5],\"first\":1,\"n\":2}";

static char *place(const char *name)
{
    static char path[8][512];
    static int next;
    char *text = path[next++ % 8];
    snprintf(text, sizeof path[0], "%s/%s", folder, name);
    return text;
}

static char *contents(const char *path, size_t *size)
{
    unsigned char *bytes;
    size_t count;
    fmpnn_error err = {""};
    if (fmpnn_file_read_gz(path, 1 << 24, &bytes, &count, &err))
        fail_msg("%s", err.message);
    if (size)
        *size = count;
    return (char *)bytes;
}

static void assert_same_file(const char *a, const char *b)
{
    unsigned char *one, *two;
    size_t n, m;
    assert_int_equal(fmpnn_file_read(a, 1 << 24, &one, &n, NULL), FMPNN_OK);
    assert_int_equal(fmpnn_file_read(b, 1 << 24, &two, &m, NULL), FMPNN_OK);
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
    fmpnn_release(one);
    fmpnn_release(two);
}

static fmpnn_run_options options_for(const char *path, fmpnn_existing existing)
{
    fmpnn_run_options options;
    fmpnn_run_options_default(&options);
    options.path = path;
    options.existing = existing;
    options.arguments = "[\"design\",\"x.pdb\"]";
    return options;
}

static void must(fmpnn_status status, const fmpnn_error *err)
{
    if (status)
        fail_msg("status %d: %s", status, err->message);
}

/* Samples of both temperatures of `plan`. */
static fmpnn_status add_planned(fmpnn_run *run, fmpnn_error *err)
{
    fmpnn_samples samples = make_samples(0.1, 1, 2);
    fmpnn_status status = fmpnn_run_add_samples(run, &samples, err);
    if (status)
        return status;
    samples = make_samples(0.5, 1, 2);
    return fmpnn_run_add_samples(run, &samples, err);
}

static fmpnn_status one_structure(fmpnn_run *run, const char *name, bool *done,
                                  fmpnn_error *err)
{
    fmpnn_status status =
        fmpnn_run_begin_structure(run, name, &job, &context, plan, done, err);
    if (status || *done)
        return status;
    status = add_planned(run, err);
    if (status) {
        fmpnn_run_drop_structure(run);
        return status;
    }
    return fmpnn_run_end_structure(run, err);
}

/* A design of `n` structures named by `names`; `made` counts those that were computed. */
static fmpnn_status design(const fmpnn_run_options *options, const char *const *names,
                           size_t n, size_t *made, fmpnn_error *err)
{
    fmpnn_run *run;
    bool done;
    fmpnn_status status = fmpnn_run_open(options, &run, err);
    if (status)
        return status;
    for (size_t s = 0; !status && s < n; s++) {
        done = false;
        status = one_structure(run, names[s], &done, err);
        if (made)
            *made += !status && !done;
    }
    if (!status)
        return fmpnn_run_close(run, err);
    fmpnn_run_close(run, NULL);
    return status;
}

static const char *const three[] = {"1abc", "2xyz", "3def"};

/* Names under a folder, recursively, counted. */
static size_t count_files(const char *path)
{
    char command[600];
    size_t n = 0;
    snprintf(command, sizeof command, "find %s -type f 2>/dev/null | wc -l", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu", &n), 1);
    pclose(pipe);
    return n;
}

/* The settings digest as records show it. */
static void settings_of(const char *text, char settings[13])
{
    const char *found = strstr(text, " settings=");
    assert_non_null(found);
    snprintf(settings, 13, "%.12s", found + 10);
}

/* ---- text ---- */

static void fasta_is_exact(void **state)
{
    (void)state;
    fmpnn_error err;
    char settings[13], expected[4096];
    fmpnn_run_options options = options_for(place("exact.fa"), FMPNN_EXISTING_REFUSE);
    options.with_native = true;
    must(design(&options, (const char *const[]){"my protein"}, 1, NULL, &err), &err);
    char *text = contents(options.path, NULL);
    settings_of(text, settings);
    int used =
        snprintf(expected, sizeof expected,
                 ">my_protein_native score=nan chains=B:A model=vanilla/v_48_020 "
                 "weights=cccccccccccc on=cpu/%s/fp32 version=%s settings=%s\nMTK:GL\n",
                 fmpnn_context_isa(&context), fmpnn_version(), settings);
    /* letters: code (number + model position + 10 T) % 20 at A-1 (0), A1 (2), B10A (4) */
    static const char *const T[] = {"0.1", "0.1", "0.5", "0.5"};
    static const char *const sequence[] = {"MHK:DF", "MIK:EG", "MMK:HK", "MNK:IL"};
    for (int s = 0; s < 4; s++)
        used +=
            snprintf(expected + used, sizeof expected - (size_t)used,
                     ">my_protein_T%s_s%d T=%s sample=%d seed=37 score=1.25%d0 "
                     "global_score=nan recovery=0.3333 chains=B:A model=vanilla/v_48_020 "
                     "weights=cccccccccccc on=cpu/%s/fp32 version=%s settings=%s\n%s\n",
                     T[s], s % 2 + 1, T[s], s % 2 + 1, s % 2 + 1,
                     fmpnn_context_isa(&context), fmpnn_version(), settings, sequence[s]);
    assert_string_equal(text, expected);
    fmpnn_release(text);
}

static void sequences_take_forms(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run_options options = options_for(place("forms.fa"), FMPNN_EXISTING_REFUSE);
    options.all_chains = true;
    options.separator = "/";
    options.gaps_as = 'X';
    must(design(&options, three, 1, NULL, &err), &err);
    char *text = contents(options.path, NULL);
    assert_non_null(strstr(text, "\nMHK/DXF/WY\n"));
    assert_non_null(strstr(text, " chains=B:A:C "));
    fmpnn_release(text);
    options.separator = "A";
    assert_int_equal(design(&options, three, 1, NULL, &err), FMPNN_EINVAL);
}

static void tables_have_their_columns(void **state)
{
    (void)state;
    fmpnn_error err;
    static const char header[] =
        "id\tname\tT\tsample\tseed\tscore\tglobal_score\tconfidence\trecovery\tn_designed\t"
        "n_mut\tmutations\tsequence\tchains\tnative_score\tmodel\tweights\tprecision\t"
        "settings\ton\tversion\tligand_confidence\n"
        "1abc_T0.1_s1\t1abc\t0.1\t1\t37\t1.251000\tnan\t0.286505\t0.333333\t3\t2\t"
        "B:T10AH,A:G-1D,A:L1F\tMHK:DF\tB:A\tnan\tvanilla/v_48_020\tcccccccccccc\tfp32\t";
    fmpnn_run_options options = options_for(place("exact.tsv"), FMPNN_EXISTING_REFUSE);
    must(design(&options, three, 2, NULL, &err), &err);
    char *text = contents(options.path, NULL);
    assert_memory_equal(text, header, sizeof header - 1);
    assert_null(strstr(text + 10, "id\tname")); /* one header for both structures */
    fmpnn_release(text);
}

static void json_lines_carry_the_fields(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run_options options = options_for(place("exact.jsonl.gz"), FMPNN_EXISTING_REFUSE);
    must(design(&options, three, 1, NULL, &err), &err);
    char *text = contents(options.path, NULL);
    *strchr(text, '\n') = '\0';
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "id")), "1abc_T0.1_s1");
    assert_true(json_is_null(json_object_get(object, "global_score")));
    assert_true(json_real_value(json_object_get(object, "score")) == 1.251);
    assert_int_equal(json_object_size(object), FMPNN_DESIGN_COUNT);
    assert_non_null(strstr(text, "\"T\":0.1,\"sample\":1,\"seed\":37,\"score\":1.251,"));
    json_decref(object);
    fmpnn_release(text);
}

static void scores_become_a_table(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    bool done;
    const fmpnn_score_result result = {.score = 1.5,
                                       .score_se = 0.25,
                                       .global_score = -0.0,
                                       .global_score_se = NAN,
                                       .confidence = 0.5,
                                       .recovery = 1,
                                       .designed = 3};
    fmpnn_run_options options = options_for(place("score.tsv"), FMPNN_EXISTING_REFUSE);
    options.verb = "score";
    for (int again = 0; again < 2; again++) {
        must(fmpnn_run_open(&options, &run, &err), &err);
        must(fmpnn_run_begin_structure(run, "1abc", &job, &context,
                                       "{\"orders\":10,\"sequences\":2}", &done, &err),
             &err);
        assert_int_equal(done, again);
        if (!done) {
            must(fmpnn_run_add_score(run, "native", NULL, 10, &result, &err), &err);
            must(fmpnn_run_add_score(run, "own name", NULL, 10, &result, &err), &err);
            must(fmpnn_run_end_structure(run, &err), &err);
        }
        must(fmpnn_run_close(run, &err), &err);
        options.existing = FMPNN_EXISTING_RESUME;
    }
    char *text = contents(options.path, NULL);
    assert_non_null(strstr(text, "\n1abc_native\t1abc\t1.500000\t0.250000\t0.000000\tnan\t"
                                 "0.500000\t1.000000\t3\t0\t10\t37\tMTK:GL\tB:A\t"));
    assert_non_null(strstr(text, "\nown name\t1abc\t"));
    fmpnn_release(text);
    /* another number of orders is another result */
    must(fmpnn_run_open(&options, &run, &err), &err);
    assert_int_equal(fmpnn_run_begin_structure(run, "1abc", &job, &context,
                                               "{\"orders\":20,\"sequences\":2}", &done,
                                               &err),
                     FMPNN_EEXIST);
    assert_non_null(strstr(err.message, "other settings"));
    must(fmpnn_run_close(run, &err), &err);
    options.path = place("score.fa");
    assert_int_equal(fmpnn_run_open(&options, &run, &err), FMPNN_EINVAL);
}

/* ---- npz ---- */

/* A stored member of a zip, found by walking the local headers; its .npy header is checked. */
static const unsigned char *npy(const unsigned char *zip, size_t size, const char *name,
                                const char *descr, const char *shape)
{
    char member[64], expected[160];
    snprintf(member, sizeof member, "%s.npy", name);
    snprintf(expected, sizeof expected,
             "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    for (size_t at = 0; at + 30 < size && !memcmp(zip + at, "PK\3\4", 4);) {
        const unsigned char *h = zip + at;
        size_t stored =
            h[18] | (size_t)h[19] << 8 | (size_t)h[20] << 16 | (size_t)h[21] << 24;
        size_t name_size = h[26] | (size_t)h[27] << 8, extra = h[28] | (size_t)h[29] << 8;
        const unsigned char *data = h + 30 + name_size + extra;
        assert_int_equal(h[8] | h[9], 0); /* stored */
        assert_int_equal(h[10] | h[11] | (h[12] << 8 | h[13] << 16),
                         0x2100); /* 1 Jan 1980 */
        if (name_size == strlen(member) && !memcmp(h + 30, member, name_size)) {
            assert_memory_equal(data, "\x93NUMPY\1\0", 8);
            size_t header = data[8] | (size_t)data[9] << 8;
            assert_int_equal((header + 10) % 64, 0);
            assert_memory_equal(data + 10, expected, strlen(expected));
            assert_int_equal(data[10 + header - 1], '\n');
            return data + 10 + header;
        }
        at += 30 + name_size + extra + stored;
    }
    fail_msg("no member %s", member);
    return NULL;
}

static void probabilities_become_arrays(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    bool done;
    float log_p[2 * L * A], value;
    int32_t number;
    uint32_t letter;
    for (size_t i = 0; i < 2 * L * A; i++)
        log_p[i] = -(float)i;
    log_p[A] = NAN; /* A0 is not resolved */
    fmpnn_run_options options = options_for(place("p.npz"), FMPNN_EXISTING_REFUSE);
    options.verb = "probs";
    must(fmpnn_run_open(&options, &run, &err), &err);
    must(fmpnn_run_begin_structure(run, "1abc", &job, &context, "{\"orders\":2}", &done,
                                   &err),
         &err);
    must(fmpnn_run_add_probs(run, FMPNN_PROBS_AUTOREGRESSIVE, NULL, 2, log_p, &err), &err);
    must(fmpnn_run_end_structure(run, &err), &err);
    assert_int_equal(fmpnn_run_begin_structure(run, "2abc", &job, &context,
                                               "{\"orders\":2}", &done, &err),
                     FMPNN_EINVAL);
    must(fmpnn_run_close(run, &err), &err);
    size_t size;
    unsigned char *zip = (unsigned char *)contents(options.path, &size);
    const unsigned char *data = npy(zip, size, "log_p", "<f4", "(2,8,21,)");
    memcpy(&value, data, 4); /* first of the file: B10, model position 3 */
    assert_true(value == -3.0f * A);
    memcpy(&value, data + 4 * (L * A + 3 * A + 5), 4); /* second order, A-1, letter 5 */
    assert_true(value == -(float)(L * A + 5));
    memcpy(&value, data + 4 * (4 * A), 4);
    assert_true(isnan(value));
    memcpy(&number, npy(zip, size, "resnum", "<i4", "(8,)") + 4 * 3, 4);
    assert_int_equal(number, -1);
    memcpy(&letter, npy(zip, size, "chain", "<U1", "(8,)") + 4 * 3, 4);
    assert_int_equal(letter, 'A');
    memcpy(&letter, npy(zip, size, "icode", "<U1", "(8,)") + 4, 4);
    assert_int_equal(letter, 'A');
    memcpy(&letter, npy(zip, size, "alphabet", "<U1", "(21,)") + 4 * 20, 4);
    assert_int_equal(letter, 'X');
    assert_memory_equal(npy(zip, size, "designed", "|b1", "(8,)"), "\0\1\0\1\0\1\0\0", 8);
    memcpy(&letter, npy(zip, size, "mode", "<U14", "()") + 4, 4);
    assert_int_equal(letter, 'u');
    fmpnn_release(zip);

    options.path = place("p.tsv");
    must(fmpnn_run_open(&options, &run, &err), &err);
    must(fmpnn_run_begin_structure(run, "1abc", &job, &context, "{\"orders\":2}", &done,
                                   &err),
         &err);
    must(fmpnn_run_add_probs(run, FMPNN_PROBS_AUTOREGRESSIVE, NULL, 2, log_p, &err), &err);
    must(fmpnn_run_end_structure(run, &err), &err);
    must(fmpnn_run_close(run, &err), &err);
    char *text = contents(options.path, NULL);
    assert_non_null(strstr(text, "\n1abc\t1\tB\t10\tA\tT\t1\t-84.000000\t-85.000000\t"));
    assert_non_null(strstr(text, "\n1abc\t2\tA\t0\t\tV\t0\t-189.000000\t"));
    fmpnn_release(text);
}

/* ---- folders ---- */

static void folders_are_complete_and_equal(void **state)
{
    (void)state;
    fmpnn_error err;
    const char *name[] = {"seqs/1abc.fa",
                          "tables/1abc.tsv",
                          "probs/1abc.npz",
                          "seqs/3def.fa",
                          "backbones/1abc_T0.5_s2.pdb",
                          "backbones/3def_T0.1_s1.pdb",
                          "tables/2xyz.tsv"};
    for (int again = 0; again < 2; again++) {
        fmpnn_run_options options =
            options_for(place(again ? "tree2" : "tree1"), FMPNN_EXISTING_REFUSE);
        options.save_probs = true;
        options.backbones = "pdb";
        setenv("TZ", again ? "Pacific/Auckland" : "UTC", 1);
        tzset();
        must(design(&options, three, 3, NULL, &err), &err);
    }
    for (size_t n = 0; n < sizeof name / sizeof name[0]; n++) {
        char one[600], two[600];
        snprintf(one, sizeof one, "%s/%s", place("tree1"), name[n]);
        snprintf(two, sizeof two, "%s/%s", place("tree2"), name[n]);
        assert_same_file(one, two);
    }
    size_t size;
    unsigned char *zip = (unsigned char *)contents(place("tree1/probs/1abc.npz"), &size);
    float value;
    int64_t number;
    memcpy(&value, npy(zip, size, "probs", "<f4", "(4,8,21,)") + 4 * (L * A), 4);
    assert_true(value == (float)(1.0 / (1 + 3 * A + 1))); /* sample 2, B10 */
    memcpy(&number, npy(zip, size, "sample", "<i8", "(4,)") + 8, 8);
    assert_int_equal(number, 2);
    npy(zip, size, "log_probs", "<f4", "(4,8,21,)");
    npy(zip, size, "T", "<f8", "(4,)");
    memcpy(&value, npy(zip, size, "S", "<i4", "(4,8,)"), 4);
    fmpnn_release(zip);
    char *text = contents(place("tree1/backbones/1abc_T0.1_s1.pdb"), NULL);
    /* B10A is model position 4, letter H (6): row 4*21+6 = 90, 90 % 7 = 6, p 0.07 */
    const char *ca = strstr(text, "CA  HIS B  10A");
    assert_non_null(ca);
    assert_memory_equal(ca + 47, "  0.07", 6);
    ca = strstr(text, "CA  VAL A   0 ");
    assert_non_null(ca);
    assert_memory_equal(ca + 47, "  0.00", 6);
    assert_null(strstr(text, "THR"));
    fmpnn_release(text);
    assert_int_equal(count_files(place("tree1")), 3 + 3 + 3 + 12 + 1);
}

static void run_records_say_what_ran(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    bool done;
    char command[600], path[600];
    fmpnn_run_options options = options_for(place("noted"), FMPNN_EXISTING_REFUSE);
    must(fmpnn_run_open(&options, &run, &err), &err);
    must(one_structure(run, "1abc", &done, &err), &err);
    must(fmpnn_run_add_failure(run, "bad.pdb", "bad.pdb:3: cut off", &err), &err);
    must(fmpnn_run_close(run, &err), &err);
    snprintf(command, sizeof command, "ls %s/runs/design-????????????.json", options.path);
    FILE *pipe = popen(command, "r");
    assert_non_null(fgets(path, sizeof path, pipe));
    pclose(pipe);
    path[strcspn(path, "\n")] = '\0';
    json_t *record = json_load_file(path, 0, NULL);
    assert_non_null(record);
    const char *weights, *isa, *echo, *message;
    const json_t *warnings;
    assert_int_equal(json_unpack(record, "{s:{s:s}, s:s, s:[{s:{s:s}, s:o}], s:[{s:s}]}",
                                 "weights", "digest", &weights, "isa", &isa, "structures",
                                 "selections", "designed", &echo, "warnings", &warnings,
                                 "failures", "message", &message),
                     0);
    assert_int_equal(strlen(weights), 64);
    assert_string_equal(isa, fmpnn_context_isa(&context));
    assert_string_equal(echo, "B10A,A-1,A1");
    size_t count = json_array_size(warnings); /* the structure's, then the job's */
    assert_int_equal(count, structure->warning_count + 1);
    const json_t *last = json_array_get(warnings, count - 1);
    assert_string_equal(json_string_value(json_object_get(last, "message")),
                        warning.message);
    assert_string_equal(message, "bad.pdb:3: cut off");
    json_decref(record);
}

/* ---- resuming ---- */

static void files_resume_to_the_same_bytes(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    bool done;
    const char *ends[] = {"fa", "tsv", "jsonl", "fa.gz"};
    for (size_t e = 0; e < 4; e++) {
        char whole[64], part[64];
        snprintf(whole, sizeof whole, "whole.%s", ends[e]);
        snprintf(part, sizeof part, "part.%s", ends[e]);
        fmpnn_run_options options = options_for(place(whole), FMPNN_EXISTING_REFUSE);
        options.with_native = true;
        must(design(&options, three, 3, NULL, &err), &err);
        /* interrupted in the third structure, the first having failed */
        options.path = place(part);
        must(fmpnn_run_open(&options, &run, &err), &err);
        must(one_structure(run, three[1], &done, &err), &err);
        must(fmpnn_run_begin_structure(run, three[2], &job, &context, plan, &done, &err),
             &err);
        fmpnn_samples samples = make_samples(0.1, 1, 2);
        must(fmpnn_run_add_samples(run, &samples, &err), &err);
        must(fmpnn_run_close(run, &err), &err);
        assert_int_equal(design(&options, three, 3, NULL, &err), FMPNN_EEXIST);
        /* interrupted again, before and after the first structure: nothing is lost */
        options.existing = FMPNN_EXISTING_RESUME;
        for (size_t n = 0; n < 2; n++)
            must(design(&options, three, n, NULL, &err), &err);
        size_t made = 0;
        must(design(&options, three, 3, &made, &err), &err);
        assert_int_equal(made, 1);
        assert_same_file(place(whole), place(part));
        made = 0;
        must(design(&options, three, 3, &made, &err), &err);
        assert_int_equal(made, 0);
        assert_same_file(place(whole), place(part));
    }
}

static void folders_resume_and_refuse(void **state)
{
    (void)state;
    fmpnn_error err;
    size_t made = 0;
    fmpnn_run_options options = options_for(place("again"), FMPNN_EXISTING_REFUSE);
    must(design(&options, three, 1, NULL, &err), &err);
    assert_int_equal(design(&options, three, 1, NULL, &err), FMPNN_EEXIST);
    assert_non_null(strstr(err.message, "again/seqs/1abc.fa"));
    options.existing = FMPNN_EXISTING_RESUME;
    must(design(&options, three, 3, &made, &err), &err);
    assert_int_equal(made, 2);
    /* a table without its FASTA: the structure did not end */
    assert_int_equal(unlink(place("again/seqs/2xyz.fa")), 0);
    options.save_probs = true; /* and now arrays are wanted too: all are made again */
    made = 0;
    must(design(&options, three, 3, &made, &err), &err);
    assert_int_equal(made, 3);
    made = 0;
    must(design(&options, three, 3, &made, &err), &err);
    assert_int_equal(made, 0);
    /* other settings */
    job.digest[0] = 'e';
    assert_int_equal(design(&options, three, 3, NULL, &err), FMPNN_EEXIST);
    assert_non_null(strstr(err.message, "other settings"));
    options.path = place("whole.fa");
    options.save_probs = false;
    assert_int_equal(design(&options, three, 3, NULL, &err), FMPNN_EEXIST);
    assert_non_null(strstr(err.message, "other settings"));
    options.existing = FMPNN_EXISTING_OVERWRITE;
    made = 0;
    must(design(&options, three, 3, &made, &err), &err);
    assert_int_equal(made, 3);
    job.digest[0] = 'd';
    /* fewer samples than are there: nothing is thrown away */
    fmpnn_run *run;
    bool done;
    options = options_for(place("again"), FMPNN_EXISTING_RESUME);
    must(fmpnn_run_open(&options, &run, &err), &err);
    assert_int_equal(fmpnn_run_begin_structure(run, "1abc", &job, &context,
                                               "{\"temperatures\":[0.1],\"n\":1}", &done,
                                               &err),
                     FMPNN_EEXIST);
    assert_non_null(strstr(err.message, "would not make"));
    must(fmpnn_run_close(run, &err), &err);
}

static void settings_do_not_count_records(void **state)
{
    (void)state;
    const fmpnn_sequence_form form = {.separator = ":"};
    const char *plans[] = {"{\"n\":1,\"temperatures\":[0.1],\"first\":1}",
                           "{\"n\":64,\"temperatures\":[0.1,0.2],\"first\":9}",
                           "{\"n\":1,\"noise\":0.5}"};
    char settings[3][13];
    for (int p = 0; p < 3; p++) {
        fmpnn_plan parsed;
        fmpnn_error err;
        must(fmpnn_plan_parse(plans[p], &parsed, &err), &err);
        must(fmpnn_plan_settings(&parsed, FMPNN_VERB_DESIGN, &job, &context, &form,
                                 settings[p], &err),
             &err);
        fmpnn_plan_clear(&parsed);
    }
    assert_string_equal(settings[0], settings[1]);
    assert_string_not_equal(settings[0], settings[2]);
    const char *bad[] = {"",
                         "[]",
                         "{\"n\":0}",
                         "{\"first\":-1}",
                         "{\"temperatures\":[]}",
                         "{\"temperatures\":[\"a\"]}",
                         "{\"n\":1.5}",
                         "{\"n\":1,\"n\":2}"};
    for (size_t p = 0; p < sizeof bad / sizeof bad[0]; p++) {
        fmpnn_plan parsed;
        assert_int_equal(fmpnn_plan_parse(bad[p], &parsed, NULL), FMPNN_EINVAL);
    }
}

/* ---- failures ---- */

static void foreign_files_are_left_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {">x\nACD\n", "hello\n",
                                        ">x settings=123456789012\n",
                                        ">x settings=123456789012\nACD", "\n"};
    static const char *const ends[] = {"f.fa", "f.tsv", "f.jsonl"};
    fmpnn_error err;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
        for (size_t e = 0; e < 3; e++) {
            must(fmpnn_file_write(place(ends[e]), texts[t], strlen(texts[t]), false, &err),
                 &err);
            fmpnn_run_options options = options_for(place(ends[e]), FMPNN_EXISTING_RESUME);
            assert_int_equal(design(&options, three, 1, NULL, &err), FMPNN_EEXIST);
            assert_non_null(strstr(err.message, ends[e]));
            char *text = contents(place(ends[e]), NULL);
            assert_string_equal(text, texts[t]);
            fmpnn_release(text);
        }
}

static void names_must_differ(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    bool done;
    char name[200], shown[200];
    fmpnn_run_options options = options_for(place("names"), FMPNN_EXISTING_REFUSE);
    must(fmpnn_run_open(&options, &run, &err), &err);
    must(one_structure(run, "a b", &done, &err), &err);
    assert_int_equal(one_structure(run, "A_B", &done, &err), FMPNN_EINVAL);
    memset(name, 'n', sizeof name);
    name[161] = '\0';
    assert_int_equal(one_structure(run, name, &done, &err), FMPNN_EINVAL);
    /* records other than planned */
    must(fmpnn_run_begin_structure(run, "c", &job, &context, plan, &done, &err), &err);
    fmpnn_samples samples = make_samples(0.1, 2, 2);
    assert_int_equal(fmpnn_run_add_samples(run, &samples, &err), FMPNN_EINVAL);
    samples = make_samples(0.1, 1, 2);
    must(fmpnn_run_add_samples(run, &samples, &err), &err);
    assert_int_equal(fmpnn_run_end_structure(run, &err), FMPNN_EINVAL);
    must(fmpnn_run_close(run, &err), &err);
    assert_false(fmpnn_file_exists(place("names/seqs/c.fa")));
    must(fmpnn_run_record_name("../\xc3\xa9 x", shown, sizeof shown, &err), &err);
    assert_string_equal(shown, "..____x");
}

static void unwritable_places_are_named(void **state)
{
    (void)state;
    fmpnn_error err;
    must(fmpnn_file_write(place("plain"), "x", 1, false, &err), &err);
    const char *paths[] = {place("plain"), place("plain/under"), place("plain/x.fa"),
                           "/proc/nowhere/deep", "/dev/full"};
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        fmpnn_run_options options = options_for(paths[p], FMPNN_EXISTING_REFUSE);
        assert_int_equal(design(&options, three, 1, NULL, &err), FMPNN_EIO);
        assert_non_null(strstr(err.message, p == 3 ? "/proc/nowhere" : paths[p]));
    }
}

/* Nothing of the second structure may remain in a folder whose disk is full; the first stays. */
static void check_full(const char *path)
{
    fmpnn_error err;
    size_t made = 0;
    char big[600];
    static char filler[1 << 16];
    fmpnn_run_options options = options_for(path, FMPNN_EXISTING_REFUSE);
    options.save_probs = true; /* 13 KB of arrays a structure */
    assert_int_equal(design(&options, three, 3, &made, &err), FMPNN_EIO);
    assert_true(made < 3);
    assert_int_equal(count_files(path), 3 * made + (made > 0));
    snprintf(big, sizeof big, "%s/big.fa", path);
    assert_int_equal(fmpnn_file_write(big, filler, sizeof filler, false, &err), FMPNN_EIO);
    assert_false(fmpnn_file_exists(big));
}

static void full_disks_leave_no_halves(void **state)
{
    (void)state;
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 8192; /* enough for a table, not for the arrays */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    check_full(place("limited"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    /* a real full disk, where one can be had: some sandboxes mount tmpfs without a limit */
    static char filler[1 << 17];
    assert_int_equal(mkdir(place("disk"), 0777), 0);
    if (mount("tmpfs", place("disk"), "tmpfs", 0, "size=48k") ||
        !fmpnn_file_write(place("disk/probe"), filler, sizeof filler, false, NULL)) {
        print_message(
            "no small disk to be had here: checked with a file size limit alone\n");
        umount2(place("disk"), MNT_DETACH);
        return;
    }
    check_full(place("disk/results"));
    assert_int_equal(umount(place("disk")), 0);
}

/* ---- runs side by side, and runs that were killed ---- */

/* Structures that wait for the rest of their sample's results. */
static fmpnn_status half_a_structure(fmpnn_run *run, const char *name, fmpnn_error *err)
{
    bool done;
    fmpnn_status status =
        fmpnn_run_begin_structure(run, name, &job, &context, plan, &done, err);
    return status ? status : add_planned(run, err);
}

/* In a process of its own, which ends in the middle if `killed`. */
static int design_apart(const fmpnn_run_options *options, const char *name, bool killed)
{
    int code = -1;
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        fmpnn_run *run;
        fmpnn_error err;
        bool done;
        bool failed = fmpnn_run_open(options, &run, &err);
        if (killed && !half_a_structure(run, name, &err))
            raise(SIGKILL);
        failed = failed || one_structure(run, name, &done, &err);
        _exit(failed || fmpnn_run_close(run, &err));
    }
    assert_true(child > 0 && waitpid(child, &code, 0) == child);
    return code;
}

static size_t count_unfinished(const char *path)
{
    char command[600];
    size_t n = 0;
    snprintf(command, sizeof command, "find %s -name '*.part*' -o -name '*.tmp*' | wc -l",
             path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu", &n), 1);
    pclose(pipe);
    return n;
}

/* As if everything there had been written two days ago. */
static void make_old(const char *path)
{
    char command[512];
    snprintf(command, sizeof command, "find %s -type f -exec touch -d '2 days ago' {} +", path);
    assert_int_equal(system(command), 0);
}

static void dead_runs_are_swept(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run_options options = options_for(place("dead"), FMPNN_EXISTING_REFUSE);
    options.backbones = "pdb";
    assert_int_equal(design_apart(&options, "1abc", true), SIGKILL);
    assert_int_equal(count_unfinished(options.path), 4);
    make_old(options.path);
    must(design(&options, (const char *const[]){"other"}, 1, NULL, &err), &err);
    assert_int_equal(count_files(options.path), 7);
    assert_int_equal(count_unfinished(options.path), 0);
}

/* Two runs into one folder, of which one even makes the same structure. */
static void living_runs_are_not(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    fmpnn_run_options options = options_for(place("alive"), FMPNN_EXISTING_OVERWRITE);
    options.backbones = "pdb";
    must(fmpnn_run_open(&options, &run, &err), &err);
    must(half_a_structure(run, "1abc", &err), &err);
    assert_int_equal(count_unfinished(options.path), 4);
    assert_int_equal(design_apart(&options, "2xyz", false), 0);
    assert_int_equal(design_apart(&options, "1abc", false), 0);
    assert_int_equal(count_unfinished(options.path), 4);
    must(fmpnn_run_end_structure(run, &err), &err);
    must(fmpnn_run_close(run, &err), &err);
    assert_int_equal(count_unfinished(options.path), 0);
    assert_int_equal(count_files(options.path), 14); /* 6 each, and two run records */
}

/* Many that end at once get their names together, before the run closes. */
static void names_come_in_groups(void **state)
{
    (void)state;
    fmpnn_error err;
    fmpnn_run *run;
    bool done;
    char name[8];
    fmpnn_run_options options = options_for(place("groups"), FMPNN_EXISTING_REFUSE);
    must(fmpnn_run_open(&options, &run, &err), &err);
    for (int n = 0; n < 40; n++) {
        snprintf(name, sizeof name, "s%d", n);
        must(one_structure(run, name, &done, &err), &err);
        assert_true(count_unfinished(options.path) < 64);
    }
    assert_true(fmpnn_file_exists(place("groups/seqs/s0.fa")));
    must(fmpnn_run_close(run, &err), &err);
    assert_int_equal(count_files(options.path), 81);
    assert_int_equal(count_unfinished(options.path), 0);
}

/* What goes to standard output, by way of a file in its place. */
static void streams_get_each_structure(void **state)
{
    (void)state;
    fmpnn_error err = {""};
    fmpnn_run *run = NULL;
    bool done;
    struct stat info[2];
    fmpnn_run_options options = options_for(NULL, FMPNN_EXISTING_REFUSE);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    int file = open(place("stdout"), O_RDWR | O_CREAT, 0666);
    dup2(file, STDOUT_FILENO);
    fmpnn_status status = fmpnn_run_open(&options, &run, &err);
    for (int s = 0; !status && s < 2; s++) {
        status = one_structure(run, three[s], &done, &err);
        fstat(file, &info[s]);
    }
    if (!status)
        status = fmpnn_run_close(run, &err);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(file);
    must(status, &err);
    assert_true(info[0].st_size > 0 && info[1].st_size == 2 * info[0].st_size);
    options.path = place("two.fa");
    must(design(&options, three, 2, NULL, &err), &err);
    assert_same_file(place("stdout"), options.path);
}

/* ---- packings ---- */

/* Methionine B10, model position 3, with atoms on a line; all else stays. */
static fmpnn_packs *make_packs(void)
{
    static float xyz[L * FMPNN_PACK_ATOMS * 3], chi[L * 4], density[L * 4];
    static double confidence[L];
    static uint8_t atoms[L];
    static fmpnn_pack_result result[2];
    static fmpnn_packs packs = {.count = 2, .length = L, .settings = {3, 16, false},
                                .letters = native, .atoms = atoms, .packed = 1, .pack = result};
    for (size_t n = 0; n < L * 4; n++)
        chi[n] = density[n] = NAN;
    for (size_t i = 0; i < L; i++)
        confidence[i] = NAN;
    atoms[3] = 8;
    confidence[3] = 0.5;
    for (int c = 0; c < 3; c++) {
        chi[12 + c] = 1.5707964f;
        density[12 + c] = (float)(1.25 - c);
    }
    for (size_t n = 0; n < FMPNN_PACK_ATOMS; n++)
        xyz[(3 * FMPNN_PACK_ATOMS + n) * 3] = (float)n;
    for (size_t b = 0; b < 2; b++)
        result[b] = (fmpnn_pack_result){.number = b + 1, .xyz = xyz, .chi = chi,
                                        .log_density = density, .confidence = confidence,
                                        .mean = 0.5};
    return &packs;
}

static fmpnn_status pack(const fmpnn_run_options *options, bool *done, fmpnn_error *err)
{
    static const char pack_plan[] = "{\"pack\":{\"packings\":2,\"first\":1}}";
    fmpnn_run *run;
    fmpnn_error ignored;
    fmpnn_status status = fmpnn_run_open(options, &run, err);
    if (status)
        return status;
    status = fmpnn_run_begin_structure(run, "1abc", &job, &context, pack_plan, done, err);
    if (!status && !*done)
        status = fmpnn_run_add_packs(run, make_packs(), err);
    if (!status && !*done)
        status = fmpnn_run_end_structure(run, err);
    fmpnn_status last = fmpnn_run_close(run, status ? &ignored : err);
    return status ? status : last;
}

static void packings_become_structures(void **state)
{
    (void)state;
    fmpnn_error err;
    bool done;
    fmpnn_run_options options = options_for(place("packs"), FMPNN_EXISTING_REFUSE);
    options.verb = "pack";
    options.packed = "pdb";
    must(pack(&options, &done, &err), &err);
    char *text = contents(place("packs/packed/1abc_p1.pdb"), NULL);
    assert_non_null(strstr(text, "SD  MET B  10       6.000   0.000   0.000  1.00  0.25"));
    assert_non_null(strstr(text, "CE  MET B  10       7.000   0.000   0.000  1.00 -0.75"));
    assert_non_null(strstr(text, "N   MET B  10       0.000   0.000   0.000  1.00  1.25"));
    assert_non_null(strstr(text, "N   LEU A   1      19.000   0.000   0.000  1.00  2.00"));
    assert_non_null(strstr(text, "CA  VAL A   0      16.200   1.000   0.500  1.00  0.00"));
    assert_null(strstr(text, "N   VAL"));
    fmpnn_release(text);
    assert_same_file(place("packs/packed/1abc_p1.pdb"), place("packs/packed/1abc_p2.pdb"));
    text = contents(place("packs/tables/1abc.tsv"), NULL);
    assert_non_null(strstr(text, "\n1abc\t2\tB\t10\t\tM\t1\t0.500000\t90.0000"));
    assert_non_null(strstr(text, "\n1abc\t1\tB\t10\tA\tT\t0\tnan\tnan\t"));
    fmpnn_release(text);
    assert_int_equal(pack(&options, &done, &err), FMPNN_EEXIST);
    options.existing = FMPNN_EXISTING_RESUME;
    must(pack(&options, &done, &err), &err);
    assert_true(done);
    unlink(place("packs/packed/1abc_p2.pdb"));
    must(pack(&options, &done, &err), &err);
    assert_false(done);
    options.packed = "xyz";
    assert_int_equal(pack(&options, &done, &err), FMPNN_EINVAL);
    options.packed = "pdb";
    options.path = place("packs.tsv"); /* structures need a folder */
    assert_int_equal(pack(&options, &done, &err), FMPNN_EINVAL);
    fmpnn_status status = FMPNN_ENOMEM;
    options.path = place("packs");
    options.packed = "cif";
    options.existing = FMPNN_EXISTING_OVERWRITE;
    for (size_t n = 1; status == FMPNN_ENOMEM && n < 5000; n++) {
        fmpnn_alloc_fail_at(n);
        status = pack(&options, &done, &err);
        fmpnn_alloc_fail_at(0);
        assert_true(status == FMPNN_OK || status == FMPNN_ENOMEM);
    }
    assert_int_equal(status, FMPNN_OK);
}

/* Every allocation fails once: a status, no leak, no half result. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    fmpnn_error err;
    const char *ends[] = {"memory", "memory.tsv", "memory.jsonl", "memory.fa"};
    const char *marker = place("memory/seqs/2xyz.fa");
    for (size_t e = 0; e < 4; e++) {
        fmpnn_status status = FMPNN_ENOMEM;
        fmpnn_run_options options = options_for(place(ends[e]), FMPNN_EXISTING_RESUME);
        fmpnn_run_options fresh = options;
        fresh.existing = FMPNN_EXISTING_OVERWRITE;
        options.save_probs = fresh.save_probs = !e;
        options.with_native = fresh.with_native = true;
        size_t n = 1;
        for (; status == FMPNN_ENOMEM && n < 5000; n++) {
            /* one structure is there, a second one is not or not completely */
            must(design(&fresh, three, 1, NULL, &err), &err);
            unlink(marker);
            fmpnn_alloc_fail_at(n);
            status = design(&options, three, 2, NULL, &err);
            fmpnn_alloc_fail_at(0);
            if (status && status != FMPNN_ENOMEM)
                fail_msg("allocation %zu: %s", n, err.message);
            if (status == FMPNN_ENOMEM && n % 16 == 1) /* what there is can be resumed */
                must(design(&options, three, 2, NULL, &err), &err);
        }
        assert_int_equal(status, FMPNN_OK);
        assert_true(n > 50);
    }
}

static int remove_all(void **state)
{
    (void)state;
    char command[600];
    fmpnn_structure_free(structure);
    umount2(place("disk"), MNT_DETACH);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fasta_is_exact),
        cmocka_unit_test(sequences_take_forms),
        cmocka_unit_test(tables_have_their_columns),
        cmocka_unit_test(json_lines_carry_the_fields),
        cmocka_unit_test(scores_become_a_table),
        cmocka_unit_test(probabilities_become_arrays),
        cmocka_unit_test(folders_are_complete_and_equal),
        cmocka_unit_test(run_records_say_what_ran),
        cmocka_unit_test(files_resume_to_the_same_bytes),
        cmocka_unit_test(folders_resume_and_refuse),
        cmocka_unit_test(settings_do_not_count_records),
        cmocka_unit_test(foreign_files_are_left_alone),
        cmocka_unit_test(names_must_differ),
        cmocka_unit_test(unwritable_places_are_named),
        cmocka_unit_test(full_disks_leave_no_halves),
        cmocka_unit_test(dead_runs_are_swept),
        cmocka_unit_test(living_runs_are_not),
        cmocka_unit_test(names_come_in_groups),
        cmocka_unit_test(streams_get_each_structure),
        cmocka_unit_test(packings_become_structures),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_job, remove_all);
}
