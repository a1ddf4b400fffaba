/* PSSM: probabilities mixed in, and log odds as a mask. */
#include "compat/entry.h"

#include <math.h>

static const float ODDS_OF_NOTHING_SAID = 10000;

/* What one chain's object holds: [length] and [length][21], NULL where it is empty. */
typedef struct pssm_lists {
    const json_t *coef, *bias, *odds;
} pssm_lists;

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

/* Mixing in probabilities that are none would leave nothing to draw from. */
static fmpnn_status check_row(const fmpnn_entry_maker *m, const fmpnn_entry_chain *chain,
                              size_t n, float coef, const float bias[FMPNN_LETTERS])
{
    double sum = 0;
    bool negative = false;
    if (!m->settings->options->pssm_bias_flag || !m->entry->designed[chain->start + n] ||
        !(m->settings->options->pssm_multi * (double)coef != 0))
        return FMPNN_OK;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        sum += (double)bias[a];
        negative = negative || bias[a] < 0;
    }
    if (negative || !(sum > 0))
        return fmpnn_entry_refuse(m, chain->name,
                                  "position %zu: pssm_bias %s, expected probabilities",
                                  n + 1, negative ? "has a negative entry" : "sums to 0");
    return FMPNN_OK;
}

static fmpnn_status read_position(const fmpnn_entry_maker *m,
                                  const fmpnn_entry_chain *chain, const pssm_lists *lists,
                                  size_t n)
{
    fmpnn_entry *e = m->entry;
    size_t i = chain->start + n;
    float bias[FMPNN_LETTERS], odds[FMPNN_LETTERS];
    float threshold = (float)m->settings->options->pssm_threshold;
    double coef;
    if (!fmpnn_json_number(json_array_get(lists->coef, n), &coef) || !isfinite(coef) ||
        !read_row(json_array_get(lists->bias, n), bias) ||
        !read_row(json_array_get(lists->odds, n), odds))
        return fmpnn_entry_refuse(m, chain->name,
                                  "position %zu: expected a number in pssm_coef, %d in "
                                  "pssm_bias and in pssm_log_odds",
                                  n + 1, FMPNN_LETTERS);
    e->pssm_coef[i] = (double)(float)coef;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        e->pssm_bias[i * FMPNN_LETTERS + a] = (double)bias[a];
        e->pssm_allowed[i * FMPNN_LETTERS + a] = odds[a] > threshold;
    }
    return check_row(m, chain, n, (float)coef, bias);
}

static fmpnn_status read_chain(const fmpnn_entry_maker *m, const fmpnn_entry_chain *chain,
                               const json_t *value)
{
    pssm_lists lists = {json_object_get(value, "pssm_coef"),
                        json_object_get(value, "pssm_bias"),
                        json_object_get(value, "pssm_log_odds")};
    if (!chain->designed || (json_is_object(value) && !json_object_size(value)))
        return FMPNN_OK;
    if (json_array_size(lists.coef) != chain->length ||
        json_array_size(lists.bias) != chain->length ||
        json_array_size(lists.odds) != chain->length)
        return fmpnn_entry_refuse(m, chain->name,
                                  "expected pssm_coef, pssm_bias and pssm_log_odds of %zu "
                                  "residues",
                                  chain->length);
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < chain->length && !status; n++)
        status = read_position(m, chain, &lists, n);
    return status;
}

fmpnn_status fmpnn_entry_pssm(fmpnn_entry_maker *m)
{
    fmpnn_entry *e = m->entry;
    const fmpnn_original_options *options = m->settings->options;
    const json_t *value;
    size_t cells = e->L * FMPNN_LETTERS;
    bool odds_of_all = ODDS_OF_NOTHING_SAID > (float)options->pssm_threshold;
    if (!m->settings->dictionary[FMPNN_DICTIONARY_PSSM].value && !options->pssm_bias_flag &&
        !options->pssm_log_odds_flag)
        return FMPNN_OK;
    e->pssm_coef = fmpnn_alloc_zero(e->L, sizeof *e->pssm_coef);
    e->pssm_bias = fmpnn_alloc_zero(cells, sizeof *e->pssm_bias);
    e->pssm_allowed = fmpnn_alloc(cells, 1);
    if (!e->pssm_coef || !e->pssm_bias || !e->pssm_allowed)
        return fmpnn_fail_memory(m->err, "preparing a structure");
    for (size_t n = 0; n < cells; n++)
        e->pssm_allowed[n] = odds_of_all;
    if (options->pssm_bias_flag) {
        e->rules.pssm_coef = e->pssm_coef;
        e->rules.pssm_bias = e->pssm_bias;
        e->rules.pssm_multi = options->pssm_multi;
    }
    if (options->pssm_log_odds_flag)
        e->rules.pssm_allowed = e->pssm_allowed;
    if (!m->settings->dictionary[FMPNN_DICTIONARY_PSSM].value)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_entry_lookup(m, FMPNN_DICTIONARY_PSSM, &value);
    if (!status)
        status = fmpnn_entry_check_chains(m, value);
    for (size_t n = 0; n < e->chains && !status; n++) {
        const json_t *chain = json_object_get(value, e->chain[n].name);
        if (chain)
            status = read_chain(m, &e->chain[n], chain);
    }
    return status;
}
