/* Weights by SHA-256: the installed catalogue first, then any checkpoint below --weights and
 * below the folder of installed weights. Models stay loaded for the cases that follow. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "golden.h"

#include <ftw.h>
#include <string.h>

enum { MODELS = 64, FILES = 256 };

struct golden_shelf {
    const char *folder;
    size_t n_models, n_files;
    bool searched;
    fmpnn_model *model[MODELS];
    struct {
        char *path;
        char digest[65];
    } file[FILES];
};

golden_shelf *golden_shelf_create(const char *folder)
{
    golden_shelf *shelf = fmpnn_alloc_zero(1, sizeof *shelf);
    if (shelf)
        shelf->folder = folder;
    return shelf;
}

void golden_shelf_free(golden_shelf *shelf)
{
    if (!shelf)
        return;
    for (size_t n = 0; n < shelf->n_models; n++)
        fmpnn_model_free(shelf->model[n]);
    for (size_t n = 0; n < shelf->n_files; n++)
        fmpnn_release(shelf->file[n].path);
    fmpnn_release(shelf);
}

static golden_shelf *searching; /* nftw() hands its callback nothing of ours */

static int note_file(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)where;
    const char *dot = strrchr(path, '.');
    if (kind != FTW_F || !dot ||
        (strcmp(dot, ".pt") != 0 && strcmp(dot, ".safetensors") != 0))
        return 0;
    golden_shelf *shelf = searching;
    if (shelf->n_files == FILES)
        return 1;
    char *copy = fmpnn_copy_text(path);
    if (!copy || fmpnn_sha256_file(path, shelf->file[shelf->n_files].digest, NULL)) {
        fmpnn_release(copy);
        return 0;
    }
    shelf->file[shelf->n_files++].path = copy;
    return 0;
}

static void search(golden_shelf *shelf)
{
    char installed[4096];
    searching = shelf;
    if (shelf->folder)
        nftw(shelf->folder, note_file, 16, 0);
    if (!fmpnn_weights_folder(installed, sizeof installed, NULL))
        nftw(installed, note_file, 16, 0);
    searching = NULL;
    shelf->searched = true;
}

/* A path below --weights, or of an installed file of that digest; NULL if there is none. */
static const char *path_of(golden_shelf *shelf, const char *sha256,
                           fmpnn_weights_entry *entry)
{
    for (size_t n = 0; n < fmpnn_weights_count(); n++)
        if (!fmpnn_weights_get(n, entry, NULL) && entry->installed &&
            !strcmp(entry->sha256, sha256))
            return entry->path;
    if (!shelf->searched)
        search(shelf);
    for (size_t n = 0; n < shelf->n_files; n++)
        if (!strcmp(shelf->file[n].digest, sha256))
            return shelf->file[n].path;
    return NULL;
}

fmpnn_status golden_shelf_find(golden_shelf *shelf, const char *sha256,
                               const fmpnn_model **model, fmpnn_error *err)
{
    fmpnn_weights_entry entry;
    fmpnn_model_info info;
    for (size_t n = 0; n < shelf->n_models; n++) {
        fmpnn_model_describe(shelf->model[n], &info);
        if (!strcmp(info.digest, sha256)) {
            *model = shelf->model[n];
            return FMPNN_OK;
        }
    }
    const char *path = path_of(shelf, sha256, &entry);
    if (!path)
        return fmpnn_fail(
            err, FMPNN_EWEIGHTS,
            "no weights of SHA-256 %s: install them (fusempnn weights get) or "
            "name their folder (--weights)",
            sha256);
    if (shelf->n_models == MODELS)
        return fmpnn_fail(err, FMPNN_EINVAL, "more than %d different weights", MODELS);
    fmpnn_model *loaded;
    fmpnn_status status = fmpnn_model_load(path, &loaded, err);
    if (status)
        return status;
    fmpnn_model_describe(loaded, &info);
    if (strcmp(info.digest, sha256) != 0) {
        status = fmpnn_fail(err, FMPNN_EWEIGHTS, "%s has SHA-256 %s, wanted %s", path,
                            info.digest, sha256);
        fmpnn_model_free(loaded);
        return status;
    }
    *model = shelf->model[shelf->n_models++] = loaded;
    return FMPNN_OK;
}
