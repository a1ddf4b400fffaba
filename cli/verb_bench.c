/* bench: benchmarks; each is a verb of its own behind this one. */
#include "bench/fusion.h"
#include "report.h"
#include "verbs.h"

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

static const verb benchmarks[] = {
    {"bench fusion", VERB_BENCH_FUSION, "[options]",
     "Time the fused message-passing operation beside the unfused one, check both against "
     "float64.",
     "  fusempnn bench fusion\n"
     "  fusempnn bench fusion --hidden 128 --neighbors 48 --threads 1 --isa avx2\n"
     "  fusempnn bench fusion --peers pytorch,mlx --output bench.json\n",
     run_fusion},
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
        report_error("bench: unknown benchmark '%s'; there is: fusion", argv[0]);
    else
        report_error("bench: which one? There is: fusion");
    return EXIT_USAGE;
}
