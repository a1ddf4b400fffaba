/* The reading of the published LigandMPNN program: residues are the CA atoms of amino acids by
 * name, in file order; whatever is neither protein nor water is context for a ligand model. Only
 * what stands in the file exists: no placeholders. A modified residue is X.
 *
 * Where the original stops or becomes inconsistent, this reading goes on: a residue with two CA
 * atoms (blank and A) is one residue, of which the later one counts; context of which nothing is
 * left is empty.
 * Source: Dauparas et al. 2023, LigandMPNN, its published program; docs/formats.md. */
#include <math.h>
#include <string.h>

#include "structure/atom37.h"
#include "structure/context.h"
#include "structure/element.h"
#include "structure/names.h"
#include "structure/records.h"

/* clang-format off */
static const char modified[][5] = {
    "ASX", "GLX", "ASH", "GLH", "CSO", "CYX", "HIP", "HID", "HIE", "HSD", "HSE", "HSP", "HISD",
    "HISE", "HISP", "LYN", "TYM", "ARN", "MSE", "CME", "SEC", "SEP", "TPO", "PTR", "PHD", "XLE",
    "XAA", "MEN", "CSB",
};
static const char waters[][5] = {
    "HOH", "DOD", "WAT", "TIP3", "H2O", "OH2", "TIP", "TIP2", "TIP4", "SPC", "SOL", "T3P",
};
static const char ions[][5] = {
    "AL", "BA", "CA", "CD", "CL", "CO", "CS", "CU", "CU1", "CUA", "HG", "IN", "IOD", "K", "MG",
    "MN", "MN3", "NA", "PB", "PT", "RB", "TB", "TL", "WO4", "YB", "ZN", "CAL", "CES", "CLA",
    "POT", "SOD", "ZN2", "CU2", "CU2P",
};
/* clang-format on */

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof list / sizeof *list)

static bool is_one_of(const char *name, const char (*list)[5], size_t count)
{
    for (size_t n = 0; n < count; n++)
        if (!strcmp(list[n], name))
            return true;
    return false;
}

static bool is_amino_acid(const char *name)
{
    return fmpnn_letter_of_standard(name) || IS_ONE_OF(name, modified);
}

static const char *chain_name(const fmpnn_records *all, const fmpnn_record *record)
{
    return record->chain[0] ? record->chain : all->blank;
}

static void residue_name(const fmpnn_records *all, const fmpnn_record *record, char text[40])
{
    fmpnn_residue residue = {.number = record->number, .icode = record->icode};
    strcpy(residue.chain, chain_name(all, record));
    fmpnn_residue_name(&residue, text);
}

/* ---- classes, on the whole file; then the filters */

typedef struct reading {
    const fmpnn_source *source;
    fmpnn_records *all;
    fmpnn_structure *st;
    fmpnn_findings *findings;
    uint8_t *protein; /* [units] has the CA of an amino acid */
    uint32_t *ligand; /* [units] index of the latest ligand, or UINT32_MAX */
    uint32_t *chain;  /* [records] number of the chain in order of appearance */
    uint32_t *table;  /* [slots] residues by chain, number and insertion code, from 1 */
    size_t slots;
} reading;

static bool is_carbon_alpha(const fmpnn_record *record)
{
    return !strcmp(record->name, "CA");
}

static bool filtered(const reading *r, const fmpnn_record *record)
{
    return (!r->source->options->zero_occupancy && record->occupancy <= 0) ||
           !fmpnn_filter_keeps(r->source->options, chain_name(r->all, record),
                               record->residue);
}

static void classify(reading *r)
{
    fmpnn_record *end = r->all->record + r->all->count;
    for (fmpnn_record *record = r->all->record; record < end; record++)
        if (is_carbon_alpha(record) && is_amino_acid(record->residue))
            r->protein[record->unit] = 1;
    for (fmpnn_record *record = r->all->record; record < end; record++) {
        if (filtered(r, record))
            record->use = FMPNN_RECORD_DROPPED;
        else if (IS_ONE_OF(record->residue, waters))
            record->use = FMPNN_RECORD_WATER;
        else if (r->protein[record->unit] && !IS_ONE_OF(record->residue, ions))
            record->use = FMPNN_RECORD_PROTEIN;
        else
            record->use = FMPNN_RECORD_OTHER;
    }
}

/* Chains by segment and name, numbered in order of appearance among all atoms. */
static fmpnn_status number_chains(reading *r, fmpnn_error *err)
{
    size_t count = 0, capacity = 0, *first = NULL, last = 0;
    const fmpnn_record *record = r->all->record;
    for (size_t n = 0; n < r->all->count; n++) {
        size_t c = last;
        bool same = count && !strcmp(record[first[c]].chain, record[n].chain) &&
                    !strcmp(record[first[c]].segment, record[n].segment);
        for (c = same ? c : 0; !same && c < count; c++)
            if (!strcmp(record[first[c]].chain, record[n].chain) &&
                !strcmp(record[first[c]].segment, record[n].segment))
                break;
        if (c == count) {
            if (count == capacity) {
                size_t *bigger = fmpnn_grow(first, count, 2 * count + 16, sizeof *first);
                if (!bigger) {
                    fmpnn_release(first);
                    return fmpnn_fail_memory(err, "numbering chains");
                }
                first = bigger;
                capacity = 2 * count + 16;
            }
            first[count++] = n;
        }
        r->chain[n] = (uint32_t)c;
        last = c;
    }
    fmpnn_release(first);
    return FMPNN_OK;
}

/* ---- residues */

/* Where a residue stands in the table, or would; 0 if it is not there. */
static uint32_t *find_residue(const reading *r, const char *chain, int32_t number, char icode)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *c = chain; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    hash = (hash ^ (uint32_t)number) * 1099511628211u;
    hash = (hash ^ (unsigned char)icode) * 1099511628211u;
    size_t at = (size_t)(hash ^ hash >> 29) & (r->slots - 1);
    for (; r->table[at]; at = (at + 1) & (r->slots - 1)) {
        const fmpnn_residue *residue = &r->st->residue[r->table[at] - 1];
        if (residue->number == number && residue->icode == icode &&
            !strcmp(residue->chain, chain))
            break;
    }
    return &r->table[at];
}

static void set_residue(reading *r, fmpnn_residue *into, const fmpnn_record *record)
{
    char letter = fmpnn_letter_of_standard(record->residue);
    memset(into, 0, sizeof *into);
    strcpy(into->chain, chain_name(r->all, record));
    strcpy(into->name, record->residue);
    into->number = record->number;
    into->icode = record->icode;
    into->letter = letter ? letter : 'X';
    into->chain_id = r->chain[record - r->all->record];
}

/* A residue for each CA, and to which residue every protein atom belongs. */
static fmpnn_status make_residues(reading *r, fmpnn_error *err)
{
    fmpnn_structure *st = r->st;
    size_t count = 0;
    fmpnn_record *begin = r->all->record, *end = begin + r->all->count;
    for (fmpnn_record *record = begin; record < end; record++)
        count += record->use == FMPNN_RECORD_PROTEIN && is_carbon_alpha(record);
    if (count > FMPNN_MAX_RESIDUES)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: %zu residues, at most %d are supported",
                          r->source->file, count, FMPNN_MAX_RESIDUES);
    if (!count)
        return FMPNN_OK; /* read.c says what is missing */
    for (r->slots = 16; r->slots < 2 * count;)
        r->slots *= 2;
    r->table = fmpnn_alloc_zero(r->slots, sizeof *r->table);
    st->residue = fmpnn_alloc_zero(count, sizeof *st->residue);
    if (!r->table || !st->residue)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory for %zu residues",
                          r->source->file, count);
    for (fmpnn_record *record = begin; record < end; record++) {
        if (record->use != FMPNN_RECORD_PROTEIN || !is_carbon_alpha(record))
            continue;
        uint32_t *slot = find_residue(r, chain_name(r->all, record), record->number,
                                      record->icode);
        if (*slot) {
            char name[40];
            residue_name(r->all, record, name);
            fmpnn_findings_add(r->findings, FMPNN_WARN_DUPLICATE_CA, "%s", name);
        } else {
            *slot = (uint32_t)++st->length;
        }
        set_residue(r, &st->residue[*slot - 1], record);
    }
    for (fmpnn_record *record = begin; record < end; record++)
        if (record->use == FMPNN_RECORD_PROTEIN)
            record->place = *find_residue(r, chain_name(r->all, record), record->number,
                                          record->icode) -
                            1u; /* none: UINT32_MAX */
    return FMPNN_OK;
}

static void set_backbone(fmpnn_residue *residue, const double *const xyz[FMPNN_ATOM37])
{
    static const int backbone[4] = {FMPNN_SLOT_N, FMPNN_SLOT_CA, FMPNN_SLOT_C, FMPNN_SLOT_O};
    for (int a = 0; a < 4; a++)
        for (int k = 0; k < 3; k++)
            residue->xyz[a][k] = xyz[backbone[a]] ? (float)xyz[backbone[a]][k] : NAN;
    for (int a = 0; a < 4; a++)
        residue->present |= (uint8_t)((xyz[backbone[a]] != NULL) << a);
}

/* Of a residue's atoms of one name the last one counts. */
static fmpnn_status place_atoms(reading *r, fmpnn_context_maker *maker, fmpnn_error *err)
{
    fmpnn_structure *st = r->st;
    fmpnn_status status = FMPNN_OK;
    uint32_t(*slot)[FMPNN_ATOM37] = fmpnn_alloc_zero(st->length, sizeof *slot); /* from 1 */
    if (!slot)
        return fmpnn_fail_memory(err, "collecting side chains");
    for (size_t n = 0; n < r->all->count; n++) {
        const fmpnn_record *record = &r->all->record[n];
        int at = fmpnn_atom37_slot(record->name);
        if (record->place != UINT32_MAX && at >= 0)
            slot[record->place][at] = (uint32_t)n + 1;
    }
    for (size_t i = 0; i < st->length && !status; i++) {
        const double *xyz[FMPNN_ATOM37];
        for (size_t a = 0; a < FMPNN_ATOM37; a++)
            xyz[a] = slot[i][a] ? r->all->record[slot[i][a] - 1].xyz : NULL;
        set_backbone(&st->residue[i], xyz);
        status = fmpnn_context_add_residue(maker, st->length, xyz, err);
    }
    fmpnn_release(slot);
    return status;
}

/* Numbers as the model counts them: each repetition of the number before moves all that follow
 * by one, also in later chains. */
static void set_indices(fmpnn_structure *st)
{
    int64_t repeated = 0;
    for (size_t i = 0; i < st->length; i++) {
        repeated += i && st->residue[i].number == st->residue[i - 1].number;
        st->residue[i].index = (int32_t)(st->residue[i].number + repeated);
    }
}

/* ---- context */

static fmpnn_status add_context(reading *r, fmpnn_context_maker *maker, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < r->all->count && !status; n++) {
        const fmpnn_record *record = &r->all->record[n];
        if (record->use != FMPNN_RECORD_OTHER)
            continue;
        uint32_t *of = &r->ligand[record->unit];
        if (*of == UINT32_MAX || strcmp(r->st->ligand[*of].name, record->residue)) {
            fmpnn_ligand ligand = {.number = record->number, .icode = record->icode};
            strcpy(ligand.chain, chain_name(r->all, record));
            strcpy(ligand.name, record->residue);
            status = fmpnn_context_add_ligand(maker, &ligand, of, err);
        }
        if (!status)
            status = fmpnn_context_add_atom(maker, *of, record->name, record->element,
                                            record->xyz, err);
    }
    return status;
}

/* ---- what a user should know */

/* Parts of a unit that the name of its residue does not explain, and units without CA. */
static void note_units(reading *r)
{
    uint32_t noted = UINT32_MAX;
    for (size_t n = 0; n < r->all->count; n++) {
        const fmpnn_record *record = &r->all->record[n];
        char name[40];
        if (record->unit == noted)
            continue;
        if (record->use == FMPNN_RECORD_PROTEIN && record->place != UINT32_MAX &&
            record->hetatm && !is_amino_acid(record->residue)) {
            noted = record->unit;
            residue_name(r->all, record, name);
            fmpnn_findings_add(r->findings, FMPNN_WARN_LIGAND_MERGED, "%s %s", name,
                               record->residue);
        } else if (record->use == FMPNN_RECORD_OTHER && !r->protein[record->unit] &&
                   is_amino_acid(record->residue)) {
            noted = record->unit;
            residue_name(r->all, record, name);
            fmpnn_findings_add(r->findings, FMPNN_WARN_NO_CARBON_ALPHA, "%s %s", name,
                               record->residue);
        }
    }
}

static void note_dropped(reading *r)
{
    if (r->all->alternates)
        fmpnn_findings_add(r->findings, FMPNN_WARN_ALTLOC_LEFT_OUT, "%zu atoms",
                           r->all->alternates);
    for (size_t n = 0; n < r->all->count; n++) {
        const fmpnn_record *record = &r->all->record[n];
        char name[40];
        if (record->use != FMPNN_RECORD_DROPPED || record->occupancy > 0 ||
            IS_ONE_OF(record->residue, waters) ||
            (n && record[-1].unit == record->unit && record[-1].occupancy <= 0))
            continue;
        residue_name(r->all, record, name);
        fmpnn_findings_add(r->findings, FMPNN_WARN_EMPTY_LEFT_OUT, "%s %s", name,
                           record->residue);
    }
}

/* gemmi's copy, for writing; it may refuse a file that this reading accepts. */
static fmpnn_status attach_document(reading *r, fmpnn_error *err)
{
    fmpnn_document *document = NULL;
    fmpnn_error ignored;
    fmpnn_status status = fmpnn_document_read(r->source, &document, &ignored);
    if (status == FMPNN_ENOMEM)
        return fmpnn_fail(err, status, "%s", ignored.message);
    if (status)
        return FMPNN_OK;
    r->st->document = document;
    for (size_t g = 0; g < document->group_count; g++) {
        fmpnn_group *group = &document->group[g];
        bool occupied = r->source->options->zero_occupancy;
        for (size_t n = group->first; n < group->first + group->count; n++)
            occupied = occupied || document->atom[n].occupancy > 0;
        if (!occupied || !fmpnn_filter_keeps(r->source->options, group->chain, group->name))
            group->use = FMPNN_USE_DROPPED;
        else if (is_amino_acid(group->name) &&
                 *find_residue(r, group->chain, group->number, group->icode))
            group->use = FMPNN_USE_RESIDUE;
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_original_ligand_read(const fmpnn_source *source, fmpnn_structure *st,
                                        fmpnn_findings *findings, fmpnn_error *err)
{
    reading r = {.source = source, .st = st, .findings = findings};
    fmpnn_context_maker maker;
    if (source->cif)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s: the original program reads PDB files only; use --reading author",
            source->file);
    fmpnn_status status = fmpnn_records_read(source, &r.all, err);
    if (status)
        return status;
    st->records = r.all;
    r.protein = fmpnn_alloc_zero(r.all->units, 1);
    r.ligand = fmpnn_alloc(r.all->units, sizeof *r.ligand);
    r.chain = fmpnn_alloc(r.all->count, sizeof *r.chain);
    status = r.protein && r.ligand && r.chain
                 ? number_chains(&r, err)
                 : fmpnn_fail_memory(err, "sorting atoms into residues");
    if (status)
        goto done;
    memset(r.ligand, 0xff, r.all->units * sizeof *r.ligand);
    fmpnn_context_begin(&maker, st, findings);
    classify(&r);
    status = make_residues(&r, err);
    if (status || !st->length)
        goto done;
    set_indices(st);
    status = place_atoms(&r, &maker, err);
    if (!status)
        status = add_context(&r, &maker, err);
    if (!status)
        status = attach_document(&r, err);
    if (status)
        goto done;
    note_units(&r);
    note_dropped(&r);
done:
    fmpnn_release(r.table);
    fmpnn_release(r.chain);
    fmpnn_release(r.ligand);
    fmpnn_release(r.protein);
    return status;
}
