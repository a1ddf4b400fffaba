/* `fusempnn bench fusion`: the fused message-passing operation against the unfused baseline and
 * against float64, on one set of tensors. Sections are printed as they come about. */
#ifndef BENCH_FUSION_H
#define BENCH_FUSION_H

#include "calm.h"
#include "ceilings.h"
#include "count.h"
#include "openblas.h"
#include "peers.h"
#include "tensors.h"
#include "unfused.h"

/* Exit codes of the program, docs/map.md. */
enum {
    BENCH_DONE = 0,
    BENCH_MISMATCH = 1, /* or something that could not be run or written */
    BENCH_USAGE = 2,
    BENCH_NO_INPUT = 3,
    BENCH_DEVICE = 5
};

/* The study whose log gives the sections called outputs equal below this. */
#define BENCH_STUDY_LIMIT 1e-3

typedef struct bench_fusion_options {
    size_t B, L, D, k, runs; /* B L D k: 0 if not given */
    uint64_t seed;
    const char *tensors; /* a .safetensors file, or NULL: drawn */
    const char *peers;   /* "pytorch,mlx", or NULL */
    const char *output;  /* the JSON file; its folder is made */
    bool json;           /* the JSON object on stdout instead of the sections */
    fmpnn_context_options how;
} bench_fusion_options;

typedef struct bench_side { /* one of the two implementations */
    float *out;             /* [B][L][D] */
    double *ms;             /* [runs] */
    size_t count;
    bench_times times;
    double max_diff, mean_diff; /* from float64 */
} bench_side;

typedef struct bench_fusion_run {
    const bench_fusion_options *o;
    FILE *text;                /* where sections go */
    fmpnn_context *ctx, *wide; /* the one measured, and float64 */
    bench_openblas blas;
    bench_tensors t;
    fmpnn_message_pass *operation;
    bench_unfused *baseline;
    float *exact; /* [B][L][D] from float64 */
    bench_side fused, unfused;
    bench_peers peers;
    bench_ceilings ceilings;
    bench_calm calm;
    bench_work literal_work, fused_work;
    bench_bound bound;
    double fraction; /* of the bound, reached by the median run */
    double limit;    /* largest difference from float64 that this precision may show */
    double speedup, median_speedup;
    bool match;
} bench_fusion_run;

/* Returns one of the codes above; `err` has the message where it is not BENCH_DONE or a mismatch
 * that was printed (then it is empty). */
int bench_fusion(const bench_fusion_options *options, fmpnn_error *err);

/* ---- fusion_print.c: the sections ---- */

void bench_print_dependencies(const bench_fusion_run *r);
void bench_print_configuration(const bench_fusion_run *r);
void bench_print_timing(const bench_fusion_run *r);
void bench_print_results(const bench_fusion_run *r);
void bench_print_verification(const bench_fusion_run *r);
void bench_print_saved(const bench_fusion_run *r);
void bench_print_analysis(const bench_fusion_run *r);

/* ---- fusion_json.c ---- */

/* One JSON object with a final newline, of fmpnn_text; text->failed if memory ran out. The form
 * is kernel_fusion_benchmark.schema.json. */
void bench_fusion_json(const bench_fusion_run *r, fmpnn_text *text);

#endif
