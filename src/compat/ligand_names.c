#include "compat/ligand.h"
#include "compat/structures.h"
#include "structure/records.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = 64, WORDS_NAMED = 8 };

typedef struct key {
    const char *text;
    uint32_t index;
} key;

static int compare_keys(const void *a, const void *b)
{
    const key *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

bool fmpnn_ligand_names_init(fmpnn_ligand_names *names, const fmpnn_structure *st)
{
    key *keys = fmpnn_alloc(st->length, sizeof *keys);
    names->text = fmpnn_alloc(st->length, sizeof *names->text);
    names->sorted = fmpnn_alloc(st->length, sizeof *names->sorted);
    if (keys && names->text && names->sorted) {
        names->count = st->length;
        for (size_t i = 0; i < st->length; i++) {
            const fmpnn_residue *r = &st->residue[i];
            const char *chain = strcmp(r->chain, st->records->blank) ? r->chain : "";
            snprintf(names->text[i], sizeof names->text[i], "%s%d%.*s", chain,
                     (int)r->number, r->icode != ' ', &r->icode);
            keys[i] = (key){names->text[i], (uint32_t)i};
        }
        qsort(keys, st->length, sizeof *keys, compare_keys);
        for (size_t i = 0; i < st->length; i++)
            names->sorted[i] = keys[i].index;
    }
    fmpnn_release(keys);
    return names->count > 0;
}

void fmpnn_ligand_names_clear(fmpnn_ligand_names *names)
{
    fmpnn_release(names->sorted);
    fmpnn_release(names->text);
}

/* The first place in `sorted` whose name is not before this one. */
static size_t lower_bound(const fmpnn_ligand_names *names, const char *name)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(names->text[names->sorted[middle]], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_name(const fmpnn_ligand_names *names, size_t place, const char *name)
{
    return place < names->count && !strcmp(names->text[names->sorted[place]], name);
}

size_t fmpnn_ligand_names_find(const fmpnn_ligand_names *names, const char *name)
{
    size_t place = lower_bound(names, name), found = names->count;
    for (; is_name(names, place, name); place++)
        found = names->sorted[place];
    return found;
}

void fmpnn_ligand_names_mark(const fmpnn_ligand_run *run, const fmpnn_ligand_names *names,
                             const char *option, const char *words, uint8_t *mark)
{
    static const char blanks[] = " \t\n\r\f\v";
    fmpnn_text unknown;
    size_t count = 0;
    fmpnn_text_init(&unknown);
    for (words += strspn(words, blanks); *words; words += strspn(words, blanks)) {
        char word[WORD];
        size_t size = strcspn(words, blanks);
        snprintf(word, sizeof word, "%.*s", (int)(size < WORD ? size : WORD - 1), words);
        words += size;
        size_t place = lower_bound(names, word);
        if (!is_name(names, place, word) && count++ < WORDS_NAMED)
            fmpnn_text_print(&unknown, " %s", word);
        for (; is_name(names, place, word); place++)
            mark[names->sorted[place]] = 1;
    }
    if (unknown.data)
        fmpnn_original_note(run->listener,
                            "--%s: no such residue:%s%s; passed over, as in the published "
                            "program",
                            option, unknown.data, count > WORDS_NAMED ? " ..." : "");
    fmpnn_text_clear(&unknown);
}
