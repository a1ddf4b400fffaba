/* One structure as the published LigandMPNN programs see it: residues, what is designed, what
 * the model is told. */
#include "compat/ligand.h"
#include "compat/structures.h"
#include "design/order.h"
#include "graph/context.h"
#include "structure/records.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading */

/* What --parse_these_chains_only names, as "A,B": score.py reads it letter by letter. */
static void chains_to_read(const fmpnn_ligand_run *run, fmpnn_text *only)
{
    const char *text = run->options->parse_these_chains_only;
    if (!fmpnn_ligand_given(text))
        return;
    if (!run->scoring)
        fmpnn_text_print(only, "%s", text);
    for (; run->scoring && *text; text++)
        if (isgraph((unsigned char)*text) && *text != ',')
            fmpnn_text_print(only, "%c,", *text);
}

static fmpnn_status read_structure(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run)
{
    fmpnn_read_options how;
    fmpnn_text only;
    fmpnn_text_init(&only);
    chains_to_read(run, &only);
    fmpnn_read_options_default(&how);
    how.reading = FMPNN_READING_ORIGINAL_LIGAND;
    how.zero_occupancy = run->options->parse_atoms_with_zero_occupancy != 0;
    how.only = only.size ? only.data : NULL;
    fmpnn_status status =
        only.failed ? fmpnn_fail_memory(run->err, "reading a structure")
                    : fmpnn_structure_read(entry->path, &how, &entry->st, run->err);
    if (!status)
        status = fmpnn_inputs_create(entry->st, NULL, 0, false, &entry->inputs, run->err);
    fmpnn_text_clear(&only);
    return status;
}

static void note_warnings(const fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run)
{
    bool ligand = !strcmp(run->model_type, "ligand_mpnn");
    for (size_t n = 0; n < fmpnn_structure_warning_count(entry->st); n++) {
        fmpnn_warning warning = fmpnn_structure_warning(entry->st, n);
        if (strcmp(warning.code, "hetero-present") != 0 &&
            (ligand || strncmp(warning.code, "context-", 8) != 0))
            fmpnn_original_note(run->listener, "%s: %s: %s", entry->name, warning.code,
                                warning.message);
    }
}

static void set_name(fmpnn_ligand_entry *entry)
{
    const char *slash = strrchr(entry->path, '/'), *file = slash ? slash + 1 : entry->path;
    size_t size = strlen(file);
    if (size >= 4 && !strcmp(file + size - 4, ".pdb"))
        size -= 4;
    snprintf(entry->name, sizeof entry->name, "%.*s", (int)(size < 255 ? size : 255), file);
}

/* ---- chains */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_chains(fmpnn_ligand_entry *entry)
{
    const fmpnn_structure *st = entry->st;
    entry->chain = fmpnn_alloc(st->length, sizeof *entry->chain);
    if (!entry->chain)
        return false;
    for (size_t i = 0; i < st->length; i++)
        if (!i || strcmp(st->residue[i].chain, st->residue[i - 1].chain) != 0)
            entry->chain[entry->chains++] = st->residue[i].chain;
    qsort(entry->chain, entry->chains, sizeof *entry->chain, compare_names);
    size_t kept = 0;
    for (size_t n = 0; n < entry->chains; n++)
        if (!n || strcmp(entry->chain[n], entry->chain[kept - 1]) != 0)
            entry->chain[kept++] = entry->chain[n];
    entry->chains = kept;
    return true;
}

/* Is the chain in "A,B"? Everything is in an empty list. */
static bool chain_listed(const char *list, const char *chain)
{
    if (!fmpnn_ligand_given(list))
        return true;
    for (size_t size; ; list += size + 1) {
        size = strcspn(list, ",");
        if (strlen(chain) == size && !memcmp(list, chain, size))
            return true;
        if (!list[size])
            return false;
    }
}

/* ---- masks and labels */

static const char *text_of(const fmpnn_ligand_run *run, fmpnn_ligand_list list,
                           const char *path)
{
    const char *text = json_string_value(fmpnn_ligand_list_of(run, list, path));
    return text && text[strspn(text, " \t\n")] ? text : NULL;
}

/* Residues to redesign win over residues to fix. */
static bool choose_designed(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    size_t L = entry->L;
    const char *fixed = text_of(run, FMPNN_LIGAND_FIXED, entry->path);
    const char *redesigned = text_of(run, FMPNN_LIGAND_REDESIGNED, entry->path);
    uint8_t *named = fmpnn_alloc_zero(L, 1);
    entry->unfixed = fmpnn_alloc_zero(L, 1);
    entry->resolved = fmpnn_alloc_zero(L, 1);
    entry->designed = fmpnn_alloc_zero(L, 1);
    entry->near = fmpnn_alloc_zero(L, 1);
    entry->design_mask = fmpnn_alloc_zero(L, sizeof *entry->design_mask);
    if (!named || !entry->unfixed || !entry->resolved || !entry->designed || !entry->near ||
        !entry->design_mask) {
        fmpnn_release(named);
        return false;
    }
    if (redesigned)
        fmpnn_ligand_names_mark(run, &entry->names, "redesigned_residues", redesigned, named);
    else if (fixed)
        fmpnn_ligand_names_mark(run, &entry->names, "fixed_residues", fixed, named);
    entry->wide_mask = redesigned || fixed;
    for (size_t i = 0; i < L; i++) {
        entry->unfixed[i] = chain_listed(o->chains_to_design, entry->st->residue[i].chain) &&
                            named[i] == (redesigned != NULL);
        entry->resolved[i] = entry->inputs->mask[i] != 0;
        entry->designed[i] = entry->unfixed[i] && entry->resolved[i];
        entry->design_mask[i] = entry->designed[i];
    }
    fmpnn_release(named);
    return true;
}

/* 2 buried, 1 interface, 0 neither or both; or one label for all. */
static bool choose_labels(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    bool global = !strncmp(run->model_type, "global", 6);
    uint8_t *buried = fmpnn_alloc_zero(entry->L, 1), *interface = fmpnn_alloc_zero(entry->L, 1);
    entry->label = fmpnn_alloc_zero(entry->L, 1);
    bool good = buried && interface && entry->label;
    if (good && !global) {
        fmpnn_ligand_names_mark(run, &entry->names, "transmembrane_buried",
                                o->transmembrane_buried ? o->transmembrane_buried : "",
                                buried);
        fmpnn_ligand_names_mark(run, &entry->names, "transmembrane_interface",
                                o->transmembrane_interface ? o->transmembrane_interface : "",
                                interface);
    }
    for (size_t i = 0; good && i < entry->L; i++)
        entry->label[i] = global ? (uint8_t)o->global_transmembrane_label
                                 : (uint8_t)(buried[i] == interface[i] ? 0
                                             : buried[i]               ? 2
                                                                       : 1);
    fmpnn_release(interface);
    fmpnn_release(buried);
    return good;
}

/* ---- the graph */

static fmpnn_status make_graph(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    const fmpnn_model_info *info = &run->model->info;
    const fmpnn_inputs *in = entry->inputs;
    fmpnn_surroundings around = {.M = info->context_atoms,
                                 .cutoff = (float)o->ligand_mpnn_cutoff_for_score,
                                 .blind = !o->ligand_mpnn_use_atom_context,
                                 .side_chains = o->ligand_mpnn_use_side_chain_context != 0,
                                 .hidden = entry->unfixed};
    fmpnn_status status =
        fmpnn_graph_create(in->L, in->xyz, in->mask, in->index, in->chain,
                           (size_t)info->neighbours, false, &entry->graph, run->err);
    if (!status && around.M)
        status = fmpnn_inputs_see_atoms(entry->st, in, &around, entry->graph, run->err);
    if (!status && info->labels)
        status = fmpnn_graph_label(entry->graph, entry->label, run->err);
    for (size_t i = 0; i < entry->L && !status; i++)
        entry->near[i] = entry->designed[i] && (!around.M || entry->graph->atoms->near[i]);
    return status;
}

/* ---- the whole */

/* At the first look everything is checked and noted, and nothing large is made. */
fmpnn_status fmpnn_ligand_entry_init(fmpnn_ligand_entry *entry, const fmpnn_ligand_run *run,
                                     const char *path, bool first_look)
{
    fmpnn_ligand_run silent = *run;
    const fmpnn_ligand_run *listened = run;
    *entry = (fmpnn_ligand_entry){.path = path};
    if (!first_look) { /* everything was said then */
        silent.listener = NULL;
        listened = &silent;
    }
    set_name(entry);
    fmpnn_status status = read_structure(entry, listened);
    if (status)
        goto done;
    note_warnings(entry, listened);
    entry->L = entry->inputs->L;
    if (!fmpnn_ligand_names_init(&entry->names, entry->st) || !list_chains(entry) ||
        !choose_designed(entry, listened) ||
        (strstr(run->model_type, "membrane") && !choose_labels(entry, listened))) {
        status = fmpnn_fail_memory(run->err, "preparing a structure");
        goto done;
    }
    entry->rules = (fmpnn_rules){.L = entry->L,
                                 .native = entry->inputs->native,
                                 .resolved = entry->resolved,
                                 .designed = entry->designed};
    status = fmpnn_ligand_entry_letters(entry, listened);
    if (!status)
        status = fmpnn_ligand_entry_ties(entry, listened);
    if (!status && !first_look)
        status = make_graph(entry, listened);
done:
    if (status)
        fmpnn_ligand_entry_clear(entry);
    return status;
}

void fmpnn_ligand_entry_clear(fmpnn_ligand_entry *entry)
{
    fmpnn_graph_free(entry->graph);
    fmpnn_release(entry->weight);
    fmpnn_release(entry->group_of);
    fmpnn_release(entry->member);
    fmpnn_release(entry->start);
    fmpnn_release(entry->bias);
    fmpnn_release(entry->omit);
    fmpnn_release(entry->near);
    fmpnn_release(entry->label);
    fmpnn_release(entry->design_mask);
    fmpnn_release(entry->designed);
    fmpnn_release(entry->resolved);
    fmpnn_release(entry->unfixed);
    fmpnn_release(entry->chain);
    fmpnn_ligand_names_clear(&entry->names);
    fmpnn_inputs_free(entry->inputs);
    fmpnn_structure_free(entry->st);
    *entry = (fmpnn_ligand_entry){0};
}

fmpnn_status fmpnn_ligand_orders(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 float *randn, uint32_t *order)
{
    size_t L = entry->L, B = (size_t)run->options->batch_size;
    fmpnn_torch_normal(&run->torch, B * L, randn);
    for (size_t b = 0; b < B; b++)
        fmpnn_order_original(L, randn + b * L, entry->design_mask, order + b * L);
    if (!entry->tied)
        return FMPNN_OK;
    uint32_t *first = fmpnn_alloc(L, sizeof *first);
    bool good = first != NULL;
    if (good)
        memcpy(first, order, L * sizeof *first);
    good = good && fmpnn_order_group(&entry->rules, first, order);
    fmpnn_release(first);
    for (size_t b = 1; b < B; b++)
        memcpy(order + b * L, order, L * sizeof *order);
    return good ? FMPNN_OK : fmpnn_fail_memory(run->err, "ordering residues");
}

fmpnn_status fmpnn_ligand_encode(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 fmpnn_encoding **encoding)
{
    return run->ctx->backend->encode(run->ctx, run->model, entry->graph, encoding, run->err);
}
