#include "compat/structures.h"
#include "structure/pdb.h"
#include "structure/read.h"

#include <math.h>
#include <string.h>

static const char KEY[] = "seq_chain_";
static const char LETTERS[] = "ACDEFGHIKLMNPQRSTVWYX-";

/* Where in the file something is: PATH:LINE, structure, chain. */
typedef struct place {
    const char *path, *name;
    size_t line;
    char chain;
} place;

static fmpnn_status add(fmpnn_structures *structures, fmpnn_structure *st, fmpnn_error *err)
{
    if (structures->count == structures->capacity) {
        size_t room = 2 * structures->capacity + 8;
        void *grown =
            fmpnn_grow(structures->item, structures->count, room, sizeof *structures->item);
        if (!grown) {
            fmpnn_structure_free(st);
            return fmpnn_fail_memory(err, "reading structures");
        }
        structures->item = grown;
        structures->capacity = room;
    }
    structures->item[structures->count++] = st;
    return FMPNN_OK;
}

void fmpnn_structures_clear(fmpnn_structures *structures)
{
    for (size_t n = 0; n < structures->count; n++)
        fmpnn_structure_free(structures->item[n]);
    fmpnn_release(structures->item);
    *structures = (fmpnn_structures){0};
}

/* ---- one PDB file ---- */

/* Base name without .gz and .pdb, .ent; other names lose their last four characters, whatever
 * these are, as in the published program. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = fmpnn_copy_text(slash ? slash + 1 : path);
    size_t size = name ? strlen(name) : 0;
    if (size > 3 && !strcmp(name + size - 3, ".gz"))
        name[size -= 3] = '\0';
    if (size > 4)
        name[size - 4] = '\0';
    return name;
}

fmpnn_status fmpnn_structures_read_pdb(fmpnn_structures *structures, const char *path,
                                       bool ca_only, fmpnn_error *err)
{
    fmpnn_read_options options;
    fmpnn_structure *st;
    fmpnn_read_options_default(&options);
    options.reading = FMPNN_READING_ORIGINAL;
    options.ca_only = ca_only;
    fmpnn_status status = fmpnn_structure_read(path, &options, &st, err);
    if (status)
        return status;
    char *name = name_of(path);
    if (!name) {
        fmpnn_structure_free(st);
        return fmpnn_fail_memory(err, "reading a structure");
    }
    fmpnn_release(st->name);
    st->name = name;
    return add(structures, st, err);
}

/* ---- a line of parsed structures ---- */

static fmpnn_status bad(const place *at, fmpnn_error *err, const char *what)
{
    return fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu: %s, chain %c: %s", at->path, at->line,
                      at->name, at->chain, what);
}

/* The three coordinates of one atom; [[x, y, z]] stands for [x, y, z]. */
static bool read_point(const json_t *value, float xyz[3], bool *present)
{
    double number;
    if (json_array_size(value) == 1)
        value = json_array_get(value, 0);
    if (json_array_size(value) != 3)
        return false;
    *present = true;
    for (size_t k = 0; k < 3; k++) {
        if (!fmpnn_json_number(json_array_get(value, k), &number) ||
            fabs(number) > FMPNN_COORDINATE_LIMIT)
            return false;
        xyz[k] = (float)number;
        *present = *present && isfinite(xyz[k]);
    }
    return true;
}

static fmpnn_status read_atoms(const place *at, const json_t *coords, int atom,
                               const char *atom_name, size_t length, fmpnn_residue *residue,
                               fmpnn_error *err)
{
    char key[32];
    snprintf(key, sizeof key, "%s_chain_%c", atom_name, at->chain);
    const json_t *list = json_object_get(coords, key);
    if (json_array_size(list) != length)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: %s, chain %c: %s has %zu entries, the sequence has %zu",
                          at->path, at->line, at->name, at->chain, key,
                          json_array_size(list), length);
    for (size_t n = 0; n < length; n++) {
        bool present;
        if (!read_point(json_array_get(list, n), residue[n].xyz[atom], &present))
            return fmpnn_fail(err, FMPNN_EFORMAT,
                              "%s:%zu: %s, chain %c: %s, residue %zu: expected three "
                              "numbers within +-100000, or NaN",
                              at->path, at->line, at->name, at->chain, key, n + 1);
        residue[n].present |= (uint8_t)(present << atom);
    }
    return FMPNN_OK;
}

static fmpnn_status read_chain(const place *at, const json_t *value, const char *sequence,
                               fmpnn_parsed_atoms atoms, fmpnn_structure *st,
                               fmpnn_error *err)
{
    static const char *const name[] = {"N", "CA", "C", "O"};
    char key[32];
    size_t length = strlen(sequence);
    uint32_t id = st->length ? st->residue[st->length - 1].chain_id + 1 : 0;
    fmpnn_residue *residue = st->residue + st->length;
    snprintf(key, sizeof key, "coords_chain_%c", at->chain);
    for (size_t n = 0; n < length; n++) {
        residue[n] = (fmpnn_residue){.chain = {at->chain},
                                     .number = (int32_t)n + 1,
                                     .icode = ' ',
                                     .letter = sequence[n] == '-' ? 'X' : sequence[n],
                                     .index = (int32_t)n,
                                     .chain_id = id};
        for (size_t k = 0; k < 12; k++)
            residue[n].xyz[k / 3][k % 3] = NAN;
    }
    st->length += length;
    for (int atom = 0; atom < 4 && atoms != FMPNN_PARSED_NONE; atom++)
        if (atoms == FMPNN_PARSED_BACKBONE || atom == FMPNN_ATOM_CA) {
            fmpnn_status status = read_atoms(at, json_object_get(value, key), atom,
                                             name[atom], length, residue, err);
            if (status)
                return status;
        }
    for (size_t n = 0; n < length; n++)
        residue[n].placeholder = sequence[n] == '-' && !residue[n].present;
    return FMPNN_OK;
}

/* The chain that a key names, or 0. Only its last character counts. */
static char chain_of(const char *key)
{
    return strncmp(key, KEY, sizeof KEY - 1) ? '\0' : key[strlen(key) - 1];
}

/* Chains in the order of their keys. */
static fmpnn_status read_chains(place *at, const json_t *value, size_t length,
                                fmpnn_parsed_atoms atoms, fmpnn_structure *st,
                                fmpnn_error *err)
{
    const char *key;
    json_t *text;
    bool seen[256] = {false};
    json_object_foreach((json_t *)value, key, text)
    {
        const char *sequence = json_string_value(text);
        at->chain = chain_of(key);
        if (!at->chain)
            continue;
        if (at->chain <= ' ' || at->chain > '~' || seen[(unsigned char)at->chain])
            return bad(at, err, "expected each chain once, named by one character");
        seen[(unsigned char)at->chain] = true;
        if (!sequence)
            return bad(at, err, "its sequence is no text");
        if (strlen(sequence) > length - st->length)
            return bad(at, err, "\"seq\" is shorter than the chains together");
        fmpnn_status status = read_chain(at, value, sequence, atoms, st, err);
        if (status)
            return status;
    }
    if (st->length != length)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s:%zu: %s: \"seq\" has %zu letters, the chains have %zu",
                          at->path, at->line, at->name, length, st->length);
    return FMPNN_OK;
}

static fmpnn_status read_line(place *at, const json_t *value, fmpnn_parsed_atoms atoms,
                              fmpnn_structures *structures, fmpnn_error *err)
{
    size_t length = strlen(json_string_value(json_object_get(value, "seq")));
    fmpnn_structure *st = fmpnn_alloc_zero(1, sizeof *st);
    if (st) {
        st->reading = FMPNN_READING_ORIGINAL;
        st->ca_only = atoms == FMPNN_PARSED_CA;
        st->name = fmpnn_copy_text(at->name);
        st->residue = fmpnn_alloc_zero(length + 1, sizeof *st->residue);
    }
    fmpnn_status status = st && st->name && st->residue
                              ? read_chains(at, value, length, atoms, st, err)
                              : fmpnn_fail_memory(err, "reading structures");
    if (status)
        fmpnn_structure_free(st);
    else
        status = add(structures, st, err);
    return status;
}

fmpnn_status fmpnn_structures_read_parsed(fmpnn_structures *structures, const char *path,
                                          fmpnn_parsed_atoms atoms, size_t longest,
                                          fmpnn_dropped *dropped, fmpnn_error *err)
{
    fmpnn_jsonl file;
    json_t *value = NULL;
    fmpnn_status status = fmpnn_jsonl_open(&file, path, err);
    while (!status && !(status = fmpnn_jsonl_next(&file, &value, err)) && value) {
        place at = {.path = path, .line = file.line};
        const char *seq = json_string_value(json_object_get(value, "seq"));
        at.name = json_string_value(json_object_get(value, "name"));
        if (!seq || !at.name || !*at.name || strchr(at.name, '/'))
            status = fmpnn_fail(err, FMPNN_EFORMAT,
                                "%s:%zu: expected an object with \"name\" and \"seq\", as "
                                "parse_multiple_chains writes it",
                                path, file.line);
        else if (strlen(seq) > FMPNN_MAX_RESIDUES)
            status = fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu: %s has more than %d residues",
                                path, file.line, at.name, FMPNN_MAX_RESIDUES);
        else if (atoms != FMPNN_PARSED_NONE && seq[strspn(seq, LETTERS)])
            dropped->bad_characters++;
        else if (strlen(seq) > longest)
            dropped->too_long++;
        else
            status = read_line(&at, value, atoms, structures, err);
        json_decref(value);
    }
    fmpnn_jsonl_close(&file);
    return status;
}
