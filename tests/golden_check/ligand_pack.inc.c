/* The packer through the plain formulas of one precision; after ligand_run.inc.c. Every step takes
 * the component mean of largest density, as the cases do. */

static void compare_start(const ligand_comparison *k, const fmpnn_packing *p)
{
    size_t L = p->L;
    golden_arena *arena = &k->c->base.arena;
    double *angle = golden_alloc(arena, L, 10 * sizeof *angle);
    double *there = golden_alloc(arena, L, FMPNN_ATOM14 * sizeof *there);
    double *rotation = golden_alloc(arena, L, 9 * sizeof *rotation);
    double *origin = golden_alloc(arena, L, 3 * sizeof *origin);
    for (size_t i = 0; i < L; i++) {
        memcpy(angle + 10 * i, &p->torsions[i], 10 * sizeof *angle); /* psi, chi1..4 */
        fmpnn_backbone_frame((const double(*)[3])p->backbone + 4 * i,
                             (double(*)[3])(void *)(rotation + 9 * i), origin + 3 * i);
    }
    for (size_t n = 0; n < L * FMPNN_ATOM14; n++)
        there[n] = p->present[n];
    ligand_compare_rows(k, "psi_chi_init_sin_cos", angle, L, 10, NULL);
    ligand_compare_rows(k, "xyz14_init", p->xyz, L, 3 * FMPNN_ATOM14, NULL);
    ligand_compare_rows(k, "xyz14_mask", there, L, FMPNN_ATOM14, NULL);
    ligand_compare_rows(k, "rigid_rot", rotation, L, 9, NULL);
    ligand_compare_rows(k, "rigid_trans", origin, L, 3, NULL);
}

static void compare_encoder(const ligand_comparison *k, const ENCODING *e)
{
    ligand_case *c = k->c;
    size_t L = e->L, C = e->C, M = e->M, rows = c->base.n_rows;
    ligand_compare_rows(k, "feat.V_enc", widen(c, e->label, L * C), L, C, NULL);
    ligand_compare_rows(k, "feat.E_enc_head", widen(c, e->edge_norm, rows * e->K * C), rows,
                        e->K * C, NULL);
    ligand_compare_rows(k, "feat.E_context_head", widen(c, e->pair, rows * M * C), rows, M * C,
                        NULL);
    ligand_compare_rows(k, "feat.Y_nodes_head", widen(c, e->atom, rows * M * C), rows, M * C,
                        NULL);
    ligand_compare_rows(k, "enc.h_V", widen(c, e->h_out, L * C), L, C, NULL);
    size_t last = c->base.model->info.encoder_layers;
    ligand_compare_rows(k, "enc.h_E_head", widen(c, e->h_E_at[last], rows * e->K * C), rows,
                        e->K * C, NULL);
}

/* The three parts of the mixtures, and their density at the probe. */
static void compare_mixtures(const ligand_comparison *k, size_t step, const fmpnn_mixture *m)
{
    char name[64];
    golden_case *b = &k->c->base;
    size_t angles = b->L * FMPNN_CHIS, parts = angles * FMPNN_MIXTURE;
    double *part = golden_alloc(&b->arena, 4 * parts, sizeof *part);
    double *mean = part, *width = mean + parts, *logit = width + parts, *at = logit + parts;
    const fmpnn_array *probe = fmpnn_archive_find(b->archive, "in.probe");
    for (size_t n = 0; n < angles; n++) {
        memcpy(mean + n * FMPNN_MIXTURE, m[n].mean, sizeof m[n].mean);
        memcpy(width + n * FMPNN_MIXTURE, m[n].concentration, sizeof m[n].concentration);
        memcpy(logit + n * FMPNN_MIXTURE, m[n].logit, sizeof m[n].logit);
        at[n] = fmpnn_mixture_log_density(&m[n], golden_value(probe, n));
    }
    const struct {
        const char *what;
        const double *values;
        size_t count;
    } tensors[] = {{"mean", mean, parts},
                   {"concentration", width, parts},
                   {"mix_logits", logit, parts},
                   {"log_prob_of_probe", at, angles}};
    for (size_t n = 0; n < 4; n++) {
        snprintf(name, sizeof name, "step%zu.%s", step, tensors[n].what);
        ligand_compare_rows(k, name, tensors[n].values, b->L, tensors[n].count / b->L, NULL);
    }
}

static void compare_end(const ligand_comparison *k, const fmpnn_packing *p, const double *angle,
                        const fmpnn_mixture *m)
{
    golden_arena *arena = &k->c->base.arena;
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    size_t L = p->L;
    double *density = golden_alloc(arena, L, FMPNN_CHIS * sizeof *density);
    double *factor = golden_alloc(arena, L, FMPNN_ATOM14 * sizeof *factor);
    for (size_t i = 0; i < L; i++) {
        double *own = density + i * FMPNN_CHIS;
        for (size_t c = 0; c < FMPNN_CHIS; c++)
            own[c] = p->keep[i] ? 2 : fmpnn_mixture_log_density(m + i * FMPNN_CHIS + c,
                                                                angle[i * FMPNN_CHIS + c]);
        for (size_t a = 0; a < FMPNN_ATOM14; a++) {
            uint8_t group = ideal[p->letters[i]].group[a];
            factor[i * FMPNN_ATOM14 + a] = own[group > FMPNN_GROUP_CHI1 ? group - 4 : 0];
        }
    }
    ligand_compare_rows(k, "final.sample", angle, L, FMPNN_CHIS, NULL);
    ligand_compare_rows(k, "final.log_prob", density, L, FMPNN_CHIS, NULL);
    ligand_compare_rows(k, "final.X", p->xyz, L, 3 * FMPNN_ATOM14, NULL);
    ligand_compare_rows(k, "final.b_factors", factor, L, FMPNN_ATOM14, NULL);
}

static fmpnn_status pack(const ligand_comparison *k, fmpnn_packing *p, fmpnn_error *err)
{
    golden_case *b = &k->c->base;
    ENCODING *e = NULL;
    fmpnn_reference_options options = {.rows = b->rows, .n_rows = b->n_rows};
    const json_t *wanted = json_object_get(b->options, "steps");
    size_t steps = wanted ? (size_t)json_integer_value(wanted) : 3, angles = b->L * FMPNN_CHIS;
    uint32_t *own = golden_alloc(&b->arena, b->L * b->K, sizeof *own);
    real *distance = golden_alloc(&b->arena, b->L * b->K, sizeof *distance);
    fmpnn_mixture *m = golden_alloc(&b->arena, angles, sizeof *m);
    double *angle = golden_alloc(&b->arena, angles, sizeof *angle);
    REF(neighbours)(b->graph, own, distance);
    options.neighbour = golden_neighbours(b, k->report, own, false);
    compare_start(k, p);
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
        status = REF(torsions)(e, p->xyz, p->present, node, edge, m, err);
        if (status)
            break;
        if (s == 0) {
            ligand_compare_rows(k, "feat.V_dec_step0", widen(k->c, node, b->L * C), b->L, C,
                                NULL);
            ligand_compare_rows(k, "feat.F_dec_step0_head", widen(k->c, edge, kept), b->n_rows,
                                b->K * C, NULL);
        }
        compare_mixtures(k, s, m);
        for (size_t n = 0; n < angles; n++)
            angle[n] = fmpnn_mixture_peak(&m[n]);
        fmpnn_packing_turn(p, angle);
    }
    if (!status)
        compare_end(k, p, angle, m);
    REF(encoding_free)(e);
    return status;
}

void PACK(ligand_case *c, golden_report *report)
{
    ligand_comparison k = {.c = c, .report = report, .grade = GRADE};
    golden_case *b = &c->base;
    fmpnn_packing *p = NULL;
    fmpnn_error err;
    const fmpnn_array *u = fmpnn_archive_find(b->archive, "in.u_init");
    double *uniform = golden_alloc(&b->arena, u->count, sizeof *uniform);
    report->isa = "generic";
    report->precision = PRECISION;
    for (size_t n = 0; n < u->count; n++)
        uniform[n] = golden_value(u, n);
    if (fmpnn_packing_create(b->st, b->inputs, c->packing->letters, c->packing->keep, uniform,
                             &p, &err) ||
        pack(&k, p, &err))
        golden_problem(report, "reference: %s", err.message);
    fmpnn_packing_free(p);
}
