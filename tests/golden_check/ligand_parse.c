/* Cases of kind "parse": what the reading of the published LigandMPNN program makes of a file.
 * No network, so there is one path only; every array must be identical. */
#include "golden.h"

#include "structure/atom37.h"
#include "structure/records.h"

#include <math.h>
#include <string.h>

typedef struct parsed {
    const fmpnn_structure *st;
    bool all_atoms; /* else xyz_37 has the backbone alone */
    size_t use[FMPNN_RECORD_OTHER + 1]; /* records of each use; of protein: N, CA, C, O */
} parsed;

static const char *text_of(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

static bool is_backbone(const char *name)
{
    return !strcmp(name, "N") || !strcmp(name, "CA") || !strcmp(name, "C") ||
           !strcmp(name, "O");
}

static bool is_backbone_slot(size_t slot)
{
    return slot <= FMPNN_SLOT_O && slot != FMPNN_SLOT_CB;
}

/* ---- the value that number n of each tensor should have */

static const fmpnn_residue *residue_at(const parsed *p, size_t n)
{
    return &p->st->residue[n];
}
static double X(const parsed *p, size_t n)
{
    float x = residue_at(p, n / 12)->xyz[n / 3 % 4][n % 3];
    return isnan(x) ? 0 : (double)x;
}
static double mask(const parsed *p, size_t n)
{
    return residue_at(p, n)->present == 15;
}
static double R_idx(const parsed *p, size_t n)
{
    return residue_at(p, n)->number;
}
static double chain_labels(const parsed *p, size_t n)
{
    return residue_at(p, n)->chain_id;
}
static double S(const parsed *p, size_t n)
{
    return (double)(strchr(fmpnn_alphabet(), residue_at(p, n)->letter) - fmpnn_alphabet());
}
static double Y(const parsed *p, size_t n)
{
    return p->st->context_count ? (double)p->st->context[n / 3].xyz[n % 3] : 0;
}
static double Y_t(const parsed *p, size_t n)
{
    return p->st->context_count ? p->st->context[n].type : 0;
}
static double Y_m(const parsed *p, size_t n)
{
    (void)n;
    return p->st->context_count > 0;
}
static double xyz_37(const parsed *p, size_t n)
{
    float xyz[FMPNN_ATOM37][3];
    uint8_t present[FMPNN_ATOM37];
    size_t slot = n / 3 % FMPNN_ATOM37;
    fmpnn_structure_atoms(p->st, n / (3 * FMPNN_ATOM37), xyz, present);
    return p->all_atoms || is_backbone_slot(slot) ? (double)xyz[slot][n % 3] : 0;
}
static double xyz_37_m(const parsed *p, size_t n)
{
    float xyz[FMPNN_ATOM37][3];
    uint8_t present[FMPNN_ATOM37];
    size_t slot = n % FMPNN_ATOM37;
    fmpnn_structure_atoms(p->st, n / FMPNN_ATOM37, xyz, present);
    return p->all_atoms || is_backbone_slot(slot) ? present[slot] : 0;
}
static double counts(const parsed *p, size_t n)
{
    static const int use[3] = {FMPNN_RECORD_PROTEIN, FMPNN_RECORD_OTHER, FMPNN_RECORD_WATER};
    return (double)p->use[use[n]];
}

/* ---- comparison */

static void compare(golden_report *report, const parsed *p, const char *name,
                    const fmpnn_array *stored, double (*value)(const parsed *, size_t))
{
    if (!stored) {
        golden_problem(report, "%s: missing, or not of the structure's size", name);
        return;
    }
    for (size_t n = 0; n < stored->count; n++)
        if (!(golden_value(stored, n) == value(p, n))) {
            golden_problem(report, "%s[%zu]: stored %.9g, read %.9g", name, n,
                           golden_value(stored, n), value(p, n));
            return;
        }
    fmpnn_text_print(&report->tensors, " %s", name);
}

/* Text of fixed width, filled with zeros: chain names, insertion codes. */
static void compare_texts(golden_report *report, const parsed *p, const char *name,
                          bool chains)
{
    const fmpnn_array *stored = fmpnn_archive_find(report->archive, name);
    size_t width = stored && stored->rank == 2 ? stored->shape[1] : 0;
    stored = golden_tensor(report, name, 2, p->st->length, width);
    if (!stored) {
        golden_problem(report, "%s: missing, or not of the structure's size", name);
        return;
    }
    for (size_t i = 0; i < p->st->length; i++) {
        const fmpnn_residue *residue = residue_at(p, i);
        char text[16] = "", icode[2] = {residue->icode == ' ' ? '\0' : residue->icode, 0};
        const char *chain = strcmp(residue->chain, p->st->records->blank) ? residue->chain : "";
        strcpy(text, chains ? chain : icode);
        for (size_t k = 0; k < width; k++)
            if (golden_value(stored, i * width + k) != (k < sizeof text ? text[k] : 0)) {
                golden_problem(report, "%s of residue %zu: read \"%s\"", name, i, text);
                return;
            }
    }
    fmpnn_text_print(&report->tensors, " %s", name);
}

static void compare_all(golden_report *report, parsed *p)
{
    size_t L = p->st->length, M = p->st->context_count ? p->st->context_count : 1;
    const size_t A = FMPNN_ATOM37, four = 4, three = 3;
    const fmpnn_records *records = p->st->records;
    for (size_t n = 0; n < records->count; n++) {
        const fmpnn_record *record = &records->record[n];
        p->use[record->use] +=
            record->use != FMPNN_RECORD_PROTEIN || is_backbone(record->name);
    }
    compare(report, p, "X", golden_tensor(report, "X", 3, L, four, three), X);
    compare(report, p, "mask", golden_tensor(report, "mask", 1, L), mask);
    compare(report, p, "R_idx", golden_tensor(report, "R_idx", 1, L), R_idx);
    compare(report, p, "chain_labels", golden_tensor(report, "chain_labels", 1, L),
            chain_labels);
    compare(report, p, "S", golden_tensor(report, "S", 1, L), S);
    compare(report, p, "Y", golden_tensor(report, "Y", 2, M, three), Y);
    compare(report, p, "Y_t", golden_tensor(report, "Y_t", 1, M), Y_t);
    compare(report, p, "Y_m", golden_tensor(report, "Y_m", 1, M), Y_m);
    compare(report, p, "xyz_37", golden_tensor(report, "xyz_37", 3, L, A, three), xyz_37);
    compare(report, p, "xyz_37_m", golden_tensor(report, "xyz_37_m", 2, L, A), xyz_37_m);
    compare_texts(report, p, "chain_letters", true);
    compare_texts(report, p, "icodes", false);
    compare(report, p, "n_backbone_other_water",
            golden_tensor(report, "n_backbone_other_water", 1, three), counts);
}

/* ---- one case */

bool golden_ligand_read(const char *structures, const json_t *entry, golden_report *report,
                        fmpnn_structure **st)
{
    char path[4096], only[256] = "";
    fmpnn_error err;
    fmpnn_read_options how;
    size_t n;
    json_t *chain;
    const json_t *options = json_object_get(entry, "options");
    if (!golden_structure_path(entry, structures, path, sizeof path, report))
        return false;
    fmpnn_read_options_default(&how);
    how.reading = FMPNN_READING_ORIGINAL_LIGAND;
    how.zero_occupancy = json_integer_value(json_object_get(options, "zero_occupancy")) != 0;
    json_array_foreach(json_object_get(options, "parse_chains"), n, chain)
    {
        size_t used = strlen(only);
        snprintf(only + used, sizeof only - used, "%s,", json_string_value(chain));
    }
    how.only = *only ? only : NULL;
    if (fmpnn_structure_read(path, &how, st, &err)) {
        golden_problem(report, "structure: %s", err.message);
        return false;
    }
    return true;
}

void golden_ligand_parse(const char *folder, const char *structures, const json_t *entry,
                         golden_totals *totals)
{
    char path[4096];
    fmpnn_error err;
    fmpnn_archive *archive = NULL;
    fmpnn_structure *st = NULL;
    golden_report report;
    const char *name = text_of(entry, "case"), *file = text_of(entry, "file");
    const json_t *options = json_object_get(entry, "options");
    fmpnn_status status = fmpnn_fail(&err, FMPNN_EFORMAT, "the manifest names no file");
    if (golden_path_in(folder, file, path, sizeof path))
        status = fmpnn_archive_open(path, &archive, &err);
    golden_report_init(&report, name ? name : "(unnamed)", "reading", archive);
    if (status)
        golden_problem(&report, "%s", err.message);
    else if (golden_ligand_read(structures, entry, &report, &st)) {
        parsed p = {.st = st,
                    .all_atoms = json_integer_value(
                                     json_object_get(options, "parse_all_atoms")) != 0};
        compare_all(&report, &p);
    }
    golden_report_close(&report, totals);
    fmpnn_structure_free(st);
    fmpnn_archive_close(archive);
}
