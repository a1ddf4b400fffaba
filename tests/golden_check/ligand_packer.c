/* Cases of kind packer: what is packed, from the structure and the case's options. */
#include "ligand.h"

#include "packing/packing.h"

#include <string.h>

/* Letters: those of the structure, and where residues are designed those of `new_sequence`. */
static bool thread_sequence(ligand_case *c, golden_report *report, uint8_t *letters)
{
    golden_case *b = &c->base;
    const char *text = json_string_value(json_object_get(b->options, "new_sequence"));
    memcpy(letters, b->inputs->native, b->L);
    if (text && strlen(text) != b->L) {
        golden_problem(report, "new_sequence: of another length than the structure");
        return false;
    }
    for (size_t i = 0; text && i < b->L; i++) {
        const char *at = strchr(fmpnn_alphabet(), text[i]);
        if (b->unfixed[i] && at)
            letters[i] = (uint8_t)(at - fmpnn_alphabet());
    }
    const fmpnn_array *stored = golden_tensor(report, "in.S", 1, b->L);
    for (size_t i = 0; stored && i < b->L; i++)
        if (golden_value(stored, i) != letters[i]) {
            golden_problem(report, "input in.S[%zu]: stored %g, here %d", i,
                           golden_value(stored, i), letters[i]);
            return false;
        }
    return stored != NULL;
}

bool ligand_packing_open(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    fmpnn_error err;
    const json_t *repack = json_object_get(b->options, "repack_everything");
    const fmpnn_array *u = golden_tensor(report, "in.u_init", 2, b->L, (size_t)FMPNN_CHIS);
    uint8_t *letters = golden_alloc(&b->arena, b->L, 1);
    uint8_t *keep = golden_alloc(&b->arena, b->L, 1);
    double *uniform = golden_alloc(&b->arena, b->L, FMPNN_CHIS * sizeof *uniform);
    if (!u || !golden_tensor(report, "in.probe", 2, b->L, (size_t)FMPNN_CHIS)) {
        golden_problem(report, "in.u_init or in.probe: missing");
        return false;
    }
    for (size_t n = 0; n < b->L * FMPNN_CHIS; n++)
        uniform[n] = golden_value(u, n);
    for (size_t i = 0; i < b->L; i++)
        keep[i] = repack && !json_integer_value(repack) && !b->unfixed[i];
    if (!thread_sequence(c, report, letters))
        return false;
    if (fmpnn_packing_create(b->st, b->inputs, letters, keep, uniform, &c->packing, &err) ||
        fmpnn_packing_graph(c->packing, b->model, c->around.blind, &b->graph, &err)) {
        golden_problem(report, "packing: %s", err.message);
        return false;
    }
    b->K = b->graph->K;
    /* what the program's own random procedure gives on average: not this procedure */
    golden_skip(report, "random.log_prob_mean");
    golden_skip(report, "random.log_prob_std");
    golden_skip(report, "random.mean_sin_cos");
    return true;
}

/* ---- what the paths share ---- */

size_t ligand_packing_steps(const ligand_case *c)
{
    const json_t *wanted = json_object_get(c->base.options, "steps");
    return wanted ? (size_t)json_integer_value(wanted) : 3;
}

fmpnn_status ligand_packing_start(ligand_case *c, fmpnn_packing **p, fmpnn_error *err)
{
    golden_case *b = &c->base;
    const fmpnn_array *u = fmpnn_archive_find(b->archive, "in.u_init");
    double *uniform = golden_alloc(&b->arena, u->count, sizeof *uniform);
    for (size_t n = 0; n < u->count; n++)
        uniform[n] = golden_value(u, n);
    return fmpnn_packing_create(b->st, b->inputs, c->packing->letters, c->packing->keep,
                                uniform, p, err);
}

void ligand_compare_start(const ligand_comparison *k, const fmpnn_packing *p)
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
        there[n] = n % FMPNN_ATOM14 < p->atoms[n / FMPNN_ATOM14];
    ligand_compare_rows(k, "psi_chi_init_sin_cos", angle, L, 10, NULL);
    ligand_compare_rows(k, "xyz14_init", p->xyz, L, 3 * FMPNN_ATOM14, NULL);
    ligand_compare_rows(k, "xyz14_mask", there, L, FMPNN_ATOM14, NULL);
    ligand_compare_rows(k, "rigid_rot", rotation, L, 9, NULL);
    ligand_compare_rows(k, "rigid_trans", origin, L, 3, NULL);
}

void ligand_compare_mixtures(const ligand_comparison *k, size_t step,
                             const fmpnn_mixture *m)
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
        ligand_compare_rows(k, name, tensors[n].values, b->L, tensors[n].count / b->L,
                            NULL);
    }
}

void ligand_compare_end(const ligand_comparison *k, const fmpnn_packing *p,
                        const double *angle, const fmpnn_mixture *m)
{
    golden_arena *arena = &k->c->base.arena;
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    size_t L = p->L;
    double *density = golden_alloc(arena, L, FMPNN_CHIS * sizeof *density);
    double *factor = golden_alloc(arena, L, FMPNN_ATOM14 * sizeof *factor);
    for (size_t i = 0; i < L; i++) {
        double *own = density + i * FMPNN_CHIS;
        for (size_t c = 0; c < FMPNN_CHIS; c++)
            own[c] = p->keep[i] ? 2
                                : fmpnn_mixture_log_density(m + i * FMPNN_CHIS + c,
                                                            angle[i * FMPNN_CHIS + c]);
        for (size_t a = 0; a < FMPNN_ATOM14; a++) {
            factor[i * FMPNN_ATOM14 + a] = own[fmpnn_ideal_chi(&ideal[p->letters[i]], a)];
        }
    }
    ligand_compare_rows(k, "final.sample", angle, L, FMPNN_CHIS, NULL);
    ligand_compare_rows(k, "final.log_prob", density, L, FMPNN_CHIS, NULL);
    ligand_compare_rows(k, "final.X", p->xyz, L, 3 * FMPNN_ATOM14, NULL);
    ligand_compare_rows(k, "final.b_factors", factor, L, FMPNN_ATOM14, NULL);
}

/* ---- a backend ---- */

static fmpnn_status pack(const ligand_comparison *k, fmpnn_context *ctx, fmpnn_packing *p,
                         fmpnn_error *err)
{
    golden_case *b = &k->c->base;
    const fmpnn_backend *backend =
        ctx->backend->torsions ? ctx->backend : &fmpnn_backend_cpu;
    fmpnn_encoding *encoding = NULL;
    fmpnn_placing *placing = NULL;
    size_t angles = b->L * FMPNN_CHIS, C = b->model->C, steps = ligand_packing_steps(k->c);
    fmpnn_mixture *m = golden_alloc(&b->arena, angles, sizeof *m);
    double *angle = golden_alloc(&b->arena, angles, sizeof *angle);
    float *h_V = golden_alloc(&b->arena, b->L, C * sizeof *h_V);
    float *h_E = golden_alloc(&b->arena, b->n_rows * b->K, C * sizeof *h_E);
    golden_adopt_neighbours(b, k->report);
    ligand_compare_start(k, p);
    fmpnn_status status = backend->encode(ctx, b->model, b->graph, &encoding, err);
    if (!status)
        status = backend->states(ctx, encoding, h_V, b->rows, b->n_rows, h_E, err);
    if (!status)
        status = backend->placing_create(ctx, encoding, p->atoms, p->xyz, &placing, err);
    if (!status) {
        ligand_compare_rows(k, "enc.h_V", golden_widen(&b->arena, h_V, b->L * C), b->L, C,
                            NULL);
        ligand_compare_rows(k, "enc.h_E_head",
                            golden_widen(&b->arena, h_E, b->n_rows * b->K * C), b->n_rows,
                            b->K * C, ligand_arbitrary_rows(k->c));
    }
    for (size_t s = 0; s < steps && !status; s++) {
        char name[64];
        snprintf(name, sizeof name, "step%zu.X_in", s);
        if (s > 0)
            ligand_compare_rows(k, name, p->xyz, b->L, 3 * FMPNN_ATOM14, NULL);
        status = backend->torsions(ctx, placing, 1, p->xyz, m, err);
        if (status)
            break;
        ligand_compare_mixtures(k, s, m);
        for (size_t n = 0; n < angles; n++)
            angle[n] = fmpnn_mixture_peak(&m[n]);
        fmpnn_packing_turn(p, angle);
    }
    if (!status)
        ligand_compare_end(k, p, angle, m);
    if (placing)
        backend->placing_free(placing);
    if (encoding)
        backend->encoding_free(encoding);
    return status;
}

void ligand_pack_engine(ligand_case *c, fmpnn_context *ctx, golden_report *report)
{
    static const char *const inside[] = {"feat.V_enc",          "feat.E_enc_head",
                                         "feat.E_context_head", "feat.Y_nodes_head",
                                         "feat.V_dec_step0",    "feat.F_dec_step0_head"};
    ligand_comparison k = {.c = c, .report = report, .grade = GOLDEN_ENGINE};
    fmpnn_packing *p = NULL;
    fmpnn_error err;
    report->isa = fmpnn_context_isa(ctx);
    report->precision = fmpnn_context_precision(ctx);
    report->approximate =
        strcmp(report->precision, "fp32") != 0 && strcmp(report->precision, "bf16x3") != 0;
    for (size_t n = 0; n < sizeof inside / sizeof *inside; n++)
        if (fmpnn_archive_find(c->base.archive, inside[n]))
            golden_skip(report, inside[n]);
    if (ligand_packing_start(c, &p, &err) || pack(&k, ctx, p, &err))
        golden_problem(report, "engine: %s", err.message);
    fmpnn_packing_free(p);
}
