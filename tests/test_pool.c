/* The thread pool: every item once, phases apart, lanes private, whatever the number of threads;
 * threads that never come hold up nobody; a child after fork() works on. */
#include "base/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const int thread_counts[] = {1, 2, 3, 8, 33};
enum { COUNTS = sizeof thread_counts / sizeof *thread_counts };

/* ---- a task whose result shows every rule that is broken ---- */

enum { PHASES = 40, MOST = 97 };

typedef struct chain {
    uint64_t value[PHASES][MOST]; /* of each item, from those of the phase before */
    atomic_int times[PHASES][MOST];
    atomic_int lanes, entered, left, inside, questions;
    bool failing;
} chain;

typedef struct mine {
    atomic_int users; /* more than one would be two threads in one lane */
    uint64_t scratch[64];
} mine;

static size_t width(size_t phase)
{
    static const size_t widths[] = {1, 0, 2, 7, 0, 0, MOST, 3, 64, 1};
    return widths[phase % (sizeof widths / sizeof *widths)];
}

static size_t count(void *of, size_t phase)
{
    atomic_fetch_add(&((chain *)of)->questions, 1);
    return width(phase);
}

static bool enter(void *of, void *lane)
{
    chain *c = of;
    (void)lane;
    atomic_fetch_add(&c->entered, 1);
    return !c->failing;
}

static void leave(void *of, void *lane)
{
    (void)lane;
    atomic_fetch_add(&((chain *)of)->left, 1);
}

/* Mixes all values of the last phase that had items. */
static void mix(void *of, size_t phase, size_t n, void *lane)
{
    chain *c = of;
    mine *m = lane;
    uint64_t sum = phase * 1000 + n + 1;
    size_t before = phase;
    assert_int_equal(atomic_fetch_add(&m->users, 1), 0);
    while (before > 0 && !width(--before))
        ;
    for (size_t k = 0; phase && k < width(before); k++) {
        m->scratch[k % 64] = c->value[before][k];
        sum = (sum ^ m->scratch[k % 64]) * UINT64_C(0x9E3779B97F4A7C15);
    }
    c->value[phase][n] = sum;
    atomic_fetch_add(&c->times[phase][n], 1);
    atomic_fetch_sub(&m->users, 1);
}

static fmpnn_task task_of(chain *c)
{
    return (fmpnn_task){.of = c,
                        .phases = PHASES,
                        .items = count,
                        .item = mix,
                        .lane_size = sizeof(mine),
                        .enter = enter,
                        .leave = leave};
}

static void check_chain(const chain *c, const chain *expected)
{
    for (size_t p = 0; p < PHASES; p++)
        for (size_t n = 0; n < MOST; n++) {
            assert_int_equal(atomic_load(&c->times[p][n]), n < width(p));
            assert_true(c->value[p][n] == expected->value[p][n]);
        }
    assert_int_equal(atomic_load(&c->questions), PHASES);
    assert_true(atomic_load(&c->entered) >= 1);
    assert_int_equal(atomic_load(&c->entered), atomic_load(&c->left));
}

static chain *run_chain(fmpnn_pool *pool, int threads)
{
    chain *c = calloc(1, sizeof *c);
    fmpnn_task task = task_of(c);
    assert_true(fmpnn_pool_run(pool, threads, &task));
    return c;
}

static void does_every_item_once_in_order_of_phases(void **state)
{
    (void)state;
    chain *expected = run_chain(NULL, 1);
    for (size_t t = 0; t < COUNTS; t++) {
        fmpnn_pool *pool = fmpnn_pool_create(thread_counts[t]);
        assert_non_null(pool);
        for (int repeat = 0; repeat < 50; repeat++) {
            chain *c = run_chain(pool, 1 + repeat % thread_counts[t]);
            check_chain(c, expected);
            assert_true(atomic_load(&c->entered) <= thread_counts[t]);
            free(c);
            if (repeat % 10 == 9)
                usleep(300); /* threads asleep */
        }
        fmpnn_pool_free(pool);
    }
    free(expected);
}

/* ---- what a caller may ask ---- */

static size_t nothing(void *of, size_t phase)
{
    (void)of;
    (void)phase;
    return 0;
}

static void accepts_tasks_without_work(void **state)
{
    (void)state;
    fmpnn_pool *pool = fmpnn_pool_create(3);
    chain c = {0};
    fmpnn_task none = {.of = &c, .phases = 5, .items = nothing, .item = mix};
    assert_true(fmpnn_pool_run(pool, 3, &none));
    none.phases = 0;
    assert_true(fmpnn_pool_run(pool, 3, &none));
    assert_true(fmpnn_pool_run(NULL, 3, &none));
    assert_int_equal(fmpnn_pool_start(NULL, 5), 1);
    assert_int_equal(fmpnn_pool_start(pool, 0), 1);
    assert_int_equal(fmpnn_pool_start(pool, 9), 3);
    fmpnn_pool_free(pool);
    fmpnn_pool_free(NULL);
}

static void reports_lanes_that_cannot_be_entered(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNTS; t++) {
        fmpnn_pool *pool = fmpnn_pool_create(thread_counts[t]);
        chain *c = calloc(1, sizeof *c);
        fmpnn_task task = task_of(c);
        c->failing = true;
        assert_false(fmpnn_pool_run(pool, thread_counts[t], &task));
        assert_int_equal(atomic_load(&c->entered), atomic_load(&c->left));
        assert_int_equal(atomic_load(&c->times[0][0]), 0);
        c->failing = false; /* and the pool goes on */
        assert_true(fmpnn_pool_run(pool, thread_counts[t], &task));
        free(c);
        fmpnn_pool_free(pool);
    }
}

static void reports_memory_that_is_not_there(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        fmpnn_alloc_fail_at(n);
        assert_null(fmpnn_pool_create(4));
    }
    fmpnn_alloc_fail_at(0);
    fmpnn_pool *pool = fmpnn_pool_create(4);
    chain *c = calloc(1, sizeof *c);
    fmpnn_task task = task_of(c);
    fmpnn_alloc_fail_at(1);
    assert_false(fmpnn_pool_run(pool, 4, &task));
    fmpnn_alloc_fail_at(0);
    assert_int_equal(atomic_load(&c->entered), 0);
    free(c);
    fmpnn_pool_free(pool);
}

/* ---- fixed places ---- */

typedef struct places {
    pthread_t thread[8][33];
} places;

static void note_thread(void *of, size_t phase, size_t n, void *lane)
{
    (void)lane;
    ((places *)of)->thread[phase][n] = pthread_self();
}

static void keeps_fixed_items_with_their_threads(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNTS; t++) {
        fmpnn_pool *pool = fmpnn_pool_create(thread_counts[t]);
        size_t threads = (size_t)fmpnn_pool_start(pool, thread_counts[t]);
        places p;
        fmpnn_task task = {.of = &p, .phases = 8, .item = note_thread, .fixed = true};
        assert_true(fmpnn_pool_run(pool, thread_counts[t], &task));
        for (size_t n = 0; n < threads; n++) {
            for (size_t phase = 1; phase < 8; phase++)
                assert_true(pthread_equal(p.thread[phase][n], p.thread[0][n]));
            for (size_t other = 0; other < n; other++)
                assert_false(pthread_equal(p.thread[0][other], p.thread[0][n]));
        }
        assert_true(pthread_equal(p.thread[0][0], pthread_self()));
        fmpnn_pool_free(pool);
    }
}

/* ---- a plain loop ---- */

static void count_up(void *of, size_t n)
{
    atomic_fetch_add((atomic_int *)of + n, 1);
}

static void loops_over_all(void **state)
{
    (void)state;
    fmpnn_pool *pool = fmpnn_pool_create(4);
    static atomic_int times[1000];
    for (int threads = 0; threads < 6; threads++)
        fmpnn_pool_each(pool, threads, 1000, count_up, times);
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(atomic_load(&times[n]), 6);
    fmpnn_pool_free(pool);
}

/* ---- the process around it ---- */

static void works_on_after_fork(void **state)
{
    (void)state;
    chain *expected = run_chain(NULL, 1);
    fmpnn_pool *pool = fmpnn_pool_create(4);
    free(run_chain(pool, 4));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* no assertions: they would run the rest of the tests twice */
        chain *c = calloc(1, sizeof *c);
        fmpnn_task task = task_of(c);
        bool good = fmpnn_pool_run(pool, 4, &task) && fmpnn_pool_run(pool, 4, &task) &&
                    !memcmp(c->value, expected->value, sizeof c->value);
        fmpnn_pool_free(pool);
        _exit(good ? 0 : 1);
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    chain *c = run_chain(pool, 4);
    check_chain(c, expected);
    free(c);
    free(expected);
    fmpnn_pool_free(pool);
}

static void *run_pools(void *argument)
{
    const chain *expected = argument;
    fmpnn_pool *pool = fmpnn_pool_create(4);
    for (int repeat = 0; repeat < 20; repeat++) {
        chain *c = run_chain(pool, 4);
        for (size_t n = 0; n < MOST; n++)
            if (c->value[36][n] != expected->value[36][n])
                abort();
        free(c);
    }
    fmpnn_pool_free(pool);
    return NULL;
}

/* Sixteen threads that want two cores or whatever there is. */
static void serves_several_callers_with_a_pool_each(void **state)
{
    (void)state;
    chain *expected = run_chain(NULL, 1);
    pthread_t caller[4];
    for (size_t n = 0; n < 4; n++)
        assert_int_equal(pthread_create(&caller[n], NULL, run_pools, expected), 0);
    for (size_t n = 0; n < 4; n++)
        pthread_join(caller[n], NULL);
    free(expected);
}

static void leaves_signals_to_the_caller(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    fmpnn_pool *pool = fmpnn_pool_create(3);
    fmpnn_pool_start(pool, 3);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < 32; s++)
        assert_int_equal(sigismember(&before, s), sigismember(&after, s));
    fmpnn_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_every_item_once_in_order_of_phases),
        cmocka_unit_test(accepts_tasks_without_work),
        cmocka_unit_test(reports_lanes_that_cannot_be_entered),
        cmocka_unit_test(reports_memory_that_is_not_there),
        cmocka_unit_test(keeps_fixed_items_with_their_threads),
        cmocka_unit_test(loops_over_all),
        cmocka_unit_test(works_on_after_fork),
        cmocka_unit_test(serves_several_callers_with_a_pool_each),
        cmocka_unit_test(leaves_signals_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
