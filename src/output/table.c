/* Tables: a header line, then one record a line, cells separated by tabs. */
#include "output/record.h"

enum { TABLE_DECIMALS = 6 };

/* The caller's names or cells, each followed by a tab. */
static void add_own(fmpnn_text *out, const fmpnn_heads *heads, const char *const *text)
{
    static const fmpnn_column own = {"", FMPNN_TEXT};
    for (size_t n = 0; heads && n < heads->count; n++) {
        fmpnn_value value = {.text = text[n]};
        fmpnn_print_value(out, &own, &value, 0, false);
        fmpnn_text_add(out, "\t", 1);
    }
}

void fmpnn_table_add_header(fmpnn_text *out, const fmpnn_heads *heads, fmpnn_verb verb)
{
    fmpnn_columns columns = fmpnn_verb_columns(verb);
    add_own(out, heads, heads ? (const char *const *)heads->name : NULL);
    for (size_t n = 0; n < columns.count; n++)
        fmpnn_text_print(out, "%s%s", n ? "\t" : "", columns.column[n].key);
    fmpnn_text_add(out, "\n", 1);
}

void fmpnn_table_add(fmpnn_text *out, const fmpnn_record *record)
{
    add_own(out, record->heads, record->cell);
    for (size_t n = 0; n < record->columns.count; n++) {
        if (n)
            fmpnn_text_add(out, "\t", 1);
        fmpnn_print_value(out, &record->columns.column[n], &record->value[n],
                          TABLE_DECIMALS, false);
    }
    fmpnn_text_add(out, "\n", 1);
}
