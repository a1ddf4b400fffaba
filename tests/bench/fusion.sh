#!/bin/sh
# fusion.sh PROGRAM CHECK_JSON SCHEMAS: `fusempnn bench fusion` by what its users see: sections in order,
# JSON keys, exit codes, a planted mismatch.
set -u
program=$1 check_json=$2 schema=$3/kernel_fusion_benchmark.schema.json
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

bad() {
    echo "FAILED: $*"
    failed=1
}

expect() { # CODE COMMAND...
    wanted=$1
    shift
    "$@" >out 2>err
    code=$?
    [ "$code" -eq "$wanted" ] || bad "exit $code, expected $wanted: $* ($(cat err))"
}

small="--length 20 --hidden 16 --neighbors 5 --runs 11 --threads 2"

expect 0 "$program" bench fusion $small
grep -v '^[-=]*$' out | grep -E '^(KERNEL FUSION .*|[123]\. .*|RESULTS|NUMERICAL VERIFICATION|ANALYSIS|Results saved .*)$' >titles
cat >wanted <<'END'
KERNEL FUSION - FUSEMPNN IMPLEMENTATION
1. CHECKING DEPENDENCIES
2. IMPLEMENTING FUSED MESSAGE PASSING
3. BENCHMARKING
RESULTS
NUMERICAL VERIFICATION
Results saved to: output/kernel_fusion_benchmark.json
ANALYSIS
KERNEL FUSION FUSEMPNN IMPLEMENTATION COMPLETE
END
cmp -s titles wanted || bad "the sections are: $(cat titles)"
for line in '  Batch size: 1' '  Sequence length: 20' '  Hidden dimension: 16' \
    '  k-neighbors: 5' '  Runs: 11'; do
    grep -qx "$line" out || bad "no line '$line'"
done
grep -q 'Outputs match\.' out || bad 'no verdict on the outputs'
grep -q 'ms (median ' out || bad 'no median'
"$check_json" "$schema" output/kernel_fusion_benchmark.json || bad 'the JSON file'

grep -q '"calm"' output/kernel_fusion_benchmark.json && bad 'calm processors without asking'

# On processors that nobody disturbs, if there are any within a moment.
expect 0 env FMPNN_BENCH_CALM=0.05 "$program" bench fusion $small -o calm.json
grep -q '"calm":{"blocks":10,"disturbed":[0-9]*,"discarded":[0-9]*,"moves":[1-9]' calm.json ||
    bad "no account of calm processors: $(grep -o '"calm":{[^}]*' calm.json)"
"$check_json" "$schema" calm.json || bad 'the JSON file of calm processors'
grep -q '"num_runs":11' calm.json || bad 'other runs on calm processors'

# The same object on stdout, and nothing else.
expect 0 "$program" bench fusion $small --json -o sub/deep/b.json
cmp -s out sub/deep/b.json || bad '--json and the file differ'
[ "$(wc -l <out)" -eq 1 ] || bad '--json is not one line'

# Equal seeds, equal differences: tensors depend on the seed alone.
expect 0 "$program" bench fusion $small --json --seed 5 -o a.json
expect 0 "$program" bench fusion $small --json --seed 5 -o b.json
expect 0 "$program" bench fusion $small --json --seed 6 -o c.json
digits() { sed 's/.*"mean_diff":\([^,]*\),.*/\1/' "$1"; }
[ "$(digits a.json)" = "$(digits b.json)" ] || bad 'one seed, two results'
[ "$(digits a.json)" != "$(digits c.json)" ] || bad 'two seeds, one result'

# A wrong result is noticed: by the program, and in the JSON.
FMPNN_BENCH_FAULT=1 expect 1 "$program" bench fusion $small -o wrong.json
grep -q 'MISMATCH' out || bad 'the planted mismatch is not shown'
grep -q '"match":false' wrong.json || bad 'the planted mismatch is not in the JSON'

# Every instruction set here does what it says.
for isa in generic $("$program" doctor --json 2>/dev/null | sed 's/.*"isa":\[\([^]]*\)\].*/\1/; s/[",]/ /g'); do
    expect 0 "$program" bench fusion $small --isa "$isa" --json -o isa.json
    grep -q "\"isa\":\"$isa\"" isa.json || bad "asked for $isa, the JSON says another"
done

# What cannot be right.
expect 2 "$program" bench
expect 2 "$program" bench fission
expect 2 "$program" bench fusion --neighbors 200
grep -q 'neighbors' err || bad 'too many neighbors: no word of them'
expect 2 "$program" bench fusion --runs 0
expect 2 "$program" bench fusion --peers tensorflow
expect 2 "$program" bench fusion stray
expect 3 "$program" bench fusion --tensors nowhere.safetensors
case $(uname -m) in x86_64) foreign=neon ;; *) foreign=avx2 ;; esac
expect 5 "$program" bench fusion --isa $foreign
expect 1 "$program" bench fusion $small -o /dev/null/x.json

# Without Python the peers are missing, which is no failure and no zero.
FMPNN_PYTHON=/nowhere/python3 expect 0 "$program" bench fusion $small --peers pytorch,mlx -o p.json
grep -q '"pytorch_eager":{"status":"missing"' p.json || bad 'PyTorch is not reported missing'
grep -q '"mlx":{"status":"missing"' p.json || bad 'MLX is not reported missing'
grep -Eq 'pytorch_unfused_ms|mlx_fused_ms' p.json && bad 'times of peers that did not run'
"$check_json" "$schema" p.json || bad 'the JSON with missing peers'

# Without OpenBLAS the baseline cannot run, and says which package to install.
mkdir lib
echo no library >lib/libopenblas.so.0
cp lib/libopenblas.so.0 lib/libopenblas.so
LD_LIBRARY_PATH=$work/lib expect 1 "$program" bench fusion $small
grep -q libopenblas0-pthread err || bad 'no word of the package to install'
exit $failed
