/* The plain formulas of one precision on a LigandMPNN case; included once for each `real`. */

static double *widen(ligand_case *c, const real *src, size_t count)
{
    double *dst = golden_alloc(&c->base.arena, count, sizeof *dst);
    for (size_t n = 0; src && n < count; n++)
        dst[n] = (double)src[n];
    return src ? dst : NULL;
}

static void take_states(ligand_case *c, const ENCODING *e, ligand_results *r)
{
    size_t rows = c->base.n_rows, L = e->L, M = e->M, C = e->C;
    r->edge = widen(c, e->edge_norm, rows * e->K * C);
    r->pair = M ? widen(c, e->pair, L * M * C) : widen(c, e->label, L * C);
    r->atom = widen(c, e->atom, L * M * C);
    r->bond = widen(c, e->bond, rows * M * M * C);
    r->h_V = widen(c, e->h_out, L * C);
    r->h_E = widen(c, e->h_E_at[c->base.model->info.encoder_layers], rows * e->K * C);
}

static fmpnn_status scores(ligand_case *c, const ENCODING *e, ligand_results *r,
                           fmpnn_error *err)
{
    golden_case *b = &c->base;
    size_t cells = b->L * FMPNN_LETTERS;
    const uint8_t *native = b->inputs->native;
    real *logits = golden_alloc(&b->arena, cells, sizeof *logits);
    fmpnn_status status = REF(logits)(e, native, b->rank, logits, NULL, err);
    r->score = widen(c, logits, cells);
    if (!status && fmpnn_archive_find(b->archive, "score_noseq.logits"))
        status = REF(logits)(e, NULL, b->rank, logits, NULL, err);
    r->score_noseq = widen(c, logits, cells);
    if (status || !fmpnn_archive_find(b->archive, "single_aa_0.log_probs"))
        return status;
    status = REF(logits)(e, NULL, NULL, logits, NULL, err);
    r->single_first = widen(c, logits, cells); /* rows not wanted below are of bias alone */
    if (!status)
        status = REF(conditional)(e, native, b->rank_base, b->resolved, logits, err);
    r->single_last = widen(c, logits, cells);
    return status;
}

static fmpnn_status sample(ligand_case *c, const ENCODING *e, const golden_label *label,
                           golden_sample *s, fmpnn_error *err)
{
    golden_case *b = &c->base;
    size_t cells = b->L * FMPNN_LETTERS;
    real *logits = golden_alloc(&b->arena, cells, sizeof *logits);
    s->letters = golden_alloc(&b->arena, b->L, 1);
    s->probs = golden_alloc(&b->arena, cells, sizeof *s->probs);
    fmpnn_status status = REF(sample)(e, &b->rules, b->order, label->uniform, NULL,
                                      label->temperature, s->letters, logits, s->probs, err);
    s->logits = widen(c, logits, cells);
    return status;
}

static fmpnn_status run(ligand_case *c, golden_report *report, ligand_results *r,
                        fmpnn_error *err)
{
    golden_case *b = &c->base;
    ENCODING *e = NULL;
    fmpnn_reference_options options = {.rows = b->rows, .n_rows = b->n_rows};
    uint32_t *own = golden_alloc(&b->arena, b->L * b->K, sizeof *own);
    real *distance = golden_alloc(&b->arena, b->L * b->K, sizeof *distance);
    REF(neighbours)(b->graph, own, distance);
    options.neighbour = golden_neighbours(b, report, own, false);
    fmpnn_status status = REF(encode)(b->model, b->graph, &options, &e, err);
    if (status)
        return status;
    take_states(c, e, r);
    status = scores(c, e, r, err);
    r->sample = golden_alloc(&b->arena, b->n_labels, sizeof *r->sample);
    for (size_t n = 0; !status && n < b->n_labels; n++)
        status = sample(c, e, &b->label[n], &r->sample[n], err);
    REF(encoding_free)(e);
    return status;
}

void RUN(ligand_case *c, golden_report *report)
{
    ligand_results results = {0};
    fmpnn_error err;
    report->isa = "generic";
    report->precision = PRECISION;
    if (run(c, report, &results, &err))
        golden_problem(report, "reference: %s", err.message);
    else
        ligand_compare(c, report, GRADE, &results);
}

fmpnn_status SCORE(ligand_case *c, double *logits, fmpnn_error *err)
{
    golden_case *b = &c->base;
    ENCODING *e = NULL;
    size_t cells = b->L * FMPNN_LETTERS;
    real *own = golden_alloc(&b->arena, cells, sizeof *own);
    fmpnn_status status = REF(encode)(b->model, b->graph, NULL, &e, err);
    if (!status)
        status = REF(logits)(e, b->inputs->native, b->rank, own, NULL, err);
    for (size_t n = 0; !status && n < cells; n++)
        logits[n] = (double)own[n];
    REF(encoding_free)(e);
    return status;
}
