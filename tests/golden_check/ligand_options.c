/* A LigandMPNN case's options: which residues are designed, what is omitted or biased, ties,
 * orders, membrane labels. Stored counterparts are compared, not used. */
#include "ligand.h"

#include "design/order.h"

#include <math.h>
#include <string.h>

static const json_t *option(const ligand_case *c, const char *key)
{
    return json_object_get(c->base.options, key);
}

static int code_of(char letter)
{
    const char *at = letter ? strchr(fmpnn_alphabet(), letter) : NULL;
    return at ? (int)(at - fmpnn_alphabet()) : -1;
}

/* Mark the residues named in "C1 C2 C3"; names that match nothing are ignored. */
static void mark_named(const ligand_case *c, const char *names, uint8_t *mark)
{
    while (names && *names) {
        size_t length = strcspn(names, " "), i = ligand_residue(c, names, length);
        if (i < c->base.L)
            mark[i] = 1;
        names += length + strspn(names + length, " ");
    }
}

static void compare_exact(golden_report *report, const char *name, size_t L,
                          const uint8_t *mine)
{
    const fmpnn_array *stored = golden_tensor(report, name, 1, L);
    for (size_t i = 0; stored && i < L; i++)
        if (golden_value(stored, i) != (double)mine[i]) {
            golden_problem(report, "input %s[%zu]: stored %g, the options give %d", name, i,
                           golden_value(stored, i), mine[i]);
            return;
        }
}

/* ---- which residues ---- */

static bool chain_listed(const ligand_case *c, const json_t *chains, size_t i)
{
    for (size_t n = 0; n < json_array_size(chains); n++) {
        const char *name = json_string_value(json_array_get(chains, n));
        if (name && !strcmp(name, c->base.st->residue[i].chain))
            return true;
    }
    return json_array_size(chains) == 0;
}

static void choose_designed(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    const char *fixed = json_string_value(option(c, "fixed"));
    const char *redesigned = json_string_value(option(c, "redesigned"));
    uint8_t *named = golden_alloc(&b->arena, b->L, 1);
    b->unfixed = golden_alloc(&b->arena, b->L, 1); /* the official chain_mask */
    b->designed = golden_alloc(&b->arena, b->L, 1);
    mark_named(c, redesigned ? redesigned : fixed, named);
    for (size_t i = 0; i < b->L; i++) {
        b->unfixed[i] = chain_listed(c, option(c, "chains_to_design"), i) &&
                        (redesigned ? named[i] : !named[i]);
        b->designed[i] = b->unfixed[i] && b->resolved[i];
    }
    c->around.hidden = b->unfixed;
    compare_exact(report, "in.chain_mask", b->L, b->unfixed);
}

static void choose_labels(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    if (!strstr(c->model_type, "membrane"))
        return;
    c->label = golden_alloc(&b->arena, b->L, 1);
    uint8_t *buried = golden_alloc(&b->arena, b->L, 1);
    uint8_t *interface = golden_alloc(&b->arena, b->L, 1);
    bool global = !strncmp(c->model_type, "global", 6);
    mark_named(c, json_string_value(option(c, "buried")), buried);
    mark_named(c, json_string_value(option(c, "interface")), interface);
    for (size_t i = 0; i < b->L; i++)
        c->label[i] = global ? (uint8_t)json_integer_value(option(c, "global_label"))
                             : (uint8_t)(2 * buried[i] * !interface[i] +
                                         interface[i] * !buried[i]);
    if (fmpnn_archive_find(b->archive, "in.membrane_labels"))
        compare_exact(report, "in.membrane_labels", b->L, c->label);
}

/* ---- omissions and biases ---- */

/* ((-1e8 omitted + bias) + bias of the residue) - 1e8 omitted there, in float32. */
static void choose_biases(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    size_t cells = b->L * FMPNN_LETTERS;
    const char *omitted = json_string_value(option(c, "omit_AA"));
    const json_t *biases = option(c, "bias_AA");
    uint8_t *omit = golden_alloc(&b->arena, cells, 1);
    double *bias = golden_alloc(&b->arena, cells, sizeof *bias);
    float *own = golden_alloc(&b->arena, cells, sizeof *own);
    float *own_omit = golden_alloc(&b->arena, cells, sizeof *own_omit);
    float *total = golden_alloc(&b->arena, cells, sizeof *total);
    const char *name, *letter;
    json_t *item, *of_residue;
    json_object_foreach((json_t *)option(c, "bias_AA_per_residue"), name, of_residue)
    {
        size_t i = ligand_residue(c, name, strlen(name));
        json_object_foreach(of_residue, letter, item)
        {
            if (i < b->L && code_of(*letter) >= 0)
                own[i * FMPNN_LETTERS + (size_t)code_of(*letter)] =
                    (float)json_number_value(item);
        }
    }
    json_object_foreach((json_t *)option(c, "omit_AA_per_residue"), name, item)
    {
        size_t i = ligand_residue(c, name, strlen(name));
        for (const char *a = json_string_value(item); i < b->L && a && *a; a++)
            if (code_of(*a) >= 0)
                own_omit[i * FMPNN_LETTERS + (size_t)code_of(*a)] = 1;
    }
    for (size_t n = 0; n < cells; n++) {
        const char text[2] = {fmpnn_alphabet()[n % FMPNN_LETTERS], '\0'};
        bool out = omitted && strchr(omitted, text[0]);
        float shared = (float)json_number_value(json_object_get(biases, text));
        total[n] = ((out ? -1e8f : 0) + shared) + own[n] - 1e8f * own_omit[n];
        bias[n] = (double)(shared + own[n]);
        omit[n] = out || own_omit[n] != 0 || text[0] == 'X';
    }
    golden_compare_input(report, "in.bias",
                         golden_tensor(report, "in.bias", 2, b->L, (size_t)FMPNN_LETTERS),
                         total, 0);
    b->rules.omit = omit;
    b->rules.bias = bias;
}

/* ---- ties ---- */

typedef struct tie_list {
    uint32_t *member, *start; /* [L], [n+1] */
    uint8_t *taken;           /* [L] */
    double *weight;           /* [L] */
    size_t n;
} tie_list;

static bool add_member(ligand_case *c, golden_report *report, tie_list *ties, size_t i,
                       double weight)
{
    if (i >= c->base.L || ties->taken[i]) {
        golden_problem(report, "symmetry_residues: a residue is absent or in two groups");
        return false;
    }
    ties->taken[i] = 1;
    ties->weight[i] = weight;
    ties->member[ties->start[ties->n]++] = (uint32_t)i;
    return true;
}

/* Close a group. Sums are divided by the number of members elsewhere; this family does not. */
static void close_group(tie_list *ties, uint32_t first)
{
    uint32_t end = ties->start[ties->n];
    for (uint32_t m = first; m < end; m++)
        ties->weight[ties->member[m]] *= (double)(end - first);
    ties->start[++ties->n] = end;
}

/* "C1,C2|C4,C5" and "0.5,0.5|1,1": start[n] is where the next member goes. */
static bool add_written(ligand_case *c, golden_report *report, tie_list *ties)
{
    const char *names = json_string_value(option(c, "symmetry_residues"));
    const char *weights = json_string_value(option(c, "symmetry_weights"));
    uint32_t first = 0;
    while (names && *names) {
        size_t length = strcspn(names, ",|"), used = weights ? strcspn(weights, ",|") : 0;
        double weight = 1;
        char text[40] = "";
        if (weights && used < sizeof text) {
            memcpy(text, weights, used);
            if (!fmpnn_parse_double(text, &weight)) {
                golden_problem(report, "symmetry_weights: %s", text);
                return false;
            }
            weights += used + (weights[used] != '\0');
        }
        if (!add_member(c, report, ties, ligand_residue(c, names, length), weight))
            return false;
        bool ends = names[length] != ',';
        names += length + (names[length] != '\0');
        if (ends) {
            close_group(ties, first);
            first = ties->start[ties->n];
        }
    }
    return true;
}

/* Residues of the first chain, by letter, with those of the same number and code in all. */
static bool add_homo_oligomer(ligand_case *c, golden_report *report, tie_list *ties)
{
    const fmpnn_residue *residue = c->base.st->residue;
    const char *chain[64];
    size_t chains = 0, L = c->base.L;
    for (size_t i = 0; i < L; i++) {
        size_t at = 0;
        while (at < chains && strcmp(chain[at], residue[i].chain) < 0)
            at++;
        if ((at < chains && strcmp(chain[at], residue[i].chain) == 0) || chains == 64)
            continue;
        memmove(chain + at + 1, chain + at, (chains++ - at) * sizeof *chain);
        chain[at] = residue[i].chain;
    }
    for (size_t i = 0; i < L; i++) {
        uint32_t first = ties->start[ties->n];
        if (strcmp(residue[i].chain, chain[0]) != 0)
            continue;
        for (size_t k = 0; k < chains; k++) {
            size_t j = 0;
            while (j < L && (strcmp(residue[j].chain, chain[k]) != 0 ||
                             residue[j].number != residue[i].number ||
                             residue[j].icode != residue[i].icode))
                j++;
            if (!add_member(c, report, ties, j, 1.0 / (double)chains))
                return false;
        }
        close_group(ties, first);
    }
    return true;
}

static bool choose_ties(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    size_t L = b->L;
    uint32_t *group_of = golden_alloc(&b->arena, L, sizeof *group_of);
    tie_list ties = {.member = golden_alloc(&b->arena, L, sizeof *ties.member),
                     .start = golden_alloc(&b->arena, L + 2, sizeof *ties.start),
                     .taken = golden_alloc(&b->arena, L, 1),
                     .weight = golden_alloc(&b->arena, L, sizeof *ties.weight)};
    for (size_t i = 0; i < L; i++)
        ties.weight[i] = 1;
    bool good = json_integer_value(option(c, "homo_oligomer"))
                    ? add_homo_oligomer(c, report, &ties)
                    : add_written(c, report, &ties);
    for (size_t i = 0; good && i < L; i++)
        if (!ties.taken[i]) {
            uint32_t first = ties.start[ties.n];
            good = add_member(c, report, &ties, i, 1);
            close_group(&ties, first);
        }
    /* start[g] was moved to the end of group g while it grew */
    for (size_t g = ties.n; g > 0; g--)
        ties.start[g] = ties.start[g - 1];
    ties.start[0] = 0;
    for (uint32_t g = 0; g < ties.n; g++)
        for (size_t k = ties.start[g]; k < ties.start[g + 1]; k++)
            group_of[ties.member[k]] = g;
    b->rules.groups = ties.n;
    b->rules.start = ties.start;
    b->rules.member = ties.member;
    b->rules.group_of = group_of;
    b->rules.weight = ties.weight;
    b->rules.carry_letters = true;
    return good;
}

/* ---- orders and sampling runs ---- */

static void compare_order(ligand_case *c, golden_report *report, const char *name)
{
    const fmpnn_array *stored = golden_tensor(report, name, 1, c->base.L);
    for (size_t t = 0; stored && t < c->base.L; t++)
        if (golden_value(stored, t) != (double)c->base.order[t]) {
            golden_problem(report, "%s[%zu]: stored %g, in.randn gives %u", name, t,
                           golden_value(stored, t), (unsigned)c->base.order[t]);
            return;
        }
}

static bool choose_orders(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    size_t L = b->L;
    const fmpnn_array *stored = golden_tensor(report, "in.randn", 1, L);
    float *mask = golden_alloc(&b->arena, L, sizeof *mask);
    uint32_t *base = golden_alloc(&b->arena, L, sizeof *base);
    b->randn = golden_alloc(&b->arena, L, sizeof *b->randn);
    b->order = golden_alloc(&b->arena, L, sizeof *b->order);
    b->rank = golden_alloc(&b->arena, L, sizeof *b->rank);
    b->rank_base = golden_alloc(&b->arena, L, sizeof *b->rank_base);
    if (!stored) {
        golden_problem(report, "in.randn: missing");
        return false;
    }
    for (size_t i = 0; i < L; i++)
        b->randn[i] = (float)golden_value(stored, i);
    fmpnn_order_original(L, b->randn, mask, base);
    fmpnn_order_rank(L, base, b->rank_base);
    for (size_t i = 0; i < L; i++)
        mask[i] = b->designed[i];
    fmpnn_order_original(L, b->randn, mask, base);
    if (!fmpnn_order_group(&b->rules, base, b->order)) {
        golden_problem(report, "out of memory");
        return false;
    }
    fmpnn_order_rank(L, b->order, b->rank);
    b->order_sampling = b->order;
    b->rank_sampling = b->rank;
    compare_order(c, report, "decoding_order");
    return true;
}

static bool choose_samples(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    const json_t *list = option(c, "temperatures");
    b->label = golden_alloc(&b->arena, json_array_size(list) + 1, sizeof *b->label);
    for (size_t n = 0; n < json_array_size(list); n++) {
        golden_label *label = &b->label[b->n_labels++];
        char name[64];
        label->temperature = json_number_value(json_array_get(list, n));
        snprintf(label->name, sizeof label->name, "T%g", label->temperature);
        snprintf(name, sizeof name, "sample_%s.u", label->name);
        const fmpnn_array *stored = golden_tensor(report, name, 1, b->L);
        if (!stored || !(label->temperature > 0)) {
            golden_problem(report, "%s: missing, or no temperature", name);
            return false;
        }
        label->uniform = golden_alloc(&b->arena, b->L, sizeof *label->uniform);
        for (size_t i = 0; i < b->L; i++)
            label->uniform[i] = golden_value(stored, i);
        snprintf(name, sizeof name, "sample_%s.order", label->name);
        compare_order(c, report, name);
        snprintf(name, sizeof name, "sample_%s.margin", label->name);
        golden_skip(report, name); /* how far u is from the edges: of use to its maker */
    }
    return true;
}

bool ligand_options(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    const char *kind = json_string_value(json_object_get(b->entry, "kind"));
    choose_designed(c, report);
    if (!strcmp(kind, "packer")) /* has no letters to choose */
        return !report->failed;
    choose_labels(c, report);
    b->rules = (fmpnn_rules){.L = b->L,
                             .native = b->inputs->native,
                             .resolved = b->resolved,
                             .designed = b->designed};
    if (!strcmp(kind, "mpnn"))
        choose_biases(c, report);
    return choose_ties(c, report) && choose_orders(c, report) && choose_samples(c, report) &&
           !report->failed;
}
