/* A designed sequence as a record; the native sequence beside it. */
#include "output/record.h"

fmpnn_status fmpnn_design_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                                const fmpnn_sequence_form *form,
                                const fmpnn_samples *samples, size_t number,
                                const fmpnn_printers *printers, fmpnn_error *err)
{
    const fmpnn_sample *sample = &samples->sample[number];
    fmpnn_record record = {.columns = fmpnn_verb_columns(FMPNN_VERB_DESIGN)};
    fmpnn_value *value = record.value;
    fmpnn_text id, mutations, sequence, chains;
    fmpnn_text_init(&id);
    fmpnn_text_init(&mutations);
    fmpnn_text_init(&sequence);
    fmpnn_text_init(&chains);
    fmpnn_sample_id(stamp->record_name, samples->temperature, sample->number, &id);
    /* a FASTA header has no place for them */
    fmpnn_layout_mutations(layout, printers->table || printers->jsonl ? sample->letters : NULL,
                           &mutations);
    fmpnn_layout_sequence(layout, form, sample->letters, &sequence);
    fmpnn_layout_chains(layout, form->all_chains, &chains);
    bool good = !id.failed && !mutations.failed && !sequence.failed && !chains.failed;
    if (good) {
        value[FMPNN_DESIGN_id].text = id.data;
        value[FMPNN_DESIGN_name].text = stamp->name;
        value[FMPNN_DESIGN_T].real = samples->temperature;
        value[FMPNN_DESIGN_sample].integer = (int64_t)sample->number;
        value[FMPNN_DESIGN_seed].integer = (int64_t)samples->seed;
        value[FMPNN_DESIGN_score].real = sample->score;
        value[FMPNN_DESIGN_global_score].real = sample->global_score;
        value[FMPNN_DESIGN_confidence].real = sample->confidence;
        value[FMPNN_DESIGN_recovery].real = sample->recovery;
        value[FMPNN_DESIGN_n_designed].integer = (int64_t)sample->designed;
        value[FMPNN_DESIGN_n_mut].integer = (int64_t)sample->mutations;
        value[FMPNN_DESIGN_mutations].text = mutations.data;
        value[FMPNN_DESIGN_sequence].text = sequence.data;
        value[FMPNN_DESIGN_chains].text = chains.data;
        value[FMPNN_DESIGN_native_score].real = stamp->native_score;
        value[FMPNN_DESIGN_model].text = stamp->model;
        value[FMPNN_DESIGN_weights].text = stamp->weights;
        value[FMPNN_DESIGN_precision].text = stamp->precision;
        value[FMPNN_DESIGN_settings].text = stamp->settings;
        value[FMPNN_DESIGN_on].text = stamp->on;
        value[FMPNN_DESIGN_version].text = fmpnn_version();
        value[FMPNN_DESIGN_ligand_confidence].real = sample->ligand_confidence;
        fmpnn_record_print(&record, printers);
    }
    fmpnn_text_clear(&chains);
    fmpnn_text_clear(&sequence);
    fmpnn_text_clear(&mutations);
    fmpnn_text_clear(&id);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "writing a record");
}

fmpnn_status fmpnn_native_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                                const fmpnn_sequence_form *form, fmpnn_text *fasta,
                                fmpnn_error *err)
{
    fmpnn_text sequence, chains;
    fmpnn_text_init(&sequence);
    fmpnn_text_init(&chains);
    fmpnn_layout_sequence(layout, form, NULL, &sequence);
    fmpnn_layout_chains(layout, form->all_chains, &chains);
    bool good = !sequence.failed && !chains.failed;
    if (good)
        fmpnn_fasta_add_native(fasta, stamp, chains.data, sequence.data);
    fmpnn_text_clear(&chains);
    fmpnn_text_clear(&sequence);
    return good ? FMPNN_OK : fmpnn_fail_memory(err, "writing a record");
}
