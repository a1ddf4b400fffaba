#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define LARGEST_FILE ((size_t)1 << 34)

/* What stands for NaN once it has been made readable: as wide, so that columns stay right. */
static const char MARK[] = "\"N\"";
static const char MARKED[] = "N";

json_t *fmpnn_json_read(const char *bytes, size_t size, size_t flags, json_error_t *detail)
{
    void *before = fmpnn_locale_leave();
    json_t *value = json_loadb(bytes, size, flags, detail);
    fmpnn_locale_back(before);
    return value;
}

char *fmpnn_json_print(const json_t *value, size_t flags)
{
    void *before = fmpnn_locale_leave();
    char *text = json_dumps(value, flags);
    fmpnn_locale_back(before);
    return text;
}

fmpnn_status fmpnn_jsonl_open(fmpnn_jsonl *file, const char *path, fmpnn_error *err)
{
    *file = (fmpnn_jsonl){.path = path};
    return fmpnn_file_read(path, LARGEST_FILE, &file->bytes, &file->size, err);
}

void fmpnn_jsonl_close(fmpnn_jsonl *file)
{
    fmpnn_release(file->bytes);
    file->bytes = NULL;
}

static bool in_word(int c)
{
    return isalnum(c) || c == '_' || c == '-' || c == '+' || c == '.';
}

/* Every bare NaN of a line becomes MARK; text in quotes stays. */
static void mark_nan(char *line, size_t size)
{
    bool quoted = false;
    for (size_t n = 0; n < size; n++) {
        if (quoted && line[n] == '\\')
            n++;
        else if (line[n] == '"')
            quoted = !quoted;
        else if (!quoted && line[n] == 'N' && size - n >= 3 &&
                 !memcmp(line + n, "NaN", 3) &&
                 (n == 0 || !in_word((unsigned char)line[n - 1])) &&
                 (n + 3 == size || !in_word((unsigned char)line[n + 3]))) {
            memcpy(line + n, MARK, 3);
            n += 2;
        }
    }
}

static bool is_blank(const char *line, size_t size)
{
    while (size && isspace((unsigned char)line[size - 1]))
        size--;
    return size == 0;
}

fmpnn_status fmpnn_jsonl_next(fmpnn_jsonl *file, json_t **value, fmpnn_error *err)
{
    json_error_t detail = {0}; /* left as it is when jansson runs out of memory early */
    *value = NULL;
    while (file->at < file->size) {
        char *line = (char *)file->bytes + file->at;
        char *end = memchr(line, '\n', file->size - file->at);
        size_t size = end ? (size_t)(end - line) : file->size - file->at;
        file->at += size + (end != NULL);
        file->line++;
        if (is_blank(line, size))
            continue;
        mark_nan(line, size);
        *value = fmpnn_json_read(line, size, JSON_DECODE_ANY, &detail);
        if (*value)
            return FMPNN_OK;
        if (json_error_code(&detail) == json_error_out_of_memory || !detail.text[0])
            return fmpnn_fail_memory(err, "reading JSON");
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu:%d: %s", file->path, file->line,
                          detail.column > 0 ? detail.column : 1, detail.text);
    }
    return FMPNN_OK;
}

bool fmpnn_json_number(const json_t *value, double *number)
{
    if (json_is_number(value))
        *number = json_number_value(value);
    else if (json_is_string(value) && !strcmp(json_string_value(value), MARKED))
        *number = NAN;
    else
        return false;
    return true;
}

bool fmpnn_json_whole(const json_t *value, int64_t *number)
{
    if (json_is_integer(value)) {
        *number = json_integer_value(value);
        return true;
    }
    double real = json_is_real(value) ? json_real_value(value) : NAN;
    if (!(fabs(real) < 1e15) || real != floor(real))
        return false;
    *number = (int64_t)real;
    return true;
}

/* One character of UTF-8 as UTF-16 escapes; its length. Bytes that are none count as '?'. */
static size_t add_wide(fmpnn_text *out, const unsigned char *text)
{
    size_t length = *text >= 0xf0 ? 4 : *text >= 0xe0 ? 3 : *text >= 0xc0 ? 2 : 0;
    uint32_t code = *text & (0xffu >> (length + 1));
    for (size_t n = 1; n < length; n++) {
        if ((text[n] & 0xc0) != 0x80)
            length = 0;
        else
            code = code << 6 | (text[n] & 0x3fu);
    }
    if (!length || *text >= 0xf8) {
        fmpnn_text_add(out, "?", 1);
        return 1;
    }
    if (code < 0x10000)
        fmpnn_text_print(out, "\\u%04x", (unsigned)code);
    else
        fmpnn_text_print(out, "\\u%04x\\u%04x",
                         0xd800u + (unsigned)((code - 0x10000) >> 10),
                         0xdc00u + (unsigned)((code - 0x10000) & 0x3ff));
    return length;
}

void fmpnn_json_add_text(fmpnn_text *out, const char *text)
{
    static const char special[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    fmpnn_text_add(out, "\"", 1);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const char *known = strchr(special, *c);
        if (*c >= 0x7f) {
            if (*c == 0x7f)
                fmpnn_text_print(out, "%c", *c++);
            else
                c += add_wide(out, c);
            continue;
        }
        if (known)
            fmpnn_text_print(out, "\\%c", letter[known - special]);
        else if (*c < ' ')
            fmpnn_text_print(out, "\\u%04x", *c);
        else
            fmpnn_text_add(out, (const char *)c, 1);
        c++;
    }
    fmpnn_text_add(out, "\"", 1);
}
