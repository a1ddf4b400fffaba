/* The machine has a stack and a memo, as Python's has, but its values are plain data: calling
 * an object only records the wish. Each opcode makes at most one value and pushes at most one
 * reference, so memory is bounded by the length of the pickle; nothing recurses. */
#include "weights/pickle.h"

#include <string.h>

enum { MAX_SIZE = 1 << 20, MAX_MEMO = 1 << 20, PROTOCOL_MIN = 2, PROTOCOL_MAX = 5 };

typedef fmpnn_pickle_value value;

typedef struct pile {
    value **item;
    size_t count, capacity;
} pile;

typedef struct machine {
    const char *name;
    const unsigned char *bytes;
    size_t size, at;
    size_t start; /* where the opcode at work stands */
    pile stack;   /* NULL is a mark */
    pile memo;
    fmpnn_pickle made;
    fmpnn_error *err;
} machine;

/* clang-format off */
typedef enum opcode {
    OP_MARK = '(', OP_STOP = '.', OP_NONE = 'N', OP_NEWTRUE = 0x88, OP_NEWFALSE = 0x89,
    OP_BININT = 'J', OP_BININT1 = 'K', OP_BININT2 = 'M', OP_LONG1 = 0x8a, OP_BINFLOAT = 'G',
    OP_BINUNICODE = 'X', OP_SHORT_BINUNICODE = 0x8c, OP_BINUNICODE8 = 0x8d,
    OP_EMPTY_TUPLE = ')', OP_TUPLE = 't', OP_TUPLE1 = 0x85, OP_TUPLE2 = 0x86, OP_TUPLE3 = 0x87,
    OP_EMPTY_LIST = ']', OP_APPEND = 'a', OP_APPENDS = 'e',
    OP_EMPTY_DICT = '}', OP_SETITEM = 's', OP_SETITEMS = 'u',
    OP_BINPUT = 'q', OP_LONG_BINPUT = 'r', OP_MEMOIZE = 0x94, OP_BINGET = 'h', OP_LONG_BINGET = 'j',
    OP_GLOBAL = 'c', OP_STACK_GLOBAL = 0x93, OP_REDUCE = 'R', OP_BUILD = 'b', OP_BINPERSID = 'Q',
    OP_PROTO = 0x80, OP_FRAME = 0x95
} opcode;

/* All others of protocols 0 to 5, so that a refusal can say their names. */
static const struct {
    unsigned char code;
    const char *name;
} refused[] = {
    {'0', "POP"}, {'1', "POP_MARK"}, {'2', "DUP"}, {'F', "FLOAT"}, {'I', "INT"}, {'L', "LONG"},
    {'P', "PERSID"}, {'S', "STRING"}, {'T', "BINSTRING"}, {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"}, {'B', "BINBYTES"}, {'C', "SHORT_BINBYTES"}, {'d', "DICT"}, {'g', "GET"},
    {'i', "INST"}, {'l', "LIST"}, {'o', "OBJ"}, {'p', "PUT"}, {0x81, "NEWOBJ"}, {0x82, "EXT1"},
    {0x83, "EXT2"}, {0x84, "EXT4"}, {0x8b, "LONG4"}, {0x8e, "BINBYTES8"}, {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"}, {0x91, "FROZENSET"}, {0x92, "NEWOBJ_EX"}, {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
};

static const struct {
    const char *module, *name;
    fmpnn_pickle_global global;
} globals[] = {
    {"collections", "OrderedDict", FMPNN_GLOBAL_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", FMPNN_GLOBAL_REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", FMPNN_GLOBAL_REBUILD_PARAMETER},
    {"torch", "FloatStorage", FMPNN_GLOBAL_STORAGE_FLOAT},
    {"torch", "DoubleStorage", FMPNN_GLOBAL_STORAGE_DOUBLE},
    {"torch", "HalfStorage", FMPNN_GLOBAL_STORAGE_HALF},
    {"torch", "BFloat16Storage", FMPNN_GLOBAL_STORAGE_BFLOAT16},
    {"torch", "LongStorage", FMPNN_GLOBAL_STORAGE_INTEGER},
    {"torch", "IntStorage", FMPNN_GLOBAL_STORAGE_INTEGER},
    {"torch", "ShortStorage", FMPNN_GLOBAL_STORAGE_INTEGER},
    {"torch", "CharStorage", FMPNN_GLOBAL_STORAGE_INTEGER},
    {"torch", "ByteStorage", FMPNN_GLOBAL_STORAGE_INTEGER},
    {"torch", "BoolStorage", FMPNN_GLOBAL_STORAGE_INTEGER},
};
/* clang-format on */

static fmpnn_status damaged(machine *m, const char *what)
{
    return fmpnn_fail(m->err, FMPNN_EFORMAT, "%s: damaged pickle: %s at byte %zu", m->name,
                      what, m->start);
}

static fmpnn_status no_memory(machine *m)
{
    return fmpnn_fail(m->err, FMPNN_ENOMEM, "%s: out of memory while reading a pickle",
                      m->name);
}

/* ---- bytes ---- */

/* The next `count` bytes, or NULL past the end. */
static const unsigned char *take(machine *m, size_t count)
{
    if (count > m->size - m->at)
        return NULL;
    const unsigned char *bytes = m->bytes + m->at;
    m->at += count;
    return bytes;
}

static uint64_t little_endian(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

/* ---- stack and values ---- */

static bool reserve(value ***item, size_t count, size_t *capacity, size_t more)
{
    if (count + more <= *capacity)
        return true;
    size_t wanted = 2 * (count + more);
    value **bigger = fmpnn_grow(*item, count, wanted, sizeof **item);
    if (!bigger)
        return false;
    *item = bigger;
    *capacity = wanted;
    return true;
}

static fmpnn_status push(machine *m, value *v)
{
    if (!reserve(&m->stack.item, m->stack.count, &m->stack.capacity, 1))
        return no_memory(m);
    m->stack.item[m->stack.count++] = v;
    return FMPNN_OK;
}

/* The value on top, or NULL where the stack is empty or a mark stands there. */
static value *top(const machine *m)
{
    return m->stack.count ? m->stack.item[m->stack.count - 1] : NULL;
}

static value *pop(machine *m)
{
    value *v = top(m);
    if (v)
        m->stack.count--;
    return v;
}

static value *make(machine *m, fmpnn_pickle_kind kind)
{
    return fmpnn_pickle_make(&m->made, kind);
}

static fmpnn_status push_new(machine *m, fmpnn_pickle_kind kind)
{
    value *v = make(m, kind);
    return v ? push(m, v) : no_memory(m);
}

static fmpnn_status push_integer(machine *m, fmpnn_pickle_kind kind, int64_t number)
{
    fmpnn_status status = push_new(m, kind);
    if (!status)
        top(m)->integer = number;
    return status;
}

/* Move the top `count` values of the stack to the end of v's items. */
static fmpnn_status adopt(machine *m, value *v, size_t count)
{
    if (!count)
        return FMPNN_OK;
    if (!reserve(&v->item, v->count, &v->capacity, count))
        return no_memory(m);
    m->stack.count -= count;
    memcpy(v->item + v->count, m->stack.item + m->stack.count, count * sizeof *v->item);
    v->count += count;
    return FMPNN_OK;
}

/* How many values an opcode may take: those above the last mark, or `wanted` where it takes
 * a fixed number. False if they are not there. Looks at no more of the stack than it takes, so
 * that a deep stack does not make every opcode slow. */
static bool available(const machine *m, bool marked, size_t wanted, size_t *count)
{
    size_t at = m->stack.count;
    while (at && m->stack.item[at - 1] && (marked || m->stack.count - at < wanted))
        at--;
    *count = m->stack.count - at;
    return marked ? at > 0 : *count == wanted;
}

/* ---- opcodes ---- */

static fmpnn_status read_integer(machine *m, size_t count, bool is_signed)
{
    const unsigned char *bytes = take(m, count);
    if (!bytes)
        return damaged(m, "cut off in an integer");
    uint64_t number = little_endian(bytes, count);
    if (is_signed && count && count < 8 && bytes[count - 1] & 0x80)
        number |= UINT64_MAX << 8 * count;
    return push_integer(m, FMPNN_PICKLE_INT, (int64_t)number);
}

static fmpnn_status read_long(machine *m)
{
    const unsigned char *count = take(m, 1);
    if (!count || *count > 8)
        return damaged(m, "integer of more than 64 bits or cut off");
    return read_integer(m, *count, true);
}

static fmpnn_status read_real(machine *m)
{
    const unsigned char *bytes = take(m, 8);
    if (!bytes)
        return damaged(m, "cut off in a number");
    fmpnn_status status = push_new(m, FMPNN_PICKLE_REAL);
    if (status)
        return status;
    uint64_t bits = 0; /* the one big-endian number of the format */
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&top(m)->real, &bits, sizeof bits);
    return FMPNN_OK;
}

static fmpnn_status read_text(machine *m, size_t width)
{
    const unsigned char *bytes = take(m, width);
    uint64_t size = bytes ? little_endian(bytes, width) : 0;
    if (!bytes || size > m->size || !(bytes = take(m, (size_t)size)))
        return damaged(m, "text longer than the file");
    fmpnn_status status = push_new(m, FMPNN_PICKLE_TEXT);
    if (status)
        return status;
    top(m)->text = (const char *)bytes;
    top(m)->count = (size_t)size;
    return FMPNN_OK;
}

/* A tuple of the top `count` values; `marked`: of those above the mark, which goes too. */
static fmpnn_status make_tuple(machine *m, bool marked, size_t count)
{
    if (!available(m, marked, count, &count))
        return damaged(m, "tuple without its items");
    value *tuple = make(m, FMPNN_PICKLE_TUPLE);
    if (!tuple)
        return no_memory(m);
    fmpnn_status status = adopt(m, tuple, count);
    if (status)
        return status;
    m->stack.count -= marked;
    return push(m, tuple);
}

/* Append to a list, or set pairs of a dictionary: `stride` values belong together. */
static fmpnn_status extend(machine *m, fmpnn_pickle_kind kind, bool marked, size_t stride)
{
    size_t count;
    if (!available(m, marked, stride, &count) || count % stride)
        return damaged(m, "items without a mark or a partner");
    size_t below = count + marked; /* values and mark above the container */
    value *target =
        m->stack.count > below ? m->stack.item[m->stack.count - below - 1] : NULL;
    if (!target || target->kind != kind)
        return damaged(m, kind == FMPNN_PICKLE_LIST ? "append to what is no list"
                                                    : "key set in what is no dictionary");
    fmpnn_status status = adopt(m, target, count);
    if (!status)
        m->stack.count -= marked;
    return status;
}

static fmpnn_status memo_put(machine *m, size_t index)
{
    pile *memo = &m->memo;
    if (!top(m))
        return damaged(m, "nothing to remember");
    if (index >= MAX_MEMO)
        return damaged(m, "memo number too large");
    if (index >= memo->count) {
        size_t more = index + 1 - memo->count;
        if (!reserve(&memo->item, memo->count, &memo->capacity, more))
            return no_memory(m);
        memset(memo->item + memo->count, 0, more * sizeof *memo->item);
        memo->count = index + 1;
    }
    memo->item[index] = top(m);
    return FMPNN_OK;
}

static fmpnn_status memo_get(machine *m, size_t index)
{
    value *v = index < m->memo.count ? m->memo.item[index] : NULL;
    return v ? push(m, v) : damaged(m, "memo number that was never set");
}

static fmpnn_status memo_opcode(machine *m, size_t width, bool put)
{
    const unsigned char *bytes = take(m, width);
    if (!bytes)
        return damaged(m, "cut off in a memo number");
    size_t index = (size_t)little_endian(bytes, width);
    return put ? memo_put(m, index) : memo_get(m, index);
}

static fmpnn_status push_global(machine *m, const char *module, size_t module_size,
                                const char *name, size_t name_size)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (strlen(globals[i].module) != module_size ||
            strlen(globals[i].name) != name_size ||
            memcmp(globals[i].module, module, module_size) ||
            memcmp(globals[i].name, name, name_size))
            continue;
        fmpnn_status status = push_new(m, FMPNN_PICKLE_GLOBAL);
        if (!status)
            top(m)->global = globals[i].global;
        return status;
    }
    char module_text[80], name_text[80];
    fmpnn_pickle_printable(module, module_size, module_text);
    fmpnn_pickle_printable(name, name_size, name_text);
    return fmpnn_fail(
        m->err, FMPNN_EFORMAT,
        "%s: forbidden global %s.%s at byte %zu of the pickle: a checkpoint may "
        "only name collections.OrderedDict, torch._utils._rebuild_tensor_v2, "
        "torch._utils._rebuild_parameter and storages of torch",
        m->name, module_text, name_text, m->start);
}

static const char *read_line(machine *m, size_t *size)
{
    const unsigned char *line = m->bytes + m->at;
    const unsigned char *end = memchr(line, '\n', m->size - m->at);
    if (!end)
        return NULL;
    *size = (size_t)(end - line);
    m->at += *size + 1;
    return (const char *)line;
}

static fmpnn_status read_global(machine *m)
{
    size_t module_size, name_size;
    const char *module = read_line(m, &module_size);
    const char *name = module ? read_line(m, &name_size) : NULL;
    if (!name)
        return damaged(m, "cut off in a global");
    return push_global(m, module, module_size, name, name_size);
}

static fmpnn_status stack_global(machine *m)
{
    const value *name = pop(m), *module = pop(m);
    if (!module || module->kind != FMPNN_PICKLE_TEXT || name->kind != FMPNN_PICKLE_TEXT)
        return damaged(m, "global without module and name");
    return push_global(m, module->text, module->count, name->text, name->count);
}

/* Replace the value on top by one of `kind` that holds it. */
static fmpnn_status wrap(machine *m, fmpnn_pickle_kind kind, fmpnn_pickle_global global)
{
    value *holder = make(m, kind);
    if (!holder)
        return no_memory(m);
    holder->global = global;
    fmpnn_status status = adopt(m, holder, 1);
    return status ? status : push(m, holder);
}

/* An OrderedDict is made; every other call is only written down. */
static fmpnn_status reduce(machine *m)
{
    value *arguments = pop(m), *callee = pop(m);
    if (!callee || callee->kind != FMPNN_PICKLE_GLOBAL ||
        arguments->kind != FMPNN_PICKLE_TUPLE)
        return damaged(m, "call of what is no global");
    if (callee->global != FMPNN_GLOBAL_ORDERED_DICT) {
        m->stack.item[m->stack.count++] = arguments; /* where the callee was */
        return wrap(m, FMPNN_PICKLE_CALL, callee->global);
    }
    if (arguments->count)
        return damaged(m, "OrderedDict called with arguments, expected none");
    return push_new(m, FMPNN_PICKLE_DICT);
}

static fmpnn_status persistent(machine *m)
{
    if (!top(m) || top(m)->kind != FMPNN_PICKLE_TUPLE)
        return damaged(m, "persistent id that is no tuple");
    return wrap(m, FMPNN_PICKLE_PERSISTENT, 0);
}

/* Attributes of a dictionary (torch's _metadata) carry nothing needed: drop them. */
static fmpnn_status build(machine *m)
{
    if (!pop(m) || !top(m) || top(m)->kind != FMPNN_PICKLE_DICT)
        return damaged(m, "attributes of what is no dictionary");
    return FMPNN_OK;
}

static fmpnn_status check_frame(machine *m)
{
    const unsigned char *bytes = take(m, 8);
    if (!bytes || little_endian(bytes, 8) > m->size - m->at)
        return damaged(m, "frame longer than the file");
    return FMPNN_OK;
}

static fmpnn_status check_protocol(machine *m)
{
    const unsigned char *version = take(m, 1);
    if (!version || *version < PROTOCOL_MIN || *version > PROTOCOL_MAX)
        return damaged(m, "protocol outside 2..5");
    return FMPNN_OK;
}

static fmpnn_status refuse(machine *m, unsigned code)
{
    const char *name = "unknown";
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i].code == code)
            name = refused[i].name;
    return fmpnn_fail(
        m->err, FMPNN_EFORMAT,
        "%s: forbidden opcode %s (0x%02x) at byte %zu of the pickle: no checkpoint "
        "needs it",
        m->name, name, code, m->start);
}

static fmpnn_status step(machine *m, unsigned code)
{
    switch (code) {
    case OP_PROTO:
        return check_protocol(m);
    case OP_FRAME:
        return check_frame(m);
    case OP_MARK:
        return push(m, NULL);
    case OP_NONE:
        return push_new(m, FMPNN_PICKLE_NONE);
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return push_integer(m, FMPNN_PICKLE_BOOL, code == OP_NEWTRUE);
    case OP_BININT:
        return read_integer(m, 4, true);
    case OP_BININT1:
        return read_integer(m, 1, false);
    case OP_BININT2:
        return read_integer(m, 2, false);
    case OP_LONG1:
        return read_long(m);
    case OP_BINFLOAT:
        return read_real(m);
    case OP_SHORT_BINUNICODE:
        return read_text(m, 1);
    case OP_BINUNICODE:
        return read_text(m, 4);
    case OP_BINUNICODE8:
        return read_text(m, 8);
    case OP_EMPTY_TUPLE:
        return push_new(m, FMPNN_PICKLE_TUPLE);
    case OP_TUPLE:
        return make_tuple(m, true, 0);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return make_tuple(m, false, code - OP_TUPLE1 + 1);
    case OP_EMPTY_LIST:
        return push_new(m, FMPNN_PICKLE_LIST);
    case OP_APPEND:
    case OP_APPENDS:
        return extend(m, FMPNN_PICKLE_LIST, code == OP_APPENDS, 1);
    case OP_EMPTY_DICT:
        return push_new(m, FMPNN_PICKLE_DICT);
    case OP_SETITEM:
    case OP_SETITEMS:
        return extend(m, FMPNN_PICKLE_DICT, code == OP_SETITEMS, 2);
    case OP_BINPUT:
    case OP_BINGET:
        return memo_opcode(m, 1, code == OP_BINPUT);
    case OP_LONG_BINPUT:
    case OP_LONG_BINGET:
        return memo_opcode(m, 4, code == OP_LONG_BINPUT);
    case OP_MEMOIZE:
        return memo_put(m, m->memo.count);
    case OP_GLOBAL:
        return read_global(m);
    case OP_STACK_GLOBAL:
        return stack_global(m);
    case OP_REDUCE:
        return reduce(m);
    case OP_BUILD:
        return build(m);
    case OP_BINPERSID:
        return persistent(m);
    default:
        return refuse(m, code);
    }
}

static fmpnn_status run(machine *m)
{
    if (m->size < 2 || m->bytes[0] != OP_PROTO)
        return damaged(m, "no protocol 2..5 header");
    while (m->at < m->size) {
        m->start = m->at;
        unsigned code = m->bytes[m->at++];
        if (code == OP_STOP)
            return top(m) ? FMPNN_OK : damaged(m, "nothing left at the end");
        fmpnn_status status = step(m, code);
        if (status)
            return status;
    }
    m->start = m->size;
    return damaged(m, "cut off");
}

fmpnn_status fmpnn_pickle_read(const char *name, const void *bytes, size_t size,
                               fmpnn_pickle *pickle, fmpnn_error *err)
{
    machine m = {.name = name, .bytes = bytes, .size = size, .err = err};
    if (size > MAX_SIZE)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s: pickle of %zu bytes, at most %d are expected", name, size,
                          MAX_SIZE);
    fmpnn_status status = run(&m);
    m.made.root = top(&m);
    fmpnn_release(m.memo.item);
    fmpnn_release(m.stack.item);
    if (status)
        fmpnn_pickle_clear(&m.made);
    *pickle = m.made; /* empty on failure */
    return status;
}
