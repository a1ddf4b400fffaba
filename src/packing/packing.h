/* Side chains being packed: residue types and a backbone come in, torsions are set step by step,
 * atoms come out. Knows nothing of how a network finds the torsions. */
#ifndef FMPNN_PACKING_PACKING_H
#define FMPNN_PACKING_PACKING_H

#include "design/job.h"
#include "packing/torsions.h"

typedef struct fmpnn_packing {
    size_t L;
    const fmpnn_structure *st;    /* borrowed */
    const fmpnn_inputs *inputs;   /* borrowed */
    uint8_t *letters;             /* [L] residue types */
    bool in_place;                /* residues of type X stand where they are, not at the origin */
    uint8_t *keep;                /* [L] 1: the chi angles of the structure stay */
    double *backbone;             /* [L][4][3] N CA C O as read, 0 where absent */
    fmpnn_torsions *torsions;     /* [L] */
    fmpnn_angle *own;             /* [L][4] chi angles as read */
    double *xyz;                  /* [L][14][3] atoms as built */
    uint8_t *atoms;               /* [L] how many of them a residue has; 0: it is not resolved */
} fmpnn_packing;

/* letters [L] codes; keep [L], NULL: all are packed anew. Chi angles start as 2 pi uniform
 * [L][4]; atoms are built. Where the structure lacks an atom of a kept side chain, it stands at
 * the origin, as in training, and the angle is wrong. */
fmpnn_status fmpnn_packing_create(const fmpnn_structure *st, const fmpnn_inputs *inputs,
                                  const uint8_t *letters, const uint8_t *keep,
                                  const double *uniform, fmpnn_packing **packing,
                                  fmpnn_error *err);
void fmpnn_packing_free(fmpnn_packing *packing);

/* Let residues of unknown type keep their place: the published program moves their backbone to the
 * origin. */
void fmpnn_packing_stay(fmpnn_packing *packing);

/* Begin anew with other letters (or the same) and angles, on the backbone as it was built last:
 * what the published program does with one packing after another. */
void fmpnn_packing_restart(fmpnn_packing *packing, const uint8_t *letters,
                           const double *uniform);

/* Set chi angles [L][4] where they are not kept, and build the atoms. */
void fmpnn_packing_turn(fmpnn_packing *packing, const double *angle);

/* What the packer's encoder sees: the rebuilt backbone, residue types as labels, and the
 * context atoms nearest to the backbone as it was read. */
fmpnn_status fmpnn_packing_graph(const fmpnn_packing *packing, const fmpnn_model *model,
                                 bool blind, fmpnn_graph **graph, fmpnn_error *err);

/* Draws angles [n][L][4] for n packings of L residues, from mixtures [n][L][4]. */
typedef fmpnn_status fmpnn_packing_draw(void *of, size_t step, size_t n,
                                        const fmpnn_mixture *mixture, double *angle,
                                        fmpnn_error *err);

/**
 * Pack: `steps` times mixtures, angles, atoms (pack.c).
 *
 * @param n       packings of one structure; those that follow one another with the same letters
 *                and backbone share what does not depend on angles
 * @param blind   the model sees no context atoms
 * @param density [n][L][4] out: ln of the last mixture's density at the angle drawn
 *
 * In a context whose backend places no side chains the CPU does.
 */
fmpnn_status fmpnn_packing_run(fmpnn_context *ctx, const fmpnn_model *model, size_t n,
                               fmpnn_packing *const *packing, bool blind, size_t steps,
                               fmpnn_packing_draw *draw, void *of, double *density,
                               fmpnn_error *err);

#endif
