/* Tied positions: groups in the order written, everything else a group of its own. */
#include "compat/entry.h"

#include <string.h>

/* Groups so far: entry->start[0 .. groups], entry->member; `taken` [L]. */
typedef struct tying {
    const fmpnn_entry_maker *m;
    uint8_t *taken;
    uint32_t filled;
} tying;

static fmpnn_status add_member(tying *t, const fmpnn_entry_chain *chain,
                               const json_t *ordinal, double beta)
{
    fmpnn_entry *e = t->m->entry;
    size_t at;
    fmpnn_status status = fmpnn_entry_position(t->m, chain, ordinal, &at);
    if (status)
        return status;
    if (t->taken[at])
        return fmpnn_entry_refuse(t->m, chain->name,
                                  "position %zu is tied twice; groups may not overlap",
                                  at - chain->start + 1);
    t->taken[at] = 1;
    e->beta[at] = (double)(float)beta;
    e->member[t->filled++] = (uint32_t)at;
    return FMPNN_OK;
}

/* [1, 2], or [[1, 2], [1.0, -0.5]] with betas. */
static fmpnn_status add_chain(tying *t, const char *name, const json_t *places)
{
    const fmpnn_entry_chain *chain = fmpnn_entry_find_chain(t->m->entry, name);
    const json_t *betas = NULL;
    if (!json_is_array(places))
        return fmpnn_entry_refuse(t->m, name, "expected a list of positions");
    if (!chain)
        return fmpnn_entry_refuse(t->m, name, "the structure has no such chain");
    if (json_is_array(json_array_get(places, 0))) {
        betas = json_array_get(places, 1);
        places = json_array_get(places, 0);
        if (json_array_size(betas) != json_array_size(places))
            return fmpnn_entry_refuse(t->m, name, "%zu betas for %zu positions",
                                      json_array_size(betas), json_array_size(places));
    }
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < json_array_size(places) && !status; n++) {
        const json_t *beta = json_array_get(betas, n);
        if (betas && !json_is_number(beta))
            return fmpnn_entry_refuse(t->m, name, "a beta is no number");
        status = add_member(t, chain, json_array_get(places, n),
                            betas ? json_number_value(beta) : 1);
    }
    return status;
}

static fmpnn_status add_group(tying *t, const json_t *group)
{
    fmpnn_entry *e = t->m->entry;
    const char *name;
    json_t *places;
    fmpnn_status status = FMPNN_OK;
    if (!json_is_object(group))
        return fmpnn_entry_refuse(t->m, NULL,
                                  "expected groups {\"CHAIN\": [positions], ...}");
    json_object_foreach((json_t *)group, name, places)
    {
        if (!status)
            status = add_chain(t, name, places);
    }
    if (t->filled > e->start[e->rules.groups])
        e->start[++e->rules.groups] = t->filled;
    return status;
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
    const json_t *list = NULL;
    tying t = {.m = m};
    fmpnn_status status = FMPNN_OK;
    for (size_t i = 0; i < e->L; i++)
        e->beta[i] = 1;
    t.taken = fmpnn_alloc_zero(e->L, 1);
    if (!t.taken)
        return fmpnn_fail_memory(m->err, "tying positions");
    e->tied = m->settings->dictionary[FMPNN_DICTIONARY_TIED].value != NULL;
    if (e->tied)
        status = fmpnn_entry_lookup(m, FMPNN_DICTIONARY_TIED, &list);
    if (!status && e->tied && !json_is_array(list))
        status = fmpnn_entry_refuse(m, NULL, "expected a list of groups");
    for (size_t n = 0; n < json_array_size(list) && !status; n++)
        status = add_group(&t, json_array_get(list, n));
    for (size_t i = 0; i < e->L && !status; i++)
        if (!t.taken[i]) {
            e->member[t.filled++] = (uint32_t)i;
            e->start[++e->rules.groups] = t.filled;
        }
    for (uint32_t g = 0; g < e->rules.groups && !status; g++)
        for (size_t k = e->start[g]; k < e->start[g + 1]; k++)
            e->group_of[e->member[k]] = g;
    if (!status)
        note_groups(m);
    fmpnn_release(t.taken);
    return status;
}
