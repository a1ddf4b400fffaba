/* The device under the names that src/backend.h asks for, and encodings in its memory. */
#include "cuda/device.cuh"

extern "C" {
#include "graph/context.h"
}

#include <string.h>

/* ---- an encoding: one block, the uploaded part first ---- */

typedef struct places {
    size_t neighbour, mask, xyz, distance, index, chain, label, uploaded; /* bytes */
    size_t h, own_part, blind, edge_part, total;
} places;

static size_t take(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += (bytes + 255) / 256 * 256;
    return at;
}

static places lay_out(const device *dev, const fmpnn_model *model, const fmpnn_graph *graph)
{
    places p;
    size_t used = 0, L = graph->L, K = graph->K, C = model->C;
    size_t layers = model->info.decoder_layers;
    p.neighbour = take(&used, L * K * sizeof(int));
    p.mask = take(&used, L * sizeof(float));
    p.xyz = take(&used, L * 12 * sizeof(float));
    p.distance = take(&used, L * K * sizeof(float));
    p.index = take(&used, L * sizeof(int));
    p.chain = take(&used, L * sizeof(int));
    p.label = take(&used, graph->label ? L : 0);
    p.uploaded = used;
    p.h = take(&used, L * C * sizeof(float));
    p.own_part = take(&used, L * C * sizeof(float));
    p.blind = take(&used, layers * L * C * sizeof(float));
    p.edge_part =
        take(&used, layers * L * K * C * (dev->split ? sizeof(float) : sizeof(__half)));
    p.total = used;
    return p;
}

static fmpnn_status send_graph(device *dev, const fmpnn_graph *graph, const places *p,
                               char *block, fmpnn_error *err)
{
    size_t L = graph->L, K = graph->K;
    char *host;
    TRY(device_wait(dev, err)); /* the pinned memory may still be read */
    TRY(device_pinned(dev, p->uploaded, (void **)&host, err));
    memcpy(host + p->neighbour, graph->neighbour, L * K * sizeof(int));
    memcpy(host + p->mask, graph->mask, L * sizeof(float));
    memcpy(host + p->xyz, graph->xyz, L * 12 * sizeof(float));
    memcpy(host + p->distance, graph->distance, L * K * sizeof(float));
    memcpy(host + p->index, graph->index, L * sizeof(int));
    memcpy(host + p->chain, graph->chain, L * sizeof(int));
    if (graph->label)
        memcpy(host + p->label, graph->label, L);
    CUDA_TRY(cudaMemcpyAsync(block, host, p->uploaded, cudaMemcpyHostToDevice, dev->stream),
             err);
    return FMPNN_OK;
}

static structure structure_at(const fmpnn_graph *graph, const places *p, char *block)
{
    structure s = {};
    s.L = (int)graph->L;
    s.K = (int)graph->K;
    s.ca_only = graph->ca_only;
    s.neighbour = (const int *)(block + p->neighbour);
    s.mask = (const float *)(block + p->mask);
    s.xyz = (const float *)(block + p->xyz);
    s.distance = (const float *)(block + p->distance);
    s.index = (const int *)(block + p->index);
    s.chain = (const int *)(block + p->chain);
    s.label = graph->label ? (const uint8_t *)(block + p->label) : NULL;
    s.h = (float *)(block + p->h);
    s.own_part = (float *)(block + p->own_part);
    s.blind = (float *)(block + p->blind);
    s.edge_part = block + p->edge_part;
    return s;
}

static void encoding_free(fmpnn_encoding *e)
{
    if (!e)
        return;
    cudaSetDevice(e->dev->number);
    if (e->ready)
        cudaEventDestroy(e->ready);
    device_release(e->dev, e->block);
    device_drop(e->dev);
    fmpnn_release(e);
}

static fmpnn_status fill(fmpnn_context *ctx, fmpnn_encoding *e, float *const *h_E,
                         fmpnn_error *err)
{
    device *dev = e->dev;
    const fmpnn_model_info *info = &e->model->info;
    TRY(fmpnn_graph_serves(e->graph, info->ca_only, info->context_atoms, info->labels, err));
    TRY(device_weights(dev, e->model, &e->weights, err));
    places p = lay_out(dev, e->model, e->graph);
    TRY(device_alloc(dev, p.total, &e->block, err));
    TRY(send_graph(dev, e->graph, &p, (char *)e->block, err));
    e->item = structure_at(e->graph, &p, (char *)e->block);
    TRY(cuda_encode(dev, e->weights, 1, &e->item, h_E, err));
    if (info->context_atoms)
        TRY(cuda_context_add(ctx, dev, e->model, e->weights, e->graph, &e->item, err));
    CUDA_TRY(cudaEventCreateWithFlags(&e->ready, cudaEventDisableTiming), err);
    CUDA_TRY(cudaEventRecord(e->ready, dev->stream), err);
    return FMPNN_OK;
}

static fmpnn_status encode_with(fmpnn_context *ctx, device *dev, const fmpnn_model *model,
                                const fmpnn_graph *graph, float *const *h_E,
                                fmpnn_encoding **out, fmpnn_error *err)
{
    fmpnn_encoding *e = (fmpnn_encoding *)fmpnn_alloc_zero(1, sizeof *e);
    if (!e)
        return fmpnn_fail_memory(err, "encoding");
    device_keep(dev);
    e->dev = dev;
    e->model = model;
    e->graph = graph;
    e->L = graph->L;
    e->K = graph->K;
    fmpnn_status status = fill(ctx, e, h_E, err);
    if (status) {
        encoding_free(e);
        return status;
    }
    *out = e;
    return FMPNN_OK;
}

static fmpnn_status encode(fmpnn_context *ctx, const fmpnn_model *model, const fmpnn_graph *graph,
                           fmpnn_encoding **out, fmpnn_error *err)
{
    device *dev;
    TRY(device_enter(ctx, &dev, err));
    return encode_with(ctx, dev, model, graph, NULL, out, err);
}

fmpnn_status encoding_await(device *dev, const fmpnn_encoding *e, fmpnn_error *err)
{
    if (e->dev != dev)
        CUDA_TRY(cudaStreamWaitEvent(dev->stream, e->ready, 0), err);
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
    fmpnn_status status = encode_with(ctx, dev, e->model, e->graph, &edges, &again, err);
    for (size_t n = 0; n < n_rows && !status; n++)
        if (cudaMemcpyAsync(h_E + n * tile, edges + rows[n] * tile, tile * sizeof *h_E,
                            cudaMemcpyDeviceToHost, dev->stream) != cudaSuccess)
            status = fmpnn_fail(err, FMPNN_ECUDA, "edge states cannot be copied");
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

extern "C" const fmpnn_backend fmpnn_backend_cuda;
const fmpnn_backend fmpnn_backend_cuda = {
    "cuda",
    NULL, /* memory is counted by what the device refuses */
    encode,
    encoding_free,
    states,
    cuda_logits,
    cuda_conditional,
    NULL, /* variants: many sequences at once are what logits is good at */
    cuda_sample,
    cuda_operation_create,
    cuda_operation_run,
    cuda_operation_free,
};
