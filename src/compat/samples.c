#include "compat/samples.h"

#include <math.h>
#include <string.h>

bool fmpnn_original_samples_init(fmpnn_original_samples *r, const fmpnn_original *run,
                                 const fmpnn_entry *entry)
{
    size_t cells = entry->L * FMPNN_LETTERS;
    bool good;
    fmpnn_text_init(&r->fasta);
    r->total = run->temperatures * run->batches * run->batch;
    r->score = fmpnn_alloc(r->total, sizeof *r->score);
    r->global = fmpnn_alloc(r->total, sizeof *r->global);
    good = r->score && r->global;
    if (run->options->save_probs) {
        r->probs = fmpnn_alloc(r->total, cells * sizeof *r->probs);
        r->log_p = fmpnn_alloc(r->total, cells * sizeof *r->log_p);
        r->letters = fmpnn_alloc(r->total, entry->L * sizeof *r->letters);
        good = good && r->probs && r->log_p && r->letters;
    }
    if (run->options->save_draws) {
        r->race = fmpnn_alloc_zero(r->total, cells * sizeof *r->race);
        r->order = fmpnn_alloc(r->total, entry->L * sizeof *r->order);
        good = good && r->race && r->order;
    }
    return good;
}

void fmpnn_original_samples_clear(fmpnn_original_samples *r)
{
    fmpnn_release(r->order);
    fmpnn_release(r->race);
    fmpnn_release(r->letters);
    fmpnn_release(r->log_p);
    fmpnn_release(r->probs);
    fmpnn_release(r->global);
    fmpnn_release(r->score);
    fmpnn_text_clear(&r->fasta);
}

/* ---- records ---- */

void fmpnn_original_samples_native(const fmpnn_original *run, const fmpnn_entry *entry,
                                   double score, double global, fmpnn_text *out)
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

static void add_record(const fmpnn_entry *entry, double temperature, size_t number,
                       const uint8_t *letters, const float *log_p,
                       fmpnn_original_samples *r)
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

/* ---- arrays ---- */

/* Untied, the distributions of what is not designed are left out; tied, they stay. */
static void keep_arrays(const fmpnn_entry *entry, const double *probs,
                        const uint8_t *letters, const float *log_p,
                        fmpnn_original_samples *r)
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

/* How close each draw was: quotients p/q over the largest of them. A letter of nearly 1 would
 * have won with slightly other probabilities. */
static void keep_draws(const fmpnn_entry *entry, const fmpnn_draw_request *draw,
                       fmpnn_original_samples *r)
{
    size_t L = entry->L;
    float *race = r->race + r->count * L * FMPNN_LETTERS;
    for (size_t i = 0; i < L; i++) {
        const double *p = draw->probs + i * FMPNN_LETTERS;
        const double *q =
            draw->exponential +
            entry->member[entry->start[entry->group_of[i]]] * (size_t)FMPNN_LETTERS;
        double best = 0;
        r->order[r->count * L + i] = (int32_t)draw->order[i];
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            best = p[a] > 0 && p[a] / q[a] > best ? p[a] / q[a] : best;
        for (size_t a = 0; a < FMPNN_LETTERS && best > 0; a++)
            race[i * FMPNN_LETTERS + a] = p[a] > 0 ? (float)(p[a] / q[a] / best) : 0;
    }
}

void fmpnn_original_samples_add(fmpnn_original_samples *r, const fmpnn_entry *entry,
                                double temperature, size_t number,
                                const fmpnn_draw_request *draw)
{
    add_record(entry, temperature, number, draw->letters, draw->logits, r);
    if (r->probs)
        keep_arrays(entry, draw->probs, draw->letters, draw->logits, r);
    if (r->race)
        keep_draws(entry, draw, r);
    r->count++;
}

/* ---- files ---- */

static fmpnn_status write_probs(fmpnn_original *run, const fmpnn_entry *entry,
                                const fmpnn_original_samples *r)
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

static fmpnn_status write_draws(fmpnn_original *run, const fmpnn_entry *entry,
                                const fmpnn_original_samples *r)
{
    size_t tables[] = {r->total, entry->L, FMPNN_LETTERS};
    fmpnn_npz *npz = fmpnn_npz_create();
    if (!npz)
        return fmpnn_fail_memory(run->err, "writing draws");
    fmpnn_npz_add(npz, "order", 'i', 4, 2, tables, r->order);
    fmpnn_npz_add(npz, "race", 'f', 4, 3, tables, r->race);
    return fmpnn_original_write_npz(run, "draws", entry->name, ".npz", npz);
}

fmpnn_status fmpnn_original_samples_write(fmpnn_original *run, const fmpnn_entry *entry,
                                          const fmpnn_original_samples *r)
{
    fmpnn_status status = fmpnn_original_write(run, "seqs", entry->name, ".fa", &r->fasta);
    if (!status && run->options->save_score)
        status = fmpnn_original_write_scores(run, "scores", entry, "", r->total, r->score,
                                             r->global, NULL);
    if (!status && run->options->save_probs)
        status = write_probs(run, entry, r);
    if (!status && run->options->save_draws)
        status = write_draws(run, entry, r);
    return status;
}
