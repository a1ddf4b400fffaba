/* Edge features on a device: distances between atoms as Gaussians, the place along the chain as
 * a row of a table, and for CA-only models the orientation of local frames. The features never
 * lie in memory: a lane computes those that it needs as an operand of the first product.
 *
 * The same formulas as src/engine/features.c. Source: Dauparas et al. 2022, "Edge features". */
#ifndef FMPNN_CUDA_FEATURES_CUH
#define FMPNN_CUDA_FEATURES_CUH

#include "cuda/edge_tile.cuh"

enum {
    POINT_FLOATS = 16,     /* N CA C O CB, or CA before, at and after; padded */
    FRAME_FLOATS = 12,     /* CA-only: 3x3, padded */
    FEATURE_BLOCKS = 13,   /* of 32 features: 400, padded */
    FEATURE_BLOCKS_CA = 5, /* 151, padded */
    PITCH = 72             /* of the 64 edges of a warpgroup: no two lanes in one bank */
};

/* Rows of [PITCH] floats that a warpgroup keeps for its edges: a distance for each pair, or
 * distances and orientation. */
enum { FEATURE_ROWS = FMPNN_PAIRS, FEATURE_ROWS_CA = FMPNN_PAIRS_CA + 7 };

/* Points of residues, frames; all residues of the structures, one after another. */
typedef struct geometry {
    float *points; /* [nodes][POINT_FLOATS] */
    float *frames; /* [nodes][FRAME_FLOATS], CA-only */
} geometry;

__device__ inline float point_distance(const float *p, const float *q)
{
    float x = p[0] - q[0], y = p[1] - q[1], z = p[2] - q[2];
    return sqrtf(fmaf(x, x, fmaf(y, y, fmaf(z, z, 1e-6f))));
}

__device__ inline void read_point_floats(const float *src, float p[16])
{
    read8(src, p);
    read8(src + 8, p + 8);
}

__device__ inline float sign_of(float x)
{
    return (float)((x > 0) - (x < 0));
}

/* v / max(|v|, 1e-12). */
template <int N> __device__ inline void unit_vector(float *v)
{
    float square = 0;
#pragma unroll
    for (int d = 0; d < N; d++)
        square = __fadd_rn(square, __fmul_rn(v[d], v[d]));
    float length = fmaxf(sqrtf(square), 1e-12f);
#pragma unroll
    for (int d = 0; d < N; d++)
        v[d] /= length;
}

/* Direction to j in i's frame, and the rotation between the frames as a quaternion. R_ab and
 * R_ba add rounded products in the same order: for i = j they cancel exactly. */
__device__ inline void orientation(const float *f, const float *g, const float *p,
                                   const float *q, float out[7])
{
    float step[3] = {q[0] - p[0], q[1] - p[1], q[2] - p[2]}, R[3][3];
#pragma unroll
    for (int a = 0; a < 3; a++) {
        out[a] = f[3 * a] * step[0] + f[3 * a + 1] * step[1] + f[3 * a + 2] * step[2];
#pragma unroll
        for (int b = 0; b < 3; b++)
            R[a][b] =
                __fadd_rn(__fadd_rn(__fmul_rn(f[a], g[b]), __fmul_rn(f[3 + a], g[3 + b])),
                          __fmul_rn(f[6 + a], g[6 + b]));
    }
    unit_vector<3>(out);
    float *t = out + 3, x = R[0][0], y = R[1][1], z = R[2][2];
    t[0] = sign_of(R[2][1] - R[1][2]) * sqrtf(fabsf(1 + (x - y - z))) / 2;
    t[1] = sign_of(R[0][2] - R[2][0]) * sqrtf(fabsf(1 + (y - x - z))) / 2;
    t[2] = sign_of(R[1][0] - R[0][1]) * sqrtf(fabsf(1 + (z - x - y))) / 2;
    t[3] = sqrtf(fmaxf(1 + x + y + z, 0.0f)) / 2;
    unit_vector<4>(t);
}

/* A warpgroup's features that are not yet Gaussians, of its 64 edges: to rows [.][PITCH]. Two
 * threads an edge. `distance`: of the graph. */
template <bool CA>
__device__ inline void feature_rows(const geometry &geo, int i, int j, float distance,
                                    int edge, int second, float *rows)
{
    float p[16], q[16];
    float *out = rows + edge;
    read_point_floats(geo.points + (size_t)i * POINT_FLOATS, p);
    read_point_floats(geo.points + (size_t)j * POINT_FLOATS, q);
    /* after CA-CA: centre's atom, neighbour's; docs/math.md, "Edge features" */
    // clang-format off
    constexpr unsigned char pairs[FMPNN_PAIRS - 1][2] = {
        {0, 0}, {2, 2}, {3, 3}, {4, 4}, {1, 0}, {1, 2}, {1, 3}, {1, 4},
        {0, 2}, {0, 3}, {0, 4}, {4, 2}, {4, 3}, {3, 2}, {0, 1}, {2, 1},
        {3, 1}, {4, 1}, {2, 0}, {3, 0}, {4, 0}, {2, 4}, {3, 4}, {2, 3},
    };
    constexpr unsigned char pairs_ca[FMPNN_PAIRS_CA - 1][2] = {
        {0, 0}, {2, 2}, {0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1},
    };
    // clang-format on
    constexpr int half = (FMPNN_PAIRS - 1) / 2;
    if (!second)
        out[0] = distance;
    if (!CA && !second) {
#pragma unroll
        for (int n = 0; n < half; n++)
            out[(1 + n) * PITCH] = point_distance(p + 3 * pairs[n][0], q + 3 * pairs[n][1]);
    } else if (!CA) {
#pragma unroll
        for (int n = half; n < FMPNN_PAIRS - 1; n++)
            out[(1 + n) * PITCH] = point_distance(p + 3 * pairs[n][0], q + 3 * pairs[n][1]);
    } else if (!second) {
#pragma unroll
        for (int n = 0; n < FMPNN_PAIRS_CA - 1; n++)
            out[(1 + n) * PITCH] =
                point_distance(p + 3 * pairs_ca[n][0], q + 3 * pairs_ca[n][1]);
    } else {
        float f[12], g[12], seven[7];
        const float *fi = geo.frames + (size_t)i * FRAME_FLOATS;
        const float *fj = geo.frames + (size_t)j * FRAME_FLOATS;
#pragma unroll
        for (int n = 0; n < 12; n += 4) {
            float4 a = *reinterpret_cast<const float4 *>(fi + n);
            float4 b = *reinterpret_cast<const float4 *>(fj + n);
            f[n] = a.x, f[n + 1] = a.y, f[n + 2] = a.z, f[n + 3] = a.w;
            g[n] = b.x, g[n + 1] = b.y, g[n + 2] = b.z, g[n + 3] = b.w;
        }
        orientation(f, g, p + 3, q + 3, seven);
#pragma unroll
        for (int n = 0; n < 7; n++)
            out[(FMPNN_PAIRS_CA + n) * PITCH] = seven[n];
    }
}

/* The lane's eight features of block b: half of the Gaussians of pair 2b + q/2. */
template <bool CA>
__device__ inline void feature_values(const float *rows, int edge, int b, int q, float v[8])
{
    const float step = 20.0f / 15.0f, rate = -1.4426950408889634f; /* exp2 */
    int pair = 2 * b + q / 2, upper = q % 2;
    if (CA && b == FEATURE_BLOCKS_CA - 1 && q >= 2) { /* seven numbers, then nothing */
#pragma unroll
        for (int u = 0; u < 8; u++)
            v[u] = q == 2 && u < 7 ? rows[(FMPNN_PAIRS_CA + (u < 7 ? u : 0)) * PITCH + edge]
                                   : 0;
        return;
    }
    if (!CA && b == FEATURE_BLOCKS - 1 && q >= 2) {
#pragma unroll
        for (int u = 0; u < 8; u++)
            v[u] = 0;
        return;
    }
    float d = rows[pair * PITCH + edge];
#pragma unroll
    for (int u = 0; u < 8; u++) {
        /* centres counted from both ends, as the published program spaces them */
        float centre = upper ? 22.0f - step * (float)(7 - u) : 2.0f + step * (float)u;
        float z = (d - centre) * 0.8f;
        asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(v[u]) : "f"(rate * (z * z)));
    }
}

__device__ inline int offset_class(int index_i, int index_j, int chain_i, int chain_j)
{
    if (chain_i != chain_j)
        return 65;
    long long offset = (long long)index_i - index_j;
    offset = offset > 32 ? 32 : offset < -32 ? -32 : offset;
    return (int)offset + 32;
}

#endif
