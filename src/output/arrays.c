/* Which arrays an .npz holds, and under which labels. */
#include "output/record.h"

#include <math.h>
#include <string.h>

enum { A = FMPNN_OUTPUT_LETTERS };

void fmpnn_sample_arrays_clear(fmpnn_sample_arrays *arrays)
{
    fmpnn_release(arrays->sample);
    fmpnn_release(arrays->temperature);
    fmpnn_release(arrays->letters);
    fmpnn_release(arrays->log_probs);
    fmpnn_release(arrays->probs);
    memset(arrays, 0, sizeof *arrays);
}

/* Room for `more` samples; rows of `width` values. */
static bool grow(void **block, const fmpnn_sample_arrays *arrays, size_t capacity,
                 size_t width, size_t size)
{
    if (capacity > SIZE_MAX / width)
        return false;
    void *bigger = fmpnn_grow(*block, arrays->count * width, capacity * width, size);
    if (bigger)
        *block = bigger;
    return bigger != NULL;
}

static bool reserve(fmpnn_sample_arrays *arrays, size_t more, size_t L)
{
    size_t capacity = arrays->count + more;
    if (capacity <= arrays->capacity)
        return true;
    if (!grow((void **)&arrays->probs, arrays, capacity, L * A, sizeof *arrays->probs) ||
        !grow((void **)&arrays->log_probs, arrays, capacity, L * A,
              sizeof *arrays->log_probs) ||
        !grow((void **)&arrays->letters, arrays, capacity, L, sizeof *arrays->letters) ||
        !grow((void **)&arrays->temperature, arrays, capacity, 1, sizeof(double)) ||
        !grow((void **)&arrays->sample, arrays, capacity, 1, sizeof(int64_t)))
        return false;
    arrays->capacity = capacity;
    return true;
}

fmpnn_status fmpnn_sample_arrays_add(fmpnn_sample_arrays *arrays,
                                     const fmpnn_layout *layout,
                                     const fmpnn_samples *samples, fmpnn_error *err)
{
    size_t L = layout->L;
    for (size_t s = 0; s < samples->count; s++)
        if (!samples->sample[s].sampling_probs)
            return fmpnn_fail(err, FMPNN_EINVAL,
                              "probabilities are to be saved, but the samples were made "
                              "without keep_probs");
    if (!reserve(arrays, samples->count, L))
        return fmpnn_fail_memory(err, "gathering probabilities");
    for (size_t s = 0; s < samples->count; s++) {
        const fmpnn_sample *sample = &samples->sample[s];
        size_t at = arrays->count++;
        for (size_t n = 0; n < L; n++) {
            size_t i = layout->order[n];
            float *probs = arrays->probs + (at * L + n) * A;
            arrays->letters[at * L + n] = sample->letters[i];
            memcpy(arrays->log_probs + (at * L + n) * A, sample->log_probs + i * A,
                   A * sizeof(float));
            for (size_t a = 0; a < A; a++)
                probs[a] = (float)sample->sampling_probs[i * A + a];
        }
        arrays->temperature[at] = samples->temperature;
        arrays->sample[at] = (int64_t)sample->number;
    }
    return FMPNN_OK;
}

/* Labels of the residues and of the computation. */
typedef struct labels {
    size_t L;
    char (*chain)[8];
    char (*icode)[2];
    char (*native)[2];
    const char **text; /* [3][L] pointers to the above */
    int32_t *resnum;
    uint8_t *designed;
    int64_t seed;
} labels;

static void labels_clear(labels *l)
{
    fmpnn_release(l->designed);
    fmpnn_release(l->resnum);
    fmpnn_release(l->text);
    fmpnn_release(l->native);
    fmpnn_release(l->icode);
    fmpnn_release(l->chain);
}

static bool labels_make(const fmpnn_layout *layout, const fmpnn_stamp *stamp, labels *l)
{
    size_t L = layout->L;
    memset(l, 0, sizeof *l);
    l->L = L;
    l->seed = (int64_t)stamp->seed;
    l->chain = fmpnn_alloc_zero(L, sizeof *l->chain);
    l->icode = fmpnn_alloc_zero(L, sizeof *l->icode);
    l->native = fmpnn_alloc_zero(L, sizeof *l->native);
    l->text = fmpnn_alloc(L, 3 * sizeof *l->text);
    l->resnum = fmpnn_alloc(L, sizeof *l->resnum);
    l->designed = fmpnn_alloc(L, sizeof *l->designed);
    if (!l->chain || !l->icode || !l->native || !l->text || !l->resnum || !l->designed)
        return false;
    for (size_t n = 0; n < L; n++) {
        fmpnn_position at = fmpnn_job_position(layout->job, layout->order[n]);
        fmpnn_chain_text(at.residue->chain, l->chain[n]);
        l->icode[n][0] = at.residue->icode > ' ' ? at.residue->icode : '\0';
        l->native[n][0] = fmpnn_alphabet()[at.native];
        l->resnum[n] = at.residue->number;
        l->designed[n] = at.designed;
        l->text[n] = l->chain[n];
        l->text[L + n] = l->icode[n];
        l->text[2 * L + n] = l->native[n];
    }
    return true;
}

static void add_labels(fmpnn_npz *npz, const labels *l, const fmpnn_stamp *stamp)
{
    char letter[A][2] = {{0}};
    const char *alphabet[A];
    const char *settings = stamp->settings, *model = stamp->model,
               *weights = stamp->weights;
    const char *on = stamp->on;
    for (size_t a = 0; a < A; a++) {
        letter[a][0] = fmpnn_alphabet()[a];
        alphabet[a] = letter[a];
    }
    fmpnn_npz_add_texts(npz, "alphabet", 1, A, alphabet);
    fmpnn_npz_add_texts(npz, "chain", 1, l->L, l->text);
    fmpnn_npz_add(npz, "resnum", 'i', sizeof(int32_t), 1, &l->L, l->resnum);
    fmpnn_npz_add_texts(npz, "icode", 1, l->L, l->text + l->L);
    fmpnn_npz_add_texts(npz, "native", 1, l->L, l->text + 2 * l->L);
    fmpnn_npz_add(npz, "designed", 'b', 1, 1, &l->L, l->designed);
    fmpnn_npz_add(npz, "seed", 'i', sizeof l->seed, 0, NULL, &l->seed);
    fmpnn_npz_add_texts(npz, "model", 0, 1, &model);
    fmpnn_npz_add_texts(npz, "weights", 0, 1, &weights);
    fmpnn_npz_add_texts(npz, "settings", 0, 1, &settings);
    fmpnn_npz_add_texts(npz, "on", 0, 1, &on);
}

fmpnn_status fmpnn_sample_arrays_npz(const fmpnn_sample_arrays *arrays,
                                     const fmpnn_layout *layout, const fmpnn_stamp *stamp,
                                     fmpnn_text *out, fmpnn_error *err)
{
    const size_t shape[3] = {arrays->count, layout->L, A};
    labels l;
    fmpnn_status status = FMPNN_ENOMEM;
    fmpnn_npz *npz = fmpnn_npz_create();
    if (labels_make(layout, stamp, &l) && npz) {
        fmpnn_npz_add(npz, "probs", 'f', sizeof(float), 3, shape, arrays->probs);
        fmpnn_npz_add(npz, "log_probs", 'f', sizeof(float), 3, shape, arrays->log_probs);
        fmpnn_npz_add(npz, "S", 'i', sizeof(int32_t), 2, shape, arrays->letters);
        fmpnn_npz_add(npz, "T", 'f', sizeof(double), 1, shape, arrays->temperature);
        fmpnn_npz_add(npz, "sample", 'i', sizeof(int64_t), 1, shape, arrays->sample);
        add_labels(npz, &l, stamp);
        status = fmpnn_npz_finish(npz, out, err);
    } else
        status = fmpnn_fail_memory(err, "writing arrays");
    fmpnn_npz_free(npz);
    labels_clear(&l);
    return status;
}

fmpnn_status fmpnn_probs_npz(const fmpnn_layout *layout, const fmpnn_stamp *stamp,
                             const char *mode, const uint8_t *letters, size_t orders,
                             const float *log_p, fmpnn_text *out, fmpnn_error *err)
{
    const size_t shape[3] = {orders, layout->L, A};
    labels l;
    fmpnn_status status;
    fmpnn_npz *npz = fmpnn_npz_create();
    float *sorted = NULL;
    int32_t *S = fmpnn_alloc(layout->L, sizeof *S);
    if (orders <= SIZE_MAX / layout->L)
        sorted = fmpnn_alloc(orders * layout->L, A * sizeof *sorted);
    if (labels_make(layout, stamp, &l) && npz && sorted && S) {
        for (size_t n = 0; n < layout->L; n++) {
            size_t i = layout->order[n];
            S[n] = letters ? letters[i] : fmpnn_job_position(layout->job, i).native;
            for (size_t order = 0; order < orders; order++)
                memcpy(sorted + (order * layout->L + n) * A,
                       log_p + (order * layout->L + i) * A, A * sizeof *sorted);
        }
        fmpnn_npz_add(npz, "log_p", 'f', sizeof(float), 3, shape, sorted);
        fmpnn_npz_add(npz, "S", 'i', sizeof(int32_t), 1, shape + 1, S);
        fmpnn_npz_add_texts(npz, "mode", 0, 1, &mode);
        add_labels(npz, &l, stamp);
        status = fmpnn_npz_finish(npz, out, err);
    } else
        status = fmpnn_fail_memory(err, "writing arrays");
    fmpnn_release(S);
    fmpnn_release(sorted);
    fmpnn_npz_free(npz);
    labels_clear(&l);
    return status;
}
