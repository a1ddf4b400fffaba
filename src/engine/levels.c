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

/* The level at which residue i can be computed: above all it waits for. Of its own group it
 * waits for members (level), of others for the group's letter (unit_level). */
static uint32_t level_of(const fmpnn_graph *graph, const fmpnn_rules *rules, size_t n_shared,
                         const uint32_t *rank, const uint32_t *level,
                         const uint32_t *unit_level, size_t i)
{
    uint32_t highest = 0, own = rules->group_of[i];
    for (size_t m = 0; m < graph->K; m++) {
        size_t j = graph->neighbour[i * graph->K + m];
        if (rank[j] >= rank[i] || rank[j] < n_shared)
            continue;
        uint32_t group = rules->group_of[j];
        uint32_t before = group == own ? level[j] : unit_level[group];
        highest = before > highest ? before : highest;
    }
    return highest + 1;
}

uint32_t fmpnn_levels_find(const fmpnn_graph *graph, const fmpnn_rules *rules, size_t n_shared,
                           const uint32_t *order, const uint32_t *rank, uint32_t *level,
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
            level[i] = level_of(graph, rules, n_shared, rank, level, unit_level, i);
            top = level[i] > top ? level[i] : top;
        }
        unit_level[group] = top;
        highest = top > highest ? top : highest;
    }
    return highest;
}
