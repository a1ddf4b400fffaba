/* The JSON options of the published program: positions by ordinal, letters, numbers. Comes in:
 * paths, and later the chains of one structure. Goes out: arrays in the caller's positions. Knows
 * nothing of jobs or of the drop-in front, which both read dictionaries through it. */
#ifndef FMPNN_DESIGN_DICTIONARIES_H
#define FMPNN_DESIGN_DICTIONARIES_H

#include "base/json.h"
#include "weights/model.h"

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
    const char *option; /* "fixed_positions_jsonl" */
    char *path;         /* NULL: not given */
    json_t *value;      /* an object; NULL: not given */
    size_t line, lines; /* where it stands; how many values the file has */
} fmpnn_dictionary;

/* Of a file the last line counts; of PSSM files all lines do, merged. */
struct fmpnn_dictionaries {
    fmpnn_dictionary item[FMPNN_DICTIONARIES];
};

/* ---- one structure's share of them ---- */

/* A chain whose ordinals 1 .. length have the places start .. start + length - 1. */
typedef struct fmpnn_ordinal_chain {
    char name[8];
    size_t start, length;
    bool designed;
} fmpnn_ordinal_chain;

#define FMPNN_NOWHERE UINT32_MAX

typedef struct fmpnn_dictionary_reader {
    const char *structure; /* what dictionaries call it */
    const fmpnn_ordinal_chain *chain;
    size_t chains;
    const uint32_t
        *position; /* the caller's position at each place, or FMPNN_NOWHERE; NULL:
                                 the place itself */
    const fmpnn_dictionary *dictionary; /* being read; NULL: none */
    fmpnn_error *err;
} fmpnn_dictionary_reader;

/* FMPNN_ESELECT with FILE:LINE, the structure and, unless NULL, the chain before the text. */
fmpnn_status fmpnn_dictionary_refuse(const fmpnn_dictionary_reader *r, const char *chain,
                                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Begin to read `dictionary`: what it holds for the structure; FMPNN_ESELECT if nothing. */
fmpnn_status fmpnn_dictionary_open(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary,
                                   const json_t **value);
const fmpnn_ordinal_chain *fmpnn_dictionary_chain(const fmpnn_dictionary_reader *r,
                                                  const char *name);

/* What {"CHAIN": ...} holds for each chain; `read` is called for chains that are there. Refused:
 * chains that the structure lacks, unless they have nothing to say, and designed ones left out. */
typedef fmpnn_status fmpnn_dictionary_part(const fmpnn_dictionary_reader *r,
                                           const fmpnn_ordinal_chain *chain,
                                           const json_t *value, void *out);
fmpnn_status fmpnn_dictionary_each(const fmpnn_dictionary_reader *r, const json_t *value,
                                   fmpnn_dictionary_part *read, void *out);

/* The caller's position of a 1-based ordinal; *place: its number in the list of all. */
fmpnn_status fmpnn_dictionary_position(const fmpnn_dictionary_reader *r,
                                       const fmpnn_ordinal_chain *chain,
                                       const json_t *ordinal, uint32_t *position,
                                       size_t *place);

/* Each of the following reads one dictionary, which may be absent, in which case it does
 * nothing. Arrays are indexed by the caller's positions; only designed chains count. */

/* {"NAME": [[designed], [fixed]]}: take() says of each chain named which it is. */
typedef fmpnn_status fmpnn_dictionary_take_chain(void *user, const char *chain,
                                                 bool designed);
fmpnn_status fmpnn_dictionary_chains(fmpnn_dictionary_reader *r,
                                     const fmpnn_dictionary *dictionary,
                                     fmpnn_dictionary_take_chain *take, void *user);
/* fixed [L]: set to 1. */
fmpnn_status fmpnn_dictionary_fixed(fmpnn_dictionary_reader *r,
                                    const fmpnn_dictionary *dictionary, uint8_t *fixed);
/* omit [L][21]: set to 1. */
fmpnn_status fmpnn_dictionary_omit(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary, uint8_t *omit);
/* bias [L][21]: added to. */
fmpnn_status fmpnn_dictionary_bias(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary, double *bias);
/* bias_AA: of all structures; unknown(): keys that are no letters. */
fmpnn_status fmpnn_dictionary_letters(const fmpnn_dictionary *dictionary,
                                      double bias[FMPNN_LETTERS],
                                      void (*unknown)(void *user, const char *key),
                                      void *user, fmpnn_error *err);
/* One row for each ordinal of a chain that has any. */
typedef struct fmpnn_pssm_row {
    const fmpnn_ordinal_chain *chain;
    size_t ordinal;    /* 1-based */
    uint32_t position; /* or FMPNN_NOWHERE */
    float coef, bias[FMPNN_LETTERS], odds[FMPNN_LETTERS];
} fmpnn_pssm_row;
typedef fmpnn_status fmpnn_dictionary_take_row(const fmpnn_dictionary_reader *r, void *user,
                                               const fmpnn_pssm_row *row);
fmpnn_status fmpnn_dictionary_pssm(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary,
                                   fmpnn_dictionary_take_row *take, void *user);
/* Groups in the order written, members likewise; `position` may be FMPNN_NOWHERE. A position in
 * two groups, or twice in one, is refused. Returns the number of groups through *groups. */
typedef void fmpnn_dictionary_take_member(void *user, size_t group, uint32_t position,
                                          double beta);
fmpnn_status fmpnn_dictionary_ties(fmpnn_dictionary_reader *r,
                                   const fmpnn_dictionary *dictionary,
                                   fmpnn_dictionary_take_member *take, void *user,
                                   size_t *groups);

#endif
