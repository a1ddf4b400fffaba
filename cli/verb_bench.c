/* bench: benchmarks; each is a verb of its own behind this one. */
#include "batch.h"
#include "bench/fusion.h"
#include "bench/model.h"
#include "place.h"
#include "progress.h"
#include "report.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

static int run_fusion(const verb *v, int argc, char **argv)
{
    options o;
    fmpnn_error err;
    bench_fusion_options how;
    options_init(&o);
    int code = options_parse(v, argc, argv, &o);
    options_clear(&o); /* of structures, which there are none */
    if (code >= 0)
        return code;
    how = (bench_fusion_options){
        .B = (size_t)o.batch,
        .L = (size_t)o.length,
        .D = (size_t)o.hidden,
        .k = (size_t)o.neighbors,
        .runs = o.runs ? (size_t)o.runs : 100,
        .seed = o.seed < 0 ? 0 : (uint64_t)o.seed,
        .tensors = o.tensors,
        .peers = o.peers,
        .output = o.output ? o.output : "output/kernel_fusion_benchmark.json",
        .json = o.json,
    };
    fmpnn_context_options_default(&how.how);
    how.how.device = "cpu";
    how.how.isa = o.isa ? o.isa : how.how.isa;
    how.how.precision = o.precision ? o.precision : how.how.precision;
    how.how.threads = o.threads >= 0 ? (int)o.threads : how.how.threads;
    code = bench_fusion(&how, &err);
    if (err.message[0])
        report_error("%s: %s", v->name, err.message);
    return code;
}

/* ---- bench model ---- */

typedef struct model_state {
    char *text; /* what is printed */
    size_t size;
    FILE *out;
    const batch *b;
    const input *in;
    const fmpnn_model *model;
} model_state;

static fmpnn_status read_again(void *user, fmpnn_structure **st, fmpnn_error *err)
{
    const model_state *state = user;
    fmpnn_model_info info;
    fmpnn_model_describe(state->model, &info);
    return batch_read_structure(state->in, &info, st, err);
}

static fmpnn_status make_again(void *user, const fmpnn_structure *st, fmpnn_job **job,
                               fmpnn_error *err)
{
    const model_state *state = user;
    return batch_create_job(state->b, state->in, st, state->model, job, err);
}

static outcome model_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    model_state *state = b->state;
    const options *o = in->options;
    bench_model_options how = {.work = BENCH_UNCONDITIONAL,
                               .n = (size_t)o->samples,
                               .runs = o->runs ? (size_t)o->runs : 9,
                               .temperature = o->temperature[0],
                               .ctx = b->ctx,
                               .name = in->name,
                               .user = state,
                               .read = read_again,
                               .make = make_again};
    while (o->work && strcmp(o->work, bench_model_works[how.work]) != 0)
        how.work++;
    state->b = b;
    state->in = in;
    state->model = fmpnn_job_model(job);
    fmpnn_status status = bench_model(&how, b->options.json, state->out, err);
    progress_add(in->name, 1);
    return outcome_of_compute(status);
}

static size_t count_one(const batch *b, const options *o)
{
    (void)b;
    (void)o;
    return 1;
}

static int check_model(batch *b, const options *o)
{
    int code = batch_check_single(b);
    return code < 0 ? place_check(b->verb->name, o->output, o->overwrite) : code;
}

static int write_model(batch *b, int code)
{
    model_state *state = b->state;
    fflush(state->out);
    return state->size ? place_write(b->verb->name, b->options.output, state->text,
                                     state->size, code)
                       : code;
}

static int run_model(const verb *v, int argc, char **argv)
{
    static const work model = {.unit = "structures", .units = count_one, .check = check_model,
                               .each = model_one, .finish = write_model};
    model_state state = {0};
    state.out = open_memstream(&state.text, &state.size);
    if (!state.out) {
        report_error("%s: out of memory", v->name);
        return EXIT_SOME_FAILED;
    }
    int code = batch_run(v, &model, &state, argc, argv);
    fclose(state.out);
    free(state.text);
    return code;
}

static const verb benchmarks[] = {
    {"bench fusion", VERB_BENCH_FUSION, "[options]",
     "Time the fused message-passing operation beside the unfused one, check both against "
     "float64.",
     "  fusempnn bench fusion\n"
     "  fusempnn bench fusion --hidden 128 --neighbors 48 --threads 1 --isa avx2\n"
     "  fusempnn bench fusion --peers pytorch,mlx --output bench.json\n",
     run_fusion},
    {"bench model", VERB_BENCH_MODEL, "STRUCTURE [options]",
     "Time whole pieces of work on a structure, stage by stage, beside this machine's bounds.",
     "  fusempnn bench model 1hpv.pdb\n"
     "  fusempnn bench model 1hpv.pdb --work sample -n 64 --threads 1 --json\n"
     "  fusempnn bench model 1hpv.pdb --work conditional --isa avx2\n",
     run_model},
};

enum { BENCHMARKS = sizeof benchmarks / sizeof benchmarks[0] };

int cli_bench(const verb *v, int argc, char **argv)
{
    if (argc > 0 && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
        printf("Usage: fusempnn bench %s\n%s\n\n", v->arguments, v->summary);
        for (size_t n = 0; n < BENCHMARKS; n++)
            printf("  %s %s\n      %s\n", benchmarks[n].name, benchmarks[n].arguments,
                   benchmarks[n].summary);
        printf("\nExamples:\n%s", v->examples);
        return EXIT_DONE;
    }
    for (size_t n = 0; n < BENCHMARKS && argc > 0; n++)
        if (!strcmp(argv[0], benchmarks[n].name + strlen("bench ")))
            return benchmarks[n].run(&benchmarks[n], argc - 1, argv + 1);
    if (argc > 0)
        report_error("bench: unknown benchmark '%s'; there are: fusion, model", argv[0]);
    else
        report_error("bench: which one? There are: fusion, model");
    return EXIT_USAGE;
}
