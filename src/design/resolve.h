/* The parts of making a job: job.c creates one and lets letters.c, ties.c and echo.c fill in
 * what they understand. Comes in: settings. Goes out: the arrays of fmpnn_job. */
#ifndef FMPNN_DESIGN_RESOLVE_H
#define FMPNN_DESIGN_RESOLVE_H

#include "design/dictionaries.h"
#include "design/job.h"
#include "design/selection.h"

typedef struct fmpnn_resolver {
    fmpnn_job *job;
    const fmpnn_settings *settings;
    fmpnn_notes notes;
    fmpnn_error *err;
    uint32_t *position_of; /* [L] model position of each of the structure's residues */
    uint32_t *tie_rank;    /* [L] place in the tied group, as listed */
    uint8_t *marked;       /* [L] by structure residue: scratch for messages */
    uint8_t *chosen;       /* [L] selected to be designed, resolved or not */
    /* the arrays behind job->rules, while they may still be written */
    double *bias;  /* [L][21], or NULL without --bias */
    uint8_t *omit; /* [L][21] */
    uint32_t *start, *member, *group_of;
    /* for dictionaries: their chains, and the model position of every ordinal */
    fmpnn_dictionary_reader reader;
    fmpnn_ordinal_chain *ordinal_chain;
    uint32_t *ordinal_position;
} fmpnn_resolver;

/* A selector for one option. */
fmpnn_selector fmpnn_resolver_select(fmpnn_resolver *r, const char *option);

/* letters.c: --omit "C,A5-9:GP" and --bias "A=-1.1,A12:P=2" into omit and bias. */
fmpnn_status fmpnn_resolve_omit(fmpnn_resolver *r);
fmpnn_status fmpnn_resolve_bias(fmpnn_resolver *r);

/* ties.c: --tie and --symmetry into job->tie_group and tie_weight; groups of two or more. */
fmpnn_status fmpnn_resolve_ties(fmpnn_resolver *r);

/* groups.c: what ties mean for letters, omissions, biases; then rules.start, member, group_of.
 * May turn designed residues into fixed ones. */
fmpnn_status fmpnn_resolve_groups(fmpnn_resolver *r);

/* pssm.c: --pssm and --pssm-weight into job->pssm_coef and pssm_bias and the rules. */
fmpnn_status fmpnn_resolve_pssm(fmpnn_resolver *r);

/* by_ordinal.c: settings.dictionaries, each part beside the text that it stands for; all do
 * nothing without dictionaries. in_chain [L] by structure residue, fixed [L] by position. */
fmpnn_status fmpnn_resolve_dictionaries(fmpnn_resolver *r, uint8_t *in_chain);
fmpnn_status fmpnn_resolve_fixed(fmpnn_resolver *r, uint8_t *fixed);
fmpnn_status fmpnn_resolve_letters(fmpnn_resolver *r); /* into omit and bias */
fmpnn_status fmpnn_resolve_tied(fmpnn_resolver *r, int32_t *groups);
fmpnn_status fmpnn_resolve_pssm_rows(fmpnn_resolver *r);
bool fmpnn_resolver_biased(const fmpnn_resolver *r); /* is any bias given? */

/* seen.c: context atoms and membrane labels into job->graph. */
fmpnn_status fmpnn_resolve_seen(fmpnn_resolver *r);

/* states.c: settings.state into job->states, when the rules and the graph are done. */
fmpnn_status fmpnn_resolve_states(fmpnn_resolver *r);
/* job.c: the graph of a structure in model order, with noise. */
fmpnn_status fmpnn_inputs_graph(const fmpnn_inputs *inputs, const fmpnn_structure *st,
                                const fmpnn_model *model, uint64_t seed, double noise,
                                fmpnn_graph **graph, fmpnn_error *err);

/* echo.c: job->echo and job->digest, when all else is done. */
fmpnn_status fmpnn_resolve_echo(fmpnn_resolver *r);
fmpnn_status fmpnn_resolve_digest(fmpnn_resolver *r);

/* Add a warning that ends in the residues marked, and unmark them; nothing if there are none. */
void fmpnn_resolver_note_marked(fmpnn_resolver *r, const char *code, const char *message);

#endif
