/* Networks of the published width with random weights, and random structures, so that a device can
 * be tested without any download; and how its results are judged. */
#ifndef FMPNN_TESTS_GENERATED_NETWORK_H
#define FMPNN_TESTS_GENERATED_NETWORK_H

#include "backend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 128, FEED_FORWARD = 512, LAYERS = 3 };

/* ---- random numbers ---- */

static uint64_t generated_state = 1;

static inline double uniform(void)
{
    generated_state = generated_state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(generated_state >> 11) + 0.5) / 9007199254740992.0;
}

static inline double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* ---- weights ---- */

typedef struct maker {
    fmpnn_tensor tensor[160];
    char name[160][160];
    size_t count;
} maker;

/* rows x columns of numbers of standard deviation `scale` around `centre`. */
static inline void add(maker *m, const char *prefix, const char *name, size_t rows, size_t columns,
                double centre, double scale)
{
    fmpnn_tensor *t = &m->tensor[m->count];
    size_t size = rows * (columns ? columns : 1);
    float *data = malloc(size * sizeof *data);
    assert_non_null(data);
    for (size_t n = 0; n < size; n++)
        data[n] = (float)(centre + scale * normal());
    snprintf(m->name[m->count], sizeof m->name[0], "%s%s", prefix, name);
    *t = (fmpnn_tensor){m->name[m->count], data, columns ? 2 : 1, {rows, columns}};
    m->count++;
}

static inline void add_linear(maker *m, const char *prefix, const char *name, size_t out,
                       size_t in)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    add(m, prefix, full, out, in, 0, 1.5 / sqrt((double)in));
    snprintf(full, sizeof full, "%s.bias", name);
    add(m, prefix, full, out, 0, 0, 0.2);
}

static inline void add_norm(maker *m, const char *prefix, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    add(m, prefix, full, WIDTH, 0, 1, 0.2);
    snprintf(full, sizeof full, "%s.bias", name);
    add(m, prefix, full, WIDTH, 0, 0, 0.2);
}

static inline void add_layer(maker *m, const char *kind, int n, bool encoder)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, "%s_layers.%d.", kind, n);
    add_norm(m, prefix, "norm1");
    add_norm(m, prefix, "norm2");
    add_linear(m, prefix, "W1", WIDTH, (encoder ? 3 : 4) * WIDTH);
    add_linear(m, prefix, "W2", WIDTH, WIDTH);
    add_linear(m, prefix, "W3", WIDTH, WIDTH);
    if (encoder) {
        add_norm(m, prefix, "norm3");
        add_linear(m, prefix, "W11", WIDTH, 3 * WIDTH);
        add_linear(m, prefix, "W12", WIDTH, WIDTH);
        add_linear(m, prefix, "W13", WIDTH, WIDTH);
    }
    add_linear(m, prefix, "dense.W_in", FEED_FORWARD, WIDTH);
    add_linear(m, prefix, "dense.W_out", WIDTH, FEED_FORWARD);
}

static inline fmpnn_model *make_model(bool ca_only)
{
    static const char digest[65] = "generated";
    maker *m = calloc(1, sizeof *m);
    fmpnn_tensors tensors = {.num_edges = 48, .noise_level = NAN};
    fmpnn_model *model;
    fmpnn_error err;
    assert_non_null(m);
    add_linear(m, "features.", "embeddings.linear", 16, 66);
    if (ca_only) {
        add(m, "features.", "node_embedding.weight", WIDTH, 3, 0, 1);
        add_norm(m, "features.", "norm_nodes");
        add_linear(m, "", "W_v", WIDTH, WIDTH);
    }
    add(m, "features.", "edge_embedding.weight", WIDTH, ca_only ? 167 : 416, 0, 0.1);
    add_norm(m, "features.", "norm_edges");
    add_linear(m, "", "W_e", WIDTH, WIDTH);
    add(m, "", "W_s.weight", FMPNN_LETTERS, WIDTH, 0, 1);
    for (int n = 0; n < LAYERS; n++)
        add_layer(m, "encoder", n, true);
    for (int n = 0; n < LAYERS; n++)
        add_layer(m, "decoder", n, false);
    add_linear(m, "", "W_out", FMPNN_LETTERS, WIDTH);
    tensors.tensor = fmpnn_alloc(m->count, sizeof *tensors.tensor);
    assert_non_null(tensors.tensor);
    memcpy(tensors.tensor, m->tensor, m->count * sizeof *tensors.tensor);
    tensors.count = m->count;
    if (fmpnn_model_from_tensors("generated", digest, &tensors, &model, &err))
        fail_msg("%s", err.message);
    for (size_t n = 0; n < m->count; n++)
        free((void *)m->tensor[n].data);
    free(m);
    return model;
}

/* ---- structures ---- */

/* A chain of CA 3.8 A apart that turns back where it would leave a ball, with other atoms near
 * them. Every `unresolved`-th residue (0: none) lacks its O, or everything. */
static inline fmpnn_graph *make_graph(size_t L, size_t k, size_t unresolved, int chains,
                               bool ca_only)
{
    float *xyz = calloc(12 * L, sizeof *xyz), *mask = calloc(L, sizeof *mask);
    int32_t *index = calloc(L, sizeof *index), *chain = calloc(L, sizeof *chain);
    double at[3] = {0, 0, 0}, way[3] = {1, 0, 0}, ball = 2.2 * cbrt((double)L) + 4;
    fmpnn_graph *graph;
    fmpnn_error err;
    assert_true(xyz && mask && index && chain);
    for (size_t i = 0; i < L; i++) {
        double length = 0;
        bool leaving = at[0] * at[0] + at[1] * at[1] + at[2] * at[2] > ball * ball;
        for (int d = 0; d < 3; d++) {
            way[d] = (leaving ? -at[d] / ball : 0.6 * way[d]) + 0.7 * normal();
            length += way[d] * way[d];
        }
        for (int d = 0; d < 3; d++) {
            way[d] /= sqrt(length);
            at[d] += 3.8 * way[d];
            for (int a = 0; a < 4; a++)
                xyz[12 * i + 3 * a + d] =
                    (float)(at[d] + (a == FMPNN_ATOM_CA ? 0 : 1.4 * normal()));
        }
        mask[i] = 1;
        chain[i] = 1 + (int32_t)(i * (size_t)chains / L);
        index[i] = (int32_t)i + 100 * (chain[i] - 1);
        if (unresolved && i % unresolved == unresolved / 2) {
            mask[i] = 0;
            for (int n = i % 2 ? 0 : 9; n < 12; n++)
                xyz[12 * i + (size_t)n] = NAN;
        }
    }
    if (fmpnn_graph_create(L, xyz, mask, index, chain, k, ca_only, &graph, &err))
        fail_msg("%s", err.message);
    free(xyz);
    free(mask);
    free(index);
    free(chain);
    return graph;
}

/* ---- comparison ---- */

typedef struct comparison {
    double error, size, worst; /* squares summed; the largest difference */
    size_t count;
} comparison;

static inline void compare(comparison *c, double got, double want)
{
    double difference = fabs(got - want);
    if (!(difference <= c->worst))
        c->worst = isnan(difference) ? INFINITY : difference;
    c->error += difference * difference;
    c->size += want * want;
    c->count++;
}

/* Both modes compute with rounded operands: 22 bits or 11, the rest in float. A lost neighbour,
 * a wrong class of offset or a mask forgotten is 100 times what rounding does. */
static inline void judge(const comparison *c, const char *what, size_t L, size_t K, double limit)
{
    double error = c->size > 0 ? sqrt(c->error / c->size) : sqrt(c->error);
    if (!(error <= limit) ||
        !(c->worst <= 100 * limit * (1 + sqrt(c->size / (double)c->count))))
        fail_msg("%s of L %zu, K %zu: relative error %.2g, largest %.2g, limit %.2g", what,
                 L, K, error, c->worst, limit);
}

static inline fmpnn_status open_device(const char *precision, fmpnn_context **ctx,
                                fmpnn_error *err)
{
    fmpnn_context_options options;
    fmpnn_context_options_default(&options);
    options.device = "cuda";
    options.precision = precision;
    return fmpnn_context_create(&options, ctx, err);
}

#endif
