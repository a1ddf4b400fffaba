/* Distances between atoms, folded. A layer of atoms sees
 *
 *     b1 + W1 (W_bond LN(bond r) + b),   r: 16 Gaussians of a distance
 *
 * LN subtracts a mean, divides by a deviation, multiplies by a gain and adds a bias. All but the
 * division is linear, and the deviation is one number: with B = (1 - 1 1^T / C) bond,
 *
 *     variance = |B r|^2 / C = r^T G r = |root r|^2,   G = B^T B / C = root^T root (Cholesky)
 *     result   = bias + (W1 W_bond diag(gain) B) r / sqrt(variance + 1e-5)
 *
 * so that 16 numbers stand for a pair of atoms, and a layer takes 16 C multiply-adds for it
 * instead of C C. Made once, in double. */
#include "weights/packed.h"

#include <math.h>
#include <string.h>

typedef double gaussians[FMPNN_RBF];

/* Row c of B; `mean` as below. */
static void centred_row(const fmpnn_linear *bond, const double *mean, size_t c, double *row)
{
    for (size_t q = 0; q < FMPNN_RBF; q++)
        row[q] = bond->w[c * FMPNN_RBF + q] - mean[q];
}

static void mean_row(const fmpnn_linear *bond, double *mean)
{
    memset(mean, 0, sizeof(gaussians));
    for (size_t c = 0; c < bond->out; c++)
        for (size_t q = 0; q < FMPNN_RBF; q++)
            mean[q] += bond->w[c * FMPNN_RBF + q] / (double)bond->out;
}

void fmpnn_fold_bonds(const fmpnn_context_part *part, const fmpnn_linear *w1, float *W,
                      float *bias)
{
    const fmpnn_linear *inner = &part->W_bond;
    const fmpnn_norm *norm = &part->norm_bond;
    size_t C = w1->out;
    gaussians mean, row, sum;
    mean_row(&part->bond, mean);
    for (size_t n = 0; n < C; n++) {
        const float *second = w1->w + n * w1->in + C;
        double constant = w1->b[n];
        memset(sum, 0, sizeof sum);
        for (size_t c = 0; c < C; c++)
            constant += (double)second[c] * inner->b[c];
        for (size_t k = 0; k < C; k++) {
            double both = 0;
            for (size_t c = 0; c < C; c++)
                both += (double)second[c] * inner->w[c * C + k];
            constant += both * norm->bias[k];
            centred_row(&part->bond, mean, k, row);
            for (size_t q = 0; q < FMPNN_RBF; q++)
                sum[q] += both * norm->gain[k] * row[q];
        }
        for (size_t q = 0; q < FMPNN_RBF; q++)
            W[n * FMPNN_RBF + q] = (float)sum[q];
        bias[n] = (float)constant;
    }
}

/* Cholesky's upper factor of a matrix that may be singular (narrow networks): a pivot that is 0
 * but for rounding leaves a row of zeros. */
void fmpnn_root_of_bonds(const fmpnn_context_part *part, float *root)
{
    enum { R = FMPNN_RBF };
    const fmpnn_linear *bond = &part->bond;
    gaussians mean, row, G[R] = {{0}};
    double largest = 0;
    mean_row(bond, mean);
    for (size_t c = 0; c < bond->out; c++) {
        centred_row(bond, mean, c, row);
        for (size_t p = 0; p < R; p++)
            for (size_t q = 0; q < R; q++)
                G[p][q] += row[p] * row[q] / (double)bond->out;
    }
    for (size_t p = 0; p < R; p++)
        largest = fmax(largest, G[p][p]);
    for (size_t p = 0; p < R; p++) {
        double pivot = G[p][p] > 1e-13 * largest ? sqrt(G[p][p]) : 0;
        for (size_t q = 0; q < R; q++) {
            row[q] = q < p || pivot == 0 ? 0 : G[p][q] / pivot;
            root[p * R + q] = (float)row[q];
        }
        for (size_t i = p + 1; i < R; i++)
            for (size_t q = i; q < R; q++)
                G[i][q] -= row[i] * row[q];
    }
}
