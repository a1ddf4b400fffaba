/* "1 2 3, 4 5 6": lists of words in one argument. */
#include "compat/helpers.h"

#include <string.h>

static const char BLANK[] = " \t\r\n";

bool fmpnn_words_split(fmpnn_words *words, const char *text, size_t list, size_t *lists)
{
    *words = (fmpnn_words){0};
    text = text ? text : "";
    *lists = 1;
    const char *from = list == 0 ? text : NULL;
    for (const char *c = text; *c; c++)
        if (*c == ',') {
            if (*lists == list)
                from = c + 1;
            (*lists)++;
        }
    from = from ? from : "";
    size_t size = strcspn(from, ",");
    words->text = fmpnn_alloc(size + 1, 1);
    words->word = fmpnn_alloc(size / 2 + 1, sizeof *words->word);
    if (!words->text || !words->word) {
        fmpnn_words_clear(words);
        return false;
    }
    memcpy(words->text, from, size);
    words->text[size] = '\0';
    for (char *at = words->text; *(at += strspn(at, BLANK));) {
        words->word[words->count++] = at;
        at += strcspn(at, BLANK);
        if (*at)
            *at++ = '\0';
    }
    return true;
}

void fmpnn_words_clear(fmpnn_words *words)
{
    fmpnn_release(words->word);
    fmpnn_release(words->text);
    *words = (fmpnn_words){0};
}

fmpnn_status fmpnn_words_check_whole(const fmpnn_words *words, const char *option,
                                     fmpnn_error *err)
{
    int64_t number;
    for (size_t n = 0; n < words->count; n++)
        if (!fmpnn_parse_int(words->word[n], &number))
            return fmpnn_fail(err, FMPNN_EINVAL, "--%s: '%s' is no whole number", option,
                              words->word[n]);
    return FMPNN_OK;
}
