/* Sequences whose letters are all known: no row waits for a letter, so each layer is computed
 * for all rows of many sequences at once. Conditional logits are such sequences, one for each
 * position asked for, of which only the rows are computed that its last row depends on. */
#include "cuda/decode.cuh"

#include <string.h>

enum {
    BATCH_BYTES = 1 << 30, /* device memory for sequences computed together, about */
    MOST_ROWS = 1 << 20
};

/* Sequences of one call on the device. */
typedef struct batch {
    size_t B, L, rows; /* rows: the largest number of any layer */
    sequence *all;     /* [B] */
    row *list;         /* [rows of all layers] */
    uint32_t *rank;    /* [B][L] or NULL */
    uint8_t *letters;  /* [B][L] or NULL */
    float *logits;     /* [B][L][21] */
    void *state;
    row_work work;
    void *block;
} batch;

/* Lays arrays one behind the other; the first so many bytes are sent from the host. */
static size_t take(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += (bytes + 255) / 256 * 256;
    return at;
}

/* Bytes that a sequence of L residues needs, with its rows. */
static size_t bytes_each(const device *dev, const model_weights *w, size_t L, size_t K)
{
    return decode_state_bytes(dev, w, L) +
           L * ((2 + work_tiles(K)) * WIDTH * sizeof(float) + LETTERS * sizeof(float) +
                sizeof(row) + 5);
}

static size_t batch_size(const device *dev, const fmpnn_encoding *en, size_t B)
{
    size_t most = BATCH_BYTES / bytes_each(dev, en->weights, en->L, en->K);
    if (most > MOST_ROWS / en->L)
        most = MOST_ROWS / en->L;
    most = most ? most : 1;
    return most < B ? most : B;
}

/* Host copies of what is sent; rank and letters are [B][L]. */
static fmpnn_status send(device *dev, const fmpnn_encoding *en, batch *b, const uint32_t *rank,
                         const uint8_t *letters, size_t places, const row *list,
                         size_t list_size, fmpnn_error *err)
{
    size_t used = 0, L = b->L, cells = b->B * L, state = decode_state_bytes(dev, en->weights, L);
    size_t at_all = take(&used, b->B * sizeof(sequence));
    size_t at_list = take(&used, list_size * sizeof(row));
    size_t at_rank = take(&used, rank ? cells * sizeof *rank : 0);
    size_t at_letters = take(&used, letters ? cells : 0), sent = used;
    size_t at_logits = take(&used, cells * LETTERS * sizeof(float));
    size_t at_state = take(&used, b->B * state);
    size_t at_work[3];
    for (int n = 0; n < 3; n++)
        at_work[n] =
            take(&used, places * (n < 2 ? 1 : work_tiles(en->K)) * WIDTH * sizeof(float));
    char *host, *block;
    TRY(device_alloc(dev, used, &b->block, err));
    block = (char *)b->block;
    TRY(device_wait(dev, err));
    TRY(device_pinned(dev, sent, (void **)&host, err));
    b->all = (sequence *)(block + at_all);
    b->list = (row *)(block + at_list);
    b->logits = (float *)(block + at_logits);
    b->work = (row_work){(float *)(block + at_work[0]), (float *)(block + at_work[1]),
                         (float *)(block + at_work[2]), work_tiles(en->K)};
    memcpy(host + at_list, list, list_size * sizeof(row));
    if (rank)
        memcpy(host + at_rank, rank, cells * sizeof *rank);
    if (letters)
        memcpy(host + at_letters, letters, cells);
    for (size_t n = 0; n < b->B; n++) {
        sequence *q = (sequence *)(host + at_all) + n;
        memset(q, 0, sizeof *q);
        q->item = en->item;
        q->rank = rank ? (uint32_t *)(block + at_rank) + n * L : NULL;
        q->letters = letters ? (uint8_t *)block + at_letters + n * L : NULL;
        q->state = block + at_state + n * state;
        q->logits = b->logits + n * L * LETTERS;
    }
    CUDA_TRY(cudaMemcpyAsync(block, host, sent, cudaMemcpyHostToDevice, dev->stream), err);
    CUDA_TRY(cudaMemsetAsync(block + at_state, 0, b->B * state, dev->stream), err);
    return FMPNN_OK;
}

/* A residue that is not resolved has h = 0: its logits are the bias. */
static void fill_bias(const fmpnn_encoding *en, float *logits)
{
    memcpy(logits, en->model->W_out.b, LETTERS * sizeof *logits);
}

/* ---- logits ---- */

static fmpnn_status logits_of(device *dev, const fmpnn_encoding *en, batch *b,
                              const uint8_t *letters, const uint32_t *rank, float *logits,
                              fmpnn_error *err)
{
    size_t L = b->L, n = 0;
    row *list = (row *)fmpnn_alloc(b->B * L, sizeof *list);
    if (!list)
        return fmpnn_fail_memory(err, "computing logits");
    for (size_t s = 0; s < b->B; s++)
        for (size_t i = 0; i < L; i++)
            if (en->graph->mask[i] != 0) {
                list[n] = (row){(uint32_t)s, (uint32_t)i, (uint32_t)n};
                n++;
            }
    fmpnn_status status = send(dev, en, b, rank, letters, n, list, n, err);
    fmpnn_release(list);
    for (int layer = 0; layer < en->weights->decoder_layers && !status; layer++)
        status = decode_layer(dev, en->weights, layer, b->all, b->list, n, &b->work, err);
    if (status)
        return status;
    CUDA_TRY(cudaMemcpyAsync(logits, b->logits, b->B * L * LETTERS * sizeof *logits,
                             cudaMemcpyDeviceToHost, dev->stream),
             err);
    TRY(device_wait(dev, err));
    for (size_t s = 0; s < b->B; s++)
        for (size_t i = 0; i < L; i++)
            if (en->graph->mask[i] == 0)
                fill_bias(en, logits + (s * L + i) * LETTERS);
    return FMPNN_OK;
}

fmpnn_status cuda_logits(fmpnn_context *ctx, const fmpnn_encoding *en, size_t B,
                         const uint8_t *letters, const uint32_t *rank, float *logits,
                         fmpnn_error *err)
{
    device *dev;
    fmpnn_status status = FMPNN_OK;
    TRY(device_enter(ctx, &dev, err));
    TRY(encoding_await(dev, en, err));
    size_t L = en->L, size = batch_size(dev, en, B);
    for (size_t first = 0; first < B && !status; first += size) {
        batch b = {};
        b.B = B - first < size ? B - first : size;
        b.L = L;
        status = logits_of(dev, en, &b, rank && letters ? letters + first * L : NULL,
                           rank ? rank + first * L : NULL, logits + first * L * LETTERS, err);
        device_release(dev, b.block);
    }
    return status;
}

/* ---- conditional ---- */

typedef struct positions {
    size_t count;
    uint32_t *at;     /* [count] residues asked for, one sequence each */
    uint32_t *rank;   /* [count][L] */
    uint8_t *letters; /* [count][L] */
    row *list;        /* rows, layer by layer */
    size_t capacity, *start; /* [layers+1] into list */
    uint8_t *mark;    /* [L] */
    uint32_t *place;  /* [count][L] of a row, or UINT32_MAX */
} positions;

/* The rows of `layer` that sequence s needs, given those of the layer after it: themselves, and
 * the neighbours that count as decoded there. A row is listed once. */
static size_t needed(const fmpnn_graph *graph, const uint32_t *rank, const row *after,
                     size_t n_after, uint32_t s, uint8_t *mark, row *list)
{
    size_t n = 0, K = graph->K;
    for (size_t r = 0; r < n_after; r++) {
        uint32_t i = after[r].i;
        if (!mark[i]) {
            mark[i] = 1;
            list[n++] = (row){s, i, 0};
        }
        for (size_t m = 0; m < K; m++) {
            uint32_t j = graph->neighbour[i * K + m];
            if (mark[j] || graph->mask[j] == 0 || rank[j] >= rank[i])
                continue;
            mark[j] = 1;
            list[n++] = (row){s, j, 0};
        }
    }
    for (size_t r = 0; r < n; r++)
        mark[list[r].i] = 0;
    return n;
}

static void release(positions *p)
{
    fmpnn_release(p->place);
    fmpnn_release(p->mark);
    fmpnn_release(p->start);
    fmpnn_release(p->list);
    fmpnn_release(p->letters);
    fmpnn_release(p->rank);
    fmpnn_release(p->at);
}

/* Work lists of `count` positions, last layer first in time, first layer first in the list. */
static size_t plan(const fmpnn_encoding *en, positions *p, int layers)
{
    size_t L = en->L, places = 0, used = 0, end = p->capacity;
    row *list = p->list;
    memset(p->place, 0xff, p->count * L * sizeof *p->place);
    memset(p->mark, 0, L);
    /* from the back: the last layer's rows stand last */
    for (size_t s = 0; s < p->count; s++)
        list[end - p->count + s] = (row){(uint32_t)s, p->at[s], 0};
    p->start[layers] = end;
    p->start[layers - 1] = end - p->count;
    for (int layer = layers - 2; layer >= 0; layer--) {
        size_t from = p->start[layer + 1], to = p->start[layer + 2], at = 0, r = from;
        used = 0; /* found rows grow from the front of the memory, then move to the back */
        while (r < to) {
            uint32_t s = list[r].sequence;
            for (at = r; at < to && list[at].sequence == s; at++)
                ;
            used += needed(en->graph, p->rank + s * L, list + r, at - r, s, p->mark,
                           list + used);
            r = at;
        }
        memmove(list + from - used, list, used * sizeof *list);
        p->start[layer] = from - used;
    }
    for (size_t r = p->start[0]; r < end; r++) {
        uint32_t *place = &p->place[list[r].sequence * L + list[r].i];
        if (*place == UINT32_MAX)
            *place = (uint32_t)places++;
        list[r].place = *place;
    }
    return places;
}

static fmpnn_status conditional_of(device *dev, const fmpnn_encoding *en, positions *p,
                                   float *logits, fmpnn_error *err)
{
    int layers = en->weights->decoder_layers;
    size_t L = en->L, places = plan(en, p, layers), first = p->start[0];
    batch b = {};
    b.B = p->count;
    b.L = L;
    fmpnn_status status = send(dev, en, &b, p->rank, p->letters, places, p->list + first,
                               p->start[layers] - first, err);
    for (int layer = 0; layer < layers && !status; layer++)
        status =
            decode_layer(dev, en->weights, layer, b.all, b.list + p->start[layer] - first,
                         p->start[layer + 1] - p->start[layer], &b.work, err);
    for (size_t s = 0; s < p->count && !status; s++) {
        cudaError_t code = cuda_checked(cudaMemcpyAsync(
            logits + p->at[s] * LETTERS, b.logits + (s * L + p->at[s]) * LETTERS,
            LETTERS * sizeof *logits, cudaMemcpyDeviceToHost, dev->stream));
        if (code != cudaSuccess)
            status = cuda_failed(code, "cudaMemcpyAsync", __FILE__, __LINE__, err);
    }
    if (!status)
        status = device_wait(dev, err);
    device_release(dev, b.block);
    return status;
}

fmpnn_status cuda_conditional(fmpnn_context *ctx, const fmpnn_encoding *en,
                              const uint8_t *letters, const uint32_t *rank,
                              const uint8_t *wanted, float *logits, fmpnn_error *err)
{
    device *dev;
    fmpnn_status status = FMPNN_OK;
    TRY(device_enter(ctx, &dev, err));
    TRY(encoding_await(dev, en, err));
    size_t L = en->L, layers = (size_t)en->weights->decoder_layers;
    size_t size = batch_size(dev, en, L);
    positions p = {};
    /* all rows of all layers, and as many while the lists are made */
    p.capacity = size * L * (layers + 1);
    p.at = (uint32_t *)fmpnn_alloc(size, sizeof *p.at);
    p.rank = (uint32_t *)fmpnn_alloc(size, L * sizeof *p.rank);
    p.letters = (uint8_t *)fmpnn_alloc(size, L);
    p.list = (row *)fmpnn_alloc(p.capacity, sizeof *p.list);
    p.start = (size_t *)fmpnn_alloc(layers + 1, sizeof *p.start);
    p.mark = (uint8_t *)fmpnn_alloc(L, 1);
    p.place = (uint32_t *)fmpnn_alloc(size, L * sizeof *p.place);
    if (!p.at || !p.rank || !p.letters || !p.list || !p.start || !p.mark || !p.place)
        status = fmpnn_fail_memory(err, "computing conditional probabilities");
    for (size_t i = 0; i < L && !status; i++) {
        if (wanted[i] && en->graph->mask[i] == 0)
            fill_bias(en, logits + i * LETTERS);
        if (wanted[i] && en->graph->mask[i] != 0) {
            memcpy(p.rank + p.count * L, rank, L * sizeof *rank);
            memcpy(p.letters + p.count * L, letters, L);
            p.rank[p.count * L + i] = (uint32_t)L;
            p.at[p.count++] = (uint32_t)i;
        }
        if (p.count && (p.count == size || i + 1 == L)) {
            status = conditional_of(dev, en, &p, logits, err);
            p.count = 0;
        }
    }
    release(&p);
    return status;
}
