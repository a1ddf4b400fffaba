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
        vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

fmpnn_status fmpnn_fail_in(fmpnn_error *err, fmpnn_status status, const char *format, ...)
{
    if (err) {
        char before[sizeof err->message];
        memcpy(before, err->message, sizeof before);
        va_list arguments;
        va_start(arguments, format);
        int used = vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
        if (used >= 0 && (size_t)used < sizeof err->message)
            snprintf(err->message + used, sizeof err->message - (size_t)used, ": %s", before);
    }
    return status;
}

fmpnn_status fmpnn_fail_memory(fmpnn_error *err, const char *what)
{
    return fmpnn_fail(err, FMPNN_ENOMEM, "out of memory while %s", what);
}
