/* Residues in model order, as arrays.
 *
 * Author reading: file order, and the residue index that the structure gives. Original reading:
 * designed chains by character code, then the others; the index runs on over the concatenation
 * and jumps by 100 where a chain begins, whatever the file's numbers say.
 *
 * Source: Dauparas et al. 2022, its published program; docs/math.md, "Inputs". */
#include "design/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_JUMP = 100 };

/* A chain on its way to its place in model order. */
typedef struct chain_entry {
    const char *name;
    uint32_t id;
    bool designed;
} chain_entry;

static int by_model_order(const void *a, const void *b)
{
    const chain_entry *x = a, *y = b;
    if (x->designed != y->designed)
        return x->designed ? -1 : 1;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static bool is_listed(const char *name, const char *const *list, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (!strcmp(name, list[k]))
            return true;
    return false;
}

/* Chain ids run from 0 in order of appearance. */
static size_t chain_count(const fmpnn_structure *st)
{
    size_t count = 0;
    for (size_t i = 0; i < st->length; i++)
        if (st->residue[i].chain_id >= count)
            count = st->residue[i].chain_id + (size_t)1;
    return count;
}

/* residue_of and index for the original reading: a counting sort by the chain's place. */
static fmpnn_status order_chains(const fmpnn_structure *st, const char *const *designed,
                                 size_t n, fmpnn_inputs *inputs, fmpnn_error *err)
{
    size_t chains = chain_count(st);
    chain_entry *entry = fmpnn_alloc_zero(chains, sizeof *entry);
    size_t *next = fmpnn_alloc_zero(chains + 1, sizeof *next); /* by chain id */
    int32_t *place = fmpnn_alloc_zero(chains, sizeof *place);  /* by chain id, from 1 */
    fmpnn_status status = FMPNN_OK;
    if (!entry || !next || !place) {
        status = fmpnn_fail_memory(err, "ordering chains");
        goto done;
    }
    for (size_t i = 0; i < st->length; i++) {
        const fmpnn_residue *residue = &st->residue[i];
        chain_entry *own = &entry[residue->chain_id];
        own->name = residue->chain;
        own->designed = !n || is_listed(residue->chain, designed, n);
        next[residue->chain_id]++;
    }
    for (uint32_t c = 0; c < chains; c++) {
        entry[c].id = c;
        entry[c].name = entry[c].name ? entry[c].name : "";
    }
    qsort(entry, chains, sizeof *entry, by_model_order);
    size_t first = 0;
    for (size_t c = 0; c < chains; c++) {
        size_t size = next[entry[c].id];
        place[entry[c].id] = (int32_t)c + 1;
        next[entry[c].id] = first;
        first += size;
    }
    for (size_t i = 0; i < st->length; i++) {
        uint32_t id = st->residue[i].chain_id;
        size_t at = next[id]++;
        inputs->residue_of[at] = (uint32_t)i;
        inputs->chain[at] = place[id];
        inputs->index[at] = (int32_t)at + CHAIN_JUMP * (place[id] - 1);
    }
done:
    fmpnn_release(place);
    fmpnn_release(next);
    fmpnn_release(entry);
    return status;
}

static void keep_file_order(const fmpnn_structure *st, fmpnn_inputs *inputs)
{
    for (size_t i = 0; i < st->length; i++) {
        inputs->residue_of[i] = (uint32_t)i;
        inputs->chain[i] = (int32_t)st->residue[i].chain_id + 1;
        inputs->index[i] = st->residue[i].index;
    }
}

/* Coordinates, mask and letter of model position i. */
static void fill_position(const fmpnn_residue *residue, bool ca_only, fmpnn_inputs *inputs,
                          size_t i)
{
    bool resolved = true;
    for (int atom = 0; atom < 4; atom++) {
        float *dst = inputs->xyz + (i * 4 + (size_t)atom) * 3;
        bool present = residue->present >> atom & 1;
        for (int axis = 0; axis < 3; axis++) {
            dst[axis] = present ? residue->xyz[atom][axis] : NAN;
            present = present && isfinite(residue->xyz[atom][axis]);
        }
        if (!present && (!ca_only || atom == FMPNN_ATOM_CA))
            resolved = false;
    }
    inputs->mask[i] = resolved ? 1 : 0;
    const char *letter = residue->letter ? strchr(fmpnn_alphabet(), residue->letter) : NULL;
    inputs->native[i] = (uint8_t)(letter ? letter - fmpnn_alphabet() : 20);
}

fmpnn_status fmpnn_inputs_create(const fmpnn_structure *st, const char *const *designed,
                                 size_t n, bool ca_only, fmpnn_inputs **out,
                                 fmpnn_error *err)
{
    size_t L = st->length;
    fmpnn_status status = FMPNN_OK;
    if (!L || L > INT32_MAX / 4)
        return fmpnn_fail(err, FMPNN_EINVAL, "a structure of %zu residues", L);
    fmpnn_inputs *inputs = fmpnn_alloc_zero(1, sizeof *inputs);
    if (!inputs)
        return fmpnn_fail_memory(err, "preparing the structure");
    inputs->L = L;
    inputs->residue_of = fmpnn_alloc(L, sizeof *inputs->residue_of);
    inputs->xyz = fmpnn_alloc(L * 12, sizeof *inputs->xyz);
    inputs->mask = fmpnn_alloc(L, sizeof *inputs->mask);
    inputs->index = fmpnn_alloc(L, sizeof *inputs->index);
    inputs->chain = fmpnn_alloc(L, sizeof *inputs->chain);
    inputs->native = fmpnn_alloc(L, sizeof *inputs->native);
    if (!inputs->residue_of || !inputs->xyz || !inputs->mask || !inputs->index ||
        !inputs->chain || !inputs->native)
        status = fmpnn_fail_memory(err, "preparing the structure");
    else if (st->reading == FMPNN_READING_ORIGINAL)
        status = order_chains(st, designed, n, inputs, err);
    else
        keep_file_order(st, inputs);
    if (status) {
        fmpnn_inputs_free(inputs);
        return status;
    }
    for (size_t i = 0; i < L; i++)
        fill_position(&st->residue[inputs->residue_of[i]], ca_only, inputs, i);
    *out = inputs;
    return FMPNN_OK;
}

void fmpnn_inputs_free(fmpnn_inputs *inputs)
{
    if (!inputs)
        return;
    fmpnn_release(inputs->native);
    fmpnn_release(inputs->chain);
    fmpnn_release(inputs->index);
    fmpnn_release(inputs->mask);
    fmpnn_release(inputs->xyz);
    fmpnn_release(inputs->residue_of);
    fmpnn_release(inputs);
}
