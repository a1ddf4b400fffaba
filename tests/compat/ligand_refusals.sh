#!/bin/sh
# What the LigandMPNN fronts refuse or say, on a structure made here; with weights, that odd
# ligands are computed. ligand_refusals.sh FUSEMPNN MAKE_STRUCTURE. Needs no reference data.
set -u
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
fusempnn=$(absolute "$1")
make=$(absolute "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset FMPNN_DEVICE FMPNN_ISA FMPNN_PRECISION
for weights in vanilla/v_48_020 ligand/v_32_010_25 packer/v_32_002_16 membrane/per_residue_v_48_020; do
    if ! "$fusempnn" doctor --json | grep -q "\"$weights\",\"installed\":true"; then
        echo "skipped: weights $weights are not installed (fusempnn weights get)"
        exit 77
    fi
done
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
refused() { # refused CODE PATTERN FRONT OPTIONS...: that exit code and message, no result
    expected=$1 pattern=$2 front=$3
    shift 3
    rm -rf out
    "$fusempnn" "$front" --out_folder out --seed 1 "$@" >console 2>err </dev/null
    code=$?
    good=no
    [ $code -eq "$expected" ] && grep -Eq -- "$pattern" err && [ ! -e out ] && good=yes
    report $good "exit $code: $(tail -n 1 err | cut -c 1-150)"
}
said() { # said PATTERN FRONT OPTIONS...: works, and notes that
    pattern=$1 front=$2
    shift 2
    rm -rf out
    "$fusempnn" "$front" --out_folder out --seed 1 --verbose 0 "$@" >console 2>err </dev/null
    code=$?
    good=no
    [ $code -eq 0 ] && { [ -z "$pattern" ] || grep -Eq -- "$pattern" err; } && [ -n "$(find out -type f)" ] && good=yes
    report $good "exit $code: $(grep -E -m 1 -- "$pattern" err | cut -c 1-150)"
}
# ligand FILE ELEMENT NAME: the dimer with ten atoms of that element far from it
ligand() {
    cp dimer.pdb "$1"
    for n in 0 1 2 3 4 5 6 7 8 9; do
        printf 'HETATM %4d  %-3s LIG A 900    %8.3f%8.3f%8.3f  1.00 10.00          %2s\n' \
            $((900 + n)) "$3$n" 5$n.5 3.0 4.0 "$2" >>"$1"
    done
}

"$make" --length 12 --chains AB --identical | grep -v -E '^(END|TER)' >dimer.pdb
"$make" --length 12 --unresolved 4 >broken.pdb
ligand odd.pdb XX Q
ligand hydrogens.pdb H H
awk '/^ATOM/ && $3 == "CA" && !done { sub("ATOM  ", "HETATM"); sub(" CA  [A-Z]* A *[0-9]*", " C1  LIG A 900"); print; done = 1 }' dimer.pdb >atom
cat dimer.pdb atom >clash.pdb
cp dimer.pdb large.pdb
awk 'BEGIN { for (n = 0; n < 50000; n++)
    printf "HETATM%5d  C%-2d LIP %c%4d    %8.3f%8.3f%8.3f  1.00 10.00           C\n", n % 100000,
        n % 20, 67 + int(n / 20000), int(n % 20000 / 20) + 1, n % 100, int(n / 100) % 100, 50 + int(n / 10000) }' >>large.pdb
echo '{"dimer.pdb": ""}' >paths.json
echo '{"other.pdb": "A1"}' >other.json
echo '{"A3": "ACDEFGHIKLMNPQRSTVWY"}' >omit_all.json
echo '{"A3": {"G": "much"}}' >bias_bad.json
echo '{"A3": ' >cut.json

# ---- options
refused 2 'no structure' ligandmpnn_run
refused 2 'no place for results' ligandmpnn_run --pdb_path dimer.pdb --out_folder ""
refused 2 'model_type: .sparse. is none' ligandmpnn_run --pdb_path dimer.pdb --model_type sparse
refused 2 'nothing.pdb: no such file' ligandmpnn_run --pdb_path nothing.pdb
refused 2 'temperature: expected more than 0' ligandmpnn_run --pdb_path dimer.pdb --temperature 0
refused 2 'batch_size 0' ligandmpnn_run --pdb_path dimer.pdb --batch_size 0
refused 2 'global_transmembrane_label' ligandmpnn_run --pdb_path dimer.pdb --global_transmembrane_label 2
refused 2 'nowhere/odd.pt: no such file' ligandmpnn_run --pdb_path dimer.pdb --checkpoint_protein_mpnn nowhere/odd.pt
refused 2 'weights of kind ligand' ligandmpnn_run --pdb_path dimer.pdb --checkpoint_protein_mpnn ligandmpnn_v_32_010_25.pt
refused 2 'unknown option .--bias_AA.' ligandmpnn_score --pdb_path dimer.pdb --bias_AA A:1
refused 2 'dimer.pt: the array logits has [0-9]* bytes, .* room for 2147483647' ligandmpnn_score \
    --pdb_path dimer.pdb --single_aa_score 1 --number_of_batches 2000000
refused 2 'nothing to compute' ligandmpnn_score --pdb_path dimer.pdb --single_aa_score 0
refused 2 'sc_num_samples 0' ligandmpnn_run --pdb_path dimer.pdb --pack_side_chains 1 --sc_num_samples 0
refused 2 'number_of_packs_per_design -1' ligandmpnn_run --pdb_path dimer.pdb --pack_side_chains 1 \
    --number_of_packs_per_design -1
refused 2 'needs those of the packer' ligandmpnn_run --pdb_path dimer.pdb --pack_side_chains 1 \
    --checkpoint_path_sc ligandmpnn_v_32_010_25.pt
# ---- lists
refused 2 "bias_AA: 'B:1'" ligandmpnn_run --pdb_path dimer.pdb --bias_AA B:1
refused 2 'no entry for dimer.pdb' ligandmpnn_run --pdb_path_multi paths.json --fixed_residues_multi other.json
refused 3 'cut.json:[0-9]+:[0-9]+' ligandmpnn_run --pdb_path_multi cut.json
refused 3 'A3, G: expected a number' ligandmpnn_run --pdb_path dimer.pdb --bias_AA_per_residue bias_bad.json
refused 2 'every letter is omitted at A3' ligandmpnn_run --pdb_path dimer.pdb --omit_AA_per_residue omit_all.json
refused 2 'no residue Z9 to tie' ligandmpnn_run --pdb_path dimer.pdb --symmetry_residues 'A1,Z9'
refused 2 'A1 is in two tied groups' ligandmpnn_run --pdb_path dimer.pdb --symmetry_residues 'A1,A2|A1,A3'
refused 2 'in the form of --symmetry_residues' ligandmpnn_run --pdb_path dimer.pdb \
    --symmetry_residues 'A1,A2' --symmetry_weights '1|1'
# ---- what is kept, and said
said 'symmetry_weights: weights of 1' ligandmpnn_run --pdb_path dimer.pdb --symmetry_residues 'A1,B1'
said 'no such residue: Z9; passed over' ligandmpnn_run --pdb_path dimer.pdb --fixed_residues 'A1 Z9'
said 'transmembrane_buried: no such residue: Q7' ligandmpnn_run --pdb_path dimer.pdb \
    --model_type per_residue_label_membrane_mpnn --transmembrane_buried 'A1 Q7'
said 'zero_indexed 0 counts samples from 0' ligandmpnn_run --pdb_path dimer.pdb --zero_indexed 0
report "$([ -e out/backbones/dimer_0.pdb ] && echo yes)" "samples from 0"
said 'is not one character' ligandmpnn_run --pdb_path dimer.pdb --fasta_seq_separation ''
report "$(awk 'NR == 2 { exit length($0) != 23 }' out/seqs/dimer.fa && echo yes)" "the last letter is cut"
said 'the reverse of what' ligandmpnn_score --pdb_path dimer.pdb
said '1 residues lack backbone atoms' ligandmpnn_run --pdb_path broken.pdb
said 'packs nothing' ligandmpnn_run --pdb_path dimer.pdb --pack_side_chains 1 --number_of_packs_per_design 0
report "$([ -z "$(ls out/packed)" ] && echo yes)" "no packings"
said '1 residues lack backbone atoms' ligandmpnn_run --pdb_path broken.pdb --pack_side_chains 1 \
    --number_of_packs_per_design 1 --packed_suffix _p --file_ending _x
report "$(awk '/^ATOM/ { n[substr($0, 23, 4)] } END { exit length(n) != 11 }' out/packed/broken_p_1_1_x.pdb &&
    echo yes)" "all residues but the one without a backbone are packed"
# ---- score.py's own ways with chains
"$fusempnn" ligandmpnn_score --out_folder whole --seed 1 --verbose 0 --pdb_path dimer.pdb >console 2>err
for chains in AB A,B; do
    said '' ligandmpnn_score --pdb_path dimer.pdb --parse_these_chains_only $chains
    report "$(cmp -s whole/dimer.pt out/dimer.pt && echo yes)" "chains $chains are read"
done
many=$(printf 'A,%.0s' $(seq 130))B
said '' ligandmpnn_score --pdb_path dimer.pdb --parse_these_chains_only $many
report "$(cmp -s whole/dimer.pt out/dimer.pt && echo yes)" "a long list is read to its end"
said '' ligandmpnn_run --pdb_path dimer.pdb --parse_these_chains_only $many
report "$(awk 'NR == 2 { exit length($0) != 25 }' out/seqs/dimer.fa && echo yes)" "by run.py too"
said '' ligandmpnn_score --pdb_path dimer.pdb --chains_to_design ""
report "$(cmp -s whole/dimer.pt out/dimer.pt && echo yes)" "no chain to design is all"
said '' ligandmpnn_score --pdb_path dimer.pdb --parse_these_chains_only A
report "$(! cmp -s whole/dimer.pt out/dimer.pt && echo yes)" "chain A alone is less"
# ---- odd ligands: a clear word, and finite numbers
said 'context-element-unknown' ligandmpnn_run --pdb_path odd.pdb --model_type ligand_mpnn
said 'context-empty' ligandmpnn_run --pdb_path hydrogens.pdb --model_type ligand_mpnn
said 'context-clash: .*A900 LIG at A1' ligandmpnn_run --pdb_path clash.pdb --model_type ligand_mpnn
report "$(grep -q 'overall_confidence=0\.' out/seqs/clash.fa && echo yes)" "a finite confidence"
said '' ligandmpnn_run --pdb_path large.pdb --model_type ligand_mpnn
report "$(grep -q 'overall_confidence=0\.' out/seqs/large.fa && echo yes)" "50,000 atoms of context"
# a fixed residue stays inside a list: A1 is not A11
"$fusempnn" ligandmpnn_run --out_folder out --seed 1 --verbose 0 --pdb_path dimer.pdb --fixed_residues A11 >console 2>err
report "$(grep -q 'num_res=23' out/seqs/dimer.fa && echo yes)" "one residue is kept"

echo "$checks checks, $failures failures"
[ "$failures" -eq 0 ]
