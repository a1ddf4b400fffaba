/* protein_mpnn_run: the published program's command line. Everything it means is in the library
 * (fmpnn_original_run); here are the options, the context and the two streams. */
#include "front_options.h"
#include "front_run.h"
#include "report.h"
#include "verbs.h"

#include <string.h>

/* The published options, and a few of ours. */
typedef struct arguments {
    fmpnn_original_options run;
    front_place place;
} arguments;

enum { SEEDS = 999 };

#define RUN(field) offsetof(arguments, run.field)

/* clang-format off */
static const front_row rows[] = {
    {"suppress_print", FRONT_INT, RUN(suppress_print), "1: nothing on stdout (0)"},
    {"ca_only", FRONT_FLAG, RUN(ca_only), "CA-only structures and weights"},
    {"path_to_model_weights", FRONT_TEXT, RUN(path_to_model_weights), "folder of weight files (the installed ones)"},
    {"model_name", FRONT_TEXT, RUN(model_name), "v_48_002, v_48_010, v_48_020 or v_48_030 (v_48_020)"},
    {"use_soluble_model", FRONT_FLAG, RUN(use_soluble_model), "weights trained on soluble proteins only"},
    {"seed", FRONT_WHOLE, RUN(seed), "0: one of 0 to 998 is drawn and recorded (0)"},
    {"save_score", FRONT_INT, RUN(save_score), "1: scores/NAME.npz (0)"},
    {"save_probs", FRONT_INT, RUN(save_probs), "1: probs/NAME.npz (0)"},
    {"score_only", FRONT_INT, RUN(score_only), "1: score instead of designing (0)"},
    {"path_to_fasta", FRONT_TEXT, RUN(path_to_fasta), "with score_only: score these sequences too"},
    {"conditional_probs_only", FRONT_INT, RUN(conditional_probs_only), "1: ln p given backbone and all other letters (0)"},
    {"conditional_probs_only_backbone", FRONT_INT, RUN(conditional_probs_only_backbone), "1: with the former, given the backbone only (0)"},
    {"unconditional_probs_only", FRONT_INT, RUN(unconditional_probs_only), "1: ln p given the backbone, in one pass (0)"},
    {"backbone_noise", FRONT_NUMBER, RUN(backbone_noise), "standard deviation of coordinate noise, Angstrom (0)"},
    {"num_seq_per_target", FRONT_WHOLE, RUN(num_seq_per_target), "sequences for each structure and temperature (1)"},
    {"batch_size", FRONT_WHOLE, RUN(batch_size), "copies that share draws; changes what a seed gives (1)"},
    {"max_length", FRONT_WHOLE, RUN(max_length), "longer structures are left out (200000)"},
    {"sampling_temp", FRONT_TEXT, RUN(sampling_temp), "temperatures, \"0.1 0.2\" (0.1)"},
    {"out_folder", FRONT_TEXT, RUN(out_folder), "where the folders of results go; required"},
    {"pdb_path", FRONT_TEXT, RUN(pdb_path), "one PDB file"},
    {"pdb_path_chains", FRONT_TEXT, RUN(pdb_path_chains), "its chains to design, \"A B\" (all)"},
    {"jsonl_path", FRONT_TEXT, RUN(jsonl_path), "structures from parse_multiple_chains"},
    {"chain_id_jsonl", FRONT_TEXT, RUN(chain_id_jsonl), "chains to design and to keep"},
    {"fixed_positions_jsonl", FRONT_TEXT, RUN(fixed_positions_jsonl), "positions to keep"},
    {"omit_AAs", FRONT_TEXT, RUN(omit_AAs), "letters never sampled (X)"},
    {"bias_AA_jsonl", FRONT_TEXT, RUN(bias_AA_jsonl), "bias by letter"},
    {"bias_by_res_jsonl", FRONT_TEXT, RUN(bias_by_res_jsonl), "bias by position and letter"},
    {"omit_AA_jsonl", FRONT_TEXT, RUN(omit_AA_jsonl), "letters never sampled at positions"},
    {"pssm_jsonl", FRONT_TEXT, RUN(pssm_jsonl), "PSSM of each chain"},
    {"pssm_multi", FRONT_NUMBER, RUN(pssm_multi), "share of the PSSM, 0 to 1 (0)"},
    {"pssm_threshold", FRONT_NUMBER, RUN(pssm_threshold), "log odds above it are allowed (0)"},
    {"pssm_log_odds_flag", FRONT_INT, RUN(pssm_log_odds_flag), "1: use log odds (0)"},
    {"pssm_bias_flag", FRONT_INT, RUN(pssm_bias_flag), "1: mix in the PSSM (0)"},
    {"tied_positions_jsonl", FRONT_TEXT, RUN(tied_positions_jsonl), "positions with one letter"},
    {"save_draws", FRONT_INT, RUN(save_draws), "1: draws/NAME.npz, how close each draw was (0)"},
    FRONT_PLACE_ROWS(offsetof(arguments, place)),
};
/* clang-format on */

static const front protein_mpnn = {
    "protein_mpnn_run",
    "What protein_mpnn_run.py does, with the same options, files and seeds.", rows,
    sizeof rows / sizeof *rows};

/* What the published program refuses by saying so. */
static int check(arguments *a)
{
    const char *folder = a->run.path_to_model_weights;
    if (a->run.ca_only && a->run.use_soluble_model && !(folder && *folder)) {
        puts("Using CA-ProteinMPNN!");
        puts("WARNING: CA-SolubleMPNN is not available yet");
        return EXIT_USAGE;
    }
    int code = front_place_check("protein_mpnn_run", &a->place);
    if (code < 0 && !a->run.seed && !front_draw_seed(&a->run.seed, SEEDS))
        code = EXIT_SOME_FAILED;
    return code;
}

static fmpnn_status design(fmpnn_context *ctx, const void *what,
                           const fmpnn_original_listener *listener, fmpnn_error *err)
{
    return fmpnn_original_run(ctx, what, listener, err);
}

int cli_protein_mpnn_run(const verb *v, int argc, char **argv)
{
    (void)v;
    arguments a;
    fmpnn_original_options_default(&a.run);
    front_place_default(&a.place);
    int code = front_parse(&protein_mpnn, argc, argv, &a);
    if (code < 0)
        code = check(&a);
    return code >= 0 ? code : front_run(&a.place, design, &a.run);
}
