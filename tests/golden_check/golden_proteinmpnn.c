/* ProteinMPNN cases: inputs once a case, then each path. */
#include "golden.h"

#include <string.h>

static void through_engine(golden_session *s, golden_case *c, const golden_report *inputs,
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

static void check_case(golden_session *s, const json_t *entry, golden_totals *totals)
{
    golden_case c;
    golden_report inputs;
    if (!golden_case_open(&c, s->options, s->shelf, s->structures, entry, &inputs)) {
        golden_fail_paths(s, &inputs, totals);
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
    golden_session s;
    const char *alphabet = json_string_value(json_object_get(manifest, "alphabet"));
    size_t n;
    json_t *entry;
    if (strcmp(alphabet, fmpnn_alphabet()) != 0 || !golden_session_open(&s, options)) {
        fprintf(stderr, "golden: the manifest's alphabet is not %s\n", fmpnn_alphabet());
        totals->failed++;
        return;
    }
    json_array_foreach(json_object_get(manifest, "cases"), n, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "case"));
        if (golden_wanted(options, name ? name : "(unnamed)", totals))
            check_case(&s, entry, totals);
    }
    golden_session_close(&s);
}
