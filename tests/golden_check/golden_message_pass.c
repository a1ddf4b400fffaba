/* Message-pass cases: inputs and weights are stored, `out` is the literal formula in float64.
 * Both paths go through the public operation: the engine as asked for, and the reference, which
 * computes in double and rounds its result once. */
#include "golden.h"

#include <math.h>
#include <string.h>

typedef struct operation_case {
    golden_arena arena;
    const char *name;
    fmpnn_archive *archive;
    bool tanh_form;
    size_t B, L, D, k;
} operation_case;

/* ---- inputs ---- */

static bool whole(const json_t *entry, const char *key, size_t *value,
                  golden_report *report)
{
    const json_t *number = json_object_get(entry, key);
    json_int_t n = json_integer_value(number);
    if (!json_is_integer(number) || n < 1 || n > 1 << 24) {
        golden_problem(report, "%s: expected a whole number, 1 or more", key);
        return false;
    }
    *value = (size_t)n;
    return true;
}

static bool open_case(operation_case *c, const char *folder, const json_t *entry,
                      golden_report *report)
{
    char path[4096];
    fmpnn_error err;
    const char *file = json_string_value(json_object_get(entry, "file"));
    const char *gelu = json_string_value(json_object_get(entry, "gelu"));
    if (!file || !gelu || (strcmp(gelu, "erf") != 0 && strcmp(gelu, "tanh") != 0)) {
        golden_problem(report, "the manifest must give file, and gelu as erf or tanh");
        return false;
    }
    c->tanh_form = !strcmp(gelu, "tanh");
    if (!whole(entry, "batch_size", &c->B, report) ||
        !whole(entry, "sequence_length", &c->L, report) ||
        !whole(entry, "hidden_dim", &c->D, report) ||
        !whole(entry, "k_neighbors", &c->k, report))
        return false;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (fmpnn_archive_open(path, &c->archive, &err)) {
        golden_problem(report, "%s", err.message);
        return false;
    }
    return true;
}

/* A float32 tensor of that shape, copied: what is stored may be unaligned. */
static const float *floats(operation_case *c, golden_report *report, const char *name,
                           size_t rank, size_t a, size_t b, size_t d)
{
    const fmpnn_array *array = golden_tensor(report, name, rank, a, b, d);
    if (!array || array->dtype != FMPNN_F32) {
        golden_problem(report, "%s: missing, or not float32 of the case's shape", name);
        return NULL;
    }
    float *copy = golden_alloc(&c->arena, array->count, sizeof *copy);
    memcpy(copy, array->data, array->count * sizeof *copy);
    return copy;
}

static const int32_t *neighbours(operation_case *c, golden_report *report)
{
    const fmpnn_array *array = golden_tensor(report, "E_idx", 3, c->B, c->L, c->k);
    if (!array || (array->dtype != FMPNN_I32 && array->dtype != FMPNN_I64)) {
        golden_problem(report, "E_idx: missing, or not int32 or int64 of the case's shape");
        return NULL;
    }
    int32_t *copy = golden_alloc(&c->arena, array->count, sizeof *copy);
    for (size_t n = 0; n < array->count; n++) {
        double j = golden_value(array, n);
        copy[n] =
            j >= 0 && j < (double)c->L ? (int32_t)j : -1; /* -1: refused by the call */
    }
    return copy;
}

static bool weights(operation_case *c, golden_report *report, fmpnn_message_weights *w)
{
    size_t D = c->D, H = 2 * D;
    *w = (fmpnn_message_weights){
        .D = D,
        .W1 = floats(c, report, "W1", 2, H, H + 4, 0),
        .b1 = floats(c, report, "b1", 1, H, 0, 0),
        .W2 = floats(c, report, "W2", 2, D, H, 0),
        .b2 = floats(c, report, "b2", 1, D, 0, 0),
        .U1 = floats(c, report, "U1", 2, H, D, 0),
        .c1 = floats(c, report, "c1", 1, H, 0, 0),
        .U2 = floats(c, report, "U2", 2, D, H, 0),
        .c2 = floats(c, report, "c2", 1, D, 0, 0),
        .gamma = floats(c, report, "gamma", 1, D, 0, 0),
        .beta = floats(c, report, "beta", 1, D, 0, 0),
        .tanh_form = c->tanh_form,
    };
    return !report->failed;
}

/* ---- one path ---- */

/* Through the engine: 1e-5 in float32, 1e-4 with split products; bf16 is not judged. The reference
 * is exact to double; then one rounding to float32, half a unit in the last place. */
static double limit_at(const golden_report *report, bool engine, double want)
{
    if (!engine)
        return 1e-10 + fabs(want) * 0x1p-24;
    return strcmp(report->precision, "fp32") == 0 ? 1e-5 : 1e-4;
}

static void compare(golden_report *report, const fmpnn_array *want, const float *got,
                    bool engine)
{
    double largest = 0, limit = 0;
    size_t beyond = 0;
    for (size_t n = 0; n < want->count; n++) {
        double exact = golden_value(want, n), difference = fabs(got[n] - exact);
        double allowed = limit_at(report, engine, exact);
        beyond += !(difference <= allowed);
        if (!(difference <= largest))
            largest = difference;
        limit = allowed > limit ? allowed : limit;
    }
    fmpnn_text_print(&report->tensors, " out %.3g/%.3g", largest, limit);
    if (beyond && !report->approximate)
        golden_problem(report, "out: %zu of %zu values beyond the limit", beyond,
                       want->count);
}

static void run(operation_case *c, fmpnn_context *ctx, golden_report *report, bool engine)
{
    fmpnn_error err;
    fmpnn_message_weights w;
    fmpnn_message_pass *op;
    const float *h = floats(c, report, "h", 3, c->B, c->L, c->D);
    const float *X = floats(c, report, "X", 3, c->B, c->L, 3);
    const float *mask = floats(c, report, "mask", 2, c->B, c->L, 0);
    const int32_t *E = neighbours(c, report);
    const fmpnn_array *want = golden_tensor(report, "out", 3, c->B, c->L, c->D);
    if (!want || (want->dtype != FMPNN_F64 && want->dtype != FMPNN_F32))
        golden_problem(report, "out: missing, or not float64 of the case's shape");
    if (!weights(c, report, &w) || report->failed)
        return;
    report->isa = engine ? fmpnn_context_isa(ctx) : "-";
    report->precision = fmpnn_context_precision(ctx);
    report->approximate = engine && strcmp(report->precision, "bf16") == 0;
    float *out = golden_alloc(&c->arena, want->count, sizeof *out);
    if (fmpnn_message_pass_create(ctx, &w, c->B * c->L, c->k, &op, &err)) {
        golden_problem(report, "%s", err.message);
        return;
    }
    if (fmpnn_message_pass_run(op, c->B, c->L, h, X, E, mask, out, &err))
        golden_problem(report, "%s", err.message);
    else
        compare(report, want, out, engine);
    fmpnn_message_pass_free(op);
}

/* A context on exactly what was asked for, or why not. */
static fmpnn_context *open_context(const golden_options *o, bool engine, fmpnn_error *why)
{
    fmpnn_context_options options;
    fmpnn_context *ctx;
    fmpnn_context_options_default(&options);
    options.device = !engine ? "reference" : o->device ? o->device : "cpu";
    options.isa = engine && o->isa ? o->isa : engine ? options.isa : NULL;
    options.precision = engine && o->precision ? o->precision : "fp32";
    if (fmpnn_context_create(&options, &ctx, why))
        return NULL;
    if (!engine || ((!o->isa || !strcmp(o->isa, fmpnn_context_isa(ctx))) &&
                    !strcmp(options.precision, fmpnn_context_precision(ctx))))
        return ctx;
    fmpnn_fail(why, FMPNN_EDEVICE, "asked for %s %s, got %s %s", o->isa ? o->isa : "best",
               options.precision, fmpnn_context_isa(ctx), fmpnn_context_precision(ctx));
    fmpnn_context_free(ctx);
    return NULL;
}

static void through(const golden_options *o, const json_t *entry, const char *name,
                    bool engine, golden_totals *totals)
{
    operation_case c = {.name = name};
    golden_report problems, report;
    fmpnn_error why;
    const char *path = engine ? "engine" : "reference";
    golden_report_init(&problems, name, path, NULL);
    if (!open_case(&c, o->folder, entry, &problems)) {
        golden_report_close(&problems, totals);
        return;
    }
    golden_report_clear(&problems);
    golden_report_init(&report, name, path, c.archive);
    fmpnn_context *ctx = open_context(o, engine, &why);
    if (ctx)
        run(&c, ctx, &report, engine);
    else
        golden_problem(&report, "%s", why.message);
    golden_report_close(&report, totals);
    fmpnn_context_free(ctx);
    fmpnn_archive_close(c.archive);
    golden_arena_clear(&c.arena);
}

void golden_message_pass(const golden_options *options, const json_t *manifest,
                         golden_totals *totals)
{
    size_t n;
    json_t *entry;
    json_array_foreach(json_object_get(manifest, "cases"), n, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "case"));
        name = name ? name : "(unnamed)";
        if (!golden_wanted(options, name, totals))
            continue;
        if (options->reference)
            through(options, entry, name, false, totals);
        if (options->engine)
            through(options, entry, name, true, totals);
    }
}
