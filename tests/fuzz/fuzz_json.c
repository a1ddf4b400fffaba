/* The JSON header of safetensors files. The input is the header alone: length and tensor data
 * are put around it, so that all effort goes into the JSON; fuzz_safetensors.c does whole
 * files. */
#include "weights/model.h"

#include <string.h>

enum {
    PREFIX = 8,
    DATA = 128 << 10 /* zeros; the seeds need some 60 KB */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *file = fmpnn_alloc_zero(PREFIX + size + DATA, 1);
    if (!file)
        return 0;
    for (size_t i = 0; i < PREFIX; i++)
        file[i] = (unsigned char)((uint64_t)size >> (8 * i));
    if (size)
        memcpy(file + PREFIX, data, size);
    fmpnn_tensors tensors;
    fmpnn_error err;
    if (fmpnn_safetensors_parse("fuzz", file, PREFIX + size + DATA, &tensors, &err) ==
        FMPNN_OK) {
        fmpnn_model *model = NULL;
        if (fmpnn_model_from_tensors("fuzz", "", &tensors, &model, &err) == FMPNN_OK)
            fmpnn_model_free(model);
    }
    fmpnn_release(file);
    return 0;
}
