/* A structure's files wait under temporary names until all of them are written; only then are
 * they renamed. So a full disk or an interrupt leaves either all of them or none, and never
 * half a file. */
#define _POSIX_C_SOURCE 200809L
#include "output/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char *waiting_name(const char *path)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    fmpnn_text_print(&text, "%s.part", path);
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

fmpnn_status fmpnn_staged_add(fmpnn_staged *staged, char *path, const fmpnn_text *text,
                              fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    char *waiting = path ? waiting_name(path) : NULL;
    if (!waiting) {
        status = fmpnn_fail_memory(err, "writing a file");
        goto done;
    }
    if (staged->count == staged->capacity) {
        size_t capacity = staged->capacity ? 2 * staged->capacity : 8;
        char **bigger = fmpnn_grow(staged->path, staged->count, capacity, sizeof *bigger);
        if (!bigger) {
            status = fmpnn_fail_memory(err, "writing a file");
            goto done;
        }
        staged->path = bigger;
        staged->capacity = capacity;
    }
    status = fmpnn_parent_make(path, err);
    if (!status)
        status = fmpnn_file_write(waiting, text->data, text->size, false, err);
    if (!status) {
        staged->path[staged->count++] = path;
        path = NULL;
    }
done:
    fmpnn_release(waiting);
    fmpnn_release(path);
    return status;
}

fmpnn_status fmpnn_staged_commit(fmpnn_staged *staged, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    /* the last file says that all are there: an older one must not say it meanwhile */
    if (staged->count > 1)
        unlink(staged->path[staged->count - 1]);
    for (size_t n = 0; !status && n < staged->count; n++) {
        char *waiting = waiting_name(staged->path[n]);
        if (!waiting)
            status = fmpnn_fail_memory(err, "renaming a file");
        else if (rename(waiting, staged->path[n]))
            status = fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s",
                                staged->path[n], strerror(errno));
        fmpnn_release(waiting);
        if (status)
            break;
        fmpnn_release(staged->path[n]);
        staged->path[n] = NULL;
    }
    fmpnn_staged_drop(staged);
    return status;
}

void fmpnn_staged_drop(fmpnn_staged *staged)
{
    for (size_t n = 0; n < staged->count; n++) {
        char *waiting = staged->path[n] ? waiting_name(staged->path[n]) : NULL;
        if (waiting)
            unlink(waiting);
        fmpnn_release(waiting);
        fmpnn_release(staged->path[n]);
    }
    fmpnn_release(staged->path);
    memset(staged, 0, sizeof *staged);
}
