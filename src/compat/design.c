/* Sampling. What the published program computes batch after batch is drawn batch after batch,
 * but computed several batches at a time: the random numbers do not depend on results. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "compat/samples.h"
#include "design/order.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { CHUNK_RESIDUES = 1 << 14 }; /* copies times residues computed at a time */

/* Some batches of one temperature. */
typedef struct chunk {
    size_t batches, copies;
    float *randn;                                /* [batch][L] of one batch */
    float *noise_of_sampling, *noise_of_scoring; /* [copies][L][3 or 12] */
    uint32_t *order, *rank;                      /* [copies][L] */
    double *exponential;                         /* [copies][L][21] */
    uint8_t *letters;                            /* [copies][L] */
    float *log_p;                                /* [copies][L][21] */
    double *probs;                               /* [copies][L][21], or NULL */
    fmpnn_draw_request *request;                 /* [copies] */
} chunk;

static bool chunk_init(chunk *c, const fmpnn_original *run, const fmpnn_entry *entry)
{
    size_t one = entry->L * run->batch, cells = entry->L * FMPNN_LETTERS;
    c->batches = CHUNK_RESIDUES / one + 1;
    if (c->batches > run->batches)
        c->batches = run->batches;
    c->copies = c->batches * run->batch;
    size_t noise = fmpnn_original_noise_size(run, entry);
    c->randn = fmpnn_alloc(one, sizeof *c->randn);
    c->noise_of_sampling = fmpnn_alloc(c->copies * noise + 1, sizeof *c->noise_of_sampling);
    c->noise_of_scoring = fmpnn_alloc(c->copies * noise + 1, sizeof *c->noise_of_scoring);
    c->order = fmpnn_alloc(c->copies * entry->L, sizeof *c->order);
    c->rank = fmpnn_alloc(c->copies * entry->L, sizeof *c->rank);
    c->exponential = fmpnn_alloc_zero(c->copies * cells, sizeof *c->exponential);
    c->letters = fmpnn_alloc(c->copies * entry->L, 1);
    c->log_p = fmpnn_alloc(c->copies * cells, sizeof *c->log_p);
    if (run->options->save_probs || run->options->save_draws)
        c->probs = fmpnn_alloc(c->copies * cells, sizeof *c->probs);
    c->request = fmpnn_alloc(c->copies, sizeof *c->request);
    return c->randn && c->noise_of_sampling && c->noise_of_scoring && c->order && c->rank &&
           c->exponential && c->letters && c->log_p && c->request &&
           (c->probs || !(run->options->save_probs || run->options->save_draws));
}

static void chunk_clear(chunk *c)
{
    fmpnn_release(c->request);
    fmpnn_release(c->probs);
    fmpnn_release(c->log_p);
    fmpnn_release(c->letters);
    fmpnn_release(c->exponential);
    fmpnn_release(c->rank);
    fmpnn_release(c->order);
    fmpnn_release(c->noise_of_scoring);
    fmpnn_release(c->noise_of_sampling);
    fmpnn_release(c->randn);
}

/* ---- the native sequence ---- */

static double mean(size_t n, const float *value)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)value[k];
    return sum / (double)n;
}

/* One order and one score a copy; reported is their mean. */
static fmpnn_status score_native(fmpnn_passes *passes, fmpnn_text *fasta)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    size_t B = run->batch;
    float *score = fmpnn_alloc(B, sizeof *score), *global = fmpnn_alloc(B, sizeof *global);
    fmpnn_status status =
        score && global
            ? fmpnn_original_score_batch(passes, entry->inputs->native, score, global)
            : fmpnn_fail_memory(run->err, "scoring");
    if (!status)
        fmpnn_original_samples_native(run, entry, mean(B, score), mean(B, global), fasta);
    fmpnn_release(global);
    fmpnn_release(score);
    return status;
}

/* ---- samples ---- */

static fmpnn_status draw_batch(fmpnn_original *run, const fmpnn_entry *entry, chunk *c,
                               size_t n)
{
    size_t first = n * run->batch, L = entry->L;
    size_t noise = fmpnn_original_noise_size(run, entry);
    uint32_t *order = c->order + first * L;
    fmpnn_status status = FMPNN_OK;
    fmpnn_original_orders(run, entry, c->randn, order);
    if (entry->tied)
        status = fmpnn_original_tie(run, entry, order);
    fmpnn_original_noise(run, entry, c->noise_of_sampling + first * noise);
    fmpnn_original_draws(run, entry, order, c->exponential + first * L * FMPNN_LETTERS);
    fmpnn_original_noise(run, entry, c->noise_of_scoring + first * noise);
    return status;
}

static fmpnn_status sample_chunk(fmpnn_passes *passes, chunk *c, double temperature)
{
    size_t L = passes->entry->L, cells = L * FMPNN_LETTERS;
    for (size_t b = 0; b < c->copies; b++) {
        c->request[b] =
            (fmpnn_draw_request){.order = c->order + b * L,
                                 .exponential = c->exponential + b * cells,
                                 .temperature = temperature,
                                 .letters = c->letters + b * L,
                                 .logits = c->log_p + b * cells,
                                 .probs = c->probs ? c->probs + b * cells : NULL};
        fmpnn_order_rank(L, c->order + b * L, c->rank + b * L);
    }
    fmpnn_status status =
        fmpnn_passes_sample(passes, c->copies, c->noise_of_sampling, c->request);
    if (!status)
        status = fmpnn_passes_log_probs(passes, c->copies, c->noise_of_scoring, c->letters,
                                        c->rank, c->log_p);
    return status;
}

static fmpnn_status design_temperature(fmpnn_passes *passes, chunk *c, double temperature,
                                       fmpnn_original_samples *r)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    size_t number = 0, most = c->batches;
    fmpnn_status status = FMPNN_OK;
    for (size_t done = 0; done < run->batches && !status; done += c->batches) {
        c->batches = run->batches - done < most ? run->batches - done : most;
        c->copies = c->batches * run->batch;
        for (size_t n = 0; n < c->batches && !status; n++)
            status = draw_batch(run, entry, c, n);
        if (!status)
            status = sample_chunk(passes, c, temperature);
        for (size_t b = 0; b < c->copies && !status; b++)
            fmpnn_original_samples_add(r, entry, temperature, ++number, &c->request[b]);
    }
    c->batches = most;
    return status;
}

fmpnn_status fmpnn_original_design(fmpnn_original *run, const fmpnn_entry *entry)
{
    chunk c = {0};
    fmpnn_original_samples r = {0};
    fmpnn_passes passes;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    fmpnn_original_print(run, "Generating sequences for: %s", entry->name);
    fmpnn_passes_init(&passes, run, entry);
    fmpnn_status status =
        chunk_init(&c, run, entry) && fmpnn_original_samples_init(&r, run, entry)
            ? score_native(&passes, &r.fasta)
            : fmpnn_fail_memory(run->err, "designing sequences");
    for (size_t t = 0; t < run->temperatures && !status; t++)
        status = design_temperature(&passes, &c, run->temperature[t], &r);
    if (!status)
        status = fmpnn_original_samples_write(run, entry, &r);
    if (!status) {
        char text[32];
        clock_gettime(CLOCK_MONOTONIC, &end);
        double seconds = (double)(end.tv_sec - begin.tv_sec) +
                         (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
        fmpnn_format_double(round(seconds * 1e4) / 1e4, text);
        fmpnn_original_print(run, "%zu sequences of length %zu generated in %s seconds",
                             r.total, entry->L, text);
    }
    fmpnn_passes_clear(&passes);
    fmpnn_original_samples_clear(&r);
    chunk_clear(&c);
    return status;
}
