/* Growable text, and numbers to and from text without the locale. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static locale_t plain_locale;
static pthread_once_t plain_made = PTHREAD_ONCE_INIT;

static void make_plain(void)
{
    plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

void *fmpnn_locale_leave(void)
{
    pthread_once(&plain_made, make_plain);
    return uselocale(plain_locale);
}

void fmpnn_locale_back(void *before)
{
    uselocale(before);
}

int fmpnn_print(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    void *before = fmpnn_locale_leave();
    int length = vsnprintf(out, size, format, arguments);
    fmpnn_locale_back(before);
    va_end(arguments);
    return length;
}

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
    void *before = fmpnn_locale_leave();
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
    fmpnn_locale_back(before);
    va_end(again);
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
    void *before = fmpnn_locale_leave();
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    /* %g goes over to exponents late for small digit counts: 1e+02 is 100.0 */
    double size = fabs(value);
    if (strchr(out, 'e') && size >= 1 && size < 1e16)
        snprintf(out, 32, "%.1f", value);
    fmpnn_locale_back(before);
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
    void *before = fmpnn_locale_leave();
    double number = strtod(copy, &end);
    fmpnn_locale_back(before);
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
