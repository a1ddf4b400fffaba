/* What both kernels of the nodes begin with (decode_nodes.cu, decode_nodes_group.cu): rows of a warp,
 * four channels a lane, all of them read side by side. */
#ifndef FMPNN_CUDA_DECODE_ROWS_CUH
#define FMPNN_CUDA_DECODE_ROWS_CUH

#include "cuda/decode.cuh"
#include "cuda/tile.cuh"

/* s += the sums of the tiles that a row has. */
template <int EACH>
__device__ inline void add_tiles(float4 (&s)[EACH], const row (&place)[EACH],
                                 const int (&K)[EACH], const row_work &work, int lane)
{
    for (int m = 0; m < work.tiles; m++) {
        float4 v[EACH];
#pragma unroll
        for (int n = 0; n < EACH; n++)
            v[n] = ((const float4 *)(work.s + ((size_t)place[n].place * work.tiles + m) *
                                                  WIDTH))[lane];
#pragma unroll
        for (int n = 0; n < EACH; n++)
            if (m * TILE < K[n])
                s[n].x += v[n].x, s[n].y += v[n].y, s[n].z += v[n].z, s[n].w += v[n].w;
    }
}

/* The mean s of K messages before W3, whose bias goes to h: it counts for every neighbour, resolved
 * or not. */
__device__ inline void take_mean(float4 &s, float4 &h, float4 b3, int K)
{
    const float SCALE = 1.0f / 30;
    float share = (float)K * SCALE;
    h.x = fmaf(share, b3.x, h.x), h.y = fmaf(share, b3.y, h.y);
    h.z = fmaf(share, b3.z, h.z), h.w = fmaf(share, b3.w, h.w);
    s.x *= SCALE, s.y *= SCALE, s.z *= SCALE, s.w *= SCALE;
}

#endif
