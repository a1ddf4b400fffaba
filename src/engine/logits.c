/* Logits of sequences whose letters are all known: no row waits for a letter, so a layer can be
 * computed for all rows of all sequences at once. */
#include "engine/engine.h"

#include <string.h>

enum { BATCH_BYTES = 32 << 20 }; /* states held at once */

/* h^(0) of the rows, or their h of the layer before. */
static void load(const fmpnn_encoding *en, size_t layer, const float *h, const fmpnn_row *row,
                 size_t M, float *dst)
{
    size_t C = en->C;
    if (layer)
        memcpy(dst, h, M * C * sizeof *dst);
    else
        for (size_t m = 0; m < M; m++)
            memcpy(dst + m * C, en->h + row[m].i * C, C * sizeof *dst);
}

fmpnn_status fmpnn_decode_rows(const fmpnn_context *ctx, const fmpnn_encoding *en,
                               const fmpnn_slots *slots, size_t n_rows, const fmpnn_row *row,
                               fmpnn_error *err)
{
    size_t C = en->C, blocks = (n_rows + FMPNN_ROWS - 1) / FMPNN_ROWS;
    float *h = fmpnn_alloc(n_rows, C * sizeof *h);
    bool good = h != NULL;
    if (!good)
        return fmpnn_fail_memory(err, "decoding");
#pragma omp parallel num_threads(ctx->threads) reduction(&& : good)
    {
        fmpnn_decode_scratch x;
        unsigned mode = fmpnn_float_mode_enter();
        good = fmpnn_decode_scratch_init(&x, en);
        for (size_t layer = 0; layer < en->layers; layer++) {
#pragma omp for schedule(dynamic, 1)
            for (size_t b = 0; b < blocks; b++) {
                size_t first = b * FMPNN_ROWS;
                size_t M = n_rows - first < FMPNN_ROWS ? n_rows - first : FMPNN_ROWS;
                if (!good)
                    continue;
                load(en, layer, h + first * C, row + first, M, x.h);
                fmpnn_decode_layer(en, ctx->kernels, slots, layer, M, row + first, &x);
                memcpy(h + first * C, x.h, M * C * sizeof *h);
            }
        }
        fmpnn_decode_scratch_clear(&x);
        fmpnn_float_mode_leave(mode);
    }
    fmpnn_release(h);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "decoding");
}

/* A residue that is not resolved has h = 0: its logits are the bias. */
static void fill_unresolved(const fmpnn_encoding *en, float *logits)
{
    for (size_t i = 0; i < en->L; i++)
        if (en->graph->mask[i] == 0)
            memcpy(logits + i * FMPNN_LETTERS, en->w->b_logits, FMPNN_LETTERS * sizeof *logits);
}

fmpnn_status fmpnn_engine_logits(fmpnn_context *ctx, const fmpnn_encoding *en, size_t B,
                                 const uint8_t *letters, const uint32_t *rank, float *logits,
                                 fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t L = en->L, states = (en->layers - 1) * L * en->C;
    size_t batch = BATCH_BYTES / (states * sizeof(float)) + 1;
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
                                           .letters = rank ? letters + at : NULL,
                                           .state = state + b * states,
                                           .logits = logits + at * FMPNN_LETTERS};
            fill_unresolved(en, sequence[b].logits);
            for (size_t i = 0; i < L; i++)
                if (slot[i] != FMPNN_NO_SLOT)
                    row[n_rows++] = (fmpnn_row){&sequence[b], (uint32_t)i};
        }
        status = fmpnn_decode_rows(ctx, en, &slots, n_rows, row, err);
    }
done:
    fmpnn_release(slot);
    fmpnn_release(row);
    fmpnn_release(sequence);
    fmpnn_release(state);
    return status;
}
