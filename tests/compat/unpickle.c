#include "unpickle.h"

#include <stdlib.h>
#include <string.h>

typedef struct machine {
    const unsigned char *at, *end;
    value **stack; /* NULL: a mark */
    size_t depth, room;
    value **memo;
    size_t memos;
    bool broken;
} machine;

static value *make(value_kind kind)
{
    value *v = calloc(1, sizeof *v);
    if (!v)
        abort();
    v->kind = kind;
    return v;
}

static void append(value *v, value *item)
{
    if ((v->count & (v->count - 1)) == 0) {
        v->item = realloc(v->item, (2 * v->count + 1) * sizeof(value *));
        if (!v->item)
            abort();
    }
    v->item[v->count++] = item;
}

static void push(machine *m, value *v)
{
    if (m->depth == m->room) {
        m->room = 2 * m->room + 64;
        m->stack = realloc(m->stack, m->room * sizeof *m->stack);
        if (!m->stack)
            abort();
    }
    m->stack[m->depth++] = v;
}

static value *pop(machine *m)
{
    if (m->depth && m->stack[m->depth - 1])
        return m->stack[--m->depth];
    m->broken = true;
    return make(VALUE_NONE);
}

static value *top(machine *m)
{
    if (m->depth && m->stack[m->depth - 1])
        return m->stack[m->depth - 1];
    m->broken = true;
    return make(VALUE_NONE);
}

/* Everything above the last mark, into a value of that kind. */
static value *collect(machine *m, value_kind kind)
{
    value *v = make(kind);
    size_t first = m->depth;
    while (first && m->stack[first - 1])
        first--;
    m->broken = m->broken || !first;
    for (size_t n = first; n < m->depth; n++)
        append(v, m->stack[n]);
    m->depth = first ? first - 1 : 0;
    return v;
}

static uint64_t little(machine *m, size_t bytes)
{
    uint64_t number = 0;
    if ((size_t)(m->end - m->at) < bytes) {
        m->broken = true;
        return 0;
    }
    for (size_t n = 0; n < bytes; n++)
        number |= (uint64_t)*m->at++ << 8 * n;
    return number;
}

static value *text(machine *m, size_t size)
{
    value *v = make(VALUE_TEXT);
    if ((size_t)(m->end - m->at) < size) {
        m->broken = true;
        return v;
    }
    v->text = (const char *)m->at;
    v->count = size;
    m->at += size;
    return v;
}

static value *integer(int64_t number)
{
    value *v = make(VALUE_INT);
    v->integer = number;
    return v;
}

static value *global(machine *m)
{
    const unsigned char *module = m->at, *name, *end;
    value *v = make(VALUE_GLOBAL);
    name = memchr(module, '\n', (size_t)(m->end - module));
    end = name ? memchr(name + 1, '\n', (size_t)(m->end - name - 1)) : NULL;
    if (!end) {
        m->broken = true;
        return v;
    }
    char *joined = malloc((size_t)(end - module));
    if (!joined)
        abort();
    memcpy(joined, module, (size_t)(end - module));
    joined[name - module] = ' ';
    v->text = joined;
    v->count = (size_t)(end - module);
    m->at = end + 1;
    return v;
}

static value *call(machine *m, value_kind kind, size_t parts)
{
    value *v = make(kind), *part[2] = {NULL, NULL};
    for (size_t n = parts; n-- > 0;)
        part[n] = pop(m);
    for (size_t n = 0; n < parts; n++)
        append(v, part[n]);
    return v;
}

static value *tuple(machine *m, size_t size)
{
    value *v = make(VALUE_TUPLE), *item[3];
    for (size_t n = size; n-- > 0;)
        item[n] = pop(m);
    for (size_t n = 0; n < size; n++)
        append(v, item[n]);
    return v;
}

static void remember(machine *m, size_t place)
{
    if (place >= m->memos) {
        size_t bigger = 2 * place + 64;
        m->memo = realloc(m->memo, bigger * sizeof *m->memo);
        if (!m->memo)
            abort();
        memset(m->memo + m->memos, 0, (bigger - m->memos) * sizeof *m->memo);
        m->memos = bigger;
    }
    m->memo[place] = top(m);
}

static void recall(machine *m, size_t place)
{
    m->broken = m->broken || place >= m->memos || !m->memo[place];
    if (!m->broken)
        push(m, m->memo[place]);
}

static void extend(machine *m)
{
    value *items = collect(m, VALUE_TUPLE), *into = top(m);
    for (size_t n = 0; n < items->count; n++)
        append(into, items->item[n]);
}

static value *real(machine *m)
{
    value *v = make(VALUE_REAL);
    uint64_t bits = little(m, 8), swapped = 0;
    for (int n = 0; n < 8; n++)
        swapped |= (bits >> 8 * n & 0xff) << (56 - 8 * n);
    memcpy(&v->real, &swapped, sizeof v->real);
    return v;
}

static void step(machine *m, unsigned char code)
{
    value *v;
    switch (code) {
    case 0x80: little(m, 1); break;
    case '(': push(m, NULL); break;
    case 'N': push(m, make(VALUE_NONE)); break;
    case 0x88: v = make(VALUE_BOOL); v->integer = 1; push(m, v); break;
    case 0x89: push(m, make(VALUE_BOOL)); break;
    case 'K': push(m, integer((int64_t)little(m, 1))); break;
    case 'M': push(m, integer((int64_t)little(m, 2))); break;
    case 'J': push(m, integer((int32_t)(uint32_t)little(m, 4))); break;
    case 0x8a: push(m, integer((int64_t)little(m, (size_t)little(m, 1)))); break;
    case 'G': push(m, real(m)); break;
    case 'X': push(m, text(m, (size_t)little(m, 4))); break;
    case 'c': push(m, global(m)); break;
    case ')': push(m, make(VALUE_TUPLE)); break;
    case 0x85: push(m, tuple(m, 1)); break;
    case 0x86: push(m, tuple(m, 2)); break;
    case 0x87: push(m, tuple(m, 3)); break;
    case 't': push(m, collect(m, VALUE_TUPLE)); break;
    case ']': push(m, make(VALUE_LIST)); break;
    case '}': push(m, make(VALUE_DICT)); break;
    case 'a': v = pop(m); append(top(m), v); break;
    case 's': v = tuple(m, 2); append(top(m), v->item[0]); append(top(m), v->item[1]); break;
    case 'e':
    case 'u': extend(m); break;
    case 'R': push(m, call(m, VALUE_CALL, 2)); break;
    case 'Q': push(m, call(m, VALUE_PERSISTENT, 1)); break;
    case 'b': v = pop(m); append(top(m), v); break;
    case 'q': remember(m, (size_t)little(m, 1)); break;
    case 'r': remember(m, (size_t)little(m, 4)); break;
    case 'h': recall(m, (size_t)little(m, 1)); break;
    case 'j': recall(m, (size_t)little(m, 4)); break;
    default: m->broken = true;
    }
}

value *unpickle(const unsigned char *bytes, size_t size)
{
    machine m = {.at = bytes, .end = bytes + size};
    while (!m.broken && m.at < m.end) {
        unsigned char code = *m.at++;
        if (code == '.')
            return m.depth == 1 ? m.stack[0] : NULL;
        step(&m, code);
    }
    return NULL;
}

bool value_is(const value *v, value_kind kind, const char *name)
{
    return v->kind == kind && v->count == strlen(name) && !memcmp(v->text, name, v->count);
}
