/* What the float64 reference makes of a case: states, logits, scores, samples. */
#include "make_case.h"

#include "design/order.h"

#include <math.h>
#include <string.h>

enum { ATTEMPTS = 400 };
#define MARGIN 2e-3 /* of a uniform number from the borders between letters */
#define GAP 4e-4    /* between the two most probable letters */

static void put_scores(maker *m, const char *prefix, const double *log_probs,
                       const uint8_t *letters)
{
    double sum[2] = {0}, count[2] = {0};
    char name[96];
    for (size_t i = 0; i < m->L; i++) {
        double nll = -log_probs[i * FMPNN_LETTERS + letters[i]];
        sum[0] += m->designed[i] ? nll : 0;
        count[0] += m->designed[i];
        sum[1] += m->resolved[i] ? nll : 0;
        count[1] += m->resolved[i];
    }
    for (int n = 0; n < 2; n++) {
        double mean = sum[n] / count[n];
        snprintf(name, sizeof name, "%s%s", prefix, n ? "global_score" : "score");
        make_put_result(m, name, &mean, 1, 0);
        if (!*prefix)
            json_object_set_new(m->entry, name, json_real(mean));
    }
}

void make_states(maker *m)
{
    const fmpnn_reference64_encoding *e = m->e;
    char name[32];
    WIDEN(index, e->neighbour, m->L * m->K);
    make_put_2(m, "E_idx", "I32", index, m->L, m->K);
    make_put_result(m, "D_neighbors", e->distance, m->L, m->K);
    make_put_edges(m, "edge_raw", e->edge_raw, e->edge_inputs);
    make_put_edges(m, "edge_norm", e->edge_norm, e->C);
    for (size_t n = 0; n <= 3; n++) {
        snprintf(name, sizeof name, "h_E_%zu", n);
        make_put_edges(m, name, e->h_E_at[n], e->C);
        snprintf(name, sizeof name, "h_V_enc%zu", n);
        if (n)
            make_put_result(m, name, e->h_V[n], m->L, e->C);
    }
}

void make_forced(maker *m)
{
    fmpnn_error err;
    size_t L = m->L, cells = L * FMPNN_LETTERS;
    double *logits = make_room(cells, sizeof *logits), *h_V[3],
           *score = make_room(L, sizeof *score);
    char name[32];
    for (size_t n = 0; n < 3; n++)
        h_V[n] = make_room(L, m->e->C * sizeof *h_V[n]);
    make_check(fmpnn_reference64_logits(m->e, m->in->native, m->rank, logits, h_V, &err),
               &err);
    for (size_t n = 0; n < 3; n++) {
        snprintf(name, sizeof name, "h_V_dec%zu", n + 1);
        make_put_result(m, name, h_V[n], L, m->e->C);
    }
    make_put_result(m, "logits", logits, L, FMPNN_LETTERS);
    fmpnn_reference64_log_softmax(L, logits, logits);
    make_put_result(m, "log_probs", logits, L, FMPNN_LETTERS);
    for (size_t i = 0; i < L; i++)
        score[i] = -logits[i * FMPNN_LETTERS + m->in->native[i]];
    make_put_result(m, "residue_score", score, L, 0);
    put_scores(m, "", logits, m->in->native);
    make_check(fmpnn_reference64_logits(m->e, NULL, NULL, logits, NULL, &err), &err);
    fmpnn_reference64_log_softmax(L, logits, logits);
    make_put_result(m, "unconditional_log_probs", logits, L, FMPNN_LETTERS);
    for (size_t n = 0; n < cells; n++)
        logits[n] = m->designed[n / FMPNN_LETTERS] ? logits[n] : 0;
    make_put_result(m, "cond_backbone_log_probs", logits, L, FMPNN_LETTERS);
}

void make_conditional(maker *m)
{
    fmpnn_error err;
    size_t L = m->L, cells = L * FMPNN_LETTERS;
    float *mask = make_room(L, sizeof *mask);
    uint32_t *order = make_room(L, sizeof *order), *rank = make_room(L, sizeof *rank);
    double *logits = make_room(cells, sizeof *logits);
    fmpnn_order_original(L, m->randn, mask, order);
    fmpnn_order_rank(L, order, rank);
    make_check(
        fmpnn_reference64_conditional(m->e, m->in->native, rank, m->designed, logits, &err),
        &err);
    fmpnn_reference64_log_softmax(L, logits, logits);
    for (size_t n = 0; n < cells; n++)
        logits[n] = m->designed[n / FMPNN_LETTERS] ? logits[n] : 0;
    make_put_result(m, "cond_log_probs", logits, L, FMPNN_LETTERS);
}

/* The first step whose uniform number stands too near a border, or L. */
static size_t first_unclear(const maker *m, const double *probs, const double *u)
{
    for (size_t t = 0; t < m->L; t++) {
        size_t i = m->order_sampling[t];
        size_t lead = m->rules.member[m->rules.start[m->rules.group_of[i]]];
        double sum = 0;
        for (size_t a = 0; a + 1 < FMPNN_LETTERS; a++) {
            sum += probs[i * FMPNN_LETTERS + a];
            if (sum > 0 && fabs(sum - u[lead]) < MARGIN && sum < 1 - 1e-9)
                return lead;
        }
    }
    return m->L;
}

/* Smallest gap between the two largest probabilities of a designed residue. */
static double closest_call(const maker *m, const double *probs)
{
    double closest = 1;
    for (size_t i = 0; i < m->L; i++) {
        double best = 0, second = 0;
        for (size_t a = 0; a < FMPNN_LETTERS; a++) {
            double p = probs[i * FMPNN_LETTERS + a];
            second = p > best ? best : fmax(second, p);
            best = fmax(best, p);
        }
        if (m->designed[i] && best > 0)
            closest = fmin(closest, best - second);
    }
    return closest;
}

void make_sample(maker *m, const char *label, double T, bool greedy)
{
    fmpnn_error err;
    size_t L = m->L, cells = L * FMPNN_LETTERS, lead = 0;
    uint8_t *letters = make_room(L, 1);
    double *logits = make_room(cells, sizeof *logits),
           *probs = make_room(cells, sizeof *probs);
    double *u = make_room(L, sizeof *u), *codes = make_room(L, sizeof *codes), kept = 0,
           count = 0;
    char name[96], prefix[64], *text = make_room(L + 1, 1);
    for (size_t i = 0; i < L; i++)
        u[i] = make_uniform();
    for (int n = 0; n < ATTEMPTS && lead < L; n++) {
        make_check(fmpnn_reference64_sample(m->e, &m->rules, m->order_sampling,
                                            greedy ? NULL : u, NULL, T, letters, logits,
                                            probs, &err),
                   &err);
        lead = greedy ? L : first_unclear(m, probs, u);
        if (lead < L)
            u[lead] = make_uniform();
    }
    make_must(lead == L, "no clear uniform numbers found");
    make_must(!greedy || closest_call(m, probs) > GAP, "two letters too close to choose");
    for (size_t i = 0; i < L; i++) {
        codes[i] = letters[i];
        text[i] = fmpnn_alphabet()[letters[i]];
        kept += m->designed[i] && letters[i] == m->in->native[i];
        count += m->designed[i];
    }
    kept /= count;
    snprintf(prefix, sizeof prefix, "sample_%s_", label);
#define NAMED(what) (snprintf(name, sizeof name, "%s" what, prefix), name)
    make_put_1(m, NAMED("S"), "I32", codes, L);
    make_put_result(m, NAMED("logits"), logits, L, FMPNN_LETTERS);
    make_put_result(m, NAMED("probs"), probs, L, FMPNN_LETTERS);
    make_check(
        fmpnn_reference64_logits(m->e, letters, m->rank_sampling, logits, NULL, &err),
        &err);
    fmpnn_reference64_log_softmax(L, logits, logits);
    make_put_result(m, NAMED("log_probs"), logits, L, FMPNN_LETTERS);
    make_put_result(m, NAMED("recovery"), &kept, 1, 0);
    put_scores(m, prefix, logits, letters);
#undef NAMED
    snprintf(name, sizeof name, "u_%s", label);
    if (!greedy)
        make_put_1(m, name, "F32", u, L);
    json_object_set_new(m->sequences, label, json_string(text));
}
