/* FASTA: a header of key=value words, then one unwrapped line. */
#include "output/record.h"

#include <math.h>

enum { SCORE_DECIMALS = 4 };

/* What a design's header says after the record's name; new keys come last. */
static const int header[] = {
    FMPNN_DESIGN_T,      FMPNN_DESIGN_sample,       FMPNN_DESIGN_seed,
    FMPNN_DESIGN_score,  FMPNN_DESIGN_global_score, FMPNN_DESIGN_recovery,
    FMPNN_DESIGN_chains, FMPNN_DESIGN_model,        FMPNN_DESIGN_weights,
    FMPNN_DESIGN_on,     FMPNN_DESIGN_version,      FMPNN_DESIGN_settings};

void fmpnn_fasta_add(fmpnn_text *out, const fmpnn_record *record)
{
    fmpnn_text_print(out, ">%s", record->value[FMPNN_DESIGN_id].text);
    for (size_t n = 0; n < sizeof header / sizeof header[0]; n++) {
        const fmpnn_column *column = &record->columns.column[header[n]];
        fmpnn_text_print(out, " %s=", column->key);
        fmpnn_print_value(out, column, &record->value[header[n]], SCORE_DECIMALS, true);
    }
    double near = record->value[FMPNN_DESIGN_ligand_confidence].real;
    if (!isnan(near)) { /* only where something is designed near a ligand */
        char number[48];
        fmpnn_format_fixed(near, SCORE_DECIMALS, number);
        fmpnn_text_print(out, " ligand_confidence=%s", number);
    }
    fmpnn_text_print(out, "\n%s\n", record->value[FMPNN_DESIGN_sequence].text);
}

/* The native sequence was not drawn: no temperature, number or recovery. */
void fmpnn_fasta_add_native(fmpnn_text *out, const fmpnn_stamp *stamp, const char *chains,
                            const char *sequence)
{
    static const fmpnn_column model = {"model", FMPNN_TEXT};
    fmpnn_value value = {.text = stamp->model};
    char score[48];
    fmpnn_format_fixed(stamp->native_score, SCORE_DECIMALS, score);
    fmpnn_text_print(out, ">%s_native score=%s chains=%s model=", stamp->record_name, score,
                     chains);
    fmpnn_print_value(out, &model, &value, SCORE_DECIMALS, true);
    fmpnn_text_print(out, " weights=%s on=%s version=%s settings=%s\n%s\n", stamp->weights,
                     stamp->on, fmpnn_version(), stamp->settings, sequence);
}
