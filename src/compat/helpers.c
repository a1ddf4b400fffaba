#include "compat/helpers.h"

#include <string.h>

/* What a helper reads before it begins. */
typedef enum input { NOTHING, PARSED, PARSED_FOR_PSSM } input;

static const struct {
    const char *name;
    input input;
    fmpnn_status (*run)(fmpnn_helper *h);
} helpers[] = {
    {"parse_multiple_chains", NOTHING, fmpnn_helper_parse},
    {"assign_fixed_chains", PARSED, fmpnn_helper_assign},
    {"make_fixed_positions_dict", PARSED, fmpnn_helper_fixed},
    {"make_tied_positions_dict", PARSED, fmpnn_helper_tied},
    {"make_pos_neg_tied_positions_dict", PARSED, fmpnn_helper_pos_neg},
    {"make_bias_AA", NOTHING, fmpnn_helper_bias},
    {"make_bias_per_res_dict", PARSED, fmpnn_helper_bias_by_res},
    {"make_pssm_input_dict", PARSED_FOR_PSSM, fmpnn_helper_pssm},
};

enum { HELPERS = sizeof helpers / sizeof *helpers };

const char *fmpnn_helper_name(size_t n)
{
    return n < HELPERS ? helpers[n].name : NULL;
}

size_t fmpnn_helper_chains(const fmpnn_structure *st,
                           fmpnn_helper_chain chain[FMPNN_HELPER_CHAINS])
{
    size_t count = 0;
    for (size_t i = 0; i < st->length; i++) {
        const fmpnn_residue *residue = &st->residue[i];
        if (i == 0 || residue->chain_id != residue[-1].chain_id)
            chain[count++] = (fmpnn_helper_chain){.name = residue->chain[0], .start = i};
        chain[count - 1].length++;
    }
    return count;
}

static fmpnn_status read_input(fmpnn_helper *h, input kind)
{
    fmpnn_dropped dropped = {0}; /* none of any length or letters */
    const char *path =
        kind == PARSED ? h->options->input_path : h->options->jsonl_input_path;
    const char *option = kind == PARSED ? "input_path" : "jsonl_input_path";
    if (kind == NOTHING)
        return FMPNN_OK;
    if (!path || !*path)
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--%s is needed", option);
    if (!fmpnn_file_exists(path))
        return fmpnn_fail(h->err, FMPNN_EINVAL, "--%s: %s: no such file", option, path);
    return fmpnn_structures_read_parsed(&h->structures, path, FMPNN_PARSED_NONE, SIZE_MAX,
                                        &dropped, h->err);
}

fmpnn_status fmpnn_helper_run(const char *name, const fmpnn_helper_options *options,
                              const fmpnn_original_listener *listener, fmpnn_error *err)
{
    fmpnn_helper h = {.options = options, .listener = listener, .err = err};
    size_t n = 0;
    while (n < HELPERS && strcmp(helpers[n].name, name) != 0)
        n++;
    if (n == HELPERS)
        return fmpnn_fail(err, FMPNN_EINVAL, "there is no helper %s", name);
    if (!options->output_path || !*options->output_path)
        return fmpnn_fail(err, FMPNN_EINVAL, "--output_path is needed");
    fmpnn_text_init(&h.out);
    fmpnn_status status = read_input(&h, helpers[n].input);
    if (!status)
        status = helpers[n].run(&h);
    if (!status)
        status = fmpnn_text_write(&h.out, options->output_path, err);
    fmpnn_text_clear(&h.out);
    fmpnn_structures_clear(&h.structures);
    return status;
}
