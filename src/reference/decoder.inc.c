/* Decoder of one precision: a whole sequence at once, and one residue at a time.
 * docs/math.md, "Decoder". */

/* What decoding a residue needs to know. */
typedef struct view {
    const ENCODING *e;
    const uint32_t *rank;  /* [L] step of each residue; NULL: nothing is past */
    const real *embedding; /* [L][C] letter embeddings, 0 where no letter is known yet; NULL:
                              past neighbours contribute nothing */
    real *const *h;        /* h[n] [L][C]: node states before decoder layer n */
} view;

static size_t decoder_scratch(const ENCODING *e)
{
    return e->K * 6 * e->C + 2 * e->C + e->weights->F;
}

static const real *encoded(const ENCODING *e)
{
    return e->h_out;
}

/* x [K][4C]: own node, then the context of each neighbour:
 *     past    [e_ij | s_j | h_j]     h_j as of this layer; without letters [0 | 0 | 0]
 *     future  [e_ij |  0  | v_j]     v_j from the encoder
 * The context of a masked residue would be zero, and so is its result: it never comes here. */
static void decoder_context(const view *v, size_t n, size_t i, real *x)
{
    const ENCODING *e = v->e;
    size_t C = e->C;
    for (size_t m = 0; m < e->K; m++, x += 4 * C) {
        size_t j = e->neighbour[i * e->K + m];
        bool past = v->rank && v->rank[j] < v->rank[i];
        copy_reals(x, v->h[n] + i * C, C);
        if (past && !v->embedding) {
            memset(x + C, 0, 3 * C * sizeof *x);
            continue;
        }
        copy_reals(x + C, e->h_E + (i * e->K + m) * C, C);
        if (past)
            copy_reals(x + 2 * C, v->embedding + j * C, C);
        else
            memset(x + 2 * C, 0, C * sizeof *x);
        copy_reals(x + 3 * C, (past ? v->h[n] : encoded(e)) + j * C, C);
    }
}

/* h[n+1]_i from h[n]. Messages from masked neighbours count: so the network was trained. */
static void decode_residue(const view *v, size_t n, size_t i, real *work)
{
    const ENCODING *e = v->e;
    const layer *f = &e->weights->decoder[n];
    size_t C = e->C, K = e->K;
    real *h = v->h[n + 1] + i * C;
    if (e->graph->mask[i] == 0) {
        memset(h, 0, C * sizeof *h);
        return;
    }
    real *x = work, *message = x + 4 * K * C, *spare = message + K * C,
         *sum = spare + K * C;
    decoder_context(v, n, i, x);
    mlp3(&f->W1, &f->W2, &f->W3, K, x, spare, message);
    for (size_t c = 0; c < C; c++)
        sum[c] = 0;
    for (size_t m = 0; m < K; m++)
        for (size_t c = 0; c < C; c++)
            sum[c] += message[m * C + c];
    copy_reals(h, v->h[n] + i * C, C);
    residual(f, C, h, sum, sum + C);
    for (size_t c = 0; c < C; c++)
        h[c] *= (real)e->graph->mask[i];
}

static void embed_letter(const ENCODING *e, size_t i, uint8_t letter, real *embedding)
{
    copy_reals(embedding + i * e->C, e->weights->W_s + letter * e->C, e->C);
}

/* Memory of a decoding: states before and after each layer, embeddings, scratch. */
typedef struct decoding {
    real *block;
    real *h[FMPNN_MAX_LAYERS + 1];
    real *embedding, *scratch;
} decoding;

static bool decoding_init(decoding *d, const ENCODING *e)
{
    size_t layers = e->weights->n_decoder, each = e->L * e->C;
    size_t scratch = (size_t)e->threads * decoder_scratch(e);
    d->block = fmpnn_alloc_zero(each * (layers + 2) + scratch, sizeof *d->block);
    if (!d->block)
        return false;
    for (size_t n = 0; n <= layers; n++)
        d->h[n] = d->block + n * each;
    d->embedding = d->block + (layers + 1) * each;
    d->scratch = d->embedding + each;
    copy_reals(d->h[0], encoded(e), each);
    return true;
}

static size_t count_decoding(void *of, size_t phase)
{
    (void)phase;
    return ((const view *)of)->e->L;
}

static void decode_item(void *of, size_t phase, size_t i, void *work)
{
    decode_residue(of, phase, i, work);
}

static void decode_all(view *v, real *scratch, real *logits)
{
    const ENCODING *e = v->e;
    size_t layers = e->weights->n_decoder;
    fmpnn_task task = {.of = v, .phases = layers, .items = count_decoding,
                       .item = decode_item, .lane_size = decoder_scratch(e) * sizeof *scratch,
                       .lanes = scratch};
    fmpnn_pool_run(e->pool, e->threads, &task);
    linear_apply(&e->weights->W_out, e->L, v->h[layers], logits);
}

static fmpnn_status check_letters(const ENCODING *e, const uint8_t *letters,
                                  fmpnn_error *err)
{
    for (size_t i = 0; i < e->L; i++)
        if (letters[i] >= FMPNN_LETTERS)
            return fmpnn_fail(err, FMPNN_EINVAL, "letter code %u at position %zu",
                              (unsigned)letters[i], i);
    return FMPNN_OK;
}

fmpnn_status REF(logits)(const ENCODING *e, const uint8_t *letters, const uint32_t *rank,
                         real *logits, real *const *h_V, fmpnn_error *err)
{
    fmpnn_status status = rank && letters ? check_letters(e, letters, err) : FMPNN_OK;
    if (status)
        return status;
    decoding d = {0};
    if (!decoding_init(&d, e))
        return fmpnn_fail_memory(err, "decoding");
    for (size_t i = 0; rank && letters && i < e->L; i++)
        embed_letter(e, i, letters[i], d.embedding);
    view v = {.e = e, .rank = rank, .embedding = letters ? d.embedding : NULL, .h = d.h};
    decode_all(&v, d.scratch, logits);
    for (size_t n = 0; h_V && n < e->weights->n_decoder; n++)
        copy_reals(h_V[n], d.h[n + 1], e->L * e->C);
    fmpnn_release(d.block);
    return FMPNN_OK;
}

fmpnn_status REF(conditional)(const ENCODING *e, const uint8_t *letters,
                              const uint32_t *rank, const uint8_t *wanted, real *logits,
                              fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    uint32_t *moved = fmpnn_alloc(e->L, sizeof *moved);
    real *all = fmpnn_alloc(e->L, FMPNN_LETTERS * sizeof *all);
    if (!moved || !all)
        status = fmpnn_fail_memory(err, "decoding");
    for (size_t i = 0; !status && i < e->L; i++) {
        if (!wanted[i])
            continue;
        for (size_t j = 0; j < e->L; j++)
            moved[j] = rank[j] - (rank[j] > rank[i]);
        moved[i] = (uint32_t)(e->L - 1);
        status = REF(logits)(e, letters, moved, all, NULL, err);
        if (!status)
            copy_reals(logits + i * FMPNN_LETTERS, all + i * FMPNN_LETTERS, FMPNN_LETTERS);
    }
    fmpnn_release(all);
    fmpnn_release(moved);
    return status;
}
