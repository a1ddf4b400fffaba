/* Dictionaries of chains, fixed positions, omitted letters, biases. */
#include "design/dictionaries.h"

#include <math.h>
#include <string.h>

static int code_of(char letter)
{
    const char *at = letter ? strchr(fmpnn_alphabet(), letter) : NULL;
    return at ? (int)(at - fmpnn_alphabet()) : -1;
}

/* ---- chain_id ---- */

static fmpnn_status take_list(const fmpnn_dictionary_reader *r, const json_t *list,
                              bool designed, fmpnn_dictionary_take_chain *take, void *user)
{
    for (size_t n = 0; n < json_array_size(list); n++) {
        const char *name = json_string_value(json_array_get(list, n));
        if (!name || !fmpnn_dictionary_chain(r, name))
            return fmpnn_dictionary_refuse(r, name, "the structure has no such chain");
        fmpnn_status status = take(user, name, designed);
        if (status)
            return status;
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_dictionary_chains(fmpnn_dictionary_reader *r,
                                     const fmpnn_dictionary *dictionary,
                                     fmpnn_dictionary_take_chain *take, void *user)
{
    const json_t *lists;
    if (!dictionary->value)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_dictionary_open(r, dictionary, &lists);
    if (status)
        return status;
    if (json_array_size(lists) != 2 || !json_is_array(json_array_get(lists, 0)) ||
        !json_is_array(json_array_get(lists, 1)))
        return fmpnn_dictionary_refuse(r, NULL,
                                       "expected [[designed chains], [fixed chains]]");
    status = take_list(r, json_array_get(lists, 0), true, take, user);
    return status ? status : take_list(r, json_array_get(lists, 1), false, take, user);
}

/* ---- bias_AA ---- */

fmpnn_status fmpnn_dictionary_letters(const fmpnn_dictionary *d, double bias[FMPNN_LETTERS],
                                      void (*unknown)(void *user, const char *key),
                                      void *user, fmpnn_error *err)
{
    const char *letter;
    json_t *value;
    memset(bias, 0, FMPNN_LETTERS * sizeof *bias);
    json_object_foreach(d->value, letter, value)
    {
        int code = strlen(letter) == 1 ? code_of(letter[0]) : -1;
        if (code < 0) {
            unknown(user, letter);
            continue;
        }
        if (!json_is_number(value))
            return fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu: --%s: %s: expected a number",
                              d->path, d->line, d->option, letter);
        bias[code] = json_number_value(value);
    }
    return FMPNN_OK;
}

/* ---- fixed_positions ---- */

static fmpnn_status fix_chain(const fmpnn_dictionary_reader *r,
                              const fmpnn_ordinal_chain *chain, const json_t *list,
                              void *out)
{
    uint8_t *fixed = out;
    uint32_t at;
    size_t place;
    if (!json_is_array(list))
        return fmpnn_dictionary_refuse(r, chain->name, "expected a list of positions");
    for (size_t n = 0; n < json_array_size(list); n++) {
        fmpnn_status status =
            fmpnn_dictionary_position(r, chain, json_array_get(list, n), &at, &place);
        if (status)
            return status;
        if (chain->designed && at != FMPNN_NOWHERE)
            fixed[at] = 1;
    }
    return FMPNN_OK;
}

/* ---- omit_AA ---- */

/* One of [[positions], "LETTERS"]. */
static fmpnn_status omit_at(const fmpnn_dictionary_reader *r,
                            const fmpnn_ordinal_chain *chain, const json_t *item,
                            uint8_t *omit)
{
    const json_t *places = json_array_get(item, 0);
    const char *letters = json_string_value(json_array_get(item, 1));
    uint32_t at;
    size_t place;
    if (json_array_size(item) != 2 || !json_is_array(places) || !letters)
        return fmpnn_dictionary_refuse(r, chain->name,
                                       "expected [[positions], \"LETTERS\"]");
    for (const char *a = letters; *a; a++)
        if (code_of(*a) < 0)
            return fmpnn_dictionary_refuse(r, chain->name, "'%c' is not one of %s", *a,
                                           fmpnn_alphabet());
    for (size_t n = 0; n < json_array_size(places); n++) {
        fmpnn_status status =
            fmpnn_dictionary_position(r, chain, json_array_get(places, n), &at, &place);
        if (status)
            return status;
        for (const char *a = letters; *a && chain->designed && at != FMPNN_NOWHERE; a++)
            omit[at * (size_t)FMPNN_LETTERS + (size_t)code_of(*a)] = 1;
    }
    return FMPNN_OK;
}

static fmpnn_status omit_chain(const fmpnn_dictionary_reader *r,
                               const fmpnn_ordinal_chain *chain, const json_t *list,
                               void *out)
{
    if (!json_is_array(list))
        return fmpnn_dictionary_refuse(r, chain->name, "expected a list");
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < json_array_size(list) && !status; n++)
        status = omit_at(r, chain, json_array_get(list, n), out);
    return status;
}

/* ---- bias_by_res ---- */

/* The published program holds these numbers in float32. */
static fmpnn_status bias_chain(const fmpnn_dictionary_reader *r,
                               const fmpnn_ordinal_chain *chain, const json_t *list,
                               void *out)
{
    double *bias = out;
    if (!chain->designed)
        return FMPNN_OK;
    if (json_array_size(list) != chain->length)
        return fmpnn_dictionary_refuse(r, chain->name, "%zu rows for %zu residues",
                                       json_array_size(list), chain->length);
    for (size_t n = 0; n < chain->length; n++) {
        const json_t *row = json_array_get(list, n);
        uint32_t at =
            r->position ? r->position[chain->start + n] : (uint32_t)(chain->start + n);
        double value = 0;
        bool good = json_array_size(row) == FMPNN_LETTERS;
        for (size_t a = 0; a < FMPNN_LETTERS && good; a++) {
            good = fmpnn_json_number(json_array_get(row, a), &value) && isfinite(value);
            if (good && at != FMPNN_NOWHERE)
                bias[at * (size_t)FMPNN_LETTERS + a] += (double)(float)value;
        }
        if (!good)
            return fmpnn_dictionary_refuse(
                r, chain->name, "position %zu: expected %d numbers", n + 1, FMPNN_LETTERS);
    }
    return FMPNN_OK;
}

/* ---- all chains ---- */

static fmpnn_status read_each(fmpnn_dictionary_reader *r,
                              const fmpnn_dictionary *dictionary,
                              fmpnn_dictionary_part *read, void *out)
{
    const json_t *value;
    if (!dictionary->value)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_dictionary_open(r, dictionary, &value);
    return status ? status : fmpnn_dictionary_each(r, value, read, out);
}

fmpnn_status fmpnn_dictionary_fixed(fmpnn_dictionary_reader *r,
                                    const fmpnn_dictionary *dictionary, uint8_t *fixed)
{
    return read_each(r, dictionary, fix_chain, fixed);
}

fmpnn_status fmpnn_dictionary_omit(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary, uint8_t *omit)
{
    return read_each(r, dictionary, omit_chain, omit);
}

fmpnn_status fmpnn_dictionary_bias(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary, double *bias)
{
    return read_each(r, dictionary, bias_chain, bias);
}
