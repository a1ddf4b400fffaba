/* Making a job: settings are read against the structure, ties and fixed residues against each
 * other, and the result laid out in model order. Every array has its final size from the start,
 * L being the structure's length.
 *
 * designed = (--chains or all) and (--redesign or all) and not --fix, where all backbone atoms
 * that the model needs are present. */
#include "design/order.h"
#include "design/random.h"
#include "design/resolve.h"
#include "design/states.h"

#include <math.h>
#include <string.h>

enum { NAMES_SHOWN = 8 };

static const uint64_t LARGEST_SEED = ((uint64_t)1 << 53) - 1; /* exact in JSON */
static const double LARGEST_NOISE = 100;                      /* Angstrom */

void fmpnn_settings_default(fmpnn_settings *settings)
{
    memset(settings, 0, sizeof *settings);
}

fmpnn_selector fmpnn_resolver_select(fmpnn_resolver *r, const char *option)
{
    return (fmpnn_selector){r->job->st, option, &r->notes, r->err};
}

void fmpnn_resolver_note_marked(fmpnn_resolver *r, const char *code, const char *message)
{
    const fmpnn_structure *st = r->job->st;
    if (!memchr(r->marked, 1, st->length))
        return;
    fmpnn_text names;
    fmpnn_text_init(&names);
    fmpnn_selection_print(st, r->marked, NAMES_SHOWN, &names);
    if (names.failed)
        r->notes.failed = true;
    else
        fmpnn_note(&r->notes, code, "%s: %s", message,
                   names.data ? names.data : "placeholders");
    fmpnn_text_clear(&names);
    memset(r->marked, 0, st->length);
}

/* ---- memory ---- */

/* Room for everything whose size follows from L. */
static bool allocate(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    size_t L = job->st->length, table = L * FMPNN_LETTERS;
    size_t bias = fmpnn_resolver_biased(r) ? table * sizeof(double) : 0;
    job->resolved = fmpnn_alloc_zero(L, 1);
    job->designed = fmpnn_alloc_zero(L, 1);
    job->in_designed_chain = fmpnn_alloc_zero(L, 1);
    job->letters = fmpnn_alloc_zero(L, 1);
    job->tie_weight = fmpnn_alloc_zero(L, sizeof *job->tie_weight);
    job->tie_group = fmpnn_alloc_zero(L, sizeof *job->tie_group);
    job->fixed_order = fmpnn_alloc_zero(L, sizeof *job->fixed_order);
    job->owned = fmpnn_alloc_zero(bias + (3 * L + 1) * sizeof(uint32_t) + table, 1);
    r->position_of = fmpnn_alloc_zero(L, sizeof *r->position_of);
    r->tie_rank = fmpnn_alloc_zero(L, sizeof *r->tie_rank);
    r->marked = fmpnn_alloc_zero(L, 1);
    r->chosen = fmpnn_alloc_zero(L, 1);
    if (!job->resolved || !job->designed || !job->in_designed_chain || !job->letters ||
        !job->tie_weight || !job->tie_group || !job->fixed_order || !job->owned ||
        !r->position_of || !r->tie_rank || !r->marked || !r->chosen)
        return false;
    unsigned char *block = job->owned;
    r->bias = bias ? (double *)block : NULL;
    r->start = (uint32_t *)(block + bias);
    r->member = r->start + L + 1;
    r->group_of = r->member + L;
    r->omit = (uint8_t *)(r->group_of + L);
    job->rules = (fmpnn_rules){.L = L,
                               .native = job->letters,
                               .resolved = job->resolved,
                               .designed = job->designed,
                               .omit = r->omit,
                               .bias = r->bias,
                               .start = r->start,
                               .member = r->member,
                               .group_of = r->group_of,
                               .weight = job->tie_weight};
    return true;
}

void fmpnn_job_free(fmpnn_job *job)
{
    if (!job)
        return;
    if (job->encoding && job->encoded_by && job->encoded_by->encoding_free)
        job->encoded_by->encoding_free(job->encoding);
    fmpnn_notes notes = {.warning = job->warning, .count = job->warning_count};
    fmpnn_notes_clear(&notes);
    fmpnn_release(job->echo);
    fmpnn_states_free(job->states);
    fmpnn_graph_free(job->graph);
    fmpnn_release(job->fixed_order);
    fmpnn_release(job->pssm_bias);
    fmpnn_release(job->pssm_coef);
    fmpnn_release(job->owned);
    fmpnn_release(job->tie_group);
    fmpnn_release(job->tie_weight);
    fmpnn_release(job->letters);
    fmpnn_release(job->in_designed_chain);
    fmpnn_release(job->designed);
    fmpnn_release(job->resolved);
    fmpnn_inputs_free(job->inputs);
    fmpnn_release(job);
}

/* ---- who is designed ---- */

/* Model order depends on the chains that are designed (original reading). */
static fmpnn_status make_inputs(fmpnn_resolver *r, const uint8_t *in_chain)
{
    fmpnn_job *job = r->job;
    const fmpnn_structure *st = job->st;
    const char **name = fmpnn_alloc(st->length, sizeof *name);
    size_t count = 0;
    if (!name)
        return fmpnn_fail_memory(r->err, "preparing the structure");
    for (size_t i = 0; i < st->length; i++)
        if (in_chain[i] && (!count || strcmp(name[count - 1], st->residue[i].chain)))
            name[count++] = st->residue[i].chain;
    fmpnn_status status = fmpnn_inputs_create(st, name, count, job->model->info.ca_only,
                                              &job->inputs, r->err);
    fmpnn_release(name);
    if (status)
        return status;
    for (uint32_t i = 0; i < st->length; i++) {
        uint32_t residue = job->inputs->residue_of[i];
        r->position_of[residue] = i;
        job->resolved[i] = job->inputs->mask[i] != 0;
        job->letters[i] = job->inputs->native[i];
        job->in_designed_chain[i] = in_chain[residue];
    }
    return FMPNN_OK;
}

/* Something must be resolved, or there is nothing for the network to look at. */
static fmpnn_status check_atoms(const fmpnn_resolver *r)
{
    const fmpnn_structure *st = r->job->st;
    bool ca = false;
    if (memchr(r->job->resolved, 1, st->length))
        return FMPNN_OK;
    for (size_t i = 0; i < st->length; i++)
        ca = ca || st->residue[i].present >> FMPNN_ATOM_CA & 1;
    if (ca && r->settings->pack)
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: no residue has N, CA, C and O, but there are CA atoms: side chains "
                          "need a whole backbone",
                          st->name);
    if (ca && !r->job->model->info.ca_only)
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: no residue has N, CA, C and O, but there are CA atoms; use "
                          "--weights ca",
                          st->name);
    return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: no residue has %s", st->name,
                      r->job->model->info.ca_only ? "a CA atom" : "N, CA, C and O");
}

/* A residue of --redesign that --chains leaves out cannot be meant. */
static fmpnn_status check_redesign(const fmpnn_resolver *r, const uint8_t *in_chain,
                                   const uint8_t *wanted)
{
    const fmpnn_structure *st = r->job->st;
    char name[40];
    for (size_t i = 0; i < st->length; i++)
        if (wanted[i] && !in_chain[i]) {
            fmpnn_residue_name(&st->residue[i], name);
            return fmpnn_fail(
                r->err, FMPNN_ESELECT,
                "--redesign: %s is outside the chains to design%s%.80s; add chain %s "
                "there, or leave --chains out",
                name, r->settings->chains ? ", --chains " : "",
                r->settings->chains ? r->settings->chains : "", st->residue[i].chain);
        }
    return FMPNN_OK;
}

/* Chains, residues and fixed residues of the settings as masks over the structure, and from
 * them the job's. */
static fmpnn_status choose_residues(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    const fmpnn_settings *settings = r->settings;
    size_t L = job->st->length;
    fmpnn_selector chains = fmpnn_resolver_select(r, "--chains");
    fmpnn_selector redesign = fmpnn_resolver_select(r, "--redesign");
    fmpnn_selector fix = fmpnn_resolver_select(r, "--fix");
    uint8_t *in_chain = fmpnn_alloc_zero(4 * L, 1), *wanted = in_chain + L,
            *fixed = wanted + L, *fixed_too = fixed + L; /* the last by position */
    fmpnn_status status;
    if (!in_chain)
        return fmpnn_fail_memory(r->err, "choosing residues");
    memset(in_chain, fmpnn_items_none(settings->chains), L);
    memset(wanted, fmpnn_items_none(settings->redesign), L);
    status = fmpnn_select_chains(&chains, settings->chains, in_chain);
    if (!status)
        status = fmpnn_resolve_dictionaries(r, in_chain);
    if (!status)
        status = make_inputs(r, in_chain);
    if (!status)
        status = check_atoms(r);
    if (!status)
        status = fmpnn_select(&redesign, settings->redesign, wanted);
    if (!status && !fmpnn_items_none(settings->redesign))
        status = check_redesign(r, in_chain, wanted);
    if (!status)
        status = fmpnn_select(&fix, settings->fix, fixed);
    if (!status)
        status = fmpnn_resolve_fixed(r, fixed_too);
    if (!status) {
        for (size_t i = 0; i < L; i++) {
            uint32_t at = r->position_of[i];
            bool chosen = in_chain[i] && wanted[i] && !fixed[i] && !fixed_too[at];
            r->chosen[at] = chosen;
            job->designed[at] = chosen && job->resolved[at];
            r->marked[i] = chosen && !job->resolved[at] && !job->st->residue[i].placeholder;
        }
        fmpnn_resolver_note_marked(r, "unresolved-designed",
                                   "not designed, because backbone atoms are missing");
    }
    fmpnn_release(in_chain);
    return status;
}

/* ---- checks ---- */

static fmpnn_status check_settings(const fmpnn_resolver *r)
{
    const fmpnn_settings *settings = r->settings;
    if (settings->seed > LARGEST_SEED)
        return fmpnn_fail(r->err, FMPNN_EINVAL, "--seed: %llu is above %llu (2^53-1)",
                          (unsigned long long)settings->seed,
                          (unsigned long long)LARGEST_SEED);
    if (!(settings->noise >= 0 && settings->noise <= LARGEST_NOISE)) /* so that NaN fails */
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "--noise: %g is not within 0 to %g Angstrom", settings->noise,
                          LARGEST_NOISE);
    return FMPNN_OK;
}

/* Something is designed, and some letter is left wherever it is. */
static fmpnn_status check_designed(const fmpnn_resolver *r)
{
    const fmpnn_job *job = r->job;
    char name[40];
    size_t designed = 0;
    for (size_t i = 0; i < job->inputs->L; i++) {
        if (!job->designed[i])
            continue;
        designed++;
        if (memchr(r->omit + i * FMPNN_LETTERS, 0, FMPNN_LETTERS))
            continue;
        fmpnn_residue_name(&job->st->residue[job->inputs->residue_of[i]], name);
        return fmpnn_fail(r->err, FMPNN_EINVAL, "%s: every letter is omitted at %s",
                          r->settings->dictionaries ? "--omit, --omit-AA-jsonl" : "--omit",
                          name);
    }
    if (!designed)
        return fmpnn_fail(
            r->err, FMPNN_ESELECT,
            "%s: nothing to %s: every residue is fixed, left out, or lacks "
            "backbone atoms",
            job->st->name, r->settings->pack ? "pack" : "design");
    return FMPNN_OK;
}

/* ---- what the network sees ---- */

/* Gaussian noise on every coordinate that is present: one perturbed backbone for each (seed,
 * backbone), keyed by the residue's place in the file, so that the choice of designed chains
 * does not change it. */
static bool add_noise(const fmpnn_inputs *inputs, const char *digest, uint64_t seed,
                      double sigma, float *xyz)
{
    enum { PAIRS = 6 }; /* 12 coordinates, two numbers at a time */
    fmpnn_stream stream;
    if (!fmpnn_stream_init(&stream, seed, digest, 0))
        return false;
    for (size_t i = 0; i < inputs->L; i++)
        for (uint32_t pair = 0; pair < PAIRS; pair++) {
            double normal[2];
            float *at = xyz + i * 2 * PAIRS + 2 * (size_t)pair;
            fmpnn_normal2(&stream, 0, inputs->residue_of[i] * PAIRS + pair,
                          FMPNN_FOR_NOISE, normal);
            at[0] = (float)(at[0] + sigma * normal[0]); /* NaN stays NaN */
            at[1] = (float)(at[1] + sigma * normal[1]);
        }
    return true;
}

fmpnn_status fmpnn_inputs_graph(const fmpnn_inputs *inputs, const fmpnn_structure *st,
                                const fmpnn_model *model, uint64_t seed, double noise,
                                fmpnn_graph **graph, fmpnn_error *err)
{
    fmpnn_status status;
    float *xyz = fmpnn_alloc(inputs->L * 12, sizeof *xyz);
    if (!xyz) {
        status = fmpnn_fail_memory(err, "making the graph");
        goto done;
    }
    memcpy(xyz, inputs->xyz, inputs->L * 12 * sizeof *xyz);
    if (noise > 0 && !add_noise(inputs, st->digest, seed, noise, xyz)) {
        status = fmpnn_fail_memory(err, "adding noise");
        goto done;
    }
    status = fmpnn_graph_create(inputs->L, xyz, inputs->mask, inputs->index, inputs->chain,
                                (size_t)model->info.neighbours, model->info.ca_only, graph,
                                err);
done:
    fmpnn_release(xyz);
    return status;
}

static fmpnn_status draw_fixed_order(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    fmpnn_stream stream;
    if (!fmpnn_stream_init(&stream, job->seed, job->st->digest, 0))
        return fmpnn_fail_memory(r->err, "drawing a decoding order");
    job->fixed_count =
        fmpnn_order_fixed(job->inputs->L, job->designed, &stream, job->fixed_order);
    return FMPNN_OK;
}

/* ---- the whole ---- */

static fmpnn_status resolve(fmpnn_resolver *r)
{
    fmpnn_status status = check_settings(r);
    if (!status && r->settings->pack && !r->job->model->packer.node.w)
        status = fmpnn_fail(r->err, FMPNN_EINVAL,
                            "weights %s place no side chains; those that do are --weights packer",
                            r->job->model->info.name);
    if (!status && r->job->model->packer.node.w && !r->settings->pack)
        status = fmpnn_fail(r->err, FMPNN_EINVAL,
                            "weights %s place side chains and know nothing of letters; for "
                            "sequences use --weights ligand",
                            r->job->model->info.name);
    if (!status && !allocate(r))
        status = fmpnn_fail_memory(r->err, "making the job");
    if (!status)
        status = choose_residues(r);
    if (!status)
        status = fmpnn_resolve_omit(r);
    if (!status && r->bias)
        status = fmpnn_resolve_bias(r);
    if (!status)
        status = fmpnn_resolve_letters(r);
    if (!status)
        status = fmpnn_resolve_ties(r);
    if (!status)
        status = fmpnn_resolve_groups(r);
    if (!status)
        status = fmpnn_resolve_pssm(r);
    if (!status)
        status = check_designed(r);
    if (!status)
        status = fmpnn_inputs_graph(r->job->inputs, r->job->st, r->job->model, r->job->seed,
                                    r->settings->noise, &r->job->graph, r->err);
    if (!status)
        status = fmpnn_resolve_states(r);
    if (!status)
        status = fmpnn_resolve_seen(r);
    if (!status)
        status = draw_fixed_order(r);
    if (!status)
        status = fmpnn_resolve_echo(r);
    if (!status)
        status = fmpnn_resolve_digest(r);
    if (!status && r->notes.failed)
        status = fmpnn_fail_memory(r->err, "writing warnings");
    return status;
}

fmpnn_status fmpnn_job_create(const fmpnn_structure *st, const fmpnn_model *model,
                              const fmpnn_settings *settings, fmpnn_job **out,
                              fmpnn_error *err)
{
    fmpnn_settings defaults;
    fmpnn_settings_default(&defaults);
    fmpnn_job *job = fmpnn_alloc_zero(1, sizeof *job);
    if (!job)
        return fmpnn_fail_memory(err, "making the job");
    fmpnn_resolver r = {
        .job = job, .settings = settings ? settings : &defaults, .err = err};
    job->st = st;
    job->model = model;
    job->seed = r.settings->seed;
    job->hide_ligands = r.settings->hide_ligands;
    fmpnn_status status = resolve(&r);
    fmpnn_release(r.ordinal_position);
    fmpnn_release(r.ordinal_chain);
    fmpnn_release(r.chosen);
    fmpnn_release(r.marked);
    fmpnn_release(r.tie_rank);
    fmpnn_release(r.position_of);
    job->warning = r.notes.warning;
    job->warning_count = r.notes.count;
    if (status)
        fmpnn_job_free(job);
    else
        *out = job;
    return status;
}

/* ---- what a job tells ---- */

size_t fmpnn_job_length(const fmpnn_job *job)
{
    return job->inputs->L;
}

fmpnn_position fmpnn_job_position(const fmpnn_job *job, size_t i)
{
    return (fmpnn_position){.residue = &job->st->residue[job->inputs->residue_of[i]],
                            .resolved = job->resolved[i],
                            .designed = job->designed[i],
                            .in_designed_chain = job->in_designed_chain[i],
                            .native = job->inputs->native[i],
                            .group = job->tie_group[i],
                            .weight = job->tie_weight[i]};
}

const fmpnn_structure *fmpnn_job_structure(const fmpnn_job *job)
{
    return job->st;
}

const fmpnn_model *fmpnn_job_model(const fmpnn_job *job)
{
    return job->model;
}

uint64_t fmpnn_job_seed(const fmpnn_job *job)
{
    return job->seed;
}

size_t fmpnn_job_warning_count(const fmpnn_job *job)
{
    return job->warning_count;
}

fmpnn_warning fmpnn_job_warning(const fmpnn_job *job, size_t n)
{
    return job->warning[n];
}

const char *fmpnn_job_echo(const fmpnn_job *job)
{
    return job->echo;
}

const char *fmpnn_job_digest(const fmpnn_job *job)
{
    return job->digest;
}
