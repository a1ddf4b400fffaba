/* Settings as lists of items: separators, files, comments. */
#include "design/selection.h"

#include <string.h>

enum { FILE_LIMIT = 1 << 20 };

static const char SEPARATORS[] = ", \t\r\n\v\f";

bool fmpnn_items_none(const char *setting)
{
    return !setting || strspn(setting, SEPARATORS) == strlen(setting);
}

/* Blank out comments, so that a list file reads like a setting. */
static void drop_comments(char *list)
{
    bool comment = false;
    for (; *list; list++) {
        comment = *list != '\n' && (comment || *list == '#');
        if (comment)
            *list = ' ';
    }
}

/* A file's items are added to the text, each followed by a NUL. */
static fmpnn_status add_list(fmpnn_items *items, const fmpnn_selector *selector,
                             const char *list, const char *path);

static fmpnn_status add_file(fmpnn_items *items, const fmpnn_selector *selector,
                             const char *path)
{
    unsigned char *bytes = NULL;
    size_t size, before = items->text.size;
    fmpnn_status status = fmpnn_file_read(path, FILE_LIMIT, &bytes, &size, selector->err);
    if (status) {
        fmpnn_fail_in(selector->err, status, "%s", selector->option);
        goto done;
    }
    if (memchr(bytes, '\0', size)) {
        status = fmpnn_fail(selector->err, FMPNN_EINVAL, "%s: %s is not a text file",
                            selector->option, path);
        goto done;
    }
    drop_comments((char *)bytes);
    status = add_list(items, selector, (char *)bytes, path);
    if (!status && items->text.size == before && !items->text.failed)
        status = fmpnn_fail(selector->err, FMPNN_EINVAL, "%s: %s names nothing",
                            selector->option, path);
done:
    fmpnn_release(bytes);
    return status;
}

static fmpnn_status add_list(fmpnn_items *items, const fmpnn_selector *selector,
                             const char *list, const char *path)
{
    fmpnn_status status = FMPNN_OK;
    for (size_t size; !status && *(list += strspn(list, SEPARATORS)); list += size) {
        size = strcspn(list, SEPARATORS);
        size_t begin = items->text.size;
        fmpnn_text_add(&items->text, list, size);
        fmpnn_text_add(&items->text, "", 1);
        if (items->text.failed)
            return fmpnn_fail_memory(selector->err, "reading a setting");
        if (*list != '@')
            continue;
        if (path)
            return fmpnn_fail(selector->err, FMPNN_EINVAL,
                              "%s: %s names another file, %s; a list holds items only",
                              selector->option, path, items->text.data + begin);
        char *name = fmpnn_copy_text(items->text.data + begin + 1);
        items->text.size = begin; /* the file's items take the place of its name */
        status = name ? add_file(items, selector, name)
                      : fmpnn_fail_memory(selector->err, "reading a setting");
        fmpnn_release(name);
    }
    return status;
}

fmpnn_status fmpnn_items_open(fmpnn_items *items, const fmpnn_selector *selector,
                              const char *setting)
{
    fmpnn_text_init(&items->text);
    items->next = 0;
    fmpnn_status status = add_list(items, selector, setting ? setting : "", NULL);
    if (status)
        fmpnn_items_close(items);
    return status;
}

char *fmpnn_items_next(fmpnn_items *items)
{
    if (items->next >= items->text.size)
        return NULL;
    char *item = items->text.data + items->next;
    items->next += strlen(item) + 1;
    return item;
}

void fmpnn_items_close(fmpnn_items *items)
{
    fmpnn_text_clear(&items->text);
}
