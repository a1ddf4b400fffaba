/* What run.py does with one structure: batches of samples, in the published order of random
 * numbers, then their side chains (ligand_pack.c), then its files. */
#include "compat/ligand.h"
#include "compat/run.h"

#include <string.h>

enum { DRAWN = 20 }; /* letters of a draw: X is no longer among them */

/* One batch on its way. */
typedef struct batch {
    float *randn;          /* [B][L] */
    uint32_t *order;       /* [B][L] */
    double *exponential;   /* [B][L][21] */
    uint8_t *letters;      /* [B][L] */
    float *logits;         /* [B][L][21] */
    double *probs;         /* [B][L][21] */
    fmpnn_draw_request *request; /* [B] */
} batch;

static bool batch_init(batch *b, size_t B, size_t L)
{
    b->randn = fmpnn_alloc(B * L, sizeof *b->randn);
    b->order = fmpnn_alloc(B * L, sizeof *b->order);
    b->exponential = fmpnn_alloc(B * L, FMPNN_LETTERS * sizeof *b->exponential);
    b->letters = fmpnn_alloc(B, L);
    b->logits = fmpnn_alloc(B * L, FMPNN_LETTERS * sizeof *b->logits);
    b->probs = fmpnn_alloc(B * L, FMPNN_LETTERS * sizeof *b->probs);
    b->request = fmpnn_alloc(B, sizeof *b->request);
    return b->randn && b->order && b->exponential && b->letters && b->logits && b->probs &&
           b->request;
}

static void batch_clear(batch *b)
{
    fmpnn_release(b->request);
    fmpnn_release(b->probs);
    fmpnn_release(b->logits);
    fmpnn_release(b->letters);
    fmpnn_release(b->exponential);
    fmpnn_release(b->order);
    fmpnn_release(b->randn);
}

static bool results_init(fmpnn_ligand_results *r, size_t total, size_t L)
{
    r->total = total;
    r->letters = fmpnn_alloc(total * L, sizeof *r->letters);
    r->order = fmpnn_alloc(total * L, sizeof *r->order);
    r->probs = fmpnn_alloc_zero(total * L, DRAWN * sizeof *r->probs);
    r->log_p = fmpnn_alloc_zero(total * L, FMPNN_LETTERS * sizeof *r->log_p);
    return r->letters && r->order && r->probs && r->log_p;
}

static void results_clear(fmpnn_ligand_results *r)
{
    fmpnn_release(r->log_p);
    fmpnn_release(r->probs);
    fmpnn_release(r->order);
    fmpnn_release(r->letters);
}

/* Step by step, copy after copy, one number a letter; also where a letter is fixed. Tied: once
 * for a group. */
static void draw_numbers(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry, batch *b)
{
    size_t L = entry->L, B = (size_t)run->options->batch_size, step = 1;
    for (size_t t = 0; t < L; t += step) {
        uint32_t group = entry->group_of[b->order[t]];
        step = entry->tied ? entry->start[group + 1] - entry->start[group] : 1;
        for (size_t copy = 0; copy < B; copy++) {
            double *dst =
                b->exponential +
                (copy * L + b->order[copy * L + t]) * (size_t)FMPNN_LETTERS;
            fmpnn_torch_exponential(&run->torch, DRAWN, dst);
            dst[DRAWN] = 1; /* X has no probability */
        }
    }
}

static void keep_sample(const fmpnn_ligand_entry *entry, const fmpnn_draw_request *draw,
                        fmpnn_ligand_results *r)
{
    size_t L = entry->L, first = r->count++ * L;
    fmpnn_log_softmax_rows(L, draw->logits);
    for (size_t i = 0; i < L; i++) {
        r->letters[first + i] = draw->letters[i];
        r->order[first + i] = draw->order[i];
        if (!entry->designed[i])
            continue;
        for (size_t a = 0; a < DRAWN; a++)
            r->probs[(first + i) * DRAWN + a] = (float)draw->probs[i * FMPNN_LETTERS + a];
        memcpy(r->log_p + (first + i) * FMPNN_LETTERS, draw->logits + i * FMPNN_LETTERS,
               FMPNN_LETTERS * sizeof *r->log_p);
    }
}

static fmpnn_status sample_batch(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 fmpnn_encoding *encoding, batch *b, fmpnn_ligand_results *r)
{
    size_t L = entry->L, B = (size_t)run->options->batch_size;
    fmpnn_status status = fmpnn_ligand_orders(run, entry, b->randn, b->order);
    if (status)
        return status;
    draw_numbers(run, entry, b);
    for (size_t copy = 0; copy < B; copy++)
        b->request[copy] = (fmpnn_draw_request){
            .order = b->order + copy * L,
            .exponential = b->exponential + copy * L * FMPNN_LETTERS,
            .temperature = run->options->temperature,
            .letters = b->letters + copy * L,
            .logits = b->logits + copy * L * FMPNN_LETTERS,
            .probs = b->probs + copy * L * FMPNN_LETTERS};
    status = run->ctx->backend->sample(run->ctx, encoding, &entry->rules, 0, B, b->request,
                                       run->err);
    for (size_t copy = 0; copy < B && !status; copy++)
        keep_sample(entry, &b->request[copy], r);
    return status;
}

fmpnn_status fmpnn_ligand_design(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry)
{
    size_t L = entry->L, B = (size_t)run->options->batch_size;
    size_t batches = (size_t)run->options->number_of_batches;
    batch b = {0};
    fmpnn_ligand_results results = {0};
    fmpnn_encoding *encoding = NULL;
    fmpnn_status status = batch_init(&b, B, L) && results_init(&results, B * batches, L)
                              ? fmpnn_ligand_encode(run, entry, &encoding)
                              : fmpnn_fail_memory(run->err, "designing sequences");
    for (size_t n = 0; n < batches && !status; n++)
        status = sample_batch(run, entry, encoding, &b, &results);
    if (!status && run->options->save_stats)
        status = fmpnn_ligand_write_stats(run, entry, &results);
    if (!status && run->packer)
        status = fmpnn_ligand_pack(run, entry, &results);
    if (!status)
        status = fmpnn_ligand_write_backbones(run, entry, &results);
    if (!status)
        status = fmpnn_ligand_write_sequences(run, entry, &results);
    if (encoding)
        run->ctx->backend->encoding_free(encoding);
    results_clear(&results);
    batch_clear(&b);
    return status;
}
