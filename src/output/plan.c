/* The plan: which records a structure will have, and the digest of the settings behind them. */
#include "output/output.h"

#include "structure/structure.h"

#include <stdlib.h>
#include <string.h>

/* These members count records; a record's bytes do not depend on them, so that one sample is
 * the same whether it was made alone or among a thousand. */
static const char *const counting[] = {"temperatures", "first", "n", "sequences",
                                       "with_native"};

enum { MOST = 1000000000 }; /* records of one structure: keeps all sums far from overflow */

static fmpnn_status bad(fmpnn_error *err, const char *member, const char *expected)
{
    return fmpnn_fail(err, FMPNN_EINVAL, "plan: \"%s\" is not %s", member, expected);
}

static bool whole(const json_t *plan, const char *member, uint64_t fallback, uint64_t limit,
                  uint64_t *value)
{
    const json_t *given = json_object_get(plan, member);
    *value = fallback;
    if (!given)
        return true;
    json_int_t number = json_integer_value(given);
    *value = (uint64_t)number;
    return json_is_integer(given) && number >= 1 && (uint64_t)number <= limit;
}

fmpnn_status fmpnn_plan_parse(const char *text, fmpnn_plan *plan, fmpnn_error *err)
{
    json_error_t where;
    uint64_t sequences;
    memset(plan, 0, sizeof *plan);
    plan->json = fmpnn_json_read(text ? text : "", text ? strlen(text) : 0,
                                 JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(plan->json)) {
        fmpnn_plan_clear(plan);
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "plan: expected a JSON object, e.g. {\"n\":8}");
    }
    fmpnn_status status = FMPNN_OK;
    const json_t *temperatures = json_object_get(plan->json, "temperatures");
    size_t count = json_array_size(temperatures);
    if (temperatures && (!count || count > MOST))
        status = bad(err, "temperatures", "an array of numbers");
    else if (!whole(plan->json, "first", 1, (uint64_t)1 << 53, &plan->first))
        status = bad(err, "first", "a number from 1");
    else if (!whole(plan->json, "n", 0, MOST / (count ? count : 1), &plan->n))
        status = bad(err, "n", "a number from 1, or too large");
    else if (!whole(plan->json, "sequences", 0, MOST, &sequences))
        status = bad(err, "sequences", "a number from 1");
    else {
        plan->sequences = (size_t)sequences;
        plan->temperatures = count;
        plan->temperature = fmpnn_alloc(count, sizeof *plan->temperature);
        if (!plan->temperature)
            status = fmpnn_fail_memory(err, "reading the plan");
    }
    for (size_t t = 0; !status && t < count; t++) {
        const json_t *value = json_array_get(temperatures, t);
        plan->temperature[t] = json_number_value(value);
        if (!json_is_number(value))
            status = bad(err, "temperatures", "an array of numbers");
    }
    const json_t *pack = json_object_get(plan->json, "pack");
    if (!status && pack && !(whole(pack, "packings", 0, MOST, &plan->packings) &&
                             whole(pack, "first", 1, (uint64_t)UINT32_MAX, &plan->first_packing)))
        status = bad(err, "pack", "an object with \"packings\" and \"first\", numbers from 1");
    if (status)
        fmpnn_plan_clear(plan);
    return status;
}

void fmpnn_plan_clear(fmpnn_plan *plan)
{
    json_decref(plan->json);
    fmpnn_release(plan->temperature);
    memset(plan, 0, sizeof *plan);
}

uint64_t fmpnn_plan_records(const fmpnn_plan *plan, fmpnn_verb verb)
{
    if (verb == FMPNN_VERB_DESIGN) {
        uint64_t samples = plan->temperatures * plan->n;
        return samples ? samples + plan->with_native : 0;
    }
    return verb == FMPNN_VERB_SCORE ? plan->sequences : 0;
}

void fmpnn_sample_id(const char *record_name, double temperature, uint64_t number,
                     fmpnn_text *out)
{
    char T[32];
    fmpnn_format_double(temperature, T);
    for (char *c = strchr(T, '+'); c; c = strchr(c, '+'))
        *c = '_'; /* 1e+16: a word of [A-Za-z0-9._-] all the same */
    fmpnn_text_print(out, "%s_T%s_s%llu", record_name, T, (unsigned long long)number);
}

uint64_t fmpnn_plan_packed(const fmpnn_plan *plan, fmpnn_verb verb)
{
    return (verb == FMPNN_VERB_PACK ? 1 : plan->temperatures * plan->n) * plan->packings;
}

void fmpnn_packing_id(const char *record_name, double temperature, uint64_t number,
                      uint64_t packing, fmpnn_text *out)
{
    if (number)
        fmpnn_sample_id(record_name, temperature, number, out);
    else
        fmpnn_text_print(out, "%s", record_name);
    fmpnn_text_print(out, "_p%llu", (unsigned long long)packing);
}

void fmpnn_plan_packed_id(const fmpnn_plan *plan, fmpnn_verb verb, const char *record_name,
                          uint64_t k, fmpnn_text *out)
{
    uint64_t sample = k / plan->packings, packing = plan->first_packing + k % plan->packings;
    if (verb == FMPNN_VERB_PACK)
        fmpnn_packing_id(record_name, 0, 0, packing, out);
    else
        fmpnn_packing_id(record_name, plan->temperature[sample / plan->n],
                         plan->first + sample % plan->n, packing, out);
}

void fmpnn_plan_id(const fmpnn_plan *plan, const char *record_name, uint64_t k,
                   fmpnn_text *out)
{
    if (plan->with_native && !k)
        fmpnn_text_print(out, "%s_native", record_name);
    else {
        k -= plan->with_native;
        fmpnn_sample_id(record_name, plan->temperature[k / plan->n],
                        plan->first + k % plan->n, out);
    }
}

/* What a packer sees beside the backbone, and the residues that stay as they were read: a job's
 * own digest has of these what its weights see, which may be nothing. */
static bool digest_of_packed(const json_t *pack, const fmpnn_job *job, char hex[65])
{
    const fmpnn_structure *st = fmpnn_job_structure(job);
    bool everything = json_is_true(json_object_get(pack, "everything"));
    fmpnn_sha256 *hash = fmpnn_sha256_begin();
    if (!hash)
        return false;
    for (size_t n = 0; n < st->context_count; n++) {
        fmpnn_sha256_add(hash, &st->context[n].type, 1);
        fmpnn_sha256_add(hash, st->context[n].xyz, sizeof st->context[n].xyz);
    }
    for (size_t i = 0; i < fmpnn_job_length(job); i++) {
        fmpnn_position at = fmpnn_job_position(job, i);
        float xyz[FMPNN_ATOM37][3];
        uint8_t there[FMPNN_ATOM37];
        bool known = at.native + 1 < FMPNN_OUTPUT_LETTERS;
        uint8_t stays = !at.resolved || !known || !(everything || at.designed);
        fmpnn_sha256_add(hash, &stays, 1);
        if (!stays)
            continue;
        fmpnn_structure_atoms(st, (size_t)(at.residue - st->residue), xyz, there);
        fmpnn_sha256_add(hash, at.residue->name, strlen(at.residue->name) + 1);
        fmpnn_sha256_add(hash, there, sizeof there);
        fmpnn_sha256_add(hash, xyz, sizeof xyz);
    }
    return fmpnn_sha256_end(hash, hex);
}

fmpnn_status fmpnn_plan_settings(const fmpnn_plan *plan, fmpnn_verb verb,
                                 const fmpnn_job *job, const fmpnn_context *ctx,
                                 const fmpnn_sequence_form *form, char settings[13],
                                 fmpnn_error *err)
{
    fmpnn_text text;
    char hex[65];
    fmpnn_text_init(&text);
    json_t *rest = json_copy(plan->json);
    for (size_t n = 0; n < sizeof counting / sizeof counting[0]; n++)
        json_object_del(rest, counting[n]);
    char *members =
        fmpnn_json_print(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    fmpnn_text_print(&text, "%s\n%s\n%s/%s/%s\n%s\n%s\n%d\n%d\n", fmpnn_verb_text(verb),
                     fmpnn_job_digest(job), fmpnn_context_device(ctx),
                     fmpnn_context_isa(ctx), fmpnn_context_precision(ctx),
                     members ? members : "", form->separator, form->all_chains,
                     form->gaps_as);
    const json_t *pack = json_object_get(plan->json, "pack");
    bool packed = !pack || digest_of_packed(pack, job, hex);
    if (pack && packed)
        fmpnn_text_print(&text, "%s\n", hex);
    bool good = members && packed && !text.failed && fmpnn_sha256_hex(text.data, text.size, hex);
    free(members);
    json_decref(rest);
    fmpnn_text_clear(&text);
    if (!good)
        return fmpnn_fail_memory(err, "hashing the settings");
    snprintf(settings, 13, "%.12s", hex);
    return FMPNN_OK;
}
