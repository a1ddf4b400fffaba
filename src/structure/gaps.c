/* Residue numbers against bonds. The index that the model sees keeps the width of a gap in the
 * numbering, because that is how far apart the residues are in the chain as its author counts
 * it; where numbers and bonds disagree the user is told. */
#include "structure/read.h"

#include <math.h>

enum {
    WIDEST = 10000, /* of a gap: numbers beyond are no real chain */
    LINK_TEXT = 32
};
static const double CN_BOND = 1.8; /* Angstrom: 1.33 with a generous margin */
static const double CN_FAR = 3.0;
static const double CA_BOND = 4.2; /* 3.8 in trans, 2.9 in cis */
static const int32_t INDEX_LIMIT = 1000000000;

static double distance(const float a[3], const float b[3])
{
    double x = (double)a[0] - b[0], y = (double)a[1] - b[1], z = (double)a[2] - b[2];
    return sqrt(x * x + y * y + z * z);
}

fmpnn_link fmpnn_residues_link(const fmpnn_residue *a, const fmpnn_residue *b, char *text)
{
    double d;
    if ((a->present >> FMPNN_ATOM_C & 1) && (b->present >> FMPNN_ATOM_N & 1)) {
        d = distance(a->xyz[FMPNN_ATOM_C], b->xyz[FMPNN_ATOM_N]);
        if (text)
            fmpnn_print(text, LINK_TEXT, "C-N %.2f A", d);
        return d < CN_BOND  ? FMPNN_LINK_BOND
               : d > CN_FAR ? FMPNN_LINK_FAR
                            : FMPNN_LINK_NEAR;
    }
    if ((a->present >> FMPNN_ATOM_CA & 1) && (b->present >> FMPNN_ATOM_CA & 1)) {
        d = distance(a->xyz[FMPNN_ATOM_CA], b->xyz[FMPNN_ATOM_CA]);
        if (text)
            fmpnn_print(text, LINK_TEXT, "CA-CA %.2f A", d);
        return d < CA_BOND       ? FMPNN_LINK_BOND
               : d > CA_BOND + 1 ? FMPNN_LINK_FAR
                                 : FMPNN_LINK_NEAR;
    }
    if (text)
        snprintf(text, LINK_TEXT, "distance unknown");
    return FMPNN_LINK_UNKNOWN;
}

/* "A10 to A20" with a remark. */
static void add(fmpnn_findings *findings, fmpnn_warning_kind kind, const fmpnn_residue *a,
                const fmpnn_residue *b, const char *detail)
{
    char first[40], second[40];
    fmpnn_residue_name(a, first);
    fmpnn_residue_name(b, second);
    fmpnn_findings_add(findings, kind, "%s to %s (%s)", first, second, detail);
}

/* The same with what is known of the distance. */
static void add_link(fmpnn_findings *findings, fmpnn_warning_kind kind, const fmpnn_residue *a,
                     const fmpnn_residue *b)
{
    char detail[LINK_TEXT];
    fmpnn_residues_link(a, b, detail);
    add(findings, kind, a, b, detail);
}

void fmpnn_gaps_index(fmpnn_structure *st, bool close_bond_gaps, fmpnn_findings *findings)
{
    char detail[32];
    for (size_t i = 0; i < st->length; i++) {
        fmpnn_residue *this = &st->residue[i], *before = this - 1;
        if (!i || before->chain_id != this->chain_id) {
            this->index = 0;
            continue;
        }
        int64_t step = (int64_t)this->number - before->number;
        if (step < 1) /* an insertion code, or numbers that go back */
            step = 1;
        if (step > 1 && close_bond_gaps &&
            fmpnn_residues_link(before, this, NULL) == FMPNN_LINK_BOND)
            step = 1;
        if (step > WIDEST) {
            step = WIDEST;
            snprintf(detail, sizeof detail, "%lld numbers",
                     (long long)this->number - before->number - 1);
            add(findings, FMPNN_WARN_GAP_CLAMPED, before, this, detail);
        }
        this->index = before->index + (before->index < INDEX_LIMIT ? (int32_t)step : 1);
    }
}

void fmpnn_gaps_note(const fmpnn_structure *st, fmpnn_findings *findings)
{
    const fmpnn_residue *before = NULL;
    for (size_t i = 0; i < st->length; i++) {
        const fmpnn_residue *this = &st->residue[i];
        if (this->placeholder)
            continue;
        if (before && before->chain_id == this->chain_id) {
            int64_t step = (int64_t)this->number - before->number;
            fmpnn_link link = fmpnn_residues_link(before, this, NULL);
            if (step < 0)
                add_link(findings, FMPNN_WARN_NUMBERING_ORDER, before, this);
            else if (step > 1 && link == FMPNN_LINK_BOND)
                add_link(findings, FMPNN_WARN_GAP_BONDED, before, this);
            else if (step > 1)
                add_link(findings, FMPNN_WARN_GAP, before, this);
            else if (link == FMPNN_LINK_FAR)
                add_link(findings, FMPNN_WARN_BREAK_UNNUMBERED, before, this);
        }
        before = this;
    }
}
