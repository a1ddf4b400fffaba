/* Logits of sequences that differ from one common sequence at a few residues, all under one
 * order: the common pass once, then for each sequence the rows that its letters reach. Every
 * row of every sequence comes out, so nothing is pruned; but rows up to the first changed letter
 * in the order stand. */
#include "engine/local.h"

#include <string.h>

typedef struct question {
    fmpnn_common common;
    const uint8_t *letters; /* [B][L] */
    size_t B;
    float *logits; /* [B][L][21] */
} question;

static bool enter(void *of, void *lane)
{
    return fmpnn_follower_init(lane, &((const question *)of)->common);
}

static void leave(void *of, void *lane)
{
    (void)of;
    fmpnn_follower_clear(lane);
}

static size_t count_items(void *of, size_t phase)
{
    const question *q = of;
    return phase < q->common.layers ? fmpnn_common_blocks(&q->common) : q->B;
}

/* Rows behind the first residue in the order that has another letter, in every layer. */
static void find_needed(const fmpnn_common *c, const fmpnn_change *change, fmpnn_follower *f)
{
    size_t L = c->en->L, count = 0;
    uint32_t first = UINT32_MAX;
    for (size_t i = 0; i < L; i++)
        if (change->letters[i] != c->letters[i] && c->rank[i] < first)
            first = c->rank[i];
    for (size_t n = 0; n < c->n_rows; n++)
        if (c->rank[c->row[n]] > first)
            f->needed[count++] = c->row[n];
    f->n_needed[0] = count;
    for (size_t layer = 1; layer < c->en->layers; layer++) {
        memcpy(f->needed + layer * L, f->needed, count * sizeof *f->needed);
        f->n_needed[layer] = count;
    }
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    const question *q = of;
    const fmpnn_common *c = &q->common;
    fmpnn_follower *f = lane;
    if (phase < c->layers) {
        fmpnn_common_compute(c, phase, n, f->tile, &f->x);
        return;
    }
    fmpnn_change change = {.letters = q->letters + n * c->en->L, .last = FMPNN_NO_SLOT};
    float *logits = q->logits + n * c->en->L * FMPNN_LETTERS;
    memcpy(logits, c->logits, c->en->L * FMPNN_LETTERS * sizeof *logits);
    find_needed(c, &change, f);
    fmpnn_change_follow(c, &change, f, logits);
}

fmpnn_status fmpnn_engine_variants(fmpnn_context *ctx, const fmpnn_encoding *en,
                                   const uint8_t *common, const uint32_t *rank, size_t B,
                                   const uint8_t *letters, float *logits, fmpnn_error *err)
{
    fmpnn_status status = fmpnn_tables_prepare(ctx, en, 2, err); /* changed rows come again */
    if (status)
        return status;
    question q = {.letters = letters, .B = B, .logits = logits};
    bool good = fmpnn_common_init(&q.common, ctx, en, common, rank, en->layers);
    fmpnn_task task = {.of = &q, .phases = q.common.layers + 1, .items = count_items,
                       .item = do_item, .lane_size = sizeof(fmpnn_follower), .enter = enter,
                       .leave = leave};
    good = good && fmpnn_pool_run(ctx->pool, q.common.threads, &task);
    fmpnn_common_clear(&q.common);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "computing logits of variants");
}
