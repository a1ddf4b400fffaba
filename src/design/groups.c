/* What a tie means once it is known which members are there, and which are fixed:
 * - a member without coordinates is dropped, since nothing is known of its place;
 * - a fixed member forces its letter on the group, which then counts as fixed as a whole;
 * - otherwise the members share the union of their omissions and the mean of their biases.
 *
 * The published program lets the last listed member decide all of this, and a member without
 * coordinates turn the whole group into its own letter (Dauparas et al. 2022, its program). The
 * rules below give every member the same values, so the last one's are the group's. */
#include "design/resolve.h"

#include <string.h>

enum { UNTIED = -1, UNKNOWN = FMPNN_LETTERS - 1 };

/* Members of tied group g: member[begin[g]] .. member[begin[g] + size[g] - 1], as listed. */
typedef struct group_list {
    size_t count;
    uint32_t *begin, *size, *member;
} group_list;

static bool group_list_init(group_list *list, const fmpnn_resolver *r)
{
    const int32_t *group = r->job->tie_group;
    size_t L = r->job->inputs->L, count = 0;
    for (size_t i = 0; i < L; i++)
        if (group[i] >= 0 && (size_t)group[i] >= count)
            count = (size_t)group[i] + 1;
    list->count = count;
    list->begin = fmpnn_alloc_zero(2 * count + L, sizeof *list->begin);
    if (!list->begin)
        return false;
    list->size = list->begin + count;
    list->member = list->size + count;
    for (size_t i = 0; i < L; i++)
        if (group[i] >= 0)
            list->size[group[i]]++;
    for (size_t g = 1; g < count; g++)
        list->begin[g] = list->begin[g - 1] + list->size[g - 1];
    for (uint32_t i = 0; i < L; i++)
        if (group[i] >= 0)
            list->member[list->begin[group[i]] + r->tie_rank[i]] = i;
    return true;
}

static void untie(fmpnn_job *job, uint32_t i)
{
    job->tie_group[i] = UNTIED;
    job->tie_weight[i] = 1;
}

/* Drop the members that `unfit` names, with one warning; a member left alone is untied. */
static void drop(fmpnn_resolver *r, group_list *list,
                 bool (*unfit)(const fmpnn_job *job, uint32_t i), const char *code,
                 const char *message)
{
    fmpnn_job *job = r->job;
    for (size_t g = 0; g < list->count; g++) {
        uint32_t *member = list->member + list->begin[g], kept = 0;
        for (uint32_t n = 0; n < list->size[g]; n++) {
            uint32_t i = member[n];
            if (!unfit(job, i)) {
                member[kept++] = i;
                continue;
            }
            untie(job, i);
            r->marked[job->inputs->residue_of[i]] = 1;
        }
        if (kept == 1)
            untie(job, member[0]);
        list->size[g] = kept > 1 ? kept : 0;
    }
    fmpnn_resolver_note_marked(r, code, message);
}

static bool is_unresolved(const fmpnn_job *job, uint32_t i)
{
    return !job->resolved[i];
}

static bool is_unknown(const fmpnn_job *job, uint32_t i)
{
    return !job->designed[i] && job->inputs->native[i] == UNKNOWN;
}

/* Two fixed members of one group keep different letters. */
static fmpnn_status fail_conflict(const fmpnn_resolver *r, uint32_t a, uint32_t b)
{
    const fmpnn_job *job = r->job;
    char first[40], second[40];
    fmpnn_residue_name(&job->st->residue[job->inputs->residue_of[a]], first);
    fmpnn_residue_name(&job->st->residue[job->inputs->residue_of[b]], second);
    return fmpnn_fail(r->err, FMPNN_ESELECT,
                      "--tie: %s (%c) and %s (%c) are tied, but both are fixed and differ",
                      first, fmpnn_alphabet()[job->inputs->native[a]], second,
                      fmpnn_alphabet()[job->inputs->native[b]]);
}

/* A fixed member gives its letter to its group. */
static fmpnn_status force_letters(fmpnn_resolver *r, const group_list *list)
{
    fmpnn_job *job = r->job;
    for (size_t g = 0; g < list->count; g++) {
        const uint32_t *member = list->member + list->begin[g];
        uint32_t fixed = UINT32_MAX;
        for (uint32_t n = 0; n < list->size[g]; n++) {
            uint32_t i = member[n];
            if (job->designed[i])
                continue;
            if (fixed != UINT32_MAX && job->inputs->native[i] != job->inputs->native[fixed])
                return fail_conflict(r, fixed, i);
            fixed = fixed == UINT32_MAX ? i : fixed;
        }
        for (uint32_t n = 0; fixed != UINT32_MAX && n < list->size[g]; n++) {
            uint32_t i = member[n];
            r->marked[job->inputs->residue_of[i]] = job->designed[i];
            job->letters[i] = job->inputs->native[fixed];
            job->designed[i] = 0;
        }
    }
    fmpnn_resolver_note_marked(
        r, "tie-forced", "tied to a fixed residue, and therefore fixed to its letter");
    return FMPNN_OK;
}

static void share_letters(fmpnn_resolver *r, const group_list *list)
{
    for (size_t g = 0; g < list->count; g++)
        for (size_t a = 0; a < FMPNN_LETTERS; a++) {
            const uint32_t *member = list->member + list->begin[g];
            uint8_t omit = 0;
            double bias = 0;
            for (uint32_t n = 0; n < list->size[g]; n++) {
                omit |= r->omit[member[n] * FMPNN_LETTERS + a];
                bias +=
                    r->bias ? r->bias[member[n] * FMPNN_LETTERS + a] / list->size[g] : 0;
            }
            for (uint32_t n = 0; n < list->size[g]; n++) {
                r->omit[member[n] * FMPNN_LETTERS + a] = omit;
                if (r->bias)
                    r->bias[member[n] * FMPNN_LETTERS + a] = bias;
            }
        }
}

/* One more residue, at the end of the rules' current group. */
static void put_member(fmpnn_resolver *r, uint32_t *count, uint32_t i)
{
    r->member[(*count)++] = i;
    r->group_of[i] = (uint32_t)r->job->rules.groups;
}

static void close_group(fmpnn_resolver *r, uint32_t count)
{
    r->start[++r->job->rules.groups] = count;
}

/* Number the ties anew, as they first appear in model order, and fill the rules. Members stand
 * together there; those of a tie that is fixed are groups of one, since their letters are known
 * beforehand. */
static void index_groups(fmpnn_resolver *r, const group_list *list)
{
    fmpnn_job *job = r->job;
    uint32_t *seen =
        r->tie_rank; /* new number + 1, by old number; ranks are needed no more */
    uint32_t count = 0, named = 0;
    size_t L = job->inputs->L;
    memset(seen, 0, L * sizeof *seen);
    job->rules.groups = 0;
    r->start[0] = 0;
    for (uint32_t i = 0; i < L; i++) {
        int32_t tie = job->tie_group[i];
        if (tie < 0) {
            put_member(r, &count, i);
            close_group(r, count);
        }
        if (tie < 0 || seen[tie])
            continue;
        seen[tie] = ++named;
        for (uint32_t n = 0; n < list->size[tie]; n++) {
            put_member(r, &count, list->member[list->begin[tie] + n]);
            if (!job->designed[i] || n + 1 == list->size[tie])
                close_group(r, count);
        }
    }
    for (uint32_t i = 0; i < L; i++)
        if (job->tie_group[i] >= 0)
            job->tie_group[i] = (int32_t)seen[job->tie_group[i]] - 1;
}

fmpnn_status fmpnn_resolve_groups(fmpnn_resolver *r)
{
    group_list list;
    if (!group_list_init(&list, r))
        return fmpnn_fail_memory(r->err, "reading ties");
    drop(r, &list, is_unresolved, "tie-unresolved-dropped",
         "left out of tied groups, because backbone atoms are missing");
    drop(r, &list, is_unknown, "tie-unknown-dropped",
         "left out of tied groups: fixed, but the letter is unknown");
    fmpnn_status status = force_letters(r, &list);
    if (!status) {
        share_letters(r, &list);
        index_groups(r, &list);
    }
    fmpnn_release(list.begin);
    return status;
}
