/* probs: log-probabilities of all letters at all positions. */
#include "parcel.h"
#include "report.h"
#include "verbs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const mode_name[] = {"unconditional", "autoregressive", "conditional"};

static fmpnn_probs_mode mode_of(const options *o)
{
    for (int m = FMPNN_PROBS_AUTOREGRESSIVE; o->mode && m <= FMPNN_PROBS_CONDITIONAL; m++) {
        if (!strcmp(o->mode, mode_name[m]))
            return (fmpnn_probs_mode)m;
    }
    return FMPNN_PROBS_UNCONDITIONAL;
}

static size_t orders_of(const options *o)
{
    return o->orders > 0 ? (size_t)o->orders : 1;
}

static int check_orders(batch *b, const options *o)
{
    (void)b;
    if (mode_of(o) != FMPNN_PROBS_UNCONDITIONAL || orders_of(o) == 1)
        return -1;
    report_error("probs: --orders: unconditional probabilities do not depend on an order; "
                 "leave it out or choose another --mode");
    return EXIT_USAGE;
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
    json_t *plan = json_pack("{s:s, s:I}", "mode", mode_name[mode_of(o)], "orders",
                             (json_int_t)orders_of(o));
    char *line = json_dumps(plan, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(plan);
    return line;
}

static outcome probs_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    size_t L = fmpnn_job_length(job), orders = orders_of(in->options);
    size_t row = strlen(fmpnn_alphabet()) * sizeof(float);
    fmpnn_probs_mode mode = mode_of(in->options);
    float *log_p = orders <= SIZE_MAX / row / L ? malloc(orders * L * row) : NULL;
    uint8_t *letters = malloc(L);
    outcome how = FAILED_INPUT;
    if (!log_p || !letters) {
        snprintf(err->message, sizeof err->message,
                 "out of memory for %zu orders of %zu residues", orders, L);
        goto done;
    }
    for (size_t i = 0; i < L; i++)
        letters[i] = fmpnn_job_position(job, i).native;
    how = outcome_of_compute(fmpnn_probs(b->ctx, job, mode, NULL, orders, log_p, err));
    if (how == OUTCOME_DONE) {
        how = outcome_of_results(parcel_probs(b, mode, letters, orders, log_p, err));
        letters = NULL;
        log_p = NULL;
    }
    parcel_progress(b, in, 1);
done:
    free(letters);
    free(log_p);
    return how;
}

static size_t result_size(const batch *b, const options *o, size_t L)
{
    (void)b;
    return orders_of(o) * L * strlen(fmpnn_alphabet()) * sizeof(float);
}

int cli_probs(const verb *v, int argc, char **argv)
{
    static const work probs = {.unit = "structures", .makes_run = true, .units = count_units,
                               .check = check_orders, .plan = make_plan, .each = probs_one,
                               .size = result_size};
    return batch_run(v, &probs, NULL, argc, argv);
}
