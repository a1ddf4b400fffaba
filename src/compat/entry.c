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

/* ---- the whole ---- */

static bool allocate(fmpnn_entry *e)
{
    size_t L = e->L, cells = L * FMPNN_LETTERS;
    e->in_designed_chain = fmpnn_alloc_zero(L, 1);
    e->fixed = fmpnn_alloc_zero(L, 1);
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
    return e->in_designed_chain && e->fixed && e->designed && e->resolved &&
           e->design_mask && e->omit && e->bias && e->start && e->member && e->group_of &&
           e->beta && e->chain;
}

static void find_chains(fmpnn_entry *e, const fmpnn_structure *st,
                        const char *const *designed, size_t count)
{
    for (size_t i = 0; i < e->L; i++) {
        const char *name = st->residue[e->inputs->residue_of[i]].chain;
        fmpnn_ordinal_chain *last = e->chains ? &e->chain[e->chains - 1] : NULL;
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
        e->designed[i] = e->in_designed_chain[i] && !e->fixed[i] && e->resolved[i];
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
                return fmpnn_fail(m->reader.err, FMPNN_ESELECT,
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
    fmpnn_entry_maker m = {entry, settings, {.structure = st->name, .err = err}, notes};
    fmpnn_status status = fmpnn_entry_chains(&m, st, &kept, designed, &count);
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
    m.reader.chain = entry->chain;
    m.reader.chains = entry->chains;
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
    fmpnn_release(e->fixed);
    fmpnn_release(e->in_designed_chain);
    fmpnn_release(e->chain);
    fmpnn_inputs_free(e->inputs);
    *e = (fmpnn_entry){0};
}
