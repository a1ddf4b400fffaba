#include "compat/entry.h"

#include <string.h>

enum { CHAINS = 128 };

void fmpnn_original_note(const fmpnn_original_listener *listener, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    if (!listener || !listener->note)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    listener->note(listener->user, text);
}

/* ---- helpers of the parts ---- */

fmpnn_status fmpnn_entry_refuse(const fmpnn_entry_maker *m, const char *chain,
                                const char *format, ...)
{
    char text[512], place[512] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (m->dictionary)
        snprintf(place, sizeof place, "%s:%zu: --%s: ", m->dictionary->path,
                 m->dictionary->line, m->dictionary->option);
    return fmpnn_fail(m->err, FMPNN_ESELECT, "%s%s%s%s: %s", place, m->entry->name,
                      chain ? ", chain " : "", chain ? chain : "", text);
}

fmpnn_status fmpnn_entry_lookup(fmpnn_entry_maker *m, fmpnn_dictionary_kind kind,
                                const json_t **value)
{
    m->dictionary = &m->settings->dictionary[kind];
    *value = json_object_get(m->dictionary->value, m->entry->name);
    if (!*value)
        return fmpnn_entry_refuse(m, NULL, "the dictionary has no such structure");
    return FMPNN_OK;
}

const fmpnn_entry_chain *fmpnn_entry_find_chain(const fmpnn_entry *entry, const char *name)
{
    for (size_t n = 0; n < entry->chains; n++)
        if (!strcmp(entry->chain[n].name, name))
            return &entry->chain[n];
    return NULL;
}

fmpnn_status fmpnn_entry_position(const fmpnn_entry_maker *m,
                                  const fmpnn_entry_chain *chain, const json_t *ordinal,
                                  size_t *position)
{
    int64_t at;
    if (!fmpnn_json_whole(ordinal, &at))
        return fmpnn_entry_refuse(m, chain->name, "expected a position, a whole number");
    if (at < 1 || (uint64_t)at > chain->length)
        return fmpnn_entry_refuse(m, chain->name, "position %lld, expected 1 to %zu",
                                  (long long)at, chain->length);
    *position = chain->start + (size_t)at - 1;
    return FMPNN_OK;
}

fmpnn_status fmpnn_entry_check_chains(const fmpnn_entry_maker *m, const json_t *value)
{
    const char *name;
    json_t *item;
    if (!json_is_object(value))
        return fmpnn_entry_refuse(m, NULL, "expected an object with chains as keys");
    json_object_foreach((json_t *)value, name, item)
    {
        if (!fmpnn_entry_find_chain(m->entry, name) &&
            (json_array_size(item) || json_object_size(item)))
            return fmpnn_entry_refuse(m, name, "the structure has no such chain");
    }
    for (size_t n = 0; n < m->entry->chains; n++)
        if (m->entry->chain[n].designed && !json_object_get(value, m->entry->chain[n].name))
            return fmpnn_entry_refuse(m, m->entry->chain[n].name,
                                      "a designed chain is not in the dictionary");
    return FMPNN_OK;
}

/* ---- the whole ---- */

static bool allocate(fmpnn_entry *e)
{
    size_t L = e->L, cells = L * FMPNN_LETTERS;
    e->in_designed_chain = fmpnn_alloc_zero(L, 1);
    e->unfixed = fmpnn_alloc(L, 1);
    e->designed = fmpnn_alloc_zero(L, 1);
    e->resolved = fmpnn_alloc_zero(L, 1);
    e->design_mask = fmpnn_alloc_zero(L, sizeof *e->design_mask);
    e->omit = fmpnn_alloc_zero(cells, 1);
    e->bias = fmpnn_alloc_zero(cells, sizeof *e->bias);
    e->start = fmpnn_alloc_zero(L + 1, sizeof *e->start);
    e->member = fmpnn_alloc_zero(L, sizeof *e->member);
    e->group_of = fmpnn_alloc_zero(L, sizeof *e->group_of);
    e->beta = fmpnn_alloc_zero(L, sizeof *e->beta);
    e->chain = fmpnn_alloc_zero(CHAINS, sizeof *e->chain);
    return e->in_designed_chain && e->unfixed && e->designed && e->resolved &&
           e->design_mask && e->omit && e->bias && e->start && e->member && e->group_of &&
           e->beta && e->chain;
}

static void find_chains(fmpnn_entry *e, const fmpnn_structure *st,
                        const char *const *designed, size_t count)
{
    for (size_t i = 0; i < e->L; i++) {
        const char *name = st->residue[e->inputs->residue_of[i]].chain;
        fmpnn_entry_chain *last = e->chains ? &e->chain[e->chains - 1] : NULL;
        if (!last || strcmp(last->name, name) != 0) {
            last = &e->chain[e->chains++];
            memcpy(last->name, name, sizeof last->name);
            last->start = i;
            for (size_t n = 0; n < count; n++)
                last->designed = last->designed || !strcmp(designed[n], name);
        }
        last->length++;
        e->in_designed_chain[i] = last->designed;
    }
}

static void finish(fmpnn_entry *e)
{
    for (size_t i = 0; i < e->L; i++) {
        e->resolved[i] = e->inputs->mask[i] != 0;
        e->designed[i] = e->in_designed_chain[i] && e->unfixed[i] && e->resolved[i];
        e->design_mask[i] = e->designed[i];
    }
    e->rules.L = e->L;
    e->rules.native = e->inputs->native;
    e->rules.resolved = e->resolved;
    e->rules.designed = e->designed;
    e->rules.omit = e->omit;
    e->rules.bias = e->bias;
    e->rules.omit_last = e->omit_last;
    e->rules.start = e->start;
    e->rules.member = e->member;
    e->rules.group_of = e->group_of;
    e->rules.weight = e->beta;
}

/* May a letter be drawn at position i? `cell` is its place in arrays [L][21]. */
static bool letter_left(const fmpnn_rules *rules, size_t i, size_t cell)
{
    bool mixed_in = rules->pssm_bias && rules->pssm_bias[cell] > 0 &&
                    rules->pssm_multi * rules->pssm_coef[i] != 0;
    return (!rules->omit[cell] || mixed_in) &&
           !(rules->omit_last && rules->omit_last[cell]);
}

/* Some letter must be left wherever one is drawn. */
static fmpnn_status check_letters(const fmpnn_entry_maker *m)
{
    const fmpnn_entry *e = m->entry;
    for (size_t n = 0; n < e->chains; n++)
        for (size_t i = e->chain[n].start; i < e->chain[n].start + e->chain[n].length;
             i++) {
            bool left = !e->designed[i];
            for (size_t a = 0; a < FMPNN_LETTERS && !left; a++)
                left = letter_left(&e->rules, i, i * FMPNN_LETTERS + a);
            if (!left)
                return fmpnn_fail(m->err, FMPNN_ESELECT,
                                  "%s, chain %s, position %zu: every letter is omitted "
                                  "(--omit_AAs, --omit_AA_jsonl)",
                                  e->name, e->chain[n].name, i - e->chain[n].start + 1);
        }
    return FMPNN_OK;
}

static void note_entry(const fmpnn_entry_maker *m)
{
    const fmpnn_entry *e = m->entry;
    if (!m->notes)
        return;
    if (!memchr(e->designed, 1, e->L))
        fmpnn_original_note(
            m->settings->listener,
            "%s: nothing is designed; scores over designed residues are nan", e->name);
}

fmpnn_status fmpnn_entry_init(fmpnn_entry *entry, const fmpnn_structure *st,
                              const fmpnn_entry_settings *settings, bool notes,
                              fmpnn_error *err)
{
    const char *designed[CHAINS], *none[] = {""};
    size_t count = 0;
    fmpnn_structure *kept = NULL;
    *entry = (fmpnn_entry){.name = st->name};
    fmpnn_entry_maker m = {entry, settings, NULL, notes, err};
    fmpnn_status status = fmpnn_entry_chains(&m, st, &kept, designed, &count);
    m.dictionary = NULL;
    if (!status) /* an empty list would mean all chains */
        status = fmpnn_inputs_create(kept, count ? designed : none, count ? count : 1,
                                     settings->options->ca_only, &entry->inputs, err);
    if (status)
        goto done;
    entry->L = entry->inputs->L;
    if (!allocate(entry)) {
        status = fmpnn_fail_memory(err, "preparing a structure");
        goto done;
    }
    find_chains(entry, kept, designed, count);
    memset(entry->unfixed, 1, entry->L);
    status = fmpnn_entry_fixed(&m);
    finish(entry);
    if (!status)
        status = fmpnn_entry_rules(&m);
    if (!status)
        status = fmpnn_entry_pssm(&m);
    if (!status)
        status = fmpnn_entry_ties(&m);
    if (!status) {
        finish(entry);
        status = check_letters(&m);
    }
    if (!status)
        note_entry(&m);
done:
    if (status)
        fmpnn_entry_clear(entry);
    fmpnn_structure_free(kept);
    return status;
}

void fmpnn_entry_clear(fmpnn_entry *e)
{
    fmpnn_release(e->beta);
    fmpnn_release(e->group_of);
    fmpnn_release(e->member);
    fmpnn_release(e->start);
    fmpnn_release(e->pssm_bias);
    fmpnn_release(e->pssm_coef);
    fmpnn_release(e->bias);
    fmpnn_release(e->pssm_allowed);
    fmpnn_release(e->omit_last);
    fmpnn_release(e->omit);
    fmpnn_release(e->design_mask);
    fmpnn_release(e->resolved);
    fmpnn_release(e->designed);
    fmpnn_release(e->unfixed);
    fmpnn_release(e->in_designed_chain);
    fmpnn_release(e->chain);
    fmpnn_inputs_free(e->inputs);
    *e = (fmpnn_entry){0};
}
