/* Omitted letters and biases: LETTERS or SELECTION:LETTERS, the last colon separating, since a
 * selection may hold one itself ("AA:5..9:GP"). */
#include "design/resolve.h"

#include <math.h>
#include <string.h>

enum { UNKNOWN = FMPNN_LETTERS - 1 };

/* Beyond this a bias decides alone, and sums of logits lose their digits. */
static const double LARGEST_BIAS = 1e6;

/* "GP" as a row of 0 and 1. */
static bool read_letters(const char *text, uint8_t *row)
{
    memset(row, 0, FMPNN_LETTERS);
    for (const char *at = text; *at; at++) {
        const char *letter = strchr(fmpnn_alphabet(), *at);
        if (!letter)
            return false;
        row[letter - fmpnn_alphabet()] = 1;
    }
    return *text;
}

/* Split "SELECTION:LETTERS" or "LETTERS"; `span` covers everything in the latter case. */
static fmpnn_status read_item(const fmpnn_selector *s, char *item, const char *example,
                              fmpnn_span *span, bool *everywhere, uint8_t *row)
{
    char *colon = strrchr(item, ':');
    *everywhere = !colon;
    if (!read_letters(colon ? colon + 1 : item, row))
        return fmpnn_fail(s->err, FMPNN_EINVAL,
                          "%s: '%.60s' does not end in letters out of %s; write %s",
                          s->option, item, fmpnn_alphabet(), example);
    if (!colon)
        return FMPNN_OK;
    *colon = '\0';
    return fmpnn_select_item(s, item, span);
}

/* Is model position i one that the item names? */
static bool applies(const fmpnn_resolver *r, const fmpnn_span *span, bool everywhere,
                    size_t i)
{
    return everywhere || fmpnn_span_has(r->job->st, span, r->job->inputs->residue_of[i]);
}

fmpnn_status fmpnn_resolve_omit(fmpnn_resolver *r)
{
    fmpnn_selector s = fmpnn_resolver_select(r, "--omit");
    size_t L = r->job->inputs->L;
    fmpnn_items items;
    for (size_t i = 0; i < L; i++)
        r->omit[i * FMPNN_LETTERS + UNKNOWN] = 1;
    fmpnn_status status = fmpnn_items_open(&items, &s, r->settings->omit);
    if (status)
        return status;
    for (char *item; !status && (item = fmpnn_items_next(&items));) {
        uint8_t row[FMPNN_LETTERS];
        fmpnn_span span;
        bool everywhere;
        status = read_item(&s, item, "C or A5-9:GP", &span, &everywhere, row);
        for (size_t i = 0; !status && i < L; i++)
            for (size_t a = 0; a < FMPNN_LETTERS && applies(r, &span, everywhere, i); a++)
                r->omit[i * FMPNN_LETTERS + a] |= row[a];
    }
    fmpnn_items_close(&items);
    return status;
}

/* Take "=VALUE" off the item. */
static fmpnn_status read_value(const fmpnn_selector *s, char *item, double *value)
{
    char *equals = strrchr(item, '=');
    if (!equals || !fmpnn_parse_double(equals + 1, value) || fabs(*value) > LARGEST_BIAS)
        return fmpnn_fail(s->err, FMPNN_EINVAL,
                          "%s: '%.60s' does not end in =VALUE within +-%g; write A=-1.1 or "
                          "A12:P=2",
                          s->option, item, LARGEST_BIAS);
    *equals = '\0';
    return FMPNN_OK;
}

fmpnn_status fmpnn_resolve_bias(fmpnn_resolver *r)
{
    fmpnn_selector s = fmpnn_resolver_select(r, "--bias");
    size_t L = r->job->inputs->L;
    fmpnn_items items;
    fmpnn_status status = fmpnn_items_open(&items, &s, r->settings->bias);
    if (status)
        return status;
    for (char *item; !status && (item = fmpnn_items_next(&items));) {
        uint8_t row[FMPNN_LETTERS];
        fmpnn_span span;
        bool everywhere;
        double value;
        status = read_value(&s, item, &value);
        if (!status)
            status = read_item(&s, item, "A=-1.1 or A12:P=2", &span, &everywhere, row);
        for (size_t i = 0; !status && i < L; i++)
            for (size_t a = 0; a < FMPNN_LETTERS && applies(r, &span, everywhere, i); a++)
                r->bias[i * FMPNN_LETTERS + a] += row[a] ? value : 0;
    }
    fmpnn_items_close(&items);
    return status;
}
