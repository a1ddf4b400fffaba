#include "fasta.h"
#include "report.h"
#include "text_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static fasta_record *add_record(fasta *f, const char *header, size_t line)
{
    if ((f->count & (f->count - 1)) == 0) /* full at powers of two */
        f->record = checked_grow(f->record, f->count ? 2 * f->count : 1, sizeof *f->record);
    fasta_record *record = &f->record[f->count++];
    size_t n = strcspn(header, " \t");
    n -= n > 1 && header[n - 1] == ','; /* the original programs write "name, key=value" */
    record->name = checked_alloc(n + 1, 1);
    memcpy(record->name, header, n);
    record->sequence = checked_alloc(1, 1);
    record->line = line;
    return record;
}

/* Append the visible characters of `line`. */
static void add_letters(fasta_record *record, const char *line)
{
    size_t size = strlen(record->sequence);
    record->sequence = checked_grow(record->sequence, size + strlen(line) + 1, 1);
    for (; *line; line++) {
        if (!isspace((unsigned char)*line))
            record->sequence[size++] = *line;
    }
    if (size > 0 && record->sequence[size - 1] == '*') /* stop sign of other programs */
        size--;
    record->sequence[size] = 0;
}

static fmpnn_status parse(char *text, fasta *f, fmpnn_error *err)
{
    fasta_record *record = NULL;
    size_t number = 0;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        line[strcspn(line, "\r")] = 0;
        number++;
        if (*line == '>') {
            if (!line[1 + strspn(line + 1, " \t")])
                return text_file_fail(err, FMPNN_EFORMAT, f->path, number, "the record has no name");
            record = add_record(f, line + 1 + strspn(line + 1, " \t"), number);
        } else if (line[strspn(line, " \t")]) {
            if (!record)
                return text_file_fail(err, FMPNN_EFORMAT, f->path, number,
                            "expected a line starting with '>': this is no FASTA file");
            add_letters(record, line);
        }
    }
    if (f->count == 0)
        return text_file_fail(err, FMPNN_EFORMAT, f->path, 0, "no FASTA record in this file");
    for (size_t i = 0; i < f->count; i++) {
        if (!*f->record[i].sequence)
            return text_file_fail(err, FMPNN_EFORMAT, f->path, f->record[i].line,
                        "the record has no sequence");
    }
    return FMPNN_OK;
}

fmpnn_status fasta_read(const char *path, fasta *f, fmpnn_error *err)
{
    char *text = NULL;
    memset(f, 0, sizeof *f);
    f->path = checked_copy(path);
    fmpnn_status status = text_file_read(path, "FASTA file", &text, err);
    if (status == FMPNN_OK)
        status = parse(text, f, err);
    free(text);
    if (status != FMPNN_OK)
        fasta_clear(f);
    return status;
}

void fasta_clear(fasta *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->record[i].name);
        free(f->record[i].sequence);
    }
    free(f->record);
    free(f->path);
    memset(f, 0, sizeof *f);
}

void fasta_digest(const fasta *f, char hex[17])
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a: tells files apart, proves nothing */
    for (size_t i = 0; i < f->count; i++) {
        const char *part[2] = {f->record[i].name, f->record[i].sequence};
        for (size_t p = 0; p < 2; p++) {
            for (const char *at = part[p];; at++) {        /* the final NUL too */
                char c = p == 1 && *at == '/' ? ':' : *at; /* both separate chains */
                hash = (hash ^ (unsigned char)c) * 1099511628211u;
                if (!*at)
                    break;
            }
        }
    }
    snprintf(hex, 17, "%016llx", (unsigned long long)hash);
}

/* ---- fitting to a job ---- */

typedef struct chain {
    char name[8];
    bool designed;
    size_t begin, end, resolved; /* of fit->place; how many of them are resolved */
} chain;

typedef struct place {
    const fmpnn_residue *residue;
    size_t position; /* in model order */
    bool resolved, designed_chain;
    uint8_t native;
} place;

struct fasta_fit {
    size_t L, chains;
    place *place; /* [L] in file order */
    chain *chain; /* [chains] in file order */
};

/* Residues of one structure lie in one array, in file order. */
static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->residue > y->residue) - (x->residue < y->residue);
}

fasta_fit *fasta_fit_create(const fmpnn_job *job)
{
    fasta_fit *fit = checked_alloc(1, sizeof *fit);
    fit->L = fmpnn_job_length(job);
    fit->place = checked_alloc(fit->L, sizeof *fit->place);
    fit->chain = checked_alloc(fit->L, sizeof *fit->chain);
    for (size_t i = 0; i < fit->L; i++) {
        fmpnn_position p = fmpnn_job_position(job, i);
        fit->place[i] = (place){p.residue, i, p.resolved, p.in_designed_chain, p.native};
    }
    qsort(fit->place, fit->L, sizeof *fit->place, compare_places);
    for (size_t i = 0; i < fit->L; i++) {
        const place *p = &fit->place[i];
        chain *last = fit->chains ? &fit->chain[fit->chains - 1] : NULL;
        if (!last || strcmp(last->name, p->residue->chain)) {
            last = &fit->chain[fit->chains++];
            memcpy(last->name, p->residue->chain, sizeof last->name);
            last->designed = p->designed_chain;
            last->begin = i;
        }
        last->end = i + 1;
        last->resolved += p->resolved;
    }
    return fit;
}

void fasta_fit_free(fasta_fit *fit)
{
    if (!fit)
        return;
    free(fit->place);
    free(fit->chain);
    free(fit);
}

/* Which chains a record covers, and whether unresolved residues have letters in it. */
typedef struct cover {
    bool all_chains, unresolved;
    size_t separator; /* its length; 0: the chains are run together */
} cover;

/* What stands between two chains of a record, as design --separator writes it; between all of them
 * it is the same, but that ':' and '/' are one. */
static bool is_separator(const char *at, size_t size, const char *first)
{
    static const char known[] = ":/|,;.+*_-";
    for (size_t n = 0; n < size; n++) {
        if (!at[n] || !strchr(known, at[n]))
            return false;
        bool either = size == 1 && (at[n] == ':' || at[n] == '/');
        if (first && at[n] != first[n] && !(either && strchr(":/", first[n])))
            return false;
    }
    return true;
}

static bool covers(const chain *c, cover how)
{
    return how.all_chains || c->designed;
}

/* Do the parts of `sequence` have the lengths of the chains? */
static bool cover_fits(const fasta_fit *fit, const char *sequence, cover how)
{
    const char *at = sequence, *separator = NULL;
    size_t chains = 0;
    for (size_t i = 0; i < fit->chains; i++) {
        const chain *c = &fit->chain[i];
        if (!covers(c, how))
            continue;
        size_t n = how.unresolved ? c->end - c->begin : c->resolved;
        if (chains > 0) {
            if (!is_separator(at, how.separator, separator))
                return false;
            separator = at;
            at += how.separator;
        }
        if (strcspn(at, ":/") < n)
            return false;
        at += n;
        chains++;
    }
    return chains > 0 && !*at;
}

static fmpnn_status misfit(const fasta_fit *fit, const fasta *f, const fasta_record *record,
                           fmpnn_error *err)
{
    char names[128] = "", lengths[128] = "", whole[128] = "", given[128] = "";
    size_t n = 0, w = 0, l = 0, g = 0;
    for (size_t i = 0; i < fit->chains && n < 100 && l < 100 && w < 100; i++) {
        const chain *c = &fit->chain[i];
        const char *colon = n ? ":" : "";
        if (!c->designed)
            continue;
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", colon, c->name);
        l += (size_t)snprintf(lengths + l, sizeof lengths - l, "%s%zu", colon, c->resolved);
        w += (size_t)snprintf(whole + w, sizeof whole - w, "%s%zu", colon,
                              c->end - c->begin);
    }
    for (const char *at = record->sequence;; at++) {
        size_t part = strcspn(at, ":/");
        if (g < 100)
            g += (size_t)snprintf(given + g, sizeof given - g, "%s%zu", g ? ":" : "", part);
        at += part;
        if (!*at)
            break;
    }
    snprintf(err->message, sizeof err->message,
             "%.256s:%zu: record '%.80s' has %s letters; the designed chains %s have %s "
             "resolved "
             "residues%s%s%s",
             f->path, record->line, record->name, given, names, lengths,
             strcmp(lengths, whole) ? " (" : "", strcmp(lengths, whole) ? whole : "",
             strcmp(lengths, whole) ? " with the unresolved ones)" : "");
    return FMPNN_ESELECT;
}

/* Code of a letter of the record at a residue; unresolved residues may be shown as anything. */
static bool code_of(char letter, const place *p, uint8_t *code)
{
    const char *alphabet = fmpnn_alphabet();
    const char *found = strchr(alphabet, toupper((unsigned char)letter));
    if (found && *found) {
        *code = (uint8_t)(found - alphabet);
        return true;
    }
    *code = p->native;
    return !p->resolved && (letter == '-' || letter == '.' || letter == '_');
}

static fmpnn_status copy_letters(const fasta_fit *fit, const fasta *f,
                                 const fasta_record *record, cover how, uint8_t *letters,
                                 fmpnn_error *err)
{
    const char *at = record->sequence;
    size_t chains = 0;
    for (size_t i = 0; i < fit->chains; i++) {
        const chain *c = &fit->chain[i];
        if (covers(c, how) && chains++ > 0)
            at += how.separator;
        for (size_t k = c->begin; covers(c, how) && k < c->end; k++) {
            const place *p = &fit->place[k];
            char residue[40];
            if (!p->resolved && !how.unresolved)
                continue;
            if (!code_of(*at, p, &letters[p->position])) {
                fmpnn_residue_name(p->residue, residue);
                snprintf(err->message, sizeof err->message,
                         "%s:%zu: record '%.80s': '%c' at residue %s is not one of %s",
                         f->path, record->line, record->name, *at, residue,
                         fmpnn_alphabet());
                return FMPNN_EINVAL;
            }
            at++;
        }
    }
    return FMPNN_OK;
}

fmpnn_status fasta_fit_letters(const fasta_fit *fit, const fasta *f, size_t n,
                               uint8_t *letters, fmpnn_error *err)
{
    enum { LONGEST_SEPARATOR = 8 };
    const fasta_record *record = &f->record[n];
    for (size_t i = 0; i < fit->L; i++)
        letters[fit->place[i].position] = fit->place[i].native;
    for (size_t size = 0; size <= LONGEST_SEPARATOR; size++)
        for (unsigned t = 0; t < 4; t++) {
            cover how = {t / 2, t % 2, size};
            if (cover_fits(fit, record->sequence, how))
                return copy_letters(fit, f, record, how, letters, err);
        }
    return misfit(fit, f, record, err);
}
