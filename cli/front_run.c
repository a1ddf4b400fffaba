#include "front_run.h"

#include "device.h"
#include "options.h"
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void print_line(void *user, const char *line)
{
    (void)user;
    puts(line);
    fflush(stdout);
}

static void print_note(void *user, const char *text)
{
    (void)user;
    report_note(false, NULL, NULL, text);
}

const fmpnn_original_listener front_streams = {NULL, print_line, print_note};

void front_place_default(front_place *place)
{
    fmpnn_context_options how;
    fmpnn_context_options_default(&how);
    *place = (front_place){how.device, how.isa, how.precision, "torch", how.threads};
}

int front_place_check(const char *name, const front_place *place)
{
    if (strcmp(place->rng, "torch") != 0) {
        report_error("%s --rng: '%s' is not available; this front has torch, fusempnn design "
                     "has its own",
                     name, place->rng);
        return EXIT_USAGE;
    }
    if (place->threads < 0) {
        report_error("%s --threads: expected 0 or more", name);
        return EXIT_USAGE;
    }
    return -1;
}

bool front_draw_seed(int64_t *seed, uint32_t seeds)
{
    uint32_t bits;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        report_error("the system gives no random numbers; choose a --seed");
        return false;
    }
    *seed = bits % seeds;
    return true;
}

static int code_of(fmpnn_status status)
{
    switch (status) {
    case FMPNN_OK:
        return EXIT_DONE;
    case FMPNN_EDEVICE:
    case FMPNN_ECUDA:
        return EXIT_DEVICE;
    case FMPNN_EFORMAT:
        return EXIT_NO_INPUT;
    case FMPNN_EIO:
    case FMPNN_ENOMEM:
        return EXIT_SOME_FAILED;
    default:
        return EXIT_USAGE;
    }
}

int front_run(const front_place *place, front_work run, const void *what)
{
    fmpnn_context_options how = {place->device, place->isa, place->precision, place->threads, 0};
    fmpnn_context *ctx = NULL;
    fmpnn_error err;
    device_environment(how.device);
    fmpnn_status status = fmpnn_context_create(&how, &ctx, &err);
    if (!status)
        status = run(ctx, what, &front_streams, &err);
    if (status)
        report_error("%s", err.message);
    fmpnn_context_free(ctx);
    return code_of(status);
}
