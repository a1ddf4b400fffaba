/* Probabilities given the backbone alone, or given all other letters.
 *
 * The published program computes one pass for each designed residue, in the order of |randn|
 * with that residue moved to an end. "Moved" is a weight of 0.0001, so that a residue whose
 * |randn| is tiny may stand elsewhere: such rows get their own pass, all others are computed
 * together. */
#include "compat/run.h"
#include "design/order.h"

#include <string.h>

/* Room for one copy. */
typedef struct work {
    float *mask;                   /* [L] */
    uint32_t *order, *base, *rank; /* [L] */
    uint8_t *wanted;               /* [L] */
    float *odd;                    /* [L][21] */
} work;

static bool work_init(work *w, size_t L)
{
    w->mask = fmpnn_alloc_zero(L, sizeof *w->mask);
    w->order = fmpnn_alloc(L, sizeof *w->order);
    w->base = fmpnn_alloc(L, sizeof *w->base);
    w->rank = fmpnn_alloc(L, sizeof *w->rank);
    w->wanted = fmpnn_alloc_zero(L, 1);
    w->odd = fmpnn_alloc(L, FMPNN_LETTERS * sizeof *w->odd);
    return w->mask && w->order && w->base && w->rank && w->wanted && w->odd;
}

static void work_clear(work *w)
{
    fmpnn_release(w->odd);
    fmpnn_release(w->wanted);
    fmpnn_release(w->rank);
    fmpnn_release(w->base);
    fmpnn_release(w->order);
    fmpnn_release(w->mask);
}

/* Row i of a pass of its own. */
static fmpnn_status odd_row(fmpnn_passes *passes, work *w, const float *randn, size_t i,
                            float own, float others, float *log_p)
{
    fmpnn_original *run = passes->run;
    size_t L = passes->entry->L;
    fmpnn_original_rank_of(L, randn, i, own, others, w->mask, w->order, w->rank);
    fmpnn_status status =
        run->ctx->backend->logits(run->ctx, passes->encoding, 1,
                                  passes->entry->inputs->native, w->rank, w->odd, run->err);
    if (!status)
        memcpy(log_p + i * FMPNN_LETTERS, w->odd + i * FMPNN_LETTERS,
               FMPNN_LETTERS * sizeof *log_p);
    return status;
}

/* All else first, residue i last. */
static fmpnn_status given_others(fmpnn_passes *passes, work *w, const float *randn,
                                 float *log_p)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    size_t L = entry->L;
    memset(w->mask, 0, L * sizeof *w->mask);
    fmpnn_order_original(L, randn, w->mask, w->order);
    fmpnn_order_rank(L, w->order, w->base);
    for (size_t i = 0; i < L; i++) {
        w->wanted[i] = entry->designed[i];
        for (size_t j = 0; j < L && w->wanted[i]; j++)
            w->wanted[i] = j == i || fmpnn_original_before(randn, j, i, 1, 0);
    }
    fmpnn_status status =
        run->ctx->backend->conditional(run->ctx, passes->encoding, entry->inputs->native,
                                       w->base, w->wanted, log_p, run->err);
    for (size_t i = 0; i < L && !status; i++)
        if (entry->designed[i] && !w->wanted[i])
            status = odd_row(passes, w, randn, i, 1, 0, log_p);
    return status;
}

/* Residue i first: the unconditional row, unless a neighbour stands before it. */
static fmpnn_status given_nothing(fmpnn_passes *passes, work *w, const float *randn,
                                  float *log_p)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    const fmpnn_graph *graph = passes->graph;
    fmpnn_status status = run->ctx->backend->logits(
        run->ctx, passes->encoding, 1, entry->inputs->native, NULL, log_p, run->err);
    for (size_t i = 0; i < entry->L && !status; i++) {
        bool odd = false;
        for (size_t k = 0; k < graph->K && entry->designed[i]; k++) {
            size_t j = graph->neighbour[i * graph->K + k];
            odd = odd || (j != i && fmpnn_original_before(randn, j, i, 0, 1));
        }
        if (odd)
            status = odd_row(passes, w, randn, i, 0, 1, log_p);
    }
    return status;
}

static fmpnn_status conditional_batch(fmpnn_passes *passes, work *w, float *randn,
                                      uint32_t *order, float *noise, float *log_p)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    size_t L = entry->L, cells = L * FMPNN_LETTERS;
    size_t each = fmpnn_original_noise_size(run, entry);
    fmpnn_status status = FMPNN_OK;
    fmpnn_original_orders(run, entry, randn, order);
    fmpnn_original_noise(run, entry, noise);
    for (size_t b = 0; b < run->batch && !status; b++) {
        float *dst = log_p + b * cells;
        memset(dst, 0, cells * sizeof *dst);
        status = fmpnn_passes_encode(passes, noise + b * each);
        if (!status && run->options->conditional_probs_only_backbone)
            status = given_nothing(passes, w, randn + b * L, dst);
        else if (!status)
            status = given_others(passes, w, randn + b * L, dst);
        fmpnn_log_softmax_rows(L, dst);
        for (size_t n = 0; n < cells; n++)
            dst[n] = entry->designed[n / FMPNN_LETTERS] ? dst[n] : 0;
    }
    return status;
}

static fmpnn_status write(fmpnn_original *run, const char *folder, const fmpnn_entry *entry,
                          const float *log_p)
{
    size_t L = entry->L, tables[] = {run->batches * run->batch, L, FMPNN_LETTERS};
    int64_t *letters = fmpnn_alloc(L, sizeof *letters);
    fmpnn_npz *npz = fmpnn_npz_create();
    fmpnn_status status;
    if (letters && npz) {
        for (size_t i = 0; i < L; i++)
            letters[i] = entry->inputs->native[i];
        fmpnn_npz_add(npz, "log_p", 'f', 4, 3, tables, log_p);
        fmpnn_npz_add(npz, "S", 'i', 8, 1, &L, letters);
        fmpnn_npz_add(npz, "mask", 'f', 4, 1, &L, entry->inputs->mask);
        fmpnn_npz_add(npz, "design_mask", 'f', 4, 1, &L, entry->design_mask);
        status = fmpnn_original_write_npz(run, folder, entry->name, ".npz", npz);
    } else {
        status = fmpnn_fail_memory(run->err, "writing probabilities");
        fmpnn_npz_free(npz);
    }
    fmpnn_release(letters);
    return status;
}

/* Both modes: batches of [batch][L][21], one after another. */
static fmpnn_status probabilities(fmpnn_original *run, const fmpnn_entry *entry,
                                  bool conditional, const char *folder)
{
    size_t L = entry->L, B = run->batch, each = fmpnn_original_noise_size(run, entry);
    float *log_p = fmpnn_alloc(run->batches * B, L * FMPNN_LETTERS * sizeof *log_p);
    float *noise = fmpnn_alloc(B * each + 1, sizeof *noise);
    float *randn = fmpnn_alloc(B * L, sizeof *randn);
    uint32_t *order = fmpnn_alloc(B * L, sizeof *order);
    uint8_t *copies = fmpnn_alloc_zero(B, L);
    work w = {0};
    fmpnn_passes passes;
    fmpnn_status status = FMPNN_OK;
    fmpnn_passes_init(&passes, run, entry);
    if (!log_p || !noise || !randn || !order || !copies || !work_init(&w, L))
        status = fmpnn_fail_memory(run->err, "computing probabilities");
    for (size_t j = 0; j < run->batches && !status; j++) {
        float *dst = log_p + j * B * L * FMPNN_LETTERS;
        if (conditional) {
            status = conditional_batch(&passes, &w, randn, order, noise, dst);
        } else {
            fmpnn_original_noise(run, entry, noise);
            status = fmpnn_passes_log_probs(&passes, B, noise, copies, NULL, dst);
        }
    }
    if (!status)
        status = write(run, folder, entry, log_p);
    fmpnn_passes_clear(&passes);
    work_clear(&w);
    fmpnn_release(copies);
    fmpnn_release(order);
    fmpnn_release(randn);
    fmpnn_release(noise);
    fmpnn_release(log_p);
    return status;
}

fmpnn_status fmpnn_original_conditional(fmpnn_original *run, const fmpnn_entry *entry)
{
    fmpnn_original_print(run, "Calculating conditional probabilities for %s", entry->name);
    return probabilities(run, entry, true, "conditional_probs_only");
}

fmpnn_status fmpnn_original_unconditional(fmpnn_original *run, const fmpnn_entry *entry)
{
    fmpnn_original_print(run, "Calculating sequence unconditional probabilities for %s",
                         entry->name);
    return probabilities(run, entry, false, "unconditional_probs_only");
}
