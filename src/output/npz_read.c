/* One array of an .npz archive: a zip of .npy files, little-endian, in C order. Untrusted:
 * sizes are checked against the archive before anything is allocated. */
#include "output/output.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { NPY_LIMIT = 1 << 28, HEADER_LIMIT = 1 << 16 };

/* The text after 'KEY': in the header's dictionary, or NULL. */
static const char *header_field(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(header, quoted);
    return at ? at + strlen(quoted) + strspn(at + strlen(quoted), " ") : NULL;
}

static bool parse_shape(const char *text, fmpnn_npy *out)
{
    if (!text || *text++ != '(')
        return false;
    out->count = 1;
    for (out->rank = 0; *text && *text != ')';) {
        char *end;
        unsigned long long size = strtoull(text, &end, 10);
        if (end == text || out->rank == FMPNN_NPY_RANK || size > NPY_LIMIT)
            return false;
        out->shape[out->rank++] = (size_t)size;
        out->count *= (size_t)size;
        if (out->count > NPY_LIMIT)
            return false;
        text = end + strspn(end, ", ");
    }
    return *text == ')';
}

static double number(const char *type, const unsigned char *at)
{
    float f;
    double d;
    int32_t i;
    int64_t l;
    if (!strcmp(type, "|b1"))
        return *at != 0;
    if (!strcmp(type, "<f4"))
        return memcpy(&f, at, 4), (double)f;
    if (!strcmp(type, "<f8"))
        return memcpy(&d, at, 8), d;
    if (!strcmp(type, "<i4"))
        return memcpy(&i, at, 4), (double)i;
    return memcpy(&l, at, 8), (double)l;
}

static fmpnn_status parse_npy(const char *name, const unsigned char *bytes, size_t size,
                              fmpnn_npy *out, fmpnn_error *err)
{
    char header[HEADER_LIMIT + 1], *type = out->type;
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: not a .npy file", name);
    size_t lead = bytes[6] == 1 ? 10 : 12;
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (lead == 12)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > HEADER_LIMIT || lead + length > size)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: header beyond the end", name);
    memcpy(header, bytes + lead, length);
    header[length] = '\0';
    const char *descr = header_field(header, "descr");
    const char *order = header_field(header, "fortran_order");
    if (descr && *descr == '\'')
        memcpy(type, descr + 1,
               strcspn(descr + 1, "'") < sizeof out->type ? strcspn(descr + 1, "'")
                                                          : sizeof out->type - 1);
    bool text = !strncmp(type, "<U", 2);
    bool known = text || !strcmp(type, "<f4") || !strcmp(type, "<f8") ||
                 !strcmp(type, "<i4") || !strcmp(type, "<i8") || !strcmp(type, "|b1");
    if (!known || !order || strncmp(order, "False", 5) != 0 ||
        !parse_shape(header_field(header, "shape"), out))
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: type %s, order or shape not supported",
                          name, type);
    size_t width = strtoul(type + 2, NULL, 10) * (text ? sizeof(uint32_t) : 1);
    if (width > NPY_LIMIT || size - lead - length != out->count * width)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: size does not fit the shape", name);
    out->item = width;
    out->bytes = fmpnn_alloc(out->count, width);
    out->data = text ? NULL : fmpnn_alloc(out->count, sizeof *out->data);
    if (!out->bytes || (!text && !out->data)) {
        fmpnn_npy_clear(out);
        return fmpnn_fail_memory(err, "reading an array");
    }
    memcpy(out->bytes, bytes + lead + length, out->count * width);
    for (size_t n = 0; n < out->count && !text; n++)
        out->data[n] = number(type, out->bytes + n * width);
    return FMPNN_OK;
}

void fmpnn_npy_clear(fmpnn_npy *npy)
{
    fmpnn_release(npy->data);
    fmpnn_release(npy->bytes);
    *npy = (fmpnn_npy){0};
}

fmpnn_status fmpnn_npz_read(const char *path, const char *name, fmpnn_npy *out,
                            fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    char member[256];
    *out = (fmpnn_npy){0};
    unsigned char *bytes = NULL;
    zip_file_t *file = NULL;
    zip_stat_t info;
    zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
    if (!zip)
        return fmpnn_fail(err, FMPNN_EIO, "%s: cannot be opened as .npz", path);
    snprintf(member, sizeof member, "%s.npy", name);
    if (zip_stat(zip, member, 0, &info) != 0 || !(info.valid & ZIP_STAT_SIZE) ||
        info.size > NPY_LIMIT) {
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: no array %s", path, name);
        goto done;
    }
    bytes = fmpnn_alloc((size_t)info.size, 1);
    file = zip_fopen_index(zip, info.index, 0);
    if (!bytes || !file || zip_fread(file, bytes, info.size) != (zip_int64_t)info.size) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: array %s cannot be read", path, name);
        goto done;
    }
    status = parse_npy(member, bytes, (size_t)info.size, out, err);
    if (status)
        status = fmpnn_fail_in(err, status, "%s", path);
done:
    if (file)
        zip_fclose(file);
    fmpnn_release(bytes);
    zip_discard(zip);
    return status;
}
