/* A job's positions in the order of the file. The model may see chains in another order (the
 * original reading sorts them), but people read what they wrote in the file. */
#include "output/output.h"

#include <stdlib.h>
#include <string.h>

void fmpnn_chain_text(const char *chain, char text[8])
{
    size_t n = 0;
    for (; n < 7 && chain[n]; n++)
        text[n] = chain[n] > ' ' && chain[n] <= '~' ? chain[n] : '_';
    if (!n)
        text[n++] = '_';
    text[n] = '\0';
}

size_t fmpnn_layout_residue(const fmpnn_layout *layout, size_t position)
{
    const fmpnn_structure *st = fmpnn_job_structure(layout->job);
    const fmpnn_residue *residue = fmpnn_job_position(layout->job, position).residue;
    return (size_t)(residue - fmpnn_structure_residue(st, 0));
}

/* What a position is sorted by. */
typedef struct place {
    uint32_t chain, position;
    size_t residue;
} place;

static int compare_places(const void *left, const void *right)
{
    const place *a = left, *b = right;
    if (a->chain != b->chain)
        return a->chain < b->chain ? -1 : 1;
    return (a->residue > b->residue) - (a->residue < b->residue);
}

static void find_segments(fmpnn_layout *layout)
{
    uint32_t chain = 0;
    for (size_t n = 0; n < layout->L; n++) {
        fmpnn_position at = fmpnn_job_position(layout->job, layout->order[n]);
        if (!n || at.residue->chain_id != chain) {
            fmpnn_segment *fresh = &layout->segment[layout->segments++];
            memset(fresh, 0, sizeof *fresh);
            chain = at.residue->chain_id;
            fmpnn_chain_text(at.residue->chain, fresh->chain);
            fresh->begin = n;
        }
        fmpnn_segment *last = &layout->segment[layout->segments - 1];
        last->end = n + 1;
        last->designed |= at.in_designed_chain;
    }
}

fmpnn_status fmpnn_layout_create(const fmpnn_job *job, fmpnn_layout **layout,
                                 fmpnn_error *err)
{
    size_t L = fmpnn_job_length(job);
    fmpnn_layout *fresh = fmpnn_alloc_zero(1, sizeof *fresh);
    place *places = fmpnn_alloc(L, sizeof *places);
    if (!fresh || !places)
        goto failed;
    fresh->job = job;
    fresh->L = L;
    fresh->order = fmpnn_alloc(L, sizeof *fresh->order);
    fresh->segment = fmpnn_alloc(L, sizeof *fresh->segment);
    if (!fresh->order || !fresh->segment)
        goto failed;
    const fmpnn_residue *first = fmpnn_structure_residue(fmpnn_job_structure(job), 0);
    bool sorted = true;
    for (size_t i = 0; i < L; i++) {
        const fmpnn_residue *residue = fmpnn_job_position(job, i).residue;
        places[i] = (place){residue->chain_id, (uint32_t)i, (size_t)(residue - first)};
        sorted = sorted && (!i || compare_places(&places[i - 1], &places[i]) < 0);
    }
    if (!sorted)
        qsort(places, L, sizeof *places, compare_places);
    for (size_t n = 0; n < L; n++)
        fresh->order[n] = places[n].position;
    find_segments(fresh);
    fmpnn_release(places);
    *layout = fresh;
    return FMPNN_OK;
failed:
    fmpnn_release(places);
    fmpnn_layout_free(fresh);
    return fmpnn_fail_memory(err, "preparing results");
}

void fmpnn_layout_free(fmpnn_layout *layout)
{
    if (!layout)
        return;
    fmpnn_release(layout->segment);
    fmpnn_release(layout->order);
    fmpnn_release(layout);
}

void fmpnn_layout_chains(const fmpnn_layout *layout, bool all_chains, fmpnn_text *out)
{
    const char *before = "";
    for (size_t s = 0; s < layout->segments; s++)
        if (all_chains || layout->segment[s].designed) {
            fmpnn_text_print(out, "%s%s", before, layout->segment[s].chain);
            before = ":";
        }
    fmpnn_text_add(out, "", 0); /* the final NUL, also of nothing */
}

void fmpnn_layout_sequence(const fmpnn_layout *layout, const fmpnn_sequence_form *form,
                           const uint8_t *letters, fmpnn_text *out)
{
    const char *alphabet = fmpnn_alphabet();
    char piece[256]; /* of a chain */
    bool later = false;
    for (size_t s = 0; s < layout->segments; s++) {
        const fmpnn_segment *segment = &layout->segment[s];
        if (!form->all_chains && !segment->designed)
            continue;
        if (later)
            fmpnn_text_print(out, "%s", form->separator);
        later = true;
        size_t used = 0;
        for (size_t n = segment->begin; n < segment->end; n++) {
            size_t i = layout->order[n];
            fmpnn_position at = fmpnn_job_position(layout->job, i);
            if (at.resolved)
                piece[used++] = alphabet[letters ? letters[i] : at.native];
            else if (form->gaps_as)
                piece[used++] = form->gaps_as;
            if (used < sizeof piece)
                continue;
            fmpnn_text_add(out, piece, used);
            used = 0;
        }
        fmpnn_text_add(out, piece, used);
    }
    fmpnn_text_add(out, "", 0);
}

void fmpnn_layout_mutations(const fmpnn_layout *layout, const uint8_t *letters,
                            fmpnn_text *out)
{
    const char *alphabet = fmpnn_alphabet(), *before = "";
    char chain[8];
    for (size_t n = 0; letters && n < layout->L; n++) {
        size_t i = layout->order[n];
        fmpnn_position at = fmpnn_job_position(layout->job, i);
        if (!at.designed || letters[i] == at.native)
            continue;
        fmpnn_chain_text(at.residue->chain, chain);
        fmpnn_text_print(out, "%s%s:%c%ld", before, chain, alphabet[at.native],
                         (long)at.residue->number);
        if (at.residue->icode > ' ')
            fmpnn_text_add(out, &at.residue->icode, 1);
        fmpnn_text_add(out, &alphabet[letters[i]], 1);
        before = ",";
    }
    fmpnn_text_add(out, "", 0);
}
