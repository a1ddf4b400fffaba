/* Tied residues of one structure: written groups with weights, or all chains of a homo-oligomer. */
#include "compat/ligand.h"
#include "structure/records.h"

#include <string.h>

/* Groups as they grow: start[n] is where the next member of group n goes. */
typedef struct tie_list {
    fmpnn_ligand_entry *entry;
    const fmpnn_ligand_run *run;
    uint8_t *taken; /* [L] */
    size_t count;
    uint32_t first; /* of the group that is open */
} tie_list;

static fmpnn_status add_member(tie_list *ties, const char *name, size_t i, double weight)
{
    fmpnn_ligand_entry *entry = ties->entry;
    if (i >= entry->L)
        return fmpnn_fail(ties->run->err, FMPNN_ESELECT, "%s: no residue %s to tie",
                          entry->name, name);
    if (ties->taken[i])
        return fmpnn_fail(ties->run->err, FMPNN_ESELECT,
                          "%s: residue %s is in two tied groups, or twice in one",
                          entry->name, name);
    ties->taken[i] = 1;
    entry->weight[i] = weight;
    entry->member[entry->start[ties->count]++] = (uint32_t)i;
    return FMPNN_OK;
}

/* The mean over a group is taken of weighted logits; the published program takes their sum. */
static void close_group(tie_list *ties)
{
    fmpnn_ligand_entry *entry = ties->entry;
    uint32_t end = entry->start[ties->count];
    for (uint32_t m = ties->first; m < end; m++)
        entry->weight[entry->member[m]] *= (double)(end - ties->first);
    entry->start[++ties->count] = end;
    ties->first = end;
}

static void take_word(const char **text, char word[64], char *end)
{
    size_t size = strcspn(*text, ",|");
    snprintf(word, 64, "%.*s", (int)(size < 63 ? size : 63), *text);
    *text += size;
    *end = **text;
    *text += **text != '\0';
}

/* "A12,A13|C2,C3" and, of the same shape, "0.5,0.5|1.0,1.0" */
static fmpnn_status add_written(tie_list *ties)
{
    const fmpnn_ligand_run *run = ties->run;
    const char *names = run->options->symmetry_residues;
    const char *weights = run->scoring ? NULL : run->options->symmetry_weights;
    bool weighted = fmpnn_ligand_given(weights);
    fmpnn_status status = FMPNN_OK;
    char end = ',';
    while (end && !status) {
        char name[64], number[64], same = 0;
        double weight = 1;
        take_word(&names, name, &end);
        if (weighted) {
            take_word(&weights, number, &same);
            if (!fmpnn_parse_double(number, &weight) || same != end)
                return fmpnn_fail(run->err, FMPNN_EINVAL,
                                  "--symmetry_weights: '%s' for %s, expected numbers in the "
                                  "form of --symmetry_residues",
                                  number, name);
        }
        status = add_member(ties, name,
                            fmpnn_ligand_names_find(&ties->entry->names, name), weight);
        if (!status && end != ',')
            close_group(ties);
    }
    return status;
}

/* Each residue of the first chain with those of its number and insertion code in all others. */
static fmpnn_status add_homo_oligomer(tie_list *ties)
{
    fmpnn_ligand_entry *entry = ties->entry;
    const fmpnn_structure *st = entry->st;
    fmpnn_status status = FMPNN_OK;
    for (size_t i = 0; i < entry->L && !status; i++) {
        if (strcmp(st->residue[i].chain, entry->chain[0]) != 0)
            continue;
        for (size_t c = 0; c < entry->chains && !status; c++) {
            char name[40];
            const fmpnn_residue *r = &st->residue[i];
            bool blank = !strcmp(entry->chain[c], st->records->blank);
            snprintf(name, sizeof name, "%s%d%.*s", blank ? "" : entry->chain[c],
                     (int)r->number, r->icode != ' ', &r->icode);
            status = add_member(ties, name, fmpnn_ligand_names_find(&entry->names, name),
                                1.0 / (double)entry->chains);
        }
        if (!status)
            close_group(ties);
    }
    return status;
}

fmpnn_status fmpnn_ligand_entry_ties(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    size_t L = entry->L;
    tie_list ties = {.entry = entry, .run = run, .taken = fmpnn_alloc_zero(L, 1)};
    entry->start = fmpnn_alloc_zero(L + 2, sizeof *entry->start);
    entry->member = fmpnn_alloc_zero(L, sizeof *entry->member);
    entry->group_of = fmpnn_alloc_zero(L, sizeof *entry->group_of);
    entry->weight = fmpnn_alloc_zero(L, sizeof *entry->weight);
    fmpnn_status status = FMPNN_OK;
    if (!ties.taken || !entry->start || !entry->member || !entry->group_of || !entry->weight)
        status = fmpnn_fail_memory(run->err, "preparing a structure");
    else if (o->homo_oligomer)
        status = add_homo_oligomer(&ties);
    else if (fmpnn_ligand_given(o->symmetry_residues))
        status = add_written(&ties);
    entry->tied = ties.count > 0;
    for (size_t i = 0; i < L && !status; i++)
        if (!ties.taken[i]) {
            status = add_member(&ties, "", i, 1);
            close_group(&ties);
        }
    fmpnn_release(ties.taken);
    if (status)
        return status;
    for (size_t g = ties.count; g > 0; g--) /* start[g] is the end of group g so far */
        entry->start[g] = entry->start[g - 1];
    entry->start[0] = 0;
    for (uint32_t g = 0; g < ties.count; g++)
        for (size_t k = entry->start[g]; k < entry->start[g + 1]; k++)
            entry->group_of[entry->member[k]] = g;
    entry->rules.groups = ties.count;
    entry->rules.start = entry->start;
    entry->rules.member = entry->member;
    entry->rules.group_of = entry->group_of;
    entry->rules.weight = entry->weight;
    entry->rules.carry_letters = true;
    return FMPNN_OK;
}
