/* Features and encoder. The edges of residue i are a tile [K][C] that stays in cache through
 * all products of a pass:
 *
 *     pass 0      features -> e, message of layer 0
 *     pass n      edge update of layer n-1, message of layer n
 *     pass N      edge update of layer N-1
 *
 * After each pass but the last, residues are updated from their summed messages, and what
 * their state contributes to the edges of the next pass is multiplied out once a residue. */
#include "engine/context.h"
#include "engine/engine.h"
#include "graph/context.h"

#include <string.h>

typedef struct encoder {
    fmpnn_encoding *out;
    const fmpnn_kernels *kernels;
    const fmpnn_kernels *precise; /* for first edge states and for residues */
    const fmpnn_graph *graph;
    const fmpnn_packed *w;
    fmpnn_watch *watch;
    size_t L, K, C, N;       /* N: encoder layers */
    size_t block;            /* rows that a node pass takes at a time */
    size_t team;             /* threads */
    bool sees_atoms;         /* states change once more after the last layer */
    bool packs;              /* the decoder starts from states of its own (side.c) */
    float *e;                /* [L][K][C] edge states: out->tables->edges */
    float *s;                /* [L][C] summed messages */
    float *own_update, *near_update;   /* [L][C] W11's node parts, bias in own */
    float *own_message, *near_message; /* [L][C] W1's node parts of the next layer */
    float *geometry;         /* virtual CB [L][3], or frames [L][9] */
} encoder;

typedef struct scratch {
    float *raw;             /* features of one residue */
    float *t;               /* [2][K][C] */
    float *weight;          /* [K] */
    const float **row;      /* [3][K] */
    float *work;            /* [FMPNN_BLOCK][F] */
    float *count;           /* [FMPNN_BLOCK] */
    float *block;
    unsigned mode; /* of the floating-point unit, before */
} scratch;

static bool enter(void *of, void *lane)
{
    const encoder *en = of;
    scratch *x = lane;
    size_t tile = en->K * en->C, raw = fmpnn_features_size(en->graph, en->w);
    size_t line = 16, rows = FMPNN_BLOCK;
    x->mode = fmpnn_float_mode_enter();
    raw = (raw + line - 1) / line * line;
    x->block = fmpnn_alloc(raw + 2 * tile + rows * en->w->F + rows + en->K, sizeof(float));
    x->row = fmpnn_alloc(3 * en->K, sizeof *x->row);
    if (!x->block || !x->row)
        return false;
    x->raw = x->block;
    x->t = x->raw + raw;
    x->work = x->t + 2 * tile;
    x->count = x->work + rows * en->w->F;
    x->weight = x->count + rows;
    return true;
}

static void leave(void *of, void *lane)
{
    scratch *x = lane;
    (void)of;
    fmpnn_release(x->row);
    fmpnn_release(x->block);
    fmpnn_float_mode_leave(x->mode);
}

static void gather(const encoder *en, size_t i, const float *nodes, const float **row)
{
    for (size_t m = 0; m < en->K; m++)
        row[m] = nodes + en->graph->neighbour[i * en->K + m] * en->C;
}

/* e <- W_e LN(edge embedding of the features). */
static void embed_edges(const encoder *en, size_t i, float *e, scratch *x)
{
    const fmpnn_kernels *k = en->kernels;
    const fmpnn_norm *norm = &en->out->model->norm_edges;
    size_t K = en->K, C = en->C;
    fmpnn_features_row(en->graph, en->w, k, en->geometry, en->geometry, i, x->raw, x->row);
    fmpnn_lap(en->watch, FMPNN_STAGE_FEATURES, 0);
    en->precise->gemm(x->t, C, x->raw, en->w->features, K, en->w->features, en->w->edge, C,
                      NULL, x->row, 0);
    k->layer_norm(x->t, C, x->t, C, K, C, norm->gain, norm->bias);
    en->precise->gemm(e, C, x->t, C, K, C, en->w->w_e, C, en->w->b_e, NULL, 0);
    fmpnn_lap(en->watch, FMPNN_STAGE_EMBEDDING, 0);
}

/* e <- LN3(e + W13 g(W12 g(W11 [h_i | e | h_j]))). */
static void update_edges(const encoder *en, size_t layer, size_t i, float *e, scratch *x)
{
    const fmpnn_packed_encoder *w = &en->w->encoder[layer];
    const fmpnn_kernels *k = en->kernels;
    size_t K = en->K, C = en->C;
    const float **self = x->row + K, **ahead = x->row + 2 * K;
    size_t next =
        i + en->team < en->L ? en->team * K * C : 0; /* this thread's next, likely */
    gather(en, i, en->near_update, x->row);
    for (size_t m = 0; m < K; m++) {
        self[m] = e + m * C;
        ahead[m] = self[m] + next;
    }
    fmpnn_product maps[] = {{w->update.edge, C, en->own_update + i * C},
                            {w->w12, C, w->b12},
                            {w->w13, C, w->b13}};
    fmpnn_added added = {.rows = x->row, .ahead = ahead, .n_ahead = next ? K : 0};
    k->mlp(e, C, e, C, K, C, maps, 3, &added, self, x->t);
    k->layer_norm(e, C, e, C, K, C, w->norm3.gain, w->norm3.bias);
    fmpnn_lap(en->watch, FMPNN_STAGE_ENCODER, layer);
}

/* s_i <- sum_j mask_j g(W2 g(W1 [h_i | e | h_j])); before the first layer h is 0, or a label's. */
static void sum_messages(const encoder *en, size_t layer, size_t i, const float *e, scratch *x)
{
    const fmpnn_packed_encoder *w = &en->w->encoder[layer];
    const fmpnn_kernels *k = en->kernels;
    const fmpnn_graph *graph = en->graph;
    const uint8_t *label = graph->label;
    size_t K = en->K, C = en->C;
    fmpnn_product maps[] = {{w->message.edge, C, w->message.bias}, {w->w2, C, w->b2}};
    fmpnn_added added = {.rows = NULL};
    if (layer) {
        gather(en, i, en->near_message, x->row);
        maps[0].bias = en->own_message + i * C;
        added.rows = x->row;
    } else if (en->w->label_state) { /* both node parts are functions of a label */
        for (size_t m = 0; m < K; m++)
            x->row[m] = en->w->label_near + label[graph->neighbour[i * K + m]] * C;
        maps[0].bias = en->w->label_own + label[i] * C;
        added.rows = x->row;
    }
    bool all = true;
    for (size_t m = 0; m < K; m++) {
        x->weight[m] = graph->mask[graph->neighbour[i * K + m]];
        all = all && x->weight[m] == 1;
    }
    k->mlp_sum(en->s + i * C, e, C, K, C, maps, &added, all ? NULL : x->weight, x->t);
    fmpnn_lap(en->watch, FMPNN_STAGE_ENCODER, layer);
}

static void edge_pass(const encoder *en, size_t pass, size_t i, scratch *x)
{
    float *e = en->e + i * en->K * en->C;
    if (en->graph->mask[i] == 0)
        return; /* its messages are masked and its row is never decoded */
    fmpnn_lap(en->watch, FMPNN_STAGE_NONE, 0);
    if (pass == 0)
        embed_edges(en, i, e, x);
    else
        update_edges(en, pass - 1, i, e, x);
    if (pass < en->N)
        sum_messages(en, pass, i, e, x);
}

/* What the decoder reads of the final states of rows first .. first+M-1. */
static void node_tables(const encoder *en, size_t first, size_t M)
{
    const fmpnn_kernels *k = en->kernels;
    size_t C = en->C;
    const float *h = en->out->h + first * C;
    k->gemm(en->out->own_part + first * C, C, h, C, M, C, en->w->decoder[0].message.own, C, NULL,
            NULL, 0);
    for (size_t l = 0; l < en->out->layers; l++)
        k->gemm(en->out->blind + (l * en->L + first) * C, C, h, C, M, C,
                en->w->decoder[l].message.neighbour, C, NULL, NULL, 0);
    fmpnn_lap(en->watch, FMPNN_STAGE_TABLES, 0);
}

/* Rows first .. first+M-1: node update of `layer`, then their part in the edges to come. */
static void node_pass(const encoder *en, size_t layer, size_t first, size_t M, scratch *x)
{
    const fmpnn_kernels *k = en->kernels;
    const fmpnn_packed_encoder *w = &en->w->encoder[layer];
    size_t C = en->C, K = en->K;
    float *h = en->out->h + first * C;
    fmpnn_lap(en->watch, FMPNN_STAGE_NONE, 0);
    for (size_t m = 0; m < M; m++) {
        float count = 0;
        for (size_t n = 0; n < K; n++)
            count += en->graph->mask[en->graph->neighbour[(first + m) * K + n]];
        x->count[m] = count;
    }
    fmpnn_node_update(en->precise, &w->node, C, en->w->F, M, h, en->s + first * C, x->count,
                      x->work);
    for (size_t m = 0; m < M; m++)
        if (en->graph->mask[first + m] == 0)
            memset(h + m * C, 0, C * sizeof *h);
    k->gemm(en->own_update + first * C, C, h, C, M, C, w->update.own, C, w->update.bias, NULL, 0);
    k->gemm(en->near_update + first * C, C, h, C, M, C, w->update.neighbour, C, NULL, NULL, 0);
    if (layer + 1 < en->N) {
        const fmpnn_packed_split *next = &en->w->encoder[layer + 1].message;
        k->gemm(en->own_message + first * C, C, h, C, M, C, next->own, C, next->bias, NULL, 0);
        k->gemm(en->near_message + first * C, C, h, C, M, C, next->neighbour, C, NULL, NULL, 0);
        fmpnn_lap(en->watch, FMPNN_STAGE_ENCODER, layer);
        return;
    }
    fmpnn_lap(en->watch, FMPNN_STAGE_ENCODER, layer);
    if (!en->sees_atoms) /* else these states are not the final ones */
        node_tables(en, first, M);
}

/* ---- all passes: edges and nodes take turns ---- */

static size_t count_items(void *of, size_t phase)
{
    const encoder *en = of;
    return phase % 2 == 0 ? en->L : (en->L + en->block - 1) / en->block;
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    const encoder *en = of;
    size_t first = n * en->block, left = en->L - first;
    if (phase % 2 == 0)
        edge_pass(en, phase / 2, n, lane);
    else
        node_pass(en, phase / 2, first, left < en->block ? left : en->block, lane);
}

static size_t count_blocks(void *of, size_t phase)
{
    const encoder *en = of;
    (void)phase;
    return (en->L + en->block - 1) / en->block;
}

static void do_tables(void *of, size_t phase, size_t n, void *lane)
{
    const encoder *en = of;
    size_t first = n * en->block, left = en->L - first;
    (void)phase;
    (void)lane;
    unsigned mode = fmpnn_float_mode_enter();
    fmpnn_lap(en->watch, FMPNN_STAGE_NONE, 0);
    node_tables(en, first, left < en->block ? left : en->block);
    fmpnn_float_mode_leave(mode);
}

static fmpnn_status run(encoder *en, const fmpnn_context *ctx, fmpnn_error *err)
{
    fmpnn_task passes = {.of = en,
                         .phases = 2 * en->N + 1,
                         .items = count_items,
                         .item = do_item,
                         .lane_size = sizeof(scratch),
                         .enter = enter,
                         .leave = leave};
    fmpnn_task tables = {.of = en, .phases = 1, .items = count_blocks, .item = do_tables};
    fmpnn_status status = FMPNN_OK;
    en->block = fmpnn_rows_a_block(en->L, FMPNN_BLOCK, ctx->threads);
    en->team = (size_t)ctx->threads;
    if (!fmpnn_pool_run(ctx->pool, ctx->threads, &passes))
        return fmpnn_fail_memory(err, "encoding a structure");
    if (!en->sees_atoms)
        return FMPNN_OK;
    status = fmpnn_context_add(ctx, en->out->model, en->graph, en->geometry, en->out->h, err);
    if (!status && !en->packs && !fmpnn_pool_run(ctx->pool, ctx->threads, &tables))
        status = fmpnn_fail_memory(err, "encoding a structure");
    return status;
}

/* For what all else rests on: the first edge states, in whose product the norm behind it magnifies
 * what a split drops, and the states of residues, which are few and go into every edge. With split
 * products there too, log-probabilities were up to 2.7e-4 off (1TPK with v_48_010; 5L33 with v_48_002
 * 2.3e-4; CA-only 3HTN, which has few features, 2.6e-4), where 2e-4 are allowed; with these in float32,
 * or split in three, 1.5e-4. Never NULL: every instruction set has float32. */
static const fmpnn_kernels *precise_kernels(const fmpnn_kernels *kernels, bool ca_only)
{
    bool precise = ca_only || strcmp(kernels->precision, "bf16x3") == 0;
    return precise ? fmpnn_kernels_precise(kernels->isa) : kernels;
}

static fmpnn_status out_of_memory(const fmpnn_graph *graph, fmpnn_error *err)
{
    return fmpnn_fail(err, FMPNN_ENOMEM, "out of memory while encoding %zu residues", graph->L);
}

static bool prepare(encoder *en)
{
    size_t L = en->L, C = en->C;
    bool ca_only = en->graph->ca_only;
    en->s = fmpnn_alloc_zero(5 * L, C * sizeof(float)); /* rows not resolved stay 0 */
    en->geometry = fmpnn_alloc(L * (ca_only ? 9 : 3), sizeof(float));
    if (!en->s || !en->geometry)
        return false;
    en->own_update = en->s + L * C;
    en->near_update = en->s + 2 * L * C;
    en->own_message = en->s + 3 * L * C;
    en->near_message = en->s + 4 * L * C;
    if (ca_only)
        fmpnn_features_frames(en->graph, en->geometry);
    else
        fmpnn_graph_cb(en->graph, en->geometry);
    for (size_t i = 0; en->w->label_state && i < L; i++)
        memcpy(en->out->h + i * C, en->w->label_state + en->graph->label[i] * C,
               C * sizeof(float));
    return true;
}

fmpnn_encoding fmpnn_encoding_sizes(const fmpnn_model *model, const fmpnn_graph *graph)
{
    return (fmpnn_encoding){.model = model, .graph = graph, .w = model->packed, .L = graph->L,
                            .K = graph->K, .C = model->C,
                            .layers = model->info.decoder_layers};
}

static fmpnn_status encoding_create(const fmpnn_context *ctx, const fmpnn_model *model,
                                    const fmpnn_graph *graph, fmpnn_encoding **out,
                                    fmpnn_error *err)
{
    fmpnn_encoding *encoding = fmpnn_alloc_zero(1, sizeof *encoding);
    if (!encoding)
        return out_of_memory(graph, err);
    *encoding = fmpnn_encoding_sizes(model, graph);
    size_t rows = graph->L, row = model->C * sizeof(float);
    size_t starts = model->packed->side.still ? 0 : rows; /* of what the decoder starts from */
    fmpnn_status status = FMPNN_OK;
    encoding->tables = fmpnn_alloc_zero(1, sizeof *encoding->tables);
    if (encoding->tables)
        status = fmpnn_memory_decide(ctx, encoding, err);
    if (status)
        goto failed;
    encoding->h = fmpnn_alloc_zero(rows, row);
    encoding->own_part = fmpnn_alloc(starts, row);
    encoding->blind = fmpnn_alloc(starts * encoding->layers, row);
    if (encoding->tables)
        encoding->tables->edges = fmpnn_alloc(rows * graph->K, row);
    if (!encoding->h || !encoding->own_part || !encoding->blind || !encoding->tables ||
        !encoding->tables->edges) {
        status = out_of_memory(graph, err);
        goto failed;
    }
    *out = encoding;
    return FMPNN_OK;
failed:
    fmpnn_engine_encoding_free(encoding);
    return status;
}

void fmpnn_engine_encoding_free(fmpnn_encoding *encoding)
{
    if (!encoding)
        return;
    if (encoding->tables) {
        fmpnn_release(encoding->tables->edges);
        fmpnn_release(encoding->tables->edge_part);
    }
    fmpnn_release(encoding->tables);
    fmpnn_release(encoding->blind);
    fmpnn_release(encoding->own_part);
    fmpnn_release(encoding->h);
    fmpnn_release(encoding);
}

fmpnn_status fmpnn_engine_encode(fmpnn_context *ctx, const fmpnn_model *model,
                                 const fmpnn_graph *graph, fmpnn_encoding **encoding,
                                 fmpnn_error *err)
{
    fmpnn_status status = fmpnn_graph_serves(graph, model->info.ca_only,
                                             model->info.context_atoms, model->info.labels, err);
    if (status)
        return status;
    encoder en = {.kernels = ctx->kernels,
                  .precise = precise_kernels(ctx->kernels, graph->ca_only),
                  .graph = graph,
                  .w = model->packed,
                  .watch = ctx->watch,
                  .L = graph->L,
                  .K = graph->K,
                  .C = model->C,
                  .N = model->info.encoder_layers,
                  .sees_atoms = model->info.context_atoms != 0,
                  .packs = model->packed->side.still != NULL};
    status = encoding_create(ctx, model, graph, &en.out, err);
    if (status)
        goto done;
    en.e = en.out->tables->edges;
    if (!prepare(&en)) {
        status = out_of_memory(graph, err);
        goto done;
    }
    status = run(&en, ctx, err);
    if (status)
        goto done;
    *encoding = en.out;
    en.out = NULL;
done:
    fmpnn_release(en.geometry);
    fmpnn_release(en.s);
    fmpnn_engine_encoding_free(en.out);
    return status;
}

fmpnn_status fmpnn_engine_states(fmpnn_context *ctx, const fmpnn_encoding *encoding, float *h_V,
                                 const uint32_t *rows, size_t n_rows, float *h_E, fmpnn_error *err)
{
    size_t tile = encoding->K * encoding->C;
    const float *edges = encoding->tables->edges;
    fmpnn_encoding *again = NULL;
    if (h_V)
        memcpy(h_V, encoding->h, encoding->L * encoding->C * sizeof *h_V);
    if (!h_E)
        return FMPNN_OK;
    fmpnn_status status = FMPNN_OK;
    if (!edges)
        status = fmpnn_engine_encode(ctx, encoding->model, encoding->graph, &again, err);
    if (status)
        return status;
    if (again)
        edges = again->tables->edges;
    for (size_t n = 0; n < n_rows; n++)
        memcpy(h_E + n * tile, edges + rows[n] * tile, tile * sizeof *h_E);
    fmpnn_engine_encoding_free(again);
    return FMPNN_OK;
}
