/* What the model sees, made from the structure and the chains to design, and compared with what
 * is stored: coordinates, masks, letters, indices. All of it exactly. */
#include "golden.h"

#include <math.h>
#include <string.h>

/* ---- chains ---- */

static bool has_text(const json_t *list, const char *text)
{
    for (size_t n = 0; n < json_array_size(list); n++) {
        const char *item = json_string_value(json_array_get(list, n));
        if (item && !strcmp(item, text))
            return true;
    }
    return false;
}

/* Chain names of the structure, once each. */
static size_t chain_names(golden_case *c, const char ***names)
{
    size_t count = 0;
    *names = golden_alloc(&c->arena, c->st->length + 1, sizeof **names);
    for (size_t i = 0; i < c->st->length; i++) {
        const char *chain = c->st->residue[i].chain;
        bool known = false;
        for (size_t n = 0; n < count; n++)
            known = known || !strcmp((*names)[n], chain);
        if (!known)
            (*names)[count++] = chain;
    }
    return count;
}

/* Names of the chains to design: those of the options, or all. */
static size_t designed_chains(golden_case *c, const char ***designed)
{
    const char **all;
    const json_t *wanted = json_object_get(c->options, "design_chains");
    size_t count = chain_names(c, &all), kept = 0;
    *designed = all;
    if (!json_array_size(wanted))
        return count;
    for (size_t n = 0; n < count; n++)
        if (has_text(wanted, all[n]))
            (*designed)[kept++] = all[n];
    return kept;
}

static void find_chains(golden_case *c, const char **designed, size_t n_designed)
{
    c->chain = golden_alloc(&c->arena, c->L, sizeof *c->chain);
    for (size_t i = 0; i < c->L; i++) {
        const char *name = c->st->residue[c->inputs->residue_of[i]].chain;
        if (!c->n_chains || strcmp(c->chain[c->n_chains - 1].name, name) != 0) {
            c->chain[c->n_chains++] = (golden_chain){.name = name, .start = i};
            for (size_t n = 0; n < n_designed; n++)
                if (!strcmp(designed[n], name))
                    c->chain[c->n_chains - 1].designed = true;
        }
        c->chain[c->n_chains - 1].length++;
    }
}

/* A list of chain names in the manifest against ours; `which`: 1 designed, 0 fixed, -1 all. */
static void compare_chains(golden_case *c, golden_report *report, const char *key,
                           int which)
{
    const json_t *list = json_object_get(c->entry, key);
    size_t at = 0;
    bool same = json_is_array(list);
    for (size_t n = 0; same && n < c->n_chains; n++) {
        if (which >= 0 && c->chain[n].designed != (which == 1))
            continue;
        const char *text = json_string_value(json_array_get(list, at++));
        same = text && !strcmp(text, c->chain[n].name);
    }
    if (!same || at != json_array_size(list))
        golden_problem(report, "%s: the manifest has other chains", key);
}

/* ---- fixed positions ---- */

static bool fix_positions(golden_case *c, golden_report *report)
{
    const json_t *fixed = json_object_get(c->options, "fixed_positions");
    c->in_designed_chain = golden_alloc(&c->arena, c->L, 1);
    c->unfixed = golden_alloc(&c->arena, c->L, 1);
    c->designed = golden_alloc(&c->arena, c->L, 1);
    c->resolved = golden_alloc(&c->arena, c->L, 1);
    memset(c->unfixed, 1, c->L);
    for (size_t n = 0; n < c->n_chains; n++) {
        const golden_chain *chain = &c->chain[n];
        const json_t *list = chain->designed ? json_object_get(fixed, chain->name) : NULL;
        for (size_t k = 0; k < json_array_size(list); k++) {
            json_int_t at = json_integer_value(json_array_get(list, k));
            if (at < 1 || (size_t)at > chain->length) {
                golden_problem(report, "fixed_positions: chain %s has no position %d",
                               chain->name, (int)at);
                return false;
            }
            c->unfixed[chain->start + (size_t)at - 1] = 0;
        }
        memset(c->in_designed_chain + chain->start, chain->designed, chain->length);
    }
    for (size_t i = 0; i < c->L; i++) {
        c->resolved[i] = c->inputs->mask[i] != 0;
        c->designed[i] = c->in_designed_chain[i] && c->unfixed[i] && c->resolved[i];
    }
    return true;
}

/* ---- comparison ---- */

/* Element n of a tensor must be exactly `want(c, n)`. */
static void compare_input(golden_case *c, golden_report *report, const char *name,
                          const fmpnn_array *array,
                          double (*want)(const golden_case *, size_t))
{
    if (!array)
        return;
    for (size_t n = 0; n < array->count; n++)
        if (!(golden_value(array, n) == want(c, n))) {
            golden_problem(report, "input %s[%zu]: stored %.9g, the structure gives %.9g",
                           name, n, golden_value(array, n), want(c, n));
            return;
        }
}

static double coordinate(const golden_case *c, size_t n)
{
    size_t at = c->ca_only ? n / 3 * 12 + 3 * FMPNN_ATOM_CA + n % 3 : n;
    float x = c->inputs->xyz[at];
    return isnan(x) ? 0 : (double)x;
}
static double present(const golden_case *c, size_t n)
{
    const float *p = c->inputs->xyz + (c->ca_only ? 12 * n + 3 * FMPNN_ATOM_CA : 3 * n);
    return isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
}
static double letter(const golden_case *c, size_t n)
{
    return c->inputs->native[n];
}
static double mask(const golden_case *c, size_t n)
{
    return (double)c->inputs->mask[n];
}
static double in_designed_chain(const golden_case *c, size_t n)
{
    return c->in_designed_chain[n];
}
static double unfixed(const golden_case *c, size_t n)
{
    return c->unfixed[n];
}
static double designed(const golden_case *c, size_t n)
{
    return c->designed[n];
}
static double residue_index(const golden_case *c, size_t n)
{
    return c->inputs->index[n];
}
static double chain_number(const golden_case *c, size_t n)
{
    return c->inputs->chain[n];
}

static void compare_inputs(golden_case *c, golden_report *report)
{
    static const struct {
        const char *name;
        double (*want)(const golden_case *, size_t);
    } flat[] = {{"S", letter},
                {"mask", mask},
                {"chain_M", in_designed_chain},
                {"chain_M_pos", unfixed},
                {"design_mask", designed},
                {"residue_idx", residue_index},
                {"chain_encoding", chain_number}};
    size_t atoms = c->ca_only ? 1 : 4;
    compare_input(c, report, "X",
                  c->ca_only ? golden_tensor(report, "X", 2, c->L, (size_t)3)
                             : golden_tensor(report, "X", 3, c->L, (size_t)4, (size_t)3),
                  coordinate);
    compare_input(c, report, "atom_mask",
                  golden_tensor(report, "atom_mask", 2, c->L, atoms), present);
    for (size_t n = 0; n < sizeof flat / sizeof *flat; n++)
        compare_input(c, report, flat[n].name, golden_tensor(report, flat[n].name, 1, c->L),
                      flat[n].want);
}

static void compare_count(golden_case *c, golden_report *report, const char *key,
                          size_t count)
{
    const json_t *stored = json_object_get(c->entry, key);
    if (stored && json_integer_value(stored) != (json_int_t)count)
        golden_problem(report, "%s: the manifest has %d, the structure gives %zu", key,
                       (int)json_integer_value(stored), count);
}

static void compare_manifest(golden_case *c, golden_report *report)
{
    size_t resolved = 0, n_designed = 0, at = 0;
    for (size_t i = 0; i < c->L; i++) {
        resolved += c->resolved[i];
        n_designed += c->designed[i];
    }
    compare_count(c, report, "L", c->L);
    compare_count(c, report, "k", c->K);
    compare_count(c, report, "unmasked_residues", resolved);
    compare_count(c, report, "designed_residues", n_designed);
    compare_chains(c, report, "chain_order", -1);
    compare_chains(c, report, "designed_chains", 1);
    compare_chains(c, report, "fixed_chains", 0);
    const json_t *lengths = json_object_get(c->entry, "designed_chain_lengths");
    for (size_t n = 0; lengths && n < c->n_chains; n++)
        if (c->chain[n].designed && json_integer_value(json_array_get(lengths, at++)) !=
                                        (json_int_t)c->chain[n].length)
            golden_problem(report, "designed_chain_lengths: chain %s has %zu residues",
                           c->chain[n].name, c->chain[n].length);
}

bool golden_inputs(golden_case *c, golden_report *report)
{
    fmpnn_error err;
    const char **list;
    size_t count = designed_chains(c, &list);
    if (!count) {
        golden_problem(report, "design_chains: none of them is in the structure");
        return false;
    }
    if (fmpnn_inputs_create(c->st, list, count, c->ca_only, &c->inputs, &err)) {
        golden_problem(report, "inputs: %s", err.message);
        return false;
    }
    const fmpnn_inputs *in = c->inputs;
    c->L = in->L;
    find_chains(c, list, count);
    if (!fix_positions(c, report))
        return false;
    if (fmpnn_graph_create(c->L, in->xyz, in->mask, in->index, in->chain,
                           (size_t)c->model->info.neighbours, c->ca_only, &c->graph,
                           &err)) {
        golden_problem(report, "neighbours: %s", err.message);
        return false;
    }
    c->K = c->graph->K;
    compare_inputs(c, report);
    compare_manifest(c, report);
    return !report->failed;
}
