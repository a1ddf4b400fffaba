#!/bin/sh
# bench/run_fusion.sh [PROGRAM] [FOLDER]
# Every size of docs/benchmarks.md on every instruction set worth a table, with one and two
# threads, beside PyTorch and MLX where python3 ($FMPNN_PYTHON) has them. A JSON file each into
# FOLDER (bench/results), then the figures. Wants a machine that does nothing else; takes about
# a quarter of an hour with PyTorch.
#   SIZES="1,106,64,12 ..."  ISAS="avx2 avx512"  THREADS="1 2"  PEERS=pytorch  choose less.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/fusempnn}
folder=${2:-$here/results}
sizes=${SIZES:-1,106,64,12 1,106,128,48 1,500,128,48 8,500,128,48}
threads=${THREADS:-1 2}
peers=${PEERS-pytorch,mlx}

usable=$("$program" doctor --json | sed 's/.*"isa":\[\([^]]*\)\].*/\1/; s/[",]/ /g')
if [ -z "${ISAS-}" ]; then
    ISAS=
    for isa in $usable; do
        [ "$isa" = generic ] || ISAS="$ISAS $isa"
    done
    [ -n "$ISAS" ] || ISAS=generic
fi
cores=$(nproc)
load=$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo 0)
case $load in 0.*) ;; *) echo "note: the load is $load; times will be disturbed" >&2 ;; esac
mkdir -p "$folder"

one() { # SIZE THREADS ISA PRECISION
    batch=${1%%,*} rest=${1#*,}
    length=${rest%%,*} rest=${rest#*,}
    hidden=${rest%%,*} neighbors=${rest#*,}
    runs=200
    case $1 in *,128,48) runs=60 ;; esac
    [ "$batch" -eq 1 ] || runs=20
    name=fusion_$(echo "$1" | tr , _)_$3_$4_t$2.json
    echo "== $1, $2 threads, $3 $4" >&2
    code=0
    "$program" bench fusion --batch "$batch" --length "$length" --hidden "$hidden" \
        --neighbors "$neighbors" --threads "$2" --isa "$3" --precision "$4" --runs "$runs" \
        ${peers:+--peers "$peers"} --output "$folder/$name" >"$text" || code=$?
    sed -n '/^RESULTS/,/^ANALYSIS/p' "$text" | grep -v -e '^=*$' -e ANALYSIS >&2 || true
    return $code
}

text=$(mktemp)
trap 'rm -f "$text"' EXIT
failed=0
for size in $sizes; do
    for count in $threads; do
        [ "$count" -le "$cores" ] || continue
        for isa in $ISAS; do
            precisions=fp32
            [ "$isa" = amx ] && precisions="bf16x3 bf16" # its fp32 is that of avx512
            for precision in $precisions; do
                one "$size" "$count" "$isa" "$precision" || failed=1
            done
        done
    done
done
python3 "$here/plot.py" "$folder"/*.json
python3 "$here/plot.py" "$folder"/*.json --table
exit $failed
