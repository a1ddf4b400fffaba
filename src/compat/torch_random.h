/* PyTorch's random numbers on a CPU, so that the published program's seeds give its sequences:
 * MT19937 (Matsumoto and Nishimura 1998) and what PyTorch makes of its 32-bit words. The rules
 * are those of PyTorch 1.x and 2.x up to 2.15; on other devices PyTorch has other generators.
 *
 * Comes in: a seed. Goes out: numbers, one after another. Knows nothing of proteins. */
#ifndef FMPNN_COMPAT_TORCH_RANDOM_H
#define FMPNN_COMPAT_TORCH_RANDOM_H

#include "base/base.h"

enum { FMPNN_MT_WORDS = 624 };

typedef struct fmpnn_torch {
    uint32_t word[FMPNN_MT_WORDS];
    size_t used;  /* of the words; all: the next one renews them */
    double spare; /* second half of the last pair of normal numbers */
    bool has_spare;
} fmpnn_torch;

/* PyTorch keeps the low 32 bits of its seed. */
void fmpnn_torch_seed(fmpnn_torch *torch, uint32_t seed);

uint32_t fmpnn_torch_word(fmpnn_torch *torch);
void fmpnn_torch_skip(fmpnn_torch *torch, size_t words);

double fmpnn_torch_single(fmpnn_torch *torch); /* uniform in [0, 1), 24 bits of one word */
double fmpnn_torch_double(fmpnn_torch *torch); /* uniform in [0, 1), 53 bits of two words */

/* A tensor of n standard normal numbers. From 16 on they come in blocks of 16, and a tail that
 * fills no block is drawn again together with what stands before it; fewer come in pairs, whose
 * second half waits for the next such call. */
void fmpnn_torch_normal(fmpnn_torch *torch, size_t n, float *dst);

/* n exponential numbers; 21 of them decide one letter (fmpnn_draw_race, design/rules.h). */
void fmpnn_torch_exponential(fmpnn_torch *torch, size_t n, double *dst);

#endif
