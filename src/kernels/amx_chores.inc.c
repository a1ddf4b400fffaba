/* What vectors do while the matrix unit multiplies (kernels_amx.c): rows become tiles, sums go through GELU
 * into the next product's tiles or into a sum over rows, or to their place. Each such chore is cut into units
 * of some four vectors, and each unit into SLICES slices: between two instructions of the unit there is room
 * for a dozen vector operations, and a core, which takes instructions in order, comes to the unit's next one too late
 * if more of them are in the way (amx_passes.inc.c). */

/* Lines still to be fetched of rows that the next call reads. A core has a dozen lines under way
 * at once, so they are spread over the whole call; together they would hold up its own loads. */
typedef struct fetching {
    const float *const *rows;
    size_t count, width; /* rows, floats of each */
    size_t row, column;  /* where it stands */
} fetching;

/* Rows to be gathered, as message_sum gets them. */
typedef struct sources {
    const float *own;
    const float *const *a, *const *b, *const *d;
} sources;

typedef struct product {
    size_t K, N;
    const uint16_t *w; /* [part][panel][step][tile] */
    const float *bias;
} product;

/* Where the last product's sums go. */
typedef struct target {
    float *dst;
    size_t ldd;
    const float *const *rows;
    const float *weight;
    int gelu;
    bool sum; /* over the rows, weighted */
} target;

/* What a call asks for: `layers` products of M rows after one another, GELU between them. */
typedef struct job {
    int parts; /* 3: bf16x6, 2: bf16x3, 1: bf16 */
    size_t M, layers;
    product p[3];
    const float *src; /* rows of the first product, */
    size_t lds;
    sources from;             /* or what they are gathered from, if src is NULL */
    const fmpnn_added *added; /* to the first of several products */
    target t;
    fetching ahead;
} job;

/* Chores: rows that become tiles, in the first pass that reads them, or what follows the sums of the pass before. */
enum kind { NOTHING, CONVERT, HAND_ON, SUM, STORE, STORE_CURVE, KINDS };

typedef struct chore {
    int kind;
    bool even;         /* all units are whole */
    size_t left;       /* units to do: four rows of a panel each */
    size_t r, at;      /* the next one's row of the block and column */
    const float *from; /* its sums, [panel][row][16]; or the block's rows */
    size_t stride;     /* from one panel or row to the next */
    uint16_t *to;      /* the tiles' row that comes of it */
    size_t m, height;  /* rows of the block */
    size_t end, N;     /* columns, and those of the whole product or of what is converted */
    uint16_t *tiles;   /* all that come of it; or NULL */
    size_t low, step;  /* from one part to the next, from one step */
    const fmpnn_added *added;
    job *of;
} chore;

/* Where a chore stands and what it has at hand, between slices. */
typedef struct walk {
    vf x[GROUP], magnitude[GROUP], even[GROUP];
    __m512i piece[GROUP];
    size_t r, at;
    const float *from;
    uint16_t *to;
} walk;

#define SLICE static inline __attribute__((always_inline)) void

/* The next FETCHED lines; perhaps some beyond the end of a row. */
SLICE fetch_lines(fetching *f)
{
    if (f->row >= f->count)
        return;
    UNROLL for (size_t n = 0; n < FETCHED; n++)
        __builtin_prefetch(f->rows[f->row] + f->column + n * AMX_ROWS, 0, 2);
    f->column += FETCHED * AMX_ROWS;
    if (f->column >= f->width) {
        f->column = 0;
        f->row++;
    }
}

/* ---- GELU ---- */

SLICE curve(vf *x, const size_t V, const int parts)
{
    if (parts == 1)
        v_gelu_pieces(x, V, &gelu_pieces_of[0]);
    else if (parts == 2)
        v_gelu_half(x, V);
    else
        v_gelu_each(x, V, 0);
}

/* Keeps what is computed before this place before it. */
SLICE hold(vf *x)
{
    EACH (v, GROUP)
        __asm__ volatile("" : "+v"(x[v]));
}

SLICE curve_slice(walk *w, const int slice, const int parts)
{
    if (parts == 2) {
        v_gelu_half_slice(w->x, w->magnitude, w->piece, w->even, GROUP, slice);
        if (slice > 0 && slice < SLICES - 1)
            hold(w->even);
    } else if (slice == SLICES - 1)
        curve(w->x, GROUP, parts);
}

/* ---- values to tiles ---- */

/* Number k of a step's first sixteen stands beside number k of the others (amx_layout.h). Parts are
 * rounded half up. All but the differences may run on the port whose multiply-adds products take;
 * vcvtne2ps2bf16 and what widens its result again are 12 operations, seven of them on one port. A NaN of
 * which the upper 17 bits are all set becomes -0. */
static inline __attribute__((always_inline)) __m512i rounded(__m512 x)
{
    return _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
}

/* What is left of x. */
static inline __attribute__((always_inline)) __m512 beside(__m512 x, __m512i part)
{
    const __m512i high = _mm512_and_si512(part, _mm512_set1_epi32(-0x10000));
    return _mm512_sub_ps(x, _mm512_castsi512_ps(high));
}

/* 32 values. */
SLICE convert_32(uint16_t *to, size_t next_part, __m512 x, __m512 y, const int parts)
{
    const __m512i down =
        _mm512_broadcast_i32x4(_mm_setr_epi32(0x0302, 0x0706, 0x0b0a, 0x0f0e));
    UNROLL for (int part = 0; part < parts; part++)
    {
        const __m512i a = rounded(x), b = rounded(y);
        _mm512_store_si512(to + (size_t)part * next_part,
                           _mm512_mask_shuffle_epi8(b, 0x3333333333333333, a, down));
        x = beside(x, a);
        y = beside(y, b);
    }
}

/* How sixteen values go beside sixteen others: where the upper half of each goes, and which halves are written. */
typedef struct half {
    __m512i shuffle;
    __mmask32 mask;
} half;

static inline __attribute__((always_inline)) half half_of(size_t column, size_t N)
{
    static const uint32_t shuffle[2][4]
        __attribute__((aligned(64))) = {{0x80800302, 0x80800706, 0x80800b0a, 0x80800f0e},
                                        {0x03028080, 0x07068080, 0x0b0a8080, 0x0f0e8080}};
    const size_t odd = column / AMX_ROWS % 2;
    const __mmask32 even =
        column + AMX_ROWS < N ? 0x55555555 : 0xffffffff; /* nobody follows */
    const half h = {_mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)shuffle[odd])),
                    odd ? 0xaaaaaaaa : even};
    return h;
}

SLICE convert_16(uint16_t *to, size_t next_part, __m512 x, half h, const int parts)
{
    UNROLL for (int part = 0; part < parts; part++)
    {
        const __m512i a = rounded(x);
        _mm512_mask_storeu_epi16(to + (size_t)part * next_part, h.mask,
                                 _mm512_shuffle_epi8(a, h.shuffle));
        x = beside(x, a);
    }
}

static inline size_t beyond(size_t left, size_t vectors)
{
    return left > vectors * VF ? left - vectors * VF : 0;
}

/* One step of row r. */
SLICE row_to_tile(const chore *c, size_t r, size_t step, const int parts)
{
    const size_t k = step * AMX_DEPTH, left = c->N - k;
    const float *row = c->from + r * c->stride + k;
    if (r < c->height)
        convert_32(c->tiles + step * c->step + r * AMX_DEPTH, c->low, v_load_some(row, left),
                   v_load_some(row + VF, beyond(left, 1)), parts);
}

/* ---- rows that are gathered: before the first pass, which comes too soon for them ---- */

/* Rows of that many terms, besides `own`. */
static size_t terms_of(const sources *from, size_t m, const float **terms)
{
    size_t count = 0;
    if (from->a)
        terms[count++] = from->a[m];
    if (from->b && from->b[m])
        terms[count++] = from->b[m];
    if (from->d && from->d[m])
        terms[count++] = from->d[m];
    return count;
}

/* Columns k .. k+VF*V-1 of GELU(own + terms), `left` of them there. */
SLICE gather(vf *x, const size_t V, const float *own, const float *const *terms,
             const size_t count, size_t k, size_t left, const int parts)
{
    EACH(v, V)
    {
        x[v] = v_load_some(own + k + v * VF, beyond(left, v));
        for (size_t t = 0; t < count; t++)
            x[v] = v_add(x[v], v_load_some(terms[t] + k + v * VF, beyond(left, v)));
    }
    curve(x, V, parts);
}

SLICE gather_row(const chore *c, size_t r, const float *const *terms, const size_t count,
                 const int parts)
{
    const float *own = c->of->from.own;
    uint16_t *to = c->tiles + r * AMX_DEPTH;
    size_t k = 0;
    for (; k + GROUP * VF <= c->N; k += GROUP * VF, to += 2 * c->step) {
        vf x[GROUP];
        gather(x, GROUP, own, terms, count, c->at + k, GROUP * VF, parts);
        convert_32(to, c->low, x[0], x[1], parts);
        convert_32(to + c->step, c->low, x[2], x[3], parts);
        fetch_lines(&c->of->ahead);
    }
    for (; k < c->N; k += 2 * VF, to += c->step) {
        vf x[2];
        gather(x, 2, own, terms, count, c->at + k, c->N - k, parts);
        convert_32(to, c->low, x[0], x[1], parts);
    }
}

SLICE gather_rows(const chore *c, const int parts)
{
    const float *terms[3];
    for (size_t r = 0; r < c->height; r++)
        switch (terms_of(&c->of->from, c->m + r, terms)) { /* a loop of its own for each */
        case 3:
            gather_row(c, r, terms, 3, parts);
            break;
        case 2:
            gather_row(c, r, terms, 2, parts);
            break;
        case 1:
            gather_row(c, r, terms, 1, parts);
            break;
        default:
            gather_row(c, r, terms, 0, parts);
        }
}

/* ---- sums ---- */

SLICE add_rows(vf *x, const float *const *rows, const chore *c, const walk *w, size_t count,
               size_t left)
{
    EACH (v, GROUP) {
        const float *row = v < count ? rows[c->m + w->r + v] : NULL;
        if (row)
            x[v] = v_add(x[v], v_load_some(row + w->at, left));
    }
}

/* What is added, GELU, into the next product's tiles. */
SLICE hand_on(const chore *c, walk *w, size_t count, size_t left, const int parts)
{
    const half h = half_of(w->at, c->N);
    EACH (v, GROUP) {
        if (left < VF) /* beyond N there may be anything */
            w->x[v] = v_first(w->x[v], left);
        if (v < count)
            convert_16(w->to + v * AMX_DEPTH, c->low, w->x[v], h, parts);
    }
    w->to += GROUP * AMX_DEPTH;
    if (w->r + GROUP >= c->height)
        w->to += (w->at / AMX_ROWS % 2 ? c->step : 0) - (w->r + GROUP) * AMX_DEPTH;
}

/* GELU, weighted, onto the sum. */
SLICE sum_up(const chore *c, walk *w, size_t count, size_t left)
{
    static const float one = 1;
    const target *t = &c->of->t;
    const float *weight = t->weight ? t->weight + c->m + w->r : &one;
    vf sum = v_load_some(t->dst + w->at, left);
    EACH (v, GROUP)
        if (v < count)
            sum = v_fma(v_set(weight[t->weight ? v : 0]), w->x[v], sum);
    v_store_some(t->dst + w->at, sum, left);
}

SLICE store(const chore *c, walk *w, size_t count, size_t left)
{
    const target *t = &c->of->t;
    EACH (v, GROUP)
        if (v < count)
            v_store_some(t->dst + (c->m + w->r + v) * t->ldd + w->at, w->x[v], left);
}

/* A slice of a unit. `whole`: all its rows and columns are there. */
SLICE do_slice(const chore *c, walk *w, const int kind, const int slice, const bool whole,
               const int parts)
{
    const size_t count = whole ? GROUP : least(GROUP, c->height - w->r);
    const size_t left = whole ? VF : c->end - w->at;
    const fmpnn_added *added = c->added;
    if (slice == 0) {
        EACH (v, GROUP)
            w->x[v] = v_load(w->from + v * AMX_ROWS);
        if (kind == STORE || kind == STORE_CURVE) {
            if (c->of->t.rows)
                add_rows(w->x, c->of->t.rows, c, w, count, left);
        } else if (kind == HAND_ON && added) {
            if (added->rows)
                add_rows(w->x, added->rows, c, w, count, left);
            if (added->own) {
                const vf own = v_load_some(added->own + w->at, left);
                EACH (v, GROUP)
                    w->x[v] = v_add(own, w->x[v]);
                if (added->b)
                    add_rows(w->x, added->b, c, w, count, left);
                if (added->d)
                    add_rows(w->x, added->d, c, w, count, left);
            }
        }
    }
    if (kind != STORE)
        curve_slice(w, slice, parts);
    if (slice < SLICES - 1)
        return;
    if (kind == HAND_ON)
        hand_on(c, w, count, left, parts);
    else if (kind == SUM)
        sum_up(c, w, count, left);
    else
        store(c, w, count, left);
    fetch_lines(&c->of->ahead);
    w->r += GROUP;
    w->from += GROUP * AMX_ROWS;
    if (w->r >= c->height) {
        w->from += c->stride - w->r * AMX_ROWS;
        w->at += AMX_ROWS;
        w->r = 0;
    }
}

/* ---- all of a chore ---- */

SLICE begin(const chore *c, walk *w)
{
    w->r = c->r;
    w->at = c->at;
    w->from = c->from;
    w->to = c->to;
}

SLICE leave_off(chore *c, const walk *w, size_t units)
{
    c->r = w->r;
    c->at = w->at;
    c->from = w->from;
    c->to = w->to;
    c->left -= units;
}

SLICE do_all(chore *c, const int kind, const int parts)
{
    walk w;
    begin(c, &w);
    for (size_t n = c->left; n; n--)
        if (c->even || (w.r + GROUP <= c->height && w.at + AMX_ROWS <= c->end)) {
            UNROLL for (int slice = 0; slice < SLICES; slice++)
                do_slice(c, &w, kind, slice, true, parts);
        } else {
            UNROLL for (int slice = 0; slice < SLICES; slice++)
                do_slice(c, &w, kind, slice, false, parts);
        }
    leave_off(c, &w, c->left);
}

#define FINISH(kind, parts)                                                                \
    static void finish_##kind##_##parts(chore *c)                                          \
    {                                                                                      \
        do_all(c, kind, parts);                                                            \
    }
#define ROWS_OF(parts)                                                                     \
    static void convert_steps_##parts(const chore *c, size_t first, size_t end)            \
    {                                                                                      \
        for (; first < end; first++)                                                       \
            for (size_t r = 0; r < c->height; r++)                                         \
                row_to_tile(c, r, first, parts);                                           \
    }                                                                                      \
    static void gather_rows_##parts(const chore *c)                                        \
    {                                                                                      \
        gather_rows(c, parts);                                                             \
    }
#define ALL(parts)                                                                         \
    ROWS_OF(parts)                                                                         \
    FINISH(HAND_ON, parts)                                                                 \
    FINISH(SUM, parts)                                                                     \
    FINISH(STORE, parts)                                                                   \
    FINISH(STORE_CURVE, parts)
ALL(1)
ALL(2)
ALL(3)
#undef ALL
#undef ROWS_OF
#undef FINISH

/* What is left of what follows sums. */
static void finish(chore *c)
{
#define ALL(parts)                                                                         \
    {                                                                                      \
        finish_HAND_ON_##parts, finish_SUM_##parts, finish_STORE_##parts,                  \
            finish_STORE_CURVE_##parts                                                     \
    }
    static void (*const all[][KINDS - HAND_ON])(chore *) = {ALL(1), ALL(2), ALL(3)};
#undef ALL
    if (c->left)
        all[c->of->parts - 1][c->kind - HAND_ON](c);
}

/* Steps first .. end-1 of all rows. */
static void convert_steps(const chore *c, size_t first, size_t end)
{
    static void (*const all[])(const chore *, size_t, size_t) = {
        convert_steps_1, convert_steps_2, convert_steps_3};
    all[c->of->parts - 1](c, first, end);
}

static void gather_all(const chore *c)
{
    static void (*const all[])(const chore *) = {gather_rows_1, gather_rows_2, gather_rows_3};
    all[c->of->parts - 1](c);
}
