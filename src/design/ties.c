/* Tied positions as written: "A=B=C", "A1-40=A41-80", "A*1=B*-0.5", and whole symmetries.
 *
 * Each side of a tie lends its residues keys; residues of one key form a group. Copies of one
 * chain are usually numbered alike with different residues missing, so the key is the residue
 * number where most numbers are shared, and the place in the chain where they are not. */
#include "design/resolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNTIED = -1, PENDING = -2 };

static const double LARGEST_WEIGHT = 1e6;

typedef struct tie_entry {
    int64_t number; /* the key: number, then code */
    char icode;
    uint32_t side;
    uint32_t residue; /* of the structure */
} tie_entry;

typedef struct tie_side {
    fmpnn_span span;
    double weight;
    size_t count;
} tie_side;

/* One tie being read; entry [L] and the side list are kept from one to the next. */
typedef struct tie_reader {
    fmpnn_resolver *r;
    fmpnn_selector s;
    const char *text; /* the tie as a message shows it */
    tie_side *side;
    size_t sides, capacity;
    tie_entry *entry;
    int32_t groups;
} tie_reader;

static int by_key(const void *a, const void *b)
{
    const tie_entry *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (x->icode != y->icode)
        return x->icode < y->icode ? -1 : 1;
    if (x->side != y->side)
        return x->side < y->side ? -1 : 1;
    return (x->residue > y->residue) - (x->residue < y->residue);
}

static bool same_key(const tie_entry *a, const tie_entry *b)
{
    return a->number == b->number && a->icode == b->icode;
}

/* The residues of a side in file order, keyed by number - origin. */
static size_t collect(const fmpnn_structure *st, const fmpnn_span *span, uint32_t side,
                      int64_t origin, tie_entry *entry)
{
    size_t count = 0;
    for (size_t i = span->first; i <= span->last; i++) {
        const fmpnn_residue *residue = &st->residue[i];
        if (fmpnn_span_has(st, span, i))
            entry[count++] =
                (tie_entry){residue->number - origin, residue->icode, side, (uint32_t)i};
    }
    return count;
}

/* How many numbers two different chains share, and whether the letters there agree (an unknown
 * letter agrees with any). */
static size_t shared_numbers(const fmpnn_structure *st, const fmpnn_span *a,
                             const fmpnn_span *b, tie_entry *entry, bool *letters_agree)
{
    size_t count = collect(st, a, 0, 0, entry), shared = 0;
    count += collect(st, b, 1, 0, entry + count);
    qsort(entry, count, sizeof *entry, by_key);
    *letters_agree = true;
    for (size_t n = 1; n < count; n++) {
        if (!same_key(&entry[n - 1], &entry[n]) || entry[n - 1].side == entry[n].side)
            continue;
        char x = st->residue[entry[n - 1].residue].letter;
        char y = st->residue[entry[n].residue].letter;
        if (x != y && x != 'X' && y != 'X')
            *letters_agree = false;
        shared++;
    }
    return shared;
}

/* Two thirds of the shorter chain. A copy with missing loops shares nearly all its numbers, one
 * that is numbered on from the first shares none; between them lie shifted numberings. */
static bool numbered_alike(tie_reader *t, const tie_side *a, const tie_side *b)
{
    bool agree;
    size_t shorter = a->count < b->count ? a->count : b->count;
    if (a->span.chain == b->span.chain)
        return false;
    return 3 * shared_numbers(t->s.st, &a->span, &b->span, t->entry, &agree) >= 2 * shorter;
}

/* ---- keys ---- */

/* Ranges of one width, written without insertion codes: keys count from the range's begin. */
static bool equal_widths(const tie_reader *t)
{
    const fmpnn_span *a = &t->side[0].span;
    for (size_t n = 0; n < t->sides; n++) {
        const fmpnn_span *b = &t->side[n].span;
        if (b->from.icode != ' ' || b->to.icode != ' ' ||
            (int64_t)b->to.number - b->from.number !=
                (int64_t)a->to.number - a->from.number)
            return false;
    }
    return true;
}

static bool equal_ends(const tie_reader *t)
{
    const fmpnn_span *a = &t->side[0].span;
    for (size_t n = 1; n < t->sides; n++) {
        const fmpnn_span *b = &t->side[n].span;
        if (b->from.number != a->from.number || b->from.icode != a->from.icode ||
            b->to.number != a->to.number || b->to.icode != a->to.icode)
            return false;
    }
    return true;
}

static bool all_whole(const tie_reader *t)
{
    bool whole = true;
    for (size_t n = 0; n < t->sides; n++)
        whole = whole && t->side[n].span.whole;
    return whole;
}

/* Side n follows side 0 residue by residue. */
static fmpnn_status check_order(tie_reader *t, size_t n)
{
    if (t->side[n].count != t->side[0].count)
        return fmpnn_fail(
            t->s.err, FMPNN_ESELECT,
            "%s: '%.80s': neither numbering nor length agree: %zu residues against "
            "%zu",
            t->s.option, t->text, t->side[0].count, t->side[n].count);
    if (t->side[0].count > 1)
        fmpnn_note(t->s.notes, "tie-by-order",
                   "%s: '%.80s' is tied in file order, because the numbering differs",
                   t->s.option, t->text);
    return FMPNN_OK;
}

/* Key all sides; the entries of side 0 come first, in file order. */
static fmpnn_status make_keys(tie_reader *t, size_t *count)
{
    bool whole = all_whole(t), ends = equal_ends(t), widths = equal_widths(t);
    uint8_t *in_order = fmpnn_alloc_zero(t->sides, 1);
    fmpnn_status status = FMPNN_OK;
    if (!in_order)
        return fmpnn_fail_memory(t->s.err, "reading ties");
    for (size_t n = 1; n < t->sides && !status; n++) {
        in_order[n] =
            whole ? !numbered_alike(t, &t->side[0], &t->side[n]) : !ends && !widths;
        if (in_order[n])
            status = check_order(t, n);
    }
    *count = 0;
    for (size_t n = 0; n < t->sides && !status; n++) {
        tie_entry *own = t->entry + *count;
        int64_t origin = whole || !widths ? 0 : t->side[n].span.from.number;
        *count += collect(t->s.st, &t->side[n].span, (uint32_t)n, origin, own);
        for (size_t k = 0; in_order[n] && k < t->side[n].count; k++) {
            own[k].number = t->entry[k].number;
            own[k].icode = t->entry[k].icode;
        }
    }
    fmpnn_release(in_order);
    return status;
}

/* ---- groups ---- */

/* Claim the residues of side n, so that none is tied twice; this also bounds the entries by the
 * length of the structure. */
static fmpnn_status claim(tie_reader *t, const fmpnn_span *span)
{
    const fmpnn_structure *st = t->s.st;
    for (size_t i = span->first; i <= span->last; i++) {
        if (!fmpnn_span_has(st, span, i))
            continue;
        int32_t *group = &t->r->job->tie_group[t->r->position_of[i]];
        if (*group != UNTIED) {
            char name[40];
            fmpnn_residue_name(&st->residue[i], name);
            return fmpnn_fail(
                t->s.err, FMPNN_ESELECT,
                "%s: '%.80s': %s is tied already; a residue belongs to one group",
                t->s.option, t->text, name);
        }
        *group = PENDING;
    }
    return FMPNN_OK;
}

/* Entries [first, end) share a key: a group, or a residue without partner. */
static void make_group(tie_reader *t, size_t first, size_t end)
{
    fmpnn_job *job = t->r->job;
    int32_t group = end - first > 1 ? t->groups++ : UNTIED;
    for (size_t n = first; n < end; n++) {
        uint32_t i = t->r->position_of[t->entry[n].residue];
        job->tie_group[i] = group;
        job->tie_weight[i] = group == UNTIED ? 1 : t->side[t->entry[n].side].weight;
        t->r->tie_rank[i] = (uint32_t)(n - first);
        t->r->marked[t->entry[n].residue] = end - first < t->sides;
    }
}

/* Tie the sides that were collected. */
static fmpnn_status tie_sides(tie_reader *t)
{
    size_t count = 0;
    fmpnn_status status = FMPNN_OK;
    for (size_t n = 0; n < t->sides && !status; n++) {
        t->side[n].count = fmpnn_span_count(t->s.st, &t->side[n].span);
        status = claim(t, &t->side[n].span);
    }
    if (!status)
        status = make_keys(t, &count);
    if (status)
        return status;
    qsort(t->entry, count, sizeof *t->entry, by_key);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && same_key(&t->entry[first], &t->entry[end]);
             end++)
            ;
        make_group(t, first, end);
    }
    char message[200];
    snprintf(message, sizeof message, "%s: '%.80s': without a partner in every copy",
             t->s.option, t->text);
    fmpnn_resolver_note_marked(t->r, "tie-missing", message);
    return FMPNN_OK;
}

/* ---- --tie ---- */

static fmpnn_status add_side(tie_reader *t, const fmpnn_span *span, double weight)
{
    if (t->sides == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 8;
        tie_side *grown = fmpnn_grow(t->side, t->sides, capacity, sizeof *t->side);
        if (!grown)
            return fmpnn_fail_memory(t->s.err, "reading ties");
        t->side = grown;
        t->capacity = capacity;
    }
    t->side[t->sides++] = (tie_side){*span, weight, 0};
    return FMPNN_OK;
}

/* "A1-40" or "A1-40*-0.5". */
static fmpnn_status read_side(tie_reader *t, char *text)
{
    char *star = strrchr(text, '*');
    double weight = 1;
    fmpnn_span span;
    if (star && (!fmpnn_parse_double(star + 1, &weight) || fabs(weight) > LARGEST_WEIGHT))
        return fmpnn_fail(
            t->s.err, FMPNN_EINVAL,
            "%s: '%.60s' does not end in *WEIGHT within +-%g; write A*1=B*-0.5",
            t->s.option, text, LARGEST_WEIGHT);
    if (star)
        *star = '\0';
    fmpnn_status status = fmpnn_select_item(&t->s, text, &span);
    return status ? status : add_side(t, &span, weight);
}

static fmpnn_status read_tie(tie_reader *t, char *item)
{
    char shown[81];
    fmpnn_status status = FMPNN_OK;
    snprintf(shown, sizeof shown, "%s", item);
    t->text = shown;
    t->sides = 0;
    if (!strchr(item, '='))
        return fmpnn_fail(t->s.err, FMPNN_EINVAL,
                          "%s: '%.60s' ties nothing; write A=B or A1-40=A41-80",
                          t->s.option, item);
    for (char *next = item; next && !status;) {
        char *side = next;
        next = strchr(side, '=');
        if (next)
            *next++ = '\0';
        status = read_side(t, side);
    }
    return status ? status : tie_sides(t);
}

/* ---- --symmetry ---- */

/* Copies of one chain: the same letters where the numbers agree, or the same length. */
static bool is_copy(tie_reader *t, const tie_side *a, const tie_side *b)
{
    bool agree;
    size_t shorter = a->count < b->count ? a->count : b->count;
    if (a->count == b->count)
        return true;
    return 3 * shared_numbers(t->s.st, &a->span, &b->span, t->entry, &agree) >=
               2 * shorter &&
           agree;
}

/* The designed chains that have residues, as spans, in order of appearance. */
static fmpnn_status list_chains(tie_reader *t, tie_side **chain, size_t *count)
{
    const fmpnn_structure *st = t->s.st;
    const fmpnn_job *job = t->r->job;
    fmpnn_status status = FMPNN_OK;
    uint32_t next = 0;
    t->sides = 0;
    for (size_t i = 0; i < st->length && !status; i++) {
        uint32_t id = st->residue[i].chain_id;
        if (id != next)
            continue;
        next++;
        fmpnn_span span = {.chain = id, .first = UINT32_MAX, .whole = true};
        for (size_t n = i; n < st->length; n++)
            if (st->residue[n].chain_id == id && !st->residue[n].placeholder) {
                span.first = span.first == UINT32_MAX ? (uint32_t)n : span.first;
                span.last = (uint32_t)n;
            }
        if (job->in_designed_chain[t->r->position_of[i]] && span.first != UINT32_MAX)
            status = add_side(t, &span, 1);
    }
    *chain = t->side;
    *count = t->sides;
    t->side = NULL;
    t->sides = t->capacity = 0;
    for (size_t n = 0; n < *count; n++)
        (*chain)[n].count = fmpnn_span_count(st, &(*chain)[n].span);
    return status;
}

static fmpnn_status tie_copies(tie_reader *t)
{
    tie_side *chain = NULL;
    size_t count = 0, ties = 0;
    char shown[81];
    fmpnn_status status = list_chains(t, &chain, &count);
    t->text = shown;
    for (size_t a = 0; a < count && !status; a++) {
        if (!chain[a].count) /* belongs to an earlier chain */
            continue;
        const fmpnn_structure *st = t->s.st;
        int used =
            snprintf(shown, sizeof shown, "%s", st->residue[chain[a].span.first].chain);
        t->sides = 0;
        status = add_side(t, &chain[a].span, 1);
        for (size_t b = a + 1; b < count && !status; b++) {
            if (!chain[b].count || !is_copy(t, &chain[a], &chain[b]))
                continue;
            if (used < (int)sizeof shown)
                used += snprintf(shown + used, sizeof shown - (size_t)used, "=%s",
                                 st->residue[chain[b].span.first].chain);
            status = add_side(t, &chain[b].span, 1);
            chain[b].count = 0;
        }
        if (!status && t->sides > 1) {
            status = tie_sides(t);
            ties++;
        }
    }
    if (!status && !ties)
        status = fmpnn_fail(t->s.err, FMPNN_ESELECT,
                            "%s: no two designed chains have one sequence or one length",
                            t->s.option);
    fmpnn_release(chain);
    return status;
}

fmpnn_status fmpnn_resolve_ties(fmpnn_resolver *r)
{
    const char *symmetry = r->settings->symmetry;
    bool symmetric = !fmpnn_items_none(symmetry);
    size_t L = r->job->inputs->L;
    for (size_t i = 0; i < L; i++) {
        r->job->tie_group[i] = UNTIED;
        r->job->tie_weight[i] = 1;
    }
    if (symmetric && strcmp(symmetry, "homooligomer"))
        return fmpnn_fail(r->err, FMPNN_EINVAL,
                          "--symmetry: '%.60s' is not known; homooligomer is", symmetry);
    tie_reader t = {.r = r, .s = fmpnn_resolver_select(r, "--tie")};
    fmpnn_status status = fmpnn_resolve_tied(r, &t.groups);
    if (status || (!symmetric && fmpnn_items_none(r->settings->tie)))
        return status;
    fmpnn_items items = {0};
    t.entry = fmpnn_alloc(L, sizeof *t.entry);
    status = t.entry ? fmpnn_items_open(&items, &t.s, r->settings->tie)
                     : fmpnn_fail_memory(r->err, "reading ties");
    if (!status) {
        for (char *item; !status && (item = fmpnn_items_next(&items));)
            status = read_tie(&t, item);
        fmpnn_items_close(&items);
    }
    t.s.option = "--symmetry";
    if (!status && symmetric)
        status = tie_copies(&t);
    fmpnn_release(t.side);
    fmpnn_release(t.entry);
    return status;
}
