/* The message-passing operation by its public calls: engine against the plain formulas in
 * double, on every instruction set, and what the header promises besides. */
#include "backend.h"
#include "kernels/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT 1e-5

/* ---- a problem of any size ---- */

typedef struct problem {
    size_t B, L, D, k;
    fmpnn_message_weights w;
    float *weights, *h, *X, *mask;
    int32_t *E;
} problem;

static uint64_t state = 1;

static uint32_t next_bits(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static float uniform(double bound)
{
    return (float)(bound * ((double)next_bits() / (1u << 30) - 1));
}

static float *floats(size_t count, double bound)
{
    float *data = malloc((count ? count : 1) * sizeof *data);
    assert_non_null(data);
    for (size_t n = 0; n < count; n++)
        data[n] = uniform(bound);
    return data;
}

/* Name, place and shape of each weight; columns 0: a vector. */
static const struct part {
    const char *name;
    size_t offset;
} parts[] = {
#define PART(name)                                                                         \
    {                                                                                      \
#name, offsetof(fmpnn_message_weights, name)                                       \
    }
    PART(W1), PART(b1), PART(W2), PART(b2),    PART(U1),
    PART(c1), PART(U2), PART(c2), PART(gamma), PART(beta)};

enum { PARTS = sizeof parts / sizeof *parts };

static void part_shape(size_t n, size_t D, size_t *rows, size_t *columns)
{
    const size_t H = 2 * D;
    const size_t shape[PARTS][2] = {{H, H + 4}, {H, 0}, {D, H}, {D, 0}, {H, D},
                                    {H, 0},     {D, H}, {D, 0}, {D, 0}, {D, 0}};
    *rows = shape[n][0];
    *columns = shape[n][1];
}

static const float **part_of(problem *p, size_t n)
{
    return (const float **)(void *)((char *)&p->w + parts[n].offset);
}

static size_t part_count(size_t n, size_t D)
{
    size_t rows, columns;
    part_shape(n, D, &rows, &columns);
    return rows * (columns ? columns : 1);
}

static problem make_problem(size_t B, size_t L, size_t D, size_t k)
{
    problem p = {.B = B, .L = L, .D = D, .k = k};
    size_t total = 0, nodes = B * L;
    for (size_t n = 0; n < PARTS; n++)
        total += part_count(n, D);
    p.weights = floats(total, 1 / sqrt((double)D));
    p.w.D = D;
    total = 0;
    for (size_t n = 0; n < PARTS; n++) {
        *part_of(&p, n) = p.weights + total;
        total += part_count(n, D);
    }
    p.h = floats(nodes * D, 1.7);
    p.X = floats(nodes * 3, 12);
    p.mask = floats(nodes, 1);
    p.E = malloc(nodes * k * sizeof *p.E);
    assert_non_null(p.E);
    for (size_t n = 0; n < nodes; n++)
        p.mask[n] = n % 5 == 3 ? 0 : n % 7 == 5 ? 0.25f : 1; /* any factor is applied */
    for (size_t n = 0; n < nodes * k; n++)
        p.E[n] = (int32_t)(next_bits() % L); /* repeats, and the node itself */
    return p;
}

static void free_problem(problem *p)
{
    free(p->weights);
    free(p->h);
    free(p->X);
    free(p->mask);
    free(p->E);
}

static fmpnn_context *open_precision(const char *device, const char *isa,
                                     const char *precision, int threads)
{
    fmpnn_context_options options = {device, isa, precision, threads, 0};
    fmpnn_context *ctx = NULL;
    fmpnn_error err;
    if (fmpnn_context_create(&options, &ctx, &err))
        fail_msg("%s", err.message);
    return ctx;
}

static fmpnn_context *open_context(const char *device, const char *isa, int threads)
{
    return open_precision(device, isa, "fp32", threads);
}

/* The result on a context that this closes; freed by the caller. */
static float *result_on(const problem *p, fmpnn_context *ctx)
{
    fmpnn_error err;
    fmpnn_message_pass *op;
    float *out = floats(p->B * p->L * p->D, 1);
    if (fmpnn_message_pass_create(ctx, &p->w, p->B * p->L, p->k, &op, &err))
        fail_msg("%s", err.message);
    if (fmpnn_message_pass_run(op, p->B, p->L, p->h, p->X, p->E, p->mask, out, &err))
        fail_msg("%s", err.message);
    fmpnn_message_pass_free(op);
    fmpnn_context_free(ctx);
    return out;
}

static float *result(const problem *p, const char *device, const char *isa, int threads)
{
    return result_on(p, open_context(device, isa, threads));
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t n = 0; n < count; n++) {
        double difference = fabs((double)a[n] - b[n]);
        if (!(difference <= largest))
            largest = difference;
    }
    return largest;
}

/* ---- engine and formula ---- */

static void test_engine_agrees_with_formula(void **unused)
{
    static const size_t sizes[][4] = {/* B, L, D, k */
                                      {1, 106, 64, 12}, {3, 17, 32, 9},  {2, 13, 7, 5},
                                      {1, 1, 1, 1},     {1, 3, 16, 8},   {2, 2, 2, 11},
                                      {1, 31, 33, 1},   {5, 7, 17, 30},  {1, 25, 128, 48},
                                      {4, 6, 8, 3},     {1, 49, 130, 2}, {7, 1, 15, 4}};
    (void)unused;
    size_t compared = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int tanh_form = 0; tanh_form < 2; tanh_form++) {
            problem p = make_problem(sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3]);
            size_t count = p.B * p.L * p.D;
            p.w.tanh_form = tanh_form;
            float *exact = result(&p, "reference", NULL, 1);
            for (size_t n = 0; n < fmpnn_isa_count(); n++) {
                float *out = result(&p, "cpu", fmpnn_isa_name(n), 2);
                double difference = largest_difference(out, exact, count);
                if (!(difference <= LIMIT))
                    fail_msg("%s, B %zu L %zu D %zu k %zu, %s: off by %g",
                             fmpnn_isa_name(n), p.B, p.L, p.D, p.k,
                             tanh_form ? "tanh" : "erf", difference);
                compared++;
                free(out);
            }
            free(exact);
            free_problem(&p);
        }
    assert_true(compared >= 24);
}

/* The two forms of GELU are not the same function. */
static void test_forms_differ(void **unused)
{
    (void)unused;
    problem p = make_problem(1, 20, 16, 6);
    for (size_t n = 0; n < part_count(0, p.D) + part_count(1, p.D); n++)
        p.weights[n] *= 2; /* to where they differ most */
    float *erf_form = result(&p, "cpu", NULL, 1);
    p.w.tanh_form = true;
    float *tanh_form = result(&p, "cpu", NULL, 1);
    double difference = largest_difference(erf_form, tanh_form, 20 * 16);
    assert_true(difference > 2 * LIMIT && difference < 0.05);
    free(tanh_form);
    free(erf_form);
    free_problem(&p);
}

/* With U2 = 0 the messages do not matter: what is left can be written down. */
static void test_norm_residual_and_mask(void **unused)
{
    (void)unused;
    problem p = make_problem(2, 9, 6, 4);
    memset((void *)(uintptr_t)p.w.U2, 0, part_count(6, p.D) * sizeof(float));
    for (int wide = 0; wide < 2; wide++) {
        float *out = result(&p, wide ? "reference" : "cpu", NULL, 2);
        for (size_t i = 0; i < p.B * p.L; i++) {
            double mean = 0, variance = 0, x[6];
            for (size_t d = 0; d < 6; d++)
                mean += (x[d] = (double)p.h[i * 6 + d] + p.w.c2[d]) / 6;
            for (size_t d = 0; d < 6; d++)
                variance += (x[d] - mean) * (x[d] - mean) / 6;
            for (size_t d = 0; d < 6; d++) {
                double want =
                    p.mask[i] *
                    ((x[d] - mean) / sqrt(variance + 1e-5) * p.w.gamma[d] + p.w.beta[d]);
                assert_true(fabs(out[i * 6 + d] - want) < 2e-6);
            }
        }
        free(out);
    }
    free_problem(&p);
}

/* k times one neighbour is that neighbour once. */
static void test_repeated_neighbours(void **unused)
{
    (void)unused;
    problem p = make_problem(2, 11, 24, 6), once = p;
    int32_t first[22];
    for (size_t n = 0; n < 22; n++) {
        first[n] = p.E[n * 6];
        for (size_t m = 0; m < 6; m++)
            p.E[n * 6 + m] = first[n];
    }
    once.k = 1;
    once.E = first;
    float *many = result(&p, "cpu", NULL, 1), *one = result(&once, "cpu", NULL, 1);
    assert_true(largest_difference(many, one, 22 * 24) < 4e-6);
    free(one);
    free(many);
    free_problem(&p);
}

/* ---- promises about bits ---- */

static void check_bits(const problem *p, const char *isa, const char *precision)
{
    size_t each = p->L * p->D, all = p->B * each;
    float *want = result_on(p, open_precision("cpu", isa, precision, 1));
    for (int threads = 2; threads < 9; threads += 3) {
        float *out = result_on(p, open_precision("cpu", isa, precision, threads));
        assert_memory_equal(out, want, all * sizeof *out);
        free(out);
    }
    for (size_t b = 0; b < p->B; b++) { /* each element by itself */
        problem q = *p;
        q.B = 1;
        q.h += b * each;
        q.X += b * p->L * 3;
        q.mask += b * p->L;
        q.E += b * p->L * p->k;
        float *out = result_on(&q, open_precision("cpu", isa, precision, b % 2 ? 3 : 1));
        assert_memory_equal(out, want + b * each, each * sizeof *out);
        free(out);
    }
    free(want);
}

static void test_bits_of_threads_and_batch(void **unused)
{
    (void)unused;
    static const char *const precisions[] = {"fp32", "bf16x3", "bf16"};
    problem p = make_problem(5, 23, 40, 9);
    for (size_t n = 0; n < fmpnn_isa_count(); n++)
        for (size_t i = 0; i < 3; i++)
            if (fmpnn_kernels_for(fmpnn_isa_name(n), precisions[i]))
                check_bits(&p, fmpnn_isa_name(n), precisions[i]);
    free_problem(&p);
}

/* Neighbours lie inside their own batch element: what stands in another changes nothing. */
static void test_elements_are_apart(void **unused)
{
    (void)unused;
    problem p = make_problem(3, 14, 12, 5);
    size_t each = p.L * p.D;
    float *before = result(&p, "cpu", NULL, 2);
    for (size_t n = 0; n < each; n++)
        p.h[n] += 1; /* element 0, which the study's code gathered from for all */
    for (size_t n = 0; n < p.L * 3; n++)
        p.X[n] -= 2;
    float *after = result(&p, "cpu", NULL, 2);
    assert_memory_not_equal(after, before, each * sizeof *after);
    assert_memory_equal(after + each, before + each, 2 * each * sizeof *after);
    free(after);
    free(before);
    free_problem(&p);
}

/* Fewer nodes than prepared for, several times, and nothing beyond the result written. */
static void test_smaller_calls_and_canaries(void **unused)
{
    (void)unused;
    problem p = make_problem(4, 15, 19, 7);
    size_t count = p.B * p.L * p.D, few = 2 * p.L * p.D;
    fmpnn_message_pass *op;
    fmpnn_context *ctx = open_context("cpu", NULL, 2);
    float *want = result(&p, "cpu", NULL, 1), *out = floats(count, 1);
    float canary = out[few];
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, 60, p.k, &op, NULL), FMPNN_OK);
    size_t allocations = fmpnn_alloc_count();
    for (int again = 0; again < 3; again++) {
        assert_int_equal(
            fmpnn_message_pass_run(op, 2, p.L, p.h, p.X, p.E, p.mask, out, NULL), FMPNN_OK);
        assert_memory_equal(out, want, few * sizeof *out);
    }
    assert_memory_equal(&out[few], &canary, sizeof canary);
    assert_int_equal(fmpnn_message_pass_run(op, 4, p.L, p.h, p.X, p.E, p.mask, out, NULL),
                     FMPNN_OK);
    assert_memory_equal(out, want, count * sizeof *out);
    assert_int_equal(fmpnn_alloc_count(), allocations); /* a call allocates nothing */
    fmpnn_message_pass_free(op);
    fmpnn_context_free(ctx);
    free(out);
    free(want);
    free_problem(&p);
}

/* ---- what is refused ---- */

static void test_refused_sizes(void **unused)
{
    (void)unused;
    problem p = make_problem(1, 4, 8, 2);
    fmpnn_context *ctx = open_context("cpu", NULL, 1);
    fmpnn_message_pass *op = NULL;
    fmpnn_error err;
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, 0, 2, &op, &err), FMPNN_EINVAL);
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, 4, 0, &op, &err), FMPNN_EINVAL);
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, SIZE_MAX, 2, &op, &err),
                     FMPNN_EINVAL);
    p.w.D = 0;
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, 4, 2, &op, &err), FMPNN_EINVAL);
    p.w.D = SIZE_MAX / 2;
    assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, 4, 2, &op, &err), FMPNN_EINVAL);
    assert_non_null(strstr(err.message, "width"));
    assert_null(op);
    fmpnn_message_pass_free(NULL);
    fmpnn_context_free(ctx);
    free_problem(&p);
}

static void test_refused_calls(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu", "reference"};
    problem p = make_problem(2, 4, 8, 3);
    float *out = floats(64, 1), *before = malloc(64 * sizeof *before);
    fmpnn_error err;
    memcpy(before, out, 64 * sizeof *out);
    for (int d = 0; d < 2; d++) {
        fmpnn_context *ctx = open_context(devices[d], NULL, 1);
        fmpnn_message_pass *op;
        assert_int_equal(fmpnn_message_pass_create(ctx, &p.w, 8, 3, &op, &err), FMPNN_OK);
        const size_t wrong[][2] = {{0, 4}, {2, 0}, {3, 4}, {1, 9}, {SIZE_MAX, 2}};
        for (size_t n = 0; n < 5; n++)
            assert_int_equal(fmpnn_message_pass_run(op, wrong[n][0], wrong[n][1], p.h, p.X,
                                                    p.E, p.mask, out, &err),
                             FMPNN_EINVAL);
        for (int n = 0; n < 2; n++) {
            int32_t kept = p.E[5 * 3 + 1];
            p.E[5 * 3 + 1] = n ? -1 : 4; /* 4: a node of the next element */
            assert_int_equal(
                fmpnn_message_pass_run(op, 2, 4, p.h, p.X, p.E, p.mask, out, &err),
                FMPNN_EINVAL);
            assert_non_null(strstr(err.message, "neighbour 1 of node 5"));
            assert_non_null(strstr(err.message, "expected 0 to 3"));
            p.E[5 * 3 + 1] = kept;
        }
        assert_memory_equal(out, before, 64 * sizeof *out);
        fmpnn_message_pass_free(op);
        fmpnn_context_free(ctx);
    }
    free(before);
    free(out);
    free_problem(&p);
}

/* Every allocation failing once: a status, a message, nothing leaked (sanitizers, valgrind). */
static void test_no_memory(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu", "reference"};
    problem p = make_problem(1, 5, 6, 2);
    for (int d = 0; d < 2; d++) {
        fmpnn_context *ctx = open_context(devices[d], NULL, 2);
        fmpnn_message_pass *op = NULL;
        fmpnn_error err;
        size_t n = 0;
        fmpnn_status status;
        do {
            fmpnn_alloc_fail_at(++n);
            status = fmpnn_message_pass_create(ctx, &p.w, 5, 2, &op, &err);
            fmpnn_alloc_fail_at(0);
            if (status) {
                assert_int_equal(status, FMPNN_ENOMEM);
                assert_non_null(strstr(err.message, "message passing"));
            }
        } while (status && n < 100);
        assert_true(n > 2 && n < 100);
        fmpnn_message_pass_free(op);
        fmpnn_context_free(ctx);
    }
    free_problem(&p);
}

/* ---- weights from a file ---- */

/* Write p's weights as safetensors; `without` is left out, `bent` gets one row more. */
static void write_weights(problem *p, const char *path, const char *without,
                          const char *bent)
{
    char header[4096] = "{";
    size_t used = 1, at = 0;
    for (size_t n = 0; n < PARTS; n++) {
        size_t rows, columns, bytes = part_count(n, p->D) * sizeof(float);
        char shape[64];
        part_shape(n, p->D, &rows, &columns);
        if (bent && !strcmp(bent, parts[n].name)) {
            rows++; /* and its numbers reach into what follows: the file stays valid */
            bytes += (columns ? columns : 1) * sizeof(float);
        }
        snprintf(shape, sizeof shape, columns ? "%zu,%zu" : "%zu", rows, columns);
        if (!without || strcmp(without, parts[n].name) != 0) {
            used += (size_t)snprintf(
                header + used, sizeof header - used,
                "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                used > 1 ? "," : "", parts[n].name, shape, at, at + bytes);
            at += bytes;
        }
    }
    used += (size_t)snprintf(header + used, sizeof header - used, "}");
    while (used % 8)
        header[used++] = ' ';
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int n = 0; n < 8; n++)
        fputc((int)(used >> (8 * n) & 255), file);
    fwrite(header, 1, used, file);
    for (size_t n = 0; n < PARTS; n++) {
        size_t rows, columns;
        part_shape(n, p->D, &rows, &columns);
        if (without && !strcmp(without, parts[n].name))
            continue;
        fwrite(*part_of(p, n), sizeof(float), part_count(n, p->D), file);
        if (bent && !strcmp(bent, parts[n].name)) /* the row more */
            fwrite(p->weights, sizeof(float), columns ? columns : 1, file);
    }
    assert_int_equal(fclose(file), 0);
}

static void temporary_path(char path[64])
{
    snprintf(path, 64, "/tmp/message_pass_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
}

static void test_load(void **unused)
{
    (void)unused;
    char path[64];
    problem p = make_problem(1, 12, 10, 4);
    temporary_path(path);
    write_weights(&p, path, NULL, NULL);
    fmpnn_context *ctx = open_context("cpu", NULL, 1);
    fmpnn_message_pass *op;
    fmpnn_error err;
    for (int tanh_form = 0; tanh_form < 2; tanh_form++) {
        p.w.tanh_form = tanh_form;
        float *want = result(&p, "cpu", NULL, 1), *out = floats(120, 1);
        if (fmpnn_message_pass_load(ctx, path, tanh_form, 12, 4, &op, &err))
            fail_msg("%s", err.message);
        assert_int_equal(
            fmpnn_message_pass_run(op, 1, 12, p.h, p.X, p.E, p.mask, out, &err), FMPNN_OK);
        assert_memory_equal(out, want, 120 * sizeof *out);
        fmpnn_message_pass_free(op);
        free(out);
        free(want);
    }
    fmpnn_context_free(ctx);
    unlink(path);
    free_problem(&p);
}

static void test_load_refuses(void **unused)
{
    (void)unused;
    char path[64];
    problem p = make_problem(1, 3, 5, 2);
    fmpnn_context *ctx = open_context("cpu", NULL, 1);
    fmpnn_message_pass *op = NULL;
    fmpnn_error err;
    temporary_path(path);
    for (size_t n = 0; n < PARTS; n++) {
        for (int bent = 0; bent < 2; bent++) {
            write_weights(&p, path, bent ? NULL : parts[n].name,
                          bent ? parts[n].name : NULL);
            assert_int_equal(fmpnn_message_pass_load(ctx, path, false, 3, 2, &op, &err),
                             FMPNN_EFORMAT);
            assert_non_null(strstr(err.message, path));
            assert_non_null(strstr(err.message, "tensor"));
        }
        if (strcmp(parts[n].name, "gamma") != 0) /* the others follow gamma's width */
            assert_non_null(strstr(err.message, parts[n].name));
    }
    unlink(path);
    assert_int_equal(fmpnn_message_pass_load(ctx, path, false, 3, 2, &op, &err), FMPNN_EIO);
    assert_non_null(strstr(err.message, path));
    assert_null(op);
    fmpnn_context_free(ctx);
    free_problem(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_agrees_with_formula),
        cmocka_unit_test(test_forms_differ),
        cmocka_unit_test(test_norm_residual_and_mask),
        cmocka_unit_test(test_repeated_neighbours),
        cmocka_unit_test(test_bits_of_threads_and_batch),
        cmocka_unit_test(test_elements_are_apart),
        cmocka_unit_test(test_smaller_calls_and_canaries),
        cmocka_unit_test(test_refused_sizes),
        cmocka_unit_test(test_refused_calls),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
