/* Many inputs side by side: threads prepare the inputs to come, and, where an input is small, its
 * results are computed ahead of its turn: on the CPU by the same thread, with a context of one
 * thread; on a device by one or two threads for each device, which take as many prepared inputs
 * together as there are. The caller takes them in order, so that what is written, printed and
 * counted is what it would be one after another. */
#ifndef CLI_AHEAD_H
#define CLI_AHEAD_H

#include "parcel.h"

/* An input on its way. */
typedef struct prepared {
    fmpnn_structure *st;
    fmpnn_job *job;
    outcome how;     /* of reading it and making its job */
    bool small;      /* its results may be made ahead of its turn */
    size_t bytes;    /* of memory that it and its results take, roughly */
    bool computing;  /* a device has it */
    bool computed;   /* its results, too, are made: */
    outcome results; /* how that went */
    parcel parcel;
    fmpnn_error err;
} prepared;

void prepared_clear(prepared *p);

typedef struct ahead_work {
    void *of;
    /* Prepare input n; called on any thread. Needs no context. */
    void (*prepare)(void *of, const batch *b, size_t n, prepared *p);
    /* Compute the results of `count` small inputs into their parcels; `b` is a batch with a context
     * of its own and no run. */
    void (*compute)(void *of, batch *b, size_t count, const size_t *n, prepared *const *p);
} ahead_work;

typedef struct ahead ahead;

/* Whether there are so many inputs that a device should be opened while they are prepared. */
bool ahead_is_worth(const batch *b);
/* Start to prepare the inputs of `b`, whose context may be missing if it is a device's. NULL: not
 * worth it, or not to be had; prepare one by one then. */
ahead *ahead_start(const batch *b, ahead_work what);
/* Start to compute, once the context is there. NULL, with `a` stopped, if that cannot be. */
ahead *ahead_compute(ahead *a, const batch *b);
/* Wait for input n, n = 0, 1, 2, ... It stays valid, and is the caller's to clear, until the next
 * call. */
prepared *ahead_next(ahead *a);
/* Stop, dropping what was prepared in vain. NULL does nothing. */
void ahead_stop(ahead *a);

#endif
