/* The files of run.py in their published forms. */
#include "compat/ligand.h"
#include "compat/run.h"
#include "compat/torch_file.h"
#include "structure/records.h"

#include <math.h>
#include <string.h>

static const double SURE = 0.01; /* losses below it show as B-factor 0 */

/* ---- where */

fmpnn_status fmpnn_ligand_make_folders(fmpnn_ligand_run *run)
{
    static const char *const folders[] = {"seqs", "backbones", "packed", "stats"};
    size_t count = run->scoring ? 0 : run->options->save_stats ? 4 : 3;
    fmpnn_status status =
        run->scoring ? fmpnn_folder_make(run->options->out_folder, run->err) : FMPNN_OK;
    for (size_t n = 0; n < count && !status; n++) {
        fmpnn_text path;
        fmpnn_text_init(&path);
        fmpnn_text_print(&path, "%s/%s", run->options->out_folder, folders[n]);
        status = path.failed ? fmpnn_fail_memory(run->err, "making folders")
                             : fmpnn_folder_make(path.data, run->err);
        fmpnn_text_clear(&path);
    }
    return status;
}

fmpnn_status fmpnn_ligand_write(const fmpnn_ligand_run *run, const char *folder,
                                const char *name, const fmpnn_text *text)
{
    fmpnn_text path;
    fmpnn_text_init(&path);
    fmpnn_text_print(&path, "%s/%s%s%s", run->options->out_folder, folder, *folder ? "/" : "",
                     name);
    fmpnn_status status = path.failed ? fmpnn_fail_memory(run->err, "naming a file")
                                      : fmpnn_text_write(text, path.data, run->err);
    fmpnn_text_clear(&path);
    return status;
}

/* NAME_1ENDING.pdb and the like; `number` 0 for none. */
static fmpnn_status write_named(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                const char *folder, const char *number,
                                const char *extension, const fmpnn_text *text)
{
    fmpnn_text name;
    const char *ending = run->options->file_ending ? run->options->file_ending : "";
    fmpnn_text_init(&name);
    fmpnn_text_print(&name, "%s%s%s%s%s", entry->name, *number ? "_" : "", number, ending,
                     extension);
    fmpnn_status status = name.failed ? fmpnn_fail_memory(run->err, "writing results")
                                      : fmpnn_ligand_write(run, folder, name.data, text);
    fmpnn_text_clear(&name);
    return status;
}

size_t fmpnn_ligand_number(const fmpnn_ligand_run *run, size_t n)
{
    return fmpnn_ligand_given(run->options->zero_indexed) ? n : n + 1;
}

/* ---- numbers */

/* -ln p of the letter drawn; 0 where nothing was. */
static double loss_at(const fmpnn_ligand_entry *entry, const fmpnn_ligand_results *r, size_t n,
                      size_t i)
{
    size_t at = n * entry->L + i;
    return entry->designed[i]
               ? -(double)r->log_p[at * FMPNN_LETTERS + (size_t)r->letters[at]]
               : 0;
}

/* exp of minus the mean loss over the residues of `over`; 1 if there are none. */
static double confidence(const fmpnn_ligand_entry *entry, const fmpnn_ligand_results *r,
                         size_t n, const uint8_t *over)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < entry->L; i++)
        if (over[i]) {
            sum += loss_at(entry, r, n, i);
            count++;
        }
    return exp(-sum / (count + 1e-8));
}

static double recovery(const fmpnn_ligand_entry *entry, const fmpnn_ligand_results *r, size_t n)
{
    double kept = 0, count = 0;
    for (size_t i = 0; i < entry->L; i++)
        if (entry->designed[i]) {
            kept += r->letters[n * entry->L + i] == entry->inputs->native[i];
            count++;
        }
    return count > 0 ? kept / count : (double)NAN;
}

static size_t count_marks(size_t L, const uint8_t *mark)
{
    size_t count = 0;
    for (size_t i = 0; i < L; i++)
        count += mark[i];
    return count;
}

/* ---- FASTA */

/* Chains by name, joined; the published program appends the separator to every chain and then
 * cuts one character. */
static void add_sequence(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                         const char *letters, fmpnn_text *out)
{
    const char *separator = run->options->fasta_seq_separation;
    size_t before = out->size;
    separator = separator ? separator : ":";
    for (size_t c = 0; c < entry->chains; c++) {
        for (size_t i = 0; i < entry->L; i++)
            if (!strcmp(entry->st->residue[i].chain, entry->chain[c]))
                fmpnn_text_add(out, letters + i, 1);
        fmpnn_text_print(out, "%s", separator);
    }
    if (out->size > before && !out->failed)
        out->data[--out->size] = '\0';
}

static void add_header(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                       fmpnn_text *out)
{
    const fmpnn_ligandmpnn_options *o = run->options;
    char T[32], cutoff[32];
    fmpnn_format_double(o->temperature, T);
    fmpnn_format_double(o->ligand_mpnn_cutoff_for_score, cutoff);
    fmpnn_text_print(out,
                     ">%s, T=%s, seed=%lld, num_res=%zu, num_ligand_res=%zu, "
                     "use_ligand_context=%s, ligand_cutoff_distance=%s, batch_size=%lld, "
                     "number_of_batches=%lld, model_path=%s\n",
                     entry->name, T, (long long)o->seed,
                     count_marks(entry->L, entry->designed), count_marks(entry->L, entry->near),
                     o->ligand_mpnn_use_atom_context ? "True" : "False", cutoff,
                     (long long)o->batch_size, (long long)o->number_of_batches,
                     run->checkpoint);
}

static void add_record(const fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                       const fmpnn_ligand_results *r, size_t n, fmpnn_text *out)
{
    char T[32], text[3][48];
    fmpnn_format_double(run->options->temperature, T);
    fmpnn_original_format(confidence(entry, r, n, entry->designed), text[0]);
    fmpnn_original_format(confidence(entry, r, n, entry->near), text[1]);
    fmpnn_original_format(recovery(entry, r, n), text[2]);
    fmpnn_text_print(out,
                     "\n>%s, id=%zu, T=%s, seed=%lld, overall_confidence=%s, "
                     "ligand_confidence=%s, seq_rec=%s\n",
                     entry->name, fmpnn_ligand_number(run, n), T, (long long)run->options->seed, text[0],
                     text[1], text[2]);
}

/* Letters [L] of sample n, or of the structure itself for n = total. */
static void to_letters(const fmpnn_ligand_entry *entry, const fmpnn_ligand_results *r,
                       size_t n, char *letters)
{
    for (size_t i = 0; i < entry->L; i++)
        letters[i] = fmpnn_alphabet()[n < r->total ? (size_t)r->letters[n * entry->L + i]
                                                   : entry->inputs->native[i]];
}

fmpnn_status fmpnn_ligand_write_sequences(fmpnn_ligand_run *run,
                                          const fmpnn_ligand_entry *entry,
                                          const fmpnn_ligand_results *r)
{
    fmpnn_text text;
    char *letters = fmpnn_alloc(entry->L, 1);
    if (!letters)
        return fmpnn_fail_memory(run->err, "writing sequences");
    fmpnn_text_init(&text);
    add_header(run, entry, &text);
    to_letters(entry, r, r->total, letters);
    add_sequence(run, entry, letters, &text);
    for (size_t n = 0; n < r->total; n++) {
        add_record(run, entry, r, n, &text);
        to_letters(entry, r, n, letters);
        add_sequence(run, entry, letters, &text);
    }
    fmpnn_status status = write_named(run, entry, "seqs", "", ".fa", &text);
    fmpnn_text_clear(&text);
    fmpnn_release(letters);
    return status;
}

/* ---- backbones */

fmpnn_status fmpnn_ligand_write_backbones(fmpnn_ligand_run *run,
                                          const fmpnn_ligand_entry *entry,
                                          const fmpnn_ligand_results *r)
{
    char *letters = fmpnn_alloc(entry->L, 1);
    float *b = fmpnn_alloc(entry->L, sizeof *b);
    size_t lacking = 0;
    fmpnn_status status =
        letters && b ? FMPNN_OK : fmpnn_fail_memory(run->err, "writing structures");
    for (size_t n = 0; n < r->total && !status; n++) {
        fmpnn_text text;
        char number[24];
        fmpnn_text_init(&text);
        to_letters(entry, r, n, letters);
        for (size_t i = 0; i < entry->L; i++) {
            double loss = loss_at(entry, r, n, i);
            b[i] = loss > SURE ? (float)exp(-loss) : 0;
        }
        status = fmpnn_records_write(entry->st, letters, b, &text, &lacking, run->err);
        snprintf(number, sizeof number, "%zu", fmpnn_ligand_number(run, n));
        if (!status)
            status = write_named(run, entry, "backbones", number, ".pdb", &text);
        fmpnn_text_clear(&text);
    }
    fmpnn_release(b);
    fmpnn_release(letters);
    return status;
}

/* ---- statistics */

fmpnn_status fmpnn_ligand_write_stats(fmpnn_ligand_run *run, const fmpnn_ligand_entry *entry,
                                      const fmpnn_ligand_results *r)
{
    size_t L = entry->L, rows[] = {r->total, L, 20}, tables[] = {r->total, L, FMPNN_LETTERS};
    int32_t *native = fmpnn_alloc(L, sizeof *native), *mask = fmpnn_alloc(L, sizeof *mask);
    int32_t *unfixed = fmpnn_alloc(L, sizeof *unfixed);
    int64_t *wide = fmpnn_alloc(L, sizeof *wide);
    fmpnn_torch_file *file = fmpnn_torch_file_create();
    fmpnn_text text, folder;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&text);
    fmpnn_text_init(&folder);
    if (!native || !mask || !unfixed || !wide || !file) {
        status = fmpnn_fail_memory(run->err, "writing statistics");
        goto done;
    }
    for (size_t i = 0; i < L; i++) {
        native[i] = entry->inputs->native[i];
        mask[i] = entry->resolved[i];
        unfixed[i] = entry->unfixed[i];
        wide[i] = entry->unfixed[i];
    }
    fmpnn_torch_file_tensor(file, "generated_sequences", FMPNN_TORCH_I64, 2, rows, r->letters);
    fmpnn_torch_file_tensor(file, "sampling_probs", FMPNN_TORCH_F32, 3, rows, r->probs);
    fmpnn_torch_file_tensor(file, "log_probs", FMPNN_TORCH_F32, 3, tables, r->log_p);
    fmpnn_torch_file_tensor(file, "decoding_order", FMPNN_TORCH_I64, 2, rows, r->order);
    fmpnn_torch_file_tensor(file, "native_sequence", FMPNN_TORCH_I32, 1, &L, native);
    fmpnn_torch_file_tensor(file, "mask", FMPNN_TORCH_I32, 1, &L, mask);
    fmpnn_torch_file_tensor(file, "chain_mask",
                            entry->wide_mask ? FMPNN_TORCH_I64 : FMPNN_TORCH_I32, 1, &L,
                            entry->wide_mask ? (const void *)wide : unfixed);
    fmpnn_torch_file_integer(file, "seed", run->options->seed);
    fmpnn_torch_file_real(file, "temperature", run->options->temperature);
    fmpnn_text_print(&folder, "%s%s", entry->name,
                     run->options->file_ending ? run->options->file_ending : "");
    status = folder.failed ? fmpnn_fail_memory(run->err, "writing statistics")
                           : fmpnn_torch_file_finish(file, folder.data, &text, run->err);
    if (!status)
        status = write_named(run, entry, "stats", "", ".pt", &text);
done:
    fmpnn_text_clear(&folder);
    fmpnn_text_clear(&text);
    fmpnn_torch_file_free(file);
    fmpnn_release(wide);
    fmpnn_release(unfixed);
    fmpnn_release(mask);
    fmpnn_release(native);
    return status;
}
