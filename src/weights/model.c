/* From loose tensors to a network. Every tensor is asked for by name with the shape it must
 * have; sizes that may vary (C, F, the number of layers) are read off the shapes of a few.
 * The numbers stay in the block they were read into; those of a mapped file are copied into
 * one, so that the file can go. Each tensor begins at a multiple of 64 bytes.
 *
 * Names and shapes: Dauparas et al. 2022; docs/math.md, "Parameters". */
#include "weights/floats.h"
#include "weights/packed.h"

#include <stdatomic.h>
#include <math.h>
#include <string.h>

enum {
    MAX_WANTED = 64 + FMPNN_MAX_LAYERS * (22 + 3 * 14), /* tensors of the largest network */
    MAX_WIDTH = 1024,
    MAX_FEED_FORWARD = 8192,
    WIDTH_STEP = 16, /* the kernels' widest vector */
    DEFAULT_NEIGHBOURS = 48,
    DEFAULT_NEIGHBOURS_LIGAND = 32,
    DEFAULT_CONTEXT = 25,
    DEFAULT_CONTEXT_PACKER = 16,
    MAX_NEIGHBOURS = 1024,
    ALIGN_FLOATS = 16,
    EDGE_COLUMNS = FMPNN_POSITIONAL + FMPNN_RBF * FMPNN_PAIRS,
    /* CA-only files have seven more, of the orientation of the neighbour's frame */
    EDGE_COLUMNS_CA = FMPNN_POSITIONAL + FMPNN_RBF * FMPNN_PAIRS_CA + 7,
    PAIR_COLUMNS = FMPNN_RBF * FMPNN_POINTS + FMPNN_TYPE_WIDTH + FMPNN_ANGLES
};

typedef struct wanted {
    const float **pointer; /* where the model names it */
    const fmpnn_tensor *tensor;
    size_t count;
} wanted;

typedef struct builder {
    const char *name;
    fmpnn_tensors *tensors;
    fmpnn_model *model;
    bool *known; /* [tensors->count] asked for, or known and not needed */
    wanted wanted[MAX_WANTED];
    size_t n_wanted;
    fmpnn_status status; /* of the first failure: what follows it does nothing */
    fmpnn_error *err;
} builder;

/* ---- looking up ---- */

static const fmpnn_tensor *find(const fmpnn_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (!strcmp(tensors->tensor[i].name, name))
            return &tensors->tensor[i];
    return NULL;
}

static void shape_text(size_t rank, const size_t *shape, char text[100])
{
    size_t used = 0;
    text[used++] = '[';
    for (size_t d = 0; d < rank; d++)
        used += (size_t)snprintf(text + used, 100 - used, d ? ",%zu" : "%zu", shape[d]);
    snprintf(text + used, 100 - used, "]");
}

/* Ask for a tensor of one (columns = 0) or two sizes; *pointer will point to it. */
static void want(builder *b, const float **pointer, size_t rows, size_t columns,
                 const char *prefix, const char *suffix)
{
    char name[160], is[100], expected[100];
    const size_t shape[2] = {rows, columns};
    const size_t rank = columns ? 2 : 1;
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    const fmpnn_tensor *t = find(b->tensors, name);
    if (b->status)
        return;
    shape_text(rank, shape, expected);
    if (!t) {
        b->status =
            fmpnn_fail(b->err, FMPNN_EWEIGHTS, "%s: tensor %s is missing, expected %s",
                       b->name, name, expected);
        return;
    }
    if (t->rank != rank || memcmp(t->shape, shape, rank * sizeof *shape)) {
        shape_text(t->rank, t->shape, is);
        b->status =
            fmpnn_fail(b->err, FMPNN_EWEIGHTS, "%s: tensor %s has shape %s, expected %s",
                       b->name, name, is, expected);
        return;
    }
    b->known[t - b->tensors->tensor] = true;
    b->wanted[b->n_wanted++] = (wanted){pointer, t, columns ? rows * columns : rows};
}

static void want_linear(builder *b, fmpnn_linear *linear, size_t out, size_t in,
                        const char *prefix, const char *name, bool has_bias)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    linear->out = out;
    linear->in = in;
    linear->b = NULL;
    want(b, &linear->w, out, in, full, ".weight");
    if (has_bias)
        want(b, &linear->b, out, 0, full, ".bias");
}

static void want_norm(builder *b, fmpnn_norm *norm, const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    want(b, &norm->gain, b->model->C, 0, full, ".weight");
    want(b, &norm->bias, b->model->C, 0, full, ".bias");
}

/* blocks: how many vectors of C channels W1 acts on. */
static void want_layer(builder *b, fmpnn_layer *layer, const char *stack, size_t n,
                       size_t blocks, bool encoder)
{
    size_t C = b->model->C, F = b->model->F;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.%zu.", stack, n);
    want_norm(b, &layer->norm1, prefix, "norm1");
    want_norm(b, &layer->norm2, prefix, "norm2");
    want_linear(b, &layer->W1, C, blocks * C, prefix, "W1", true);
    want_linear(b, &layer->W2, C, C, prefix, "W2", true);
    want_linear(b, &layer->W3, C, C, prefix, "W3", true);
    if (encoder) {
        want_norm(b, &layer->norm3, prefix, "norm3");
        want_linear(b, &layer->W11, C, 3 * C, prefix, "W11", true);
        want_linear(b, &layer->W12, C, C, prefix, "W12", true);
        want_linear(b, &layer->W13, C, C, prefix, "W13", true);
    }
    want_linear(b, &layer->W_in, F, C, prefix, "dense.W_in", true);
    want_linear(b, &layer->W_out, C, F, prefix, "dense.W_out", true);
}

static bool packs(const fmpnn_model *model)
{
    return !strcmp(model->info.kind, "packer");
}

static void want_labels(builder *b)
{
    fmpnn_model *m = b->model;
    bool packer = packs(m);
    want_linear(b, &m->label, m->C, m->info.labels, "features.",
                packer ? "enc_node_embedding" : "node_embedding", false);
    want_norm(b, &m->norm_label, "features.", packer ? "enc_norm_nodes" : "norm_nodes");
    want_linear(b, &m->W_label, m->C, m->C, "", "W_v", true);
}

static void want_context(builder *b)
{
    fmpnn_context_part *p = &b->model->context;
    size_t C = b->model->C;
    want_linear(b, &p->type, FMPNN_TYPE_WIDTH, FMPNN_ELEMENTS, "", "features.type_linear", true);
    want_linear(b, &p->pair, C, PAIR_COLUMNS, "", "features.node_project_down", true);
    want_linear(b, &p->atom, C, FMPNN_ELEMENTS, "", "features.y_nodes", false);
    want_linear(b, &p->bond, C, FMPNN_RBF, "", "features.y_edges", false);
    want_norm(b, &p->norm_pair, "", "features.norm_nodes");
    want_norm(b, &p->norm_atom, "", "features.norm_y_nodes");
    want_norm(b, &p->norm_bond, "", "features.norm_y_edges");
    want_linear(b, &p->W_pair, C, C, "", packs(b->model) ? "W_e_context" : "W_v", true);
    want_linear(b, &p->W_own, C, C, "", "W_c", true);
    want_linear(b, &p->W_atom, C, C, "", "W_nodes_y", true);
    want_linear(b, &p->W_bond, C, C, "", "W_edges_y", true);
    want_linear(b, &p->V_C, C, C, "", "V_C", false);
    want_norm(b, &p->norm_out, "", "V_C_norm");
    for (size_t n = 0; n < p->layers; n++) {
        want_layer(b, &p->residue_layer[n], "context_encoder_layers", n, 3, false);
        want_layer(b, &p->atom_layer[n], "y_context_encoder_layers", n, 2, false);
    }
}

static void want_packer(builder *b)
{
    fmpnn_packer_part *p = &b->model->packer;
    size_t C = b->model->C, M = b->model->info.context_atoms, atoms = FMPNN_SIDE_CHAIN;
    want_linear(b, &p->reach, FMPNN_REACH, FMPNN_RBF + FMPNN_ELEMENT_TYPES, "features.",
                "W_XY_project_down1", true);
    want_linear(b, &p->node, C, atoms * M * FMPNN_REACH, "features.", "dec_node_embedding1",
                false);
    want_linear(b, &p->edge, C, atoms * atoms * FMPNN_RBF + 2 * FMPNN_LETTERS, "features.",
                "dec_edge_embedding1", false);
    want_norm(b, &p->norm_node, "features.", "dec_norm_nodes1");
    want_norm(b, &p->norm_edge, "features.", "dec_norm_edges1");
    want_linear(b, &p->W_node, C, C, "", "W_v_sc", true);
    want_linear(b, &p->W_edge, C, C, "", "W_f", true);
    want_linear(b, &p->down, C, 2 * C, "", "linear_down", true);
    want_linear(b, &p->W_torsions, FMPNN_TORSIONS, C, "", "W_torsions", true);
}

static void want_letters(builder *b)
{
    fmpnn_model *m = b->model;
    want(b, &m->W_s, FMPNN_LETTERS, m->C, "W_s", ".weight");
    want_linear(b, &m->W_out, FMPNN_LETTERS, m->C, "", "W_out", true);
}

static void want_all(builder *b)
{
    fmpnn_model *m = b->model;
    bool packer = packs(m);
    want_linear(b, &m->positional, FMPNN_POSITIONAL, FMPNN_OFFSETS, "features.",
                packer ? "positional_embeddings.linear" : "embeddings.linear", true);
    want_linear(b, &m->edge, m->C, m->info.ca_only ? EDGE_COLUMNS_CA : EDGE_COLUMNS, "features.",
                packer ? "enc_edge_embedding" : "edge_embedding", false);
    want_norm(b, &m->norm_edges, "features.", packer ? "enc_norm_edges" : "norm_edges");
    want_linear(b, &m->W_e, m->C, m->C, "", "W_e", true);
    for (size_t n = 0; n < m->info.encoder_layers; n++)
        want_layer(b, &m->encoder[n], "encoder_layers", n, 3, true);
    for (size_t n = 0; n < m->info.decoder_layers; n++)
        want_layer(b, &m->decoder[n], "decoder_layers", n, 4, false);
    if (packer)
        want_packer(b);
    else
        want_letters(b);
    if (m->info.labels)
        want_labels(b);
    if (m->info.context_atoms)
        want_context(b);
}

/* ---- what kind of network, and how large ---- */

static fmpnn_status measure_width(const builder *b, const char *name, size_t limit,
                                  size_t *width)
{
    const fmpnn_tensor *t = find(b->tensors, name);
    if (!t)
        return fmpnn_fail(b->err, FMPNN_EWEIGHTS,
                          "%s: tensor %s is missing: no ProteinMPNN checkpoint", b->name,
                          name);
    if (t->rank != 2 || t->shape[0] < WIDTH_STEP || t->shape[0] > limit ||
        t->shape[0] % WIDTH_STEP) {
        char is[100];
        shape_text(t->rank, t->shape, is);
        return fmpnn_fail(
            b->err, FMPNN_EWEIGHTS,
            "%s: tensor %s has shape %s, expected two sizes, the first a multiple "
            "of %d from %d to %zu",
            b->name, name, is, WIDTH_STEP, WIDTH_STEP, limit);
    }
    *width = t->shape[0];
    return FMPNN_OK;
}

static fmpnn_status count_layers(const builder *b, const char *stack, size_t *layers)
{
    char name[64];
    for (*layers = 0; *layers <= FMPNN_MAX_LAYERS; ++*layers) {
        snprintf(name, sizeof name, "%s.%zu.W1.weight", stack, *layers);
        if (!find(b->tensors, name))
            break;
    }
    if (!*layers || *layers > FMPNN_MAX_LAYERS)
        return fmpnn_fail(b->err, FMPNN_EWEIGHTS, "%s: has %s %s, expected 1 to %d",
                          b->name, *layers ? "more" : "no", stack, FMPNN_MAX_LAYERS);
    return FMPNN_OK;
}

/* A number that the file may state: `otherwise` where it does not. */
static fmpnn_status stated(const builder *b, const char *what, int64_t number, int otherwise,
                           int limit, int64_t *value)
{
    *value = number < 0 ? otherwise : number;
    if (*value < 1 || *value > limit)
        return fmpnn_fail(b->err, FMPNN_EWEIGHTS, "%s: %s is %lld, expected 1 to %d", b->name,
                          what, (long long)*value, limit);
    return FMPNN_OK;
}

/* Which of its relatives the network is follows from the tensors it has. */
static fmpnn_status measure_kind(builder *b)
{
    fmpnn_model *m = b->model;
    fmpnn_status status;
    int64_t k, atoms = 0;
    size_t atom_layers = 0;
    bool packer = find(b->tensors, "W_torsions.weight") != NULL;
    bool ligand = find(b->tensors, "features.y_nodes.weight") != NULL;
    bool labelled = !m->info.ca_only && !ligand &&
                    find(b->tensors, "features.node_embedding.weight") != NULL;
    if (ligand &&
        ((status = stated(b, "atom_context_num", b->tensors->atom_context_num,
                          packer ? DEFAULT_CONTEXT_PACKER : DEFAULT_CONTEXT,
                          FMPNN_MAX_CONTEXT, &atoms)) ||
         (status = count_layers(b, "context_encoder_layers", &m->context.layers)) ||
         (status = count_layers(b, "y_context_encoder_layers", &atom_layers))))
        return status;
    if (atom_layers != m->context.layers)
        return fmpnn_fail(b->err, FMPNN_EWEIGHTS,
                          "%s: has %zu context_encoder_layers and %zu "
                          "y_context_encoder_layers, expected as many of each",
                          b->name, m->context.layers, atom_layers);
    status = stated(b, "num_edges", b->tensors->num_edges,
                    ligand ? DEFAULT_NEIGHBOURS_LIGAND : DEFAULT_NEIGHBOURS, MAX_NEIGHBOURS,
                    &k);
    if (status)
        return status;
    m->info.kind = m->info.ca_only ? "protein_ca"
                   : packer        ? "packer"
                   : ligand        ? "ligand"
                   : labelled      ? "membrane"
                                   : "protein";
    m->info.neighbours = (int)k;
    m->info.context_atoms = (size_t)atoms;
    m->info.labels = packer ? FMPNN_LETTERS : labelled ? FMPNN_MEMBRANE_LABELS : 0;
    return FMPNN_OK;
}

static fmpnn_status measure(builder *b)
{
    fmpnn_model *m = b->model;
    fmpnn_status status;
    const char *embedding = find(b->tensors, "features.enc_edge_embedding.weight")
                                ? "features.enc_edge_embedding.weight"
                                : "features.edge_embedding.weight";
    if ((status = measure_width(b, embedding, MAX_WIDTH, &m->C)) ||
        (status = measure_width(b, "encoder_layers.0.dense.W_in.weight", MAX_FEED_FORWARD,
                                &m->F)) ||
        (status = count_layers(b, "encoder_layers", &m->info.encoder_layers)) ||
        (status = count_layers(b, "decoder_layers", &m->info.decoder_layers)))
        return status;
    size_t columns = find(b->tensors, embedding)->shape[1];
    if (columns != EDGE_COLUMNS && columns != EDGE_COLUMNS_CA)
        return fmpnn_fail(
            b->err, FMPNN_EWEIGHTS,
            "%s: tensor %s has %zu columns, expected %d, or %d of a CA-only network", b->name,
            embedding, columns, EDGE_COLUMNS, EDGE_COLUMNS_CA);
    m->info.ca_only = columns == EDGE_COLUMNS_CA;
    m->info.noise = b->tensors->noise_level;
    m->info.hidden = m->C;
    return measure_kind(b);
}

/* CA-only files carry a node embedding that the network never uses. */
static bool is_unused(const builder *b, const char *name)
{
    static const char *const unused[] = {
        "features.node_embedding.weight", "features.norm_nodes.weight",
        "features.norm_nodes.bias", "W_v.weight", "W_v.bias"};
    for (size_t i = 0; b->model->info.ca_only && i < sizeof unused / sizeof *unused; i++)
        if (!strcmp(unused[i], name))
            return true;
    return false;
}

static fmpnn_status refuse_foreign(const builder *b)
{
    for (size_t i = 0; i < b->tensors->count; i++) {
        const char *name = b->tensors->tensor[i].name;
        if (b->known[i] || is_unused(b, name))
            continue;
        return fmpnn_fail(b->err, FMPNN_EWEIGHTS, "%s: tensor %s %s", b->name, name,
                          find(b->tensors, name) == &b->tensors->tensor[i]
                              ? "is not part of such a network"
                              : "is there twice");
    }
    return FMPNN_OK;
}

/* ---- the block ---- */

static size_t aligned(size_t floats)
{
    return (floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

/* Point the model at its tensors: in the block that they came in, else in a copy. */
static fmpnn_status settle(builder *b)
{
    fmpnn_tensors *tensors = b->tensors;
    size_t total = 0;
    for (size_t i = 0; i < b->n_wanted; i++)
        total += aligned(b->wanted[i].count);
    bool copy = !tensors->block;
    float *dst = copy ? fmpnn_alloc(total, sizeof *dst) : tensors->block;
    if (!dst)
        return fmpnn_fail(b->err, FMPNN_ENOMEM, "%s: out of memory for %zu weights",
                          b->name, total);
    b->model->block = dst;
    tensors->block = NULL;
    for (const wanted *w = b->wanted; w < b->wanted + b->n_wanted; w++) {
        if (!fmpnn_floats_finite(w->tensor->data, w->count))
            return fmpnn_fail(
                b->err, FMPNN_EWEIGHTS,
                "%s: tensor %s has infinite or NaN values: damaged, or a training "
                "that diverged",
                b->name, w->tensor->name);
        *w->pointer = copy ? dst : w->tensor->data;
        b->model->info.parameters += w->count;
        if (copy) {
            memcpy(dst, w->tensor->data, w->count * sizeof *dst);
            memset(dst + w->count, 0, (aligned(w->count) - w->count) * sizeof *dst);
            dst += aligned(w->count);
        }
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_model_from_tensors(const char *name, const char digest[65],
                                      fmpnn_tensors *tensors, fmpnn_model **model,
                                      fmpnn_error *err)
{
    builder b = {.name = name, .tensors = tensors, .err = err};
    b.model = fmpnn_alloc_zero(1, sizeof *b.model);
    b.known = fmpnn_alloc_zero(tensors->count, sizeof *b.known);
    if (!b.model || !b.known || !(b.model->name = fmpnn_copy_text(name))) {
        b.status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory", name);
        goto done;
    }
    static atomic_uint_fast64_t models;
    b.model->serial = atomic_fetch_add(&models, 1);
    snprintf(b.model->digest, sizeof b.model->digest, "%s", digest);
    b.model->info.name = b.model->name;
    b.model->info.digest = b.model->digest;
    if ((b.status = measure(&b)))
        goto done;
    want_all(&b);
    if (b.status || (b.status = refuse_foreign(&b)) || (b.status = settle(&b)) ||
        (b.status = fmpnn_packed_create(b.model, &b.model->packed, err)))
        goto done;
    *model = b.model;
    b.model = NULL;
done:
    fmpnn_release(b.known);
    fmpnn_model_free(b.model);
    fmpnn_tensors_clear(tensors);
    return b.status;
}

void fmpnn_model_free(fmpnn_model *model)
{
    if (!model)
        return;
    fmpnn_packed_free(model->packed);
    fmpnn_release(model->block);
    fmpnn_release(model->name);
    fmpnn_release(model);
}

void fmpnn_model_describe(const fmpnn_model *model, fmpnn_model_info *info)
{
    *info = model->info;
}
