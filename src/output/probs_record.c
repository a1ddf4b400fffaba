/* Log-probabilities as records: one for each order and residue. */
#include "output/record.h"

/* The letters are columns in the order of the alphabet. */
_Static_assert(FMPNN_PROBS_X - FMPNN_PROBS_A + 1 == FMPNN_OUTPUT_LETTERS, "21 letters");

fmpnn_status fmpnn_probs_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                               const char *mode, size_t orders, const float *log_p,
                               const fmpnn_printers *printers, fmpnn_error *err)
{
    fmpnn_record record = {.columns = fmpnn_verb_columns(FMPNN_VERB_PROBS)};
    fmpnn_value *value = record.value;
    char chain[8], icode[2] = "", native[2] = "";
    value[FMPNN_PROBS_name].text = stamp->name;
    value[FMPNN_PROBS_chain].text = chain;
    value[FMPNN_PROBS_icode].text = icode;
    value[FMPNN_PROBS_native].text = native;
    value[FMPNN_PROBS_mode].text = mode;
    value[FMPNN_PROBS_seed].integer = (int64_t)stamp->seed;
    value[FMPNN_PROBS_model].text = stamp->model;
    value[FMPNN_PROBS_weights].text = stamp->weights;
    value[FMPNN_PROBS_precision].text = stamp->precision;
    value[FMPNN_PROBS_settings].text = stamp->settings;
    value[FMPNN_PROBS_on].text = stamp->on;
    value[FMPNN_PROBS_version].text = fmpnn_version();
    for (size_t order = 0; order < orders; order++)
        for (size_t n = 0; n < layout->L; n++) {
            size_t i = layout->order[n];
            fmpnn_position at = fmpnn_job_position(layout->job, i);
            const float *row = log_p + (order * layout->L + i) * FMPNN_OUTPUT_LETTERS;
            fmpnn_chain_text(at.residue->chain, chain);
            icode[0] = at.residue->icode > ' ' ? at.residue->icode : '\0';
            native[0] = fmpnn_alphabet()[at.native];
            value[FMPNN_PROBS_order].integer = (int64_t)order + 1;
            value[FMPNN_PROBS_resnum].integer = at.residue->number;
            value[FMPNN_PROBS_designed].integer = at.designed;
            for (size_t a = 0; a < FMPNN_OUTPUT_LETTERS; a++)
                value[FMPNN_PROBS_A + a].real = (double)row[a];
            fmpnn_record_print(&record, printers);
        }
    (void)err; /* printing fails into the texts, which the run checks */
    return FMPNN_OK;
}
