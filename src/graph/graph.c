/* The k-nearest-neighbour graph: exact, in float32, with one rule for ties (distance, then
 * index). Large structures look for neighbours in cells (cells.c); rows for which that does not
 * settle the order, and small structures, compare with every residue.
 *
 * Such a comparison keeps the K best in a sorted list; most candidates fail against the worst of
 * them, so the cost is little more than the L distances.
 *
 * Source: Dauparas et al. 2022; docs/math.md, "Neighbours". */
#include "graph/cells.h"
#include "graph/context.h"

#include <math.h>
#include <string.h>

enum {
    CELLS_FROM = 128 /* residues; us a row, comparing / in cells, 48 neighbours, random points as
                        dense as a protein: 2.7/2.9 at 96, 3.7/3.1 at 144, 15/4.9 at 1093,
                        43/4.4 at 5530 (one core of a Sapphire Rapids Xeon, processor time) */
};

static const float ADDED = 1e-6f; /* to squared distances */

/* CA of all residues, by axis, and room for a row of distances. */
typedef struct finder {
    fmpnn_graph *graph;
    float *x, *y, *z; /* [L] */
    float *d;         /* [L] */
    uint64_t *best;   /* [K] */
    fmpnn_cells *cells; /* of the resolved residues; NULL: not used */
} finder;

static void keep(finder *f, size_t i)
{
    fmpnn_graph *graph = f->graph;
    for (size_t m = 0; m < graph->K; m++) {
        graph->neighbour[i * graph->K + m] = (uint32_t)fmpnn_near_index(f->best[m]);
        graph->distance[i * graph->K + m] = fmpnn_near_distance(f->best[m]);
    }
}

/* Row i by comparison with all: distances, then the K nearest. */
static void compare_all(finder *f, size_t i)
{
    const fmpnn_graph *graph = f->graph;
    const float *x = f->x, *y = f->y, *z = f->z;
    float *d = f->d, farthest = 0;
    size_t L = graph->L, count = 0;
    for (size_t j = 0; j < L; j++) {
        float dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
        float both = graph->mask[i] * graph->mask[j];
        d[j] = both * sqrtf(dx * dx + dy * dy + dz * dz + ADDED);
        farthest = d[j] > farthest ? d[j] : farthest;
    }
    for (size_t j = 0; j < L; j++) {
        float both = graph->mask[i] * graph->mask[j];
        count = fmpnn_near_insert(f->best, count, graph->K,
                                  fmpnn_near_key(d[j] + (1 - both) * farthest, j));
    }
}

/* Row i from cells: right if it is resolved, has K resolved neighbours, and one more is farther
 * than they. Those not resolved stand as far as the farthest and so come after. */
static bool search_cells(finder *f, size_t i)
{
    const fmpnn_graph *graph = f->graph;
    const float at[3] = {f->x[i], f->y[i], f->z[i]};
    if (!f->cells || graph->mask[i] == 0)
        return false;
    size_t K = graph->K;
    return fmpnn_cells_nearest(f->cells, at, ADDED, K, f->best) == K &&
           fmpnn_cells_beyond(f->cells, at, ADDED, fmpnn_near_distance(f->best[K - 1]));
}

static bool only_zero_and_one(const float *mask, size_t L)
{
    for (size_t i = 0; i < L; i++)
        if (mask[i] != 0 && mask[i] != 1)
            return false;
    return true;
}

static fmpnn_status find_neighbours(fmpnn_graph *graph, fmpnn_error *err)
{
    size_t L = graph->L;
    fmpnn_status status = FMPNN_OK;
    finder f = {.graph = graph, .x = fmpnn_alloc(4 * L, sizeof(float)),
                .best = fmpnn_alloc(graph->K, sizeof *f.best)};
    if (!f.x || !f.best) {
        status = fmpnn_fail_memory(err, "finding neighbours");
        goto done;
    }
    f.y = f.x + L;
    f.z = f.y + L;
    f.d = f.z + L;
    for (size_t i = 0; i < L; i++)
        for (size_t axis = 0; axis < 3; axis++)
            f.x[axis * L + i] = graph->xyz[(i * 4 + FMPNN_ATOM_CA) * 3 + axis];
    if (L >= CELLS_FROM && only_zero_and_one(graph->mask, L) &&
        !fmpnn_cells_create(L, f.x, f.y, f.z, graph->mask, &f.cells)) {
        status = fmpnn_fail_memory(err, "finding neighbours");
        goto done;
    }
    for (size_t i = 0; i < L; i++) {
        if (!search_cells(&f, i))
            compare_all(&f, i);
        keep(&f, i);
    }
done:
    fmpnn_cells_free(f.cells);
    fmpnn_release(f.best);
    fmpnn_release(f.x);
    return status;
}

/* Everything of its size, nothing filled in; NULL: out of memory. */
static fmpnn_graph *allocate(size_t L, size_t K)
{
    fmpnn_graph *graph = fmpnn_alloc_zero(1, sizeof *graph);
    if (!graph)
        return NULL;
    graph->L = L;
    graph->K = K;
    graph->xyz = fmpnn_alloc(L * 12, sizeof *graph->xyz);
    graph->mask = fmpnn_alloc(L, sizeof *graph->mask);
    graph->index = fmpnn_alloc(L, sizeof *graph->index);
    graph->chain = fmpnn_alloc(L, sizeof *graph->chain);
    graph->neighbour = fmpnn_alloc(L * K, sizeof *graph->neighbour);
    graph->distance = fmpnn_alloc(L * K, sizeof *graph->distance);
    if (graph->xyz && graph->mask && graph->index && graph->chain && graph->neighbour &&
        graph->distance)
        return graph;
    fmpnn_graph_free(graph);
    return NULL;
}

fmpnn_status fmpnn_graph_create(size_t L, const float *xyz, const float *mask,
                                const int32_t *index, const int32_t *chain, size_t k,
                                bool ca_only, fmpnn_graph **out, fmpnn_error *err)
{
    fmpnn_status status;
    if (!L || L > UINT32_MAX || k < 1)
        return fmpnn_fail(err, FMPNN_EINVAL, "a graph of %zu residues with %zu neighbours each", L,
                          k);
    fmpnn_graph *graph = allocate(L, k < L ? k : L);
    if (!graph)
        return fmpnn_fail_memory(err, "making the graph");
    graph->ca_only = ca_only;
    for (size_t n = 0; n < L * 12; n++)
        graph->xyz[n] = isnan(xyz[n]) ? 0 : xyz[n];
    memcpy(graph->mask, mask, L * sizeof *mask);
    memcpy(graph->index, index, L * sizeof *index);
    memcpy(graph->chain, chain, L * sizeof *chain);
    status = find_neighbours(graph, err);
    if (status)
        goto failed;
    *out = graph;
    return FMPNN_OK;
failed:
    fmpnn_graph_free(graph);
    return status;
}

void fmpnn_graph_cb(const fmpnn_graph *graph, float *cb)
{
    for (size_t i = 0; i < graph->L; i++, cb += 3) {
        const float *atom = graph->xyz + i * 12;
        const float *n = atom + 3 * FMPNN_ATOM_N, *ca = atom + 3 * FMPNN_ATOM_CA;
        const float *c = atom + 3 * FMPNN_ATOM_C;
        float b[3], d[3];
        for (int k = 0; k < 3; k++) {
            b[k] = ca[k] - n[k];
            d[k] = c[k] - ca[k];
        }
        const float a[3] = {b[1] * d[2] - b[2] * d[1], b[2] * d[0] - b[0] * d[2],
                            b[0] * d[1] - b[1] * d[0]};
        for (int k = 0; k < 3; k++)
            cb[k] = -0.58273431f * a[k] + 0.56802827f * b[k] - 0.54067466f * d[k] + ca[k];
    }
}

/* Part `from` into the places first .. of `graph`, its chains numbered on from `chains`. */
static void append(fmpnn_graph *graph, const fmpnn_graph *from, size_t first, int32_t chains)
{
    size_t L = from->L, K = from->K;
    memcpy(graph->xyz + first * 12, from->xyz, L * 12 * sizeof *from->xyz);
    memcpy(graph->mask + first, from->mask, L * sizeof *from->mask);
    memcpy(graph->index + first, from->index, L * sizeof *from->index);
    memcpy(graph->distance + first * K, from->distance, L * K * sizeof *from->distance);
    for (size_t i = 0; i < L; i++) {
        graph->part[first + i] = (uint32_t)first;
        graph->chain[first + i] = chains + from->chain[i];
    }
    for (size_t n = 0; n < L * K; n++)
        graph->neighbour[first * K + n] = (uint32_t)first + from->neighbour[n];
}

fmpnn_status fmpnn_graph_join(size_t count, const fmpnn_graph *const part[],
                              fmpnn_graph **out, fmpnn_error *err)
{
    size_t L = 0;
    int32_t chains = 0;
    for (size_t n = 0; n < count; n++) {
        if (part[n]->K != part[0]->K || part[n]->ca_only || part[n]->atoms || part[n]->label)
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "graphs of %zu and %zu neighbours, or of more than a backbone",
                              part[0]->K, part[n]->K);
        L += part[n]->L;
    }
    if (!L || L > UINT32_MAX)
        return fmpnn_fail(err, FMPNN_EINVAL, "graphs of %zu residues", L);
    fmpnn_graph *graph = allocate(L, part[0]->K);
    if (graph)
        graph->part = fmpnn_alloc(L, sizeof *graph->part);
    if (!graph || !graph->part) {
        fmpnn_graph_free(graph);
        return fmpnn_fail_memory(err, "joining graphs");
    }
    for (size_t n = 0, first = 0; n < count; first += part[n++]->L) {
        int32_t last = chains;
        append(graph, part[n], first, chains);
        for (size_t i = 0; i < part[n]->L; i++)
            last = graph->chain[first + i] > last ? graph->chain[first + i] : last;
        chains = last;
    }
    *out = graph;
    return FMPNN_OK;
}

void fmpnn_graph_free(fmpnn_graph *graph)
{
    if (!graph)
        return;
    fmpnn_release(graph->label);
    fmpnn_context_atoms_free(graph->atoms);
    fmpnn_release(graph->part);
    fmpnn_release(graph->distance);
    fmpnn_release(graph->neighbour);
    fmpnn_release(graph->chain);
    fmpnn_release(graph->index);
    fmpnn_release(graph->mask);
    fmpnn_release(graph->xyz);
    fmpnn_release(graph);
}
