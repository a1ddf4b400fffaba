/* A folder of results and the runs that write there. While a run lives it holds a shared lock on the
 * folder; one that finds nobody else's removes the unfinished files, whose writers are dead. Where
 * folders cannot be locked (some network disks) unfinished files stay until somebody removes
 * them: no final name ever depends on the lock. */
#define _DEFAULT_SOURCE
#include "output/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100, PAUSE_NS = 10000000 };

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
        for (struct dirent *entry; entries && (entry = readdir(entries));)
            if (is_unfinished(entry->d_name))
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
    if (target->fd < 0) /* it may be written and not read */
        return FMPNN_OK;
    if (!flock(target->fd, LOCK_EX | LOCK_NB))
        sweep(target->fd);
    /* a sweep is short; whoever locks the folder for longer is no run, and not waited for */
    for (int n = 0; n < TRIES && flock(target->fd, LOCK_SH | LOCK_NB); n++) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
    }
    return FMPNN_OK;
}
