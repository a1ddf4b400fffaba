/* Tied positions of a case, from its options, compared with what is stored. */
#include "golden.h"

#include <string.h>

typedef struct tie_list {
    uint32_t *member, *start; /* [L], [n+1] */
    uint8_t *taken;           /* [L] */
    double *beta;             /* [L] */
    size_t n;
} tie_list;

static bool add_member(golden_case *c, golden_report *report, tie_list *ties,
                       const char *name, json_int_t at, double beta)
{
    const golden_chain *chain = golden_chain_named(c, name);
    if (!chain || at < 1 || (size_t)at > chain->length) {
        golden_problem(report, "tied: chain %s has no position %d", name, (int)at);
        return false;
    }
    size_t i = chain->start + (size_t)at - 1;
    if (ties->taken[i]) {
        golden_problem(report, "tied: position %d of chain %s is in two groups", (int)at,
                       name);
        return false;
    }
    ties->taken[i] = 1;
    ties->beta[i] = (double)(float)beta;
    ties->member[ties->start[ties->n + 1]++] = (uint32_t)i;
    return true;
}

/* {"A": [1], "B": [1]} or {"A": [[2], [1.0]], ...}, flattened in the order written. */
static bool add_group(golden_case *c, golden_report *report, tie_list *ties,
                      const json_t *group)
{
    const char *name;
    json_t *places;
    ties->start[ties->n + 1] = ties->start[ties->n];
    json_object_foreach((json_t *)group, name, places)
    {
        const json_t *betas = NULL, *list = places;
        if (json_is_array(json_array_get(places, 0))) {
            list = json_array_get(places, 0);
            betas = json_array_get(places, 1);
        }
        for (size_t k = 0; k < json_array_size(list); k++)
            if (!add_member(c, report, ties, name,
                            json_integer_value(json_array_get(list, k)),
                            betas ? json_number_value(json_array_get(betas, k)) : 1))
                return false;
    }
    ties->n += ties->start[ties->n + 1] > ties->start[ties->n];
    return true;
}

/* The shorthand: equal positions of the chains, as many as the first chain has. */
static bool add_homooligomer(golden_case *c, golden_report *report, tie_list *ties,
                             const json_t *tied)
{
    const json_t *chains = json_object_get(tied, "homooligomer");
    const json_t *beta = json_object_get(tied, "beta");
    const golden_chain *first =
        golden_chain_named(c, json_string_value(json_array_get(chains, 0)));
    for (size_t at = 1; first && at <= first->length; at++) {
        ties->start[ties->n + 1] = ties->start[ties->n];
        for (size_t n = 0; n < json_array_size(chains); n++) {
            const char *name = json_string_value(json_array_get(chains, n));
            double weight = beta ? json_number_value(json_object_get(beta, name)) : 1;
            if (!add_member(c, report, ties, name ? name : "", (json_int_t)at, weight))
                return false;
        }
        ties->n++;
    }
    if (!first)
        golden_problem(report, "tied: no such chain");
    return first != NULL;
}

static void compare_ties(golden_case *c, golden_report *report, const tie_list *ties)
{
    float *beta = golden_alloc(&c->arena, c->L, sizeof *beta);
    size_t widest = 1;
    for (size_t i = 0; i < c->L; i++)
        beta[i] = (float)ties->beta[i];
    for (size_t g = 0; g < ties->n; g++)
        if (ties->start[g + 1] - ties->start[g] > widest)
            widest = ties->start[g + 1] - ties->start[g];
    float *table = golden_alloc(&c->arena, ties->n * widest, sizeof *table);
    for (size_t g = 0; g < ties->n; g++)
        for (size_t k = 0; k < widest; k++) {
            size_t at = ties->start[g] + k;
            table[g * widest + k] = at < ties->start[g + 1] ? (float)ties->member[at] : -1;
        }
    golden_compare_input(report, "tied_beta", golden_tensor(report, "tied_beta", 1, c->L),
                         beta, 0);
    const fmpnn_array *stored = fmpnn_archive_find(c->archive, "tied_groups");
    if (stored && !ties->n && !stored->count)
        stored =
            golden_tensor(report, "tied_groups", stored->rank, stored->shape[0], widest);
    else
        golden_compare_input(report, "tied_groups",
                             golden_tensor(report, "tied_groups", 2, ties->n, widest),
                             table, 0);
}

bool golden_ties(golden_case *c, golden_report *report)
{
    const json_t *tied = json_object_get(c->options, "tied");
    size_t L = c->L;
    uint32_t *group_of = golden_alloc(&c->arena, L, sizeof *group_of);
    tie_list ties = {.member = golden_alloc(&c->arena, L, sizeof *ties.member),
                     .start = golden_alloc(&c->arena, L + 2, sizeof *ties.start),
                     .taken = golden_alloc(&c->arena, L, 1),
                     .beta = golden_alloc(&c->arena, L, sizeof *ties.beta)};
    for (size_t i = 0; i < L; i++)
        ties.beta[i] = 1;
    if (json_is_object(tied) && !add_homooligomer(c, report, &ties, tied))
        return false;
    for (size_t n = 0; json_is_array(tied) && n < json_array_size(tied); n++)
        if (!add_group(c, report, &ties, json_array_get(tied, n)))
            return false;
    if (tied)
        compare_ties(c, report, &ties);
    for (size_t i = 0; i < L; i++)
        if (!ties.taken[i]) {
            ties.start[ties.n + 1] = ties.start[ties.n] + 1;
            ties.member[ties.start[ties.n++]] = (uint32_t)i;
        }
    for (uint32_t g = 0; g < ties.n; g++)
        for (size_t k = ties.start[g]; k < ties.start[g + 1]; k++)
            group_of[ties.member[k]] = g;
    c->rules.groups = ties.n;
    c->rules.start = ties.start;
    c->rules.member = ties.member;
    c->rules.group_of = group_of;
    c->rules.weight = ties.beta;
    return true;
}
