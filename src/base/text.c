/* Growable text, and numbers to and from text without the locale. */
#include "base/base.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void fmpnn_text_init(fmpnn_text *text)
{
    memset(text, 0, sizeof *text);
}

void fmpnn_text_clear(fmpnn_text *text)
{
    fmpnn_release(text->data);
    fmpnn_text_init(text);
}

/* Room for `more` bytes and the final NUL. */
static bool reserve(fmpnn_text *text, size_t more)
{
    if (text->failed || more >= SIZE_MAX / 2 - text->size) {
        text->failed = true;
        return false;
    }
    size_t needed = text->size + more + 1;
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < needed)
        capacity *= 2;
    char *data = fmpnn_grow(text->data, text->size, capacity, 1);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void fmpnn_text_add(fmpnn_text *text, const char *bytes, size_t size)
{
    if (!reserve(text, size))
        return;
    if (size)
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void fmpnn_text_print(fmpnn_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = text->data && !text->failed ? text->capacity - text->size : 0;
    int size = vsnprintf(room ? text->data + text->size : NULL, room, format, arguments);
    va_end(arguments);
    if (size < 0)
        text->failed = true;
    else if ((size_t)size < room) /* it fitted at once */
        text->size += (size_t)size;
    else if (reserve(text, (size_t)size)) {
        vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}

/* A program that embeds the library may have set a locale with a decimal comma. */
static void force_point(char *number)
{
    for (; *number; number++)
        if (*number == ',')
            *number = '.';
}

void fmpnn_format_double(double value, char out[32])
{
    if (isnan(value)) {
        strcpy(out, "nan");
        return;
    }
    if (isinf(value)) {
        strcpy(out, value < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    force_point(out);
    /* %g goes over to exponents late for small digit counts: 1e+02 is 100.0 */
    double size = fabs(value);
    if (strchr(out, 'e') && size >= 1 && size < 1e16) {
        snprintf(out, 32, "%.1f", value);
        force_point(out);
    }
    if (!strpbrk(out, ".e"))
        strcat(out, ".0");
}

/* The characters of a plain decimal number; strtod alone would take hex, inf and blanks. */
static bool is_decimal(const char *text)
{
    return *text && strspn(text, "+-.0123456789eE") == strlen(text);
}

bool fmpnn_parse_double(const char *text, double *value)
{
    char copy[64], *end;
    size_t size = strlen(text);
    if (!is_decimal(text) || size >= sizeof copy)
        return false;
    memcpy(copy, text, size + 1);
    double number = strtod(copy, &end);
    if (*end == '.') { /* a locale with a decimal comma */
        *end = ',';
        number = strtod(copy, &end);
    }
    if (*end || !isfinite(number))
        return false;
    *value = number;
    return true;
}

bool fmpnn_parse_int(const char *text, int64_t *value)
{
    char *end;
    if (!*text || strspn(text, "+-0123456789") != strlen(text))
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end || errno)
        return false;
    *value = number;
    return true;
}
