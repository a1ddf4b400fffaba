/* Any text as any setting: the job is made or refused with a message, and what a job echoes is
 * accepted again. The first byte says which option the rest is for. */
#include "design/job.h"
#include "../small_structure.h"

#include <jansson.h>
#include <stdlib.h>

static small_structure small;
static fmpnn_model model;

static void build(void)
{
    small_begin(&small);
    small_chain(&small, "A", -2, "ACDEFGH"); /* -2..4 */
    small_chain(&small, "B", -2, "ACDEF");
    small_add(&small, "B", 3, 'A', 'G');
    small_chain(&small, "B", 4, "H");
    small_chain(&small, "A1", 1, "KL");
    small_chain(&small, "1", 0, "KLM");
    small_placeholder(&small, "1", 3);
    small_chain(&small, "1", 4, "N");
    small_lose(&small.residue[9], FMPNN_ATOM_O);
    model.info.neighbours = 3;
    memset(model.digest, 'a', 64);
}

static void demand(bool good)
{
    if (!good)
        abort();
}

/* A residue that follows a fixed partner is told as fixed, which contradicts its own letter. */
static bool is_forced(const fmpnn_job *job)
{
    for (size_t n = 0; n < fmpnn_job_warning_count(job); n++)
        if (!strcmp(fmpnn_job_warning(job, n).code, "tie-forced"))
            return true;
    return false;
}

/* The settings that a job says it has must be settings again. */
static void read_echo(const fmpnn_job *job)
{
    json_t *echo = json_loads(fmpnn_job_echo(job), 0, NULL);
    demand(echo);
    fmpnn_settings settings = {
        .chains = json_string_value(json_object_get(echo, "chains")),
        .redesign = json_string_value(json_object_get(echo, "designed")),
        .omit = json_string_value(json_object_get(echo, "omit")),
        .bias = json_string_value(json_object_get(echo, "bias")),
        .tie = is_forced(job) ? NULL : json_string_value(json_object_get(echo, "tie")),
    };
    fmpnn_job *again = NULL;
    demand(!fmpnn_job_create(&small.st, &model, &settings, &again, NULL));
    demand(!memcmp(again->designed, job->designed, small.st.length));
    if (!is_forced(job)) {
        demand(
            !memcmp(again->tie_group, job->tie_group, small.st.length * sizeof(int32_t)));
        demand(
            !memcmp(again->tie_weight, job->tie_weight, small.st.length * sizeof(double)));
    }
    fmpnn_job_free(again);
    json_decref(echo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!small.st.length)
        build();
    if (size < 1 || memchr(data, '@', size)) /* no files here */
        return 0;
    char *text = malloc(size);
    demand(text);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    fmpnn_settings settings;
    fmpnn_settings_default(&settings);
    const char **field[] = {&settings.chains,  &settings.redesign, &settings.fix,
                            &settings.omit,    &settings.bias,     &settings.tie,
                            &settings.symmetry};
    *field[data[0] % 7] = text;
    if (data[0] >= 128)
        settings.fix = "A-2,B1";
    if (data[0] % 7 == 5 && data[0] & 64)
        settings.symmetry = "homooligomer";
    small.st.reading = data[0] & 32 ? FMPNN_READING_ORIGINAL : FMPNN_READING_AUTHOR;
    fmpnn_job *job = NULL;
    fmpnn_error err = {""};
    fmpnn_status status = fmpnn_job_create(&small.st, &model, &settings, &job, &err);
    if (status)
        demand(!job && *err.message);
    else
        read_echo(job);
    fmpnn_job_free(job);
    free(text);
    return 0;
}
