/* What the pickle of a checkpoint says about its tensors. The pickle is a graph of plain data
 * (pickle.h); it is read here at fixed places only, so cycles in it do no harm. */
#include "weights/pt.h"

#include <string.h>

enum { MAX_TENSORS = 4096, MAX_NAME = 200, MAX_KEY = 64 };

typedef fmpnn_pickle_value value;

typedef struct planner { /* whom to blame and where to say so */
    const char *name;
    fmpnn_error *err;
} planner;

/* Text of 1..limit printable characters without blanks, so that messages can show it. */
static bool is_name(const value *v, size_t limit)
{
    if (v->kind != FMPNN_PICKLE_TEXT || !v->count || v->count > limit)
        return false;
    for (size_t i = 0; i < v->count; i++)
        if (v->text[i] <= ' ' || v->text[i] > '~')
            return false;
    return true;
}

/* A whole number 0..limit. */
static bool as_size(const value *v, size_t limit, size_t *number)
{
    if (v->kind != FMPNN_PICKLE_INT || v->integer < 0 || (uint64_t)v->integer > limit)
        return false;
    *number = (size_t)v->integer;
    return true;
}

static fmpnn_status refuse_tensor(const planner *r, const value *label, const char *what)
{
    return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: tensor %.*s %s", r->name,
                      (int)label->count, label->text, what);
}

/* ('storage', TYPE, key, location, elements); where it once lived does not matter. */
static fmpnn_status plan_storage(const planner *r, const value *storage, fmpnn_pt_plan *p)
{
    const value *id = storage->kind == FMPNN_PICKLE_PERSISTENT ? storage->item[0] : NULL;
    if (!id || id->count != 5 || !fmpnn_pickle_text_is(id->item[0], "storage") ||
        id->item[1]->kind != FMPNN_PICKLE_GLOBAL || !is_name(id->item[2], MAX_KEY))
        return refuse_tensor(r, p->label, "has a malformed storage");
    p->key = id->item[2];
    switch (id->item[1]->global) {
    case FMPNN_GLOBAL_STORAGE_FLOAT:
        p->dtype = FMPNN_F32;
        break;
    case FMPNN_GLOBAL_STORAGE_DOUBLE:
        p->dtype = FMPNN_F64;
        break;
    case FMPNN_GLOBAL_STORAGE_HALF:
        p->dtype = FMPNN_F16;
        break;
    case FMPNN_GLOBAL_STORAGE_BFLOAT16:
        p->dtype = FMPNN_BF16;
        break;
    default:
        return refuse_tensor(r, p->label, "does not hold floating-point numbers");
    }
    if (!as_size(id->item[4], FMPNN_MAX_FLOATS, &p->elements))
        return refuse_tensor(r, p->label, "has a storage of an absurd size");
    return FMPNN_OK;
}

/* Sizes and strides in elements; every element must lie in the storage. */
static fmpnn_status plan_shape(const planner *r, const value *shape, const value *stride,
                               fmpnn_pt_plan *p)
{
    if (shape->kind != FMPNN_PICKLE_TUPLE || stride->kind != FMPNN_PICKLE_TUPLE ||
        shape->count != stride->count || shape->count > 4)
        return refuse_tensor(r, p->label,
                             "has a malformed shape, at most 4 sizes are expected");
    p->rank = shape->count;
    p->count = 1;
    size_t last = p->offset; /* both factors are at most 2^27: no overflow */
    for (size_t d = 0; d < p->rank; d++) {
        if (!as_size(shape->item[d], FMPNN_MAX_FLOATS, &p->shape[d]) || !p->shape[d] ||
            !as_size(stride->item[d], FMPNN_MAX_FLOATS, &p->stride[d]) ||
            p->shape[d] > FMPNN_MAX_FLOATS / p->count)
            return refuse_tensor(r, p->label, "has a negative, empty or absurd shape");
        p->count *= p->shape[d];
        last += (p->shape[d] - 1) * p->stride[d];
    }
    if (last >= p->elements || p->count > p->elements)
        return refuse_tensor(r, p->label, "is larger than its storage");
    return FMPNN_OK;
}

static const value *arguments_of(const value *v, fmpnn_pickle_global global, size_t least)
{
    bool fits =
        v->kind == FMPNN_PICKLE_CALL && v->global == global && v->item[0]->count >= least;
    return fits ? v->item[0] : NULL;
}

static bool is_tensor(const value *v)
{
    return arguments_of(v, FMPNN_GLOBAL_REBUILD_TENSOR, 4) ||
           arguments_of(v, FMPNN_GLOBAL_REBUILD_PARAMETER, 1);
}

static fmpnn_status plan_tensor(const planner *r, const value *label, const value *v,
                                fmpnn_pt_plan *p)
{
    p->label = label;
    if (!is_name(label, MAX_NAME))
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: a tensor without a name of 1 to %d printable characters",
                          r->name, MAX_NAME);
    const value *parameter = arguments_of(v, FMPNN_GLOBAL_REBUILD_PARAMETER, 1);
    if (parameter)
        v = parameter->item[0];
    /* (storage, offset, shape, stride, requires_grad, hooks) */
    const value *arguments = arguments_of(v, FMPNN_GLOBAL_REBUILD_TENSOR, 4);
    if (!arguments)
        return refuse_tensor(r, label, "is no tensor");
    fmpnn_status status = plan_storage(r, arguments->item[0], p);
    if (status)
        return status;
    if (!as_size(arguments->item[1], FMPNN_MAX_FLOATS, &p->offset))
        return refuse_tensor(r, label, "has a negative or absurd offset");
    return plan_shape(r, arguments->item[2], arguments->item[3], p);
}

/* The state dictionary stands under one of two names, or is itself the top. */
static const value *find_state(const value *root)
{
    const value *state = fmpnn_pickle_find(root, "model_state_dict");
    if (!state)
        state = fmpnn_pickle_find(root, "state_dict");
    if (state)
        return state->kind == FMPNN_PICKLE_DICT ? state : NULL;
    for (size_t i = 0; root->kind == FMPNN_PICKLE_DICT && i < root->count; i += 2)
        if (is_tensor(root->item[i + 1]))
            return root;
    return NULL;
}

fmpnn_status fmpnn_pt_plan_tensors(const char *name, const fmpnn_pickle_value *root,
                                   fmpnn_pt_plan **plans, size_t *count, fmpnn_error *err)
{
    const planner r = {name, err};
    const value *state = find_state(root);
    size_t entries = state ? state->count / 2 : 0;
    *count = 0;
    if (entries > MAX_TENSORS)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: %zu tensors, at most %d are expected",
                          name, entries, MAX_TENSORS);
    *plans = fmpnn_alloc_zero(entries, sizeof **plans);
    if (!*plans)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading tensors",
                          name);
    for (size_t i = 0; i < entries; i++) {
        const value *label = state->item[2 * i], *v = state->item[2 * i + 1];
        /* beside tensors at the top stand the settings of the training */
        if (state == root && !is_tensor(v))
            continue;
        fmpnn_status status = plan_tensor(&r, label, v, &(*plans)[*count]);
        if (status)
            return status;
        ++*count;
    }
    if (!*count)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s: no tensors under model_state_dict, state_dict or at the top",
                          name);
    return FMPNN_OK;
}

fmpnn_status fmpnn_pt_plan_settings(const char *name, const fmpnn_pickle_value *root,
                                    fmpnn_tensors *out, fmpnn_error *err)
{
    const struct {
        const char *name;
        int64_t *number;
    } counts[] = {{"num_edges", &out->num_edges},
                  {"atom_context_num", &out->atom_context_num}};
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        const value *count = fmpnn_pickle_find(root, counts[n].name);
        if (count && (count->kind != FMPNN_PICKLE_INT || count->integer < 0))
            return fmpnn_fail(err, FMPNN_EFORMAT,
                              "%s: %s is not a whole number of at least 1", name,
                              counts[n].name);
        if (count)
            *counts[n].number = count->integer;
    }
    const value *noise = fmpnn_pickle_find(root, "noise_level");
    if (noise && noise->kind == FMPNN_PICKLE_REAL)
        out->noise_level = noise->real;
    if (noise && noise->kind == FMPNN_PICKLE_INT)
        out->noise_level = (double)noise->integer;
    return FMPNN_OK;
}
