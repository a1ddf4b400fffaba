/* JSON Lines: one record an object, keys in the order of the columns, null for NaN. */
#include "output/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *fmpnn_json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *ascii = fmpnn_copy_text(text); /* not UTF-8, or no memory */
    for (char *c = ascii; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = ascii ? json_string(ascii) : NULL;
    fmpnn_release(ascii);
    return value;
}

static json_t *json_value(const fmpnn_column *column, const fmpnn_value *value)
{
    switch (column->kind) {
    case FMPNN_TEXT:
        return fmpnn_json_text(value->text);
    case FMPNN_INTEGER:
        return json_integer(value->integer);
    case FMPNN_FLAG:
        return json_boolean(value->integer);
    case FMPNN_EXACT:
    case FMPNN_REAL:
        break;
    }
    return isfinite(value->real) ? json_real(value->real) : json_null();
}

void fmpnn_jsonl_add(fmpnn_text *out, const fmpnn_record *record)
{
    json_t *object = json_object();
    bool good = object != NULL;
    for (size_t n = 0; record->heads && n < record->heads->count; n++) {
        json_t *key = fmpnn_json_text(record->heads->name[n]); /* as UTF-8 */
        good = key && !json_object_set_new(object, json_string_value(key),
                                           fmpnn_json_text(record->cell[n])) &&
               good;
        json_decref(key);
    }
    for (size_t n = 0; n < record->columns.count; n++) {
        const fmpnn_column *column = &record->columns.column[n];
        json_t *value = json_value(column, &record->value[n]);
        good = !json_object_set_new(object, column->key, value) && good;
    }
    char *line =
        good ? fmpnn_json_print(object,
                                JSON_COMPACT | JSON_REAL_PRECISION(record->columns.digits))
             : NULL;
    if (line)
        fmpnn_text_print(out, "%s\n", line);
    else
        out->failed = true;
    free(line);
    json_decref(object);
}
