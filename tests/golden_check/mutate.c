/* mutate FILE TENSOR INDEX VALUE: change one number of a safetensors file in place, so that a
 * test can see the checker refuse it. VALUE replaces the number; "+V" adds to it; "nan" works. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what)
{
    fprintf(stderr, "mutate: %s\n", what);
    return 1;
}

/* The number of `dtype` at `at`, changed as `text` says; false for another dtype. */
static int change(FILE *file, long at, const char *dtype, const char *text)
{
    unsigned char bytes[8];
    size_t width = strstr(dtype, "64") ? 8 : 4;
    double value = strtod(text[0] == '+' ? text + 1 : text, NULL), old;
    float f;
    int32_t i;
    if (fseek(file, at, SEEK_SET) != 0 || fread(bytes, 1, width, file) != width)
        return fail("beyond the end");
    if (!strcmp(dtype, "F32")) {
        memcpy(&f, bytes, 4);
        old = f;
    } else if (!strcmp(dtype, "F64")) {
        memcpy(&old, bytes, 8);
    } else if (!strcmp(dtype, "I32")) {
        memcpy(&i, bytes, 4);
        old = i;
    } else {
        return fail("type not supported");
    }
    value = text[0] == '+' ? old + value : value;
    f = (float)value;
    i = strcmp(dtype, "I32") ? 0 : (int32_t)value;
    memcpy(bytes,
           width == 8        ? (void *)&value
           : dtype[0] == 'F' ? (void *)&f
                             : (void *)&i,
           width);
    if (value == old)
        return fail("that is no change");
    if (fseek(file, at, SEEK_SET) != 0 || fwrite(bytes, 1, width, file) != width)
        return fail("cannot be written");
    printf("%.9g -> %.9g\n", old, value);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned char length[8];
    uint64_t size = 0;
    int result = 1;
    FILE *file = argc == 5 ? fopen(argv[1], "r+b") : NULL;
    if (!file || fread(length, 1, 8, file) != 8)
        return fail("usage: mutate FILE TENSOR INDEX VALUE");
    for (int n = 7; n >= 0; n--)
        size = size << 8 | length[n];
    char *header = size < 1u << 24 ? malloc(size) : NULL;
    json_t *root = header && fread(header, 1, size, file) == size
                       ? json_loadb(header, size, 0, NULL)
                       : NULL;
    const json_t *about = json_object_get(root, argv[2]);
    const char *dtype = json_string_value(json_object_get(about, "dtype"));
    const json_t *offsets = json_object_get(about, "data_offsets");
    if (dtype) {
        long width = strstr(dtype, "64") ? 8 : 4;
        long at = (long)size + 8 + (long)json_integer_value(json_array_get(offsets, 0));
        result = change(file, at + width * atol(argv[3]), dtype, argv[4]);
    } else {
        fail("no such tensor");
    }
    json_decref(root);
    free(header);
    if (fclose(file) != 0)
        result = fail("cannot be written");
    return result;
}
