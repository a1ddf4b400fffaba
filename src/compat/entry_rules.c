/* What the dictionaries make of an entry: fixed positions, letters, PSSM, tied groups. */
#include "compat/entry.h"

#include <math.h>
#include <string.h>

static const float ODDS_OF_NOTHING_SAID = 10000;

static const fmpnn_dictionary *dictionary(const fmpnn_entry_maker *m,
                                          fmpnn_dictionary_kind kind)
{
    return &m->settings->dictionaries->item[kind];
}

/* ---- the same for all structures ---- */

static void note_unknown(void *user, const char *key)
{
    const fmpnn_entry_settings *settings = user;
    const fmpnn_dictionary *d = &settings->dictionaries->item[FMPNN_DICTIONARY_BIAS];
    fmpnn_original_note(settings->listener, "%s:%zu: %s is no amino acid, not used",
                        d->path, d->line, key);
}

fmpnn_status fmpnn_entry_letters(fmpnn_entry_settings *settings, fmpnn_error *err)
{
    const char *omitted = settings->options->omit_AAs;
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        settings->omit[a] = omitted && strchr(omitted, fmpnn_alphabet()[a]);
    return fmpnn_dictionary_letters(&settings->dictionaries->item[FMPNN_DICTIONARY_BIAS],
                                    settings->bias, note_unknown, settings, err);
}

/* ---- by position ---- */

fmpnn_status fmpnn_entry_fixed(fmpnn_entry_maker *m)
{
    return fmpnn_dictionary_fixed(&m->reader, dictionary(m, FMPNN_DICTIONARY_FIXED),
                                  m->entry->fixed);
}

fmpnn_status fmpnn_entry_rules(fmpnn_entry_maker *m)
{
    fmpnn_entry *e = m->entry;
    for (size_t n = 0; n < e->L * FMPNN_LETTERS; n++) {
        e->omit[n] = m->settings->omit[n % FMPNN_LETTERS];
        e->bias[n] = m->settings->bias[n % FMPNN_LETTERS];
    }
    if (dictionary(m, FMPNN_DICTIONARY_OMIT)->value) {
        e->omit_last = fmpnn_alloc_zero(e->L, FMPNN_LETTERS);
        if (!e->omit_last)
            return fmpnn_fail_memory(m->reader.err, "preparing a structure");
    }
    fmpnn_status status = fmpnn_dictionary_omit(
        &m->reader, dictionary(m, FMPNN_DICTIONARY_OMIT), e->omit_last);
    if (status)
        return status;
    return fmpnn_dictionary_bias(&m->reader, dictionary(m, FMPNN_DICTIONARY_BIAS_BY_RES),
                                 e->bias);
}

/* ---- PSSM ---- */

/* Mixing in probabilities that are none would leave nothing to draw from. */
static fmpnn_status check_mixture(const fmpnn_dictionary_reader *r,
                                  const fmpnn_entry_maker *m, const fmpnn_pssm_row *row)
{
    double sum = 0;
    bool negative = false;
    if (!m->settings->options->pssm_bias_flag || !m->entry->designed[row->position] ||
        !(m->settings->options->pssm_multi * (double)row->coef != 0))
        return FMPNN_OK;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        sum += (double)row->bias[a];
        negative = negative || row->bias[a] < 0;
    }
    if (negative || !(sum > 0))
        return fmpnn_dictionary_refuse(
            r, row->chain->name, "position %zu: pssm_bias %s, expected probabilities",
            row->ordinal, negative ? "has a negative entry" : "sums to 0");
    return FMPNN_OK;
}

static fmpnn_status take_row(const fmpnn_dictionary_reader *r, void *user,
                             const fmpnn_pssm_row *row)
{
    const fmpnn_entry_maker *m = user;
    fmpnn_entry *e = m->entry;
    float threshold = (float)m->settings->options->pssm_threshold;
    e->pssm_coef[row->position] = (double)row->coef;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        e->pssm_bias[row->position * (size_t)FMPNN_LETTERS + a] = (double)row->bias[a];
        e->pssm_allowed[row->position * (size_t)FMPNN_LETTERS + a] =
            row->odds[a] > threshold;
    }
    return check_mixture(r, m, row);
}

fmpnn_status fmpnn_entry_pssm(fmpnn_entry_maker *m)
{
    fmpnn_entry *e = m->entry;
    const fmpnn_original_options *options = m->settings->options;
    size_t cells = e->L * FMPNN_LETTERS;
    bool odds_of_all = ODDS_OF_NOTHING_SAID > (float)options->pssm_threshold;
    if (!dictionary(m, FMPNN_DICTIONARY_PSSM)->value && !options->pssm_bias_flag &&
        !options->pssm_log_odds_flag)
        return FMPNN_OK;
    e->pssm_coef = fmpnn_alloc_zero(e->L, sizeof *e->pssm_coef);
    e->pssm_bias = fmpnn_alloc_zero(cells, sizeof *e->pssm_bias);
    e->pssm_allowed = fmpnn_alloc(cells, 1);
    if (!e->pssm_coef || !e->pssm_bias || !e->pssm_allowed)
        return fmpnn_fail_memory(m->reader.err, "preparing a structure");
    for (size_t n = 0; n < cells; n++)
        e->pssm_allowed[n] = odds_of_all;
    if (options->pssm_bias_flag) {
        e->rules.pssm_coef = e->pssm_coef;
        e->rules.pssm_bias = e->pssm_bias;
        e->rules.pssm_multi = options->pssm_multi;
    }
    if (options->pssm_log_odds_flag)
        e->rules.pssm_allowed = e->pssm_allowed;
    return fmpnn_dictionary_pssm(&m->reader, dictionary(m, FMPNN_DICTIONARY_PSSM), take_row,
                                 m);
}

/* ---- tied positions: groups in the order written, everything else a group of its own ---- */

typedef struct tying {
    fmpnn_entry *entry;
    uint32_t filled;
    size_t group; /* the one that is open */
} tying;

static void close_group(tying *t)
{
    fmpnn_entry *e = t->entry;
    if (t->filled > e->start[e->rules.groups])
        e->start[++e->rules.groups] = t->filled;
}

static void add_member(void *user, size_t group, uint32_t position, double beta)
{
    tying *t = user;
    if (group != t->group)
        close_group(t);
    t->group = group;
    t->entry->beta[position] = beta;
    t->entry->member[t->filled++] = position;
}

/* Where the published program does what few people want. */
static void note_groups(const fmpnn_entry_maker *m)
{
    const fmpnn_entry *e = m->entry;
    size_t masked = 0, mixed = 0;
    for (size_t g = 0; g < e->rules.groups; g++) {
        size_t designed = 0, resolved = 0, n = e->start[g + 1] - e->start[g];
        for (size_t k = e->start[g]; k < e->start[g + 1]; k++) {
            designed += e->designed[e->member[k]];
            resolved += e->resolved[e->member[k]];
        }
        masked += resolved && resolved < n;
        mixed += resolved == n && designed && designed < n;
    }
    if (m->notes && masked)
        fmpnn_original_note(m->settings->listener,
                            "%s: %zu tied groups hold a residue without coordinates; all "
                            "members get its letter, as in the published program",
                            e->name, masked);
    if (m->notes && mixed)
        fmpnn_original_note(
            m->settings->listener,
            "%s: %zu tied groups hold fixed and designed positions; the last "
            "member decides, as in the published program",
            e->name, mixed);
}

fmpnn_status fmpnn_entry_ties(fmpnn_entry_maker *m)
{
    fmpnn_entry *e = m->entry;
    tying t = {.entry = e};
    size_t groups;
    uint8_t *tied = fmpnn_alloc_zero(e->L, 1);
    if (!tied)
        return fmpnn_fail_memory(m->reader.err, "tying positions");
    for (size_t i = 0; i < e->L; i++)
        e->beta[i] = 1;
    e->tied = dictionary(m, FMPNN_DICTIONARY_TIED)->value != NULL;
    fmpnn_status status = fmpnn_dictionary_ties(
        &m->reader, dictionary(m, FMPNN_DICTIONARY_TIED), add_member, &t, &groups);
    close_group(&t);
    for (uint32_t n = 0; n < t.filled; n++)
        tied[e->member[n]] = 1;
    for (uint32_t i = 0; i < e->L && !status; i++)
        if (!tied[i]) {
            e->member[t.filled++] = i;
            close_group(&t);
        }
    for (uint32_t g = 0; g < e->rules.groups && !status; g++)
        for (size_t k = e->start[g]; k < e->start[g + 1]; k++)
            e->group_of[e->member[k]] = g;
    if (!status)
        note_groups(m);
    fmpnn_release(tied);
    return status;
}
