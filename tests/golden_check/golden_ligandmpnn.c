/* LigandMPNN cases: mpnn (one model, all its questions), sweep (many models, one score), parse
 * (the reading alone), packer (side chains). */
#include "ligand.h"
#include "packing/packing.h"

#include <string.h>

static const char *text_of(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

/* ---- opening ---- */

/* The file holds exactly what the manifest announces. */
static void check_listing(golden_case *b, golden_report *report)
{
    static const char *const types[] = {"float32", "float64", "float16", "bfloat16",
                                        "int32",   "int64",   "uint8",   "bool"};
    const json_t *listed = json_object_get(b->entry, "tensors"), *about;
    for (size_t n = 0; n < fmpnn_archive_count(b->archive); n++) {
        const fmpnn_array *array = fmpnn_archive_at(b->archive, n);
        const char *type =
            json_string_value(json_array_get(json_object_get(listed, array->name), 0));
        const json_t *shape = json_array_get(json_object_get(listed, array->name), 1);
        bool fits = type && json_array_size(shape) == array->rank &&
                    (size_t)array->dtype < sizeof types / sizeof *types &&
                    !strcmp(type, types[array->dtype]);
        for (size_t d = 0; fits && d < array->rank; d++)
            fits = json_integer_value(json_array_get(shape, d)) == (json_int_t)array->shape[d];
        if (!fits)
            golden_problem(report, "%s: type or shape differ from the manifest", array->name);
    }
    const char *name;
    json_object_foreach((json_t *)listed, name, about)
    {
        if (!fmpnn_archive_find(b->archive, name))
            golden_problem(report, "%s: in the manifest, but not in the file", name);
    }
}

static bool open_case(golden_session *s, const json_t *entry, ligand_case *c,
                      golden_report *report)
{
    golden_case *b = &c->base;
    char path[4096];
    fmpnn_error err;
    *c = (ligand_case){.base = {.entry = entry,
                                .options = json_object_get(entry, "options"),
                                .name = text_of(entry, "case"),
                                .structures = s->structures}};
    const char *name = b->name ? b->name : "(unnamed)";
    golden_report_init(report, name, "inputs", NULL);
    if (!golden_path_in(s->options->folder, text_of(entry, "file"), path, sizeof path)) {
        golden_problem(report, "the manifest names no file");
        return false;
    }
    if (fmpnn_archive_open(path, &b->archive, &err)) {
        golden_problem(report, "%s", err.message);
        return false;
    }
    golden_report_clear(report);
    golden_report_init(report, name, "inputs", b->archive);
    check_listing(b, report);
    const json_t *cutoff = json_object_get(b->options, "cutoff");
    const json_t *seen = json_object_get(b->options, "use_atom_context");
    const json_t *side = json_object_get(b->options, "side_chain_context");
    c->around = (fmpnn_surroundings){.cutoff = cutoff ? (float)json_number_value(cutoff) : 8,
                                     .blind = seen && !json_integer_value(seen),
                                     .side_chains = json_integer_value(side) != 0};
    c->model_type = text_of(b->options, "model_type");
    return ligand_inputs(c, report);
}

/* The kind of network that a model_type of the official program is. */
static const char *kind_of(const char *model_type)
{
    if (!strcmp(model_type, "ligand_mpnn"))
        return "ligand";
    if (!strcmp(model_type, "packer"))
        return "packer";
    return strstr(model_type, "membrane") ? "membrane" : "protein";
}

/* Give the case a model, and the graph as that model sees it. */
static bool open_model(golden_session *s, ligand_case *c, const char *sha256,
                       golden_report *report)
{
    golden_case *b = &c->base;
    fmpnn_error err;
    fmpnn_graph_free(b->graph);
    b->graph = NULL;
    if (!sha256 || golden_shelf_find(s->shelf, sha256, &b->model, &err)) {
        golden_problem(report, "weights: %s", sha256 ? err.message : "none in the manifest");
        return false;
    }
    if (strcmp(b->model->info.kind, kind_of(c->model_type)) != 0) {
        golden_problem(report, "weights: of kind %s, the case is of %s", b->model->info.kind,
                       c->model_type);
        return false;
    }
    if (!strcmp(c->model_type, "packer")) /* sees its own atoms: ligand_packing_open() */
        return true;
    if (ligand_graph(c, b->model, true, &b->graph, &err)) {
        golden_problem(report, "graph: %s", err.message);
        return false;
    }
    b->K = b->graph->K;
    return true;
}

/* ---- context atoms, before any network ---- */

static void compare_row(ligand_case *c, golden_report *report, const char *name,
                        double (*mine)(const fmpnn_context_atoms *, size_t), size_t width,
                        const fmpnn_context_atoms *atoms)
{
    const fmpnn_array *stored = fmpnn_archive_find(c->base.archive, name);
    if (!stored)
        return;
    golden_skip(report, name);
    report->skipped.size = 0; /* compared here */
    bool fits = stored->count == c->base.L * width;
    for (size_t n = 0; fits && n < stored->count; n++)
        if (c->base.resolved[n / width] && golden_value(stored, n) != mine(atoms, n)) {
            golden_problem(report, "%s[%zu]: stored %.9g, here %.9g", name, n,
                           golden_value(stored, n), mine(atoms, n));
            return;
        }
    if (!fits)
        golden_problem(report, "%s: another number of values than the case has", name);
}

static double place(const fmpnn_context_atoms *atoms, size_t n)
{
    return (double)atoms->xyz[n];
}
static double type(const fmpnn_context_atoms *atoms, size_t n)
{
    return atoms->type[n];
}
static double seen(const fmpnn_context_atoms *atoms, size_t n)
{
    return (double)atoms->mask[n];
}
static double near(const fmpnn_context_atoms *atoms, size_t n)
{
    return atoms->near[n];
}

/* feat.Y and its fellows are of the structure's atoms alone, feat.Y_m_used of what is seen. */
static void compare_context(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    fmpnn_graph *plain = NULL;
    fmpnn_error err;
    size_t M = b->model->info.context_atoms;
    if (!M)
        return;
    compare_row(c, report, "feat.Y_m_used", seen, M, b->graph->atoms);
    compare_row(c, report, "feat.mask_XY", near, 1, b->graph->atoms);
    if (ligand_graph(c, b->model, false, &plain, &err)) {
        golden_problem(report, "graph: %s", err.message);
    } else {
        compare_row(c, report, "feat.Y", place, 3 * M, plain->atoms);
        compare_row(c, report, "feat.Y_t", type, M, plain->atoms);
        compare_row(c, report, "feat.Y_m", seen, M, plain->atoms);
    }
    fmpnn_graph_free(plain);
}

/* Residues whose edges are stored: all, or the first few. */
static void choose_rows(ligand_case *c)
{
    static const char *const tensors[] = {"feat.E", "enc.h_E", "enc.h_E_head",
                                          "feat.Y_edges_head", "feat.E_enc_head",
                                          "feat.E_context_head", "feat.F_dec_step0_head"};
    golden_case *b = &c->base;
    for (size_t n = 0; n < sizeof tensors / sizeof *tensors; n++) {
        size_t rows = ligand_stored_rows(c, tensors[n]);
        b->n_rows = rows > b->n_rows ? rows : b->n_rows;
    }
    b->rows = golden_alloc(&b->arena, b->n_rows, sizeof *b->rows);
    for (size_t n = 0; n < b->n_rows; n++)
        b->rows[n] = (uint32_t)n;
}

/* ---- kinds ---- */

typedef struct path {
    const char *name;
    void (*run)(golden_session *, ligand_case *, golden_report *);
    void (*pack)(golden_session *, ligand_case *, golden_report *);
    fmpnn_status (*score)(golden_session *, ligand_case *, double *, fmpnn_error *);
    golden_grade grade;
} path;

static void run64(golden_session *s, ligand_case *c, golden_report *report)
{
    (void)s;
    ligand_run_reference64(c, report);
}
static void run32(golden_session *s, ligand_case *c, golden_report *report)
{
    (void)s;
    ligand_run_reference32(c, report);
}
static void run_engine(golden_session *s, ligand_case *c, golden_report *report)
{
    if (s->ctx)
        ligand_run_engine(c, s->ctx, report);
    else
        golden_problem(report, "%s", s->why.message);
}
static fmpnn_status score64(golden_session *s, ligand_case *c, double *logits, fmpnn_error *err)
{
    (void)s;
    return ligand_score_reference64(c, logits, err);
}
static fmpnn_status score32(golden_session *s, ligand_case *c, double *logits, fmpnn_error *err)
{
    (void)s;
    return ligand_score_reference32(c, logits, err);
}
static fmpnn_status score_engine(golden_session *s, ligand_case *c, double *logits,
                                 fmpnn_error *err)
{
    if (!s->ctx)
        return fmpnn_fail(err, FMPNN_EDEVICE, "%s", s->why.message);
    return ligand_score_engine(c, s->ctx, logits, err);
}

static void pack64(golden_session *s, ligand_case *c, golden_report *report)
{
    (void)s;
    ligand_pack_reference64(c, report);
}
static void pack32(golden_session *s, ligand_case *c, golden_report *report)
{
    (void)s;
    ligand_pack_reference32(c, report);
}
static void pack_engine(golden_session *s, ligand_case *c, golden_report *report)
{
    if (s->ctx)
        ligand_pack_engine(c, s->ctx, report);
    else
        golden_problem(report, "%s", s->why.message);
}

static const path paths[] = {
    {"reference", run64, pack64, score64, GOLDEN_REFERENCE64},
    {"reference", run32, pack32, score32, GOLDEN_REFERENCE32},
    {"engine", run_engine, pack_engine, score_engine, GOLDEN_ENGINE}, /* last: it may rearrange neighbours */
};

/* Each model of a sweep: [file, model_type], the tensor being the file's name without .pt. */
static void run_sweep(golden_session *s, const path *p, ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    const json_t *digests = json_object_get(b->entry, "weights_sha256"), *pair;
    size_t n;
    fmpnn_error err;
    if (p->grade == GOLDEN_ENGINE && s->ctx) {
        report->isa = fmpnn_context_isa(s->ctx);
        report->precision = fmpnn_context_precision(s->ctx);
        report->approximate = strcmp(report->precision, "fp32") != 0 &&
                              strcmp(report->precision, "bf16x3") != 0;
    } else if (p->grade != GOLDEN_ENGINE) {
        report->isa = "generic";
        report->precision = p->grade == GOLDEN_REFERENCE64 ? "fp64" : "fp32";
    }
    json_array_foreach(json_object_get(b->options, "sweep"), n, pair)
    {
        char tensor[200];
        const char *file = json_string_value(json_array_get(pair, 0));
        const char *dot = file ? strrchr(file, '.') : NULL;
        c->model_type = json_string_value(json_array_get(pair, 1));
        if (!dot || !c->model_type) {
            golden_problem(report, "sweep: entry %zu names no weights", n);
            return;
        }
        snprintf(tensor, sizeof tensor, "%.*s.log_probs", (int)(dot - file), file);
        if (!ligand_options(c, report) || !open_model(s, c, text_of(digests, file), report))
            return;
        double *logits = golden_alloc(&b->arena, b->L, FMPNN_LETTERS * sizeof *logits);
        if (p->score(s, c, logits, &err))
            golden_problem(report, "%s: %s", file, err.message);
        else
            ligand_compare_sweep(c, report, p->grade, tensor, logits);
    }
}

enum kind { MPNN, SWEEP, PACKER, KINDS };
static const char *const kinds[KINDS] = {"mpnn", "sweep", "packer"};

static bool prepare(golden_session *s, ligand_case *c, enum kind kind,
                    golden_report *inputs)
{
    if (kind == SWEEP) /* options hang on the model: again for each of them */
        return true;
    if (kind == PACKER)
        c->model_type = "packer";
    if (!c->model_type) {
        golden_problem(inputs, "the manifest names no model_type");
        return false;
    }
    if (!ligand_options(c, inputs) ||
        !open_model(s, c, text_of(c->base.entry, "weights_sha256"), inputs))
        return false;
    choose_rows(c);
    if (kind == PACKER)
        return ligand_packing_open(c, inputs) && !inputs->failed;
    compare_context(c, inputs);
    return !inputs->failed;
}

static void check_case(golden_session *s, const json_t *entry, enum kind kind,
                       golden_totals *totals)
{
    ligand_case c;
    golden_report inputs;
    if (!open_case(s, entry, &c, &inputs) || !prepare(s, &c, kind, &inputs)) {
        golden_fail_paths(s, &inputs, totals);
        fmpnn_packing_free(c.packing);
        golden_case_close(&c.base);
        return;
    }
    for (size_t n = 0; n < sizeof paths / sizeof *paths; n++) {
        const path *p = &paths[n];
        golden_report report;
        if (!(p->grade == GOLDEN_ENGINE ? s->options->engine : s->options->reference))
            continue;
        golden_report_init(&report, c.base.name, p->name, c.base.archive);
        golden_report_inherit(&report, &inputs);
        if (kind == SWEEP)
            run_sweep(s, p, &c, &report);
        else if (kind == PACKER)
            p->pack(s, &c, &report);
        else
            p->run(s, &c, &report);
        golden_report_close(&report, totals);
    }
    golden_report_clear(&inputs);
    fmpnn_packing_free(c.packing);
    golden_case_close(&c.base);
}

void golden_ligandmpnn(const golden_options *options, const json_t *manifest,
                       golden_totals *totals)
{
    golden_session s;
    size_t n;
    json_t *entry;
    if (!golden_session_open(&s, options)) {
        totals->failed++;
        return;
    }
    json_array_foreach(json_object_get(manifest, "cases"), n, entry)
    {
        const char *name = text_of(entry, "case"), *kind = text_of(entry, "kind");
        if (!golden_wanted(options, name ? name : "(unnamed)", totals))
            continue;
        size_t which = 0;
        while (which < KINDS && (!kind || strcmp(kind, kinds[which]) != 0))
            which++;
        if (which < KINDS) {
            check_case(&s, entry, (enum kind)which, totals);
            continue;
        }
        if (kind && !strcmp(kind, "parse")) {
            golden_ligand_parse(options->folder, s.structures, entry, totals);
            continue;
        }
        golden_report report;
        golden_report_init(&report, name ? name : "(unnamed)", "engine", NULL);
        golden_problem(&report, "this version has no check of cases of kind %s",
                       kind ? kind : "(none)");
        golden_report_close(&report, totals);
    }
    golden_session_close(&s);
}
