/* Logits of sequences whose letters are all known: no row waits for a letter, so a layer can be
 * computed for all rows of all sequences at once. */
#include "engine/engine.h"

#include <string.h>

enum { BATCH_BYTES = 32 << 20 }; /* states held at once */

typedef struct pass {
    const fmpnn_encoding *en;
    const fmpnn_kernels *kernels;
    const fmpnn_slots *slots;
    const fmpnn_row *row; /* [n_rows] */
    size_t n_rows, block; /* block: rows at a time */
    float *h;             /* [n_rows][C] */
} pass;

static bool enter(void *of, void *lane)
{
    return fmpnn_decode_scratch_init(lane, ((const pass *)of)->en);
}

static void leave(void *of, void *lane)
{
    (void)of;
    fmpnn_decode_scratch_clear(lane);
}

static size_t count_blocks(void *of, size_t layer)
{
    const pass *p = of;
    (void)layer;
    return (p->n_rows + p->block - 1) / p->block;
}

static void do_block(void *of, size_t layer, size_t n, void *lane)
{
    const pass *p = of;
    fmpnn_decode_scratch *x = lane;
    size_t C = p->en->C, first = n * p->block, left = p->n_rows - first;
    size_t M = left < p->block ? left : p->block;
    float *h = p->h + first * C;
    const fmpnn_row *row = p->row + first;
    for (size_t m = 0; m < M; m++)
        memcpy(x->h + m * C, layer ? h + m * C : p->en->h + row[m].i * C, C * sizeof *h);
    fmpnn_decode_layer(p->en, p->kernels, p->slots, layer, M, row, x);
    memcpy(h, x->h, M * C * sizeof *h);
}

fmpnn_status fmpnn_decode_rows(const fmpnn_context *ctx, const fmpnn_encoding *en,
                               const fmpnn_slots *slots, size_t n_rows, const fmpnn_row *row,
                               fmpnn_error *err)
{
    pass p = {.en = en, .kernels = ctx->kernels, .slots = slots, .row = row, .n_rows = n_rows,
              .block = fmpnn_rows_a_block(n_rows, FMPNN_BLOCK, ctx->threads)};
    fmpnn_task task = {.of = &p, .phases = en->layers, .items = count_blocks, .item = do_block,
                       .lane_size = sizeof(fmpnn_decode_scratch), .enter = enter,
                       .leave = leave};
    p.h = fmpnn_alloc(n_rows, en->C * sizeof *p.h);
    bool good = p.h && fmpnn_pool_run(ctx->pool, ctx->threads, &task);
    fmpnn_release(p.h);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "decoding");
}

void fmpnn_logits_of_unresolved(const fmpnn_encoding *en, float *logits)
{
    for (size_t i = 0; i < en->L; i++)
        if (en->graph->mask[i] == 0)
            memcpy(logits + i * FMPNN_LETTERS, en->w->b_logits, FMPNN_LETTERS * sizeof *logits);
}

fmpnn_status fmpnn_engine_logits(fmpnn_context *ctx, const fmpnn_encoding *en, size_t B,
                                 const uint8_t *letters, const uint32_t *rank, float *logits,
                                 fmpnn_error *err)
{
    fmpnn_status status = fmpnn_tables_prepare(ctx, en, B, err);
    if (status)
        return status;
    size_t L = en->L, states = (en->layers - 1) * L * en->C;
    size_t batch = fmpnn_memory_for(en, BATCH_BYTES) / (states * sizeof(float)) + 1;
    if (batch > B)
        batch = B;
    float *state = fmpnn_alloc(batch, states * sizeof *state);
    fmpnn_sequence *sequence = fmpnn_alloc(batch, sizeof *sequence);
    fmpnn_row *row = fmpnn_alloc(batch, L * sizeof *row);
    uint32_t *slot = fmpnn_alloc(L, sizeof *slot);
    if (!state || !sequence || !row || !slot) {
        status = fmpnn_fail_memory(err, "computing logits");
        goto done;
    }
    for (size_t i = 0; i < L; i++)
        slot[i] = en->graph->mask[i] == 0 ? FMPNN_NO_SLOT : (uint32_t)i;
    fmpnn_slots slots = {.slot = slot, .slots = L};
    for (size_t first = 0; first < B && !status; first += batch) {
        size_t n_rows = 0, count = B - first < batch ? B - first : batch;
        for (size_t b = 0; b < count; b++) {
            size_t at = (first + b) * L;
            sequence[b] = (fmpnn_sequence){.rank = rank ? rank + at : NULL,
                                           .letters = rank && letters ? letters + at : NULL,
                                           .state = state + b * states,
                                           .logits = logits + at * FMPNN_LETTERS};
            fmpnn_logits_of_unresolved(en, sequence[b].logits);
        }
        for (size_t i = 0; i < L; i++) /* rows that read the same tile follow one another */
            for (size_t b = 0; b < count && slot[i] != FMPNN_NO_SLOT; b++)
                row[n_rows++] = (fmpnn_row){&sequence[b], (uint32_t)i};
        status = fmpnn_decode_rows(ctx, en, &slots, n_rows, row, err);
    }
done:
    fmpnn_release(slot);
    fmpnn_release(row);
    fmpnn_release(sequence);
    fmpnn_release(state);
    return status;
}
