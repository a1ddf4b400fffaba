/* verify: how far every precision and instruction set here, or those of a device, are from double
 * precision, on one structure. The plain formulas in double (device "reference") answer first; then
 * each context that this machine can open. */
#include "batch.h"
#include "place.h"
#include "progress.h"
#include "report.h"
#include "table.h"
#include "verbs.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LETTERS = 21 };

#define LIMIT 2e-4 /* of float32-grade precisions, on log-probabilities */
#define TEMPERATURE 0.1

static const char titles[] = "name device isa precision max_diff mean_diff limit letters sampled "
                             "neighbours verdict model weights";

typedef struct verify_state {
    table table;
    char *text;
    size_t size;
    FILE *lines;
} verify_state;

/* What is asked of every context. */
typedef struct answers {
    float *log_p;     /* [2][L][21]: without letters, and of the native letters in one order */
    uint8_t *letters; /* [L] of sample 1 */
} answers;

/* One context against the reference. */
typedef struct verdict {
    const char *device, *isa, *precision;
    double max_diff, mean_diff, letters, sampled;
    bool limited, good;
} verdict;

static void answers_clear(answers *a)
{
    free(a->letters);
    free(a->log_p);
    memset(a, 0, sizeof *a);
}

static fmpnn_status answer(fmpnn_context *ctx, fmpnn_job *job, answers *a, fmpnn_error *err)
{
    size_t L = fmpnn_job_length(job);
    fmpnn_samples *samples;
    a->log_p = checked_alloc(2 * L * LETTERS, sizeof *a->log_p);
    a->letters = checked_alloc(L, 1);
    fmpnn_status status =
        fmpnn_probs(ctx, job, FMPNN_PROBS_UNCONDITIONAL, NULL, 1, a->log_p, err);
    if (!status)
        status = fmpnn_probs(ctx, job, FMPNN_PROBS_AUTOREGRESSIVE, NULL, 1,
                             a->log_p + L * LETTERS, err);
    if (!status)
        status = fmpnn_design(ctx, job, TEMPERATURE, 1, 1, false, &samples, err);
    if (status)
        return status;
    memcpy(a->letters, samples->sample[0].letters, L);
    fmpnn_samples_free(samples);
    return FMPNN_OK;
}

/* ---- comparing ---- */

static size_t best_letter(const float *log_p)
{
    size_t best = 0;
    for (size_t a = 1; a < LETTERS; a++)
        best = log_p[a] > log_p[best] ? a : best;
    return best;
}

static bool is_limited(const char *precision)
{
    return !strcmp(precision, "fp32") || !strcmp(precision, "bf16x3");
}

static void compare(const fmpnn_job *job, const answers *exact, const answers *got, verdict *v)
{
    size_t L = fmpnn_job_length(job), rows = 0, agree = 0, designed = 0, sampled = 0;
    bool finite = true;
    for (size_t n = 0; n < 2 * L; n++) {
        const float *a = exact->log_p + n * LETTERS, *b = got->log_p + n * LETTERS;
        if (!fmpnn_job_position(job, n % L).resolved)
            continue;
        rows++;
        agree += best_letter(a) == best_letter(b);
        for (size_t k = 0; k < LETTERS; k++) {
            double d = fabs((double)a[k] - (double)b[k]);
            finite = finite && isfinite(d);
            v->max_diff = d > v->max_diff ? d : v->max_diff;
            v->mean_diff += d;
        }
    }
    for (size_t i = 0; i < L; i++) {
        bool is_designed = fmpnn_job_position(job, i).designed;
        designed += is_designed;
        sampled += is_designed && exact->letters[i] == got->letters[i];
    }
    v->mean_diff /= (double)(rows * LETTERS);
    v->max_diff = finite ? v->max_diff : NAN;
    v->letters = (double)agree / (double)rows;
    v->sampled = (double)sampled / (double)designed;
    v->limited = is_limited(v->precision);
    v->good = finite && (!v->limited || v->max_diff <= LIMIT);
}

/* ---- telling ---- */

static void tell(verify_state *state, const batch *b, const char *name,
                 const fmpnn_model_info *model, double neighbours, const verdict *v)
{
    const char *word = !v->limited ? "approximation" : v->good ? "pass" : "FAIL";
    char limit[16] = "-";
    if (b->options.json) {
        json_t *row = json_pack(
            "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:f, s:f, s:f, s:s, s:s, s:s}", "name", name,
            "device", v->device, "isa", v->isa, "precision", v->precision, "max_diff",
            isfinite(v->max_diff) ? json_real(v->max_diff) : json_null(), "mean_diff",
            isfinite(v->mean_diff) ? json_real(v->mean_diff) : json_null(), "limit",
            v->limited ? json_real(LIMIT) : json_null(), "letters", v->letters, "sampled",
            v->sampled, "neighbours", neighbours, "verdict", word, "model", model->name,
            "weights", model->digest);
        char *line = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(9));
        fprintf(state->lines, "%s\n", line ? line : "{}");
        free(line);
        json_decref(row);
        return;
    }
    if (v->limited)
        snprintf(limit, sizeof limit, "%g", LIMIT);
    table_add(&state->table, "%s", name);
    table_add(&state->table, "%s", v->device);
    table_add(&state->table, "%s", v->isa);
    table_add(&state->table, "%s", v->precision);
    table_add(&state->table, "%.2e", v->max_diff);
    table_add(&state->table, "%.2e", v->mean_diff);
    table_add(&state->table, "%s", limit);
    table_add(&state->table, "%.4f", v->letters);
    table_add(&state->table, "%.4f", v->sampled);
    table_add(&state->table, "%.4f", neighbours);
    table_add(&state->table, "%s", word);
    table_add(&state->table, "%s", model->name);
    table_add(&state->table, "%.12s", model->digest);
}

/* ---- every context that can be opened ---- */

typedef struct checked {
    verify_state *state;
    batch *b;
    const input *in;
    fmpnn_job *job;
    answers exact;
    double neighbours;
    size_t ran, failed;
} checked;

static fmpnn_status check_one(checked *c, const fmpnn_context_options *how, fmpnn_error *err)
{
    fmpnn_context *ctx;
    fmpnn_model_info model;
    answers got = {0};
    fmpnn_status status = fmpnn_context_create(how, &ctx, err);
    if (status == FMPNN_EDEVICE) /* not every instruction set has every precision */
        return FMPNN_OK;
    if (status)
        return status;
    status = answer(ctx, c->job, &got, err);
    if (!status) {
        verdict v = {.device = fmpnn_context_device(ctx), .isa = fmpnn_context_isa(ctx),
                     .precision = fmpnn_context_precision(ctx)};
        if (getenv("FMPNN_VERIFY_FAULT")) /* for the test: a wrong result must be noticed */
            got.log_p[0] += 3 * (float)LIMIT;
        compare(c->job, &c->exact, &got, &v);
        fmpnn_model_describe(fmpnn_job_model(c->job), &model);
        tell(c->state, c->b, c->in->name, &model, c->neighbours, &v);
        c->ran++;
        c->failed += !v.good;
    }
    answers_clear(&got);
    fmpnn_context_free(ctx);
    return status;
}

/* --isa and --precision keep one of each. */
static fmpnn_status check_precisions(checked *c, const char *device, const char *isa,
                                     fmpnn_error *err)
{
    static const char *const precisions[] = {"fp32", "bf16x3", "fp16", "bf16"};
    const options *o = &c->b->options;
    fmpnn_status status = FMPNN_OK;
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions && !status; p++) {
        fmpnn_context_options how = {.device = device, .isa = isa, .precision = precisions[p],
                                     .threads = fmpnn_context_threads(c->b->ctx)};
        if ((!isa || !o->isa || !strcmp(o->isa, isa)) &&
            (!o->precision || !strcmp(o->precision, how.precision)))
            status = check_one(c, &how, err);
    }
    return status;
}

/* --device auto: the devices too; cuda: those alone. */
static fmpnn_status check_all(checked *c, fmpnn_error *err)
{
    const char *asked = c->b->options.device;
    bool alone = asked && !strncmp(asked, "cuda", 4);
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < fmpnn_isa_count() && !alone && !status; n++)
        status = check_precisions(c, "cpu", fmpnn_isa_name(n), err);
    for (int n = 0; n < c->b->devices && !status; n++) {
        char device[32];
        snprintf(device, sizeof device, "cuda:%d", c->b->first_device + n);
        status = check_precisions(c, device, NULL, err);
    }
    return status;
}

static outcome verify_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    checked c = {.state = b->state, .b = b, .in = in, .job = job};
    fmpnn_context_options how = {.device = "reference",
                                 .threads = fmpnn_context_threads(b->ctx)};
    fmpnn_context *reference = NULL;
    size_t same, rows;
    fmpnn_status status = fmpnn_context_create(&how, &reference, err);
    if (!status)
        status = fmpnn_job_check_neighbours(job, &same, &rows, err);
    if (!status)
        status = answer(reference, job, &c.exact, err);
    if (!status) {
        c.neighbours = rows ? (double)same / (double)rows : 1;
        status = check_all(&c, err);
    }
    answers_clear(&c.exact);
    fmpnn_context_free(reference);
    progress_add(in->name, 1);
    if (!status && c.failed) {
        snprintf(err->message, sizeof err->message,
                 "%zu of %zu combinations differ from double precision by more than %g",
                 c.failed, c.ran, LIMIT);
        return FAILED_INPUT;
    }
    return outcome_of_compute(status);
}

/* ---- the verb ---- */

static size_t count_units(const batch *b, const options *o)
{
    (void)b;
    (void)o;
    return 1;
}

static int check_place(batch *b, const options *o)
{
    verify_state *state = b->state;
    int code = batch_check_single(b);
    if (code < 0 && !state->table.columns)
        table_init(&state->table, titles);
    return code < 0 ? place_check("verify", o->output, o->overwrite) : code;
}

static int print_all(batch *b, int code)
{
    verify_state *state = b->state;
    bool padded = !b->options.output && isatty(STDOUT_FILENO);
    bool told = b->options.json || state->table.cells > state->table.columns;
    if (!b->options.json && told)
        table_print(&state->table, padded, state->lines);
    fflush(state->lines);
    if (code == EXIT_NO_INPUT && told && state->size) /* it could be used, and disagrees */
        code = EXIT_SOME_FAILED;
    return state->size ? place_write("verify", b->options.output, state->text, state->size, code)
                       : code;
}

int cli_verify(const verb *v, int argc, char **argv)
{
    static const work verify = {.unit = "structures", .units = count_units,
                                .check = check_place, .each = verify_one, .finish = print_all};
    verify_state state = {0};
    state.lines = open_memstream(&state.text, &state.size);
    if (!state.lines) {
        report_error("verify: out of memory");
        return EXIT_SOME_FAILED;
    }
    int code = batch_run(v, &verify, &state, argc, argv);
    fclose(state.lines);
    free(state.text);
    table_clear(&state.table);
    return code;
}
