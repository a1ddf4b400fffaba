#include "device.h"
#include "ahead.h"
#include "report.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Which devices share the inputs: the one that was named, or all of its kind. */
static void count_devices(batch *b)
{
    enum { MOST_DEVICES = 65 };
    fmpnn_device device[MOST_DEVICES];
    fmpnn_context_options how;
    fmpnn_context_options_default(&how);
    const char *name = b->options.device ? b->options.device : how.device;
    if (strcmp(fmpnn_context_device(b->ctx), "cuda") != 0)
        return;
    b->devices = 1;
    b->first_device = strncmp(name, "cuda:", 5) ? 0 : atoi(name + 5);
    if (strcmp(name, "cuda:all") != 0)
        return;
    size_t count = fmpnn_devices(device, MOST_DEVICES);
    b->devices = 0;
    for (size_t n = 1; n < count && n < MOST_DEVICES && device[n].usable; n++)
        b->devices++;
}

/* Opening a device takes a fifth of a second: with many inputs it happens while they are read. */
struct opening {
    pthread_t thread;
    fmpnn_context_options how;
    fmpnn_context *ctx;
    fmpnn_status status;
    fmpnn_error err;
};

static void *open_aside(void *of)
{
    struct opening *o = of;
    o->status = fmpnn_context_create(&o->how, &o->ctx, &o->err);
    return NULL;
}

/* What `how.device` must say, "cuda:all" being ours. */
static fmpnn_context_options context_options(const batch *b)
{
    const options *o = &b->options;
    fmpnn_context_options how;
    fmpnn_context_options_default(&how);
    if (o->device)
        how.device = o->device;
    if (!strcmp(how.device, "cuda:all"))
        how.device = "cuda:0";
    if (o->isa)
        how.isa = o->isa;
    if (o->precision)
        how.precision = o->precision;
    if (o->threads >= 0)
        how.threads = (int)o->threads;
    how.max_memory = (size_t)o->max_memory;
    return how;
}

int device_threads(const batch *b)
{
    int threads = context_options(b).threads;
    return threads ? threads : fmpnn_cores_usable();
}

/* -1, or the exit code after one line was printed. */
static int accept_context(batch *b, fmpnn_status status, const fmpnn_error *err)
{
    if (status == FMPNN_OK) {
        const char *note = fmpnn_context_remark(b->ctx);
        count_devices(b);
        if (note)
            report_note(b->options.quiet, NULL, "device", note);
        return -1;
    }
    report_error("%s: %s", b->verb->name, err->message);
    return status == FMPNN_EDEVICE || status == FMPNN_ECUDA ? EXIT_DEVICE
           : status == FMPNN_EINVAL                         ? EXIT_USAGE
                                                            : EXIT_SOME_FAILED;
}

/* Wait for the context that device_begin() did not wait for. */
int device_await(batch *b)
{
    struct opening *o = b->opening;
    if (!o)
        return -1;
    pthread_join(o->thread, NULL);
    b->opening = NULL;
    b->ctx = o->ctx;
    int code = accept_context(b, o->status, &o->err);
    free(o);
    return code;
}

/* The driver connects a process with its device eight times, 7 ms each, and half of that at its end,
 * unless this says how often. Two streams have work for it: one connection lets one wait for the
 * other (1,000 backbones: 111 ms of work, 92 with two; opened after 178 ms, 190, and 230 with
 * eight). To be called before other threads are there. */
void device_environment(const char *device)
{
    if (strcmp(device, "cpu") != 0)
        setenv("CUDA_DEVICE_MAX_CONNECTIONS", "2", 0);
}

int device_begin(batch *b)
{
    fmpnn_context_options how = context_options(b);
    fmpnn_error err;
    device_environment(how.device);
    if (ahead_is_worth(b) && !strncmp(how.device, "cuda", 4)) {
        struct opening *o = checked_alloc(1, sizeof *o);
        o->how = how;
        if (!pthread_create(&o->thread, NULL, open_aside, o)) {
            b->opening = o;
            b->devices = 1; /* at least, if all is well */
            return -1;
        }
        free(o);
    }
    return accept_context(b, fmpnn_context_create(&how, &b->ctx, &err), &err);
}

/* What is wrong was found before the context was needed. */
void device_forget(batch *b)
{
    if (!b->opening)
        return;
    pthread_join(b->opening->thread, NULL);
    fmpnn_context_free(b->opening->ctx);
    free(b->opening);
    b->opening = NULL;
}
