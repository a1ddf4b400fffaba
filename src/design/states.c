#include "design/states.h"

#include "design/order.h"
#include "design/resolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST_WEIGHT = 1e6;

/* ---- finding a residue by its name ---- */

/* The residues of a structure sorted by name; placeholders are none. */
static const fmpnn_residue **sort_residues(const fmpnn_structure *st, size_t *count)
{
    const fmpnn_residue **sorted = fmpnn_alloc(st->length + 1, sizeof *sorted);
    *count = 0;
    for (size_t i = 0; sorted && i < st->length; i++)
        if (!st->residue[i].placeholder)
            sorted[(*count)++] = &st->residue[i];
    if (sorted)
        qsort(sorted, *count, sizeof *sorted, fmpnn_residue_compare);
    return sorted;
}

/* Its number in the structure, or UINT32_MAX. */
static uint32_t find_residue(const fmpnn_structure *st, const fmpnn_residue **sorted,
                             size_t count, const fmpnn_residue *wanted)
{
    const fmpnn_residue **at =
        bsearch(&wanted, sorted, count, sizeof *sorted, fmpnn_residue_compare);
    return at ? (uint32_t)(*at - st->residue) : UINT32_MAX;
}

/* ---- one state against the job ---- */

/* A state being read: its residues by name, and which of them the settings would design. */
typedef struct state_reader {
    fmpnn_resolver *r;
    fmpnn_part *part;
    uint8_t *asked;        /* [length] */
    uint32_t *position_of; /* [length] model position of each residue */
} state_reader;

static const fmpnn_residue *own_residue(const fmpnn_job *job, size_t i)
{
    return &job->st->residue[job->inputs->residue_of[i]];
}

static bool is_designed_chain(const fmpnn_job *job, const char *chain)
{
    for (size_t i = 0; i < job->inputs->L; i++)
        if (job->in_designed_chain[i] && !strcmp(own_residue(job, i)->chain, chain))
            return true;
    return false;
}

/* The job's chains, --redesign and --fix, read against the state. */
static fmpnn_status ask(state_reader *s)
{
    fmpnn_resolver *r = s->r;
    const fmpnn_structure *st = s->part->st;
    const fmpnn_settings *settings = r->settings;
    size_t L = st->length;
    fmpnn_selector redesign = {st, "--redesign", &r->notes, r->err};
    fmpnn_selector fix = {st, "--fix", &r->notes, r->err};
    const char **chain = fmpnn_alloc(L + 1, sizeof *chain);
    uint8_t *in_chain = fmpnn_alloc_zero(2 * L + 1, 1), *fixed = in_chain + L;
    size_t chains = 0;
    fmpnn_status status = FMPNN_OK;
    if (!chain || !in_chain) {
        status = fmpnn_fail_memory(r->err, "reading states");
        goto done;
    }
    for (size_t i = 0; i < L; i++) {
        bool begins = !i || st->residue[i].chain_id != st->residue[i - 1].chain_id;
        in_chain[i] =
            begins ? is_designed_chain(r->job, st->residue[i].chain) : in_chain[i - 1];
        if (begins && in_chain[i])
            chain[chains++] = st->residue[i].chain;
    }
    memset(s->asked, fmpnn_items_none(settings->redesign), L);
    status = fmpnn_select(&redesign, settings->redesign, s->asked);
    if (!status)
        status = fmpnn_select(&fix, settings->fix, fixed);
    for (size_t i = 0; i < L && !status; i++)
        s->asked[i] =
            s->asked[i] && in_chain[i] && !fixed[i] && !st->residue[i].placeholder;
    if (!status)
        status = fmpnn_inputs_create(st, chain, chains, false, &s->part->inputs, r->err);
    for (uint32_t i = 0; i < L && !status; i++)
        s->position_of[s->part->inputs->residue_of[i]] = i;
done:
    fmpnn_release(in_chain);
    fmpnn_release(chain);
    return status;
}

/* Refuse over residues [count] of `whose`, the first of them `residue`. */
static fmpnn_status refuse(const state_reader *s, const fmpnn_residue *residue,
                           size_t count, bool lacking)
{
    char name[40], more[40] = "";
    fmpnn_residue_name(residue, name);
    if (count > 1)
        snprintf(more, sizeof more, " (and %zu more)", count - 1);
    return fmpnn_fail(
        s->r->err, FMPNN_ESELECT,
        "--state: %s: %s %s%s, designed in %s; all states need the designed residues, by "
        "chain, number and insertion code: leave others out with --redesign or --fix",
        lacking ? s->part->st->name : s->r->job->st->name, "there is no", name, more,
        lacking ? s->r->job->st->name : s->part->st->name);
}

/* The copy of every residue of the job's designed chains. */
static fmpnn_status match(state_reader *s)
{
    const fmpnn_job *job = s->r->job;
    const fmpnn_structure *st = s->part->st;
    const fmpnn_residue *missing = NULL, *extra = NULL;
    size_t here, there, missed = 0, extras = 0;
    const fmpnn_residue **own = sort_residues(job->st, &here);
    const fmpnn_residue **other = sort_residues(st, &there);
    fmpnn_status status = FMPNN_OK;
    if (!own || !other) {
        status = fmpnn_fail_memory(s->r->err, "reading states");
        goto done;
    }
    for (size_t i = 0; i < job->inputs->L; i++) {
        const fmpnn_residue *residue = own_residue(job, i);
        s->part->copy[i] = UINT32_MAX;
        if (!job->in_designed_chain[i] || residue->placeholder)
            continue;
        uint32_t at = find_residue(st, other, there, residue);
        if (at != UINT32_MAX)
            s->part->copy[i] = (uint32_t)s->part->first + s->position_of[at];
        else if (job->designed[i] && !missed++)
            missing = residue;
    }
    for (size_t i = 0; i < st->length; i++)
        if (s->asked[i] && s->part->inputs->mask[s->position_of[i]] != 0 &&
            find_residue(job->st, own, here, &st->residue[i]) == UINT32_MAX && !extras++)
            extra = &st->residue[i];
    if (missing)
        status = refuse(s, missing, missed, true);
    else if (extra)
        status = refuse(s, extra, extras, false);
done:
    fmpnn_release(other);
    fmpnn_release(own);
    return status;
}

/* What is kept of the job's letters against the state's own. */
static void note_letters(const state_reader *s)
{
    fmpnn_resolver *r = s->r;
    const fmpnn_job *job = r->job;
    char message[200];
    for (size_t i = 0; i < job->inputs->L; i++) {
        uint32_t at = s->part->copy[i];
        r->marked[job->inputs->residue_of[i]] =
            at != UINT32_MAX && !job->designed[i] && job->resolved[i] &&
            s->part->inputs->native[at - s->part->first] != job->letters[i];
    }
    snprintf(message, sizeof message, "fixed to another letter than that of state %.80s",
             s->part->st->name);
    fmpnn_resolver_note_marked(r, "state-letters", message);
}

static fmpnn_status read_state(fmpnn_resolver *r, struct fmpnn_states *states,
                               fmpnn_part *part)
{
    const fmpnn_job *job = r->job;
    state_reader s = {.r = r, .part = part};
    const fmpnn_structure *st = part->st;
    s.asked = fmpnn_alloc_zero(st->length, 1);
    s.position_of = fmpnn_alloc_zero(st->length, sizeof *s.position_of);
    part->copy = fmpnn_alloc(states->own, sizeof *part->copy);
    part->share = fmpnn_alloc_zero(states->own, sizeof *part->share);
    fmpnn_status status = s.asked && s.position_of && part->copy && part->share
                              ? FMPNN_OK
                              : fmpnn_fail_memory(r->err, "reading states");
    part->first = states->L;
    if (!status) {
        status = ask(&s);
        if (status == FMPNN_ESELECT || status == FMPNN_EINVAL)
            status = fmpnn_fail_in(r->err, status, "--state: %s", st->name);
    }
    if (!status)
        status = match(&s);
    if (!status) {
        note_letters(&s);
        status = fmpnn_inputs_graph(part->inputs, st, job->model, job->seed,
                                    r->settings->noise, &part->graph, r->err);
    }
    if (!status && part->graph->K != job->graph->K)
        status =
            fmpnn_fail(r->err, FMPNN_ESELECT,
                       "--state: %s has %zu residues, %s %zu: states of different "
                       "lengths need %d at least, the neighbours that the network sees",
                       st->name, part->graph->L, job->st->name, job->graph->L,
                       job->model->info.neighbours);
    states->L += st->length;
    fmpnn_release(s.position_of);
    fmpnn_release(s.asked);
    return status;
}

/* ---- shares ---- */

static bool is_resolved(const fmpnn_part *part, size_t i)
{
    return part->copy[i] != UINT32_MAX &&
           part->inputs->mask[part->copy[i] - part->first] != 0;
}

/* Each residue's weights, over the states in which it is resolved. Outside the designed chains
 * a residue is that of the job's own structure. */
static fmpnn_status share_out(fmpnn_resolver *r, struct fmpnn_states *states)
{
    const fmpnn_job *job = r->job;
    char name[40];
    for (size_t i = 0; i < states->own; i++) {
        double sum = 0;
        bool wanted = false;
        for (size_t s = 0; s < states->count; s++) {
            const fmpnn_part *part = &states->part[s];
            bool counts = is_resolved(part, i) && (s == 0 || job->in_designed_chain[i]);
            sum += counts ? fabs(part->weight) : 0;
            wanted = wanted || (counts && part->weight > 0);
        }
        for (size_t s = 0; s < states->count; s++)
            states->part[s].share[i] =
                is_resolved(&states->part[s], i) ? states->part[s].weight / sum : 0;
        if (!job->in_designed_chain[i] || sum == 0)
            states->part[0].share[i] = 1;
        if (wanted || !job->designed[i])
            continue;
        fmpnn_residue_name(own_residue(job, i), name);
        return fmpnn_fail(
            r->err, FMPNN_ESELECT,
            "--state: %s has its backbone atoms in no state of positive weight", name);
    }
    return FMPNN_OK;
}

static void note_unresolved(fmpnn_resolver *r, const fmpnn_part *part)
{
    const fmpnn_job *job = r->job;
    char message[200];
    for (size_t i = 0; i < job->inputs->L; i++)
        r->marked[job->inputs->residue_of[i]] = job->designed[i] && !is_resolved(part, i);
    snprintf(message, sizeof message,
             "designed without state %.80s, where backbone atoms are missing",
             part->st->name);
    fmpnn_resolver_note_marked(r, "state-unresolved", message);
}

/* ---- the rules over all parts ---- */

static bool allocate(struct fmpnn_states *x, const fmpnn_rules *rules)
{
    size_t L = x->L, cells = L * FMPNN_LETTERS;
    x->context = fmpnn_alloc(L, sizeof *x->context);
    x->letters = fmpnn_alloc_zero(L, 1);
    x->resolved = fmpnn_alloc_zero(L, 1);
    x->designed = fmpnn_alloc_zero(L, 1);
    x->omit = fmpnn_alloc_zero(cells, 1);
    x->weight = fmpnn_alloc_zero(L, sizeof *x->weight);
    x->start = fmpnn_alloc_zero(L + 1, sizeof *x->start);
    x->member = fmpnn_alloc_zero(L, sizeof *x->member);
    x->group_of = fmpnn_alloc_zero(L, sizeof *x->group_of);
    if (rules->bias)
        x->bias = fmpnn_alloc_zero(cells, sizeof *x->bias);
    if (rules->pssm_coef) {
        x->pssm_coef = fmpnn_alloc_zero(L, sizeof *x->pssm_coef);
        x->pssm_bias = fmpnn_alloc_zero(cells, sizeof *x->pssm_bias);
    }
    return x->context && x->letters && x->resolved && x->designed && x->omit && x->weight &&
           x->start && x->member && x->group_of && (x->bias || !rules->bias) &&
           ((x->pssm_coef && x->pssm_bias) || !rules->pssm_coef);
}

/* What the rules say of the job's residue i, said of joint position `at`. */
static void copy_rules(struct fmpnn_states *x, const fmpnn_rules *rules, size_t i,
                       size_t at)
{
    size_t from = i * FMPNN_LETTERS, to = at * FMPNN_LETTERS;
    memcpy(x->omit + to, rules->omit + from, FMPNN_LETTERS);
    if (rules->bias)
        memcpy(x->bias + to, rules->bias + from, FMPNN_LETTERS * sizeof *x->bias);
    if (rules->pssm_coef) {
        x->pssm_coef[at] = rules->pssm_coef[i];
        memcpy(x->pssm_bias + to, rules->pssm_bias + from,
               FMPNN_LETTERS * sizeof *x->pssm_bias);
    }
}

static void add_member(struct fmpnn_states *x, uint32_t *count, uint32_t at)
{
    x->member[(*count)++] = at;
    x->group_of[at] = (uint32_t)x->rules.groups;
}

static void close_group(struct fmpnn_states *x, uint32_t count)
{
    x->start[++x->rules.groups] = count;
}

/* One group of the job: its members' copies draw together, those that are resolved. The rules
 * divide by the number of copies, so that is put into their weights. */
static void add_group(struct fmpnn_states *x, const fmpnn_job *job, size_t g,
                      uint32_t *count)
{
    const fmpnn_rules *rules = &job->rules;
    uint32_t begin = *count;
    size_t members = rules->start[g + 1] - rules->start[g];
    for (uint32_t k = rules->start[g]; k < rules->start[g + 1]; k++) {
        uint32_t i = rules->member[k];
        for (size_t s = 0; s < x->count; s++) {
            const fmpnn_part *part = &x->part[s];
            if (!job->designed[i] || !is_resolved(part, i))
                continue;
            add_member(x, count, part->copy[i]);
            x->designed[part->copy[i]] = 1;
            x->weight[part->copy[i]] =
                (rules->weight ? rules->weight[i] : 1) * part->share[i];
        }
    }
    for (uint32_t n = begin; n < *count; n++)
        x->weight[x->member[n]] *= (double)(*count - begin) / (double)members;
    if (*count > begin)
        close_group(x, *count);
}

static void fill_rules(struct fmpnn_states *x, const fmpnn_job *job)
{
    uint32_t count = 0;
    for (size_t s = 0; s < x->count; s++) {
        const fmpnn_part *part = &x->part[s];
        for (size_t i = 0; i < part->inputs->L; i++) {
            x->letters[part->first + i] = part->inputs->native[i];
            x->resolved[part->first + i] = part->inputs->mask[i] != 0;
            x->weight[part->first + i] = 1;
        }
    }
    for (size_t s = 0; s < x->count; s++)
        for (size_t i = 0; i < x->own; i++)
            if (x->part[s].copy[i] != UINT32_MAX) {
                copy_rules(x, &job->rules, i, x->part[s].copy[i]);
                x->letters[x->part[s].copy[i]] = job->letters[i];
            }
    for (size_t g = 0; g < job->rules.groups; g++)
        add_group(x, job, g, &count);
    for (uint32_t at = 0; at < x->L; at++)
        if (!x->designed[at]) {
            add_member(x, &count, at);
            close_group(x, count);
        }
    x->rules.L = x->L;
    x->rules.native = x->letters;
    x->rules.resolved = x->resolved;
    x->rules.designed = x->designed;
    x->rules.omit = x->omit;
    x->rules.bias = x->bias;
    x->rules.pssm_coef = x->pssm_coef;
    x->rules.pssm_bias = x->pssm_bias;
    x->rules.pssm_multi = job->rules.pssm_multi;
    x->rules.start = x->start;
    x->rules.member = x->member;
    x->rules.group_of = x->group_of;
    x->rules.weight = x->weight;
}

/* Has residue i a copy in part s that is decoded with it? Copies without coordinates would
 * stand between the members of a group; nothing is computed for them, so they come early. */
static bool is_decoded(const struct fmpnn_states *x, size_t s, size_t i)
{
    return s == 0 || is_resolved(&x->part[s], i);
}

/* Each state's own context in the order that it would have alone. */
static bool list_context(struct fmpnn_states *x, uint64_t seed)
{
    memset(x->designed, 0, x->L); /* scratch; filled by fill_rules() */
    for (size_t s = 0; s < x->count; s++)
        for (size_t i = 0; i < x->own; i++)
            if (is_decoded(x, s, i))
                x->designed[x->part[s].copy[i]] = 1;
    x->contexts = 0;
    for (size_t s = 1; s < x->count; s++) {
        const fmpnn_part *part = &x->part[s];
        uint32_t *order = x->context + x->contexts;
        fmpnn_stream stream;
        if (!fmpnn_stream_init(&stream, seed, part->st->digest, 0))
            return false;
        size_t count =
            fmpnn_order_fixed(part->inputs->L, x->designed + part->first, &stream, order);
        for (size_t n = 0; n < count; n++)
            order[n] += (uint32_t)part->first;
        x->contexts += count;
    }
    memset(x->designed, 0, x->L);
    return true;
}

/* ---- the whole ---- */

static fmpnn_status check_settings(const fmpnn_resolver *r)
{
    const fmpnn_settings *settings = r->settings;
    const fmpnn_model_info *info = &r->job->model->info;
    bool positive = settings->state_weight >= 0; /* 0 stands for 1 */
    if (info->ca_only || (info->kind && strcmp(info->kind, "protein")))
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "--state: weights of kind %s cannot see several states; vanilla "
                          "and soluble ones can",
                          info->kind ? info->kind : "protein_ca");
    for (size_t s = 0; s <= settings->states; s++) {
        double weight = s ? settings->state[s - 1].weight : settings->state_weight;
        if (!(fabs(weight) <= LARGEST_WEIGHT) || (s && weight == 0))
            return fmpnn_fail(r->err, FMPNN_EINVAL,
                              "--state: weight %g, expected a number within +-%g, not 0",
                              weight, LARGEST_WEIGHT);
        positive = positive || weight > 0;
    }
    return positive ? FMPNN_OK
                    : fmpnn_fail(r->err, FMPNN_EINVAL, "--state: no weight is above 0");
}

static void note_weights(fmpnn_resolver *r, const struct fmpnn_states *states)
{
    fmpnn_text text;
    char number[32];
    fmpnn_text_init(&text);
    for (size_t s = 0; s < states->count; s++) {
        fmpnn_format_double(states->part[s].weight, number);
        fmpnn_text_print(&text, "%s%s * %s", s ? ", " : "", states->part[s].st->name,
                         number);
    }
    if (text.failed)
        r->notes.failed = true;
    else
        fmpnn_note(&r->notes, "states-averaged",
                   "the logits of %zu states are averaged: %s, divided by the sum of the "
                   "weights' magnitudes",
                   states->count, text.data);
    fmpnn_text_clear(&text);
}

static fmpnn_status join_graphs(struct fmpnn_states *states, fmpnn_error *err)
{
    const fmpnn_graph **graph = fmpnn_alloc(states->count, sizeof *graph);
    if (!graph)
        return fmpnn_fail_memory(err, "reading states");
    for (size_t s = 0; s < states->count; s++)
        graph[s] = states->part[s].graph;
    fmpnn_status status = fmpnn_graph_join(states->count, graph, &states->graph, err);
    fmpnn_release(graph);
    return status;
}

fmpnn_status fmpnn_resolve_states(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    const fmpnn_settings *settings = r->settings;
    if (!settings->states)
        return FMPNN_OK;
    fmpnn_status status = check_settings(r);
    if (status)
        return status;
    struct fmpnn_states *x = fmpnn_alloc_zero(1, sizeof *x);
    job->states = x;
    if (x)
        x->part = fmpnn_alloc_zero(settings->states + 1, sizeof *x->part);
    if (!x || !x->part)
        return fmpnn_fail_memory(r->err, "reading states");
    x->own = x->L = job->inputs->L;
    x->count = 1;
    x->part[0] =
        (fmpnn_part){.st = job->st,
                     .weight = settings->state_weight == 0 ? 1 : settings->state_weight,
                     .inputs = job->inputs,
                     .graph = job->graph,
                     .copy = fmpnn_alloc(x->own, sizeof(uint32_t)),
                     .share = fmpnn_alloc_zero(x->own, sizeof(double))};
    if (!x->part[0].copy || !x->part[0].share)
        return fmpnn_fail_memory(r->err, "reading states");
    for (uint32_t i = 0; i < x->own; i++)
        x->part[0].copy[i] = i;
    for (size_t s = 0; s < settings->states && !status; s++) {
        fmpnn_part *part = &x->part[x->count++];
        part->st = settings->state[s].structure;
        part->weight = settings->state[s].weight;
        status = read_state(r, x, part);
    }
    if (!status)
        status = share_out(r, x);
    for (size_t s = 1; s < x->count && !status; s++)
        note_unresolved(r, &x->part[s]);
    if (!status && !allocate(x, &job->rules))
        status = fmpnn_fail_memory(r->err, "reading states");
    if (status)
        return status;
    if (!list_context(x, job->seed))
        return fmpnn_fail_memory(r->err, "reading states");
    fill_rules(x, job);
    note_weights(r, x);
    return join_graphs(x, r->err);
}

void fmpnn_states_free(struct fmpnn_states *x)
{
    if (!x)
        return;
    for (size_t s = 0; s < x->count; s++) {
        fmpnn_release(x->part[s].share);
        fmpnn_release(x->part[s].copy);
        if (s) { /* the first part's are the job's */
            fmpnn_graph_free(x->part[s].graph);
            fmpnn_inputs_free(x->part[s].inputs);
        }
    }
    fmpnn_release(x->group_of);
    fmpnn_release(x->member);
    fmpnn_release(x->start);
    fmpnn_release(x->pssm_bias);
    fmpnn_release(x->pssm_coef);
    fmpnn_release(x->weight);
    fmpnn_release(x->bias);
    fmpnn_release(x->omit);
    fmpnn_release(x->designed);
    fmpnn_release(x->resolved);
    fmpnn_release(x->letters);
    fmpnn_release(x->context);
    fmpnn_graph_free(x->graph);
    fmpnn_release(x->part);
    fmpnn_release(x);
}

/* ---- between the job and its parts ---- */

void fmpnn_states_order(const struct fmpnn_states *x, const uint32_t *order_in,
                        uint32_t *order_out)
{
    size_t t = x->contexts;
    memcpy(order_out, x->context, t * sizeof *order_out);
    for (size_t n = 0; n < x->own; n++)
        for (size_t s = 0; s < x->count; s++)
            if (is_decoded(x, s, order_in[n]))
                order_out[t++] = x->part[s].copy[order_in[n]];
}

size_t fmpnn_states_shared(const struct fmpnn_states *x, const uint32_t *order_in, size_t n)
{
    size_t steps = x->contexts;
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < x->count; s++)
            steps += is_decoded(x, s, order_in[t]);
    return steps;
}

void fmpnn_states_letters(const struct fmpnn_states *x, const uint8_t *letters_in,
                          uint8_t *letters_out)
{
    memcpy(letters_out, x->letters, x->L);
    for (size_t s = 0; s < x->count; s++)
        for (size_t i = 0; i < x->own; i++)
            if (x->part[s].copy[i] != UINT32_MAX)
                letters_out[x->part[s].copy[i]] = letters_in[i];
}

void fmpnn_states_average(const struct fmpnn_states *x, const float *logits_in,
                          float *logits_out)
{
    for (size_t i = 0; i < x->own; i++)
        for (size_t a = 0; a < FMPNN_LETTERS; a++) {
            double sum = 0;
            for (size_t s = 0; s < x->count; s++)
                if (x->part[s].share[i] != 0)
                    sum +=
                        x->part[s].share[i] *
                        (double)logits_in[x->part[s].copy[i] * (size_t)FMPNN_LETTERS + a];
            logits_out[i * FMPNN_LETTERS + a] = (float)sum;
        }
}
