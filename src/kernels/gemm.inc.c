/* gemm and gemm_sum: packed products with what follows them.
 *
 * A tile of some rows and vectors stays in registers while k runs from 0 to K-1; each output has
 * one accumulator, which starts as bias + row. So an output's bits depend neither on M nor on the
 * tile that computed it. The tile is stored once and GELU reads it back: accumulators and GELU's
 * constants do not fit into the registers together, and the first-level cache still has it.
 *
 * Tiles are functions of their own, not inlined: compilers handle the register pressure of one
 * loop well, and of the same loop within a large function badly (twice the time was seen).
 *
 * Rows are dealt to as few tiles as can be, of heights that differ by one at most: 25 rows are
 * five tiles of five, not four of six and one that waits for its weights. Low tiles are, where
 * registers allow, wider: a tile needs some eight sums in flight to hide the latency of a
 * multiply-add. */

enum {
    PANEL = 16,
    PANEL_VECS = PANEL / VF,
    MAX_WIDTH = 64 /* columns of the widest tile of any instruction set */
};

/* What a tile reads. Strides in floats. */
typedef struct tile_in {
    const float *src;
    size_t lds, K;
    const float *panels;      /* where the tile's first column begins */
    const float *bias;        /* at that column; or NULL */
    const float *const *rows; /* at the tile's first row; or NULL */
    size_t column;            /* of rows */
} tile_in;

typedef void tile_fn(float *dst, size_t ldd, const tile_in *in);

/* What a step of k adds. kernels_avx512_bf16.c has pairs of k in place of k. */
#ifndef V_STEP
#define V_STEP v_fma
#endif

static inline __attribute__((always_inline)) void
tile(float *dst, size_t ldd, const tile_in *in, const size_t rows, const size_t vecs)
{
    const size_t K = in->K;
    const float *src[TILE_ROWS];
    vf acc[TILE_ROWS][MAX_WIDTH / VF];
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        src[r] = in->src + r * in->lds;
        UNROLL for (size_t v = 0; v < vecs; v++) acc[r][v] =
            in->bias ? v_load(in->bias + v * VF) : v_set(0.0f);
        if (in->rows && in->rows[r])
            UNROLL for (size_t v = 0; v < vecs; v++) acc[r][v] =
                v_add(acc[r][v], v_load(in->rows[r] + in->column + v * VF));
    }
    const float *panels = in->panels;
    UNROLL_4 for (size_t k = 0; k < K; k++, panels += PANEL)
    {
        vf w[MAX_WIDTH / VF];
        UNROLL for (size_t v = 0; v < vecs; v++) w[v] =
            v_load(panels + v / PANEL_VECS * PANEL * K + v % PANEL_VECS * VF);
        UNROLL for (size_t r = 0; r < rows; r++)
        {
            const vf x = v_set(src[r][k]);
            UNROLL for (size_t v = 0; v < vecs; v++) acc[r][v] = V_STEP(x, w[v], acc[r][v]);
        }
    }
    UNROLL for (size_t r = 0; r < rows; r++) UNROLL for (size_t v = 0; v < vecs; v++)
        v_store(dst + r * ldd + v * VF, acc[r][v]);
}

/* For each number of rows a wide tile and, for the last columns, one of at most a panel. */
#define NARROW(vecs) ((vecs) < PANEL_VECS ? (vecs) : PANEL_VECS)
#define TILE_PAIR(rows, vecs)                                                              \
    static __attribute__((noinline)) void tile_wide_##rows(float *dst, size_t ldd,         \
                                                           const tile_in *in)              \
    {                                                                                      \
        tile(dst, ldd, in, rows, vecs);                                                    \
    }                                                                                      \
    static __attribute__((noinline)) void tile_narrow_##rows(float *dst, size_t ldd,       \
                                                             const tile_in *in)            \
    {                                                                                      \
        tile(dst, ldd, in, rows, NARROW(vecs));                                            \
    }
TILES(TILE_PAIR)

static const struct tile_shape {
    tile_fn *wide, *narrow;
    size_t wide_columns, narrow_columns;
} tile_shapes[TILE_ROWS + 1] = {{0},
#define TILE_SHAPE(rows, vecs)                                                             \
    {tile_wide_##rows, tile_narrow_##rows, (vecs)*VF, NARROW(vecs) * VF},
                                TILES(TILE_SHAPE)
#undef TILE_SHAPE
};

/* A column of tiles: the columns [first, first + count) of the result; `width` of them are in
 * the panels, the rest of the last panel being padding. */
typedef struct tile_column {
    tile_fn *run;
    size_t first, count, width;
} tile_column;

static tile_column tile_column_at(size_t rows, size_t first, size_t N)
{
    const struct tile_shape *shape = &tile_shapes[rows];
    const size_t left = N - first;
    const size_t in_panels = left + (PANEL - N % PANEL) % PANEL;
    const bool wide = shape->wide_columns <= in_panels;
    tile_column column = {.run = wide ? shape->wide : shape->narrow,
                          .first = first,
                          .width = wide ? shape->wide_columns : shape->narrow_columns};
    column.count = left < column.width ? left : column.width;
    return column;
}

static const float *panels_at(const float *panels, size_t K, size_t column)
{
    return panels + column / PANEL * PANEL * K + column % PANEL;
}

static void gelu_tile(float *dst, size_t ldd, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, dst += ldd)
        gelu_form(dst, dst, columns, 0);
}

/* Copy `count` floats of a row into a tile's width, zeros behind. */
static void widen(float *padded, const float *row, size_t count, size_t width)
{
    for (size_t c = 0; c < width; c++)
        padded[c] = c < count ? row[c] : 0.0f;
}

/* A tile that ends in padding: in and out through a buffer of full width. */
static void tile_at_edge(float *dst, size_t ldd, tile_in in, size_t height,
                         tile_column column, int gelu)
{
    float bias[MAX_WIDTH], rows[TILE_ROWS][MAX_WIDTH], out[TILE_ROWS][MAX_WIDTH];
    const float *row[TILE_ROWS] = {NULL};
    if (in.bias) {
        widen(bias, in.bias, column.count, column.width);
        in.bias = bias;
    }
    if (in.rows) {
        for (size_t r = 0; r < height; r++)
            if (in.rows[r]) {
                widen(rows[r], in.rows[r] + in.column, column.count, column.width);
                row[r] = rows[r];
            }
        in.rows = row;
        in.column = 0;
    }
    column.run(out[0], MAX_WIDTH, &in);
    if (gelu)
        gelu_tile(out[0], MAX_WIDTH, height, column.width);
    for (size_t r = 0; r < height; r++)
        memcpy(dst + r * ldd, out[r], column.count * sizeof(float));
}

/* How M rows are dealt: rows [0, split) to tiles of height `tall`, the others to tiles one lower. */
typedef struct tile_heights {
    size_t tall, split;
} tile_heights;

static tile_heights tile_heights_for(size_t M)
{
    const size_t tiles = (M + TILE_ROWS - 1) / TILE_ROWS;
    if (!tiles)
        return (tile_heights){1, 0};
    const size_t low = M / tiles, taller = M % tiles;
    return taller ? (tile_heights){low + 1, taller * (low + 1)} : (tile_heights){low, M};
}

/* Rows [begin, end), their number a multiple of `height`. A column of weights stays in the
 * cache while all rows pass it. */
static void gemm_rows(float *dst, size_t ldd, const float *src, size_t lds, size_t begin,
                      size_t end, size_t height, size_t K, const float *panels, size_t N,
                      const float *bias, const float *const *rows, int gelu)
{
    if (begin == end)
        return;
    tile_column column;
    for (size_t n = 0; n < N; n += column.width) {
        column = tile_column_at(height, n, N);
        tile_in in = {.lds = lds, .K = K, .panels = panels_at(panels, K, n), .column = n};
        in.bias = bias ? bias + n : NULL;
        for (size_t m = begin; m < end; m += height) {
            float *out = dst + m * ldd + n;
            in.src = src + m * lds;
            in.rows = rows ? rows + m : NULL;
            if (column.count < column.width) {
                tile_at_edge(out, ldd, in, height, column, gelu);
                continue;
            }
            column.run(out, ldd, &in);
            if (gelu)
                gelu_tile(out, ldd, height, column.width);
        }
    }
}

static void ISA(gemm)(float *dst, size_t ldd, const float *src, size_t lds, size_t M,
                      size_t K, const float *panels, size_t N, const float *bias,
                      const float *const *rows, int gelu)
{
    const tile_heights h = tile_heights_for(M);
    gemm_rows(dst, ldd, src, lds, 0, h.split, h.tall, K, panels, N, bias, rows, gelu);
    gemm_rows(dst, ldd, src, lds, h.split, M, h.tall - 1, K, panels, N, bias, rows, gelu);
}

/* V vectors of a finished tile's rows into dst: GELU, then weights, row after row. */
static inline __attribute__((always_inline)) void sum_vectors(float *dst, const float *out,
                                                              size_t height, size_t count,
                                                              const float *weight,
                                                              const size_t V)
{
    vf sum[V_GROUP];
    EACH (v, V)
        sum[v] = v_load_some(dst + v * VF, count);
    for (size_t r = 0; r < height; r++, out += MAX_WIDTH) {
        vf message[V_GROUP];
        EACH (v, V)
            message[v] = v_load(out + v * VF);
        v_gelu_each(message, V, 0);
        const vf factor = v_set(weight ? weight[r] : 1.0f);
        EACH (v, V)
            sum[v] = v_fma(factor, message[v], sum[v]);
    }
    EACH (v, V)
        v_store_some(dst + v * VF, sum[v], count);
}

static void sum_tile(float *dst, const float *out, size_t height, size_t columns,
                     const float *weight)
{
    size_t c = 0;
    for (; c + V_GROUP * VF <= columns; c += V_GROUP * VF)
        sum_vectors(dst + c, out + c, height, VF, weight, V_GROUP);
    for (; c < columns; c += VF)
        sum_vectors(dst + c, out + c, height, columns - c, weight, 1);
}

static void gemm_sum_rows(float *dst, const float *src, size_t lds, size_t begin,
                          size_t end, size_t height, size_t K, const float *panels,
                          size_t N, const float *bias, const float *weight)
{
    if (begin == end)
        return;
    float out[TILE_ROWS * MAX_WIDTH], bias_edge[MAX_WIDTH];
    tile_column column;
    for (size_t n = 0; n < N; n += column.width) {
        column = tile_column_at(height, n, N);
        tile_in in = {.lds = lds, .K = K, .panels = panels_at(panels, K, n)};
        in.bias = bias ? bias + n : NULL;
        if (bias && column.count < column.width) {
            widen(bias_edge, in.bias, column.count, column.width);
            in.bias = bias_edge;
        }
        for (size_t m = begin; m < end; m += height) {
            in.src = src + m * lds;
            column.run(out, MAX_WIDTH, &in);
            sum_tile(dst + n, out, height, column.count, weight ? weight + m : NULL);
        }
    }
}

static void ISA(gemm_sum)(float *dst, const float *src, size_t lds, size_t M, size_t K,
                          const float *panels, size_t N, const float *bias,
                          const float *weight)
{
    const tile_heights h = tile_heights_for(M);
    for (size_t n = 0; n < N; n++)
        dst[n] = 0.0f;
    gemm_sum_rows(dst, src, lds, 0, h.split, h.tall, K, panels, N, bias, weight);
    gemm_sum_rows(dst, src, lds, h.split, M, h.tall - 1, K, panels, N, bias, weight);
}
