/* How far a tensor may be from what is stored.
 *
 * Engine: float32-grade limits. Reference in float64: 1e-10 from the float64 tensors. Reference
 * in float32, and float64 against what float32 programs stored: three times the distance that
 * the manifest records between float32 and float64 for that tensor, or, where it records none,
 * the float32-grade limits. A mean score is never judged finer than 1e-6: the errors of its terms
 * cancel, so that its recorded distance can be next to nothing by luck. */
#include "golden.h"

#include <string.h>

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    size_t a = strlen(text), b = strlen(suffix);
    return a >= b && strcmp(text + a - b, suffix) == 0;
}

static bool is_score(const char *tensor)
{
    return ends(tensor, "score") && strcmp(tensor, "residue_score") != 0;
}

/* 2e-4 max(1, 1/T): an error of the logits grows by 1/T on its way to a probability. */
static double probability_limit(const golden_case *c, const char *tensor)
{
    for (size_t n = 0; n < c->n_labels; n++) {
        char name[80];
        snprintf(name, sizeof name, "sample_%s_probs", c->label[n].name);
        if (!strcmp(name, tensor) && c->label[n].temperature < 1)
            return 2e-4 / c->label[n].temperature;
    }
    return 2e-4;
}

static double float_limit(const golden_case *c, const char *tensor)
{
    if (!strcmp(tensor, "D_neighbors"))
        return 1e-5;
    if (!strcmp(tensor, "edge_raw")) /* a quaternion's square roots of rounding errors */
        return c->ca_only ? 1e-4 : 1e-5;
    if (!strcmp(tensor, "h_E_0")) /* before the first LayerNorm of h_E: tens in size */
        return 2e-4;
    if (!strcmp(tensor, "edge_norm") || starts(tensor, "h_E_") || starts(tensor, "h_V_"))
        return 5e-5;
    if (ends(tensor, "_recovery"))
        return 1e-6;
    if (ends(tensor, "_probs") && starts(tensor, "sample_") && !ends(tensor, "_log_probs"))
        return probability_limit(c, tensor);
    if (is_score(tensor))
        return 1e-5;
    return 2e-4; /* logits, log-probabilities, residue_score */
}

double golden_limit(const golden_case *c, golden_grade grade, const char *tensor, bool wide)
{
    if (grade == GOLDEN_REFERENCE64 && wide)
        return 1e-10;
    const json_t *yardsticks = json_object_get(c->entry, "max_abs_diff_fp32_fp64");
    const json_t *measured = json_object_get(yardsticks, tensor);
    if (grade != GOLDEN_ENGINE && json_is_number(measured)) {
        double limit = 3 * json_number_value(measured);
        return is_score(tensor) && limit < 1e-6 ? 1e-6 : limit;
    }
    return float_limit(c, tensor);
}
