#!/bin/sh
# Replays the recorded command lines of the published program through the drop-in fronts and
# compares the trees: replay.sh FUSEMPNN COMPARE [NAME...]. Recorded results are looked for in
# $FMPNN_SHARED/golden/proteinmpnn/cli. Exit code 1: something differs; 77: nothing to compare.
set -u
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
fusempnn=$(absolute "$1")
compare=$(absolute "$2")
shift 2
shared=${FMPNN_SHARED:-../shared}
golden=$shared/golden/proteinmpnn/cli
if [ ! -d "$golden" ]; then
    echo "skipped: no recorded results at $golden"
    exit 77
fi
if ! "$fusempnn" doctor --json | grep -q '"vanilla/v_48_020","installed":true'; then
    echo "skipped: weights vanilla/v_48_020 are not installed (fusempnn weights get)"
    exit 77
fi
golden=$(cd "$golden" && pwd)
structures=$(cd "$shared/structures" && pwd)
unset FMPNN_DEVICE FMPNN_ISA FMPNN_PRECISION
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
count=0
names=" $* "
wanted() { [ "$names" = "  " ] || case "$names" in *" $1 "*) ;; *) return 1 ;; esac; }

# run NAME OPTIONS...: one recorded folder and its console text
run() {
    name=$1
    shift
    wanted "$name" || return 0
    count=$((count + 1))
    if ! "$fusempnn" protein_mpnn_run --out_folder "$name" "$@" >"$name.stdout" 2>"$name.err"; then
        echo "FAIL  $name: $(cat "$name.err")"
        failures=$((failures + 1))
    elif "$compare" "$golden/$name" "$name" >report 2>&1 &&
        "$compare" "$golden/$name.stdout" "$name.stdout" >>report 2>&1; then
        echo "ok    $name: $(grep -m 1 "values" report)"
    else
        echo "FAIL  $name"
        sed 's/^/      /' report
        failures=$((failures + 1))
    fi
}
# helper NAME HELPER OPTIONS...: one recorded file
helper() {
    name=$1 tool=$2
    shift 2
    wanted helpers || return 0
    count=$((count + 1))
    if "$fusempnn" "$tool" --output_path "$name.jsonl" "$@" &&
        "$compare" "$golden/helpers/$name.jsonl" "$name.jsonl"; then
        echo "ok    helpers/$name"
    else
        echo "FAIL  helpers/$name"
        failures=$((failures + 1))
    fi
}
# parse NAME STRUCTURE...: parsed structures for the runs below
parse() {
    into=$1
    shift
    mkdir -p "$into.pdbs"
    for one; do cp "$structures/$one.pdb" "$into.pdbs/"; done
    "$fusempnn" parse_multiple_chains.py --input_path="$into.pdbs" --output_path="$into.jsonl"
}

parse two 5L33 6MRR
parse gyt 4GYT
parse htn 3HTN
"$fusempnn" make_tied_positions_dict --input_path gyt.jsonl --output_path gyt_tied.jsonl \
    --homooligomer 1
"$fusempnn" assign_fixed_chains --input_path htn.jsonl --output_path htn_chains.jsonl \
    --chain_list "A B"
mkdir -p pssm.npz && cp "$structures/3HTN.npz" pssm.npz/
# the PSSM of every chain, that of the fixed chain C included
"$fusempnn" make_pssm_input_dict --jsonl_input_path htn.jsonl --PSSM_input_path pssm.npz \
    --output_path htn_pssm.jsonl >/dev/null

mrr=$structures/6MRR.pdb
awl=$structures/5AWL.pdb
run design_monomer --pdb_path "$mrr" --num_seq_per_target 4 --batch_size 2 \
    --sampling_temp "0.1 1" --seed 37 --save_score 1 --save_probs 1
run design_complex --pdb_path "$structures/3HTN.pdb" --pdb_path_chains "B A" \
    --num_seq_per_target 2 --sampling_temp 0.1 --seed 37
run two_structures --jsonl_path two.jsonl --num_seq_per_target 2 --sampling_temp 0.1 --seed 37
run homooligomer --jsonl_path gyt.jsonl --tied_positions_jsonl gyt_tied.jsonl \
    --num_seq_per_target 2 --batch_size 2 --sampling_temp 0.2 --seed 37 --save_probs 1
run bias --pdb-path "$mrr" --bias-AA-jsonl "$golden/bias.jsonl" --num-seq-per-target 2 --seed 37
run pssm --jsonl_path htn.jsonl --chain_id_jsonl htn_chains.jsonl --pssm_jsonl htn_pssm.jsonl \
    --pssm_multi 0.3 --pssm_bias_flag 1 --seed 37
# a folder of weights that is not there: console text as with --path_to_model_weights
run ca --ca_only --path_to_model_weights nowhere/ca_model_weights --pdb_path "$mrr" \
    --num_seq_per_target 2 --seed 37
run noise --pdb_path "$mrr" --backbone_noise 0.1 --num_seq_per_target 2 --seed 37
run ten_residues --pdb_path "$awl" --num_seq_per_target 4 --sampling_temp 0.3 --seed 5
run soluble --path_to_model_weights nowhere/soluble_model_weights --model_name v_48_010 \
    --pdb_path "$mrr" --num_seq_per_target 2 --seed 37 --omit_AAs XC
run score_only --pdb_path "$mrr" --path_to_fasta "$golden/score.fasta" --score_only 1 \
    --num_seq_per_target 4 --batch_size 2 --seed 37
run cond --pdb_path "$awl" --conditional_probs_only 1 --num_seq_per_target 2 --seed 37
run cond_backbone --pdb_path "$awl" --conditional_probs_only 1 \
    --conditional_probs_only_backbone 1 --seed 37
run uncond --pdb_path "$mrr" --unconditional_probs_only 1 --seed 37

mkdir -p helper.pdbs
cp "$awl" "$structures/torture.pdb" helper.pdbs/
helper parsed parse_multiple_chains --input_path helper.pdbs/
helper parsed_ca parse_multiple_chains --input_path helper.pdbs --ca_only
helper assigned assign_fixed_chains --input_path parsed.jsonl --chain_list "A b"
helper fixed make_fixed_positions_dict --input_path parsed.jsonl --chain_list "A b" \
    --position_list "1 2 3, 4 5 6"
helper non_fixed make_fixed_positions_dict --input_path parsed.jsonl --chain_list "A b" \
    --position_list "1 2 3, 4 5 6" --specify_non_fixed
helper tied make_tied_positions_dict.py --input_path parsed.jsonl --chain_list "A b" \
    --position_list "1 2 3, 4 5 6"
helper tied_homooligomer make_tied_positions_dict --input_path parsed.jsonl --homooligomer 1
helper pos_neg make_pos_neg_tied_positions_dict --input_path parsed.jsonl --homooligomer 1 \
    --pos_neg_chain_list "A b, Z" --pos_neg_chain_betas "1.0 -0.5, 1.0"
helper bias_AA make_bias_AA --AA_list "D E A" --bias_list "1.39 0.5 -1"

echo "$count recorded command lines, $failures differ"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
