/* A search looks at the cell of its point, then at the shell of cells around it, then at the next
 * shell, until K points are held and everything outside the shells is farther than the worst of
 * them. What lies outside shell r differs along some axis by more than r cells; in float32 its
 * distance may be computed a little smaller, which SLACK covers, and points at exactly the worst
 * distance are still looked at, so that ties end as they would in a search of all. */
#include "graph/cells.h"

#include <math.h>
#include <string.h>

static const double CELL = 8;         /* Angstrom: two or three neighbours of a chain across */
static const double WIDEST = 1e18;    /* squares of more overflow in float32 */
static const double SLACK = 1e-5;     /* of what double and float32 rounding move a point */
enum { CELLS_A_POINT = 4 };           /* cells grow until there are no more than this */

struct fmpnn_cells {
    size_t n;             /* points that are in */
    double low[3], size;  /* corner of the first cell, edge of a cell */
    long count[3];        /* cells along each axis */
    uint32_t *start;      /* [cells + 1] first of a cell's points */
    uint32_t *index;      /* [n] whose point it is, by cell, ascending within a cell */
    float *x, *y, *z;     /* [n] the same order */
    uint32_t extreme[6];  /* places of the lowest and highest point along each axis */
};

size_t fmpnn_near_insert(uint64_t *best, size_t count, size_t K, uint64_t key)
{
    if (count == K && key >= best[K - 1])
        return count;
    size_t at = count < K ? count++ : K - 1;
    for (; at > 0 && best[at - 1] > key; at--)
        best[at] = best[at - 1];
    best[at] = key;
    return count;
}

/* ---- sorting ---- */

/* Cell of a coordinate along an axis; outside the cells, the one it would be in. */
static long place(const fmpnn_cells *c, int axis, double at)
{
    return (long)floor((at - c->low[axis]) / c->size);
}

static size_t cell_of(const fmpnn_cells *c, float x, float y, float z)
{
    long i = place(c, 0, x), j = place(c, 1, y), k = place(c, 2, z);
    return (size_t)((i * c->count[1] + j) * c->count[2] + k);
}

/* Corner, size and number of the cells. false: not for cells. */
static bool measure(fmpnn_cells *c, size_t n, const float *const axis[3], const float *take)
{
    double width[3];
    for (size_t j = 0; j < n; j++)
        c->n += !take || take[j] != 0;
    if (!c->n || c->n > UINT32_MAX)
        return false;
    for (int a = 0; a < 3; a++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t j = 0; j < n; j++) {
            if (take && take[j] == 0)
                continue;
            if (!isfinite(axis[a][j]))
                return false;
            low = axis[a][j] < low ? axis[a][j] : low;
            high = axis[a][j] > high ? axis[a][j] : high;
        }
        c->low[a] = low;
        width[a] = high - low;
        if (width[a] > WIDEST)
            return false;
    }
    for (c->size = CELL;; c->size *= 2) {
        double total = 1;
        for (int a = 0; a < 3; a++)
            total *= floor(width[a] / c->size) + 1;
        if (total <= (double)CELLS_A_POINT * (double)c->n)
            break;
    }
    for (int a = 0; a < 3; a++)
        c->count[a] = (long)floor(width[a] / c->size) + 1;
    return true;
}

static bool sort(fmpnn_cells *c, size_t n, const float *const axis[3], const float *take)
{
    size_t cells = (size_t)(c->count[0] * c->count[1] * c->count[2]);
    c->start = fmpnn_alloc_zero(cells + 2, sizeof *c->start);
    c->index = fmpnn_alloc(c->n, sizeof *c->index);
    c->x = fmpnn_alloc(3 * c->n, sizeof *c->x);
    if (!c->start || !c->index || !c->x)
        return false;
    c->y = c->x + c->n;
    c->z = c->y + c->n;
    uint32_t *end = c->start + 1; /* where the next point of a cell goes: at last, its end */
    for (size_t j = 0; j < n; j++)
        if (!take || take[j] != 0)
            end[cell_of(c, axis[0][j], axis[1][j], axis[2][j]) + 1]++;
    for (size_t m = 0; m < cells; m++)
        end[m + 1] += end[m];
    for (size_t j = 0; j < n; j++) {
        if (take && take[j] == 0)
            continue;
        uint32_t at = end[cell_of(c, axis[0][j], axis[1][j], axis[2][j])]++;
        c->index[at] = (uint32_t)j;
        c->x[at] = axis[0][j];
        c->y[at] = axis[1][j];
        c->z[at] = axis[2][j];
    }
    return true;
}

static void find_extremes(fmpnn_cells *c)
{
    for (int a = 0; a < 3; a++) {
        const float *at = c->x + (size_t)a * c->n;
        for (size_t m = 0; m < c->n; m++) {
            if (at[m] < at[c->extreme[2 * a]])
                c->extreme[2 * a] = (uint32_t)m;
            if (at[m] > at[c->extreme[2 * a + 1]])
                c->extreme[2 * a + 1] = (uint32_t)m;
        }
    }
}

bool fmpnn_cells_create(size_t n, const float *x, const float *y, const float *z,
                        const float *take, fmpnn_cells **out)
{
    const float *const axis[3] = {x, y, z};
    fmpnn_cells *c = fmpnn_alloc_zero(1, sizeof *c);
    *out = NULL;
    if (!c)
        return false;
    if (!measure(c, n, axis, take)) {
        fmpnn_cells_free(c);
        return true;
    }
    if (!sort(c, n, axis, take)) {
        fmpnn_cells_free(c);
        return false;
    }
    find_extremes(c);
    *out = c;
    return true;
}

void fmpnn_cells_free(fmpnn_cells *c)
{
    if (!c)
        return;
    fmpnn_release(c->x);
    fmpnn_release(c->index);
    fmpnn_release(c->start);
    fmpnn_release(c);
}

/* ---- searching ---- */

typedef struct search {
    const fmpnn_cells *c;
    float point[3], added;
    long home[3];
    size_t K, count;
    uint64_t *best;
    float enough; /* what has a larger square than this is farther than the worst of best */
} search;

static float square_to(const fmpnn_cells *c, const float point[3], float added, size_t m)
{
    float dx = point[0] - c->x[m], dy = point[1] - c->y[m], dz = point[2] - c->z[m];
    return dx * dx + dy * dy + dz * dz + added;
}

/* The cells (i, j, first) to (i, j, last), which are adjacent in memory. */
static void look_at(search *s, long i, long j, long first, long last)
{
    const fmpnn_cells *c = s->c;
    first = first < 0 ? 0 : first;
    last = last >= c->count[2] ? c->count[2] - 1 : last;
    if (first > last)
        return;
    size_t row = (size_t)((i * c->count[1] + j) * c->count[2]);
    for (size_t m = c->start[row + (size_t)first]; m < c->start[row + (size_t)last + 1]; m++) {
        float square = square_to(c, s->point, s->added, m);
        if (square > s->enough)
            continue;
        uint64_t key = fmpnn_near_key(sqrtf(square), c->index[m]);
        s->count = fmpnn_near_insert(s->best, s->count, s->K, key);
        if (s->count == s->K) {
            float worst = fmpnn_near_distance(s->best[s->K - 1]);
            s->enough = worst * worst * (1 + (float)SLACK);
        }
    }
}

static void look_at_shell(search *s, long r)
{
    const long *home = s->home, *count = s->c->count;
    for (long i = home[0] - r; i <= home[0] + r; i++) {
        if (i < 0 || i >= count[0])
            continue;
        bool face = i == home[0] - r || i == home[0] + r;
        for (long j = home[1] - r; j <= home[1] + r; j++) {
            if (j < 0 || j >= count[1])
                continue;
            if (face || j == home[1] - r || j == home[1] + r) {
                look_at(s, i, j, home[2] - r, home[2] + r);
            } else {
                look_at(s, i, j, home[2] - r, home[2] - r);
                look_at(s, i, j, home[2] + r, home[2] + r);
            }
        }
    }
}

/* The shells around a point: `first` is the first that touches any cell, `last` the last; and
 * how far the nearest face of its own cell is. */
static void find_shells(search *s, long *first, long *last, double *inner)
{
    *first = 0;
    *last = 0;
    *inner = s->c->size;
    for (int a = 0; a < 3; a++) {
        long count = s->c->count[a], home = place(s->c, a, s->point[a]);
        double low = s->c->low[a] + (double)home * s->c->size;
        double below = s->point[a] - low, above = low + s->c->size - s->point[a];
        long near = home < 0 ? -home : home >= count ? home - count + 1 : 0;
        long far = home > count - 1 - home ? home : count - 1 - home;
        s->home[a] = home;
        *first = near > *first ? near : *first;
        *last = far > *last ? far : *last;
        *inner = below < *inner ? below : *inner;
        *inner = above < *inner ? above : *inner;
    }
}

size_t fmpnn_cells_nearest(const fmpnn_cells *c, const float point[3], float added, size_t K,
                           uint64_t *best)
{
    search s = {.c = c, .point = {point[0], point[1], point[2]}, .added = added, .K = K,
                .best = best, .enough = INFINITY};
    long first, last;
    double inner;
    find_shells(&s, &first, &last, &inner);
    for (long r = first; r <= last; r++) {
        look_at_shell(&s, r);
        double outside = ((double)r * c->size + inner) * (1 - SLACK) - c->size * SLACK;
        if (s.count == K && outside > fmpnn_near_distance(best[K - 1]))
            break;
    }
    return s.count;
}

bool fmpnn_cells_beyond(const fmpnn_cells *c, const float point[3], float added, float distance)
{
    for (size_t e = 0; e < sizeof c->extreme / sizeof *c->extreme; e++)
        if (sqrtf(square_to(c, point, added, c->extreme[e])) > distance)
            return true;
    return false;
}
