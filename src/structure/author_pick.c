/* All backbone atoms of a residue come from one conformer: the alternate location whose
 * backbone is most complete, then the one of highest occupancy, then the one listed first.
 * Choosing atom by atom could join the N of one conformer to the CA of another. */
#include "structure/author_pick.h"

#include <math.h>
#include <string.h>

#include "structure/names.h"

enum { ATOMS = 4, MOST_ALTLOCS = 32 };
static const double SAME = 1e-4; /* occupancies are printed with two decimals */

static int backbone_atom(const char *name)
{
    static const char names[ATOMS][3] = {"N", "CA", "C", "O"};
    for (int a = 0; a < ATOMS; a++)
        if (!strcmp(names[a], name))
            return a;
    return -1;
}

/* What one conformer offers: for each backbone atom its own, else the one without a mark. */
typedef struct conformer {
    const fmpnn_atom *atom[ATOMS];
    int count;
    double occupancy;
} conformer;

static conformer gather(const fmpnn_document *document, const fmpnn_group *group,
                        char altloc)
{
    conformer found = {{NULL}, 0, 0};
    for (size_t n = group->first; n < group->first + group->count; n++) {
        const fmpnn_atom *atom = &document->atom[n];
        int a = backbone_atom(atom->name);
        if (a < 0 || (atom->altloc != altloc && atom->altloc != ' '))
            continue;
        if (!found.atom[a] || (found.atom[a]->altloc == ' ' && atom->altloc != ' '))
            found.atom[a] = atom;
    }
    for (int a = 0; a < ATOMS; a++)
        if (found.atom[a]) {
            found.count++;
            found.occupancy += found.atom[a]->occupancy;
        }
    return found;
}

/* Alternate locations of the backbone in the order of the file. */
static size_t list_altlocs(const fmpnn_document *document, const fmpnn_group *group,
                           char altlocs[MOST_ALTLOCS], fmpnn_pick *pick)
{
    size_t count = 0;
    bool any = false;
    pick->alternate = true;
    for (size_t n = group->first; n < group->first + group->count; n++) {
        const fmpnn_atom *atom = &document->atom[n];
        if (backbone_atom(atom->name) < 0)
            continue;
        any = true;
        if (atom->altloc == ' ')
            pick->alternate = false;
        else if (!memchr(altlocs, atom->altloc, count) && count < MOST_ALTLOCS)
            altlocs[count++] = atom->altloc;
        for (size_t m = group->first; m < n && !pick->duplicate; m++)
            pick->duplicate = document->atom[m].altloc == atom->altloc &&
                              !strcmp(document->atom[m].name, atom->name);
    }
    pick->alternate = pick->alternate && any;
    return count;
}

void fmpnn_author_pick(const fmpnn_document *document, const fmpnn_group *group,
                       fmpnn_pick *pick)
{
    char altlocs[MOST_ALTLOCS];
    fmpnn_residue *residue = &pick->residue;
    memset(pick, 0, sizeof *pick);
    size_t count = list_altlocs(document, group, altlocs, pick);
    pick->altloc = count ? altlocs[0] : ' ';
    pick->choice = count > 1;
    conformer best = gather(document, group, pick->altloc);
    for (size_t c = 1; c < count; c++) {
        conformer other = gather(document, group, altlocs[c]);
        if (other.count > best.count ||
            (other.count == best.count && other.occupancy > best.occupancy + SAME)) {
            best = other;
            pick->altloc = altlocs[c];
        }
    }
    memcpy(residue->chain, group->chain, sizeof residue->chain);
    memcpy(residue->name, group->name, sizeof residue->name);
    residue->number = group->number;
    residue->icode = group->icode;
    residue->letter = fmpnn_letter_of_name(group->name);
    if (!residue->letter)
        residue->letter = 'X';
    for (int a = 0; a < ATOMS; a++)
        for (int k = 0; k < 3; k++)
            residue->xyz[a][k] = best.atom[a] ? (float)best.atom[a]->xyz[k] : NAN;
    for (int a = 0; a < ATOMS; a++)
        if (best.atom[a]) {
            residue->present |= (uint8_t)(1u << a);
            pick->empty = pick->empty || best.atom[a]->occupancy <= 0;
        }
    pick->occupancy = best.count ? best.occupancy / best.count : 0;
}
