/* Makes small checkpoints, right ones and wrong ones, so that the tests of the weights need no
 * download: a network of any width with values that every floating type holds exactly, written
 * as .pt (a pickle in a zip archive) or as safetensors. */
#ifndef FMPNN_TESTS_WEIGHTS_MAKER_H
#define FMPNN_TESTS_WEIGHTS_MAKER_H

#include "base/base.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { MAKER_TENSORS = 400, MAKER_FLOATS = 1 << 19 };

typedef struct made_tensor {
    char name[160];
    size_t rows, columns; /* columns 0: one size */
    size_t count;
    const float *data;
} made_tensor;

typedef struct made_network {
    size_t C, F, encoders, decoders;
    bool ca_only;
    made_tensor tensor[MAKER_TENSORS];
    size_t count, used;
    float data[MAKER_FLOATS];
} made_network;

/* What is unusual about a .pt file; all zero: a file like the published ones. */
typedef struct pt_options {
    const char *folder, *state_key, *storage, *byteorder; /* NULL: the usual */
    const char *skip;                                     /* tensor left out */
    const char *foreign; /* a tensor of this name at the end */
    const char *victim;  /* tensor that the following settings are for */
    int64_t rows, columns, elements, offset, stride; /* 0: as it is */
    const char *module, *global;                     /* named before anything else */
    unsigned char opcode;                            /* stands before anything else */
    bool deflate, newer, transposed, parameter, cycle, bare, no_settings;
    int64_t num_edges; /* 0: 48 */
} pt_options;

static inline void maker_add(made_network *net, size_t rows, size_t columns,
                             const char *prefix, const char *name)
{
    made_tensor *t = &net->tensor[net->count++];
    assert(net->count <= MAKER_TENSORS);
    snprintf(t->name, sizeof t->name, "%s%s", prefix, name);
    t->rows = rows;
    t->columns = columns;
    t->count = rows * (columns ? columns : 1);
    assert(net->used + t->count <= MAKER_FLOATS);
    float *data = net->data + net->used;
    net->used += t->count;
    for (size_t i = 0; i < t->count; i++) /* 64ths: exact in half and bfloat16 */
        data[i] = ((float)((net->count * 31 + i * 17) % 129) - 64) / 64;
    t->data = data;
}

static inline void maker_linear(made_network *net, size_t out, size_t in,
                                const char *prefix, const char *name)
{
    char full[80];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    maker_add(net, out, in, full, ".weight");
    maker_add(net, out, 0, full, ".bias");
}

static inline void maker_norm(made_network *net, const char *prefix, const char *name)
{
    char full[80];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    maker_add(net, net->C, 0, full, ".weight");
    maker_add(net, net->C, 0, full, ".bias");
}

static inline void maker_layer(made_network *net, const char *prefix, bool encoder)
{
    size_t C = net->C, F = net->F;
    maker_norm(net, prefix, "norm1");
    maker_norm(net, prefix, "norm2");
    if (encoder)
        maker_norm(net, prefix, "norm3");
    maker_linear(net, C, encoder ? 3 * C : 4 * C, prefix, "W1");
    maker_linear(net, C, C, prefix, "W2");
    maker_linear(net, C, C, prefix, "W3");
    if (encoder) {
        maker_linear(net, C, 3 * C, prefix, "W11");
        maker_linear(net, C, C, prefix, "W12");
        maker_linear(net, C, C, prefix, "W13");
    }
    maker_linear(net, F, C, prefix, "dense.W_in");
    maker_linear(net, C, F, prefix, "dense.W_out");
}

/* Turn a network into one that sees context atoms, or labels. */
static inline void maker_add_context(made_network *net, size_t layers)
{
    size_t C = net->C, F = net->F;
    static const char *const stacks[] = {"context_encoder_layers", "y_context_encoder_layers"};
    static const char *const squares[] = {"W_v", "W_c", "W_nodes_y", "W_edges_y"};
    static const char *const norms[] = {"features.norm_nodes", "features.norm_y_nodes",
                                        "features.norm_y_edges", "V_C_norm"};
    maker_linear(net, 64, 147, "features.", "type_linear");
    maker_linear(net, C, 148, "features.", "node_project_down");
    maker_add(net, C, 147, "features.", "y_nodes.weight");
    maker_add(net, C, 16, "features.", "y_edges.weight");
    maker_add(net, C, C, "", "V_C.weight");
    for (size_t n = 0; n < 4; n++) {
        maker_linear(net, C, C, "", squares[n]);
        maker_norm(net, "", norms[n]);
    }
    for (size_t n = 0; n < 2 * layers; n++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s.%zu.", stacks[n % 2], n / 2);
        maker_norm(net, prefix, "norm1");
        maker_norm(net, prefix, "norm2");
        maker_linear(net, C, n % 2 ? 2 * C : 3 * C, prefix, "W1");
        maker_linear(net, C, C, prefix, "W2");
        maker_linear(net, C, C, prefix, "W3");
        maker_linear(net, F, C, prefix, "dense.W_in");
        maker_linear(net, C, F, prefix, "dense.W_out");
    }
}

static inline void maker_add_labels(made_network *net)
{
    maker_add(net, net->C, 3, "features.", "node_embedding.weight");
    maker_norm(net, "features.", "norm_nodes");
    maker_linear(net, net->C, net->C, "", "W_v");
}

static inline made_network *maker_network(size_t C, size_t F, size_t encoders,
                                          size_t decoders, bool ca_only)
{
    char prefix[64];
    made_network *net = calloc(1, sizeof *net);
    assert(net);
    net->C = C;
    net->F = F;
    net->encoders = encoders;
    net->decoders = decoders;
    net->ca_only = ca_only;
    maker_linear(net, 16, 66, "features.", "embeddings.linear");
    if (ca_only) {
        maker_add(net, C, 3, "features.", "node_embedding.weight");
        maker_norm(net, "features.", "norm_nodes");
        maker_linear(net, C, C, "", "W_v");
    }
    maker_add(net, C, ca_only ? 167 : 416, "features.", "edge_embedding.weight");
    maker_norm(net, "features.", "norm_edges");
    maker_linear(net, C, C, "", "W_e");
    maker_add(net, 21, C, "", "W_s.weight");
    for (size_t n = 0; n < encoders; n++) {
        snprintf(prefix, sizeof prefix, "encoder_layers.%zu.", n);
        maker_layer(net, prefix, true);
    }
    for (size_t n = 0; n < decoders; n++) {
        snprintf(prefix, sizeof prefix, "decoder_layers.%zu.", n);
        maker_layer(net, prefix, false);
    }
    maker_linear(net, 21, C, "", "W_out");
    return net;
}

/* Another name, keeping what follows it. */
static inline void maker_rename(made_network *net, const char *from, const char *to)
{
    size_t length = strlen(from);
    for (size_t n = 0; n < net->count; n++)
        if (!strncmp(net->tensor[n].name, from, length)) {
            char rest[160];
            snprintf(rest, sizeof rest, "%s", net->tensor[n].name + length);
            snprintf(net->tensor[n].name, sizeof net->tensor[n].name, "%.60s%.90s", to, rest);
        }
}

static inline void maker_drop(made_network *net, const char *name)
{
    size_t kept = 0;
    for (size_t n = 0; n < net->count; n++)
        if (strncmp(net->tensor[n].name, name, strlen(name)) != 0)
            net->tensor[kept++] = net->tensor[n];
    net->count = kept;
}

/* A packer that sees M atoms, of a network with a context. */
static inline void maker_make_packer(made_network *net, size_t M)
{
    size_t C = net->C;
    maker_drop(net, "W_s.");
    maker_drop(net, "W_out.");
    maker_rename(net, "W_v.", "W_e_context.");
    maker_rename(net, "features.embeddings.", "features.positional_embeddings.");
    maker_rename(net, "features.edge_embedding.", "features.enc_edge_embedding.");
    maker_rename(net, "features.norm_edges.", "features.enc_norm_edges.");
    maker_add(net, C, 21, "features.", "enc_node_embedding.weight");
    maker_norm(net, "features.", "enc_norm_nodes");
    maker_linear(net, 16, 136, "features.", "W_XY_project_down1");
    maker_add(net, C, 14 * M * 16, "features.", "dec_node_embedding1.weight");
    maker_add(net, C, 14 * 14 * 16 + 42, "features.", "dec_edge_embedding1.weight");
    maker_norm(net, "features.", "dec_norm_nodes1");
    maker_norm(net, "features.", "dec_norm_edges1");
    maker_linear(net, C, C, "", "W_v");
    maker_linear(net, C, C, "", "W_v_sc");
    maker_linear(net, C, C, "", "W_f");
    maker_linear(net, C, 2 * C, "", "linear_down");
    maker_linear(net, 36, C, "", "W_torsions");
}

static inline const made_tensor *maker_find(const made_network *net, const char *name)
{
    for (size_t i = 0; i < net->count; i++)
        if (!strcmp(net->tensor[i].name, name))
            return &net->tensor[i];
    return NULL;
}

/* ---- pickles ---- */

static inline void put(fmpnn_text *out, const char *bytes)
{
    fmpnn_text_add(out, bytes, strlen(bytes));
}

static inline void put_number(fmpnn_text *out, uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        char byte = (char)(number >> 8 * i & 0xff);
        fmpnn_text_add(out, &byte, 1);
    }
}

static inline void put_text(fmpnn_text *out, const char *text, bool newer)
{
    put(out, newer ? "\x8c" : "X");
    put_number(out, strlen(text), newer ? 1 : 4);
    put(out, text);
}

static inline void put_integer(fmpnn_text *out, int64_t number)
{
    if (number >= INT32_MIN && number <= INT32_MAX) {
        put(out, "J");
        put_number(out, (uint64_t)number, 4);
    } else {
        put(out, "\x8a\x08");
        put_number(out, (uint64_t)number, 8);
    }
}

static inline void put_global(fmpnn_text *out, const char *module, const char *name,
                              bool newer)
{
    if (newer) {
        put_text(out, module, true);
        put_text(out, name, true);
        put(out, "\x93");
    } else {
        fmpnn_text_print(out, "c%s\n%s\n", module, name);
    }
}

static inline void put_tensor(fmpnn_text *out, const made_tensor *t, const char *key,
                              const pt_options *o)
{
    bool victim = o->victim && !strcmp(o->victim, t->name);
    bool transposed = o->transposed && t->columns;
    int64_t rows = victim && o->rows ? o->rows : (int64_t)t->rows;
    int64_t columns = victim && o->columns ? o->columns : (int64_t)t->columns;
    int64_t elements = victim && o->elements ? o->elements : (int64_t)t->count;
    if (o->parameter) {
        put_global(out, "torch._utils", "_rebuild_parameter", o->newer);
        put(out, "(");
    }
    put_global(out, "torch._utils", "_rebuild_tensor_v2", o->newer);
    put(out, "((");
    put_text(out, "storage", o->newer);
    put_global(out, "torch", o->storage ? o->storage : "FloatStorage", o->newer);
    put_text(out, key, o->newer);
    put_text(out, "cpu", o->newer);
    put_integer(out, elements);
    put(out, "tQ");
    put_integer(out, victim ? o->offset : 0);
    put_integer(out, rows);
    if (t->columns)
        put_integer(out, columns);
    put(out, t->columns ? "\x86" : "\x85");
    put_integer(out, victim && o->stride ? o->stride
                     : transposed        ? 1
                     : t->columns        ? columns
                                         : 1);
    if (t->columns)
        put_integer(out, transposed ? rows : 1);
    put(out, t->columns ? "\x86" : "\x85");
    put(out, "\x89");
    put_global(out, "collections", "OrderedDict", o->newer);
    put(out, ")RtR");
    if (o->parameter) {
        put(out, "\x88");
        put_global(out, "collections", "OrderedDict", o->newer);
        put(out, ")RtR");
    }
}

static inline void put_state(fmpnn_text *out, const made_network *net, const pt_options *o)
{
    char key[32];
    put_global(out, "collections", "OrderedDict", o->newer);
    put(out, ")Rq\x01(");
    for (size_t i = 0; i < net->count; i++) {
        if (o->skip && !strcmp(o->skip, net->tensor[i].name))
            continue;
        snprintf(key, sizeof key, "%zu", i);
        put_text(out, net->tensor[i].name, o->newer);
        put_tensor(out, &net->tensor[i], key, o);
    }
    if (o->foreign) {
        put_text(out, o->foreign, o->newer);
        put_tensor(out, &net->tensor[0], "0", o);
    }
    put(out, "u");
    if (o->cycle) { /* the dictionary holds itself, and so does a list */
        put_text(out, "self", o->newer);
        put(out, "h\x01s");
    }
    put(out, "}");
    put_text(out, "_metadata", o->newer);
    put(out, "}sb");
}

static inline void put_pickle(fmpnn_text *out, const made_network *net, const pt_options *o)
{
    put(out, o->newer ? "\x80\x04" : "\x80\x02");
    if (o->opcode)
        fmpnn_text_add(out, (const char *)&o->opcode, 1);
    if (o->module)
        put_global(out, o->module, o->global, o->newer);
    if (o->bare) {
        put_state(out, net, o);
        put(out, ".");
        return;
    }
    put(out, "}q");
    put_number(out, 0, 1);
    put(out, "(");
    if (!o->no_settings) {
        put_text(out, "num_edges", o->newer);
        put_integer(out, o->num_edges ? o->num_edges : 48);
        put_text(out, "noise_level", o->newer);
        put(out, "G\x3f\xd0");
        put_number(out, 0, 6); /* 0.25, big-endian */
    }
    if (o->newer) { /* what stands beside the weights after training */
        put_text(out, "optimizer", true);
        put(out, "]\x94(N\x88\x8a\x02\xff\x7f"
                 "e");
    }
    put_text(out, o->state_key ? o->state_key : "model_state_dict", o->newer);
    put_state(out, net, o);
    put(out, "u");
    if (o->cycle) {
        put_text(out, "top", o->newer);
        put(out, "h");
        put_number(out, 0, 1);
        put(out, "s");
    }
    put(out, ".");
}

/* ---- archives ---- */

/* The numbers of a tensor as its storage type has them. */
static inline void put_storage(fmpnn_text *out, const made_tensor *t, const pt_options *o)
{
    const char *storage = o->storage ? o->storage : "FloatStorage";
    for (size_t i = 0; i < t->count; i++) {
        size_t at = i;
        if (o->transposed && t->columns) /* column after column */
            at = i % t->rows * t->columns + i / t->rows;
        float value = t->data[at];
        double wide = value;
        uint32_t bits;
        uint64_t wide_bits;
        memcpy(&bits, &value, sizeof bits);
        memcpy(&wide_bits, &wide, sizeof wide_bits);
        uint32_t exponent = bits >> 23 & 255; /* -1..1 in 64ths: normal in half, or zero */
        uint32_t half = (bits >> 16 & 0x8000) |
                        (exponent ? (exponent - 112) << 10 | (bits >> 13 & 1023) : 0);
        if (!strcmp(storage, "DoubleStorage"))
            put_number(out, wide_bits, 8);
        else if (!strcmp(storage, "HalfStorage"))
            put_number(out, half, 2);
        else if (!strcmp(storage, "BFloat16Storage"))
            put_number(out, bits >> 16, 2);
        else
            put_number(out, bits, 4);
    }
}

static inline void zip_put(zip_t *zip, const char *folder, const char *name,
                           const fmpnn_text *data, bool deflate)
{
    char member[200];
    snprintf(member, sizeof member, "%s/%s", folder, name);
    void *copy = malloc(data->size + 1); /* libzip reads it when the archive is closed */
    assert(copy);
    memcpy(copy, data->data, data->size);
    zip_source_t *source = zip_source_buffer(zip, copy, data->size, 1);
    zip_int64_t index = zip_file_add(zip, member, source, ZIP_FL_ENC_UTF_8);
    assert(index >= 0);
    zip_set_file_compression(zip, (zip_uint64_t)index,
                             deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
}

/* The bytes of a .pt file, freed with fmpnn_release(). `pickle`: instead of ours. */
static inline unsigned char *maker_pt(const made_network *net, const pt_options *o,
                                      const fmpnn_text *pickle, size_t *size)
{
    zip_error_t error;
    zip_stat_t stat;
    fmpnn_text text;
    char name[64];
    const char *folder = o->folder ? o->folder : "archive";
    zip_error_init(&error);
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_source_keep(target);
    zip_t *zip = zip_open_from_source(target, ZIP_TRUNCATE, &error);
    assert(zip);
    fmpnn_text_init(&text);
    if (!pickle)
        put_pickle(&text, net, o);
    zip_put(zip, folder, "data.pkl", pickle ? pickle : &text, o->deflate);
    if (o->byteorder) {
        fmpnn_text_clear(&text);
        put(&text, o->byteorder);
        zip_put(zip, folder, "byteorder", &text, false);
    }
    for (size_t i = 0; i < net->count; i++) {
        fmpnn_text_clear(&text);
        put_storage(&text, &net->tensor[i], o);
        snprintf(name, sizeof name, "data/%zu", i);
        zip_put(zip, folder, name, &text, o->deflate);
    }
    fmpnn_text_clear(&text);
    int closed = zip_close(zip);
    assert(!closed);
    (void)closed;
    zip_source_open(target);
    zip_source_stat(target, &stat);
    unsigned char *bytes = fmpnn_alloc(stat.size, 1);
    assert(bytes);
    zip_source_read(target, bytes, stat.size);
    zip_source_close(target);
    zip_source_free(target);
    *size = stat.size;
    return bytes;
}

/* A safetensors file of a network; `metadata` is the text of "__metadata__" or NULL. */
static inline void maker_safetensors(const made_network *net, const char *metadata,
                                     fmpnn_text *out)
{
    fmpnn_text header;
    size_t at = 0;
    fmpnn_text_init(&header);
    fmpnn_text_print(&header, "{\"__metadata__\":%s", metadata ? metadata : "{}");
    for (size_t i = 0; i < net->count; i++) {
        const made_tensor *t = &net->tensor[i];
        fmpnn_text_print(&header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", t->name,
                         t->rows);
        if (t->columns)
            fmpnn_text_print(&header, ",%zu", t->columns);
        fmpnn_text_print(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + 4 * t->count);
        at += 4 * t->count;
    }
    put(&header, "}");
    while (header.size % 8)
        put(&header, " ");
    put_number(out, header.size, 8);
    fmpnn_text_add(out, header.data, header.size);
    for (size_t i = 0; i < net->count; i++)
        put_storage(out, &net->tensor[i], &(pt_options){0});
    fmpnn_text_clear(&header);
}

#endif
