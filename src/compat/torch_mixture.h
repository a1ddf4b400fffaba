/* Angles drawn as torch.distributions draws them from a MixtureSameFamily of VonMises, number by
 * number from the stream of torch_random.h. */
#ifndef FMPNN_COMPAT_TORCH_MIXTURE_H
#define FMPNN_COMPAT_TORCH_MIXTURE_H

#include "compat/torch_random.h"
#include "packing/mixture.h"

/* `samples` angles of each of n mixtures, of which the one of largest density is kept: angle [n].
 * FMPNN_EWEIGHTS for concentrations that are no numbers or too large, from which none comes. */
fmpnn_status fmpnn_torch_angles(fmpnn_torch *torch, size_t samples, size_t n,
                                const fmpnn_mixture *mixture, double *angle,
                                fmpnn_error *err);

#endif
