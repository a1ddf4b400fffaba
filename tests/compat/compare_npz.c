/* Arrays: names, types, shapes; log-probabilities and scores within 1e-4, all else exactly. */
#include "compare.h"

#include <math.h>
#include <string.h>
#include <zip.h>

#define LIMIT 1e-4
/* Sampling distributions: logits divided by T, down to 0.1, so ten times their rounding. */
#define LIMIT_OF_PROBS 1e-3

/* Values of samples that fell another way say nothing. */
static bool counts(const fmpnn_npy *array, size_t n, const char *name, const flips *f)
{
    size_t each = array->rank && array->shape[0] ? array->count / array->shape[0] : 1;
    bool by_sample = strcmp(name, "mask") != 0 && strcmp(name, "chain_order") != 0;
    return !f || !f->count || !by_sample || n / each >= FLIPS || !f->flipped[n / each];
}

static void compare_values(comparison *c, const char *file, const char *name,
                           const fmpnn_npy *a, const fmpnn_npy *b, const flips *f)
{
    bool real = a->data && a->type[1] == 'f';
    double limit = strcmp(name, "probs") ? LIMIT : LIMIT_OF_PROBS;
    for (size_t n = 0; n < a->count; n++) {
        if (!counts(a, n, name, f))
            continue;
        c->values++;
        bool same = !memcmp(a->bytes + n * a->item, b->bytes + n * b->item, a->item);
        if (real && !same) {
            double distance = fabs(a->data[n] - b->data[n]);
            same = distance <= limit || (isnan(a->data[n]) && isnan(b->data[n]));
            c->largest = distance > c->largest ? distance : c->largest;
        }
        if (!same) {
            differ(c, file, "%s[%zu]: %.9g, expected %.9g", name, n,
                   b->data ? b->data[n] : NAN, a->data ? a->data[n] : NAN);
            return;
        }
    }
}

static void compare_member(comparison *c, const char *expected, const char *actual,
                           const char *name, const flips *f)
{
    fmpnn_npy a = {0}, b = {0};
    fmpnn_error err;
    if (fmpnn_npz_read(expected, name, &a, &err) ||
        fmpnn_npz_read(actual, name, &b, &err)) {
        differ(c, actual, "%s", err.message);
    } else if (strcmp(a.type, b.type) != 0) {
        differ(c, actual, "%s: type %s, expected %s", name, b.type, a.type);
    } else if (a.rank != b.rank ||
               memcmp(a.shape, b.shape, a.rank * sizeof *a.shape) != 0) {
        differ(c, actual, "%s: another shape", name);
    } else {
        compare_values(c, actual, name, &a, &b, f);
    }
    fmpnn_npy_clear(&b);
    fmpnn_npy_clear(&a);
}

void compare_npz(comparison *c, const char *expected, const char *actual, const flips *f)
{
    zip_t *a = zip_open(expected, ZIP_RDONLY, NULL);
    zip_t *b = zip_open(actual, ZIP_RDONLY, NULL);
    if (!a || !b) {
        differ(c, actual, "cannot be opened as .npz");
    } else {
        zip_int64_t count = zip_get_num_entries(a, 0);
        if (count != zip_get_num_entries(b, 0))
            differ(c, actual, "another number of arrays");
        for (zip_int64_t n = 0; n < count; n++) {
            char name[128];
            snprintf(name, sizeof name, "%s", zip_get_name(a, (zip_uint64_t)n, 0));
            char *end = strstr(name, ".npy");
            if (end)
                *end = '\0';
            compare_member(c, expected, actual, name, f);
        }
    }
    if (a)
        zip_discard(a);
    if (b)
        zip_discard(b);
}
