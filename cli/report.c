#include "report.h"
#include "progress.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* File names and file contents end up in messages: keep them on one line and the terminal in
 * its state. UTF-8 passes. */
static void clean(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

void report_error(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    clean(line);
    progress_hide();
    fprintf(stderr, "fusempnn: %s\n", line);
}

void report_note(bool quiet, const char *name, const char *code, const char *message)
{
    if (quiet)
        return;
    char line[4096];
    snprintf(line, sizeof line, "%s%s%s%s%s", name ? name : "", name ? ": " : "",
             code ? code : "", code ? ": " : "", message);
    clean(line);
    progress_hide();
    fprintf(stderr, "note: %s\n", line);
}

static void *checked(void *block)
{
    if (!block) {
        fputs("fusempnn: out of memory\n", stderr);
        exit(1);
    }
    return block;
}

void *checked_alloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

void *checked_grow(void *block, size_t count, size_t size)
{
    return checked(count > SIZE_MAX / size ? NULL : realloc(block, count * size));
}

char *checked_copy(const char *text)
{
    return checked(strdup(text));
}
