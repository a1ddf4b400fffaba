/* Point mutations as records: one for each designed residue and other letter. */
#include "output/record.h"

#include <math.h>

fmpnn_status fmpnn_scan_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                              const uint8_t *letters, size_t orders, const double *log_p,
                              const double *log_odds, const double *se,
                              const fmpnn_printers *printers, fmpnn_error *err)
{
    enum { UNKNOWN = FMPNN_OUTPUT_LETTERS - 1 };
    fmpnn_record record = {.columns = fmpnn_verb_columns(FMPNN_VERB_SCAN)};
    fmpnn_value *value = record.value;
    char chain[8], icode[2] = "", native[2] = "", mutant[2] = "";
    value[FMPNN_SCAN_chain].text = chain;
    value[FMPNN_SCAN_icode].text = icode;
    value[FMPNN_SCAN_native].text = native;
    value[FMPNN_SCAN_mutant].text = mutant;
    value[FMPNN_SCAN_name].text = stamp->name;
    value[FMPNN_SCAN_orders].integer = (int64_t)orders;
    value[FMPNN_SCAN_seed].integer = (int64_t)stamp->seed;
    value[FMPNN_SCAN_model].text = stamp->model;
    value[FMPNN_SCAN_weights].text = stamp->weights;
    value[FMPNN_SCAN_precision].text = stamp->precision;
    value[FMPNN_SCAN_settings].text = stamp->settings;
    value[FMPNN_SCAN_on].text = stamp->on;
    value[FMPNN_SCAN_version].text = fmpnn_version();
    for (size_t n = 0; n < layout->L; n++) {
        size_t i = layout->order[n], row = i * FMPNN_OUTPUT_LETTERS;
        fmpnn_position at = fmpnn_job_position(layout->job, i);
        bool known = letters[i] != UNKNOWN; /* else there is nothing to compare with */
        if (!at.designed)
            continue;
        fmpnn_chain_text(at.residue->chain, chain);
        icode[0] = at.residue->icode > ' ' ? at.residue->icode : '\0';
        native[0] = fmpnn_alphabet()[letters[i]];
        value[FMPNN_SCAN_resnum].integer = at.residue->number;
        value[FMPNN_SCAN_logp_native].real = known ? log_p[row + letters[i]] : NAN;
        for (size_t a = 0; a < UNKNOWN; a++) {
            if (a == letters[i])
                continue;
            mutant[0] = fmpnn_alphabet()[a];
            value[FMPNN_SCAN_logp_mutant].real = log_p[row + a];
            value[FMPNN_SCAN_log_odds].real = known ? log_odds[row + a] : NAN;
            value[FMPNN_SCAN_se].real = known ? se[row + a] : NAN;
            fmpnn_record_print(&record, printers);
        }
    }
    (void)err; /* printing fails into the texts, which the run checks */
    return FMPNN_OK;
}
