/* Several structures as states of one design. The network is asked about all of them at once,
 * as one graph whose parts share no edge: the job's own structure comes first, so that its
 * positions keep their numbers. A residue of the job has a copy in every state; copies share one
 * letter, as tied positions do, and their logits are averaged with the states' weights,
 *
 *     z_i = sum_s w_s z_is / sum_s |w_s|      over the states in which residue i is resolved
 *
 * which is what sampling, scores and probabilities of such a job mean by the logits of i. Comes
 * in: a job without states. Goes out: arrays over all parts. */
#ifndef FMPNN_DESIGN_STATES_H
#define FMPNN_DESIGN_STATES_H

#include "design/job.h"

typedef struct fmpnn_part {
    const fmpnn_structure *st; /* borrowed while the job is made */
    double weight;             /* as given */
    fmpnn_inputs *inputs;      /* those of the first part are the job's */
    fmpnn_graph *graph;        /* likewise */
    size_t first;              /* its first joint position */
    uint32_t *copy; /* [own] joint position of the job's residue i, or UINT32_MAX */
    double *share;  /* [own] w_s / sum |w| for residue i; 0 where not resolved */
} fmpnn_part;

struct fmpnn_states {
    size_t own, L;      /* residues of the job; of all parts together: joint positions */
    size_t count;       /* parts */
    fmpnn_part *part;   /* [count] */
    fmpnn_graph *graph; /* [L] */
    uint32_t *context;  /* [contexts] joint positions that are no resolved copy:
                            decoded first */
    size_t contexts;
    fmpnn_rules rules;                                       /* [L] */
    uint8_t *letters, *resolved, *designed, *omit, *allowed; /* behind the rules */
    double *bias, *weight, *pssm_coef, *pssm_bias;
    uint32_t *start, *member, *group_of;
};

void fmpnn_states_free(struct fmpnn_states *states);

/* ---- from the job's positions to joint ones and back; all arrays by position ---- */

/* order_in [own] to order_out [L]: what is no copy first, then all copies of each residue. */
void fmpnn_states_order(const struct fmpnn_states *states, const uint32_t *order_in,
                        uint32_t *order_out);
/* How many steps of order_out the first n of order_in make. */
size_t fmpnn_states_shared(const struct fmpnn_states *states, const uint32_t *order_in,
                           size_t n);
/* Copies get the job's letters, all else keeps its own. */
void fmpnn_states_letters(const struct fmpnn_states *states, const uint8_t *letters_in,
                          uint8_t *letters_out);
/* The averages above: logits [L][21] to [own][21]. */
void fmpnn_states_average(const struct fmpnn_states *states, const float *logits_in,
                          float *logits_out);

#endif
