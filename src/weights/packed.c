/* Packing: one block, filled in the order of use.
 *
 * Written as one walk that is done twice: first with no memory, to count, then to fill. So the
 * sizes cannot disagree with the contents. */
#include "weights/packed_walk.h"

#include "graph/periodic.h"
#include "kernels/kernels.h"

#include <math.h>

#include <string.h>

static fmpnn_packed_node pack_node(fmpnn_walk *w, const fmpnn_layer *layer, bool precise)
{
    const float *(*pack)(fmpnn_walk *, const fmpnn_linear *, size_t, size_t) =
        precise ? fmpnn_walk_pack_precise : fmpnn_walk_pack;
    size_t C = layer->W3.out;
    fmpnn_packed_node node = {.norm1 = layer->norm1, .norm2 = layer->norm2};
    node.w3 = pack(w, &layer->W3, 0, layer->W3.in);
    node.b3 = fmpnn_walk_copy(w, layer->W3.b, C);
    node.w_in = pack(w, &layer->W_in, 0, layer->W_in.in);
    node.b_in = fmpnn_walk_copy(w, layer->W_in.b, layer->W_in.out);
    node.w_out = pack(w, &layer->W_out, 0, layer->W_out.in);
    node.b_out = fmpnn_walk_copy(w, layer->W_out.b, C);
    return node;
}

/* The blocks of columns of W1: own node 0, edge 1, neighbour last. */
static fmpnn_packed_split pack_split(fmpnn_walk *w, const fmpnn_linear *w1)
{
    size_t C = w1->out;
    fmpnn_packed_split split = {
        .own = fmpnn_walk_pack(w, w1, 0, C),
        .edge = fmpnn_walk_pack(w, w1, C, C),
        .neighbour = fmpnn_walk_pack(w, w1, w1->in - C, C),
        .bias = fmpnn_walk_copy(w, w1->b, C),
    };
    return split;
}

static fmpnn_packed_encoder pack_encoder(fmpnn_walk *w, const fmpnn_layer *layer)
{
    size_t C = layer->W1.out;
    fmpnn_packed_encoder e = {.norm3 = layer->norm3};
    e.message = pack_split(w, &layer->W1);
    e.w2 = fmpnn_walk_pack_whole(w, &layer->W2);
    e.b2 = fmpnn_walk_copy(w, layer->W2.b, C);
    e.node = pack_node(w, layer, true);
    e.update = pack_split(w, &layer->W11);
    e.w12 = fmpnn_walk_pack_whole(w, &layer->W12);
    e.b12 = fmpnn_walk_copy(w, layer->W12.b, C);
    e.w13 = fmpnn_walk_pack_whole(w, &layer->W13);
    e.b13 = fmpnn_walk_copy(w, layer->W13.b, C);
    return e;
}

/* Ws acts on the embedding of one of 21 letters: a table, in double since it is made once. */
static const float *pack_letters(fmpnn_walk *w, const fmpnn_model *model, const fmpnn_linear *w1)
{
    size_t C = model->C;
    float *table = fmpnn_walk_take(w, FMPNN_LETTERS * C);
    for (size_t a = 0; table && a < FMPNN_LETTERS; a++)
        for (size_t n = 0; n < C; n++) {
            double sum = 0;
            for (size_t k = 0; k < C; k++)
                sum += (double)w1->w[n * w1->in + 2 * C + k] * model->W_s[a * C + k];
            table[a * C + n] = (float)sum;
        }
    return table;
}

static fmpnn_packed_decoder pack_decoder(fmpnn_walk *w, const fmpnn_model *model,
                                         const fmpnn_layer *layer)
{
    fmpnn_packed_decoder d = {0};
    d.message = pack_split(w, &layer->W1);
    if (model->packer.node.w) /* edge features stand where letters would */
        d.message.bias = fmpnn_walk_fold_bias(w, &layer->W1, 2 * model->C, &model->packer.W_edge);
    else
        d.letters = pack_letters(w, model, &layer->W1);
    d.w2 = fmpnn_walk_pack_whole(w, &layer->W2);
    d.b2 = fmpnn_walk_copy(w, layer->W2.b, layer->W2.out);
    d.node = pack_node(w, layer, false);
    return d;
}

/* The 16 positional features are a function of 66 classes, so is their part of the embedding. */
static const float *pack_offsets(fmpnn_walk *w, const fmpnn_model *model)
{
    size_t C = model->C;
    const fmpnn_linear *positional = &model->positional, *edge = &model->edge;
    float *table = fmpnn_walk_take(w, FMPNN_OFFSETS * C);
    for (size_t q = 0; table && q < FMPNN_OFFSETS; q++)
        for (size_t n = 0; n < C; n++) {
            double sum = 0;
            for (size_t k = 0; k < FMPNN_POSITIONAL; k++)
                sum += (double)edge->w[n * edge->in + k] *
                       ((double)positional->w[k * positional->in + q] + positional->b[k]);
            table[q * C + n] = (float)sum;
        }
    return table;
}

/* ---- labels and context atoms: constants folded in double ---- */

static void normalise(const fmpnn_norm *f, size_t C, double *x)
{
    double mean = 0, square = 0;
    for (size_t c = 0; c < C; c++)
        mean += x[c] / (double)C;
    for (size_t c = 0; c < C; c++)
        square += (x[c] - mean) * (x[c] - mean) / (double)C;
    for (size_t c = 0; c < C; c++)
        x[c] = (x[c] - mean) / sqrt(square + 1e-5) * f->gain[c] + f->bias[c];
}

static void pack_labels(fmpnn_walk *w, const fmpnn_model *model, fmpnn_packed *p)
{
    size_t C = model->C, labels = model->info.labels;
    const fmpnn_linear *w1 = &model->encoder[0].W1;
    float *state = fmpnn_walk_take(w, labels * C), *own = fmpnn_walk_take(w, labels * C), *near = fmpnn_walk_take(w, labels * C);
    for (size_t q = 0; state && q < labels; q++) {
        double *one = w->wide, *h = one + C, *part = h + C;
        for (size_t c = 0; c < C; c++)
            one[c] = model->label.w[c * labels + q];
        normalise(&model->norm_label, C, one);
        fmpnn_walk_apply(&model->W_label, 0, C, one, true, h);
        fmpnn_walk_narrow(state + q * C, h, C);
        fmpnn_walk_apply(w1, 0, C, h, true, part);
        fmpnn_walk_narrow(own + q * C, part, C);
        fmpnn_walk_apply(w1, w1->in - C, C, h, false, part);
        fmpnn_walk_narrow(near + q * C, part, C);
    }
    p->label_state = labels ? state : NULL;
    p->label_own = own;
    p->label_near = near;
}

static fmpnn_packed_context_layer pack_context_layer(fmpnn_walk *w,
                                                     const fmpnn_context_part *part,
                                                     const fmpnn_layer *layer)
{
    size_t C = layer->W1.out;
    fmpnn_packed_context_layer l = {.own = fmpnn_walk_pack(w, &layer->W1, 0, C)};
    if (layer->W1.in > 2 * C) {
        l.feature = fmpnn_walk_fold(w, &layer->W1, C, &part->W_pair);
        l.bias = fmpnn_walk_fold_bias(w, &layer->W1, C, &part->W_pair);
        l.atom = fmpnn_walk_pack(w, &layer->W1, 2 * C, C);
    } else {
        float *bias = fmpnn_walk_take(w, C);
        if (bias)
            fmpnn_fold_bonds(part, &layer->W1, w->dense, bias);
        l.feature = fmpnn_walk_pack_dense(w, w->dense, C, FMPNN_RBF);
        l.bias = bias;
    }
    l.w2 = fmpnn_walk_pack_whole(w, &layer->W2);
    l.b2 = fmpnn_walk_copy(w, layer->W2.b, C);
    l.node = pack_node(w, layer, false);
    return l;
}

/* dst [out] = f of the element vector of `type`. */
static void element_sum(const fmpnn_linear *f, unsigned type, double *dst)
{
    const size_t hot[] = {type, FMPNN_ELEMENT_TYPES + fmpnn_element_group(type),
                          FMPNN_ELEMENT_TYPES + FMPNN_ELEMENT_GROUPS +
                              fmpnn_element_period(type)};
    for (size_t o = 0; o < f->out; o++)
        dst[o] = (f->b ? f->b[o] : 0.0) + f->w[o * f->in + hot[0]] + f->w[o * f->in + hot[1]] +
                 f->w[o * f->in + hot[2]];
}

static void pack_elements(fmpnn_walk *w, const fmpnn_context_part *part, size_t C,
                          fmpnn_packed_context *p)
{
    size_t types = FMPNN_ELEMENT_TYPES, width = fmpnn_walk_width(C);
    float *state = fmpnn_walk_take(w, types * C), *own = fmpnn_walk_take(w, types * C), *pair = fmpnn_walk_take(w, types * C);
    for (unsigned t = 0; state && t < types; t++) {
        double *x = w->wide, *y = x + width, *z = y + width;
        element_sum(&part->atom, t, x);
        normalise(&part->norm_atom, C, x);
        fmpnn_walk_apply(&part->W_atom, 0, C, x, true, y);
        fmpnn_walk_narrow(state + t * C, y, C);
        fmpnn_walk_apply(&part->atom_layer[0].W1, 0, C, y, false, z);
        fmpnn_walk_narrow(own + t * C, z, C);
        element_sum(&part->type, t, x);
        fmpnn_walk_apply(&part->pair, FMPNN_RBF * FMPNN_POINTS, part->type.out, x, true, y);
        fmpnn_walk_narrow(pair + t * C, y, C);
    }
    p->atom_state = state;
    p->atom_own = own;
    p->pair_type = pair;
}

static void pack_context(fmpnn_walk *w, const fmpnn_model *model, fmpnn_packed_context *p)
{
    const fmpnn_context_part *part = &model->context;
    size_t C = model->C, gaussians = FMPNN_RBF * FMPNN_POINTS;
    pack_elements(w, part, C, p);
    p->pair = fmpnn_walk_pack(w, &part->pair, 0, gaussians);
    p->pair_angle = fmpnn_walk_pack(w, &part->pair, gaussians + part->type.out, FMPNN_ANGLES);
    if (w->block)
        fmpnn_root_of_bonds(part, w->dense);
    p->bond_root = fmpnn_walk_pack_dense(w, w->dense, FMPNN_RBF, FMPNN_RBF);
    p->w_own = fmpnn_walk_pack_whole(w, &part->W_own);
    p->b_own = fmpnn_walk_copy(w, part->W_own.b, C);
    p->v_c = fmpnn_walk_pack_whole(w, &part->V_C);
    for (size_t n = 0; n < part->layers; n++) {
        p->atom_layer[n] = pack_context_layer(w, part, &part->atom_layer[n]);
        p->residue_layer[n] = pack_context_layer(w, part, &part->residue_layer[n]);
    }
}

static void walk_model(fmpnn_walk *w, const fmpnn_model *model, fmpnn_packed *p)
{
    p->C = model->C;
    p->F = model->F;
    p->features = model->edge.in - FMPNN_POSITIONAL;
    p->first_centre = model->packer.node.w ? 0 : 2;
    p->offset = pack_offsets(w, model);
    p->edge = fmpnn_walk_pack_precise(w, &model->edge, FMPNN_POSITIONAL, p->features);
    p->w_e = fmpnn_walk_pack_precise(w, &model->W_e, 0, model->W_e.in);
    p->b_e = fmpnn_walk_copy(w, model->W_e.b, model->C);
    for (size_t n = 0; n < model->info.encoder_layers; n++)
        p->encoder[n] = pack_encoder(w, &model->encoder[n]);
    for (size_t n = 0; n < model->info.decoder_layers; n++)
        p->decoder[n] = pack_decoder(w, model, &model->decoder[n]);
    if (model->packer.node.w) {
        fmpnn_walk_side(w, model, &p->side);
    } else {
        p->w_logits = fmpnn_walk_pack_whole(w, &model->W_out);
        p->b_logits = fmpnn_walk_copy(w, model->W_out.b, FMPNN_LETTERS);
    }
    if (model->info.labels)
        pack_labels(w, model, p);
    if (model->info.context_atoms)
        pack_context(w, model, &p->context);
}

fmpnn_status fmpnn_packed_create(const fmpnn_model *model, fmpnn_packed **out, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_packed *packed = fmpnn_alloc_zero(1, sizeof *packed);
    fmpnn_walk w = {0};
    if (!packed)
        return fmpnn_fail_memory(err, "packing weights");
    walk_model(&w, model, packed);
    packed->block = fmpnn_alloc(w.used, sizeof *packed->block);
    w = (fmpnn_walk){.block = packed->block,
               .dense = fmpnn_alloc(model->C, fmpnn_walk_side_width(model) * sizeof *w.dense),
               .wide = fmpnn_alloc(3 * fmpnn_walk_width(model->C), sizeof *w.wide)};
    if (!packed->block || !w.dense || !w.wide) {
        status = fmpnn_fail_memory(err, "packing weights");
        goto done;
    }
    walk_model(&w, model, packed);
    *out = packed;
    packed = NULL;
done:
    fmpnn_release(w.wide);
    fmpnn_release(w.dense);
    fmpnn_packed_free(packed);
    return status;
}

void fmpnn_packed_free(fmpnn_packed *packed)
{
    if (!packed)
        return;
    fmpnn_release(packed->block);
    fmpnn_release(packed);
}
