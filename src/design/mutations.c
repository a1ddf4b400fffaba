/* Mutations as people write them: T12V, A:T12V, A:S100AY, several joined by ":" "," or ";". */
#include "design/job.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char JOINTS[] = ":,; \t";

typedef struct mutation {
    const char *text;   /* as written, not ended */
    int size;
    char chain[8];      /* "": not said */
    char native, icode, mutant;
    int32_t number;
} mutation;

typedef struct writer {
    const fmpnn_job *job;
    uint8_t *letters; /* [L] */
    uint8_t *changed; /* [L] */
    fmpnn_error *err;
} writer;

static const fmpnn_residue *residue_of(const fmpnn_job *job, size_t i)
{
    return &job->st->residue[job->inputs->residue_of[i]];
}

/* One letter, a number, perhaps an insertion code, one letter. */
static bool read_mutation(const char *text, size_t size, mutation *m)
{
    char digits[16];
    size_t n = 1;
    int64_t number;
    if (size < 3 || !isupper((unsigned char)text[0]) ||
        !isupper((unsigned char)text[size - 1]))
        return false;
    n += text[n] == '-';
    while (n < size && isdigit((unsigned char)text[n]))
        n++;
    if (n - 1 >= sizeof digits || (n != size - 1 && n != size - 2))
        return false;
    memcpy(digits, text + 1, n - 1);
    digits[n - 1] = '\0';
    m->icode = n == size - 2 ? text[n] : ' ';
    if (!fmpnn_parse_int(digits, &number) || number > INT32_MAX || number < INT32_MIN ||
        (m->icode != ' ' && !isalpha((unsigned char)m->icode)))
        return false;
    m->text = text;
    m->size = (int)size;
    m->native = text[0];
    m->mutant = text[size - 1];
    m->number = (int32_t)number;
    return true;
}

static fmpnn_status no_residue(const writer *w, const mutation *m)
{
    const fmpnn_residue *best = NULL;
    char name[40];
    for (size_t i = 0; i < w->job->inputs->L; i++) {
        const fmpnn_residue *r = residue_of(w->job, i);
        if (r->placeholder || (*m->chain && strcmp(r->chain, m->chain)))
            continue;
        if (!best || llabs((long long)r->number - m->number) <
                         llabs((long long)best->number - m->number))
            best = r;
    }
    if (!best)
        return fmpnn_fail(w->err, FMPNN_ESELECT, "%.*s: there is no chain '%s'", m->size,
                          m->text, m->chain);
    fmpnn_residue_name(best, name);
    return fmpnn_fail(w->err, FMPNN_ESELECT,
                      "%.*s: residue %d%.1s%s%s is not in the structure; nearest: %s", m->size,
                      m->text, (int)m->number, m->icode == ' ' ? "" : &m->icode,
                      *m->chain ? " of chain " : "", m->chain, name);
}

/* The position meant; without a chain name there must be only one, designed chains first. */
static fmpnn_status find_position(const writer *w, const mutation *m, size_t *position)
{
    const fmpnn_job *job = w->job;
    size_t L = job->inputs->L, found = L;
    for (int designed = 1; designed >= 0 && found == L; designed--)
        for (size_t i = 0; i < L; i++) {
            const fmpnn_residue *r = residue_of(job, i);
            if (r->number != m->number || r->icode != m->icode || r->placeholder ||
                (*m->chain ? strcmp(r->chain, m->chain) != 0
                           : designed && !job->in_designed_chain[i]))
                continue;
            if (found < L)
                return fmpnn_fail(w->err, FMPNN_ESELECT,
                                  "%.*s: chains %s and %s both have this residue; write "
                                  "%s:%.*s",
                                  m->size, m->text, residue_of(job, found)->chain, r->chain,
                                  r->chain, m->size, m->text);
            found = i;
        }
    *position = found;
    return found < L ? FMPNN_OK : no_residue(w, m);
}

static fmpnn_status apply(const writer *w, const mutation *m)
{
    const char *alphabet = fmpnn_alphabet(), *mutant = strchr(alphabet, m->mutant);
    char name[40];
    size_t i = 0;
    fmpnn_status status = find_position(w, m, &i);
    if (status)
        return status;
    char native = alphabet[w->job->inputs->native[i]];
    fmpnn_residue_name(residue_of(w->job, i), name);
    if (native != m->native)
        return fmpnn_fail(w->err, FMPNN_ESELECT, "%.*s: residue %s is %c, not %c", m->size,
                          m->text, name, native, m->native);
    if (!mutant || m->mutant == 'X')
        return fmpnn_fail(w->err, FMPNN_EINVAL, "%.*s: '%c' is not one of %.20s", m->size,
                          m->text, m->mutant, alphabet);
    if (w->changed[i])
        return fmpnn_fail(w->err, FMPNN_EINVAL, "%.*s: residue %s is mutated twice", m->size,
                          m->text, name);
    w->changed[i] = 1;
    w->letters[i] = (uint8_t)(mutant - alphabet);
    return FMPNN_OK;
}

static bool is_wild_type(const char *text)
{
    size_t size = strcspn(text, JOINTS);
    return size == 2 && toupper((unsigned char)text[0]) == 'W' &&
           toupper((unsigned char)text[1]) == 'T' && !text[size + strspn(text + size, " \t")];
}

static fmpnn_status apply_all(const writer *w, const char *text)
{
    char chain[8] = "";
    bool any = false;
    for (size_t size;; text += size) {
        mutation m;
        text += strspn(text, JOINTS);
        size = strcspn(text, JOINTS);
        if (!size)
            break;
        if (read_mutation(text, size, &m)) {
            memcpy(m.chain, chain, sizeof chain);
            *chain = '\0';
            any = true;
            fmpnn_status status = apply(w, &m);
            if (status)
                return status;
        } else if (!*chain && text[size] == ':' && size < sizeof chain) {
            memcpy(chain, text, size);
            chain[size] = '\0';
        } else {
            return fmpnn_fail(w->err, FMPNN_EINVAL,
                              "'%.*s' is no mutation: expected T12V, A:T12V or A:S100AY",
                              (int)(size < 60 ? size : 60), text);
        }
    }
    if (*chain || !any)
        return fmpnn_fail(w->err, FMPNN_EINVAL,
                          "no mutation%s%s: expected T12V, A:T12V, A:S100AY or WT",
                          *chain ? " after " : "", chain);
    return FMPNN_OK;
}

fmpnn_status fmpnn_job_mutate(const fmpnn_job *job, const char *mutations, uint8_t *letters,
                              fmpnn_error *err)
{
    size_t L = job->inputs->L;
    if (is_wild_type(mutations)) {
        memcpy(letters, job->inputs->native, L);
        return FMPNN_OK;
    }
    uint8_t *fresh = fmpnn_alloc_zero(2, L);
    if (!fresh)
        return fmpnn_fail_memory(err, "mutating a sequence");
    memcpy(fresh, job->inputs->native, L);
    writer w = {.job = job, .letters = fresh, .changed = fresh + L, .err = err};
    fmpnn_status status = apply_all(&w, mutations);
    if (!status)
        memcpy(letters, fresh, L);
    fmpnn_release(fresh);
    return status;
}
