/* A device as one context uses it: a stream, memory taken and given back in the order of that
 * stream, weights already there. And what lies on it: plain structs of device pointers, which
 * kernels take by value. */
#ifndef FMPNN_CUDA_DEVICE_CUH
#define FMPNN_CUDA_DEVICE_CUH

extern "C" {
#include "cuda/plugin.h"
}
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <pthread.h>

/* ---- failures: every CUDA call goes through one of these ---- */

fmpnn_status cuda_failed(cudaError_t code, const char *call, const char *file, int line,
                         fmpnn_error *err);

/* The code, or, for a test, another one (device.cu). */
cudaError_t cuda_checked(cudaError_t code);

/* Return FMPNN_ECUDA from the function at hand if `call` fails. */
#define CUDA_TRY(call, err)                                                                 \
    do {                                                                                    \
        cudaError_t cuda_code_ = cuda_checked(call);                                                    \
        if (cuda_code_ != cudaSuccess)                                                      \
            return cuda_failed(cuda_code_, #call, __FILE__, __LINE__, err);                 \
    } while (0)

/* After a launch: did it start? */
#define CUDA_LAUNCHED(err) CUDA_TRY(cudaGetLastError(), err)

/* The same for a status. */
#define TRY(call)                                                                           \
    do {                                                                                    \
        fmpnn_status status_ = (call);                                                      \
        if (status_ != FMPNN_OK)                                                            \
            return status_;                                                                 \
    } while (0)

/* ---- what lies on a device ---- */

enum {
    LETTERS = FMPNN_LETTERS,
    WIDTH = 128,        /* C of every published model; kernels are written for it */
    FEED_FORWARD = 512, /* F likewise */
    LANES = 32
};

/* Activations are multiplied by this before they are split into two halves, so that the lower
 * one does not fall among the denormals. */
#define ACT_SCALE 16.0f

/* The decoder's GELU takes x times IN and gives its value times OUT: powers of two, which the
 * weights before and after it carry. */
template <bool SPLIT> struct gelu_scale {
    static constexpr float IN = 1, OUT = 1;
};
template <> struct gelu_scale<false> {
    static constexpr float IN = 0.125f, OUT = 0.25f;
};

/* y = W x with W [N][K] as fragments of half precision, N and K padded to 32 with zeros:
 * hi[t][b][4g+q] holds W[n][32b+8q .. +7] with n = 32(t/4) + 8(g/2) + 2(t%4) + g%2 (tile.cuh).
 * W is stored times a power of two; lo is what hi leaves of it. */
typedef struct matrix {
    const uint4 *hi, *lo; /* [N/8][K/32][32] */
    float inverse;        /* what an accumulator is multiplied by: with ACT_SCALE if split */
    int N, K;             /* padded */
    const float *plain;   /* [in][out], as in the checkpoint, transposed, unpadded */
} matrix;

typedef struct node_weights {
    matrix w3, w_in, w_out;
    const float *b3, *b_in, *b_out, *gain1, *bias1, *gain2, *bias2;
} node_weights;

typedef struct encoder_weights {
    matrix own, edge, near; /* W1 */
    const float *bias;
    matrix w2;
    const float *b2;
    node_weights node;
    matrix own11, edge11, near11; /* W11 */
    const float *bias11;
    matrix w12, w13;
    const float *b12, *b13, *gain3, *bias3;
} encoder_weights;

/* What the letter of a neighbour adds: rows of the letters, then of one that is not to be seen,
 * then of a neighbour of which nothing but the bias counts. */
enum { NO_LETTER = LETTERS, ONLY_BIAS, EDGE_TABLE };

typedef struct decoder_weights {
    matrix own, edge, near; /* W1; what acts on letters is folded into a table */
    const float *bias;
    const void *letters; /* [EDGE_TABLE][C]: float if split, half if not */
    matrix w2;
    const float *b2;
    node_weights node;
    const unsigned char
        *stages; /* what decode_nodes_group.cu multiplies by; NULL: not there */
} decoder_weights;

struct encode_plan; /* the encoder's matrices as its kernels read them: encode_plan.cu */

/* On the host; its pointers lead to the device. */
typedef struct model_weights {
    int C, F, features, encoder_layers, decoder_layers;
    bool ca_only;
    const float *offset;  /* [66][C] */
    matrix features_edge; /* [C][features] */
    const float *norm_edges_gain, *norm_edges_bias;
    matrix w_e;
    const float *b_e;
    encoder_weights encoder[FMPNN_MAX_LAYERS];
    decoder_weights decoder[FMPNN_MAX_LAYERS];
    matrix logits; /* 21 rows padded to 32 */
    const float *b_logits;
    /* [labels][C] first states of labelled residues, their parts in the first messages; NULL
     * where states begin as 0 */
    const float *label_state, *label_own, *label_near;
    struct encode_plan *encode;
} model_weights;

/* One structure: what the encoder reads, and what it leaves for the decoder. */
typedef struct structure {
    int L, K;
    bool ca_only;
    const int *neighbour;  /* [L][K] */
    const float *mask;     /* [L] */
    const float *xyz;      /* [L][4][3] */
    const float *distance; /* [L][K] */
    const int *index, *chain;
    const uint8_t *label;  /* [L], where the weights have labels */
    float *h;        /* [L][C] encoder output, 0 where masked */
    float *own_part; /* [L][C] Wv h_i of the first decoder layer */
    void *blind;     /* [layers][L][C] Wn h_j: float if split, half if not */
    void *edge_part; /* [layers][L][K][C] We e_ij + b1: likewise */
} structure;

/* ---- a device opened for a context (device.cu) ---- */

typedef struct uploaded uploaded; /* weights.cu */

/* Host memory that the device reads and writes; grows. */
typedef struct pinned_block {
    void *block;
    void *own; /* what it lies in, if that is from fmpnn_alloc() */
    size_t size;
} pinned_block;
enum { STAGES = 4, KEPT = 32 };

/* A block of device memory that is used again: mapping memory takes longer than a batch. */
typedef struct kept_block {
    void *block;
    size_t size;
    bool used;
} kept_block;

typedef struct device {
    int number, multiprocessors;
    int shared_limit; /* bytes of shared memory a block may have */
    int major, minor;
    int clusters; /* that wave.cu may launch; 0: not asked yet */
    long wave;    /* number of its last launch there, among all contexts of the device */
    bool split; /* float32-grade: two halves a number; else one */
    cudaStream_t stream;
    uploaded *weights; /* of the models met so far */
    pinned_block pinned, stage[STAGES];
    cudaEvent_t landed[4]; /* sampling's two flights; the same, waited for asleep */
    pthread_mutex_t lock;  /* of what follows: encodings are freed in any thread */
    kept_block kept[KEPT];
    size_t budget;         /* bytes of device memory that one call takes, about */
    cudaEvent_t timed[2]; /* recorded around the kernels of sampling, if there; benchmarks */
    long references;
    char isa[16];
} device;

/* The device of a context, made current for the calling thread. */
fmpnn_status device_enter(const fmpnn_context *ctx, device **dev, fmpnn_error *err);

/* Memory in the order of the device's stream; blocks are kept for the next who asks.
 * FMPNN_ENOMEM names the bytes and what is free. */
fmpnn_status device_alloc(device *dev, size_t bytes, void **out, fmpnn_error *err);

/* Let launches of a kernel have as much dynamic shared memory as blocks may, less the `own` bytes
 * that it declares. Never less for a smaller launch: the limit is the kernel's, not the launch's,
 * and another context's launch may be on its way. */
fmpnn_status device_allow_shared(const device *dev, const void *kernel, size_t own,
                                 fmpnn_error *err);
void device_release(device *dev, void *block); /* NULL does nothing */

/* After that: a message with the `residues` that would fit, if `need` bytes were to be had for
 * them beside `held` bytes that they already have; `what` is put in after the bytes. Returns
 * FMPNN_ENOMEM. */
fmpnn_status device_name_size(device *dev, const char *what, size_t residues, size_t need,
                              size_t held, fmpnn_error *err);

/* The same for arrays. */
template <typename T>
inline fmpnn_status device_array(device *dev, size_t count, T **out, fmpnn_error *err)
{
    void *block = NULL;
    fmpnn_status status = device_alloc(dev, count * sizeof(T), &block, err);
    *out = (T *)block;
    return status;
}

/* At least `bytes` of pinned host memory, for one copy at a time: wait for the stream before it
 * is written again. */
fmpnn_status device_pinned(device *dev, size_t bytes, void **out, fmpnn_error *err);

/* The same in one of STAGES blocks of its own, for calls that keep several copies under way; the
 * caller knows that the last copy with it is done. */
fmpnn_status device_stage(device *dev, int which, size_t bytes, void **out, fmpnn_error *err);

/* Wait for everything asked of the device; a kernel's failure shows here. */
fmpnn_status device_wait(device *dev, fmpnn_error *err);

void device_keep(device *dev);
void device_drop(device *dev);

/* ---- weights.cu ---- */

/* The model on this device, uploaded at first use. Borrowed from the device. FMPNN_EDEVICE for
 * a model of another width. */
fmpnn_status device_weights(device *dev, const fmpnn_model *model, const model_weights **out,
                            fmpnn_error *err);
void device_forget_weights(device *dev);

/* A single matrix W[out][in] from host memory, with its fragments, in a block of its own. */
fmpnn_status device_matrix(device *dev, const float *w, int out, int in, matrix *m, void **block,
                           fmpnn_error *err);

/* ---- encode.cu ---- */

/* Encode n structures of any lengths; h_E is NULL or n device arrays [L][K][C] that receive the
 * final edge states. Asynchronous, on the device's stream. */
fmpnn_status cuda_encode(device *dev, const model_weights *w, size_t n, const structure *item,
                         float *const *h_E, fmpnn_error *err);

/* ---- context.cu ---- */

/* What residues see of other atoms, added to `h` of an encoded structure, and the tables of the
 * decoder from that; for weights that see atoms. The host computes it, so this waits. */
fmpnn_status cuda_context_add(fmpnn_context *ctx, device *dev, const fmpnn_model *model,
                              const model_weights *w, const fmpnn_graph *graph,
                              const structure *item, fmpnn_error *err);

/* ---- the rest of the backend's calls ---- */

/* Device memory of structures that were encoded together; freed with the last of them. */
typedef struct encoding_home {
    device *dev;
    void *block;
    cudaEvent_t ready;
    long references;
} encoding_home;

/* An encoded structure; everything that `item` points to lives in `home`. */
struct fmpnn_encoding {
    encoding_home *home;
    const fmpnn_model *model;
    const fmpnn_graph *graph;
    const model_weights *weights;
    size_t L, K;
    size_t bytes; /* of its home, about */
    structure item;
};

/* Make the stream of `dev` wait until `encoding` is there. */
fmpnn_status encoding_await(device *dev, const fmpnn_encoding *encoding, fmpnn_error *err);

fmpnn_status cuda_logits(fmpnn_context *ctx, const fmpnn_encoding *encoding, size_t B,
                         const uint8_t *letters, const uint32_t *rank, float *logits,
                         fmpnn_error *err);
fmpnn_status cuda_conditional(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                              const uint8_t *letters, const uint32_t *rank,
                              const uint8_t *wanted, float *logits, fmpnn_error *err);
fmpnn_status cuda_sample(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                         const fmpnn_rules *rules, size_t n_shared, size_t B,
                         fmpnn_draw_request *request, fmpnn_error *err);
fmpnn_status cuda_sample_many(fmpnn_context *ctx, size_t n, const fmpnn_sampling *item,
                              fmpnn_error *err);
fmpnn_status cuda_operation_create(fmpnn_context *ctx, const fmpnn_message_weights *weights,
                                   size_t nodes, size_t k, fmpnn_operation **operation,
                                   fmpnn_error *err);
fmpnn_status cuda_operation_run(fmpnn_operation *operation, size_t B, size_t L, const float *h,
                                const float *X, const int32_t *E, const float *mask, float *out,
                                fmpnn_error *err);
void cuda_operation_free(fmpnn_operation *operation);

#endif
