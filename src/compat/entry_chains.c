/* Which chains are designed, which are context, and which are left out. */
#include "compat/entry.h"

#include <string.h>

enum { CHAINS = 128 }; /* names are one ASCII character */

typedef enum role { UNSAID, DESIGNED, CONTEXT } role;

static bool has_chain(const fmpnn_structure *st, const char *name)
{
    for (size_t i = 0; i < st->length; i++)
        if (!strcmp(st->residue[i].chain, name))
            return true;
    return false;
}

static fmpnn_status assign(const fmpnn_entry_maker *m, const fmpnn_structure *st,
                           const char *name, role part, role by_name[CHAINS])
{
    if (!name || !has_chain(st, name))
        return fmpnn_entry_refuse(m, name, "the structure has no such chain");
    role *known = &by_name[(unsigned char)name[0] % CHAINS];
    if (*known != UNSAID)
        return fmpnn_entry_refuse(m, name,
                                  "named twice; a chain is either designed or fixed");
    *known = part;
    return FMPNN_OK;
}

/* {"NAME": [[designed], [fixed]]} */
static fmpnn_status assign_by_dictionary(fmpnn_entry_maker *m, const fmpnn_structure *st,
                                         role by_name[CHAINS])
{
    const json_t *lists;
    fmpnn_status status = fmpnn_entry_lookup(m, FMPNN_DICTIONARY_CHAIN_ID, &lists);
    if (!status &&
        (json_array_size(lists) != 2 || !json_is_array(json_array_get(lists, 0)) ||
         !json_is_array(json_array_get(lists, 1))))
        status =
            fmpnn_entry_refuse(m, NULL, "expected [[designed chains], [fixed chains]]");
    for (size_t part = 0; part < 2 && !status; part++) {
        const json_t *list = json_array_get(lists, part);
        for (size_t n = 0; n < json_array_size(list) && !status; n++)
            status = assign(m, st, json_string_value(json_array_get(list, n)),
                            part ? CONTEXT : DESIGNED, by_name);
    }
    return status;
}

/* "A B": these are designed, all others are context. */
static fmpnn_status assign_by_option(fmpnn_entry_maker *m, const fmpnn_structure *st,
                                     const char *list, role by_name[CHAINS])
{
    fmpnn_status status = FMPNN_OK;
    for (size_t c = 0; c < CHAINS; c++)
        by_name[c] = UNSAID;
    while (*(list += strspn(list, " \t")) && !status) {
        char name[32];
        size_t size = strcspn(list, " \t");
        snprintf(name, sizeof name, "%.*s", (int)(size < 31 ? size : 31), list);
        list += size;
        if (!has_chain(st, name))
            status = fmpnn_fail(m->err, FMPNN_ESELECT,
                                "--pdb_path_chains: %s has no chain %s", st->name, name);
        else
            by_name[(unsigned char)name[0] % CHAINS] = DESIGNED;
    }
    for (size_t c = 0; c < CHAINS; c++)
        by_name[c] = by_name[c] == DESIGNED ? DESIGNED : CONTEXT;
    return status;
}

static fmpnn_structure *copy_said(const fmpnn_structure *st, const role by_name[CHAINS])
{
    fmpnn_structure *copy = fmpnn_alloc_zero(1, sizeof *copy);
    if (!copy)
        return NULL;
    copy->reading = st->reading;
    copy->ca_only = st->ca_only;
    copy->name = fmpnn_copy_text(st->name);
    copy->residue = fmpnn_alloc(st->length + 1, sizeof *copy->residue);
    if (!copy->name || !copy->residue) {
        fmpnn_structure_free(copy);
        return NULL;
    }
    for (size_t i = 0; i < st->length; i++) {
        if (by_name[(unsigned char)st->residue[i].chain[0] % CHAINS] == UNSAID)
            continue;
        fmpnn_residue *residue = &copy->residue[copy->length];
        *residue = st->residue[i];
        residue->chain_id = 0;
        if (copy->length)
            residue->chain_id =
                residue[-1].chain_id + (strcmp(residue[-1].chain, residue->chain) != 0);
        copy->length++;
    }
    return copy;
}

fmpnn_status fmpnn_entry_chains(fmpnn_entry_maker *m, const fmpnn_structure *st,
                                fmpnn_structure **kept, const char **designed,
                                size_t *count)
{
    const fmpnn_original_options *options = m->settings->options;
    role by_name[CHAINS];
    fmpnn_status status = FMPNN_OK;
    bool from_pdb = options->pdb_path && *options->pdb_path;
    for (size_t c = 0; c < CHAINS; c++)
        by_name[c] = DESIGNED;
    if (from_pdb) {
        if (options->pdb_path_chains && *options->pdb_path_chains)
            status = assign_by_option(m, st, options->pdb_path_chains, by_name);
    } else if (m->settings->dictionary[FMPNN_DICTIONARY_CHAIN_ID].value) {
        for (size_t c = 0; c < CHAINS; c++)
            by_name[c] = UNSAID;
        status = assign_by_dictionary(m, st, by_name);
    }
    if (status)
        return status;
    *kept = copy_said(st, by_name);
    if (!*kept)
        return fmpnn_fail_memory(m->err, "choosing chains");
    if (!(*kept)->length)
        return fmpnn_entry_refuse(m, NULL, "no chain is designed or fixed");
    if (m->notes && (*kept)->length < st->length)
        fmpnn_original_note(m->settings->listener,
                            "%s: chains that --chain_id_jsonl does not name are left out",
                            st->name);
    *count = 0;
    for (size_t i = 0; i < (*kept)->length; i++) {
        const fmpnn_residue *residue = &(*kept)->residue[i];
        bool first = i == 0 || residue[-1].chain_id != residue->chain_id;
        if (first && by_name[(unsigned char)residue->chain[0] % CHAINS] == DESIGNED)
            designed[(*count)++] = residue->chain;
    }
    return FMPNN_OK;
}
