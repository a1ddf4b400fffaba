/* Whole files in and out. Input sizes are bounded; output goes to a temporary name in the same
 * folder, is flushed to the disk and renamed, so a reader never sees half a file. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 16, GZIP_WINDOW = 15 + 16 };

static fmpnn_status too_large(const char *name, size_t limit, fmpnn_error *err)
{
    return fmpnn_fail(err, FMPNN_EFORMAT, "%s: larger than the limit of %zu bytes", name, limit);
}

fmpnn_status fmpnn_file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                             fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    unsigned char *data = NULL;
    size_t used = 0, capacity = 0;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (S_ISDIR(info.st_mode)) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: is a folder, expected a file", path);
        goto done;
    }
    /* st_size is a hint only: pipes have none and files can grow */
    capacity = info.st_size > 0 && (size_t)info.st_size < limit ? (size_t)info.st_size + 1 : CHUNK;
    data = fmpnn_alloc(capacity + 1, 1);
    while (data) {
        ssize_t got = read(fd, data + used, capacity - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
            goto done;
        }
        if (!got)
            break;
        used += (size_t)got;
        if (used > limit) {
            status = too_large(path, limit, err);
            goto done;
        }
        if (used == capacity) {
            unsigned char *bigger = fmpnn_grow(data, used, 2 * capacity + 1, 1);
            if (!bigger)
                fmpnn_release(data);
            data = bigger;
            capacity *= 2;
        }
    }
    if (!data) {
        status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", path);
        goto done;
    }
    data[used] = 0;
    *bytes = data;
    *size = used;
    data = NULL;
done:
    fmpnn_release(data);
    if (fd >= 0)
        close(fd);
    return status;
}

fmpnn_status fmpnn_inflate(const char *name, const void *bytes, size_t size, size_t limit,
                           unsigned char **out, size_t *out_size, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_text text;
    unsigned char chunk[CHUNK];
    z_stream stream = {0};
    int code = Z_OK;
    fmpnn_text_init(&text);
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while decompressing", name);
    const unsigned char *next = bytes;
    size_t left = size;
    while (left || stream.avail_in) {
        if (!stream.avail_in) { /* zlib counts in 32 bits */
            size_t part = left < (1u << 30) ? left : 1u << 30;
            stream.next_in = (unsigned char *)next;
            stream.avail_in = (unsigned)part;
            next += part;
            left -= part;
        }
        stream.next_out = chunk;
        stream.avail_out = CHUNK;
        code = inflate(&stream, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END) {
            status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: damaged or cut gzip data after %zu bytes",
                                name, text.size);
            goto done;
        }
        fmpnn_text_add(&text, (const char *)chunk, CHUNK - stream.avail_out);
        if (text.failed) {
            status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while decompressing", name);
            goto done;
        }
        if (text.size > limit) {
            status = too_large(name, limit, err);
            goto done;
        }
        if (code == Z_STREAM_END && (left || stream.avail_in))
            inflateReset(&stream); /* several members, one after another */
    }
    if (code != Z_STREAM_END) {
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: gzip data end after %zu bytes, cut off", name,
                            text.size);
        goto done;
    }
    fmpnn_text_add(&text, "", 0); /* the final NUL, also of nothing */
    if (text.failed) {
        status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while decompressing", name);
        goto done;
    }
    *out = (unsigned char *)text.data;
    *out_size = text.size;
    fmpnn_text_init(&text);
done:
    inflateEnd(&stream);
    fmpnn_text_clear(&text);
    return status;
}

fmpnn_status fmpnn_file_read_gz(const char *path, size_t limit, unsigned char **bytes,
                                size_t *size, fmpnn_error *err)
{
    unsigned char *raw, *plain;
    size_t raw_size, plain_size;
    fmpnn_status status = fmpnn_file_read(path, limit, &raw, &raw_size, err);
    if (status)
        return status;
    if (raw_size < 2 || raw[0] != 0x1f || raw[1] != 0x8b) {
        *bytes = raw;
        *size = raw_size;
        return FMPNN_OK;
    }
    status = fmpnn_inflate(path, raw, raw_size, limit, &plain, &plain_size, err);
    fmpnn_release(raw);
    if (status)
        return status;
    *bytes = plain;
    *size = plain_size;
    return FMPNN_OK;
}

/* gzip with an empty header: equal bytes in, equal bytes out. */
static bool deflate_all(const void *bytes, size_t size, fmpnn_text *out)
{
    unsigned char chunk[CHUNK];
    z_stream stream = {0};
    int code = Z_OK;
    if (deflateInit2(&stream, 6, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    const unsigned char *next = bytes;
    size_t left = size;
    while (code != Z_STREAM_END) {
        if (!stream.avail_in && left) {
            size_t part = left < (1u << 30) ? left : 1u << 30;
            stream.next_in = (unsigned char *)next;
            stream.avail_in = (unsigned)part;
            next += part;
            left -= part;
        }
        stream.next_out = chunk;
        stream.avail_out = CHUNK;
        code = deflate(&stream, left ? Z_NO_FLUSH : Z_FINISH);
        fmpnn_text_add(out, (const char *)chunk, CHUNK - stream.avail_out);
    }
    deflateEnd(&stream);
    return !out->failed;
}

static bool write_all(int fd, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size) {
        ssize_t done = write(fd, next, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        next += done;
        size -= (size_t)done;
    }
    return true;
}

/* `name` is what a message calls it. */
static fmpnn_status put(const char *path, const void *bytes, size_t size, bool flush,
                        const char *name, fmpnn_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write_all(fd, bytes, size) && (!flush || !fsync(fd));
    if (fd >= 0)
        good = !close(fd) && good;
    if (good)
        return FMPNN_OK;
    fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s", name, strerror(errno));
    if (fd >= 0)
        unlink(path);
    return FMPNN_EIO;
}

fmpnn_status fmpnn_file_put(const char *path, const void *bytes, size_t size,
                            fmpnn_error *err)
{
    return put(path, bytes, size, false, path, err);
}

fmpnn_status fmpnn_file_write(const char *path, const void *bytes, size_t size, bool gzip,
                              fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_text temporary, packed;
    fmpnn_text_init(&temporary);
    fmpnn_text_init(&packed);
    if (gzip) {
        if (!deflate_all(bytes, size, &packed)) {
            status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while compressing", path);
            goto done;
        }
        bytes = packed.data;
        size = packed.size;
    }
    fmpnn_text_print(&temporary, "%s.tmp.%ld", path, (long)getpid());
    if (temporary.failed) {
        status = fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while writing", path);
        goto done;
    }
    status = put(temporary.data, bytes, size, true, path, err);
    if (!status && rename(temporary.data, path)) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s", path, strerror(errno));
        unlink(temporary.data);
    }
done:
    fmpnn_text_clear(&temporary);
    fmpnn_text_clear(&packed);
    return status;
}

fmpnn_status fmpnn_text_write(const fmpnn_text *text, const char *path, fmpnn_error *err)
{
    if (text->failed)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while writing", path);
    return fmpnn_file_write(path, text->data ? text->data : "", text->size, false, err);
}

fmpnn_status fmpnn_folder_make(const char *path, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    struct stat info;
    char *partial = fmpnn_copy_text(path);
    if (!partial)
        return fmpnn_fail_memory(err, "making a folder");
    for (char *end = partial + 1; status == FMPNN_OK; end++) {
        if (*end && *end != '/')
            continue;
        char kept = *end;
        *end = '\0';
        /* mkdir may say EROFS or EACCES of a folder that is there */
        if (mkdir(partial, 0777) && (stat(partial, &info) || !S_ISDIR(info.st_mode)))
            status = fmpnn_fail(err, FMPNN_EIO, "%s: folder cannot be made: %s", partial,
                                strerror(errno == EEXIST ? ENOTDIR : errno));
        *end = kept;
        if (!kept)
            break;
    }
    fmpnn_release(partial);
    return status;
}

bool fmpnn_file_exists(const char *path)
{
    struct stat info;
    return !stat(path, &info);
}
