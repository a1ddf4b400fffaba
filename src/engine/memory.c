/* What a structure takes in memory, and what of it can be given up: the edge parts of the decoder
 * (a table [L][K][C] a layer, nearly all there is) can be held, or computed from the edge states
 * whenever they are needed, one more product for each row. Same kernel, same bits.
 *
 *     least = program + weights + structure + nodes + scratch + edge states + work,
 *     work the larger of one sequence's and that of context atoms
 *     planned = least + tables held
 *
 * What a limit leaves beyond that is spent on sequences decoded together and on kept terms. */
#include "engine/context.h"
#include "engine/engine.h"

#include <math.h>

enum {
    PROGRAM = 24 << 20,      /* code, libraries, stacks; 13 MB measured, and what malloc keeps */
    RESIDUE = 4096,          /* text, parsed file, residue, arrays of the job: 10 atoms each */
    SEQUENCE_RESIDUE = 256   /* order, uniform number, logits, rank, level, agenda */
};

static size_t lane_size(const fmpnn_encoding *en)
{
    size_t C = en->C, F = en->w->F, K = en->K, features = en->w->features;
    size_t encoder = K * features + 2 * K * C + FMPNN_BLOCK * F;
    size_t decoder = FMPNN_BLOCK * (4 * C + F) + 3 * K * C;
    return (encoder > decoder ? encoder : decoder) * sizeof(float) + 128 * K;
}

/* Of an encoding that has its sizes and no memory yet. */
void fmpnn_memory_count(const fmpnn_context *ctx, const fmpnn_encoding *en,
                        fmpnn_memory_plan *plan)
{
    size_t L = en->L, row = en->C * sizeof(float), table = L * en->K * row;
    size_t weights = 2 * en->model->info.parameters * sizeof(float);
    size_t nodes = L * row * (en->layers + 7) + L * en->K * 8;
    size_t atoms = en->graph->atoms ? fmpnn_context_most(ctx, en->model, en->graph) : 0;
    size_t work = 4 * (en->layers - 1) * L * row + SEQUENCE_RESIDUE * L;
    *plan = (fmpnn_memory_plan){.limit = ctx->max_memory, .layers = en->layers};
    if (en->w->side.still) /* the packer's features of edges, still and as they are */
        work += 2 * table;
    plan->least = PROGRAM + weights + RESIDUE * L + nodes +
                  (size_t)ctx->threads * lane_size(en) + table + (atoms > work ? atoms : work);
    plan->layers_held = en->layers;
    if (plan->limit) {
        size_t room = plan->limit > plan->least ? (plan->limit - plan->least) / table : 0;
        plan->layers_held = room < en->layers ? room : en->layers;
    }
    plan->planned = plan->least + plan->layers_held * table;
}

static double megabytes(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

fmpnn_status fmpnn_memory_decide(const fmpnn_context *ctx, fmpnn_encoding *en,
                                 fmpnn_error *err)
{
    fmpnn_memory_plan plan;
    fmpnn_memory_count(ctx, en, &plan);
    if (plan.limit && plan.limit < plan.least)
        return fmpnn_fail(err, FMPNN_ENOMEM,
                          "%zu residues with %zu neighbours need at least %.0f MiB of memory, "
                          "and --max-memory (max_memory) allows %.0f",
                          en->L, en->K, ceil(megabytes(plan.least)), megabytes(plan.limit));
    en->tables->allowed = plan.layers_held;
    en->spare = plan.limit ? plan.limit - plan.planned : SIZE_MAX;
    if (plan.limit && plan.layers_held == en->layers) /* the edge states are not kept */
        en->spare += en->L * en->K * en->C * sizeof(float);
    return FMPNN_OK;
}

size_t fmpnn_memory_for(const fmpnn_encoding *en, size_t wanted)
{
    return wanted < en->spare ? wanted : en->spare;
}

fmpnn_status fmpnn_engine_plan(const fmpnn_context *ctx, const fmpnn_model *model,
                               const fmpnn_graph *graph, fmpnn_memory_plan *plan)
{
    fmpnn_encoding sizes = fmpnn_encoding_sizes(model, graph);
    fmpnn_memory_count(ctx, &sizes, plan);
    return FMPNN_OK;
}
