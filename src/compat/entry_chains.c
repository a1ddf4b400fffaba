/* Which chains are designed, which are context, and which are left out. */
#include "compat/entry.h"

#include <string.h>

enum { CHAINS = 128 }; /* names are one ASCII character */

typedef enum role { UNSAID, DESIGNED, CONTEXT } role;

/* Which part each chain of `st` has, by its one character. */
typedef struct roles {
    const fmpnn_dictionary_reader *reader;
    role by_name[CHAINS];
} roles;

static fmpnn_status assign(void *user, const char *name, bool designed)
{
    roles *r = user;
    role *known = &r->by_name[(unsigned char)name[0] % CHAINS];
    if (*known != UNSAID)
        return fmpnn_dictionary_refuse(r->reader, name,
                                       "named twice; a chain is either designed or fixed");
    *known = designed ? DESIGNED : CONTEXT;
    return FMPNN_OK;
}

/* The chains of the structure, for dictionaries: [count] of `chain`. */
static size_t list_chains(const fmpnn_structure *st, fmpnn_ordinal_chain chain[CHAINS])
{
    size_t count = 0;
    for (size_t i = 0; i < st->length; i++)
        if ((i == 0 || st->residue[i].chain_id != st->residue[i - 1].chain_id) &&
            count < CHAINS) {
            chain[count] = (fmpnn_ordinal_chain){.start = i};
            memcpy(chain[count++].name, st->residue[i].chain, sizeof chain->name);
        }
    return count;
}

/* "A B": these are designed, all others are context. */
static fmpnn_status assign_by_option(fmpnn_entry_maker *m, const char *list,
                                     role by_name[CHAINS])
{
    fmpnn_status status = FMPNN_OK;
    for (size_t c = 0; c < CHAINS; c++)
        by_name[c] = UNSAID;
    while (*(list += strspn(list, " \t")) && !status) {
        char name[32];
        size_t size = strcspn(list, " \t");
        snprintf(name, sizeof name, "%.*s", (int)(size < 31 ? size : 31), list);
        list += size;
        if (!fmpnn_dictionary_chain(&m->reader, name))
            status =
                fmpnn_fail(m->reader.err, FMPNN_ESELECT,
                           "--pdb_path_chains: %s has no chain %s", m->entry->name, name);
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
    const fmpnn_dictionary *d = &m->settings->dictionaries->item[FMPNN_DICTIONARY_CHAIN_ID];
    fmpnn_ordinal_chain chain[CHAINS];
    roles r = {.reader = &m->reader};
    role *by_name = r.by_name;
    fmpnn_status status = FMPNN_OK;
    bool from_pdb = options->pdb_path && *options->pdb_path;
    m->reader.chain = chain;
    m->reader.chains = list_chains(st, chain);
    for (size_t c = 0; c < CHAINS; c++)
        by_name[c] = from_pdb || !d->value ? DESIGNED : UNSAID;
    if (from_pdb && options->pdb_path_chains && *options->pdb_path_chains)
        status = assign_by_option(m, options->pdb_path_chains, by_name);
    else if (!from_pdb)
        status = fmpnn_dictionary_chains(&m->reader, d, assign, &r);
    m->reader.chain = NULL;
    m->reader.chains = 0;
    if (status)
        return status;
    *kept = copy_said(st, by_name);
    if (!*kept)
        return fmpnn_fail_memory(m->reader.err, "choosing chains");
    if (!(*kept)->length)
        return fmpnn_dictionary_refuse(&m->reader, NULL, "no chain is designed or fixed");
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
