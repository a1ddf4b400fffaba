/* The helper scripts of the published program as verbs: all share one table of options. */
#include "front_options.h"
#include "front_run.h"
#include "report.h"
#include "verbs.h"

#include <string.h>

#define AT(field) offsetof(fmpnn_helper_options, field)

/* clang-format off */
static const front_row rows[] = {
    {"input_path", FRONT_TEXT, AT(input_path), "folder of PDB files (parse_multiple_chains), else parsed structures"},
    {"output_path", FRONT_TEXT, AT(output_path), "JSON Lines file to write; required"},
    {"ca_only", FRONT_FLAG, AT(ca_only), "keep CA atoms only (parse_multiple_chains)"},
    {"chain_list", FRONT_TEXT, AT(chain_list), "chains, \"A B\""},
    {"position_list", FRONT_TEXT, AT(position_list), "positions from 1, a list for each chain, \"1 2, 5 6\""},
    {"specify_non_fixed", FRONT_FLAG, AT(specify_non_fixed), "the lists name what is designed (make_fixed_positions_dict)"},
    {"homooligomer", FRONT_INT, AT(homooligomer), "1: tie equal positions of all chains (0)"},
    {"pos_neg_chain_list", FRONT_TEXT, AT(pos_neg_chain_list), "sets of chains, \"A B, C D\""},
    {"pos_neg_chain_betas", FRONT_TEXT, AT(pos_neg_chain_betas), "their weights, \"1.0 -0.5, 1.0 1.0\""},
    {"AA_list", FRONT_TEXT, AT(AA_list), "letters, \"D E\" (make_bias_AA)"},
    {"bias_list", FRONT_TEXT, AT(bias_list), "their biases, \"1.39 0.5\" (make_bias_AA)"},
    {"jsonl_input_path", FRONT_TEXT, AT(jsonl_input_path), "parsed structures (make_pssm_input_dict)"},
    {"PSSM_input_path", FRONT_TEXT, AT(PSSM_input_path), "folder of NAME.npz (make_pssm_input_dict)"},
};
/* clang-format on */

bool cli_is_helper(const char *name)
{
    for (size_t n = 0; fmpnn_helper_name(n); n++)
        if (!strcmp(name, fmpnn_helper_name(n)))
            return true;
    return false;
}

int cli_helper(const char *name, int argc, char **argv)
{
    fmpnn_helper_options chosen = {0};
    fmpnn_error err;
    front f = {name,
               "What the script of that name does, with the same arguments and files.",
               rows, sizeof rows / sizeof *rows};
    int code = front_parse(&f, argc, argv, &chosen);
    if (code >= 0)
        return code;
    fmpnn_status status = fmpnn_helper_run(name, &chosen, &front_streams, &err);
    if (!status)
        return EXIT_DONE;
    report_error("%s: %s", name, err.message);
    return status == FMPNN_EFORMAT                         ? EXIT_NO_INPUT
           : status == FMPNN_EIO || status == FMPNN_ENOMEM ? EXIT_SOME_FAILED
                                                           : EXIT_USAGE;
}
