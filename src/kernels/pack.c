/* Packing of weights into panels of 16 columns; the layout is described in kernels.def. */
#include "kernels/kernels.h"

enum { PANEL = 16 };

size_t fmpnn_panels_size(size_t N, size_t K)
{
    return (N / PANEL + (N % PANEL != 0)) * PANEL * K;
}

void fmpnn_panels_pack(float *panels, const float *w, size_t ldw, size_t N, size_t K)
{
    for (size_t first = 0; first < N; first += PANEL)
        for (size_t k = 0; k < K; k++)
            for (size_t n = first; n < first + PANEL; n++)
                *panels++ = n < N ? w[n * ldw + k] : 0.0f;
}
