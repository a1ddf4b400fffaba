/* Edge features of side chains: Gaussians of all distances between the atoms of two residues.
 *
 *     still   atoms 0-4 of both        once
 *     own     an atom of i that moves, with 0-4 of j
 *     near    an atom of j that moves, with any of i
 *
 * The weights of a moving atom are walked once for all residues of a block. */
#include "engine/side.h"

#include <string.h>

enum {
    STILL_WIDTH = FMPNN_STILL * FMPNN_RBF,
    STEP_WIDTH = FMPNN_STEP * FMPNN_RBF,
    NEAR_WIDTH = FMPNN_SIDE_CHAIN * FMPNN_RBF
};

static const float SMALL = 1e-6f;

/* Atoms of the neighbours of i, coordinate by coordinate: dst [14][3][K]. */
static void gather_points(const fmpnn_placing *p, const float *xyz, size_t i, float *dst)
{
    for (size_t m = 0; m < p->K; m++) {
        size_t j = p->en->graph->neighbour[i * p->K + p->order[i * p->K + m]];
        const float *atom = xyz + j * FMPNN_ATOM_FLOATS;
        for (size_t c = 0; c < (size_t)p->atoms[j] * FMPNN_XYZ; c++)
            dst[c * p->K + m] = atom[c];
    }
}

/* Gaussians of atom `centre` and atom b of the neighbours that have it; 0 for the others up to
 * `rows`. */
static void gaussians(const fmpnn_placing *p, const fmpnn_kernels *k, const float *points,
                      const float *centre, size_t b, size_t have, size_t rows, float *raw,
                      size_t ld, fmpnn_side_scratch *x)
{
    k->distance(x->distance, points + b * FMPNN_XYZ * p->K, p->K, centre, SMALL, have);
    k->radial_basis(raw, ld, x->distance, have, 0);
    for (size_t m = have; m < rows; m++)
        memset(raw + m * ld, 0, FMPNN_RBF * sizeof *raw);
}

/* dst [M][C] += raw times a matrix of `width` columns. */
static void add_product(const fmpnn_placing *p, const fmpnn_kernels *k, const float *raw,
                        size_t ld, size_t M, size_t width, const float *panels, float *dst,
                        fmpnn_side_scratch *x)
{
    for (size_t m = 0; m < M; m++)
        x->to[m] = dst + m * p->C;
    k->gemm(dst, p->C, raw, ld, M, width, panels, p->C, NULL, x->to, 0);
}

void fmpnn_side_still_edges(const fmpnn_placing *p, const fmpnn_kernels *k,
                            const float *xyz, size_t i, fmpnn_side_scratch *x)
{
    const fmpnn_packed_side *w = &p->en->w->side;
    const fmpnn_graph *graph = p->en->graph;
    const uint16_t *count = p->count + i * FMPNN_SIDE_CHAIN;
    size_t C = p->C, K = p->K, own = p->atoms[i] < FMPNN_STILL ? p->atoms[i] : FMPNN_STILL;
    gather_points(p, xyz, i, x->points);
    memset(x->raw, 0, K * FMPNN_SIDE_RAW * sizeof *x->raw);
    for (size_t a = 0; a < own; a++)
        for (size_t b = 0; b < FMPNN_STILL; b++)
            gaussians(p, k, x->points, xyz + i * FMPNN_ATOM_FLOATS + a * FMPNN_XYZ, b,
                      count[b], count[b], x->raw + (a * FMPNN_STILL + b) * FMPNN_RBF,
                      FMPNN_SIDE_RAW, x);
    for (size_t m = 0; m < K; m++) {
        size_t j = graph->neighbour[i * K + p->order[i * K + m]];
        x->to[m] = w->near_letter + graph->label[j] * C;
    }
    k->gemm(p->still_edge + i * K * C, C, x->raw, FMPNN_SIDE_RAW, K, FMPNN_SIDE_RAW,
            w->still, C, w->own_letter + graph->label[i] * C, x->to, 0);
}

/* Atom 5+n of residue i, with what never moves of the neighbours. */
static void own_moves(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz,
                      size_t n, size_t i, const float *points, float *dst,
                      fmpnn_side_scratch *x)
{
    const uint16_t *count = p->count + i * FMPNN_SIDE_CHAIN;
    const float *centre = xyz + i * FMPNN_ATOM_FLOATS + (FMPNN_STILL + n) * FMPNN_XYZ;
    for (size_t b = 0; b < FMPNN_STILL; b++)
        gaussians(p, k, points, centre, b, count[b], count[0], x->raw + b * FMPNN_RBF,
                  STILL_WIDTH, x);
    add_product(p, k, x->raw, STILL_WIDTH, count[0], STILL_WIDTH,
                p->en->w->side.own_moves[n], dst, x);
}

/* Atom 5+n of the neighbours that have it, with all atoms of i. */
static void near_moves(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz,
                       size_t n, size_t i, const float *points, float *dst,
                       fmpnn_side_scratch *x)
{
    const fmpnn_packed_side *w = &p->en->w->side;
    size_t b = FMPNN_STILL + n, own = p->atoms[i];
    size_t have = p->count[i * FMPNN_SIDE_CHAIN + b];
    size_t steps =
        own > FMPNN_STILL ? (own - FMPNN_STILL + FMPNN_STEP - 1) / FMPNN_STEP : 0;
    size_t width = FMPNN_STILL + steps * FMPNN_STEP;
    if (!have || !own)
        return;
    for (size_t a = 0; a < own; a++)
        gaussians(p, k, points, xyz + i * FMPNN_ATOM_FLOATS + a * FMPNN_XYZ, b, have, have,
                  x->raw + a * FMPNN_RBF, NEAR_WIDTH, x);
    for (size_t m = 0; own < width && m < have; m++)
        memset(x->raw + m * NEAR_WIDTH + own * FMPNN_RBF, 0,
               (width - own) * FMPNN_RBF * sizeof *x->raw);
    add_product(p, k, x->raw, NEAR_WIDTH, have, STILL_WIDTH, w->near_moves[n], dst, x);
    for (size_t s = 0; s < steps; s++)
        add_product(p, k, x->raw + STILL_WIDTH + s * STEP_WIDTH, NEAR_WIDTH, have,
                    STEP_WIDTH, w->both_move[n][s], dst, x);
}

void fmpnn_side_edges(const fmpnn_placing *p, const fmpnn_kernels *k, const float *xyz,
                      size_t M, const uint32_t *row, float *feature, fmpnn_side_scratch *x)
{
    const fmpnn_norm *norm = &p->en->model->packer.norm_edge;
    size_t K = p->K, C = p->C, tile = K * C, spot = FMPNN_ATOM_FLOATS * K;
    for (size_t r = 0; r < M; r++) {
        gather_points(p, xyz, row[r], x->points + r * spot);
        memcpy(feature + row[r] * tile, p->still_edge + row[r] * tile,
               tile * sizeof *feature);
    }
    for (size_t n = 0; n < FMPNN_MOVING; n++)
        for (size_t r = 0; r < M; r++)
            if (p->atoms[row[r]] > FMPNN_STILL + n)
                own_moves(p, k, xyz, n, row[r], x->points + r * spot,
                          feature + row[r] * tile, x);
    for (size_t n = 0; n < FMPNN_MOVING; n++)
        for (size_t r = 0; r < M; r++)
            near_moves(p, k, xyz, n, row[r], x->points + r * spot, feature + row[r] * tile,
                       x);
    for (size_t r = 0; r < M; r++) {
        float *f = feature + row[r] * tile;
        k->layer_norm(f, C, f, C, K, C, norm->gain, norm->bias);
    }
}
