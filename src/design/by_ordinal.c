/* Dictionaries of the published program in a job of this one: what they say by ordinal becomes
 * the same arrays that --chains, --fix, --omit, --bias, --tie and --pssm fill.
 *
 * Ordinals count as the published program would read the structure, whatever the reading of the
 * job (structure/ordinals.c). One that has no residue here stands for a missing one: it is
 * passed over, but in a tied group, which is said. */
#include "design/resolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNTIED = -1 };

static const fmpnn_dictionary *item(const fmpnn_resolver *r, fmpnn_dictionary_kind kind)
{
    static const fmpnn_dictionary none;
    return r->settings->dictionaries ? &r->settings->dictionaries->item[kind] : &none;
}

static void set_option(const fmpnn_dictionary *d, char option[40])
{
    snprintf(option, 40, "--%s", d->option ? d->option : "");
    for (char *c = option; *c; c++)
        *c = *c == '_' ? '-' : *c;
}

/* ---- chains and places ---- */

static fmpnn_status list_chains(fmpnn_resolver *r)
{
    const fmpnn_structure *st = r->job->st;
    size_t places = 0;
    bool by_position = false;
    for (int kind = 0; kind < FMPNN_DICTIONARIES; kind++)
        by_position = by_position || (kind != FMPNN_DICTIONARY_BIAS &&
                                      r->settings->dictionaries->item[kind].value);
    if (st->no_ordinals && by_position)
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: positions of dictionaries mean nothing, since the published "
                          "program cannot read this file: %.400s",
                          st->name, st->no_ordinals);
    r->ordinal_chain = fmpnn_alloc_zero(st->ordinal_chains + 1, sizeof *r->ordinal_chain);
    if (!r->ordinal_chain)
        return fmpnn_fail_memory(r->err, "reading dictionaries");
    for (size_t n = 0; n < st->ordinal_chains; n++) {
        fmpnn_ordinal_chain *chain = &r->ordinal_chain[n];
        memcpy(chain->name, st->ordinals[n].chain, sizeof chain->name);
        chain->start = places;
        chain->length = st->ordinals[n].length;
        places += chain->length;
    }
    r->ordinal_position = fmpnn_alloc(places + 1, sizeof *r->ordinal_position);
    if (!r->ordinal_position)
        return fmpnn_fail_memory(r->err, "reading dictionaries");
    for (size_t n = 0; n < places; n++)
        r->ordinal_position[n] = FMPNN_NOWHERE;
    r->reader = (fmpnn_dictionary_reader){.structure = st->name,
                                          .chain = r->ordinal_chain,
                                          .chains = st->ordinal_chains,
                                          .position = r->ordinal_position,
                                          .err = r->err};
    return FMPNN_OK;
}

static fmpnn_ordinal_chain *find_chain(fmpnn_resolver *r, const char *name)
{
    for (size_t n = 0; n < r->reader.chains; n++)
        if (!strcmp(r->ordinal_chain[n].name, name))
            return &r->ordinal_chain[n];
    return NULL;
}

/* The parts that the dictionary gives to chains, by their number in the list. */
typedef struct roles {
    const fmpnn_dictionary_reader *reader;
    uint8_t *role; /* 0: unsaid */
} roles;

enum { UNSAID = 0, DESIGNED = 1, CONTEXT = 2 };

static fmpnn_status assign(void *user, const char *name, bool designed)
{
    roles *known = user;
    const fmpnn_ordinal_chain *chain = fmpnn_dictionary_chain(known->reader, name);
    uint8_t *role = &known->role[chain - known->reader->chain];
    if (*role != UNSAID)
        return fmpnn_dictionary_refuse(known->reader, name,
                                       "named twice; a chain is either designed or fixed");
    *role = designed ? DESIGNED : CONTEXT;
    return FMPNN_OK;
}

/* Chains that no list names stay in the context, as with --chains. */
static void apply_roles(fmpnn_resolver *r, const uint8_t *role, const char *option,
                        uint8_t *in_chain)
{
    const fmpnn_structure *st = r->job->st;
    for (size_t i = 0; i < st->length; i++) {
        const fmpnn_ordinal_chain *chain = find_chain(r, st->residue[i].chain);
        uint8_t part = chain ? role[chain - r->ordinal_chain] : UNSAID;
        in_chain[i] = part == DESIGNED;
        if (part == UNSAID &&
            (!i || st->residue[i].chain_id != st->residue[i - 1].chain_id))
            fmpnn_note(&r->notes, "chain-unlisted",
                       "%s: chain %s is in neither list; it is context (--drop chain:%s "
                       "leaves it out)",
                       option, st->residue[i].chain, st->residue[i].chain);
    }
}

fmpnn_status fmpnn_resolve_dictionaries(fmpnn_resolver *r, uint8_t *in_chain)
{
    const fmpnn_dictionary *d = item(r, FMPNN_DICTIONARY_CHAIN_ID);
    const fmpnn_dictionaries *all = r->settings->dictionaries;
    char option[40];
    if (!all)
        return FMPNN_OK;
    fmpnn_status status = list_chains(r);
    for (int kind = 0; kind < FMPNN_DICTIONARIES && !status; kind++)
        if (kind != FMPNN_DICTIONARY_PSSM && all->item[kind].lines > 1) {
            set_option(&all->item[kind], option);
            fmpnn_note(&r->notes, "dictionary-lines",
                       "%s: %s has %zu lines; the last one counts", option,
                       all->item[kind].path, all->item[kind].lines);
        }
    if (status || !d->value)
        return status;
    set_option(d, option);
    if (!fmpnn_items_none(r->settings->chains))
        return fmpnn_fail(r->err, FMPNN_EINVAL, "--chains and %s exclude each other",
                          option);
    roles known = {&r->reader, fmpnn_alloc_zero(r->reader.chains + 1, 1)};
    if (!known.role)
        return fmpnn_fail_memory(r->err, "reading dictionaries");
    status = fmpnn_dictionary_chains(&r->reader, d, assign, &known);
    if (!status)
        apply_roles(r, known.role, option, in_chain);
    fmpnn_release(known.role);
    return status;
}

fmpnn_status fmpnn_resolve_fixed(fmpnn_resolver *r, uint8_t *fixed)
{
    const fmpnn_job *job = r->job;
    if (!r->settings->dictionaries)
        return FMPNN_OK;
    for (size_t i = 0; i < job->inputs->L; i++) {
        const fmpnn_residue *residue = &job->st->residue[job->inputs->residue_of[i]];
        fmpnn_ordinal_chain *chain = find_chain(r, residue->chain);
        if (!chain || !residue->ordinal)
            continue;
        chain->designed = chain->designed || job->in_designed_chain[i];
        /* a placeholder keeps its place in the original reading, where it is never designed */
        r->ordinal_position[chain->start + (size_t)residue->ordinal - 1] = (uint32_t)i;
    }
    return fmpnn_dictionary_fixed(&r->reader, item(r, FMPNN_DICTIONARY_FIXED), fixed);
}

/* ---- letters ---- */

static void note_unknown(void *user, const char *key)
{
    fmpnn_resolver *r = user;
    char option[40];
    set_option(item(r, FMPNN_DICTIONARY_BIAS), option);
    fmpnn_note(&r->notes, "bias-unused", "%s: %.20s is no amino acid, not used", option,
               key);
}

fmpnn_status fmpnn_resolve_letters(fmpnn_resolver *r)
{
    double everywhere[FMPNN_LETTERS];
    size_t cells = r->job->inputs->L * FMPNN_LETTERS;
    if (!r->settings->dictionaries)
        return FMPNN_OK;
    fmpnn_status status =
        fmpnn_dictionary_omit(&r->reader, item(r, FMPNN_DICTIONARY_OMIT), r->omit);
    if (status || !r->bias)
        return status;
    status = fmpnn_dictionary_letters(item(r, FMPNN_DICTIONARY_BIAS), everywhere,
                                      note_unknown, r, r->err);
    for (size_t n = 0; n < cells && !status; n++)
        r->bias[n] += everywhere[n % FMPNN_LETTERS];
    return status ? status
                  : fmpnn_dictionary_bias(&r->reader, item(r, FMPNN_DICTIONARY_BIAS_BY_RES),
                                          r->bias);
}

bool fmpnn_resolver_biased(const fmpnn_resolver *r)
{
    return !fmpnn_items_none(r->settings->bias) || item(r, FMPNN_DICTIONARY_BIAS)->value ||
           item(r, FMPNN_DICTIONARY_BIAS_BY_RES)->value;
}

/* ---- ties ---- */

typedef struct tying {
    fmpnn_resolver *r;
    uint32_t rank;
    size_t group;   /* the one being read */
    size_t missing; /* ordinals without a residue */
} tying;

static void add_member(void *user, size_t group, uint32_t position, double beta)
{
    tying *t = user;
    fmpnn_job *job = t->r->job;
    if (group != t->group)
        t->rank = 0;
    t->group = group;
    if (position == FMPNN_NOWHERE) {
        t->missing++;
        return;
    }
    job->tie_group[position] = (int32_t)group;
    job->tie_weight[position] = beta;
    t->r->tie_rank[position] = t->rank++;
}

/* Groups that are left with one member, or none, are none: those that stay are numbered anew, so
 * that there are fewer than positions. */
static fmpnn_status untie_single(fmpnn_job *job, size_t groups, int32_t *kept,
                                 fmpnn_error *err)
{
    uint32_t *size = fmpnn_alloc_zero(groups + 1, sizeof *size);
    int32_t *number = fmpnn_alloc(groups + 1, sizeof *number);
    *kept = 0;
    for (size_t i = 0; size && number && i < job->inputs->L; i++)
        if (job->tie_group[i] >= 0)
            size[job->tie_group[i]]++;
    for (size_t g = 0; size && number && g < groups; g++)
        number[g] = size[g] > 1 ? (*kept)++ : UNTIED;
    for (size_t i = 0; size && number && i < job->inputs->L; i++)
        if (job->tie_group[i] >= 0) {
            job->tie_group[i] = number[job->tie_group[i]];
            job->tie_weight[i] = job->tie_group[i] == UNTIED ? 1 : job->tie_weight[i];
        }
    fmpnn_status status =
        size && number ? FMPNN_OK : fmpnn_fail_memory(err, "tying positions");
    fmpnn_release(number);
    fmpnn_release(size);
    return status;
}

fmpnn_status fmpnn_resolve_tied(fmpnn_resolver *r, int32_t *groups)
{
    const fmpnn_dictionary *d = item(r, FMPNN_DICTIONARY_TIED);
    tying t = {.r = r};
    size_t count = 0;
    char option[40];
    *groups = 0;
    fmpnn_status status = fmpnn_dictionary_ties(&r->reader, d, add_member, &t, &count);
    if (status || !count)
        return status;
    set_option(d, option);
    if (t.missing)
        fmpnn_note(&r->notes, "tie-missing", "%s: %zu positions have no residue here",
                   option, t.missing);
    return untie_single(r->job, count, groups, r->err);
}

/* ---- PSSM ---- */

static fmpnn_status take_row(const fmpnn_dictionary_reader *reader, void *user,
                             const fmpnn_pssm_row *row)
{
    fmpnn_job *job = user;
    double sum = 0;
    bool good = row->coef >= 0 && row->coef <= 1;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        good = good && row->bias[a] >= 0 && isfinite(row->bias[a]);
        sum += (double)row->bias[a];
    }
    if (!good || (row->coef > 0 && !(sum > 0 && sum < 1e30)))
        return fmpnn_dictionary_refuse(reader, row->chain->name,
                                       "position %zu: expected pssm_coef within 0 to 1 and "
                                       "in pssm_bias probabilities that do not sum to 0",
                                       row->ordinal);
    if (row->position == FMPNN_NOWHERE)
        return FMPNN_OK;
    job->pssm_coef[row->position] = (double)row->coef;
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        job->pssm_bias[row->position * (size_t)FMPNN_LETTERS + a] = (double)row->bias[a];
    return FMPNN_OK;
}

fmpnn_status fmpnn_resolve_pssm_rows(fmpnn_resolver *r)
{
    return fmpnn_dictionary_pssm(&r->reader, item(r, FMPNN_DICTIONARY_PSSM), take_row,
                                 r->job);
}
