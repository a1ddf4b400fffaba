/* The context encoder, fused. Atoms exchange messages within the set that a residue sees, and
 * the residue then looks at its atoms, twice over:
 *
 *     bonds     pair of atoms    -> 16 numbers; its part in the messages of later atom layers
 *     terms     (element, pair)  -> the whole first message: a function of these two alone
 *     sets      atoms of a set   -> their states, and their part in the residues' messages
 *     residues  residue and atom -> messages, the residue's state, h
 *
 * What depends on a pair or a set only is computed once for all that have it (context_plan.c);
 * linear maps behind features are folded into the layer's own (packed.h), through the norm between
 * them if need be, and the last map of a message stands behind the sum, as everywhere.
 * docs/math.md, "Context atoms". */
#include "engine/context.h"
#include "engine/engine.h"

#include <math.h>
#include <string.h>

enum {
    ROWS = 64, /* pairs or terms that travel together; at least FMPNN_MAX_CONTEXT */
    GAUSSIANS = FMPNN_RBF * FMPNN_POINTS
};

enum { BONDS, TERMS, SETS, RESIDUES, PHASES };

static const float NORM_EPSILON = 1e-5f; /* of every layer norm */

typedef struct context {
    const fmpnn_kernels *kernels;
    const fmpnn_model *model;
    const fmpnn_packed_context *w;
    const fmpnn_graph *graph;
    fmpnn_watch *watch;
    const float *cb;
    float *h;
    size_t C, F, layers, block; /* block: residues that travel together */
    fmpnn_context_plan plan;
    float *bond;      /* [n_pairs][16] Gaussians of the distance, scaled as the norm scales them */
    float *bond_part; /* [layers-1][n_pairs][C] what they add to messages after the first layer */
    float *term; /* [n_terms][C] */
    float *atom; /* [layers][n_rows][C] what atoms add to messages to residues */
} context;

typedef struct scratch {
    float *x, *y, *z;       /* [ROWS][C] */
    float *tile;            /* [ROWS][C] */
    float *c, *own, *s;     /* [FMPNN_ROWS][C] */
    float *feature;         /* [FMPNN_ROWS][M][C] */
    float *raw;             /* [ROWS][80], then angles [ROWS][4], distances [ROWS][5] */
    float *angle, *distance;
    float *work;            /* [FMPNN_ROWS][F] */
    float *count;           /* [ROWS] */
    const float **row, **other; /* [ROWS] */
    float *block;
    unsigned mode;
} scratch;

static bool enter(void *of, void *lane)
{
    const context *q = of;
    scratch *x = lane;
    size_t C = q->C, M = q->graph->atoms->M, tile = ROWS * C, rows = FMPNN_ROWS * C;
    size_t raw = ROWS * (GAUSSIANS + FMPNN_ANGLES + FMPNN_POINTS);
    x->mode = fmpnn_float_mode_enter();
    x->block = fmpnn_alloc(4 * tile + 3 * rows + FMPNN_ROWS * M * C + raw +
                                    FMPNN_ROWS * q->F + ROWS,
                                sizeof(float));
    x->row = fmpnn_alloc(2 * ROWS, sizeof *x->row);
    if (!x->block || !x->row)
        return false;
    x->other = x->row + ROWS;
    x->x = x->block;
    x->y = x->x + tile;
    x->z = x->y + tile;
    x->tile = x->z + tile;
    x->c = x->tile + tile;
    x->own = x->c + rows;
    x->s = x->own + rows;
    x->feature = x->s + rows;
    x->work = x->feature + FMPNN_ROWS * M * C;
    x->raw = x->work + FMPNN_ROWS * q->F;
    x->angle = x->raw + ROWS * GAUSSIANS;
    x->distance = x->angle + ROWS * FMPNN_ANGLES;
    x->count = x->distance + ROWS * FMPNN_POINTS;
    return true;
}

static void leave(void *of, void *lane)
{
    scratch *x = lane;
    (void)of;
    fmpnn_release(x->row);
    fmpnn_release(x->block);
    fmpnn_float_mode_leave(x->mode);
}

/* ---- what pairs of atoms decide ---- */

/* Between the Gaussians r of a distance and what a layer makes of them stands a norm of W_bond r.
 * Its mean and gain are linear, so they are folded away; its scale is a number, found from 16
 * more, |root r|^2 being the variance (packed.h). */
static void compute_bonds(const context *q, size_t first, size_t M, scratch *x)
{
    const fmpnn_kernels *k = q->kernels;
    float *bond = q->bond + first * FMPNN_RBF;
    size_t C = q->C, R = FMPNN_RBF;
    k->radial_basis(bond, R, q->plan.pair + first, M, q->model->packed->first_centre);
    k->gemm(x->raw, R, bond, R, M, R, q->w->bond_root, R, NULL, NULL, 0);
    for (size_t m = 0; m < M; m++) {
        float variance = 0;
        for (size_t r = 0; r < R; r++)
            variance += x->raw[m * R + r] * x->raw[m * R + r];
        float scale = 1 / sqrtf(variance + NORM_EPSILON);
        for (size_t r = 0; r < R; r++)
            bond[m * R + r] *= scale;
    }
    for (size_t l = 1; l < q->layers; l++)
        k->gemm(q->bond_part + ((l - 1) * q->plan.n_pairs + first) * C, C, bond, R, M, R,
                q->w->atom_layer[l].feature, C, q->w->atom_layer[l].bias, NULL, 0);
}

static void compute_terms(const context *q, size_t first, size_t M, scratch *x)
{
    const fmpnn_packed_context_layer *w = &q->w->atom_layer[0];
    size_t C = q->C, R = FMPNN_RBF;
    for (size_t m = 0; m < M; m++) {
        memcpy(x->raw + m * R, q->bond + q->plan.term_pair[first + m] * R, R * sizeof(float));
        x->row[m] = q->w->atom_own + q->plan.term_type[first + m] * C;
    }
    q->kernels->gemm(x->tile, C, x->raw, R, M, R, w->feature, C, w->bias, x->row, 1);
    q->kernels->gemm(q->term + first * C, C, x->tile, C, M, C, w->w2, C, w->b2, NULL, 1);
}

/* ---- what sets of atoms decide ---- */

/* Node updates of any number of rows, in equal pieces that the scratch has room for. */
static void update(const context *q, const fmpnn_packed_node *w, size_t M, float *h, float *s,
                   scratch *x)
{
    size_t pieces = (M + FMPNN_ROWS - 1) / FMPNN_ROWS, C = q->C;
    for (size_t p = 0, first = 0; p < pieces; p++) {
        size_t count = (M - first) / (pieces - p);
        fmpnn_node_update(q->kernels, w, C, q->F, count, h + first * C, s + first * C,
                          x->count + first, x->work);
        first += count;
    }
}

/* Summed messages of the atoms of a set, from terms that are there or from their states. */
static void sum_atoms(const context *q, const fmpnn_atom_set *set, size_t layer,
                      const float *state, float *s, scratch *x)
{
    const fmpnn_kernels *k = q->kernels;
    const fmpnn_packed_context_layer *w = &q->w->atom_layer[layer];
    const uint32_t *pair = q->plan.cell_pair + set->cell, *term = q->plan.cell_term + set->cell;
    size_t C = q->C, n = set->n;
    if (layer)
        k->gemm(x->z, C, state, C, n, C, w->own, C, NULL, NULL, 0);
    for (size_t a = 0; a < n; a++, pair += n, term += n) {
        for (size_t b = 0; b < n; b++)
            x->row[b] = layer ? q->bond_part + ((layer - 1) * q->plan.n_pairs + pair[b]) * C
                              : q->term + term[b] * C;
        if (!layer) {
            k->sum_rows(s + a * C, x->row, n, C);
            continue;
        }
        k->gather_gelu(x->tile, C, x->z + a * C, x->row, NULL, NULL, n, C);
        k->gemm_sum(s + a * C, x->tile, C, n, C, w->w2, C, w->b2, NULL);
    }
}

static void compute_set(const context *q, size_t at, scratch *x)
{
    const fmpnn_atom_set *set = &q->plan.set[at];
    size_t C = q->C, n = set->n;
    for (size_t a = 0; a < n; a++) {
        memcpy(x->x + a * C, q->w->atom_state + q->plan.row_type[set->row + a] * C,
               C * sizeof(float));
        x->count[a] = (float)n;
    }
    for (size_t l = 0; l < q->layers && n; l++) {
        sum_atoms(q, set, l, x->x, x->y, x);
        update(q, &q->w->atom_layer[l].node, n, x->x, x->y, x);
        q->kernels->gemm(q->atom + (l * q->plan.n_rows + set->row) * C, C, x->x, C, n, C,
                         q->w->residue_layer[l].atom, C, NULL, NULL, 0);
    }
}

/* ---- residues ---- */

static float dot(const float *a, const float *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void normalise(float *v)
{
    float length = sqrtf(dot(v, v));
    for (int d = 0; d < 3; d++)
        v[d] /= length < 1e-12f ? 1e-12f : length;
}

/* Rows: along N - CA, C - CA made orthogonal to it, their product. */
static void local_frame(const float *backbone, float frame[9])
{
    const float *n = backbone, *ca = backbone + 3, *c = backbone + 6;
    float *e1 = frame, *e2 = frame + 3, *e3 = frame + 6;
    for (int d = 0; d < 3; d++) {
        e1[d] = n[d] - ca[d];
        e2[d] = c[d] - ca[d];
    }
    normalise(e1);
    float along = dot(e1, e2);
    for (int d = 0; d < 3; d++)
        e2[d] -= e1[d] * along;
    normalise(e2);
    e3[0] = e1[1] * e2[2] - e1[2] * e2[1];
    e3[1] = e1[2] * e2[0] - e1[0] * e2[2];
    e3[2] = e1[0] * e2[1] - e1[1] * e2[0];
}

/* Features of residue i and the n atoms it sees: dst [n][C]. */
static void pair_features(const context *q, size_t i, size_t n, const uint8_t *seen, float *dst,
                          scratch *x)
{
    const fmpnn_kernels *k = q->kernels;
    const fmpnn_context_atoms *atoms = q->graph->atoms;
    const fmpnn_norm *norm = &q->model->context.norm_pair;
    const float *backbone = q->graph->xyz + 12 * i, *ca = backbone + 3 * FMPNN_ATOM_CA;
    size_t C = q->C;
    float frame[9];
    local_frame(backbone, frame);
    for (size_t m = 0; m < n; m++) {
        size_t at = i * atoms->M + seen[m];
        const float *y = atoms->xyz + 3 * at;
        float step[3] = {y[0] - ca[0], y[1] - ca[1], y[2] - ca[2]}, v[3];
        for (size_t p = 0; p < FMPNN_POINTS; p++) {
            const float *point = p < 4 ? backbone + 3 * p : q->cb + 3 * i;
            float d[3] = {point[0] - y[0], point[1] - y[1], point[2] - y[2]};
            x->distance[m * FMPNN_POINTS + p] = sqrtf(dot(d, d) + 1e-6f);
        }
        for (int a = 0; a < 3; a++)
            v[a] = dot(frame + 3 * a, step);
        float rho = sqrtf(v[0] * v[0] + v[1] * v[1] + 1e-8f), r = sqrtf(dot(v, v)) + 1e-8f;
        float *angle = x->angle + m * FMPNN_ANGLES;
        angle[0] = v[0] / rho;
        angle[1] = v[1] / rho;
        angle[2] = rho / r;
        angle[3] = v[2] / r;
        x->row[m] = q->w->pair_type + atoms->type[at] * C;
        x->other[m] = dst + m * C;
    }
    k->radial_basis(x->raw, FMPNN_RBF, x->distance, n * FMPNN_POINTS,
                    q->model->packed->first_centre);
    k->gemm(dst, C, x->raw, GAUSSIANS, n, GAUSSIANS, q->w->pair, C, NULL, x->row, 0);
    k->gemm(dst, C, x->angle, FMPNN_ANGLES, n, FMPNN_ANGLES, q->w->pair_angle, C, NULL, x->other,
            0);
    k->layer_norm(dst, C, dst, C, n, C, norm->gain, norm->bias);
}

/* Residues i[0 .. M-1] look at their atoms; then h is what it was plus what they saw. */
static void compute_rows(const context *q, size_t M, const uint32_t *i, scratch *x)
{
    const fmpnn_kernels *k = q->kernels;
    const fmpnn_context_plan *plan = &q->plan;
    const fmpnn_norm *norm = &q->model->context.norm_out;
    size_t C = q->C, width = q->graph->atoms->M * C;
    for (size_t m = 0; m < M; m++) {
        const fmpnn_atom_set *set = &plan->set[plan->set_of[i[m] - plan->first]];
        memcpy(x->s + m * C, q->h + i[m] * C, C * sizeof(float));
        x->count[m] = (float)set->n;
        pair_features(q, i[m], set->n,
                      plan->seen + (i[m] - plan->first) * q->graph->atoms->M,
                      x->feature + m * width, x);
    }
    k->gemm(x->c, C, x->s, C, M, C, q->w->w_own, C, q->w->b_own, NULL, 0);
    for (size_t l = 0; l < q->layers; l++) {
        const fmpnn_packed_context_layer *w = &q->w->residue_layer[l];
        k->gemm(x->own, C, x->c, C, M, C, w->own, C, w->bias, NULL, 0);
        for (size_t m = 0; m < M; m++) {
            const fmpnn_atom_set *set = &plan->set[plan->set_of[i[m] - plan->first]];
            for (size_t a = 0; a < set->n; a++)
                x->row[a] = q->atom + (l * plan->n_rows + set->row + a) * C;
            k->gemm(x->tile, C, x->feature + m * width, C, set->n, C, w->feature, C,
                    x->own + m * C, x->row, 1);
            k->gemm_sum(x->s + m * C, x->tile, C, set->n, C, w->w2, C, w->b2, NULL);
        }
        fmpnn_node_update(k, &w->node, C, q->F, M, x->c, x->s, x->count, x->work);
    }
    k->gemm(x->s, C, x->c, C, M, C, q->w->v_c, C, NULL, NULL, 0);
    k->layer_norm(x->s, C, x->s, C, M, C, norm->gain, norm->bias);
    for (size_t m = 0; m < M; m++)
        for (size_t c = 0; c < C; c++)
            q->h[i[m] * C + c] += x->s[m * C + c];
}

/* An unresolved residue sees nothing: LN(0) is the bias. */
static void compute_residues(const context *q, size_t first, size_t count, scratch *x)
{
    uint32_t row[FMPNN_ROWS];
    size_t M = 0;
    for (size_t i = first; i < first + count; i++) {
        if (q->graph->mask[i] != 0)
            row[M++] = (uint32_t)i;
        else
            memcpy(q->h + i * q->C, q->model->context.norm_out.bias, q->C * sizeof(float));
    }
    if (M)
        compute_rows(q, M, row, x);
}

/* ---- all of it ---- */

static size_t total_of(const context *q, size_t phase)
{
    const fmpnn_context_plan *plan = &q->plan;
    return phase == BONDS ? plan->n_pairs
           : phase == TERMS ? plan->n_terms
           : phase == SETS  ? plan->n_sets
                            : plan->end - plan->first;
}

static size_t size_of(const context *q, size_t phase)
{
    return phase == SETS ? 1 : phase == RESIDUES ? q->block : ROWS;
}

static size_t count_items(void *of, size_t phase)
{
    size_t size = size_of(of, phase);
    return (total_of(of, phase) + size - 1) / size;
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    const context *q = of;
    size_t size = size_of(q, phase), first = n * size, left = total_of(q, phase) - first;
    size_t count = left < size ? left : size;
    fmpnn_lap(q->watch, FMPNN_STAGE_NONE, 0);
    if (phase == BONDS)
        compute_bonds(q, first, count, lane);
    else if (phase == TERMS)
        compute_terms(q, first, count, lane);
    else if (phase == SETS)
        compute_set(q, first, lane);
    else
        compute_residues(q, q->plan.first + first, count, lane);
    fmpnn_lap(q->watch, FMPNN_STAGE_CONTEXT, 0);
}

/* One stretch of residues. */
static bool run(context *q, const fmpnn_context *ctx)
{
    const fmpnn_context_plan *plan = &q->plan;
    size_t row = q->C * sizeof(float);
    fmpnn_task task = {.of = q,
                       .phases = PHASES,
                       .items = count_items,
                       .item = do_item,
                       .lane_size = sizeof(scratch),
                       .enter = enter,
                       .leave = leave};
    q->bond = fmpnn_alloc(plan->n_pairs, FMPNN_RBF * sizeof(float));
    q->bond_part = fmpnn_alloc((q->layers - 1) * plan->n_pairs, row);
    q->term = fmpnn_alloc(plan->n_terms, row);
    q->atom = fmpnn_alloc(q->layers * plan->n_rows, row);
    bool good = q->bond && q->bond_part && q->term && q->atom &&
                fmpnn_pool_run(ctx->pool, ctx->threads, &task);
    fmpnn_release(q->atom);
    fmpnn_release(q->term);
    fmpnn_release(q->bond_part);
    fmpnn_release(q->bond);
    return good;
}

fmpnn_status fmpnn_context_add(const fmpnn_context *ctx, const fmpnn_model *model,
                               const fmpnn_graph *graph, const float *cb, float *h,
                               fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t seen = fmpnn_context_seen(graph);
    context q = {.kernels = ctx->kernels, .model = model, .w = &model->packed->context,
                 .graph = graph, .watch = ctx->watch, .cb = cb, .h = h, .C = model->C,
                 .F = model->F, .layers = model->context.layers};
    q.block = fmpnn_rows_a_block(graph->L, FMPNN_ROWS, ctx->threads);
    for (size_t first = 0; first < graph->L && !status; first = q.plan.end) {
        status = fmpnn_context_plan_make(graph, first, seen, &q.plan, err);
        if (!status && !run(&q, ctx))
            status = fmpnn_fail_memory(err, "encoding context atoms");
        size_t end = q.plan.end;
        fmpnn_context_plan_clear(&q.plan);
        q.plan.end = end;
    }
    return status;
}
