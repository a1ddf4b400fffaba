/* The values of a pickle: where they live and how they are looked up. */
#include "weights/pickle.h"

#include <string.h>

enum { BLOCK_VALUES = 256 };

struct fmpnn_pickle_block {
    struct fmpnn_pickle_block *next;
    size_t used;
    fmpnn_pickle_value values[BLOCK_VALUES];
};

fmpnn_pickle_value *fmpnn_pickle_make(fmpnn_pickle *pickle, fmpnn_pickle_kind kind)
{
    struct fmpnn_pickle_block *block = pickle->blocks;
    if (!block || block->used == BLOCK_VALUES) {
        block = fmpnn_alloc(1, sizeof *block);
        if (!block)
            return NULL;
        block->used = 0;
        block->next = pickle->blocks;
        pickle->blocks = block;
    }
    fmpnn_pickle_value *v = &block->values[block->used++];
    *v = (fmpnn_pickle_value){.kind = kind};
    v->item = NULL;
    return v;
}

static bool owns_items(const fmpnn_pickle_value *v)
{
    return v->kind == FMPNN_PICKLE_TUPLE || v->kind == FMPNN_PICKLE_LIST ||
           v->kind == FMPNN_PICKLE_DICT || v->kind == FMPNN_PICKLE_CALL ||
           v->kind == FMPNN_PICKLE_PERSISTENT;
}

void fmpnn_pickle_clear(fmpnn_pickle *pickle)
{
    while (pickle->blocks) {
        struct fmpnn_pickle_block *block = pickle->blocks;
        pickle->blocks = block->next;
        for (size_t i = 0; i < block->used; i++)
            if (owns_items(&block->values[i]))
                fmpnn_release(block->values[i].item);
        fmpnn_release(block);
    }
    pickle->root = NULL;
}

bool fmpnn_pickle_text_is(const fmpnn_pickle_value *v, const char *text)
{
    return v->kind == FMPNN_PICKLE_TEXT && v->count == strlen(text) &&
           !memcmp(v->text, text, v->count);
}

const fmpnn_pickle_value *fmpnn_pickle_find(const fmpnn_pickle_value *dict, const char *key)
{
    if (dict->kind != FMPNN_PICKLE_DICT)
        return NULL;
    for (size_t i = dict->count; i >= 2; i -= 2)
        if (fmpnn_pickle_text_is(dict->item[i - 2], key))
            return dict->item[i - 1];
    return NULL;
}

void fmpnn_pickle_printable(const char *text, size_t size, char out[80])
{
    size_t used = 0;
    for (; used < size && used < 79; used++)
        out[used] = text[used] > ' ' && text[used] < 0x7f ? text[used] : '?';
    out[used] = '\0';
}
