/* Columns, shared values and the printing of single values. */
#include "output/record.h"

#include <math.h>
#include <string.h>

#define COLUMN(key, kind) {#key, FMPNN_##kind},
static const fmpnn_column design_column[] = {FMPNN_DESIGN_COLUMNS(COLUMN)};
static const fmpnn_column score_column[] = {FMPNN_SCORE_COLUMNS(COLUMN)};
static const fmpnn_column probs_column[] = {FMPNN_PROBS_COLUMNS(COLUMN)};
static const fmpnn_column scan_column[] = {FMPNN_SCAN_COLUMNS(COLUMN)};
static const fmpnn_column pack_column[] = {FMPNN_PACK_COLUMNS(COLUMN)};
#undef COLUMN

/* 15 digits: 0.1 stays 0.1, and nothing that a score knows is lost; 9 for float32. */
enum { DIGITS_DOUBLE = 15, DIGITS_FLOAT = 9 };

fmpnn_columns fmpnn_verb_columns(fmpnn_verb verb)
{
    switch (verb) {
    case FMPNN_VERB_DESIGN:
        return (fmpnn_columns){design_column, FMPNN_DESIGN_COUNT, DIGITS_DOUBLE};
    case FMPNN_VERB_SCORE:
        return (fmpnn_columns){score_column, FMPNN_SCORE_COUNT, DIGITS_DOUBLE};
    case FMPNN_VERB_SCAN:
        return (fmpnn_columns){scan_column, FMPNN_SCAN_COUNT, DIGITS_DOUBLE};
    case FMPNN_VERB_PACK:
        return (fmpnn_columns){pack_column, FMPNN_PACK_COUNT, DIGITS_FLOAT};
    case FMPNN_VERB_PROBS:
    case FMPNN_VERBS:
        break;
    }
    return (fmpnn_columns){probs_column, FMPNN_PROBS_COUNT, DIGITS_FLOAT};
}

const char *fmpnn_verb_text(fmpnn_verb verb)
{
    static const char *const text[FMPNN_VERBS] = {"design", "score", "probs", "scan",
                                                  "pack"};
    return text[verb];
}

fmpnn_status fmpnn_run_record_name(const char *name, char *text, size_t size,
                                   fmpnn_error *err)
{
    size_t length = strlen(name);
    if (length > FMPNN_RECORD_NAME_MAX || length + 2 > size)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%.60s...: a name of %zu characters; at most %d can name results",
                          name, length, FMPNN_RECORD_NAME_MAX);
    for (size_t n = 0; n < length; n++) {
        char c = name[n];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        text[n] = plain ? c : '_';
    }
    if (!length)
        text[length++] = '_';
    text[length] = '\0';
    return FMPNN_OK;
}

fmpnn_status fmpnn_stamp_make(const char *name, const fmpnn_job *job,
                              const fmpnn_context *ctx, fmpnn_stamp *stamp,
                              fmpnn_error *err)
{
    char record_name[FMPNN_RECORD_NAME_MAX + 2];
    fmpnn_model_info info;
    fmpnn_text on;
    memset(stamp, 0, sizeof *stamp);
    fmpnn_status status = fmpnn_run_record_name(name, record_name, sizeof record_name, err);
    if (status)
        return status;
    fmpnn_model_describe(fmpnn_job_model(job), &info);
    snprintf(stamp->digest, sizeof stamp->digest, "%.64s", info.digest);
    snprintf(stamp->weights, sizeof stamp->weights, "%.12s", info.digest);
    stamp->seed = fmpnn_job_seed(job);
    stamp->native_score = NAN;
    stamp->name = fmpnn_copy_text(name);
    stamp->record_name = fmpnn_copy_text(record_name);
    stamp->model = fmpnn_copy_text(info.name);
    stamp->device = fmpnn_copy_text(fmpnn_context_device(ctx));
    stamp->isa = fmpnn_copy_text(fmpnn_context_isa(ctx));
    stamp->precision = fmpnn_copy_text(fmpnn_context_precision(ctx));
    fmpnn_text_init(&on);
    if (stamp->device && stamp->isa && stamp->precision)
        fmpnn_text_print(&on, "%s/%s/%s", stamp->device, stamp->isa, stamp->precision);
    stamp->on = on.data;
    if (!stamp->name || !stamp->record_name || !stamp->model || !stamp->on || on.failed) {
        fmpnn_stamp_clear(stamp);
        return fmpnn_fail_memory(err, "preparing results");
    }
    return FMPNN_OK;
}

void fmpnn_stamp_clear(fmpnn_stamp *stamp)
{
    fmpnn_release(stamp->on);
    fmpnn_release(stamp->precision);
    fmpnn_release(stamp->isa);
    fmpnn_release(stamp->device);
    fmpnn_release(stamp->model);
    fmpnn_release(stamp->record_name);
    fmpnn_release(stamp->name);
    memset(stamp, 0, sizeof *stamp);
}

void fmpnn_format_fixed(double value, int decimals, char out[48])
{
    if (!(fabs(value) < 1e15)) { /* NaN, infinite or absurd */
        fmpnn_format_double(value, out);
        return;
    }
    fmpnn_print(out, 48, "%.*f", decimals, value);
    if (*out == '-' && strspn(out, "-0.") == strlen(out))
        memmove(out, out + 1, strlen(out));
}

void fmpnn_print_value(fmpnn_text *out, const fmpnn_column *column,
                       const fmpnn_value *value, int decimals, bool word)
{
    char number[48];
    switch (column->kind) {
    case FMPNN_TEXT:
        for (const char *c = value->text; *c; c++)
            if ((unsigned char)*c < ' ' || *c == '\x7f' || (word && *c == ' '))
                fmpnn_text_add(out, "_", 1);
            else
                fmpnn_text_add(out, c, 1);
        break;
    case FMPNN_INTEGER:
    case FMPNN_FLAG:
        fmpnn_text_print(out, "%lld", (long long)value->integer);
        break;
    case FMPNN_EXACT:
        fmpnn_format_double(value->real, number);
        fmpnn_text_print(out, "%s", number);
        break;
    case FMPNN_REAL:
        fmpnn_format_fixed(value->real, decimals, number);
        fmpnn_text_print(out, "%s", number);
        break;
    }
}

void fmpnn_record_print(const fmpnn_record *record, const fmpnn_printers *printers)
{
    if (printers->fasta)
        fmpnn_fasta_add(printers->fasta, record);
    if (printers->table)
        fmpnn_table_add(printers->table, record);
    if (printers->jsonl)
        fmpnn_jsonl_add(printers->jsonl, record);
}
