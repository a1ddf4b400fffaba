/* Statuses and the messages that go with them. */
#include "base/base.h"

#include <string.h>

const char *fmpnn_status_text(fmpnn_status status)
{
    switch (status) {
#define STATUS_CASE(name, value, text)                                                      \
    case FMPNN_##name:                                                                      \
        return text;
        FMPNN_STATUS_MAP(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

fmpnn_status fmpnn_fail(fmpnn_error *err, fmpnn_status status, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        void *before = fmpnn_locale_leave();
        vsnprintf(err->message, sizeof err->message, format, arguments);
        fmpnn_locale_back(before);
        va_end(arguments);
    }
    return status;
}

fmpnn_status fmpnn_fail_in(fmpnn_error *err, fmpnn_status status, const char *format, ...)
{
    if (!err)
        return status;
    fmpnn_error prefix;
    va_list arguments;
    va_start(arguments, format);
    void *before = fmpnn_locale_leave();
    int size = vsnprintf(prefix.message, sizeof prefix.message - 2, format, arguments);
    fmpnn_locale_back(before);
    va_end(arguments);
    if (size < 0)
        return status;
    /* "PREFIX: " goes before the message, which loses its end if it grows too long */
    size_t used = strlen(prefix.message);
    memcpy(prefix.message + used, ": ", 2);
    used += 2;
    size_t room = sizeof err->message - used - 1, kept = strlen(err->message);
    kept = kept < room ? kept : room;
    memmove(err->message + used, err->message, kept);
    memcpy(err->message, prefix.message, used);
    err->message[used + kept] = '\0';
    return status;
}

fmpnn_status fmpnn_fail_memory(fmpnn_error *err, const char *what)
{
    return fmpnn_fail(err, FMPNN_ENOMEM, "out of memory while %s", what);
}
