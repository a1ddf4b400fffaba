/* safetensors: eight bytes of length, a JSON object that places each array, the arrays. The
 * file is mapped and read in place; the JSON tree lives as long as the archive, which borrows
 * the names from it.
 *
 * A checkpoint in this format says nothing of k or training noise, unless "__metadata__" has
 * num_edges, noise_level and atom_context_num as text; without them k is that of every published
 * ProteinMPNN file (fmpnn_model_from_tensors). */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "weights/floats.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PREFIX = 8,
    MAX_HEADER = 4 << 20, /* published: 12 KiB */
    MAX_NAME = 200,
    ALIGN_FLOATS = 16
};

struct fmpnn_archive {
    void *map; /* NULL where the bytes are borrowed */
    size_t map_size;
    json_t *root;
    fmpnn_array *array;
    size_t count;
};

/* An archive in the making. */
typedef struct reader {
    const char *name;
    const unsigned char *data; /* behind the header */
    size_t size;
    fmpnn_error *err;
} reader;

void fmpnn_archive_close(fmpnn_archive *archive)
{
    if (!archive)
        return;
    fmpnn_release(archive->array);
    json_decref(archive->root);
    if (archive->map)
        munmap(archive->map, archive->map_size);
    fmpnn_release(archive);
}

/* ---- one array ---- */

static fmpnn_status refuse(const reader *r, const char *array, const char *what)
{
    return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: array %s %s", r->name, array, what);
}

static bool is_name(const char *text)
{
    size_t size = 0;
    while (text[size] > ' ' && text[size] <= '~' && size < MAX_NAME)
        size++;
    return size && !text[size];
}

/* A whole number 0..limit. */
static bool as_size(const json_t *number, size_t limit, size_t *size)
{
    if (!json_is_integer(number) || json_integer_value(number) < 0 ||
        (uint64_t)json_integer_value(number) > limit)
        return false;
    *size = (size_t)json_integer_value(number);
    return true;
}

static bool find_dtype(const char *text, fmpnn_dtype *dtype)
{
    for (int i = FMPNN_F32; text && i <= FMPNN_BOOL; i++)
        if (!strcmp(text, fmpnn_dtype_name(i))) {
            *dtype = i;
            return true;
        }
    return false;
}

/* Shape and element count; no product may exceed the bytes that are there. */
static bool read_shape(const reader *r, const json_t *shape, fmpnn_array *a)
{
    if (!json_is_array(shape) || json_array_size(shape) > 8)
        return false;
    a->rank = json_array_size(shape);
    a->count = 1;
    for (size_t d = 0; d < a->rank; d++) {
        if (!as_size(json_array_get(shape, d), SIZE_MAX / 2, &a->shape[d]))
            return false;
        if (a->shape[d] && a->count > r->size / a->shape[d])
            return false;
        a->count *= a->shape[d];
    }
    return true;
}

static fmpnn_status read_array(const reader *r, const char *name, const json_t *entry,
                               fmpnn_array *a)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    size_t begin, end;
    if (!is_name(name))
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: an array without a name of 1 to %d printable characters",
                          r->name, MAX_NAME);
    a->name = name;
    if (!find_dtype(type, &a->dtype))
        return refuse(r, name, "has a type other than F32 F64 F16 BF16 I32 I64 U8 BOOL");
    if (!read_shape(r, json_object_get(entry, "shape"), a))
        return refuse(r, name, "has a malformed shape, or one larger than the file");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !as_size(json_array_get(offsets, 0), r->size, &begin) ||
        !as_size(json_array_get(offsets, 1), r->size, &end) || begin > end)
        return refuse(r, name, "has offsets outside the file: malformed or cut off");
    if ((end - begin) / fmpnn_dtype_size(a->dtype) != a->count ||
        (end - begin) % fmpnn_dtype_size(a->dtype))
        return refuse(r, name, "has a shape that differs from its number of bytes");
    a->data = r->data + begin;
    return FMPNN_OK;
}

/* ---- all of them ---- */

static size_t bytes_of(const fmpnn_array *a)
{
    return a->count * fmpnn_dtype_size(a->dtype);
}

/* By place in the file; arrays without bytes before the one that begins there. */
static int compare_places(const void *left, const void *right)
{
    const fmpnn_array *a = left, *b = right;
    if (a->data != b->data)
        return (const char *)a->data < (const char *)b->data ? -1 : 1;
    return (bytes_of(a) > 0) - (bytes_of(b) > 0);
}

static fmpnn_status read_arrays(const reader *r, fmpnn_archive *archive)
{
    const char *name;
    json_t *entry;
    archive->array =
        fmpnn_alloc_zero(json_object_size(archive->root), sizeof *archive->array);
    if (!archive->array)
        return fmpnn_fail(r->err, FMPNN_ENOMEM, "%s: out of memory while reading", r->name);
    json_object_foreach(archive->root, name, entry)
    {
        if (!strcmp(name, "__metadata__"))
            continue;
        fmpnn_status status = read_array(r, name, entry, &archive->array[archive->count]);
        if (status)
            return status;
        archive->count++;
    }
    qsort(archive->array, archive->count, sizeof *archive->array, compare_places);
    for (size_t i = 1; i < archive->count; i++) {
        const fmpnn_array *before = &archive->array[i - 1], *a = &archive->array[i];
        if ((const char *)before->data + bytes_of(before) > (const char *)a->data)
            return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: arrays %s and %s overlap",
                              r->name, before->name, a->name);
    }
    return FMPNN_OK;
}

/* The archive of `size` bytes, which are borrowed. */
static fmpnn_status archive_parse(const char *name, const void *bytes, size_t size,
                                  fmpnn_archive **out, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_archive *archive = NULL;
    const unsigned char *prefix = bytes;
    uint64_t header = 0;
    json_error_t error;
    if (size < PREFIX)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: no safetensors file, or cut off", name);
    for (size_t i = PREFIX; i-- > 0;)
        header = header << 8 | prefix[i];
    if (header > size - PREFIX || header > MAX_HEADER)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s: no safetensors file, or cut off: a header of %llu bytes",
                          name, (unsigned long long)header);
    if (!(archive = fmpnn_alloc_zero(1, sizeof *archive)))
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", name);
    archive->root = fmpnn_json_read((const char *)prefix + PREFIX, (size_t)header,
                                    JSON_REJECT_DUPLICATES, &error);
    if (!archive->root) {
        bool memory = json_error_code(&error) == json_error_out_of_memory;
        status =
            memory ? fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", name)
                   : fmpnn_fail(err, FMPNN_EFORMAT, "%s: bad JSON in the header: %s", name,
                                error.text);
        goto done;
    }
    if (!json_is_object(archive->root)) {
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: the header is no JSON object", name);
        goto done;
    }
    reader r = {name, prefix + PREFIX + header, size - PREFIX - (size_t)header, err};
    if ((status = read_arrays(&r, archive)))
        goto done;
    *out = archive;
    archive = NULL;
done:
    fmpnn_archive_close(archive);
    return status;
}

fmpnn_status fmpnn_archive_open(const char *path, fmpnn_archive **archive, fmpnn_error *err)
{
    fmpnn_status status;
    struct stat info;
    void *map = MAP_FAILED;
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(info.st_mode) || !info.st_size) {
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: empty, or no file", path);
        goto done;
    }
    size = (size_t)info.st_size;
    map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
        goto done;
    }
    if ((status = archive_parse(path, map, size, archive, err)))
        goto done;
    (*archive)->map = map;
    (*archive)->map_size = size;
    map = MAP_FAILED;
done:
    if (map != MAP_FAILED)
        munmap(map, size);
    if (fd >= 0)
        close(fd);
    return status;
}

size_t fmpnn_archive_count(const fmpnn_archive *archive)
{
    return archive->count;
}

const fmpnn_array *fmpnn_archive_at(const fmpnn_archive *archive, size_t n)
{
    return n < archive->count ? &archive->array[n] : NULL;
}

const fmpnn_array *fmpnn_archive_find(const fmpnn_archive *archive, const char *name)
{
    for (size_t i = 0; i < archive->count; i++)
        if (!strcmp(archive->array[i].name, name))
            return &archive->array[i];
    return NULL;
}

/* ---- as a checkpoint ---- */

/* What the tensors point into, beside the file itself. */
typedef struct contents {
    fmpnn_archive *archive; /* names */
    float *floats;          /* numbers that had to be converted or moved */
} contents;

static void contents_free(void *owner)
{
    contents *c = owner;
    fmpnn_archive_close(c->archive);
    fmpnn_release(c->floats);
    fmpnn_release(c);
}

static bool usable_in_place(const fmpnn_array *a)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && a->dtype == FMPNN_F32 &&
           (uintptr_t)a->data % sizeof(float) == 0;
}

static size_t aligned(size_t floats)
{
    return (floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

static fmpnn_status read_metadata(const char *name, const fmpnn_archive *archive,
                                  fmpnn_tensors *out, fmpnn_error *err)
{
    const json_t *metadata = json_object_get(archive->root, "__metadata__");
    const char *noise = json_string_value(json_object_get(metadata, "noise_level"));
    const struct {
        const char *name;
        int64_t *number;
    } counts[] = {{"num_edges", &out->num_edges},
                  {"atom_context_num", &out->atom_context_num}};
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        const char *text = json_string_value(json_object_get(metadata, counts[n].name));
        if (text && (!fmpnn_parse_int(text, counts[n].number) || *counts[n].number < 0))
            return fmpnn_fail(
                err, FMPNN_EFORMAT,
                "%s: %s in __metadata__ is not a whole number of at least 1", name,
                counts[n].name);
    }
    if (noise && !fmpnn_parse_double(noise, &out->noise_level))
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s: noise_level in __metadata__ is not a number", name);
    return FMPNN_OK;
}

/* A checkpoint's tensors are floating point and have at most four sizes. */
static fmpnn_status count_floats(const char *name, const fmpnn_archive *archive,
                                 size_t *floats, fmpnn_error *err)
{
    size_t total = 0;
    *floats = 0;
    for (size_t i = 0; i < archive->count; i++) {
        const fmpnn_array *a = &archive->array[i];
        if (!fmpnn_dtype_is_float(a->dtype) || a->rank > 4)
            return fmpnn_fail(
                err, FMPNN_EFORMAT,
                "%s: tensor %s has type %s and %zu sizes; expected floating point "
                "and at most 4 sizes",
                name, a->name, fmpnn_dtype_name(a->dtype), a->rank);
        total += a->count;
        if (!usable_in_place(a))
            *floats += aligned(a->count);
        if (total > FMPNN_MAX_FLOATS || *floats > FMPNN_MAX_FLOATS)
            return fmpnn_fail(err, FMPNN_EFORMAT, "%s: more than %zu numbers in all", name,
                              FMPNN_MAX_FLOATS);
    }
    return FMPNN_OK;
}

static void fill(const fmpnn_archive *archive, float *dst, fmpnn_tensors *out)
{
    for (size_t i = 0; i < archive->count; i++) {
        const fmpnn_array *a = &archive->array[i];
        fmpnn_tensor *t = &out->tensor[out->count++];
        *t = (fmpnn_tensor){.name = a->name, .data = a->data, .rank = a->rank};
        memcpy(t->shape, a->shape, sizeof t->shape);
        if (usable_in_place(a))
            continue;
        fmpnn_floats_from(dst, a->data, a->dtype, a->count);
        t->data = dst;
        dst += aligned(a->count);
    }
}

fmpnn_status fmpnn_safetensors_parse(const char *name, const void *bytes, size_t size,
                                     fmpnn_tensors *out, fmpnn_error *err)
{
    fmpnn_status status;
    size_t floats;
    fmpnn_tensors tensors = {
        .num_edges = -1, .atom_context_num = -1, .noise_level = NAN};
    contents *c = fmpnn_alloc_zero(1, sizeof *c);
    if (!c)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", name);
    tensors.owner = c;
    tensors.release = contents_free;
    if ((status = archive_parse(name, bytes, size, &c->archive, err)) ||
        (status = read_metadata(name, c->archive, &tensors, err)) ||
        (status = count_floats(name, c->archive, &floats, err)))
        goto done;
    tensors.tensor = fmpnn_alloc(c->archive->count, sizeof *tensors.tensor);
    c->floats = fmpnn_alloc(floats, sizeof *c->floats);
    if (!tensors.tensor || !c->floats) {
        status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", name);
        goto done;
    }
    fill(c->archive, c->floats, &tensors);
    *out = tensors;
    tensors = (fmpnn_tensors){0};
done:
    fmpnn_tensors_clear(&tensors);
    return status;
}
