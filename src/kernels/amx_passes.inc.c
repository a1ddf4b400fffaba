/* Passes of the matrix unit, and what runs beside each (kernels_amx.c).
 *
 * A pass makes the sums of one block of rows with one panel of weights or some: three row tiles and one panel, two and
 * two, or one and four. While it runs, in slices between its instructions, vectors do what follows the sums of
 * the pass before, or make tiles of the rows of its own next step (amx_chores.inc.c). Rows of a block stay in the
 * first-level cache, and weights come from the second, each once. */

/* Rows m .. m+height-1 in `tall` tiles of 16 rows: [step][part][tall][16][32]. Rows of a tile beyond
 * stay as they are: what comes of them is not looked at. */
typedef struct block {
    size_t m, height, tall;
} block;

/* to [panel][tall][16][16] = start or what is there, plus tiles times panels. */
typedef struct factors {
    const uint16_t *tiles, *panel[MOST_WIDE];
    size_t low; /* from parts of weights to the next, lower ones */
    size_t steps;
    const float *start; /* [panel][16]; NULL: what is there */
    float *to;
} factors;

#define START(sum, column)                                                                     \
    if (f->start)                                                                              \
        _tile_loadd(sum, f->start + (size_t)(column)*AMX_ROWS, 0);                             \
    else                                                                                       \
        _tile_loadd(sum, f->to + (sum)*SUMS, LINE);
#define END(sum) _tile_stored(sum, f->to + (sum)*SUMS, LINE);
#define ROWS(tile_register, row_tile, part)                                                    \
    _tile_loadd(tile_register, a + ((part)*TALL + (row_tile)) * AMX_TILE, LINE);               \
    HERE
#define WEIGHTS(tile_register, column, part)                                                   \
    _tile_loadd(tile_register, f->panel[column] + s * AMX_TILE + (part)*f->low, LINE);         \
    HERE
#define PRODUCT(sum, row_register, weight_register)                                            \
    _tile_dpbf16ps(sum, row_register, weight_register);                                        \
    HERE

/* The place after an instruction, of PLACES in a step: slices of UNITS units, or some of the 16 TALL rows. */
#define HERE                                                                                   \
    {                                                                                          \
        if (kind == CONVERT)                                                                   \
            UNROLL_3 for (int r = here * 16 * TALL / PLACES;                                   \
                          r < (here + 1) * 16 * TALL / PLACES; r++)                            \
                row_to_tile(c, (size_t)r, s + 1, parts);                                       \
        else if (kind)                                                                         \
            UNROLL_3 for (int n = here * UNITS * SLICES / PLACES;                              \
                          n < (here + 1) * UNITS * SLICES / PLACES; n++)                       \
                do_slice(c, w, kind, n % SLICES, true, parts);                                 \
        here++;                                                                                \
    }

/* A step of three row tiles and one panel: rows in registers 3 to 5, weights in 6 and 7. */
#define EACH_ROW_TILE(weights) PRODUCT(0, 3, weights) PRODUCT(1, 4, weights) PRODUCT(2, 5, weights)
#define EACH_ROW_TILE_OF(part, weights)                                                        \
    ROWS(3, 0, part) PRODUCT(0, 3, weights) ROWS(4, 1, part) PRODUCT(1, 4, weights)            \
    ROWS(5, 2, part) PRODUCT(2, 5, weights)
SLICE step_3(const factors *f, const uint16_t *a, size_t s, chore *c, walk *w, const int kind,
             const int parts)
{
    enum { TALL = 3, UNITS = 3 };
    const int PLACES = parts == 1 ? 7 : parts == 2 ? 17 : 33;
    int here = 0;
    WEIGHTS(6, 0, 0)
    if (parts == 3) {
        EACH_ROW_TILE_OF(2, 6)
    }
    if (parts > 1) {
        EACH_ROW_TILE_OF(1, 6)
    }
    EACH_ROW_TILE_OF(0, 6)
    if (parts == 3) {
        WEIGHTS(7, 0, 2) EACH_ROW_TILE(7)
    }
    if (parts > 1) {
        WEIGHTS(7, 0, 1) EACH_ROW_TILE(7)
    }
    if (parts == 3) {
        EACH_ROW_TILE_OF(1, 7)
    }
}

/* Of two row tiles and two panels: rows in 4 and 5, weights in 6 and 7. */
#define TWO_BY_TWO PRODUCT(0, 4, 6) PRODUCT(1, 5, 6) PRODUCT(2, 4, 7) PRODUCT(3, 5, 7)
SLICE step_2(const factors *f, const uint16_t *a, size_t s, chore *c, walk *w, const int kind,
             const int parts)
{
    enum { TALL = 2, UNITS = 4 };
    const int PLACES = parts == 1 ? 8 : parts == 2 ? 20 : 38;
    int here = 0;
    ROWS(4, 0, parts - 1) WEIGHTS(6, 0, 0) ROWS(5, 1, parts - 1) WEIGHTS(7, 1, 0) TWO_BY_TWO
    if (parts == 3) {
        ROWS(4, 0, 1) ROWS(5, 1, 1) TWO_BY_TWO
    }
    if (parts > 1) {
        ROWS(4, 0, 0) ROWS(5, 1, 0) TWO_BY_TWO
    }
    if (parts == 3) {
        WEIGHTS(6, 0, 2) WEIGHTS(7, 1, 2) TWO_BY_TWO
    }
    if (parts > 1) {
        WEIGHTS(6, 0, 1) WEIGHTS(7, 1, 1) TWO_BY_TWO
    }
    if (parts == 3) {
        ROWS(4, 0, 1) ROWS(5, 1, 1) TWO_BY_TWO
    }
}

/* Of one row tile and four panels: parts of the rows in 4, 5 and 7, weights in 6. */
#define ONE(n, part)                                                                           \
    WEIGHTS(6, n, part)                                                                        \
    if (parts == 3 && (part) == 0) {                                                           \
        PRODUCT(n, 7, 6)                                                                       \
    }                                                                                          \
    if (parts > 1 && (part) == 0) {                                                            \
        PRODUCT(n, 5, 6)                                                                       \
    }                                                                                          \
    PRODUCT(n, 4, 6)                                                                           \
    if (parts == 3 && (part) == 1) {                                                           \
        PRODUCT(n, 5, 6)                                                                       \
    }
#define EACH_PANEL(part) ONE(0, part) ONE(1, part) ONE(2, part) ONE(3, part)
SLICE step_1(const factors *f, const uint16_t *a, size_t s, chore *c, walk *w, const int kind,
             const int parts)
{
    enum { TALL = 1, UNITS = 4 };
    const int PLACES = parts == 1 ? 9 : parts == 2 ? 22 : 39;
    int here = 0;
    ROWS(4, 0, 0)
    if (parts > 1) {
        ROWS(5, 0, 1)
    }
    if (parts > 2) {
        ROWS(7, 0, 2)
    }
    EACH_PANEL(0)
    if (parts > 2) {
        EACH_PANEL(2)
    }
    if (parts > 1) {
        EACH_PANEL(1)
    }
}

SLICE step(const factors *f, const uint16_t *a, size_t s, chore *c, walk *w, const size_t tall,
           const int kind, const int parts)
{
    if (tall == 3)
        step_3(f, a, s, c, w, kind, parts);
    else if (tall == 2)
        step_2(f, a, s, c, w, kind, parts);
    else
        step_1(f, a, s, c, w, kind, parts);
}

SLICE pass(const factors *f, chore *c, const size_t tall, const int kind, const int parts)
{
    const size_t units = tall == 3 ? 3 : 4, next = tall * (size_t)parts * AMX_TILE;
    const bool rows = kind == CONVERT;
    const uint16_t *a = f->tiles;
    size_t s = 0, beside = 0; /* steps that have something beside them */
    walk now;
    if (tall == 3) {
        START(0, 0) START(1, 0) START(2, 0)
    } else {
        START(0, 0) START(1, tall == 1) START(2, 3 - tall) START(3, 5 - 2 * tall)
    }
    if (rows)
        beside = f->steps - 1;
    else if (kind) {
        const bool read = c->tiles == f->tiles; /* by this pass, from this step on: */
        const size_t due = read ? c->at / AMX_DEPTH : f->steps;
        beside = least(due, c->left / units);
        begin(c, &now);
        for (; s < beside; s++, a += next)
            step(f, a, s, c, &now, tall, kind, parts);
        leave_off(c, &now, beside * units);
        for (; read && s < due; s++, a += next)
            step(f, a, s, c, &now, tall, NOTHING, parts);
        if (read)
            finish(c);
    }
    for (; rows && s < beside; s++, a += next)
        step(f, a, s, c, &now, tall, kind, parts);
    for (; s < f->steps; s++, a += next)
        step(f, a, s, c, &now, tall, NOTHING, parts);
    END(0) END(1) END(2)
    if (tall < 3) {
        END(3)
    }
}

/* Functions of their own, not inlined: see gemm.inc.c. Compilers do not know that a tile load
 * reads memory; the empty statement says it. */
#define PASS_OF(tall, kind, parts)                                                             \
    static __attribute__((noinline)) void pass_##tall##_##kind##_##parts(const factors *f,     \
                                                                         chore *c)             \
    {                                                                                          \
        __asm__ volatile("" ::: "memory");                                                     \
        pass(f, c, tall, kind, parts);                                                         \
    }
#define PASSES_OF(tall, parts)                                                                 \
    PASS_OF(tall, NOTHING, parts)                                                              \
    PASS_OF(tall, CONVERT, parts)                                                              \
    PASS_OF(tall, HAND_ON, parts)                                                              \
    PASS_OF(tall, SUM, parts)                                                                  \
    PASS_OF(tall, STORE, parts)                                                                \
    PASS_OF(tall, STORE_CURVE, parts)
PASSES_OF(1, 1)
PASSES_OF(1, 2)
PASS_OF(1, NOTHING, 3)
PASS_OF(1, CONVERT, 3)
PASSES_OF(2, 1)
PASSES_OF(2, 2)
PASS_OF(2, NOTHING, 3)
PASS_OF(2, CONVERT, 3)
PASSES_OF(3, 1)
PASSES_OF(3, 2)
PASS_OF(3, NOTHING, 3)
PASS_OF(3, CONVERT, 3)
#undef PASSES_OF
#undef PASS_OF

static void multiply(const factors *f, chore *c, int kind, size_t tall, int parts)
{
#define ALL(tall, parts)                                                                       \
    {pass_##tall##_NOTHING_##parts, pass_##tall##_CONVERT_##parts,                         \
     pass_##tall##_HAND_ON_##parts, pass_##tall##_SUM_##parts,                             \
     pass_##tall##_STORE_##parts,   pass_##tall##_STORE_CURVE_##parts}
/* Of bf16x6, where nothing is handed on: what follows sums comes after the next pass. */
#define ROWS_ALONE(tall)                                                                   \
    {pass_##tall##_NOTHING_3, pass_##tall##_CONVERT_3, pass_##tall##_NOTHING_3,            \
     pass_##tall##_NOTHING_3, pass_##tall##_NOTHING_3, pass_##tall##_NOTHING_3}
    static void (*const pass[][AMX_PARTS][KINDS])(const factors *, chore *) = {
        {ALL(1, 1), ALL(1, 2), ROWS_ALONE(1)},
        {ALL(2, 1), ALL(2, 2), ROWS_ALONE(2)},
        {ALL(3, 1), ALL(3, 2), ROWS_ALONE(3)}};
#undef ALL
    pass[tall - 1][parts - 1][kind](f, c);
}

/* Steps k .. k+steps-1 of a block's rows, to tiles. */
static chore rows_to_tiles(job *of, const block *b, size_t k, size_t steps, uint16_t *tiles)
{
    chore c = {.kind = CONVERT, .m = b->m, .height = b->height, .of = of,
               .low = b->tall * AMX_TILE, .tiles = tiles, .at = k * AMX_DEPTH};
    c.step = (size_t)of->parts * c.low;
    c.stride = of->lds;
    if (of->src)
        c.from = of->src + b->m * of->lds + c.at;
    c.N = least(of->p[0].K - c.at, steps * AMX_DEPTH);
    return c;
}

/* What follows sums of product l, into tiles if it is not the last. */
static chore sums_of(job *of, const block *b, size_t l, uint16_t *tiles)
{
    const bool last = l + 1 == of->layers;
    chore c = {.m = b->m, .height = b->height, .of = of, .stride = b->tall * SUMS,
               .low = b->tall * AMX_TILE, .tiles = last ? NULL : tiles, .N = of->p[l].N};
    c.step = (size_t)of->parts * c.low;
    c.added = l ? NULL : of->added;
    c.kind = !last ? HAND_ON : of->t.sum ? SUM : of->t.gelu ? STORE_CURVE : STORE;
    return c;
}

/* Columns n .. end-1 of them. */
static inline void begin_sums(chore *c, const float *from, size_t n, size_t end)
{
    c->from = from;
    c->r = 0;
    c->at = n;
    c->end = end;
    if (c->tiles)
        c->to = c->tiles + n / AMX_DEPTH * c->step;
    c->left = pieces(c->height, GROUP) * pieces(end - n, AMX_ROWS);
    c->even = c->height % GROUP == 0 && (end - n) % AMX_ROWS == 0;
}

/* What is at hand during a call. */
typedef struct desk {
    chore of[2]; /* what follows sums of products in turn, */
    chore *sums; /* of the pass before */
    size_t most; /* steps that tiles have room for; a longer sum takes several rounds */
    bool turn;   /* which of two places sums go to: */
    float out[2][PASS * SUMS] __attribute__((aligned(64)));
} desk;

/* Products of a block with matrix l. */
static void passes(desk *d, job *of, const block *b, size_t l, uint16_t *tiles, uint16_t *next)
{
    const product *p = &of->p[l];
    const size_t steps = amx_steps(p->K), panels = pieces(p->N, AMX_ROWS);
    const size_t wide = b->tall == 3 ? 1 : b->tall == 2 ? 2 : 4;
    float start[PASS * AMX_ROWS] __attribute__((aligned(64)));
    factors f = {.tiles = tiles, .low = amx_part(p->N, p->K)};
    chore rows = {.kind = NOTHING};
    if (l == 0)
        finish(d->sums);
    if (l == 0 && steps && steps <= d->most) {
        rows = rows_to_tiles(of, b, 0, steps, tiles);
        if (of->src) {
            convert_steps(&rows, 0, 1);
        } else {
            gather_all(&rows);
            rows.kind = NOTHING;
        }
    }
    d->of[l % 2] = sums_of(of, b, l, next);
    for (size_t panel = 0; panel < panels; panel += wide) {
        const size_t n = panel * AMX_ROWS, end = least(p->N, n + wide * AMX_ROWS);
        d->turn = !d->turn;
        f.to = d->out[d->turn];
        f.start = start;
        if (p->bias && end == n + wide * AMX_ROWS)
            f.start = p->bias + n;
        else
            for (size_t c = 0; c < PASS * AMX_ROWS; c++)
                start[c] = p->bias && n + c < p->N ? p->bias[n + c] : 0;
        for (size_t s = 0; s < steps || s == 0; s += d->most) {
            f.steps = least(steps - s, d->most);
            for (size_t v = 0; v < wide; v++)
                f.panel[v] = p->w + (least(panel + v, panels - 1) * steps + s) * AMX_TILE;
            if (steps > d->most) {
                rows = rows_to_tiles(of, b, s, f.steps, tiles);
                if (of->src)
                    convert_steps(&rows, 0, f.steps);
                else
                    gather_all(&rows);
                rows.kind = NOTHING;
            }
            if (d->sums->tiles == f.tiles && !d->sums->even)
                finish(d->sums);
            if (rows.kind)
                multiply(&f, &rows, rows.kind, b->tall, of->parts);
            else
                multiply(&f, d->sums, d->sums->left && d->sums->even ? d->sums->kind : NOTHING,
                         b->tall, of->parts);
            rows.kind = NOTHING;
            f.start = NULL;
        }
        finish(d->sums);
        d->sums = &d->of[l % 2];
        begin_sums(d->sums, f.to, n, end);
    }
}

/* How many row tiles the next block takes, of `tiles` left. */
static size_t height_of(size_t tiles, size_t most_tall)
{
    if (most_tall == 3 && tiles >= 3 && tiles != 4)
        return 3;
    return tiles >= 2 && most_tall >= 2 ? 2 : 1;
}

static __attribute__((noinline)) void run(job *of)
{
    uint16_t tiles[ROOM * AMX_TILE] __attribute__((aligned(64)));
    const size_t room = of->layers > 1 ? ROOM / 2 : ROOM, parts = (size_t)of->parts;
    size_t steps = 0;
    for (size_t l = 0; l < of->layers; l++)
        steps = steps > amx_steps(of->p[l].K) ? steps : amx_steps(of->p[l].K);
    const size_t most_tall = 3 * steps * parts <= HELD ? 3 : 2 * steps * parts <= room ? 2 : 1;
    block b = {.m = 0};
    desk d;
    d.of[1] = (chore){.left = 0};
    d.sums = &d.of[1];
    d.most = room / parts;
    d.turn = false;
    _tile_loadconfig(&tile_config);
    for (; b.m < of->M; b.m += b.height) {
        const size_t left = of->M - b.m;
        b.tall = height_of(pieces(left, AMX_ROWS), most_tall);
        b.height = least(left, b.tall * AMX_ROWS);
        for (size_t l = 0; l < of->layers; l++)
            passes(&d, of, &b, l, tiles + l % 2 * room * AMX_TILE,
                   tiles + (l + 1) % 2 * room * AMX_TILE);
    }
    finish(d.sums);
}
