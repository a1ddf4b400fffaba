/* The pass that many questions share, kept. */
#include "engine/local.h"

#include <string.h>

enum {
    TERM_BYTES = 512 << 20 /* terms kept at most; beyond, changed rows are recomputed whole */
};

static size_t row_size(const fmpnn_encoding *en)
{
    return en->C * sizeof(float);
}

/* How many threads there is memory for; one's is in any plan. */
static int followers(const fmpnn_common *c, int threads)
{
    size_t rows = c->en->layers * c->en->L, each = 2 * rows * row_size(c->en);
    size_t terms = c->terms ? c->layers * c->en->L * c->en->K * row_size(c->en) : 0;
    size_t more = (c->en->spare - terms) / each;
    return more < (size_t)threads ? 1 + (int)more : threads;
}

bool fmpnn_common_init(fmpnn_common *c, const fmpnn_context *ctx, const fmpnn_encoding *en,
                       const uint8_t *letters, const uint32_t *rank, size_t layers)
{
    size_t states = (en->layers - 1) * en->L, terms = layers * en->L * en->K;
    *c = (fmpnn_common){.en = en, .kernels = ctx->kernels, .letters = letters, .rank = rank,
                        .layers = layers};
    c->h = fmpnn_alloc(states, row_size(en));
    c->near = fmpnn_alloc(states, row_size(en));
    c->row = fmpnn_alloc(en->L, sizeof *c->row);
    if (layers == en->layers)
        c->logits = fmpnn_alloc(en->L, FMPNN_LETTERS * sizeof *c->logits);
    if (!c->h || !c->near || !c->row || (layers == en->layers && !c->logits))
        return false;
    if (terms <= fmpnn_memory_for(en, TERM_BYTES) / row_size(en))
        c->terms = fmpnn_alloc(terms, row_size(en));
    c->threads = followers(c, ctx->threads);
    for (size_t i = 0; i < en->L; i++) {
        if (en->graph->mask[i] != 0)
            c->row[c->n_rows++] = (uint32_t)i;
        else if (c->logits) /* h = 0: the logits are the bias */
            memcpy(c->logits + i * FMPNN_LETTERS, en->w->b_logits,
                   FMPNN_LETTERS * sizeof *c->logits);
    }
    c->block = fmpnn_rows_a_block(c->n_rows, FMPNN_BLOCK, ctx->threads);
    return true;
}

void fmpnn_common_clear(fmpnn_common *c)
{
    fmpnn_release(c->terms);
    fmpnn_release(c->logits);
    fmpnn_release(c->row);
    fmpnn_release(c->near);
    fmpnn_release(c->h);
}

size_t fmpnn_common_blocks(const fmpnn_common *c)
{
    return (c->n_rows + c->block - 1) / c->block;
}

static void gather(const fmpnn_common *c, size_t layer, size_t i, fmpnn_decode_scratch *x)
{
    const fmpnn_encoding *en = c->en;
    size_t C = en->C, K = en->K, L = en->L;
    const float *edge = fmpnn_edge_tile(en, c->kernels, layer, i, x);
    for (size_t m = 0; m < K; m++) {
        size_t j = en->graph->neighbour[i * K + m];
        bool decoded = c->rank[j] < c->rank[i];
        x->edge[m] = edge + m * C;
        x->letter[m] = decoded ? en->w->decoder[layer].letters + c->letters[j] * C : NULL;
        x->node[m] = en->blind + (layer * L + j) * C;
        if (decoded && layer)
            x->node[m] = en->graph->mask[j] == 0 ? NULL : c->near + ((layer - 1) * L + j) * C;
    }
}

void fmpnn_common_compute(const fmpnn_common *c, size_t layer, size_t block, float *tile,
                          fmpnn_decode_scratch *x)
{
    const fmpnn_encoding *en = c->en;
    const fmpnn_packed_decoder *w = &en->w->decoder[layer];
    size_t C = en->C, K = en->K, L = en->L, first = block * c->block;
    size_t M = c->n_rows - first < c->block ? c->n_rows - first : c->block;
    const uint32_t *row = c->row + first;
    const float *h = layer ? c->h + (layer - 1) * L * C : en->h;
    for (size_t m = 0; m < M; m++)
        memcpy(x->h + m * C, h + row[m] * C, row_size(en));
    if (layer)
        c->kernels->gemm(x->own, C, x->h, C, M, C, w->message.own, C, NULL, NULL, 0);
    for (size_t m = 0; m < M; m++) {
        size_t i = row[m];
        const float *own = layer ? x->own + m * C : en->own_part + i * C;
        float *terms = c->terms ? c->terms + (layer * L + i) * K * C : tile;
        gather(c, layer, i, x);
        c->kernels->gather_gelu(x->tile, C, own, x->edge, x->node, x->letter, K, C);
        c->kernels->gemm(terms, C, x->tile, C, K, C, w->w2, C, w->b2, NULL, 1);
        for (size_t k = 0; k < K; k++)
            x->edge[k] = terms + k * C;
        c->kernels->sum_rows(x->s + m * C, x->edge, K, C);
    }
    fmpnn_decode_nodes(en, c->kernels, layer, M, x);
    for (size_t m = 0; m < M; m++) {
        if (layer + 1 == en->layers) {
            memcpy(c->logits + row[m] * FMPNN_LETTERS, x->next + m * FMPNN_LETTERS,
                   FMPNN_LETTERS * sizeof *c->logits);
            continue;
        }
        memcpy(c->h + (layer * L + row[m]) * C, x->h + m * C, row_size(en));
        memcpy(c->near + (layer * L + row[m]) * C, x->next + m * C, row_size(en));
    }
}
