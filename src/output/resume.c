/* Which of the wanted results are there already, and may they stay? Records are compared by
 * name and settings digest; a digest that differs is never overwritten silently. */
#include "output/record.h"

#include <string.h>
#include <unistd.h>

static fmpnn_status other_settings(const char *path, const char *key, const char *found,
                                   const char *wanted, fmpnn_error *err)
{
    return fmpnn_fail(
        err, FMPNN_EEXIST,
        "%s: %s was made with other settings (digest %s, now %s); use another "
        "output, or overwrite",
        path, key, found, wanted);
}

static fmpnn_status present(const char *path, fmpnn_error *err)
{
    return fmpnn_fail(
        err, FMPNN_EEXIST,
        "%s: already there; ask to overwrite or to resume, or use another output", path);
}

static fmpnn_status take(fmpnn_existing_records *existing, fmpnn_found *found,
                         const fmpnn_wanted *wanted, fmpnn_error *err)
{
    if (strcmp(found->settings, wanted->settings)) {
        fmpnn_existing_settle(existing, false);
        return other_settings(existing->path, found->key, found->settings, wanted->settings,
                              err);
    }
    if (found->state == FMPNN_FOUND_FREE) {
        found->state = FMPNN_FOUND_PENDING;
        existing->pending[existing->pendings++] = found;
    }
    return FMPNN_OK;
}

/* A design's records have names of their own, in the plan's order. */
static fmpnn_status claim_design(fmpnn_existing_records *existing,
                                 const fmpnn_wanted *wanted, bool *complete,
                                 fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    fmpnn_text id;
    uint64_t records = fmpnn_plan_records(wanted->plan, wanted->verb);
    fmpnn_text_init(&id);
    *complete = records > 0;
    for (uint64_t k = 0; !status && k < records; k++) {
        id.size = 0;
        fmpnn_plan_id(wanted->plan, wanted->record_name, k, &id);
        if (id.failed) {
            status = fmpnn_fail_memory(err, "looking for results");
            break;
        }
        size_t at = fmpnn_existing_find(existing, id.data);
        if (at == existing->count)
            *complete = false;
        else
            status = take(existing, existing->sorted[at], wanted, err);
    }
    fmpnn_text_clear(&id);
    return status;
}

/* Rows that a whole table has of a structure; 0: the plan does not say. */
static uint64_t rows_of(const fmpnn_wanted *wanted)
{
    enum { UNKNOWN = FMPNN_OUTPUT_LETTERS - 1 };
    const json_t *orders = json_object_get(wanted->plan->json, "orders");
    uint64_t rows = 0;
    switch (wanted->verb) {
    case FMPNN_VERB_PACK:
        return fmpnn_plan_packed(wanted->plan, wanted->verb) * wanted->length;
    case FMPNN_VERB_PROBS:
        return (uint64_t)json_integer_value(orders) * wanted->length;
    case FMPNN_VERB_SCAN: /* of each designed residue all known letters but its own */
        for (size_t i = 0; i < wanted->length; i++) {
            fmpnn_position at = fmpnn_job_position(wanted->job, i);
            rows += at.designed ? UNKNOWN - (at.native != UNKNOWN) : 0;
        }
        return rows;
    default:
        return fmpnn_plan_records(wanted->plan, wanted->verb);
    }
}

/* Scores and probabilities are known by their structure's name. */
static fmpnn_status claim_named(fmpnn_existing_records *existing,
                                const fmpnn_wanted *wanted, bool *complete,
                                fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t count = 0;
    for (size_t at = fmpnn_existing_find(existing, wanted->record_name);
         !status && at < existing->count &&
         !strcmp(existing->sorted[at]->key, wanted->record_name);
         at++, count++)
        status = take(existing, existing->sorted[at], wanted, err);
    uint64_t expected = rows_of(wanted);
    if (!expected && wanted->verb == FMPNN_VERB_PROBS) /* of any number of orders */
        expected = count - count % wanted->length;
    *complete = count > 0 && count == expected;
    return status;
}

fmpnn_status fmpnn_existing_claim(fmpnn_existing_records *existing,
                                  const fmpnn_wanted *wanted, bool *complete,
                                  fmpnn_error *err)
{
    return wanted->verb == FMPNN_VERB_DESIGN ? claim_design(existing, wanted, complete, err)
                                             : claim_named(existing, wanted, complete, err);
}

static void append(const fmpnn_existing_records *existing, const fmpnn_found *found,
                   fmpnn_text *out)
{
    fmpnn_text_add(out, (const char *)existing->text + found->begin,
                   found->end - found->begin);
}

void fmpnn_existing_keep(const fmpnn_existing_records *existing, const fmpnn_wanted *wanted,
                         fmpnn_text *out)
{
    fmpnn_text id;
    fmpnn_text_init(&id);
    if (wanted->verb == FMPNN_VERB_DESIGN) {
        uint64_t records = fmpnn_plan_records(wanted->plan, wanted->verb);
        for (uint64_t k = 0; k < records && !id.failed; k++) {
            id.size = 0;
            fmpnn_plan_id(wanted->plan, wanted->record_name, k, &id);
            size_t at =
                id.failed ? existing->count : fmpnn_existing_find(existing, id.data);
            if (at < existing->count)
                append(existing, existing->sorted[at], out);
        }
    } else
        for (size_t at = fmpnn_existing_find(existing, wanted->record_name);
             at < existing->count &&
             !strcmp(existing->sorted[at]->key, wanted->record_name);
             at++)
            append(existing, existing->sorted[at], out);
    out->failed |= id.failed;
    fmpnn_text_clear(&id);
}

void fmpnn_existing_settle(fmpnn_existing_records *existing, bool replaced)
{
    for (size_t n = 0; n < existing->pendings; n++)
        existing->pending[n]->state = replaced ? FMPNN_FOUND_TAKEN : FMPNN_FOUND_FREE;
    existing->pendings = 0;
}

void fmpnn_existing_rest(const fmpnn_existing_records *existing, fmpnn_text *out)
{
    for (size_t n = 0; n < existing->count; n++)
        if (existing->found[n].state == FMPNN_FOUND_FREE)
            append(existing, &existing->found[n], out);
}

/* ---- folders ---- */

/* A text file of one structure; `complete` is cleared unless it holds exactly what is wanted. */
static fmpnn_status check_text(const char *path, fmpnn_format format,
                               const fmpnn_wanted *wanted, bool *complete, fmpnn_error *err)
{
    fmpnn_existing_records existing;
    bool all = false;
    if (!fmpnn_file_exists(path)) {
        *complete = false;
        return FMPNN_OK;
    }
    fmpnn_status status = fmpnn_existing_read(path, format, wanted->verb, wanted->heads,
                                              &existing, err);
    if (status)
        return status;
    status = fmpnn_existing_claim(&existing, wanted, &all, err);
    for (size_t n = 0; !status && n < existing.count; n++)
        if (existing.found[n].state == FMPNN_FOUND_FREE)
            status = fmpnn_fail(err, FMPNN_EEXIST,
                                "%s: holds %s, which this run would not make; use another "
                                "output, or overwrite",
                                path, existing.found[n].key);
    fmpnn_existing_clear(&existing);
    *complete = *complete && all;
    return status;
}

static fmpnn_status check_arrays(const char *path, const fmpnn_wanted *wanted,
                                 bool *complete, fmpnn_error *err)
{
    bool design = wanted->verb == FMPNN_VERB_DESIGN;
    size_t count, samples;
    char settings[65], none[65];
    if (!fmpnn_file_exists(path)) {
        *complete = false;
        return FMPNN_OK;
    }
    if (!fmpnn_npz_peek(path, "settings", &count, settings) ||
        !fmpnn_npz_peek(path, design ? "sample" : "log_p", &samples, none))
        return fmpnn_fail(err, FMPNN_EEXIST, "%s: holds no arrays that this command writes",
                          path);
    if (strcmp(settings, wanted->settings))
        return other_settings(path, wanted->name, settings, wanted->settings, err);
    if (design && samples != wanted->plan->temperatures * wanted->plan->n)
        *complete = false;
    return FMPNN_OK;
}

/* The structure files that the plan names, in one folder and form. */
typedef struct structures {
    const fmpnn_target *target;
    const fmpnn_wanted *wanted;
    bool packed;
    const char *form; /* "pdb", "cif" */
    /* For each; a path that is kept is set to NULL. */
    void (*visit)(struct structures *s, char **path);
    size_t missing;
    char *there; /* one that is; owned */
} structures;

static fmpnn_status visit_structures(structures *s, fmpnn_error *err)
{
    const fmpnn_plan *plan = s->wanted->plan;
    uint64_t records = s->packed ? fmpnn_plan_packed(plan, s->wanted->verb)
                                 : fmpnn_plan_records(plan, s->wanted->verb);
    const char *folder = s->packed ? "packed" : "backbones";
    fmpnn_status status = FMPNN_OK;
    fmpnn_text id;
    char suffix[8], *whole = fmpnn_target_name(s->target, folder, "", "");
    bool none = whole && !fmpnn_file_exists(whole);
    fmpnn_release(whole);
    if (none) {
        s->missing += records > 0;
        return FMPNN_OK;
    }
    fmpnn_text_init(&id);
    snprintf(suffix, sizeof suffix, ".%s", s->form);
    for (uint64_t k = s->packed ? 0 : plan->with_native; !status && k < records; k++) {
        id.size = 0;
        if (s->packed)
            fmpnn_plan_packed_id(plan, s->wanted->verb, s->wanted->record_name, k, &id);
        else
            fmpnn_plan_id(plan, s->wanted->record_name, k, &id);
        char *path = id.failed ? NULL : fmpnn_target_name(s->target, folder, id.data, suffix);
        if (path)
            s->visit(s, &path);
        else
            status = fmpnn_fail_memory(err, "looking for results");
        fmpnn_release(path);
    }
    fmpnn_text_clear(&id);
    return status;
}

/* Both folders in both forms; `wanted`: what is wanted of them, else the rest. */
static fmpnn_status visit_all(structures s, bool wanted, structures *out, fmpnn_error *err)
{
    static const char *const forms[] = {"pdb", "cif"};
    fmpnn_status status = FMPNN_OK;
    *out = s;
    for (size_t n = 0; n < 4 && !status; n++) {
        out->packed = n / 2;
        out->form = forms[n % 2];
        const char *asked = out->packed ? s.wanted->packed : s.wanted->backbones;
        bool is_wanted = asked && !strcmp(asked, out->form);
        if (is_wanted == wanted)
            status = visit_structures(out, err);
    }
    return status;
}

static void look(structures *s, char **path)
{
    bool there = fmpnn_file_exists(*path);
    s->missing += !there;
    if (there && !s->there) {
        s->there = *path;
        *path = NULL;
    }
}

static void drop(structures *s, char **path)
{
    (void)s;
    unlink(*path);
}

/* Structure files carry no settings: they are those of the records beside them. So they count if
 * they are there, and of an earlier run none may stay. */
fmpnn_status fmpnn_folder_drop_structures(const fmpnn_target *target,
                                          const fmpnn_wanted *wanted, fmpnn_error *err)
{
    structures s;
    return visit_all((structures){.target = target, .wanted = wanted, .visit = drop}, false,
                     &s, err);
}

static fmpnn_status check_structures(const fmpnn_target *target, fmpnn_existing mode,
                                     const fmpnn_wanted *wanted, bool *complete,
                                     fmpnn_error *err)
{
    structures with, rest = {0};
    structures s = {.target = target, .wanted = wanted, .visit = look};
    fmpnn_status status = visit_all(s, true, &with, err);
    if (!status && mode == FMPNN_EXISTING_REFUSE)
        status = visit_all(s, false, &rest, err);
    *complete = *complete && !with.missing;
    if (!status && mode == FMPNN_EXISTING_REFUSE && (with.there || rest.there))
        status = present(with.there ? with.there : rest.there, err);
    fmpnn_release(rest.there);
    fmpnn_release(with.there);
    return status;
}

fmpnn_status fmpnn_folder_check(const fmpnn_target *target, fmpnn_existing mode,
                                const fmpnn_wanted *wanted, bool *complete,
                                bool *records, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    bool arrays = wanted->verb == FMPNN_VERB_PROBS || wanted->save_probs;
    fmpnn_plan drawn = *wanted->plan; /* the native sequence stands in FASTA alone */
    fmpnn_wanted in_table = *wanted;
    drawn.with_native = false;
    in_table.plan = &drawn;
    *complete = *records = false;
    if (mode == FMPNN_EXISTING_OVERWRITE)
        return FMPNN_OK;
    char *fasta = fmpnn_target_name(target, "seqs", wanted->record_name, ".fa");
    char *table = fmpnn_target_name(target, "tables", wanted->record_name, ".tsv");
    char *npz = fmpnn_target_name(target, "probs", wanted->record_name, ".npz");
    if (!fasta || !table || !npz) {
        status = fmpnn_fail_memory(err, "looking for results");
        goto done;
    }
    if (wanted->verb != FMPNN_VERB_DESIGN) {
        fmpnn_release(fasta);
        fasta = NULL;
    }
    if (mode == FMPNN_EXISTING_REFUSE) {
        if (fasta && fmpnn_file_exists(fasta))
            status = present(fasta, err);
        else if (fmpnn_file_exists(table))
            status = present(table, err);
        else if (arrays && fmpnn_file_exists(npz))
            status = present(npz, err);
    } else {
        *complete = true;
        if (fasta)
            status = check_text(fasta, FMPNN_FORMAT_FASTA, wanted, complete, err);
        if (!status)
            status = check_text(table, FMPNN_FORMAT_TABLE, &in_table, complete, err);
        *records = !status && *complete;
        if (!status && arrays)
            status = check_arrays(npz, wanted, complete, err);
    }
    if (!status)
        status = check_structures(target, mode, wanted, complete, err);
done:
    fmpnn_release(npz);
    fmpnn_release(table);
    fmpnn_release(fasta);
    return status;
}
