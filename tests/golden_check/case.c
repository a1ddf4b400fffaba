/* Opening a case: what the manifest says about it, its structure, weights and tensors. */
#include "golden.h"

#include <math.h>
#include <string.h>

static const char *text_of(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

bool golden_path_in(const char *folder, const char *file, char *path, size_t size)
{
    if (!file || !*file || strchr(file, '/') || !strcmp(file, ".."))
        return false;
    return (size_t)snprintf(path, size, "%s/%s", folder, file) < size;
}

bool golden_structure_path(const json_t *entry, const char *structures, char *path,
                           size_t size, golden_report *report)
{
    char digest[65];
    fmpnn_error err;
    const char *sha256 = text_of(entry, "structure_sha256");
    if (!golden_path_in(structures, text_of(entry, "structure"), path, size)) {
        golden_problem(report, "the manifest names no structure file");
        return false;
    }
    if (fmpnn_sha256_file(path, digest, &err)) {
        golden_problem(report, "structure: %s", err.message);
        return false;
    }
    if (!sha256 || strcmp(sha256, digest) != 0) {
        golden_problem(report, "%s: SHA-256 is %s, the manifest has %s", path, digest,
                       sha256 ? sha256 : "none");
        return false;
    }
    return true;
}

static bool open_structure(golden_case *c, golden_report *report)
{
    char path[4096];
    fmpnn_error err;
    if (!golden_structure_path(c->entry, c->structures, path, sizeof path, report))
        return false;
    fmpnn_read_options options;
    fmpnn_read_options_default(&options);
    options.reading = FMPNN_READING_ORIGINAL;
    options.ca_only = c->ca_only;
    if (fmpnn_structure_read(path, &options, &c->st, &err)) {
        golden_problem(report, "structure: %s", err.message);
        return false;
    }
    return true;
}

static bool open_model(golden_case *c, golden_shelf *shelf, golden_report *report)
{
    fmpnn_error err;
    const char *sha256 = text_of(c->entry, "weights_sha256");
    if (!sha256) {
        golden_problem(report, "the manifest names no weights_sha256");
        return false;
    }
    if (golden_shelf_find(shelf, sha256, &c->model, &err)) {
        golden_problem(report, "weights: %s", err.message);
        return false;
    }
    const fmpnn_model_info *info = &c->model->info;
    if (info->ca_only != c->ca_only)
        golden_problem(report, "ca_only is %d, the weights say %d", c->ca_only,
                       info->ca_only);
    const json_t *edges = json_object_get(c->entry, "num_edges");
    const json_t *noise = json_object_get(c->entry, "noise_level");
    if (edges && json_integer_value(edges) != info->neighbours)
        golden_problem(report, "num_edges: the manifest and the weights differ");
    if (json_is_number(noise) && !isnan(info->noise) &&
        fabs(json_number_value(noise) - info->noise) > 1e-6)
        golden_problem(report, "noise_level: the manifest and the weights differ");
    return true;
}

/* What a case is made of must be in its file; the rest is up to the manifest. */
static void require(golden_report *report, const char *name)
{
    if (!fmpnn_archive_find(report->archive, name))
        golden_problem(report, "%s: missing", name);
}

static bool same_dtype(const char *text, fmpnn_dtype dtype)
{
    static const char *const names[] = {"float32", "float64", "float16", "bfloat16",
                                        "int32",   "int64",   "uint8",   "bool"};
    return text && (size_t)dtype < sizeof names / sizeof *names &&
           !strcmp(text, names[dtype]);
}

/* The file holds exactly what the manifest announces. */
static void check_listing(golden_case *c, golden_report *report)
{
    static const char *const needed[] = {"X",
                                         "atom_mask",
                                         "S",
                                         "mask",
                                         "chain_M",
                                         "chain_M_pos",
                                         "logits",
                                         "log_probs",
                                         "E_idx",
                                         "D_neighbors",
                                         "randn",
                                         "design_mask",
                                         "score",
                                         "omit_AA",
                                         "bias_AA",
                                         "decoding_order",
                                         "residue_score",
                                         "h_V_enc3",
                                         "residue_idx",
                                         "global_score",
                                         "chain_encoding",
                                         "unconditional_log_probs"};
    const json_t *listed = json_object_get(c->entry, "tensors");
    const char *name;
    json_t *about;
    for (size_t n = 0; n < sizeof needed / sizeof *needed; n++)
        require(report, needed[n]);
    json_object_foreach((json_t *)listed, name, about)
    {
        const fmpnn_array *array = fmpnn_archive_find(c->archive, name);
        const json_t *shape = json_object_get(about, "shape");
        bool fits = array && json_array_size(shape) == array->rank &&
                    same_dtype(text_of(about, "dtype"), array->dtype);
        for (size_t d = 0; fits && d < array->rank; d++)
            fits =
                (json_int_t)array->shape[d] == json_integer_value(json_array_get(shape, d));
        if (!array)
            golden_problem(report, "%s: in the manifest, but not in the file", name);
        else if (!fits)
            golden_problem(report, "%s: type or shape differ from the manifest", name);
    }
    for (size_t n = 0; n < fmpnn_archive_count(c->archive); n++)
        if (!json_object_get(listed, fmpnn_archive_at(c->archive, n)->name))
            golden_problem(report, "%s: in the file, but not in the manifest",
                           fmpnn_archive_at(c->archive, n)->name);
}

bool golden_case_open(golden_case *c, const golden_options *options, golden_shelf *shelf,
                      const char *structures, const json_t *entry, golden_report *report)
{
    char path[4096];
    fmpnn_error err;
    *c = (golden_case){.entry = entry,
                       .options = json_object_get(entry, "options"),
                       .name = text_of(entry, "case"),
                       .structures = structures,
                       .ca_only = json_is_true(json_object_get(entry, "ca_only"))};
    golden_report_init(report, c->name ? c->name : "(unnamed)", "inputs", NULL);
    if (!golden_path_in(options->folder, text_of(entry, "file"), path, sizeof path)) {
        golden_problem(report, "the manifest names no file");
        return false;
    }
    if (fmpnn_archive_open(path, &c->archive, &err)) {
        golden_problem(report, "%s", err.message);
        return false;
    }
    golden_report_clear(report);
    golden_report_init(report, c->name ? c->name : "(unnamed)", "inputs", c->archive);
    check_listing(c, report);
    if (!open_structure(c, report) || !open_model(c, shelf, report))
        return false;
    if (!golden_inputs(c, report) || !golden_settings(c, report) ||
        !golden_orders(c, report))
        return false;
    return !report->failed;
}

void golden_case_close(golden_case *c)
{
    golden_arena_clear(&c->arena);
    fmpnn_graph_free(c->graph);
    fmpnn_inputs_free(c->inputs);
    fmpnn_structure_free(c->st);
    fmpnn_archive_close(c->archive);
}
