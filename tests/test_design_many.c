/* fmpnn_design_many() against fmpnn_design(): the same bits for each request, failures that stay
 * their own, and no tables left behind; on the engine, which takes structures one by one, and on
 * a backend that takes them together. */
#include "design/job.h"
#include "generated_network.h"
#include "small_structure.h"

enum { JOBS = 5, REQUESTS = 8, BAD = 2 };

static const char *const chains[JOBS] = {"ACDEFGHIKLMNPQRSTVWY", "GGGG", "ACDE", "M",
                                         "WYWYWYWYWYWY"};
static small_structure structure[JOBS];
static fmpnn_model *model;
static fmpnn_job *job[JOBS];
static double no_bias[4 * FMPNN_LETTERS];

static int build(void **unused)
{
    (void)unused;
    model = make_model(false);
    for (int n = 0; n < JOBS; n++) {
        fmpnn_settings settings;
        fmpnn_error err;
        fmpnn_settings_default(&settings);
        settings.seed = 3;
        if (n == 4)
            settings.tie = "A1-3=A7-9";
        small_begin(&structure[n]);
        small_chain(&structure[n], "A", 1, chains[n]);
        if (fmpnn_job_create(&structure[n].st, model, &settings, &job[n], &err))
            fail_msg("%s", err.message);
    }
    for (size_t n = 0; n < 4 * FMPNN_LETTERS; n++)
        no_bias[n] = n == FMPNN_LETTERS ? NAN : 0;
    job[BAD]->rules.bias = no_bias; /* fails when it is drawn */
    return 0;
}

static int clear(void **unused)
{
    (void)unused;
    for (int n = 0; n < JOBS; n++)
        fmpnn_job_free(job[n]);
    fmpnn_model_free(model);
    return 0;
}

static void same(const fmpnn_samples *a, const fmpnn_samples *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t s = 0; s < a->count; s++) {
        const fmpnn_sample *x = &a->sample[s], *y = &b->sample[s];
        assert_int_equal(x->number, y->number);
        assert_memory_equal(x->letters, y->letters, a->length);
        assert_memory_equal(x->log_probs, y->log_probs,
                            a->length * FMPNN_LETTERS * sizeof *x->log_probs);
        assert_memory_equal(&x->score, &y->score, sizeof x->score);
        assert_int_equal(!x->sampling_probs, !y->sampling_probs);
        if (x->sampling_probs)
            assert_memory_equal(x->sampling_probs, y->sampling_probs,
                                a->length * FMPNN_LETTERS * sizeof(double));
    }
}

static fmpnn_score_result native[REQUESTS]; /* of those that ask for it */

static void make_requests(fmpnn_design_request *request)
{
    const fmpnn_design_request made[REQUESTS] = {
        {job[0], 0.1, 1, 2, false, &native[0], NULL, 0, {{0}}},
        {job[1], 1, 5, 1, true, NULL, NULL, 0, {{0}}},
        {job[BAD], 0.1, 1, 1, false, &native[2], NULL, 0, {{0}}},
        {job[0], 0, 1, 1, false, NULL, NULL, 0, {{0}}},
        {job[3], 0.5, 1, 3, false, NULL, NULL, 0, {{0}}},
        {job[1], -1, 1, 1, false, NULL, NULL, 0, {{0}}},
        {job[4], 0.3, 2, 2, true, &native[6], NULL, 0, {{0}}},
        {job[1], 1, 0, 1, false, NULL, NULL, 0, {{0}}}};
    memcpy(request, made, sizeof made);
}

static void check(fmpnn_context *ctx)
{
    fmpnn_design_request request[REQUESTS];
    fmpnn_error err, own;
    make_requests(request);
    assert_int_equal(fmpnn_design_many(ctx, REQUESTS, request, &err), FMPNN_EINVAL);
    assert_string_equal(err.message, request[BAD].error.message);
    for (int n = 0; n < JOBS; n++)
        assert_null(job[n]->encoding);
    for (int n = 0; n < REQUESTS; n++) {
        fmpnn_design_request *r = &request[n];
        fmpnn_samples *alone = NULL;
        fmpnn_status status = fmpnn_design(ctx, r->job, r->temperature, r->first, r->n,
                                           r->keep_probs, &alone, &own);
        if (r->native && !status) {
            fmpnn_score_result score;
            assert_int_equal(fmpnn_score(ctx, r->job, 1, NULL, 1, &score, &own), 0);
            assert_memory_equal(&r->native->score, &score.score, sizeof score.score);
            assert_memory_equal(&r->native->global_score, &score.global_score,
                                sizeof score.global_score);
        }
        fmpnn_job_forget(r->job);
        assert_int_equal(status, r->status);
        assert_int_equal(status != 0, n == BAD || n == 5 || n == 7);
        if (status) {
            assert_string_equal(own.message, r->error.message);
            assert_null(r->samples);
            continue;
        }
        same(alone, r->samples);
        fmpnn_samples_free(alone);
        fmpnn_samples_free(r->samples);
    }
}

static void test_one_by_one(void **unused)
{
    (void)unused;
    fmpnn_context_options how;
    fmpnn_context *ctx;
    fmpnn_context_options_default(&how);
    how.threads = 2;
    assert_int_equal(fmpnn_context_create(&how, &ctx, NULL), 0);
    check(ctx);
    fmpnn_context_free(ctx);
}

/* ---- a backend that takes them together, and says how many it got ---- */

static size_t largest_encode, largest_sample, fit;

static fmpnn_status encode_many(fmpnn_context *ctx, const fmpnn_model *m, size_t n,
                                const fmpnn_graph *const *graph, fmpnn_encoding **encoding,
                                fmpnn_error *err)
{
    largest_encode = n > largest_encode ? n : largest_encode;
    for (size_t k = 0; k < n; k++) {
        fmpnn_status status = ctx->backend->encode(ctx, m, graph[k], &encoding[k], err);
        if (!status)
            continue;
        while (k)
            ctx->backend->encoding_free(encoding[--k]);
        return status;
    }
    return FMPNN_OK;
}

static fmpnn_status sample_many(fmpnn_context *ctx, size_t n, const fmpnn_sampling *item,
                                fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    largest_sample = n > largest_sample ? n : largest_sample;
    for (size_t k = 0; k < n && !status; k++) {
        for (size_t b = 0; b < item[k].B && item[k].prepare; b++)
            item[k].prepare(item[k].of, b);
        status = ctx->backend->sample(ctx, item[k].encoding, item[k].rules,
                                      item[k].n_shared, item[k].B, item[k].request, err);
        for (size_t b = 0; b < item[k].B && item[k].finish && !status; b++)
            item[k].finish(item[k].of, b);
    }
    return status;
}

static size_t together(const fmpnn_context *ctx, const fmpnn_model *m, size_t n,
                       const fmpnn_graph *const *graph)
{
    (void)ctx;
    (void)m;
    for (size_t k = 0; k < n; k++)
        assert_non_null(graph[k]);
    return n < fit ? n : fit;
}

static void test_together(void **unused)
{
    (void)unused;
    fmpnn_backend backend = fmpnn_backend_cpu;
    fmpnn_context_options how;
    fmpnn_context *ctx;
    backend.encode_many = encode_many;
    backend.sample_many = sample_many;
    backend.together = together;
    fmpnn_context_options_default(&how);
    how.threads = 2;
    assert_int_equal(fmpnn_context_create(&how, &ctx, NULL), 0);
    ctx->backend = &backend;
    for (fit = 1; fit <= 9; fit += 2) {
        size_t live = REQUESTS - 2; /* two are refused before */
        largest_encode = largest_sample = 0;
        check(ctx);
        assert_int_equal(largest_sample, fit < live ? fit : live);
        assert_true(largest_encode <= JOBS); /* a job is encoded once a call */
    }
    fmpnn_context_free(ctx);
}

/* Every allocation fails once: some requests come out, none is leaked or given twice. */
static void test_memory(void **unused)
{
    (void)unused;
    fmpnn_context_options how;
    fmpnn_context *ctx;
    fmpnn_backend backend = fmpnn_backend_cpu;
    backend.encode_many = encode_many;
    backend.sample_many = sample_many;
    backend.together = together;
    fit = 9;
    fmpnn_context_options_default(&how);
    how.threads = 1;
    assert_int_equal(fmpnn_context_create(&how, &ctx, NULL), 0);
    ctx->backend = &backend;
    for (size_t n = 1, failures = 1; failures; n++) {
        fmpnn_design_request request[REQUESTS];
        fmpnn_error err;
        make_requests(request);
        fmpnn_alloc_fail_at(n);
        fmpnn_design_many(ctx, REQUESTS, request, &err);
        failures = fmpnn_alloc_count() >= n;
        fmpnn_alloc_fail_at(0);
        for (int k = 0; k < REQUESTS; k++) {
            assert_int_equal(!request[k].samples, request[k].status != 0);
            fmpnn_samples_free(request[k].samples);
        }
        for (int k = 0; k < JOBS; k++)
            assert_true(!job[k]->encoding && !job[k]->called);
        if (n > 40)
            n += 6; /* the rest repeats itself */
    }
    fmpnn_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_by_one),
                                       cmocka_unit_test(test_together),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, build, clear);
}
