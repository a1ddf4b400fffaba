/* The original reading: PDB lines exactly as the program of Dauparas et al. 2022 parses them,
 * for identical numbers. Chains A-Z, a-z, 0-9 in this order whatever the order of the file;
 * ATOM records and HETATM MSE only; the first line given for an atom counts, whatever its
 * alternate location or model; a residue for every integer between a chain's smallest and
 * largest number, a placeholder where the file has none.
 *
 * Stricter than the original in what it leads into nonsense: coordinates that are no finite
 * numbers, and gaps of more than 10000 numbers. */
#include "structure/read.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "structure/context.h"
#include "structure/names.h"
#include "structure/pdb.h"

enum { COLUMNS = 160, ATOMS = 4, WIDEST_GAP = 10000, OTHER_ATOM = 7 };
static const char candidates[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* One line that is used. */
typedef struct record {
    uint32_t order;
    int32_t number;
    uint8_t chain; /* index in candidates */
    char icode;    /* 0: none, so that it sorts first */
    uint8_t atom;  /* N, CA, C, O or OTHER_ATOM */
    char altloc;
    bool mse; /* a HETATM MSE */
    char name[4];
    float xyz[3];
} record;

typedef struct records {
    record *record;
    size_t count, capacity;
} records;

/* ---- a line as the original sees it: characters instead of bytes */

/* Length of the UTF-8 character at text, or 0 if there is none. */
static size_t character_size(const unsigned char *text, size_t left, uint32_t *code)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80       ? 1
                  : text[0] >> 5 == 6  ? 2
                  : text[0] >> 4 == 14 ? 3
                  : text[0] >> 3 == 30 ? 4
                                       : 0;
    if (!size || size > left)
        return 0;
    *code = size == 1 ? text[0] : text[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    bool valid =
        *code >= smallest[size] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return valid ? size : 0;
}

static bool is_blank(uint32_t code)
{
    return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) || code == 0x85 ||
           code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
           code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
           code == 0x3000;
}

/* Bytes that are no UTF-8 vanish, other characters take one column each: '?' stands for those
 * beyond ASCII, which fit nowhere. Trailing blanks are removed. Returns the columns filled. */
static size_t to_columns(const fmpnn_line *line, char columns[COLUMNS])
{
    const unsigned char *text = (const unsigned char *)line->text;
    size_t used = 0, end = 0, whole = line->size < COLUMNS ? line->size : COLUMNS;
    while (whole && is_blank(text[whole - 1]))
        whole--;
    if (fmpnn_pdb_is_plain(line->text, whole)) { /* nearly every line: bytes are characters */
        memcpy(columns, text, whole);
        memset(columns + whole, ' ', COLUMNS - whole);
        return whole;
    }
    for (size_t i = 0; i < line->size && used < COLUMNS;) {
        uint32_t code = 0;
        size_t size = character_size(text + i, line->size - i, &code);
        i += size ? size : 1;
        if (!size)
            continue;
        columns[used++] = is_blank(code) ? ' ' : code < 0x80 && code ? (char)code : '?';
        if (!is_blank(code))
            end = used;
    }
    memset(columns + end, ' ', COLUMNS - end);
    return end;
}

static void replace_all(char *columns, const char *word, const char *with)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= COLUMNS; i++)
        if (!memcmp(columns + i, word, size))
            memcpy(columns + i, with, size);
}

/* ---- lines to records */

static bool read_place(const char *columns, record *into)
{
    char field[6], number[6];
    int64_t value = 0;
    size_t size = fmpnn_pdb_strip(columns + FMPNN_PDB_NUMBER, 5, field);
    if (size && isalpha((unsigned char)field[size - 1]))
        into->icode = field[--size];
    fmpnn_pdb_strip(field, size, number);
    if (!fmpnn_parse_int(number, &value))
        return false;
    into->number = (int32_t)value;
    return true;
}

static uint8_t read_atom(const char *columns)
{
    static const char names[ATOMS][3] = {"N", "CA", "C", "O"};
    char name[5];
    fmpnn_pdb_strip(columns + FMPNN_PDB_NAME, 4, name);
    for (uint8_t a = 0; a < ATOMS; a++)
        if (!strcmp(names[a], name))
            return a;
    return OTHER_ATOM;
}

/* Another atom of the residue that the line before, which was used, belongs to; its coordinates
 * are numbers if those of the line as bytes are. */
static bool repeats_place(const fmpnn_line *line, const fmpnn_line *before)
{
    enum { TO_ICODE = FMPNN_PDB_ICODE + 1 - FMPNN_PDB_CHAIN };
    return before->size && line->size >= FMPNN_PDB_END && !memcmp(line->text, "ATOM", 4) &&
           !memcmp(line->text + FMPNN_PDB_CHAIN, before->text + FMPNN_PDB_CHAIN, TO_ICODE) &&
           line->text[FMPNN_PDB_END - 1] != ' ' &&
           fmpnn_pdb_is_plain(line->text, FMPNN_PDB_END);
}

/* *used: the line counts for a chain that can be read. */
static fmpnn_status read_line(const char *file, const fmpnn_line *line, record *into,
                              bool *used, fmpnn_error *err)
{
    char columns[COLUMNS];
    double xyz[3];
    size_t size = to_columns(line, columns);
    memset(into, 0, sizeof *into);
    *used = false;
    into->mse =
        !memcmp(columns, "HETATM", 6) && !memcmp(columns + FMPNN_PDB_RESIDUE, "MSE", 3);
    if (into->mse) {
        replace_all(columns, "HETATM", "ATOM  ");
        replace_all(columns, "MSE", "MET");
    }
    if (memcmp(columns, "ATOM", 4) || size <= FMPNN_PDB_CHAIN ||
        !isalnum((unsigned char)columns[FMPNN_PDB_CHAIN]))
        return FMPNN_OK;
    into->chain = (uint8_t)(strchr(candidates, columns[FMPNN_PDB_CHAIN]) - candidates);
    if (size < FMPNN_PDB_END)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: ATOM line ends at column %zu, expected %d", file,
                          line->number, size, FMPNN_PDB_END);
    if (!read_place(columns, into))
        return fmpnn_fail(
            err, FMPNN_EFORMAT,
            "%s:%zu: residue number is \"%.5s\", expected an integer and at most "
            "one letter",
            file, line->number, columns + FMPNN_PDB_NUMBER);
    fmpnn_status status = fmpnn_pdb_coordinates(file, line->number, columns, xyz, err);
    if (status)
        return status;
    for (int k = 0; k < 3; k++)
        into->xyz[k] = (float)xyz[k];
    into->atom = read_atom(columns);
    into->altloc = columns[FMPNN_PDB_ALTLOC];
    memcpy(into->name, columns + FMPNN_PDB_RESIDUE, 3);
    *used = true;
    return FMPNN_OK;
}

/* `places`: one record of a residue will do, and the file has been checked (fmpnn_pdb_clean). */
static fmpnn_status read_records(const fmpnn_source *source, bool places, records *all,
                                 bool chain_seen[], fmpnn_error *err)
{
    fmpnn_lines lines;
    fmpnn_line line, before = {NULL, 0, 0};
    fmpnn_lines_init(&lines, source->bytes, source->size);
    while (fmpnn_lines_next(&lines, &line)) {
        record next;
        bool used;
        char chain[2] = "", name[5] = "";
        if (places && repeats_place(&line, &before))
            continue;
        fmpnn_status status = read_line(source->file, &line, &next, &used, err);
        if (status)
            return status;
        if (!used)
            continue;
        if (!memcmp(line.text, "ATOM", 4) && fmpnn_pdb_is_plain(line.text, FMPNN_PDB_END))
            before = line;
        chain_seen[next.chain] = true;
        chain[0] = candidates[next.chain];
        fmpnn_pdb_strip(next.mse ? "MSE" : next.name, 3, name);
        if (!fmpnn_filter_keeps(source->options, chain, name))
            continue;
        if (all->count == all->capacity) {
            size_t capacity = 2 * all->capacity + 1024;
            record *bigger = fmpnn_grow(all->record, all->count, capacity, sizeof *bigger);
            if (!bigger)
                return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading",
                                  source->file);
            all->record = bigger;
            all->capacity = capacity;
        }
        next.order = (uint32_t)all->count;
        all->record[all->count++] = next;
    }
    return FMPNN_OK;
}

/* ---- records to residues */

static int compare_records(const void *a, const void *b)
{
    const record *x = a, *y = b;
    if (x->chain != y->chain)
        return x->chain < y->chain ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (x->icode != y->icode)
        return x->icode < y->icode ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool same_residue(const record *a, const record *b)
{
    return a->chain == b->chain && a->number == b->number && a->icode == b->icode;
}

static void clear_atoms(fmpnn_residue *residue)
{
    for (int a = 0; a < ATOMS; a++)
        for (int k = 0; k < 3; k++)
            residue->xyz[a][k] = NAN;
}

/* One residue of `count` sorted records: the first name, the first of each atom. */
static void make_residue(fmpnn_residue *residue, const record *from, size_t count,
                         fmpnn_findings *findings)
{
    char name[40], kept[ATOMS] = {0};
    bool repeated = false;
    char alternate = 0;
    clear_atoms(residue);
    residue->letter = fmpnn_letter_of_standard(from->name);
    if (!residue->letter)
        residue->letter = 'X';
    fmpnn_pdb_strip(from->mse ? "MSE" : from->name, 3, residue->name);
    residue->icode = from->icode ? from->icode : ' ';
    for (const record *line = from; line < from + count; line++) {
        if (line->atom == OTHER_ATOM)
            continue;
        if (residue->present >> line->atom & 1) {
            if (line->altloc != kept[line->atom])
                alternate = kept[line->atom];
            repeated = repeated || line->altloc == kept[line->atom];
            continue;
        }
        residue->present |= (uint8_t)(1u << line->atom);
        kept[line->atom] = line->altloc;
        memcpy(residue->xyz[line->atom], line->xyz, sizeof line->xyz);
    }
    if (alternate || repeated)
        fmpnn_residue_name(residue, name);
    if (alternate)
        fmpnn_findings_add(findings, FMPNN_WARN_ALTLOC_CHOSEN, "%s %c", name, alternate);
    if (repeated)
        fmpnn_findings_add(findings, FMPNN_WARN_DUPLICATE_RESIDUE, "%s %s", name,
                           residue->name);
}

/* Residues with placeholders that `all`, sorted, makes; 0 with a message if too many. */
static size_t count_residues(const records *all, const char *file, fmpnn_error *err)
{
    size_t length = 0;
    for (size_t n = 0; n < all->count; n++) {
        const record *this = &all->record[n], *before = this - 1;
        if (n && same_residue(this, before))
            continue;
        length++;
        int32_t missing =
            n && this->chain == before->chain ? this->number - before->number - 1 : 0;
        if (missing > WIDEST_GAP) {
            fmpnn_fail(
                err, FMPNN_EFORMAT,
                "%s: residue numbers of chain %c jump from %d to %d; the original reading "
                "would put %d placeholders there, at most %d are supported",
                file, candidates[this->chain], before->number, this->number, missing,
                WIDEST_GAP);
            return 0;
        }
        length += missing > 0 ? (size_t)missing : 0;
    }
    if (length > FMPNN_MAX_RESIDUES) {
        fmpnn_fail(err, FMPNN_EFORMAT, "%s: %zu residues, at most %d are supported", file,
                   length, FMPNN_MAX_RESIDUES);
        return 0;
    }
    return length;
}

static void start_residue(fmpnn_structure *st, const record *from, int32_t number)
{
    fmpnn_residue *residue = &st->residue[st->length], *before = residue - 1;
    residue->chain[0] = candidates[from->chain];
    residue->number = number;
    residue->icode = ' ';
    residue->letter = 'X';
    if (st->length) {
        bool same = before->chain[0] == residue->chain[0];
        residue->chain_id = before->chain_id + !same;
        residue->index = same ? before->index + 1 : 0;
    }
    st->length++;
}

static void add_placeholders(fmpnn_structure *st, const record *before, const record *after,
                             fmpnn_findings *findings)
{
    int32_t missing = after->number - before->number - 1;
    if (missing < 1)
        return;
    for (int32_t number = before->number + 1; number < after->number; number++) {
        start_residue(st, after, number);
        st->residue[st->length - 1].placeholder = true;
        clear_atoms(&st->residue[st->length - 1]);
    }
    fmpnn_findings_add(findings, FMPNN_WARN_PLACEHOLDERS, "%d after %c%d", missing,
                       candidates[before->chain], before->number);
}

static fmpnn_status make_residues(const records *all, fmpnn_structure *st, const char *file,
                                  fmpnn_findings *findings, fmpnn_error *err)
{
    size_t length = count_residues(all, file, err);
    if (!length)
        return FMPNN_EFORMAT;
    st->residue = fmpnn_alloc_zero(length, sizeof *st->residue);
    if (!st->residue)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory for %zu residues", file,
                          length);
    for (size_t n = 0, same; n < all->count; n += same) {
        const record *from = &all->record[n];
        same = 1;
        while (n + same < all->count && same_residue(from, from + same))
            same++;
        if (n && from[-1].chain == from->chain)
            add_placeholders(st, from - 1, from, findings);
        start_residue(st, from, from->number);
        make_residue(&st->residue[st->length - 1], from, same, findings);
    }
    return FMPNN_OK;
}

/* ---- the residues' places alone */

fmpnn_status fmpnn_original_places(const fmpnn_source *source, fmpnn_place **place,
                                   size_t *count, fmpnn_error *err)
{
    records all = {0};
    bool seen[sizeof candidates] = {false};
    fmpnn_read_options everything;
    fmpnn_source whole = *source;
    fmpnn_read_options_default(&everything);
    whole.options = &everything;
    *place = NULL;
    *count = 0;
    fmpnn_status status = read_records(
        &whole, source->options->reading == FMPNN_READING_AUTHOR, &all, seen, err);
    if (status)
        goto done;
    if (all.count)
        qsort(all.record, all.count, sizeof *all.record, compare_records);
    *place = fmpnn_alloc_zero(all.count + 1, sizeof **place);
    if (!*place) {
        status = fmpnn_fail_memory(err, "numbering residues");
        goto done;
    }
    for (size_t n = 0; n < all.count; n++) {
        const record *from = &all.record[n];
        if (n && same_residue(from, from - 1))
            continue;
        fmpnn_place *to = &(*place)[(*count)++];
        to->chain[0] = candidates[from->chain];
        to->number = from->number;
        to->icode = from->icode ? from->icode : ' ';
    }
done:
    fmpnn_release(all.record);
    return status;
}

/* ---- the file's other atoms, for writing */

static int compare_places(const fmpnn_residue *residue, const fmpnn_group *group)
{
    const char *a = strchr(candidates, residue->chain[0]),
               *b = strchr(candidates, group->chain[0]);
    if (a != b)
        return a < b ? -1 : 1;
    if (residue->number != group->number)
        return residue->number < group->number ? -1 : 1;
    return (residue->icode > group->icode) - (residue->icode < group->icode);
}

/* Is there a residue with atoms in the group's place? Residues are sorted. */
static bool has_residue(const fmpnn_structure *st, const fmpnn_group *group)
{
    size_t low = 0, high = st->length;
    if (strlen(group->chain) != 1 || !strchr(candidates, group->chain[0]))
        return false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_places(&st->residue[middle], group);
        if (!order)
            return st->residue[middle].present;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void note_left_out(const fmpnn_group *group, fmpnn_findings *findings)
{
    char name[40];
    fmpnn_residue residue = {.number = group->number, .icode = group->icode};
    memcpy(residue.chain, group->chain, sizeof residue.chain);
    fmpnn_residue_name(&residue, name);
    fmpnn_findings_add(findings, FMPNN_WARN_LEFT_OUT, "%s %s", name, group->name);
}

/* gemmi may refuse a file that this reading accepts; then there is nothing to write back. */
static fmpnn_status attach_document(const fmpnn_source *source, fmpnn_structure *st,
                                    fmpnn_findings *findings, fmpnn_error *err)
{
    fmpnn_document *document = NULL;
    fmpnn_context_maker maker;
    fmpnn_error ignored;
    fmpnn_status status = fmpnn_document_read(source, &document, &ignored);
    if (status == FMPNN_ENOMEM)
        return fmpnn_fail(err, status, "%s", ignored.message);
    if (status)
        return FMPNN_OK;
    st->document = document;
    for (size_t g = 0; g < document->group_count; g++) {
        fmpnn_group *group = &document->group[g];
        bool read = !group->hetatm || !strcmp(group->name, "MSE");
        if (!fmpnn_filter_keeps(source->options, group->chain, group->name))
            group->use = FMPNN_USE_DROPPED;
        else if (read && has_residue(st, group))
            group->use = FMPNN_USE_RESIDUE;
        else if (!read && group->part != FMPNN_PART_OTHER &&
                 fmpnn_letter_of_name(group->name))
            note_left_out(group, findings);
    }
    fmpnn_context_begin(&maker, st, findings);
    return fmpnn_context_add_document(&maker, document, err);
}

fmpnn_status fmpnn_original_read(const fmpnn_source *source, fmpnn_structure *st,
                                 fmpnn_findings *findings, fmpnn_error *err)
{
    records all = {0};
    bool seen[sizeof candidates] = {false};
    char chains[sizeof candidates][8] = {""};
    size_t count = 0;
    if (source->cif)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s: the original program reads PDB files only; use --reading author",
            source->file);
    fmpnn_status status = read_records(source, false, &all, seen, err);
    if (status)
        goto done;
    for (size_t c = 0; c < sizeof candidates - 1; c++)
        if (seen[c])
            chains[count++][0] = candidates[c];
    if (!count) { /* say why, if the lines themselves show it */
        fmpnn_document *document = NULL;
        status = fmpnn_document_read(source, &document, err);
        fmpnn_document_free(document);
        if (!status)
            status =
                fmpnn_fail(err, FMPNN_EFORMAT,
                           "%s: no ATOM record of a chain named by a letter or digit; the "
                           "original program reads no other",
                           source->file);
        goto done;
    }
    status = fmpnn_filter_verify(source->options, source->file, (const char(*)[8])chains,
                                 count, err);
    if (status || !all.count)
        goto done;
    qsort(all.record, all.count, sizeof *all.record, compare_records);
    status = make_residues(&all, st, source->file, findings, err);
    if (!status)
        status = attach_document(source, st, findings, err);
done:
    fmpnn_release(all.record);
    return status;
}
