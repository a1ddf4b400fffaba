#include "structure/context.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "structure/atom37.h"
#include "structure/element.h"
#include "structure/names.h"

static const float CLASH = 1; /* Angstrom; no bond between heavy atoms is that short */

static void ligand_name(const fmpnn_ligand *ligand, char text[48])
{
    fmpnn_residue place = {.number = ligand->number, .icode = ligand->icode};
    memcpy(place.chain, ligand->chain, sizeof place.chain);
    fmpnn_residue_name(&place, text);
    size_t size = strlen(text);
    snprintf(text + size, 48 - size, " %s", ligand->name);
}

void fmpnn_context_begin(fmpnn_context_maker *maker, fmpnn_structure *st,
                         fmpnn_findings *findings)
{
    *maker = (fmpnn_context_maker){.st = st, .findings = findings, .noted = UINT32_MAX};
}

/* Room for one more; false if memory is short. */
static bool make_room(void **table, size_t used, size_t *capacity, size_t size)
{
    if (used < *capacity)
        return true;
    void *bigger = fmpnn_grow(*table, used, 2 * used + 64, size);
    if (!bigger)
        return false;
    *table = bigger;
    *capacity = 2 * used + 64;
    return true;
}

fmpnn_status fmpnn_context_add_residue(fmpnn_context_maker *maker, size_t length,
                                       const double *const xyz[FMPNN_ATOM37],
                                       fmpnn_error *err)
{
    fmpnn_structure *st = maker->st;
    if (!st->atom_first)
        st->atom_first = fmpnn_alloc_zero(length + 1, sizeof *st->atom_first);
    if (!st->atom_first)
        return fmpnn_fail_memory(err, "collecting side chains");
    size_t used = st->atom_first[maker->residues];
    for (size_t slot = 0; slot < FMPNN_ATOM37; slot++) {
        void *table = st->atom;
        if (!xyz[slot])
            continue;
        if (!make_room(&table, used, &maker->atoms, sizeof *st->atom))
            return fmpnn_fail_memory(err, "collecting side chains");
        st->atom = table;
        st->atom[used].slot = (uint8_t)slot;
        for (int k = 0; k < 3; k++)
            st->atom[used].xyz[k] = (float)xyz[slot][k];
        used++;
    }
    st->atom_first[++maker->residues] = used;
    return FMPNN_OK;
}

fmpnn_status fmpnn_context_add_ligand(fmpnn_context_maker *maker, const fmpnn_ligand *ligand,
                                      uint32_t *index, fmpnn_error *err)
{
    fmpnn_structure *st = maker->st;
    void *table = st->ligand;
    if (!make_room(&table, st->ligand_count, &maker->ligands, sizeof *st->ligand))
        return fmpnn_fail_memory(err, "collecting ligands");
    st->ligand = table;
    *index = (uint32_t)st->ligand_count;
    st->ligand[st->ligand_count] = *ligand;
    st->ligand[st->ligand_count].atoms = st->ligand[st->ligand_count].usable = 0;
    st->ligand_count++;
    return FMPNN_OK;
}

fmpnn_status fmpnn_context_add_atom(fmpnn_context_maker *maker, uint32_t ligand,
                                    const char *name, const char *element,
                                    const double xyz[3], fmpnn_error *err)
{
    fmpnn_structure *st = maker->st;
    void *table = st->context;
    uint8_t type = fmpnn_element_type(element);
    st->ligand[ligand].atoms++;
    if (type == FMPNN_TYPE_HYDROGEN || fmpnn_element_is_hydrogen(element))
        return FMPNN_OK;
    if (type == FMPNN_TYPE_UNKNOWN) {
        char text[48];
        ligand_name(&st->ligand[ligand], text);
        if (maker->noted != ligand)
            fmpnn_findings_add(maker->findings, FMPNN_WARN_ELEMENT_UNKNOWN,
                               *element && strcmp(element, "X") ? "%s %s (%s)" : "%s %s",
                               text, name, element);
        maker->noted = ligand;
        return FMPNN_OK;
    }
    if (!make_room(&table, st->context_count, &maker->context, sizeof *st->context))
        return fmpnn_fail_memory(err, "collecting ligands");
    st->context = table;
    fmpnn_context_atom *atom = &st->context[st->context_count++];
    atom->type = type;
    atom->ligand = ligand;
    for (int k = 0; k < 3; k++)
        atom->xyz[k] = (float)xyz[k];
    st->ligand[ligand].usable++;
    return FMPNN_OK;
}

/* ---- from a document */

static fmpnn_status add_group(fmpnn_context_maker *maker, const fmpnn_document *document,
                              const fmpnn_group *group, fmpnn_error *err)
{
    fmpnn_ligand ligand = {.number = group->number, .icode = group->icode};
    uint32_t index;
    char altloc = fmpnn_group_altloc(document, group);
    memcpy(ligand.chain, group->chain, sizeof ligand.chain);
    memcpy(ligand.name, group->name, sizeof ligand.name);
    fmpnn_status status = fmpnn_context_add_ligand(maker, &ligand, &index, err);
    for (size_t n = group->first; n < group->first + group->count && !status; n++) {
        const fmpnn_atom *atom = &document->atom[n];
        if (atom->altloc == ' ' || atom->altloc == altloc)
            status = fmpnn_context_add_atom(maker, index, atom->name, atom->element,
                                            atom->xyz, err);
    }
    return status;
}

fmpnn_status fmpnn_context_add_document(fmpnn_context_maker *maker,
                                        const fmpnn_document *document, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    for (size_t g = 0; g < document->group_count && !status; g++) {
        const fmpnn_group *group = &document->group[g];
        if (group->use == FMPNN_USE_HETERO && !fmpnn_name_is_water(group->name))
            status = add_group(maker, document, group, err);
    }
    return status;
}

/* ---- what a user should know */

typedef struct point {
    float xyz[3];
    uint32_t residue;
} point;

static int by_x(const void *a, const void *b)
{
    const point *p = a, *q = b;
    return (p->xyz[0] > q->xyz[0]) - (p->xyz[0] < q->xyz[0]);
}

static bool near(const float a[3], const float b[3])
{
    float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return x * x + y * y + z * z < CLASH * CLASH;
}

/* The first backbone atom that the context atom stands on, or NULL; points are sorted by x. */
static const point *find_clash(const point *points, size_t count, const float xyz[3])
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (points[middle].xyz[0] < xyz[0] - CLASH)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && points[low].xyz[0] <= xyz[0] + CLASH; low++)
        if (near(points[low].xyz, xyz))
            return &points[low];
    return NULL;
}

static fmpnn_status note_clashes(const fmpnn_structure *st, fmpnn_findings *findings,
                                 fmpnn_error *err)
{
    size_t count = 0;
    uint32_t noted = UINT32_MAX;
    point *points = fmpnn_alloc(4 * st->length, sizeof *points);
    if (!points)
        return fmpnn_fail_memory(err, "comparing ligands with the backbone");
    for (size_t i = 0; i < st->length; i++)
        for (int a = 0; a < 4; a++)
            if (st->residue[i].present >> a & 1) {
                memcpy(points[count].xyz, st->residue[i].xyz[a], sizeof points->xyz);
                points[count++].residue = (uint32_t)i;
            }
    qsort(points, count, sizeof *points, by_x);
    for (size_t m = 0; m < st->context_count; m++) {
        const fmpnn_context_atom *atom = &st->context[m];
        const point *where = find_clash(points, count, atom->xyz);
        char ligand[48], residue[40];
        if (!where || noted == atom->ligand)
            continue;
        noted = atom->ligand;
        ligand_name(&st->ligand[atom->ligand], ligand);
        fmpnn_residue_name(&st->residue[where->residue], residue);
        fmpnn_findings_add(findings, FMPNN_WARN_CONTEXT_CLASH, "%s at %s", ligand, residue);
    }
    fmpnn_release(points);
    return FMPNN_OK;
}

fmpnn_status fmpnn_context_note(const fmpnn_structure *st, fmpnn_findings *findings,
                                fmpnn_error *err)
{
    for (size_t n = 0; n < st->ligand_count; n++) {
        char text[48];
        ligand_name(&st->ligand[n], text);
        if (!st->ligand[n].usable)
            fmpnn_findings_add(findings, FMPNN_WARN_CONTEXT_EMPTY, "%s", text);
    }
    return st->context_count ? note_clashes(st, findings, err) : FMPNN_OK;
}
