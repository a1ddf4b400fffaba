/* The side-chain packer's decoder, in one precision: all atoms of a residue against its context
 * atoms and against all atoms of its neighbours, then layers, then mixtures over the chi angles.
 * docs/math.md, "Packing". */

/* dst [out] = f of src, without bias, summed in blocks: thousands of terms in a row would cost
 * float two digits. work [out]. */
static void wide_linear(const linear *f, const real *src, real *dst, real *work)
{
    enum { BLOCK = 256 };
    for (size_t c = 0; c < f->out; c++)
        dst[c] = 0;
    for (size_t first = 0; first < f->in; first += BLOCK) {
        linear part = {.w = f->w + first * f->out, .out = f->out};
        part.in = f->in - first < BLOCK ? f->in - first : BLOCK;
        linear_apply(&part, 1, src + first, work);
        for (size_t c = 0; c < f->out; c++)
            dst[c] += work[c];
    }
}

/* Node features of residue i: dst [2C], the second half work; raw [14 M 16 + 136]. */
static void side_chain_node(const ENCODING *e, const double *xyz, const uint8_t *count,
                            size_t i, real *raw, real *dst)
{
    const weights *w = e->weights;
    const fmpnn_context_atoms *atoms = e->graph->atoms;
    real *in = raw + w->node.in;
    for (size_t a = 0; a < FMPNN_SIDE_CHAIN; a++)
        for (size_t m = 0; m < e->M; m++) {
            size_t at = i * e->M + m, own = i * FMPNN_SIDE_CHAIN + a;
            real p[3], q[3];
            for (size_t d = 0; d < 3; d++) {
                p[d] = (real)xyz[3 * own + d];
                q[d] = (real)atoms->xyz[3 * at + d];
            }
            memset(in, 0, w->reach.in * sizeof *in);
            rbf(w, separation(p, q), in);
            for (size_t r = 0; r < FMPNN_RBF; r++)
                in[r] *= (real)(a < count[i]) * (real)atoms->mask[at];
            in[FMPNN_RBF + atoms->type[at]] = 1;
            linear_apply(&w->reach, 1, in, raw + (a * e->M + m) * FMPNN_REACH);
        }
    wide_linear(&w->node, raw, dst, dst + e->C);
    norm_apply(&w->norm_node, e->C, dst);
}

/* Edge features of (i, j): dst [2C], the second half work. */
static void side_chain_edge(const ENCODING *e, const double *xyz, const uint8_t *count,
                            size_t i, size_t j, real *raw, real *dst)
{
    const weights *w = e->weights;
    const size_t atoms = FMPNN_SIDE_CHAIN, letters = FMPNN_LETTERS;
    real *at = raw;
    for (size_t a = 0; a < atoms; a++)
        for (size_t b = 0; b < atoms; b++, at += FMPNN_RBF) {
            size_t own = i * atoms + a, other = j * atoms + b;
            real p[3], q[3], seen = (real)(a < count[i] && b < count[j]);
            for (size_t d = 0; d < 3; d++) {
                p[d] = (real)xyz[3 * own + d];
                q[d] = (real)xyz[3 * other + d];
            }
            rbf(w, separation(p, q), at);
            for (size_t r = 0; r < FMPNN_RBF; r++)
                at[r] *= seen;
        }
    memset(at, 0, 2 * letters * sizeof *at);
    at[e->graph->label[i]] = 1;
    at[letters + e->graph->label[j]] = 1;
    wide_linear(&w->far_edge, raw, dst, dst + e->C);
    norm_apply(&w->norm_edge, e->C, dst);
}

/* One layer at residue i: next_i from h. edge [K][C]: W_f of the edge features. */
static void pack_residue(const ENCODING *e, const layer *f, size_t i, const real *h,
                         const real *edge, real *next, real *work)
{
    size_t C = e->C, K = e->K;
    real *x = work, *message = x + 4 * K * C, *spare = message + K * C, *sum = spare + K * C;
    for (size_t m = 0; m < K; m++) {
        real *row = x + 4 * m * C;
        copy_reals(row, h + i * C, C);
        copy_reals(row + C, e->h_E + (i * K + m) * C, C);
        copy_reals(row + 2 * C, edge + m * C, C);
        copy_reals(row + 3 * C, h + e->neighbour[i * K + m] * C, C);
    }
    mlp3(&f->W1, &f->W2, &f->W3, K, x, spare, message);
    for (size_t c = 0; c < C; c++)
        sum[c] = 0;
    for (size_t m = 0; m < K; m++)
        for (size_t c = 0; c < C; c++)
            sum[c] += message[m * C + c];
    copy_reals(next, h + i * C, C);
    residual(f, C, next, sum, sum + C);
    for (size_t c = 0; c < C; c++)
        next[c] *= (real)e->graph->mask[i];
}

/* kappa = 0.1 + softplus, linear where the exponential says nothing more. */
static real concentration_of(real x)
{
    return (real)0.1 + (x > 20 ? x : log1p(exp(x)));
}

fmpnn_status REF(torsions)(const ENCODING *e, const double *xyz, const uint8_t *count,
                           real *node, real *edge, fmpnn_mixture *mixture, fmpnn_error *err)
{
    const weights *w = e->weights;
    size_t L = e->L, K = e->K, C = e->C;
    size_t raw = w->node.in + w->reach.in;
    raw = raw > w->far_edge.in ? raw : w->far_edge.in;
    size_t scratch = raw + 6 * K * C + 5 * C + w->F;
    real *h = fmpnn_alloc(2 * L * C + L * K * C + scratch, sizeof *h);
    if (!h)
        return fmpnn_fail_memory(err, "packing side chains");
    real *next = h + L * C, *far = next + L * C, *work = far + L * K * C;
    for (size_t i = 0; i < L; i++) {
        real *both = work + raw, *feature = both + 2 * C;
        side_chain_node(e, xyz, count, i, work, feature);
        if (node)
            copy_reals(node + i * C, feature, C);
        copy_reals(both, e->h_out + i * C, C);
        linear_apply(&w->W_node, 1, feature, both + C);
        linear_apply(&w->down, 1, both, h + i * C);
        for (size_t m = 0; m < K; m++) {
            side_chain_edge(e, xyz, count, i, e->neighbour[i * K + m], work, feature);
            for (size_t r = 0; edge && r < e->n_rows; r++)
                if (e->rows[r] == i)
                    copy_reals(edge + (r * K + m) * C, feature, C);
            linear_apply(&w->W_edge, 1, feature, far + (i * K + m) * C);
        }
    }
    for (size_t n = 0; n < w->n_decoder; n++) {
        for (size_t i = 0; i < L; i++)
            pack_residue(e, &w->decoder[n], i, h, far + i * K * C, next + i * C, work);
        copy_reals(h, next, L * C);
    }
    for (size_t i = 0; i < L; i++) {
        real out[FMPNN_TORSIONS];
        linear_apply(&w->W_torsions, 1, h + i * C, out);
        for (size_t c = 0; c < FMPNN_CHIS; c++)
            for (size_t n = 0; n < FMPNN_MIXTURE; n++) {
                const real *at = out + (c * FMPNN_MIXTURE + n) * 3;
                mixture[i * FMPNN_CHIS + c].mean[n] = (double)at[0];
                mixture[i * FMPNN_CHIS + c].concentration[n] = (double)concentration_of(at[1]);
                mixture[i * FMPNN_CHIS + c].logit[n] = (double)at[2];
            }
    }
    fmpnn_release(h);
    return FMPNN_OK;
}
