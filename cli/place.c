#include "place.h"
#include "options.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Devices and pipes are written to as they are, files under another name first. */
static bool is_stream(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
}

int place_check(const char *who, const char *path, bool overwrite)
{
    struct stat about;
    size_t n = path ? strlen(path) : 0;
    if (!path || is_stream(path))
        return -1;
    if (n > 3 && !strcmp(path + n - 3, ".gz")) {
        report_error("%s: -o %s: this verb writes plain text only", who, path);
        return EXIT_USAGE;
    }
    if (stat(path, &about) != 0)
        return -1;
    if (S_ISDIR(about.st_mode)) {
        report_error("%s: -o %s: is a folder; this verb writes one file", who, path);
        return EXIT_USAGE;
    }
    if (!overwrite)
        report_error("%s: %s is there already; --overwrite replaces it", who, path);
    return overwrite ? -1 : EXIT_USAGE;
}

static bool write_all(FILE *file, const char *text, size_t size)
{
    return fwrite(text, 1, size, file) == size && fflush(file) == 0;
}

static bool write_file(const char *path, const char *text, size_t size)
{
    char *part = checked_alloc(strlen(path) + 6, 1);
    strcat(strcpy(part, path), ".part");
    const char *name = is_stream(path) ? path : part;
    FILE *file = fopen(name, "wb");
    bool good = file && write_all(file, text, size);
    if (file)
        good &= fclose(file) == 0;
    if (good && name == part)
        good = rename(part, path) == 0;
    if (!good && file && name == part) {
        int why = errno;
        unlink(part);
        errno = why;
    }
    free(part);
    return good;
}

int place_write(const char *who, const char *path, const char *text, size_t size, int code)
{
    errno = 0;
    if (path ? write_file(path, text, size) : write_all(stdout, text, size))
        return code;
    report_error("%s: %s cannot be written: %s", who, path ? path : "stdout",
                 strerror(errno));
    return EXIT_SOME_FAILED;
}
