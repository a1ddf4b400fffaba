/* Cases through a context's backend, by the calls of backend.h. */
#include "golden.h"

#include <math.h>
#include <string.h>

typedef struct engine_run {
    golden_case *c;
    fmpnn_context *ctx;
    fmpnn_encoding *encoding;
    golden_results *r;
} engine_run;

static double *log_probs(golden_case *c, const float *logits)
{
    double *dst = golden_widen(&c->arena, logits, c->L * FMPNN_LETTERS);
    for (size_t i = 0; i < c->L; i++) {
        double *row = dst + i * FMPNN_LETTERS, top = row[0], sum = 0;
        for (size_t a = 1; a < FMPNN_LETTERS; a++)
            top = fmax(top, row[a]);
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            sum += exp(row[a] - top);
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            row[a] -= top + log(sum);
    }
    return dst;
}

static float *new_logits(golden_case *c, size_t B)
{
    return golden_alloc(&c->arena, B * c->L, FMPNN_LETTERS * sizeof(float));
}

/* The edge tensors follow the stored order, and of two candidates for the last place only one is
 * in it. */
void golden_adopt_neighbours(golden_case *c, golden_report *report)
{
    fmpnn_graph *g = c->graph;
    const uint32_t *use = golden_neighbours(c, report, g->neighbour, false);
    if (use == g->neighbour || !memcmp(use, g->neighbour, c->L * c->K * sizeof *use))
        return;
    for (size_t i = 0; i < c->L; i++) {
        float *own = g->distance + i * c->K;
        float *moved = golden_alloc(&c->arena, c->K, sizeof *moved);
        for (size_t m = 0; m < c->K; m++) {
            moved[m] = own[m]; /* a newcomer takes the place of one as far away */
            for (size_t k = 0; k < c->K; k++)
                if (g->neighbour[i * c->K + k] == use[i * c->K + m])
                    moved[m] = own[k];
        }
        memcpy(own, moved, c->K * sizeof *own);
    }
    memcpy(g->neighbour, use, c->L * c->K * sizeof *use);
}

static fmpnn_status states(engine_run *run, fmpnn_error *err)
{
    golden_case *c = run->c;
    size_t C = c->model->C, last = c->model->info.encoder_layers;
    float *h_V = golden_alloc(&c->arena, c->L, C * sizeof *h_V);
    float *h_E = golden_alloc(&c->arena, c->n_rows * c->K, C * sizeof *h_E);
    fmpnn_status status = run->ctx->backend->states(run->ctx, run->encoding, h_V, c->rows,
                                                    c->n_rows, c->n_rows ? h_E : NULL, err);
    run->r->distance = golden_widen(&c->arena, c->graph->distance, c->L * c->K);
    run->r->h_V_enc[last] = golden_widen(&c->arena, h_V, c->L * C);
    run->r->h_E[last] = golden_widen(&c->arena, h_E, c->n_rows * c->K * C);
    return status;
}

static fmpnn_status teacher_forced(engine_run *run, fmpnn_error *err)
{
    golden_case *c = run->c;
    const fmpnn_backend *backend = run->ctx->backend;
    float *logits = new_logits(c, 1);
    fmpnn_status status =
        backend->logits(run->ctx, run->encoding, 1, NULL, NULL, logits, err);
    if (status)
        return status;
    run->r->unconditional = log_probs(c, logits);
    status = backend->logits(run->ctx, run->encoding, 1, c->inputs->native, c->rank, logits,
                             err);
    run->r->logits = golden_widen(&c->arena, logits, c->L * FMPNN_LETTERS);
    run->r->log_probs = log_probs(c, logits);
    return status;
}

/* All residues that come last in their pass in one call, the odd others each in its own. */
static fmpnn_status conditional(engine_run *run, fmpnn_error *err)
{
    golden_case *c = run->c;
    const fmpnn_backend *backend = run->ctx->backend;
    const uint8_t *native = c->inputs->native;
    float *logits = new_logits(c, 1), *odd = new_logits(c, 1);
    uint32_t *rank = golden_alloc(&c->arena, c->L, sizeof *rank);
    uint8_t *wanted = golden_alloc(&c->arena, c->L, 1);
    for (size_t i = 0; i < c->L; i++)
        wanted[i] = c->designed[i] && golden_conditional_rank(c, i, rank);
    fmpnn_status status = backend->conditional(run->ctx, run->encoding, native,
                                               c->rank_base, wanted, logits, err);
    for (size_t i = 0; !status && i < c->L; i++)
        if (c->designed[i] && !wanted[i]) {
            golden_conditional_rank(c, i, rank);
            status = backend->logits(run->ctx, run->encoding, 1, native, rank, odd, err);
            memcpy(logits + i * FMPNN_LETTERS, odd + i * FMPNN_LETTERS,
                   FMPNN_LETTERS * sizeof *odd);
        }
    run->r->conditional = log_probs(c, logits);
    for (size_t n = 0; n < c->L * FMPNN_LETTERS; n++)
        if (!c->designed[n / FMPNN_LETTERS])
            run->r->conditional[n] = 0;
    return status;
}

/* Leading steps that no request designs: whole groups, none of whose members is designed. */
static size_t count_shared(const golden_case *c)
{
    size_t t = 0, whole = 0;
    for (; t < c->L && !c->designed[c->order_sampling[t]]; t++) {
        uint32_t group = c->rules.group_of[c->order_sampling[t]];
        if (t + 1 == c->L || c->rules.group_of[c->order_sampling[t + 1]] != group)
            whole = t + 1;
    }
    return whole;
}

static double furthest(const double *a, const double *b, size_t count)
{
    double largest = 0;
    for (size_t n = 0; n < count; n++) {
        double d = fabs(a[n] - b[n]);
        largest = d <= largest ? largest : d; /* keeps a NaN */
    }
    return largest;
}

/* Again, saying which leading steps are shared: nothing may change beyond rounding. */
static fmpnn_status check_shared(engine_run *run, golden_report *report,
                                 const fmpnn_draw_request *known, size_t B,
                                 fmpnn_error *err)
{
    golden_case *c = run->c;
    size_t cells = c->L * FMPNN_LETTERS, shared = count_shared(c);
    fmpnn_draw_request *again = golden_alloc(&c->arena, B, sizeof *again);
    memcpy(again, known, B * sizeof *again);
    for (size_t b = 0; b < B; b++) {
        again[b].letters = golden_alloc(&c->arena, c->L, 1);
        again[b].logits = new_logits(c, 1);
        again[b].probs = golden_alloc(&c->arena, cells, sizeof(double));
    }
    fmpnn_status status = run->ctx->backend->sample(run->ctx, run->encoding, &c->rules,
                                                    shared, B, again, err);
    for (size_t b = 0; !status && b < B; b++) {
        char probs[80];
        snprintf(probs, sizeof probs, "sample_%s_probs", c->label[b].name);
        double apart = furthest(again[b].probs, known[b].probs, cells);
        double moved = furthest(golden_widen(&c->arena, again[b].logits, cells),
                                golden_widen(&c->arena, known[b].logits, cells), cells);
        if (memcmp(again[b].letters, known[b].letters, c->L) != 0)
            golden_problem(report, "sample_%s: other letters with %zu shared steps",
                           c->label[b].name, shared);
        if (!(moved <= golden_limit(c, GOLDEN_ENGINE, "logits", false)) ||
            !(apart <= golden_limit(c, GOLDEN_ENGINE, probs, false)))
            golden_problem(report,
                           "sample_%s: logits move by %.2g, probabilities by %.2g with %zu "
                           "shared steps",
                           c->label[b].name, moved, apart, shared);
    }
    return status;
}

/* All labels as one batch, then their teacher-forced passes as another. */
static fmpnn_status samples(engine_run *run, golden_report *report, fmpnn_error *err)
{
    golden_case *c = run->c;
    const fmpnn_backend *backend = run->ctx->backend;
    size_t B = c->n_labels, cells = c->L * FMPNN_LETTERS;
    golden_sample *s = run->r->sample = golden_alloc(&c->arena, B, sizeof *s);
    fmpnn_draw_request *request = golden_alloc(&c->arena, B, sizeof *request);
    uint8_t *letters = golden_alloc(&c->arena, B * c->L, 1);
    uint32_t *rank = golden_alloc(&c->arena, B * c->L, sizeof *rank);
    float *logits = new_logits(c, B);
    for (size_t b = 0; b < B; b++) {
        s[b].letters = letters + b * c->L;
        s[b].probs = golden_alloc(&c->arena, cells, sizeof *s->probs);
        memcpy(rank + b * c->L, c->rank_sampling, c->L * sizeof *rank);
        request[b] = (fmpnn_draw_request){.order = c->order_sampling,
                                          .uniform = c->label[b].uniform,
                                          .temperature = c->label[b].temperature,
                                          .letters = s[b].letters,
                                          .logits = logits + b * cells,
                                          .probs = s[b].probs};
    }
    fmpnn_status status =
        backend->sample(run->ctx, run->encoding, &c->rules, 0, B, request, err);
    if (!status)
        status = check_shared(run, report, request, B, err);
    if (status)
        return status;
    for (size_t b = 0; b < B; b++)
        s[b].logits = golden_widen(&c->arena, request[b].logits, cells);
    status = backend->logits(run->ctx, run->encoding, B, letters, rank, logits, err);
    for (size_t b = 0; b < B; b++)
        s[b].log_probs = log_probs(c, logits + b * cells);
    return status;
}

void golden_run_engine(golden_case *c, fmpnn_context *ctx, golden_report *report)
{
    fmpnn_error err;
    golden_results results = {0};
    engine_run run = {.c = c, .ctx = ctx, .r = &results};
    report->isa = fmpnn_context_isa(ctx);
    report->precision = fmpnn_context_precision(ctx);
    report->approximate =
        strcmp(report->precision, "fp32") != 0 && strcmp(report->precision, "bf16x3") != 0;
    golden_adopt_neighbours(c, report);
    fmpnn_status status =
        ctx->backend->encode(ctx, c->model, c->graph, &run.encoding, &err);
    if (!status)
        status = states(&run, &err);
    if (!status)
        status = teacher_forced(&run, &err);
    if (!status && fmpnn_archive_find(c->archive, "cond_log_probs"))
        status = conditional(&run, &err);
    if (!status)
        status = samples(&run, report, &err);
    if (status)
        golden_problem(report, "engine: %s", err.message);
    else
        golden_compare(c, report, GOLDEN_ENGINE, &results);
    if (run.encoding)
        ctx->backend->encoding_free(run.encoding);
}
