/* Dictionaries as files, and what their readers share. */
#include "design/dictionaries.h"

#include <string.h>

/* ---- files ---- */

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

fmpnn_status fmpnn_dictionaries_read(const fmpnn_dictionary_paths *paths,
                                     fmpnn_dictionaries **out, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_dictionaries *all = fmpnn_alloc_zero(1, sizeof *all);
    if (!all)
        return fmpnn_fail_memory(err, "reading JSON");
#define FMPNN_DICTIONARY_ROW(kind, name)                                                   \
    {                                                                                      \
        fmpnn_dictionary *d = &all->item[FMPNN_DICTIONARY_##kind];                         \
        d->option = #name;                                                                 \
        if (paths->name && *paths->name && !(d->path = fmpnn_copy_text(paths->name)))      \
            status = fmpnn_fail_memory(err, "reading JSON");                               \
    }
    FMPNN_DICTIONARY_MAP(FMPNN_DICTIONARY_ROW)
#undef FMPNN_DICTIONARY_ROW
    for (int kind = 0; kind < FMPNN_DICTIONARIES && !status; kind++)
        if (all->item[kind].path)
            status = load(&all->item[kind], kind == FMPNN_DICTIONARY_PSSM, err);
    if (status)
        fmpnn_dictionaries_free(all);
    else
        *out = all;
    return status;
}

void fmpnn_dictionaries_free(fmpnn_dictionaries *all)
{
    if (!all)
        return;
    for (int kind = 0; kind < FMPNN_DICTIONARIES; kind++) {
        json_decref(all->item[kind].value);
        fmpnn_release(all->item[kind].path);
    }
    fmpnn_release(all);
}

/* ---- one structure's share ---- */

fmpnn_status fmpnn_dictionary_refuse(const fmpnn_dictionary_reader *r, const char *chain,
                                     const char *format, ...)
{
    char text[512], place[512] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (r->dictionary)
        snprintf(place, sizeof place, "%s:%zu: --%s: ", r->dictionary->path,
                 r->dictionary->line, r->dictionary->option);
    return fmpnn_fail(r->err, FMPNN_ESELECT, "%s%s%s%s: %s", place, r->structure,
                      chain ? ", chain " : "", chain ? chain : "", text);
}

fmpnn_status fmpnn_dictionary_open(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary, const json_t **value)
{
    r->dictionary = dictionary;
    *value = json_object_get(dictionary->value, r->structure);
    if (!*value)
        return fmpnn_dictionary_refuse(r, NULL, "the dictionary has no such structure");
    return FMPNN_OK;
}

const fmpnn_ordinal_chain *fmpnn_dictionary_chain(const fmpnn_dictionary_reader *r,
                                                  const char *name)
{
    for (size_t n = 0; n < r->chains; n++)
        if (!strcmp(r->chain[n].name, name))
            return &r->chain[n];
    return NULL;
}

fmpnn_status fmpnn_dictionary_position(const fmpnn_dictionary_reader *r,
                                       const fmpnn_ordinal_chain *chain,
                                       const json_t *ordinal, uint32_t *position,
                                       size_t *place)
{
    int64_t at;
    if (!fmpnn_json_whole(ordinal, &at))
        return fmpnn_dictionary_refuse(r, chain->name,
                                       "expected a position, a whole number");
    if (at < 1 || (uint64_t)at > chain->length)
        return fmpnn_dictionary_refuse(r, chain->name, "position %lld, expected 1 to %zu",
                                       (long long)at, chain->length);
    *place = chain->start + (size_t)at - 1;
    *position = r->position ? r->position[*place] : (uint32_t)*place;
    return FMPNN_OK;
}

static fmpnn_status check_chains(const fmpnn_dictionary_reader *r, const json_t *value)
{
    const char *name;
    json_t *item;
    if (!json_is_object(value))
        return fmpnn_dictionary_refuse(r, NULL, "expected an object with chains as keys");
    json_object_foreach((json_t *)value, name, item)
    {
        if (!fmpnn_dictionary_chain(r, name) &&
            (json_array_size(item) || json_object_size(item)))
            return fmpnn_dictionary_refuse(r, name, "the structure has no such chain");
    }
    for (size_t n = 0; n < r->chains; n++)
        if (r->chain[n].designed && !json_object_get(value, r->chain[n].name))
            return fmpnn_dictionary_refuse(r, r->chain[n].name,
                                           "a designed chain is not in the dictionary");
    return FMPNN_OK;
}

fmpnn_status fmpnn_dictionary_each(const fmpnn_dictionary_reader *r, const json_t *value,
                                   fmpnn_dictionary_part *read, void *out)
{
    fmpnn_status status = check_chains(r, value);
    for (size_t n = 0; n < r->chains && !status; n++) {
        const json_t *item = json_object_get(value, r->chain[n].name);
        if (item)
            status = read(r, &r->chain[n], item, out);
    }
    return status;
}
