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

/* ---- which row belongs to which residue ---- */

static int by_number(const void *a, const void *b)
{
    const fmpnn_residue *x = *(const fmpnn_residue *const *)a;
    const fmpnn_residue *y = *(const fmpnn_residue *const *)b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->icode > y->icode) - (x->icode < y->icode);
}

/* place[i - first]: place of residue i in its chain first .. last by number and insertion code,
 * missing numbers counted. Returns how many places there are; 0: out of memory. */
static size_t find_ordinals(const fmpnn_structure *st, size_t first, size_t last,
                            size_t *place)
{
    size_t count = last - first + 1, next = 0;
    const fmpnn_residue **sorted = fmpnn_alloc(count, sizeof *sorted);
    if (!sorted)
        return 0;
    for (size_t n = 0; n < count; n++)
        sorted[n] = &st->residue[first + n];
    qsort(sorted, count, sizeof *sorted, by_number);
    for (size_t n = 0; n < count; n++, next++) {
        int64_t step = n ? (int64_t)sorted[n]->number - sorted[n - 1]->number : 0;
        next += step > 1 ? (size_t)(step - 1) : 0;
        place[sorted[n] - &st->residue[first]] = next;
    }
    fmpnn_release(sorted);
    return next;
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
    size_t *place = fmpnn_alloc(last - first + 1, sizeof *place);
    size_t longest = place ? find_ordinals(st, first, last, place) : 0;
    fmpnn_status status = longest ? read_profile(r, path, chain, &p)
                                  : fmpnn_fail_memory(r->err, "reading a PSSM");
    if (status) {
        fmpnn_release(place);
        return status;
    }
    bool as_read = p.coef.count == last - first + 1;
    if (!as_read && p.coef.count != longest)
        status =
            fmpnn_fail(r->err, FMPNN_ESELECT,
                       "--pssm: %s: chain %s has %zu rows, expected %zu (residues) or %zu "
                       "(with missing numbers)",
                       path, chain, p.coef.count, last - first + 1, longest);
    for (size_t i = first; i <= last && !status; i++)
        status = take_row(r, &p, path, i, as_read ? i - first : place[i - first],
                          r->position_of[i]);
    *found = *found || !status;
    profile_clear(&p);
    fmpnn_release(place);
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

fmpnn_status fmpnn_resolve_pssm(fmpnn_resolver *r)
{
    fmpnn_job *job = r->job;
    const fmpnn_structure *st = job->st;
    bool found = false;
    double weight = r->settings->pssm_weight;
    if (!r->settings->pssm || !*r->settings->pssm)
        return weight == 0 ? FMPNN_OK
                           : fmpnn_fail(r->err, FMPNN_EINVAL, "--pssm-weight needs --pssm");
    if (!(weight > 0 && weight <= 1))
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "--pssm needs --pssm-weight, above 0 and at most 1");
    char *path = path_of(r);
    job->pssm_coef = fmpnn_alloc_zero(st->length, sizeof *job->pssm_coef);
    job->pssm_bias = fmpnn_alloc_zero(st->length, FMPNN_LETTERS * sizeof *job->pssm_bias);
    fmpnn_status status = path && job->pssm_coef && job->pssm_bias
                              ? FMPNN_OK
                              : fmpnn_fail_memory(r->err, "reading a PSSM");
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
    if (!status) {
        share(r);
        job->rules.pssm_coef = job->pssm_coef;
        job->rules.pssm_bias = job->pssm_bias;
        job->rules.pssm_multi = weight;
    }
    fmpnn_release(path);
    return status;
}
