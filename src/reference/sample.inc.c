/* Sampling of one precision: residues in order, tied groups as one draw.
 * docs/math.md, "From logits to a letter". */

/* All members get their letter, and its embedding becomes visible to those that follow. */
static void give(const ENCODING *e, const fmpnn_rules *rules, const uint32_t *member,
                 size_t n, uint8_t letter, uint8_t *letters, real *embedding)
{
    fmpnn_rules_give(rules, member, n, letter, letters);
    for (size_t k = 0; k < n; k++)
        embed_letter(e, member[k], letters[member[k]], embedding);
}

/* Decode the members in listed order: z = sum(beta z_t / T) / n. They count as past for each
 * other, but none has a letter yet. False, with the place in *stop, at a masked member, unless
 * letters are carried on: then its logits are those of a state of 0. */
static bool decode_group(const view *v, const fmpnn_rules *rules, const uint32_t *member,
                         size_t n, real T, real *scratch, real *logits, real *z,
                         size_t *stop)
{
    const weights *w = v->e->weights;
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        z[a] = 0;
    for (size_t k = 0; k < n; k++) {
        size_t t = member[k];
        if (!rules->resolved[t] && !rules->carry_letters) {
            *stop = t;
            return false;
        }
        for (size_t layer_n = 0; layer_n < w->n_decoder; layer_n++)
            decode_residue(v, layer_n, t, scratch);
        real *row = logits + t * FMPNN_LETTERS;
        linear_apply(&w->W_out, 1, v->h[w->n_decoder] + t * w->C, row);
        real beta = rules->weight ? (real)rules->weight[t] : 1;
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            z[a] += beta * (row[a] / T) / (real)n;
    }
    return true;
}

/* One group: its last member decides about omissions, biases, PSSM and fixedness. */
static fmpnn_status sample_group(const view *v, const fmpnn_rules *rules,
                                 const uint32_t *member, size_t n, const double *uniform,
                                 const double *exponential, double T, real *scratch,
                                 uint8_t *letters, real *embedding, real *logits,
                                 double *probs, fmpnn_error *err)
{
    real z[FMPNN_LETTERS];
    size_t stop = 0, last = member[n - 1];
    if (!decode_group(v, rules, member, n, (real)T, scratch, logits, z, &stop)) {
        give(v->e, rules, member, n, rules->native[stop], letters, embedding);
        return FMPNN_OK;
    }
    double wide[FMPNN_LETTERS], p[FMPNN_LETTERS];
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        wide[a] = (double)z[a];
    bool drawn = fmpnn_rules_draws(rules, member, n);
    fmpnn_status status = fmpnn_rules_distribution(rules, last, wide, T, p, err);
    if (status && drawn)
        return status;
    for (size_t k = 0; probs && !status && k < n; k++)
        memcpy(probs + member[k] * FMPNN_LETTERS, p, sizeof p);
    uint8_t letter = rules->native[last];
    if (drawn)
        letter = exponential ? fmpnn_draw_race(p, exponential + member[0] * FMPNN_LETTERS)
                 : uniform   ? fmpnn_draw(p, uniform[member[0]])
                             : fmpnn_draw_best(p);
    give(v->e, rules, member, n, letter, letters, embedding);
    return FMPNN_OK;
}

/* How many steps from t on belong to the group of order[t], which must stand there whole. */
static size_t group_at(const fmpnn_rules *rules, const uint32_t *order, size_t t)
{
    uint32_t group = rules->group_of[order[t]];
    const uint32_t *member = rules->member + rules->start[group];
    size_t n = rules->start[group + 1] - rules->start[group];
    if (t + n > rules->L || memcmp(member, order + t, n * sizeof *member) != 0)
        return 0;
    return n;
}

fmpnn_status REF(sample)(const ENCODING *e, const fmpnn_rules *rules, const uint32_t *order,
                         const double *uniform, const double *exponential,
                         double temperature, uint8_t *letters, real *logits, double *probs,
                         fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    decoding d = {0};
    uint32_t *rank = NULL;
    if (rules->L != e->L)
        return fmpnn_fail(err, FMPNN_EINVAL, "rules for %zu residues, structure of %zu",
                          rules->L, e->L);
    double T = uniform || exponential ? temperature : 1;
    if (!(T > 0))
        return fmpnn_fail(err, FMPNN_EINVAL, "temperature %g is not above 0", T);
    rank = fmpnn_alloc(e->L, sizeof *rank);
    if (!rank || !decoding_init(&d, e)) {
        status = fmpnn_fail_memory(err, "sampling");
        goto done;
    }
    for (size_t t = 0; t < e->L; t++)
        rank[order[t]] = (uint32_t)t;
    memset(logits, 0, e->L * FMPNN_LETTERS * sizeof *logits);
    if (probs)
        memset(probs, 0, e->L * FMPNN_LETTERS * sizeof *probs);
    view v = {.e = e, .rank = rank, .embedding = d.embedding, .h = d.h};
    for (size_t t = 0, n = 0; t < e->L && !status; t += n) {
        n = rules->group_of ? group_at(rules, order, t) : 1;
        if (n == 0)
            status = fmpnn_fail(err, FMPNN_EINVAL, "step %zu splits a tied group", t);
        else
            status = sample_group(&v, rules, order + t, n, uniform, exponential, T,
                                  d.scratch, letters, d.embedding, logits, probs, err);
    }
done:
    fmpnn_release(d.block);
    fmpnn_release(rank);
    return status;
}
