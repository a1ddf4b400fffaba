/* doctor: what this machine has and lacks, a line each, and what to do about it. */
#include "options.h"
#include "place.h"
#include "report.h"
#include "verbs.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEVICES = 64 };

typedef struct doctor {
    FILE *out;
    json_t *all;
} doctor;

static void line(const doctor *d, const char *mark, const char *what, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

static void line(const doctor *d, const char *mark, const char *what, const char *format,
                 ...)
{
    va_list arguments;
    fprintf(d->out, "%-4s %-16s ", mark, what);
    va_start(arguments, format);
    vfprintf(d->out, format, arguments);
    va_end(arguments);
    fputc('\n', d->out);
}

static void see_program(const doctor *d)
{
    line(d, "ok", "program", "fusempnn %s, commit %s", fmpnn_version(), fmpnn_commit());
    json_object_set_new(d->all, "version", json_string(fmpnn_version()));
    json_object_set_new(d->all, "commit", json_string(fmpnn_commit()));
}

static void see_instruction_sets(const doctor *d)
{
    json_t *list = json_array();
    char names[512] = "";
    size_t n = 0, count = fmpnn_isa_count();
    for (size_t i = 0; i < count && n < sizeof names; i++) {
        const char *name = fmpnn_isa_name(i);
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", name);
        json_array_append_new(list, json_string(name));
    }
    line(d, "ok", "instruction sets", "%s; the last is used unless --isa names another",
         names);
    json_object_set_new(d->all, "isa", list);
}

static void see_cores(const doctor *d)
{
    int cores = fmpnn_cores_usable();
    line(d, "ok", "cores", "%d usable by this process; --threads takes fewer", cores);
    json_object_set_new(d->all, "cores", json_integer(cores));
}

static void see_devices(const doctor *d)
{
    fmpnn_device device[MOST_DEVICES];
    json_t *list = json_array();
    size_t count = fmpnn_devices(device, MOST_DEVICES);
    for (size_t n = 0; n < count && n < MOST_DEVICES; n++) {
        char what[32];
        snprintf(what, sizeof what, "device %.15s", device[n].name);
        line(d, device[n].usable ? "ok" : "-", what, "%s", device[n].text);
        if (device[n].usable)
            json_array_append_new(list, json_string(device[n].name));
    }
    json_object_set_new(d->all, "device", list);
}

/* What a run with these options would use; -1, or the exit code. */
static int see_context(const doctor *d, const options *o)
{
    fmpnn_context_options how;
    fmpnn_context *ctx;
    fmpnn_error err;
    fmpnn_context_options_default(&how);
    how.device = o->device ? o->device : how.device;
    how.isa = o->isa ? o->isa : how.isa;
    how.precision = o->precision ? o->precision : how.precision;
    how.threads = o->threads >= 0 ? (int)o->threads : how.threads;
    fmpnn_status status = fmpnn_context_create(&how, &ctx, &err);
    if (status != FMPNN_OK) {
        report_error("doctor: %s", err.message);
        return status == FMPNN_EDEVICE || status == FMPNN_ECUDA ? EXIT_DEVICE : EXIT_USAGE;
    }
    line(d, "ok", "a run uses", "%s/%s/%s, %d threads", fmpnn_context_device(ctx),
         fmpnn_context_isa(ctx), fmpnn_context_precision(ctx), fmpnn_context_threads(ctx));
    json_object_set_new(d->all, "run",
                        json_pack("{s:s, s:s, s:s, s:i}", "device",
                                  fmpnn_context_device(ctx), "isa", fmpnn_context_isa(ctx),
                                  "precision", fmpnn_context_precision(ctx), "threads",
                                  fmpnn_context_threads(ctx)));
    fmpnn_context_free(ctx);
    return -1;
}

static void see_weights_folder(const doctor *d)
{
    char path[4096];
    fmpnn_error err;
    if (fmpnn_weights_folder(path, sizeof path, &err) == FMPNN_OK) {
        line(d, "ok", "weights folder", "%s; $FUSEMPNN_WEIGHTS chooses another", path);
        json_t *text = json_string(path);
        json_object_set_new(d->all, "weights_folder", text ? text : json_null());
    } else {
        line(d, "!", "weights folder", "%s", err.message);
    }
}

static void see_weights(const doctor *d)
{
    json_t *list = json_array();
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        fmpnn_weights_entry entry;
        fmpnn_error err;
        if (fmpnn_weights_get(n, &entry, &err) != FMPNN_OK)
            continue;
        bool right = entry.installed && fmpnn_weights_verify(n, &err) == FMPNN_OK;
        if (right)
            line(d, "ok", "weights", "%s, sha256 %.12s%s", entry.name, entry.sha256,
                 entry.usual ? ", usual of its family" : "");
        else if (entry.installed)
            line(d, "!", "weights", "%s: %s", entry.name, err.message);
        else
            line(d, "-", "weights", "%s is not installed: fusempnn weights get %s",
                 entry.name, entry.name);
        json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s}", "name", entry.name,
                                              "installed", entry.installed, "verified",
                                              right, "digest", entry.sha256));
    }
    json_object_set_new(d->all, "weights", list);
}

/* Everything into d->out and d->all; -1, or the exit code. */
static int see_all(const doctor *d, const options *o)
{
    see_program(d);
    see_instruction_sets(d);
    see_cores(d);
    see_devices(d);
    int code = see_context(d, o);
    if (code >= 0)
        return code;
    see_weights_folder(d);
    see_weights(d);
    return -1;
}

/* --weights beyond the catalogue: does that file load? -1, or the exit code. */
static int see_chosen_weights(const doctor *d, const options *o)
{
    options defaults;
    fmpnn_model *model;
    fmpnn_model_info info;
    fmpnn_error err;
    options_init(&defaults);
    if (!strcmp(o->weights, defaults.weights))
        return -1;
    if (fmpnn_model_load(o->weights, &model, &err) != FMPNN_OK) {
        report_error("doctor: %s", err.message);
        return EXIT_USAGE;
    }
    fmpnn_model_describe(model, &info);
    line(d, "ok", "--weights", "%s: %s, %d neighbours, sha256 %.12s", info.name, info.kind,
         info.neighbours, info.digest);
    fmpnn_model_free(model);
    return -1;
}

int cli_doctor(const verb *v, int argc, char **argv)
{
    options o;
    options_init(&o);
    int code = options_parse(v, argc, argv, &o);
    if (code < 0)
        code = place_check("doctor", o.output, o.overwrite);
    if (code < 0) {
        char *text = NULL;
        size_t size = 0;
        doctor d = {open_memstream(&text, &size), json_object()};
        if (!d.out || !d.all) {
            report_error("doctor: out of memory");
            exit(EXIT_SOME_FAILED);
        }
        code = see_all(&d, &o);
        if (code < 0)
            code = see_chosen_weights(&d, &o);
        fclose(d.out);
        if (o.json) {
            free(text);
            text = json_dumps(d.all, JSON_COMPACT | JSON_PRESERVE_ORDER);
            size = strlen(text);
            text[size++] = '\n'; /* in the place of the final NUL */
        }
        if (code < 0)
            code = place_write("doctor", o.output, text, size, EXIT_DONE);
        json_decref(d.all);
        free(text);
    }
    options_clear(&o);
    return code;
}
