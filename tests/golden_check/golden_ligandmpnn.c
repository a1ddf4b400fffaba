/* Manifests of LigandMPNN cases. This version has nothing that could compute them: each is a
 * failure that says so. */
#include "golden.h"

void golden_ligandmpnn(const golden_options *options, const json_t *manifest,
                       golden_totals *totals)
{
    size_t n;
    json_t *entry;
    json_array_foreach(json_object_get(manifest, "cases"), n, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "case"));
        if (!golden_wanted(options, name ? name : "(unnamed)", totals))
            continue;
        golden_report report;
        golden_report_init(&report, name ? name : "(unnamed)", "engine", NULL);
        golden_problem(&report, "this version has no check of LigandMPNN cases");
        golden_report_close(&report, totals);
    }
}
