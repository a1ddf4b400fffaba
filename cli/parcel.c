#include "parcel.h"
#include "progress.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

struct parcel_item {
    enum { NATIVE_SCORE, SAMPLES, SCORE, PROBS, PACKS, PROGRESS } kind;
    double native_score;
    fmpnn_samples *samples;
    fmpnn_packs *packs;
    char *id;
    uint8_t *letters;
    size_t orders, units;
    fmpnn_score_result result;
    fmpnn_probs_mode mode;
    float *log_p;
};

static void clear_item(parcel_item *item)
{
    fmpnn_samples_free(item->samples);
    fmpnn_packs_free(item->packs);
    free(item->id);
    free(item->letters);
    free(item->log_p);
}

static fmpnn_status deliver_item(const parcel_item *item, batch *b, const input *in,
                                 fmpnn_error *err)
{
    switch (item->kind) {
    case NATIVE_SCORE:
        fmpnn_run_set_native_score(b->run, item->native_score);
        return FMPNN_OK;
    case SAMPLES:
        return fmpnn_run_add_samples(b->run, item->samples, err);
    case SCORE:
        return fmpnn_run_add_score(b->run, item->id, item->letters, item->orders,
                                   &item->result, err);
    case PROBS:
        return fmpnn_run_add_probs(b->run, item->mode, item->letters, item->orders,
                                   item->log_p, err);
    case PACKS:
        if (item->packs->note && b->noted != in)
            report_note(b->options.quiet, in->name, "packing", item->packs->note);
        b->noted = in;
        return fmpnn_run_add_packs(b->run, item->packs, err);
    case PROGRESS:
        progress_add(in->name, item->units);
        return FMPNN_OK;
    }
    return FMPNN_OK;
}

/* Takes over what the item holds. */
static fmpnn_status hand_on(batch *b, const input *in, parcel_item item, fmpnn_error *err)
{
    if (!b->parcel) {
        fmpnn_status status = deliver_item(&item, b, in, err);
        clear_item(&item);
        return status;
    }
    parcel *p = b->parcel;
    p->item = checked_grow(p->item, p->count + 1, sizeof *p->item);
    p->item[p->count++] = item;
    return FMPNN_OK;
}

void parcel_native_score(batch *b, double score)
{
    fmpnn_error unused;
    hand_on(b, NULL, (parcel_item){.kind = NATIVE_SCORE, .native_score = score}, &unused);
}

fmpnn_status parcel_samples(batch *b, fmpnn_samples *samples, fmpnn_error *err)
{
    return hand_on(b, NULL, (parcel_item){.kind = SAMPLES, .samples = samples}, err);
}

fmpnn_status parcel_score(batch *b, const char *id, const uint8_t *letters, size_t L,
                          size_t orders, const fmpnn_score_result *result, fmpnn_error *err)
{
    parcel_item item = {.kind = SCORE, .id = checked_copy(id), .letters = checked_alloc(L, 1),
                        .orders = orders, .result = *result};
    memcpy(item.letters, letters, L);
    return hand_on(b, NULL, item, err);
}

fmpnn_status parcel_probs(batch *b, fmpnn_probs_mode mode, uint8_t *letters, size_t orders,
                          float *log_p, fmpnn_error *err)
{
    return hand_on(b, NULL, (parcel_item){.kind = PROBS, .mode = mode, .letters = letters,
                                          .orders = orders, .log_p = log_p}, err);
}

fmpnn_status parcel_packs(batch *b, const input *in, fmpnn_packs *packs, fmpnn_error *err)
{
    return hand_on(b, in, (parcel_item){.kind = PACKS, .packs = packs}, err);
}

void parcel_progress(batch *b, const input *in, size_t units)
{
    fmpnn_error unused;
    hand_on(b, in, (parcel_item){.kind = PROGRESS, .units = units}, &unused);
}

fmpnn_status parcel_deliver(parcel *p, batch *b, const input *in, fmpnn_error *err)
{
    fmpnn_status status = FMPNN_OK;
    for (size_t i = 0; i < p->count && status == FMPNN_OK; i++)
        status = deliver_item(&p->item[i], b, in, err);
    return status;
}

void parcel_clear(parcel *p)
{
    for (size_t i = 0; i < p->count; i++)
        clear_item(&p->item[i]);
    free(p->item);
    *p = (parcel){0};
}
