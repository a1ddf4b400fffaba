/* The encoder's matrices as stages of the ring (edge_tile.cuh): once a model, on the device,
 * from the fragments that weights.cu made. */
#include "cuda/encode.cuh"

#include <stdlib.h>
#include <string.h>

enum { STEP_WORDS = STEP_BYTES / 4, MATRIX_WORDS = 64 };

/* One 32-bit word of `dst` a thread. In a step: [16 column tiles][2 halves of K][8 columns]
 * [4 words], against fragments [t][b][4g+q] whose words are [2 steps][2 halves]. */
static __global__ void make_stages(uint32_t *dst, const uint32_t *src, int blocks,
                                   int stages, int parts, int part)
{
    int n = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (n >= stages * STAGE_STEPS * STEP_WORDS)
        return;
    int q = n % 4, g = n / 4 % 8, half = n / 32 % 2, t = n / MATRIX_WORDS % 16;
    int step = n / STEP_WORDS, stage = step / STAGE_STEPS, b = step / 2, s = step % 2;
    uint32_t word = 0;
    if (b < blocks)
        word = src[(((size_t)t * blocks + b) * 32 + 4 * g + q) * 4 + 2 * s + half];
    size_t at =
        ((size_t)(stage * parts + part) * STAGE_STEPS + step % STAGE_STEPS) * STEP_WORDS;
    dst[at + n % STEP_WORDS] = word;
}

static int stage_count(const matrix *m)
{
    return (m->K + 16 * STAGE_STEPS - 1) / (16 * STAGE_STEPS);
}

static fmpnn_status add_matrix(device *dev, pass *p, const matrix *m, unsigned char *at,
                               fmpnn_error *err)
{
    int stages = stage_count(m), parts = dev->split ? 2 : 1;
    int words = stages * STAGE_STEPS * STEP_WORDS;
    p->inverse[p->matrices++] = m->inverse;
    if (at)
        for (int part = 0; part < parts; part++) {
            make_stages<<<(words + 255) / 256, 256, 0, dev->stream>>>(
                (uint32_t *)(at + (size_t)p->stages * parts * STAGE_BYTES),
                (const uint32_t *)(part ? m->lo : m->hi), m->K / 32, stages, parts, part);
            CUDA_LAUNCHED(err);
        }
    p->stages += stages;
    return FMPNN_OK;
}

static void add_vector(pass *p, const float *v)
{
    p->vector[p->vectors++] = v;
}

/* Pass n with its stages at `at`, or, if that is NULL, only counted. */
static fmpnn_status fill_pass(device *dev, const model_weights *w, int n, unsigned char *at,
                              pass *p, fmpnn_error *err)
{
    memset(p, 0, sizeof *p);
    p->weights = at;
    if (n == 0) {
        p->offset_table = w->offset;
        p->labelled = w->label_state != NULL;
        TRY(add_matrix(dev, p, &w->features_edge, at, err));
        TRY(add_matrix(dev, p, &w->w_e, at, err));
        add_vector(p, w->norm_edges_gain);
        add_vector(p, w->norm_edges_bias);
        add_vector(p, w->b_e);
        add_vector(p, w->encoder[0].bias);
    } else {
        const encoder_weights *e = &w->encoder[n - 1];
        TRY(add_matrix(dev, p, &e->edge11, at, err));
        TRY(add_matrix(dev, p, &e->w12, at, err));
        TRY(add_matrix(dev, p, &e->w13, at, err));
        add_vector(p, e->b12);
        add_vector(p, e->b13);
        add_vector(p, e->gain3);
        add_vector(p, e->bias3);
    }
    if (n < w->encoder_layers) {
        TRY(add_matrix(dev, p, &w->encoder[n].edge, at, err));
        TRY(add_matrix(dev, p, &w->encoder[n].w2, at, err));
        add_vector(p, w->encoder[n].b2);
        return FMPNN_OK;
    }
    for (int l = 0; l < w->decoder_layers; l++) {
        TRY(add_matrix(dev, p, &w->decoder[l].edge, at, err));
        add_vector(p, w->decoder[l].bias);
    }
    return FMPNN_OK;
}

fmpnn_status encode_plan_create(device *dev, const model_weights *w, encode_plan **out,
                                fmpnn_error *err)
{
    encode_plan *plan = (encode_plan *)fmpnn_alloc_zero(1, sizeof *plan);
    fmpnn_status status;
    size_t stage = (size_t)STAGE_BYTES * (dev->split ? 2 : 1), total = 0;
    if (!plan)
        return fmpnn_fail_memory(err, "planning the encoder");
    plan->passes = w->encoder_layers + 1;
    for (int n = 0; n < plan->passes; n++) {
        pass counted;
        status = fill_pass(dev, w, n, NULL, &counted, err);
        if (status)
            goto failed;
        total += (size_t)counted.stages;
    }
    status = device_alloc(dev, total * stage, &plan->block, err);
    if (status)
        goto failed;
    total = 0;
    for (int n = 0; n < plan->passes; n++) {
        status = fill_pass(dev, w, n, (unsigned char *)plan->block + total * stage,
                           &plan->pass[n], err);
        if (status)
            goto failed;
        total += (size_t)plan->pass[n].stages;
    }
    *out = plan;
    return FMPNN_OK;
failed:
    encode_plan_free(dev, plan);
    return status;
}

void encode_plan_free(device *dev, encode_plan *plan)
{
    if (!plan)
        return;
    device_release(dev, plan->block);
    fmpnn_release(plan);
}
