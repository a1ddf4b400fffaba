/* Little-endian numbers of a file as floats of this machine; shared by the two readers. */
#ifndef FMPNN_WEIGHTS_FLOATS_H
#define FMPNN_WEIGHTS_FLOATS_H

#include "weights/model.h"

/* Most floats that one checkpoint may hold: 512 MiB. Three encoder and three decoder layers of
 * width 1024, the widest accepted, are 400 MB. */
#define FMPNN_MAX_FLOATS ((size_t)1 << 27)

size_t fmpnn_dtype_size(fmpnn_dtype dtype);      /* bytes of one element */
const char *fmpnn_dtype_name(fmpnn_dtype dtype); /* as safetensors writes it, "BF16" */
bool fmpnn_dtype_is_float(fmpnn_dtype dtype);

/* dst[i] = src[i] for `count` elements of a floating type, rounded to nearest where it is
 * F64. src has any alignment; dst == src is allowed for F32. */
void fmpnn_floats_from(float *dst, const void *src, fmpnn_dtype dtype, size_t count);

/* True if none of the values is infinite or NaN. */
bool fmpnn_floats_finite(const float *values, size_t count);

#endif
