/* A job told back: to people as JSON whose values can be given to the options again, and to
 * later runs as a digest. */
#include "base/json.h"
#include "design/resolve.h"
#include "design/states.h"

#include "graph/context.h"

#include <stdlib.h>
#include <string.h>

enum { NO_LIMIT = 1 << 30 };

/* ---- echo ---- */

static const fmpnn_residue *residue_at(const fmpnn_job *job, size_t i)
{
    return &job->st->residue[job->inputs->residue_of[i]];
}

static void print_designed_chains(const fmpnn_resolver *r, fmpnn_text *out)
{
    const fmpnn_structure *st = r->job->st;
    uint32_t next = 0;
    for (size_t i = 0; i < st->length; i++) {
        if (st->residue[i].chain_id != next)
            continue;
        next++;
        if (r->job->in_designed_chain[r->position_of[i]])
            fmpnn_text_print(out, "%s%s", out->size ? "," : "", st->residue[i].chain);
    }
}

/* Residues that are designed (wanted 1), fixed, or unresolved. */
static void print_residues(fmpnn_resolver *r, bool resolved, bool designed, fmpnn_text *out)
{
    const fmpnn_job *job = r->job;
    for (size_t i = 0; i < job->inputs->L; i++)
        r->marked[job->inputs->residue_of[i]] =
            job->resolved[i] == resolved && job->designed[i] == designed;
    fmpnn_selection_print(job->st, r->marked, NO_LIMIT, out);
    memset(r->marked, 0, job->inputs->L);
}

/* Are rows i and k the same? A NULL row is one of zeros, as k = SIZE_MAX asks for. */
static bool same_row(const void *table, size_t width, size_t i, size_t k)
{
    const unsigned char *row = (const unsigned char *)table + i * width;
    if (k != SIZE_MAX)
        return !memcmp(row, (const unsigned char *)table + k * width, width);
    for (size_t n = 0; n < width; n++)
        if (row[n])
            return false;
    return true;
}

static void print_omit_row(const fmpnn_resolver *r, size_t i, const char *prefix,
                           fmpnn_text *out)
{
    fmpnn_text_print(out, "%s%s", out->size ? "," : "", prefix);
    for (size_t a = 0; a < FMPNN_LETTERS; a++)
        if (r->omit[i * FMPNN_LETTERS + a])
            fmpnn_text_add(out, fmpnn_alphabet() + a, 1);
}

static void print_bias_row(const fmpnn_resolver *r, size_t i, const char *prefix,
                           fmpnn_text *out)
{
    char number[32];
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        double bias = r->bias[i * FMPNN_LETTERS + a];
        if (bias == 0)
            continue;
        fmpnn_format_double(bias, number);
        fmpnn_text_print(out, "%s%s%c=%s", out->size ? "," : "", prefix,
                         fmpnn_alphabet()[a], number);
    }
}

/* A table of letters: once if every designed residue has the same row, else run by run. */
static void print_table(fmpnn_resolver *r, const void *table, size_t width,
                        void (*print_row)(const fmpnn_resolver *, size_t, const char *,
                                          fmpnn_text *),
                        fmpnn_text *out)
{
    const fmpnn_job *job = r->job;
    size_t L = job->inputs->L, model = SIZE_MAX;
    bool uniform = true;
    for (size_t i = 0; i < L; i++) {
        if (!job->designed[i])
            continue;
        uniform = uniform && (model == SIZE_MAX || same_row(table, width, i, model));
        model = model == SIZE_MAX ? i : model;
    }
    if (uniform && model != SIZE_MAX)
        print_row(r, model, "", out);
    for (size_t i = 0, next; !uniform && i < L; i = next) {
        next = i + 1;
        if (!job->designed[i] || same_row(table, width, i, SIZE_MAX))
            continue;
        while (next < L && job->designed[next] && same_row(table, width, next, i) &&
               residue_at(job, next)->chain_id == residue_at(job, i)->chain_id)
            next++;
        for (size_t n = i; n < next; n++)
            r->marked[job->inputs->residue_of[n]] = 1;
        fmpnn_text run;
        fmpnn_text_init(&run);
        fmpnn_selection_print(job->st, r->marked, NO_LIMIT, &run);
        fmpnn_text_add(&run, ":", 1);
        memset(r->marked, 0, L);
        if (run.failed)
            out->failed = true;
        else
            print_row(r, i, run.data, out);
        fmpnn_text_clear(&run);
    }
}

/* The residue after this one in its chain, placeholders passed over; length if there is none. */
static size_t next_residue(const fmpnn_structure *st, size_t i)
{
    size_t next = i + 1;
    while (next < st->length && st->residue[next].placeholder)
        next++;
    return next < st->length && st->residue[next].chain_id == st->residue[i].chain_id
               ? next
               : st->length;
}

/* Do ties a and b of `size` members stand side by side, so that one range names both? Numbers
 * and codes must go on alike in all members, as ranges are tied by number. */
static bool continues(const fmpnn_job *job, const uint32_t *a, const uint32_t *b,
                      size_t size)
{
    const fmpnn_structure *st = job->st;
    for (size_t n = 0; n < size; n++) {
        const fmpnn_residue *x = residue_at(job, a[n]), *y = residue_at(job, b[n]);
        if (next_residue(st, job->inputs->residue_of[a[n]]) !=
                job->inputs->residue_of[b[n]] ||
            job->tie_weight[a[n]] != job->tie_weight[b[n]] ||
            y->icode != residue_at(job, b[0])->icode ||
            (int64_t)y->number - x->number !=
                (int64_t)residue_at(job, b[0])->number - residue_at(job, a[0])->number)
            return false;
    }
    return true;
}

/* Members n, n + 1, ... of the rules that belong to one tie. */
static size_t tie_size(const fmpnn_resolver *r, size_t n)
{
    const fmpnn_job *job = r->job;
    size_t L = job->inputs->L, end = n;
    while (end < L && job->tie_group[r->member[end]] == job->tie_group[r->member[n]])
        end++;
    return end - n;
}

/* "A1-40=B1-40,A41=B41*-0.5": members of a tie stand together in the rules. */
static void print_ties(const fmpnn_resolver *r, fmpnn_text *out)
{
    const fmpnn_job *job = r->job;
    const uint32_t *member = r->member;
    bool clear = fmpnn_short_is_clear(job->st);
    size_t L = job->inputs->L;
    for (size_t first = 0, next; first < L; first = next) {
        next = first + 1;
        if (job->tie_group[member[first]] < 0)
            continue;
        size_t size = tie_size(r, first), last = first;
        for (next = first + size; next + size <= L && job->tie_group[member[next]] >= 0 &&
                                  tie_size(r, next) == size &&
                                  continues(job, member + last, member + next, size);
             next += size)
            last = next;
        for (size_t n = 0; n < size; n++) {
            double weight = job->tie_weight[member[first + n]];
            char number[32];
            fmpnn_text_print(out, "%s", n ? "=" : out->size ? "," : "");
            fmpnn_range_print(job->st, job->inputs->residue_of[member[first + n]],
                              job->inputs->residue_of[member[last + n]], clear, out);
            fmpnn_format_double(weight, number);
            if (weight != 1)
                fmpnn_text_print(out, "*%s", number);
        }
    }
}

/* Moves the text into the object and empties it. JSON is UTF-8; names in a file may be any
 * bytes. */
static bool put_text(json_t *object, const char *key, fmpnn_text *text)
{
    for (size_t n = 0; n < text->size; n++)
        if ((unsigned char)text->data[n] >= 0x80)
            text->data[n] = '?';
    bool good =
        !text->failed &&
        !json_object_set_new(object, key, json_string(text->data ? text->data : ""));
    fmpnn_text_clear(text);
    return good;
}

/* Residues whose letters a PSSM takes part in. */
static void print_pssm(const fmpnn_resolver *r, fmpnn_text *text)
{
    const fmpnn_job *job = r->job;
    for (size_t i = 0; i < job->inputs->L; i++)
        r->marked[job->inputs->residue_of[i]] = job->pssm_coef[i] > 0;
    fmpnn_selection_print(job->st, r->marked, SIZE_MAX, text);
    memset(r->marked, 0, job->st->length);
}

/* Residues of one membrane label. */
static void print_label(const fmpnn_resolver *r, uint8_t label, fmpnn_text *text)
{
    const fmpnn_job *job = r->job;
    for (size_t i = 0; i < job->inputs->L; i++)
        r->marked[job->inputs->residue_of[i]] = job->graph->label[i] == label;
    fmpnn_selection_print(job->st, r->marked, SIZE_MAX, text);
    memset(r->marked, 0, job->st->length);
}

/* What is seen beside the backbone, by weights that see such. */
static bool put_seen(fmpnn_resolver *r, json_t *object)
{
    const fmpnn_model_info *info = &r->job->model->info;
    const fmpnn_settings *s = r->settings;
    bool good = true;
    if (info->context_atoms)
        good = !json_object_set_new(object, "ligand_context",
                                    json_string(s->hide_ligands ? "off" : "on")) &&
               !json_object_set_new(object, "side_chain_context",
                                    json_boolean(s->side_chain_context));
    if (s->pack)
        return good;
    if (info->labels && s->global_membrane)
        return !json_object_set_new(object, "global_membrane",
                                    json_integer(*s->global_membrane == '1')) &&
               good;
    if (info->labels) {
        fmpnn_text text;
        fmpnn_text_init(&text);
        print_label(r, 2, &text);
        good = put_text(object, "transmembrane_buried", &text) && good;
        print_label(r, 1, &text);
        good = put_text(object, "transmembrane_interface", &text) && good;
    }
    return good;
}

/* [{"name", "backbone", "weight"}], the structure itself first. */
static json_t *states_json(const struct fmpnn_states *states)
{
    json_t *list = json_array();
    for (size_t s = 0; s < states->count && list; s++) {
        const fmpnn_part *part = &states->part[s];
        json_t *one = json_object();
        if (!one || json_object_set_new(one, "name", json_string(part->st->name)) ||
            json_object_set_new(one, "backbone", json_string(part->st->digest)) ||
            json_object_set_new(one, "weight", json_real(part->weight)) ||
            json_array_append(list, one)) {
            json_decref(list);
            list = NULL;
        }
        json_decref(one);
    }
    return list;
}

static bool fill_object(fmpnn_resolver *r, json_t *object)
{
    const fmpnn_job *job = r->job;
    const size_t letters = FMPNN_LETTERS;
    const char *reading =
        job->st->reading == FMPNN_READING_AUTHOR ? "author" : "original";
    fmpnn_text text;
    fmpnn_text_init(&text);
    bool good = !json_object_set_new(object, "reading", json_string(reading));
    print_designed_chains(r, &text);
    good = put_text(object, "chains", &text) && good;
    print_residues(r, true, true, &text);
    good = put_text(object, "designed", &text) && good;
    print_residues(r, true, false, &text);
    good = put_text(object, "fixed", &text) && good;
    print_residues(r, false, false, &text);
    good = put_text(object, "unresolved", &text) && good;
    print_table(r, r->omit, letters, print_omit_row, &text);
    good = put_text(object, "omit", &text) && good;
    if (r->bias)
        print_table(r, r->bias, letters * sizeof *r->bias, print_bias_row, &text);
    good = put_text(object, "bias", &text) && good;
    print_ties(r, &text);
    good = put_text(object, "tie", &text) && good;
    if (job->pssm_coef) {
        print_pssm(r, &text);
        good = put_text(object, "pssm", &text) && good;
        good = !json_object_set_new(object, "pssm_weight",
                                    json_real(r->settings->pssm_weight)) &&
               good;
    }
    good = put_seen(r, object) && good;
    if (job->states)
        good = !json_object_set_new(object, "states", states_json(job->states)) && good;
    good =
        !json_object_set_new(object, "seed", json_integer((json_int_t)job->seed)) && good;
    good = !json_object_set_new(object, "noise", json_real(r->settings->noise)) && good;
    return good;
}

fmpnn_status fmpnn_resolve_echo(fmpnn_resolver *r)
{
    json_t *object = json_object();
    char *text = NULL;
    if (object && fill_object(r, object))
        text = fmpnn_json_print(object, JSON_COMPACT | JSON_PRESERVE_ORDER |
                                            JSON_REAL_PRECISION(15));
    r->job->echo = fmpnn_copy_text(text);
    free(text); /* jansson's */
    json_decref(object);
    return r->job->echo ? FMPNN_OK : fmpnn_fail_memory(r->err, "describing the job");
}

/* ---- digest ---- */

/* Everything is hashed as little-endian 64-bit words or as bytes, so that one job has one digest
 * on every machine. */
static void add_word(fmpnn_sha256 *hash, uint64_t value)
{
    unsigned char bytes[8];
    for (int n = 0; n < 8; n++)
        bytes[n] = (unsigned char)(value >> 8 * n);
    fmpnn_sha256_add(hash, bytes, sizeof bytes);
}

static void add_double(fmpnn_sha256 *hash, double value)
{
    uint64_t bits;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    add_word(hash, bits);
}

static void add_zeros(fmpnn_sha256 *hash, size_t words)
{
    static const unsigned char zeros[1024];
    for (size_t left = 8 * words, size; left; left -= size) {
        size = left < sizeof zeros ? left : sizeof zeros;
        fmpnn_sha256_add(hash, zeros, size);
    }
}

static void add_rules(fmpnn_sha256 *hash, const fmpnn_resolver *r)
{
    const fmpnn_job *job = r->job;
    size_t L = job->inputs->L, table = L * FMPNN_LETTERS;
    fmpnn_sha256_add(hash, job->letters, L);
    fmpnn_sha256_add(hash, job->resolved, L);
    fmpnn_sha256_add(hash, job->designed, L);
    fmpnn_sha256_add(hash, job->in_designed_chain, L);
    fmpnn_sha256_add(hash, r->omit, table);
    add_word(hash, job->rules.groups);
    for (size_t g = 0; g <= job->rules.groups; g++)
        add_word(hash, r->start[g]);
    for (size_t n = 0; n < L; n++) {
        add_word(hash, r->member[n]);
        add_double(hash, job->tie_weight[n]);
    }
    for (size_t n = 0; n < table && r->bias; n++)
        add_double(hash, r->bias[n]);
    if (!r->bias) /* a bias of 0 everywhere is no bias */
        add_zeros(hash, table);
    if (!job->pssm_coef)
        return;
    add_double(hash, r->settings->pssm_weight);
    for (size_t n = 0; n < L; n++)
        add_double(hash, job->pssm_coef[n]);
    for (size_t n = 0; n < table; n++)
        add_double(hash, job->pssm_bias[n]);
}

/* What only some weights see; nothing for the others. */
static void add_seen(fmpnn_sha256 *hash, const fmpnn_job *job)
{
    const fmpnn_model_info *info = &job->model->info;
    size_t L = job->inputs->L, M = info->context_atoms;
    for (size_t n = 0; n < L * M; n++) {
        const fmpnn_context_atoms *atoms = job->graph->atoms;
        add_word(hash, atoms->mask[n] != 0 ? atoms->type[n] : 0);
        for (size_t d = 0; d < 3; d++)
            add_double(hash, (double)atoms->xyz[3 * n + d]);
    }
    if (info->labels)
        fmpnn_sha256_add(hash, job->graph->label, L);
}

static void add_states(fmpnn_sha256 *hash, const struct fmpnn_states *states)
{
    add_word(hash, states->count);
    add_word(hash, states->L);
    fmpnn_sha256_add(hash, states->letters, states->L);
    fmpnn_sha256_add(hash, states->resolved, states->L);
    for (size_t s = 0; s < states->count; s++) {
        fmpnn_sha256_add(hash, states->part[s].st->digest, 64);
        add_double(hash, states->part[s].weight);
        for (size_t i = 0; i < states->own; i++)
            add_word(hash, states->part[s].copy[i]);
    }
}

fmpnn_status fmpnn_resolve_digest(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    const fmpnn_inputs *inputs = job->inputs;
    fmpnn_sha256 *hash = fmpnn_sha256_begin();
    if (!hash)
        return fmpnn_fail_memory(r->err, "hashing the job");
    static const char form[] = "fusempnn job 1"; /* change it with anything below */
    fmpnn_sha256_add(hash, form, sizeof form);
    fmpnn_sha256_add(hash, job->st->digest, 64);
    fmpnn_sha256_add(hash, job->model->digest, 64);
    add_word(hash, job->st->reading);
    add_word(hash, job->seed);
    add_double(hash, r->settings->noise);
    add_word(hash, inputs->L);
    fmpnn_sha256_add(hash, inputs->native, inputs->L);
    for (size_t i = 0; i < inputs->L; i++) {
        add_word(hash, inputs->residue_of[i]);
        add_word(hash, (uint32_t)inputs->index[i]);
        add_word(hash, (uint32_t)inputs->chain[i]);
    }
    add_rules(hash, r);
    add_seen(hash, job);
    if (job->states)
        add_states(hash, job->states);
    return fmpnn_sha256_end(hash, job->digest)
               ? FMPNN_OK
               : fmpnn_fail_memory(r->err, "hashing the job");
}
