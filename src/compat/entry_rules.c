/* Fixed positions, omitted letters, biases. */
#include "compat/entry.h"

#include <math.h>
#include <string.h>

static int code_of(char letter)
{
    const char *at = letter ? strchr(fmpnn_alphabet(), letter) : NULL;
    return at ? (int)(at - fmpnn_alphabet()) : -1;
}

/* ---- the same for all structures ---- */

fmpnn_status fmpnn_entry_letters(fmpnn_entry_settings *settings, fmpnn_error *err)
{
    const char *omitted = settings->options->omit_AAs, *letter;
    const fmpnn_dictionary *d = &settings->dictionary[FMPNN_DICTIONARY_BIAS];
    json_t *value;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        settings->omit[a] = omitted && strchr(omitted, fmpnn_alphabet()[a]);
        settings->bias[a] = 0;
    }
    json_object_foreach(d->value, letter, value)
    {
        int code = strlen(letter) == 1 ? code_of(letter[0]) : -1;
        if (code < 0) {
            fmpnn_original_note(settings->listener, "%s:%zu: %s is no amino acid, not used",
                                d->path, d->line, letter);
            continue;
        }
        if (!json_is_number(value))
            return fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu: --%s: %s: expected a number",
                              d->path, d->line, d->option, letter);
        settings->bias[code] = json_number_value(value);
    }
    return FMPNN_OK;
}

/* ---- by position ---- */

static fmpnn_status fix_chain(const fmpnn_entry_maker *m, const fmpnn_entry_chain *chain,
                              const json_t *list)
{
    size_t at;
    if (!json_is_array(list))
        return fmpnn_entry_refuse(m, chain->name, "expected a list of positions");
    for (size_t n = 0; n < json_array_size(list); n++) {
        fmpnn_status status = fmpnn_entry_position(m, chain, json_array_get(list, n), &at);
        if (status)
            return status;
        if (chain->designed)
            m->entry->unfixed[at] = 0;
    }
    return FMPNN_OK;
}

/* Every chain is checked, only designed ones count. */
static fmpnn_status each_chain(const fmpnn_entry_maker *m, const json_t *value,
                               fmpnn_status (*read)(const fmpnn_entry_maker *,
                                                    const fmpnn_entry_chain *,
                                                    const json_t *))
{
    fmpnn_status status = fmpnn_entry_check_chains(m, value);
    for (size_t n = 0; n < m->entry->chains && !status; n++) {
        const json_t *item = json_object_get(value, m->entry->chain[n].name);
        if (item)
            status = read(m, &m->entry->chain[n], item);
    }
    return status;
}

fmpnn_status fmpnn_entry_fixed(fmpnn_entry_maker *m)
{
    const json_t *value;
    if (!m->settings->dictionary[FMPNN_DICTIONARY_FIXED].value)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_entry_lookup(m, FMPNN_DICTIONARY_FIXED, &value);
    return status ? status : each_chain(m, value, fix_chain);
}

/* One of [[positions], "LETTERS"]. */
static fmpnn_status omit_at(const fmpnn_entry_maker *m, const fmpnn_entry_chain *chain,
                            const json_t *item)
{
    const json_t *places = json_array_get(item, 0);
    const char *letters = json_string_value(json_array_get(item, 1));
    size_t at;
    if (json_array_size(item) != 2 || !json_is_array(places) || !letters)
        return fmpnn_entry_refuse(m, chain->name, "expected [[positions], \"LETTERS\"]");
    for (const char *a = letters; *a; a++)
        if (code_of(*a) < 0)
            return fmpnn_entry_refuse(m, chain->name, "'%c' is not one of %s", *a,
                                      fmpnn_alphabet());
    for (size_t n = 0; n < json_array_size(places); n++) {
        fmpnn_status status =
            fmpnn_entry_position(m, chain, json_array_get(places, n), &at);
        if (status)
            return status;
        for (const char *a = letters; *a && chain->designed; a++)
            m->entry->omit_last[at * FMPNN_LETTERS + (size_t)code_of(*a)] = 1;
    }
    return FMPNN_OK;
}

static fmpnn_status omit_chain(const fmpnn_entry_maker *m, const fmpnn_entry_chain *chain,
                               const json_t *list)
{
    if (!json_is_array(list))
        return fmpnn_entry_refuse(m, chain->name, "expected a list");
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < json_array_size(list) && !status; n++)
        status = omit_at(m, chain, json_array_get(list, n));
    return status;
}

static fmpnn_status bias_chain(const fmpnn_entry_maker *m, const fmpnn_entry_chain *chain,
                               const json_t *list)
{
    if (!chain->designed)
        return FMPNN_OK;
    if (json_array_size(list) != chain->length)
        return fmpnn_entry_refuse(m, chain->name, "%zu rows for %zu residues",
                                  json_array_size(list), chain->length);
    for (size_t n = 0; n < chain->length; n++) {
        const json_t *row = json_array_get(list, n);
        double *bias = m->entry->bias + (chain->start + n) * FMPNN_LETTERS, value = 0;
        bool good = json_array_size(row) == FMPNN_LETTERS;
        for (size_t a = 0; a < FMPNN_LETTERS && good; a++) {
            good = fmpnn_json_number(json_array_get(row, a), &value) && isfinite(value);
            bias[a] += (double)(float)value;
        }
        if (!good)
            return fmpnn_entry_refuse(m, chain->name, "position %zu: expected %d numbers",
                                      n + 1, FMPNN_LETTERS);
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_entry_rules(fmpnn_entry_maker *m)
{
    fmpnn_entry *e = m->entry;
    const json_t *value;
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < e->L * FMPNN_LETTERS; n++) {
        e->omit[n] = m->settings->omit[n % FMPNN_LETTERS];
        e->bias[n] = m->settings->bias[n % FMPNN_LETTERS];
    }
    if (m->settings->dictionary[FMPNN_DICTIONARY_OMIT].value) {
        e->omit_last = fmpnn_alloc_zero(e->L, FMPNN_LETTERS);
        if (!e->omit_last)
            return fmpnn_fail_memory(m->err, "preparing a structure");
        status = fmpnn_entry_lookup(m, FMPNN_DICTIONARY_OMIT, &value);
        if (!status)
            status = each_chain(m, value, omit_chain);
    }
    if (!status && m->settings->dictionary[FMPNN_DICTIONARY_BIAS_BY_RES].value) {
        status = fmpnn_entry_lookup(m, FMPNN_DICTIONARY_BIAS_BY_RES, &value);
        if (!status)
            status = each_chain(m, value, bias_chain);
    }
    return status;
}
