/* Results of a path against the tensors of a LigandMPNN case; how close, says spec/ligandmpnn.md
 * and golden/README.md. A NaN on either side never passes. */
#include "ligand.h"

#include "reference/reference.h"

#include <math.h>
#include <string.h>

typedef ligand_comparison comparison;

static bool ends(const char *text, const char *suffix)
{
    size_t a = strlen(text), b = strlen(suffix);
    return a >= b && strcmp(text + a - b, suffix) == 0;
}

static bool is_mean(const char *tensor)
{
    return ends(tensor, ".loss") || ends(tensor, ".loss_XY") || ends(tensor, ".seq_rec");
}

/* 2e-4 max(1, 1/T): an error of the logits grows by 1/T on its way to a probability. */
static double probability_limit(const golden_case *b, const char *tensor)
{
    for (size_t n = 0; n < b->n_labels; n++)
        if (strstr(tensor, b->label[n].name) && b->label[n].temperature < 1)
            return 2e-4 / b->label[n].temperature;
    return 2e-4;
}

static double float_limit(const golden_case *b, const char *tensor)
{
    if (!strncmp(tensor, "feat.", 5) || !strncmp(tensor, "enc.", 4))
        return 5e-5;
    if (strstr(tensor, "xyz14") || ends(tensor, ".X_in") || ends(tensor, ".X"))
        return 1e-4;
    if (strstr(tensor, "log_prob_of") || ends(tensor, "final.log_prob") ||
        ends(tensor, "b_factors"))
        return 5e-3;
    if (ends(tensor, ".probs"))
        return probability_limit(b, tensor);
    if (!strncmp(tensor, "score_noseq.", 12))
        return 1e-3;
    return is_mean(tensor) ? 1e-5 : 2e-4;
}

/* Concentrations reach several hundred: 1e-4 of their size, and the 2e-4 that any other output
 * of the network is allowed, without which small ones would be judged by the rounding of what is
 * stored (float64 differs from it by 2.2e-4 of 0.6). */
static bool is_relative(const comparison *k, const char *tensor)
{
    return k->grade == GOLDEN_ENGINE && ends(tensor, ".concentration");
}

static double limit_of(const comparison *k, const char *tensor)
{
    const golden_case *b = &k->c->base;
    const json_t *yardsticks = json_object_get(b->entry, "max_abs_fp32_minus_fp64");
    const json_t *measured = json_object_get(yardsticks, tensor);
    double own = json_number_value(measured), limit = float_limit(b, tensor);
    if (is_relative(k, tensor))
        return 1e-4;
    if (k->grade == GOLDEN_ENGINE)
        return limit == 2e-4 ? limit + own : limit;
    if (!json_is_number(measured))
        return limit;
    return is_mean(tensor) && 3 * own < 1e-6 ? 1e-6 : 3 * own; /* errors cancel in a mean */
}

void ligand_compare_rows(const comparison *k, const char *name, const double *mine,
                         size_t rows, size_t width, const uint8_t *skip)
{
    const fmpnn_array *stored = fmpnn_archive_find(k->c->base.archive, name);
    if (!stored)
        return;
    if (!mine) {
        golden_skip(k->report, name);
        return;
    }
    if (!golden_tensor(k->report, name, stored->rank, stored->shape[0], stored->shape[1],
                       stored->shape[2], stored->shape[3]) ||
        stored->count != rows * width) {
        golden_problem(k->report, "%s: another number of values than the case has", name);
        return;
    }
    double limit = limit_of(k, name), largest = 0;
    size_t bad = 0, first = 0;
    for (size_t n = 0; n < stored->count; n++) {
        double a = mine[n], b = golden_value(stored, n);
        if (skip && skip[n / width])
            continue;
        double difference = isnan(a) && isnan(b) && is_mean(name) ? 0 : fabs(a - b);
        if (is_relative(k, name))
            difference /= fabs(b) + 2;
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

static const double *log_probs(ligand_case *c, const double *logits)
{
    double *dst;
    if (!logits)
        return NULL;
    dst = golden_alloc(&c->base.arena, c->base.L, FMPNN_LETTERS * sizeof *dst);
    fmpnn_reference64_log_softmax(c->base.L, logits, dst);
    return dst;
}

/* ---- samples ---- */

static void compare_letters(comparison *k, const char *name, const uint8_t *letters)
{
    const fmpnn_array *stored = golden_tensor(k->report, name, 1, k->c->base.L);
    size_t differ = 0, first = 0;
    if (!stored) {
        golden_problem(k->report, "%s: missing", name);
        return;
    }
    for (size_t i = 0; i < k->c->base.L; i++)
        if (golden_value(stored, i) != (double)letters[i] && !differ++)
            first = i;
    fmpnn_text_print(&k->report->tensors, " %s=%zu/0", name, differ);
    if (differ && !k->report->approximate)
        golden_problem(k->report, "%s[%zu]: stored %g, here %u; %zu letters differ", name,
                       first, golden_value(stored, first), (unsigned)letters[first],
                       differ);
}

/* Mean of loss over designed residues (near a ligand); 0 where there are none. */
static double mean_loss(const ligand_case *c, const double *loss, const uint8_t *near)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < c->base.L; i++) {
        double weight = c->base.designed[i] && (!near || near[i]);
        sum += weight * loss[i];
        count += weight;
    }
    return sum / (count + 1e-8);
}

static void compare_sample(comparison *k, const golden_label *label, const golden_sample *s)
{
    ligand_case *c = k->c;
    golden_case *b = &c->base;
    size_t L = b->L, letters = FMPNN_LETTERS;
    char name[96];
    const double *own = log_probs(c, s->logits);
    double *probs = golden_alloc(&b->arena, L, 20 * sizeof *probs);
    double *shown = golden_alloc(&b->arena, L, letters * sizeof *shown);
    double *loss = golden_alloc(&b->arena, L, sizeof *loss), kept = 0, count = 0;
    for (size_t i = 0; i < L; i++) {
        for (size_t a = 0; b->designed[i] && a < letters; a++) {
            shown[i * letters + a] = own[i * letters + a];
            if (a < 20)
                probs[i * 20 + a] = s->probs[i * letters + a];
        }
        loss[i] = -shown[i * letters + s->letters[i]];
        kept += b->designed[i] && s->letters[i] == b->inputs->native[i];
        count += b->designed[i];
    }
    double recovery = kept / count, mean = mean_loss(c, loss, NULL);
    double near = b->graph->atoms ? mean_loss(c, loss, b->graph->atoms->near) : mean;
#define NAMED(what) (snprintf(name, sizeof name, "sample_%s." what, label->name), name)
    compare_letters(k, NAMED("S"), s->letters);
    ligand_compare_rows(k, NAMED("logits"), s->logits, L, letters, NULL);
    ligand_compare_rows(k, NAMED("probs"), probs, L, 20, NULL);
    ligand_compare_rows(k, NAMED("log_probs"), shown, L, letters, NULL);
    ligand_compare_rows(k, NAMED("loss_per_residue"), loss, L, 1, NULL);
    ligand_compare_rows(k, NAMED("loss"), &mean, 1, 1, NULL);
    ligand_compare_rows(k, NAMED("loss_XY"), &near, 1, 1, NULL);
    ligand_compare_rows(k, NAMED("seq_rec"), &recovery, 1, 1, NULL);
#undef NAMED
}

/* ---- everything ---- */

const uint8_t *ligand_arbitrary_rows(ligand_case *c)
{
    uint8_t *masked = golden_alloc(&c->base.arena, c->base.L, 1);
    for (size_t i = 0; i < c->base.L; i++)
        masked[i] = !c->base.resolved[i];
    return masked;
}

void ligand_compare(ligand_case *c, golden_report *report, golden_grade grade,
                    const ligand_results *r)
{
    comparison k = {.c = c, .report = report, .grade = grade};
    golden_case *b = &c->base;
    size_t L = b->L, C = b->model->C, M = b->model->info.context_atoms, rows = b->n_rows;
    size_t letters = FMPNN_LETTERS;
    const uint8_t *masked = ligand_arbitrary_rows(c);
    ligand_compare_rows(&k, "feat.E", r->edge, rows, b->K * C, masked);
    ligand_compare_rows(&k, "feat.V", r->pair, L, (M ? M : 1) * C, M ? masked : NULL);
    ligand_compare_rows(&k, "feat.Y_nodes", r->atom, L, M * C, masked);
    ligand_compare_rows(&k, "feat.Y_edges_head", r->bond, ligand_stored_rows(c, "feat.Y_edges_head"),
                 M * M * C, masked);
    ligand_compare_rows(&k, "enc.h_V", r->h_V, L, C, NULL);
    ligand_compare_rows(&k, "enc.h_E", r->h_E, rows, b->K * C, masked);
    ligand_compare_rows(&k, "enc.h_E_head", r->h_E, ligand_stored_rows(c, "enc.h_E_head"), b->K * C,
                 masked);
    ligand_compare_rows(&k, "score.logits", r->score, L, letters, NULL);
    ligand_compare_rows(&k, "score.log_probs", log_probs(c, r->score), L, letters, NULL);
    ligand_compare_rows(&k, "score_noseq.logits", r->score_noseq, L, letters, NULL);
    ligand_compare_rows(&k, "score_noseq.log_probs", log_probs(c, r->score_noseq), L, letters, NULL);
    ligand_compare_rows(&k, "single_aa_1.log_probs", log_probs(c, r->single_first), L, letters, NULL);
    ligand_compare_rows(&k, "single_aa_0.log_probs", log_probs(c, r->single_last), L, letters, NULL);
    for (size_t n = 0; n < b->n_labels; n++)
        compare_sample(&k, &b->label[n], &r->sample[n]);
}

void ligand_compare_sweep(ligand_case *c, golden_report *report, golden_grade grade,
                          const char *tensor, const double *logits)
{
    comparison k = {.c = c, .report = report, .grade = grade};
    if (!fmpnn_archive_find(c->base.archive, tensor))
        golden_problem(report, "%s: missing", tensor);
    ligand_compare_rows(&k, tensor, log_probs(c, logits), c->base.L, FMPNN_LETTERS, NULL);
}

size_t ligand_stored_rows(const ligand_case *c, const char *tensor)
{
    const fmpnn_array *stored = fmpnn_archive_find(c->base.archive, tensor);
    size_t rows = stored && stored->rank ? stored->shape[0] : 0;
    return rows < c->base.L ? rows : c->base.L;
}
