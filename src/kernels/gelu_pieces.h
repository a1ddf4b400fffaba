/* GELU as quadratic pieces: for the precisions whose products are off by more than its error.
 *
 *     gelu(x) = c0 + x (c1 + x c2),   piece n = round(clamp(x) scale), n = -15 .. 15
 *
 * Coefficients stand in two registers each, element n & 31, and permutations pick them: seven
 * operations, where gelu.h needs thirteen. The outermost pieces are 0 and x, exactly, for finite x.
 * The error is at most 1e-4 (9.1e-5; tanh form 8.4e-5), of either sign in turn.
 *
 *     scripts/derive_gelu.py --form erf --pieces      (and tanh)
 *
 * Included after vec_avx512.h and vec_common.h. */
#ifndef FMPNN_GELU_PIECES_H
#define FMPNN_GELU_PIECES_H

typedef struct gelu_pieces {
    float c[3][32]; /* [power][piece] */
    float scale;
} gelu_pieces;

/* clang-format off */
static const gelu_pieces gelu_pieces_of[2] __attribute__((aligned(64))) = {
    {{
        {3.29321483e-06f, -1.02667010e-03f, -1.65399704e-02f, -7.01088160e-02f, -1.68995097e-01f,
         -2.89502025e-01f, -3.88455302e-01f, -4.29877400e-01f, -4.04293239e-01f, -3.29729915e-01f,
         -2.36302197e-01f, -1.50232971e-01f, -8.53307098e-02f, -4.35317568e-02f, -2.00294219e-02f, 0, 0,
         0, -2.00294219e-02f, -4.35317568e-02f, -8.53307098e-02f, -1.50232971e-01f, -2.36302197e-01f,
         -3.29729915e-01f, -4.04293239e-01f, -4.29877400e-01f, -3.88455302e-01f, -2.89502025e-01f,
         -1.68995097e-01f, -7.01088160e-02f, -1.65399704e-02f, -1.02667010e-03f},
        {5.00000000e-01f, 5.11287570e-01f, 5.82128346e-01f, 7.32922614e-01f, 9.33401883e-01f,
         1.12424135e+00f, 1.25299406e+00f, 1.29914522e+00f, 1.27554655e+00f, 1.21358919e+00f,
         1.14388037e+00f, 1.08568943e+00f, 1.04559088e+00f, 1.02181947e+00f, 1.00943887e+00f, 1, 0, 0,
         -9.43890121e-03f, -2.18194220e-02f, -4.55909073e-02f, -8.56894031e-02f, -1.43880352e-01f,
         -2.13589162e-01f, -2.75546551e-01f, -2.99145252e-01f, -2.52994031e-01f, -1.24241292e-01f,
         6.65981174e-02f, 2.67077386e-01f, 4.17871654e-01f, 4.88712460e-01f},
        {3.97619724e-01f, 3.66675347e-01f, 2.85156816e-01f, 1.78693384e-01f, 7.69120082e-02f,
         1.28274236e-03f, -4.06232513e-02f, -5.34787998e-02f, -4.80383486e-02f, -3.51642035e-02f,
         -2.21583918e-02f, -1.23209562e-02f, -6.12654258e-03f, -2.74636550e-03f, -1.11575599e-03f, 0, 0,
         0, -1.11575599e-03f, -2.74636550e-03f, -6.12654258e-03f, -1.23209562e-02f, -2.21583918e-02f,
         -3.51642035e-02f, -4.80383486e-02f, -5.34787998e-02f, -4.06232513e-02f, 1.28274236e-03f,
         7.69120082e-02f, 1.78693384e-01f, 2.85156816e-01f, 3.66675347e-01f},
     }, 3.53999996f},
    {{
        {2.96104145e-06f, -9.24665132e-04f, -1.49643607e-02f, -6.39371052e-02f, -1.56017005e-01f,
         -2.72089064e-01f, -3.74296039e-01f, -4.27890956e-01f, -4.18761790e-01f, -3.56835902e-01f,
         -2.66989201e-01f, -1.75871655e-01f, -1.01864740e-01f, -5.16793579e-02f, -2.28420962e-02f, 0, 0,
         0, -2.28420962e-02f, -5.16793579e-02f, -1.01864740e-01f, -1.75871655e-01f, -2.66989201e-01f,
         -3.56835902e-01f, -4.18761790e-01f, -4.27890956e-01f, -3.74296039e-01f, -2.72089064e-01f,
         -1.56017005e-01f, -6.39371052e-02f, -1.49643607e-02f, -9.24665132e-04f},
        {5.00000000e-01f, 5.10451436e-01f, 5.76351881e-01f, 7.18043566e-01f, 9.09892619e-01f,
         1.09874833e+00f, 1.23528504e+00f, 1.29632127e+00f, 1.28806663e+00f, 1.23526084e+00f,
         1.16639388e+00f, 1.10308969e+00f, 1.05609488e+00f, 1.02675450e+00f, 1.01113474e+00f, 1, 0, 0,
         -1.11347949e-02f, -2.67545097e-02f, -5.60948290e-02f, -1.03089683e-01f, -1.66393906e-01f,
         -2.35260829e-01f, -2.88066655e-01f, -2.96321273e-01f, -2.35285029e-01f, -9.87483561e-02f,
         9.01073664e-02f, 2.81956464e-01f, 4.23648149e-01f, 4.89548594e-01f},
        {3.97685081e-01f, 3.68230253e-01f, 2.90282071e-01f, 1.87462360e-01f, 8.73653144e-02f,
         1.04695428e-02f, -3.51575650e-02f, -5.25394939e-02f, -5.06832488e-02f, -3.94231454e-02f,
         -2.62236465e-02f, -1.52264265e-02f, -7.76481023e-03f, -3.47591797e-03f, -1.36060268e-03f, 0, 0,
         0, -1.36060268e-03f, -3.47591797e-03f, -7.76481023e-03f, -1.52264265e-02f, -2.62236465e-02f,
         -3.94231454e-02f, -5.06832488e-02f, -5.25394939e-02f, -3.51575650e-02f, 1.04695428e-02f,
         8.73653144e-02f, 1.87462360e-01f, 2.90282071e-01f, 3.68230253e-01f},
     }, 3.6400001f},
};
/* clang-format on */

enum { LAST_PIECE = 15, MOST_PIECES = 4 }; /* vectors side by side */
#define TO_NEAREST 12582912.0f /* 1.5 x 2^23: added, it leaves the nearest integer in the low bits */

/* Element n & 31 of low and high. Compilers take vpermi2ps, which overwrites n, and copy n before; with copies of
 * `low`, which waits for nothing, the operation is 0.4 % (k = 12) to 1 % (k = 48) faster. */
static inline __attribute__((always_inline)) vf piece_of(vf low, vf high, __m512i n)
{
    __asm__("vpermt2ps %2, %1, %0" : "+v"(low) : "v"(n), "v"(high));
    return low;
}

/* x[v] = GELU(x[v]), x[v] finite, for V <= MOST_PIECES vectors. */
static inline __attribute__((always_inline)) void
v_gelu_pieces(vf *x, const size_t V, const gelu_pieces *g)
{
    enum { ABSOLUTE_MIN = 2 }; /* of the two the one nearer to 0, with the first one's sign */
    const vf limit = v_set((LAST_PIECE + 0.4f) / g->scale), scale = v_set(g->scale);
    __m512i n[MOST_PIECES];
    vf y[MOST_PIECES];
    EACH (v, V) {
        const vf t = _mm512_range_ps(x[v], limit, ABSOLUTE_MIN);
        n[v] = _mm512_castps_si512(v_fma(t, scale, v_set(TO_NEAREST)));
    }
#define PIECE(power) piece_of(v_load(g->c[power]), v_load(g->c[power] + VF), n[v])
    EACH (v, V)
        y[v] = v_fma(x[v], PIECE(2), PIECE(1));
    EACH (v, V)
        x[v] = v_fma(x[v], y[v], PIECE(0));
#undef PIECE
}

#endif
