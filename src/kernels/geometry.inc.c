/* distance and edge_geometry: points lie as [3][stride], coordinate by coordinate. Products and
 * sums are rounded one by one, so the bits are the same on every instruction set. */

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

static void ISA(edge_geometry)(float *dst, const float *step, size_t stride, size_t n)
{
    const vf small = v_set(1e-8f);
    for (size_t i = 0; i < n; i += VF) {
        const vf dx = v_load_some(step + i, n - i);
        const vf dy = v_load_some(step + stride + i, n - i);
        const vf dz = v_load_some(step + 2 * stride + i, n - i);
        const vf length = length_of(dx, dy, dz, small);
        const vf scale = v_div(v_set(1), v_add(length, small));
        v_store_some(dst + i, length, n - i);
        v_store_some(dst + stride + i, v_mul(dx, scale), n - i);
        v_store_some(dst + 2 * stride + i, v_mul(dy, scale), n - i);
        v_store_some(dst + 3 * stride + i, v_mul(dz, scale), n - i);
    }
}
