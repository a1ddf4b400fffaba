/* Numbers are assembled from bytes, so nothing but one shortcut depends on the machine's order
 * of bytes; on a little-endian one the compilers make plain loads of it. */
#include "weights/floats.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [FMPNN_F32] = {"F32", 4},   [FMPNN_F64] = {"F64", 8},   [FMPNN_F16] = {"F16", 2},
    [FMPNN_BF16] = {"BF16", 2}, [FMPNN_I32] = {"I32", 4},   [FMPNN_I64] = {"I64", 8},
    [FMPNN_U8] = {"U8", 1},     [FMPNN_BOOL] = {"BOOL", 1},
};

size_t fmpnn_dtype_size(fmpnn_dtype dtype)
{
    return types[dtype].size;
}

const char *fmpnn_dtype_name(fmpnn_dtype dtype)
{
    return types[dtype].name;
}

bool fmpnn_dtype_is_float(fmpnn_dtype dtype)
{
    return dtype <= FMPNN_BF16;
}

static uint32_t bits16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t bits32(const unsigned char *p)
{
    return bits16(p) | bits16(p + 2) << 16;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float double_at(const unsigned char *p)
{
    uint64_t bits = bits32(p) | (uint64_t)bits32(p + 4) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

/* IEEE half: 1 sign, 5 exponent, 10 fraction bits. Every half is a float. */
static float half_at(const unsigned char *p)
{
    uint32_t bits = bits16(p), sign = (bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent)
        return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

void fmpnn_floats_from(float *dst, const void *src, fmpnn_dtype dtype, size_t count)
{
    const unsigned char *p = src;
    switch (dtype) {
    case FMPNN_F32:
        if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
            if (dst != src)
                memcpy(dst, src, count * sizeof *dst);
            break;
        }
        for (size_t i = 0; i < count; i++)
            dst[i] = float_of(bits32(p + 4 * i));
        break;
    case FMPNN_F64:
        for (size_t i = 0; i < count; i++)
            dst[i] = double_at(p + 8 * i);
        break;
    case FMPNN_F16:
        for (size_t i = 0; i < count; i++)
            dst[i] = half_at(p + 2 * i);
        break;
    case FMPNN_BF16: /* the upper half of a float */
        for (size_t i = 0; i < count; i++)
            dst[i] = float_of(bits16(p + 2 * i) << 16);
        break;
    default: /* integers are no weights; callers ask fmpnn_dtype_is_float() first */
        for (size_t i = 0; i < count; i++)
            dst[i] = NAN;
    }
}

static uint32_t is_bad(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7f800000) == 0x7f800000;
}

/* On the bits and in rows of a fixed length: of this compilers make vectors at -O2, of
 * isfinite() they do not, and it was a tenth of the time of loading. */
bool fmpnn_floats_finite(const float *values, size_t count)
{
    enum { ROW = 16 };
    uint32_t bad[ROW] = {0}, any = 0;
    size_t i = 0;
    for (; i + ROW <= count; i += ROW)
        for (int n = 0; n < ROW; n++)
            bad[n] |= is_bad(values[i + n]);
    for (; i < count; i++)
        any |= is_bad(values[i]);
    for (int n = 0; n < ROW; n++)
        any |= bad[n];
    return !any;
}
