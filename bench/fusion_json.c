/* The results as one JSON object, described by kernel_fusion_benchmark.schema.json. */
#include "fusion.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* JSON has no NaN or infinity: what is not a number becomes null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void put(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, number(value));
}

static json_t *whole(size_t value)
{
    return json_integer((json_int_t)value);
}

static void put_times(json_t *object, const char *prefix, const bench_times *t)
{
    char key[64];
    const struct {
        const char *suffix;
        double value;
    } all[] = {{"ms", t->mean},
               {"std_ms", t->sd},
               {"median_ms", t->median},
               {"p5_ms", t->p5},
               {"p95_ms", t->p95}};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "_" : "", all[n].suffix);
        put(object, key, all[n].value);
    }
}

static json_t *machine_of(const bench_fusion_run *r)
{
    char cpu[256];
    bench_cpu_name(cpu, sizeof cpu);
    json_t *sets = json_array(), *machine = json_object();
    for (size_t n = 0; n < fmpnn_isa_count(); n++)
        json_array_append_new(sets, json_string(fmpnn_isa_name(n)));
    json_object_set_new(machine, "cpu", json_string(cpu));
    json_object_set_new(machine, "cores", json_integer(fmpnn_cores_usable()));
    json_object_set_new(machine, "isa", sets);
    json_object_set_new(machine, "openblas", json_string(r->blas.described));
    return machine;
}

static json_t *ceilings_of(const bench_ceilings *c)
{
    json_t *object = json_object();
    put(object, "fma_gflops", c->fma_gflops);
    put(object, "matrix_gflops", c->matrix_gflops);
    put(object, "gemm_gflops", c->gemm_gflops);
    put(object, "gelu_gvalues", c->gelu_gvalues);
    put(object, "edge_gvalues", c->edge_gvalues);
    put(object, "copy_gbytes", c->copy_gbytes);
    return object;
}

static json_t *bound_of(const bench_bound *b)
{
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(b->kind));
    put(object, "ms", b->ms);
    put(object, "product_ms", b->product_ms);
    put(object, "gelu_ms", b->gelu_ms);
    put(object, "edge_ms", b->edge_ms);
    put(object, "compute_ms", b->compute_ms);
    put(object, "memory_ms", b->memory_ms);
    return object;
}

/* {"unfused": x, "fused": y} */
static void put_pair(json_t *object, const char *key, double unfused, double fused)
{
    json_t *pair = json_object();
    put(pair, "unfused", unfused);
    put(pair, "fused", fused);
    json_object_set_new(object, key, pair);
}

static json_t *peer_of(const bench_fusion_run *r, const bench_peer *peer)
{
    json_t *object = json_object();
    bool ready = !strcmp(peer->status, "ready");
    json_object_set_new(object, "status", json_string(ready ? "ran" : peer->status));
    json_t *detail = json_string(peer->detail);
    json_object_set_new(object, ready ? "version" : "reason",
                        detail ? detail : json_null());
    if (ready) {
        put_times(object, "", &peer->times);
        put(object, "max_diff", peer->max_diff);
        put(object, "mean_diff", peer->mean_diff);
        put(object, "speedup", peer->times.mean / r->fused.times.mean);
        put(object, "median_speedup", peer->times.median / r->fused.times.median);
    }
    return object;
}

static void put_peers(const bench_fusion_run *r, json_t *all)
{
    json_t *peers = json_object();
    for (size_t n = 0; n < r->peers.count; n++) {
        const bench_peer *peer = &r->peers.peer[n];
        json_object_set_new(peers, peer->name, peer_of(r, peer));
        if (strcmp(peer->status, "ready") != 0)
            continue;
        if (!strcmp(peer->name, "pytorch_eager")) {
            put(all, "pytorch_unfused_ms", peer->times.mean);
            put(all, "pytorch_std_ms", peer->times.sd);
        } else if (!strcmp(peer->name, "mlx")) {
            put(all, "mlx_fused_ms", peer->times.mean);
            put(all, "mlx_std_ms", peer->times.sd);
        }
    }
    json_object_set_new(all, "peers", peers);
}

static json_t *config_of(const bench_fusion_run *r)
{
    json_t *config = json_object();
    json_object_set_new(config, "batch_size", whole(r->t.B));
    json_object_set_new(config, "sequence_length", whole(r->t.L));
    json_object_set_new(config, "hidden_dim", whole(r->t.D));
    json_object_set_new(config, "k_neighbors", whole(r->t.k));
    json_object_set_new(config, "num_runs", whole(r->o->runs));
    if (!r->o->tensors)
        json_object_set_new(config, "seed", json_integer((json_int_t)r->o->seed));
    return config;
}

void bench_fusion_json(const bench_fusion_run *r, fmpnn_text *text)
{
    json_t *all = json_object();
    const bench_work *a = &r->literal_work, *b = &r->fused_work;
    put_times(all, "unfused", &r->unfused.times);
    put_times(all, "fused", &r->fused.times);
    put(all, "speedup", r->speedup);
    put(all, "median_speedup", r->median_speedup);
    put(all, "max_diff", r->fused.max_diff);
    put(all, "mean_diff", r->fused.mean_diff);
    put(all, "unfused_max_diff", r->unfused.max_diff);
    put(all, "unfused_mean_diff", r->unfused.mean_diff);
    put(all, "max_diff_limit", r->limit);
    json_object_set_new(all, "match", json_boolean(r->match));
    json_object_set_new(all, "config", config_of(r));
    put_peers(r, all);
    if (r->calm.processors)
        json_object_set_new(all, "calm", bench_calm_json(&r->calm, "blocks"));
    json_object_set_new(all, "version", json_string(fmpnn_version()));
    json_object_set_new(all, "commit", json_string(fmpnn_commit()));
    json_object_set_new(all, "machine", machine_of(r));
    json_object_set_new(all, "device", json_string(fmpnn_context_device(r->ctx)));
    json_object_set_new(all, "isa", json_string(fmpnn_context_isa(r->ctx)));
    json_object_set_new(all, "precision", json_string(fmpnn_context_precision(r->ctx)));
    json_object_set_new(all, "threads", json_integer(fmpnn_context_threads(r->ctx)));
    json_object_set_new(all, "ceilings", ceilings_of(&r->ceilings));
    json_object_set_new(all, "bound", bound_of(&r->bound));
    put(all, "fraction", r->fraction);
    put_pair(all, "flops", a->flops, b->flops);
    put_pair(all, "gelus", a->gelus, b->gelus + b->edge_values);
    put_pair(all, "bytes", a->bytes, b->bytes);
    put_pair(all, "edge_bytes", a->edge_bytes, b->edge_bytes);
    put_pair(all, "edge_arrays", a->edge_arrays, b->edge_arrays);
    char *json =
        json_dumps(all, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(7));
    json_decref(all);
    fmpnn_text_init(text);
    if (json)
        fmpnn_text_print(text, "%s\n", json);
    else
        text->failed = true;
    free(json);
}
