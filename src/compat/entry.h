/* One structure as the published program would batch it: chains designed and fixed, model
 * inputs, and the rules that its dictionaries make. Ordinals of the original reading (1-based
 * within a chain, placeholders counted) become model positions here, and only here.
 *
 * Comes in: a structure, dictionaries. Goes out: fmpnn_entry. Knows nothing of weights, random
 * numbers or files to write. */
#ifndef FMPNN_COMPAT_ENTRY_H
#define FMPNN_COMPAT_ENTRY_H

#include "design/dictionaries.h"
#include "compat/structures.h"
#include "design/job.h"

/* What is the same for all structures of a run. */
typedef struct fmpnn_entry_settings {
    const fmpnn_original_options *options;
    fmpnn_dictionaries *dictionaries;
    uint8_t omit[FMPNN_LETTERS]; /* of omit_AAs */
    double bias[FMPNN_LETTERS];  /* of bias_AA_jsonl */
    const fmpnn_original_listener *listener;
} fmpnn_entry_settings;

typedef struct fmpnn_entry {
    const char *name; /* borrowed from the structure */
    fmpnn_inputs *inputs;
    size_t L;
    fmpnn_ordinal_chain *chain; /* in model order */
    size_t chains;
    uint8_t *in_designed_chain, *fixed, *designed, *resolved; /* [L] */
    float *design_mask;                                       /* [L] `designed` as 0 or 1 */
    bool tied; /* tied sampling, with or without groups */
    fmpnn_rules rules;
    /* behind rules' pointers */
    uint8_t *omit, *omit_last, *pssm_allowed; /* [L][21] */
    double *bias, *pssm_coef, *pssm_bias;     /* [L][21], [L], [L][21] */
    uint32_t *start, *member, *group_of;
    double *beta; /* [L] */
} fmpnn_entry;

/* bias_AA_jsonl and omit_AAs, once a run. */
fmpnn_status fmpnn_entry_letters(fmpnn_entry_settings *settings, fmpnn_error *err);

/* `notes`: say what a person should know of this structure. */
fmpnn_status fmpnn_entry_init(fmpnn_entry *entry, const fmpnn_structure *st,
                              const fmpnn_entry_settings *settings, bool notes,
                              fmpnn_error *err);
void fmpnn_entry_clear(fmpnn_entry *entry);

/* ---- parts of fmpnn_entry_init() ---- */

/* An entry in the making. */
typedef struct fmpnn_entry_maker {
    fmpnn_entry *entry;
    const fmpnn_entry_settings *settings;
    fmpnn_dictionary_reader reader;
    bool notes;
} fmpnn_entry_maker;

/* entry_chains.c: the structure without chains that no list names, and the names of the chains
 * to design, [count], pointing into *kept. */
fmpnn_status fmpnn_entry_chains(fmpnn_entry_maker *m, const fmpnn_structure *st,
                                fmpnn_structure **kept, const char **designed,
                                size_t *count);
fmpnn_status fmpnn_entry_fixed(fmpnn_entry_maker *m); /* entry_rules.c */
fmpnn_status fmpnn_entry_rules(fmpnn_entry_maker *m); /* entry_rules.c */
fmpnn_status fmpnn_entry_pssm(fmpnn_entry_maker *m);  /* entry_rules.c */
fmpnn_status fmpnn_entry_ties(fmpnn_entry_maker *m);  /* entry_rules.c */

#endif
