/* One decoder layer for a handful of rows. A row is a residue of a sequence; rows of different
 * sequences and residues travel together so that the node weights are read once for all.
 *
 * The message of edge (i, j) starts as
 *     z = own_i + edge_ij + (j decoded before i ? near_j + letter_j : blind_j)
 * with edge_ij and blind_j from tables that all sequences share. "Decoded before" is a question
 * of order, never of time. docs/math.md, "Decoder". */
#include "engine/engine.h"

#include <string.h>

size_t fmpnn_rows_a_block(size_t rows, size_t most, int threads)
{
    size_t team = (size_t)threads, full = team * most;
    size_t rounds = (rows + full - 1) / full, blocks = rounds * team;
    return rows ? (rows + blocks - 1) / blocks : 1;
}

bool fmpnn_decode_scratch_init(fmpnn_decode_scratch *x, const fmpnn_encoding *encoding)
{
    size_t C = encoding->C, K = encoding->K, F = encoding->w->F, rows = FMPNN_BLOCK * C;
    memset(x, 0, sizeof *x);
    x->mode = fmpnn_float_mode_enter();
    float *block = fmpnn_alloc(4 * rows + FMPNN_BLOCK * F + 2 * K * C + FMPNN_BLOCK, sizeof *block);
    x->block = block;
    x->edge = fmpnn_alloc(2 * 5 * K, sizeof *x->edge);
    if (!block || !x->edge)
        return false;
    x->node = x->edge + K;
    x->letter = x->edge + 2 * K;
    for (size_t n = 0; n < 2; n++) {
        const float **at = x->edge + n * 5 * K;
        x->gathered[n] = (struct fmpnn_gathered){at, at + K, at + 2 * K, at + 3 * K, 0};
    }
    x->h = block;
    x->own = x->h + rows;
    x->s = x->own + rows;
    x->next = x->s + rows;
    x->work = x->next + rows;
    x->tile = x->work + FMPNN_BLOCK * F;
    x->edge_tile = x->tile + K * C;
    x->count = x->edge_tile + K * C;
    x->edge_layer = x->edge_row = SIZE_MAX;
    return true;
}

void fmpnn_decode_scratch_clear(fmpnn_decode_scratch *x)
{
    fmpnn_release(x->edge);
    fmpnn_release(x->block);
    fmpnn_float_mode_leave(x->mode);
}

/* Where Wn h_j of layer >= 1 is, or would be; NULL if it is 0. */
static float *state_of(const fmpnn_encoding *en, const fmpnn_slots *slots,
                       const fmpnn_sequence *sequence, size_t layer, size_t j)
{
    size_t slot = slots->slot[j];
    if (slot == FMPNN_NO_SLOT)
        return NULL;
    if (slots->shared && slots->shared[j])
        return slots->shared_state + ((layer - 1) * slots->shared_slots + slot) * en->C;
    return sequence->state + ((layer - 1) * slots->slots + slot) * en->C;
}

const float *fmpnn_edge_tile(const fmpnn_encoding *en, const fmpnn_kernels *kernels,
                             size_t layer, size_t i, fmpnn_decode_scratch *x)
{
    const fmpnn_packed_split *w = &en->w->decoder[layer].message;
    size_t C = en->C, tile = en->K * C;
    if (layer < en->tables->held)
        return en->tables->edge_part + (layer * en->L + i) * tile;
    if (x->edge_layer != layer || x->edge_row != i)
        kernels->gemm(x->edge_tile, C, en->tables->edges + i * tile, C, en->K, C, w->edge, C,
                      w->bias, NULL, 0);
    x->edge_layer = layer;
    x->edge_row = i;
    return x->edge_tile;
}

/* The rows that edge (i, m) adds, for every m; and those of them that only this residue, or only
 * this sequence, reads. */
static void gather(const fmpnn_encoding *en, const fmpnn_slots *slots, size_t layer,
                   const fmpnn_row *row, const fmpnn_decode_scratch *x,
                   struct fmpnn_gathered *to)
{
    const fmpnn_sequence *sequence = row->sequence;
    const float *letters = en->w->decoder[layer].letters;
    const float *blind = en->blind + layer * en->L * en->C;
    size_t tile = en->K * en->C;
    bool held = layer < en->tables->held;
    const float *table = held ? en->tables->edge_part + (layer * en->L + row->i) * tile
                              : en->tables->edges + row->i * tile;
    const float *edge = held ? table : x->edge_tile;
    to->n_far = 0;
    for (size_t m = 0; m < en->K; m++) {
        size_t j = en->graph->neighbour[row->i * en->K + m];
        to->edge[m] = edge + m * en->C;
        to->node[m] = blind + j * en->C;
        to->letter[m] = NULL;
        to->far[to->n_far++] = table + m * en->C;
        if (!sequence->rank || sequence->rank[j] >= sequence->rank[row->i])
            continue;
        if (!sequence->letters) { /* of W1 [h_i | 0] only the bias is left */
            to->edge[m] = en->w->decoder[layer].message.bias;
            to->node[m] = NULL;
            continue;
        }
        if (layer > 0 && (to->node[m] = state_of(en, slots, sequence, layer, j)) != NULL)
            to->far[to->n_far++] = to->node[m];
        if (!sequence->group_of || sequence->group_of[j] != sequence->group_of[row->i])
            to->letter[m] = letters + sequence->letters[j] * en->C;
    }
}

void fmpnn_decode_nodes(const fmpnn_encoding *en, const fmpnn_kernels *kernels, size_t layer,
                        size_t M, fmpnn_decode_scratch *x)
{
    size_t C = en->C;
    for (size_t m = 0; m < M; m++)
        x->count[m] = (float)en->K; /* every neighbour counts, resolved or not */
    fmpnn_node_update(kernels, &en->w->decoder[layer].node, C, en->w->F, M, x->h, x->s, x->count,
                      x->work);
    if (layer + 1 < en->layers)
        kernels->gemm(x->next, C, x->h, C, M, C, en->w->decoder[layer + 1].message.neighbour, C,
                      NULL, NULL, 0);
    else
        kernels->gemm(x->next, FMPNN_LETTERS, x->h, C, M, C, en->w->w_logits, FMPNN_LETTERS,
                      en->w->b_logits, NULL, 0);
}

/* Whether row m is the only one here that reads its edges' part, which then need not be written
 * out: not held, no other row of the residue beside it, and all neighbours known as others are. */
static bool alone(const fmpnn_encoding *en, size_t layer, size_t M, const fmpnn_row *row,
                  size_t m, const fmpnn_decode_scratch *x)
{
    bool again = (m + 1 < M && row[m + 1].i == row[m].i) ||
                 (x->edge_layer == layer && x->edge_row == row[m].i);
    return layer >= en->tables->held && !again &&
           (row[m].sequence->letters || !row[m].sequence->rank);
}

void fmpnn_decode_layer(const fmpnn_encoding *en, const fmpnn_kernels *kernels,
                        const fmpnn_slots *slots, size_t layer, size_t M, const fmpnn_row *row,
                        fmpnn_decode_scratch *x)
{
    const fmpnn_packed_decoder *w = &en->w->decoder[layer];
    size_t C = en->C, K = en->K;
    if (layer > 0)
        kernels->gemm(x->own, C, x->h, C, M, C, w->message.own, C, NULL, NULL, 0);
    gather(en, slots, layer, &row[0], x, &x->gathered[0]);
    for (size_t m = 0; m < M; m++) {
        const float *own = layer ? x->own + m * C : en->own_part + row[m].i * C;
        const struct fmpnn_gathered *now = &x->gathered[m % 2];
        struct fmpnn_gathered *next = &x->gathered[(m + 1) % 2];
        next->n_far = 0;
        if (m + 1 < M)
            gather(en, slots, layer, &row[m + 1], x, next);
        if (!alone(en, layer, M, row, m, x)) {
            fmpnn_edge_tile(en, kernels, layer, row[m].i, x);
            kernels->message_sum(x->s + m * C, own, now->edge, now->node, now->letter, K, C,
                                 w->w2, C, w->b2, x->tile, next->far, next->n_far);
            continue;
        }
        fmpnn_product maps[] = {{w->message.edge, C, w->message.bias}, {w->w2, C, w->b2}};
        fmpnn_added added = {.own = own,
                             .b = now->node,
                             .d = now->letter,
                             .ahead = next->far,
                             .n_ahead = next->n_far};
        kernels->mlp_sum(x->s + m * C, en->tables->edges + row[m].i * K * C, C, K, C, maps,
                         &added, NULL, x->tile);
    }
    fmpnn_decode_nodes(en, kernels, layer, M, x);
    for (size_t m = 0; m < M; m++) {
        if (layer + 1 < en->layers)
            memcpy(state_of(en, slots, row[m].sequence, layer + 1, row[m].i), x->next + m * C,
                   C * sizeof(float));
        else
            memcpy(row[m].sequence->logits + row[m].i * FMPNN_LETTERS,
                   x->next + m * FMPNN_LETTERS, FMPNN_LETTERS * sizeof(float));
    }
}
