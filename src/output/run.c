/* A run: structures begin, receive results, and end. What ends is committed; what is dropped
 * leaves nothing. A folder gets a structure's files soon after its end, those of several together, a
 * stream its text, a single file everything at the close of the run. */
#define _POSIX_C_SOURCE 200809L
#include "output/record.h"

#include <string.h>
#include <time.h>

/* Files of a folder are flushed and renamed together when there are so many, or after so many
 * seconds: structures that take as long are not kept waiting. */
enum { FILES_TOGETHER = 64 };
static const double LONGEST_WAIT = 0.5;

struct fmpnn_run {
    fmpnn_verb verb;
    fmpnn_existing mode;
    fmpnn_target target;
    fmpnn_sequence_form form;
    fmpnn_heads heads; /* the caller's own columns */
    char *separator;
    bool with_native, save_probs;
    const char *backbones, *packed; /* "pdb", "cif" or NULL */
    fmpnn_report report;
    json_t *names;                   /* record names that are taken, in lower case */
    fmpnn_existing_records existing; /* of a file that is resumed */
    fmpnn_text written;              /* a file's contents so far */
    bool started;                    /* a stream has its header line */

    /* the structure begun */
    bool begun, broken; /* broken: a result could not be added */
    bool records;       /* in a folder: those of a run with the same settings are there */
    const fmpnn_job *job;
    fmpnn_plan plan; /* stays, with its text: most structures of a run have the same */
    char *plan_text;
    fmpnn_stamp stamp;
    fmpnn_layout *layout;
    json_t *summary;
    fmpnn_text fasta, lines, npz; /* `lines`: a table or JSON Lines */
    fmpnn_sample_arrays arrays;
    fmpnn_staged staged;
    uint64_t added; /* records, the native one aside */

    fmpnn_staged ended; /* a folder's files of structures that are over */
    size_t safe;        /* structures in the report of which none are in `ended` */
    double committed;   /* when `ended` was last, in seconds */
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void fmpnn_run_options_default(fmpnn_run_options *options)
{
    memset(options, 0, sizeof *options);
    options->verb = "design";
    options->separator = ":";
}

/* ---- open ---- */

/* NULL stays NULL. */
static bool take_format(const char *what, const char *given, const char **format,
                        fmpnn_error *err)
{
    *format = !given                 ? NULL
              : !strcmp(given, "pdb") ? "pdb"
              : !strcmp(given, "cif") ? "cif"
                                      : NULL;
    if (given && !*format)
        fmpnn_fail(err, FMPNN_EINVAL, "%s \"%s\": expected pdb or cif", what, given);
    return !given || *format;
}

static fmpnn_status check_options(const fmpnn_run_options *options, fmpnn_run *run,
                                  fmpnn_error *err)
{
    const char *verb = options->verb ? options->verb : "";
    const char *separator = options->separator ? options->separator : ":";
    size_t v = FMPNN_VERB_DESIGN;
    while (v < FMPNN_VERBS && strcmp(verb, fmpnn_verb_text((fmpnn_verb)v)))
        v++;
    if (v == FMPNN_VERBS)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "verb \"%s\": expected design, score, probs, scan or pack",
                          verb);
    run->verb = (fmpnn_verb)v;
    if (!*separator || strlen(separator) > 8 ||
        strspn(separator, ":/|,;.+*_-") != strlen(separator))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "separator \"%s\": expected one of : / | , ; . + * _ -",
                          separator);
    if (options->gaps_as &&
        (options->gaps_as <= ' ' || options->gaps_as > '~' ||
         strchr(separator, options->gaps_as) || options->gaps_as == '>'))
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "letter for unresolved residues: expected one such as X or -, other "
            "than the separator");
    if (!take_format("backbones", options->backbones, &run->backbones, err) ||
        !take_format("packed structures", options->packed, &run->packed, err))
        return FMPNN_EINVAL;
    run->separator = fmpnn_copy_text(separator);
    if (!run->separator)
        return fmpnn_fail_memory(err, "opening a run");
    run->form.all_chains = options->all_chains;
    run->form.separator = run->separator;
    run->form.gaps_as = options->gaps_as;
    run->save_probs = options->save_probs && run->verb == FMPNN_VERB_DESIGN;
    run->with_native = options->with_native && run->verb == FMPNN_VERB_DESIGN;
    if (run->verb != FMPNN_VERB_DESIGN)
        run->backbones = NULL;
    if (run->verb != FMPNN_VERB_DESIGN && run->verb != FMPNN_VERB_PACK)
        run->packed = NULL;
    run->mode = options->existing;
    return FMPNN_OK;
}

/* The caller's columns: copied, and none of our own names, since a name must mean one thing. */
static fmpnn_status take_columns(const fmpnn_run_options *options, fmpnn_run *run,
                                 fmpnn_error *err)
{
    fmpnn_columns ours = fmpnn_verb_columns(run->verb);
    if (options->column_count && run->verb != FMPNN_VERB_SCORE)
        return fmpnn_fail(err, FMPNN_EINVAL, "%s takes no columns of the caller's",
                          fmpnn_verb_text(run->verb));
    run->heads.name = fmpnn_alloc_zero(options->column_count, sizeof *run->heads.name);
    if (!run->heads.name)
        return fmpnn_fail_memory(err, "opening a run");
    for (size_t n = 0; n < options->column_count; n++) {
        for (size_t m = 0; m < ours.count; m++)
            if (!strcmp(options->columns[n], ours.column[m].key))
                return fmpnn_fail(err, FMPNN_EINVAL,
                                  "column '%.80s' would stand beside ours of that name; "
                                  "rename it",
                                  options->columns[n]);
        run->heads.name[n] = fmpnn_copy_text(options->columns[n]);
        if (!run->heads.name[n])
            return fmpnn_fail_memory(err, "opening a run");
        run->heads.count = n + 1;
    }
    return FMPNN_OK;
}

static fmpnn_status look_at_file(fmpnn_run *run, fmpnn_error *err)
{
    const fmpnn_target *target = &run->target;
    if (target->place != FMPNN_TARGET_FILE || !fmpnn_file_exists(target->path))
        return FMPNN_OK;
    if (run->mode == FMPNN_EXISTING_REFUSE)
        return fmpnn_fail(
            err, FMPNN_EEXIST,
            "%s: already there; ask to overwrite or to resume, or use another "
            "output",
            target->path);
    if (run->mode == FMPNN_EXISTING_OVERWRITE || target->format == FMPNN_FORMAT_NPZ)
        return FMPNN_OK;
    return fmpnn_existing_read(target->path, target->format, run->verb, &run->heads,
                               &run->existing, err);
}

static void run_free(fmpnn_run *run)
{
    fmpnn_staged_drop(&run->ended);
    fmpnn_plan_clear(&run->plan);
    fmpnn_release(run->plan_text);
    for (size_t n = 0; n < run->heads.count; n++)
        fmpnn_release(run->heads.name[n]);
    fmpnn_release(run->heads.name);
    fmpnn_text_clear(&run->written);
    fmpnn_existing_clear(&run->existing);
    json_decref(run->names);
    fmpnn_report_clear(&run->report);
    fmpnn_target_close(&run->target);
    fmpnn_release(run->separator);
    fmpnn_release(run);
}

fmpnn_status fmpnn_run_open(const fmpnn_run_options *options, fmpnn_run **run,
                            fmpnn_error *err)
{
    fmpnn_run *fresh = fmpnn_alloc_zero(1, sizeof *fresh);
    if (!fresh)
        return fmpnn_fail_memory(err, "opening a run");
    fresh->target.fd = -1;
    fresh->committed = seconds();
    fresh->names = json_object();
    fmpnn_status status = fresh->names ? FMPNN_OK : fmpnn_fail_memory(err, "opening a run");
    if (!status)
        status = check_options(options, fresh, err);
    if (!status)
        status = take_columns(options, fresh, err);
    if (!status)
        status = fmpnn_target_open(options, fresh->verb, &fresh->target, err);
    if (!status && fresh->target.place != FMPNN_TARGET_FOLDER &&
        (fresh->save_probs || fresh->backbones || fresh->packed))
        status = fmpnn_fail(err, FMPNN_EINVAL,
                            "%s: saved probabilities and structures need a folder as output",
                            fresh->target.path ? fresh->target.path : "stdout");
    if (!status)
        status = fmpnn_report_init(&fresh->report, options->arguments, err);
    if (!status)
        status = look_at_file(fresh, err);
    if (status)
        run_free(fresh);
    else
        *run = fresh;
    return status;
}

/* ---- one structure ---- */

/* Forget everything of the structure begun, or half begun. */
static void forget_structure(fmpnn_run *run)
{
    fmpnn_existing_settle(&run->existing, false);
    fmpnn_staged_drop(&run->staged);
    fmpnn_sample_arrays_clear(&run->arrays);
    fmpnn_text_clear(&run->npz);
    fmpnn_text_clear(&run->lines);
    fmpnn_text_clear(&run->fasta);
    json_decref(run->summary);
    fmpnn_layout_free(run->layout);
    fmpnn_stamp_clear(&run->stamp);
    run->summary = NULL;
    run->layout = NULL;
    run->job = NULL;
    run->added = 0;
    run->begun = false;
    run->broken = false;
    run->records = false;
}

static void lower_case(const char *text, char lower[FMPNN_RECORD_NAME_MAX + 2])
{
    size_t n = 0;
    for (; text[n]; n++)
        lower[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] - 'A' + 'a') : text[n];
    lower[n] = '\0';
}

/* The structure is over and stands in the record. */
static fmpnn_status note_structure(fmpnn_run *run, bool resumed, fmpnn_error *err)
{
    char lower[FMPNN_RECORD_NAME_MAX + 2];
    lower_case(run->stamp.record_name, lower);
    fmpnn_status status = FMPNN_OK;
    if (run->summary)
        status = fmpnn_report_add(&run->report, &run->stamp, run->summary, resumed, err);
    if (!status && json_object_set_new(run->names, lower, json_true()))
        status = fmpnn_fail_memory(err, "keeping the run record");
    return status;
}

/* Append to a single file's contents; all or nothing. */
static fmpnn_status append_to_file(fmpnn_run *run, const fmpnn_text *text, fmpnn_error *err)
{
    size_t before = run->written.size;
    if (!before && run->target.format == FMPNN_FORMAT_TABLE)
        fmpnn_table_add_header(&run->written, &run->heads, run->verb);
    if (!run->written.failed)
        fmpnn_text_add(&run->written, text->data ? text->data : "", text->size);
    if (!run->written.failed)
        return FMPNN_OK;
    run->written.failed = false;
    run->written.size = before;
    return fmpnn_fail_memory(err, "keeping results");
}

static fmpnn_wanted wanted_of(const fmpnn_run *run)
{
    return (fmpnn_wanted){.verb = run->verb,
                          .heads = &run->heads,
                          .plan = &run->plan,
                          .job = run->job,
                          .name = run->stamp.name,
                          .record_name = run->stamp.record_name,
                          .settings = run->stamp.settings,
                          .length = run->layout->L,
                          .save_probs = run->save_probs,
                          .backbones = run->backbones,
                          .packed = run->packed};
}

static fmpnn_status check_arrays_file(const fmpnn_run *run, bool *complete,
                                      fmpnn_error *err)
{
    size_t count;
    char settings[65] = "none";
    if (json_object_size(run->names))
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s: holds the arrays of one structure; for several name a folder",
            run->target.path);
    if (run->mode != FMPNN_EXISTING_RESUME || !fmpnn_file_exists(run->target.path))
        return FMPNN_OK;
    *complete = fmpnn_npz_peek(run->target.path, "settings", &count, settings) &&
                !strcmp(settings, run->stamp.settings);
    if (*complete)
        return FMPNN_OK;
    return fmpnn_fail(err, FMPNN_EEXIST,
                      "%s: was made with other settings (digest %s, now %s); use another "
                      "output, or overwrite",
                      run->target.path, settings, run->stamp.settings);
}

/* Find what is there already of the structure that begins. */
static fmpnn_status look_for_results(fmpnn_run *run, bool *complete, fmpnn_error *err)
{
    fmpnn_wanted wanted = wanted_of(run);
    *complete = false;
    if (run->mode == FMPNN_EXISTING_RESUME && run->verb == FMPNN_VERB_DESIGN &&
        !fmpnn_plan_records(&run->plan, run->verb))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "plan: resuming a design needs \"temperatures\" and \"n\"");
    if (run->target.place == FMPNN_TARGET_FOLDER)
        return fmpnn_folder_check(&run->target, run->mode, &wanted, complete, &run->records,
                                  err);
    if (run->target.format == FMPNN_FORMAT_NPZ)
        return check_arrays_file(run, complete, err);
    if (run->existing.count) {
        fmpnn_status status = fmpnn_existing_claim(&run->existing, &wanted, complete, err);
        if (status || !*complete)
            return status;
        fmpnn_text kept;
        fmpnn_text_init(&kept);
        fmpnn_existing_keep(&run->existing, &wanted, &kept);
        status = kept.failed ? fmpnn_fail_memory(err, "keeping results")
                             : append_to_file(run, &kept, err);
        fmpnn_text_clear(&kept);
        fmpnn_existing_settle(&run->existing, !status);
        return status;
    }
    return FMPNN_OK;
}

static fmpnn_status take_plan(fmpnn_run *run, const char *text, fmpnn_error *err)
{
    if (run->plan_text && text && !strcmp(text, run->plan_text))
        return FMPNN_OK;
    fmpnn_release(run->plan_text);
    fmpnn_plan_clear(&run->plan);
    run->plan_text = NULL;
    fmpnn_status status = fmpnn_plan_parse(text, &run->plan, err);
    if (!status && !(run->plan_text = fmpnn_copy_text(text)))
        status = fmpnn_fail_memory(err, "preparing results");
    return status;
}

static fmpnn_status prepare_structure(fmpnn_run *run, const char *name,
                                      const fmpnn_job *job, const fmpnn_context *ctx,
                                      const char *plan, fmpnn_error *err)
{
    char lower[FMPNN_RECORD_NAME_MAX + 2];
    fmpnn_status status = fmpnn_stamp_make(name, job, ctx, &run->stamp, err);
    if (status)
        return status;
    lower_case(run->stamp.record_name, lower);
    if (json_object_get(run->names, lower))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%s: the results of another input already stand under this name",
                          run->stamp.record_name);
    status = take_plan(run, plan, err);
    if (status)
        return status;
    run->plan.with_native = run->with_native && (run->target.place == FMPNN_TARGET_FOLDER ||
                                                 run->target.format == FMPNN_FORMAT_FASTA);
    status = fmpnn_plan_settings(&run->plan, run->verb, job, ctx, &run->form,
                                 run->stamp.settings, err);
    if (!status)
        status = fmpnn_layout_create(job, &run->layout, err);
    if (!status && run->target.place == FMPNN_TARGET_FOLDER) { /* the others have no record */
        run->summary = fmpnn_report_structure(&run->stamp, &run->plan, job);
        if (!run->summary)
            status = fmpnn_fail_memory(err, "keeping the run record");
    }
    return status;
}

fmpnn_status fmpnn_run_begin_structure(fmpnn_run *run, const char *name,
                                       const fmpnn_job *job, const fmpnn_context *ctx,
                                       const char *plan, bool *done, fmpnn_error *err)
{
    bool complete = false;
    if (run->begun)
        return fmpnn_fail(err, FMPNN_EINVAL, "%s: begun before the results of %s ended",
                          name, run->stamp.name);
    run->job = job;
    fmpnn_status status = prepare_structure(run, name, job, ctx, plan, err);
    if (!status)
        status = look_for_results(run, &complete, err);
    if (!status && complete)
        status = note_structure(run, true, err);
    if (status || complete)
        forget_structure(run);
    else
        run->begun = true;
    if (!status)
        *done = complete;
    return status;
}

void fmpnn_run_set_native_score(fmpnn_run *run, double score)
{
    run->stamp.native_score = score;
}

fmpnn_status fmpnn_run_add_failure(fmpnn_run *run, const char *name, const char *message,
                                   fmpnn_error *err)
{
    json_t *failure = json_pack("{s:o, s:o}", "name", fmpnn_json_text(name), "message",
                                fmpnn_json_text(message));
    if (!failure || json_array_append_new(run->report.failures, failure))
        return fmpnn_fail_memory(err, "keeping the run record");
    return FMPNN_OK;
}

/* ---- results ---- */

static fmpnn_status check_begun(const fmpnn_run *run, fmpnn_verb verb, fmpnn_error *err)
{
    if (!run->begun)
        return fmpnn_fail(err, FMPNN_EINVAL, "results of no structure: none was begun");
    if (run->verb != verb)
        return fmpnn_fail(err, FMPNN_EINVAL, "results of %s in a run of %s",
                          fmpnn_verb_text(verb), fmpnn_verb_text(run->verb));
    return FMPNN_OK;
}

static fmpnn_printers printers_of(fmpnn_run *run)
{
    fmpnn_printers printers = {NULL, NULL, NULL};
    if (run->target.place == FMPNN_TARGET_FOLDER) {
        printers.fasta = run->verb == FMPNN_VERB_DESIGN ? &run->fasta : NULL;
        printers.table = &run->lines;
    } else if (run->target.format == FMPNN_FORMAT_FASTA)
        printers.fasta = &run->fasta;
    else if (run->target.format == FMPNN_FORMAT_TABLE)
        printers.table = &run->lines;
    else if (run->target.format == FMPNN_FORMAT_JSONL)
        printers.jsonl = &run->lines;
    return printers;
}

static fmpnn_status check_texts(const fmpnn_run *run, fmpnn_error *err)
{
    return run->fasta.failed || run->lines.failed
               ? fmpnn_fail_memory(err, "writing records")
               : FMPNN_OK;
}

/* `path` is taken over. */
static fmpnn_status stage_file(fmpnn_run *run, char *path, const fmpnn_text *text,
                               fmpnn_error *err)
{
    fmpnn_status status = fmpnn_target_claim(&run->target, err);
    if (!status)
        return fmpnn_staged_add(&run->staged, path, text, err);
    fmpnn_release(path);
    return status;
}

static fmpnn_status stage_backbone(fmpnn_run *run, const fmpnn_samples *samples,
                                   size_t number, fmpnn_error *err)
{
    fmpnn_text id, text;
    char suffix[8];
    fmpnn_text_init(&id);
    fmpnn_text_init(&text);
    snprintf(suffix, sizeof suffix, ".%s", run->backbones);
    fmpnn_sample_id(run->stamp.record_name, samples->temperature,
                    samples->sample[number].number, &id);
    fmpnn_status status = fmpnn_backbone_text(run->layout, &samples->sample[number],
                                              run->backbones, &text, err);
    if (!status && id.failed)
        status = fmpnn_fail_memory(err, "writing a structure");
    if (!status)
        status = stage_file(
            run, fmpnn_target_name(&run->target, "backbones", id.data, suffix), &text, err);
    fmpnn_text_clear(&text);
    fmpnn_text_clear(&id);
    return status;
}

/* The samples must be those that the plan has next: resuming counts on their names. */
static fmpnn_status check_samples(const fmpnn_run *run, const fmpnn_samples *samples,
                                  fmpnn_error *err)
{
    uint64_t planned = run->plan.temperatures * run->plan.n;
    if (samples->length != run->layout->L)
        return fmpnn_fail(err, FMPNN_EINVAL, "%s: samples of %zu residues, expected %zu",
                          run->stamp.name, samples->length, run->layout->L);
    for (size_t s = 0; planned && s < samples->count; s++) {
        uint64_t k = run->added + s;
        if (k >= planned ||
            samples->temperature != run->plan.temperature[k / run->plan.n] ||
            samples->sample[s].number != run->plan.first + k % run->plan.n)
            return fmpnn_fail(
                err, FMPNN_EINVAL, "%s: sample %llu is not the one that the plan has next",
                run->stamp.name, (unsigned long long)samples->sample[s].number);
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_run_add_samples(fmpnn_run *run, const fmpnn_samples *samples,
                                   fmpnn_error *err)
{
    fmpnn_status status = check_begun(run, FMPNN_VERB_DESIGN, err);
    if (!status)
        status = check_samples(run, samples, err);
    if (status)
        return status;
    fmpnn_printers printers = printers_of(run);
    if (run->plan.with_native && !run->added)
        status =
            fmpnn_native_print(&run->stamp, run->layout, &run->form, printers.fasta, err);
    for (size_t s = 0; !status && s < samples->count; s++) {
        status = fmpnn_design_print(&run->stamp, run->layout, &run->form, samples, s,
                                    &printers, err);
        if (!status && run->backbones)
            status = stage_backbone(run, samples, s, err);
    }
    if (!status && run->save_probs)
        status = fmpnn_sample_arrays_add(&run->arrays, run->layout, samples, err);
    if (!status)
        status = check_texts(run, err);
    run->broken |= status != FMPNN_OK;
    run->added += samples->count;
    return status;
}

fmpnn_status fmpnn_run_add_score(fmpnn_run *run, const char *id, const uint8_t *letters,
                                 size_t orders, const fmpnn_score_result *result,
                                 fmpnn_error *err)
{
    return fmpnn_run_add_score_row(run, id, NULL, letters, orders, result, err);
}

fmpnn_status fmpnn_run_add_score_row(fmpnn_run *run, const char *id, const char *const *cells,
                                     const uint8_t *letters, size_t orders,
                                     const fmpnn_score_result *result, fmpnn_error *err)
{
    fmpnn_status status = check_begun(run, FMPNN_VERB_SCORE, err);
    if (!status && run->heads.count && !cells)
        status = fmpnn_fail(err, FMPNN_EINVAL, "%s: expected %zu cells of the caller's columns",
                            run->stamp.name, run->heads.count);
    if (status)
        return status;
    fmpnn_printers printers = printers_of(run);
    status = fmpnn_score_print(&run->stamp, run->layout, &run->form, &run->heads, cells, id,
                               letters, orders, result, &printers, err);
    if (!status)
        status = check_texts(run, err);
    run->broken |= status != FMPNN_OK;
    run->added++;
    return status;
}

fmpnn_status fmpnn_run_add_probs(fmpnn_run *run, fmpnn_probs_mode mode,
                                 const uint8_t *letters, size_t orders, const float *log_p,
                                 fmpnn_error *err)
{
    static const char *const names[] = {"unconditional", "autoregressive", "conditional"};
    fmpnn_status status = check_begun(run, FMPNN_VERB_PROBS, err);
    if (status)
        return status;
    if (run->added || !orders || (size_t)mode >= sizeof names / sizeof names[0])
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s: expected the log-probabilities of one mode, once, of one order "
            "or more",
            run->stamp.name);
    fmpnn_printers printers = printers_of(run);
    if (printers.table || printers.jsonl)
        status = fmpnn_probs_print(&run->stamp, run->layout, names[mode], orders, log_p,
                                   &printers, err);
    if (!status && (run->target.place == FMPNN_TARGET_FOLDER ||
                    run->target.format == FMPNN_FORMAT_NPZ))
        status = fmpnn_probs_npz(run->layout, &run->stamp, names[mode], letters, orders,
                                 log_p, &run->npz, err);
    if (!status)
        status = check_texts(run, err);
    run->broken |= status != FMPNN_OK;
    run->added++;
    return status;
}

fmpnn_status fmpnn_run_add_scan(fmpnn_run *run, const uint8_t *letters, size_t orders,
                                const double *log_p, const double *log_odds, const double *se,
                                fmpnn_error *err)
{
    fmpnn_status status = check_begun(run, FMPNN_VERB_SCAN, err);
    if (status)
        return status;
    if (run->added || !orders)
        return fmpnn_fail(err, FMPNN_EINVAL, "%s: expected one scan, of one order or more",
                          run->stamp.name);
    fmpnn_printers printers = printers_of(run);
    status = fmpnn_scan_print(&run->stamp, run->layout, letters, orders, log_p, log_odds, se,
                              &printers, err);
    if (!status)
        status = check_texts(run, err);
    run->broken |= status != FMPNN_OK;
    run->added++;
    return status;
}

static fmpnn_status stage_packed(fmpnn_run *run, const fmpnn_packs *packs, size_t number,
                                 fmpnn_error *err)
{
    fmpnn_text id, text;
    char suffix[8];
    fmpnn_text_init(&id);
    fmpnn_text_init(&text);
    snprintf(suffix, sizeof suffix, ".%s", run->packed);
    fmpnn_packing_id(run->stamp.record_name, packs->temperature, packs->sample,
                     packs->pack[number].number, &id);
    fmpnn_status status = fmpnn_packed_text(run->layout, packs, number, run->packed, &text, err);
    if (!status && id.failed)
        status = fmpnn_fail_memory(err, "writing a structure");
    if (!status)
        status = stage_file(run, fmpnn_target_name(&run->target, "packed", id.data, suffix),
                            &text, err);
    fmpnn_text_clear(&text);
    fmpnn_text_clear(&id);
    return status;
}

fmpnn_status fmpnn_run_add_packs(fmpnn_run *run, const fmpnn_packs *packs, fmpnn_error *err)
{
    bool rows = run->verb == FMPNN_VERB_PACK;
    fmpnn_status status = check_begun(run, rows ? FMPNN_VERB_PACK : FMPNN_VERB_DESIGN, err);
    if (status)
        return status;
    if (packs->length != run->layout->L)
        return fmpnn_fail(err, FMPNN_EINVAL, "%s: packings of %zu residues, expected %zu",
                          run->stamp.name, packs->length, run->layout->L);
    fmpnn_printers printers = printers_of(run);
    for (size_t b = 0; b < packs->count && !status; b++) {
        if (rows)
            fmpnn_pack_print(&run->stamp, run->layout, packs, b, &printers);
        if (run->packed)
            status = stage_packed(run, packs, b, err);
    }
    if (!status)
        status = check_texts(run, err);
    run->broken |= status != FMPNN_OK;
    run->added += rows ? packs->count : 0;
    return status;
}

/* ---- the end of a structure ---- */

static fmpnn_status stage(fmpnn_run *run, const char *folder, const char *suffix,
                          const fmpnn_text *text, fmpnn_error *err)
{
    char *path = fmpnn_target_name(&run->target, folder, run->stamp.record_name, suffix);
    return stage_file(run, path, text, err);
}

/* Give the files of structures that are over their names. What cannot be had stands in no record. */
static fmpnn_status commit_ended(fmpnn_run *run, fmpnn_error *err)
{
    json_t *noted = run->report.structures;
    fmpnn_status status = fmpnn_staged_commit(&run->ended, run->target.fd, err);
    while (status && json_array_size(noted) > run->safe)
        json_array_remove(noted, json_array_size(noted) - 1);
    run->safe = json_array_size(noted);
    run->committed = seconds();
    return status;
}

static bool waited_enough(const fmpnn_run *run)
{
    return run->ended.count >= FILES_TOGETHER ||
           (run->ended.count && seconds() - run->committed >= LONGEST_WAIT);
}

/* What says that all is there comes last: the FASTA of a design, the arrays of probabilities,
 * the table of scores. */
static fmpnn_status end_in_folder(fmpnn_run *run, fmpnn_error *err)
{
    fmpnn_text table;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&table);
    fmpnn_table_add_header(&table, &run->heads, run->verb);
    fmpnn_text_add(&table, run->lines.data, run->lines.size);
    if (table.failed)
        status = fmpnn_fail_memory(err, "writing a table");
    if (!status)
        status = stage(run, "tables", ".tsv", &table, err);
    if (!status && run->save_probs)
        status =
            fmpnn_sample_arrays_npz(&run->arrays, run->layout, &run->stamp, &run->npz, err);
    if (!status && run->npz.size)
        status = stage(run, "probs", ".npz", &run->npz, err);
    if (!status && run->verb == FMPNN_VERB_DESIGN)
        status = stage(run, "seqs", ".fa", &run->fasta, err);
    fmpnn_wanted wanted = wanted_of(run);
    if (!status && !run->records)
        status = fmpnn_folder_drop_structures(&run->target, &wanted, err);
    if (!status)
        status = fmpnn_staged_join(&run->ended, &run->staged, err);
    fmpnn_text_clear(&table);
    return status;
}

static fmpnn_status end_in_stream(fmpnn_run *run, const fmpnn_text *records,
                                  fmpnn_error *err)
{
    fmpnn_text header;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&header);
    if (!run->started && run->target.format == FMPNN_FORMAT_TABLE) {
        fmpnn_table_add_header(&header, &run->heads, run->verb);
        status = header.failed
                     ? fmpnn_fail_memory(err, "writing a table")
                     : fmpnn_target_write(&run->target, header.data, header.size, err);
    }
    if (!status)
        status = fmpnn_target_write(&run->target, records->data, records->size, err);
    run->started = true;
    fmpnn_text_clear(&header);
    return status;
}

static fmpnn_status check_count(const fmpnn_run *run, fmpnn_error *err)
{
    uint64_t planned = fmpnn_plan_records(&run->plan, run->verb);
    if (planned && run->plan.with_native)
        planned--;
    if (run->broken)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%s: ended although a result could not be added",
                          run->stamp.name);
    if (!run->added || (planned && run->added != planned))
        return fmpnn_fail(err, FMPNN_EINVAL, "%s: ended after %llu of %llu planned records",
                          run->stamp.name, (unsigned long long)run->added,
                          (unsigned long long)planned);
    return FMPNN_OK;
}

fmpnn_status fmpnn_run_end_structure(fmpnn_run *run, fmpnn_error *err)
{
    if (!run->begun)
        return fmpnn_fail(err, FMPNN_EINVAL, "no structure to end: none was begun");
    const fmpnn_text *records = run->target.format == FMPNN_FORMAT_FASTA ? &run->fasta
                                : run->target.format == FMPNN_FORMAT_NPZ ? &run->npz
                                                                         : &run->lines;
    fmpnn_status status = check_count(run, err);
    if (!status && run->target.place == FMPNN_TARGET_FOLDER)
        status = end_in_folder(run, err);
    else if (!status && run->target.place == FMPNN_TARGET_STREAM)
        status = end_in_stream(run, records, err);
    else if (!status)
        status = append_to_file(run, records, err);
    if (!status) {
        fmpnn_existing_settle(&run->existing, true);
        status = note_structure(run, false, err);
    }
    forget_structure(run);
    if (!status && waited_enough(run))
        status = commit_ended(run, err);
    return status;
}

void fmpnn_run_drop_structure(fmpnn_run *run)
{
    if (run->begun)
        forget_structure(run);
}

/* ---- close ---- */

static fmpnn_status close_file(fmpnn_run *run, fmpnn_error *err)
{
    fmpnn_text rest;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&rest);
    fmpnn_existing_rest(&run->existing, &rest);
    if (rest.failed)
        status = fmpnn_fail_memory(err, "keeping results");
    else if (rest.size)
        status = append_to_file(run, &rest, err);
    if (!status && run->written.size)
        status = fmpnn_parent_make(run->target.path, err);
    if (!status && run->written.size)
        status = fmpnn_file_write(run->target.path, run->written.data, run->written.size,
                                  run->target.gzip, err);
    fmpnn_text_clear(&rest);
    return status;
}

fmpnn_status fmpnn_run_close(fmpnn_run *run, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    if (!run)
        return FMPNN_OK;
    fmpnn_run_drop_structure(run);
    if (run->target.place == FMPNN_TARGET_FILE)
        status = close_file(run, err);
    else if (run->target.place == FMPNN_TARGET_FOLDER) {
        status = commit_ended(run, err);
        if (json_array_size(run->report.structures)) {
            fmpnn_status record = fmpnn_report_write(&run->report, &run->target, run->verb,
                                                     status ? NULL : err);
            status = status ? status : record;
        }
    }
    run_free(run);
    return status;
}
