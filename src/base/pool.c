/* The state of a call is one word, the ticket: which turn it is (phases are counted through, call
 * after call), and how many items are left to take. Taking an item is a compare-and-swap on it,
 * so nobody can take an item of a phase that is over. What a phase is (its number, its count) is
 * written only while no item of it is out, and so needs no lock.
 *
 * Who sleeps says so before looking once more, and who changes a word looks at the sleepers after
 * it (both sequentially consistent): one of the two sees the other. */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE = 64,
    NOWHERE = -1,
    SHORT_SPIN_NS = 2000, /* before it pays to ask who else is on this core */
    SPIN_NS = 50000,     /* longer than the items that phases usually end with */
    LEAST_SPIN_NS = 500, /* after many waits in vain: other work has the cores */
    WAKE_NS = 50000,     /* what a sleeper may take to wake; the system's slices are longer */
    LOOKS_A_TIME = 16    /* between two looks at the clock */
};

#define TURN UINT64_C(0x100000000) /* a ticket: turn * TURN + items left */

/* A thread's place. Seat 0 is the caller's. */
typedef struct seat {
    _Alignas(LINE) atomic_bool asleep;
    atomic_int core; /* where it took its last item; NOWHERE: it is not at work */
    pthread_mutex_t lock;
    pthread_cond_t called;
    fmpnn_pool *pool;
    int number;
    long patience; /* ns to spin for the next phase */
    uint64_t call; /* the last it has seen */
    pthread_t thread;
} seat;

struct fmpnn_pool {
    seat *seat;         /* [seats] */
    int seats, started; /* started: seats with a thread, the caller's included */
    pid_t process;      /* whose threads they are */

    /* The call. */
    const fmpnn_task *task;
    char *lanes;
    int width;           /* threads that may take part */
    size_t phase, count; /* of the turn */

    _Alignas(LINE) atomic_uint_fast64_t ticket;
    _Alignas(LINE) atomic_size_t done;        /* items of this phase */
    _Alignas(LINE) atomic_uint_fast64_t call; /* calls so far */
    atomic_bool open;                         /* the call is going on */
    atomic_bool failed;                       /* a lane could not be entered */
    atomic_bool stop;
    _Alignas(LINE)
        atomic_int inside; /* threads, without the caller, that may look at the call */
};

/* ---- waiting ---- */

typedef bool condition(const fmpnn_pool *pool, uint64_t seen);

static bool turn_over(const fmpnn_pool *pool, uint64_t turn)
{
    return atomic_load(&pool->ticket) / TURN != turn;
}

static bool new_call(const fmpnn_pool *pool, uint64_t call)
{
    return atomic_load(&pool->call) != call;
}

static bool all_out(const fmpnn_pool *pool, uint64_t unused)
{
    (void)unused;
    return atomic_load(&pool->inside) == 0;
}

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool spin(const fmpnn_pool *pool, condition *met, uint64_t seen, long ns)
{
    int64_t end = 0;
    do {
        for (int n = 0; n < LOOKS_A_TIME; n++) {
            if (met(pool, seen))
                return true;
            pause_briefly();
        }
        if (!end)
            end = now_ns() + ns;
    } while (now_ns() < end);
    return false;
}

static void sleep_until(seat *s, condition *met, uint64_t seen)
{
    atomic_store(&s->asleep, true);
    pthread_mutex_lock(&s->lock);
    while (!met(s->pool, seen))
        pthread_cond_wait(&s->called, &s->lock);
    pthread_mutex_unlock(&s->lock);
    atomic_store(&s->asleep, false);
}

static void wake(seat *s)
{
    if (!atomic_load(&s->asleep))
        return;
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->called);
    pthread_mutex_unlock(&s->lock);
}

static int core_here(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return NOWHERE;
#endif
}

/* Another thread of the call works where this one spins: it waits for us, not we for it. */
static bool core_is_shared(const seat *s)
{
    const fmpnn_pool *pool = s->pool;
    int here = core_here();
    for (int n = 0; n < pool->seats && here != NOWHERE; n++)
        if (n != s->number && atomic_load(&pool->seat[n].core) == here)
            return true;
    return false;
}

/* Spin for a while; on a shared core let the other go on instead. Not by sleeping: the system
 * spreads what is runnable over idle cores, sleepers it wakes where they slept. */
static bool wait_awake(const seat *s, condition *met, uint64_t seen, long ns)
{
    int64_t end = now_ns() + ns;
    if (spin(s->pool, met, seen, ns < SHORT_SPIN_NS ? ns : SHORT_SPIN_NS))
        return true;
    while (now_ns() < end) {
        if (core_is_shared(s))
            sched_yield();
        if (spin(s->pool, met, seen, 0))
            return true;
    }
    return false;
}

static void wait_until(seat *s, condition *met, uint64_t seen)
{
    if (!wait_awake(s, met, seen, SPIN_NS))
        sleep_until(s, met, seen);
}

/* Where cores are short, whoever holds the last item may be the one we keep from its core: each
 * wait that outlasts what a sleeper needs to wake halves the patience. A shorter one restores
 * it, also one that was slept through: else a thread that once lost patience would sleep at
 * the end of every phase for good (0.050 ms instead of 0.036 for a call of two phases). */
static void wait_for_turn(seat *s, uint64_t turn)
{
    int64_t begin = now_ns();
    if (!wait_awake(s, turn_over, turn, s->patience))
        sleep_until(s, turn_over, turn);
    if (now_ns() - begin < SPIN_NS + WAKE_NS)
        s->patience = SPIN_NS;
    else
        s->patience = s->patience > 2 * LEAST_SPIN_NS ? s->patience / 2 : LEAST_SPIN_NS;
}

/* ---- working ---- */

/* The first phase from `phase` on that has items; its count, or 0 at the end of the task. */
static size_t find_phase(fmpnn_pool *pool, size_t phase)
{
    const fmpnn_task *task = pool->task;
    size_t count = 0;
    for (; phase < task->phases && !atomic_load(&pool->failed); phase++) {
        count = task->fixed ? (size_t)pool->width : task->items(task->of, phase);
        if (count)
            break;
    }
    pool->phase = phase;
    pool->count = count;
    return count;
}

/* All items are done: on to the next phase, or to the end. */
static void advance(fmpnn_pool *pool)
{
    uint64_t turn = atomic_load(&pool->ticket) / TURN + 1;
    size_t count = find_phase(pool, pool->phase + 1);
    int width = pool->width;
    atomic_store(&pool->done, 0);
    if (!count)
        atomic_store(&pool->open, false);
    atomic_store(&pool->ticket, turn * TURN + count);
    for (int n = 0; n < width; n++)
        wake(&pool->seat[n]);
}

/* Take item *n of the turn that `ticket` shows; `last` is the last turn of this thread. */
static bool take(fmpnn_pool *pool, const seat *s, uint64_t ticket, uint64_t *last,
                 size_t *n)
{
    uint64_t turn = ticket / TURN, left = ticket % TURN;
    if (pool->task->fixed) {
        if (turn == *last)
            return false;
        *last = turn;
        *n = (size_t)s->number;
        return true;
    }
    while (left) {
        if (atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket - 1)) {
            *n = pool->count - left;
            return true;
        }
        left = ticket / TURN == turn ? ticket % TURN : 0;
    }
    return false;
}

static void work(fmpnn_pool *pool, seat *s)
{
    const fmpnn_task *task = pool->task;
    void *lane = pool->lanes + (size_t)s->number * task->lane_size;
    bool entered = false;
    uint64_t last = UINT64_MAX;
    for (;;) {
        uint64_t ticket = atomic_load(&pool->ticket);
        size_t n, count;
        if (!atomic_load(&pool->open))
            break;
        if (!take(pool, s, ticket, &last, &n)) {
            wait_for_turn(s, ticket / TURN);
            continue;
        }
        atomic_store_explicit(&s->core, core_here(), memory_order_relaxed);
        if (!entered && task->enter && !task->enter(task->of, lane))
            atomic_store(&pool->failed, true);
        entered = true;
        if (!atomic_load(&pool->failed))
            task->item(task->of, pool->phase, n, lane);
        count = pool->count; /* another's as soon as our item is counted */
        if (atomic_fetch_add(&pool->done, 1) + 1 == count)
            advance(pool);
    }
    if (entered && task->leave)
        task->leave(task->of, lane);
    atomic_store_explicit(&s->core, NOWHERE, memory_order_relaxed);
}

static void *worker(void *argument)
{
    seat *s = argument;
    fmpnn_pool *pool = s->pool;
    for (;;) {
        wait_until(s, new_call, s->call);
        s->call = atomic_load(&pool->call);
        if (atomic_load(&pool->stop))
            return NULL;
        atomic_fetch_add(&pool->inside, 1);
        if (atomic_load(&pool->open) && s->number < pool->width)
            work(pool, s);
        if (atomic_fetch_sub(&pool->inside, 1) == 1)
            wake(&pool->seat[0]);
    }
}

/* ---- the pool ---- */

static void reset(fmpnn_pool *pool)
{
    pool->started = 1;
    pool->process = getpid();
    atomic_store(&pool->inside, 0);
    for (int n = 0; n < pool->seats; n++) {
        seat *s = &pool->seat[n];
        atomic_store(&s->asleep, false);
        atomic_store(&s->core, NOWHERE);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->called, NULL);
        s->pool = pool;
        s->number = n;
        s->patience = SPIN_NS;
    }
}

fmpnn_pool *fmpnn_pool_create(int threads)
{
    fmpnn_pool *pool = fmpnn_alloc_zero(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->seats = threads < 1 ? 1 : threads;
    pool->seat = fmpnn_alloc_zero((size_t)pool->seats, sizeof *pool->seat);
    if (!pool->seat) {
        fmpnn_release(pool);
        return NULL;
    }
    reset(pool);
    return pool;
}

void fmpnn_pool_free(fmpnn_pool *pool)
{
    if (!pool)
        return;
    if (pool->process == getpid()) {
        atomic_store(&pool->stop, true);
        atomic_fetch_add(&pool->call, 1);
        for (int n = 1; n < pool->started; n++)
            wake(&pool->seat[n]);
        for (int n = 1; n < pool->started; n++)
            pthread_join(pool->seat[n].thread, NULL);
        for (int n = 0; n < pool->seats; n++) {
            pthread_cond_destroy(&pool->seat[n].called);
            pthread_mutex_destroy(&pool->seat[n].lock);
        }
    }
    fmpnn_release(pool->seat);
    fmpnn_release(pool);
}

int fmpnn_pool_start(fmpnn_pool *pool, int threads)
{
    sigset_t all, before;
    if (!pool || threads <= 1)
        return 1;
    if (pool->process != getpid())
        reset(pool); /* after fork() the threads are the parent's, and so are the locks */
    if (threads > pool->seats)
        threads = pool->seats;
    if (threads <= pool->started)
        return threads;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; pool->started < threads; pool->started++) {
        seat *s = &pool->seat[pool->started];
        s->call = atomic_load(&pool->call);
        if (pthread_create(&s->thread, NULL, worker, s))
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return threads < pool->started ? threads : pool->started;
}

/* ---- calls ---- */

static bool run_alone(const fmpnn_task *task, void *lane)
{
    bool good = !task->enter || task->enter(task->of, lane);
    for (size_t phase = 0; phase < task->phases && good; phase++) {
        size_t count = task->fixed ? 1 : task->items(task->of, phase);
        for (size_t n = 0; n < count; n++)
            task->item(task->of, phase, n, lane);
    }
    if (task->leave)
        task->leave(task->of, lane);
    return good;
}

static bool run_together(fmpnn_pool *pool, int threads, const fmpnn_task *task, void *lanes)
{
    uint64_t turn = atomic_load(&pool->ticket) / TURN + 1;
    pool->task = task;
    pool->lanes = lanes;
    pool->width = threads;
    atomic_store(&pool->failed, false);
    atomic_store(&pool->done, 0);
    size_t count = find_phase(pool, 0);
    if (!count)
        return true;
    atomic_store(&pool->ticket, turn * TURN + count);
    atomic_store(&pool->open, true);
    atomic_fetch_add(&pool->call, 1);
    for (int n = 1; n < threads; n++)
        wake(&pool->seat[n]);
    work(pool, &pool->seat[0]);
    wait_until(&pool->seat[0], all_out, 0);
    return !atomic_load(&pool->failed);
}

bool fmpnn_pool_run(fmpnn_pool *pool, int threads, const fmpnn_task *task)
{
    threads = fmpnn_pool_start(pool, threads);
    void *made = NULL, *lanes = task->lanes;
    if (!lanes && task->lane_size) {
        lanes = made = fmpnn_alloc_zero((size_t)threads, task->lane_size);
        if (!made)
            return false;
    }
    bool good =
        threads > 1 ? run_together(pool, threads, task, lanes) : run_alone(task, lanes);
    fmpnn_release(made);
    return good;
}

typedef struct each {
    void (*item)(void *of, size_t n);
    void *of;
    size_t count;
} each;

static size_t each_items(void *of, size_t phase)
{
    (void)phase;
    return ((const each *)of)->count;
}

static void each_item(void *of, size_t phase, size_t n, void *lane)
{
    const each *e = of;
    (void)phase;
    (void)lane;
    e->item(e->of, n);
}

void fmpnn_pool_each(fmpnn_pool *pool, int threads, size_t count,
                     void (*item)(void *of, size_t n), void *of)
{
    each e = {item, of, count};
    if (threads > 1 && count < (size_t)threads) /* waking a thread takes longer than some items */
        threads = (int)count;
    fmpnn_task task = {.of = &e, .phases = 1, .items = each_items, .item = each_item};
    fmpnn_pool_run(pool, threads, &task);
}
