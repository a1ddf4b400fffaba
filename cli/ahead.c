#include "ahead.h"
#include "report.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 2 /* inputs in flight for each thread: bounds memory, evens out sizes */
};

typedef struct slot {
    prepared prepared;
    bool ready;
} slot;

typedef struct worker {
    ahead *a;
    batch view; /* a copy of the batch with a context of its own */
    pthread_t thread;
} worker;

struct ahead {
    size_t count; /* inputs */
    prepare *run;
    void *of;
    worker *worker;
    size_t workers;
    pthread_mutex_t lock;
    pthread_cond_t room, news; /* for workers: a slot is free; for the caller: one is ready */
    slot *slot;                /* [slots] input n is in slot n % slots */
    size_t slots;
    size_t taken, given, done; /* inputs that workers took, that the caller got, is done with */
    bool stop;
};

void prepared_clear(prepared *p)
{
    parcel_clear(&p->parcel);
    fmpnn_job_free(p->job);
    fmpnn_structure_free(p->st);
    *p = (prepared){0};
}

static void *work_ahead(void *argument)
{
    worker *w = argument;
    ahead *a = w->a;
    pthread_mutex_lock(&a->lock);
    while (!a->stop && a->taken < a->count) {
        if (a->taken >= a->done + a->slots) {
            pthread_cond_wait(&a->room, &a->lock);
            continue;
        }
        size_t n = a->taken++;
        slot *s = &a->slot[n % a->slots];
        pthread_mutex_unlock(&a->lock);
        a->run(a->of, &w->view, n, false, &s->prepared);
        pthread_mutex_lock(&a->lock);
        s->ready = true;
        pthread_cond_signal(&a->news);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* A context like the batch's, of one thread. */
static fmpnn_context *one_thread(const batch *b)
{
    fmpnn_context *ctx = NULL;
    fmpnn_error ignored;
    fmpnn_context_options how;
    fmpnn_context_options_default(&how);
    how.device = fmpnn_context_device(b->ctx);
    how.isa = fmpnn_context_isa(b->ctx);
    how.precision = fmpnn_context_precision(b->ctx);
    how.threads = 1;
    fmpnn_context_create(&how, &ctx, &ignored);
    return ctx;
}

static void start_workers(ahead *a, const batch *b, size_t wanted)
{
    sigset_t all, before;
    sigfillset(&all); /* interrupts are for the caller */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; a->workers < wanted; a->workers++) {
        worker *w = &a->worker[a->workers];
        w->a = a;
        w->view = *b;
        w->view.run = NULL;
        w->view.ctx = one_thread(b);
        if (!w->view.ctx)
            break;
        if (pthread_create(&w->thread, NULL, work_ahead, w)) {
            fmpnn_context_free(w->view.ctx);
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

ahead *ahead_start(const batch *b, prepare *run, void *of)
{
    size_t threads = (size_t)fmpnn_context_threads(b->ctx);
    /* A limit is for one structure at a time: shared out, it would fit none. */
    if (!b->work->size || b->options.max_memory || threads < 2 || b->inputs.count < 2 ||
        strcmp(fmpnn_context_device(b->ctx), "cpu") != 0)
        return NULL;
    if (threads > b->inputs.count)
        threads = b->inputs.count;
    ahead *a = checked_alloc(1, sizeof *a);
    a->count = b->inputs.count;
    a->run = run;
    a->of = of;
    a->slots = WINDOW * threads;
    a->slot = checked_alloc(a->slots, sizeof *a->slot);
    a->worker = checked_alloc(threads, sizeof *a->worker);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->room, NULL);
    pthread_cond_init(&a->news, NULL);
    start_workers(a, b, threads);
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
        a->slot[a->done % a->slots].ready = false;
        a->done++;
        pthread_cond_signal(&a->room);
    }
    while (!s->ready)
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
    pthread_mutex_unlock(&a->lock);
    for (size_t n = 0; n < a->workers; n++) {
        pthread_join(a->worker[n].thread, NULL);
        fmpnn_context_free(a->worker[n].view.ctx);
    }
    for (size_t n = 0; n < a->slots; n++)
        prepared_clear(&a->slot[n].prepared);
    pthread_cond_destroy(&a->news);
    pthread_cond_destroy(&a->room);
    pthread_mutex_destroy(&a->lock);
    free(a->worker);
    free(a->slot);
    free(a);
}
