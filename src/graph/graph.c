/* The k-nearest-neighbour graph, by direct comparison of all pairs: exact, in float32, with one
 * rule for ties (distance, then index).
 *
 * A row keeps its K best in a sorted list; most candidates fail the comparison with the worst of
 * them, so the cost is little more than the L distances. Non-negative floats order as their bit
 * patterns do, so (distance, index) is one 64-bit key.
 *
 * Source: Dauparas et al. 2022; docs/math.md, "Neighbours". */
#include "graph/context.h"

#include <math.h>
#include <string.h>

static uint64_t key_of(float distance, size_t j)
{
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)j;
}

static float distance_of(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float distance;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

/* Insert into best[0..count), sorted ascending, dropping the worst once K are held. */
static size_t insert(uint64_t *best, size_t count, size_t K, uint64_t key)
{
    if (count == K && key >= best[K - 1])
        return count;
    size_t at = count < K ? count++ : K - 1;
    for (; at > 0 && best[at - 1] > key; at--)
        best[at] = best[at - 1];
    best[at] = key;
    return count;
}

/* Row i: distances into d, then the K nearest. */
static void find_row(fmpnn_graph *graph, const float *x, const float *y, const float *z,
                     size_t i, float *d, uint64_t *best)
{
    size_t L = graph->L, K = graph->K, count = 0;
    float farthest = 0;
    for (size_t j = 0; j < L; j++) {
        float dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
        float both = graph->mask[i] * graph->mask[j];
        d[j] = both * sqrtf(dx * dx + dy * dy + dz * dz + 1e-6f);
        farthest = d[j] > farthest ? d[j] : farthest;
    }
    for (size_t j = 0; j < L; j++) {
        float both = graph->mask[i] * graph->mask[j];
        count = insert(best, count, K, key_of(d[j] + (1 - both) * farthest, j));
    }
    for (size_t m = 0; m < K; m++) {
        graph->neighbour[i * K + m] = (uint32_t)best[m];
        graph->distance[i * K + m] = distance_of(best[m]);
    }
}

static fmpnn_status find_neighbours(fmpnn_graph *graph, fmpnn_error *err)
{
    size_t L = graph->L;
    float *ca = fmpnn_alloc(4 * L, sizeof *ca); /* x, y, z of CA, then a row of distances */
    uint64_t *best = fmpnn_alloc(graph->K, sizeof *best);
    fmpnn_status status = FMPNN_OK;
    if (!ca || !best) {
        status = fmpnn_fail_memory(err, "finding neighbours");
        goto done;
    }
    for (size_t i = 0; i < L; i++)
        for (size_t axis = 0; axis < 3; axis++)
            ca[axis * L + i] = graph->xyz[(i * 4 + FMPNN_ATOM_CA) * 3 + axis];
    for (size_t i = 0; i < L; i++)
        find_row(graph, ca, ca + L, ca + 2 * L, i, ca + 3 * L, best);
done:
    fmpnn_release(best);
    fmpnn_release(ca);
    return status;
}

fmpnn_status fmpnn_graph_create(size_t L, const float *xyz, const float *mask,
                                const int32_t *index, const int32_t *chain, size_t k,
                                bool ca_only, fmpnn_graph **out, fmpnn_error *err)
{
    fmpnn_status status;
    if (!L || L > UINT32_MAX || k < 1)
        return fmpnn_fail(err, FMPNN_EINVAL, "a graph of %zu residues with %zu neighbours each", L,
                          k);
    size_t K = k < L ? k : L;
    fmpnn_graph *graph = fmpnn_alloc_zero(1, sizeof *graph);
    if (!graph)
        return fmpnn_fail_memory(err, "making the graph");
    graph->L = L;
    graph->K = K;
    graph->ca_only = ca_only;
    graph->xyz = fmpnn_alloc(L * 12, sizeof *graph->xyz);
    graph->mask = fmpnn_alloc(L, sizeof *graph->mask);
    graph->index = fmpnn_alloc(L, sizeof *graph->index);
    graph->chain = fmpnn_alloc(L, sizeof *graph->chain);
    graph->neighbour = fmpnn_alloc(L * K, sizeof *graph->neighbour);
    graph->distance = fmpnn_alloc(L * K, sizeof *graph->distance);
    if (!graph->xyz || !graph->mask || !graph->index || !graph->chain || !graph->neighbour ||
        !graph->distance) {
        status = fmpnn_fail_memory(err, "making the graph");
        goto failed;
    }
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

void fmpnn_graph_free(fmpnn_graph *graph)
{
    if (!graph)
        return;
    fmpnn_release(graph->label);
    fmpnn_context_atoms_free(graph->atoms);
    fmpnn_release(graph->distance);
    fmpnn_release(graph->neighbour);
    fmpnn_release(graph->chain);
    fmpnn_release(graph->index);
    fmpnn_release(graph->mask);
    fmpnn_release(graph->xyz);
    fmpnn_release(graph);
}
