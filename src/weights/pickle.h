/* A restricted pickle machine: the part of Python's object format that checkpoints need, and
 * nothing that could run code. Comes in: the bytes of data.pkl. Goes out: a graph of values to
 * look things up in. Knows nothing of zip files or networks. */
#ifndef FMPNN_WEIGHTS_PICKLE_H
#define FMPNN_WEIGHTS_PICKLE_H

#include "weights/model.h"

/* The only names a checkpoint may mention. */
typedef enum fmpnn_pickle_global {
    FMPNN_GLOBAL_ORDERED_DICT,
    FMPNN_GLOBAL_REBUILD_TENSOR,
    FMPNN_GLOBAL_REBUILD_PARAMETER,
    FMPNN_GLOBAL_STORAGE_FLOAT,
    FMPNN_GLOBAL_STORAGE_DOUBLE,
    FMPNN_GLOBAL_STORAGE_HALF,
    FMPNN_GLOBAL_STORAGE_BFLOAT16,
    FMPNN_GLOBAL_STORAGE_INTEGER, /* of any width: may stand beside the weights, unread */
} fmpnn_pickle_global;

typedef enum fmpnn_pickle_kind {
    FMPNN_PICKLE_NONE,
    FMPNN_PICKLE_BOOL,
    FMPNN_PICKLE_INT,
    FMPNN_PICKLE_REAL,
    FMPNN_PICKLE_TEXT,
    FMPNN_PICKLE_TUPLE,
    FMPNN_PICKLE_LIST,
    FMPNN_PICKLE_DICT, /* items are key, value, key, value ... */
    FMPNN_PICKLE_GLOBAL,
    FMPNN_PICKLE_CALL, /* a global that was to be called, and was not; item[0]: its arguments */
    FMPNN_PICKLE_PERSISTENT, /* a reference to a storage: item[0] is the tuple that names it */
} fmpnn_pickle_kind;

/* One value. Values may be shared and may form cycles: never walk them by recursion. */
typedef struct fmpnn_pickle_value {
    fmpnn_pickle_kind kind;
    fmpnn_pickle_global global; /* GLOBAL, CALL */
    union {
        int64_t integer; /* INT, BOOL */
        double real;     /* REAL */
        size_t capacity; /* of item */
    };
    union {
        const char *text;                 /* TEXT: [count] bytes in the pickle, no NUL */
        struct fmpnn_pickle_value **item; /* [count] all kinds that hold others */
    };
    size_t count;
} fmpnn_pickle_value;

typedef struct fmpnn_pickle {
    const fmpnn_pickle_value *root;
    struct fmpnn_pickle_block *blocks; /* owner of all values */
} fmpnn_pickle;

/**
 * Run a pickle.
 *
 * @param name  for messages
 * @param bytes borrowed until the pickle is cleared: texts point into it
 * @param size  at most 1 MiB (published: 17 KiB); memory stays within 200 times it
 * @return FMPNN_OK; FMPNN_EFORMAT for a damaged pickle, an opcode or a global outside the
 *         list (the message names it and its byte); FMPNN_ENOMEM.
 */
fmpnn_status fmpnn_pickle_read(const char *name, const void *bytes, size_t size,
                               fmpnn_pickle *pickle, fmpnn_error *err);
void fmpnn_pickle_clear(fmpnn_pickle *pickle);

/* A new value, empty or zero, that lives as long as the pickle. NULL: out of memory. */
fmpnn_pickle_value *fmpnn_pickle_make(fmpnn_pickle *pickle, fmpnn_pickle_kind kind);

bool fmpnn_pickle_text_is(const fmpnn_pickle_value *value, const char *text);

/* The value of a key; NULL if it is not there. The last one wins, as in Python. */
const fmpnn_pickle_value *fmpnn_pickle_find(const fmpnn_pickle_value *dict,
                                            const char *key);

/* Untrusted bytes made fit for a message: at most 79 printable characters. */
void fmpnn_pickle_printable(const char *text, size_t size, char out[80]);

#endif
