/* Arbitrary bytes as a safetensors checkpoint; every number that a tensor promises is read. */
#include "weights/floats.h"
#include "weights/model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fmpnn_error err;
    fmpnn_tensors tensors;
    fmpnn_model *model;
    char digest[65] = "";
    /* an aligned copy, as a mapped file is: otherwise no number is ever used in place */
    unsigned char *copy = fmpnn_alloc(size, 1);
    if (!copy)
        return 0;
    memcpy(copy, bytes, size);
    if (!fmpnn_safetensors_parse("fuzz", copy, size, &tensors, &err)) {
        for (size_t i = 0; i < tensors.count; i++) {
            size_t count = 1;
            for (size_t d = 0; d < tensors.tensor[i].rank; d++)
                count *= tensors.tensor[i].shape[d];
            fmpnn_floats_finite(tensors.tensor[i].data, count);
        }
        if (!fmpnn_model_from_tensors("fuzz", digest, &tensors, &model, &err))
            fmpnn_model_free(model);
    }
    fmpnn_release(copy);
    return 0;
}
