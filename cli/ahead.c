#include "ahead.h"
#include "device.h"
#include "report.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 2,         /* inputs in flight for each thread: evens out sizes */
    DEVICE_WINDOW = 64, /* the same where a device takes many together */
    TOGETHER = 64, /* inputs that a device takes at a time: 64 fill it, and with fewer the first
                    * results are there sooner */
    ENOUGH = 32,        /* the fewest that are worth it while it is busy with others */
    SEVERAL = 16, /* inputs from which a device gets two threads: one hands over results
                           while the other's are computed */
    MOST_COMPUTING = 64,
    MOST_BYTES = 1 << 30 /* in flight */
};

typedef enum stage {
    FREE,
    BEGUN,    /* a thread has it */
    PREPARED, /* waits for a device */
    READY
} stage;

typedef struct slot {
    prepared prepared;
    size_t bytes; /* of it, until the caller is done with it */
    stage stage;
} slot;

typedef struct worker {
    ahead *a;
    batch view; /* a copy of the batch; with a context of its own, if it computes */
    pthread_t thread;
    size_t *busy; /* of those that compute: how many do, on the same device */
} worker;

struct ahead {
    size_t count; /* inputs */
    ahead_work work;
    worker *worker;
    size_t workers;
    bool device; /* the first of the workers only prepare, one or two a device compute */
    pthread_mutex_t lock;
    pthread_cond_t room;    /* for those that prepare: another may be begun */
    pthread_cond_t waiting; /* for those that compute: one is prepared */
    pthread_cond_t news;    /* for the caller: one is ready */
    slot *slot;             /* [slots] input n is in slot n % slots */
    size_t slots;
    size_t taken; /* inputs that workers took */
    size_t given; /* that the caller got */
    size_t done;  /* that the caller is done with */
    size_t bytes; /* of those in flight */
    size_t busy[MOST_COMPUTING];
    bool stop;
};

void prepared_clear(prepared *p)
{
    parcel_clear(&p->parcel);
    fmpnn_job_free(p->job);
    fmpnn_structure_free(p->st);
    *p = (prepared){0};
}

/* Whether another input may be begun. */
static bool has_room(const ahead *a)
{
    return a->taken < a->done + a->slots && (a->bytes < MOST_BYTES || a->taken == a->done);
}

static void set_stage(ahead *a, slot *s, stage next)
{
    s->stage = next;
    if (next == READY)
        pthread_cond_signal(&a->news);
    else if (next == PREPARED)
        pthread_cond_broadcast(&a->waiting);
}

static void *prepare_inputs(void *argument)
{
    worker *w = argument;
    ahead *a = w->a;
    pthread_mutex_lock(&a->lock);
    while (!a->stop && a->taken < a->count) {
        if (!has_room(a)) {
            pthread_cond_wait(&a->room, &a->lock);
            continue;
        }
        size_t n = a->taken++;
        slot *s = &a->slot[n % a->slots];
        prepared *p = &s->prepared;
        s->stage = BEGUN;
        pthread_mutex_unlock(&a->lock);
        a->work.prepare(a->work.of, &w->view, n, p);
        if (p->small && !a->device)
            a->work.compute(a->work.of, &w->view, 1, &n, &p);
        pthread_mutex_lock(&a->lock);
        s->bytes = p->bytes;
        a->bytes += s->bytes;
        set_stage(a, s, p->small && a->device ? PREPARED : READY);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* What waits for a device, at most TOGETHER of it; it counts as begun from now on. Nothing if it is
 * so little that a busy device would not miss it. */
static size_t collect(ahead *a, bool busy, size_t *n, prepared **p)
{
    size_t count = 0, coming = a->count - a->taken;
    for (size_t k = a->done; k < a->taken && count < TOGETHER; k++) {
        slot *s = &a->slot[k % a->slots];
        coming += s->stage == BEGUN && !s->prepared.computing;
        if (s->stage != PREPARED)
            continue;
        n[count] = k;
        p[count++] = &s->prepared;
    }
    if (busy && coming && count < ENOUGH)
        return 0;
    for (size_t k = 0; k < count; k++) {
        a->slot[n[k] % a->slots].stage = BEGUN;
        p[k]->computing = true;
    }
    return count;
}

static void *compute_inputs(void *argument)
{
    worker *w = argument;
    ahead *a = w->a;
    size_t n[TOGETHER];
    prepared *p[TOGETHER];
    pthread_mutex_lock(&a->lock);
    while (!a->stop && a->done < a->count) {
        size_t count = collect(a, *w->busy > 0, n, p);
        if (!count) {
            pthread_cond_wait(&a->waiting, &a->lock);
            continue;
        }
        ++*w->busy;
        pthread_mutex_unlock(&a->lock);
        a->work.compute(a->work.of, &w->view, count, n, p);
        pthread_mutex_lock(&a->lock);
        --*w->busy;
        for (size_t k = 0; k < count; k++)
            set_stage(a, &a->slot[n[k] % a->slots], READY);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* A context like the batch's, on device number `device`, if it is one. */
static fmpnn_context *another(const batch *b, int threads, int device)
{
    fmpnn_context *ctx = NULL;
    fmpnn_error ignored;
    fmpnn_context_options how;
    char name[32];
    fmpnn_context_options_default(&how);
    how.device = fmpnn_context_device(b->ctx);
    if (b->devices) {
        snprintf(name, sizeof name, "cuda:%d", device);
        how.device = name;
    } else {
        how.isa = fmpnn_context_isa(b->ctx);
    }
    how.precision = fmpnn_context_precision(b->ctx);
    how.threads = threads;
    how.max_memory = (size_t)b->options.max_memory;
    fmpnn_context_create(&how, &ctx, &ignored);
    return ctx;
}

/* False if there is no thread to be had, or no context where one is needed. */
static bool start_worker(ahead *a, const batch *b, fmpnn_context *ctx, size_t *busy,
                         void *(*run)(void *argument))
{
    worker *w = &a->worker[a->workers];
    w->a = a;
    w->busy = busy;
    w->view = *b;
    w->view.run = NULL;
    w->view.ctx = ctx;
    if (pthread_create(&w->thread, NULL, run, w)) {
        fmpnn_context_free(ctx);
        return false;
    }
    a->workers++;
    return true;
}

static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all); /* interrupts are for the caller */
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static void start_preparing(ahead *a, const batch *b, size_t wanted)
{
    sigset_t before;
    block_signals(&before);
    while (a->workers < wanted) {
        fmpnn_context *ctx = a->device ? NULL : another(b, 1, 0);
        if ((!ctx && !a->device) || !start_worker(a, b, ctx, NULL, prepare_inputs))
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

ahead *ahead_compute(ahead *a, const batch *b)
{
    sigset_t before;
    if (!a || !a->device)
        return a;
    size_t each = a->count < SEVERAL ? 1 : 2, devices = (size_t)b->devices, started = 0;
    int threads = fmpnn_context_threads(b->ctx);
    threads = threads > 8 ? threads / 4 : threads < 2 ? threads : 2;
    block_signals(&before);
    for (size_t k = 0; k < each * devices && k < MOST_COMPUTING; k++) {
        fmpnn_context *ctx = another(b, threads, b->first_device + (int)(k % devices));
        started += ctx && start_worker(a, b, ctx, &a->busy[k % devices], compute_inputs);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        return a;
    ahead_stop(a);
    return NULL;
}

bool ahead_is_worth(const batch *b)
{
    return b->work->size && b->inputs.count >= SEVERAL;
}

ahead *ahead_start(const batch *b, ahead_work what)
{
    size_t threads = (size_t)device_threads(b);
    bool device = b->devices > 0;
    /* On the CPU a limit is for one structure at a time: shared out, it would fit none. */
    if (!b->work->size || b->inputs.count < 2 ||
        (!device && (b->options.max_memory || threads < 2 ||
                     strcmp(fmpnn_context_device(b->ctx), "cpu") != 0)))
        return NULL;
    if (threads > b->inputs.count)
        threads = b->inputs.count;
    ahead *a = checked_alloc(1, sizeof *a);
    a->count = b->inputs.count;
    a->work = what;
    a->device = device;
    a->slots = device ? DEVICE_WINDOW * threads + TOGETHER : WINDOW * threads;
    a->slot = checked_alloc(a->slots, sizeof *a->slot);
    a->worker = checked_alloc(threads + (device ? MOST_COMPUTING : 0), sizeof *a->worker);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->room, NULL);
    pthread_cond_init(&a->waiting, NULL);
    pthread_cond_init(&a->news, NULL);
    /* with a device, cores are left for the caller and those that compute */
    start_preparing(a, b, device && threads > 4 ? threads - 2 : threads);
    if (a->workers == 0) {
        ahead_stop(a);
        return NULL;
    }
    return a;
}

prepared *ahead_next(ahead *a)
{
    slot *s = &a->slot[a->given % a->slots];
    pthread_mutex_lock(&a->lock);
    if (a->done < a->given) {
        slot *last = &a->slot[a->done % a->slots];
        bool crowded = a->bytes >= MOST_BYTES; /* room for several, perhaps */
        a->bytes -= last->bytes;
        a->done++;
        set_stage(a, last, FREE);
        if (crowded)
            pthread_cond_broadcast(&a->room);
        else
            pthread_cond_signal(&a->room);
    }
    while (s->stage != READY)
        pthread_cond_wait(&a->news, &a->lock);
    a->given++;
    pthread_mutex_unlock(&a->lock);
    return &s->prepared;
}

void ahead_stop(ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->room);
    pthread_cond_broadcast(&a->waiting);
    pthread_mutex_unlock(&a->lock);
    for (size_t n = 0; n < a->workers; n++) {
        pthread_join(a->worker[n].thread, NULL);
        fmpnn_context_free(a->worker[n].view.ctx);
    }
    for (size_t n = 0; n < a->slots; n++)
        prepared_clear(&a->slot[n].prepared);
    pthread_cond_destroy(&a->news);
    pthread_cond_destroy(&a->waiting);
    pthread_cond_destroy(&a->room);
    pthread_mutex_destroy(&a->lock);
    free(a->worker);
    free(a->slot);
    free(a);
}
