/* Which rows of the decoder wait for which: the levels of a decoding order (levels.c). Knows a
 * graph and rules; shared by every backend that decodes in parallel. */
#ifndef FMPNN_ENGINE_LEVELS_H
#define FMPNN_ENGINE_LEVELS_H

#include "design/rules.h"
#include "graph/graph.h"

/* What has to be done, level by level, for one sequence: level[i] of every residue (0: nothing
 * is computed for it), unit_level[g] of every group. Returns the highest. */
uint32_t fmpnn_levels_find(const fmpnn_graph *graph, const fmpnn_rules *rules, size_t n_shared,
                           const uint32_t *order, uint32_t *level, uint32_t *unit_level);

/* Whether the row of `member` (a place in rules->member) is computed: it is resolved, and,
 * unless letters are carried on, so is every member of its group before it. */
bool fmpnn_member_computed(const fmpnn_rules *rules, size_t member);

#endif
