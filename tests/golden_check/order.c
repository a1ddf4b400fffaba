/* Decoding orders from the stored random numbers, the sampling runs of a case, and the rows
 * whose edges are stored. */
#include "golden.h"

#include "design/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool read_randn(golden_case *c, golden_report *report)
{
    const fmpnn_array *stored = golden_tensor(report, "randn", 1, c->L);
    c->randn = golden_alloc(&c->arena, c->L, sizeof *c->randn);
    for (size_t i = 0; stored && i < c->L; i++) {
        c->randn[i] = (float)golden_value(stored, i);
        if (!isfinite(c->randn[i])) {
            golden_problem(report, "randn[%zu] is not a number", i);
            return false;
        }
    }
    return stored != NULL;
}

static void compare_order(golden_case *c, golden_report *report, const char *name,
                          const uint32_t *order)
{
    const fmpnn_array *stored = golden_tensor(report, name, 1, c->L);
    if (!stored)
        golden_problem(report, "%s: missing", name);
    for (size_t t = 0; stored && t < c->L; t++)
        if (golden_value(stored, t) != (double)order[t]) {
            golden_problem(report, "%s[%zu]: stored %g, randn gives %u", name, t,
                           golden_value(stored, t), (unsigned)order[t]);
            return;
        }
}

static uint32_t *new_order(golden_case *c)
{
    return golden_alloc(&c->arena, c->L, sizeof(uint32_t));
}

static void make_orders(golden_case *c, golden_report *report)
{
    float *mask = golden_alloc(&c->arena, c->L, sizeof *mask);
    uint32_t *base = new_order(c);
    c->order = new_order(c);
    c->rank = new_order(c);
    c->rank_base = new_order(c);
    fmpnn_order_original(c->L, c->randn, mask, base);
    fmpnn_order_rank(c->L, base, c->rank_base);
    for (size_t i = 0; i < c->L; i++)
        mask[i] = c->designed[i];
    fmpnn_order_original(c->L, c->randn, mask, c->order);
    fmpnn_order_rank(c->L, c->order, c->rank);
    compare_order(c, report, "decoding_order", c->order);
    c->order_sampling = c->order;
    c->rank_sampling = c->rank;
    if (!json_object_get(c->options, "tied"))
        return;
    c->order_sampling = new_order(c);
    c->rank_sampling = new_order(c);
    if (!fmpnn_order_group(&c->rules, c->order, c->order_sampling))
        golden_problem(report, "out of memory");
    fmpnn_order_rank(c->L, c->order_sampling, c->rank_sampling);
    compare_order(c, report, "decoding_order_tied", c->order_sampling);
}

bool golden_conditional_rank(const golden_case *c, size_t i, uint32_t *rank)
{
    /* (q + 0.0001) |r| with q = 1 at i alone: i comes last unless its |r| is tiny. */
    float own = (1.0f + 0.0001f) * fabsf(c->randn[i]);
    uint32_t before = 0;
    for (size_t j = 0; j < c->L; j++) {
        if (j == i)
            continue;
        float other = 0.0001f * fabsf(c->randn[j]);
        bool first = other < own || (other == own && j < i);
        before += first;
        rank[j] = c->rank_base[j] - (c->rank_base[j] > c->rank_base[i]);
    }
    rank[i] = before;
    for (size_t j = 0; j < c->L; j++)
        if (j != i && rank[j] >= before)
            rank[j]++;
    return before == c->L - 1;
}

/* ---- sampling runs ---- */

static bool read_uniform(golden_case *c, golden_report *report, golden_label *label)
{
    char name[64];
    snprintf(name, sizeof name, "u_%s", label->name);
    const fmpnn_array *stored = golden_tensor(report, name, 1, c->L);
    if (!stored) {
        golden_problem(report, "%s: missing", name);
        return false;
    }
    label->uniform = golden_alloc(&c->arena, c->L, sizeof *label->uniform);
    for (size_t i = 0; i < c->L; i++) {
        label->uniform[i] = golden_value(stored, i);
        if (!(label->uniform[i] >= 0 && label->uniform[i] < 1)) {
            golden_problem(report, "%s[%zu] is not in [0, 1)", name, i);
            return false;
        }
    }
    return true;
}

static bool make_labels(golden_case *c, golden_report *report)
{
    static const double usual[] = {0.1, 1.0};
    const json_t *list = json_object_get(c->options, "temperatures");
    size_t count = list ? json_array_size(list) : 2;
    c->label = golden_alloc(&c->arena, count + 1, sizeof *c->label);
    for (size_t n = 0; n < count; n++) {
        golden_label *label = &c->label[c->n_labels++];
        label->temperature = list ? json_number_value(json_array_get(list, n)) : usual[n];
        snprintf(label->name, sizeof label->name, "T%g", label->temperature);
        if (!(label->temperature > 0)) {
            golden_problem(report, "temperatures: %g", label->temperature);
            return false;
        }
        if (!read_uniform(c, report, label))
            return false;
    }
    c->label[c->n_labels++] = (golden_label){.name = "argmax", .temperature = 1};
    return true;
}

static bool read_rows(golden_case *c, golden_report *report)
{
    const fmpnn_array *stored = fmpnn_archive_find(c->archive, "rows");
    if (!stored)
        return true;
    if (stored->rank != 1 || !golden_tensor(report, "rows", 1, stored->count)) {
        golden_problem(report, "rows: not a list");
        return false;
    }
    c->rows = golden_alloc(&c->arena, stored->count, sizeof *c->rows);
    c->n_rows = stored->count;
    for (size_t n = 0; n < c->n_rows; n++) {
        double row = golden_value(stored, n);
        if (!(row >= 0 && row < (double)c->L)) {
            golden_problem(report, "rows[%zu]: %g is no residue", n, row);
            return false;
        }
        c->rows[n] = (uint32_t)row;
    }
    return true;
}

bool golden_orders(golden_case *c, golden_report *report)
{
    if (!read_randn(c, report))
        return false;
    make_orders(c, report);
    return make_labels(c, report) && read_rows(c, report) && !report->failed;
}
