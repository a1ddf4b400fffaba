/* A scored sequence as a record. */
#include "output/record.h"

#include <string.h>

fmpnn_status fmpnn_score_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                               const fmpnn_sequence_form *form, const fmpnn_heads *heads,
                               const char *const *cell, const char *id,
                               const uint8_t *letters, size_t orders,
                               const fmpnn_score_result *result,
                               const fmpnn_printers *printers, fmpnn_error *err)
{
    fmpnn_record record = {
        .heads = heads, .cell = cell, .columns = fmpnn_verb_columns(FMPNN_VERB_SCORE)};
    fmpnn_value *value = record.value;
    fmpnn_text own_id, sequence, chains;
    fmpnn_text_init(&own_id);
    fmpnn_text_init(&sequence);
    fmpnn_text_init(&chains);
    if (!strcmp(id, "native"))
        fmpnn_text_print(&own_id, "%s_native", stamp->record_name);
    else
        fmpnn_text_print(&own_id, "%s", id);
    fmpnn_layout_sequence(layout, form, letters, &sequence);
    fmpnn_layout_chains(layout, form->all_chains, &chains);
    bool good = !own_id.failed && !sequence.failed && !chains.failed;
    if (good) {
        value[FMPNN_SCORE_id].text = own_id.data;
        value[FMPNN_SCORE_name].text = stamp->name;
        value[FMPNN_SCORE_score].real = result->score;
        value[FMPNN_SCORE_score_se].real = result->score_se;
        value[FMPNN_SCORE_global_score].real = result->global_score;
        value[FMPNN_SCORE_global_score_se].real = result->global_score_se;
        value[FMPNN_SCORE_confidence].real = result->confidence;
        value[FMPNN_SCORE_recovery].real = result->recovery;
        value[FMPNN_SCORE_n_designed].integer = (int64_t)result->designed;
        value[FMPNN_SCORE_n_mut].integer = (int64_t)result->mutations;
        value[FMPNN_SCORE_orders].integer = (int64_t)orders;
        value[FMPNN_SCORE_seed].integer = (int64_t)stamp->seed;
        value[FMPNN_SCORE_sequence].text = sequence.data;
        value[FMPNN_SCORE_chains].text = chains.data;
        value[FMPNN_SCORE_model].text = stamp->model;
        value[FMPNN_SCORE_weights].text = stamp->weights;
        value[FMPNN_SCORE_precision].text = stamp->precision;
        value[FMPNN_SCORE_settings].text = stamp->settings;
        value[FMPNN_SCORE_on].text = stamp->on;
        value[FMPNN_SCORE_version].text = fmpnn_version();
        fmpnn_record_print(&record, printers);
    }
    fmpnn_text_clear(&chains);
    fmpnn_text_clear(&sequence);
    fmpnn_text_clear(&own_id);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "writing a record");
}
