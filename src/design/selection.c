/* Names of residues, read against a structure.
 *
 * "A10" may mean residue 10 of chain A, residue 0 of chain A1, or a chain A10. All readings
 * that fit the chains at hand are counted, and only one is taken; two are an error that says
 * how to write each. So a name never changes its meaning silently with the file. */
#include "design/selection.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_SIZE = 8, DIGITS = 9, NAMES_SHOWN = 20, GAPS_SHOWN = 8 };

/* ---- syntax ---- */

/* "-5", "82A"; moves *text behind it. */
static bool read_end(const char **text, fmpnn_residue_end *end)
{
    const char *at = *text;
    bool negative = *at == '-';
    at += negative;
    size_t digits = strspn(at, "0123456789");
    if (digits < 1 || digits > DIGITS)
        return false;
    end->number = (int32_t)strtol(at, NULL, 10) * (negative ? -1 : 1);
    at += digits;
    end->icode = isalpha((unsigned char)*at) ? *at++ : ' ';
    *text = at;
    return true;
}

/* "10", "10-25", "-5--1", "10..25": one or both ends, nothing behind. */
static bool read_ends(const char *text, fmpnn_span *span)
{
    if (!read_end(&text, &span->from))
        return false;
    span->to = span->from;
    if (!*text)
        return true;
    size_t size = !strncmp(text, "..", 2) ? 2 : *text == '-' ? 1 : 0;
    text += size;
    return size && read_end(&text, &span->to) && !*text;
}

static bool same_end(fmpnn_residue_end a, fmpnn_residue_end b)
{
    return a.number == b.number && a.icode == b.icode;
}

/* By number, then code; no code comes first. */
static int compare_ends(fmpnn_residue_end a, fmpnn_residue_end b)
{
    if (a.number != b.number)
        return a.number < b.number ? -1 : 1;
    return (a.icode > b.icode) - (a.icode < b.icode);
}

static fmpnn_residue_end end_of(const fmpnn_residue *residue)
{
    return (fmpnn_residue_end){residue->number, residue->icode};
}

static void print_end(fmpnn_text *out, fmpnn_residue_end end)
{
    fmpnn_text_print(out, "%d%.*s", end.number, end.icode != ' ', &end.icode);
}

/* What the span was written as, in the long form. */
static void print_long(fmpnn_text *out, const char *chain, const fmpnn_span *span)
{
    fmpnn_text_print(out, "%s:", chain);
    if (span->whole)
        return;
    print_end(out, span->from);
    if (!same_end(span->from, span->to)) {
        fmpnn_text_add(out, "..", 2);
        print_end(out, span->to);
    }
}

/* ---- chains ---- */

/* First residue of the chain called name[0..size), or st->length. */
static size_t find_chain(const fmpnn_structure *st, const char *name, size_t size)
{
    size_t i = 0;
    for (; i < st->length; i++)
        if (strlen(st->residue[i].chain) == size &&
            !memcmp(st->residue[i].chain, name, size))
            break;
    return i;
}

void fmpnn_chains_print(const fmpnn_structure *st, const char *separator, size_t limit,
                        fmpnn_text *out)
{
    size_t count = 0;
    for (size_t i = 0; i < st->length; i++) {
        if (st->residue[i].chain_id != count)
            continue;
        if (count < limit)
            fmpnn_text_print(out, "%s%s", count ? separator : "", st->residue[i].chain);
        count++;
    }
    if (count > limit)
        fmpnn_text_print(out, " and %zu more", count - limit);
}

/* Text that was to be part of a message, or a word instead if memory ran out. */
static const char *shown(const fmpnn_text *text)
{
    return text->failed || !text->data ? "?" : text->data;
}

static fmpnn_status fail_chain(const fmpnn_selector *s, const char *item, size_t size)
{
    fmpnn_text chains;
    fmpnn_text_init(&chains);
    fmpnn_chains_print(s->st, ", ", NAMES_SHOWN, &chains);
    fmpnn_fail(s->err, FMPNN_ESELECT,
               "%s: chain '%.*s' is not in the structure; its chains: %s", s->option,
               size < 60 ? (int)size : 60, item, shown(&chains));
    fmpnn_text_clear(&chains);
    return FMPNN_ESELECT;
}

/* A chain without a single residue that was seen cannot be named either. */
static fmpnn_status span_chain(const fmpnn_selector *s, const char *name, size_t size,
                               fmpnn_span *span)
{
    const fmpnn_structure *st = s->st;
    size_t i = find_chain(st, name, size), none = st->length;
    if (i == none)
        return fail_chain(s, name, size);
    uint32_t chain = st->residue[i].chain_id;
    size_t first = none, last = none;
    for (; i < st->length; i++)
        if (st->residue[i].chain_id == chain && !st->residue[i].placeholder) {
            first = first == none ? i : first;
            last = i;
        }
    if (first == none)
        return fmpnn_fail(s->err, FMPNN_ESELECT, "%s: chain '%.*s' has no residues",
                          s->option, (int)size, name);
    *span = (fmpnn_span){chain,
                         (uint32_t)first,
                         (uint32_t)last,
                         true,
                         end_of(&st->residue[first]),
                         end_of(&st->residue[last])};
    return FMPNN_OK;
}

/* ---- residues of a chain ---- */

bool fmpnn_span_has(const fmpnn_structure *st, const fmpnn_span *span, size_t i)
{
    return i >= span->first && i <= span->last && st->residue[i].chain_id == span->chain &&
           !st->residue[i].placeholder;
}

size_t fmpnn_span_count(const fmpnn_structure *st, const fmpnn_span *span)
{
    size_t count = 0;
    for (size_t i = span->first; i <= span->last; i++)
        count += fmpnn_span_has(st, span, i);
    return count;
}

static int64_t distance(fmpnn_residue_end a, fmpnn_residue_end b)
{
    int64_t apart = ((int64_t)a.number - b.number) * 256;
    return llabs(apart + ((int64_t)a.icode - b.icode));
}

/* The residue of `chain` (a whole one) that is nearest in number to what was asked for. */
static fmpnn_status fail_absent(const fmpnn_selector *s, const char *item,
                                const fmpnn_span *chain, const fmpnn_span *wanted)
{
    const fmpnn_residue *residue = s->st->residue;
    size_t nearest = chain->first;
    char name[40];
    for (size_t i = chain->first; i <= chain->last; i++)
        if (fmpnn_span_has(s->st, chain, i) &&
            distance(end_of(&residue[i]), wanted->from) <
                distance(end_of(&residue[nearest]), wanted->from))
            nearest = i;
    fmpnn_residue_name(&residue[nearest], name);
    return fmpnn_fail(s->err, FMPNN_ESELECT,
                      same_end(wanted->from, wanted->to)
                          ? "%s: residue '%.60s' is not in the structure; nearest: %s"
                          : "%s: no residue of '%.60s' is in the structure; nearest: %s",
                      s->option, item, name);
}

/* A warning that names the numbers from..to of which the span lacks some. */
static void note_gaps(const fmpnn_selector *s, const char *item, const fmpnn_span *span)
{
    int64_t next = span->from.number, gaps = 0;
    fmpnn_text text;
    if (!s->notes)
        return;
    fmpnn_text_init(&text);
    for (size_t i = span->first; i <= (size_t)span->last + 1; i++) {
        bool end = i > span->last;
        if (!end && !fmpnn_span_has(s->st, span, i))
            continue;
        int64_t number = end ? (int64_t)span->to.number + 1 : s->st->residue[i].number;
        if (number > next && ++gaps <= GAPS_SHOWN) {
            fmpnn_text_print(&text, gaps > 1 ? ", %lld" : "%lld", (long long)next);
            if (number > next + 1)
                fmpnn_text_print(&text, "..%lld", (long long)number - 1);
        }
        next = number + 1;
    }
    if (gaps > GAPS_SHOWN)
        fmpnn_text_print(&text, " and %lld more gaps", (long long)gaps - GAPS_SHOWN);
    if (gaps)
        fmpnn_note(s->notes, "range-missing",
                   "%s: %.60s covers numbers that the structure lacks: %s", s->option, item,
                   shown(&text));
    s->notes->failed |= text.failed;
    fmpnn_text_clear(&text);
}

/* span->from and to are set; find what they cover. */
static fmpnn_status span_ends(const fmpnn_selector *s, const char *item, const char *name,
                              size_t size, fmpnn_span *span)
{
    fmpnn_span chain;
    fmpnn_status status = span_chain(s, name, size, &chain);
    if (status)
        return status;
    const size_t none = s->st->length;
    size_t from = none, to = none, first = none, last = none;
    for (size_t i = chain.first; i <= chain.last; i++) {
        if (!fmpnn_span_has(s->st, &chain, i))
            continue;
        fmpnn_residue_end here = end_of(&s->st->residue[i]);
        if (from == none && same_end(here, span->from))
            from = i;
        if (same_end(here, span->to))
            to = i;
        if (compare_ends(here, span->from) >= 0 && compare_ends(here, span->to) <= 0) {
            first = first == none ? i : first; /* stand in for ends that are missing */
            last = i;
        }
    }
    if (same_end(span->from, span->to)) {
        if (from == none)
            return fail_absent(s, item, &chain, span);
        last = to = from; /* should a name stand twice, the first is meant */
    }
    bool backwards =
        from != none && to != none ? from > to : compare_ends(span->from, span->to) > 0;
    if (backwards)
        return fmpnn_fail(
            s->err, FMPNN_ESELECT,
            "%s: range '%.60s' runs backwards: its second end stands first in the "
            "structure; exchange the ends",
            s->option, item);
    first = from != none ? from : first;
    last = to != none ? to : last;
    if (first == none || last == none || first > last)
        return fail_absent(s, item, &chain, span);
    span->chain = chain.chain;
    span->first = (uint32_t)first;
    span->last = (uint32_t)last;
    if (!same_end(span->from, span->to))
        note_gaps(s, item, span);
    return FMPNN_OK;
}

/* ---- one item ---- */

static fmpnn_status fail_syntax(const fmpnn_selector *s, const char *item)
{
    return fmpnn_fail(
        s->err, FMPNN_EINVAL,
        "%s: '%.60s' names no residues; write A10, A10-25, B82A, a chain A, or "
        "CHAIN:NUMBER, CHAIN:FROM..TO",
        s->option, item);
}

/* "AA:10", "A1:-5..-1", "A1:". The last colon separates. */
static fmpnn_status select_long(const fmpnn_selector *s, const char *item,
                                const char *colon, fmpnn_span *span)
{
    size_t size = (size_t)(colon - item);
    if (!size || (colon[1] && !read_ends(colon + 1, span)))
        return fail_syntax(s, item);
    if (!colon[1])
        return span_chain(s, item, size, span);
    return span_ends(s, item, item, size, span);
}

/* Add how to write this reading without doubt. */
static void print_reading(fmpnn_text *out, const char *name, size_t size,
                          const fmpnn_span *span)
{
    char chain[CHAIN_SIZE] = "";
    memcpy(chain, name, size);
    fmpnn_text_print(out, "%s", out->size ? " or " : "");
    print_long(out, chain, span);
    fmpnn_text_print(out, " (%s of chain %s)", span->whole ? "all" : "residues", chain);
}

/* No reading fits: is it the chain, or the form? */
static fmpnn_status fail_short(const fmpnn_selector *s, const char *item)
{
    fmpnn_span span;
    size_t size = 1;
    while (isalpha((unsigned char)item[size]) && isalpha((unsigned char)*item))
        size++;
    bool form =
        isalpha((unsigned char)*item) && (!item[size] || read_ends(item + size, &span));
    return form ? fail_chain(s, item, size) : fail_syntax(s, item);
}

static fmpnn_status select_short(const fmpnn_selector *s, const char *item,
                                 fmpnn_span *span)
{
    size_t length = strlen(item), readings = 0, chain_size = 0;
    fmpnn_text ways;
    fmpnn_status status;
    fmpnn_text_init(&ways);
    for (size_t size = 1; size <= length && size < CHAIN_SIZE; size++) {
        fmpnn_span reading = {.whole = size == length};
        if ((!reading.whole && !read_ends(item + size, &reading)) ||
            find_chain(s->st, item, size) == s->st->length)
            continue;
        print_reading(&ways, item, size, &reading);
        readings++;
        *span = reading;
        chain_size = size;
    }
    /* "AA10" or "15" fits one chain here; in another file it might fit two */
    bool plain = span->whole || (chain_size == 1 && isalpha((unsigned char)*item));
    if (!readings)
        status = fail_short(s, item);
    else if (readings > 1)
        status = fmpnn_fail(s->err, FMPNN_ESELECT,
                            "%s: '%.60s' can be read in %zu ways; write %s", s->option,
                            item, readings, shown(&ways));
    else if (!plain)
        status =
            fmpnn_fail(s->err, FMPNN_ESELECT,
                       "%s: '%.60s': a chain whose name is not one letter needs a colon; "
                       "write %s",
                       s->option, item, shown(&ways));
    else if (span->whole)
        status = span_chain(s, item, chain_size, span);
    else
        status = span_ends(s, item, item, chain_size, span);
    fmpnn_text_clear(&ways);
    return status;
}

fmpnn_status fmpnn_select_item(const fmpnn_selector *s, const char *item, fmpnn_span *span)
{
    const char *colon = strrchr(item, ':');
    memset(span, 0, sizeof *span);
    if (!*item)
        return fail_syntax(s, item);
    return colon ? select_long(s, item, colon, span) : select_short(s, item, span);
}

/* ---- whole settings ---- */

fmpnn_status fmpnn_select(const fmpnn_selector *s, const char *setting, uint8_t *chosen)
{
    fmpnn_items items;
    fmpnn_status status = fmpnn_items_open(&items, s, setting);
    if (status)
        return status;
    for (const char *item; !status && (item = fmpnn_items_next(&items));) {
        fmpnn_span span;
        status = fmpnn_select_item(s, item, &span);
        for (size_t i = span.first; !status && i <= span.last; i++)
            chosen[i] |= fmpnn_span_has(s->st, &span, i);
    }
    fmpnn_items_close(&items);
    return status;
}

fmpnn_status fmpnn_select_chains(const fmpnn_selector *s, const char *setting,
                                 uint8_t *chosen)
{
    fmpnn_items items;
    fmpnn_status status = fmpnn_items_open(&items, s, setting);
    if (status)
        return status;
    for (const char *item; !status && (item = fmpnn_items_next(&items));) {
        fmpnn_span span;
        size_t size = strlen(item);
        size -= size > 1 && item[size - 1] == ':';
        status = span_chain(s, item, size, &span);
        for (size_t i = 0; !status && i < s->st->length; i++)
            chosen[i] |= s->st->residue[i].chain_id == span.chain;
    }
    fmpnn_items_close(&items);
    return status;
}

/* ---- residues as text ---- */

bool fmpnn_short_is_clear(const fmpnn_structure *st)
{
    for (size_t i = 0; i < st->length; i++)
        if (strlen(st->residue[i].chain) != 1)
            return false;
    return true;
}

void fmpnn_range_print(const fmpnn_structure *st, size_t first, size_t last, bool clear,
                       fmpnn_text *out)
{
    const char *chain = st->residue[first].chain;
    bool plain = clear && isalpha((unsigned char)*chain);
    fmpnn_text_print(out, plain ? "%s" : "%s:", chain);
    print_end(out, end_of(&st->residue[first]));
    if (first == last)
        return;
    fmpnn_text_print(out, "%s", plain ? "-" : "..");
    print_end(out, end_of(&st->residue[last]));
}

void fmpnn_selection_print(const fmpnn_structure *st, const uint8_t *chosen, size_t limit,
                           fmpnn_text *out)
{
    bool clear = fmpnn_short_is_clear(st);
    size_t runs = 0, i = 0;
    while (i < st->length) {
        if (!chosen[i] || st->residue[i].placeholder) {
            i++;
            continue;
        }
        size_t first = i, last = i;
        for (i++; i < st->length; i++) {
            const fmpnn_residue *residue = &st->residue[i];
            if (residue->chain_id != st->residue[first].chain_id)
                break;
            if (!residue->placeholder && !chosen[i])
                break;
            last = residue->placeholder ? last : i;
        }
        if (runs > 0 && runs < limit)
            fmpnn_text_add(out, ",", 1);
        if (runs++ < limit)
            fmpnn_range_print(st, first, last, clear, out);
    }
    if (runs > limit)
        fmpnn_text_print(out, " and %zu more", runs - limit);
}
