/* Many inputs side by side: threads, each with a context of one thread, prepare the inputs to
 * come, and, where an input is small, compute its results. The caller takes them in order, so
 * that what is written, printed and counted is what it would be one after another. */
#ifndef CLI_AHEAD_H
#define CLI_AHEAD_H

#include "parcel.h"

/* An input on its way. */
typedef struct prepared {
    fmpnn_structure *st;
    fmpnn_job *job;
    outcome how;     /* of reading it and making its job */
    bool computed;   /* its results, too, are made: */
    outcome results; /* how that went */
    parcel parcel;
    fmpnn_error err;
} prepared;

void prepared_clear(prepared *p);

/* Prepare input n; called on any thread. `b` is a batch of its own context and no run. `alone`:
 * the caller computes its results afterwards; else they may be made into p->parcel. */
typedef void prepare(void *of, batch *b, size_t n, bool alone, prepared *p);

typedef struct ahead ahead;

/* Start on the inputs of `b`. NULL: not worth it, or not to be had; prepare one by one then. */
ahead *ahead_start(const batch *b, prepare *run, void *of);
/* Wait for input n, n = 0, 1, 2, ... It stays valid, and is the caller's to clear, until the next
 * call. */
prepared *ahead_next(ahead *a);
/* Stop, dropping what was prepared in vain. NULL does nothing. */
void ahead_stop(ahead *a);

#endif
