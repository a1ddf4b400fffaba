/* --pssm: probabilities from outside, mixed into the distribution that letters are drawn from:
 * p := (1 - W coef) p + W coef pssm. An npz file holds CHAIN_coef [n] and CHAIN_bias [n][21] for
 * some chains, as the published program's helper takes it; chains that it lacks have none.
 *
 * n counts either the chain's residues as read, or its ordinals in the published program, that
 * is, missing residue numbers included. */
#include "design/resolve.h"
#include "output/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct profile {
    fmpnn_npy coef, bias; /* [n], [n][21] */
} profile;

static void profile_clear(profile *p)
{
    fmpnn_npy_clear(&p->coef);
    fmpnn_npy_clear(&p->bias);
}

/* The file itself, or NAME.npz in a folder. */
static char *path_of(const fmpnn_resolver *r)
{
    struct stat info;
    fmpnn_text path;
    bool folder = !stat(r->settings->pssm, &info) && S_ISDIR(info.st_mode);
    fmpnn_text_init(&path);
    fmpnn_text_print(&path, "%s%s%s%s", r->settings->pssm, folder ? "/" : "",
                     folder ? r->job->st->name : "", folder ? ".npz" : "");
    char *copy = path.failed ? NULL : fmpnn_copy_text(path.data);
    fmpnn_text_clear(&path);
    return copy;
}

/* How many ordinals the chain has; 0: none are known. */
static size_t ordinals_of(const fmpnn_structure *st, const char *chain)
{
    for (size_t n = 0; n < st->ordinal_chains; n++)
        if (!strcmp(st->ordinals[n].chain, chain))
            return st->ordinals[n].length;
    return 0;
}

/* ---- one chain ---- */

static fmpnn_status read_profile(const fmpnn_resolver *r, const char *path,
                                 const char *chain, profile *p)
{
    char name[32];
    *p = (profile){0};
    snprintf(name, sizeof name, "%s_coef", chain);
    fmpnn_status status = fmpnn_npz_read(path, name, &p->coef, r->err);
    snprintf(name, sizeof name, "%s_bias", chain);
    if (!status)
        status = fmpnn_npz_read(path, name, &p->bias, r->err);
    if (!status &&
        (!p->coef.data || p->coef.rank != 1 || !p->bias.data || p->bias.rank != 2 ||
         p->bias.shape[0] != p->coef.count || p->bias.shape[1] != FMPNN_LETTERS))
        status =
            fmpnn_fail(r->err, FMPNN_EFORMAT,
                       "--pssm: %s: chain %s: expected %s_coef [n] and %s_bias [n][%d]",
                       path, chain, chain, chain, FMPNN_LETTERS);
    if (status)
        profile_clear(p);
    return status;
}

static fmpnn_status take_row(fmpnn_resolver *r, const profile *p, const char *path,
                             size_t i, size_t row, size_t position)
{
    fmpnn_job *job = r->job;
    const double *bias = p->bias.data + row * FMPNN_LETTERS;
    double coef = p->coef.data[row], sum = 0;
    bool good = coef >= 0 && coef <= 1;
    for (size_t a = 0; a < FMPNN_LETTERS; a++) {
        good = good && bias[a] >= 0 && isfinite(bias[a]);
        sum += bias[a];
        job->pssm_bias[position * FMPNN_LETTERS + a] = bias[a];
    }
    job->pssm_coef[position] = coef;
    if (good && (coef == 0 || sum > 0))
        return FMPNN_OK;
    char name[40];
    fmpnn_residue_name(&job->st->residue[i], name);
    return fmpnn_fail(
        r->err, FMPNN_EFORMAT,
        "--pssm: %s: row %zu, of %s: expected a coefficient within 0 to 1 and "
        "probabilities that do not sum to 0",
        path, row + 1, name);
}

/* Residues first .. last are one chain. */
static fmpnn_status take_chain(fmpnn_resolver *r, const char *path, size_t first,
                               size_t last, bool *found)
{
    const fmpnn_structure *st = r->job->st;
    const char *chain = st->residue[first].chain;
    char name[32], text[65];
    size_t count;
    profile p;
    snprintf(name, sizeof name, "%s_coef", chain);
    if (!fmpnn_npz_peek(path, name, &count, text))
        return FMPNN_OK;
    size_t longest = ordinals_of(st, chain);
    fmpnn_status status = read_profile(r, path, chain, &p);
    if (status)
        return status;
    bool as_read = p.coef.count == last - first + 1;
    if (!as_read && p.coef.count != longest)
        status =
            fmpnn_fail(r->err, FMPNN_ESELECT,
                       "--pssm: %s: chain %s has %zu rows, expected %zu (residues) or %zu "
                       "(with missing numbers)",
                       path, chain, p.coef.count, last - first + 1, longest);
    for (size_t i = first; i <= last && !status; i++) {
        int32_t ordinal = st->residue[i].ordinal;
        if (as_read || ordinal)
            status = take_row(r, &p, path, i, as_read ? i - first : (size_t)ordinal - 1,
                              r->position_of[i]);
    }
    *found = *found || !status;
    profile_clear(&p);
    return status;
}

/* Tied members share one mixture: the mean of theirs. */
static void share(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    for (size_t g = 0; g < job->rules.groups; g++) {
        size_t n = r->start[g + 1] - r->start[g];
        double coef = 0, mean[FMPNN_LETTERS] = {0};
        if (n < 2)
            continue;
        for (size_t k = r->start[g]; k < r->start[g + 1]; k++) {
            uint32_t i = r->member[k];
            coef += job->pssm_coef[i] / (double)n;
            for (size_t a = 0; a < FMPNN_LETTERS; a++)
                mean[a] +=
                    job->pssm_coef[i] * job->pssm_bias[i * FMPNN_LETTERS + a] / (double)n;
        }
        for (size_t k = r->start[g]; k < r->start[g + 1]; k++) {
            uint32_t i = r->member[k];
            job->pssm_coef[i] = coef;
            for (size_t a = 0; a < FMPNN_LETTERS; a++)
                job->pssm_bias[i * FMPNN_LETTERS + a] = coef > 0 ? mean[a] / coef : 0;
        }
    }
}

/* The rows of --pssm. */
static fmpnn_status take_file(fmpnn_resolver *r)
{
    const fmpnn_structure *st = r->job->st;
    bool found = false;
    char *path = path_of(r);
    fmpnn_status status = path ? FMPNN_OK : fmpnn_fail_memory(r->err, "reading a PSSM");
    if (!status && !fmpnn_file_exists(path))
        status = fmpnn_fail(r->err, FMPNN_EINVAL, "--pssm: %s: no such file", path);
    for (size_t first = 0, last; first < st->length && !status; first = last + 1) {
        for (last = first; last + 1 < st->length &&
                           st->residue[last + 1].chain_id == st->residue[first].chain_id;)
            last++;
        status = take_chain(r, path, first, last, &found);
    }
    if (!status && !found)
        status =
            fmpnn_fail(r->err, FMPNN_ESELECT,
                       "--pssm: %s: no array CHAIN_coef of a chain of the structure", path);
    fmpnn_release(path);
    return status;
}

fmpnn_status fmpnn_resolve_pssm(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    size_t L = job->inputs->L;
    bool in_file = r->settings->pssm && *r->settings->pssm;
    bool in_dictionary = r->settings->dictionaries &&
                         r->settings->dictionaries->item[FMPNN_DICTIONARY_PSSM].value;
    double weight = r->settings->pssm_weight;
    if (!in_file && !in_dictionary)
        return weight == 0 ? FMPNN_OK
                           : fmpnn_fail(r->err, FMPNN_EINVAL,
                                        "--pssm-weight needs --pssm or --pssm-jsonl");
    if (in_file && in_dictionary)
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "--pssm and --pssm-jsonl exclude each other");
    if (!(weight > 0 && weight <= 1))
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "%s needs --pssm-weight, above 0 and at most 1",
                          in_file ? "--pssm" : "--pssm-jsonl");
    job->pssm_coef = fmpnn_alloc_zero(L, sizeof *job->pssm_coef);
    job->pssm_bias = fmpnn_alloc_zero(L, FMPNN_LETTERS * sizeof *job->pssm_bias);
    fmpnn_status status = job->pssm_coef && job->pssm_bias
                              ? FMPNN_OK
                              : fmpnn_fail_memory(r->err, "reading a PSSM");
    if (!status)
        status = in_file ? take_file(r) : fmpnn_resolve_pssm_rows(r);
    if (!status) {
        share(r);
        job->rules.pssm_coef = job->pssm_coef;
        job->rules.pssm_bias = job->pssm_bias;
        job->rules.pssm_multi = weight;
    }
    return status;
}
