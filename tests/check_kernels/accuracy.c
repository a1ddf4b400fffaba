/* GELU and the exponential of the radial basis over the floats themselves: every bit pattern
 * with --all-floats, a fixed sample of them otherwise. */
#include "check.h"
#include "kernels/ref.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 1024 };

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Worst error seen, and where. */
typedef struct worst {
    double relative; /* to the bound */
    float at;
} worst;

static void see(worst *w, double relative, float at)
{
    if (relative > w->relative)
        *w = (worst){relative, at};
}

static void gelu_block(check *c, const float *x, size_t n, int tanh_form, worst *w)
{
    float y[BLOCK];
    c->kernels->gelu(y, x, n, tanh_form);
    check_digest(c, y, n);
    c->values += n;
    for (size_t i = 0; i < n; i++) {
        const double exact = fmpnn_ref_gelu1(x[i], tanh_form);
        if (!isfinite(x[i])) {
            if (isnan(exact) ? !isnan(y[i]) : y[i] != (float)exact)
                check_fail(c, "gelu(%g) is %g, expected %g", (double)x[i], (double)y[i],
                           exact);
            continue;
        }
        const double relative = fabs(y[i] - exact) / fmpnn_ref_gelu_bound(x[i], tanh_form);
        if (!(relative <= 1)) /* so that NaN fails */
            check_fail(c, "gelu(%.9g) is %.9g, expected %.9g", (double)x[i], (double)y[i],
                       exact);
        see(w, relative, x[i]);
    }
}

/* Bit patterns from `first` to `last` inclusive, every step-th. */
static void gelu_range(check *c, uint32_t first, uint32_t last, uint32_t step,
                       int tanh_form, worst *w)
{
    float x[BLOCK];
    size_t n = 0;
    for (uint64_t bits = first; bits <= last; bits += step) {
        x[n++] = float_of((uint32_t)bits);
        if (n == BLOCK) {
            gelu_block(c, x, n, tanh_form, w);
            n = 0;
        }
    }
    gelu_block(c, x, n, tanh_form, w);
}

void check_gelu_accuracy(check *c)
{
    static const float special[] = {0.0f,     -0.0f,        INFINITY,     -INFINITY,
                                    NAN,      FLT_MAX,      -FLT_MAX,     FLT_MIN,
                                    -FLT_MIN, FLT_TRUE_MIN, -FLT_TRUE_MIN};
    for (int tanh_form = 0; tanh_form < 2; tanh_form++)
        for (int flushed = 0; flushed < 2; flushed++) {
            check_case(c, "accuracy, tanh=%d flushed=%d", tanh_form, flushed);
            const unsigned mode = flushed ? fmpnn_float_mode_enter() : 0;
            worst w = {0};
            gelu_block(c, special, sizeof special / sizeof *special, tanh_form, &w);
            if (c->all_floats && !flushed) {
                gelu_range(c, 0, UINT32_MAX, 1, tanh_form, &w);
            } else {
                gelu_range(c, 0, UINT32_MAX, 65521, tanh_form, &w);
                /* 2^-10 .. 16, both signs: where there is anything to see */
                gelu_range(c, 0x3a800000, 0x41800000, 997, tanh_form, &w);
                gelu_range(c, 0xba800000, 0xc1800000, 997, tanh_form, &w);
            }
            if (flushed)
                fmpnn_float_mode_leave(mode);
            if (!c->quiet)
                printf("  %-8s gelu %-4s%s largest error %.3f of its bound, at %.9g\n",
                       c->isa, tanh_form ? "tanh" : "erf", flushed ? " (flushed)" : "",
                       w.relative, (double)w.at);
        }
}

/* The exponent as the kernels form it, in float; 2^y is then owed to 2 units in the last place. */
static float exponent(float distance, size_t r)
{
    const float x = distance - fmpnn_ref_centre(r, 2);
    const float square = x * x;
    return square * -0.923324826f;
}

static double last_place(double value)
{
    return (double)nextafterf((float)value, INFINITY) - (double)(float)value;
}

static void exp_block(check *c, const float *distance, size_t n, worst *w)
{
    static float y[BLOCK * 16];
    c->kernels->radial_basis(y, 16, distance, n, 2);
    c->values += n * 16;
    for (size_t i = 0; i < n * 16; i++) {
        const float argument = exponent(distance[i / 16], i % 16);
        const float got = y[i];
        if (isnan(argument) || argument < -126) {
            if (isnan(argument) ? !isnan(got) : got != 0)
                check_fail(c, "2^%.9g is %.9g", (double)argument, (double)got);
            continue;
        }
        const double exact = exp2(argument);
        const double relative = fabs(got - exact) / (2 * last_place(exact));
        if (!(relative <= 1))
            check_fail(c, "2^%.9g is %.9g, expected %.9g", (double)argument, (double)got,
                       exact);
        see(w, relative, argument);
    }
}

void check_exp_accuracy(check *c)
{
    check_case(c, "accuracy");
    float x[BLOCK] = {0.0f, INFINITY, -INFINITY, NAN, FLT_MAX, FLT_MIN};
    worst w = {0};
    exp_block(c, x, 6, &w);
    const uint32_t step = c->all_floats ? 1 : 4093; /* 2^-3 .. 64, the range of distances */
    size_t n = 0;
    for (uint32_t bits = 0x3e000000; bits <= 0x42800000; bits += step) {
        x[n++] = float_of(bits);
        if (n == BLOCK) {
            exp_block(c, x, n, &w);
            n = 0;
        }
    }
    exp_block(c, x, n, &w);
    if (!c->quiet)
        printf("  %-8s exp       largest error %.2f ULP, at 2^%.9g\n", c->isa,
               2 * w.relative, (double)w.at);
}

void check_float_mode(check *c)
{
    check_case(c, "float mode");
    volatile float tiny = FLT_MIN, half = 0.5f;
    const unsigned outer = fmpnn_float_mode_enter();
    const float flushed = tiny * half;
    const unsigned inner = fmpnn_float_mode_enter();
    fmpnn_float_mode_leave(inner);
    const float still = tiny * half;
    fmpnn_float_mode_leave(outer);
    const float kept = tiny * half;
#if defined(__x86_64__) || defined(__aarch64__)
    if (flushed != 0 || still != 0)
        check_fail(c, "denormals are not flushed inside");
#else
    (void)flushed, (void)still;
#endif
    if (kept == 0)
        check_fail(c, "the caller's mode is not restored");
    c->values += 3;
}
