/* What each slot must compute, as plain loops in double; what tests trust. Built into tests only.
 *
 * Each function fills value[] (dense, [M][N] or [N]) and tolerance[], the distance from it that
 * single precision may have whatever its order of summation:
 *
 *     (n + 2) u sum|terms|,  u = 2^-24, n terms,
 *
 * pushed through what follows the sum (GELU: slope below 1.13, plus its own bound). The
 * arguments are those of the slot, without dst; weights are plain w [N][K]. */
#ifndef FMPNN_REF_H
#define FMPNN_REF_H

#include "kernels/kernels.h"

#include <stddef.h>

enum { FMPNN_REF_HIDDEN = 512 }; /* most values between two products */

/* x Phi(x), or its tanh form. */
double fmpnn_ref_gelu1(double x, int tanh_form);
/* The bound that the kernels promise: 1e-6 max(1, |x|), tanh form 2e-6 max(1, |x|). */
double fmpnn_ref_gelu_bound(double x, int tanh_form);
/* Centre r of the radial basis, in the float32 arithmetic that defines it. */
float fmpnn_ref_centre(size_t r, float first);

void fmpnn_ref_gemm(double *value, double *tolerance, const float *src, size_t lds,
                    size_t M, size_t K, const float *w, size_t N, const float *bias,
                    const float *const *rows, int gelu);
void fmpnn_ref_gemm_sum(double *value, double *tolerance, const float *src, size_t lds,
                        size_t M, size_t K, const float *w, size_t N, const float *bias,
                        const float *weight);
void fmpnn_ref_gather_gelu(double *value, double *tolerance, const float *own,
                           const float *const *a, const float *const *b,
                           const float *const *d, size_t M, size_t C);
/* w: panels are plain w [N][K] here. */
void fmpnn_ref_mlp(double *value, double *tolerance, const float *src, size_t lds, size_t M,
                   size_t K, const fmpnn_product *w, size_t layers,
                   const fmpnn_added *added, const float *const *rows);
void fmpnn_ref_mlp_sum(double *value, double *tolerance, const float *src, size_t lds,
                       size_t M, size_t K, const fmpnn_product *w, const fmpnn_added *added,
                       const float *weight);
void fmpnn_ref_message_sum(double *value, double *tolerance, const float *own,
                           const float *const *a, const float *const *b,
                           const float *const *d, size_t M, size_t C, const float *w, size_t N,
                           const float *bias);
void fmpnn_ref_edge_sum(double *value, double *tolerance, const float *own,
                        const float *table, size_t ldt, const int32_t *at,
                        const float *geometry, size_t stride, const float *we, size_t M,
                        size_t C, int tanh_form);
void fmpnn_ref_edge_geometry(double *value, double *tolerance, const float *centres,
                             const float *points, const int32_t *at, size_t M, size_t k);
void fmpnn_ref_distance(double *value, double *tolerance, const float *points, size_t stride,
                        const float *centre, float plus, size_t n);
void fmpnn_ref_sum_rows(double *value, double *tolerance, const float *const *rows, size_t M,
                        size_t C);
void fmpnn_ref_gelu(double *value, double *tolerance, const float *src, size_t n,
                    int tanh_form);
void fmpnn_ref_layer_norm(double *value, double *tolerance, const float *src, size_t lds,
                          size_t M, size_t C, const float *gain, const float *bias);
void fmpnn_ref_radial_basis(double *value, double *tolerance, const float *distance, size_t n,
                            float first);

#endif
