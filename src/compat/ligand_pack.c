/* run.py --pack_side_chains 1: the samples of a structure get side chains, packing after packing,
 * batch after batch. The backbone of one packing, idealised, is the next one's input. */
#include "compat/ligand.h"
#include "compat/run.h"
#include "compat/torch_mixture.h"
#include "structure/records.h"

#include <string.h>

static const double KEPT = 2; /* B-factor of side chains that stay */

typedef struct work {
    fmpnn_ligand_run *run;
    const fmpnn_ligand_entry *entry;
    const fmpnn_ligand_results *results;
    size_t B;
    fmpnn_packing **packing; /* [B] */
    uint8_t *keep, *letters; /* [L], [B][L] */
    double *start, *density; /* [B][L][4] */
} work;

static fmpnn_status draw(void *of, size_t step, size_t n, const fmpnn_mixture *mixture,
                         double *angle, fmpnn_error *err)
{
    const work *w = of;
    (void)step;
    return fmpnn_torch_angles(&w->run->torch, (size_t)w->run->options->sc_num_samples,
                              n * w->entry->L * FMPNN_CHIS, mixture, angle, err);
}

/* Sample `number` with the atoms of a packing. */
static fmpnn_status write_packing(const work *w, const fmpnn_packing *p,
                                  const double *density, size_t number, size_t pack)
{
    const fmpnn_ideal *ideal = fmpnn_ideal_residues();
    const fmpnn_ligandmpnn_options *o = w->run->options;
    size_t L = w->entry->L;
    fmpnn_text text, name;
    fmpnn_status status = FMPNN_OK;
    char *letters = fmpnn_alloc(L, 1);
    float *b = fmpnn_alloc(L, FMPNN_ATOM14 * sizeof *b);
    const char **atom = fmpnn_alloc(L, FMPNN_ATOM14 * sizeof *atom);
    fmpnn_text_init(&text);
    fmpnn_text_init(&name);
    if (!letters || !b || !atom) {
        status = fmpnn_fail_memory(w->run->err, "writing structures");
        goto done;
    }
    for (size_t n = 0; n < L * FMPNN_ATOM14; n++) {
        size_t i = n / FMPNN_ATOM14, a = n % FMPNN_ATOM14;
        atom[n] = ideal[p->letters[i]].name[a];
        letters[i] = fmpnn_alphabet()[p->letters[i]];
        b[n] =
            p->keep[i]
                ? (float)KEPT
                : (float)
                      density[i * FMPNN_CHIS + fmpnn_ideal_chi(&ideal[p->letters[i]], a)];
    }
    fmpnn_records_packed packed = {.letters = letters,
                                   .width = FMPNN_ATOM14,
                                   .atoms = p->atoms,
                                   .name = atom,
                                   .xyz = p->xyz,
                                   .b = b,
                                   .force_hetatm = o->force_hetatm != 0};
    status = fmpnn_records_write_packed(w->entry->st, &packed, &text, w->run->err);
    fmpnn_text_print(&name, "%s%s_%zu_%zu%s.pdb", w->entry->name,
                     o->packed_suffix ? o->packed_suffix : "",
                     fmpnn_ligand_number(w->run, number), pack + 1,
                     o->file_ending ? o->file_ending : "");
    if (!status && name.failed)
        status = fmpnn_fail_memory(w->run->err, "writing structures");
    if (!status)
        status = fmpnn_ligand_write(w->run, "packed", name.data, &text);
done:
    fmpnn_text_clear(&name);
    fmpnn_text_clear(&text);
    fmpnn_release(atom);
    fmpnn_release(b);
    fmpnn_release(letters);
    return status;
}

/* Batch `batch` of packing `pack`: angles by chance, then the loop. */
static fmpnn_status pack_batch(work *w, size_t pack, size_t batch)
{
    const fmpnn_ligand_entry *entry = w->entry;
    const fmpnn_ligandmpnn_options *o = w->run->options;
    size_t L = entry->L, B = w->B;
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < B * L; n++)
        w->letters[n] = (uint8_t)w->results->letters[batch * B * L + n];
    for (size_t n = 0; n < B * L * FMPNN_CHIS; n++)
        w->start[n] = (double)fmpnn_torch_single(&w->run->torch);
    for (size_t b = 0; b < B && !status; b++) {
        const double *start = w->start + b * L * FMPNN_CHIS;
        if (w->packing[b])
            fmpnn_packing_restart(w->packing[b], w->letters + b * L, start);
        else
            status = fmpnn_packing_create(entry->st, entry->inputs, w->letters + b * L,
                                          w->keep, start, &w->packing[b], w->run->err);
    }
    if (!status)
        status = fmpnn_packing_run(
            w->run->ctx, w->run->packer, B, w->packing, !o->pack_with_ligand_context,
            (size_t)o->sc_num_denoising_steps, draw, w, w->density, w->run->err);
    for (size_t b = 0; b < B && !status; b++)
        status = write_packing(w, w->packing[b], w->density + b * L * FMPNN_CHIS,
                               batch * B + b, pack);
    return status;
}

fmpnn_status fmpnn_ligand_pack(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                               const fmpnn_ligand_results *results)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    size_t L = entry->L, B = (size_t)o->batch_size;
    fmpnn_status status = FMPNN_OK;
    work w = {.run = run,
              .entry = entry,
              .results = results,
              .B = B,
              .packing = fmpnn_alloc_zero(B, sizeof(fmpnn_packing *)),
              .keep = fmpnn_alloc_zero(L, 1),
              .letters = fmpnn_alloc(B, L),
              .start = fmpnn_alloc(B * L, FMPNN_CHIS * sizeof(double)),
              .density = fmpnn_alloc(B * L, FMPNN_CHIS * sizeof(double))};
    fmpnn_ligand_print(run, "Packing side chains...");
    if (!w.packing || !w.keep || !w.letters || !w.start || !w.density)
        status = fmpnn_fail_memory(run->err, "packing side chains");
    for (size_t i = 0; i < L && !status; i++)
        w.keep[i] = !o->repack_everything && !entry->unfixed[i];
    for (size_t pack = 0; pack < (size_t)o->number_of_packs_per_design && !status; pack++)
        for (size_t batch = 0; batch < (size_t)o->number_of_batches && !status; batch++)
            status = pack_batch(&w, pack, batch);
    for (size_t b = 0; b < B && w.packing; b++)
        fmpnn_packing_free(w.packing[b]);
    fmpnn_release(w.density);
    fmpnn_release(w.start);
    fmpnn_release(w.letters);
    fmpnn_release(w.keep);
    fmpnn_release(w.packing);
    return status;
}
