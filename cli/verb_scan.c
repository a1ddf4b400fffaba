/* scan: every point mutation of the native sequence. */
#define _POSIX_C_SOURCE 200809L
#include "batch.h"
#include "progress.h"
#include "report.h"
#include "verbs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ORDERS = 10 };

static size_t orders_of(const options *o)
{
    return o->orders > 0 ? (size_t)o->orders : ORDERS;
}

static size_t count_units(const batch *b, const options *o)
{
    (void)b;
    (void)o;
    return 1;
}

static char *make_plan(const batch *b, const options *o)
{
    (void)b;
    json_t *plan = json_pack("{s:I}", "orders", (json_int_t)orders_of(o));
    char *line = json_dumps(plan, JSON_COMPACT);
    json_decref(plan);
    return line;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void note_rate(const batch *b, const input *in, const fmpnn_job *job, double took)
{
    char message[160];
    size_t designed = 0, orders = orders_of(in->options);
    for (size_t i = 0; i < fmpnn_job_length(job); i++)
        designed += fmpnn_job_position(job, i).designed;
    snprintf(message, sizeof message,
             "%zu residues, %zu decoding order%s, in %.3g s: %.0f residues/s", designed, orders,
             orders > 1 ? "s" : "", took, (double)designed / took);
    report_note(b->options.quiet, in->name, NULL, message);
}

static outcome scan_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    size_t L = fmpnn_job_length(job), orders = orders_of(in->options);
    size_t values = L * strlen(fmpnn_alphabet());
    double *out = malloc(3 * values * sizeof *out), begin = seconds();
    uint8_t *letters = malloc(L);
    outcome how = FAILED_INPUT;
    if (!out || !letters) {
        snprintf(err->message, sizeof err->message, "out of memory for %zu residues", L);
        goto done;
    }
    for (size_t i = 0; i < L; i++)
        letters[i] = fmpnn_job_position(job, i).native;
    how = outcome_of_compute(
        fmpnn_scan(b->ctx, job, NULL, orders, out, out + values, out + 2 * values, err));
    if (how == OUTCOME_DONE) {
        note_rate(b, in, job, seconds() - begin);
        how = outcome_of_results(fmpnn_run_add_scan(b->run, letters, orders, out, out + values,
                                                   out + 2 * values, err));
    }
    progress_add(in->name, 1);
done:
    free(letters);
    free(out);
    return how;
}

int cli_scan(const verb *v, int argc, char **argv)
{
    static const work scan = {.unit = "structures", .makes_run = true, .units = count_units,
                              .plan = make_plan, .each = scan_one};
    return batch_run(v, &scan, NULL, argc, argv);
}
