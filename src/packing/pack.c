/* The loop of packing: see packing.h. Packings that share a backbone and a sequence are a group:
 * one graph, one encoding, and one call a step for all of them. */
#include "packing/packing.h"

#include "backend.h"

#include <string.h>

typedef struct group {
    size_t first, count;
    fmpnn_graph *graph;
    fmpnn_encoding *encoding;
    fmpnn_placing *placing;
} group;

typedef struct packer {
    fmpnn_context *ctx;
    const fmpnn_backend *backend;
    size_t n, L, groups;
    fmpnn_packing *const *packing;
    group *group;           /* [groups], room for n */
    double *xyz;            /* [n][L][14][3] */
    fmpnn_mixture *mixture; /* [n][L][4] */
    double *angle;          /* [n][L][4] */
} packer;

static bool share(const fmpnn_packing *a, const fmpnn_packing *b)
{
    return !memcmp(a->letters, b->letters, a->L) &&
           !memcmp(a->backbone, b->backbone, a->L * 12 * sizeof *a->backbone);
}

static fmpnn_status group_open(const packer *k, group *g, const fmpnn_model *model,
                               bool blind, fmpnn_error *err)
{
    const fmpnn_packing *p = k->packing[g->first];
    fmpnn_status status = fmpnn_packing_graph(p, model, blind, &g->graph, err);
    if (!status)
        status = k->backend->encode(k->ctx, model, g->graph, &g->encoding, err);
    if (!status)
        status = k->backend->placing_create(k->ctx, g->encoding, p->atoms, p->xyz,
                                            &g->placing, err);
    return status;
}

static fmpnn_status open_groups(packer *k, const fmpnn_model *model, bool blind,
                                fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < k->n && !status; n++) {
        if (n && share(k->packing[n], k->packing[n - 1])) {
            k->group[k->groups - 1].count++;
            continue;
        }
        group *g = &k->group[k->groups++];
        *g = (group){.first = n, .count = 1};
        status = group_open(k, g, model, blind, err);
    }
    return status;
}

static void close_groups(packer *k)
{
    for (size_t n = 0; n < k->groups; n++) {
        if (k->group[n].placing)
            k->backend->placing_free(k->group[n].placing);
        if (k->group[n].encoding)
            k->backend->encoding_free(k->group[n].encoding);
        fmpnn_graph_free(k->group[n].graph);
    }
}

/* Mixtures of all packings as their atoms stand. */
static fmpnn_status ask(const packer *k, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t atoms = k->L * FMPNN_ATOM14 * 3;
    for (size_t n = 0; n < k->n; n++)
        memcpy(k->xyz + n * atoms, k->packing[n]->xyz, atoms * sizeof *k->xyz);
    for (size_t n = 0; n < k->groups && !status; n++) {
        const group *g = &k->group[n];
        status =
            k->backend->torsions(k->ctx, g->placing, g->count, k->xyz + g->first * atoms,
                                 k->mixture + g->first * k->L * FMPNN_CHIS, err);
    }
    return status;
}

fmpnn_status fmpnn_packing_run(fmpnn_context *ctx, const fmpnn_model *model, size_t n,
                               fmpnn_packing *const *packing, bool blind, size_t steps,
                               fmpnn_packing_draw *draw, void *of, double *density,
                               fmpnn_error *err)
{
    size_t L = packing[0]->L, angles = n * L * FMPNN_CHIS;
    fmpnn_status status = FMPNN_OK;
    packer k = {.ctx = ctx,
                .n = n,
                .L = L,
                .packing = packing,
                .backend = ctx->backend->torsions ? ctx->backend : &fmpnn_backend_cpu,
                .group = fmpnn_alloc_zero(n, sizeof *k.group),
                .xyz = fmpnn_alloc(n * L, FMPNN_ATOM14 * 3 * sizeof *k.xyz),
                .mixture = fmpnn_alloc(angles, sizeof *k.mixture),
                .angle = fmpnn_alloc(angles, sizeof *k.angle)};
    if (!k.group || !k.xyz || !k.mixture || !k.angle)
        status = fmpnn_fail_memory(err, "packing side chains");
    if (!status)
        status = open_groups(&k, model, blind, err);
    for (size_t step = 0; step < steps && !status; step++) {
        status = ask(&k, err);
        if (!status)
            status = draw(of, step, n, k.mixture, k.angle, err);
        for (size_t m = 0; m < n && !status; m++)
            fmpnn_packing_turn(packing[m], k.angle + m * L * FMPNN_CHIS);
    }
    for (size_t a = 0; a < angles && !status; a++)
        density[a] = fmpnn_mixture_log_density(&k.mixture[a], k.angle[a]);
    if (k.group)
        close_groups(&k);
    fmpnn_release(k.angle);
    fmpnn_release(k.mixture);
    fmpnn_release(k.xyz);
    fmpnn_release(k.group);
    return status;
}
