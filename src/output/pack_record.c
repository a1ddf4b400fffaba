/* Packings as records: one for each packing and residue. */
#include "output/record.h"

#include <math.h>

void fmpnn_pack_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                      const fmpnn_packs *packs, size_t number,
                      const fmpnn_printers *printers)
{
    const double degrees = 57.29577951308232;
    const fmpnn_pack_result *pack = &packs->pack[number];
    fmpnn_record record = {.columns = fmpnn_verb_columns(FMPNN_VERB_PACK)};
    fmpnn_value *value = record.value;
    char chain[8], icode[2] = "", letter[2] = "";
    value[FMPNN_PACK_name].text = stamp->name;
    value[FMPNN_PACK_packing].integer = (int64_t)pack->number;
    value[FMPNN_PACK_chain].text = chain;
    value[FMPNN_PACK_icode].text = icode;
    value[FMPNN_PACK_letter].text = letter;
    value[FMPNN_PACK_mean_confidence].real = pack->mean;
    value[FMPNN_PACK_steps].integer = (int64_t)packs->settings.steps;
    value[FMPNN_PACK_samples].integer = (int64_t)packs->settings.samples;
    value[FMPNN_PACK_seed].integer = (int64_t)stamp->seed;
    value[FMPNN_PACK_model].text = stamp->model;
    value[FMPNN_PACK_weights].text = stamp->weights;
    value[FMPNN_PACK_precision].text = stamp->precision;
    value[FMPNN_PACK_settings].text = stamp->settings;
    value[FMPNN_PACK_on].text = stamp->on;
    value[FMPNN_PACK_version].text = fmpnn_version();
    for (size_t n = 0; n < layout->L; n++) {
        size_t i = layout->order[n];
        fmpnn_position at = fmpnn_job_position(layout->job, i);
        const float *chi = pack->chi + i * FMPNN_PACK_CHIS;
        fmpnn_chain_text(at.residue->chain, chain);
        icode[0] = at.residue->icode > ' ' ? at.residue->icode : '\0';
        letter[0] = fmpnn_alphabet()[packs->letters[i]];
        value[FMPNN_PACK_resnum].integer = at.residue->number;
        value[FMPNN_PACK_packed].integer = packs->atoms[i] > 0;
        value[FMPNN_PACK_confidence].real = pack->confidence[i];
        for (size_t c = 0; c < FMPNN_PACK_CHIS; c++)
            value[FMPNN_PACK_chi1 + c].real = (double)chi[c] * degrees;
        fmpnn_record_print(&record, printers);
    }
}
