/* The helper scripts of the published program: each writes one JSON file from a few arguments
 * and, mostly, from parsed structures. Comes in: arguments as text. Goes out: a file, byte for
 * byte what the script writes. Knows nothing of argv. */
#ifndef FMPNN_COMPAT_HELPERS_H
#define FMPNN_COMPAT_HELPERS_H

#include "compat/structures.h"
#include "output/output.h"

/* One call of a helper. */
typedef struct fmpnn_helper {
    const fmpnn_helper_options *options;
    const fmpnn_original_listener *listener;
    fmpnn_structures structures; /* of input_path, where the helper reads it */
    fmpnn_text out;
    fmpnn_error *err;
} fmpnn_helper;

/* A chain of a parsed structure, in file order. */
typedef struct fmpnn_helper_chain {
    char name;
    size_t start, length;
} fmpnn_helper_chain;

enum { FMPNN_HELPER_CHAINS = 128 };
size_t fmpnn_helper_chains(const fmpnn_structure *st,
                           fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS]);

/* ---- lists in arguments (helper_lists.c): words by blanks, lists by commas ---- */

typedef struct fmpnn_words {
    char *text; /* owner */
    char **word;
    size_t count;
} fmpnn_words;

/* The words of `text` between its commas number `list` and list + 1. Freed with
 * fmpnn_words_clear(). *count: how many lists there are. */
bool fmpnn_words_split(fmpnn_words *words, const char *text, size_t list, size_t *lists);
void fmpnn_words_clear(fmpnn_words *words);
/* Every word must be a whole number. */
fmpnn_status fmpnn_words_check_whole(const fmpnn_words *words, const char *option,
                                     fmpnn_error *err);

/* ---- the helpers ---- */

fmpnn_status fmpnn_helper_parse(fmpnn_helper *h);       /* helper_parse.c */
fmpnn_status fmpnn_helper_assign(fmpnn_helper *h);      /* helper_chains.c */
fmpnn_status fmpnn_helper_fixed(fmpnn_helper *h);       /* helper_chains.c */
fmpnn_status fmpnn_helper_tied(fmpnn_helper *h);        /* helper_ties.c */
fmpnn_status fmpnn_helper_pos_neg(fmpnn_helper *h);     /* helper_ties.c */
fmpnn_status fmpnn_helper_bias(fmpnn_helper *h);        /* helper_bias.c */
fmpnn_status fmpnn_helper_bias_by_res(fmpnn_helper *h); /* helper_bias.c */
fmpnn_status fmpnn_helper_pssm(fmpnn_helper *h);        /* helper_bias.c */

#endif
