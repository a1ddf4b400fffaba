#include "structure/warnings.h"

enum { ITEMS_NAMED = 12 };

static const struct {
    const char *code, *text;
} kinds[FMPNN_WARNING_KINDS] = {
#define KIND_ENTRY(name, code, text) {code, text},
    FMPNN_STRUCTURE_WARNINGS(KIND_ENTRY)
#undef KIND_ENTRY
};

void fmpnn_findings_init(fmpnn_findings *findings)
{
    for (int kind = 0; kind < FMPNN_WARNING_KINDS; kind++) {
        fmpnn_text_init(&findings->items[kind]);
        findings->count[kind] = 0;
    }
}

void fmpnn_findings_clear(fmpnn_findings *findings)
{
    for (int kind = 0; kind < FMPNN_WARNING_KINDS; kind++)
        fmpnn_text_clear(&findings->items[kind]);
}

void fmpnn_findings_add(fmpnn_findings *findings, fmpnn_warning_kind kind,
                        const char *format, ...)
{
    char item[160];
    va_list arguments;
    if (findings->count[kind]++ >= ITEMS_NAMED)
        return;
    va_start(arguments, format);
    vsnprintf(item, sizeof item, format, arguments);
    va_end(arguments);
    fmpnn_text_print(&findings->items[kind], findings->count[kind] > 1 ? ", %s" : "%s",
                     item);
}

fmpnn_status fmpnn_findings_warnings(const fmpnn_findings *findings,
                                     fmpnn_warning **warning, size_t *count,
                                     fmpnn_error *err)
{
    fmpnn_warning *list = fmpnn_alloc_zero(FMPNN_WARNING_KINDS, sizeof *list);
    size_t used = 0;
    bool good = list != NULL;
    for (int kind = 0; good && kind < FMPNN_WARNING_KINDS; kind++) {
        if (!findings->count[kind])
            continue;
        fmpnn_text text;
        fmpnn_text_init(&text);
        fmpnn_text_print(&text, "%s: %s", kinds[kind].text,
                         findings->items[kind].data ? findings->items[kind].data : "");
        if (findings->count[kind] > ITEMS_NAMED)
            fmpnn_text_print(&text, " and %zu more", findings->count[kind] - ITEMS_NAMED);
        list[used].code = kinds[kind].code;
        list[used++].message = text.data;
        good = !text.failed && !findings->items[kind].failed;
    }
    if (!good) {
        fmpnn_warnings_free(list, used);
        return fmpnn_fail_memory(err, "collecting warnings");
    }
    *warning = list;
    *count = used;
    return FMPNN_OK;
}

void fmpnn_warnings_free(fmpnn_warning *warning, size_t count)
{
    if (warning)
        for (size_t n = 0; n < count; n++)
            fmpnn_release((void *)warning[n].message);
    fmpnn_release(warning);
}
