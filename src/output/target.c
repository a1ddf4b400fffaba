/* Where results go: understood from the name, checked before any work is done. */
#define _POSIX_C_SOURCE 200809L
#include "output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

/* The format of a file name; false if it names a folder. */
static bool file_format(const char *path, fmpnn_format *format, bool *gzip)
{
    static const struct {
        const char *end;
        fmpnn_format format;
        bool gzip;
    } known[] = {
        {".fa", FMPNN_FORMAT_FASTA, false},      {".fasta", FMPNN_FORMAT_FASTA, false},
        {".tsv", FMPNN_FORMAT_TABLE, false},     {".jsonl", FMPNN_FORMAT_JSONL, false},
        {".npz", FMPNN_FORMAT_NPZ, false},       {".fa.gz", FMPNN_FORMAT_FASTA, true},
        {".fasta.gz", FMPNN_FORMAT_FASTA, true}, {".tsv.gz", FMPNN_FORMAT_TABLE, true},
        {".jsonl.gz", FMPNN_FORMAT_JSONL, true},
    };
    for (size_t n = 0; n < sizeof known / sizeof known[0]; n++)
        if (ends_with(path, known[n].end)) {
            *format = known[n].format;
            *gzip = known[n].gzip;
            return true;
        }
    return false;
}

static fmpnn_status check_format(const char *path, fmpnn_verb verb, fmpnn_format format,
                                 fmpnn_error *err)
{
    if (verb == FMPNN_VERB_DESIGN && format == FMPNN_FORMAT_NPZ)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "%s: design writes .fa, .tsv, .jsonl or a folder; arrays come with "
            "a folder and saved probabilities",
            path);
    if ((verb == FMPNN_VERB_SCORE || verb == FMPNN_VERB_SCAN || verb == FMPNN_VERB_PACK) &&
        format != FMPNN_FORMAT_TABLE && format != FMPNN_FORMAT_JSONL)
        return fmpnn_fail(err, FMPNN_EINVAL, "%s: %s writes .tsv, .jsonl or a folder", path,
                          fmpnn_verb_text(verb));
    if (verb == FMPNN_VERB_PROBS && format == FMPNN_FORMAT_FASTA)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%s: probs writes .npz, .tsv, .jsonl or a folder", path);
    return FMPNN_OK;
}

/* The nearest folder above `path` that is there must take new files. */
static fmpnn_status check_place(const char *path, bool folder, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    struct stat info;
    char *upper = fmpnn_copy_text(path);
    if (!upper)
        return fmpnn_fail_memory(err, "checking the output's place");
    if (!folder) {
        char *slash = strrchr(upper, '/');
        strcpy(slash ? slash + (slash == upper) : upper, slash ? "" : ".");
    }
    while (stat(upper, &info)) {
        if (errno != ENOENT) {
            status = fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s", path,
                                strerror(errno));
            goto done;
        }
        char *slash = strrchr(upper, '/');
        if (slash == upper)
            slash[1] = '\0';
        else if (slash)
            *slash = '\0';
        else
            strcpy(upper, ".");
    }
    if (!S_ISDIR(info.st_mode))
        status = fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s is no folder", path,
                            upper);
    else if (access(upper, W_OK))
        status = fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s: %s", path, upper,
                            strerror(errno));
done:
    fmpnn_release(upper);
    return status;
}

fmpnn_status fmpnn_target_open(const fmpnn_run_options *options, fmpnn_verb verb,
                               fmpnn_target *target, fmpnn_error *err)
{
    const char *path = options->path;
    struct stat info;
    fmpnn_status status = FMPNN_OK;
    memset(target, 0, sizeof *target);
    target->fd = -1;
    target->format = options->json               ? FMPNN_FORMAT_JSONL
                     : verb == FMPNN_VERB_DESIGN ? FMPNN_FORMAT_FASTA
                                                 : FMPNN_FORMAT_TABLE;
    if (!path || !strcmp(path, "-") || !strcmp(path, "/dev/stdout")) {
        target->fd = STDOUT_FILENO;
        return FMPNN_OK;
    }
    if (!*path)
        return fmpnn_fail(err, FMPNN_EINVAL, "the output has an empty name");
    target->path = fmpnn_copy_text(path);
    if (!target->path)
        return fmpnn_fail_memory(err, "opening the output");
    bool named = file_format(path, &target->format, &target->gzip);
    bool present = !stat(path, &info);
    bool folder = !named && !(present && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
    if (named)
        status = check_format(path, verb, target->format, err);
    if (!status && options->json && (folder || target->format != FMPNN_FORMAT_JSONL))
        status = fmpnn_fail(err, FMPNN_EINVAL,
                            "%s: JSON Lines go to stdout or a file .jsonl, not %s", path,
                            folder ? "into a folder, whose tables are .tsv" : "here");
    if (status)
        goto done;
    if (present && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        target->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (target->fd < 0)
            status = fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s", path,
                                strerror(errno));
        else if (target->gzip || target->format == FMPNN_FORMAT_NPZ)
            status =
                fmpnn_fail(err, FMPNN_EINVAL, "%s: a device or pipe takes text only", path);
        goto done;
    }
    target->place = named ? FMPNN_TARGET_FILE : FMPNN_TARGET_FOLDER;
    if (present && named && S_ISDIR(info.st_mode))
        status = fmpnn_fail(err, FMPNN_EIO, "%s: is a folder, expected a file", path);
    else if (present && !named && S_ISREG(info.st_mode))
        status =
            fmpnn_fail(err, FMPNN_EIO,
                       "%s: is a file; a folder of results cannot be made there", path);
    else
        status = check_place(path, !named, err);
done:
    if (status)
        fmpnn_target_close(target);
    return status;
}

void fmpnn_target_close(fmpnn_target *target)
{
    if (target->path && target->fd >= 0)
        close(target->fd); /* a claim ends with it */
    target->fd = -1;
    fmpnn_release(target->path);
    target->path = NULL;
}

fmpnn_status fmpnn_target_write(fmpnn_target *target, const char *bytes, size_t size,
                                fmpnn_error *err)
{
    if (!target->path)
        fflush(stdout); /* what the caller printed comes first */
    while (size) {
        ssize_t done = write(target->fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = target->fd, .events = POLLOUT};
            poll(&ready, 1, -1);
            continue;
        }
        if (done < 0)
            return fmpnn_fail(err, FMPNN_EIO, "%s: cannot be written: %s",
                              target->path ? target->path : "stdout", strerror(errno));
        bytes += done;
        size -= (size_t)done;
    }
    return FMPNN_OK;
}

char *fmpnn_target_name(const fmpnn_target *target, const char *folder, const char *name,
                        const char *suffix)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    fmpnn_text_print(&text, "%s/%s/%s%s", target->path, folder, name, suffix);
    if (text.failed)
        fmpnn_text_clear(&text);
    return text.data;
}
