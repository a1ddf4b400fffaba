/* Which weights a run uses. */
#include "compat/run.h"
#include "weights/model.h"

#include <string.h>

/* The published programs keep each family in a folder of its own; a path that is not here may
 * still tell which one was meant. */
static const char *family_of(const fmpnn_original_options *o)
{
    const char *folder = o->path_to_model_weights ? o->path_to_model_weights : "";
    if (o->ca_only)
        return "ca";
    if (o->use_soluble_model || strstr(folder, "soluble_model_weights"))
        return "soluble";
    return "vanilla";
}

static fmpnn_status check_kind(const fmpnn_original *run)
{
    const fmpnn_model_info *info = &run->model->info;
    if (info->ca_only == run->options->ca_only)
        return FMPNN_OK;
    return fmpnn_fail(run->err, FMPNN_EWEIGHTS,
                      info->ca_only
                          ? "%s are weights for CA-only structures: use --ca_only"
                          : "--ca_only needs weights for CA-only structures; %s are not",
                      info->name);
}

fmpnn_status fmpnn_original_load_model(fmpnn_original *run)
{
    const fmpnn_original_options *o = run->options;
    const char *folder = o->path_to_model_weights;
    fmpnn_text path, ours;
    fmpnn_status status;
    bool given = folder && *folder;
    fmpnn_text_init(&path);
    fmpnn_text_init(&ours);
    fmpnn_text_print(&ours, "%s/%s", family_of(o), o->model_name);
    if (given)
        fmpnn_text_print(&path, "%s%s%s.pt", folder,
                         folder[strlen(folder) - 1] == '/' ? "" : "/", o->model_name);
    if (path.failed || ours.failed) {
        status = fmpnn_fail_memory(run->err, "loading weights");
    } else if (given && fmpnn_file_exists(path.data)) {
        status = fmpnn_model_load(path.data, &run->model, run->err);
    } else {
        if (given)
            fmpnn_original_note(run->listener,
                                "%s is not there; using installed weights %s", path.data,
                                ours.data);
        status = fmpnn_model_load(ours.data, &run->model, run->err);
    }
    if (!status)
        status = check_kind(run);
    fmpnn_text_clear(&ours);
    fmpnn_text_clear(&path);
    return status;
}
