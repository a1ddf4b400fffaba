/* JSON Lines as each of the published program's dictionaries: lines are read or refused with their
 * place, and what was read is applied to chains A (5 residues) and B (3, one of them unknown to the
 * caller) or refused. The first byte says which dictionary it is. */
#include "design/dictionaries.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 8, POSITIONS = 7 };

static const fmpnn_ordinal_chain chains[] = {
    {.name = "A", .start = 0, .length = 5, .designed = true},
    {.name = "B", .start = 5, .length = 3, .designed = false},
};
static const uint32_t position[PLACES] = {0, 1, 2, 3, 4, 5, FMPNN_NOWHERE, 6};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

static fmpnn_status take_chain(void *user, const char *chain, bool designed)
{
    (void)user;
    (void)designed;
    demand(chain && *chain);
    return FMPNN_OK;
}

static void take_member(void *user, size_t group, uint32_t at, double beta)
{
    (void)user, (void)group, (void)beta;
    demand(at < POSITIONS || at == FMPNN_NOWHERE);
}

static fmpnn_status take_row(const fmpnn_dictionary_reader *r, void *user,
                             const fmpnn_pssm_row *row)
{
    (void)r, (void)user;
    demand(row->ordinal >= 1 && row->ordinal <= row->chain->length);
    return FMPNN_OK;
}

static void unknown(void *user, const char *key)
{
    (void)user;
    demand(key != NULL);
}

static fmpnn_status apply(fmpnn_dictionary_kind kind, const fmpnn_dictionary *dictionary,
                          fmpnn_error *err)
{
    fmpnn_dictionary_reader r = {
        .structure = "s", .chain = chains, .chains = 2, .position = position, .err = err};
    uint8_t flags[POSITIONS][FMPNN_LETTERS] = {{0}};
    double bias[POSITIONS][FMPNN_LETTERS] = {{0}};
    size_t groups = 0;
    switch (kind) {
    case FMPNN_DICTIONARY_CHAIN_ID:
        return fmpnn_dictionary_chains(&r, dictionary, take_chain, NULL);
    case FMPNN_DICTIONARY_FIXED:
        return fmpnn_dictionary_fixed(&r, dictionary, flags[0]);
    case FMPNN_DICTIONARY_PSSM:
        return fmpnn_dictionary_pssm(&r, dictionary, take_row, NULL);
    case FMPNN_DICTIONARY_OMIT:
        return fmpnn_dictionary_omit(&r, dictionary, flags[0]);
    case FMPNN_DICTIONARY_BIAS:
        return fmpnn_dictionary_letters(dictionary, bias[0], unknown, NULL, err);
    case FMPNN_DICTIONARY_TIED:
        return fmpnn_dictionary_ties(&r, dictionary, take_member, NULL, &groups);
    default:
        return fmpnn_dictionary_bias(&r, dictionary, bias[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    fmpnn_dictionary_kind kind = data[0] % FMPNN_DICTIONARIES;
    char path[] = "fuzz.jsonl", option[] = "fuzz_jsonl";
    fmpnn_jsonl file = {.path = path, .size = size - 1, .bytes = fmpnn_alloc(size, 1)};
    if (!file.bytes)
        return 0;
    memcpy(file.bytes, data + 1, size - 1);
    fmpnn_error err = {0};
    fmpnn_dictionary dictionary = {.option = option, .path = path};
    fmpnn_status status = FMPNN_OK;
    for (json_t *value = NULL; !status;) {
        status = fmpnn_jsonl_next(&file, &value, &err);
        if (status || !value)
            break;
        json_decref(dictionary.value);
        dictionary.value = value;
        dictionary.line = file.line;
        dictionary.lines++;
    }
    if (status) {
        demand(!strncmp(err.message, "fuzz.jsonl:", 11) || status == FMPNN_ENOMEM);
    } else if (json_is_object(dictionary.value)) {
        status = apply(kind, &dictionary, &err);
        demand(!status || err.message[0]);
    }
    json_decref(dictionary.value);
    fmpnn_jsonl_close(&file);
    return 0;
}
