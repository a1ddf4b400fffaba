/* Networks that see more than a backbone, with made-up weights: nearest atoms by their
 * definition, the fused engine against the plain formulas, what must not matter, and jobs. That the
 * numbers are those of the published program is the golden checker's business. */
#include "design/job.h"
#include "graph/context.h"
#include "graph/periodic.h"
#include "small_structure.h"
#include "weights_maker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { L = 40, K = 12, M = 9, MASKED = 7, CELLS = L * FMPNN_LETTERS, MOST_ATOMS = 300 };

static uint64_t seed;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

enum kind { PLAIN, LIGAND, MEMBRANE, NARROW /* ligand: variance of 16 Gaussians has rank 15 */ };

static fmpnn_model *make_model(enum kind kind)
{
    fmpnn_text bytes;
    fmpnn_tensors tensors;
    fmpnn_model *model;
    fmpnn_error err = {""};
    char digest[65] = "0";
    made_network *net = kind == NARROW ? maker_network(16, 32, 2, 2, false)
                                       : maker_network(32, 48, 2, 2, false);
    if (kind == LIGAND || kind == NARROW)
        maker_add_context(net, 2);
    if (kind == MEMBRANE)
        maker_add_labels(net);
    float *at = net->data;
    for (size_t n = 0; n < net->count; n++)
        for (size_t k = 0; k < net->tensor[n].count; k++) {
            size_t in = net->tensor[n].columns ? net->tensor[n].columns : 4;
            *at++ = (float)((2 * uniform() - 1) * 2 / sqrt((double)in));
        }
    fmpnn_text_init(&bytes);
    maker_safetensors(net, "{\"num_edges\":\"12\",\"atom_context_num\":\"9\"}", &bytes);
    assert_int_equal(
        fmpnn_safetensors_parse("made", bytes.data, bytes.size, &tensors, NULL), 0);
    if (fmpnn_model_from_tensors("made", digest, &tensors, &model, &err))
        fail_msg("%s", err.message);
    fmpnn_text_clear(&bytes);
    free(net);
    return model;
}

typedef struct world {
    fmpnn_graph *graph;
    float xyz[L][4][3], mask[L];
    int32_t index[L], chain[L];
    uint8_t native[L], label[L], side_present[L][FMPNN_SIDE_CHAIN_ATOMS];
    uint32_t rank[L];
    float side[L][FMPNN_SIDE_CHAIN_ATOMS][3];
    float atom[MOST_ATOMS][3];
    uint8_t type[MOST_ATOMS];
    fmpnn_context_input input;
} world;

/* A helix, and `atoms` atoms of a few elements around it. */
static world *make_world(size_t atoms, bool side_chains)
{
    world *w = fmpnn_alloc_zero(1, sizeof *w);
    fmpnn_error err = {""};
    for (int i = 0; i < L; i++) {
        for (int a = 0; a < 4; a++) {
            double t = i + 0.25 * (a - 1);
            double p[3] = {2.3 * cos(1.745 * t) + 0.1 * uniform(), 2.3 * sin(1.745 * t),
                           1.5 * t};
            for (int d = 0; d < 3; d++)
                w->xyz[i][a][d] = (float)p[d];
        }
        for (int a = 0; a < FMPNN_SIDE_CHAIN_ATOMS; a++) {
            w->side_present[i][a] = uniform() < 0.2;
            for (int d = 0; d < 3; d++)
                w->side[i][a][d] = w->xyz[i][1][d] + (float)(6 * uniform() - 3);
        }
        w->mask[i] = i != MASKED;
        w->index[i] = i;
        w->chain[i] = 1;
        w->native[i] = (uint8_t)(21 * uniform());
        w->label[i] = (uint8_t)(3 * uniform());
        w->rank[i] = (uint32_t)((i * 17) % L);
    }
    for (size_t n = 0; n < atoms; n++) {
        static const uint8_t elements[] = {6, 6, 7, 8, 15, 30};
        w->type[n] = elements[(size_t)(6 * uniform())];
        w->atom[n][0] = (float)(20 * uniform() - 10);
        w->atom[n][1] = (float)(20 * uniform() - 10);
        w->atom[n][2] = (float)(60 * uniform());
    }
    w->input = (fmpnn_context_input){.count = atoms,
                                     .xyz = &w->atom[0][0],
                                     .type = w->type,
                                     .M = M,
                                     .cutoff = 8,
                                     .side_xyz = side_chains ? &w->side[0][0][0] : NULL,
                                     .side_present = &w->side_present[0][0]};
    assert_int_equal(fmpnn_graph_create(L, &w->xyz[0][0][0], w->mask, w->index, w->chain, K,
                                        false, &w->graph, &err),
                     0);
    assert_int_equal(fmpnn_graph_see_atoms(w->graph, &w->input, &err), 0);
    assert_int_equal(fmpnn_graph_label(w->graph, w->label, &err), 0);
    return w;
}

static void free_world(world *w)
{
    fmpnn_graph_free(w->graph);
    fmpnn_release(w);
}

/* ---- the graph ---- */

static void elements_have_their_places(void **state)
{
    static const struct {
        unsigned type, group, period;
    } table[] = {{0, 0, 0},    {1, 1, 1},    {2, 18, 1},   {6, 14, 2},  {12, 2, 3},
                 {16, 16, 3},  {20, 2, 4},   {30, 12, 4},  {53, 17, 5}, {57, 3, 6},
                 {71, 3, 6},   {72, 4, 6},   {79, 11, 6},  {89, 3, 7},  {103, 3, 7},
                 {104, 4, 7},  {118, 18, 7}, {119, 0, 0},  {255, 0, 0}};
    (void)state;
    for (size_t n = 0; n < sizeof table / sizeof *table; n++) {
        assert_int_equal(fmpnn_element_group(table[n].type), table[n].group);
        assert_int_equal(fmpnn_element_period(table[n].type), table[n].period);
    }
}

static float squared(const float *a, const float *b)
{
    float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return x * x + y * y + z * z;
}

static void nearest_atoms_are_found(void **state)
{
    (void)state;
    seed = 1;
    world *w = make_world(200, false);
    const fmpnn_context_atoms *atoms = w->graph->atoms;
    float cb[L][3];
    fmpnn_graph_cb(w->graph, &cb[0][0]);
    for (size_t i = 0; i < L; i++) {
        if (i == MASKED) {
            assert_int_equal(atoms->near[i], 0);
            continue;
        }
        for (size_t m = 0; m < M; m++) {
            uint32_t n = atoms->atom[i * M + m];
            size_t nearer = 0;
            assert_true(n < 200 && atoms->mask[i * M + m] == 1);
            assert_int_equal(atoms->type[i * M + m], w->type[n]);
            for (size_t k = 0; k < 200; k++)
                nearer += squared(cb[i], w->atom[k]) < squared(cb[i], w->atom[n]);
            assert_int_equal(nearer, m);
        }
        float d = squared(cb[i], w->atom[atoms->atom[i * M]]);
        assert_int_equal(atoms->near[i], sqrtf(d) < 8);
    }
    free_world(w);
}

static void what_is_hidden_is_not_seen(void **state)
{
    (void)state;
    seed = 2;
    world *w = make_world(3, true);
    w->input.blind = true; /* no ligands, side chains only */
    memset(w->side_present, 0, sizeof w->side_present);
    for (int a = 0; a < 5; a++)
        w->side_present[20][a] = 1;
    assert_int_equal(fmpnn_graph_see_atoms(w->graph, &w->input, NULL), 0);
    for (size_t i = 0; i < L; i++) {
        const fmpnn_context_atoms *atoms = w->graph->atoms;
        bool neighbour = false;
        size_t seen = 0;
        for (size_t m = 0; m < M; m++) {
            seen += atoms->mask[i * M + m] != 0;
            if (atoms->mask[i * M + m] != 0)
                assert_int_equal((atoms->atom[i * M + m] - 3) / FMPNN_SIDE_CHAIN_ATOMS, 20);
        }
        for (size_t m = 0; m < K; m++)
            neighbour = neighbour || w->graph->neighbour[i * K + m] == 20;
        if (i != MASKED)
            assert_int_equal(seen, neighbour ? 5 : 0);
    }
    free_world(w);
}

static void graphs_are_checked(void **state)
{
    (void)state;
    seed = 3;
    fmpnn_error err;
    world *w = make_world(3, false);
    w->type[1] = 119;
    assert_int_equal(fmpnn_graph_see_atoms(w->graph, &w->input, &err), FMPNN_EINVAL);
    assert_int_equal(fmpnn_graph_serves(w->graph, false, M, 3, &err), FMPNN_OK);
    assert_int_equal(fmpnn_graph_serves(w->graph, false, M + 1, 0, &err), FMPNN_EINVAL);
    assert_int_equal(fmpnn_graph_serves(w->graph, true, 0, 0, &err), FMPNN_EINVAL);
    w->graph->label[4] = 3;
    assert_int_equal(fmpnn_graph_serves(w->graph, false, 0, 3, &err), FMPNN_EINVAL);
    free_world(w);
}

/* ---- engine and reference ---- */

typedef struct answers {
    float h[L * 32], score[CELLS], blind[CELLS], unconditional[CELLS];
} answers;

static void ask(const char *device, const char *isa, int threads, const fmpnn_model *model,
                const world *w, answers *a)
{
    fmpnn_context *ctx;
    fmpnn_error err = {""};
    fmpnn_encoding *e = NULL;
    fmpnn_context_options options = {
        .device = device, .isa = isa, .precision = "fp32", .threads = threads};
    assert_int_equal(fmpnn_context_create(&options, &ctx, &err), 0);
    const fmpnn_backend *b = ctx->backend;
    if (b->encode(ctx, model, w->graph, &e, &err))
        fail_msg("%s", err.message);
    assert_int_equal(b->states(ctx, e, a->h, NULL, 0, NULL, &err), 0);
    assert_int_equal(b->logits(ctx, e, 1, w->native, w->rank, a->score, &err), 0);
    assert_int_equal(b->logits(ctx, e, 1, NULL, w->rank, a->blind, &err), 0);
    assert_int_equal(b->logits(ctx, e, 1, NULL, NULL, a->unconditional, &err), 0);
    b->encoding_free(e);
    fmpnn_context_free(ctx);
}

static double furthest(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t n = 0; n < count; n++) {
        double d = fabs((double)a[n] - (double)b[n]);
        largest = d <= largest ? largest : d; /* keeps a NaN */
    }
    return largest;
}

static void compare_answers(const char *what, const answers *a, const answers *b)
{
    double worst[] = {furthest(a->h, b->h, L * 32), furthest(a->score, b->score, CELLS),
                      furthest(a->blind, b->blind, CELLS),
                      furthest(a->unconditional, b->unconditional, CELLS)};
    for (size_t n = 0; n < 4; n++)
        if (!(worst[n] < 2e-5))
            fail_msg("%s, answer %zu: %g from double", what, n, worst[n]);
}

static void check_engine(enum kind kind, size_t atoms, bool side_chains)
{
    static answers plain, fused, again;
    char what[100];
    fmpnn_model *model = make_model(kind);
    world *w = make_world(atoms, side_chains);
    memset(plain.h, 0, sizeof plain.h);
    memset(fused.h, 0, sizeof fused.h);
    memset(again.h, 0, sizeof again.h);
    ask("reference", NULL, 2, model, w, &plain);
    for (size_t n = 0; n < fmpnn_isa_count(); n++) {
        const char *isa = fmpnn_isa_name(n);
        fmpnn_context *ctx;
        fmpnn_context_options fp32 = {.device = "cpu", .isa = isa, .precision = "fp32"};
        if (fmpnn_context_create(&fp32, &ctx, NULL))
            continue; /* a set without this precision */
        fmpnn_context_free(ctx);
        snprintf(what, sizeof what, "kind %d, %zu atoms, %s", kind, atoms, isa);
        ask("cpu", isa, 1, model, w, &fused);
        compare_answers(what, &fused, &plain);
        ask("cpu", isa, 3, model, w, &again);
        assert_memory_equal(&fused, &again, sizeof fused);
    }
    free_world(w);
    fmpnn_model_free(model);
}

static void engine_sees_atoms(void **state)
{
    (void)state;
    seed = 4;
    check_engine(LIGAND, 0, false);
    check_engine(LIGAND, 1, false);
    check_engine(LIGAND, 6, false); /* all residues see the same atoms */
    check_engine(LIGAND, MOST_ATOMS, false);
    check_engine(LIGAND, 4, true);
    check_engine(NARROW, 30, false);
}

static void engine_sees_labels(void **state)
{
    (void)state;
    seed = 5;
    check_engine(MEMBRANE, 0, false);
}

/* Atoms nobody is near change nothing; one atom near a residue does. */
static void context_changes_the_answer(void **state)
{
    static answers with, without;
    (void)state;
    seed = 6;
    fmpnn_model *model = make_model(LIGAND);
    world *w = make_world(5, false);
    ask("cpu", NULL, 1, model, w, &with);
    w->input.blind = true;
    assert_int_equal(fmpnn_graph_see_atoms(w->graph, &w->input, NULL), 0);
    ask("cpu", NULL, 1, model, w, &without);
    assert_true(furthest(with.h, without.h, L * 32) > 1e-3);
    w->input.count = 0;
    assert_int_equal(fmpnn_graph_see_atoms(w->graph, &w->input, NULL), 0);
    ask("cpu", NULL, 1, model, w, &with);
    assert_memory_equal(&with, &without, sizeof with);
    free_world(w);
    fmpnn_model_free(model);
}

/* ---- jobs ---- */

static void refuse_job(const fmpnn_model *model, const fmpnn_structure *st,
                       const fmpnn_settings *settings, const char *part)
{
    fmpnn_job *job = NULL;
    fmpnn_error err = {""};
    assert_int_not_equal(fmpnn_job_create(st, model, settings, &job, &err), FMPNN_OK);
    assert_null(job);
    if (!strstr(err.message, part))
        fail_msg("message \"%s\" does not say \"%s\"", err.message, part);
}

/* Ten residues; a zinc near the third, another far away. */
static void make_small(small_structure *small, fmpnn_context_atom atom[2])
{
    small_begin(small);
    small_chain(small, "A", 1, "ACDEFGHIKL");
    atom[0] = (fmpnn_context_atom){.type = 30};
    memcpy(atom[0].xyz, small->residue[2].xyz[1], sizeof atom[0].xyz);
    atom[0].xyz[0] += 3;
    atom[1] = (fmpnn_context_atom){.type = 30, .xyz = {200, 0, 0}};
    small->st.context = atom;
    small->st.context_count = 2;
}

static void options_need_eyes(void **state)
{
    (void)state;
    seed = 7;
    small_structure small;
    fmpnn_context_atom atom[2];
    make_small(&small, atom);
    fmpnn_model *plain = make_model(PLAIN), *ligand = make_model(LIGAND);
    fmpnn_model *membrane = make_model(MEMBRANE);
    refuse_job(plain, &small.st, &(fmpnn_settings){.hide_ligands = true}, "--weights ligand");
    refuse_job(membrane, &small.st, &(fmpnn_settings){.side_chain_context = true},
               "--side-chain-context");
    refuse_job(ligand, &small.st, &(fmpnn_settings){.global_membrane = "1"}, "see no membrane");
    refuse_job(membrane, &small.st, &(fmpnn_settings){.global_membrane = "2"}, "expected 0 or 1");
    refuse_job(membrane, &small.st,
               &(fmpnn_settings){.global_membrane = "1", .transmembrane_buried = "A1"},
               "give one");
    refuse_job(membrane, &small.st, &(fmpnn_settings){.transmembrane_buried = "A99"}, "A99");
    refuse_job(membrane, &small.st,
               &(fmpnn_settings){.transmembrane_buried = "A1-4",
                                 .transmembrane_interface = "A4"},
               "A4 is in");
    fmpnn_model_free(membrane);
    fmpnn_model_free(ligand);
    fmpnn_model_free(plain);
}

static void jobs_see_and_label(void **state)
{
    (void)state;
    seed = 8;
    small_structure small;
    fmpnn_context_atom atom[2];
    make_small(&small, atom);
    fmpnn_model *ligand = make_model(LIGAND), *membrane = make_model(MEMBRANE);
    fmpnn_job *job, *off;
    fmpnn_settings hidden = {.hide_ligands = true};
    assert_int_equal(fmpnn_job_create(&small.st, ligand, NULL, &job, NULL), 0);
    assert_int_equal(fmpnn_job_create(&small.st, ligand, &hidden, &off, NULL), 0);
    assert_int_equal(job->graph->atoms->M, M);
    assert_int_equal(job->graph->atoms->atom[2 * M], 0);
    assert_int_equal(job->graph->atoms->near[2], 1);
    assert_int_equal(off->graph->atoms->near[2], 1);
    assert_true(off->graph->atoms->mask[2 * M] == 0);
    assert_string_not_equal(job->digest, off->digest);
    assert_non_null(strstr(job->echo, "\"ligand_context\":\"on\""));
    assert_non_null(strstr(off->echo, "\"ligand_context\":\"off\""));
    fmpnn_job_free(off);
    fmpnn_job_free(job);
    fmpnn_settings labels = {.transmembrane_buried = "A2-3", .transmembrane_interface = "A5"};
    assert_int_equal(fmpnn_job_create(&small.st, membrane, &labels, &job, NULL), 0);
    static const uint8_t expected[10] = {0, 2, 2, 0, 1};
    assert_memory_equal(job->graph->label, expected, 10);
    assert_int_equal(fmpnn_job_warning_count(job), 0);
    fmpnn_job_free(job);
    assert_int_equal(fmpnn_job_create(&small.st, membrane, NULL, &job, NULL), 0);
    assert_string_equal(fmpnn_job_warning(job, 0).code, "no-membrane");
    fmpnn_job_free(job);
    fmpnn_model_free(membrane);
    fmpnn_model_free(ligand);
}

static void confidence_near_a_ligand(void **state)
{
    (void)state;
    seed = 9;
    small_structure small;
    fmpnn_context_atom atom[2];
    make_small(&small, atom);
    fmpnn_model *ligand = make_model(LIGAND);
    fmpnn_job *job;
    fmpnn_context *ctx;
    fmpnn_samples *samples;
    assert_int_equal(fmpnn_context_create(NULL, &ctx, NULL), 0);
    assert_int_equal(fmpnn_job_create(&small.st, ligand, NULL, &job, NULL), 0);
    assert_int_equal(fmpnn_design(ctx, job, 1, 1, 1, false, &samples, NULL), 0);
    const fmpnn_sample *s = samples->sample;
    double sum = 0, count = 0;
    for (size_t i = 0; i < 10; i++) {
        sum -= job->graph->atoms->near[i] * (double)s->log_probs[i * 21 + s->letters[i]];
        count += job->graph->atoms->near[i];
    }
    assert_true(count > 0 && count < 10);
    assert_true(fabs(s->ligand_confidence - exp(-sum / count)) < 1e-9);
    fmpnn_samples_free(samples);
    fmpnn_job_free(job);
    small.st.context_count = 0;
    assert_int_equal(fmpnn_job_create(&small.st, ligand, NULL, &job, NULL), 0);
    assert_int_equal(fmpnn_design(ctx, job, 1, 1, 1, false, &samples, NULL), 0);
    assert_true(isnan(samples->sample->ligand_confidence));
    fmpnn_samples_free(samples);
    fmpnn_job_free(job);
    fmpnn_context_free(ctx);
    fmpnn_model_free(ligand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_have_their_places),
        cmocka_unit_test(nearest_atoms_are_found),
        cmocka_unit_test(what_is_hidden_is_not_seen),
        cmocka_unit_test(graphs_are_checked),
        cmocka_unit_test(engine_sees_atoms),
        cmocka_unit_test(engine_sees_labels),
        cmocka_unit_test(context_changes_the_answer),
        cmocka_unit_test(options_need_eyes),
        cmocka_unit_test(jobs_see_and_label),
        cmocka_unit_test(confidence_near_a_ligand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
