/* Packing of weights into panels of 16 columns (kernels.def), and, on machines that multiply
 * bfloat16 faster, of a copy for that behind them (amx_layout.h or bf16_pairs.h). */
#include "kernels/amx_layout.h"
#include "kernels/bf16_pairs.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"

#include <string.h>

enum { PANEL = 16 };

static size_t panel_floats(size_t N, size_t K)
{
    return (N / PANEL + (N % PANEL != 0)) * PANEL * K;
}

size_t fmpnn_panels_size(size_t N, size_t K)
{
    return panel_floats(N, K) + (fmpnn_cpu_has_amx()            ? amx_copy_floats(N, K, false)
                                 : fmpnn_cpu_has_bf16_vectors() ? bf16_copy_floats(N, K)
                                                                : 0);
}

size_t fmpnn_panels_size_precise(size_t N, size_t K)
{
    return fmpnn_cpu_has_amx() ? panel_floats(N, K) + amx_copy_floats(N, K, true)
                               : fmpnn_panels_size(N, K);
}

/* Round to nearest, ties to even; weights are finite. */
static uint16_t to_bfloat16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float from_bfloat16(uint16_t high)
{
    uint32_t bits = (uint32_t)high << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void pack_bfloat16(uint16_t *copy, const float *w, size_t ldw, size_t N, size_t K,
                          bool precise)
{
    const size_t next = amx_part(N, K);
    for (size_t first = 0; first < N; first += AMX_ROWS)
        for (size_t step = 0; step < amx_steps(K); step++, copy += AMX_TILE)
            for (size_t k = 0; k < AMX_DEPTH; k++)
                for (size_t n = 0; n < AMX_ROWS; n++) {
                    size_t row = first + n, column = step * AMX_DEPTH + k;
                    size_t at = (k % AMX_ROWS * AMX_ROWS + n) * 2 + k / AMX_ROWS;
                    float x = row < N && column < K ? w[row * ldw + column] : 0;
                    copy[at] = to_bfloat16(x);
                    x -= from_bfloat16(copy[at]);
                    copy[next + at] = to_bfloat16(x);
                    if (precise)
                        copy[2 * next + at] = to_bfloat16(x - from_bfloat16(copy[next + at]));
                }
}

static void pack_pairs(uint16_t *copy, const float *w, size_t ldw, size_t N, size_t K)
{
    for (size_t first = 0; first < N; first += PANEL)
        for (size_t k = 0; k < 2 * bf16_pairs(K); k += 2)
            for (size_t n = first; n < first + PANEL; n++)
                for (size_t side = k; side < k + 2; side++)
                    *copy++ = n < N && side < K ? to_bfloat16(w[n * ldw + side]) : 0;
}

static void pack(float *panels, const float *w, size_t ldw, size_t N, size_t K, bool precise)
{
    float *at = panels;
    for (size_t first = 0; first < N; first += PANEL)
        for (size_t k = 0; k < K; k++)
            for (size_t n = first; n < first + PANEL; n++)
                *at++ = n < N ? w[n * ldw + k] : 0.0f;
    if (fmpnn_cpu_has_amx())
        pack_bfloat16((uint16_t *)at, w, ldw, N, K, precise);
    else if (fmpnn_cpu_has_bf16_vectors())
        pack_pairs((uint16_t *)at, w, ldw, N, K);
}

void fmpnn_panels_pack(float *panels, const float *w, size_t ldw, size_t N, size_t K)
{
    pack(panels, w, ldw, N, K, false);
}

void fmpnn_panels_pack_precise(float *panels, const float *w, size_t ldw, size_t N, size_t K)
{
    pack(panels, w, ldw, N, K, true);
}
