#!/bin/sh
# What the drop-in front refuses, and how it says so; then, with weights, that it gives the same
# results by every way in. refusals.sh FUSEMPNN MAKE_STRUCTURE COMPARE. Needs no reference data.
set -u
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
fusempnn=$(absolute "$1")
make=$(absolute "$2")
compare=$(absolute "$3")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset FMPNN_DEVICE FMPNN_ISA FMPNN_PRECISION
failures=0
checks=0

report() { # report GOOD TEXT
    checks=$((checks + 1))
    if [ "$1" = yes ]; then echo "ok    $2"; else
        echo "FAIL  $2"
        sed 's/^/      /' err
        failures=$((failures + 1))
    fi
}
# refuses CODE PATTERN RESULT COMMAND...: that exit code, a message of that pattern, no RESULT
refuses() {
    expected=$1 pattern=$2 result=$3
    shift 3
    "$fusempnn" "$@" >console 2>err </dev/null
    code=$?
    good=no
    [ $code -eq "$expected" ] && grep -Eq -- "$pattern" err && [ ! -e "$result" ] && good=yes
    report $good "exit $code: $(tail -n 1 err | cut -c 1-150)"
}
refused() { # refused CODE PATTERN OPTIONS...: by the front
    expected=$1 pattern=$2
    shift 2
    refuses "$expected" "$pattern" out protein_mpnn_run --out_folder out --seed 1 "$@"
}
helper_refused() { # helper_refused CODE PATTERN HELPER OPTIONS...
    expected=$1 pattern=$2
    shift 2
    refuses "$expected" "$pattern" out.jsonl "$@" --output_path out.jsonl
}
# refused_everywhere PATTERN OPTION: d.jsonl, by the front and by the verbs that have the option
refused_everywhere() {
    refused 2 "$1" --pdb_path $pdb "--$2" d.jsonl
    [ "$weights" = yes ] || return 0
    for verb in design score probs; do
        case "$verb $2" in
        score\ omit* | score\ *bias* | score\ pssm* | probs\ omit* | probs\ *bias* | probs\ pssm*) continue ;;
        esac
        refuses 2 "$1" out "$verb" $pdb -o out "--$(echo "$2" | tr _ -)" d.jsonl
    done
}

weights=no
"$fusempnn" doctor --json | grep -q '"vanilla/v_48_020","installed":true' && weights=yes
mkdir pdbs
"$make" --length 12 --chains AB --identical >pdbs/dimer.pdb
"$make" --length 9 --missing 4 >pdbs/gap.pdb
"$fusempnn" parse_multiple_chains --input_path pdbs --output_path all.jsonl
head -n 1 all.jsonl >dimer.jsonl
grep -q NaN all.jsonl || { : >err; report no "a gap is parsed as NaN"; }
pdb=pdbs/dimer.pdb

# JSON: file, line, column
printf '{"dimer": [["A"], ["B"]]}\n\n{"dimer": [["A"], "B"}\n' >bad.jsonl
refused 3 '^fusempnn: bad.jsonl:3:2[0-9]: ' --jsonl_path dimer.jsonl --chain_id_jsonl bad.jsonl
printf '{"dimer": {"A": [1, 2, NaN3]}}\n' >bad.jsonl
refused 3 '^fusempnn: bad.jsonl:1:2[0-9]: ' --jsonl_path dimer.jsonl --fixed_positions_jsonl bad.jsonl
sed 's/"num_of_chains"/num_of_chains/' all.jsonl | head -n 1 >bad.jsonl
refused 3 '^fusempnn: bad.jsonl:1:[0-9]+: ' --jsonl_path bad.jsonl
printf '[1]\n' >bad.jsonl
refused 3 'bad.jsonl:1:1: .*expected an object' --jsonl_path dimer.jsonl --omit_AA_jsonl bad.jsonl
: >bad.jsonl
refused 3 'bad.jsonl: .*empty' --jsonl_path dimer.jsonl --bias_AA_jsonl bad.jsonl
sed 's/"seq": ".*"/"seq": "ACD"/' dimer.jsonl >bad.jsonl
refused 3 'bad.jsonl:1: dimer, chain A: "seq" is shorter' --jsonl_path bad.jsonl
sed 's/"CA_chain_A": \[\[[^]]*\], /"CA_chain_A": [/' dimer.jsonl >bad.jsonl
refused 3 'dimer, chain A: CA_chain_A has 11 entries, the sequence has 12' --jsonl_path bad.jsonl
sed -E 's/("CA_chain_A": \[\[)[-0-9.]+/\11e300/' dimer.jsonl >bad.jsonl
refused 3 'dimer, chain A: CA_chain_A, residue 1: expected three numbers within' --jsonl_path bad.jsonl

# paths that are not there
for option in pdb_path jsonl_path; do refused 2 "--$option: nowhere: no such file" --$option nowhere; done
for option in chain_id fixed_positions omit_AA bias_AA bias_by_res pssm tied_positions; do
    refused 2 "--${option}_jsonl: nowhere: no such file" --pdb_path $pdb --${option}_jsonl nowhere
done
refused 2 "--path_to_fasta: nowhere: no such file" --pdb_path $pdb --score_only 1 --path_to_fasta nowhere

# chains
refused 2 '--pdb_path_chains: dimer has no chain C' --pdb_path $pdb --pdb_path_chains "A C"
printf '{"dimer": [["A"], ["C"]]}\n' >d.jsonl
refused 2 'd.jsonl:1: .*dimer, chain C: the structure has no such chain' --jsonl_path dimer.jsonl --chain_id_jsonl d.jsonl
printf '{"dimer": [["A", "B"], ["B"]]}\n' >d.jsonl
refused 2 'd.jsonl:1: .*dimer, chain B: named twice' --jsonl_path dimer.jsonl --chain_id_jsonl d.jsonl
printf '{"other": [["A"], ["B"]]}\n' >d.jsonl
refused 2 'd.jsonl:1: .*dimer: the dictionary has no such structure' --jsonl_path dimer.jsonl --chain_id_jsonl d.jsonl

# positions
printf '{"dimer": {"A": [1, 0], "B": []}}\n' >d.jsonl
refused_everywhere 'd.jsonl:1: .*dimer, chain A: position 0, expected 1 to 12' fixed_positions_jsonl
printf '{"dimer": {"A": [], "B": [13]}}\n' >d.jsonl
refused_everywhere 'dimer, chain B: position 13, expected 1 to 12' fixed_positions_jsonl
printf '{"dimer": {"A": [], "B": [], "C": [1]}}\n' >d.jsonl
refused_everywhere 'dimer, chain C: the structure has no such chain' fixed_positions_jsonl
printf '{"dimer": {"A": [1]}}\n' >d.jsonl
refused_everywhere 'dimer, chain B: a designed chain is not in the dictionary' fixed_positions_jsonl
printf '{"dimer": {"A": [[[0], "G"]], "B": []}}\n' >d.jsonl
refused_everywhere 'dimer, chain A: position 0' omit_AA_jsonl
printf '{"dimer": {"A": [[[1], "GJ"]], "B": []}}\n' >d.jsonl
refused_everywhere "dimer, chain A: 'J' is not one of" omit_AA_jsonl
printf '{"dimer": {"A": [[[3], "ACDEFGHIKLMNPQRSTVWY"]], "B": []}}\n' >d.jsonl
refused_everywhere 'dimer, chain A, position 3: every letter is omitted|every letter is omitted at A3' omit_AA_jsonl
refused 2 'position 1: every letter is omitted' --pdb_path $pdb --omit_AAs ACDEFGHIKLMNPQRSTVWYX
printf '{"dimer": {"A": [[0, 1]], "B": []}}\n' >d.jsonl
refused_everywhere 'dimer, chain A: 1 rows for 12 residues' bias_by_res_jsonl

# ties
printf '{"dimer": [{"A": [1], "B": [1]}, {"A": [2], "B": [1]}]}\n' >d.jsonl
refused_everywhere 'dimer, chain B: position 1 is tied twice' tied_positions_jsonl
printf '{"dimer": [{"A": [1], "C": [1]}]}\n' >d.jsonl
refused_everywhere 'dimer, chain C: the structure has no such chain' tied_positions_jsonl
printf '{"dimer": [{"A": [[1, 2], [1.0]]}]}\n' >d.jsonl
refused_everywhere 'dimer, chain A: 1 betas for 2 positions' tied_positions_jsonl

# PSSM
pssm() { # pssm BIAS: a dictionary whose rows all hold that number
    row=$(printf -- "$1%.0s, " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)
    rows=$(for n in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '[%s%s]%s' "$row" "$1" "$([ $n -lt 12 ] && echo ', ')"; done)
    ones=$(printf '1.0, %.0s' 1 2 3 4 5 6 7 8 9 10 11)1.0
    printf '{"dimer": {"A": {"pssm_coef": [%s], "pssm_bias": [%s], "pssm_log_odds": [%s]}, "B": {}}}\n' "$ones" "$rows" "$rows"
}
pssm 0.0 >d.jsonl
refused 2 'dimer, chain A: position 1: pssm_bias sums to 0' --pdb_path $pdb --pssm_jsonl d.jsonl --pssm_multi 0.5 --pssm_bias_flag 1
pssm -0.1 >d.jsonl
refused 2 'dimer, chain A: position 1: pssm_bias has a negative entry' --pdb_path $pdb --pssm_jsonl d.jsonl --pssm_multi 0.5 --pssm_bias_flag 1

# the native verbs, where their words differ
if [ $weights = yes ]; then
    refuses 2 'chain A: position 1: .*probabilities that do not sum to 0' out design $pdb -o out --pssm-jsonl d.jsonl --pssm-weight 0.5
    refuses 2 'pssm-jsonl needs --pssm-weight' out design $pdb -o out --pssm-jsonl d.jsonl
    refuses 2 'fixed_positions_jsonl: nowhere: no such file' out score $pdb -o out --fixed-positions-jsonl nowhere
    printf '{"dimer": {"A": [1, 2, NaN3]}}\n' >bad.jsonl
    refuses 2 'bad.jsonl:1:2[0-9]: ' out design $pdb -o out --fixed-positions-jsonl bad.jsonl
    printf '{"dimer": [["A", "B"], ["B"]]}\n' >bad.jsonl
    refuses 2 'bad.jsonl:1: .*dimer, chain B: named twice' out probs $pdb -o out --chain-id-jsonl bad.jsonl
    refuses 2 'chains and --chain-id-jsonl exclude each other' out design $pdb -o out --chains A --chain-id-jsonl bad.jsonl
fi

# options and sequences
refused 2 "'abc' is no number" --pdb_path $pdb --backbone_noise abc
refused 2 "unknown option '--nonsense'" --pdb_path $pdb --nonsense 1
refused 2 "more than one option begins with '--p'" --p $pdb
refused 2 "'-1' is no temperature" --pdb_path $pdb --sampling_temp "0.1 -1"
refused 2 'expected 1 or more' --pdb_path $pdb --num_seq_per_target 0
refused 2 'no structure' --num_seq_per_target 1
printf '>a\nACDJ\n' >f.fa
refused 3 'f.fa:2:4: expected one of' --pdb_path $pdb --score_only 1 --path_to_fasta f.fa
printf '>a\nACD\n\nAC\n' >f.fa
refused 3 'f.fa:3:1: a blank line' --pdb_path $pdb --score_only 1 --path_to_fasta f.fa
printf '>a\nACDACDACDACDACDACDACDACDACD\n' >f.fa
refused 2 'f.fa:1: sequence 1 has 27 letters, dimer has 24 residues' --pdb_path $pdb --score_only 1 --path_to_fasta f.fa

# helpers
helper_refused 2 'nowhere' parse_multiple_chains --input_path nowhere
helper_refused 2 'list.* 2 chains|1 lists' make_fixed_positions_dict --input_path all.jsonl --chain_list "A B" --position_list "1 2"
helper_refused 2 "'x' is no whole number" make_fixed_positions_dict --input_path all.jsonl --chain_list "A" --position_list "1 x"
helper_refused 2 'chain B has fewer positions' make_tied_positions_dict --input_path all.jsonl --chain_list "A B" --position_list "1 2, 1"
helper_refused 2 'pos_neg_chain_list' make_pos_neg_tied_positions_dict --input_path all.jsonl --homooligomer 1
helper_refused 2 "'b' is no number" make_bias_AA --AA_list "A" --bias_list b

# a foreign letter keeps no structure from the helpers
sed 's/"seq": "./"seq": "B/; s/"seq_chain_A": "./"seq_chain_A": "B/' dimer.jsonl >foreign.jsonl
"$fusempnn" assign_fixed_chains --input_path foreign.jsonl --output_path assigned.jsonl 2>err
[ "$(cat assigned.jsonl)" = '{"dimer": [["A"], ["B"]]}' ] && report yes "a foreign letter" ||
    report no "a foreign letter"

if [ $weights = yes ]; then
    : >err
    same() { # same A B WHAT
        "$compare" "$1" "$2" >err 2>&1 && report yes "$3" || report no "$3"
    }
    run() { "$fusempnn" protein_mpnn_run --seed 5 --suppress_print 1 "$@" 2>err || report no "run $*"; }
    run --pdb_path pdbs/gap.pdb --num_seq_per_target 4 --batch_size 2 --out_folder a --save_probs 1
    run --jsonl-path=all.jsonl --num-seq-per-target 2 --out-folder b
    "$fusempnn" parse_multiple_chains --input_path pdbs --output_path gap_all.jsonl
    tail -n 1 gap_all.jsonl >gap.jsonl
    run --jsonl_path gap.jsonl --num_seq_per_target 4 --batch_size 2 --out_folder c --save_probs 1
    same a c "a parsed structure gives what the PDB file gives"
    run --pdb_path pdbs/gap.pdb --num_seq_per_target 4 --batch_size 2 --out_folder d --save_probs 1 --device reference
    same a d "so do the plain formulas in double"
    run --pdb_path pdbs/gap.pdb --num_seq_per_target 4 --batch_size 2 --out_folder e --save_probs 1 --threads 1 --isa generic
    same a e "so do one thread and the generic instruction set"
    run --pdb_path pdbs/gap.pdb --num_seq_per_target 5 --batch_size 2 --out_folder f --save_probs 1
    grep -q 'rounded down to 4' err && same a f "5 sequences in batches of 2 are 4, and said so"
    run --pdb_path pdbs/gap.pdb --num_seq_per_target 2 --batch_size 8 --out_folder g
    [ "$(grep -c '>' g/seqs/gap.fa)" = 3 ] && report yes "a batch larger than the number" ||
        report no "a batch larger than the number"
    run --pdb_path pdbs/gap.pdb --num_seq_per_target 4 --batch_size 2 --out_folder h --save_probs 1 --path_to_model_weights nowhere/vanilla_model_weights
    grep -q 'using installed weights vanilla/v_48_020' err && same a h "weights that are not there are ours, and said so"
    printf '{"dimer": [["A"], []]}\n' >d.jsonl
    run --jsonl_path dimer.jsonl --chain_id_jsonl d.jsonl --out_folder i
    grep -q 'left out' err && grep -q "fixed_chains=\[\], designed_chains=\['A'\]" i/seqs/dimer.fa &&
        report yes "a chain in neither list is left out, and said so" || report no "a chain in neither list"
    printf '{"dimer": [["A"], []]}\n{"dimer": [["B"], ["A"]]}\n' >d.jsonl
    run --jsonl_path dimer.jsonl --chain_id_jsonl d.jsonl --out_folder j
    grep -q '2 lines; the last one counts' err && grep -q "designed_chains=\['B'\]" j/seqs/dimer.fa &&
        report yes "the last line of a dictionary counts, and said so" || report no "the last line of a dictionary counts"
    printf '{"dimer": [[], ["A", "B"]]}\n' >d.jsonl
    run --jsonl_path dimer.jsonl --chain_id_jsonl d.jsonl --out_folder k --score_only 1
    grep -q 'nothing is designed' err && report yes "nothing designed is said" || report no "nothing designed is said"
    printf '>none\n>all\nAAAAAAAAAAAAAAAAAAAAAAAA\n' >f.fa
    run --pdb_path $pdb --score_only 1 --path_to_fasta f.fa --out_folder empty
    grep -q 'sequence 1 has 0 letters for 24 residues' err && [ -e empty/score_only/dimer_fasta_2.npz ] &&
        report yes "a sequence without letters" || report no "a sequence without letters"
    printf '{"dimer": []}\n' >d.jsonl
    run --jsonl_path dimer.jsonl --tied_positions_jsonl d.jsonl --num_seq_per_target 2 --out_folder l
    head -n 1 all.jsonl >first.jsonl
    run --jsonl_path first.jsonl --num_seq_per_target 2 --out_folder m
    same m l "no groups, same letters"

    # a dictionary and the text that stands for it make the same records
    native() { "$fusempnn" design $pdb --seed 5 --quiet "$@" 2>err; }
    equal() { # equal WHAT: left and right are the same and not empty
        [ -s left ] && cmp -s left right && report yes "$1" || report no "$1"
    }
    printf '{"dimer": {"A": [1, 2, 3], "B": [12]}}\n' >d.jsonl
    native --fixed-positions-jsonl d.jsonl >left
    native --fix A1-3,B12 >right
    equal "--fixed-positions-jsonl is --fix"
    printf '{"dimer": [{"A": [[4, 5], [1.0, 2.0]], "B": [[4], [-0.5]]}]}\n' >d.jsonl
    native --tied-positions-jsonl d.jsonl >left
    native --tie "A4=A5*2=B4*-0.5" >right
    equal "--tied-positions-jsonl is --tie"
    printf '{"dimer": [["B"], ["A"]]}\n' >d.jsonl
    native --chain_id_jsonl d.jsonl >left
    native --chains B >right
    equal "--chain-id-jsonl is --chains"
else
    echo "skipped: what needs weights vanilla/v_48_020 (fusempnn weights get)"
fi
echo "$checks checks, $failures failed"
[ "$checks" -gt 40 ] && [ $failures -eq 0 ]
