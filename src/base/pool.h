/* Threads that share the work of one call.
 *
 * A pool belongs to a context and serves one call at a time. A call is a task: phases done one
 * after the other, each a number of independent items. Threads take items until there are none
 * left; whoever finishes the last item of a phase opens the next.
 *
 * Nobody waits for a thread, only for items that a thread has taken: one that the system has
 * not yet woken, or never does, holds up nobody. So a call is as fast as the cores that are
 * really there, and a child after fork(), which has none of the threads, still gets its work
 * done. Waiting is a short spin, shorter each time that it was in vain, and then sleep.
 *
 * Which thread does an item, and when within its phase, is open; results must not depend on it.
 *
 * Threads are started by the first call that wants them and live until the pool is freed. They
 * block all signals. */
#ifndef FMPNN_POOL_H
#define FMPNN_POOL_H

#include "base/base.h"

typedef struct fmpnn_pool fmpnn_pool;

typedef struct fmpnn_task {
    void *of; /* what the functions below are given */
    size_t phases;
    /* How many items a phase has, fewer than 2^32; 0: the phase is passed over. Asked once, when
     * all before it is done, by the thread that finished it: for looking up, not for work. */
    size_t (*items)(void *of, size_t phase);
    void (*item)(void *of, size_t phase, size_t n, void *lane);
    /* A lane is what a thread keeps for itself: scratch memory, a mode of its processor. */
    size_t lane_size;
    void *lanes; /* [threads] lanes; NULL: made for the call, zeroed */
    bool (*enter)(void *of,
                  void *lane); /* before a thread's first item; false: out of memory;
                                            NULL: nothing to do */
    void (*leave)(void *of,
                  void *lane); /* after its last, also if entering failed; or NULL */
    bool
        fixed; /* every phase has one item for each thread, item n is done by thread n, and all
                   take part; `items` is not asked. For measuring */
} fmpnn_task;

/* A pool for up to `threads` threads, the caller among them. NULL: out of memory. */
fmpnn_pool *fmpnn_pool_create(int threads);
void fmpnn_pool_free(fmpnn_pool *pool);

/* Start what is missing of `threads` threads; returns how many take part in a call that asks for
 * so many: fewer where the pool is smaller or the system has no more to give. */
int fmpnn_pool_start(fmpnn_pool *pool, int threads);

/* Do a task with at most `threads` threads. A pool that is NULL is a pool of one. Not to be
 * called from within an item. false: out of memory, and the work is not complete. */
bool fmpnn_pool_run(fmpnn_pool *pool, int threads, const fmpnn_task *task);

/* item(of, n) for n = 0 .. count-1. */
void fmpnn_pool_each(fmpnn_pool *pool, int threads, size_t count,
                     void (*item)(void *of, size_t n), void *of);

#endif
