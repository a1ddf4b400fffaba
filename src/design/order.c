/* Decoding orders: residues sorted by random keys. The sort compares (key, index), a total
 * order, so that no result hangs on how it is done; and where there is no memory it is a heap sort,
 * in place, so that drawing an order cannot run out of it. */
#include "design/order.h"

#include <math.h>
#include <string.h>

/* Where the key of residue i comes from. */
typedef struct key_source {
    const double *cache; /* indexed by residue, or NULL: ask the stream each time */
    const fmpnn_stream *stream;
    uint64_t sample;
    fmpnn_purpose purpose;
    const float *randn, *design_mask; /* stream == NULL: the published program's keys */
} key_source;

static double key_of(const key_source *source, uint32_t i)
{
    if (source->cache)
        return source->cache[i];
    if (source->stream)
        return fmpnn_uniform(source->stream, source->sample, i, source->purpose);
    /* in float32, where near-ties are decided */
    float weight = source->design_mask[i] + 0.0001f;
    return weight * fabsf(source->randn[i]);
}

static bool stands_before(const key_source *source, uint32_t a, uint32_t b)
{
    double x = key_of(source, a), y = key_of(source, b);
    return x != y ? x < y : a < b;
}

/* Let order[root] sink until both children stand before it. */
static void sink(const key_source *source, uint32_t *order, size_t root, size_t end)
{
    for (size_t child; (child = 2 * root + 1) < end; root = child) {
        if (child + 1 < end && stands_before(source, order[child], order[child + 1]))
            child++;
        if (!stands_before(source, order[root], order[child]))
            return;
        uint32_t moved = order[root];
        order[root] = order[child];
        order[child] = moved;
    }
}

static void sort_residues(const key_source *source, uint32_t *order, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sink(source, order, root, count);
    for (size_t end = count; end-- > 1;) {
        uint32_t last = order[0];
        order[0] = order[end];
        order[end] = last;
        sink(source, order, 0, end);
    }
}

/* floor(key count), but for the last few keys below 1, whose product rounds to count. */
static size_t place_near(double key, size_t count)
{
    size_t place = (size_t)(key * (double)count);
    return place < count ? place : count - 1;
}

/* The same for cached keys that are uniform in [0, 1): each residue goes close to its place by its
 * key's value, then steps down to it. next [count]. 5 us less for 106 residues than by the heap,
 * whose comparisons are as good as random to the processor. */
static void sort_uniform(const key_source *source, uint32_t *order, size_t count,
                         uint32_t *next, uint32_t *sorted)
{
    memset(next, 0, count * sizeof *next);
    for (size_t n = 0; n < count; n++)
        next[place_near(source->cache[order[n]], count)]++;
    for (size_t n = 0, sum = 0; n < count; n++) {
        sum += next[n];
        next[n] = (uint32_t)(sum - next[n]);
    }
    for (size_t n = 0; n < count; n++)
        sorted[next[place_near(source->cache[order[n]], count)]++] = order[n];
    for (size_t n = 0; n < count; n++) {
        size_t at = n;
        for (; at > 0 && stands_before(source, sorted[n], order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = sorted[n];
    }
}

size_t fmpnn_order_fixed(size_t L, const uint8_t *designed, const fmpnn_stream *stream,
                         uint32_t *order)
{
    size_t count = 0;
    for (uint32_t i = 0; i < L; i++)
        if (!designed[i])
            order[count++] = i;
    key_source source = {.stream = stream, .purpose = FMPNN_FOR_FIXED_ORDER};
    sort_residues(&source, order, count);
    return count;
}

/* A group's first member in model order: its place among the random numbers. */
static uint32_t first_member(const fmpnn_rules *rules, uint32_t g)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t m = rules->start[g]; m < rules->start[g + 1]; m++)
        first = rules->member[m] < first ? rules->member[m] : first;
    return first;
}

/* Each first member becomes its whole group. Written from the back: what is still to be read
 * lies at or before what is written, since every group has at least one member. */
static void expand_groups(const fmpnn_rules *rules, uint32_t *order, size_t count,
                          size_t room)
{
    while (count-- > 0) {
        uint32_t g = rules->group_of[order[count]];
        for (uint32_t m = rules->start[g + 1]; m-- > rules->start[g];)
            order[--room] = rules->member[m];
    }
}

void fmpnn_order_native(const fmpnn_job *job, const fmpnn_stream *stream, uint64_t sample,
                        uint32_t *order, size_t *n_shared)
{
    const fmpnn_rules *rules = &job->rules;
    size_t fixed = job->fixed_count, count = 0;
    memcpy(order, job->fixed_order, fixed * sizeof *order);
    if (n_shared)
        *n_shared = fixed;
    order += fixed;
    /* only for speed: keys, and what sorting takes */
    double *cache = fmpnn_alloc(rules->L, sizeof *cache + 2 * sizeof *order);
    uint32_t *room = cache ? (uint32_t *)(cache + rules->L) : NULL;
    for (uint32_t g = 0; g < rules->groups; g++) {
        uint32_t first = first_member(rules, g);
        if (!rules->designed[first])
            continue;
        if (cache)
            cache[first] = fmpnn_uniform(stream, sample, first, FMPNN_FOR_ORDER);
        order[count++] = first;
    }
    key_source source = {
        .cache = cache, .stream = stream, .sample = sample, .purpose = FMPNN_FOR_ORDER};
    if (cache)
        sort_uniform(&source, order, count, room, room + rules->L);
    else
        sort_residues(&source, order, count);
    expand_groups(rules, order, count, rules->L - fixed);
    fmpnn_release(cache);
}

void fmpnn_order_original(size_t L, const float *randn, const float *design_mask,
                          uint32_t *order)
{
    key_source source = {.randn = randn, .design_mask = design_mask};
    for (size_t i = 0; i < L; i++)
        order[i] = (uint32_t)i;
    sort_residues(&source, order, L);
}

bool fmpnn_order_group(const fmpnn_rules *rules, const uint32_t *order_in,
                       uint32_t *order_out)
{
    uint8_t *placed = fmpnn_alloc_zero(rules->groups, 1);
    if (!placed)
        return false;
    size_t t = 0;
    for (size_t n = 0; n < rules->L; n++) {
        uint32_t g = rules->group_of[order_in[n]];
        if (placed[g])
            continue;
        placed[g] = 1;
        for (uint32_t m = rules->start[g]; m < rules->start[g + 1]; m++)
            order_out[t++] = rules->member[m];
    }
    fmpnn_release(placed);
    return true;
}

void fmpnn_order_rank(size_t L, const uint32_t *order, uint32_t *rank)
{
    for (size_t t = 0; t < L; t++)
        rank[order[t]] = (uint32_t)t;
}
