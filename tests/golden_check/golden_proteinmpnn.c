/* ProteinMPNN cases: inputs once a case, then each path. */
#include "golden.h"

#include <string.h>
#include <sys/stat.h>

typedef struct session {
    const golden_options *options;
    golden_shelf *shelf;
    fmpnn_context *ctx; /* NULL if the engine asked for is not to be had: `why` says so */
    fmpnn_error why;
    char structures[4096];
} session;

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void find_structures(session *s)
{
    const golden_options *o = s->options;
    snprintf(s->structures, sizeof s->structures, "%s/structures", o->folder);
    if (o->structures)
        snprintf(s->structures, sizeof s->structures, "%s", o->structures);
    else if (!is_folder(s->structures))
        snprintf(s->structures, sizeof s->structures, "%s/../../structures", o->folder);
}

/* An engine on exactly what was asked for. */
static void open_engine(session *s)
{
    const golden_options *o = s->options;
    fmpnn_context_options options;
    fmpnn_context_options_default(&options);
    options.device = "cpu";
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

static void through_engine(session *s, golden_case *c, const golden_report *inputs,
                           golden_totals *totals)
{
    golden_report report;
    golden_report_init(&report, c->name, "engine", c->archive);
    golden_report_inherit(&report, inputs);
    report.isa = s->options->isa ? s->options->isa : "-";
    if (s->ctx)
        golden_run_engine(c, s->ctx, &report);
    else
        golden_problem(&report, "%s", s->why.message);
    golden_report_close(&report, totals);
}

static void through_reference(golden_case *c, void (*run)(golden_case *, golden_report *),
                              const golden_report *inputs, golden_totals *totals)
{
    golden_report report;
    golden_report_init(&report, c->name, "reference", c->archive);
    golden_report_inherit(&report, inputs);
    run(c, &report);
    golden_report_close(&report, totals);
}

/* Wrong inputs fail the case through every path that was asked for. */
static void fail_paths(session *s, golden_report *inputs, golden_totals *totals)
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

static void check_case(session *s, const json_t *entry, golden_totals *totals)
{
    golden_case c;
    golden_report inputs;
    if (!golden_case_open(&c, s->options, s->shelf, s->structures, entry, &inputs)) {
        fail_paths(s, &inputs, totals);
        golden_case_close(&c);
        return;
    }
    if (s->options->reference) {
        through_reference(&c, golden_run_reference64, &inputs, totals);
        through_reference(&c, golden_run_reference32, &inputs, totals);
    }
    if (s->options->engine) /* last: it may rearrange the graph's neighbours */
        through_engine(s, &c, &inputs, totals);
    golden_report_clear(&inputs);
    golden_case_close(&c);
}

void golden_proteinmpnn(const golden_options *options, const json_t *manifest,
                        golden_totals *totals)
{
    session s = {.options = options, .shelf = golden_shelf_create(options->weights)};
    const char *alphabet = json_string_value(json_object_get(manifest, "alphabet"));
    size_t n;
    json_t *entry;
    if (!s.shelf || strcmp(alphabet, fmpnn_alphabet()) != 0) {
        fprintf(stderr, "golden: the manifest's alphabet is not %s\n", fmpnn_alphabet());
        totals->failed++;
        golden_shelf_free(s.shelf);
        return;
    }
    find_structures(&s);
    if (options->engine && !options->list)
        open_engine(&s);
    json_array_foreach(json_object_get(manifest, "cases"), n, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "case"));
        if (golden_wanted(options, name ? name : "(unnamed)", totals))
            check_case(&s, entry, totals);
    }
    fmpnn_context_free(s.ctx);
    golden_shelf_free(s.shelf);
}
