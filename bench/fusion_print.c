/* The sections of the text: order and titles are those of the log of the study that this
 * benchmark answers to. */
#include "fusion.h"

#include <math.h>
#include <string.h>

#define DOUBLE "======================================================================"
#define SINGLE "----------------------------------------------------------------------"

static void banner(const bench_fusion_run *r, const char *title)
{
    fprintf(r->text, "%s\n%s\n%s\n\n", DOUBLE, title, DOUBLE);
}

static void section(const bench_fusion_run *r, const char *title)
{
    fprintf(r->text, "%s\n%s\n", title, SINGLE);
}

static const char *shown_name(const char *name)
{
    return !strcmp(name, "pytorch_eager")     ? "PyTorch eager (unfused)"
           : !strcmp(name, "pytorch_compile") ? "PyTorch compile"
           : !strcmp(name, "mlx")             ? "MLX (compiled)"
                                              : name;
}

static bool is_ready(const bench_peer *peer)
{
    return !strcmp(peer->status, "ready");
}

void bench_print_dependencies(const bench_fusion_run *r)
{
    FILE *text = r->text;
    char cpu[256];
    bench_cpu_name(cpu, sizeof cpu);
    banner(r, "KERNEL FUSION - FUSEMPNN IMPLEMENTATION");
    section(r, "1. CHECKING DEPENDENCIES");
    fprintf(text, "ok   fusempnn %s, commit %s\n", fmpnn_version(), fmpnn_commit());
    fprintf(text, "ok   processor: %s, %d cores usable\n", cpu, fmpnn_cores_usable());
    fprintf(text, "ok   instruction sets:");
    for (size_t n = 0; n < fmpnn_isa_count(); n++)
        fprintf(text, "%s %s", n ? "," : "", fmpnn_isa_name(n));
    fprintf(text, "\nok   baseline: %s, and the library's own GELU\n", r->blas.described);
    for (size_t n = 0; n < r->peers.count; n++) {
        const bench_peer *peer = &r->peers.peer[n];
        fprintf(text, "%-4s %s: %s%s%s\n", is_ready(peer) ? "ok" : "-",
                shown_name(peer->name), is_ready(peer) ? "" : peer->status,
                is_ready(peer) ? "" : ": ", peer->detail);
    }
    if (!r->o->peers)
        fprintf(text, "-    PyTorch, MLX: not asked for (--peers pytorch,mlx)\n");
    fputc('\n', text);
}

void bench_print_configuration(const bench_fusion_run *r)
{
    FILE *text = r->text;
    const bench_tensors *t = &r->t;
    section(r, "2. IMPLEMENTING FUSED MESSAGE PASSING");
    fprintf(text,
            "Fused: W1 split by columns into node and edge parts, sum over neighbours in\n"
            "registers, W2 behind the sum, update and norm while it is in cache.\n"
            "Unfused: every step of the formula a pass over full-size arrays.\n"
            "Running on cpu/%s/%s, %d thread%s, both sides.\n\n",
            fmpnn_context_isa(r->ctx), fmpnn_context_precision(r->ctx),
            fmpnn_context_threads(r->ctx), fmpnn_context_threads(r->ctx) == 1 ? "" : "s");
    section(r, "3. BENCHMARKING");
    fprintf(text,
            "\nTest configuration:\n  Batch size: %zu\n  Sequence length: %zu\n"
            "  Hidden dimension: %zu\n  k-neighbors: %zu\n  Runs: %zu\n\n",
            t->B, t->L, t->D, t->k, r->o->runs);
    if (r->o->tensors)
        fprintf(text, "Creating test data... from %s\n\n", r->o->tensors);
    else
        fprintf(text, "Creating test data... seed %llu\n\n",
                (unsigned long long)r->o->seed);
    fprintf(text, "Creating models... the same weights for all\n\n");
    fflush(text);
}

static void print_times(const bench_fusion_run *r, const char *name, const bench_times *t)
{
    fprintf(r->text, "  %s: %.4f ± %.4f ms (median %.4f, p5 %.4f, p95 %.4f)\n\n", name,
            t->mean, t->sd, t->median, t->p5, t->p95);
}

void bench_print_timing(const bench_fusion_run *r)
{
    fprintf(r->text, "Benchmarking fusempnn (fused kernel)...\n");
    print_times(r, "fusempnn (fused)", &r->fused.times);
    fprintf(r->text, "Benchmarking OpenBLAS and vector loops (unfused)...\n");
    print_times(r, "OpenBLAS (unfused)", &r->unfused.times);
    for (size_t n = 0; n < r->peers.count; n++) {
        const bench_peer *peer = &r->peers.peer[n];
        if (!is_ready(peer))
            continue;
        fprintf(r->text, "Benchmarking %s...\n", shown_name(peer->name));
        print_times(r, shown_name(peer->name), &peer->times);
    }
}

static const char *verdict(double speedup)
{
    return speedup >= 1.1   ? "fused is faster"
           : speedup >= 0.9 ? "similar performance, no significant speedup"
                            : "fused is SLOWER";
}

void bench_print_results(const bench_fusion_run *r)
{
    FILE *text = r->text;
    banner(r, "RESULTS");
    fprintf(text, "%-26s %.4f ± %.4f ms\n", "OpenBLAS (unfused):", r->unfused.times.mean,
            r->unfused.times.sd);
    fprintf(text, "%-26s %.4f ± %.4f ms\n", "fusempnn (fused):", r->fused.times.mean,
            r->fused.times.sd);
    fprintf(text, "%-26s %.2fx (medians: %.2fx): %s\n", "Speedup:", r->speedup,
            r->median_speedup, verdict(r->median_speedup));
    for (size_t n = 0; n < r->peers.count; n++) {
        const bench_peer *peer = &r->peers.peer[n];
        char label[64];
        snprintf(label, sizeof label, "%s:", shown_name(peer->name));
        if (is_ready(peer))
            fprintf(text, "%-26s %.4f ± %.4f ms, fusempnn is %.2fx (medians)\n", label,
                    peer->times.mean, peer->times.sd,
                    peer->times.median / r->fused.times.median);
        else
            fprintf(text, "%-26s %s\n", label, peer->status);
    }
    fputc('\n', text);
}

static void print_difference(const bench_fusion_run *r, const char *name, double largest,
                             double mean, double limit)
{
    fprintf(r->text, "%-24s max difference %.3e, mean difference %.3e: %s\n", name, largest,
            mean, largest <= limit ? "match" : "MISMATCH");
}

void bench_print_verification(const bench_fusion_run *r)
{
    FILE *text = r->text;
    banner(r, "NUMERICAL VERIFICATION");
    fprintf(
        text,
        "Against the plain formula in float64, same weights and inputs\n"
        "(the study asked for %g; here fused must stay within %g, unfused within 1e-05):\n",
        BENCH_STUDY_LIMIT, r->limit);
    print_difference(r, "fusempnn (fused):", r->fused.max_diff, r->fused.mean_diff,
                     r->limit);
    print_difference(r, "OpenBLAS (unfused):", r->unfused.max_diff, r->unfused.mean_diff,
                     1e-5);
    for (size_t n = 0; n < r->peers.count; n++) {
        const bench_peer *peer = &r->peers.peer[n];
        char label[64];
        snprintf(label, sizeof label, "%s:", shown_name(peer->name));
        if (is_ready(peer))
            print_difference(r, label, peer->max_diff, peer->mean_diff, BENCH_STUDY_LIMIT);
    }
    fprintf(text, "%s\n\n",
            r->match ? "Outputs match." : "Outputs differ: the times above mean nothing.");
}

void bench_print_saved(const bench_fusion_run *r)
{
    fprintf(r->text, "Results saved to: %s\n\n", r->o->output);
}

/* Bytes for people. */
static const char *size_text(double bytes, char out[32])
{
    if (bytes < 1e6)
        snprintf(out, 32, "%.0f kB", bytes * 1e-3);
    else
        snprintf(out, 32, "%.1f MB", bytes * 1e-6);
    return out;
}

static void print_work(const bench_fusion_run *r)
{
    const bench_work *a = &r->literal_work, *b = &r->fused_work;
    char x[32], y[32];
    fprintf(r->text, "Counted by formula             unfused        fused\n");
    fprintf(r->text, "  arrays with a row an edge %10d %12d\n", a->edge_arrays,
            b->edge_arrays);
    fprintf(r->text, "  written to them           %10s %12s\n", size_text(a->edge_bytes, x),
            size_text(b->edge_bytes, y));
    fprintf(r->text, "  read and written in all   %10s %12s\n", size_text(a->bytes, x),
            size_text(b->bytes, y));
    fprintf(r->text, "  MFLOP                     %10.2f %12.2f\n", a->flops * 1e-6,
            b->flops * 1e-6);
    fprintf(r->text, "  thousand GELUs            %10.1f %12.1f\n", a->gelus * 1e-3,
            (b->gelus + b->edge_values) * 1e-3);
    fprintf(r->text, "  reached: GFLOP/s          %10.1f %12.1f\n",
            a->flops / r->unfused.times.median * 1e-6,
            b->flops / r->fused.times.median * 1e-6);
    fprintf(r->text, "  reached: GB/s             %10.1f %12.1f\n\n",
            a->bytes / r->unfused.times.median * 1e-6,
            b->bytes / r->fused.times.median * 1e-6);
}

static void print_ceilings(const bench_fusion_run *r)
{
    const bench_ceilings *c = &r->ceilings;
    fprintf(r->text,
            "Ceilings measured in this run, %d thread%s\n"
            "  multiply-adds in registers   %8.1f GFLOP/s\n"
            "  product kernel in cache      %8.1f GFLOP/s\n"
            "  GELU in cache                %8.3f billion values/s\n"
            "  edge arithmetic in cache     %8.3f billion values/s\n"
            "  streaming copy               %8.1f GB/s\n\n",
            r->ctx->threads, r->ctx->threads == 1 ? "" : "s", c->fma_gflops, c->gemm_gflops,
            c->gelu_gvalues, c->edge_gvalues, c->copy_gbytes);
}

void bench_print_analysis(const bench_fusion_run *r)
{
    const bench_bound *b = &r->bound;
    banner(r, "ANALYSIS");
    print_work(r);
    print_ceilings(r);
    fprintf(r->text,
            "Bound of the fused form: %.4f ms, by %s\n"
            "  products %.4f + GELU of the update %.4f + edges %.4f = compute %.4f ms\n"
            "  memory %.4f ms, beside it\n"
            "Median %.4f ms is %.2f of that bound; %.4f ms are threads, gathering, norms, "
            "caches.\n\n",
            b->ms, b->kind, b->product_ms, b->gelu_ms, b->edge_ms, b->compute_ms,
            b->memory_ms, r->fused.times.median, r->fraction,
            r->fused.times.median - b->ms);
    banner(r, "KERNEL FUSION FUSEMPNN IMPLEMENTATION COMPLETE");
}
