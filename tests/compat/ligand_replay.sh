#!/bin/sh
# Replays the recorded command lines of the published LigandMPNN programs through the drop-in
# fronts and compares the trees: ligand_replay.sh FUSEMPNN COMPARE_PT [NAME...]. Sequences and
# structures must be the same to the byte (but for the first line of a structure, which describes
# how atoms were selected), statistics within the limits of compare_pt. Packed side chains
# may differ by one in the last digit of a coordinate or B-factor. Recorded results are looked for in $FMPNN_SHARED/golden/ligandmpnn/cli.
# Exit code 1: something differs; 77: nothing to compare.
set -u
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
fusempnn=$(absolute "$1")
compare=$(absolute "$2")
shift 2
shared=${FMPNN_SHARED:-../shared}
golden=$shared/golden/ligandmpnn/cli
if [ ! -d "$golden" ]; then
    echo "skipped: no recorded results at $golden"
    exit 77
fi
for weights in vanilla/v_48_020 ligand/v_32_010_25 packer/v_32_002_16; do
    if ! "$fusempnn" doctor --json | grep -q "\"$weights\",\"installed\":true"; then
        echo "skipped: weights $weights are not installed (fusempnn weights get)"
        exit 77
    fi
done
golden=$(cd "$golden" && pwd)
structures=$(cd "$shared/structures" && pwd)
unset FMPNN_DEVICE FMPNN_ISA FMPNN_PRECISION
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
count=0
names=" $* "
fail() {
    echo "FAIL  $*"
    failures=$((failures + 1))
}

# packed A B: the same atoms in the same columns, numbers within a unit of the last digit
packed() {
    paste -d '\n' "$1" "$2" | awk '
        function far(a, b, most) { return (a > b ? a - b : b - a) > most }
        NR % 2 { before = $0; next }
        {
            off = far(substr(before, 31, 8), substr($0, 31, 8), 0.0011) ||
                far(substr(before, 39, 8), substr($0, 39, 8), 0.0011) ||
                far(substr(before, 47, 8), substr($0, 47, 8), 0.0011) ||
                far(substr(before, 61, 6), substr($0, 61, 6), 0.011)
            a = substr(before, 1, 30) substr(before, 55, 6) substr(before, 67)
            b = substr($0, 1, 30) substr($0, 55, 6) substr($0, 67)
            if (off || a != b || length(before) != length($0)) {
                print before; print $0; exit 1
            }
            digits += before != $0
        }
        END { if (digits * 50 > NR) { print digits, "lines of", NR / 2, "differ"; exit 1 } }'
}

# run NAME FRONT STRUCTURE OPTIONS...: one recorded folder
run() {
    name=$1 front=$2 structure=$3
    shift 3
    [ "$names" = "  " ] || case "$names" in *" $name "*) ;; *) return ;; esac
    count=$((count + 1))
    before=$failures
    "$fusempnn" "$front" --pdb_path "$structures/$structure" --out_folder "$name" --seed 7 \
        --verbose 0 "$@" >stdout 2>err || fail "$name: $(cat err)"
    [ "$front" = ligandmpnn_score ] || # which run.py says whatever --verbose is
        echo "CUDA not available... using CPU" >said
    [ "$front" = ligandmpnn_run ] || : >said
    cmp -s said stdout || fail "$name: prints $(cat stdout) although --verbose 0"
    (cd "$golden/$name" && find . -type f ! -name stats.safetensors) |
        sort >expected
    (cd "$name" && find . -type f) | sort >actual
    cmp -s expected actual || fail "$name: other files: $(diff expected actual)"
    while read -r file; do
        case $file in
        # One comparison and out: what it reads lives as long as it does.
        *.pt) ASAN_OPTIONS=detect_leaks=0 "$compare" "$golden/$name/$file" "$name/$file" >report || fail "$name/$file: $(cat report)" ;;
        ./packed/*)
            packed "$golden/$name/$file" "$name/$file" >report || fail "$name/$file: $(cat report)"
            ;;
        *.pdb)
            tail -n +2 "$golden/$name/$file" >a
            tail -n +2 "$name/$file" >b
            cmp -s a b || fail "$name/$file: $(diff a b | head -4)"
            ;;
        *) cmp -s "$golden/$name/$file" "$name/$file" || fail "$name/$file differs" ;;
        esac
    done <expected
    [ "$failures" -gt "$before" ] || echo "ok    $name: $(wc -l <expected) files; $(cat report)"
}

run ligand_fixed ligandmpnn_run 1BC8.pdb --model_type ligand_mpnn --batch_size 2 \
    --number_of_batches 1 --save_stats 1 --file_ending _x --ligand_mpnn_cutoff_for_score 6.0 \
    --fixed_residues "C1 C2 C3 C4 C5"
run two_chains ligandmpnn_run 4GYT.pdb --model_type ligand_mpnn --chains_to_design B \
    --save_stats 1 --temperature 0.000001 --zero_indexed 1
run no_context ligandmpnn_run 6MRR.pdb --model_type ligand_mpnn --save_stats 1 \
    --pack_side_chains 1 --number_of_packs_per_design 1
run packed ligandmpnn_run 1BC8.pdb --model_type protein_mpnn --save_stats 1 \
    --pack_side_chains 1 --number_of_packs_per_design 2 --force_hetatm 1 \
    --redesigned_residues "C10 C11 C12 C13 C14"
run score_autoregressive ligandmpnn_score 1BC8.pdb --model_type ligand_mpnn \
    --autoregressive_score 1 --number_of_batches 2
run score_single ligandmpnn_score 1BC8.pdb --model_type protein_mpnn --use_sequence 0 \
    --number_of_batches 1

echo "$count recorded command lines, $failures failures"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
