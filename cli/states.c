#include "states.h"
#include "batch.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISDIR(about.st_mode);
}

bool state_split(const char *text, char **path, double *weight, char message[512])
{
    const char *equals = strrchr(text, '=');
    char *end = NULL;
    *path = checked_copy(text);
    *weight = 1;
    if (equals && equals[1] && strspn(equals + 1, "0123456789+-.eE") == strlen(equals + 1))
        *weight = strtod(equals + 1, &end);
    if (end && !*end && isfinite(*weight))
        (*path)[equals - text] = 0;
    if (is_file(*path) && *weight != 0)
        return true;
    if (*weight == 0)
        snprintf(message, 512, "'%.200s': a weight of 0 is no state", text);
    else
        snprintf(message, 512, "%.200s: no such file; write FILE or FILE=WEIGHT", *path);
    free(*path);
    return false;
}

void states_clear(states *s)
{
    for (size_t n = 0; n < s->count; n++)
        fmpnn_structure_free(s->st[n]);
    s->count = 0;
}

fmpnn_status states_read(states *s, const input *in, const fmpnn_model_info *info,
                         fmpnn_settings *settings, fmpnn_error *err)
{
    const options *o = in->options;
    fmpnn_status status = FMPNN_OK;
    s->count = 0;
    settings->state = s->list;
    settings->states = 0;
    for (size_t n = 0; n < o->state.count && status == FMPNN_OK; n++) {
        char message[512], *path;
        double weight;
        if (!state_split(o->state.text[n], &path, &weight, message)) {
            snprintf(err->message, sizeof err->message, "--state: %s", message);
            return FMPNN_EINVAL;
        }
        if (!strcmp(path, in->path)) {
            settings->state_weight = weight;
        } else {
            input other = {.path = path, .options = o};
            status = batch_read_structure(&other, info, &s->st[s->count], err);
            if (status == FMPNN_OK) {
                s->list[s->count] = (fmpnn_state){s->st[s->count], weight};
                settings->states = ++s->count;
            }
        }
        free(path);
    }
    return status;
}
