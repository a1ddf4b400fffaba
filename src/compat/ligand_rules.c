/* Omissions and biases of one structure. An omitted letter is a bias of -1e8 in the published
 * program; here it is an omission, which gives the same probabilities, and so is X, which the
 * published program takes out of the distribution before it draws. */
#include "compat/ligand.h"

#include <string.h>

static int code_of(const char *letter)
{
    const char *at = *letter && !letter[1] ? strchr(fmpnn_alphabet(), *letter) : NULL;
    return at ? (int)(at - fmpnn_alphabet()) : -1;
}

/* "A:-1.02,P:2.3" */
static fmpnn_status read_shared_bias(const fmpnn_ligand_run *run, float bias[FMPNN_LETTERS])
{
    const char *text = run->options->bias_AA;
    memset(bias, 0, FMPNN_LETTERS * sizeof *bias);
    while (fmpnn_ligand_given(text)) {
        char item[64], *colon;
        double value;
        size_t size = strcspn(text, ",");
        snprintf(item, sizeof item, "%.*s", (int)(size < 63 ? size : 63), text);
        colon = strchr(item, ':');
        if (colon)
            *colon++ = '\0';
        if (!colon || code_of(item) < 0 || !fmpnn_parse_double(colon, &value))
            return fmpnn_fail(run->err, FMPNN_EINVAL,
                              "--bias_AA: '%.*s', expected LETTER:NUMBER, as in A:-1.02,P:2.3",
                              (int)size, text);
        bias[code_of(item)] = (float)value;
        text += size + (text[size] == ',');
    }
    return FMPNN_OK;
}

static fmpnn_status read_own_bias(const fmpnn_ligand_entry *entry,
                                  const fmpnn_ligand_run *run, float *bias)
{
    const char *name, *letter;
    json_t *letters, *value;
    json_t *list = (json_t *)fmpnn_ligand_list_of(run, FMPNN_LIGAND_BIAS, entry->path);
    json_object_foreach(list, name, letters)
    {
        size_t i = fmpnn_ligand_names_find(&entry->names, name);
        if (!json_is_object(letters))
            return fmpnn_fail(run->err, FMPNN_EFORMAT,
                              "bias_AA_per_residue, %s: expected an object {\"G\": -0.3}",
                              name);
        json_object_foreach(letters, letter, value)
        {
            int code = code_of(letter);
            if (!json_is_number(value))
                return fmpnn_fail(run->err, FMPNN_EFORMAT,
                                  "bias_AA_per_residue, %s, %s: expected a number", name,
                                  letter);
            if (i < entry->L && code >= 0)
                bias[i * FMPNN_LETTERS + (size_t)code] = (float)json_number_value(value);
        }
    }
    return FMPNN_OK;
}

static fmpnn_status read_own_omissions(const fmpnn_ligand_entry *entry,
                                       const fmpnn_ligand_run *run, uint8_t *omit)
{
    const char *name;
    json_t *letters;
    json_t *list = (json_t *)fmpnn_ligand_list_of(run, FMPNN_LIGAND_OMIT, entry->path);
    json_object_foreach(list, name, letters)
    {
        size_t i = fmpnn_ligand_names_find(&entry->names, name);
        if (!json_is_string(letters))
            return fmpnn_fail(run->err, FMPNN_EFORMAT,
                              "omit_AA_per_residue, %s: expected a text \"PQ\"", name);
        for (const char *c = json_string_value(letters); *c && i < entry->L; c++) {
            const char *at = strchr(fmpnn_alphabet(), *c);
            if (at)
                omit[i * FMPNN_LETTERS + (size_t)(at - fmpnn_alphabet())] = 1;
        }
    }
    return FMPNN_OK;
}

/* A designed residue for which nothing is left would be drawn from nothing. */
static fmpnn_status check_omissions(const fmpnn_ligand_entry *entry,
                                    const fmpnn_ligand_run *run)
{
    for (size_t i = 0; i < entry->L; i++) {
        size_t left = 0;
        for (size_t a = 0; a < FMPNN_LETTERS; a++)
            left += !entry->omit[i * FMPNN_LETTERS + a];
        if (!left && entry->designed[i])
            return fmpnn_fail(run->err, FMPNN_EINVAL,
                              "%s: every letter is omitted at %s, which is to be designed",
                              entry->name, entry->names.text[i]);
    }
    return FMPNN_OK;
}

fmpnn_status fmpnn_ligand_entry_letters(fmpnn_ligand_entry *entry,
                                        const fmpnn_ligand_run *run)
{
    const char *omitted = run->options->omit_AA ? run->options->omit_AA : "";
    size_t cells = entry->L * FMPNN_LETTERS;
    float shared[FMPNN_LETTERS], *own;
    if (run->scoring) /* nothing is drawn */
        return FMPNN_OK;
    entry->omit = fmpnn_alloc_zero(cells, 1);
    entry->bias = fmpnn_alloc_zero(cells, sizeof *entry->bias);
    own = fmpnn_alloc_zero(cells, sizeof *own);
    fmpnn_status status = entry->omit && entry->bias && own
                              ? read_shared_bias(run, shared)
                              : fmpnn_fail_memory(run->err, "preparing a structure");
    if (!status)
        status = read_own_bias(entry, run, own);
    if (!status)
        status = read_own_omissions(entry, run, entry->omit);
    for (size_t n = 0; n < cells && !status; n++) {
        char letter = fmpnn_alphabet()[n % FMPNN_LETTERS];
        entry->bias[n] = (double)(shared[n % FMPNN_LETTERS] + own[n]);
        entry->omit[n] = entry->omit[n] || letter == 'X' || strchr(omitted, letter);
    }
    if (!status)
        status = check_omissions(entry, run);
    fmpnn_release(own);
    entry->rules.omit = entry->omit;
    entry->rules.bias = entry->bias;
    return status;
}
