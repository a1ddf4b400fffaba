/* design: sample sequences. */
#include "ahead.h"
#include "interrupt.h"
#include "packing.h"
#include "report.h"
#include "text_file.h"
#include "verbs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static size_t count_units(const batch *b, const options *o)
{
    (void)b;
    return o->temperatures * (size_t)o->samples;
}

static char *make_plan(const batch *b, const options *o)
{
    json_t *temperatures = json_array();
    for (size_t i = 0; i < o->temperatures; i++)
        json_array_append_new(temperatures, json_real(o->temperature[i]));
    json_t *plan = json_pack("{s:o, s:I, s:I}", "temperatures", temperatures, "first",
                             (json_int_t)o->first_sample, "n", (json_int_t)o->samples);
    if (o->packings)
        json_object_set_new(plan, "pack", packing_plan(b, o));
    if (b->options.with_native)
        json_object_set_new(plan, "with_native", json_true());
    char *line = json_dumps(plan, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(plan);
    return line;
}

/* Plain FASTA on stdout has no place for the native score; all else has. */
static bool shows_native_score(const options *o)
{
    if (o->with_native || o->json)
        return true;
    if (!o->output)
        return false;
    size_t size = strlen(o->output);
    size -= text_ends_with(o->output, size, ".gz") ? 3 : 0;
    return !text_ends_with(o->output, size, ".fa") && !text_ends_with(o->output, size, ".fasta");
}

/* One decoding order, like the scores of the designs beside it. */
static fmpnn_status score_native(batch *b, fmpnn_job *job, fmpnn_error *err)
{
    fmpnn_score_result native;
    fmpnn_status status = fmpnn_score(b->ctx, job, 1, NULL, 1, &native, err);
    if (status == FMPNN_OK)
        parcel_native_score(b, native.score);
    return status;
}

/* Side chains of all of them, where they are asked for. */
static outcome pack_samples(batch *b, const input *in, const fmpnn_job *job,
                            const fmpnn_samples *samples, fmpnn_error *err)
{
    outcome how = OUTCOME_DONE;
    for (size_t s = 0; in->options->packings && s < samples->count && how == OUTCOME_DONE; s++)
        how = packing_add(b, in, job, samples->temperature, samples->sample[s].number,
                          samples->sample[s].letters, err);
    return how;
}

static outcome add_samples(batch *b, const input *in, fmpnn_job *job, double T,
                           uint64_t first, size_t n, fmpnn_error *err)
{
    const options *o = in->options;
    fmpnn_samples *samples;
    fmpnn_status status =
        fmpnn_design(b->ctx, job, T, first, n, o->save_probs, &samples, err);
    if (status != FMPNN_OK)
        return outcome_of_compute(status);
    outcome how = pack_samples(b, in, job, samples, err);
    if (how == OUTCOME_DONE)
        return outcome_of_results(parcel_samples(b, samples, err));
    fmpnn_samples_free(samples);
    return how;
}

static outcome design_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    const options *o = in->options;
    size_t chunk = batch_chunk(fmpnn_job_length(job), b->devices > 0), total = (size_t)o->samples;
    if (shows_native_score(&b->options)) {
        fmpnn_status status = score_native(b, job, err);
        if (status != FMPNN_OK)
            return outcome_of_compute(status);
    }
    for (size_t t = 0; t < o->temperatures; t++) {
        for (size_t done = 0; done < total;) {
            size_t n = total - done < chunk ? total - done : chunk;
            if (interrupt_caught())
                return STOP_INTERRUPT;
            outcome how = add_samples(b, in, job, o->temperature[t],
                                      (uint64_t)o->first_sample + done, n, err);
            if (how != OUTCOME_DONE)
                return how;
            done += n;
            parcel_progress(b, in, n);
        }
    }
    return OUTCOME_DONE;
}

/* One input's results, from requests [temperatures] that were answered. */
static outcome hand_over(batch *b, const input *in, fmpnn_design_request *request,
                         fmpnn_error *err)
{
    const options *o = in->options;
    for (size_t t = 0; t < o->temperatures; t++) {
        if (request[t].status) {
            *err = request[t].error;
            return outcome_of_compute(request[t].status);
        }
        if (request[t].native)
            parcel_native_score(b, request[t].native->score);
        outcome how = outcome_of_results(parcel_samples(b, request[t].samples, err));
        request[t].samples = NULL;
        if (how != OUTCOME_DONE)
            return how;
        parcel_progress(b, in, request[t].n);
    }
    return OUTCOME_DONE;
}

static void design_many(batch *b, size_t n, const input *const *in, prepared *const *p)
{
    fmpnn_error unused;
    size_t count = 0;
    for (size_t k = 0; k < n; k++)
        count += in[k]->options->temperatures;
    fmpnn_design_request *request = checked_alloc(count, sizeof *request);
    fmpnn_score_result *native = checked_alloc(n, sizeof *native);
    bool scored = shows_native_score(&b->options);
    count = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t t = 0; t < in[k]->options->temperatures; t++)
            request[count++] =
                (fmpnn_design_request){.job = p[k]->job,
                                       .temperature = in[k]->options->temperature[t],
                                       .first = (uint64_t)in[k]->options->first_sample,
                                       .n = (size_t)in[k]->options->samples,
                                       .keep_probs = in[k]->options->save_probs,
                                       .native = scored && t == 0 ? &native[k] : NULL};
    fmpnn_design_many(b->ctx, count, request, &unused);
    for (size_t k = 0, at = 0; k < n; at += in[k++]->options->temperatures) {
        b->parcel = &p[k]->parcel;
        p[k]->results = hand_over(b, in[k], request + at, &p[k]->err);
        p[k]->computed = true;
    }
    b->parcel = NULL;
    for (size_t k = 0; k < count; k++)
        fmpnn_samples_free(request[k].samples);
    free(native);
    free(request);
}

static size_t result_size(const batch *b, const options *o, size_t L)
{
    if (o->packings && b->devices) /* the CPU packs, an input on all threads */
        return SIZE_MAX;
    size_t letter = sizeof(float) + (o->save_probs ? sizeof(double) : 0);
    return count_units(b, o) *
           (L * strlen(fmpnn_alphabet()) * letter + packing_size(o, L));
}

int cli_design(const verb *v, int argc, char **argv)
{
    static const work design = {.unit = "samples", .makes_run = true, .units = count_units,
                                .plan = make_plan, .each = design_one, .many = design_many,
                                .size = result_size, .check = packing_check,
                                .finish = packing_finish};
    packing state = {0};
    return batch_run(v, &design, &state, argc, argv);
}
