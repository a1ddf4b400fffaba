/* The plain formulas behind the calls that every backend answers: double inside, float at the
 * door. Nothing is shared between sequences: what a backend may compute once, this computes
 * again. */
#include "backend.h"
#include "reference/reference.h"

#include <string.h>

static const fmpnn_reference64_encoding *plain(const fmpnn_encoding *encoding)
{
    return (const fmpnn_reference64_encoding *)(const void *)encoding;
}

static void narrow(float *dst, const double *src, size_t count)
{
    for (size_t n = 0; n < count; n++)
        dst[n] = (float)src[n];
}

static fmpnn_status encode(fmpnn_context *ctx, const fmpnn_model *model,
                           const fmpnn_graph *graph, fmpnn_encoding **encoding,
                           fmpnn_error *err)
{
    fmpnn_reference_options options = {.threads = ctx ? ctx->threads : 0};
    fmpnn_reference64_encoding *e;
    fmpnn_status status = fmpnn_reference64_encode(model, graph, &options, &e, err);
    if (!status)
        *encoding = (fmpnn_encoding *)(void *)e;
    return status;
}

static void encoding_free(fmpnn_encoding *encoding)
{
    fmpnn_reference64_encoding_free((fmpnn_reference64_encoding *)(void *)encoding);
}

static fmpnn_status states(fmpnn_context *ctx, const fmpnn_encoding *encoding, float *h_V,
                           const uint32_t *rows, size_t n_rows, float *h_E,
                           fmpnn_error *err)
{
    (void)ctx;
    const fmpnn_reference64_encoding *e = plain(encoding);
    size_t each = e->K * e->C;
    for (size_t n = 0; h_E && n < n_rows; n++)
        if (rows[n] >= e->L)
            return fmpnn_fail(err, FMPNN_EINVAL, "row %u of a graph of %zu residues",
                              (unsigned)rows[n], e->L);
    if (h_V)
        narrow(h_V, e->h_out, e->L * e->C);
    for (size_t n = 0; h_E && n < n_rows; n++)
        narrow(h_E + n * each, e->h_E + rows[n] * each, each);
    return FMPNN_OK;
}

static fmpnn_status logits(fmpnn_context *ctx, const fmpnn_encoding *encoding, size_t B,
                           const uint8_t *letters, const uint32_t *rank, float *dst,
                           fmpnn_error *err)
{
    (void)ctx;
    const fmpnn_reference64_encoding *e = plain(encoding);
    size_t L = e->L, each = L * FMPNN_LETTERS;
    double *wide = fmpnn_alloc(each, sizeof *wide);
    if (!wide)
        return fmpnn_fail_memory(err, "computing logits");
    fmpnn_status status = FMPNN_OK;
    for (size_t b = 0; b < B && !status; b++) {
        status = fmpnn_reference64_logits(e, rank && letters ? letters + b * L : NULL,
                                          rank ? rank + b * L : NULL, wide, NULL, err);
        if (!status)
            narrow(dst + b * each, wide, each);
    }
    fmpnn_release(wide);
    return status;
}

static fmpnn_status conditional(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                const uint8_t *letters, const uint32_t *rank,
                                const uint8_t *wanted, float *dst, fmpnn_error *err)
{
    (void)ctx;
    const fmpnn_reference64_encoding *e = plain(encoding);
    double *wide = fmpnn_alloc(e->L, FMPNN_LETTERS * sizeof *wide);
    if (!wide)
        return fmpnn_fail_memory(err, "computing logits");
    fmpnn_status status =
        fmpnn_reference64_conditional(e, letters, rank, wanted, wide, err);
    for (size_t i = 0; i < e->L && !status; i++)
        if (wanted[i])
            narrow(dst + i * FMPNN_LETTERS, wide + i * FMPNN_LETTERS, FMPNN_LETTERS);
    fmpnn_release(wide);
    return status;
}

static fmpnn_status sample(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                           const fmpnn_rules *rules, size_t n_shared, size_t B,
                           fmpnn_draw_request *request, fmpnn_error *err)
{
    (void)ctx;
    (void)n_shared;
    const fmpnn_reference64_encoding *e = plain(encoding);
    double *wide = fmpnn_alloc(e->L, FMPNN_LETTERS * sizeof *wide);
    if (!wide)
        return fmpnn_fail_memory(err, "sampling");
    fmpnn_status status = FMPNN_OK;
    for (size_t b = 0; b < B && !status; b++) {
        fmpnn_draw_request *r = &request[b];
        status = fmpnn_reference64_sample(e, rules, r->order, r->uniform, r->exponential,
                                          r->temperature, r->letters, wide, r->probs, err);
        if (!status)
            narrow(r->logits, wide, e->L * FMPNN_LETTERS);
    }
    fmpnn_release(wide);
    return status;
}

/* Side chains: nothing is computed before it is asked for. */
struct fmpnn_placing {
    const fmpnn_reference64_encoding *encoding;
    uint8_t *atoms; /* [L] */
};

static void placing_free(fmpnn_placing *placing)
{
    if (placing)
        fmpnn_release(placing->atoms);
    fmpnn_release(placing);
}

static fmpnn_status placing_create(fmpnn_context *ctx, const fmpnn_encoding *encoding,
                                   const uint8_t *atoms, const double *xyz,
                                   fmpnn_placing **out, fmpnn_error *err)
{
    const fmpnn_reference64_encoding *e = plain(encoding);
    fmpnn_placing *placing = fmpnn_alloc_zero(1, sizeof *placing);
    (void)ctx;
    (void)xyz;
    if (placing)
        placing->atoms = fmpnn_alloc(e->L, 1);
    if (!placing || !placing->atoms) {
        placing_free(placing);
        return fmpnn_fail_memory(err, "placing side chains");
    }
    placing->encoding = e;
    memcpy(placing->atoms, atoms, e->L);
    *out = placing;
    return FMPNN_OK;
}

static fmpnn_status torsions(fmpnn_context *ctx, const fmpnn_placing *placing, size_t B,
                             const double *xyz, fmpnn_mixture *mixture, fmpnn_error *err)
{
    size_t L = placing->encoding->L;
    fmpnn_status status = FMPNN_OK;
    (void)ctx;
    for (size_t b = 0; b < B && !status; b++)
        status = fmpnn_reference64_torsions(placing->encoding, xyz + b * L * 3 * FMPNN_SIDE_CHAIN,
                                            placing->atoms, NULL, NULL,
                                            mixture + b * L * FMPNN_CHIS, err);
    return status;
}

const fmpnn_backend fmpnn_backend_reference = {
    .name = "reference",
    .encode = encode,
    .encoding_free = encoding_free,
    .states = states,
    .logits = logits,
    .conditional = conditional,
    .sample = sample,
    .placing_create = placing_create,
    .placing_free = placing_free,
    .torsions = torsions,
    .operation_create = fmpnn_reference_operation_create,
    .operation_run = fmpnn_reference_operation_run,
    .operation_free = fmpnn_reference_operation_free,
};
