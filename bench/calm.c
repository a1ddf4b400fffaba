#define _GNU_SOURCE
#include "calm.h"

#include <jansson.h>
#include <stdlib.h>

#ifdef __linux__
#include <dirent.h>
#include <sched.h>
#include <unistd.h>

enum {
    TRIES = 3, /* of which the worst says how disturbed, the best what is possible */
    LOOPS = 2
};
#define CALM 0.85 /* of the best rate */

struct bench_processors {
    cpu_set_t allowed;
    int count, chosen[CPU_SETSIZE];
};

static void stay_on(pid_t task, int processor)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(task, sizeof one, &one);
}

/* Only ratios are looked at. */
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
    stay_on(0, processor);
    return calmness(c);
}

/* A process's threads, each to a processor of its own: left to the system, two that have slept may wake on
 * one. The first thread computes and so do those of a pool, in their order. */
static void place(const struct bench_processors *p, pid_t process)
{
    char path[64];
    struct dirent *entry;
    int others = 0;
    snprintf(path, sizeof path, "/proc/%ld/task", (long)process);
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        const pid_t task = (pid_t)atol(entry->d_name);
        if (task == process)
            stay_on(task, p->chosen[0]);
        else if (task > 0)
            stay_on(task, p->chosen[p->count > 1 ? 1 + others++ % (p->count - 1) : 0]);
    }
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
    struct bench_processors *p = c->processors;
    bool calm = true;
    if (!p)
        return true;
    for (int n = p->count - 1; n >= 0; n--) /* the first last: there this thread stays */
        calm &= calmness_of(c, p->chosen[n]) >= CALM;
    return calm;
}

void bench_calm_move(bench_calm *c, long child)
{
    struct bench_processors *p = c->processors;
    if (!p)
        return;
    cpu_set_t left = p->allowed;
    double found[CPU_SETSIZE] = {0};
    for (int pass = 0; pass < 2; pass++) /* the first finds the best rates */
        for (int n = 0; n < CPU_SETSIZE; n++)
            if (CPU_ISSET(n, &left))
                found[n] = calmness_of(c, n);
    for (p->count = 0; p->count < c->threads && CPU_COUNT(&left); p->count++) {
        int best = -1;
        for (int n = 0; n < CPU_SETSIZE; n++)
            if (CPU_ISSET(n, &left) && (best < 0 || found[n] > found[best]))
                best = n;
        CPU_CLR(best, &left);
        p->chosen[p->count] = best;
    }
    place(p, getpid());
    if (child > 0)
        place(p, (pid_t)child);
    c->moves++;
}

void bench_calm_end(bench_calm *c)
{
    if (c->processors)
        sched_setaffinity(0, sizeof c->processors->allowed, &c->processors->allowed);
}

static json_t *processors_of(const bench_calm *c)
{
    json_t *all = json_array();
    for (int n = 0; c->processors && n < c->processors->count; n++)
        json_array_append_new(all, json_integer(c->processors->chosen[n]));
    return all;
}

void bench_calm_close(bench_calm *c)
{
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

void bench_calm_end(bench_calm *c)
{
    (void)c;
}

static json_t *processors_of(const bench_calm *c)
{
    (void)c;
    return json_array();
}

void bench_calm_close(bench_calm *c)
{
    (void)c;
}

#endif

json_t *bench_calm_json(const bench_calm *c, const char *counted)
{
    json_t *object = json_object();
    json_object_set_new(object, counted, json_integer((json_int_t)c->kept));
    json_object_set_new(object, "disturbed", json_integer((json_int_t)c->disturbed));
    json_object_set_new(object, "discarded", json_integer((json_int_t)c->discarded));
    json_object_set_new(object, "moves", json_integer((json_int_t)c->moves));
    json_object_set_new(object, "processors", processors_of(c));
    return object;
}
