/* Packing: one block, filled in the order of use.
 *
 * Written as one walk that is done twice: first with no memory, to count, then to fill. So the
 * sizes cannot disagree with the contents. */
#include "weights/packed.h"

#include "kernels/kernels.h"

#include <string.h>

enum { LINE = 16 }; /* floats in a cache line: every array starts on one */

typedef struct walk {
    float *block; /* NULL while counting */
    size_t used;  /* floats */
} walk;

static float *take(walk *w, size_t count)
{
    float *at = w->block ? w->block + w->used : NULL;
    w->used += (count + LINE - 1) / LINE * LINE;
    return at;
}

/* Columns first .. first+K-1 of `linear`, as panels. */
static const float *pack(walk *w, const fmpnn_linear *linear, size_t first, size_t K)
{
    float *panels = take(w, fmpnn_panels_size(linear->out, K));
    if (panels)
        fmpnn_panels_pack(panels, linear->w + first, linear->in, linear->out, K);
    return panels;
}

static const float *pack_whole(walk *w, const fmpnn_linear *linear)
{
    return pack(w, linear, 0, linear->in);
}

static const float *copy(walk *w, const float *src, size_t count)
{
    float *dst = take(w, count);
    if (dst)
        memcpy(dst, src, count * sizeof *dst);
    return dst;
}

static fmpnn_packed_node pack_node(walk *w, const fmpnn_layer *layer)
{
    size_t C = layer->W3.out;
    fmpnn_packed_node node = {.norm1 = layer->norm1, .norm2 = layer->norm2};
    node.w3 = pack_whole(w, &layer->W3);
    node.b3 = copy(w, layer->W3.b, C);
    node.w_in = pack_whole(w, &layer->W_in);
    node.b_in = copy(w, layer->W_in.b, layer->W_in.out);
    node.w_out = pack_whole(w, &layer->W_out);
    node.b_out = copy(w, layer->W_out.b, C);
    return node;
}

/* The blocks of columns of W1: own node 0, edge 1, neighbour last. */
static fmpnn_packed_split pack_split(walk *w, const fmpnn_linear *w1)
{
    size_t C = w1->out;
    fmpnn_packed_split split = {
        .own = pack(w, w1, 0, C),
        .edge = pack(w, w1, C, C),
        .neighbour = pack(w, w1, w1->in - C, C),
        .bias = copy(w, w1->b, C),
    };
    return split;
}

static fmpnn_packed_encoder pack_encoder(walk *w, const fmpnn_layer *layer)
{
    size_t C = layer->W1.out;
    fmpnn_packed_encoder e = {.norm3 = layer->norm3};
    e.message = pack_split(w, &layer->W1);
    e.w2 = pack_whole(w, &layer->W2);
    e.b2 = copy(w, layer->W2.b, C);
    e.node = pack_node(w, layer);
    e.update = pack_split(w, &layer->W11);
    e.w12 = pack_whole(w, &layer->W12);
    e.b12 = copy(w, layer->W12.b, C);
    e.w13 = pack_whole(w, &layer->W13);
    e.b13 = copy(w, layer->W13.b, C);
    return e;
}

/* Ws acts on the embedding of one of 21 letters: a table, in double since it is made once. */
static const float *pack_letters(walk *w, const fmpnn_model *model, const fmpnn_linear *w1)
{
    size_t C = model->C;
    float *table = take(w, FMPNN_LETTERS * C);
    for (size_t a = 0; table && a < FMPNN_LETTERS; a++)
        for (size_t n = 0; n < C; n++) {
            double sum = 0;
            for (size_t k = 0; k < C; k++)
                sum += (double)w1->w[n * w1->in + 2 * C + k] * model->W_s[a * C + k];
            table[a * C + n] = (float)sum;
        }
    return table;
}

static fmpnn_packed_decoder pack_decoder(walk *w, const fmpnn_model *model,
                                         const fmpnn_layer *layer)
{
    fmpnn_packed_decoder d = {0};
    d.message = pack_split(w, &layer->W1);
    d.letters = pack_letters(w, model, &layer->W1);
    d.w2 = pack_whole(w, &layer->W2);
    d.b2 = copy(w, layer->W2.b, layer->W2.out);
    d.node = pack_node(w, layer);
    return d;
}

/* The 16 positional features are a function of 66 classes, so is their part of the embedding. */
static const float *pack_offsets(walk *w, const fmpnn_model *model)
{
    size_t C = model->C;
    const fmpnn_linear *positional = &model->positional, *edge = &model->edge;
    float *table = take(w, FMPNN_OFFSETS * C);
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

static void walk_model(walk *w, const fmpnn_model *model, fmpnn_packed *p)
{
    p->C = model->C;
    p->F = model->F;
    p->features = model->edge.in - FMPNN_POSITIONAL;
    p->offset = pack_offsets(w, model);
    p->edge = pack(w, &model->edge, FMPNN_POSITIONAL, p->features);
    p->w_e = pack_whole(w, &model->W_e);
    p->b_e = copy(w, model->W_e.b, model->C);
    for (size_t n = 0; n < model->info.encoder_layers; n++)
        p->encoder[n] = pack_encoder(w, &model->encoder[n]);
    for (size_t n = 0; n < model->info.decoder_layers; n++)
        p->decoder[n] = pack_decoder(w, model, &model->decoder[n]);
    p->w_logits = pack_whole(w, &model->W_out);
    p->b_logits = copy(w, model->W_out.b, FMPNN_LETTERS);
}

fmpnn_status fmpnn_packed_create(const fmpnn_model *model, fmpnn_packed **out, fmpnn_error *err)
{
    fmpnn_packed *packed = fmpnn_alloc_zero(1, sizeof *packed);
    walk w = {0};
    if (!packed)
        return fmpnn_fail_memory(err, "packing weights");
    walk_model(&w, model, packed);
    packed->block = fmpnn_alloc(w.used, sizeof *packed->block);
    if (!packed->block) {
        fmpnn_packed_free(packed);
        return fmpnn_fail_memory(err, "packing weights");
    }
    w = (walk){.block = packed->block};
    walk_model(&w, model, packed);
    *out = packed;
    return FMPNN_OK;
}

void fmpnn_packed_free(fmpnn_packed *packed)
{
    if (!packed)
        return;
    fmpnn_release(packed->block);
    fmpnn_release(packed);
}
