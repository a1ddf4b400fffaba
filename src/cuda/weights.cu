/* Checkpoints on a device. One walk over the model is done twice: to count, and to fill pinned
 * memory with the rows of all matrices and name their places on the device; there a kernel makes
 * of rows what is multiplied by, columns and fragments. */
#include "cuda/decode.cuh"
#include "cuda/encode.cuh"

extern "C" {
#include "weights/packed.h"
}
#include <limits.h>
#include <math.h>
#include <string.h>

struct uploaded {
    uploaded *next;
    uint64_t serial; /* of the model */
    void *block, *stages;
    model_weights w;
};

/* ---- fragments ---- */

static int padded(int n)
{
    return (n + 31) / 32 * 32;
}

typedef struct fragment_task {
    const float *rows; /* [out][in] */
    float *plain;      /* [in][out] */
    __half *hi, *lo;
    float scale;
    int out, in, N, K;
} fragment_task;

/* Blocks x of a task share its elements. */
__global__ void make_fragments(const fragment_task *task)
{
    fragment_task t = task[blockIdx.x];
    int total = t.N * t.K;
    for (int at = blockIdx.y * blockDim.x + threadIdx.x; at < t.in * t.out;
         at += gridDim.y * blockDim.x)
        t.plain[at] = t.rows[(size_t)(at % t.out) * t.in + at / t.out];
    for (int at = blockIdx.y * blockDim.x + threadIdx.x; at < total;
         at += gridDim.y * blockDim.x) {
        int element = at % 8, lane = at / 8 % 32, b = at / 256 % (t.K / 32),
            tile = at / 256 / (t.K / 32);
        int g = lane / 4, q = lane % 4;
        int n = 32 * (tile / 4) + 8 * (g / 2) + 2 * (tile % 4) + g % 2;
        int k = 32 * b + 8 * q + element;
        float x = n < t.out && k < t.in ? t.rows[(size_t)n * t.in + k] * t.scale : 0;
        __half hi = __float2half_rn(x);
        t.hi[at] = hi;
        t.lo[at] = __float2half_rn(x - __half2float(hi));
    }
}

/* ---- the walk ---- */

enum { LINE = 64 }; /* floats: every array starts at a multiple of 256 bytes */

typedef struct walk {
    float *host;   /* NULL while counting */
    float *sent;   /* its copy on the device */
    char *device;  /* block on the device: plain numbers, then fragments */
    size_t floats; /* plain numbers so far */
    size_t halves; /* bytes of fragments so far */
    size_t plain_bytes;
    fragment_task *task; /* [tasks], host */
    int tasks;
    bool split;
} walk;

static float *take(walk *w, size_t count, const float **on_device)
{
    size_t at = w->floats;
    w->floats += (count + LINE - 1) / LINE * LINE;
    *on_device = w->host ? (const float *)w->device + at : NULL;
    return w->host ? w->host + at : NULL;
}

/* `src` times `factor`, a power of two; NULL: zeros. */
static const float *scaled_vector(walk *w, const float *src, size_t count, float factor)
{
    const float *at;
    float *dst = take(w, count, &at);
    for (size_t n = 0; dst && n < count; n++)
        dst[n] = src ? src[n] * factor : 0;
    return at;
}

static const float *vector(walk *w, const float *src, size_t count)
{
    return scaled_vector(w, src, count, 1);
}

/* The bits of |x|, which are ordered as the numbers are, and compared faster. */
static int magnitude(float x)
{
    int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & INT_MAX;
}

/* The power of two that brings the largest |w| into [512, 1024). */
static float scale_of(int largest_bits)
{
    float largest;
    int exponent;
    memcpy(&largest, &largest_bits, sizeof largest);
    if (!(largest > 0))
        return 1;
    frexpf(largest, &exponent); /* largest in [2^(e-1), 2^e) */
    return ldexpf(1, 10 - exponent);
}

/* Columns first .. first+K-1 of a linear map, times `factor`. */
static matrix scaled_part(walk *w, const fmpnn_linear *linear, size_t first, size_t K,
                          float factor)
{
    matrix m = {};
    size_t out = linear->out;
    float *dst = take(w, out * K, &m.plain);
    int largest = 0;
    for (size_t n = 0; dst && n < out; n++) {
        const float *src = linear->w + n * linear->in + first;
        for (size_t k = 0; k < K; k++) {
            dst[n * K + k] = src[k] * factor;
            int bits = magnitude(dst[n * K + k]);
            largest = bits > largest ? bits : largest;
        }
    }
    m.N = padded((int)out);
    m.K = padded((int)K);
    size_t bytes = (size_t)m.N * m.K * sizeof(__half);
    if (w->host) {
        float scale = scale_of(largest);
        char *at = w->device + w->plain_bytes + w->halves;
        m.hi = (const uint4 *)at;
        m.lo = (const uint4 *)(at + bytes);
        m.inverse = 1 / (w->split ? scale * ACT_SCALE : scale);
        const float *rows = w->sent + (dst - w->host);
        w->task[w->tasks] =
            (fragment_task){rows,  (float *)m.plain, (__half *)at, (__half *)(at + bytes),
                            scale, (int)out,         (int)K,       m.N,
                            m.K};
    }
    w->tasks++;
    w->halves += 2 * bytes;
    return m;
}

static matrix part(walk *w, const fmpnn_linear *linear, size_t first, size_t K)
{
    return scaled_part(w, linear, first, K, 1);
}

static matrix whole(walk *w, const fmpnn_linear *linear)
{
    return part(w, linear, 0, linear->in);
}

/* A GELU takes its argument times `in` and gives its value times `out`: powers of two. */
typedef struct gelu_factors {
    float in, out;
} gelu_factors;

static node_weights node(walk *w, const fmpnn_layer *layer, gelu_factors g)
{
    node_weights n = {};
    size_t C = layer->W3.out;
    n.w3 = scaled_part(w, &layer->W3, 0, layer->W3.in, 1 / g.out);
    n.w_in = scaled_part(w, &layer->W_in, 0, layer->W_in.in, g.in);
    n.w_out = scaled_part(w, &layer->W_out, 0, layer->W_out.in, 1 / g.out);
    n.b3 = vector(w, layer->W3.b, C);
    n.b_in = scaled_vector(w, layer->W_in.b, layer->W_in.out, g.in);
    n.b_out = vector(w, layer->W_out.b, C);
    n.gain1 = vector(w, layer->norm1.gain, C);
    n.bias1 = vector(w, layer->norm1.bias, C);
    n.gain2 = vector(w, layer->norm2.gain, C);
    n.bias2 = vector(w, layer->norm2.bias, C);
    return n;
}

static encoder_weights encoder(walk *w, const fmpnn_layer *layer)
{
    encoder_weights e = {};
    size_t C = layer->W1.out;
    e.own = part(w, &layer->W1, 0, C);
    e.edge = part(w, &layer->W1, C, C);
    e.near = part(w, &layer->W1, 2 * C, C);
    e.bias = vector(w, layer->W1.b, C);
    e.w2 = whole(w, &layer->W2);
    e.b2 = vector(w, layer->W2.b, C);
    e.node = node(w, layer, (gelu_factors){1, 1});
    e.own11 = part(w, &layer->W11, 0, C);
    e.edge11 = part(w, &layer->W11, C, C);
    e.near11 = part(w, &layer->W11, 2 * C, C);
    e.bias11 = vector(w, layer->W11.b, C);
    e.w12 = whole(w, &layer->W12);
    e.w13 = whole(w, &layer->W13);
    e.b12 = vector(w, layer->W12.b, C);
    e.b13 = vector(w, layer->W13.b, C);
    e.gain3 = vector(w, layer->norm3.gain, C);
    e.bias3 = vector(w, layer->norm3.bias, C);
    return e;
}

static const void *edge_table(walk *w, const float *letters, const float *bias, size_t C,
                              float factor)
{
    const float *at;
    float *dst = take(w, EDGE_TABLE * C, &at);
    for (size_t n = 0; dst && n < EDGE_TABLE * C; n++) {
        float x = n < NO_LETTER * C   ? letters[n]
                  : n < ONLY_BIAS * C ? 0
                                      : bias[n - ONLY_BIAS * C];
        x *= factor;
        if (w->split)
            dst[n] = x;
        else
            ((__half *)dst)[n] = __float2half_rn(x);
    }
    return at;
}

static decoder_weights decoder(walk *w, const fmpnn_layer *layer, const float *letters)
{
    decoder_weights d = {};
    size_t C = layer->W1.out;
    const gelu_factors g = w->split
                               ? (gelu_factors){gelu_scale<true>::IN, gelu_scale<true>::OUT}
                               : (gelu_factors){gelu_scale<false>::IN, gelu_scale<false>::OUT};
    d.own = scaled_part(w, &layer->W1, 0, C, g.in);
    d.edge = scaled_part(w, &layer->W1, C, C, g.in);
    d.near = scaled_part(w, &layer->W1, layer->W1.in - C, C, g.in);
    d.bias = scaled_vector(w, layer->W1.b, C, g.in);
    d.letters = edge_table(w, letters, layer->W1.b, C, g.in);
    d.w2 = scaled_part(w, &layer->W2, 0, C, g.in / g.out);
    d.b2 = scaled_vector(w, layer->W2.b, C, g.in);
    d.node = node(w, layer, g);
    return d;
}

static model_weights walk_model(walk *w, const fmpnn_model *model)
{
    model_weights m = {};
    size_t C = model->C, features = model->edge.in - FMPNN_POSITIONAL;
    m.C = (int)C;
    m.F = (int)model->F;
    m.features = (int)features;
    m.encoder_layers = (int)model->info.encoder_layers;
    m.decoder_layers = (int)model->info.decoder_layers;
    m.ca_only = model->info.ca_only;
    m.offset = vector(w, model->packed->offset, FMPNN_OFFSETS * C);
    m.features_edge = part(w, &model->edge, FMPNN_POSITIONAL, features);
    m.norm_edges_gain = vector(w, model->norm_edges.gain, C);
    m.norm_edges_bias = vector(w, model->norm_edges.bias, C);
    m.w_e = whole(w, &model->W_e);
    m.b_e = vector(w, model->W_e.b, C);
    for (int n = 0; n < m.encoder_layers; n++)
        m.encoder[n] = encoder(w, &model->encoder[n]);
    for (int n = 0; n < m.decoder_layers; n++)
        m.decoder[n] = decoder(w, &model->decoder[n], model->packed->decoder[n].letters);
    m.logits = whole(w, &model->W_out);
    m.b_logits = vector(w, model->W_out.b, FMPNN_LETTERS);
    if (model->packed->label_state) {
        size_t count = model->info.labels * C;
        m.label_state = vector(w, model->packed->label_state, count);
        m.label_own = vector(w, model->packed->label_own, count);
        m.label_near = vector(w, model->packed->label_near, count);
    }
    return m;
}

/* ---- upload ---- */

/* Memory for what a walk has counted: on the device `*block` to stay, and what `w` fills. */
static fmpnn_status make_room(device *dev, const walk *count, walk *w, void **block,
                              fmpnn_error *err)
{
    w->split = dev->split;
    w->plain_bytes = count->floats * sizeof(float);
    w->task = (fragment_task *)fmpnn_alloc((size_t)count->tasks, sizeof *w->task);
    if (!w->task)
        return fmpnn_fail_memory(err, "sending weights to the device");
    TRY(device_wait(dev, err)); /* the pinned memory may still be read */
    TRY(device_pinned(dev, w->plain_bytes, (void **)&w->host, err));
    TRY(device_alloc(dev, w->plain_bytes, (void **)&w->sent, err));
    TRY(device_alloc(dev, w->plain_bytes + count->halves, block, err));
    w->device = (char *)*block;
    return FMPNN_OK;
}

static fmpnn_status send(device *dev, const walk *w, fragment_task **task, fmpnn_error *err)
{
    size_t bytes = (size_t)w->tasks * sizeof **task;
    CUDA_TRY(cudaMemcpyAsync(w->sent, w->host, w->plain_bytes, cudaMemcpyHostToDevice,
                             dev->stream),
             err);
    CUDA_TRY(cudaMemcpyAsync(w->device, w->sent, w->plain_bytes, cudaMemcpyDeviceToDevice,
                             dev->stream),
             err);
    TRY(device_array(dev, (size_t)w->tasks, task, err));
    CUDA_TRY(cudaMemcpyAsync(*task, w->task, bytes, cudaMemcpyHostToDevice, dev->stream),
             err);
    make_fragments<<<dim3((unsigned)w->tasks, 16), 256, 0, dev->stream>>>(*task);
    CUDA_LAUNCHED(err);
    return device_wait(dev, err); /* the host's tasks go away now */
}

static void leave_room(device *dev, walk *w, fragment_task *task)
{
    device_release(dev, task);
    device_release(dev, w->sent);
    fmpnn_release(w->task);
}

static fmpnn_status upload(device *dev, const fmpnn_model *model, uploaded *u, fmpnn_error *err)
{
    walk count = {}, w = {};
    fragment_task *task = NULL;
    walk_model(&count, model);
    fmpnn_status status = make_room(dev, &count, &w, &u->block, err);
    if (!status) {
        u->w = walk_model(&w, model);
        status = send(dev, &w, &task, err);
    }
    leave_room(dev, &w, task);
    return status;
}

fmpnn_status device_weights(device *dev, const fmpnn_model *model, const model_weights **out,
                            fmpnn_error *err)
{
    for (uploaded *u = dev->weights; u; u = u->next)
        if (u->serial == model->serial) {
            *out = &u->w;
            return FMPNN_OK;
        }
    if (model->C != WIDTH || model->F != FEED_FORWARD)
        return fmpnn_fail(err, FMPNN_EDEVICE,
                          "weights of width %zu and %zu: device cuda computes those of %d and "
                          "%d, device cpu all",
                          model->C, model->F, WIDTH, FEED_FORWARD);
    uploaded *u = (uploaded *)fmpnn_alloc_zero(1, sizeof *u);
    if (!u)
        return fmpnn_fail_memory(err, "sending weights to the device");
    u->serial = model->serial;
    fmpnn_status status = upload(dev, model, u, err);
    if (!status)
        status = encode_plan_create(dev, &u->w, &u->w.encode, err);
    if (!status)
        status = decode_stages_create(dev, &u->w, &u->stages, err);
    if (status) {
        encode_plan_free(dev, u->w.encode);
        device_release(dev, u->stages);
        device_release(dev, u->block);
        fmpnn_release(u);
        return status;
    }
    u->next = dev->weights;
    dev->weights = u;
    *out = &u->w;
    return FMPNN_OK;
}

void device_forget_weights(device *dev)
{
    while (dev->weights) {
        uploaded *u = dev->weights;
        dev->weights = u->next;
        encode_plan_free(dev, u->w.encode);
        device_release(dev, u->stages);
        device_release(dev, u->block);
        fmpnn_release(u);
    }
}

fmpnn_status device_matrix(device *dev, const float *w, int out, int in, matrix *m, void **block,
                           fmpnn_error *err)
{
    const fmpnn_linear linear = {w, NULL, (size_t)out, (size_t)in};
    walk count = {}, fill = {};
    fragment_task *task = NULL;
    whole(&count, &linear);
    *block = NULL;
    fmpnn_status status = make_room(dev, &count, &fill, block, err);
    if (!status) {
        *m = whole(&fill, &linear);
        status = send(dev, &fill, &task, err);
    }
    leave_room(dev, &fill, task);
    return status;
}
