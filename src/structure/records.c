#include "structure/records.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "structure/pdb.h"

enum { LARGEST_DECIMAL = 9999, ANISOU_FIELDS = 6 };

void fmpnn_records_free(fmpnn_records *records)
{
    if (!records)
        return;
    fmpnn_release(records->later);
    fmpnn_release(records->record);
    fmpnn_release(records);
}

/* ---- fields */

/* A line as columns, filled with blanks. */
static void to_columns(const fmpnn_line *line, char columns[FMPNN_PDB_WIDTH])
{
    size_t size = line->size < FMPNN_PDB_WIDTH ? line->size : FMPNN_PDB_WIDTH;
    for (size_t i = 0; i < FMPNN_PDB_WIDTH; i++)
        columns[i] = i < size && isprint((unsigned char)line->text[i]) ? line->text[i] : ' ';
}

static bool is_record(const char columns[FMPNN_PDB_WIDTH], const char *name)
{
    char record[7];
    fmpnn_pdb_strip(columns, 6, record);
    return !strcmp(record, name);
}

/* "1+" is 1; every other form counts as no charge. */
static int8_t read_charge(const char field[2])
{
    if (!isdigit((unsigned char)field[0]) || (field[1] != '+' && field[1] != '-'))
        return 0;
    return (int8_t)(field[1] == '-' ? '0' - field[0] : field[0] - '0');
}

static double number_or_zero(const char *field, size_t width)
{
    double value = 0;
    return fmpnn_pdb_number(field, width, &value) ? value : 0;
}

/* A residue number that is not decimal: base 36 counting on from A000 = 10000 where it has
 * upper-case letters, else hexadecimal. */
static bool read_extended(const char field[4], int32_t *number)
{
    char text[5], *end;
    bool numeric = true, upper = true;
    for (size_t i = 0; i < 4; i++) {
        numeric = numeric && (isdigit((unsigned char)field[i]) || field[i] == ' ');
        upper = upper && !islower((unsigned char)field[i]);
    }
    bool hybrid = !numeric && upper;
    fmpnn_pdb_strip(field, 4, text);
    errno = 0;
    long value = strtol(text, &end, hybrid ? 36 : 16);
    if (!*text || *end || errno)
        return false;
    *number = (int32_t)(hybrid ? value - 10 * 36 * 36 * 36 + 10000 : value);
    return true;
}

/* ---- lines to records */

typedef struct reader {
    const fmpnn_source *source;
    fmpnn_records *records;
    size_t capacity;
    bool decimal; /* residue numbers so far are */
} reader;

static void read_place(reader *r, const char *columns, fmpnn_record *into)
{
    char field[5];
    int64_t value = 0;
    size_t count = r->records->count;
    const fmpnn_record *before = r->records->record + count; /* before[-1] is the last one */
    char icode = columns[FMPNN_PDB_ICODE];
    into->icode = ' ';
    fmpnn_pdb_strip(columns + FMPNN_PDB_NUMBER, 4, field);
    if (r->decimal) {
        r->decimal = fmpnn_parse_int(field, &value);
        into->number = (int32_t)value;
        if (!isdigit((unsigned char)icode))
            into->icode = icode;
        else if (value < 0 || field[0] == '-')
            into->number = 10 * into->number - (icode - '0');
        else
            into->number = 10 * into->number + (icode - '0');
    }
    if (r->decimal && count > 2 && before[-2].number > into->number &&
        before[-2].number >= LARGEST_DECIMAL)
        r->decimal = false;
    if (!r->decimal && !read_extended(columns + FMPNN_PDB_NUMBER, &into->number))
        into->number = count ? before[-1].number + 1 : 1;
}

static fmpnn_status check_line(const reader *r, const fmpnn_line *line, fmpnn_error *err)
{
    if (line->size < FMPNN_PDB_END)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: ATOM line ends at column %zu, expected %d",
                          r->source->file, line->number, line->size, FMPNN_PDB_END);
    for (size_t i = 0; i < FMPNN_PDB_END; i++)
        if (!isprint((unsigned char)line->text[i]))
            return fmpnn_fail(
                err, FMPNN_EFORMAT,
                "%s:%zu: byte 0x%02x in column %zu, expected a printable character",
                r->source->file, line->number, (unsigned char)line->text[i], i + 1);
    return FMPNN_OK;
}

static fmpnn_status add_record(reader *r, const fmpnn_line *line, const char *columns,
                               fmpnn_error *err)
{
    fmpnn_records *all = r->records;
    fmpnn_record next = {.hetatm = is_record(columns, "HETATM")};
    fmpnn_status status = check_line(r, line, err);
    if (!status)
        status = fmpnn_pdb_coordinates(r->source->file, line->number, columns, next.xyz, err);
    if (status)
        return status;
    if (all->count == r->capacity) {
        size_t capacity = 2 * r->capacity + 1024;
        void *bigger = fmpnn_grow(all->record, all->count, capacity, sizeof *all->record);
        if (!bigger)
            return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading",
                              r->source->file);
        all->record = bigger;
        r->capacity = capacity;
    }
    fmpnn_pdb_strip(columns + FMPNN_PDB_NAME, 4, next.name);
    fmpnn_pdb_strip(columns + FMPNN_PDB_RESIDUE, 3, next.residue);
    fmpnn_pdb_strip(columns + FMPNN_PDB_CHAIN, 1, next.chain);
    fmpnn_pdb_strip(columns + FMPNN_PDB_SEGMENT, 4, next.segment);
    fmpnn_pdb_strip(columns + FMPNN_PDB_ELEMENT, 2, next.element);
    next.altloc = columns[FMPNN_PDB_ALTLOC];
    next.charge = read_charge(columns + FMPNN_PDB_CHARGE);
    next.occupancy = number_or_zero(columns + FMPNN_PDB_OCCUPANCY, 6);
    next.b = number_or_zero(columns + FMPNN_PDB_B, 6);
    next.place = UINT32_MAX;
    read_place(r, columns, &next);
    all->record[all->count++] = next;
    return FMPNN_OK;
}

static bool other_altloc(const char *columns)
{
    return columns[FMPNN_PDB_ALTLOC] != ' ' && columns[FMPNN_PDB_ALTLOC] != 'A';
}

/* Belongs to the atom before it. A field can hold more than any displacement ("9e99"): what
 * int32_t has no room for is kept, and written back, as the outermost that it has. */
static void add_anisou(fmpnn_records *all, const char *columns)
{
    static const struct {
        int first, width;
    } field[ANISOU_FIELDS] = {{28, 7}, {35, 7}, {43, 6}, {49, 7}, {56, 7}, {63, 7}};
    all->has_anisou = true;
    if (!all->count || other_altloc(columns))
        return;
    for (int k = 0; k < ANISOU_FIELDS; k++) {
        double value = 0;
        if (!fmpnn_pdb_number(columns + field[k].first, (size_t)field[k].width, &value))
            return;
        value = fmin(fmax(value, -(double)INT32_MAX), INT32_MAX);
        all->record[all->count - 1].anisou[k] = (int32_t)value;
    }
}

/* The first model; *ended: an END was met, so more may follow. */
static fmpnn_status read_first(reader *r, fmpnn_lines *lines, bool *ended, fmpnn_error *err)
{
    fmpnn_line line;
    fmpnn_records *all = r->records;
    *ended = false;
    while (fmpnn_lines_next(lines, &line)) {
        char columns[FMPNN_PDB_WIDTH];
        to_columns(&line, columns);
        fmpnn_status status = FMPNN_OK;
        if (is_record(columns, "ATOM") || is_record(columns, "HETATM")) {
            if (other_altloc(columns))
                all->alternates++;
            else
                status = add_record(r, &line, columns, err);
        } else if (is_record(columns, "TER")) {
            if (all->count)
                all->record[all->count - 1].ter = true;
        } else if (is_record(columns, "ANISOU")) {
            add_anisou(all, columns);
        } else if (!memcmp(columns, "END", 3) && all->count) {
            *ended = true;
            return FMPNN_OK;
        }
        if (status)
            return status;
    }
    return FMPNN_OK;
}

static bool keep_model(fmpnn_records *all, const double *xyz)
{
    size_t size = 3 * all->count;
    double *bigger = fmpnn_grow(all->later, (all->models - 1) * size, all->models * size,
                                sizeof *bigger);
    if (!bigger)
        return false;
    memcpy(bigger + (all->models - 1) * size, xyz, size * sizeof *xyz);
    all->later = bigger;
    all->models++;
    return true;
}

/* Coordinates of the models after the first, those that have as many atoms. */
static fmpnn_status read_later(reader *r, fmpnn_lines *lines, fmpnn_error *err)
{
    fmpnn_records *all = r->records;
    fmpnn_status status = FMPNN_OK;
    fmpnn_line line;
    size_t count = 0;
    double *xyz = NULL, atom[3];
    bool more = true;
    while (more && !status) {
        char columns[FMPNN_PDB_WIDTH];
        more = fmpnn_lines_next(lines, &line);
        if (more)
            to_columns(&line, columns);
        if (more && (is_record(columns, "ATOM") || is_record(columns, "HETATM"))) {
            if (other_altloc(columns))
                continue;
            if (!xyz)
                xyz = fmpnn_alloc(3 * all->count, sizeof *xyz);
            if (!xyz)
                status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading",
                                    r->source->file);
            if (!status)
                status = check_line(r, &line, err);
            if (!status)
                status = fmpnn_pdb_coordinates(r->source->file, line.number, columns, atom,
                                               err);
            if (!status && count < all->count)
                memcpy(xyz + 3 * count, atom, sizeof atom);
            count++;
        } else if (!more || !memcmp(columns, "END", 3)) {
            if (count == all->count && !keep_model(all, xyz))
                status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading",
                                    r->source->file);
            count = 0;
        }
    }
    fmpnn_release(xyz);
    return status;
}

/* ---- atoms to units: those that share segment, chain, number and insertion code, wherever they
 * stand; but a unit whose last atom was followed by TER is complete, and so is every later
 * one of the same key. */

typedef struct unit {
    size_t first, last; /* records */
    uint32_t id;        /* of the latest unit with this key */
    bool used, several; /* there was more than one */
} unit;

static bool same_key(const fmpnn_record *a, const fmpnn_record *b)
{
    return a->number == b->number && a->icode == b->icode && !strcmp(a->chain, b->chain) &&
           !strcmp(a->segment, b->segment);
}

static size_t hash_of(const fmpnn_record *a)
{
    uint64_t hash = 14695981039346656037u;
    const char *const text[2] = {a->chain, a->segment};
    for (int t = 0; t < 2; t++)
        for (const char *c = text[t]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    hash = (hash ^ (uint32_t)a->number) * 1099511628211u;
    hash = (hash ^ (unsigned char)a->icode) * 1099511628211u;
    return (size_t)(hash ^ hash >> 29);
}

static unit *find_unit(unit *table, size_t slots, const fmpnn_records *all,
                       const fmpnn_record *record)
{
    size_t at = hash_of(record) & (slots - 1);
    while (table[at].used && !same_key(&all->record[table[at].first], record))
        at = (at + 1) & (slots - 1);
    return &table[at];
}

/* One run of adjacent atoms with one key. */
static void place_run(fmpnn_records *all, unit *known, size_t begin, size_t end)
{
    bool closed = known->used && (known->several || all->record[known->last].ter);
    if (!known->used || closed) {
        known->several = known->used;
        known->first = begin;
        known->id = (uint32_t)all->units++;
        known->used = true;
    }
    known->last = end - 1;
    for (size_t n = begin; n < end; n++)
        all->record[n].unit = known->id;
}

static fmpnn_status make_units(fmpnn_records *all, fmpnn_error *err)
{
    size_t slots = 16;
    while (slots < 2 * all->count)
        slots *= 2;
    unit *table = fmpnn_alloc_zero(slots, sizeof *table);
    if (!table)
        return fmpnn_fail_memory(err, "sorting atoms into residues");
    for (size_t begin = 0, end; begin < all->count; begin = end) {
        end = begin + 1;
        while (end < all->count && !all->record[end - 1].ter &&
               same_key(&all->record[begin], &all->record[end]))
            end++;
        place_run(all, find_unit(table, slots, all, &all->record[begin]), begin, end);
    }
    fmpnn_release(table);
    return FMPNN_OK;
}

/* "_", or the first free of "__", "___" ..., as the other readings call it. */
static void name_blank(fmpnn_records *all)
{
    bool blank = false, taken = false;
    for (size_t n = 0; n < all->count; n++) {
        blank = blank || !all->record[n].chain[0];
        taken = taken || all->record[n].chain[0] == '_';
    }
    if (blank)
        strcpy(all->blank, taken ? "__" : "_");
}

fmpnn_status fmpnn_records_read(const fmpnn_source *source, fmpnn_records **records,
                                fmpnn_error *err)
{
    fmpnn_lines lines;
    fmpnn_records *all = fmpnn_alloc_zero(1, sizeof *all);
    reader r = {.source = source, .records = all, .decimal = true};
    bool ended;
    if (!all)
        return fmpnn_fail_memory(err, "reading a structure");
    all->models = 1;
    fmpnn_lines_init(&lines, source->bytes, source->size);
    fmpnn_status status = read_first(&r, &lines, &ended, err);
    if (!status && !all->count)
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: no ATOM record in %zu lines",
                            source->file, lines.number);
    if (!status && ended)
        status = read_later(&r, &lines, err);
    if (!status)
        status = make_units(all, err);
    if (status) {
        fmpnn_records_free(all);
        return status;
    }
    name_blank(all);
    *records = all;
    return FMPNN_OK;
}
