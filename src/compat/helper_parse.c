/* parse_multiple_chains: the PDB files of a folder, a JSON line each. The script takes them in
 * the order of the file system; here they are sorted by name. */
#define _POSIX_C_SOURCE 200809L
#include "compat/helpers.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A coordinate as the file writes it: the shortest decimal that reads back to the same float32,
 * which is exact for the seven digits that a PDB column holds. */
static void add_coordinate(fmpnn_text *out, float value)
{
    char text[32];
    double wide = 0;
    if (isnan(value)) {
        fmpnn_text_print(out, "NaN");
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        fmpnn_print(text, sizeof text, "%.*g", digits, (double)value);
        if (fmpnn_parse_double(text, &wide) && (float)wide == value)
            break;
    }
    fmpnn_format_double(wide, text);
    fmpnn_text_print(out, "%s", text);
}

static void add_atom(fmpnn_text *out, const fmpnn_structure *st,
                     const fmpnn_helper_chain *chain, int atom, bool ca_only)
{
    static const char *const name[] = {"N", "CA", "C", "O"};
    fmpnn_text_print(out, "\"%s_chain_%c\": [", name[atom], chain->name);
    for (size_t n = 0; n < chain->length; n++) {
        const fmpnn_residue *residue = &st->residue[chain->start + n];
        bool present = residue->present >> atom & 1;
        fmpnn_text_print(out, "%s%s[", n ? ", " : "", ca_only ? "[" : "");
        for (int k = 0; k < 3; k++) {
            fmpnn_text_print(out, "%s", k ? ", " : "");
            add_coordinate(out, present ? residue->xyz[atom][k] : NAN);
        }
        fmpnn_text_print(out, "]%s", ca_only ? "]" : "");
    }
    fmpnn_text_print(out, "]");
}

static void add_letters(fmpnn_text *out, const fmpnn_structure *st, size_t start,
                        size_t length)
{
    for (size_t n = 0; n < length; n++) {
        char letter = st->residue[start + n].letter;
        fmpnn_text_add(out, letter == 'X' ? "-" : &letter, 1);
    }
}

static void add_structure(fmpnn_helper *h, const fmpnn_structure *st)
{
    fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
    size_t chains = fmpnn_helper_chains(st, chain);
    bool ca_only = h->options->ca_only;
    fmpnn_text *out = &h->out;
    fmpnn_text_print(out, "{");
    for (size_t c = 0; c < chains; c++) {
        fmpnn_text_print(out, "\"seq_chain_%c\": \"", chain[c].name);
        add_letters(out, st, chain[c].start, chain[c].length);
        fmpnn_text_print(out, "\", \"coords_chain_%c\": {", chain[c].name);
        for (int atom = 0; atom < 4; atom++) {
            if (ca_only && atom != FMPNN_ATOM_CA)
                continue;
            fmpnn_text_print(out, "%s", atom && !ca_only ? ", " : "");
            add_atom(out, st, &chain[c], atom, ca_only);
        }
        fmpnn_text_print(out, "}, ");
    }
    fmpnn_text_print(out, "\"name\": ");
    fmpnn_json_add_text(out, st->name);
    fmpnn_text_print(out, ", \"num_of_chains\": %zu, \"seq\": \"", chains);
    add_letters(out, st, 0, st->length);
    fmpnn_text_print(out, "\"}\n");
}

static int is_pdb(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && !strcmp(dot, ".pdb");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static fmpnn_status add_file(fmpnn_helper *h, const char *folder, const char *name)
{
    fmpnn_text path;
    fmpnn_text_init(&path);
    fmpnn_text_print(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                     name);
    fmpnn_status status = path.failed
                              ? fmpnn_fail_memory(h->err, "reading structures")
                              : fmpnn_structures_read_pdb(&h->structures, path.data,
                                                          h->options->ca_only, h->err);
    if (!status)
        add_structure(h, h->structures.item[0]);
    fmpnn_structures_clear(&h->structures);
    fmpnn_text_clear(&path);
    return status;
}

fmpnn_status fmpnn_helper_parse(fmpnn_helper *h)
{
    const char *folder = h->options->input_path;
    struct dirent **entry = NULL;
    fmpnn_status status = FMPNN_OK;
    if (!folder || !*folder)
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--input_path is needed");
    int count = scandir(folder, &entry, is_pdb, by_name);
    if (count < 0)
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--input_path: %s: %s", folder,
                          strerror(errno));
    for (int n = 0; n < count; n++) {
        if (!status)
            status = add_file(h, folder, entry[n]->d_name);
        free(entry[n]);
    }
    free(entry);
    if (!status && !count)
        fmpnn_original_note(h->listener, "%s holds no file *.pdb", folder);
    return status;
}
