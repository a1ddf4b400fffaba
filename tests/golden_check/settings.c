/* A case's options as rules: omissions, biases, PSSM (ties.c: ties); each compared with what is stored. */
#include "golden.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int code_of(char letter)
{
    const char *at = letter ? strchr(fmpnn_alphabet(), letter) : NULL;
    return at ? (int)(at - fmpnn_alphabet()) : -1;
}

const golden_chain *golden_chain_named(const golden_case *c, const char *name)
{
    for (size_t n = 0; name && n < c->n_chains; n++)
        if (!strcmp(c->chain[n].name, name))
            return &c->chain[n];
    return NULL;
}

/* `mine` [count] in float32 against a stored tensor, which must be there. */
void golden_compare_input(golden_report *report, const char *name, const fmpnn_array *array,
                          const float *mine, float tolerance)
{
    if (!array) {
        golden_problem(report, "input %s: missing", name);
        return;
    }
    for (size_t n = 0; n < array->count; n++) {
        double stored = golden_value(array, n);
        if (!(fabs(stored - (double)mine[n]) <= (double)(tolerance * fabsf(mine[n])))) {
            golden_problem(report, "input %s[%zu]: stored %.9g, the options give %.9g",
                           name, n, stored, (double)mine[n]);
            return;
        }
    }
}

/* ---- omissions and biases ---- */

static void read_letters(golden_case *c, golden_report *report, uint8_t *omit, double *bias)
{
    const char *omitted = json_string_value(json_object_get(c->options, "omit_AAs"));
    const json_t *biases = json_object_get(c->options, "bias_AA");
    float omit_stored[FMPNN_LETTERS], bias_stored[FMPNN_LETTERS];
    for (int a = 0; a < FMPNN_LETTERS; a++) {
        char letter[2] = {fmpnn_alphabet()[a], '\0'};
        double value = json_number_value(json_object_get(biases, letter));
        bool out = strchr(omitted ? omitted : "X", letter[0]) != NULL;
        omit_stored[a] = out;
        bias_stored[a] = (float)value;
        for (size_t i = 0; i < c->L; i++) {
            omit[i * FMPNN_LETTERS + (size_t)a] = out;
            bias[i * FMPNN_LETTERS + (size_t)a] = value;
        }
    }
    size_t letters = FMPNN_LETTERS;
    golden_compare_input(report, "omit_AA", golden_tensor(report, "omit_AA", 1, letters),
                         omit_stored, 0);
    golden_compare_input(report, "bias_AA", golden_tensor(report, "bias_AA", 1, letters),
                         bias_stored, 0);
}

/* [chain, first, last, letters, value]; later entries overwrite earlier ones. */
static bool read_bias_by_res(golden_case *c, golden_report *report, double *bias)
{
    const json_t *list = json_object_get(c->options, "bias_by_res");
    if (!list)
        return true;
    float *table = golden_alloc(&c->arena, c->L, FMPNN_LETTERS * sizeof *table);
    for (size_t n = 0; n < json_array_size(list); n++) {
        const json_t *item = json_array_get(list, n);
        const golden_chain *chain =
            golden_chain_named(c, json_string_value(json_array_get(item, 0)));
        json_int_t first = json_integer_value(json_array_get(item, 1));
        json_int_t last = json_integer_value(json_array_get(item, 2));
        const char *letters = json_string_value(json_array_get(item, 3));
        double value = json_number_value(json_array_get(item, 4));
        if (!chain || !letters || first < 1 || last < first ||
            (size_t)last > chain->length) {
            golden_problem(report, "bias_by_res: entry %zu does not fit the structure", n);
            return false;
        }
        for (json_int_t at = first; chain->designed && at <= last; at++)
            for (const char *a = letters; *a; a++)
                if (code_of(*a) >= 0)
                    table[(chain->start + (size_t)at - 1) * FMPNN_LETTERS +
                          (size_t)code_of(*a)] = (float)value;
    }
    golden_compare_input(
        report, "bias_by_res",
        golden_tensor(report, "bias_by_res", 2, c->L, (size_t)FMPNN_LETTERS), table, 0);
    for (size_t n = 0; n < c->L * FMPNN_LETTERS; n++)
        bias[n] += (double)table[n];
    return true;
}

/* Chain -> list of [[positions], letters]. */
static bool read_omit_by_position(golden_case *c, golden_report *report)
{
    const json_t *chains = json_object_get(c->options, "omit_AA_by_position"), *list;
    if (!chains)
        return true;
    size_t cells = c->L * FMPNN_LETTERS;
    uint8_t *omit = golden_alloc(&c->arena, cells, 1);
    float *stored = golden_alloc(&c->arena, cells, sizeof *stored);
    const char *name;
    json_object_foreach((json_t *)chains, name, list)
    {
        const golden_chain *chain = golden_chain_named(c, name);
        for (size_t n = 0; chain && chain->designed && n < json_array_size(list); n++) {
            const json_t *places = json_array_get(json_array_get(list, n), 0);
            const char *letters =
                json_string_value(json_array_get(json_array_get(list, n), 1));
            for (size_t k = 0; letters && k < json_array_size(places); k++) {
                json_int_t at = json_integer_value(json_array_get(places, k));
                if (at < 1 || (size_t)at > chain->length) {
                    golden_problem(report, "omit_AA_by_position: chain %s has no %d", name,
                                   (int)at);
                    return false;
                }
                for (const char *a = letters; *a; a++)
                    if (code_of(*a) >= 0)
                        omit[(chain->start + (size_t)at - 1) * FMPNN_LETTERS +
                             (size_t)code_of(*a)] = 1;
            }
        }
    }
    for (size_t n = 0; n < cells; n++)
        stored[n] = omit[n];
    golden_compare_input(
        report, "omit_AA_mask",
        golden_tensor(report, "omit_AA_mask", 2, c->L, (size_t)FMPNN_LETTERS), stored, 0);
    c->rules.omit_last = omit;
    return true;
}

/* ---- PSSM ---- */

/* <chain>_<what> of the npz into float rows of `width` at the chain's place. */
static bool read_profile(golden_case *c, golden_report *report, const char *path,
                         const golden_chain *chain, const char *what, size_t width,
                         float *dst)
{
    char name[64];
    fmpnn_error err;
    fmpnn_npy array;
    snprintf(name, sizeof name, "%s_%s", chain->name, what);
    if (fmpnn_npz_read(path, name, &array, &err)) {
        golden_problem(report, "pssm: %s", err.message);
        return false;
    }
    bool fits = array.data && array.count == chain->length * width && array.shape[0] == chain->length;
    for (size_t n = 0; fits && n < array.count; n++)
        dst[chain->start * width + n] = (float)array.data[n];
    if (!fits)
        golden_problem(report, "pssm: %s has another length than chain %s of %s", name,
                       chain->name, c->name);
    fmpnn_npy_clear(&array);
    return fits;
}

static bool read_pssm(golden_case *c, golden_report *report)
{
    const json_t *pssm = json_object_get(c->options, "pssm");
    if (!pssm)
        return true;
    char path[4096];
    const char *file = json_string_value(json_object_get(pssm, "npz"));
    size_t cells = c->L * FMPNN_LETTERS;
    float *coef = golden_alloc(&c->arena, c->L, sizeof *coef);
    float *bias = golden_alloc(&c->arena, cells, sizeof *bias);
    float *odds = golden_alloc(&c->arena, cells, sizeof *odds);
    float *allowed_stored = golden_alloc(&c->arena, cells, sizeof *odds);
    uint8_t *allowed = golden_alloc(&c->arena, cells, 1);
    float threshold = (float)json_number_value(json_object_get(pssm, "threshold"));
    if (!file || strchr(file, '/')) {
        golden_problem(report, "pssm: no file name");
        return false;
    }
    snprintf(path, sizeof path, "%s/%s", c->structures, file);
    for (size_t n = 0; n < cells; n++)
        odds[n] = 10000; /* where nothing is said, everything is allowed */
    for (size_t n = 0; n < c->n_chains; n++)
        if (c->chain[n].designed &&
            (!read_profile(c, report, path, &c->chain[n], "coef", 1, coef) ||
             !read_profile(c, report, path, &c->chain[n], "bias", FMPNN_LETTERS, bias) ||
             !read_profile(c, report, path, &c->chain[n], "odds", FMPNN_LETTERS, odds)))
            return false;
    for (size_t n = 0; n < cells; n++)
        allowed_stored[n] = allowed[n] = odds[n] > threshold;
    size_t letters = FMPNN_LETTERS;
    golden_compare_input(report, "pssm_coef", golden_tensor(report, "pssm_coef", 1, c->L),
                         coef, 0);
    golden_compare_input(report, "pssm_bias",
                         golden_tensor(report, "pssm_bias", 2, c->L, letters), bias,
                         FLT_EPSILON);
    golden_compare_input(report, "pssm_log_odds_mask",
                         golden_tensor(report, "pssm_log_odds_mask", 2, c->L, letters),
                         allowed_stored, 0);
    if (json_integer_value(json_object_get(pssm, "bias_flag"))) {
        c->rules.pssm_coef = golden_widen(&c->arena, coef, c->L);
        c->rules.pssm_bias = golden_widen(&c->arena, bias, cells);
        c->rules.pssm_multi = json_number_value(json_object_get(pssm, "multi"));
    }
    if (json_integer_value(json_object_get(pssm, "log_odds_flag")))
        c->rules.pssm_allowed = allowed;
    return true;
}

bool golden_settings(golden_case *c, golden_report *report)
{
    size_t cells = c->L * FMPNN_LETTERS;
    uint8_t *omit = golden_alloc(&c->arena, cells, 1);
    double *bias = golden_alloc(&c->arena, cells, sizeof *bias);
    c->rules = (fmpnn_rules){.L = c->L,
                             .native = c->inputs->native,
                             .resolved = c->resolved,
                             .designed = c->designed,
                             .omit = omit,
                             .bias = bias};
    read_letters(c, report, omit, bias);
    return read_bias_by_res(c, report, bias) && read_omit_by_position(c, report) &&
           read_pssm(c, report) && golden_ties(c, report) && !report->failed;
}
