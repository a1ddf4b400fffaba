/* The author reading: chains, numbers and insertion codes as printed, in file order, one
 * residue for each (chain, number, insertion code).
 *
 * What is a residue of a chain: an amino acid by name, or by its N, CA and C atoms, that the
 * file places in a polymer: in PDB an ATOM record, or a HETATM before the chain's TER; in mmCIF
 * a row with label_seq_id. Where a PDB chain has no TER, a HETATM amino acid belongs to it if an
 * ATOM residue follows or a peptide bond joins it to its neighbour. */
#include "structure/read.h"

#include <stdlib.h>
#include <string.h>

#include "structure/atom37.h"
#include "structure/author_pick.h"
#include "structure/context.h"
#include "structure/names.h"
#include "structure/pdb.h"
#include "structure/shim.h"

enum { REFUSED, DEFERRED, ACCEPTED };
enum { MOST_CHAINS = 10000 };

/* The groups of a file as chains. */
typedef struct chains {
    const fmpnn_document *document;
    char (*name)[8]; /* [count] in order of appearance */
    size_t count;
    size_t *order;  /* [groups] sorted by chain, else file order */
    size_t *first;  /* [count + 1] of each chain in `order` */
    uint8_t *state; /* [groups] in `order`: REFUSED, DEFERRED, ACCEPTED */
} chains;

fmpnn_status fmpnn_document_read(const fmpnn_source *source, fmpnn_document **document,
                                 fmpnn_error *err)
{
    fmpnn_text text;
    size_t models = 0, unnamed = 0;
    if (source->cif)
        return fmpnn_shim_read_cif(source->file, (const char *)source->bytes, source->size,
                                   document, err);
    fmpnn_text_init(&text);
    fmpnn_status status =
        fmpnn_pdb_clean(source->file, source->bytes, source->size, &text, &models, &unnamed,
                        err);
    if (!status)
        status = fmpnn_shim_read_pdb(source->file, text.data, text.size, document, err);
    if (!status) {
        (*document)->models = models;
        (*document)->guessed = unnamed;
    }
    fmpnn_text_clear(&text);
    return status;
}

static void chains_clear(chains *all)
{
    fmpnn_release(all->state);
    fmpnn_release(all->first);
    fmpnn_release(all->order);
    fmpnn_release(all->name);
}

static bool chains_find(const chains *all, const char *name, size_t *number)
{
    for (size_t c = all->count; c-- > 0;) /* mostly the last one */
        if (!strcmp(all->name[c], name)) {
            *number = c;
            return true;
        }
    return false;
}

/* Sort the groups by chain, keeping the order of the file within each. */
static fmpnn_status chains_init(chains *all, const fmpnn_document *document,
                                const char *file, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t groups = document->group_count,
           *chain_of = fmpnn_alloc(groups, sizeof *chain_of);
    size_t capacity = 0;
    memset(all, 0, sizeof *all);
    all->document = document;
    all->order = fmpnn_alloc(groups, sizeof *all->order);
    all->state = fmpnn_alloc_zero(groups, 1);
    if (!chain_of || !all->order || !all->state)
        goto memory;
    for (size_t g = 0; g < groups; g++) {
        if (chains_find(all, document->group[g].chain, &chain_of[g]))
            continue;
        if (all->count == MOST_CHAINS) {
            status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: more than %d chains", file,
                                MOST_CHAINS);
            goto done;
        }
        if (all->count == capacity) {
            void *name =
                fmpnn_grow(all->name, capacity, 2 * capacity + 8, sizeof *all->name);
            if (!name)
                goto memory;
            all->name = name;
            capacity = 2 * capacity + 8;
        }
        memcpy(all->name[all->count], document->group[g].chain, sizeof *all->name);
        chain_of[g] = all->count++;
    }
    all->first = fmpnn_alloc_zero(all->count + 2, sizeof *all->first);
    if (!all->first)
        goto memory;
    for (size_t g = 0; g < groups; g++)
        all->first[chain_of[g] + 2]++;
    for (size_t c = 2; c <= all->count; c++)
        all->first[c] += all->first[c - 1];
    for (size_t g = 0; g < groups; g++)
        all->order[all->first[chain_of[g] + 1]++] = g;
    goto done;
memory:
    status = fmpnn_fail_memory(err, "sorting residues into chains");
done:
    fmpnn_release(chain_of);
    return status;
}

/* ---- which groups are residues of a chain */

static bool is_carbon_alpha(const fmpnn_atom *atom)
{
    return atom && strcmp(atom->element, "Ca"); /* else calcium */
}

static bool looks_like_residue(const fmpnn_document *document, const fmpnn_group *group)
{
    if (!is_carbon_alpha(fmpnn_group_atom(document, group, "CA")))
        return false;
    if (group->count == 1) /* a CA trace */
        return !group->hetatm;
    return fmpnn_group_atom(document, group, "N") && fmpnn_group_atom(document, group, "C");
}

static uint8_t first_opinion(const fmpnn_document *document, const fmpnn_group *group)
{
    if (group->use == FMPNN_USE_DROPPED || group->part == FMPNN_PART_OTHER ||
        (!fmpnn_letter_of_name(group->name) && !looks_like_residue(document, group)))
        return REFUSED;
    return group->part == FMPNN_PART_POLYMER || !group->hetatm ? ACCEPTED : DEFERRED;
}

static bool bonded(const fmpnn_document *document, const fmpnn_group *a,
                   const fmpnn_group *b)
{
    fmpnn_pick first, second;
    fmpnn_author_pick(document, a, &first);
    fmpnn_author_pick(document, b, &second);
    return fmpnn_residues_link(&first.residue, &second.residue, NULL) == FMPNN_LINK_BOND;
}

/* Settle the DEFERRED groups of a chain without TER. */
static void settle(chains *all, size_t begin, size_t end)
{
    const fmpnn_group *group = all->document->group;
    size_t last = begin, before = end; /* before: the last accepted one, end: none */
    for (size_t n = begin; n < end; n++)
        if (all->state[n] == ACCEPTED)
            last = n;
    for (size_t n = begin; n < end; n++) {
        if (all->state[n] == DEFERRED) {
            size_t after = n + 1;
            while (after < end && all->state[after] == REFUSED)
                after++;
            bool joined = n < last ||
                          (before < end && bonded(all->document, &group[all->order[before]],
                                                  &group[all->order[n]])) ||
                          (after < end && bonded(all->document, &group[all->order[n]],
                                                 &group[all->order[after]]));
            all->state[n] = joined ? ACCEPTED : REFUSED;
        }
        if (all->state[n] == ACCEPTED)
            before = n;
    }
}

/* ---- one residue for each number and insertion code */

typedef struct key {
    int32_t number;
    char icode;
    size_t place; /* in chains.order */
} key;

static int compare_keys(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (x->icode != y->icode)
        return x->icode < y->icode ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

/* Of several groups with one number, the most occupied one stays if they are alternatives of
 * each other, else the first. It takes the place of the first; the others are no hetero atoms
 * either. */
static void choose_one(chains *all, const key *same, size_t count, fmpnn_document *document,
                       fmpnn_findings *findings)
{
    fmpnn_pick pick, best;
    char name[40];
    bool alternatives = true;
    size_t chosen = 0;
    for (size_t n = 0; n < count; n++) {
        fmpnn_author_pick(document, &document->group[all->order[same[n].place]], &pick);
        alternatives = alternatives && pick.alternate;
        if (!n || pick.occupancy > best.occupancy + 1e-4) {
            best = pick;
            chosen = n;
        }
    }
    if (!alternatives)
        chosen = 0;
    fmpnn_author_pick(document, &document->group[all->order[same[chosen].place]], &best);
    fmpnn_residue_name(&best.residue, name);
    if (alternatives)
        fmpnn_findings_add(findings, FMPNN_WARN_ALTLOC_CHOSEN, "%s %s of %zu residue names",
                           name, best.residue.name, count);
    else
        fmpnn_findings_add(findings, FMPNN_WARN_DUPLICATE_RESIDUE, "%s %s", name,
                           best.residue.name);
    size_t kept = all->order[same[chosen].place];
    all->order[same[chosen].place] = all->order[same[0].place];
    all->order[same[0].place] = kept;
    for (size_t n = 1; n < count; n++) {
        all->state[same[n].place] = REFUSED;
        document->group[all->order[same[n].place]].use = FMPNN_USE_DROPPED;
    }
}

static fmpnn_status make_unique(chains *all, size_t begin, size_t end,
                                fmpnn_document *document, fmpnn_findings *findings,
                                fmpnn_error *err)
{
    size_t count = 0;
    key *keys = fmpnn_alloc(end - begin, sizeof *keys);
    if (!keys)
        return fmpnn_fail_memory(err, "comparing residue numbers");
    for (size_t n = begin; n < end; n++)
        if (all->state[n] == ACCEPTED) {
            const fmpnn_group *group = &document->group[all->order[n]];
            keys[count++] = (key){group->number, group->icode, n};
        }
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t n = 0, same; n < count; n += same) {
        same = 1;
        while (n + same < count && keys[n + same].number == keys[n].number &&
               keys[n + same].icode == keys[n].icode)
            same++;
        if (same > 1)
            choose_one(all, keys + n, same, document, findings);
    }
    fmpnn_release(keys);
    return FMPNN_OK;
}

/* ---- residues */

static void note_pick(const fmpnn_pick *pick, fmpnn_findings *findings)
{
    char name[40];
    if (!pick->choice && !pick->duplicate && !pick->empty)
        return;
    fmpnn_residue_name(&pick->residue, name);
    if (pick->choice)
        fmpnn_findings_add(findings, FMPNN_WARN_ALTLOC_CHOSEN, "%s %c", name, pick->altloc);
    if (pick->duplicate)
        fmpnn_findings_add(findings, FMPNN_WARN_DUPLICATE_RESIDUE, "%s %s", name,
                           pick->residue.name);
    if (pick->empty)
        fmpnn_findings_add(findings, FMPNN_WARN_ZERO_OCCUPANCY, "%s", name);
}

/* Note an amino acid that is read as a ligand, and mark what becomes a residue. */
static void mark(chains *all, size_t n, fmpnn_document *document, fmpnn_findings *findings)
{
    fmpnn_group *group = &document->group[all->order[n]];
    if (all->state[n] == ACCEPTED)
        group->use = FMPNN_USE_RESIDUE;
    else if (group->use == FMPNN_USE_HETERO && fmpnn_letter_of_name(group->name)) {
        fmpnn_pick pick;
        char name[40];
        fmpnn_author_pick(document, group, &pick);
        fmpnn_residue_name(&pick.residue, name);
        fmpnn_findings_add(findings, FMPNN_WARN_FREE_AMINO_ACID, "%s %s", name,
                           group->name);
    }
}

/* The atoms of the conformer picked (of the best one of the side chain where the backbone has
 * but one), each name once; a selenomethionine has its selenium in
 * methionine's place of sulphur. */
static fmpnn_status add_atoms(fmpnn_context_maker *maker, size_t length,
                              const fmpnn_document *document, const fmpnn_group *group,
                              const fmpnn_pick *pick, fmpnn_error *err)
{
    const double *xyz[FMPNN_ATOM37] = {NULL};
    char altloc[FMPNN_ATOM37] = "";
    char wanted = pick->altloc == ' ' ? fmpnn_group_altloc(document, group) : pick->altloc;
    bool selenium = !strcmp(group->name, "MSE");
    for (size_t n = group->first; n < group->first + group->count; n++) {
        const fmpnn_atom *atom = &document->atom[n];
        int slot = fmpnn_atom37_slot(selenium && !strcmp(atom->name, "SE") ? "SD"
                                                                           : atom->name);
        if (slot < 0 || (atom->altloc != ' ' && atom->altloc != wanted) ||
            (xyz[slot] && (altloc[slot] != ' ' || atom->altloc == ' ')))
            continue;
        xyz[slot] = atom->xyz;
        altloc[slot] = atom->altloc;
    }
    return fmpnn_context_add_residue(maker, length, xyz, err);
}

static fmpnn_status make_residues(chains *all, fmpnn_structure *st,
                                  fmpnn_findings *findings, fmpnn_context_maker *maker,
                                  const char *file, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    uint32_t chain_id = 0;
    size_t length = 0;
    fmpnn_pick pick;
    for (size_t n = 0; n < all->document->group_count; n++)
        length += all->state[n] == ACCEPTED;
    if (length > FMPNN_MAX_RESIDUES)
        return fmpnn_fail(err, FMPNN_EFORMAT, "%s: %zu residues, at most %d are supported",
                          file, length, FMPNN_MAX_RESIDUES);
    st->residue = fmpnn_alloc_zero(length, sizeof *st->residue);
    if (!st->residue)
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory for %zu residues", file,
                          length);
    for (size_t c = 0; c < all->count; c++) {
        size_t before = st->length;
        for (size_t n = all->first[c]; n < all->first[c + 1]; n++) {
            if (all->state[n] != ACCEPTED)
                continue;
            const fmpnn_group *group = &all->document->group[all->order[n]];
            fmpnn_author_pick(all->document, group, &pick);
            note_pick(&pick, findings);
            pick.residue.chain_id = chain_id;
            st->residue[st->length++] = pick.residue;
            status = add_atoms(maker, length, all->document, group, &pick, err);
            if (status)
                return status;
        }
        chain_id += st->length > before;
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_author_read(const fmpnn_source *source, fmpnn_structure *st,
                               fmpnn_findings *findings, fmpnn_error *err)
{
    chains all = {0};
    fmpnn_context_maker maker;
    fmpnn_document *document = NULL;
    fmpnn_status status = fmpnn_document_read(source, &document, err);
    if (status)
        return status;
    st->document = document;
    for (size_t g = 0; g < document->group_count; g++)
        if (!fmpnn_filter_keeps(source->options, document->group[g].chain,
                                document->group[g].name))
            document->group[g].use = FMPNN_USE_DROPPED;
    status = chains_init(&all, document, source->file, err);
    if (!status)
        status = fmpnn_filter_verify(source->options, source->file,
                                     (const char(*)[8])all.name, all.count, err);
    if (status)
        goto done;
    for (size_t n = 0; n < document->group_count; n++)
        all.state[n] = first_opinion(document, &document->group[all.order[n]]);
    for (size_t c = 0; c < all.count; c++) {
        settle(&all, all.first[c], all.first[c + 1]);
        status = make_unique(&all, all.first[c], all.first[c + 1], document, findings, err);
        if (status)
            goto done;
    }
    for (size_t n = 0; n < document->group_count; n++)
        mark(&all, n, document, findings);
    fmpnn_context_begin(&maker, st, findings);
    status = make_residues(&all, st, findings, &maker, source->file, err);
    if (!status)
        status = fmpnn_context_add_document(&maker, document, err);
    if (!status)
        fmpnn_gaps_index(st, source->options->close_bond_gaps, findings);
done:
    chains_clear(&all);
    return status;
}
