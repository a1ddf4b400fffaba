/* ligandmpnn_run and ligandmpnn_score: the command lines of the published run.py and score.py.
 * Everything they mean is in the library (fmpnn_ligandmpnn_run, fmpnn_ligandmpnn_score). */
#include "front_options.h"
#include "front_run.h"
#include "report.h"
#include "verbs.h"

typedef struct arguments {
    fmpnn_ligandmpnn_options run;
    front_place place;
} arguments;

enum { SEEDS = 99999 };

#define RUN(field) offsetof(arguments, run.field)

/* clang-format off */
#define SHARED_ROWS                                                                                                 \
    {"model_type", FRONT_TEXT, RUN(model_type), "protein_mpnn, ligand_mpnn, soluble_mpnn, global_label_membrane_mpnn, per_residue_label_membrane_mpnn (protein_mpnn)"}, \
    {"checkpoint_protein_mpnn", FRONT_TEXT, RUN(checkpoint_protein_mpnn), "weights of that type (those installed)"}, \
    {"checkpoint_ligand_mpnn", FRONT_TEXT, RUN(checkpoint_ligand_mpnn), "likewise"},                                \
    {"checkpoint_per_residue_label_membrane_mpnn", FRONT_TEXT, RUN(checkpoint_per_residue_label_membrane_mpnn), "likewise"}, \
    {"checkpoint_global_label_membrane_mpnn", FRONT_TEXT, RUN(checkpoint_global_label_membrane_mpnn), "likewise"},  \
    {"checkpoint_soluble_mpnn", FRONT_TEXT, RUN(checkpoint_soluble_mpnn), "likewise"},                              \
    {"verbose", FRONT_INT, RUN(verbose), "0: nothing on stdout (1)"},                                               \
    {"pdb_path", FRONT_TEXT, RUN(pdb_path), "one PDB file"},                                                        \
    {"pdb_path_multi", FRONT_TEXT, RUN(pdb_path_multi), "JSON, {\"a.pdb\": \"\", ...}: several"},                   \
    {"fixed_residues", FRONT_TEXT, RUN(fixed_residues), "residues to keep, \"A12 A13 B2\""},                        \
    {"fixed_residues_multi", FRONT_TEXT, RUN(fixed_residues_multi), "JSON, {\"a.pdb\": \"A12 A13\", ...}"},         \
    {"redesigned_residues", FRONT_TEXT, RUN(redesigned_residues), "residues to design; all others are kept"},       \
    {"redesigned_residues_multi", FRONT_TEXT, RUN(redesigned_residues_multi), "JSON, likewise"},                    \
    {"symmetry_residues", FRONT_TEXT, RUN(symmetry_residues), "tied residues, \"A12,A13|C2,C3\""},                  \
    {"homo_oligomer", FRONT_INT, RUN(homo_oligomer), "1: tie all chains (0)"},                                      \
    {"out_folder", FRONT_TEXT, RUN(out_folder), "where results go; required"},                                      \
    {"file_ending", FRONT_TEXT, RUN(file_ending), "end of file names, before the extension"},                       \
    {"zero_indexed", FRONT_TEXT, RUN(zero_indexed), "any text: count samples from 0"},                              \
    {"seed", FRONT_WHOLE, RUN(seed), "0: one of 0 to 99998 is drawn and recorded (0)"},                             \
    {"batch_size", FRONT_WHOLE, RUN(batch_size), "copies that share draws; changes what a seed gives (1)"},         \
    {"number_of_batches", FRONT_WHOLE, RUN(number_of_batches), "how many times (1)"},                               \
    {"ligand_mpnn_use_atom_context", FRONT_INT, RUN(ligand_mpnn_use_atom_context), "0: ligands are not seen (1)"},  \
    {"ligand_mpnn_cutoff_for_score", FRONT_NUMBER, RUN(ligand_mpnn_cutoff_for_score), "how near a ligand counts for ligand_confidence, Angstrom (8)"}, \
    {"ligand_mpnn_use_side_chain_context", FRONT_INT, RUN(ligand_mpnn_use_side_chain_context), "1: side chains of residues that are kept are seen (0)"}, \
    {"chains_to_design", FRONT_TEXT, RUN(chains_to_design), "\"A,B\" (all)"},                                       \
    {"parse_these_chains_only", FRONT_TEXT, RUN(parse_these_chains_only), "\"A,B\" (all)"},                         \
    {"transmembrane_buried", FRONT_TEXT, RUN(transmembrane_buried), "residues in the membrane, \"A12 A13\""},       \
    {"transmembrane_interface", FRONT_TEXT, RUN(transmembrane_interface), "residues at its surface"},               \
    {"global_transmembrane_label", FRONT_INT, RUN(global_transmembrane_label), "1: a membrane protein (0)"},        \
    {"parse_atoms_with_zero_occupancy", FRONT_INT, RUN(parse_atoms_with_zero_occupancy), "1: read them too (0)"},   \
    FRONT_PLACE_ROWS(offsetof(arguments, place))

static const front_row run_rows[] = {
    SHARED_ROWS,
    {"fasta_seq_separation", FRONT_TEXT, RUN(fasta_seq_separation), "between chains (:)"},
    {"bias_AA", FRONT_TEXT, RUN(bias_AA), "bias by letter, \"A:-1.02,P:2.3\""},
    {"bias_AA_per_residue", FRONT_TEXT, RUN(bias_AA_per_residue), "JSON, {\"A12\": {\"G\": -0.3}, ...}"},
    {"bias_AA_per_residue_multi", FRONT_TEXT, RUN(bias_AA_per_residue_multi), "JSON, {\"a.pdb\": {...}, ...}"},
    {"omit_AA", FRONT_TEXT, RUN(omit_AA), "letters never sampled, \"ACG\""},
    {"omit_AA_per_residue", FRONT_TEXT, RUN(omit_AA_per_residue), "JSON, {\"A12\": \"PQ\", ...}"},
    {"omit_AA_per_residue_multi", FRONT_TEXT, RUN(omit_AA_per_residue_multi), "JSON, {\"a.pdb\": {...}, ...}"},
    {"symmetry_weights", FRONT_TEXT, RUN(symmetry_weights), "in the form of symmetry_residues (1 for each)"},
    {"temperature", FRONT_NUMBER, RUN(temperature), "sampling temperature (0.1)"},
    {"save_stats", FRONT_INT, RUN(save_stats), "1: stats/NAME.pt (0)"},
    {"pack_side_chains", FRONT_INT, RUN(pack_side_chains), "1: side chains in packed/ (0)"},
    {"checkpoint_path_sc", FRONT_TEXT, RUN(checkpoint_path_sc), "weights of the packer"},
    {"number_of_packs_per_design", FRONT_WHOLE, RUN(number_of_packs_per_design), "(4)"},
    {"sc_num_denoising_steps", FRONT_WHOLE, RUN(sc_num_denoising_steps), "(3)"},
    {"sc_num_samples", FRONT_WHOLE, RUN(sc_num_samples), "(16)"},
    {"repack_everything", FRONT_INT, RUN(repack_everything), "(0)"},
    {"force_hetatm", FRONT_INT, RUN(force_hetatm), "(0)"},
    {"packed_suffix", FRONT_TEXT, RUN(packed_suffix), "(_packed)"},
    {"pack_with_ligand_context", FRONT_INT, RUN(pack_with_ligand_context), "(1)"},
};

static const front_row score_rows[] = {
    SHARED_ROWS,
    {"use_sequence", FRONT_INT, RUN(use_sequence), "1: letters are seen; reversed with single_aa_score (1)"},
    {"autoregressive_score", FRONT_INT, RUN(autoregressive_score), "1: in random orders; wins (0)"},
    {"single_aa_score", FRONT_INT, RUN(single_aa_score), "1: one residue at a time (1)"},
};
/* clang-format on */

static fmpnn_status design(fmpnn_context *ctx, const void *what,
                           const fmpnn_original_listener *listener, fmpnn_error *err)
{
    return fmpnn_ligandmpnn_run(ctx, what, listener, err);
}

static fmpnn_status score(fmpnn_context *ctx, const void *what,
                          const fmpnn_original_listener *listener, fmpnn_error *err)
{
    return fmpnn_ligandmpnn_score(ctx, what, listener, err);
}

static int run(const front *f, front_work work, int argc, char **argv)
{
    arguments a;
    fmpnn_ligandmpnn_options_default(&a.run);
    front_place_default(&a.place);
    int code = front_parse(f, argc, argv, &a);
    if (code < 0)
        code = front_place_check(f->name, &a.place);
    if (code >= 0)
        return code;
    if (!a.run.seed && !front_draw_seed(&a.run.seed, SEEDS))
        return EXIT_SOME_FAILED;
    return front_run(&a.place, work, &a.run);
}

int cli_ligandmpnn_run(const verb *v, int argc, char **argv)
{
    static const front f = {"ligandmpnn_run",
                            "What LigandMPNN's run.py does, with the same options, files and "
                            "seeds.",
                            run_rows, sizeof run_rows / sizeof *run_rows};
    (void)v;
    return run(&f, design, argc, argv);
}

int cli_ligandmpnn_score(const verb *v, int argc, char **argv)
{
    static const front f = {"ligandmpnn_score",
                            "What LigandMPNN's score.py does, with the same options, files and "
                            "seeds.",
                            score_rows, sizeof score_rows / sizeof *score_rows};
    (void)v;
    return run(&f, score, argc, argv);
}
