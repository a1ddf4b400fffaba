/* Neighbours and edge features of one precision. docs/math.md, "Neighbours", "Edge features". */

static const float *atom(const fmpnn_graph *g, size_t i, size_t a)
{
    return g->xyz + (i * 4 + a) * 3;
}

static real separation(const real *p, const real *q) /* sqrt(|p - q|^2 + 1e-6) */
{
    real x = p[0] - q[0], y = p[1] - q[1], z = p[2] - q[2];
    return sqrt(x * x + y * y + z * z + (real)1e-6);
}

/* ---- neighbours ---- */

static real ca_distance(const fmpnn_graph *g, size_t i, size_t j) /* D_ij */
{
    real p[3], q[3];
    for (int d = 0; d < 3; d++) {
        p[d] = (real)atom(g, i, FMPNN_ATOM_CA)[d];
        q[d] = (real)atom(g, j, FMPNN_ATOM_CA)[d];
    }
    return (real)g->mask[i] * (real)g->mask[j] * separation(p, q);
}

/* Parts of a joined graph do not see each other. */
static bool in_one_part(const fmpnn_graph *g, size_t i, size_t j)
{
    return !g->part || g->part[i] == g->part[j];
}

static real farthest(const fmpnn_graph *g, size_t i)
{
    real far = 0;
    for (size_t j = 0; j < g->L; j++) {
        if (!in_one_part(g, i, j))
            continue;
        real d = ca_distance(g, i, j);
        far = d > far ? d : far;
    }
    return far;
}

static real adjusted(const fmpnn_graph *g, size_t i, size_t j, real far) /* D'_ij */
{
    return ca_distance(g, i, j) + (1 - (real)g->mask[i] * (real)g->mask[j]) * far;
}

void REF(neighbours)(const fmpnn_graph *g, uint32_t *neighbour, real *distance)
{
    for (size_t i = 0; i < g->L; i++) {
        uint32_t *index = neighbour + i * g->K;
        real *best = distance + i * g->K, far = farthest(g, i);
        size_t found = 0;
        for (size_t j = 0; j < g->L; j++) {
            real d = adjusted(g, i, j, far);
            if (!in_one_part(g, i, j))
                continue;
            if (found == g->K && !(d < best[found - 1]))
                continue;
            size_t m = found < g->K ? found++ : found - 1;
            for (; m > 0 && d < best[m - 1]; m--) {
                best[m] = best[m - 1];
                index[m] = index[m - 1];
            }
            best[m] = d;
            index[m] = (uint32_t)j;
        }
    }
}

void REF(distances)(const fmpnn_graph *g, const uint32_t *neighbour, real *distance)
{
    for (size_t i = 0; i < g->L; i++) {
        real far = farthest(g, i);
        for (size_t m = 0; m < g->K; m++)
            distance[i * g->K + m] = adjusted(g, i, neighbour[i * g->K + m], far);
    }
}

/* ---- points and frames, once a structure ---- */

enum { POINT_N, POINT_CA, POINT_C, POINT_O, POINT_CB, POINTS };
enum { POINT_PREVIOUS, POINT_THIS, POINT_NEXT }; /* CA-only: CA of i-1, i, i+1 */

typedef struct geometry {
    real *point[POINTS]; /* each [L][3]; CA-only uses the first three */
    real *frame;         /* [L][3][3] rows o, n, o x n; CA-only */
    real *block;
} geometry;

static const unsigned char pairs[FMPNN_PAIRS - 1][2] = {
#define N_ POINT_N
#define A_ POINT_CA
#define C_ POINT_C
#define O_ POINT_O
#define B_ POINT_CB
    {N_, N_}, {C_, C_}, {O_, O_}, {B_, B_}, {A_, N_}, {A_, C_}, {A_, O_}, {A_, B_},
    {N_, C_}, {N_, O_}, {N_, B_}, {B_, C_}, {B_, O_}, {O_, C_}, {N_, A_}, {C_, A_},
    {O_, A_}, {B_, A_}, {C_, N_}, {O_, N_}, {B_, N_}, {C_, B_}, {O_, B_}, {C_, O_},
#undef N_
#undef A_
#undef C_
#undef O_
#undef B_
};
static const unsigned char pairs_ca[FMPNN_PAIRS_CA - 1][2] = {
    {0, 0}, {2, 2}, {0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1},
};

static void cross(const real *a, const real *b, real *dst)
{
    dst[0] = a[1] * b[2] - a[2] * b[1];
    dst[1] = a[2] * b[0] - a[0] * b[2];
    dst[2] = a[0] * b[1] - a[1] * b[0];
}

static void unit(size_t n, real *v) /* v / max(|v|, 1e-12) */
{
    real sum = 0;
    for (size_t d = 0; d < n; d++)
        sum += v[d] * v[d];
    real length = sqrt(sum);
    length = length > (real)1e-12 ? length : (real)1e-12;
    for (size_t d = 0; d < n; d++)
        v[d] /= length;
}

/* The virtual CB stands on every residue, glycine and absent atoms included. */
static void place_backbone(const fmpnn_graph *g, geometry *geo)
{
    for (size_t i = 0; i < g->L; i++) {
        real p[4][3], a[3], b[3], c[3];
        for (size_t k = 0; k < 4; k++)
            for (size_t d = 0; d < 3; d++)
                p[k][d] = geo->point[k][3 * i + d] = (real)atom(g, i, k)[d];
        for (size_t d = 0; d < 3; d++) {
            b[d] = p[POINT_CA][d] - p[POINT_N][d];
            c[d] = p[POINT_C][d] - p[POINT_CA][d];
        }
        cross(b, c, a);
        for (size_t d = 0; d < 3; d++)
            geo->point[POINT_CB][3 * i + d] = (real)-0.58273431 * a[d] +
                                              (real)0.56802827 * b[d] -
                                              (real)0.54067466 * c[d] + p[POINT_CA][d];
    }
}

/* U_n = unit(CA_{n+1} - CA_n), 0 unless the step has the length of a peptide bond. */
static void bond_direction(const fmpnn_graph *g, size_t n, real *u)
{
    real sum = 0;
    for (size_t d = 0; d < 3; d++) {
        u[d] = (real)atom(g, n + 1, FMPNN_ATOM_CA)[d] - (real)atom(g, n, FMPNN_ATOM_CA)[d];
        sum += u[d] * u[d];
    }
    real length = sqrt(sum);
    if (!(length > (real)3.6 && length < (real)4.0))
        u[0] = u[1] = u[2] = 0;
    unit(3, u);
}

/* Neighbours in the list, whatever their chain; no frame at 0, L-2 and L-1. */
static void place_ca(const fmpnn_graph *g, geometry *geo)
{
    for (size_t i = 0; i < g->L; i++)
        for (size_t d = 0; d < 3; d++) {
            geo->point[POINT_PREVIOUS][3 * i + d] = i ? (real)atom(g, i - 1, 1)[d] : 0;
            geo->point[POINT_THIS][3 * i + d] = (real)atom(g, i, 1)[d];
            geo->point[POINT_NEXT][3 * i + d] =
                i + 1 < g->L ? (real)atom(g, i + 1, 1)[d] : 0;
        }
    for (size_t i = 1; i + 2 < g->L; i++) {
        real before[3], after[3], *o = geo->frame + 9 * i, *n = o + 3;
        bond_direction(g, i - 1, before);
        bond_direction(g, i, after);
        for (size_t d = 0; d < 3; d++)
            o[d] = before[d] - after[d];
        unit(3, o);
        cross(before, after, n);
        unit(3, n);
        cross(o, n, o + 6);
    }
}

static bool geometry_init(geometry *geo, const fmpnn_graph *g)
{
    size_t points = g->ca_only ? 3 : POINTS, frames = g->ca_only ? 9 : 0;
    geo->block = fmpnn_alloc_zero(g->L, (3 * points + frames) * sizeof(real));
    if (!geo->block)
        return false;
    for (size_t k = 0; k < points; k++)
        geo->point[k] = geo->block + 3 * g->L * k;
    geo->frame = geo->block + 3 * g->L * points;
    if (g->ca_only)
        place_ca(g, geo);
    else
        place_backbone(g, geo);
    return true;
}

/* ---- one edge ---- */

/* exp(-((d - mu_r) / 1.25)^2), mu_r = 2 .. 22, in the packer 0 .. 20, from both ends as the
 * original spaces them. */
static void rbf(const weights *w, real d, real *dst)
{
    const real step = (real)20 / (real)15, first = w->packs ? 0 : 2;
    for (int r = 0; r < FMPNN_RBF; r++) {
        real mu = r < 8 ? first + step * (real)r : first + 20 - step * (real)(15 - r);
        real z = (d - mu) / (real)1.25;
        dst[r] = exp(-(z * z));
    }
}

static void position(const weights *w, const fmpnn_graph *g, size_t i, size_t j, real *dst)
{
    int64_t offset = (int64_t)g->index[i] - g->index[j] + 32;
    size_t class = offset < 0 ? 0 : offset > 64 ? 64 : (size_t)offset;
    if (g->chain[i] != g->chain[j])
        class = 65;
    const linear *f = &w->positional;
    for (size_t c = 0; c < f->out; c++)
        dst[c] = f->w[class * f->out + c] + f->b[c];
}

static real sign(real x)
{
    return (real)((x > 0) - (x < 0));
}

/* dU and the quaternion of R = O_i^T O_j. R_ab and R_ba sum their products in the same order, so
 * that the signs of a symmetric R (j = i) are exact zeros. */
static void orientation(const geometry *geo, size_t i, size_t j, real dst[7])
{
    const real *Oi = geo->frame + 9 * i, *Oj = geo->frame + 9 * j;
    const real *from = geo->point[POINT_THIS] + 3 * i, *to = geo->point[POINT_THIS] + 3 * j;
    real R[3][3], step[3];
    for (int d = 0; d < 3; d++)
        step[d] = to[d] - from[d];
    for (int a = 0; a < 3; a++) {
        dst[a] = Oi[3 * a] * step[0] + Oi[3 * a + 1] * step[1] + Oi[3 * a + 2] * step[2];
        for (int b = 0; b < 3; b++)
            R[a][b] = Oi[a] * Oj[b] + Oi[3 + a] * Oj[3 + b] + Oi[6 + a] * Oj[6 + b];
    }
    unit(3, dst);
    real x = R[0][0], y = R[1][1], z = R[2][2], trace = 1 + (x + y + z);
    real *q = dst + 3;
    q[0] = sign(R[2][1] - R[1][2]) * sqrt(fabs(1 + (x - y - z))) / 2;
    q[1] = sign(R[0][2] - R[2][0]) * sqrt(fabs(1 + (y - x - z))) / 2;
    q[2] = sign(R[1][0] - R[0][1]) * sqrt(fabs(1 + (z - x - y))) / 2;
    q[3] = sqrt(trace > 0 ? trace : 0) / 2;
    unit(4, q);
}

/* All inputs of the edge embedding: [edge_inputs]. */
static void edge_features(const weights *w, const fmpnn_graph *g, const geometry *geo,
                          size_t i, size_t j, real distance, real *dst)
{
    position(w, g, i, j, dst);
    dst += FMPNN_POSITIONAL;
    for (size_t p = 0; w->packs && p < FMPNN_PAIRS; p++, dst += FMPNN_RBF)
        rbf(w, separation(geo->point[p / POINTS] + 3 * i, geo->point[p % POINTS] + 3 * j), dst);
    if (w->packs) /* all pairs in turn, CA-CA like any other */
        return;
    rbf(w, distance, dst);
    dst += FMPNN_RBF;
    size_t count = g->ca_only ? FMPNN_PAIRS_CA - 1 : FMPNN_PAIRS - 1;
    for (size_t p = 0; p < count; p++, dst += FMPNN_RBF) {
        const unsigned char *pair = g->ca_only ? pairs_ca[p] : pairs[p];
        rbf(w, separation(geo->point[pair[0]] + 3 * i, geo->point[pair[1]] + 3 * j), dst);
    }
    if (g->ca_only)
        orientation(geo, i, j, dst);
}
