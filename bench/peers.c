#define _GNU_SOURCE
#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct bench_child {
    pid_t pid;
    FILE *to, *from;
    struct sigaction old_pipe;
} bench_child;

void bench_difference(const float *a, const float *b, size_t count, double *largest,
                      double *mean)
{
    *largest = *mean = 0;
    for (size_t n = 0; n < count; n++) {
        double difference = fabs((double)a[n] - b[n]);
        if (!(difference <= 1e30))
            difference = INFINITY;
        *largest = difference > *largest ? difference : *largest;
        *mean += difference / (double)count;
    }
}

/* "pytorch" is eager and compiled; compiling takes half a minute. */
static bool is_peer(const char *name, size_t size)
{
    static const char *const names[] = {"pytorch", "pytorch_eager", "mlx"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (strlen(names[n]) == size && !strncmp(name, names[n], size))
            return true;
    return false;
}

fmpnn_status bench_peers_check(const char *list, fmpnn_error *err)
{
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ",");
        if (!is_peer(at, size))
            return fmpnn_fail(
                err, FMPNN_EINVAL,
                "--peers: '%.*s' is not known; there are pytorch, pytorch_eager and mlx",
                (int)size, at);
        at += size + (at[size] == ',');
    }
    return FMPNN_OK;
}

/* Beside the installed program, else where it was built. */
static void find_script(char *path, size_t size)
{
    char self[3000];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = 0;
        snprintf(path, size, "%s/../share/fusempnn/peers.py", self);
        if (fmpnn_file_exists(path))
            return;
    }
    snprintf(path, size, "%s/peers.py", BENCH_FOLDER);
}

/* ---- the child ---- */

static fmpnn_status start(bench_peers *p, char *const argv[], fmpnn_error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    posix_spawn_file_actions_t actions;
    bench_child *child = fmpnn_alloc_zero(1, sizeof *child);
    if (!child)
        return fmpnn_fail_memory(err, "starting peers.py");
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        fmpnn_release(child);
        return fmpnn_fail(err, FMPNN_EIO, "no pipe to peers.py: %s", strerror(errno));
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    int failed = posix_spawnp(&child->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    if (failed) {
        close(in[1]);
        close(out[0]);
        fmpnn_release(child);
        return fmpnn_fail(err, FMPNN_EIO, "%s cannot be started: %s", argv[0],
                          strerror(failed));
    }
    child->to = fdopen(in[1], "w");
    child->from = fdopen(out[0], "r");
    /* If it ends early, writing to it must fail and not end us. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &child->old_pipe);
    p->child = child;
    return FMPNN_OK;
}

/* The next line that is a JSON object; NULL at the end. */
static json_t *receive(bench_child *child)
{
    char *line = NULL;
    size_t capacity = 0;
    json_t *answer = NULL;
    while (!answer && getline(&line, &capacity, child->from) > 0)
        answer = json_loads(line, 0, NULL); /* packages may print: skip what is no object */
    free(line);
    return answer;
}

static json_t *ask(bench_peers *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static json_t *ask(bench_peers *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(p->child->to, format, arguments);
    va_end(arguments);
    return fflush(p->child->to) ? NULL : receive(p->child);
}

static const char *text(const json_t *answer, const char *key)
{
    const char *value = json_string_value(json_object_get(answer, key));
    return value ? value : "";
}

static void fail(bench_peer *peer, const char *why)
{
    snprintf(peer->status, sizeof peer->status, "failed");
    snprintf(peer->detail, sizeof peer->detail, "%.255s", why);
}

/* The first answer lists the peers: {"peers": [{name, status, detail}]}. */
static void list_peers(bench_peers *p, size_t runs)
{
    size_t n;
    json_t *answer = receive(p->child), *entry;
    json_array_foreach(json_object_get(answer, "peers"), n, entry)
    {
        if (p->count == BENCH_MOST_PEERS)
            break;
        bench_peer *peer = &p->peer[p->count++];
        snprintf(peer->name, sizeof peer->name, "%s", text(entry, "name"));
        snprintf(peer->status, sizeof peer->status, "%s", text(entry, "status"));
        snprintf(peer->detail, sizeof peer->detail, "%s", text(entry, "detail"));
        peer->max_diff = peer->mean_diff = NAN;
        peer->times = bench_times_of(NULL, 0);
        peer->ms = fmpnn_alloc(runs, sizeof *peer->ms);
        if (!peer->ms)
            fail(peer, "out of memory");
    }
    json_decref(answer);
}

/* Without Python every peer is missing, like a package. */
static void all_missing(bench_peers *p, const char *list, const char *why)
{
    static const char *const names[] = {"pytorch", "mlx"};
    for (size_t n = 0; n < 2; n++)
        if (strstr(list, names[n])) {
            bench_peer *peer = &p->peer[p->count++];
            snprintf(peer->name, sizeof peer->name, "%s", n ? "mlx" : "pytorch_eager");
            snprintf(peer->status, sizeof peer->status, "missing");
            snprintf(peer->detail, sizeof peer->detail, "%.255s", why);
            peer->max_diff = peer->mean_diff = NAN;
            peer->times = bench_times_of(NULL, 0);
        }
}

fmpnn_status bench_peers_open(bench_peers *p, const char *list,
                              const bench_tensors *tensors, const float *out, int threads,
                              size_t runs, fmpnn_error *err)
{
    char script[4096], path[128], count[16];
    const char *python = getenv("FMPNN_PYTHON"), *temporary = getenv("TMPDIR");
    *p = (bench_peers){0};
    fmpnn_status status = bench_peers_check(list, err);
    if (status)
        return status;
    int n = snprintf(p->folder, sizeof p->folder, "%s/fusempnn-XXXXXX",
                     temporary && *temporary ? temporary : "/tmp");
    if (n < 0 || (size_t)n >= sizeof p->folder || !mkdtemp(p->folder)) {
        p->folder[0] = 0;
        return fmpnn_fail(err, FMPNN_EIO, "no temporary folder for the peers' tensors: %s",
                          strerror(errno));
    }
    snprintf(path, sizeof path, "%s/tensors.safetensors", p->folder);
    status = bench_tensors_write(tensors, out, path, err);
    if (status)
        return status;
    find_script(script, sizeof script);
    snprintf(count, sizeof count, "%d", threads);
    char *argv[] = {(char *)(uintptr_t)(python && *python ? python : "python3"),
                    script,
                    path,
                    "--threads",
                    count,
                    "--peers",
                    (char *)(uintptr_t)list,
                    NULL};
    fmpnn_error why;
    if (start(p, argv, &why)) {
        all_missing(p, list, why.message);
        return FMPNN_OK;
    }
    list_peers(p, runs);
    if (!p->count)
        all_missing(p, list, "peers.py ended without a word; its own message is above");
    return FMPNN_OK;
}

void bench_peers_block(bench_peers *p, size_t runs, size_t warm)
{
    for (size_t n = 0; n < p->count; n++) {
        bench_peer *peer = &p->peer[n];
        if (strcmp(peer->status, "ready") != 0)
            continue;
        json_t *answer = ask(p, "run %s %zu %zu\n", peer->name, runs, warm), *value;
        const json_t *ms = json_object_get(answer, "ms");
        size_t m;
        if (json_array_size(ms) != runs)
            fail(peer, answer ? text(answer, "error") : "peers.py ended");
        else
            json_array_foreach(ms, m, value) peer->ms[peer->count++] =
                json_number_value(value);
        json_decref(answer);
    }
}

long bench_peers_process(const bench_peers *p)
{
    return p->child ? (long)p->child->pid : 0;
}

void bench_peers_forget(bench_peers *p, size_t runs)
{
    for (size_t n = 0; n < p->count; n++)
        if (p->peer[n].count >= runs)
            p->peer[n].count -= runs;
}

static void compare(bench_peers *p, bench_peer *peer, size_t count, const float *out)
{
    char path[128];
    unsigned char *bytes;
    size_t size;
    fmpnn_error err;
    snprintf(path, sizeof path, "%s/%s", p->folder, peer->name);
    json_t *answer = ask(p, "output %s %s\n", peer->name, path);
    json_decref(answer);
    if (fmpnn_file_read(path, count * sizeof(float), &bytes, &size, &err)) {
        fail(peer, err.message);
        return;
    }
    if (size == count * sizeof(float))
        bench_difference((const float *)(const void *)bytes, out, count, &peer->max_diff,
                         &peer->mean_diff);
    else
        fail(peer, "its output has another size");
    fmpnn_release(bytes);
    unlink(path);
}

void bench_peers_finish(bench_peers *p, const bench_tensors *t, const float *out)
{
    for (size_t n = 0; n < p->count; n++) {
        bench_peer *peer = &p->peer[n];
        if (!strcmp(peer->status, "ready"))
            compare(p, peer, t->B * t->L * t->D, out);
        if (!strcmp(peer->status, "ready"))
            peer->times = bench_times_of(peer->ms, peer->count);
    }
}

void bench_peers_close(bench_peers *p)
{
    char path[128];
    if (p->child) {
        if (p->child->to)
            fclose(p->child->to); /* its standard input ends: it leaves */
        if (p->child->from)
            fclose(p->child->from);
        waitpid(p->child->pid, NULL, 0);
        sigaction(SIGPIPE, &p->child->old_pipe, NULL);
        fmpnn_release(p->child);
    }
    if (p->folder[0]) {
        snprintf(path, sizeof path, "%s/tensors.safetensors", p->folder);
        unlink(path);
        rmdir(p->folder);
    }
    for (size_t n = 0; n < p->count; n++)
        fmpnn_release(p->peer[n].ms);
    *p = (bench_peers){0};
}
