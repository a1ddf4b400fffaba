#include "tensors.h"
#include "design/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The weights are const for who reads them; here they are made. */
#define FILL(field) ((float **)(uintptr_t)&t->w.field)

void bench_tensors_list(bench_tensors *t, bench_tensor list[BENCH_FLOAT_TENSORS])
{
    size_t B = t->B, L = t->L, D = t->D, H = 2 * D;
    double in_edge = (double)(H + 4), in_wide = (double)H, in_narrow = (double)D;
    const bench_tensor all[BENCH_FLOAT_TENSORS] = {
        {"h", &t->h, 3, {B, L, D}, 0},
        {"X", &t->X, 3, {B, L, 3}, 0},
        {"mask", &t->mask, 2, {B, L, 0}, 0},
        {"W1", FILL(W1), 2, {H, H + 4, 0}, in_edge},
        {"b1", FILL(b1), 1, {H, 0, 0}, in_edge},
        {"W2", FILL(W2), 2, {D, H, 0}, in_wide},
        {"b2", FILL(b2), 1, {D, 0, 0}, in_wide},
        {"U1", FILL(U1), 2, {H, D, 0}, in_narrow},
        {"c1", FILL(c1), 1, {H, 0, 0}, in_narrow},
        {"U2", FILL(U2), 2, {D, H, 0}, in_wide},
        {"c2", FILL(c2), 1, {D, 0, 0}, in_wide},
        {"gamma", FILL(gamma), 1, {D, 0, 0}, 0},
        {"beta", FILL(beta), 1, {D, 0, 0}, 0},
    };
    memcpy(list, all, sizeof all);
}

size_t bench_tensor_count(const bench_tensor *tensor)
{
    size_t count = 1;
    for (size_t d = 0; d < tensor->rank; d++)
        count *= tensor->shape[d];
    return count;
}

fmpnn_status bench_tensors_alloc(bench_tensors *t, fmpnn_error *err)
{
    bench_tensor list[BENCH_FLOAT_TENSORS];
    size_t total = 0, limit = (size_t)1 << 31;
    if (!t->B || !t->L || !t->D || !t->k || t->D > 1 << 14 || t->B > limit / t->L ||
        t->B * t->L > limit / t->D || t->B * t->L > limit / t->k)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "batch %zu, length %zu, hidden %zu, neighbors %zu: each must be at "
            "least 1, hidden at most %d, and the arrays must fit into memory",
            t->B, t->L, t->D, t->k, 1 << 14);
    bench_tensors_list(t, list);
    for (size_t n = 0; n < BENCH_FLOAT_TENSORS; n++)
        total += (bench_tensor_count(&list[n]) + 15) / 16 * 16;
    t->w.D = t->D;
    t->block = fmpnn_alloc(total, sizeof *t->block);
    t->E = fmpnn_alloc(t->B * t->L * t->k, sizeof *t->E);
    if (!t->block || !t->E) {
        bench_tensors_clear(t);
        return fmpnn_fail_memory(err, "making test data");
    }
    total = 0;
    for (size_t n = 0; n < BENCH_FLOAT_TENSORS; n++) {
        *list[n].data = t->block + total;
        total += (bench_tensor_count(&list[n]) + 15) / 16 * 16;
    }
    return FMPNN_OK;
}

void bench_tensors_clear(bench_tensors *t)
{
    fmpnn_release(t->E);
    fmpnn_release(t->block);
    memset(t, 0, sizeof *t);
}

/* ---- drawing ---- */

typedef struct source {
    uint32_t key[2];
    uint32_t tensor; /* which one is drawn */
    uint64_t next;
} source;

static double uniform(source *s)
{
    uint32_t counter[4] = {(uint32_t)s->next, (uint32_t)(s->next >> 32), s->tensor, 0},
             out[4];
    s->next++;
    fmpnn_philox(s->key, counter, out);
    return ((double)out[0] + 0.5) * 0x1p-32;
}

static double normal(source *s)
{
    double radius = sqrt(-2 * log(uniform(s)));
    return radius * cos(2 * M_PI * uniform(s));
}

/* A chain folded into a ball: each step goes in a random direction that stays inside. */
static void draw_chain(float *X, size_t L, source *s)
{
    const double step = 3.8, volume = 134; /* Angstrom; cubic Angstrom a residue takes */
    double radius = cbrt(3 * volume * (double)L / (4 * M_PI)), at[3] = {0, 0, 0};
    radius = radius < step ? step : radius;
    for (size_t i = 0; i < L; i++) {
        double to[3], square;
        do {
            double norm = 0;
            square = 0;
            for (int a = 0; a < 3; a++) {
                to[a] = normal(s);
                norm += to[a] * to[a];
            }
            for (int a = 0; a < 3; a++) {
                to[a] = at[a] + to[a] * step / sqrt(norm);
                square += to[a] * to[a];
            }
        } while (square > radius * radius);
        memcpy(at, to, sizeof at);
        for (int a = 0; a < 3; a++)
            X[3 * i + (size_t)a] = (float)at[a];
    }
}

typedef struct candidate {
    float square;
    int32_t j;
} candidate;

static int nearer(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->square != y->square)
        return x->square < y->square ? -1 : 1;
    return (x->j > y->j) - (x->j < y->j);
}

static void find_nearest(int32_t *E, const float *X, size_t L, size_t k, candidate *work)
{
    for (size_t i = 0; i < L; i++) {
        for (size_t j = 0; j < L; j++) {
            float square = 0;
            for (size_t a = 0; a < 3; a++)
                square += (X[3 * j + a] - X[3 * i + a]) * (X[3 * j + a] - X[3 * i + a]);
            work[j] = (candidate){square, (int32_t)j};
        }
        qsort(work, L, sizeof *work, nearer);
        for (size_t m = 0; m < k; m++)
            E[i * k + m] = work[m].j;
    }
}

fmpnn_status bench_tensors_draw(bench_tensors *t, size_t B, size_t L, size_t D, size_t k,
                                uint64_t seed, fmpnn_error *err)
{
    bench_tensor list[BENCH_FLOAT_TENSORS];
    *t = (bench_tensors){.B = B, .L = L, .D = D, .k = k};
    if (k > L)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%zu neighbors of %zu residues: the nearest are at most all %zu",
                          k, L, L);
    fmpnn_status status = bench_tensors_alloc(t, err);
    if (status)
        return status;
    bench_tensors_list(t, list);
    for (size_t n = 0; n < BENCH_FLOAT_TENSORS; n++) {
        source s = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .tensor = (uint32_t)n};
        double bound = list[n].fan_in > 0 ? 1 / sqrt(list[n].fan_in) : 0;
        float constant = list[n].data == &t->mask || !strcmp(list[n].name, "gamma");
        float *dst = *list[n].data;
        if (dst == t->X) {
            for (size_t b = 0; b < B; b++)
                draw_chain(t->X + b * L * 3, L, &s);
            continue;
        }
        for (size_t c = 0; c < bench_tensor_count(&list[n]); c++)
            dst[c] = dst == t->h ? (float)normal(&s)
                     : bound > 0 ? (float)(bound * (2 * uniform(&s) - 1))
                                 : constant;
    }
    candidate *work = fmpnn_alloc(L, sizeof *work);
    if (!work) {
        bench_tensors_clear(t);
        return fmpnn_fail_memory(err, "finding neighbours");
    }
    for (size_t b = 0; b < B; b++)
        find_nearest(t->E + b * L * k, t->X + b * L * 3, L, k, work);
    fmpnn_release(work);
    return FMPNN_OK;
}
