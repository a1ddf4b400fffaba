/* The public message-passing operation: checks, weights from a file, then the context's backend. */
#include "backend.h"

struct fmpnn_message_pass {
    const fmpnn_backend *backend;
    fmpnn_operation *operation;
    size_t nodes, k;
};

enum { LARGEST_WIDTH = 1 << 14 };

fmpnn_status fmpnn_message_pass_create(fmpnn_context *ctx, const fmpnn_message_weights *weights,
                                       size_t nodes, size_t k, fmpnn_message_pass **out,
                                       fmpnn_error *err)
{
    size_t D = weights->D;
    if (!D || D > LARGEST_WIDTH || !nodes || nodes > SIZE_MAX / 64 / D || !k || k > INT32_MAX)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "message passing of width %zu for %zu nodes with %zu neighbours: each "
                          "must be at least 1, the width at most %d",
                          D, nodes, k, LARGEST_WIDTH);
    fmpnn_message_pass *op = fmpnn_alloc_zero(1, sizeof *op);
    if (!op)
        return fmpnn_fail_memory(err, "preparing message passing");
    op->backend = ctx->backend;
    op->nodes = nodes;
    op->k = k;
    fmpnn_status status =
        ctx->backend->operation_create(ctx, weights, nodes, k, &op->operation, err);
    if (status) {
        fmpnn_release(op);
        return status;
    }
    *out = op;
    return FMPNN_OK;
}

void fmpnn_message_pass_free(fmpnn_message_pass *op)
{
    if (!op)
        return;
    op->backend->operation_free(op->operation);
    fmpnn_release(op);
}

/* Without a way out of the loop, which compilers make into vectors. */
static bool all_below(const int32_t *E, size_t count, size_t L)
{
    const uint32_t limit = L < INT32_MAX ? (uint32_t)L : (uint32_t)INT32_MAX + 1;
    bool beyond = false;
    for (size_t n = 0; n < count; n++)
        beyond |= (uint32_t)E[n] >= limit;
    return !beyond;
}

fmpnn_status fmpnn_message_pass_run(fmpnn_message_pass *op, size_t B, size_t L, const float *h,
                                    const float *X, const int32_t *E, const float *mask,
                                    float *out, fmpnn_error *err)
{
    if (!B || !L || B > op->nodes / L)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "message passing over %zu x %zu nodes: prepared for 1 to %zu", B, L,
                          op->nodes);
    const size_t edges = B * L * op->k;
    for (size_t n = all_below(E, edges, L) ? edges : 0; n < edges; n++)
        if (E[n] < 0 || (size_t)E[n] >= L)
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "neighbour %zu of node %zu is %d: expected 0 to %zu", n % op->k,
                              n / op->k, (int)E[n], L - 1);
    return op->backend->operation_run(op->operation, B, L, h, X, E, mask, out, err);
}

static fmpnn_status find_tensor(const fmpnn_archive *archive, const char *path, const char *name,
                                size_t rows, size_t columns, const float **data, fmpnn_error *err)
{
    const fmpnn_array *array = fmpnn_archive_find(archive, name);
    if (!array)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: tensor %s is missing", path, name);
    bool fits = columns ? array->rank == 2 && array->shape[0] == rows && array->shape[1] == columns
                        : array->rank == 1 && array->shape[0] == rows;
    char shape[48];
    if (columns)
        snprintf(shape, sizeof shape, "[%zu, %zu]", rows, columns);
    else
        snprintf(shape, sizeof shape, "[%zu]", rows);
    if (array->dtype != FMPNN_F32 || !fits)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: tensor %s: expected float32 of shape %s", path,
                          name, shape);
    if ((uintptr_t)array->data % sizeof(float))
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: tensor %s is not aligned to 4 bytes", path,
                          name);
    *data = array->data;
    return FMPNN_OK;
}

fmpnn_status fmpnn_message_pass_load(fmpnn_context *ctx, const char *path, bool tanh_form,
                                     size_t nodes, size_t k, fmpnn_message_pass **op,
                                     fmpnn_error *err)
{
    fmpnn_archive *archive;
    fmpnn_message_weights w = {.tanh_form = tanh_form};
    fmpnn_status status = fmpnn_archive_open(path, &archive, err);
    if (status)
        return status;
    const fmpnn_array *gamma = fmpnn_archive_find(archive, "gamma");
    size_t D = gamma && gamma->rank == 1 ? gamma->shape[0] : 0;
    const struct {
        const char *name;
        size_t rows, columns; /* columns 0: a vector */
        const float **data;
    } wanted[] = {
        {"gamma", D, 0, &w.gamma}, {"beta", D, 0, &w.beta},     {"W1", 2 * D, 2 * D + 4, &w.W1},
        {"b1", 2 * D, 0, &w.b1},   {"W2", D, 2 * D, &w.W2},     {"b2", D, 0, &w.b2},
        {"U1", 2 * D, D, &w.U1},   {"c1", 2 * D, 0, &w.c1},     {"U2", D, 2 * D, &w.U2},
        {"c2", D, 0, &w.c2},
    };
    for (size_t n = 0; n < sizeof wanted / sizeof *wanted && !status; n++)
        status = find_tensor(archive, path, wanted[n].name, wanted[n].rows, wanted[n].columns,
                             wanted[n].data, err);
    w.D = D;
    if (!status)
        status = fmpnn_message_pass_create(ctx, &w, nodes, k, op, err);
    fmpnn_archive_close(archive);
    return status;
}
