#include "structure/document.h"

#include <string.h>

enum { MOST_ALTLOCS = 32 };

fmpnn_document *fmpnn_document_create(size_t groups, size_t atoms)
{
    fmpnn_document *document = fmpnn_alloc_zero(1, sizeof *document);
    if (!document)
        return NULL;
    document->group = fmpnn_alloc_zero(groups, sizeof *document->group);
    document->atom = fmpnn_alloc_zero(atoms, sizeof *document->atom);
    if (!document->group || !document->atom) {
        fmpnn_document_free(document);
        return NULL;
    }
    document->group_count = groups;
    document->atom_count = atoms;
    return document;
}

void fmpnn_document_free(fmpnn_document *document)
{
    if (!document)
        return;
    fmpnn_release(document->atom);
    fmpnn_release(document->group);
    fmpnn_release(document);
}

const fmpnn_atom *fmpnn_group_atom(const fmpnn_document *document, const fmpnn_group *group,
                                   const char *name)
{
    for (size_t a = group->first; a < group->first + group->count; a++)
        if (!strcmp(document->atom[a].name, name))
            return &document->atom[a];
    return NULL;
}

char fmpnn_group_altloc(const fmpnn_document *document, const fmpnn_group *group)
{
    struct {
        char altloc;
        double occupancy;
        size_t atoms;
    } found[MOST_ALTLOCS];
    size_t count = 0, best = 0;
    for (size_t n = group->first; n < group->first + group->count; n++) {
        const fmpnn_atom *atom = &document->atom[n];
        size_t k = 0;
        while (k < count && found[k].altloc != atom->altloc)
            k++;
        if (atom->altloc == ' ' || k == MOST_ALTLOCS)
            continue;
        if (k == count) {
            found[k].altloc = atom->altloc;
            found[k].occupancy = 0;
            found[count++].atoms = 0;
        }
        found[k].occupancy += atom->occupancy;
        found[k].atoms++;
    }
    for (size_t k = 1; k < count; k++)
        if (found[k].occupancy * (double)found[best].atoms >
            found[best].occupancy * (double)found[k].atoms + 1e-4)
            best = k;
    return count ? found[best].altloc : ' ';
}

static bool has_chain(const fmpnn_document *document, const char *name)
{
    for (size_t g = 0; g < document->group_count; g++)
        if (!strcmp(document->group[g].chain, name))
            return true;
    return false;
}

void fmpnn_document_name_blank(fmpnn_document *document)
{
    if (!has_chain(document, ""))
        return;
    strcpy(document->blank, "_");
    while (has_chain(document, document->blank) && strlen(document->blank) < 7)
        strcat(document->blank, "_");
    for (size_t g = 0; g < document->group_count; g++)
        if (!document->group[g].chain[0])
            strcpy(document->group[g].chain, document->blank);
}
