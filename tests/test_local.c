/* Questions that are answered by computing only what differs (engine/local.h), against the plain
 * way of asking them, to the bit, on every instruction set and with several threads. Sizes are
 * such that most rows stand: 90 residues, 12 neighbours. */
#include "design/job.h"
#include "weights_maker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { L = 90, K = 12, CELLS = L * FMPNN_LETTERS, ORDERS = 3 };

static uint64_t state = 11;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

typedef struct world {
    fmpnn_model *model;
    fmpnn_structure *st;
    uint8_t native[L];
} world;

static fmpnn_model *make_model(void)
{
    fmpnn_text bytes;
    fmpnn_tensors tensors;
    fmpnn_model *model;
    static const char digest[65] = "0";
    made_network *net = maker_network(32, 64, 2, 3, false);
    float *at = net->data;
    for (size_t n = 0; n < net->count; n++)
        for (size_t k = 0; k < net->tensor[n].count; k++) {
            size_t in = net->tensor[n].columns ? net->tensor[n].columns : 4;
            *at++ = (float)((2 * uniform() - 1) * 3 / sqrt((double)in));
        }
    fmpnn_text_init(&bytes);
    maker_safetensors(net, NULL, &bytes);
    assert_int_equal(
        fmpnn_safetensors_parse("made", bytes.data, bytes.size, &tensors, NULL), 0);
    assert_int_equal(fmpnn_model_from_tensors("made", digest, &tensors, &model, NULL), 0);
    model->info.neighbours = K;
    fmpnn_text_clear(&bytes);
    free(net);
    return model;
}

/* A helix that turns back halfway, so that neighbours are not all near in sequence. Two residues
 * are not resolved. */
static fmpnn_structure *make_structure(void)
{
    static fmpnn_residue residue[L];
    fmpnn_structure *st;
    for (int i = 0; i < L; i++) {
        fmpnn_residue *r = &residue[i];
        strcpy(r->chain, i < L / 2 ? "A" : "B");
        strcpy(r->name, "GLY");
        r->number = i + 1;
        r->icode = ' ';
        r->letter = fmpnn_alphabet()[(size_t)(20 * uniform())];
        r->present = i == 20 || i == 61 ? 7 : 15;
        for (int a = 0; a < 4; a++) {
            double t = i + 0.25 * (a - 1), rise = i < L / 2 ? t : L - t;
            r->xyz[a][0] = (float)(2.3 * cos(1.745 * t) + 9 * (i >= L / 2) + 0.1 * uniform());
            r->xyz[a][1] = (float)(2.3 * sin(1.745 * t));
            r->xyz[a][2] = (float)(1.5 * rise);
        }
        if (r->present == 7)
            r->xyz[FMPNN_ATOM_O][0] = r->xyz[FMPNN_ATOM_O][1] = r->xyz[FMPNN_ATOM_O][2] = NAN;
    }
    assert_int_equal(fmpnn_structure_from_residues("made", L, residue, &st, NULL), 0);
    return st;
}

static fmpnn_job *make_job(const world *w, const char *fix)
{
    fmpnn_settings settings;
    fmpnn_job *job;
    fmpnn_settings_default(&settings);
    settings.fix = fix;
    settings.seed = 5;
    assert_int_equal(fmpnn_job_create(w->st, w->model, &settings, &job, NULL), 0);
    assert_int_equal(fmpnn_job_length(job), L);
    return job;
}

static int start(void **shared)
{
    static world w;
    w.model = make_model();
    w.st = make_structure();
    fmpnn_job *job = make_job(&w, NULL);
    for (size_t i = 0; i < L; i++)
        w.native[i] = fmpnn_job_position(job, i).native;
    fmpnn_job_free(job);
    *shared = &w;
    return 0;
}

static int stop(void **shared)
{
    world *w = *shared;
    fmpnn_structure_free(w->st);
    fmpnn_model_free(w->model);
    return 0;
}

/* Do `check` with every instruction set, precision and two numbers of threads. */
static void everywhere(const world *w, void (*check)(const world *w, fmpnn_context *ctx))
{
    static const char *const precisions[] = {"fp32", "bf16x3", "bf16"};
    size_t ran = 0;
    for (size_t n = 0; n < 3 * fmpnn_isa_count(); n++) {
        for (int threads = 1; threads <= 3; threads += 2) {
            fmpnn_context_options how = {.isa = fmpnn_isa_name(n / 3),
                                         .precision = precisions[n % 3],
                                         .threads = threads};
            fmpnn_context *ctx;
            if (fmpnn_context_create(&how, &ctx, NULL))
                continue; /* not every set has every precision */
            check(w, ctx);
            fmpnn_context_free(ctx);
            ran++;
        }
    }
    assert_true(ran >= 2 * fmpnn_isa_count());
}

static void random_rank(uint32_t *rank)
{
    for (uint32_t i = 0; i < L; i++)
        rank[i] = i;
    for (size_t i = L - 1; i > 0; i--) {
        size_t j = (size_t)((double)(i + 1) * uniform());
        uint32_t kept = rank[i];
        rank[i] = rank[j];
        rank[j] = kept;
    }
}

/* ---- one residue last ---- */

static void check_conditional(const world *w, fmpnn_context *ctx)
{
    static float local[CELLS], whole[CELLS];
    uint8_t wanted[L];
    uint32_t rank[L], moved[L];
    fmpnn_job *job = make_job(w, NULL);
    fmpnn_encoding *encoding;
    assert_int_equal(ctx->backend->encode(ctx, w->model, job->graph, &encoding, NULL), 0);
    random_rank(rank);
    for (size_t i = 0; i < L; i++)
        wanted[i] = i % 7 != 3;
    for (size_t n = 0; n < CELLS; n++)
        local[n] = -77;
    assert_int_equal(
        ctx->backend->conditional(ctx, encoding, w->native, rank, wanted, local, NULL), 0);
    for (size_t i = 0; i < L; i++) {
        float *row = local + i * FMPNN_LETTERS;
        if (!wanted[i]) {
            assert_true(row[0] == -77 && row[FMPNN_LETTERS - 1] == -77);
            continue;
        }
        for (size_t j = 0; j < L; j++)
            moved[j] = j == i ? L - 1 : rank[j] - (rank[j] > rank[i]);
        assert_int_equal(
            ctx->backend->logits(ctx, encoding, 1, w->native, moved, whole, NULL), 0);
        assert_memory_equal(row, whole + i * FMPNN_LETTERS, FMPNN_LETTERS * sizeof *row);
    }
    ctx->backend->encoding_free(encoding);
    fmpnn_job_free(job);
}

static void conditional(void **shared)
{
    everywhere(*shared, check_conditional);
}

/* ---- a scan is the mean of conditional probabilities ---- */

static void check_scan(const world *w, fmpnn_context *ctx)
{
    static float log_p[ORDERS * CELLS];
    static double mean[CELLS], odds[CELLS], se[CELLS];
    fmpnn_job *job = make_job(w, "A1-9,B50"), *again = make_job(w, "A1-9,B50");
    assert_int_equal(fmpnn_probs(ctx, job, FMPNN_PROBS_CONDITIONAL, NULL, ORDERS, log_p, NULL),
                     0);
    assert_int_equal(fmpnn_scan(ctx, again, NULL, 1, mean, odds, se, NULL), 0);
    for (size_t n = 0; n < CELLS; n++) {
        assert_true(mean[n] == (double)log_p[n] || (isnan(mean[n]) && isnan(log_p[n])));
        assert_true(isnan(se[n]));
    }
    assert_int_equal(fmpnn_scan(ctx, again, NULL, ORDERS, mean, odds, se, NULL), 0);
    for (size_t i = 0; i < L; i++)
        for (size_t a = 0; a < FMPNN_LETTERS; a++) {
            size_t at = i * FMPNN_LETTERS + a, own = i * FMPNN_LETTERS + w->native[i];
            double d[ORDERS], m = 0, p = 0, squares = 0;
            if (!fmpnn_job_position(job, i).designed) {
                assert_true(isnan(mean[at]) && isnan(odds[at]) && isnan(se[at]));
                continue;
            }
            for (size_t o = 0; o < ORDERS; o++) {
                d[o] = (double)log_p[o * CELLS + at] - (double)log_p[o * CELLS + own];
                m += d[o] / ORDERS;
                p += (double)log_p[o * CELLS + at] / ORDERS;
            }
            for (size_t o = 0; o < ORDERS; o++)
                squares += (d[o] - m) * (d[o] - m);
            assert_true(fabs(odds[at] - m) < 1e-12 && fabs(mean[at] - p) < 1e-12);
            assert_true(fabs(se[at] - sqrt(squares / (ORDERS - 1) / ORDERS)) < 1e-12);
            assert_true(a != w->native[i] || (odds[at] == 0 && se[at] == 0));
        }
    assert_int_equal(fmpnn_scan(ctx, again, NULL, 0, mean, odds, se, NULL), FMPNN_EINVAL);
    fmpnn_job_free(again);
    fmpnn_job_free(job);
}

static void scan(void **shared)
{
    everywhere(*shared, check_scan);
}

/* ---- variants ---- */

enum { B = 260 }; /* more than are scored at a time */

/* None, one, two, four, ... letters changed, also at residues that are not resolved; then all. */
static void make_variants(const world *w, uint8_t *letters)
{
    for (size_t b = 0; b < B; b++) {
        size_t changes = b == B - 1 ? L : b == 0 ? 0 : (size_t)1 << b % 5;
        memcpy(letters + b * L, w->native, L);
        for (size_t n = 0; n < changes; n++) {
            size_t i = changes == L ? n : b == 2 ? 20 : (size_t)(L * uniform());
            letters[b * L + i] = (uint8_t)(FMPNN_LETTERS * uniform());
        }
    }
}

static void check_variants(const world *w, fmpnn_context *ctx)
{
    static uint8_t letters[B * L];
    static float local[CELLS * 5], whole[CELLS * 5];
    static fmpnn_score_result a[B], b[B];
    uint32_t rank[5 * L];
    fmpnn_job *job = make_job(w, "A1-9,B50"), *again = make_job(w, "A1-9,B50");
    make_variants(w, letters);
    assert_int_equal(fmpnn_score(ctx, job, B, letters, 2, a, NULL), 0);
    assert_int_equal(fmpnn_score_variants(ctx, again, NULL, B, letters, 2, b, NULL), 0);
    assert_memory_equal(a, b, sizeof a);
    assert_true(a[1].score != a[0].score);
    /* of another common sequence: the same results */
    assert_int_equal(fmpnn_score_variants(ctx, again, letters + 4 * L, 3, letters + L, 2, b, NULL),
                     0);
    assert_memory_equal(a + 1, b, 3 * sizeof *a);
    random_rank(rank);
    for (size_t n = 1; n < 5; n++)
        memcpy(rank + n * L, rank, sizeof rank / 5);
    assert_int_equal(ctx->backend->logits(ctx, job->encoding, 5, letters, rank, whole, NULL), 0);
    if (ctx->backend->variants) {
        assert_int_equal(ctx->backend->variants(ctx, again->encoding, w->native, rank, 5,
                                                letters, local, NULL),
                         0);
        assert_memory_equal(local, whole, sizeof local);
    }
    letters[3] = FMPNN_LETTERS;
    assert_int_equal(fmpnn_score_variants(ctx, again, NULL, 1, letters, 2, b, NULL),
                     FMPNN_EINVAL);
    assert_int_equal(fmpnn_score_variants(ctx, again, NULL, 0, letters, 2, b, NULL),
                     FMPNN_EINVAL);
    fmpnn_job_free(again);
    fmpnn_job_free(job);
}

static void variants(void **shared)
{
    everywhere(*shared, check_variants);
}

/* Every allocation fails once; each time that is a clean FMPNN_ENOMEM. */
static void no_memory(void **shared)
{
    const world *w = *shared;
    static double out[3][CELLS];
    uint8_t letters[L];
    fmpnn_score_result result;
    fmpnn_context_options how = {.threads = 1};
    fmpnn_context *ctx;
    assert_int_equal(fmpnn_context_create(&how, &ctx, NULL), 0);
    memcpy(letters, w->native, L);
    letters[40] = (uint8_t)(letters[40] ? 0 : 1);
    for (int question = 0; question < 2; question++) {
        size_t n = 1;
        for (bool through = false; !through; n++) {
            fmpnn_job *job = make_job(w, NULL);
            fmpnn_alloc_fail_at(n);
            fmpnn_status status =
                question ? fmpnn_score_variants(ctx, job, NULL, 1, letters, 1, &result, NULL)
                         : fmpnn_scan(ctx, job, NULL, 1, out[0], out[1], out[2], NULL);
            through = status == FMPNN_OK && fmpnn_alloc_count() < n;
            fmpnn_alloc_fail_at(0);
            /* terms that find no room are done without */
            assert_true(status == FMPNN_OK || status == FMPNN_ENOMEM);
            fmpnn_job_free(job);
        }
        assert_true(n > 20);
    }
    fmpnn_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditional),
        cmocka_unit_test(scan),
        cmocka_unit_test(variants),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
