/* Scoring given sequences: the structure's own and those of a FASTA file. */
#include "compat/run.h"
#include "design/order.h"

#include <math.h>
#include <string.h>

fmpnn_status fmpnn_original_score_batch(fmpnn_passes *passes, const uint8_t *letters,
                                        float *score, float *global)
{
    fmpnn_original *run = passes->run;
    const fmpnn_entry *entry = passes->entry;
    size_t L = entry->L, B = run->batch;
    size_t noise_size = B * fmpnn_original_noise_size(run, entry) + 1;
    float *randn = fmpnn_alloc(B * L, sizeof *randn);
    float *noise = fmpnn_alloc(noise_size, sizeof *noise);
    float *log_p = fmpnn_alloc(B * L, FMPNN_LETTERS * sizeof *log_p);
    uint32_t *order = fmpnn_alloc(B * L, sizeof *order);
    uint32_t *rank = fmpnn_alloc(B * L, sizeof *rank);
    uint8_t *copies = fmpnn_alloc(B, L);
    fmpnn_status status = FMPNN_OK;
    if (!randn || !noise || !log_p || !order || !rank || !copies) {
        status = fmpnn_fail_memory(run->err, "scoring");
        goto done;
    }
    fmpnn_original_orders(run, entry, randn, order);
    fmpnn_original_noise(run, entry, noise);
    for (size_t b = 0; b < B; b++) {
        fmpnn_order_rank(L, order + b * L, rank + b * L);
        memcpy(copies + b * L, letters, L);
    }
    status = fmpnn_passes_log_probs(passes, B, noise, copies, rank, log_p);
    for (size_t b = 0; b < B && !status; b++) {
        const float *own = log_p + b * L * FMPNN_LETTERS;
        score[b] = fmpnn_passes_score(entry, entry->designed, letters, own);
        global[b] = fmpnn_passes_score(entry, entry->resolved, letters, own);
    }
done:
    fmpnn_release(copies);
    fmpnn_release(rank);
    fmpnn_release(order);
    fmpnn_release(log_p);
    fmpnn_release(noise);
    fmpnn_release(randn);
    return status;
}

fmpnn_status fmpnn_original_write_scores(fmpnn_original *run, const char *folder,
                                         const fmpnn_entry *entry, const char *suffix,
                                         size_t count, const float *score,
                                         const float *global, const uint8_t *letters)
{
    char end[64];
    fmpnn_text sequence;
    fmpnn_status status = FMPNN_OK;
    int64_t *codes = letters ? fmpnn_alloc(entry->L, sizeof *codes) : NULL;
    fmpnn_npz *npz = fmpnn_npz_create();
    fmpnn_text_init(&sequence);
    snprintf(end, sizeof end, "%s.npz", suffix);
    if (letters)
        fmpnn_original_sequence(entry, letters, "", &sequence);
    if (!npz || (letters && !codes) || sequence.failed) {
        status = fmpnn_fail_memory(run->err, "writing scores");
        fmpnn_npz_free(npz);
        goto done;
    }
    fmpnn_npz_add(npz, "score", 'f', 4, 1, &count, score);
    fmpnn_npz_add(npz, "global_score", 'f', 4, 1, &count, global);
    if (letters) {
        const char *text = sequence.data ? sequence.data : "";
        for (size_t i = 0; i < entry->L; i++)
            codes[i] = letters[i];
        fmpnn_npz_add(npz, "S", 'i', 8, 1, &entry->L, codes);
        fmpnn_npz_add_texts(npz, "seq_str", 0, 1, &text);
    }
    status = fmpnn_original_write_npz(run, folder, entry->name, end, npz);
done:
    fmpnn_text_clear(&sequence);
    fmpnn_release(codes);
    return status;
}

/* Mean and standard deviation as printed. */
static void summary(size_t n, const float *value, char mean_text[48], char spread_text[48])
{
    double mean = 0, squares = 0;
    for (size_t k = 0; k < n; k++)
        mean += (double)value[k] / (double)n;
    for (size_t k = 0; k < n; k++)
        squares += ((double)value[k] - mean) * ((double)value[k] - mean) / (double)n;
    fmpnn_original_format(mean, mean_text);
    fmpnn_original_format(sqrt(squares), spread_text);
}

/* Sequence number n: 0 the structure's, from 1 those of the FASTA file. */
static fmpnn_status score_one(fmpnn_passes *passes, size_t n, const uint8_t *letters,
                              float *score, float *global)
{
    fmpnn_original *run = passes->run;
    size_t count = run->batches * run->batch;
    char suffix[64], text[4][48], number[32] = "";
    fmpnn_status status = FMPNN_OK;
    for (size_t j = 0; j < run->batches && !status; j++)
        status = fmpnn_original_score_batch(passes, letters, score + j * run->batch,
                                            global + j * run->batch);
    if (status)
        return status;
    if (n) {
        snprintf(suffix, sizeof suffix, "_fasta_%zu", n);
        snprintf(number, sizeof number, "_%zu", n);
    } else {
        snprintf(suffix, sizeof suffix, "_pdb");
    }
    status = fmpnn_original_write_scores(run, "score_only", passes->entry, suffix, count,
                                         score, global, letters);
    summary(count, score, text[0], text[1]);
    summary(count, global, text[2], text[3]);
    if (!status)
        fmpnn_original_print(
            run,
            "Score for %s%s from %s, mean: %s, std: %s, sample size: %zu,  "
            "global score, mean: %s, std: %s, sample size: %zu",
            passes->entry->name, number, n ? "FASTA" : "PDB", text[0], text[1], count,
            text[2], text[3], count);
    return status;
}

fmpnn_status fmpnn_original_score(fmpnn_original *run, const fmpnn_entry *entry)
{
    size_t count = run->batches * run->batch;
    float *score = fmpnn_alloc(count, sizeof *score);
    float *global = fmpnn_alloc(count, sizeof *global);
    uint8_t *letters = fmpnn_alloc(entry->L, 1);
    fmpnn_passes passes;
    fmpnn_status status = FMPNN_OK;
    fmpnn_passes_init(&passes, run, entry);
    if (!score || !global || !letters)
        status = fmpnn_fail_memory(run->err, "scoring");
    else
        memcpy(letters, entry->inputs->native, entry->L);
    for (size_t n = 0; n <= run->fastas && !status; n++) {
        if (n && run->fasta[n - 1].length) /* a short one leaves the rest as it was */
            memcpy(letters, run->fasta[n - 1].letters, run->fasta[n - 1].length);
        status = score_one(&passes, n, letters, score, global);
    }
    fmpnn_passes_clear(&passes);
    fmpnn_release(letters);
    fmpnn_release(global);
    fmpnn_release(score);
    return status;
}
