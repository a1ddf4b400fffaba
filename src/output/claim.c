/* A folder of results before a run writes there: made, and rid of what dead runs left unfinished. A
 * run on another host may be writing too, and a lock is not seen everywhere, so only age tells. */
#define _DEFAULT_SOURCE
#include "output/output.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEAD_AFTER = 24 * 3600 }; /* seconds; a structure's files wait while it is computed */

/* NAME.part.123, as staged.c calls files that wait. */
static bool is_unfinished(const char *name)
{
    static const char mark[] = ".part.";
    size_t end = strlen(name), digits = end;
    while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    return digits < end && digits > sizeof mark - 1 &&
           !strncmp(name + digits - (sizeof mark - 1), mark, sizeof mark - 1);
}

static void sweep(int folder)
{
    static const char *const part[] = {"seqs",      "tables", "probs",
                                       "backbones", "packed", "runs"};
    for (size_t n = 0; n < sizeof part / sizeof *part; n++) {
        int fd = openat(folder, part[n], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *entries = fd < 0 ? NULL : fdopendir(fd);
        struct stat info;
        for (struct dirent *entry; entries && (entry = readdir(entries));)
            if (is_unfinished(entry->d_name) &&
                !fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) &&
                time(NULL) - info.st_mtime > DEAD_AFTER)
                unlinkat(fd, entry->d_name, 0);
        if (entries)
            closedir(entries);
        else if (fd >= 0)
            close(fd);
    }
}

fmpnn_status fmpnn_target_claim(fmpnn_target *target, fmpnn_error *err)
{
    if (target->fd >= 0)
        return FMPNN_OK;
    fmpnn_status status = fmpnn_folder_make(target->path, err);
    if (status)
        return status;
    target->fd = open(target->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->fd >= 0) /* else it may be written and not read */
        sweep(target->fd);
    return FMPNN_OK;
}
