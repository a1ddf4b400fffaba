/* Exact parallel decoding: a residue depends only on those neighbours that come before it in
 * the decoding order, so all residues whose earlier neighbours are done can be decoded
 * together. Levels grow with the logarithm of the length: about 55 for 100 residues, 75 for
 * 1000 (48 neighbours). docs/math.md, "Levels". */
#include "engine/levels.h"

bool fmpnn_member_computed(const fmpnn_rules *rules, size_t member)
{
    size_t first = rules->start[rules->group_of[rules->member[member]]];
    if (rules->carry_letters)
        first = member;
    for (size_t m = first; m <= member; m++)
        if (!rules->resolved[rules->member[m]])
            return false;
    return true;
}

static uint32_t largest(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The level at which residue i can be computed: above all it waits for. Of its own group it
 * waits for members (level), of others for the group's letter (unit_level). What comes later has
 * level 0 still, so that ranks need not be compared, which are as good as random to the processor:
 * 4 us for 106 residues instead of 18 (one core of an EPYC, 512 orders in turn). */
static uint32_t level_of(const fmpnn_graph *graph, const fmpnn_rules *rules,
                         const uint32_t *level, const uint32_t *unit_level, size_t i)
{
    const uint32_t *near = graph->neighbour + i * graph->K;
    size_t K = graph->K, m = 0;
    uint32_t own = rules->group_of[i], highest[4] = {0};
    if (rules->groups == rules->L) { /* four maxima, so that none waits for the other */
        for (; m + 4 <= K; m += 4)
            for (size_t n = 0; n < 4; n++)
                highest[n] = largest(highest[n], level[near[m + n]]);
        for (; m < K; m++)
            highest[0] = largest(highest[0], level[near[m]]);
    }
    for (; m < K; m++) {
        uint32_t group = rules->group_of[near[m]];
        highest[0] = largest(highest[0], group == own ? level[near[m]] : unit_level[group]);
    }
    return largest(largest(highest[0], highest[1]), largest(highest[2], highest[3])) + 1;
}

uint32_t fmpnn_levels_find(const fmpnn_graph *graph, const fmpnn_rules *rules,
                           size_t n_shared, const uint32_t *order, uint32_t *level,
                           uint32_t *unit_level)
{
    uint32_t highest = 0;
    for (size_t g = 0; g < rules->groups; g++)
        unit_level[g] = 0;
    for (size_t t = 0; t < rules->L; t++)
        level[order[t]] = 0;
    for (size_t t = n_shared; t < rules->L;) {
        uint32_t group = rules->group_of[order[t]], top = 0;
        for (size_t m = rules->start[group]; m < rules->start[group + 1]; m++, t++) {
            size_t i = rules->member[m];
            if (!fmpnn_member_computed(rules, m))
                continue;
            level[i] = level_of(graph, rules, level, unit_level, i);
            top = level[i] > top ? level[i] : top;
        }
        unit_level[group] = top;
        highest = top > highest ? top : highest;
    }
    return highest;
}
