/* make_case FOLDER STRUCTURE: a small folder of golden cases from the float64 reference, for
 * machines without reference data. STRUCTURE, a PDB file with chains A and B of one length, must
 * be in FOLDER/structures; random weights go to FOLDER/weights.
 *
 * The cases then say nothing about the published network, but everything about two
 * implementations agreeing, and about the checker noticing when they do not. */
#include "../weights_maker.h"

#include "design/job.h"
#include "design/order.h"
#include "design/random.h"
#include "reference/reference.h"

#include <jansson.h>
#include <math.h>

enum { ROWS = 4, ATTEMPTS = 400 };
#define MARGIN 2e-3 /* of a uniform number from the borders between letters */

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "make_case: %s\n", what);
        exit(1);
    }
}

static void check(fmpnn_status status, const fmpnn_error *err)
{
    must(!status, err->message);
}

static void *room(size_t count, size_t size)
{
    void *block = fmpnn_alloc_zero(count, size);
    must(block != NULL, "out of memory");
    return block;
}

/* ---- random numbers and weights ---- */

static const uint32_t key[2] = {20, 22};
static uint32_t drawn;

static double uniform(void)
{
    uint32_t counter[4] = {drawn++, 0, 0, 0}, out[4];
    fmpnn_philox(key, counter, out);
    return (double)(float)((double)(out[0] >> 8) / 16777216);
}

static double normal(void)
{
    double r = sqrt(-2 * log(1 - uniform()));
    return r * cos(2 * 3.14159265358979323846 * uniform());
}

/* Weights as wide as the square root of their inputs asks for; norms near one. */
static void draw_weights(made_network *net)
{
    float *at = net->data;
    for (size_t n = 0; n < net->count; n++) {
        const made_tensor *t = &net->tensor[n];
        double scale = t->columns ? 1.5 / sqrt((double)t->columns) : 0.1;
        double centre = strstr(t->name, "norm") && strstr(t->name, ".weight") ? 1 : 0;
        if (!strcmp(t->name, "W_out.weight"))
            scale *= 2;
        for (size_t k = 0; k < t->count; k++)
            *at++ = (float)(centre + scale * normal());
    }
}

static fmpnn_model *make_model(const char *folder, const char *name, bool ca_only,
                               char file[256])
{
    char path[4096];
    fmpnn_error err;
    fmpnn_model *model;
    fmpnn_text bytes;
    made_network *net = maker_network(32, 64, 3, 3, ca_only);
    draw_weights(net);
    fmpnn_text_init(&bytes);
    maker_safetensors(net, "{\"num_edges\":\"24\"}", &bytes);
    must(!bytes.failed, "out of memory");
    snprintf(path, sizeof path, "%s/weights", folder);
    check(fmpnn_folder_make(path, &err), &err);
    snprintf(file, 256, "%s.safetensors", name);
    snprintf(path, sizeof path, "%s/weights/%s", folder, file);
    check(fmpnn_file_write(path, bytes.data, bytes.size, false, &err), &err);
    check(fmpnn_model_load(path, &model, &err), &err);
    fmpnn_text_clear(&bytes);
    free(net);
    return model;
}

/* ---- one case ---- */

typedef struct maker {
    const char *folder, *structure, *name;
    const fmpnn_model *model;
    fmpnn_inputs *in;
    fmpnn_graph *graph;
    fmpnn_reference64_encoding *e;
    fmpnn_rules rules;
    size_t L, K, length_A;
    bool ca_only, tied;
    uint8_t *in_designed_chain, *unfixed, *designed, *resolved;
    float *randn;
    uint32_t *order, *rank, *order_sampling, *rank_sampling, rows[ROWS];
    json_t *tensors, *entry, *sequences;
    fmpnn_text header, data;
} maker;

/* One tensor of `count` values in the type asked for; sizes end with 0. */
static void put_array(maker *m, const char *name, const char *type, const double *values,
                      const size_t *shape, size_t rank)
{
    json_t *sizes = json_array();
    size_t count = 1, start = m->data.size;
    fmpnn_text_print(&m->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                     m->header.size ? "," : "{", name, type);
    for (size_t d = 0; d < rank; d++) {
        fmpnn_text_print(&m->header, d ? ",%zu" : "%zu", shape[d]);
        json_array_append_new(sizes, json_integer((json_int_t)shape[d]));
        count *= shape[d];
    }
    for (size_t n = 0; n < count; n++) {
        float f = (float)values[n];
        int32_t i = strcmp(type, "I32") ? 0 : (int32_t)values[n];
        if (!strcmp(type, "F64"))
            fmpnn_text_add(&m->data, (const char *)&values[n], 8);
        else
            fmpnn_text_add(&m->data, strcmp(type, "I32") ? (char *)&f : (char *)&i, 4);
    }
    fmpnn_text_print(&m->header, "],\"data_offsets\":[%zu,%zu]}", start, m->data.size);
    const char *dtype = !strcmp(type, "F64")   ? "float64"
                        : !strcmp(type, "F32") ? "float32"
                                               : "int32";
    json_object_set_new(m->tensors, name,
                        json_pack("{s:s,s:o}", "dtype", dtype, "shape", sizes));
}

static void put_1(maker *m, const char *name, const char *type, const double *v, size_t a)
{
    put_array(m, name, type, v, &a, 1);
}

static void put_2(maker *m, const char *name, const char *type, const double *v, size_t a,
                  size_t b)
{
    const size_t shape[] = {a, b};
    put_array(m, name, type, v, shape, 2);
}

static void put_3(maker *m, const char *name, const double *v, size_t a, size_t b, size_t d)
{
    const size_t shape[] = {a, b, d};
    put_array(m, name, "F32", v, shape, 3);
}

/* A result, in float32 and, as f64.NAME, in float64. */
static void put_result(maker *m, const char *name, const double *v, size_t a, size_t b)
{
    char wide[96];
    const size_t shape[] = {a, b};
    snprintf(wide, sizeof wide, "f64.%s", name);
    put_array(m, name, "F32", v, shape, b ? 2 : 1);
    put_array(m, wide, "F64", v, shape, b ? 2 : 1);
}

static void put_edges(maker *m, const char *name, const double *v, size_t width)
{
    char wide[96];
    const size_t shape[] = {ROWS, m->K, width};
    snprintf(wide, sizeof wide, "f64.%s", name);
    put_3(m, name, v, ROWS, m->K, width);
    put_array(m, wide, "F64", v, shape, 3);
}

#define WIDEN(dst, src, count)                                                             \
    double *dst = room((count) + 1, sizeof *dst);                                          \
    for (size_t n_ = 0; n_ < (count); n_++)                                                \
    dst[n_] = (double)(src)[n_]

/* ---- inputs ---- */

static void put_coordinates(maker *m)
{
    size_t atoms = m->ca_only ? 1 : 4, first = m->ca_only ? FMPNN_ATOM_CA : 0;
    double *X = room(m->L * atoms * 3, sizeof *X), *present = room(m->L * atoms, sizeof *X);
    for (size_t n = 0; n < m->L * atoms; n++) {
        const float *p = m->in->xyz + (n / atoms * 4 + first + n % atoms) * 3;
        present[n] = isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
        for (int d = 0; d < 3; d++)
            X[3 * n + (size_t)d] = isnan(p[d]) ? 0 : (double)p[d];
    }
    if (m->ca_only)
        put_2(m, "X", "F32", X, m->L, 3);
    else
        put_3(m, "X", X, m->L, 4, 3);
    put_2(m, "atom_mask", "I32", present, m->L, atoms);
    fmpnn_release(present);
    fmpnn_release(X);
}

#define PUT_INPUT(name, type, src)                                                         \
    do {                                                                                   \
        WIDEN(wide, src, m->L);                                                            \
        put_1(m, name, type, wide, m->L);                                                  \
        fmpnn_release(wide);                                                               \
    } while (0)

/* Chain A is designed but for its first two residues; B is context, or tied to A. */
static void make_masks(maker *m)
{
    size_t L = m->L;
    m->in_designed_chain = room(L, 1);
    m->unfixed = room(L, 1);
    m->designed = room(L, 1);
    m->resolved = room(L, 1);
    for (size_t i = 0; i < L; i++) {
        m->in_designed_chain[i] = m->tied || i < m->length_A;
        m->unfixed[i] = m->tied || i >= 2;
        m->resolved[i] = m->in->mask[i] != 0;
        m->designed[i] = m->in_designed_chain[i] && m->unfixed[i] && m->resolved[i];
    }
}

static void make_rules(maker *m)
{
    size_t L = m->L, cells = L * FMPNN_LETTERS, per = m->tied ? 2 : 1;
    uint8_t *omit = room(cells, 1);
    double *bias = room(cells, sizeof *bias), *weight = room(L, sizeof *weight);
    uint32_t *start = room(L + 1, sizeof *start), *member = room(L, sizeof *member);
    uint32_t *group_of = room(L, sizeof *group_of);
    for (size_t i = 0; i < L; i++) {
        omit[i * FMPNN_LETTERS + 20] = 1;
        bias[i * FMPNN_LETTERS + 2] = m->tied ? 0.5 : 0; /* D */
        weight[i] = m->tied && i >= m->length_A ? -0.5 : 1;
        size_t group = m->tied ? i % m->length_A : i;
        group_of[i] = (uint32_t)group;
        member[group * per + (m->tied && i >= m->length_A)] = (uint32_t)i;
        start[group + 1] = (uint32_t)((group + 1) * per);
    }
    m->rules = (fmpnn_rules){.L = L,
                             .native = m->in->native,
                             .resolved = m->resolved,
                             .designed = m->designed,
                             .omit = omit,
                             .bias = bias,
                             .groups = L / per,
                             .start = start,
                             .member = member,
                             .group_of = group_of,
                             .weight = weight};
}

static void make_orders(maker *m)
{
    size_t L = m->L;
    float *mask = room(L, sizeof *mask);
    m->randn = room(L, sizeof *m->randn);
    m->order = room(L, sizeof *m->order);
    m->rank = room(L, sizeof *m->rank);
    m->order_sampling = room(L, sizeof *m->order);
    m->rank_sampling = room(L, sizeof *m->rank);
    for (size_t i = 0; i < L; i++) {
        m->randn[i] = (float)normal();
        mask[i] = m->designed[i];
    }
    fmpnn_order_original(L, m->randn, mask, m->order);
    fmpnn_order_rank(L, m->order, m->rank);
    must(fmpnn_order_group(&m->rules, m->order, m->order_sampling), "out of memory");
    fmpnn_order_rank(L, m->order_sampling, m->rank_sampling);
    fmpnn_release(mask);
}

static void put_ties(maker *m)
{
    double *table = room(m->L, sizeof *table);
    for (size_t i = 0; i < m->L; i++)
        table[i] = m->rules.member[i];
    put_2(m, "tied_groups", "I32", table, m->rules.groups, 2);
    put_1(m, "tied_beta", "F32", m->rules.weight, m->L);
    PUT_INPUT("decoding_order_tied", "I32", m->order_sampling);
    fmpnn_release(table);
}

static void put_inputs(maker *m)
{
    double omit[FMPNN_LETTERS] = {[20] = 1},
           bias[FMPNN_LETTERS] = {[2] = m->tied ? 0.5 : 0};
    double rows[ROWS];
    put_coordinates(m);
    PUT_INPUT("S", "I32", m->in->native);
    PUT_INPUT("mask", "F32", m->in->mask);
    PUT_INPUT("chain_M", "F32", m->in_designed_chain);
    PUT_INPUT("chain_M_pos", "F32", m->unfixed);
    PUT_INPUT("design_mask", "F32", m->designed);
    PUT_INPUT("residue_idx", "I32", m->in->index);
    PUT_INPUT("chain_encoding", "I32", m->in->chain);
    PUT_INPUT("randn", "F32", m->randn);
    PUT_INPUT("decoding_order", "I32", m->order);
    put_1(m, "omit_AA", "F32", omit, FMPNN_LETTERS);
    put_1(m, "bias_AA", "F32", bias, FMPNN_LETTERS);
    for (size_t n = 0; n < ROWS; n++)
        rows[n] = m->rows[n];
    put_1(m, "rows", "I32", rows, ROWS);
    if (m->tied)
        put_ties(m);
}

/* ---- results ---- */

static void put_scores(maker *m, const char *prefix, const double *log_probs,
                       const uint8_t *letters)
{
    double sum[2] = {0}, count[2] = {0};
    char name[96];
    for (size_t i = 0; i < m->L; i++) {
        double nll = -log_probs[i * FMPNN_LETTERS + letters[i]];
        sum[0] += m->designed[i] ? nll : 0;
        count[0] += m->designed[i];
        sum[1] += m->resolved[i] ? nll : 0;
        count[1] += m->resolved[i];
    }
    for (int n = 0; n < 2; n++) {
        double mean = sum[n] / count[n];
        snprintf(name, sizeof name, "%s%s", prefix, n ? "global_score" : "score");
        put_result(m, name, &mean, 1, 0);
        if (!*prefix)
            json_object_set_new(m->entry, name, json_real(mean));
    }
}

static void put_states(maker *m)
{
    const fmpnn_reference64_encoding *e = m->e;
    char name[32];
    WIDEN(index, e->neighbour, m->L * m->K);
    put_2(m, "E_idx", "I32", index, m->L, m->K);
    fmpnn_release(index);
    put_result(m, "D_neighbors", e->distance, m->L, m->K);
    put_edges(m, "edge_raw", e->edge_raw, e->edge_inputs);
    put_edges(m, "edge_norm", e->edge_norm, e->C);
    for (size_t n = 0; n <= 3; n++) {
        snprintf(name, sizeof name, "h_E_%zu", n);
        put_edges(m, name, e->h_E_at[n], e->C);
        snprintf(name, sizeof name, "h_V_enc%zu", n);
        if (n)
            put_result(m, name, e->h_V[n], m->L, e->C);
    }
}

static void put_forced(maker *m)
{
    fmpnn_error err;
    size_t L = m->L, cells = L * FMPNN_LETTERS;
    double *logits = room(cells, sizeof *logits), *h_V[3], *score = room(L, sizeof *score);
    char name[32];
    for (size_t n = 0; n < 3; n++)
        h_V[n] = room(L, m->e->C * sizeof *h_V[n]);
    check(fmpnn_reference64_logits(m->e, m->in->native, m->rank, logits, h_V, &err), &err);
    for (size_t n = 0; n < 3; n++) {
        snprintf(name, sizeof name, "h_V_dec%zu", n + 1);
        put_result(m, name, h_V[n], L, m->e->C);
        fmpnn_release(h_V[n]);
    }
    put_result(m, "logits", logits, L, FMPNN_LETTERS);
    fmpnn_reference64_log_softmax(L, logits, logits);
    put_result(m, "log_probs", logits, L, FMPNN_LETTERS);
    for (size_t i = 0; i < L; i++)
        score[i] = -logits[i * FMPNN_LETTERS + m->in->native[i]];
    put_result(m, "residue_score", score, L, 0);
    put_scores(m, "", logits, m->in->native);
    check(fmpnn_reference64_logits(m->e, NULL, NULL, logits, NULL, &err), &err);
    fmpnn_reference64_log_softmax(L, logits, logits);
    put_result(m, "unconditional_log_probs", logits, L, FMPNN_LETTERS);
    for (size_t n = 0; n < cells; n++)
        logits[n] = m->designed[n / FMPNN_LETTERS] ? logits[n] : 0;
    put_result(m, "cond_backbone_log_probs", logits, L, FMPNN_LETTERS);
    fmpnn_release(score);
    fmpnn_release(logits);
}

static void put_conditional(maker *m)
{
    fmpnn_error err;
    size_t L = m->L, cells = L * FMPNN_LETTERS;
    float *mask = room(L, sizeof *mask);
    uint32_t *order = room(L, sizeof *order), *rank = room(L, sizeof *rank);
    double *logits = room(cells, sizeof *logits);
    fmpnn_order_original(L, m->randn, mask, order);
    fmpnn_order_rank(L, order, rank);
    check(
        fmpnn_reference64_conditional(m->e, m->in->native, rank, m->designed, logits, &err),
        &err);
    fmpnn_reference64_log_softmax(L, logits, logits);
    for (size_t n = 0; n < cells; n++)
        logits[n] = m->designed[n / FMPNN_LETTERS] ? logits[n] : 0;
    put_result(m, "cond_log_probs", logits, L, FMPNN_LETTERS);
    fmpnn_release(logits);
    fmpnn_release(rank);
    fmpnn_release(order);
    fmpnn_release(mask);
}

/* The first step whose uniform number stands too near a border, or L. */
static size_t first_unclear(const maker *m, const double *probs, const double *u)
{
    for (size_t t = 0; t < m->L; t++) {
        size_t i = m->order_sampling[t];
        size_t lead = m->rules.member[m->rules.start[m->rules.group_of[i]]];
        double sum = 0;
        for (size_t a = 0; a + 1 < FMPNN_LETTERS; a++) {
            sum += probs[i * FMPNN_LETTERS + a];
            if (sum > 0 && fabs(sum - u[lead]) < MARGIN && sum < 1 - 1e-9)
                return lead;
        }
    }
    return m->L;
}

static void put_sample(maker *m, const char *label, double T, bool greedy)
{
    fmpnn_error err;
    size_t L = m->L, cells = L * FMPNN_LETTERS, lead = 0;
    uint8_t *letters = room(L, 1);
    double *logits = room(cells, sizeof *logits), *probs = room(cells, sizeof *probs);
    double *u = room(L, sizeof *u), *codes = room(L, sizeof *codes), kept = 0, count = 0;
    char name[96], prefix[64], *text = room(L + 1, 1);
    for (size_t i = 0; i < L; i++)
        u[i] = uniform();
    for (int n = 0; n < ATTEMPTS && lead < L; n++) {
        check(fmpnn_reference64_sample(m->e, &m->rules, m->order_sampling,
                                       greedy ? NULL : u, NULL, T, letters, logits, probs,
                                       &err),
              &err);
        lead = greedy ? L : first_unclear(m, probs, u);
        if (lead < L)
            u[lead] = uniform();
    }
    must(lead == L, "no clear uniform numbers found");
    for (size_t i = 0; i < L; i++) {
        codes[i] = letters[i];
        text[i] = fmpnn_alphabet()[letters[i]];
        kept += m->designed[i] && letters[i] == m->in->native[i];
        count += m->designed[i];
    }
    kept /= count;
    snprintf(prefix, sizeof prefix, "sample_%s_", label);
#define NAMED(what) (snprintf(name, sizeof name, "%s" what, prefix), name)
    put_1(m, NAMED("S"), "I32", codes, L);
    put_result(m, NAMED("logits"), logits, L, FMPNN_LETTERS);
    put_result(m, NAMED("probs"), probs, L, FMPNN_LETTERS);
    check(fmpnn_reference64_logits(m->e, letters, m->rank_sampling, logits, NULL, &err),
          &err);
    fmpnn_reference64_log_softmax(L, logits, logits);
    put_result(m, NAMED("log_probs"), logits, L, FMPNN_LETTERS);
    put_result(m, NAMED("recovery"), &kept, 1, 0);
    put_scores(m, prefix, logits, letters);
#undef NAMED
    snprintf(name, sizeof name, "u_%s", label);
    if (!greedy)
        put_1(m, name, "F32", u, L);
    json_object_set_new(m->sequences, label, json_string(text));
    fmpnn_release(text);
    fmpnn_release(codes);
    fmpnn_release(u);
    fmpnn_release(probs);
    fmpnn_release(logits);
    fmpnn_release(letters);
}

/* ---- the whole ---- */

static json_t *case_options(const maker *m)
{
    if (m->tied)
        return json_pack("{s:{s:[s,s],s:{s:f,s:f}},s:{s:f}}", "tied", "homooligomer", "A",
                         "B", "beta", "A", 1.0, "B", -0.5, "bias_AA", "D", 0.5);
    return json_pack("{s:[s],s:{s:[i,i]},s:b}", "design_chains", "A", "fixed_positions",
                     "A", 1, 2, "conditional", 1);
}

static void read_structure(maker *m, fmpnn_structure **st)
{
    char path[4096], digest[65];
    const char *chains[] = {"A", "B"};
    fmpnn_error err;
    fmpnn_read_options options;
    fmpnn_read_options_default(&options);
    options.reading = FMPNN_READING_ORIGINAL;
    options.ca_only = m->ca_only;
    snprintf(path, sizeof path, "%s/structures/%s", m->folder, m->structure);
    check(fmpnn_sha256_file(path, digest, &err), &err);
    json_object_set_new(m->entry, "structure_sha256", json_string(digest));
    check(fmpnn_structure_read(path, &options, st, &err), &err);
    check(fmpnn_inputs_create(*st, chains, m->tied ? 2 : 1, m->ca_only, &m->in, &err),
          &err);
    m->L = m->in->L;
    while (m->length_A < m->L && m->in->chain[m->length_A] == 1)
        m->length_A++;
    must(!m->tied || 2 * m->length_A == m->L, "chains A and B differ in length");
    check(fmpnn_graph_create(m->L, m->in->xyz, m->in->mask, m->in->index, m->in->chain,
                             (size_t)m->model->info.neighbours, m->ca_only, &m->graph,
                             &err),
          &err);
    m->K = m->graph->K;
}

static void write_tensors(maker *m)
{
    char path[4096];
    fmpnn_error err;
    fmpnn_text bytes;
    fmpnn_text_init(&bytes);
    fmpnn_text_print(&m->header, "}");
    while (m->header.size % 8)
        fmpnn_text_print(&m->header, " ");
    put_number(&bytes, m->header.size, 8);
    fmpnn_text_add(&bytes, m->header.data, m->header.size);
    fmpnn_text_add(&bytes, m->data.data, m->data.size);
    must(!bytes.failed && !m->header.failed && !m->data.failed, "out of memory");
    snprintf(path, sizeof path, "%s/%s.safetensors", m->folder, m->name);
    check(fmpnn_file_write(path, bytes.data, bytes.size, false, &err), &err);
    fmpnn_text_clear(&bytes);
    fmpnn_text_clear(&m->header);
    fmpnn_text_clear(&m->data);
}

static void write_native(maker *m)
{
    char *text = room(m->L + 1, 1);
    for (size_t i = 0; i < m->L; i++)
        text[i] = fmpnn_alphabet()[m->in->native[i]];
    json_object_set_new(m->sequences, "native", json_string(text));
    fmpnn_release(text);
}

static json_t *make_case(const char *folder, const char *structure, const char *name,
                         const fmpnn_model *model, const char *weights, bool tied)
{
    fmpnn_structure *st;
    fmpnn_error err;
    char file[128];
    maker m = {.folder = folder,
               .structure = structure,
               .name = name,
               .model = model,
               .ca_only = model->info.ca_only,
               .tied = tied};
    snprintf(file, sizeof file, "%s.safetensors", name);
    m.tensors = json_object();
    m.sequences = json_object();
    m.entry = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:n,s:i}", "case", name, "file", file,
                        "structure", structure, "weights", weights, "weights_sha256",
                        model->digest, "ca_only", m.ca_only, "max_abs_diff_fp32_fp64",
                        "num_edges", model->info.neighbours);
    must(m.entry && m.tensors && m.sequences, "out of memory");
    read_structure(&m, &st);
    make_masks(&m);
    make_rules(&m);
    make_orders(&m);
    for (uint32_t n = 0; n < ROWS; n++)
        m.rows[n] = n * (uint32_t)(m.L - 1) / (ROWS - 1);
    fmpnn_reference_options options = {.rows = m.rows, .n_rows = ROWS};
    check(fmpnn_reference64_encode(model, m.graph, &options, &m.e, &err), &err);
    put_inputs(&m);
    put_states(&m);
    put_forced(&m);
    if (!tied)
        put_conditional(&m);
    put_sample(&m, "T0.1", 0.1, false);
    put_sample(&m, "T1", 1, false);
    put_sample(&m, "argmax", 1, true);
    write_native(&m);
    write_tensors(&m);
    json_t *both = json_pack("[s,s]", "A", "B"), *none = json_array();
    json_object_set_new(m.entry, "L", json_integer((json_int_t)m.L));
    json_object_set_new(m.entry, "k", json_integer((json_int_t)m.K));
    json_object_set(m.entry, "chain_order", both);
    json_object_set_new(m.entry, "designed_chains",
                        tied ? json_incref(both) : json_pack("[s]", "A"));
    json_object_set_new(m.entry, "fixed_chains",
                        tied ? json_incref(none) : json_pack("[s]", "B"));
    json_object_set_new(m.entry, "options", case_options(&m));
    json_object_set_new(m.entry, "sequences", m.sequences);
    json_object_set_new(m.entry, "tensors", m.tensors);
    json_decref(both);
    json_decref(none);
    fmpnn_reference64_encoding_free(
        m.e); /* the rest of a case's arrays live as long as we do */
    fmpnn_graph_free(m.graph);
    fmpnn_inputs_free(m.in);
    fmpnn_structure_free(st);
    return m.entry;
}

int main(int argc, char **argv)
{
    char path[4096], file[2][256];
    must(argc == 3, "usage: make_case FOLDER STRUCTURE");
    const char *folder = argv[1], *structure = argv[2];
    fmpnn_model *full = make_model(folder, "full", false, file[0]);
    fmpnn_model *ca = make_model(folder, "ca", true, file[1]);
    json_t *cases = json_array();
    json_array_append_new(cases,
                          make_case(folder, structure, "made_fixed", full, file[0], false));
    json_array_append_new(cases,
                          make_case(folder, structure, "made_tied", full, file[0], true));
    json_array_append_new(cases,
                          make_case(folder, structure, "made_ca", ca, file[1], false));
    json_t *manifest =
        json_pack("{s:s,s:s,s:s,s:o}", "format", "safetensors, little endian, row major",
                  "alphabet", fmpnn_alphabet(), "generator", "make_case.c", "cases", cases);
    snprintf(path, sizeof path, "%s/manifest.json", folder);
    must(manifest && !json_dump_file(manifest, path, JSON_INDENT(1)),
         "manifest not written");
    json_decref(manifest);
    fmpnn_model_free(ca);
    fmpnn_model_free(full);
    return 0;
}
