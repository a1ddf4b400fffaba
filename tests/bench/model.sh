#!/bin/sh
# model.sh PROGRAM CHECK_JSON MAKE_STRUCTURE SCHEMAS: `fusempnn bench model` by what its users see:
# keys and sums of the JSON, counted FLOPs against a formula, exit codes.
set -u
program=$1 check_json=$2 make=$3 schema=$4/model.schema.json
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
if ! "$program" doctor --json | grep -q '"vanilla/v_48_020","installed":true'; then
    echo "skipped: weights vanilla/v_48_020 are not installed (fusempnn weights get)"
    exit 77
fi

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

value() { # KEY FILE
    sed "s/.*\"$1\":\([^,}]*\).*/\1/" "$2"
}

"$make" --length 52 --seed 3 >one.pdb
quick="one.pdb --runs 2 --threads 2 --quiet"
for work_name in unconditional score sample scan; do
    expect 0 "$program" bench model $quick --work $work_name --json -o $work_name.json
    [ ! -s out ] || bad "$work_name: something on stdout beside -o"
    "$check_json" "$schema" $work_name.json || bad "$work_name: the JSON"
    grep -q "\"work\":\"$work_name\"" $work_name.json || bad "$work_name: the JSON says another"
done
expect 0 "$program" bench model $quick --work conditional --json
"$check_json" "$schema" out || bad "conditional: the JSON"
[ "$(wc -l <out)" -eq 1 ] || bad '--json is not one line'
expect 0 "$program" bench model $quick
for word in 'neighbours ' 'features ' 'encoder layer 3 ' 'decoder tables ' 'decode ' 'fraction '; do
    grep -q "$word" out || bad "no line of $word"
done

# On processors that nobody disturbs, if there are any within a moment.
grep -q '"calm"' unconditional.json && bad 'calm processors without asking'
expect 0 env FMPNN_BENCH_CALM=0.05 "$program" bench model $quick --json -o calm.json
grep -q '"runs":[12],"calm":{"runs":[12],"disturbed":[0-2],"discarded":[0-9]*,"moves":[1-9][0-9]*,"processors":\[[0-9]' \
    calm.json || bad "no account of calm processors: $(grep -o '"calm":{[^}]*' calm.json)"
"$check_json" "$schema" calm.json || bad 'the JSON of calm processors'
[ "$(value cores calm.json)" = "$(value cores unconditional.json)" ] || bad 'fewer cores on calm processors'
expect 0 env FMPNN_BENCH_CALM=0.05 "$program" bench model $quick
grep -q '^calm ' out || bad 'no line about calm processors'

# The products that the algebra of docs/math.md leaves: 5 an edge and encoder layer, one an edge
# and decoder layer, three an edge for the decoder's tables; the rest a residue.
awk -v got="$(value product_flops unconditional.json)" 'BEGIN {
    C = 128; L = 52; E = 52 * 48
    edge = 400 * C + C * C + 3 * 5 * C * C + 3 * C * C + 3 * C * C
    node = (3 * 11 + 2 * 2 + 1 + 3) * C * C + (3 * 9 + 2 + 2) * C * C + 21 * C
    wanted = 2 * (E * edge + L * node)
    if (!(got > 0.9999 * wanted && got < 1.0001 * wanted)) {
        print "counted " got " FLOPs in products, the formula gives " wanted
        exit 1 } }' || bad 'counted FLOPs'
more() { awk -v a="$(value "$3" "$1")" -v b="$(value "$3" "$2")" 'BEGIN { exit !(a > b) }'; }
more scan.json unconditional.json flops || bad 'a scan does no more than one pass'
expect 0 "$program" bench model $quick --work sample -n 3 --json -o three.json
more three.json sample.json flops || bad 'three samples take no more than one'
# An encoding is made once for all samples, the decoder runs for each.
awk -v one="$(value product_flops sample.json)" -v three="$(value product_flops three.json)" \
    'BEGIN { exit !(three < 1.6 * one) }' || bad 'every sample encodes anew'

expect 2 "$program" bench model
expect 2 "$program" bench model one.pdb one.pdb
expect 2 "$program" bench model $quick -n 2
grep -q 'order' err || bad 'no reason given'
expect 2 "$program" bench model $quick --work everything
expect 2 "$program" bench model $quick --runs 0
expect 3 "$program" bench model absent.pdb
exit $failed
