/* make_tied_positions_dict and make_pos_neg_tied_positions_dict: both tie the m-th positions of
 * the listed chains; they differ in what they make of --homooligomer 1. */
#include "compat/helpers.h"

#include <stdlib.h>
#include <string.h>

enum { LISTS = FMPNN_HELPER_CHAINS };

static int by_character(const void *a, const void *b)
{
    const fmpnn_helper_chain *x = a, *y = b;
    return (x->name > y->name) - (x->name < y->name);
}

static size_t sorted_chains(const fmpnn_structure *st, fmpnn_helper_chain *chain)
{
    size_t count = fmpnn_helper_chains(st, chain);
    qsort(chain, count, sizeof *chain, by_character);
    return count;
}

/* Write {"NAME": [groups], ...}, the groups by `add`. */
static void each_structure(fmpnn_helper *h,
                           void (*add)(fmpnn_helper *h, const fmpnn_structure *st,
                                       const void *what),
                           const void *what)
{
    for (size_t n = 0; n < h->structures.count; n++) {
        fmpnn_text_print(&h->out, "%s", n ? ", " : "{");
        fmpnn_json_add_text(&h->out, h->structures.item[n]->name);
        fmpnn_text_print(&h->out, ": [");
        add(h, h->structures.item[n], what);
        fmpnn_text_print(&h->out, "]");
    }
    fmpnn_text_print(&h->out, h->structures.count ? "}\n" : "{}\n");
}

/* ---- listed positions ---- */

typedef struct listing {
    fmpnn_words chains, position[LISTS];
} listing;

static void add_listed(fmpnn_helper *h, const fmpnn_structure *st, const void *what)
{
    const listing *l = what;
    (void)st;
    for (size_t m = 0; m < l->position[0].count; m++) {
        fmpnn_text_print(&h->out, "%s{", m ? ", " : "");
        for (size_t k = 0; k < l->chains.count; k++) {
            int64_t number = 0;
            fmpnn_parse_int(l->position[k].word[m], &number);
            fmpnn_text_print(&h->out, "%s", k ? ", " : "");
            fmpnn_json_add_text(&h->out, l->chains.word[k]);
            fmpnn_text_print(&h->out, ": [%lld]", (long long)number);
        }
        fmpnn_text_print(&h->out, "}");
    }
}

static fmpnn_status read_listing(fmpnn_helper *h, listing *l)
{
    const fmpnn_helper_options *o = h->options;
    size_t one, count = 0;
    fmpnn_status status = FMPNN_OK;
    if (!fmpnn_words_split(&l->chains, o->chain_list, 0, &one))
        return fmpnn_fail_memory(h->err, "reading arguments");
    if (!l->chains.count || l->chains.count > LISTS)
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--chain_list: expected 1 to %d chains",
                          LISTS);
    for (size_t k = 0; k < l->chains.count && !status; k++) {
        if (!fmpnn_words_split(&l->position[k], o->position_list, k, &count))
            return fmpnn_fail_memory(h->err, "reading arguments");
        status = fmpnn_words_check_whole(&l->position[k], "position_list", h->err);
        if (!status && (k >= count || l->position[k].count < l->position[0].count))
            status =
                fmpnn_fail(h->err, FMPNN_EINVAL,
                           "--position_list: chain %s has fewer positions than the first",
                           l->chains.word[k]);
    }
    return status;
}

static fmpnn_status tie_listed(fmpnn_helper *h)
{
    listing l = {0};
    fmpnn_status status = read_listing(h, &l);
    if (!status)
        each_structure(h, add_listed, &l);
    for (size_t k = 0; k < LISTS; k++)
        fmpnn_words_clear(&l.position[k]);
    fmpnn_words_clear(&l.chains);
    return status;
}

/* ---- whole chains ---- */

static void add_homooligomer(fmpnn_helper *h, const fmpnn_structure *st, const void *what)
{
    fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
    size_t chains = sorted_chains(st, chain);
    (void)what;
    for (size_t m = 1; chains && m <= chain[0].length; m++) {
        fmpnn_text_print(&h->out, "%s{", m > 1 ? ", " : "");
        for (size_t c = 0; c < chains; c++)
            fmpnn_text_print(&h->out, "%s\"%c\": [%zu]", c ? ", " : "", chain[c].name, m);
        fmpnn_text_print(&h->out, "}");
    }
}

fmpnn_status fmpnn_helper_tied(fmpnn_helper *h)
{
    if (!h->options->homooligomer)
        return tie_listed(h);
    each_structure(h, add_homooligomer, NULL);
    return FMPNN_OK;
}

/* Sets of chains, and a beta for each chain. */
typedef struct signs {
    fmpnn_words chains[LISTS], betas[LISTS];
    size_t count;
} signs;

/* A chain named again has the beta that was given last. */
static const char *beta_of(const signs *s, const char *chain)
{
    const char *beta = "1.0";
    for (size_t k = 0; k < s->count; k++)
        for (size_t n = 0; n < s->chains[k].count; n++)
            if (!strcmp(s->chains[k].word[n], chain))
                beta = s->betas[k].word[n];
    return beta;
}

static void add_signed(fmpnn_helper *h, const fmpnn_structure *st, const void *what)
{
    const signs *s = what;
    fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
    size_t length = sorted_chains(st, chain) ? chain[0].length : 0, groups = 0;
    for (size_t k = 0; k < s->count; k++)
        for (size_t m = 1; m <= length; m++) {
            fmpnn_text_print(&h->out, "%s{", groups++ ? ", " : "");
            for (size_t n = 0; n < s->chains[k].count; n++) {
                char text[32];
                double beta = 1;
                fmpnn_parse_double(beta_of(s, s->chains[k].word[n]), &beta);
                fmpnn_format_double(beta, text);
                fmpnn_text_print(&h->out, "%s", n ? ", " : "");
                fmpnn_json_add_text(&h->out, s->chains[k].word[n]);
                fmpnn_text_print(&h->out, ": [[%zu], [%s]]", m, text);
            }
            fmpnn_text_print(&h->out, "}");
        }
}

static fmpnn_status read_signs(fmpnn_helper *h, signs *s)
{
    const fmpnn_helper_options *o = h->options;
    size_t lists = 1, betas;
    double value;
    if (!o->pos_neg_chain_list || !*o->pos_neg_chain_list)
        return fmpnn_fail(h->err, FMPNN_EINVAL,
                          "--homooligomer 1 needs --pos_neg_chain_list and "
                          "--pos_neg_chain_betas");
    for (size_t k = 0; k < lists && k < LISTS; k++) {
        if (!fmpnn_words_split(&s->chains[k], o->pos_neg_chain_list, k, &lists) ||
            !fmpnn_words_split(&s->betas[k], o->pos_neg_chain_betas, k, &betas))
            return fmpnn_fail_memory(h->err, "reading arguments");
        s->count = k + 1;
        if (s->betas[k].count != s->chains[k].count)
            return fmpnn_fail(
                h->err, FMPNN_EINVAL,
                "--pos_neg_chain_betas: list %zu has %zu betas for %zu chains", k + 1,
                s->betas[k].count, s->chains[k].count);
        for (size_t n = 0; n < s->betas[k].count; n++)
            if (!fmpnn_parse_double(s->betas[k].word[n], &value))
                return fmpnn_fail(h->err, FMPNN_EINVAL,
                                  "--pos_neg_chain_betas: '%s' is no number",
                                  s->betas[k].word[n]);
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_helper_pos_neg(fmpnn_helper *h)
{
    signs s = {0};
    if (!h->options->homooligomer)
        return tie_listed(h);
    fmpnn_status status = read_signs(h, &s);
    if (!status)
        each_structure(h, add_signed, &s);
    for (size_t k = 0; k < LISTS; k++) {
        fmpnn_words_clear(&s.betas[k]);
        fmpnn_words_clear(&s.chains[k]);
    }
    return status;
}
