#include "structure/pdb.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { EXACT_DIGITS = 15 };

void fmpnn_lines_init(fmpnn_lines *lines, const void *bytes, size_t size)
{
    lines->next = bytes;
    lines->end = lines->next + size;
    lines->number = 0;
}

/* A byte below ' ' borrows, 0x7f carries, one above has its highest bit set: if any of these bits
 * is set, some byte is odd, though it may be another than the one that is marked. */
bool fmpnn_pdb_is_plain(const char *text, size_t size)
{
    static const uint64_t ones = 0x0101010101010101u;
    uint64_t odd = 0, bytes;
    size_t i = 0;
    for (; i + sizeof bytes <= size; i += sizeof bytes) {
        memcpy(&bytes, text + i, sizeof bytes);
        odd |= (bytes - ' ' * ones) | (bytes + ones) | bytes;
    }
    for (; i < size; i++)
        odd |= (uint64_t)((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~') << 7;
    return !(odd & 0x80 * ones);
}

bool fmpnn_lines_next(fmpnn_lines *lines, fmpnn_line *line)
{
    if (lines->next == lines->end)
        return false;
    size_t left = (size_t)(lines->end - lines->next);
    const char *newline = memchr(lines->next, '\n', left);
    line->text = lines->next;
    line->size = newline ? (size_t)(newline - lines->next) : left;
    line->number = ++lines->number;
    lines->next = newline ? newline + 1 : lines->end;
    return true;
}

/* [-+]digits[.digits] with at most 15 digits: an exact integer over an exact power of ten,
 * hence one rounding. That is every coordinate a program has printed with %8.3f. */
static bool plain_decimal(const char *text, size_t size, double *value)
{
    static const double power[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = 0, digits = 0, decimals = 0;
    bool negative = size && text[0] == '-', point = false;
    int64_t mantissa = 0;
    if (size && (text[0] == '-' || text[0] == '+'))
        i++;
    for (; i < size; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if ((unsigned char)(text[i] - '0') > 9 || ++digits > EXACT_DIGITS)
            return false;
        mantissa = 10 * mantissa + (text[i] - '0');
        decimals += point;
    }
    if (!digits)
        return false;
    double number = (double)mantissa / power[decimals];
    *value = negative ? -number : number;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool fmpnn_pdb_number(const char *field, size_t width, double *value)
{
    char copy[16];
    while (width && is_space(*field)) {
        field++;
        width--;
    }
    while (width && is_space(field[width - 1]))
        width--;
    if (plain_decimal(field, width, value))
        return true;
    if (width >= sizeof copy)
        return false;
    memcpy(copy, field, width);
    copy[width] = '\0';
    return strlen(copy) == width && fmpnn_parse_double(copy, value);
}

/* A field as text for a message: no control characters. */
static void show(const char *field, size_t width, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < width; i++)
        if (field[i] != ' ')
            out[used++] = isprint((unsigned char)field[i]) ? field[i] : '?';
    out[used] = '\0';
}

size_t fmpnn_pdb_strip(const char *field, size_t width, char *out)
{
    size_t begin = 0;
    while (begin < width && field[begin] == ' ')
        begin++;
    while (width > begin && field[width - 1] == ' ')
        width--;
    memcpy(out, field + begin, width - begin);
    out[width - begin] = '\0';
    return width - begin;
}

fmpnn_status fmpnn_pdb_coordinates(const char *file, size_t line, const char *columns,
                                   double xyz[3], fmpnn_error *err)
{
    for (size_t k = 0; k < 3; k++) {
        const char *field = columns + FMPNN_PDB_X + 8 * k;
        if (fmpnn_pdb_number(field, 8, &xyz[k]) && fabs(xyz[k]) <= FMPNN_COORDINATE_LIMIT)
            continue;
        char value[9], atom[5], residue[4], place[8];
        show(field, 8, value);
        show(columns + FMPNN_PDB_NAME, 4, atom);
        show(columns + FMPNN_PDB_RESIDUE, 3, residue);
        show(columns + FMPNN_PDB_RESIDUE + 3, 7, place);
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: %c coordinate of atom %s of residue %s %s is \"%s\", "
                          "expected a number within +-100000",
                          file, line, "xyz"[k], atom, residue, place, value);
    }
    return FMPNN_OK;
}

/* Decimal, or the four characters of hybrid-36 that stand for numbers above 9999. */
static bool is_residue_number(const char field[4])
{
    size_t i = 0, end = 4;
    while (i < end && field[i] == ' ')
        i++;
    while (end > i && field[end - 1] == ' ')
        end--;
    bool hybrid = end - i == 4 && isalpha((unsigned char)field[i]);
    if (i < end && (field[i] == '-' || field[i] == '+'))
        i++;
    if (i == end)
        return false;
    for (; i < end; i++)
        if (!isdigit((unsigned char)field[i]) &&
            !(hybrid && isalpha((unsigned char)field[i])))
            return false;
    return true;
}

static fmpnn_status check_atom_line(const char *file, const fmpnn_line *line, bool plain,
                                    fmpnn_error *err)
{
    char shown[6];
    double xyz[3];
    const char *record = toupper((unsigned char)line->text[0]) == 'A' ? "ATOM" : "HETATM";
    if (line->size < FMPNN_PDB_END)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: %s line ends at column %zu, expected %d", file,
                          line->number, record, line->size, FMPNN_PDB_END);
    for (size_t i = 0; i < FMPNN_PDB_END && !plain; i++)
        if (!isprint((unsigned char)line->text[i]))
            return fmpnn_fail(
                err, FMPNN_EFORMAT,
                "%s:%zu: byte 0x%02x in column %zu, expected a printable character", file,
                line->number, (unsigned char)line->text[i], i + 1);
    if (!is_residue_number(line->text + FMPNN_PDB_NUMBER)) {
        show(line->text + FMPNN_PDB_NUMBER, 4, shown);
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: residue number is \"%s\", expected an integer", file,
                          line->number, shown);
    }
    if (line->text[FMPNN_PDB_ICODE] != ' ' &&
        !isalnum((unsigned char)line->text[FMPNN_PDB_ICODE]))
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: insertion code is \"%c\", expected a letter or a blank",
                          file, line->number, line->text[FMPNN_PDB_ICODE]);
    return fmpnn_pdb_coordinates(file, line->number, line->text, xyz, err);
}

/* A line as gemmi gets it. Serial number, segment and a charge in an odd form are blanked: they
 * are not used, and gemmi would stop at some values or take a segment for a new residue. */
static void add_atom_line(fmpnn_text *out, const fmpnn_line *line, bool plain)
{
    char kept[FMPNN_PDB_WIDTH + 1];
    size_t size = line->size < FMPNN_PDB_WIDTH ? line->size : FMPNN_PDB_WIDTH;
    if (plain)
        memcpy(kept, line->text, size);
    for (size_t i = 0; i < size && !plain; i++)
        kept[i] = isprint((unsigned char)line->text[i]) ? line->text[i] : ' ';
    memset(kept + 6, ' ', 6);
    if (size > FMPNN_PDB_SEGMENT)
        memset(kept + FMPNN_PDB_SEGMENT, ' ', 
               (size < FMPNN_PDB_ELEMENT ? size : FMPNN_PDB_ELEMENT) - FMPNN_PDB_SEGMENT);
    if (size == 79 || (size == 80 && !(isdigit((unsigned char)kept[78]) &&
                                       (kept[79] == '+' || kept[79] == '-'))))
        size = 78;
    kept[size] = '\n';
    fmpnn_text_add(out, kept, size + 1);
}

static bool has_element(const fmpnn_line *line)
{
    for (size_t i = FMPNN_PDB_ELEMENT; i < FMPNN_PDB_CHARGE && i < line->size; i++)
        if (isalpha((unsigned char)line->text[i]))
            return true;
    return false;
}

static bool starts_with(const fmpnn_line *line, const char *record)
{
    size_t size = strlen(record);
    if (line->size < size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (toupper((unsigned char)line->text[i]) != record[i])
            return false;
    return true;
}

static fmpnn_status no_atoms(const char *file, const void *bytes, size_t size, size_t lines,
                             fmpnn_error *err)
{
    if (!size)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: empty file, expected a structure", file);
    if (memchr(bytes, 0, size))
        return fmpnn_fail(
            err, FMPNN_EFORMAT,
            "%s: binary data without ATOM records, expected a PDB or mmCIF file", file);
    if (size > 5 && !memcmp(bytes, "data_", 5))
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s: the content is mmCIF, expected PDB; name the file .cif",
                          file);
    return fmpnn_fail(err, FMPNN_EFORMAT, "%s: no ATOM record in %zu lines", file, lines);
}

/* Models are told apart by MODEL records and, as simulation programs write them, by ENDMDL or
 * END before the next ATOM. A HETATM after such an end, without MODEL, belongs to what stands
 * before: programs that paste a ligand to a protein leave the END between them. */
fmpnn_status fmpnn_pdb_clean(const char *file, const void *bytes, size_t size,
                             fmpnn_text *out, size_t *models, size_t *unnamed,
                             fmpnn_error *err)
{
    enum { INSIDE, ENDED, MODEL } place = INSIDE;
    fmpnn_lines lines;
    fmpnn_line line;
    size_t count = 0;
    *unnamed = 0;
    fmpnn_lines_init(&lines, bytes, size);
    while (fmpnn_lines_next(&lines, &line)) {
        if (line.size && line.text[line.size - 1] == '\r')
            line.size--;
        bool atom = starts_with(&line, "ATOM");
        if (atom || starts_with(&line, "HETATM")) {
            bool plain = fmpnn_pdb_is_plain(
                line.text, line.size < FMPNN_PDB_WIDTH ? line.size : FMPNN_PDB_WIDTH);
            fmpnn_status status = check_atom_line(file, &line, plain, err);
            if (status)
                return status;
            if (!count || place == MODEL || (place == ENDED && atom))
                count++;
            place = INSIDE;
            if (count == 1) {
                add_atom_line(out, &line, plain);
                *unnamed += !has_element(&line);
            }
        } else if (starts_with(&line, "TER") && (line.size == 3 || line.text[3] == ' ')) {
            if (count == 1 && place == INSIDE)
                fmpnn_text_add(out, "TER\n", 4);
        } else if (starts_with(&line, "MODEL ")) {
            place = MODEL;
        } else if (starts_with(&line, "END") && place != MODEL) {
            place = ENDED;
        }
    }
    if (!count)
        return no_atoms(file, bytes, size, lines.number, err);
    if (out->failed)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", file);
    *models = count;
    return FMPNN_OK;
}
