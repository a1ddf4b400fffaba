/* Encoder of one precision. docs/math.md, "Encoder". */

/* Keep the edges [K][width] of residue i at `dst` if they were asked for. */
static void keep_row(const ENCODING *e, size_t i, const real *src, size_t width, real *dst)
{
    for (size_t r = 0; r < e->n_rows; r++)
        if (e->rows[r] == i)
            copy_reals(dst + r * e->K * width, src, e->K * width);
}

/* x [K][3C]: [own node | edge | neighbour's node]. */
static void concatenate(const ENCODING *e, const real *h_V, size_t i, real *x)
{
    for (size_t m = 0; m < e->K; m++, x += 3 * e->C) {
        size_t j = e->neighbour[i * e->K + m];
        copy_reals(x, h_V + i * e->C, e->C);
        copy_reals(x + e->C, e->h_E + (i * e->K + m) * e->C, e->C);
        copy_reals(x + 2 * e->C, h_V + j * e->C, e->C);
    }
}

static size_t encoder_scratch(const ENCODING *e)
{
    size_t widest = e->edge_inputs > 3 * e->C ? e->edge_inputs : 3 * e->C;
    size_t own = e->K * (widest + 2 * e->C) + 2 * e->C + e->weights->F;
    return own > context_scratch(e) ? own : context_scratch(e);
}

static void embed_edges(ENCODING *e, const geometry *geo, size_t i, real *work)
{
    const weights *w = e->weights;
    real *raw = work, *edge = raw + e->K * e->edge_inputs;
    for (size_t m = 0; m < e->K; m++)
        edge_features(w, e->graph, geo, i, e->neighbour[i * e->K + m],
                      e->distance[i * e->K + m], raw + m * e->edge_inputs);
    keep_row(e, i, raw, e->edge_inputs, e->edge_raw);
    linear_apply(&w->edge, e->K, raw, edge);
    for (size_t m = 0; m < e->K; m++)
        norm_apply(&w->norm_edges, e->C, edge + m * e->C);
    keep_row(e, i, edge, e->C, e->edge_norm);
    real *h_E = e->h_E + i * e->K * e->C;
    linear_apply(&w->W_e, e->K, edge, h_E);
    keep_row(e, i, h_E, e->C, e->h_E_at[0]);
}

/* h_V_i := mask_i LN2(FFN(LN1(h_V_i + 1/30 sum_m mask_i mask_j message))). */
static void update_node(const ENCODING *e, size_t n, size_t i, real *work)
{
    const layer *f = &e->weights->encoder[n];
    const fmpnn_graph *g = e->graph;
    size_t C = e->C, K = e->K;
    real *x = work, *message = x + 3 * K * C, *spare = message + K * C,
         *sum = spare + K * C;
    concatenate(e, e->h_V[n], i, x);
    mlp3(&f->W1, &f->W2, &f->W3, K, x, spare, message);
    for (size_t c = 0; c < C; c++)
        sum[c] = 0;
    for (size_t m = 0; m < K; m++) {
        real seen = (real)g->mask[i] * (real)g->mask[e->neighbour[i * K + m]];
        for (size_t c = 0; c < C; c++)
            sum[c] += seen * message[m * C + c];
    }
    real *h = e->h_V[n + 1] + i * C;
    copy_reals(h, e->h_V[n] + i * C, C);
    residual(f, C, h, sum, sum + C);
    for (size_t c = 0; c < C; c++)
        h[c] *= (real)g->mask[i];
}

/* h_E_ij := LN3(h_E_ij + message), with the new nodes and without a mask. */
static void update_edges(const ENCODING *e, size_t n, size_t i, real *work)
{
    const layer *f = &e->weights->encoder[n];
    size_t C = e->C, K = e->K;
    real *x = work, *message = x + 3 * K * C, *spare = message + K * C;
    concatenate(e, e->h_V[n + 1], i, x);
    mlp3(&f->W11, &f->W12, &f->W13, K, x, spare, message);
    real *h_E = e->h_E + i * K * C;
    for (size_t m = 0; m < K; m++) {
        for (size_t c = 0; c < C; c++)
            h_E[m * C + c] += message[m * C + c];
        norm_apply(&f->norm3, C, h_E + m * C);
    }
    keep_row(e, i, h_E, C, e->h_E_at[n + 1]);
}

/* The first state of a labelled residue, masked or not: W_v LN(the label's embedding). */
static void embed_labels(ENCODING *e, real *work)
{
    const weights *w = e->weights;
    for (size_t i = 0; w->label.w && i < e->L; i++) {
        real *label = e->label + i * e->C;
        memset(work, 0, w->label.in * sizeof *work);
        work[e->graph->label[i]] = 1;
        linear_apply(&w->label, 1, work, label);
        norm_apply(&w->norm_label, e->C, label);
        linear_apply(&w->W_label, 1, label, e->h_V[0] + i * e->C);
    }
}

static bool encoding_alloc(ENCODING *e, const fmpnn_reference_options *options)
{
    size_t edges = e->L * e->K, kept = e->n_rows * e->K, R = sizeof(real);
    bool ok = (e->neighbour = fmpnn_alloc(edges, sizeof *e->neighbour)) &&
              (e->distance = fmpnn_alloc(edges, R)) &&
              (e->h_E = fmpnn_alloc(edges, e->C * R)) &&
              (e->rows = fmpnn_alloc(e->n_rows, sizeof *e->rows)) &&
              (e->edge_raw = fmpnn_alloc(kept, e->edge_inputs * R)) &&
              (e->edge_norm = fmpnn_alloc(kept, e->C * R));
    for (size_t n = 0; ok && n <= e->weights->n_encoder; n++)
        ok = (e->h_V[n] = fmpnn_alloc_zero(e->L, e->C * R)) &&
             (e->h_E_at[n] = fmpnn_alloc(kept, e->C * R));
    size_t wide = e->C * R;
    ok = ok && (e->h_out = fmpnn_alloc(e->L, wide));
    if (ok && e->weights->label.w)
        ok = (e->label = fmpnn_alloc(e->L, wide)) != NULL;
    if (ok && e->M)
        ok = (e->pair = fmpnn_alloc(e->L * e->M, wide)) &&
             (e->atom = fmpnn_alloc(e->L * e->M, wide)) &&
             (e->bond = fmpnn_alloc(e->n_rows * e->M * e->M, wide));
    if (ok && e->n_rows)
        memcpy(e->rows, options->rows, e->n_rows * sizeof *e->rows);
    return ok;
}

typedef struct encoding_task {
    ENCODING *e;
    const geometry *geo;
} encoding_task;

static size_t count_encoding(void *of, size_t phase)
{
    (void)phase;
    return ((const encoding_task *)of)->e->L;
}

/* Phase 0 embeds; then, layer by layer, nodes and edges; last, what else is around. */
static void encode_residue(void *of, size_t phase, size_t i, void *work)
{
    const encoding_task *t = of;
    if (phase == 0)
        embed_edges(t->e, t->geo, i, work);
    else if (phase > 2 * t->e->weights->n_encoder)
        add_context(t->e, t->geo, i, work);
    else if (phase % 2)
        update_node(t->e, phase / 2, i, work);
    else
        update_edges(t->e, phase / 2 - 1, i, work);
}

static void encode_all(ENCODING *e, const geometry *geo, real *scratch)
{
    encoding_task of = {e, geo};
    embed_labels(e, scratch);
    fmpnn_task task = {.of = &of, .phases = 2 + 2 * e->weights->n_encoder,
                       .items = count_encoding, .item = encode_residue,
                       .lane_size = encoder_scratch(e) * sizeof *scratch, .lanes = scratch};
    fmpnn_pool_run(e->pool, e->threads, &task);
}

/* Neighbours and kept rows as the caller gives them must lie inside the structure. */
static fmpnn_status check_options(const fmpnn_graph *g,
                                  const fmpnn_reference_options *options, fmpnn_error *err)
{
    for (size_t n = 0; n < options->n_rows; n++)
        if (options->rows[n] >= g->L)
            return fmpnn_fail(err, FMPNN_EINVAL, "row %zu: residue %u of a graph of %zu", n,
                              (unsigned)options->rows[n], g->L);
    for (size_t n = 0; options->neighbour && n < g->L * g->K; n++)
        if (options->neighbour[n] >= g->L)
            return fmpnn_fail(err, FMPNN_EINVAL, "neighbour %u of a graph of %zu",
                              (unsigned)options->neighbour[n], g->L);
    return FMPNN_OK;
}

fmpnn_status REF(encode)(const fmpnn_model *model, const fmpnn_graph *graph,
                         const fmpnn_reference_options *options, ENCODING **encoding,
                         fmpnn_error *err)
{
    static const fmpnn_reference_options none;
    options = options ? options : &none;
    fmpnn_status status = fmpnn_graph_serves(graph, model->info.ca_only, model->info.context_atoms,
                                             model->info.labels, err);
    if (!status)
        status = check_options(graph, options, err);
    if (status)
        return status;
    status = FMPNN_ENOMEM;
    geometry geo = {0};
    real *scratch = NULL;
    ENCODING *e = fmpnn_alloc_zero(1, sizeof *e);
    if (!e)
        goto done;
    e->model = model;
    e->graph = graph;
    e->threads = options->threads > 0 ? options->threads : fmpnn_cores_usable();
    e->pool = fmpnn_pool_create(e->threads);
    e->L = graph->L;
    e->K = graph->K;
    e->C = model->C;
    e->M = model->info.context_atoms;
    e->edge_inputs = model->edge.in;
    e->n_rows = options->n_rows;
    e->weights = weights_create(model);
    if (!e->pool || !e->weights || !encoding_alloc(e, options) || !geometry_init(&geo, graph))
        goto done;
    scratch = fmpnn_alloc((size_t)e->threads, encoder_scratch(e) * sizeof *scratch);
    if (!scratch)
        goto done;
    if (options->neighbour) {
        memcpy(e->neighbour, options->neighbour, e->L * e->K * sizeof *e->neighbour);
        REF(distances)(graph, e->neighbour, e->distance);
    } else {
        REF(neighbours)(graph, e->neighbour, e->distance);
    }
    encode_all(e, &geo, scratch);
    *encoding = e;
    e = NULL;
    status = FMPNN_OK;
done:
    fmpnn_release(scratch);
    fmpnn_release(geo.block);
    REF(encoding_free)(e);
    return status ? fmpnn_fail_memory(err, "encoding a structure") : FMPNN_OK;
}

void REF(encoding_free)(ENCODING *e)
{
    if (!e)
        return;
    for (size_t n = 0; n <= FMPNN_MAX_LAYERS; n++) {
        fmpnn_release(e->h_E_at[n]);
        fmpnn_release(e->h_V[n]);
    }
    fmpnn_release(e->bond);
    fmpnn_release(e->atom);
    fmpnn_release(e->pair);
    fmpnn_release(e->label);
    fmpnn_release(e->h_out);
    fmpnn_release(e->edge_norm);
    fmpnn_release(e->edge_raw);
    fmpnn_release(e->rows);
    fmpnn_release(e->h_E);
    fmpnn_release(e->distance);
    fmpnn_release(e->neighbour);
    weights_free(e->weights);
    fmpnn_pool_free(e->pool);
    fmpnn_release(e);
}
