/* The options `only` ("A,B": chains to read) and `drop` ("HOH,SO4,chain:C": names and chains to
 * leave out). The lists are short, so they are searched as text. */
#include "structure/read.h"

#include <string.h>

static const char chain_prefix[] = "chain:";

/* The next item of a list, or false. Items longer than `size` are cut, and match nothing. */
static bool next_item(const char **list, char *item, size_t size)
{
    const char *start = *list + strspn(*list, ", \t\n");
    size_t length = strcspn(start, ", \t\n");
    *list = start + length;
    if (!length)
        return false;
    size_t kept = length < size - 1 ? length : size - 1;
    memcpy(item, start, kept);
    item[kept] = '\0';
    return true;
}

static bool list_has(const char *list, const char *prefix, const char *name)
{
    char item[24];
    size_t size = strlen(prefix);
    while (next_item(&list, item, sizeof item))
        if (!strncmp(item, prefix, size) && !strcmp(item + size, name))
            return true;
    return false;
}

fmpnn_status fmpnn_filter_check(const fmpnn_read_options *options, fmpnn_error *err)
{
    char item[24];
    const char *only = options->only, *drop = options->drop;
    if (only && !next_item(&only, item, sizeof item))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "no chain named in \"only\", expected e.g. \"A,B\"");
    if (drop && !next_item(&drop, item, sizeof item))
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "nothing named in \"drop\", expected e.g. \"HOH,SO4,chain:C\"");
    return FMPNN_OK;
}

bool fmpnn_filter_keeps(const fmpnn_read_options *options, const char *chain,
                        const char *name)
{
    if (options->only && !list_has(options->only, "", chain))
        return false;
    return !options->drop || !(list_has(options->drop, chain_prefix, chain) ||
                               list_has(options->drop, "", name));
}

fmpnn_status fmpnn_filter_verify(const fmpnn_read_options *options, const char *file,
                                 const char (*chain)[8], size_t count, fmpnn_error *err)
{
    char item[24];
    const char *only = options->only ? options->only : "";
    while (next_item(&only, item, sizeof item)) {
        bool found = false;
        for (size_t c = 0; c < count; c++)
            found = found || !strcmp(chain[c], item);
        if (found)
            continue;
        fmpnn_text there;
        fmpnn_text_init(&there);
        for (size_t c = 0; c < count; c++)
            fmpnn_text_print(&there, c ? ", %s" : "%s", chain[c]);
        fmpnn_status status =
            there.failed ? fmpnn_fail_memory(err, "listing chains")
                         : fmpnn_fail(err, FMPNN_ESELECT, "%s: no chain %s; there are %s",
                                      file, item, there.data ? there.data : "none");
        fmpnn_text_clear(&there);
        return status;
    }
    return FMPNN_OK;
}

void fmpnn_filter_note(const fmpnn_read_options *options, const fmpnn_document *document,
                       fmpnn_findings *findings)
{
    char item[24];
    const char *drop = options->drop ? options->drop : "";
    size_t size = strlen(chain_prefix);
    while (next_item(&drop, item, sizeof item)) {
        bool found = false, chain = !strncmp(item, chain_prefix, size);
        for (size_t g = 0; g < document->group_count && !found; g++)
            found = !strcmp(chain ? document->group[g].chain : document->group[g].name,
                            chain ? item + size : item);
        if (!found)
            fmpnn_findings_add(findings, FMPNN_WARN_DROP_UNUSED, "%s", item);
    }
}
