#include "compat/torch_file.h"

#include "output/zip.h"

#include <assert.h>
#include <string.h>

enum { TENSORS = 16, LARGEST_ARRAY = INT32_MAX };

struct fmpnn_torch_file {
    fmpnn_text pickle; /* the dictionary so far, open */
    struct {
        const void *data;
        size_t size;
    } tensor[TENSORS];
    size_t tensors;
    const char *too_large; /* an array; NULL: none */
    size_t too_large_size;
};

/* ---- the pickle's vocabulary */

static void op(fmpnn_torch_file *file, char code)
{
    fmpnn_text_add(&file->pickle, &code, 1);
}

static void little(fmpnn_torch_file *file, uint64_t value, size_t bytes)
{
    for (size_t n = 0; n < bytes; n++)
        op(file, (char)(value >> 8 * n & 0xff));
}

static void add_global(fmpnn_torch_file *file, const char *module, const char *name)
{
    fmpnn_text_print(&file->pickle, "c%s\n%s\n", module, name);
}

static void add_text(fmpnn_torch_file *file, const char *text, size_t size)
{
    op(file, 'X');
    little(file, size, 4);
    fmpnn_text_add(&file->pickle, text, size);
}

static void add_string(fmpnn_torch_file *file, const char *text)
{
    add_text(file, text, strlen(text));
}

static void add_integer(fmpnn_torch_file *file, int64_t value)
{
    if (value >= 0 && value < 256) {
        op(file, 'K');
        little(file, (uint64_t)value, 1);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        op(file, 'J');
        little(file, (uint64_t)value, 4);
    } else {
        op(file, '\x8a');
        op(file, 8);
        little(file, (uint64_t)value, 8);
    }
}

static void add_sizes(fmpnn_torch_file *file, size_t rank, const size_t *sizes)
{
    op(file, '(');
    for (size_t r = 0; r < rank; r++)
        add_integer(file, (int64_t)sizes[r]);
    op(file, 't');
}

/* ---- the dictionary */

fmpnn_torch_file *fmpnn_torch_file_create(void)
{
    fmpnn_torch_file *file = fmpnn_alloc_zero(1, sizeof *file);
    if (!file)
        return NULL;
    fmpnn_text_init(&file->pickle);
    fmpnn_text_add(&file->pickle, "\x80\x02}(", 4);
    return file;
}

void fmpnn_torch_file_free(fmpnn_torch_file *file)
{
    if (!file)
        return;
    fmpnn_text_clear(&file->pickle);
    fmpnn_release(file);
}

static size_t width_of(fmpnn_torch_type type)
{
    return type == FMPNN_TORCH_I64 ? 8 : 4;
}

static size_t count_of(size_t rank, const size_t *shape)
{
    size_t count = 1;
    for (size_t r = 0; r < rank; r++)
        count *= shape[r];
    return count;
}

void fmpnn_torch_file_tensor(fmpnn_torch_file *file, const char *name, fmpnn_torch_type type,
                             size_t rank, const size_t *shape, const void *data)
{
    static const char *const storage[] = {"FloatStorage", "IntStorage", "LongStorage"};
    char key[8];
    size_t stride[4] = {1}, count = count_of(rank, shape);
    assert(file->tensors < TENSORS && rank <= 4);
    snprintf(key, sizeof key, "%zu", file->tensors);
    for (size_t r = rank; r-- > 0;)
        stride[r] = r + 1 < rank ? stride[r + 1] * shape[r + 1] : 1;
    file->tensor[file->tensors].data = data;
    file->tensor[file->tensors++].size = count * width_of(type);
    add_string(file, name);
    add_global(file, "torch._utils", "_rebuild_tensor_v2");
    fmpnn_text_add(&file->pickle, "((", 2);
    add_string(file, "storage");
    add_global(file, "torch", storage[type]);
    add_string(file, key);
    add_string(file, "cpu");
    add_integer(file, (int64_t)count);
    fmpnn_text_add(&file->pickle, "tQK\0", 4); /* the storage; offset 0 */
    add_sizes(file, rank, shape);
    add_sizes(file, rank, stride);
    op(file, '\x89'); /* requires no gradient; no hooks */
    add_global(file, "collections", "OrderedDict");
    fmpnn_text_add(&file->pickle, ")RtR", 4);
}

/* The dtype as NumPy takes it apart. */
static void add_dtype(fmpnn_torch_file *file, fmpnn_torch_type type)
{
    static const char *const code[] = {"f4", "i4", "i8"};
    add_global(file, "numpy", "dtype");
    add_string(file, code[type]);
    fmpnn_text_add(&file->pickle, "\x89\x88\x87R(K\x03", 7);
    add_string(file, "<");
    fmpnn_text_add(&file->pickle, "NNN", 3);
    add_integer(file, -1);
    add_integer(file, -1);
    fmpnn_text_add(&file->pickle, "K\0tb", 4);
}

/* Bytes, as pickles of protocol 2 say them: text of as many characters, encoded. */
static void add_bytes(fmpnn_torch_file *file, const void *data, size_t size)
{
    const unsigned char *byte = data;
    size_t wide = 0;
    for (size_t n = 0; n < size; n++)
        wide += byte[n] >= 0x80;
    add_global(file, "_codecs", "encode");
    op(file, 'X');
    little(file, size + wide, 4);
    for (size_t n = 0; n < size; n++) {
        if (byte[n] >= 0x80)
            op(file, (char)(0xc0 | byte[n] >> 6));
        op(file, (char)(byte[n] >= 0x80 ? 0x80 | (byte[n] & 0x3f) : byte[n]));
    }
    add_string(file, "latin1");
    fmpnn_text_add(&file->pickle, "\x86R", 2);
}

void fmpnn_torch_file_array(fmpnn_torch_file *file, const char *name, fmpnn_torch_type type,
                            size_t rank, const size_t *shape, const void *data)
{
    size_t size = count_of(rank, shape) * width_of(type);
    if (size > LARGEST_ARRAY) { /* as text it may be twice as long, in 32 bits of length */
        file->too_large = name;
        file->too_large_size = size;
        return;
    }
    add_string(file, name);
    add_global(file, "numpy.core.multiarray", "_reconstruct");
    add_global(file, "numpy", "ndarray");
    fmpnn_text_add(&file->pickle, "K\0\x85", 3);
    add_bytes(file, "b", 1);
    fmpnn_text_add(&file->pickle, "\x87R(K\x01", 5);
    add_sizes(file, rank, shape);
    add_dtype(file, type);
    op(file, '\x89');
    add_bytes(file, data, size);
    fmpnn_text_add(&file->pickle, "tb", 2);
}

void fmpnn_torch_file_integer(fmpnn_torch_file *file, const char *name, int64_t value)
{
    add_string(file, name);
    add_integer(file, value);
}

void fmpnn_torch_file_real(fmpnn_torch_file *file, const char *name, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_string(file, name);
    op(file, 'G');
    for (size_t n = 8; n-- > 0;)
        op(file, (char)(bits >> 8 * n & 0xff));
}

void fmpnn_torch_file_letters(fmpnn_torch_file *file, const char *name, const char *letters)
{
    add_string(file, name);
    fmpnn_text_add(&file->pickle, "](", 2);
    for (const char *c = letters; *c; c++)
        add_text(file, c, 1);
    op(file, 'e');
}

void fmpnn_torch_file_names(fmpnn_torch_file *file, const char *name, size_t count,
                            const char *const *names)
{
    add_string(file, name);
    fmpnn_text_add(&file->pickle, "}(", 2);
    for (size_t n = 0; n < count; n++) {
        add_integer(file, (int64_t)n);
        add_string(file, names[n]);
    }
    op(file, 'u');
}

void fmpnn_torch_file_table(fmpnn_torch_file *file, const char *name, size_t count,
                            const char *const *names, const char *letters,
                            const float *values)
{
    size_t width = strlen(letters);
    add_string(file, name);
    fmpnn_text_add(&file->pickle, "}(", 2);
    for (size_t n = 0; n < count; n++) {
        add_string(file, names[n]);
        fmpnn_text_add(&file->pickle, "}(", 2);
        for (size_t a = 0; a < width; a++) {
            add_text(file, letters + a, 1);
            add_global(file, "numpy.core.multiarray", "scalar");
            add_dtype(file, FMPNN_TORCH_F32);
            add_bytes(file, values + n * width + a, sizeof *values);
            fmpnn_text_add(&file->pickle, "\x86R", 2);
        }
        op(file, 'u');
    }
    op(file, 'u');
}

/* ---- the zip */

static void add_member(fmpnn_zip *zip, const char *folder, const char *name, const void *data,
                       size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    fmpnn_zip_add(zip, path, data, size, NULL, 0);
}

static fmpnn_status no_room(const char *folder, const char *name, size_t size,
                            fmpnn_error *err)
{
    return fmpnn_fail(
        err, FMPNN_EINVAL,
        "%s.pt: the array %s has %zu bytes, and a pickle of the published form "
        "has room for %d; ask for fewer at a time",
        folder, name, size, LARGEST_ARRAY);
}

fmpnn_status fmpnn_torch_array_check(const char *folder, const char *name,
                                     fmpnn_torch_type type, size_t count, fmpnn_error *err)
{
    size_t item = width_of(type);
    return count > LARGEST_ARRAY / item ? no_room(folder, name, count * item, err)
                                        : FMPNN_OK;
}

fmpnn_status fmpnn_torch_file_finish(fmpnn_torch_file *file, const char *folder,
                                     fmpnn_text *out, fmpnn_error *err)
{
    fmpnn_zip zip;
    if (file->too_large)
        return no_room(folder, file->too_large, file->too_large_size, err);
    fmpnn_text_add(&file->pickle, "u.", 2);
    fmpnn_zip_open(&zip);
    zip.failed = zip.failed || file->pickle.failed;
    add_member(&zip, folder, "data.pkl", file->pickle.data, file->pickle.size);
    add_member(&zip, folder, "byteorder", "little", 6);
    for (size_t n = 0; n < file->tensors; n++) {
        char name[24];
        snprintf(name, sizeof name, "data/%zu", n);
        add_member(&zip, folder, name, file->tensor[n].data, file->tensor[n].size);
    }
    add_member(&zip, folder, "version", "3\n", 2);
    return fmpnn_zip_close(&zip, out) ? FMPNN_OK
                                      : fmpnn_fail_memory(err, "writing a PyTorch file");
}
