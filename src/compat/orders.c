/* Which random numbers are drawn, and when. What is drawn depends on orders, masks and groups
 * alone, never on a letter, so everything a batch needs is drawn before it is computed. */
#include "compat/run.h"
#include "design/order.h"

#include <math.h>
#include <string.h>

void fmpnn_original_orders(fmpnn_original *run, const fmpnn_entry *entry, float *randn,
                           uint32_t *order)
{
    fmpnn_torch_normal(&run->torch, run->batch * entry->L, randn);
    for (size_t b = 0; b < run->batch; b++)
        fmpnn_order_original(entry->L, randn + b * entry->L, entry->design_mask,
                             order + b * entry->L);
}

fmpnn_status fmpnn_original_tie(fmpnn_original *run, const fmpnn_entry *entry,
                                uint32_t *order)
{
    size_t L = entry->L;
    uint32_t *first = fmpnn_alloc(L, sizeof *first);
    if (!first)
        return fmpnn_fail_memory(run->err, "ordering residues");
    memcpy(first, order, L * sizeof *first);
    bool done = fmpnn_order_group(&entry->rules, first, order);
    fmpnn_release(first);
    for (size_t b = 1; b < run->batch; b++)
        memcpy(order + b * L, order, L * sizeof *order);
    return done ? FMPNN_OK : fmpnn_fail_memory(run->err, "ordering residues");
}

/* One copy after another: their numbers for the residues at step t. */
static void draw_step(fmpnn_original *run, size_t L, const uint32_t *order, size_t t,
                      double *exponential)
{
    for (size_t b = 0; b < run->batch; b++)
        fmpnn_torch_exponential(&run->torch, FMPNN_LETTERS,
                                exponential +
                                    (b * L + order[b * L + t]) * (size_t)FMPNN_LETTERS);
}

static bool all_resolved(const fmpnn_entry *entry, uint32_t group)
{
    for (size_t k = entry->start[group]; k < entry->start[group + 1]; k++)
        if (!entry->resolved[entry->member[k]])
            return false;
    return true;
}

void fmpnn_original_draws(fmpnn_original *run, const fmpnn_entry *entry,
                          const uint32_t *order, double *exponential)
{
    size_t L = entry->L, step = 1;
    for (size_t t = 0; t < L; t += step) {
        bool visited = false;
        uint32_t group = entry->group_of[order[t]];
        step = 1;
        if (entry->tied) {
            step = entry->start[group + 1] - entry->start[group];
            visited = all_resolved(entry, group);
        } else { /* passed over only if that residue is masked in every copy */
            for (size_t b = 0; b < run->batch; b++)
                visited = visited || entry->resolved[order[b * L + t]];
        }
        if (visited)
            draw_step(run, L, order, t, exponential);
    }
}

size_t fmpnn_original_noise_size(const fmpnn_original *run, const fmpnn_entry *entry)
{
    if (!(run->options->backbone_noise > 0))
        return 0;
    return entry->L * (run->options->ca_only ? 3 : 12);
}

void fmpnn_original_noise(fmpnn_original *run, const fmpnn_entry *entry, float *noise)
{
    size_t size = fmpnn_original_noise_size(run, entry);
    if (size)
        fmpnn_torch_normal(&run->torch, run->batch * size, noise);
}

/* (q + 0.0001) |r| in float32, where near-ties are decided. */
static float key_of(const float *randn, size_t i, float q)
{
    return (q + 0.0001f) * fabsf(randn[i]);
}

bool fmpnn_original_before(const float *randn, size_t j, size_t i, float own, float others)
{
    float a = key_of(randn, j, others), b = key_of(randn, i, own);
    return a < b || (a == b && j < i);
}

void fmpnn_original_rank_of(size_t L, const float *randn, size_t i, float own, float others,
                            float *mask, uint32_t *order, uint32_t *rank)
{
    for (size_t j = 0; j < L; j++)
        mask[j] = j == i ? own : others;
    fmpnn_order_original(L, randn, mask, order);
    fmpnn_order_rank(L, order, rank);
}
