/* What the cases of a folder share: weights, structures, the engine that was asked for. */
#include "golden.h"

#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void find_structures(golden_session *s)
{
    const golden_options *o = s->options;
    snprintf(s->structures, sizeof s->structures, "%s/structures", o->folder);
    if (o->structures)
        snprintf(s->structures, sizeof s->structures, "%s", o->structures);
    else if (!is_folder(s->structures))
        snprintf(s->structures, sizeof s->structures, "%s/../../structures", o->folder);
}

/* An engine on exactly what was asked for. */
static void open_engine(golden_session *s)
{
    const golden_options *o = s->options;
    fmpnn_context_options options;
    fmpnn_context_options_default(&options);
    options.device = o->device ? o->device : "cpu";
    options.isa = o->isa ? o->isa : options.isa;
    options.precision = o->precision ? o->precision : "fp32";
    if (fmpnn_context_create(&options, &s->ctx, &s->why)) {
        s->ctx = NULL;
        return;
    }
    const char *isa = fmpnn_context_isa(s->ctx),
               *precision = fmpnn_context_precision(s->ctx);
    if ((o->isa && strcmp(o->isa, isa) != 0) || strcmp(options.precision, precision) != 0) {
        fmpnn_fail(&s->why, FMPNN_EDEVICE, "asked for %s %s, got %s %s",
                   o->isa ? o->isa : "best", options.precision, isa, precision);
        fmpnn_context_free(s->ctx);
        s->ctx = NULL;
    }
}

bool golden_session_open(golden_session *s, const golden_options *options)
{
    *s = (golden_session){.options = options, .shelf = golden_shelf_create(options->weights)};
    if (!s->shelf)
        return false;
    find_structures(s);
    if (options->engine && !options->list)
        open_engine(s);
    return true;
}

void golden_session_close(golden_session *s)
{
    fmpnn_context_free(s->ctx);
    golden_shelf_free(s->shelf);
}

/* Wrong inputs fail the case through every path that was asked for. */
void golden_fail_paths(const golden_session *s, golden_report *inputs, golden_totals *totals)
{
    const bool wanted[] = {s->options->reference, s->options->engine};
    static const char *const paths[] = {"reference", "engine"};
    for (size_t n = 0; n < 2; n++) {
        golden_report report;
        if (!wanted[n])
            continue;
        golden_report_init(&report, inputs->name, paths[n], NULL);
        report.failed = true;
        if (inputs->problems.size)
            fmpnn_text_add(&report.problems, inputs->problems.data, inputs->problems.size);
        golden_report_close(&report, totals);
    }
    golden_report_clear(inputs);
}
