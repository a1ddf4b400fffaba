/* score: the native sequence, those of a FASTA file, or mutants, averaged over decoding orders. */
#include "fasta.h"
#include "interrupt.h"
#include "parcel.h"
#include "progress.h"
#include "report.h"
#include "variants.h"
#include "verbs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS = 10 };

typedef struct score_state {
    fasta *file; /* [files], each path once */
    size_t files;
    variants *table; /* [tables], each path once */
    size_t tables;
    bool noted;
} score_state;

static size_t orders_of(const options *o)
{
    return o->orders > 0 ? (size_t)o->orders : ORDERS;
}

static const fasta *file_of(const batch *b, const options *o)
{
    const score_state *state = b->state;
    for (size_t i = 0; o->fasta && i < state->files; i++) {
        if (!strcmp(state->file[i].path, o->fasta))
            return &state->file[i];
    }
    return NULL;
}

static const variants *variants_of(const batch *b, const options *o)
{
    const score_state *state = b->state;
    for (size_t i = 0; o->variants && i < state->tables; i++) {
        if (!strcmp(state->table[i].path, o->variants))
            return &state->table[i];
    }
    return NULL;
}

static bool same_columns(const variants *a, const variants *b)
{
    bool same = a->columns == b->columns;
    for (size_t n = 0; same && n < a->columns; n++)
        same = !strcmp(a->column[n], b->column[n]);
    return same;
}

static int check_variants(batch *b, const options *o)
{
    score_state *state = b->state;
    fmpnn_error err;
    if (!o->variants || variants_of(b, o))
        return -1;
    state->table = checked_grow(state->table, state->tables + 1, sizeof *state->table);
    variants *fresh = &state->table[state->tables];
    if (variants_read(o->variants, fresh, &err) != FMPNN_OK) {
        report_error("score: --variants: %s", err.message);
        return EXIT_USAGE;
    }
    state->tables++;
    if (!same_columns(fresh, &state->table[0])) { /* one table has one header */
        report_error("score: --variants: %s and %s have other columns; score them apart",
                     state->table[0].path, fresh->path);
        return EXIT_USAGE;
    }
    b->columns = (const char *const *)fresh->column;
    b->column_count = fresh->columns;
    return -1;
}

static int check_fasta(batch *b, const options *o)
{
    score_state *state = b->state;
    fmpnn_error err;
    if (!o->fasta || file_of(b, o))
        return -1;
    state->file = checked_grow(state->file, state->files + 1, sizeof *state->file);
    if (fasta_read(o->fasta, &state->file[state->files], &err) == FMPNN_OK) {
        state->files++;
        return -1;
    }
    report_error("score: --fasta: %s", err.message);
    return EXIT_USAGE;
}

static size_t count_units(const batch *b, const options *o)
{
    const fasta *file = file_of(b, o);
    const variants *table = variants_of(b, o);
    return table ? table->count : file ? file->count : 1;
}

static char *make_plan(const batch *b, const options *o)
{
    const fasta *file = file_of(b, o);
    char digest[17] = "native";
    if (variants_of(b, o))
        variants_digest(variants_of(b, o), digest);
    else if (file)
        fasta_digest(file, digest);
    json_t *plan = json_pack("{s:I, s:I, s:s}", "orders", (json_int_t)orders_of(o),
                             "sequences", (json_int_t)count_units(b, o), "scored", digest);
    char *line = json_dumps(plan, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(plan);
    return line;
}

static outcome score_native(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    fmpnn_score_result result;
    size_t L = fmpnn_job_length(job), orders = orders_of(in->options);
    fmpnn_status status = fmpnn_score(b->ctx, job, 1, NULL, orders, &result, err);
    if (status != FMPNN_OK)
        return outcome_of_compute(status);
    uint8_t *letters = checked_alloc(L, 1);
    for (size_t i = 0; i < L; i++)
        letters[i] = fmpnn_job_position(job, i).native;
    status = parcel_score(b, "native", letters, L, orders, &result, err);
    free(letters);
    parcel_progress(b, in, 1);
    return outcome_of_results(status);
}

/* Records first .. first+n-1 of the file. */
static outcome score_some(batch *b, const input *in, fmpnn_job *job, const fasta *file,
                          size_t first, size_t n, uint8_t *letters, fmpnn_error *err)
{
    fmpnn_score_result result[BATCH_CHUNK]; /* n comes from batch_chunk() */
    size_t L = fmpnn_job_length(job), orders = orders_of(in->options);
    fmpnn_status status = fmpnn_score(b->ctx, job, n, letters, orders, result, err);
    if (status != FMPNN_OK)
        return outcome_of_compute(status);
    for (size_t i = 0; i < n; i++) {
        status = parcel_score(b, file->record[first + i].name, letters + i * L, L, orders,
                              &result[i], err);
        if (status != FMPNN_OK)
            return outcome_of_results(status);
    }
    parcel_progress(b, in, n);
    return OUTCOME_DONE;
}

static outcome score_file(batch *b, const input *in, fmpnn_job *job, const fasta *file,
                          fmpnn_error *err)
{
    size_t L = fmpnn_job_length(job), chunk = batch_chunk(L, false);
    uint8_t *letters = checked_alloc(chunk, L);
    fasta_fit *fit = fasta_fit_create(job);
    outcome how = OUTCOME_DONE;
    for (size_t first = 0; first < file->count && how == OUTCOME_DONE; first += chunk) {
        size_t n = file->count - first < chunk ? file->count - first : chunk;
        for (size_t i = 0; i < n && how == OUTCOME_DONE; i++)
            how = outcome_of_compute(
                fasta_fit_letters(fit, file, first + i, letters + i * L, err));
        if (how == OUTCOME_DONE && interrupt_caught())
            how = STOP_INTERRUPT;
        if (how == OUTCOME_DONE)
            how = score_some(b, in, job, file, first, n, letters, err);
    }
    fasta_fit_free(fit);
    free(letters);
    return how;
}

/* Rows first .. first+n-1 of the table, whose letters are known. */
static outcome score_rows(batch *b, const input *in, fmpnn_job *job, const variants *table,
                          size_t first, size_t n, const uint8_t *letters,
                          fmpnn_score_result *result, fmpnn_error *err)
{
    size_t L = fmpnn_job_length(job), orders = orders_of(in->options);
    fmpnn_status status =
        fmpnn_score_variants(b->ctx, job, NULL, n, letters, orders, result, err);
    if (status != FMPNN_OK)
        return outcome_of_compute(status);
    for (size_t i = 0; i < n; i++) {
        char *const *cell = table->row[first + i].cell;
        status = fmpnn_run_add_score_row(b->run, cell[table->mutant],
                                         (const char *const *)cell, letters + i * L, orders,
                                         &result[i], err);
        if (status != FMPNN_OK)
            return outcome_of_results(status);
    }
    progress_add(in->name, n);
    return OUTCOME_DONE;
}

/* All rows are read against the structure before the first is scored. */
static outcome score_table(batch *b, const input *in, fmpnn_job *job, const variants *table,
                           fmpnn_error *err)
{
    enum { CHUNK = 256 }; /* many, since they share a pass */
    size_t L = fmpnn_job_length(job);
    uint8_t *letters = checked_alloc(CHUNK, L);
    fmpnn_score_result *result = checked_alloc(CHUNK, sizeof *result);
    outcome how = OUTCOME_DONE;
    for (size_t n = 0; n < table->count && how == OUTCOME_DONE; n++)
        how = outcome_of_compute(variants_letters(table, n, job, letters, err));
    for (size_t first = 0; first < table->count && how == OUTCOME_DONE; first += CHUNK) {
        size_t n = table->count - first < CHUNK ? table->count - first : CHUNK;
        for (size_t i = 0; i < n && how == OUTCOME_DONE; i++)
            how = outcome_of_compute(
                variants_letters(table, first + i, job, letters + i * L, err));
        if (how == OUTCOME_DONE && interrupt_caught())
            how = STOP_INTERRUPT;
        if (how == OUTCOME_DONE)
            how = score_rows(b, in, job, table, first, n, letters, result, err);
    }
    free(result);
    free(letters);
    return how;
}

/* The number differs from the one-order score of a design: say so, once. */
static void note_orders(batch *b, const options *o)
{
    score_state *state = b->state;
    char message[160];
    if (state->noted || orders_of(o) == 1)
        return;
    state->noted = true;
    snprintf(
        message, sizeof message,
        "scores are means over %zu random decoding orders, not the one-order score that "
        "design gives",
        orders_of(o));
    report_note(b->options.quiet, NULL, NULL, message);
}

static outcome score_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    const fasta *file = file_of(b, in->options);
    const variants *table = variants_of(b, in->options);
    return table  ? score_table(b, in, job, table, err)
           : file ? score_file(b, in, job, file, err)
                  : score_native(b, in, job, err);
}

/* Mutants have rows of a table to go with them, and share work: never ahead. */
static size_t result_size(const batch *b, const options *o, size_t L)
{
    return variants_of(b, o) ? SIZE_MAX : count_units(b, o) * (L + 256);
}

static int check_files(batch *b, const options *o)
{
    int code = check_fasta(b, o);
    return code < 0 ? check_variants(b, o) : code;
}

int cli_score(const verb *v, int argc, char **argv)
{
    static const work score = {.unit = "sequences", .makes_run = true, .units = count_units,
                               .check = check_files, .plan = make_plan, .each = score_one,
                               .size = result_size, .done = note_orders};
    score_state state = {0};
    int code = batch_run(v, &score, &state, argc, argv);
    for (size_t i = 0; i < state.files; i++)
        fasta_clear(&state.file[i]);
    free(state.file);
    for (size_t i = 0; i < state.tables; i++)
        variants_clear(&state.table[i]);
    free(state.table);
    return code;
}
