/* A structure as an object: from arrays, its parts, its end. */
#include "structure/structure.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "structure/names.h"
#include "structure/pdb.h"
#include "structure/read.h"

static fmpnn_status check_residue(const fmpnn_residue *r, size_t i, fmpnn_error *err)
{
    const char *end = memchr(r->chain, 0, sizeof r->chain);
    size_t size = end ? (size_t)(end - r->chain) : 0;
    bool printable = size > 0;
    for (size_t k = 0; printable && k < size; k++)
        printable = isgraph((unsigned char)r->chain[k]);
    if (!printable)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "residue %zu: chain name, expected 1 to 7 printable characters",
                          i);
    if (r->icode != ' ' && !isalpha((unsigned char)r->icode))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "residue %zu: insertion code, expected a letter or a blank", i);
    if (!fmpnn_name_of_letter(r->letter))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "residue %zu: letter, expected one of the alphabet", i);
    if (r->present > 15)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "residue %zu: present has bits beyond N, CA, C, O", i);
    for (int a = 0; a < 4; a++)
        for (int k = 0; k < 3; k++)
            if ((r->present >> a & 1) &&
                !(fabs((double)r->xyz[a][k]) <= FMPNN_COORDINATE_LIMIT))
                return fmpnn_fail(
                    err, FMPNN_EINVAL,
                    "residue %zu: coordinate %g, expected one within +-100000", i,
                    (double)r->xyz[a][k]);
    return FMPNN_OK;
}

int fmpnn_residue_compare(const void *a, const void *b)
{
    const fmpnn_residue *x = *(const fmpnn_residue *const *)a;
    const fmpnn_residue *y = *(const fmpnn_residue *const *)b;
    int chains = strcmp(x->chain, y->chain);
    if (chains)
        return chains;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->icode > y->icode) - (x->icode < y->icode);
}

/* Each chain must be one run and each residue name unique, else selections are ambiguous. */
static fmpnn_status check_unique(const fmpnn_structure *st, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    size_t chains = 1;
    const fmpnn_residue **sorted = fmpnn_alloc(st->length, sizeof *sorted);
    if (!sorted)
        return fmpnn_fail_memory(err, "comparing residue names");
    for (size_t i = 0; i < st->length; i++)
        sorted[i] = &st->residue[i];
    qsort(sorted, st->length, sizeof *sorted, fmpnn_residue_compare);
    for (size_t i = 1; i < st->length && !status; i++) {
        char name[40];
        fmpnn_residue_name(sorted[i], name);
        if (!fmpnn_residue_compare(&sorted[i - 1], &sorted[i]))
            status = fmpnn_fail(err, FMPNN_EINVAL, "residue %s is given twice", name);
        chains += strcmp(sorted[i - 1]->chain, sorted[i]->chain) != 0;
    }
    if (!status && chains != st->residue[st->length - 1].chain_id + (size_t)1)
        status = fmpnn_fail(err, FMPNN_EINVAL,
                            "residues of one chain must be adjacent: %zu chains in %u runs",
                            chains, st->residue[st->length - 1].chain_id + 1);
    fmpnn_release(sorted);
    return status;
}

static void copy_residue(fmpnn_residue *to, const fmpnn_residue *from)
{
    memset(to, 0, sizeof *to);
    memcpy(to->chain, from->chain, strlen(from->chain));
    strcpy(to->name, fmpnn_name_of_letter(from->letter));
    to->number = from->number;
    to->icode = from->icode;
    to->letter = from->letter;
    to->present = from->present;
    for (int a = 0; a < 4; a++)
        for (int k = 0; k < 3; k++)
            to->xyz[a][k] = from->present >> a & 1 ? from->xyz[a][k] : NAN;
}

fmpnn_status fmpnn_structure_from_residues(const char *name, size_t L,
                                           const fmpnn_residue *residues,
                                           fmpnn_structure **st, fmpnn_error *err)
{
    fmpnn_findings findings;
    fmpnn_status status = FMPNN_OK;
    if (!*name ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
            strlen(name))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "structure name, expected letters of A-Za-z0-9._-");
    if (!L || L > FMPNN_MAX_RESIDUES)
        return fmpnn_fail(err, FMPNN_EINVAL, "%zu residues, expected 1 to %d", L,
                          FMPNN_MAX_RESIDUES);
    fmpnn_findings_init(&findings);
    fmpnn_structure *made = fmpnn_alloc_zero(1, sizeof *made);
    if (made) {
        made->name = fmpnn_copy_text(name);
        made->residue = fmpnn_alloc_zero(L, sizeof *made->residue);
    }
    if (!made || !made->name || !made->residue) {
        status = fmpnn_fail_memory(err, "copying residues");
        goto done;
    }
    for (size_t i = 0; i < L; i++) {
        status = check_residue(&residues[i], i, err);
        if (status)
            goto done;
        copy_residue(&made->residue[i], &residues[i]);
        if (i)
            made->residue[i].chain_id =
                made->residue[i - 1].chain_id +
                (strcmp(residues[i - 1].chain, residues[i].chain) != 0);
        made->length++;
    }
    status = check_unique(made, err);
    if (status)
        goto done;
    fmpnn_gaps_index(made, false, &findings);
    fmpnn_gaps_note(made, &findings);
    status = fmpnn_ordinals_count(made, err);
    if (status)
        goto done;
    status = fmpnn_findings_warnings(&findings, &made->warning, &made->warning_count, err);
    if (!status)
        status = fmpnn_structure_hash(made, err);
    if (!status) {
        *st = made;
        made = NULL;
    }
done:
    fmpnn_findings_clear(&findings);
    fmpnn_structure_free(made);
    return status;
}

void fmpnn_structure_free(fmpnn_structure *st)
{
    if (!st)
        return;
    fmpnn_records_free(st->records);
    fmpnn_document_free(st->document);
    fmpnn_release(st->atom);
    fmpnn_release(st->atom_first);
    fmpnn_release(st->ligand);
    fmpnn_release(st->context);
    fmpnn_warnings_free(st->warning, st->warning_count);
    fmpnn_release(st->no_ordinals);
    fmpnn_release(st->ordinals);
    fmpnn_release(st->residue);
    fmpnn_release(st->name);
    fmpnn_release(st);
}

size_t fmpnn_structure_length(const fmpnn_structure *st)
{
    return st->length;
}

const fmpnn_residue *fmpnn_structure_residue(const fmpnn_structure *st, size_t i)
{
    return i < st->length ? &st->residue[i] : NULL;
}

size_t fmpnn_structure_warning_count(const fmpnn_structure *st)
{
    return st->warning_count;
}

fmpnn_warning fmpnn_structure_warning(const fmpnn_structure *st, size_t n)
{
    static const fmpnn_warning none = {"", ""};
    return n < st->warning_count ? st->warning[n] : none;
}

fmpnn_reading fmpnn_structure_reading(const fmpnn_structure *st)
{
    return st->reading;
}

size_t fmpnn_structure_hetero_atoms(const fmpnn_structure *st)
{
    return st->hetero_atoms;
}

size_t fmpnn_structure_ligand_count(const fmpnn_structure *st)
{
    return st->ligand_count;
}

fmpnn_ligand fmpnn_structure_ligand(const fmpnn_structure *st, size_t n)
{
    static const fmpnn_ligand none = {.icode = ' '};
    return n < st->ligand_count ? st->ligand[n] : none;
}

const char *fmpnn_structure_digest(const fmpnn_structure *st)
{
    return st->digest;
}

/* "A10" has one reading only if the chain is one letter: "A110" could be chain A1, "110" 1. */
void fmpnn_residue_name(const fmpnn_residue *residue, char text[40])
{
    bool letter = isalpha((unsigned char)residue->chain[0]) && !residue->chain[1];
    char icode[2] = {residue->icode == ' ' ? '\0' : residue->icode, '\0'};
    snprintf(text, 40, "%s%s%d%s", residue->chain, letter ? "" : ":", (int)residue->number,
             icode);
}
