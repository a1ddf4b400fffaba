/* Side chains through the fused engine and the plain formulas, with a made-up packer: the same
 * distributions, whatever the threads, the samples that go together and the memory; the same again
 * where everything is turned; every allocation failing once. That the numbers are those of the
 * published program is the golden checker's business. */
#include "graph/context.h"
#include "packing/packing.h"
#include "small_structure.h"
#include "weights_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { L = 40, K = 12, M = 9, MASKED = 7, SAMPLES = 3, ANGLES = L * FMPNN_CHIS };

static uint64_t seed;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static fmpnn_model *make_packer(void)
{
    fmpnn_text bytes;
    fmpnn_tensors tensors;
    fmpnn_model *model;
    fmpnn_error err = {""};
    char digest[65] = "0";
    made_network *net = maker_network(32, 48, 2, 2, false);
    maker_add_context(net, 2);
    maker_make_packer(net, M);
    for (size_t n = 0; n < net->count; n++) {
        float *at = net->data + (net->tensor[n].data - net->data);
        size_t in = net->tensor[n].columns ? net->tensor[n].columns : 4;
        for (size_t k = 0; k < net->tensor[n].count; k++)
            at[k] = (float)((2 * uniform() - 1) * 2 / sqrt((double)in));
    }
    fmpnn_text_init(&bytes);
    maker_safetensors(net, "{\"num_edges\":\"12\",\"atom_context_num\":\"9\"}", &bytes);
    assert_int_equal(fmpnn_safetensors_parse("made", bytes.data, bytes.size, &tensors, NULL), 0);
    if (fmpnn_model_from_tensors("made", digest, &tensors, &model, &err))
        fail_msg("%s", err.message);
    fmpnn_text_clear(&bytes);
    free(net);
    return model;
}

/* A structure, and SAMPLES packings of one sequence on it that differ in their angles. */
typedef struct world {
    small_structure small;
    fmpnn_context_atom atom[12];
    fmpnn_inputs *inputs;
    fmpnn_packing *packing[SAMPLES];
    fmpnn_graph *graph;
    double xyz[SAMPLES][L * FMPNN_ATOM14 * 3];
} world;

static void turn(float p[3])
{
    const double c = cos(0.7), s = sin(0.7), x = (double)p[0], y = (double)p[1];
    p[0] = (float)(c * x - s * y + 4);
    p[1] = (float)(s * x + c * y - 3);
    p[2] += 11;
}

static world *make_world(const fmpnn_model *model, bool context, bool turned, char unknown)
{
    static const uint8_t elements[] = {6, 7, 8, 30};
    world *w = fmpnn_alloc_zero(1, sizeof *w);
    fmpnn_error err = {""};
    char letters[L + 1] = {0};
    uint8_t codes[L];
    double start[ANGLES];
    for (int i = 0; i < L; i++)
        letters[i] = fmpnn_alphabet()[(size_t)(20 * uniform())];
    letters[3] = 'G';
    letters[4] = unknown;
    letters[5] = 'W';
    small_begin(&w->small);
    small_chain(&w->small, "A", 1, letters);
    for (size_t i = 0; i < L; i++) /* no two distances are the same */
        for (size_t a = 0; a < 4; a++)
            w->small.residue[i].xyz[a][0] += (float)(0.2 * uniform());
    small_lose(&w->small.residue[MASKED], 3);
    for (size_t n = 0; n < 12; n++) {
        w->atom[n].type = elements[n % 4];
        for (int d = 0; d < 3; d++)
            w->atom[n].xyz[d] = (float)(16 * uniform() - 8 + (d == 2 ? 4 * (double)n : 0));
    }
    w->small.st.context = w->atom;
    w->small.st.context_count = context ? 12 : 0;
    for (size_t i = 0; turned && i < L; i++)
        for (size_t a = 0; a < 4; a++)
            turn(w->small.residue[i].xyz[a]);
    for (size_t n = 0; turned && n < 12; n++)
        turn(w->atom[n].xyz);
    assert_int_equal(fmpnn_inputs_create(&w->small.st, NULL, 0, false, &w->inputs, &err), 0);
    for (int i = 0; i < L; i++)
        codes[i] = (uint8_t)(strchr(fmpnn_alphabet(), letters[i]) - fmpnn_alphabet());
    for (size_t b = 0; b < SAMPLES; b++) {
        for (size_t n = 0; n < ANGLES; n++)
            start[n] = uniform();
        assert_int_equal(fmpnn_packing_create(&w->small.st, w->inputs, codes, NULL, start,
                                              &w->packing[b], &err),
                         0);
        memcpy(w->xyz[b], w->packing[b]->xyz, sizeof w->xyz[b]);
    }
    if (fmpnn_packing_graph(w->packing[0], model, false, &w->graph, &err))
        fail_msg("%s", err.message);
    return w;
}

static void free_world(world *w)
{
    fmpnn_graph_free(w->graph);
    for (size_t b = 0; b < SAMPLES; b++)
        fmpnn_packing_free(w->packing[b]);
    fmpnn_inputs_free(w->inputs);
    fmpnn_release(w);
}

static fmpnn_status try_ask(const char *device, const char *isa, int threads, size_t memory,
                            size_t together, const fmpnn_model *model, const world *w,
                            fmpnn_mixture mixture[SAMPLES][ANGLES])
{
    fmpnn_context *ctx = NULL;
    fmpnn_error err = {""};
    fmpnn_encoding *e = NULL;
    fmpnn_placing *p = NULL;
    fmpnn_context_options options = {.device = device, .isa = isa, .precision = "fp32",
                                     .threads = threads, .max_memory = memory};
    fmpnn_status status = fmpnn_context_create(&options, &ctx, &err);
    if (!status)
        status = ctx->backend->encode(ctx, model, w->graph, &e, &err);
    if (!status)
        status = ctx->backend->placing_create(ctx, e, w->packing[0]->atoms, w->xyz[0], &p, &err);
    for (size_t b = 0; b < SAMPLES && !status; b += together)
        status = ctx->backend->torsions(ctx, p, together, w->xyz[b], mixture[b], &err);
    if (p)
        ctx->backend->placing_free(p);
    if (e)
        ctx->backend->encoding_free(e);
    fmpnn_context_free(ctx);
    return status;
}

static void ask(const char *device, const char *isa, int threads, size_t memory, size_t together,
                const fmpnn_model *model, const world *w,
                fmpnn_mixture mixture[SAMPLES][ANGLES])
{
    assert_int_equal(try_ask(device, isa, threads, memory, together, model, w, mixture), 0);
}

/* Largest difference of any number of the mixtures of resolved residues. */
static double furthest(fmpnn_mixture (*a)[ANGLES], fmpnn_mixture (*b)[ANGLES])
{
    double largest = 0;
    for (size_t s = 0; s < SAMPLES; s++)
        for (size_t n = 0; n < ANGLES; n++)
            for (size_t k = 0; k < sizeof **a / sizeof(double); k++) {
                double d = fabs(((double *)&a[s][n])[k] - ((double *)&b[s][n])[k]);
                largest = d <= largest ? largest : d; /* keeps a NaN */
            }
    return largest;
}

static void engine_is_the_reference(void **state)
{
    static fmpnn_mixture plain[SAMPLES][ANGLES], fused[SAMPLES][ANGLES], again[SAMPLES][ANGLES];
    (void)state;
    seed = 1;
    fmpnn_model *model = make_packer();
    for (int context = 0; context < 2; context++) {
        world *w = make_world(model, context, false, 'X');
        ask("reference", NULL, 2, 0, 1, model, w, plain);
        for (size_t n = 0; n < fmpnn_isa_count(); n++) {
            const char *isa = fmpnn_isa_name(n);
            fmpnn_context *ctx;
            fmpnn_context_options fp32 = {.device = "cpu", .isa = isa, .precision = "fp32"};
            if (fmpnn_context_create(&fp32, &ctx, NULL))
                continue; /* a set without this precision */
            fmpnn_context_free(ctx);
            ask("cpu", isa, 1, 0, 1, model, w, fused);
            double worst = furthest(plain, fused);
            if (!(worst < 2e-5))
                fail_msg("%s, context %d: %g from double", isa, context, worst);
            ask("cpu", isa, 3, 0, SAMPLES, model, w, again);
            assert_memory_equal(fused, again, sizeof fused);
        }
        free_world(w);
    }
    fmpnn_model_free(model);
}

/* Edge parts computed when they are needed, and samples one at a time. */
static void memory_changes_nothing(void **state)
{
    static fmpnn_mixture all[SAMPLES][ANGLES], little[SAMPLES][ANGLES];
    (void)state;
    seed = 2;
    fmpnn_model *model = make_packer();
    world *w = make_world(model, true, false, 'X');
    fmpnn_context *ctx;
    fmpnn_memory_plan plan;
    fmpnn_context_options options = {.device = "cpu", .precision = "fp32", .threads = 1};
    assert_int_equal(fmpnn_context_create(&options, &ctx, NULL), 0);
    assert_int_equal(ctx->backend->plan(ctx, model, w->graph, &plan), 0);
    fmpnn_context_free(ctx);
    ask("cpu", NULL, 1, 0, SAMPLES, model, w, all);
    ask("cpu", NULL, 1, plan.least, SAMPLES, model, w, little);
    assert_memory_equal(all, little, sizeof all);
    free_world(w);
    fmpnn_model_free(model);
}

/* Chi angles do not know which way up a protein stands, unless one of its residues is of unknown
 * type: its atoms are at the origin. */
static void turning_changes_nothing(void **state)
{
    static fmpnn_mixture here[SAMPLES][ANGLES], there[SAMPLES][ANGLES];
    (void)state;
    seed = 3;
    fmpnn_model *model = make_packer();
    uint64_t before = seed;
    world *w = make_world(model, true, false, 'M');
    seed = before;
    world *v = make_world(model, true, true, 'M');
    ask("cpu", NULL, 2, 0, SAMPLES, model, w, here);
    ask("cpu", NULL, 2, 0, SAMPLES, model, v, there);
    assert_true(furthest(here, there) < 1e-4);
    assert_true(furthest(here, there) > 0); /* it did turn */
    free_world(v);
    free_world(w);
    fmpnn_model_free(model);
}

static void side_chains_and_context_matter(void **state)
{
    static fmpnn_mixture a[SAMPLES][ANGLES], b[SAMPLES][ANGLES];
    (void)state;
    seed = 4;
    fmpnn_model *model = make_packer();
    uint64_t before = seed;
    world *w = make_world(model, true, false, 'X');
    ask("cpu", NULL, 1, 0, 1, model, w, a);
    assert_true(fabs(a[0][0].mean[0] - a[1][0].mean[0]) > 1e-6);
    seed = before;
    world *v = make_world(model, false, false, 'X');
    ask("cpu", NULL, 1, 0, 1, model, v, b);
    assert_true(furthest(a, b) > 1e-3);
    free_world(v);
    free_world(w);
    fmpnn_model_free(model);
}

static void every_allocation_may_fail(void **state)
{
    static fmpnn_mixture good[SAMPLES][ANGLES], m[SAMPLES][ANGLES];
    fmpnn_status status = FMPNN_ENOMEM;
    size_t n = 0;
    (void)state;
    seed = 5;
    fmpnn_model *model = make_packer();
    world *w = make_world(model, true, false, 'X');
    ask("cpu", NULL, 1, 0, 1, model, w, good);
    while (status) {
        fmpnn_alloc_fail_at(++n);
        status = try_ask("cpu", NULL, 1, 0, 1, model, w, m);
        fmpnn_alloc_fail_at(0);
        if (status)
            assert_int_equal(status, FMPNN_ENOMEM);
    }
    assert_true(n > 20);
    assert_memory_equal(good, m, sizeof good);
    free_world(w);
    fmpnn_model_free(model);
}

/* The public call: a packing is the same alone, and every allocation of it may fail. */
static void packings_are_made(void **state)
{
    (void)state;
    seed = 7;
    fmpnn_model *model = make_packer();
    world *w = make_world(model, true, false, 'X');
    const fmpnn_settings settings = {.pack = true, .redesign = "A1-30", .seed = 5};
    const fmpnn_pack_settings how = {.steps = 2, .samples = 4};
    fmpnn_context *ctx;
    fmpnn_job *job;
    fmpnn_packs *two, *one = NULL;
    fmpnn_error err = {""};
    fmpnn_context_options options = {.device = "cpu", .precision = "fp32", .threads = 1};
    assert_int_equal(fmpnn_context_create(&options, &ctx, NULL), 0);
    assert_int_equal(fmpnn_job_create(&w->small.st, model, NULL, &job, &err), FMPNN_EINVAL);
    if (fmpnn_job_create(&w->small.st, model, &settings, &job, &err) ||
        fmpnn_pack(ctx, job, model, &how, 0, 0, NULL, 1, 2, &two, &err))
        fail_msg("%s", err.message);
    assert_int_equal(two->count, 2);
    assert_int_equal(two->packed, L - 2); /* all but X and the unresolved one: none has atoms */
    assert_int_equal(two->atoms[4], 0);
    assert_int_equal(two->atoms[MASKED], 0);
    assert_non_null(strstr(two->note, "A5"));
    assert_true(isnan(two->pack[0].confidence[3])); /* glycine */
    assert_true(isfinite(two->pack[0].mean));
    for (size_t i = 0; i < L; i++)
        for (size_t c = 0; c < FMPNN_PACK_CHIS; c++)
            assert_true(isnan(two->pack[0].chi[4 * i + c]) ||
                        fabsf(two->pack[0].chi[4 * i + c]) <= 3.1416f);
    assert_int_equal(fmpnn_pack(ctx, job, model, &how, 0, 0, NULL, 2, 1, &one, &err), 0);
    assert_memory_equal(one->pack[0].xyz, two->pack[1].xyz,
                        L * 3 * FMPNN_PACK_ATOMS * sizeof(float));
    assert_true(memcmp(one->pack[0].xyz, two->pack[0].xyz,
                       L * 3 * FMPNN_PACK_ATOMS * sizeof(float)) != 0);
    fmpnn_packs_free(one);
    fmpnn_packs_free(two);
    fmpnn_status status = FMPNN_ENOMEM;
    for (size_t n = 1; status; n++) {
        one = NULL;
        fmpnn_alloc_fail_at(n);
        status = fmpnn_pack(ctx, job, model, &how, 0, 0, NULL, 1, 2, &one, &err);
        fmpnn_alloc_fail_at(0);
        assert_true(status == FMPNN_OK || (status == FMPNN_ENOMEM && !one));
    }
    fmpnn_packs_free(one);
    assert_int_equal(fmpnn_pack(ctx, job, model, &how, 0, 0, NULL, 0, 1, &one, &err),
                     FMPNN_EINVAL);
    fmpnn_job_free(job);
    fmpnn_context_free(ctx);
    free_world(w);
    fmpnn_model_free(model);
}

static void other_weights_are_refused(void **state)
{
    (void)state;
    seed = 6;
    fmpnn_model *model = make_packer();
    world *w = make_world(model, true, false, 'X');
    fmpnn_context *ctx;
    fmpnn_encoding *e;
    fmpnn_placing *p = NULL;
    uint8_t many[L];
    assert_int_equal(fmpnn_context_create(NULL, &ctx, NULL), 0);
    assert_int_equal(fmpnn_backend_cpu.encode(ctx, model, w->graph, &e, NULL), 0);
    memset(many, 15, sizeof many);
    assert_int_equal(fmpnn_backend_cpu.placing_create(ctx, e, many, w->xyz[0], &p, NULL),
                     FMPNN_EINVAL);
    assert_null(p);
    fmpnn_backend_cpu.encoding_free(e);
    fmpnn_context_free(ctx);
    free_world(w);
    fmpnn_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_is_the_reference),
        cmocka_unit_test(memory_changes_nothing),
        cmocka_unit_test(turning_changes_nothing),
        cmocka_unit_test(side_chains_and_context_matter),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(packings_are_made),
        cmocka_unit_test(other_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
