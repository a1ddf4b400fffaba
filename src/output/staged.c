/* Files wait under temporary names until all that belong together are written; only then are they
 * renamed. So a full disk or an interrupt leaves either all of them or none, and never half a
 * file. Many are flushed in one call: each alone costs as much as a small structure's results. */
#define _GNU_SOURCE
#include "output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FEW = 4 }; /* files that are flushed one by one: nobody else's with them */

/* Other runs may write the same file at the same time. */
static char *waiting_name(const char *path)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    fmpnn_text_print(&text, "%s.part.%ld", path, (long)getpid());
    if (text.failed)
        fmpnn_text_clear(&text);
    return text.data;
}

fmpnn_status fmpnn_parent_make(const char *path, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    char *parent = fmpnn_copy_text(path);
    if (!parent)
        return fmpnn_fail_memory(err, "making a folder");
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        status = fmpnn_folder_make(parent, err);
    }
    fmpnn_release(parent);
    return status;
}

static bool reserve(fmpnn_staged *staged, size_t more)
{
    size_t capacity = staged->capacity ? staged->capacity : 8;
    while (capacity < staged->count + more)
        capacity *= 2;
    if (capacity == staged->capacity)
        return true;
    struct fmpnn_staged_file *bigger =
        fmpnn_grow(staged->file, staged->count, capacity, sizeof *bigger);
    if (!bigger)
        return false;
    staged->file = bigger;
    staged->capacity = capacity;
    return true;
}

fmpnn_status fmpnn_staged_add(fmpnn_staged *staged, char *path, const fmpnn_text *text,
                              fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    char *waiting = path ? waiting_name(path) : NULL;
    if (!waiting || text->failed || !reserve(staged, 1)) {
        status = fmpnn_fail_memory(err, "writing a file");
        goto done;
    }
    status = fmpnn_parent_make(path, err);
    if (!status)
        status = fmpnn_file_put(waiting, text->data ? text->data : "", text->size, err);
    if (!status) {
        staged->file[staged->count++] = (struct fmpnn_staged_file){path, false};
        path = NULL;
    }
done:
    fmpnn_release(waiting);
    fmpnn_release(path);
    return status;
}

fmpnn_status fmpnn_staged_join(fmpnn_staged *all, fmpnn_staged *some, fmpnn_error *err)
{
    if (!reserve(all, some->count))
        return fmpnn_fail_memory(err, "writing files");
    if (some->count) {
        some->file[some->count - 1].last = true;
        memcpy(all->file + all->count, some->file, some->count * sizeof *some->file);
    }
    all->count += some->count;
    fmpnn_release(some->file);
    memset(some, 0, sizeof *some);
    return FMPNN_OK;
}

static bool flush_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && !fsync(fd);
    if (fd >= 0)
        close(fd);
    return good;
}

static fmpnn_status flush(const fmpnn_staged *staged, int folder, fmpnn_error *err)
{
    bool together = staged->count > FEW && folder >= 0;
    bool good = !together || !syncfs(folder);
    for (size_t n = 0; good && !together && n < staged->count; n++) {
        char *waiting = waiting_name(staged->file[n].path);
        if (!waiting)
            return fmpnn_fail_memory(err, "writing files");
        good = flush_file(waiting);
        fmpnn_release(waiting);
    }
    return good ? FMPNN_OK
                : fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s",
                             staged->file[staged->count - 1].path, strerror(errno));
}

static fmpnn_status rename_one(const char *path, fmpnn_error *err)
{
    char *waiting = waiting_name(path);
    fmpnn_status status = FMPNN_OK;
    if (!waiting)
        status = fmpnn_fail_memory(err, "renaming a file");
    else if (rename(waiting, path))
        status =
            fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s", path, strerror(errno));
    fmpnn_release(waiting);
    return status;
}

fmpnn_status fmpnn_staged_commit(fmpnn_staged *staged, int folder, fmpnn_error *err)
{
    fmpnn_status status = staged->count ? flush(staged, folder, err) : FMPNN_OK;
    for (size_t begin = 0, end; begin < staged->count && !status; begin = end) {
        end = begin;
        while (end < staged->count && !staged->file[end++].last)
            ;
        /* the last file says that all are there: an older one must not say it meanwhile */
        if (end - begin > 1)
            unlink(staged->file[end - 1].path);
        for (size_t n = begin; n < end && !status; n++) {
            status = rename_one(staged->file[n].path, err);
            if (status)
                break;
            fmpnn_release(staged->file[n].path);
            staged->file[n].path = NULL;
        }
    }
    fmpnn_staged_drop(staged);
    return status;
}

void fmpnn_staged_drop(fmpnn_staged *staged)
{
    for (size_t n = 0; n < staged->count; n++) {
        char *waiting = staged->file[n].path ? waiting_name(staged->file[n].path) : NULL;
        if (waiting)
            unlink(waiting);
        fmpnn_release(waiting);
        fmpnn_release(staged->file[n].path);
    }
    fmpnn_release(staged->file);
    memset(staged, 0, sizeof *staged);
}
