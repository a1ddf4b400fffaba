/* make_bias_AA, make_bias_per_res_dict and make_pssm_input_dict. */
#include "compat/helpers.h"

#include <string.h>

enum { LETTERS = 21 };

static void add_number(fmpnn_text *out, double value)
{
    char text[32];
    fmpnn_format_double(value, text);
    fmpnn_text_print(out, "%s", value != value ? "NaN" : text);
}

/* Pairs as far as both lists go; a letter named again keeps its place and takes the new bias. */
static fmpnn_status pair_up(fmpnn_helper *h, const fmpnn_words *letter,
                            const fmpnn_words *bias)
{
    size_t pairs = letter->count < bias->count ? letter->count : bias->count, shown = 0;
    double value;
    for (size_t n = 0; n < bias->count; n++)
        if (!fmpnn_parse_double(bias->word[n], &value))
            return fmpnn_fail(h->err, FMPNN_EINVAL, "--bias_list: '%s' is no number",
                              bias->word[n]);
    fmpnn_text_print(&h->out, "{");
    for (size_t n = 0; n < pairs; n++) {
        size_t first = 0, last = n;
        while (strcmp(letter->word[first], letter->word[n]) != 0)
            first++;
        for (size_t k = n; k < pairs; k++)
            if (!strcmp(letter->word[k], letter->word[n]))
                last = k;
        if (first < n || !fmpnn_parse_double(bias->word[last], &value))
            continue;
        fmpnn_text_print(&h->out, "%s", shown++ ? ", " : "");
        fmpnn_json_add_text(&h->out, letter->word[n]);
        fmpnn_text_print(&h->out, ": ");
        add_number(&h->out, value);
    }
    fmpnn_text_print(&h->out, "}\n");
    return FMPNN_OK;
}

fmpnn_status fmpnn_helper_bias(fmpnn_helper *h)
{
    fmpnn_words letter = {0}, bias = {0};
    size_t lists;
    fmpnn_status status = fmpnn_words_split(&letter, h->options->AA_list, 0, &lists) &&
                                  fmpnn_words_split(&bias, h->options->bias_list, 0, &lists)
                              ? pair_up(h, &letter, &bias)
                              : fmpnn_fail_memory(h->err, "reading arguments");
    fmpnn_words_clear(&bias);
    fmpnn_words_clear(&letter);
    return status;
}

/* ---- by residue: a template with an example for chains A and C, meant to be edited ---- */

static double example_bias(char chain, size_t residue, size_t letter)
{
    enum { GLYCINE = 5, LEUCINE = 9 };
    bool chosen = residue <= 5 || (residue >= 11 && residue <= 15);
    if (chain == 'A' && chosen && (letter == GLYCINE || letter == LEUCINE))
        return 100.5;
    return chain == 'C' && chosen && letter > 0 ? -100.5 : 0;
}

fmpnn_status fmpnn_helper_bias_by_res(fmpnn_helper *h)
{
    fmpnn_text *out = &h->out;
    for (size_t n = 0; n < h->structures.count; n++) {
        fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
        size_t chains = fmpnn_helper_chains(h->structures.item[n], chain);
        fmpnn_text_print(out, "%s", n ? ", " : "{");
        fmpnn_json_add_text(out, h->structures.item[n]->name);
        for (size_t c = 0; c < chains; c++) {
            fmpnn_text_print(out, "%s\"%c\": [", c ? ", " : ": {", chain[c].name);
            for (size_t i = 0; i < chain[c].length; i++)
                for (size_t a = 0; a < LETTERS; a++) {
                    fmpnn_text_print(out, "%s", a ? ", " : i ? "], [" : "[");
                    add_number(out, example_bias(chain[c].name, i, a));
                }
            fmpnn_text_print(out, chain[c].length ? "]]" : "]");
        }
        fmpnn_text_print(out, "}");
    }
    fmpnn_text_print(out, h->structures.count ? "}\n" : "{}\n");
    return FMPNN_OK;
}

/* ---- PSSM ---- */

/* "KEY": the array CHAIN_WHAT of the npz as nested lists. */
static fmpnn_status add_array(fmpnn_helper *h, const char *path, char chain,
                              const char *what, const char *key)
{
    char name[32];
    fmpnn_npy array;
    snprintf(name, sizeof name, "%c_%s", chain, what);
    fmpnn_status status = fmpnn_npz_read(path, name, &array, h->err);
    if (status)
        return status;
    if (!array.data || array.rank < 1 || array.rank > 2)
        status =
            fmpnn_fail(h->err, FMPNN_EFORMAT, "%s: %s is no table of numbers", path, name);
    size_t row = array.rank == 2 ? array.shape[1] : 1;
    fmpnn_text_print(&h->out, "\"%s\": [", key);
    for (size_t n = 0; n < array.count && !status; n++) {
        fmpnn_text_print(&h->out, "%s", n ? ", " : "");
        if (array.rank == 2 && n % row == 0)
            fmpnn_text_print(&h->out, "[");
        add_number(&h->out, array.data[n]);
        if (array.rank == 2 && n % row == row - 1)
            fmpnn_text_print(&h->out, "]");
    }
    fmpnn_text_print(&h->out, "]");
    fmpnn_npy_clear(&array);
    return status;
}

static fmpnn_status add_structure(fmpnn_helper *h, const fmpnn_structure *st)
{
    fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
    size_t chains = fmpnn_helper_chains(st, chain);
    fmpnn_text path;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&path);
    fmpnn_text_print(&path, "%s/%s.npz", h->options->PSSM_input_path, st->name);
    if (path.failed)
        return fmpnn_fail_memory(h->err, "reading a PSSM");
    if (h->listener && h->listener->print)
        h->listener->print(h->listener->user, path.data);
    for (size_t c = 0; c < chains && !status; c++) {
        fmpnn_text_print(&h->out, "%s\"%c\": {", c ? ", " : "", chain[c].name);
        status = add_array(h, path.data, chain[c].name, "coef", "pssm_coef");
        fmpnn_text_print(&h->out, ", ");
        if (!status)
            status = add_array(h, path.data, chain[c].name, "bias", "pssm_bias");
        fmpnn_text_print(&h->out, ", ");
        if (!status)
            status = add_array(h, path.data, chain[c].name, "odds", "pssm_log_odds");
        fmpnn_text_print(&h->out, "}");
    }
    fmpnn_text_clear(&path);
    return status;
}

fmpnn_status fmpnn_helper_pssm(fmpnn_helper *h)
{
    fmpnn_status status = FMPNN_OK;
    if (!h->options->PSSM_input_path || !*h->options->PSSM_input_path)
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--PSSM_input_path is needed");
    for (size_t n = 0; n < h->structures.count && !status; n++) {
        fmpnn_text_print(&h->out, "%s", n ? ", " : "{");
        fmpnn_json_add_text(&h->out, h->structures.item[n]->name);
        fmpnn_text_print(&h->out, ": {");
        status = add_structure(h, h->structures.item[n]);
        fmpnn_text_print(&h->out, "}");
    }
    fmpnn_text_print(&h->out, h->structures.count ? "}\n" : "{}\n");
    return status;
}
