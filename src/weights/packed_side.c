/* Packing of what places side chains. The embedding of an edge sees 14 x 14 pairs of atoms, that of
 * a node 14 atoms and M context atoms; most of them do not exist, so each is cut where the engine
 * leaves out: see fmpnn_packed_side. Sums of many terms are made in double. */
#include "weights/packed_walk.h"

#include <string.h>

enum {
    ATOMS = FMPNN_SIDE_CHAIN,
    STILL_COLUMNS = FMPNN_STILL * FMPNN_RBF,
    PAIR_COLUMNS = ATOMS * ATOMS * FMPNN_RBF
};

size_t fmpnn_walk_side_width(const fmpnn_model *model)
{
    size_t width = model->C, reach = model->info.context_atoms * FMPNN_REACH;
    if (!model->packer.node.w)
        return width;
    width = width > FMPNN_STILL * STILL_COLUMNS ? width : FMPNN_STILL * STILL_COLUMNS;
    return width > reach ? width : reach;
}

/* Columns of pairs (a, b), a = a0 .. a0+na-1, b = b0 .. b0+nb-1, b inside: panels. */
static const float *pack_pairs(fmpnn_walk *w, const fmpnn_linear *edge, size_t a0,
                               size_t na, size_t b0, size_t nb)
{
    size_t width = nb * FMPNN_RBF;
    float *dst = w->dense;
    for (size_t c = 0; w->block && c < edge->out; c++)
        for (size_t a = a0; a < a0 + na; a++, dst += width)
            memcpy(dst, edge->w + c * edge->in + (a * ATOMS + b0) * FMPNN_RBF,
                   width * sizeof *dst);
    return fmpnn_walk_pack_dense(w, w->dense, edge->out, na * width);
}

/* One-hot columns as a table [21][C]. */
static const float *letter_table(fmpnn_walk *w, const fmpnn_linear *edge, size_t first)
{
    float *table = fmpnn_walk_take(w, FMPNN_LETTERS * edge->out);
    for (size_t s = 0; table && s < FMPNN_LETTERS; s++)
        for (size_t c = 0; c < edge->out; c++)
            table[s * edge->out + c] = edge->w[c * edge->in + first + s];
    return table;
}

static void pack_edges(fmpnn_walk *w, const fmpnn_linear *edge, fmpnn_packed_side *side)
{
    side->still = pack_pairs(w, edge, 0, FMPNN_STILL, 0, FMPNN_STILL);
    for (size_t n = 0; n < FMPNN_MOVING; n++) {
        size_t b = FMPNN_STILL + n;
        side->own_moves[n] = pack_pairs(w, edge, b, 1, 0, FMPNN_STILL);
        side->near_moves[n] = pack_pairs(w, edge, 0, FMPNN_STILL, b, 1);
        for (size_t s = 0; s < FMPNN_STEPS; s++)
            side->both_move[n][s] =
                pack_pairs(w, edge, FMPNN_STILL + s * FMPNN_STEP, FMPNN_STEP, b, 1);
    }
    side->own_letter = letter_table(w, edge, PAIR_COLUMNS);
    side->near_letter = letter_table(w, edge, PAIR_COLUMNS + FMPNN_LETTERS);
}

/* The embedding's columns of atom a and context atom m, on what `reach` makes of 16 Gaussians. */
static const float *pack_reach(fmpnn_walk *w, const fmpnn_packer_part *part, size_t M,
                               size_t a)
{
    const fmpnn_linear *node = &part->node, *reach = &part->reach;
    float *dst = w->dense;
    for (size_t c = 0; w->block && c < node->out; c++)
        for (size_t m = 0; m < M; m++) {
            const float *row = node->w + c * node->in + (a * M + m) * FMPNN_REACH;
            for (size_t q = 0; q < FMPNN_RBF; q++) {
                double sum = 0;
                for (size_t r = 0; r < FMPNN_REACH; r++)
                    sum += (double)row[r] * reach->w[r * reach->in + q];
                *dst++ = (float)sum;
            }
        }
    return fmpnn_walk_pack_dense(w, w->dense, node->out, M * FMPNN_RBF);
}

/* What the element of context atom m adds, over all 14 atoms, and the bias of `reach` over all. */
static void pack_types(fmpnn_walk *w, const fmpnn_packer_part *part, size_t M,
                       fmpnn_packed_side *side)
{
    const fmpnn_linear *node = &part->node, *reach = &part->reach;
    size_t C = node->out, types = FMPNN_ELEMENT_TYPES;
    float *table = fmpnn_walk_take(w, M * types * C), *bias = fmpnn_walk_take(w, C);
    side->type = table;
    side->b_reach = bias;
    for (size_t c = 0; table && c < C; c++) {
        double all = 0;
        for (size_t m = 0; m < M; m++) {
            double over_atoms[FMPNN_REACH] = {0};
            for (size_t a = 0; a < ATOMS; a++)
                for (size_t r = 0; r < FMPNN_REACH; r++)
                    over_atoms[r] += node->w[c * node->in + (a * M + m) * FMPNN_REACH + r];
            for (size_t r = 0; r < FMPNN_REACH; r++)
                all += over_atoms[r] * reach->b[r];
            for (size_t t = 0; t < types; t++) {
                double sum = 0;
                for (size_t r = 0; r < FMPNN_REACH; r++)
                    sum += over_atoms[r] * reach->w[r * reach->in + FMPNN_RBF + t];
                table[(m * types + t) * C + c] = (float)sum;
            }
        }
        bias[c] = (float)all;
    }
}

void fmpnn_walk_side(fmpnn_walk *w, const fmpnn_model *model, fmpnn_packed_side *side)
{
    const fmpnn_packer_part *part = &model->packer;
    size_t C = model->C, M = model->info.context_atoms;
    pack_edges(w, &part->edge, side);
    for (size_t a = 0; a < ATOMS; a++)
        side->reach[a] = pack_reach(w, part, M, a);
    pack_types(w, part, M, side);
    side->down = fmpnn_walk_pack(w, &part->down, 0, C);
    side->down_side = fmpnn_walk_fold(w, &part->down, C, &part->W_node);
    side->b_down = fmpnn_walk_fold_bias(w, &part->down, C, &part->W_node);
    for (size_t n = 0; n < model->info.decoder_layers; n++)
        side->feature[n] = fmpnn_walk_fold(w, &model->decoder[n].W1, 2 * C, &part->W_edge);
    side->w_torsions = fmpnn_walk_pack_whole(w, &part->W_torsions);
    side->b_torsions = fmpnn_walk_copy(w, part->W_torsions.b, FMPNN_TORSIONS);
}
