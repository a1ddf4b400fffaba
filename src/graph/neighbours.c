/* The k nearest neighbours: exact, in float32, with one rule for ties (distance, then index).
 * Very large structures look for neighbours in cells (cells.c); rows for which that does not
 * settle the order, and all other structures, compare with every residue.
 *
 * Such a comparison sorts a row's distances into buckets of equal width: what lies in the buckets
 * up to the one in which the K-th falls is laid out bucket by bucket, and one pass of insertion
 * puts it in order. Nothing is moved far, and no branch depends on a single distance.
 *
 * Source: Dauparas et al. 2022; docs/math.md, "Neighbours". */
#include "graph/neighbours.h"

#include <math.h>
#include <string.h>

#include "graph/cells.h"

/* CELLS_FROM: microseconds a row, comparing / in cells, 48 neighbours, random points as dense as a
 * protein: 0.8/2.5 at 280, 2.7/3.2 at 1093, 4.5/3.4 at 2000, 13/3.7 at 5530 (one core of an EPYC of
 * Zen 5). */
enum {
    CELLS_FROM = 1024, /* residues */
    BUCKETS = 512,     /* for a row of distances, the farthest being in the last */
    CROWDED = 16       /* pairs in one bucket for each residue laid out: too many to sort */
};

static const float ADDED = 1e-6f; /* to squared distances */
static const float TINY = 1e-6f;  /* no distance of resolved residues is as small */

/* CA of all residues, by axis, and room for a row of distances. */
typedef struct finder {
    fmpnn_graph *graph;
    float *x, *y, *z;   /* [L] */
    float *d;           /* [L] */
    int32_t *bucket;    /* [L] */
    uint32_t *chosen;   /* [L] residues that may be among the nearest, ascending */
    uint64_t *key;      /* [L] the same, with distances, by bucket */
    uint64_t *best;     /* [K] */
    fmpnn_cells *cells; /* of the resolved residues; NULL: not used */
} finder;

static void keep(finder *f, size_t i, const uint64_t *best)
{
    size_t K = f->graph->K;
    uint32_t *restrict neighbour = f->graph->neighbour + i * K;
    float *restrict distance = f->graph->distance + i * K;
    for (size_t m = 0; m < K; m++) {
        neighbour[m] = (uint32_t)fmpnn_near_index(best[m]);
        distance[m] = fmpnn_near_distance(best[m]);
    }
}

/* ---- one row by comparison with all ---- */

static int32_t float_bits(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Row i of distances; returns the largest. Non-negative floats order as their bits do, and
 * those are what a compiler finds the largest of many at a time. */
static float measure(finder *f, size_t i)
{
    const float *restrict x = f->x, *restrict y = f->y, *restrict z = f->z;
    const float *restrict mask = f->graph->mask;
    const float own = mask[i], at[3] = {x[i], y[i], z[i]};
    float *restrict d = f->d, farthest;
    size_t L = f->graph->L;
    int32_t most = 0;
    for (size_t j = 0; j < L; j++) {
        float dx = at[0] - x[j], dy = at[1] - y[j], dz = at[2] - z[j];
        float both = own * mask[j];
        d[j] = both * sqrtf(dx * dx + dy * dy + dz * dz + ADDED);
        int32_t bits = float_bits(d[j]);
        most = bits > most ? bits : most;
    }
    memcpy(&farthest, &most, sizeof farthest);
    for (size_t j = 0; j < L; j++)
        d[j] += (1 - own * mask[j]) * farthest;
    return farthest;
}

/* The K nearest of a row whatever is in it: most candidates fail against the worst of those
 * held, so few are moved. */
static const uint64_t *insert_all(finder *f)
{
    size_t count = 0;
    for (size_t j = 0; j < f->graph->L; j++)
        count = fmpnn_near_insert(f->best, count, f->graph->K, fmpnn_near_key(f->d[j], j));
    return f->best;
}

/* Count the row into buckets; the first of each in start[]. Returns the bucket of the K-th, or
 * BUCKETS if too many share one. */
static int32_t count_buckets(finder *f, float farthest, uint32_t *start, size_t *chosen)
{
    const float scale = farthest > TINY ? (float)(BUCKETS - 1) / farthest : 0;
    const float *restrict d = f->d;
    int32_t *restrict bucket = f->bucket, cut = 0;
    size_t L = f->graph->L, before = 0, pairs = 0;
    memset(start, 0, BUCKETS * sizeof *start);
    for (size_t j = 0; j < L; j++)
        bucket[j] = (int32_t)(d[j] * scale);
    for (size_t j = 0; j < L; j++)
        start[bucket[j]]++;
    for (;; cut++) {
        size_t here = start[cut];
        start[cut] = (uint32_t)before;
        before += here;
        pairs += here * here;
        if (before >= f->graph->K)
            break;
    }
    *chosen = before;
    return pairs > CROWDED * before ? BUCKETS : cut;
}

static const uint64_t *sort_buckets(finder *f, float farthest)
{
    uint32_t start[BUCKETS], *chosen = f->chosen;
    const int32_t *bucket = f->bucket;
    uint64_t *key = f->key;
    size_t L = f->graph->L, count, n = 0;
    int32_t cut = count_buckets(f, farthest, start, &count);
    if (cut == BUCKETS)
        return insert_all(f);
    for (size_t j = 0; j < L; j++) {
        chosen[n] = (uint32_t)j;
        n += bucket[j] <= cut;
    }
    for (n = 0; n < count; n++)
        key[start[bucket[chosen[n]]]++] = fmpnn_near_key(f->d[chosen[n]], chosen[n]);
    for (n = 1; n < count; n++) {
        uint64_t moved = key[n];
        size_t at = n;
        for (; at > 0 && key[at - 1] > moved; at--)
            key[at] = key[at - 1];
        key[at] = moved;
    }
    return key;
}

/* ---- one row from cells ---- */

/* Right if the residue is resolved, has K resolved neighbours, and one more is farther than they.
 * Those not resolved stand as far as the farthest and so come after. */
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

/* ---- all rows ---- */

static bool only_zero_and_one(const float *mask, size_t L)
{
    for (size_t i = 0; i < L; i++)
        if (mask[i] != 0 && mask[i] != 1)
            return false;
    return true;
}

/* No distance overflows, so none is infinite or no number. */
static bool are_moderate(const float *axis, size_t count)
{
    static const float far = 1e18f;
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(axis[i]) < far))
            return false;
    return true;
}

static bool finder_init(finder *f, fmpnn_graph *graph)
{
    size_t L = graph->L;
    *f = (finder){.graph = graph};
    f->x = fmpnn_alloc(4 * L, sizeof *f->x);
    f->bucket = fmpnn_alloc(L, sizeof *f->bucket);
    f->chosen = fmpnn_alloc(L, sizeof *f->chosen);
    f->key = fmpnn_alloc(L, sizeof *f->key);
    f->best = fmpnn_alloc(graph->K, sizeof *f->best);
    if (!f->x || !f->bucket || !f->chosen || !f->key || !f->best)
        return false;
    f->y = f->x + L;
    f->z = f->y + L;
    f->d = f->z + L;
    for (size_t i = 0; i < L; i++)
        for (size_t axis = 0; axis < 3; axis++)
            f->x[axis * L + i] = graph->xyz[(i * 4 + FMPNN_ATOM_CA) * 3 + axis];
    return true;
}

static void finder_clear(finder *f)
{
    fmpnn_cells_free(f->cells);
    fmpnn_release(f->best);
    fmpnn_release(f->key);
    fmpnn_release(f->chosen);
    fmpnn_release(f->bucket);
    fmpnn_release(f->x);
}

fmpnn_status fmpnn_neighbours_find(fmpnn_graph *graph, fmpnn_error *err)
{
    size_t L = graph->L;
    fmpnn_status status = FMPNN_OK;
    finder f;
    bool plain = only_zero_and_one(graph->mask, L);
    if (!finder_init(&f, graph) ||
        (plain && L >= CELLS_FROM &&
         !fmpnn_cells_create(L, f.x, f.y, f.z, graph->mask, &f.cells)))
        status = fmpnn_fail_memory(err, "finding neighbours");
    plain = plain && !status && are_moderate(f.x, 3 * L);
    for (size_t i = 0; i < L && !status; i++) {
        if (search_cells(&f, i)) {
            keep(&f, i, f.best);
            continue;
        }
        float farthest = measure(&f, i);
        keep(&f, i, plain ? sort_buckets(&f, farthest) : insert_all(&f));
    }
    finder_clear(&f);
    return status;
}
