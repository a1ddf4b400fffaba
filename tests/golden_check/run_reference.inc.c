/* The plain formulas of one precision on a case; included once for each `real`. */

static double *widen(golden_case *c, const real *src, size_t count)
{
    double *dst = golden_alloc(&c->arena, count, sizeof *dst);
    for (size_t n = 0; n < count; n++)
        dst[n] = (double)src[n];
    return dst;
}

/* ln p of L rows of logits, computed in `real`. */
static double *log_probs(golden_case *c, const real *logits)
{
    real *row = golden_alloc(&c->arena, c->L, FMPNN_LETTERS * sizeof *row);
    REF(log_softmax)(c->L, logits, row);
    return widen(c, row, c->L * FMPNN_LETTERS);
}

static void take_states(golden_case *c, const ENCODING *e, golden_results *r)
{
    size_t edges = c->n_rows * c->K;
    r->distance = widen(c, e->distance, c->L * c->K);
    r->edge_raw = widen(c, e->edge_raw, edges * e->edge_inputs);
    r->edge_norm = widen(c, e->edge_norm, edges * e->C);
    for (size_t n = 0; n <= c->model->info.encoder_layers; n++) {
        r->h_E[n] = widen(c, e->h_E_at[n], edges * e->C);
        r->h_V_enc[n] = widen(c, e->h_V[n], c->L * e->C);
    }
}

static fmpnn_status teacher_forced(golden_case *c, const ENCODING *e, golden_results *r,
                                   fmpnn_error *err)
{
    real *h_V[FMPNN_MAX_LAYERS], *logits;
    size_t layers = c->model->info.decoder_layers;
    logits = golden_alloc(&c->arena, c->L, FMPNN_LETTERS * sizeof *logits);
    for (size_t n = 0; n < layers; n++)
        h_V[n] = golden_alloc(&c->arena, c->L, e->C * sizeof *h_V[n]);
    fmpnn_status status = REF(logits)(e, NULL, NULL, logits, NULL, err);
    if (status)
        return status;
    r->unconditional = log_probs(c, logits);
    status = REF(logits)(e, c->inputs->native, c->rank, logits, h_V, err);
    if (status)
        return status;
    r->logits = widen(c, logits, c->L * FMPNN_LETTERS);
    r->log_probs = log_probs(c, logits);
    for (size_t n = 0; n < layers; n++)
        r->h_V_dec[n + 1] = widen(c, h_V[n], c->L * e->C);
    return FMPNN_OK;
}

/* One whole pass for each designed residue, in the order that the formula gives. */
static fmpnn_status conditional(golden_case *c, const ENCODING *e, golden_results *r,
                                fmpnn_error *err)
{
    size_t cells = c->L * FMPNN_LETTERS;
    uint32_t *rank = golden_alloc(&c->arena, c->L, sizeof *rank);
    real *logits = golden_alloc(&c->arena, cells, sizeof *logits);
    double *all = golden_alloc(&c->arena, cells, sizeof *all);
    for (size_t i = 0; i < c->L; i++) {
        if (!c->designed[i])
            continue;
        real *row = logits + i * FMPNN_LETTERS;
        uint8_t *wanted = golden_alloc(&c->arena, c->L, 1);
        wanted[i] = 1;
        bool last = golden_conditional_rank(c, i, rank);
        const uint8_t *native = c->inputs->native;
        fmpnn_status status =
            last ? REF(conditional)(e, native, c->rank_base, wanted, logits, err)
                 : REF(logits)(e, native, rank, logits, NULL, err);
        if (status)
            return status;
        REF(log_softmax)(1, row, row);
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            all[i * FMPNN_LETTERS + a] = (double)row[a];
    }
    r->conditional = all;
    return FMPNN_OK;
}

static fmpnn_status sample(golden_case *c, const ENCODING *e, const golden_label *label,
                           golden_sample *s, fmpnn_error *err)
{
    size_t cells = c->L * FMPNN_LETTERS;
    real *logits = golden_alloc(&c->arena, cells, sizeof *logits);
    s->letters = golden_alloc(&c->arena, c->L, 1);
    s->probs = golden_alloc(&c->arena, cells, sizeof *s->probs);
    fmpnn_status status =
        REF(sample)(e, &c->rules, c->order_sampling, label->uniform, NULL,
                    label->temperature, s->letters, logits, s->probs, err);
    if (status)
        return status;
    s->logits = widen(c, logits, cells);
    status = REF(logits)(e, s->letters, c->rank_sampling, logits, NULL, err);
    if (!status)
        s->log_probs = log_probs(c, logits);
    return status;
}

static fmpnn_status run(golden_case *c, golden_report *report, golden_results *r,
                        fmpnn_error *err)
{
    ENCODING *e = NULL;
    fmpnn_reference_options options = {.rows = c->rows, .n_rows = c->n_rows};
    uint32_t *own = golden_alloc(&c->arena, c->L * c->K, sizeof *own);
    real *distance = golden_alloc(&c->arena, c->L * c->K, sizeof *distance);
    REF(neighbours)(c->graph, own, distance);
    options.neighbour = golden_neighbours(c, report, own, GRADE == GOLDEN_REFERENCE64);
    fmpnn_status status = REF(encode)(c->model, c->graph, &options, &e, err);
    if (status)
        return status;
    take_states(c, e, r);
    status = teacher_forced(c, e, r, err);
    if (!status && fmpnn_archive_find(c->archive, "cond_log_probs"))
        status = conditional(c, e, r, err);
    r->sample = golden_alloc(&c->arena, c->n_labels, sizeof *r->sample);
    for (size_t n = 0; !status && n < c->n_labels; n++)
        status = sample(c, e, &c->label[n], &r->sample[n], err);
    REF(encoding_free)(e);
    return status;
}

/* The public name, RUN, is defined by the file that includes this. */
void RUN(golden_case *c, golden_report *report)
{
    golden_results results = {0};
    fmpnn_error err;
    report->isa = "generic";
    report->precision = PRECISION;
    if (run(c, report, &results, &err))
        golden_problem(report, "reference: %s", err.message);
    else
        golden_compare(c, report, GRADE, &results);
}
