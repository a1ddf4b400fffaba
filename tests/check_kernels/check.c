/* Guarded buffers, random numbers and comparison. */
#define _GNU_SOURCE
#include "check.h"

#include <math.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFERS = 64, BUFFER_BYTES = 2 << 20, GUARD_FLOATS = 64, SHOWN = 8 };

static const uint32_t CANARY = 0x7fc0ca7a; /* a NaN that no operation makes */

static unsigned char *region; /* BUFFERS times: BUFFER_BYTES, then a page without access */
static size_t region_step;

static void make_region(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    region_step = BUFFER_BYTES + page;
    region = mmap(NULL, BUFFERS * region_step, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        fprintf(stderr, "check_kernels: no memory for guarded buffers\n");
        exit(2);
    }
    for (size_t n = 0; n < BUFFERS; n++)
        if (mprotect(region + n * region_step + BUFFER_BYTES, page, PROT_NONE) != 0) {
            fprintf(stderr, "check_kernels: cannot protect a guard page\n");
            exit(2);
        }
}

/* `bytes` that end at an unreadable page. */
static void *guarded(check *c, size_t bytes)
{
    if (!region)
        make_region();
    if (c->buffers == BUFFERS || bytes + GUARD_FLOATS * sizeof(float) > BUFFER_BYTES) {
        fprintf(stderr, "check_kernels: case needs larger or more buffers: %s\n", c->what);
        exit(2);
    }
    return region + c->buffers++ * region_step + BUFFER_BYTES - bytes;
}

void check_case(check *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->what, sizeof c->what, format, arguments);
    va_end(arguments);
    c->buffers = 0;
    c->cases++;
}

void check_fail(check *c, const char *format, ...)
{
    c->failures++;
    if (c->quiet || c->failures > SHOWN)
        return;
    printf("FAIL %s %s (%s, seed %llu): ", c->isa, c->slot, c->what,
           (unsigned long long)c->seed);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* splitmix64 */
uint64_t check_random(check *c)
{
    uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t check_below(check *c, size_t limit)
{
    return (size_t)(check_random(c) % limit);
}

float check_uniform(check *c, float scale)
{
    return ((float)(check_random(c) >> 40) * 0x1p-23f - 1.0f) * scale;
}

static size_t matrix_size(size_t rows, size_t columns, size_t stride)
{
    return rows ? (rows - 1) * stride + columns : 0;
}

matrix check_input(check *c, size_t rows, size_t columns, size_t stride, float scale)
{
    const size_t size = matrix_size(rows, columns, stride);
    matrix m = {guarded(c, size * sizeof(float)), rows, columns, stride};
    for (size_t i = 0; i < size; i++)
        m.data[i] = NAN;
    for (size_t r = 0; r < rows; r++)
        for (size_t n = 0; n < columns; n++)
            m.data[r * stride + n] = check_uniform(c, scale);
    return m;
}

matrix check_output(check *c, size_t rows, size_t columns, size_t stride)
{
    const size_t size = matrix_size(rows, columns, stride);
    matrix m = {guarded(c, size * sizeof(float)), rows, columns, stride};
    for (float *p = m.data - GUARD_FLOATS; p < m.data + size; p++)
        memcpy(p, &CANARY, sizeof CANARY);
    return m;
}

const float **check_rows(check *c, const matrix *from, size_t count)
{
    const float **rows = guarded(c, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = from->data + check_below(c, from->rows) * from->stride;
    return rows;
}

const int32_t *check_indices(check *c, size_t limit, size_t count)
{
    int32_t *indices = guarded(c, count * sizeof *indices);
    for (size_t i = 0; i < count; i++)
        indices[i] = (int32_t)check_below(c, limit);
    return indices;
}

double *check_doubles(check *c, size_t count)
{
    return guarded(c, count * sizeof(double));
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void check_padding(check *c, const matrix *out)
{
    for (size_t i = 0; i < GUARD_FLOATS; i++)
        if (bits_of(out->data[-1 - (ptrdiff_t)i]) != CANARY) {
            check_fail(c, "wrote %zu floats before the output", i + 1);
            return;
        }
    for (size_t r = 0; r + 1 < out->rows; r++)
        for (size_t n = out->columns; n < out->stride; n++)
            if (bits_of(out->data[r * out->stride + n]) != CANARY) {
                check_fail(c, "wrote into the padding behind row %zu, column %zu", r, n);
                return;
            }
}

void check_digest(check *c, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c->digest = (c->digest ^ (isnan(values[i]) ? CANARY : bits_of(values[i]))) *
                    UINT64_C(0x100000001b3);
}

void check_precision(const check *c, size_t n, double *tolerance, size_t count)
{
    /* bfloat16 has 8 significant bits, so rounding to it is off by 2^-8 at most. bf16x3: the two
     * remainders of the split and the product of the low parts, 2^-16 each, relative to a term;
     * bf16: both operands rounded; bf16x6: two remainders and two products of a middle and a low
     * part, 2^-24 each, and six sums for what else is one. Next to (n + 2) 2^-24. */
    const char *precision = c->kernels->precision;
    const double added = !strcmp(precision, "bf16x6")   ? 0xa.1p-24
                         : !strcmp(precision, "bf16x3") ? 0x3.1p-16
                                                        : 0x2.1p-8;
    if (!strcmp(c->kernels->precision, "fp32"))
        return;
    for (size_t i = 0; i < count; i++)
        tolerance[i] *= 1 + added / (((double)n + 2) * 0x1p-24);
}

void check_pieces(const check *c, double curves, double *tolerance, size_t count)
{
    if (!strcmp(c->isa, "amx") && strcmp(c->kernels->precision, "fp32") &&
        strcmp(c->kernels->precision, "bf16x6"))
        for (size_t i = 0; i < count; i++)
            tolerance[i] += 1e-4 * curves;
}

void check_result(check *c, const matrix *out, const double *value, const double *tolerance)
{
    for (size_t r = 0; r < out->rows; r++)
        for (size_t n = 0; n < out->columns; n++, value++, tolerance++) {
            const float got = out->data[r * out->stride + n];
            check_digest(c, &got, 1);
            c->values++;
            if (bits_of(got) == CANARY)
                check_fail(c, "row %zu column %zu was not written", r, n);
            else if (!(fabs((double)got - *value) <= *tolerance)) /* so that NaN fails */
                check_fail(c, "row %zu column %zu: %.9g, expected %.9g +- %.2g", r, n, got,
                           *value, *tolerance);
        }
    check_padding(c, out);
}

void check_same(check *c, const char *why, const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        c->values++;
        if (bits_of(got[i]) != bits_of(want[i]) && !(isnan(got[i]) && isnan(want[i])))
            check_fail(c, "%s: element %zu is %.9g, expected the bits of %.9g", why, i,
                       got[i], want[i]);
    }
}
