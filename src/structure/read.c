/* From a file to a structure: which format, which reading, and what is said about the result. */
#include "structure/read.h"

#include <ctype.h>
#include <string.h>

#include "structure/context.h"
#include "structure/names.h"

enum { KINDS_NAMED = 64 };
static const size_t LARGEST_FILE = (size_t)1 << 30; /* inflated */

void fmpnn_read_options_default(fmpnn_read_options *options)
{
    memset(options, 0, sizeof *options);
    options->reading = FMPNN_READING_AUTHOR;
}

/* ---- format */

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t length = strlen(end);
    if (length > size)
        return false;
    for (size_t i = 0; i < length; i++) { /* of any case; tolower() of 'I' may be none */
        char c = text[size - length + i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != end[i])
            return false;
    }
    return true;
}

/* Length of `path` without .gz and the format's extension; *format: 'p', 'c' or 0. */
static size_t without_extension(const char *path, char *format)
{
    static const struct {
        char end[8], format;
    } known[] = {{".pdb", 'p'}, {".ent", 'p'}, {".cif", 'c'}, {".mmcif", 'c'}};
    size_t size = strlen(path);
    if (ends_with(path, size, ".gz"))
        size -= 3;
    *format = 0;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (ends_with(path, size, known[k].end)) {
            *format = known[k].format;
            return size - strlen(known[k].end);
        }
    return size;
}

/* mmCIF begins with a data block, after blanks and comments. */
static bool content_is_cif(const unsigned char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size && (isspace(bytes[i]) || bytes[i] == '#')) {
        bool comment = bytes[i] == '#';
        while (comment && i < size && bytes[i] != '\n')
            i++;
        i += i < size;
    }
    return size - i >= 5 && tolower(bytes[i]) == 'd' && tolower(bytes[i + 1]) == 'a' &&
           tolower(bytes[i + 2]) == 't' && tolower(bytes[i + 3]) == 'a' &&
           bytes[i + 4] == '_';
}

fmpnn_status fmpnn_structure_name(const char *path, char *name, size_t size)
{
    char format;
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = without_extension(base, &format);
    if (!length || length >= size)
        return FMPNN_EINVAL;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)base[i];
        name[i] =
            c < 0x80 && (isalnum(c) || c == '.' || c == '_' || c == '-') ? (char)c : '_';
    }
    name[length] = '\0';
    return FMPNN_OK;
}

/* ---- what is said about the residues, whatever the reading */

static void note_residues(const fmpnn_structure *st, fmpnn_findings *findings)
{
    static const char *const atoms[4] = {"N", "CA", "C", "O"};
    unsigned needed = st->ca_only ? 1u << FMPNN_ATOM_CA : 15u;
    for (const fmpnn_residue *r = st->residue; r < st->residue + st->length; r++) {
        char name[40], missing[16] = "";
        if (r->placeholder || (r->letter != 'X' && fmpnn_letter_of_standard(r->name) &&
                               !(needed & ~r->present)))
            continue;
        fmpnn_residue_name(r, name);
        if (r->letter == 'X')
            fmpnn_findings_add(findings, FMPNN_WARN_UNKNOWN_RESIDUE, "%s %s", name,
                               r->name);
        else if (!fmpnn_letter_of_standard(r->name))
            fmpnn_findings_add(findings, FMPNN_WARN_RENAMED, "%s %s as %c", name, r->name,
                               r->letter);
        for (int a = 0; a < 4; a++)
            if (needed >> a & 1 & ~(r->present >> a)) {
                strcat(missing, *missing ? " " : "");
                strcat(missing, atoms[a]);
            }
        if (*missing)
            fmpnn_findings_add(findings, FMPNN_WARN_MISSING_ATOMS, "%s (%s)", name,
                               missing);
    }
}

/* PDB has one column for the chain. Large structures use the one before it, too; but so do
 * four-letter residue names, which then end up in a chain of their own. */
static void note_wide_chains(const fmpnn_structure *st, fmpnn_findings *findings)
{
    for (size_t i = 0; i < st->length; i++)
        if (st->residue[i].chain[1] && st->residue[i].chain[0] != '_' &&
            (!i || st->residue[i].chain_id != st->residue[i - 1].chain_id))
            fmpnn_findings_add(findings, FMPNN_WARN_WIDE_CHAIN, "%s", st->residue[i].chain);
}

/* Ligands, ions and nucleic acids by name, with their atoms. Waters are no news. */
static void note_hetero(fmpnn_structure *st, fmpnn_findings *findings)
{
    const fmpnn_document *document = st->document;
    struct {
        const char *name;
        size_t groups, atoms;
    } kind[KINDS_NAMED];
    size_t kinds = 0;
    for (const fmpnn_group *group = document->group;
         group < document->group + document->group_count; group++) {
        size_t k = 0;
        if (group->use != FMPNN_USE_HETERO)
            continue;
        st->hetero_atoms += group->count;
        if (fmpnn_name_is_water(group->name))
            continue;
        while (k < kinds && strcmp(kind[k].name, group->name))
            k++;
        if (k == KINDS_NAMED)
            continue;
        if (k == kinds) {
            kind[kinds].name = group->name;
            kind[kinds].groups = kind[kinds].atoms = 0;
            kinds++;
        }
        kind[k].groups++;
        kind[k].atoms += group->count;
    }
    for (size_t k = 0; k < kinds; k++)
        fmpnn_findings_add(findings, FMPNN_WARN_HETERO_PRESENT, "%s (%zu, %zu atoms)",
                           kind[k].name, kind[k].groups, kind[k].atoms);
}

static void note_all(const fmpnn_source *source, fmpnn_structure *st,
                     fmpnn_findings *findings)
{
    const fmpnn_document *document = st->document;
    note_residues(st, findings);
    fmpnn_gaps_note(st, findings);
    if (!source->cif)
        note_wide_chains(st, findings);
    if (!document)
        return;
    note_hetero(st, findings);
    fmpnn_filter_note(source->options, document, findings);
    if (document->guessed && st->reading != FMPNN_READING_ORIGINAL_LIGAND)
        fmpnn_findings_add(findings, FMPNN_WARN_ELEMENT_GUESSED, "%zu atoms",
                           document->guessed);
    if (document->models > 1)
        fmpnn_findings_add(findings, FMPNN_WARN_SEVERAL_MODELS, "%zu, %s", document->models,
                           st->reading == FMPNN_READING_ORIGINAL
                               ? "the first atom of a name is read"
                               : "the first is read");
    if (document->blank[0])
        fmpnn_findings_add(
            findings, FMPNN_WARN_BLANK_CHAIN, "%s %s",
            st->reading == FMPNN_READING_ORIGINAL ? "not read; else called" : "called",
            document->blank);
}

/* ---- reading */

static fmpnn_status no_residues(const fmpnn_source *source, const fmpnn_structure *st,
                                fmpnn_error *err)
{
    const fmpnn_document *document = st->document;
    if (source->options->only || source->options->drop)
        return fmpnn_fail(err, FMPNN_ESELECT,
                          "%s: no protein residue is left by \"only\" and "
                          "\"drop\"",
                          source->file);
    return fmpnn_fail(err, FMPNN_EFORMAT, "%s: no protein residue among %zu atoms",
                      source->file, document ? document->atom_count : (size_t)0);
}

static fmpnn_status read_source(const fmpnn_source *source, const char *name,
                                fmpnn_structure **result, fmpnn_error *err)
{
    static fmpnn_status (*const read[])(const fmpnn_source *, fmpnn_structure *,
                                        fmpnn_findings *, fmpnn_error *) = {
        [FMPNN_READING_AUTHOR] = fmpnn_author_read,
        [FMPNN_READING_ORIGINAL] = fmpnn_original_read,
        [FMPNN_READING_ORIGINAL_LIGAND] = fmpnn_original_ligand_read,
    };
    fmpnn_findings findings;
    fmpnn_structure *st = fmpnn_alloc_zero(1, sizeof *st);
    if (!st)
        return fmpnn_fail_memory(err, "reading a structure");
    fmpnn_findings_init(&findings);
    st->reading = source->options->reading;
    st->ca_only = source->options->ca_only;
    st->name = fmpnn_copy_text(name);
    fmpnn_status status = st->name ? fmpnn_filter_check(source->options, err)
                                   : fmpnn_fail_memory(err, "reading a structure");
    if (status)
        goto done;
    status = read[st->reading](source, st, &findings, err);
    if (!status && !st->length)
        status = no_residues(source, st, err);
    if (status)
        goto done;
    note_all(source, st, &findings);
    status = fmpnn_context_note(st, &findings, err);
    if (!status)
        status = fmpnn_ordinals_find(source, st, err);
    if (status)
        goto done;
    status = fmpnn_findings_warnings(&findings, &st->warning, &st->warning_count, err);
    if (!status)
        status = fmpnn_structure_hash(st, err);
    if (!status) {
        *result = st;
        st = NULL;
    }
done:
    fmpnn_findings_clear(&findings);
    fmpnn_structure_free(st);
    return status;
}

/* `format` 'p' or 'c' as the name says, 0: look at the content. */
static fmpnn_status read_bytes(const char *file, char format, const unsigned char *bytes,
                               size_t size, const fmpnn_read_options *options,
                               fmpnn_structure **st, fmpnn_error *err)
{
    char name[256];
    fmpnn_read_options defaults;
    fmpnn_read_options_default(&defaults);
    options = options ? options : &defaults;
    if (options->reading < FMPNN_READING_AUTHOR ||
        options->reading > FMPNN_READING_ORIGINAL_LIGAND)
        return fmpnn_fail(err, FMPNN_EINVAL, "unknown reading %d", (int)options->reading);
    if (fmpnn_structure_name(file, name, sizeof name))
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s: no structure name in this path, expected 1 to 255 characters", file);
    if (!size)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: empty file, expected a structure", file);
    fmpnn_source source = {file, bytes, size, format == 'c', options};
    if (!format)
        source.cif = content_is_cif(bytes, size);
    void *before = fmpnn_locale_leave(); /* letters and digits are those of ASCII */
    fmpnn_status status = read_source(&source, name, st, err);
    fmpnn_locale_back(before);
    return status;
}

fmpnn_status fmpnn_structure_read(const char *path, const fmpnn_read_options *options,
                                  fmpnn_structure **st, fmpnn_error *err)
{
    unsigned char *bytes;
    size_t size;
    char format;
    without_extension(path, &format);
    fmpnn_status status = fmpnn_file_read_gz(path, LARGEST_FILE, &bytes, &size, err);
    if (status)
        return status;
    status = read_bytes(path, format, bytes, size, options, st, err);
    fmpnn_release(bytes);
    return status;
}

fmpnn_status fmpnn_structure_parse(const char *name, const void *bytes, size_t size,
                                   const fmpnn_read_options *options, fmpnn_structure **st,
                                   fmpnn_error *err)
{
    const unsigned char *raw = bytes;
    unsigned char *plain = NULL;
    size_t plain_size = 0;
    if (size < 2 || raw[0] != 0x1f || raw[1] != 0x8b)
        return read_bytes(name, 0, bytes, size, options, st, err);
    fmpnn_status status =
        fmpnn_inflate(name, bytes, size, LARGEST_FILE, &plain, &plain_size, err);
    if (status)
        return status;
    status = read_bytes(name, 0, plain, plain_size, options, st, err);
    fmpnn_release(plain);
    return status;
}
