/* Following one change through the layers of the decoder (local.h). */
#include "engine/local.h"

#include <string.h>

#define NO_ROW UINT32_MAX

static size_t row_size(const fmpnn_encoding *en)
{
    return en->C * sizeof(float);
}

bool fmpnn_follower_init(fmpnn_follower *f, const fmpnn_common *c)
{
    size_t L = c->en->L, K = c->en->K, states = c->en->layers - 1;
    memset(f, 0, sizeof *f);
    f->z = fmpnn_alloc(2 * K, row_size(c->en));
    f->tile = fmpnn_alloc(2 * K, row_size(c->en));
    f->sum = fmpnn_alloc(K, sizeof *f->sum);
    f->edge = fmpnn_alloc(2 * K, sizeof *f->edge);
    f->h = fmpnn_alloc(states * L, row_size(c->en));
    f->near = fmpnn_alloc(states * L, row_size(c->en));
    f->place = fmpnn_alloc(states * L, sizeof *f->place);
    f->needed = fmpnn_alloc((states + 1) * L, sizeof *f->needed);
    f->n_needed = fmpnn_alloc(states + 1, sizeof *f->n_needed);
    f->mark = fmpnn_alloc_zero(L, 1);
    f->changed = fmpnn_alloc(L, sizeof *f->changed);
    bool good = fmpnn_decode_scratch_init(&f->x, c->en);
    if (!good || !f->z || !f->tile || !f->sum || !f->edge || !f->h || !f->near || !f->place ||
        !f->needed || !f->n_needed || !f->mark || !f->changed)
        return false;
    for (size_t n = 0; n < states * L; n++)
        f->place[n] = NO_ROW;
    return true;
}

void fmpnn_follower_clear(fmpnn_follower *f)
{
    fmpnn_decode_scratch_clear(&f->x);
    fmpnn_release(f->changed);
    fmpnn_release(f->mark);
    fmpnn_release(f->n_needed);
    fmpnn_release(f->needed);
    fmpnn_release(f->place);
    fmpnn_release(f->near);
    fmpnn_release(f->h);
    fmpnn_release(f->edge);
    fmpnn_release(f->sum);
    fmpnn_release(f->tile);
    fmpnn_release(f->z);
}

bool fmpnn_change_decoded(const fmpnn_common *c, const fmpnn_change *change, size_t row,
                          size_t j)
{
    if (j == change->last)
        return false;
    return row == change->last || c->rank[j] < c->rank[row];
}

/* Where the new state after the layer before is, or NO_ROW. */
static uint32_t place_of(const fmpnn_common *c, const fmpnn_follower *f, size_t layer, size_t j)
{
    return layer ? f->place[(layer - 1) * c->en->L + j] : NO_ROW;
}

/* Does the term of edge (row, j) differ from the common pass, row's own state aside? */
static bool edge_changed(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                         size_t row, size_t j, const fmpnn_follower *f)
{
    bool now = fmpnn_change_decoded(c, change, row, j);
    if (now != (c->rank[j] < c->rank[row]))
        return true;
    return now && (change->letters[j] != c->letters[j] || place_of(c, f, layer, j) != NO_ROW);
}

/* The edges of `row` that changed; how many. */
static size_t find_changed_edges(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                                 size_t row, const fmpnn_follower *f, uint32_t *edge)
{
    size_t K = c->en->K, count = 0;
    for (size_t m = 0; m < K; m++)
        if (edge_changed(c, change, layer, row, c->en->graph->neighbour[row * K + m], f))
            edge[count++] = (uint32_t)m;
    return count;
}

static bool row_changed(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                        size_t row, const fmpnn_follower *f)
{
    size_t K = c->en->K;
    if (layer == c->layers || place_of(c, f, layer, row) != NO_ROW)
        return true;
    for (size_t m = 0; m < K; m++)
        if (edge_changed(c, change, layer, row, c->en->graph->neighbour[row * K + m], f))
            return true;
    return false;
}

/* What edge m of `row` adds now, into place n of the scratch's pointers. */
static void gather_edge(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                        size_t row, size_t m, fmpnn_follower *f, size_t n)
{
    const fmpnn_encoding *en = c->en;
    size_t C = en->C, L = en->L, j = en->graph->neighbour[row * en->K + m];
    bool known = fmpnn_change_decoded(c, change, row, j);
    uint32_t place = place_of(c, f, layer, j);
    f->x.edge[n] = fmpnn_edge_tile(en, c->kernels, layer, row, &f->x) + m * C;
    f->x.letter[n] = known ? en->w->decoder[layer].letters + change->letters[j] * C : NULL;
    f->x.node[n] = en->blind + (layer * L + j) * C;
    if (!known || !layer)
        return;
    if (place != NO_ROW)
        f->x.node[n] = f->near + ((layer - 1) * L + place) * C;
    else
        f->x.node[n] =
            en->graph->mask[j] == 0 ? NULL : c->near + ((layer - 1) * L + j) * C;
}

/* ---- sums: all terms anew, or the changed ones of several rows through W2 together ---- */

static void sum_whole(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                      size_t row, const float *own, fmpnn_follower *f, float *s)
{
    const fmpnn_packed_decoder *w = &c->en->w->decoder[layer];
    size_t C = c->en->C, K = c->en->K;
    for (size_t m = 0; m < K; m++)
        gather_edge(c, change, layer, row, m, f, m);
    c->kernels->gather_gelu(f->x.tile, C, own, f->x.edge, f->x.node, f->x.letter, K, C);
    c->kernels->gemm_sum(s, f->x.tile, C, K, C, w->w2, C, w->b2, NULL);
}

static void add_part(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                     size_t row, size_t m, const float *own, fmpnn_follower *f)
{
    size_t C = c->en->C, first = f->filled;
    size_t count = find_changed_edges(c, change, layer, row, f, f->edge + first);
    for (size_t n = 0; n < count; n++)
        gather_edge(c, change, layer, row, f->edge[first + n], f, n);
    c->kernels->gather_gelu(f->z + first * C, C, own, f->x.edge, f->x.node, f->x.letter, count,
                            C);
    f->part[f->parts++] = (fmpnn_part){(uint32_t)m, (uint32_t)first, (uint32_t)count};
    f->filled += count;
}

/* W2 for all terms that were added, then the sums of their rows. */
static void finish_parts(const fmpnn_common *c, size_t layer, const uint32_t *row,
                         fmpnn_follower *f)
{
    const fmpnn_encoding *en = c->en;
    const fmpnn_packed_decoder *w = &en->w->decoder[layer];
    size_t C = en->C, K = en->K;
    c->kernels->gemm(f->tile, C, f->z, C, f->filled, C, w->w2, C, w->b2, NULL, 1);
    for (size_t p = 0; p < f->parts; p++) {
        const fmpnn_part *part = &f->part[p];
        const float *terms = c->terms + (layer * en->L + row[part->row]) * K * C;
        for (size_t m = 0; m < K; m++)
            f->sum[m] = terms + m * C;
        for (size_t n = part->first; n < part->first + part->count; n++)
            f->sum[f->edge[n]] = f->tile + n * C;
        c->kernels->sum_rows(f->x.s + part->row * C, f->sum, K, C);
    }
    f->parts = f->filled = 0;
}

/* The summed messages of M rows. */
static void sum_block(const fmpnn_common *c, const fmpnn_change *change, size_t layer, size_t M,
                      const uint32_t *row, fmpnn_follower *f)
{
    size_t C = c->en->C, K = c->en->K;
    for (size_t m = 0; m < M; m++) {
        const float *own = layer ? f->x.own + m * C : c->en->own_part + row[m] * C;
        if (!c->terms || layer == c->layers || place_of(c, f, layer, row[m]) != NO_ROW) {
            sum_whole(c, change, layer, row[m], own, f, f->x.s + m * C);
            continue;
        }
        if (f->filled + K > 2 * K)
            finish_parts(c, layer, row, f);
        add_part(c, change, layer, row[m], m, own, f);
    }
    if (f->parts)
        finish_parts(c, layer, row, f);
}

/* ---- layer by layer ---- */

/* M changed rows of a layer: new states, packed from `first` on, or logits. */
static void compute_block(const fmpnn_common *c, const fmpnn_change *change, size_t layer,
                          size_t M, const uint32_t *row, size_t first, fmpnn_follower *f,
                          float *logits)
{
    const fmpnn_encoding *en = c->en;
    fmpnn_decode_scratch *x = &f->x;
    size_t C = en->C, L = en->L;
    for (size_t m = 0; m < M; m++) {
        uint32_t place = place_of(c, f, layer, row[m]);
        const float *h = !layer           ? en->h + row[m] * C
                         : place == NO_ROW ? c->h + ((layer - 1) * L + row[m]) * C
                                           : f->h + ((layer - 1) * L + place) * C;
        memcpy(x->h + m * C, h, row_size(en));
    }
    if (layer)
        c->kernels->gemm(x->own, C, x->h, C, M, C, en->w->decoder[layer].message.own, C, NULL,
                         NULL, 0);
    sum_block(c, change, layer, M, row, f);
    fmpnn_decode_nodes(en, c->kernels, layer, M, x);
    if (layer + 1 == en->layers) {
        for (size_t m = 0; m < M; m++)
            memcpy(logits + row[m] * FMPNN_LETTERS, x->next + m * FMPNN_LETTERS,
                   FMPNN_LETTERS * sizeof *logits);
        return;
    }
    memcpy(f->h + (layer * L + first) * C, x->h, M * row_size(en));
    memcpy(f->near + (layer * L + first) * C, x->next, M * row_size(en));
}

void fmpnn_change_follow(const fmpnn_common *c, const fmpnn_change *change, fmpnn_follower *f,
                         float *logits)
{
    size_t L = c->en->L, layers = c->en->layers;
    for (size_t layer = 0; layer < layers; layer++) {
        size_t count = 0;
        for (size_t n = 0; n < f->n_needed[layer]; n++) {
            uint32_t row = f->needed[layer * L + n];
            if (row_changed(c, change, layer, row, f))
                f->changed[count++] = row;
        }
        for (size_t first = 0; first < count; first += FMPNN_ROWS)
            compute_block(c, change, layer,
                          count - first < FMPNN_ROWS ? count - first : FMPNN_ROWS,
                          f->changed + first, first, f, logits);
        for (size_t n = 0; layer + 1 < layers && n < count; n++)
            f->place[layer * L + f->changed[n]] = (uint32_t)n;
    }
    for (size_t layer = 0; layer + 1 < layers; layer++)
        for (size_t n = 0; n < f->n_needed[layer]; n++)
            f->place[layer * L + f->needed[layer * L + n]] = NO_ROW;
}
