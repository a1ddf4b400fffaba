/* What score.py does with one structure: log-probabilities of its own sequence, in random orders
 * or one residue at a time.
 *
 * One residue at a time the published program has its flag reversed: with use_sequence 1 the
 * residue is decoded before all others and sees no letter, with 0 it is decoded last and sees
 * them all. That is kept here. Before and last are weights of 0.0001, so a residue whose random
 * number is tiny may stand elsewhere: such rows get a pass of their own. */
#include "compat/ligand.h"
#include "compat/run.h"
#include "compat/structures.h"
#include "compat/torch_file.h"
#include "design/order.h"

#include <math.h>
#include <string.h>

typedef struct scores {
    size_t total;   /* copies */
    float *logits;  /* [total][L][21] */
    float *log_p, *probs; /* the same */
    float *randn;   /* [batch][L] */
    uint32_t *order, *rank; /* [batch][L] */
    int64_t *orders;        /* [total][L], autoregressive */
    float *single;          /* [total][L][L], one residue at a time */
    /* room for one copy */
    float *mask, *row;
    uint32_t *own_order, *own_rank;
    uint8_t *wanted;
} scores;

static bool scores_init(scores *s, const fmpnn_ligand_run *run, size_t L)
{
    size_t B = (size_t)run->options->batch_size, cells = L * FMPNN_LETTERS;
    s->total = B * (size_t)run->options->number_of_batches;
    s->logits = fmpnn_alloc(s->total, cells * sizeof *s->logits);
    s->log_p = fmpnn_alloc(s->total, cells * sizeof *s->log_p);
    s->probs = fmpnn_alloc(s->total, cells * sizeof *s->probs);
    s->randn = fmpnn_alloc(B * L, sizeof *s->randn);
    s->order = fmpnn_alloc(B * L, sizeof *s->order);
    s->rank = fmpnn_alloc(B * L, sizeof *s->rank);
    s->mask = fmpnn_alloc(L, sizeof *s->mask);
    s->row = fmpnn_alloc(cells, sizeof *s->row);
    s->own_order = fmpnn_alloc(L, sizeof *s->own_order);
    s->own_rank = fmpnn_alloc(L, sizeof *s->own_rank);
    s->wanted = fmpnn_alloc_zero(L, 1);
    if (run->options->autoregressive_score)
        s->orders = fmpnn_alloc(s->total * L, sizeof *s->orders);
    else
        s->single = fmpnn_alloc(s->total * L, L * sizeof *s->single);
    return s->logits && s->log_p && s->probs && s->randn && s->order && s->rank && s->mask &&
           s->row && s->own_order && s->own_rank && s->wanted && (s->orders || s->single);
}

static void scores_clear(scores *s)
{
    fmpnn_release(s->single);
    fmpnn_release(s->orders);
    fmpnn_release(s->wanted);
    fmpnn_release(s->own_rank);
    fmpnn_release(s->own_order);
    fmpnn_release(s->row);
    fmpnn_release(s->mask);
    fmpnn_release(s->rank);
    fmpnn_release(s->order);
    fmpnn_release(s->randn);
    fmpnn_release(s->probs);
    fmpnn_release(s->log_p);
    fmpnn_release(s->logits);
}

/* ---- random orders */

static fmpnn_status score_orders(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 fmpnn_encoding *encoding, scores *s, size_t first)
{
    size_t L = entry->L, B = (size_t)run->options->batch_size;
    uint8_t *letters = fmpnn_alloc(B, L);
    if (!letters)
        return fmpnn_fail_memory(run->err, "scoring");
    for (size_t b = 0; b < B; b++) {
        memcpy(letters + b * L, entry->inputs->native, L);
        fmpnn_order_rank(L, s->order + b * L, s->rank + b * L);
        for (size_t t = 0; t < L; t++)
            s->orders[(first + b) * L + t] = s->order[b * L + t];
    }
    fmpnn_status status = run->ctx->backend->logits(
        run->ctx, encoding, B, run->options->use_sequence ? letters : NULL, s->rank,
        s->logits + first * L * FMPNN_LETTERS, run->err);
    fmpnn_release(letters);
    return status;
}

/* ---- one residue at a time */

/* Row i in its own order, whose numbers are kept. */
static fmpnn_status score_odd(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                              fmpnn_encoding *encoding, scores *s, const float *randn, size_t i,
                              bool first, float *logits)
{
    fmpnn_original_rank_of(entry->L, randn, i, first ? 0 : 1, first ? 1 : 0, s->mask,
                           s->own_order, s->own_rank);
    fmpnn_status status =
        run->ctx->backend->logits(run->ctx, encoding, 1, entry->inputs->native, s->own_rank,
                                  s->row, run->err);
    if (!status)
        memcpy(logits + i * FMPNN_LETTERS, s->row + i * FMPNN_LETTERS,
               FMPNN_LETTERS * sizeof *logits);
    return status;
}

/* Does any residue stand where it should not, seen from i? Before it, if i is to be first; after
 * it, if i is to be last. */
static bool is_odd(const fmpnn_ligand_entry *entry, const float *randn, size_t i, bool first)
{
    const fmpnn_graph *graph = entry->graph;
    if (!first) {
        for (size_t j = 0; j < entry->L; j++)
            if (j != i && !fmpnn_original_before(randn, j, i, 1, 0))
                return true;
        return false;
    }
    for (size_t k = 0; k < graph->K; k++) {
        size_t j = graph->neighbour[i * graph->K + k];
        if (j != i && fmpnn_original_before(randn, j, i, 0, 1))
            return true;
    }
    return false;
}

static void keep_orders(const fmpnn_ligand_entry *entry, scores *s, const float *randn,
                        bool first, float *dst)
{
    size_t L = entry->L;
    for (size_t i = 0; i < L; i++) {
        fmpnn_original_rank_of(L, randn, i, first ? 0 : 1, first ? 1 : 0, s->mask,
                               s->own_order, s->own_rank);
        for (size_t t = 0; t < L; t++)
            dst[i * L + t] = (float)s->own_order[t];
    }
}

static fmpnn_status score_singly(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 fmpnn_encoding *encoding, scores *s, const float *randn,
                                 size_t copy)
{
    const fmpnn_backend *backend = run->ctx->backend;
    size_t L = entry->L;
    float *logits = s->logits + copy * L * FMPNN_LETTERS;
    bool first = run->options->use_sequence != 0; /* reversed, as published */
    fmpnn_status status = backend->logits(run->ctx, encoding, 1, entry->inputs->native, NULL,
                                          logits, run->err);
    for (size_t i = 0; i < L; i++)
        s->wanted[i] = entry->resolved[i] && !is_odd(entry, randn, i, first);
    if (!first && !status) {
        memset(s->mask, 0, L * sizeof *s->mask);
        fmpnn_order_original(L, randn, s->mask, s->own_order);
        fmpnn_order_rank(L, s->own_order, s->own_rank);
        status = backend->conditional(run->ctx, encoding, entry->inputs->native, s->own_rank,
                                      s->wanted, logits, run->err);
    }
    for (size_t i = 0; i < L && !status; i++)
        if (entry->resolved[i] && !s->wanted[i])
            status = score_odd(run, entry, encoding, s, randn, i, first, logits);
    keep_orders(entry, s, randn, first, s->single + copy * L * L);
    return status;
}

/* ---- the file */

/* Mean and standard deviation of the probabilities over all copies. */
static void summarise(const scores *s, size_t cells, float *mean, float *deviation)
{
    for (size_t n = 0; n < cells; n++) {
        double sum = 0, squares = 0;
        for (size_t c = 0; c < s->total; c++)
            sum += (double)s->probs[c * cells + n];
        sum /= (double)s->total;
        for (size_t c = 0; c < s->total; c++) {
            double difference = (double)s->probs[c * cells + n] - sum;
            squares += difference * difference;
        }
        mean[n] = (float)sum;
        deviation[n] = (float)sqrt(squares / (double)s->total);
    }
}

static fmpnn_status write_scores(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                 const scores *s)
{
    size_t L = entry->L, tables[] = {s->total, L, FMPNN_LETTERS}, squares[] = {s->total, L, L};
    const char *ending = run->options->file_ending ? run->options->file_ending : "";
    const char **names = fmpnn_alloc(L, sizeof *names);
    int32_t *numbers = fmpnn_alloc(3 * L, sizeof *numbers);
    int64_t *wide = fmpnn_alloc(L, sizeof *wide);
    char *letters = fmpnn_alloc_zero(L + 1, 1);
    float *mean = fmpnn_alloc(2 * L, FMPNN_LETTERS * sizeof *mean);
    fmpnn_torch_file *file = fmpnn_torch_file_create();
    fmpnn_text text, name;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&text);
    fmpnn_text_init(&name);
    if (!names || !numbers || !wide || !letters || !mean || !file) {
        status = fmpnn_fail_memory(run->err, "writing scores");
        goto done;
    }
    for (size_t i = 0; i < L; i++) {
        names[i] = entry->names.text[i];
        numbers[i] = entry->inputs->native[i];
        numbers[L + i] = entry->resolved[i];
        numbers[2 * L + i] = entry->unfixed[i];
        wide[i] = entry->unfixed[i];
        letters[i] = fmpnn_alphabet()[entry->inputs->native[i]];
    }
    summarise(s, L * FMPNN_LETTERS, mean, mean + L * FMPNN_LETTERS);
    fmpnn_torch_file_array(file, "logits", FMPNN_TORCH_F32, 3, tables, s->logits);
    fmpnn_torch_file_array(file, "probs", FMPNN_TORCH_F32, 3, tables, s->probs);
    fmpnn_torch_file_array(file, "log_probs", FMPNN_TORCH_F32, 3, tables, s->log_p);
    if (s->orders)
        fmpnn_torch_file_array(file, "decoding_order", FMPNN_TORCH_I64, 2, tables, s->orders);
    else
        fmpnn_torch_file_array(file, "decoding_order", FMPNN_TORCH_F32, 3, squares, s->single);
    fmpnn_torch_file_array(file, "native_sequence", FMPNN_TORCH_I32, 1, &L, numbers);
    fmpnn_torch_file_array(file, "mask", FMPNN_TORCH_I32, 1, &L, numbers + L);
    fmpnn_torch_file_array(file, "chain_mask",
                           entry->wide_mask ? FMPNN_TORCH_I64 : FMPNN_TORCH_I32, 1, &L,
                           entry->wide_mask ? (const void *)wide : numbers + 2 * L);
    fmpnn_torch_file_integer(file, "seed", run->options->seed);
    fmpnn_torch_file_letters(file, "alphabet", fmpnn_alphabet());
    fmpnn_torch_file_names(file, "residue_names", L, names);
    fmpnn_torch_file_letters(file, "sequence", letters);
    fmpnn_torch_file_table(file, "mean_of_probs", L, names, fmpnn_alphabet(), mean);
    fmpnn_torch_file_table(file, "std_of_probs", L, names, fmpnn_alphabet(),
                           mean + L * FMPNN_LETTERS);
    fmpnn_text_print(&name, "%s%s", entry->name, ending);
    status = name.failed ? fmpnn_fail_memory(run->err, "writing scores")
                         : fmpnn_torch_file_finish(file, name.data, &text, run->err);
    fmpnn_text_print(&name, ".pt");
    if (!status)
        status = name.failed ? fmpnn_fail_memory(run->err, "writing scores")
                             : fmpnn_ligand_write(run, "", name.data, &text);
done:
    fmpnn_text_clear(&name);
    fmpnn_text_clear(&text);
    fmpnn_torch_file_free(file);
    fmpnn_release(mean);
    fmpnn_release(letters);
    fmpnn_release(wide);
    fmpnn_release(numbers);
    fmpnn_release(names);
    return status;
}

fmpnn_status fmpnn_ligand_score_check(const fmpnn_ligand_run *run,
                                      const fmpnn_ligand_entry *entry)
{
    double rows = (double)run->options->batch_size *
                  (double)run->options->number_of_batches * (double)entry->L;
    size_t width[2] = {FMPNN_LETTERS, run->options->autoregressive_score ? 1 : entry->L};
    static const char *const name[2] = {"logits", "decoding_order"};
    fmpnn_status status = FMPNN_OK;
    for (int n = 0; n < 2 && !status; n++) {
        const double most = (double)(SIZE_MAX / 8), cells = rows * (double)width[n];
        size_t count = (size_t)(cells < most ? cells : most);
        status =
            fmpnn_torch_array_check(entry->name, name[n], FMPNN_TORCH_F32, count, run->err);
    }
    return status;
}

fmpnn_status fmpnn_ligand_score(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry)
{
    size_t L = entry->L, B = (size_t)run->options->batch_size;
    size_t batches = (size_t)run->options->number_of_batches, cells;
    scores s = {0};
    fmpnn_encoding *encoding = NULL;
    fmpnn_status status = scores_init(&s, run, L)
                              ? fmpnn_ligand_encode(run, entry, &encoding)
                              : fmpnn_fail_memory(run->err, "scoring");
    for (size_t n = 0; n < batches && !status; n++) {
        status = fmpnn_ligand_orders(run, entry, s.randn, s.order);
        if (!status && s.orders)
            status = score_orders(run, entry, encoding, &s, n * B);
        for (size_t b = 0; b < B && !status && s.single; b++)
            status = score_singly(run, entry, encoding, &s, s.randn + b * L, n * B + b);
    }
    cells = s.total * L * FMPNN_LETTERS;
    if (!status) {
        memcpy(s.log_p, s.logits, cells * sizeof *s.log_p);
        fmpnn_log_softmax_rows(s.total * L, s.log_p);
        for (size_t n = 0; n < cells; n++)
            s.probs[n] = expf(s.log_p[n]);
        status = write_scores(run, entry, &s);
    }
    if (encoding)
        run->ctx->backend->encoding_free(encoding);
    scores_clear(&s);
    return status;
}
