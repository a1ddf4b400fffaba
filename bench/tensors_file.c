/* Tensors from and to a .safetensors file: 8 bytes with the header's size, the header in JSON,
 * the numbers one after the other. */
#include "tensors.h"
#include "weights/model.h"

#include <jansson.h>
#include <string.h>

/* ---- reading ---- */

static fmpnn_status of_rank(const fmpnn_archive *archive, const char *path,
                            const char *name, size_t rank, const fmpnn_array **array,
                            fmpnn_error *err)
{
    *array = fmpnn_archive_find(archive, name);
    if (!*array)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: tensor %s is missing", path, name);
    if ((*array)->rank != rank)
        return fmpnn_fail(err, FMPNN_EFORMAT,
                          "%s: tensor %s has %zu dimensions, expected %zu", path, name,
                          (*array)->rank, rank);
    return FMPNN_OK;
}

static fmpnn_status copy_floats(const fmpnn_archive *archive, const char *path,
                                const bench_tensor *tensor, fmpnn_error *err)
{
    const fmpnn_array *array;
    fmpnn_status status = of_rank(archive, path, tensor->name, tensor->rank, &array, err);
    if (status)
        return status;
    for (size_t d = 0; d < tensor->rank; d++)
        if (array->shape[d] != tensor->shape[d])
            return fmpnn_fail(err, FMPNN_EFORMAT,
                              "%s: tensor %s: dimension %zu is %zu, expected %zu", path,
                              tensor->name, d + 1, array->shape[d], tensor->shape[d]);
    if (array->dtype != FMPNN_F32)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: tensor %s: expected float32", path,
                          tensor->name);
    memcpy(*tensor->data, array->data, array->count * sizeof(float));
    return FMPNN_OK;
}

static fmpnn_status copy_neighbours(bench_tensors *t, const fmpnn_array *array,
                                    const char *path, fmpnn_error *err)
{
    for (size_t n = 0; n < array->count; n++) {
        int32_t narrow;
        int64_t j;
        if (array->dtype == FMPNN_I32) {
            memcpy(&narrow, (const char *)array->data + n * sizeof narrow, sizeof narrow);
            j = narrow;
        } else {
            memcpy(&j, (const char *)array->data + n * sizeof j, sizeof j);
        }
        if (j < 0 || (size_t)j >= t->L)
            return fmpnn_fail(
                err, FMPNN_EFORMAT,
                "%s: tensor E_idx: neighbour %zu of node %zu is %lld, expected 0 "
                "to %zu",
                path, n % t->k, n / t->k, (long long)j, t->L - 1);
        t->E[n] = (int32_t)j;
    }
    return FMPNN_OK;
}

static fmpnn_status read_archive(bench_tensors *t, const fmpnn_archive *archive,
                                 const char *path, fmpnn_error *err)
{
    bench_tensor list[BENCH_FLOAT_TENSORS];
    const fmpnn_array *h, *E;
    fmpnn_status status = of_rank(archive, path, "h", 3, &h, err);
    if (!status)
        status = of_rank(archive, path, "E_idx", 3, &E, err);
    if (status)
        return status;
    if (E->shape[0] != h->shape[0] || E->shape[1] != h->shape[1] ||
        (E->dtype != FMPNN_I32 && E->dtype != FMPNN_I64))
        return fmpnn_fail(
            err, FMPNN_EFORMAT,
            "%s: tensor E_idx: expected int32 or int64 of shape [%zu, %zu, k]", path,
            h->shape[0], h->shape[1]);
    *t = (bench_tensors){
        .B = h->shape[0], .L = h->shape[1], .D = h->shape[2], .k = E->shape[2]};
    status = bench_tensors_alloc(t, err);
    if (status)
        return fmpnn_fail_in(err, status, "%s", path);
    bench_tensors_list(t, list);
    for (size_t n = 0; n < BENCH_FLOAT_TENSORS && !status; n++)
        status = copy_floats(archive, path, &list[n], err);
    return status ? status : copy_neighbours(t, E, path, err);
}

fmpnn_status bench_tensors_read(bench_tensors *t, const char *path, fmpnn_error *err)
{
    fmpnn_archive *archive;
    memset(t, 0, sizeof *t);
    fmpnn_status status = fmpnn_archive_open(path, &archive, err);
    if (status)
        return status;
    status = read_archive(t, archive, path, err);
    if (status)
        bench_tensors_clear(t);
    fmpnn_archive_close(archive);
    return status;
}

/* ---- writing ---- */

static void describe(json_t *header, const char *name, const char *dtype,
                     const size_t *shape, size_t rank, size_t begin, size_t bytes)
{
    json_t *sizes = json_array();
    for (size_t d = 0; d < rank; d++)
        json_array_append_new(sizes, json_integer((json_int_t)shape[d]));
    json_object_set_new(header, name,
                        json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", sizes,
                                  "data_offsets", (json_int_t)begin,
                                  (json_int_t)(begin + bytes)));
}

fmpnn_status bench_tensors_write(const bench_tensors *t, const float *out, const char *path,
                                 fmpnn_error *err)
{
    bench_tensor list[BENCH_FLOAT_TENSORS];
    bench_tensors copy = *t;
    size_t shape[3] = {t->B, t->L, t->D}, shape_E[3] = {t->B, t->L, t->k}, at = 0;
    size_t out_bytes = t->B * t->L * t->D * sizeof *out;
    size_t E_bytes = t->B * t->L * t->k * sizeof *t->E;
    json_t *header = json_object();
    fmpnn_text text;
    fmpnn_text_init(&text);
    bench_tensors_list(&copy, list);
    for (size_t n = 0; n < BENCH_FLOAT_TENSORS; n++) {
        size_t bytes = bench_tensor_count(&list[n]) * sizeof(float);
        describe(header, list[n].name, "F32", list[n].shape, list[n].rank, at, bytes);
        at += bytes;
    }
    describe(header, "E_idx", "I32", shape_E, 3, at, E_bytes);
    describe(header, "out", "F32", shape, 3, at + E_bytes, out_bytes);
    char *json = json_dumps(header, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(header);
    if (!json)
        return fmpnn_fail_memory(err, "writing tensors");
    size_t size = strlen(json), padded = (size + 7) / 8 * 8;
    unsigned char prefix[8];
    for (int n = 0; n < 8; n++)
        prefix[n] = (unsigned char)(padded >> (8 * n));
    fmpnn_text_add(&text, (const char *)prefix, 8);
    fmpnn_text_print(&text, "%-*s", (int)padded, json);
    free(json);
    for (size_t n = 0; n < BENCH_FLOAT_TENSORS; n++)
        fmpnn_text_add(&text, (const char *)*list[n].data,
                       bench_tensor_count(&list[n]) * sizeof(float));
    fmpnn_text_add(&text, (const char *)t->E, E_bytes);
    fmpnn_text_add(&text, (const char *)out, out_bytes);
    fmpnn_status status = text.failed
                              ? fmpnn_fail_memory(err, "writing tensors")
                              : fmpnn_file_write(path, text.data, text.size, false, err);
    fmpnn_text_clear(&text);
    return status;
}
