/* Ordinals: a residue's place in its chain, from 1, as the published program counts. It reads
 * residues by number and insertion code, puts one placeholder for each missing number between a
 * chain's first and last, and counts them all (Dauparas et al. 2022, its program).
 *
 * Which residues it would read decides where counting begins, so a PDB file is read its way for
 * this, whatever the reading of the structure. It cannot read mmCIF; there the same residues
 * count: ATOM records, and HETATM MSE. */
#include "structure/read.h"

#include <stdlib.h>
#include <string.h>

typedef struct counted {
    fmpnn_place place;
    int64_t ordinal;
} counted;

static int compare(const void *a, const void *b)
{
    const fmpnn_place *x = a, *y = b; /* the first member of counted */
    int chains = strcmp(x->chain, y->chain);
    if (chains)
        return chains;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->icode > y->icode) - (x->icode < y->icode); /* ' ' sorts before letters */
}

static fmpnn_place place_of(const fmpnn_residue *residue)
{
    fmpnn_place place = {.number = residue->number, .icode = residue->icode};
    memcpy(place.chain, residue->chain, sizeof place.chain);
    return place;
}

/* Number the sorted list, drop repetitions; returns how many remain. */
static size_t number(counted *list, size_t count)
{
    size_t kept = 0;
    for (size_t n = 0; n < count; n++) {
        if (kept && !compare(&list[n], &list[kept - 1]))
            continue;
        counted *next = &list[kept++];
        *next = list[n];
        next->ordinal = 1;
        if (next > list && !strcmp(next->place.chain, next[-1].place.chain)) {
            int64_t step = (int64_t)next->place.number - next[-1].place.number;
            next->ordinal = next[-1].ordinal + (step > 1 ? step : 1);
        }
    }
    return kept;
}

/* The last of the list that is not behind `place`, or NULL. */
static const counted *find(const counted *list, size_t count, const fmpnn_place *place)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(&list[middle], place) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &list[low - 1] : NULL;
}

/* A residue that the program does not read may stand where it puts a placeholder. */
static int32_t ordinal_of(const counted *list, size_t count, const fmpnn_residue *residue)
{
    fmpnn_place place = place_of(residue);
    const counted *before = find(list, count, &place);
    if (!before || strcmp(before->place.chain, place.chain))
        return 0;
    if (!compare(before, &place))
        return (int32_t)before->ordinal;
    const counted *after = before + 1;
    if (place.icode != ' ' || place.number == before->place.number ||
        after == list + count || strcmp(after->place.chain, place.chain) ||
        after->place.number == place.number)
        return 0;
    return (int32_t)(before->ordinal + place.number - before->place.number);
}

/* Chains with their lengths; false if there are more ordinals than any structure has. */
static bool list_chains(const counted *list, size_t count, fmpnn_structure *st)
{
    int64_t total = 0;
    for (size_t n = 0; n < count; n++) {
        if (n + 1 < count && !strcmp(list[n].place.chain, list[n + 1].place.chain))
            continue;
        fmpnn_chain_ordinals *chain = &st->ordinals[st->ordinal_chains++];
        memcpy(chain->chain, list[n].place.chain, sizeof chain->chain);
        chain->length = (size_t)list[n].ordinal;
        total += list[n].ordinal;
    }
    return total <= FMPNN_MAX_RESIDUES;
}

/* Takes over `list`, in any order. */
static fmpnn_status assign(counted *list, size_t count, fmpnn_structure *st,
                           fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    qsort(list, count, sizeof *list, compare);
    count = number(list, count);
    st->ordinals = fmpnn_alloc_zero(count + 1, sizeof *st->ordinals);
    if (!st->ordinals) {
        status = fmpnn_fail_memory(err, "numbering residues");
    } else if (list_chains(list, count, st)) {
        for (size_t i = 0; i < st->length; i++)
            st->residue[i].ordinal = ordinal_of(list, count, &st->residue[i]);
    } else {
        st->ordinal_chains = 0;
        st->no_ordinals = fmpnn_copy_text("gaps in the residue numbers are too wide");
        if (!st->no_ordinals)
            status = fmpnn_fail_memory(err, "numbering residues");
    }
    fmpnn_release(list);
    return status;
}

static fmpnn_status count_groups(fmpnn_structure *st, fmpnn_error *err)
{
    const fmpnn_document *document = st->document;
    size_t count = 0;
    counted *list = fmpnn_alloc_zero(document->group_count + 1, sizeof *list);
    if (!list)
        return fmpnn_fail_memory(err, "numbering residues");
    for (size_t g = 0; g < document->group_count; g++) {
        const fmpnn_group *group = &document->group[g];
        if (group->hetatm && strcmp(group->name, "MSE"))
            continue;
        fmpnn_place *place = &list[count++].place;
        memcpy(place->chain, group->chain, sizeof place->chain);
        place->number = group->number;
        place->icode = group->icode;
    }
    return assign(list, count, st, err);
}

fmpnn_status fmpnn_ordinals_find(const fmpnn_source *source, fmpnn_structure *st,
                                 fmpnn_error *err)
{
    fmpnn_place *place;
    fmpnn_error why = {""};
    size_t count;
    if (source->cif)
        return st->document ? count_groups(st, err) : fmpnn_ordinals_count(st, err);
    fmpnn_status status = fmpnn_original_places(source, &place, &count, &why);
    if (status == FMPNN_ENOMEM)
        return fmpnn_fail_memory(err, "numbering residues");
    if (status) {
        st->no_ordinals = fmpnn_copy_text(why.message);
        return st->no_ordinals ? FMPNN_OK : fmpnn_fail_memory(err, "numbering residues");
    }
    counted *list = fmpnn_alloc_zero(count + 1, sizeof *list);
    if (list)
        for (size_t n = 0; n < count; n++)
            list[n].place = place[n];
    fmpnn_release(place);
    return list ? assign(list, count, st, err)
                : fmpnn_fail_memory(err, "numbering residues");
}

fmpnn_status fmpnn_ordinals_count(fmpnn_structure *st, fmpnn_error *err)
{
    counted *list = fmpnn_alloc_zero(st->length + 1, sizeof *list);
    if (!list)
        return fmpnn_fail_memory(err, "numbering residues");
    for (size_t i = 0; i < st->length; i++)
        list[i].place = place_of(&st->residue[i]);
    return assign(list, st->length, st, err);
}
