/* Compares two files of torch.save(), key by key: compare_pt EXPECTED ACTUAL. Keys, their order,
 * types, shapes, whole numbers and texts must be the same; float numbers within 2e-4, sampling
 * probabilities 2e-3 (temperature 0.1). Exit code 1: they differ. */
#include "unpickle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { DIMENSIONS = 4 };

typedef struct pt {
    zip_t *zip;
    char folder[256];
    value *root;
} pt;

/* A tensor, array or NumPy number. */
typedef struct array {
    char type[3]; /* "f4", "i4", "i8" */
    size_t rank, shape[DIMENSIONS], count;
    const unsigned char *data;
    size_t size;
} array;

static size_t compared, differences;
static double largest;

static unsigned char *member(const pt *file, const char *name, size_t *size)
{
    char path[300];
    zip_stat_t about;
    snprintf(path, sizeof path, "%s/%s", file->folder, name);
    zip_file_t *from = zip_fopen(file->zip, path, 0);
    if (!from || zip_stat(file->zip, path, 0, &about))
        return NULL;
    unsigned char *bytes = malloc((size_t)about.size + 1);
    bool good = bytes && zip_fread(from, bytes, about.size) == (zip_int64_t)about.size;
    zip_fclose(from);
    *size = (size_t)about.size;
    return good ? bytes : NULL;
}

static bool open_pt(pt *file, const char *path)
{
    size_t size;
    file->zip = zip_open(path, ZIP_RDONLY, NULL);
    const char *first = file->zip ? zip_get_name(file->zip, 0, 0) : NULL;
    if (!first)
        return false;
    snprintf(file->folder, sizeof file->folder, "%.*s", (int)strcspn(first, "/"), first);
    unsigned char *bytes = member(file, "data.pkl", &size);
    file->root = bytes ? unpickle(bytes, size) : NULL;
    return file->root && file->root->kind == VALUE_DICT;
}

/* ---- arrays */

static void set_shape(array *a, const value *sizes)
{
    a->rank = sizes->count < DIMENSIONS ? sizes->count : DIMENSIONS;
    a->count = 1;
    for (size_t r = 0; r < a->rank; r++) {
        a->shape[r] = (size_t)sizes->item[r]->integer;
        a->count *= a->shape[r];
    }
}

/* Bytes written as text of as many characters. */
static bool decode(const value *encoded, array *a)
{
    if (encoded->kind != VALUE_CALL ||
        !value_is(encoded->item[0], VALUE_GLOBAL, "_codecs encode"))
        return false;
    const value *text = encoded->item[1]->item[0];
    unsigned char *bytes = malloc(text->count + 1);
    if (!bytes)
        abort();
    for (size_t n = 0; n < text->count; n++) {
        unsigned char c = (unsigned char)text->text[n];
        if (c >= 0x80 && n + 1 < text->count)
            c = (unsigned char)((c & 3) << 6 | ((unsigned char)text->text[++n] & 0x3f));
        bytes[a->size++] = c;
    }
    a->data = bytes;
    return true;
}

static void set_dtype(array *a, const value *dtype)
{
    if (dtype->kind == VALUE_CALL && value_is(dtype->item[0], VALUE_GLOBAL, "numpy dtype"))
        snprintf(a->type, sizeof a->type, "%.2s", dtype->item[1]->item[0]->text);
}

static bool has_name(const value *v, const char *end)
{
    size_t size = strlen(end);
    return v->kind == VALUE_GLOBAL && v->count >= size &&
           !memcmp(v->text + v->count - size, end, size);
}

static bool read_tensor(const pt *file, const value *arguments, array *a)
{
    static const char *const storage[][2] = {
        {" FloatStorage", "f4"}, {" IntStorage", "i4"}, {" LongStorage", "i8"}};
    char name[40];
    const value *id = arguments->item[0]->item[0];
    for (size_t n = 0; n < 3; n++)
        if (has_name(id->item[1], storage[n][0]))
            strcpy(a->type, storage[n][1]);
    snprintf(name, sizeof name, "data/%.*s", (int)id->item[2]->count, id->item[2]->text);
    set_shape(a, arguments->item[2]);
    a->data = member(file, name, &a->size);
    return a->data != NULL;
}

static bool read_array(const pt *file, const value *v, array *a)
{
    *a = (array){.count = 1};
    if (v->kind != VALUE_CALL)
        return false;
    if (has_name(v->item[0], " _rebuild_tensor_v2"))
        return read_tensor(file, v->item[1], a);
    if (has_name(v->item[0], ".multiarray scalar")) {
        set_dtype(a, v->item[1]->item[0]);
        return decode(v->item[1]->item[1], a);
    }
    if (!has_name(v->item[0], ".multiarray _reconstruct") || v->count < 3)
        return false;
    const value *state = v->item[2];
    set_shape(a, state->item[1]);
    set_dtype(a, state->item[2]);
    return decode(state->item[4], a);
}

/* ---- comparison */

static void differ(const char *key, const char *what)
{
    if (differences++ < 20)
        printf("%s: %s\n", key, what);
}

static void compare_arrays(const char *key, const array *a, const array *b)
{
    double limit = !strcmp(key, "sampling_probs") ? 2e-3 : 2e-4;
    size_t width = a->type[1] == '8' ? 8 : 4;
    if (strcmp(a->type, b->type) != 0 || a->rank != b->rank || a->size != b->size ||
        a->size != a->count * width || memcmp(a->shape, b->shape, sizeof a->shape) != 0) {
        differ(key, "another type or shape");
        return;
    }
    compared += a->count;
    if (a->type[0] == 'i') {
        if (memcmp(a->data, b->data, a->size) != 0)
            differ(key, "other whole numbers");
        return;
    }
    for (size_t n = 0; n < a->count; n++) {
        float x, y;
        memcpy(&x, a->data + 4 * n, 4);
        memcpy(&y, b->data + 4 * n, 4);
        double difference = fabs((double)x - (double)y);
        largest = difference > largest ? difference : largest;
        if (!(difference <= limit)) {
            differ(key, "a number beyond the limit");
            return;
        }
    }
}

static void compare(const pt *file_a, const pt *file_b, const value *a, const value *b,
                    const char *key)
{
    array x, y;
    bool is_a = read_array(file_a, a, &x), is_b = read_array(file_b, b, &y);
    if (a->kind != b->kind || is_a != is_b || a->count != b->count) {
        differ(key, "of another kind or size");
    } else if (is_a) {
        compare_arrays(key, &x, &y);
    } else if (a->kind == VALUE_TEXT) {
        if (memcmp(a->text, b->text, a->count) != 0)
            differ(key, "another text");
    } else if (a->kind == VALUE_DICT || a->kind == VALUE_LIST || a->kind == VALUE_TUPLE) {
        for (size_t n = 0; n < a->count; n++)
            compare(file_a, file_b, a->item[n], b->item[n], key);
    } else if (a->integer != b->integer || a->real != b->real) {
        differ(key, "another number");
    }
}

int main(int argc, char **argv)
{
    pt a, b;
    if (argc != 3 || !open_pt(&a, argv[1]) || !open_pt(&b, argv[2])) {
        printf("compare_pt EXPECTED ACTUAL: cannot be read\n");
        return 1;
    }
    if (a.root->count != b.root->count)
        differ("keys", "not as many");
    for (size_t n = 0; n + 1 < a.root->count && n + 1 < b.root->count; n += 2) {
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)a.root->item[n]->count, a.root->item[n]->text);
        compare(&a, &b, a.root->item[n], b.root->item[n], "keys");
        compare(&a, &b, a.root->item[n + 1], b.root->item[n + 1], key);
    }
    printf("%zu values, largest difference %.2g, %zu differences\n", compared, largest,
           differences);
    return differences > 0 || !compared;
}
