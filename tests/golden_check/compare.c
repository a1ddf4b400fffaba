/* Results of a path against the tensors of a case. A NaN on either side never passes. */
#include "golden.h"

#include "reference/reference.h"

#include <math.h>
#include <string.h>

typedef struct comparison {
    golden_case *c;
    golden_report *report;
    golden_grade grade;
} comparison;

/* ---- neighbours ---- */

static const fmpnn_array *stored_neighbours(golden_case *c, golden_report *report,
                                            bool wide)
{
    const fmpnn_array *narrow = golden_tensor(report, "E_idx", 2, c->L, c->K);
    const fmpnn_array *exact = golden_tensor(report, "f64.E_idx", 2, c->L, c->K);
    return wide && exact ? exact : narrow;
}

/* The stored row of residue i, if it names K different residues. */
static bool stored_row(golden_case *c, const fmpnn_array *stored, size_t i, uint32_t *row,
                       uint8_t *met)
{
    bool good = true;
    memset(met, 0, c->L);
    for (size_t m = 0; m < c->K; m++) {
        double j = golden_value(stored, i * c->K + m);
        good = good && j >= 0 && j < (double)c->L && !met[(size_t)j]++;
        row[m] = good ? (uint32_t)j : 0;
    }
    return good;
}

const uint32_t *golden_neighbours(golden_case *c, golden_report *report,
                                  const uint32_t *own, bool wide)
{
    size_t edges = c->L * c->K, swapped = 0, wrong = 0;
    const fmpnn_array *stored = stored_neighbours(c, report, wide);
    if (!stored)
        return own;
    uint32_t *use = golden_alloc(&c->arena, edges, sizeof *use);
    uint8_t *met = golden_alloc(&c->arena, c->L, 1);
    double *far_own = golden_alloc(&c->arena, edges, sizeof *far_own);
    double *far_use = golden_alloc(&c->arena, edges, sizeof *far_use);
    for (size_t i = 0; i < c->L; i++)
        if (!stored_row(c, stored, i, use + i * c->K, met)) {
            golden_problem(report, "E_idx: the stored row %zu is no list of neighbours", i);
            return own;
        }
    fmpnn_reference64_distances(c->graph, own, far_own);
    fmpnn_reference64_distances(c->graph, use, far_use);
    for (size_t n = 0; n < edges; n++) {
        if (!c->resolved[n /
                         c->K]) { /* all distances are 0: any order, and nothing reads it */
            use[n] = own[n];
            continue;
        }
        if (use[n] == own[n])
            continue;
        swapped++;
        if (!(fabs(far_own[n] - far_use[n]) < 1e-5) && !wrong++)
            golden_problem(report, "E_idx[%zu][%zu]: stored %u at %.6f, here %u at %.6f",
                           n / c->K, n % c->K, (unsigned)use[n], far_use[n],
                           (unsigned)own[n], far_own[n]);
    }
    fmpnn_text_print(&report->tensors, " E_idx=%zu/0", wrong);
    if (swapped)
        fmpnn_text_print(&report->tensors, " (%zu swapped)", swapped - wrong);
    return wrong ? own : use;
}

/* ---- numbers ---- */

/* Largest difference of `stored` from `mine`, leaving out rows of `width` marked to skip. */
static void compare_array(comparison *k, const char *name, const char *base,
                          const fmpnn_array *stored, const double *mine,
                          const uint8_t *skip_row, size_t width, bool wide)
{
    double limit = golden_limit(k->c, k->grade, base, wide), largest = 0;
    size_t bad = 0, first = 0;
    for (size_t n = 0; n < stored->count; n++) {
        if (skip_row && skip_row[n / width])
            continue;
        double difference = fabs(mine[n] - golden_value(stored, n));
        if (!(difference <= largest) && !isnan(largest))
            largest = difference;
        if (!(difference <= limit) && !bad++)
            first = n;
    }
    fmpnn_text_print(&k->report->tensors, " %s=%.2g/%.2g", name, largest, limit);
    if (bad && !(k->report->approximate && !isnan(largest)))
        golden_problem(k->report,
                       "%s[%zu]: stored %.9g, here %.9g, limit %.2g; %zu beyond it", name,
                       first, golden_value(stored, first), mine[first], limit, bad);
}

/* NAME and f64.NAME, both where both are there. mine == NULL: this path has none of it. */
static void compare_rows(comparison *k, const char *name, const double *mine,
                         const uint8_t *skip_row, size_t rank, size_t a, size_t b, size_t d)
{
    char wide[96];
    snprintf(wide, sizeof wide, "f64.%s", name);
    if (!mine) {
        golden_skip(k->report, name);
        golden_skip(k->report, wide);
        return;
    }
    const fmpnn_array *stored = golden_tensor(k->report, name, rank, a, b, d);
    if (stored)
        compare_array(k, name, name, stored, mine, skip_row, stored->count / (a ? a : 1),
                      false);
    stored = golden_tensor(k->report, wide, rank, a, b, d);
    if (stored)
        compare_array(k, wide, name, stored, mine, skip_row, stored->count / (a ? a : 1),
                      true);
}

static void compare_plain(comparison *k, const char *name, const double *mine, size_t rank,
                          size_t a, size_t b)
{
    compare_rows(k, name, mine, NULL, rank, a, b, 0);
}

/* ---- scores ---- */

/* Mean of -ln p of the letters where `chosen`; NaN if nowhere. */
static double mean_score(const golden_case *c, const double *log_probs,
                         const uint8_t *letters, const uint8_t *chosen)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < c->L; i++)
        if (chosen[i]) {
            sum -= log_probs[i * FMPNN_LETTERS + letters[i]];
            count++;
        }
    return sum / count;
}

/* A number of the manifest itself. */
static void compare_manifest(comparison *k, const char *key, double mine)
{
    const json_t *stored = json_object_get(k->c->entry, key);
    if (stored && !(fabs(json_number_value(stored) - mine) <= 1e-5) &&
        !k->report->approximate)
        golden_problem(k->report, "%s: the manifest has %.9g, here %.9g", key,
                       json_number_value(stored), mine);
}

static void compare_sequence(comparison *k, const char *label, const uint8_t *letters)
{
    const json_t *sequences = json_object_get(k->c->entry, "sequences");
    const char *text = json_string_value(json_object_get(sequences, label));
    bool same = text && strlen(text) == k->c->L;
    for (size_t i = 0; same && i < k->c->L; i++)
        same = text[i] == fmpnn_alphabet()[letters[i]];
    if (!same && !k->report->approximate) /* near-ties flip in reduced precision */
        golden_problem(k->report, "sequences: the manifest has another one for %s", label);
}

static void compare_scores(comparison *k, const double *log_probs)
{
    golden_case *c = k->c;
    const uint8_t *native = c->inputs->native;
    double *each = golden_alloc(&c->arena, c->L, sizeof *each);
    for (size_t i = 0; i < c->L; i++)
        each[i] = -log_probs[i * FMPNN_LETTERS + native[i]];
    double score = mean_score(c, log_probs, native, c->designed);
    double global_score = mean_score(c, log_probs, native, c->resolved);
    compare_plain(k, "residue_score", each, 1, c->L, 0);
    compare_plain(k, "score", &score, 1, 1, 0);
    compare_plain(k, "global_score", &global_score, 1, 1, 0);
    compare_manifest(k, "score", score);
    compare_manifest(k, "global_score", global_score);
}

/* ---- samples ---- */

static void compare_letters(comparison *k, const char *name, const uint8_t *letters)
{
    const fmpnn_array *stored = golden_tensor(k->report, name, 1, k->c->L);
    size_t differ = 0, first = 0;
    if (!stored) {
        golden_problem(k->report, "%s: missing", name);
        return;
    }
    for (size_t i = 0; i < k->c->L; i++)
        if (golden_value(stored, i) != (double)letters[i] && !differ++)
            first = i;
    fmpnn_text_print(&k->report->tensors, " %s=%zu/0", name, differ);
    if (differ && !k->report->approximate)
        golden_problem(k->report, "%s[%zu]: stored %g, here %u; %zu letters differ", name,
                       first, golden_value(stored, first), (unsigned)letters[first],
                       differ);
}

static double recovery(const golden_case *c, const uint8_t *letters)
{
    double kept = 0, count = 0;
    for (size_t i = 0; i < c->L; i++) {
        kept += c->designed[i] && letters[i] == c->inputs->native[i];
        count += c->designed[i];
    }
    return kept / count;
}

static void compare_sample(comparison *k, const golden_label *label, const golden_sample *s)
{
    golden_case *c = k->c;
    char name[96];
#define NAMED(what) (snprintf(name, sizeof name, "sample_%s_" what, label->name), name)
    double score = mean_score(c, s->log_probs, s->letters, c->designed);
    double global_score = mean_score(c, s->log_probs, s->letters, c->resolved);
    double kept = recovery(c, s->letters);
    compare_letters(k, NAMED("S"), s->letters);
    compare_plain(k, NAMED("logits"), s->logits, 2, c->L, FMPNN_LETTERS);
    compare_plain(k, NAMED("probs"), s->probs, 2, c->L, FMPNN_LETTERS);
    compare_plain(k, NAMED("log_probs"), s->log_probs, 2, c->L, FMPNN_LETTERS);
    compare_plain(k, NAMED("score"), &score, 1, 1, 0);
    compare_plain(k, NAMED("global_score"), &global_score, 1, 1, 0);
    compare_plain(k, NAMED("recovery"), &kept, 1, 1, 0);
    compare_sequence(k, label->name, s->letters);
#undef NAMED
}

/* ---- everything ---- */

/* Edges of masked residues are read by nobody, and their order is arbitrary. */
static void compare_edges(comparison *k, const char *name, const double *mine,
                          const uint8_t *skip_row, size_t width)
{
    const fmpnn_array *stored = fmpnn_archive_find(k->c->archive, name);
    size_t rows = stored && stored->rank ? stored->shape[0] : 0;
    if (stored && rows > k->c->n_rows) { /* edge_raw may hold only the first rows */
        golden_problem(k->report, "%s: more rows than `rows` names", name);
        return;
    }
    compare_rows(k, name, mine, skip_row, 3, rows, k->c->K, width);
}

static void compare_states(comparison *k, const golden_results *r)
{
    golden_case *c = k->c;
    const fmpnn_model *model = c->model;
    char name[32];
    uint8_t *skip_row = golden_alloc(&c->arena, c->n_rows + 1, 1);
    for (size_t n = 0; n < c->n_rows; n++)
        skip_row[n] = !c->resolved[c->rows[n]];
    compare_plain(k, "D_neighbors", r->distance, 2, c->L, c->K);
    compare_edges(k, "edge_raw", r->edge_raw, skip_row, model->edge.in);
    compare_edges(k, "edge_norm", r->edge_norm, skip_row, model->C);
    for (size_t n = 0; n <= model->info.encoder_layers; n++) {
        snprintf(name, sizeof name, "h_E_%zu", n);
        compare_edges(k, name, r->h_E[n], skip_row, model->C);
        snprintf(name, sizeof name, "h_V_enc%zu", n);
        if (n)
            compare_plain(k, name, r->h_V_enc[n], 2, c->L, model->C);
        if (n == model->info.encoder_layers && !fmpnn_archive_find(c->archive, name))
            golden_problem(k->report, "%s: missing", name);
    }
    for (size_t n = 1; n <= model->info.decoder_layers; n++) {
        snprintf(name, sizeof name, "h_V_dec%zu", n);
        compare_plain(k, name, r->h_V_dec[n], 2, c->L, model->C);
    }
}

void golden_compare(golden_case *c, golden_report *report, golden_grade grade,
                    const golden_results *r)
{
    comparison k = {.c = c, .report = report, .grade = grade};
    double *backbone = golden_alloc(&c->arena, c->L, FMPNN_LETTERS * sizeof *backbone);
    for (size_t n = 0; n < c->L * FMPNN_LETTERS; n++)
        backbone[n] = c->designed[n / FMPNN_LETTERS] ? r->unconditional[n] : 0;
    compare_states(&k, r);
    compare_plain(&k, "logits", r->logits, 2, c->L, FMPNN_LETTERS);
    compare_plain(&k, "log_probs", r->log_probs, 2, c->L, FMPNN_LETTERS);
    compare_scores(&k, r->log_probs);
    compare_plain(&k, "unconditional_log_probs", r->unconditional, 2, c->L, FMPNN_LETTERS);
    compare_plain(&k, "cond_backbone_log_probs", backbone, 2, c->L, FMPNN_LETTERS);
    if (r->conditional)
        compare_plain(&k, "cond_log_probs", r->conditional, 2, c->L, FMPNN_LETTERS);
    else if (json_is_true(json_object_get(c->options, "conditional")))
        golden_problem(report, "cond_log_probs: missing");
    for (size_t n = 0; n < c->n_labels; n++)
        compare_sample(&k, &c->label[n], &r->sample[n]);
    compare_sequence(&k, "native", c->inputs->native);
}
