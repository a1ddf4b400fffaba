/* Graphs made, joined and freed; neighbours.c finds who is near whom. */
#include "graph/context.h"
#include "graph/neighbours.h"

#include <math.h>
#include <string.h>

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
    status = fmpnn_neighbours_find(graph, err);
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
