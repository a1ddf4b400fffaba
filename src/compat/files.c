/* Files and texts in the published program's forms. */
#include "compat/run.h"
#include "output/record.h"

#include <math.h>
#include <string.h>

void fmpnn_original_format(double value, char text[48])
{
    if (isnan(value))
        snprintf(text, 48, "nan");
    else
        fmpnn_format_fixed((double)(float)value, 4, text);
}

void fmpnn_original_sequence(const fmpnn_entry *entry, const uint8_t *letters,
                             const char *separator, fmpnn_text *out)
{
    bool first = true;
    for (size_t n = 0; n < entry->chains; n++) {
        const fmpnn_ordinal_chain *chain = &entry->chain[n];
        if (!chain->designed)
            continue;
        if (!first)
            fmpnn_text_print(out, "%s", separator);
        first = false;
        for (size_t i = chain->start; i < chain->start + chain->length; i++)
            fmpnn_text_add(out, &fmpnn_alphabet()[letters[i]], 1);
    }
}

void fmpnn_original_chain_list(const fmpnn_entry *entry, bool designed, fmpnn_text *out)
{
    const char *separator = "";
    fmpnn_text_add(out, "[", 1);
    for (size_t n = 0; n < entry->chains; n++)
        if (entry->chain[n].designed == designed) {
            fmpnn_text_print(out, "%s'%s'", separator, entry->chain[n].name);
            separator = ", ";
        }
    fmpnn_text_add(out, "]", 1);
}

fmpnn_status fmpnn_original_make_folders(fmpnn_original *run)
{
    const fmpnn_original_options *o = run->options;
    const struct {
        const char *name;
        int wanted;
    } folder[] = {{"seqs", 1},
                  {"scores", o->save_score},
                  {"score_only", o->score_only},
                  {"conditional_probs_only", o->conditional_probs_only},
                  {"unconditional_probs_only", o->unconditional_probs_only},
                  {"probs", o->save_probs},
                  {"draws", o->save_draws}};
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < sizeof folder / sizeof *folder && !status; n++) {
        fmpnn_text path;
        fmpnn_text_init(&path);
        fmpnn_text_print(&path, "%s/%s", o->out_folder, folder[n].name);
        if (path.failed)
            status = fmpnn_fail_memory(run->err, "making folders");
        else if (folder[n].wanted)
            status = fmpnn_folder_make(path.data, run->err);
        fmpnn_text_clear(&path);
    }
    return status;
}

fmpnn_status fmpnn_original_write(fmpnn_original *run, const char *folder, const char *name,
                                  const char *suffix, const fmpnn_text *text)
{
    fmpnn_text path;
    fmpnn_text_init(&path);
    fmpnn_text_print(&path, "%s/%s/%s%s", run->options->out_folder, folder, name, suffix);
    fmpnn_status status = path.failed ? fmpnn_fail_memory(run->err, "naming a file")
                                      : fmpnn_text_write(text, path.data, run->err);
    fmpnn_text_clear(&path);
    return status;
}

fmpnn_status fmpnn_original_write_npz(fmpnn_original *run, const char *folder,
                                      const char *name, const char *suffix, fmpnn_npz *npz)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    fmpnn_status status = fmpnn_npz_finish(npz, &text, run->err);
    if (!status)
        status = fmpnn_original_write(run, folder, name, suffix, &text);
    fmpnn_text_clear(&text);
    fmpnn_npz_free(npz);
    return status;
}
