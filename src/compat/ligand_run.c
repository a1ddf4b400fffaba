#include "compat/ligand.h"
#include "compat/structures.h"

#include <string.h>

/* What making the networks consumes of the random stream before their checkpoints are loaded:
 * every tensor is drawn once, matrices twice, an embedding with the tail of its last block again.
 * Derived from the tensors' shapes, and checked against the published program's orders. */
enum {
    WORDS_OF_PROTEIN = 3305317,
    WORDS_OF_LIGAND = 5210789,
    WORDS_OF_MEMBRANE = 3338981,
    WORDS_OF_PACKER = 7114436
};

void fmpnn_ligand_print(const fmpnn_ligand_run *run, const char *format, ...)
{
    va_list arguments;
    char line[4096];
    if (!run->listener || !run->listener->print || !run->options->verbose)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    run->listener->print(run->listener->user, line);
}

static size_t words_of(const fmpnn_ligand_run *run)
{
    size_t words = !strcmp(run->model_type, "ligand_mpnn") ? WORDS_OF_LIGAND
                   : strstr(run->model_type, "membrane")   ? WORDS_OF_MEMBRANE
                                                           : WORDS_OF_PROTEIN;
    return words + (!run->scoring && run->options->pack_side_chains ? WORDS_OF_PACKER : 0);
}

/* ---- what is said */

static void note_quirks(const fmpnn_ligand_run *run)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    const char *zero = o->zero_indexed;
    if (fmpnn_ligand_given(zero) && !strcmp(zero, "0") && !run->scoring)
        fmpnn_original_note(run->listener,
                            "--zero_indexed 0 counts samples from 0, as in the published "
                            "program; leave the option out to count from 1");
    if (o->fasta_seq_separation && strlen(o->fasta_seq_separation) != 1 && !run->scoring)
        fmpnn_original_note(run->listener,
                            "--fasta_seq_separation '%s' is not one character: the last "
                            "character of every sequence is cut, as in the published program",
                            o->fasta_seq_separation);
    if (run->scoring && !o->autoregressive_score)
        fmpnn_original_note(run->listener,
                            "--single_aa_score with --use_sequence %d scores each residue %s, "
                            "the reverse of what the option says, as in the published program",
                            o->use_sequence,
                            o->use_sequence ? "without the sequence"
                                            : "given all other letters");
    if (run->packer && !run->ctx->backend->torsions)
        fmpnn_original_note(run->listener,
                            "side chains are packed by the CPU: device %s has no packer yet",
                            run->ctx->backend->name);
    if (run->packer && !o->number_of_packs_per_design)
        fmpnn_original_note(run->listener,
                            "--number_of_packs_per_design 0 packs nothing, as in the published "
                            "program");
    if (!run->scoring && fmpnn_ligand_given(o->symmetry_residues) &&
        !fmpnn_ligand_given(o->symmetry_weights) && !o->homo_oligomer)
        fmpnn_original_note(run->listener,
                            "--symmetry_residues without --symmetry_weights: weights of 1, "
                            "where the published program stops");
}

/* "['C1', 'C2']" of the residues whose mask is `value`. */
static void print_residues(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                           const char *title, uint8_t value)
{
    fmpnn_text text;
    const char *separator = "";
    if (!run->listener || !run->listener->print || !run->options->verbose)
        return;
    fmpnn_text_init(&text);
    fmpnn_text_print(&text, "%s  [", title);
    for (size_t i = 0; i < entry->L; i++)
        if (entry->unfixed[i] == value) {
            fmpnn_text_print(&text, "%s'%s'", separator, entry->names.text[i]);
            separator = ", ";
        }
    fmpnn_text_print(&text, "]");
    if (!text.failed)
        run->listener->print(run->listener->user, text.data);
    fmpnn_text_clear(&text);
}

static void print_structure(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry)
{
    fmpnn_ligand_print(run, "Designing protein from this path: %s", entry->path);
    print_residues(run, entry, "These residues will be redesigned:", 1);
    print_residues(run, entry, "These residues will be fixed:", 0);
    if (run->options->homo_oligomer)
        fmpnn_ligand_print(run, "Designing HOMO-OLIGOMER");
    if (!entry->st->context_count)
        fmpnn_ligand_print(run, "No ligand atoms parsed");
    else if (!strcmp(run->model_type, "ligand_mpnn"))
        fmpnn_ligand_print(run, "The number of ligand atoms parsed is equal to: %zu",
                           entry->st->context_count);
}

static void note_unresolved(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry)
{
    size_t lacking = 0;
    for (size_t i = 0; i < entry->L; i++)
        lacking += !entry->resolved[i];
    if (lacking && !run->scoring)
        fmpnn_original_note(run->listener,
                            "%s: %zu residues lack backbone atoms; what there is of them is "
                            "written, where the published program stops",
                            entry->name, lacking);
}

/* ---- the whole */

/* Everything is read and checked before anything is computed or written. */
static fmpnn_status prepare(fmpnn_ligand_run *run)
{
    fmpnn_status status = fmpnn_ligand_check(run);
    if (!status)
        status = fmpnn_ligand_load_lists(run);
    if (!status)
        status = fmpnn_ligand_load_model(run);
    if (status)
        return status;
    if (!run->scoring && run->listener && run->listener->print) /* also with --verbose 0 */
        run->listener->print(run->listener->user, "CUDA not available... using CPU");
    note_quirks(run);
    for (size_t n = 0; n < json_array_size(run->paths) && !status; n++) {
        fmpnn_ligand_entry entry;
        status = fmpnn_ligand_entry_init(
            &entry, run, json_string_value(json_array_get(run->paths, n)), true);
        if (status)
            break;
        note_unresolved(run, &entry);
        if (run->scoring)
            status = fmpnn_ligand_score_check(run, &entry);
        fmpnn_ligand_entry_clear(&entry);
    }
    return status ? status : fmpnn_ligand_make_folders(run);
}

static fmpnn_status compute(fmpnn_ligand_run *run, const char *path)
{
    fmpnn_ligand_entry entry;
    fmpnn_status status = fmpnn_ligand_entry_init(&entry, run, path, false);
    if (status)
        return status;
    print_structure(run, &entry);
    status = run->scoring ? fmpnn_ligand_score(run, &entry) : fmpnn_ligand_design(run, &entry);
    fmpnn_ligand_entry_clear(&entry);
    return status;
}

static fmpnn_status run_all(fmpnn_context *ctx, const fmpnn_ligandmpnn_options *options,
                            const fmpnn_original_listener *listener, bool scoring,
                            fmpnn_error *err)
{
    fmpnn_ligand_run *run = fmpnn_alloc_zero(1, sizeof *run);
    if (!run)
        return fmpnn_fail_memory(err, "preparing a run");
    run->ctx = ctx;
    run->options = options;
    run->listener = listener;
    run->err = err;
    run->scoring = scoring;
    fmpnn_status status = prepare(run);
    if (!status) {
        fmpnn_torch_seed(&run->torch, (uint32_t)options->seed);
        fmpnn_torch_skip(&run->torch, words_of(run));
    }
    for (size_t n = 0; !status && n < json_array_size(run->paths); n++)
        status = compute(run, json_string_value(json_array_get(run->paths, n)));
    for (size_t n = 0; n < FMPNN_LIGAND_LISTS; n++)
        json_decref(run->list[n]);
    json_decref(run->paths);
    fmpnn_model_free(run->packer);
    fmpnn_model_free(run->model);
    fmpnn_release(run);
    return status;
}

fmpnn_status fmpnn_ligandmpnn_run(fmpnn_context *ctx, const fmpnn_ligandmpnn_options *options,
                                  const fmpnn_original_listener *listener, fmpnn_error *err)
{
    return run_all(ctx, options, listener, false, err);
}

fmpnn_status fmpnn_ligandmpnn_score(fmpnn_context *ctx,
                                    const fmpnn_ligandmpnn_options *options,
                                    const fmpnn_original_listener *listener, fmpnn_error *err)
{
    return run_all(ctx, options, listener, true, err);
}
