/* The device under the names that src/backend.h asks for, and encodings in its memory. */
#include "cuda/device.cuh"

extern "C" {
#include "graph/context.h"
}

#include <string.h>

/* ---- encodings: structures encoded together share a block, the uploaded parts first ---- */

typedef struct places {
    size_t neighbour, mask, xyz, distance, index, chain, label; /* bytes, among what is sent */
    size_t h, own_part, blind, edge_part;                       /* among what is made */
} places;

static size_t take(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += (bytes + 255) / 256 * 256;
    return at;
}

/* Where one structure lies after those that have used so much of both parts already. */
static places lay_out(bool split, const fmpnn_model *model, const fmpnn_graph *graph,
                      size_t *sent, size_t *made)
{
    places p;
    size_t L = graph->L, K = graph->K, C = model->C;
    size_t layers = model->info.decoder_layers;
    p.neighbour = take(sent, L * K * sizeof(int));
    p.mask = take(sent, L * sizeof(float));
    p.xyz = take(sent, L * 12 * sizeof(float));
    p.distance = take(sent, L * K * sizeof(float));
    p.index = take(sent, L * sizeof(int));
    p.chain = take(sent, L * sizeof(int));
    p.label = take(sent, graph->label ? L : 0);
    p.h = take(made, L * C * sizeof(float));
    p.own_part = take(made, L * C * sizeof(float));
    size_t table = split ? sizeof(float) : sizeof(__half);
    p.blind = take(made, layers * L * C * table);
    p.edge_part = take(made, layers * L * K * C * table);
    return p;
}

/* An encoding of n structures on its way. */
typedef struct boarding {
    fmpnn_context *ctx;
    device *dev;
    const fmpnn_model *model;
    const model_weights *weights;
    size_t n;
    const fmpnn_graph *const *graph; /* [n] */
    places *place;                   /* [n] */
    structure *item;                 /* [n] */
    encoding_home *home;
    size_t sent, made; /* bytes */
    char *host;
} boarding;

static void copy_graph(void *of, size_t n)
{
    const boarding *b = (const boarding *)of;
    const fmpnn_graph *graph = b->graph[n];
    const places *p = &b->place[n];
    size_t L = graph->L, K = graph->K;
    memcpy(b->host + p->neighbour, graph->neighbour, L * K * sizeof(int));
    memcpy(b->host + p->mask, graph->mask, L * sizeof(float));
    memcpy(b->host + p->xyz, graph->xyz, L * 12 * sizeof(float));
    memcpy(b->host + p->distance, graph->distance, L * K * sizeof(float));
    memcpy(b->host + p->index, graph->index, L * sizeof(int));
    memcpy(b->host + p->chain, graph->chain, L * sizeof(int));
    if (graph->label)
        memcpy(b->host + p->label, graph->label, L);
}

static fmpnn_status send_graphs(boarding *b, fmpnn_error *err)
{
    device *dev = b->dev;
    TRY(device_wait(dev, err)); /* the pinned memory may still be read */
    TRY(device_pinned(dev, b->sent, (void **)&b->host, err));
    fmpnn_pool_each(b->ctx->pool, b->ctx->threads, b->n, copy_graph, b);
    CUDA_TRY(cudaMemcpyAsync(b->home->block, b->host, b->sent, cudaMemcpyHostToDevice,
                             dev->stream),
             err);
    return FMPNN_OK;
}

static structure structure_at(const fmpnn_graph *graph, const places *p, char *sent, char *made)
{
    structure s = {};
    s.L = (int)graph->L;
    s.K = (int)graph->K;
    s.ca_only = graph->ca_only;
    s.neighbour = (const int *)(sent + p->neighbour);
    s.mask = (const float *)(sent + p->mask);
    s.xyz = (const float *)(sent + p->xyz);
    s.distance = (const float *)(sent + p->distance);
    s.index = (const int *)(sent + p->index);
    s.chain = (const int *)(sent + p->chain);
    s.label = graph->label ? (const uint8_t *)(sent + p->label) : NULL;
    s.h = (float *)(made + p->h);
    s.own_part = (float *)(made + p->own_part);
    s.blind = (float *)(made + p->blind);
    s.edge_part = made + p->edge_part;
    return s;
}

static void home_drop(encoding_home *home)
{
    if (!home || __atomic_sub_fetch(&home->references, 1, __ATOMIC_ACQ_REL))
        return;
    cudaSetDevice(home->dev->number);
    if (home->ready)
        cudaEventDestroy(home->ready);
    device_release(home->dev, home->block);
    device_drop(home->dev);
    fmpnn_release(home);
}

static void encoding_free(fmpnn_encoding *e)
{
    if (!e)
        return;
    home_drop(e->home);
    fmpnn_release(e);
}

static size_t residues_of(const boarding *b)
{
    size_t L = 0;
    for (size_t n = 0; n < b->n; n++)
        L += b->graph[n]->L;
    return L;
}

/* Out of memory: how long a structure may be. */
static fmpnn_status name_the_size(const boarding *b, fmpnn_error *err)
{
    size_t tables = b->sent + b->made, L = residues_of(b);
    size_t edges = L * b->graph[0]->K * WIDTH * (b->dev->split ? sizeof(float) : sizeof(__half));
    return b->home->block ? device_name_size(b->dev, "", L, edges, tables, err)
                          : device_name_size(b->dev, "", L, edges + tables, 0, err);
}

static fmpnn_status fill(boarding *b, float *const *h_E, fmpnn_error *err)
{
    device *dev = b->dev;
    const fmpnn_model_info *info = &b->model->info;
    for (size_t n = 0; n < b->n; n++)
        TRY(fmpnn_graph_serves(b->graph[n], info->ca_only, info->context_atoms, info->labels,
                               err));
    TRY(device_weights(dev, b->model, &b->weights, err));
    for (size_t n = 0; n < b->n; n++)
        b->place[n] = lay_out(dev->split, b->model, b->graph[n], &b->sent, &b->made);
    TRY(device_alloc(dev, b->sent + b->made, &b->home->block, err));
    TRY(send_graphs(b, err));
    char *block = (char *)b->home->block;
    for (size_t n = 0; n < b->n; n++)
        b->item[n] = structure_at(b->graph[n], &b->place[n], block, block + b->sent);
    TRY(cuda_encode(dev, b->weights, b->n, b->item, h_E, err));
    for (size_t n = 0; n < b->n && info->context_atoms; n++)
        TRY(cuda_context_add(b->ctx, dev, b->model, b->weights, b->graph[n], &b->item[n], err));
    CUDA_TRY(cudaEventCreateWithFlags(&b->home->ready, cudaEventDisableTiming), err);
    CUDA_TRY(cudaEventRecord(b->home->ready, dev->stream), err);
    return FMPNN_OK;
}

/* One encoding for each structure of a home that is filled. */
static bool hand_over(const boarding *b, fmpnn_encoding **out)
{
    double each = (double)(b->sent + b->made) / (double)residues_of(b);
    for (size_t n = 0; n < b->n; n++) {
        fmpnn_encoding *e = (fmpnn_encoding *)fmpnn_alloc_zero(1, sizeof *e);
        if (!e) {
            while (n)
                encoding_free(out[--n]);
            return false;
        }
        __atomic_add_fetch(&b->home->references, 1, __ATOMIC_RELAXED);
        e->home = b->home;
        e->model = b->model;
        e->graph = b->graph[n];
        e->weights = b->weights;
        e->L = b->graph[n]->L;
        e->K = b->graph[n]->K;
        e->bytes = (size_t)(each * (double)e->L);
        e->item = b->item[n];
        out[n] = e;
    }
    return true;
}

static fmpnn_status encode_with(fmpnn_context *ctx, device *dev, const fmpnn_model *model,
                                size_t n, const fmpnn_graph *const *graph, float *const *h_E,
                                fmpnn_encoding **out, fmpnn_error *err)
{
    boarding b = {};
    fmpnn_status status = FMPNN_OK;
    b.ctx = ctx;
    b.dev = dev;
    b.model = model;
    b.n = n;
    b.graph = graph;
    b.home = (encoding_home *)fmpnn_alloc_zero(1, sizeof *b.home);
    b.place = (places *)fmpnn_alloc(n, sizeof *b.place);
    b.item = (structure *)fmpnn_alloc(n, sizeof *b.item);
    if (b.home) {
        device_keep(dev);
        b.home->dev = dev;
        b.home->references = 1;
    }
    if (!b.home || !b.place || !b.item)
        status = fmpnn_fail_memory(err, "encoding");
    if (!status)
        status = fill(&b, h_E, err);
    if (status == FMPNN_ENOMEM && b.sent)
        status = name_the_size(&b, err);
    if (!status && !hand_over(&b, out))
        status = fmpnn_fail_memory(err, "encoding");
    fmpnn_release(b.item);
    fmpnn_release(b.place);
    home_drop(b.home);
    return status;
}

static fmpnn_status encode_many(fmpnn_context *ctx, const fmpnn_model *model, size_t n,
                                const fmpnn_graph *const *graph, fmpnn_encoding **out,
                                fmpnn_error *err)
{
    device *dev;
    TRY(device_enter(ctx, &dev, err));
    return encode_with(ctx, dev, model, n, graph, NULL, out, err);
}

static fmpnn_status encode(fmpnn_context *ctx, const fmpnn_model *model, const fmpnn_graph *graph,
                           fmpnn_encoding **out, fmpnn_error *err)
{
    return encode_many(ctx, model, 1, &graph, out, err);
}

/* Encodings have half of what a call may take; the rest is for making them and for sampling. */
static size_t together(const fmpnn_context *ctx, const fmpnn_model *model, size_t n,
                       const fmpnn_graph *const *graph)
{
    const device *dev = (const device *)ctx->device;
    size_t sent = 0, made = 0, fit = 0;
    for (; fit < n; fit++) {
        lay_out(dev->split, model, graph[fit], &sent, &made);
        if (fit && sent + made > dev->budget / 2)
            break;
    }
    return fit;
}

fmpnn_status encoding_await(device *dev, const fmpnn_encoding *e, fmpnn_error *err)
{
    if (e->home->dev != dev)
        CUDA_TRY(cudaStreamWaitEvent(dev->stream, e->home->ready, 0), err);
    return FMPNN_OK;
}

/* ---- encoder states ---- */

/* Edges of the rows asked for, from an encoding made again for this. */
static fmpnn_status edge_states(fmpnn_context *ctx, device *dev, const fmpnn_encoding *e,
                                const uint32_t *rows, size_t n_rows, float *h_E,
                                fmpnn_error *err)
{
    size_t tile = e->K * WIDTH;
    float *edges;
    fmpnn_encoding *again = NULL;
    TRY(device_array(dev, e->L * tile, &edges, err));
    fmpnn_status status = encode_with(ctx, dev, e->model, 1, &e->graph, &edges, &again, err);
    for (size_t n = 0; n < n_rows && !status; n++) {
        cudaError_t code = cuda_checked(
            cudaMemcpyAsync(h_E + n * tile, edges + rows[n] * tile, tile * sizeof *h_E,
                            cudaMemcpyDeviceToHost, dev->stream));
        if (code != cudaSuccess)
            status = cuda_failed(code, "cudaMemcpyAsync", __FILE__, __LINE__, err);
    }
    if (!status)
        status = device_wait(dev, err);
    encoding_free(again);
    device_release(dev, edges);
    return status;
}

static fmpnn_status states(fmpnn_context *ctx, const fmpnn_encoding *e, float *h_V,
                           const uint32_t *rows, size_t n_rows, float *h_E, fmpnn_error *err)
{
    device *dev;
    TRY(device_enter(ctx, &dev, err));
    TRY(encoding_await(dev, e, err));
    if (h_V) {
        CUDA_TRY(cudaMemcpyAsync(h_V, e->item.h, e->L * WIDTH * sizeof *h_V,
                                 cudaMemcpyDeviceToHost, dev->stream),
                 err);
        TRY(device_wait(dev, err));
    }
    return h_E ? edge_states(ctx, dev, e, rows, n_rows, h_E, err) : FMPNN_OK;
}

/* By name: what is added to backend.h and not made here stays NULL. Memory is not planned but
 * counted by what the device refuses; for variants, many sequences at once are what logits is good
 * at. */
static fmpnn_backend all_calls(void)
{
    fmpnn_backend b = {};
    b.name = "cuda";
    b.encode = encode;
    b.encoding_free = encoding_free;
    b.states = states;
    b.logits = cuda_logits;
    b.conditional = cuda_conditional;
    b.sample = cuda_sample;
    b.operation_create = cuda_operation_create;
    b.operation_run = cuda_operation_run;
    b.operation_free = cuda_operation_free;
    b.encode_many = encode_many;
    b.sample_many = cuda_sample_many;
    b.together = together;
    return b;
}

extern "C" const fmpnn_backend fmpnn_backend_cuda;
const fmpnn_backend fmpnn_backend_cuda = all_calls();
