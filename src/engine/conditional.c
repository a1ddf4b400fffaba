/* Conditional logits: what the network says at residue i when i comes last in the order and
 * everything else keeps its place. Asked at many positions, almost all of the work is the same:
 * one pass in the common order is made and kept, and for each i only what moving i changes is
 * computed again, exactly.
 *
 * Moving i to the end turns, in the rows that come after i and list it, one edge from decoded
 * to not decoded, and in row i the edges to those behind it from not decoded to decoded. From
 * there a change travels one step a layer, and only rows that row i of the last layer depends
 * on are followed. A row whose own state stands recomputes its changed terms alone; its sum is
 * formed again in neighbour order, so its bits are those of a whole pass. docs/math.md,
 * "Single residues". */
#include "engine/engine.h"

#include <string.h>

enum {
    TERM_BYTES = 512 << 20 /* terms kept at most; beyond, changed rows are recomputed whole */
};

#define NO_ROW UINT32_MAX

/* The common pass. Layers of states count from 1: what layer l produced. */
typedef struct common {
    const fmpnn_encoding *en;
    const fmpnn_kernels *kernels;
    const uint8_t *letters;
    const uint32_t *rank;
    size_t layers;  /* all but the last: nobody reads the last layer of this pass */
    float *h;       /* [layers][L][C] state after layer l */
    float *near;    /* [layers][L][C] Wn h, for layer l+1 */
    float *terms;   /* [layers][L][K][C] g(W2 g(z) + b2); NULL if they are too many */
} common;

/* What one thread needs to follow the changes of one position. */
typedef struct follower {
    fmpnn_decode_scratch x;
    float *tile;         /* [K][C] recomputed terms */
    const float **sum;   /* [K] rows to add up */
    uint32_t *edge;      /* [K] changed edges of the row at hand */
    float *h, *near;     /* [layers][L][C] new states, packed */
    uint32_t *place;     /* [layers][L] where a residue's new state is, or NO_ROW */
    uint32_t *needed;    /* [layers+1][L] residues whose layer l matters */
    size_t *n_needed;    /* [layers+1] */
    uint8_t *mark;       /* [L] */
    uint32_t *changed;   /* [L] rows of the layer at hand that change */
} follower;

static size_t row_size(const fmpnn_encoding *en)
{
    return en->C * sizeof(float);
}

/* ---- the common pass ---- */

static void gather_common(const common *c, size_t layer, size_t i, fmpnn_decode_scratch *x)
{
    const fmpnn_encoding *en = c->en;
    size_t C = en->C, K = en->K, L = en->L;
    for (size_t m = 0; m < K; m++) {
        size_t j = en->graph->neighbour[i * K + m];
        bool decoded = c->rank[j] < c->rank[i];
        x->edge[m] = en->edge_part + ((layer * L + i) * K + m) * C;
        x->letter[m] = decoded ? en->w->decoder[layer].letters + c->letters[j] * C : NULL;
        x->node[m] = en->blind + (layer * L + j) * C;
        if (decoded && layer)
            x->node[m] = en->graph->mask[j] == 0 ? NULL : c->near + ((layer - 1) * L + j) * C;
    }
}

static void common_block(const common *c, size_t layer, size_t M, const uint32_t *row,
                         float *tile, fmpnn_decode_scratch *x)
{
    const fmpnn_encoding *en = c->en;
    const fmpnn_packed_decoder *w = &en->w->decoder[layer];
    size_t C = en->C, K = en->K, L = en->L;
    const float *h = layer ? c->h + (layer - 1) * L * C : en->h;
    for (size_t m = 0; m < M; m++)
        memcpy(x->h + m * C, h + row[m] * C, row_size(en));
    if (layer)
        c->kernels->gemm(x->own, C, x->h, C, M, C, w->message.own, C, NULL, NULL, 0);
    for (size_t m = 0; m < M; m++) {
        size_t i = row[m];
        const float *own = layer ? x->own + m * C : en->own_part + i * C;
        float *terms = c->terms ? c->terms + (layer * L + i) * K * C : tile;
        gather_common(c, layer, i, x);
        c->kernels->gather_gelu(x->tile, C, own, x->edge, x->node, x->letter, K, C);
        c->kernels->gemm(terms, C, x->tile, C, K, C, w->w2, C, w->b2, NULL, 1);
        for (size_t k = 0; k < K; k++)
            x->edge[k] = terms + k * C;
        c->kernels->sum_rows(x->s + m * C, x->edge, K, C);
    }
    fmpnn_decode_nodes(en, c->kernels, layer, M, x);
    for (size_t m = 0; m < M; m++) {
        memcpy(c->h + (layer * L + row[m]) * C, x->h + m * C, row_size(en));
        memcpy(c->near + (layer * L + row[m]) * C, x->next + m * C, row_size(en));
    }
}

/* ---- following one position ---- */

static bool follower_init(follower *f, const common *c)
{
    size_t L = c->en->L, K = c->en->K, layers = c->layers;
    memset(f, 0, sizeof *f);
    f->tile = fmpnn_alloc(K, row_size(c->en));
    f->sum = fmpnn_alloc(K, sizeof *f->sum);
    f->edge = fmpnn_alloc(K, sizeof *f->edge);
    f->h = fmpnn_alloc(layers * L, row_size(c->en));
    f->near = fmpnn_alloc(layers * L, row_size(c->en));
    f->place = fmpnn_alloc(layers * L, sizeof *f->place);
    f->needed = fmpnn_alloc((layers + 1) * L, sizeof *f->needed);
    f->n_needed = fmpnn_alloc(layers + 1, sizeof *f->n_needed);
    f->mark = fmpnn_alloc_zero(L, 1);
    f->changed = fmpnn_alloc(L, sizeof *f->changed);
    bool good = fmpnn_decode_scratch_init(&f->x, c->en);
    if (!good || !f->tile || !f->sum || !f->edge || !f->h || !f->near || !f->place ||
        !f->needed || !f->n_needed || !f->mark || !f->changed)
        return false;
    for (size_t n = 0; n < layers * L; n++)
        f->place[n] = NO_ROW;
    return true;
}

static void follower_clear(follower *f)
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
}

/* Whether j counts as decoded for row `row` once i stands last. */
static bool decoded(const common *c, size_t i, size_t row, size_t j)
{
    if (j == i)
        return false;
    return row == i || c->rank[j] < c->rank[row];
}

/* The residues that row i of the last layer depends on, layer by layer, from the end. */
static void find_needed(const common *c, size_t i, follower *f)
{
    const fmpnn_graph *graph = c->en->graph;
    size_t L = graph->L, K = graph->K;
    uint32_t *list = f->needed + c->layers * L;
    list[0] = (uint32_t)i;
    f->n_needed[c->layers] = 1;
    for (size_t layer = c->layers; layer-- > 0;) {
        const uint32_t *after = f->needed + (layer + 1) * L;
        size_t count = 0;
        list = f->needed + layer * L;
        for (size_t n = 0; n < f->n_needed[layer + 1]; n++) {
            size_t row = after[n];
            if (!f->mark[row]) {
                f->mark[row] = 1;
                list[count++] = (uint32_t)row;
            }
            for (size_t m = 0; m < K; m++) {
                size_t j = graph->neighbour[row * K + m];
                if (f->mark[j] || graph->mask[j] == 0 || !decoded(c, i, row, j))
                    continue;
                f->mark[j] = 1;
                list[count++] = (uint32_t)j;
            }
        }
        f->n_needed[layer] = count;
        for (size_t n = 0; n < count; n++)
            f->mark[list[n]] = 0;
    }
}

static uint32_t place_of(const common *c, const follower *f, size_t layer, size_t j)
{
    return layer ? f->place[(layer - 1) * c->en->L + j] : NO_ROW;
}

/* The edges of `row` that differ from the common pass; how many. */
static size_t find_changed_edges(const common *c, size_t i, size_t layer, size_t row,
                                 const follower *f, uint32_t *edge)
{
    size_t K = c->en->K, count = 0;
    for (size_t m = 0; m < K; m++) {
        size_t j = c->en->graph->neighbour[row * K + m];
        bool turned = row == i   ? c->rank[j] > c->rank[i]
                      : j == i ? c->rank[i] < c->rank[row]
                               : false;
        if (turned || (decoded(c, i, row, j) && place_of(c, f, layer, j) != NO_ROW))
            edge[count++] = (uint32_t)m;
    }
    return count;
}

/* What edge m of `row` adds, with i last, into place n of the scratch's pointers. */
static void gather_edge(const common *c, size_t i, size_t layer, size_t row, size_t m,
                        const follower *f, size_t n)
{
    const fmpnn_encoding *en = c->en;
    size_t C = en->C, L = en->L, j = en->graph->neighbour[row * en->K + m];
    bool known = decoded(c, i, row, j);
    uint32_t place = place_of(c, f, layer, j);
    f->x.edge[n] = en->edge_part + ((layer * L + row) * en->K + m) * C;
    f->x.letter[n] = known ? en->w->decoder[layer].letters + c->letters[j] * C : NULL;
    f->x.node[n] = en->blind + (layer * L + j) * C;
    if (!known || !layer)
        return;
    if (place != NO_ROW)
        f->x.node[n] = f->near + ((layer - 1) * L + place) * C;
    else
        f->x.node[n] =
            en->graph->mask[j] == 0 ? NULL : c->near + ((layer - 1) * L + j) * C;
}

/* The summed messages of `row` with i last. */
static void sum_row(const common *c, size_t i, size_t layer, size_t row, const float *own,
                    follower *f, float *s)
{
    const fmpnn_encoding *en = c->en;
    const fmpnn_packed_decoder *w = &en->w->decoder[layer];
    size_t C = en->C, K = en->K;
    if (!c->terms || layer == c->layers || place_of(c, f, layer, row) != NO_ROW) {
        for (size_t m = 0; m < K; m++)
            gather_edge(c, i, layer, row, m, f, m);
        c->kernels->gather_gelu(f->x.tile, C, own, f->x.edge, f->x.node, f->x.letter, K, C);
        c->kernels->gemm_sum(s, f->x.tile, C, K, C, w->w2, C, w->b2, NULL);
        return;
    }
    size_t count = find_changed_edges(c, i, layer, row, f, f->edge);
    for (size_t n = 0; n < count; n++)
        gather_edge(c, i, layer, row, f->edge[n], f, n);
    c->kernels->gather_gelu(f->x.tile, C, own, f->x.edge, f->x.node, f->x.letter, count, C);
    c->kernels->gemm(f->tile, C, f->x.tile, C, count, C, w->w2, C, w->b2, NULL, 1);
    for (size_t m = 0; m < K; m++)
        f->sum[m] = c->terms + ((layer * en->L + row) * K + m) * C;
    for (size_t n = 0; n < count; n++)
        f->sum[f->edge[n]] = f->tile + n * C;
    c->kernels->sum_rows(s, f->sum, K, C);
}

/* M changed rows of a layer: new states, or, after the last layer, the logits of i. */
static void change_block(const common *c, size_t i, size_t layer, size_t M, const uint32_t *row,
                         size_t first, follower *f, float *logits)
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
    for (size_t m = 0; m < M; m++)
        sum_row(c, i, layer, row[m], layer ? x->own + m * C : en->own_part + row[m] * C, f,
                x->s + m * C);
    fmpnn_decode_nodes(en, c->kernels, layer, M, x);
    if (layer == c->layers) {
        memcpy(logits, x->next, FMPNN_LETTERS * sizeof *logits);
        return;
    }
    memcpy(f->h + (layer * L + first) * C, x->h, M * row_size(en));
    memcpy(f->near + (layer * L + first) * C, x->next, M * row_size(en));
}

static void follow(const common *c, size_t i, follower *f, float *logits)
{
    size_t L = c->en->L;
    find_needed(c, i, f);
    for (size_t layer = 0; layer <= c->layers; layer++) {
        size_t count = 0;
        for (size_t n = 0; n < f->n_needed[layer]; n++) {
            uint32_t row = f->needed[layer * L + n];
            if (layer == c->layers || place_of(c, f, layer, row) != NO_ROW ||
                find_changed_edges(c, i, layer, row, f, f->edge))
                f->changed[count++] = row;
        }
        for (size_t first = 0; first < count; first += FMPNN_ROWS)
            change_block(c, i, layer, count - first < FMPNN_ROWS ? count - first : FMPNN_ROWS,
                         f->changed + first, first, f, logits);
        for (size_t n = 0; layer < c->layers && n < count; n++)
            f->place[layer * L + f->changed[n]] = (uint32_t)n;
    }
    for (size_t layer = 0; layer < c->layers; layer++)
        for (size_t n = 0; n < f->n_needed[layer]; n++)
            f->place[layer * L + f->needed[layer * L + n]] = NO_ROW;
}

/* ---- the call ---- */

static bool prepare(common *c)
{
    size_t rows = c->layers * c->en->L, row = row_size(c->en);
    c->h = fmpnn_alloc(rows, row);
    c->near = fmpnn_alloc(rows, row);
    if (rows * c->en->K <= TERM_BYTES / row)
        c->terms = fmpnn_alloc(rows * c->en->K, row);
    return c->h && c->near;
}

typedef struct question {
    common c;
    size_t n_rows, block; /* block: rows that the common pass takes at a time */
    const uint32_t *row;  /* [n_rows] the resolved residues */
    const uint8_t *wanted;
    float *logits;
} question;

static bool enter(void *of, void *lane)
{
    return follower_init(lane, &((const question *)of)->c);
}

static void leave(void *of, void *lane)
{
    (void)of;
    follower_clear(lane);
}

/* The layers of the common pass, then all positions. */
static size_t count_items(void *of, size_t phase)
{
    const question *q = of;
    return phase < q->c.layers ? (q->n_rows + q->block - 1) / q->block : q->c.en->L;
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    const question *q = of;
    const fmpnn_encoding *en = q->c.en;
    follower *f = lane;
    float *logits = q->logits + n * FMPNN_LETTERS;
    if (phase < q->c.layers) {
        size_t first = n * q->block, left = q->n_rows - first;
        common_block(&q->c, phase, left < q->block ? left : q->block, q->row + first, f->tile,
                     &f->x);
    } else if (q->wanted[n] && en->graph->mask[n] == 0) {
        memcpy(logits, en->w->b_logits, FMPNN_LETTERS * sizeof *logits);
    } else if (q->wanted[n]) {
        follow(&q->c, n, f, logits);
    }
}

fmpnn_status fmpnn_engine_conditional(fmpnn_context *ctx, const fmpnn_encoding *en,
                                      const uint8_t *letters, const uint32_t *rank,
                                      const uint8_t *wanted, float *logits, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    uint32_t *row = fmpnn_alloc(en->L, sizeof *row);
    question q = {.c = {.en = en, .kernels = ctx->kernels, .letters = letters, .rank = rank,
                        .layers = en->layers - 1},
                  .row = row, .wanted = wanted, .logits = logits};
    fmpnn_task task = {.of = &q, .phases = q.c.layers + 1, .items = count_items,
                       .item = do_item, .lane_size = sizeof(follower), .enter = enter,
                       .leave = leave};
    if (!row || !prepare(&q.c)) {
        status = fmpnn_fail_memory(err, "computing conditional probabilities");
        goto done;
    }
    for (size_t i = 0; i < en->L; i++)
        if (en->graph->mask[i] != 0)
            row[q.n_rows++] = (uint32_t)i;
    q.block = fmpnn_rows_a_block(q.n_rows, ctx->threads);
    if (!fmpnn_pool_run(ctx->pool, ctx->threads, &task))
        status = fmpnn_fail_memory(err, "computing conditional probabilities");
done:
    fmpnn_release(q.c.terms);
    fmpnn_release(q.c.near);
    fmpnn_release(q.c.h);
    fmpnn_release(row);
    return status;
}
