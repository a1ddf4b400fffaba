/* What a network sees beside the backbone: atoms of ligands and side chains, labels of membrane
 * residues. Options that the weights have no eyes for are refused, for their numbers would
 * silently not be what was asked. */
#include "design/resolve.h"

#include "graph/context.h"

#include <string.h>

static const float NEAR_LIGAND = 8; /* Angstrom, from the virtual CB */

/* ---- atoms ---- */

static fmpnn_status check_atom_options(const fmpnn_resolver *r)
{
    const fmpnn_settings *s = r->settings;
    bool blind = s->hide_ligands && !s->pack_designs; /* the packer sees ligands */
    if (r->job->model->info.context_atoms || (!blind && !s->side_chain_context))
        return FMPNN_OK;
    return fmpnn_fail(r->err, FMPNN_EINVAL,
                      "%s: weights %s see the backbone alone; those that see other atoms are "
                      "--weights ligand",
                      s->side_chain_context ? "--side-chain-context" : "--ligand-context",
                      r->job->model->info.name);
}

/* Side chains of residues that are to change, or whose letter already has, are not seen. */
static fmpnn_status see_atoms(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    size_t L = job->inputs->L, M = job->model->info.context_atoms;
    uint8_t *hidden = fmpnn_alloc(L, 1);
    if (!hidden)
        return fmpnn_fail_memory(r->err, "choosing side chains");
    for (size_t i = 0; i < L; i++)
        hidden[i] = r->chosen[i] || job->letters[i] != job->inputs->native[i];
    fmpnn_surroundings around = {.M = M ? M : 1, /* near a ligand or not: anybody may ask */
                                 .cutoff = NEAR_LIGAND,
                                 .blind = r->settings->hide_ligands,
                                 .side_chains = r->settings->side_chain_context,
                                 .hidden = hidden};
    fmpnn_status status =
        fmpnn_inputs_see_atoms(job->st, job->inputs, &around, job->graph, r->err);
    fmpnn_release(hidden);
    return status;
}

/* ---- labels ---- */

static bool given(const char *text)
{
    return !fmpnn_items_none(text);
}

/* Two kinds of weights have the same tensors; their published names tell them apart. */
static fmpnn_status check_label_options(const fmpnn_resolver *r)
{
    const fmpnn_settings *s = r->settings;
    const char *name = r->job->model->info.name;
    bool residues = given(s->transmembrane_buried) || given(s->transmembrane_interface);
    const char *option = s->global_membrane                ? "--global-membrane"
                         : given(s->transmembrane_buried)  ? "--transmembrane-buried"
                                                           : "--transmembrane-interface";
    if (!residues && !s->global_membrane)
        return FMPNN_OK;
    if (!r->job->model->info.labels)
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "%s: weights %s see no membrane; those that do are --weights "
                          "membrane/per_residue_v_48_020 and membrane/global_v_48_020",
                          option, name);
    if (residues && s->global_membrane)
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "--global-membrane labels the whole protein, %s residues: give one",
                          given(s->transmembrane_buried) ? "--transmembrane-buried"
                                                         : "--transmembrane-interface");
    if (s->global_membrane && strcmp(s->global_membrane, "0") && strcmp(s->global_membrane, "1"))
        return fmpnn_fail(r->err, FMPNN_EINVAL, "--global-membrane: %.40s, expected 0 or 1",
                          s->global_membrane);
    if (residues && !strncmp(name, "membrane/global", 15))
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "%s: weights %s have one label for the whole protein: use "
                          "--global-membrane, or --weights membrane/per_residue_v_48_020",
                          option, name);
    if (s->global_membrane && !strncmp(name, "membrane/per_residue", 20))
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "%s: weights %s have a label for each residue: use "
                          "--transmembrane-buried and --transmembrane-interface, or --weights "
                          "membrane/global_v_48_020",
                          option, name);
    return FMPNN_OK;
}

/* label [L] by position. */
static fmpnn_status select_labels(fmpnn_resolver *r, uint8_t *label)
{
    enum { INTERFACE = 1, BURIED = 2 };
    const fmpnn_settings *s = r->settings;
    const fmpnn_structure *st = r->job->st;
    fmpnn_selector buried = fmpnn_resolver_select(r, "--transmembrane-buried");
    fmpnn_selector interface = fmpnn_resolver_select(r, "--transmembrane-interface");
    uint8_t *deep = fmpnn_alloc_zero(2 * st->length, 1), *shallow = deep + st->length;
    if (!deep)
        return fmpnn_fail_memory(r->err, "labelling residues");
    fmpnn_status status = FMPNN_OK;
    if (given(s->transmembrane_buried))
        status = fmpnn_select(&buried, s->transmembrane_buried, deep);
    if (!status && given(s->transmembrane_interface))
        status = fmpnn_select(&interface, s->transmembrane_interface, shallow);
    for (size_t i = 0; i < st->length && !status; i++) {
        char name[40];
        label[r->position_of[i]] = deep[i] ? BURIED : shallow[i] ? INTERFACE : 0;
        if (!deep[i] || !shallow[i])
            continue;
        fmpnn_residue_name(&st->residue[i], name);
        status = fmpnn_fail(r->err, FMPNN_ESELECT,
                            "%s is in --transmembrane-buried and in --transmembrane-interface: "
                            "a residue has one label",
                            name);
    }
    fmpnn_release(deep);
    return status;
}

static fmpnn_status see_labels(fmpnn_resolver *r)
{
    const fmpnn_settings *s = r->settings;
    if (s->pack) /* a packer's labels are residue types */
        return fmpnn_graph_label(r->job->graph, r->job->inputs->native, r->err);
    uint8_t *label = fmpnn_alloc_zero(r->job->inputs->L, 1);
    if (!label)
        return fmpnn_fail_memory(r->err, "labelling residues");
    fmpnn_status status = FMPNN_OK;
    if (s->global_membrane)
        memset(label, *s->global_membrane == '1', r->job->inputs->L);
    else
        status = select_labels(r, label);
    if (!status && !memchr(label, 1, r->job->inputs->L) && !memchr(label, 2, r->job->inputs->L) &&
        !s->global_membrane)
        fmpnn_note(&r->notes, "no-membrane",
                   "membrane weights, but no residue is labelled as within or at a membrane: "
                   "%s",
                   strncmp(r->job->model->info.name, "membrane/global", 15)
                       ? "--transmembrane-buried and --transmembrane-interface name them"
                       : "--global-membrane 1 says so of the whole protein");
    if (!status)
        status = fmpnn_graph_label(r->job->graph, label, r->err);
    fmpnn_release(label);
    return status;
}

fmpnn_status fmpnn_resolve_seen(fmpnn_resolver *r)
{
    fmpnn_status status = check_atom_options(r);
    if (!status)
        status = check_label_options(r);
    if (!status && !r->job->model->info.ca_only)
        status = see_atoms(r);
    if (!status && r->job->model->info.labels)
        status = see_labels(r);
    return status;
}

fmpnn_status fmpnn_job_ligands_seen(const fmpnn_job *job, size_t *seen, fmpnn_error *err)
{
    const fmpnn_structure *st = job->st;
    const fmpnn_context_atoms *atoms = job->graph->atoms;
    uint8_t *marked = fmpnn_alloc_zero(st->context_count + 1, 1);
    if (!marked)
        return fmpnn_fail_memory(err, "counting atoms of ligands");
    for (size_t n = 0; n < st->ligand_count; n++)
        seen[n] = 0;
    size_t cells = job->model->info.context_atoms && atoms ? job->inputs->L * atoms->M : 0;
    for (size_t n = 0; n < cells; n++) {
        size_t atom = atoms->atom[n];
        if (!job->resolved[n / atoms->M] || !(atoms->mask[n] > 0) ||
            atom >= st->context_count || marked[atom])
            continue;
        marked[atom] = 1;
        seen[st->context[atom].ligand]++;
    }
    fmpnn_release(marked);
    return FMPNN_OK;
}
