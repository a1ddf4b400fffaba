#include "packing.h"
#include "interrupt.h"
#include "parcel.h"
#include "report.h"

#include <string.h>
#include <sys/stat.h>

int packing_check(batch *b, const options *o)
{
    packing *state = b->state;
    fmpnn_model_info info;
    fmpnn_error err;
    if (!o->packings || state->model || b->verb->bit == VERB_PACK)
        return -1;
    if (fmpnn_model_load(b->options.pack_weights, &state->model, &err) != FMPNN_OK) {
        report_error("%s: %s", b->verb->name, err.message);
        return EXIT_USAGE;
    }
    fmpnn_model_describe(state->model, &info);
    if (!strcmp(info.kind, "packer"))
        return -1;
    report_error("%s: --pack-weights: %s place no side chains; packer/v_32_002_16 does",
                 b->verb->name, info.name);
    fmpnn_model_free(state->model);
    state->model = NULL;
    return EXIT_USAGE;
}

int packing_finish(batch *b, int code)
{
    packing *state = b->state;
    fmpnn_model_free(state->model);
    state->model = NULL;
    return code;
}

json_t *packing_plan(const batch *b, const options *o)
{
    const packing *state = b->state;
    fmpnn_model_info info = {.digest = ""};
    if (state->model)
        fmpnn_model_describe(state->model, &info);
    bool blind = o->ligand_context && !strcmp(o->ligand_context, "off");
    return json_pack("{s:I, s:I, s:I, s:I, s:b, s:b, s:s}", "packings",
                     (json_int_t)o->packings, "first", (json_int_t)o->first_packing, "steps",
                     (json_int_t)o->pack_steps, "samples", (json_int_t)o->pack_samples,
                     "everything", o->repack, "hide_ligands", blind, "weights", info.digest);
}

/* A table alone, or to stdout, has no place for structures. */
static bool is_folder(const batch *b)
{
    static const char *const files[] = {".tsv", ".jsonl", ".tsv.gz", ".jsonl.gz"};
    const char *path = b->options.output;
    struct stat about;
    if (!path || (stat(path, &about) == 0 && !S_ISDIR(about.st_mode)))
        return false;
    for (size_t n = 0; n < sizeof files / sizeof *files; n++) {
        size_t length = strlen(path), end = strlen(files[n]);
        if (length > end && !strcmp(path + length - end, files[n]))
            return false;
    }
    return true;
}

const char *packing_format(const batch *b)
{
    bool table = b->verb->bit == VERB_PACK && !is_folder(b);
    return b->options.packings && !table ? b->options.pack_format : NULL;
}

size_t packing_size(const options *o, size_t L)
{
    size_t each = FMPNN_PACK_ATOMS * 3 * sizeof(float) +
                  2 * FMPNN_PACK_CHIS * sizeof(float) + sizeof(double);
    return (size_t)o->packings * L * each;
}

outcome packing_add(batch *b, const input *in, const fmpnn_job *job, double temperature,
                    uint64_t sample, const uint8_t *letters, fmpnn_error *err)
{
    const packing *state = b->state;
    const options *o = in->options;
    const fmpnn_model *model = state->model ? state->model : fmpnn_job_model(job);
    fmpnn_pack_settings settings = {.steps = (size_t)o->pack_steps,
                                    .samples = (size_t)o->pack_samples,
                                    .everything = o->repack};
    size_t total = (size_t)o->packings, chunk = batch_chunk(fmpnn_job_length(job), false);
    for (size_t done = 0; done < total;) {
        size_t n = total - done < chunk ? total - done : chunk;
        fmpnn_packs *packs;
        if (interrupt_caught())
            return STOP_INTERRUPT;
        fmpnn_status status =
            fmpnn_pack(b->ctx, job, model, &settings, temperature, sample, letters,
                       (uint64_t)o->first_packing + done, n, &packs, err);
        if (status != FMPNN_OK)
            return outcome_of_compute(status);
        status = parcel_packs(b, in, packs, err);
        if (status != FMPNN_OK)
            return outcome_of_results(status);
        done += n;
        if (b->verb->bit == VERB_PACK) /* a design counts samples */
            parcel_progress(b, in, n);
    }
    return OUTCOME_DONE;
}
