#include "compat/dictionaries.h"

static fmpnn_status load(fmpnn_dictionary *d, bool merge, fmpnn_error *err)
{
    fmpnn_jsonl file;
    json_t *value = NULL;
    if (!fmpnn_file_exists(d->path))
        return fmpnn_fail(err, FMPNN_EINVAL, "--%s: %s: no such file", d->option, d->path);
    fmpnn_status status = fmpnn_jsonl_open(&file, d->path, err);
    while (!status && !(status = fmpnn_jsonl_next(&file, &value, err)) && value) {
        d->lines++;
        d->line = file.line;
        if (!json_is_object(value))
            status = fmpnn_fail(err, FMPNN_EFORMAT, "%s:%zu:1: --%s: expected an object",
                                d->path, d->line, d->option);
        else if (merge && d->value && json_object_update(d->value, value))
            status = fmpnn_fail_memory(err, "reading JSON");
        if (!status && (!merge || !d->value)) {
            json_decref(d->value);
            d->value = json_incref(value);
        }
        json_decref(value);
    }
    fmpnn_jsonl_close(&file);
    if (!status && !d->value)
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: --%s: the file is empty", d->path,
                            d->option);
    return status;
}

fmpnn_status fmpnn_dictionaries_load(fmpnn_dictionary dictionary[FMPNN_DICTIONARIES],
                                     const fmpnn_original_options *options,
                                     fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
#define FMPNN_DICTIONARY_ROW(kind, name)                                                   \
    dictionary[FMPNN_DICTIONARY_##kind] =                                                  \
        (fmpnn_dictionary){.option = #name, .path = options->name};
    FMPNN_DICTIONARY_MAP(FMPNN_DICTIONARY_ROW)
#undef FMPNN_DICTIONARY_ROW
    for (int kind = 0; kind < FMPNN_DICTIONARIES && !status; kind++)
        if (dictionary[kind].path && *dictionary[kind].path)
            status = load(&dictionary[kind], kind == FMPNN_DICTIONARY_PSSM, err);
    if (status)
        fmpnn_dictionaries_clear(dictionary);
    return status;
}

void fmpnn_dictionaries_clear(fmpnn_dictionary dictionary[FMPNN_DICTIONARIES])
{
    for (int kind = 0; kind < FMPNN_DICTIONARIES; kind++) {
        json_decref(dictionary[kind].value);
        dictionary[kind].value = NULL;
    }
}
