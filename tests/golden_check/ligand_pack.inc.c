/* The packer through the plain formulas of one precision; after ligand_run.inc.c. Every step takes
 * the component mean of largest density, as the cases do. */

static void compare_encoder(const ligand_comparison *k, const ENCODING *e)
{
    ligand_case *c = k->c;
    size_t L = e->L, C = e->C, M = e->M, rows = c->base.n_rows;
    const uint8_t *masked = ligand_arbitrary_rows(c);
    ligand_compare_rows(k, "feat.V_enc", widen(c, e->label, L * C), L, C, NULL);
    ligand_compare_rows(k, "feat.E_enc_head", widen(c, e->edge_norm, rows * e->K * C), rows,
                        e->K * C, masked);
    ligand_compare_rows(k, "feat.E_context_head", widen(c, e->pair, rows * M * C), rows,
                        M * C, masked);
    ligand_compare_rows(k, "feat.Y_nodes_head", widen(c, e->atom, rows * M * C), rows,
                        M * C, masked);
    ligand_compare_rows(k, "enc.h_V", widen(c, e->h_out, L * C), L, C, NULL);
    size_t last = c->base.model->info.encoder_layers;
    ligand_compare_rows(k, "enc.h_E_head", widen(c, e->h_E_at[last], rows * e->K * C), rows,
                        e->K * C, masked);
}

static fmpnn_status pack(const ligand_comparison *k, fmpnn_packing *p, fmpnn_error *err)
{
    golden_case *b = &k->c->base;
    ENCODING *e = NULL;
    fmpnn_reference_options options = {.rows = b->rows, .n_rows = b->n_rows};
    size_t steps = ligand_packing_steps(k->c), angles = b->L * FMPNN_CHIS;
    uint32_t *own = golden_alloc(&b->arena, b->L * b->K, sizeof *own);
    real *distance = golden_alloc(&b->arena, b->L * b->K, sizeof *distance);
    fmpnn_mixture *m = golden_alloc(&b->arena, angles, sizeof *m);
    double *angle = golden_alloc(&b->arena, angles, sizeof *angle);
    REF(neighbours)(b->graph, own, distance);
    options.neighbour = golden_neighbours(b, k->report, own, false);
    ligand_compare_start(k, p);
    fmpnn_status status = REF(encode)(b->model, b->graph, &options, &e, err);
    if (!status)
        compare_encoder(k, e);
    for (size_t s = 0; s < steps && !status; s++) {
        size_t C = b->model->C, kept = b->n_rows * b->K * C;
        char name[64];
        real *node = golden_alloc(&b->arena, b->L * C, sizeof *node);
        real *edge = golden_alloc(&b->arena, kept, sizeof *edge);
        snprintf(name, sizeof name, "step%zu.X_in", s);
        if (s > 0)
            ligand_compare_rows(k, name, p->xyz, b->L, 3 * FMPNN_ATOM14, NULL);
        status = REF(torsions)(e, p->xyz, p->atoms, node, edge, m, err);
        if (status)
            break;
        if (s == 0) {
            ligand_compare_rows(k, "feat.V_dec_step0", widen(k->c, node, b->L * C), b->L, C,
                                ligand_arbitrary_rows(k->c));
            ligand_compare_rows(k, "feat.F_dec_step0_head", widen(k->c, edge, kept),
                                b->n_rows, b->K * C, ligand_arbitrary_rows(k->c));
        }
        ligand_compare_mixtures(k, s, m);
        for (size_t n = 0; n < angles; n++)
            angle[n] = fmpnn_mixture_peak(&m[n]);
        fmpnn_packing_turn(p, angle);
    }
    if (!status)
        ligand_compare_end(k, p, angle, m);
    REF(encoding_free)(e);
    return status;
}

void PACK(ligand_case *c, golden_report *report)
{
    ligand_comparison k = {.c = c, .report = report, .grade = GRADE};
    fmpnn_packing *p = NULL;
    fmpnn_error err;
    report->isa = "generic";
    report->precision = PRECISION;
    if (ligand_packing_start(c, &p, &err) || pack(&k, p, &err))
        golden_problem(report, "reference: %s", err.message);
    fmpnn_packing_free(p);
}
