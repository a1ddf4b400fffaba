/* LigandMPNN cases through a context's backend, by the calls of backend.h. */
#include "ligand.h"

#include <string.h>

typedef struct engine_run {
    ligand_case *c;
    fmpnn_context *ctx;
    fmpnn_encoding *encoding;
    ligand_results *r;
} engine_run;

static fmpnn_status states(engine_run *run, fmpnn_error *err)
{
    golden_case *b = &run->c->base;
    size_t C = b->model->C;
    float *h_V = golden_alloc(&b->arena, b->L, C * sizeof *h_V);
    float *h_E = golden_alloc(&b->arena, b->n_rows * b->K, C * sizeof *h_E);
    fmpnn_status status = run->ctx->backend->states(run->ctx, run->encoding, h_V, b->rows,
                                                    b->n_rows, b->n_rows ? h_E : NULL, err);
    run->r->h_V = golden_widen(&b->arena, h_V, b->L * C);
    run->r->h_E = golden_widen(&b->arena, h_E, b->n_rows * b->K * C);
    return status;
}

static fmpnn_status scores(engine_run *run, fmpnn_error *err)
{
    golden_case *b = &run->c->base;
    const fmpnn_backend *backend = run->ctx->backend;
    const uint8_t *native = b->inputs->native;
    size_t cells = b->L * FMPNN_LETTERS;
    float *logits = golden_alloc(&b->arena, cells, sizeof *logits);
    fmpnn_status status =
        backend->logits(run->ctx, run->encoding, 1, native, b->rank, logits, err);
    run->r->score = golden_widen(&b->arena, logits, cells);
    if (!status && fmpnn_archive_find(b->archive, "score_noseq.logits"))
        status = backend->logits(run->ctx, run->encoding, 1, NULL, b->rank, logits, err);
    run->r->score_noseq = golden_widen(&b->arena, logits, cells);
    if (status || !fmpnn_archive_find(b->archive, "single_aa_0.log_probs"))
        return status;
    status = backend->logits(run->ctx, run->encoding, 1, NULL, NULL, logits, err);
    run->r->single_first = golden_widen(&b->arena, logits, cells);
    if (!status)
        status = backend->conditional(run->ctx, run->encoding, native, b->rank_base,
                                      b->resolved, logits, err);
    run->r->single_last = golden_widen(&b->arena, logits, cells);
    return status;
}

/* All temperatures as one batch. */
static fmpnn_status samples(engine_run *run, fmpnn_error *err)
{
    golden_case *b = &run->c->base;
    size_t B = b->n_labels, cells = b->L * FMPNN_LETTERS;
    golden_sample *s = run->r->sample = golden_alloc(&b->arena, B, sizeof *s);
    fmpnn_draw_request *request = golden_alloc(&b->arena, B, sizeof *request);
    for (size_t n = 0; n < B; n++) {
        s[n].letters = golden_alloc(&b->arena, b->L, 1);
        s[n].probs = golden_alloc(&b->arena, cells, sizeof *s->probs);
        request[n] = (fmpnn_draw_request){
            .order = b->order,
            .uniform = b->label[n].uniform,
            .temperature = b->label[n].temperature,
            .letters = s[n].letters,
            .logits = golden_alloc(&b->arena, cells, sizeof(float)),
            .probs = s[n].probs};
    }
    fmpnn_status status = B ? run->ctx->backend->sample(run->ctx, run->encoding, &b->rules, 0,
                                                        B, request, err)
                            : FMPNN_OK;
    for (size_t n = 0; n < B; n++)
        s[n].logits = golden_widen(&b->arena, request[n].logits, cells);
    return status;
}

void ligand_run_engine(ligand_case *c, fmpnn_context *ctx, golden_report *report)
{
    fmpnn_error err;
    ligand_results results = {0};
    engine_run run = {.c = c, .ctx = ctx, .r = &results};
    report->isa = fmpnn_context_isa(ctx);
    report->precision = fmpnn_context_precision(ctx);
    report->approximate =
        strcmp(report->precision, "fp32") != 0 && strcmp(report->precision, "bf16x3") != 0;
    golden_adopt_neighbours(&c->base, report);
    fmpnn_status status =
        ctx->backend->encode(ctx, c->base.model, c->base.graph, &run.encoding, &err);
    if (!status)
        status = states(&run, &err);
    if (!status)
        status = scores(&run, &err);
    if (!status)
        status = samples(&run, &err);
    if (status)
        golden_problem(report, "engine: %s", err.message);
    else
        ligand_compare(c, report, GOLDEN_ENGINE, &results);
    if (run.encoding)
        ctx->backend->encoding_free(run.encoding);
}

fmpnn_status ligand_score_engine(ligand_case *c, fmpnn_context *ctx, double *logits,
                                 fmpnn_error *err)
{
    golden_case *b = &c->base;
    fmpnn_encoding *encoding = NULL;
    size_t cells = b->L * FMPNN_LETTERS;
    float *own = golden_alloc(&b->arena, cells, sizeof *own);
    fmpnn_status status = ctx->backend->encode(ctx, b->model, b->graph, &encoding, err);
    if (!status)
        status = ctx->backend->logits(ctx, encoding, 1, b->inputs->native, b->rank, own, err);
    for (size_t n = 0; !status && n < cells; n++)
        logits[n] = (double)own[n];
    if (encoding)
        ctx->backend->encoding_free(encoding);
    return status;
}
