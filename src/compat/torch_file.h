/* Files as PyTorch's torch.save() writes them: a zip of a pickled dictionary and raw tensors.
 * Comes in: named values. Goes out: bytes that torch.load() reads. Knows nothing of proteins.
 *
 * Names, values and tensor layouts are those of the published files; the pickle refers back to
 * fewer of its own parts. Tensors load with weights_only=True, NumPy arrays as in the published
 * program without it. Source: Python's pickletools; torch/csrc/jit/serialization. */
#ifndef FMPNN_COMPAT_TORCH_FILE_H
#define FMPNN_COMPAT_TORCH_FILE_H

#include "base/base.h"

typedef enum fmpnn_torch_type { FMPNN_TORCH_F32, FMPNN_TORCH_I32, FMPNN_TORCH_I64 } fmpnn_torch_type;

typedef struct fmpnn_torch_file fmpnn_torch_file;

fmpnn_torch_file *fmpnn_torch_file_create(void); /* NULL: out of memory */
void fmpnn_torch_file_free(fmpnn_torch_file *file);

/* A tensor; `data` is borrowed until the file is finished. */
void fmpnn_torch_file_tensor(fmpnn_torch_file *file, const char *name, fmpnn_torch_type type,
                             size_t rank, const size_t *shape, const void *data);
/* A NumPy array; copied, the name borrowed. */
void fmpnn_torch_file_array(fmpnn_torch_file *file, const char *name, fmpnn_torch_type type,
                            size_t rank, const size_t *shape, const void *data);
void fmpnn_torch_file_integer(fmpnn_torch_file *file, const char *name, int64_t value);
void fmpnn_torch_file_real(fmpnn_torch_file *file, const char *name, double value);
/* ["A", "C", ...] of the characters of `letters`. */
void fmpnn_torch_file_letters(fmpnn_torch_file *file, const char *name, const char *letters);
/* {0: "C1", 1: "C2", ...} */
void fmpnn_torch_file_names(fmpnn_torch_file *file, const char *name, size_t count,
                            const char *const *names);
/* {"C1": {"A": value, ...}, ...}: NumPy float32 of values [count][letters]. */
void fmpnn_torch_file_table(fmpnn_torch_file *file, const char *name, size_t count,
                            const char *const *names, const char *letters,
                            const float *values);

/* Is there room for an array of count items of that type, in a file `folder`.pt? FMPNN_EINVAL. */
fmpnn_status fmpnn_torch_array_check(const char *folder, const char *name,
                                     fmpnn_torch_type type, size_t count, fmpnn_error *err);

/* The whole file; `folder` is the name of its inner folder, that of the file without .pt.
 * FMPNN_EINVAL if an array has more than 2 GiB - 1. */
fmpnn_status fmpnn_torch_file_finish(fmpnn_torch_file *file, const char *folder,
                                     fmpnn_text *out, fmpnn_error *err);

#endif
