/* Options of the published LigandMPNN programs: their defaults, their files, their limits. */
#include "compat/ligand.h"
#include "compat/structures.h"

#include <math.h>
#include <string.h>

void fmpnn_ligandmpnn_options_default(fmpnn_ligandmpnn_options *options)
{
    *options = (fmpnn_ligandmpnn_options){.model_type = "protein_mpnn",
                                          .verbose = 1,
                                          .batch_size = 1,
                                          .number_of_batches = 1,
                                          .temperature = 0.1,
                                          .ligand_mpnn_use_atom_context = 1,
                                          .ligand_mpnn_cutoff_for_score = 8,
                                          .number_of_packs_per_design = 4,
                                          .sc_num_denoising_steps = 3,
                                          .sc_num_samples = 16,
                                          .packed_suffix = "_packed",
                                          .pack_with_ligand_context = 1,
                                          .use_sequence = 1,
                                          .single_aa_score = 1};
}

bool fmpnn_ligand_given(const char *text)
{
    return text && *text;
}

/* ---- weights ---- */

/* A type of model, the published default of its checkpoint, and what is installed of a family:
 * file names "PREFIX..." are "FAMILY..." here. */
static const struct {
    const char *type, *path;
} types[] = {
    {"protein_mpnn", "./model_params/proteinmpnn_v_48_020.pt"},
    {"ligand_mpnn", "./model_params/ligandmpnn_v_32_010_25.pt"},
    {"soluble_mpnn", "./model_params/solublempnn_v_48_020.pt"},
    {"global_label_membrane_mpnn",
     "./model_params/global_label_membrane_mpnn_v_48_020.pt"},
    {"per_residue_label_membrane_mpnn",
     "./model_params/per_residue_label_membrane_mpnn_v_48_020.pt"},
};

static const char *const installed[][2] = {
    {"proteinmpnn_", "vanilla/"},
    {"solublempnn_", "soluble/"},
    {"ligandmpnn_sc_", "packer/"},
    {"ligandmpnn_", "ligand/"},
    {"global_label_membrane_mpnn_", "membrane/global_"},
    {"per_residue_label_membrane_mpnn_", "membrane/per_residue_"},
};

/* "ligand/v_32_010_25" of "./model_params/ligandmpnn_v_32_010_25.pt"; "" if the name says
 * nothing. */
static void installed_name(const char *path, char name[256])
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t size = strlen(file);
    name[0] = '\0';
    if (size < 3 || strcmp(file + size - 3, ".pt") != 0)
        return;
    for (size_t n = 0; n < sizeof installed / sizeof *installed; n++) {
        size_t prefix = strlen(installed[n][0]);
        if (strncmp(file, installed[n][0], prefix) != 0)
            continue;
        snprintf(name, 256, "%s%.*s", installed[n][1], (int)(size - 3 - prefix),
                 file + prefix);
        return;
    }
}

static const char *checkpoint_of(const fmpnn_ligandmpnn_options *o, size_t type)
{
    const char *const given[] = {o->checkpoint_protein_mpnn, o->checkpoint_ligand_mpnn,
                                 o->checkpoint_soluble_mpnn,
                                 o->checkpoint_global_label_membrane_mpnn,
                                 o->checkpoint_per_residue_label_membrane_mpnn};
    return fmpnn_ligand_given(given[type]) ? given[type] : types[type].path;
}

/* A model of the wrong kind could be computed and would be nonsense. */
static fmpnn_status check_kind(const fmpnn_ligand_run *run)
{
    const fmpnn_model_info *info = &run->model->info;
    const char *wanted = !strcmp(run->model_type, "ligand_mpnn") ? "ligand"
                         : strstr(run->model_type, "membrane")   ? "membrane"
                                                                 : "protein";
    if (!strcmp(info->kind, wanted))
        return FMPNN_OK;
    return fmpnn_fail(run->err, FMPNN_EWEIGHTS,
                      "%s: weights of kind %s; --model_type %s needs %s weights",
                      run->checkpoint, info->kind, run->model_type, wanted);
}

/* A checkpoint by its path, or the installed weights of that name. */
static fmpnn_status load(const fmpnn_ligand_run *run, const char *path, fmpnn_model **model)
{
    char ours[256];
    if (fmpnn_file_exists(path))
        return fmpnn_model_load(path, model, run->err);
    installed_name(path, ours);
    if (!*ours)
        return fmpnn_fail(run->err, FMPNN_EWEIGHTS,
                          "%s: no such file, and no published weights of that name", path);
    if (strncmp(path, "./model_params/", 15) != 0)
        fmpnn_original_note(run->listener, "%s is not there; using installed weights %s", path,
                            ours);
    return fmpnn_model_load(ours, model, run->err);
}

fmpnn_status fmpnn_ligand_load_model(fmpnn_ligand_run *run)
{
    const char *packer = run->options->checkpoint_path_sc;
    fmpnn_status status = load(run, run->checkpoint, &run->model);
    if (!status)
        status = check_kind(run);
    if (status || run->scoring || !run->options->pack_side_chains)
        return status;
    if (!fmpnn_ligand_given(packer))
        packer = "./model_params/ligandmpnn_sc_v_32_002_16.pt";
    status = load(run, packer, &run->packer);
    if (!status && strcmp(run->packer->info.kind, "packer") != 0)
        status = fmpnn_fail(run->err, FMPNN_EWEIGHTS,
                            "%s: weights of kind %s; --checkpoint_path_sc needs those of the "
                            "packer",
                            packer, run->packer->info.kind);
    return status;
}

/* ---- limits ---- */

static fmpnn_status check_numbers(const fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    const int64_t most = (int64_t)1 << 31;
    if (o->batch_size < 1 || o->batch_size > most || o->number_of_batches < 1 ||
        o->number_of_batches > most)
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "--batch_size %lld, --number_of_batches %lld: expected 1 or more",
                          (long long)o->batch_size, (long long)o->number_of_batches);
    if (!run->scoring &&
        (!(o->temperature >= FMPNN_TEMPERATURE_LEAST) || !isfinite(o->temperature)))
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "--temperature: expected more than 0 (from %g on)",
                          FMPNN_TEMPERATURE_LEAST);
    if (!(o->ligand_mpnn_cutoff_for_score >= 0) || !isfinite(o->ligand_mpnn_cutoff_for_score))
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "--ligand_mpnn_cutoff_for_score: expected 0 or more");
    if (o->global_transmembrane_label != 0 && o->global_transmembrane_label != 1)
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "--global_transmembrane_label: expected 0 or 1");
    if (!run->scoring && o->pack_side_chains &&
        (o->number_of_packs_per_design < 0 || o->number_of_packs_per_design > most ||
         o->sc_num_denoising_steps < 1 || o->sc_num_denoising_steps > most ||
         o->sc_num_samples < 1 || o->sc_num_samples > most))
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "--number_of_packs_per_design %lld: expected 0 or more; "
                          "--sc_num_denoising_steps %lld, --sc_num_samples %lld: expected 1 or "
                          "more",
                          (long long)o->number_of_packs_per_design,
                          (long long)o->sc_num_denoising_steps, (long long)o->sc_num_samples);
    if (run->scoring && !o->autoregressive_score && !o->single_aa_score)
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "nothing to compute: set --autoregressive_score or "
                          "--single_aa_score to 1");
    return FMPNN_OK;
}

static fmpnn_status choose_type(fmpnn_ligand_run *run)
{
    const char *type = run->options->model_type ? run->options->model_type : "";
    for (size_t n = 0; n < sizeof types / sizeof *types; n++)
        if (!strcmp(type, types[n].type)) {
            const char *path = checkpoint_of(run->options, n);
            if (strlen(path) >= sizeof run->checkpoint)
                return fmpnn_fail(run->err, FMPNN_EINVAL,
                                  "the checkpoint's path is too long");
            strcpy(run->checkpoint, path);
            run->model_type = types[n].type;
            return FMPNN_OK;
        }
    return fmpnn_fail(run->err, FMPNN_EINVAL,
                      "--model_type: '%s' is none of protein_mpnn, ligand_mpnn, "
                      "soluble_mpnn, global_label_membrane_mpnn, "
                      "per_residue_label_membrane_mpnn",
                      type);
}

fmpnn_status fmpnn_ligand_check(fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    if (!fmpnn_ligand_given(o->pdb_path) && !fmpnn_ligand_given(o->pdb_path_multi))
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "no structure: give --pdb_path or --pdb_path_multi");
    if (!fmpnn_ligand_given(o->out_folder))
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "no place for results: give --out_folder");
    fmpnn_status status = choose_type(run);
    return status ? status : check_numbers(run);
}

/* ---- files of lists ---- */

static fmpnn_status load_object(const fmpnn_ligand_run *run, const char *option,
                                const char *path, json_t **object)
{
    json_error_t detail;
    unsigned char *bytes;
    size_t size;
    if (!fmpnn_file_exists(path))
        return fmpnn_fail(run->err, FMPNN_EINVAL, "--%s: %s: no such file", option, path);
    fmpnn_status status = fmpnn_file_read(path, (size_t)1 << 30, &bytes, &size, run->err);
    if (status)
        return status;
    *object = fmpnn_json_read((const char *)bytes, size, 0, &detail);
    fmpnn_release(bytes);
    if (!*object)
        return fmpnn_fail(run->err, FMPNN_EFORMAT, "%s:%d:%d: %s", path, detail.line,
                          detail.column > 0 ? detail.column : 1, detail.text);
    if (!json_is_object(*object)) {
        json_decref(*object);
        *object = NULL;
        return fmpnn_fail(run->err, FMPNN_EFORMAT, "%s:1:1: expected an object", path);
    }
    return FMPNN_OK;
}

/* The keys are the structures; their order is that of the file. */
static fmpnn_status load_paths(fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    json_t *object = NULL, *value;
    const char *path;
    run->paths = json_array();
    if (!run->paths)
        return fmpnn_fail_memory(run->err, "reading options");
    if (!fmpnn_ligand_given(o->pdb_path_multi)) {
        json_array_append_new(run->paths, json_string_nocheck(o->pdb_path));
    } else {
        fmpnn_status status =
            load_object(run, "pdb_path_multi", o->pdb_path_multi, &object);
        if (status)
            return status;
        json_object_foreach(object, path, value)
            json_array_append_new(run->paths, json_string_nocheck(path));
        json_decref(object);
    }
    if (!json_array_size(run->paths))
        return fmpnn_fail(run->err, FMPNN_EFORMAT, "%s: no structure in it",
                          o->pdb_path_multi);
    for (size_t n = 0; n < json_array_size(run->paths); n++) {
        path = json_string_value(json_array_get(run->paths, n));
        if (!path)
            return fmpnn_fail_memory(run->err, "reading options");
        if (!fmpnn_file_exists(path))
            return fmpnn_fail(run->err, FMPNN_EINVAL, "%s: no such file", path);
    }
    return FMPNN_OK;
}

static fmpnn_status check_paths(const fmpnn_ligand_run *run, const char *option,
                                const char *file, const json_t *object, bool texts)
{
    for (size_t n = 0; n < json_array_size(run->paths); n++) {
        const char *path = json_string_value(json_array_get(run->paths, n));
        const json_t *value = json_object_get(object, path);
        if (!value)
            return fmpnn_fail(run->err, FMPNN_ESELECT, "--%s: %s has no entry for %s",
                              option, file, path);
        if (texts ? !json_is_string(value) : !json_is_object(value))
            return fmpnn_fail(run->err, FMPNN_EFORMAT, "--%s: %s, %s: expected %s", option,
                              file, path, texts ? "a text \"A12 A13\"" : "an object");
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_ligand_load_lists(fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    const struct {
        const char *option, *multi;  /* names */
        const char *value, *file;    /* of the two */
        bool texts;                  /* else value names a file, too */
    } lists[FMPNN_LIGAND_LISTS] = {
        {"fixed_residues", "fixed_residues_multi", o->fixed_residues,
         o->fixed_residues_multi, true},
        {"redesigned_residues", "redesigned_residues_multi", o->redesigned_residues,
         o->redesigned_residues_multi, true},
        {"bias_AA_per_residue", "bias_AA_per_residue_multi", o->bias_AA_per_residue,
         o->bias_AA_per_residue_multi, false},
        {"omit_AA_per_residue", "omit_AA_per_residue_multi", o->omit_AA_per_residue,
         o->omit_AA_per_residue_multi, false},
    };
    fmpnn_status status = load_paths(run);
    for (size_t n = 0; n < FMPNN_LIGAND_LISTS && !status; n++) {
        run->by_path[n] = fmpnn_ligand_given(lists[n].file);
        if (run->by_path[n]) {
            status = load_object(run, lists[n].multi, lists[n].file, &run->list[n]);
            if (!status)
                status = check_paths(run, lists[n].multi, lists[n].file, run->list[n],
                                     lists[n].texts);
        } else if (fmpnn_ligand_given(lists[n].value) && lists[n].texts) {
            run->list[n] = json_string_nocheck(lists[n].value);
            if (!run->list[n])
                status = fmpnn_fail_memory(run->err, "reading options");
        } else if (fmpnn_ligand_given(lists[n].value)) {
            status = load_object(run, lists[n].option, lists[n].value, &run->list[n]);
        }
    }
    return status;
}

const json_t *fmpnn_ligand_list_of(const fmpnn_ligand_run *run, fmpnn_ligand_list list,
                                   const char *path)
{
    return run->by_path[list] ? json_object_get(run->list[list], path) : run->list[list];
}
