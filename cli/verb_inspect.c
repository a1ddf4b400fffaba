/* inspect: what the model will see, before running. One row a chain, or a residue; the same as
 * JSON Lines, an object a structure. Warnings go to stderr as in every verb, and into the JSON. */
#include "batch.h"
#include "place.h"
#include "progress.h"
#include "report.h"
#include "table.h"
#include "verbs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char chain_titles[] =
    "name chain first last residues resolved unresolved gaps "
    "designed fixed tied warnings hetero_atoms digest model "
    "weights memory_mib";
static const char residue_titles[] = "name chain resnum icode residue letter index atoms "
                                     "resolved designed group weight ordinal";
static const char *const atom_name[4] = {"N", "CA", "C", "O"};

typedef struct inspect_state {
    table table;
    char *text; /* JSON Lines, or the printed table */
    size_t size;
    FILE *lines;
} inspect_state;

/* ---- a chain, counted ---- */

typedef struct chain_view {
    const fmpnn_residue *first, *last;
    size_t residues, resolved, gaps, designed, fixed, tied;
} chain_view;

static void count_position(chain_view *c, const fmpnn_position *p)
{
    if (!c->first)
        c->first = p->residue;
    else
        c->gaps += p->residue->number > c->last->number + 1;
    c->last = p->residue;
    c->residues++;
    c->resolved += p->resolved;
    c->designed += p->designed;
    c->fixed += p->resolved && !p->designed;
    c->tied += p->group >= 0;
}

/* Positions of one chain are adjacent in model order, whatever the reading. */
static size_t view_chain(const fmpnn_job *job, size_t begin, chain_view *c)
{
    memset(c, 0, sizeof *c);
    size_t i = begin;
    for (; i < fmpnn_job_length(job); i++) {
        fmpnn_position p = fmpnn_job_position(job, i);
        if (c->first && p.residue->chain_id != c->first->chain_id)
            break;
        count_position(c, &p);
    }
    return i;
}

/* ---- tables ---- */

static void add_chains(table *t, const char *name, const fmpnn_job *job,
                       const fmpnn_memory_plan *plan)
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    fmpnn_model_info info;
    fmpnn_model_describe(fmpnn_job_model(job), &info);
    for (size_t i = 0; i < fmpnn_job_length(job);) {
        chain_view c;
        char first[40], last[40];
        i = view_chain(job, i, &c);
        fmpnn_residue_name(c.first, first);
        fmpnn_residue_name(c.last, last);
        table_add(t, "%s", name);
        table_add(t, "%s", c.first->chain);
        table_add(t, "%s", first);
        table_add(t, "%s", last);
        table_add(t, "%zu", c.residues);
        table_add(t, "%zu", c.resolved);
        table_add(t, "%zu", c.residues - c.resolved);
        table_add(t, "%zu", c.gaps);
        table_add(t, "%zu", c.designed);
        table_add(t, "%zu", c.fixed);
        table_add(t, "%zu", c.tied);
        table_add(t, "%zu",
                  fmpnn_structure_warning_count(st) + fmpnn_job_warning_count(job));
        table_add(t, "%zu", fmpnn_structure_hetero_atoms(st));
        table_add(t, "%.12s", fmpnn_structure_digest(st));
        table_add(t, "%s", info.name);
        table_add(t, "%.12s", info.digest);
        table_add(t, "%.0f", (double)plan->planned / (1 << 20));
    }
}

static void list_atoms(const fmpnn_residue *residue, char text[16])
{
    text[0] = 0;
    for (int a = 0; a < 4; a++) {
        if (residue->present >> a & 1)
            strcat(strcat(text, *text ? "," : ""), atom_name[a]);
    }
    if (!*text)
        strcpy(text, "none");
}

static void add_residues(table *t, const char *name, const fmpnn_job *job)
{
    for (size_t i = 0; i < fmpnn_job_length(job); i++) {
        fmpnn_position p = fmpnn_job_position(job, i);
        const fmpnn_residue *r = p.residue;
        char atoms[16], icode[2] = {r->icode == ' ' ? 0 : r->icode, 0};
        list_atoms(r, atoms);
        table_add(t, "%s", name);
        table_add(t, "%s", r->chain);
        table_add(t, "%d", (int)r->number);
        table_add(t, "%s", icode);
        table_add(t, "%s", r->placeholder ? "-" : r->name);
        table_add(t, "%c", r->letter);
        table_add(t, "%d", (int)r->index);
        table_add(t, "%s", atoms);
        table_add(t, "%d", p.resolved);
        table_add(t, "%d", p.designed);
        if (p.group >= 0) {
            table_add(t, "%d", (int)p.group);
            table_add(t, "%g", p.weight);
        } else {
            table_add(t, "%s", "");
            table_add(t, "%s", "");
        }
        if (r->ordinal)
            table_add(t, "%d", (int)r->ordinal);
        else
            table_add(t, "%s", "");
    }
}

/* ---- JSON ---- */

/* Names come from files and need not be UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : json_string("?");
}

static json_t *chains_json(const fmpnn_job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < fmpnn_job_length(job);) {
        chain_view c;
        char first[40], last[40];
        i = view_chain(job, i, &c);
        fmpnn_residue_name(c.first, first);
        fmpnn_residue_name(c.last, last);
        json_t *one = json_object();
        json_object_set_new(one, "chain", text_json(c.first->chain));
        json_object_set_new(one, "first", text_json(first));
        json_object_set_new(one, "last", text_json(last));
        json_object_set_new(one, "residues", json_integer((json_int_t)c.residues));
        json_object_set_new(one, "resolved", json_integer((json_int_t)c.resolved));
        json_object_set_new(one, "unresolved",
                            json_integer((json_int_t)(c.residues - c.resolved)));
        json_object_set_new(one, "gaps", json_integer((json_int_t)c.gaps));
        json_object_set_new(one, "designed", json_integer((json_int_t)c.designed));
        json_object_set_new(one, "fixed", json_integer((json_int_t)c.fixed));
        json_object_set_new(one, "tied", json_integer((json_int_t)c.tied));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *residues_json(const fmpnn_job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < fmpnn_job_length(job); i++) {
        fmpnn_position p = fmpnn_job_position(job, i);
        const fmpnn_residue *r = p.residue;
        char icode[2] = {r->icode == ' ' ? 0 : r->icode, 0}, letter[2] = {r->letter, 0};
        json_t *one = json_object(), *atoms = json_array();
        for (int a = 0; a < 4; a++) {
            if (r->present >> a & 1)
                json_array_append_new(atoms, json_string(atom_name[a]));
        }
        json_object_set_new(one, "chain", text_json(r->chain));
        json_object_set_new(one, "resnum", json_integer(r->number));
        json_object_set_new(one, "icode", text_json(icode));
        json_object_set_new(one, "residue",
                            r->placeholder ? json_null() : text_json(r->name));
        json_object_set_new(one, "letter", text_json(letter));
        json_object_set_new(one, "index", json_integer(r->index));
        json_object_set_new(one, "atoms", atoms);
        json_object_set_new(one, "resolved", json_boolean(p.resolved));
        json_object_set_new(one, "designed", json_boolean(p.designed));
        json_object_set_new(one, "group",
                            p.group >= 0 ? json_integer(p.group) : json_null());
        json_object_set_new(one, "weight",
                            p.group >= 0 ? json_real(p.weight) : json_null());
        json_object_set_new(one, "ordinal",
                            r->ordinal ? json_integer(r->ordinal) : json_null());
        json_array_append_new(list, one);
    }
    return list;
}

static void append_warning(json_t *list, fmpnn_warning warning)
{
    json_t *one = json_object();
    json_object_set_new(one, "code", text_json(warning.code));
    json_object_set_new(one, "message", text_json(warning.message));
    json_array_append_new(list, one);
}

static json_t *warnings_json(const fmpnn_job *job)
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    json_t *list = json_array();
    for (size_t i = 0; i < fmpnn_structure_warning_count(st); i++)
        append_warning(list, fmpnn_structure_warning(st, i));
    for (size_t i = 0; i < fmpnn_job_warning_count(job); i++)
        append_warning(list, fmpnn_job_warning(job, i));
    return list;
}

static size_t *ligands_seen(const fmpnn_job *job)
{
    fmpnn_error err;
    size_t count = fmpnn_structure_ligand_count(fmpnn_job_structure(job));
    size_t *seen = checked_alloc(count + 1, sizeof *seen);
    if (fmpnn_job_ligands_seen(job, seen, &err))
        memset(seen, 0, count * sizeof *seen);
    return seen;
}

static json_t *ligands_json(const fmpnn_job *job)
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    size_t *seen = ligands_seen(job);
    json_t *list = json_array();
    for (size_t n = 0; n < fmpnn_structure_ligand_count(st); n++) {
        fmpnn_ligand ligand = fmpnn_structure_ligand(st, n);
        char icode[2] = {ligand.icode == ' ' ? 0 : ligand.icode, 0};
        json_t *one = json_object();
        json_object_set_new(one, "chain", text_json(ligand.chain));
        json_object_set_new(one, "resnum", json_integer(ligand.number));
        json_object_set_new(one, "icode", text_json(icode));
        json_object_set_new(one, "residue", text_json(ligand.name));
        json_object_set_new(one, "atoms", json_integer((json_int_t)ligand.atoms));
        json_object_set_new(one, "usable", json_integer((json_int_t)ligand.usable));
        json_object_set_new(one, "seen", json_integer((json_int_t)seen[n]));
        json_array_append_new(list, one);
    }
    free(seen);
    return list;
}

static json_t *model_json(const fmpnn_job *job)
{
    fmpnn_model_info info;
    fmpnn_model_describe(fmpnn_job_model(job), &info);
    json_t *one = json_object();
    json_object_set_new(one, "name", text_json(info.name));
    json_object_set_new(one, "kind", text_json(info.kind));
    json_object_set_new(one, "digest", text_json(info.digest));
    json_object_set_new(one, "neighbours", json_integer(info.neighbours));
    return one;
}

static json_t *memory_json(const fmpnn_memory_plan *plan)
{
    json_t *one = json_object();
    json_object_set_new(one, "limit",
                        plan->limit ? json_integer((json_int_t)plan->limit) : json_null());
    json_object_set_new(one, "least", json_integer((json_int_t)plan->least));
    json_object_set_new(one, "planned", json_integer((json_int_t)plan->planned));
    json_object_set_new(one, "layers_held", json_integer((json_int_t)plan->layers_held));
    json_object_set_new(one, "layers", json_integer((json_int_t)plan->layers));
    return one;
}

static void print_json(FILE *out, const char *name, const fmpnn_job *job,
                       const fmpnn_memory_plan *plan, bool residues)
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    size_t L = fmpnn_job_length(job), resolved = 0, designed = 0;
    for (size_t i = 0; i < L; i++) {
        fmpnn_position p = fmpnn_job_position(job, i);
        resolved += p.resolved;
        designed += p.designed;
    }
    json_t *all = json_object();
    json_object_set_new(all, "name", text_json(name));
    json_object_set_new(all, "reading",
                        json_string(fmpnn_structure_reading(st) == FMPNN_READING_AUTHOR
                                        ? "author"
                                        : "original"));
    json_object_set_new(all, "digest", json_string(fmpnn_structure_digest(st)));
    json_object_set_new(all, "residues", json_integer((json_int_t)L));
    json_object_set_new(all, "resolved", json_integer((json_int_t)resolved));
    json_object_set_new(all, "designed", json_integer((json_int_t)designed));
    json_object_set_new(all, "hetero_atoms",
                        json_integer((json_int_t)fmpnn_structure_hetero_atoms(st)));
    json_object_set_new(all, "ligands", ligands_json(job));
    json_object_set_new(all, "chains", chains_json(job));
    json_t *echo = json_loads(fmpnn_job_echo(job), 0, NULL);
    json_object_set_new(all, "selections", echo ? echo : json_null());
    json_object_set_new(all, "weights", model_json(job));
    json_object_set_new(all, "memory", memory_json(plan));
    json_object_set_new(all, "warnings", warnings_json(job));
    if (residues)
        json_object_set_new(all, "residue_list", residues_json(job));
    json_dumpf(all, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
    fputc('\n', out);
    json_decref(all);
}

/* ---- the verb ---- */

static size_t count_units(const batch *b, const options *o)
{
    (void)b;
    (void)o;
    return 1;
}

/* Each ligand, and how many of its atoms the weights see. */
static void note_ligands(const batch *b, const char *name, const fmpnn_job *job)
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    fmpnn_model_info info;
    fmpnn_model_describe(fmpnn_job_model(job), &info);
    if (!info.context_atoms)
        return;
    size_t *seen = ligands_seen(job);
    for (size_t n = 0; n < fmpnn_structure_ligand_count(st); n++) {
        char text[160], place[40];
        fmpnn_ligand ligand = fmpnn_structure_ligand(st, n);
        fmpnn_residue residue = {.number = ligand.number, .icode = ligand.icode};
        memcpy(residue.chain, ligand.chain, sizeof residue.chain);
        fmpnn_residue_name(&residue, place);
        snprintf(text, sizeof text, "%s %s: %zu of %zu atoms are seen", place, ligand.name,
                 seen[n], ligand.atoms);
        report_note(b->options.quiet, name, "ligand", text);
    }
    free(seen);
}

static outcome inspect_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    inspect_state *state = b->state;
    fmpnn_memory_plan plan;
    fmpnn_status status = fmpnn_job_memory(b->ctx, job, &plan, err);
    if (status)
        return outcome_of_compute(status);
    if (!b->options.json)
        note_ligands(b, in->name, job);
    if (b->options.json)
        print_json(state->lines, in->name, job, &plan, b->options.residues);
    else if (b->options.residues)
        add_residues(&state->table, in->name, job);
    else
        add_chains(&state->table, in->name, job, &plan);
    progress_add(in->name, 1);
    return OUTCOME_DONE;
}

static int check_place(batch *b, const options *o)
{
    inspect_state *state = b->state;
    (void)o;
    if (!state->table.columns) /* the first input */
        table_init(&state->table, b->options.residues ? residue_titles : chain_titles);
    return place_check("inspect", b->options.output, b->options.overwrite);
}

static int print_all(batch *b, int code)
{
    inspect_state *state = b->state;
    bool padded = !b->options.output && isatty(STDOUT_FILENO);
    if (!b->options.json && state->table.cells > state->table.columns)
        table_print(&state->table, padded, state->lines);
    fflush(state->lines);
    if (code == EXIT_DONE && b->options.strict && b->warnings > 0)
        code = EXIT_SOME_FAILED;
    if (state->size == 0) /* nothing could be read: leave no file */
        return code;
    return place_write("inspect", b->options.output, state->text, state->size, code);
}

int cli_inspect(const verb *v, int argc, char **argv)
{
    static const work inspect = {.unit = "structures", .units = count_units,
                                 .check = check_place, .each = inspect_one,
                                 .finish = print_all};
    inspect_state state = {0};
    state.lines = open_memstream(&state.text, &state.size);
    if (!state.lines) {
        report_error("inspect: out of memory");
        return EXIT_SOME_FAILED;
    }
    int code = batch_run(v, &inspect, &state, argc, argv);
    fclose(state.lines);
    free(state.text);
    table_clear(&state.table);
    return code;
}
