/* The JSON options of the published program. Comes in: paths. Goes out: one value each, and
 * where it stands. Knows nothing of structures. */
#ifndef FMPNN_COMPAT_DICTIONARIES_H
#define FMPNN_COMPAT_DICTIONARIES_H

#include "compat/json.h"

/* In the order in which the published program reports them. */
#define FMPNN_DICTIONARY_MAP(X)                                                            \
    X(CHAIN_ID, chain_id_jsonl)                                                            \
    X(FIXED, fixed_positions_jsonl)                                                        \
    X(PSSM, pssm_jsonl)                                                                    \
    X(OMIT, omit_AA_jsonl)                                                                 \
    X(BIAS, bias_AA_jsonl)                                                                 \
    X(TIED, tied_positions_jsonl)                                                          \
    X(BIAS_BY_RES, bias_by_res_jsonl)

typedef enum fmpnn_dictionary_kind {
#define FMPNN_DICTIONARY_ENUM(kind, option) FMPNN_DICTIONARY_##kind,
    FMPNN_DICTIONARY_MAP(FMPNN_DICTIONARY_ENUM)
#undef FMPNN_DICTIONARY_ENUM
        FMPNN_DICTIONARIES
} fmpnn_dictionary_kind;

typedef struct fmpnn_dictionary {
    const char *option, *path; /* "fixed_positions_jsonl"; path borrowed, NULL: not given */
    json_t *value;             /* an object; NULL: not given */
    size_t line, lines;        /* where it stands; how many values the file has */
} fmpnn_dictionary;

/* The last line of a file counts; of PSSM files all lines do, merged. FMPNN_EINVAL if a file is
 * not there, FMPNN_EFORMAT with PATH:LINE:COLUMN if it is no JSON. */
fmpnn_status fmpnn_dictionaries_load(fmpnn_dictionary dictionary[FMPNN_DICTIONARIES],
                                     const fmpnn_original_options *options,
                                     fmpnn_error *err);
void fmpnn_dictionaries_clear(fmpnn_dictionary dictionary[FMPNN_DICTIONARIES]);

#endif
