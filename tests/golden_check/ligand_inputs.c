/* What a LigandMPNN model sees of a case's structure, compared with what is stored: residues,
 * context atoms, side chains. All of it exactly. */
#include "ligand.h"

#include <math.h>
#include <string.h>

typedef double (*element)(const ligand_case *c, size_t n);

static void compare(ligand_case *c, golden_report *report, const char *name,
                    const fmpnn_array *stored, element mine)
{
    for (size_t n = 0; stored && n < stored->count; n++)
        if (!(golden_value(stored, n) == mine(c, n))) {
            golden_problem(report, "input %s[%zu]: stored %.9g, the structure gives %.9g",
                           name, n, golden_value(stored, n), mine(c, n));
            return;
        }
}

static double coordinate(const ligand_case *c, size_t n)
{
    float x = c->base.inputs->xyz[n];
    return isnan(x) ? 0 : (double)x;
}
static double mask(const ligand_case *c, size_t n)
{
    return (double)c->base.inputs->mask[n];
}
static double letter(const ligand_case *c, size_t n)
{
    return c->base.inputs->native[n];
}
static double number(const ligand_case *c, size_t n)
{
    return c->base.st->residue[n].number;
}
static double renumbered(const ligand_case *c, size_t n)
{
    return c->base.inputs->index[n];
}
static double chain_label(const ligand_case *c, size_t n)
{
    return c->base.st->residue[n].chain_id;
}
static double atom_coordinate(const ligand_case *c, size_t n)
{
    const fmpnn_structure *st = c->base.st;
    return st->context_count ? (double)st->context[n / 3].xyz[n % 3] : 0;
}
static double atom_type(const ligand_case *c, size_t n)
{
    const fmpnn_structure *st = c->base.st;
    return st->context_count ? st->context[n].type : 0;
}
static double atom_there(const ligand_case *c, size_t n)
{
    (void)n;
    return c->base.st->context_count != 0;
}
static double side_coordinate(const ligand_case *c, size_t n)
{
    float xyz[FMPNN_ATOM37][3];
    uint8_t present[FMPNN_ATOM37];
    fmpnn_structure_atoms(c->base.st, n / (3 * FMPNN_ATOM37), xyz, present);
    return (double)xyz[n / 3 % FMPNN_ATOM37][n % 3];
}
static double side_present(const ligand_case *c, size_t n)
{
    float xyz[FMPNN_ATOM37][3];
    uint8_t present[FMPNN_ATOM37];
    fmpnn_structure_atoms(c->base.st, n / FMPNN_ATOM37, xyz, present);
    return present[n % FMPNN_ATOM37];
}

static void residue_text(const ligand_case *c, size_t i, char text[40])
{
    const fmpnn_residue *r = &c->base.st->residue[i];
    snprintf(text, 40, "%s%d%.*s", r->chain, (int)r->number, r->icode != ' ', &r->icode);
}

static double name_byte(const ligand_case *c, size_t n)
{
    char text[40];
    residue_text(c, n / 8, text);
    return n % 8 < strlen(text) ? (unsigned char)text[n % 8] : 0;
}

size_t ligand_residue(const ligand_case *c, const char *name, size_t length)
{
    size_t found = c->base.L;
    for (size_t i = 0; i < c->base.L; i++) {
        char text[40];
        residue_text(c, i, text);
        if (strlen(text) == length && !memcmp(text, name, length))
            found = i; /* of two of one name the later is meant, as in the program */
    }
    return found;
}

static void compare_inputs(ligand_case *c, golden_report *report)
{
    size_t L = c->base.L, all = FMPNN_ATOM37;
    size_t atoms = c->base.st->context_count ? c->base.st->context_count : 1;
    const struct {
        const char *name;
        element mine;
    } flat[] = {{"in.mask", mask},         {"in.S", letter},
                {"in.R_idx", number},      {"feat.R_idx", renumbered},
                {"in.chain_labels", chain_label}};
    compare(c, report, "in.X", golden_tensor(report, "in.X", 3, L, (size_t)4, (size_t)3),
            coordinate);
    bool threaded = json_object_get(c->base.options, "new_sequence") != NULL;
    for (size_t n = 0; n < sizeof flat / sizeof *flat; n++)
        if (!threaded || flat[n].mine != letter) /* compared where it is threaded */
            compare(c, report, flat[n].name, golden_tensor(report, flat[n].name, 1, L),
                    flat[n].mine);
    compare(c, report, "in.residue_names",
            golden_tensor(report, "in.residue_names", 2, L, (size_t)8), name_byte);
    compare(c, report, "in.Y", golden_tensor(report, "in.Y", 2, atoms, (size_t)3),
            atom_coordinate);
    compare(c, report, "in.Y_t", golden_tensor(report, "in.Y_t", 1, atoms), atom_type);
    compare(c, report, "in.Y_m", golden_tensor(report, "in.Y_m", 1, atoms), atom_there);
    compare(c, report, "in.xyz_37", golden_tensor(report, "in.xyz_37", 3, L, all, (size_t)3),
            side_coordinate);
    compare(c, report, "in.xyz_37_m", golden_tensor(report, "in.xyz_37_m", 2, L, all),
            side_present);
}

bool ligand_inputs(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    fmpnn_error err;
    if (!golden_ligand_read(b->structures, b->entry, report, &b->st))
        return false;
    if (fmpnn_inputs_create(b->st, NULL, 0, false, &b->inputs, &err)) {
        golden_problem(report, "inputs: %s", err.message);
        return false;
    }
    b->L = b->inputs->L;
    b->resolved = golden_alloc(&b->arena, b->L, 1);
    for (size_t i = 0; i < b->L; i++)
        b->resolved[i] = b->inputs->mask[i] != 0;
    compare_inputs(c, report);
    return !report->failed;
}

fmpnn_status ligand_graph(ligand_case *c, const fmpnn_model *model, bool side_chains,
                          fmpnn_graph **graph, fmpnn_error *err)
{
    const fmpnn_inputs *in = c->base.inputs;
    fmpnn_surroundings around = c->around;
    around.M = model->info.context_atoms;
    around.side_chains = around.side_chains && side_chains;
    fmpnn_status status =
        fmpnn_graph_create(in->L, in->xyz, in->mask, in->index, in->chain,
                           (size_t)model->info.neighbours, model->info.ca_only, graph, err);
    if (!status && around.M)
        status = fmpnn_inputs_see_atoms(c->base.st, in, &around, *graph, err);
    if (!status && model->info.labels)
        status = fmpnn_graph_label(*graph, c->label, err);
    return status;
}
