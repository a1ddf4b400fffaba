/* The network on one entry. Without noise all copies share one encoding; with noise each copy
 * of each evaluation has a backbone of its own. */
#include "compat/run.h"

#include <math.h>
#include <string.h>

void fmpnn_passes_init(fmpnn_passes *passes, fmpnn_original *run, const fmpnn_entry *entry)
{
    *passes = (fmpnn_passes){.run = run, .entry = entry};
}

void fmpnn_passes_clear(fmpnn_passes *passes)
{
    if (passes->encoding)
        passes->run->ctx->backend->encoding_free(passes->encoding);
    fmpnn_graph_free(passes->graph);
    passes->encoding = NULL;
    passes->graph = NULL;
}

/* Coordinates as the network gets them: absent ones at the origin, then noise on all. */
static void add_noise(const fmpnn_passes *passes, const float *noise, float *xyz)
{
    size_t L = passes->entry->L;
    float sigma = (float)passes->run->options->backbone_noise;
    for (size_t n = 0; n < L * 12; n++)
        xyz[n] = isnan(xyz[n]) ? 0 : xyz[n];
    if (passes->run->options->ca_only)
        for (size_t n = 0; n < L * 3; n++)
            xyz[n / 3 * 12 + 3 * FMPNN_ATOM_CA + n % 3] += sigma * noise[n];
    else
        for (size_t n = 0; n < L * 12; n++)
            xyz[n] += sigma * noise[n];
}

fmpnn_status fmpnn_passes_encode(fmpnn_passes *passes, const float *noise)
{
    fmpnn_original *run = passes->run;
    const fmpnn_inputs *in = passes->entry->inputs;
    bool noisy = run->options->backbone_noise > 0;
    if (passes->encoding && !noisy)
        return FMPNN_OK;
    fmpnn_passes_clear(passes);
    float *xyz = fmpnn_alloc(in->L * 12, sizeof *xyz);
    if (!xyz)
        return fmpnn_fail_memory(run->err, "encoding a structure");
    memcpy(xyz, in->xyz, in->L * 12 * sizeof *xyz);
    if (noisy)
        add_noise(passes, noise, xyz);
    fmpnn_status status = fmpnn_graph_create(
        in->L, xyz, in->mask, in->index, in->chain, (size_t)run->model->info.neighbours,
        run->model->info.ca_only, &passes->graph, run->err);
    if (!status)
        status = run->ctx->backend->encode(run->ctx, run->model, passes->graph,
                                           &passes->encoding, run->err);
    fmpnn_release(xyz);
    return status;
}

/* How many copies may go into one call. */
static size_t together(const fmpnn_passes *passes, size_t copies)
{
    return passes->run->options->backbone_noise > 0 ? 1 : copies;
}

fmpnn_status fmpnn_passes_log_probs(fmpnn_passes *passes, size_t copies, const float *noise,
                                    const uint8_t *letters, const uint32_t *rank,
                                    float *log_p)
{
    fmpnn_original *run = passes->run;
    size_t L = passes->entry->L, share = together(passes, copies);
    size_t each = fmpnn_original_noise_size(run, passes->entry);
    fmpnn_status status = FMPNN_OK;
    for (size_t b = 0; b < copies && !status; b += share) {
        status = fmpnn_passes_encode(passes, noise ? noise + b * each : NULL);
        if (!status)
            status = run->ctx->backend->logits(run->ctx, passes->encoding, share,
                                               letters + b * L, rank ? rank + b * L : NULL,
                                               log_p + b * L * FMPNN_LETTERS, run->err);
    }
    if (!status)
        fmpnn_log_softmax_rows(copies * L, log_p);
    return status;
}

fmpnn_status fmpnn_passes_sample(fmpnn_passes *passes, size_t copies, const float *noise,
                                 fmpnn_draw_request *request)
{
    fmpnn_original *run = passes->run;
    size_t share = together(passes, copies);
    size_t each = fmpnn_original_noise_size(run, passes->entry);
    fmpnn_status status = FMPNN_OK;
    for (size_t b = 0; b < copies && !status; b += share) {
        status = fmpnn_passes_encode(passes, noise ? noise + b * each : NULL);
        if (!status)
            status =
                run->ctx->backend->sample(run->ctx, passes->encoding, &passes->entry->rules,
                                          0, share, request + b, run->err);
    }
    return status;
}

void fmpnn_log_softmax_rows(size_t rows, float *logits)
{
    for (size_t i = 0; i < rows; i++) {
        float *row = logits + i * FMPNN_LETTERS;
        double top = row[0], sum = 0;
        for (size_t a = 1; a < FMPNN_LETTERS; a++)
            top = row[a] > top ? row[a] : top;
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            sum += exp(row[a] - top);
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            row[a] = (float)(row[a] - top - log(sum));
    }
}

float fmpnn_passes_score(const fmpnn_entry *entry, const uint8_t *over,
                         const uint8_t *letters, const float *log_p)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < entry->L; i++)
        if (over[i]) {
            sum -= (double)log_p[i * FMPNN_LETTERS + letters[i]];
            count++;
        }
    return count ? (float)(sum / (double)count) : NAN;
}
