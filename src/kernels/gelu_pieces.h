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
 * Where products are split, a table of its own: gelu(x) = x/2 + E(|x|), E in cubic pieces 0 .. 31, the
 * last of them |x|/2. Eleven operations, of which six, not twelve, are for the one port that products of the
 * matrix unit leave to multiply-adds. The error is at most 1e-6 max(1, |x|) (3.5e-7).
 *
 *     scripts/derive_gelu.py --form erf --half
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
/* clang-format off */
static const float gelu_half[4][32] __attribute__((aligned(64))) = {
    {2.27444339e-08f, 3.39154467e-05f, 5.92778320e-04f, 2.47915252e-03f, 5.46517875e-03f,
     6.96651218e-03f, 1.65428384e-03f, -1.74816623e-02f, -5.68953604e-02f, -1.19836539e-01f,
     -2.04393312e-01f, -3.03040057e-01f, -4.03934151e-01f, -4.93545443e-01f, -5.59748232e-01f,
     -5.94417810e-01f, -5.94828963e-01f, -5.63636184e-01f, -5.07644713e-01f, -4.35905874e-01f,
     -3.57743949e-01f, -2.81182855e-01f, -2.12025985e-01f, -1.53605491e-01f, -1.07049510e-01f,
     -7.18442202e-02f, -4.64768410e-02f, -2.90052611e-02f, -1.74754336e-02f, -1.01711480e-02f,
     -5.72205661e-03f, 0},
    {-8.94488858e-06f, -9.65946994e-04f, -7.65265059e-03f, -2.15365011e-02f, -3.74199376e-02f,
     -4.38894406e-02f, -2.65099369e-02f, 2.73051467e-02f, 1.23774908e-01f, 2.59984314e-01f,
     4.23914105e-01f, 5.97101510e-01f, 7.58954704e-01f, 8.91313136e-01f, 9.81956303e-01f,
     1.02627420e+00f, 1.02697432e+00f, 9.92289901e-01f, 9.33424354e-01f, 8.62010300e-01f,
     7.88154364e-01f, 7.19317436e-01f, 6.60016298e-01f, 6.12139761e-01f, 5.75605035e-01f,
     5.49102604e-01f, 5.30753374e-01f, 5.18591464e-01f, 5.10856986e-01f, 5.06128788e-01f,
     5.03346324e-01f, 5.00000000e-01f},
    {3.99491906e-01f, 4.08751190e-01f, 4.35903013e-01f, 4.70193624e-01f, 4.98449743e-01f,
     5.07738948e-01f, 4.88771141e-01f, 4.38277841e-01f, 3.59513879e-01f, 2.61202008e-01f,
     1.55216753e-01f, 5.38274460e-02f, -3.27472910e-02f, -9.79301259e-02f, -1.39307946e-01f,
     -1.58194780e-01f, -1.58556089e-01f, -1.45698726e-01f, -1.25066936e-01f, -1.01367168e-01f,
     -7.81022310e-02f, -5.74695431e-02f, -4.05180342e-02f, -2.74384208e-02f, -1.78808607e-02f,
     -1.12300767e-02f, -6.80555683e-03f, -3.98345524e-03f, -2.25387118e-03f, -1.23359717e-03f,
     -6.53508352e-04f, 0},
    {-1.08095491e-02f, -4.23680507e-02f, -7.98051879e-02f, -1.08223341e-01f, -1.25032753e-01f,
     -1.29476950e-01f, -1.22570775e-01f, -1.06763914e-01f, -8.53123888e-02f, -6.16459996e-02f,
     -3.87946814e-02f, -1.90017689e-02f, -3.56078101e-03f, 7.14224763e-03f, 1.34398174e-02f,
     1.61232390e-02f, 1.61820538e-02f, 1.45931188e-02f, 1.21823847e-02f, 9.56036709e-03f,
     7.11724954e-03f, 5.05561475e-03f, 3.44024762e-03f, 2.24905787e-03f, 1.41556968e-03f,
     8.59194319e-04f, 5.03546267e-04f, 2.85248738e-04f, 1.56318711e-04f, 8.29287310e-05f,
     4.26148872e-05f, 0}};
/* clang-format on */
#define GELU_HALF_SCALE 6.13999987f

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

/* The same with cubic pieces of half the line, in SLICES slices (amx_chores.inc.c): what stands between them is
 * `magnitude`, `piece` and `even`, of V vectors. x finite. */
#define HALF_PIECE(power)                                                                      \
    piece_of(v_load(gelu_half[power]), v_load(gelu_half[power] + VF), piece[v])
static inline __attribute__((always_inline)) void
v_gelu_half_slice(vf *x, vf *magnitude, __m512i *piece, vf *even, const size_t V, const int slice)
{
    if (slice == 0)
        EACH (v, V) {
            magnitude[v] = v_abs(x[v]);
            const vf t = v_min(magnitude[v], v_set(31.4f / GELU_HALF_SCALE));
            piece[v] = _mm512_castps_si512(v_fma(t, v_set(GELU_HALF_SCALE), v_set(TO_NEAREST)));
        }
    if (slice == 1)
        EACH (v, V)
            even[v] = v_fma(magnitude[v], HALF_PIECE(3), HALF_PIECE(2));
    if (slice == 2)
        EACH (v, V)
            even[v] = v_fma(magnitude[v], even[v], HALF_PIECE(1));
    if (slice == 3)
        EACH (v, V)
            even[v] = v_fma(magnitude[v], even[v], HALF_PIECE(0));
    if (slice == 4)
        EACH (v, V)
            x[v] = v_fma(x[v], v_set(0.5f), even[v]);
}
#undef HALF_PIECE

static inline __attribute__((always_inline)) void v_gelu_half(vf *x, const size_t V)
{
    vf magnitude[MOST_PIECES], even[MOST_PIECES];
    __m512i piece[MOST_PIECES];
    UNROLL for (int slice = 0; slice < 5; slice++)
        v_gelu_half_slice(x, magnitude, piece, even, V, slice);
}

#endif
