#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool on, shown;
    const char *unit;
    size_t done, total;
    double began, drawn;
} bar;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(bool quiet, const char *unit, size_t total)
{
    bar.on = !quiet && isatty(STDERR_FILENO);
    bar.shown = false;
    bar.unit = unit;
    bar.done = 0;
    bar.total = total;
    bar.began = bar.drawn = now();
}

void progress_add(const char *name, size_t done)
{
    bar.done += done;
    double time = now();
    if (!bar.on || bar.total == 0 || time - bar.drawn < 0.1)
        return;
    bar.drawn = time;
    enum { WIDTH = 24 };
    size_t full = bar.done >= bar.total ? WIDTH : WIDTH * bar.done / bar.total;
    double left =
        bar.done ? (time - bar.began) * (double)(bar.total - bar.done) / (double)bar.done
                 : 0;
    fprintf(stderr, "\r[%.*s%*s] %zu/%zu %s, %.0f s left, %.30s\033[K", (int)full,
            "########################", (int)(WIDTH - full), "", bar.done, bar.total,
            bar.unit, left, name);
    fflush(stderr);
    bar.shown = true;
}

void progress_hide(void)
{
    if (bar.shown)
        fputs("\r\033[K", stderr);
    bar.shown = false;
}

void progress_end(void)
{
    progress_hide();
    bar.on = false;
}
