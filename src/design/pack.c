/* Side chains on a job's backbone: which residues, which random numbers, and what came out. The
 * loop itself is packing/pack.c.
 *
 * Angles are a pure function of (seed, backbone, temperature, sample, packing, round, residue,
 * chi): each packing has a stream of its own, and in it each attempt at an angle a counter. */
#include "design/job.h"
#include "design/random.h"
#include "packing/packing.h"

#include <math.h>
#include <string.h>

enum {
    ATTEMPTS = 64, /* at one angle; two in three succeed */
    SHOWN = 8,     /* residues that a note names */
    MOST = 1 << 20
};

void fmpnn_pack_settings_default(fmpnn_pack_settings *settings)
{
    *settings = (fmpnn_pack_settings){.steps = 3, .samples = 16};
}

typedef struct work {
    fmpnn_context *ctx;
    const fmpnn_job *job;
    const fmpnn_packs *packs;
    fmpnn_packing **packing; /* [count] */
    fmpnn_stream *stream;    /* [count] */
    double *density;         /* [count][L][4] */
    uint8_t *keep;           /* [L] side chains that stay */
    /* of the round that is drawn */
    size_t step;
    const fmpnn_mixture *mixture;
    double *angle;
} work;

/* ---- which residues ---- */

/* Whether the file has all atoms of the native side chain. */
static bool is_whole(const fmpnn_job *job, size_t i)
{
    const fmpnn_ideal *ideal = &fmpnn_ideal_residues()[job->inputs->native[i]];
    float xyz[FMPNN_ATOM37][3];
    uint8_t there[FMPNN_ATOM37];
    bool whole = true;
    fmpnn_structure_atoms(job->st, job->inputs->residue_of[i], xyz, there);
    for (size_t a = 0; a < ideal->atoms; a++)
        whole = whole && there[ideal->slot[a]];
    return whole;
}

typedef struct listing {
    fmpnn_text text;
    size_t count;
} listing;

static void list(listing *l, const fmpnn_job *job, size_t i)
{
    char name[40];
    if (l->count++ >= SHOWN)
        return;
    fmpnn_residue_name(&job->st->residue[job->inputs->residue_of[i]], name);
    fmpnn_text_print(&l->text, "%s%s", l->count > 1 ? " " : "", name);
}

static void say(fmpnn_text *note, const listing *l, const char *what)
{
    if (l->count)
        fmpnn_text_print(note, "%s%s: %s%s", note->size ? "; " : "", what, l->text.data,
                         l->count > SHOWN ? " ..." : "");
}

/* Weights of CA atoms see residues that have nothing else: no side chain stands on those. */
static fmpnn_status check_backbone(const fmpnn_job *job, fmpnn_error *err)
{
    enum { WHOLE = 0xf }; /* N CA C O */
    listing bare = {0};
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&bare.text);
    for (size_t i = 0; i < job->inputs->L; i++)
        if (job->resolved[i] &&
            (job->st->residue[job->inputs->residue_of[i]].present & WHOLE) != WHOLE)
            list(&bare, job, i);
    if (bare.text.failed)
        status = fmpnn_fail_memory(err, "packing side chains");
    else if (bare.count)
        status = fmpnn_fail(err, FMPNN_EFORMAT, "%s: side chains need a whole backbone: %s%s",
                            job->st->name, bare.text.data, bare.count > SHOWN ? " ..." : "");
    fmpnn_text_clear(&bare.text);
    return status;
}

static fmpnn_status choose(work *w, fmpnn_packs *packs, fmpnn_error *err)
{
    const fmpnn_job *job = w->job;
    const uint8_t unknown = FMPNN_LETTERS - 1;
    listing broken = {0}, unknowns = {0};
    fmpnn_text note;
    fmpnn_status status = FMPNN_OK;
    fmpnn_text_init(&note);
    fmpnn_text_init(&broken.text);
    fmpnn_text_init(&unknowns.text);
    for (size_t i = 0; i < packs->length; i++) {
        bool wanted = packs->settings.everything || job->designed[i];
        if (!job->resolved[i])
            continue;
        if (packs->letters[i] == unknown) {
            if (wanted)
                list(&unknowns, job, i);
            continue;
        }
        w->keep[i] =
            !wanted && packs->letters[i] == job->inputs->native[i] && is_whole(job, i);
        if (w->keep[i])
            continue;
        if (!wanted)
            list(&broken, job, i);
        packs->atoms[i] = (uint8_t)fmpnn_ideal_residues()[packs->letters[i]].atoms;
        packs->packed++;
    }
    say(&note, &broken, "fixed side chains that lack atoms are packed too");
    say(&note, &unknowns, "residues of unknown type are left as they are");
    if (w->ctx->backend->torsions == NULL)
        fmpnn_text_print(&note, "%sthe CPU packs: device %s has no packer yet",
                         note.size ? "; " : "", w->ctx->backend->name);
    if (!packs->packed)
        status = fmpnn_fail(
            err, FMPNN_ESELECT,
            "%s: nothing to pack: no residue that is selected has a backbone and "
            "a known type",
            job->st->name);
    packs->note = note.size ? fmpnn_copy_text(note.data) : NULL;
    if (!status && (note.failed || broken.text.failed || unknowns.text.failed ||
                    (note.size && !packs->note)))
        status = fmpnn_fail_memory(err, "packing side chains");
    fmpnn_text_clear(&unknowns.text);
    fmpnn_text_clear(&broken.text);
    fmpnn_text_clear(&note);
    return status;
}

/* ---- random numbers ---- */

static double unit(uint32_t word)
{
    return (word + 0.5) * 0x1p-32;
}

/* One number of a mixture: the first attempt's last word chooses the component. */
static double draw_one(const fmpnn_stream *stream, uint64_t first, uint32_t place,
                       const fmpnn_mixture *m, const double weight[FMPNN_MIXTURE],
                       const double spread[FMPNN_MIXTURE])
{
    size_t c = 0;
    for (uint64_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint32_t word[4];
        double turn;
        fmpnn_stream_words(stream, first + attempt, place, FMPNN_FOR_PACKING, word);
        if (attempt == 0)
            for (double u = unit(word[3]) - weight[0]; u > 0 && c + 1 < FMPNN_MIXTURE;)
                u -= weight[++c];
        const double u[3] = {unit(word[0]), unit(word[1]), unit(word[2])};
        if (fmpnn_von_mises_try(m->concentration[c], spread[c], u, &turn))
            return fmpnn_angle_wrap(m->mean[c] + turn);
    }
    return m->mean[c];
}

/* The likeliest of all samples of one angle. */
static double draw_angle(const work *w, const fmpnn_stream *stream, uint32_t place,
                         const fmpnn_mixture *m)
{
    fmpnn_density density = fmpnn_density_of(m);
    double weight[FMPNN_MIXTURE], spread[FMPNN_MIXTURE], top = m->logit[0], all = 0,
                                                         angle = 0;
    double best = -INFINITY;
    size_t samples = w->packs->settings.samples;
    for (int c = 1; c < FMPNN_MIXTURE; c++)
        top = m->logit[c] > top ? m->logit[c] : top;
    for (int c = 0; c < FMPNN_MIXTURE; c++) {
        all += weight[c] = exp(m->logit[c] - top);
        spread[c] = fmpnn_von_mises_spread(m->concentration[c]);
    }
    for (int c = 0; c < FMPNN_MIXTURE; c++)
        weight[c] /= all;
    for (size_t s = 0; s < samples; s++) {
        uint64_t first = ((uint64_t)w->step * samples + s) * ATTEMPTS;
        double x = draw_one(stream, first, place, m, weight, spread);
        double height = fmpnn_density_log(&density, x);
        if (height > best) {
            best = height;
            angle = x;
        }
    }
    return angle;
}

static void draw_residue(void *of, size_t n)
{
    const work *w = of;
    size_t L = w->packs->length, b = n / L, i = n % L;
    const fmpnn_packing *p = w->packing[b];
    size_t chis = fmpnn_ideal_residues()[p->letters[i]].chis;
    for (size_t c = 0; c < FMPNN_CHIS; c++) {
        size_t at = n * FMPNN_CHIS + c;
        bool needed = c < chis && !p->keep[i] && p->atoms[i];
        w->angle[at] = needed ? draw_angle(w, &w->stream[b], (uint32_t)(i * FMPNN_CHIS + c),
                                           &w->mixture[at])
                              : 0;
    }
}

static fmpnn_status draw(void *of, size_t step, size_t n, const fmpnn_mixture *mixture,
                         double *angle, fmpnn_error *err)
{
    work *w = of;
    (void)err;
    w->step = step;
    w->mixture = mixture;
    w->angle = angle;
    fmpnn_pool_each(w->ctx->pool, w->ctx->threads, n * w->packs->length, draw_residue, w);
    return FMPNN_OK;
}

/* ---- packings ---- */

static fmpnn_status begin(work *w, size_t b, uint64_t number, const fmpnn_stream *sample,
                          double *uniform, fmpnn_error *err)
{
    const fmpnn_packs *packs = w->packs;
    w->stream[b] = fmpnn_stream_packing(sample, packs->sample, (uint32_t)number);
    for (size_t n = 0; n < packs->length * FMPNN_CHIS; n++)
        uniform[n] = fmpnn_uniform(&w->stream[b], 0, (uint32_t)n, FMPNN_FOR_START);
    fmpnn_status status = fmpnn_packing_create(w->job->st, w->job->inputs, packs->letters,
                                               w->keep, uniform, &w->packing[b], err);
    if (!status)
        fmpnn_packing_stay(w->packing[b]);
    return status;
}

/* Sine and cosine of `chi` as an angle; what was drawn. */
static void finish(const work *w, size_t b, fmpnn_pack_result *r)
{
    const fmpnn_packing *p = w->packing[b];
    const fmpnn_job *job = w->job;
    double sum = 0, count = 0;
    for (size_t i = 0; i < p->L; i++) {
        size_t chis = w->packs->atoms[i] ? fmpnn_ideal_residues()[p->letters[i]].chis : 0;
        double all = 0;
        for (size_t n = 0; n < 3 * FMPNN_ATOM14;
             n++) /* the backbone is the structure's own */
            r->xyz[i * 3 * FMPNN_ATOM14 + n] =
                n < 12 ? job->inputs->xyz[i * 12 + n]
                       : (float)p->xyz[i * 3 * FMPNN_ATOM14 + n];
        for (size_t c = 0; c < FMPNN_CHIS; c++) {
            size_t at = i * FMPNN_CHIS + c;
            fmpnn_angle chi = p->torsions[i].chi[c];
            r->chi[at] = c < chis ? (float)atan2(chi.sine, chi.cosine) : NAN;
            r->log_density[at] =
                c < chis ? (float)w->density[b * p->L * FMPNN_CHIS + at] : NAN;
            all += c < chis ? (double)r->log_density[at] : 0;
        }
        r->confidence[i] = chis ? all / (double)chis : (double)NAN;
        sum += chis ? r->confidence[i] : 0;
        count += chis > 0;
    }
    r->mean = count > 0 ? sum / count : (double)NAN;
}

static bool results_init(fmpnn_packs *packs, size_t n, uint64_t first)
{
    size_t L = packs->length;
    packs->pack = fmpnn_alloc_zero(n, sizeof *packs->pack);
    for (size_t b = 0; packs->pack && b < n; b++) {
        fmpnn_pack_result *r = &packs->pack[packs->count++];
        r->number = first + b;
        r->xyz = fmpnn_alloc(L, 3 * FMPNN_ATOM14 * sizeof *r->xyz);
        r->chi = fmpnn_alloc(L, FMPNN_CHIS * sizeof *r->chi);
        r->log_density = fmpnn_alloc(L, FMPNN_CHIS * sizeof *r->log_density);
        r->confidence = fmpnn_alloc(L, sizeof *r->confidence);
        if (!r->xyz || !r->chi || !r->log_density || !r->confidence)
            return false;
    }
    return packs->pack != NULL;
}

static fmpnn_status check(const fmpnn_model *packer, const fmpnn_pack_settings *settings,
                          uint64_t first, size_t n, fmpnn_error *err)
{
    if (!packer->packer.node.w)
        return fmpnn_fail(
            err, FMPNN_EINVAL,
            "weights %s place no side chains; those that do are packer/v_32_002_16",
            packer->info.name);
    if (!first || !n || n > MOST || first > UINT32_MAX - n)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "packings %llu and %zu more: expected from 1 to %u",
                          (unsigned long long)first, n, MOST);
    if (!settings->steps || settings->steps > MOST || !settings->samples ||
        settings->samples > MOST)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%zu rounds of %zu samples: expected 1 to %d of each",
                          settings->steps, settings->samples, MOST);
    return FMPNN_OK;
}

static fmpnn_status run(work *w, const fmpnn_model *packer, fmpnn_packs *packs,
                        uint64_t first, size_t n, fmpnn_error *err)
{
    fmpnn_stream sample;
    size_t L = packs->length;
    double *uniform = fmpnn_alloc(L, FMPNN_CHIS * sizeof *uniform);
    fmpnn_status status = FMPNN_OK;
    w->packing = fmpnn_alloc_zero(n, sizeof *w->packing);
    w->stream = fmpnn_alloc(n, sizeof *w->stream);
    w->density = fmpnn_alloc(n * L, FMPNN_CHIS * sizeof *w->density);
    if (!uniform || !w->packing || !w->stream || !w->density ||
        !results_init(packs, n, first) ||
        !fmpnn_stream_init(&sample, packs->seed, w->job->st->digest, packs->temperature))
        status = fmpnn_fail_memory(err, "packing side chains");
    for (size_t b = 0; b < n && !status; b++)
        status = begin(w, b, first + b, &sample, uniform, err);
    if (!status)
        status = fmpnn_packing_run(w->ctx, packer, n, w->packing, w->job->hide_ligands,
                                   packs->settings.steps, draw, w, w->density, err);
    for (size_t b = 0; b < n && !status; b++)
        finish(w, b, &packs->pack[b]);
    for (size_t b = 0; w->packing && b < n; b++)
        fmpnn_packing_free(w->packing[b]);
    fmpnn_release(w->density);
    fmpnn_release(w->stream);
    fmpnn_release(w->packing);
    fmpnn_release(uniform);
    return status;
}

fmpnn_status fmpnn_pack(fmpnn_context *ctx, const fmpnn_job *job, const fmpnn_model *packer,
                        const fmpnn_pack_settings *settings, double temperature,
                        uint64_t sample, const uint8_t *letters, uint64_t first, size_t n,
                        fmpnn_packs **out, fmpnn_error *err)
{
    fmpnn_pack_settings defaults;
    size_t L = job->inputs->L;
    fmpnn_pack_settings_default(&defaults);
    settings = settings ? settings : &defaults;
    letters = letters ? letters : job->inputs->native;
    fmpnn_status status = check(packer, settings, first, n, err);
    if (status)
        return status;
    for (size_t i = 0; i < L; i++)
        if (letters[i] >= FMPNN_LETTERS)
            return fmpnn_fail(err, FMPNN_EINVAL, "residue code %d", letters[i]);
    fmpnn_packs *packs = fmpnn_alloc_zero(1, sizeof *packs);
    work w = {.ctx = ctx, .job = job, .packs = packs, .keep = fmpnn_alloc_zero(L, 1)};
    if (packs) {
        packs->letters = fmpnn_alloc(L, 1);
        packs->atoms = fmpnn_alloc_zero(L, 1);
    }
    if (!packs || !w.keep || !packs->letters || !packs->atoms) {
        status = fmpnn_fail_memory(err, "packing side chains");
        goto done;
    }
    packs->length = L;
    packs->temperature = temperature;
    packs->sample = sample;
    packs->seed = job->seed;
    packs->settings = *settings;
    memcpy(packs->letters, letters, L);
    status = check_backbone(job, err);
    if (!status)
        status = choose(&w, packs, err);
    if (!status)
        status = run(&w, packer, packs, first, n, err);
    if (!status) {
        *out = packs;
        packs = NULL;
    }
done:
    fmpnn_release(w.keep);
    fmpnn_packs_free(packs);
    return status;
}

void fmpnn_packs_free(fmpnn_packs *packs)
{
    if (!packs)
        return;
    for (size_t b = 0; b < packs->count; b++) {
        fmpnn_release(packs->pack[b].confidence);
        fmpnn_release(packs->pack[b].log_density);
        fmpnn_release(packs->pack[b].chi);
        fmpnn_release(packs->pack[b].xyz);
    }
    fmpnn_release(packs->pack);
    fmpnn_release(packs->note);
    fmpnn_release(packs->atoms);
    fmpnn_release(packs->letters);
    fmpnn_release(packs);
}
