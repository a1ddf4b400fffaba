/* Several states of one design: what is drawn from must be the average of what each state by
 * itself says, computed here from one graph after the other; and two states that are the same
 * must be one. */
#include "design/order.h"
#include "design/random.h"
#include "design/states.h"
#include "small_structure.h"
#include "weights_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* apo: A and its partner B. holo: another chain L first, then A moved a little, with A6
 * unresolved; no B. */
static small_structure apo, twin, holo;
static fmpnn_model *model;
static fmpnn_context *engine, *reference;

static double uniform(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static fmpnn_model *make_model(void)
{
    fmpnn_text bytes;
    fmpnn_tensors tensors;
    fmpnn_model *made = NULL;
    char digest[65] = "0";
    uint64_t seed = 11;
    made_network *net = maker_network(16, 32, 2, 3, false);
    float *at = net->data;
    for (size_t n = 0; n < net->count; n++)
        for (size_t k = 0; k < net->tensor[n].count; k++) {
            size_t in = net->tensor[n].columns ? net->tensor[n].columns : 4;
            *at++ = (float)((2 * uniform(&seed) - 1) * 3 / sqrt((double)in));
        }
    fmpnn_text_init(&bytes);
    maker_safetensors(net, NULL, &bytes);
    assert_int_equal(
        fmpnn_safetensors_parse("made", bytes.data, bytes.size, &tensors, NULL), 0);
    assert_int_equal(fmpnn_model_from_tensors("made", digest, &tensors, &made, NULL), 0);
    fmpnn_text_clear(&bytes);
    free(net);
    made->info.neighbours = 9;
    return made;
}

static const char sequence[] = "ACDEFGHIKLMNPQRSTV";
enum { A = sizeof sequence - 1, OWN = A + 8, LOST = 5 };

static int build(void **state)
{
    (void)state;
    small_begin(&apo);
    small_chain(&apo, "A", 1, sequence);
    small_chain(&apo, "B", 1, "GGSSAATT");
    apo.st.name = (char *)"apo";
    twin = apo;
    twin.st.name = (char *)"twin";
    twin.st.residue = twin.residue;
    small_begin(&holo);
    small_chain(&holo, "L", 101, "WWYYKKRREE");
    small_chain(&holo, "A", 1, sequence);
    holo.st.name = (char *)"holo";
    for (size_t i = 0; i < holo.st.length; i++)
        for (int a = 0; a < 4; a++)
            holo.residue[i].xyz[a][2] *= 1.15f;
    memset(holo.st.digest, 'e', 64);
    small_lose(&holo.residue[10 + LOST], FMPNN_ATOM_O);
    model = make_model();
    fmpnn_context_options how;
    fmpnn_context_options_default(&how);
    how.threads = 1;
    how.device = "cpu";
    if (fmpnn_context_create(&how, &engine, NULL))
        return -1;
    how.device = "reference";
    return fmpnn_context_create(&how, &reference, NULL);
}

static int clean(void **state)
{
    (void)state;
    fmpnn_context_free(reference);
    fmpnn_context_free(engine);
    fmpnn_model_free(model);
    return 0;
}

static fmpnn_job *make(const fmpnn_structure *st, fmpnn_settings settings)
{
    fmpnn_job *job = NULL;
    fmpnn_error err = {""};
    settings.seed = 5;
    if (fmpnn_job_create(st, model, &settings, &job, &err))
        fail_msg("%s", err.message);
    return job;
}

static fmpnn_samples *design(fmpnn_context *ctx, fmpnn_job *job, double T, size_t n)
{
    fmpnn_samples *samples = NULL;
    fmpnn_error err = {""};
    if (fmpnn_design(ctx, job, T, 1, n, true, &samples, &err))
        fail_msg("%s", err.message);
    return samples;
}

/* ---- one graph after the other ---- */

/* Logits of one structure alone, letters and order by position in it: [length][21]. */
static void logits_of(fmpnn_context *ctx, const fmpnn_structure *st, const uint8_t *letters,
                      const uint32_t *order, float *logits)
{
    fmpnn_job *job = make(st, (fmpnn_settings){.chains = "A"});
    fmpnn_encoding *encoding;
    uint32_t rank[SMALL_ROOM];
    fmpnn_order_rank(st->length, order, rank);
    assert_int_equal(ctx->backend->encode(ctx, model, job->graph, &encoding, NULL), 0);
    assert_int_equal(ctx->backend->logits(ctx, encoding, 1, letters, rank, logits, NULL),
                     0);
    ctx->backend->encoding_free(encoding);
    fmpnn_job_free(job);
}

/* p of residue i of chain A, by hand. */
static void mix(const float *own, const float *other, double w, double v, double T,
                double p[FMPNN_LETTERS])
{
    double sum = 0;
    for (int a = 0; a < FMPNN_LETTERS; a++) {
        double z =
            (w * own[a] + (other ? v * other[a] : 0)) / (fabs(w) + (other ? fabs(v) : 0));
        p[a] = a == FMPNN_LETTERS - 1 ? 0 : exp(z / T);
        sum += p[a];
    }
    for (int a = 0; a < FMPNN_LETTERS; a++)
        p[a] /= sum;
}

static void check_average(fmpnn_context *ctx, double w, double v, double tolerance)
{
    const double T = 0.7;
    fmpnn_state other = {&holo.st, v};
    fmpnn_job *job = make(&apo.st, (fmpnn_settings){.chains = "A",
                                                    .fix = "A3,A12",
                                                    .state = &other,
                                                    .states = 1,
                                                    .state_weight = w});
    fmpnn_samples *samples = design(ctx, job, T, 3);
    fmpnn_stream stream;
    assert_true(fmpnn_stream_init(&stream, 5, apo.st.digest, T));
    for (size_t k = 0; k < samples->count; k++) {
        const fmpnn_sample *sample = &samples->sample[k];
        float own[OWN * FMPNN_LETTERS], theirs[SMALL_ROOM * FMPNN_LETTERS];
        uint32_t order[OWN], other_order[SMALL_ROOM];
        uint8_t letters[SMALL_ROOM];
        size_t shared, t = 0;
        fmpnn_order_native(job, &stream, k + 1, order, &shared);
        logits_of(ctx, &apo.st, sample->letters, order, own);
        /* holo: L and A6 first, in the order of fixed residues, then A as in apo */
        uint8_t early[SMALL_ROOM] = {0};
        for (size_t i = 10; i < holo.st.length; i++)
            early[i] = i != 10 + LOST;
        fmpnn_stream fixed;
        assert_true(fmpnn_stream_init(&fixed, 5, holo.st.digest, 0));
        t = fmpnn_order_fixed(holo.st.length, early, &fixed, other_order);
        assert_int_equal(t, 11);
        memcpy(letters, job->states->letters + OWN, 10);
        for (uint32_t n = 0; n < OWN; n++)
            if (order[n] < A && order[n] != LOST)
                other_order[t++] = 10 + order[n];
        memcpy(letters + 10, sample->letters, A);
        assert_int_equal(t, holo.st.length);
        logits_of(ctx, &holo.st, letters, other_order, theirs);
        for (size_t i = 0; i < A; i++) {
            double p[FMPNN_LETTERS], sum = 0;
            if (!job->designed[i])
                continue;
            mix(own + i * FMPNN_LETTERS,
                i == LOST ? NULL : theirs + (10 + i) * FMPNN_LETTERS, w, v, T, p);
            for (int a = 0; a < FMPNN_LETTERS; a++) {
                double got = sample->sampling_probs[i * FMPNN_LETTERS + a];
                sum += got;
                if (!(fabs(got - p[a]) <= tolerance))
                    fail_msg("sample %zu, A%zu, letter %d: %g, expected %g", k, i + 1, a,
                             got, p[a]);
            }
            assert_true(fabs(sum - 1) < 1e-6);
        }
        assert_int_equal(sample->letters[2], 2); /* fixed D */
    }
    fmpnn_samples_free(samples);
    fmpnn_job_free(job);
}

static void letters_are_drawn_from_the_average(void **state)
{
    (void)state;
    check_average(reference, 1, 1, 2e-6);
    check_average(reference, 0.7, 0.3, 2e-6);
    check_average(reference, 1, -0.5, 2e-6);
    check_average(engine, 0.7, 0.3, 2e-4);
    check_average(engine, 1, -0.5, 2e-4);
}

/* Unconditional probabilities: the same average. */
static void probabilities_are_of_the_average(void **state)
{
    (void)state;
    fmpnn_state other = {&holo.st, 3};
    fmpnn_job *job =
        make(&apo.st, (fmpnn_settings){.chains = "A", .state = &other, .states = 1});
    fmpnn_job *alone[2] = {make(&apo.st, (fmpnn_settings){.chains = "A"}),
                           make(&holo.st, (fmpnn_settings){.chains = "A"})};
    float log_p[OWN * FMPNN_LETTERS], each[2][SMALL_ROOM * FMPNN_LETTERS];
    for (int s = 0; s < 2; s++)
        assert_int_equal(fmpnn_probs(reference, alone[s], FMPNN_PROBS_UNCONDITIONAL, NULL,
                                     1, each[s], NULL),
                         0);
    assert_int_equal(
        fmpnn_probs(reference, job, FMPNN_PROBS_UNCONDITIONAL, NULL, 1, log_p, NULL), 0);
    for (size_t i = 0; i < A; i++)
        for (size_t a = 1; a < FMPNN_LETTERS && i != LOST; a++) {
            size_t at = i * FMPNN_LETTERS, there = (10 + i) * FMPNN_LETTERS;
            double wanted = 0.25 * (each[0][at + a] - each[0][at]) +
                            0.75 * (each[1][there + a] - each[1][there]);
            assert_true(fabs(log_p[at + a] - log_p[at] - wanted) < 1e-5);
        }
    /* B is apo's alone, and A6 too */
    for (size_t i = LOST; i < OWN; i = i == LOST ? A : i + 1)
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            assert_true(
                fabs(log_p[i * FMPNN_LETTERS + a] - each[0][i * FMPNN_LETTERS + a]) < 1e-6);
    fmpnn_job_free(alone[1]);
    fmpnn_job_free(alone[0]);
    fmpnn_job_free(job);
}

/* ---- a state twice ---- */

static void expect_same(fmpnn_settings settings)
{
    fmpnn_state other = {&twin.st, 2};
    fmpnn_settings both = settings;
    both.state = &other;
    both.states = 1;
    fmpnn_job *one = make(&apo.st, settings), *two = make(&apo.st, both);
    assert_string_not_equal(fmpnn_job_digest(one), fmpnn_job_digest(two));
    fmpnn_context *const ctx[2] = {engine, reference};
    for (int c = 0; c < 2; c++) {
        double near = ctx[c] == engine ? 1e-4 : 1e-5; /* scores, of large random weights */
        fmpnn_samples *x = design(ctx[c], one, 0.3, 4), *y = design(ctx[c], two, 0.3, 4);
        for (size_t k = 0; k < 4; k++) {
            assert_memory_equal(x->sample[k].letters, y->sample[k].letters, OWN);
            assert_true(fabs(x->sample[k].score - y->sample[k].score) < near);
            assert_true(fabs(x->sample[k].global_score - y->sample[k].global_score) < near);
        }
        fmpnn_samples_free(y);
        fmpnn_samples_free(x);
        fmpnn_score_result alone, twice;
        assert_int_equal(fmpnn_score(ctx[c], one, 1, NULL, 3, &alone, NULL), 0);
        assert_int_equal(fmpnn_score(ctx[c], two, 1, NULL, 3, &twice, NULL), 0);
        assert_true(fabs(alone.score - twice.score) < near);
        assert_true(fabs(alone.score_se - twice.score_se) < near);
        float p[OWN * FMPNN_LETTERS], q[OWN * FMPNN_LETTERS];
        assert_int_equal(
            fmpnn_probs(ctx[c], one, FMPNN_PROBS_CONDITIONAL, NULL, 1, p, NULL), 0);
        assert_int_equal(
            fmpnn_probs(ctx[c], two, FMPNN_PROBS_CONDITIONAL, NULL, 1, q, NULL), 0);
        for (size_t n = 0; n < OWN * FMPNN_LETTERS; n++)
            assert_true(isnan(p[n]) ? isnan(q[n]) : fabsf(p[n] - q[n]) < 1e-4f);
    }
    fmpnn_job_free(two);
    fmpnn_job_free(one);
}

static void the_same_state_twice_is_one(void **state)
{
    (void)state;
    expect_same((fmpnn_settings){.chains = "A"});
    expect_same((fmpnn_settings){.fix = "A3-5", .omit = "C,A7:GP", .bias = "A=1,B2:P=2"});
    expect_same((fmpnn_settings){.tie = "A1-4=A9-12*0.5", .noise = 0});
    expect_same((fmpnn_settings){.tie = "A1-8=B"});
}

/* Ties and states together: the engine draws what the plain formulas draw. */
static void ties_work_with_states(void **state)
{
    (void)state;
    fmpnn_state others[2] = {{&holo.st, -0.25}, {&twin.st, 0.5}};
    fmpnn_job *job = make(&apo.st, (fmpnn_settings){.chains = "A",
                                                    .tie = "A1-4=A9-12*-0.5,A6=A16",
                                                    .state = others,
                                                    .states = 2});
    fmpnn_samples *x = design(engine, job, 0.5, 6), *y = design(reference, job, 0.5, 6);
    for (size_t k = 0; k < 6; k++) {
        assert_memory_equal(x->sample[k].letters, y->sample[k].letters, OWN);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(x->sample[k].letters[i], x->sample[k].letters[8 + i]);
        assert_int_equal(x->sample[k].letters[5], x->sample[k].letters[15]);
    }
    fmpnn_samples_free(y);
    fmpnn_samples_free(x);
    assert_non_null(strstr(fmpnn_job_echo(job), "\"states\":[{\"name\":\"apo\""));
    assert_non_null(strstr(fmpnn_job_echo(job), "\"weight\":-0.25"));
    bool averaged = false, unresolved = false;
    for (size_t n = 0; n < fmpnn_job_warning_count(job); n++) {
        fmpnn_warning w = fmpnn_job_warning(job, n);
        averaged = averaged || (!strcmp(w.code, "states-averaged") &&
                                strstr(w.message, "apo * 1.0, holo * -0.25, twin * 0.5"));
        unresolved =
            unresolved || (!strcmp(w.code, "state-unresolved") && strstr(w.message, "A6"));
    }
    assert_true(averaged && unresolved);
    fmpnn_job_free(job);
}

/* ---- mistakes ---- */

static void refuse(const fmpnn_structure *st, fmpnn_settings settings, fmpnn_state other,
                   fmpnn_status wanted, const char *word)
{
    fmpnn_job *job = NULL;
    fmpnn_error err = {""};
    settings.state = &other;
    settings.states = 1;
    assert_int_equal(fmpnn_job_create(st, model, &settings, &job, &err), wanted);
    assert_null(job);
    if (!strstr(err.message, word))
        fail_msg("'%s' is not in '%s'", word, err.message);
}

static void mistakes_are_refused(void **state)
{
    (void)state;
    fmpnn_settings a = {.chains = "A"};
    refuse(&apo.st, (fmpnn_settings){0}, (fmpnn_state){&holo.st, 1}, FMPNN_ESELECT,
           "--state: holo: there is no B1 (and 7 more), designed in apo");
    refuse(&apo.st, a, (fmpnn_state){&holo.st, 0}, FMPNN_EINVAL, "weight 0");
    refuse(&apo.st, a, (fmpnn_state){&holo.st, NAN}, FMPNN_EINVAL, "weight");
    a.state_weight = -1;
    refuse(&apo.st, a, (fmpnn_state){&holo.st, -1}, FMPNN_EINVAL, "no weight is above 0");
    refuse(&apo.st, a, (fmpnn_state){&holo.st, 1}, FMPNN_ESELECT,
           "A6 has its backbone atoms in no state of positive weight");
    a.state_weight = 0;

    small_structure longer;
    small_begin(&longer);
    small_chain(&longer, "A", 1, sequence);
    small_chain(&longer, "A", A + 1, "WY");
    longer.st.name = (char *)"longer";
    refuse(&apo.st, a, (fmpnn_state){&longer.st, 1}, FMPNN_ESELECT,
           "--state: apo: there is no A19 (and 1 more), designed in longer");
    a.redesign = "A1-18";
    fmpnn_job_free(make(&longer.st, (fmpnn_settings){.redesign = "A1-18"}));
    fmpnn_state other = {&longer.st, 1};
    a.state = &other;
    a.states = 1;
    fmpnn_job_free(make(&apo.st, a)); /* A19 is not asked for: context */
    a.redesign = "A19";
    refuse(&longer.st, a, (fmpnn_state){&apo.st, 1}, FMPNN_ESELECT,
           "--state: apo: --redesign");
    a.redesign = NULL;

    small_structure few;
    small_begin(&few);
    small_chain(&few, "A", 1, "ACD");
    few.st.name = (char *)"few";
    a.redesign = "A1-3";
    refuse(&apo.st, a, (fmpnn_state){&few.st, 1}, FMPNN_ESELECT, "few has 3 residues");
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    fmpnn_state other = {&holo.st, 0.5};
    fmpnn_settings settings = {
        .chains = "A", .tie = "A1-2=A3-4", .bias = "A=1", .state = &other, .states = 1};
    size_t refused = 0;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        fmpnn_job *job = NULL;
        fmpnn_samples *samples = NULL;
        fmpnn_error err = {""};
        float log_p[OWN * FMPNN_LETTERS];
        fmpnn_alloc_fail_at(n);
        fmpnn_status status = fmpnn_job_create(&apo.st, model, &settings, &job, &err);
        if (!status)
            status = fmpnn_design(engine, job, 0.5, 1, 1, true, &samples, &err);
        if (!status)
            status =
                fmpnn_probs(engine, job, FMPNN_PROBS_CONDITIONAL, NULL, 1, log_p, &err);
        failed = n <= fmpnn_alloc_count();
        fmpnn_alloc_fail_at(0);
        if (status && status != FMPNN_ENOMEM)
            fail_msg("allocation %zu: status %d: %s", n, status, err.message);
        refused += status != FMPNN_OK;
        fmpnn_samples_free(samples);
        fmpnn_job_free(job);
    }
    assert_true(refused > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_drawn_from_the_average),
        cmocka_unit_test(probabilities_are_of_the_average),
        cmocka_unit_test(the_same_state_twice_is_one),
        cmocka_unit_test(ties_work_with_states),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("states", tests, build, clean);
}
