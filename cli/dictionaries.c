#include "dictionaries.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

enum { KINDS = 7 };

static void list_paths(const fmpnn_dictionary_paths *p, const char *path[KINDS])
{
    const char *const all[KINDS] = {
        p->chain_id_jsonl,    p->fixed_positions_jsonl, p->omit_AA_jsonl, p->bias_AA_jsonl,
        p->bias_by_res_jsonl, p->tied_positions_jsonl,  p->pssm_jsonl};
    for (int k = 0; k < KINDS; k++)
        path[k] = all[k] ? all[k] : "";
}

static bool same_paths(const fmpnn_dictionary_paths *a, const fmpnn_dictionary_paths *b)
{
    const char *x[KINDS], *y[KINDS];
    bool same = true;
    list_paths(a, x);
    list_paths(b, y);
    for (int k = 0; k < KINDS; k++)
        same = same && !strcmp(x[k], y[k]);
    return same;
}

fmpnn_status dictionaries_get(dictionaries *d, const fmpnn_dictionary_paths *paths,
                              const fmpnn_dictionaries **value, fmpnn_error *err)
{
    static const fmpnn_dictionary_paths none;
    *value = NULL;
    if (same_paths(paths, &none))
        return FMPNN_OK;
    for (size_t i = 0; i < d->count; i++)
        if (same_paths(d->item[i].paths, paths)) {
            *value = d->item[i].value;
            return FMPNN_OK;
        }
    fmpnn_dictionaries *read;
    fmpnn_status status = fmpnn_dictionaries_read(paths, &read, err);
    if (status != FMPNN_OK)
        return status;
    d->item = checked_grow(d->item, d->count + 1, sizeof *d->item);
    d->item[d->count].paths = paths;
    d->item[d->count++].value = read;
    *value = read;
    return FMPNN_OK;
}

void dictionaries_clear(dictionaries *d)
{
    for (size_t i = 0; i < d->count; i++)
        fmpnn_dictionaries_free(d->item[i].value);
    free(d->item);
    d->item = NULL;
    d->count = 0;
}
