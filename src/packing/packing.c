/* Torsions in, atoms out: see packing.h. */
#include "packing/packing.h"

#include "graph/context.h"

#include <math.h>
#include <string.h>

static const double TWO_PI = 6.28318530717958647692;
static const float NEAR_LIGAND = 8;

typedef double place[3];

static void copy_backbone(const fmpnn_inputs *in, double *dst)
{
    for (size_t n = 0; n < in->L * 12; n++)
        dst[n] = isnan(in->xyz[n]) ? 0 : (double)in->xyz[n];
}

/* A residue that is not resolved, or of unknown type, has no atoms: they stand at the origin. */
static void build(fmpnn_packing *p)
{
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    for (size_t i = 0; i < p->L; i++) {
        place *xyz = (place *)p->xyz + i * FMPNN_ATOM14;
        if (p->inputs->mask[i] != 0 && p->in_place && !ideal[p->letters[i]].atoms)
            memcpy(xyz, p->backbone + i * 12, 12 * sizeof *p->backbone);
        else if (p->inputs->mask[i] != 0)
            fmpnn_build_residue(&ideal[p->letters[i]], (const place *)p->backbone + 4 * i,
                                &p->torsions[i], xyz);
        else
            memset(xyz, 0, FMPNN_ATOM14 * sizeof *xyz);
    }
}

/* To the angles `unit` times those given. */
static void turn(fmpnn_packing *p, const double *angle, double unit)
{
    for (size_t n = 0; n < p->L * FMPNN_CHIS; n++)
        p->torsions[n / FMPNN_CHIS].chi[n % FMPNN_CHIS] =
            p->keep[n / FMPNN_CHIS]
                ? p->own[n]
                : (fmpnn_angle){sin(unit * angle[n]), cos(unit * angle[n])};
    build(p);
}

void fmpnn_packing_turn(fmpnn_packing *p, const double *angle)
{
    turn(p, angle, 1);
}

void fmpnn_packing_stay(fmpnn_packing *p)
{
    p->in_place = true;
    build(p);
}

static void start(fmpnn_packing *p)
{
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    for (size_t i = 0; i < p->L; i++) {
        const fmpnn_ideal *residue = &ideal[p->letters[i]];
        float atoms[FMPNN_ATOM37][3];
        uint8_t there[FMPNN_ATOM37];
        fmpnn_structure_atoms(p->st, p->inputs->residue_of[i], atoms, there);
        p->torsions[i].psi = fmpnn_psi((const place *)p->backbone + 4 * i);
        fmpnn_chis(residue, atoms, p->own + i * FMPNN_CHIS);
        p->atoms[i] = p->inputs->mask[i] != 0 ? (uint8_t)residue->atoms : 0;
    }
}

fmpnn_status fmpnn_packing_create(const fmpnn_structure *st, const fmpnn_inputs *inputs,
                                  const uint8_t *letters, const uint8_t *keep,
                                  const double *uniform, fmpnn_packing **out,
                                  fmpnn_error *err)
{
    size_t L = inputs->L;
    fmpnn_packing *p = fmpnn_alloc_zero(1, sizeof *p);
    if (p) {
        *p = (fmpnn_packing){.L = L, .st = st, .inputs = inputs};
        p->letters = fmpnn_alloc(L, 1);
        p->keep = fmpnn_alloc_zero(L, 1);
        p->backbone = fmpnn_alloc(L, 12 * sizeof *p->backbone);
        p->torsions = fmpnn_alloc_zero(L, sizeof *p->torsions);
        p->own = fmpnn_alloc_zero(L, FMPNN_CHIS * sizeof *p->own);
        p->xyz = fmpnn_alloc_zero(L, FMPNN_ATOM14 * 3 * sizeof *p->xyz);
        p->atoms = fmpnn_alloc(L, 1);
    }
    if (!p || !p->letters || !p->keep || !p->backbone || !p->torsions ||
        !p->own || !p->xyz || !p->atoms) {
        fmpnn_packing_free(p);
        return fmpnn_fail_memory(err, "packing side chains");
    }
    memcpy(p->letters, letters, L);
    if (keep)
        memcpy(p->keep, keep, L);
    copy_backbone(p->inputs, p->backbone);
    start(p);
    turn(p, uniform, TWO_PI);
    *out = p;
    return FMPNN_OK;
}

void fmpnn_packing_restart(fmpnn_packing *p, const uint8_t *letters, const double *uniform)
{
    for (size_t n = 0; n < p->L * 12; n++) /* atom14 begins with N CA C O */
        p->backbone[n] = p->xyz[n / 12 * 3 * FMPNN_ATOM14 + n % 12];
    memcpy(p->letters, letters, p->L);
    start(p);
    turn(p, uniform, TWO_PI);
}

void fmpnn_packing_free(fmpnn_packing *p)
{
    if (!p)
        return;
    fmpnn_release(p->atoms);
    fmpnn_release(p->xyz);
    fmpnn_release(p->own);
    fmpnn_release(p->torsions);
    fmpnn_release(p->backbone);
    fmpnn_release(p->keep);
    fmpnn_release(p->letters);
    fmpnn_release(p);
}

/* The context is that of the backbone as read: found on a graph of its own, then moved. */
static fmpnn_status take_context(const fmpnn_packing *p, const fmpnn_model *model,
                                 bool blind, fmpnn_graph *graph, fmpnn_error *err)
{
    const fmpnn_inputs *in = p->inputs;
    const fmpnn_surroundings around = {
        .M = model->info.context_atoms, .cutoff = NEAR_LIGAND, .blind = blind};
    fmpnn_graph *before = NULL;
    fmpnn_status status = fmpnn_graph_create(in->L, in->xyz, in->mask, in->index, in->chain,
                                             1, false, &before, err);
    if (!status)
        status = fmpnn_inputs_see_atoms(p->st, in, &around, before, err);
    if (!status) {
        graph->atoms = before->atoms;
        before->atoms = NULL;
    }
    fmpnn_graph_free(before);
    return status;
}

fmpnn_status fmpnn_packing_graph(const fmpnn_packing *p, const fmpnn_model *model,
                                 bool blind, fmpnn_graph **out, fmpnn_error *err)
{
    const fmpnn_inputs *in = p->inputs;
    fmpnn_graph *graph = NULL;
    fmpnn_status status;
    float *xyz = fmpnn_alloc(p->L, 12 * sizeof *xyz);
    if (!xyz)
        return fmpnn_fail_memory(err, "packing side chains");
    for (size_t n = 0; n < p->L * 12; n++) /* atom14 begins with N CA C O */
        xyz[n] = (float)p->xyz[n / 12 * 3 * FMPNN_ATOM14 + n % 12];
    status = fmpnn_graph_create(p->L, xyz, in->mask, in->index, in->chain,
                                (size_t)model->info.neighbours, false, &graph, err);
    if (!status)
        status = fmpnn_graph_label(graph, p->letters, err);
    if (!status)
        status = take_context(p, model, blind, graph, err);
    if (status)
        fmpnn_graph_free(graph);
    else
        *out = graph;
    fmpnn_release(xyz);
    return status;
}
