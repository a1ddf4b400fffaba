#!/bin/sh
# mutants.sh GOLDEN MUTATE FOLDER CASE [option of GOLDEN]...
# The checker must pass CASE of FOLDER, and refuse every copy with one thing changed: a
# comparison that cannot fail is worse than none.
set -u
golden=$1 mutate=$2 folder=$3 case=$4
shift 4
if [ ! -f "$folder/manifest.json" ]; then
    echo "no reference data in $folder: skipped"
    exit 77
fi
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
file=$case.safetensors
structures=$folder/structures
[ -d "$structures" ] || structures=$folder/../../structures
bad=0

fresh() {
    rm -rf "$copy/data"
    mkdir -p "$copy/data/structures"
    cp "$folder/manifest.json" "$folder/$file" "$copy/data/"
    cp "$structures"/* "$copy/data/structures/"
    chmod -R u+w "$copy/data"
}

# refused WHAT THROUGH: the checker must exit 1 and say FAIL.
refused() {
    "$golden" "$copy/data" --case "$case" --through "$2" $options > "$copy/out" 2>&1
    status=$?
    if [ $status -eq 1 ] && grep -q ' FAIL' "$copy/out"; then
        echo "ok: refused $1 ($2)"
    else
        echo "NOT REFUSED: $1 ($2), exit $status"
        cut -c1-200 "$copy/out"
        bad=1
    fi
}

# mutant THROUGH TENSOR INDEX VALUE
mutant() {
    fresh
    if "$mutate" "$copy/data/$file" "$2" "$3" "$4" > /dev/null; then
        refused "$2[$3]: $4" "$1"
    else
        bad=1
    fi
}

options=$*
fresh
"$golden" "$copy/data" --case "$case" $options > "$copy/out" 2>&1 || {
    echo "the unchanged case fails:"
    cut -c1-200 "$copy/out"
    grep '^    ' "$copy/out"
    exit 1
}
for path in engine reference; do
    mutant $path log_probs 30 +0.001
    mutant $path log_probs 0 nan
    mutant $path logits 25 +0.001
    mutant $path unconditional_log_probs 7 +0.001
    mutant $path cond_log_probs 22 +0.001
    mutant $path residue_score 3 +0.001
    mutant $path score 0 +0.0001
    mutant $path sample_T0.1_S 4 20
    mutant $path sample_T1_probs 45 +0.01
    mutant $path sample_argmax_logits 60 +0.001
    mutant $path E_idx 5 0
    mutant $path E_idx 7 100000
    mutant $path E_idx 47 +1
    mutant $path D_neighbors 3 +0.001
    mutant $path h_V_enc3 17 +0.001
    mutant $path h_E_3 100 +0.001
done
# Stored inputs are not believed either.
mutant engine X 4 +0.001
mutant engine S 2 20
mutant engine mask 1 0
mutant engine residue_idx 3 900
mutant engine decoding_order 0 9
mutant engine design_mask 1 0.5
mutant engine bias_AA 2 +0.5
mutant engine omit_AA 3 1
# Only the reference sees the steps on the way, and only in float64 the last digits.
mutant reference edge_raw 40 +0.01
mutant reference f64.h_V_enc1 11 +0.00000001
mutant reference f64.log_probs 11 +0.00000001

fresh
echo >> "$copy/data/structures/$(sed -n 's/.*"structure": *"\([^"]*\)".*/\1/p' "$folder/manifest.json" | head -1)"
refused "a structure with a byte more" engine
fresh
sed 's/"L": /"L": 1/' "$folder/manifest.json" > "$copy/data/manifest.json"
refused "another length in the manifest" engine
fresh
rm "$copy/data/$file"
refused "a missing file" engine
fresh
if "$golden" "$copy/data" --case no-such-case $options > /dev/null 2>&1; then
    echo "NOT REFUSED: no case matched"
    bad=1
fi
if "$golden" "$copy/data" --case "$case" --through engine --isa z80 $options > /dev/null 2>&1; then
    echo "NOT REFUSED: an instruction set that does not exist"
    bad=1
fi
exit $bad
