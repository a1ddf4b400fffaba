/* mlp and mlp_sum of their parts. PART(name) names the products to take: an instruction set's, or
 * one precision's of it. Included after GATHER_GELU, the gather_gelu to take, is defined. */

static void PART(hidden)(float *tile, const float *src, size_t lds, size_t M, size_t K,
                         const fmpnn_product *w, const fmpnn_added *added)
{
    const size_t N = w->N;
    PART(gemm)(tile, N, src, lds, M, K, w->panels, N, w->bias, added->rows, !added->own);
    for (size_t m = 0; added->own && m < M; m++, tile += N) {
        const float *row = tile;
        GATHER_GELU(tile, N, added->own, &row, added->b ? added->b + m : NULL,
                    added->d ? added->d + m : NULL, 1, N);
    }
    for (size_t n = 0; n < added->n_ahead; n++)
        fetch_row(added->ahead[n], K);
}

static void PART(mlp)(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                      size_t K, const fmpnn_product *w, size_t layers,
                      const fmpnn_added *added, const float *const *rows, float *tile)
{
    float *next = tile + M * w[0].N;
    PART(hidden)(tile, src, lds, M, K, w, added);
    if (layers == 3) {
        PART(gemm)
        (next, w[1].N, tile, w[0].N, M, w[0].N, w[1].panels, w[1].N, w[1].bias, NULL, 1);
        tile = next;
        w++;
    }
    PART(gemm)(dst, ldd, tile, w[0].N, M, w[0].N, w[1].panels, w[1].N, w[1].bias, rows, 0);
}

static void PART(mlp_sum)(float *dst, const float *src, size_t lds, size_t M, size_t K,
                          const fmpnn_product *w, const fmpnn_added *added,
                          const float *weight, float *tile)
{
    PART(hidden)(tile, src, lds, M, K, w, added);
    PART(gemm_sum)(dst, tile, w[0].N, M, w[0].N, w[1].panels, w[1].N, w[1].bias, weight);
}
