#include "models.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

fmpnn_status models_get(models *m, const char *name, const fmpnn_model **model,
                        fmpnn_error *err)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!strcmp(m->item[i].name, name)) {
            *model = m->item[i].model;
            return FMPNN_OK;
        }
    }
    fmpnn_model *loaded;
    fmpnn_status status = fmpnn_model_load(name, &loaded, err);
    if (status != FMPNN_OK)
        return status;
    m->item = checked_grow(m->item, m->count + 1, sizeof *m->item);
    m->item[m->count].name = name;
    m->item[m->count++].model = loaded;
    *model = loaded;
    return FMPNN_OK;
}

void models_clear(models *m)
{
    for (size_t i = 0; i < m->count; i++)
        fmpnn_model_free(m->item[i].model);
    free(m->item);
    m->item = NULL;
    m->count = 0;
}
