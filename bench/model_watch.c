#include "model.h"

#include <string.h>

size_t bench_stage_of(fmpnn_stage stage, size_t layer)
{
    if (stage < FMPNN_STAGE_ENCODER)
        return (size_t)stage;
    if (stage == FMPNN_STAGE_ENCODER)
        return (size_t)stage + (layer < BENCH_LAYERS ? layer : BENCH_LAYERS - 1);
    return (size_t)stage + BENCH_LAYERS - 1;
}

const char *bench_stage_name(size_t stage, char text[32])
{
    if (stage == FMPNN_STAGE_FEATURES)
        return "features";
    if (stage == FMPNN_STAGE_EMBEDDING)
        return "edge embedding";
    if (stage >= FMPNN_STAGE_ENCODER && stage < FMPNN_STAGE_ENCODER + BENCH_LAYERS) {
        snprintf(text, 32, "encoder layer %zu", stage - FMPNN_STAGE_ENCODER + 1);
        return text;
    }
    if (stage == bench_stage_of(FMPNN_STAGE_CONTEXT, 0))
        return "context atoms";
    if (stage == bench_stage_of(FMPNN_STAGE_TABLES, 0))
        return "decoder tables";
    if (stage == bench_stage_of(FMPNN_STAGE_DECODE, 0))
        return "decode";
    return stage == bench_stage_of(FMPNN_STAGE_OUTPUT, 0) ? "output" : NULL;
}

static _Thread_local double previous;

static void lap(fmpnn_watch *self, fmpnn_stage stage, size_t layer)
{
    bench_watch *watch = (bench_watch *)self;
    size_t at = bench_stage_of(stage, layer);
    double now = bench_now();
    if (stage != FMPNN_STAGE_NONE)
        atomic_fetch_add(&watch->ns[at], (int64_t)((now - previous) * 1e6));
    if (watch->counting) {
        bench_counts counts = bench_counted_take();
        watch->counts[at].product_flops += counts.product_flops;
        watch->counts[at].other_flops += counts.other_flops;
        watch->counts[at].curves += counts.curves;
        watch->counts[at].row_bytes += counts.row_bytes;
    }
    previous = bench_now();
}

double bench_watch_ms(const bench_watch *watch, size_t stage)
{
    return (double)atomic_load(&watch->ns[stage]) * 1e-6;
}

void bench_watch_start(bench_watch *watch, bool counting)
{
    memset(watch->counts, 0, sizeof watch->counts);
    for (size_t s = 0; s < BENCH_STAGES; s++)
        atomic_init(&watch->ns[s], 0);
    watch->watch.lap = lap;
    watch->counting = counting;
    if (counting)
        bench_counted_take();
    previous = bench_now();
}
