/* Rows of the decoder. A row is a residue of a sequence; rows of any sequences of any structures
 * travel together through one layer at a time, in two kernels:
 *
 *     edges   s = sum over neighbours of g(W2 g(z) + b2), z = own + edge + near + letter
 *     nodes   h <- LN2(x + FFN(x)), x = LN1(h + W3 s / 30 ...); then what the next layer needs
 *
 * A warp of `edges` has 16 neighbours of a row, a block of `nodes` 16 rows or 32. Algebra: docs/math.md, "Decoder". */
#ifndef FMPNN_CUDA_DECODE_CUH
#define FMPNN_CUDA_DECODE_CUH

#include "cuda/device.cuh"

extern "C" {
#include "cuda/agenda.h"
}
#include <stdint.h>

/* One sequence on its way through the decoder; on the device. */
typedef struct sequence {
    structure item;
    const uint32_t *rank;     /* [L] step of decoding; NULL: no neighbour counts as decoded */
    const uint32_t *group_of; /* [L] letters of the own group are not seen; NULL: all are */
    uint8_t *letters;         /* [L]; NULL: neighbours decoded before contribute nothing */
    void *state;              /* [layers-1][L][C] Wn h of the later layers; 0 where none; float
                                 if split, half if not */
    float *logits;            /* [L][21] */
    const float *messages;    /* of decode_messages; NULL: none */
} sequence;

typedef fmpnn_agenda_row row; /* place: in the work memory, the same from layer to layer */

typedef struct row_work {
    float *h, *own; /* [places][C] */
    float *s;       /* [places][tiles][C], sums of 16 neighbours each */
    int tiles;      /* of the structure with most neighbours */
    bool messages;  /* every sequence has its structure's */
    int *told; /* then: [places][tiles][16], what decode_sums found out for all layers */
} row_work;

/* Of a neighbour: its number, its row of the table of letters, whether it is decoded. */
enum { TOLD_LETTER = 24, TOLD_DECODED = 29, NOT_THERE = -1 };

inline int work_tiles(size_t K)
{
    return (int)((K + 15) / 16);
}

/* Decoder layer `layer` for n rows, on the device's stream. Layer 0 reads h from the encoding;
 * after the last layer the logits are written. */
fmpnn_status decode_layer(device *dev, const model_weights *w, int layer,
                          const sequence *all, const row *rows, size_t n,
                          const row_work *work, fmpnn_error *err);

/* In the first layer, what a neighbour says depends on nothing but the edge and the neighbour's
 * letter, or that it has none yet. So where many sequences share a structure, all that can be said
 * is computed once, and the first layer's edges look it up (decode_messages.cu):
 * [L][K][MESSAGES][C], its last message that of a neighbour without a letter. */
enum { MESSAGES = LETTERS + 1 };
inline size_t decode_messages_count(size_t L, size_t K)
{
    return L * K * MESSAGES * WIDTH;
}
fmpnn_status decode_messages(device *dev, const model_weights *w, const structure *item,
                             float *messages, fmpnn_error *err);

/* The first layer's sums of messages that are looked up; fills work->told. */
fmpnn_status decode_sums(device *dev, const sequence *all, const row *rows, size_t n,
                         const row_work *work, fmpnn_error *err);

/* The rows of each level by residue, in `sorted`: those that read the same messages stand side by
 * side. Places are numbered anew. start: [levels+1], on the device; all sequences are of one
 * structure. */
fmpnn_status decode_sort(device *dev, const row *rows, const uint32_t *start, uint32_t levels,
                         int L, row *sorted, fmpnn_error *err);

/* Its second half (decode_nodes.cu). */
fmpnn_status decode_nodes(device *dev, const model_weights *w, int layer,
                          const sequence *all, const row *rows, size_t n,
                          const row_work *work, fmpnn_error *err);

/* Of decoder[].stages, each 64 input by 128 output channels: W3, W_in, W_out, then own and near of the
 * next layer or the logits; W2. */
enum {
    NODE_STAGES = 2 + 8 + 8 + 4,
    LAYER_STAGES = NODE_STAGES + 2,
    STAGE = 64 * WIDTH * 2
};

/* The same where decoder[].stages are there (decode_nodes_group.cu), which this makes, in *block,
 * for devices that can use them. */
fmpnn_status decode_nodes_group(device *dev, const model_weights *w, int layer,
                                const sequence *all, const row *rows, size_t n,
                                const row_work *work, fmpnn_error *err);
fmpnn_status decode_stages_create(device *dev, model_weights *w, void **block,
                                  fmpnn_error *err);

/* Bytes of one sequence's states. */
size_t decode_state_bytes(const device *dev, const model_weights *w, size_t L);

#endif
