/* assign_fixed_chains and make_fixed_positions_dict. */
#include "compat/helpers.h"

#include <string.h>

static const char *const USUAL_CHAIN = "A"; /* designed if no chain is listed */

static void begin(fmpnn_helper *h, size_t n)
{
    fmpnn_text_print(&h->out, "%s", n ? ", " : "{");
    fmpnn_json_add_text(&h->out, h->structures.item[n]->name);
    fmpnn_text_print(&h->out, ": ");
}

static void end(fmpnn_helper *h)
{
    fmpnn_text_print(&h->out, h->structures.count ? "}\n" : "{}\n");
}

static bool is_word(const fmpnn_words *words, char name, size_t *at)
{
    for (*at = 0; *at < words->count; ++*at)
        if (words->word[*at][0] == name && !words->word[*at][1])
            return true;
    return false;
}

fmpnn_status fmpnn_helper_assign(fmpnn_helper *h)
{
    fmpnn_words designed;
    size_t lists, at;
    const char *list = h->options->chain_list;
    if (!list || !list[strspn(list, " \t")])
        list = USUAL_CHAIN;
    if (!fmpnn_words_split(&designed, list, 0, &lists))
        return fmpnn_fail_memory(h->err, "reading arguments");
    for (size_t n = 0; n < h->structures.count; n++) {
        fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
        size_t chains = fmpnn_helper_chains(h->structures.item[n], chain), fixed = 0;
        begin(h, n);
        fmpnn_text_print(&h->out, "[[");
        for (size_t k = 0; k < designed.count; k++) {
            fmpnn_text_print(&h->out, "%s", k ? ", " : "");
            fmpnn_json_add_text(&h->out, designed.word[k]);
        }
        fmpnn_text_print(&h->out, "], [");
        for (size_t c = 0; c < chains; c++)
            if (!is_word(&designed, chain[c].name, &at))
                fmpnn_text_print(&h->out, "%s\"%c\"", fixed++ ? ", " : "", chain[c].name);
        fmpnn_text_print(&h->out, "]]");
    }
    end(h);
    fmpnn_words_clear(&designed);
    return FMPNN_OK;
}

/* ---- fixed positions ---- */

enum { LISTS = FMPNN_HELPER_CHAINS };

typedef struct fixing {
    fmpnn_words chains, position[LISTS]; /* one list for each chain */
} fixing;

static bool lists(const fmpnn_words *words, size_t position)
{
    int64_t number;
    for (size_t n = 0; n < words->count; n++)
        if (fmpnn_parse_int(words->word[n], &number) && number == (int64_t)position)
            return true;
    return false;
}

/* "A": [1, 2]: the list, or with a length all positions of 1 .. length that it lacks. */
static void add_positions(fmpnn_text *out, const char *chain, const fmpnn_words *list,
                          size_t length, bool first)
{
    size_t count = 0;
    fmpnn_text_print(out, "%s", first ? "" : ", ");
    fmpnn_json_add_text(out, chain);
    fmpnn_text_print(out, ": [");
    for (size_t n = 0; n < list->count && !length; n++) {
        int64_t number = 0;
        fmpnn_parse_int(list->word[n], &number);
        fmpnn_text_print(out, "%s%lld", n ? ", " : "", (long long)number);
    }
    for (size_t at = 1; at <= length; at++)
        if (!lists(list, at))
            fmpnn_text_print(out, "%s%zu", count++ ? ", " : "", at);
    fmpnn_text_print(out, "]");
}

static void fix_structure(fmpnn_helper *h, const fixing *f, const fmpnn_structure *st)
{
    static const fmpnn_words none = {0};
    fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS];
    size_t chains = fmpnn_helper_chains(st, chain), count = 0, at;
    bool inverse = h->options->specify_non_fixed;
    for (size_t k = 0; k < f->chains.count && !inverse; k++)
        add_positions(&h->out, f->chains.word[k], &f->position[k], 0, !count++);
    for (size_t c = 0; c < chains; c++) {
        char name[2] = {chain[c].name};
        bool listed = is_word(&f->chains, chain[c].name, &at);
        if (inverse)
            add_positions(&h->out, name, listed ? &f->position[at] : &none, chain[c].length,
                          !count++);
        else if (!listed)
            add_positions(&h->out, name, &none, 0, !count++);
    }
}

static fmpnn_status read_fixing(fmpnn_helper *h, fixing *f)
{
    const fmpnn_helper_options *o = h->options;
    size_t one, count = 0;
    fmpnn_status status = FMPNN_OK;
    if (!fmpnn_words_split(&f->chains, o->chain_list, 0, &one))
        return fmpnn_fail_memory(h->err, "reading arguments");
    if (f->chains.count > LISTS)
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--chain_list: more than %d chains", LISTS);
    for (size_t k = 0; k < f->chains.count && !status; k++) {
        if (!fmpnn_words_split(&f->position[k], o->position_list, k, &count))
            return fmpnn_fail_memory(h->err, "reading arguments");
        status = fmpnn_words_check_whole(&f->position[k], "position_list", h->err);
        if (!status && k >= count)
            status = fmpnn_fail(h->err, FMPNN_EINVAL,
                                "--position_list has %zu lists, --chain_list %zu chains",
                                count, f->chains.count);
    }
    return status;
}

fmpnn_status fmpnn_helper_fixed(fmpnn_helper *h)
{
    fixing f = {0};
    fmpnn_status status = read_fixing(h, &f);
    for (size_t n = 0; n < h->structures.count && !status; n++) {
        begin(h, n);
        fmpnn_text_print(&h->out, "{");
        fix_structure(h, &f, h->structures.item[n]);
        fmpnn_text_print(&h->out, "}");
    }
    if (!status)
        end(h);
    for (size_t k = 0; k < LISTS; k++)
        fmpnn_words_clear(&f.position[k]);
    fmpnn_words_clear(&f.chains);
    return status;
}
