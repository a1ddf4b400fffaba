/* cuda_figures FOLDER|- [fp32|fp16|all [BACKBONES [only]]]: times of a device as one JSON object. FOLDER
 * holds 5L33.pdb and 6EHB.pdb (-: the operation alone), BACKBONES the files of make_backbones ("all" stands for both precisions;
 * a word after BACKBONES: only what has to do with many sequences). Medians; "graph_us" is one call
 * inside a graph of many, by device events; "device_ms"
 * is between events on the stream; "call_ms" is wall clock from call to result.
 * bench/cuda/README.md says how results are kept. */
#include "cuda/message_pass.cuh"

extern "C" {
#include "design/job.h"
#include "design/order.h"
#include "design/random.h"
}
#include <algorithm>
#include <chrono>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#define MUST(call)                                                                          \
    do {                                                                                    \
        if (call) {                                                                         \
            fprintf(stderr, "cuda_figures: %s\n", err.message);                             \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)
#define CUDA(call)                                                                          \
    do {                                                                                    \
        cudaError_t code_ = (call);                                                         \
        if (code_ != cudaSuccess) {                                                         \
            fprintf(stderr, "cuda_figures: %s: %s\n", #call, cudaGetErrorString(code_));    \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

extern "C" const fmpnn_cuda_plugin *fmpnn_cuda_plugin_get(void);

static fmpnn_error err;
static bool first_figure = true;

static double now(void)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

static double median(std::vector<double> v)
{
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

template <typename F> static double time_call(int runs, F f)
{
    std::vector<double> times;
    f();
    for (int n = 0; n < runs; n++) {
        double start = now();
        f();
        times.push_back(now() - start);
    }
    return median(times);
}

template <typename F> static double time_device(cudaStream_t stream, int runs, F f)
{
    cudaEvent_t start, stop;
    std::vector<double> times;
    CUDA(cudaEventCreate(&start));
    CUDA(cudaEventCreate(&stop));
    f();
    for (int n = 0; n < runs; n++) {
        float ms;
        CUDA(cudaEventRecord(start, stream));
        f();
        CUDA(cudaEventRecord(stop, stream));
        CUDA(cudaEventSynchronize(stop));
        CUDA(cudaEventElapsedTime(&ms, start, stop));
        times.push_back(ms * 1e-3);
    }
    CUDA(cudaEventDestroy(start));
    CUDA(cudaEventDestroy(stop));
    return median(times);
}

static void figure(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s\n    ", first_figure ? "" : ",");
    vprintf(format, arguments);
    va_end(arguments);
    first_figure = false;
    fflush(stdout);
}

/* ---- the operation ---- */

static float *random_floats(size_t count, double scale)
{
    static uint64_t state = 1;
    float *data = (float *)malloc(count * sizeof *data);
    for (size_t n = 0; n < count; n++) {
        double sum = 0;
        for (int k = 0; k < 4; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(state >> 40) / (1 << 24) - 0.5;
        }
        data[n] = (float)(sum * scale * 1.7);
    }
    return data;
}

/* Seconds of a call inside a graph. */
static double time_graph(device *dev, fmpnn_operation *op, size_t B, size_t L)
{
    enum { CALLS = 20 };
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamBeginCapture(dev->stream, cudaStreamCaptureModeThreadLocal));
    for (int n = 0; n < CALLS; n++)
        MUST(operation_launch(dev, &op->w, B, L, &op->a, &err));
    CUDA(cudaStreamEndCapture(dev->stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    double all = time_device(dev->stream, 30, [&] { CUDA(cudaGraphLaunch(exec, dev->stream)); });
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    return all / CALLS;
}

static void time_operation(fmpnn_context *ctx, const char *precision, size_t B, size_t L,
                           size_t D, size_t k)
{
    size_t H = 2 * D, nodes = B * L;
    device *dev = (device *)ctx->device;
    float *W1 = random_floats(H * (H + 4), 1 / sqrt((double)H)), *b = random_floats(H, 0.1),
          *W2 = random_floats(D * H, 1 / sqrt((double)H)), *h = random_floats(nodes * D, 1),
          *X = random_floats(nodes * 3, 8), *mask = random_floats(nodes, 0),
          *out = random_floats(nodes * D, 0);
    fmpnn_message_weights w = {D, W1, b, W2, b, W2, b, W2, b, b, b, false};
    std::vector<int32_t> E(nodes * k);
    fmpnn_operation *op;
    for (size_t n = 0; n < nodes; n++) {
        mask[n] = 1;
        for (size_t m = 0; m < k; m++) /* near in the chain, as in a protein, and some far */
            E[n * k + m] = (int32_t)((n % L + m * (m % 3 ? 1 : 37)) % L);
    }
    MUST(ctx->backend->operation_create(ctx, &w, nodes, k, &op, &err));
    double call = time_call(B > 8 ? 5 : 200, [&] {
        MUST(ctx->backend->operation_run(op, B, L, h, X, E.data(), mask, out, &err));
    });
    double inside = time_graph(dev, op, B, L), few, many;
    double direct = time_call(100, [&] {
        MUST(operation_launch(dev, &op->w, B, L, &op->a, &err));
        CUDA(cudaStreamSynchronize(dev->stream));
    });
    std::vector<float> way[2];
    for (int n = 0; n < 2; n++) {
        op->w.way = n ? WAY_MANY : WAY_FEW;
        (n ? many : few) = time_graph(dev, op, B, L);
        way[n].resize(nodes * D);
        CUDA(cudaMemcpy(way[n].data(), op->a.out, nodes * D * sizeof(float),
                        cudaMemcpyDeviceToHost));
    }
    if (memcmp(way[0].data(), way[1].data(), nodes * D * sizeof(float)) != 0)
        fprintf(stderr, "cuda_figures: %s (%zu, %zu, %zu, %zu): ways differ\n", precision, B, L,
                D, k);
    figure("{\"work\": \"operation\", \"precision\": \"%s\", \"size\": [%zu, %zu, %zu, %zu], "
           "\"graph_us\": %.2f, \"launch_us\": %.2f, \"call_us\": %.2f, "
           "\"graph_us_of_ways\": {\"few\": %.2f, \"many\": %.2f}}",
           precision, B, L, D, k, inside * 1e6, direct * 1e6, call * 1e6, few * 1e6,
           many * 1e6);
    ctx->backend->operation_free(op);
    for (float *block : {W1, b, W2, h, X, mask, out})
        free(block);
}

/* ---- structures ---- */

typedef struct requests {
    std::vector<uint32_t> order;
    std::vector<double> uniform;
    std::vector<uint8_t> letters;
    std::vector<float> logits;
    std::vector<fmpnn_draw_request> request;
} requests;

static void make_requests(requests *r, fmpnn_job *job, const fmpnn_structure *st, size_t B)
{
    size_t L = job->inputs->L, n_shared;
    fmpnn_stream stream;
    fmpnn_stream_init(&stream, 1, fmpnn_structure_digest(st), 0.1);
    r->order.resize(B * L);
    r->uniform.resize(B * L);
    r->letters.resize(B * L);
    r->logits.resize(B * L * FMPNN_LETTERS);
    r->request.resize(B);
    for (size_t b = 0; b < B; b++) {
        fmpnn_order_native(job, &stream, b + 1, &r->order[b * L], &n_shared);
        for (size_t i = 0; i < L; i++)
            r->uniform[b * L + i] =
                fmpnn_uniform(&stream, b + 1, (uint32_t)i, FMPNN_FOR_LETTER);
        fmpnn_draw_request q = {};
        q.order = &r->order[b * L];
        q.uniform = &r->uniform[b * L];
        q.temperature = 0.1;
        q.letters = &r->letters[b * L];
        q.logits = &r->logits[b * L * FMPNN_LETTERS];
        r->request[b] = q;
    }
}

static void time_structure(fmpnn_context *ctx, const char *precision, const fmpnn_model *model,
                           const char *folder, const char *name, const size_t *batch)
{
    char path[4096];
    fmpnn_structure *st;
    fmpnn_job *job;
    fmpnn_settings settings;
    fmpnn_encoding *encoding;
    device *dev = (device *)ctx->device;
    snprintf(path, sizeof path, "%s/%s.pdb", folder, name);
    fmpnn_settings_default(&settings);
    MUST(fmpnn_structure_read(path, NULL, &st, &err));
    MUST(fmpnn_job_create(st, model, &settings, &job, &err));
    double call = time_call(30, [&] {
        MUST(ctx->backend->encode(ctx, model, job->graph, &encoding, &err));
        MUST(device_wait(dev, &err));
        ctx->backend->encoding_free(encoding);
    });
    MUST(ctx->backend->encode(ctx, model, job->graph, &encoding, &err));
    double inside = time_device(dev->stream, 30, [&] {
        MUST(cuda_encode(dev, encoding->weights, 1, &encoding->item, NULL, &err));
    });
    figure("{\"work\": \"encode\", \"precision\": \"%s\", \"structure\": \"%s\", "
           "\"device_ms\": %.4f, \"call_ms\": %.4f}",
           precision, name, inside * 1e3, call * 1e3);
    for (; *batch; batch++) {
        requests r;
        fmpnn_encoding *again;
        make_requests(&r, job, st, *batch);
        int runs = *batch > 256 ? 5 : 20;
        std::vector<double> kernels; /* between the events that sample.cu records */
        double alone = time_call(runs, [&] {
            float ms;
            MUST(ctx->backend->sample(ctx, encoding, &job->rules, 0, *batch, r.request.data(),
                                      &err));
            CUDA(cudaEventElapsedTime(&ms, dev->timed[0], dev->timed[1]));
            kernels.push_back(ms * 1e-3);
        });
        double device_time = median(kernels);
        double both = time_call(runs, [&] {
            MUST(ctx->backend->encode(ctx, model, job->graph, &again, &err));
            MUST(ctx->backend->sample(ctx, again, &job->rules, 0, *batch, r.request.data(),
                                      &err));
            ctx->backend->encoding_free(again);
        });
        figure("{\"work\": \"sample\", \"precision\": \"%s\", \"structure\": \"%s\", "
               "\"sequences\": %zu, \"device_ms\": %.4f, \"call_ms\": %.4f, "
               "\"with_encode_call_ms\": %.4f, \"sequences_per_s_device\": %.0f}",
               precision, name, *batch, device_time * 1e3, alone * 1e3, both * 1e3,
               (double)*batch / device_time);
    }
    ctx->backend->encoding_free(encoding);
    fmpnn_job_free(job);
    fmpnn_structure_free(st);
}

/* ---- many structures ---- */

typedef struct library {
    std::vector<fmpnn_structure *> st;
    std::vector<fmpnn_job *> job;
    std::vector<const fmpnn_graph *> graph;
    size_t residues;
    double read, prepare; /* seconds of one thread, all of them */
} library;

static library read_library(const char *folder, const fmpnn_model *model)
{
    library all = {};
    fmpnn_settings settings;
    fmpnn_settings_default(&settings);
    settings.seed = 1;
    for (int n = 1;; n++) {
        char path[4096];
        fmpnn_structure *st;
        fmpnn_job *job;
        snprintf(path, sizeof path, "%s/b%04d.pdb", folder, n);
        double start = now();
        if (fmpnn_structure_read(path, NULL, &st, &err))
            break;
        double middle = now();
        MUST(fmpnn_job_create(st, model, &settings, &job, &err));
        all.read += middle - start;
        all.prepare += now() - middle;
        all.st.push_back(st);
        all.job.push_back(job);
        all.graph.push_back(job->graph);
        all.residues += job->inputs->L;
    }
    return all;
}

static void time_library(fmpnn_context *ctx, const char *precision, const fmpnn_model *model,
                         library *all)
{
    size_t n = all->job.size();
    device *dev = (device *)ctx->device;
    std::vector<fmpnn_encoding *> encoding(n);
    std::vector<structure> item(n);
    std::vector<requests> made(n);
    std::vector<fmpnn_sampling> sampling(n);
    std::vector<double> kernels;
    for (size_t k = 0; k < n; k++)
        make_requests(&made[k], all->job[k], all->st[k], 1);
    double encode_call = time_call(5, [&] {
        if (encoding[0])
            for (size_t k = 0; k < n; k++)
                ctx->backend->encoding_free(encoding[k]);
        MUST(ctx->backend->encode_many(ctx, model, n, all->graph.data(), encoding.data(), &err));
        MUST(device_wait(dev, &err));
    });
    for (size_t k = 0; k < n; k++) {
        item[k] = encoding[k]->item;
        sampling[k] = {encoding[k], &all->job[k]->rules, 0, 1, made[k].request.data()};
    }
    double encode = time_device(dev->stream, 5, [&] {
        MUST(cuda_encode(dev, encoding[0]->weights, n, item.data(), NULL, &err));
    });
    double sample_call = time_call(5, [&] {
        float ms;
        MUST(ctx->backend->sample_many(ctx, n, sampling.data(), &err));
        CUDA(cudaEventElapsedTime(&ms, dev->timed[0], dev->timed[1]));
        kernels.push_back(ms * 1e-3);
    });
    double sample = median(kernels);
    for (size_t k = 0; k < n; k++)
        ctx->backend->encoding_free(encoding[k]);
    std::vector<fmpnn_design_request> ask(n);
    double design = time_call(5, [&] {
        for (size_t k = 0; k < n; k++) {
            ask[k] = fmpnn_design_request();
            ask[k].job = all->job[k];
            ask[k].temperature = 0.1;
            ask[k].first = ask[k].n = 1;
        }
        MUST(fmpnn_design_many(ctx, n, ask.data(), &err));
        for (size_t k = 0; k < n; k++)
            fmpnn_samples_free(ask[k].samples);
    });
    figure("{\"work\": \"backbones\", \"precision\": \"%s\", \"structures\": %zu, "
           "\"residues\": %zu, \"encode_device_ms\": %.3f, \"encode_call_ms\": %.3f, "
           "\"sample_device_ms\": %.3f, \"sample_call_ms\": %.3f, "
           "\"backbones_per_s_device\": %.0f, \"design_many_call_ms\": %.3f, "
           "\"backbones_per_s_call\": %.0f, \"host_read_ms_each\": %.3f, "
           "\"host_job_ms_each\": %.3f}",
           precision, n, all->residues, encode * 1e3, encode_call * 1e3, sample * 1e3,
           sample_call * 1e3, (double)n / (encode + sample), design * 1e3, (double)n / design,
           all->read * 1e3 / (double)n, all->prepare * 1e3 / (double)n);
}

static void time_design(fmpnn_context *ctx, const char *precision, const fmpnn_model *model,
                        const char *folder, size_t n)
{
    char path[4096];
    fmpnn_structure *st;
    fmpnn_job *job;
    fmpnn_settings settings;
    fmpnn_samples *samples;
    snprintf(path, sizeof path, "%s/5L33.pdb", folder);
    fmpnn_settings_default(&settings);
    MUST(fmpnn_structure_read(path, NULL, &st, &err));
    MUST(fmpnn_job_create(st, model, &settings, &job, &err));
    double call = time_call(5, [&] {
        MUST(fmpnn_design(ctx, job, 0.1, 1, n, false, &samples, &err));
        fmpnn_samples_free(samples);
    });
    figure("{\"work\": \"design\", \"precision\": \"%s\", \"structure\": \"5L33\", "
           "\"sequences\": %zu, \"threads\": %d, \"call_ms\": %.3f, "
           "\"sequences_per_s_call\": %.0f}",
           precision, n, ctx->threads, call * 1e3, (double)n / call);
    fmpnn_job_free(job);
    fmpnn_structure_free(st);
}

int main(int argc, char **argv)
{
    static const size_t small[] = {1, 16, 64, 512, 2112, 4096, 16384, 0},
                        large[] = {1, 16, 512, 0};
    static const size_t sizes[][4] = {{1, 106, 64, 12}, {1, 106, 128, 48}, {1, 500, 128, 48},
                                      {8, 500, 128, 48}, {64, 500, 128, 48}};
    fmpnn_model *model = NULL;
    cudaDeviceProp p;
    int driver;
    if (argc < 2) {
        fprintf(stderr, "usage: cuda_figures FOLDER|- [fp32|fp16|all [BACKBONES [only]]]\n");
        return 2;
    }
    CUDA(cudaGetDeviceProperties(&p, 0));
    CUDA(cudaDriverGetVersion(&driver));
    if (strcmp(argv[1], "-") != 0)
        MUST(fmpnn_model_load("vanilla/v_48_020", &model, &err));
    printf("{\"card\": \"%s\", \"cuda_driver\": %d, \"commit\": \"%s\", \"figures\": [", p.name,
           driver, fmpnn_commit());
    for (const char *precision : {"fp32", "fp16"}) {
        fmpnn_context ctx = {};
        if (argc > 2 && strcmp(argv[2], "all") != 0 && strcmp(argv[2], precision) != 0)
            continue;
        ctx.threads = fmpnn_cores_usable();
        ctx.pool = fmpnn_pool_create(ctx.threads);
        MUST(fmpnn_cuda_plugin_get()->open(&ctx, 0, precision, &err));
        device *dev = (device *)ctx.device;
        CUDA(cudaEventCreate(&dev->timed[0]));
        CUDA(cudaEventCreate(&dev->timed[1]));
        if (argc > 3) {
            library all = read_library(argv[3], model);
            time_library(&ctx, precision, model, &all);
            for (size_t k = 0; k < all.job.size(); k++) {
                fmpnn_job_free(all.job[k]);
                fmpnn_structure_free(all.st[k]);
            }
        }
        if (model)
            for (size_t n : {64, 4096, 16384})
                time_design(&ctx, precision, model, argv[1], n);
        for (const auto &s : sizes)
            if (argc < 5)
                time_operation(&ctx, precision, s[0], s[1], s[2], s[3]);
        if (argc < 5 && model) {
            time_structure(&ctx, precision, model, argv[1], "5L33", small);
            time_structure(&ctx, precision, model, argv[1], "6EHB", large);
        }
        ctx.close(&ctx);
        fmpnn_pool_free(ctx.pool);
    }
    printf("\n]}\n");
    fmpnn_model_free(model);
    return 0;
}
