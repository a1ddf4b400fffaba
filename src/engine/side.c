/* The packer's decoder, for samples of torsions on one backbone with one sequence. A step is
 *
 *     nodes    side-chain atoms and the context atoms around -> first states
 *     layer 0  features of edges (side_edges.c), then messages and states
 *     layer n  messages and states; after the last the mixtures
 *
 * What torsions leave alone is computed once (placing_create) and shared by steps and samples:
 * nearly all of a layer's edge part, and the features between backbone atoms. The map from features
 * to messages is one matrix for each layer (packed.h). docs/math.md, "Packing". */
#include "engine/side.h"

#include "graph/context.h"

#include <math.h>
#include <string.h>

enum { BATCH_BYTES = 64 << 20 }; /* edge features held at once */

static const float SMALL = 1e-6f;

/* ---- scratch ---- */

bool fmpnn_side_enter(const fmpnn_placing *p, fmpnn_side_scratch *x)
{
    size_t K = p->K, C = p->C, tile = K * C, rows = FMPNN_ROWS * C, M = p->M;
    size_t F = p->en->w->F, wide = K > M ? K : M, line = 16;
    size_t work = F > FMPNN_TORSIONS ? F : FMPNN_TORSIONS;
    size_t sizes[] = {FMPNN_ROWS * FMPNN_ATOM_FLOATS * K,
                      K * FMPNN_SIDE_RAW,
                      wide,
                      tile,
                      tile,
                      rows,
                      rows,
                      rows,
                      FMPNN_ROWS * work,
                      FMPNN_ROWS * M * FMPNN_RBF,
                      FMPNN_XYZ * M,
                      FMPNN_ROWS};
    float **part[] = {&x->points, &x->raw, &x->distance, &x->t,   &x->u,     &x->h,
                      &x->s,      &x->v,   &x->work,     &x->far, &x->spots, &x->number};
    size_t total = 0, pointers = K > FMPNN_ROWS ? K : FMPNN_ROWS;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        total += (sizes[n] + line - 1) / line * line;
    x->mode = fmpnn_float_mode_enter();
    x->block = fmpnn_alloc(total, sizeof *x->block);
    x->to = fmpnn_alloc(2 * pointers, sizeof *x->to);
    if (!x->block || !x->to)
        return false;
    x->near = x->to + pointers;
    float *at = x->block;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        *part[n] = at;
        at += (sizes[n] + line - 1) / line * line;
    }
    return true;
}

void fmpnn_side_leave(fmpnn_side_scratch *x)
{
    fmpnn_release(x->to);
    fmpnn_release(x->block);
    fmpnn_float_mode_leave(x->mode);
}

/* ---- nodes ---- */

/* Gaussians of an atom and the context atoms that residue i sees: dst [M][16], 0 where none. */
static void reach(const fmpnn_placing *p, const fmpnn_kernels *k, const float *atom,
                  size_t i, float *dst, fmpnn_side_scratch *x)
{
    const fmpnn_context_atoms *context = p->en->graph->atoms;
    size_t seen = p->seen[i];
    for (size_t m = 0; m < seen; m++)
        for (size_t d = 0; d < FMPNN_XYZ; d++)
            x->spots[d * p->M + m] = context->xyz[(i * p->M + m) * FMPNN_XYZ + d];
    k->distance(x->distance, x->spots, p->M, atom, SMALL, seen);
    k->radial_basis(dst, FMPNN_RBF, x->distance, seen, 0);
    memset(dst + seen * FMPNN_RBF, 0, (p->M - seen) * FMPNN_RBF * sizeof *dst);
}

/* v [n][C] += atom a of residues who[0 .. n-1] and their context. */
static void add_reach(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz,
                      size_t a, size_t n, const uint32_t *who, float *v,
                      fmpnn_side_scratch *x)
{
    size_t C = p->C, width = p->M * FMPNN_RBF;
    for (size_t r = 0; r < n; r++) {
        reach(p, k, xyz + who[r] * FMPNN_ATOM_FLOATS + a * FMPNN_XYZ, who[r],
              x->far + r * width, x);
        x->to[r] = v + r * C;
    }
    if (n)
        k->gemm(v, C, x->far, width, n, width, p->en->w->side.reach[a], C, NULL, x->to, 0);
}

/* Atoms that look at the context. */
static size_t looking(const fmpnn_placing *p, size_t i)
{
    return p->seen[i] ? p->atoms[i] : 0;
}

/* Residues first .. first+M-1, those with most atoms that look at the context first. */
static void by_atoms(const fmpnn_placing *p, size_t first, size_t M, uint32_t *who)
{
    for (size_t r = 0; r < M; r++) {
        size_t at = r, own = looking(p, first + r);
        for (; at > 0 && looking(p, who[at - 1]) < own; at--)
            who[at] = who[at - 1];
        who[at] = (uint32_t)(first + r);
    }
}

static size_t have_atom(const fmpnn_placing *p, size_t a, size_t M, const uint32_t *who)
{
    size_t n = 0;
    while (n < M && looking(p, who[n]) > a)
        n++;
    return n;
}

/* What the context is to residues, as far as no torsion changes it, and h's part of the first
 * states. */
static void still_nodes(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz,
                        size_t first, size_t M, fmpnn_side_scratch *x)
{
    const fmpnn_packed_side *w = &p->en->w->side;
    const fmpnn_context_atoms *context = p->en->graph->atoms;
    size_t C = p->C;
    uint32_t who[FMPNN_ROWS];
    by_atoms(p, first, M, who);
    for (size_t r = 0; r < M; r++) {
        float *v = x->v + r * C;
        memcpy(v, w->b_reach, C * sizeof *v);
        for (size_t m = 0; m < p->M; m++) {
            const float *type =
                w->type + (m * FMPNN_ELEMENT_TYPES + context->type[who[r] * p->M + m]) * C;
            for (size_t c = 0; c < C; c++)
                v[c] += type[c];
        }
    }
    for (size_t a = 0; a < FMPNN_STILL; a++)
        add_reach(p, k, xyz, a, have_atom(p, a, M, who), who, x->v, x);
    for (size_t r = 0; r < M; r++)
        memcpy(p->still_node + who[r] * C, x->v + r * C, C * sizeof *x->v);
    k->gemm(p->own_down + first * C, C, p->en->h + first * C, C, M, C, w->down, C,
            w->b_down, NULL, 0);
}

/* ---- one step, B samples ---- */

typedef struct step {
    const fmpnn_placing *p;
    const fmpnn_kernels *kernels;
    fmpnn_watch *watch;
    const float *xyz; /* [B][L][14][3] */
    size_t B, block;  /* residues that travel together */
    float *feature;   /* [B][L][K][C] */
    float *h;         /* [B][L][C] */
    float *near; /* [layers][B][L][C] what neighbours add to messages; 0 where unresolved */
    fmpnn_mixture *mixture; /* [B][L][4] */
} step;

static float *near_of(const step *s, size_t layer, size_t b)
{
    return s->near + (layer * s->B + b) * s->p->L * s->p->C;
}

static void first_states(const step *s, size_t b, size_t first, size_t M,
                         fmpnn_side_scratch *x)
{
    const fmpnn_placing *p = s->p;
    const fmpnn_kernels *k = s->kernels;
    const fmpnn_packed *w = p->en->w;
    const fmpnn_norm *norm = &p->en->model->packer.norm_node;
    const float *xyz = s->xyz + b * p->L * FMPNN_ATOM_FLOATS;
    size_t C = p->C;
    uint32_t who[FMPNN_ROWS];
    by_atoms(p, first, M, who);
    for (size_t r = 0; r < M; r++)
        memcpy(x->v + r * C, p->still_node + who[r] * C, C * sizeof *x->v);
    for (size_t a = FMPNN_STILL; p->looks && a < FMPNN_SIDE_CHAIN; a++)
        add_reach(p, k, xyz, a, have_atom(p, a, M, who), who, x->v, x);
    k->layer_norm(x->v, C, x->v, C, M, C, norm->gain, norm->bias);
    for (size_t r = 0; r < M; r++)
        x->to[r] = p->own_down + who[r] * C;
    k->gemm(x->h, C, x->v, C, M, C, w->side.down_side, C, NULL, x->to, 0);
    k->gemm(x->s, C, x->h, C, M, C, w->decoder[0].message.neighbour, C, NULL, NULL, 0);
    for (size_t r = 0; r < M; r++) {
        memcpy(s->h + (b * p->L + who[r]) * C, x->h + r * C, C * sizeof *x->h);
        memcpy(near_of(s, 0, b) + who[r] * C, x->s + r * C, C * sizeof *x->s);
    }
}

/* The layer's part of edges that no torsion changes, [K][C] in the order of the graph. */
static const float *edge_part(const step *s, size_t layer, size_t i, fmpnn_side_scratch *x)
{
    const fmpnn_encoding *en = s->p->en;
    const fmpnn_packed_split *w = &en->w->decoder[layer].message;
    size_t C = en->C, tile = en->K * C;
    if (layer < en->tables->held)
        return en->tables->edge_part + (layer * en->L + i) * tile;
    s->kernels->gemm(x->u, C, en->tables->edges + i * tile, C, en->K, C, w->edge, C, w->bias,
                     NULL, 0);
    return x->u;
}

/* sum [C] <- messages to residue i; own [C] what it adds to them. */
static void sum_messages(const step *s, size_t layer, size_t b, size_t i, const float *own,
                         float *sum, fmpnn_side_scratch *x)
{
    const fmpnn_placing *p = s->p;
    const fmpnn_kernels *k = s->kernels;
    const fmpnn_packed_decoder *w = &p->en->w->decoder[layer];
    size_t K = p->K, C = p->C;
    const uint16_t *order = p->order + i * K;
    const uint32_t *neighbour = p->en->graph->neighbour + i * K;
    const float *edge = edge_part(s, layer, i, x), *near = near_of(s, layer, b);
    for (size_t m = 0; m < K; m++) {
        x->to[m] = edge + order[m] * C;
        x->near[m] = near + neighbour[order[m]] * C;
    }
    k->gemm(x->t, C, s->feature + (b * p->L + i) * K * C, C, K, C,
            p->en->w->side.feature[layer], C, NULL, x->to, 0);
    for (size_t m = 0; m < K; m++)
        x->to[m] = x->t + m * C;
    k->gather_gelu(x->u, C, own, x->to, x->near, NULL, K, C);
    k->gemm_sum(sum, x->u, C, K, C, w->w2, C, w->b2, NULL);
}

/* kappa = 0.1 + softplus, linear where the exponential says nothing more. */
static double concentration_of(double x)
{
    return 0.1 + (x > 20 ? x : log1p(exp(x)));
}

static void read_mixtures(const float *out, fmpnn_mixture *mixture)
{
    for (size_t c = 0; c < FMPNN_CHIS; c++)
        for (size_t n = 0; n < FMPNN_MIXTURE; n++, out += 3) {
            mixture[c].mean[n] = (double)out[0];
            mixture[c].concentration[n] = concentration_of((double)out[1]);
            mixture[c].logit[n] = (double)out[2];
        }
}

/* One layer for resolved residues row[0 .. M-1] of sample b. */
static void do_layer(const step *s, size_t layer, size_t b, size_t M, const uint32_t *row,
                     fmpnn_side_scratch *x)
{
    const fmpnn_placing *p = s->p;
    const fmpnn_kernels *k = s->kernels;
    const fmpnn_packed *w = p->en->w;
    size_t C = p->C;
    float *h = s->h + b * p->L * C;
    if (layer == 0)
        fmpnn_side_edges(p, k, s->xyz + b * p->L * FMPNN_ATOM_FLOATS, M, row,
                         s->feature + b * p->L * p->K * C, x);
    for (size_t r = 0; r < M; r++) {
        memcpy(x->h + r * C, h + row[r] * C, C * sizeof *h);
        x->number[r] = (float)p->K; /* every neighbour counts, resolved or not */
    }
    k->gemm(x->v, C, x->h, C, M, C, w->decoder[layer].message.own, C, NULL, NULL, 0);
    for (size_t r = 0; r < M; r++)
        sum_messages(s, layer, b, row[r], x->v + r * C, x->s + r * C, x);
    fmpnn_node_update(k, &w->decoder[layer].node, C, w->F, M, x->h, x->s, x->number,
                      x->work);
    if (layer + 1 == p->en->layers) {
        k->gemm(x->work, FMPNN_TORSIONS, x->h, C, M, C, w->side.w_torsions, FMPNN_TORSIONS,
                w->side.b_torsions, NULL, 0);
        for (size_t r = 0; r < M; r++)
            read_mixtures(x->work + r * FMPNN_TORSIONS,
                          s->mixture + (b * p->L + row[r]) * FMPNN_CHIS);
        return;
    }
    k->gemm(x->v, C, x->h, C, M, C, w->decoder[layer + 1].message.neighbour, C, NULL, NULL,
            0);
    for (size_t r = 0; r < M; r++) {
        memcpy(h + row[r] * C, x->h + r * C, C * sizeof *h);
        memcpy(near_of(s, layer + 1, b) + row[r] * C, x->v + r * C, C * sizeof *h);
    }
}

static bool enter(void *of, void *lane)
{
    return fmpnn_side_enter(((const step *)of)->p, lane);
}

static void leave(void *of, void *lane)
{
    (void)of;
    fmpnn_side_leave(lane);
}

static size_t blocks(size_t rows, size_t block)
{
    return (rows + block - 1) / block;
}

static size_t count_items(void *of, size_t phase)
{
    const step *s = of;
    return s->B * blocks(phase ? s->p->n_rows : s->p->L, s->block);
}

static void do_item(void *of, size_t phase, size_t n, void *lane)
{
    const step *s = of;
    size_t rows = phase ? s->p->n_rows : s->p->L, each = blocks(rows, s->block);
    size_t b = n / each, first = n % each * s->block, left = rows - first;
    size_t M = left < s->block ? left : s->block;
    fmpnn_lap(s->watch, FMPNN_STAGE_NONE, 0);
    if (phase == 0)
        first_states(s, b, first, M, lane);
    else
        do_layer(s, phase - 1, b, M, s->p->row + first, lane);
    fmpnn_lap(s->watch, FMPNN_STAGE_DECODE, 0);
}

static float *narrow(const double *src, size_t count)
{
    float *dst = fmpnn_alloc(count, sizeof *dst);
    for (size_t n = 0; dst && n < count; n++)
        dst[n] = (float)src[n];
    return dst;
}

/* A residue that is not resolved has no state: only the bias is left. */
static void fill_unresolved(const fmpnn_placing *p, size_t B, fmpnn_mixture *mixture)
{
    for (size_t n = 0; n < B * p->L; n++)
        if (p->en->graph->mask[n % p->L] == 0)
            read_mixtures(p->en->w->side.b_torsions, mixture + n * FMPNN_CHIS);
}

fmpnn_status fmpnn_engine_torsions(fmpnn_context *ctx, const fmpnn_placing *p, size_t B,
                                   const double *xyz, fmpnn_mixture *mixture,
                                   fmpnn_error *err)
{
    size_t each = p->L * p->K * p->C, layers = p->en->layers,
           place = p->L * FMPNN_ATOM_FLOATS;
    size_t batch = fmpnn_memory_for(p->en, BATCH_BYTES) / (each * sizeof(float)) + 1;
    fmpnn_status status = FMPNN_OK;
    step s = {.p = p,
              .kernels = ctx->kernels,
              .watch = ctx->watch,
              .block = fmpnn_rows_a_block(p->L, FMPNN_ROWS, ctx->threads)};
    batch = batch < B ? batch : B;
    s.feature = fmpnn_alloc(batch, each * sizeof(float));
    s.h = fmpnn_alloc_zero(batch, p->L * p->C * sizeof(float));
    s.near = fmpnn_alloc_zero(batch * layers, p->L * p->C * sizeof(float));
    if (!s.feature || !s.h || !s.near)
        status = fmpnn_fail_memory(err, "placing side chains");
    for (size_t first = 0; first < B && !status; first += s.B) {
        fmpnn_task task = {.of = &s,
                           .phases = 1 + layers,
                           .items = count_items,
                           .item = do_item,
                           .lane_size = sizeof(fmpnn_side_scratch),
                           .enter = enter,
                           .leave = leave};
        s.B = B - first < batch ? B - first : batch;
        s.mixture = mixture + first * p->L * FMPNN_CHIS;
        float *own = narrow(xyz + first * place, s.B * place);
        s.xyz = own;
        if (!own || !fmpnn_pool_run(ctx->pool, ctx->threads, &task))
            status = fmpnn_fail_memory(err, "placing side chains");
        fmpnn_release(own);
    }
    if (!status)
        fill_unresolved(p, B, mixture);
    fmpnn_release(s.near);
    fmpnn_release(s.h);
    fmpnn_release(s.feature);
    return status;
}

/* ---- what torsions leave alone ---- */

typedef struct maker {
    fmpnn_placing *p;
    const fmpnn_kernels *kernels;
    const float *xyz;
    size_t block;
} maker;

static bool enter_maker(void *of, void *lane)
{
    return fmpnn_side_enter(((const maker *)of)->p, lane);
}

static size_t count_makings(void *of, size_t phase)
{
    const maker *m = of;
    return phase ? m->p->n_rows : blocks(m->p->L, m->block);
}

static void do_making(void *of, size_t phase, size_t n, void *lane)
{
    const maker *m = of;
    size_t first = n * m->block, left = m->p->L - first;
    if (phase)
        fmpnn_side_still_edges(m->p, m->kernels, m->xyz, m->p->row[n], lane);
    else
        still_nodes(m->p, m->kernels, m->xyz, first, left < m->block ? left : m->block,
                    lane);
}

/* Neighbours of residue i by how many atoms they have; how many have each. */
static void sort_neighbours(fmpnn_placing *p, size_t i)
{
    const uint32_t *neighbour = p->en->graph->neighbour + i * p->K;
    uint16_t *order = p->order + i * p->K, *count = p->count + i * FMPNN_SIDE_CHAIN;
    memset(count, 0, FMPNN_SIDE_CHAIN * sizeof *count);
    for (size_t m = 0; m < p->K; m++) {
        size_t at = m, own = p->atoms[neighbour[m]];
        for (; at > 0 && p->atoms[neighbour[order[at - 1]]] < own; at--)
            order[at] = order[at - 1];
        order[at] = (uint16_t)m;
        for (size_t b = 0; b < own; b++)
            count[b]++;
    }
}

static void sort_all(fmpnn_placing *p)
{
    const fmpnn_graph *graph = p->en->graph;
    for (size_t i = 0; i < p->L; i++) {
        for (size_t m = 0; m < p->M; m++)
            if (graph->atoms->mask[i * p->M + m] != 0)
                p->seen[i] = (uint8_t)(m + 1);
        p->looks = p->looks || (p->seen[i] && p->atoms[i] > FMPNN_STILL);
        sort_neighbours(p, i);
        if (graph->mask[i] != 0)
            p->row[p->n_rows++] = (uint32_t)i;
    }
}

fmpnn_status fmpnn_engine_placing_create(fmpnn_context *ctx, const fmpnn_encoding *en,
                                         const uint8_t *atoms, const double *xyz,
                                         fmpnn_placing **placing, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t L = en->L, K = en->K, row = en->C * sizeof(float);
    if (!en->w->side.still)
        return fmpnn_fail(err, FMPNN_EINVAL, "weights %s place no side chains",
                          en->model->info.name);
    for (size_t i = 0; i < L; i++)
        if (atoms[i] > FMPNN_SIDE_CHAIN)
            return fmpnn_fail(err, FMPNN_EINVAL, "residue %zu of %u atoms", i, atoms[i]);
    status = fmpnn_tables_prepare(ctx, en, 2, err); /* a pass a step */
    if (status)
        return status;
    fmpnn_placing *p = fmpnn_alloc_zero(1, sizeof *p);
    float *narrowed = narrow(xyz, L * FMPNN_ATOM_FLOATS);
    if (p) {
        *p = (fmpnn_placing){
            .en = en, .L = L, .K = K, .C = en->C, .M = en->model->info.context_atoms};
        p->atoms = fmpnn_alloc(L, 1);
        p->seen = fmpnn_alloc_zero(L, 1);
        p->order = fmpnn_alloc(L, K * sizeof *p->order);
        p->count = fmpnn_alloc(L, FMPNN_SIDE_CHAIN * sizeof *p->count);
        p->still_edge = fmpnn_alloc(L * K, row);
        p->still_node = fmpnn_alloc(L, row);
        p->own_down = fmpnn_alloc(L, row);
        p->row = fmpnn_alloc(L, sizeof *p->row);
    }
    if (!p || !narrowed || !p->atoms || !p->seen || !p->order || !p->count ||
        !p->still_edge || !p->still_node || !p->own_down || !p->row) {
        status = fmpnn_fail_memory(err, "placing side chains");
        goto done;
    }
    memcpy(p->atoms, atoms, L);
    sort_all(p);
    maker m = {.p = p,
               .kernels = ctx->kernels,
               .xyz = narrowed,
               .block = fmpnn_rows_a_block(L, FMPNN_ROWS, ctx->threads)};
    fmpnn_task task = {.of = &m,
                       .phases = 2,
                       .items = count_makings,
                       .item = do_making,
                       .lane_size = sizeof(fmpnn_side_scratch),
                       .enter = enter_maker,
                       .leave = leave};
    if (!fmpnn_pool_run(ctx->pool, ctx->threads, &task)) {
        status = fmpnn_fail_memory(err, "placing side chains");
        goto done;
    }
    *placing = p;
    p = NULL;
done:
    fmpnn_release(narrowed);
    fmpnn_engine_placing_free(p);
    return status;
}

void fmpnn_engine_placing_free(fmpnn_placing *p)
{
    if (!p)
        return;
    fmpnn_release(p->row);
    fmpnn_release(p->own_down);
    fmpnn_release(p->still_node);
    fmpnn_release(p->still_edge);
    fmpnn_release(p->count);
    fmpnn_release(p->order);
    fmpnn_release(p->seen);
    fmpnn_release(p->atoms);
    fmpnn_release(p);
}
