/* distance, whose points lie coordinate by coordinate, and edge_geometry, whose points are rows.
 * Products and sums are rounded one by one, so the bits are the same on every instruction set. */

static inline vf length_of(vf x, vf y, vf z, vf plus)
{
    const vf square = v_add(v_add(v_mul(x, x), v_mul(y, y)), v_mul(z, z));
    return v_sqrt(v_add(square, plus));
}

static void ISA(distance)(float *dst, const float *points, size_t stride, const float *centre,
                          float plus, size_t n)
{
    const vf x = v_set(centre[0]), y = v_set(centre[1]), z = v_set(centre[2]);
    for (size_t i = 0; i < n; i += VF) {
        const vf dx = v_sub(x, v_load_some(points + i, n - i));
        const vf dy = v_sub(y, v_load_some(points + stride + i, n - i));
        const vf dz = v_sub(z, v_load_some(points + 2 * stride + i, n - i));
        v_store_some(dst + i, length_of(dx, dy, dz, v_set(plus)), n - i);
    }
}

/* Two passes. The steps wait where the directions will be: nodes with fewer neighbours than a vector
 * has lanes leave no lane idle in roots and quotients, which take the time. Of many nodes a step is
 * read when it has long left the store buffer; of five it waited for that. */
static void ISA(edge_geometry)(float *dst, const float *centres, const float *points,
                               const int32_t *at, size_t M, size_t k)
{
    const size_t edges = M * k;
    float *x = dst + edges, *y = x + edges, *z = y + edges;
    for (size_t m = 0; m < M; m++, centres += 4) {
        const vf cx = v_set(centres[0]), cy = v_set(centres[1]), cz = v_set(centres[2]);
        for (size_t i = 0; i < k; i += VF) {
            const size_t e = m * k + i;
            vf p[3];
            v_points(p, points, at + e, k - i);
            v_store_some(x + e, v_sub(p[0], cx), k - i);
            v_store_some(y + e, v_sub(p[1], cy), k - i);
            v_store_some(z + e, v_sub(p[2], cz), k - i);
        }
    }
    const vf small = v_set(1e-8f);
    for (size_t i = 0; i < edges; i += VF) {
        const size_t left = edges - i;
        const vf dx = v_load_some(x + i, left);
        const vf dy = v_load_some(y + i, left);
        const vf dz = v_load_some(z + i, left);
        const vf length = length_of(dx, dy, dz, small);
        const vf scale = v_div(v_set(1), v_add(length, small));
        v_store_some(dst + i, length, left);
        v_store_some(x + i, v_mul(dx, scale), left);
        v_store_some(y + i, v_mul(dy, scale), left);
        v_store_some(z + i, v_mul(dz, scale), left);
    }
}
