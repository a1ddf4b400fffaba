/* Manifests of LigandMPNN cases: those of the reading. This version has nothing that could
 * compute the others: each is a failure that says so. */
#include "golden.h"

#include <string.h>
#include <sys/stat.h>

static void find_structures(const golden_options *o, char path[4096])
{
    struct stat info;
    snprintf(path, 4096, "%s/structures", o->folder);
    if (o->structures)
        snprintf(path, 4096, "%s", o->structures);
    else if (stat(path, &info) || !S_ISDIR(info.st_mode))
        snprintf(path, 4096, "%s/../../structures", o->folder);
}

void golden_ligandmpnn(const golden_options *options, const json_t *manifest,
                       golden_totals *totals)
{
    size_t n;
    json_t *entry;
    char structures[4096];
    find_structures(options, structures);
    json_array_foreach(json_object_get(manifest, "cases"), n, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "case"));
        if (!golden_wanted(options, name ? name : "(unnamed)", totals))
            continue;
        const char *kind = json_string_value(json_object_get(entry, "kind"));
        if (kind && !strcmp(kind, "parse")) {
            golden_ligand_parse(options->folder, structures, entry, totals);
            continue;
        }
        golden_report report;
        golden_report_init(&report, name ? name : "(unnamed)", "engine", NULL);
        golden_problem(&report, "this version has no check of LigandMPNN cases");
        golden_report_close(&report, totals);
    }
}
