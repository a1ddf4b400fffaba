#define _GNU_SOURCE
#include "calm.h"

#include <stdlib.h>

#ifdef __linux__
#include <dirent.h>
#include <sched.h>

enum {
    TRIES = 3, /* of which the worst says how disturbed, the best what is possible */
    LOOPS = 2
};
#define CALM 0.85 /* of the best rate */

struct bench_processors {
    cpu_set_t allowed, chosen;
};

static void stay_on(const cpu_set_t *set)
{
    sched_setaffinity(0, sizeof *set, set);
}

/* Millions of operations a millisecond, say: only ratios are looked at. */
static void probe(const bench_calm *c, double rate[LOOPS])
{
    float sink = 0;
    double begin = bench_now(), work = c->loops->multiply_add(&sink), middle = bench_now();
    rate[0] = work / (middle - begin);
    rate[1] = 0;
    if (c->matrix) {
        work = c->matrix(&sink);
        rate[1] = work / (bench_now() - middle);
    }
}

/* The worst of several looks at the processor this runs on, as a fraction of the best there is. */
static double calmness(bench_calm *c)
{
    double worst = 1, warm[LOOPS];
    probe(c, warm); /* code and clock have come, an idle unit is awake */
    for (int n = 0; n < TRIES; n++) {
        double rate[LOOPS];
        probe(c, rate);
        for (int loop = 0; loop < LOOPS; loop++) {
            c->best[loop] = rate[loop] > c->best[loop] ? rate[loop] : c->best[loop];
            if (c->best[loop] > 0 && rate[loop] / c->best[loop] < worst)
                worst = rate[loop] / c->best[loop];
        }
    }
    return worst;
}

static double calmness_of(bench_calm *c, int processor)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    stay_on(&one);
    return calmness(c);
}

static void move_all(const char *tasks, const cpu_set_t *set)
{
    DIR *folder = opendir(tasks);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            sched_setaffinity((pid_t)atol(entry->d_name), sizeof *set, set);
    if (folder)
        closedir(folder);
}

fmpnn_status bench_calm_open(bench_calm *c, const fmpnn_context *ctx, fmpnn_error *err)
{
    const char *seconds = getenv("FMPNN_BENCH_CALM");
    *c = (bench_calm){0};
    if (!seconds || !(atof(seconds) > 0))
        return FMPNN_OK;
    c->processors = fmpnn_alloc_zero(1, sizeof *c->processors);
    if (!c->processors)
        return fmpnn_fail_memory(err, "looking for calm processors");
    sched_getaffinity(0, sizeof c->processors->allowed, &c->processors->allowed);
    c->processors->chosen = c->processors->allowed;
    c->until = atof(seconds) * 1e3;
    c->threads = fmpnn_context_threads(ctx);
    c->loops = bench_loops_for(fmpnn_context_isa(ctx));
    c->matrix = bench_matrix_loop_for(fmpnn_context_isa(ctx), fmpnn_context_precision(ctx));
    return FMPNN_OK;
}

void bench_calm_start(bench_calm *c)
{
    if (c->processors)
        c->until += bench_now();
}

bool bench_calm_now(bench_calm *c)
{
    bool calm = true;
    if (!c->processors)
        return true;
    for (int n = 0; n < CPU_SETSIZE && calm; n++)
        if (CPU_ISSET(n, &c->processors->chosen))
            calm = calmness_of(c, n) >= CALM;
    stay_on(&c->processors->chosen);
    return calm;
}

void bench_calm_move(bench_calm *c, long child)
{
    if (!c->processors)
        return;
    cpu_set_t left = c->processors->allowed, *chosen = &c->processors->chosen;
    double found[CPU_SETSIZE] = {0};
    char tasks[64];
    for (int pass = 0; pass < 2; pass++) /* the first finds the best rates */
        for (int n = 0; n < CPU_SETSIZE; n++)
            if (CPU_ISSET(n, &left))
                found[n] = calmness_of(c, n);
    CPU_ZERO(chosen);
    for (int t = 0; t < c->threads && CPU_COUNT(&left); t++) {
        int best = -1;
        for (int n = 0; n < CPU_SETSIZE; n++)
            if (CPU_ISSET(n, &left) && (best < 0 || found[n] > found[best]))
                best = n;
        CPU_CLR(best, &left);
        CPU_SET(best, chosen);
    }
    move_all("/proc/self/task", chosen);
    if (child > 0) {
        snprintf(tasks, sizeof tasks, "/proc/%ld/task", child);
        move_all(tasks, chosen);
    }
    c->moves++;
}

void bench_calm_close(bench_calm *c)
{
    if (c->processors)
        move_all("/proc/self/task", &c->processors->allowed);
    fmpnn_release(c->processors);
    c->processors = NULL;
}

#else

fmpnn_status bench_calm_open(bench_calm *c, const fmpnn_context *ctx, fmpnn_error *err)
{
    (void)ctx;
    (void)err;
    *c = (bench_calm){0};
    return FMPNN_OK;
}

void bench_calm_start(bench_calm *c)
{
    (void)c;
}

bool bench_calm_now(bench_calm *c)
{
    (void)c;
    return true;
}

void bench_calm_move(bench_calm *c, long child)
{
    (void)c;
    (void)child;
}

void bench_calm_close(bench_calm *c)
{
    (void)c;
}

#endif
