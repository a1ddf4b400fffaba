/* Whatever PyTorch and NumPy pickle into results, as a tree of values: for comparing files of
 * ours with recorded ones. Trusts its input; weights go through src/weights/pickle.h. Memory is
 * never given back. */
#ifndef COMPAT_UNPICKLE_H
#define COMPAT_UNPICKLE_H

#include "base/base.h"

typedef enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_GLOBAL, /* text: "module name" */
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT,      /* key, value, key, value ... */
    VALUE_CALL,      /* item[0] called with item[1]; item[2], if there: its state */
    VALUE_PERSISTENT /* item[0] */
} value_kind;

typedef struct value {
    value_kind kind;
    int64_t integer;
    double real;
    const char *text; /* [count] bytes */
    struct value **item;
    size_t count;
} value;

/* The value of these bytes; NULL for a pickle that ends early or has an operation not known. */
value *unpickle(const unsigned char *bytes, size_t size);

bool value_is(const value *v, value_kind kind, const char *text);

#endif
