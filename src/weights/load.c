/* From a name or a path to a model: find the file, hash it, recognise its format, parse it.
 * A published name is a promise about the bytes, so its digest must be the catalogue's; any
 * other file is taken as it is, and gets its published name where its digest has one. */
#define _DEFAULT_SOURCE /* MAP_POPULATE, where there is one */
#include "weights/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE ((size_t)1 << 30)

static fmpnn_status refuse_name(const char *name, fmpnn_error *err)
{
    fmpnn_text names;
    fmpnn_text_init(&names);
    for (size_t n = 0; n < fmpnn_weights_count(); n++)
        fmpnn_text_print(&names, n ? ", %s" : "%s", fmpnn_published_at(n)->name);
    fmpnn_fail(err, FMPNN_EWEIGHTS,
               "%s: no such file, and no published weights; those are %s", name,
               names.failed ? "listed by `fusempnn weights list`" : names.data);
    fmpnn_text_clear(&names);
    return FMPNN_EWEIGHTS;
}

/* The file meant by `name_or_path`; *entry is what it must be, NULL for any file. */
static fmpnn_status find_file(const char *name_or_path, const fmpnn_published **entry,
                              char *path, size_t size, fmpnn_error *err)
{
    *entry = fmpnn_published_named(name_or_path);
    if (!*entry) {
        if (!fmpnn_file_exists(name_or_path))
            return refuse_name(name_or_path, err);
        if ((size_t)snprintf(path, size, "%s", name_or_path) >= size)
            return fmpnn_fail(err, FMPNN_EIO, "path of the weights is too long");
        return FMPNN_OK;
    }
    fmpnn_status status = fmpnn_published_path(*entry, path, size, err);
    if (status)
        return status;
    if (!fmpnn_file_exists(path))
        return fmpnn_fail(
            err, FMPNN_EWEIGHTS,
            "weights %s are not installed (%s is not there); run `fusempnn weights "
            "get %s`",
            (*entry)->name, path, (*entry)->name);
    return FMPNN_OK;
}

/* Map the file: for as long as loading takes, so no copy of it is ever made. Its pages are
 * asked for at once; one fault each would take as long as reading them. */
static fmpnn_status map_file(const char *path, unsigned char **bytes, size_t *size,
                             fmpnn_error *err)
{
#ifdef MAP_POPULATE
    const int flags = MAP_PRIVATE | MAP_POPULATE;
#else
    const int flags = MAP_PRIVATE;
#endif
    fmpnn_status status = FMPNN_OK;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(info.st_mode) || !info.st_size || (uintmax_t)info.st_size > MAX_FILE) {
        status = fmpnn_fail(err, FMPNN_EWEIGHTS,
                            "%s: expected weights, a file of 1 byte to %zu MiB", path,
                            MAX_FILE >> 20);
        goto done;
    }
    void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, flags, fd, 0);
    if (map == MAP_FAILED) {
        status = fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
        goto done;
    }
    *bytes = map;
    *size = (size_t)info.st_size;
done:
    if (fd >= 0)
        close(fd);
    return status;
}

static fmpnn_status check_digest(const char *path, const fmpnn_published *entry,
                                 const char *digest, fmpnn_error *err)
{
    if (!entry || !strcmp(entry->sha256, digest))
        return FMPNN_OK;
    return fmpnn_fail(
        err, FMPNN_EWEIGHTS,
        "%s: SHA-256 %.12s is not that of the published %s (%.12s): remove it and "
        "run `fusempnn weights get %s`",
        path, digest, entry->name, entry->sha256, entry->name);
}

static fmpnn_status parse(const char *path, const unsigned char *bytes, size_t size,
                          fmpnn_tensors *tensors, fmpnn_error *err)
{
    if (size >= 4 && !memcmp(bytes, "PK\3\4", 4))
        return fmpnn_pt_parse(path, bytes, size, tensors, err);
    if (size >= 9 && bytes[8] == '{')
        return fmpnn_safetensors_parse(path, bytes, size, tensors, err);
    if (size >= 2 && bytes[0] == 0x80)
        return fmpnn_fail(
            err, FMPNN_EFORMAT,
            "%s: a bare pickle, perhaps a checkpoint from before PyTorch 1.6; save "
            "it again with a newer one",
            path);
    return fmpnn_fail(err, FMPNN_EFORMAT, "%s: neither a .pt nor a .safetensors file",
                      path);
}

/* What records call the model: its published name, else its file's. */
static fmpnn_status rename_model(fmpnn_model *model, const char *path,
                                 const fmpnn_published *entry, fmpnn_error *err)
{
    const char *slash = strrchr(path, '/');
    char *name = fmpnn_copy_text(entry ? entry->name : slash ? slash + 1 : path);
    if (!name)
        return fmpnn_fail_memory(err, "naming the weights");
    fmpnn_release(model->name);
    model->name = name;
    model->info.name = name;
    return FMPNN_OK;
}

fmpnn_status fmpnn_model_load(const char *name_or_path, fmpnn_model **model,
                              fmpnn_error *err)
{
    fmpnn_status status;
    char path[4096], digest[65];
    const fmpnn_published *entry;
    unsigned char *bytes = NULL;
    size_t size = 0;
    fmpnn_tensors tensors = {0};
    fmpnn_model *made = NULL;
    if ((status = find_file(name_or_path, &entry, path, sizeof path, err)) ||
        (status = map_file(path, &bytes, &size, err)))
        goto done;
    if (!fmpnn_sha256_hex(bytes, size, digest)) {
        status = fmpnn_fail_memory(err, "hashing the weights");
        goto done;
    }
    if ((status = check_digest(path, entry, digest, err)))
        goto done;
    entry = fmpnn_published_of_digest(digest);
    if ((status = parse(path, bytes, size, &tensors, err)) ||
        (status = fmpnn_model_from_tensors(path, digest, &tensors, &made, err)) ||
        (status = rename_model(made, path, entry, err)))
        goto done;
    *model = made;
    made = NULL;
done:
    fmpnn_model_free(made);
    if (bytes)
        munmap(bytes, size);
    return status == FMPNN_EFORMAT ? FMPNN_EWEIGHTS : status;
}
