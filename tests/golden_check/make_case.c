/* make_case FOLDER STRUCTURE: a small folder of golden cases from the float64 reference, for
 * machines without reference data. STRUCTURE, a PDB file with chains A and B of one length, must
 * be in FOLDER/structures; random weights go to FOLDER/weights.
 *
 * The cases then say nothing about the published network, but everything about two
 * implementations agreeing, and about the checker noticing when they do not. */
#include "make_case.h"

#include "../weights_maker.h"
#include "design/order.h"
#include "design/random.h"

#include <math.h>

void make_must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "make_case: %s\n", what);
        exit(1);
    }
}

void make_check(fmpnn_status status, const fmpnn_error *err)
{
    make_must(!status, err->message);
}

static golden_arena memory; /* everything lives as long as the program */

void *make_room(size_t count, size_t size)
{
    return golden_alloc(&memory, count, size);
}

/* ---- random numbers and weights ---- */

static const uint32_t key[2] = {20, 22};
static uint32_t drawn;

double make_uniform(void)
{
    uint32_t counter[4] = {drawn++, 0, 0, 0}, out[4];
    fmpnn_philox(key, counter, out);
    return (double)(float)((double)(out[0] >> 8) / 16777216);
}

double make_normal(void)
{
    double r = sqrt(-2 * log(1 - make_uniform()));
    return r * cos(2 * 3.14159265358979323846 * make_uniform());
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
            *at++ = (float)(centre + scale * make_normal());
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
    make_must(!bytes.failed, "out of memory");
    snprintf(path, sizeof path, "%s/weights", folder);
    make_check(fmpnn_folder_make(path, &err), &err);
    snprintf(file, 256, "%s.safetensors", name);
    snprintf(path, sizeof path, "%s/weights/%s", folder, file);
    make_check(fmpnn_file_write(path, bytes.data, bytes.size, false, &err), &err);
    make_check(fmpnn_model_load(path, &model, &err), &err);
    fmpnn_text_clear(&bytes);
    free(net);
    return model;
}

/* ---- one case ---- */

/* Chain A is designed but for its first two residues; B is context, or tied to A. */
static void make_masks(maker *m)
{
    size_t L = m->L;
    m->in_designed_chain = make_room(L, 1);
    m->unfixed = make_room(L, 1);
    m->designed = make_room(L, 1);
    m->resolved = make_room(L, 1);
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
    uint8_t *omit = make_room(cells, 1);
    double *bias = make_room(cells, sizeof *bias), *weight = make_room(L, sizeof *weight);
    uint32_t *start = make_room(L + 1, sizeof *start),
             *member = make_room(L, sizeof *member);
    uint32_t *group_of = make_room(L, sizeof *group_of);
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
    float *mask = make_room(L, sizeof *mask);
    m->randn = make_room(L, sizeof *m->randn);
    m->order = make_room(L, sizeof *m->order);
    m->rank = make_room(L, sizeof *m->rank);
    m->order_sampling = make_room(L, sizeof *m->order);
    m->rank_sampling = make_room(L, sizeof *m->rank);
    for (size_t i = 0; i < L; i++) {
        m->randn[i] = (float)make_normal();
        mask[i] = m->designed[i];
    }
    fmpnn_order_original(L, m->randn, mask, m->order);
    fmpnn_order_rank(L, m->order, m->rank);
    make_must(fmpnn_order_group(&m->rules, m->order, m->order_sampling), "out of memory");
    fmpnn_order_rank(L, m->order_sampling, m->rank_sampling);
}

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
    make_check(fmpnn_sha256_file(path, digest, &err), &err);
    json_object_set_new(m->entry, "structure_sha256", json_string(digest));
    make_check(fmpnn_structure_read(path, &options, st, &err), &err);
    make_check(fmpnn_inputs_create(*st, chains, m->tied ? 2 : 1, m->ca_only, &m->in, &err),
               &err);
    m->L = m->in->L;
    while (m->length_A < m->L && m->in->chain[m->length_A] == 1)
        m->length_A++;
    make_must(!m->tied || 2 * m->length_A == m->L, "chains A and B differ in length");
    make_check(fmpnn_graph_create(m->L, m->in->xyz, m->in->mask, m->in->index, m->in->chain,
                                  (size_t)m->model->info.neighbours, m->ca_only, &m->graph,
                                  &err),
               &err);
    m->K = m->graph->K;
}

static void write_native(maker *m)
{
    char *text = make_room(m->L + 1, 1);
    for (size_t i = 0; i < m->L; i++)
        text[i] = fmpnn_alphabet()[m->in->native[i]];
    json_object_set_new(m->sequences, "native", json_string(text));
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
    make_must(m.entry && m.tensors && m.sequences, "out of memory");
    read_structure(&m, &st);
    make_masks(&m);
    make_rules(&m);
    make_orders(&m);
    for (uint32_t n = 0; n < ROWS; n++)
        m.rows[n] = n * (uint32_t)(m.L - 1) / (ROWS - 1);
    fmpnn_reference_options options = {.rows = m.rows, .n_rows = ROWS};
    make_check(fmpnn_reference64_encode(model, m.graph, &options, &m.e, &err), &err);
    make_inputs(&m);
    make_states(&m);
    make_forced(&m);
    if (!tied)
        make_conditional(&m);
    make_sample(&m, "T0.1", 0.1, false);
    make_sample(&m, "T1", 1, false);
    make_sample(&m, "argmax", 1, true);
    write_native(&m);
    make_write(&m);
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
    make_must(argc == 3, "usage: make_case FOLDER STRUCTURE");
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
    make_must(manifest && !json_dump_file(manifest, path, JSON_INDENT(1)),
              "manifest not written");
    json_decref(manifest);
    fmpnn_model_free(ca);
    fmpnn_model_free(full);
    golden_arena_clear(&memory);
    return 0;
}
