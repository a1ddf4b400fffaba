/* Edge features: distances between backbone atoms as Gaussians, and for CA-only models the
 * orientation of local frames. The 16 positional features never appear: they are a function of
 * 66 classes and were folded into a table (packed.h).
 *
 * Source: Dauparas et al. 2022, "Edge features"; docs/math.md. */
#include "engine/engine.h"

#include <math.h>
#include <string.h>

/* Places in the table of points below: N CA C O as in fmpnn_graph.xyz, then the virtual CB. */
enum { N = 0, A = 1, C = 2, O = 3, B = 4, POINTS = 5 };
enum { PREVIOUS = 0, SELF = 1, NEXT = 2 };

/* Pairs after CA-CA, which uses the graph's adjusted distance: centre's atom, neighbour's. */
static const unsigned char PAIRS[FMPNN_PAIRS - 1][2] = {
    // clang-format off
    {N, N}, {C, C}, {O, O}, {B, B}, {A, N}, {A, C}, {A, O}, {A, B}, {N, C}, {N, O}, {N, B}, {B, C},
    {B, O}, {O, C}, {N, A}, {C, A}, {O, A}, {B, A}, {C, N}, {O, N}, {B, N}, {C, B}, {O, B}, {C, O},
    // clang-format on
};
static const unsigned char PAIRS_CA[FMPNN_PAIRS_CA - 1][2] = {
    {PREVIOUS, PREVIOUS}, {NEXT, NEXT},     {PREVIOUS, SELF}, {PREVIOUS, NEXT},
    {SELF, PREVIOUS},     {SELF, NEXT},     {NEXT, PREVIOUS}, {NEXT, SELF},
};

enum { ORIENTATION = 7, OFFSET_LIMIT = 32, OTHER_CHAIN = 65 };

static const float *atom(const fmpnn_graph *graph, size_t i, size_t a)
{
    return graph->xyz + (i * 4 + a) * 3;
}

static void cross(const float *a, const float *b, float *out)
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

static float dot(const float *a, const float *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* v / max(|v|, 1e-12): the zero vector stays zero. */
static void normalise(float *v, size_t n)
{
    float square = 0;
    for (size_t d = 0; d < n; d++)
        square += v[d] * v[d];
    float length = sqrtf(square);
    if (length < 1e-12f)
        length = 1e-12f;
    for (size_t d = 0; d < n; d++)
        v[d] /= length;
}

/* Unit vectors along CA-CA steps, zero where the step is not that of a trans peptide. */
static void step_direction(const fmpnn_graph *graph, size_t n, float *u)
{
    const float *p = atom(graph, n, A), *q = atom(graph, n + 1, A);
    for (int k = 0; k < 3; k++)
        u[k] = q[k] - p[k];
    float length = sqrtf(dot(u, u));
    if (!(length > 3.6f && length < 4.0f))
        memset(u, 0, 3 * sizeof *u);
    normalise(u, 3);
}

void fmpnn_features_frames(const fmpnn_graph *graph, float *frames)
{
    size_t L = graph->L;
    memset(frames, 0, L * 9 * sizeof *frames);
    for (size_t i = 1; i + 2 < L; i++) {
        float before[3], after[3], *o = frames + i * 9;
        step_direction(graph, i - 1, before);
        step_direction(graph, i, after);
        for (int k = 0; k < 3; k++)
            o[k] = before[k] - after[k];
        normalise(o, 3);
        cross(before, after, o + 3);
        normalise(o + 3, 3);
        cross(o, o + 3, o + 6);
    }
}

static float sign(float x)
{
    return (float)((x > 0) - (x < 0));
}

/* Direction to j in i's frame, and the rotation between the frames as a quaternion. */
static void orientation(const fmpnn_graph *graph, const float *frames, size_t i, size_t j,
                        float *out)
{
    const float *p = atom(graph, i, A), *q = atom(graph, j, A);
    const float *f = frames + i * 9, *g = frames + j * 9;
    float step[3] = {q[0] - p[0], q[1] - p[1], q[2] - p[2]}, R[3][3];
    for (int a = 0; a < 3; a++)
        out[a] = dot(f + 3 * a, step);
    normalise(out, 3);
    /* R_ab and R_ba add their products in the same order: for i = j they cancel exactly */
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            R[a][b] = f[a] * g[b] + f[3 + a] * g[3 + b] + f[6 + a] * g[6 + b];
    float *quaternion = out + 3, x = R[0][0], y = R[1][1], z = R[2][2];
    quaternion[0] = sign(R[2][1] - R[1][2]) * sqrtf(fabsf(1 + (x - y - z))) / 2;
    quaternion[1] = sign(R[0][2] - R[2][0]) * sqrtf(fabsf(1 + (y - x - z))) / 2;
    quaternion[2] = sign(R[1][0] - R[0][1]) * sqrtf(fabsf(1 + (z - x - y))) / 2;
    float trace = 1 + x + y + z;
    quaternion[3] = sqrtf(trace > 0 ? trace : 0) / 2;
    normalise(quaternion, 4);
}

/* N CA C O CB of a full backbone; CA before, at and after i of a CA-only one. Beyond the ends
 * is the origin. */
static void points_of(const fmpnn_graph *graph, const float *virtual_cb, size_t i,
                      const float **point)
{
    static const float ORIGIN[3] = {0, 0, 0};
    if (graph->ca_only) {
        point[PREVIOUS] = i ? atom(graph, i - 1, A) : ORIGIN;
        point[SELF] = atom(graph, i, A);
        point[NEXT] = i + 1 < graph->L ? atom(graph, i + 1, A) : ORIGIN;
    } else {
        for (size_t a = 0; a < 4; a++)
            point[a] = atom(graph, i, a);
        point[B] = virtual_cb + i * 3;
    }
}

static size_t offset_class(const fmpnn_graph *graph, size_t i, size_t j)
{
    if (graph->chain[i] != graph->chain[j])
        return OTHER_CHAIN;
    int64_t offset = (int64_t)graph->index[i] - graph->index[j];
    if (offset > OFFSET_LIMIT)
        offset = OFFSET_LIMIT;
    if (offset < -OFFSET_LIMIT)
        offset = -OFFSET_LIMIT;
    return (size_t)(offset + OFFSET_LIMIT);
}

enum { XYZ = 3 };

size_t fmpnn_features_size(const fmpnn_graph *graph, const fmpnn_packed *w)
{
    return graph->K * (w->features + POINTS * XYZ + 1); /* points, then distances of a pair */
}

void fmpnn_features_row(const fmpnn_graph *graph, const fmpnn_packed *w,
                        const fmpnn_kernels *kernels, const float *virtual_cb,
                        const float *frames, size_t i, float *raw, const float **offset)
{
    size_t K = graph->K, pairs = graph->ca_only ? FMPNN_PAIRS_CA : FMPNN_PAIRS;
    size_t points = graph->ca_only ? NEXT + 1 : POINTS;
    const unsigned char(*pair)[2] = graph->ca_only ? PAIRS_CA : PAIRS;
    size_t n = 0; /* pairs done */
    const float *centre[POINTS], *other[POINTS];
    float *point = raw + K * w->features;    /* [points][3][K] of the neighbours */
    float *d = point + K * POINTS * XYZ;     /* [K] */
    points_of(graph, virtual_cb, i, centre);
    for (size_t m = 0; m < K; m++) {
        size_t j = graph->neighbour[i * K + m];
        points_of(graph, virtual_cb, j, other);
        for (size_t p = 0; p < points; p++)
            for (size_t x = 0; x < XYZ; x++)
                point[(p * XYZ + x) * K + m] = other[p][x];
        offset[m] = w->offset + offset_class(graph, i, j) * w->C;
        if (graph->ca_only) /* Gaussians of 9 pairs, then 7 numbers of orientation */
            orientation(graph, frames, i, j, raw + m * w->features + pairs * FMPNN_RBF);
    }
    if (!w->side.still) { /* the packer takes all pairs in turn, CA-CA like any other */
        kernels->radial_basis(raw, w->features, graph->distance + i * K, K, w->first_centre);
        n = 1;
    }
    for (; n < pairs; n++) {
        size_t from = w->side.still ? n / POINTS : pair[n - 1][0];
        size_t to = w->side.still ? n % POINTS : pair[n - 1][1];
        kernels->distance(d, point + to * XYZ * K, K, centre[from], 1e-6f, K);
        kernels->radial_basis(raw + n * FMPNN_RBF, w->features, d, K, w->first_centre);
    }
}
