/* check_kernels --bench: time, rate and gain of each kernel. Instruction sets take turns within
 * each round, so that a slow moment of the machine hits all of them; median and quartile
 * distance of many rounds. "cold" is one call after its data was pushed out of the second-level
 * cache. */
#include "check.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 31, COLD_ROUNDS = 9, MAX_ISAS = 8, EVICT = 16 << 20, ROUND_NS = 100000 };

/* A workload: sizes, and what it costs by formula. */
typedef struct load {
    const char *slot, *name;
    size_t M, K, N;
    int flag;
    double flops, bytes;
} load;

/* Counted: 2 a multiply-add, 13 a GELU (its operations), 12 a Gaussian, 8 a layer norm. */
#define GEMM(M, K, N, gelu)                                                                \
    M, K, N, gelu, (M) * (N) * (2.0 * (K) + 13.0 * (gelu)),                                \
        4.0 * ((M) * (K) + (N) * (K) + (M) * (N))
static const load loads[] = {
    {"gemm", "48x128x128", GEMM(48, 128, 128, 0)},
    {"gemm", "48x128x128 gelu", GEMM(48, 128, 128, 1)},
    {"gemm", "48x416x128", GEMM(48, 416, 128, 0)},
    {"gemm", "106x128x512 gelu", GEMM(106, 128, 512, 1)},
    {"gemm", "1x128x128", GEMM(1, 128, 128, 0)},
    {"gemm", "1x512x128", GEMM(1, 512, 128, 0)},
    {"gemm", "106x128x21", GEMM(106, 128, 21, 0)},
    {"gemm_sum", "48x128x128", 48, 128, 128, 0, 48 * 128 * (256.0 + 15),
     4 * (48 * 128 + 128 * 129.0)},
    {"gather_gelu", "48x128", 48, 0, 128, 0, 48 * 128 * 16.0, 4 * 48 * 128 * 4.0},
    {"mlp", "48x128x128x128", 48, 128, 128, 0, 48 * 128 * (3 * 256.0 + 26),
     4 * (48 * 128 * 3 + 3 * 128 * 129.0)},
    {"mlp_sum", "48x128x128", 48, 128, 128, 0, 48 * 128 * (2 * 256.0 + 27),
     4 * (48 * 128 * 2 + 2 * 128 * 129.0)},
    {"message_sum", "48x128x128", 48, 128, 128, 0, 48 * 128 * (256.0 + 31),
     4 * (48 * 128 * 3 + 128 * 129.0)},
    {"sum_rows", "48x128", 48, 0, 128, 0, 48 * 128.0, 4 * 48 * 128.0},
    {"edge_sum", "12x128", 12, 0, 128, 0, 12 * 128 * 23.0, 4 * 12 * 128.0},
    {"edge_sum", "48x256", 48, 0, 256, 0, 48 * 256 * 23.0, 4 * 48 * 256.0},
    {"edge_sum", "48x256 tanh", 48, 0, 256, 1, 48 * 256 * 23.0, 4 * 48 * 256.0},
    {"edge_geometry", "32x12", 32, 12, 0, 0, 32 * 12 * 14.0, 4 * 32 * 12 * 8.0},
    {"distance", "48", 48, 0, 0, 0, 48 * 10.0, 4 * 48 * 4.0},
    {"gelu", "4096", 1, 0, 4096, 0, 4096 * 13.0, 8 * 4096.0},
    {"gelu", "4096 tanh", 1, 0, 4096, 1, 4096 * 13.0, 8 * 4096.0},
    {"layer_norm", "48x128", 48, 0, 128, 0, 48 * 128 * 8.0, 8 * 48 * 128.0},
    {"radial_basis", "1200", 1200, 0, 16, 0, 1200 * 16 * 12.0, 4 * 1200 * 17.0},
};

static struct data {
    float *src, *dst, *panels, *bias, *small;
    const float **rows;
    int32_t *at; /* [384], below 256 */
    unsigned char *evict;
} data;

static void run(const fmpnn_kernels *k, const load *l)
{
    const size_t M = l->M, K = l->K, N = l->N;
    const fmpnn_product map = {data.panels, N, data.bias}, maps[] = {map, map, map};
    const fmpnn_added added = {.rows = data.rows};
    if (strcmp(l->slot, "gemm") == 0)
        k->gemm(data.dst, N, data.src, K, M, K, data.panels, N, data.bias, NULL, l->flag);
    else if (strcmp(l->slot, "gemm_sum") == 0)
        k->gemm_sum(data.dst, data.src, K, M, K, data.panels, N, data.bias, data.small);
    else if (strcmp(l->slot, "gather_gelu") == 0)
        k->gather_gelu(data.dst, N, data.bias, data.rows, data.rows + 1, data.rows + 2, M,
                       N);
    else if (strcmp(l->slot, "mlp") == 0)
        k->mlp(data.dst, N, data.src, K, M, K, maps, 3, &added, data.rows,
               data.dst + M * N);
    else if (strcmp(l->slot, "mlp_sum") == 0)
        k->mlp_sum(data.dst, data.src, K, M, K, maps, &added, NULL, data.dst + N);
    else if (strcmp(l->slot, "message_sum") == 0)
        k->message_sum(data.dst, data.bias, data.rows, data.rows + 1, data.rows + 2, M, K,
                       data.panels, N, data.bias, data.dst + N, data.rows + 3, M);
    else if (strcmp(l->slot, "sum_rows") == 0)
        k->sum_rows(data.dst, data.rows, M, N);
    else if (strcmp(l->slot, "edge_sum") == 0)
        k->edge_sum(data.dst, data.bias, data.panels, N, data.at, data.small, M, data.src,
                    M, N, l->flag);
    else if (strcmp(l->slot, "edge_geometry") == 0)
        k->edge_geometry(data.dst, data.src, data.src, data.at, M, K);
    else if (strcmp(l->slot, "distance") == 0)
        k->distance(data.dst, data.src, M, data.bias, 1e-6f, M);
    else if (strcmp(l->slot, "gelu") == 0)
        k->gelu(data.dst, data.src, N, l->flag);
    else if (strcmp(l->slot, "layer_norm") == 0)
        k->layer_norm(data.dst, N, data.src, N, M, N, data.bias, data.bias);
    else
        k->radial_basis(data.dst, 16, data.small, M, 2);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static double time_calls(const fmpnn_kernels *k, const load *l, size_t calls)
{
    const double start = now_ns();
    for (size_t i = 0; i < calls; i++)
        run(k, l);
    return (now_ns() - start) / (double)calls;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct timing {
    double median, spread, cold;
} timing;

static void time_load(const fmpnn_kernels **kernels, size_t isas, const load *l,
                      timing *result)
{
    static double warm[MAX_ISAS][ROUNDS], cold[MAX_ISAS][COLD_ROUNDS];
    size_t calls[MAX_ISAS];
    for (size_t n = 0; n < isas; n++) {
        time_calls(kernels[n], l, 3);
        calls[n] = 1 + (size_t)(ROUND_NS / (time_calls(kernels[n], l, 3) + 1));
    }
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t n = 0; n < isas; n++)
            warm[n][round] = time_calls(kernels[n], l, calls[n]);
    for (size_t round = 0; round < COLD_ROUNDS; round++)
        for (size_t n = 0; n < isas; n++) {
            for (size_t i = 0; i < EVICT; i += 64)
                data.evict[i]++;
            cold[n][round] = time_calls(kernels[n], l, 1);
        }
    for (size_t n = 0; n < isas; n++) {
        qsort(warm[n], ROUNDS, sizeof(double), by_value);
        qsort(cold[n], COLD_ROUNDS, sizeof(double), by_value);
        result[n] =
            (timing){warm[n][ROUNDS / 2], warm[n][3 * ROUNDS / 4] - warm[n][ROUNDS / 4],
                     cold[n][COLD_ROUNDS / 2]};
    }
}

static bool make_data(uint64_t seed)
{
    check c = {.random = seed};
    const size_t size = 128 * 1024;
    float **blocks[] = {&data.src, &data.dst, &data.panels, &data.bias, &data.small};
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
        if ((*blocks[b] = fmpnn_alloc(size, sizeof(float))) == NULL)
            return false;
        for (size_t i = 0; i < size; i++)
            (*blocks[b])[i] = check_uniform(&c, 1);
    }
    for (size_t i = 0; i < size; i++)
        data.small[i] = 11 + 10 * data.small[i]; /* distances and weights */
    data.rows = fmpnn_alloc(256, sizeof *data.rows);
    data.at = fmpnn_alloc(384, sizeof *data.at);
    for (size_t i = 0; data.at && i < 384; i++)
        data.at[i] = (int32_t)check_below(&c, 256);
    data.evict = fmpnn_alloc_zero(EVICT, 1);
    for (size_t i = 0; data.rows && i < 256; i++)
        data.rows[i] = data.src + check_below(&c, 256) * 256;
    return data.rows && data.at && data.evict;
}

static void free_data(void)
{
    fmpnn_release(data.evict);
    fmpnn_release(data.rows);
    fmpnn_release(data.at);
    fmpnn_release(data.small);
    fmpnn_release(data.bias);
    fmpnn_release(data.panels);
    fmpnn_release(data.dst);
    fmpnn_release(data.src);
    data = (struct data){0};
}

/* The tables of one instruction set, float32 first. */
static size_t add_tables(const fmpnn_kernels **kernels, const char *isa)
{
    size_t count = 0;
    for (size_t p = 0; fmpnn_precision_name(p); p++)
        if ((kernels[count] = fmpnn_kernels_for(isa, fmpnn_precision_name(p))) != NULL)
            count++;
    kernels[count] = fmpnn_kernels_precise(isa);
    return count + (kernels[count] && kernels[count] != kernels[0]);
}

int bench(const char *isa, const char *glob, uint64_t seed)
{
    const fmpnn_kernels *kernels[MAX_ISAS];
    size_t isas = 0, shown = 0;
    for (size_t n = 0; n < fmpnn_isa_count() && isas < MAX_ISAS;
         n++) /* generic always: ratio */
        if (n == 0 || !isa || strcmp(isa, fmpnn_isa_name(n)) == 0)
            isas += add_tables(kernels + isas, fmpnn_isa_name(n));
    if (isa && strcmp(kernels[isas - 1]->isa, isa) != 0) {
        printf("instruction set %s is not to be had on this machine\n", isa);
        return 1;
    }
    if (!make_data(seed)) {
        free_data();
        fprintf(stderr, "check_kernels: out of memory\n");
        return 2;
    }
    const unsigned mode = fmpnn_float_mode_enter();
    printf("%-13s %-17s %-7s %-6s %10s %7s %10s %8s %8s %8s\n", "kernel", "size", "isa", "how", "ns",
           "+-", "cold ns", "GFLOP/s", "GB/s", "gain");
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        const load *l = &loads[i];
        timing t[MAX_ISAS];
        if (glob && fnmatch(glob, l->slot, 0) != 0)
            continue;
        time_load(kernels, isas, l, t);
        for (size_t n = 0; n < isas; n++)
            printf("%-13s %-17s %-7s %-6s %10.0f %7.0f %10.0f %8.1f %8.1f %7.2fx\n", l->slot,
                   l->name, kernels[n]->isa, kernels[n]->precision, t[n].median, t[n].spread, t[n].cold,
                   l->flops / t[n].median, l->bytes / t[n].median,
                   t[0].median / t[n].median);
        fflush(stdout);
        shown++;
    }
    fmpnn_float_mode_leave(mode);
    free_data();
    if (!shown)
        printf("no kernel matches %s: nothing was timed\n", glob);
    return shown ? 0 : 1;
}
