/* Conditional logits: what the network says at residue i when i comes last in the order and
 * everything else keeps its place. Asked at many positions, almost all of the work is the same
 * (local.h); of what a move changes, only what row i of the last layer depends on is followed. */
#include "engine/local.h"

#include <string.h>

typedef struct question {
    fmpnn_common common;
    const uint8_t *wanted;
    float *logits;
} question;

/* The residues that row i of the last layer depends on, layer by layer, from the end. */
static void find_needed(const fmpnn_common *c, const fmpnn_change *change, fmpnn_follower *f)
{
    const fmpnn_graph *graph = c->en->graph;
    size_t L = graph->L, K = graph->K, end = c->en->layers - 1;
    f->needed[end * L] = change->last;
    f->n_needed[end] = 1;
    for (size_t layer = end; layer-- > 0;) {
        const uint32_t *after = f->needed + (layer + 1) * L;
        uint32_t *list = f->needed + layer * L;
        size_t count = 0;
        for (size_t n = 0; n < f->n_needed[layer + 1]; n++) {
            size_t row = after[n];
            if (!f->mark[row]) {
                f->mark[row] = 1;
                list[count++] = (uint32_t)row;
            }
            for (size_t m = 0; m < K; m++) {
                size_t j = graph->neighbour[row * K + m];
                if (f->mark[j] || graph->mask[j] == 0 ||
                    !fmpnn_change_decoded(c, change, row, j))
                    continue;
                f->mark[j] = 1;
                list[count++] = (uint32_t)j;
            }
        }
        f->n_needed[layer] = count;
        for (size_t n = 0; n < count; n++)
            f->mark[list[n]] = 0;
    }
}

static bool enter(void *of, void *lane)
{
    return fmpnn_follower_init(lane, &((const question *)of)->common);
}

static void leave(void *of, void *lane)
{
    (void)of;
    fmpnn_follower_clear(lane);
}

/* The layers of the common pass, then all positions. */
static size_t count_items(void *of, size_t phase)
{
    const fmpnn_common *c = &((const question *)of)->common;
    return phase < c->layers ? fmpnn_common_blocks(c) : c->en->L;
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    const question *q = of;
    const fmpnn_encoding *en = q->common.en;
    fmpnn_follower *f = lane;
    if (phase < q->common.layers) {
        fmpnn_common_compute(&q->common, phase, n, f->tile, &f->x);
    } else if (q->wanted[n] && en->graph->mask[n] == 0) {
        memcpy(q->logits + n * FMPNN_LETTERS, en->w->b_logits,
               FMPNN_LETTERS * sizeof *q->logits);
    } else if (q->wanted[n]) {
        fmpnn_change change = {.letters = q->common.letters, .last = (uint32_t)n};
        find_needed(&q->common, &change, f);
        fmpnn_change_follow(&q->common, &change, f, q->logits);
    }
}

fmpnn_status fmpnn_engine_conditional(fmpnn_context *ctx, const fmpnn_encoding *en,
                                      const uint8_t *letters, const uint32_t *rank,
                                      const uint8_t *wanted, float *logits, fmpnn_error *err)
{
    fmpnn_status status = fmpnn_tables_prepare(ctx, en, 2, err); /* changed rows come again */
    if (status)
        return status;
    question q = {.wanted = wanted, .logits = logits};
    bool good = fmpnn_common_init(&q.common, ctx, en, letters, rank, en->layers - 1);
    fmpnn_task task = {.of = &q, .phases = q.common.layers + 1, .items = count_items,
                       .item = do_item, .lane_size = sizeof(fmpnn_follower), .enter = enter,
                       .leave = leave};
    good = good && fmpnn_pool_run(ctx->pool, q.common.threads, &task);
    fmpnn_common_clear(&q.common);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "computing conditional probabilities");
}
