/* The run record, runs/VERB-DIGEST.json: what was asked for, as understood, and by what it was
 * computed. Its name follows from its contents, so that tasks that share a folder do not write
 * to one file; no times, host names or paths other than in the arguments as typed. */
#include "output/record.h"

#include <stdlib.h>
#include <string.h>

fmpnn_status fmpnn_report_init(fmpnn_report *report, const char *arguments,
                               fmpnn_error *err)
{
    memset(report, 0, sizeof *report);
    report->arguments =
        arguments ? fmpnn_json_read(arguments, strlen(arguments), 0, NULL) : json_array();
    if (!json_is_array(report->arguments)) {
        fmpnn_report_clear(report);
        return fmpnn_fail(err, FMPNN_EINVAL, "arguments: expected a JSON array");
    }
    report->structures = json_array();
    report->failures = json_array();
    if (!report->structures || !report->failures) {
        fmpnn_report_clear(report);
        return fmpnn_fail_memory(err, "opening a run");
    }
    return FMPNN_OK;
}

void fmpnn_report_clear(fmpnn_report *report)
{
    json_decref(report->computer);
    json_decref(report->weights);
    json_decref(report->failures);
    json_decref(report->structures);
    json_decref(report->arguments);
    memset(report, 0, sizeof *report);
}

static json_t *warning_json(fmpnn_warning warning)
{
    return json_pack("{s:s, s:o}", "code", warning.code, "message",
                     fmpnn_json_text(warning.message));
}

static json_t *selections_json(const fmpnn_job *job)
{
    const char *echo = fmpnn_job_echo(job);
    json_t *value = echo ? fmpnn_json_read(echo, strlen(echo), 0, NULL) : NULL;
    return value ? value : json_null();
}

json_t *fmpnn_report_structure(const fmpnn_stamp *stamp, const fmpnn_plan *plan,
                               const fmpnn_job *job)
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    json_t *warnings = json_array();
    bool good = warnings != NULL;
    for (size_t n = 0; n < fmpnn_structure_warning_count(st); n++)
        good = !json_array_append_new(warnings,
                                      warning_json(fmpnn_structure_warning(st, n))) &&
               good;
    for (size_t n = 0; n < fmpnn_job_warning_count(job); n++)
        good = !json_array_append_new(warnings, warning_json(fmpnn_job_warning(job, n))) &&
               good;
    if (!good) {
        json_decref(warnings);
        return NULL;
    }
    return json_pack("{s:o, s:s, s:s, s:s, s:I, s:s, s:O, s:o, s:o}", "name",
                     fmpnn_json_text(stamp->name), "settings", stamp->settings, "backbone",
                     fmpnn_structure_digest(st), "weights", stamp->digest, "seed",
                     (json_int_t)stamp->seed, "on", stamp->on, "plan", plan->json,
                     "selections", selections_json(job), "warnings", warnings);
}

fmpnn_status fmpnn_report_add(fmpnn_report *report, const fmpnn_stamp *stamp,
                              json_t *structure, bool resumed, fmpnn_error *err)
{
    if (!report->weights)
        report->weights = json_pack("{s:o, s:s}", "name", fmpnn_json_text(stamp->model),
                                    "digest", stamp->digest);
    if (!report->computer)
        report->computer = json_pack("{s:s, s:s, s:s}", "device", stamp->device, "isa",
                                     stamp->isa, "precision", stamp->precision);
    bool good = report->weights && report->computer &&
                !json_object_set_new(structure, "resumed", json_boolean(resumed)) &&
                !json_array_append(report->structures, structure);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "keeping the run record");
}

/* 12 hex digits over the structures' names, settings and plans, and the failures' names. */
static bool report_digest(const fmpnn_report *report, fmpnn_verb verb, char hex[65])
{
    size_t n;
    json_t *structure, *failure;
    bool good = true;
    fmpnn_sha256 *hash = fmpnn_sha256_begin();
    if (!hash)
        return false;
    fmpnn_sha256_add(hash, fmpnn_verb_text(verb), strlen(fmpnn_verb_text(verb)) + 1);
    json_array_foreach(report->structures, n, structure)
    {
        const char *name = json_string_value(json_object_get(structure, "name"));
        const char *settings = json_string_value(json_object_get(structure, "settings"));
        char *plan =
            fmpnn_json_print(json_object_get(structure, "plan"),
                             JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
        fmpnn_sha256_add(hash, name, strlen(name) + 1);
        fmpnn_sha256_add(hash, settings, strlen(settings) + 1);
        if (plan)
            fmpnn_sha256_add(hash, plan, strlen(plan) + 1);
        good = good && plan;
        free(plan);
    }
    json_array_foreach(report->failures, n, failure)
    {
        const char *name = json_string_value(json_object_get(failure, "name"));
        fmpnn_sha256_add(hash, "failed", 7);
        fmpnn_sha256_add(hash, name, strlen(name) + 1);
    }
    return fmpnn_sha256_end(hash, hex) && good;
}

static json_t *or_null(json_t *value)
{
    return value ? value : json_null();
}

fmpnn_status fmpnn_report_write(const fmpnn_report *report, const fmpnn_target *target,
                                fmpnn_verb verb, fmpnn_error *err)
{
    char hex[65], name[32];
    fmpnn_text text;
    fmpnn_staged staged = {0};
    fmpnn_status status = FMPNN_ENOMEM;
    json_t *whole = NULL, *on = or_null(report->computer);
    char *dump = NULL;
    fmpnn_text_init(&text);
    if (!report_digest(report, verb, hex))
        goto done;
    whole = json_pack(
        "{s:s, s:s, s:s, s:O, s:O, s:O, s:O, s:O, s:O, s:O}", "verb", fmpnn_verb_text(verb),
        "version", fmpnn_version(), "commit", fmpnn_commit(), "arguments",
        report->arguments, "weights", or_null(report->weights), "device",
        or_null(json_object_get(on, "device")), "isa", or_null(json_object_get(on, "isa")),
        "precision", or_null(json_object_get(on, "precision")), "structures",
        report->structures, "failures", report->failures);
    if (whole)
        dump = fmpnn_json_print(whole, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (dump)
        fmpnn_text_print(&text, "%s\n", dump);
    if (!dump || text.failed)
        goto done;
    snprintf(name, sizeof name, "%s-%.12s", fmpnn_verb_text(verb), hex);
    status = fmpnn_staged_add(&staged, fmpnn_target_name(target, "runs", name, ".json"),
                              &text, err);
    if (!status)
        status = fmpnn_staged_commit(&staged, target->fd, err);
    fmpnn_staged_drop(&staged);
done:
    free(dump);
    json_decref(whole);
    fmpnn_text_clear(&text);
    return status == FMPNN_ENOMEM ? fmpnn_fail_memory(err, "writing the run record")
                                  : status;
}
