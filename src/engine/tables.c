/* The decoder's tables of edges: when they are worth holding, and how they are made. Whether a tile
 * is held or made where it is read, it is the same product, and has the same bits.
 *
 * A tile that is read once would be written to memory and read back for nothing, and a new page of
 * memory costs more than the product that fills it. */
#include "engine/engine.h"

typedef struct making {
    const fmpnn_encoding *en;
    const fmpnn_kernels *kernels;
    fmpnn_watch *watch;
} making;

typedef struct lane {
    unsigned mode; /* of the floating-point unit, before */
} lane;

static bool enter(void *of, void *to)
{
    (void)of;
    ((lane *)to)->mode = fmpnn_float_mode_enter();
    return true;
}

static void leave(void *of, void *to)
{
    (void)of;
    fmpnn_float_mode_leave(((lane *)to)->mode);
}

static size_t count_residues(void *of, size_t phase)
{
    (void)phase;
    return ((const making *)of)->en->L;
}

static void do_residue(void *of, size_t phase, size_t i, void *to)
{
    const making *m = of;
    const fmpnn_encoding *en = m->en;
    size_t K = en->K, C = en->C, tile = K * C;
    (void)phase;
    (void)to;
    if (en->graph->mask[i] == 0)
        return; /* its row is never decoded */
    fmpnn_lap(m->watch, FMPNN_STAGE_NONE, 0);
    for (size_t l = 0; l < en->tables->allowed; l++) {
        const fmpnn_packed_split *w = &en->w->decoder[l].message;
        m->kernels->gemm(en->tables->edge_part + (l * en->L + i) * tile, C,
                         en->tables->edges + i * tile, C, K, C, w->edge, C, w->bias, NULL, 0);
    }
    fmpnn_lap(m->watch, FMPNN_STAGE_TABLES, 0);
}

fmpnn_status fmpnn_tables_prepare(const fmpnn_context *ctx, const fmpnn_encoding *en,
                                  size_t passes, fmpnn_error *err)
{
    making m = {en, ctx->kernels, ctx->watch};
    fmpnn_task task = {.of = &m, .phases = 1, .items = count_residues, .item = do_residue,
                       .lane_size = sizeof(lane), .enter = enter, .leave = leave};
    fmpnn_tables *t = en->tables;
    if (t->held == t->allowed)
        return FMPNN_OK;
    t->passes += passes;
    if (t->passes < 2)
        return FMPNN_OK;
    t->edge_part = fmpnn_alloc(t->allowed * en->L, en->K * en->C * sizeof(float));
    if (!t->edge_part || !fmpnn_pool_run(ctx->pool, ctx->threads, &task)) {
        fmpnn_release(t->edge_part);
        t->edge_part = NULL;
        return fmpnn_fail_memory(err, "holding the decoder's tables");
    }
    t->held = t->allowed;
    if (t->held == en->layers) {
        fmpnn_release(t->edges);
        t->edges = NULL;
    }
    return FMPNN_OK;
}
