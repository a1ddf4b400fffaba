#include "ahead.h"
#include "device.h"
#include "dictionaries.h"
#include "interrupt.h"
#include "models.h"
#include "packing.h"
#include "progress.h"
#include "report.h"
#include "seed.h"
#include "states.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    SMALL_LENGTH = 500,       /* residues: 75 MB of tables on each thread */
    SMALL_ON_DEVICE = 4000,
    SMALL_RESULTS = 8 << 20,  /* bytes */
    RESIDUE_BYTES = 1000      /* of a structure and its graph */
};

/* What went wrong with one input. */
typedef struct failure {
    const input *in;
    outcome how;
    char *message;
} failure;

typedef struct loop {
    batch *b;
    models models;
    failure *failed;
    size_t failures, done;
    bool hetero_noted;
} loop;

/* ---- meanings ---- */

outcome outcome_of_compute(fmpnn_status status)
{
    switch (status) {
    case FMPNN_OK:
        return OUTCOME_DONE;
    case FMPNN_ESELECT:
    case FMPNN_EINVAL: /* nothing to design, every letter omitted, a malformed selection */
        return FAILED_SELECTION;
    case FMPNN_EDEVICE:
    case FMPNN_ECUDA: /* after a failed launch the device's context is lost */
        return STOP_DEVICE;
    case FMPNN_EWEIGHTS:
        return STOP_USAGE;
    default:
        return FAILED_INPUT;
    }
}

outcome outcome_of_output(fmpnn_status status)
{
    if (status == FMPNN_OK)
        return OUTCOME_DONE;
    return status == FMPNN_EEXIST || status == FMPNN_EINVAL ? STOP_USAGE : STOP_OUTPUT;
}

outcome outcome_of_results(fmpnn_status status)
{
    return status == FMPNN_EINVAL || status == FMPNN_EFORMAT ? FAILED_SELECTION
                                                             : outcome_of_output(status);
}

static int exit_code_of(outcome how)
{
    switch (how) {
    case STOP_USAGE:
        return EXIT_USAGE;
    case STOP_DEVICE:
        return EXIT_DEVICE;
    case STOP_INTERRUPT:
        return EXIT_INTERRUPTED;
    default:
        return EXIT_SOME_FAILED;
    }
}

/* Nothing stopped the loop; what do its failures amount to? A selection that fits no structure
 * that could be read is a mistake in the command. */
static int exit_code_of_failures(const loop *l)
{
    if (l->failures == 0)
        return EXIT_DONE;
    if (l->done > 0)
        return EXIT_SOME_FAILED;
    for (size_t i = 0; i < l->failures; i++) {
        if (l->failed[i].how == FAILED_SELECTION)
            return EXIT_USAGE;
    }
    return EXIT_NO_INPUT;
}

size_t batch_chunk(size_t L, bool device)
{
    size_t residues = device ? 1 << 20 : 1 << 14, most = device ? 1 << 14 : BATCH_CHUNK;
    size_t chunk = residues / (L ? L : 1);
    return chunk < 1 ? 1 : chunk > most ? most : chunk;
}

int batch_check_single(const batch *b)
{
    if (b->inputs.count == 1)
        return -1;
    report_error("%s: %zu structures given; it takes one", b->verb->name, b->inputs.count);
    return EXIT_USAGE;
}

uint64_t batch_seed(const batch *b, const options *o)
{
    return o->seed >= 0 ? (uint64_t)o->seed : b->drawn_seed;
}

/* ---- failures ---- */

static void note_failure(loop *l, const input *in, outcome how, const char *message)
{
    char line[2048];
    bool named = !strncmp(message, in->path, strlen(in->path)) || !strcmp(in->path, "-");
    snprintf(line, sizeof line, "%s%s%s", named ? "" : in->path, named ? "" : ": ",
             message);
    l->failed = checked_grow(l->failed, l->failures + 1, sizeof *l->failed);
    l->failed[l->failures].in = in;
    l->failed[l->failures].how = how;
    l->failed[l->failures++].message = checked_copy(line);
    if (l->b->run) { /* a record of it is welcome, not vital: the closing table has it too */
        fmpnn_error ignored;
        fmpnn_run_add_failure(l->b->run, in->name, line, &ignored);
    }
}

static void print_failures(const loop *l)
{
    size_t total = l->b->inputs.count;
    if (l->failures == 1 && total == 1) {
        report_error("%s: %s", l->b->verb->name, l->failed[0].message);
    } else if (l->failures > 0) {
        report_error("%s: %zu of %zu inputs failed:", l->b->verb->name, l->failures, total);
        for (size_t i = 0; i < l->failures; i++)
            report_error("  %s: %s", l->failed[i].in->name, l->failed[i].message);
    }
}

/* ---- one input ---- */

/* Atoms that the weights do not see are said once a run: the folder of a thousand
 * complexes needs no thousand notes. inspect, which is asked, tells of each. */
static void print_hetero(loop *l, const fmpnn_job *job, const char *name,
                         fmpnn_warning warning)
{
    char message[2048];
    fmpnn_model_info info;
    fmpnn_model_describe(fmpnn_job_model(job), &info);
    if (info.context_atoms) /* they are seen */
        return;
    bool first = !l->hetero_noted;
    if (!first && l->b->verb->bit != VERB_INSPECT)
        return;
    l->hetero_noted = true;
    snprintf(message, sizeof message, "%s%s", warning.message,
             first ? "; --weights ligand sees them" : "");
    report_note(l->b->options.quiet, name, warning.code, message);
}

/* What is said about ligands concerns weights that see them. */
static bool concerns(const fmpnn_job *job, const char *code)
{
    fmpnn_model_info info;
    fmpnn_model_describe(fmpnn_job_model(job), &info);
    return strncmp(code, "context-", 8) != 0 || !strcmp(info.kind, "ligand") ||
           !strcmp(info.kind, "packer");
}

static void print_notes(loop *l, const input *in, const fmpnn_structure *st,
                        const fmpnn_job *job)
{
    bool quiet = l->b->options.quiet;
    for (size_t i = 0; i < fmpnn_structure_warning_count(st); i++) {
        fmpnn_warning warning = fmpnn_structure_warning(st, i);
        if (!strcmp(warning.code, "hetero-present"))
            print_hetero(l, job, in->name, warning);
        else if (concerns(job, warning.code))
            report_note(quiet, in->name, warning.code, warning.message);
    }
    for (size_t i = 0; i < fmpnn_job_warning_count(job); i++) {
        fmpnn_warning warning = fmpnn_job_warning(job, i);
        report_note(quiet, in->name, warning.code, warning.message);
    }
    l->b->warnings += fmpnn_structure_warning_count(st) + fmpnn_job_warning_count(job);
}

fmpnn_status batch_read_structure(const input *in, const fmpnn_model_info *info,
                                  fmpnn_structure **st, fmpnn_error *err)
{
    const options *o = in->options;
    fmpnn_read_options how;
    fmpnn_read_options_default(&how);
    if (o->reading && !strcmp(o->reading, "original"))
        how.reading = info->context_atoms || info->labels ? FMPNN_READING_ORIGINAL_LIGAND
                                                          : FMPNN_READING_ORIGINAL;
    how.ca_only = info->ca_only;
    how.close_bond_gaps = o->gaps != NULL;
    how.only = o->only;
    how.drop = o->drop;
    if (in->bytes)
        return fmpnn_structure_parse("stdin", in->bytes, in->size, &how, st, err);
    return fmpnn_structure_read(in->path, &how, st, err);
}

/* The ties of all --tie options as one text. */
static char *join_ties(const options *o)
{
    size_t size = 1;
    for (size_t i = 0; i < o->tie.count; i++)
        size += strlen(o->tie.text[i]) + 1;
    char *joined = checked_alloc(size, 1);
    for (size_t i = 0; i < o->tie.count; i++) {
        strcat(joined, i ? " " : "");
        strcat(joined, o->tie.text[i]);
    }
    return joined;
}

fmpnn_status batch_create_job(const batch *b, const input *in, const fmpnn_structure *st,
                              const fmpnn_model *model, fmpnn_job **job, fmpnn_error *err)
{
    const options *o = in->options;
    fmpnn_settings settings;
    fmpnn_settings_default(&settings);
    fmpnn_status status =
        dictionaries_get(b->dictionaries, &o->dictionaries, &settings.dictionaries, err);
    fmpnn_model_info info;
    states others = {.count = 0};
    fmpnn_model_describe(model, &info);
    if (status == FMPNN_OK)
        status = states_read(&others, in, &info, &settings, err);
    if (status != FMPNN_OK) {
        states_clear(&others);
        return status;
    }
    char *ties = join_ties(o);
    settings.chains = o->chains;
    settings.redesign = o->redesign;
    settings.fix = o->fix;
    settings.omit = o->omit;
    settings.bias = o->bias;
    settings.tie = o->tie.count ? ties : NULL;
    settings.symmetry = o->symmetry;
    settings.seed = batch_seed(b, o);
    settings.noise = o->noise;
    settings.pssm = o->pssm;
    settings.pssm_weight = o->pssm_weight;
    settings.hide_ligands = o->ligand_context && !strcmp(o->ligand_context, "off");
    settings.side_chain_context = o->side_chain_context;
    settings.transmembrane_buried = o->transmembrane_buried;
    settings.transmembrane_interface = o->transmembrane_interface;
    settings.global_membrane = o->global_membrane;
    settings.pack = options_pack(b->verb, o) ||
                    (b->verb->bit == VERB_INSPECT && !strcmp(info.kind, "packer"));
    settings.pack_designs = o->packings > 0;
    status = fmpnn_job_create(st, model, &settings, job, err);
    states_clear(&others);
    free(ties);
    return status;
}

/* What --max-memory means for this job. */
static void print_memory(loop *l, const input *in, const fmpnn_job *job)
{
    fmpnn_memory_plan plan;
    fmpnn_error ignored;
    char message[256];
    if (!l->b->options.max_memory || fmpnn_job_memory(l->b->ctx, job, &plan, &ignored) ||
        plan.layers_held == plan.layers)
        return;
    snprintf(message, sizeof message,
             "planned %.0f MiB: edge tables of %zu of %zu decoder layers are held, the others "
             "made again as needed",
             (double)plan.planned / (1 << 20), plan.layers_held, plan.layers);
    report_note(l->b->options.quiet, in->name, "memory-plan", message);
}

/* The results of one job through the run. */
static outcome make_results(batch *b, const input *in, prepared *p)
{
    bool present = false;
    if (!b->run)
        return b->work->each(b, in, p->job, &p->err);
    if (!b->plan || b->planned != in->options) {
        free(b->plan);
        b->plan = b->work->plan(b, in->options);
        b->planned = in->options;
    }
    fmpnn_error why;
    fmpnn_status status =
        fmpnn_run_begin_structure(b->run, in->name, p->job, b->ctx, b->plan, &present, &why);
    if (status != FMPNN_OK) {
        p->err = why;
        return outcome_of_output(status);
    }
    if (present) {
        progress_add(in->name, b->work->units(b, in->options));
        return OUTCOME_DONE;
    }
    outcome how = p->results;
    if (!p->computed)
        how = b->work->each(b, in, p->job, &p->err);
    else if (how == OUTCOME_DONE)
        how = outcome_of_results(parcel_deliver(&p->parcel, b, in, &p->err));
    if (how != OUTCOME_DONE) {
        fmpnn_run_drop_structure(b->run);
        return how;
    }
    status = fmpnn_run_end_structure(b->run, &p->err);
    if (status == FMPNN_OK && b->work->done)
        b->work->done(b, in->options);
    return status == FMPNN_OK ? OUTCOME_DONE : STOP_OUTPUT;
}

/* Structure and job of an input. Prints nothing; on any thread. */
static outcome open_input(loop *l, const batch *b, const input *in, prepared *p)
{
    const fmpnn_model *model;
    fmpnn_model_info info;
    if (in->failure) {
        snprintf(p->err.message, sizeof p->err.message, "%s", in->failure);
        return FAILED_INPUT;
    }
    fmpnn_status status = models_get(&l->models, in->options->weights, &model, &p->err);
    if (status != FMPNN_OK)
        return STOP_USAGE;
    fmpnn_model_describe(model, &info);
    status = batch_read_structure(in, &info, &p->st, &p->err);
    /* --only that names an absent chain is a selection; all else is the file's own fault */
    if (status != FMPNN_OK)
        return status == FMPNN_ESELECT || status == FMPNN_EINVAL ? FAILED_SELECTION
                                                                 : FAILED_INPUT;
    return outcome_of_compute(batch_create_job(b, in, p->st, model, &p->job, &p->err));
}

static bool is_folder(const char *path)
{
    struct stat about;
    return path && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Where a folder holds the results of an input; false: this verb writes no such file. */
static bool result_path(const batch *b, const input *in, char *path, size_t size)
{
    static const struct {
        unsigned verb;
        const char *form;
    } places[] = {
        {VERB_DESIGN, "%s/seqs/%s.fa"},
        {VERB_SCORE, "%s/tables/%s.tsv"},
        {VERB_PROBS, "%s/probs/%s.npz"},
        {VERB_SCAN, "%s/tables/%s.tsv"},
        {VERB_PACK, "%s/tables/%s.tsv"},
    };
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        if (places[p].verb == b->verb->bit) {
            snprintf(path, size, places[p].form, b->options.output, in->name);
            return true;
        }
    return false;
}

static bool is_there(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

/* Whether to make the results before it is known that they are missing, on one thread: what is
 * small is soon done, and takes little memory on every thread at once. */
static bool is_small(const batch *b, const input *in, size_t L, size_t results)
{
    char path[8192];
    if (!b->work->size || L > (b->devices ? SMALL_ON_DEVICE : SMALL_LENGTH) ||
        results > SMALL_RESULTS)
        return false;
    if (!b->options.resume)
        return true;
    return is_folder(b->options.output) && result_path(b, in, path, sizeof path) &&
           !is_there(path);
}

static void prepare_input(void *of, const batch *b, size_t n, prepared *p)
{
    loop *l = of;
    const input *in = &b->inputs.item[n];
    p->how = open_input(l, b, in, p);
    if (p->how != OUTCOME_DONE)
        return;
    size_t L = fmpnn_job_length(p->job), results = b->work->size ? b->work->size(b, in->options, L) : 0;
    p->small = is_small(b, in, L, results);
    p->bytes = L * RESIDUE_BYTES + (p->small ? results : 0);
}

/* Results of small inputs on a thread of their own, with the context of `b`. */
static void compute_small(void *of, batch *b, size_t count, const size_t *n, prepared *const *p)
{
    (void)of;
    if (b->work->many && count > 1) {
        const input **in = checked_alloc(count, sizeof(input *));
        for (size_t k = 0; k < count; k++)
            in[k] = &b->inputs.item[n[k]];
        b->work->many(b, count, in, p);
        free(in);
    }
    for (size_t k = 0; k < count; k++) {
        if (!p[k]->computed) {
            b->parcel = &p[k]->parcel;
            p[k]->results =
                b->work->each(b, &b->inputs.item[n[k]], p[k]->job, &p[k]->err);
            p[k]->computed = true;
            b->parcel = NULL;
        }
        fmpnn_job_forget(p[k]->job);
    }
}

static outcome finish_input(loop *l, const input *in, prepared *p)
{
    if (p->how != OUTCOME_DONE)
        return p->how;
    print_notes(l, in, p->st, p->job);
    print_memory(l, in, p->job);
    return make_results(l->b, in, p);
}

/* ---- all inputs ---- */

static size_t total_units(const batch *b)
{
    size_t total = 0;
    for (size_t i = 0; i < b->inputs.count; i++)
        total += b->work->units(b, b->inputs.item[i].options);
    return total;
}

/* Returns the exit code so far, after printing what went wrong. */
static int do_inputs(loop *l)
{
    batch *b = l->b;
    outcome how = OUTCOME_DONE;
    fmpnn_error err = {{0}};
    ahead *side = ahead_start(b, (ahead_work){l, prepare_input, compute_small});
    int code = device_await(b);
    if (code >= 0) {
        ahead_stop(side);
        return code;
    }
    side = ahead_compute(side, b);
    progress_begin(b->options.quiet, b->work->unit, total_units(b));
    for (size_t i = 0; i < b->inputs.count; i++) {
        const input *in = &b->inputs.item[i];
        prepared own = {0}, *p = side ? ahead_next(side) : &own;
        if (!side && !interrupt_caught())
            prepare_input(l, b, i, p);
        how = interrupt_caught() ? STOP_INTERRUPT : finish_input(l, in, p);
        err = p->err;
        prepared_clear(p);
        if (how >= STOP_USAGE)
            break;
        if (how == OUTCOME_DONE) {
            l->done++;
        } else {
            note_failure(l, in, how, err.message);
            progress_add(in->name, b->work->units(b, in->options));
        }
    }
    ahead_stop(side);
    progress_end();
    print_failures(l);
    if (how == STOP_INTERRUPT)
        report_error("%s: interrupted; %zu of %zu structures are finished%s", b->verb->name,
                     l->done, b->inputs.count,
                     b->options.output && b->run ? " and kept, --resume goes on from there"
                                                 : "");
    else if (how >= STOP_USAGE)
        report_error("%s: %s", b->verb->name, err.message);
    return how >= STOP_USAGE ? exit_code_of(how) : exit_code_of_failures(l);
}

/* ---- before the work ---- */

/* Weights that cannot be loaded are wrong for every input: find out first. */
static int load_weights(loop *l)
{
    const batch *b = l->b;
    const fmpnn_model *model;
    fmpnn_error err;
    for (size_t i = 0; i < b->inputs.count; i++) {
        if (models_get(&l->models, b->inputs.item[i].options->weights, &model, &err) ==
            FMPNN_OK)
            continue;
        report_error("%s: %s", b->verb->name, err.message);
        return EXIT_USAGE;
    }
    return -1;
}

/* The same for dictionaries that are not there or no JSON. */
static int load_dictionaries(const batch *b)
{
    const fmpnn_dictionaries *value;
    fmpnn_error err;
    for (size_t i = 0; i < b->inputs.count; i++) {
        const options *o = b->inputs.item[i].options;
        if (dictionaries_get(b->dictionaries, &o->dictionaries, &value, &err) == FMPNN_OK)
            continue;
        report_error("%s: %s", b->verb->name, err.message);
        return EXIT_USAGE;
    }
    return -1;
}

static char *arguments_json(const batch *b, int argc, char **argv)
{
    json_t *list = json_array();
    json_array_append_new(list, json_string(b->verb->name));
    for (int i = 0; i < argc; i++) { /* a path need not be UTF-8 */
        json_t *text = json_string(argv[i]);
        json_array_append_new(list, text ? text : json_string("?"));
    }
    char *line = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return line;
}

/* Results of any input in the folder refuse the command before work starts, not in the middle
 * of it; fmpnn_run_begin_structure() looks again. */
static int check_existing(const batch *b)
{
    const options *o = &b->options;
    if (o->overwrite || o->resume || !is_folder(o->output))
        return -1;
    for (size_t i = 0; i < b->inputs.count; i++) {
        char path[8192];
        if (!result_path(b, &b->inputs.item[i], path, sizeof path) || !is_there(path))
            continue;
        report_error("%s: %s is there already; --overwrite replaces it, --resume keeps what "
                     "has the same settings",
                     b->verb->name, path);
        return EXIT_USAGE;
    }
    return -1;
}

static int open_run(batch *b, int argc, char **argv)
{
    const options *o = &b->options;
    fmpnn_run_options how;
    fmpnn_error err;
    fmpnn_run_options_default(&how);
    how.verb = b->verb->name;
    how.path = o->output;
    how.json = o->json;
    how.existing = o->overwrite ? FMPNN_EXISTING_OVERWRITE
                   : o->resume  ? FMPNN_EXISTING_RESUME
                                : FMPNN_EXISTING_REFUSE;
    how.with_native = o->with_native;
    how.all_chains = o->fasta_chains && !strcmp(o->fasta_chains, "all");
    if (o->separator)
        how.separator = o->separator;
    how.gaps_as = o->gaps_as ? o->gaps_as[0] : 0;
    how.save_probs = o->save_probs;
    how.backbones = o->backbones;
    how.packed = packing_format(b);
    how.columns = b->columns;
    how.column_count = b->column_count;
    char *arguments = arguments_json(b, argc, argv);
    how.arguments = arguments;
    fmpnn_status status = fmpnn_run_open(&how, &b->run, &err);
    free(arguments);
    if (status == FMPNN_OK)
        return -1;
    report_error("%s: %s", b->verb->name, err.message);
    return exit_code_of(outcome_of_output(status));
}

static int prepare_all(loop *l, int argc, char **argv)
{
    batch *b = l->b;
    int code = options_parse(b->verb, argc, argv, &b->options);
    if (code < 0)
        code = inputs_expand(b->verb, &b->options, &b->inputs);
    for (size_t i = 0; code < 0 && b->work->check && i < b->inputs.count; i++)
        code = b->work->check(b, b->inputs.item[i].options);
    if (code < 0 && b->work->makes_run)
        code = check_existing(b);
    if (code < 0)
        code = load_dictionaries(b);
    if (code < 0)
        code = device_begin(b);
    if (code < 0)
        code = load_weights(l);
    if (code < 0 && b->verb->bit == VERB_DESIGN)
        code = seed_choose(b);
    if (code < 0 && b->work->makes_run)
        code = open_run(b, argc, argv);
    if (code >= 0)
        device_forget(b);
    return code;
}

int batch_run(const verb *v, const work *w, void *state, int argc, char **argv)
{
    dictionaries read = {0};
    batch b = {.verb = v,
               .work = w,
               .state = state,
               .dictionaries = &read};
    loop l = {.b = &b};
    options_init(&b.options);
    int code = prepare_all(&l, argc, argv);
    if (code < 0) {
        interrupt_install();
        code = do_inputs(&l);
        fmpnn_error err;
        if (b.run && fmpnn_run_close(b.run, &err) != FMPNN_OK) {
            report_error("%s: %s", v->name, err.message);
            code = EXIT_SOME_FAILED;
        }
        if (w->finish)
            code = w->finish(&b, code);
    }
    for (size_t i = 0; i < l.failures; i++)
        free(l.failed[i].message);
    free(l.failed);
    free(b.plan);
    dictionaries_clear(&read);
    models_clear(&l.models);
    fmpnn_context_free(b.ctx);
    inputs_clear(&b.inputs);
    options_clear(&b.options);
    return code;
}
