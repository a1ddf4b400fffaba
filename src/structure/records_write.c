/* Records written back, in the form of the library under the published LigandMPNN program. Its
 * numbers turn hexadecimal where they outgrow their columns; a TER line takes a serial number of
 * its own. */
#include "structure/records.h"

#include <string.h>

#include "structure/names.h"
#include "structure/shim.h"

enum { LARGEST_SERIAL = 99999, LARGEST_NUMBER = 9999, BLANKS = 54 };

typedef struct writer {
    const fmpnn_structure *st;
    const fmpnn_records *all;
    const char *letters; /* [length] */
    const float *b;      /* [length] */
    fmpnn_text *out;
    size_t serial, ters; /* TER lines so far, of earlier models too */
    bool wide_serial, wide_number; /* hexadecimal from here on */
} writer;

static bool is_backbone(const fmpnn_record *record)
{
    static const char names[4][3] = {"N", "CA", "C", "O"};
    for (int a = 0; a < 4; a++)
        if (!strcmp(record->name, names[a]))
            return record->use == FMPNN_RECORD_PROTEIN && record->place != UINT32_MAX;
    return false;
}

/* What a TER line may follow. */
static bool is_polymer(const char *name)
{
    static const char more[][4] = {"",    "UNK", "ASX", "GLX", "SEC", "PYL", "XLE", "ADE", "THY",
                                   "CYT", "GUA", "URA", "DA",  "DT",  "DC",  "DG",  "-"};
    static const char single[] = "ARNDCQEGHILKMFPSTWYVBZUOJXatcgu";
    for (size_t n = 0; n < sizeof more / sizeof *more; n++)
        if (!strcmp(name, more[n]))
            return true;
    return name[1] ? fmpnn_shim_is_polymer(name) : strchr(single, name[0]) != NULL;
}

/* Columns 1 to 26, "ATOM      1  N   MET A   1", and with `icode` the insertion code. */
static void add_place(writer *w, const char *record_name, const char *name, char altloc,
                      const char *residue, const fmpnn_record *record, bool icode)
{
    char number[16];
    char code[2] = {record->icode == ' ' ? '\0' : record->icode, '\0'};
    unsigned size = record->number < 0 ? 0u - (unsigned)record->number
                                       : (unsigned)record->number;
    snprintf(number, sizeof number, w->wide_number ? "%s%x" : "%s%u",
             record->number < 0 ? "-" : "", size);
    if (strlen(number) > 4) { /* the fifth digit goes where the insertion code would */
        if (!code[0])
            code[0] = number[4];
        number[4] = '\0';
    }
    fmpnn_text_print(w->out, w->wide_serial ? "%-6s%5zx" : "%-6s%5zu", record_name, w->serial);
    fmpnn_text_print(w->out, " %-4s%c%-3s%2s%4s", name, altloc, residue, record->chain,
                     number);
    if (icode)
        fmpnn_text_print(w->out, "%1s", code);
}

static void add_tail(writer *w, const fmpnn_record *record)
{
    char charge[3] = "  ";
    if (record->charge) {
        charge[0] = (char)('0' + (record->charge < 0 ? -record->charge : record->charge));
        charge[1] = record->charge < 0 ? '-' : '+';
    }
    fmpnn_text_print(w->out, "%4s%2s%s\n", record->segment, record->element, charge);
}

static void add_atom(writer *w, const fmpnn_record *record, const double xyz[3], bool first)
{
    bool residue = record->use == FMPNN_RECORD_PROTEIN;
    const char *name = residue ? fmpnn_name_of_letter(w->letters[record->place])
                               : record->residue;
    double b = residue ? (double)w->b[record->place] : 0;
    char shown[6];
    char altloc = first ? record->altloc : ' ';
    snprintf(shown, sizeof shown, strlen(record->name) < 4 ? " %s" : "%s", record->name);
    w->serial++;
    w->wide_serial = w->wide_serial || w->serial > LARGEST_SERIAL;
    w->wide_number = w->wide_number || record->number > LARGEST_NUMBER;
    add_place(w, record->hetatm ? "HETATM" : "ATOM", shown, altloc, name, record,
              true);
    fmpnn_text_print(w->out, "   %8.3f%8.3f%8.3f%6.2f%6.2f      ", xyz[0], xyz[1], xyz[2],
                     record->occupancy, b);
    add_tail(w, record);
    if (w->all->has_anisou) {
        add_place(w, "ANISOU", shown, altloc, name, record, true);
        fmpnn_text_print(w->out, " ");
        for (int k = 0; k < 6; k++) /* cut to whole numbers after a division, as it is there */
            fmpnn_text_print(w->out, "%7d", (int)(record->anisou[k] / 10000.0 * 10000));
        fmpnn_text_print(w->out, "  ");
        add_tail(w, record);
    }
    if (record->ter && is_polymer(name)) {
        w->serial++;
        w->ters++;
        add_place(w, "TER", "", ' ', name, record, false);
        fmpnn_text_print(w->out, "%*s\n", BLANKS, "");
    }
}

static void add_model(writer *w, size_t model)
{
    const fmpnn_records *all = w->all;
    w->wide_serial = w->wide_number = false;
    for (int part = 0; part < 2; part++)
        for (size_t n = 0; n < all->count && !w->out->failed; n++) {
            const fmpnn_record *record = &all->record[n];
            if (part ? record->use == FMPNN_RECORD_OTHER : is_backbone(record))
                add_atom(w, record,
                         model ? all->later + 3 * ((model - 1) * all->count + n)
                               : record->xyz,
                         model == 0);
        }
}

/* ---- with side chains ---- */

/* The columns that an atom made here has in common with one of a file. */
static fmpnn_record packed_record(const writer *w, const fmpnn_residue *residue,
                                  const char *name)
{
    fmpnn_record r = {.altloc = ' ', .icode = residue->icode, .number = residue->number};
    bool nameless = w->all->blank[0] && !strcmp(residue->chain, w->all->blank);
    snprintf(r.name, sizeof r.name, "%s", name);
    snprintf(r.chain, sizeof r.chain, "%.1s", nameless ? "" : residue->chain);
    r.element[0] = name[0];
    return r;
}

static void add_bare(writer *w, const fmpnn_record *r, const char *record_name,
                     const char *residue, const double xyz[3], double occupancy, double b)
{
    char shown[6];
    snprintf(shown, sizeof shown, strlen(r->name) < 4 ? " %s" : "%s", r->name);
    w->serial++;
    w->wide_serial = w->wide_serial || w->serial > LARGEST_SERIAL;
    w->wide_number = w->wide_number || r->number > LARGEST_NUMBER;
    add_place(w, record_name, shown, ' ', residue, r, true);
    fmpnn_text_print(w->out, "   %8.3f%8.3f%8.3f%6.2f%6.2f      %4s%2s  \n", xyz[0], xyz[1],
                     xyz[2], occupancy, b, "", r->element);
}

fmpnn_status fmpnn_records_write_packed(const fmpnn_structure *st,
                                        const fmpnn_records_packed *packed, fmpnn_text *out,
                                        fmpnn_error *err)
{
    const fmpnn_records *all = st->records;
    writer w = {.st = st, .all = all, .out = out};
    bool context = false;
    for (size_t n = 0; n < all->count; n++)
        context = context || all->record[n].use == FMPNN_RECORD_OTHER;
    fmpnn_text_print(out, context ? "REMARK AtomGroup Unnamed + Unnamed\n"
                                  : "REMARK AtomGroup Unnamed\n");
    for (size_t i = 0; i < st->length && !out->failed; i++)
        for (size_t a = 0; a < packed->atoms[i]; a++) {
            size_t at = i * packed->width + a;
            fmpnn_record r = packed_record(&w, &st->residue[i], packed->name[at]);
            double at3[3]; /* float there */
            for (int d = 0; d < 3; d++)
                at3[d] = (double)(float)packed->xyz[3 * at + (size_t)d];
            add_bare(&w, &r, "ATOM", fmpnn_name_of_letter(packed->letters[i]),
                     at3, 1, (double)packed->b[at]);
        }
    for (size_t n = 0; n < all->count && !out->failed; n++) {
        fmpnn_record r = all->record[n];
        bool hetatm = packed->force_hetatm ? r.hetatm : !fmpnn_shim_is_polymer(r.residue);
        r.icode = ' ';
        if (r.use == FMPNN_RECORD_OTHER)
            add_bare(&w, &r, hetatm ? "HETATM" : "ATOM", r.residue, r.xyz, r.occupancy, 0);
    }
    fmpnn_text_print(out, "END   %74s\n", "");
    return out->failed ? fmpnn_fail_memory(err, "writing a structure") : FMPNN_OK;
}

fmpnn_status fmpnn_records_write(const fmpnn_structure *st, const char *letters,
                                 const float *b, fmpnn_text *out, size_t *lacking,
                                 fmpnn_error *err)
{
    const fmpnn_records *all = st->records;
    bool context = false;
    *lacking = 0;
    for (size_t i = 0; i < st->length; i++) {
        if (!fmpnn_name_of_letter(letters[i]))
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "residue letter \"%c\", expected an amino acid", letters[i]);
        *lacking += st->residue[i].present != 15;
    }
    for (size_t n = 0; n < all->count; n++)
        context = context || all->record[n].use == FMPNN_RECORD_OTHER;
    fmpnn_text_print(out, context
                              ? "REMARK AtomMap (Selection '(backbone) and ...occupancy > 0))')"
                                " + (Selection '(not protein an...(occupancy > 0)')\n"
                              : "REMARK Selection '(backbone) and ...occupancy > 0))'\n");
    writer w = {.st = st, .all = all, .letters = letters, .b = b, .out = out};
    for (size_t model = 0; model < all->models; model++) {
        if (all->models > 1)
            fmpnn_text_print(out, "MODEL%9zu\n", model + 1);
        w.serial = w.ters;
        add_model(&w, model);
        if (all->models > 1)
            fmpnn_text_print(out, "ENDMDL%74s\n", "");
    }
    fmpnn_text_print(out, "END   %74s\n", "");
    return out->failed ? fmpnn_fail_memory(err, "writing a structure") : FMPNN_OK;
}
