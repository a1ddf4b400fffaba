/* Weights that see atoms other than protein backbone: the encoder runs on the device, what
 * residues make of those atoms is computed by the engine on the host (engine/context.c), and the
 * decoder's tables are made on the device from the states that result. */
#include "cuda/device.cuh"

extern "C" {
#include "engine/context.h"
}

enum { ROWS = 8 }; /* a block's residues: they share each reading of a weight */

/* dst [L][WIDTH] = h W, `plain` being W [in][out]; a thread a channel. */
template <typename table>
static __global__ void multiply_rows(const float *h, const float *plain, int L, table *dst)
{
    __shared__ float row[ROWS][WIDTH];
    int first = (int)blockIdx.x * ROWS, c = (int)threadIdx.x;
    float sum[ROWS] = {0};
    for (int m = 0; m < ROWS; m++)
        row[m][c] = first + m < L ? h[(size_t)(first + m) * WIDTH + c] : 0;
    __syncthreads();
    for (int k = 0; k < WIDTH; k++) {
        float w = plain[k * WIDTH + c];
        for (int m = 0; m < ROWS; m++)
            sum[m] = fmaf(row[m][k], w, sum[m]);
    }
    for (int m = 0; m < ROWS && first + m < L; m++)
        dst[(size_t)(first + m) * WIDTH + c] = (table)sum[m];
}

static fmpnn_status make_tables(device *dev, const model_weights *w, const structure *item,
                                fmpnn_error *err)
{
    unsigned blocks = (unsigned)(item->L + ROWS - 1) / ROWS;
    multiply_rows<<<blocks, WIDTH, 0, dev->stream>>>(item->h, w->decoder[0].own.plain,
                                                     item->L, item->own_part);
    CUDA_LAUNCHED(err);
    for (int l = 0; l < w->decoder_layers; l++) {
        size_t at = (size_t)l * item->L * WIDTH;
        if (dev->split)
            multiply_rows<<<blocks, WIDTH, 0, dev->stream>>>(
                item->h, w->decoder[l].near.plain, item->L, (float *)item->blind + at);
        else
            multiply_rows<<<blocks, WIDTH, 0, dev->stream>>>(
                item->h, w->decoder[l].near.plain, item->L, (__half *)item->blind + at);
        CUDA_LAUNCHED(err);
    }
    return FMPNN_OK;
}

/* States to the host and back; `h` must outlive the copies, so both are waited for. */
static fmpnn_status change_states(fmpnn_context *ctx, device *dev, const fmpnn_model *model,
                                  const fmpnn_graph *graph, const structure *item, float *h,
                                  float *cb, fmpnn_error *err)
{
    size_t bytes = graph->L * WIDTH * sizeof *h;
    CUDA_TRY(cudaMemcpyAsync(h, item->h, bytes, cudaMemcpyDeviceToHost, dev->stream), err);
    fmpnn_graph_cb(graph, cb);
    TRY(device_wait(dev, err));
    TRY(fmpnn_context_add(ctx, model, graph, cb, h, err));
    CUDA_TRY(cudaMemcpyAsync(item->h, h, bytes, cudaMemcpyHostToDevice, dev->stream), err);
    return device_wait(dev, err);
}

fmpnn_status cuda_context_add(fmpnn_context *ctx, device *dev, const fmpnn_model *model,
                              const model_weights *w, const fmpnn_graph *graph,
                              const structure *item, fmpnn_error *err)
{
    float *h = (float *)fmpnn_alloc(graph->L * WIDTH, sizeof *h);
    float *cb = (float *)fmpnn_alloc(graph->L * 3, sizeof *cb);
    fmpnn_status status = h && cb ? change_states(ctx, dev, model, graph, item, h, cb, err)
                                  : fmpnn_fail_memory(err, "encoding context atoms");
    if (!status)
        status = make_tables(dev, w, item, err);
    fmpnn_release(cb);
    fmpnn_release(h);
    return status;
}
