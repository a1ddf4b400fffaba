/* Sampling. What the published program computes batch after batch is drawn batch after batch,
 * but computed several batches at a time: the random numbers do not depend on results. */
#include "compat/run.h"
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

/* What the files will hold. */
typedef struct results {
    fmpnn_text fasta;
    size_t count, total;   /* samples so far, and in all */
    float *score, *global; /* [total] */
    float *probs, *log_p;  /* [total][L][21] if probabilities are saved */
    int32_t *letters;      /* [total][L] likewise */
} results;

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
    if (run->options->save_probs)
        c->probs = fmpnn_alloc(c->copies * cells, sizeof *c->probs);
    c->request = fmpnn_alloc(c->copies, sizeof *c->request);
    return c->randn && c->noise_of_sampling && c->noise_of_scoring && c->order && c->rank &&
           c->exponential && c->letters && c->log_p && c->request &&
           (c->probs || !run->options->save_probs);
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

static bool results_init(results *r, const fmpnn_original *run, const fmpnn_entry *entry)
{
    size_t cells = entry->L * FMPNN_LETTERS;
    fmpnn_text_init(&r->fasta);
    r->total = run->temperatures * run->batches * run->batch;
    r->score = fmpnn_alloc(r->total, sizeof *r->score);
    r->global = fmpnn_alloc(r->total, sizeof *r->global);
    if (!run->options->save_probs)
        return r->score && r->global;
    r->probs = fmpnn_alloc(r->total, cells * sizeof *r->probs);
    r->log_p = fmpnn_alloc(r->total, cells * sizeof *r->log_p);
    r->letters = fmpnn_alloc(r->total, entry->L * sizeof *r->letters);
    return r->score && r->global && r->probs && r->log_p && r->letters;
}

static void results_clear(results *r)
{
    fmpnn_release(r->letters);
    fmpnn_release(r->log_p);
    fmpnn_release(r->probs);
    fmpnn_release(r->global);
    fmpnn_release(r->score);
    fmpnn_text_clear(&r->fasta);
}

/* ---- the native sequence ---- */

static double mean(size_t n, const float *value)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)value[k];
    return sum / (double)n;
}

static void add_native(const fmpnn_original *run, const fmpnn_entry *entry, double score,
                       double global, fmpnn_text *out)
{
    char text[2][48];
    fmpnn_original_format(score, text[0]);
    fmpnn_original_format(global, text[1]);
    fmpnn_text_print(out, ">%s, score=%s, global_score=%s, fixed_chains=", entry->name,
                     text[0], text[1]);
    fmpnn_original_chain_list(entry, false, out);
    fmpnn_text_print(out, ", designed_chains=");
    fmpnn_original_chain_list(entry, true, out);
    fmpnn_text_print(out, ", %s=%s, git_hash=unknown, seed=%lld\n",
                     run->options->ca_only ? "CA_model_name" : "model_name",
                     run->options->model_name, (long long)run->options->seed);
    fmpnn_original_sequence(entry, entry->inputs->native, "/", out);
    fmpnn_text_print(out, "\n");
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
        add_native(run, entry, mean(B, score), mean(B, global), fasta);
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

static float recovery(const fmpnn_entry *entry, const uint8_t *letters)
{
    size_t kept = 0, count = 0;
    for (size_t i = 0; i < entry->L; i++)
        if (entry->designed[i]) {
            kept += letters[i] == entry->inputs->native[i];
            count++;
        }
    return count ? (float)kept / (float)count : NAN;
}

static void add_sample(const fmpnn_entry *entry, double temperature, size_t number,
                       const uint8_t *letters, const float *log_p, results *r)
{
    char T[32], text[3][48];
    float score = fmpnn_passes_score(entry, entry->designed, letters, log_p);
    float global = fmpnn_passes_score(entry, entry->resolved, letters, log_p);
    r->score[r->count] = score;
    r->global[r->count] = global;
    fmpnn_format_double(temperature, T);
    fmpnn_original_format((double)score, text[0]);
    fmpnn_original_format((double)global, text[1]);
    fmpnn_original_format((double)recovery(entry, letters), text[2]);
    fmpnn_text_print(&r->fasta,
                     ">T=%s, sample=%zu, score=%s, global_score=%s, seq_recovery=%s\n", T,
                     number, text[0], text[1], text[2]);
    fmpnn_original_sequence(entry, letters, "/", &r->fasta);
    fmpnn_text_print(&r->fasta, "\n");
}

/* Untied, the distributions of what is not designed are left out; tied, they stay. */
static void keep_arrays(const fmpnn_entry *entry, const double *probs,
                        const uint8_t *letters, const float *log_p, results *r)
{
    size_t cells = entry->L * FMPNN_LETTERS;
    float *dst = r->probs + r->count * cells;
    for (size_t n = 0; n < cells; n++) {
        bool shown = entry->tied || entry->designed[n / FMPNN_LETTERS];
        dst[n] = shown ? (float)probs[n] : 0;
    }
    memcpy(r->log_p + r->count * cells, log_p, cells * sizeof *log_p);
    for (size_t i = 0; i < entry->L; i++)
        r->letters[r->count * entry->L + i] = letters[i];
}

static fmpnn_status design_temperature(fmpnn_passes *passes, chunk *c, double temperature,
                                       results *r)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    size_t L = entry->L, number = 0, most = c->batches;
    fmpnn_status status = FMPNN_OK;
    for (size_t done = 0; done < run->batches && !status; done += c->batches) {
        c->batches = run->batches - done < most ? run->batches - done : most;
        c->copies = c->batches * run->batch;
        for (size_t n = 0; n < c->batches && !status; n++)
            status = draw_batch(run, entry, c, n);
        if (!status)
            status = sample_chunk(passes, c, temperature);
        for (size_t b = 0; b < c->copies && !status; b++) {
            const uint8_t *letters = c->letters + b * L;
            const float *log_p = c->log_p + b * L * FMPNN_LETTERS;
            add_sample(entry, temperature, ++number, letters, log_p, r);
            if (c->probs)
                keep_arrays(entry, c->probs + b * L * FMPNN_LETTERS, letters, log_p, r);
            r->count++;
        }
    }
    c->batches = most;
    return status;
}

/* ---- files ---- */

static fmpnn_status write_probs(fmpnn_original *run, const fmpnn_entry *entry,
                                const results *r)
{
    size_t L = entry->L, B = run->batch;
    size_t tables[] = {r->total, L, FMPNN_LETTERS}, rows[] = {r->total, L};
    size_t masks[] = {B, L}, names[] = {B, entry->chains};
    float *mask = fmpnn_alloc(B * L, sizeof *mask);
    uint32_t *order = fmpnn_alloc(B * entry->chains, sizeof *order);
    fmpnn_npz *npz = fmpnn_npz_create();
    fmpnn_status status = FMPNN_OK;
    if (!mask || !order || !npz) {
        status = fmpnn_fail_memory(run->err, "writing probabilities");
        fmpnn_npz_free(npz);
        goto done;
    }
    for (size_t n = 0; n < B * L; n++)
        mask[n] = entry->design_mask[n % L];
    for (size_t n = 0; n < B * entry->chains; n++)
        order[n] = (unsigned char)entry->chain[n % entry->chains].name[0];
    fmpnn_npz_add(npz, "probs", 'f', 4, 3, tables, r->probs);
    fmpnn_npz_add(npz, "log_probs", 'f', 4, 3, tables, r->log_p);
    fmpnn_npz_add(npz, "S", 'i', 4, 2, rows, r->letters);
    fmpnn_npz_add(npz, "mask", 'f', 4, 2, masks, mask);
    fmpnn_npz_add(npz, "chain_order", 'U', 4, 2, names, order);
    status = fmpnn_original_write_npz(run, "probs", entry->name, ".npz", npz);
done:
    fmpnn_release(order);
    fmpnn_release(mask);
    return status;
}

static fmpnn_status write_results(fmpnn_original *run, const fmpnn_entry *entry,
                                  const results *r)
{
    fmpnn_status status = fmpnn_original_write(run, "seqs", entry->name, ".fa", &r->fasta);
    if (!status && run->options->save_score)
        status = fmpnn_original_write_scores(run, "scores", entry, "", r->total, r->score,
                                             r->global, NULL);
    if (!status && run->options->save_probs)
        status = write_probs(run, entry, r);
    return status;
}

fmpnn_status fmpnn_original_design(fmpnn_original *run, const fmpnn_entry *entry)
{
    chunk c = {0};
    results r = {0};
    fmpnn_passes passes;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    fmpnn_original_print(run, "Generating sequences for: %s", entry->name);
    fmpnn_passes_init(&passes, run, entry);
    fmpnn_status status = chunk_init(&c, run, entry) && results_init(&r, run, entry)
                              ? score_native(&passes, &r.fasta)
                              : fmpnn_fail_memory(run->err, "designing sequences");
    for (size_t t = 0; t < run->temperatures && !status; t++)
        status = design_temperature(&passes, &c, run->temperature[t], &r);
    if (!status)
        status = write_results(run, entry, &r);
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
    results_clear(&r);
    chunk_clear(&c);
    return status;
}
