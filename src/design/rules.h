/* What decides a letter once the network has spoken: omissions, biases, PSSM, and how tied
 * positions share one draw. Plain data, filled in by job.c or by a test, read by every backend.
 * Source: Dauparas et al. 2022, its published program; docs/math.md, "From logits to a letter". */
#ifndef FMPNN_DESIGN_RULES_H
#define FMPNN_DESIGN_RULES_H

#include "base/base.h"

/* All arrays are indexed by model position; NULL means "none". */
typedef struct fmpnn_rules {
    size_t L;
    const uint8_t *native;    /* [L] letter kept where nothing is designed */
    const uint8_t *resolved;  /* [L] 1: the row can be computed; 0: its letter is native */
    const uint8_t *designed;  /* [L] 1: the drawn letter is used; 0: native is used */
    const uint8_t *omit;      /* [L][21] 1: removed before the softmax */
    const double *bias;       /* [L][21] added to the logits before they are divided by T */
    const double *pssm_coef;  /* [L] */
    const double *pssm_bias;  /* [L][21] probabilities mixed in, weight pssm_multi * coef */
    double pssm_multi;
    const uint8_t *pssm_allowed; /* [L][21] 1 where log odds exceed the threshold */
    const uint8_t *omit_last; /* [L][21] 1: removed after mixing, renormalised */
    /* Ties. Members of group g are member[start[g]] .. member[start[g+1]-1], in listed order;
     * a residue in no group is its own group of one. */
    size_t groups;
    const uint32_t *start;    /* [groups+1] */
    const uint32_t *member;   /* [L] every residue once */
    const uint32_t *group_of; /* [L] */
    const double *weight;     /* [L] beta; NULL: 1 */
    /* How a group treats its fixed and unresolved members. false, ProteinMPNN's rule: the last
     * member decides whether the letter is drawn, and the first unresolved one ends the group
     * with its own letter. true, LigandMPNN's: one draw for all; in listed order a member that
     * is not designed keeps its letter and hands it to all that follow. */
    bool carry_letters;
} fmpnn_rules;

/**
 * The distribution that the letter at position t is drawn from.
 *
 * z: [21] combined logits *already divided by T*: z_t/T, or sum(beta z/T)/n over a tied group,
 *    t then being the group's last member
 * T: temperature; with greedy decoding pass T = 1 and take the largest
 * p: [21] out, sums to 1
 *
 * y = z - 1e8 omit + bias/T; p = softmax(y); mixing and masks as in spec 7, in double.
 * FMPNN_EINVAL if nothing remains (all letters omitted).
 */
fmpnn_status fmpnn_rules_distribution(const fmpnn_rules *rules, size_t t, const double *z,
                                      double T, double *p, fmpnn_error *err);

/* Whether a letter is drawn for the group of these members [n]. */
bool fmpnn_rules_draws(const fmpnn_rules *rules, const uint32_t *member, size_t n);
/* Give the members [n] of a group their letters, `letter` being the one drawn or forced. */
void fmpnn_rules_give(const fmpnn_rules *rules, const uint32_t *member, size_t n,
                      uint8_t letter, uint8_t *letters);

/* First index whose cumulative probability exceeds u; u in [0, 1). If rounding keeps the whole
 * sum at or below u, the last letter that is possible at all. */
uint8_t fmpnn_draw(const double *p, double u);
/* First index of the largest p/q: with q exponential, an index drawn with probability p. */
uint8_t fmpnn_draw_race(const double *p, const double *q);
/* First index of the largest probability. */
uint8_t fmpnn_draw_best(const double *p);

#endif
