#include "compat/run.h"

#include <math.h>
#include <string.h>

/* What weight initialisation consumes before the published program loads its checkpoint. */
enum { WORDS_OF_MODEL = 3305317, WORDS_OF_CA_MODEL = 3275237 };

static const char RULE[] = "----------------------------------------";

void fmpnn_original_options_default(fmpnn_original_options *options)
{
    *options = (fmpnn_original_options){.model_name = "v_48_020",
                                        .num_seq_per_target = 1,
                                        .batch_size = 1,
                                        .max_length = 200000,
                                        .sampling_temp = "0.1",
                                        .omit_AAs = "X"};
}

void fmpnn_original_print(const fmpnn_original *run, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    if (!run->listener || !run->listener->print || run->options->suppress_print)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run->listener->print(run->listener->user, text);
}

/* ---- options ---- */

static fmpnn_status read_temperatures(fmpnn_original *run)
{
    const char *at = run->options->sampling_temp ? run->options->sampling_temp : "";
    run->temperature = fmpnn_alloc(strlen(at) / 2 + 1, sizeof *run->temperature);
    if (!run->temperature)
        return fmpnn_fail_memory(run->err, "reading options");
    while (*(at += strspn(at, " \t"))) {
        char word[64];
        double value;
        size_t size = strcspn(at, " \t");
        snprintf(word, sizeof word, "%.*s", (int)(size < 63 ? size : 63), at);
        if (!fmpnn_parse_double(word, &value) || value < FMPNN_TEMPERATURE_LEAST)
            return fmpnn_fail(
                run->err, FMPNN_EINVAL,
                "--sampling_temp: '%s' is no temperature above 0 (from %g on)", word,
                FMPNN_TEMPERATURE_LEAST);
        run->temperature[run->temperatures++] = value;
        at += size;
    }
    if (!run->temperatures)
        return fmpnn_fail(run->err, FMPNN_EINVAL, "--sampling_temp: no temperature given");
    return FMPNN_OK;
}

static fmpnn_status plan_batches(fmpnn_original *run)
{
    const fmpnn_original_options *o = run->options;
    const int64_t most = (int64_t)1 << 31;
    if (o->num_seq_per_target < 1 || o->num_seq_per_target > most || o->batch_size < 1 ||
        o->batch_size > most)
        return fmpnn_fail(
            run->err, FMPNN_EINVAL,
            "--num_seq_per_target %lld, --batch_size %lld: expected 1 or more",
            (long long)o->num_seq_per_target, (long long)o->batch_size);
    run->batch = (size_t)o->batch_size;
    if (o->batch_size > o->num_seq_per_target) {
        run->batch = (size_t)o->num_seq_per_target;
        fmpnn_original_note(
            run->listener,
            "--batch_size %lld is more than --num_seq_per_target; one batch "
            "of %zu is run, where the published program makes nothing",
            (long long)o->batch_size, run->batch);
    }
    run->batches = (size_t)o->num_seq_per_target / run->batch;
    if (run->batches * run->batch < (size_t)o->num_seq_per_target)
        fmpnn_original_note(run->listener,
                            "--num_seq_per_target is rounded down to %zu, a multiple of "
                            "--batch_size, as in the published program",
                            run->batches * run->batch);
    return FMPNN_OK;
}

static fmpnn_status check_options(fmpnn_original *run)
{
    const fmpnn_original_options *o = run->options;
    bool pdb = o->pdb_path && *o->pdb_path, jsonl = o->jsonl_path && *o->jsonl_path;
    if (!pdb && !jsonl)
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "no structure: give --pdb_path or --jsonl_path");
    if (!fmpnn_file_exists(pdb ? o->pdb_path : o->jsonl_path))
        return fmpnn_fail(run->err, FMPNN_EINVAL, "--%s: %s: no such file",
                          pdb ? "pdb_path" : "jsonl_path",
                          pdb ? o->pdb_path : o->jsonl_path);
    if (!o->out_folder || !*o->out_folder)
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "no place for results: give --out_folder");
    if (!o->model_name || !*o->model_name)
        return fmpnn_fail(run->err, FMPNN_EINVAL, "--model_name is empty");
    if (!(o->backbone_noise >= 0) || !isfinite(o->backbone_noise))
        return fmpnn_fail(run->err, FMPNN_EINVAL, "--backbone_noise: expected 0 or more");
    if (!isfinite(o->pssm_multi) || isnan(o->pssm_threshold))
        return fmpnn_fail(run->err, FMPNN_EINVAL,
                          "--pssm_multi, --pssm_threshold: expected numbers");
    if (o->omit_AAs && !strchr(o->omit_AAs, 'X'))
        fmpnn_original_note(run->listener,
                            "--omit_AAs %s leaves out X, so that X may be "
                            "sampled, as in the published program",
                            *o->omit_AAs ? o->omit_AAs : "''");
    fmpnn_status status = read_temperatures(run);
    return status ? status : plan_batches(run);
}

/* ---- what is read ---- */

static fmpnn_status read_dictionaries(fmpnn_original *run)
{
    fmpnn_dictionary_paths paths = {0};
#define FMPNN_DICTIONARY_PATH(kind, name) paths.name = run->options->name;
    FMPNN_DICTIONARY_MAP(FMPNN_DICTIONARY_PATH)
#undef FMPNN_DICTIONARY_PATH
    return fmpnn_dictionaries_read(&paths, &run->settings.dictionaries, run->err);
}

static void print_dictionaries(const fmpnn_original *run)
{
    const fmpnn_dictionary *d = run->settings.dictionaries->item;
    for (int kind = 0; kind < FMPNN_DICTIONARY_BIAS_BY_RES; kind++)
        if (!d[kind].value) {
            fmpnn_original_print(run, "%s", RULE);
            fmpnn_original_print(run, "%s is NOT loaded", d[kind].option);
        }
    if (d[FMPNN_DICTIONARY_BIAS_BY_RES].value) {
        fmpnn_original_print(run, "bias by residue dictionary is loaded");
    } else {
        fmpnn_original_print(run, "%s", RULE);
        fmpnn_original_print(run,
                             "bias by residue dictionary is not loaded, or not provided");
    }
    fmpnn_original_print(run, "%s", RULE);
    for (int kind = 0; kind < FMPNN_DICTIONARIES; kind++)
        if (d[kind].lines > 1 && kind != FMPNN_DICTIONARY_PSSM)
            fmpnn_original_note(run->listener,
                                "--%s: %s has %zu lines; the last one counts, as in the "
                                "published program",
                                d[kind].option, d[kind].path, d[kind].lines);
}

/* A single PDB file wins over parsed structures. */
static fmpnn_status read_structures(fmpnn_original *run)
{
    const fmpnn_original_options *o = run->options;
    size_t longest = o->max_length > 0 ? (size_t)o->max_length : 0;
    fmpnn_dropped dropped = {0};
    fmpnn_status status;
    if (o->pdb_path && *o->pdb_path) {
        status =
            fmpnn_structures_read_pdb(&run->structures, o->pdb_path, o->ca_only, run->err);
        if (!status && run->structures.item[0]->length > longest) {
            fmpnn_structures_clear(&run->structures);
            dropped.too_long = 1;
        }
    } else {
        status = fmpnn_structures_read_parsed(&run->structures, o->jsonl_path,
                                              o->ca_only ? FMPNN_PARSED_CA
                                                         : FMPNN_PARSED_BACKBONE,
                                              longest, &dropped, run->err);
        if (!status)
            fmpnn_original_print(run,
                                 "discarded {'bad_chars': %zu, 'too_long': %zu, "
                                 "'bad_seq_length': 0}",
                                 dropped.bad_characters, dropped.too_long);
    }
    if (dropped.too_long)
        fmpnn_original_note(run->listener,
                            "structures longer than --max_length are left out");
    if (dropped.bad_characters)
        fmpnn_original_note(run->listener, "structures with foreign letters are left out");
    return status;
}

static fmpnn_status check_fasta(const fmpnn_original *run, const fmpnn_entry *entry)
{
    for (size_t n = 0; n < run->fastas; n++) {
        const fmpnn_fasta *record = &run->fasta[n];
        if (record->length > entry->L)
            return fmpnn_fail(run->err, FMPNN_ESELECT,
                              "%s:%zu: sequence %zu has %zu letters, %s has %zu residues",
                              run->options->path_to_fasta, record->line, n + 1,
                              record->length, entry->name, entry->L);
        size_t designed = 0;
        for (size_t i = 0; i < entry->L; i++)
            designed += entry->in_designed_chain[i];
        if (record->length < designed)
            fmpnn_original_note(run->listener,
                                "%s:%zu: sequence %zu has %zu letters for %zu residues of "
                                "%s; the rest stays as scored before, as in the published "
                                "program",
                                run->options->path_to_fasta, record->line, n + 1,
                                record->length, designed, entry->name);
    }
    return FMPNN_OK;
}

/* Every structure against every dictionary, before anything is computed. */
static fmpnn_status check_entries(fmpnn_original *run)
{
    fmpnn_status status = fmpnn_entry_letters(&run->settings, run->err);
    for (size_t n = 0; n < run->structures.count && !status; n++) {
        fmpnn_entry entry;
        status = fmpnn_entry_init(&entry, run->structures.item[n], &run->settings, true,
                                  run->err);
        if (status)
            break;
        status = check_fasta(run, &entry);
        fmpnn_entry_clear(&entry);
    }
    return status;
}

static void print_model(const fmpnn_original *run)
{
    char noise[32];
    fmpnn_format_double(run->model->info.noise, noise);
    fmpnn_original_print(run, "%s", RULE);
    fmpnn_original_print(run, "Number of edges: %d", run->model->info.neighbours);
    fmpnn_original_print(run, "Training noise level: %sA", noise);
}

/* The published program says so even where printing is suppressed. */
static void print_family(const fmpnn_original *run)
{
    const fmpnn_original_options *o = run->options;
    if (!run->listener || !run->listener->print ||
        (o->path_to_model_weights && *o->path_to_model_weights))
        return;
    if (o->ca_only)
        run->listener->print(run->listener->user, "Using CA-ProteinMPNN!");
    else if (o->use_soluble_model)
        run->listener->print(run->listener->user,
                             "Using ProteinMPNN trained on soluble proteins only!");
}

/* ---- the whole ---- */

static fmpnn_status prepare(fmpnn_original *run)
{
    fmpnn_status status = check_options(run);
    if (!status)
        status = read_dictionaries(run);
    if (!status)
        status = fmpnn_original_read_fasta(run);
    if (status)
        return status;
    print_family(run);
    print_dictionaries(run);
    status = read_structures(run);
    if (!status)
        status = check_entries(run);
    if (!status)
        status = fmpnn_original_load_model(run);
    if (status)
        return status;
    print_model(run);
    return fmpnn_original_make_folders(run);
}

static fmpnn_status compute(fmpnn_original *run, const fmpnn_structure *st)
{
    const fmpnn_original_options *o = run->options;
    fmpnn_entry entry;
    fmpnn_status status = fmpnn_entry_init(&entry, st, &run->settings, false, run->err);
    if (status)
        return status;
    if (o->score_only)
        status = fmpnn_original_score(run, &entry);
    else if (o->conditional_probs_only)
        status = fmpnn_original_conditional(run, &entry);
    else if (o->unconditional_probs_only)
        status = fmpnn_original_unconditional(run, &entry);
    else
        status = fmpnn_original_design(run, &entry);
    fmpnn_entry_clear(&entry);
    return status;
}

static void clear(fmpnn_original *run)
{
    for (size_t n = 0; n < run->fastas; n++)
        fmpnn_release(run->fasta[n].letters);
    fmpnn_release(run->fasta);
    fmpnn_release(run->temperature);
    fmpnn_structures_clear(&run->structures);
    fmpnn_dictionaries_free(run->settings.dictionaries);
    fmpnn_model_free(run->model);
}

fmpnn_status fmpnn_original_run(fmpnn_context *ctx, const fmpnn_original_options *options,
                                const fmpnn_original_listener *listener, fmpnn_error *err)
{
    fmpnn_original *run = fmpnn_alloc_zero(1, sizeof *run);
    if (!run)
        return fmpnn_fail_memory(err, "preparing a run");
    *run =
        (fmpnn_original){.ctx = ctx, .options = options, .listener = listener, .err = err};
    run->settings.options = options;
    run->settings.listener = listener;
    fmpnn_status status = prepare(run);
    fmpnn_torch_seed(&run->torch, (uint32_t)options->seed);
    fmpnn_torch_skip(&run->torch, options->ca_only ? WORDS_OF_CA_MODEL : WORDS_OF_MODEL);
    for (size_t n = 0; n < run->structures.count && !status; n++)
        status = compute(run, run->structures.item[n]);
    clear(run);
    fmpnn_release(run);
    return status;
}
