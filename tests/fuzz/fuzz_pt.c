/* Arbitrary bytes as a .pt archive, and as the pickle inside one: an archive's checksums keep
 * most mutations from the pickle machine, so it is also fed by itself, and what it makes of the
 * bytes is planned as tensors. */
#include "weights/pickle.h"
#include "weights/pt.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void as_archive(const uint8_t *bytes, size_t size)
{
    fmpnn_error err;
    fmpnn_tensors tensors;
    fmpnn_model *model;
    char digest[65] = "";
    if (!fmpnn_pt_parse("fuzz.pt", bytes, size, &tensors, &err) &&
        !fmpnn_model_from_tensors("fuzz.pt", digest, &tensors, &model, &err))
        fmpnn_model_free(model);
}

static void as_pickle(const uint8_t *bytes, size_t size)
{
    fmpnn_error err;
    fmpnn_pickle pickle;
    fmpnn_tensors settings = {0};
    fmpnn_pt_plan *plans = NULL;
    size_t count;
    if (fmpnn_pickle_read("fuzz.pkl", bytes, size, &pickle, &err))
        return;
    if (!fmpnn_pt_plan_settings("fuzz.pkl", pickle.root, &settings, &err))
        fmpnn_pt_plan_tensors("fuzz.pkl", pickle.root, &plans, &count, &err);
    fmpnn_release(plans);
    fmpnn_pickle_clear(&pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    as_archive(bytes, size);
    as_pickle(bytes, size);
    return 0;
}
