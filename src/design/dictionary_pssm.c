/* Dictionaries of PSSM: for each residue a coefficient, probabilities, log odds. */
#include "design/dictionaries.h"

#include <math.h>

typedef struct receiver {
    fmpnn_dictionary_take_row *take;
    void *user;
} receiver;

static bool read_row(const json_t *row, float values[FMPNN_LETTERS])
{
    double number;
    if (json_array_size(row) != FMPNN_LETTERS)
        return false;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        if (!fmpnn_json_number(json_array_get(row, a), &number) || isnan(number))
            return false;
        values[a] = (float)number;
    }
    return true;
}

static fmpnn_status read_chain(const fmpnn_dictionary_reader *r,
                               const fmpnn_ordinal_chain *chain, const json_t *value,
                               void *out)
{
    const receiver *to = out;
    const json_t *coef = json_object_get(value, "pssm_coef");
    const json_t *bias = json_object_get(value, "pssm_bias");
    const json_t *odds = json_object_get(value, "pssm_log_odds");
    fmpnn_status status = FMPNN_OK;
    if (!chain->designed || (json_is_object(value) && !json_object_size(value)))
        return FMPNN_OK;
    if (json_array_size(coef) != chain->length || json_array_size(bias) != chain->length ||
        json_array_size(odds) != chain->length)
        return fmpnn_dictionary_refuse(
            r, chain->name,
            "expected pssm_coef, pssm_bias and pssm_log_odds of %zu residues",
            chain->length);
    for (size_t n = 0; n < chain->length && !status; n++) {
        size_t place = chain->start + n;
        double number;
        fmpnn_pssm_row row = {.chain = chain,
                              .ordinal = n + 1,
                              .position =
                                  r->position ? r->position[place] : (uint32_t)place};
        if (!fmpnn_json_number(json_array_get(coef, n), &number) || !isfinite(number) ||
            !read_row(json_array_get(bias, n), row.bias) ||
            !read_row(json_array_get(odds, n), row.odds))
            return fmpnn_dictionary_refuse(
                r, chain->name,
                "position %zu: expected a number in pssm_coef, %d in pssm_bias and in "
                "pssm_log_odds",
                n + 1, FMPNN_LETTERS);
        row.coef = (float)number;
        status = to->take(r, to->user, &row);
    }
    return status;
}

fmpnn_status fmpnn_dictionary_pssm(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary,
                                   fmpnn_dictionary_take_row *take, void *user)
{
    const json_t *value;
    receiver to = {take, user};
    if (!dictionary->value)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_dictionary_open(r, dictionary, &value);
    return status ? status : fmpnn_dictionary_each(r, value, read_chain, &to);
}
