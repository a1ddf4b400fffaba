/* Dictionaries of tied positions: groups in the order written, no position in two of them. */
#include "design/dictionaries.h"

#include <math.h>

typedef struct tying {
    const fmpnn_dictionary_reader *r;
    fmpnn_dictionary_take_member *take;
    void *user;
    uint8_t *taken; /* by place */
    size_t group;
} tying;

/* [1, 2], or [[1, 2], [1.0, -0.5]] with betas. */
static fmpnn_status add_chain(tying *t, const char *name, const json_t *ordinals)
{
    const fmpnn_ordinal_chain *chain = fmpnn_dictionary_chain(t->r, name);
    const json_t *betas = NULL;
    if (!json_is_array(ordinals))
        return fmpnn_dictionary_refuse(t->r, name, "expected a list of positions");
    if (!chain)
        return fmpnn_dictionary_refuse(t->r, name, "the structure has no such chain");
    if (json_is_array(json_array_get(ordinals, 0))) {
        betas = json_array_get(ordinals, 1);
        ordinals = json_array_get(ordinals, 0);
        if (json_array_size(betas) != json_array_size(ordinals))
            return fmpnn_dictionary_refuse(t->r, name, "%zu betas for %zu positions",
                                           json_array_size(betas),
                                           json_array_size(ordinals));
    }
    for (size_t n = 0; n < json_array_size(ordinals); n++) {
        const json_t *beta = json_array_get(betas, n);
        uint32_t position;
        size_t place;
        if (betas && !json_is_number(beta))
            return fmpnn_dictionary_refuse(t->r, name, "a beta is no number");
        fmpnn_status status = fmpnn_dictionary_position(
            t->r, chain, json_array_get(ordinals, n), &position, &place);
        if (status)
            return status;
        if (t->taken[place])
            return fmpnn_dictionary_refuse(
                t->r, name, "position %zu is tied twice; groups may not overlap",
                place - chain->start + 1);
        t->taken[place] = 1;
        t->take(t->user, t->group, position,
                betas ? (double)(float)json_number_value(beta) : 1);
    }
    return FMPNN_OK;
}

static fmpnn_status add_group(tying *t, const json_t *group)
{
    const char *name;
    json_t *ordinals;
    fmpnn_status status = FMPNN_OK;
    if (!json_is_object(group))
        return fmpnn_dictionary_refuse(t->r, NULL,
                                       "expected groups {\"CHAIN\": [positions], ...}");
    json_object_foreach((json_t *)group, name, ordinals)
    {
        if (!status)
            status = add_chain(t, name, ordinals);
    }
    t->group++;
    return status;
}

fmpnn_status fmpnn_dictionary_ties(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary,
                                   fmpnn_dictionary_take_member *take, void *user,
                                   size_t *groups)
{
    const json_t *list;
    tying t = {.r = r, .take = take, .user = user};
    size_t places = 0;
    *groups = 0;
    if (!dictionary->value)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_dictionary_open(r, dictionary, &list);
    if (status)
        return status;
    if (!json_is_array(list))
        return fmpnn_dictionary_refuse(r, NULL, "expected a list of groups");
    for (size_t n = 0; n < r->chains; n++)
        places += r->chain[n].length;
    t.taken = fmpnn_alloc_zero(places + 1, 1);
    if (!t.taken)
        return fmpnn_fail_memory(r->err, "tying positions");
    for (size_t n = 0; n < json_array_size(list) && !status; n++)
        status = add_group(&t, json_array_get(list, n));
    *groups = t.group;
    fmpnn_release(t.taken);
    return status;
}
