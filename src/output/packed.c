/* A packing as a structure file: the input's numbering, backbone, ligands and ions, the side
 * chains that were placed, those that stay as they are in the file. B-factors: ln of the density of
 * the chi angle that places the atom, for the backbone of chi1; 2 for side chains that stay, 0 for
 * residues without chi. */
#include "output/output.h"

#include "packing/ideal.h"
#include "structure/atom37.h"
#include "structure/structure.h"

#include <math.h>
#include <string.h>

static const float STAYS = 2; /* as the published program has it */

typedef struct builder {
    const fmpnn_structure *st;
    const fmpnn_packs *packs;
    const fmpnn_pack_result *pack;
    fmpnn_written_atoms atoms;
    size_t count;
} builder;

static void add(builder *b, const char *name, const float xyz[3], float bfactor)
{
    b->atoms.name[b->count] = name;
    b->atoms.bfactor[b->count] = bfactor;
    memcpy(b->atoms.xyz[b->count++], xyz, 3 * sizeof *xyz);
}

/* What the file has of a residue, in the order of its type where it has one, else of atom37;
 * selenomethionine, which is read as methionine, keeps its selenium. */
static void add_as_read(builder *b, size_t residue, size_t position, bool stays)
{
    const fmpnn_ideal *ideal = &fmpnn_ideal_residues()[b->packs->letters[position]];
    float xyz[FMPNN_ATOM37][3];
    uint8_t there[FMPNN_ATOM37];
    bool selenium = !strcmp(b->st->residue[residue].name, "MSE");
    fmpnn_structure_atoms(b->st, residue, xyz, there);
    for (size_t n = 0; n < ideal->atoms + FMPNN_ATOM37; n++) {
        size_t slot = n < ideal->atoms ? ideal->slot[n] : n - ideal->atoms;
        const char *name = fmpnn_atom37_name(slot);
        if (there[slot])
            add(b, selenium && !strcmp(name, "SD") ? "SE" : name, xyz[slot], stays ? STAYS : 0);
        there[slot] = 0;
    }
}

static void add_packed(builder *b, size_t position)
{
    const fmpnn_ideal *ideal = &fmpnn_ideal_residues()[b->packs->letters[position]];
    const float *density = b->pack->log_density + position * FMPNN_PACK_CHIS;
    for (size_t a = 0; a < b->packs->atoms[position]; a++) {
        float bfactor = ideal->chis ? density[fmpnn_ideal_chi(ideal, a)] : 0;
        add(b, ideal->name[a], b->pack->xyz + 3 * (position * FMPNN_PACK_ATOMS + a),
            bfactor);
    }
}

fmpnn_status fmpnn_packed_text(const fmpnn_layout *layout, const fmpnn_packs *packs,
                               size_t number, const char *format, fmpnn_text *out,
                               fmpnn_error *err)
{
    const fmpnn_structure *st = fmpnn_job_structure(layout->job);
    size_t residues = fmpnn_structure_length(st), most = residues * FMPNN_ATOM37;
    builder b = {.st = st, .packs = packs, .pack = &packs->pack[number]};
    fmpnn_status status = FMPNN_OK;
    char *letters = fmpnn_alloc_zero(residues, 1);
    size_t *position = fmpnn_alloc(residues, sizeof *position);
    b.atoms.first = fmpnn_alloc(residues + 1, sizeof *b.atoms.first);
    b.atoms.name = fmpnn_alloc(most, sizeof *b.atoms.name);
    b.atoms.xyz = fmpnn_alloc(most, sizeof *b.atoms.xyz);
    b.atoms.bfactor = fmpnn_alloc(most, sizeof *b.atoms.bfactor);
    if (!letters || !position || !b.atoms.first || !b.atoms.name || !b.atoms.xyz ||
        !b.atoms.bfactor) {
        status = fmpnn_fail_memory(err, "writing a structure");
        goto done;
    }
    for (size_t i = 0; i < layout->L; i++)
        position[fmpnn_layout_residue(layout, i)] = i;
    for (size_t r = 0; r < residues; r++) {
        size_t i = position[r];
        b.atoms.first[r] = b.count;
        if (packs->atoms[i]) {
            letters[r] = fmpnn_alphabet()[packs->letters[i]];
            add_packed(&b, i);
        } else {
            bool known = packs->letters[i] + 1 < FMPNN_OUTPUT_LETTERS;
            add_as_read(&b, r, i, known && fmpnn_job_position(layout->job, i).resolved);
        }
    }
    b.atoms.first[residues] = b.count;
    status = fmpnn_structure_write_atoms(st, format, letters, &b.atoms, out, err);
    if (!status && out->failed)
        status = fmpnn_fail_memory(err, "writing a structure");
done:
    fmpnn_release(b.atoms.bfactor);
    fmpnn_release(b.atoms.xyz);
    fmpnn_release((void *)b.atoms.name);
    fmpnn_release(b.atoms.first);
    fmpnn_release(position);
    fmpnn_release(letters);
    return status;
}
