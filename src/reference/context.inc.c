/* The atoms around a residue, in one precision: features, then two stacks of layers, one on the
 * atoms among themselves, one on the residue looking at its atoms. Nothing passes between
 * residues here. docs/math.md, "Context atoms". */

enum { PAIR_TYPE = FMPNN_RBF * FMPNN_POINTS }; /* where the type's channels begin */

static size_t context_scratch(const ENCODING *e)
{
    const weights *w = e->weights;
    size_t M = e->M, C = e->C;
    if (!M)
        return 0;
    size_t features = M * (w->pair.in + FMPNN_ELEMENTS) + M * M * FMPNN_RBF;
    size_t states = M * M * C + 4 * M * C + 2 * C, messages = M * (3 * C + 2 * C) + C;
    return features + states + messages + 2 * C + w->F;
}

/* One-hot of type, group and period. */
static void element_vector(unsigned type, real *dst)
{
    memset(dst, 0, FMPNN_ELEMENTS * sizeof *dst);
    dst[type] = 1;
    dst[FMPNN_ELEMENT_TYPES + fmpnn_element_group(type)] = 1;
    dst[FMPNN_ELEMENT_TYPES + FMPNN_ELEMENT_GROUPS + fmpnn_element_period(type)] = 1;
}

/* Rows e1, e2, e3: along N - CA, C - CA made orthogonal to it, and their product. */
static void local_frame(const geometry *geo, size_t i, real frame[9])
{
    const real *n = geo->point[POINT_N] + 3 * i, *ca = geo->point[POINT_CA] + 3 * i;
    const real *c = geo->point[POINT_C] + 3 * i;
    real along = 0;
    for (int d = 0; d < 3; d++) {
        frame[d] = n[d] - ca[d];
        frame[3 + d] = c[d] - ca[d];
    }
    unit(3, frame);
    for (int d = 0; d < 3; d++)
        along += frame[d] * frame[3 + d];
    for (int d = 0; d < 3; d++)
        frame[3 + d] -= frame[d] * along;
    unit(3, frame + 3);
    cross(frame, frame + 3, frame + 6);
}

/* Direction of y in the frame: (v1/rho, v2/rho, rho/r, v3/r). */
static void direction(const geometry *geo, const real frame[9], size_t i, const real *y,
                      real *dst)
{
    const real *ca = geo->point[POINT_CA] + 3 * i;
    real v[3];
    for (int a = 0; a < 3; a++)
        v[a] = frame[3 * a] * (y[0] - ca[0]) + frame[3 * a + 1] * (y[1] - ca[1]) +
               frame[3 * a + 2] * (y[2] - ca[2]);
    real rho = sqrt(v[0] * v[0] + v[1] * v[1] + (real)1e-8);
    real r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) + (real)1e-8;
    dst[0] = v[0] / rho;
    dst[1] = v[1] / rho;
    dst[2] = rho / r;
    dst[3] = v[2] / r;
}

static void atom_position(const ENCODING *e, size_t at, real y[3])
{
    for (int d = 0; d < 3; d++)
        y[d] = (real)e->graph->atoms->xyz[3 * at + (size_t)d];
}

/* Features of residue i and its atoms: pair, atom [M][C] as they are kept, bond [M][M][C]. */
static void context_features(ENCODING *e, const geometry *geo, size_t i, real *bond,
                             real *work)
{
    const weights *w = e->weights;
    const fmpnn_context_atoms *atoms = e->graph->atoms;
    size_t M = e->M, C = e->C;
    real *raw = work, *element = raw + M * w->pair.in, *gauss = element + M * FMPNN_ELEMENTS;
    real *pair = e->pair + i * M * C, *atom_row = e->atom + i * M * C, frame[9];
    local_frame(geo, i, frame);
    for (size_t m = 0; m < M; m++) {
        real y[3], *row = raw + m * w->pair.in;
        atom_position(e, i * M + m, y);
        element_vector(atoms->type[i * M + m], element + m * FMPNN_ELEMENTS);
        for (size_t p = 0; p < POINTS; p++)
            rbf(w, separation(geo->point[p] + 3 * i, y), row + p * FMPNN_RBF);
        linear_apply(&w->type, 1, element + m * FMPNN_ELEMENTS, row + PAIR_TYPE);
        direction(geo, frame, i, y, row + PAIR_TYPE + w->type.out);
        for (size_t n = 0; n < M; n++) {
            real z[3];
            atom_position(e, i * M + n, z);
            rbf(w, separation(y, z), gauss + (m * M + n) * FMPNN_RBF);
        }
    }
    linear_apply(&w->pair, M, raw, pair);
    linear_apply(&w->atom, M, element, atom_row);
    linear_apply(&w->bond, M * M, gauss, bond);
    for (size_t m = 0; m < M; m++) {
        norm_apply(&w->norm_pair, C, pair + m * C);
        norm_apply(&w->norm_atom, C, atom_row + m * C);
    }
    for (size_t n = 0; n < M * M; n++)
        norm_apply(&w->norm_bond, C, bond + n * C);
    for (size_t r = 0; r < e->n_rows; r++)
        if (e->rows[r] == i)
            copy_reals(e->bond + r * M * M * C, bond, M * M * C);
}

/* h := scale * update(h, sum_n seen_n message([h | x_n])); `wide` channels in x. */
static void look_around(const layer *f, size_t C, size_t n, const real *x, size_t wide,
                        const float *seen, real scale, real *h, real *work)
{
    real *in = work, *message = in + n * (C + wide), *spare = message + n * C;
    real *sum = spare + n * C;
    for (size_t m = 0; m < n; m++) {
        copy_reals(in + m * (C + wide), h, C);
        copy_reals(in + m * (C + wide) + C, x + m * wide, wide);
    }
    mlp3(&f->W1, &f->W2, &f->W3, n, in, spare, message);
    for (size_t c = 0; c < C; c++)
        sum[c] = 0;
    for (size_t m = 0; m < n; m++)
        for (size_t c = 0; c < C; c++)
            sum[c] += (real)seen[m] * message[m * C + c];
    residual(f, C, h, sum, sum + C);
    for (size_t c = 0; c < C; c++)
        h[c] *= scale;
}

/* h_out := h_V, and where the network sees context atoms, + LN(V_C c). */
static void add_context(ENCODING *e, const geometry *geo, size_t i, real *work)
{
    const weights *w = e->weights;
    size_t M = e->M, C = e->C;
    const real *h_V = e->h_V[w->n_encoder] + i * C;
    real *out = e->h_out + i * C;
    copy_reals(out, h_V, C);
    if (!M)
        return;
    const float *seen = e->graph->atoms->mask + i * M;
    real mask = (real)e->graph->mask[i];
    real *g = work, *y = g + M * M * C, *pair = y + M * C, *x = pair + M * C;
    real *c = x + 2 * M * C, *added = c + C, *rest = added + C;
    context_features(e, geo, i, g, rest);
    for (size_t m = 0; m < M; m++) { /* in place: a row of atoms at a time */
        linear_apply(&w->W_bond, M, g + m * M * C, x);
        copy_reals(g + m * M * C, x, M * C);
    }
    linear_apply(&w->W_atom, M, e->atom + i * M * C, y);
    linear_apply(&w->W_pair, M, e->pair + i * M * C, pair);
    linear_apply(&w->W_own, 1, h_V, c);
    for (size_t n = 0; n < w->n_context; n++) {
        for (size_t m = 0; m < M; m++) {
            float both[FMPNN_MAX_CONTEXT];
            for (size_t k = 0; k < M; k++)
                both[k] = seen[m] * seen[k];
            look_around(&w->atom_layer[n], C, M, g + m * M * C, C, both, (real)seen[m],
                        y + m * C, rest);
        }
        for (size_t m = 0; m < M; m++) {
            copy_reals(x + 2 * m * C, pair + m * C, C);
            copy_reals(x + (2 * m + 1) * C, y + m * C, C);
        }
        look_around(&w->residue_layer[n], C, M, x, 2 * C, seen, mask, c, rest);
    }
    linear_apply(&w->V_C, 1, c, added);
    norm_apply(&w->norm_out, C, added);
    for (size_t d = 0; d < C; d++)
        out[d] += added[d];
}
