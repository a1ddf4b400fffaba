/* Small pieces of one precision: the model's numbers as `real`, products, LayerNorm, GELU,
 * log softmax. docs/math.md opens with the notation. */

typedef struct
    linear {       /* y = x w + b, w transposed so that the inner loop runs over outputs */
    const real *w; /* [in][out] */
    const real *b; /* [out] or NULL */
    size_t in, out;
} linear;

typedef struct norm {
    const real *gain, *bias; /* [C] */
} norm;

typedef struct layer {
    norm norm1, norm2, norm3;
    linear W1, W2, W3, W11, W12, W13, W_in, W_out;
} layer;

typedef struct REF(weights) {
    linear positional, edge, W_e, W_out, label, W_label;
    norm norm_edges, norm_label;
    const real *W_s; /* [21][C] */
    layer encoder[FMPNN_MAX_LAYERS], decoder[FMPNN_MAX_LAYERS];
    linear type, pair, atom, bond, W_pair, W_atom, W_bond, W_own, V_C; /* context.inc.c */
    norm norm_pair, norm_atom, norm_bond, norm_out;
    layer residue_layer[FMPNN_MAX_LAYERS], atom_layer[FMPNN_MAX_LAYERS];
    size_t n_context;
    linear reach, node, far_edge, W_node, W_edge, down, W_torsions; /* packer.inc.c */
    norm norm_node, norm_edge;
    bool packs;
    size_t C, F, n_encoder, n_decoder;
    real *block; /* all numbers; NULL while they are being counted */
    size_t used;
} weights;

/* ---- the model's numbers: gone through twice, first to count, then to copy ---- */

static real *take_plain(weights *w, const float *src, size_t count)
{
    real *dst = w->block ? w->block + w->used : NULL;
    w->used += count;
    if (dst)
        for (size_t n = 0; n < count; n++)
            dst[n] = (real)src[n];
    return dst;
}

static linear take_linear(weights *w, const fmpnn_linear *src)
{
    linear f = {.in = src->in, .out = src->out};
    if (!src->w)
        return f;
    real *dst = w->block ? w->block + w->used : NULL;
    w->used += f.in * f.out;
    if (dst)
        for (size_t o = 0; o < f.out; o++)
            for (size_t i = 0; i < f.in; i++)
                dst[i * f.out + o] = (real)src->w[o * f.in + i];
    f.w = dst;
    f.b = src->b ? take_plain(w, src->b, f.out) : NULL;
    return f;
}

static norm take_norm(weights *w, const fmpnn_norm *src)
{
    norm n = {0};
    if (src->gain) {
        n.gain = take_plain(w, src->gain, w->C);
        n.bias = take_plain(w, src->bias, w->C);
    }
    return n;
}

static layer take_layer(weights *w, const fmpnn_layer *src)
{
    return (layer){
        .norm1 = take_norm(w, &src->norm1),
        .norm2 = take_norm(w, &src->norm2),
        .norm3 = take_norm(w, &src->norm3),
        .W1 = take_linear(w, &src->W1),
        .W2 = take_linear(w, &src->W2),
        .W3 = take_linear(w, &src->W3),
        .W11 = take_linear(w, &src->W11),
        .W12 = take_linear(w, &src->W12),
        .W13 = take_linear(w, &src->W13),
        .W_in = take_linear(w, &src->W_in),
        .W_out = take_linear(w, &src->W_out),
    };
}

static void take_context(weights *w, const fmpnn_context_part *part)
{
    w->type = take_linear(w, &part->type);
    w->pair = take_linear(w, &part->pair);
    w->atom = take_linear(w, &part->atom);
    w->bond = take_linear(w, &part->bond);
    w->W_pair = take_linear(w, &part->W_pair);
    w->W_atom = take_linear(w, &part->W_atom);
    w->W_bond = take_linear(w, &part->W_bond);
    w->W_own = take_linear(w, &part->W_own);
    w->V_C = take_linear(w, &part->V_C);
    w->norm_pair = take_norm(w, &part->norm_pair);
    w->norm_atom = take_norm(w, &part->norm_atom);
    w->norm_bond = take_norm(w, &part->norm_bond);
    w->norm_out = take_norm(w, &part->norm_out);
    for (size_t n = 0; n < part->layers; n++) {
        w->residue_layer[n] = take_layer(w, &part->residue_layer[n]);
        w->atom_layer[n] = take_layer(w, &part->atom_layer[n]);
    }
}

static void take_model(weights *w, const fmpnn_model *model)
{
    w->used = 0;
    w->positional = take_linear(w, &model->positional);
    w->edge = take_linear(w, &model->edge);
    w->norm_edges = take_norm(w, &model->norm_edges);
    w->W_e = take_linear(w, &model->W_e);
    w->W_s = model->W_s ? take_plain(w, model->W_s, FMPNN_LETTERS * w->C) : NULL;
    w->W_out = take_linear(w, &model->W_out);
    for (size_t n = 0; n < w->n_encoder; n++)
        w->encoder[n] = take_layer(w, &model->encoder[n]);
    for (size_t n = 0; n < w->n_decoder; n++)
        w->decoder[n] = take_layer(w, &model->decoder[n]);
    w->label = take_linear(w, &model->label);
    w->norm_label = take_norm(w, &model->norm_label);
    w->W_label = take_linear(w, &model->W_label);
    take_context(w, &model->context);
    w->reach = take_linear(w, &model->packer.reach);
    w->node = take_linear(w, &model->packer.node);
    w->far_edge = take_linear(w, &model->packer.edge);
    w->W_node = take_linear(w, &model->packer.W_node);
    w->W_edge = take_linear(w, &model->packer.W_edge);
    w->down = take_linear(w, &model->packer.down);
    w->W_torsions = take_linear(w, &model->packer.W_torsions);
    w->norm_node = take_norm(w, &model->packer.norm_node);
    w->norm_edge = take_norm(w, &model->packer.norm_edge);
}

static void weights_free(weights *w)
{
    if (w)
        fmpnn_release(w->block);
    fmpnn_release(w);
}

static weights *weights_create(const fmpnn_model *model)
{
    weights *w = fmpnn_alloc_zero(1, sizeof *w);
    if (!w)
        return NULL;
    w->C = model->C;
    w->F = model->F;
    w->n_encoder = model->info.encoder_layers;
    w->n_decoder = model->info.decoder_layers;
    w->n_context = model->context.layers;
    w->packs = model->packer.node.w != NULL;
    take_model(w, model);
    w->block = fmpnn_alloc(w->used, sizeof *w->block);
    if (!w->block) {
        weights_free(w);
        return NULL;
    }
    take_model(w, model);
    return w;
}

/* ---- formulas ---- */

static void copy_reals(real *dst, const real *src, size_t count)
{
    memcpy(dst, src, count * sizeof *dst);
}

/* dst [n][out] = src [n][in] w + b; each sum runs over the inputs in order. */
static void linear_apply(const linear *f, size_t n, const real *src, real *dst)
{
    for (size_t r = 0; r < n; r++) {
        const real *restrict x = src + r * f->in;
        real *restrict y = dst + r * f->out;
        for (size_t o = 0; o < f->out; o++)
            y[o] = 0;
        size_t i = 0;
        for (; i + 4 <= f->in; i += 4) {
            const real *restrict w0 = f->w + i * f->out, *restrict w1 = w0 + f->out;
            const real *restrict w2 = w1 + f->out, *restrict w3 = w2 + f->out;
            real x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
            for (size_t o = 0; o < f->out; o++)
                y[o] = (((y[o] + x0 * w0[o]) + x1 * w1[o]) + x2 * w2[o]) + x3 * w3[o];
        }
        for (; i < f->in; i++)
            for (size_t o = 0; o < f->out; o++)
                y[o] += x[i] * f->w[i * f->out + o];
        if (f->b)
            for (size_t o = 0; o < f->out; o++)
                y[o] += f->b[o];
    }
}

/* x := (x - mean) / sqrt(var + 1e-5) * gain + bias, biased variance over C channels. */
static void norm_apply(const norm *f, size_t C, real *x)
{
    real mean = 0, var = 0;
    for (size_t c = 0; c < C; c++)
        mean += x[c];
    mean /= (real)C;
    for (size_t c = 0; c < C; c++)
        var += (x[c] - mean) * (x[c] - mean);
    var /= (real)C;
    real deviation = sqrt(var + (real)1e-5);
    for (size_t c = 0; c < C; c++)
        x[c] = (x[c] - mean) / deviation * f->gain[c] + f->bias[c];
}

/* The exact one: x/2 (1 + erf(x / sqrt 2)). */
static void gelu(size_t n, real *x)
{
    for (size_t c = 0; c < n; c++)
        x[c] = (real)0.5 * x[c] * (1 + erf(x[c] * (real)0.70710678118654752440));
}

/* dst [n][C] = W3 g(W2 g(W1 x)); work [n][C]. */
static void mlp3(const linear *W1, const linear *W2, const linear *W3, size_t n,
                 const real *x, real *work, real *dst)
{
    linear_apply(W1, n, x, dst);
    gelu(n * W1->out, dst);
    linear_apply(W2, n, dst, work);
    gelu(n * W2->out, work);
    linear_apply(W3, n, work, dst);
}

/* h := LN1(h + sum/30), h := LN2(h + W_out g(W_in h)); work [F + C]. The divisor is 30 whatever
 * K is: that is how the network was trained. */
static void residual(const layer *f, size_t C, real *h, const real *sum, real *work)
{
    real *wide = work, *narrow = work + f->W_in.out;
    for (size_t c = 0; c < C; c++)
        h[c] += sum[c] / 30;
    norm_apply(&f->norm1, C, h);
    linear_apply(&f->W_in, 1, h, wide);
    gelu(f->W_in.out, wide);
    linear_apply(&f->W_out, 1, wide, narrow);
    for (size_t c = 0; c < C; c++)
        h[c] += narrow[c];
    norm_apply(&f->norm2, C, h);
}

void REF(log_softmax)(size_t n, const real *src, real *dst)
{
    for (size_t r = 0; r < n; r++, src += FMPNN_LETTERS, dst += FMPNN_LETTERS) {
        real top = src[0], sum = 0;
        for (size_t a = 1; a < FMPNN_LETTERS; a++)
            top = src[a] > top ? src[a] : top;
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            sum += exp(src[a] - top);
        real shift = top + log(sum);
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            dst[a] = src[a] - shift;
    }
}
